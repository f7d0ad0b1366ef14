"""The gap filler in a real browser: what it puts behind each mask is what the network says, beside the truth."""

import math

import numpy as np
import pytest
import small_book
from checks import low_contrast, small_targets
from nbformat.v4 import new_code_cell, new_markdown_cell
from test_alignment_page import upload
from test_lab import lab, opened, prints, run  # noqa: F401 (a fixture)

# A BERT with weights of an old generator whose numbers numpy has promised to keep.
MADE = """\
import numpy as np
import torch
from lmcourse.bert import BertConfig, BertForPreTraining
from lmcourse.widgets import FillMask, fill_mask_model
from lmcourse.wordpiece import MARKS, WordPiece

WORDS = ["The", "cat", "##s", "dog", "sat", "ate", "a", "fish", "it", ".", ",", "<", ">", "img", "친구", "##가", "##는",
         "밥", "##을", "먹", "##었다", "!", "b"]
tokens = [*MARKS, *WORDS]
shape = {"width": 16, "layers": 2, "heads": 4, "hidden": 20, "longest": 40, "positions": "rotary"}
bert = BertForPreTraining(BertConfig(len(tokens), **shape)).eval()
dice = np.random.RandomState(5)
for name, parameter in bert.named_parameters():
    size = 1.0 if "words" in name else 0.5
    array = dice.uniform(-size, size, parameter.shape) + ("norm" in name and name.endswith("weight"))
    parameter.data = torch.tensor(array, dtype=torch.float32)
model = fill_mask_model(bert, WordPiece.from_vocabulary(tokens), bits=8)
story, after = "The cats sat. The dog ate it.", "The cats ate a fish."
truth = {2: {"cat": 0.5, "dog": 0.3, "fish": 0.2}, 4: {"sat": 0.75, "ate": 0.25}, 12: {"The": 1.0}}
truth[15] = {"ate": 0.5, "sat": 0.125, None: 0.375}
examples = [
    {"text": story, "second": after, "masks": [2], "truth": truth, "name": "cats"},
    ("친구가 밥을 먹었다.", "친구는 밥을 먹었다."),
    "The [MASK] sat.",
]
"""
SPACE = {}
exec(MADE, SPACE)  # the network of the page
MODEL, STORY, AFTER, TRUTH = (SPACE[name] for name in ("model", "story", "after", "truth"))
KOREAN = SPACE["examples"][1]
TOKENS, _ = MODEL.cut(STORY, AFTER)


@pytest.fixture(scope="module")
def pages(tmp_path_factory, browser):
    folder = tmp_path_factory.mktemp("fillers")
    cells = {
        "filler": f"{MADE}\nFillMask(model, examples)",
        "changed": f"{MADE}\nFillMask(model, examples, masks=[4, 15], chosen=4, reading=True, verdict=False)",
        "korean_ui": f"{MADE}\nFillMask(model, examples[1:], text='', language='ko')",
    }
    notebooks = {name: [new_markdown_cell(f"# {name}"), new_code_cell(code)] for name, code in cells.items()}
    small_book.write_book(folder, notebooks=notebooks)
    return small_book.build(folder)


def shown(visit):
    filler = visit.page.locator(".lmf[data-ready]")
    filler.wait_for()
    return filler


@pytest.fixture
def filler(visit, site):
    return shown(visit(f"{site}/filler.html"))


def bare(piece):
    return piece.removeprefix("##")


def percent(p):
    return "0%" if p == 0 else "<0.1%" if p < 0.001 else f"{100 * p:.1f}%" if p < 0.9995 else "100%"


def few(bits):
    return f"{bits if abs(bits) >= 0.05 else 0:.1f}"


def token(filler, tokens, place):
    """The button of a token, by its place."""
    return filler.locator(".lmf-token").nth(sum(t not in ("[CLS]", "[SEP]") for t in tokens[:place]))


def agrees(filler, text, second, masks, place, truth=None):
    """Everything on the page is what the network says of these texts with these masks."""
    found = MODEL.run(text, second, masks)
    shown_ = ["[MASK]" if n in masks else bare(t) for n, t in enumerate(found.tokens) if t not in ("[CLS]", "[SEP]")]
    assert filler.locator(".lmf-token b").all_text_contents() == shown_
    pressed = filler.locator(".lmf-token").evaluate_all("(all) => all.map((e) => e.getAttribute('aria-pressed'))")
    assert pressed == [str(piece == "[MASK]").lower() for piece in shown_]
    ids = np.argsort(-found.logs[place], kind="stable")[:10].tolist()
    if truth:
        likely = sorted((t for t in truth if t is not None), key=lambda t: -truth[t])
        ids += [MODEL.ids[t] for t in likely if MODEL.ids[t] not in ids]
    hidden = found.tokens[place]
    if hidden != "[MASK]" and MODEL.ids[hidden] not in ids:
        ids.append(MODEL.ids[hidden])
    rows = filler.locator(".lmf-candidate")
    assert rows.locator(".lmf-name b").all_text_contents() == [bare(MODEL.tokens[n]) for n in ids]
    said = [[percent(float(np.exp(found.logs[place, n])))] for n in ids]
    for n, each in zip(ids, said, strict=True):
        if truth and (MODEL.tokens[n] in truth or None not in truth):  # else nobody knows
            each.append(percent(truth.get(MODEL.tokens[n], 0)))
    values = rows.locator(".lmf-values").evaluate_all(
        "(all) => all.map((e) => [...e.children].map((v) => v.innerText))"
    )
    assert values == said
    bars = rows.locator(".lmf-tracks").evaluate_all("(all) => all.map((e) => e.children.length)")
    assert bars == [len(each) for each in said]
    assert filler.locator(".lmf-panel .lmf-legend").is_visible() == bool(truth)
    follows = MODEL.run(text, second).follows
    if follows is not None:
        assert filler.locator(".lmf-follows").inner_text() == f"{percent(follows)} yes"


def test_the_network_of_these_pages_reads_both_sides():
    """What the tests below rest on."""
    plain = MODEL.run(STORY, AFTER, [2]).logs[2]
    for text, second in [
        ("The cats sat. The dog ate a.", AFTER),
        ("The cats sat. The dog ate it.", "a cats ate a fish."),
    ]:
        assert abs(MODEL.run(text, second, [2]).logs[2] - plain).max() > 0.05
    assert abs(MODEL.run(STORY, "The dog.").follows - MODEL.run(STORY, AFTER).follows) > 0.01


def test_tokens_are_masked_by_clicks_without_python(visit, either):
    seen = visit(f"{either}/filler.html")
    filler = shown(seen)
    agrees(filler, STORY, AFTER, [2], 2, TRUTH[2])
    token(filler, TOKENS, 2).click()  # shown again
    assert "No token is hidden" in filler.inner_text() and filler.locator(".lmf-candidate").first.is_hidden()
    token(filler, TOKENS, 4).click()
    agrees(filler, STORY, AFTER, [4], 4, TRUTH[4])
    assert "Hidden here: sat" in filler.locator(".lmf-panel h4").inner_text()
    assert "The truth: sat 75.0%, ate 25.0%" in filler.get_by_role("status").inner_text()
    token(filler, TOKENS, 15).click()  # two masks
    agrees(filler, STORY, AFTER, [4, 15], 15)
    assert "one token alone is hidden" in filler.locator(".lmf-missing").inner_text()
    token(filler, TOKENS, 4).click()  # the other mask
    agrees(filler, STORY, AFTER, [4, 15], 4)
    filler.get_by_role("button", name="Take all masks off").click()
    token(filler, TOKENS, 15).click()
    agrees(filler, STORY, AFTER, [15], 15, TRUTH[15])
    assert "All others: model" in filler.locator(".lmf-rest").inner_text()
    token(filler, TOKENS, 15).click()
    token(filler, TOKENS, 6).click()
    agrees(filler, STORY, AFTER, [6], 6)
    assert "For this token the truth is not known" in filler.locator(".lmf-missing").inner_text()
    filler.get_by_role("button", name="Start over").click()
    agrees(filler, STORY, AFTER, [2], 2, TRUTH[2])
    assert seen.foreign == [] and seen.errors == []


def test_everything_by_keys(filler):
    page = filler.page
    token(filler, TOKENS, 1).focus()
    for key in ("ArrowRight", "Enter", "ArrowRight", "ArrowRight", "Space"):
        page.keyboard.press(key)
    agrees(filler, STORY, AFTER, [4], 4, TRUTH[4])
    stops = filler.locator(".lmf-token").evaluate_all("(all) => all.filter((e) => e.tabIndex === 0).length")
    assert stops == 1
    filler.locator(".lmf-candidate").first.focus()
    page.keyboard.press("ArrowDown")
    second = MODEL.tokens[int(np.argsort(-MODEL.run(STORY, AFTER, [4]).logs[4], kind="stable")[1])]
    page.keyboard.press("Enter")
    assert f"“{bare(second)}” is now in the text" in filler.get_by_role("status").inner_text()
    assert bare(second) in filler.get_by_role("textbox", name="Story so far").input_value()
    assert page.evaluate("document.activeElement.className").startswith("lmf-token")
    filler.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    agrees(filler, STORY, AFTER, [4], 4, TRUTH[4])


def test_a_candidate_is_put_in_and_taken_back(filler):
    token(filler, TOKENS, 2).click()
    token(filler, TOKENS, 6).click()
    filler.get_by_role("button", name="Put in fish").click()
    field = filler.get_by_role("textbox", name="Story so far")
    assert field.input_value() == "The cats sat. fish dog ate it."
    assert "No token is hidden" in filler.inner_text()
    assert filler.locator(".lmf-token b").all_text_contents()[5:7] == ["fish", "dog"]
    filler.get_by_role("button", name="Undo").click()
    assert field.input_value() == STORY
    agrees(filler, STORY, AFTER, [6], 6)
    assert filler.get_by_role("button", name="Undo").get_attribute("aria-disabled") == "true"


def test_the_truth_is_of_the_example_only(filler):
    field, missing = filler.get_by_role("textbox", name="Story so far"), filler.locator(".lmf-missing")
    field.fill(f"{STORY} a")
    agrees(filler, f"{STORY} a", AFTER, [2], 2)
    assert "this text was changed" in missing.inner_text()
    filler.get_by_role("button", name="Back to the example").click()
    assert field.input_value() == STORY and missing.is_hidden()
    agrees(filler, STORY, AFTER, [2], 2, TRUTH[2])
    field.fill(f"{STORY} a")
    field.fill(STORY)  # as it was
    agrees(filler, STORY, AFTER, [2], 2, TRUTH[2])


def test_whatever_is_typed_is_read(visit, site):
    seen = visit(f"{site}/filler.html")
    filler = shown(seen)
    first, second = (
        filler.get_by_role("textbox", name="Story so far"),
        filler.get_by_role("textbox", name="What comes next"),
    )
    first.press_sequentially(" cat")  # wherever the cursor is, the mask stays at its token
    assert filler.locator(".lmf-token[aria-pressed=true]").count() == 1
    first.fill("The [MASK] ate a [MASK].")
    agrees(filler, "The [MASK] ate a [MASK].", AFTER, [2, 5], 5)
    second.fill("")
    assert filler.locator(".lmf-follows").inner_text() == "Type what comes next to ask that."
    assert filler.locator(".lmf-verdict").is_hidden()
    agrees(filler, "The [MASK] ate a [MASK].", "", [2, 5], 5)
    second.fill("a dog!")
    agrees(filler, "The [MASK] ate a [MASK].", "a dog!", [2, 5], 5)
    for text in [
        "<img src=x onerror=alert(1)>",
        "\u202e\u05e9\u05dc",
        "👩\u200d👩\u200d👧",
        "x" * 150,
        "The cat " * 60,
    ]:
        first.fill(text)
        want = [bare(t) for t in MODEL.cut(text, "a dog!")[0] if t not in ("[CLS]", "[SEP]")]
        assert filler.locator(".lmf-token b").all_text_contents() == want
    assert "are not read" in filler.get_by_role("alert").inner_text()
    first.fill("The zebra sat.")
    assert "zebra" in filler.get_by_role("alert").inner_text()
    second.fill("")
    first.fill("")
    assert filler.locator(".lmf-empty").get_by_text("Nothing to read yet").is_visible()
    filler.get_by_role("button", name="cats", exact=True).click()
    agrees(filler, STORY, AFTER, [2], 2, TRUTH[2])
    assert filler.locator("img").count() == 0 and seen.errors == []


def test_does_b_follow_a(filler):
    for second in (AFTER, "The dog.", "fish fish fish"):
        filler.get_by_role("textbox", name="What comes next").fill(second)
        p = MODEL.run(STORY, second).follows
        assert filler.locator(".lmf-follows").inner_text() == f"{percent(p)} yes"
        bar, dot = (filler.locator(f".lmf-verdict{part}").bounding_box() for part in ("", " i"))
        middle = dot["x"] + dot["width"] / 2 - bar["x"] - 9  # the dot stays within the scale
        assert middle / (bar["width"] - 18) == pytest.approx(p, abs=0.02)


def test_the_whole_text_is_read(filler):
    filler.get_by_role("button", name="Mask each token in turn").click()
    note = filler.locator(".lmf-note").first
    note.get_by_text("Surprise when each token").wait_for()
    bits = MODEL.surprise(STORY, AFTER)
    known = ~np.isnan(bits)
    assert filler.locator(".lmf-mine").all_text_contents() == [few(x) for x in bits[known]]
    own = {place: -math.log2(TRUTH[place][TOKENS[place]]) for place in TRUTH}
    assert filler.locator(".lmf-true:visible").all_text_contents() == [few(own[place]) for place in sorted(own)]
    said = note.inner_text()
    assert f"{few(bits[known].sum())} bits in all, {few(bits[known].mean())} per token" in said
    assert f"On the 4 tokens where the truth is known: model {few(sum(bits[place] for place in own))}" in said
    assert f"truth {few(sum(own.values()))} bits" in said
    # Another text: read anew, without asking. A typed mask is none of its tokens.
    filler.get_by_role("button", name="The [MASK] sat.").click()
    bits = [few(MODEL.run("The [MASK] sat.", "", [2, place]).logs[place, MODEL.ids[t]] / -math.log(2))
            for place, t in ((1, "The"), (3, "sat"), (4, "."))]  # fmt: skip
    filler.page.wait_for_function(
        "(bits) => [...document.querySelectorAll('.lmf-mine')].map((e) => e.textContent).join() === bits.join()",
        arg=[bits[0], "", *bits[1:]],
    )
    filler.get_by_role("button", name="Mask each token in turn").click()
    assert note.is_hidden() and filler.locator(".lmf-mine").first.is_hidden()


def test_it_begins_as_it_was_told(visit, site):
    filler = shown(visit(f"{site}/changed.html"))
    agrees_with = MODEL.run(STORY, AFTER, [4, 15]).logs[4]
    best = [bare(MODEL.tokens[n]) for n in np.argsort(-agrees_with, kind="stable")[:3]]
    assert filler.locator(".lmf-candidate .lmf-name b").all_text_contents()[:3] == best
    assert filler.locator(".lmf-follows").is_hidden()
    filler.locator(".lmf-note").first.get_by_text("Surprise when each token").wait_for()


def test_in_korean(visit, site):
    filler = shown(visit(f"{site}/korean_ui.html"))
    assert "아직 읽을 것이 없습니다" in filler.inner_text()
    filler.get_by_role("button", name="친구가 밥을").click()
    tokens, _ = MODEL.cut(*KOREAN)
    assert filler.locator(".lmf-token b").all_text_contents()[:3] == ["친구", "가", "밥"]
    assert filler.locator(".lmf-word").first.locator(".lmf-token").count() == 2
    filler.get_by_role("button", name="모두 드러내기").click()
    token(filler, tokens, 4).click()
    logs = MODEL.run(*KOREAN, [4]).logs[4]
    best = [bare(MODEL.tokens[n]) for n in np.argsort(-logs, kind="stable")[:10]]
    assert filler.locator(".lmf-candidate .lmf-name b").all_text_contents()[:10] == best
    assert filler.locator(".lmf-follows").inner_text() == f"그렇다 {percent(MODEL.run(*KOREAN).follows)}"
    filler.get_by_role("button", name="가 넣기").click()
    assert filler.get_by_role("textbox", name="지금까지의 이야기").input_value() == "친구가 밥가 먹었다."
    filler.get_by_role("button", name="한 자리씩 차례로 가리기").click()
    filler.locator(".lmf-note").first.get_by_text("토큰을 하나씩 가렸을 때의 놀람").wait_for()


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_fits_fingers_and_phones(visit, site, width):
    for page in ("filler", "changed", "korean_ui"):
        filler = shown(visit(f"{site}/{page}.html", width=width))
        assert small_targets(filler) == []
        assert filler.evaluate("(el) => el.scrollWidth <= el.clientWidth")
        box = filler.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_can_be_read(visit, site, dark):
    filler = shown(visit(f"{site}/filler.html", dark=dark))
    filler.get_by_role("button", name="Mask each token in turn").click()
    filler.locator(".lmf-note").first.get_by_text("Surprise when each token").wait_for()
    assert low_contrast(filler) == []


def test_it_and_python_see_each_other(lab, visit):  # noqa: F811
    sources = [
        f"{MADE}\nfiller = FillMask(model, examples)\nfiller",
        "print('python reads', filler.masks, filler.chosen, filler.reading)",
        "filler.masks = [4]; filler.second = 'The dog.'",
    ]
    upload(lab, "fillers", sources)
    seen, cell, filler = opened(visit, lab, "fillers", 3, ".lmf[data-ready]")
    page = seen.page
    token(filler, TOKENS, 15).click()
    token(filler, TOKENS, 15).focus()
    for key in ("d", "d", "x", "b"):  # these keys on a cell would delete it, cut it, add one
        page.keyboard.press(key)
    assert cell.count() == 3
    prints(cell.nth(1), "python reads [2, 15] 15 False")
    run(cell.nth(2))
    page.wait_for_function("document.querySelectorAll('.lmf textarea')[1].value === 'The dog.'")
    agrees(filler, STORY, "The dog.", [4], 4)
    assert seen.foreign == []
