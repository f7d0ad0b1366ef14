"""The clip player in a real browser: playing, seeking, frames, captions, and two views of one figure."""

import re

import pytest
from checks import low_contrast, small_targets
from playwright.sync_api import expect

SOUND, MODELS, FILMS = range(3)
COLUMN = """(e) => {  // which column of the film is lit, and its colour
  const { data, width } = e.getContext("2d").getImageData(0, 0, e.width, 1);
  const at = [...Array(width).keys()].filter((i) => data[4 * i] || data[4 * i + 1] || data[4 * i + 2]);
  return [...at, ...at.flatMap((i) => [...data.slice(4 * i, 4 * i + 3)])];
}"""


def shown(visit, n):
    figure = visit.page.locator(".lmv").nth(n)
    figure.wait_for()
    figure.scroll_into_view_if_needed()
    return figure


@pytest.fixture
def sound(visit, http):
    return shown(visit(f"{http}/players.html"), SOUND)


@pytest.fixture
def films(visit, http):
    return shown(visit(f"{http}/players.html"), FILMS)


def seconds(figure):
    return float(figure.locator(".lmv-time").inner_text().split(" ")[0])


def button(figure, name):
    return figure.get_by_role("button", name=name, exact=True)


def texts(figure):
    return figure.locator(".lmv-card .lmv-text").all_inner_texts()


def test_sounds_play_to_their_end(visit, root):
    seen = visit(f"{root}/players.html")
    figure = shown(seen, SOUND)
    assert figure.locator(".lmv-time").inner_text() == "0.0 / 1.2 s"
    button(figure, "Play").click()
    seen.page.wait_for_function("parseFloat(document.querySelector('.lmv-time').textContent) > 0.2")
    assert button(figure, "Pause").is_visible()
    button(figure, "Play").wait_for()  # at the end
    assert figure.locator(".lmv-time").inner_text() == "1.2 / 1.2 s"
    assert figure.locator(".lm-complaint").inner_text() == ""
    button(figure, "Play").click()  # from the beginning
    seen.page.wait_for_function("parseFloat(document.querySelector('.lmv-time').textContent) < 1")
    button(figure, "Pause").click()
    assert seen.foreign == [] and seen.errors == []


def test_every_clip_can_be_decoded(visit, root):
    seen = visit(f"{root}/players.html")
    figure = shown(seen, SOUND)
    button(figure, "Loop").click()  # so that the shortest does not end before it is stopped
    for n in range(3):
        assert figure.locator("select").input_value() == str(n)
        before = figure.locator(".lmv-sound").evaluate("(e) => e.toDataURL()")
        figure.locator(".lmv-scrub").press("ArrowRight")
        assert figure.locator(".lmv-sound").evaluate("(e) => e.toDataURL()") != before
        button(figure, "Play").click()
        seen.page.wait_for_function("parseFloat(document.querySelector('.lmv-time').textContent) > 0.15")
        button(figure, "Pause").click()
        figure.locator(".lmv-scrub").press("PageDown")
    assert figure.locator(".lm-complaint").inner_text() == ""
    assert seen.errors == []


def test_a_click_goes_to_its_moment(sound):
    box = sound.locator(".lmv-sound").bounding_box()
    for share in (0.5, 0.25):
        sound.locator(".lmv-sound").click(position={"x": box["width"] * share, "y": 40})
        assert seconds(sound) == pytest.approx(1.2 * share, abs=0.06)
    mouse = sound.page.mouse
    mouse.move(box["x"] + 10, box["y"] + 40)
    mouse.down()
    mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 20, steps=4)
    mouse.up()
    assert seconds(sound) == pytest.approx(0.9, abs=0.06)
    mouse.move(box["x"] + 10, box["y"] + 40)
    assert seconds(sound) == pytest.approx(0.9, abs=0.06)


def test_the_keyboard_is_enough(sound):
    slider = sound.locator(".lmv-scrub")
    slider.focus()
    for key, at in [("ArrowRight", 0.1), ("ArrowUp", 0.2), ("ArrowLeft", 0.1), ("End", 1.2), ("Home", 0), ("Home", 0)]:
        slider.press(key)
        assert seconds(sound) == at
    assert slider.get_attribute("aria-valuetext") == "0.0 of 1.2 seconds"
    slider.press(" ")
    button(sound, "Pause").wait_for()
    slider.press(" ")
    button(sound, "Play").wait_for()
    slider.press("PageDown")
    assert sound.locator("select").input_value() == "1"
    said = "2 of 3: <img src=x onerror=alert(1)>. The model says: <img src=x onerror=alert(1)>. "
    assert sound.get_by_role("status").inner_text() == said + "Right is: <img src=x onerror=alert(1)>. right."
    slider.press("PageUp")
    slider.press("PageUp")
    assert sound.locator("select").input_value() == "0"
    assert button(sound, "Previous clip").get_attribute("aria-disabled") == "true"


def test_words_that_differ_are_marked_in_both(sound):
    assert texts(sound) == ["one too three", "one two three four"]
    assert sound.locator(".lmv-wrong").all_inner_texts() == ["too"]
    assert sound.locator(".lmv-missed").all_inner_texts() == ["two", "four"]
    assert sound.locator(".lmv-no").inner_text() == "✗ 2 words differ"
    line = "(e) => getComputedStyle(e).textDecorationLine + getComputedStyle(e).outlineStyle"
    assert "underline" in sound.locator(".lmv-wrong").evaluate(line)  # not by colour alone
    assert "dashed" in sound.locator(".lmv-missed").first.evaluate(line)
    button(sound, "Next clip").click()
    assert sound.locator(".lmv-yes").inner_text() == "✓ right" and sound.locator("mark").count() == 0
    assert texts(sound) == ["<img src=x onerror=alert(1)>"] * 2 and sound.locator("img").count() == 0
    names = sound.locator("option").all_inner_texts()
    assert names == ["✗ first", "✓ <img src=x onerror=alert(1)>", "✗ Clip 3"]
    sound.locator("select").select_option("2")
    assert sound.locator(".lmv-wrong").inner_text() == "x" * 200
    assert sound.evaluate("(el) => el.scrollWidth <= el.clientWidth")


def test_several_models_side_by_side(visit, http):
    figure = shown(visit(f"{http}/players.html"), MODELS)
    assert figure.locator("h4 span").all_inner_texts() == ["before", "after", "Right is"]
    assert figure.locator("h4 b").all_inner_texts() == ["✗ 1 word differs", "✗ 2 words differ"]
    assert figure.locator(".lmv-missed").all_inner_texts() == ["four"]  # the others are right in one of them
    assert figure.locator(".lmv-head").is_hidden()  # there is one clip only
    button(figure, "Play").click()
    figure.page.wait_for_timeout(1600)
    assert button(figure, "Pause").is_visible()  # it loops
    button(figure, "Loop").click()
    button(figure, "Play").wait_for()


def test_one_sound_at_a_time(visit, http):
    seen = visit(f"{http}/players.html")
    second, first = shown(seen, MODELS), shown(seen, SOUND)
    button(second, "Play").click()
    button(second, "Pause").wait_for()
    button(first, "Play").click()
    button(second, "Play").wait_for()
    assert button(second, "Pause").count() == 0


def test_half_speed(sound):
    rate = "(e) => e.playbackRate"
    sound.get_by_role("radio", name="half speed").check(force=True)
    assert sound.locator("audio").evaluate(rate) == 0.5
    button(sound, "Next clip").click()
    button(sound, "Play").click()
    button(sound, "Pause").wait_for()
    assert sound.locator("audio").evaluate(rate) == 0.5
    sound.get_by_role("radio", name="full speed").check(force=True)
    assert sound.locator("audio").evaluate(rate) == 1
    assert sound.locator("audio").is_hidden()


def test_films_frame_by_frame(visit, root):
    seen = visit(f"{root}/players.html")
    figure = shown(seen, FILMS)
    canvas = figure.locator(".lmv-film")
    seen.page.wait_for_function("document.querySelector('.lmv-film').getContext('2d').getImageData(0,0,1,1).data[0]")
    assert canvas.evaluate("(e) => [e.width, e.height, getComputedStyle(e).imageRendering]") == [10, 8, "pixelated"]
    assert button(figure, "Play").is_visible()  # who wants less motion gets a film that stands
    steps = ["One frame on", "One frame on", "One frame back"]
    for step, n in zip(steps, [1, 2, 1], strict=True):
        button(figure, step).click()
        assert figure.locator(".lmv-time").inner_text() == f"{n + 1} / 10"
        assert canvas.evaluate(COLUMN) == [n, 250, 0, 10 * n]
    slider = figure.locator(".lmv-scrub")
    for key, n in [("ArrowRight", 2), ("End", 9), ("ArrowRight", 0), ("ArrowLeft", 9), ("Home", 0)]:
        slider.press(key)
        assert canvas.evaluate(COLUMN)[0] == n
        assert slider.get_attribute("aria-valuetext") == f"frame {n + 1} of 10"
    button(figure, "Loop").click()
    slider.press("ArrowLeft")
    assert canvas.evaluate(COLUMN)[0] == 0  # without the loop it ends here
    box = slider.bounding_box()
    slider.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    assert canvas.evaluate(COLUMN)[0] in (4, 5)
    assert seen.foreign == [] and seen.errors == []


def test_films_play_to_their_end_or_for_ever(films):
    button(films, "Loop").click()
    button(films, "Play").click()
    button(films, "Pause").wait_for()
    button(films, "Play").wait_for()
    assert films.locator(".lmv-time").inner_text() == "10 / 10"
    button(films, "Loop").click()
    films.locator(".lmv-film").click()
    films.page.wait_for_timeout(2500)
    assert button(films, "Pause").is_visible()
    button(films, "Next clip").click()  # one frame only, in another colour
    button(films, "Pause").click()
    assert films.locator(".lmv-film").evaluate(COLUMN) == [0, 0, 250, 0]
    assert films.locator(".lm-special").inner_text() == "∅ nothing"
    button(films, "One frame on").click()
    assert films.locator(".lmv-time").inner_text() == "1 / 1"


def test_a_film_starts_by_itself_where_motion_is_welcome(visit, http):
    seen = visit(f"{http}/players.html", calm=False)
    figure = seen.page.locator(".lmv").nth(FILMS)
    figure.wait_for()
    seen.page.evaluate("scrollTo(0, 0)")
    assert re.fullmatch(r"Play|Pause", figure.locator(".lmv-play").inner_text())
    figure.scroll_into_view_if_needed()
    button(figure, "Pause").wait_for()
    assert button(shown(seen, SOUND), "Play").is_visible()  # no sound does
    figure.scroll_into_view_if_needed()
    button(figure, "Pause").click()
    at = figure.locator(".lmv-time").inner_text()
    seen.page.evaluate("scrollTo(0, 0)")
    seen.page.wait_for_timeout(300)
    figure.scroll_into_view_if_needed()
    seen.page.wait_for_timeout(500)
    assert figure.locator(".lmv-time").inner_text() == at  # what the reader stopped stays as it is


def test_korean(visit, http, browser):
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.add_init_script("document.addEventListener('readystatechange', () => (document.documentElement.lang = 'ko'))")
    page.goto(f"{http}/players.html")
    figure = page.locator(".lmv").nth(SOUND)
    button(figure, "재생").wait_for()
    expect(figure.locator(".lmv-no")).to_have_text("✗ 다른 단어 2개")
    context.close()


@pytest.mark.parametrize("n", [SOUND, MODELS, FILMS])
@pytest.mark.parametrize("width", [360, 1280])
def test_fits_fingers_and_phones(visit, http, width, n):
    figure = shown(visit(f"{http}/players.html", width=width), n)
    assert small_targets(figure) == []
    assert figure.evaluate("(el) => el.scrollWidth <= el.clientWidth")
    box = figure.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_can_be_read(visit, http, dark):
    seen = visit(f"{http}/players.html", dark=dark)
    for n in (SOUND, MODELS, FILMS):
        figure = shown(seen, n)
        assert low_contrast(figure) == []
        if n != MODELS:
            button(figure, "Next clip").click()
            assert low_contrast(figure) == []


def test_the_heat_map_follows_the_theme(visit, http):
    seen = visit(f"{http}/players.html")
    figure = shown(seen, SOUND)
    seen.page.wait_for_timeout(200)
    pixel = "(e) => { const p = e.getContext('2d').getImageData(60, 60, 1, 1).data; return p[0] + p[1] + p[2]; }"
    light = figure.locator(".lmv-sound").evaluate(pixel)
    seen.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    seen.page.wait_for_timeout(200)
    assert figure.locator(".lmv-sound").evaluate(pixel) < light - 200
