"""The QKV explorer: one head of self-attention over a short sentence, with every number (chapter 07)."""

import json
import math
from decimal import ROUND_HALF_UP, Decimal
from types import SimpleNamespace

import numpy as np
import traitlets as t

from lmcourse import plots
from lmcourse import text as units
from lmcourse.widgets.base import Explorer

__all__ = ["QKVExplorer"]

LONGEST = 12  # words
WIDEST = 8  # numbers of a vector
LABELS = 64
LARGEST = 1000.0  # a number that is passed or changed
PARTS = "x", "q", "k", "v"


class QKVExplorer(Explorer):
    """One head of self-attention over a short sentence, from the vectors of the words to a new one, to be changed.

    >>> import numpy as np
    >>> turn = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> words = np.array([[1.0, 0.0], [0.5, 1.0], [-1.0, 0.5]])
    >>> explorer = QKVExplorer(["딥러닝", "어려워요", "아주"], words, np.eye(2), turn, 2 * np.eye(2))
    >>> print(explorer.summary())
    QKVExplorer: 3 words of 2 numbers, queries and keys of 2, values of 2
    1 vectors   딥러닝: x [1.00, 0.00], q [1.00, 0.00], k [0.00, 1.00], v [2.00, 0.00]
                어려워요: x [0.50, 1.00], q [0.50, 1.00], k [1.00, 0.50], v [1.00, 2.00]
                아주: x [−1.00, 0.50], q [−1.00, 0.50], k [0.50, −1.00], v [−2.00, 1.00]
    2 scores    of 딥러닝: 딥러닝 0.00, 어려워요 1.00, 아주 0.50
    3 weights   with the factor 0.71: 딥러닝 0.22, 어려워요 0.46, 아주 0.32
    4 context   [0.27, 1.23]
    5 it looks mostly at 어려워요
    weights of 어려워요: 딥러닝 0.44, 어려워요 0.44, 아주 0.13
    weights of 아주: 딥러닝 0.57, 어려워요 0.23, 아주 0.20

    The page does all arithmetic itself. There the reader picks the word that asks, changes any number of any x, q, k
    or v, swaps words, hides them, and turns the scale, the causal mask and the positions on and off. In JupyterLab the
    traits ``query``, ``word``, ``part``, ``causal``, ``scaled``, ``scale``, ``positioned``, ``order``, ``left_out``
    and ``changes`` follow, and so do :meth:`weights` and :meth:`context`. In all of them words are numbered from 0, as
    they were passed.

    Args:
        tokens: T strings, at most 12.
        vectors: (T, D), a vector x of each word. D, K and K' are at most 8.
        W_q: (K, D), as the weight of an ``nn.Linear``: q = W_q x.
        W_k: (K, D).
        W_v: (K', D).
        query: the word that asks at first.
        scale: what the scores are multiplied by, 0 to 10; ``None`` means 1 / sqrt(K).
        causal: whether no word may look at those that come after it.
        positions: (T, D), what is added to the word that stands at each place; ``None`` means nothing.
        output: (C, K'), or a pair of that and a bias (C,): it makes a score of each label from a context vector.
        labels: C strings, at most 64.
        language: of the buttons, ``"en"`` or ``"ko"``; empty means the language of the page.
        word, part: the vector whose numbers can be changed at first, such as 0 and ``"k"``; ``None`` means the query
            of the word that asks.
        scaled: whether the scale is used; if not, the factor is 1.
        positioned: whether the positions are added.
        order: the T words in the order in which they stand.
        left_out: words that no word may look at, as if they were padding.
        changes: what numbers were set to, ``[part, word, number, value]``, such as ``["k", 2, 0, 1.5]``. A change of x
            is one of the word before its position is added, and changes its q, k and v; a change of q, k or v stays.

    Raises:
        ValueError: shapes or types that do not fit, too many words or numbers, a number that is not finite or beyond
            1,000, or another argument out of range.
    """

    data = t.Dict().tag(sync=True)
    tokens = t.List(t.Unicode()).tag(sync=True)
    labels = t.List(t.Unicode()).tag(sync=True)
    initial = t.Dict().tag(sync=True)
    query = t.Int(0, min=0).tag(sync=True)
    word = t.Int(0, min=0).tag(sync=True)
    part = t.Enum(PARTS, "q").tag(sync=True)
    causal = t.Bool(False).tag(sync=True)
    scaled = t.Bool(True).tag(sync=True)
    scale = t.Float(1.0, min=0, max=10).tag(sync=True)
    positioned = t.Bool(True).tag(sync=True)
    order = t.List(t.Int()).tag(sync=True)
    left_out = t.List(t.Int()).tag(sync=True)
    changes = t.List(t.List()).tag(sync=True)
    language = t.Enum(["", "en", "ko"], "").tag(sync=True)

    def __init__(
        self, tokens, vectors, W_q, W_k, W_v, *, query=0, scale=None, causal=False, positions=None, output=None,
        labels=None, language="", word=None, part="q", order=None, left_out=(), changes=(), **kwargs,
    ):  # fmt: skip
        tokens = _strings(tokens, "tokens", LONGEST)
        T = len(tokens)
        vectors = _numbers(vectors, "vectors", T, None)
        D = vectors.shape[1]
        W_q = _numbers(W_q, "W_q", None, D)
        W_k = _numbers(W_k, "W_k", len(W_q), D)
        W_v = _numbers(W_v, "W_v", None, D)
        arrays = {"vectors": vectors, "W_q": W_q, "W_k": W_k, "W_v": W_v}
        if positions is not None:
            arrays["positions"] = _numbers(positions, "positions", T, D)
        for name, array in arrays.items():
            if array.shape[-1] > WIDEST or (name.startswith("W") and len(array) > WIDEST):
                raise ValueError(f"vectors have at most {WIDEST} numbers, and {name} has the shape {array.shape}")
        if output is not None:
            arrays["output"], arrays["bias"], labels = _output(output, labels, len(W_v))
        elif labels is not None:
            raise ValueError("labels need an output, (C, K'), that makes a score of each of them")
        query, word, causal, scale = map(_plain, (query, word, causal, scale))
        if scale is None:
            scale = 1 / math.sqrt(len(W_q))
        elif isinstance(scale, bool) or not isinstance(scale, int | float):
            raise ValueError(f"scale is a number from 0 to 10, not {scale!r:.80}")
        self._arrays = arrays
        self._words = T
        order = list(range(T)) if order is None else [_plain(each) for each in order]
        word = (query if _is_int(query, T) else 0) if word is None else word
        state = {
            "query": query, "word": word, "part": part, "causal": causal, "scale": float(scale), "order": order,
            "left_out": [_plain(each) for each in left_out],
            "changes": [[_plain(each) for each in change] for change in changes], **kwargs,
        }  # fmt: skip
        sent = {name: array.tolist() for name, array in arrays.items()}
        words = json.dumps([tokens, labels], ensure_ascii=False).encode()
        self.check_room(len(words) + len(json.dumps(sent)), f"{T} words of {len(words):,} bytes", "take shorter ones")
        try:
            super().__init__(data=sent, tokens=tokens, labels=labels or [], language=language, **state)
        except t.TraitError as error:
            raise ValueError(str(error)) from None
        names = ("causal", "scaled", "scale", "positioned", "order", "left_out", "changes")
        self.initial = {name: getattr(self, name) for name in names}

    @t.validate("query", "word")
    def _in_sentence(self, proposal):
        value = proposal["value"]
        if value >= self._words:
            raise t.TraitError(f"{proposal['trait'].name}: there is no word {value!r}: there are {self._words}, from 0")
        return value

    @t.validate("order")
    def _permutation(self, proposal):
        if sorted(proposal["value"]) != list(range(self._words)):
            raise t.TraitError(f"order has each of the {self._words} words once, not {proposal['value']!r:.80}")
        return proposal["value"]

    @t.validate("left_out")
    def _some_words(self, proposal):
        for word in proposal["value"]:
            if word not in range(self._words):
                raise t.TraitError(f"left_out: there is no word {word!r}: there are {self._words}, from 0")
        return sorted(set(proposal["value"]))

    @t.validate("changes")
    def _are_changes(self, proposal):
        widths = self._widths()
        kept = {}
        for change in proposal["value"]:
            part, word, number, value = change if len(change) == 4 else (None,) * 4
            right = part in PARTS and _is_int(word, self._words) and _is_int(number, widths[part])
            if not right or isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
                raise t.TraitError(
                    f"a change is [part, word, number, value], such as ['k', 2, 0, 1.5], with a part of {PARTS}, a "
                    f"word and a number that there are, and a value of at most {LARGEST:,.0f}, not {change!r:.80}"
                )
            kept[part, word, number] = [part, word, number, float(value)]
        return list(kept.values())  # the last one of a number counts

    def _widths(self):
        """How many numbers each part of a word has."""
        sizes = [self._arrays[name].shape for name in ("vectors", "W_q", "W_k", "W_v")]
        return dict(zip(PARTS, (sizes[0][1], *(rows for rows, _ in sizes[1:])), strict=True))

    def _look(self):
        """All that the page works out, by places: row p is of the word ``order[p]``."""
        order = self.order

        def changed(part, rows):
            rows = rows.copy()
            for which, word, number, value in self.changes:
                if which == part:
                    rows[order.index(word), number] = value
            return rows

        x = changed("x", self._arrays["vectors"][order])  # (T, D)
        if self.positioned and "positions" in self._arrays:
            x = x + self._arrays["positions"]
        q, k, v = (changed(part, x @ self._arrays[f"W_{part}"].T) for part in "qkv")  # (T, K), (T, K), (T, K')
        scores = q @ k.T  # (T, T)
        factor = self.scale if self.scaled else 1.0
        seen = np.array([word not in self.left_out for word in order]) & np.ones_like(scores, bool)
        if self.causal:
            seen = np.tril(seen)
        weights = _softmax(factor * scores, seen)
        return SimpleNamespace(
            x=x, q=q, k=k, v=v, scores=scores, factor=factor, seen=seen, weights=weights, context=weights @ v
        )

    def weights(self):
        """The weights as they are now.

        Returns:
            (T, T), a row for each word that asks, rows and columns in the order in which the words stand. A row has a
            sum of 1; that of a word that may look nowhere is 0.
        """
        return self._look().weights

    def context(self):
        """The new vectors of the words as they are now.

        Returns:
            (T, K'), in the order in which the words stand; 0 for a word that may look nowhere.
        """
        return self._look().context

    def says(self):
        """What the context vectors say now: softmax(output @ context + bias).

        Returns:
            (T, C), in the order in which the words stand.

        Raises:
            ValueError: no output was passed.
        """
        if not self.labels:
            raise ValueError("a context vector says something by an output and labels, and none were passed")
        logits = self.context() @ self._arrays["output"].T + self._arrays["bias"]
        return _softmax(logits, np.ones_like(logits, bool))

    def summary(self):
        """The five lines of the word that asks, and the weights of the others, as text."""
        found, widths = self._look(), self._widths()
        names = [_visible(self.tokens[word]) for word in self.order]
        at = self.order.index(self.query)

        def listed(values, row):
            seen = found.seen[row]
            return ", ".join(
                f"{name} {_fixed(value) if may else 'hidden'}"
                for name, value, may in zip(names, values, seen, strict=True)
            )

        def vector(values):
            return f"[{', '.join(map(_fixed, values))}]"

        lines = [
            f"QKVExplorer: {len(names)} words of {widths['x']} numbers, queries and keys of {widths['k']}, values of "
            f"{widths['v']}"
        ]
        for p, name in enumerate(names):
            parts = ", ".join(f"{part} {vector(getattr(found, part)[p])}" for part in PARTS)
            lines.append(f"{'1 vectors  ' if not p else ' ' * 11} {name}: {parts}")
        row = found.weights[at]
        lines += [
            f"2 scores    of {names[at]}: {listed(found.scores[at], at)}",
            f"3 weights   with the factor {_fixed(found.factor)}: {listed(row, at)}",
            f"4 context   {vector(found.context[at])}",
        ]
        if self.labels:
            says = sorted(zip(self.says()[at], self.labels, strict=True), key=lambda pair: -pair[0])[:8]
            lines.append(f"5 it says   {', '.join(f'{_visible(label)} {100 * p:.1f}%' for p, label in says)}")
        elif row.any():
            lines.append(f"5 it looks mostly at {names[int(row.argmax())]}")
        else:
            lines.append("5 it may look nowhere")
        lines += [f"weights of {name}: {listed(found.weights[p], p)}" for p, name in enumerate(names) if p != at]
        return "\n".join(lines)

    def picture(self, figure):
        """All weights as a heat map; beside it the query and the keys as arrows, or the scores as bars."""
        found = self._look()
        at = self.order.index(self.query)
        names = [_short(_visible(self.tokens[word])).replace("$", r"\$") for word in self.order]
        figure.set_size_inches(7.2, 3.6)
        left, right = figure.subplots(1, 2, width_ratios=[1, 1])
        plots.heatmap(found.weights, names, names, ax=left, title="weights", outlined=[])
        if len("".join(names)) > 24:
            left.set_xticks(left.get_xticks(), names, rotation=90)
        if len(names) > 7:  # there is no room for numbers
            for text in list(left.texts):
                text.remove()
        if found.q.shape[1] != 2:
            right.barh(range(len(names)), found.scores[at], height=0.6)
            right.set_yticks(range(len(names)), names)
            right.invert_yaxis()
            right.axvline(0, color=plots.INK, linewidth=0.8)
            right.set_title(f"scores of {names[at]}")
            return True
        arrows = [(found.q[at], f"q of {names[at]}", plots.PALETTE[1])]
        arrows += [(key, name, plots.PALETTE[2]) for key, name in zip(found.k, names, strict=True)]
        for end, name, ink in arrows:
            right.annotate("", end, (0, 0), arrowprops={"arrowstyle": "->", "color": ink, "linewidth": 1.6})
            right.annotate(name, end, color=ink, fontsize=8, ha="center", va="bottom" if end[1] >= 0 else "top")
        size = 1.25 * max(0.1, *(abs(end).max() for end, _, _ in arrows))
        right.set(xlim=(-size, size), ylim=(-size, size), aspect="equal", title="query and keys")
        return True


def _softmax(scores, seen):
    """exp(score) over its sum along a row, 0 where nothing is to be seen."""
    hidden = np.where(seen, scores, -np.inf)
    most = hidden.max(-1, keepdims=True)
    exp = np.exp(hidden - np.where(np.isfinite(most), most, 0.0))
    return exp / np.maximum(exp.sum(-1, keepdims=True), np.finfo(float).tiny)


def _fixed(value):
    """A number with two decimals, rounded as the page does it."""
    if not abs(value) < 1e5:
        digit, power = f"{value:.2e}".split("e")
        return f"{digit.replace('-', '−')}·10^{int(power)}"
    text = str(Decimal(float(value)).quantize(Decimal("0.01"), ROUND_HALF_UP))
    return text.lstrip("-") if not float(text) else text.replace("-", "−")


def _visible(token):
    """A token without white space, escapes and control characters, and never nothing."""
    name = "␣" if token == "▁" else units.join([token], "word")
    return "".join(c if c.isprintable() else "·" for c in name) or "∅"


def _short(name, longest=12):
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def _plain(value):
    """A number of numpy or torch as one of Python."""
    return value.item() if hasattr(value, "item") else value


def _is_int(value, count):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < count


def _strings(values, what, most):
    if isinstance(values, str):
        raise ValueError(f"{what} is a list of strings, not the string {values!r:.80}")
    values = list(values)
    for value in values:
        if not isinstance(value, str):
            raise ValueError(f"{what} is a list of strings, and {value!r:.80} is none")
    if not 1 <= len(values) <= most:
        raise ValueError(f"{what} has {len(values)} strings, and there is room for 1 to {most}: {values!r:.80}")
    return values


def _numbers(values, what, *shape):
    """Finite numbers as float64, of a shape in which ``None`` fits any length above 0."""
    if hasattr(values, "detach"):  # a tensor, of any type and on any device
        values = values.detach().cpu().double().numpy()
    try:
        array = np.array(values, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{what} should be numbers in equally long rows, not {values!r:.80}") from None
    fits = len(shape) == array.ndim and all(a == b or b is None for a, b in zip(array.shape, shape, strict=True))
    if not fits or not array.size:
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{what} has the shape {array.shape}, not ({wanted}{',' if len(shape) == 1 else ''})")
    if not np.isfinite(array).all():
        raise ValueError(f"{what} has {(~np.isfinite(array)).sum()} numbers that are not finite")
    if np.abs(array).max() > LARGEST:
        raise ValueError(f"{what} has a number beyond {LARGEST:,.0f}: {array.flat[np.abs(array).argmax()]:.6g}")
    return array


def _output(output, labels, width):
    """The matrix of the output (C, K'), its bias (C,), and its labels."""
    pair = isinstance(output, tuple) and len(output) == 2 and np.ndim(output[0]) == 2
    matrix, bias = output if pair else (output, None)
    matrix = _numbers(matrix, "output", None, width)
    bias = np.zeros(len(matrix)) if bias is None else _numbers(bias, "the bias of output", len(matrix))
    if labels is None:
        raise ValueError(f"output has {len(matrix)} rows, and labels says what they are called: pass as many strings")
    labels = _strings(labels, "labels", LABELS)
    if len(labels) != len(matrix):
        raise ValueError(f"labels has {len(labels)} strings, and output {len(matrix)} rows")
    return matrix, bias, labels
