"""Print the chapters of the built book: each as a handout and as slides.

    python .ci/pdf.py [--solutions folded|open|away] [01_ngram ...]

``make pdf`` builds the book first and then calls this. Chromium prints the very pages; CHROMIUM is its path if it is
not found. The files are in _build/pdf: 01_ngram.pdf, 01_ngram-slides.pdf.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm.auto import tqdm

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import Missing  # noqa: E402
from benchmarks._browser import open_browser  # noqa: E402

MARGINS = dict.fromkeys(("top", "right", "bottom", "left"), "15mm")


def print_page(browser, address, path, slides=False, solutions="folded"):
    """Print a page of the book.

    Args:
        browser: of Playwright.
        address: of the page.
        path: of the PDF.
        slides: whether it is printed as slides, one to a page.
        solutions: ``"folded"``, ``"open"`` or ``"away"``.
    """
    context = browser.new_context(
        viewport={"width": 1280, "height": 720}, color_scheme="light", reduced_motion="reduce"
    )
    context.add_init_script(f"localStorage.setItem('lm-solutions', {solutions!r})")
    page = context.new_page()
    page.goto(f"{address}#slides" if slides else address)
    page.evaluate("Promise.all([window.MathJax?.startup?.promise, window.lmcourseWidgets?.ready])")
    if slides:
        page.locator(".lm-bar").wait_for()
        page.pdf(path=path, prefer_css_page_size=True, print_background=True)
    else:
        page.pdf(path=path, format="A4", margin=MARGINS, print_background=True)
    context.close()


def main():
    chapters = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chapters", nargs="*", help="all, if none is named")
    parser.add_argument("--solutions", choices=("folded", "open", "away"), default="folded")
    options = parser.parse_args()
    if unknown := set(options.chapters) - set(chapters):
        parser.error(f"no chapter is called {', '.join(sorted(unknown))}; there are {', '.join(chapters)}")
    html, output = ROOT / "_build" / "html", ROOT / "_build" / "pdf"
    if not (html / "index.html").is_file():
        raise SystemExit(f"there is no book in {html}; build it first: make book")
    output.mkdir(parents=True, exist_ok=True)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        try:
            browser = open_browser(playwright)
        except Missing as missing:
            raise SystemExit(str(missing)) from None
        for name in tqdm(options.chapters or chapters, leave=False):
            for ending, slides in (("", False), ("-slides", True)):
                address = (html / "notebooks" / f"{name}.html").as_uri()
                print_page(browser, address, output / f"{name}{ending}.pdf", slides, options.solutions)
        browser.close()
    print(f"{output.relative_to(ROOT)}: {len(list(output.glob('*.pdf')))} files")


if __name__ == "__main__":
    main()
