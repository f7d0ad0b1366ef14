"""The chat box in a page without Python: what is recorded, what is typed, and what any text may be."""

import pytest
from checks import low_contrast, small_targets


def shown(visit, n=0):
    box = visit.page.locator(".lmt").nth(n)
    box.wait_for()
    box.scroll_into_view_if_needed()
    return box


@pytest.fixture
def box(visit, http):
    return shown(visit(f"{http}/players.html"))


def said(box):
    kinds = (
        "(all) => all.map((e) => [e.classList[1]?.slice(4) ?? 'new', e.querySelector('.lmt-text')?.textContent ?? ''])"
    )
    return box.locator(".lmt-log > *").evaluate_all(kinds)


OPENING = [["bot", "Ask me about the story."], ["you", "Where?"], ["bot", "At the market"]]


def test_the_recorded_conversation_and_the_examples(visit, root):
    seen = visit(f"{root}/players.html")
    box = shown(seen)
    assert said(box) == OPENING
    assert "need a running notebook" in box.locator(".lmt-hint").inner_text()
    assert box.locator(".lmt-page p").all_inner_texts() == [
        "Minji went to the market.",
        "She bought a pear.",
        "지우는 <i>배</i>를 보았다.",
    ]
    box.get_by_role("button", name="Who bought a pear?").click()
    dialogue = ["Who bought a pear?", "Minji", "Where?", "At the market", "And you?", "And you?? after 2"]
    assert said(box)[3:] == [
        ["new", ""],
        *([who, text] for who, text in zip(["you", "bot"] * 3, dialogue, strict=True)),
    ]
    assert box.locator(".lmt-log").evaluate("(e) => e.scrollTop + e.clientHeight > e.scrollHeight - 3")
    box.get_by_role("button", name="xyzzy").click()
    assert said(box)[-1] == ["error", "not one word of 'xyzzy' is known"]
    assert box.locator(".lmt-error").inner_text().startswith("⚠ No answer")
    assert seen.foreign == [] and seen.errors == []


def test_what_is_typed(box):
    field = box.get_by_label("Your message")
    field.fill("WHO bought a pear")
    field.press("Enter")
    assert said(box)[-3:] == [["new", ""], ["you", "WHO bought a pear"], ["bot", "Minji"]]
    field.press_sequentially("where?")
    field.press("Enter")
    assert said(box)[-1] == ["bot", "At the market"]
    field.fill("What is the weather like?")
    box.get_by_role("button", name="Send").click()
    assert said(box)[-2] == ["you", "What is the weather like?"]
    assert "nothing runs behind it" in box.locator(".lmt-turn.lmt-note").inner_text()
    assert field.input_value() == "" and field.evaluate("(e) => e === document.activeElement")
    before = said(box)
    field.fill("   ")
    field.press("Enter")
    assert said(box) == before  # nothing is nothing
    box.get_by_role("button", name="Start again").click()
    assert said(box) == OPENING
    assert box.get_by_role("button", name="Start again").get_attribute("aria-disabled") == "true"


def test_the_enter_that_ends_a_syllable_does_not_send(box):
    field = box.get_by_label("Your message")
    field.focus()
    keyboard = box.page.context.new_cdp_session(box.page)
    keyboard.send("Input.imeSetComposition", {"text": "배", "selectionStart": 1, "selectionEnd": 1})
    enter = "new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, %s })"
    for more in ("isComposing: true", "keyCode: 229", "shiftKey: true"):
        # True as long as nobody prevents the default: the input method is to have the key.
        assert field.evaluate(f"(e) => e.dispatchEvent({enter % more})")
        assert said(box) == OPENING and field.input_value() == "배"
    keyboard.send("Input.insertText", {"text": "배?"})
    assert said(box) == OPENING
    assert not field.evaluate(f"(e) => e.dispatchEvent({enter % 'isComposing: false'})")
    assert said(box)[-2] == ["you", "배?"]


def test_texts_are_texts(box):
    box.get_by_role("button", name="hi").click()
    assert said(box)[-1] == ["bot", "안녕하세요! <b>hi</b>"]
    assert box.locator(".lmt-text b, .lmt-text i").count() == 0
    answer = box.locator(".lmt-bot .lmt-text").last
    assert answer.get_attribute("lang") == "ko" and answer.get_attribute("dir") == "auto"
    box.get_by_role("button", name="배?").click()
    assert said(box)[-1] == ["bot", "\u202e배 👩\u200d👩\u200d👧 " + "x" * 200]
    field = box.get_by_label("Your message")
    for text in ("<img src=x onerror=alert(1)>", "שלום", "y" * 200, "a\nb"):
        field.fill(text)
        field.press("Enter")
        assert said(box)[-2] == ["you", text]
    assert box.locator("img").count() == 0
    assert box.evaluate("(el) => el.scrollWidth <= el.clientWidth")


def test_a_box_shown_twice_is_one_conversation(box):
    other = box.page.locator(".lmt").nth(1)
    box.get_by_role("button", name="hi").click()
    assert said(other) == said(box) != OPENING
    other.get_by_role("button", name="Start again").click()
    assert said(box) == OPENING


def test_a_screen_reader_hears_who_says_what(box):
    log = box.get_by_role("log", name="Conversation")
    assert log.get_attribute("aria-live") == "polite"
    box.get_by_role("button", name="hi").click()
    assert log.locator(".lmt-turn b").all_inner_texts() == ["Bot:", "You:", "Bot:", "You:", "Bot:"]
    # The turns that were there stay the same elements: only what is new is read out.
    log.evaluate("(e) => { for (const child of e.children) child.dataset.old = 1; }")
    box.get_by_role("button", name="xyzzy").click()
    assert log.evaluate("(e) => [...e.children].map((child) => child.dataset.old ?? '0').join('')") == "111111000"


def test_tab_goes_through_all_controls(box):
    box.locator(".lmt-page").focus()
    stops = []
    for _ in range(8):
        box.page.keyboard.press("Tab")
        stops.append(box.page.evaluate("document.activeElement.className"))
    assert [stop.split()[-1] for stop in stops] == [
        *("lmt-log", "lmt-example", "lmt-example", "lmt-example", "lmt-example", "lmt-field", "lmt-send", "lmt-again")
    ]


@pytest.mark.parametrize("width", [360, 1280])
def test_fits_fingers_and_phones(visit, http, width):
    box = shown(visit(f"{http}/players.html", width=width))
    for example in box.locator(".lmt-example").all():
        example.click()
    assert small_targets(box) == []
    assert box.evaluate("(el) => el.scrollWidth <= el.clientWidth")
    place = box.bounding_box()
    assert place["x"] >= 0 and place["x"] + place["width"] <= width


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_can_be_read(visit, http, dark):
    box = shown(visit(f"{http}/players.html", dark=dark))
    for example in box.locator(".lmt-example").all():
        example.click()
    box.get_by_label("Your message").fill("something else")
    box.get_by_label("Your message").press("Enter")
    assert low_contrast(box) == []
