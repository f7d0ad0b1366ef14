"""Dialogues about stories of the world, made by rule: questions with answers, second turns, and small talk (04c).

The world's records bring questions with their answers. Three things are added here. Some questions are asked about the
wrong person or thing, so that "no" is an answer. Some are not answered by the story at all. And some are followed by
a second turn that is understood only from the first: "And Jiu?", "Where?", "Who, then?", "What did she buy?"
"""

from collections import defaultdict
from dataclasses import replace
from random import Random
from typing import NamedTuple

from lmcourse import world
from lmcourse._small_talk import HELD_OUT, SMALL_TALK
from lmcourse.world.korean import particle
from lmcourse.world.lexicon import Person
from lmcourse.world.questions import ask

KINDS = ("who", "what", "where", "how many", "yes or no", "weather", "how", "not told", "small talk")
NOT_TOLD = 0.12  # so many questions have no answer in the story
CHANGE = 0.4  # so many first questions come after a turn about something else
SILENCE = "그건 이야기에 없어요.", "The story does not say."
PRONOUNS = {("m", False): ("그 사람", "he"), ("f", False): ("그 사람", "she"), ("p", False): ("그 사람들", "they")}
PRONOUNS |= {("m", True): ("그분", "he"), ("f", True): ("그분", "she")}


class Example(NamedTuple):
    """Something to answer.

    Args:
        story: the sentences read so far, a tuple; ``()`` where there is none.
        turns: what was said before, a tuple of pairs (question, answer), the last one last.
        question: what is asked now.
        answer: the right answer.
        kind: of the question, one of ``KINDS``.
        turn: "first", or what kind of second turn it is: "and", "who", "where" and "pronoun" need the turn before,
            "new" is a question about something else.
        language: "ko" or "en".
    """

    story: tuple
    turns: tuple
    question: str
    answer: str
    kind: str
    turn: str
    language: str


def kind_of(question):
    """The kind of a question of the world (in English), one of ``KINDS``."""
    for start, kind in (
        ("What is the weather", "weather"), ("What was the weather", "weather"), ("What will the weather", "weather"),
        ("How many", "how many"), ("How", "how"), ("Who", "who"), ("Where", "where"), ("What", "what"),
    ):  # fmt: skip
        if question.startswith(start):
            return kind
    return "yes or no"


def examples(records, seed=0, lengths=(1, 1, 1, 2, 2, 3), per_story=6, only=None):
    """Questions about pieces of stories, first and second turns, in both languages.

    Args:
        records: of whole stories, as :func:`lmcourse.world.generate` gives them.
        seed: of all choices.
        lengths: how many sentences are read; each example draws one of these.
        per_story: how many pieces of each story are asked about; each gives one Korean and one English example, and
            often a second turn.
        only: a function from a record to whether questions about it may be asked; ``None`` takes all.

    Returns:
        A list of :class:`Example`.
    """
    stories = defaultdict(list)
    for record in records:
        stories[record.story].append(record)
    people = sorted({r.plan.subject[0] for r in records if len(r.plan.subject) == 1})
    nouns = defaultdict(set)
    for r in records:
        if r.plan.kind == "event" and r.plan.noun:
            nouns[r.plan.frame.en].add(r.plan.noun)
    nouns = {verb: sorted(found) for verb, found in nouns.items()}
    found = []
    for number, story in sorted(stories.items()):
        random = Random(f"chatbot {seed} {number}")
        for _ in range(per_story):
            window = _window(story, random.choice(lengths), random)
            if window is None:
                continue
            asked = [r for r in _understood(window) if only is None or only(r)]
            facts = {q.ko: q for r in window for q in r.questions}
            double = {q.ko for r in window for q in r.questions if facts[q.ko] != q}
            options = [r for r in asked if any(q.ko not in double for q in r.questions)]
            if not options:
                continue
            record = random.choice(options)
            if random.random() < NOT_TOLD:
                first = _not_told(record, random.choice(records), facts, people, random)
                if first:
                    nothing = random.random() < 0.2  # no story has been read at all
                    for language in ("ko", "en"):
                        read = () if nothing else tuple(getattr(r, language) for r in window)
                        found.append(Example(read, (), *_said(first, language), "not told", "first", language))
                continue
            first, follow_ups = _dialogue(record, window, facts, double, people, nouns, random)
            change = random.choice(sorted(set(facts.values()) - {facts.get(first.ko)}) or [None])
            chat = random.randrange(1_000_000) if random.random() < 0.3 else None
            changes = random.random() < CHANGE
            for language in ("ko", "en"):
                read = tuple(getattr(r, language) for r in window)
                said = _said(first, language)
                before = ()
                if changes and (chat is not None or change):
                    before = (_said(change, language) if chat is None else _chat(language, chat),)
                found.append(Example(read, before, *said, kind_of(first.en), "new" if before else "first", language))
                if follow_ups:
                    turn, kind, second = random.choice(follow_ups)
                    found.append(Example(read, (said,), *_said(second, language), kind, turn, language))
    return found


def _said(question, language):
    return getattr(question, language), getattr(question, f"answer_{language}")


def _chat(language, number):
    """A turn of small talk."""
    reply, wordings = list(SMALL_TALK[language].values())[number % len(SMALL_TALK[language])]
    return wordings[number % (len(wordings) - HELD_OUT)], reply


def _window(story, length, random):
    """Sentences in a row that begin with one that needs none before it."""
    starts = [
        n
        for n, r in enumerate(story[: len(story) - length + 1])
        if not r.plan.same and r.plan.thing != "pronoun" and r.plan.kind != "new day" and r.questions
    ]
    if not starts:
        return None
    start = random.choice(starts)
    return story[start : start + length]


def _understood(window):
    """The sentences whose pronouns and dropped subjects speak of somebody or something in the window."""
    people, things = (), set()
    for record in window:
        plan = record.plan
        if (not plan.same or plan.subject == people) and (plan.thing != "pronoun" or plan.noun in things):
            yield record
        if plan.subject and not plan.same:
            people = plan.subject
        if plan.noun and plan.thing != "pronoun":
            things.add(plan.noun)


def _dialogue(record, window, facts, double, people, nouns, random):
    """A first question about a record, and the second turns (turn, kind, question) that may follow it."""
    plan = record.plan
    questions = [q for q in record.questions if q.ko not in double]
    first = random.choice(questions)
    yes_no = kind_of(first.en) == "yes or no"
    others = [r.plan.subject[0] for r in window if len(r.plan.subject) == 1 and r.plan.subject != plan.subject]
    other = random.choice(others) if others and random.random() < 0.5 else random.choice(people)
    can_differ = plan.kind == "event" and len(plan.subject) == 1 and (other,) != plan.subject and not plan.negative
    follow_ups = []
    if yes_no and plan.kind == "event":
        wrong = None
        if can_differ and random.random() < 0.3:
            wrong = next(iter(ask(replace(plan, subject=(other,), same=False))))
            right = plan.subject[0]
        elif plan.noun and plan.thing == "new" and not plan.clause and random.random() < 0.1:
            noun = random.choice(nouns[plan.frame.en])
            wrong = next(iter(ask(replace(plan, noun=noun, attribute=None))))
            right = None
        if wrong and wrong.ko not in facts:
            first = wrong._replace(answer_ko="아니요", answer_en="No")
            if right:
                third = random.choice(people)
                if third in (other, right) or random.random() < 0.7:
                    follow_ups.append(("and", "yes or no", _and(right, "네", "Yes")))
                else:
                    follow_ups.append(("and", "yes or no", _and(third, "아니요", "No")))
                who = next((q for q in questions if q.en.startswith("Who") and q.ko.startswith("누가")), None)
                if who:
                    then = who._replace(ko="그럼 누가요?", en="Who, then?")
                    follow_ups.append(("who", "who", then))
        elif first.answer_en == "Yes" and can_differ and random.random() < 0.4:
            follow_ups.append(("and", "yes or no", _and(other, "아니요", "No")))
    place = next((q for q in questions if kind_of(q.en) == "where"), None)
    if place and kind_of(first.en) in ("who", "what", "yes or no") and first.answer_en != "No":
        where = next(word for word in place.ko.split() if word.startswith("어디"))
        follow_ups.append(("where", "where", place._replace(ko=f"{where}요?", en="Where?")))
    if first.ko.startswith("누가") and len(plan.subject) == 1 and plan.kind == "event":
        follow_ups += _about_pronoun(record, window, double)
    return first, follow_ups


def _not_told(record, elsewhere, facts, people, random):
    """A question that the story does not answer: about somebody who did not do it, or about another story."""
    if record.plan.kind == "event" and len(record.plan.subject) == 1 and random.random() < 0.5:
        options = ask(replace(record.plan, subject=(random.choice(people),), same=False))
        options = [q for q in options if not q.ko.startswith("누가")]
    else:
        options = elsewhere.questions
    options = [q for q in options if kind_of(q.en) != "yes or no" and q.ko not in facts]
    return random.choice(options)._replace(answer_ko=SILENCE[0], answer_en=SILENCE[1]) if options else None


def _and(person, answer_ko, answer_en):
    name = person.ko.replace("+", "")
    topic = particle("topic", name)[0]
    return world.Question(f"그럼 {name}{topic}요?", f"And {person.en}?", answer_ko, answer_en)


def _about_pronoun(record, window, double):
    """Questions about what else the same person did or felt: "And where did he go?" """
    person = record.plan.subject[0]
    ko, en = PRONOUNS[person.gender, person.honorific]
    stand_in = Person(ko, en, person.gender, person.honorific, True)
    others = [r for r in _understood(window) if r is not record and r.plan.subject == (person,)]
    if len(others) != 1:
        return
    (other,) = others
    if other.plan.kind not in ("event", "list", "feeling"):
        return
    asked = ask(replace(other.plan, subject=(stand_in,), same=False))
    for question in asked:
        kind = kind_of(question.en)
        if kind in ("what", "where", "how") and question.ko not in double:
            yield "pronoun", kind, question


def small_talk(held_out=False, before=(((), ()),)):
    """Small talk, each wording after a story and the turns about it.

    Args:
        held_out: the wordings that are kept from training, rather than those for training.
        before: pairs (story, turns), taken in turn.
    """
    found = []
    for language, kinds in SMALL_TALK.items():
        for reply, wordings in kinds.values():
            for wording in wordings[-HELD_OUT:] if held_out else wordings[:-HELD_OUT]:
                story, turns = before[len(found) % len(before)]
                found.append(Example(story, turns, wording, reply, "small talk", "new" if turns else "first", language))
    return found
