"""What the world hands out: records, one per sentence, with everything that is known about it."""

from functools import cached_property
from typing import NamedTuple

from . import english_text, korean_text, lexicon
from .choice import Dice
from .plan import Plan
from .questions import Question, ask

__all__ = ["SENSES", "Foil", "Mention", "Question", "Record", "Sense"]

SENSES = {word: tuple(senses) for word, senses in lexicon.SENSES.items()}


class Mention(NamedTuple):
    """An entity in a sentence: its name, and the indices of the morphemes and of the English tokens that speak of it.

    ``ko`` is empty where Korean drops the subject.
    """

    entity: str
    ko: tuple[int, ...]
    en: tuple[int, ...]


class Sense(NamedTuple):
    """A homonym in a sentence, and what it means there.

    ``word`` is the morpheme, such as 배; ``sense`` one of ``SENSES[word]``, such as "boat"; ``ko`` the index of the
    morpheme; ``en`` the indices of the English tokens that say it (none where English leaves it out).
    """

    word: str
    sense: str
    ko: int
    en: tuple[int, ...]


class Foil(NamedTuple):
    """The sentence with one agreement broken, and nothing else: a minimal pair.

    ``distance`` counts the words between the two that agree; ``kind`` is "honorific" (Korean: the verb honours its
    subject with 시) or "number" (English: is or are). ``marked`` says that the right form is the rarer one: the
    honorific, the plural.
    """

    language: str
    kind: str
    right: str
    wrong: str
    distance: int
    marked: bool


class _Replay(Dice):
    """Gives the same choices of style once more."""

    def __init__(self, items):
        self.items = iter(items)

    def pick(self, choice):
        item = next(self.items)
        return item if item in choice.p else choice.items[0]


class _Recorder(Dice):
    """Draws, and remembers what it drew."""

    def __init__(self, random):
        self.random, self.items = random, []

    def pick(self, choice):
        item = super().pick(choice)
        self.items.append(item)
        return item


class Record:
    """One sentence of a story in Korean and English.

    Attributes:
        ko, en: the text in both languages.
        morphemes: pairs (form, Sejong tag) of the Korean text; ``morpheme_spans`` are their places (start, end) in it.
            Morphemes that fuse share a syllable: 했 is 하 and 였.
        en_tokens: the words and punctuation marks of the English text.
        alignment: pairs (index into ``morphemes``, index into ``en_tokens``) that say the same thing.
        sentiment: 1, 0 or -1; negation turns it round.
        story, position: the story's number, and the sentence's place in it.
        weather, tense: of the day, and of the story.
        bits_ko, bits_en: minus log2 of the probability of the text in that language, given the story so far in that
            language. Choices which a language does not show cost it nothing; a text with several readings has the sum
            of their probabilities. None where the law did not draw the sentence (:func:`lmcourse.world.enumerations`).
    """

    __slots__ = (
        "ko", "en", "morphemes", "morpheme_spans", "en_tokens", "story", "position", "bits_ko", "bits_en",
        "plan", "_keys", "_styles", "_register", "__dict__",
    )  # fmt: skip

    def __init__(self, plan: Plan, story: int, position: int, register: str, random):
        styles = _Recorder(random), _Recorder(random)
        k, e = korean_text.say(plan, styles[0], register), english_text.say(plan, styles[1])
        self.ko, self.en = k.text, e.text
        self.morphemes, self.morpheme_spans, self.en_tokens = (
            tuple(k.morphemes),
            tuple(k.spans),
            tuple(e.tokens),
        )
        self.story, self.position, self.plan = story, position, plan
        self._keys, self._styles, self._register = (
            (k.keys, e.keys),
            (styles[0].items, styles[1].items),
            register,
        )
        self.bits_ko, self.bits_en = k.p, e.p  # the probabilities of the wording; generate() completes them

    def __repr__(self) -> str:
        return f"Record({self.ko!r}, {self.en!r})"

    @property
    def weather(self) -> str:
        """The weather of the day, one of :data:`lmcourse.world.WEATHER`."""
        return self.plan.weather

    @property
    def tense(self) -> str:
        """The tense of the story: "past", "present" or "future"."""
        return self.plan.tense

    @cached_property
    def alignment(self) -> tuple[tuple[int, int], ...]:
        """Pairs of indices into ``morphemes`` and ``en_tokens``."""
        ko, en = self._keys
        # 다음 날 may stand for "Tuesday", and 그들 for "Minsu and Seoyeon": then whole stands for whole.
        for part, whole in (("next", "day"), ("subject2", "subject"), ("subject.and", "subject")):
            if (part in ko) != (part in en):
                ko, en = ([whole if key == part else key for key in keys] for keys in (ko, en))
        places: dict[str, list[int]] = {}
        for j, key in enumerate(en):
            if key:
                places.setdefault(key, []).append(j)
        return tuple((i, j) for i, key in enumerate(ko) if key for j in places.get(key, ()))

    @property
    def sentiment(self) -> int:
        """1 good, -1 bad, 0 neither."""
        plan = self.plan
        said = plan.predicate or plan.frame
        polarity = said.polarity if said else 0
        return -polarity if plan.negative else polarity

    @cached_property
    def entities(self) -> tuple[Mention, ...]:
        """Who and what the sentence speaks of; pronouns and dropped subjects are resolved."""
        plan, found = self.plan, []

        def mention(entity, *keys):
            ko, en = (tuple(i for i, k in enumerate(keys_of) if k in keys) for keys_of in self._keys)
            if ko or en:
                found.append(Mention(entity, ko, en))

        if plan.kind == "judge":
            mention(plan.noun.en, "subject")
        elif len(plan.subject) == 2:
            first, second = (p.en for p in plan.subject)
            if "subject2" in self._keys[1] or "subject2" in self._keys[0]:
                mention(f"{first} and {second}", "subject", "subject.and", "subject2")
            else:
                mention(f"{first} and {second}", "subject")
        elif plan.subject:
            mention(plan.subject[0].en, "subject")
        elif plan.animal:
            mention(plan.animal.en, "subject")
        for person, key in (
            (plan.person, "object"),
            (plan.speaker, "speaker"),
            (plan.recipient, "recipient"),
            (plan.companion, "companion"),
        ):
            if person:
                mention(person.en, key)
        if plan.clause:
            mention(plan.clause[1].en, "agent")
        if plan.noun and plan.kind == "event":
            mention(plan.noun.en, "object")
        return tuple(found)

    @cached_property
    def senses(self) -> tuple[Sense, ...]:
        """The homonyms of the Korean sentence (:data:`lmcourse.world.SENSES`), each with its sense here, in order."""
        found = []
        for i, ((form, tag), key) in enumerate(zip(self.morphemes, self._keys[0], strict=True)):
            if form in lexicon.SENSES and tag in ("NNG", "VV", "VA"):
                entry = self._entry(key)
                sense = next(s for s, entries in lexicon.SENSES[form].items() if entry in entries.split("|"))
                found.append(Sense(form, sense, i, tuple(j for k, j in self.alignment if k == i)))
        return tuple(found)

    def _entry(self, key: str) -> str:
        """The English entry of the lexicon that a part of the plan says."""
        plan = self.plan
        if key.startswith("item"):
            return plan.items[int(key[4:])].en
        if key == "weather":
            return plan.weather
        if key == "time":
            return plan.time[1]
        said = {
            "verb": plan.frame, "object": plan.noun, "subject": plan.animal or plan.noun,
            "predicate": plan.predicate, "attribute": plan.attribute,
        }[key]  # fmt: skip
        return said.en

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """Questions that this sentence answers; a pronoun needs the sentences before."""
        return tuple(ask(self.plan))

    @property
    def combination(self) -> tuple[str, str] | None:
        """The verb and its object in English, the pair that :func:`lmcourse.world.splits` holds out."""
        plan = self.plan
        return (plan.frame.en, plan.noun.en) if plan.kind == "event" and plan.noun else None

    @cached_property
    def foils(self) -> tuple[Foil, ...]:
        """Its minimal pairs, with honorific agreement broken in Korean and number agreement in English."""
        plan, out = self.plan, []
        if len(plan.subject) == 1 and "subject" in self._keys[0]:
            wrong = korean_text.say(plan, _Replay(self._styles[0]), self._register, not plan.honorific).text
            if wrong != self.ko:
                out.append(Foil("ko", "honorific", self.ko, wrong, self._distance_ko(), plan.honorific))
        if plan.subject or plan.animal or plan.kind == "judge":
            wrong = english_text.say(plan, _Replay(self._styles[1]), not plan.plural).text
            if wrong != self.en:
                out.append(Foil("en", "number", self.en, wrong, self._distance_en(wrong), plan.plural))
        return tuple(out)

    def _distance_ko(self) -> int:
        """Words between the subject and the verb group."""
        keys = self._keys[0]
        subject = max(i for i, k in enumerate(keys) if k in ("subject", "subject2"))
        verb = min(i for i, k in enumerate(keys) if k in ("verb", "predicate"))
        return self.ko[self.morpheme_spans[subject][1] : self.morpheme_spans[verb][0]].count(" ") - 1

    def _distance_en(self, wrong: str) -> int:
        """Words between the subject and the first word that differs."""
        keys = self._keys[1]
        subject = [i for i, k in enumerate(keys) if k in ("subject", "subject2")]
        words, wrong_words = self.en.replace(",", " ,").split(), wrong.replace(",", " ,").split()
        target = next(i for i, (a, b) in enumerate(zip(words, wrong_words, strict=False)) if a != b)
        return abs(target - (max(subject) if max(subject) < target else min(subject))) - 1
