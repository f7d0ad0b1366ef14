"""Every exercise accepts right answers and names the mistake of wrong ones, written as learners would."""

import math
import random
from collections import Counter, defaultdict

import numpy as np
import pytest
import torch

from lmcourse import exercises
from lmcourse.exercises import _exercises, _outcomes, _same, check

RIGHT, WRONG = [], []


def right(number):
    """Marks a right answer, written in another way than the solution."""
    return lambda function: RIGHT.append((number, function)) or function


def wrong(number, mistake, phrase):
    """Marks a wrong answer, with the name of its mistake and words that its message must hold."""
    return lambda function: WRONG.append((number, mistake, phrase, function)) or function


# 00.1 transition_matrix


@right("00.1")
def t_lists(states, sequence):
    rows = []
    for a in states:
        after = [sequence[i + 1] for i in range(len(sequence) - 1) if sequence[i] == a]
        rows.append([after.count(b) / len(after) if after else 1 / len(states) for b in states])
    return rows


@right("00.1")
def t_torch(states, sequence):
    ids = torch.tensor([states.index(s) for s in sequence])
    counts = torch.zeros(len(states), len(states)).index_put((ids[:-1], ids[1:]), torch.tensor(1.0), accumulate=True)
    counts[counts.sum(1) == 0] = 1
    return counts / counts.sum(1, keepdim=True)


def count_table(states, sequence):
    table = np.zeros((len(states), len(states)))
    for a, b in zip(sequence[:-1], sequence[1:], strict=True):
        table[states.index(a)][states.index(b)] += 1
    return table


wrong("00.1", "counts", "These are counts")(lambda s, q: count_table(s, q).astype(int).tolist())
wrong("00.1", "columns", "Your columns sum to 1, not your rows")(
    lambda s, q: count_table(s, q) / count_table(s, q).sum(0)
)
wrong("00.1", "row sums", "Not every row sums to 1")(lambda s, q: count_table(s, q) / count_table(s, q).sum(1))
wrong("00.1", "all pairs", "the number of all pairs")(lambda s, q: count_table(s, q) / count_table(s, q).sum())


@wrong("00.1", "transposed", "Rows and columns are exchanged")
def t_transposed(states, sequence):
    return torch.tensor(t_lists(states, sequence)).T


@wrong("00.1", "backwards", "You look back in time")
def t_backwards(states, sequence):
    return t_lists(states, sequence[::-1])


@wrong("00.1", "wrap-around", "from the last day back to the first")
def t_wrap(states, sequence):
    table = np.ones((len(states), len(states))) * 1e-12
    for i in range(len(sequence)):
        table[states.index(sequence[i - 1]), states.index(sequence[i])] += 1
    return table / table.sum(axis=1, keepdims=True)


@wrong("00.1", "last day", "The last day appears too, but no day follows it")
def t_last(states, sequence):
    pairs, singles = Counter(zip(sequence, sequence[1:], strict=False)), Counter(sequence)
    return [[pairs[a, b] / max(1, singles[a]) for b in states] for a in states]


@wrong("00.1", "order", "not their places")
def t_sorted(states, sequence):
    return t_lists(sorted(set(sequence)), sequence)


@wrong("00.1", "added", "You added something to every count")
def t_added(states, sequence):
    table = count_table(states, sequence) + 1
    return table / table.sum(1)[:, None]


@wrong("00.1", "unseen", "a state that no day follows")
def t_nan(states, sequence):
    table = torch.tensor(count_table(states, sequence))
    return table / table.sum(1, keepdim=True)


@wrong("00.1", "unseen", "raised ZeroDivisionError")
def t_zero_division(states, sequence):
    return [[x / sum(row) for x in row] for row in count_table(states, sequence).tolist()]


@wrong("00.1", "type", "returned a defaultdict")
def t_dict(states, sequence):
    table = defaultdict(Counter)
    for a, b in zip(sequence, sequence[1:], strict=False):
        table[a][b] += 1
    return table


@wrong("00.1", "shape", "returned numbers of shape (3,)")
def t_shares(states, sequence):
    return [sequence.count(state) / len(sequence) for state in states][:3]


# 00.2 forecast


@right("00.2")
def f_torch(p0, P, k):
    return p0 @ torch.linalg.matrix_power(P, k)


@right("00.2")
def f_numpy(p0, P, k):
    return np.linalg.matrix_power(P, k).T @ p0


@right("00.2")
def f_lists(p0, P, k):
    if k == 0:
        return list(p0)
    before = f_lists(p0, P, k - 1)
    return [sum(before[i] * P[i][j] for i in range(len(P))) for j in range(len(P))]


@right("00.2")
def f_float32(p0, P, k):
    eye = torch.eye(len(P))  # float32, as torch makes it
    for _ in range(k):
        eye = eye @ P
    return p0 @ eye


@wrong("00.2", "transposed", "multiply P from the wrong side")
def f_transposed(p0, P, k):
    for _ in range(k):
        p0 = P @ p0
    return p0


@wrong("00.2", "one day less", "one step is missing")
def f_less(p0, P, k):
    for _ in range(1, k):
        p0 = p0 @ P
    return p0


@wrong("00.2", "one day more", "one step too many")
def f_more(p0, P, k):
    for _ in range(k + 1):
        p0 = np.dot(p0, P)
    return p0


wrong("00.2", "elementwise", "each number of P to the power k")(lambda p0, P, k: p0 @ P**k)
wrong("00.2", "one day", "always tomorrow")(lambda p0, P, k: p0 @ P)
wrong("00.2", "times k", "multiplied by k")(lambda p0, P, k: p0 @ (k * P))
wrong("00.2", "matrix", "You return the matrix of k days")(lambda p0, P, k: torch.matrix_power(P, k))
wrong("00.2", "today ignored", "does not depend on p0")(lambda p0, P, k: torch.matrix_power(P, k).mean(0))
wrong("00.2", "no days", "Only k = 0")(lambda p0, P, k: p0 @ torch.matrix_power(P, max(k, 1)))


@wrong("00.2", "likeliest path", "only the likeliest state")
def f_path(p0, P, k):
    state = p0.argmax()
    for _ in range(k):
        state = P[state].argmax()
    return torch.nn.functional.one_hot(state, len(P))


@wrong("00.2", "certain today", "as if it were certain")
def f_certain(p0, P, k):
    return torch.matrix_power(P, k)[p0.argmax()]


@wrong("00.2", "all days", "Only the last one is asked for")
def f_all(p0, P, k):
    days = [p0]
    for _ in range(k):
        days.append(days[-1] @ P)
    return torch.stack(days)


@wrong("00.2", "sum", "do not sum to 1")
def f_lost(p0, P, k):
    for _ in range(k):
        p0 = p0 * P.diagonal()
    return p0


# 00.3 stationary


@right("00.3")
def s_power(P):
    return torch.matrix_power(P, 5000)[0]


@right("00.3")
def s_eigen(P):
    values, vectors = np.linalg.eig(np.asarray(P).T)
    v = vectors[:, np.argmin(np.abs(values - 1))].real
    return v / v.sum()


@right("00.3")
def s_iterate(P):
    p = [1 / len(P)] * len(P)
    for _ in range(3000):
        p = [sum(p[i] * P[i][j] for i in range(len(P))) for j in range(len(P))]
    return p


wrong("00.3", "uniform", "All states get the same probability")(lambda P: torch.ones(len(P)) / len(P))
wrong("00.3", "rows averaged", "You averaged the rows of P")(lambda P: P.mean(0))
wrong("00.3", "matrix", "the answer is one of them")(lambda P: torch.matrix_power(P, 3000))
wrong("00.3", "diagonal", "the days on which nothing changes")(lambda P: P.diagonal() / P.diagonal().sum())
wrong("00.3", "too few days", "too few for them")(lambda P: torch.matrix_power(P, 20)[0])
wrong("00.3", "still moves", "one more day still changes them")(lambda P: P[0])
wrong("00.3", "still moves", "one more day still changes them")(lambda P: torch.ones(len(P)) / len(P) @ P @ P)


@wrong("00.3", "uniform", "P v = v gives, for any P")
def s_right(P):
    values, vectors = np.linalg.eig(np.asarray(P))
    v = vectors[:, np.argmax(values.real)].real
    return v / v.sum()


@wrong("00.3", "right eigenvector", "do not sum to 1: this is the right eigenvector")
def s_right_raw(P):
    values, vectors = np.linalg.eig(np.asarray(P))
    return vectors[:, np.argmax(values.real)].real


@wrong("00.3", "not normalised", "The proportions are right")
def s_raw(P):
    values, vectors = np.linalg.eig(np.asarray(P).T)
    return -vectors[:, np.argmax(values.real)].real


@wrong("00.3", "other eigenvector", "another eigenvalue than 1")
def s_other(P):
    values, vectors = np.linalg.eig(np.asarray(P).T)
    return vectors[:, np.argmin(values.real)].real


@wrong("00.3", "too few days", "too few for them")
def s_impatient(P):
    p = np.ones(len(P)) / len(P)
    while np.abs(p @ np.asarray(P) - p).max() > 0.01:
        p = p @ np.asarray(P)
    for _ in range(12):
        p = p @ np.asarray(P)
    return p


# 00.4 mean_spell


@right("00.4")
def m_sum(p_stay):
    return sum(p_stay**k for k in range(1000))


@right("00.4")
def m_mean(p):
    return np.sum(np.arange(1, 2000) * p ** np.arange(1999) * (1 - p))


wrong("00.4", "today left out", "Today is left out")(lambda p: p / (1 - p))
wrong("00.4", "stay for leave", "where the probability to leave belongs")(lambda p: 1 / p if p else 0)
wrong("00.4", "one day more", "one day too many")(lambda p: 1 + 1 / (1 - p))
wrong("00.4", "half-life", "a logarithm")(lambda p: math.log(0.5, p) if p else 0)
wrong("00.4", "odds", "odds to leave")(lambda p: (1 - p) / max(p, 1e-9))
wrong("00.4", "probability", "This is a probability")(lambda p: 1 - p)
wrong("00.4", "short sum", "You stop adding too early")(lambda p: 1 + p + p**2 + p**3)
wrong("00.4", "never stays", "Only p_stay = 0")(lambda p: 1 / (1 - p) if p else 0)


@wrong("00.4", "roughly", "If you simulated")
def m_simulated(p):
    rng, days = random.Random(1), 0
    for _ in range(5000):
        days += 1
        while rng.random() < p:
            days += 1
    return days / 5000


# 01.1 bigram_probability


@right("01.1")
def b_flat(sentences, w1, w2):
    flat = [word for s in sentences for word in ["<s>"] + s + ["</s>"]]
    pairs = list(zip(flat, flat[1:], strict=False))
    return pairs.count((w1, w2)) / max(1, flat.count(w1))


@right("01.1")
def b_dict(sentences, w1, w2):
    table = defaultdict(Counter)
    for s in sentences:
        for a, b in zip(["<s>", *s], [*s, "</s>"], strict=True):
            table[a][b] += 1
    return torch.tensor(table[w1][w2] / sum(table[w1].values()) if w1 in table else 0)


def marked_pairs(sentences):
    return [pair for s in sentences for pair in zip(["<s>", *s], [*s, "</s>"], strict=True)]


def bare_pairs(sentences):
    return [pair for s in sentences for pair in zip(s, s[1:], strict=False)]


def words(sentences):
    return [word for s in sentences for word in s]


def safe(a, b):
    return a / b if b else 0.0


wrong("01.1", "all tokens", "divide by the number of all words or pairs")(
    lambda s, a, b: marked_pairs(s).count((a, b)) / len(words(s))
)
wrong("01.1", "all tokens", "divide by the number of all words or pairs")(
    lambda s, a, b: marked_pairs(s).count((a, b)) / len(marked_pairs(s))
)
wrong("01.1", "divided by w2", "You divide by the count of w2")(
    lambda s, a, b: safe(marked_pairs(s).count((a, b)), [y for _, y in marked_pairs(s)].count(b))
)
wrong("01.1", "ends not counted", "</s> counts as a follower too")(
    lambda s, a, b: safe(bare_pairs(s).count((a, b)), [x for x, _ in bare_pairs(s)].count(a))
)
wrong("01.1", "start and end", "every sentence begins with one <s>")(
    lambda s, a, b: safe(bare_pairs(s).count((a, b)), words(s).count(a))
)
wrong("01.1", "count", "This is a count")(lambda s, a, b: marked_pairs(s).count((a, b)))
wrong("01.1", "exchanged", "w1 and w2 are exchanged")(
    lambda s, a, b: safe(marked_pairs(s).count((b, a)), words(s).count(a))
)
wrong("01.1", "no order", "whatever stands before it")(lambda s, a, b: words(s).count(b) / len(words(s)))
wrong("01.1", "sentences", "it may occur twice in one sentence")(
    lambda s, a, b: safe(sum((a, b) in marked_pairs([x]) for x in s), sum(a in x for x in s))
)
wrong("01.1", "unseen", "raised ZeroDivisionError")(
    lambda s, a, b: marked_pairs(s).count((a, b)) / [x for x, _ in marked_pairs(s)].count(a)
)
wrong("01.1", "end", "The end is not right")(
    lambda s, a, b: safe(marked_pairs(s).count((a, b)) * (b != "</s>"), [x for x, _ in marked_pairs(s)].count(a))
)
wrong("01.1", "never", "A pair that was never seen in one sentence")(
    lambda s, a, b: b_flat(s, a, b) or (words(s).count(b) / len(words(s)) if a in words(s) else 0)
)
wrong("01.1", "logarithm", "This is a logarithm")(
    lambda s, a, b: math.log2(safe(marked_pairs(s).count((a, b)), [x for x, _ in marked_pairs(s)].count(a)))
)


@wrong("01.1", "across sentences", "from the end of one sentence into the next")
def b_across(sentences, w1, w2):
    flat = words(sentences)
    pairs = Counter(zip(flat, flat[1:], strict=False))
    return safe(pairs[w1, w2], Counter(flat)[w1])


# 01.2 perplexity


@right("01.2")
def p_torch(log2probs):
    return torch.exp2(-log2probs.mean())


@right("01.2")
def p_numpy(log2probs):
    return np.exp2(-np.mean(log2probs))


@right("01.2")
def p_product(log2probs):
    return math.prod(2 ** float(x) for x in log2probs) ** (-1 / len(log2probs))


@right("01.2")
def p_list(log2probs):
    if not log2probs:
        return 1
    return math.exp(-sum(log2probs) / len(log2probs) * math.log(2))


wrong("01.2", "base", "another base")(lambda x: math.exp(-sum(x) / len(x)))
wrong("01.2", "arithmetic mean", "You average the probabilities")(lambda x: 1 / (sum(2**v for v in x) / len(x)))
wrong("01.2", "mean probability", "mean probability of a token")(lambda x: (2**x).mean())
wrong("01.2", "sign", "below 1")(lambda x: 2 ** x.mean())
wrong("01.2", "sum", "not their mean")(lambda x: 2 ** -x.sum())
wrong("01.2", "probability of the text", "probability of the whole text")(lambda x: 2 ** x.sum())
wrong("01.2", "bits", "in bits")(lambda x: -x.mean())
wrong("01.2", "one less", "one token more or less")(lambda x: 2 ** (-x.sum() / max(1, len(x) - 1)))
wrong("01.2", "one token", "Only a text of one token")(lambda x: 2 ** -x.mean() if len(x) > 1 else 1)

# 01.3 add_k


@right("01.3")
def a_sum(count, total, V, k):
    return (count + k) / (total + sum(k for _ in range(V)))


@right("01.3")
def a_mix(count, total, V, k):
    weight = total / (total + k * V)
    return weight * count / max(total, 1) + (1 - weight) / V


wrong("01.3", "V forgotten", "You add k once below the line")(lambda count, total, V, k: (count + k) / (total + k))
wrong("01.3", "above only", "above the line only")(lambda count, total, V, k: (count + k) / max(total, 1))
wrong("01.3", "below only", "a word with count 0 still gets 0")(lambda count, total, V, k: count / (total + k * V))
wrong("01.3", "k forgotten below", "as if k were 1")(lambda count, total, V, k: (count + k) / (total + V))
wrong("01.3", "always one", "You always add 1")(lambda count, total, V, k: (count + 1) / (total + V))
wrong("01.3", "V off by one", "one possible word too many or too few")(
    lambda count, total, V, k: (count + k) / (total + k * (V - 1))
)
wrong("01.3", "not smoothed", "this is maximum likelihood")(lambda count, total, V, k: count / total if total else 0)
wrong("01.3", "mixed", "add-k adds to counts")(lambda count, total, V, k: 0.5 * safe(count, total) + 0.5 / V)
wrong("01.3", "new context", "total = 0")(lambda count, total, V, k: (count + k) / (total + k * V) if total else 0)

# 01.4 bits_per_character


@right("01.4")
def c_natural(perplexity, tokens, characters):
    return math.log(perplexity) * tokens / (characters * math.log(2))


@right("01.4")
def c_torch(perplexity, tokens, characters):
    return torch.log2(torch.tensor(perplexity) ** (tokens / characters))


wrong("01.4", "base", "Your unit is not the bit")(lambda p, t, c: math.log(p) * t / c)
wrong("01.4", "upside down", "Tokens and characters are exchanged")(lambda p, t, c: np.log2(p) / t * c)
wrong("01.4", "per token", "bits per token")(lambda p, t, c: np.log2(p))
wrong("01.4", "one token", "You share the bits of one token")(lambda p, t, c: np.log2(p) / c)
wrong("01.4", "all bits", "bits of the whole text")(lambda p, t, c: t * np.log2(p))
wrong("01.4", "no logarithm", "A perplexity cannot be shared")(lambda p, t, c: p * t / c)
wrong("01.4", "late logarithm", "the logarithm after the division")(lambda p, t, c: math.log2(p * t / c))
wrong("01.4", "perplexity per character", "one logarithm away")(lambda p, t, c: p ** (t / c))
wrong("01.4", "sign", "A sign is wrong")(lambda p, t, c: np.log2(1 / p) * t / c)

# 01.5 continuation_count


@right("01.5")
def k_list(bigrams, word):
    seen = []
    for a, b in bigrams:
        if b == word and a not in seen:
            seen.append(a)
    return len(seen)


@right("01.5")
def k_pairs(bigrams, word):
    return np.int64(sum(pair[1] == word for pair in set(bigrams)))


wrong("01.5", "repetitions", "how often the word occurs")(lambda b, w: len([pair for pair in b if pair[1] == w]))
wrong("01.5", "followers", "those that come before it are asked for")(lambda b, w: len({p[1] for p in b if p[0] == w}))
wrong("01.5", "followers with repetitions", "as a first word")(lambda b, w: [p[0] for p in b].count(w))
wrong("01.5", "both sides", "neighbours on both sides")(lambda b, w: len({pair for pair in b if w in pair}))
wrong("01.5", "all bigrams", "all different pairs")(lambda b, w: len(Counter(b)))
wrong("01.5", "divided", "You divided")(lambda b, w: k_list(b, w) / len(set(b)))
wrong("01.5", "itself left out", "leave out the word itself")(lambda b, w: len({x for x, y in b if y == w} - {w}))
wrong("01.5", "type", "returned a set, {")(lambda b, w: {x for x, y in b if y == w})
wrong("01.5", "more than once", "more than once")(lambda b, w: sum(p[1] == w and n > 1 for p, n in Counter(b).items()))
wrong("01.5", "first only", "never comes second")(lambda b, w: k_list(b, w) or 1)


# The tests


NUMBERS = list(_exercises())


def test_the_exercises_of_chapters_00_and_01():
    here = [number for number in NUMBERS if number < "02"]  # later chapters have a file each
    assert here == ["00.1", "00.2", "00.3", "00.4", "01.1", "01.2", "01.3", "01.4", "01.5"]
    for number in here:
        known = {mistake.name for mistake in _exercises()[number].mistakes} | set(_exercises()[number].edges)
        tried = {mistake for n, mistake, _, _ in WRONG if n == number}
        assert len(tried & known) >= 5
        assert sum(n == number for n, _ in RIGHT) >= 2


@pytest.mark.parametrize("number", NUMBERS)
def test_the_solution_is_right(number, capsys):
    verdict = check(number, _exercises()[number].solution)
    assert verdict and verdict.right and verdict.mistake == ""
    assert capsys.readouterr().out == f"{number}: right. {_exercises()[number].praise}\n"


@pytest.mark.parametrize("number, answer", RIGHT, ids=[f"{n}-{f.__name__}" for n, f in RIGHT])
def test_right_answers_in_other_words(number, answer):
    verdict = check(number, answer)
    assert verdict, verdict.message


@pytest.mark.parametrize("number, mistake, phrase, answer", WRONG, ids=[f"{n}-{m}" for n, m, _, _ in WRONG])
def test_wrong_answers_hear_their_own_mistake(number, mistake, phrase, answer, capsys):
    verdict = check(number, answer)
    assert not verdict
    assert verdict.mistake == mistake and phrase in verdict.message
    assert capsys.readouterr().out == verdict.message + "\n"


@pytest.mark.parametrize("number", NUMBERS)
def test_known_mistakes_differ_from_the_solution_and_from_each_other(number):
    exercise = _exercises()[number]
    plain = [n for n, case in enumerate(exercise.fresh()) if not case.edge]
    made = {"right": [_outcomes(exercise, exercise.solution)]}
    for mistake in exercise.mistakes:
        made[mistake.name] = [_outcomes(exercise, function) for function in mistake.functions]
    assert len(made) == len(exercise.mistakes) + 1 and len({m.message for m in exercise.mistakes}) == len(made) - 1
    for name, some in made.items():
        for other, others in made.items():
            for a in some if name != other else []:
                for b in others:
                    assert not all(_same(a[n], b[n], exercise.tolerance) for n in plain), (name, other)


@pytest.mark.parametrize("number", NUMBERS)
def test_cases_are_the_same_every_time_and_shared_with_nobody(number):
    exercise = _exercises()[number]
    first, second = exercise.fresh(), exercise.fresh()
    assert repr(first) == repr(second)
    for one, other in zip(first, second, strict=True):
        for a, b in zip(one.args, other.args, strict=True):
            assert a is not b or isinstance(a, str | int | float)
    assert {case.edge for case in first} == {"", *exercise.edges}


@pytest.mark.parametrize("number", NUMBERS)
def test_messages_do_not_hold_the_solution(number):
    exercise = _exercises()[number]
    words = [exercise.prompt, *exercise.edges.values(), *(mistake.message for mistake in exercise.mistakes)]
    for line in _source_lines(exercise.solution):
        assert len(line) < 9 or all(line not in word for word in words)


def _source_lines(function):
    from lmcourse._source import source

    return [line.split("return ")[-1].strip() for line in source(function, docstring=False).split("\n")[1:]]


# Whatever else a learner may pass


def test_what_is_expected_does_not_come_from_the_learner():
    """A function that spoils its arguments, or returns something equal to everything, is not right."""

    class Anything(float):
        __eq__ = lambda self, other: True  # noqa: E731
        __hash__ = float.__hash__

    assert not check("01.3", lambda count, total, V, k: Anything(0.5))

    def spoil(p0, P, k):
        P *= 0
        p0 *= 0
        return p0

    assert not check("00.2", spoil)
    assert check("00.2", f_torch)

    def clear(sentences, w1, w2):
        sentences.clear()
        return 0.0

    assert not check("01.1", clear)
    assert check("01.1", b_flat)


def test_the_example_in_the_text_learned_by_heart_is_not_right():
    assert not check("00.4", lambda p_stay: {0.8: 5.0, 0.5: 2.0}.get(p_stay, 1.0))
    assert not check("01.2", lambda log2probs: 8.0)


def test_the_value_instead_of_the_function():
    verdict = check("00.4", 5.0)
    assert verdict.mistake == "not a function" and "check('00.4', mean_spell), not 5.0" in verdict.message


def test_a_function_with_other_parameters():
    verdict = check("00.2", lambda p0, P: p0)
    assert verdict.mistake == "parameters" and "called as forecast(p0, P, k)" in verdict.message
    assert "too many positional arguments" in verdict.message
    assert check("00.4", lambda p, today=True: 1 / (1 - p))


def test_a_function_that_is_not_written_yet():
    def perplexity(log2probs): ...

    verdict = check("01.2", perplexity)
    assert verdict.mistake == "none" and "returned None: is there a `return`?" in verdict.message


def test_a_function_that_raises():
    def perplexity(log2probs):
        return log2probs["mean"]

    message = check("01.2", perplexity).message
    assert "perplexity(" in message and "raised IndexError: " in message

    def mean_spell(p_stay):
        raise RuntimeError("my own words")

    assert "mean_spell(0.5) raised RuntimeError: my own words." in check("00.4", mean_spell).message


@pytest.mark.parametrize(
    "answer, mistake, phrase",
    [
        ("five", "type", "mean_spell(0.5) returned a str, 'five', where a number should be."),
        ({"days": 5}, "type", "returned a dict, {'days': 5}"),
        (float("nan"), "not finite", "returned nan: there is a division by zero, or an overflow"),
        (float("inf"), "not finite", "returned inf"),
        ([1.0, 2.0], "shape", "returned numbers of shape (2,), where one number should be"),
        (1j, "type", "returned a complex"),
        (-17.0, "unknown", "mean_spell(0.5) returned -17.0. Work this case out by hand"),
    ],
)
def test_odd_returns(answer, mistake, phrase):
    verdict = check("00.4", lambda p_stay: answer)
    assert verdict.mistake == mistake and phrase in verdict.message


def test_answers_with_gradients_and_in_lists_of_one():
    assert check("00.4", lambda p: torch.tensor(1 / (1 - p), requires_grad=True))
    assert check("00.4", lambda p: [1 / (1 - p)])
    assert check("00.4", lambda p: np.array([1 / (1 - p)]))


def test_numbers_that_do_not_exist():
    for ask in (lambda n: check(n, len), exercises.hint, exercises.prompt, exercises.solution):
        with pytest.raises(ValueError, match="there is no exercise '7.7'; there are 00.1, 00.2"):
            ask("7.7")


def test_hint_prompt_and_solution(capsys):
    for number in NUMBERS:
        exercises.prompt(number)
        exercises.hint(number)
        exercises.solution(number)
        exercise = _exercises()[number]
        shown = capsys.readouterr().out
        assert shown.startswith(f"{exercise.prompt}\n{exercise.hint}\ndef {exercise.solution.__name__}(")
        assert exercise.prompt.startswith(f"Write {exercise.solution.__name__}(")


def test_verdicts_are_silent_in_a_notebook():
    from IPython.core.formatters import DisplayFormatter

    assert DisplayFormatter().format(check("00.4", m_sum)) == ({}, {})
