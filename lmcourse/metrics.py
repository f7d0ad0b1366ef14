"""Measures: how surprised a model is, and how sure the figure is.

A measure of surprise starts from log2 probabilities, so its unit is the bit. Perplexity is per token, so two
models compare only if they cut the text into the same tokens; bits per character compare for any units.

>>> perplexity([-3.0, -3.0, -3.0])
8.0
>>> bits_per_character(12.0, "abcdef")
2.0
"""

from statistics import NormalDist

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


def _flat(values, what):
    values = torch.as_tensor(values, dtype=torch.float64).flatten()
    if values.isnan().any():
        raise ValueError(f"expected {what}, but there is a nan among them: {values}")
    return values
