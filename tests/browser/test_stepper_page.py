"""The attention stepper in a real browser: every number on the page is numpy's, at every stage, forward and back."""

import nbformat
import numpy as np
import pytest
import small_book
from checks import low_contrast, small_targets
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from test_lab import lab, opened, prints, run  # noqa: F401

STEPPERS = """\
import numpy as np
from lmcourse.widgets import AttentionStepper

def waves(*shape, seed=0):  # the same numbers everywhere
    return np.sin(1.7 * np.arange(np.prod(shape)) ** 1.3 + seed).reshape(shape)

states = np.array([[0.9, 0.1], [-0.2, 0.8], [0.4, -0.5]])
queries = np.array([[1.0, -0.5], [0.2, 0.9], [-0.6, 0.3]])
layer = {"query": [[1.0, 0.5], [-0.5, 2.0]], "key": [[1.5, -0.5], [0.0, 2.0]], "bias": [0.1, -0.2], "score": [2.0, 1.5]}
words = [[("I", 0.8), ("you", 0.15)], [("rice", 0.5), ("ate", 0.3)], [("</s>", 0.91)]]
by_hand = AttentionStepper(
    ["저는", "밥을", "먹었다"], ["I", "ate", "</s>"], states, queries=queries, scorer=layer, hidden=-queries,
    predictions=words,
)

def translator(S, T, D, **options):
    pieces = [f"▁piece{n}" for n in range(S)]
    pieces[1:4] = ["<img src=x onerror=alert(1)>", "\\u202e\\u05e9\\u05dc\\u05d5\\u05dd", "x" * 200]
    target = [f"▁word{n}" for n in range(T - 1)] + ["</s>"]
    target[1] = "<b>bold</b>"
    return AttentionStepper(
        pieces, target, waves(S, D), scores=4 * waves(T, S, seed=2), queries=waves(T, D, seed=3),
        hidden=waves(T, D, seed=4), predictions=[[(word, 0.6), ("▁other", 0.3)] for word in target], **options
    )

wide = translator(9, 6, 64)
korean = AttentionStepper(
    ["저는", "밥을", "먹었다"], ["I", "ate"], states, queries=queries[:2], scorer="dot", language="ko"
)
many = translator(30, 2, 8, numbers=False)
"""
SPACE = {}
exec(STEPPERS, SPACE)  # what is on the page
BY_HAND, WIDE, KOREAN = (SPACE[name] for name in ("by_hand", "wide", "korean"))
NAMES = ["States", "Scores", "Weights", "Context", "Into the decoder", "Prediction", "Output"]
HAND, LONG, KO, MANY = range(4)


@pytest.fixture(scope="module")
def pages(tmp_path_factory, browser):
    """A book with one page that has four steppers."""
    folder = tmp_path_factory.mktemp("steppers")
    cells = [new_markdown_cell("# Steppers"), new_code_cell(f"{STEPPERS}\nby_hand")]
    cells += [new_code_cell(name) for name in ("wide", "korean", "many")]
    small_book.write_book(folder, notebooks={"steppers": cells})
    return small_book.build(folder)


@pytest.fixture(scope="module")
def web(pages, served):
    with served(pages) as url:
        yield url


def shown(visit, root, which=HAND, **options):
    """What was visited, and one of its steppers."""
    seen = visit(f"{root}/steppers.html", **options)
    explorer = seen.page.locator(".lms").nth(which)
    explorer.locator(".lms-row").first.wait_for()
    return seen, explorer


def truth(explorer, step):
    """Scores, weights, weight × state and context of a step, by numpy."""
    scores = explorer._scores[step]
    weights = np.exp(scores) / np.exp(scores).sum()
    return scores, weights, weights[:, None] * explorer._states, weights @ explorer._states


def fixed(values):
    return [BY_HAND._fixed(value) for value in np.ravel(values)]


def texts(explorer, selector):
    """The texts that can be seen."""
    return explorer.locator(selector).evaluate_all(
        "(all) => all.filter((e) => getComputedStyle(e).visibility !== 'hidden' && e.getClientRects().length)"
        ".map((e) => e.textContent)"
    )


def stage(explorer):
    """The number and the name of the stage, as the progress line says it."""
    current = explorer.locator(".lms-line [aria-current=step]")
    assert current.count() == 1
    return int(current.locator("i").inner_text()), current.get_attribute("aria-label")


def word(explorer):
    return explorer.locator(".lms-words button").evaluate_all("(all) => all.findIndex((e) => e.ariaCurrent === 'true')")


def next_button(explorer):
    return explorer.get_by_role("button", name="Next", exact=True)


def back_button(explorer):
    return explorer.get_by_role("button", name="Back", exact=True)


def check(explorer, step, at):
    """All that can be seen is what has happened up to this stage, and its numbers are numpy's."""
    scores, weights, products, context = truth(BY_HAND, step)
    assert word(explorer) == step
    assert stage(explorer) == (at, f"Step {at} of 7: {NAMES[at - 1]}")
    assert texts(explorer, ".lms-body .lms-state .lms-vector span") == fixed(BY_HAND._states)
    asked = texts(explorer, ".lms-asking .lms-vector span")
    assert asked == (fixed(SPACE["queries"][step]) if at >= 2 else [])
    assert texts(explorer, ".lms-body .lms-score .lms-value") == (fixed(scores) if at >= 2 else [])
    assert texts(explorer, ".lms-body .lms-weight .lms-value") == (fixed(weights) if at >= 3 else [])
    assert texts(explorer, ".lms-body .lms-product span span") == (fixed(products) if at >= 4 else [])
    assert texts(explorer, ".lms-total .lms-product span span") == (fixed(context) if at >= 4 else [])
    assert texts(explorer, ".lms-given span span") == (fixed(context) if at >= 5 else [])
    before = ["▸", "I", "ate"][step]
    assert texts(explorer, ".lms-chip") == ([before] if at >= 5 else [])
    assert texts(explorer, ".lms-core .lms-vector span") == (fixed(-SPACE["queries"][step]) if at >= 6 else [])
    names = {"</s>": "■"}
    bars = [f"{names.get(token, token)}{100 * p:.1f}%" for token, p in SPACE["words"][step]]
    bars = [bar + ("written" if at == 7 and bar.startswith(["I", "ate", "■"][step]) else "") for bar in bars]
    assert texts(explorer, ".lms-bars li") == (bars if at >= 6 else [])
    unwritten = explorer.locator(".lms-words button").evaluate_all(
        "(all) => all.map((e) => e.classList.contains('lms-unwritten'))"
    )
    assert unwritten == [n > step or (n == step and at < 7) for n in range(3)]
    lit = explorer.locator(".lms-cell.lms-now, .lms-part.lms-now").evaluate_all(
        "(all) => all.map((e) => e.dataset.part)"
    )
    assert set(lit) == {str(min(at, 6))}


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_all_stages_of_two_words_forward_and_back(visit, web, pages, scheme):
    seen, explorer = shown(visit, {"http": web, "file": pages.as_uri()}[scheme])
    back, on = back_button(explorer), next_button(explorer)
    status = explorer.get_by_role("status")
    assert back.get_attribute("aria-disabled") == "true"
    places = [(step, at) for step in (0, 1) for at in range(1, 8)]
    spoken = []
    for step, at in places:
        check(explorer, step, at)
        if (step, at) != places[-1]:
            on.click()
            spoken.append(status.inner_text())
    assert len(set(spoken)) == len(spoken)  # every stage says something else
    scores, weights, _, context = truth(BY_HAND, 1)
    listed = ", ".join(f"{name} {x}" for name, x in zip(BY_HAND.source, fixed(weights), strict=True))
    assert "word 2 of 3. Step 3 of 7: Weights. Softmax turns" in spoken[8] and spoken[8].endswith(listed)
    assert spoken[9].endswith(f"[{', '.join(fixed(context))}]")
    assert spoken[11].endswith("rice 50.0%, ate 30.0%")
    for step, at in places[-2::-1]:
        back.click()
        check(explorer, step, at)
    assert back.get_attribute("aria-disabled") == "true"
    assert seen.foreign == [] and seen.errors == []


def test_the_keyboard_walks_and_chooses(visit, web):
    seen, explorer = shown(visit, web)
    keyboard = seen.page.keyboard
    explorer.locator(".lms-line [aria-current]").focus()
    for _ in range(8):
        keyboard.press("ArrowRight")
    check(explorer, 1, 2)
    assert explorer.locator(".lms-line [aria-current]").evaluate("(e) => e === document.activeElement")
    keyboard.press("End")
    check(explorer, 1, 7)
    keyboard.press("Home")
    keyboard.press("ArrowLeft")
    check(explorer, 0, 7)
    # In the words the arrows go from word to word, and Enter looks at one. Among the pieces they go up and down.
    explorer.locator(".lms-words [aria-current]").focus()
    keyboard.press("ArrowRight")
    assert word(explorer) == 0
    keyboard.press("Enter")
    check(explorer, 1, 7)
    explorer.locator(".lms-token").first.focus()
    keyboard.press("End")
    keyboard.press("ArrowUp")
    keyboard.press("Enter")
    assert explorer.locator(".lms-token[aria-pressed=true]").inner_text() == "밥을"
    keyboard.press("ArrowRight")
    check(explorer, 2, 1)
    stops = explorer.evaluate(
        "(e) => [...e.querySelectorAll('.lms-line button')].filter((b) => b.tabIndex === 0).length"
    )
    assert stops == 1


def test_stages_and_words_can_be_clicked_on(visit, web):
    _, explorer = shown(visit, web)
    explorer.get_by_role("button", name="Step 6 of 7: Prediction").click()
    check(explorer, 0, 6)
    explorer.locator(".lms-words button").nth(2).click()
    check(explorer, 2, 6)
    next_button(explorer).click()
    assert "“end” is written, and with it the output is complete." in explorer.locator(".lms-says").inner_text()
    assert next_button(explorer).get_attribute("aria-disabled") == "true"
    next_button(explorer).click(force=True)
    check(explorer, 2, 7)


def test_the_arithmetic_is_written_out(visit, web):
    _, explorer = shown(visit, web)
    lines = explorer.locator(".lms-work dd")
    explorer.get_by_role("button", name="Step 2 of 7").click()
    explorer.locator(".lms-token").nth(1).click()
    q, state, layer = SPACE["queries"][0], BY_HAND._states[1], {k: np.array(v) for k, v in SPACE["layer"].items()}
    asked, keyed = layer["query"] @ q, layer["key"] @ state + layer["bias"]
    hidden = np.tanh(asked + keyed)

    def product(a, b):
        bracket = [f"({x})" if x.startswith("−") else x for x in fixed(b)]
        return " + ".join(
            f"{f'({x})' if n and x.startswith('−') else x} × {y}"
            for n, (x, y) in enumerate(zip(fixed(a), bracket, strict=True))
        )

    def bracketed(x):
        return f"({fixed(x)[0]})" if x < 0 else fixed(x)[0]

    want = [f"{product(row, q)} = {fixed(x)[0]}" for row, x in zip(layer["query"], asked, strict=True)]
    want += [
        f"{product(row, state)} + {bracketed(b)} = {fixed(x)[0]}"
        for row, b, x in zip(layer["key"], layer["bias"], keyed, strict=True)
    ]
    want += [
        f"tanh({fixed(a)[0]} + {bracketed(k)}) = {fixed(x)[0]}" for a, k, x in zip(asked, keyed, hidden, strict=True)
    ]
    want += [f"{product(layer['score'], hidden)} = {fixed(truth(BY_HAND, 0)[0][1])[0]}"]
    assert lines.all_text_contents() == want

    scores, weights, _, context = truth(BY_HAND, 0)
    exp, total = fixed(np.exp(scores)), fixed(np.exp(scores).sum())[0]
    next_button(explorer).click()
    want = [f"{name}: exp({s}) = {e}" for name, s, e in zip(BY_HAND.source, fixed(scores), exp, strict=True)]
    want += [f"{' + '.join(exp)} = {total}"]
    want += [f"{name}: {e} / {total} = {w}" for name, e, w in zip(BY_HAND.source, exp, fixed(weights), strict=True)]
    assert lines.all_text_contents() == want
    next_button(explorer).click()
    columns = BY_HAND._states.T
    assert lines.all_text_contents() == [
        f"{product(weights, c)} = {fixed(x)[0]}" for c, x in zip(columns, context, strict=True)
    ]


def test_a_score_can_be_changed_and_there_is_no_prediction_then(visit, web):
    seen, explorer = shown(visit, web)
    explorer.get_by_role("button", name="What if?").click()
    assert stage(explorer)[0] == 4
    typed = explorer.get_by_role("spinbutton", name="score of 저는")
    typed.fill("3")
    scores = np.array([3, *truth(BY_HAND, 0)[0][1:]])
    weights = np.exp(scores) / np.exp(scores).sum()
    assert texts(explorer, ".lms-body .lms-weight .lms-value") == fixed(weights)
    assert texts(explorer, ".lms-total .lms-product span span") == fixed(weights @ BY_HAND._states)
    typed.fill("")  # nothing is no score
    assert texts(explorer, ".lms-body .lms-weight .lms-value") == fixed(weights)
    slider = explorer.get_by_role("slider", name="score of 먹었다")
    slider.press("End")
    assert stage(explorer)[0] == 4  # the keys of a slider do not walk
    scores[2] = float(slider.get_attribute("max"))
    weights = np.exp(scores) / np.exp(scores).sum()
    assert texts(explorer, ".lms-body .lms-weight .lms-value") == fixed(weights)
    next_button(explorer).click()
    next_button(explorer).click()
    assert explorer.locator(".lms-bars li").count() == 0
    assert explorer.locator(".lms-core .lms-vector").is_hidden()
    assert "not known" in explorer.locator(".lms-silent").inner_text()
    explorer.get_by_role("button", name="Back to the scores of the model").click()
    check(explorer, 0, 6)
    explorer.get_by_role("button", name="What if?").click()
    explorer.locator(".lms-words button").nth(1).click()  # another word has scores of its own
    check(explorer, 1, 4)
    assert seen.errors == []


def warmth(strip):
    """Red minus blue of each cell of a strip."""
    return strip.locator("canvas").evaluate(
        "(e) => { const d = e.getContext('2d').getImageData(0, 0, e.width, e.height).data;"
        " return Array.from({ length: d.length / 4 }, (_, i) => d[4 * i] - d[4 * i + 2]); }"
    )


def test_long_vectors_are_strips_whose_cells_tell_their_number(visit, web):
    seen, explorer = shown(visit, web, LONG)
    explorer.get_by_role("button", name="Step 4 of 7").click()
    scores, weights, products, context = truth(WIDE, 0)
    assert texts(explorer, ".lms-body .lms-weight .lms-value") == fixed(weights)
    for selector, values in [
        (".lms-body .lms-row:nth-child(3) .lms-state .lms-strip", WIDE._states[2]),
        (".lms-total .lms-strip", context),
        (".lms-asking .lms-strip", SPACE["waves"](6, 64, seed=3)[0]),
    ]:
        found = warmth(explorer.locator(selector))
        assert len(found) == 64 and len(set(found)) > 30
        assert all(abs(x) < 0.1 or (warm > 0) == (x > 0) for x, warm in zip(values, found, strict=True))
    # 64 numbers in two rows: the pointer, then the keyboard.
    readout = explorer.locator(".lms-readout")
    strip = explorer.locator(".lms-body .lms-row").nth(2).locator(".lms-state canvas")
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    seen.page.mouse.move(box["x"] + box["width"] * 5.5 / 32, box["y"] + box["height"] * 0.75)
    [value] = fixed(WIDE._states[2, 37])
    assert readout.text_content() == f"state of {WIDE.source[2]}: number 38 = {value}"
    seen.page.mouse.move(0, 0)
    chosen = int(np.abs(context).argmax())
    slider = explorer.get_by_role("slider", name="context vector")
    assert slider.get_attribute("aria-valuenow") == str(chosen + 1)
    slider.focus()
    keys = {"Home": 0, "ArrowRight": 1, "ArrowDown": 33, "ArrowUp": 1, "End": 63, "ArrowLeft": 62}
    for key, unit in keys.items():
        slider.press(key)
        said = f"context vector: number {unit + 1} = {fixed(context[unit])[0]}"
        assert slider.get_attribute("aria-valuetext") == said == readout.text_content()
    assert stage(explorer)[0] == 4
    [line] = explorer.locator(".lms-work dd").all_text_contents()
    assert line.endswith(f" + … = {fixed(context[62])[0]}")
    largest = int(np.abs(products[:, 62]).argmax())
    assert f"{fixed(weights[largest])[0]} × " in line
    strip.click(position={"x": box["width"] * 0.5 / 32, "y": 2})
    assert slider.get_attribute("aria-valuenow") == "1"
    assert explorer.locator(".lms-chosen .lms-state canvas").evaluate("(a, b) => a === b", strip.element_handle())


def test_a_finger_asks_a_cell(visit, web):
    seen, explorer = shown(visit, web, LONG, width=390, has_touch=True)
    canvas = explorer.locator(".lms-body .lms-row").nth(4).locator(".lms-state canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    canvas.tap(position={"x": box["width"] * 9.5 / 32, "y": box["height"] * 0.25})
    assert explorer.locator(".lms-readout").text_content().startswith("state of piece4: number 10 = ")


def test_hostile_tokens_are_texts(visit, web):
    seen, explorer = shown(visit, web, LONG)
    for _ in range(13):
        next_button(explorer).click()
    names = explorer.locator(".lms-token b").all_text_contents()
    assert names[:4] == ["piece0", "<img src=x onerror=alert(1)>", WIDE.source[2], "x" * 200]
    assert explorer.locator(".lms-words b").all_text_contents()[1] == "<b>bold</b>"
    assert explorer.locator(".lms-bars b").first.text_content() == "<b>bold</b>"
    assert explorer.locator("img, .lms-says b").count() == 0
    assert "“<b>bold</b>” is written" in explorer.locator(".lms-says").inner_text()
    assert seen.errors == []


def test_it_plays_to_the_end_and_can_be_stopped(visit, web):
    _, explorer = shown(visit, web)
    explorer.get_by_role("button", name="Play").click()
    explorer.locator('.lms-line [aria-current][aria-label^="Step 2"]').wait_for()
    explorer.get_by_role("button", name="Stop").click()
    at = stage(explorer)
    explorer.page.wait_for_timeout(2200)
    assert stage(explorer) == at
    explorer.locator(".lms-words button").nth(2).click()
    explorer.get_by_role("button", name="Step 6 of 7").click()
    explorer.get_by_role("button", name="Play").click()
    explorer.locator('.lms-line [aria-current][aria-label^="Step 7"]').wait_for()
    explorer.get_by_role("button", name="Play").wait_for()  # it is at the end
    check(explorer, 2, 7)


FLOWN = """() => {
  window.flown = 0;
  const flies = (e) => e.matches?.(".lms-flying") ?? false;
  const count = (all) => all.forEach((each) => (window.flown += [...each.addedNodes].filter(flies).length));
  new MutationObserver(count).observe(document.querySelector(".lms"), { childList: true });
}"""


def test_numbers_fly_only_where_motion_is_welcome(visit, web):
    for calm in (False, True):
        seen, explorer = shown(visit, web, calm=calm)
        seen.page.evaluate(FLOWN)
        for at in range(2, 8):
            before = seen.page.evaluate("flown")
            next_button(explorer).click()
            want = 0 if calm else {2: 3, 4: 3, 5: 1, 7: 1}.get(at, 0)
            assert seen.page.evaluate("flown") - before == want, at
        seen.page.wait_for_function("!document.querySelector('.lms-flying')")  # nothing stays in the air
        check(explorer, 0, 7)


def test_korean(visit, web):
    _, explorer = shown(visit, web, KO)
    explorer.get_by_role("button", name="7단계 가운데 3단계: 가중치").click()
    scores, weights, _, _ = truth(KOREAN, 0)
    assert texts(explorer, ".lms-body .lms-weight .lms-value") == fixed(weights)
    assert explorer.locator(".lms-formula").inner_text() == "가중치 = exp(점수) / exp(점수)의 합"
    explorer.get_by_role("button", name="이전", exact=True).click()
    assert explorer.locator(".lms-formula").inner_text() == "점수 = q · h"
    for name in ("점수", "가중치", "문맥 벡터"):
        assert name in explorer.inner_text()
    assert not [name for name in NAMES if name in explorer.inner_text()]
    explorer.get_by_role("button", name="7단계 가운데 6단계: 예측").click()  # no probabilities were passed
    assert explorer.locator(".lms-bars li").all_text_contents() == ["I"]


@pytest.mark.parametrize("which", [HAND, LONG, KO, MANY])
def test_fits_fingers_and_phones(visit, web, which):
    seen, explorer = shown(visit, web, which)
    for width in (360, 390, 1280):
        seen.page.set_viewport_size({"width": width, "height": 900})
        fits(explorer, width)


def fits(explorer, width):
    """Nothing is cut or out of the frame, at any stage."""
    for at in range(1, 8):
        explorer.locator(".lms-line button").nth(at - 1).click()
        assert explorer.evaluate("(el) => el.scrollWidth <= el.clientWidth"), at
        assert small_targets(explorer) == []
        outside = explorer.evaluate(
            """(el) => { const box = el.getBoundingClientRect();
              return [...el.querySelectorAll("*")].filter((e) => e.getClientRects().length && !e.closest(".lm-hidden"))
                .filter((e) => e.getBoundingClientRect().right > box.right + 1).map((e) => e.className); }"""
        )
        assert outside == [], at
        cut = explorer.locator(".lms-figures span, .lms-cell .lms-value").evaluate_all(
            "(all) => all.filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent)"
        )
        assert cut == [], at
    explorer.locator(".lms-if").click()
    assert explorer.evaluate("(el) => el.scrollWidth <= el.clientWidth")
    assert small_targets(explorer) == []
    box = explorer.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width
    explorer.locator(".lms-if").click()


def test_many_pieces_scroll_in_a_box_of_their_own(visit, web):
    _, explorer = shown(visit, web, MANY)
    explorer.get_by_role("button", name="Step 4 of 7").click()
    body = explorer.locator(".lms-body")
    assert body.evaluate("(e) => e.scrollHeight > e.clientHeight && e.clientHeight <= 700")
    edges = explorer.evaluate(
        "(el) => ['.lms-heads .lms-product', '.lms-body .lms-product', '.lms-total .lms-product']"
        ".map((name) => Math.round(el.querySelector(name).getBoundingClientRect().left))"
    )
    assert max(edges) - min(edges) <= 1  # the columns stand one below the other
    inside = """(e) => { const box = e.closest(".lms-body").getBoundingClientRect(), own = e.getBoundingClientRect();
      return own.top >= box.top - 1 && own.bottom <= box.bottom + 1; }"""
    for n in range(2):  # the piece with the largest weight is in sight, at each word
        explorer.locator(".lms-words button").nth(n).click()
        chosen = explorer.locator(".lms-row.lms-chosen")
        largest = SPACE["many"]._scores[n].argmax()
        assert chosen.evaluate("(e) => [...e.parentElement.children].indexOf(e)") == largest
        assert chosen.evaluate(inside)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("which", [HAND, LONG])
def test_can_be_read(visit, web, dark, which):
    _, explorer = shown(visit, web, which, dark=dark)
    for at in (1, 2, 3, 4, 6, 7):
        explorer.locator(".lms-line button").nth(at - 1).click()
        assert low_contrast(explorer) == [], at
    explorer.locator(".lms-if").click()
    assert low_contrast(explorer) == []


def test_strips_follow_the_theme(visit, web):
    seen, explorer = shown(visit, web, LONG)
    light = "(e) => e.getContext('2d').getImageData(0, 0, e.width, e.height).data.reduce((a, b) => a + b)"
    canvas = explorer.locator(".lms-state canvas").nth(1)
    before = canvas.evaluate(light)
    seen.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    seen.page.wait_for_timeout(100)
    assert canvas.evaluate(light) < 0.9 * before


NOTEBOOK = [
    f"{STEPPERS}\nby_hand",
    "print('python reads', by_hand.step, by_hand.stage, by_hand.piece, by_hand.what_if[0])",
    "by_hand.what_if = []; by_hand.step = 2; by_hand.stage = 6",
]


def test_python_and_the_stepper_see_each_other_in_jupyterlab(lab, visit, tmp_path_factory):  # noqa: F811
    notebook = new_notebook(cells=[new_code_cell(source) for source in NOTEBOOK])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    folders = tmp_path_factory.getbasetemp().glob("lab*/work")  # of the server that has just been started, the last
    nbformat.write(notebook, max(folders, key=lambda folder: folder.stat().st_ctime) / "steppers.ipynb")
    seen, cell, explorer = opened(visit, lab, "steppers", 3, ".lms")
    check(explorer, 0, 1)
    explorer.locator(".lms-line [aria-current]").focus()
    for key in [*["ArrowRight"] * 9, "d", "d", "x", "b"]:  # these letters on a cell would delete it, cut it, add one
        seen.page.keyboard.press(key)
    check(explorer, 1, 3)
    explorer.locator(".lms-token").nth(2).click()
    explorer.get_by_role("button", name="What if?").click()
    typed = explorer.get_by_role("spinbutton", name="score of 저는")
    typed.fill("1.5")
    typed.press("Enter")  # JupyterLab wants this key too
    assert cell.count() == 3
    prints(cell.nth(1), "python reads 1 4 2 1.5")
    run(cell.nth(2))
    explorer.locator(".lms-out.lms-now").wait_for()
    check(explorer, 2, 6)
    assert seen.foreign == []
