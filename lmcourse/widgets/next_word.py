"""The next-word explorer: what a language model expects next, as bars to follow (chapter 01)."""

from collections.abc import Mapping

import traitlets as t

from lmcourse.widgets.base import Explorer, base64_size
from lmcourse.widgets.tables import MAX_ORDER, NextWordTable, next_word_table, pack

__all__ = ["NextWordExplorer", "NextWordTable", "next_word_table"]

SHIPPED = "order", "counts", "start", "end", "complete", "data"


class NextWordExplorer(Explorer):
    """Follow a language model word by word: bars of what comes next, to click on or to sample from.

    >>> explorer = NextWordExplorer({(): {"sun": 0.7, "rain": 0.3}, ("sun",): {"sun": 0.9, "rain": 0.1}})
    >>> print(explorer.summary())
    NextWordExplorer, order 2: after the start
      sun    70.0%  ██████████████
      rain   30.0%  ██████

    In JupyterLab all arguments but ``tables`` are traits that follow the reader: after some clicks,
    ``explorer.words`` is the sentence.

    Args:
        tables: what :func:`next_word_table` made; or several of these by name, each with a tab
            (``{"English": ..., "한국어": ...}``); or plain numbers, ``{context: {word: probability}}`` with
            tuples of words as contexts.
        words: the sentence to begin with.
        order: the order to begin with; ``None`` means the table's own.
        temperature: 0 (always the likeliest) to 2.
        top_k: draw from so many likeliest words; 0 means from all.
        seed: of the darts that are thrown; the same seed gives the same sentences.
        tab: the number of the table to show first.
        language: of the buttons, ``"en"`` or ``"ko"``; empty means the language of the page.

    Raises:
        ValueError: the tables are none of these, or make more than 200 KB; or another argument is out of
            range.
    """

    tables = t.List(t.Dict()).tag(sync=True)
    tab = t.Int(0, min=0).tag(sync=True)
    words = t.List(t.Unicode()).tag(sync=True)
    order = t.Int(1, min=1, max=MAX_ORDER).tag(sync=True)
    temperature = t.Float(1.0, min=0.0, max=2.0).tag(sync=True)
    top_k = t.Int(0, min=0).tag(sync=True)
    seed = t.Int(0, min=0).tag(sync=True)
    language = t.Enum(["", "en", "ko"], "").tag(sync=True)

    def __init__(self, tables, *, words=(), order=None, temperature=1.0, top_k=0, seed=0, tab=0, language="", **kwargs):
        named = _named(tables)
        self._tables = list(named.values())
        size = sum(base64_size(table.data) for table in self._tables)
        self.check_room(size, "these tables", "give next_word_table a smaller budget")
        if isinstance(words, str):
            raise ValueError(f"words is a list of words, not the string {words!r}")
        if tab not in range(len(self._tables)):
            raise ValueError(f"there is no table {tab!r}: there are {len(self._tables)}, from 0")
        highest = max(table.order for table in self._tables)
        if order is not None and order not in range(1, highest + 1):
            raise ValueError(f"order must be 1 to {highest}, the highest of the tables, not {order!r}")
        packed = [{"name": name} | {key: getattr(table, key) for key in SHIPPED} for name, table in named.items()]
        try:
            super().__init__(
                tables=packed,
                tab=tab,
                words=list(words),
                order=self._tables[tab].order if order is None else order,
                temperature=float(temperature),
                top_k=top_k,
                seed=seed,
                language=language,
                **kwargs,
            )
        except t.TraitError as error:
            raise ValueError(str(error)) from None

    def _first(self):
        """A title, and the likeliest next words with their probabilities and, if known, the true ones."""
        table = self._tables[self.tab]
        order = min(self.order, table.order)
        true = table.truth(self.words, order) or {}
        rows = [(_visible(word), p, true.get(word)) for word, p in table.next_word(self.words, order).items()]
        after = " ".join(map(_visible, self.words[-8:])) or "the start"
        return f"order {order}: after {after}", rows[:8]

    def summary(self):
        """What the explorer shows first, as text."""
        title, rows = self._first()
        width = max((len(word) for word, _, _ in rows), default=0)
        bars = [f"  {word:<{width}} {100 * p:6.1f}%  {'█' * round(20 * p)}".rstrip() for word, p, _ in rows]
        return "\n".join([f"NextWordExplorer, {title}", *bars])

    def picture(self, figure):
        """The same as bars."""
        title, rows = self._first()
        rows = rows[::-1]
        axes = figure.add_subplot()
        axes.barh(range(len(rows)), [p for _, p, _ in rows], height=0.6, label="model")
        true = [(p, i) for i, (_, _, p) in enumerate(rows) if p is not None]
        if true:
            axes.scatter(*zip(*true, strict=True), marker="|", s=200, linewidths=3, color="C1", label="truth")
            axes.legend(loc="lower right")
        axes.set_yticks(range(len(rows)), [word[:24].replace("$", r"\$") for word, _, _ in rows])
        axes.xaxis.set_major_formatter(lambda x, _: f"{100 * x:g}%")
        axes.set_title(title[:80].replace("$", r"\$"))
        return True


def _visible(word):
    """A word without line breaks and other control characters, and never nothing."""
    return "".join(c if c.isprintable() else "·" for c in word) or "∅"


def _named(tables):
    """Tables by name."""
    if isinstance(tables, NextWordTable):
        return {"": tables}
    if not isinstance(tables, Mapping) or not tables:
        raise ValueError(f"tables must come from next_word_table, or be a dictionary, not {tables!r:.80}")
    if all(isinstance(key, tuple) for key in tables):
        return {"": _plain(tables)}
    named = {}
    for name, table in tables.items():
        if isinstance(table, Mapping):
            table = _plain(table)
        if not isinstance(name, str) or not isinstance(table, NextWordTable):
            raise ValueError(f"expected a name and what next_word_table made, not {name!r}: {table!r:.80}")
        named[name] = table
    return named


def _plain(contexts):
    """A table of numbers that somebody wrote down: all of them, and the marks of sentences that they use."""
    for context, p in contexts.items():
        if not isinstance(context, tuple) or not isinstance(p, Mapping):
            raise ValueError(f"a context is a tuple of words with a dictionary, not {context!r}: {p!r:.80}")
    start = "<s>" if any("<s>" in context for context in contexts) else None
    end = "</s>" if any("</s>" in p for p in contexts.values()) else None
    answers = ((c, contexts[c], None) for c in sorted(contexts, key=lambda c: (len(c), c)))
    return pack(answers, max(map(len, contexts)) + 1, start, end)
