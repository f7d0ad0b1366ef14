"""What a sentence says before it is put into words, and what the next one depends on."""

from dataclasses import dataclass

from .lexicon import Adjective, Frame, Noun, Person, Place


@dataclass(frozen=True, slots=True)
class State:
    """What the next sentence depends on; all of it can be read off the story so far, in either language."""

    position: int = 0
    tense: str = ""
    day: int = -1
    weather: str = ""
    topic: tuple[Person, ...] = ()  # the people who were the last subject
    cast: tuple[Person, ...] = ()  # the people met so far, the last one first
    thing: Noun | None = None  # the last object one can come back to


@dataclass(frozen=True, slots=True)
class Plan:
    """One sentence before it is put into words. Only the fields of its kind are set."""

    kind: str
    tense: str
    weather: str = ""
    day: int = -1
    subject: tuple[Person, ...] = ()
    same: bool = False  # the subject is that of the sentence before
    animal: Noun | None = None
    many: bool = False  # several animals
    frame: Frame | None = None
    noun: Noun | None = None
    thing: str = ""  # "new", "definite" or "pronoun"
    attribute: Adjective | None = None
    clause: tuple | None = None  # a relative clause: (verb, agent, place)
    person: Person | None = None
    speaker: Person | None = None  # who said what the object is: Minsu's words
    recipient: Person | None = None
    companion: Person | None = None
    place: Place | None = None
    time: tuple | None = None
    adverb: tuple | None = None
    negative: bool = False
    because: bool = False
    then: bool = False
    predicate: Adjective | None = None
    degree: str = ""
    items: tuple[Noun, ...] = ()

    @property
    def honorific(self) -> bool:
        """Whether the verb honours its subject."""
        return len(self.subject) == 1 and self.subject[0].honorific

    @property
    def gender(self) -> str:
        """The gender of the people who are the subject; two of them are "p", several people."""
        return self.subject[0].gender if len(self.subject) == 1 else "p"

    @property
    def plural(self) -> bool:
        """Whether the English verb agrees with several people, animals or things."""
        if self.kind == "judge":
            return self.noun.number == "plural"
        return self.many or (bool(self.subject) and self.gender == "p")
