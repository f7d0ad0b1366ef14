"""The true distribution of a masked word: what a model that sees both sides of the gap should say.

A story has the probability that its sentences have, each given those before it. To mask a word is to ask which other
stories differ from this one there and nowhere else, and how likely each of them is. So the law draws the sentence once
more, in every way that differs from it in little (``_Redraw``), every result is put into words in every way, and
for each text that fits, the later sentences are said once more (``_Story``). They keep their text, but what they
depend on may have changed (``lmcourse.world.plan.State``), and with it their probability: another "she" does not
turn up as often, and after "the boys" nobody is "she" at all.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from . import _law, english_text, korean_text
from .choice import LANGUAGES, Choice, Every, look
from .english import past, plural, progressive, third_person
from .korean import conjugate
from .korean_text import REGISTERS, TO_ELDER
from .law import Law
from .lexicon import Adjective, Frame, Noun, Person, Place
from .plan import Plan, State
from .records import Record

__all__ = ["alternatives", "masked"]

BE = ("was", "were", "is", "are", "be")
SAYS = {  # what a choice says in English (one of these words) and in Korean (one of these strings)
    "negative": (("not",), ("않", "안 ")),
    "because": (("because",), ("서 ",)),
    "then": (("then",), ("그다음",)),
    "exist": (("there",), ("있",)),
    "feeling": (BE, ("",)),
    "relative": (BE, ("",)),
    "judge": (BE, ("",)),
    "very": (("very",), ("아주", "매우")),
    "really": (("really",), ("정말",)),
    "pronoun": (("it", "them"), ("그것",)),
    "definite": (("the",), ("그 ",)),
}


@cache
def _english(item) -> tuple[tuple[str, ...], ...]:
    """The words of an entry of the lexicon in each form it can have."""
    if isinstance(item, Person):
        forms = item.en, item.en + "'s"
    elif isinstance(item, Noun):
        forms = item.en, plural(item.en)
    elif isinstance(item, Frame):
        forms = item.en, past(item.en), progressive(item.en), third_person(item.en)
    elif isinstance(item, Adjective):
        forms = item.en, past(item.en)
    else:
        forms = (f"{item.preposition} {item.en}" if isinstance(item, Place) else item[1],)
    return tuple(tuple(word for word in form.lower().split() if word != "the") for form in forms)


@cache
def _korean(item, tense: str, register: str) -> tuple[str, ...]:
    """An entry of the lexicon in each form it can have; of a conjugated word, every ending."""
    if isinstance(item, Frame):
        kind, entries, adnominal = "adjective" if item.key == "ache" else "verb", {item.ko, TO_ELDER.get(item.ko)}, ()
    elif isinstance(item, Adjective) and not item.ko.endswith(":MM"):
        kind, entries, adnominal = "adjective", {item.ko}, (("adjective", "present"), ("verb", "past"))
    else:
        return (item[0].partition(":")[0].replace("+", ""),)
    forms = {}  # in order
    for entry in sorted(filter(None, entries)):
        for honorific in (False, True):
            for negation in ("", "long"):
                forms[conjugate(entry, kind, tense, register, honorific, negation)[0]] = None
            for other, when in adnominal:
                forms[conjugate(entry, other, when, "adnominal", honorific)[0]] = None
    return tuple(forms)


class _Redraw(Every):
    """All draws of a sentence that differ in little from a given one.

    There is one gap, so a draw may bring in one part that the text lacks, and leave out one part that the sentence had:
    what goes further is not followed up. This only saves time; the texts are compared in the end.
    """

    def __init__(self, law: Law, language: str, record: Record, state: State):
        super().__init__()
        self.law, self.language, self.plan, self.state = law, language, record.plan, state
        self.text, self.register = getattr(record, language).rstrip("."), record._register
        self.words = set(self.text.lower().replace(",", "").split())
        self.costs, self.known = {}, {}

    def plans(self):
        """The plans, each once, with the state that follows."""
        seen = set()
        for drawn, _ in self.runs(self._draw):
            if drawn[0] not in seen:
                seen.add(drawn[0])
                yield drawn

    def _draw(self, dice):
        self.new = self.gone = 1
        self.items = ()
        return self.law.draw(dice, self.state)

    def pick(self, choice: Choice):
        item = super().pick(choice)
        new, gone = self._cost(choice.about, item)
        self.new, self.gone = self.new - new, self.gone - gone
        if choice.about == "item":
            self.items += (item,)
        return item

    def options(self, choice: Choice) -> list:
        if choice.about not in ("item", "more") and (choice, self.new, self.gone) in self.known:
            return self.known[choice, self.new, self.gone]
        costs = ((item, *self._cost(choice.about, item)) for item in choice.items)
        found = [item for item, new, gone in costs if new <= self.new and gone <= self.gone]
        if choice.about not in ("item", "more"):
            self.known[choice, self.new, self.gone] = found
        return found

    def _cost(self, about: str, item) -> tuple[int, int]:
        """How many parts an option brings in that the text lacks, and leaves out that the sentence had."""
        if about == "more":
            surplus = len(self.items) - len(self.plan.items)
            return 2 * bool(self.plan.items and (surplus > 0 if item else surplus < -1)), 0
        if (about, item) not in self.costs:
            self.costs[about, item] = self._lacks(about, item), self._leaves_out(about, item)
        new, gone = self.costs[about, item]
        if about == "item" and self.plan.items:
            new = max(new, self._lacks_items((*self.items, item)) - self._lacks_items(self.items))
        return new, gone

    def _leaves_out(self, about: str, item) -> int:
        """How many parts of the sentence an option cannot say, at the least."""
        plan = self.plan
        if about == "modifier":
            return bool(plan.attribute and item != "attribute") + bool(plan.clause and item != "clause")
        if about != "kind":
            return int(item is False and bool(getattr(plan, about, False)))
        if (item == "new day") != (plan.kind == "new day"):
            return 2
        other_verb = plan.frame if item in ("feeling", "relative", "judge") else item != "exist" and plan.predicate
        clause = plan.clause and item not in ("event", "relative")
        return bool(other_verb) + bool(clause) + (max(len(plan.items) - 1, 0) if item != "list" else 0)

    def _lacks(self, about: str, item) -> int:
        """How many words of an option the text lacks, at the least."""
        if isinstance(item, (bool, str)):
            if item in ("same", "pair"):
                return self._lacks_topic(item)
            said = SAYS.get(about if item is True else item)
            if not said:
                return 0
            if self.language == "ko":
                return int(not any(part in self.text for part in said[1]))
            return int(self.words.isdisjoint(said[0]))
        if item is None or isinstance(item, int):
            return 0
        if self.language == "en":
            return min(sum(word not in self.words for word in form) for form in _english(item))
        forms = _korean(item, self.state.tense, self.register)
        if len(forms) == 1:
            return int(forms[0] not in self.text)
        return min(sum(word not in self.words for word in form.split()) for form in forms)

    def _lacks_items(self, items: tuple[Noun, ...]) -> int:
        """How many of the first things of a list are new: one may come before the old ones, or the first be left out.

        In Korean "at home" may turn into the first thing: 집에서 개와 소를, 새와 개와 소를.
        """

        def new(items, old):
            return sum(i >= len(old) or item != old[i] for i, item in enumerate(items))

        old = self.plan.items
        return min(new(items, old), bool(items) + new(items[1:], old), new(items, old[1:]))

    def _lacks_topic(self, kind: str) -> int:
        topic = self.state.topic
        named = sum(self._lacks("", person) for person in topic)
        if self.language == "ko":
            return named if kind == "pair" else 0
        if kind == "pair":
            return named + ("and" not in self.words)
        pronoun = english_text.PRONOUNS[topic[0].gender if len(topic) == 1 else "p"][0]
        return min(named, int(pronoun not in self.words))


def _wordings(language: str, plan: Plan, register: str) -> dict[str, float]:
    """Every text that says a plan, with the probability of the wording."""

    def say(dice):
        return (korean_text.say(plan, dice, register) if language == "ko" else english_text.say(plan, dice)).text

    return dict(Every().runs(say))


def _probability(law: Law, language: str, plan: Plan, state: State) -> float:
    """The probability of a plan, 0 where the state does not allow it."""
    try:
        return law.probability(language, plan, state)
    except KeyError:
        return 0.0


class _Story:
    """The sentences of a story, to be said again with the same text when something before them has changed."""

    def __init__(self, law: Law, language: str, story: list[Record]):
        self.law, self.language, self.story = law, language, story
        self.states, self.known = [State()], {}
        for record in story:
            self.states.append(law.after(record.plan, self.states[-1]))

    def rest(self, i: int, state: State) -> float:
        """The probability of the texts from sentence ``i`` on, given a state, over that which they had."""
        if i == len(self.story):
            return 1.0
        if (i, state) not in self.known:
            p, after = self._again(self.story[i], state)
            self.known[i, state] = p and p * 2 ** getattr(self.story[i], f"bits_{self.language}") * self.rest(
                i + 1, after
            )
        return self.known[i, state]

    def _again(self, record: Record, state: State) -> tuple[float, State]:
        text = getattr(record, self.language)
        for plan in self._plans(record.plan, state):
            p = _probability(self.law, self.language, plan, state)
            if p:
                style = _wordings(self.language, plan, record._register).get(text, 0.0)
                if style:
                    return p * style, self.law.after(plan, state)
        return 0.0, state

    def _plans(self, plan: Plan, state: State):
        """What a sentence may mean, given another state: who "she" is, and what "it" is, is taken from there."""
        now = {"tense": state.tense, "weather": state.weather}
        if plan.kind not in self.law.kinds(state).p:
            return
        if plan.kind == "new day":
            yield replace(plan, tense=state.tense, day=(state.day + 1) % 7)
        elif plan.kind == "judge":
            for predicate in self.law.judgements[state.thing.kind].items:
                if look(self.language, predicate) == look(self.language, plan.predicate):
                    yield replace(plan, **now, noun=state.thing, predicate=predicate)
        elif plan.kind not in ("event", "feeling", "list"):
            yield replace(plan, **now)
        elif not plan.then or self.law.then_possible(state, plan.because):
            things = [(plan.thing, plan.noun)]
            if plan.thing == "pronoun":
                things = [("pronoun", state.thing)] if state.thing else []
            elif plan.thing:
                things = [
                    (thing, plan.noun) for thing in ("new", "definite") if thing == "new" or plan.noun == state.thing
                ]
            for subject, same in self._subjects(plan, state):
                for thing, noun in things:
                    yield replace(plan, **now, subject=subject, same=same, thing=thing, noun=noun)

    def _subjects(self, plan: Plan, state: State):
        if state.topic:
            yield state.topic, True
        if len(plan.subject) == 2:
            if state.topic == plan.subject[:1] and state.topic[0].name:
                yield plan.subject, False
        elif plan.subject[0] not in state.topic:
            yield plan.subject, False


def _near(words: list[str], others: list[str]) -> bool:
    """Whether two texts are equal but for one word, or for one that the other writes as two: 그들은, 그 말은."""
    start, end, other = 0, len(words), len(others)
    if not -1 <= end - other <= 1:
        return False
    while start < end and start < other and words[start] == others[start]:
        start += 1
    while end > start and other > start and words[end - 1] == others[other - 1]:
        end, other = end - 1, other - 1
    one, two = sorted((words[start:end], others[start:other]), key=len)
    return len(one) == len(two) <= 1 or (len(one) == 1 and len(two) == 2 and one[0].startswith(two[0]))


def alternatives(story: list[Record], place: int, language: str, law=None) -> dict[str, float]:
    """What could stand in the place of a sentence of a story, with all other sentences as they are.

    Args:
        story: the records of one story from its beginning, in order; it may stop early.
        place: the index of the sentence.
        language: "ko" or "en".
        law: the law that drew the story, if it is not that of the world.

    Returns:
        Every text that differs from the sentence in one word at most, with the probability of the story that has it,
        over that of the story as it is. The sentence itself has 1. One word may also be two that begin alike, as a
        token may be all that differs: 그들은, 그 말은.
    """
    if language not in LANGUAGES:
        raise ValueError(f"language must be 'ko' or 'en', not {language!r}")
    story = list(story)
    if [record.position for record in story] != list(range(len(story))) or len({r.story for r in story}) > 1:
        raise ValueError(f"the records must be those of one story from its beginning, not {story!r}")
    if not 0 <= place < len(story):
        raise ValueError(f"place must be one of the {len(story)} sentences of the story, from 0, not {place!r}")
    law = law or _law()
    told, record = _Story(law, language, story), story[place]
    state, text = told.states[place], getattr(record, language)
    words = text.split()
    # In Korean every sentence shows the register, so it is open only where there is no other sentence.
    registers = REGISTERS.items if language == "ko" and len(story) == 1 else [record._register]
    found: dict[tuple[str, State], float] = {}  # two readings of a text count twice only if something else follows
    for plan, after in _Redraw(law, language, record, state).plans():
        for register in registers:
            for other, style in _wordings(language, plan, register).items():
                if (other, after) not in found and _near(words, other.split()):
                    p = law.probability(language, plan, state) * style * told.rest(place + 1, after)
                    found[other, after] = p * REGISTERS.p[register]
    total: dict[str, float] = {}
    for (other, _), p in found.items():
        if p:
            total[other] = total.get(other, 0.0) + p
    return {other: p / total[text] for other, p in total.items()}


def masked(
    story: list[Record], place: int, language: str, tokenize: Callable[[str], list[str]], law=None
) -> list[dict[str, float]]:
    """The true distribution of each token of a sentence, given all other tokens of the story.

    Args:
        story, place, language, law: as for :func:`alternatives`.
        tokenize: cuts a text into tokens. It must lose nothing: what two texts share as ``<unk>`` is no token here.

    Returns:
        A list with one dict for each token of the sentence, from the tokens that could stand in its place to their
        probabilities. Only texts with as many tokens count, all others of which are equal.
    """
    texts = alternatives(story, place, language, law)
    tokens = list(tokenize(getattr(list(story)[place], language)))
    found = [{token: 1.0} for token in tokens]
    for text, p in texts.items():
        others = list(tokenize(text))
        if len(others) == len(tokens):
            differ = [j for j, (token, other) in enumerate(zip(tokens, others, strict=True)) if token != other]
            if len(differ) == 1:
                at, token = found[differ[0]], others[differ[0]]
                at[token] = at.get(token, 0.0) + p
    return [{token: p / sum(at.values()) for token, p in at.items()} for at in found]
