"""Questions about a sentence of the world, with their answers."""

from dataclasses import replace
from typing import NamedTuple

from . import english_text as english
from . import korean_text as korean
from .choice import Dice
from .english import article, plural, progressive
from .korean import particle
from .lexicon import Person
from .plan import Plan


class Question(NamedTuple):
    """A question in both languages, with its answer in both."""

    ko: str
    en: str
    answer_ko: str
    answer_en: str


class _Plainly(Dice):
    """Words everything in the first way there is, except what ``wishes`` asks for."""

    def __init__(self, *wishes):
        self.wishes = wishes

    def pick(self, choice):
        return next((w for w in self.wishes if w in choice.p), choice.items[0])


def _ko(plan: Plan, *wishes) -> str:
    """The plan in polite Korean, without its full stop."""
    return korean.say(plan, _Plainly("topic", "hon-topic", False, *wishes), "polite").text[:-1]


def _person_ko(person: Person) -> str:
    return person.ko.replace("+", "")


def _people_ko(people) -> str:
    names = [_person_ko(p) for p in people]
    return names[0] if len(names) == 1 else f"{names[0]}{particle('and', names[0])[0]} {names[1]}"


def _topic_ko(people) -> str:
    name = _people_ko(people)
    return f"{name}께서는" if people[0].honorific and len(people) == 1 else name + particle("topic", name)[0]


def _people_en(people) -> str:
    return " and ".join(p.en for p in people)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _en_parts(plan: Plan) -> str:
    """What follows the verb in a question: object, recipient and goal."""
    s = english.Sentence(_Plainly(False, "that"))
    english.say_object(s, plan)
    if plan.recipient:
        s.put("to").put(plan.recipient.en)
    if plan.place and plan.frame.objects.startswith("@"):
        english.say_place(s, plan.place, "")
    return s.text


def _en_ask(plan: Plan, subject: str, rest: str, wh: str = "") -> str:
    """Subject and auxiliary change places: (What) did Minsu read (a book)?"""
    many = plan.plural
    verb = plan.frame.en
    if plan.tense == "past":
        first = "did"
    elif plan.tense == "future":
        first = "will"
    elif "s" in plan.frame.flags:
        first = "do" if many else "does"
    else:
        first, verb = english.be("present", many), progressive(verb)
    return _capital(" ".join(x for x in (wh, first, subject, verb, rest) if x)) + "?"


def ask(plan: Plan):
    """All questions that the sentence of a plan answers."""
    if plan.kind in ("opening", "new day"):
        yield from _about_weather(plan)
    elif plan.kind == "judge":
        yield from _about_thing(plan)
    elif plan.kind == "exist":
        yield from _about_place(plan)
    elif plan.kind in ("event", "list"):
        yield from _about_event(plan)
    elif plan.kind in ("feeling", "relative"):
        yield from _about_people(plan)


def _about_weather(plan: Plan):
    day_ko, day_en = korean.DAYS[plan.day], english.DAYS[plan.day]
    k, e = korean.Sentence(_Plainly(True), "polite", False), english.Sentence(_Plainly())
    korean.say_weather(k, plan.weather, plan.tense, "polite")
    english.say_weather(e, plan.weather, plan.tense)
    answers = f"{k.text}.", f"{_capital(e.text)}."
    rain = plan.weather == "rain"
    yes = ("네" if rain else "아니요"), ("Yes" if rain else "No")
    if plan.tense == "present":
        yield Question("오늘은 날씨가 어때요?", "What is the weather like today?", *answers)
        yield Question("오늘은 비가 와요?", "Is it raining today?", *yes)
    elif plan.tense == "future":
        yield Question(f"{day_ko}에는 날씨가 어떨까요?", f"What will the weather be like on {day_en}?", *answers)
        yield Question(f"{day_ko}에는 비가 올까요?", f"Will it rain on {day_en}?", *yes)
    else:
        yield Question(f"{day_ko}에는 날씨가 어땠어요?", f"What was the weather like on {day_en}?", *answers)
        yield Question(f"{day_ko}에는 비가 왔어요?", f"Did it rain on {day_en}?", *yes)


HOW = {
    "past": ("어땠어요", "was", "were"),
    "present": ("어때요", "is", "are"),
    "future": ("어떨까요", "will", "will"),
}


def _predicate(plan: Plan, pronoun: str, many: bool) -> tuple[str, str]:
    k, e = korean.Sentence(_Plainly("아주"), "polite", plan.honorific), english.Sentence(_Plainly())
    korean.say_predicate(k, plan)
    english.say_predicate(e, plan, many)
    return f"{k.text}.", f"{pronoun} {e.text}."


def _about_thing(plan: Plan):
    many = plan.plural
    name = plan.noun.ko
    how, one, more = HOW[plan.tense]
    be = " be" if plan.tense == "future" else ""
    yield Question(
        f"그 {name}{particle('topic', name)[0]} {how}?",
        f"How {more if many else one} the {plan.noun.en}{be}?",
        *_predicate(plan, "They" if many else "It", many),
    )


def _about_people(plan: Plan):
    many = plan.plural
    how, one, more = HOW[plan.tense]
    be = " be" if plan.tense == "future" else ""
    if plan.honorific:
        how = {"past": "어떠셨어요", "present": "어떠세요", "future": "어떠실까요"}[plan.tense]
    yield Question(
        f"{_topic_ko(plan.subject)} {how}?",
        f"How {more if many else one} {_people_en(plan.subject)}{be}?",
        *_predicate(plan, _capital(english.pronoun(plan)[0]), many),
    )
    if plan.kind == "relative":
        verb, agent, _ = plan.clause
        s = korean.Sentence(_Plainly(), "polite", False)
        s.person(plan.subject[0], "", "object").entry(verb.ko, "verb", "past", "polite")
        yield Question(
            f"누가 {s.text}?",
            f"Who {english.past(verb.en)} {plan.subject[0].en}?",
            _person_ko(agent),
            _capital(agent.en),
        )


def _about_place(plan: Plan):
    what = {"past": "있었어요", "present": "있어요", "future": "있을까요"}[plan.tense]
    be = {"past": "was there", "present": "is there", "future": "will there be"}[plan.tense]
    s = english.Sentence(_Plainly())
    english.say_place(s, plan.place, "")
    name = plan.animal.ko + "들" * plan.many
    answer = plural(plan.animal.en) if plan.many else f"{article(plan.animal.en)} {plan.animal.en}"
    yield Question(f"{plan.place.ko}에 무엇이 {what}?", f"What {be} {s.text}?", name, answer)


def _about_event(plan: Plan):
    bare = replace(plan, same=False, then=False, because=False, time=None, companion=None, adverb=None)
    goal = plan.frame.objects.startswith("@")
    if not goal:
        bare = replace(bare, place=None)
    if plan.thing == "pronoun":
        bare = replace(bare, thing="definite")
    who_en, whole = _people_en(plan.subject), _en_parts(bare)
    positive = replace(bare, negative=False)
    answer = ("아니요", "No") if plan.negative else ("네", "Yes")
    yield Question(_ko(positive) + "?", _en_ask(positive, who_en, whole), *answer)
    if plan.negative:
        return
    who, rest = _topic_ko(plan.subject), _ko(replace(bare, subject=plan.subject, same=True), "drop")
    nobody = replace(bare, subject=(Person("누구", "who", "m", False, True),), same=True)
    s = english.Sentence(_Plainly())
    if "p" not in plan.frame.flags:  # "Who washed his hands?" would give him away
        english.say_verb(s, nobody, False)
        yield Question(
            f"누가 {_ko(nobody, 'drop')}?",
            f"Who {s.text} {whole}".rstrip() + "?",
            _people_ko(plan.subject),
            _capital(who_en),
        )
    verb = _ko(
        replace(
            bare,
            person=None,
            noun=None,
            thing="",
            items=(),
            place=None,
            attribute=None,
            clause=None,
            same=True,
        ),
        "drop",
    )
    to = f" to {plan.recipient.en}" if plan.recipient else ""
    if plan.items:
        many = len(plan.items)
        names, last = [n.ko for n in plan.items[:-1]], plan.items[-1].ko
        ko = "".join(n + particle("and", n)[0] + " " for n in names) + last if many == 2 else ", ".join([*names, last])
        e = english.Sentence(_Plainly(False))
        english.say_items(e, plan)
        yield Question(f"{who} 무엇을 {verb}?", _en_ask(plan, who_en, "", "what"), ko, e.text)
        things = "animals" if plan.items[0].kind == "animal" else "things"
        counter = "동물을 몇 가지" if things == "animals" else "몇 가지를"
        yield Question(
            f"{who} {counter} {verb}?",
            _en_ask(plan, who_en, "", f"how many {things}"),
            f"{many}가지",
            str(many),
        )
    elif plan.person:
        name = {"object": "누구를", "to": "누구에게", "with": "누구와"}[plan.frame.particle]
        yield Question(
            f"{who} {name} {verb}?",
            _en_ask(plan, who_en, plan.frame.preposition, "who"),
            _person_ko(plan.person),
            plan.person.en,
        )
    elif plan.noun and plan.frame.particle == "object" and "p" not in plan.frame.flags:
        s = english.Sentence(_Plainly(False))
        english.say_noun(s, plan.noun, replace(bare, clause=None, attribute=None, kind="event"))
        answer_en = f"the {plan.noun.en}" if bare.thing == "definite" else s.text
        answer_ko = korean.object_noun(plan)
        if plan.speaker:
            speaker = _person_ko(plan.speaker)
            answer_ko = f"{speaker}의 {answer_ko}"
            thing = plan.noun.ko + particle("object", plan.noun.ko)[0]
            yield Question(
                f"{who} 누구의 {thing} {verb}?",
                _en_ask(plan, who_en, "", f"whose {plan.noun.en}"),
                speaker,
                _capital(plan.speaker.en),
            )
        yield Question(f"{who} 무엇을 {verb}?", _en_ask(plan, who_en, to.strip(), "what"), answer_ko, answer_en)
    if plan.place:
        where = f"어디{particle(plan.frame.particle, '어디')[0]}" if goal else "어디에서"
        ko = verb if goal else rest
        place = english.Sentence(_Plainly())
        english.say_place(place, plan.place, "")
        yield Question(
            f"{who} {where} {ko}?",
            _en_ask(plan, who_en, "" if goal else whole, "where"),
            plan.place.ko,
            _capital(place.text),
        )
