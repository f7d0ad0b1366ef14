"""The exercises of chapter 00: a Markov chain learned by counting, its forecast and its far future."""

import numpy as np

from . import Case, Exercise, Mistake


def _random_matrix(rng, n):
    rows = np.array([[rng.uniform(0.2, 1) for _ in range(n)] for _ in range(n)])
    return rows / rows.sum(1, keepdims=True)


# 00.1


def transition_matrix(states, sequence):
    """Row i: how often each state came after state i, as a part of all the times that something did."""
    index = {state: number for number, state in enumerate(states)}
    counts = np.zeros((len(states), len(states)))
    for today, tomorrow in zip(sequence, sequence[1:], strict=False):
        counts[index[today], index[tomorrow]] += 1
    left = counts.sum(1, keepdims=True)
    return np.where(left > 0, counts / np.maximum(left, 1), 1 / len(states))


def _sequences(rng):
    cases = []
    while len(cases) < 5:
        states = ["wind", "sun", "rain", "cloud"][: rng.choice([3, 4])]
        rng.shuffle(states)
        weights = _random_matrix(rng, len(states))
        sequence = [rng.choice(states)]
        for _ in range(rng.randint(25, 40)):
            sequence += rng.choices(states, weights[states.index(sequence[-1])])
        ordinary = set(sequence[:-1]) == set(sequence[1:]) == set(states) and sequence[0] != sequence[-1]
        if ordinary and states != sorted(states):
            cases.append(Case((states, sequence)))
    cases.append(Case((["sun", "rain", "snow"], ["rain", "sun", "sun", "rain", "rain", "sun"]), "unseen"))
    cases.append(Case((["sun", "rain", "snow"], ["sun", "rain", "sun", "sun", "snow"]), "unseen"))
    return cases


def _counts(states, sequence):
    counts = np.zeros((len(states), len(states)))
    for today, tomorrow in zip(sequence, sequence[1:], strict=False):
        counts[states.index(today), states.index(tomorrow)] += 1
    return counts


def _rows(counts):
    return counts / counts.sum(1, keepdims=True)


def _around(states, sequence):
    return _rows(_counts(states, sequence + sequence[:1]))


def _appearances(states, sequence):
    return _counts(states, sequence) / np.array([[sequence.count(state)] for state in states])


def _row_sums(args, got, right):
    return right is None or got.ndim == 2 and not np.allclose(got.sum(1), 1, atol=1e-3)


ONE = Exercise(
    "00.1",
    "Write transition_matrix(states, sequence). `states` is a list of names, `sequence` a list of states, "
    "one a day. Return rows of probabilities: row i, column j is the part of the days in states[i] after "
    "which the next day was in states[j]. A state that no day follows gets a row of equal probabilities.",
    "Count pairs of neighbours with zip(sequence, sequence[1:]) into a table, then divide each row by its own sum.",
    "Counting is learning: the more days, the nearer these rows come to the law that made them.",
    transition_matrix,
    _sequences,
    (
        Mistake(
            "counts",
            "These are counts. A probability is a part of a whole: what should each row sum to?",
            (_counts,),
        ),
        Mistake(
            "columns",
            "Your columns sum to 1, not your rows: you divided by how often each state was entered, not left.",
            (lambda s, q: _counts(s, q) / _counts(s, q).sum(0, keepdims=True),),
        ),
        Mistake(
            "transposed",
            "Rows and columns are exchanged: row i is where state i leads to, not where it comes from.",
            (lambda s, q: _rows(_counts(s, q)).T,),
        ),
        Mistake(
            "backwards",
            "You look back in time: row i says which state came before state i. It should say which comes next.",
            (lambda s, q: _rows(_counts(s, q).T),),
        ),
        Mistake(
            "all pairs",
            "You divided by the number of all pairs, so the whole table sums to 1. Each row is a law of its own.",
            (lambda s, q: _counts(s, q) / (len(q) - 1), lambda s, q: _counts(s, q) / len(q)),
        ),
        Mistake(
            "wrap-around",
            "You count a step from the last day back to the first. Nothing is known of what follows the last day.",
            (_around,),
        ),
        Mistake(
            "last day",
            "You divide by how often a state appears. The last day appears too, but no day follows it, so "
            "its row sums to less than 1.",
            (_appearances,),
        ),
        Mistake(
            "order",
            "The probabilities are right, but not their places: rows and columns follow the order of "
            "`states`, not the alphabet or the first appearance.",
            (
                lambda s, q: _rows(_counts(sorted(s), q)),
                lambda s, q: _rows(_counts(list(dict.fromkeys(q)), q)),
            ),
        ),
        Mistake(
            "added",
            "You added something to every count, as if each step had been seen once more than it was.",
            (lambda s, q: _rows(_counts(s, q) + 1), lambda s, q: _rows(_counts(s, q) + 0.5)),
        ),
        Mistake("row sums", "Not every row sums to 1, and a row is a law: something comes next.", looks=_row_sums),
    ),
    {"unseen": "Only one thing is missing: a state that no day follows. Read again what its row should be."},
)


# 00.2


def forecast(p0, P, k):
    """Each day, the new probability of a state is the sum over the ways to get there."""
    p = np.asarray(p0)
    for _ in range(k):
        p = p @ np.asarray(P)
    return p


def _forecasts(rng):
    cases = []
    for k in (1, 2, 3, 5):
        n = rng.choice([3, 4])
        p0, matrix = _random_matrix(rng, n)[0], _random_matrix(rng, n) + 1.5 * np.eye(n)
        cases.append(Case((p0, matrix / matrix.sum(1, keepdims=True), k)))
    cases.append(Case((_random_matrix(rng, 3)[0], _random_matrix(rng, 3), 0), "no days"))
    return cases


def _power(matrix, k):
    return np.linalg.matrix_power(np.asarray(matrix), k)


def _likeliest(p0, P, k):
    state = int(np.argmax(p0))
    for _ in range(k):
        state = int(np.argmax(np.asarray(P)[state]))
    return np.eye(len(P))[state]


def _row_of_likeliest(p0, P, k):
    return _power(P, k)[int(np.argmax(p0))]


def _days(first):
    return lambda p0, P, k: np.array([forecast(p0, P, day) for day in range(first, k + 1)])


def _not_one(args, got, right):
    return right is None or got.ndim == 1 and abs(got.sum() - 1) > 1e-2


TWO = Exercise(
    "00.2",
    "Write forecast(p0, P, k). `p0` holds the probability of each state today, and row i of `P` says where "
    "state i leads. Return the probability of each state k days from today.",
    "One day: the new probability of state j is the sum over i of p0[i] * P[i][j]. In matrices: a row times P.",
    "All paths of k days are in these few products, and there are n to the power of k of them.",
    forecast,
    _forecasts,
    (
        Mistake(
            "transposed",
            "You multiply P from the wrong side: the new probability of j should add up column j of P, the "
            "ways that lead to j, and you add up a row.",
            (lambda p0, P, k: _power(P, k) @ np.asarray(p0),),
        ),
        Mistake(
            "one day less",
            "This is the forecast for k - 1 days: one step is missing.",
            (lambda p0, P, k: forecast(p0, P, k - 1),),
        ),
        Mistake(
            "one day more",
            "This is the forecast for k + 1 days: there is one step too many.",
            (lambda p0, P, k: forecast(p0, P, k + 1),),
        ),
        Mistake(
            "elementwise",
            "You raised each number of P to the power k. Two days are P times P as matrices, not P * P.",
            (lambda p0, P, k: np.asarray(p0) @ np.asarray(P) ** k,),
        ),
        Mistake(
            "one day",
            "This is always tomorrow, whatever k is.",
            (lambda p0, P, k: forecast(p0, P, 1),),
        ),
        Mistake(
            "times k",
            "You multiplied by k where a step should be made k times.",
            (lambda p0, P, k: forecast(p0, P, 1) * k,),
        ),
        Mistake(
            "likeliest path",
            "You follow only the likeliest state from day to day. A forecast keeps every path, each with its weight.",
            (_likeliest,),
        ),
        Mistake(
            "certain today",
            "You start in the likeliest state of today as if it were certain. p0 spreads over all states.",
            (_row_of_likeliest,),
        ),
        Mistake(
            "today ignored",
            "The answer does not depend on p0 as it should: you start with all states equally likely.",
            (lambda p0, P, k: forecast(np.full(len(P), 1 / len(P)), P, k),),
        ),
        Mistake(
            "all days",
            "You return every day on the way. Only the last one is asked for.",
            (_days(0), _days(1)),
        ),
        Mistake(
            "matrix",
            "You return the matrix of k days. What does it do to p0?",
            (lambda p0, P, k: _power(P, k),),
        ),
        Mistake("sum", "The probabilities do not sum to 1, so some path is lost or counted twice.", looks=_not_one),
    ),
    {"no days": "Only k = 0 is not right: when no day passes, nothing changes."},
)


# 00.3


def stationary(P):
    """The law that a day does not change, found by solving p P = p together with sum p = 1."""
    P = np.asarray(P)
    n = len(P)
    equations = np.vstack([P.T - np.eye(n), np.ones(n)])
    return np.linalg.lstsq(equations, np.append(np.zeros(n), 1), rcond=None)[0]


def _chains(rng):
    quick = [Case((_random_matrix(rng, n),)) for n in (2, 3, 4)]
    slow = []
    for n in (2, 3):  # states that are hard to leave, some harder than others
        stay = np.diag([rng.uniform(20, 30) * (i + 1) for i in range(n)])
        matrix = _random_matrix(rng, n) + stay
        slow.append(Case((matrix / matrix.sum(1, keepdims=True),)))
    return quick + slow


def _is_law(got):
    return got.ndim == 1 and got.min() > -1e-4 and abs(got.sum() - 1) < 1e-3


def _too_few(args, got, right):
    second = sorted(np.abs(np.linalg.eigvals(args[0])))[-2]
    return right is None or _is_law(got) and second > 0.8


def _scaled(args, got, right):
    return right is None or got.shape == right.shape and np.allclose(got / got.sum(), right, atol=1e-3)


def _other_eigenvector(args, got, right):
    if right is None:
        return True
    if got.shape != right.shape:
        return False
    moved, size = got @ args[0], got @ got
    return size > 0 and np.allclose(moved, (moved @ got) / size * got, atol=1e-3)


def _rows_agree(args, got, right):
    return right is not None and got.shape == args[0].shape and np.allclose(got, right, atol=1e-2)


def _constant(args, got, right):
    return right is None or got.ndim == 1 and np.ptp(got) < 1e-3 and abs(got.sum() - 1) > 1e-3


def _still_moves(args, got, right):
    return right is None or _is_law(got)


THREE = Exercise(
    "00.3",
    "Write stationary(P). Row i of `P` says where state i leads. Return the probabilities of the states "
    "that one more day does not change. Each chain that is tried forgets where it began, some of them "
    "slowly.",
    "Forecast so many days that one more changes nothing, or solve p P = p together with sum(p) = 1.",
    "Whatever today is, the far future is the same: the chain forgets.",
    stationary,
    _chains,
    (
        Mistake(
            "uniform",
            "All states get the same probability. That is what P v = v gives, for any P (its rows sum to "
            "1). The probabilities stand on the other side of P.",
            (lambda P: np.full(len(P), 1 / len(P)),),
        ),
        Mistake(
            "right eigenvector",
            "All numbers are equal, and they do not sum to 1: this is the right eigenvector of P, P v = v, "
            "which is the same for every P. The probabilities stand on the other side of P.",
            looks=_constant,
        ),
        Mistake(
            "rows averaged",
            "You averaged the rows of P: that is one day after a day on which all states were equally likely.",
            (lambda P: np.asarray(P).mean(0),),
        ),
        Mistake(
            "matrix",
            "You return a matrix of many days. All its rows are the same by now: the answer is one of them.",
            looks=_rows_agree,
        ),
        Mistake(
            "not normalised",
            "The proportions are right, but the probabilities do not sum to 1.",
            looks=_scaled,
        ),
        Mistake(
            "too few days",
            "The quick chains are right, the slow ones are not there yet: so many days are too few for them.",
            looks=_too_few,
        ),
        Mistake(
            "other eigenvector",
            "This is an eigenvector of another eigenvalue than 1: its entries shrink from day to day. They "
            "do not come in any order, so look for the eigenvalue that is 1.",
            looks=_other_eigenvector,
        ),
        Mistake(
            "diagonal",
            "You look only at the days on which nothing changes, the diagonal of P.",
            (lambda P: np.diag(P) / np.trace(np.asarray(P)), lambda P: np.diag(P)),
        ),
        Mistake(
            "still moves",
            "These are probabilities, but one more day still changes them: compare p with p @ P.",
            looks=_still_moves,
        ),
    ),
)


# 00.4


def mean_spell(p_stay):
    """One day for sure, and after each day one more with probability p: 1 + p + p^2 + ..."""
    return 1 / (1 - p_stay)


def _near(args, got, right):
    return right is None or got.ndim == 0 and abs(got / right - 1) < 0.1


FOUR = Exercise(
    "00.4",
    "Write mean_spell(p_stay). A spell of weather has begun today. Each day it stays for one more day with "
    "probability `p_stay`. Return how many days it lasts on average, today included.",
    "It lasts at least 1 day for sure, at least 2 with probability p, at least 3 with probability p * p. Add up.",
    "With a stay of 0.8, five days: long spells need no cause, chance alone makes them.",
    mean_spell,
    lambda rng: (
        [Case((p,)) for p in (0.5, 0.9, round(rng.uniform(0.1, 0.4), 3), round(rng.uniform(0.6, 0.8), 3))]
        + [Case((0.0,), "never stays")]
    ),
    (
        Mistake(
            "today left out",
            "Today is left out: you count only the days that come after the first.",
            (lambda p: p / (1 - p),),
        ),
        Mistake(
            "stay for leave",
            "You use the probability to stay where the probability to leave belongs: the likelier it is to "
            "stay, the shorter your spells are.",
            (lambda p: 1 / p,),
        ),
        Mistake(
            "one day more",
            "You count one day too many: the day on which the weather has changed is no day of the spell.",
            (lambda p: 1 / (1 - p) + 1,),
        ),
        Mistake(
            "half-life",
            "This is the day by which half of the spells have ended, or the like: a logarithm. The mean is asked for.",
            (lambda p: np.log(0.5) / np.log(p), lambda p: -1 / np.log(p), lambda p: -1 / np.log2(p)),
        ),
        Mistake(
            "odds",
            "This is the odds to leave against staying, not a number of days.",
            (lambda p: (1 - p) / p,),
        ),
        Mistake(
            "probability",
            "This is a probability, not a number of days: it is below 1, and a spell lasts at least today.",
            (lambda p: 1 - p, lambda p: p),
        ),
        Mistake(
            "short sum",
            "You stop adding too early: a spell may last for any number of days.",
            tuple(lambda p, n=n: sum(p**k for k in range(n)) for n in (2, 3, 4, 5, 10, 20)),
        ),
        Mistake(
            "roughly",
            "Near, but not exact. If you simulated: there is a formula, and it has one division.",
            looks=_near,
        ),
    ),
    {"never stays": "Only p_stay = 0 is not right: then the spell is over after today."},
    tolerance=1e-4,
)

EXERCISES = (ONE, TWO, THREE, FOUR)
