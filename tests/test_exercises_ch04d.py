"""The exercises of chapter 04d accept right answers and name the mistake of wrong ones."""

from functools import cache

import jiwer
import numpy as np
import torch
from bank import bank_tests

from lmcourse.exercises.ch04d import EXERCISES


def frames_unfold(samples, window, hop):
    return torch.as_tensor(samples).unfold(0, window, hop)


def frames_view(samples, window, hop):
    return np.lib.stride_tricks.sliding_window_view(np.asarray(samples), window)[::hop]


def triangle_torch(f, left, top, right):
    f = torch.as_tensor(f)
    return torch.minimum((f - left) / (top - left), (right - f) / (right - top)).clamp(min=0)


def triangle_interp(f, left, top, right):
    return np.interp(np.asarray(f), [left, top, right], [0, 1, 0])


def rate_jiwer(outputs, references):
    return jiwer.wer(references, outputs)


@cache
def distance(output, reference, change=1):
    if not output or not reference:
        return len(output) + len(reference)
    rest = distance(output[1:], reference[1:], change) + change * (output[0] != reference[0])
    return min(rest, distance(output[1:], reference, change) + 1, distance(output, reference[1:], change) + 1)


def rate(outputs, references, change=1):
    pairs = [(tuple(o.split()), tuple(r.split())) for o, r in zip(outputs, references, strict=True)]
    return sum(distance(o, r, change) for o, r in pairs) / sum(len(r) for _, r in pairs)


RIGHT = [
    ("04d.1", frames_unfold), ("04d.1", frames_view), ("04d.2", triangle_torch), ("04d.2", triangle_interp),
    ("04d.3", rate_jiwer), ("04d.3", rate),
]  # fmt: skip


def filled_up(samples, window, hop):
    samples = np.asarray(samples)
    padded = np.r_[samples, np.zeros(window)]
    return [padded[n : n + window] for n in range(0, len(samples), hop)]


def lines(f, left, top, right):
    f = torch.as_tensor(f)
    return (f - left) / (top - left), (right - f) / (right - top)


def place_by_place(outputs, references):
    wrong = 0
    for output, reference in zip(outputs, references, strict=True):
        o, r = output.split(), reference.split()
        wrong += sum(a != b for a, b in zip(o, r, strict=False)) + abs(len(o) - len(r))
    return wrong / words(references)


def no_order(outputs, references):
    pairs = [(o.split(), r.split()) for o, r in zip(outputs, references, strict=True)]
    return sum(word not in o for o, r in pairs for word in r) / sum(len(r) for _, r in pairs)


def with_free(more=1, without=1):
    def count(outputs, references):
        total = 0
        for output, reference in zip(outputs, references, strict=True):
            o, r = output.split(), reference.split()
            row = [j * more for j in range(len(o) + 1)]
            for i, wanted in enumerate(r, 1):
                new = [i * without]
                for j, word in enumerate(o, 1):
                    new.append(min(row[j] + without, new[j - 1] + more, row[j - 1] + (word != wanted)))
                row = new
            total += row[-1]
        return total / words(references)

    return count


def words(texts):
    return len(" ".join(texts).split())


def mean_of_rates(outputs, references):
    return np.mean([rate([o], [r]) for o, r in zip(outputs, references, strict=True)])


def whole_sentences(outputs, references):
    return np.mean([o != r for o, r in zip(outputs, references, strict=True)])


def nothing_heard(outputs, references):
    kept = [(o, r) for o, r in zip(outputs, references, strict=True) if o]
    return rate(*map(list, zip(*kept, strict=True)))


def by_area(f, left, top, right):
    return triangle_torch(f, left, top, right) * 2 / (right - left)


def same_slope(f, left, top, right):
    return (1 - abs(torch.as_tensor(f) - top) / (top - left)).clamp(min=0)


WRONG = [
    ("04d.1", "window as hop", "side by side", lambda x, w, h: frames_view(x, w, w)),
    ("04d.1", "hop as window", "`hop` samples long", lambda x, w, h: frames_view(x, h, h)),
    ("04d.1", "hop of one", "one sample after", lambda x, w, h: frames_view(x, w, 1)),
    ("04d.1", "one too few", "last frame is missing", lambda x, w, h: frames_view(x, w, h)[:-1]),
    ("04d.1", "filled up", "with zeros", filled_up),
    ("04d.1", "first missing", "too late", lambda x, w, h: frames_view(x, w, h)[1:]),
    ("04d.1", "columns", "in columns", lambda x, w, h: frames_view(x, w, h).T),
    ("04d.1", "overlap as hop", "for the overlap", lambda x, w, h: frames_view(x, w, w - h)),
    ("04d.1", "one", "one window", lambda x, w, h: frames_view(x, w, h) if len(x) > w else np.zeros((0, w))),
    ("04d.2", "negative", "are negative", lambda *a: torch.minimum(*lines(*a))),
    ("04d.2", "no fall", "do not fall", lambda *a: lines(*a)[0].clamp(0, 1)),
    ("04d.2", "no rise", "do not rise", lambda *a: lines(*a)[1].clamp(0, 1)),
    ("04d.2", "box", "alike", lambda f, left, top, right: [float(left < x < right) for x in f]),
    ("04d.2", "sum", "add the two lines", lambda *a: lines(*a)[0] + lines(*a)[1]),
    ("04d.2", "larger", "larger of the two", lambda *a: torch.maximum(*lines(*a)).clamp(0, 1)),
    ("04d.2", "area", "the width of", by_area),
    ("04d.2", "same slope", "equally steep", same_slope),
    ("04d.2", "corners", "corners", lambda f, *a: triangle_torch(f, *a) if len(f) > 3 else [0.0, 0.0, 0.0]),
    ("04d.3", "mean of rates", "mean of the rates", mean_of_rates),
    ("04d.3", "words of the output", "of the outputs", lambda o, r: rate(o, r) * words(r) / words(o)),
    ("04d.3", "place by place", "place by place", place_by_place),
    ("04d.3", "letters", "letters", lambda o, r: jiwer.cer(r, o)),
    ("04d.3", "change counts two", "twice", lambda o, r: rate(o, r, change=2)),
    ("04d.3", "no order", "whatever their order", no_order),
    ("04d.3", "whole sentences", "part of the sentences", whole_sentences),
    ("04d.3", "not divided", "number of edits", lambda o, r: rate_jiwer(o, r) * words(r)),
    ("04d.3", "turned round", "what is right", lambda o, r: 1 - rate(o, r)),
    ("04d.3", "put in for nothing", "too many", with_free(more=0)),
    ("04d.3", "left out for nothing", "leaves out", with_free(without=0)),
    ("04d.3", "perfect", "without a mistake", lambda o, r: rate(o, r) or 1.0),
    ("04d.3", "empty", "empty output", nothing_heard),
    ("04d.3", "above one", "may exceed 1", lambda o, r: min(1.0, rate(o, r))),
]  # fmt: skip


test_mistakes, test_right_answers, test_wrong_answers = bank_tests(EXERCISES, RIGHT, WRONG)
