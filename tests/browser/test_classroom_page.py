"""A chapter as slides, the speaker's window, slides on paper, and solutions opened or put away."""

import re

import pytest
import small_book
from checks import low_contrast, small_targets
from ci_script import load
from nbformat.v4 import new_code_cell, new_markdown_cell


def marked(cell, mark):
    cell.metadata["slideshow"] = {"slide_type": mark}
    return cell


SQUARES = "\n".join(f"n{i} = {i} ** 2" for i in range(7)) + "\nfor n in (n0, n1, n2, n3, n4):\n    print(n)"
LESSON = [
    marked(new_markdown_cell("# A lesson\n\nWhat comes next?"), "slide"),
    marked(new_markdown_cell("Good morning. $x^2$ is a square."), "notes"),
    marked(new_code_cell("import math\nfrom lmcourse.widgets import NextWordExplorer\nprint('set up')"), "skip"),
    marked(new_markdown_cell("## The guess\n\nIs it 3, or 4?"), "slide"),
    marked(new_code_cell("print(2 + 2)"), "fragment"),
    new_markdown_cell("It was $2 + 2$."),
    marked(new_markdown_cell("Let them guess."), "notes"),
    marked(new_code_cell("table = {(): {'a': 0.5, '</s>': 0.5}}\nNextWordExplorer({'English': table})"), "slide"),
    marked(new_markdown_cell("| a | b |\n|---|---|\n| 1 | 2 |"), "slide"),
    marked(new_code_cell("\n".join(f"n{i} = {i}" for i in range(20)) + "\nprint(n3)"), "slide"),
    marked(new_code_cell(SQUARES), "slide"),
    marked(new_markdown_cell("\n\n".join(f"Crowd {i}." for i in range(7))), "slide"),
    new_code_cell(SQUARES),
    marked(new_markdown_cell("## Far too long\n\n" + "\n\n".join(f"Paragraph {i}." for i in range(60))), "slide"),
    new_code_cell(f"# as it is\n{SQUARES}"),
    marked(new_markdown_cell("## Exercises\n\nThink."), "skip"),
    marked(new_code_cell("from lmcourse.exercises import prompt, solution"), "skip"),
    marked(new_code_cell("prompt('00.1')"), "slide"),
    marked(new_code_cell("solution('00.1')"), "fragment"),
]
LESSON[-1].metadata["tags"] = ["hide-cell"]
LESSON[-5].metadata["tags"] = ["slide-code"]
LAST = 8  # of the slides, counted from 0


@pytest.fixture(scope="module")
def pages(tmp_path_factory, browser):
    folder = tmp_path_factory.mktemp("lessons")
    plain = [new_markdown_cell("# Plain\n\nNo slides."), new_code_cell("1 + 1")]
    small_book.write_book(folder, notebooks={"lesson": LESSON, "plain": plain})
    return small_book.build(folder)


def showing(visited, number=1):
    """The page as slides, opened by its address."""
    visited.page.locator(".lm-bar").wait_for()
    assert place(visited.page)[0] == number
    return visited.page


def place(page):
    """The slide, as the bar and the address say, and the steps that are seen."""
    here = [int(n) for n in re.findall(r"\d+", page.locator(".lm-place").inner_text())]
    assert page.evaluate("location.hash") == f"#slides-{here[0]}"
    return here[0], page.evaluate("lmcourseSlides.at().step")


def words(page):
    """All text that can be seen on the slide."""
    return page.evaluate("""() => [...document.querySelectorAll("article section > :not(section)")]
      .filter((e) => e.getClientRects().length && getComputedStyle(e).visibility !== "hidden")
      .map((e) => e.innerText.replace(/#$/, "").trim()).filter(Boolean).join(" | ")""")


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def test_the_button_is_where_there_are_slides(visit, either):
    page = visit(f"{either}/lesson.html").page
    page.locator(".btn-slides-button").click()
    page.locator(".lm-bar").wait_for()
    assert words(page) == "A lesson | What comes next?"
    plain = visit(f"{either}/plain.html").page
    assert plain.locator(".btn-slides-button").count() == 0
    assert plain.evaluate("document.querySelectorAll('script[src*=classroom]').length") == 0


def test_a_lesson_from_the_first_slide_to_the_last(visit, either):
    visited = visit(f"{either}/lesson.html#slides", width=1280, height=720)
    page = showing(visited)
    press(page, "ArrowRight")
    assert place(page) == (2, 0) and words(page) == "The guess | Is it 3, or 4?"
    before = page.locator("h2:has-text('The guess')").bounding_box()
    press(page, "PageDown")
    assert place(page) == (2, 1) and words(page).startswith("The guess | Is it 3, or 4? | print(2 + 2)")
    assert "set up" not in words(page) and "print(2 + 2)\n\n4 | It was" in words(page)
    assert page.locator("h2:has-text('The guess')").bounding_box() == before, "a step moves nothing"
    press(page, " ")
    assert place(page) == (3, 0)
    explorer = page.locator(".lmn")
    assert explorer.is_visible() and not page.get_by_text("NextWordExplorer({").is_visible(), "no code beside a figure"
    assert "The guess" in words(page), "the section's heading is above it"
    press(page, "c")
    assert page.get_by_text("NextWordExplorer({").is_visible()
    press(page, "c", "ArrowRight")
    assert re.sub(r"\s+", " ", words(page)) == "The guess | a b 1 2", "a wide table has a box around it"
    press(page, "ArrowRight")
    assert words(page).endswith("3") and "n19 = 19" not in words(page), "long code is not shown beside what it prints"
    press(page, "ArrowRight")
    assert place(page) == (6, 0) and "n6 = 6 ** 2" in words(page), "there is room for the code beside the table"
    press(page, "ArrowRight")
    assert "Crowd 6." in words(page) and "n6 = 6 ** 2" not in words(page) and words(page).endswith("16"), "here is none"
    press(page, "ArrowRight")
    assert place(page) == (8, 0) and "n6 = 6 ** 2" in words(page), "the cell is tagged so"
    press(page, "End")
    assert place(page) == (9, 1) and "def " in words(page)
    assert "code cell" not in words(page) and "solution(" not in words(page), "only the solution itself"
    press(page, "ArrowLeft", "ArrowLeft")
    assert place(page) == (8, 0)
    press(page, "Home", "ArrowLeft")
    assert place(page) == (1, 0)
    assert page.get_by_role("status").inner_text() == "Slide 1 of 9: A lesson"
    assert visited.errors == [] and visited.foreign == []


def test_a_widget_keeps_its_keys_but_not_those_of_a_remote_control(visit, site):
    page = showing(visit(f"{site}/lesson.html#slides-3"), 3)
    page.locator(".lmn input[type=range]").focus()
    value = page.locator(".lmn input[type=range]").input_value()
    press(page, "ArrowRight")
    assert place(page) == (3, 0) and page.locator(".lmn input[type=range]").input_value() != value
    press(page, "PageDown")
    assert place(page) == (4, 0)


def test_a_widget_answers_the_mouse_at_its_size_on_the_slide(visit, site):
    page = showing(visit(f"{site}/lesson.html#slides-3", height=720), 3)
    row = page.locator(".lmn-row").first
    box = row.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.locator(".lmn-chip").all_inner_texts()[-1].startswith("a")


def test_slides_are_as_large_as_fits(visit, site):
    page = showing(visit(f"{site}/lesson.html#slides", width=1280, height=720))
    shares = []
    for n in range(LAST + 1):
        page.evaluate(f"lmcourseSlides.go({n}, 9)")
        shares.append(page.evaluate(f"lmcourseSlides.slides[{n}].share"))
        fits = page.evaluate(
            "(() => { const a = document.querySelector('article'); return a.scrollHeight <= a.clientHeight + 1 })()"
        )
        assert fits == bool(shares[-1])
    assert shares[0] == 1 and shares[7] == 0, "what is too long can be scrolled"
    page.evaluate("lmcourseSlides.go(7, 0)")
    assert page.locator(".lm-more").inner_text() == "↓ scroll"
    press(page, "ArrowDown", "ArrowDown")
    page.wait_for_function("document.querySelector('article').scrollTop > 0")
    page.evaluate("lmcourseSlides.go(0, 0)")
    size = page.locator("article h1").bounding_box()["height"]
    page.set_viewport_size({"width": 1920, "height": 1080})
    grown = (
        "(size) => Math.abs(document.querySelector('article h1').getBoundingClientRect().height / size - 1.5) < 0.08"
    )
    page.wait_for_function(grown, arg=size)


def test_nothing_else_can_be_reached_and_all_comes_back(visit, either):
    page = visit(f"{either}/lesson.html").page
    page.locator("h2:has-text('Far too long')").evaluate("(e) => e.scrollIntoView()")
    page.evaluate("lmcourseSlides.start(); lmcourseSlides.start()")  # a click too many
    page.locator(".lm-bar").wait_for()
    assert place(page) == (8, 0), "it begins where one was reading"
    assert page.locator(".lm-bar").count() == 1
    names = set()
    for _ in range(12):
        press(page, "Tab")
        names.add(page.evaluate("document.activeElement.closest('.lm-bar, article')?.className ?? 'elsewhere'"))
    assert not {name for name in names if "lm-bar" not in name and "bd-article" not in name} - {"elsewhere"}
    assert page.evaluate("[...document.querySelectorAll('nav, header, footer')].every((e) => !e.checkVisibility())")
    press(page, "Escape")
    assert page.locator(".lm-bar").count() == 0
    assert page.evaluate("location.hash") == ""
    assert page.evaluate("document.querySelectorAll('[inert], .lm-elsewhere, .lm-later, [style*=zoom]').length") == 0
    assert page.get_by_text("set up").first.is_visible()
    assert page.locator("details").first.evaluate("(e) => e.open") is False, "a solution is folded again"
    assert abs(page.locator("h2:has-text('Far too long')").bounding_box()["y"]) < 100
    assert page.evaluate("document.activeElement.className").count("slides-button") == 1


def test_the_speaker_has_a_window_and_both_go_together(visit, either):
    page = showing(visit(f"{either}/lesson.html#slides-2"), 2)
    with page.expect_popup() as opened:
        press(page, "n")
    notes = opened.value
    notes.locator(".lm-bar").wait_for()
    assert words(notes) == "Let them guess."
    assert notes.locator(".lm-where").inner_text() == "The guess → The guess"
    press(page, "Home")
    notes.get_by_text("Good morning.").wait_for()
    assert notes.locator("mjx-container").first.is_visible()
    press(notes, "PageDown")
    page.get_by_text("Is it 3, or 4?").wait_for()
    assert place(page) == (2, 0) and notes.evaluate("location.hash") == "#notes-2"
    press(notes, "n")
    assert len(page.context.pages) == 2 and notes.locator(".lm-bar").count() == 1
    assert notes.title().startswith("Notes: ")
    press(notes, "Escape")
    assert not notes.title().startswith("Notes: ") and place(page) == (2, 0)


def test_messages_of_strangers_move_nothing(visit, site):
    page = showing(visit(f"{site}/lesson.html#slides"))
    page.evaluate("postMessage({ lmcourseSlide: { slide: 3, step: 0 } }, '*')")
    page.wait_for_timeout(200)
    assert place(page) == (1, 0)


def test_slides_on_paper(visit, site, tmp_path):
    """One slide a page, complete with its last step, in the window's shape; and the page itself as ever."""
    page = showing(visit(f"{site}/lesson.html#slides", width=1280, height=720))
    pdf = page.pdf(path=tmp_path / "slides.pdf", prefer_css_page_size=True)
    boxes = re.findall(rb"/MediaBox \[0 0 (\d+)(?:\.\d+)? (\d+)", pdf)
    assert set(boxes) == {(b"960", b"540")}
    assert LAST + 1 <= len(boxes) <= LAST + 4, "only what is too long goes on"
    size = "getComputedStyle(document.querySelector('article .cell_output pre')).fontSize"
    before = page.evaluate(size)
    page.emulate_media(media="print")
    assert page.locator("article h1").is_visible() and page.evaluate(size) == before
    assert page.evaluate("document.querySelector('article').getBoundingClientRect().width") >= 1279
    page.emulate_media(media="screen")
    assert place(page) == (1, 0) and words(page) == "A lesson | What comes next?"


def test_make_pdf_prints_handouts_and_slides(pages, browser, tmp_path):
    pdf, address = load("pdf"), (pages / "lesson.html").as_uri()
    sizes = {}
    for slides in (False, True):
        for solutions in ("open", "folded", "away"):
            path = tmp_path / "lesson.pdf"
            pdf.print_page(browser, address, path, slides, solutions)
            boxes = re.findall(rb"/MediaBox \[0 0 (\d+)(?:\.\d+)? (\d+)", path.read_bytes())
            (box,) = {tuple(map(int, box)) for box in boxes}
            assert box == pytest.approx((960, 540) if slides else (595, 842), abs=1)  # A4
            sizes[slides, solutions] = len(path.read_bytes())
    assert sizes[False, "open"] > sizes[False, "folded"] > sizes[False, "away"]
    assert sizes[True, "open"] > sizes[True, "away"]


def test_solutions_are_folded_opened_or_put_away(visit, site):
    page = visit(f"{site}/lesson.html").page
    solution = page.locator(".lm-solution")
    folded = solution.locator("details")
    assert folded.evaluate("(e) => e.open") is False
    choice = page.get_by_label("How solutions are shown")
    assert choice.bounding_box()["height"] >= 39.5
    choice.select_option("open")
    assert folded.evaluate("(e) => e.open") is True
    choice.select_option("away")
    assert not solution.is_visible()
    page.reload()
    assert not solution.is_visible(), "it is remembered"
    page.evaluate("lmcourseSlides.start(8)")
    page.locator(".lm-bar").wait_for()
    press(page, "End")
    assert not solution.is_visible()
    press(page, "Escape")
    page.get_by_label("How solutions are shown").select_option("folded")
    assert solution.is_visible() and folded.evaluate("(e) => e.open") is False


@pytest.mark.parametrize("dark", [False, True])
def test_the_bar_can_be_read_and_pressed(visit, site, dark):
    page = showing(visit(f"{site}/lesson.html#slides-2", width=400, dark=dark), 2)
    bar = page.get_by_role("toolbar", name="Slides")
    assert small_targets(bar) == [] and low_contrast(bar) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    text = page.get_by_text("Is it 3, or 4?")
    assert text.evaluate("(e) => parseFloat(getComputedStyle(e).fontSize) * parseFloat(e.style.zoom || 1)") >= 14.5
    bar.get_by_role("button", name="Next").click()
    press(page, "ArrowRight", "ArrowLeft")  # the keys go on working
    assert place(page) == (2, 1)
    bar.get_by_role("button", name="Back (Page up)").click()
    assert place(page) == (2, 0)
    bar.get_by_role("button", name="Back to the page").click()
    assert bar.count() == 0
