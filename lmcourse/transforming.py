"""Translators that are Transformers (chapter 08).

The system of chapter 04a with both of its networks replaced; what it reads, writes and learns from stays as it was. The
one that comes with the package has about as many weights as the translator with attention of chapter 06, and it runs in
the page.
"""

from lmcourse import translation
from lmcourse.seq2seq import Seq2Seq, TextFront
from lmcourse.tasks import System, TextCodec
from lmcourse.transformer import TransformerDecoder, TransformerEncoder

__all__ = ["RECIPES", "build", "settings_for"]


def settings_for(
    direction, records, width=64, heads=4, hidden=128, layers=2, dropout=0.1, positions="rotary", min_count=3,
    longest=200,
):  # fmt: skip
    """What :func:`build` makes a system from.

    Args:
        direction, records, min_count, longest: as for :func:`lmcourse.translation.vocabularies`.
        width, heads, hidden, layers, dropout, positions: of both networks, as for
            :class:`~lmcourse.transformer.TransformerEncoder`.
    """
    shape = {"width": width, "heads": heads, "hidden": hidden, "layers": layers, "dropout": dropout}
    return translation.vocabularies(direction, records, min_count, longest) | shape | {"positions": positions}


def build(settings):
    """An untrained :class:`~lmcourse.tasks.System` from the settings that :func:`settings_for` gives."""
    source, target = (translation.UNITS[language] for language in translation.DIRECTIONS[settings["direction"]])
    source = TextCodec(source, settings["source"], settings["longest"])
    target = TextCodec(target, settings["target"])
    width, dropout = settings["width"], settings["dropout"]
    shape = {name: settings[name] for name in ("heads", "hidden", "layers", "dropout", "positions")}
    front = TextFront(len(source.vocabulary), width, dropout)
    encoder = TransformerEncoder(front, width, **shape)
    decoder = TransformerDecoder(len(target.vocabulary), width, **shape)
    return System(Seq2Seq(encoder, decoder), source, target, max_length=120)


PAGE = {"width": 48, "heads": 4, "hidden": 160, "layers": 2, "dropout": 0.05}
SMALL = {"width": 16, "heads": 2, "hidden": 24, "layers": 1}
RECIPES = {
    "ko-en-transformer": translation.recipe("ko-en", build, ", by a Transformer", settings_for, SMALL, lr=6e-3, **PAGE),
}
