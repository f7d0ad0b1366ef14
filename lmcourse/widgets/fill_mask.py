"""The gap filler: a small BERT that runs in the page, reads both sides of a gap and says what it hides (chapter 09)."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import traitlets as t

from lmcourse.widgets.base import Explorer, base64_size
from lmcourse.widgets.networks import as_array, check_options, taking, unpack
from lmcourse.widgets.transformer import _deflated, _packed

__all__ = ["FillMask", "FillMaskModel", "Filled", "fill_mask_model"]

LONGEST = 128  # tokens that are read
SHOWN = 10  # candidates
KEPT = 8  # of a true distribution, beside what is true of the model's candidates
NEAR = 2  # more candidates than are shown: the page may rank those differently that are equally likely
TABLE = 8  # bits of the table of words, which is the output layer too
MARKS = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
PAGE = "relu", "gelu"  # the activations that the page knows
SHIPPED = "sides", "bits", "shapes", "data"
PROBES = "Ä é ｆｉ BERT's 3.5$ a\u0301 가나\u200b다 中x\u3000y\x01z\x0b", "\u1112\u1161\u11ab \ufb01 İ ß, «q»"


class Filled(NamedTuple):
    """What a BERT says about a text with gaps.

    Attributes:
        tokens: the T tokens that were read, as they stand in the text: what is masked too.
        segments: T numbers, 0 up to the first ``[SEP]`` and 1 behind it.
        logs: ln p of every token of the vocabulary at each place (T, V).
        follows: the probability that the second text follows the first, read with the masks; ``None`` for one text.
    """

    tokens: list[str]
    segments: list[int]
    logs: np.ndarray
    follows: float | None


@dataclass(frozen=True)
class FillMaskModel:
    """A BERT as numbers in some kilobytes. Made by :func:`fill_mask_model`.

    Attributes:
        sides: what shapes the ``"encoder"``: ``layers``, ``heads``, ``norm_first``, ``activation``, ``positions``,
            ``eps``, and ``longest``, how many places there are.
        bits: to how many the weights were rounded, but for the table of words, which has 8.
        shapes: the names and shapes of the arrays, in the order of ``data``.
        data: as for :class:`~lmcourse.widgets.TransformerModel`, with the tokens in the place of the vocabularies.
    """

    sides: dict[str, dict]
    bits: int
    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    data: bytes = field(repr=False)

    @cached_property
    def tokens(self):
        """The vocabulary, in the order of the ids."""
        return self._open[0]

    @cached_property
    def weights(self):
        """The arrays as the page has them, by name."""
        return self._open[1]

    @cached_property
    def _open(self):
        import zlib

        data = zlib.decompress(self.data)
        size = int.from_bytes(data[:4], "little")
        found = unpack(data[4 + size :], self.shapes, 8)
        flat = {name: array[0] if len(array) == 1 and _is_flat(name) else array for name, array in found.items()}
        return json.loads(data[4 : 4 + size])["tokens"], flat

    @cached_property
    def ids(self):
        """The numbers of the tokens."""
        return {token: n for n, token in enumerate(self.tokens)}

    @cached_property
    def tokenizer(self):
        """The :class:`~lmcourse.wordpiece.WordPiece` of these tokens."""
        from lmcourse.wordpiece import WordPiece

        return WordPiece.from_vocabulary(self.tokens)

    @cached_property
    def network(self):
        """The :class:`~lmcourse.bert.BertForPreTraining` with the weights that the page has."""
        import torch

        from lmcourse.bert import BertConfig, BertForPreTraining

        side, shapes = self.sides["encoder"], dict(self.shapes)
        config = BertConfig(
            *shapes["bert.words.weight"], side["layers"], side["heads"], shapes["bert.layers.0.linear1.weight"][0],
            side["longest"], shapes["bert.segments.weight"][0], 0.0, side["activation"], side["eps"],
            positions={"learned": "absolute"}.get(side["positions"], side["positions"]),
        )  # fmt: skip
        model = BertForPreTraining(config)
        model.load_state_dict({name: torch.tensor(array).float() for name, array in self.weights.items()})
        return model.eval()

    @property
    def parameters(self):
        """How many weights there are."""
        return sum(math.prod(shape) for _, shape in self.shapes)

    def cut(self, text, second=""):
        """What is read of a text or of a pair: ``[CLS] text [SEP] second [SEP]``, without the second where it is empty.

        Where there are too many tokens the first text is cut at its end, and the second only to half of the room.

        Returns:
            Tokens and segments, T of each.
        """
        first, other = (each.tokens for each in self.tokenizer.encode_all([text, second], marks=False))
        room = self.sides["encoder"]["longest"] - (3 if other else 2)
        other = other[: max(room - len(first), room // 2)]
        first = first[: room - len(other)]
        tokens = ["[CLS]", *first, "[SEP]", *other, *["[SEP]"] * bool(other)]
        return tokens, [0] * (len(first) + 2) + [1] * (len(tokens) - len(first) - 2)

    def run(self, text, second="", masks=()):
        """Read a text, or two, with some tokens masked.

        Args:
            text, second: strings; the second may be empty.
            masks: the places of the tokens that are masked, counted from 0, which is ``[CLS]``.

        Returns:
            A ``Filled``: the ``tokens`` as they stand in the text and their ``segments``, T of each; ``logs``, ln p of
            every token of the vocabulary at each place (T, V); and ``follows``, the probability that the second text
            follows the first, ``None`` for one text.

        Raises:
            ValueError: no token that could be masked stands at one of the places.
        """
        import torch

        tokens, segments = self.cut(text, second)
        states = self._states(tokens, segments, [_places(masks, tokens, text)])[0]
        with torch.no_grad():
            logs = self.network.fill(states).double().log_softmax(-1).numpy()
            judged = self.network.judge(states[0]).double().softmax(-1)
        return Filled(tokens, segments, logs, float(judged[0]) if segments[-1] else None)

    def _states(self, tokens, segments, masked):
        """The states of B copies, each with the tokens at other places masked: (B, T, D)."""
        import torch

        ids = torch.tensor([self.ids[token] for token in tokens]).repeat(len(masked), 1)
        for row, places in zip(ids, masked, strict=True):
            row[places] = self.ids["[MASK]"]
        with torch.no_grad():
            return self.network.bert(ids, segments=torch.tensor([segments]).expand_as(ids)).states

    def one_by_one(self, text, second="", places=None):
        """Read a text, or two, with one token at a time masked.

        Args:
            text, second: as for :meth:`run`.
            places: B places, masked one after the other; ``None`` means all tokens but marks.

        Returns:
            A dict from each place to ln p of every token of the vocabulary there (V,).

        Raises:
            ValueError: as for :meth:`run`.
        """
        import torch

        tokens, segments = self.cut(text, second)
        if places is None:
            places = [place for place, token in enumerate(tokens) if token not in MARKS[2:]]
        places, found = _places(places, tokens, text), {}
        for some in (places[n : n + 64] for n in range(0, len(places), 64)):
            states = self._states(tokens, segments, [[place] for place in some])[torch.arange(len(some)), some]
            with torch.no_grad():
                logs = self.network.fill(states).double().log_softmax(-1).numpy()
            found |= dict(zip(some, logs, strict=True))
        return found

    def surprise(self, text, second=""):
        """How surprised the model is by each token when it alone is masked.

        Returns:
            -log2 p of each token (T,), not a number for marks.
        """
        tokens, _ = self.cut(text, second)
        bits = np.full(len(tokens), np.nan)
        for place, logs in self.one_by_one(text, second).items():
            bits[place] = -logs[self.ids[tokens[place]]] / math.log(2)
        return bits


def _is_flat(name):
    return name.endswith("bias") or "norm" in name


def _places(masks, tokens, text):
    """Places as a sorted list, each once; refused where nothing can be masked."""
    try:
        places = sorted({int(place) for place in masks if int(place) == place})
        right = len(places) == len(set(masks))
    except (TypeError, ValueError):
        right = False
    if not right:
        raise ValueError(f"masks are places, whole numbers from 0 each, not {masks!r:.80}")
    for place in places:
        if not 0 <= place < len(tokens) or tokens[place] in MARKS[2:4]:
            found = repr(tokens[place]) if 0 <= place < len(tokens) else f"nothing, of {len(tokens)} tokens"
            raise ValueError(f"at place {place} of {text!r:.60} there is no token to mask but {found}")
    return places


# --- from torch ---


def fill_mask_model(model, tokenizer, bits=7):
    """Describe a trained BERT, so that a page can run it.

    Args:
        model: a :class:`lmcourse.bert.BertForPreTraining`.
        tokenizer: its :class:`lmcourse.wordpiece.WordPiece`, one that keeps capital letters.
        bits: for each weight, 4 to 8: rounded to so many steps between the smallest and the largest of its row. The
            table of words keeps 8, since all else is read from it, and compared with it.

    Returns:
        A :class:`FillMaskModel`.

    Raises:
        ValueError: the model or the tokenizer is of another kind, they do not fit together, or bits are out of range.
    """
    check_options(bits, [], None)
    if not all(hasattr(model, name) for name in ("bert", "fill", "judge", "config")):
        raise ValueError(f"the page runs a BertForPreTraining, with both heads, not {type(model).__name__}")
    config = model.config
    tokens = _checked(tokenizer, config.vocab_size)
    if config.activation not in PAGE:
        raise ValueError(f"the page knows {' and '.join(PAGE)}, not the activation {config.activation!r}")
    arrays = _arrays({name: as_array(name, value) for name, value in model.state_dict().items()}, config)
    side = {
        "layers": config.layers, "heads": config.heads, "norm_first": False, "activation": config.activation,
        "positions": {"absolute": "learned"}.get(config.positions, config.positions), "eps": config.eps,
        "longest": min(config.longest, LONGEST),
    }  # fmt: skip
    shapes = tuple((name, np.atleast_2d(array).shape) for name, array in arrays.items())
    header = json.dumps({"tokens": tokens, "shapes": shapes}, ensure_ascii=False, separators=(",", ":")).encode()
    most = {name: 2 ** ((TABLE if name == "bert.words.weight" else bits) - 1) - 1 for name in arrays}
    numbers = (part for name, array in arrays.items() for part in _packed({name: array}, most[name]))
    data = _deflated([len(header).to_bytes(4, "little") + header], numbers)
    return FillMaskModel({"encoder": side}, bits, shapes, data)


def _checked(tokenizer, size):
    """The tokens of a WordPiece, if the page cuts texts as it does."""
    from lmcourse.wordpiece import WordPiece

    if not isinstance(tokenizer, WordPiece):
        raise ValueError(f"the tokens of a BERT are those of a WordPiece, not of {tokenizer!r:.80}")
    tokens = tokenizer.tokens
    if len(tokens) != size:
        raise ValueError(f"the model has {size} tokens, and the tokenizer {len(tokens)}")
    known = WordPiece.from_vocabulary(tokens).tokenizer
    for text in PROBES:
        made = [[each.normalizer.normalize_str(text), each.pre_tokenizer.pre_tokenize_str(text)] if each.normalizer
                and each.pre_tokenizer else None for each in (known, tokenizer.tokenizer)]  # fmt: skip
        if made[0] != made[1]:
            raise ValueError(f"the page keeps capital letters and accents, and this tokenizer reads {text!r} otherwise")
    return tokens


def _arrays(left, config):
    """The arrays in the order in which they are packed."""
    arrays, take = taking(left)
    width, hidden = config.width, config.hidden

    def linear(name, rows, columns):
        take(f"{name}.weight", rows, columns)
        take(f"{name}.bias", rows)

    def norm(name):
        take(f"{name}.weight", width)
        take(f"{name}.bias", width)

    take("bert.words.weight", config.vocab_size, width)
    if config.positions == "absolute":
        arrays["bert.places.weight"] = take("bert.places.weight", config.longest, width)[:LONGEST]
    take("bert.segments.weight", config.segments, width)
    norm("bert.norm")
    for n in range(config.layers):
        layer = f"bert.layers.{n}"
        take(f"{layer}.self_attn.in_proj_weight", 3 * width, width)
        take(f"{layer}.self_attn.in_proj_bias", 3 * width)
        linear(f"{layer}.self_attn.out_proj", width, width)
        linear(f"{layer}.linear1", hidden, width)
        linear(f"{layer}.linear2", width, hidden)
        norm(f"{layer}.norm1")
        norm(f"{layer}.norm2")
    linear("bert.pooler", width, width)
    linear("transform", width, width)
    norm("norm")
    take("bias", config.vocab_size)
    linear("follows", 2, width)
    if left:
        raise ValueError(f"the page has no use for the weights {', '.join(left):.300}")
    return arrays


# --- the widget ---


class FillMask(Explorer):
    """A BERT that runs in the page: the reader masks tokens of a text, and it says what they hide.

    The reader types one text or two, masks tokens, puts candidates in, lets the model read the whole text with one mask
    at each place in turn, and sees whether it believes that the second text follows the first. In JupyterLab ``text``,
    ``second``, ``masks``, ``chosen`` and ``reading`` are traits that follow the reader.

    Args:
        model: what :func:`fill_mask_model` made.
        examples: what the page offers to try. Each is a text; a pair (text, second), a story so far and its next
            sentence; or a dict of ``"text"``, ``"second"``, ``"name"`` (what its button says), ``"masks"`` (the places
            that are masked at first) and ``"truth"``. The truth has for some places the true distribution of the token
            there, given all others: a dict from tokens to probabilities that sum to 1, in which ``None`` stands for all
            others together. The page gets the 8 likeliest of them, and those of the model's candidates. What
            ``lmcourse.reading.example`` makes of a story is such a dict.
        text, second: what stands in the two fields at first; ``None`` means the first example.
        masks: the places that are masked, counted from 0, which is ``[CLS]``; ``None`` means those of the example, and
            of a text without any its last word.
        chosen: the place whose candidates are shown, one of the masks; ``None`` means the last of them.
        reading: whether the page reads the whole text.
        verdict: whether it says if the second text follows the first: of no use if the model was not trained to judge.
        language: of the buttons, ``"en"`` or ``"ko"``; empty means the language of the page.

    Raises:
        ValueError: the figure would have more than 450 KB; a truth does not fit its text; there is no such place to
            mask; or another argument is out of range.
    """

    room = 450_000  # a whole network and what is true of its examples

    network = t.Dict().tag(sync=True)
    first = t.Dict().tag(sync=True)
    examples = t.List(t.Dict()).tag(sync=True)
    text = t.Unicode("").tag(sync=True)
    second = t.Unicode("").tag(sync=True)
    masks = t.List(t.Int(min=0)).tag(sync=True)
    chosen = t.Int(None, allow_none=True, min=0).tag(sync=True)
    reading = t.Bool(False).tag(sync=True)
    verdict = t.Bool(True).tag(sync=True)
    language = t.Enum(["", "en", "ko"], "").tag(sync=True)

    def __init__(
        self, model, examples=(), *, text=None, second=None, masks=None, chosen=None, reading=False, verdict=True,
        language="",
    ):  # fmt: skip
        if not isinstance(model, FillMaskModel):
            raise ValueError(f"expected what fill_mask_model made, not {model!r:.80}")
        self._model = model
        if isinstance(examples, str | Mapping):
            raise ValueError(f"examples are a list, not {examples!r:.80}")
        examples = [_example(model, each) for each in examples]
        if text is None:
            if second is not None:
                raise ValueError(f"the second text {second!r:.60} has no first one: give text too")
            first = examples[0] if examples else {"text": "", "second": "", "masks": []}
            text, second, masks = first["text"], first["second"], first["masks"] if masks is None else masks
        second = "" if second is None else second
        for name, value in [("text", text), ("second", second)]:
            if not isinstance(value, str):
                raise ValueError(f"{name} is a string, not {value!r:.80}")
        tokens, _ = model.cut(text, second)
        same = [each["masks"] for each in examples if (each["text"], each["second"]) == (text, second)]
        masks = (same[0] if same else _first_masks(tokens)) if masks is None else _places(masks, tokens, text)
        if chosen is not None and chosen not in masks:
            raise ValueError(f"chosen is one of the masks {masks}, not {chosen!r}")
        self.check_room(
            base64_size(model.data) + len(json.dumps(examples, ensure_ascii=False).encode()),
            f"{model.parameters:,} weights at {model.bits} bits and {len(examples)} examples",
            "take fewer bits in fill_mask_model, a narrower network, a smaller vocabulary, or less truth",
        )
        try:
            super().__init__(
                network={key: getattr(model, key) for key in SHIPPED}, examples=examples, text=text, second=second,
                masks=masks, chosen=chosen, reading=reading, verdict=verdict, language=language,
            )  # fmt: skip
        except (t.TraitError, TypeError) as error:
            raise ValueError(str(error)) from None
        self.first = self._first()

    def _place(self):
        """The place whose candidates are shown, or ``None``."""
        return self.chosen if self.chosen in self.masks else max(self.masks, default=None)

    def _first(self):
        """What the page shows until it has computed: the text around its gap, and the likeliest candidates."""
        place = self._place()
        if place is None:
            return {}
        run = self._model.run(self.text, self.second, self.masks)
        gapped = ["[MASK]" if n in self.masks else token for n, token in enumerate(run.tokens)]
        shown = " ".join(gapped[1:-1]).replace(" [SEP] ", " ").replace(" ##", "")
        return {"shown": shown, "top": [[token, round(p, 3)] for token, p in self.candidates(5)]}

    def candidates(self, most=SHOWN):
        """The likeliest tokens at the mask that is shown, as pairs (token, probability); none if there is no mask."""
        place = self._place()
        if place is None:
            return []
        logs = self._model.run(self.text, self.second, self.masks).logs[place]
        return [(self._model.tokens[n], float(np.exp(logs[n]))) for n in np.argsort(-logs, kind="stable")[:most]]

    def truth(self):
        """What is known of the token that the shown mask hides, where it alone is masked and the text is an example's.

        Returns:
            A dict of the likeliest tokens with their probabilities, or ``None``.
        """
        for each in self.examples:
            if (each["text"], each["second"]) == (self.text, self.second) and len(self.masks) == 1:
                found = each["truth"].get(str(self._place()))
                if found:
                    return {self._model.tokens[n]: p for n, p in found["top"]}
        return None

    def summary(self):
        """What the page shows first, as text: the text with its gap, the five likeliest candidates, and the truth."""
        lines = [f"FillMask, {self._model.parameters:,} weights: {self.text[:80]!r}"]
        if self.second:
            lines[0] += f" | {self.second[:80]!r}"
        place = self._place()
        if place is None:
            return lines[0]
        run = self._model.run(self.text, self.second, self.masks)
        lines.append(f"  reads   {' '.join('[MASK]' if n in self.masks else s for n, s in enumerate(run.tokens))}")
        lines.append(f"  hidden  {run.tokens[place]} at place {place}")
        lines.append("  model   " + ", ".join(f"{token} {p:.3f}" for token, p in self.candidates(5)))
        if truth := self.truth():
            lines.append("  truth   " + ", ".join(f"{token} {p:.3f}" for token, p in list(truth.items())[:5]))
        if self.verdict and run.follows is not None:
            follows = self._model.run(self.text, self.second).follows
            lines.append(f"  the second text follows the first: {follows:.3f}")
        return "\n".join(lines)

    def picture(self, figure):
        """The candidates at the mask as bars, and the truth beside them where it is known."""
        found, truth = self.candidates()[::-1], self.truth()
        if not found:
            return False
        axes, places = figure.subplots(), np.arange(len(found))
        axes.barh(places + 0.2 * bool(truth), [p for _, p in found], 0.4 if truth else 0.8, label="model")
        if truth:
            axes.barh(places - 0.2, [truth.get(token, 0) for token, _ in found], 0.4, hatch="///", label="truth")
            axes.legend()
        axes.set_yticks(places, [token for token, _ in found])
        axes.set(title=self.first["shown"][-60:], xlabel="probability")
        return True


def _first_masks(tokens):
    """The places of ``[MASK]`` where a text has it, else of its last token with a letter or a digit: a list."""
    if "[MASK]" in tokens:
        return [n for n, token in enumerate(tokens) if token == "[MASK]"]
    words = [n for n, token in enumerate(tokens) if token not in MARKS[2:] and any(map(str.isalnum, token))]
    return words[-1:]


def _example(model, each):
    """An example as the page gets it."""
    if isinstance(each, str):
        each = {"text": each}
    elif not isinstance(each, Mapping):
        if not isinstance(each, Sequence) or len(each) != 2:
            raise ValueError(f"an example is a text, a pair of texts or a dict, not {each!r:.80}")
        each = dict(zip(("text", "second"), each, strict=True))
    if extra := set(each) - {"text", "second", "name", "masks", "truth"}:
        raise ValueError(f"an example has text, second, name, masks and truth, not {sorted(extra, key=str)!r:.80}")
    text, second, name = (each.get(key, "") for key in ("text", "second", "name"))
    if not all(isinstance(part, str) for part in (text, second, name)) or not text:
        raise ValueError(f"the texts and the name of an example are strings, not {(text, second, name)!r:.80}")
    tokens, _ = model.cut(text, second)
    masks = each.get("masks")
    masks = _first_masks(tokens) if masks is None else _places(masks, tokens, text)
    truth = each.get("truth") or {}
    if not isinstance(truth, Mapping):
        raise ValueError(f"a truth has distributions by place, not {truth!r:.80}")
    places = _places(truth, tokens, text)
    said = model.one_by_one(text, second, places) if places else {}
    truth = {str(place): _distribution(model, truth[place], tokens[place], place, said[place]) for place in places}
    return {"text": text, "second": second, "name": name, "masks": masks, "truth": truth}


def _distribution(model, given, own, place, said):
    """A true distribution as the page gets it, beside what the model said: ln p of each token (V,).

    Returns:
        A dict of ``top``, the likeliest tokens in truth and those of the model's candidates that are possible; ``own``,
        p of what stands there; ``rest``, p of all others; ``bits``, the entropy; and ``whole``, whether what is not
        among the top and a candidate of the model is impossible.
    """
    try:
        p = {token: float(x) for token, x in dict(given).items()}
    except (TypeError, ValueError):
        raise ValueError(f"a true distribution is a dict of probabilities by token, not {given!r:.80}") from None
    strange = [token for token in p if token is not None and token not in model.ids]
    if strange:
        raise ValueError(f"the truth at place {place} has {strange[0]!r}, which is no token of the model")
    if not all(0 <= x <= 1 for x in p.values()) or abs(sum(p.values()) - 1) > 0.001:
        raise ValueError(f"the truth at place {place} has probabilities that sum to {sum(p.values()):.4f}, not to 1")
    if not p.get(own):
        raise ValueError(f"the truth at place {place} gives no probability to {own!r}, which stands there")
    ranked = sorted((token for token in p if token is not None and p[token]), key=lambda token: -p[token])
    candidates = {model.tokens[n] for n in np.argsort(-said, kind="stable")[: SHOWN + NEAR]}
    ranked = [token for n, token in enumerate(ranked) if n < KEPT or token in candidates]
    top = [[model.ids[token], float(f"{p[token]:.3g}")] for token in ranked]
    rest = max(0.0, 1 - sum(p[token] for token in ranked))
    bits = -sum(x * math.log2(x) for x in p.values() if x)
    return {"top": top, "own": float(f"{p[own]:.4g}"), "rest": float(f"{rest:.3g}") if rest > 1e-6 else 0,
            "bits": float(f"{max(bits, 0):.4g}"), "whole": not p.get(None)}  # fmt: skip
