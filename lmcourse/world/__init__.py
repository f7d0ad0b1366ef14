"""A small bilingual world whose truth is known: stories in Korean and English, drawn from a law we wrote.

>>> from lmcourse import world
>>> record = world.generate(1, seed=0)[0]
>>> record.ko, record.en, round(record.bits_en, 1)  # doctest: +SKIP

Needs nothing but the standard library, and gives the same bytes on every machine.
"""

import hashlib
import math
import zlib
from collections.abc import Iterable
from functools import lru_cache
from random import Random
from typing import NamedTuple

from .choice import Dice
from .korean_text import REGISTERS
from .law import Law
from .plan import State
from .records import SENSES, Foil, Mention, Question, Record, Sense
from .words import STORY_LENGTH, TRANSITION, WEATHER

__all__ = [
    "SENSES", "STORY_LENGTH", "TRANSITION", "WEATHER",
    "Foil", "Law", "Mention", "Question", "Record", "Sense", "Splits",
    "enumerations", "fingerprint", "generate", "is_held_out", "splits", "weather",
]  # fmt: skip


@lru_cache(maxsize=1)
def _law() -> Law:
    return Law()


def _story(law: Law, number: int, seed) -> list[Record]:
    """One story. Each has a generator of its own, so that any of them can be made alone."""
    random = Random(f"lmcourse {seed} {number}").random
    dice, state, register, records = Dice(random), State(), "", []
    for position in range(law.story_length):
        plan, after = law.draw(dice, state)
        p_register = 1.0
        if position == 0:
            register = dice.pick(REGISTERS)
            p_register = REGISTERS.p[register]
        record = Record(plan, number, position, register, random)
        record.bits_ko = -math.log2(law.probability("ko", plan, state) * record.bits_ko * p_register)
        record.bits_en = -math.log2(law.probability("en", plan, state) * record.bits_en)
        records.append(record)
        state = after
    return records


def generate(n: int, seed: int = 0) -> list[Record]:
    """The first ``n`` sentences of the stories of a seed, in order; each story has :data:`STORY_LENGTH` sentences.

    Two seeds give independent texts from the same law, so train on one and test on another: the mean of ``bits_ko``
    (or ``bits_en``) over the test text estimates the entropy that no model can beat.

    Raises:
        ValueError: if ``n`` is not a whole number from 0 up.
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 0:
        raise ValueError(f"n must be a whole number of sentences, 0 or more, not {n!r}")
    law, records = _law(), []
    for number in range(-(-n // law.story_length)):
        records += _story(law, number, seed)
    return records[:n]


def enumerations(lengths: Iterable[int], seed: int = 0) -> list[Record]:
    """One sentence that lists things for each of ``lengths``, with exactly so many: "Minsu bought apples and pears."

    No thing comes twice in a list. In :func:`generate` lists have two things or more and long ones are rare; here a
    model can be tried on lists as long as it has never seen. Each sentence stands alone, in the past tense, and names
    its subject. As the length was not drawn, the sentences have no probability: ``bits_ko`` and ``bits_en`` are None.

    Args:
        lengths: whole numbers from 1 to the number of things that can be listed, about 40; ``range(1, 31)``, say.
        seed: another seed gives other lists.

    Returns:
        One record for each length, in their order; ``record.plan.items`` are the things.

    Raises:
        ValueError: if a length is no whole number, or out of range.
    """
    law, records = _law(), []
    longest = max(map(len, law.pools.values()))
    for number, length in enumerate(lengths):
        if isinstance(length, bool) or not isinstance(length, int) or not 1 <= length <= longest:
            raise ValueError(f"a list has a whole number of things from 1 to {longest}, not {length!r}")
        random = Random(f"lmcourse enumerations {seed} {number}").random
        plan, register = law.enumeration(Dice(random), length), Dice(random).pick(REGISTERS)
        record = Record(plan, number, 0, register, random)
        record.bits_ko = record.bits_en = None
        records.append(record)
    return records


def fingerprint(records: list[Record]) -> str:
    """A SHA-256 of all that is known of the records (bits to nine decimals): equal wherever the world is equal."""
    rows = [
        (r.ko, r.en, r.morphemes, r.morpheme_spans, r.en_tokens, r.alignment, r.sentiment, r.entities, r.questions,
         r.foils, f"{r.bits_ko:.9f}", f"{r.bits_en:.9f}")
        for r in records
    ]  # fmt: skip
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def weather(days: int, seed: int = 0) -> list[str]:
    """The weather of ``days`` days in a row, by :data:`TRANSITION` from its stationary law.

    Raises:
        ValueError: if ``days`` is not a whole number from 0 up.
    """
    if isinstance(days, bool) or not isinstance(days, int) or days < 0:
        raise ValueError(f"days must be a whole number, 0 or more, not {days!r}")
    law, dice = _law(), Dice(Random(f"lmcourse weather {seed}").random)
    out: list[str] = []
    for _ in range(days):
        out.append(dice.pick(law.next_weather[out[-1]] if out else law.first_weather))
    return out


class Splits(NamedTuple):
    """Records for the tasks with pairs: ``test`` shares no sentence with ``train``, ``unseen`` no verb-object pair."""

    train: list[Record]
    test: list[Record]
    unseen: list[Record]


def is_held_out(record: Record) -> bool:
    """Whether the record's verb and object are one of the tenth of all pairs that training never shows together."""
    return record.combination is not None and zlib.crc32(" ".join(record.combination).encode()) % 10 == 0


def splits(train: int = 20_000, test: int = 1_000, seed: int = 0) -> Splits:
    """Training and test records for translation, tagging and the other tasks with pairs.

    No training record has a held-out pair of verb and object (:func:`is_held_out`); ``test`` has none either and shares
    no Korean and no English sentence with ``train``; every record of ``unseen`` has one. For language models use
    :func:`generate` with two seeds instead, which keeps the law, and so the entropy, exact.
    """
    size = max(8 * STORY_LENGTH, train + train // 3)
    learn = [r for r in generate(size, seed=f"{seed} train") if not is_held_out(r)][:train]
    ko, en = {r.ko for r in learn}, {r.en for r in learn}
    seen: list[Record] = []
    unseen: list[Record] = []
    for number in range(64 + 20 * test):  # stories, many more than needed
        if len(seen) >= test and len(unseen) >= test:
            break
        for r in _story(_law(), number, f"{seed} test"):
            if r.ko not in ko and r.en not in en:
                (unseen if is_held_out(r) else seen).append(r)
    if len(learn) < train or len(seen) < test or len(unseen) < test:
        raise ValueError(f"cannot make {train} training and {test} test records: raise an issue with these numbers")
    return Splits(learn, seen[:test], unseen[:test])
