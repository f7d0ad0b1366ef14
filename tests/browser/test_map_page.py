"""The context map in a real browser: pointing, keys, search, labels, and two views of one figure."""

import re

import pytest
from checks import low_contrast, small_targets

NUMBERS = [f"{'배 말 눈'.split()[i % 3]} {i} " + "글을 읽는다" * (i % 4) for i in range(300)]
NUMBERS[7:9] = ["<img src=x onerror=alert(1)>", ""]


def shown(visit):
    figure = visit.page.locator(".lmc").first
    figure.wait_for()
    figure.scroll_into_view_if_needed()
    visit.page.wait_for_function("document.querySelector('.lmc-canvas').height > 200")
    return figure


@pytest.fixture
def figure(visit, http):
    return shown(visit(f"{http}/networks.html"))


def canvas(figure):
    return figure.locator(".lmc-canvas")


def card(figure):
    return figure.locator(".lmc-card .lmc-text").inner_text()


def near(figure):
    return figure.locator(".lmc-neighbour .lmc-text").all_inner_texts()


def test_pointing_and_clicking(visit, root):
    seen = visit(f"{root}/networks.html")
    figure = shown(seen)
    box = canvas(figure).bounding_box()
    # On the first map item 0 is the middle of a sunflower, and 1, 2, 3 and so on stand around it.
    seen.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    first = figure.locator(".lmc-card .lmc-text")
    first.wait_for()
    assert re.match(r"[배말눈] \d+", card(figure))
    assert len(near(figure)) == 5
    assert figure.locator(".lmc-release").count() == 0  # only pointed at
    seen.page.mouse.move(box["x"] + 2, box["y"] + 2)
    assert figure.locator(".lmc-hint").is_visible()
    seen.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    kept = card(figure)
    seen.page.mouse.move(box["x"] + 2, box["y"] + 2)
    assert card(figure) == kept
    assert "Neighbours:" in figure.get_by_role("status").last.inner_text()
    figure.locator(".lmc-neighbour").nth(1).click()
    assert card(figure) != kept
    figure.get_by_role("button", name="Let go").click()
    assert figure.locator(".lmc-hint").is_visible()
    assert seen.foreign == [] and seen.errors == []


def test_walking_with_the_arrow_keys(figure):
    canvas(figure).focus()
    texts = set()
    for key in ["ArrowRight", "ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown", "ArrowDown"]:
        canvas(figure).press(key)
        texts.add(card(figure))
    assert len(texts) >= 5
    canvas(figure).press("+")
    assert figure.get_by_role("button", name="Wider").get_attribute("aria-disabled") == "false"
    canvas(figure).press("0")
    assert figure.get_by_role("button", name="Wider").get_attribute("aria-disabled") == "true"
    canvas(figure).press("Escape")
    assert figure.locator(".lmc-hint").is_visible()
    # From the canvas Tab leads to the neighbours, which are one stop.
    canvas(figure).press("ArrowUp")
    figure.locator(".lmc-neighbour").first.focus()
    figure.page.keyboard.press("ArrowDown")
    assert figure.locator(".lmc-neighbour").nth(1).evaluate("(e) => e === document.activeElement")


def test_maps_neighbours_and_shares_change(figure):
    share = figure.locator(".lmc-share b").inner_text()
    canvas(figure).focus()
    canvas(figure).press("ArrowUp")
    text, before = card(figure), near(figure)
    figure.get_by_role("tab", name="after").click()
    assert card(figure) == text and near(figure) != before
    assert figure.locator(".lmc-share b").inner_text() == "100%" != share
    assert figure.locator(".lmc-other").count() == 0
    figure.get_by_role("radio", name="half").check(force=True)
    assert figure.locator(".lmc-class span").all_inner_texts() == ["<i>low</i>", "high"]


def test_points_move_or_jump(visit, http):
    picture = "(e) => e.toDataURL()"
    for calm in (True, False):
        figure = shown(visit(f"{http}/networks.html", calm=calm))
        figure.page.wait_for_timeout(200)
        figure.get_by_role("tab", name="after").click()
        at_once = canvas(figure).evaluate(picture)
        figure.page.wait_for_timeout(1800)
        assert (canvas(figure).evaluate(picture) == at_once) == calm


def test_search_in_hangul(figure):
    field = figure.get_by_label("Search the texts")
    field.fill("말 1")
    count = sum("말 1" in text for text in NUMBERS)
    assert figure.locator(".lmc-count").inner_text() == f"{count} of 300"
    field.press("Enter")
    assert card(figure).startswith("말 1 ")
    field.press("Enter")
    assert card(figure).startswith("말 10 ")
    field.fill("no such text")
    assert figure.locator(".lmc-count").inner_text() == "0 of 300"
    field.fill("")
    assert figure.locator(".lmc-count").inner_text() == ""


def test_labels_are_shown_and_hidden(figure):
    painted = (
        "(e) => e.getContext('2d').getImageData(0, 0, e.width, e.height).data.filter((x, i) => i % 4 === 3 && x).length"
    )
    before = canvas(figure).evaluate(painted)
    label = figure.get_by_role("button", name="word 1: show or hide")
    label.focus()
    label.press("Enter")
    assert label.get_attribute("aria-pressed") == "false"
    assert label.evaluate("(e) => e === document.activeElement")
    assert canvas(figure).evaluate(painted) < 0.8 * before
    label.press("Enter")
    assert canvas(figure).evaluate(painted) == before


def test_hostile_texts_and_marked_words(figure):
    field = figure.get_by_label("Search the texts")
    field.fill("<img")
    field.press("Enter")
    assert card(figure) == "<img src=x onerror=alert(1)>"
    assert figure.locator("img").count() == 0 and figure.locator(".lmc-card mark").count() == 0
    field.fill("배 9 ")
    field.press("Enter")
    assert figure.locator(".lmc-card mark").inner_text() == "배"
    assert figure.locator(".lmc-card .lmc-text").get_attribute("lang") == "ko"


def test_zoom_by_buttons_wheel_and_drag(figure):
    picture = "(e) => e.toDataURL()"
    pages = [canvas(figure).evaluate(picture)]
    figure.get_by_role("button", name="Closer").click()
    pages.append(canvas(figure).evaluate(picture))
    canvas(figure).scroll_into_view_if_needed()
    box = canvas(figure).bounding_box()
    mouse = figure.page.mouse
    mouse.move(box["x"] + 100, box["y"] + 100)
    mouse.down()
    mouse.move(box["x"] + 160, box["y"] + 140, steps=4)
    mouse.up()
    assert figure.locator(".lmc-release").count() == 0  # to drag is not to click
    pages.append(canvas(figure).evaluate(picture))
    scrolled = "window.scrollY"
    canvas(figure).focus()
    top = figure.page.evaluate(scrolled)
    mouse.move(box["x"] + 60, box["y"] + box["height"] - 20)
    mouse.wheel(0, -300)
    figure.page.wait_for_timeout(150)
    assert figure.page.evaluate(scrolled) == top  # with the focus the wheel is the map's
    pages.append(canvas(figure).evaluate(picture))
    assert len(set(pages)) == 4
    figure.get_by_role("button", name="Show all").click()
    mouse.move(0, 0)
    assert canvas(figure).evaluate(picture) == pages[0]


def test_a_figure_shown_twice_is_one_figure(figure):
    figures = figure.page.locator(".lmc")
    assert figures.count() == 2
    canvas(figure).focus()
    canvas(figure).press("ArrowUp")
    assert card(figures.nth(1)) == card(figures.nth(0))
    figures.nth(1).get_by_role("tab", name="after").click()
    assert figures.nth(0).get_by_role("tab", name="after").get_attribute("aria-selected") == "true"


@pytest.mark.parametrize("width", [360, 1280])
def test_fits_fingers_and_phones(visit, http, width):
    figure = shown(visit(f"{http}/networks.html", width=width))
    canvas(figure).focus()
    canvas(figure).press("ArrowUp")
    assert small_targets(figure) == []
    assert figure.evaluate("(el) => el.scrollWidth <= el.clientWidth")
    box = figure.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width


def test_a_finger_taps_and_pinches(visit, http):
    seen = visit(f"{http}/networks.html", width=400, has_touch=True)
    figure = shown(seen)
    canvas(figure).scroll_into_view_if_needed()
    box = canvas(figure).bounding_box()
    seen.page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    figure.get_by_role("button", name="Let go").wait_for()
    touch = seen.page.context.new_cdp_session(seen.page)
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for kind, apart in [("touchStart", 30), ("touchMove", 60), ("touchMove", 90), ("touchEnd", None)]:
        points = [] if apart is None else [{"x": middle[0] + way * apart, "y": middle[1], "id": way} for way in (0, 1)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert figure.get_by_role("button", name="Wider").get_attribute("aria-disabled") == "false"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_can_be_read(visit, http, dark):
    figure = shown(visit(f"{http}/networks.html", dark=dark))
    figure.get_by_role("button", name="word 1: show or hide").click()
    canvas(figure).focus()
    canvas(figure).press("ArrowUp")
    figure.get_by_label("Search the texts").fill("배")
    assert low_contrast(figure) == []
