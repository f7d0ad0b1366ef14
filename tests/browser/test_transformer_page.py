"""The Transformer explorer in a real browser: what it shows of each head, and without it, is what the network does."""

import numpy as np
import pytest
import small_book
from checks import low_contrast, small_targets
from nbformat.v4 import new_code_cell, new_markdown_cell
from test_alignment_page import upload
from test_lab import lab, opened, prints, run  # noqa: F401 (a fixture)

# Two Transformers with weights of an old generator whose numbers numpy has promised to keep.
MADE = """\
import numpy as np
import torch
from lmcourse import stories, transforming
from lmcourse.widgets import TransformerExplorer, transformer_model

SHAPE = {"width": 16, "heads": 4, "hidden": 20, "layers": 2, "dropout": 0.0, "positions": "sinusoidal"}
SOURCE = ["▁저", "는", "▁밥", "을", "▁친구", "를", "▁먹", "▁보", "었", "았", "다", "."]
TARGET = ["▁I", "▁ate", "▁rice", "▁friends", "▁the", "▁<img src=x onerror=alert(1)>", "."]
WORDS = ["▁The", "▁cat", "▁dog", "▁sat", "▁ate", "▁<b>fish</b>", "▁it", "."]

def filled(model, seed):
    dice = np.random.RandomState(seed)
    for name, parameter in model.named_parameters():
        size = 0.5 if "embedding" in name else 0.9
        array = dice.uniform(-size, size, parameter.shape) + ("norm" in name and name.endswith("weight"))
        if name in ("bias", "decoder.bias"):
            array[:3] = -9  # no mark but the end is written
        parameter.data = torch.tensor(array, dtype=torch.float32)
    return model.eval()

translator = transforming.build({"direction": "ko-en", "source": SOURCE, "target": TARGET, "longest": 99, **SHAPE})
translator.max_length = 10
filled(translator.model, 12)
examples = ["저는 밥을 먹었다.", "저는 친구를 보았다."]
model = transformer_model(translator, bits=8, examples=examples)
told = stories.build({"language": "en", "unit": "word", "tokens": ["<pad>", "<unk>", "<s>", "</s>", *WORDS], **SHAPE})
filled(told.model, 8)
teller = transformer_model(told, bits=8, examples=["The cat sat. The dog", "The dog ate it."])
found = model.run(examples[0])
best = found.weights["cross"][1, 2].argmax(-1).tolist()
links = {"alignment": [(0, best[0]), (1, best[1]), (2, (best[2] + 1) % 8)], "other": [(0, 0)]}
gold = {examples[0]: {"cross": links, "encoder": {"head": [(1, 0), (3, 2)]}}}
truth = {examples[0]: "I ate rice."}
"""
SPACE = {}
exec(MADE, SPACE)  # the networks of the page
MODEL, TELLER, FOUND, EXAMPLES = (SPACE[name] for name in ("model", "teller", "found", "examples"))
FIRST, STORY = EXAMPLES[0], TELLER.examples[0]


@pytest.fixture(scope="module")
def pages(tmp_path_factory, browser):
    folder = tmp_path_factory.mktemp("transformers")
    changed = "truth=truth, off=[('encoder', 0, 1)], layer=1, head=3, query=2"
    cells = {
        "translator": f"{MADE}\nTransformerExplorer(model, gold=gold)",
        "with_truth": f"{MADE}\nTransformerExplorer(model, {changed})",
        "story": f"{MADE}\nTransformerExplorer(teller)",
        "korean_ui": f"{MADE}\nTransformerExplorer(model, text='', language='ko')",
    }
    notebooks = {name: [new_markdown_cell(f"# {name}"), new_code_cell(code)] for name, code in cells.items()}
    small_book.write_book(folder, notebooks=notebooks)
    return small_book.build(folder)


def shown(visit):
    explorer = visit.page.locator(".lmt[data-ready]")
    explorer.wait_for()
    return explorer


@pytest.fixture
def explorer(visit, site):
    return shown(visit(f"{site}/translator.html"))


def plain(pieces):
    return [{"</s>": "■", "<s>": "▸"}.get(piece, piece.removeprefix("▁")) for piece in pieces]


def tokens(explorer, side):
    return explorer.locator(f".lml:visible .lml-{side} .lml-token b").all_text_contents()


def head_of(explorer, name):
    """The map and the switch of a head, by its name."""
    map_ = explorer.get_by_role("button", name=f"{name}, ")
    return map_, explorer.get_by_role("switch", name=name, exact=True)


def few(bits):
    return f"{bits:.2f}" if bits < 0.995 else f"{bits:.1f}"


def signed(bits):
    return "±0" if abs(bits) < 0.005 else f"{'+' if bits > 0 else '−'}{few(abs(bits))}"


def agrees(explorer, text, off=(), part="cross", head=(0, 0), target=None):
    """Everything on the page is what the network does without these heads."""
    run, whole = MODEL.run(text, off=off), MODEL.run(text)
    target = whole.output if target is None else target
    before, after = (MODEL.run(text, target, heads).bits for heads in ([], off))
    assert explorer.locator(".lmt-output .lmt-text").inner_text() == (run.text or "(nothing)")
    assert explorer.locator(".lmt-before").is_visible() == bool(off)
    loss = explorer.locator(".lmt-loss .lmt-text").inner_text()
    if off:
        assert explorer.locator(".lmt-before .lmt-text").inner_text() == whole.text
        assert loss.startswith(f"{few(before.sum())} → {few(after.sum())} bits ({signed(after.sum() - before.sum())})")
    else:
        assert loss.startswith(f"{few(after.sum())} bits in all")
    assert explorer.locator(".lmt-word em").all_text_contents() == [few(b) for b in after]
    switches = explorer.get_by_role("switch").evaluate_all("(all) => all.map((e) => e.getAttribute('aria-checked'))")
    assert switches == [str((part, i // 4, i % 4) not in off).lower() for i in range(8)]
    written = ["<s>", *run.output[:-1]]
    sides = {"encoder": [run.pieces] * 2, "decoder": [written] * 2, "cross": [run.output, run.pieces]}[part]
    assert [tokens(explorer, side) for side in ("query", "key")] == [plain(side) for side in sides]
    row = min(1, len(tokens(explorer, "query")) - 1)
    query = explorer.locator(".lml:visible .lml-query .lml-token").nth(row)
    query.click()
    numbers = explorer.locator(".lml:visible .lml-key .lml-token em").all_text_contents()
    assert [float(n) for n in numbers] == pytest.approx(run.weights[part][head][row], abs=0.0051)
    query.click()


def test_the_networks_of_these_pages_need_their_heads():
    """What the tests below rest on."""
    assert len(FOUND.output) > 4 and len(set(FOUND.output)) > 2
    assert MODEL.run(FIRST, off=[("cross", 1, 2)]).output != FOUND.output
    assert max(abs(bits).max() for bits in MODEL.worth(FIRST).values()) > 0.5
    assert abs(TELLER.run(STORY, off=[("decoder", 0, 1)]).bits - TELLER.run(STORY).bits).max() > 0.1


def test_heads_are_switched_without_python(visit, either):
    seen = visit(f"{either}/translator.html")
    explorer = shown(seen)
    agrees(explorer, FIRST)
    assert explorer.locator(".lmt-tile").count() == 8
    map_, switch = head_of(explorer, "Layer 1, head 2")
    switch.click()
    assert "1 head is off" in explorer.get_by_role("status").inner_text()
    agrees(explorer, FIRST, [("cross", 1, 2)])
    off = MODEL.run(FIRST, off=[("cross", 1, 2)])
    marked = [word.strip() for word in explorer.locator(".lmt-output mark").all_text_contents()]
    kept = [word.strip() for word in explorer.locator(".lmt-output .lmt-text > span").all_text_contents()]
    assert marked or explorer.locator(".lmt-before mark").count()
    assert sorted(marked + kept) == sorted(plain(piece for piece in off.output if piece != "</s>"))
    map_.click()
    agrees(explorer, FIRST, [("cross", 1, 2)], head=(1, 2))
    assert "This head is off" in explorer.locator(".lmt-off-note").inner_text()
    switch.click()
    agrees(explorer, FIRST, head=(1, 2))
    explorer.get_by_role("button", name="Only this layer off").click()
    layer = [("cross", 1, n) for n in range(4)]
    agrees(explorer, FIRST, layer, head=(1, 2))
    for part, look in (("decoder", "Decoder: words look back"), ("encoder", "Encoder:")):
        explorer.get_by_role("radio", name=look).check(force=True)
        agrees(explorer, FIRST, layer, part, head=(1, 2))
    explorer.get_by_role("button", name="Only this head off").click()
    agrees(explorer, FIRST, [("encoder", 1, 2)], "encoder", head=(1, 2))
    explorer.get_by_role("button", name="All on").click()
    agrees(explorer, FIRST, (), "encoder", head=(1, 2))
    assert seen.foreign == [] and seen.errors == []


def test_which_head_matters(explorer):
    explorer.get_by_role("button", name="Which head matters?").click()
    note = explorer.locator(".lmt-note")
    worth = MODEL.worth(FIRST)
    part = max(worth, key=lambda name: worth[name].max())
    layer, head = divmod(int(worth[part].argmax()), 4)
    note.get_by_text(f"The most is lost without layer {layer}, head {head} ({part})").wait_for()
    assert f"{signed(worth[part].max())} bits" in note.inner_text()
    for name in ("cross", "decoder", "encoder"):
        looks = {"cross": "Decoder: words look at", "decoder": "Decoder: words look back", "encoder": "Encoder:"}
        explorer.get_by_role("radio", name=looks[name]).check(force=True)
        bars = explorer.locator(".lmt-worth em").all_text_contents()
        assert bars == [signed(bits) for bits in worth[name].flat]
    # Another text: measured anew, without asking.
    explorer.get_by_role("button", name=EXAMPLES[1]).click()
    bits = [signed(each) for each in MODEL.worth(EXAMPLES[1])["encoder"].flat]
    explorer.page.wait_for_function(
        "(bits) => [...document.querySelectorAll('.lmt-worth em')].map((e) => e.textContent).join() === bits.join()",
        arg=bits,
    )
    explorer.get_by_role("button", name="Which head matters?").click()
    assert note.is_hidden() and explorer.locator(".lmt-worth").first.is_hidden()


def test_heads_are_graded(explorer):
    grades = SPACE["TransformerExplorer"](MODEL, gold=SPACE["gold"]).grades()
    for name, radio in (("alignment", None), ("other", "other")):
        if radio:
            explorer.get_by_role("radio", name=radio, exact=True).check(force=True)
        shown_ = explorer.locator(".lmt-grade em").all_text_contents()
        assert shown_ == [f"{right}/{of}" for right, of in grades[name].reshape(-1, 2)]
    explorer.get_by_role("radio", name="alignment", exact=True).check(force=True)
    head_of(explorer, "Layer 1, head 2")[0].click()
    assert "2 of 3 tokens with a right link look most at it" in explorer.locator(".lmt-gold").inner_text()
    golden = explorer.locator(".lml:visible .lml-map").evaluate(
        """(e) => { const { data } = e.getContext("2d").getImageData(0, 0, e.width, e.height);
          let n = 0; for (let i = 0; i < data.length; i += 4) n += data[i] - data[i + 2] > 150; return n; }"""
    )
    assert golden > 50
    explorer.get_by_role("button", name="Only this layer off").click()
    assert "belong to another output" in explorer.locator(".lmt-gold").inner_text()
    assert explorer.locator(".lmt-grade").first.is_hidden()


def test_the_right_answer_is_what_surprises(visit, site):
    explorer = shown(visit(f"{site}/with_truth.html"))
    run = MODEL.run(FIRST, "I ate rice.", [("encoder", 0, 1)])
    assert explorer.locator(".lmt-word em").all_text_contents() == [few(b) for b in run.bits]
    assert "I ate rice." in explorer.locator(".lmt-reference").inner_text()
    assert explorer.locator(".lml:visible .lml-query .lml-token").nth(2).get_attribute("aria-selected") == "true"
    assert "Layer 1, head 3" in explorer.locator(".lmt-large h4").inner_text()
    whole = MODEL.run(FIRST, "I ate rice.")
    for place in (0, 2):
        explorer.locator(".lmt-word").nth(place).click()
        rows = explorer.locator(".lmt-rivals li").all_inner_texts()
        assert len(rows) == 6
        for row in rows:
            name, numbers = row.split("\n")
            ids = [MODEL.target.index(p) for p in MODEL.target if plain([p])[0] == name]
            before, after = (np.exp(each.logs[place][ids[0]]) for each in (whole, run))
            said = [f"{100 * p:.1f}%" if p >= 0.001 else "<0.1%" for p in (before, after)]
            assert numbers.split(" → ") == said


def test_a_story(visit, site):
    explorer = shown(visit(f"{site}/story.html"))
    whole = TELLER.run(STORY)
    assert explorer.locator(".lmt-output .lmt-text").inner_text() == (whole.text or "(nothing)")
    assert explorer.locator(".lmt-word em").all_text_contents() == [*(few(b) for b in whole.bits), ""]
    assert tokens(explorer, "query") == plain(whole.pieces)
    head_of(explorer, "Layer 0, head 1")[1].click()
    off = TELLER.run(STORY, off=[("decoder", 0, 1)])
    assert explorer.locator(".lmt-output .lmt-text").inner_text() == (off.text or "(nothing)")
    loss = explorer.locator(".lmt-loss .lmt-text").inner_text()
    assert loss.startswith(f"{few(whole.bits.sum())} → {few(off.bits.sum())} bits")
    explorer.get_by_role("button", name="Hide <s>").click()
    assert tokens(explorer, "key") == plain(whole.pieces[1:])
    explorer.get_by_role("button", name="Which head matters?").click()
    worth = TELLER.worth(STORY)["decoder"]
    explorer.page.wait_for_function("!document.querySelector('.lmt-note').textContent.includes('Taking')")
    assert explorer.locator(".lmt-worth em").all_text_contents() == [signed(bits) for bits in worth.flat]
    field = explorer.get_by_label("Beginning of a story")
    field.fill("The cat")
    assert tokens(explorer, "query") == ["The", "cat"]
    field.fill("")
    assert explorer.locator(".lmt-empty").last.is_visible() and explorer.locator(".lmt-grid").is_hidden()


def test_everything_by_keys(explorer):
    page = explorer.page
    head_of(explorer, "Layer 0, head 0")[0].focus()
    for key in ("ArrowRight", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    assert "Layer 1, head 1" in explorer.locator(".lmt-large h4").inner_text()
    page.keyboard.press("Tab")  # to the switch of the same head
    page.keyboard.press("Space")
    agrees(explorer, FIRST, [("cross", 1, 1)], head=(1, 1))
    head_of(explorer, "Layer 1, head 1")[1].focus()
    for key in ("ArrowLeft", "ArrowLeft", "ArrowUp", "Enter"):
        page.keyboard.press(key)
    agrees(explorer, FIRST, [("cross", 0, 0), ("cross", 1, 1)], head=(1, 1))
    stops = explorer.locator(".lmt-map").evaluate_all("(all) => all.filter((e) => e.tabIndex === 0).length")
    assert stops == 1
    explorer.locator(".lmt-word").first.focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert explorer.locator(".lmt-word").last.get_attribute("aria-pressed") == "true"
    explorer.locator(".lml:visible .lml-query .lml-token").first.focus()
    page.keyboard.press("ArrowDown")
    row = MODEL.run(FIRST, off=[("cross", 0, 0), ("cross", 1, 1)]).weights["cross"][1, 1][1]
    assert f"{row.max():.2f}" in explorer.get_by_role("status").inner_text()


def test_hostile_texts_are_texts(visit, site):
    seen = visit(f"{site}/translator.html")
    explorer = shown(seen)
    field = explorer.get_by_label("Sentence to translate")
    for sentence in ["<img src=x onerror=alert(1)>", "\u202e\u05e9\u05dc", "👩\u200d👩\u200d👧", "▔a▔", "저는 " * 60]:
        field.fill(sentence)
        assert len(tokens(explorer, "key")) == len(MODEL.cut(sentence))
    assert "the first 100 pieces" in explorer.get_by_role("alert").inner_text()
    field.fill("저는 xyz를")
    assert "“xyz”" in explorer.get_by_role("alert").inner_text()
    explorer.get_by_role("button", name="Start over").click()
    assert field.input_value() == FIRST
    agrees(explorer, FIRST)
    assert explorer.locator("img").count() == 0 and seen.errors == []


def test_in_korean(visit, site):
    explorer = shown(visit(f"{site}/korean_ui.html"))
    assert "아직 읽을 것이 없습니다" in explorer.inner_text()
    explorer.get_by_role("button", name=EXAMPLES[1]).click()
    explorer.get_by_role("switch", name="1층 0번 헤드", exact=True).click()
    assert "헤드 1개가 꺼져 있습니다" in explorer.get_by_role("status").inner_text()
    explorer.get_by_role("button", name="어느 헤드가 중요할까?").click()
    explorer.locator(".lmt-note").get_by_text("아쉬운").wait_for()


@pytest.mark.parametrize("width", [360, 1280])
def test_fits_fingers_and_phones(visit, site, width):
    for page in ("translator", "story", "with_truth"):
        explorer = shown(visit(f"{site}/{page}.html", width=width))
        assert small_targets(explorer) == []
        assert explorer.evaluate("(el) => el.scrollWidth <= el.clientWidth")
        box = explorer.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_can_be_read(visit, site, dark):
    explorer = shown(visit(f"{site}/translator.html", dark=dark))
    explorer.get_by_role("button", name="Only this head off").click()
    explorer.get_by_role("button", name="Which head matters?").click()
    explorer.locator(".lmt-note").get_by_text("bits").wait_for()
    assert low_contrast(explorer) == []


def test_it_and_python_see_each_other(lab, visit):  # noqa: F811
    sources = [
        f"{MADE}\nexplorer = TransformerExplorer(model, gold=gold)\nexplorer",
        "print('python reads', explorer.part, explorer.layer, explorer.head, explorer.off, explorer.query)",
        "explorer.off = []; explorer.text = '저는 친구를 보았다.'",
    ]
    upload(lab, "transformers", sources)
    seen, cell, explorer = opened(visit, lab, "transformers", 3, ".lmt[data-ready]")
    page = seen.page
    map_, switch = head_of(explorer, "Layer 1, head 2")
    map_.click()
    switch.click()
    explorer.locator(".lml:visible .lml-query .lml-token").nth(1).click()
    switch.focus()
    for key in ("d", "d", "x", "b"):  # these keys on a cell would delete it, cut it, add one
        page.keyboard.press(key)
    assert cell.count() == 3
    prints(cell.nth(1), "python reads cross 1 2 [['cross', 1, 2]] 1")
    run(cell.nth(2))
    page.wait_for_function("document.querySelector('.lmt textarea').value === '저는 친구를 보았다.'")
    agrees(explorer, EXAMPLES[1], head=(1, 2))
    assert seen.foreign == []
