"""The exercises of chapter 07: the look, two masks, the vector of a place, and finding out who sees the future."""

import math
import random

import numpy as np
import torch

from . import Case, Exercise, Mistake


def _numbers(rng, *shape, low=-1.5, high=1.5):
    size = int(np.prod(shape))
    return np.array([rng.uniform(low, high) for _ in range(size)]).reshape(shape)


# 07.1


def scaled_dot_product_attention(query, key, value):
    """softmax(Q K^T / sqrt(K)) V: each query has a weight for each key, and takes the values by these weights."""
    query, key, value = map(torch.as_tensor, (query, key, value))
    scores = query @ key.mT / math.sqrt(key.shape[-1])  # (..., T, S)
    return scores.softmax(-1) @ value  # (..., T, K')


def _looks(rng):
    def case(*shapes, edge="", factor=1.0):
        query, key, value = (_numbers(rng, *shape) for shape in shapes)
        return Case((factor * query, key, value), edge)

    # As many queries as keys, and values as long as there are keys, so that what is transposed still fits.
    cases = [case((n, size), (n, size), (n, n)) for n, size in ((3, 3), (3, 3), (4, 2), (3, 5))]
    return [
        *cases,
        case((2, 4), (5, 4), (5, 3), edge="sizes"),
        case((4, 2), (3, 2), (3, 6), edge="sizes"),
        case((2, 3, 4), (2, 3, 4), (2, 3, 4), edge="batch"),
        case((2, 3, 4, 2), (2, 3, 4, 2), (2, 3, 4, 3), edge="batch"),
        case((3, 3), (3, 3), (3, 3), edge="large", factor=2000.0),
    ]


def _scaled(factor):
    """A wrong answer whose scores are multiplied by ``factor(query, key, value)``."""
    return lambda q, k, v: (q @ k.mT * factor(q, k, v)).softmax(-1) @ v


def _scores(q, k):
    return q @ k.mT / math.sqrt(k.shape[-1])


def _share(positive):
    return positive / positive.sum(-1, keepdim=True)


ONE = Exercise(
    "07.1",
    "Write scaled_dot_product_attention(query, key, value). They are tensors: `query` (T, K), `key` (S, K) and `value` "
    "(S, K'). The score of a query and a key is their dot product, divided by the root of K. Return for each query the "
    "sum of all values, weighted by the softmax of its scores: (T, K'). There may be more axes in front, the same for "
    "all three, such as one for the sentences of a batch; and scores may be as large as 1000.",
    "Two products of matrices, and a softmax between them. Which shape has the first product, and along which of its "
    "axes does each query share out its weight?",
    "lmcourse.self_attention.attend does this, and torch.nn.functional.scaled_dot_product_attention. All that comes "
    "later, up to the largest models, is built on these lines.",
    scaled_dot_product_attention,
    _looks,
    (
        Mistake(
            "no scale",
            "The scale is missing. Products of long vectors are large, and a softmax of large scores looks at one "
            "place only and learns nothing.",
            (_scaled(lambda q, k, v: 1),),
        ),
        Mistake(
            "divided by K",
            "You divide by K. A sum of K random products grows like the root of K, and by that it is to be divided.",
            (_scaled(lambda q, k, v: 1 / k.shape[-1]),),
        ),
        Mistake(
            "multiplied",
            "You multiply by the root. The scores were too large already.",
            (_scaled(lambda q, k, v: math.sqrt(k.shape[-1])), _scaled(lambda q, k, v: k.shape[-1])),
        ),
        Mistake(
            "scaled twice",
            "Queries and keys are divided by the root both, so the scores are divided by K.",
            (lambda q, k, v: (q @ k.mT / math.sqrt(k.shape[-1]) ** 3).softmax(-1) @ v,),
        ),
        Mistake(
            "number of places",
            "You divide by the root of another number, of how many places there are or how long a value is. What makes "
            "a dot product large is how many numbers a key has.",
            (
                _scaled(lambda q, k, v: 1 / math.sqrt(k.shape[-2])),
                _scaled(lambda q, k, v: 1 / k.shape[-2]),
            ),
        ),
        Mistake(
            "scaled too late",
            "You scale the weights. After the softmax that only makes the rows sum to less than 1: scale what goes "
            "into it.",
            (
                lambda q, k, v: (q @ k.mT).softmax(-1) / math.sqrt(k.shape[-1]) @ v,
                lambda q, k, v: (q @ k.mT).softmax(-1) / k.shape[-1] @ v,
            ),
        ),
        Mistake(
            "softmax over queries",
            "Your softmax runs over the queries, so that they compete for each key. Each query shares out a weight of "
            "1 among the keys.",
            (lambda q, k, v: _scores(q, k).softmax(-2) @ v, lambda q, k, v: (q @ k.mT).softmax(-2) @ v),
        ),
        Mistake(
            "whole table",
            "All your weights together sum to 1. Each query has a weight of 1 of its own.",
            (lambda q, k, v: _scores(q, k).flatten(-2).softmax(-1).unflatten(-1, (len(q), -1)) @ v,),
        ),
        Mistake(
            "roles exchanged",
            "Queries and keys have changed places: in your scores the rows are keys.",
            (
                lambda q, k, v: _scores(k, q).softmax(-1) @ v,
                lambda q, k, v: _scores(q, k).softmax(-1).mT @ v,
            ),
        ),
        Mistake(
            "columns",
            "You multiply columns, number by number of the vectors. A score belongs to a whole query and a whole key, "
            "two rows.",
            (
                lambda q, k, v: (q.mT @ k / math.sqrt(k.shape[-1])).softmax(-1) @ v,
                lambda q, k, v: (q @ k / math.sqrt(k.shape[-1])).softmax(-1) @ v,
            ),
        ),
        Mistake(
            "values turned round",
            "The sums run over the numbers of a value. Whole values, rows, are to be added up, each as much as its "
            "weight says.",
            (lambda q, k, v: _scores(q, k).softmax(-1) @ v.mT, lambda q, k, v: v @ _scores(q, k).softmax(-1)),
        ),
        Mistake(
            "keys given",
            "You add up the keys. A key is what one is found by; what one gives is the value.",
            (lambda q, k, v: _scores(q, k).softmax(-1) @ k,),
        ),
        Mistake(
            "matched with values",
            "You compare the queries with the values, or the keys among themselves. The scores come from queries and "
            "keys.",
            (lambda q, k, v: (q @ v.mT / math.sqrt(k.shape[-1])).softmax(-1) @ k, lambda q, k, v: _scores(k, k) @ v,
             lambda q, k, v: _scores(k, k).softmax(-1) @ v, lambda q, k, v: _scores(q, q).softmax(-1) @ v),
        ),
        Mistake(
            "no softmax",
            "The softmax is missing: the scores themselves weight the values, also those below 0.",
            (lambda q, k, v: _scores(q, k) @ v, lambda q, k, v: q @ k.mT @ v),
        ),
        Mistake(
            "not normalised",
            "The exponentials are there, but nobody has divided them by their sum.",
            (lambda q, k, v: _scores(q, k).exp() @ v,),
        ),
        Mistake(
            "divided by the sum",
            "You divide the scores by their sum, without exponentials. Such weights can be below 0, or without bounds.",
            (lambda q, k, v: _share(_scores(q, k)) @ v,),
        ),
        Mistake(
            "weights",
            "Those are the weights. What each query takes with them is asked for.",
            (lambda q, k, v: _scores(q, k).softmax(-1),),
        ),
        Mistake(
            "both",
            "You return a pair. The weights are good to have, but here the sums of the values are asked for alone.",
            (lambda q, k, v: (_scores(q, k).softmax(-1) @ v, _scores(q, k).softmax(-1)),),
        ),
        Mistake(
            "scores",
            "Those are the scores, the first half of the way.",
            (lambda q, k, v: _scores(q, k), lambda q, k, v: q @ k.mT),
        ),
        Mistake(
            "causal",
            "You hide the future. That is the next exercise; here every query may look at every key.",
            (lambda q, k, v: _scores(q, k).masked_fill(torch.ones(len(q), len(k)).tril() == 0, -torch.inf).softmax(-1)
             @ v,),
        ),
        Mistake(
            "mean",
            "That is the mean of all values, whatever queries and keys say.",
            (lambda q, k, v: v.mean(0), lambda q, k, v: v.mean(0).expand(len(q), -1)),
        ),
    ),
    {
        "sizes": "Only where T, S, K and K' differ it is not right: which of them is which axis?",
        "batch": "Only with more axes in front it is not right: all but the last two are to be left alone, by the "
        "products, by what turns the keys round, and by the softmax.",
        "large": "Scores as large as 1000 are too much: an exponential of them is infinite.",
    },
    keeps="The numbers are right, but what you were given has been changed on the way. Whoever called needs it still.",
)  # fmt: skip


# 07.2


def causal_mask(T):
    """Row t is True at the keys 0 .. t."""
    return torch.ones(T, T, dtype=torch.bool).tril()


def _tri(T, above=0, dtype=bool):
    return np.tri(T, k=above, dtype=dtype)


TWO = Exercise(
    "07.2",
    "Write causal_mask(T). Return a boolean tensor (T, T), a row for each query and a column for each key. It is True "
    "where the query may attend to the key: at its own place and at all places before, and nowhere in the future.",
    "Write the mask of three tokens on paper. What may the first token look at, and what the last?",
    "True = may attend: all masks of this course say it so, and scaled_dot_product_attention of torch does, too.",
    causal_mask,
    lambda rng: [*(Case((T,)) for T in rng.sample(range(3, 9), 3)), Case((2,)), Case((1,), "one token")],
    (
        Mistake(
            "upside down",
            "Your mask is True at the future: it says what is hidden. Here True means: may attend.",
            (lambda T: ~_tri(T),),
        ),
        Mistake(
            "not itself",
            "No token sees itself, and the first one sees nothing at all: its softmax has nothing to share out.",
            (lambda T: _tri(T, -1),),
        ),
        Mistake(
            "turned round",
            "Rows and columns are exchanged: each token sees itself and the future, and nothing of the past.",
            (lambda T: _tri(T).T,),
        ),
        Mistake(
            "one too far",
            "Each token sees the one after it, the very one that it should predict.",
            (lambda T: _tri(T, 1),),
        ),
        Mistake(
            "from the right",
            "The triangle stands on the wrong side: your first query sees the last key. Rows and columns both begin "
            "with the first token.",
            (lambda T: _tri(T)[:, ::-1], lambda T: _tri(T)[::-1]),
        ),
        Mistake(
            "numbers",
            "The places are right, but these are numbers. A mask is of True and False: numbers cannot be joined by & "
            "or ~, and torch would add them to the scores.",
            (lambda T: _tri(T, dtype=float),),
        ),
        Mistake(
            "minus infinity",
            "That is what is added to the scores, 0 or minus infinity. The mask itself is of True and False.",
            (
                lambda T: np.where(_tri(T), 0, -np.inf),
                lambda T: np.where(_tri(T), 1, -np.inf),
                lambda T: np.where(_tri(T), 0, -1e9),
            ),
        ),
        Mistake(
            "all",
            "Everything may look at everything. That is right for reading, but the future is not hidden.",
            (lambda T: np.ones((T, T), bool),),
        ),
        Mistake(
            "only itself",
            "Each token sees only itself. The past is no secret.",
            (lambda T: np.eye(T, dtype=bool),),
        ),
        Mistake(
            "neighbour",
            "Each token sees itself and the one before it. It may look at all places before.",
            (lambda T: _tri(T) & ~_tri(T, -2),),
        ),
        Mistake(
            "one row",
            "You return a single row. Each of the T queries has one of its own.",
            (lambda T: np.ones(T, bool), lambda T: np.arange(T) <= T, lambda T: _tri(T)[-1:]),
        ),
    ),
    {"one token": "Only a single token is not right: its mask is a table of one row and one column."},
    truths=True,
)


# 07.3


def may_look(real):
    """A key is open to a query if it is real and not in the future."""
    real = torch.as_tensor(real)  # (B, T)
    past = torch.ones(real.shape[1], real.shape[1], dtype=torch.bool).tril()  # (T, T)
    return real[:, None] & past  # (B, T, T)


def _padded(rng):
    def case(lengths, T, edge=""):
        return Case((np.arange(T) < np.array(lengths)[:, None],), edge)

    return [
        case((4, 2), 4),
        case((2, 3, 1), 3),  # as many sentences as tokens
        case(rng.sample(range(2, 5), 3), 5),
        Case((np.arange(4) >= np.array([2, 0, 3])[:, None],)),
        Case((np.array([[1, 0, 1, 1, 0], [0, 1, 0, 1, 1], [1, 1, 0, 0, 1]], bool),)),
        case((3, 3), 3, "no padding"),
        case((1, 1), 1, "one token"),
        case((3,), 4, "one sentence"),
    ]


def _past(real, above=0):
    return torch.ones(real.shape[1], real.shape[1]).tril(above) > 0  # (T, T)


THREE = Exercise(
    "07.3",
    "Write may_look(real). `real` is a boolean tensor (B, T) that is True at the real tokens of B sentences and False "
    "at padding, which may stand anywhere. Return a boolean tensor (B, T, T), for each sentence a row for each query "
    "and a column for each key. It is True where the key is a real token and not in the future of the query. What a "
    "padding token looks at does not matter later; treat it like any other query.",
    "There are two masks. What shape has each of them, and along which axis does it say the same for all? "
    "Broadcasting, and one sign between them, does the rest.",
    "A query may look where both masks allow it. In lmcourse: padding_mask(real) & causal_mask(T).",
    may_look,
    _padded,
    (
        Mistake(
            "queries",
            "You hide padding as a query: its rows are empty, and its columns are open to all. It is the keys that "
            "nobody should look at.",
            (lambda real: real[..., None] & _past(real),),
        ),
        Mistake(
            "both sides",
            "You also take the rows of padding away. A row without a single True is a softmax over nothing, and may "
            "become NaN.",
            (lambda real: real[..., None] & real[:, None] & _past(real),),
        ),
        Mistake(
            "or",
            "A key is open if it is real or in the past. Both are needed.",
            (lambda real: real[:, None] | _past(real),),
        ),
        Mistake(
            "or with queries",
            "You join the masks by or, and hide padding as a query, too.",
            (lambda real: real[..., None] | _past(real),),
        ),
        Mistake(
            "lengths",
            "You count the real tokens and take them for the first ones. Padding may stand in front, too, or between.",
            (lambda real: (torch.arange(real.shape[1]) < real.sum(1, keepdim=True))[:, None] & _past(real),),
        ),
        Mistake(
            "no causal",
            "The future is open: each query sees all real tokens.",
            (
                lambda real: real[:, None].expand(-1, real.shape[1], -1),
                lambda real: real[:, None],
                lambda real: real[:, None] & real[..., None],
            ),
        ),
        Mistake(
            "no padding",
            "Padding is open to all that come after it: `real` plays no part.",
            (lambda real: _past(real).expand(len(real), -1, -1), lambda real: _past(real)),
        ),
        Mistake(
            "upside down",
            "All is the wrong way round: your mask is True where nobody may look.",
            (lambda real: ~(real[:, None] & _past(real)),),
        ),
        Mistake(
            "padding upside down",
            "You leave the padding open and hide the real tokens.",
            (lambda real: ~real[:, None] & _past(real),),
        ),
        Mistake(
            "causal upside down",
            "You hide the past and leave the future open.",
            (lambda real: real[:, None] & ~_past(real), lambda real: real[:, None] & _past(real).T),
        ),
        Mistake(
            "not itself",
            "No token sees itself, and the first one of each sentence sees nothing.",
            (lambda real: real[:, None] & _past(real, -1),),
        ),
        Mistake(
            "one too far",
            "Each token sees the one after it, the very one that it should predict.",
            (lambda real: real[:, None] & _past(real, 1),),
        ),
        Mistake(
            "turned round",
            "Rows and columns are exchanged: in each table the rows are the queries.",
            (lambda real: (real[:, None] & _past(real)).mT,),
        ),
        Mistake(
            "lined up",
            "You join a table (B, T) with a table (T, T). That fits only by chance, and then it lines the sentences up "
            "with the queries: `real` needs one more axis.",
            (lambda real: real & _past(real),),
        ),
        Mistake(
            "numbers",
            "The places are right, but these are numbers. A mask is of True and False: join the two by `&`.",
            (lambda real: real[:, None] * _past(real).double(),),
        ),
        Mistake(
            "minus infinity",
            "That is what is added to the scores, 0 or minus infinity. The mask itself is of True and False.",
            (
                lambda real: torch.where(real[:, None] & _past(real), 0.0, -torch.inf),
                lambda real: torch.where(real[:, None] & _past(real), 0.0, -1e9),
            ),
        ),
    ),
    {
        "no padding": "Only a batch without padding is not right: the future is hidden there as well.",
        "one token": "Only sentences of a single token are not right; they have a table (1, 1) each.",
        "one sentence": "Only a batch of one sentence is not right; it is a batch all the same.",
    },
    truths=True,
)


# 07.4


def sinusoid(t, width):
    """Pair i of place t is the sine and the cosine of t / 10000^(2i / width)."""
    numbers = []
    for i in range(width // 2):
        angle = t / 10000 ** (2 * i / width)
        numbers += [math.sin(angle), math.cos(angle)]
    return numbers


def _waves(angle=None, first=np.sin, second=np.cos):
    """A wrong answer: other angles, a function of the places and of i, or something else than sine and cosine."""

    def made(t, width):
        i = np.arange(width // 2)
        angles = (angle or (lambda t, i, width: t / 10000 ** (2 * i / width)))(t, i, width)
        return np.stack([first(angles), second(angles)], -1).flatten()

    return made


def _each_its_own(t, width):
    j = np.arange(width)
    angles = t / 10000 ** (j / width)
    return np.where(j % 2, np.cos(angles), np.sin(angles))


def _cosines_one_further(t, width):
    j = np.arange(width)
    angles = t / 10000 ** (2 * j / width)
    return np.where(j % 2, np.cos(angles), np.sin(angles))


def _halves(t, width):
    return np.reshape(sinusoid(t, width), (-1, 2)).T.flatten()


FOUR = Exercise(
    "07.4",
    "Write sinusoid(t, width). Return the vector that tells a token that it stands at place t, counted from 0: `width` "
    "numbers, an even number of them. They come in pairs, a sine and a cosine side by side. For i = 0, 1, ... the "
    "numbers 2i and 2i + 1 are the sine and the cosine of the angle t / 10000^(2i / width), in radians.",
    "How many different angles are there for `width` numbers? Work out the four numbers of place 1 for a width of 4 by "
    "hand: two of them belong to the angle 1.",
    "The first pair goes round in six places, the last one hardly moves: the hands of a clock, from fast to slow.",
    sinusoid,
    lambda rng: [
        *(Case((t, width)) for t, width in zip(rng.sample(range(2, 60), 4), (4, 6, 8, 16), strict=True)),
        Case((0, 8), "place 0"),
        Case((3, 2), "one pair"),
    ],
    (
        Mistake(
            "exchanged",
            "Sine and cosine are exchanged: the sine comes first.",
            (_waves(first=np.cos, second=np.sin),),
        ),
        Mistake(
            "halves",
            "First come all your sines and then all your cosines. Here the two of a pair stand side by side.",
            (_halves,),
        ),
        Mistake(
            "i for 2i",
            "The exponent has i where 2i should be, so the hands of your clock do not get as slow as they should.",
            (_waves(lambda t, i, width: t / 10000 ** (i / width)),),
        ),
        Mistake(
            "no pairs",
            "Each number of yours has an angle of its own. The sine and the cosine of a pair share one, or the "
            "distance of two places could not be read off as an angle.",
            (_each_its_own, _cosines_one_further),
        ),
        Mistake(
            "too fast down",
            "The exponent grows too fast. 2i goes from 0 up to width - 2, so the exponent stays below 1.",
            (
                _waves(lambda t, i, width: t / 10000 ** (2 * i / (width // 2))),
                _waves(lambda t, i, width: t / 10000 ** (i / (width // 2 - 1))),
                _waves(lambda t, i, width: t / 10000 ** (2 * i)),
            ),
        ),
        Mistake(
            "whole numbers",
            "All your angles are t. In Python // divides down to a whole number, and that is 0 here.",
            (_waves(lambda t, i, width: t + 0.0 * i),),
        ),
        Mistake(
            "from 1",
            "You count from 1, the places or the pairs. Both begin at 0.",
            (
                lambda t, width: sinusoid(t + 1, width),
                lambda t, width: sinusoid(t - 1, width),
                _waves(lambda t, i, width: t / 10000 ** ((2 * i + 2) / width)),
            ),
        ),
        Mistake(
            "degrees",
            "You take the angles for degrees. sin and cos want radians, and these are radians already.",
            (_waves(lambda t, i, width: np.radians(t / 10000 ** (2 * i / width))),),
        ),
        Mistake(
            "full turns",
            "You multiply the angles by 2 pi. The angles of the formula are taken as they are.",
            (_waves(lambda t, i, width: 2 * np.pi * t / 10000 ** (2 * i / width)),),
        ),
        Mistake(
            "multiplied",
            "You multiply by the power of 10000. The angles should get smaller from pair to pair.",
            (_waves(lambda t, i, width: t * 10000.0 ** (2 * i / width)),),
        ),
        Mistake(
            "another base",
            "The base is not 10000, or the slowest hands would be faster.",
            tuple(
                _waves(lambda t, i, width, base=base: t / base ** (2 * i / width))
                for base in (10, 1000, 100000, math.e)
            ),
        ),
        Mistake(
            "one of the two",
            "You have sines alone, or cosines alone. A sine does not tell whether the hand goes up or comes down.",
            (
                _waves(second=np.sin),
                _waves(first=np.cos),
                lambda t, width: np.sin(t / 10000 ** (np.arange(width) / width)),
                lambda t, width: np.sin(t / 10000 ** (2 * np.arange(width) / width)),
                lambda t, width: sinusoid(t, width)[::2],
                lambda t, width: sinusoid(t, width)[1::2],
            ),
        ),
        Mistake(
            "angles",
            "Those are the angles. Their sines and cosines are asked for.",
            (
                _waves(first=lambda x: x, second=lambda x: x),
                lambda t, width: t / 10000 ** (2 * np.arange(width // 2) / width),
            ),
        ),
        Mistake(
            "pairs apart",
            "The numbers are right, but they come as a table of pairs. A place has one row of numbers.",
            (lambda t, width: np.reshape(sinusoid(t, width), (-1, 2)),),
        ),
        Mistake(
            "all places",
            "You return a row for each place. Place t alone is asked for.",
            (
                lambda t, width: [sinusoid(n, width) for n in range(t)],
                lambda t, width: [sinusoid(n, width) for n in range(t + 1)],
            ),
        ),
    ),
    {
        "place 0": "Only place 0 is not right. All its angles are 0, but the cosine of 0 is 1.",
        "one pair": "Only a width of 2 is not right; that is one pair, with the fastest angle.",
    },
)


# 07.5


def sees_the_future(model, ids):
    """Change one token after the other into every other one, and look whether a place before it has moved."""
    before = model(ids)  # (T, V)
    for place in range(1, len(ids)):
        for token in range(before.shape[1]):
            after = model([*ids[:place], token, *ids[place + 1 :]])
            if (after[:place] - before[:place]).abs().max() > 1e-6:  # what is less is rounding
                return True
    return False


SMALL = 1e-6


class _Model:
    """A language model with random numbers for weights, which may be wired so that some places hear later tokens.

    Args:
        seed: of the weights.
        V: how many tokens there are.
        hears: ``hears(t, j)``, whether place t hears the token at the later place j.
        speaks: the tokens that are heard there; ``None`` means all.
        leak: what they do to the logits, (V, V), a row for each token; ``None`` means random numbers from -6 to 6.
        noise: the size of the rounding errors, which depend on all the tokens.
        by_length: the logits depend on how many tokens there are.
        unlikely: a token that never wins.
    """

    def __init__(self, seed, V, hears=None, speaks=None, leak=None, noise=0.0, by_length=False, unlikely=None):
        rng = random.Random(f"model {seed}")
        self.unlikely = unlikely
        self.now, self.past = _numbers(rng, V, V), _numbers(rng, V, V)
        self.leak = _numbers(rng, V, V, low=-6, high=6) if leak is None else np.array(leak, float)
        self.V, self.hears, self.noise, self.by_length = V, hears, noise, by_length
        self.speaks = range(V) if speaks is None else speaks

    def __repr__(self):
        return f"<a model of {self.V} tokens>"

    def __call__(self, ids):
        ids = [int(token) for token in ids]
        if not ids or min(ids) < 0 or max(ids) >= self.V:
            raise ValueError(f"the model knows the tokens 0 to {self.V - 1}, and reads one at least, not {ids}")
        T = len(ids)
        logits = np.zeros((T, self.V))
        for t in range(T):
            logits[t] = self.now[ids[t]] + sum(self.past[ids[s]] / (1 + t - s) for s in range(t)) / (t + 1)
            for j in range(t + 1, T):
                if self.hears and self.hears(t, j) and ids[j] in self.speaks:
                    logits[t] += self.leak[ids[j]]
            logits[t] += self.noise * math.sin(sum((n + 1) * token for n, token in enumerate(ids)) + t)
        if self.by_length:
            logits *= 1 + 0.1 * T
        if self.unlikely is not None:
            logits[:, self.unlikely] -= 9
        return torch.tensor(logits)


def _models(rng):
    def case(edge="", T=5, V=4, ids=None, **wires):
        ids = [rng.randrange(V) for _ in range(T)] if ids is None else ids
        return Case((_Model(rng.random(), V, **wires), ids), edge)

    def everywhere(t, j):
        return True

    # One logit moves, or two against each other.
    one = np.outer([0.4, -0.5, 0.9, -0.2], [0, 0, 1, 0])
    against = np.array([[x, -x, y, -y] for x, y in ((0.5, 0.2), (-0.4, 0.6), (0.1, -0.7), (-0.9, -0.3))])
    return [
        case(),
        case(hears=everywhere),
        case(T=4),
        case(T=6, V=3, hears=everywhere),
        case(ids=[3, 0]),  # who tries all tokens in a row and takes none back ends where he began
        case("last token", hears=lambda t, j: j == 4),
        case("early", hears=lambda t, j: j == 1),
        case("neighbour", T=6, hears=lambda t, j: j == t + 1),
        case("far", T=6, hears=lambda t, j: j >= t + 3),
        case("one place", T=6, hears=lambda t, j: t == 2),
        case("rare", ids=[1, 0, 1, 0, 1], V=6, hears=everywhere, speaks=(4,)),
        case("rare", ids=[2, 5, 2, 3, 2], V=6, hears=everywhere, speaks=(1,)),
        case("one logit", hears=everywhere, leak=one),
        case("cancelled", hears=everywhere, leak=against),
        case("same winner", hears=everywhere, leak=one[:, [2, 1, 0, 3]], unlikely=0),
        case("faint", hears=everywhere, leak=_numbers(rng, 4, 4, low=-2e-3, high=2e-3)),
        case("rounding", noise=1e-9),
        case("length", T=4, by_length=True),
        case("one token", T=1, V=5),
    ]


def _moves(places):
    """An answer from the places that ``places(t, T)`` names after a change of the token at place t."""

    def answer(model, ids):
        before = model(ids)
        for place in range(len(ids)):
            for token in range(before.shape[1]):
                after = model([*ids[:place], token, *ids[place + 1 :]])
                which = places(place, len(ids))
                if (after - before).abs().amax(1)[which].sum() > SMALL:
                    return True
        return False

    return answer


def _spoiled(model, ids):
    """The changes are never taken back, so that the earlier tokens are others as well."""
    before, ids = model(ids), list(ids)
    for place in range(len(ids)):
        for token in range(before.shape[1]):
            ids[place] = token
            if place and (model(ids)[:place] - before[:place]).abs().max() > SMALL:
                return True
    return False


FIVE = Exercise(
    "07.5",
    "Write sees_the_future(model, ids). `model` is a language model that you cannot look into: model(ids) takes a list "
    "of T tokens, numbers from 0 to V - 1, and returns the logits (T, V), a row for each place. In a sound model a row "
    "depends on the token at its place and on those before it. Return True if there is a token in `ids` that, changed "
    "into another of the V tokens while all others stay, changes a row of an earlier place; else return False. A "
    "leak may be hidden: at one place, from one later place, for one token, in one logit. What differs by less than "
    "0.000001 is rounding.",
    "Run the model on the ids as they are. Then change a single token and run it again: which rows may have changed, "
    "and which not? What is left is to try all changes.",
    "This test of three loops finds every leak of one token. The tests of lmcourse ask it of each of its models.",
    sees_the_future,
    _models,
    (
        Mistake(
            "nothing found",
            "You find no leak in a model where each place hears all later tokens.",
            (lambda model, ids: False,),
        ),
        Mistake(
            "upside down",
            "You say True of a sound model, and False of one that sees the future.",
            (lambda model, ids: not sees_the_future(model, ids),),
        ),
        Mistake(
            "accused",
            "You accuse a sound model. The row of the changed token itself changes in every model, and so do the rows "
            "after it.",
            (lambda model, ids: True, _moves(lambda t, T: slice(None)), _moves(lambda t, T: slice(t, T))),
        ),
        Mistake(
            "not taken back",
            "You accuse a sound model. Is there one token that is another, or have those changed before not been taken "
            "back? Then the earlier rows change for a good reason.",
            (_spoiled,),
        ),
    ),
    {
        "last token": "A leak from the last token goes unseen.",
        "early": "A leak from the second token into the first place goes unseen.",
        "neighbour": "A leak goes unseen where each place hears just the token after it, as with a mask that is off by "
        "one.",
        "far": "A leak goes unseen that comes from far away: each place hears only what is three places later or more.",
        "one place": "A leak goes unseen that only a place in the middle has.",
        "rare": "A leak goes unseen where only one of the V tokens is heard; it takes all of them to find it.",
        "one logit": "A leak goes unseen that moves one logit of a row, and no other.",
        "cancelled": "A leak goes unseen where one logit rises as much as another falls: in a sum they cancel out.",
        "same winner": "A leak goes unseen that moves a logit far below the others: which token is the likeliest does "
        "not tell.",
        "faint": "A faint leak, of about 0.001, goes unseen.",
        "rounding": "You accuse a sound model of its rounding errors, which are of the size of 0.000000001.",
        "length": "You accuse a sound model whose logits depend on how many tokens there are. That is no later token: "
        "change one, and do not take it away.",
        "one token": "A text of one token has no future, so there is nothing to see.",
    },
    truths=True,
)

EXERCISES = (ONE, TWO, THREE, FOUR, FIVE)
