"""The Transformer explorer: all heads of a Transformer that runs in the page, each with a switch (chapter 08)."""

import json
import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import traitlets as t

from lmcourse import text as units
from lmcourse.widgets.alignment import _frame, _is_pair
from lmcourse.widgets.base import Explorer, base64_size
from lmcourse.widgets.networks import as_array, check_options, pack, taking
from lmcourse.widgets.translation import LONGEST, MARKS, TranslationModel, _visible

__all__ = ["Run", "TransformerExplorer", "TransformerModel", "transformer_model"]

STORY = 120  # pieces of a story that are read, the mark of its beginning among them
MORE = 30  # pieces that a story model writes by itself
SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
PARTS = {"translator": ("encoder", "decoder", "cross"), "story": ("decoder",)}
MODULES = {"encoder": "self_attn", "decoder": "self_attn", "cross": "multihead_attn"}
SHIPPED = "kind", "sides", "source_unit", "target_unit", "bits", "max_length", "examples", "data"


class Run(NamedTuple):
    """What a Transformer does with a text.

    Attributes:
        pieces: what was read. Of a translator the S pieces of the text; of a story model its T tokens, ``<s>`` the
            first of them and ``</s>`` after each sentence.
        output: what was written, the likeliest at every step, or what was given as target; ``</s>`` is the last if it
            has ended. Of a story model how it goes on after the text, up to the next ``</s>``.
        weights: where the heads look, by part. ``"encoder"`` (L, H, S, S): pieces at pieces. ``"decoder"`` (L, H, T,
            T): of a translator the tokens ``<s>`` and the output but for its last piece at each other, of a story
            model the pieces at each other; nobody looks ahead. ``"cross"`` (L, H, T, S): before the t-th piece of the
            output is written, at the pieces of the text. A story model has the decoder only.
        logs: ln p of every token of the vocabulary (T, V): for each piece of the output, or after each of a story.
        bits: how surprised the model is, -log2 p: by each piece of the output, or by each of a story but the first.
        text: the output as text.
    """

    pieces: list[str]
    output: list[str]
    weights: dict[str, np.ndarray]
    logs: np.ndarray
    bits: np.ndarray
    text: str


@dataclass(frozen=True)
class TransformerModel:
    """A Transformer as numbers in some kilobytes. Made by :func:`transformer_model`.

    Attributes:
        kind: ``"translator"`` or ``"story"``.
        sides: what shapes the ``"encoder"`` (of a translator) and the ``"decoder"``: dicts of ``layers``, ``heads``,
            ``norm_first``, ``activation``, ``positions``, ``eps``, and ``longest``, how many places there are.
        source_unit, target_unit: what the texts are cut into.
        bits: to how many the weights were rounded.
        shapes: the names and shapes of the arrays, in the order of ``data``.
        max_length: an output has at most so many pieces.
        data: as for :class:`~lmcourse.widgets.TranslationModel`, with the shapes beside the vocabularies; the one
            vocabulary of a story model is its source.
        examples: what the page offers to try.
    """

    kind: str
    sides: dict[str, dict]
    source_unit: str
    target_unit: str
    bits: int
    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    max_length: int
    data: bytes = field(repr=False)
    examples: tuple[str, ...] = ()

    def __post_init__(self):
        TranslationModel.__post_init__(self)  # opens the same bytes
        flat = {name: array[0] if len(array) == 1 else array for name, array in self.weights.items()}
        object.__setattr__(self, "weights", flat)
        if self.kind == "story":
            object.__setattr__(self, "target", self.source)
            object.__setattr__(self, "target_ids", self.source_ids)

    parameters = TranslationModel.parameters
    ids = TranslationModel.ids

    @property
    def parts(self):
        """The parts that have heads, each with its number of layers and heads (L, H)."""
        return {part: _size(self.sides, part) for part in PARTS[self.kind]}

    def cut(self, text):
        """The pieces of a text, as the page cuts it; of a story with ``<s>`` and, after each sentence, ``</s>``."""
        if self.kind == "translator":
            return TranslationModel.cut(self, text)[: self.sides["encoder"]["longest"]]
        pieces = ["<s>"]
        for sentence in SENTENCE_END.split(text.strip()) if text.strip() else []:
            pieces += TranslationModel.cut(self, sentence)
            pieces += ["</s>"] * (sentence[-1] in ".!?")
        return pieces[: self.sides["decoder"]["longest"]]

    def run(self, text, target=None, off=()):
        """Read and write by taking the likeliest piece at every step, with some heads switched off.

        Args:
            text: what to translate, or a story to read.
            target: of a translator: read this output along, a text or its pieces, and write nothing.
            off: heads that are switched off, triples (part, layer, head): what they give to the sum of heads is 0.

        Returns:
            A ``Run``: the ``pieces`` that were read, of a story ``<s>`` the first of them and ``</s>`` after each
            sentence; the ``output``, of a story how it goes on; ``weights``, where the heads look, by part: of a
            translator ``"encoder"`` (L, H, S, S) and ``"cross"`` (L, H, T, S), whose row t is the look before the t-th
            piece of the output, and ``"decoder"`` (L, H, T, T), over ``<s>`` and the output but for its last piece or
            over a story; ``logs`` (T, V), ln p for each piece of the output or after each piece of a story; ``bits``,
            -log2 p of each piece of the output or of a story but its first; and the output as ``text``.

        Raises:
            ValueError: there is no such head, or a story model got a target.
        """
        off = _heads(off, self.parts)
        if self.kind == "story":
            if target is not None:
                raise ValueError(f"a story model reads its text, and has no use for the target {target!r:.80}")
            return self._tell(self.cut(text), off)
        pieces = self.cut(text)
        most = min(self.max_length, self.sides["decoder"]["longest"])
        memory, looks = self._encode(self.ids(pieces), off)
        if target is None:
            written = self._write(["<s>"], memory, off, most)
        else:
            target = units.split(target, self.target_unit) if isinstance(target, str) else list(target)
            written = [*target, *["</s>"] * (target[-1:] != ["</s>"])][:most]
        logs, found = self._decode(["<s>", *written[:-1]], memory, off)
        chosen = [self._id(piece) for piece in written]
        bits = -logs[np.arange(len(chosen)), chosen] / math.log(2)
        return Run(pieces, written, looks | found, logs, bits, self._text(written))

    def worth(self, text, target=None):
        """What each head is worth: how many bits more the text costs without it.

        Args:
            text: as for :meth:`run`.
            target: the output whose bits are counted; ``None`` means what the translator writes with all its heads.

        Returns:
            A dict from the parts to arrays (L, H) of the bits without this head alone, less those with all.
        """
        target = self.run(text).output if self.kind == "translator" and target is None else target
        whole = self._bits(text, target, ())
        found = {}
        for part, (layers, heads) in self.parts.items():
            found[part] = np.array([[self._bits(text, target, [(part, layer, head)]) - whole for head in range(heads)]
                                    for layer in range(layers)])  # fmt: skip
        return found

    def _bits(self, text, target, off):
        if self.kind == "story":
            pieces = self.cut(text)
            logs, _ = self._decode(pieces, None, _heads(off, self.parts))
            return self._surprise(pieces, logs).sum()
        return self.run(text, target, off).bits.sum()

    def _surprise(self, pieces, logs):
        chosen = [self._id(piece) for piece in pieces[1:]]
        return -logs[np.arange(len(chosen)), chosen] / math.log(2)

    def _id(self, piece):
        return self.target_ids.get(piece, self.target_ids["<unk>"])

    def _text(self, pieces):
        return units.join([piece for piece in pieces if piece not in units.SPECIALS], self.target_unit)

    def _tell(self, pieces, off):
        logs, found = self._decode(pieces, None, off)
        more = self._write(pieces, None, off, min(MORE, self.sides["decoder"]["longest"] - len(pieces)))
        return Run(pieces, more, found, logs, self._surprise(pieces, logs), self._text(more))

    def _write(self, pieces, memory, off, most):
        """What comes after the pieces, up to ``</s>``; every step reads all of it again."""
        written = []
        while len(written) < most and written[-1:] != ["</s>"]:
            logs, _ = self._decode([*pieces, *written], memory, off)
            written.append(self.target[int(logs[-1].argmax())])
        return written

    def _encode(self, ids, off):
        """The states (S, D) and where the heads look, {"encoder": (L, H, S, S)}."""
        x = self._placed("encoder", self.weights["encoder.front.embedding.weight"][ids], "encoder.positions")
        looks = []
        for n in range(self.sides["encoder"]["layers"]):
            name = f"encoder.layers.{n}"
            x, found = self._look("encoder", x, name, "norm1", None, off["encoder", n])
            looks.append(found)
            x = self._think("encoder", x, name, "norm2")
        return self._normed("encoder", x, "encoder.norm"), {"encoder": np.array(looks)}

    def _decode(self, pieces, memory, off):
        """ln p after each piece (T, V), and where the heads look, (L, H, T, T) and of a translator (L, H, T, S)."""
        w, prefix = self.weights, "" if self.kind == "story" else "decoder."
        table = w[f"{prefix}embedding.weight"]
        ids = [self._id(piece) for piece in pieces]
        x = self._placed("decoder", table[ids] * math.sqrt(table.shape[1]), f"{prefix}embedding.positions")
        looks = {part: [] for part in PARTS[self.kind] if part != "encoder"}
        for n in range(self.sides["decoder"]["layers"]):
            name = f"{prefix}layers.{n}"
            x, found = self._look("decoder", x, name, "norm1", None, off["decoder", n])
            looks["decoder"].append(found)
            if memory is not None:
                x, found = self._look("decoder", x, name, "norm2", memory, off["cross", n])
                looks["cross"].append(found)
            x = self._think("decoder", x, name, "norm2" if memory is None else "norm3")
        z = self._normed("decoder", x, f"{prefix}norm") @ table.T + w[f"{prefix}bias"]  # (T, V)
        z -= z.max(1, keepdims=True)
        return z - np.log(np.exp(z).sum(1, keepdims=True)), {part: np.array(each) for part, each in looks.items()}

    def _placed(self, side, x, name):
        """Tokens (T, D) with their places."""
        kind = self.sides[side]["positions"]
        if kind == "learned":
            return x + self.weights[f"{name}.table.weight"][: len(x)]
        if kind == "sinusoidal":
            angles = _angles(*x.shape)
            return x + np.stack([np.sin(angles), np.cos(angles)], -1).reshape(x.shape)
        return x

    def _normed(self, side, x, name):
        """Each row with mean 0 and variance 1, scaled and shifted; unchanged where there is no such normalisation."""
        if f"{name}.weight" not in self.weights:
            return x
        x = x - x.mean(1, keepdims=True)
        x = x / np.sqrt((x**2).mean(1, keepdims=True) + self.sides[side]["eps"])
        return x * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def _add(self, side, x, norm, part):
        """The road straight through, as :meth:`lmcourse.transformer.EncoderLayer.add`."""
        if self.sides[side]["norm_first"]:
            return x + part(self._normed(side, x, norm))
        return self._normed(side, x + part(x), norm)

    def _think(self, side, x, name, norm):
        w = self.weights

        def part(x):
            x = x @ w[f"{name}.linear1.weight"].T + w[f"{name}.linear1.bias"]
            return (
                ACTIVATIONS[self.sides[side]["activation"]](x) @ w[f"{name}.linear2.weight"].T
                + w[f"{name}.linear2.bias"]
            )  # noqa: E501

        return self._add(side, x, f"{name}.{norm}", part)

    def _look(self, side, x, name, norm, memory, off):
        """(T, D) and what H heads add to it, and their weights: (H, T, T), or (H, T, S) at the memory (S, D)."""
        w, heads = self.weights, self.sides[side]["heads"]
        name, norm = f"{name}.{'self_attn' if memory is None else 'multihead_attn'}", f"{name}.{norm}"
        found = []

        def split(x):  # (T, D) to (H, T, K)
            return x.reshape(len(x), heads, x.shape[1] // heads).transpose(1, 0, 2)

        def part(x):
            seen = x if memory is None else memory
            matrices = np.split(w[f"{name}.in_proj_weight"], 3)
            biases = np.split(w[f"{name}.in_proj_bias"], 3)
            query, key, value = (
                split(rows @ m.T + b) for rows, m, b in zip((x, seen, seen), matrices, biases, strict=True)
            )
            if memory is None and self.sides[side]["positions"] == "rotary":
                query, key = _turned(query), _turned(key)
            scores = query @ key.transpose(0, 2, 1) / math.sqrt(key.shape[2])  # (H, T, S)
            if memory is None and side == "decoder":
                scores[:, ~np.tri(len(x), dtype=bool)] = -np.inf
            scores = np.exp(scores - scores.max(2, keepdims=True, initial=-1e300))
            scores /= scores.sum(2, keepdims=True) if scores.shape[2] else 1
            found.append(scores)
            mixed = scores @ value  # (H, T, K)
            mixed[sorted(off)] = 0
            return (
                mixed.transpose(1, 0, 2).reshape(x.shape) @ w[f"{name}.out_proj.weight"].T + w[f"{name}.out_proj.bias"]
            )

        return self._add(side, x, norm, part), found[0]


def _angles(places, width):
    """(T, D / 2): t / 10000^(2i / D)."""
    return np.arange(places)[:, None] / 10000 ** (np.arange(0, width, 2) / width)


def _turned(x):
    """(H, T, K) with each pair of numbers turned, as :func:`lmcourse.self_attention.rotate` does it."""
    angles = _angles(*x.shape[1:])
    a, b = x[..., ::2], x[..., 1::2]
    sin, cos = np.sin(angles), np.cos(angles)
    return np.stack([a * cos - b * sin, a * sin + b * cos], -1).reshape(x.shape)


ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: x * (1 + np.vectorize(math.erf, otypes=[float])(x / math.sqrt(2))) / 2,
}


def _size(sides, part):
    side = sides["encoder" if part == "encoder" else "decoder"]
    return side["layers"], side["heads"]


def _heads(off, parts):
    """Heads by part and layer: {(part, layer): {head}}."""
    found = {(part, layer): set() for part, (layers, _) in parts.items() for layer in range(layers)}
    for each in _listed(off, parts):
        found[each[0], each[1]].add(each[2])
    return found


def _listed(off, parts):
    """Heads as lists [part, layer, head], each once and in their order."""
    made = set()
    known = ", ".join(f"{part!r} ({layers} layers of {heads} heads)" for part, (layers, heads) in parts.items())
    for each in off:
        try:
            part, layer, head = each
            right = part in parts and int(layer) == layer and int(head) == head
            right = right and 0 <= layer < parts[part][0] and 0 <= head < parts[part][1]
        except (TypeError, ValueError):
            right = False
        if not right:
            raise ValueError(f"a head is (part, layer, head) counted from 0, of {known}, not {each!r:.80}")
        made.add((list(parts).index(part), part, int(layer), int(head)))
    return [list(each[1:]) for each in sorted(made)]


# --- from torch ---


def transformer_model(system, bits=4, examples=(), counts=None):
    """Describe a trained Transformer, so that a page can run it.

    Args:
        system: a translator, a :class:`lmcourse.tasks.System` of a :class:`~lmcourse.transformer.TransformerEncoder`
            with a :class:`~lmcourse.seq2seq.TextFront` and a :class:`~lmcourse.transformer.TransformerDecoder`; or a
            :class:`lmcourse.stories.StoryModel` of a :class:`~lmcourse.transformer.CausalLM`.
        bits: for each weight, 4 to 8: rounded to so many steps between the smallest and the largest of its row.
        examples: texts to try. The first of them is there at the beginning.
        counts: how often each source piece was seen, as for :func:`translation_model`; of use where pieces are
            morphemes, which the page has no analyser for.

    Returns:
        A :class:`TransformerModel`.

    Raises:
        ValueError: the system is of another kind, or an argument is none of the above.
    """
    examples = check_options(bits, examples, counts)
    model = getattr(system, "model", None)
    weights = model.state_dict() if hasattr(model, "state_dict") else None
    if weights is None:
        raise ValueError(f"a translator or a story model has a model with weights, not {system!r:.80}")
    if hasattr(model, "encoder") and hasattr(model, "decoder"):
        kind, most = "translator", int(system.max_length)
        texts = [_text(getattr(system, name, None), f"the {name} of a translator") for name in ("source", "target")]
        modules = {name: getattr(model, name) for name in ("encoder", "decoder")}
    else:
        kind, most = "story", MORE
        texts = [_text(system, "what a story model reads")]
        modules = {"decoder": model}
    sides = {name: _side(module, name) for name, module in modules.items()}
    limits = {"encoder": LONGEST, "decoder": most if kind == "translator" else STORY}
    left = {name: as_array(name, value) for name, value in weights.items()}
    arrays = _arrays(left, kind, sides, limits, [len(tokens) for _, tokens in texts])
    unit, source = texts[0]
    cost = []
    if unit == "morpheme":
        seen = {} if counts is None else {piece: max(0, counts.get(piece, 0)) for piece in source}
        total = sum(seen.values())
        cost = [-10 if counts is None else round(math.log((seen[piece] + 0.1) / (total + 1)), 1) for piece in source]
    shapes = tuple((name, np.atleast_2d(array).shape) for name, array in arrays.items())
    header = {
        "source": source,
        "target": texts[1][1] if kind == "translator" else [],
        "cost": cost or [0] * len(source),
        "shapes": shapes,
    }
    header = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    data = _deflated([len(header).to_bytes(4, "little") + header], _packed(arrays, 2 ** (bits - 1) - 1))
    return TransformerModel(kind, sides, unit, texts[-1][0], bits, shapes, most, data, tuple(examples))


def _text(codec, what):
    """The unit and the tokens of a codec."""
    tokens, unit = getattr(getattr(codec, "vocabulary", None), "tokens", None), getattr(codec, "unit", None)
    if tokens is None or unit not in units.UNITS:
        raise ValueError(f"{what} is text with a unit and a vocabulary, not {codec!r:.80}")
    if missing := [mark for mark in MARKS if mark not in tokens]:
        raise ValueError(f"the vocabulary has no {', '.join(missing)}, and {what} needs it")
    return unit, list(tokens)


def _side(module, name):
    """What shapes a stack of layers."""
    layers = list(getattr(module, "layers", None) or ())
    if not layers or not all(hasattr(layer, "self_attn") and hasattr(layer, "linear1") for layer in layers):
        raise ValueError(f"the {name} is a Transformer's, with layers of attention, not {type(module).__name__}")
    holder = module if hasattr(module, "positions") else module.embedding
    first = layers[0]
    activation = first.activation.__name__
    if activation not in ACTIVATIONS:
        raise ValueError(f"the page knows {' and '.join(ACTIVATIONS)}, not the activation {activation!r}")
    return {
        "layers": len(layers),
        "heads": int(first.self_attn.heads),
        "norm_first": bool(first.norm_first),
        "activation": activation,
        "positions": holder.positions.kind,
        "eps": float(first.norm1.eps),
    }


def _arrays(left, kind, sides, limits, vocabularies):
    """The arrays in the order in which they are packed; sides get ``longest``, how many places there are."""
    arrays, take = taking(left)

    def linear(name, rows, columns):
        rows = take(f"{name}.weight", rows, columns).shape[0]
        take(f"{name}.bias", rows)
        return rows

    def norm(name):
        take(f"{name}.weight", width)
        take(f"{name}.bias", width)

    width = None
    for side, shape in sides.items():
        prefix = "" if kind == "story" else f"{side}."
        name = "encoder.front.embedding" if side == "encoder" else f"{prefix}embedding"
        width = take(f"{name}.weight", vocabularies[-1 if side == "decoder" else 0], width).shape[1]
        shape["longest"] = limits[side]
        if shape["positions"] == "learned":
            table = f"{prefix}positions.table.weight" if side == "encoder" else f"{name}.positions.table.weight"
            array = arrays[table] = take(table, None, width)[: limits[side]]
            shape["longest"] = len(array)
        for n in range(shape["layers"]):
            layer = f"{prefix}layers.{n}"
            looks = ["self_attn", "multihead_attn"][: 2 if kind == "translator" and side == "decoder" else 1]
            for look in looks:
                take(f"{layer}.{look}.in_proj_weight", 3 * width, width)
                take(f"{layer}.{look}.in_proj_bias", 3 * width)
                linear(f"{layer}.{look}.out_proj", width, width)
            hidden = linear(f"{layer}.linear1", None, width)
            linear(f"{layer}.linear2", width, hidden)
            for i in range(1 + len(looks)):
                norm(f"{layer}.norm{i + 1}")
        if shape["norm_first"]:
            norm(f"{prefix}norm")
    take("bias" if kind == "story" else "decoder.bias", vocabularies[-1])
    if left:
        raise ValueError(f"the page has no use for the weights {', '.join(left):.300}")
    return arrays


def _packed(arrays, most):
    """The bytes of :func:`~lmcourse.widgets.networks.pack` in pieces, each with its own frequencies: the scales of a
    matrix, and its numbers from -most to most. What is no matrix gets all 8 bits, in one row."""
    for name, array in arrays.items():
        rows = np.atleast_2d(array)
        packed = pack({name: _even(rows, most) if array.ndim == 2 else rows}, 8, most if array.ndim == 2 else None)
        yield packed[: 2 * len(rows)]
        yield packed[2 * len(rows) :]


def _even(array, most):
    """A matrix rounded so that the scale of each row has few bits after its first one: such scales compress well.

    They are rounded up by less than half a step of the largest number, which therefore stays ``most``.
    """
    scale = np.abs(array).max(1, keepdims=True) / most
    step = 2.0 ** (np.floor(np.log2(np.maximum(scale, 2.0**-14))) - math.log2(2 * (most + 1)))
    scale = np.maximum(np.ceil(scale / step) * step, 2.0**-24)
    return (np.rint(array / scale) * scale).astype(np.float32)


def _deflated(words, numbers):
    """Both as one zlib stream: words repeat themselves, numbers do not and only their frequencies are of use."""
    body, check = b"\x78\xda", 1
    for parts, strategy in [(words, zlib.Z_DEFAULT_STRATEGY), (numbers, zlib.Z_HUFFMAN_ONLY)]:
        stream = zlib.compressobj(9, zlib.DEFLATED, -15, 9, strategy)
        for part in parts:
            body += stream.compress(part) + stream.flush(zlib.Z_FULL_FLUSH)
            check = zlib.adler32(part, check)
    return body + b"\x03\x00" + check.to_bytes(4, "big")  # an empty last block


# --- the widget ---


class TransformerExplorer(Explorer):
    """All heads of a Transformer that runs in the page: where each looks, and what becomes of the output without it.

    The reader types a text, looks at all heads side by side and at one of them closely, and switches heads off. In
    JupyterLab all arguments but ``model``, ``gold`` and ``truth`` are traits that follow the reader: what was typed is
    ``explorer.text``.

    Args:
        model: what :func:`transformer_model` made.
        text: what stands in the text field at first; ``None`` means the first of the model's examples.
        part: the part whose heads are shown: of a translator ``"encoder"``, ``"decoder"`` or ``"cross"``, by default
            the last; of a story model ``"decoder"``.
        layer, head: the head that is shown closely, from 0.
        off: heads that are switched off, triples (part, layer, head).
        gold: right links by text, part and name, such as ``{text: {"decoder": {"agreement": [(6, 2)]}}}``: pairs
            (query, key) of places in the weights that :meth:`TransformerModel.run` gives. In the ``"encoder"`` they
            count pieces of the text; in a story the first place is ``<s>``. They are shown where the page cuts the
            text into the same ``"pieces"`` and the output is the ``"target"``: two more keys beside the parts. By
            default these are the pieces of :meth:`TransformerModel.cut`, and the right answer in ``truth`` or else
            what the model writes.
        truth: right translations by text. What the heads are worth is then measured on them.
        compare: the place of the output, or of the story, whose next words are shown before and after; ``None`` means
            where switching heads off did the most.
        query, key: the tokens of the part that are looked at, or ``None`` for all.
        links: which of the right links are shown, by their name; empty means the first.
        hide: tokens that the maps leave out, such as ``["<s>"]``. The numbers of the others stay as they are.
        ranked: whether the page takes each head out in turn, to show what it is worth.
        language: of the buttons, ``"en"`` or ``"ko"``; empty means the language of the page.

    Raises:
        ValueError: the model makes more than 256 KB; links do not fit their text; there is no such head; or another
            argument is out of range.
    """

    room = 256_000  # a whole network is in the page

    network = t.Dict().tag(sync=True)
    first = t.Dict().tag(sync=True)
    gold = t.Dict(key_trait=t.Unicode()).tag(sync=True)
    truth = t.Dict(value_trait=t.Unicode(), key_trait=t.Unicode()).tag(sync=True)
    text = t.Unicode("").tag(sync=True)
    part = t.Enum(["encoder", "decoder", "cross"], "decoder").tag(sync=True)
    layer = t.Int(0, min=0).tag(sync=True)
    head = t.Int(0, min=0).tag(sync=True)
    off = t.List(t.List(minlen=3, maxlen=3)).tag(sync=True)
    compare = t.Int(None, allow_none=True, min=0).tag(sync=True)
    query = t.Int(None, allow_none=True, min=0).tag(sync=True)
    key = t.Int(None, allow_none=True, min=0).tag(sync=True)
    links = t.Unicode("").tag(sync=True)
    hide = t.List(t.Unicode()).tag(sync=True)
    ranked = t.Bool(False).tag(sync=True)
    language = t.Enum(["", "en", "ko"], "").tag(sync=True)

    def __init__(
        self, model, text=None, *, part=None, layer=0, head=0, off=(), gold=None, truth=None, compare=None, query=None,
        key=None, links="", hide=(), ranked=False, language="",
    ):  # fmt: skip
        if not isinstance(model, TransformerModel):
            raise ValueError(f"expected what transformer_model made, not {model!r:.80}")
        self._model = model
        parts = model.parts
        part = list(parts)[-1] if part is None else part
        if part not in parts:
            raise ValueError(f"the parts of a {model.kind} model are {', '.join(parts)}, not {part!r}")
        for name, value, size in [("layer", layer, parts[part][0]), ("head", head, parts[part][1])]:
            if value not in range(size):
                raise ValueError(f"{name}: there are {size}, counted from 0, and {value!r} is none of them")
        if isinstance(hide, str):
            raise ValueError(f"hide is a list of tokens, not the string {hide!r:.80}")
        truth = {} if truth is None else truth
        if not isinstance(truth, Mapping) or not all(isinstance(each, str) for each in truth.values()):
            raise ValueError(f"the truth has right translations by text, not {truth!r:.80}")
        if truth and model.kind == "story":
            raise ValueError(f"a story model translates nothing, and has no use for the truth {truth!r:.80}")
        gold = _links(model, {} if gold is None else gold, truth)
        text = next(iter(model.examples), "") if text is None else text
        self.check_room(
            base64_size(model.data) + sum(len(json.dumps(each, ensure_ascii=False, default=str).encode())
                                          for each in (truth, gold)),
            f"{model.parameters:,} weights at {model.bits} bits",
            "take fewer bits in transformer_model, a narrower network, or a smaller vocabulary",
        )  # fmt: skip
        shipped = {key: getattr(model, key) for key in SHIPPED}
        try:
            super().__init__(
                network=shipped, text=text, gold=gold, truth=truth, part=part, layer=layer, head=head,
                off=_listed(off, parts), compare=compare, query=query, key=key, links=links,
                hide=list(hide), ranked=ranked, language=language,
            )  # fmt: skip
        except (t.TraitError, TypeError) as error:
            raise ValueError(str(error)) from None
        self.first = {"text": self.text, "output": self._run().text}

    def _run(self):
        return self._model.run(self.text, off=self.off)

    def _sides(self, run):
        """The tokens of both sides of the part that is shown, and the places of those that are not hidden."""
        return _tokens(self._model.kind, self.part, run, self.hide)

    def shown(self):
        """The head that is shown closely.

        Returns:
            ``(queries, keys, weights)``: the tokens that are not hidden, and the weights (T', S').
        """
        run = self._run()
        (queries, rows), (keys, columns) = self._sides(run)
        return queries, keys, run.weights[self.part][self.layer, self.head][np.ix_(rows, columns)]

    def grades(self):
        """Of each head of the part that is shown, for each name of ``gold``: how many queries with a right key have
        their largest weight on one, and how many have a right key.

        Returns:
            A dict from names to integers (L, H, 2), empty where no right links are shown.
        """
        run = self._run()
        links = self._right(run)
        (_, rows), (_, columns) = self._sides(run)
        found = {}
        for name, pairs in links.items():
            inside = [(rows.index(q), columns.index(k)) for q, k in pairs if q in rows and k in columns]
            weights = run.weights[self.part][:, :, rows][..., columns]
            found[name] = np.array([[_pointing(head, inside) for head in layer] for layer in weights])
        return found

    def _right(self, run):
        """The right links of the part that is shown, by name, where they fit what is shown."""
        gold = self.gold.get(self.text)
        if gold is None or run.pieces != gold["pieces"]:
            return {}
        written = [piece for piece in run.output if piece != "</s>"]
        if self._model.kind == "translator" and self.part != "encoder" and written != gold["target"]:
            return {}
        return gold["links"].get(self.part, {})

    def summary(self):
        """What the explorer shows first, as text: the text, the output with and without the heads that are off."""
        run, model = self._run(), self._model
        sizes = ", ".join(f"{part} {layers} x {heads} heads" for part, (layers, heads) in model.parts.items())
        lines = [f"TransformerExplorer, {model.kind}, {sizes}: {self.text[:80]!r}"]
        lines.append(f"  reads    {' | '.join(_visible(piece) for piece in run.pieces)}")
        lines.append(f"  {'writes ' if model.kind == 'translator' else 'goes on'}  {run.text}")
        if self.off:
            whole = model.run(self.text)
            names = ", ".join(f"{part} {layer}.{head}" for part, layer, head in self.off)
            lines.append(f"  off      {names}; with all heads: {whole.text}")
            target = whole.output if model.kind == "translator" else None
            if self.text in self.truth and model.target_unit != "morpheme":
                target = self.truth[self.text]
            bits = [model._bits(self.text, target, off) for off in ((), self.off)]
            lines.append(f"  bits     {bits[0]:.1f} with all heads, {bits[1]:.1f} without these")
        if self.text in self.truth:
            lines.append(f"  right    {self.truth[self.text]}")
        queries, keys, weights = self.shown()
        lines.append(f"  {self.part}, layer {self.layer}, head {self.head}")
        for query, row in list(zip(queries, weights, strict=True))[:30]:
            best = sorted(range(len(row)), key=lambda k: -row[k])[:3]  # noqa: B023 (used at once)
            seen = ", ".join(f"{_visible(keys[k])} {row[k]:.2f}" for k in best if row[k] >= 0.005)
            lines.append(f"    {_visible(query)}: {seen or '-'}")
        for name, counts in self.grades().items():
            right, of = counts[self.layer, self.head]
            lines.append(f"  {name}: {right} of {of} look most at a right token")
        return "\n".join(lines)

    def picture(self, figure):
        """Small maps of all heads of the part: that which is shown closely is framed, those that are off are grey."""
        run = self._run()
        (queries, rows), (keys, columns) = self._sides(run)
        if not queries or not keys:
            return False
        layers, heads = self._model.parts[self.part]
        right = self._right(run)
        links = right.get(self.links, next(iter(right.values()), []))
        for layer, row in enumerate(figure.subplots(layers, heads, squeeze=False)):
            for head, axes in enumerate(row):
                weights = run.weights[self.part][layer, head][np.ix_(rows, columns)]
                off = [self.part, layer, head] in self.off
                axes.imshow(weights, cmap="Greys" if off else "Blues", vmin=0, vmax=weights.max() or 1, aspect="auto")
                axes.set(xticks=[], yticks=[])
                axes.set_title(f"{layer}.{head}{' off' if off else ''}", fontsize=8)
                axes.grid(False)
                axes.spines[:].set_visible((layer, head) == (self.layer, self.head))
                for q, k in links:
                    if q in rows and k in columns:
                        axes.add_patch(_frame(columns.index(k), rows.index(q)))
        return True


def _tokens(kind, part, run, hide=()):
    """Of the queries and of the keys: the tokens that are not hidden, and their places."""
    written = run.pieces if kind == "story" else ["<s>", *run.output[:-1]]
    queries = {"encoder": run.pieces, "decoder": written, "cross": run.output}[part]
    keys = {"encoder": run.pieces, "decoder": written, "cross": run.pieces}[part]
    sides = []
    for tokens in (queries, keys):
        places = [i for i, token in enumerate(tokens) if token not in hide]
        sides.append(([tokens[i] for i in places], places))
    return sides


def _pointing(weights, links):
    """How many queries have their largest weight on a right key, and how many have a right key."""
    right = {}
    for q, k in links:
        right.setdefault(q, set()).add(k)
    return sum(int(weights[q].argmax()) in keys for q, keys in right.items()), len(right)


def _links(model, gold, truth):
    """The right links as the page gets them: of each text the pieces, the target, and the links by part and name."""
    if not isinstance(gold, Mapping):
        raise ValueError(f"gold has right links by text, not {gold!r:.80}")
    found = {}
    for text, each in gold.items():
        if not isinstance(text, str) or not isinstance(each, Mapping):
            raise ValueError(f"right links of a text are a dict of parts, not {text!r:.60}: {each!r:.80}")
        if extra := set(each) - {*model.parts, "pieces", "target"}:
            known = ", ".join([*model.parts, "pieces", "target"])
            raise ValueError(f"right links have {known}, not {', '.join(map(repr, sorted(extra, key=str)))}")
        pieces = list(map(str, each.get("pieces", model.cut(text))))
        target = each.get("target", truth.get(text))
        if model.kind == "story":
            target = []
        elif target is None:
            target = [piece for piece in model.run(text).output if piece != "</s>"]
        elif isinstance(target, str):
            if model.target_unit == "morpheme":
                raise ValueError(f"a target of morphemes is given as a list of its pieces, not as {target!r:.80}")
            target = units.split(target, model.target_unit)
        target = list(map(str, target))
        written = len(pieces) if model.kind == "story" else len(target) + 1
        links = {}
        for part in (part for part in model.parts if part in each):
            if not isinstance(each[part], Mapping):
                raise ValueError(f"links of the {part} are a dict of lists by name, not {each[part]!r:.80}")
            rows = len(pieces) if part == "encoder" else written
            columns = written if part == "decoder" else len(pieces)
            links[part] = {str(name): _pairs(text, part, pairs, rows, columns) for name, pairs in each[part].items()}
        found[text] = {"pieces": pieces, "target": target, "links": links}
    return found


def _pairs(text, part, pairs, rows, columns):
    made = []
    for pair in pairs:
        if not _is_pair(pair):
            raise ValueError(f"a link is a pair (query, key) of places from 0, not {pair!r:.80}")
        q, k = map(int, pair)
        if q >= rows or k >= columns:
            raise ValueError(
                f"a link of {text!r:.60} in the {part} is ({q}, {k}), and there are {rows} queries and {columns} keys"
            )
        made.append([q, k])
    return made
