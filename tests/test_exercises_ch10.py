"""The exercises of chapter 10 accept right answers and name the mistake of wrong ones."""

import numpy as np
from bank import bank_tests

from lmcourse.exercises.ch10 import EXERCISES


def gap_by_rest(model, baseline, floor):
    return 1 - (model - floor) / (baseline - floor)


def gap_by_numpy(model, baseline, floor):
    return np.interp(-model, [-2 * baseline + floor, -baseline, -floor], [-1.0, 0.0, 1.0])


def ahead_by_pairs(one, other):
    if all(a < b for a in one for b in other):
        return 1
    return -1 if all(b < a for a in one for b in other) else 0


def ahead_by_sorting(one, other):
    one, other = sorted(one), sorted(other)
    return int(one[-1] < other[0]) - int(other[-1] < one[0])


def figure_by_index(valid, test):
    return test[valid.index(max(valid))]


def figure_by_numpy(valid, test):
    return float(np.array(test)[np.argmax(np.array(valid))])


RIGHT = [
    ("10.1", gap_by_rest), ("10.1", gap_by_numpy), ("10.2", ahead_by_pairs), ("10.2", ahead_by_sorting),
    ("10.3", figure_by_index), ("10.3", figure_by_numpy),
]  # fmt: skip


def mean(values):
    return sum(values) / len(values)


def compare(x, y):
    return 1 if x < y else -1 if x > y else 0


def in_order(one, other):
    pairs = list(zip(one, other, strict=False))
    return 1 if all(a < b for a, b in pairs) else -1 if all(a > b for a, b in pairs) else 0


def not_worse(one, other):
    if max(one) <= min(other):
        return 1
    return -1 if max(other) <= min(one) else 0


def last_of_equals(valid, test):
    return test[max(range(len(valid)), key=lambda n: (valid[n], n))]


def both(valid, test):
    sums = [a + b for a, b in zip(valid, test, strict=True)]
    return test[sums.index(max(sums))]


WRONG = [
    ("10.1", "no floor", "zero bits", lambda m, b, f: 1 - m / b),
    ("10.1", "what is left", "still open", lambda m, b, f: (f - m) / (f - b)),
    ("10.1", "of the model", "begins at the baseline", lambda m, b, f: (m - b) / (f - m)),
    ("10.1", "bits", "bits that were gained", lambda m, b, f: b - m),
    ("10.1", "sign", "wrong way round", lambda m, b, f: (b - m) / (f - b)),
    ("10.1", "percent", "in percent", lambda m, b, f: (b - m) / (b - f) * 100),
    ("10.1", "upside down", "whole gap", lambda m, b, f: 1 / gap_by_rest(m, b, f)),
    ("10.1", "worse", "worse than the baseline", lambda m, b, f: max(0.0, gap_by_rest(m, b, f))),
    ("10.2", "means", "means", lambda a, b: compare(mean(a), mean(b))),
    ("10.2", "best runs", "best run", lambda a, b: compare(min(a), min(b))),
    ("10.2", "worst runs", "worst run", lambda a, b: compare(max(a), max(b))),
    ("10.2", "more is better", "surprise", lambda a, b: ahead_by_pairs(b, a)),
    ("10.2", "any", "some run", lambda a, b: 1 if any(x < y for x in a for y in b) else -1),
    ("10.2", "one side", "never say -1", lambda a, b: 1 if all(x < y for x in a for y in b) else 0),
    ("10.2", "in order", "no order", in_order),
    ("10.2", "touch", "equal is not better", not_worse),
    ("10.3", "best of the test", "choose by the test", lambda v, t: sorted(t)[-1]),
    ("10.3", "validation", "report the validation", lambda v, t: sorted(v)[-1]),
    ("10.3", "worst", "the worst on the validation", lambda v, t: t[int(np.argmin(v))]),
    ("10.3", "mean", "mean of all settings", lambda v, t: mean(t)),
    ("10.3", "which", "which setting", lambda v, t: int(np.argmax(v))),
    ("10.3", "both", "both texts", both),
    ("10.3", "last", "the last setting", lambda v, t: t[len(t) - 1]),
    ("10.3", "tie", "first of them", last_of_equals),
    ("10.3", "one", "nothing to choose", lambda v, t: figure_by_index(v, t) if len(v) > 1 else v[0]),
]  # fmt: skip


test_mistakes, test_right_answers, test_wrong_answers = bank_tests(EXERCISES, RIGHT, WRONG)
