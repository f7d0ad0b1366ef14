"""Small BERTs that have read the stories of the world, and what the truth says of the gaps they fill (chapter 09).

``RECIPES`` has a trained one for each of the two languages. A document is a story, so a pair is its beginning and its
continuation. :mod:`lmcourse.reading` compares what they say with what the world knows.
"""

import math
from collections import Counter

import torch
import torch.nn.functional as F

from lmcourse import text, world
from lmcourse.bert import BertConfig, BertForPreTraining
from lmcourse.language_model import IGNORE, evaluating
from lmcourse.pretraining import batches, pack, pairs
from lmcourse.stories import by_story, pieces
from lmcourse.tasks import Recipe, System, seeded
from lmcourse.text import MARK
from lmcourse.training import fit
from lmcourse.wordpiece import MARKS, WordPiece

__all__ = ["RECIPES", "SHAPE", "SmallBert", "build", "pretrain", "settings_for", "vocabulary"]

SHAPE = {
    "width": 64, "layers": 3, "heads": 4, "hidden": 256, "longest": 128, "dropout": 0.0, "std": 0.05,
    "positions": "rotary",
}  # fmt: skip
LENGTH = 128  # of a row


class SmallBert:
    """A BERT with its tokenizer and its language.

    Args:
        model: a :class:`~lmcourse.bert.BertForPreTraining`.
        language: "ko" or "en".
        tokens: the vocabulary, in the order of its numbers.
    """

    def __init__(self, model, language, tokens):
        self.model, self.language, self.tokenizer = model, language, WordPiece.from_vocabulary(tokens)

    save = System.save

    def documents(self, records):
        """Stories as documents: for each a list of sentences, each a list of ids."""
        found = self.tokenizer.encode_all([getattr(r, self.language) for r in records], marks=False)
        sentences = iter([e.ids for e in found])
        return [[next(sentences) for _ in story] for story in by_story(records)]

    def rows(self, records, generator, **options):
        """Rows of pairs, as :func:`~lmcourse.pretraining.pack` makes them; the options are those of ``pairs``."""
        made = pairs(self.documents(records), LENGTH, generator, **options)
        return pack(made, LENGTH, self.tokenizer)

    def encode_all(self, items):
        """Texts, or pairs of texts, padded: what the model is called with, and what each was read as."""
        found = self.tokenizer.encode_all(items)
        ids, mask = text.pad([e.ids for e in found], self.tokenizer.pad)
        segments, _ = text.pad([e.segments for e in found])
        return {"ids": ids, "mask": mask, "segments": segments}, found

    @torch.no_grad()
    def fill(self, first, second=None, *, hide=None, top=5):
        """What could stand at each ``[MASK]`` of a text or of a pair: for each a list of pairs (token, probability).

        Args:
            first, second: texts.
            hide: a token that is masked wherever it stands. In Korean that is more than to write ``[MASK]`` into the
                text: what comes behind is still read as a piece that goes on, ``##를``, and not as a word 를.
            top: how many.
        """
        batch, (read,) = self.encode_all([first if second is None else (first, second)])
        if hide is not None:
            if hide not in read.tokens:
                raise ValueError(f"there is no token {hide!r} to hide among {' '.join(read.tokens)!r}")
            batch["ids"][0, [token == hide for token in read.tokens]] = self.tokenizer.mask
        at = batch["ids"][0] == self.tokenizer.mask
        if not at.any():
            raise ValueError(f"there is no [MASK] in {first!r}" + (f" and {second!r}" if second else ""))
        with evaluating(self.model):
            p = self.model(**batch).logits[0, at].softmax(1)
        best = p.topk(min(top, p.shape[1]))
        names = self.tokenizer.tokens
        return [
            [(names[n], x) for n, x in zip(ids.tolist(), values.tolist(), strict=True)]
            for ids, values in zip(best.indices, best.values, strict=True)
        ]

    @torch.no_grad()
    def states(self, items, batch_size=64):
        """The states of texts or pairs: for each a tensor (T, D), and what was read."""
        order = sorted(range(len(items)), key=lambda n: len(str(items[n])))
        states, read = [None] * len(items), [None] * len(items)
        with evaluating(self.model):
            for rows in text.batches(order, batch_size):
                batch, found = self.encode_all([items[n] for n in rows])
                encoded = self.model.bert(**batch).states
                for n, one, e in zip(rows, encoded, found, strict=True):
                    states[n], read[n] = one[: len(e.ids)], e
        return states, read

    @torch.no_grad()
    def grade(self, records, seed=0, size=32, next_sentence=True, **masking):
        """How well gaps are filled, in pairs that belong together, and how well pairs are judged, half of them torn.

        Args:
            records: of the world, in their order.
            seed: of pairs and masks.
            size: rows in a batch.
            next_sentence: whether the model knows pairs; without, it is shown whole stories.
            masking: more arguments of :func:`~lmcourse.pretraining.mask_tokens`.

        Returns:
            A dict with ``bits`` per masked token, ``accuracy``, ``masked`` (how many), and with pairs ``follows`` (the
            share that was judged rightly) and ``pairs``.
        """
        model, generator, found = self.model, torch.Generator().manual_seed(seed), {}
        device = next(model.parameters()).device
        with evaluating(model):
            rows = self.rows(records, generator, short=0, torn=0, next_sentence=next_sentence)
            nats, right, count = 0.0, 0, 0
            for batch in batches(rows, size, self.tokenizer, generator, **masking):
                at, y = batch["targets"] != IGNORE, batch["targets"].to(device)
                ids, segments, documents = (batch[name].to(device) for name in ("ids", "segments", "documents"))
                logits = model.fill(model.bert(ids, None, segments, documents).states[at])
                nats += F.cross_entropy(logits, y[at], reduction="sum").item()
                right, count = right + (logits.argmax(1) == y[at]).sum().item(), count + len(logits)
            found = {"bits": nats / count / math.log(2), "accuracy": right / count, "masked": count}
            if next_sentence:
                rows, verdicts = self.rows(records, generator, short=0), []
                for at in torch.arange(len(rows.ids)).split(size):
                    ids, segments, documents, follows = (part[at].to(device) for part in rows[:4])
                    first = follows != IGNORE
                    verdict = model.judge(model.bert(ids, None, segments, documents).states[first]).argmax(1)
                    verdicts += (verdict == follows[first]).tolist()
                found |= {"follows": sum(verdicts) / len(verdicts), "pairs": len(verdicts)}
        return found


def build(settings):
    """An untrained :class:`SmallBert` from ``language``, ``tokens`` and what shapes a ``BertConfig``."""
    shape = dict(settings)
    language, tokens = shape.pop("language"), shape.pop("tokens")
    return SmallBert(BertForPreTraining(BertConfig(len(tokens), **shape)), language, tokens)


def vocabulary(records, language, least=3):
    """The tokens of a small BERT: English words, or Korean morphemes, that are frequent enough, and all letters.

    In Korean a piece that goes on within an eojeol has ``##`` in front. So the longest match, which knows no grammar,
    mostly cuts between morphemes: 배를 is 배 and ``##를``. A vocabulary that is learned from eojeol alone
    (:func:`~lmcourse.wordpiece.train_wordpiece`) would have 배를 as one token and 만화책을 as 만 and ``##화책을``.
    """
    cut = [pieces(r, language, "morpheme" if language == "ko" else "word") for r in records]
    counts = Counter(
        (piece if piece.startswith(MARK) or not piece[0].isalnum() else f"##{piece}") for one in cut for piece in one
    )
    kept = sorted({t.removeprefix(MARK) for t, n in counts.items() if n >= least and t != MARK})
    letters = sorted({c for r in records for c in getattr(r, language) if not c.isspace()})
    return list(dict.fromkeys([*MARKS, *kept, *letters, *(f"##{c}" for c in letters if c.isalnum())]))


def settings_for(records, language, **shape):
    """The settings of a small BERT: the :func:`vocabulary` of the stories, and ``SHAPE`` with changes."""
    return {"language": language, "tokens": vocabulary(records, language), **SHAPE, **shape}


def pretrain(system, records, steps, *, size=8, lr=5e-3, seed=0, next_sentence=True, masking=None, **how):
    """Pre-train on stories: in each epoch other pairs and other masks.

    Args:
        system: a :class:`SmallBert`; its model is trained.
        records: of the world, in their order.
        steps: how many batches.
        size: B, rows of 128 tokens in a batch.
        lr: the highest learning rate.
        seed: of pairs, masks and order.
        next_sentence: whether pairs are judged; without, a text is a whole story.
        masking: more arguments of :func:`~lmcourse.pretraining.mask_tokens`.
        how: more arguments of :func:`~lmcourse.training.fit`.
    """
    documents = system.documents(records)

    def epoch(number):
        generator = torch.Generator().manual_seed(1_000_003 * seed + number)
        made = pairs(documents, LENGTH, generator, next_sentence, short=0.3)
        return batches(pack(made, LENGTH, system.tokenizer), size, system.tokenizer, generator, **masking or {})

    return fit(system.model, epoch, steps=steps, lr=lr, seed=seed, **how)


def recipe(language, sentences=120_000, steps=10_000):
    """How the small BERT of a language is made."""

    def train(quick=False, seed=0, **how):
        records = world.generate(1_600 if quick else sentences, seed="stories")
        settings = settings_for(records, language)
        with seeded(seed):
            system = build(settings)
        pretrain(system, records, 30 if quick else steps, seed=seed, **how)
        return system, settings

    def grade(system, quick=False):
        found = system.grade(world.generate(400 if quick else 8_000, seed=1))
        return {name: round(value, 4) for name, value in found.items()}

    name = {"en": "English", "ko": "Korean"}[language]
    return Recipe(f"A small BERT of the stories of the world, {name}.", build, train, grade)


RECIPES = {f"bert-{language}": recipe(language) for language in ("en", "ko")}
