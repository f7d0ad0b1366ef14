"""The translation explorer in a real browser: what it shows is what the network says, and what a reader does counts."""

import re

import numpy as np
import pytest
import small_book
from checks import low_contrast, small_targets

SPACE = {}
exec(small_book.TRANSLATOR, SPACE)  # the network of the page
MODEL = SPACE["translating"]
FIRST = "저는 밥을 먹었다."


def shown(visit):
    explorer = visit.page.locator(".lmt[data-ready]")
    explorer.wait_for()
    return explorer


@pytest.fixture
def explorer(visit, http):
    return shown(visit(f"{http}/translations.html"))


def tokens(explorer, line):
    return explorer.locator(".lmt-tokens").nth(line).locator("button b").all_text_contents()


def bars(explorer):
    rows = "(all) => all.map((row) => [row.children[0].textContent, row.children[2].textContent])"
    return explorer.locator(".lmt-row").evaluate_all(rows)


def plain(pieces):
    return ["■" if piece == "</s>" else piece.removeprefix("▁") for piece in pieces]


def expected(p, n=8):
    """The bars that the page must show for these probabilities."""
    best = np.argsort(-p, kind="stable")[:n]
    percent = [f"{100 * p[i]:.1f}%" if p[i] >= 0.001 else "<0.1%" for i in best]
    return list(zip(plain(MODEL.target[i] for i in best), percent, strict=True))


def same_bars(explorer, p):
    assert [tuple(row) for row in bars(explorer)] == expected(p)


def step_to(explorer, place):
    """From the end to the place by the button."""
    back = explorer.get_by_role("button", name="One step back")
    while back.get_attribute("aria-disabled") != "true":
        back.click()
    for _ in range(place):
        explorer.get_by_role("button", name="One step forward").click()


def test_it_translates_without_python(visit, root):
    seen = visit(f"{root}/translations.html")
    explorer = shown(seen)
    found = MODEL.translate(FIRST)
    assert tokens(explorer, 0) == plain(found.pieces) == ["저", "는", "밥", "을", "먹", "었", "다", "."]
    assert tokens(explorer, 1) == plain(found.output)
    assert "I ate rice." in explorer.locator(".lmt-reference").inner_text()
    hardest = int(found.p.max(1).argmin())
    same_bars(explorer, found.p[hardest])
    assert "48 numbers" in explorer.locator(".lmt-context").inner_text()
    assert seen.foreign == [] and seen.errors == []


def test_typing(explorer):
    field = explorer.get_by_label("Sentence to translate")
    for sentence in ["저는 친구를 보았다.", "밥", "", "저는 xyz를 먹었다."]:
        field.fill(sentence)
        found = MODEL.translate(sentence)
        assert tokens(explorer, 0) == plain(found.pieces)
        assert tokens(explorer, 1) == plain(found.output)
    assert "“xyz”" in explorer.get_by_role("alert").inner_text()
    assert explorer.locator(".lmt-reference").is_hidden()
    explorer.get_by_role("button", name="Start over").click()
    assert field.input_value() == FIRST
    assert explorer.get_by_role("alert").inner_text() == ""
    field.press("Enter")
    assert FIRST in explorer.get_by_role("status").inner_text()


def test_steps_back_and_forth(explorer):
    found = MODEL.translate(FIRST)
    step_to(explorer, 3)
    assert explorer.locator(".lmt-wait").is_visible() and explorer.locator(".lmt-bars").is_hidden()
    assert "filling: 3 of 8" in explorer.locator(".lmt-context").inner_text()
    explorer.get_by_role("button", name="One step forward").press("ArrowRight")
    assert "filling: 4 of 8" in explorer.locator(".lmt-context").inner_text()
    for _ in range(5):
        explorer.get_by_role("button", name="One step forward").press("ArrowRight")
    same_bars(explorer, found.p[1])
    assert "choice 2 of" in explorer.locator(".lmt-next").inner_text()
    assert explorer.locator(".lmt-tokens").nth(1).locator(".lmt-later").count() == len(found.output) - 1
    explorer.locator(".lmt-tokens").nth(1).locator("button").nth(3).click()
    same_bars(explorer, found.p[3])
    explorer.get_by_role("button", name="Start over").click()
    explorer.get_by_role("button", name="Play").click()
    explorer.get_by_role("button", name="Stop").click()
    explorer.get_by_role("button", name="Play").wait_for()


def test_the_context_is_drawn_as_it_is(explorer):
    """Each cell is red or blue as its number is above or below 0."""
    context = MODEL.translate(FIRST).context
    warmth = explorer.locator(".lmt-strip").evaluate(
        """(e) => { const pen = e.getContext("2d"), ratio = e.width / e.clientWidth;
          const across = 24, wide = e.clientWidth / across, found = [];
          for (const row of [0, 1]) for (let n = 0; n < across; n++) {
            const [x, y] = [(n + 0.5) * wide, row * 24 + 8];
            const [r, , b] = pen.getImageData(Math.round(x * ratio), Math.round(y * ratio), 1, 1).data;
            found.push(r - b);
          }
          return found; }"""
    )
    assert len(warmth) == len(context)
    for value, warm in zip(context, warmth, strict=True):
        assert abs(value) < 0.1 or (warm > 0) == (value > 0)


def test_a_piece_is_taken_out(explorer):
    whole = MODEL.translate(FIRST)
    explorer.locator(".lmt-tokens").first.locator("button").nth(2).click()
    ids = MODEL.ids([piece for i, piece in enumerate(whole.pieces) if i != 2])
    changed = int((np.abs(MODEL.context(ids) - whole.context) > 0.1).sum())
    assert f"{changed} of 48 cells changed" in explorer.locator(".lmt-context").inner_text()
    assert f"{changed} of 48 cells changed" in explorer.get_by_role("status").inner_text()
    removed = explorer.locator(".lmt-tokens").first.locator("[aria-pressed=true]")
    assert removed.get_attribute("aria-label") == "밥, taken out"
    removed.click()
    assert tokens(explorer, 1) == plain(whole.output)
    assert explorer.locator(".lmt-out").count() == 0
    for i in range(8):  # all of them
        explorer.locator(".lmt-tokens").first.locator("button").nth(i).click()
    assert explorer.locator(".lmt-out").count() == 8
    assert tokens(explorer, 1) == plain(MODEL.translate("").output)


def test_another_piece_is_forced(explorer):
    found = MODEL.translate(FIRST)
    step_to(explorer, 8)  # all is read
    same_bars(explorer, found.p[0])
    second = bars(explorer)[1][0]
    explorer.locator(".lmt-row").nth(1).click()
    now = tokens(explorer, 1)
    assert now[0] == second != plain(found.output)[0]
    assert explorer.locator(".lmt-forced b").all_text_contents() == [second]
    explorer.get_by_role("button", name="Back to the likeliest").click()
    assert tokens(explorer, 1) == plain(found.output)


def test_the_beam(explorer):
    found = explorer.locator(".lmt-found li")
    for width in (1, 5, 2):
        explorer.get_by_role("radio", name=f"Width {width}").check(force=True)
        scores = [float(s.replace("−", "-")) for s in re.findall(r"score (\S+)", "\n".join(found.all_inner_texts()))]
        kept = [s for s, text in zip(scores, found.all_inner_texts(), strict=True) if "not in the beam" not in text]
        assert 1 <= len(kept) <= width and kept == sorted(kept, reverse=True)
        assert "winner" in found.first.inner_text()
        assert sum("greedy" in text for text in found.all_inner_texts()) == 1
    explorer.get_by_role("radio", name="Width 1").check(force=True)
    assert "greedy" in found.first.inner_text()
    explorer.get_by_label("Length penalty").press("Home")
    numbers = re.findall(r"−?[\d.]+", found.first.locator(".lmt-numbers").inner_text())
    assert numbers[0] == numbers[1]  # undivided
    # The tree by keys.
    explorer.get_by_role("radio", name="Width 3").check(force=True)
    node = explorer.locator(".lmt-node").first
    node.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowRight"):
        explorer.page.keyboard.press(key)
    place = "(e) => [document.activeElement.node.level, document.activeElement.node.row]"
    assert explorer.evaluate(place)[0] == 2
    assert "ln p" in explorer.locator(".lmt-readout").inner_text()


def test_hostile_texts_are_texts(visit, http):
    seen = visit(f"{http}/translations.html")
    explorer = shown(seen)
    for sentence in ["<img src=x onerror=alert(1)>", "\u202e\u05e9\u05dc", "👩\u200d👩\u200d👧", "▔a▔", "저는 " * 90]:
        explorer.get_by_label("Sentence to translate").fill(sentence)
        assert explorer.locator(".lmt-tokens").first.locator("button").count() == len(MODEL.cut(sentence))
    assert "the first 100 pieces" in explorer.get_by_role("alert").inner_text()
    assert explorer.locator("img").count() == 0
    assert seen.errors == []


@pytest.mark.parametrize("width", [360, 1280])
def test_fits_fingers_and_phones(visit, http, width):
    explorer = shown(visit(f"{http}/translations.html", width=width))
    assert small_targets(explorer) == []
    assert explorer.evaluate("(el) => el.scrollWidth <= el.clientWidth")
    box = explorer.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_can_be_read(visit, http, dark):
    explorer = shown(visit(f"{http}/translations.html", dark=dark))
    assert low_contrast(explorer) == []
    explorer.locator(".lmt-tokens").first.locator("button").nth(2).click()
    step_to(explorer, 7)
    explorer.locator(".lmt-row").nth(1).click()
    assert low_contrast(explorer) == []
