"""The context map: texts as points in the plane, each with its nearest neighbours (chapter 03)."""

import json
from collections.abc import Mapping

import numpy as np
import traitlets as t

from lmcourse.widgets.base import Explorer, base64_size

__all__ = ["ContextMap"]

POINTS = 1000
CLASSES = 36  # six colours and six shapes
STEPS = 65535  # a position is stored in steps of 1/65535 of the map's width


class ContextMap(Explorer):
    """Texts as points in the plane: what stands near what, and which of them have the same label.

    >>> texts = ["a ripe pear", "the boat sails", "a sweet pear"]
    >>> vectors = np.array([[1.0, 0.1], [0.0, 1.0], [0.9, 0.0]])
    >>> print(ContextMap(vectors, texts, ["fruit", "ship", "fruit"], vectors=vectors, neighbours=1).summary())
    ContextMap, 3 points
      fruit  2  ●  1 neighbour of the same label: 100%
      ship   1  ■  1 neighbour of the same label: 0%

    Pointing at a point shows its text, its label and its neighbours. In JupyterLab all arguments after
    ``vectors`` are traits that follow the reader: the point that was clicked on is ``explorer.chosen``.

    Args:
        points: the places of N items, (N, 2); or several maps of the same items by name
            (``{"before": ..., "after": ...}``), between which the points move.
        texts: N strings.
        labels: N strings; or several labelings by name (``{"sense": [...], "tense": [...]}``).
        vectors: the vectors (N, D) behind the points, to find neighbours by the cosine of the angle between
            them; a dictionary by name where the maps differ in this. ``None`` finds them in the plane.
        neighbours: how many neighbours of a point are shown; 0 or ``None`` means none.
        spans: for each text ``(start, end)`` of the part to be marked in it, or ``None``.
        map: the number of the map to show first.
        colour: the number of the labeling to show first.
        chosen: the number of the item that is looked at first, or ``None``.
        query: what stands in the search field at first.
        hidden: labels whose points are not shown.
        language: of the buttons, ``"en"`` or ``"ko"``; empty means the language of the page.

    Raises:
        ValueError: shapes that do not fit together, numbers that are not finite, more than 1,000 points or 36
            labels, texts that make more than 200 KB; or another argument is out of range.
    """

    data = t.Bytes().tag(sync=True)
    size = t.Int(0).tag(sync=True)
    maps = t.List(t.Unicode()).tag(sync=True)
    labelings = t.List(t.Dict()).tag(sync=True)
    neighbours = t.Int(0).tag(sync=True)
    by_cosine = t.Bool(False).tag(sync=True)
    map = t.Int(0, min=0).tag(sync=True)
    colour = t.Int(0, min=0).tag(sync=True)
    chosen = t.Int(None, allow_none=True, min=0).tag(sync=True)
    query = t.Unicode("").tag(sync=True)
    hidden = t.List(t.Unicode()).tag(sync=True)
    language = t.Enum(["", "en", "ko"], "").tag(sync=True)

    def __init__(self, points, texts, labels=None, *, vectors=None, neighbours=5, spans=None, **kwargs):
        self._texts = _strings(texts, "texts")
        count = len(self._texts)
        if not 1 <= count <= POINTS:
            raise ValueError(f"a map has 1 to {POINTS:,} points, not {count:,}")
        maps = points if isinstance(points, Mapping) else {"": points}
        self._maps = {_name(name): _matrix(each, f"points {name!r}", count, 2) for name, each in maps.items()}
        if not self._maps:
            raise ValueError("there is no map: points is an empty dictionary")
        if labels is None:
            labels = {}
        self._labels = {
            _name(name): _strings(each, f"labels {name!r}", count)
            for name, each in (labels if isinstance(labels, Mapping) else {"": labels}).items()
        }
        neighbours = self._check_neighbours(neighbours, count)
        self._nearest = {}
        for name, plane in self._maps.items():
            behind = vectors.get(name) if isinstance(vectors, Mapping) else vectors
            if vectors is not None and behind is None:
                raise ValueError(f"there are vectors for {', '.join(map(repr, vectors))}, but none for {name!r}")
            behind = None if behind is None else _matrix(behind, f"vectors {name!r}", count)
            self._nearest[name] = _nearest(plane, behind, neighbours)
        labelings = []
        for name, each in self._labels.items():
            classes = list(dict.fromkeys(each))
            if len(classes) > CLASSES:
                raise ValueError(f"a map shows up to {CLASSES} different labels, not {len(classes)}")
            labelings.append({"name": name, "classes": classes})
        parts = [
            json.dumps([self._texts, _spans(spans, self._texts)], ensure_ascii=False, separators=(",", ":")).encode()
        ]
        parts[:0] = [len(parts[0]).to_bytes(4, "little")]
        parts += [_places(plane).tobytes() for plane in self._maps.values()]
        parts += [nearest.astype("<u2").tobytes() for nearest in self._nearest.values()]
        for labeling, each in zip(labelings, self._labels.values(), strict=True):
            parts.append(np.array([labeling["classes"].index(label) for label in each], np.uint8).tobytes())
        data = b"".join(parts)
        self.check_room(base64_size(data), "these texts and neighbours", "take fewer points or neighbours")
        try:
            super().__init__(
                data=data,
                size=count,
                maps=list(self._maps),
                labelings=labelings,
                neighbours=neighbours,
                by_cosine=vectors is not None,
                **kwargs,
            )
        except t.TraitError as error:
            raise ValueError(str(error)) from None
        for trait, size in [("map", len(self._maps)), ("colour", max(1, len(self._labels))), ("chosen", count)]:
            if getattr(self, trait) is not None and getattr(self, trait) >= size:
                raise ValueError(f"{trait} is 0 to {size - 1}, not {getattr(self, trait)}")

    @staticmethod
    def _check_neighbours(neighbours, count):
        neighbours = 0 if neighbours is None else neighbours
        if isinstance(neighbours, bool) or not isinstance(neighbours, int) or neighbours < 0:
            raise ValueError(f"neighbours is a whole number, 0 or more, not {neighbours!r}")
        return min(neighbours, count - 1)

    def agreement(self):
        """How many neighbours have the label of their point: ``{map: {labeling: share}}``, from 0 to 1."""
        shares = {}
        for name, nearest in self._nearest.items():
            shares[name] = {}
            for labeling, labels in self._labels.items():
                each = np.array(labels, dtype=object)
                same = each[nearest] == each[:, None]
                shares[name][labeling] = float(same.mean()) if same.size else float("nan")
        return shares

    def summary(self):
        """What the map shows first, as text: how many points there are of each label."""
        names, labelings = list(self._maps), list(self._labels)
        lines = [f"ContextMap, {self.size:,} points" + (f", {names[self.map]}" if names[self.map] else "")]
        if labelings:
            labels = np.array(self._labels[labelings[self.colour]], dtype=object)
            nearest = self._nearest[names[self.map]]
            classes = self.labelings[self.colour]["classes"]
            width = max(len(_shown(label)) for label in classes)
            for i, label in enumerate(classes):
                mine = labels == label
                line = f"  {_shown(label):<{width}}  {mine.sum()}  {'●■▲◆✚▼'[i % 6]}"
                if nearest.shape[1]:
                    same = (labels[nearest[mine]] == label).mean()
                    what = f"{nearest.shape[1]} neighbour{'s' if nearest.shape[1] > 1 else ''}"
                    line += f"  {what} of the same label: {100 * same:.0f}%"
                lines.append(line)
        return "\n".join(lines)

    def picture(self, figure):
        """All maps side by side, coloured by the labels."""
        from lmcourse import plots

        labels = self._labels[list(self._labels)[self.colour]] if self._labels else [""] * self.size
        classes = list(dict.fromkeys(labels))
        for axes, (name, plane) in zip(
            figure.subplots(1, len(self._maps), squeeze=False)[0], self._maps.items(), strict=True
        ):
            for i, label in enumerate(classes):
                mine = np.array([each == label for each in labels])
                marker, colour = "os^DPv"[(i + i // 6) % 6], plots.PALETTE[i % 6]
                shown = _shown(label)[:24].replace("$", r"\$")
                axes.scatter(*plane[mine].T, s=14, marker=marker, color=colour, label=shown, alpha=0.8)
            axes.set(title=_shown(name)[:40].replace("$", r"\$") if name else "", xticks=[], yticks=[])
            axes.set_aspect("equal", "datalim")
        if any(classes) and len(classes) <= 12:
            axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        return True


def _shown(text):
    """A text without line breaks and other control characters, and never nothing."""
    return "".join(c if c.isprintable() else "·" for c in text) or "∅"


def _name(name):
    if not isinstance(name, str):
        raise ValueError(f"a name is a string, not {name!r}")
    return name


def _strings(values, what, count=None):
    if isinstance(values, str):
        raise ValueError(f"{what} is a list of strings, not the string {values!r:.80}")
    values = [value.item() if isinstance(value, np.generic) else value for value in values]
    for value in values:
        if not isinstance(value, str):
            raise ValueError(f"{what} is a list of strings, and {value!r} is none")
    if count is not None and len(values) != count:
        raise ValueError(f"{what} has {len(values)} items for {count} texts")
    return values


def _matrix(values, what, count, width=None):
    """Finite numbers of shape (count, width)."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().float().numpy()
    try:
        array = np.asarray(values, float)
    except (TypeError, ValueError):
        raise ValueError(f"{what} is an array of numbers, not {values!r:.80}") from None
    if array.ndim != 2 or len(array) != count or (width or array.shape[1]) != array.shape[1] or not array.shape[1]:
        raise ValueError(f"{what} has the shape {array.shape} for {count} texts, not ({count}, {width or 'D'})")
    if not np.isfinite(array).all():
        row = np.flatnonzero(~np.isfinite(array).all(1))[0]
        raise ValueError(f"{what} has numbers that are not finite, in row {row}: {array[row][:8]}")
    return array


def _spans(spans, texts):
    """Pairs of positions, or 0 where there are none."""
    if spans is None:
        return [0] * len(texts)
    spans = list(spans)
    if len(spans) != len(texts):
        raise ValueError(f"spans has {len(spans)} items for {len(texts)} texts")
    checked = []
    for text, span in zip(texts, spans, strict=True):
        if span is None:
            checked.append(0)
            continue
        start, end = (int(place) for place in span)
        if not 0 <= start <= end <= len(text):
            raise ValueError(f"the span {span!r} lies outside a text of {len(text)} characters: {text!r:.80}")
        checked.append([start, end])
    return checked


def _places(plane):
    """Places in a square, both axes on one scale: uint16 (N, 2), the low byte first."""
    low, high = plane.min(0), plane.max(0)
    side = max((high - low).max(), 1e-300)
    return np.rint(((plane - (low + high) / 2) / side + 0.5) * STEPS).astype("<u2")


def _nearest(plane, vectors, count):
    """The numbers of the nearest other items, the nearest first: (N, count)."""
    if vectors is None:
        near = -((plane[:, None] - plane[None]) ** 2).sum(2)  # (N, N)
    else:
        unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-300)
        near = unit @ unit.T
    np.fill_diagonal(near, -np.inf)
    return np.argsort(-near, axis=1, kind="stable")[:, :count]
