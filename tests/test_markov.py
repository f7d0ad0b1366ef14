"""Markov chains: laws that sum to 1, equality with counting by hand, the world's weather, and bad input."""

import math
import random
from collections import Counter
from itertools import pairwise, product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcourse import world
from lmcourse.markov import MarkovChain, as_generator

QUICK = settings(max_examples=80, deadline=None)
DAYS = world.weather(3000, seed=0)
STATES = st.lists(st.sampled_from("abcd"), min_size=2, max_size=40)


@st.composite
def laws(draw):
    """States and rows of positive probabilities."""
    n = draw(st.integers(1, 5))
    rows = draw(st.lists(st.lists(st.floats(0.01, 1), min_size=n, max_size=n), min_size=n, max_size=n))
    return "abcde"[:n], [[x / sum(row) for x in row] for row in rows]


@QUICK
@given(STATES, st.sampled_from([0, 0.5, 1]))
def test_fit_divides_counts(states, k):
    chain = MarkovChain(add_k=k).fit(states)
    pairs, size = Counter(pairwise(states)), len(set(states))
    assert chain.states == tuple(sorted(set(states)))
    for (i, a), (j, b) in product(enumerate(chain.states), repeat=2):
        after = sum(pairs[a, c] for c in chain.states)
        expected = (pairs[a, b] + k) / (after + k * size) if after + k else 1 / size
        assert chain.transition[i, j].item() == pytest.approx(expected, rel=1e-12)
        assert chain.counts[i, j] == pairs[a, b]
    assert torch.allclose(chain.transition.sum(1), torch.ones(size, dtype=torch.float64), rtol=1e-12)


def test_several_sequences_are_not_joined():
    chain = MarkovChain().fit([["a", "b"], ("b", "b", "a"), ["a"], []])
    assert chain.counts.tolist() == [[0, 1], [1, 1]]
    assert MarkovChain().fit(["a", "b", "b", "b", "a"]).counts.tolist() == [[0, 1], [1, 2]]


def test_counting_finds_the_law_of_the_weather():
    chain = MarkovChain().fit(world.weather(200_000, seed=1))
    truth = MarkovChain.from_matrix(world.WEATHER, world.TRANSITION)
    at = [chain.states.index(state) for state in truth.states]
    assert (chain.transition[at][:, at] - truth.transition).abs().max() < 0.02


@QUICK
@given(laws(), st.integers(0, 6))
def test_a_forecast_sums_over_all_paths(law, days):
    states, rows = law
    chain = MarkovChain.from_matrix(states, rows)
    forecast = chain.forecast(states[0], days)
    assert list(forecast) == list(states) and sum(forecast.values()) == pytest.approx(1, abs=1e-12)
    if len(states) ** days < 300:
        by_hand = Counter()
        for path in product(range(len(states)), repeat=days):
            by_hand[(0, *path)[-1]] += math.prod(rows[a][b] for a, b in pairwise((0, *path)))
        for i, state in enumerate(states):
            assert forecast[state] == pytest.approx(by_hand[i], rel=1e-9, abs=1e-15)


@QUICK
@given(laws())
def test_the_stationary_law_stays(law):
    chain = MarkovChain.from_matrix(*law)
    stationary = torch.tensor(list(chain.stationary().values()), dtype=torch.float64)
    assert stationary.sum().item() == pytest.approx(1) and (stationary >= 0).all()
    assert torch.allclose(stationary @ chain.transition, stationary, atol=1e-12)
    far = list(chain.forecast(chain.states[0], 2000).values())
    assert stationary.tolist() == pytest.approx(far, abs=1e-6)


def test_stationary_laws_of_special_chains():
    assert MarkovChain.from_matrix("ab", [[0, 1], [1, 0]]).stationary() == pytest.approx({"a": 0.5, "b": 0.5})
    absorbing = MarkovChain.from_matrix("ab", [[0.5, 0.5], [0, 1]])
    assert absorbing.stationary() == pytest.approx({"a": 0, "b": 1})
    assert absorbing.entropy_rate() == pytest.approx(0)
    split = MarkovChain.from_matrix("abc", [[1, 0, 0], [0, 0, 1], [0, 1, 0]])
    for use in (split.stationary, split.entropy_rate, lambda: split.sample(3)):
        with pytest.raises(ValueError, match="several stationary laws"):
            use()
    assert split.sample(4, seed=0, start="b") == ["b", "c", "b", "c"]  # no stationary law is needed here


@QUICK
@given(laws(), st.data())
def test_log2prob_is_the_product_of_the_steps(law, data):
    states, rows = law
    path = data.draw(st.lists(st.integers(0, len(states) - 1), min_size=1, max_size=12))
    chain = MarkovChain.from_matrix(states, rows)
    expected = sum(math.log2(rows[a][b]) for a, b in pairwise(path))
    assert chain.log2prob([states[i] for i in path]) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@QUICK
@given(laws())
def test_probabilities_of_all_sequences_of_a_length_sum_to_1(law):
    chain = MarkovChain.from_matrix(*law)
    total = sum(2 ** chain.log2prob((chain.states[0], *rest)) for rest in product(chain.states, repeat=3))
    assert total == pytest.approx(1)


def test_impossible_steps():
    chain = MarkovChain().fit(list("aab"))
    assert chain.log2prob(["a", "b"]) == -1
    assert chain.log2prob(["b", "a"]) == -1  # nobody knows what follows b, so all states are alike
    assert MarkovChain().fit(list("abab")).log2prob(["a", "a"]) == -math.inf
    assert MarkovChain(add_k=1).fit(list("abab")).log2prob(["a", "a"]) == math.log2(1 / 4)


def test_the_entropy_rate_is_the_surprise_of_one_who_knows_the_law():
    truth = MarkovChain.from_matrix(world.WEATHER, world.TRANSITION)
    days = world.weather(100_000, seed=3)
    assert truth.entropy_rate() == pytest.approx(-truth.log2prob(days) / (len(days) - 1), abs=0.02)
    assert MarkovChain.from_matrix("abcd", [[0.25] * 4] * 4).entropy_rate() == pytest.approx(2)
    assert MarkovChain.from_matrix("ab", [[0, 1], [1, 0]]).entropy_rate() == 0
    learned = MarkovChain(add_k=1).fit(DAYS)
    assert -learned.log2prob(days) / (len(days) - 1) > truth.entropy_rate()


def test_samples_follow_the_law():
    chain = MarkovChain.from_matrix("abc", [[0.1, 0.6, 0.3], [0.5, 0.5, 0], [0.2, 0.2, 0.6]])
    sample = chain.sample(60_000, seed=0)
    again = MarkovChain().fit(sample)
    assert torch.allclose(again.transition, chain.transition, atol=0.015)
    assert again.transition[1, 2] == 0
    starts = Counter(chain.sample(1, seed=seed)[0] for seed in range(3000))
    for state, p in chain.stationary().items():
        assert starts[state] / 3000 == pytest.approx(p, abs=0.04)


def test_samples_are_reproducible():
    chain = MarkovChain().fit(DAYS)
    assert chain.sample(50, seed=4) == chain.sample(50, seed=4) == chain.sample(50, as_generator(4))
    assert chain.sample(50, seed=4) != chain.sample(50, seed=5)
    assert chain.sample(50) != chain.sample(50)
    state = torch.random.get_rng_state()
    assert chain.sample(3, seed=1, start="rain")[0] == "rain" and len(chain.sample(7)) == 7
    assert torch.equal(torch.random.get_rng_state(), state)
    shuffled = random.Random(0).sample(DAYS, 2)  # states in another order of appearance give the same chain
    assert MarkovChain().fit([shuffled, DAYS]).states == chain.states


def test_fit_again_forgets():
    chain = MarkovChain().fit(list("abcabc"))
    assert chain.fit(list("xyx")).states == ("x", "y") and chain.transition.shape == (2, 2)


@pytest.mark.parametrize("empty", [[], [[]], [["a"]], ["a"], [["a"], ["b"]], ()])
def test_nothing_to_count(empty):
    with pytest.raises(ValueError, match="nothing to count"):
        MarkovChain().fit(empty)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda c: c.fit("hello"), TypeError, r"list\('hello'\)"),
        (lambda c: c.log2prob("ab"), TypeError, "list"),
        (lambda c: c.log2prob([]), ValueError, r"not \[\]"),
        (lambda c: c.log2prob([["a"]]), ValueError, "one sequence"),
        (lambda c: c.log2prob(["a", "z"]), ValueError, "'z' is not a state.*a, b"),
        (lambda c: c.forecast("z"), ValueError, "'z' is not a state"),
        (lambda c: c.forecast("a", -1), ValueError, "-1"),
        (lambda c: c.forecast("a", 1.5), ValueError, "1.5"),
        (lambda c: c.sample(0), ValueError, "0"),
        (lambda c: c.sample(3, start="z"), ValueError, "'z'"),
        (lambda c: MarkovChain(add_k=-1), ValueError, "-1"),
        (lambda c: MarkovChain(add_k=math.nan), ValueError, "nan"),
        (lambda c: c.from_matrix("ab", [[1, 0]]), ValueError, r"\(1, 2\)"),
        (lambda c: c.from_matrix("ab", [[1, 0], [0.5, 0.4]]), ValueError, "sum to 1"),
        (lambda c: c.from_matrix("ab", [[2, -1], [0.5, 0.5]]), ValueError, "sum to 1"),
        (lambda c: c.from_matrix("aa", [[1, 0], [0, 1]]), ValueError, "no two the same"),
        (lambda c: c.from_matrix("", []), ValueError, "one or more"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call(MarkovChain().fit(list("abab")))


@pytest.mark.parametrize("use", ["stationary", "entropy_rate", "forecast", "log2prob", "sample"])
def test_before_fit(use):
    arguments = {"forecast": ["a"], "log2prob": [["a"]], "sample": [3]}.get(use, [])
    with pytest.raises(ValueError, match="fit"):
        getattr(MarkovChain(), use)(*arguments)
    assert "not fitted" in repr(MarkovChain())
