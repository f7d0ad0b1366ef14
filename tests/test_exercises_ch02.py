"""The exercises of chapter 02: right answers in other words, and wrong ones that hear their own mistake."""

import math

import numpy as np
import pytest
import torch

from lmcourse.exercises import _exercises, check

RIGHT, WRONG = [], []


def right(number):
    """Marks a right answer, written in another way than the solution."""
    return lambda function: RIGHT.append((number, function)) or function


def wrong(number, mistake, phrase):
    """Marks a wrong answer, with the name of its mistake and words that its message must hold."""
    return lambda function: WRONG.append((number, mistake, phrase, function)) or function


def sigmoid(z):
    return torch.sigmoid(torch.as_tensor(z))


# 02.1 rnn_step


@right("02.1")
def s_lists(x, h, W, U, b):
    new = []
    for j in range(len(b)):
        total = float(b[j])
        for k in range(len(x)):
            total += float(W[j][k]) * float(x[k])
        for k in range(len(h)):
            total += float(U[j][k]) * float(h[k])
        new.append(math.tanh(total))
    return new


@right("02.1")
def s_torch(x, h, W, U, b):
    return torch.tanh(x @ W.T + h @ U.T + b)


@right("02.1")
def s_one_matrix(x, h, W, U, b):
    return (torch.cat([W, U], 1) @ torch.cat([x, h]) + b).tanh()


@right("02.1")
def s_cell(x, h, W, U, b):
    cell = torch.nn.RNNCell(len(x), len(h)).double()
    weights = (W, U, b, torch.zeros_like(b))
    cell.load_state_dict(dict(zip(["weight_ih", "weight_hh", "bias_ih", "bias_hh"], weights, strict=True)))
    return cell(x, h)


wrong("02.1", "no tanh", "before the tanh")(lambda x, h, W, U, b: W @ x + U @ h + b)
wrong("02.1", "no bias", "bias is missing")(lambda x, h, W, U, b: (W @ x + U @ h).tanh())
wrong("02.1", "exchanged", "W looks at the input")(lambda x, h, W, U, b: (W @ h + U @ x + b).tanh())
wrong("02.1", "transposed", "each row of W")(lambda x, h, W, U, b: (x @ W + h @ U + b).tanh())
wrong("02.1", "transposed", "each row of W")(lambda x, h, W, U, b: (W.T @ x + U @ h + b).tanh())
wrong("02.1", "state ignored", "no memory")(lambda x, h, W, U, b: (W @ x + b).tanh())
wrong("02.1", "input ignored", "no part")(lambda x, h, W, U, b: (U @ h + b).tanh())
wrong("02.1", "sigmoid", "between -1 and 1")(lambda x, h, W, U, b: (W @ x + U @ h + b).sigmoid())
wrong("02.1", "relu", "ReLU")(lambda x, h, W, U, b: (W @ x + U @ h + b).relu())
wrong("02.1", "squashed apart", "First everything is added")(lambda x, h, W, U, b: (W @ x).tanh() + (U @ h).tanh() + b)
wrong("02.1", "added to the old", "replaces its state")(lambda x, h, W, U, b: h + (W @ x + U @ h + b).tanh())
wrong("02.1", "same weights", "each has its own")(lambda x, h, W, U, b: (W @ (x + h) + b).tanh())
wrong("02.1", "bias twice", "twice")(lambda x, h, W, U, b: (W @ x + b + U @ h + b).tanh())
wrong("02.1", "unknown", "by hand")(lambda x, h, W, U, b: (W @ x - U @ h + b).tanh())
wrong("02.1", "shape", "where numbers of shape (3,) should be")(lambda x, h, W, U, b: (W * x + U * h + b).tanh())
wrong("02.1", "sizes", "not as long as the input")(
    lambda x, h, W, U, b: [
        math.tanh(sum(float(W[j][k] * x[k] + U[j][k] * h[k]) for k in range(3)) + b[j]) for j in range(3)
    ]
)


# 02.2 lstm_step


@right("02.2")
def l_torch(i, f, g, o, c):
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


@right("02.2")
def l_numpy(i, f, g, o, c):
    with np.errstate(over="ignore"):
        i, f, o = (1 / (1 + np.exp(-np.array(z))) for z in (i, f, o))
    new = f * np.array(c) + i * np.tanh(np.array(g))
    return np.stack([o * np.tanh(new), new])


@right("02.2")
def l_lists(i, f, g, o, c):
    def gate(z):
        return 1 / (1 + math.exp(-z)) if z > 0 else math.exp(z) / (1 + math.exp(z))

    new = [gate(f[n]) * c[n] + gate(i[n]) * math.tanh(g[n]) for n in range(len(c))]
    return [[gate(o[n]) * math.tanh(new[n]) for n in range(len(c))], new]


@right("02.2")
def l_cell(i, f, g, o, c):
    cell = torch.nn.LSTMCell(1, len(c)).double()
    for parameter in cell.parameters():
        parameter.data.zero_()
    cell.bias_ih.data.copy_(torch.cat([i, f, g, o]))
    h, c = cell(torch.zeros(1, 1).double(), (torch.zeros(1, len(c)).double(), c[None]))
    return [h[0].detach(), c[0].detach()]


def gated(function):
    return lambda i, f, g, o, c: function(sigmoid(i), sigmoid(f), torch.tanh(g), sigmoid(o), c)


def pair(o, c):
    return o * torch.tanh(c), c


wrong("02.2", "gates exchanged", "f goes with the old")(gated(lambda i, f, g, o, c: pair(o, i * c + f * g)))
wrong("02.2", "not squashed", "as they are")(lambda i, f, g, o, c: pair(o, f * c + i * g))
wrong("02.2", "not squashed", "as they are")(lambda i, f, g, o, c: pair(o, f * c + i * g.tanh()))
wrong("02.2", "sigmoid for g", "no gate but new content")(
    lambda i, f, g, o, c: pair(sigmoid(o), sigmoid(f) * c + sigmoid(i) * sigmoid(g))
)
wrong("02.2", "tanh for gates", "between 0 and 1")(
    lambda i, f, g, o, c: pair(o.tanh(), f.tanh() * c + i.tanh() * g.tanh())
)
wrong("02.2", "no tanh of g", "g is not squashed")(
    lambda i, f, g, o, c: pair(sigmoid(o), sigmoid(f) * c + sigmoid(i) * g)
)
wrong("02.2", "no tanh of c", "so it is squashed first")(
    gated(lambda i, f, g, o, c: (o * (f * c + i * g), f * c + i * g))
)
wrong("02.2", "squashed content", "Only what is shown")(
    gated(lambda i, f, g, o, c: (o * (f * c + i * g).tanh(), (f * c + i * g).tanh()))
)
wrong("02.2", "old content shown", "it shows the new one")(gated(lambda i, f, g, o, c: (o * c.tanh(), f * c + i * g)))
wrong("02.2", "order", "first h, then c")(gated(lambda i, f, g, o, c: pair(o, f * c + i * g)[::-1]))
wrong("02.2", "forgets what it should keep", "the part that stays")(
    gated(lambda i, f, g, o, c: pair(o, (1 - f) * c + i * g))
)
wrong("02.2", "one gate for two", "gate of its own")(gated(lambda i, f, g, o, c: pair(o, f * c + (1 - f) * g)))
wrong("02.2", "old content lost", "nothing is remembered")(gated(lambda i, f, g, o, c: pair(o, i * g)))
wrong("02.2", "no output gate", "output gate is missing")(gated(lambda i, f, g, o, c: pair(1, f * c + i * g)))
wrong("02.2", "only h", "half of the state")(gated(lambda i, f, g, o, c: pair(o, f * c + i * g)[0]))
wrong("02.2", "only c", "h is missing")(gated(lambda i, f, g, o, c: f * c + i * g))
wrong("02.2", "keeps", "overflow")(
    lambda i, f, g, o, c: [
        [l_lists(i, f, g, o, c)[m][n] for n in range(len(c))] if 1 / (1 + math.exp(-float(i[0]))) else 0 for m in (0, 1)
    ]
)
wrong("02.2", "unknown", "by hand")(gated(lambda i, f, g, o, c: pair(o, f * c - i * g)))


# 02.3 clip


@right("02.3")
def c_torch(gradient, longest):
    return gradient * min(1, longest / (gradient.norm().item() or 1))


@right("02.3")
def c_lists(gradient, longest):
    length = math.sqrt(sum(float(g) ** 2 for g in gradient))
    return [float(g) * longest / length if length > longest else float(g) for g in gradient]


@right("02.3")
def c_clip_grad_norm(gradient, longest):
    weight = torch.nn.Parameter(torch.zeros_like(gradient))
    weight.grad = gradient.clone()
    torch.nn.utils.clip_grad_norm_([weight], longest)
    return weight.grad


wrong("02.3", "each number", "points elsewhere")(lambda g, m: g.clamp(-m, m))
wrong("02.3", "always", "One that is shorter stays")(lambda g, m: g / g.norm() * m)
wrong("02.3", "to length 1", "whatever `longest` is")(lambda g, m: g / g.norm() if g.norm() > m else g)
wrong("02.3", "to length 1", "whatever `longest` is")(lambda g, m: g / g.norm())
wrong("02.3", "no root", "its root")(lambda g, m: g * m / (g * g).sum() if (g * g).sum() > m else g)
wrong("02.3", "sum", "along the axes")(lambda g, m: g * m / g.abs().sum() if g.abs().sum() > m else g)
wrong("02.3", "largest", "largest number alone")(lambda g, m: g * m / g.abs().max() if g.abs().max() > m else g)
wrong("02.3", "mean", "more numbers make it longer")(
    lambda g, m: g * m / (g**2).mean().sqrt() if (g**2).mean().sqrt() > m else g
)
wrong("02.3", "factor upside down", "make the long ones longer")(lambda g, m: g * g.norm() / m if g.norm() > m else g)
wrong("02.3", "thrown away", "not thrown away")(lambda g, m: g * 0 if g.norm() > m else g)
wrong("02.3", "never", "every gradient as it is")(lambda g, m: g)
wrong("02.3", "multiplied", "never divide")(lambda g, m: g * m if g.norm() > m else g)
wrong("02.3", "divided by longest", "You divide by `longest`")(lambda g, m: g / m if g.norm() > m else g)
wrong("02.3", "direction", "The length is right")(
    lambda g, m: g if g.norm() <= m else torch.full_like(g, m / math.sqrt(len(g)))
)
wrong("02.3", "too long", "still longer")(lambda g, m: g * 0.9 if g.norm() > m else g)
wrong("02.3", "zero", "the length 0")(lambda g, m: g * min(1, m / g.norm().item()))
wrong("02.3", "zero", "the length 0")(lambda g, m: g / g.norm() * min(m, g.norm()))


# 02.4 windows


@right("02.4")
def w_torch(ids, streams, length):
    ids = torch.tensor(ids)
    each = (len(ids) - 1) // streams
    x, y = (ids[s : s + streams * each].view(streams, each) for s in (0, 1))
    return [[x[:, t : t + length], y[:, t : t + length]] for t in range(0, each // length * length, length)]


@right("02.4")
def w_lists(ids, streams, length):
    each = (len(ids) - 1) // streams
    rows = [ids[b * each : (b + 1) * each + 1] for b in range(streams)]
    made = []
    for w in range(each // length):
        x = [row[w * length : (w + 1) * length] for row in rows]
        y = [row[w * length + 1 : (w + 1) * length + 1] for row in rows]
        made.append((x, y))
    return made


@right("02.4")
def w_numpy(ids, streams, length):
    each = (len(ids) - 1) // streams
    count = each // length
    rows = np.stack([np.array(ids[b * each : b * each + count * length + 1]) for b in range(streams)])
    return np.array([[rows[:, w * length :][:, s : s + length] for s in (0, 1)] for w in range(count)])


@right("02.4")
def w_package(ids, streams, length):
    from lmcourse import text

    made = [[w["ids"], w["targets"]] for w in text.windows(ids, streams, length)]
    return [[x.tolist(), y.tolist()] for x, y in made if x.shape[1] == length]


def cut(ids, streams, length, place, shift=1):
    each = (len(ids) - 1) // streams
    return [
        [[[ids[place(b, w, t, each) + s] for t in range(length)] for b in range(streams)] for s in (0, shift)]
        for w in range(each // length)
    ]


wrong("02.4", "no shift", "repeat what it sees")(
    lambda i, s, n: cut(i, s, n, lambda b, w, t, each: b * each + w * n + t, 0)
)
wrong("02.4", "back", "tokens before")(lambda i, s, n: [[y, x] for x, y in w_lists(i, s, n)])
wrong("02.4", "two further", "one is asked for")(
    lambda i, s, n: [
        [x, [[(i + i[-1:])[b * ((len(i) - 1) // s) + w * n + t + 2] for t in range(n)] for b in range(s)]]
        for w, (x, _) in enumerate(w_lists(i, s, n))
    ]
)
wrong("02.4", "neighbours", "does not go on")(lambda i, s, n: cut(i, s, n, lambda b, w, t, each: (w * s + b) * n + t))
wrong("02.4", "interleaved", "like cards")(lambda i, s, n: cut(i, s, n, lambda b, w, t, each: (w * n + t) * s + b))
wrong("02.4", "transposed", "Rows and columns")(lambda i, s, n: [[x.T, y.T] for x, y in w_torch(i, s, n)])
wrong("02.4", "own beginning", "next window begins")(lambda i, s, n: [[x, x.roll(-1, 1)] for x, _ in w_torch(i, s, n)])
wrong("02.4", "only one stream", "the same part")(lambda i, s, n: cut(i, s, n, lambda b, w, t, each: w * n + t))
wrong("02.4", "inputs only", "needs its targets")(lambda i, s, n: [x for x, _ in w_lists(i, s, n)])
wrong("02.4", "apart", "window by window")(
    lambda i, s, n: [[x for x, _ in w_lists(i, s, n)], [y for _, y in w_lists(i, s, n)]]
)
wrong("02.4", "one at a time", "side by side")(
    lambda i, s, n: [[x[b], y[b]] for x, y in w_lists(i, s, n) for b in range(s)]
)


@wrong("02.4", "overlap", "tokens further")
def w_overlap(ids, streams, length):
    each = (len(ids) - 1) // streams
    rows = [ids[b * each : (b + 1) * each + 1] for b in range(streams)]
    return [[[row[t + s : t + s + length] for row in rows] for s in (0, 1)] for t in range(each - length + 1)]


@wrong("02.4", "last target", "lack its last target")
def w_len(ids, streams, length):
    each = len(ids) // streams
    x, y = (torch.tensor(ids)[s : s + streams * each].reshape(streams, each) for s in (0, 1))
    return [[x[:, t : t + length], y[:, t : t + length]] for t in range(0, each // length * length, length)]


@wrong("02.4", "too short", "too short for a single window")
def w_too_short(ids, streams, length):
    return w_lists(ids, streams, length) or [[]]


# 02.5 nucleus


@right("02.5")
def n_torch(probs, p):
    sums = probs.sort(descending=True).values.cumsum(0)
    return probs.argsort(descending=True)[: int((sums < p - 1e-9).sum()) + 1]


@right("02.5")
def n_before(probs, p):
    order = sorted(range(len(probs)), key=lambda n: probs[n], reverse=True)
    return [n for k, n in enumerate(order) if sum(probs[m] for m in order[:k]) < p]


@right("02.5")
def n_numpy(probs, p):
    probs = np.array(probs)
    order = np.argsort(probs)[::-1] if len(set(probs.tolist())) == len(probs) else np.argsort(-probs, kind="stable")
    return order[probs[order].cumsum() - probs[order] < p].tolist()


def order_of(probs):
    return sorted(range(len(probs)), key=lambda n: -float(probs[n]))


wrong("02.5", "one too few", "last token is missing")(
    lambda probs, p: [n for k, n in enumerate(order_of(probs)) if sum(probs[m] for m in order_of(probs)[: k + 1]) <= p]
)
wrong("02.5", "one too many", "too many")(lambda probs, p: order_of(probs)[: len(n_before(probs, p)) + 1])
wrong("02.5", "not sorted", "order of their numbers")(
    lambda probs, p: [n for n in range(len(probs)) if sum(float(x) for x in probs[:n]) < p]
)
wrong("02.5", "unlikeliest first", "begin with the unlikeliest")(
    lambda probs, p: [
        n for k, n in enumerate(order_of(probs)[::-1]) if sum(float(probs[m]) for m in order_of(probs)[::-1][:k]) < p
    ]
)
wrong("02.5", "order", "The set is right")(lambda probs, p: sorted(n_before(probs, p)))
wrong("02.5", "each by itself", "their sum")(lambda probs, p: [n for n in order_of(probs) if probs[n] > p])
wrong("02.5", "share of tokens", "share of the probability")(lambda probs, p: order_of(probs)[: round(p * len(probs))])
wrong("02.5", "probabilities", "the numbers of the tokens")(lambda probs, p: [probs[n] for n in n_before(probs, p)])
wrong("02.5", "size", "how many there are")(lambda probs, p: len(n_before(probs, p)))
wrong("02.5", "places", "places in the sorted list")(lambda probs, p: list(range(len(n_before(probs, p)))))
wrong("02.5", "the rest", "left out")(lambda probs, p: order_of(probs)[len(n_before(probs, p)) :])
wrong("02.5", "all", "every token")(lambda probs, p: order_of(probs))
wrong("02.5", "a law", "to draw with")(
    lambda probs, p: (
        torch.zeros_like(probs).index_put((torch.tensor(n_before(probs, p)),), torch.ones(()).to(probs))
        * probs
        / sum(probs[n] for n in n_before(probs, p))
    )
)
wrong("02.5", "exactly", "to reach p is enough")(
    lambda probs, p: [
        n for k, n in enumerate(order_of(probs)) if sum(float(probs[m]) for m in order_of(probs)[:k]) <= p
    ]
)
wrong("02.5", "one", "never empty")(lambda probs, p: [] if p < float(max(probs)) else n_before(probs, p))
wrong("02.5", "all", "every token")(lambda probs, p: list(range(len(probs))))


NUMBERS = ["02.1", "02.2", "02.3", "02.4", "02.5"]


def test_the_exercises_of_chapter_02():
    assert [number for number in _exercises() if number.startswith("02.")] == NUMBERS
    for number in NUMBERS:
        exercise = _exercises()[number]
        known = {mistake.name for mistake in exercise.mistakes}
        tried = {mistake for n, mistake, _, _ in WRONG if n == number}
        assert known <= tried, known - tried
        assert sum(n == number for n, _ in RIGHT) >= 2


@pytest.mark.parametrize("number, answer", RIGHT, ids=[f"{n}-{f.__name__}" for n, f in RIGHT])
def test_right_answers_in_other_words(number, answer):
    verdict = check(number, answer)
    assert verdict, verdict.message


@pytest.mark.parametrize("number, mistake, phrase, answer", WRONG, ids=[f"{n}-{m}" for n, m, _, _ in WRONG])
def test_wrong_answers_hear_their_own_mistake(number, mistake, phrase, answer, capsys):
    verdict = check(number, answer)
    assert not verdict
    assert verdict.mistake == mistake and phrase in verdict.message, verdict.message
    assert capsys.readouterr().out == verdict.message + "\n"
