"""How BERT learns: hide words and guess them, tell which text follows which, pack rows without padding (chapter 09).

A document is a list of sentences, a sentence a list of ids. :func:`pairs` cuts documents into pairs of texts, half of
them torn apart; :func:`pack` puts them side by side into rows of one length; :func:`mask_tokens` hides words, other
ones each time.
"""

from bisect import bisect_left, insort
from typing import NamedTuple

import numpy as np
import torch

from lmcourse.language_model import IGNORE

__all__ = ["Rows", "batches", "mask_tokens", "pack", "pairs"]


def mask_tokens(ids, may, vocab_size, mask, generator, share=0.15, kept=0.1, random=0.1, first=5):
    """Choose tokens to be guessed, and hide them: 80 % become ``[MASK]``, 10 % another token, 10 % stay as they are.

    If all became ``[MASK]``, the model would only learn to look at masks, which no text has later on (Devlin et al.,
    2019).

    Args:
        ids: whole numbers of any shape.
        may: boolean, of the same shape: True where a token may be chosen.
        vocab_size: V; a random token is one of the numbers from ``first`` to V - 1.
        mask: the id of ``[MASK]``.
        generator: a ``torch.Generator``.
        share: how much of what may be chosen is.
        kept, random: how much of what is chosen stays, or becomes a random token.
        first: the first id that is no mark.

    Returns:
        What the model is shown, and the targets, which are the true ids where a token was chosen and -100 elsewhere.
    """
    if may.shape != ids.shape or may.dtype != torch.bool:
        raise ValueError(f"may is boolean with the shape of ids {tuple(ids.shape)}, not {may.dtype} {tuple(may.shape)}")
    if not 0 < share <= 1 or kept < 0 or random < 0 or kept + random > 1:
        raise ValueError(f"shares are parts of 1, not share={share!r}, kept={kept!r}, random={random!r}")
    chosen = (torch.rand(ids.shape, generator=generator) < share) & may
    fate = torch.rand(ids.shape, generator=generator)
    other = torch.randint(first, vocab_size, ids.shape, generator=generator)
    shown = torch.where(chosen & (fate < 1 - kept - random), mask, ids)
    shown = torch.where(chosen & (fate >= 1 - random), other, shown)
    return shown, torch.where(chosen, ids, IGNORE)


def pairs(documents, longest, generator, next_sentence=True, short=0.1, torn=0.5):
    """Pairs of texts from documents: each document is cut into stretches, and each stretch into two parts.

    Half of the pairs are torn: the second part is replaced by that of another document with as many sentences before
    and behind the cut, the next longer one, so that nothing but what it says tells it from the right one.

    Args:
        documents: lists of sentences, each a list of ids.
        longest: a pair has at most so many tokens, its three marks among them. A sentence that would take more than
            half of that is cut off.
        generator: a ``torch.Generator``.
        next_sentence: whether there are second parts. Without, a text is the whole stretch.
        short: the share of stretches of which only some sentences in a row are taken, so that short texts are read too.
        torn: the share of pairs that are torn. A stretch that has no equal in another document stays whole.

    Returns:
        Triples of the first part and the second as lists of ids (the second is empty without ``next_sentence``), and 0
        if the second follows the first, 1 if it comes from elsewhere.
    """
    room, least = longest - 3, 2 if next_sentence else 1
    if room < 2:
        raise ValueError(f"a pair has three marks and at least two tokens, which is more than longest={longest!r}")
    stretches, owners = [], []
    for owner, document in enumerate(documents):
        found = [s for s in _stretches(document, room) if len(s) >= least]
        stretches += found
        owners += [owner] * len(found)
    count = len(stretches)
    if count < least:
        raise ValueError(f"there are {count} stretches of {least} or more sentences, too few to learn from")

    def below(*highest):  # whole numbers, each from 0 up to and without its own limit
        return [
            int(x * h) for x, h in zip(torch.rand(len(highest), generator=generator).tolist(), highest, strict=True)
        ]

    for n in (torch.rand(count, generator=generator) < short).nonzero().flatten().tolist():
        (size,) = below(len(stretches[n]) - least + 1)
        (start,) = below(len(stretches[n]) - least - size + 1)
        stretches[n] = stretches[n][start : start + least + size]
    if not next_sentence:
        return [(sum(s, []), [], 0) for s in stretches]
    cuts = [1 + cut for cut in below(*[len(s) - 1 for s in stretches])]
    parts = [(sum(s[:cut], []), sum(s[cut:], [])) for s, cut in zip(stretches, cuts, strict=True)]
    elsewhere = (torch.rand(count, generator=generator) < torn).tolist()
    equals = {}  # stretches with as many sentences before and behind the cut, the shortest second part first
    for n in sorted(range(count), key=lambda n: len(parts[n][1])):
        equals.setdefault((cuts[n], len(stretches[n])), []).append(n)
    found = [None] * count
    for some in equals.values():
        for place, n in enumerate(some):
            around = (some[(place + step) % len(some)] for step in range(1, len(some)))
            other = next((m for m in around if owners[m] != owners[n]), n) if elsewhere[n] else n
            first, second = parts[n][0], parts[other][1]
            found[n] = first, second[: room - len(first)], int(other != n)
    return found


def _stretches(document, room):
    """As many sentences in a row as there is room for, again and again."""
    stretch, length = [], 0
    for sentence in document:
        sentence = sentence[: room // 2]
        if stretch and length + len(sentence) > room:
            yield stretch
            stretch, length = [], 0
        stretch.append(sentence)
        length += len(sentence)
    if stretch:
        yield stretch


class Rows(NamedTuple):
    """Texts side by side in rows of one length, before anything is masked: all (R, T).

    Args:
        ids: tokens; ``[PAD]`` where a row has room left.
        segments: 0 in the first part of a pair and 1 in the second.
        documents: the number of the text in its row, from 1; 0 at padding.
        follows: 0 or 1 at the ``[CLS]`` of each pair, -100 elsewhere.
        may: True at what may be masked: no marks, no padding.
    """

    ids: torch.Tensor
    segments: torch.Tensor
    documents: torch.Tensor
    follows: torch.Tensor
    may: torch.Tensor


def pack(pairs, length, tokenizer):
    """Put pairs of texts side by side, so that little is padding.

    None ever sees another, by :func:`lmcourse.bert.same_document`.

    The longest come first, each into the row where it leaves the least room.

    Args:
        pairs: triples, as :func:`pairs` gives them; a pair without a second part has one segment and nothing to judge.
        length: T, of every row.
        tokenizer: has the ids ``cls``, ``sep`` and ``pad``.

    Returns:
        :class:`Rows`.
    """
    texts = []
    for first, second, torn in pairs:
        ids = [tokenizer.cls, *first, tokenizer.sep, *second, *[tokenizer.sep] * bool(second)]
        if len(ids) > length:
            raise ValueError(f"a text of {len(ids)} tokens does not fit into a row of {length}")
        texts.append((ids, len(first) + 2, torn if second else IGNORE))
    rooms, rows = [], []  # rooms: pairs (tokens left, number of the row), in order
    for text in sorted(texts, key=lambda text: -len(text[0])):
        place = bisect_left(rooms, (len(text[0]), -1))
        left, row = rooms.pop(place) if place < len(rooms) else (length, len(rows))
        if row == len(rows):
            rows.append([])
        rows[row].append(text)
        insort(rooms, (left - len(text[0]), row))
    shape = len(rows), length
    ids, segments, documents = (np.zeros(shape, np.int64) for _ in range(3))
    ids += tokenizer.pad
    follows, may = np.full(shape, IGNORE), np.zeros(shape, bool)
    for r, row in enumerate(rows):
        start = 0
        for number, (text, second, torn) in enumerate(row, 1):
            end = start + len(text)
            ids[r, start:end], documents[r, start:end], may[r, start:end] = text, number, True
            segments[r, start + second : end] = 1
            follows[r, start] = torn
            may[r, [start, start + second - 1, end - 1]] = False
            start = end
    return Rows(*map(torch.from_numpy, (ids, segments, documents, follows, may)))


def batches(rows, size, tokenizer, generator, **masking):
    """Batches for :func:`lmcourse.training.fit` from rows, in another order and with other masks each time.

    Args:
        rows: of :func:`pack`.
        size: B, rows in a batch.
        tokenizer: has ``mask`` and a length, V.
        generator: a ``torch.Generator``.
        masking: more arguments of :func:`mask_tokens`.
    """
    judged = bool((rows.follows != IGNORE).any())
    for at in torch.randperm(len(rows.ids), generator=generator).split(size):
        ids, targets = mask_tokens(rows.ids[at], rows.may[at], len(tokenizer), tokenizer.mask, generator, **masking)
        follows = rows.follows[at]
        batch = {"ids": ids, "targets": targets, "segments": rows.segments[at], "documents": rows.documents[at]}
        if judged:
            batch["follows"] = follows
        yield batch | {"counts": [int((x != IGNORE).sum()) for x in (targets, follows)]}
