"""What a BERT costs: its parameters, its arithmetic, and the hours of machines that follow from it (chapter 09).

A product of matrices (M, N) and (N, P) takes M N P multiplications and as many additions, 2 M N P operations (FLOPs).
Nearly all the time of a BERT goes into products, and nothing else is counted here. The way back takes two products for
each one of the way forward, so training costs three times as much as reading.
"""

from lmcourse.bert import BertConfig

__all__ = ["PAPER", "SHAPES", "flops", "gpu_hours", "paper_flops", "parameters"]

SHAPES = {
    "base": BertConfig(30_522),
    "large": BertConfig(30_522, width=1024, layers=24, heads=16, hidden=4096),
    "small": BertConfig(30_522, width=512, layers=4, heads=8, hidden=2048),
}
"""BERT base and large (Devlin et al., 2019) and BERT small (Turc et al., 2019), with the uncased English vocabulary."""

PAPER = {
    "steps": 1_000_000, "batch": 256, "lengths": {128: 0.9, 512: 0.1}, "masked": 0.15, "chips": 16, "days": 4,
}  # fmt: skip
"""BERT base as it was pre-trained, in steps of so many sequences, the share of the steps at each length, the share of
tokens that are guessed, and the TPU chips (4 Cloud TPUs) and days that it took (Devlin et al., 2019)."""


def parameters(config):
    """How many parameters each part of a :class:`~lmcourse.bert.BertForPreTraining` has.

    Args:
        config: a :class:`~lmcourse.bert.BertConfig`.

    Returns:
        A dict of numbers. The output layer shares its weights with the table of tokens and adds a bias only.
    """
    D, F, L, V = config.width, config.hidden, config.layers, config.vocab_size
    places = config.longest if config.positions == "absolute" else 0
    return {
        "tables": (V + places + config.segments) * D,
        "attention": L * 4 * (D * D + D),  # queries, keys, values, and the product behind the heads
        "feed-forward": L * (2 * D * F + F + D),
        "normalisation": (1 + 2 * L) * 2 * D,
        "pooler": D * D + D,
        "masked words": D * D + D + 2 * D + V,  # a layer, its normalisation, the bias of the output
        "next sentence": 2 * D + 2,
    }


def flops(config, length, masked=0.15, *, training=False):
    """The operations per token, by part, of a :class:`~lmcourse.bert.BertForPreTraining`.

    Args:
        config: a :class:`~lmcourse.bert.BertConfig`.
        length: T, tokens in a row, which has one text or pair of texts.
        masked: the share of the tokens at which a word is guessed; the output layer works at no others.
        training: forward and backward, three times the forward pass.

    Returns:
        A dict of numbers. Only the scores, and the sums of the values by them, grow with the length.

    Raises:
        ValueError: the length is not one that the BERT can read, or the share is not from 0 to 1.
    """
    if not 1 <= length <= config.longest:
        raise ValueError(f"this BERT reads 1 to {config.longest} tokens, not {length!r}")
    if not 0 <= masked <= 1:
        raise ValueError(f"the share of masked tokens is from 0 to 1, not {masked!r}")
    D, F, L, V = config.width, config.hidden, config.layers, config.vocab_size
    products = {  # multiplications per token in the forward pass
        "attention projections": L * 4 * D * D,
        "scores and sums": L * 2 * length * D,
        "feed-forward": L * 2 * D * F,
        "masked words": masked * (D * D + D * V),
        "next sentence": (D * D + 2 * D) / length,  # with the pooler, once a row
    }
    return {part: (3 if training else 1) * 2 * number for part, number in products.items()}


def paper_flops(config=SHAPES["base"]):
    """The operations of the whole pre-training of :data:`PAPER`, with a BERT of this shape."""
    return sum(
        PAPER["steps"] * share * PAPER["batch"] * length
        * sum(flops(config, length, PAPER["masked"], training=True).values())
        for length, share in PAPER["lengths"].items()
    )  # fmt: skip


def gpu_hours(total_flops, peak, share):
    """How many hours one processor works.

    Args:
        total_flops: operations.
        peak: operations per second that it can do, as its maker says or a product of large matrices shows.
        share: how much of that a training reaches; 0.4 is good.

    Raises:
        ValueError: a number makes no sense.
    """
    if total_flops < 0 or peak <= 0 or not 0 < share <= 1:
        raise ValueError(f"operations, a rate above 0 and a share up to 1, not {total_flops!r}, {peak!r} and {share!r}")
    return total_flops / (peak * share) / 3600
