"""The course's own book: built whole, without a warning and without a network; every page in a browser."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from ci_script import load

ROOT = Path(__file__).resolve().parents[2]
CONTENTS = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
CHAPTERS = [chapter for part in CONTENTS["parts"] for chapter in part["chapters"]]
PAGES = [CONTENTS["root"]] + [entry["file"] for c in CHAPTERS for entry in [c, *c.get("sections", [])]]
NOTEBOOKS = [page for page in PAGES if page.startswith("notebooks/")]
VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """Where the book was built, as by ``make book`` but from nothing and without a network; what was said."""
    out = tmp_path_factory.mktemp("book")
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(ROOT)]
    done = subprocess.run(
        [*command, "--path-output", str(out), "-n", "-W", "--keep-going"],
        env={**os.environ, **nowhere, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
    )
    return out / "_build" / "html", done


@pytest.fixture(scope="module")
def html(build):
    folder, done = build
    if done.returncode:
        pytest.skip("the book did not build")
    return folder


@pytest.fixture(scope="module")
def site(html, served):
    with served(html) as address:
        yield address


def text_of(html, page):
    return (html / f"{page}.html").read_text("utf-8")


def stored(page, mimetype):
    """How many outputs of the notebook are shown as this type: a widget's picture is for other places."""
    cells = json.loads((ROOT / f"{page}.ipynb").read_text("utf-8"))["cells"]
    outputs = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    return sum(mimetype in data and (mimetype == VIEW or VIEW not in data) for data in outputs)


def test_book_builds_without_a_warning(build):
    _, done = build
    said = done.stdout + done.stderr
    complaints = [line for line in said.splitlines() if re.search("WARNING|ERROR|Error", line)]
    assert done.returncode == 0, "\n".join(complaints) or said[-6000:]
    assert not complaints


def test_all_pages_are_there_and_no_other(html):
    made_by_sphinx = {"genindex", "index", "py-modindex", "search"}
    built = {path.relative_to(html).with_suffix("").as_posix() for path in html.rglob("*.html")}
    assert {page for page in built if not page.startswith("_")} - made_by_sphinx == set(PAGES)
    assert len(PAGES) >= 19
    assert f"{PAGES[0]}.html" in text_of(html, "index")


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_left_unread(html, page):
    text = text_of(html, page)
    assert len(re.findall(r"<h1\b", text.split("<article")[1])) == 1
    assert not re.findall(r'class="[^"]*\b(?:system-message|problematic)\b', text)
    prose = re.sub(r"<(pre|script|style)\b.*?</\1>|<code\b.*?</code>", "", text, flags=re.DOTALL)
    assert not re.findall(r"\{(?:term|ref|cite:?\w*|doc|mod|func|class|kbd)\}", prose), "a role that was not read"


@pytest.mark.parametrize("page", PAGES)
def test_all_korean_is_said_in_korean(html, page):
    """A screen reader is told, wherever Hangul stands: in prose, in code, in tables, in what was printed."""
    article = text_of(html, page).split("<article")[1].split("</article>")[0]
    article = re.sub(r"<(script|style)\b.*?</\1>", "", article, flags=re.DOTALL)
    texts = re.findall(r"(<[^>]*>)([^<]*[가-힣][^<]*)", article)
    assert [text[:50] for tag, text in texts if 'lang="ko"' not in tag] == []


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_every_chapter_shows_its_outputs(html, page):
    text = text_of(html, page)
    assert text.count(f'type="{VIEW}"') == stored(page, VIEW)
    pictures = len(re.findall(r'<img [^>]*src="[^"]*_images/[0-9a-f]{32,}\.png"', text))
    assert pictures >= stored(page, "image/png")


def test_the_book_has_live_figures():
    assert sum(stored(page, VIEW) for page in NOTEBOOKS) >= 1


SQUEEZED = """[...document.querySelectorAll("article img")]
  .filter((e) => e.complete && e.naturalWidth && e.clientWidth)
  .map((e) => {
    const style = getComputedStyle(e);
    const [top, right, bottom, left] = ["Top", "Right", "Bottom", "Left"].map((s) => parseFloat(style[`padding${s}`]));
    const shape = (e.clientWidth - left - right) / (e.clientHeight - top - bottom);
    return [e.alt, shape / (e.naturalWidth / e.naturalHeight)];
  })
  .filter(([, shape]) => Math.abs(shape - 1) > 0.02)"""  # pictures that are not shown in their own shape


AXE = """async (rules) => {
  const found = await axe.run(document, { resultTypes: ["violations"], runOnly: { type: "tag", values: rules } });
  const serious = found.violations.filter((v) => ["serious", "critical"].includes(v.impact));
  return [found.passes.length, serious.map((v) => [v.id, v.nodes[0].html.slice(0, 200)])];
}"""


def in_the_way(tab):
    """What axe-core calls a serious or critical obstacle for some reader, by the rules of WCAG 2.1 A and AA."""
    package = pytest.importorskip("axe_playwright_python")
    tab.evaluate((Path(package.__file__).parent / "axe.min.js").read_text("utf-8"))
    passed, serious = tab.evaluate(AXE, ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"])
    assert passed, "axe-core has checked nothing"
    return serious


@pytest.mark.parametrize("page", PAGES)
def test_page_on_a_dark_phone(site, visit, page):
    check_page(visit(f"{site}/{page}.html", width=400, dark=True), page, "dark")


@pytest.mark.parametrize("page", PAGES)
def test_page_on_a_light_laptop_from_disk(html, visit, page):
    check_page(visit((html / f"{page}.html").as_uri(), width=1280), page, "light")


def check_page(visited, page, theme):
    """No other host, no error, formulas drawn, nothing too wide, no obstacle, as many live widgets as are stored."""
    tab = visited.page
    tab.evaluate("window.lmcourseWidgets?.ready")
    tab.evaluate("window.MathJax?.startup?.promise")
    views = tab.locator(f'script[type="{VIEW}"]')
    assert views.count() == (stored(page, VIEW) if page in NOTEBOOKS else 0)
    for view in views.all():
        widget = view.locator("xpath=preceding-sibling::*[1]")
        assert widget.get_attribute("data-widget")
        assert widget.locator("button, input, select, svg, canvas, progress, [tabindex]").count(), "it is empty"
    assert tab.locator(".lm-widget-error, .lm-widget-note").all_inner_texts() == []
    if tab.locator(".math").count():
        assert tab.locator("mjx-container").count()
    assert tab.locator("mjx-merror").all_inner_texts() == []
    assert visited.foreign == []
    assert visited.errors == []
    # Wide tables and code scroll by themselves; the page does not.
    assert tab.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 1
    assert tab.evaluate("document.documentElement.dataset.theme") == theme
    assert tab.evaluate(SQUEEZED) == []
    assert in_the_way(tab) == []


LIMITS = {"book/intro": 500_000, "book/glossary": 750_000, "notebooks/00_models": 1_500_000}


@pytest.mark.parametrize("page", LIMITS)
def test_a_page_is_light(site, browser, monkeypatch, page):
    """As a server sends it, compressed, to somebody who has seen nothing of the book yet."""
    monkeypatch.syspath_prepend(ROOT)
    pages = pytest.importorskip("benchmarks.pages")
    seen = pages.summary([pages.visit(browser, f"{site}/{page}.html")])
    assert seen["bytes"] < LIMITS[page], seen["weights"]
    assert seen["weights"]["styles"] and seen["weights"]["page"], "it was measured"
    assert seen["foreign"] == 0


SEEN = """[...document.querySelectorAll("article section > :not(section, .lm-running)")]
  .some((e) => !e.closest(".lm-elsewhere, .lm-later") && e.getBoundingClientRect().height > 10)"""


@pytest.mark.parametrize("page", NOTEBOOKS)
def test_chapter_as_slides(html, visit, page):
    """Each slide shows something, and fits a projector in a size that can be read."""
    visited = visit(f"{(html / f'{page}.html').as_uri()}#slides", width=1280, height=720)
    tab = visited.page
    tab.locator(".lm-bar").wait_for()
    count = tab.evaluate("lmcourseSlides.slides.length")
    assert count >= 14
    for n in range(count):
        tab.evaluate(f"lmcourseSlides.go({n}, Infinity)")
        share, title = tab.evaluate(f"[lmcourseSlides.slides[{n}].share, lmcourseSlides.slides[{n}].title]")
        tall = tab.locator("article section > :not(section, .lm-elsewhere) .lm-widget").count()  # it may be scrolled
        assert tab.evaluate(SEEN), f"slide {n + 1}, {title}, shows nothing"
        assert share or tall, f"slide {n + 1}, {title}, is too small or too long"
    assert visited.errors == [] and visited.foreign == []


def test_the_explorer_of_chapter_one_answers_in_both_languages(html, visit):
    """Words are typed as one types them, without the ▁ of the pieces; both languages have models."""
    page = visit((html / "notebooks/01_ngram.html").as_uri(), width=1280).page
    explorer = page.locator(".lmn").first
    explorer.wait_for()
    explorer.get_by_label("Type words").fill("She read a")
    explorer.get_by_label("Type words").press("Enter")
    assert explorer.locator(".lmn-chip").all_inner_texts()[-1].startswith("▁a")
    assert explorer.get_by_role("button", name=re.compile("^▁book")).count() == 1
    explorer.get_by_role("tab", name="한국어").click()
    explorer.get_by_label("Type words").fill("할머니 께서")
    explorer.get_by_label("Type words").press("Enter")
    assert explorer.get_by_role("button", name=re.compile("^는")).count() == 1


def test_the_book_works_from_a_stick_without_a_network(html, visit, tmp_path):
    """Unpacked from the archive of ``make offline`` and opened as a file, with the network off."""
    offline = load("offline")
    offline.write(tmp_path / "stick.zip", "lmcourse", offline.entries(html, ROOT, tmp_path))
    with zipfile.ZipFile(tmp_path / "stick.zip") as file:
        file.extractall(tmp_path)
    book = tmp_path / "lmcourse" / "book"
    first = visit((book / "index.html").as_uri(), offline=True)
    first.page.get_by_role("heading", name="Language Models, from Counting to BERT").first.wait_for()
    assert first.foreign == [] and first.errors == []
    chapter = visit((book / "notebooks" / "09_bert.html").as_uri(), offline=True)
    tab = chapter.page
    filler = tab.locator(".lmf").first
    filler.scroll_into_view_if_needed()
    filler.get_by_text("How unsure").wait_for()
    tab.locator(".lmx").first.wait_for()
    download = tab.locator('a[href$="09_bert.ipynb"]').first.get_attribute("href")
    assert (book / "notebooks" / download).resolve().is_file()
    assert chapter.foreign == [] and chapter.errors == []
