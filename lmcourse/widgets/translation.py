"""The translation explorer: a trained encoder and decoder that translate what is typed into the page (chapter 04)."""

import json
import math
import re
import zlib
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import traitlets as t

from lmcourse import text as units
from lmcourse.widgets.base import Explorer, base64_size
from lmcourse.widgets.networks import CELLS, KINDS, STEPS, as_array, check_options, pack, taking, unpack

__all__ = ["Translation", "TranslationExplorer", "TranslationModel", "translation_model"]

LONGEST = 100  # pieces that are read
UNKNOWN = -30.0  # ln of the probability of a character that no piece covers
MARKS = "<s>", "</s>", "<unk>"
SCORES = "additive", "general", "dot"  # of lmcourse.attention
SHIPPED = "cells", "source_unit", "target_unit", "bits", "shapes", "max_length", "examples", "score", "data"


class Translation(NamedTuple):
    """What a model does with a text.

    Attributes:
        pieces: S strings, what the text was cut into; some may be unknown to the vocabulary.
        context: (C,), the last states of the encoder, side by side: of a decoder without attention all that it gets.
        output: what was written, the likeliest at every step; ``</s>`` is the last if it has ended.
        p: (T, V), the probabilities at each step.
        text: the output as text.
        attention: (T, S), the weights with which a decoder with attention looked at the pieces before it wrote each
            piece of the output; ``None`` for one without.
    """

    pieces: list[str]
    context: np.ndarray
    output: list[str]
    p: np.ndarray
    text: str
    attention: np.ndarray | None = None


@dataclass(frozen=True)
class TranslationModel:
    """An encoder and a decoder as numbers in some kilobytes. Made by :func:`translation_model`.

    Attributes:
        cells: of the encoder and of the decoder: ``"lstm"``, ``"gru"`` or ``"rnn"``.
        source_unit, target_unit: what the texts are cut into.
        bits: to how many the weights were rounded.
        shapes: the names and shapes of the arrays, in the order of ``data``.
        max_length: an output has at most so many pieces.
        data: compressed (zlib): the length of the vocabularies (uint32), the vocabularies with the ln of the
            probability of each source piece (JSON in UTF-8), and the arrays with 8 bits for each number of a matrix.
            Where fewer bits were asked for, fewer of the 255 numbers occur, and compression does the rest.
        examples: what the page offers to try.
        score: of a decoder with attention ``"additive"``, ``"general"`` or ``"dot"``; ``None`` for one without.
    """

    cells: tuple[str, str]
    source_unit: str
    target_unit: str
    bits: int
    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    max_length: int
    data: bytes = field(repr=False)
    examples: tuple[str, ...] = ()
    score: str | None = None

    def __post_init__(self):
        data = zlib.decompress(self.data)
        size = int.from_bytes(data[:4], "little")
        found = json.loads(data[4 : 4 + size])
        made = {
            "source": found["source"],
            "target": found["target"],
            "cost": dict(zip(found["source"], found["cost"], strict=True)),
            "source_ids": {token: i for i, token in enumerate(found["source"])},
            "target_ids": {token: i for i, token in enumerate(found["target"])},
            "weights": unpack(data[4 + size :], self.shapes, 8),
        }
        for name, value in made.items():
            object.__setattr__(self, name, value)

    @property
    def parameters(self):
        """How many weights there are."""
        return sum(math.prod(shape) for _, shape in self.shapes)

    def cut(self, text):
        """The pieces of a text, as the page cuts it: morphemes by the best way through each eojeol."""
        if self.source_unit != "morpheme":
            return units.split(text, self.source_unit)[:LONGEST]
        found = [piece for eojeol in units.split(text, "eojeol") for piece in best_cut(eojeol, self.cost)]
        return found[:LONGEST]

    def ids(self, pieces):
        """The numbers of source pieces."""
        return [self.source_ids.get(piece, self.source_ids["<unk>"]) for piece in pieces]

    def states(self, ids):
        """The states at all places (S, C), both directions side by side, and the context (C,), their last ones."""
        w, sides, ends = self.weights, [], []
        for end in [""] + ["_reverse"] * ("encoder.rnn.weight_hh_l0_reverse" in w):
            parameters = [w[f"encoder.rnn.{kind}_l0{end}"] for kind in KINDS]
            state = np.zeros((2, parameters[1].shape[1]))  # h and c
            side = []
            for i in reversed(ids) if end else ids:
                state = STEPS[self.cells[0]](w["encoder.front.embedding.weight"][i], *state, *parameters)
                side.append(state[0])
            side = np.array(side).reshape(len(ids), len(state[0]))  # (S, D)
            sides.append(side[::-1] if end else side)
            ends.append(state[0])
        return np.concatenate(sides, 1), np.concatenate(ends)

    def context(self, ids):
        """The context vector (C,): the last state of each direction, side by side."""
        return self.states(ids)[1]

    def look(self, query, states, mask=None, sharpness=1.0):
        """The weights (S,) with which a decoder in the state ``query`` (D',) looks at the states (S, C).

        There is weight only where the mask (S,) is True; ``sharpness`` is the power to which the weights are raised
        before they are made to sum to 1.
        """
        w = {name.removeprefix("decoder.score."): value for name, value in self.weights.items()}
        keys = states if self.score == "dot" else states @ w["key.weight"].T
        if self.score == "additive":
            scores = np.tanh(keys + w["key.bias"] + w["query.weight"] @ query) @ w["score.weight"][0]
        else:
            scores = keys @ query
        mask = np.ones(len(states), bool) if mask is None else np.asarray(mask, bool)
        weights = np.exp(sharpness * (scores - scores[mask].max(initial=-1e9)), where=mask, out=np.zeros(len(states)))
        return weights / weights.sum() if mask.any() else weights

    def translate(self, text, *, out=(), unread=False, sharpness=1.0, pointed=(), forced=()):
        """Translate by taking the likeliest piece at every step, or meddle with it as a reader of the page can.

        Args:
            text: what to translate.
            out: places of pieces, from 0, at which the decoder may not look.
            unread: whether the encoder does not read them either. Without attention they can only be unread.
            sharpness: the power to which the weights are raised: 0 makes all alike, a large one leaves the largest.
            pointed: pairs (step, place): at that step all the weight is on that piece; -1 spreads it evenly.
            forced: ids of the first output pieces, in the place of the likeliest.

        Returns:
            A ``Translation``, whose ``attention`` has a column for each piece, 0 for what is unread.
        """
        w, pieces = self.weights, self.cut(text)
        unread, pointed = unread or self.score is None, dict(pointed)
        places = [i for i in range(len(pieces)) if not (unread and i in out)]
        states, end = self.states(self.ids([pieces[i] for i in places]))
        starts = [w[f"decoder.bridge.{n}.weight"] @ end + w[f"decoder.bridge.{n}.bias"] for n in (0, 1)
                  if f"decoder.bridge.{n}.weight" in w]  # fmt: skip
        state, context = np.array([np.tanh(starts[0]), starts[-1]]), end
        parameters = [w[f"decoder.rnn.{kind}_l0"] for kind in KINDS]
        output, probabilities, looks, last = [], [], [], self.target_ids["<s>"]
        while len(output) < self.max_length and last != self.target_ids["</s>"]:
            n = len(output)
            if self.score is not None:
                only = pointed.get(n, len(pieces))
                only = None if only in out or only not in range(-1, len(pieces)) else only
                mask = [i not in out and only in (None, -1, i) for i in places]
                weights = self.look(state[0], states, mask, 0.0 if only == -1 else sharpness)
                context = weights @ states
                looks.append(np.zeros(len(pieces)))
                looks[-1][places] = weights
            x = np.concatenate([w["decoder.embedding.weight"][last], context])
            state = STEPS[self.cells[1]](x, *state, *parameters)
            z = w.get("decoder.output.weight", w["decoder.embedding.weight"]) @ state[0] + w["decoder.bias"]
            p = np.exp(z - z.max())
            probabilities.append(p / p.sum())
            last = forced[n] if n < len(forced) else int(p.argmax())
            output.append(self.target[last])
        written = [piece for piece in output if piece not in units.SPECIALS]
        said, attention = units.join(written, self.target_unit), np.array(looks) if self.score else None
        return Translation(pieces, end, output, np.array(probabilities), said, attention)


def best_cut(eojeol, cost):
    """The likeliest way to cut an eojeol into pieces whose ln of a probability is known (Viterbi, 1967).

    What no piece covers stays whole. Equally good ways: the one with the longer last piece wins.
    """
    atoms = re.findall(r"^▁?(?:▔[0-9a-f]{1,6}▔|.)|▔[0-9a-f]{1,6}▔|.", eojeol, re.S)
    most = max(map(len, cost), default=1)
    best = [(0.0, 0, True)]  # of the first n atoms: the score, where the last piece begins, whether it is known
    for end in range(1, len(atoms) + 1):
        found = None
        for start in range(max(0, end - most), end):
            piece = "".join(atoms[start:end])
            if piece in cost and piece not in units.SPECIALS:
                score = best[start][0] + cost[piece]
                if found is None or score > found[0] + 1e-9:
                    found = score, start, True
        score, _, known = best[end - 1]
        stray = score + UNKNOWN, end - 1, False
        best.append(stray if found is None or stray[0] > found[0] + 1e-9 else found)
    pieces, end, open_piece = [], len(atoms), False
    while end:
        _, start, known = best[end]
        piece = "".join(atoms[start:end])
        if not known and open_piece:
            pieces[-1] = piece + pieces[-1]
        else:
            pieces.append(piece)
        open_piece, end = not known, start
    return pieces[::-1]


def translation_model(system, *, examples=(), bits=5, counts=None, score=None):
    """Describe a trained translator, so that a page can run it.

    One without attention is for :class:`TranslationExplorer`, one with it for
    :class:`~lmcourse.widgets.AlignmentExplorer`.

    Args:
        system: a :class:`lmcourse.tasks.System`, or anything that has its ``model`` (with ``state_dict()``),
            ``source`` and ``target`` (each with ``unit`` and ``vocabulary``) and ``max_length``. The encoder has a
            :class:`~lmcourse.seq2seq.TextFront` and one layer, in one direction or in two; the decoder is a
            :class:`~lmcourse.seq2seq.Decoder` or an :class:`~lmcourse.attention.AttentionDecoder` of one layer.
        examples: texts to try. The first of them is there at the beginning.
        bits: for each weight, 4 to 8: rounded to so many steps between the smallest and the largest of its row.
        counts: how often each source piece was seen, a mapping such as a ``Counter``. The page has no analyser of
            morphemes: it takes the likeliest pieces that make up an eojeol. Without counts it takes the fewest.
        score: of a decoder with attention: ``"additive"``, ``"general"`` or ``"dot"``. ``None`` means what the names
            of the weights tell, and dot, which has no weights, for a decoder with a ``score`` without weights.

    Returns:
        A :class:`TranslationModel`.

    Raises:
        ValueError: the system is of another kind, or an argument is none of the above.
    """
    examples = check_options(bits, examples, counts)
    sides = []
    for name in ("source", "target"):
        codec = getattr(system, name, None)
        tokens, unit = getattr(getattr(codec, "vocabulary", None), "tokens", None), getattr(codec, "unit", None)
        if tokens is None or unit not in units.UNITS:
            raise ValueError(f"the {name} of a translator is text with a unit and a vocabulary, not {codec!r:.80}")
        if missing := [mark for mark in MARKS if mark not in tokens]:
            raise ValueError(f"the vocabulary of the {name} has no {', '.join(missing)}")
        sides.append((unit, list(tokens)))
    (source_unit, source), (target_unit, target) = sides
    weights = system.model.state_dict() if hasattr(getattr(system, "model", None), "state_dict") else None
    if weights is None:
        raise ValueError(f"a translator has a model with weights, not {system!r:.80}")
    score = _score(system.model, weights, score)
    arrays, cells = _checked(weights, len(source), len(target), score)
    seen = {} if counts is None else {piece: max(0, counts.get(piece, 0)) for piece in source}
    total = sum(seen.values())
    cost = [-10 if counts is None else round(math.log((seen[piece] + 0.1) / (total + 1)), 1) for piece in source]
    header = {"source": source, "target": target, "cost": cost}
    header = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    data = _deflated(len(header).to_bytes(4, "little") + header, pack(arrays, 8, 2 ** (bits - 1) - 1))
    shapes = tuple((name, array.shape) for name, array in arrays.items())
    return TranslationModel(
        cells, source_unit, target_unit, bits, shapes, int(system.max_length), data, tuple(examples), score
    )


class TranslationExplorer(Explorer):
    """A translator that reads what is typed, hands one vector over, and writes: every step can be watched and changed.

    The network runs in the page, without Python. In JupyterLab all arguments but ``model`` and ``truth`` are traits
    that follow the reader: what was typed is ``explorer.text``.

    Args:
        model: what :func:`translation_model` made.
        text: what stands in the text field at first; ``None`` means the first of the model's examples.
        truth: right translations by source text, to set beside the output.
        beam: how wide the beam search is, 1 to 5.
        length_penalty: of the beam search, 0 (compare probabilities) to 2.
        step: how much has happened: S pieces read, then pieces written; ``None`` means all.
        out: numbers of the source pieces that the encoder does not get, from 0.
        forced: ids of the first output pieces, in the place of what the decoder would have taken.
        language: of the buttons, ``"en"`` or ``"ko"``; empty means the language of the page.

    Raises:
        ValueError: the model has attention, so that more than one vector is handed over; or it makes more than 256 KB;
            or another argument is out of range.
    """

    room = 256_000  # a whole network is in the page

    network = t.Dict().tag(sync=True)
    truth = t.Dict(value_trait=t.Unicode(), key_trait=t.Unicode()).tag(sync=True)
    text = t.Unicode("").tag(sync=True)
    beam = t.Int(3, min=1, max=5).tag(sync=True)
    length_penalty = t.Float(1.0, min=0.0, max=2.0).tag(sync=True)
    step = t.Int(None, allow_none=True, min=0).tag(sync=True)
    out = t.List(t.Int(min=0)).tag(sync=True)
    forced = t.List(t.Int(min=0)).tag(sync=True)
    language = t.Enum(["", "en", "ko"], "").tag(sync=True)

    def __init__(self, model, text=None, truth=None, beam=3, **kwargs):
        if not isinstance(model, TranslationModel):
            raise ValueError(f"expected what translation_model made, not {model!r:.80}")
        if model.score is not None:
            raise ValueError(
                f"a decoder with attention ({model.score}) gets more than one vector: see AlignmentExplorer"
            )
        self._model = model
        truth = {} if truth is None else truth
        self.check_room(
            base64_size(model.data) + len(json.dumps(truth, ensure_ascii=False, default=str).encode()),
            f"{model.parameters:,} weights at {model.bits} bits",
            "take fewer bits in translation_model, a narrower network, or a smaller vocabulary",
        )
        text = next(iter(model.examples), "") if text is None else text
        if any(i not in range(len(model.target)) for i in kwargs.get("forced", ())):
            raise ValueError(f"forced are ids below {len(model.target)}, not {kwargs['forced']!r:.80}")
        shipped = {key: getattr(model, key) for key in SHIPPED}
        try:
            super().__init__(network=shipped, text=text, truth=truth, beam=beam, **kwargs)
        except t.TraitError as error:
            raise ValueError(str(error)) from None

    def summary(self):
        """What the explorer shows first, as text: the pieces, the size of the context, the output."""
        found = self._model.translate(self.text)
        lines = [
            f"TranslationExplorer, {' to '.join(self._model.cells)}: {self.text[:80]!r}",
            f"  reads    {' | '.join(map(_visible, found.pieces))}",
            f"  context  {len(found.context)} numbers",
            f"  writes   {found.text}",
        ]
        if self.text in self.truth:
            lines.append(f"  right    {self.truth[self.text]}")
        return "\n".join(lines)

    def picture(self, figure):
        """The context as a strip of colours, and the output with the probability of each piece."""
        found = self._model.translate(self.text)
        top, bottom = figure.subplots(2, 1, height_ratios=[1, 3])
        rows = 1 + ("encoder.rnn.weight_hh_l0_reverse" in self._model.weights)
        top.pcolormesh(found.context.reshape(rows, -1), cmap="RdBu_r", vmin=-1, vmax=1)
        top.invert_yaxis()
        top.set(xticks=[], yticks=[], title=f"the context: {len(found.context)} numbers")
        shown = found.output[:30]
        bottom.bar(range(len(shown)), found.p.max(1)[: len(shown)], width=0.6)
        names = [_visible(piece).replace("$", r"\$")[:12] for piece in shown]
        bottom.set_xticks(range(len(shown)), names, rotation=90 if len(shown) > 9 else 0)
        bottom.set(ylim=(0, 1), ylabel="probability")
        return True


def _visible(piece):
    """A piece without white space, escapes and control characters, and never nothing."""
    name = {"▁": "␣", "▔a▔": "⏎", "▔9▔": "⇥"}.get(piece) or units.join([piece], "word")
    return "".join(c if c.isprintable() else "·" for c in name) or "∅"


def _deflated(words, numbers):
    """Both as one zlib stream: words repeat themselves, weights do not and only their frequencies are of use."""
    first = zlib.compressobj(9, zlib.DEFLATED, -15)
    second = zlib.compressobj(9, zlib.DEFLATED, -15, strategy=zlib.Z_HUFFMAN_ONLY)
    body = first.compress(words) + first.flush(zlib.Z_FULL_FLUSH) + second.compress(numbers) + second.flush()
    return b"\x78\xda" + body + zlib.adler32(words + numbers).to_bytes(4, "big")


def _score(model, weights, score):
    """The score of the decoder: what was asked for, or what the model has."""
    if score not in (None, *SCORES):
        raise ValueError(f"there is no score {score!r}; the scores are {', '.join(map(repr, SCORES))}")
    found = None
    if "decoder.score.key.weight" in weights:
        found = "additive" if "decoder.score.query.weight" in weights else "general"
    elif getattr(getattr(model, "decoder", None), "score", None) is not None:
        found = "dot"
    if score is not None and (found or "dot") != score:
        raise ValueError(f"the weights of the decoder are those of the score {found or 'dot'!r}, not of {score!r}")
    return score or found


def _checked(weights, source, target, score):
    """The arrays in the order in which they are packed, and the cells of both sides."""
    left = {name: as_array(name, value) for name, value in weights.items()}
    arrays, take = taking(left)

    def network(side, width, end=""):
        hidden = take(f"{side}.rnn.weight_hh_l0{end}", None, None)
        rows, size = hidden.shape
        cell = {parts * size: name for name, parts in CELLS.items()}.get(rows)
        if cell is None:
            raise ValueError(f"{side}.rnn.weight_hh_l0{end} has the shape {hidden.shape}: that of no cell")
        take(f"{side}.rnn.weight_ih_l0{end}", rows, width)
        for kind in KINDS[2:]:
            take(f"{side}.rnn.{kind}_l0{end}", rows)
        return cell, size

    width = take("encoder.front.embedding.weight", source, None).shape[1]
    cell, size = network("encoder", width)
    if "encoder.rnn.weight_hh_l0_reverse" in left:
        size += network("encoder", width, "_reverse")[1]
    width = take("decoder.embedding.weight", target, None).shape[1]
    cells = cell, network("decoder", width + size)[0]
    hidden = arrays["decoder.rnn.weight_hh_l0"].shape[1]
    for part in range(2 if cells[1] == "lstm" else 1):
        take(f"decoder.bridge.{part}.weight", hidden, size)
        take(f"decoder.bridge.{part}.bias", hidden)
    if "decoder.output.weight" in left:
        take("decoder.output.weight", target, hidden)
    elif width != hidden:
        raise ValueError(f"there is no 'decoder.output.weight', and an embedding of {width} fits no state of {hidden}")
    take("decoder.bias", target)
    if score == "additive":
        middle = take("decoder.score.query.weight", None, hidden).shape[0]
        take("decoder.score.key.weight", middle, size)
        take("decoder.score.key.bias", middle)
        take("decoder.score.score.weight", 1, middle)
    elif score == "general":
        take("decoder.score.key.weight", hidden, size)
    elif score == "dot" and hidden != size:
        raise ValueError(f"a dot product needs states of equal width, not {hidden} and {size}")
    if left:
        raise ValueError(f"one layer in the encoder and one in the decoder have no use for {', '.join(left):.300}")
    return arrays, cells
