"""The attention stepper: the seven steps of a look back at the input, with every number (chapter 06)."""

import json
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import traitlets as t

from lmcourse import plots
from lmcourse import text as units
from lmcourse.widgets.base import Explorer, base64_size

__all__ = ["AttentionStepper"]

STAGES = 7
FEW = 4  # numbers in a vector that are written out, unless asked otherwise
MOST = 6  # and at most
BARS = 8  # predictions of a step
CLOSE = 0.0051  # how far two numbers may differ that were rounded to two decimals


class AttentionStepper(Explorer):
    """The seven steps of attention, forward and back, for any word that a decoder wrote, with every number.

    >>> import numpy as np
    >>> states = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> scores = np.log([[0.7, 0.1, 0.2], [0.1, 0.6, 0.3]])
    >>> predictions = [[("warm", 0.8), ("cold", 0.2)], [("soup", 0.9), ("tea", 0.1)]]
    >>> weights = np.exp(scores)
    >>> stepper = AttentionStepper(
    ...     ["따뜻한", "국", "한 그릇"], ["warm", "soup"], states, weights, scores, weights @ states, predictions
    ... )
    >>> print(stepper.summary())
    AttentionStepper: 3 pieces of source, 2 steps, states of 2 numbers
    step 1 of 2
      1 states      따뜻한 [1.00, 0.00], 국 [0.00, 1.00], 한 그릇 [1.00, 1.00]
      2 scores      따뜻한 −0.36, 국 −2.30, 한 그릇 −1.61
      3 weights     따뜻한 0.70, 국 0.10, 한 그릇 0.20
      4 context     [0.90, 0.30]
      5 input       <s> and the context
      6 prediction  warm 80.0%, cold 20.0%
      7 output      warm
    step 2 of 2: 따뜻한 0.10, 국 0.60, 한 그릇 0.30, writes soup

    Vectors of up to four numbers are written out, and so is every multiplication; longer ones are strips of colours.
    What was passed is checked first: weights are the softmax of the scores, contexts are the states times their
    weights, and scores are what the scorer gives. What was worked out by hand may be rounded to two decimals. The page
    works out weights and contexts itself, from the scores and the states, and so it can change a score and show what
    follows. In JupyterLab ``step``, ``stage``, ``piece``, ``unit`` and ``what_if`` follow the reader.

    Args:
        source: S strings, the pieces that the encoder read.
        target: T strings, the words that the decoder wrote; the last may be ``</s>``.
        states: (S, D), the encoder's.
        weights: (T, S); ``None`` leaves them to the page.
        scores: (T, S), before the softmax; ``None`` if there are a scorer and queries.
        contexts: (T, D); ``None`` leaves them to the page.
        predictions: for each step pairs (word, probability), the likeliest first, of which eight are shown; ``None``
            shows only what was written.
        queries: (T, D'), the states of the decoder that asked.
        hidden: (T, D'), the states of the decoder after the context came in.
        scorer: ``"dot"``, for q · h; a mapping with ``"key"`` (D', D), for q · W h; or one with ``"query"`` (A, D'),
            ``"key"`` (A, D), ``"score"`` (A,) and perhaps ``"bias"`` (A,), for v · tanh(W q + U h + b). Names such as
            ``"key.weight"``, of the ``state_dict()`` of a score of :mod:`lmcourse.attention`, will do.
        numbers: whether vectors are written out; ``None`` means up to four numbers.
        digits: how many decimals, 0 to 4.
        start: what stands before the first word.
        step: the word to look at first, from 0.
        stage: what has happened at first, 1 to 7.
        piece: the piece of the source whose arithmetic is shown, from 0; ``None`` means that of the largest weight.
        unit: the number of a long vector whose arithmetic is shown, from 0; ``None`` means the largest of the context.
        what_if: S scores to put in the place of those of the step; none means those that are.
        language: of the buttons, ``"en"`` or ``"ko"``; empty means the language of the page.

    Raises:
        ValueError: shapes or types that do not fit; numbers that do not follow from each other, with the step and what
            would be right; more than 200 KB; or another argument out of range.
    """

    arrays = t.Dict().tag(sync=True)
    source = t.List(t.Unicode()).tag(sync=True)
    target = t.List(t.Unicode()).tag(sync=True)
    predictions = t.List(t.List()).tag(sync=True)
    scorer = t.Enum(["", "additive", "general", "dot"], "").tag(sync=True)
    numbers = t.Bool(False).tag(sync=True)
    digits = t.Int(2, min=0, max=4).tag(sync=True)
    start = t.Unicode("<s>").tag(sync=True)
    step = t.Int(0, min=0).tag(sync=True)
    stage = t.Int(1, min=1, max=STAGES).tag(sync=True)
    piece = t.Int(None, allow_none=True, min=0).tag(sync=True)
    unit = t.Int(None, allow_none=True, min=0).tag(sync=True)
    what_if = t.List(t.Float()).tag(sync=True)
    language = t.Enum(["", "en", "ko"], "").tag(sync=True)

    def __init__(
        self, source, target, states, weights=None, scores=None, contexts=None, predictions=None, *, queries=None,
        hidden=None, scorer=None, numbers=None, step=0, piece=None, unit=None, what_if=(), **kwargs,
    ):  # fmt: skip
        source, target = _strings(source, "source"), _strings(target, "target")
        S, T = len(source), len(target)
        states = _numbers(states, "states", S, None)
        D = states.shape[1]
        queries = None if queries is None else _numbers(queries, "queries", T, None)
        hidden = None if hidden is None else _numbers(hidden, "hidden", T, None)
        kind, parts = _scorer(scorer, queries, states)
        named = [f"step {n + 1} ({_visible(word)!r})" for n, word in enumerate(target)]
        if scores is None and not kind:
            raise ValueError(
                "scores are needed, (T, S), from before the softmax; or a scorer and queries to work them out"
            )
        found = _score(kind, parts, queries, states)
        scores = found if scores is None else _numbers(scores, "scores", T, S)
        if kind:
            _check_scores(scores, found, kind, parts, queries, states, named, source)
        right = softmax(scores)
        weights = right if weights is None else _numbers(weights, "weights", T, S)
        _check_weights(weights, right, scores, named, source)
        if contexts is not None:
            _check_contexts(_numbers(contexts, "contexts", T, D), weights, right, scores, states, named)
        widest = max(each.shape[1] for each in (states, queries, hidden, *parts.values()) if each is not None)
        if numbers and widest > MOST:
            raise ValueError(f"vectors of up to {MOST} numbers can be written out, not of {widest}: leave numbers out")
        numbers = D <= FEW and widest <= MOST if numbers is None else bool(numbers)
        kept = {"states": states, "scores": scores, "queries": queries, "hidden": hidden}
        kept |= parts if numbers else {}
        # Numbers that can be read are those that were passed; the longer a vector, the less of it is read.
        sizes = {name: 8 if numbers or name == "scores" else 4 if name == "states" else 2 for name in kept}
        arrays = {name: _packed(each, sizes[name]) for name, each in kept.items() if each is not None}
        predictions = _predictions(predictions, target)
        words = json.dumps([source, target, predictions], ensure_ascii=False)
        self.check_room(
            sum(base64_size(each["data"]) for each in arrays.values()) + len(words.encode()),
            f"{S} states of {D} numbers and {T} steps",
            "take a shorter sentence",
        )
        places = ("step", step, T, "step"), ("piece", piece, S, "piece of the source"), ("unit", unit, D, "number")
        for name, value, count, what in places:
            if value is not None and (isinstance(value, bool) or value not in range(count)):
                raise ValueError(f"{name}: there is no {what} {value!r}: there are {count}, from 0")
        what_if = () if what_if is None else what_if
        if len(what_if) and (len(what_if) != S or not np.isfinite(np.asarray(what_if, float)).all()):
            raise ValueError(f"what_if are {S} scores, one for each piece of the source, not {what_if!r:.80}")
        self._states, self._scores = states, scores
        try:
            super().__init__(
                arrays=arrays, source=source, target=target, predictions=predictions, scorer=kind, numbers=numbers,
                step=step, piece=piece, unit=unit, what_if=[float(score) for score in what_if], **kwargs,
            )  # fmt: skip
        except t.TraitError as error:
            raise ValueError(str(error)) from None

    def _now(self):
        """The step that is looked at, and its scores."""
        step = min(self.step, len(self.target) - 1)
        return step, np.array(self.what_if) if len(self.what_if) == len(self.source) else self._scores[step]

    def summary(self):
        """The seven steps of the word that is looked at, and the weights of the other words, as text."""
        at, scores = self._now()
        names, written = [_visible(piece) for piece in self.source], [_visible(word) for word in self.target]

        def listed(values):
            return ", ".join(f"{name} {self._fixed(value)}" for name, value in zip(names, values, strict=True))

        def vector(values):
            return f"[{', '.join(map(self._fixed, values))}]"

        S, D = self._states.shape
        lines = [f"AttentionStepper: {S} pieces of source, {len(written)} steps, states of {D} numbers"]
        for step, word in enumerate(written):
            if step != at:
                weights = listed(softmax(self._scores[step]))
                lines.append(f"step {step + 1} of {len(written)}: {weights}, writes {word}")
                continue
            weights = softmax(scores)
            states = ", ".join(f"{name} {vector(state)}" for name, state in zip(names, self._states, strict=True))
            context = vector(weights @ self._states)
            before = written[step - 1] if step else _visible(self.start)
            bars = ", ".join(f"{_visible(token)} {100 * p:.1f}%" for token, p in self.predictions[step])
            changed = len(self.what_if) == S
            lines += [
                f"step {step + 1} of {len(written)}" + (", with other scores" if changed else ""),
                f"  1 states      {states if self.numbers else f'{S} of {D} numbers'}",
                f"  2 scores      {listed(scores)}",
                f"  3 weights     {listed(weights)}",
                f"  4 context     {context if self.numbers else f'{D} numbers'}",
                f"  5 input       {before} and the context",
            ]
            if changed:
                lines.append("  6 prediction  not known: there is no model here")
            else:
                lines += [f"  6 prediction  {bars or word}", f"  7 output      {word}"]
        return "\n".join(lines)

    def picture(self, figure):
        """All weights as a heat map, and the scores of the word that is looked at as bars."""
        at, scores = self._now()
        weights = softmax(self._scores)
        weights[at] = softmax(scores)
        names, written = (
            [_visible(token).replace("$", r"\$")[:14] for token in tokens] for tokens in (self.source, self.target)
        )
        figure.set_size_inches(6.4, min(9, 1.6 + 0.3 * max(len(written), len(names))))
        left, right = figure.subplots(1, 2, width_ratios=[3, 2])
        plots.heatmap(weights, written, names, ax=left, title="weights")
        for text in list(left.texts):
            if len(names) > 7:  # there is no room for numbers
                text.remove()
        if len("".join(names)) > 24:
            left.set_xticks(left.get_xticks(), names, rotation=90)
        right.barh(range(len(names)), scores, height=0.6)
        right.set_yticks(range(len(names)), names)
        right.invert_yaxis()
        right.axvline(0, color=plots.INK, linewidth=0.8)
        right.set_title(f"scores before {written[at]}")
        return True

    def _fixed(self, value):
        """A number with so many decimals, rounded as the page does it."""
        text = str(Decimal(float(value)).quantize(Decimal(1).scaleb(-self.digits), ROUND_HALF_UP))
        return text.lstrip("-") if not float(text) else text.replace("-", "−")


def softmax(scores, axis=-1):
    """exp(score) over its sum, without overflow."""
    exp = np.exp(scores - scores.max(axis, keepdims=True))
    return exp / exp.sum(axis, keepdims=True)


def _visible(piece):
    """A piece without white space, escapes and control characters, and never nothing."""
    name = "␣" if piece == "▁" else units.join([piece], "word")
    return "".join(c if c.isprintable() else "·" for c in name) or "∅"


def _strings(values, what):
    if isinstance(values, str):
        raise ValueError(f"{what} is a list of strings, not the string {values!r:.80}")
    values = list(values)
    if not values:
        raise ValueError(f"{what} is empty: there is nothing to look at")
    for value in values:
        if not isinstance(value, str):
            raise ValueError(f"{what} is a list of strings, and {value!r:.80} is none")
    return values


def _numbers(values, what, *shape):
    """Finite numbers as float64, of a shape in which ``None`` fits any length above 0."""
    if hasattr(values, "detach"):  # a tensor, of any type and on any device
        values = values.detach().cpu().double().numpy()
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{what} should be numbers in equally long rows, not {values!r:.80}") from None
    fits = len(shape) == array.ndim and all(a == b or b is None for a, b in zip(array.shape, shape, strict=True))
    if not fits or not array.size:
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{what} has the shape {array.shape}, not ({wanted})")
    if not np.isfinite(array).all():
        count = (~np.isfinite(array)).sum()
        raise ValueError(f"{what} has {count} numbers that are not finite; leave out the places that a mask hides")
    if np.abs(array).max() > 60_000:
        raise ValueError(f"{what} has a number beyond 60,000: {array.flat[np.abs(array).argmax()]:.6g}")
    return array


def _packed(array, size):
    """A matrix as bytes, row by row: floating-point numbers of so many bytes."""
    return {"shape": list(array.shape), "size": size, "data": array.astype(f"<f{size}").tobytes()}


def _scorer(scorer, queries, states):
    """The kind of a scorer and its arrays, all of two dimensions: query (A, D'), key, bias (1, A), score (1, A)."""
    if scorer is None:
        return "", {}
    if queries is None:
        raise ValueError("a scorer needs queries, (T, D'): the states of the decoder that asked")
    asked, width = queries.shape[1], states.shape[1]
    if isinstance(scorer, str):
        if scorer != "dot":
            raise ValueError(f"scorer is 'dot' or a mapping of arrays, not {scorer!r:.80}")
        if asked != width:
            raise ValueError(f"a dot product needs vectors of equal width, and queries have {asked}, states {width}")
        return "dot", {}
    if not isinstance(scorer, Mapping):
        raise ValueError(f"scorer is 'dot' or a mapping of arrays, not {scorer!r:.80}")
    names = {"query": "query", "query.weight": "query", "key": "key", "key.weight": "key", "bias": "bias"}
    names |= {"key.bias": "bias", "score": "score", "score.weight": "score"}
    left = {}
    for name, value in scorer.items():
        if name not in names:
            raise ValueError(f"scorer has no use for {name!r}; it has query, key, score and perhaps bias, or key alone")
        left[names[name]] = value
    if set(left) == {"key"}:
        return "general", {"key": _numbers(left["key"], "scorer key", asked, width)}
    if missing := {"query", "key", "score"} - set(left):
        raise ValueError(f"scorer has no {' and no '.join(sorted(missing))}")
    query = _numbers(left["query"], "scorer query", None, asked)
    size = len(query)

    def row(name):  # (A,), or (1, A) as in a layer of torch
        value = left[name].detach().cpu().double().numpy() if hasattr(left[name], "detach") else left[name]
        return _numbers(np.atleast_2d(np.asarray(value)), f"scorer {name}", 1, size)

    bias = row("bias") if "bias" in left else np.zeros((1, size))
    return "additive", {
        "query": query, "key": _numbers(left["key"], "scorer key", size, width), "bias": bias, "score": row("score"),
    }  # fmt: skip


def _score(kind, parts, queries, states):
    """The scores (T, S) that a scorer gives, ``None`` if there is none."""
    if not kind:
        return None
    if kind == "additive":
        keys = states @ parts["key"].T + parts["bias"]  # (S, A)
        return np.tanh(keys + (queries @ parts["query"].T)[:, None]) @ parts["score"][0]
    return queries @ (states if kind == "dot" else states @ parts["key"].T).T


def _hint(row, guesses):
    """What a wrong row turns out to be."""
    for what, guess in guesses.items():
        if guess is not None and np.allclose(row, guess, rtol=0, atol=CLOSE):
            return f". What was passed is {what}"
    return ""


def _check_scores(scores, right, kind, parts, queries, states, named, source):
    wrong = np.abs(scores - right) > CLOSE * np.maximum(1, np.abs(right))
    if not wrong.any():
        return
    step = int(wrong.any(1).argmax())
    place = int(np.abs(scores - right)[step].argmax())
    formula = {"additive": "v · tanh(W q + U h + b)", "general": "q · W h", "dot": "q · h"}[kind]
    guesses = {}
    if kind == "additive":
        sums = (states @ parts["key"].T + parts["bias"] + queries[step] @ parts["query"].T) @ parts["score"][0]
        plain = _score(kind, parts | {"bias": 0 * parts["bias"]}, queries, states)
        guesses = {"the score without its tanh": sums, "the score without its bias": plain[step]}
    guesses |= {f"the score of step {n + 1}": row for n, row in enumerate(right) if n != step}
    raise ValueError(
        f"at {named[step]} the scores are not {formula}: {_visible(source[place])!r} has {scores[step, place]:.4g}, "
        f"and the scorer gives {right[step, place]:.4g}{_hint(scores[step], guesses)}"
    )


def _check_weights(weights, right, scores, named, source):
    wrong = np.abs(weights - right) > CLOSE
    if not wrong.any():
        return
    step = int(wrong.any(1).argmax())
    place = int(np.abs(weights - right)[step].argmax())
    row = scores[step]
    exp = np.exp(np.minimum(row, 700))
    guesses = {
        "exp(score), not yet divided by the sum": exp,
        "the scores divided by their sum, without exp": row / row.sum() if row.sum() else None,
        "the softmax over the steps, not over the pieces of the source": softmax(scores, 0)[step],
        "the scores themselves": row,
        "the softmax of the negative scores": softmax(-row),
        "all equal": np.full(len(row), 1 / len(row)),
    }
    guesses |= {f"those of step {n + 1}": other for n, other in enumerate(right) if n != step}
    total = "" if abs(weights[step].sum() - 1) < 0.02 else f" They add up to {weights[step].sum():.4g}."
    raise ValueError(
        f"at {named[step]} the weights are not the softmax of the scores: {_visible(source[place])!r} has "
        f"{weights[step, place]:.4g}, and exp({row[place]:.4g}) / {exp.sum():.4g} is {right[step, place]:.4g}"
        f"{_hint(weights[step], guesses)}.{total}"
    )


def _check_contexts(contexts, weights, exact, scores, states, named):
    right, room = weights @ states, CLOSE * max(1, np.abs(states).max())
    # Weights may have been rounded before they were multiplied, or after.
    wrong = np.minimum(np.abs(contexts - right), np.abs(contexts - exact @ states)) > room
    if not wrong.any():
        return
    step = int(wrong.any(1).argmax())
    place = int(np.abs(contexts - right)[step].argmax())
    guesses = {
        "the sum of the states, without weights": states.sum(0),
        "the mean of the states, without weights": states.mean(0),
        "the state with the largest weight": states[weights[step].argmax()],
        "the sum of score times state": scores[step] @ states,
        "the largest of weight times state": weights[step].max() * states[weights[step].argmax()],
    }
    guesses |= {f"that of step {n + 1}": other for n, other in enumerate(right) if n != step}
    terms = [f"{w:.3g} × {h:.3g}" for w, h in zip(weights[step], states[:, place], strict=True)]
    terms = terms if len(terms) < 7 else [*terms[:3], "…"]
    raise ValueError(
        f"at {named[step]} the context is not the sum of weight times state: number {place + 1} of it is "
        f"{contexts[step, place]:.4g}, and {' + '.join(terms)} is {right[step, place]:.4g}"
        f"{_hint(contexts[step], guesses)}"
    )


def _predictions(predictions, target):
    """Of each step the likeliest words, and the one that was written if it has a probability."""
    if predictions is None:
        return [[] for _ in target]
    rows = [list(row.items()) if isinstance(row, Mapping) else list(row) for row in predictions]
    if len(rows) != len(target):
        raise ValueError(f"predictions has {len(rows)} steps, and target {len(target)}")
    kept = []
    for step, row in enumerate(rows):
        pairs, where = [], f"predictions of step {step + 1} ({_visible(target[step])!r})"
        for pair in row:
            try:
                token, p = pair
                p = float(p)
            except (TypeError, ValueError):
                raise ValueError(f"{where} are pairs (word, probability), not {pair!r:.80}") from None
            if not isinstance(token, str) or not 0 <= p <= 1:
                raise ValueError(f"{where} are a word and a probability from 0 to 1, not {pair!r:.80}")
            if pairs and p > pairs[-1][1] + 1e-9:
                raise ValueError(f"{where} go from the likeliest on: {token!r} has {p:.4g} after {pairs[-1][1]:.4g}")
            pairs.append([token, p])
        total = sum(p for _, p in pairs)
        if total > 1 + CLOSE:
            raise ValueError(f"{where} add up to {total:.4g}, more than 1")
        if len({token for token, _ in pairs}) < len(pairs):
            raise ValueError(f"{where} have a word twice: {[token for token, _ in pairs]!r:.120}")
        shown = pairs[:BARS]
        if target[step] not in [token for token, _ in shown]:  # what was written is never left out
            shown += [pair for pair in pairs[BARS:] if pair[0] == target[step]]
        kept.append(shown)
    return kept
