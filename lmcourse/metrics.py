"""Measures: how surprised a model is, and how sure the figure is.

A measure of surprise starts from log2 probabilities, so its unit is the bit. Perplexity is per token, so two
models compare only if they cut the text into the same tokens; bits per character compare for any units.
Measures of outputs compare texts with references: the part that is exactly right, errors per word or letter (lower
is better), shared pieces (BLEU, F1).

>>> perplexity([-3.0, -3.0, -3.0])
8.0
>>> bits_per_character(12.0, "abcdef")
2.0
"""

from collections import Counter
from statistics import NormalDist
from typing import NamedTuple

import torch


def perplexity(log2probs, tokens=None):
    """2 to the power of the mean surprise: as unsure as if so many tokens were equally likely each time.

    Args:
        log2probs: log2 probabilities, of tokens or of whole sentences: a tensor or a list.
        tokens: how many tokens they cover; ``None`` means one each.

    Returns:
        1 or more; ``inf`` if one of the probabilities is 0.
    """
    log2probs = _flat(log2probs, "log2 probabilities")
    if (log2probs > 1e-9).any():
        raise ValueError(f"log2 probabilities are 0 or less, but one is {log2probs.max().item()}")
    tokens = len(log2probs) if tokens is None else tokens
    if not tokens > 0:
        raise ValueError(f"perplexity is a mean over tokens, and there are {tokens}")
    return torch.exp2(-log2probs.sum() / tokens).item()


def bits_per_character(bits, text):
    """Bits that the model needs for the text, per character of it.

    Args:
        bits: minus log2 of probabilities; a number, or many that are added up. Count the ends of sentences
            too.
        text: the text as it is read, a str or a list of them; or just the number of its characters.
    """
    characters = text if isinstance(text, int) else len(text) if isinstance(text, str) else sum(map(len, text))
    if characters < 1:
        raise ValueError(f"bits per character need at least one character, not {text!r}")
    bits = _flat(bits, "bits")
    if (bits < -1e-9).any():
        raise ValueError(f"bits are minus log2 probabilities, 0 or more, but one is {bits.min().item()}")
    return bits.sum().item() / characters


def confidence_interval(bits, lengths=None, level=0.95):
    """Where the true mean lies, seeing how much it varies from sentence to sentence: (low, high).

    For bits per character pass the characters of each sentence as ``lengths``: the mean is then the sum of
    the bits over the sum of the lengths. The sentences must be independent of each other (for stories, pass
    stories).

    Args:
        bits: one number per sentence: (B,).
        lengths: one number per sentence: (B,); ``None`` means 1 each.
        level: how often such an interval holds the truth.
    """
    bits = _flat(bits, "bits")
    lengths = torch.ones_like(bits) if lengths is None else _flat(lengths, "lengths")
    n = len(bits)
    if n < 2 or len(lengths) != n:
        raise ValueError(f"expected two or more numbers, and as many lengths, not {n} and {len(lengths)}")
    if not 0 < level < 1:
        raise ValueError(f"level is between 0 and 1, not {level!r}")
    mean = bits.sum() / lengths.sum()
    error = ((bits - mean * lengths).square().sum() * n / (n - 1)).sqrt() / lengths.sum()
    half = NormalDist().inv_cdf((1 + level) / 2) * error
    return (mean - half).item(), (mean + half).item()


def proportion_interval(right, count, level=0.95):
    """Where the true share lies when ``right`` of ``count`` independent trials went well: (low, high).

    Wilson's interval (1927), which is sensible also where all or none went well, and for few trials.
    """
    if not (0 <= right <= count and count >= 1):
        raise ValueError(f"expected 0 <= right <= count and at least one trial, not {right!r} of {count!r}")
    if not 0 < level < 1:
        raise ValueError(f"level is between 0 and 1, not {level!r}")
    z = NormalDist().inv_cdf((1 + level) / 2)
    p, spread = right / count, z * z / count
    middle, half = p + spread / 2, z * (p * (1 - p) / count + spread / (4 * count)) ** 0.5
    low, high = (middle - half) / (1 + spread), (middle + half) / (1 + spread)
    return max(0.0, low), min(1.0, high)


def exact_match(outputs, references):
    """The share of the outputs that equal their reference, letter by letter."""
    pairs = _pairs(outputs, references)
    return sum(output == reference for output, reference in pairs) / len(pairs)


def bleu(outputs, references):
    """BLEU of a corpus, from 0 to 100, by sacrebleu with its own cutting of words (Papineni et al., 2002; Post, 2018).

    The geometric mean of the shares of 1- to 4-word sequences that the reference has too, times a penalty for
    outputs that are too short. One reference for each output.
    """
    import sacrebleu

    _pairs(outputs, references)
    return sacrebleu.corpus_bleu(list(outputs), [list(references)]).score


def word_error_rate(outputs, references):
    """Words to replace, leave out or put in, per word of the references, by jiwer; 0 is right, and it can exceed 1."""
    import jiwer

    _no_empty(_pairs(outputs, references))
    return jiwer.wer(list(references), list(outputs))


def character_error_rate(outputs, references):
    """As :func:`word_error_rate`, per letter, spaces included; in Korean a letter is a syllable."""
    import jiwer

    _no_empty(_pairs(outputs, references))
    return jiwer.cer(list(references), list(outputs))


class F1(NamedTuple):
    """How many of the found things are right (``precision``), how many of the right ones are found (``recall``), and
    their harmonic mean (``f1``); 0 where there is nothing to divide by."""

    precision: float
    recall: float
    f1: float


def f1(found, gold):
    """Precision, recall and F1 over all items: things found against things that are there.

    Args:
        found: for each item, a list of things that can be compared, such as pairs (form, tag); a thing may occur
            several times, and then counts so often.
        gold: for each item, the right list.

    Returns:
        A :class:`F1`.
    """
    shared = claimed = there = 0
    for one, other in _pairs(found, gold):
        one, other = Counter(one), Counter(other)
        shared, claimed, there = shared + (one & other).total(), claimed + one.total(), there + other.total()
    return F1(
        shared / claimed if claimed else 0.0,
        shared / there if there else 0.0,
        2 * shared / (claimed + there) if claimed + there else 0.0,
    )


class AlignmentScore(NamedTuple):
    """How many of the found links may be there (``precision``), how many of the certain ones are found (``recall``),
    and the alignment error rate (``aer``), from 0, all right, to 1."""

    precision: float
    recall: float
    aer: float


def alignment_score(found, sure, possible=None):
    """Precision, recall and alignment error rate of links between words, over all sentences (Och and Ney, 2003).

    With A the links found, S the sure ones, and P those that are possible, S among them, and # for how many there are:
    precision #(A and P) / #A, recall #(A and S) / #S, and AER = 1 - (#(A and S) + #(A and P)) / (#A + #S). Where P is
    S, this is 1 - F1.

    Args:
        found, sure: for each sentence its links, pairs of places; a link counts once, however often it is named.
        possible: links that do no harm; ``None`` means the sure ones only.

    Returns:
        An :class:`AlignmentScore`; where there is nothing to divide by, precision and recall are 0. AER is 0 if there
        are no links at all, neither found nor sure.
    """
    possible = [()] * len(list(sure)) if possible is None else possible
    claimed = there = claimed_sure = claimed_possible = 0
    for (a, s), (_, p) in zip(_pairs(found, sure), _pairs(found, possible), strict=True):
        a, s = set(map(tuple, a)), set(map(tuple, s))
        p = s | set(map(tuple, p))
        claimed, there = claimed + len(a), there + len(s)
        claimed_sure, claimed_possible = claimed_sure + len(a & s), claimed_possible + len(a & p)
    return AlignmentScore(
        claimed_possible / claimed if claimed else 0.0,
        claimed_sure / there if there else 0.0,
        1 - (claimed_sure + claimed_possible) / (claimed + there) if claimed + there else 0.0,
    )


def _pairs(outputs, references):
    if isinstance(outputs, str) or isinstance(references, str):
        raise TypeError(
            f"expected lists, one entry for each input, not the string {outputs!r:.40} or {references!r:.40}"
        )
    outputs, references = list(outputs), list(references)
    if not outputs or len(outputs) != len(references):
        raise ValueError(
            f"expected as many outputs as references, at least 1, not {len(outputs)} and {len(references)}"
        )
    return list(zip(outputs, references, strict=True))


def _no_empty(pairs):
    for n, (_, reference) in enumerate(pairs):
        if not reference.strip():
            raise ValueError(f"errors are counted per word or letter of the references, and number {n} is empty")


def _flat(values, what):
    values = torch.as_tensor(values, dtype=torch.float64).flatten()
    if values.isnan().any():
        raise ValueError(f"expected {what}, but there is a nan among them: {values}")
    return values
