"""The attention explorer beside BertViz, Inspectus and CircuitsVis: the same weights, one page each, no network.

    python -m benchmarks widgets

Each tool writes its figure of random attention weights into an HTML file, and a browser opens it from the disk. Every
request to another host is counted and blocked. Measured are the size of the file, whether the weights are drawn, the
time from navigation to the frame that has them, the time from a pointer's event to the frame that answers it, and how
many controls the Tab key reaches. Tools take turns, load by load, each time in a new context of the browser.

Drawn means: the picture that shows single weights has a mark for each weight of what the tool shows first, and on a
screenshot it has many colours; ``TOOLS`` says it for each. Frames come every 16.7 ms: a smaller difference says little.

The files do not hold the same precision. BertViz and CircuitsVis write decimals, Inspectus numbers of 32 bits, the
explorer steps of 1/255 of the largest weight. What a page loads from other hosts is in no number of bytes.

The rivals are not in the extra ``bench``, since what they ask for is large. Without one of them its rows are left out::

    pip install --no-deps bertviz inspectus circuitsvis importlib-metadata zipp

Without Playwright or Chromium nothing is measured; set ``CHROMIUM`` to the browser's path if it is not found.
"""

import gzip
import io
import json
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch
from urllib.parse import urlsplit

import torch

from benchmarks import Missing, table
from benchmarks._browser import open_browser
from lmcourse.widgets import AttentionExplorer

SEEDS = (0,)
OURS = "AttentionExplorer"
SHAPES = [  # layers, heads, tokens, language
    (1, 1, 16, "en"), (6, 12, 16, "en"), (6, 12, 16, "ko"), (2, 12, 64, "en"), (12, 12, 32, "en"), (6, 12, 64, "en"),
]  # fmt: skip
TOKENS = {
    "en": "the little cat did not eat the fish that its friend had brought home yesterday .".split(),
    "ko": "작은 고양이 는 친구 가 어제 집 에 가져온 물고기 를 먹 지 않았 다 .".split(),
}
REPEATS, ANSWERS = 5, 5  # loads of a page; answers to the pointer in the last of them
COLOURS = 20  # at least, on a picture of weights
PROBE = """
const probe = { drawn: null, marks: new WeakMap() };
for (const name of ["fill", "fillRect", "stroke", "clearRect", "fillText", "drawImage", "putImageData"]) {
  const draw = CanvasRenderingContext2D.prototype[name];
  CanvasRenderingContext2D.prototype[name] = function (...given) {
    const more = name === "drawImage" ? (probe.marks.get(given[0]) ?? 0) : ["fill", "fillRect"].includes(name) ? 1 : 0;
    probe.marks.set(this.canvas, (probe.marks.get(this.canvas) ?? 0) + more);
    probe.changed(this.canvas);
    return draw.apply(this, given);
  };
}
probe.changed = (node) => {
  if (probe.start != null && (node.closest ? node : node.parentElement)?.closest(FIGURE)) probe.dirty = true;
};
probe.has = () => {
  const seen = [...document.querySelectorAll(PICTURE)].filter((picture) => picture.getBoundingClientRect().width);
  return Math.max(0, ...seen.map((each) => MARK ? each.querySelectorAll(MARK).length : probe.marks.get(each) ?? 0));
};
probe.arm = (events) => Object.assign(probe, { events, start: null, dirty: false, first: null, last: null, still: 0 });
for (const name of ["pointerover", "pointermove", "pointerup", "click"]) {
  addEventListener(name, (event) => {
    if (probe.events?.includes(name) && probe.start === null) probe.start = event.timeStamp;
  }, true);
}
new MutationObserver((all) => all.forEach(({ target }) => probe.changed(target))).observe(document, {
  subtree: true, childList: true, attributes: true, characterData: true,
});
const channel = new MessageChannel(); // its messages come once the frame is painted
channel.port1.onmessage = () => {
  const now = performance.now();
  if (probe.drawn === null && probe.has() >= WEIGHTS) probe.drawn = now;
  if (probe.start == null) return;
  probe.still += 1;
  if (probe.dirty) Object.assign(probe, { first: probe.first ?? now, last: now, still: 0, dirty: false });
};
const frame = () => { channel.port2.postMessage(0); requestAnimationFrame(frame); };
requestAnimationFrame(frame);
probe.seen = new Set();
probe.stop = () => { // the Tab key has been pressed: a control, something else that scrolls, or the end
  const at = document.activeElement;
  if (!at || at === document.body || probe.seen.has(at)) return null;
  probe.seen.add(at);
  return at.matches("a[href], button, input, select, textarea, summary, [tabindex], [contenteditable]");
};
window.probe = probe;
"""


# --- the pages ---


def draw(layers, heads, tokens, language):
    """Weights (L, H, T, T), the same each time, and T tokens."""
    scores = 2 * torch.randn(layers, heads, tokens, tokens, generator=torch.Generator().manual_seed(0))
    return scores.softmax(-1), list(islice(cycle(TOKENS[language]), tokens))


def _page(body):
    return f'<!doctype html>\n<meta charset="utf-8">\n<title>attention</title>\n<body>\n{body}\n'


def _ours(weights, tokens):
    with tempfile.TemporaryDirectory() as folder:
        return AttentionExplorer(weights, tokens).save(Path(folder) / "attention.html").read_text(encoding="utf-8")


def _bertviz(view, weights, tokens):
    import bertviz

    return _page(getattr(bertviz, view)([layer[None] for layer in weights], tokens, html_action="return").data)


def _inspectus(weights, tokens):
    import inspectus

    shown = []  # it has no way to return its HTML but to show it
    with patch("IPython.display.display", shown.append):
        inspectus.attention(weights.numpy(), tokens)
    return _page("\n".join(part.data for part in shown))


def _circuitsvis(inlined, weights, tokens):
    from circuitsvis.attention import attention_heads

    names = [f"L{layer}H{head}" for layer in range(weights.shape[0]) for head in range(weights.shape[1])]
    figure = attention_heads(weights.flatten(0, 1), tokens, names, mask_upper_tri=False)
    return _page(figure.local_src if inlined else str(figure))


class Tool(NamedTuple):
    """A tool, and how one sees that it has drawn and reaches what it reacts to."""

    package: str
    make: Callable  # weights, tokens -> HTML
    picture: str  # a selector
    mark: str | None  # a selector of one weight in the picture; None: what is filled on a canvas
    drawn: str  # in words
    figure: str = "body"  # a selector of all that answers
    acts: dict = {}  # at a token or a cell, and at another head: a selector, whether it is clicked, a key held
    does: str = ""  # the same in words


CELLS = "a map of one head, small or large, has a cell for each weight"
LINES = "it has a line for each weight of a head"
TOOLS = {
    OURS: Tool(
        "lmcourse", _ours, ".lml-map", None, "the map of one head has a cell for each weight; lines come with it",
        ".lml", {"token": (".lml-query .lml-token", False, None), "head": (".lmx-head", True, "Shift")},
        "one points at a query; Shift-clicks a head",
    ),
    "Inspectus": Tool(
        "inspectus", _inspectus, "svg.matrix", "rect.cell", "the map of the mean of all heads has a cell for each pair",
        ".attention-visualization",
        {"token": (".src-tokens .token", True, None), "head": (".dimension-values:last-of-type .value", True, None)},
        "one clicks a query; clicks a head",
    ),
    "CircuitsVis, inlined": Tool(
        "circuitsvis", partial(_circuitsvis, True), "canvas", None, CELLS,
        "h2 ~ div", {"token": ("h2 ~ div canvas", False, None), "head": ("h4 + div canvas", False, None)},
        "one points at a cell, whose number comes; points at a head",
    ),
    "CircuitsVis, str()": Tool("circuitsvis", partial(_circuitsvis, False), "canvas", None, CELLS),
    "BertViz head_view": Tool("bertviz", partial(_bertviz, "head_view"), "#vis svg", "line", LINES),
    "BertViz model_view": Tool("bertviz", partial(_bertviz, "model_view"), "#vis svg", "line", LINES),
}  # fmt: skip


# --- the browser ---


def _open(browser, path, name, weights, patience):
    """A page and how many requests to other hosts it tried, once it has drawn or patience (seconds) is over."""
    from playwright.sync_api import TimeoutError

    page, foreign = browser.new_context(viewport={"width": 1280, "height": 900}).new_page(), []
    page.set_default_timeout(120_000)

    def route(route):
        if urlsplit(route.request.url).scheme not in ("http", "https", "ws", "wss"):
            return route.continue_()
        foreign.append(route.request.url)
        return route.abort()

    page.route("**/*", route)
    settings = json.dumps([TOOLS[name].picture, TOOLS[name].mark, TOOLS[name].figure, weights])
    page.add_init_script(f"(() => {{ const [PICTURE, MARK, FIGURE, WEIGHTS] = {settings}; {PROBE} }})();")
    page.goto(path.as_uri())
    try:
        page.wait_for_function("probe.drawn !== null", timeout=1_000 * patience)
    except TimeoutError:
        pass
    return page, foreign


def _spread(times):
    return {"seconds": min(times), "median": statistics.median(times), "slowest": max(times), "repeats": len(times)}


def _answers(page, name, act, repeats):
    """Seconds from a pointer's event to the first frame that differs, and to the last one: a dict, or why not."""
    selector, clicked, key = TOOLS[name].acts[act]
    places, times = page.locator(selector), {"first": [], "last": []}
    cells = selector == "h2 ~ div canvas"  # a place is a cell of this canvas
    if not cells and places.count() < 2:
        return {"why": "there is nothing to choose from"}
    for n in range(repeats):
        target = places.first if cells else places.nth((n + 1) % min(places.count(), repeats + 1))
        target.evaluate("(e) => scrollTo(0, scrollY + e.getBoundingClientRect().top - 200)")
        box = target.bounding_box()
        across, down = (0.3 + 0.6 * n / repeats, 0.2) if cells else (0.5, 0.5)
        place = box["x"] + across * box["width"], box["y"] + down * box["height"]
        page.mouse.move(*place if clicked else (1, 1))
        page.wait_for_timeout(600)  # until what follows the pointer has come or gone
        before = page.screenshot()
        page.evaluate("probe.arm", ["pointerup", "click"] if clicked else ["pointerover", "pointermove"])
        if key:
            page.keyboard.down(key)
        page.mouse.click(*place) if clicked else page.mouse.move(*place)
        if key:
            page.keyboard.up(key)
        page.wait_for_function("probe.start !== null && probe.still >= 20")
        first, last = (page.evaluate(f"probe.{what} && probe.{what} - probe.start") for what in times)
        if first is None or page.screenshot() == before:
            return {"why": "the picture stayed as it was"}
        times["first"].append(first / 1_000)
        times["last"].append(last / 1_000)
    return {what: _spread(found) for what, found in times.items()}


def _stops(page, most=300):
    """How many controls the Tab key reaches."""
    count = 0
    for _ in range(most):
        page.keyboard.press("Tab")
        control = page.evaluate("probe.stop()")
        if control is None:
            break
        count += control
    return count


def _coloured(page, picture):
    from PIL import Image

    shot = Image.open(io.BytesIO(page.locator(picture).first.screenshot()))
    return len(shot.convert("RGB").getcolors(1 << 24)) >= COLOURS


def _visit(browser, path, name, row, weights, answers):
    """Load a page once more, and write into its row what there is to be seen."""
    page, foreign = _open(browser, path, name, weights, 60 if TOOLS[name].acts else 3)
    seconds = page.evaluate("probe.drawn")
    row["requests"] = max(len(foreign), row["requests"])
    row["offline"] = seconds is not None and _coloured(page, TOOLS[name].picture)
    if not row["offline"]:
        row["why"] = "needs a network" if foreign else "drew nothing"
    else:
        row["loads"].append(seconds / 1_000)
    if row["offline"] and answers:
        row["tab_stops"] = _stops(page)
        row["answers"] = {act: _answers(page, name, act, answers) for act in TOOLS[name].acts}
    page.context.close()


def measure(browser, shape, folder, loads, answers):
    """What each tool that is there does with weights of a shape: a dict by tool."""
    (weights, tokens), found, paths = draw(*shape), {}, {}
    for name, tool in TOOLS.items():
        found[name] = {
            "bytes": None, "gzipped": None, "offline": None, "requests": 0, "loads": [], "first_picture": None,
            "answers": None, "tab_stops": None, "why": None,
        }  # fmt: skip
        try:
            page = tool.make(weights, tokens)
        except ImportError:
            del found[name]
        except ValueError as refused:
            found[name]["why"] = f"refused: {refused}"
        else:
            paths[name] = folder / f"{len(paths)}.html"
            paths[name].write_text(page, encoding="utf-8")
            empty, full = (len(gzip.compress(text.encode(), mtime=0)) for text in (_page(""), page))
            found[name] |= {"bytes": len(page.encode()), "gzipped": full - empty}
    for load in range(loads):
        for name, path in paths.items():
            if not found[name]["why"]:
                _visit(browser, path, name, found[name], shape[2] ** 2, answers if load == loads - 1 else 0)
    for row in found.values():
        if times := row.pop("loads"):
            row["first_picture"] = _spread(times)
    ours = _numbers(found[OURS])
    for row in found.values():
        row["ratio"] = {what: n and ours[what] and n / ours[what] for what, n in _numbers(row).items()}
    return found


def _numbers(row):
    """What tools are compared by."""
    answers = {act: (row["answers"] or {}).get(act, {}).get("last") for act in ("token", "head")}
    times = {"first_picture": row["first_picture"], **answers}
    medians = {what: found and found["median"] for what, found in times.items()}
    return {"bytes": row["bytes"], "gzipped": row["gzipped"]} | medians


def run(options=None) -> dict:
    """Measure, and return what ``benchmarks/results/widgets.json`` keeps."""
    quick = getattr(options, "quick", False)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise Missing("playwright is not installed: pip install playwright") from None
    used, missing = {}, {}
    for package in dict.fromkeys(tool.package for tool in TOOLS.values()):
        try:
            __import__(package)
            used[package] = version(package)
        except ImportError as error:
            missing[package] = f"{error}: pip install --no-deps {error.name or package}"
    used["playwright"] = version("playwright")
    shapes, repeats = ([(2, 2, 8, "ko")], (1, 1)) if quick else (SHAPES, (REPEATS, ANSWERS))
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = open_browser(playwright)
        used["chromium"] = browser.version
        rows = [
            {"shape": shape[:3], "language": shape[3], "tools": measure(browser, shape, Path(folder), *repeats)}
            for shape in shapes
        ]
        browser.close()
    words = {name: {"drawn": tool.drawn, "does": tool.does} for name, tool in TOOLS.items()}
    return {"tools": used, "missing": missing, "words": words, "shapes": rows}


def _cell(row, what, text):
    """A number as text, and behind it how often it contains ours."""
    x = row["ratio"][what]
    return "-" if text is None else text + (f" ({x:.2g})" if x and x < 100 else f" ({x:.0f})" if x else "")


def _answered(row, act):
    found = (row["answers"] or {}).get(act, {})
    times = [f"{1_000 * found[what]['median']:.0f}" for what in ("first", "last") if what in found]
    return found.get("why") or _cell(row, act, " / ".join(times) or None)


def report(result):
    """The tables as text."""
    rows = []
    for each in result["shapes"]:
        for name, row in each["tools"].items():
            sizes = [_cell(row, what, row[what] and f"{row[what] / 1_000:,.0f}") for what in ("bytes", "gzipped")]
            first = _cell(row, "first_picture", row["first_picture"] and f"{row['first_picture']['median']:.2f}")
            stops = "-" if row["tab_stops"] is None else row["tab_stops"]
            shape = "x".join(map(str, each["shape"])) + f" {each['language']}"
            offline = {True: "yes", False: "no", None: "-"}[row["offline"]]
            answers = [_answered(row, act) for act in ("token", "head")]
            why = (row["why"] or "")[:80]
            rows.append([shape, name, *sizes, offline, row["requests"], first, *answers, stops, why])
    head = ["weights", "tool", "KB (of ours)", "gzipped", "offline", "requests", "first picture s", "token ms",
            "head ms", "tab stops", ""]  # fmt: skip
    notes = ["Medians. Answers: until the first frame that differs / until the last one (of ours)."]
    for name, said in result["words"].items():
        notes.append(f"{name}: drawn if {said['drawn']}" + (f"; {said['does']}" if said["does"] else ""))
    notes += [f"Left out: {what}" for what in result["missing"].values()]
    return "\n\n".join([table(head, rows), "\n".join(notes)])
