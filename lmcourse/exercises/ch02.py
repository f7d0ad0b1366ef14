"""The exercises of chapter 02: a step of a network, an LSTM's gates, clipping, windows, and the nucleus."""

import math

import numpy as np

from . import Case, Exercise, Mistake


def _vector(rng, n, low=-1.0, high=1.0):
    return np.array([rng.uniform(low, high) for _ in range(n)])


def _matrix(rng, rows, columns):
    return np.array([_vector(rng, columns) for _ in range(rows)])


def _sigmoid(z):
    return 1 / (1 + np.exp(-np.asarray(z)))


# 02.1


def rnn_step(x, h, W, U, b):
    """Look at the input and at the old state, add the two views, and squash the sum."""
    return np.tanh(np.asarray(W) @ np.asarray(x) + np.asarray(U) @ np.asarray(h) + np.asarray(b))


def _steps(rng):
    n = 3  # as many inputs as states, so that a transposed matrix still fits
    cases = [Case((_vector(rng, n), _vector(rng, n), _matrix(rng, n, n), _matrix(rng, n, n), _vector(rng, n)))]
    while len(cases) < 5:
        cases.append(
            Case((*(_vector(rng, n) for _ in range(2)), *(_matrix(rng, n, n) for _ in range(2)), _vector(rng, n)))
        )
    return cases + [
        Case((_vector(rng, 2), _vector(rng, 4), _matrix(rng, 4, 2), _matrix(rng, 4, 4), _vector(rng, 4)), "sizes")
    ]


def _step(function):
    """A wrong step from the same arrays."""
    return lambda x, h, W, U, b: function(*map(np.asarray, (x, h, W, U, b)))


ONE = Exercise(
    "02.1",
    "Write rnn_step(x, h, W, U, b). `x` is the input of this step and `h` the state after the last one. "
    "Return the new state of a plain recurrent cell, with weights `W` for the input, `U` for the state, and "
    "the bias `b`: the tanh of all that comes together.",
    "Three things are added before the tanh: a matrix times the input, a matrix times the old state, the bias.",
    "The same W, U and b serve at every step: a network for texts of any length is this one line in a loop.",
    rnn_step,
    _steps,
    (
        Mistake(
            "no tanh",
            "This is the sum before the tanh: without it the state can grow from step to step without end.",
            (_step(lambda x, h, W, U, b: W @ x + U @ h + b),),
        ),
        Mistake(
            "no bias",
            "The bias is missing.",
            (_step(lambda x, h, W, U, b: np.tanh(W @ x + U @ h)),),
        ),
        Mistake(
            "exchanged",
            "W and U are exchanged: W looks at the input, U at the old state.",
            (_step(lambda x, h, W, U, b: np.tanh(U @ x + W @ h + b)),),
        ),
        Mistake(
            "transposed",
            "A matrix is transposed: each row of W (and of U) belongs to one number of the new state.",
            (
                _step(lambda x, h, W, U, b: np.tanh(x @ W + h @ U + b)),
                _step(lambda x, h, W, U, b: np.tanh(x @ W + U @ h + b)),
                _step(lambda x, h, W, U, b: np.tanh(W @ x + h @ U + b)),
            ),
        ),
        Mistake(
            "state ignored",
            "The old state plays no part, so this network has no memory.",
            (_step(lambda x, h, W, U, b: np.tanh(W @ x + b)), _step(lambda x, h, W, U, b: np.tanh(W @ x))),
        ),
        Mistake(
            "input ignored",
            "The input plays no part.",
            (_step(lambda x, h, W, U, b: np.tanh(U @ h + b)), _step(lambda x, h, W, U, b: np.tanh(U @ h))),
        ),
        Mistake(
            "sigmoid",
            "You squash with a sigmoid, to between 0 and 1. The state of this cell lies between -1 and 1.",
            (_step(lambda x, h, W, U, b: _sigmoid(W @ x + U @ h + b)),),
        ),
        Mistake(
            "relu",
            "You squash with a ReLU, which cuts off all that is below 0; tanh is asked for.",
            (_step(lambda x, h, W, U, b: np.maximum(W @ x + U @ h + b, 0)),),
        ),
        Mistake(
            "squashed apart",
            "You squash the parts and then add. First everything is added, then it is squashed once.",
            (
                _step(lambda x, h, W, U, b: np.tanh(W @ x) + np.tanh(U @ h) + b),
                _step(lambda x, h, W, U, b: np.tanh(W @ x + U @ h) + b),
                _step(lambda x, h, W, U, b: np.tanh(W @ x + b) + np.tanh(U @ h)),
                _step(lambda x, h, W, U, b: np.tanh(W @ x + b) + np.tanh(U @ h + b)),
            ),
        ),
        Mistake(
            "added to the old",
            "You add the old state once more. The plain cell replaces its state; to add is what an LSTM does.",
            (_step(lambda x, h, W, U, b: h + np.tanh(W @ x + U @ h + b)),),
        ),
        Mistake(
            "same weights",
            "One matrix serves for both the input and the state; each has its own.",
            (
                _step(lambda x, h, W, U, b: np.tanh(W @ (x + h) + b)),
                _step(lambda x, h, W, U, b: np.tanh(U @ (x + h) + b)),
            ),
        ),
        Mistake(
            "bias twice",
            "The bias is added twice.",
            (_step(lambda x, h, W, U, b: np.tanh(W @ x + U @ h + 2 * b)),),
        ),
    ),
    {"sizes": "Only a state that is not as long as the input is not right."},
)


# 02.2


def lstm_step(i, f, g, o, c):
    """Keep a part of the old content, let a part of the new one in, show a part of the sum."""

    def sigmoid(z):
        return (1 + np.tanh(np.asarray(z) / 2)) / 2  # 1 / (1 + exp(-z)), and never an overflow

    c = sigmoid(f) * np.asarray(c) + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(c), c]


def _gates(rng):
    cases = [Case(tuple(_vector(rng, 3, -2, 2) for _ in range(5))) for _ in range(4)]
    return cases + [Case((*(np.array([sign * 800.0]) for sign in (-1, 1, 1, 1)), np.array([0.7])), "keeps")]


def _gated(function):
    """A wrong step of which the gates are sigmoids already: (i, f, tanh g, o, c)."""
    return lambda i, f, g, o, c: function(_sigmoid(i), _sigmoid(f), np.tanh(g), _sigmoid(o), np.asarray(c))


def _shown(i, f, g, o, c):
    """The state for a content that is already new."""
    return lambda new: [o * np.tanh(new), new]


TWO = Exercise(
    "02.2",
    "Write lstm_step(i, f, g, o, c). `i`, `f`, `g` and `o` are the four sums of a step, one number for each "
    "number of the state, before any squashing; `c` is the old content. Return the new state and the new "
    "content, [h, c].",
    "Three of the four become gates between 0 and 1 and one becomes new content between -1 and 1. Then c "
    "comes first, since h is made from the new c.",
    "With f near 1 and i near 0 the content stands still, however long the text, and so does its gradient.",
    lstm_step,
    _gates,
    (
        Mistake(
            "gates exchanged",
            "The input gate and the forget gate are exchanged: f goes with the old content, i with the new.",
            (_gated(lambda i, f, g, o, c: [o * np.tanh(i * c + f * g), i * c + f * g]),),
        ),
        Mistake(
            "not squashed",
            "You use the four sums as they are. A gate is a sigmoid of its sum, so that it lies between 0 and 1.",
            (
                lambda i, f, g, o, c: [o * np.tanh(f * c + i * g), f * c + i * g],
                lambda i, f, g, o, c: [o * np.tanh(f * c + i * np.tanh(g)), f * c + i * np.tanh(g)],
            ),
        ),
        Mistake(
            "sigmoid for g",
            "You squash g with a sigmoid. It is no gate but new content, and that may be below 0.",
            (lambda i, f, g, o, c: lstm_step(i, f, np.arctanh(_sigmoid(g)), o, c),),
        ),
        Mistake(
            "tanh for gates",
            "You squash the gates with tanh. A gate below 0 would turn the content round: between 0 and 1 is "
            "what a gate needs.",
            (
                lambda i, f, g, o, c: [
                    np.tanh(o) * np.tanh(np.tanh(f) * c + np.tanh(i) * np.tanh(g)),
                    np.tanh(f) * c + np.tanh(i) * np.tanh(g),
                ],
            ),
        ),
        Mistake(
            "no tanh of g",
            "g is not squashed: new content lies between -1 and 1.",
            (
                lambda i, f, g, o, c: [
                    _sigmoid(o) * np.tanh(_sigmoid(f) * c + _sigmoid(i) * np.asarray(g)),
                    _sigmoid(f) * c + _sigmoid(i) * np.asarray(g),
                ],
            ),
        ),
        Mistake(
            "no tanh of c",
            "h is the output gate times the content itself. The content can grow beyond 1, so it is squashed first.",
            (_gated(lambda i, f, g, o, c: [o * (f * c + i * g), f * c + i * g]),),
        ),
        Mistake(
            "squashed content",
            "You keep the squashed content. Only what is shown passes through tanh; c itself is carried on as it is.",
            (_gated(lambda i, f, g, o, c: [o * np.tanh(f * c + i * g), np.tanh(f * c + i * g)]),),
        ),
        Mistake(
            "old content shown",
            "h is made from the old content; it shows the new one.",
            (_gated(lambda i, f, g, o, c: [o * np.tanh(c), f * c + i * g]),),
        ),
        Mistake(
            "order",
            "Both are right, but not their places: first h, then c.",
            (lambda i, f, g, o, c: lstm_step(i, f, g, o, c)[::-1],),
        ),
        Mistake(
            "forgets what it should keep",
            "You keep 1 - f of the old content. The gate is called forget gate, yet f is the part that stays.",
            (_gated(lambda i, f, g, o, c: [o * np.tanh((1 - f) * c + i * g), (1 - f) * c + i * g]),),
        ),
        Mistake(
            "one gate for two",
            "You let in 1 - f of the new content. In an LSTM the input gate is a gate of its own.",
            (
                _gated(lambda i, f, g, o, c: [o * np.tanh(f * c + (1 - f) * g), f * c + (1 - f) * g]),
                _gated(lambda i, f, g, o, c: [o * np.tanh((1 - i) * c + i * g), (1 - i) * c + i * g]),
            ),
        ),
        Mistake(
            "old content lost",
            "The old content plays no part: nothing is remembered.",
            (_gated(lambda i, f, g, o, c: [o * np.tanh(i * g), i * g]),),
        ),
        Mistake(
            "no output gate",
            "The output gate is missing: h is all of the content.",
            (_gated(lambda i, f, g, o, c: [np.tanh(f * c + i * g), f * c + i * g]),),
        ),
        Mistake(
            "only h",
            "You return h alone. The content is half of the state: the next step needs it.",
            (lambda i, f, g, o, c: lstm_step(i, f, g, o, c)[0],),
        ),
        Mistake(
            "only c",
            "You return the content alone; h is missing.",
            (lambda i, f, g, o, c: lstm_step(i, f, g, o, c)[1],),
        ),
    ),
    {"keeps": "Only gates that are quite open or quite shut are not right: does something overflow there?"},
)


# 02.3


def clip(gradient, longest):
    """As it is if it is short enough, else the same direction at the allowed length."""
    gradient = np.asarray(gradient)
    length = np.sqrt((gradient**2).sum())
    return gradient if length <= longest else gradient * (longest / length)


def _gradients(rng):
    cases = []
    for scale in (0.2, 4.0, 0.5, 30.0, 2.5):
        gradient = scale * np.array([rng.choice([-1, 1]) * rng.uniform(0.4, 1.5) for _ in range(rng.choice([4, 5]))])
        length = float(np.sqrt((gradient**2).sum()))
        cases.append(Case((gradient, 1.5 if length < 1.5 else length * rng.uniform(0.4, 0.6))))
    return cases + [Case((np.zeros(3), 1.0), "zero")]


def _cut(length, gradient, longest):
    """Shortened by some other measure of length."""
    gradient = np.asarray(gradient)
    return gradient if length(gradient) <= longest else gradient * (longest / length(gradient))


def _direction_lost(args, got, right):
    gradient, longest = args
    return right is None or got.shape == gradient.shape and abs(float(np.sqrt((got**2).sum())) - longest) < 1e-3


def _still_long(args, got, right):
    gradient, longest = args
    return right is None or got.shape == gradient.shape and float(np.sqrt((got**2).sum())) > longest * 1.001


THREE = Exercise(
    "02.3",
    "Write clip(gradient, longest). `gradient` is a list of numbers. If it is longer than `longest`, as an "
    "arrow is long, return it shortened to that length, pointing where it pointed; otherwise return it as it is.",
    "The length of an arrow is the root of the sum of the squares of its numbers. What factor makes it right?",
    "One steep place in the loss can no longer throw the weights far away, and the direction is still downhill.",
    clip,
    _gradients,
    (
        Mistake(
            "each number",
            "You clip each number by itself, so the arrow points elsewhere: all numbers shrink by one and the "
            "same factor.",
            (
                lambda g, m: np.clip(g, -m, m),
                lambda g, m: np.minimum(g, m),
            ),
        ),
        Mistake(
            "always",
            "You bring every gradient to the length `longest`. One that is shorter stays as it is.",
            (lambda g, m: np.asarray(g) * (m / np.sqrt((np.asarray(g) ** 2).sum())),),
        ),
        Mistake(
            "to length 1",
            "You shorten to the length 1, whatever `longest` is.",
            (
                lambda g, m: clip(g, 1) if np.linalg.norm(g) > m else np.asarray(g),
                lambda g, m: clip(g, 1),
                lambda g, m: np.asarray(g) / np.linalg.norm(g),
            ),
        ),
        Mistake(
            "no root",
            "You measure by the sum of the squares; the length is its root.",
            (lambda g, m: _cut(lambda x: (x**2).sum(), g, m),),
        ),
        Mistake(
            "sum",
            "You measure by the sum of the sizes, as if one could only walk along the axes.",
            (lambda g, m: _cut(lambda x: np.abs(x).sum(), g, m),),
        ),
        Mistake(
            "largest",
            "You measure by the largest number alone. The other numbers are part of the length too.",
            (lambda g, m: _cut(lambda x: np.abs(x).max(), g, m),),
        ),
        Mistake(
            "mean",
            "You take a mean over the numbers; the length is a sum, so that more numbers make it longer.",
            (lambda g, m: _cut(lambda x: np.sqrt((x**2).mean()), g, m),),
        ),
        Mistake(
            "factor upside down",
            "The factor is upside down: you make the long ones longer.",
            (lambda g, m: np.asarray(g) * max(1, np.linalg.norm(g) / m),),
        ),
        Mistake(
            "thrown away",
            "You return zeros for a long gradient. It is to be shortened, not thrown away.",
            (lambda g, m: np.asarray(g) * (np.linalg.norm(g) <= m),),
        ),
        Mistake(
            "never",
            "You return every gradient as it is.",
            (lambda g, m: np.asarray(g),),
        ),
        Mistake(
            "multiplied",
            "You multiply by `longest` but never divide by the length.",
            (
                lambda g, m: np.asarray(g) * m if np.linalg.norm(g) > m else np.asarray(g),
                lambda g, m: np.asarray(g) * m,
            ),
        ),
        Mistake(
            "divided by longest",
            "You divide by `longest`; the length of the gradient is what to divide by.",
            (
                lambda g, m: np.asarray(g) / m if np.linalg.norm(g) > m else np.asarray(g),
                lambda g, m: np.asarray(g) / m,
            ),
        ),
        Mistake("direction", "The length is right, but the arrow points elsewhere.", looks=_direction_lost),
        Mistake("too long", "Some gradients are still longer than `longest`.", looks=_still_long),
    ),
    {"zero": "Only a gradient of zeros is not right: it has the length 0, so do not divide by that."},
)


# 02.4


def windows(ids, streams, length):
    """Each stream is a part of the text in one piece; window after window, row b goes on with stream b."""
    each = (len(ids) - 1) // streams
    pairs = []
    for start in range(0, each - length + 1, length):
        places = [range(b * each + start, b * each + start + length) for b in range(streams)]
        pairs.append([[[ids[n] for n in row] for row in places], [[ids[n + 1] for n in row] for row in places]])
    return pairs


def _streams(rng):
    cases = []
    for streams, length, count, rest in ((2, 3, 3, 1), (3, 2, 4, 2), (2, 4, 2, 1), (4, 3, 2, 3)):
        ids = [rng.randint(10, 99)]
        while len(ids) < streams * (length * count + length - 1) + rest:  # the last window would be one token short
            ids.append(rng.choice([n for n in range(10, 100) if n != ids[-1]]))
        cases.append(Case((ids, streams, length)))
    return cases + [Case((list(range(10, 22)), 2, 3), "last target"), Case((list(range(5)), 2, 3), "too short")]


def _windows(place, shift=1, length_of=None):
    """Wrong ways: ``place(b, start, t, each, streams, length, count)`` says where a token is."""

    def made(ids, streams, length):
        each = (len(ids) - 1) // streams
        pairs = []
        for number, start in enumerate(range(0, each - length + 1, length)):
            rows = [[place(b, start, t, each, streams, length, number) for t in range(length)] for b in range(streams)]
            pairs.append([[[ids[n] for n in row] for row in rows], [[ids[n + shift] for n in row] for row in rows]])
        return pairs

    return made


def _here(b, start, t, each, streams, length, number):
    return b * each + start + t


def _overlapping(ids, streams, length):
    each = (len(ids) - 1) // streams
    starts = range(0, each - length + 1)
    return [
        [[[ids[b * each + s + t + shift] for t in range(length)] for b in range(streams)] for shift in (0, 1)]
        for s in starts
    ]


def _inside(ids, streams, length):
    """The target of a window's last token is taken from its own beginning."""
    return [[x, [row[1:] + row[:1] for row in x]] for x, _ in windows(ids, streams, length)]


def _flat(ids, streams, length):
    return [[x, y] for pair in windows(ids, streams, length) for x, y in zip(*pair, strict=True)]


FOUR = Exercise(
    "02.4",
    "Write windows(ids, streams, length). Cut the text `ids` into as many streams of equal length, each in one "
    "piece, as long as they can be while every token still has a target: the token after it. Then cut the "
    "streams side by side into windows of `length` tokens, leaving out what fills no whole window. Return a "
    "list with [inputs, targets] for each window, each with one row a stream.",
    "Stream b begins at b * ((len(ids) - 1) // streams). Row b of a window goes on where row b of the window "
    "before has stopped, so that a state can be carried; the targets are the same places, one further.",
    "Row b of each window goes on where it stopped: the state can be handed on, and only the gradient is cut.",
    windows,
    _streams,
    (
        Mistake(
            "no shift",
            "Targets and inputs are the same: the network would learn to repeat what it sees. The target of a "
            "token is the one after it.",
            (_windows(_here, shift=0),),
        ),
        Mistake(
            "back",
            "The targets are the tokens before, not those after.",
            (_windows(lambda *a: _here(*a) + 1, shift=-1), lambda i, s, n: [p[::-1] for p in windows(i, s, n)]),
        ),
        Mistake(
            "two further",
            "The targets are two places further; one is asked for.",
            (
                _windows(lambda *a: _here(*a) - (_here(*a) + 2 >= a[3] * a[4] + 1), shift=2),
                lambda i, s, n: [
                    [
                        x,
                        [
                            [i[min(b * ((len(i) - 1) // s) + w * n + t + 2, len(i) - 1)] for t in range(n)]
                            for b in range(s)
                        ],
                    ]
                    for w, (x, _) in enumerate(windows(i, s, n))
                ],
            ),
        ),
        Mistake(
            "neighbours",
            "The rows of one window follow each other in the text, so row b of the next window does not go on "
            "where row b stopped, and a carried state would come from elsewhere.",
            (_windows(lambda b, start, t, each, streams, length, n: (n * streams + b) * length + t),),
        ),
        Mistake(
            "interleaved",
            "Neighbouring tokens are dealt out to different streams, like cards. A stream is one piece of the text.",
            (_windows(lambda b, start, t, each, streams, length, n: (start + t) * streams + b),),
        ),
        Mistake(
            "transposed",
            "Rows and columns are exchanged: a window has one row a stream, and time runs along it.",
            (lambda i, s, n: [[np.transpose(x).tolist(), np.transpose(y).tolist()] for x, y in windows(i, s, n)],),
        ),
        Mistake(
            "overlap",
            "The windows overlap: each begins where the one before has stopped, `length` tokens further.",
            (_overlapping,),
        ),
        Mistake(
            "own beginning",
            "The last target of a row is the first token of that row. It is the token that the next window begins "
            "with.",
            (_inside,),
        ),
        Mistake(
            "only one stream",
            "All rows read the same part of the text.",
            (_windows(lambda b, start, t, *rest: start + t),),
        ),
        Mistake(
            "inputs only",
            "You return the inputs alone; each window needs its targets too.",
            (lambda i, s, n: [x for x, _ in windows(i, s, n)],),
        ),
        Mistake(
            "apart",
            "First all inputs, then all targets: they belong together window by window.",
            (lambda i, s, n: [list(part) for part in zip(*windows(i, s, n), strict=True)],),
        ),
        Mistake(
            "one at a time",
            "You return one row at a time. A window holds the rows of all streams, which are read side by side.",
            (_flat,),
        ),
    ),
    {
        "last target": "Only a text is not right where the last stream would lack its last target.",
        "too short": "Only a text is not right that is too short for a single window: then there is none.",
    },
)


# 02.5


def nucleus(probs, p):
    """The likeliest tokens, one after the other, until together they have p."""
    chosen, total = [], 0.0
    for token in sorted(range(len(probs)), key=lambda n: -probs[n]):
        chosen.append(token)
        total += float(probs[token])
        if total >= p:
            break
    return chosen


def _laws(rng):
    cases = []
    while len(cases) < 6:
        weights = np.array([rng.uniform(0.05, 1) ** 2 for _ in range(7)])
        probs, p = weights / weights.sum(), rng.uniform(0.55, 0.85)
        order = np.argsort(-probs)
        sums = probs[order].cumsum()
        size = int((sums < p).sum()) + 1
        answers = [size, int((probs >= p).sum()), int((probs > 1 - p).sum()), round(p * 7), math.ceil(p * 7)]
        in_order = int((probs.cumsum() < p).sum()) + 1
        clear = np.abs(sums - p).min() > 0.02 and np.abs(np.diff(np.sort(probs))).min() > 0.004
        if clear and 3 <= size <= 5 and answers.count(size) == 1 and in_order != size and order[0] != 0:
            if sorted(order[:size]) != list(order[:size]):
                cases.append(Case((probs, p)))
    cases.append(Case((np.array([0.125, 0.5, 0.25, 0.125]), 0.75), "exactly"))
    cases.append(Case((np.array([0.2, 0.7, 0.1]), 0.05), "one"))
    return cases + [Case((np.array([0.25, 0.125, 0.5, 0.125]), 1.0), "all")]


def _sorted(probs):
    return np.argsort(-np.asarray(probs))


def _first(change):
    """The right set, made smaller or larger by some tokens."""
    return lambda probs, p: _sorted(probs)[: len(nucleus(probs, p)) + change].tolist()


def _some_law(args, got, right):
    return right is None or got.shape == args[0].shape and abs(got.sum() - 1) < 1e-3


FIVE = Exercise(
    "02.5",
    "Write nucleus(probs, p). `probs` holds the probability of each token. Return the numbers of the tokens "
    "that top-p sampling draws from, the likeliest first: the smallest set of likeliest tokens whose "
    "probabilities together reach `p`.",
    "Go from the likeliest token down, adding up. The token with which the sum reaches p still belongs to the set.",
    "Where the network is sure, the set is small; where it is not, many tokens may come. A fixed k cannot do that.",
    nucleus,
    _laws,
    (
        Mistake(
            "one too few",
            "The last token is missing: without it the probabilities do not yet reach p.",
            (_first(-1),),
        ),
        Mistake(
            "one too many",
            "The last token is too many: without it the probabilities reach p already.",
            (_first(1),),
        ),
        Mistake(
            "not sorted",
            "You go through the tokens in the order of their numbers, not from the likeliest down.",
            (lambda probs, p: list(range(int((np.cumsum(probs) < p).sum()) + 1)),),
        ),
        Mistake(
            "unlikeliest first",
            "You begin with the unlikeliest tokens.",
            (
                lambda probs, p: _sorted(probs)[::-1][
                    : int((np.asarray(probs)[_sorted(probs)[::-1]].cumsum() < p).sum()) + 1
                ].tolist(),
            ),
        ),
        Mistake(
            "order",
            "The set is right, but not its order: the likeliest comes first.",
            (lambda probs, p: sorted(nucleus(probs, p)), lambda probs, p: nucleus(probs, p)[::-1]),
        ),
        Mistake(
            "each by itself",
            "You compare each probability with p. It is their sum that has to reach p.",
            (
                lambda probs, p: [n for n in _sorted(probs).tolist() if probs[n] >= p],
                lambda probs, p: [n for n in range(len(probs)) if probs[n] >= p],
                lambda probs, p: [n for n in _sorted(probs).tolist() if probs[n] > 1 - p],
                lambda probs, p: [n for n in range(len(probs)) if probs[n] > 1 - p],
            ),
        ),
        Mistake(
            "share of tokens",
            "You take a share p of the tokens. It is a share of the probability: sometimes one token has it alone.",
            (
                lambda probs, p: _sorted(probs)[: round(p * len(probs))].tolist(),
                lambda probs, p: _sorted(probs)[: math.ceil(p * len(probs))].tolist(),
                lambda probs, p: _sorted(probs)[: int(p * len(probs))].tolist(),
            ),
        ),
        Mistake(
            "probabilities",
            "You return probabilities; the numbers of the tokens are asked for.",
            (
                lambda probs, p: [float(probs[n]) for n in nucleus(probs, p)],
                lambda probs, p: [
                    float(probs[n] / sum(probs[m] for m in nucleus(probs, p))) for n in nucleus(probs, p)
                ],
            ),
        ),
        Mistake(
            "size",
            "You return how many there are; which they are is asked for.",
            (lambda probs, p: len(nucleus(probs, p)),),
        ),
        Mistake(
            "places",
            "You return places in the sorted list, 0, 1, 2 and so on. Which tokens stand at those places?",
            (lambda probs, p: list(range(len(nucleus(probs, p)))),),
        ),
        Mistake(
            "the rest",
            "You return the tokens that are left out.",
            (
                lambda probs, p: _sorted(probs)[len(nucleus(probs, p)) :].tolist(),
                lambda probs, p: sorted(_sorted(probs)[len(nucleus(probs, p)) :].tolist()),
            ),
        ),
        Mistake(
            "all",
            "You return every token.",
            (lambda probs, p: _sorted(probs).tolist(), lambda probs, p: list(range(len(probs)))),
        ),
        Mistake(
            "a law",
            "You return the probabilities to draw with; the numbers of the tokens that are left are asked for.",
            looks=_some_law,
        ),
    ),
    {
        "exactly": "Only a set whose probabilities are exactly p is not right: to reach p is enough.",
        "one": "Only a p below the largest probability is not right: the set is never empty.",
        "all": "Only p = 1 is not right: then every token belongs to the set.",
    },
    tolerance=1e-6,
)

EXERCISES = (ONE, TWO, THREE, FOUR, FIVE)
