"""The exercises of chapter 04a accept right answers and name the mistake of wrong ones."""

import math
from collections import Counter

import numpy as np
from bank import bank_tests

from lmcourse.exercises.ch04a import EXERCISES


def grams(words, n):
    return Counter(zip(*(words[k:] for k in range(n)), strict=False))


def precision_counter(output, reference, n):
    shared = grams(output, n) & grams(reference, n)
    return shared.total() / max(1, grams(output, n).total())


def precision_removing(output, reference, n):
    left = [" ".join(reference[i : i + n]) for i in range(len(reference) - n + 1)]
    hits = []
    for i in range(len(output) - n + 1):
        gram = " ".join(output[i : i + n])
        hits.append(gram in left)
        if gram in left:
            left.remove(gram)
    return sum(hits) / len(hits) if hits else 0


def penalty_min(outputs, references):
    c, r = sum(map(len, outputs)), sum(map(len, references))
    return math.exp(min(0, 1 - r / c)) if c else 0


def penalty_numpy(outputs, references):
    c, r = (np.sum([len(words) for words in some]) for some in (outputs, references))
    return 0 if c == 0 else min(1, np.exp(1 - r / c))


def groups_numpy(outputs, references, lengths, edges):
    right = np.array([a == b for a, b in zip(outputs, references, strict=True)])
    which = np.digitize(lengths, edges) - 1
    rows = []
    for group in range(len(edges) - 1):
        inside = which == group
        rows.append((inside.sum(), right[inside].mean() if inside.any() else 0))
    return rows


def groups_loop(outputs, references, lengths, edges):
    counts, good = [0] * (len(edges) - 1), [0] * (len(edges) - 1)
    for a, b, n in zip(outputs, references, lengths, strict=True):
        for k in range(len(edges) - 1):
            if n in range(edges[k], edges[k + 1]):
                counts[k] += 1
                good[k] += a == b
    return [[c, g / max(1, c)] for c, g in zip(counts, good, strict=True)]


RIGHT = [
    ("04a.1", precision_counter), ("04a.1", precision_removing), ("04a.2", penalty_min), ("04a.2", penalty_numpy),
    ("04a.3", groups_numpy), ("04a.3", groups_loop),
]  # fmt: skip


def not_clipped(output, reference, n):
    found = list(zip(*(output[k:] for k in range(n)), strict=False))
    return sum(gram in grams(reference, n) for gram in found) / len(found)


def each_once(output, reference, n):
    return len(set(grams(output, n)) & set(grams(reference, n))) / len(set(grams(output, n)))


def each_sentence(outputs, references):
    return np.mean([penalty_min([o], [r]) for o, r in zip(outputs, references, strict=True)])


def no_condition(outputs, references):
    return np.exp(1 - sum(map(len, references)) / max(1e-9, sum(map(len, outputs))))


def edges_with_both(outputs, references, lengths, edges):
    rows = []
    for low, high in zip(edges, edges[1:], strict=False):
        marks = [a == b for a, b, n in zip(outputs, references, lengths, strict=True) if low <= n <= high]
        rows.append([len(marks), sum(marks) / len(marks)])
    return rows


def shares(change):
    return lambda o, r, n, e: [change(*row, len(o)) for row in groups_loop(o, r, n, e)]


def crash_on_empty(outputs, references, lengths, edges):
    rows = groups_loop(outputs, references, lengths, edges)
    return [[c, s * c / c] for c, s in rows]


WRONG = [
    ("04a.1", "not clipped", "every repetition", not_clipped),
    ("04a.1", "each once", "every run once", each_once),
    ("04a.1", "recall", "That is recall", lambda o, r, n: precision_counter(r, o, n)),
    ("04a.1", "divided by words", "wrong number", lambda o, r, n: (grams(o, n) & grams(r, n)).total() / (len(o) + 1)),
    ("04a.1", "count", "how many are shared", lambda o, r, n: (grams(o, n) & grams(r, n)).total()),
    (
        "04a.1", "both sides", "as F1 does",
        lambda o, r, n: 2 * (grams(o, n) & grams(r, n)).total() / (grams(o, n).total() + grams(r, n).total()),
    ),
    ("04a.1", "single words", "runs of n words are asked for", lambda o, r, n: precision_counter(o, r, 1)),
    (
        "04a.1", "short", "fewer than n words",
        lambda o, r, n: (grams(o, n) & grams(r, n)).total() / grams(o, n).total(),
    ),
    ("04a.2", "turned round", "r / c belongs", lambda o, r: math.exp(1 - sum(map(len, o)) / sum(map(len, r)))),
    ("04a.2", "the ratio", "c / r itself", lambda o, r: min(1, sum(map(len, o)) / sum(map(len, r)))),
    ("04a.2", "each sentence", "add up first", each_sentence),
    ("04a.2", "sign", "sign of the power", lambda o, r: math.exp(sum(map(len, r)) / sum(map(len, o)) - 1)),
    ("04a.2", "no 1", "The 1 in the power", lambda o, r: math.exp(-sum(map(len, r)) / sum(map(len, o)))),
    ("04a.2", "no punishment", "Which way round", lambda o, r: 1.0),
    ("04a.2", "long", "longer than the references", no_condition),
    ("04a.2", "empty", "without any word", lambda o, r: penalty_min(o, r) if any(o) else 1.0),
    ("04a.3", "upper edge", "upper edge", edges_with_both),
    ("04a.3", "share of all", "number of all sentences", shares(lambda c, s, n: [c, c * s / n])),
    ("04a.3", "errors", "share that is wrong", shares(lambda c, s, n: [c, 1 - s])),
    ("04a.3", "counts", "how many are right", shares(lambda c, s, n: [c, c * s])),
    ("04a.3", "order in the pair", "wrong order", shares(lambda c, s, n: [s, c])),
    ("04a.3", "only the shares", "counts are missing", shares(lambda c, s, n: s)),
    ("04a.3", "empty", "without sentences", crash_on_empty),
]  # fmt: skip


test_mistakes, test_right_answers, test_wrong_answers = bank_tests(EXERCISES, RIGHT, WRONG)
