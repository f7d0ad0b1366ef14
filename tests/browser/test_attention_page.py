"""The attention explorer in a real browser: pages that it saved itself, over http and file://, and JupyterLab."""

import xml.etree.ElementTree as ElementTree

import nbformat
import numpy as np
import pytest
from checks import low_contrast, small_targets
from nbformat.v4 import new_code_cell, new_notebook
from test_lab import lab, opened, prints, run  # noqa: F401 (lab is a fixture)

from lmcourse.widgets import AttentionExplorer

EN = "[CLS] the little cat did not eat [SEP]".split()
KO = "▁그 ▁작은 ▁고양이 는 ▁먹 지 ▁않았 다".split()
GOLD = [(1, 0), (2, 1), (3, 2), (3, 3), (5, 6), (6, 4)]
HOSTILE = [
    *("<img src=x onerror=alert(1)>", "\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627", "x" * 200),
    *("", "a\nb", "\u202eabc", "👩\u200d👩\u200d👧", "toString", "한국어"),
]


def attention(*shape):
    """Weights that are the same everywhere."""
    scores = np.exp(2 * np.sin(1.7 * np.arange(np.prod(shape)) ** 1.3).reshape(shape))
    return scores / scores.sum(-1, keepdims=True)


def made():
    many = [f"token{i}" for i in range(32)]
    return {
        "cross": AttentionExplorer(attention(2, 3, 8, 8), EN, KO, gold=GOLD),
        "big": AttentionExplorer(attention(2, 4, 32, 32), many, overview=True),
        "hostile": AttentionExplorer(attention(4, 10, 10), HOSTILE, heads=[0, 2]),
        "korean": AttentionExplorer(attention(2, 8, 8) * 3, KO, gold=[(0, 1)], language="ko", overview=True),
    }


@pytest.fixture(scope="module")
def pages(tmp_path_factory, browser):
    folder = tmp_path_factory.mktemp("attention")
    for name, explorer in made().items():
        explorer.save(folder / f"{name}.html")
    return folder


@pytest.fixture(scope="module")
def http(pages, served):
    with served(pages) as url:
        yield url


@pytest.fixture(params=["http", "file"])
def root(request, pages, http):
    return {"http": http, "file": pages.as_uri()}[request.param]


def shown(seen):
    explorer = seen.page.locator(".lmx")
    explorer.wait_for()
    explorer.scroll_into_view_if_needed()
    return explorer


@pytest.fixture
def explorer(visit, http):
    return shown(visit(f"{http}/cross.html"))


def token(explorer, side, i):
    return explorer.locator(f".lml-{side} .lml-token").nth(i)


def numbers(explorer, side):
    """What stands beside the tokens of a column once the next frame is drawn."""
    explorer.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return explorer.locator(f".lml-{side} .lml-token em").all_text_contents()


def told(explorer):
    return explorer.locator(".lmx-readout").last.inner_text().replace("\u2068", "").replace("\u2069", "")


def said(explorer):
    return explorer.get_by_role("status").text_content().replace("\u2068", "").replace("\u2069", "")


def same(texts, weights):
    """The page rounds what it has in 32 bits: half a hundredth may go either way."""
    assert len(texts) == len(weights)
    np.testing.assert_allclose([float(text) for text in texts], weights, atol=0.00501)


def test_pointing_shows_the_weights(visit, root):
    seen = visit(f"{root}/cross.html")
    explorer = shown(seen)
    python = made()["cross"]
    _, _, weights = python.shown()
    assert explorer.locator(".lml-query b").all_text_contents() == EN
    assert explorer.locator(".lml-key b").all_text_contents() == [piece.removeprefix("▁") for piece in KO]
    assert "".join(numbers(explorer, "key")) == ""
    token(explorer, "query", 3).hover()
    same(numbers(explorer, "key"), weights[3])
    best = int(weights[3].argmax())
    assert told(explorer).startswith(f"cat → {KO[best].removeprefix('▁')} {weights[3, best]:.2f}")
    token(explorer, "key", 2).hover()
    same(numbers(explorer, "query"), weights[:, 2])
    assert "".join(numbers(explorer, "key")) == ""
    right, of = python.pointing()
    assert explorer.locator(".lmx-grade").inner_text() == f"{right} of {of} tokens with a right link look most at it"
    assert seen.foreign == [] and seen.errors == []


def test_a_click_keeps_and_a_second_one_lets_go(explorer):
    _, _, weights = made()["cross"].shown()
    token(explorer, "query", 5).click()
    token(explorer, "query", 1).hover()
    same(numbers(explorer, "key"), weights[1])  # pointing goes before what is kept
    explorer.locator(".lm-settings").hover()
    same(numbers(explorer, "key"), weights[5])
    assert token(explorer, "query", 5).get_attribute("aria-selected") == "true"
    assert said(explorer).startswith("not → ")
    token(explorer, "key", 0).click()
    assert explorer.locator('[aria-selected="true"]').count() == 1
    token(explorer, "key", 0).click()
    explorer.locator(".lm-settings").hover()
    assert explorer.locator('[aria-selected="true"]').count() == 0
    assert "".join(numbers(explorer, "key") + numbers(explorer, "query")) == ""


def test_tokens_by_keyboard(explorer):
    page = explorer.page
    token(explorer, "query", 0).focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    focused = "(e) => e === document.activeElement"
    assert token(explorer, "query", 3).evaluate(focused)
    _, _, weights = made()["cross"].shown()
    same(numbers(explorer, "key"), weights[3])
    assert said(explorer).startswith("cat → ")
    page.keyboard.press("ArrowRight")
    assert token(explorer, "key", 3).evaluate(focused)
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert token(explorer, "key", 7).get_attribute("aria-selected") == "true"
    page.keyboard.press("Escape")
    assert explorer.locator('[aria-selected="true"]').count() == 0
    page.keyboard.press("ArrowLeft")
    assert token(explorer, "query", 7).evaluate(focused)
    stops = explorer.locator('.lml-token[tabindex="0"]')
    assert stops.count() == 2  # one for each column


def test_the_map_by_keyboard_and_pointer(explorer):
    page, chart = explorer.page, explorer.locator(".lml-map")
    chart.focus()
    page.keyboard.press("ArrowRight")  # the focus of a script alone shows nothing
    for key in ("Home", "ArrowDown", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    _, _, weights = made()["cross"].shown()
    right = " (right)"
    assert said(explorer) == f"little → 작은 {weights[2, 1]:.2f}{right}"
    page.keyboard.press("Enter")
    assert explorer.locator('[aria-selected="true"]').count() == 2
    page.keyboard.press("Escape")
    assert explorer.locator('[aria-selected="true"]').count() == 0
    # By the pointer: along a diagonal of the map every cell says what it is.
    box = chart.bounding_box()
    found = set()
    for step in np.linspace(0.2, 0.95, 40):
        page.mouse.move(box["x"] + step * box["width"], box["y"] + step * box["height"])
        found.add(told(explorer))
    pairs = {
        f"{EN[q]} → {KO[k].removeprefix('▁')} {weights[q, k]:.2f}{right if (q, k) in GOLD else ''}"
        for q in range(8) for k in range(8)
    }  # fmt: skip
    assert len(found & pairs) >= 6
    page.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + 0.6 * box["height"])
    assert explorer.locator('[aria-selected="true"]').count() == 2


def check(explorer, **options):
    """The numbers of the page are those of an explorer in Python that was asked for the same."""
    _, _, weights = AttentionExplorer(attention(2, 3, 8, 8), EN, KO, gold=GOLD, **options).shown()
    for row in (0, len(weights) - 1):
        token(explorer, "query", row).hover()
        same(numbers(explorer, "key"), weights[row])


def test_layers_and_heads(explorer):
    head = [explorer.get_by_role("button", name=f"Head {n}") for n in range(3)]
    explorer.get_by_label("Layer").select_option("1")
    check(explorer, layer=1)
    head[2].click()
    check(explorer, layer=1, heads=[0, 2])
    explorer.get_by_role("button", name="Mean").click()
    check(explorer, layer=1, heads=[0, 2])
    head[0].click()
    check(explorer, layer=1, heads=[2])
    head[2].click()  # one stays
    assert [each.get_attribute("aria-pressed") for each in head] == ["false", "false", "true"]
    head[1].dblclick()
    check(explorer, layer=1, heads=[1])
    head[0].click(modifiers=["Shift"])
    check(explorer, layer=1, heads=[0])
    head[0].focus()
    explorer.page.keyboard.press("ArrowRight")
    explorer.page.keyboard.press("Enter")
    check(explorer, layer=1, heads=[0, 1])
    explorer.get_by_role("button", name="Start over").click()
    check(explorer)


def test_sharpness_and_hidden_tokens(explorer):
    slider = explorer.get_by_label("Sharpness")
    slider.focus()
    for _ in range(6):
        slider.press("ArrowRight")
    check(explorer, sharpness=2.0)
    explorer.get_by_text("Hide tokens").click()
    explorer.get_by_role("button", name="Marks such as [CLS]").first.click()
    explorer.locator(".lmx-chips").nth(1).locator("button").nth(3).click()
    check(explorer, sharpness=2.0, hidden_queries=[0, 7], hidden_keys=[3])
    python = AttentionExplorer(attention(2, 3, 8, 8), EN, KO, gold=GOLD, sharpness=2.0, hide=["[CLS]", "[SEP]", KO[3]])
    right, of = python.pointing()
    assert explorer.locator(".lmx-grade").inner_text().startswith(f"{right} of {of} tokens")
    token(explorer, "query", 0).hover()
    lost = python._stored[0, 0, 1, 3]
    assert f"{lost:.2f} on hidden tokens" in told(explorer)
    for chip in explorer.locator(".lmx-chips").nth(1).locator('[aria-pressed="false"]').all()[::-1]:
        chip.click()
    assert explorer.get_by_text("All tokens are hidden.").is_visible()
    explorer.get_by_role("button", name="Show all").nth(1).click()
    assert token(explorer, "key", 3).is_visible()


INK = (
    """(e) => e.getContext("2d").getImageData(0, 0, e.width, e.height).data.filter((x, i) => i % 4 === 3 && x).length"""
)


def test_the_threshold_takes_lines_away(explorer):
    lines = explorer.locator(".lml-canvas")
    explorer.evaluate("(el) => el.querySelector('.lmx-grade').scrollIntoView()")
    before = lines.evaluate(INK)
    slider = explorer.get_by_label("Hide below")
    slider.focus()
    slider.press("End")
    assert lines.evaluate(INK) < 0.7 * before
    slider.press("Home")
    assert lines.evaluate(INK) > before


def test_lines_map_or_both(explorer):
    lines, chart = explorer.locator(".lml-lines"), explorer.locator(".lml-map")
    for name, visible in [("lines", (True, False)), ("map", (False, True)), ("both", (True, True))]:
        explorer.get_by_role("radio", name=name).check(force=True)
        assert (lines.is_visible(), chart.is_visible()) == visible
        if visible[1]:
            assert chart.evaluate(INK) > 5000


def test_all_heads_as_small_maps(visit, http):
    explorer = shown(visit(f"{http}/big.html"))
    grid = explorer.locator(".lmx-grid")
    assert grid.evaluate(INK) > 5000
    box = grid.bounding_box()
    step = min(72, (box["width"] - 26) / 4)
    grid.click(position={"x": 26 + 2.5 * step, "y": 18 + 1.5 * step})
    assert explorer.get_by_label("Layer").input_value() == "1"
    assert explorer.get_by_role("button", name="Head 2").get_attribute("aria-pressed") == "true"
    _, _, weights = AttentionExplorer(attention(2, 4, 32, 32), [str(i) for i in range(32)], layer=1, heads=[2]).shown()
    token(explorer, "query", 20).hover()
    same(numbers(explorer, "key"), weights[20])
    grid.press("ArrowUp")
    grid.press("ArrowRight")
    assert said(explorer) == "layer 0, head 3"
    grid.press("Enter")
    assert explorer.get_by_role("button", name="Head 3").get_attribute("aria-pressed") == "true"
    explorer.get_by_role("button", name="All heads").click()
    assert grid.is_hidden()


COUNT = """
const clear = CanvasRenderingContext2D.prototype.clearRect;
window.work = { paints: {}, nodes: 0, frames: 0 };
CanvasRenderingContext2D.prototype.clearRect = function (...rest) {
  const name = this.canvas.className || "kept";
  work.paints[name] = (work.paints[name] ?? 0) + 1;
  return clear.apply(this, rest);
};
"""
HOVER = """async (el) => {
  const all = [...el.querySelectorAll(".lml-token")];
  const chart = el.querySelector(".lml-map");
  const box = chart.getBoundingClientRect();
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  await frame();
  await frame();
  work.paints = {};
  const before = el.querySelectorAll("*").length;
  const changed = [];
  const watch = new MutationObserver((records) => changed.push(...records));
  watch.observe(el, { childList: true, subtree: true });
  const events = [];
  const send = (target, type, more) => target.dispatchEvent(new PointerEvent(type, { pointerType: "mouse", ...more }));
  for (let n = 0; n < 5; n++) {  // five frames, in each of them many events
    for (const token of all) {
      send(token, "pointerenter");
      send(token, "pointerleave");
    }
    for (let x = 0; x < 60; x++) {
      const [left, top] = [x / 60, ((7 * n + x) % 60) / 60];
      send(chart, "pointermove", { clientX: box.left + left * box.width, clientY: box.top + top * box.height });
    }
    await frame();
  }
  await frame();
  changed.push(...watch.takeRecords());
  return { paints: work.paints, nodes: el.querySelectorAll("*").length - before, changed: changed.length };
}"""


def test_pointing_builds_nothing_and_draws_once_a_frame(visit, http):
    seen = visit("about:blank")
    seen.page.add_init_script(COUNT)
    seen.page.goto(f"{http}/big.html")
    explorer = shown(seen)
    seen.page.mouse.move(0, 0)
    done = explorer.evaluate(HOVER)
    assert done["nodes"] == 0 and done["changed"] == 0
    assert set(done["paints"]) == {"lml-canvas", "lml-map"}  # neither all lines nor the whole map are drawn again
    assert all(1 <= count <= 6 for count in done["paints"].values())


@pytest.mark.parametrize("page", ["cross", "hostile"])
def test_pictures_are_downloaded(visit, root, page):
    seen = visit(f"{root}/{page}.html", accept_downloads=True)
    explorer = shown(seen)
    for kind in ("SVG", "PNG"):
        with seen.page.expect_download() as waiting:
            explorer.get_by_role("button", name=f"Download as {kind}").click()
        name = waiting.value.suggested_filename
        assert name == f"attention-layer0-head{'0-2' if page == 'hostile' else '0'}.{kind.lower()}"
        path = waiting.value.path()
        if kind == "PNG":
            data = path.read_bytes()
            assert data.startswith(b"\x89PNG") and len(data) > 20_000
            continue
        tree = ElementTree.parse(path)
        texts = [element.text for element in tree.iter("{http://www.w3.org/2000/svg}text")]
        assert ("고양이" if page == "cross" else "한국어") in texts
        lines = [element for element in tree.iter() if element.get("class") == "line"]
        _, _, weights = made()[page].shown()
        assert len(lines) == (weights >= 0.05).sum() if page == "cross" else len(lines) > 50
    assert seen.foreign == [] and seen.errors == []


def test_hostile_tokens_are_text(visit, root):
    seen = visit(f"{root}/hostile.html")
    explorer = shown(seen)
    names = explorer.locator(".lml-query b").all_text_contents()
    assert names == [*HOSTILE[:4], "∅", "a⏎b", "·abc", *HOSTILE[7:]]
    assert explorer.locator("img").count() == 0
    for i in range(len(HOSTILE)):
        token(explorer, "query", i).hover()
        assert told(explorer).startswith(names[i][:20])
    widths = explorer.locator(".lml-lines").evaluate("(e) => [e.scrollWidth, e.clientWidth]")
    assert widths[0] <= widths[1]
    explorer.get_by_text("Hide tokens").click()
    assert explorer.evaluate("(el) => el.scrollWidth <= el.clientWidth")
    assert seen.errors == []


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("page", ["cross", "korean"])
def test_fits_fingers_and_phones(visit, http, width, page):
    explorer = shown(visit(f"{http}/{page}.html", width=width))
    explorer.locator(".lmx-hide summary").click()
    assert small_targets(explorer) == []
    assert explorer.evaluate("(el) => el.scrollWidth <= el.clientWidth")
    box = explorer.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width


def test_a_finger_taps(visit, http):
    explorer = shown(visit(f"{http}/cross.html", width=400, has_touch=True))
    _, _, weights = made()["cross"].shown()
    token(explorer, "query", 2).tap()
    same(numbers(explorer, "key"), weights[2])
    token(explorer, "key", 4).tap()
    same(numbers(explorer, "query"), weights[:, 4])
    chart = explorer.locator(".lml-map")
    box = chart.bounding_box()
    chart.tap(position={"x": 0.6 * box["width"], "y": 0.6 * box["height"]})
    assert explorer.locator('[aria-selected="true"]').count() == 2


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_can_be_read(visit, http, dark):
    explorer = shown(visit(f"{http}/korean.html", dark=dark))
    explorer.locator(".lmx-hide summary").click()
    explorer.locator(".lmx-chip").first.click()
    explorer.locator(".lmx-head").nth(1).click()
    token(explorer, "query", 1).click()
    assert max(float(w) for w in numbers(explorer, "key")) > 1  # scores, not weights
    bars = "(all) => all.map((bar) => bar.offsetWidth / bar.parentElement.clientWidth)"
    assert 0.3 < max(explorer.locator(".lml-key i").evaluate_all(bars)) <= 1
    assert low_contrast(explorer) == []
    assert "소프트맥스" in explorer.get_by_role("note").inner_text()
    assert "정답 연결이" in explorer.locator(".lmx-grade").inner_text()


def test_the_map_follows_the_theme(visit, http):
    explorer = shown(visit(f"{http}/cross.html"))
    first = """(e) => {
      const data = e.getContext("2d").getImageData(0, 0, e.width, e.height).data;
      const seen = [...data.keys()].filter((i) => i % 4 < 3 && data[i - (i % 4) + 3] === 255);
      return seen.reduce((sum, i) => sum + data[i], 0) / seen.length;
    }"""
    chart = explorer.locator(".lml-map")
    light = chart.evaluate(first)
    explorer.page.emulate_media(color_scheme="dark")
    explorer.page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    numbers(explorer, "key")
    assert chart.evaluate(first) < light - 60


NOTEBOOK = [
    """\
import torch
from lmcourse.widgets import AttentionExplorer
weights = torch.arange(96.0).mul(1.7).sin().reshape(2, 3, 4, 4).softmax(-1).bfloat16().requires_grad_()
explorer = AttentionExplorer(weights, ["[CLS]", "a", "b", "c"], gold=[(1, 2)])
explorer""",
    "print('python reads', explorer.layer, explorer.heads, explorer.query, explorer.hidden_keys, explorer.view)",
    "explorer.layer = 0; explorer.heads = [0]; explorer.query = 3; explorer.hidden_keys = []",
]


def test_the_explorer_and_python_see_each_other(lab, visit, tmp_path_factory):  # noqa: F811
    work = max(tmp_path_factory.getbasetemp().glob("lab*/work"), key=lambda path: path.stat().st_mtime)
    notebook = new_notebook(cells=[new_code_cell(source) for source in NOTEBOOK])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, work / "attention.ipynb")
    seen, cells, explorer = opened(visit, lab, "attention", 3, ".lmx")
    page = seen.page
    explorer.get_by_label("Layer").select_option("1")
    explorer.get_by_role("button", name="Head 2").click()
    token(explorer, "query", 1).focus()
    for key in ("d", "d", "x", "b"):  # these keys on a cell would delete it, cut it, add one
        page.keyboard.press(key)
    token(explorer, "query", 1).click()
    explorer.locator(".lmx-hide summary").click()
    explorer.get_by_role("button", name="0: [CLS]").click()
    explorer.get_by_role("radio", name="lines").check(force=True)
    assert cells.count() == 3
    prints(cells.nth(1), "python reads 1 [0, 2] 1 [0] lines")
    run(cells.nth(2))
    page.wait_for_function("document.querySelectorAll('.lml-query [aria-selected=true]').length === 1")
    page.wait_for_function("document.querySelectorAll('.lml-key .lml-token').length === 4")
    assert explorer.get_by_role("button", name="Head 2").get_attribute("aria-pressed") == "false"
    assert seen.foreign == [] and seen.errors == []
