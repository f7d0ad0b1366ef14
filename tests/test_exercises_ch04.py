"""The exercises of chapter 04 accept right answers and name the mistake of wrong ones."""

import math

import numpy as np
import torch
from bank import bank_tests

from lmcourse.exercises.ch04 import EXERCISES


def forcing_slices(target, bos, eos):
    whole = [bos, *target, eos]
    return np.array([whole[:-1], whole[1:]])


def forcing_torch(target, bos, eos):
    whole = torch.tensor([bos] + list(target) + [eos])
    return torch.stack([whole[:-1], whole[1:]])


def greedy_torch(p, bos, eos, longest):
    following, written, last = torch.as_tensor(p).argmax(1).tolist(), [], bos
    for _ in range(longest):
        last = following[last]
        if last == eos:
            return written
        written += [last]
    return written


def greedy_recursive(p, bos, eos, longest):
    if longest == 0:
        return []
    row = [float(x) for x in p[bos]]
    token = row.index(max(row))
    return [] if token == eos else [token, *greedy_recursive(p, token, eos, longest - 1)]


def step_topk(scores, log_probs, beam):
    total = torch.as_tensor(scores)[:, None] + torch.as_tensor(log_probs)
    flat = total.flatten().topk(beam).indices
    return torch.stack([flat // total.shape[1], flat % total.shape[1]], 1)


def step_argsort(scores, log_probs, beam):
    total = np.asarray(scores)[:, None] + np.asarray(log_probs)
    order = np.argsort(-total, axis=None)[:beam]
    return np.stack(np.unravel_index(order, total.shape), 1)


def scores_numpy(log_probs, lengths, alpha):
    return np.array(log_probs) / np.array(lengths, float) ** alpha


def scores_exp(log_probs, lengths, alpha):
    return [p * math.exp(-alpha * math.log(n)) for p, n in zip(log_probs, lengths, strict=True)]


RIGHT = [
    ("04.1", forcing_slices), ("04.1", forcing_torch), ("04.2", greedy_torch), ("04.2", greedy_recursive),
    ("04.3", step_topk), ("04.3", step_argsort), ("04.4", scores_numpy), ("04.4", scores_exp),
]  # fmt: skip


def write(p, bos, eos, longest, following=None, stop=True):
    following, written, last = following or torch.as_tensor(p).argmax(1).tolist(), [], bos
    for _ in range(longest):
        last = following[last]
        if stop and last == eos:
            break
        written.append(last)
    return written


def with_end(p, bos, eos, longest):
    written = greedy_torch(p, bos, eos, longest)
    return [*written, eos] if len(written) < longest else written


def never_empty(p, bos, eos, longest):
    written = greedy_torch(p, bos, eos, longest)
    return written or [eos]


def first_row(p, bos, eos, longest):
    return write(p, bos, eos, longest, [torch.as_tensor(p)[bos].argmax().item()] * len(p))


def least(p, bos, eos, longest):
    return write(p, bos, eos, longest, torch.as_tensor(p).argmin(1).tolist())


def down(p, bos, eos, longest):
    return write(p, bos, eos, longest, torch.as_tensor(p).argmax(0).tolist())


def top(table, beam, largest=True):
    table = torch.as_tensor(table)
    flat = table.flatten().topk(beam, largest=largest).indices
    return [[n // table.shape[1], n % table.shape[1]] for n in flat.tolist()]


def each_its_best(s, p, beam):
    best = (torch.as_tensor(s)[:, None] + torch.as_tensor(p)).max(1)
    order = best.values.argsort(descending=True)[:beam].tolist()
    return [[k, best.indices[k].item()] for k in order]


def total(s, p):
    return torch.as_tensor(s)[:, None] + torch.as_tensor(p)


WRONG = [
    ("04.1", "no end", "has to be predicted too", lambda y, b, e: [[b, *y][:-1], y]),
    ("04.1", "copy", "learn to copy", lambda y, b, e: [[b, *y, e]] * 2),
    ("04.1", "both marks", "never predicted", lambda y, b, e: [[b, *y, e], [*y, e, e]]),
    ("04.1", "turned round", "changed places", lambda y, b, e: forcing_slices(y, b, e)[::-1]),
    ("04.1", "marks exchanged", "exchanged", lambda y, b, e: forcing_slices(y, e, b)),
    ("04.1", "empty", "empty output", lambda y, b, e: forcing_slices(y, b, e) if len(y) else [[], []]),
    ("04.2", "end kept", "mark of the end", with_end),
    ("04.2", "columns", "down a column", down),
    ("04.2", "stuck", "same row", first_row),
    ("04.2", "no stop", "go on writing", lambda p, b, e, n: write(p, b, e, n, stop=False)),
    ("04.2", "least likely", "least likely", least),
    ("04.2", "begin kept", "begins with", lambda p, b, e, n: [b] + write(p, b, e, n)),
    ("04.2", "one short", "one token too early", lambda p, b, e, n: write(p, b, e, n - 1)),
    ("04.2", "at once", "may be </s> already", never_empty),
    ("04.3", "each its best", "in several ways", each_its_best),
    ("04.3", "beginnings forgotten", "so far counts too", lambda s, p, k: top(p, k)),
    ("04.3", "product", "are added", lambda s, p, k: top(torch.as_tensor(s)[:, None] * torch.as_tensor(p), k)),
    ("04.3", "worst", "keep the worst", lambda s, p, k: top(total(s, p), k, largest=False)),
    ("04.3", "turned round", "(token, number", lambda s, p, k: [pair[::-1] for pair in top(total(s, p), k)]),
    ("04.3", "worst first", "best has to come first", lambda s, p, k: top(total(s, p), k)[::-1]),
    ("04.3", "all", "only the best are kept", lambda s, p, k: top(total(s, p), total(s, p).numel())),
    ("04.3", "one", "beam of one", lambda s, p, k: top(total(s, p), k) if k > 1 else top(total(s, p), 1)[0]),
    ("04.4", "multiplied", "punishes", lambda p, n, a: np.array(p) * np.array(n, float) ** a),
    ("04.4", "alpha times", "exponent", lambda p, n, a: np.array(p) / (np.array(n) * a)),
    ("04.4", "always the mean", "forget alpha", lambda p, n, a: np.array(p) / np.array(n)),
    ("04.4", "no length", "forget the length", lambda p, n, a: p),
    ("04.4", "sign", "turned the sign", lambda p, n, a: -scores_numpy(p, n, a)),
    ("04.4", "mark not counted", "leave </s> out", lambda p, n, a: scores_numpy(p, [max(k - 1, 1) for k in n], a)),
    ("04.4", "zero", "does not count", lambda p, n, a: scores_numpy(p, n, a or 1.0)),
    ("04.4", "one", "single output", lambda p, n, a: scores_numpy(p, n, a) if len(p) > 1 else 0.0),
]  # fmt: skip


test_mistakes, test_right_answers, test_wrong_answers = bank_tests(EXERCISES, RIGHT, WRONG)
