"""The attention explorer: the weights of any model, layer by layer and head by head (chapters 06 to 09)."""

import io
import json
import warnings
from pathlib import Path

import numpy as np
import traitlets as t

from lmcourse.widgets.base import Explorer, base64_size

__all__ = ["AttentionExplorer"]

LEVELS = 255  # a weight is stored in steps of 1/255
LONGEST = 256  # tokens on a side
HEADS = 1024  # layers times heads
OFF = 0.02  # a row sums to 1 if it is no farther from it: bfloat16 is not exact
AXES = {2: "(T, S)", 3: "(H, T, S)", 4: "(L, H, T, S)"}


class AttentionExplorer(Explorer):
    """Where each token of a model looks: lines and a map of any attention weights, with all layers and heads.

    >>> weights = [[0.9, 0.1, 0.0], [0.2, 0.2, 0.6]]
    >>> print(AttentionExplorer(weights, ["the", "cat"], ["그", "고양이", "가"], gold=[(0, 0), (1, 1)]).summary())
    AttentionExplorer, 1 layer of 1 head, 2 queries, 3 keys: layer 0, head 0
      the: 그 0.90, 고양이 0.10
      cat: 가 0.60, 그 0.20, 고양이 0.20
      1 of 2 tokens with a right link have their largest weight on one

    In JupyterLab all arguments after ``hide`` are traits that follow the reader: the head that is looked at is
    ``explorer.heads``. :meth:`save` writes one file that needs no network.

    Args:
        weights: each query's weights on the keys: (T, S), (H, T, S) or (L, H, T, S) for L layers, H heads, T queries
            and S keys. A tensor of any type and device, an array, lists, or a tuple of the tensors of the layers, as
            ``transformers`` returns with ``output_attentions=True``; there a batch axis of one is left out.
        tokens: T strings, the queries; of self-attention the keys as well.
        key_tokens: S strings, where the keys are other tokens than the queries, as in translation.
        gold: right links, pairs (query, key) counted from 0, to be drawn over the weights.
        hide: tokens that are not shown at first, such as ``["[CLS]", "[SEP]"]``. The weights on the others are made to
            sum to what they summed to with them.
        layer: the layer that is shown first, from 0.
        heads: the heads that are shown first, from 0.
        mean: whether the mean of the heads is shown, and not each in its colour.
        view: ``"lines"``, ``"map"`` or ``"both"``.
        threshold: lines of less weight are not drawn.
        sharpness: the power to which the weights are raised before they are made to sum to what they did, 0.1 to 10.
        query, key: numbers of the tokens that are looked at first, or ``None``.
        overview: whether small maps of all heads are shown.
        language: of the buttons, ``"en"`` or ``"ko"``; empty means the language of the page.

    Raises:
        ValueError: shapes that do not fit the tokens, negative numbers or such that are not finite, more than 256
            tokens on a side or 1,024 heads, weights that make more than 200 KB; or another argument is out of range.

    Weights are stored in steps of 1/255 of the largest one, or of 1 if that is less. That no row sums to more or less
    than 1 is not demanded, but the page says so, since such weights are most often scores from before the softmax.
    """

    data = t.Bytes().tag(sync=True)
    shape = t.List(t.Int()).tag(sync=True)
    scale = t.Float(1.0).tag(sync=True)
    sums = t.List(t.Float()).tag(sync=True)
    tokens = t.List(t.Unicode()).tag(sync=True)
    key_tokens = t.List(t.Unicode()).tag(sync=True)
    cross = t.Bool(False).tag(sync=True)
    gold = t.List(t.List(t.Int())).tag(sync=True)
    graded = t.Bool(False).tag(sync=True)
    layer = t.Int(0, min=0).tag(sync=True)
    heads = t.List(t.Int(min=0), [0]).tag(sync=True)
    mean = t.Bool(False).tag(sync=True)
    view = t.Enum(["lines", "map", "both"], "both").tag(sync=True)
    threshold = t.Float(0.05, min=0.0, max=1.0).tag(sync=True)
    sharpness = t.Float(1.0, min=0.1, max=10.0).tag(sync=True)
    query = t.Int(None, allow_none=True, min=0).tag(sync=True)
    key = t.Int(None, allow_none=True, min=0).tag(sync=True)
    hidden_queries = t.List(t.Int(min=0)).tag(sync=True)
    hidden_keys = t.List(t.Int(min=0)).tag(sync=True)
    overview = t.Bool(False).tag(sync=True)
    language = t.Enum(["", "en", "ko"], "").tag(sync=True)

    def __init__(self, weights, tokens, key_tokens=None, *, gold=None, hide=(), **kwargs):
        cross = key_tokens is not None
        tokens = _strings(tokens, "tokens")
        key_tokens = _strings(key_tokens, "key_tokens") if cross else tokens
        array = _weights(weights, tokens, key_tokens, cross)  # (L, H, T, S)
        layers, heads, queries, keys = array.shape
        scale = max(1.0, float(array.max()))
        levels = np.rint(array * (LEVELS / scale)).astype(np.uint8)
        self._stored = levels * (scale / LEVELS)  # what the page has
        links = _links(gold, queries, keys)
        data = _rice(levels.reshape(-1, keys))
        texts = json.dumps([tokens, key_tokens if cross else [], links], ensure_ascii=False)
        self.check_room(
            base64_size(data) + len(texts.encode()),
            f"{layers} layers of {heads} heads over {queries} queries and {keys} keys",
            "take fewer layers, heads or tokens, such as weights[:6]",
        )
        if isinstance(hide, str):
            raise ValueError(f"hide is a list of tokens, not the string {hide!r:.80}")
        hide = list(hide)
        missing = [each for each in hide if each not in tokens and each not in key_tokens]
        if missing:
            raise ValueError(f"hide names {', '.join(map(repr, missing))}, and no token is that: {tokens!r:.120}")
        for name, items in [("hidden_queries", tokens), ("hidden_keys", key_tokens)]:
            kwargs.setdefault(name, [i for i, token in enumerate(items) if token in hide])
        if isinstance(kwargs.get("heads"), int):
            kwargs["heads"] = [kwargs["heads"]]
        try:
            super().__init__(
                data=data, shape=list(array.shape), scale=scale, sums=_sums(array), tokens=tokens,
                key_tokens=key_tokens if cross else [], cross=cross, gold=links, graded=gold is not None, **kwargs,
            )  # fmt: skip
        except t.TraitError as error:
            raise ValueError(str(error)) from None
        for name, size in [("layer", layers), ("heads", heads), ("query", queries), ("key", keys),
                           ("hidden_queries", queries), ("hidden_keys", keys)]:  # fmt: skip
            value = getattr(self, name)
            for number in value if isinstance(value, list) else [] if value is None else [value]:
                if number >= size:
                    raise ValueError(f"{name}: there are {size}, counted from 0, and {number} is none of them")
        if not self.heads:
            raise ValueError("heads is empty: show at least one head, such as heads=[0]")

    def _sides(self):
        """The tokens of both sides, and the numbers of those that are shown."""
        keys = self.key_tokens if self.cross else self.tokens
        sides = [(self.tokens, self.hidden_queries), (keys, self.hidden_keys)]
        return [(tokens, [i for i in range(len(tokens)) if i not in hidden]) for tokens, hidden in sides]

    def _seen(self, weights):
        """Weights (..., T, S) without the hidden tokens, sharpened."""
        (_, rows), (_, columns) = self._sides()
        sums = weights[..., rows, :].sum(-1, keepdims=True)
        weights = weights[..., rows, :][..., columns] ** self.sharpness
        found = weights.sum(-1, keepdims=True)
        return np.divide(weights * sums, found, out=np.zeros_like(weights), where=found > 0)

    def shown(self):
        """What is shown now.

        Returns:
            ``(queries, keys, weights)``: the tokens that are not hidden, T' and S' of them, and the mean of the weights
            of the chosen heads on them, (T', S').
        """
        (queries, rows), (keys, columns) = self._sides()
        weights = self._seen(self._stored[self.layer][self.heads]).mean(0)
        return [queries[i] for i in rows], [keys[i] for i in columns], weights

    def pointing(self):
        """How many shown queries have their largest weight on a right key, and how many have a right key.

        Returns:
            Two numbers, or ``None`` without ``gold``. Of equal weights the first counts.
        """
        return _pointing(self.shown()[2], self._right()) if self.graded else None

    def _right(self):
        """The right links between shown tokens, as places among them."""
        (_, rows), (_, columns) = self._sides()
        return [(rows.index(q), columns.index(k)) for q, k in self.gold if q in rows and k in columns]

    def grades(self):
        """Of each head the share of queries with a right key whose largest weight is on one: (L, H), or ``None``."""
        if not self.graded:
            return None
        found = np.array([[_pointing(head, self._right()) for head in layer] for layer in self._seen(self._stored)])
        with np.errstate(invalid="ignore"):
            return found[..., 0] / found[..., 1]

    def _title(self):
        heads = ", ".join(map(str, self.heads))
        return f"layer {self.layer}, head{'s' if len(self.heads) > 1 else ''} {heads}"

    def summary(self):
        """What the explorer shows first, as text: where each query looks most."""
        layers, heads, _, _ = self.shape
        queries, keys, weights = self.shown()
        size = f"{layers} layer{'s' * (layers > 1)} of {heads} head{'s' * (heads > 1)}"
        lines = [f"AttentionExplorer, {size}, {len(self.tokens)} queries, {self.shape[3]} keys: {self._title()}"]
        for query, row in list(zip(queries, weights, strict=True))[:32]:
            best = sorted(range(len(row)), key=lambda k: -row[k])[:3]  # noqa: B023 (used at once)
            seen = ", ".join(f"{_visible(keys[k])[:40]} {row[k]:.2f}" for k in best if row[k] >= 0.005)
            lines.append(f"  {_visible(query)[:40]}: {seen or '-'}")
        if len(queries) > 32:
            lines.append(f"  and {len(queries) - 32} more")
        if self.graded:
            right, of = self.pointing()
            lines.append(f"  {right} of {of} tokens with a right link have their largest weight on one")
        if self.sums:
            count, of, low, high = self.sums
            lines.append(f"  {count:.0f} of {of:.0f} rows do not sum to 1 but to {low:.2f} to {high:.2f}: "
                         "are these scores from before the softmax?")  # fmt: skip
        return "\n".join(lines)

    def picture(self, figure):
        """The lines, the map, or both, as the explorer shows them first."""
        queries, keys, weights = self.shown()
        if not queries or not keys:
            return False
        names = [[_label(token) for token in side] for side in (queries, keys)]
        kinds = ["lines", "map"] if self.view == "both" else [self.view]
        for axes, kind in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds, strict=True):
            (self._draw_lines if kind == "lines" else self._draw_map)(axes, names, weights)
        figure.suptitle(self._title(), fontsize=10, color="#808080")
        return True

    def _draw_lines(self, axes, names, weights):
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path as Curve

        from lmcourse import plots

        size = _font(max(map(len, names)))
        most = max(map(len, names))
        places = [np.arange(len(side)) * (most / len(side)) + 0.5 * most / len(side) for side in names]
        for x, side, places_, align in [(0, names[0], places[0], "right"), (1, names[1], places[1], "left")]:
            for name, y in zip(side, places_, strict=True):
                axes.text(x + (0.03 if x else -0.03), y, name, ha=align, va="center", fontsize=size)

        def line(q, k, **style):
            points = [(0, places[0][q]), (0.45, places[0][q]), (0.55, places[1][k]), (1, places[1][k])]
            curve = Curve(points, [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4])
            axes.add_patch(PathPatch(curve, fill=False, capstyle="round", **style))

        single = self._seen(self._stored[self.layer][self.heads])  # (H', T', S')
        layers = [(weights, plots.PALETTE[0])] if self.mean or len(single) == 1 else [
            (each, plots.PALETTE[n % len(plots.PALETTE)]) for n, each in enumerate(single)
        ]  # fmt: skip
        for each, color in layers:
            for (q, k), w in np.ndenumerate(each):
                if w >= max(self.threshold, 0.002):
                    line(q, k, color=color, alpha=min(1, 0.1 + 0.9 * w), linewidth=0.6 + 3 * min(1, w))
        for q, k in self._right():
            line(q, k, color="#d97706", linewidth=1.2, linestyle=(0, (4, 3)))
        axes.set(xlim=(-0.02, 1.02), ylim=(most, 0))
        axes.axis("off")

    def _draw_map(self, axes, names, weights):
        from matplotlib.patches import Rectangle

        from lmcourse import plots

        axes.imshow(weights, cmap=plots.SHADES, vmin=0, vmax=weights.max() or 1, aspect="auto")
        axes.set_xticks(range(len(names[1])), names[1], rotation=90, fontsize=_font(len(names[1])))
        axes.set_yticks(range(len(names[0])), names[0], fontsize=_font(len(names[0])))
        axes.tick_params(length=0, labeltop=True, labelbottom=False)
        axes.spines[:].set_visible(False)
        axes.grid(False)
        for row, column in self._right():
            frame = Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="#d97706", linewidth=1.6)
            axes.add_patch(frame)

    def save(self, path):
        """Write what is shown now into one file.

        Args:
            path: ends in ``.html`` for the explorer itself, a page that asks no other host for anything and can be
                opened without a network; in ``.svg`` or ``.png`` for a picture.

        Returns:
            The path.

        Raises:
            ValueError: another ending; or a picture of tokens all of which are hidden.
        """
        path = Path(path)
        kind = path.suffix.lower()
        if kind == ".html":
            path.write_text(self._page(path.stem), encoding="utf-8")
        elif kind in (".svg", ".png"):
            path.write_bytes(self._drawn(kind[1:]))
        else:
            raise ValueError(f"a file ends in .html, .svg or .png, not {path.name!r}")
        return path

    def _drawn(self, kind):
        from matplotlib import rc_context
        from matplotlib.figure import Figure

        from lmcourse import plots

        queries, keys, _ = self.shown()
        most = max(len(queries), len(keys))
        with rc_context(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a sign that no font has
            plots.use_style()
            figure = Figure(figsize=(10 if self.view == "both" else 6, min(60, max(3.2, 0.9 + 0.26 * most))),
                            layout="constrained")  # fmt: skip
            if not self.picture(figure):
                raise ValueError("there is nothing to draw: all tokens are hidden")
            file = io.BytesIO()
            metadata = {"Date": None} if kind == "svg" else {"Software": None}
            with rc_context({"svg.hashsalt": "lmcourse"}):
                figure.savefig(file, format=kind, dpi=200, facecolor="white", metadata=metadata)
        return file.getvalue()

    def _page(self, title):
        """The explorer as a page: its state, and the script that brings widgets to life in the book."""
        from ipywidgets.embed import dependency_state, embed_data

        state = dependency_state([self], drop_defaults=False)
        found = embed_data(views=[self], drop_defaults=False, state=state)
        # The extension itself needs Sphinx, which a reader of the notebooks does not have.
        static = Path(__file__).parents[1] / "sphinxext" / "static" / "lmcourse"
        host = (static / "widget-host.js").read_text(encoding="utf-8")
        return PAGE.format(
            language=self.language or "en",
            title=_escaped(title),
            state=_in_script(found["manager_state"]),
            view=_in_script(found["view_specs"][0]),
            host=host,
        )


# Dark where the reader's system is: the widget knows it from the theme of the page.
PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ margin: clamp(0.5rem, 3vw, 2rem); }}
.lm-explorer {{ margin: 0 auto; max-width: 64rem !important; }}
</style>
<script>
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => (document.documentElement.dataset.theme = dark.matches ? "dark" : "light");
dark.addEventListener("change", follow);
follow();
</script>
</head>
<body>
<script type="application/vnd.jupyter.widget-state+json">{state}</script>
<script type="application/vnd.jupyter.widget-view+json">{view}</script>
<script>
{host}</script>
</body>
</html>
"""


def _in_script(value):
    """JSON that no text in it can end: <, > and & only occur in its strings."""
    text = json.dumps(value, ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _visible(token):
    """A token as it is shown: without the mark of a word's beginning, never nothing, on one line."""
    marked = token[1:] if token[:1] in "▁Ġ" and len(token) > 1 else token
    marked = {"": "∅", " ": "␣", "Ċ": "⏎"}.get(marked, marked)
    marked = marked.replace("\n", "⏎").replace("\t", "⇥")
    return "".join(c if c.isprintable() or c in "\u200c\u200d" else "·" for c in marked)


def _label(token):
    shown = _visible(token)
    return (shown if len(shown) <= 16 else shown[:15] + "…").replace("$", r"\$")


def _font(count):
    return 10 if count <= 14 else 8 if count <= 24 else 6 if count <= 40 else 4


def _strings(values, what):
    if isinstance(values, str):
        raise ValueError(f"{what} is a list of strings, not the string {values!r:.80}: split it as the model did")
    try:
        values = [value.item() if isinstance(value, np.generic) else value for value in values]
    except TypeError:
        raise ValueError(f"{what} is a list of strings, not {values!r:.80}") from None
    for value in values:
        if not isinstance(value, str):
            raise ValueError(f"{what} is a list of strings, and {value!r:.80} is none: turn ids into tokens first")
    if not 1 <= len(values) <= LONGEST:
        raise ValueError(f"{what} has {len(values):,} tokens, and a figure shows 1 to {LONGEST}")
    # A half of a surrogate pair has no bytes: what cannot be sent is shown as what it is, broken.
    return [value.encode("utf-8", "replace").decode("utf-8") for value in values]


def _array(weights):
    """Numbers of whatever was passed."""
    if isinstance(weights, (list, tuple)) and any(hasattr(each, "detach") for each in weights):
        shapes = {tuple(getattr(each, "shape", ())) for each in weights}
        if len(shapes) > 1:
            raise ValueError(f"the layers have different shapes, {sorted(shapes, key=str)}: pass those of one shape")
        weights = np.stack([_array(each) for each in weights])
    if hasattr(weights, "detach"):
        weights = weights.detach().cpu()
        if weights.is_complex():
            raise ValueError(f"weights are real numbers, not {weights.dtype}")
        weights = weights.double().numpy()
    try:
        array = np.asarray(weights)
        if array.dtype.kind not in "fiub":
            raise TypeError
    except (TypeError, ValueError):
        raise ValueError(f"weights are an array of numbers, not {weights!r:.80}") from None
    return array.astype(float)


def _weights(weights, tokens, key_tokens, cross):
    """Weights of shape (L, H, T, S), or a ValueError that says in words what is wrong with them."""
    array = _array(weights)
    shape = array.shape
    if array.ndim == 5 and shape[1] == 1:  # (L, 1, H, T, S): a batch of one
        array = array[:, 0]
    elif array.ndim == 5 and shape[0] == 1:
        array = array[0]
    if array.ndim not in AXES:
        said = f"weights have the shape {shape}, and it should be {', '.join(AXES.values())}"
        if array.ndim == 5:
            said += f": if axis 1 is a batch of {shape[1]} texts, take one of them, weights[:, 0]"
        elif array.ndim == 1:
            said += ": one row for each query, even if there is one query only, weights[None]"
        raise ValueError(said)
    if 0 in array.shape:
        raise ValueError(f"weights have the shape {shape}: there are none")
    queries, keys = len(tokens), len(key_tokens)
    if array.shape[-2:] != (queries, keys):
        raise ValueError(_misfit(array, shape, queries, keys, cross))
    array = array.reshape((1,) * (4 - array.ndim) + array.shape)
    if array.shape[0] * array.shape[1] > HEADS:
        raise ValueError(f"a figure shows up to {HEADS:,} heads, not {array.shape[0]} layers of {array.shape[1]}")
    strange = ~np.isfinite(array)
    if strange.any():
        where = tuple(map(int, np.argwhere(strange)[0]))
        said = f"{strange.sum():,} weights are not finite: the first, of layer {where[0]}, head {where[1]}, query "
        said += f"{where[2]} and key {where[3]}, is {array[where]}"
        if np.isnan(array[where]):
            said += "; a softmax over masked scores only gives NaN"
        elif array[where] < 0:
            said += "; these look like masked scores from before the softmax"
        raise ValueError(said)
    if array.min() < -1e-6:
        where = tuple(map(int, np.argwhere(array < -1e-6)[0]))
        raise ValueError(
            f"{(array < -1e-6).sum():,} weights are negative: the first, of layer {where[0]}, head {where[1]}, query "
            f"{where[2]} and key {where[3]}, is {array[where]:.4g}. These look like scores from before the softmax: "
            "pass weights.softmax(-1)"
        )
    return array.clip(0)


def _misfit(array, shape, queries, keys, cross):
    """What is wrong with weights whose last two axes are not (queries, keys)."""
    expected = f"(..., {queries}, {keys})"
    given = f"{queries} tokens and {keys} key_tokens" if cross else f"{queries} tokens"
    said = f"weights have the shape {shape} for {given}, not {expected}: "
    rows, columns = array.shape[-2:]
    if (rows, columns) == (keys, queries):
        said += "a row is a query and a column a key, so turn them over with weights.swapaxes(-1, -2)"
        return f"{said}, or swap tokens and key_tokens" if cross else said
    if array.ndim >= 3 and array.shape[-3:-1] == (queries, keys):
        return said + "an axis is left at the end, for example one of heads; it belongs before the queries"
    if rows == queries:
        return said + f"each query has {columns} weights, so pass the {columns} tokens it looks at as key_tokens"
    off = rows - queries
    if rows == columns and 0 < off <= 4:
        return said + f"the model read {off} more, perhaps marks like [CLS] that its tokenizer adds or padding"
    if rows == columns and off < 0:
        return said + f"the model read {-off} fewer: pass the tokens that it was given, not those of the whole text"
    return said + "the last two axes are queries and keys"


def _sums(array):
    """Of rows that do not sum to 1: how many, of how many, and between what they sum to; nothing if all do.

    A row of zeros is a query that may look nowhere.
    """
    sums = array.sum(-1)
    off = (np.abs(sums - 1) > OFF) & (sums > 0)
    return [float(off.sum()), float(off.size), float(sums[off].min()), float(sums[off].max())] if off.any() else []


def _links(gold, queries, keys):
    links = []
    for pair in [] if gold is None else gold:
        try:
            query, key = (int(n) if int(n) == n else -1 for n in pair)
        except (TypeError, ValueError):
            raise ValueError(f"gold has pairs (query, key), and {pair!r:.80} is none") from None
        if not (0 <= query < queries and 0 <= key < keys):
            raise ValueError(f"the right link {pair!r} is outside of {queries} queries and {keys} keys, counted from 0")
        if [query, key] not in links:
            links.append([query, key])
    return links


def _pointing(weights, right):
    """How many rows of weights (T, S) with right links have their largest weight on one, and how many there are."""
    rows = sorted({q for q, _ in right})
    return sum((q, int(weights[q].argmax())) in right for q in rows), len(rows)


def _rice(values):
    """Whole numbers of 0 to 255 in few bits if most are small: Rice's code, row by row. (N, S) uint8

    A row begins with 3 bits for k. A number is v >> k ones and a zero, and then the k low bits of v. Weights that sum
    to 1 take no more than 5 bits each if there are 32 of them, whatever they are.
    """
    values = values.astype(np.int64)
    costs = [(values >> k).sum(1) + values.shape[1] * (1 + k) for k in range(8)]  # in bits
    k = np.argmin(costs, 0)[:, None]  # (N, 1)
    ones = values >> k
    ends = np.cumsum(np.concatenate([np.full_like(k, 3), ones + 1 + k], 1)).reshape(len(values), -1)
    bits = np.zeros(ends[-1, -1], np.uint8)
    for place in range(3):
        bits[ends[:, 0] - 1 - place] = (k[:, 0] >> place) & 1
    count, first = ones.ravel(), ends[:, :-1].ravel()
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    bits[np.repeat(first, count) + within] = 1
    for place in range(7):
        has = np.broadcast_to(k > place, values.shape)
        bits[ends[:, 1:][has] - 1 - place] = (values[has] >> place) & 1
    return np.packbits(bits).tobytes()
