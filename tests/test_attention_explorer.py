"""The attention explorer without a browser: what it packs, what it refuses, its JavaScript against its Python."""

import base64
import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from javascript import script_runner

from lmcourse.sphinxext.pages import foreign_addresses
from lmcourse.widgets import AttentionExplorer
from lmcourse.widgets.attention import _rice, _visible
from lmcourse.widgets.base import FIGURE_BUDGET

RNG = np.random.default_rng(0)
HOSTILE = [
    *("", " ", "\n", "<img src=x onerror=alert(1)>", "</script><b>", '"\\&', "toString", "$x_1$", "x" * 200, "Ċ"),
    *("Ġthe", "▁한글", "▁", "a\tb\x00"),
    *("\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627", "\u202eabc", "👩\u200d👩\u200d👧"),
]  # fmt: skip
EN, KO = "the cat did not eat".split(), "그 고양이 는 먹 지 않았".split()


def softmax(*shape, sharp=2.0):
    scores = np.exp(sharp * RNG.normal(size=shape))
    return scores / scores.sum(-1, keepdims=True)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    return script_runner(AttentionExplorer, tmp_path_factory.mktemp("node"))


def shipped(explorer):
    names = ("shape", "scale", "gold", "layer", "heads", "sharpness", "hidden_queries", "hidden_keys")
    sent = {name: getattr(explorer, name) for name in names}
    return {**sent, "data": {"bytes": base64.b64encode(explorer.data).decode()}}


OPEN = """
  const [L, H, rows, columns] = data.shape;
  const levels = widget.unrice(data.data, L * H * rows, columns);
  const open = (size, hidden) => Array.from({ length: size }, (_, i) => i).filter((i) => !hidden.includes(i));
  const places = [open(rows, data.hidden_queries), open(columns, data.hidden_keys)];
  const seen = (n) => widget.seenWeights(
    levels, { offset: (data.layer * H + n) * rows * columns, columns, scale: data.scale }, ...places, data.sharpness);
"""


# What is packed


@pytest.mark.parametrize(
    "values",
    [
        RNG.integers(0, 256, (20, 9)),
        np.eye(12) * 255,
        np.zeros((3, 5)),
        np.full((4, 7), 255),
        np.array([[v] for v in range(256)]),
        RNG.geometric(0.1, (30, 33)).clip(0, 255),
    ],
    ids=["any", "one-hot", "zeros", "full", "one column", "small"],
)
def test_the_page_reads_what_python_packs(node, values):
    values = values.astype(np.uint8)
    data = {"bytes": base64.b64encode(_rice(values)).decode()}
    got = node("return [...widget.unrice(data.data, data.rows, data.columns)];",
               {"data": data, "rows": len(values), "columns": values.shape[1]})  # fmt: skip
    assert got == values.ravel().tolist()


@pytest.mark.parametrize("kind", ["one-hot", "uniform", "softmax", "sharp", "two"])
def test_weights_take_at_most_five_bits_and_a_little(kind):
    rows = {
        "one-hot": np.eye(32),
        "uniform": np.full((32, 32), 1 / 32),
        "softmax": softmax(32, 32),
        "sharp": softmax(32, 32, sharp=9),
        "two": np.kron(np.eye(16), np.full((2, 2), 0.5)),
    }[kind]
    size = len(_rice(np.rint(rows * 255).astype(np.uint8)))
    assert 8 * size <= 5.6 * rows.size  # 5 a weight, 3 a row, and what rounding adds to the sum


def test_stored_weights_are_near():
    weights = softmax(3, 4, 7, 5)
    explorer = AttentionExplorer(weights, [*"abcdefg"], [*"hijkl"])
    assert np.abs(explorer._stored - weights).max() <= 1 / 510 + 1e-12
    assert explorer.scale == 1 and explorer.sums == [] and explorer.shape == [3, 4, 7, 5]


def test_the_page_has_the_weights_of_the_model(node):
    weights = softmax(2, 3, 5, 6)
    explorer = AttentionExplorer(weights, EN, KO, layer=1, heads=[2, 0])
    got = node(OPEN + "return [0, 1, 2].map((n) => [...seen(n)]);", shipped(explorer))
    for head, values in enumerate(got):
        values = np.array(values).reshape(5, 6)
        assert np.abs(values - weights[1, head]).max() <= 1 / 510 + 1e-6  # float32
    queries, keys, mean = explorer.shown()
    assert (queries, keys) == (EN, KO)
    np.testing.assert_allclose(mean, weights[1, [0, 2]].mean(0), atol=1 / 510 + 1e-9)


@pytest.mark.parametrize("sharpness", [0.1, 1.0, 3.0, 10.0])
@pytest.mark.parametrize("factor", [1.0, 6.0], ids=["weights", "scores"])
def test_hidden_tokens_and_sharpness_are_the_same_in_both(node, sharpness, factor):
    weights = softmax(1, 2, 5, 6) * factor
    weights[0, 1, 3] = [0, 0, factor, 0, 0, 0]  # all of it is on a hidden token
    explorer = AttentionExplorer(
        weights, EN, KO, heads=[0, 1], sharpness=sharpness, hidden_queries=[0], hidden_keys=[2, 5]
    )
    got = np.array(node(OPEN + "return [0, 1].map((n) => [...seen(n)]);", shipped(explorer))).reshape(2, 4, 4)
    queries, keys, mean = explorer.shown()
    assert queries == EN[1:] and keys == [KO[i] for i in (0, 1, 3, 4)]
    np.testing.assert_allclose(got.mean(0), mean, atol=1e-5 * factor)
    # Rows sum to what they did, but for the one that has nothing left.
    sums = np.array(explorer._stored[0].sum(-1))[:, 1:]
    np.testing.assert_allclose(got[0].sum(-1), sums[0], rtol=1e-5)
    np.testing.assert_allclose(got[1].sum(-1)[[0, 1, 3]], sums[1][[0, 1, 3]], rtol=1e-5)
    assert got[1, 2].sum() == 0
    # And the order of the weights stays, sharper or flatter.
    before = explorer._stored[0, 0][1:][:, [0, 1, 3, 4]]
    assert np.argmax(got[0], 1).tolist() == np.argmax(before, 1).tolist()


def test_pointing_is_the_same_in_both(node):
    weights = softmax(3, 4, 5, 6)
    gold = [(0, 1), (1, 1), (1, 2), (3, 5), (4, 0)]
    explorer = AttentionExplorer(weights, EN, KO, gold=gold, layer=2, heads=[1, 3], hide=[KO[5]])
    script = """
      const mean = widget.linkMean([1, 3].map((n) => ({ weights: seen(n) })));
      const links = data.gold.map(([q, k]) => [places[0].indexOf(q), places[1].indexOf(k)])
        .filter(([q, k]) => q >= 0 && k >= 0);
      return widget.pointing(mean, places[1].length, links);"""
    assert node(OPEN + script, shipped(explorer)) == list(explorer.pointing())
    assert explorer.pointing()[1] == 3  # the link of query 3 goes to a hidden token
    whole = AttentionExplorer(weights, EN, KO, gold=gold)
    grades = whole.grades()
    assert grades.shape == (3, 4)
    for layer, head in np.ndindex(3, 4):
        best = whole._stored[layer, head].argmax(1)
        by_hand = [any((q, k) in gold for k in [best[q]]) for q in (0, 1, 3, 4)]
        assert grades[layer, head] == np.mean(by_hand)


def test_right_weights_point_right():
    perfect = np.eye(4)[[2, 0, 3, 1]]
    gold = [(0, 2), (1, 0), (2, 3), (3, 1)]
    assert AttentionExplorer(perfect, [*"abcd"], [*"wxyz"], gold=gold).pointing() == (4, 4)
    assert AttentionExplorer(perfect.T, [*"abcd"], [*"wxyz"], gold=gold).pointing() == (0, 4)
    assert AttentionExplorer(perfect, [*"abcd"], [*"wxyz"], gold=[]).pointing() == (0, 0)
    assert AttentionExplorer(perfect, [*"abcd"], [*"wxyz"]).pointing() is None
    assert AttentionExplorer(perfect, [*"abcd"], [*"wxyz"]).grades() is None


# What may be passed


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=lambda dtype: str(dtype)[6:]
)
def test_tensors_of_any_type(dtype):
    weights = torch.tensor(softmax(2, 4, 4)).to(dtype).requires_grad_()
    explorer = AttentionExplorer(weights, [*"abcd"])
    assert explorer.shape == [1, 2, 4, 4] and explorer.sums == []
    assert np.abs(explorer._stored[0] - weights.detach().double().numpy()).max() <= 1 / 510 + 1e-12
    assert explorer.cross is False and explorer.key_tokens == []


def test_what_models_return_needs_no_reshaping():
    layers = tuple(torch.tensor(softmax(1, 3, 4, 4)) for _ in range(2))  # as transformers gives them, for one text
    explorer = AttentionExplorer(layers, [*"abcd"])
    assert explorer.shape == [2, 3, 4, 4]
    np.testing.assert_allclose(explorer._stored[1, 2], layers[1][0, 2], atol=1 / 510 + 1e-9)
    attention = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    x = torch.randn(1, 5, 8)
    _, weights = attention(x, x, x, average_attn_weights=False)  # (1, H, T, S)
    assert AttentionExplorer(weights, EN).shape == [1, 2, 5, 5]


@pytest.mark.parametrize(
    ("weights", "shape"),
    [
        ([[1, 0], [0, 1]], [1, 1, 2, 2]),
        (np.eye(2, dtype=bool), [1, 1, 2, 2]),
        (np.eye(2, dtype=np.float16)[None], [1, 1, 2, 2]),
        ([np.eye(2), np.eye(2)], [1, 2, 2, 2]),
        ([torch.eye(2), torch.eye(2)], [1, 2, 2, 2]),
        (np.ones((3, 5, 2, 2)) / 2, [3, 5, 2, 2]),
    ],
)  # fmt: skip
def test_shapes(weights, shape):
    explorer = AttentionExplorer(weights, ["a", "b"])
    assert explorer.shape == shape
    assert explorer.summary().count("\n") == 2


def test_one_token_and_masked_rows():
    assert AttentionExplorer([[1.0]], ["a"]).shown()[2].tolist() == [[1.0]]
    causal = np.tril(np.ones((3, 3))) / np.arange(1, 4)[:, None]
    causal[1] = 0  # a query that may look nowhere is no mistake
    explorer = AttentionExplorer(causal, [*"abc"])
    assert explorer.sums == []
    assert "b: -" in explorer.summary()


def test_scores_are_shown_with_a_note(node):
    scores = np.array([[0.5, 3.0], [7.5, 0.1]])
    explorer = AttentionExplorer(scores, ["a", "b"])
    assert explorer.scale == 7.5
    assert explorer.sums == [2, 2, 3.5, 7.6]
    assert "2 of 2 rows do not sum to 1 but to 3.50 to 7.60: are these scores" in explorer.summary()
    np.testing.assert_allclose(explorer._stored[0, 0], scores, atol=7.5 / 510 + 1e-9)
    got = node(OPEN + "return [...seen(0)];", shipped(explorer))
    np.testing.assert_allclose(got, explorer._stored.ravel(), rtol=1e-5)


def test_tokens_are_hidden_by_name():
    tokens = ["[CLS]", "a", "[SEP]", "b", "[SEP]"]
    explorer = AttentionExplorer(softmax(5, 5), tokens, hide=["[CLS]", "[SEP]"])
    assert explorer.hidden_queries == explorer.hidden_keys == [0, 2, 4]
    assert explorer.shown()[0] == ["a", "b"]
    crossed = AttentionExplorer(softmax(5, 2), tokens, ["[SEP]", "c"], hide=["[SEP]"])
    assert (crossed.hidden_queries, crossed.hidden_keys) == ([2, 4], [0])


def test_144_heads_over_32_tokens_fit_whatever_they_are():
    tokens = [f"토큰{i:04}" for i in range(32)]
    for weights in (softmax(12, 12, 32, 32), np.full((12, 12, 32, 32), 1 / 32)):
        state = AttentionExplorer(weights, tokens).get_state()
        data = len(base64.b64encode(state.pop("data")))
        rest = json.dumps({**state, "data": None}, default=str, ensure_ascii=False).encode()
        assert data + len(rest) < FIGURE_BUDGET
    with pytest.raises(
        ValueError, match=r"12 layers of 12 heads over 64 queries and 64 keys make a figure of .* bytes"
    ):
        AttentionExplorer(softmax(12, 12, 64, 64), [str(i) for i in range(64)])


# Arithmetic of the drawing


def test_marginals(node):
    weights = softmax(4, 3)
    weights[3] = 0
    script = """const { received, spread } = widget.linkMarginals(Float32Array.from(data.flat()), 4, 3);
                return [[...received], [...spread]];"""
    received, spread = node(script, weights.tolist())
    np.testing.assert_allclose(received, weights.mean(0), rtol=1e-5)
    entropy = -(weights[:3] * np.log2(weights[:3])).sum(1)
    np.testing.assert_allclose(spread, [*2**entropy, 0], rtol=1e-4)
    even = node(script, [[1, 1, 1], [0, 5, 0], [0.5, 0.5, 0], [0, 0, 0]])[1]
    np.testing.assert_allclose(even, [3, 1, 2, 0], rtol=1e-5)  # whatever a row sums to


def test_the_cell_under_a_point_is_the_cell_that_is_drawn_there(node):
    script = """
      const places = widget.mapPlaces(data.width, data.rows, data.columns, [60, 50]);
      const at = (q, k, dx) => widget.cellAt(
        places, places.left + (k + 0.5) * places.cell + dx * places.width, places.top + (q + 0.5) * places.cell);
      const all = [];
      for (let q = 0; q < data.rows; q++) for (let k = 0; k < data.columns; k++) all.push(at(q, k, 0));
      return { places, all, aside: at(1, 0, -1), corner: widget.cellAt(places, 1, 1) };"""
    for width in (230, 800):
        got = node(script, {"width": width, "rows": 3, "columns": 7})
        assert [(each["query"], each["key"]) for each in got["all"]] == [(q, k) for q in range(3) for k in range(7)]
        assert got["aside"] == {"query": 1, "key": None} and got["corner"] == {"query": None, "key": None}
        assert got["places"]["right"] + 26 <= width


def test_tokens_of_both_columns_fill_the_height(node):
    for queries, keys in [(1, 1), (5, 30), (32, 32), (3, 2), (0, 4)]:
        script = """
          const rows = widget.linkRows(data[0], data[1]);
          const middles = data.map((n, side) => Array.from({ length: n }, (_, i) => rows.middle(side, i)));
          return { height: rows.height, middles };"""
        got = node(script, [queries, keys])
        for middles in got["middles"]:
            assert all(0 < y < got["height"] for y in middles) and middles == sorted(middles)
            if middles:
                assert middles[0] + middles[-1] == pytest.approx(got["height"])  # in the middle of the height
            assert all(b - a >= 25 - 1e-9 for a, b in zip(middles, middles[1:], strict=False))


def test_the_scale_of_the_map_has_two_ends(node):
    got = node("return ['light', 'dark'].map((name) => [0, 0.25, 0.5, 0.75, 1, 7, NaN].map("
               "(t) => widget.heatColour(widget.HEAT[name], t)));", None)  # fmt: skip
    for colours, sign in zip(got, (-1, 1), strict=True):
        light = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in colours]
        assert np.all(sign * np.diff(light[:5]) > 15)  # each step can be seen, and always in one direction
        assert abs(light[4] - light[0]) > 180
        assert colours[5] == colours[4] and colours[6] == colours[0]


def test_the_slider_of_the_sharpness(node):
    got = node("return data.map((n) => [widget.sharpnessAt(n), widget.sliderAt(widget.sharpnessAt(n))]);",
               list(range(-20, 21)))  # fmt: skip
    assert [slider for _, slider in got] == list(range(-20, 21))
    values = [value for value, _ in got]
    assert values == sorted(values) and (values[0], values[20], values[-1]) == (0.1, 1, 10)


def test_marks_are_found(node):
    tokens = ["[CLS]", "</s>", "<|endoftext|>", "[", "<", "a", "<img src=x>", "[a b]", "", "<pad>"]
    assert node("return widget.marksOf(data);", tokens) == [0, 1, 2, 9]


def test_tokens_are_shown_alike_in_both(node):
    shown = node("return data.map(widget.visible);", HOSTILE)
    assert shown == [_visible(token) for token in HOSTILE]
    assert all(shown) and not any("\n" in each or "\t" in each for each in shown)
    assert dict(zip(HOSTILE, shown, strict=True))["▁한글"] == "한글"
    assert dict(zip(HOSTILE, shown, strict=True))["\u202eabc"] == "·abc"  # cannot turn what follows around


# Pictures

DRAW = """
  const tokens = (all) => all.map((token) => ({ shown: widget.visible(token), said: token }));
  const layers = data.layers.map((weights, n) =>
    ({ weights: Float32Array.from(weights.flat()), colour: `rgb(${n},0,0)` }));
  const inks = { back: "rgb(255,255,255)", text: "rgb(0,0,0)", muted: "rgb(90,90,90)", gold: "rgb(217,119,6)",
                 accent: "rgb(0,0,255)", scale: widget.HEAT.light, font: '"Noto Sans", sans-serif' };
  return widget.drawing({ ...data, layers, queries: tokens(data.queries), keys: tokens(data.keys) }, inks);
"""
SVG = "{http://www.w3.org/2000/svg}"


def drawn(node, weights, queries, keys, **options):
    options = {"gold": None, "view": "both", "threshold": 0.1, "query": None, "key": None, "title": "head 0"} | options
    text = node(DRAW, {"layers": [w.tolist() for w in weights], "queries": queries, "keys": keys, **options})
    return ElementTree.fromstring(text)


def of_class(tree, name):
    return [element for element in tree.iter() if element.get("class") == name]


def test_a_picture_has_every_line_and_every_cell(node):
    weights = softmax(2, 5, 6)
    tree = drawn(node, weights, EN, KO, gold=[(0, 1), (2, 2)])
    assert len(of_class(tree, "line")) == (weights >= 0.1).sum()
    assert len(of_class(tree, "cell")) == 30 and len(of_class(tree, "gold")) == 4
    texts = [element.text for element in tree.iter(f"{SVG}text")]
    assert sorted(texts) == sorted([*EN, *KO, *EN, *KO, "head 0"])
    by_head = [sum(e.get("stroke") == f"rgb({n},0,0)" for e in of_class(tree, "line")) for n in (0, 1)]
    assert by_head == [(head >= 0.1).sum() for head in weights]
    one = drawn(node, weights[:1], EN, KO, query=3, view="lines")
    assert len(of_class(one, "line")) == (weights[0, 3] >= 0.1).sum() and not of_class(one, "cell")
    pair = drawn(node, weights[:1], EN, KO, query=3, key=int(weights[0, 3].argmin()), view="lines")
    assert len(of_class(pair, "line")) == (weights[0, 3].min() >= 0.002)  # one pair, however weak
    assert not of_class(drawn(node, weights, EN, KO, view="map"), "line")


def test_the_picture_of_a_cell_is_as_dark_as_its_weight(node):
    weights = np.array([[[0.0, 0.25, 0.75], [0.1, 0.9, 0.0]]])
    cells = of_class(drawn(node, weights, ["a", "b"], ["x", "y", "z"], view="map"), "cell")
    reds = [int(re.match(r"rgb\((\d+)", cell.get("fill"))[1]) for cell in cells]
    assert np.argsort(reds, kind="stable")[0] == 4  # the largest weight is the darkest
    assert [w for _, w in sorted(zip(reds, weights.ravel(), strict=True))] == sorted(weights.ravel(), reverse=True)


def test_a_picture_of_hostile_tokens_is_text(node):
    n = len(HOSTILE)
    tree = drawn(node, softmax(1, n, n), HOSTILE, HOSTILE, title="</title><script>")
    assert {element.tag.removeprefix(SVG) for element in tree.iter()} == {"svg", "title", "rect", "g", "path", "text"}
    texts = {element.text for element in tree.iter(f"{SVG}text")}
    assert {"∅", "toString", "$x_1$", "한글", "👩\u200d👩\u200d👧", "</script><b>"} <= texts
    width = float(tree.get("width"))
    assert width < 1400 and max(map(len, texts)) < 40


def test_files(tmp_path):
    explorer = AttentionExplorer(softmax(2, 3, 5, 6), EN, KO, gold=[(1, 1)], heads=[0, 2])
    for view in ("lines", "map", "both"):
        explorer.view = view
        for kind, begin in [("svg", b"<?xml"), ("png", b"\x89PNG")]:
            path = explorer.save(tmp_path / f"{view}.{kind}")
            assert path.read_bytes().startswith(begin)
            assert path.read_bytes() == explorer.save(tmp_path / f"again.{kind}").read_bytes()
        ElementTree.fromstring((tmp_path / f"{view}.svg").read_text("utf-8"))
    assert explorer.save(str(tmp_path / "a.HTML")).exists()
    with pytest.raises(ValueError, match=r"ends in .html, .svg or .png, not 'a.pdf'"):
        explorer.save(tmp_path / "a.pdf")
    explorer.hidden_keys = list(range(6))
    with pytest.raises(ValueError, match="all tokens are hidden"):
        explorer.save(tmp_path / "b.png")


class Elements(HTMLParser):
    """The elements of a page as a browser finds them."""

    def __init__(self):
        super().__init__()
        self.tags = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)


def test_a_page_asks_nobody_and_keeps_its_state(tmp_path):
    n = len(HOSTILE)
    explorer = AttentionExplorer(softmax(n, n), HOSTILE, threshold=0.05, view="map", language="ko")
    page = explorer.save(tmp_path / "a <b>.html").read_text("utf-8")
    assert foreign_addresses(page) == []
    assert page.startswith('<!doctype html>\n<html lang="ko">') and "<title>a &lt;b&gt;</title>" in page
    elements = Elements()
    elements.feed(page)
    assert elements.tags == [
        "html",
        "head",
        "meta",
        "meta",
        "meta",
        "title",
        "style",
        "script",
        "body",
        *["script"] * 3,
    ]
    state = json.loads(re.search(r'widget-state\+json">(.*?)</script>', page)[1])["state"]
    mine = next(each["state"] for each in state.values() if each["model_name"] == "AnyModel")
    assert mine["tokens"] == HOSTILE and mine["view"] == "map" and mine["threshold"] == 0.05
    view = json.loads(re.search(r'widget-view\+json">(.*?)</script>', page)[1])
    assert view["model_id"] == explorer.model_id in state


@pytest.mark.parametrize("token", HOSTILE, ids=range(len(HOSTILE)))
def test_any_string_is_a_token(token):
    explorer = AttentionExplorer(softmax(2, 2), [token, "b"])
    bundle = explorer._repr_mimebundle_()[0]
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert len(bundle["text/plain"].split("\n")) == 3


def test_half_a_letter_is_sent_as_what_it_is():
    assert AttentionExplorer([[1.0]], ["a\ud800"]).tokens == ["a?"]


def test_stand_ins_are_the_same_every_time():
    weights = softmax(2, 3, 5, 6)
    first, second = (AttentionExplorer(weights, EN, KO, heads=[1, 2])._repr_mimebundle_()[0] for _ in range(2))
    assert first["text/plain"] == second["text/plain"] and first["image/png"] == second["image/png"]
    assert first["text/plain"].startswith(
        "AttentionExplorer, 2 layers of 3 heads, 5 queries, 6 keys: layer 0, heads 1, 2"
    )
    long = AttentionExplorer(softmax(40, 40), [str(i) for i in range(40)]).summary()
    assert long.count("\n") == 33 and "and 8 more" in long


def test_what_a_reader_changes_is_a_synced_trait():
    explorer = AttentionExplorer(softmax(2, 3, 5, 6), EN, KO, layer=1, heads=2, view="lines", query=3)
    assert explorer.heads == [2]
    explorer.set_state(
        {"layer": 0, "heads": [0, 1], "mean": True, "query": None, "key": 2, "hidden_keys": [1], "sharpness": 2.0}
    )  # as if JavaScript did
    assert (explorer.layer, explorer.heads, explorer.key, explorer.hidden_keys) == (0, [0, 1], 2, [1])
    assert len(explorer.shown()[1]) == 5 and "layer 0, heads 0, 1" in explorer.summary()


def test_the_script_asks_nobody_and_writes_no_html():
    for forbidden in ("innerHTML", "insertAdjacentHTML", "outerHTML", "fetch(", "import ", "eval(", "https:"):
        assert forbidden not in AttentionExplorer._esm, forbidden


def test_both_languages_say_the_same_things():
    strings = re.search(r"const STRINGS = \{\nen: \{(.*?)\n\},\nko: \{(.*?)\n\},\n\};", AttentionExplorer._esm, re.S)
    english, korean = (re.findall(r"(?:^|[,\n] ?)(\w+): (?=[\"(])", part) for part in strings.groups())
    assert english == korean and len(english) > 30


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: AttentionExplorer(softmax(6, 5), EN, KO), "have the shape (6, 5) for 5 tokens and 6 key_tokens"),
        (lambda: AttentionExplorer(softmax(6, 5), EN, KO), "turn them over with weights.swapaxes(-1, -2)"),
        (lambda: AttentionExplorer(softmax(7, 7), EN), "the model read 2 more, perhaps marks like [CLS]"),
        (lambda: AttentionExplorer(softmax(4, 4), EN), "the model read 1 fewer"),
        (lambda: AttentionExplorer(softmax(5, 6), EN), "each query has 6 weights, so pass the 6 tokens"),
        (lambda: AttentionExplorer(softmax(5, 5, 2), EN), "an axis is left at the end"),
        (lambda: AttentionExplorer(softmax(11, 11), EN), "not (..., 5, 5): the last two axes are queries and keys"),
        (lambda: AttentionExplorer(softmax(2, 8, 3, 5, 5), EN), "if axis 1 is a batch of 8 texts, take one of them"),
        (lambda: AttentionExplorer(softmax(5), EN), "even if there is one query only, weights[None]"),
        (lambda: AttentionExplorer(0.5, EN), "the shape (), and it should be (T, S), (H, T, S), (L, H, T, S)"),
        (lambda: AttentionExplorer(np.zeros((0, 5, 5)), EN), "there are none"),
        (lambda: AttentionExplorer(-softmax(5, 5), EN), "25 weights are negative: the first, of layer 0, head 0, "),
        (lambda: AttentionExplorer(RNG.normal(size=(5, 5)), EN), "pass weights.softmax(-1)"),
        (lambda: AttentionExplorer(np.full((5, 5), np.nan), EN), "a softmax over masked scores only gives NaN"),
        (lambda: AttentionExplorer(np.full((5, 5), -np.inf), EN), "masked scores from before the softmax"),
        (lambda: AttentionExplorer(np.full((5, 5), np.inf), EN), "25 weights are not finite"),
        (lambda: AttentionExplorer("abc", EN), "an array of numbers, not 'abc'"),
        (lambda: AttentionExplorer([[1, 2], [3]], EN), "an array of numbers, not [[1, 2], [3]]"),
        (lambda: AttentionExplorer(torch.ones(5, 5, dtype=torch.complex64), EN), "real numbers, not torch.complex64"),
        (lambda: AttentionExplorer([torch.ones(5, 5), torch.ones(5, 4)], EN), "the layers have different shapes"),
        (lambda: AttentionExplorer(softmax(5, 5), "the cat"), "tokens is a list of strings, not the string 'the cat'"),
        (lambda: AttentionExplorer(softmax(2, 2), [1, 2]), "and 1 is none: turn ids into tokens first"),
        (lambda: AttentionExplorer(softmax(2, 2), 3), "tokens is a list of strings, not 3"),
        (lambda: AttentionExplorer(softmax(5, 5), EN, []), "key_tokens has 0 tokens"),
        (lambda: AttentionExplorer(np.eye(257), ["a"] * 257), "tokens has 257 tokens, and a figure shows 1 to 256"),
        (lambda: AttentionExplorer(np.ones((1025, 1, 1)), ["a"]), "up to 1,024 heads, not 1 layers of 1025"),
        (lambda: AttentionExplorer(softmax(5, 6), EN, KO, gold=[(5, 0)]), "(5, 0) is outside of 5 queries and 6 keys"),
        (lambda: AttentionExplorer(softmax(5, 6), EN, KO, gold=[(0, -1)]), "(0, -1) is outside"),
        (lambda: AttentionExplorer(softmax(5, 6), EN, KO, gold=[3]), "gold has pairs (query, key), and 3 is none"),
        (lambda: AttentionExplorer(softmax(5, 6), EN, KO, gold=["ab"]), "and 'ab' is none"),
        (lambda: AttentionExplorer(softmax(5, 6), EN, KO, gold=[(0.5, 1)]), "(0.5, 1) is outside"),
        (lambda: AttentionExplorer(softmax(5, 5), EN, hide=["[CLS]"]), "hide names '[CLS]', and no token is that"),
        (lambda: AttentionExplorer(softmax(5, 5), EN, hide="cat"), "a list of tokens, not the string 'cat'"),
        (lambda: AttentionExplorer(softmax(5, 5), EN, layer=1), "layer: there are 1, counted from 0, and 1 is none"),
        (lambda: AttentionExplorer(softmax(2, 5, 5), EN, heads=[0, 2]), "heads: there are 2, counted from 0, and 2"),
        (lambda: AttentionExplorer(softmax(5, 5), EN, heads=[]), "heads is empty"),
        (lambda: AttentionExplorer(softmax(5, 5), EN, query=5), "query: there are 5"),
        (lambda: AttentionExplorer(softmax(5, 5), EN, query=-1), "query"),
        (lambda: AttentionExplorer(softmax(5, 5), EN, view="table"), "view"),
        (lambda: AttentionExplorer(softmax(5, 5), EN, sharpness=0), "sharpness"),
        (lambda: AttentionExplorer(softmax(5, 5), EN, language="fr"), "language"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
