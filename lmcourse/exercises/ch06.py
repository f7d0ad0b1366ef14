"""The exercises of chapter 06: weights, additive scores, the context, alignment errors, and finding a planted fault."""

from itertools import product

import numpy as np

from . import Case, Exercise, Mistake


def _numbers(rng, *shape, low=-1.5, high=1.5):
    size = int(np.prod(shape))
    return np.array([rng.uniform(low, high) for _ in range(size)]).reshape(shape)


def _softmax(scores, mask=True, axis=-1):
    """The softmax where the mask is True; what is masked altogether is 0."""
    scores = np.where(mask, scores, -1e30)
    weights = np.where(mask, np.exp(scores - scores.max(axis, keepdims=True)), 0)
    return weights / np.maximum(weights.sum(axis, keepdims=True), 1e-30)


def _arrays(function):
    """A wrong answer that may count on numpy arrays."""
    return lambda *args: function(*map(np.asarray, args))


# 06.1


def masked_softmax(scores, mask):
    """exp of the scores over its sum along the last axis, with nothing where the mask is False."""
    scores, mask = np.asarray(scores, float), np.asarray(mask, bool)
    scores = np.where(mask, scores, -np.inf)
    top = scores.max(-1, keepdims=True)
    weights = np.exp(scores - np.where(np.isfinite(top), top, 0))  # 0 where the score is minus infinity
    total = weights.sum(-1, keepdims=True)
    return weights / np.where(total > 0, total, 1)


def _masked(rng):
    def case(scores, mask, edge=""):
        return Case((np.array(scores, float), np.array(mask, bool)), edge)

    # As many rows as columns, so that a wrong axis still fits; something and nothing in every row and every column.
    square = [[1, 1, 0], [0, 1, 1], [1, 0, 1]]
    cases = [case(_numbers(rng, 3, 3), rng.sample(square, 3)) for _ in range(3)]
    cases += [case(_numbers(rng, 4), [1, 1, 0, 1]), case(_numbers(rng, 5), [1, 0, 1, 1, 0])]
    return [
        *cases,
        case(_numbers(rng, 2, 4), [[1, 1, 1, 0], [0, 1, 1, 0]], "sizes"),
        case([1000, 1001, 999, 1002], [1, 1, 1, 0], "large"),
        case([[-1000, -1002, -1001], [998, 999, 1000], [1, 2, 3]], [[1, 1, 0], [1, 1, 1], [0, 1, 1]], "large"),
        case([0.5, 1000, 1.5, -0.5], [1, 0, 1, 1], "masked giant"),
        case([[1, 2, 3000], [0.3, 0.1, 0.2], [-1, 0, 1]], [[1, 1, 0], [1, 1, 1], [0, 1, 1]], "masked giant"),
        case([[0.4, 1.2, -0.3], [0.9, -1, 0.1], [0, 1, 2]], [[0, 0, 0], [1, 1, 0], [1, 1, 1]], "nothing"),
        case([0.4, 1.2], [0, 0], "nothing"),
    ]


def _weighted(function):
    """A wrong answer made of the scores and a boolean mask."""
    return lambda scores, mask: function(np.asarray(scores, float), np.asarray(mask, bool))


def _across(scores, mask):
    weights = np.where(mask, np.exp(scores), 0)
    return weights / weights.sum(-1)


def _top_across(scores, mask):
    weights = np.where(mask, np.exp(scores - scores.max(-1)), 0)
    return weights / weights.sum(-1, keepdims=True)


ONE = Exercise(
    "06.1",
    "Write masked_softmax(scores, mask). `scores` is a numpy array (S,) or (T, S), and `mask`, of the same shape, "
    "is True where there may be weight. Return weights of that shape: each row is the softmax of its scores where the "
    "mask is True, and 0 elsewhere. A row whose mask is False throughout is 0 throughout. Scores may be as large as "
    "1000 or as small as -1000.",
    "Which score would have an exponential of 0? And what can be taken off all the scores of a row without any change "
    "to the weights?",
    "lmcourse.attention.masked_softmax does this. Every decoder of this chapter calls it at every step.",
    masked_softmax,
    _masked,
    (
        Mistake(
            "inverted mask",
            "Your weight lies where the mask is False, on the padding.",
            (_weighted(lambda s, m: _softmax(s, ~m)),),
        ),
        Mistake(
            "no mask",
            "The mask plays no part: there is weight where it is False.",
            (_weighted(lambda s, m: _softmax(s)), _weighted(lambda s, m: _softmax(s, axis=0))),
        ),
        Mistake(
            "masked too late",
            "You mask the weights when they have been made. What is left of a row no longer sums to 1.",
            (_weighted(lambda s, m: _softmax(s) * m), _weighted(lambda s, m: _softmax(s, axis=0) * m)),
        ),
        Mistake(
            "scores of 0",
            "You set masked scores to 0. A score of 0 is a score like others: exp(0) is 1, and the place gets its "
            "share of the sum.",
            (
                _weighted(lambda s, m: _softmax(np.where(m, s, 0))),
                _weighted(lambda s, m: _softmax(np.where(m, s, 0)) * m),
            ),
        ),
        Mistake(
            "wrong axis",
            "Your columns sum to 1, not your rows. Each step shares out its weight among the places.",
            (_weighted(lambda s, m: _softmax(s, m, axis=0)),),
        ),
        Mistake(
            "whole table",
            "All your numbers together sum to 1. Each row has a weight of 1 to give.",
            (_weighted(lambda s, m: _softmax(s, m, axis=None)),),
        ),
        Mistake(
            "lined up with columns",
            "A table (T, S) has T sums and T largest scores. Without care numpy lines these T numbers up with the "
            "columns.",
            (_weighted(_across), _weighted(_top_across)),
        ),
        Mistake(
            "no exp",
            "You divide the scores themselves by their sum. Scores can be below 0, and weights cannot.",
            (
                _weighted(lambda s, m: s * m / (s * m).sum(-1, keepdims=True)),
                _weighted(lambda s, m: s * m / s.sum(-1, keepdims=True)),
                _weighted(lambda s, m: s * m / (s * m).sum()),
            ),
        ),
        Mistake(
            "not normalised",
            "The exponentials are there, but no row sums to 1.",
            (
                _weighted(lambda s, m: np.exp(s) * m),
                _weighted(lambda s, m: np.exp(s - s.max(-1, keepdims=True)) * m),
                _weighted(lambda s, m: np.exp(s - np.where(m, s, -np.inf).max(-1, keepdims=True)) * m),
            ),
        ),
        Mistake(
            "divided by the number",
            "You divide by the number of places. It is the sum of the exponentials that makes a row sum to 1.",
            (
                _weighted(lambda s, m: np.exp(s) * m / m.sum(-1, keepdims=True)),
                _weighted(lambda s, m: np.exp(s) * m / m.shape[-1]),
            ),
        ),
    ),
    {
        "sizes": "Only a table with more columns than rows is not right.",
        "large": "Scores as large as 1000, or as small as -1000, are too much: the exponential of the one is infinite, "
        "and of the other 0.",
        "masked giant": "A very large score that is masked still has a say: next to it all others vanish.",
        "nothing": "A row whose mask is False throughout should be 0: there is nothing to look at.",
    },
)

# 06.2


def additive_scores(query, keys, W, U, v):
    """A small network looks at the query and at one key after the other."""
    query, keys, W, U, v = map(np.asarray, (query, keys, W, U, v))
    return np.tanh(W @ query + keys @ U.T) @ v


def _networks(rng):
    n = 3  # for everything, so that what is transposed or exchanged still fits
    cases = [Case((_numbers(rng, n), *(_numbers(rng, n, n) for _ in range(3)), _numbers(rng, n))) for _ in range(4)]
    for query, key, places, size in ((2, 4, 5, 3), (4, 2, 3, 5)):
        shapes = (query,), (places, key), (size, query), (size, key), (size,)
        cases.append(Case(tuple(_numbers(rng, *shape) for shape in shapes), "sizes"))
    one = (_numbers(rng, 3), _numbers(rng, 1, 3), _numbers(rng, 3, 3), _numbers(rng, 3, 3), _numbers(rng, 3))
    return [*cases, Case(one, "one place")]


TWO = Exercise(
    "06.2",
    "Write additive_scores(query, keys, W, U, v). `query` (D',) is the state of the decoder and `keys` (S, D) are the "
    "states of the encoder, one for each place. W (A, D') looks at the query, U (A, D) at a key, and `v` (A,) at what "
    "comes of both. Return the score of each place s, v · tanh(W query + U key_s): S numbers.",
    "Compute it for a single key first. What is then different from one key to the next, and what is not?",
    "W query is the same for all places, and U key_s for all steps: a decoder computes the keys' part just once.",
    additive_scores,
    _networks,
    (
        Mistake(
            "no tanh",
            "The tanh is missing. Without it the query adds the same to every score, and the softmax takes it out "
            "again: the weights would not depend on the query.",
            (_arrays(lambda q, k, W, U, v: (W @ q + k @ U.T) @ v),),
        ),
        Mistake(
            "tanh outside",
            "The tanh comes too late, after v. It belongs around the sum of the two views.",
            (_arrays(lambda q, k, W, U, v: np.tanh((W @ q + k @ U.T) @ v)),),
        ),
        Mistake(
            "tanh twice",
            "You squash the score once more. A score may be of any size.",
            (_arrays(lambda q, k, W, U, v: np.tanh(np.tanh(W @ q + k @ U.T) @ v)),),
        ),
        Mistake(
            "exchanged",
            "W and U are exchanged: W looks at the query, U at the keys.",
            (_arrays(lambda q, k, W, U, v: np.tanh(U @ q + k @ W.T) @ v),),
        ),
        Mistake(
            "transposed",
            "A matrix is transposed: each of its rows makes one of the A numbers.",
            (
                _arrays(lambda q, k, W, U, v: np.tanh(q @ W + k @ U) @ v),
                _arrays(lambda q, k, W, U, v: np.tanh(W @ q + k @ U) @ v),
                _arrays(lambda q, k, W, U, v: np.tanh(q @ W + k @ U.T) @ v),
            ),
        ),
        Mistake(
            "keys as columns",
            "You read the keys column by column. Each row is the key of one place.",
            (_arrays(lambda q, k, W, U, v: np.tanh(W @ q + (U @ k).T) @ v),),
        ),
        Mistake(
            "wrong axis",
            "You add up over the places. v has a number for each of the A numbers of one place.",
            (
                _arrays(lambda q, k, W, U, v: v @ np.tanh(W @ q + k @ U.T)),
                _arrays(lambda q, k, W, U, v: np.tanh((W @ q)[:, None] + U @ k.T) @ v),
            ),
        ),
        Mistake(
            "query at the wrong place",
            "You add the numbers of W query to different places. All of them belong to every place.",
            (_arrays(lambda q, k, W, U, v: np.tanh((W @ q)[:, None] + k @ U.T) @ v),),
        ),
        Mistake(
            "query once",
            "Only the first place gets to see the query. It belongs to every place.",
            (_arrays(lambda q, k, W, U, v: np.tanh(np.concatenate([(W @ q)[None], 0 * k[1:] @ U.T]) + k @ U.T) @ v),),
        ),
        Mistake(
            "no query",
            "The query plays no part: every step would look at the same places.",
            (_arrays(lambda q, k, W, U, v: np.tanh(k @ U.T) @ v),),
        ),
        Mistake(
            "no keys",
            "The keys play no part: every place gets the same score.",
            (_arrays(lambda q, k, W, U, v: np.full(len(k), np.tanh(W @ q) @ v)),),
        ),
        Mistake(
            "no v",
            "v plays no part: the A numbers of a place do not all count the same.",
            (
                _arrays(lambda q, k, W, U, v: np.tanh(W @ q + k @ U.T).sum(1)),
                _arrays(lambda q, k, W, U, v: np.tanh(W @ q + k @ U.T).mean(1)),
            ),
        ),
        Mistake(
            "squashed apart",
            "You squash the two views apart. Then they never meet, and the query adds the same to every score.",
            (_arrays(lambda q, k, W, U, v: (np.tanh(W @ q) + np.tanh(k @ U.T)) @ v),),
        ),
        Mistake(
            "multiplied",
            "You multiply the two views. In an additive score they are added.",
            (
                _arrays(lambda q, k, W, U, v: np.tanh((W @ q) * (k @ U.T)) @ v),
                _arrays(lambda q, k, W, U, v: ((W @ q) * (k @ U.T)) @ v),
            ),
        ),
        Mistake(
            "another score",
            "That is a dot product, another kind of score.",
            (
                _arrays(lambda q, k, W, U, v: k @ q),
                _arrays(lambda q, k, W, U, v: (k @ U.T) @ (W @ q)),
                _arrays(lambda q, k, W, U, v: k @ (W @ q)),
            ),
        ),
        Mistake(
            "weights",
            "Those are weights, after a softmax. The scores are asked for.",
            (_arrays(lambda q, k, W, U, v: _softmax(np.tanh(W @ q + k @ U.T) @ v)),),
        ),
    ),
    {
        "sizes": "Only where D, D', A and S all differ it is not right: which of them does each matrix go with?",
        "one place": "Only an input of one place is not right; it has a score too, in a list of one.",
    },
)

# 06.3


def context(weights, states):
    """The states, each as much as its weight says, added up."""
    return np.asarray(weights) @ np.asarray(states)


def _looks(rng):
    n = 3
    cases = [Case((_softmax(_numbers(rng, n)), _numbers(rng, n, n))) for _ in range(2)]
    cases += [Case((_softmax(_numbers(rng, n, n)), _numbers(rng, n, n))) for _ in range(2)]
    return [
        *cases,
        Case((_softmax(_numbers(rng, 5)), _numbers(rng, 5, 2)), "sizes"),
        Case((_softmax(_numbers(rng, 2, 4)), _numbers(rng, 4, 3)), "sizes"),
        Case((np.array([[0.0, 0.0], [0.25, 0.75]]), _numbers(rng, 2, 3)), "nothing"),
    ]


def _summed_over(axis):
    def variant(w, h):
        parts = w[..., None] * h  # (..., S, D)
        return parts.sum(axis) if w.ndim == 1 else parts.sum(axis + 1)

    return _arrays(variant)


def _mean_for_each(w, h):
    return np.broadcast_to(h.mean(0), (*w.shape[:-1], h.shape[1]))


def _sum_for_each(w, h):
    return np.broadcast_to(h.sum(0), (*w.shape[:-1], h.shape[1]))


THREE = Exercise(
    "06.3",
    "Write context(weights, states). `states` (S, D) are the states of the encoder. `weights` are those of one step, "
    "(S,), or those of T steps, (T, S). Return the context, the sum of all states, each times its weight: (D,) for one "
    "step and (T, D) for T steps.",
    "For one step: multiply each state, a row of `states`, by one number. What is added up then, rows or columns?",
    "It is a mean. Where one weight is 1 it is that state, and between the two extremes its gradient tells the score "
    "where to look.",
    context,
    _looks,
    (
        Mistake(
            "mean",
            "That is the mean of all states, whatever the weights say. Every step would get the same context.",
            (_arrays(lambda w, h: h.mean(0)), _arrays(_mean_for_each)),
        ),
        Mistake(
            "sum of states",
            "You add up the states without their weights.",
            (_arrays(lambda w, h: h.sum(0)), _arrays(_sum_for_each)),
        ),
        Mistake(
            "largest",
            "You take the state with the largest weight alone. The others count too, and a choice like that has no "
            "gradient.",
            (
                _arrays(lambda w, h: h[w.argmax(-1)]),
                _arrays(lambda w, h: w.max(-1, keepdims=True) * h[w.argmax(-1)]),
            ),
        ),
        Mistake(
            "divided by S",
            "You divide by the number of places. The weights see to it already that this is a mean: they sum to 1.",
            (_arrays(lambda w, h: w @ h / len(h)),),
        ),
        Mistake(
            "columns",
            "You weight the D numbers of a state. A weight belongs to a whole state, a row.",
            (_arrays(lambda w, h: w @ h.T),),
        ),
        Mistake(
            "steps for places",
            "You have taken the steps for the places: in `weights` each row is a step.",
            (_arrays(lambda w, h: w.T @ h),),
        ),
        Mistake(
            "not summed",
            "The states are weighted, but not added up.",
            (
                _arrays(lambda w, h: w[..., None] * h),
                _arrays(lambda w, h: w[:, None] * h if w.ndim == 1 else w * h),
            ),
        ),
        Mistake(
            "summed over D",
            "You add up the numbers within each state. The states themselves are to be added up.",
            (_summed_over(1),),
        ),
        Mistake(
            "steps added up",
            "You add up the steps too. Each step has a context of its own.",
            (
                _arrays(lambda w, h: (w @ h).reshape(-1, h.shape[1]).sum(0)),
                _arrays(lambda w, h: (w @ h).reshape(-1, h.shape[1]).mean(0)),
            ),
        ),
        Mistake(
            "softmax again",
            "You take a softmax of the weights. They are weights already, and this makes them all alike.",
            (_arrays(lambda w, h: _softmax(w) @ h),),
        ),
    ),
    {
        "sizes": "Only where T, S and D differ it is not right.",
        "nothing": "A step that looks at nothing, with weights of 0 throughout, has a context of 0.",
    },
)

# 06.4

SPAN = 5


def alignment_error_rate(found, gold):
    """Precision, recall and error rate from three counts over all sentences: found, right, and both."""
    found = {(n, *link) for n, links in enumerate(found) for link in links}
    gold = {(n, *link) for n, links in enumerate(gold) for link in links}
    both, all_ = len(found & gold), len(found) + len(gold)
    return [both / max(len(found), 1), both / max(len(gold), 1), 1 - 2 * both / all_ if all_ else 0.0]


def _links(rng):
    cases = []
    for sizes in (
        ((5, 4, 1), (2, 1, 3), (4, 1, 1)),
        ((3, 3, 2), (6, 2, 0), (2, 1, 2), (4, 3, 3)),
        ((1, 1, 3), (5, 2, 4)),
    ):
        found, gold = [], []
        for right, kept, others in sizes:  # how many links are right, how many of these and of others are found
            pairs = rng.sample([(t, s) for t in range(SPAN) for s in range(SPAN) if t != s], SPAN * (SPAN - 1))
            gold.append(pairs[:right])
            found.append(pairs[:kept] + pairs[right : right + others])
        found[0].append((SPAN, SPAN))  # the same pair in two sentences, right in one of them
        found[1].append((SPAN, SPAN))
        gold[1].append((SPAN, SPAN))
        for links in found:
            rng.shuffle(links)
        cases.append(Case((found, [sorted(links) for links in gold])))
    twice = [[(0, 0), (0, 0), (0, 0), (1, 2)], [(0, 1), (1, 1), (0, 1)]]
    return [
        *cases,
        Case((twice, [[(0, 0), (1, 1)], [(0, 1), (1, 0), (2, 2)]]), "twice"),
        Case(([[], []], [[(0, 0)], [(1, 0), (0, 1)]]), "none found"),
        Case(([[(0, 0)], [(1, 1)]], [[], []]), "none right"),
        Case(([[], []], [[], []]), "no links"),
    ]


def _turned(links):
    return [(s, t) for t, s in links]


def _measures(found, gold, both):
    return [both / max(found, 1), both / max(gold, 1), 1 - 2 * both / (found + gold) if found + gold else 0.0]


def _by_sentence(found, gold):
    return np.mean([alignment_error_rate([a], [g]) for a, g in zip(found, gold, strict=True)], axis=0)


def _pooled(found, gold):
    found, gold = ({link for links in each for link in links} for each in (found, gold))
    return _measures(len(found), len(gold), len(found & gold))


def _same_order(found, gold):
    pairs = list(zip(found, gold, strict=True))
    both = sum(x == y for a, g in pairs for x, y in zip(a, g, strict=False))
    return _measures(sum(len(set(a)) for a in found), sum(len(set(g)) for g in gold), both)


def _parts_of_links(place):
    """Right as soon as one side of a link is."""

    def variant(found, gold):
        sides = [({x[place] for x in a}, {x[place] for x in g}) for a, g in zip(found, gold, strict=True)]
        a, g, both = (sum(map(len, sets)) for sets in zip(*((a, g, a & g) for a, g in sides), strict=True))
        return _measures(a, g, both)

    return variant


def _last(function):
    """The third number replaced by ``function(precision, recall, AER)``."""

    def variant(found, gold):
        three = alignment_error_rate(found, gold)
        return [*three[:2], function(*three)]

    return variant


def _jaccard(p, r, e):
    return p * r / (p + r - p * r) if p + r else 0.0


FOUR = Exercise(
    "06.4",
    "Write alignment_error_rate(found, gold). For each sentence `found` has a list of links, pairs (target, source) of "
    "places, and `gold` a list of the right ones. A link counts once, however often a list names it. With A the links "
    "found and G the right ones, over all sentences together, return [precision, recall, AER]: the share of A that is "
    "right, the share of G that was found, and 1 - 2 |A and G| / (|A| + |G|). A share of nothing is 0, and AER is 0 if "
    "there are no links at all.",
    "Three counts are enough: links found, right links, and links that are both. Count each over all sentences before "
    "you divide.",
    "lmcourse.metrics.alignment_score does this, also for links that are only possible (Och and Ney, 2003).",
    alignment_error_rate,
    _links,
    (
        Mistake(
            "mean of sentences",
            "You measure each sentence and take the mean. A sentence of two links would count as much as one of ten.",
            (_by_sentence,),
        ),
        Mistake(
            "pooled",
            "You throw the links of all sentences together. The same pair of places in another sentence is another "
            "link.",
            (_pooled,),
        ),
        Mistake(
            "turned round",
            "You compare (target, source) with (source, target).",
            (lambda a, g: alignment_error_rate(list(map(_turned, a)), g),),
        ),
        Mistake(
            "one side",
            "You compare one side of the links only. A link is right if both its places are.",
            (_parts_of_links(0), _parts_of_links(1)),
        ),
        Mistake(
            "same order",
            "You compare the lists place by place. The order of links means nothing.",
            (_same_order,),
        ),
        Mistake(
            "exchanged",
            "Precision and recall are exchanged.",
            (lambda a, g: alignment_error_rate(g, a),),
        ),
        Mistake(
            "F1",
            "Your last number grows as the links get better. It is F1; an error rate falls.",
            (_last(lambda p, r, e: 1 - e),),
        ),
        Mistake(
            "Jaccard",
            "You divide by the links in A or in G, each counted once. In the AER those in both count on both sides.",
            (_last(_jaccard), _last(lambda p, r, e: 1 - _jaccard(p, r, e))),
        ),
        Mistake(
            "one of the two",
            "Your last number looks at one of the two only. AER knows both what was found wrongly and what was "
            "overlooked.",
            (
                _last(lambda p, r, e: 1 - p),
                _last(lambda p, r, e: 1 - r),
                _last(lambda p, r, e: p),
                _last(lambda p, r, e: r),
            ),
        ),
        Mistake(
            "mean of the two",
            "Your last number comes from the plain mean of precision and recall. AER adds up counts before it divides.",
            (_last(lambda p, r, e: 1 - (p + r) / 2),),
        ),
        Mistake(
            "no 2",
            "Your last number has the links that are in both lists once above the line, and twice below.",
            (_last(lambda p, r, e: (1 + e) / 2),),
        ),
        Mistake(
            "AER alone",
            "That is the AER alone. Precision and recall are asked for too, before it.",
            (lambda a, g: alignment_error_rate(a, g)[2],),
        ),
        Mistake(
            "sentences left out",
            "You leave sentences out. All of them count, the first and the last one too.",
            (
                lambda a, g: alignment_error_rate(a[:-1], g[:-1]),
                lambda a, g: alignment_error_rate(a[1:], g[1:]),
                lambda a, g: alignment_error_rate(a[:1], g[:1]),
            ),
        ),
    ),
    {
        "twice": "A link that a list names twice is still one link.",
        "none found": "Where no link was found, nothing was right: precision and recall are 0, and AER is 1.",
        "none right": "Where there are no right links, there is none to be found: recall is 0, and AER is 1.",
        "no links": "Where there are no links at all, neither found nor right, all three are 0.",
    },
)

# 06.5


def what_is_wrong(weights, mask):
    """The first that fits: two faults that a single row can have, then two that the whole map must have."""
    weights, real = np.asarray(weights, float), np.asarray(mask, bool)[:, None]  # (B, T, S), (B, 1, S)
    if np.where(real, 0, weights).sum(2).max() > 0.01:
        return "padding"
    if abs(weights.sum(2) - 1).max() > 0.01:
        return "rows"
    fair = 1 / real.sum(2, keepdims=True)  # (B, 1, 1)
    if np.where(real, abs(weights - fair) <= 0.1 * fair, True).all():
        return "uniform"
    if weights.shape[1] > 1 and (weights.max(1) - weights.min(1)).max() <= 0.02:
        return "stuck"
    return "fine"


def _real(lengths, places):
    return np.arange(places) < np.array(lengths)[:, None]  # (B, S)


def _fine(rng, lengths, steps, places):
    """Weights of a model without a fault, every step with a favourite of its own: (B, T, S)."""
    scores = _numbers(rng, len(lengths), steps, places)
    for sentence, length in zip(scores, lengths, strict=True):
        order = rng.sample(range(length), length)
        for step, row in enumerate(sentence):
            row[order[step % length]] += 2
    return _softmax(scores, _real(lengths, places)[:, None])


def _same_steps(rng, lengths, steps, places, noise=0.004):
    """Weights whose query does not reach the score: the same at every step but for a little noise."""
    real = _real(lengths, places)[:, None]
    weights = _softmax(_numbers(rng, len(lengths), 1, places), real)
    weights = np.clip(weights + noise * _numbers(rng, len(lengths), steps, places, low=-1, high=1), 0.001, 1) * real
    return weights / weights.sum(2, keepdims=True)


def _maps(rng):
    def case(weights, lengths, edge=""):
        return Case((weights, np.array(_real(lengths, weights.shape[2]))), edge)

    cases = [case(_fine(rng, (7, 5, 3), 4, 7), (7, 5, 3))]
    factors = _numbers(rng, 3, 4, 1, low=2, high=4)
    cases.append(case(_fine(rng, (6, 6, 4), 4, 6) * factors, (6, 6, 4)))  # exponentials that nobody has divided

    for lengths, steps in (((6, 4, 3), 4), ((5, 5, 2, 3), 6)):  # the mask is missing, padding everywhere
        weights = _softmax(_numbers(rng, len(lengths), steps, 7))
        cases.append(case(weights, lengths, "padding"))

    lengths = (4, 7, 2)  # turned round; the second sentence has no padding, so it gets nothing
    weights = _softmax(_numbers(rng, 3, 5, 7), ~_real(lengths, 7)[:, None])
    cases.append(case(weights, lengths, "inverted"))

    weights = _fine(rng, (3, 9, 8), 4, 9)  # six places of padding, 0.006 each, in one row
    weights[0, 2] *= 1 - 0.036
    weights[0, 2, 3:] = 0.006
    cases.append(case(weights, (3, 9, 8), "leak"))

    weights = _fine(rng, (6, 6, 4), 5, 6)  # the first sentences have no padding at all
    weights[2] = _softmax(_numbers(rng, 5, 6))
    cases.append(case(weights, (6, 6, 4), "later sentence"))
    weights = _fine(rng, (6, 5, 4), 5, 6)
    weights[2] *= 0.6
    cases.append(case(weights, (6, 5, 4), "later sentence"))

    scores = _numbers(rng, 3, 6, 6)  # as many steps as places: the mean of all sums is 1
    weights = _softmax(scores, axis=1)
    cases.append(case(weights, (6, 6, 6), "wrong axis"))
    scores = _numbers(rng, 3, 6, 8)
    weights = _softmax(scores, axis=1) * _real((8, 6, 5), 8)[:, None]
    cases.append(case(weights, (8, 6, 5), "wrong axis"))

    for lengths, steps, places in (((8, 5, 2), 4, 8), ((3, 4, 4), 5, 6)):
        weights = _real(lengths, places)[:, None] * _numbers(rng, 3, steps, places, low=0.97, high=1.03)
        cases.append(case(weights / weights.sum(2, keepdims=True), lengths, "uniform"))

    sharp = np.where(np.eye(5), 0.9, 0.025)  # each place is looked at once
    weights = np.stack([sharp[rng.sample(range(5), 5)] for _ in range(3)])
    cases.append(case(weights, (5, 5, 5), "balanced"))
    weights = _softmax(np.zeros((2, 6, 5)), _real((5, 3), 5)[:, None])
    weights[:, 1] = [[0.05, 0.15, 0.5, 0.1, 0.2], [0.1, 0.6, 0.3, 0, 0]]  # two steps know what they want
    weights[:, 5] = [[0.6, 0.1, 0.1, 0.1, 0.1], [0.8, 0.1, 0.1, 0, 0]]
    cases.append(case(weights, (5, 3), "balanced"))

    cases.append(case(_same_steps(rng, (7, 6, 3), 5, 7), (7, 6, 3), "stuck"))
    cases.append(case(_same_steps(rng, (4, 5), 8, 6), (4, 5), "stuck"))

    cases.append(case(_fine(rng, (6, 4, 3), 1, 6), (6, 4, 3), "one step"))

    top = np.array([[0.9], [0.55], [0.7], [0.45]])  # (T, 1): the same place wins at every step
    rest = _softmax(_numbers(rng, 3, 4, 4, low=-0.3, high=0.3), _real((4, 3, 2), 4)[:, None])
    weights = np.concatenate([np.broadcast_to(top, (3, 4, 1)), (1 - top) * rest], axis=2)
    cases.append(case(weights, (5, 4, 3), "favourite"))

    way = np.linspace(0.2, 0.5, 25)[:, None]  # from one step to the next by 0.0125
    weights = np.concatenate([way, 0.6 - way, np.full((25, 1), 0.25), np.full((25, 1), 0.15)], axis=1)
    cases.append(case(np.stack([weights, weights[:, [2, 0, 3, 1]]]), (4, 4), "slow"))
    weights = _same_steps(rng, (6, 5), 6, 6, noise=0)
    weights[:, 3] = _fine(rng, (6, 5), 1, 6)[:, 0]  # out and back again
    cases.append(case(weights, (6, 5), "slow"))
    weights = _same_steps(rng, (12, 11, 10, 12), 8, 12)
    weights[0, 3] = 0.7 * weights[0, 3] + 0.3 * np.eye(12)[weights[0, 3].argmin()]  # once, in one sentence
    cases.append(case(weights, (12, 11, 10, 12), "slow"))

    weights = _fine(rng, (6, 1, 4), 4, 6)
    cases.append(case(weights, (6, 1, 4), "one sentence"))
    weights = _fine(rng, (6, 5, 4), 4, 6)
    weights[1] = _same_steps(rng, (5,), 4, 6)[0]
    weights[2] = _real((4,), 6) / 4
    cases.append(case(weights, (6, 5, 4), "one sentence"))
    cases.append(case(_same_steps(rng, (6, 1, 4), 4, 6, noise=0), (6, 1, 4), "one sentence"))

    for weights, lengths in (
        (_fine(rng, (7, 5, 3), 4, 7), (7, 5, 3)),
        (_same_steps(rng, (6, 4), 5, 6, noise=0.002), (6, 4)),
    ):
        weights = np.where(_real(lengths, weights.shape[2])[:, None], weights, 0.0005)
        weights = weights * _numbers(rng, *weights.shape[:2], 1, low=0.997, high=1.001)
        cases.append(case(weights, lengths, "rounding"))
    return cases


def _says(whole, broken):
    """An answer that can tell only whether the rows sum to 1."""
    return lambda weights, mask: whole if abs(np.asarray(weights, float).sum(2) - 1).max() < 0.01 else broken


WORDS = ("padding", "rows", "uniform", "stuck", "fine")

FIVE = Exercise(
    "06.5",
    "Write what_is_wrong(weights, mask). A fault may have been planted in a model. `weights` (B, T, S) is what it did "
    "with B sentences: a row for each of T steps, with a weight for each of S places. `mask` (B, S) is True where "
    "there is a real place and False at padding. Return the first of these words that fits. 'padding' (the mask is "
    "missing or turned round): in some row the weights of all padding together are more than 0.01. 'rows' (softmax "
    "over a wrong axis, or none): some row sums to less than 0.99 or more than 1.01. 'uniform' (the scores do not "
    "depend on the states): in every row of every sentence each real place has 1/n of the weight, give or take a tenth "
    "of that, and n is the number of real places of the sentence. 'stuck' (the query does not reach the score): there "
    "are two steps or more, and in no sentence is there a place whose weights at any two steps are more than 0.02 "
    "apart. 'fine': none of these.",
    "Two of the faults are there as soon as one row has them; for the other two everything has to look that way. Make "
    "of each fault one number, the worst case, and compare it with its limit.",
    "All four faults leave a model that trains, answers, and is only somewhat worse. The map gives them away.",
    what_is_wrong,
    _maps,
    (
        Mistake(
            "nothing found",
            "You find no fault in an ordinary map, which is right, and none either where rows sum to 2 and more.",
            (_says("fine", "fine"),),
        ),
        Mistake(
            "accused",
            "You accuse an ordinary map that has no fault.",
            tuple(_says(*pair) for pair in product(WORDS[:-1], WORDS)),
        ),
        Mistake(
            "another fault",
            "Something is wrong where rows sum to 2 and more, but not what you say: padding has no weight there, and "
            "the rows differ.",
            tuple(_says("fine", word) for word in ("padding", "uniform", "stuck")),
        ),
        Mistake(
            "another word",
            "For a map without a fault the word is 'fine', exactly so.",
            tuple(_says(word, broken) for word in ("Fine", "ok", "OK", "none") for broken in WORDS[:-1]),
        ),
    ),
    {
        "padding": "Weight on padding goes unseen.",
        "inverted": "A mask that is turned round shows in more than one way; the first word that fits is asked for.",
        "leak": "A little weight on padding goes unseen: in one row, a little at each place, together above the limit.",
        "later sentence": "A fault that only a later sentence shows goes unseen.",
        "wrong axis": "Rows that do not sum to 1 go unseen where a softmax ran over the steps.",
        "uniform": "Uniform weights go unseen: padding is not among the places that share the weight, and noise is not "
        "a preference.",
        "balanced": "You call a map uniform that is flat on the whole, or in most rows, though some rows are not.",
        "stuck": "Steps that all look at the same places go unseen; a little noise is no difference.",
        "one step": "A map of a single step is called stuck, though nothing in it is repeated.",
        "favourite": "A map is called stuck because the same place wins at every step, but its weights change.",
        "slow": "A map is called stuck that does move: slowly, or at a single step.",
        "one sentence": "One sentence that has no choice, or makes none, does not decide about the map.",
        "rounding": "What stays within the limits is rounding and no fault, and it hides none.",
    },
)

EXERCISES = (ONE, TWO, THREE, FOUR, FIVE)
