"""The exercises of chapter 03 accept right answers and name the mistake of wrong ones."""

import numpy as np
import torch
from bank import bank_tests

from lmcourse.exercises.ch03 import EXERCISES

F = torch.nn.functional


def as_numpy(*values):
    return [np.asarray(v, float) for v in values]


def last_gather(hidden, mask):
    place = mask.sum(1).long() - 1
    return hidden[torch.arange(len(hidden)), place]


def last_loop(hidden, mask):
    found = []
    for sentence, real in zip(hidden.tolist(), mask.tolist(), strict=True):
        found.append([state for state, one in zip(sentence, real, strict=True) if one][-1])
    return found


def mean_torch(hidden, mask):
    return hidden.masked_fill(mask[..., None] == 0, 0).sum(1) / mask.sum(1, keepdim=True)


def mean_loop(hidden, mask):
    rows = zip(*as_numpy(hidden, mask), strict=True)
    return [np.mean([state for state, one in zip(h, m, strict=True) if one], 0) for h, m in rows]


def loss_torch(logits, targets):
    return F.cross_entropy(logits, torch.tensor(targets))


def loss_numpy(logits, targets):
    (z,) = as_numpy(logits)
    z = z - z.max(1, keepdims=True)
    return np.mean(np.log(np.exp(z).sum(1)) - z[range(len(z)), targets])


def neighbour_torch(vectors, labels):
    unit = F.normalize(vectors, dim=1)
    near = (unit @ unit.T).fill_diagonal_(-9).argmax(1).tolist()
    return sum(labels[n] == label for n, label in zip(near, labels, strict=True)) / len(labels)


def neighbour_topk(vectors, labels):
    near = F.cosine_similarity(vectors[:, None], vectors[None], dim=2).topk(2, 1).indices[:, 1].tolist()
    return np.mean([labels[n] == label for n, label in zip(near, labels, strict=True)])


RIGHT = [
    ("03.1", last_gather), ("03.1", last_loop), ("03.2", mean_torch), ("03.2", mean_loop),
    ("03.3", loss_torch), ("03.3", loss_numpy), ("03.4", neighbour_torch), ("03.4", neighbour_topk),
]  # fmt: skip


def nearest_by(near):
    def accuracy(vectors, labels):
        found = near(vectors).argmax(1).tolist()
        return sum(labels[n] == label for n, label in zip(found, labels, strict=True)) / len(labels)

    return accuracy


def cosines(v):
    return F.normalize(v, dim=1) @ F.normalize(v, dim=1).T


def others(near):
    return near.clone().fill_diagonal_(-1e9)


def right_p(z, t):
    return z.softmax(1)[range(len(t)), t]


def one_too_far(hidden, mask):
    return hidden[torch.arange(len(hidden)), mask.sum(1).long().clamp(max=hidden.shape[1] - 1)]


def only_padding(hidden, mask):
    return (hidden * (1 - mask)[..., None]).sum(1) / (1 - mask).sum(1)[:, None]


def naive_loss(z, t):
    return -(z.exp() / z.exp().sum(1, keepdim=True))[range(len(t)), t].log().mean()


WRONG = [
    ("03.1", "last column", "padding", lambda h, m: h[:, -1]),
    ("03.1", "one too far", "one place too far", one_too_far),
    ("03.1", "one too early", "last word but one", lambda h, m: h[torch.arange(len(h)), m.sum(1).long() - 2]),
    ("03.1", "first", "first word", lambda h, m: h[:, 0]),
    ("03.1", "same place", "one place for all", lambda h, m: h[:, int(m.sum(1).max()) - 1]),
    ("03.1", "mean", "a mean of states", lambda h, m: h.mean(1)),
    ("03.1", "sum", "a sum of states", lambda h, m: (h * m[..., None]).sum(1)),
    ("03.1", "maximum", "largest value", lambda h, m: h.max(1).values),
    ("03.1", "lengths as states", "the place of the last word", lambda h, m: m.sum(1).long() - 1),
    ("03.1", "shape", "of shape", lambda h, m: last_gather(h, m)[0]),
    ("03.2", "padding counted", "padding included", lambda h, m: h.mean(1)),
    ("03.2", "divided by T", "number of all places", lambda h, m: (h * m[..., None]).mean(1)),
    ("03.2", "not divided", "not the mean", lambda h, m: (h * m[..., None]).sum(1)),
    ("03.2", "mean of everything", "whole batch", lambda h, m: (h * m[..., None]).sum(1) / m.sum()),
    ("03.2", "only the padding", "turned round", only_padding),
    ("03.2", "padding added", "holds the padding too", lambda h, m: h.sum(1) / m.sum(1)[:, None]),
    ("03.2", "last", "last real state alone", last_gather),
    ("03.2", "over the width", "one vector for each sentence", lambda h, m: h.mean(2)),
    ("03.2", "one", "one word", lambda h, m: torch.where(m.sum(1)[:, None] > 1, mean_torch(h, m), 0)),
    ("03.3", "sum", "the sum over the sentences", lambda z, t: F.cross_entropy(z, torch.tensor(t), reduction="sum")),
    ("03.3", "sign", "0 or more", lambda z, t: right_p(z, t).log().mean()),
    ("03.3", "no softmax", "the scores as they are", lambda z, t: F.nll_loss(z, torch.tensor(t))),
    ("03.3", "no logarithm", "without the logarithm", lambda z, t: 1 - right_p(z, t).mean()),
    ("03.3", "logarithm of the mean", "First the logarithm", lambda z, t: -right_p(z, t).mean().log()),
    ("03.3", "base", "in bits", lambda z, t: -right_p(z, t).log2().mean()),
    ("03.3", "columns", "down the columns", lambda z, t: -z.softmax(0)[range(len(t)), t].log().mean()),
    ("03.3", "likeliest class", "likeliest class", lambda z, t: -z.softmax(1).max(1).values.log().mean()),
    ("03.3", "all classes", "over all classes", lambda z, t: -z.log_softmax(1).mean()),
    ("03.3", "large", "too large for a computer", naive_loss),
    ("03.4", "itself", "found itself", nearest_by(cosines)),
    ("03.4", "not divided by the lengths", "long vectors win", nearest_by(lambda v: others(v @ v.T))),
    ("03.4", "distance", "by the distance", nearest_by(lambda v: others(-torch.cdist(v, v)))),
    ("03.4", "farthest", "farthest point", nearest_by(lambda v: others(-cosines(v)))),
    ("03.4", "errors", "the part that is wrong", lambda v, y: 1 - neighbour_torch(v, y)),
    ("03.4", "count", "number of points", lambda v, y: neighbour_torch(v, y) * len(y)),
    ("03.4", "one less", "one point less", lambda v, y: neighbour_torch(v, y) * len(y) / (len(y) - 1)),
    ("03.4", "frequent label", "most frequent label", lambda v, y: max(y.count(label) for label in y) / len(y)),
    ("03.4", "two", "two points", lambda v, y: neighbour_torch(v, y) if len(y) > 2 else 0.0),
]  # fmt: skip


test_mistakes, test_right_answers, test_wrong_answers = bank_tests(EXERCISES, RIGHT, WRONG, edges=False)
