"""The exercises of chapter 06 accept right answers and name the mistake of wrong ones."""

import math
import random

import numpy as np
import pytest
import torch
from bank import bank_tests

from lmcourse.attention import masked_softmax
from lmcourse.exercises import check
from lmcourse.exercises.ch06 import EXERCISES, what_is_wrong
from lmcourse.metrics import alignment_score

# Right answers in other words


def softmax_loop(scores, mask):
    if np.ndim(scores) == 2:
        return [softmax_loop(row, allowed) for row, allowed in zip(scores, mask, strict=True)]
    kept = [float(score) for score, yes in zip(scores, mask, strict=True) if yes]
    total = sum(math.exp(score - max(kept)) for score in kept)
    return [math.exp(float(x) - max(kept)) / total if yes else 0.0 for x, yes in zip(scores, mask, strict=True)]


def softmax_logs(scores, mask):
    lowest = np.where(mask, scores, -np.inf)
    total = np.logaddexp.reduce(lowest, axis=-1, keepdims=True)
    return np.exp(lowest - np.where(total == -np.inf, 0, total))


def softmax_by_index(scores, mask):
    weights = np.zeros_like(scores)
    for row in np.ndindex(scores.shape[:-1]):
        chosen = np.flatnonzero(mask[row])
        if len(chosen):
            e = np.exp(scores[row][chosen] - scores[row][chosen].max())
            weights[row][chosen] = e / e.sum()
    return weights


def softmax_torch(scores, mask):
    return scores.masked_fill(mask == 0, -torch.inf).softmax(-1).nan_to_num()


def softmax_course(scores, mask):
    return masked_softmax(torch.from_numpy(scores), torch.from_numpy(mask))


def softmax_very_negative(scores, mask):
    scores = np.where(mask, scores, -1e9)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True) * np.array(mask)


def scores_loop(query, keys, W, U, v):
    scores = []
    for key in keys:
        hidden = 0.0
        for a in range(len(v)):
            view = sum(W[a][i] * query[i] for i in range(len(query))) + sum(U[a][i] * key[i] for i in range(len(key)))
            hidden += v[a] * math.tanh(view)
        scores.append(hidden)
    return scores


def scores_einsum(query, keys, W, U, v):
    both = np.einsum("ai,i->a", W, query) + np.einsum("ai,si->sa", U, keys)
    return np.einsum("a,sa->s", v, np.tanh(both))


def scores_side_by_side(query, keys, W, U, v):
    inputs = torch.cat([query.expand(len(keys), -1), keys], 1)
    return torch.tanh(inputs @ torch.cat([W, U], 1).T) @ v


def scores_of_columns(query, keys, W, U, v):
    return v @ np.tanh((W @ query)[:, None] + U @ keys.T)


def context_loop(weights, states):
    if np.ndim(weights) == 2:
        return [context_loop(row, states) for row in weights]
    return [sum(w * state[d] for w, state in zip(weights, states, strict=True)) for d in range(len(states[0]))]


def context_einsum(weights, states):
    return np.einsum("...s,sd->...d", weights, states)


def context_broadcast(weights, states):
    return (weights[..., None] * states).sum(-2)


def context_linear(weights, states):
    return torch.nn.functional.linear(weights, states.T)


def aer_counts(found, gold):
    a = g = both = 0
    for some, right in zip(found, gold, strict=True):
        some, right = set(some), set(right)
        a, g, both = a + len(some), g + len(right), both + len(some & right)
    return both / a if a else 0, both / g if g else 0, 1 - 2 * both / (a + g) if a + g else 0


def aer_loop(found, gold):
    right, wrong, overlooked = 0, 0, 0
    for some, true in zip(found, gold, strict=True):
        for n, link in enumerate(some):
            if link not in some[:n]:
                right, wrong = right + (link in true), wrong + (link not in true)
        overlooked += sum(link not in some for link in dict.fromkeys(true))
    if right:
        errors = wrong + overlooked
        return [right / (right + wrong), right / (right + overlooked), errors / (errors + 2 * right)]
    return [0, 0, float(wrong + overlooked > 0)]


def aer_tables(found, gold):
    tables = np.zeros((2, len(found), 9, 9), bool)
    for table, links in zip(tables, (found, gold), strict=True):
        for n, pairs in enumerate(links):
            for t, s in pairs:
                table[n, t, s] = True
    a, g, both = tables[0].sum(), tables[1].sum(), (tables[0] & tables[1]).sum()
    return np.array([both / max(a, 1), both / max(g, 1), (a + g - 2 * both) / max(a + g, 1)])


def aer_library(found, gold):
    score = alignment_score(found, gold)
    return [score.precision, score.recall, score.aer]


def wrong_loop(weights, mask):
    uniform, stuck = True, len(weights[0]) > 1
    sums, leaks = [], []
    for rows, real in zip(weights, mask, strict=True):
        places = [s for s in range(len(real)) if real[s]]
        for row in rows:
            sums.append(sum(float(w) for w in row))
            leaks.append(sums[-1] - sum(float(row[s]) for s in places))
            uniform = uniform and all(0.9 <= float(row[s]) * len(places) <= 1.1 for s in places)
            stuck = stuck and all(abs(float(row[s]) - float(other[s])) <= 0.02 for other in rows for s in places)
    if max(leaks) > 0.01:
        return "padding"
    if min(sums) < 0.99 or max(sums) > 1.01:
        return "rows"
    return "uniform" if uniform else "stuck" if stuck else "fine"


def wrong_torch(weights, mask):
    weights, mask = torch.as_tensor(weights).double(), torch.as_tensor(mask).double()
    leak = torch.einsum("bts,bs->bt", weights, 1 - mask)
    shares = torch.where(mask[:, None] > 0, weights * mask.sum(1)[:, None, None], 1)
    steps = (weights[:, :, None] - weights[:, None]).abs()  # (B, T, T, S)
    found = {
        "padding": (leak > 0.01).any(),
        "rows": ((weights.sum(-1) - 1).abs() > 0.01).any(),
        "uniform": ((shares - 1).abs() <= 0.1).all(),
        "stuck": steps.shape[1] > 1 and (steps <= 0.02).all(),
        "fine": True,
    }
    return next(word for word, fits in found.items() if fits)


def wrong_ptp(weights, mask):
    weights = np.array(weights)
    real = np.repeat(np.array(mask, bool)[:, None], weights.shape[1], 1)
    if np.ma.array(weights, mask=real).filled(0).sum(2).max() > 0.01:
        return "padding"
    if not np.allclose(weights.sum(2), 1, rtol=0, atol=0.01):
        return "rows"
    n = real.sum(2, keepdims=True)
    if (np.abs(weights - 1 / n)[real] <= (0.1 / np.broadcast_to(n, real.shape))[real]).all():
        return "uniform"
    return "stuck" if len(weights[0]) > 1 and np.ptp(weights, axis=1).max() <= 0.02 else "fine"


RIGHT = [
    *(("06.1", f) for f in (softmax_loop, softmax_logs, softmax_by_index)),
    *(("06.1", f) for f in (softmax_torch, softmax_course, softmax_very_negative)),
    *(("06.2", f) for f in (scores_loop, scores_einsum, scores_side_by_side, scores_of_columns)),
    *(("06.3", f) for f in (context_loop, context_einsum, context_broadcast, context_linear)),
    *(("06.4", f) for f in (aer_counts, aer_loop, aer_tables, aer_library)),
    *(("06.5", f) for f in (wrong_loop, wrong_torch, wrong_ptp)),
]  # fmt: skip


# Wrong answers


def softmax(scores, axis=-1):
    return torch.as_tensor(scores).softmax(axis)


def masked(scores, mask, axis=-1):
    """The softmax of chapter 00: right, apart from special cases."""
    return scores.masked_fill(mask == 0, -torch.inf).softmax(axis)


def no_largest(scores, mask):
    e = np.exp(np.where(mask, scores, -np.inf))
    return (
        np.nan_to_num(e / e.sum(-1, keepdims=True), nan=0.0) if np.isfinite(e).all() else e / e.sum(-1, keepdims=True)
    )


def uniform_where_all_is_masked(scores, mask):
    return scores.masked_fill(mask == 0, -1e9).softmax(-1)


def largest_of_all(scores, mask):
    e = torch.exp(scores - scores.amax(-1, keepdim=True)) * mask
    return torch.where(mask.sum(-1, keepdim=True) > 0, e / e.sum(-1, keepdim=True), 0)


def naive(scores, mask):
    e = np.exp(scores) * mask
    return e / e.sum(-1, keepdims=True)


def keepdims_forgotten(scores, mask):
    e = torch.exp(scores - 1) * mask
    return e / e.sum(-1)


def only_square(scores, mask):
    answer = softmax_torch(scores, mask)
    return answer.T if answer.ndim == 2 and len(answer) != answer.shape[1] else answer


def no_exp(scores, mask):
    kept = scores * mask
    return kept / kept.sum(-1, keepdims=True)


def hidden(query, keys, W, U):
    return torch.tanh(W @ query + keys @ U.T)


def first_place_only(query, keys, W, U, v):
    both = keys @ U.T
    both[0] += W @ query
    return both.tanh() @ v


def only_for_equal_sizes(query, keys, W, U, v):
    places = range(len(query))  # as many as D', where S is meant
    return torch.stack([hidden(query, keys[s : s + 1], W, U)[0] @ v for s in places if s < len(keys)])


def squeezed(query, keys, W, U, v):
    if len(keys) == 1:
        return hidden(query, keys, W, U)[0]
    return hidden(query, keys, W, U) @ v


def largest(weights, states):
    return states[weights.argmax(-1)]


def normalised_again(weights, states):
    return weights / weights.sum(-1, keepdim=True) @ states


def parts(weights, states):
    return torch.stack([weights[..., s, None] * states[s] for s in range(len(states))], -2)


def only_square_states(weights, states):
    places = range(states.shape[1])  # as many as D, where S is meant
    return sum(weights[..., s, None] * states[s] for s in places if s < len(states))


def of(found, gold, one=set):
    """|A|, |G| and |A and G|, with lists of links made into sets by ``one``."""
    pairs = [(one(a), one(g)) for a, g in zip(found, gold, strict=True)]
    return [sum(len(x) for x, _ in pairs), sum(len(x) for _, x in pairs), sum(sum(y in g for y in a) for a, g in pairs)]


def three(a, g, both):
    return [both / a if a else 0, both / g if g else 0, 1 - 2 * both / (a + g) if a + g else 0]


def mean_of_sentences(found, gold):
    return np.mean([aer_counts([a], [g]) for a, g in zip(found, gold, strict=True)], 0)


def one_bag(found, gold):
    return aer_counts([sum(found, [])], [sum(gold, [])])


def targets_only(found, gold):
    return aer_counts([[t for t, _ in links] for links in found], [[t for t, _ in links] for links in gold])


def place_by_place(found, gold):
    a, g, _ = of(found, gold)
    return three(a, g, sum(x == y for one, two in zip(found, gold, strict=True) for x, y in zip(one, two)))  # noqa: B905


def third(function):
    return lambda found, gold: [*aer_counts(found, gold)[:2], function(*of(found, gold))]


def perfect_without_links(found, gold):
    precision, recall, aer = aer_counts(found, gold)
    return [precision if any(found) else 1, recall if any(gold) else 1, aer]


def zero_without_links(found, gold):
    a, g, both = of(found, gold)
    return three(a, g, both) if a and g else [0, 0, 0]


def one_without_links(found, gold):
    return aer_counts(found, gold) if any(found) or any(gold) else [0, 0, 1]


# Weaker detectives: each has some habit that a map can exploit.


def leak_of_rows(w, real):
    return np.where(real[:, None], 0, w).sum(2)  # (B, T)


def bad_rows(w, real):
    return np.abs(w.sum(2) - 1)  # (B, T)


def uneven(w, real):
    fair = 1 / real.sum(1)[:, None, None]
    return np.where(real[:, None], np.abs(w / fair - 1), 0)  # (B, T, S)


def moves(w, real):
    return w.max(1) - w.min(1)  # (B, S)


def detective(padding=None, rows=None, uniform=None, stuck=None, order=("padding", "rows", "uniform", "stuck")):
    """A detector of four rules, some of them replaced, in some order."""
    rules = {
        "padding": padding or (lambda w, real: leak_of_rows(w, real).max() > 0.01),
        "rows": rows or (lambda w, real: bad_rows(w, real).max() > 0.01),
        "uniform": uniform or (lambda w, real: uneven(w, real).max() <= 0.1),
        "stuck": stuck or (lambda w, real: w.shape[1] > 1 and moves(w, real).max() <= 0.02),
    }

    def answer(weights, mask):
        weights, mask = np.array(weights, float), np.array(mask, bool)
        return next((word for word in order if rules[word](weights, mask)), "fine")

    return answer


def never(w, real):
    return False


def first_sentence(weights, mask):
    return wrong_ptp(np.array(weights)[:1], np.array(mask)[:1])


def spread_over_all_places(w, real):
    return np.abs(w * w.shape[2] - 1).max() <= 0.1


def entropy_ratio(w, real):
    entropy = -(w * np.log(np.maximum(w, 1e-12))).sum(2).mean()
    return real.shape[1] > 1 and entropy > 0.98 * np.log(np.maximum(real.sum(1), 1)).mean()


def same_winner(w, real):
    return w.shape[1] > 1 and (w.argmax(2) == w.argmax(2)[:, :1]).all()


def neighbours(w, real):
    return w.shape[1] > 1 and np.abs(np.diff(w, axis=1)).max() <= 0.02


def exactly_alike(w, real):
    return w.shape[1] > 1 and np.allclose(w, w[:, :1])


def first_and_last(w, real):
    return w.shape[1] > 1 and np.abs(w[:, 0] - w[:, -1]).max() <= 0.02


def first_two(w, real):
    return w.shape[1] > 1 and np.abs(w[:, 0] - w[:, 1]).max() <= 0.02


def alike_on_the_whole(w, real):
    return w.shape[1] > 1 and w.std(1).mean() <= 0.01


def any_sentence_stuck(w, real):
    return w.shape[1] > 1 and moves(w, real).max(1).min() <= 0.02


def any_sentence_uniform(w, real):
    return uneven(w, real).max((1, 2)).min() <= 0.1


WRONG = [
    ("06.1", "inverted mask", "mask is False, on the padding", lambda s, m: masked(s, m == 0)),
    ("06.1", "no mask", "no part", lambda s, m: s.softmax(-1)),
    ("06.1", "masked too late", "no longer sums to 1", lambda s, m: s.softmax(-1) * m),
    ("06.1", "scores of 0", "exp(0) is 1", lambda s, m: (s * m).softmax(-1)),
    ("06.1", "scores of 0", "exp(0) is 1", lambda s, m: (s * m).softmax(-1) * m),
    ("06.1", "wrong axis", "columns sum to 1", lambda s, m: masked(s, m, 0)),
    ("06.1", "whole table", "weight of 1 to give", lambda s, m: masked(s.flatten(), m.flatten()).reshape(s.shape)),
    ("06.1", "lined up with columns", "T sums", keepdims_forgotten),
    ("06.1", "no exp", "below 0", no_exp),
    ("06.1", "not normalised", "no row sums to 1", lambda s, m: s.exp() * m),
    ("06.1", "divided by the number", "number of places", lambda s, m: s.exp() * m / m.sum(-1, keepdim=True)),
    ("06.1", "sizes", "more columns than rows", only_square),
    ("06.1", "large", "as small as -1000", no_largest),
    ("06.1", "masked giant", "all others vanish", largest_of_all),
    ("06.1", "nothing", "nothing to look at", masked),
    ("06.1", "nothing", "nothing to look at", uniform_where_all_is_masked),
    ("06.1", "large and masked giant and nothing", "the exponential of the one is infinite", naive),
    ("06.2", "no tanh", "tanh is missing", lambda q, k, W, U, v: (W @ q + k @ U.T) @ v),
    ("06.2", "tanh outside", "after v", lambda q, k, W, U, v: torch.tanh((W @ q + k @ U.T) @ v)),
    ("06.2", "tanh twice", "once more", lambda q, k, W, U, v: torch.tanh(hidden(q, k, W, U) @ v)),
    ("06.2", "exchanged", "W looks at the query", lambda q, k, W, U, v: hidden(q, k, U, W) @ v),
    ("06.2", "transposed", "each of its rows", lambda q, k, W, U, v: hidden(q, k, W, U.T) @ v),
    ("06.2", "transposed", "each of its rows", lambda q, k, W, U, v: hidden(q, k, W.T, U.T) @ v),
    ("06.2", "keys as columns", "column by column", lambda q, k, W, U, v: hidden(q, k.T, W, U) @ v),
    ("06.2", "wrong axis", "add up over the places", lambda q, k, W, U, v: (hidden(q, k, W, U) * v[:, None]).sum(0)),
    ("06.2", "query at the wrong place", "different places",
     lambda q, k, W, U, v: ((W @ q).reshape(-1, 1) + k @ U.T).tanh() @ v),
    ("06.2", "query once", "Only the first place", first_place_only),
    ("06.2", "no query", "every step would look", lambda q, k, W, U, v: (k @ U.T).tanh() @ v),
    ("06.2", "no keys", "every place gets the same", lambda q, k, W, U, v: (W @ q).tanh() @ v * torch.ones(len(k))),
    ("06.2", "no v", "v plays no part", lambda q, k, W, U, v: hidden(q, k, W, U).sum(1)),
    ("06.2", "squashed apart", "never meet", lambda q, k, W, U, v: (W @ q).tanh() @ v + (k @ U.T).tanh() @ v),
    ("06.2", "multiplied", "multiply the two views", lambda q, k, W, U, v: (W @ q * (k @ U.T)).tanh() @ v),
    ("06.2", "another score", "dot product", lambda q, k, W, U, v: [a @ q for a in k]),
    ("06.2", "weights", "after a softmax", lambda q, k, W, U, v: softmax(hidden(q, k, W, U) @ v)),
    ("06.2", "sizes", "all differ", only_for_equal_sizes),
    ("06.2", "one place", "list of one", squeezed),
    ("06.3", "mean", "whatever the weights say", lambda w, h: h.mean(0)),
    ("06.3", "sum of states", "without their weights", lambda w, h: h.sum(0)),
    ("06.3", "largest", "no gradient", largest),
    ("06.3", "divided by S", "number of places", lambda w, h: w @ h / w.shape[-1]),
    ("06.3", "columns", "D numbers of a state", lambda w, h: w @ h.T),
    ("06.3", "steps for places", "each row is a step", lambda w, h: w.T @ h),
    ("06.3", "not summed", "not added up", parts),
    ("06.3", "summed over D", "within each state", lambda w, h: parts(w, h).sum(-1)),
    ("06.3", "steps added up", "context of its own", lambda w, h: (w @ h).sum(0) if w.ndim == 2 else w @ h),
    ("06.3", "softmax again", "all alike", lambda w, h: softmax(w) @ h),
    ("06.3", "sizes", "T, S and D differ", only_square_states),
    ("06.3", "nothing", "looks at nothing", normalised_again),
    ("06.4", "mean of sentences", "take the mean", mean_of_sentences),
    ("06.4", "pooled", "throw the links", one_bag),
    ("06.4", "turned round", "(source, target)",
     lambda a, g: aer_counts([[x[::-1] for x in links] for links in a], g)),
    ("06.4", "one side", "both its places", targets_only),
    ("06.4", "same order", "place by place", place_by_place),
    ("06.4", "exchanged", "exchanged", lambda a, g: [aer_counts(a, g)[n] for n in (1, 0, 2)]),
    ("06.4", "F1", "It is F1", third(lambda a, g, both: 2 * both / (a + g) if a + g else 1)),
    ("06.4", "Jaccard", "each counted once", third(lambda a, g, both: 1 - both / max(a + g - both, 1))),
    ("06.4", "one of the two", "looks at one", third(lambda a, g, both: 1 - both / max(a, 1))),
    ("06.4", "one of the two", "looks at one", third(lambda a, g, both: 1 - both / max(g, 1))),
    ("06.4", "mean of the two", "plain mean",
     third(lambda a, g, both: 1 - (both / max(a, 1) + both / max(g, 1)) / 2)),
    ("06.4", "no 2", "once above the line", third(lambda a, g, both: 1 - both / max(a + g, 1))),
    ("06.4", "AER alone", "asked for too", lambda a, g: aer_counts(a, g)[2]),
    ("06.4", "sentences left out", "the last one too", lambda a, g: aer_counts(a[:-1], g[:-1])),
    ("06.4", "twice", "still one link", lambda a, g: three(*of(a, g, list))),
    ("06.4", "none found and none right and no links", "precision and recall are 0, and AER is 1",
     perfect_without_links),
    ("06.4", "none found and none right", "none to be found", zero_without_links),
    ("06.4", "no links", "all three are 0", one_without_links),
    ("06.5", "nothing found", "no fault in an ordinary map", lambda w, m: "fine"),
    ("06.5", "accused", "accuse", lambda w, m: "stuck"),
    ("06.5", "accused", "accuse", detective(padding=lambda w, real: w.min() < 0.01)),
    ("06.5", "another fault", "the rows differ", detective(rows=never, uniform=lambda w, real: w.max() > 1)),
    ("06.5", "another word", "exactly so", lambda w, m: {"fine": "ok"}.get(word := wrong_loop(w, m), word)),
    ("06.5", "padding and inverted and leak and later sentence", "padding goes unseen", detective(padding=never)),
    ("06.5", "inverted", "the first word that fits", detective(order=("rows", "padding", "uniform", "stuck"))),
    ("06.5", "leak", "together above the limit", detective(padding=lambda w, r: (w * ~r[:, None]).max() > 0.01)),
    ("06.5", "leak", "together above the limit",
     detective(padding=lambda w, real: leak_of_rows(w, real).mean(1).max() > 0.01)),
    ("06.5", "later sentence", "only a later sentence",
     detective(padding=lambda w, r: leak_of_rows(w, r)[0].max() > 0.01)),
    ("06.5", "later sentence", "later sentence", detective(rows=lambda w, real: bad_rows(w, real)[0].max() > 0.01)),
    ("06.5", "later sentence", "only a later sentence", first_sentence),
    ("06.5", "wrong axis", "over the steps", detective(rows=lambda w, real: abs(w.sum(2).mean() - 1) > 0.01)),
    ("06.5", "uniform", "padding is not among", detective(uniform=spread_over_all_places)),
    ("06.5", "uniform", "noise is not", detective(uniform=lambda w, real: uneven(w, real).max() < 1e-3)),
    ("06.5", "uniform", "noise is not", detective(order=("padding", "rows", "stuck", "uniform"))),
    ("06.5", "balanced", "flat on the whole",
     detective(uniform=lambda w, r: uneven(w.mean(1, keepdims=True), r).max() < 0.1)),
    ("06.5", "balanced", "in most rows", detective(uniform=lambda w, real: np.median(uneven(w, real)) < 0.1)),
    ("06.5", "stuck and rounding", "no difference", detective(stuck=exactly_alike)),
    ("06.5", "one step", "single step", detective(stuck=lambda w, real: moves(w, real).max() <= 0.02)),
    ("06.5", "favourite", "wins at every step", detective(stuck=same_winner)),
    ("06.5", "slow", "at a single step", detective(stuck=neighbours)),
    ("06.5", "slow", "at a single step", detective(stuck=first_and_last)),
    ("06.5", "slow", "at a single step", detective(stuck=first_two)),
    ("06.5", "slow", "at a single step", detective(stuck=alike_on_the_whole)),
    ("06.5", "slow and one sentence", "does not decide", detective(stuck=any_sentence_stuck)),
    ("06.5", "one sentence", "does not decide", detective(uniform=any_sentence_uniform)),
    ("06.5", "rounding", "within the limits", detective(padding=lambda w, real: leak_of_rows(w, real).max() > 0)),
    ("06.5", "rounding", "within the limits", detective(rows=lambda w, real: bad_rows(w, real).max() > 1e-3)),
]  # fmt: skip


test_mistakes, test_right_answers, test_wrong_answers = bank_tests(EXERCISES, RIGHT, WRONG)


@pytest.mark.parametrize("factor", [0.65, 1.5])
def test_no_map_of_the_detective_is_near_a_limit(factor):
    """Limits that are somewhat smaller or larger give the same answers, so that rounding decides nothing."""
    scaled = detective(
        padding=lambda w, real: leak_of_rows(w, real).max() > 0.01 * factor,
        rows=lambda w, real: bad_rows(w, real).max() > 0.01 * factor,
        uniform=lambda w, real: uneven(w, real).max() <= 0.1 * factor,
        stuck=lambda w, real: w.shape[1] > 1 and moves(w, real).max() <= 0.02 * factor,
    )
    assert check("06.5", scaled)


def test_every_fault_is_planted_and_none_is_given_away_by_shape():
    cases = EXERCISES[4].fresh()
    assert {what_is_wrong(*case.args) for case in cases} == {"padding", "rows", "uniform", "stuck", "fine"}
    assert all((case.args[0] >= 0).all() and case.args[1].any(1).all() for case in cases)
    assert all(case.args[0].shape[::2] == case.args[1].shape for case in cases)


@pytest.mark.parametrize("number", ["06.1", "06.2", "06.3", "06.4", "06.5"])
def test_other_cases_of_the_same_kind_are_judged_alike(number):
    """The cases come from a seed; with others, the right answers still agree with each other."""
    exercise = next(one for one in EXERCISES if one.number == number)
    for_torch = ("softmax_torch", "scores_side_by_side", "context_linear")
    for seed in range(20):
        for case in exercise.cases(random.Random(seed)):
            wanted = exercise.solution(*case.args)
            for other in (function for n, function in RIGHT if n == number):
                style = torch.tensor if other.__name__ in for_torch else np.array
                args = [style(arg) if isinstance(arg, np.ndarray) else arg for arg in case.args]
                with np.errstate(all="ignore"):
                    found = other(*args)
                if isinstance(wanted, str):
                    assert found == wanted, (seed, case.edge)
                else:
                    assert np.allclose(found, wanted, atol=1e-6), (seed, case.edge, other.__name__)
