"""The exercises of chapter 04e accept right answers and name the mistake of wrong ones."""

import math

import numpy as np
import torch
from bank import bank_tests

from lmcourse.exercises.ch04e import EXERCISES


def size_by_walking(size, kernel, stride, padding):
    return len(range(0, size + 2 * padding - kernel + 1, stride))


def size_by_torch(size, kernel, stride, padding):
    return torch.nn.Conv1d(1, 1, kernel, stride, padding)(torch.zeros(1, 1, size)).shape[2]


def centre(frame):
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]]
    return np.array([(x * frame).sum() / frame.sum(), (y * frame).sum() / frame.sum()])


def move_numpy(clip):
    clip = np.asarray(clip)
    return centre(clip[-1]) - centre(clip[0])


def move_torch(clip):
    light = clip[[0, -1]] / clip[[0, -1]].sum((1, 2), keepdim=True)
    columns, rows = torch.arange(clip.shape[2]).to(light), torch.arange(clip.shape[1]).to(light)
    x, y = light.sum(1) @ columns, light.sum(2) @ rows
    return torch.stack([x[1] - x[0], y[1] - y[0]])


def match_loop(outputs, references):
    right = 0
    for output, reference in zip(outputs, references, strict=True):
        if " ".join(output.split()) == " ".join(reference.split()):
            right += 1
    return right / len(outputs)


def match_numpy(outputs, references):
    return np.mean([a.split() == b.split() for a, b in zip(outputs, references, strict=True)])


RIGHT = [
    ("04e.1", size_by_walking), ("04e.1", size_by_torch), ("04e.2", move_numpy), ("04e.2", move_torch),
    ("04e.3", match_loop), ("04e.3", match_numpy),
]  # fmt: skip


def moved_by(place, scale=1.0):
    return lambda clip: (place(np.asarray(clip)[-1]) - place(np.asarray(clip)[0])) * scale


def weighted_sum(frame):
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]]
    return np.array([(x * frame).sum(), (y * frame).sum()])


def brightest(frame):
    return np.array(np.unravel_index(np.argmax(frame), frame.shape)[::-1], float)


def share(same):
    return lambda a, b: sum(bool(same(x, y)) for x, y in zip(a, b, strict=True)) / len(b)


def word_share(a, b):
    def one(x, y):
        return sum(v == w for v, w in zip(x.split(), y.split(), strict=False)) / len(y.split())

    return np.mean([one(x, y) for x, y in zip(a, b, strict=True)])


def matches_of_those_that_spoke(a, b):
    spoke = [(x, y) for x, y in zip(a, b, strict=True) if x]
    return match_numpy(*zip(*spoke, strict=True)) if spoke else 0.0


WRONG = [
    ("04e.1", "first place forgotten", "count the steps", lambda n, k, s, p: (n + 2 * p - k) // s),
    ("04e.1", "padding on one side", "both sides", lambda n, k, s, p: (n + p - k) // s + 1),
    ("04e.1", "no padding", "leave the padding out", lambda n, k, s, p: (n - k) // s + 1),
    ("04e.1", "over the edge", "You round up", lambda n, k, s, p: -(-(n + 2 * p - k) // s) + 1),
    ("04e.1", "parts of a place", "parts of a place", lambda n, k, s, p: (n + 2 * p - k) / s + 1),
    ("04e.1", "stride", "several pixels", lambda n, k, s, p: n + 2 * p - k + 1),
    ("04e.1", "kernel", "only its first pixel", lambda n, k, s, p: (n + 2 * p) // s + 1),
    ("04e.1", "only divided", "nothing else", lambda n, k, s, p: math.ceil(n / s)),
    ("04e.1", "whole", "as wide as the picture", lambda n, k, s, p: size_by_walking(n, k, s, p) if n > k else 0),
    ("04e.1", "pixel", "one pixel", lambda n, k, s, p: size_by_walking(n, k, s, p) - (k == 1)),
    ("04e.2", "rows and columns", "y first and x second", lambda c: move_numpy(c)[::-1]),
    ("04e.2", "backwards", "last frame minus the first", lambda c: -move_numpy(c)),
    ("04e.2", "up", "counted from the top", lambda c: move_numpy(c) * [1, -1]),
    ("04e.2", "for each frame", "to the next", lambda c: move_numpy(c) / max(1, len(c) - 1)),
    ("04e.2", "not divided", "do not divide", moved_by(weighted_sum)),
    ("04e.2", "divided by the pixels", "number of pixels", moved_by(lambda f: weighted_sum(f) / f.size)),
    ("04e.2", "brightest pixel", "brightest pixel", moved_by(brightest)),
    ("04e.2", "first two frames", "first two frames", lambda c: move_numpy(np.asarray(c)[:2])),
    ("04e.2", "only the distance", "without the direction", lambda c: abs(move_numpy(c))),
    ("04e.2", "where it ends", "where the centre is", lambda c: centre(np.asarray(c)[-1])),
    ("04e.2", "one", "one frame", lambda c: move_numpy(c) if len(c) > 1 else centre(np.asarray(c)[0])),
    (
        "04e.3", "beginning", "stops early",
        share(lambda x, y: all(v == w for v, w in zip(x.split(), y.split(), strict=False))),
    ),
    ("04e.3", "begins with", "only begins", share(lambda x, y: y.split()[: len(x.split())] == x.split())),
    ("04e.3", "order", "at the order", share(lambda x, y: set(x.split()) == set(y.split()))),
    ("04e.3", "spaces", "letter by letter", share(lambda x, y: x == y)),
    ("04e.3", "spaces inside", "between the words", share(lambda x, y: x.strip() == y.strip())),
    ("04e.3", "words", "as a whole", word_share),
    ("04e.3", "length", "numbers of words", share(lambda x, y: len(x.split()) == len(y.split()))),
    ("04e.3", "errors", "the share that is wrong", lambda a, b: 1 - match_numpy(a, b)),
    ("04e.3", "count", "a number of captions", lambda a, b: match_numpy(a, b) * len(b)),
    ("04e.3", "empty left out", "says nothing", matches_of_those_that_spoke),
    ("04e.3", "none", "a single right caption", lambda a, b: match_numpy(a, b) or None),
    ("04e.3", "all", "every caption", lambda a, b: match_numpy(a, b) if len(a) > 1 else 0),
]  # fmt: skip


test_mistakes, test_right_answers, test_wrong_answers = bank_tests(EXERCISES, RIGHT, WRONG)
