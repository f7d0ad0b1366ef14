"""The recurrent explorer in a real browser: what it shows is what the network says."""

import re

import pytest
import small_book
from checks import low_contrast, small_targets

SPACE = {}
exec(small_book.NETWORK, SPACE)  # the networks of the page
ENGLISH, KOREAN = SPACE["english"], SPACE["korean"]


def shown(visit, **options):
    explorer = visit.page.locator(".lmr")
    explorer.wait_for()
    explorer.locator('.lmr-next[data-from="model"]').wait_for()
    return explorer


@pytest.fixture
def explorer(visit, http):
    return shown(visit(f"{http}/networks.html"))


def bars(explorer):
    rows = "(all) => all.map((row) => [row.children[0].textContent, row.children[2].textContent])"
    return explorer.locator(".lmr-row").evaluate_all(rows)


def expected(model, text, n=10):
    """The bars that the page must show after a text."""
    names = {"▁": "␣", "</s>": "end", "<s>": "▸", "<unk>": "�"}
    return [[names.get(token, token), f"{100 * p:.1f}%"] for token, p in model.next_symbols(text, n).items()]


def tokens(explorer, line=0):
    return explorer.locator(".lmr-tokens").nth(line).locator("button b").all_text_contents()


def current(explorer, line=0):
    found = explorer.locator(".lmr-tokens").nth(line).locator("[aria-current=step]")
    return found.evaluate("(e) => [...e.closest('.lmr-tokens').querySelectorAll('button')].indexOf(e)")


def test_what_was_computed_before_is_there_first_and_agrees(visit, root, browser):
    """The bars are there before the network has run, and they do not change when it has."""
    seen = visit("about:blank")
    seen.page.add_init_script("""
      window.drawn = [];
      const note = () => {
        const next = document.querySelector(".lmr-next");
        if (next?.dataset.from) {
          const rows = [...next.querySelectorAll(".lmr-row")].map((r) => r.innerText);
          window.drawn.push([next.dataset.from, rows.join("|")]);
        }
      };
      new MutationObserver(note).observe(document, { subtree: true, childList: true, attributes: true });
    """)
    seen.page.goto(f"{root}/networks.html")
    explorer = shown(seen)
    assert bars(explorer) == expected(ENGLISH, "The cook is")
    drawn = seen.page.evaluate("window.drawn")
    assert drawn[0][0] == "stored" and drawn[-1][0] == "model"
    assert drawn[0][1] == drawn[-1][1]
    assert seen.foreign == [] and seen.errors == []


def test_typing_runs_the_network(explorer):
    field = explorer.get_by_label("Text", exact=True)
    field.fill("The cat")
    assert tokens(explorer) == ["▸", *"The", "␣", *"cat"]
    assert bars(explorer) == expected(ENGLISH, "The cat")
    field.press_sequentially("s X")
    assert bars(explorer) == expected(ENGLISH, "The cats X")
    assert tokens(explorer)[-1] == "X"  # an unknown symbol is shown as it was typed
    assert "does not know “X”" in explorer.get_by_role("alert").inner_text()
    field.fill("")
    assert tokens(explorer) == ["▸"]
    assert bars(explorer) == expected(ENGLISH, "")
    assert explorer.get_by_role("alert").inner_text() == ""


def test_surprise_is_written_under_the_symbols(explorer):
    import numpy as np

    explorer.get_by_label("Text", exact=True).fill("a cab")
    reading = ENGLISH.read("a cab")
    ids = [ENGLISH.index[piece] for piece in reading.pieces]
    bits = -np.log2(reading.p[np.arange(len(ids) - 1), ids[1:]])
    labels = explorer.locator(".lmr-token").evaluate_all("(all) => all.map((e) => e.getAttribute('aria-label'))")
    assert labels[0] == "start of the text"
    assert labels[1:] == [
        f"{name}, {cost:.1f} bits" for name, cost in zip(["a", "space", "c", "a", "b"], bits, strict=True)
    ]
    assert f"{bits.sum():.1f} bits" in explorer.locator(".lmr-total").first.inner_text()


def test_hostile_texts_are_texts(visit, http):
    seen = visit(f"{http}/networks.html")
    explorer = shown(seen)
    for text in [
        "<img src=x onerror=alert(1)>",
        "\u202e\u05e9\u05dc\u05d5\u05dd",
        "👩\u200d👩\u200d👧",
        "a" * 700,
        "\n\t \n",
        "▔a▔",
    ]:
        explorer.get_by_label("Text", exact=True).fill(text)
        assert len(tokens(explorer)) == 1 + min(300, len(text))
        assert bars(explorer) == expected(ENGLISH, text)
    explorer.get_by_label("Text", exact=True).fill("a" * 700)
    assert "the first 300 symbols" in explorer.get_by_role("alert").inner_text()
    assert explorer.locator("img").count() == 0
    assert seen.errors == []


def test_steps_back_and_forth(explorer):
    text = "The cook is"
    explorer.get_by_role("button", name="One step back").click()
    assert current(explorer) == 10
    assert bars(explorer) == expected(ENGLISH, text[:10])
    token = explorer.locator(".lmr-token").nth(3)
    token.click()
    assert bars(explorer) == expected(ENGLISH, "The")
    token.press("ArrowLeft")
    assert bars(explorer) == expected(ENGLISH, "Th")
    assert current(explorer) == 2
    token.page.keyboard.press("Home")
    assert bars(explorer) == expected(ENGLISH, "")
    assert explorer.get_by_role("button", name="One step back").get_attribute("aria-disabled") == "true"
    token.page.keyboard.press("End")
    assert bars(explorer) == expected(ENGLISH, text)
    assert "After “The cook is”" in explorer.get_by_role("status").inner_text()
    explorer.get_by_role("button", name="Play").click()
    explorer.get_by_role("button", name="Stop").wait_for()
    explorer.get_by_role("button", name="Play").wait_for()  # it is at the end
    assert current(explorer) == 11


def test_a_symbol_that_is_clicked_on_is_written(explorer):
    first = expected(ENGLISH, "The cook is")
    letter = next(i for i, (name, _) in enumerate(first) if len(name) == 1 and name.isalpha())
    explorer.locator(".lmr-row").nth(letter).click()
    assert explorer.get_by_label("Text", exact=True).input_value() == "The cook is" + first[letter][0]
    assert bars(explorer) == expected(ENGLISH, "The cook is" + first[letter][0])


def test_the_values_of_a_unit(explorer):
    """The readout, the slider and the colours follow a unit; here all of them are checked against Python."""
    states = ENGLISH.read("The cook is").states[:, 0]  # (T, H)
    slider = explorer.get_by_role("slider", name="Unit")
    explorer.get_by_role("radio", name="by number").check(force=True)
    slider.focus()
    for key, unit in [("Home", 0), ("ArrowDown", 1), ("PageDown", 11), ("End", 19), ("ArrowUp", 18)]:
        slider.press(key)
        assert slider.get_attribute("aria-valuenow") == str(unit)
        value = f"{abs(states[-1, unit]):.2f}"
        sign = "−" if states[-1, unit] < 0 else "+"
        assert slider.get_attribute("aria-valuetext") == f"Unit {unit}, state h = {sign}{value}"
        assert explorer.locator(".lmr-readout").inner_text() == f"Unit {unit} h = {sign}{value}"
    values = explorer.locator(".lmr-token").evaluate_all(
        "(all) => all.map((e) => Number(e.style.getPropertyValue('--v')))"
    )
    assert values == pytest.approx(states[:, 18], abs=6e-4)
    slider.press("ArrowLeft")
    assert current(explorer) == 10
    # Pointing at a row shows its unit for as long as the pointer is there; a click keeps it.
    heat = explorer.locator(".lmr-heat")
    heat.scroll_into_view_if_needed()
    box = heat.bounding_box()
    heat.page.mouse.move(box["x"] + 5, box["y"] + box["height"] * 4.5 / 20)
    assert explorer.locator(".lmr-readout").inner_text().startswith("Unit 4 ")
    heat.page.mouse.move(0, 0)
    assert explorer.locator(".lmr-readout").inner_text().startswith("Unit 18 ")
    heat.click(position={"x": box["width"] * 2.5 / 12, "y": box["height"] * 4.5 / 20})
    assert explorer.locator(".lmr-readout").inner_text().startswith("Unit 4 ")
    assert current(explorer) == 2
    explorer.get_by_label("State").select_option("f")
    assert re.fullmatch(r"Unit 4 f = [01]\.\d\d", explorer.locator(".lmr-readout").inner_text())


def test_heat_map_has_the_colours_of_the_values(explorer):
    explorer.get_by_role("radio", name="by number").check(force=True)
    states = ENGLISH.read("The cook is").states[:, 0]
    pixels = explorer.locator(".lmr-heat").evaluate(
        """(e) => { const d = e.getContext("2d").getImageData(0, 0, e.width, e.height).data;
                    const warmth = Array.from({ length: d.length / 4 }, (_, i) => d[4 * i] - d[4 * i + 2]);
                    return [e.width, e.height, warmth]; }"""
    )
    assert pixels[:2] == [12, 20]
    assert len(set(pixels[2])) > 50
    for n, warmth in enumerate(pixels[2]):  # red without blue is positive
        value = states[n % 12, n // 12]
        assert abs(value) < 0.1 or (warmth > 0) == (value > 0)


def test_a_comparison_is_guessed_first(explorer):
    explorer.get_by_role("button", name="Compare The cook with The cooks").click()
    assert tokens(explorer, 1) == ["▸", *"The", "␣", *"cooks"]
    rows = explorer.locator(".lmr-row")
    assert "?" in rows.first.get_attribute("aria-label")
    assert bars(explorer) == expected(ENGLISH, "The cook")
    explorer.get_by_role("button", name="Look").click()
    one, two = ENGLISH.next_symbols("The cook", 40), ENGLISH.next_symbols("The cooks", 40)
    likely = sorted(one, key=lambda token: -max(one[token], two[token]))[:10]
    both = rows.evaluate_all("(all) => all.map((r) => [r.children[2].textContent, r.children[5].textContent])")
    assert both == [[f"{100 * one[token]:.1f}%", f"{100 * two[token]:.1f}%"] for token in likely]
    explorer.get_by_label("Second text", exact=True).fill("a")
    assert tokens(explorer, 1) == ["▸", "a"]
    explorer.get_by_role("button", name="One step back").click()  # of the text that was typed last
    assert (current(explorer), current(explorer, 1)) == (8, 0)
    explorer.get_by_role("button", name="Compare", exact=True).click()
    assert explorer.locator(".lmr-second").is_hidden()
    assert bars(explorer) == expected(ENGLISH, "The cook")


def test_it_writes_the_same_with_the_same_seed_and_can_be_stopped(visit, http):
    def written(**options):
        explorer = shown(visit(f"{http}/networks.html", **options))
        explorer.get_by_role("button", name="Let it write").click()
        explorer.get_by_role("button", name="Stop").wait_for()
        explorer.page.wait_for_function("document.querySelectorAll('.lmr-token').length > 30")
        explorer.get_by_role("button", name="Stop").click()
        text = explorer.get_by_label("Text", exact=True).input_value()
        assert tokens(explorer) == ["▸", *text.replace(" ", "␣")]
        assert bars(explorer) == expected(ENGLISH, text)
        return text

    one, two = written(calm=True), written(calm=False)
    assert one[:25] == two[:25] and one.startswith("The cook is")


def test_temperature_0_writes_the_likeliest(explorer):
    explorer.get_by_label("Temperature").press("Home")
    assert [name for name, p in bars(explorer) if p != "0%"] == [expected(ENGLISH, "The cook is")[0][0]]
    explorer.get_by_role("button", name="Start over").click()
    explorer.get_by_role("button", name="Let it write").click()
    explorer.page.wait_for_function("document.querySelectorAll('.lmr-token').length > 16")
    explorer.get_by_role("button", name="Start over").click()
    assert explorer.get_by_label("Text", exact=True).input_value() == "The cook is"


def test_korean_is_read_in_jamo(explorer):
    explorer.get_by_role("tab", name="한국어").click()
    explorer.locator('.lmr-next[data-from="model"]').wait_for()
    assert tokens(explorer) == ["▸", *"ㅎㅏㄹㅁㅓㄴㅣ"]
    assert explorer.locator(".lmr-cap").all_text_contents() == ["", "할", "머", "니"]
    likely = [p for _, p in bars(explorer)]
    assert likely == [f"{100 * p:.1f}%" for p in KOREAN.next_symbols("할머니").values()]
    assert explorer.get_by_label("Layer").is_visible() and not explorer.get_by_label("State").is_disabled()
    explorer.get_by_label("State").select_option("z")
    explorer.get_by_label("Layer").select_option("1")
    explorer.get_by_label("Text", exact=True).fill("학")  # the final ㄱ is unknown, and this network has no <unk>
    assert tokens(explorer) == ["▸", *"ㅎㅏ"]
    assert "does not know “ㄱ”" in explorer.get_by_role("alert").inner_text()
    explorer.get_by_role("button", name="Let it write").click()
    explorer.page.wait_for_function("document.querySelectorAll('.lmr-token').length > 12")
    explorer.get_by_role("tab", name="English").click()
    assert bars(explorer) == expected(ENGLISH, "The cook is")


def test_a_keyboard_that_composes_syllables(visit, http):
    """While ㅎ is composed it is the initial of a syllable, not a letter of its own."""
    seen = visit(f"{http}/networks.html")
    explorer = shown(seen)
    explorer.get_by_role("tab", name="한국어").click()
    field = explorer.get_by_label("Text", exact=True)
    field.fill("나")
    field.press("End")
    keyboard = seen.page.context.new_cdp_session(seen.page)
    for text, letters in [("ㅎ", "ㄴㅏㅎ"), ("하", "ㄴㅏㅎㅏ"), ("한", "ㄴㅏㅎㅏㄴ")]:
        keyboard.send("Input.imeSetComposition", {"text": text, "selectionStart": 1, "selectionEnd": 1})
        assert tokens(explorer) == ["▸", *letters]
    keyboard.send("Input.insertText", {"text": "한"})
    assert tokens(explorer) == ["▸", *"ㄴㅏㅎㅏㄴ"]
    assert field.input_value() == "나한"


@pytest.mark.parametrize("width", [360, 1280])
def test_fits_fingers_and_phones(visit, http, width):
    explorer = shown(visit(f"{http}/networks.html", width=width))
    explorer.get_by_role("button", name="Compare", exact=True).click()
    assert small_targets(explorer) == []
    assert explorer.evaluate("(el) => el.scrollWidth <= el.clientWidth")
    box = explorer.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_can_be_read(visit, http, dark):
    explorer = shown(visit(f"{http}/networks.html", dark=dark))
    explorer.get_by_role("button", name="One step back").click()
    assert low_contrast(explorer) == []
    explorer.get_by_role("button", name="Compare", exact=True).click()
    explorer.get_by_role("button", name="Look").click()
    explorer.get_by_label("State").select_option("i")
    assert low_contrast(explorer) == []


def test_the_map_follows_the_theme(visit, http):
    seen = visit(f"{http}/networks.html")
    explorer = shown(seen)
    light = "(e) => e.getContext('2d').getImageData(0, 0, e.width, e.height).data.reduce((a, b) => a + b)"
    before = explorer.locator(".lmr-heat").evaluate(light)
    seen.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    seen.page.wait_for_timeout(100)
    assert explorer.locator(".lmr-heat").evaluate(light) < 0.8 * before
