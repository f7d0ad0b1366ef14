"""Measures of surprise and their confidence, against sums by hand and against simulated truth."""

import math

import pytest
import torch

from lmcourse.metrics import bits_per_character, confidence_interval, perplexity


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
