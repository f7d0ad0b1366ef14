"""The lexicon read in, and the distributions over its words."""

from functools import cached_property

from . import lexicon
from .choice import LANGUAGES, Choice, look, look_noun, remembered, zipf
from .english import plural
from .korean import HONORIFIC
from .lexicon import Adjective, Frame, Noun, Person, Place
from .plan import State

WEATHER = ("sunny", "cloudy", "rain", "snow", "wind")
TRANSITION = (  # row: today, column: tomorrow
    (0.60, 0.20, 0.08, 0.02, 0.10),
    (0.25, 0.35, 0.25, 0.08, 0.07),
    (0.20, 0.30, 0.40, 0.05, 0.05),
    (0.15, 0.35, 0.05, 0.40, 0.05),
    (0.35, 0.25, 0.15, 0.05, 0.20),
)
STORY_LENGTH = 8


def _split(text: str) -> list[list[str]]:
    """Entries ``a=b=c d=e``: a value may hold spaces, a key may not."""
    entries: list[list[str]] = []
    for word in text.split():
        if "=" in word:
            entries.append(word.split("="))
        else:
            entries[-1][-1] += " " + word
    return entries


NUMBERS = {"#": "mass", "+": "plural", "!": "unique"}


class Words:
    """The words of the world with their probabilities; ``words`` may be a smaller lexicon.

    Every probability that is not spelled out comes from Zipf's law within a class of words.
    """

    def __init__(self, words=lexicon, story_length: int = STORY_LENGTH, keep_on: float = 0.6):
        self.story_length = story_length
        self.keep_on = keep_on  # an enumeration goes on with this probability
        self.nouns = {kind: self._nouns(kind, text) for kind, text in words.NOUNS.items()}
        self.places = {name: self._places(text) for name, text in words.PLACES.items()}
        self.adverbs = {letter: tuple(_split(text)[0]) for letter, text in words.ADVERBS.items()}
        self.diets = {animal: letter for letter, text in words.DIETS.items() for animal in text.split()}
        self.times = [tuple(e) for e in _split(words.TIMES)]
        self.names = [Person(k, e, g, False, True) for g, text in words.NAMES.items() for k, e in _split(text)]
        elders = [
            Person(k, e, g, True, not e.startswith("the ")) for g, text in words.ELDERS.items() for k, e in _split(text)
        ]
        roles = [(k, e, g) for g, text in words.ROLES.items() for k, e in _split(text)]
        self.role_people = [Person(k, f"the {e}", g, False, False) for k, e, g in roles]
        self.role_people += [Person(f"{k}+들", f"the {plural(e)}", "p", False, False) for k, e, g in roles]
        self.people = self.names + elders + self.role_people
        self.frames = [self._frame(line) for line in words.FRAMES.strip().splitlines()]
        self.attributes = self._by_kind(words.ATTRIBUTES)
        self.judgements = self._by_kind(words.JUDGEMENTS)
        self.feelings = Choice(zipf([Adjective(e[0], e[1], int(e[2])) for e in _split(words.FEELINGS)]), look)
        self.relative_verbs = self._by_kind(words.RELATIVE_VERBS)
        self.relative_person_verbs = Choice(
            zipf([Adjective(k, e, 0) for k, e in _split(words.RELATIVE_PERSON_VERBS)]), look
        )
        self._check()

    @staticmethod
    def _nouns(kind: str, text: str) -> list[Noun]:
        return [Noun(k, e.rstrip("#+!"), NUMBERS.get(e[-1], "count"), kind) for k, e in _split(text)]

    @staticmethod
    def _places(text: str) -> list[Place]:
        out = []
        for k, e in _split(text):
            preposition, _, en = e.rpartition(":")
            out.append(Place(k.rstrip("^"), en, preposition, k.endswith("^")))
        return out

    def _frame(self, line: str) -> Frame:
        key, ko, en, objects, weight, subjects, places, flags, polarity, particle, preposition, adverbs = (
            part.strip() for part in line.split("|")
        )
        return Frame(
            key,
            ko,
            en,
            objects,
            float(weight),
            subjects,
            places,
            flags,
            int(polarity),
            particle,
            preposition,
            adverbs,
        )

    def _by_kind(self, table: dict[str, str]) -> dict[str, Choice]:
        out = {}
        for kinds, text in table.items():
            choice = Choice(zipf([Adjective(e[0], e[1], int(e[2]) if len(e) > 2 else 0) for e in _split(text)]), look)
            out.update(dict.fromkeys(kinds.split(), choice))
        return out

    def _check(self) -> None:
        """What the probabilities rely on: people and places look different from one another, in both languages."""
        for group in (self.people, *self.pools.values(), *self.places.values()):
            for language in LANGUAGES:
                looks = [look(language, item) for item in group]
                if len(set(looks)) < len(looks):
                    twins = sorted(x for x in looks if looks.count(x) > 1)
                    raise ValueError(f"two entries look the same in {language}: {twins}")

    @cached_property
    def pools(self) -> dict[str, list[Noun]]:
        """What each verb of an enumeration may list."""

        def pool(kinds: str) -> list[Noun]:
            return [n for kind in kinds.split() for n in self.nouns[kind]]

        pools = {"buy": "fruit vegetable grocery", "see": "animal", "draw": "animal", "eat": "fruit dish"}
        return {key: pool(kinds) for key, kinds in pools.items() if any(f.key == key for f in self.frames)}

    @cached_property
    def listing(self) -> Choice:
        """The verb of an enumeration."""
        return Choice({f: {"buy": 4.0}.get(f.key, 1.0) for f in self.frames if f.key in self.pools})

    @remembered
    def listing_of(self, length: int) -> Choice:
        """The verb of an enumeration of so many things: one that has as many to list."""
        return Choice({f: p for f, p in self.listing.p.items() if len(self.pools[f.key]) >= length})

    @remembered
    def someone(self, besides: tuple[Person, ...] = (), no_elder: bool = False) -> Choice:
        """Anybody but the people in ``besides``."""
        people = [p for p in self.people if p not in besides and not (no_elder and p.honorific)]
        weights = {p: (1.5 if p.honorific else 2.0 if p.name else 0.5) for p in people}
        return Choice(weights)

    @remembered
    def speaker(self, besides: tuple[Person, ...] = ()) -> Choice:
        """Whose words are spoken of: a name or an elder, few enough that English has met the possessive of each."""
        p = self.someone(besides).p
        return Choice({person: p[person] for person in p if person.name or person.honorific})

    @cached_property
    def heads(self) -> Choice:
        """Whom a relative clause may tell apart: the student, the students."""
        return Choice(dict.fromkeys(self.role_people, 1.0))

    @remembered
    def place(self, name: str, wet: bool) -> Choice:
        """A place of a set; in rain and snow the open air is rare."""
        weights = zipf(self.places[name])
        return Choice({p: w * (0.1 if wet and p.outdoor else 1.0) for p, w in weights.items()}, look)

    @remembered
    def slot(self, frame: Frame) -> Choice:
        """The object of a frame: a noun."""
        nouns = [n for kind in frame.objects.split() for n in self.nouns[kind]]
        weights: dict = {}
        for kind in frame.objects.split():  # each class of nouns is as likely as its size's square root
            of_kind = zipf(self.nouns[kind])
            total = sum(of_kind.values())
            for n, w in of_kind.items():
                weights[n] = w / total * len(of_kind) ** 0.5
        return Choice({n: weights[n] for n in nouns}, look_noun)

    @remembered
    def slot_without(self, frame: Frame, noun: Noun) -> Choice:
        """The object of a frame, when ``noun`` would be called "it" or "the"."""
        return Choice({n: p for n, p in self.slot(frame).p.items() if n != noun}, look_noun)

    @remembered
    def frame_choice(self, subject: str, weather: str, tense: str) -> Choice:
        """The verb, given who acts ("h" people, otherwise an animal's diet), the weather and the tense."""
        weights = {}
        for f in self.frames:
            w = f.weight if subject in f.subjects else 0.0
            if (
                "P" in f.flags
                and tense != "past"
                or "R" in f.flags
                and weather != "rain"
                or "S" in f.flags
                and weather != "snow"
            ):
                w = 0.0
            if "o" in f.flags:
                w *= {"sunny": 1.5, "cloudy": 1.0, "rain": 0.1, "snow": 0.2, "wind": 0.6}[weather]
            if w:
                weights[f] = w
        return Choice(weights)

    def takes_noun(self, frame: Frame) -> bool:
        """Whether the frame's object is a noun of the lexicon (not a person, a goal, or nothing)."""
        return bool(frame.objects) and frame.objects != "person" and not frame.objects.startswith("@")

    @remembered
    def frames_like(self, language: str, frame: Frame, honorific: bool) -> tuple[Frame, ...]:
        """The frames whose verb reads the same in a language: 쓰다 is to write, to use, to put on a hat."""

        def key(f: Frame):
            if language == "ko":
                stem = HONORIFIC.get(f.ko, f.ko) if honorific else f.ko
                return stem, f.particle, "d" in f.flags, "w" in f.flags
            return (
                f.en,
                f.preposition,
                "p" in f.flags,
                "g" in f.flags,
                "d" in f.flags,
                "s" in f.flags,
                "w" in f.flags,
                f.particle == "subject",
            )

        return tuple(f for f in self.frames if key(f) == key(frame))

    @remembered
    def readings(
        self, language: str, frame: Frame, noun: Noun | None, honorific: bool
    ) -> tuple[tuple[Frame, Noun | None], ...]:
        """All (frame, noun) that read as this one in a language; usually itself alone."""
        out = []
        for f in self.frames_like(language, frame, honorific):
            if self.takes_noun(f) != (noun is not None) or (noun is None and f.objects[:1] != frame.objects[:1]):
                continue
            if noun is None:
                out.append((f, None))
            else:
                seen = look_noun(language, noun)
                out += [(f, n) for n in self.slot(f).items if look_noun(language, n) == seen]
        return tuple(out)

    @remembered
    def adverb(self, letters: str) -> Choice:
        """The adverbs a frame takes."""
        return Choice(dict.fromkeys((self.adverbs[x] for x in letters), 1.0))

    @cached_property
    def time(self) -> Choice:
        """A time of day."""
        return Choice(zipf(self.times))

    def modifier(self, noun: Noun) -> tuple[float, float]:
        """The probabilities that a new noun has an adjective, or a relative clause."""
        return (
            self.P_ATTRIBUTE if noun.kind in self.attributes else 0.0,
            self.P_CLAUSE if noun.kind in self.relative_verbs and noun.number != "unique" else 0.0,
        )

    def kinds(self, state: State) -> Choice:
        """What kind of sentence comes next."""
        return self._kinds(
            state.thing is not None and state.thing.kind in self.judgements,
            state.tense == "past" and state.topic != (),
        )

    @remembered
    def _kinds(self, judge: bool, new_day: bool) -> Choice:
        weights = {
            "event": 0.56,
            "feeling": 0.12,
            "list": 0.08,
            "exist": 0.06,
            "relative": 0.10,
            "animal": 0.08,
        }
        if judge:
            weights["judge"] = 0.22
        if new_day:
            weights["new day"] = 0.07
        return Choice(weights, about="kind")

    @remembered
    def subject_kinds(self, topic: bool, cast: bool, pair: bool) -> Choice:
        """Who acts: the same person, one met before, somebody new, or two people."""
        return Choice({"same": 0.5 * topic, "cast": 0.2 * cast, "new": 0.22 if topic else 1.0, "pair": 0.06 * pair})

    @cached_property
    def weekday(self) -> Choice:
        """The day on which a story begins."""
        return Choice(dict.fromkeys(range(7), 1.0))

    @cached_property
    def first_weather(self) -> Choice:
        """The stationary law of :data:`TRANSITION`, so that every day of every story has it."""
        p = [1 / len(WEATHER)] * len(WEATHER)
        for _ in range(200):
            p = [sum(p[i] * TRANSITION[i][j] for i in range(len(p))) for j in range(len(p))]
        return Choice(dict(zip(WEATHER, p, strict=True)))

    @cached_property
    def next_weather(self) -> dict[str, Choice]:
        """Tomorrow's weather by today's."""
        return {w: Choice(dict(zip(WEATHER, row, strict=True))) for w, row in zip(WEATHER, TRANSITION, strict=True)}

    @remembered
    def one_of(self, people: tuple[Person, ...]) -> Choice:
        """One of the people met before, the last one first."""
        return Choice(zipf(people))

    @remembered
    def another_name(self, person: Person) -> Choice:
        """A second person for "A and B"."""
        return Choice({p: 1.0 for p in self.names if p != person})

    @cached_property
    def animals(self) -> Choice:
        """An animal that is there."""
        return Choice(zipf(self.nouns["animal"]), look_noun)

    @remembered
    def twin(self, head: Person) -> Person:
        """The same role in the other number: the student for the students."""
        i, half = self.role_people.index(head), len(self.role_people) // 2
        return self.role_people[(i + half) % (2 * half)]
