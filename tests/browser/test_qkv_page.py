"""The QKV explorer in a real browser: every number on the page is Python's, whatever the reader changes."""

import nbformat
import numpy as np
import pytest
import small_book
from checks import low_contrast, small_targets
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from test_lab import lab, opened, prints, run  # noqa: F401

from lmcourse.widgets.qkv import _fixed

EXPLORERS = """\
import numpy as np
from lmcourse.widgets import QKVExplorer

def waves(*shape, seed=0):  # the same numbers everywhere
    return np.sin(1.7 * np.arange(np.prod(shape)) ** 1.3 + seed).reshape(shape)

words = ["딥러닝", "자연어", "처리", "어려워요"]
matrices = [[[1, 0.2, 0.5], [-0.6, 0.4, 1.1]], [[0.2, -0.9, 1], [0.7, 0.5, 0.8]], [[0.9, 0.1, -0.4], [0.2, -1, 0.9]]]
small = QKVExplorer(
    words, waves(4, 3, seed=5), *matrices, positions=waves(4, 3, seed=2) / 2, positioned=False,
    output=([[1.5, -1.0], [-0.5, 1.8], [0.2, 0.3]], [0.1, 0.0, -0.2]), labels=["topic", "<i>opinion</i>", "other"],
)
hostile = ["<b>bold</b>", "\\u202e\\u05e9\\u05dc\\u05d5\\u05dd", "👩\\u200d👩\\u200d👧", "x" * 40, ""]
hostile += [f"word{n}" for n in range(7)]
large = QKVExplorer(hostile, waves(12, 8), *(waves(8, 8, seed=n) for n in (1, 2, 3)), causal=True, query=3)
korean = QKVExplorer(
    words, waves(4, 4), *(waves(4, 4, seed=n) for n in (1, 2, 3)), language="ko", left_out=[0], causal=True
)
single = QKVExplorer(["하나"], [[2.0]], [[1.0]], [[1.0]], [[1.0]])
"""
SPACE = {}
exec(EXPLORERS, SPACE)  # what is on the page
SMALL, LARGE, KO, SINGLE = range(4)
NAMES = ["small", "large", "korean", "single"]


def fresh(**state):
    """An explorer of its own with the words and numbers of the first one on the page."""
    space = {}
    exec(EXPLORERS, space)
    for name, value in state.items():
        setattr(space["small"], name, value)
    return space["small"]


@pytest.fixture(scope="module")
def pages(tmp_path_factory, browser):
    """A book with one page that has four explorers."""
    folder = tmp_path_factory.mktemp("qkv")
    cells = [new_markdown_cell("# Heads"), new_code_cell(f"{EXPLORERS}\nsmall")]
    cells += [new_code_cell(name) for name in NAMES[1:]]
    small_book.write_book(folder, notebooks={"heads": cells})
    return small_book.build(folder)


@pytest.fixture(scope="module")
def web(pages, served):
    with served(pages) as url:
        yield url


def shown(visit, root, which=SMALL, **options):
    """What was visited, and one of its explorers."""
    seen = visit(f"{root}/heads.html", **options)
    explorer = seen.page.locator(".lmq").nth(which)
    explorer.locator(".lmq-map").wait_for()
    return seen, explorer


def fixed(values):
    return [_fixed(value) for value in np.ravel(values)]


def texts(explorer, selector):
    return explorer.locator(selector).all_text_contents()


def product(a, b):
    """The sum of products as the page writes it."""
    bracket = [f"({x})" if x.startswith("−") else x for x in fixed(b)]
    first = [f"({x})" if n and x.startswith("−") else x for n, x in enumerate(fixed(a))]
    return " + ".join(f"{x} × {y}" for x, y in zip(first, bracket, strict=True))


def check(explorer, made):
    """All five lines, and the map, show what Python works out for the same state."""
    look = made._look()
    at = made.order.index(made.query)
    names = [made.tokens[word] for word in made.order]
    scores, weights, seen = look.scores[at], look.weights[at], look.seen[at]
    assert texts(explorer, ".lmq-chip") == names
    assert explorer.locator(".lmq-chip[aria-pressed=true]").all_text_contents() == [names[at]]
    for part in "xqkv":
        assert texts(explorer, f".lmq-vectors .lmq-{part} span") == fixed(getattr(look, part)), part
    assert texts(explorer, ".lmq-meetings .lmq-name")[1:] == names
    sums = [f"{product(look.q[at], k)} = {_fixed(score)}" for k, score in zip(look.k, scores, strict=True)]
    assert texts(explorer, ".lmq-meetings .lmq-work") == sums
    assert texts(explorer, ".lmq-meetings .lmq-value") == fixed(scores)
    exp = np.exp(look.factor * scores)
    columns = [fixed(scores), fixed(look.factor * scores)]
    columns += [[_fixed(e) if may else "–" for e, may in zip(exp, seen, strict=True)], fixed(weights)]
    total = [_fixed(exp[seen].sum()), _fixed(weights.sum())]
    assert texts(explorer, ".lmq-turned .lmq-value") == [x for row in zip(*columns, strict=True) for x in row] + total
    assert texts(explorer, ".lmq-given .lmq-value") == fixed(weights)
    assert texts(explorer, ".lmq-given .lmq-of-product .lmq-v span") == fixed(weights[:, None] * look.v)
    context = fixed(look.context[at])
    assert texts(explorer, ".lmq-given .lmq-c span") == context == texts(explorer, ".lmq-result .lmq-c span")
    lines = [
        f"{product(weights[seen], v)} = {x}" if seen.any() else x for v, x in zip(look.v[seen].T, context, strict=True)
    ]
    assert texts(explorer, ".lmq-sums p") == [f"number {n + 1} {line}" for n, line in enumerate(lines)]
    assert texts(explorer, ".lmq-bars .lmq-value") == [f"{100 * p:.1f}%" for p in made.says()[at]]
    cells = [_fixed(w) if may else "–" for w, may in zip(look.weights.flat, look.seen.flat, strict=True)]
    assert texts(explorer, ".lmq-map tbody td") == cells
    assert texts(explorer, ".lmq-map tr.lmq-chosen th") == [names[at]]


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_every_word_can_ask(visit, web, pages, scheme):
    seen, explorer = shown(visit, {"http": web, "file": pages.as_uri()}[scheme])
    check(explorer, fresh())
    spoken = []
    for word in (1, 2, 3):
        explorer.locator(".lmq-chip").nth(word).click()
        made = fresh(query=word)
        check(explorer, made)
        spoken.append(explorer.get_by_role("status").inner_text())
        listed = ", ".join(f"{name} {w}" for name, w in zip(made.tokens, fixed(made.weights()[word]), strict=True))
        assert f"Weights: {listed}. Context vector: [{', '.join(fixed(made.context()[word]))}]." in spoken[-1]
    explorer.locator(".lmq-map-row").first.click()
    check(explorer, fresh())
    explorer.locator(".lmq-map tbody tr").nth(2).locator("td").nth(1).click()
    check(explorer, fresh(query=2))
    assert seen.foreign == [] and seen.errors == []


def test_five_numbered_lines_from_top_to_bottom(visit, web):
    _, explorer = shown(visit, web)
    assert texts(explorer, ".lmq-badge") == ["1", "2", "3", "4", "5"]
    tops = explorer.locator(".lmq-badge").evaluate_all("(all) => all.map((e) => e.getBoundingClientRect().top)")
    assert tops == sorted(tops)
    headings = explorer.get_by_role("heading").all_text_contents()
    assert headings[0] == "1Three vectors of each word" and headings[-1] == "All words ask at the same time"


def spin(explorer, name):
    return explorer.get_by_role("spinbutton", name=name, exact=True)


def test_any_number_can_be_changed_and_everything_follows(visit, web):
    seen, explorer = shown(visit, web)
    made = fresh()
    changes = []
    for part, name, word, number, value in [
        ("k", "key", 3, 0, 2.5), ("v", "value", 1, 1, -1.25), ("x", "vector", 0, 2, 1.75), ("q", "query", 0, 1, -0.4),
    ]:  # fmt: skip
        explorer.get_by_role("button", name=f"{name} of {made.tokens[word]}: ").click()
        spin(explorer, f"{part} of {made.tokens[word]}, number {number + 1}").fill(str(value))
        changes.append([part, word, number, value])
        check(explorer, fresh(changes=changes))
    assert explorer.locator(".lmq-vectors .lmq-set").count() == 4
    field = spin(explorer, "q of 딥러닝, number 2")
    for nothing in ("", "5000", "-"):  # is no number, or too large
        field.evaluate(
            "(e, text) => { e.value = text; e.dispatchEvent(new Event('input', { bubbles: true })); }", nothing
        )
        check(explorer, fresh(changes=changes))
    look = fresh(changes=changes[:3])._look()
    assert f"= {_fixed(look.q[0, 1])} ✎ set to −0.40" in texts(explorer, ".lmq-bench .lmq-work")[1]
    explorer.get_by_role("button", name="Undo").click()
    check(explorer, fresh(changes=changes[:3]))
    slider = explorer.get_by_role("slider", name="q of 딥러닝, number 1")
    slider.press("End")
    end = float(slider.get_attribute("max"))
    check(explorer, fresh(changes=[*changes[:3], ["q", 0, 0, end]]))
    explorer.get_by_role("button", name="Reset").click()
    check(explorer, fresh())
    assert explorer.locator(".lmq-vectors .lmq-set").count() == 0
    assert seen.errors == []


def test_scale_and_mask_and_a_word_that_is_left_out(visit, web):
    _, explorer = shown(visit, web)
    explorer.locator(".lmq-chip").nth(1).click()
    explorer.get_by_role("button", name="Scale").click()
    check(explorer, fresh(query=1, scaled=False))
    spin(explorer, "factor").fill("2")
    check(explorer, fresh(query=1, scale=2.0))
    explorer.get_by_role("button", name="Causal mask").click()
    check(explorer, fresh(query=1, scale=2.0, causal=True))
    assert texts(explorer, ".lmq-why") == ["", "", "comes later", "comes later"]
    explorer.get_by_role("button", name="Leave out 딥러닝").click()
    explorer.locator(".lmq-map-row").first.click()
    nowhere = fresh(query=0, scale=2.0, causal=True, left_out=[0])
    check(explorer, nowhere)
    assert not nowhere.context()[0].any()
    assert "“딥러닝” may look nowhere" in explorer.locator(".lmq-line3 .lmq-says").inner_text()
    assert "딥러닝 hidden" in explorer.get_by_role("status").inner_text()
    explorer.get_by_role("button", name="Reset").click()
    check(explorer, fresh())


def test_order_means_nothing_without_positions(visit, web):
    _, explorer = shown(visit, web)
    note = explorer.locator(".lmq-note")
    assert note.is_hidden()
    explorer.get_by_role("button", name="Swap 자연어 and 처리").click()
    made = fresh(order=[0, 2, 1, 3])
    check(explorer, made)
    assert np.allclose(made.weights()[0, [0, 2, 1, 3]], fresh().weights()[0])
    assert "order means nothing" in note.inner_text()
    explorer.get_by_role("button", name="Positions").click()
    check(explorer, fresh(order=[0, 2, 1, 3], positioned=True))
    assert "with positions that changes the numbers" in note.inner_text()
    # The numbers of x are of the word alone; its place is added beside them.
    explorer.get_by_role("button", name="vector of 처리: ").click()
    own, place = SPACE["small"]._arrays["vectors"][2, 0], SPACE["small"]._arrays["positions"][1, 0]
    right = f"word {_fixed(own)} + place {product([1], [place])[7:]} = {_fixed(own + place)}"
    assert texts(explorer, ".lmq-bench .lmq-work")[0] == right


def test_the_keyboard_does_it_all(visit, web):
    seen, explorer = shown(visit, web)
    keyboard = seen.page.keyboard
    explorer.locator(".lmq-chip").first.focus()
    for key in ("ArrowRight", "ArrowRight", "Enter"):  # a place to swap lies between two words
        keyboard.press(key)
    check(explorer, fresh(query=1))
    keyboard.press("ArrowLeft")
    keyboard.press("Enter")
    check(explorer, fresh(query=1, order=[1, 0, 2, 3]))
    explorer.locator(".lmq-open[tabindex='0']").focus()
    for key in ("ArrowRight", "ArrowDown", "Enter"):
        keyboard.press(key)
    assert explorer.locator(".lmq-open[aria-pressed=true]").get_attribute("aria-label").startswith("key of 딥러닝: ")
    explorer.locator(".lmq-eye").first.focus()
    keyboard.press("ArrowDown")
    keyboard.press("Space")
    check(explorer, fresh(query=1, order=[1, 0, 2, 3], left_out=[0]))
    explorer.locator(".lmq-map-row[tabindex='0']").focus()
    keyboard.press("End")
    keyboard.press("Enter")
    check(explorer, fresh(query=3, order=[1, 0, 2, 3], left_out=[0]))
    for group in (".lmq-sentence button", ".lmq-open", ".lmq-eye", ".lmq-map-row"):
        stops = explorer.locator(group).evaluate_all("(all) => all.filter((e) => e.tabIndex === 0).length")
        assert stops == 1, group


def arrow(explorer, line, n):
    """The middle of a handle on a plane, in pixels of the page."""
    grip = explorer.locator(f".lmq-line{line} .lmq-grip").nth(n)
    grip.scroll_into_view_if_needed()
    box = grip.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.parametrize(("line", "part"), [(2, "k"), (4, "v")])
def test_an_arrow_and_a_point_can_be_dragged(visit, web, line, part):
    seen, explorer = shown(visit, web)
    x, y = arrow(explorer, line, 2)
    mouse = seen.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 20, y - 15, steps=3)
    mouse.up()
    opened = explorer.locator(".lmq-open[aria-pressed=true]").get_attribute("aria-label")
    assert opened.startswith({"k": "key of 처리", "v": "value of 처리"}[part])
    got = [float(explorer.get_by_role("spinbutton", name=f"{part} of 처리, number {n}").input_value()) for n in (1, 2)]
    before = getattr(fresh()._look(), part)[2]
    assert got[0] > before[0] and got[1] > before[1]
    check(explorer, fresh(changes=[[part, 2, 0, got[0]], [part, 2, 1, got[1]]]))


def test_the_query_can_be_dragged_and_the_arrows_are_where_the_numbers_say(visit, web):
    seen, explorer = shown(visit, web)
    look = fresh()._look()
    ends = [*look.k, look.q[0]]
    places = explorer.locator(".lmq-line2 .lmq-grip").evaluate_all(
        "(all) => all.map((e) => [+e.getAttribute('cx'), +e.getAttribute('cy')])"
    )
    span = float(explorer.locator(".lmq-line2 .lmq-tick").first.text_content())
    unit = (145 - 22) / span
    assert np.allclose(places, [[170 + unit * a, 145 - unit * b] for a, b in ends], atol=0.06)
    x, y = arrow(explorer, 2, 4)
    seen.page.mouse.move(x, y)
    seen.page.mouse.down()
    seen.page.mouse.move(x - 10, y + 10, steps=2)
    seen.page.mouse.up()
    got = [float(explorer.get_by_role("spinbutton", name=f"q of 딥러닝, number {n}").input_value()) for n in (1, 2)]
    assert got[0] < look.q[0, 0]
    check(explorer, fresh(changes=[["q", 0, 0, got[0]], ["q", 0, 1, got[1]]]))


def test_a_finger_works(visit, web):
    _, explorer = shown(visit, web, width=390, has_touch=True)
    explorer.locator(".lmq-chip").nth(2).tap()
    explorer.locator(".lmq-swap").first.tap()
    explorer.locator(".lmq-map tbody td").nth(5).tap()
    check(explorer, fresh(query=0, order=[1, 0, 2, 3]))


def test_hostile_tokens_are_texts(visit, web):
    seen, explorer = shown(visit, web, LARGE)
    tokens = SPACE["hostile"]
    names = texts(explorer, ".lmq-chip")
    assert names == [*tokens[:4], "∅", *tokens[5:]]
    for n in range(5):
        explorer.locator(".lmq-chip").nth(n).click()
        spoken = explorer.get_by_role("status").inner_text()
        assert spoken.count("\u2068") == spoken.count("\u2069") >= 1  # what runs from right to left stays by itself
        assert len(explorer.locator(".lmq-line4 .lmq-says").inner_text()) < 200
    assert explorer.locator("b b, .lmq-chip img, .lmq-map img").count() == 0
    small = seen.page.locator(".lmq").nth(SMALL)
    assert "<i>opinion</i>" in texts(small, ".lmq-bars b")
    assert seen.errors == []


def test_long_vectors_are_bars_and_their_sums_open_one_by_one(visit, web):
    _, explorer = shown(visit, web, LARGE)
    look = SPACE["large"]._look()
    titles = explorer.locator(".lmq-vectors .lmq-k span").evaluate_all("(all) => all.map((e) => e.title)")
    assert titles == fixed(look.k)
    below = explorer.locator(".lmq-vectors .lmq-k span").evaluate_all(
        "(all) => all.map((e) => e.classList.contains('lmq-minus'))"
    )
    assert below == list((look.k < 0).ravel())
    works = texts(explorer, ".lmq-meetings .lmq-work")
    assert works[3] == f"{product(look.q[3], look.k[3])} = {_fixed(look.scores[3, 3])}" and not "".join(works[4:])
    explorer.get_by_role("button", name="key of word1: ").click()
    assert (
        texts(explorer, ".lmq-meetings .lmq-work")[6]
        == f"{product(look.q[3], look.k[6])} = {_fixed(look.scores[3, 6])}"
    )
    assert explorer.locator(".lmq-plane").count() == 0
    assert texts(explorer, ".lmq-turned .lmq-weight .lmq-strong")[:12] == fixed(look.weights[3])


def test_korean(visit, web):
    _, explorer = shown(visit, web, KO)
    made = SPACE["korean"]
    assert texts(explorer, ".lmq-vectors .lmq-v span") == fixed(made._look().v)
    assert "볼 수 있는 단어가 없습니다" in explorer.locator(".lmq-line3 .lmq-says").inner_text()
    assert texts(explorer, ".lmq-why")[0] == "뺀 단어"
    explorer.get_by_role("button", name="처리의 키: ").click()
    assert explorer.get_by_role("slider", name="처리의 k, 1번 숫자").is_visible()
    explorer.locator(".lmq-chip").nth(3).click()
    assert "묻는 단어: 어려워요." in explorer.get_by_role("status").inner_text()
    english = ["Scores", "weight", "Softmax", "query", "word"]
    assert not [name for name in english if name in explorer.inner_text()]


def fits(explorer, width):
    """Nothing is cut or out of the frame."""
    assert explorer.evaluate("(el) => el.scrollWidth <= el.clientWidth")
    assert small_targets(explorer) == []
    outside = explorer.evaluate(
        """(el) => { const box = el.getBoundingClientRect();
          return [...el.querySelectorAll("*")].filter((e) => e.getClientRects().length && !e.closest(".lm-hidden, svg"))
            .filter((e) => e.getBoundingClientRect().right > box.right + 1).map((e) => e.className); }"""
    )
    assert outside == []
    cut = explorer.locator(".lmq-written span, .lmq-cell .lmq-value").evaluate_all(
        "(all) => all.filter((e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline')"
        ".map((e) => e.textContent)"
    )
    assert cut == []
    labels = explorer.locator(".lmq-plane .lmq-tag").evaluate_all(
        """(all) => all.map((e) => [e.getBoundingClientRect(), e.closest("svg").getBoundingClientRect()])
          .filter(([a, b]) => a.left < b.left - 1 || a.right > b.right + 1).length"""
    )
    assert labels == 0
    box = explorer.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width


@pytest.mark.parametrize("which", [SMALL, LARGE, KO, SINGLE], ids=NAMES)
def test_fits_fingers_and_phones(visit, web, which):
    seen, explorer = shown(visit, web, which)
    for width in (360, 390, 768, 1280):
        seen.page.set_viewport_size({"width": width, "height": 900})
        fits(explorer, width)
    if which == SMALL:
        explorer.get_by_role("button", name="key of 처리: ").click()
        spin(explorer, "k of 처리, number 1").fill("-999.99")  # wide numbers
        seen.page.set_viewport_size({"width": 360, "height": 900})
        fits(explorer, 360)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("which", [SMALL, LARGE, KO], ids=NAMES[:3])
def test_can_be_read(visit, web, dark, which):
    _, explorer = shown(visit, web, which, dark=dark)
    assert low_contrast(explorer) == []
    explorer.locator(".lmq-toggle:visible").last.click()
    explorer.locator(".lmq-eye").nth(1).click()
    explorer.locator(".lmq-chip").nth(2).click()
    assert low_contrast(explorer) == []


def test_what_comes_of_it_stays_in_sight(visit, web):
    seen, explorer = shown(visit, web, width=390)
    explorer.locator(".lmq-bench").scroll_into_view_if_needed()
    strip = explorer.locator(".lmq-strip-end")
    box = strip.bounding_box()
    assert 0 < box["y"] and box["y"] + box["height"] <= 901
    best = fresh().says()[0]
    assert (
        strip.inner_text().split("→")[1].strip()
        == f"{SPACE['small'].labels[int(best.argmax())]} {100 * best.max():.1f}%"
    )


NOTEBOOK = [
    f"{EXPLORERS}\nsmall",
    "print('python reads', small.query, small.causal, small.left_out, small.changes, small.weights().round(4)[2])",
    "small.changes = []; small.causal = False; small.order = [3, 1, 2, 0]",
]


def test_python_and_the_explorer_see_each_other_in_jupyterlab(lab, visit, tmp_path_factory):  # noqa: F811
    notebook = new_notebook(cells=[new_code_cell(source) for source in NOTEBOOK])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    folders = tmp_path_factory.getbasetemp().glob("lab*/work")  # of the server that has just been started, the last
    nbformat.write(notebook, max(folders, key=lambda folder: folder.stat().st_ctime) / "heads.ipynb")
    seen, cell, explorer = opened(visit, lab, "heads", 3, ".lmq")
    check(explorer, fresh())
    explorer.locator(".lmq-chip").nth(2).click()
    for key in ("d", "d", "x", "b"):  # these letters on a cell would delete it, cut it, add one
        seen.page.keyboard.press(key)
    explorer.get_by_role("button", name="Causal mask").click()
    explorer.get_by_role("button", name="Leave out 자연어").click()
    explorer.get_by_role("button", name="key of 처리: ").click()
    field = spin(explorer, "k of 처리, number 1")
    field.fill("1.5")
    field.press("Enter")  # JupyterLab wants this key too
    assert cell.count() == 3
    made = fresh(query=2, causal=True, left_out=[1], changes=[["k", 2, 0, 1.5]])
    check(explorer, made)
    said = f"python reads 2 True [1] [['k', 2, 0, 1.5]] {made.weights().round(4)[2]}"
    prints(cell.nth(1), said)
    run(cell.nth(2))
    explorer.locator(".lmq-chip", has_text="어려워요").and_(explorer.locator(":first-child")).wait_for()
    check(explorer, fresh(query=2, left_out=[1], order=[3, 1, 2, 0]))
    assert seen.foreign == []
