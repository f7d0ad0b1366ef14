"""What the pages of the book weigh and how soon they are there, beside the same book without its Sphinx extension.

    python -m benchmarks pages

Both books are built from the same sources. The peer is what Jupyter Book makes of them by itself. A local server
sends the pages to a browser, which keeps nothing between two visits; books take turns, visit by visit.

Weight is what Lighthouse calls so: the bytes of all answers that a page asks for by itself, as a server sends them.
Text is compressed with gzip, pictures and fonts are as they are. Requests to other hosts are counted and refused, so
what they would have brought is in no number: with the peer that is the drawing of formulas and all interactive figures.

Without Playwright, Chromium or the extra ``docs`` nothing is measured.
"""

import contextlib
import functools
import gzip
import http.server
import statistics
import subprocess
import sys
import tempfile
import threading
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import Missing, table
from benchmarks._browser import open_browser

SEEDS = ()  # nothing is drawn
ROOT = Path(__file__).resolve().parents[1]
EXTENSION = "lmcourse.sphinxext"
BOOKS = ("ours", "plain")
VISITS = 3
# The sum of shifts is Lighthouse's without its windows of time, which is never less.
SEEN = """() => new Promise((done) => {
  const found = { largest: 0, shift: 0, blocked: 0 };
  const watch = (type, count) =>
    new PerformanceObserver((list) => list.getEntries().forEach(count)).observe({ type, buffered: true });
  watch("largest-contentful-paint", (entry) => { found.largest = entry.startTime / 1000; });
  watch("layout-shift", (entry) => { found.shift += entry.hadRecentInput ? 0 : entry.value; });
  watch("longtask", (entry) => { found.blocked += Math.max(0, entry.duration - 50) / 1000; });
  const first = performance.getEntriesByName("first-contentful-paint")[0]?.startTime / 1000;
  setTimeout(() => done({ first, ...found, elements: document.querySelectorAll("*").length }), 500);
})"""
KINDS = {"document": "page", "stylesheet": "styles", "script": "scripts", "font": "fonts", "image": "pictures"}


def pages():
    """The pages that are visited: the first one, the chapters, the glossary, a page of the reference."""
    import yaml

    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    entries = [entry for part in contents["parts"] for c in part["chapters"] for entry in [c, *c.get("sections", [])]]
    chapters = [entry["file"] for entry in entries if entry["file"].startswith("notebooks/")]
    return [contents["root"], *chapters, "book/glossary", "book/api/bert"]


def build(folder, plain):
    """Build the book into a folder, with or without its extension; the folder of its pages."""
    import yaml

    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    if plain:
        config["sphinx"]["extra_extensions"].remove(EXTENSION)
    path = folder / "_config.yml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(ROOT)]
    done = subprocess.run(
        [*command, "--config", str(path), "--path-output", str(folder)], capture_output=True, text=True, cwd=ROOT
    )
    html = folder / "_build" / "html"
    if done.returncode or not html.is_dir():
        raise RuntimeError(f"the book did not build:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return html


@contextlib.contextmanager
def serve(folder):
    """The folder on a local server: its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def sent(body, kind):
    """Bytes as a server sends them: text compressed, pictures and fonts not."""
    return len(body) if kind in ("fonts", "pictures") else len(gzip.compress(body, mtime=0))


def visit(browser, address):
    """Open a page as for the first time: its weight by kinds of files, its requests, and what was seen when."""
    page, answers, foreign = browser.new_context(viewport={"width": 1280, "height": 900}).new_page(), [], []

    def route(route):
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            return route.continue_()
        foreign.append(route.request.url)
        return route.abort()

    page.route("http*://**/*", route)
    page.on("response", lambda answer: answers.append(answer))
    page.goto(address, wait_until="load")
    page.wait_for_timeout(1_000)
    seen = page.evaluate(SEEN)
    weights = dict.fromkeys([*KINDS.values(), "other"], 0)
    own = [answer for answer in answers if urlsplit(answer.url).scheme.startswith("http") and answer.ok]
    for answer in own:
        kind = KINDS.get(answer.request.resource_type, "other")
        weights[kind] += sent(answer.body(), kind)
    page.context.close()
    return {"weights": weights, "requests": len(own), "foreign": len(foreign)} | seen


def summary(visits):
    """One row of several visits: the medians of times, the rest as at the last visit."""
    times = {what: statistics.median(v[what] for v in visits) for what in ("first", "largest", "blocked")}
    return visits[-1] | times | {"bytes": sum(visits[-1]["weights"].values())}


def run(options=None) -> dict:
    """Measure, and return what ``benchmarks/results/pages.json`` keeps."""
    quick = getattr(options, "quick", False)
    try:
        from playwright.sync_api import sync_playwright

        used = {name: version(name) for name in ("jupyter-book", "sphinx-book-theme", "playwright")}
    except (ImportError, PackageNotFoundError) as missing:
        raise Missing(f"{missing}: pip install -e .[dev]") from None
    names, visits = (pages()[:2], 1) if quick else (pages(), VISITS)
    found = {name: {book: [] for book in BOOKS} for name in names}
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        browser = open_browser(playwright)
        used["chromium"] = browser.version
        addresses = {}
        for book in BOOKS:
            (place := Path(folder) / book).mkdir()
            addresses[book] = stack.enter_context(serve(build(place, plain=book == "plain")))
        for name in names:
            for _ in range(visits):
                for book, address in addresses.items():
                    found[name][book].append(visit(browser, f"{address}/{name}.html"))
        browser.close()
    rows = {name: {book: summary(seen) for book, seen in of.items()} for name, of in found.items()}
    for row in rows.values():
        row["ratio"] = {w: row["plain"][w] / row["ours"][w] for w in ("bytes", "first", "largest") if row["ours"][w]}
    return {"tools": used, "visits": visits, "pages": rows}


def report(result):
    """The table as text."""
    rows = []
    for name, row in result["pages"].items():
        ours, plain, ratio = row["ours"], row["plain"], row["ratio"]
        heavy = max(ours["weights"], key=ours["weights"].get)
        cells = [f"{of['bytes'] / 1_000:,.0f}" for of in (ours, plain)]
        cells += [ours["requests"], f"{ours['foreign']} / {plain['foreign']}", f"{ours['elements']:,}"]
        cells += [f"{ours['largest']:.2f}", f"{ratio.get('largest', float('nan')):.2f}", f"{ours['blocked']:.2f}"]
        cells += [f"{ours['shift']:.3f}", f"{heavy} {ours['weights'][heavy] / 1_000:,.0f}"]
        rows.append([name, *cells])
    head = ["page", "KB", "plain KB", "requests", "to other hosts", "elements", "largest paint s", "plain is",
            "blocked s", "shift", "heaviest"]  # fmt: skip
    return (
        table(head, rows)
        + "\n\nKB as sent; to other hosts: ours / plain; plain is: times as long to the largest paint."
    )
