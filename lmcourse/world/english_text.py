"""A plan of the world said in English."""

from . import lexicon
from .choice import Choice, Dice, yes
from .english import article, past, plural, progressive, third_person
from .lexicon import Noun, Person
from .plan import Plan

REFER = Choice({"pronoun": 0.75, "noun": 0.25})
TIME_FIRST, DAY_FIRST, NAME_DAY, GIVE_TO, OXFORD, IT, PLACE_FIRST = (
    yes(0.3), yes(0.5), yes(0.5), yes(0.4), yes(0.5), yes(0.4), yes(0.25)
)  # fmt: skip
RELATIVE_THING, RELATIVE_PERSON = Choice({"that": 0.6, "": 0.4}), Choice({"that": 0.4, "who": 0.35, "": 0.25})
DAYS = tuple(entry.split("=")[1] for entry in lexicon.DAYS.split())
WEATHER = {
    "sunny": ("be", "sunny"),
    "cloudy": ("be", "cloudy"),
    "wind": ("be", "windy"),
    "rain": ("rain",),
    "snow": ("snow",),
}
PRONOUNS = {"m": ("he", "his"), "f": ("she", "her"), "p": ("they", "their")}


class Sentence:
    """A sentence being put together: tokens, and the part of the plan each one says."""

    def __init__(self, dice: Dice):
        self.dice, self.tokens, self.keys, self.p = dice, [], [], 1.0

    def choose(self, choice: Choice):
        """A choice of style: it is part of this language's text, and of its probability."""
        item = self.dice.pick(choice)
        self.p *= choice.p[item]
        return item

    def put(self, words: str, key: str = "") -> "Sentence":
        """Append words with one key."""
        for word in words.split():
            self.tokens.append(word)
            self.keys.append(key)
        return self

    @property
    def text(self) -> str:
        """The sentence as it is written."""
        return join(self.tokens)


def join(tokens) -> str:
    """Words with spaces between them, none before a comma or the full stop."""
    return " ".join(tokens).replace(" ,", ",").replace(" .", ".")


def say(plan: Plan, dice: Dice, number: bool | None = None) -> Sentence:
    """Put a plan into English; ``sentence.p`` is the probability of the wording.

    ``number`` (True for plural) overrides the agreement of the verb: it makes the minimal pairs of
    :attr:`lmcourse.world.Record.foils`.
    """
    s = Sentence(dice)
    {"opening": _day, "new day": _day, "judge": _judge, "exist": _exist}.get(plan.kind, _event)(
        s, plan, plan.plural if number is None else number
    )
    s.put(".", ".")
    s.tokens[0] = s.tokens[0][0].upper() + s.tokens[0][1:]
    return s


def be(tense: str, many: bool) -> str:
    """The form of *be*, without the *be* of "will be"."""
    return {"past": "were" if many else "was", "present": "are" if many else "is", "future": "will"}[tense]


def say_weather(s: Sentence, weather: str, tense: str) -> None:
    verb, *adjective = WEATHER[weather]
    s.put("it", "")
    if adjective:
        s.put(be(tense, False), "will" if tense == "future" else "")
        if tense == "future":
            s.put("be")
        s.put(adjective[0], "weather")
    elif tense == "past":
        s.put(past(verb), "weather")
    elif tense == "present":
        s.put("is").put(progressive(verb), "weather")
    else:
        s.put("will", "will").put(verb, "weather")


def _day(s: Sentence, plan: Plan, many: bool) -> None:
    if plan.kind == "opening" and plan.tense == "present":
        s.put("today", "today").put("is").put(DAYS[plan.day], "day").put(", and", "and")
        s.tokens[-2:], s.keys[-2:] = [",", "and"], ["", "and"]
        say_weather(s, plan.weather, "present")
        return
    named = plan.kind == "opening" or s.choose(NAME_DAY)
    first = s.choose(DAY_FIRST)
    for part in ("day", "weather") if first else ("weather", "day"):
        if part == "weather":
            say_weather(s, plan.weather, plan.tense)
        elif named:
            s.put("on", "day.p").put(DAYS[plan.day], "day")
        else:
            s.put("the").put("next", "next").put("day", "day")


def _person(s: Sentence, person: Person, key: str) -> None:
    _name(s, person.en, key)


def _name(s: Sentence, name: str, key: str) -> None:
    words = name.split()
    if words[0] == "the":
        s.put("the")
        words = words[1:]
    s.put(" ".join(words), key)


def _subject(s: Sentence, plan: Plan) -> None:
    if plan.animal:
        s.put("the").put(plural(plan.animal.en) if plan.many else plan.animal.en, "subject")
    elif plan.same and s.choose(REFER) == "pronoun":
        s.put(pronoun(plan)[0], "subject")
    else:
        _person(s, plan.subject[0], "subject")
        if len(plan.subject) == 2:
            s.put("and", "subject.and")
            _person(s, plan.subject[1], "subject2")


def pronoun(plan: Plan) -> tuple[str, str]:
    return PRONOUNS[plan.gender]


def say_verb(s: Sentence, plan: Plan, many: bool) -> None:
    """The verb group: read, is reading, will read, did not read, does not like."""
    verb, tense = plan.frame.en, plan.tense
    negative = plan.negative
    if tense == "future":
        s.put("will", "will")
        if negative:
            s.put("not", "not")
        s.put(verb, "verb")
    elif tense == "present" and "s" not in plan.frame.flags:
        s.put(be(tense, many))
        if negative:
            s.put("not", "not")
        s.put(progressive(verb), "verb")
    elif negative:
        s.put("did" if tense == "past" else "do" if many else "does").put("not", "not").put(verb, "verb")
    else:
        s.put(past(verb) if tense == "past" else verb if many else third_person(verb), "verb")


def _clause(s: Sentence, plan: Plan, style: Choice) -> None:
    """A relative clause follows its noun: the bread (that) Grandmother made."""
    verb, agent, place = plan.clause
    s.put(s.choose(style))
    _person(s, agent, "agent")
    s.put(past(verb.en), "clause.verb")
    if place:
        say_place(s, place, "clause.place")


def say_place(s: Sentence, place, key: str) -> None:
    s.put(place.preposition, key + ".p")
    words = place.en.split()
    if words[0] == "the":
        s.put("the")
        words = words[1:]
    s.put(" ".join(words), key)


def possessive(person: Person) -> str:
    """Whose: Minsu's, the boss's."""
    return f"{person.en}'s"


def say_noun(s: Sentence, noun: Noun, plan: Plan) -> None:
    """A new object with its determiner: a book, noodles, the piano, his hands, apples (in general), Minsu's words."""
    flags = plan.frame.flags if plan.frame else ""
    adjective = plan.attribute.en if plan.attribute else ""
    head = noun.en
    if plan.speaker:
        _name(s, possessive(plan.speaker), "speaker")
    elif "p" in flags:
        s.put(pronoun(plan)[1])
        if noun.number == "count" and pronoun(plan)[0] == "they":
            head = plural(head)
    elif plan.clause or noun.number == "unique":
        s.put("the")
    elif "g" in flags and noun.number == "count":
        head = plural(head)
    elif noun.number == "count":
        s.put(article(f"{adjective} {head}" if adjective else head))
    s.put(adjective, "attribute").put(head, "object")
    if plan.clause and plan.kind == "event":
        _clause(s, plan, RELATIVE_THING)


def say_object(s: Sentence, plan: Plan) -> None:
    if plan.person:
        s.put(plan.frame.preposition, "object.p")
        _person(s, plan.person, "object")
    elif plan.items:
        say_items(s, plan)
    elif plan.thing == "pronoun":
        s.put("them" if plan.noun.number == "plural" else "it", "object")
    elif plan.thing == "definite":
        s.put("the", "the").put(plan.noun.en, "object")
    elif plan.noun:
        say_noun(s, plan.noun, plan)


def say_items(s: Sentence, plan: Plan) -> None:
    n = len(plan.items)
    oxford = n > 2 and s.choose(OXFORD)
    for i, item in enumerate(plan.items):
        s.put(plural(item.en) if item.number == "count" else item.en, f"item{i}")
        if i < n - 2 or (i == n - 2 and oxford):
            s.put(",", f"item{i}.and")
        if i == n - 2:
            s.put("and", f"item{i}.and")


def _event(s: Sentence, plan: Plan, many: bool) -> None:
    front = False
    if plan.because:
        s.put("because", "because")
        say_weather(s, plan.weather, plan.tense)
        s.put(",")
    elif plan.then:
        s.put("then", "then")
    elif plan.time:
        front = s.choose(TIME_FIRST)
        if front:
            _time(s, plan)
            s.put(",")
    _subject(s, plan)
    if plan.kind == "relative":
        _clause(s, plan, RELATIVE_PERSON)
    if plan.predicate:
        say_predicate(s, plan, many)
        return
    say_verb(s, plan, many)
    if plan.recipient:
        if plan.thing == "pronoun" or s.choose(GIVE_TO):
            say_object(s, plan)
            s.put("to", "recipient.p")
            _person(s, plan.recipient, "recipient")
        else:
            _person(s, plan.recipient, "recipient")
            say_object(s, plan)
    else:
        say_object(s, plan)
    goal = plan.frame.objects.startswith("@")
    if plan.place and goal:
        say_place(s, plan.place, "place")
    if plan.adverb:
        s.put(plan.adverb[1], "adverb")
    if plan.place and not goal:
        say_place(s, plan.place, "place")
    if plan.companion:
        s.put("with", "companion.p")
        _person(s, plan.companion, "companion")
    if plan.time and not front:
        _time(s, plan)


def _time(s: Sentence, plan: Plan) -> None:
    preposition, *rest = plan.time[1].split()
    s.put(preposition, "time.p")
    if len(rest) == 2:
        s.put("the")
    s.put(rest[-1], "time")


def say_predicate(s: Sentence, plan: Plan, many: bool) -> None:
    s.put(be(plan.tense, many), "will" if plan.tense == "future" else "")
    if plan.negative:
        s.put("not", "not")
    if plan.tense == "future":
        s.put("be")
    s.put(plan.degree, "degree").put(plan.predicate.en, "predicate")


def _judge(s: Sentence, plan: Plan, many: bool) -> None:
    if s.choose(IT):
        s.put("they" if plan.noun.number == "plural" else "it", "subject")
    else:
        s.put("the", "the").put(plan.noun.en, "subject")
    say_predicate(s, plan, many)


def _exist(s: Sentence, plan: Plan, many: bool) -> None:
    first = s.choose(PLACE_FIRST)
    if first:
        say_place(s, plan.place, "place")
        s.put(",")
    s.put("there", "").put(be(plan.tense, many), "will" if plan.tense == "future" else "exist")
    if plan.tense == "future":
        s.put("be", "exist")
    adjective = plan.attribute.en if plan.attribute else ""
    if plan.many:
        s.put(adjective, "attribute").put(plural(plan.animal.en), "subject")
    else:
        s.put(article(adjective or plan.animal.en)).put(adjective, "attribute").put(plan.animal.en, "subject")
    if not first:
        say_place(s, plan.place, "place")
