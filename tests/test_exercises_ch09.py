"""The exercises of chapter 09 accept right answers and name the mistake of wrong ones."""

import math
import random

import numpy as np
import pytest
import torch
from bank import bank_tests
from test_exercises_ch07 import JUNK
from torch import nn

from lmcourse.bert import BertConfig, BertModel, same_document
from lmcourse.exercises import check
from lmcourse.exercises.ch09 import EXERCISES, mask, may_look, parameters, wordpiece
from lmcourse.pretraining import mask_tokens
from lmcourse.wordpiece import MARKS, WordPiece

# Right answers in other words


def cut_loop(word, vocabulary):
    ids = []
    rest = word
    while rest:
        n = len(rest)
        while n and ("##" * (rest != word) + rest[:n]) not in vocabulary:
            n -= 1
        if n == 0:
            return [vocabulary["[UNK]"]]
        ids.append(vocabulary["##" * (rest != word) + rest[:n]])
        rest = rest[n:]
    return ids


def cut_marked(word, vocabulary):
    """Puts ## in front of the rest itself."""
    ids = []
    while word not in ("", "##"):
        found = [word[:n] for n in range(1, len(word) + 1) if word[:n] in vocabulary and word[:n] != "##"]
        if not found:
            return np.array([vocabulary["[UNK]"]])
        ids.append(vocabulary[found[-1]])
        word = "##" + word[len(found[-1]) :]
    return np.array(ids)


def cut_recursive(word, vocabulary, mark=""):
    for n in range(len(word), 0, -1):
        if mark + word[:n] in vocabulary:
            rest = cut_recursive(word[n:], vocabulary, "##") if word[n:] else []
            return rest if rest == [vocabulary["[UNK]"]] else [vocabulary[mark + word[:n]], *rest]
    return [vocabulary["[UNK]"]]


def cut_prefixes(word, vocabulary):
    """Tries all pieces of the vocabulary, the longest first."""
    firsts = sorted((p for p in vocabulary if p[0] not in "#["), key=len, reverse=True)
    others = sorted((p[2:] for p in vocabulary if p.startswith("##")), key=len, reverse=True)
    ids, start = [], 0
    while start < len(word):
        for piece in others if start else firsts:
            if word.startswith(piece, start):
                ids.append(vocabulary.get("##" * (start > 0) + piece))
                start += len(piece)
                break
        else:
            return vocabulary["[UNK]"]
    return torch.tensor(ids)


def cut_course(word, vocabulary):
    pieces = WordPiece.from_vocabulary([*MARKS, *(piece for piece in vocabulary if piece != "[UNK]")]).split(word)
    return [vocabulary[piece] for piece in pieces]


def mask_loop(ids, chosen, fate, other, mask_id):
    shown, targets = [], []
    for token, c, f, random_token in zip(ids, chosen, fate, other, strict=True):
        targets.append(token if c else -100)
        if not c or 0.8 <= f < 0.9:
            shown.append(token)
        else:
            shown.append(mask_id if f < 0.8 else random_token)
    return shown, targets


def mask_numpy(ids, chosen, fate, other, mask_id):
    ids, chosen, fate = np.asarray(ids), np.asarray(chosen), np.asarray(fate)
    new = np.select([fate < 0.8, fate < 0.9], [mask_id, ids], other)
    return [np.where(chosen, new, ids), np.where(chosen, ids, -100)]


def mask_copies(ids, chosen, fate, other, mask_id):
    shown, targets = ids.clone(), ids.clone()
    targets[~chosen] = -100
    shown[chosen & (fate < 0.8)] = mask_id
    late = chosen & (fate >= 0.9)
    shown[late] = other[late]
    return shown, targets


def mask_filled(ids, chosen, fate, other, mask_id):
    shown = ids.masked_fill(chosen & fate.lt(0.8), mask_id)
    return torch.stack([torch.where(chosen & ~fate.lt(0.9), other, shown), ids.masked_fill(~chosen, -100)]).unbind()


def look_loop(documents):
    return [[bool(query == key) for key in documents] for query in documents]


def look_numpy(documents):
    return np.equal.outer(np.asarray(documents), np.asarray(documents))


def look_course(documents):
    return same_document(documents[None])[0]


def look_spelled_out(documents):
    real = documents > 0
    same = (documents[:, None] == documents[None]) & real[:, None] & real[None]
    return same | (~real[:, None] & ~real[None])


def look_blocks(documents):
    blocks = [torch.ones(int(n), int(n), dtype=torch.bool) for n in documents.unique_consecutive(return_counts=True)[1]]
    return torch.block_diag(*blocks).bool()


def look_one_hot(documents):
    rows = nn.functional.one_hot(documents.long()).float()
    return rows @ rows.T > 0


def count_formula(V, D, L, hidden, longest, segments):
    return D * (V + longest + segments + 2) + L * (4 * D**2 + 2 * D * hidden + hidden + 9 * D) + D * D + D


def count_course(V, D, L, hidden, longest, segments):
    with torch.device("meta"):
        model = BertModel(BertConfig(V, D, L, 2, hidden, longest, segments))
    return sum(weights.numel() for weights in model.parameters())


def count_torch(V, D, L, hidden, longest, segments):
    with torch.device("meta"):
        parts = [nn.Embedding(n, D) for n in (V, longest, segments)] + [nn.LayerNorm(D), nn.Linear(D, D)]
        parts += [nn.TransformerEncoderLayer(D, 1, hidden) for _ in range(L)]
    return torch.tensor(sum(weights.numel() for weights in nn.ModuleList(parts).parameters()))


def best_loop(truths):
    accuracy = sum(float(max(row)) for row in truths) / len(truths)
    bits = sum(-p * math.log2(p) for row in truths for p in row if p > 0) / len(truths)
    return accuracy, bits


def best_numpy(truths):
    truths = np.asarray(truths)
    surprise = -np.log2(truths, where=truths > 0, out=np.zeros_like(truths))
    return [truths.max(axis=1).mean(), np.mean(np.sum(truths * surprise, axis=1))]


def best_torch(truths):
    return truths.max(dim=1)[0].mean(), torch.distributions.Categorical(truths).entropy().mean() / math.log(2)


def best_nan_sum(truths):
    return truths.sort(1).values[:, -1].mean(), -(truths * truths.log2()).nansum() / len(truths)


def best_clamped(truths):
    return torch.tensor([truths.amax(1).mean(), -(truths * truths.clamp(min=1e-12).log2()).sum(1).mean()]).tolist()


RIGHT = [
    *(("09.1", f) for f in (cut_loop, cut_marked, cut_recursive, cut_prefixes, cut_course)),
    *(("09.2", f) for f in (mask_loop, mask_numpy, mask_copies, mask_filled)),
    *(("09.3", f) for f in (look_loop, look_numpy, look_course, look_spelled_out, look_blocks, look_one_hot)),
    *(("09.4", f) for f in (count_formula, count_course, count_torch)),
    *(("09.5", f) for f in (best_loop, best_numpy, best_torch, best_nan_sum, best_clamped)),
]  # fmt: skip


# Wrong answers


def cutting(first=True, mark="##", mark_first="", lost=None, going_on=None, forward=None):
    """An answer of habits: from which end it tries, what it looks up, and what it does where nothing fits."""

    def answer(word, vocabulary):
        ids, start = [], 0
        while start < len(word):
            ends = range(len(word), start, -1) if first else range(start + 1, len(word) + 1)
            for end in ends:
                piece = (mark if start else mark_first) + word[start:end]
                if piece in vocabulary:
                    ids.append(vocabulary[piece])
                    start = forward(start, end) if forward else end
                    break
            else:
                if going_on:
                    start = going_on(ids, start, vocabulary["[UNK]"])
                elif lost:
                    return lost(ids, word, start, vocabulary["[UNK]"])
                else:
                    return [vocabulary["[UNK]"]]
        return ids

    return answer


def stays(ids, start, unk):
    return start


def steps_over(ids, start, unk):
    return start + 1


def notes_and_steps_over(ids, start, unk):
    ids.append(unk)
    return start + 1


def from_the_right(word, vocabulary):
    if not word:
        return []
    for start in range(len(word)):
        piece = "##" * (start > 0) + word[start:]
        if piece in vocabulary:
            rest = from_the_right(word[:start], vocabulary)
            return rest if rest == [vocabulary["[UNK]"]] else rest + [vocabulary[piece]]
    return [vocabulary["[UNK]"]]


def all_cuts(word, vocabulary, mark=""):
    """All ways to cut the word, those with long pieces in front first."""
    if not word:
        yield []
    for n in range(len(word), 0, -1):
        if mark + word[:n] in vocabulary:
            for rest in all_cuts(word[n:], vocabulary, "##"):
                yield [vocabulary[mark + word[:n]], *rest]


def fewest(word, vocabulary):
    return min(all_cuts(word, vocabulary), key=len, default=[vocabulary["[UNK]"]])


def goes_back(word, vocabulary):
    return next(all_cuts(word, vocabulary), [vocabulary["[UNK]"]])


def spelled(word, vocabulary):
    first, *others = word
    return [vocabulary.get(piece, vocabulary["[UNK]"]) for piece in [first, *("##" + x for x in others)]]


def in_a_set(word, vocabulary):
    ids = cut_loop(word, vocabulary)
    return list(dict.fromkeys(ids))


def never_the_end(word, vocabulary):
    ids, start = [], 0
    while start < len(word):
        for end in range(len(word) - 1, start, -1):
            piece = "##" * (start > 0) + word[start:end]
            if piece in vocabulary:
                ids.append(vocabulary[piece])
                start = end
                break
        else:
            return [vocabulary["[UNK]"]]
    return ids


def as_pieces(word, vocabulary):
    names = {n: piece for piece, n in vocabulary.items()}
    return [names[n] for n in cut_loop(word, vocabulary)]


def fates(low="mask", middle="keep", high="other", targets=None, whom="chosen"):
    """An answer that does something else with a fate, with the targets, or with whom it concerns."""

    def answer(ids, chosen, fate, other, mask_id):
        shown, wanted = [], []
        for token, c, f, o in zip(ids.tolist(), chosen.tolist(), fate.tolist(), other.tolist(), strict=True):
            what = low if f < 0.8 else middle if f < 0.9 else high
            concerned = {"chosen": c, "all": True, "others": not c}[whom]
            seen = {"mask": mask_id, "keep": token, "other": o}[what] if concerned else token
            shown.append(seen)
            right = token if c else -100
            wanted.append(targets(token, c, f, o, seen, mask_id) if targets else right)
        return shown, wanted

    return answer


def masked_in_place_too_early(ids, chosen, fate, other, mask_id):
    ids[chosen & (fate < 0.8)] = mask_id
    late = chosen & (fate >= 0.9)
    ids[late] = other[late]
    return ids, torch.where(chosen, ids, -100)


def masked_in_place(ids, chosen, fate, other, mask_id):
    targets = torch.where(chosen, ids, -100)
    ids[chosen & (fate < 0.8)] = mask_id
    late = chosen & (fate >= 0.9)
    ids[late] = other[late]
    return ids, targets


def later_ifs_win(ids, chosen, fate, other, mask_id):
    shown = ids.clone()
    for t in range(len(ids)):
        if chosen[t]:
            if fate[t] < 0.8:
                shown[t] = mask_id
            if fate[t] < 0.9:
                shown[t] = ids[t]
            else:
                shown[t] = other[t]
    return shown, torch.where(chosen, ids, -100)


def chosen_alone(*five):
    shown, targets = mask_copies(*five)
    return shown[five[1]], targets[five[1]]


def closed_borders(ids, chosen, fate, other, mask_id):
    new = torch.where(fate <= 0.8, mask_id, torch.where(fate > 0.9, other, ids))
    return torch.where(chosen, new, ids), torch.where(chosen, ids, -100)


def any_chosen(ids, chosen, *rest):
    return mask_copies(ids, chosen, *rest) if chosen.any() else (ids, ids)


def some_not_chosen(ids, chosen, *rest):
    shown, targets = mask_copies(ids, chosen, *rest)
    return shown, ids * 0 - 100 if chosen.all() and len(ids) > 1 else targets


def several_tokens(*five):
    shown, targets = mask_copies(*five)
    return (shown, targets) if len(shown) > 1 else (shown[0] * 0, targets)


def looks(condition):
    """A table from ``condition(d, e, i, j)``: texts d of the query and e of the key, at the places i and j."""
    return lambda d: torch.tensor([[bool(condition(x, y, i, j)) for j, y in enumerate(d)] for i, x in enumerate(d)])


def counted(V, D, L, hidden, longest, segments, *, bias=1, tables=1, first=1, attention=4, norms=2, pooler=1, more=0):
    matrices = attention * (D * D + bias * D) + 2 * D * hidden + bias * (D + hidden)
    layers = L * (matrices + norms * 2 * D)
    return tables * (V + longest + segments) * D + first * 2 * D + layers + pooler * (D * D + bias * D) + more


def counts(**options):
    return lambda *sizes: counted(*sizes, **options)


def plus(more):
    return lambda *sizes: counted(*sizes) + more(*sizes)


def entropies(p, base=2.0):
    return -(p * torch.log(p)).sum(-1) / math.log(base)


def measured(accuracy=None, bits=None):
    """The two numbers, one or both of them wrong."""

    def answer(p):
        return (p.amax(1).mean() if accuracy is None else accuracy(p)), (
            entropies(p).mean() if bits is None else bits(p)
        )

    return answer


def several_places(p):
    return best_torch(p) if len(p) > 1 else (p.max(), entropies(p).sum() / p.shape[1])


def nothing_certain(p):
    """Sets to 1 bit what has none."""
    accuracy, bits = best_torch(p)
    return accuracy, bits if bits > 1e-6 else bits + 1


def cleaned_in_place(p):
    accuracy = p.amax(1).mean()
    p[p == 0] = 1  # its logarithm is 0
    return accuracy, entropies(p).mean()


WRONG = [
    ("09.1", "shortest", "shortest piece", cutting(first=False)),
    ("09.1", "no marks", "without ##", cutting(mark="")),
    ("09.1", "first marked", "first piece with ##", cutting(mark_first="##")),
    ("09.1", "marks exchanged", "wrong way round", cutting(mark="", mark_first="##")),
    ("09.1", "from the right", "Begin on the left", from_the_right),
    ("09.1", "fewest", "does not look ahead", fewest),
    ("09.1", "rest unknown", "only the rest becomes", cutting(lost=lambda ids, word, start, unk: ids + [unk])),
    ("09.1", "rest dropped", "nobody sees it", cutting(lost=lambda ids, word, start, unk: ids)),
    ("09.1", "letter unknown", "for single letters", cutting(going_on=notes_and_steps_over)),
    ("09.1", "letter skipped", "as if it were not there", cutting(going_on=steps_over)),
    ("09.1", "many unknown", "Once is enough", cutting(lost=lambda ids, word, start, unk: [unk for _ in word])),
    ("09.1", "many unknown", "Once is enough",
     cutting(lost=lambda ids, word, start, unk: [unk for _ in word[start:]])),
    ("09.1", "nothing", "nothing at all", cutting(lost=lambda ids, word, start, unk: [])),
    ("09.1", "endless", "never ends", cutting(going_on=stays)),
    ("09.1", "whole words", "word as a whole",
     lambda word, v: v[word] if word in v else v["[UNK]"]),
    ("09.1", "one piece", "after the first piece", lambda word, v: cut_loop(word, v)[0]),
    ("09.1", "overlapping", "overlap", cutting(forward=lambda start, end: start + 1)),
    ("09.1", "letters", "into letters", spelled),
    ("09.1", "backwards", "wrong order", lambda word, v: list(reversed(cut_loop(word, v)))),
    ("09.1", "last letter", "letter of the word is lost", lambda word, v: cut_loop(word[:-1], v) if word[1:] else []),
    ("09.1", "always unknown", "all words are unknown", never_the_end),
    ("09.1", "how many", "how many pieces", lambda word, v: len(cut_loop(word, v))),
    ("09.1", "one letter", "of one letter", lambda word, v: cut_loop(word, v) if word[1:] else [v["[UNK]"]]),
    ("09.1", "twice", "same piece comes twice", in_a_set),
    ("09.1", "dead end", "does not go back", goes_back),
    ("09.1", "type", "returned a list, ['player', '##s'], where numbers should be", as_pieces),
    ("09.1", "raised", "raised KeyError", lambda word, v: [v[letter] for letter in word]),
    ("09.2", "target shown", "would learn to copy", masked_in_place_too_early),
    ("09.2", "target shown", "would learn to copy",
     fates(targets=lambda token, c, f, o, seen, m: seen if c else -100)),
    ("09.2", "target shown", "would learn to copy",
     fates(targets=lambda token, c, f, o, seen, m: (o if f >= 0.9 else token) if c else -100)),
    ("09.2", "targets everywhere", "at every token", lambda ids, *rest: (mask_copies(ids, *rest)[0], ids)),
    ("09.2", "targets turned round", "that were not chosen",
     fates(targets=lambda token, c, f, o, seen, m: -100 if c else token)),
    ("09.2", "kept without target", "chosen and kept",
     fates(targets=lambda token, c, f, o, seen, m: token if seen != token else -100)),
    ("09.2", "targets at [MASK] only", "shown as [MASK] have a target",
     fates(targets=lambda token, c, f, o, seen, m: token if seen == m else -100)),
    ("09.2", "replaced without target", "Replaced tokens have no target",
     fates(targets=lambda token, c, f, o, seen, m: token if c and f < 0.9 else -100)),
    ("09.2", "not -100", "than -100", fates(targets=lambda token, c, f, o, seen, m: token * c)),
    ("09.2", "not -100", "than -100", fates(targets=lambda token, c, f, o, seen, m: token if c else m)),
    ("09.2", "unchosen replaced", "nobody has chosen", fates(whom="all")),
    ("09.2", "chosen turned round", "not chosen", fates(whom="others")),
    ("09.2", "all hidden", "All chosen tokens become", fates(middle="mask", high="mask")),
    ("09.2", "none replaced", "replaced by a random one", fates(high="keep")),
    ("09.2", "none kept", "none is kept", fates(middle="other")),
    ("09.2", "exchanged", "Kept and replaced are exchanged", fates(middle="other", high="keep")),
    ("09.2", "overwritten", "overwrites the first", later_ifs_win),
    ("09.2", "mask rare", "8 of 10", fates(low="other", middle="keep", high="mask")),
    ("09.2", "another order", "from the other end",
     lambda i, c, f, o, m: (mask_copies(i, c, 1 - f, o, m)[0], torch.where(c, i, -100))),
    ("09.2", "two exchanged", "first comes what is shown", lambda *five: mask_copies(*five)[::-1]),
    ("09.2", "chosen only", "the chosen tokens alone", chosen_alone),
    ("09.2", "none chosen", "nothing is chosen", any_chosen),
    ("09.2", "all chosen", "everything is chosen", some_not_chosen),
    ("09.2", "one token", "text of one token", several_tokens),
    ("09.2", "border", "exactly 0, 0.8 or 0.9", closed_borders),
    ("09.2", "in place", "in the next epoch", masked_in_place),
    ("09.2", "parts", "where 2 things should be", lambda *five: mask_copies(*five)[0]),
    ("09.2", "unknown", "as the targets, returned", fates(targets=lambda token, *rest: token + 1)),
    ("09.3", "upside down", "where looking is forbidden", lambda d: d[:, None] != d),
    ("09.3", "causal", "both directions", lambda d: torch.tril(d[:, None] == d)),
    ("09.3", "future only", "before it in its text", lambda d: torch.triu(d[:, None] == d)),
    ("09.3", "causal for all", "mask of a language model", looks(lambda d, e, i, j: i >= j)),
    ("09.3", "everything", "share a row", lambda d: torch.ones(len(d), len(d)).bool()),
    ("09.3", "texts not separated", "as if the row were one text", looks(lambda d, e, i, j: d and e)),
    ("09.3", "texts not separated", "as if the row were one text", looks(lambda d, e, i, j: e > 0)),
    ("09.3", "padding looks at all", "Padding looks at the texts", looks(lambda d, e, i, j: d == e or d == 0)),
    ("09.3", "padding is seen", "would only take weight", looks(lambda d, e, i, j: d == e or e == 0)),
    ("09.3", "padding is seen", "would only take weight", looks(lambda d, e, i, j: d * e == e * e)),
    ("09.3", "empty rows", "nothing to share out", looks(lambda d, e, i, j: d == e > 0)),
    ("09.3", "padding itself", "sees itself alone", looks(lambda d, e, i, j: i == j or d == e > 0)),
    ("09.3", "earlier texts", "smaller or greater", looks(lambda d, e, i, j: d >= e)),
    ("09.3", "neighbours", "neighbours only", looks(lambda d, e, i, j: d == e and i - 1 <= j <= i + 1)),
    ("09.3", "not itself", "of its own text, too", looks(lambda d, e, i, j: d == e and i != j)),
    ("09.3", "only itself", "only itself", lambda d: torch.eye(len(d)).bool()),
    ("09.3", "with a batch", "an axis too many", lambda d: same_document(d[None])),
    ("09.3", "a row alone", "a single row", lambda d: d != 0),
    ("09.3", "numbers", "these are numbers", lambda d: (d[:, None] == d).int()),
    ("09.3", "minus infinity", "added to the scores",
     lambda d: torch.zeros(len(d), len(d)).masked_fill(d[:, None] != d, -torch.inf)),
    ("09.3", "no padding", "without padding", lambda d: look_numpy(d) if 0 in d or len(d) == 1 else look_numpy(d * 0)),
    ("09.3", "one text", "a single text", lambda d: look_numpy(d) if d.max() != 1 or len(d) < 2 else d != d[:, None]),
    ("09.3", "one token", "(1, 1)", lambda d: look_numpy(d).squeeze()),
    ("09.3", "padding alone", "nothing but padding", lambda d: look_numpy(d) & bool(d.any())),
    ("09.4", "no biases", "The biases are missing", counts(bias=0)),
    ("09.4", "4 D short", "Two things there", counts(norms=0)),
    ("09.4", "biases of the network", "feed-forward network is missing",
     plus(lambda V, D, L, F, P, S: -L * (D + F))),
    ("09.4", "matrices alone", "tables and matrices", counts(bias=0, norms=0, first=0)),
    ("09.4", "no pooler", "pooler is missing", counts(pooler=0)),
    ("09.4", "pooler without bias", "bias of the pooler", plus(lambda V, D, L, F, P, S: -D)),
    ("09.4", "pooler in each layer", "behind the last", lambda V, D, L, *rest: counted(V, D, L, *rest, pooler=L)),
    ("09.4", "layers alone", "The tables are missing", counts(tables=0)),
    ("09.4", "layers alone", "The tables are missing", counts(tables=0, first=0)),
    ("09.4", "layers alone", "The tables are missing", counts(tables=0, first=0, pooler=0)),
    ("09.4", "table missing", "no sines", lambda V, D, L, F, P, S: counted(V, D, L, F, 0, S)),
    ("09.4", "table missing", "no sines", lambda V, D, L, F, P, S: counted(V, D, L, F, P, 0)),
    ("09.4", "table missing", "no sines", lambda V, D, L, F, P, S: counted(V, D, L, F, 0, 0)),
    ("09.4", "tables in each layer", "in front of the first",
     lambda V, D, L, *rest: counted(V, D, L, *rest, tables=L)),
    ("09.4", "tables with a bias", "taken as it is", plus(lambda V, D, L, F, P, S: 3 * D)),
    ("09.4", "first norm", "behind the sum", counts(first=0)),
    ("09.4", "one norm a layer", "Two vectors of each layer", counts(norms=1)),
    ("09.4", "no norms", "normalisations are missing", counts(norms=0, first=0)),
    ("09.4", "last norm", "behind the last layer", counts(first=2)),
    ("09.4", "one layer", "one layer", lambda V, D, L, *rest: counted(V, D, 1, *rest)),
    ("09.4", "three matrices", "four matrices", counts(attention=3)),
    ("09.4", "one matrix of the network", "has two matrices", plus(lambda V, D, L, F, P, S: -L * (D * F + D))),
    ("09.4", "4 D", "so in BERT base", lambda V, D, L, F, P, S: counted(V, D, L, 4 * D, P, S)),
    ("09.4", "times the heads", "number of heads", counts(attention=48)),
    ("09.4", "times the heads", "number of heads", counts(attention=1 + 3 * 12)),
    ("09.4", "output layer", "a head for pre-training", plus(lambda V, D, L, F, P, S: V * (D + 1))),
    ("09.4", "one segment", "a table, too", lambda V, D, L, F, P, S: counted(V, D, L, F, P, S if S > 1 else 0)),
    ("09.5", "nats", "another base", measured(bits=lambda p: entropies(p, math.e).mean())),
    ("09.5", "sign", "below 0", measured(bits=lambda p: (p * p.log2()).sum(1).mean())),
    ("09.5", "perplexity", "its logarithm", measured(bits=lambda p: torch.exp2(entropies(p).mean()))),
    ("09.5", "sampling", "at random by the probabilities", measured(lambda p: (p * p).sum() / len(p))),
    ("09.5", "mean of p", "always 1 / V", measured(lambda p: p.mean(1).mean())),
    ("09.5", "least likely", "the least likely", measured(lambda p: p.amin(1).mean())),
    ("09.5", "error", "the guess is wrong", measured(lambda p: (1 - p.amax(1)).mean())),
    ("09.5", "sums", "sum over the places", measured(lambda p: p.amax(1).sum(), lambda p: entropies(p).sum())),
    ("09.5", "sums", "sum over the places", measured(bits=lambda p: entropies(p).sum())),
    ("09.5", "mean over tokens", "weights already", measured(bits=lambda p: -(p * p.log2()).mean())),
    ("09.5", "bits not weighted", "each surprise", measured(bits=lambda p: -p.log2().mean())),
    ("09.5", "bits of the best", "may be any of them", measured(bits=lambda p: -p.amax(1).log2().mean())),
    ("09.5", "one distribution", "average the rows",
     measured(lambda p: p.mean(0).max(), lambda p: entropies(p.mean(0)))),
    ("09.5", "best of all places", "whole table", measured(lambda p: p.max())),
    ("09.5", "along the places", "down the columns", measured(lambda p: p.amax(0).mean())),
    ("09.5", "along the places", "down the columns", measured(bits=lambda p: -(p * p.log2()).sum(0).mean())),
    ("09.5", "which token", "places of the maxima", measured(lambda p: p.argmax(1).float().mean())),
    ("09.5", "all possible alike", "tokens alike", measured(bits=lambda p: np.log2(p.shape[1]))),
    ("09.5", "each place", "a number for each place", measured(lambda p: p.amax(1), entropies)),
    ("09.5", "exchanged", "first the accuracy", lambda p: best_torch(p)[::-1]),
    ("09.5", "one place", "a single place", several_places),
    ("09.5", "impossible and certain", "0 times that is no number", measured()),
    ("09.5", "certain", "there is no surprise", nothing_certain),
    ("09.5", "in place", "has been changed", cleaned_in_place),
    ("09.5", "parts", "where 2 things should be", lambda p: p.amax(1).mean()),
    ("09.5", "unknown", "as the bits, returned", measured(bits=lambda p: 17.0)),
]  # fmt: skip


test_mistakes, test_right_answers, test_wrong_answers = bank_tests(EXERCISES, RIGHT, WRONG)


ANSWERS = {
    "09.1": lambda made: lambda word, vocabulary: made(),
    "09.2": lambda made: lambda ids, chosen, fate, other, mask_id: made(),
    "09.3": lambda made: lambda documents: made(),
    "09.4": lambda made: lambda V, D, L, hidden, longest, segments: made(),
    "09.5": lambda made: lambda truths: made(),
}


@pytest.mark.parametrize("number", ANSWERS)
@pytest.mark.parametrize("junk", range(len(JUNK)))
def test_whatever_is_returned_is_answered(number, junk):
    verdict = check(number, ANSWERS[number](lambda: JUNK[junk]))
    assert not verdict and verdict.mistake and verdict.message.startswith(f"{number}: not yet. ")
    assert len(verdict.message) < 1100


@pytest.mark.parametrize("number", ANSWERS)
@pytest.mark.parametrize("error", [ValueError("own words"), KeyError("a key"), RecursionError(), StopIteration()])
def test_whatever_is_raised_is_told(number, error):
    def fail():
        raise error

    verdict = check(number, ANSWERS[number](fail))
    assert verdict.mistake == "raised" and f"raised {type(error).__name__}" in verdict.message


@pytest.mark.parametrize("number", ANSWERS)
def test_other_cases_of_the_same_kind_are_judged_alike(number):
    """The cases come from a seed; with others, the right answers still agree with each other."""
    exercise = next(one for one in EXERCISES if one.number == number)
    for seed in range(5):
        for case in exercise.cases(random.Random(seed)):
            wanted = exercise.solution(*case.args)
            for other in (function for n, function in RIGHT if n == number):
                found = other(*(torch.tensor(arg) if isinstance(arg, np.ndarray) else arg for arg in case.args))
                for one, right in zip(found, wanted, strict=True) if exercise.parts else [(found, wanted)]:
                    assert np.allclose(one, right, atol=1e-6), (seed, case.edge, other.__name__)


# The exercises say what the package does


def test_wordpiece_cuts_as_the_course_does():
    rng = random.Random(0)
    unknown = 0
    for _ in range(60):
        pieces = sorted(
            {mark + "".join(rng.choices("abc", k=rng.randint(1, 3))) for mark in ("", "##") for _ in range(7)}
        )
        vocabulary = {piece: n for n, piece in enumerate([*MARKS, *pieces])}
        course = WordPiece.from_vocabulary(vocabulary)
        for _ in range(10):
            word = "".join(rng.choices("abc", k=rng.randint(1, 8)))
            ids = wordpiece(word, vocabulary)
            assert ids == [vocabulary[piece] for piece in course.split(word)], (word, pieces)
            unknown += ids == [course.unk]
    assert 100 < unknown < 500  # both kinds of words have been tried


def test_mask_hides_as_the_course_does():
    ids, may = torch.randint(5, 99, (2000,), generator=torch.Generator().manual_seed(1)), torch.arange(2000) % 7 > 0
    shown, targets = mask_tokens(ids, may, 99, 4, torch.Generator().manual_seed(2), share=0.5)
    generator = torch.Generator().manual_seed(2)  # the same draws in the same order
    chosen = (torch.rand(ids.shape, generator=generator) < 0.5) & may
    fate, other = torch.rand(ids.shape, generator=generator), torch.randint(5, 99, ids.shape, generator=generator)
    mine = mask(ids, chosen, fate, other, 4)
    assert torch.equal(mine[0], shown) and torch.equal(mine[1], targets)


def test_may_look_is_what_the_encoder_uses():
    rows = torch.tensor([[1, 1, 2, 2, 2, 0], [1, 2, 2, 3, 0, 0]])
    assert torch.equal(torch.stack([may_look(row) for row in rows]), same_document(rows))
    assert may_look(rows[0]).any(1).all()


def test_bert_base_has_its_110_million():
    base = BertConfig(30522)
    sizes = (base.vocab_size, base.width, base.layers, base.hidden, base.longest, base.segments)
    assert parameters(*sizes) == count_course(*sizes) == 109482240
    assert EXERCISES[3].fresh()[0].args == sizes


def test_a_loop_without_end_is_ended():
    word, vocabulary = EXERCISES[0].fresh()[5].args
    with pytest.raises(Exception, match="20000 look-ups for one word, and no end of the loop in sight"):
        cutting(going_on=stays)(word, vocabulary)
    assert vocabulary == dict(vocabulary) and repr(vocabulary) == repr(dict(vocabulary))
