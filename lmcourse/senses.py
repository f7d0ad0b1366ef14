"""Homonyms: is a word in a sentence nearest to another one of the same meaning? (chapters 03 and 09)

In a table of embeddings a word is one row, whatever it means. A state of a network has read the sentence too.
"""

from typing import NamedTuple

import torch

from lmcourse import text, world
from lmcourse.language_model import evaluating

__all__ = ["Occurrence", "fair_accuracy", "nearest", "occurrences", "states_at"]


class Occurrence(NamedTuple):
    """A homonym in a sentence.

    Args:
        record: of the world.
        sense: what it means here, one of ``world.SENSES[word]``.
        span: its place (start, end) in the Korean text.
    """

    record: world.Record
    sense: str
    span: tuple[int, int]

    @property
    def piece(self):
        """Its number, from 0, among the pieces into which :func:`lmcourse.stories.pieces` cuts by morpheme."""
        pieces = text.split_at(self.record.ko, self.record.morpheme_spans)
        ends = (len(text.join(pieces[: n + 1], "morpheme")) for n in range(len(pieces)))
        return sum(end <= self.span[0] for end in ends)


def occurrences(word, records):
    """Where a homonym occurs: a list of :class:`Occurrence`, no sentence twice, in a sentence the first only."""
    if word not in world.SENSES:
        raise ValueError(f"{word!r} is no homonym of the world; there are {', '.join(world.SENSES)}")
    found = {}
    for record in records:
        for sense in record.senses:
            if sense.word == word and record.ko not in found:
                found[record.ko] = Occurrence(record, sense.sense, record.morpheme_spans[sense.ko])
    return list(found.values())


@torch.no_grad()
def states_at(system, found, batch_size=128):
    """What BERT makes of a homonym, each sentence read alone: the states of the token that begins with it.

    Args:
        system: a :class:`~lmcourse.small_bert.SmallBert` of Korean.
        found: of :func:`occurrences`.

    Returns:
        (N, L + 1, D), before the first layer and after each.
    """
    device, rows = next(system.model.parameters()).device, []
    with evaluating(system.model):
        for some in text.batches(found, batch_size):
            batch, read = system.encode_all([one.record.ko for one in some])
            layers = system.model.bert(**{k: v.to(device) for k, v in batch.items()}, weights=True).layers
            for states, encoded, one in zip(layers, read, some, strict=True):  # (L + 1, T, D)
                rows.append(states[:, _token(encoded, one.span[0])].cpu())
    return torch.stack(rows)


def _token(encoded, place):
    return next(
        n for n, (start, end) in enumerate(encoded.spans) if encoded.words[n] is not None and start <= place < end
    )


def nearest(vectors):
    """Which other rows are nearest to each, by the cosine: (N, D) to a boolean (N, N), with several True for equals."""
    unit = torch.nn.functional.normalize(vectors.double(), dim=1)
    cosines = (unit @ unit.T).fill_diagonal_(-torch.inf)
    return cosines >= cosines.amax(1, keepdim=True) - 1e-9


def fair_accuracy(vectors, senses):
    """How often the nearest neighbour means the same, each meaning counting alike, however rare it is.

    Where several are equally near, as all are that have the same static vector, one of them is taken by chance: the
    share of those that mean the same.

    Args:
        vectors: (N, D).
        senses: N names.
    """
    if len(vectors) != len(senses) or len(senses) < 2:
        raise ValueError(f"expected one meaning for each of 2 or more vectors, not {len(senses)} for {len(vectors)}")
    names = sorted(set(senses))
    numbers = torch.tensor([names.index(sense) for sense in senses])
    near = nearest(vectors).double()
    right = (near * (numbers[:, None] == numbers)).sum(1) / near.sum(1)  # (N,)
    return sum(right[numbers == n].mean().item() for n in range(len(names))) / len(names)
