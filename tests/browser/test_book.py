"""A small book in a real browser, over http and file://, with no other host to ask."""

import copy
import json
import re
import shutil
import subprocess

import pytest
import small_book
from checks import low_contrast, small_targets
from nbformat.v4 import new_markdown_cell


def widget(visit):
    """The next-word explorer of the page, when it is there."""
    explorer = visit.page.locator(".lmn")
    explorer.wait_for()
    return explorer


def words(explorer):
    return explorer.evaluate("(el) => [...el.querySelectorAll('.lmn-chip')].map((c) => c.firstChild.textContent)")


def bars(explorer):
    rows = "(el) => [...el.querySelectorAll('.lmn-row')].map((r) => [r.children[0], r.children[2]])"
    return explorer.evaluate(f"(el) => ({rows})(el).map((pair) => pair.map((e) => e.textContent))")


# Every page


WAYS = [(name, width, dark) for name in ("widgets", "networks") for width in (400, 1280) for dark in (False, True)]
WAYS += [(name, *way) for name in ("intro", "korean", "genindex", "search") for way in ((400, True), (1280, False))]


# True when the page is complete and has asked for nothing in the last half second. The browser's own
# "networkidle" is not enough over file://: there it may wait for ever.
QUIET = """() => {
  const asked = performance.getEntriesByType("resource").length;
  if (document.readyState !== "complete" || asked !== window.asked) {
    [window.asked, window.since] = [asked, performance.now()];
    return false;
  }
  return performance.now() - window.since > 500;
}"""


@pytest.mark.parametrize(("name", "width", "dark"), WAYS)
def test_pages_ask_no_other_host(visit, root, name, width, dark):
    seen = visit(f"{root}/{name}.html", width=width, dark=dark)
    seen.page.wait_for_function(QUIET)
    if name == "widgets":
        widget(seen)
        seen.page.locator("mjx-container").wait_for()
    assert seen.foreign == []
    # The notebook has a widget that fails on purpose.
    assert [error for error in seen.errors if "no way" not in error] == []
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    assert seen.page.evaluate("document.documentElement.dataset.theme") == ("dark" if dark else "light")
    back = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", back)[:3])) < 200) == dark


def test_mathematics_is_drawn(visit, root):
    seen = visit(f"{root}/widgets.html")
    formula = seen.page.locator("mjx-container")
    formula.wait_for()
    assert formula.bounding_box()["width"] > 50
    seen.page.evaluate("document.fonts.ready")
    assert seen.page.evaluate("[...document.fonts].some((f) => f.family.includes('MJX') && f.status === 'loaded')")


def test_scripts_are_where_the_widgets_are(book):
    host = "lmcourse/widget-host.js"
    assert host in (book / "widgets.html").read_text(encoding="utf-8")
    for page in ("intro", "korean", "other", "genindex", "search"):
        html = (book / f"{page}.html").read_text(encoding="utf-8")
        assert host not in html and "require.js" not in html and "html-manager" not in html
        assert "thebe" not in html.lower()
        assert "github.com" not in html and "mybinder" not in html  # the checkout has no public remote


def test_hangul_is_marked_as_korean(visit, http):
    page = visit(f"{http}/korean.html").page
    marked = page.locator("article span[lang=ko]").all_text_contents()
    assert "낱말" in marked and "단어의 순서를 셉니다" in " ".join(marked)
    assert marked.count("말뭉치") == 2, "in code as well"
    assert page.locator("article span[lang=ko]").first.evaluate("(e) => getComputedStyle(e).wordBreak") == "keep-all"
    assert page.locator("html").get_attribute("lang") == "en"


def test_wide_tables_scroll_by_themselves(visit, http):
    page = visit(f"{http}/intro.html", width=400).page
    table = page.locator(".pst-scrollable-table-container")
    assert table.evaluate("(e) => e.scrollWidth > e.clientWidth && getComputedStyle(e).overflowX") == "auto"


def test_a_korean_book_in_a_public_checkout(tmp_path):
    """Links and launch buttons appear, nothing is marked as Korean, and the search is the same."""
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    subprocess.run(["git", "init", "--quiet", "--initial-branch=trunk", tmp_path], check=True)
    remote = ["remote", "add", "origin", "https://token@github.com/someone/course.git"]
    subprocess.run(["git", "-C", tmp_path, *remote], check=True)
    config = copy.deepcopy(small_book.CONFIG)
    config["sphinx"]["config"]["language"] = "ko"
    small_book.write_book(tmp_path, config, notebooks={"widgets": [new_markdown_cell("# 위젯\n\n단어의 수")]})
    html = (small_book.build(tmp_path) / "widgets.html").read_text(encoding="utf-8")
    assert 'href="https://github.com/someone/course"' in html
    assert "https://colab.research.google.com/github/someone/course/blob/trunk/widgets.ipynb" in html
    assert "https://mybinder.org/v2/gh/someone/course/trunk?urlpath=lab/tree/widgets.ipynb" in html
    assert "token" not in html
    assert '<html lang="ko"' in html and '<span lang="ko"' not in html
    assert "widget-host.js" not in html
    index = (tmp_path / "_build/html/searchindex.js").read_text(encoding="utf-8")
    assert '"\\ub2e8\\uc5b4"' in index  # 단어


# Search


@pytest.mark.parametrize(
    ("query", "found", "not_found"),
    [
        ("단어", ["korean"], ["intro"]),
        ("단어를", ["korean"], ["intro"]),
        ("정의", ["korean"], ["other"]),
        ("정도를", ["other"], ["korean"]),
        ("고양이", ["other"], ["intro"]),
        ("나이", ["other"], ["korean"]),
        ("임베딩", ["korean"], ["other"]),
        ("BERT의", ["korean"], ["other"]),
        ("배", ["korean"], ["other"]),
        ("낱말", ["korean"], ["other"]),
        ("train", ["intro", "other"], []),
        ("trained embedding", ["other"], ["intro"]),
    ],
)
def test_search(visit, http, query, found, not_found):
    seen = visit(f"{http}/search.html?q={query}")
    seen.page.locator(".search-summary", has_text=re.compile("found|did not match")).wait_for()
    links = seen.page.locator("ul.search a").evaluate_all("(all) => all.map((a) => a.getAttribute('href'))")
    pages = {link.split(".html")[0] for link in links}
    assert set(found) <= pages and not set(not_found) & pages
    assert seen.errors == [] and seen.foreign == []


# The host of the widgets


def test_controls_and_links(visit, root):
    seen = visit(f"{root}/widgets.html")
    widget(seen)
    first, second = seen.page.get_by_label("first"), seen.page.get_by_label("second")
    assert (first.input_value(), second.input_value()) == ("0", "0")  # linked to the colour by jsdlink
    seen.page.get_by_label("colour").select_option("green")
    assert (first.input_value(), second.input_value()) == ("1", "1")
    first.press("End")
    assert second.input_value() == "5"
    second.press("ArrowLeft")
    assert second.input_value() == "4.5"
    seen.page.get_by_label("word", exact=True).fill("<b>hello</b>")
    assert seen.page.locator(".lm-text", has_text="<b>hello</b>").count() == 1  # a label is text
    assert seen.page.locator(".lm-text b", has_text="bold").count() == 1  # HTML is not
    seen.page.get_by_label("tick").check()
    assert seen.page.get_by_text("This widget (Button) needs a running notebook.").is_visible()
    assert seen.page.get_by_text("This widget could not be shown: no way").is_visible()


def test_life_of_a_widget(visit, http):
    seen = visit(f"{http}/widgets.html")
    shown = seen.page.get_by_text("started 1, 1,2,255")
    shown.first.wait_for()
    assert shown.count() == 2  # two views, one model: initialize has run once
    listeners = "[...lmcourseWidgets.models.values()].reduce((sum, m) => sum + m.listenerCount, 0)"
    assert seen.page.evaluate("async () => { await lmcourseWidgets.ready; return " + listeners + "}") > 20
    seen.page.evaluate("lmcourseWidgets.dispose()")
    assert seen.page.evaluate("window.cleaned") == 2
    assert seen.page.evaluate(listeners) == 4  # jslink listens on both sides, a jsdlink on one
    assert len([error for error in seen.errors if "no way" not in error]) == 0


def test_bad_state_is_said_in_the_page(visit, book, tmp_path):
    """State of another kind: an unknown widget, one that is missing, and one from another host."""
    link = {"source": ["IPY_MODEL_gone", "v"], "target": ["IPY_MODEL_a", "v"]}
    models = {
        "a": {"model_name": "FancyModel", "state": {}},
        "b": {"model_name": "AnyModel", "state": {"_esm": "https://example.org/x.js"}},
        "c": {"model_name": "LinkModel", "state": link},
    }
    state = json.dumps({"state": models})
    views = "".join(
        f'<script type="application/vnd.jupyter.widget-view+json">{{"model_id": "{m}"}}</script>' for m in "abz"
    )
    host = (book / "_static/lmcourse/widget-host.js").as_uri()
    page = tmp_path / "page.html"
    page.write_text(
        f"<!doctype html><script type='application/vnd.jupyter.widget-state+json'>{state}</script>{views}"
        f"<script src='{host}'></script>",
        encoding="utf-8",
    )
    seen = visit(page.as_uri())
    seen.page.wait_for_function("document.querySelectorAll('.lm-widget p').length === 3")
    texts = seen.page.locator(".lm-widget").all_text_contents()
    assert "Fancy" in texts[0] and "running notebook" in texts[0]
    assert "another host" in texts[1]
    assert "not stored" in texts[2]
    assert seen.foreign == []


# The next-word explorer


def test_explorer_with_the_mouse(visit, root):
    seen = visit(f"{root}/widgets.html")
    explorer = widget(seen)
    assert words(explorer) == ["▸", "the"]
    assert bars(explorer) == [["cat", "90.0%"], ["dog", "10.0%"]]
    explorer.get_by_role("button", name="cat, 90.0%").click()
    assert words(explorer) == ["▸", "the", "cat"]
    assert "sees only the cat" in explorer.locator(".lmn-note").inner_text()
    assert "0.6 bits" in explorer.locator(".lmn-total").inner_text()  # 0.75 × 0.9
    explorer.get_by_role("button", name=re.compile("^sat")).click()
    explorer.get_by_role("button", name=re.compile("^end of the sentence")).click()
    assert "The sentence is over" in explorer.locator(".lmn-note").inner_text()
    assert explorer.locator(".lmn-said").inner_text() == "the cat sat"
    explorer.get_by_role("button", name="Undo").click()
    assert words(explorer) == ["▸", "the", "cat", "sat"]
    explorer.get_by_role("button", name=re.compile("^the, .* Go back")).click()
    assert words(explorer) == ["▸", "the"]
    explorer.get_by_role("button", name="Start over").click()
    assert words(explorer) == ["▸"]
    assert [word for word, _ in bars(explorer)] == ["the", "cat", "dog"]


def test_explorer_backs_off_and_says_so(visit, http):
    explorer = widget(visit(f"{http}/widgets.html"))
    explorer.get_by_label("Type words").fill("dog sat")
    explorer.get_by_label("Type words").press("Enter")
    assert words(explorer) == ["▸", "the", "dog", "sat"]
    assert "never met dog sat" in explorer.locator(".lmn-note").inner_text()
    assert "no context at all" in explorer.locator(".lmn-note").inner_text()
    assert explorer.locator(".lmn-lost").count() == 2
    explorer.get_by_role("radio", name="order 1: looks at no word").check(force=True)
    assert explorer.locator(".lmn-lost").count() == 0
    assert bars(explorer)[0] == ["the", "40.0%"]
    explorer.get_by_label("Type words").fill("unicorn")
    explorer.get_by_role("button", name="Add").click()
    assert "“unicorn” is not among the words" in explorer.get_by_role("alert").inner_text()
    assert words(explorer)[-1] == "sat"


def test_explorer_temperature_and_top_k(visit, http):
    explorer = widget(visit(f"{http}/widgets.html"))
    explorer.get_by_label("Temperature").press("Home")
    assert bars(explorer) == [["cat", "100%"], ["dog", "0%"]]
    explorer.get_by_label("Temperature").press("End")
    assert bars(explorer) == [["cat", "75.0%"], ["dog", "25.0%"]]  # √0.9 : √0.1 = 3 : 1
    explorer.get_by_label("Top k").select_option("1")
    assert bars(explorer) == [["cat", "100%"], ["dog", "0%"]]
    assert "model" in explorer.locator(".lmn-legend").inner_text()
    assert "0.4 bits" in explorer.locator(".lmn-total").inner_text()  # of the model, whatever the temperature


def test_explorer_shows_hostile_words_as_text(visit, http):
    seen = visit(f"{http}/widgets.html")
    explorer = widget(seen)
    explorer.get_by_role("radio", name="order 1: looks at no word").check(force=True)
    bar = explorer.get_by_role("button", name=re.compile("^<img"))
    bar.click()
    assert words(explorer)[-1] == "<img src=x onerror=alert(1)>"
    assert explorer.locator("img").count() == 0
    assert [error for error in seen.errors if "no way" not in error] == []


def test_explorer_with_the_keyboard(visit, http):
    seen = visit(f"{http}/widgets.html")
    explorer, key = widget(seen), seen.page.keyboard.press
    explorer.get_by_role("tab", name="English").focus()
    key("Tab")  # orders
    key("ArrowLeft")
    assert explorer.get_by_role("radio", name=re.compile("order 2")).is_checked()
    key("Tab")  # the sentence: one stop
    key("Tab")  # the bars: one stop
    focused = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"
    assert seen.page.evaluate(focused) == "cat, 50.0%"
    key("ArrowDown")
    assert seen.page.evaluate(focused) == "dog, 40.0%"
    key("End")
    assert seen.page.evaluate(focused) == "the, 10.0%"
    key("Home")
    key("Enter")
    assert words(explorer) == ["▸", "the", "cat"]
    assert seen.page.evaluate(focused).startswith("sat")  # the first row has the focus still
    assert "cat added, 50.0%" in explorer.get_by_role("status").inner_text()
    key("ArrowDown")
    key("Space")
    assert words(explorer) == ["▸", "the", "cat", "end"]
    assert seen.page.evaluate("document.activeElement.textContent") == "Start over"  # no bar is left to stand on
    key("Enter")
    assert words(explorer) == ["▸"]
    explorer.get_by_role("tab", name="English").focus()
    key("ArrowRight")
    key("Enter")
    assert words(explorer) == ["▸"]
    assert bars(explorer) == [["고양이가", "100%"]]
    assert explorer.locator(".lmn-row b").get_attribute("lang") == "ko"
    key("ArrowLeft")
    key("Enter")
    assert bars(explorer)[0][0] == "the"


def test_explorer_samples_the_same_with_the_same_seed(visit, http):
    from playwright.sync_api import expect

    def sampled(**options):
        explorer = widget(visit(f"{http}/widgets.html", **options))
        explorer.get_by_role("radio", name="order 1: looks at no word").check(force=True)
        explorer.get_by_label("Seed").fill("5")
        explorer.get_by_label("Seed").press("Enter")
        texts = []
        for _ in range(6):
            bits = explorer.locator(".lmn-total").inner_text()
            explorer.get_by_role("button", name="Sample").click()
            expect(explorer.locator(".lmn-total")).not_to_have_text(bits)
            expect(explorer.locator(".lmn-line")).not_to_have_class(re.compile("lmn-thrown"))
            texts.append(words(explorer))
        return texts

    calm = sampled(calm=True)
    assert sampled(calm=False) == calm  # with the dart in the air and without


def test_explorer_writes_by_itself_until_the_end(visit, http):
    explorer = widget(visit(f"{http}/widgets.html"))
    explorer.get_by_role("button", name="Auto").click()
    explorer.get_by_role("button", name="Stop").wait_for()
    explorer.locator(".lmn-said").wait_for()
    assert words(explorer)[-1] == "end"
    explorer.get_by_role("button", name="Auto").wait_for()
    explorer.get_by_role("button", name="Auto").click()
    explorer.get_by_role("button", name="Undo").click()  # any other button stops it
    assert explorer.get_by_role("button", name="Auto").is_visible()


@pytest.mark.parametrize("width", [360, 1280])
def test_explorer_fits_fingers_and_phones(visit, http, width):
    explorer = widget(visit(f"{http}/widgets.html", width=width))
    assert small_targets(explorer) == []
    assert explorer.evaluate("(el) => el.scrollWidth <= el.clientWidth")
    box = explorer.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_explorer_can_be_read(visit, http, dark):
    """Contrast of the texts against what is behind them, by the rule of WCAG: at least 4.5."""
    explorer = widget(visit(f"{http}/widgets.html", dark=dark))
    explorer.get_by_role("radio", name="order 1: looks at no word").check(force=True)
    assert low_contrast(explorer) == []
