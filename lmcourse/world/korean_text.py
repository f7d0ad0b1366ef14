"""A plan of the world said in Korean."""

from functools import cache

from . import lexicon
from .choice import Choice, Dice, yes
from .korean import conjugate, particle
from .lexicon import Person
from .plan import Plan

DAYS = tuple(entry.split("=")[0] for entry in lexicon.DAYS.split())
REGISTERS = Choice({"plain": 0.5, "polite": 0.3, "formal": 0.2})  # 했다, 했어요, 했습니다: one for a whole story
REFER = Choice({"drop": 0.5, "pronoun": 0.15, "noun": 0.35})  # how to speak of the last subject again
REFER_ELDER = Choice({"drop": 0.6, "noun": 0.4})  # 그 is no word for one's grandmother
PARTICLE = Choice({"topic": 0.7, "subject": 0.3})
ELDER_PARTICLE = Choice({"hon-topic": 0.4, "hon-subject": 0.35, "topic": 0.25})
TIME_FIRST, SHORT_NEGATION, LIST_WITH_AND = yes(0.4), yes(0.35), yes(0.5)
DAY_TOPIC, NAME_DAY, SAY_WEATHER, THAT = yes(0.7), yes(0.5), yes(0.7), yes(0.6)
PLACE_TOPIC = yes(0.3)
VERY = Choice({"아주": 0.6, "매우": 0.4})
OF_ELDER = {"말": "말씀"}  # what an elder says
TO_ELDER = {"주": "드리", "빌려주": "빌려드리", "보여주": "보여드리"}
WEATHER = {  # (words before the verb, stem, kind)
    "sunny": ("날씨:NNG/가:JKS", "맑", "adjective"),
    "cloudy": ("날씨:NNG/가:JKS", "흐리", "adjective"),
    "rain": ("비:NNG/가:JKS", "오", "verb"),
    "snow": ("눈:NNG/이:JKS", "오", "verb"),
    "wind": ("바람:NNG/이:JKS", "불", "verb"),
}


class Sentence:
    """A sentence being put together: text, morphemes with their places, and the part of the plan each one says."""

    def __init__(self, dice: Dice, register: str, honorific: bool):
        self.dice, self.register, self.honorific = dice, register, honorific
        self.text, self.morphemes, self.spans, self.keys, self.p = "", [], [], [], 1.0

    def choose(self, choice: Choice):
        """A choice of style: it is part of this language's text, and of its probability."""
        item = self.dice.pick(choice)
        self.p *= choice.p[item]
        return item

    def put(self, text: str, morphemes, keys) -> "Sentence":
        """Append morphemes ``(form, tag, start, end)`` whose text is ``text``; one key for all, or one each."""
        offset = len(self.text)
        self.text += text
        if isinstance(keys, str):
            keys = [keys] * len(morphemes)
        for (form, tag, start, end), key in zip(morphemes, keys, strict=True):
            self.morphemes.append((form, tag))
            self.spans.append((offset + start, offset + end))
            self.keys.append(key)
        return self

    def space(self) -> "Sentence":
        """End the eojeol."""
        if self.text:
            self.text += " "
        return self

    def word(self, text: str, tag: str, key: str) -> "Sentence":
        """One morpheme that stands in the text as it is."""
        return self.put(text, ((text, tag, 0, len(text)),), key)

    def noun(self, entry: str, key: str, name: str | None = None, tag: str = "NNG") -> "Sentence":
        """An eojeol: a noun (``선생+님``) and a particle by its name."""
        self.space()
        head, _, suffix = entry.partition("+")
        self.word(head, tag, key)
        if suffix:
            self.word(suffix, "XSN", key)
        if name:
            form, particle_tag = particle(name, self.text)
            self.word(
                form,
                particle_tag,
                "" if name in ("topic", "subject", "object", "hon-subject") else key + ".p",
            )
        return self

    def person(self, person: Person, key: str, name: str | None = None) -> "Sentence":
        """A person; elders take the honorific particles."""
        return self.noun(person.ko, key, name, "NNP" if person.name and not person.honorific else "NNG")

    def entry(
        self, entry: str, kind: str, tense: str, level: str, honorific=False, negation="", key="verb"
    ) -> "Sentence":
        """A conjugated verb or adjective."""
        text, morphemes = conjugate(entry, kind, tense, level, honorific, negation)
        self.space()
        return self.put(text, morphemes, [_key(m, key) for m in morphemes])


def _key(morpheme, key: str) -> str:
    """What a morpheme of a verb says: the verb itself, its negation, the future, or only grammar."""
    form, tag = morpheme[:2]
    if tag == "VX" or (form, tag) == ("안", "MAG"):
        return "not"
    if tag == "NNB":
        return "will"
    if tag == "EC" and form.endswith("서"):
        return "because"
    if tag in ("VV", "VA", "XSV", "XSA", "NNG", "XR", "MM", "MAG") or tag in ("JKS", "JKO", "JKB"):
        return key
    return ""


def say(plan: Plan, dice: Dice, register: str, honorific: bool | None = None) -> Sentence:
    """Put a plan into Korean; ``sentence.p`` is the probability of the wording.

    ``honorific`` overrides the agreement of the verb with its subject: it makes minimal pairs.
    """
    s = Sentence(dice, register, plan.honorific if honorific is None else honorific)
    {"opening": _day, "new day": _day, "judge": _judge, "exist": _exist, "animal": _event}.get(plan.kind, _event)(
        s, plan
    )
    return s.word(".", "SF", ".")


def say_weather(s: Sentence, weather: str, tense: str, level: str) -> None:
    front, stem, kind = WEATHER[weather]
    entry = (
        stem
        if kind == "adjective" and level not in ("because", "and") and not s.choose(SAY_WEATHER)
        else f"{front} {stem}"
    )
    s.entry(entry, kind, tense, level, key="weather")


def _day(s: Sentence, plan: Plan) -> None:
    day = DAYS[plan.day]
    if plan.kind == "opening" and plan.tense == "present":
        s.noun("오늘", "today", "topic").space()
        s.word(day, "NNG", "day").word("이", "VCP", "").word("고", "EC", "and")
    else:
        if plan.kind == "opening" or s.choose(NAME_DAY):
            s.noun(day, "day", "in")
        else:
            s.space().word("다음", "NNG", "next").noun("날", "day", "in")
        if s.choose(DAY_TOPIC):
            s.word("는", "JX", "")
    say_weather(s, plan.weather, plan.tense, s.register)


def _subject(s: Sentence, plan: Plan) -> None:
    """The subject, or nothing where Korean drops it. The time of day may come before it."""
    time_first = False
    if plan.animal:
        s.noun(plan.animal.ko + "+들" * plan.many, "subject", s.choose(PARTICLE))
        return
    refer = s.choose(REFER_ELDER if plan.honorific else REFER) if plan.same else "noun"
    if refer != "drop":
        time_first = bool(plan.time) and s.choose(TIME_FIRST)
        if time_first:
            s.noun(plan.time[0], "time", "in")
        if refer == "pronoun":
            kind = plan.gender
            s.space().word("그녀" if kind == "f" else "그", "NP", "subject")
            if kind == "p":
                s.word("들", "XSN", "subject")
            form, tag = particle(s.choose(PARTICLE), s.text)
            s.word(form, tag, "")
        elif len(plan.subject) == 2:
            s.person(plan.subject[0], "subject", "and")
            s.keys[-1] = "subject.and"
            s.person(plan.subject[1], "subject2", s.choose(PARTICLE))
        else:
            _with_particle(s, plan.subject[0], "subject")
    if plan.time and not time_first:
        s.noun(plan.time[0], "time", "in")


def _with_particle(s: Sentence, person: Person, key: str) -> None:
    choice = s.choose(ELDER_PARTICLE if person.honorific else PARTICLE)
    if choice == "hon-topic":
        s.person(person, key, "hon-subject").word("는", "JX", "")
    else:
        s.person(person, key, choice)


def _clause(s: Sentence, plan: Plan) -> None:
    """A relative clause stands before its noun: 할머니께서 만드신 (빵)."""
    verb, agent, place = plan.clause
    s.person(agent, "agent", "hon-subject" if agent.honorific else "subject")
    if place:
        s.noun(place.ko, "clause.place", "at")
    s.entry(verb.ko, "verb", "past", "adnominal", agent.honorific, key="clause.verb")


def _attribute(s: Sentence, plan: Plan) -> None:
    if plan.attribute.ko.endswith(":MM"):
        s.space().word(plan.attribute.ko[:-3], "MM", "attribute")
    else:
        s.entry(plan.attribute.ko, "adjective", "present", "adnominal", key="attribute")


@cache
def short_negation(entry: str) -> bool:
    """Whether 안 may stand before the verb: not for noun + 하다, nor for long stems."""
    stem = entry.split(" ")[-1].partition("~")[0]
    return "+" not in entry and len(stem) <= 3


def _event(s: Sentence, plan: Plan) -> None:
    if plan.because:
        say_weather(s, plan.weather, "past", "because")
    if plan.then:
        s.noun("그다음", "then", "in")
    if plan.kind == "relative":
        _clause(s, plan)
    _subject(s, plan)
    if plan.predicate:
        say_predicate(s, plan)
        return
    frame = plan.frame
    goal = frame.objects.startswith("@")
    if plan.place:
        s.noun(plan.place.ko, "place", frame.particle if goal else "at")
    if plan.companion:
        s.person(plan.companion, "companion", "with")
    if plan.recipient:
        s.person(plan.recipient, "recipient", "hon-to" if plan.recipient.honorific else "to")
    if plan.person:
        name = "hon-to" if frame.particle == "to" and plan.person.honorific else frame.particle
        s.person(plan.person, "object", name)
    elif plan.items:
        _items(s, plan)
    elif plan.thing == "pronoun":
        s.noun("그것", "object", "object", "NP")
    elif plan.noun:
        if plan.thing == "definite":
            s.space().word("그", "MM", "the")
        if plan.speaker:
            s.person(plan.speaker, "speaker", "of")
            s.keys[-1] = "speaker"
        if plan.attribute:
            _attribute(s, plan)
        if plan.clause:
            _clause(s, plan)
        s.noun(object_noun(plan), "object", frame.particle)
    if plan.adverb:
        s.space().word(plan.adverb[0], "MAG", "adverb")
    entry = TO_ELDER.get(frame.ko, frame.ko) if plan.recipient and plan.recipient.honorific else frame.ko
    negation = ""
    if plan.negative:
        negation = "short" if short_negation(frame.ko) and s.choose(SHORT_NEGATION) else "long"
    s.entry(entry, "adjective" if frame.key == "ache" else "verb", plan.tense, s.register, s.honorific, negation)


def object_noun(plan: Plan) -> str:
    """The noun of the object: what an elder says is 말씀, what others say is 말."""
    ko = plan.noun.ko
    return OF_ELDER.get(ko, ko) if plan.speaker and plan.speaker.honorific else ko


def _items(s: Sentence, plan: Plan) -> None:
    """사과와 배를 / 사과, 배, 포도를: two are joined by 와, more than five by commas, others by either."""
    n = len(plan.items)
    joined = n == 2 or (n <= 5 and s.choose(LIST_WITH_AND))
    for i, item in enumerate(plan.items):
        key = f"item{i}"
        if i == n - 1:
            s.noun(item.ko, key, "object")
        elif joined:
            s.noun(item.ko, key, "and")
            s.keys[-1] = key + ".and"
        else:
            s.noun(item.ko, key).word(",", "SP", key + ".and")


def say_predicate(s: Sentence, plan: Plan) -> None:
    if plan.degree:
        s.space().word("정말" if plan.degree == "really" else s.choose(VERY), "MAG", "degree")
    s.entry(
        plan.predicate.ko,
        "adjective",
        plan.tense,
        s.register,
        s.honorific,
        "long" if plan.negative else "",
        "predicate",
    )


def _judge(s: Sentence, plan: Plan) -> None:
    if plan.noun.kind == "words" or s.choose(THAT):  # 말은 alone would be talk in general
        s.space().word("그", "MM", "the")
    s.noun(plan.noun.ko, "subject", s.choose(PARTICLE))
    say_predicate(s, plan)


def _exist(s: Sentence, plan: Plan) -> None:
    s.noun(plan.place.ko, "place", "in")
    if s.choose(PLACE_TOPIC):
        s.word("는", "JX", "")
    if plan.attribute:
        _attribute(s, plan)
    s.noun(plan.animal.ko + "+들" * plan.many, "subject", "subject")
    s.entry("있", "verb", plan.tense, s.register, key="exist")
