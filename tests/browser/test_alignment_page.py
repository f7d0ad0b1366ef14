"""The alignment explorer in a real browser: the weights and words on the page are those of the network."""

import json
import urllib.request
from http.cookiejar import CookieJar

import nbformat
import numpy as np
import pytest
import small_book
from checks import low_contrast, small_targets
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from test_lab import lab, opened, prints, run  # noqa: F401 (a fixture)

# The translator of the small book with an additive score, and with weights of an old generator whose numbers numpy has
# promised to keep: what it writes changes with where it looks.
LOOKING = f"""{small_book.TRANSLATOR}
from lmcourse.widgets import AlignmentExplorer

looking = translator()
weights, wide = looking.model.state_dict(), 16
shapes = {{"query.weight": (wide, 24), "key.weight": (wide, 48), "key.bias": (wide,), "score.weight": (1, wide)}}
weights |= {{f"decoder.score.{{name}}": np.zeros(shape) for name, shape in shapes.items()}}
dice = np.random.RandomState(1178)
for name in weights:
    weights[name] = dice.uniform(-0.6, 0.6, weights[name].shape)
factors = {{"embedding": 2, "score.score": 4, "score.key": 2, "score.query": 2}}
for part, factor in factors.items():
    weights[f"decoder.{{part}}.weight"] *= factor
weights["decoder.bias"][:3] = -9  # so that no mark is written
model = translation_model(looking, bits=8, examples=examples)
found = model.translate(examples[0])
written, best = [piece for piece in found.output if piece != "</s>"], found.attention.argmax(1).tolist()
links = [(0, best[0]), (1, (best[1] + 1) % 8), (2, best[2]), (2, (best[2] + 3) % 8)]
gold = {{examples[0]: {{"target": written, "links": links}}}}
"""
SPACE = {}
exec(LOOKING, SPACE)  # the network of the page
MODEL, FOUND, EXAMPLES = SPACE["model"], SPACE["found"], SPACE["examples"]
FIRST = EXAMPLES[0]


@pytest.fixture(scope="module")
def pages(tmp_path_factory, browser):
    folder = tmp_path_factory.mktemp("alignments")
    cells = {
        "alignments": f"{LOOKING}\nAlignmentExplorer(model, truth=truth, gold=gold)",
        "korean_ui": f"{LOOKING}\nAlignmentExplorer(model, text='', language='ko')",
        "changed": f"{LOOKING}\nAlignmentExplorer(model, view='both', sharpness=0.5, out=[2], unread=True, step=1)",
    }
    notebooks = {name: [new_markdown_cell(f"# {name}"), new_code_cell(code)] for name, code in cells.items()}
    small_book.write_book(folder, notebooks=notebooks)
    return small_book.build(folder)


def shown(visit):
    explorer = visit.page.locator(".lma[data-ready]")
    explorer.wait_for()
    return explorer


@pytest.fixture
def explorer(visit, site):
    return shown(visit(f"{site}/alignments.html"))


def plain(pieces):
    return ["■" if piece == "</s>" else piece.removeprefix("▁") for piece in pieces]


def tokens(explorer, side):
    return explorer.locator(f".lml-{side} .lml-token b").all_text_contents()


def numbers(explorer, side="key"):
    return explorer.locator(f".lml-{side} .lml-token em").all_text_contents()


def rows(explorer, part):
    """The bars: 0 of where it looks, 1 of the next word."""
    script = "(all) => all.map((row) => [row.children[0].textContent, row.children[2].textContent])"
    return explorer.locator(".lma-bars").nth(part).locator(".lma-row").evaluate_all(script)


def in_weights(row):
    return [f"{w:.2f}" for w in row]


def agrees(explorer, found, step):
    """Everything on the page is what the network does: words, weights and bars of the step."""
    assert tokens(explorer, "query") == plain(found.output)
    assert tokens(explorer, "key") == plain(found.pieces)
    assert explorer.locator(".lma-output .lma-text").inner_text() == found.text
    looks = rows(explorer, 0)
    assert [name for name, _ in looks] == plain(found.pieces)
    assert [float(w) for _, w in looks] == pytest.approx(found.attention[step], abs=0.0051)
    best = np.argsort(-found.p[step], kind="stable")[:8].tolist()
    words = rows(explorer, 1)
    taken = MODEL.target_ids[found.output[step]]
    assert [name for name, _ in words] == plain(
        MODEL.target[i] for i in best[: 8 if taken in best else 7] + [taken] * (taken not in best)
    )
    assert words[0][1] == f"{100 * found.p[step].max():.1f}%"


def word(explorer, n):
    return explorer.locator(".lml-query .lml-token").nth(n)


def piece(explorer, n):
    return explorer.locator(".lml-key .lml-token").nth(n)


def ink(explorer, canvas=".lml-canvas"):
    """How much of a canvas is painted."""
    return explorer.locator(canvas).evaluate(
        """(e) => { const { data } = e.getContext("2d").getImageData(0, 0, e.width, e.height);
          let n = 0; for (let i = 3; i < data.length; i += 4) n += data[i]; return n; }"""
    )


def test_the_network_of_this_page_tells_things_apart():
    """What the tests below rest on."""
    assert len(FOUND.output) > 4 and FOUND.attention.max(1).min() < 0.9 and FOUND.attention.max() > 0.3
    changed = [
        MODEL.translate(FIRST, out=[2]), MODEL.translate(FIRST, out=[2], unread=True),
        MODEL.translate(FIRST, sharpness=0.0), MODEL.translate(FIRST, sharpness=20.0),
    ]  # fmt: skip
    assert len({tuple(np.round(found.p[1], 4)) for found in (FOUND, *changed)}) == 5
    assert any(found.output != FOUND.output for found in changed)


def test_it_looks_without_python(visit, either):
    seen = visit(f"{either}/alignments.html")
    explorer = shown(seen)
    hardest = int(FOUND.p.max(1).argmin())
    agrees(explorer, FOUND, hardest)
    assert f"Word {hardest + 1} of {len(FOUND.output)}: " in explorer.inner_text()
    assert "I ate rice." in explorer.locator(".lma-reference").inner_text()
    assert explorer.locator(".lma-before").is_hidden()
    assert ink(explorer) > 0
    for n in range(len(FOUND.output)):
        word(explorer, n).click()
        agrees(explorer, FOUND, n)
        assert numbers(explorer) == in_weights(FOUND.attention[n])
        assert word(explorer, n).get_attribute("aria-selected") == "true"
    word(explorer, len(FOUND.output) - 1).click()  # again: all of them
    assert explorer.locator(".lml-token[aria-selected=true]").count() == 0
    assert seen.foreign == [] and seen.errors == []


def test_typing(explorer):
    field = explorer.get_by_label("Sentence to translate")
    for sentence in ["저는 친구를 보았다.", "밥", "저는 xyz를 먹었다."]:
        field.fill(sentence)
        found = MODEL.translate(sentence)
        agrees(explorer, found, int(found.p.max(1).argmin()))
        assert explorer.locator(".lma-gold").is_hidden() and explorer.locator(".lma-reference").is_hidden()
    assert "“xyz”" in explorer.get_by_role("alert").inner_text()
    assert piece(explorer, found.pieces.index("▁xyz")).get_attribute("aria-label") == "xyz, unknown"
    field.fill("")
    assert explorer.locator(".lma-empty").is_visible() and explorer.locator(".lma-figure").is_hidden()
    assert explorer.locator(".lma-bars").first.is_hidden() and explorer.get_by_role("alert").inner_text() == ""
    field.press("Enter")
    assert "Type a sentence above" in explorer.get_by_role("status").inner_text()
    explorer.get_by_role("button", name="Start over").click()
    assert field.input_value() == FIRST
    agrees(explorer, FOUND, int(FOUND.p.max(1).argmin()))
    explorer.get_by_role("button", name=EXAMPLES[1]).click()
    assert field.input_value() == EXAMPLES[1] and tokens(explorer, "key") == plain(MODEL.cut(EXAMPLES[1]))


def test_right_links(explorer):
    note = explorer.locator(".lma-gold")
    assert "2 of 3 words that have a right piece look most at one" in note.inner_text()
    piece(explorer, 2).click()
    changed = MODEL.translate(FIRST, out=[2])
    assert changed.output != FOUND.output, "or else the links stay"
    assert note.is_hidden()
    explorer.get_by_role("button", name="As learned").click()
    assert note.is_visible()
    explorer.get_by_role("radio", name="map").check(force=True)
    # Gold frames: some pixels of that colour.
    golden = explorer.locator(".lml-map").evaluate(
        """(e) => { const { data } = e.getContext("2d").getImageData(0, 0, e.width, e.height);
          let n = 0; for (let i = 0; i < data.length; i += 4) n += data[i] - data[i + 2] > 150; return n; }"""
    )
    assert golden > 50


def test_a_piece_is_taken_out(explorer):
    piece(explorer, 2).click()
    step = int(MODEL.translate(FIRST, out=[2]).p.max(1).argmin())
    agrees(explorer, MODEL.translate(FIRST, out=[2]), step)
    assert piece(explorer, 2).get_attribute("aria-label") == "밥, taken out"
    assert explorer.locator(".lma-before .lma-text").inner_text() == FOUND.text
    marked = explorer.locator(".lma-output mark").all_text_contents()
    assert marked and "".join(marked) != FOUND.text
    status = explorer.get_by_role("status").inner_text()
    assert f"As learned: {FOUND.text}." in status
    explorer.get_by_role("button", name="Also unread").click()
    unread = MODEL.translate(FIRST, out=[2], unread=True)
    agrees(explorer, unread, int(unread.p.max(1).argmin()))
    piece(explorer, 2).click()  # back
    agrees(explorer, FOUND, int(FOUND.p.max(1).argmin()))
    for n in range(8):  # all of them, and nothing is left to look at
        piece(explorer, n).click()
    nothing = MODEL.translate(FIRST, out=range(8), unread=True)
    assert tokens(explorer, "query") == plain(nothing.output)
    assert {w for _, w in rows(explorer, 0)} == {"0.00"}
    explorer.get_by_role("button", name="As learned").click()
    agrees(explorer, FOUND, int(FOUND.p.max(1).argmin()))
    assert explorer.get_by_role("button", name="As learned").is_hidden()


def test_sharpness(explorer):
    word(explorer, 1).click()
    slider = explorer.get_by_role("slider", name="Sharpness")
    for key, sharpness, note in [("Home", 0.0, "all alike"), ("End", 20.0, "the largest only")]:
        slider.press(key)
        agrees(explorer, MODEL.translate(FIRST, sharpness=sharpness), 1)
        assert slider.get_attribute("aria-valuetext") == f"{sharpness:g}, {note}"
    for _ in range(15):
        slider.press("ArrowLeft")
    value = float(slider.get_attribute("aria-valuetext"))
    assert 1 < value < 20
    agrees(explorer, MODEL.translate(FIRST, sharpness=value), 1)


def test_one_step_is_bound(explorer):
    word(explorer, 1).click()
    place = int(FOUND.attention[1].argmin())
    bar = explorer.locator(".lma-bars").first.locator(".lma-row").nth(place)
    bar.click()
    found = MODEL.translate(FIRST, pointed=[(1, place)])
    agrees(explorer, found, 1)
    assert bar.get_attribute("aria-pressed") == "true" and rows(explorer, 0)[place][1] == "1.00"
    assert "looks where you said" in word(explorer, 1).get_attribute("aria-label")
    word(explorer, 2).click()
    explorer.get_by_role("button", name="All alike").click()
    agrees(explorer, MODEL.translate(FIRST, pointed=[(1, place), (2, -1)]), 2)
    word(explorer, 1).click()
    explorer.get_by_role("button", name="As it would").click()  # and what came of it is gone too
    agrees(explorer, FOUND, 1)
    bar.click()
    bar.click()  # again: let go
    agrees(explorer, FOUND, 1)


def test_another_word_is_chosen(explorer):
    word(explorer, 1).click()
    second = np.argsort(-FOUND.p[1], kind="stable")[1]
    explorer.locator(".lma-bars").nth(1).locator(".lma-row").nth(1).click()
    found = MODEL.translate(FIRST, forced=[MODEL.target_ids[FOUND.output[0]], second])
    agrees(explorer, found, 1)
    assert "your choice" in word(explorer, 1).get_attribute("aria-label")
    marked = [text.strip() for text in explorer.locator(".lma-output mark").all_text_contents()]
    kept = [text.strip() for text in explorer.locator(".lma-text > span").all_text_contents()]
    assert marked and sorted(marked + kept) == sorted(plain(found.output[:-1]))
    before = iter(plain(FOUND.output))
    assert all(text in before for text in kept), "what is not marked stood there before, in this order"
    # A change for the whole sentence begins anew.
    explorer.get_by_role("slider", name="Sharpness").press("Home")
    agrees(explorer, MODEL.translate(FIRST, sharpness=0.0), 1)


def test_views_and_the_threshold(explorer):
    lines = ink(explorer)
    explorer.get_by_role("slider", name="Hide below").press("End")
    assert (FOUND.attention >= 0.5).sum() < (FOUND.attention >= 0.05).sum()
    assert 0 <= ink(explorer) < lines
    for view, visible in {"map": (False, True), "both": (True, True), "lines": (True, False)}.items():
        explorer.get_by_role("radio", name=view).check(force=True)
        parts = [explorer.locator(name).is_visible() for name in (".lml-canvas", ".lml-map")]
        assert tuple(parts) == visible
    explorer.get_by_role("radio", name="map").check(force=True)
    assert ink(explorer, ".lml-map") > 0


def test_everything_by_keys(explorer):
    page = explorer.page
    word(explorer, 0).focus()
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    agrees(explorer, FOUND, 2)
    strongest = int(FOUND.attention[2].argmax())
    status = explorer.get_by_role("status").inner_text()
    assert status.startswith(f"{FIRST} gives: {FOUND.text}.")
    said = f"{plain(FOUND.output)[2]} looks at {plain(FOUND.pieces)[strongest]} {FOUND.attention[2].max():.2f}"
    assert said in status
    page.keyboard.press("ArrowLeft")  # to the pieces, which stand on the left
    assert page.evaluate("document.activeElement.closest('.lml-key') !== null")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    assert piece(explorer, 0).get_attribute("aria-label").endswith("taken out")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.closest('.lml-query') !== null")
    page.keyboard.press("Escape")
    assert explorer.locator(".lml-token[aria-selected=true]").count() == 0
    explorer.get_by_role("button", name="As learned").press("Enter")
    row = explorer.locator(".lma-bars").first.locator(".lma-row").first
    row.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert rows(explorer, 0)[1][1] == "1.00"
    explorer.get_by_role("radio", name="map").check(force=True)
    explorer.locator(".lml-map").focus()
    for key in ("ArrowDown", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    assert word(explorer, 1).get_attribute("aria-selected") == "true"


def test_what_python_set_is_there_at_first(visit, site):
    explorer = shown(visit(f"{site}/changed.html"))
    agrees(explorer, MODEL.translate(FIRST, sharpness=0.5, out=[2], unread=True), 1)
    assert explorer.get_by_role("button", name="Also unread").get_attribute("aria-pressed") == "true"
    assert explorer.locator(".lml-map").is_visible() and explorer.locator(".lml-canvas").is_visible()


def test_in_korean(visit, site):
    explorer = shown(visit(f"{site}/korean_ui.html"))
    assert "아직 읽을 것이 없습니다" in explorer.inner_text()
    explorer.get_by_role("button", name=EXAMPLES[1]).click()
    assert explorer.get_by_role("radio", name="둘 다").count() == 1
    assert explorer.get_by_role("slider", name="날카로움").get_attribute("aria-valuetext") == "1, 배운 대로"
    found = MODEL.translate(EXAMPLES[1])
    assert explorer.get_by_role("status").inner_text().startswith(f"{EXAMPLES[1]} → {found.text}.")


def test_hostile_texts_are_texts(visit, site):
    seen = visit(f"{site}/alignments.html")
    explorer = shown(seen)
    for sentence in ["<img src=x onerror=alert(1)>", "\u202e\u05e9\u05dc", "👩\u200d👩\u200d👧", "▔a▔", "저는 " * 90]:
        explorer.get_by_label("Sentence to translate").fill(sentence)
        assert explorer.locator(".lml-key .lml-token").count() == len(MODEL.cut(sentence))
    assert "the first 100 pieces" in explorer.get_by_role("alert").inner_text()
    assert explorer.locator("img").count() == 0
    assert seen.errors == []


@pytest.mark.parametrize("width", [360, 1280])
def test_fits_fingers_and_phones(visit, site, width):
    for page in ("alignments", "changed"):
        explorer = shown(visit(f"{site}/{page}.html", width=width))
        assert small_targets(explorer) == []
        assert explorer.evaluate("(el) => el.scrollWidth <= el.clientWidth")
        box = explorer.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_can_be_read(visit, site, dark):
    explorer = shown(visit(f"{site}/alignments.html", dark=dark))
    assert low_contrast(explorer) == []
    piece(explorer, 2).click()
    word(explorer, 1).click()
    explorer.locator(".lma-bars").nth(1).locator(".lma-row").nth(1).click()
    assert low_contrast(explorer) == []


def test_it_and_python_see_each_other(lab, visit):  # noqa: F811
    sources = [
        f"{LOOKING}\nexplorer = AlignmentExplorer(model, gold=gold)\nexplorer",
        "print('python reads', explorer.text, explorer.step, explorer.out, explorer.view, explorer.pointed)",
        "explorer.out = []; explorer.pointed = []; explorer.text = '저는 친구를 보았다.'",
    ]
    upload(lab, "alignments", sources)
    seen, cell, explorer = opened(visit, lab, "alignments", 3, ".lma[data-ready]")
    page = seen.page
    explorer.get_by_role("radio", name="both").check(force=True)
    piece(explorer, 1).click()
    word(explorer, 2).focus()
    for key in ("d", "d", "x", "b", "Enter"):  # these keys on a cell would delete it, cut it, add one, edit it
        page.keyboard.press(key)
    explorer.locator(".lma-bars").first.locator(".lma-row").nth(3).click()
    assert cell.count() == 3
    prints(cell.nth(1), "python reads 저는 밥을 먹었다. 2 [1] both [[2, 3]]")
    run(cell.nth(2))
    page.wait_for_function("document.querySelector('.lma textarea').value === '저는 친구를 보았다.'")
    assert tokens(explorer, "query") == plain(MODEL.translate("저는 친구를 보았다.").output)
    assert seen.foreign == []


def upload(url, name, sources):
    """Put a notebook where JupyterLab is."""
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    jar = CookieJar()
    client = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    client.open(f"{url}/lab").read()
    token = next(cookie.value for cookie in jar if cookie.name == "_xsrf")
    body = {"type": "notebook", "format": "json", "content": json.loads(nbformat.writes(notebook))}
    request = urllib.request.Request(
        f"{url}/api/contents/{name}.ipynb", json.dumps(body).encode(), method="PUT",
        headers={"Content-Type": "application/json", "X-XSRFToken": token},
    )  # fmt: skip
    client.open(request).read()
