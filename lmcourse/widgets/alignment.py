"""The alignment explorer: a trained translator with attention that shows where it looks (chapter 06)."""

import json
from collections.abc import Mapping

import traitlets as t

from lmcourse import text as units
from lmcourse.widgets.base import Explorer, base64_size
from lmcourse.widgets.translation import SHIPPED, TranslationModel, _visible

__all__ = ["AlignmentExplorer"]

GOLD = "target", "links", "pieces"


class AlignmentExplorer(Explorer):
    """A translator with attention that runs in the page: which piece of the source each written word looked at.

    The reader can change the weights and see what that does to the output: take pieces out, make the weights sharper,
    put all weight on one piece at one step, or choose another word. In JupyterLab all arguments but ``model``,
    ``truth`` and ``gold`` are traits that follow the reader: what was typed is ``explorer.text``.

    Args:
        model: what :func:`translation_model` made of a translator with attention.
        text: what stands in the text field at first; ``None`` means the first of the model's examples.
        truth: right translations by source text, to set beside the output.
        gold: right links by source text. Each is a mapping with the reference as ``"target"``, a text or its pieces,
            and ``"links"``, pairs (place in the target, place in the source); ``"pieces"`` are those of the source that
            the links count, and where they are missing it is cut as the page cuts it. The links are shown where the
            output is that reference and the page has cut the source into those pieces.
        view: ``"lines"``, ``"map"`` or ``"both"``.
        sharpness: the power to which the weights are raised, 0 (all alike) to 20 (nearly all on one piece).
        threshold: lines of less weight are not drawn.
        step: the written word that is looked at, from 0; ``None`` means all of them.
        out: places of source pieces at which the decoder may not look, from 0.
        unread: whether the encoder does not read them either.
        forced: ids of the first output pieces, in the place of what the decoder would have taken.
        pointed: pairs [step, place]: at that step all the weight is on that piece; -1 spreads it evenly.
        language: of the buttons, ``"en"`` or ``"ko"``; empty means the language of the page.

    Raises:
        ValueError: the model has no attention, or makes more than 256 KB; links do not fit their sentence; or another
            argument is out of range.
    """

    room = 256_000  # a whole network is in the page

    network = t.Dict().tag(sync=True)
    truth = t.Dict(value_trait=t.Unicode(), key_trait=t.Unicode()).tag(sync=True)
    gold = t.Dict(key_trait=t.Unicode()).tag(sync=True)
    text = t.Unicode("").tag(sync=True)
    view = t.Enum(["lines", "map", "both"], "lines").tag(sync=True)
    sharpness = t.Float(1.0, min=0.0, max=20.0).tag(sync=True)
    threshold = t.Float(0.05, min=0.0, max=1.0).tag(sync=True)
    step = t.Int(None, allow_none=True, min=0).tag(sync=True)
    out = t.List(t.Int(min=0)).tag(sync=True)
    unread = t.Bool(False).tag(sync=True)
    forced = t.List(t.Int(min=0)).tag(sync=True)
    pointed = t.List(t.List(t.Int(min=-1), minlen=2, maxlen=2)).tag(sync=True)
    language = t.Enum(["", "en", "ko"], "").tag(sync=True)

    def __init__(self, model, text=None, truth=None, gold=None, **kwargs):
        if not isinstance(model, TranslationModel):
            raise ValueError(f"expected what translation_model made, not {model!r:.80}")
        if model.score is None:
            raise ValueError("a translator without attention looks at nothing: TranslationExplorer shows what it does")
        self._model = model
        truth = {} if truth is None else truth
        gold = _links(model, {} if gold is None else gold)
        self.check_room(
            base64_size(model.data) + sum(len(json.dumps(each, ensure_ascii=False, default=str).encode())
                                          for each in (truth, gold)),
            f"{model.parameters:,} weights at {model.bits} bits",
            "take fewer bits in translation_model, a narrower network, or a smaller vocabulary",
        )  # fmt: skip
        text = next(iter(model.examples), "") if text is None else text
        if any(i not in range(len(model.target)) for i in kwargs.get("forced", ())):
            raise ValueError(f"forced are ids below {len(model.target)}, not {kwargs['forced']!r:.80}")
        shipped = {key: getattr(model, key) for key in SHIPPED}
        try:
            if "pointed" in kwargs:
                kwargs["pointed"] = [list(pair) for pair in kwargs["pointed"]]
            super().__init__(network=shipped, text=text, truth=truth, gold=gold, **kwargs)
        except (t.TraitError, TypeError) as error:
            raise ValueError(str(error)) from None

    def _shown(self):
        changes = {name: getattr(self, name) for name in ("out", "unread", "sharpness", "pointed", "forced")}
        return self._model.translate(self.text, **changes)

    def pointing(self):
        """How many written words have their largest weight on a right piece, and how many have a right piece.

        Returns:
            Two numbers, or ``None`` where no right links are shown.
        """
        found, gold = self._shown(), self.gold.get(self.text)
        written = [piece for piece in found.output if piece != "</s>"]
        if gold is None or found.pieces != gold["pieces"] or written != gold["target"]:
            return None
        right = {row: {s for t, s in gold["links"] if t == row} for row in range(len(written))}
        hits = [int(found.attention[row].argmax()) in places for row, places in right.items() if places]
        return sum(hits), len(hits)

    def summary(self):
        """What the explorer shows first, as text: the pieces, the output, and where each word looked most."""
        found = self._shown()
        lines = [
            f"AlignmentExplorer, {' to '.join(self._model.cells)}, {self._model.score} attention: {self.text[:80]!r}",
            f"  reads    {' | '.join(map(_visible, found.pieces))}",
            f"  writes   {found.text}",
        ]
        if found.pieces:
            for piece, weights in zip(found.output[:30], found.attention, strict=False):
                best = sorted(range(len(weights)), key=lambda s: -weights[s])[:3]  # noqa: B023 (used at once)
                seen = ", ".join(f"{_visible(found.pieces[s])} {weights[s]:.2f}" for s in best if weights[s] >= 0.005)
                lines.append(f"    {_visible(piece)}: {seen or '-'}")
        if self.text in self.truth:
            lines.append(f"  right    {self.truth[self.text]}")
        if (right := self.pointing()) is not None:
            lines.append(f"  {right[0]} of {right[1]} words look most at a right piece")
        return "\n".join(lines)

    def picture(self, figure):
        """The weights as a map: a row for each written piece, a column for each piece of the source."""
        found = self._shown()
        if not found.pieces:
            return False
        axes = figure.subplots()
        weights = found.attention[:30, :40]
        axes.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        names = [[_visible(piece).replace("$", r"\$")[:12] for piece in side] for side in (found.pieces, found.output)]
        axes.set_xticks(range(weights.shape[1]), names[0][:40], rotation=90 if weights.shape[1] > 9 else 0)
        axes.set_yticks(range(len(weights)), names[1][:30])
        axes.xaxis.tick_top()
        axes.grid(False)
        if self.pointing() is not None:
            for row, column in self.gold[self.text]["links"]:
                if row < 30 and column < 40:
                    axes.add_patch(_frame(column, row))
        return True


def _frame(column, row):
    """A frame around a cell: a right link."""
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="#d97706", linewidth=2)


def _links(model, gold):
    """The right links as the page gets them: a target, links, and the pieces of the source."""
    if not isinstance(gold, Mapping):
        raise ValueError(f"gold has right links by source text, not {gold!r:.80}")
    found = {}
    for text, each in gold.items():
        if not isinstance(text, str) or not isinstance(each, Mapping) or not {"target", "links"} <= set(each):
            raise ValueError(
                f"right links of a text are a dict of 'target' and 'links', not {text!r:.60}: {each!r:.80}"
            )
        if extra := set(each) - set(GOLD):
            raise ValueError(f"right links have {', '.join(GOLD)}, not {', '.join(map(repr, sorted(extra, key=str)))}")
        target, pieces = each["target"], each.get("pieces")
        if isinstance(target, str):
            if model.target_unit == "morpheme":
                raise ValueError(f"a target of morphemes is given as a list of its pieces, not as {target!r:.80}")
            target = units.split(target, model.target_unit)
        target = list(map(str, target))
        pieces = model.cut(text) if pieces is None else list(map(str, pieces))
        if units.join(pieces, model.source_unit) != text:
            raise ValueError(f"the pieces {pieces!r:.120} do not make the text {text!r:.80}")
        links = []
        for pair in each["links"]:
            if not _is_pair(pair):
                raise ValueError(f"a link is a pair (place in the target, place in the source), not {pair!r:.80}")
            row, column = map(int, pair)
            if row >= len(target) or column >= len(pieces):
                raise ValueError(
                    f"a link of {text!r:.60} is ({row}, {column}), "
                    f"and there are {len(target)} pieces in its target and {len(pieces)} in its source"
                )
            links.append([row, column])
        found[text] = {"target": target, "links": links, "pieces": pieces}
    return found


def _is_pair(pair):
    try:
        return len(pair) == 2 and all(int(n) == n and n >= 0 for n in pair)
    except (TypeError, ValueError):
        return False
