"""Measures of surprise, of outputs, and their confidence: against sums by hand and against simulated truth."""

import math
import random

import pytest
import torch

from lmcourse.metrics import (
    alignment_score,
    bits_per_character,
    bleu,
    character_error_rate,
    confidence_interval,
    exact_match,
    f1,
    perplexity,
    proportion_interval,
    word_error_rate,
)


def test_perplexity_is_the_number_of_equal_choices():
    assert perplexity([math.log2(1 / 6)] * 5) == pytest.approx(6)
    assert perplexity([math.log2(p) for p in (1 / 2, 1 / 8)]) == pytest.approx(4)
    assert perplexity(torch.tensor([[-1.0, -3.0]])) == pytest.approx(4)
    assert perplexity(torch.tensor([-6.0, -4.0]), tokens=5) == perplexity(-10.0, tokens=5) == pytest.approx(4)
    assert perplexity([0.0, 0.0]) == 1
    assert perplexity([-1.0, -math.inf]) == math.inf
    assert perplexity([-5000.0]) == math.inf  # too large for a float, and no OverflowError


def test_bits_per_character_counts_characters_of_what_is_read():
    assert bits_per_character(10, "나는 밥을 먹었다.") == 1
    assert bits_per_character([4.0, 6.0], ["나는 밥을", "먹었다"]) == 10 / 8
    assert bits_per_character(torch.tensor([4.0, 6.0]), 5) == 2
    assert bits_per_character(math.inf, "a") == math.inf


def test_units_compare_in_bits_per_character():
    text = "abab"  # the same model seen as letters and as pairs of letters: 1 bit a letter, 2 bits a pair
    assert bits_per_character([1.0] * 4, text) == bits_per_character([2.0] * 2, text)
    assert perplexity([-1.0] * 4) != perplexity([-2.0] * 2)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_a_confidence_interval_holds_the_truth_as_often_as_it_says(level):
    generator = torch.Generator().manual_seed(0)
    rounds, n = 2000, 80
    lengths = torch.randint(3, 30, (rounds, n), generator=generator).double()
    bits = 2 * lengths + lengths.sqrt() * torch.randn(rounds, n, generator=generator, dtype=torch.float64)
    held = sum(low < 2 < high for low, high in map(confidence_interval, bits, lengths, [level] * rounds))
    assert held / rounds == pytest.approx(level, abs=4 * math.sqrt(level * (1 - level) / rounds) + 0.01)


def test_a_confidence_interval_is_about_the_mean():
    low, high = confidence_interval([1.0, 2.0, 3.0, 6.0])
    assert (low + high) / 2 == pytest.approx(3) and high - low == pytest.approx(
        2 * 1.96 * math.sqrt(14 / 3 / 4), rel=1e-3
    )
    assert confidence_interval([4.0, 8.0, 6.0], [2, 4, 3]) == pytest.approx((2, 2))
    narrow, wide = (
        confidence_interval([1.0, 2.0, 3.0], level=0.5),
        confidence_interval([1.0, 2.0, 3.0], level=0.99),
    )
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: perplexity([]), "there are 0"),
        (lambda: perplexity([-1.0], tokens=0), "there are 0"),
        (lambda: perplexity([-1.0, 3.0]), "one is 3.0"),
        (lambda: perplexity([-1.0, math.nan]), "nan"),
        (lambda: bits_per_character(3.0, ""), "not ''"),
        (lambda: bits_per_character(3.0, []), r"not \[\]"),
        (lambda: bits_per_character([3.0, -1.0], "ab"), "one is -1.0"),
        (lambda: bits_per_character(math.nan, "ab"), "nan"),
        (lambda: confidence_interval([1.0]), "not 1 and 1"),
        (lambda: confidence_interval([1.0, 2.0], [1]), "not 2 and 1"),
        (lambda: confidence_interval([1.0, 2.0], level=95), "not 95"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- outputs against references ---


def edits(a, b):
    """How many pieces to replace, leave out or put in, by the table of all beginnings."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


def test_error_rates_are_edits_over_the_length_of_the_references():
    rng = random.Random(0)
    right = [" ".join(rng.choices(["비가", "눈이", "왔다", "온다"], k=rng.randint(1, 7))) for _ in range(40)]
    said = [" ".join(rng.choices(["비가", "눈이", "왔다", "온다"], k=rng.randint(0, 7))) for _ in range(40)]
    words = sum(edits(s.split(), r.split()) for s, r in zip(said, right, strict=True))
    assert word_error_rate(said, right) == pytest.approx(words / sum(len(r.split()) for r in right))
    letters = sum(edits(s, r) for s, r in zip(said, right, strict=True))
    assert character_error_rate(said, right) == pytest.approx(letters / sum(map(len, right)))
    assert word_error_rate(right, right) == 0
    assert word_error_rate(["a b c d"], ["e"]) == 4


def test_exact_match_and_bleu():
    assert exact_match(["a b", "c", "d"], ["a b", "c ", "d"]) == pytest.approx(2 / 3)
    right = ["the cat sat on the mat today .", "a dog ran far away from here ."]
    assert bleu(right, right) == pytest.approx(100)
    assert bleu(["x y z u v w", "p q r s t"], right) < 1
    # One word of the first seven is another one: precisions 15/16, 12/14, 9/12, 7/10, and no brevity penalty.
    said = ["the cat sat on the rug today .", right[1]]
    assert bleu(said, right) == pytest.approx(100 * (15 / 16 * 12 / 14 * 9 / 12 * 7 / 10) ** 0.25)


def test_f1_counts_what_occurs_several_times():
    found = [["사과", "배", "배"], []]
    gold = [["사과", "배"], ["눈"]]
    score = f1(found, gold)
    assert score.precision == pytest.approx(2 / 3) and score.recall == pytest.approx(2 / 3)
    assert score.f1 == pytest.approx(2 / 3)
    assert f1([["a"]], [["b"]]) == f1([[]], [[]]) == (0, 0, 0)
    assert f1([["a", "b", "c"]], [["a"]]) == pytest.approx((1 / 3, 1, 0.5))


@pytest.mark.parametrize("p, n", [(0.02, 40), (0.5, 25), (0.9, 100)])
def test_the_interval_of_a_share_holds_the_truth_about_as_often_as_it_says(p, n):
    rng = random.Random(0)
    held = 0
    for _ in range(3000):
        low, high = proportion_interval(sum(rng.random() < p for _ in range(n)), n)
        held += low <= p <= high
    assert 0.92 < held / 3000 < 0.99


def test_the_interval_of_a_share_is_sensible_at_the_ends():
    assert proportion_interval(0, 10)[0] == pytest.approx(0) and 0.2 < proportion_interval(0, 10)[1] < 0.35
    low, high = proportion_interval(10, 10)
    assert high == pytest.approx(1) and low == pytest.approx(1 - proportion_interval(0, 10)[1])


def test_wrong_input_of_measures_is_named():
    with pytest.raises(ValueError, match="not 1 and 2"):
        exact_match(["a"], ["a", "b"])
    with pytest.raises(TypeError, match="'a b'"):
        bleu("a b", ["a b"])
    with pytest.raises(ValueError, match="number 1 is empty"):
        word_error_rate(["a", "b"], ["a", " "])
    with pytest.raises(ValueError, match="not 3 of 2"):
        proportion_interval(3, 2)
    with pytest.raises(ValueError, match="at least 1"):
        f1([], [])


def test_the_alignment_error_rate_by_hand():
    sure, possible = [(0, 0), (1, 2)], [(0, 0), (1, 2), (1, 1)]
    found = alignment_score([[(0, 0), (1, 1), (2, 2)]], [sure], [possible])
    assert found.precision == 2 / 3 and found.recall == 1 / 2
    assert math.isclose(found.aer, 1 - (1 + 2) / (3 + 2))


def test_with_sure_links_only_the_alignment_error_rate_is_1_minus_f1():
    rng = random.Random(0)
    for _ in range(50):
        draw = [
            [{(rng.randrange(4), rng.randrange(4)) for _ in range(rng.randrange(6))} for _ in range(3)] for _ in "ab"
        ]
        found, there = ([sorted(one) for one in each] for each in draw)
        score, f = alignment_score(found, there), f1(found, there)
        assert (score.precision, score.recall) == (f.precision, f.recall)
        if any(found) or any(there):
            assert math.isclose(score.aer, 1 - f.f1)


def test_alignment_links_count_once_and_over_all_sentences():
    one = alignment_score([[(0, 0), (0, 0)]], [[(0, 0)]])
    assert one.aer == 0 and one.precision == 1
    two = alignment_score([[(0, 0)], [(0, 0), (1, 1), (2, 2)]], [[(0, 1)], [(0, 0), (1, 1), (2, 2)]])
    assert two.precision == 3 / 4  # not the mean of 0 and 1
    assert alignment_score([[]], [[]]).aer == 0
    with pytest.raises(ValueError, match="as many outputs as references"):
        alignment_score([[]], [[], []])
