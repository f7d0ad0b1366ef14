"""The recurrent explorer: a small trained recurrent network that reads what is typed into the page (chapter 02)."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import traitlets as t

from lmcourse import text as units
from lmcourse.widgets.base import Explorer, base64_size
from lmcourse.widgets.networks import CELLS, KINDS, STEPS, as_array, pack, unpack

__all__ = ["RecurrentExplorer", "RecurrentModel", "recurrent_model"]

VALUES = {"rnn": "h", "gru": "hrzn", "lstm": "hcifog"}  # what can be watched
UNITS = ("character", "jamo", "syllable", "word", "eojeol")  # what the page can cut a text into
LONGEST = 300  # pieces that the page reads
SHIPPED = "cell", "unit", "bits", "shapes", "start", "end", "unknown", "examples", "data"


class Reading(NamedTuple):
    """What a model does with a text: its pieces, and after each of them the states and the predictions.

    Attributes:
        pieces: T strings, the mark of the start first if there is one.
        states: (T, L, D), the hidden state of each layer.
        p: (T, V), the probability of each symbol to come next.
    """

    pieces: list[str]
    states: np.ndarray
    p: np.ndarray


@dataclass(frozen=True)
class RecurrentModel:
    """A recurrent language model as numbers in a few kilobytes. Made by :func:`recurrent_model`.

    Attributes:
        cell: ``"lstm"``, ``"gru"`` or ``"rnn"``.
        unit: what a text is cut into.
        bits: of one weight: 16, or 4 to 8.
        shapes: the names and shapes of the arrays, in the order of ``data``.
        data: the length of the vocabulary (uint32); the vocabulary (a JSON list in UTF-8); then the arrays,
            row by row. With 16 bits they are float16, the low byte first. With b = 4 to 8 bits a matrix is one
            float16 for each row, and then whole numbers of b bits, the high bit first, from which
            2^(b - 1) - 1 is taken away and which are multiplied by the number of their row. A vector is
            float16 still.
        start, end, unknown: the marks, ``None`` where the vocabulary has none.
        examples: what the page offers to try: texts, or pairs of texts to compare.
    """

    cell: str
    unit: str
    bits: int
    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    data: bytes = field(repr=False)
    start: str | None = None
    end: str | None = None
    unknown: str | None = None
    examples: tuple = ()

    def __post_init__(self):
        size = int.from_bytes(self.data[:4], "little")
        tokens = json.loads(self.data[4 : 4 + size])
        object.__setattr__(self, "tokens", tokens)
        object.__setattr__(self, "index", {token: i for i, token in enumerate(tokens)})
        object.__setattr__(self, "weights", unpack(self.data[4 + size :], self.shapes, self.bits))

    @property
    def layers(self):
        """How many layers the network has."""
        return sum(name.startswith("rnn.weight_hh") for name, _ in self.shapes)

    @property
    def width(self):
        """How many units the hidden state of a layer has."""
        return self.weights["rnn.weight_hh_l0"].shape[1]

    def read(self, text):
        """Read a text from a state of zeros, as the page does: ``pieces`` (T strings), ``states`` and ``p`` (T, V).

        Pieces that are not in the vocabulary are read as ``unknown``; without such a mark they are left out.
        """
        pieces = units.split(text, self.unit)[:LONGEST]
        pieces = [piece if piece in self.index else self.unknown for piece in pieces]
        pieces = [piece for piece in ([] if self.start is None else [self.start]) + pieces if piece is not None]
        w, layers, width = self.weights, self.layers, self.width
        state = [np.zeros((2, width)) for _ in range(layers)]  # h and c of each
        states, logits = np.zeros((len(pieces), layers, width)), []
        for position, piece in enumerate(pieces):
            x = w["embedding.weight"][self.index[piece]]
            for layer in range(layers):
                parameters = [w[f"rnn.{kind}_l{layer}"] for kind in KINDS]
                state[layer] = STEPS[self.cell](x, *state[layer], *parameters)
                x = states[position, layer] = state[layer][0]
            logits.append(w.get("output.weight", w["embedding.weight"]) @ x + w["bias"])
        z = np.array(logits).reshape(-1, len(self.tokens))  # (T, V)
        p = np.exp(z - z.max(1, keepdims=True))
        return Reading(pieces, states, p / p.sum(1, keepdims=True))

    def next_symbols(self, text, n=10):
        """The ``n`` likeliest symbols after a text with their probabilities, likeliest first: a dictionary."""
        p = self.read(text).p[-1:]
        best = np.argsort(-p, axis=1, kind="stable")[:, :n]
        return {self.tokens[i]: float(p[0, i]) for row in best for i in row}


def recurrent_model(
    weights, vocabulary, cell=None, *, unit="character", start="<s>", end="</s>", unknown="<unk>", examples=(), bits=16
):
    """Describe a trained recurrent language model, so that :class:`RecurrentExplorer` can run it in the page.

    >>> from lmcourse.rnn import LanguageModel
    >>> from lmcourse.text import Vocabulary
    >>> vocabulary = Vocabulary(["▁", "a", "b", "c"])
    >>> model = recurrent_model(LanguageModel(len(vocabulary), width=16).state_dict(), vocabulary)
    >>> model.cell, model.layers, model.width, len(model.tokens)
    ('lstm', 1, 16, 8)

    A figure has room for some 140,000 bytes of weights: an LSTM of 84 units with 70 symbols at 16 bits a weight,
    two of them at 8 bits, or one of 128 units with 900 words at 4. So the weights may be rounded, and the page
    then runs the rounded network.

    Args:
        weights: arrays by torch's names, as ``state_dict()`` of :class:`lmcourse.rnn.LanguageModel` gives
            them: ``embedding.weight`` (V, D); for each layer ``rnn.weight_ih_l0`` and ``rnn.weight_hh_l0``
            with their biases, then ``l1`` and so on; ``output.weight`` (V, H), or none where the weights are
            tied to the embedding; ``bias`` or ``output.bias`` (V,), or none.
        vocabulary: a :class:`~lmcourse.text.Vocabulary`, or a list of V strings.
        cell: ``"lstm"``, ``"gru"`` or ``"rnn"``; ``None`` tells it from the shapes.
        unit: what :func:`lmcourse.text.split` cut the texts into: ``"character"``, ``"jamo"``,
            ``"syllable"``, ``"word"`` or ``"eojeol"``.
        start: the symbol that stood before every text, ``</s>`` perhaps; ``None``, or one that the vocabulary
            does not have, means none.
        end: the symbol at which writing ends, likewise.
        unknown: the symbol that stands for those the vocabulary does not have, likewise.
        examples: texts to try, or pairs of texts to compare. The first of them is there at the beginning.
        bits: for each weight: 16 (float16), or 4 to 8, which round to so many steps between the smallest and
            the largest weight of each row.

    Returns:
        A :class:`RecurrentModel`.

    Raises:
        ValueError: an array is missing, is not known or has a shape that does not fit; or another argument
            is none of the above.
    """
    tokens = list(getattr(vocabulary, "tokens", vocabulary))
    if isinstance(vocabulary, str) or not all(isinstance(token, str) for token in tokens):
        raise ValueError(f"a vocabulary is a list of strings, not {vocabulary!r:.80}")
    if len(set(tokens)) < len(tokens):
        twice = next(token for i, token in enumerate(tokens) if token in tokens[:i])
        raise ValueError(f"the symbol {twice!r} is in the vocabulary twice")
    if unit not in UNITS:
        raise ValueError(f"the page cannot cut a text into {unit!r}: it can into {', '.join(UNITS)}")
    if bits not in (4, 5, 6, 7, 8, 16):
        raise ValueError(f"bits are 16, or 4 to 8, not {bits!r}")
    examples = [examples] if isinstance(examples, str) else examples
    examples = tuple(example if isinstance(example, str) else tuple(example) for example in examples)
    for example in examples:
        if not isinstance(example, str) and (len(example) != 2 or not all(isinstance(x, str) for x in example)):
            raise ValueError(f"an example is a text or a pair of texts, not {example!r}")
    arrays, cell = _checked(weights, len(tokens), cell)
    header = json.dumps(tokens, ensure_ascii=False, separators=(",", ":")).encode()
    data = len(header).to_bytes(4, "little") + header + pack(arrays, bits)
    marks = {
        name: mark if mark in tokens else None for name, mark in [("start", start), ("end", end), ("unknown", unknown)]
    }
    shapes = tuple((name, array.shape) for name, array in arrays.items())
    return RecurrentModel(cell, unit, bits, shapes, data, examples=examples, **marks)


class RecurrentExplorer(Explorer):
    """A recurrent language model that reads what is typed: its state, unit by unit, and what comes next.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> shapes = {"embedding.weight": (3, 4), "rnn.weight_ih_l0": (4, 4), "rnn.weight_hh_l0": (4, 4),
    ...           "rnn.bias_ih_l0": (4,), "rnn.bias_hh_l0": (4,)}
    >>> model = recurrent_model({name: rng.normal(size=shape) for name, shape in shapes.items()}, ["a", "b", "▁"])
    >>> print(RecurrentExplorer(model, text="a b").summary())
    RecurrentExplorer, rnn with 4 units: after 'a b'
      b      83.9%  █████████████████
      a      14.4%  ███
      ␣       1.7%

    The network runs in the page, without Python. In JupyterLab all arguments but ``models`` are traits that
    follow the reader: what was typed is ``explorer.text``.

    Args:
        models: what :func:`recurrent_model` made, or several of these by name, each with a tab
            (``{"English": ..., "한국어": ...}``).
        text: what stands in the text field at first; ``None`` means the first of the model's examples.
        other: a second text to compare with; ``None`` means none, or the second of a pair of examples.
        tab: the number of the model to show first.
        step: how many pieces of the text have been read at first; ``None`` means all.
        unit: the number of the unit whose value colours the text; ``None`` picks one that stays on for long.
        layer: whose state is shown, from 0.
        show: ``"h"`` (the state), for the LSTM also ``"c"`` (its cell) and the gates ``"i"``, ``"f"``, ``"o"``
            and the new content ``"g"``; for the GRU the gates ``"r"`` and ``"z"`` and the new content ``"n"``.
        temperature: of writing, 0 (always the likeliest) to 2.
        seed: of writing; the same seed writes the same.
        language: of the buttons, ``"en"`` or ``"ko"``; empty means the language of the page.

    Raises:
        ValueError: the models are none, or make more than 256 KB; or another argument is out of range.
    """

    room = 256_000  # a whole network is in the page, and more than any other figure has to carry

    models = t.List(t.Dict()).tag(sync=True)
    tab = t.Int(0, min=0).tag(sync=True)
    text = t.Unicode("").tag(sync=True)
    other = t.Unicode(None, allow_none=True).tag(sync=True)
    step = t.Int(None, allow_none=True, min=0).tag(sync=True)
    unit = t.Int(None, allow_none=True, min=0).tag(sync=True)
    layer = t.Int(0, min=0).tag(sync=True)
    show = t.Enum(list("hcifogrzn"), "h").tag(sync=True)
    temperature = t.Float(1.0, min=0.0, max=2.0).tag(sync=True)
    seed = t.Int(0, min=0).tag(sync=True)
    language = t.Enum(["", "en", "ko"], "").tag(sync=True)

    def __init__(self, models, *, text=None, other=None, tab=0, unit=None, layer=0, show="h", **kwargs):
        named = models if isinstance(models, Mapping) else {"": models}
        for name, model in named.items():
            if not isinstance(name, str) or not isinstance(model, RecurrentModel):
                raise ValueError(f"expected a name and what recurrent_model made, not {name!r}: {model!r:.80}")
        self._models = list(named.values())
        if tab not in range(len(self._models)):
            raise ValueError(f"there is no model {tab!r}: there are {len(self._models)}, from 0")
        self.check_room(
            sum(base64_size(model.data) for model in self._models),
            "these models",
            "take fewer or narrower ones, or fewer bits in recurrent_model",
        )
        chosen = self._models[tab]
        if show not in VALUES[chosen.cell]:
            raise ValueError(f"a {chosen.cell} can show {', '.join(VALUES[chosen.cell])}, not {show!r}")
        if layer not in range(chosen.layers):
            raise ValueError(f"there is no layer {layer!r}: there are {chosen.layers}, from 0")
        if unit is not None and unit not in range(chosen.width):
            raise ValueError(f"there is no unit {unit!r}: there are {chosen.width}, from 0")
        shipped = []
        for i, (name, model) in enumerate(named.items()):
            pair = next(iter(model.examples), "")
            pair = (pair, None) if isinstance(pair, str) else pair
            if i == tab:
                pair = pair if text is None else (text, None)
                pair = text, other = pair[0], pair[1] if other is None else other
            first = [[each, _rows(model, each)] for each in pair if isinstance(each, str)]
            shipped.append({"name": name, "first": first} | {key: getattr(model, key) for key in SHIPPED})
        try:
            super().__init__(
                models=shipped, text=text, other=other, tab=tab, unit=unit, layer=layer, show=show, **kwargs
            )
        except t.TraitError as error:
            raise ValueError(str(error)) from None

    def _title(self):
        model = self._models[self.tab]
        layers = f"{model.layers} layers of " if model.layers > 1 else ""
        return f"{model.cell} with {layers}{model.width} units: after {self.text[-40:]!r}"

    def summary(self):
        """What the explorer shows first, as text: the likeliest next symbols."""
        rows = self._models[self.tab].next_symbols(self.text).items()
        bars = [f"  {_visible(token):<4} {100 * p:6.1f}%  {'█' * round(20 * p)}".rstrip() for token, p in rows]
        return "\n".join([f"RecurrentExplorer, {self._title()}", *bars])

    def picture(self, figure):
        """The state over the text as shades, and the next symbols as bars."""
        model = self._models[self.tab]
        pieces, states, p = model.read(self.text)
        if not pieces:
            return False
        left, right = figure.subplots(1, 2, width_ratios=[2, 1])
        layer = min(self.layer, model.layers - 1)
        left.pcolormesh(states[:, layer].T, cmap="RdBu_r", vmin=-1, vmax=1)
        left.invert_yaxis()
        every = math.ceil(len(pieces) / 40)
        names = ["▸" if piece == model.start else _visible(piece).replace("$", r"\$")[:12] for piece in pieces[::every]]
        left.set_xticks(np.arange(0, len(pieces), every) + 0.5, names, rotation=90 if max(map(len, names)) > 1 else 0)
        left.set(ylabel="unit", title="hidden state")
        best = np.argsort(-p[-1], kind="stable")[:10][::-1]
        right.barh(range(len(best)), p[-1, best], height=0.6)
        right.set_yticks(range(len(best)), [_visible(model.tokens[i]).replace("$", r"\$")[:12] for i in best])
        right.xaxis.set_major_formatter(lambda x, _: f"{100 * x:g}%")
        right.set_title("next")
        return True


def _rows(model, text):
    """The likeliest next symbols as pairs of a number and a probability: what the page shows before it computes."""
    return [[model.index[token], p] for token, p in model.next_symbols(text).items()]


def _visible(piece):
    """A piece without white space, escapes and control characters, and never nothing; a jamo alone, as a letter."""
    name = {"▁": "␣", "▔a▔": "⏎", "▔9▔": "⇥"}.get(piece) or units.join([piece], "word")
    name = "".join(_LETTERS.get(c, c) if c.isprintable() else "·" for c in name)
    return name or "∅"


# Conjoining jamo by the letters of the keyboard: 19 initials, 21 vowels, 27 finals.
_LETTERS = dict(zip(map(chr, range(0x1100, 0x1113)), "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ", strict=True))
_LETTERS |= {chr(0x1161 + i): chr(0x314F + i) for i in range(21)}
_FINALS = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
_LETTERS |= dict(zip(map(chr, range(0x11A8, 0x11C3)), _FINALS, strict=True))


def _checked(weights, size, cell):
    """The arrays in the order in which they are packed, and the cell."""
    if not isinstance(weights, Mapping):
        raise ValueError(f"weights are arrays by name, as state_dict() gives them, not {weights!r:.80}")
    left = {name: as_array(name, value) for name, value in weights.items()}
    arrays = {}

    def take(name, *shape):
        if name not in left:
            raise ValueError(f"there is no {name!r} among the weights: {', '.join(weights)}")
        array = left.pop(name)
        if array.ndim != len(shape) or any(a not in (b, None) for b, a in zip(array.shape, shape, strict=True)):
            wanted = ", ".join("any" if n is None else str(n) for n in shape)
            raise ValueError(f"{name} has the shape {array.shape}, not ({wanted})")
        return array

    arrays["embedding.weight"] = take("embedding.weight", size, None)
    below = arrays["embedding.weight"].shape[1]
    layers = len([name for name in left if re.fullmatch(r"rnn\.weight_hh_l\d+", name)])
    for layer in range(max(layers, 1)):
        hidden = take(f"rnn.weight_hh_l{layer}", None, None)
        rows, width = hidden.shape
        found = {parts * width: name for name, parts in CELLS.items()}.get(rows)
        if found is None or cell not in (None, found):
            what = f"that of a {found}" if found else "that of no cell"
            raise ValueError(f"rnn.weight_hh_l{layer} has the shape {hidden.shape}: {what}, not of {cell or 'one'!r}")
        cell = found
        arrays[f"rnn.weight_ih_l{layer}"] = take(f"rnn.weight_ih_l{layer}", rows, below)
        arrays[f"rnn.weight_hh_l{layer}"] = hidden
        arrays[f"rnn.bias_ih_l{layer}"] = take(f"rnn.bias_ih_l{layer}", rows)
        arrays[f"rnn.bias_hh_l{layer}"] = take(f"rnn.bias_hh_l{layer}", rows)
        below = width
    output = take("output.weight", size, below) if "output.weight" in left else arrays["embedding.weight"]
    if not np.array_equal(output, arrays["embedding.weight"]):
        arrays["output.weight"] = output
    elif output.shape[1] != below:
        raise ValueError(f"there is no 'output.weight', and an embedding of {output.shape} fits no state of {below}")
    bias = next((name for name in ("bias", "output.bias") if name in left), None)
    arrays["bias"] = np.zeros(size, np.float32) if bias is None else take(bias, size)
    if left:
        raise ValueError(f"a network that reads in one direction has no use for {', '.join(left)}")
    return arrays, cell
