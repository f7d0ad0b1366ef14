"""The exercises of chapter 08: heads, layer normalisation, a block, its parameters, and a step with a cache."""

import math
import random

import numpy as np
import torch

from . import Case, Exercise, Mistake


def _numbers(rng, *shape, low=-1.5, high=1.5):
    size = int(np.prod(shape))
    return np.array([rng.uniform(low, high) for _ in range(size)]).reshape(shape)


# 08.1


def split_heads(x, H):
    """Cut each token into H pieces of K numbers, then bring the heads to the front."""
    x = torch.as_tensor(x)
    T, D = x.shape
    pieces = x.reshape(T, H, D // H)  # (T, H, K)
    return pieces.transpose(0, 1)  # (H, T, K)


def _tokens(rng):
    def case(T, H, K, edge=""):
        return Case((_numbers(rng, T, H * K), H), edge)

    # As many tokens as H goes into, so that what cuts the tokens instead still fits.
    return [
        case(4, 2, 3),
        case(4, 2, 2),
        case(6, 3, 2),
        case(3, 3, 3),
        case(4, 1, 3, "one head"),
        case(2, 4, 1, "size 1"),
        case(1, 2, 3, "one token"),
        case(5, 2, 4, "sizes"),
    ]


ONE = Exercise(
    "08.1",
    "Write split_heads(x, H). `x` is a tensor (T, D): of each of T tokens D numbers, and D is a multiple of H. Each of "
    "the H heads gets K = D / H of the numbers of every token: the first head the first K, the second the K after "
    "them, and so on. Return (H, T, K).",
    "Cut a single token into H pieces first. In what order do the numbers of all tokens lie in memory, and can a "
    "reshape alone bring the heads to the front?",
    "From here on all heads are one product: (H, T, K) with (H, K, T) makes H tables of scores at once.",
    split_heads,
    _tokens,
    (
        Mistake(
            "reshape alone",
            "You reshape to (H, T, K) at once. The shape is right, but the rows have been filled in the order of "
            "memory, and a head mixes numbers of different tokens.",
            (lambda x, H: x.reshape(H, len(x), -1),),
        ),
        Mistake(
            "tokens in front",
            "Each token is cut into its pieces, but they are still sorted by tokens. The heads come first.",
            (lambda x, H: x.reshape(len(x), H, -1),),
        ),
        Mistake(
            "dealt out",
            "You deal out the numbers of a token like cards, one to each head in turn. A head gets K neighbours.",
            (lambda x, H: x.reshape(len(x), -1, H).permute(2, 0, 1),),
        ),
        Mistake(
            "K heads",
            "You have made K heads of H numbers.",
            (
                lambda x, H: x.reshape(len(x), -1, H).transpose(0, 1),
                lambda x, H: x.reshape(-1, len(x), H),
                lambda x, H: x.reshape(len(x), -1, H),
            ),
        ),
        Mistake(
            "columns",
            "Each head has its numbers, but its rows are numbers and its columns tokens. A row is to be a token.",
            (lambda x, H: x.T.reshape(H, -1, len(x)),),
        ),
        Mistake(
            "columns and reshape",
            "You turn the table round and then reshape it to (H, T, K): the rows no longer are tokens.",
            (lambda x, H: x.T.reshape(H, len(x), -1),),
        ),
        Mistake(
            "tokens cut",
            "You share out the tokens among the heads. Each head sees all tokens, and a part of the numbers of each.",
            (lambda x, H: x.reshape(H, len(x) // H, -1), lambda x, H: x.reshape(-1, H, x.shape[1]).transpose(0, 1)),
        ),
        Mistake(
            "all to each",
            "Every head gets all D numbers. It is to have its own K of them.",
            (lambda x, H: x.expand(H, -1, -1),),
        ),
        Mistake(
            "the same head",
            "All your heads have the same numbers.",
            (
                lambda x, H: x[:, : x.shape[1] // H].expand(H, -1, -1),
                lambda x, H: x[:, -(x.shape[1] // H) :].expand(H, -1, -1),
            ),
        ),
        Mistake(
            "backwards",
            "The heads stand in the wrong order: the first head has the first numbers.",
            (lambda x, H: x.reshape(len(x), H, -1).transpose(0, 1).flip(0),),
        ),
        Mistake(
            "side by side",
            "The heads stand side by side in one table. Each has a table of its own, and together they are (H, T, K).",
            (lambda x, H: x, lambda x, H: x.reshape(len(x), H, -1).transpose(0, 1).flatten(0, 1)),
        ),
    ),
    {
        "one head": "Only with one head it is not right. It has all the numbers, in a table of its own: (1, T, D).",
        "size 1": "Only with heads of a single number it is not right. The last axis stays, with a length of 1.",
        "one token": "Only a text of a single token is not right: (H, 1, K).",
        "sizes": "Only where T is no multiple of H it is not right. How many tokens there are has nothing to do with "
        "the heads.",
    },
)


# 08.2


def layer_norm(x, gain, shift, eps):
    """Each token: its mean taken away, divided by the root of its variance, then as large as the layer wants it."""
    x, gain, shift = map(torch.as_tensor, (x, gain, shift))
    centred = x - x.mean(-1, keepdim=True)
    variance = (centred**2).mean(-1, keepdim=True)  # (..., 1)
    return gain * centred / torch.sqrt(variance + eps) + shift


def _layers(rng):
    def case(*shape, edge="", eps=None, x=None):
        x = _numbers(rng, *shape, low=-2, high=3) if x is None else np.array(x, float)
        D = x.shape[-1]
        eps = rng.uniform(0.1, 0.6) if eps is None else eps
        return Case((x, _numbers(rng, D, low=0.3, high=2), _numbers(rng, D), eps), edge)

    # As many tokens as numbers, so that a wrong axis still fits; eps is large, so that it shows where it goes.
    return [
        *(case(4, 4) for _ in range(2)),
        *(case(3, 3) for _ in range(2)),
        case(2, 5, edge="sizes"),
        case(5, 3, edge="sizes"),
        case(4, edge="other axes"),
        case(2, 3, 3, edge="other axes"),
        case(x=[[2, 2, 2], [1, 0, 5], [-1, -1, -1]], edge="constant", eps=1e-5),
        case(3, 4, edge="usual eps", eps=1e-5),
    ]


def _normed(spread, axis=-1, centre=True, gain=True, shift=True):
    """A wrong answer that divides by ``spread(x, eps)``, or leaves something out."""

    def made(x, g, b, eps):
        new = (x - x.mean(axis, keepdim=True) if centre else x) / spread(x, eps)
        return (new * g if gain else new) + (b if shift else 0)

    return made


def _var(x, axis=-1, unbiased=False):
    return x.var(axis, unbiased=unbiased, keepdim=True)


def _root(x, eps):
    return (_var(x) + eps).sqrt()


def _of_all(x, g, b, eps):
    return (x - x.mean()) / (x.var(unbiased=False) + eps).sqrt() * g + b


def _lined_up(x, g, b, eps):
    return (x - x.mean(-1)) / (x.var(-1, unbiased=False) + eps).sqrt() * g + b


TWO = Exercise(
    "08.2",
    "Write layer_norm(x, gain, shift, eps). `x` (..., D) has D numbers of each token; `gain` and `shift` are (D,). For "
    "each token by itself: take the mean of its D numbers away, and divide by the root of (variance + eps). The "
    "variance is the mean of the squares of what is left, a sum divided by D. Then multiply by `gain` and add `shift`. "
    "Return the shape of x. There may be one token, (D,), or more axes in front; do not count on eps being small.",
    "For one token, a row, it is five lines. Then do it for all: along which axis run mean and variance, and how does "
    "their shape fit to that of x?",
    "torch.nn.LayerNorm does this. No token knows anything of the others here, and that is why it also works for a "
    "text of one token, or a batch of one.",
    layer_norm,
    _layers,
    (
        Mistake(
            "D - 1",
            "You divide the sum of the squares by D - 1, as torch.var and torch.std do unless they are told otherwise. "
            "Here it is D.",
            (_normed(lambda x, eps: (_var(x, unbiased=True) + eps).sqrt()),
             _normed(lambda x, eps: _var(x, unbiased=True).sqrt() + eps)),
        ),
        Mistake(
            "eps outside",
            "eps is added outside of the root. It belongs to the variance.",
            (_normed(lambda x, eps: _var(x).sqrt() + eps),),
        ),
        Mistake(
            "eps squared",
            "eps goes into the root as its square. It is added as it is.",
            (_normed(lambda x, eps: (_var(x) + eps**2).sqrt()),),
        ),
        Mistake(
            "no eps",
            "eps plays no part. A token whose numbers are all the same would be divided by 0.",
            (_normed(lambda x, eps: _var(x).sqrt()),),
        ),
        Mistake(
            "no root",
            "You divide by the variance. The root of it is what is as large as the numbers themselves.",
            (_normed(lambda x, eps: _var(x) + eps),),
        ),
        Mistake(
            "over tokens",
            "Mean and variance run over the tokens. Each token is normalised by its own numbers, or a text would "
            "change when another is put beside it.",
            (
                _normed(lambda x, eps: (_var(x, 0) + eps).sqrt(), axis=0),
                _normed(lambda x, eps: (_var(x, 0, True) + eps).sqrt(), axis=0),
            ),
        ),
        Mistake(
            "over everything",
            "You take one mean and one variance of all tokens together. Each token has its own.",
            (_of_all, lambda x, g, b, eps: (x - x.mean()) / (x.var() + eps).sqrt() * g + b),
        ),
        Mistake(
            "lined up with columns",
            "There are T means and T variances. Without care torch lines these T numbers up with the columns.",
            (_lined_up, lambda x, g, b, eps: (x - x.mean(-1)) / (x.var(-1) + eps).sqrt() * g + b),
        ),
        Mistake(
            "mean not taken away",
            "The mean of a token has not been taken away.",
            (
                _normed(_root, centre=False),
                _normed(lambda x, eps: ((x**2).mean(-1, keepdim=True) + eps).sqrt(), centre=False),
            ),
        ),
        Mistake(
            "square of the numbers",
            "Your variance is the mean of the squares of x itself. The mean is to be taken away before.",
            (_normed(lambda x, eps: ((x**2).mean(-1, keepdim=True) + eps).sqrt()),),
        ),
        Mistake(
            "sum of squares",
            "You divide by the root of the sum of the squares. The variance is their mean.",
            (_normed(lambda x, eps: (_var(x) * x.shape[-1] + eps).sqrt()),),
        ),
        Mistake(
            "no gain",
            "`gain` plays no part. Without it the layer could not undo what the normalisation does.",
            (_normed(_root, gain=False),),
        ),
        Mistake("no shift", "`shift` plays no part.", (_normed(_root, shift=False),)),
        Mistake(
            "neither",
            "The tokens are normalised, but `gain` and `shift` play no part.",
            (_normed(_root, gain=False, shift=False),),
        ),
        Mistake(
            "exchanged",
            "`gain` and `shift` are exchanged: one multiplies by the gain.",
            (lambda x, g, b, eps: _normed(_root)(x, b, g, eps),),
        ),
        Mistake(
            "shift first",
            "You add before you multiply, so that the gain stretches the shift, too.",
            (lambda x, g, b, eps: (_normed(_root, gain=False, shift=False)(x, g, b, eps) + b) * g,),
        ),
        Mistake(
            "1 + gain",
            "You multiply by 1 + gain. `gain` is the factor itself.",
            (lambda x, g, b, eps: _normed(_root)(x, 1 + g, b, eps),),
        ),
        Mistake(
            "gain for each token",
            "`gain` and `shift` have a number for each of the D numbers of a token, and not one for each token.",
            (lambda x, g, b, eps: _normed(_root, gain=False, shift=False)(x, g, b, eps) * g[:, None] + b[:, None],),
        ),
        Mistake(
            "centred only",
            "The mean is taken away, but nothing is divided.",
            (_normed(lambda x, eps: 1), _normed(lambda x, eps: 1, gain=False, shift=False)),
        ),
    ),
    {
        "sizes": "Only where there are more or fewer tokens than numbers of a token it is not right.",
        "other axes": "Only with other axes in front, or none, it is not right. It is always the last axis.",
        "constant": "A token whose numbers are all the same is 0 before gain and shift, and `shift` after them.",
        "usual eps": "Only with an eps of 0.00001, the usual one, it is not right.",
    },
    keeps="The numbers are right, but `x` has been changed on the way. Whoever called needs it still: the residual "
    "connection adds it.",
)  # fmt: skip


# 08.3


def block(x, norm1, attention, norm2, feed_forward):
    """Two parts, each of which reads the normalised road and adds to the road itself."""
    x = x + attention(norm1(x))
    return x + feed_forward(norm2(x))


class _Part:
    """A part of a layer with random numbers for weights; from (T, D) to (T, D), of the kind of array it is given."""

    def __init__(self, name, seed, D):
        rng = random.Random(f"{name} {seed}")
        self.name, self.D = name, D
        self.tables = [_numbers(rng, D, D, low=-1, high=1) for _ in range(3)]
        self.gain, self.shift = _numbers(rng, D, low=0.5, high=1.5), _numbers(rng, D, low=-0.3, high=0.3)

    def __repr__(self):
        return self.name

    def __call__(self, x):
        tensor = isinstance(x, torch.Tensor)
        kind = x.dtype if tensor else None
        x = x.detach().double().numpy() if tensor else np.asarray(x, float)
        if x.ndim not in (1, 2) or x.shape[-1] != self.D:
            raise ValueError(f"{self.name} wants tokens of {self.D} numbers, not an array of shape {x.shape}")
        made = self.make(x)
        return torch.tensor(made).to(kind) if tensor else made


class _Norm(_Part):
    def make(self, x):
        return self.gain * (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) + self.shift


class _Attention(_Part):
    def make(self, x):
        if x.ndim == 1:
            raise ValueError(
                f"{self.name} looks from token to token, so it wants all of them, not {x.shape[0]} numbers"
            )
        query, key, value = (x @ table for table in self.tables)
        weights = np.exp(query @ key.T / math.sqrt(self.D))
        return weights / weights.sum(-1, keepdims=True) @ value


class _FeedForward(_Part):
    def make(self, x):
        return np.maximum(x @ self.tables[0] + self.shift, 0) @ self.tables[1]


def _parts(rng):
    def case(T, D, edge=""):
        seed = rng.random()
        parts = [_Norm("norm1", seed, D), _Attention("attention", seed, D)]
        parts += [_Norm("norm2", seed, D), _FeedForward("feed_forward", seed, D)]
        return Case((_numbers(rng, T, D), *parts), edge)

    return [case(3, 4), case(4, 4), case(2, 6), case(5, 3), case(1, 4, "one token")]


def _road(*steps):
    """A wrong answer from steps, functions of what there is so far (it begins with x) and the four parts."""

    def made(x, *parts):
        so_far = [x]
        for step in steps:
            so_far.append(step(so_far, *parts))
        return so_far[-1]

    return made


def _half(norm, part, norm_of="before", base="x"):
    """One half of a layer: where the normalisation stands, and what the new is added to."""

    def step(so_far, n1, att, n2, ff):
        x, norms, parts = so_far[-1], {"1": n1, "2": n2, "": lambda y: y}, {"a": att, "f": ff}
        n, f = norms[norm], parts[part]
        if norm_of == "sum":
            return n(x + f(x))
        if norm_of == "new":
            return x + n(f(x))
        return {"x": x, "normed": n(x), "nothing": 0.0, "start": so_far[0]}[base] + f(n(x))

    return step


_LOOK, _THINK = _half("1", "a"), _half("2", "f")

THREE = Exercise(
    "08.3",
    "Write block(x, norm1, attention, norm2, feed_forward), a layer of a Transformer whose normalisations stand before "
    "its parts. `x` is (T, D), and the four others are functions from (T, D) to (T, D). First the tokens, normalised "
    "by norm1, go through the attention, and what comes out is added to x. Then the sum, normalised by norm2, goes "
    "through feed_forward, and what comes out is added to the sum. Return the new (T, D).",
    "Draw a road straight from the bottom to the top, and beside it two stops. What does a stop read, and what does it "
    "put back onto the road?",
    "If attention and feed_forward return 0, x comes out as it went in: a hundred layers more do no harm, and the "
    "gradient finds its way down through all of them.",
    block,
    _parts,
    (
        Mistake(
            "no residuals",
            "Nothing is added to the road: what a part does not pass on is lost.",
            (_road(_half("1", "a", base="nothing"), _half("2", "f", base="nothing")),),
        ),
        Mistake(
            "first residual missing",
            "The first residual connection is missing: x itself is not added to what the attention makes of it.",
            (_road(_half("1", "a", base="nothing"), _THINK),),
        ),
        Mistake(
            "second residual missing",
            "The second residual connection is missing: behind feed_forward the sum is lost.",
            (_road(_LOOK, _half("2", "f", base="nothing")),),
        ),
        Mistake(
            "norm behind",
            "You normalise the sums. That is how it was first published, but then nothing goes straight through; here "
            "the normalisation stands before each part.",
            (
                _road(_half("1", "a", "sum"), _half("2", "f", "sum")),
                _road(_half("1", "a", "sum"), _THINK),
                _road(_LOOK, _half("2", "f", "sum")),
            ),
        ),
        Mistake(
            "norm of the new",
            "You normalise what a part has made. It is what the part reads that is normalised.",
            (
                _road(_half("1", "a", "new"), _half("2", "f", "new")),
                _road(_half("1", "a", "new"), _THINK),
                _road(_LOOK, _half("2", "f", "new")),
            ),
        ),
        Mistake(
            "normalised road",
            "You add to the normalised tokens. The road itself goes past the normalisation.",
            (
                _road(_half("1", "a", base="normed"), _half("2", "f", base="normed")),
                _road(_half("1", "a", base="normed"), _THINK),
                _road(_LOOK, _half("2", "f", base="normed")),
            ),
        ),
        Mistake(
            "side by side",
            "Both parts read the x of the beginning. feed_forward should read what the attention has added to it.",
            (_road(lambda s, n1, att, n2, ff: s[0] + att(n1(s[0])) + ff(n2(s[0]))),),
        ),
        Mistake(
            "attention lost",
            "At the end you add to the x of the beginning. What the attention has brought is lost on the way.",
            (_road(_LOOK, _half("2", "f", base="start")), _road(lambda s, n1, att, n2, ff: s[0] + ff(n2(s[0])))),
        ),
        Mistake(
            "x twice",
            "x has been added twice: the sum has it already.",
            (_road(_LOOK, _THINK, lambda s, *parts: s[-1] + s[0]),),
        ),
        Mistake(
            "sum not read",
            "feed_forward reads what the attention has made, without the road.",
            (
                _road(lambda s, n1, att, n2, ff: s[0] + (a := att(n1(s[0]))) + ff(n2(a))),
                _road(lambda s, n1, att, n2, ff: s[0] + ff(n2(att(n1(s[0]))))),
            ),
        ),
        Mistake(
            "one norm twice",
            "One normalisation stands in both places, and the other nowhere. Each has weights of its own.",
            (_road(_LOOK, _half("1", "f")), _road(_half("2", "a"), _THINK)),
        ),
        Mistake(
            "norms exchanged",
            "norm1 and norm2 are exchanged.",
            (_road(_half("2", "a"), _half("1", "f")),),
        ),
        Mistake(
            "no norms",
            "Nothing is normalised. After many layers the numbers would grow and grow.",
            (_road(_half("", "a"), _half("", "f")),),
        ),
        Mistake(
            "one norm missing",
            "One of the two parts reads tokens that nobody has normalised.",
            (_road(_half("", "a"), _THINK), _road(_LOOK, _half("", "f"))),
        ),
        Mistake(
            "another order",
            "First comes feed_forward and then the attention. It is the other way round: look, then think.",
            (
                _road(_half("1", "f"), _half("2", "a")),
                _road(_half("2", "f"), _half("1", "a")),
            ),
        ),
        Mistake("half", "You stop after the attention. feed_forward comes behind it.", (_road(_LOOK),)),
        Mistake(
            "token by token",
            "You send the tokens through the attention one by one, so that each sees nothing but itself.",
            (
                lambda x, n1, att, n2, ff: torch.cat(
                    [block(x[t : t + 1], n1, att, n2, ff) for t in range(len(x))]
                ),
            ),
        ),
    ),
    {"one token": "Only a text of a single token is not right: (1, D)."},
    keeps="The numbers are right, but `x` has been changed on the way: += writes into the caller's x. Make a new one.",
)  # fmt: skip


# 08.4


def layer_parameters(D, H, F):
    """Four matrices of the attention, two of the feed-forward network, two normalisations, all with a shift."""
    attention = 4 * (D * D + D)  # the heads share out the D numbers
    feed_forward = D * F + F + F * D + D
    norms = 2 * (D + D)
    return attention + feed_forward + norms


def _counted(matrices=4, biases=4, wide=2, hidden=1, outer=1, norms=4, square=lambda D, H: D * D):
    """A wrong count: of matrices, of their biases, of the two of the feed-forward network, and of norm vectors."""
    return lambda D, H, F: matrices * square(D, H) + biases * D + wide * D * F + hidden * F + outer * D + norms * D


FOUR = Exercise(
    "08.4",
    "Write layer_parameters(D, H, F). An encoder layer has width D, H heads of K = D / H numbers, and between the two "
    "matrices of its feed-forward network F numbers. Return how many numbers are learned in it: the matrices for "
    "queries, keys, values and for the output of the heads, the two of the network, the bias vectors of all six, and "
    "two layer normalisations with gain and shift.",
    "List the matrices with their shapes. For the heads: what is the shape of the queries' matrix of one head, and how "
    "many of them are there?",
    "H is in no term: more heads cost no parameter, each of them only gets narrower. And with F = 4 D two thirds of "
    "the layer are the feed-forward network.",
    layer_parameters,
    lambda rng: [
        *(Case((H * rng.randint(2, 5), H, rng.randint(5, 40))) for H in (2, 3, 4, 6)),
        Case((8, 8, 32), "heads of 1"),
        Case((6, 1, 24), "one head"),
    ],
    (
        Mistake(
            "no biases",
            "The biases are missing.",
            (_counted(biases=0, hidden=0, outer=0),),
        ),
        Mistake(
            "matrices alone",
            "Those are the matrices. The vectors are learned, too: the biases, and the gains and shifts of the "
            "normalisations.",
            (_counted(biases=0, hidden=0, outer=0, norms=0),),
        ),
        Mistake(
            "biases of the network",
            "The biases of the feed-forward network are missing.",
            (_counted(hidden=0, outer=0),),
        ),
        Mistake(
            "4 D short",
            "You are 4 D numbers short. Two things have that many: the normalisations with their gains and shifts, and "
            "the biases of the attention. Which of them is missing?",
            (_counted(norms=0), _counted(biases=0)),
        ),
        Mistake(
            "2 D short",
            "You are 2 D numbers short, as if there were one normalisation, or two without their shifts.",
            (_counted(norms=2),),
        ),
        Mistake(
            "one bias short",
            "You are one bias short. All six matrices have one, as long as what comes out of them.",
            (_counted(outer=0), _counted(hidden=0)),
        ),
        Mistake(
            "biases as long as what goes in",
            "A bias is added to what comes out, so it is as long as that; your biases of the network are not.",
            (_counted(hidden=0, outer=2), _counted(hidden=2, outer=0)),
        ),
        Mistake(
            "numbers of a norm",
            "A normalisation has a gain and a shift for each of the D numbers of a token, the same for all tokens, and "
            "there are two of them.",
            (_counted(norms=1), _counted(norms=6), lambda D, H, F: _counted(norms=0)(D, H, F) + 4),
        ),
        Mistake(
            "times the heads",
            "You count matrices of D x D for each head. A head's matrix makes K numbers, not D.",
            (
                lambda D, H, F: H * 3 * (D * D + D) + D * D + D + _counted(matrices=0, biases=0)(D, H, F),
                lambda D, H, F: H * 4 * (D * D + D) + _counted(matrices=0, biases=0)(D, H, F),
                lambda D, H, F: H * (3 * (D * D + D) + D * D + D + 2 * D * F + F + D + 4 * D),
                lambda D, H, F: H * 3 * (D * D + D) + H * D * D + D + _counted(matrices=0, biases=0)(D, H, F),
            ),
        ),
        Mistake(
            "small heads",
            "You let a head read K numbers only. Each head reads all D numbers of a token, and makes K of them.",
            (
                lambda D, H, F: H * 3 * ((D // H) ** 2 + D // H) + D * D + D + _counted(matrices=0, biases=0)(D, H, F),
                lambda D, H, F: 4 * H * ((D // H) ** 2 + D // H) + _counted(matrices=0, biases=0)(D, H, F),
            ),
        ),
        Mistake(
            "queries of one head",
            "You count the queries, keys and values of a single head.",
            (
                lambda D, H, F: 3 * (D * (D // H) + D // H) + D * D + D + _counted(matrices=0, biases=0)(D, H, F),
                lambda D, H, F: 4 * (D * (D // H) + D // H) + _counted(matrices=0, biases=0)(D, H, F),
            ),
        ),
        Mistake(
            "three matrices",
            "One of the four matrices of the attention is missing: queries, keys, values, and the output of the heads.",
            (_counted(matrices=3, biases=3), _counted(matrices=3)),
        ),
        Mistake(
            "fewer matrices",
            "The attention has four matrices, and you count one or two.",
            (_counted(matrices=1, biases=1), _counted(matrices=2, biases=2)),
        ),
        Mistake(
            "one matrix of the network",
            "The network has two matrices, one up to F numbers and one back down to D.",
            (_counted(wide=1), _counted(wide=1, outer=0), _counted(wide=1, hidden=0)),
        ),
        Mistake(
            "F x F",
            "A matrix of the network is of another shape: from D to F, and from F back to D.",
            (
                lambda D, H, F: _counted(wide=1, outer=0)(D, H, F) + F * F + F,
                lambda D, H, F: _counted(wide=2, outer=1)(D, H, F) + F * F + F,
            ),
        ),
        Mistake(
            "4 D",
            "You take 4 D for the width between. It is F here.",
            (lambda D, H, F: layer_parameters(D, H, 4 * D),),
        ),
        Mistake(
            "attention alone",
            "Those are the numbers of the attention alone.",
            (lambda D, H, F: 4 * (D * D + D), lambda D, H, F: 4 * D * D),
        ),
        Mistake(
            "network alone",
            "Those are the numbers of the feed-forward network alone.",
            (lambda D, H, F: 2 * D * F + F + D, lambda D, H, F: 2 * D * F),
        ),
        Mistake(
            "decoder",
            "You count the attention twice, as in a decoder layer. An encoder layer looks once.",
            (_counted(matrices=8, biases=8), _counted(matrices=8, biases=8, norms=6)),
        ),
    ),
    {
        "heads of 1": "Only with heads of a single number it is not right.",
        "one head": "Only with one head it is not right. It is a head like others, with K = D, and its output goes "
        "through a matrix, too.",
    },
    tolerance=1e-9,
)


# 08.5


def step(query, key, value, keys, values):
    """Put the new key and value behind the old ones; then the one new query looks at all of them."""
    query, key, value, keys, values = map(torch.as_tensor, (query, key, value, keys, values))
    keys = torch.cat([keys, key[None]])  # (S + 1, K)
    values = torch.cat([values, value[None]])  # (S + 1, K')
    weights = (keys @ query / math.sqrt(len(query))).softmax(0)  # (S + 1,)
    return weights @ values, keys, values


def _caches(rng):
    def case(S, K, size, edge="", factor=1.0):
        tables = [_numbers(rng, *shape) for shape in ((K,), (K,), (size,), (S, K), (S, size))]
        return Case((factor * tables[0], *tables[1:]), edge)

    return [
        case(3, 3, 3),
        case(4, 3, 3),
        case(2, 4, 4),
        case(5, 2, 2),
        case(0, 3, 3, "first step"),
        case(3, 4, 2, "sizes"),
        case(2, 3, 5, "sizes"),
        case(4, 3, 3, "large", factor=1500.0),
    ]


def _look(q, keys, values, scale=None):
    return (keys @ q * (1 / math.sqrt(len(q)) if scale is None else scale(q, keys))).softmax(0) @ values


def _step(look=_look, key=None, value=None):
    """A wrong answer with another look, or another way to add to the keys or the values."""

    def made(q, k, v, ks, vs):
        new_keys = torch.cat([ks, k[None]]) if key is None else key(q, k, v, ks)
        new_values = torch.cat([vs, v[None]]) if value is None else value(q, k, v, vs)
        return look(q, new_keys, new_values), new_keys, new_values

    return made


def _looked_before(q, k, v, ks, vs):
    return _look(q, ks, vs), torch.cat([ks, k[None]]), torch.cat([vs, v[None]])


def _not_kept(q, k, v, ks, vs):
    return step(q, k, v, ks, vs)[0], ks, vs


def _only_output(function):
    """The output of a wrong answer, with caches that are right."""
    return lambda q, k, v, ks, vs: (function(q, k, v, *step(q, k, v, ks, vs)[1:]), *step(q, k, v, ks, vs)[1:])


def _with(kept, new, place):
    kept = kept.clone()
    kept[place] = new
    return kept


FIVE = Exercise(
    "08.5",
    "Write step(query, key, value, keys, values), one step of a language model that writes, for one head. `query` "
    "(K,), `key` (K,) and `value` (K',) are those of the newest token. `keys` (S, K) and `values` (S, K') are kept of "
    "the S tokens before it, the oldest first; at the first step S is 0. The newest token looks at all tokens before "
    "it and at itself, by scaled dot-product attention. Return three things: the output (K',), and the keys (S + 1, K) "
    "and values (S + 1, K') to keep for the next step. Leave the old ones as they are: another continuation of the "
    "same text may need them.",
    "What does the token see first: what is kept, or what is kept and its own? And is a mask needed, when nothing of "
    "the future is there yet?",
    "A text of T tokens costs T looks of one query this way, and without the cache T whole tables. CausalLM keeps its "
    "state so.",
    step,
    _caches,
    (
        Mistake(
            "looked before",
            "The look comes too early: the token does not see itself. First add, then look.",
            (_looked_before, lambda q, k, v, ks, vs: (_look(q, ks, vs), ks, vs)),
        ),
        Mistake(
            "not kept",
            "The output is right, but you hand back the old keys and values: the next token would never hear of this "
            "one.",
            (_not_kept,),
        ),
        Mistake(
            "new only",
            "You hand back the new key and value alone. The older ones are needed for the next step, too.",
            (
                lambda q, k, v, ks, vs: (step(q, k, v, ks, vs)[0], k, v),
                lambda q, k, v, ks, vs: (step(q, k, v, ks, vs)[0], k[None], v[None]),
                lambda q, k, v, ks, vs: (v, k[None], v[None]),
                lambda q, k, v, ks, vs: (v, k, v),
            ),
        ),
        Mistake(
            "in front",
            "You put the new key and value in front of the old ones. The newest comes last.",
            (
                _step(
                    key=lambda q, k, v, ks: torch.cat([k[None], ks]), value=lambda q, k, v, vs: torch.cat([v[None], vs])
                ),
            ),
        ),
        Mistake(
            "out of step",
            "Keys and values are no longer in step: one of the new is in front, the other at the end.",
            (
                _step(key=lambda q, k, v, ks: torch.cat([k[None], ks])),
                _step(value=lambda q, k, v, vs: torch.cat([v[None], vs])),
            ),
        ),
        Mistake(
            "written over",
            "You write over a place that is taken. A token more is a row more.",
            tuple(
                _step(key=lambda q, k, v, ks, n=n: _with(ks, k, n), value=lambda q, k, v, vs, n=n: _with(vs, v, n))
                for n in (-1, 0)
            ),
        ),
        Mistake(
            "oldest dropped",
            "The oldest token is thrown out for the new one. Nothing is to be forgotten.",
            (
                _step(
                    key=lambda q, k, v, ks: torch.cat([ks[1:], k[None]]),
                    value=lambda q, k, v, vs: torch.cat([vs[1:], v[None]]),
                ),
            ),
        ),
        Mistake(
            "exchanged",
            "Key and value are exchanged in what you keep.",
            (
                _step(
                    key=lambda q, k, v, ks: torch.cat([ks, v[None]]), value=lambda q, k, v, vs: torch.cat([vs, k[None]])
                ),
            ),
        ),
        Mistake(
            "query kept",
            "You keep the query. A query is used once and then forgotten; key and value are what others come back to.",
            (
                _step(key=lambda q, k, v, ks: torch.cat([ks, q[None]])),
                _step(value=lambda q, k, v, vs: torch.cat([vs, q[None]])),
            ),
        ),
        Mistake(
            "no scale",
            "The scale is missing: the root of K.",
            (_step(lambda q, ks, vs: _look(q, ks, vs, lambda q, ks: 1)),),
        ),
        Mistake(
            "another scale",
            "The scale is another: the scores are to be divided by the root of K, the length of a key.",
            tuple(
                _step(lambda q, ks, vs, f=f: _look(q, ks, vs, f))
                for f in (
                    lambda q, ks: 1 / len(q),
                    lambda q, ks: math.sqrt(len(q)),
                    lambda q, ks: 1 / math.sqrt(len(ks)),
                    lambda q, ks: 1 / math.sqrt(len(ks) - 1),
                )
            ),
        ),
        Mistake(
            "no softmax",
            "The softmax is missing: the scores themselves weight the values.",
            (_step(lambda q, ks, vs: ks @ q / math.sqrt(len(q)) @ vs),),
        ),
        Mistake(
            "keys given",
            "The output is a sum of the keys. What is given are the values.",
            (_step(lambda q, ks, vs: _look(q, ks, ks)),),
        ),
        Mistake(
            "matched with values",
            "The scores come from the values. Keys are what a query is compared with.",
            (_step(lambda q, ks, vs: _look(q, vs, vs)), _step(lambda q, ks, vs: _look(q, vs, ks))),
        ),
        Mistake(
            "weights",
            "Your output is the weights. What the token takes with them is asked for.",
            (_step(lambda q, ks, vs: (ks @ q / math.sqrt(len(q))).softmax(0)),),
        ),
        Mistake(
            "key as query",
            "It is the key of the token that looks. Its query should.",
            (_only_output(lambda q, k, v, ks, vs: _look(k, ks, vs)),),
        ),
        Mistake(
            "all look again",
            "All tokens look again, so your output has a row for each. Those before have had their turn; there is one "
            "query.",
            (
                _step(lambda q, ks, vs: (ks @ ks.T / math.sqrt(len(q))).softmax(1) @ vs),
                _step(lambda q, ks, vs: _look(q, ks, vs).expand(len(ks), -1)),
            ),
        ),
        Mistake(
            "a table of one row",
            "Your output is a table of one row. There is one query, and its output is (K',).",
            (_step(lambda q, ks, vs: _look(q, ks, vs)[None]),),
        ),
        Mistake(
            "masked like a first token",
            "A causal mask has hidden all but the oldest token: it took the query for the first one. It is the last, "
            "and may look everywhere.",
            (_step(lambda q, ks, vs: vs[0]),),
        ),
        Mistake(
            "itself alone",
            "The token looks at nothing but itself.",
            (_step(lambda q, ks, vs: vs[-1]),),
        ),
        Mistake(
            "mean",
            "The output is the mean of the values, whatever query and keys say.",
            (_step(lambda q, ks, vs: vs.mean(0)),),
        ),
    ),
    {
        "first step": "Only the first step is not right. Nothing is kept yet, and the token looks at itself.",
        "sizes": "Only where keys and values differ in length it is not right.",
        "large": "Scores in the hundreds are too much: an exponential of them is infinite.",
    },
    parts=("the output", "keys", "values"),
    keeps="The numbers are right, but the old keys or values have been changed on the way. Another continuation of the "
    "same text may need them.",
)

EXERCISES = (ONE, TWO, THREE, FOUR, FIVE)
