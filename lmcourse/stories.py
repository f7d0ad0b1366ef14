"""Stories for a language model: whole ones, one in each row of a batch (chapters 07 and 08).

A Transformer carries no state from batch to batch as the network of chapter 02 does. It reads a story from its
beginning: ``<s>``, and ``</s>`` after each sentence. What happened in other stories is of no use for this one, so it
misses nothing, and its bits compare with those of every other chapter. ``RECIPES`` has a trained model for each of the
two languages.
"""

import math

from lmcourse import text, world
from lmcourse.language_model import IGNORE, log2probs
from lmcourse.tasks import Recipe, System, seeded
from lmcourse.text import Vocabulary
from lmcourse.training import fit
from lmcourse.transformer import CausalLM

__all__ = ["RECIPES", "StoryModel", "batches", "bits_per_character", "build", "by_story", "pieces", "recipe", "stories"]

UNITS = {"en": ("word",), "ko": ("morpheme", "syllable")}
UNKNOWN = math.log2(0x110000)  # bits to name a character among all that there are
SPECIALS = "<s>", "</s>", "<unk>"


def pieces(record, language, unit):
    """The pieces of a record's sentence.

    Args:
        record: of the world.
        language: "ko" or "en".
        unit: "word" for English, "morpheme" (as the world cuts them) or "syllable" for Korean.
    """
    if unit not in UNITS.get(language, ()):
        known = ", ".join(f"{one} by {other}" for one, units in UNITS.items() for other in units)
        raise ValueError(f"stories are cut as {known}, not {language!r} by {unit!r}")
    if unit == "morpheme":
        return text.split_at(record.ko, record.morpheme_spans)
    return text.split(getattr(record, language), unit)


def by_story(records):
    """The records of the world, in their order, one list for each story: it begins with the position 0."""
    found = []
    for record in records:
        if record.position == 0 or not found:
            found.append([])
        found[-1].append(record)
    return found


def stories(records, language, unit, vocabulary):
    """Stories as ids: a list for each, ``<s>``, and after each sentence ``</s>``.

    Args:
        records: as for :func:`by_story`.
        language, unit: as for :func:`pieces`.
        vocabulary: a :class:`~lmcourse.text.Vocabulary`.
    """
    bos, eos, _ = (vocabulary[mark] for mark in SPECIALS)
    found = []
    for story in by_story(records):
        found.append([bos])
        for record in story:
            found[-1] += [*vocabulary.encode(pieces(record, language, unit)), eos]
    return found


def batches(stories, size, seed=None):
    """Batches for :func:`lmcourse.training.fit`, of stories of like length: dicts of ``ids`` and ``targets`` (B, T).

    There is no mask: padding comes last, and a model that does not look ahead never sees it.

    Args:
        stories: lists of ids.
        size: B, stories in a batch.
        seed: to shuffle with; ``None`` keeps the order.
    """
    for some in text.batches(stories, size, seed):
        ids, _ = text.pad([story[:-1] for story in some])
        targets, _ = text.pad([story[1:] for story in some], IGNORE)
        yield {"ids": ids, "targets": targets}


def bits_per_character(model, records, language, unit, vocabulary):
    """How surprised a model is by stories: the unit of the course's scoreboard.

    What the vocabulary lacks costs the model's bits for ``<unk>`` and those that name one character of Unicode.

    Args:
        model: a language model, as :func:`~lmcourse.language_model.log2probs` takes it.
        records, language, unit, vocabulary: as for :func:`stories`.
    """
    bos, eos, unk = (vocabulary[mark] for mark in SPECIALS)
    told = stories(records, language, unit, vocabulary)
    bits = -log2probs(model, [story[1:-1] for story in told], bos=bos, eos=eos, batch_size=32).sum().item()
    bits += UNKNOWN * sum(story.count(unk) for story in told)
    return bits / sum(len(getattr(record, language)) for record in records)


class StoryModel:
    """A language model with what it reads.

    Args:
        model: a language model.
        language, unit: as for :func:`pieces`.
        tokens: the vocabulary, in the order of its numbers.
    """

    def __init__(self, model, language, unit, tokens):
        self.model, self.language, self.unit, self.vocabulary = model, language, unit, Vocabulary(tokens)

    def bits_per_character(self, records):
        """:func:`bits_per_character` of its own language."""
        return bits_per_character(self.model, records, self.language, self.unit, self.vocabulary)

    def stories(self, records):
        """:func:`stories` of its own language."""
        return stories(records, self.language, self.unit, self.vocabulary)

    save = System.save


def build(settings):
    """An untrained :class:`StoryModel` from ``language``, ``unit``, ``tokens`` and what shapes a ``CausalLM``."""
    shape = dict(settings)
    language, unit, tokens = (shape.pop(name) for name in ("language", "unit", "tokens"))
    return StoryModel(CausalLM(len(tokens), **shape), language, unit, tokens)


SHAPE = {"width": 64, "heads": 4, "hidden": 192, "layers": 3, "dropout": 0.05, "positions": "rotary"}


def recipe(language, unit, sentences=100_000, epochs=8):
    """How the story model of a language is made, of so many sentences that are new to every chapter's test."""

    def train(quick=False, seed=0, **how):
        """Train as for the model that comes with the package; ``quick`` takes little data."""
        records = world.generate(800 if quick else sentences, seed="stories")
        tokens = Vocabulary.count([pieces(r, language, unit) for r in records], 1 if quick else 3).tokens
        settings = {"language": language, "unit": unit, "tokens": tokens, **SHAPE}
        with seeded(seed):
            system = build(settings)
        told = system.stories(records)
        fit(
            system.model, lambda epoch: batches(told, 32, seed=1_000_003 * seed + epoch), epochs=1 if quick else epochs,
            lr=4e-3, seed=seed, **how,
        )  # fmt: skip
        system.model.eval()
        return system, settings

    def grade(system, quick=False):
        records = world.generate(200 if quick else 4000, seed=1)
        truth = sum(getattr(r, f"bits_{language}") for r in records) / sum(len(getattr(r, language)) for r in records)
        found = {"bits_per_character": system.bits_per_character(records), "truth": truth}
        return {name: round(value, 4) for name, value in found.items()}

    name = {"en": "English", "ko": "Korean"}[language]
    return Recipe(f"A Transformer that tells stories of the world in {name}.", build, train, grade)


RECIPES = {"story-en": recipe("en", "word"), "story-ko": recipe("ko", "morpheme")}
