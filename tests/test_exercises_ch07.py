"""The exercises of chapter 07 accept right answers and name the mistake of wrong ones."""

import math
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from bank import bank_tests

from lmcourse import self_attention
from lmcourse.exercises import check
from lmcourse.exercises.ch07 import EXERCISES, SMALL, _Model, sees_the_future

# Right answers in other words


def attention_loop(query, key, value):
    if np.ndim(query) > 2:
        return np.stack([attention_loop(*three) for three in zip(query, key, value, strict=True)])
    rows = []
    for q in query:
        scores = [sum(float(a) * float(b) for a, b in zip(q, k, strict=True)) / math.sqrt(len(q)) for k in key]
        exps = [math.exp(score - max(scores)) for score in scores]
        rows.append([sum(e * float(v[d]) for e, v in zip(exps, value, strict=True)) for d in range(len(value[0]))])
        rows[-1] = [x / sum(exps) for x in rows[-1]]
    return rows


def attention_numpy(query, key, value):
    scores = np.einsum("...tk,...sk->...ts", query, key) * query.shape[-1] ** -0.5
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return np.matmul(weights / weights.sum(-1, keepdims=True), value)


def attention_torch(query, key, value):
    return F.scaled_dot_product_attention(query, key, value)


def attention_course(query, key, value):
    return self_attention.attend(query, key, value)[0]


def attention_of_scaled_queries(query, key, value):
    weights = F.softmax(query / query.shape[-1] ** 0.5 @ key.transpose(-2, -1), dim=-1)
    return (weights[..., None] * value[..., None, :, :]).sum(-2)


def causal_loop(T):
    return [[key <= query for key in range(T)] for query in range(T)]


def causal_numpy(T):
    return np.tri(T) > 0


def causal_places(T):
    places = torch.arange(T)
    return places[:, None] >= places


def causal_not_triu(T):
    return ~torch.triu(torch.ones(T, T), diagonal=1).bool()


def causal_course(T):
    return self_attention.causal_mask(T)


def look_loop(real):
    T = len(real[0])
    return [[[bool(row[key]) and key <= query for key in range(T)] for query in range(T)] for row in real]


def look_course(real):
    return self_attention.padding_mask(real) & self_attention.causal_mask(real.shape[1])


def look_numpy(real):
    return np.tril(np.repeat(np.asarray(real)[:, None], np.shape(real)[1], 1))


def look_filled(real):
    mask = real[:, None, :].repeat(1, real.shape[1], 1)
    mask[:, torch.ones(mask.shape[1:]).triu(1) == 1] = False
    return mask


def look_multiplied(real):
    return (real.unsqueeze(1).float() * torch.tril(torch.ones(real.shape[1], real.shape[1]))).bool()


def place_course(t, width):
    return self_attention.sinusoids(t + 1, width)[t]


def place_loop(t, width):
    numbers = np.zeros(width)
    for n in range(width):
        angle = t / 10000 ** ((n - n % 2) / width)
        numbers[n] = math.cos(angle) if n % 2 else math.sin(angle)
    return numbers


def place_slices(t, width):
    numbers = torch.zeros(width)
    rates = torch.exp(-math.log(10000) * torch.arange(0, width, 2) / width)
    numbers[0::2], numbers[1::2] = torch.sin(t * rates), torch.cos(t * rates)
    return numbers


def place_complex(t, width):
    turns = np.exp(1j * t * 10000.0 ** -(np.arange(width // 2) * 2 / width))
    return np.column_stack([turns.imag, turns.real]).ravel()


def changes(ids, V):
    """All pairs of a place and a text that is another there."""
    for place in range(len(ids)):
        for token in range(V):
            yield place, [*ids[:place], token, *ids[place + 1 :]]


def future_backwards(model, ids):
    before = model(ids)
    for place in reversed(range(len(ids))):
        for token in range(before.shape[1]):
            changed = list(ids)
            changed[place] = token
            if not torch.allclose(before[:place], model(changed)[:place], rtol=0, atol=1e-5):
                return True
    return False


def future_numpy(model, ids):
    before = model(ids).numpy()
    return any((abs(model(new).numpy() - before) > SMALL)[:place].any() for place, new in changes(ids, before.shape[1]))


def future_lists(model, ids):
    before = model(ids).tolist()
    found = 0
    for place, new in changes(ids, len(before[0])):
        after = model(torch.tensor(new)).tolist()
        found += sum(abs(a - b) > SMALL for t in range(place) for a, b in zip(after[t], before[t], strict=True))
    return found > 0


def future_in_place(model, ids):
    before = model(ids)
    worst = torch.tensor(0.0)
    for place in range(1, len(ids)):
        kept = ids[place]
        for token in range(before.shape[-1]):
            ids[place] = token
            worst = max(worst, (model(ids) - before)[:place].abs().max())
        ids[place] = kept
    return worst > SMALL


RIGHT = [
    *(("07.1", f) for f in (attention_loop, attention_numpy, attention_torch)),
    *(("07.1", f) for f in (attention_course, attention_of_scaled_queries)),
    *(("07.2", f) for f in (causal_loop, causal_numpy, causal_places, causal_not_triu, causal_course)),
    *(("07.3", f) for f in (look_loop, look_course, look_numpy, look_filled, look_multiplied)),
    *(("07.4", f) for f in (place_course, place_loop, place_slices, place_complex)),
    *(("07.5", f) for f in (future_backwards, future_numpy, future_lists, future_in_place)),
]  # fmt: skip


# Wrong answers


def by(function):
    """An answer from the weights that ``function(query, key)`` makes."""
    return lambda q, k, v: torch.matmul(function(q, k), v)


def dots(q, k):
    return torch.einsum("...tk,...sk->...ts", q, k)


def root(q):
    return q.shape[-1] ** 0.5


def for_batches_only_by_T(q, k, v):
    return F.softmax(q @ k.T / root(q), dim=-1) @ v


def softmax_over_axis_1(q, k, v):
    return F.softmax(dots(q, k) / root(q), dim=1) @ v


def first_keys_only(q, k, v):
    scores = dots(q, k)[..., : q.shape[-2]] / root(q)  # as many as queries, where keys are meant
    return scores.softmax(-1) @ v[..., : scores.shape[-1], :]


def own_softmax(q, k, v):
    exps = torch.exp(dots(q, k) / root(q))
    return exps / exps.sum(-1, keepdim=True) @ v


def scaled_in_place(q, k, v):
    q /= root(q)
    return dots(q, k).softmax(-1) @ v


def causal_look(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def with_weights(q, k, v):
    return self_attention.attend(q, k, v)


def triangle(T):
    return torch.ones(T, T).tril()


def pairs(t, width, angle):
    return [f(angle(i)) for i in range(width // 2) for f in (math.sin, math.cos)]


def nothing_at_0(t, width):
    return place_loop(t, width) if t else np.zeros(width)


def from_two_pairs(t, width):
    return place_loop(t, width) if width > 2 else [math.sin(t / 10000), math.cos(t / 10000)]


# Weaker detectives: each has some habit that a model can exploit.


def detective(tokens=None, later=None, earlier=None, moved=None):
    """A detective of four habits, some of them weak.

    ``tokens(ids, place, V)`` are tried at the places ``later(T)``; the rows ``earlier(place)`` are compared by
    ``moved(before, after)``.
    """

    def answer(model, ids):
        before = model(ids)
        for place in later(len(ids)) if later else range(1, len(ids)):
            for token in tokens(ids, place, before.shape[1]) if tokens else range(before.shape[1]):
                after = model([*ids[:place], token, *ids[place + 1 :]])
                rows = earlier(place) if earlier else slice(0, place)
                if moved and moved(before[rows], after[rows]):
                    return True
                if not moved and ((before[rows] - after[rows]).abs() > SMALL).any():
                    return True
        return False

    return answer


def last_changed(T):
    return [T - 1] if T > 1 else []


def another(ids, place, V):
    return [(ids[place] + 1) % V]


def token_0(ids, place, V):
    return [0]


def those_of_the_text(ids, place, V):
    return ids


def cut_off(model, ids):
    whole = model(ids)
    return any((model(ids[:n]) - whole[:n]).abs().max() > SMALL for n in range(1, len(ids)))


def all_changed_at_once(model, ids):
    before = model(ids)
    for place in range(1, len(ids)):
        after = model([*ids[:place], *((token + 1) % before.shape[1] for token in ids[place:])])
        if (after[:place] - before[:place]).abs().max() > SMALL:
            return True
    return False


def never_taken_back(model, ids):
    before = model(ids)
    changed = ids  # the same list
    for place in range(len(ids)):
        for token in range(before.shape[1]):
            changed[place] = token
            if place > 0 and (model(changed)[:place] - before[:place]).abs().max() > SMALL:
                return True
    return False


def needs_two_tokens(model, ids):
    return bool(torch.stack([torch.tensor(future_numpy(model, ids)) for _ in ids[1:]]).any())


def two_by_shape(model, ids):
    return model(ids).shape != (len(ids), model(ids).shape[1])


def compares_before_with_itself(model, ids):
    before = after = model(ids)
    return bool((before != after).any())


def one_row_short(model, ids):
    return detective(later=lambda T: range(2, T), earlier=lambda place: slice(0, place - 1))(model, ids)


WRONG = [
    ("07.1", "no scale", "scale is missing", by(lambda q, k: dots(q, k).softmax(-1))),
    ("07.1", "divided by K", "You divide by K", by(lambda q, k: (dots(q, k) / q.shape[-1]).softmax(-1))),
    ("07.1", "multiplied", "multiply by the root", by(lambda q, k: (dots(q, k) * root(q)).softmax(-1))),
    ("07.1", "scaled twice", "by the root both",
     lambda q, k, v: F.scaled_dot_product_attention(q / root(q), k / root(k), v)),
    ("07.1", "number of places", "how many numbers a key", by(lambda q, k: (dots(q, k) / len(k) ** 0.5).softmax(-1))),
    ("07.1", "scaled too late", "scale the weights", by(lambda q, k: dots(q, k).softmax(-1) / root(q))),
    ("07.1", "softmax over queries", "compete for each key", by(lambda q, k: (dots(q, k) / root(q)).softmax(-2))),
    ("07.1", "softmax over queries", "compete for each key", by(lambda q, k: (dots(q, k) / root(q)).softmax(0))),
    ("07.1", "whole table", "together sum to 1",
     by(lambda q, k: (e := torch.exp(dots(q, k) / root(q))) / e.sum((-2, -1), keepdim=True))),
    ("07.1", "roles exchanged", "rows are keys", by(lambda q, k: (dots(k, q) / root(q)).softmax(-1))),
    ("07.1", "columns", "two rows", by(lambda q, k: (q.T @ k / root(q)).softmax(-1))),
    ("07.1", "values turned round", "Whole values, rows",
     lambda q, k, v: (dots(q, k) / root(q)).softmax(-1) @ v.transpose(-1, -2)),
    ("07.1", "keys given", "what one gives is the value", lambda q, k, v: F.scaled_dot_product_attention(q, k, k)),
    ("07.1", "matched with values", "come from queries and keys",
     lambda q, k, v: F.scaled_dot_product_attention(k, k, v)),
    ("07.1", "no softmax", "softmax is missing", by(lambda q, k: dots(q, k) / root(q))),
    ("07.1", "not normalised", "divided them by their sum", by(lambda q, k: (dots(q, k) / root(q)).exp())),
    ("07.1", "divided by the sum", "without exponentials",
     by(lambda q, k: dots(q, k) / dots(q, k).sum(-1, keepdim=True))),
    ("07.1", "weights", "Those are the weights", lambda q, k, v: (dots(q, k) / root(q)).softmax(-1)),
    ("07.1", "both", "You return a pair", with_weights),
    ("07.1", "scores", "first half of the way", lambda q, k, v: dots(q, k) / root(q)),
    ("07.1", "causal", "hide the future", causal_look),
    ("07.1", "mean", "whatever queries and keys say", lambda q, k, v: v.mean(-2, keepdim=True).expand_as(v)),
    ("07.1", "sizes", "which of them is which axis", first_keys_only),
    ("07.1", "batch", "to be left alone", for_batches_only_by_T),
    ("07.1", "batch", "to be left alone", softmax_over_axis_1),
    ("07.1", "large", "is infinite", own_softmax),
    ("07.1", "in place", "changed on the way", scaled_in_place),
    ("07.2", "upside down", "says what is hidden", lambda T: torch.ones(T, T).triu(1) == 1),
    ("07.2", "not itself", "No token sees itself", lambda T: [[s < t for s in range(T)] for t in range(T)]),
    ("07.2", "turned round", "nothing of the past", lambda T: torch.ones(T, T, dtype=torch.bool).triu()),
    ("07.2", "one too far", "that it should predict", lambda T: triangle(T + 1)[1:, 1:].tril(1).bool() |
     torch.ones(T, T).tril(1).bool()),
    ("07.2", "from the right", "wrong side", lambda T: np.tri(T, dtype=bool)[:, ::-1]),
    ("07.2", "numbers", "cannot be joined by &", triangle),
    ("07.2", "numbers", "cannot be joined by &", lambda T: [[int(s <= t) for s in range(T)] for t in range(T)]),
    ("07.2", "minus infinity", "added to the scores", lambda T: torch.full((T, T), -torch.inf).triu(1)),
    ("07.2", "minus infinity", "added to the scores", lambda T: (1 - triangle(T)) * -1e9),
    ("07.2", "all", "Everything may look", lambda T: torch.full((T, T), True)),
    ("07.2", "only itself", "no secret", lambda T: torch.eye(T).bool()),
    ("07.2", "neighbour", "all places before", lambda T: (triangle(T) - triangle(T).tril(-2)).bool()),
    ("07.2", "one row", "single row", lambda T: [True for _ in range(T)]),
    ("07.2", "one token", "one row and one column", lambda T: triangle(T).bool().squeeze()),
    ("07.2", "shape", "where True and False of shape (", lambda T: triangle(T).bool()[None]),
    ("07.3", "queries", "its columns are open", lambda real: real.unsqueeze(2) & triangle(real.shape[1]).bool()),
    ("07.3", "both sides", "softmax over nothing",
     lambda real: look_course(real) & real[:, :, None]),
    ("07.3", "or", "Both are needed", lambda real: real[:, None, :] | causal_places(real.shape[1])),
    ("07.3", "or with queries", "as a query, too", lambda real: real[:, :, None] | causal_places(real.shape[1])),
    ("07.3", "lengths", "You count the real tokens",
     lambda real: look_course(torch.arange(real.shape[1]) < real.sum(1)[:, None])),
    ("07.3", "no causal", "The future is open", lambda real: real[:, None].repeat(1, real.shape[1], 1)),
    ("07.3", "no causal", "The future is open", self_attention.padding_mask),
    ("07.3", "no padding", "plays no part", lambda real: causal_places(real.shape[1]).repeat(len(real), 1, 1)),
    ("07.3", "upside down", "where nobody may look", lambda real: ~look_course(real)),
    ("07.3", "padding upside down", "hide the real tokens", lambda real: look_course(~real)),
    ("07.3", "causal upside down", "hide the past",
     lambda real: real[:, None] & torch.ones(real.shape[1], real.shape[1]).triu(1).bool()),
    ("07.3", "not itself", "No token sees itself", lambda real: look_course(real) & ~torch.eye(real.shape[1]).bool()),
    ("07.3", "one too far", "that it should predict",
     lambda real: real[:, None] & torch.ones(real.shape[1], real.shape[1]).tril(1).bool()),
    ("07.3", "turned round", "Rows and columns are exchanged", lambda real: look_course(real).transpose(1, 2)),
    ("07.3", "lined up", "one more axis", lambda real: real & causal_places(real.shape[1])),
    ("07.3", "numbers", "join the two by `&`", lambda real: real[:, None] * triangle(real.shape[1])),
    ("07.3", "numbers", "join the two by `&`", lambda real: look_course(real).long()),
    ("07.3", "minus infinity", "added to the scores",
     lambda real: torch.zeros(len(real), real.shape[1], real.shape[1]).masked_fill(~look_course(real), -torch.inf)),
    ("07.3", "no padding", "plays no part", lambda real: causal_places(real.shape[1])),
    ("07.3", "no padding and one sentence", "batch all the same",
     lambda real: look_course(real) if len(real) > 1 and not real.all() or real.shape[1] == 1 else real[:, None] > 0),
    ("07.3", "one token", "table (1, 1) each",
     lambda real: look_course(real) if real.shape[1] > 1 else look_course(real)[:, 0]),
    ("07.3", "one sentence", "batch all the same", lambda real: look_course(real).squeeze(0)),
    ("07.4", "exchanged", "the sine comes first",
     lambda t, D: [f(t / 10000 ** (2 * i / D)) for i in range(D // 2) for f in (math.cos, math.sin)]),
    ("07.4", "halves", "side by side", lambda t, D: np.concatenate([place_loop(t, D)[::2], place_loop(t, D)[1::2]])),
    ("07.4", "i for 2i", "where 2i should be", lambda t, D: pairs(t, D, lambda i: t / 10000 ** (i / D))),
    ("07.4", "no pairs", "an angle of its own",
     lambda t, D: [(math.cos if n % 2 else math.sin)(t / 10000 ** (n / D)) for n in range(D)]),
    ("07.4", "too fast down", "stays below 1",
     lambda t, D: pairs(t, D, lambda i: t / 10000 ** (i / (D // 2 - 1)) if D > 2 else t)),
    ("07.4", "whole numbers", "divides down", lambda t, D: pairs(t, D, lambda i: t / 10000 ** (2 * i // D))),
    ("07.4", "from 1", "count from 1", lambda t, D: self_attention.sinusoids(t + 2, D)[t + 1]),
    ("07.4", "from 1", "count from 1", lambda t, D: pairs(t, D, lambda i: t / 10000 ** (2 * (i + 1) / D))),
    ("07.4", "degrees", "radians already",
     lambda t, D: pairs(t, D, lambda i: math.radians(t / 10000 ** (2 * i / D)))),
    ("07.4", "full turns", "as they are", lambda t, D: pairs(t, D, lambda i: math.tau * t / 10000 ** (2 * i / D))),
    ("07.4", "multiplied", "get smaller", lambda t, D: pairs(t, D, lambda i: t * 10000 ** (2 * i / D))),
    ("07.4", "another base", "not 10000", lambda t, D: pairs(t, D, lambda i: t / 1000 ** (2 * i / D))),
    ("07.4", "one of the two", "goes up or comes down", lambda t, D: np.repeat(place_loop(t, D)[::2], 2)),
    ("07.4", "one of the two", "goes up or comes down", lambda t, D: place_slices(t, D)[::2]),
    ("07.4", "angles", "Those are the angles", lambda t, D: [t / 10000 ** (2 * i / D) for i in range(D // 2)]),
    ("07.4", "pairs apart", "table of pairs",
     lambda t, D: [[math.sin(a), math.cos(a)] for a in (t / 10000 ** (2 * i / D) for i in range(D // 2))]),
    ("07.4", "all places", "a row for each place", lambda t, D: self_attention.sinusoids(t, D)),
    ("07.4", "all places", "a row for each place", lambda t, D: self_attention.sinusoids(t + 1, D)),
    ("07.4", "place 0", "the cosine of 0 is 1", nothing_at_0),
    ("07.4", "one pair", "fastest angle", from_two_pairs),
    ("07.5", "nothing found", "find no leak", two_by_shape),
    ("07.5", "nothing found", "find no leak", compares_before_with_itself),
    ("07.5", "nothing found", "find no leak", detective(later=lambda T: [0])),
    ("07.5", "upside down", "False of one that sees", lambda model, ids: not future_numpy(model, ids)),
    ("07.5", "accused", "accuse a sound model", detective(earlier=lambda place: slice(None))),
    ("07.5", "accused", "accuse a sound model", detective(earlier=lambda place: slice(0, place + 1))),
    ("07.5", "not taken back", "taken back", never_taken_back),
    ("07.5", "early", "second token", detective(later=last_changed)),
    ("07.5", "early and neighbour", "off by one", one_row_short),
    ("07.5", "one place", "in the middle", detective(earlier=lambda place: [0])),
    ("07.5", "far", "comes from far away", detective(earlier=lambda place: [place - 1])),
    ("07.5", "rare", "it takes all of them", detective(tokens=another)),
    ("07.5", "rare", "it takes all of them", detective(tokens=token_0)),
    ("07.5", "rare", "it takes all of them", detective(tokens=those_of_the_text)),
    ("07.5", "rare", "it takes all of them", all_changed_at_once),
    ("07.5", "one logit", "and no other", detective(moved=lambda a, b: (a[:, 0] - b[:, 0]).abs().max() > SMALL)),
    ("07.5", "cancelled", "cancel out", detective(moved=lambda a, b: abs(float(a.sum() - b.sum())) > 1e-5)),
    ("07.5", "same winner and faint", "likeliest does not tell",
     detective(moved=lambda a, b: (a.argmax(1) != b.argmax(1)).any())),
    ("07.5", "faint", "about 0.001", detective(moved=lambda a, b: (a - b).abs().max() > 0.01)),
    ("07.5", "rounding", "rounding errors", detective(moved=lambda a, b: not torch.equal(a, b))),
    ("07.5", "rare and length", "do not take it away", cut_off),
    ("07.5", "last token", "from the last token", detective(later=lambda T: range(1, max(T - 1, 2)))),
    ("07.5", "last token", "from the last token", detective(later=lambda T: range(1, T - 1))),
    ("07.5", "one token", "has no future", needs_two_tokens),
    ("07.5", "numbers", "where True or False should be", lambda model, ids: int(future_numpy(model, ids))),
    ("07.5", "shape", "where True or False should be", lambda model, ids: [future_numpy(model, ids), False]),
]  # fmt: skip


test_mistakes, test_right_answers, test_wrong_answers = bank_tests(EXERCISES, RIGHT, WRONG)


class Strange:
    """Something that cannot be made an array, and says so in its own way."""

    def __array__(self, *args, **options):
        raise RuntimeError("no array")


def endless():
    yield 1.0


JUNK = [
    None, "", "nothing", float("nan"), -math.inf, 17, True, [], [[]], [[1.0], [2.0, 3.0]], (None, None), (1, 2, 3), {},
    {1: 2}, {0.5}, b"01", 1j, np.array("text"), np.full((3, 3), np.nan), np.zeros((0, 4)), np.zeros((2, 2, 2, 2, 2)),
    torch.tensor([[math.inf]]), torch.eye(3).to_sparse(), torch.eye(2, dtype=torch.bfloat16),
    torch.ones(3, requires_grad=True), [torch.ones(2), torch.ones(3)], ([1.0], "two", None), object(), math.sin, len,
    Strange(), endless(), NotImplemented, ...,
]  # fmt: skip


@pytest.mark.parametrize("number", [exercise.number for exercise in EXERCISES])
@pytest.mark.parametrize("junk", range(len(JUNK)))
def test_whatever_is_returned_is_answered(number, junk):
    exercise = next(one for one in EXERCISES if one.number == number)
    count = exercise.solution.__code__.co_argcount
    verdict = check(number, (lambda a, b, c: JUNK[junk], lambda a, b: JUNK[junk], lambda a: JUNK[junk])[3 - count])
    assert not verdict and verdict.mistake and verdict.message.startswith(f"{number}: not yet. ")
    assert len(verdict.message) < 900


@pytest.mark.parametrize("number", [exercise.number for exercise in EXERCISES])
@pytest.mark.parametrize("error", [ValueError("own words"), KeyError("a key"), RecursionError(), StopIteration()])
def test_whatever_is_raised_is_told(number, error):
    def answer(*args):
        raise error

    verdict = check(number, answer)
    assert verdict.mistake == "raised" and f"raised {type(error).__name__}" in verdict.message


def test_arguments_that_are_spoilt_and_answers_that_equal_everything():
    class Anything(float):
        __eq__ = lambda self, other: True  # noqa: E731
        __hash__ = float.__hash__

    assert not check("07.1", lambda q, k, v: Anything(1))

    def spoil(real):
        real[:] = True
        return look_course(real)

    assert check("07.3", spoil).mistake == "no padding"
    assert check("07.3", look_course)


@pytest.mark.parametrize("number", ["07.1", "07.2", "07.3", "07.4", "07.5"])
def test_other_cases_of_the_same_kind_are_judged_alike(number):
    """The cases come from a seed; with others, the right answers still agree with each other."""
    exercise = next(one for one in EXERCISES if one.number == number)
    for_numpy = (attention_numpy, look_numpy)
    for seed in range(10):
        for case in exercise.cases(random.Random(seed)):
            wanted = exercise.solution(*case.args)
            for other in (function for n, function in RIGHT if n == number):
                style = np.array if other in for_numpy else torch.tensor
                found = other(*(style(arg) if isinstance(arg, np.ndarray) else arg for arg in case.args))
                assert np.allclose(found, wanted, atol=1e-5), (seed, case.edge, other.__name__)


@pytest.mark.parametrize("seed", range(60))
def test_the_detective_finds_a_leak_that_is_hidden_in_every_way(seed):
    """One place hears one later place, for one token, in one logit, faintly; and without that wire nothing is found."""
    rng = random.Random(seed)
    V, T = rng.randint(2, 6), rng.randint(2, 7)
    early, late = sorted(rng.sample(range(T), 2))
    leak = np.zeros((V, V))
    leak[:, rng.randrange(V)] = 1e-4
    wires = {"hears": lambda t, j: (t, j) == (early, late), "speaks": (rng.randrange(V),), "leak": leak, "noise": 1e-9}
    ids = [rng.randrange(V) for _ in range(T)]
    assert sees_the_future(_Model(seed, V, **wires), ids)
    assert not sees_the_future(_Model(seed, V, noise=1e-9, by_length=True), ids)
    assert not sees_the_future(_Model(seed, V, hears=lambda t, j: False), ids)


@pytest.mark.parametrize("limit", [1e-8, 1e-4])
def test_no_model_of_the_detective_is_near_the_limit(limit):
    assert check("07.5", detective(moved=lambda a, b: (a - b).abs().max() > limit))


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("positions", ["sinusoidal", "rotary", None])
def test_the_detective_judges_the_models_of_the_chapter(causal, positions):
    torch.manual_seed(0)
    model = self_attention.AttentionLM(7, width=16, layers=2, positions=positions, causal=causal).double().eval()

    @torch.no_grad()
    def logits(ids):
        return model(torch.tensor([ids])).logits[0]

    assert sees_the_future(logits, [3, 1, 4, 1, 5]) is not causal


def test_the_models_of_the_detective_say_what_they_cannot_read():
    model = _Model(0, 4)
    assert repr(model) == "<a model of 4 tokens>"  # and not how it is wired
    assert model(torch.tensor([1, 2])).shape == (2, 4) and torch.equal(model((1, 2)), model(np.array([1, 2])))
    for ids in ([], [4], [0, -1]):
        with pytest.raises(ValueError, match="knows the tokens 0 to 3"):
            model(ids)
