"""The context map without a browser: what it packs, and its JavaScript against its Python."""

import base64
import json
import math
import unicodedata

import numpy as np
import pytest
import torch
from javascript import script_runner

from lmcourse import plots
from lmcourse.widgets import ContextMap
from lmcourse.widgets.base import FIGURE_BUDGET

HOSTILE = [
    *("", " ", "\n", "<img src=x onerror=alert(1)>", "</script>", '"\\', "toString", "$x_1$", "x" * 200),
    *("\u05e9\u05dc\u05d5\u05dd", "\u202eabc", "👩\u200d👩\u200d👧", "한글", "한글"),
]
RNG = np.random.default_rng(0)
PLANE = RNG.normal(size=(60, 2))
VECTORS = RNG.normal(size=(60, 8))
TEXTS = [f"text {i}" for i in range(60)]
LABELS = ["abc"[i % 3] for i in range(60)]


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    return script_runner(ContextMap, tmp_path_factory.mktemp("node"))


def shipped(figure):
    state = figure.get_state()
    sent = {key: state[key] for key in ("size", "maps", "labelings", "neighbours")}
    return {**sent, "data": {"bytes": base64.b64encode(state["data"]).decode()}}


def read(node, figure):
    return node("return widget.readMap(data);", shipped(figure))


# What is packed


def test_the_page_reads_what_python_packs(node):
    labels = {"first": LABELS, "second": [str(i) for i in range(30)] * 2}
    maps = {"before": PLANE, "after": PLANE[::-1] * 5 + 3}
    spans = [None if i % 2 else (0, 4) for i in range(60)]
    figure = ContextMap(maps, TEXTS, labels, vectors={"before": VECTORS, "after": PLANE}, neighbours=4, spans=spans)
    got = read(node, figure)
    assert got["texts"] == TEXTS
    assert got["spans"] == [0 if i % 2 else [0, 4] for i in range(60)]
    for places, plane in zip(got["places"], maps.values(), strict=True):
        places = np.array(places).reshape(-1, 2)
        # The map as it is, moved and scaled, both axes by the same factor.
        side = np.ptp(plane, axis=0).max()
        expected = (plane - (plane.min(0) + plane.max(0)) / 2) / side + 0.5
        np.testing.assert_allclose(places, expected, atol=1e-5)
        assert places.min() >= 0 and places.max() <= 1 and np.ptp(places, axis=0).max() == 1
    for each, (name, values) in zip(got["labels"], labels.items(), strict=True):
        classes = next(labeling["classes"] for labeling in figure.labelings if labeling["name"] == name)
        assert [classes[i] for i in each] == values
    for near, name in zip(got["nearest"], maps, strict=True):
        assert np.array(near).tolist() == figure._nearest[name].tolist()


def test_neighbours_are_the_nearest_by_cosine():
    figure = ContextMap(PLANE, TEXTS, vectors=VECTORS, neighbours=5)
    for i, near in enumerate(figure._nearest[""]):
        cosine = [
            -math.inf if j == i else VECTORS[i] @ v / np.linalg.norm(VECTORS[i]) / np.linalg.norm(v)
            for j, v in enumerate(VECTORS)
        ]
        assert near.tolist() == sorted(range(60), key=lambda j: -cosine[j])[:5]


def test_without_vectors_neighbours_are_near_in_the_plane():
    figure = ContextMap(PLANE, TEXTS, neighbours=3)
    for i, near in enumerate(figure._nearest[""]):
        far = [math.inf if j == i else math.dist(PLANE[i], p) for j, p in enumerate(PLANE)]
        assert near.tolist() == sorted(range(60), key=far.__getitem__)[:3]
    assert not figure.by_cosine and ContextMap(PLANE, TEXTS, vectors=VECTORS).by_cosine


@pytest.mark.parametrize("neighbours", [None, 0, 1, 100])
def test_any_number_of_neighbours(node, neighbours):
    figure = ContextMap(PLANE, TEXTS, LABELS, neighbours=neighbours)
    expected = min(neighbours or 0, 59)
    assert figure.neighbours == expected
    assert {len(near) for near in read(node, figure)["nearest"][0]} == {expected}
    assert "3 points" not in figure.summary()


def test_tensors_and_few_points():
    figure = ContextMap(torch.tensor([[1.0, 2.0]], requires_grad=True), ["one"], ["a"])
    assert figure.neighbours == 0
    same = ContextMap(np.zeros((3, 2)), ["a", "b", "c"], vectors=np.zeros((3, 4)))
    assert same._nearest[""].tolist() == [[1, 2], [0, 2], [0, 1]]


def test_agreement_is_the_same_in_both(node):
    maps = {"a": PLANE, "b": VECTORS[:, :2]}
    figure = ContextMap(maps, TEXTS, {"x": LABELS, "y": ["one"] * 60}, vectors={"a": VECTORS, "b": PLANE}, neighbours=4)
    got = node(
        """const { nearest, labels } = widget.readMap(data);
           return nearest.map((near) => labels.map((each) => widget.agreement(near, each)));""",
        shipped(figure),
    )
    expected = figure.agreement()
    assert np.allclose(got, [[expected[m][name] for name in ("x", "y")] for m in maps])
    assert expected["a"]["y"] == 1
    by_hand = np.mean([[LABELS[j] == LABELS[i] for j in figure._nearest["a"][i]] for i in range(60)])
    assert expected["a"]["x"] == pytest.approx(by_hand)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_string_is_a_text_and_a_label(node, text):
    figure = ContextMap(
        PLANE[:3], [text, "b", text], [text, "b", "c"], spans=[(0, len(text)), None, (len(text) // 2,) * 2]
    )
    got = read(node, figure)
    assert got["texts"] == [text, "b", text]
    assert figure.labelings[0]["classes"] == [text, "b", "c"]
    parts = node("return widget.parted(data.text, [1, 2]);", {"text": text})
    assert parts == [text[:1], text[1:2], text[2:]]
    assert len(figure.summary().splitlines()) == 4
    assert base64.b64decode(figure._repr_mimebundle_()[0]["image/png"]).startswith(b"\x89PNG")


# What the reader does


def test_arrows_go_to_the_nearest_point_ahead(node):
    places = [0.5, 0.5, 0.6, 0.5, 0.9, 0.5, 0.55, 0.58, 0.5, 0.2, 0.1, 0.9]  # 0 centre, 1 and 2 right, 3 above, 4 below
    script = (
        """return data.ways.map(([from, way]) => widget.towards(data.places, from, way, (i) => i !== data.shut));"""
    )
    ways = [[0, [1, 0]], [0, [0, 1]], [0, [0, -1]], [2, [1, 0]], [1, [1, 0]]]
    assert node(script, {"places": places, "ways": ways, "shut": -1}) == [1, 3, 4, -1, 2]
    assert node(script, {"places": places, "ways": ways[:1], "shut": 1}) == [3]  # nearer, though not straight ahead
    beside = {"places": [0.5, 0.5, 0.52, 0.9], "ways": ways[:2], "shut": -1}
    assert node(script, beside) == [-1, 1]  # what is above is not on the right


def test_every_point_can_be_reached_by_arrows(node):
    figure = ContextMap(PLANE, TEXTS)
    reached = node(
        """const { places: [places] } = widget.readMap(data), seen = new Set([0]);
           for (const from of seen) for (const way of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
             const to = widget.towards(places, from, way, () => true);
             if (to >= 0) seen.add(to);
           }
           return seen.size;""",
        shipped(figure),
    )
    assert reached == 60


def test_the_point_under_the_pointer(node):
    script = (
        "return data.spots.map(([x, y]) => widget.pointAt([0.2, 0.2, 0.3, 0.2, 0.8, 0.8], x, y, 0.1, (i) => i !== 2));"
    )
    assert node(script, {"spots": [[0.21, 0.2], [0.29, 0.2], [0.5, 0.5], [0.8, 0.8]]}) == [0, 1, -1, -1]


def test_search_finds_hangul_however_it_is_written(node):
    decomposed = unicodedata.normalize("NFD", "배를 먹다")
    cases = [("배를 먹다", "배", True), (decomposed, "배를", True), ("배를", unicodedata.normalize("NFD", "배"), True)]
    cases += [("The Boat", " boat ", True), ("The Boat", "ship", False), ("a.c", "a?c", False), ("anything", "", True)]
    got = node("return data.map(([text, query]) => widget.matches(text, query));", [case[:2] for case in cases])
    assert got == [case[2] for case in cases]


def test_what_a_reader_changes_is_a_synced_trait():
    figure = ContextMap({"a": PLANE, "b": PLANE}, TEXTS, {"x": LABELS, "y": TEXTS[:30] * 2}, map=1, chosen=3, query="t")
    state = figure.get_state()
    assert {key: state[key] for key in ("map", "colour", "chosen", "query", "hidden")} == {
        "map": 1, "colour": 0, "chosen": 3, "query": "t", "hidden": [],
    }  # fmt: skip
    figure.set_state({"map": 0, "colour": 1, "chosen": None, "hidden": ["text 1"]})  # as if JavaScript did
    assert (figure.map, figure.colour, figure.chosen, figure.hidden) == (0, 1, None, ["text 1"])
    assert figure.summary().startswith("ContextMap, 60 points, a\n  text 0 ")


def test_stand_ins_are_the_same_every_time():
    first, second = (ContextMap({"a": PLANE, "b": PLANE}, TEXTS, LABELS)._repr_mimebundle_()[0] for _ in range(2))
    assert first["text/plain"] == second["text/plain"]
    assert first["image/png"] == second["image/png"]
    assert ContextMap(PLANE, TEXTS).summary() == "ContextMap, 60 points"


def test_a_thousand_sentences_fit_a_figure():
    texts = [f"할머니께서 어제 저녁에 시장에서 커다란 배를 {i:03} 드셨다." for i in range(1000)]
    plane, vectors = RNG.normal(size=(1000, 2)), RNG.normal(size=(1000, 64))
    figure = ContextMap(
        {"before": plane, "after": plane},
        texts,
        [str(i % 12) for i in range(1000)],
        vectors=vectors,
        spans=[(20, 21)] * 1000,
    )
    state = figure.get_state()
    data = len(base64.b64encode(state.pop("data")))
    assert data + len(json.dumps({**state, "data": None}, default=str, ensure_ascii=False).encode()) < FIGURE_BUDGET
    with pytest.raises(ValueError, match="take fewer points or neighbours"):
        ContextMap(plane, [text * 3 for text in texts])


def test_the_script_asks_nobody_and_writes_no_html():
    for forbidden in ("innerHTML", "insertAdjacentHTML", "outerHTML", "fetch(", "import ", "eval(", "https:"):
        assert forbidden not in ContextMap._esm, forbidden


def test_the_colours_are_those_of_the_other_figures():
    assert json.dumps(plots.PALETTE) in ContextMap._esm.replace("\n", "")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ContextMap(PLANE, TEXTS[:-1]), "points '' has the shape (60, 2) for 59 texts, not (59, 2)"),
        (lambda: ContextMap(VECTORS, TEXTS), "has the shape (60, 8) for 60 texts, not (60, 2)"),
        (lambda: ContextMap({"a": PLANE, "b": PLANE[:5]}, TEXTS), "points 'b' has the shape (5, 2)"),
        (lambda: ContextMap({}, TEXTS), "there is no map"),
        (lambda: ContextMap({1: PLANE}, TEXTS), "a name is a string, not 1"),
        (lambda: ContextMap([["a", "b"]] * 60, TEXTS), "an array of numbers, not [['a', 'b']"),
        (lambda: ContextMap(PLANE * math.inf, TEXTS), "not finite, in row 0"),
        (lambda: ContextMap(PLANE, "text"), "a list of strings, not the string 'text'"),
        (lambda: ContextMap(PLANE, [1] * 60), "a list of strings, and 1 is none"),
        (lambda: ContextMap(np.zeros((0, 2)), []), "1 to 1,000 points, not 0"),
        (lambda: ContextMap(np.zeros((1001, 2)), ["a"] * 1001), "1 to 1,000 points, not 1,001"),
        (lambda: ContextMap(PLANE, TEXTS, LABELS[1:]), "labels '' has 59 items for 60 texts"),
        (lambda: ContextMap(PLANE, TEXTS, {"a": "b"}), "labels 'a' is a list of strings, not the string 'b'"),
        (lambda: ContextMap(PLANE, TEXTS, TEXTS), "up to 36 different labels, not 60"),
        (lambda: ContextMap(PLANE, TEXTS, vectors=VECTORS[1:]), "has the shape (59, 8) for 60 texts, not (60, D)"),
        (lambda: ContextMap({"a": PLANE, "b": PLANE}, TEXTS, vectors={"a": VECTORS}), "for 'a', but none for 'b'"),
        (lambda: ContextMap(PLANE, TEXTS, neighbours=-1), "neighbours is a whole number, 0 or more, not -1"),
        (lambda: ContextMap(PLANE, TEXTS, neighbours=2.5), "not 2.5"),
        (lambda: ContextMap(PLANE, TEXTS, spans=[None]), "spans has 1 items for 60 texts"),
        (lambda: ContextMap(PLANE, TEXTS, spans=[(3, 9)] * 60), "the span (3, 9) lies outside a text of 6 characters"),
        (lambda: ContextMap(PLANE, TEXTS, map=1), "map is 0 to 0, not 1"),
        (lambda: ContextMap(PLANE, TEXTS, LABELS, colour=2), "colour is 0 to 0, not 2"),
        (lambda: ContextMap(PLANE, TEXTS, chosen=60), "chosen is 0 to 59, not 60"),
        (lambda: ContextMap(PLANE, TEXTS, chosen=-1), "chosen"),
        (lambda: ContextMap(PLANE, TEXTS, language="fr"), "language"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
