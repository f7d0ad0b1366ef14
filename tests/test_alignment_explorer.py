"""The alignment explorer without a browser: what a reader's changes do, against numpy; its gold; what it refuses."""

import base64
import itertools
import json

import numpy as np
import pytest
from javascript import script_runner
from test_translation_explorer import SENTENCE, looking, shipped, system

from lmcourse import text
from lmcourse.widgets import AlignmentExplorer, translation_model

MODEL = translation_model(looking("gru", None, True, "additive", seed=5), examples=[SENTENCE, "저는"])
PIECES = ["▁저", "는", "▁밥", "을", "▁먹", "었다", "."]
PLAIN = MODEL.translate(SENTENCE)
WRITTEN = [piece for piece in PLAIN.output if piece != "</s>"]
MEDDLED = """
  const net = widget.open(data.net, data.net.data);
  const full = widget.encode(net, data.ids);
  const steps = widget.meddled(net, data.ids, full, data.changes);
  return { ids: steps.map((s) => s.id), weights: steps.map((s) => [...s.weights]),
    p: steps.map((s) => [...s.logs.map(Math.exp)]) };
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    return script_runner(AlignmentExplorer, tmp_path_factory.mktemp("node"))


# What a reader changes


CHANGES = [
    {},
    {"sharpness": 0.0},
    {"sharpness": 3.5},
    {"sharpness": 20.0},
    {"out": [2]},
    {"out": [2], "unread": True},
    {"out": [0, 1, 2, 3, 4, 5, 6]},
    {"out": [0, 1, 2, 3, 4, 5, 6], "unread": True},
    {"unread": True},
    {"forced": [5, 4, 6]},
    {"pointed": [[0, 4]]},
    {"pointed": [[1, -1], [2, 0]]},
    {"pointed": [[0, 3]], "out": [3]},  # what is taken out cannot be looked at
    {"pointed": [[0, 99], [40, 1]]},
    {"out": [99]},
    {"sharpness": 2.0, "out": [1, 5], "unread": True, "forced": [5], "pointed": [[2, 6], [1, 1]]},
]


@pytest.mark.parametrize("kind", [("gru", None, True, "additive"), ("lstm", "gru", False, "dot")])
def test_the_page_meddles_as_python_does(node, kind):
    model = translation_model(looking(*kind, seed=5))
    ids = model.ids(PIECES)
    outputs = set()
    for changes in CHANGES:
        got = node(MEDDLED, {"net": shipped(model), "ids": ids, "changes": changes})
        want = model.translate(SENTENCE, **changes)
        assert [model.target[i] for i in got["ids"]] == want.output, changes
        np.testing.assert_allclose(got["weights"], want.attention, atol=1e-12)
        np.testing.assert_allclose(got["p"], want.p, atol=1e-12)
        outputs.add(tuple(want.output))
    assert len(outputs) > 5, "this network writes the same whatever is done to it"


def test_what_a_change_means():
    def weights(**changes):
        return MODEL.translate(SENTENCE, **changes).attention

    plain = weights()
    assert plain.shape == (len(PLAIN.output), 7)
    np.testing.assert_allclose(weights(sharpness=0.0), np.full_like(weights(sharpness=0.0), 1 / 7))
    first = plain[0] ** 2 / (plain[0] ** 2).sum()
    np.testing.assert_allclose(weights(sharpness=2.0)[0], first)
    assert (weights(sharpness=20.0)[0] > 0.5).sum() == 1 and weights(sharpness=20.0)[0].argmax() == plain[0].argmax()
    # The decoder may not look: the others get what is left. The encoder has read all the same.
    masked = plain[0] * (np.arange(7) != 2)
    np.testing.assert_allclose(weights(out=[2])[0], masked / masked.sum())
    # Unread: as if the text had never had it, except that there is a column for it.
    without = SENTENCE.replace(" 밥을", "")
    cut = MODEL.translate(without)
    found = MODEL.translate(SENTENCE, out=[2, 3], unread=True)
    assert found.output == cut.output and not found.attention[:, [2, 3]].any()
    np.testing.assert_allclose(np.delete(found.attention, [2, 3], 1), cut.attention)
    np.testing.assert_allclose(found.context, cut.context)
    assert not np.allclose(MODEL.translate(SENTENCE, out=[2, 3]).context, cut.context)
    # One step is bound; what comes before it stays.
    bound = MODEL.translate(SENTENCE, pointed=[(2, 6)])
    assert bound.attention[2].tolist() == [0, 0, 0, 0, 0, 0, 1] and bound.output[:2] == PLAIN.output[:2]
    np.testing.assert_allclose(bound.attention[:2], plain[:2])
    np.testing.assert_allclose(MODEL.translate(SENTENCE, pointed=[(1, -1)]).attention[1], np.full(7, 1 / 7))
    forced = MODEL.translate(SENTENCE, forced=[6, 5])
    assert forced.output[:2] == [MODEL.target[6], MODEL.target[5]]
    np.testing.assert_allclose(forced.attention[0], plain[0])
    # Nothing to look at: no weights, and the context of each step is 0.
    assert not MODEL.translate(SENTENCE, out=range(7)).attention.any()


def test_without_attention_what_is_out_is_unread():
    model = translation_model(system(seed=5))
    found = model.translate(SENTENCE, out=[2, 3])
    cut = model.translate(SENTENCE.replace(" 밥을", ""))
    assert found.output == cut.output and found.attention is None
    np.testing.assert_allclose(found.p, cut.p)
    assert model.translate(SENTENCE, forced=[6, 5]).output[:2] == [model.target[6], model.target[5]]


def test_the_slider_of_the_sharpness(node):
    got = node(
        """const values = Array.from({ length: 41 }, (_, n) => widget.sharpnessAt(n));
        return [values, values.map(widget.sliderAt)];""",
        {},
    )
    assert got[1] == list(range(41)), "the thumb jumps"
    assert (got[0][0], got[0][10], got[0][20], got[0][40]) == (0, 0.5, 1, 20)
    assert all(a < b for a, b in itertools.pairwise(got[0]))


def test_words_that_differ(node):
    """All words that are not in the longest list that both have: checked against every list there is."""

    def longest(a, b):
        both = (x for n in range(len(a), -1, -1) for x in itertools.combinations(a, n))
        return next(len(x) for x in both if any(list(x) == list(y) for y in itertools.combinations(b, len(x))))

    dice = np.random.default_rng(0)
    pairs = [[dice.integers(0, 3, dice.integers(0, 6)).tolist() for _ in range(2)] for _ in range(40)]
    found = node("return data.pairs.map(([a, b]) => widget.fresh(a, b));", {"pairs": pairs})
    for (a, b), odd in zip(pairs, found, strict=True):
        kept = [x for i, x in enumerate(b) if i not in odd]
        assert len(kept) == longest(a, b) and odd == sorted(set(odd))
        rest = iter(a)
        assert all(x in rest for x in kept), "in order"


# Gold


def links(*pairs, target=tuple(WRITTEN), **more):
    return {SENTENCE: {"target": list(target), "links": [list(pair) for pair in pairs], **more}}


def test_how_many_words_point_at_a_right_piece(node):
    top = PLAIN.attention.argmax(1)
    assert len(WRITTEN) >= 4
    right = [(0, top[0]), (0, (top[0] + 1) % 7), (1, (top[1] + 1) % 7), (3, top[3])]
    explorer = AlignmentExplorer(MODEL, gold=links(*right))
    assert explorer.pointing() == (2, 3)  # words 0 and 3 of 0, 1 and 3
    got = node(
        "return widget.pointing(data.weights.map((weights) => ({ weights })), data.links);",
        {"weights": PLAIN.attention.tolist(), "links": explorer.gold[SENTENCE]["links"]},
    )
    assert got == [2, 3]
    assert "2 of 3 words look most at a right piece" in explorer.summary()
    assert AlignmentExplorer(MODEL, gold=links()).pointing() == (0, 0)


def test_gold_is_shown_for_the_reference_only():
    assert AlignmentExplorer(MODEL, gold=links((0, 0), target=WRITTEN[:-1])).pointing() is None
    explorer = AlignmentExplorer(MODEL, gold=links((0, 0)), sharpness=0.0)
    assert MODEL.translate(SENTENCE, sharpness=0.0).output != PLAIN.output
    assert explorer.pointing() is None and "right piece" not in explorer.summary()
    other = ["▁저", "는", "▁밥", "을", "▁먹", "었", "다", "."]  # another cut: the places mean something else
    assert AlignmentExplorer(MODEL, gold=links((0, 7), pieces=other)).pointing() is None
    assert AlignmentExplorer(MODEL, gold=links((0, 6), pieces=PIECES)).pointing() is not None
    assert AlignmentExplorer(MODEL, text="저는", gold=links((0, 0))).pointing() is None


def test_gold_of_the_world():
    """The links of lmcourse.attending fit as they are."""
    from lmcourse import attending, translation, world

    records = world.splits(300, 5).train
    settings = translation.settings_for("ko-en", records, width=8, encoder=8, decoder=8, min_count=1)
    made = attending.attending(translation.build)(settings)
    model = translation_model(made, examples=[records[0].ko])
    gold = {
        r.ko: {"target": r.en, "links": attending.gold(r, "ko-en").possible, "pieces": translation.korean([r])[0]}
        for r in records[:40]
    }
    explorer = AlignmentExplorer(model, truth={r.ko: r.en for r in records[:40]}, gold=gold)
    for r in records[:40]:
        kept = explorer.gold[r.ko]
        assert text.join(kept["target"], "word") == r.en and text.join(kept["pieces"], "morpheme") == r.ko
        assert [tuple(pair) for pair in kept["links"]] == attending.gold(r, "ko-en").possible
    assert f"right    {records[0].en}" in explorer.summary()


# Python


def test_what_stands_where_no_widget_can():
    explorer = AlignmentExplorer(MODEL, truth={SENTENCE: "I ate rice."})
    assert explorer.text == SENTENCE
    lines = explorer.summary().splitlines()
    assert lines[0] == f"AlignmentExplorer, gru to gru, additive attention: {SENTENCE!r}"
    assert lines[1] == "  reads    저 | 는 | 밥 | 을 | 먹 | 었다 | ."
    assert lines[2] == f"  writes   {PLAIN.text}"
    best = PLAIN.attention[0].argsort()[::-1][:2]
    first = ", ".join(f"{PIECES[s].strip('▁')} {PLAIN.attention[0, s]:.2f}" for s in best)
    assert lines[3].startswith(f"    {PLAIN.output[0].strip('▁')}: {first}")
    assert lines[-1] == "  right    I ate rice."
    bound = AlignmentExplorer(MODEL, pointed=[(0, 4)])
    assert bound.summary().splitlines()[3].endswith(": 먹 1.00")
    first, second = (explorer._repr_mimebundle_()[0] for _ in range(2))
    assert first["text/plain"] == second["text/plain"] and first["image/png"] == second["image/png"]
    assert base64.b64decode(first["image/png"]).startswith(b"\x89PNG")
    golden = AlignmentExplorer(MODEL, gold=links((0, 0)))._repr_mimebundle_()[0]
    assert golden["image/png"] != first["image/png"]
    empty = AlignmentExplorer(MODEL, text="")
    assert "image/png" not in empty._repr_mimebundle_()[0] and "writes" in empty.summary()


def test_what_a_reader_changes_is_a_synced_trait():
    explorer = AlignmentExplorer(MODEL, view="both", sharpness=2, threshold=0.2, step=1, out=[2], pointed=[(0, -1)])
    state = explorer.get_state()
    names = ("text", "view", "sharpness", "threshold", "step", "out", "unread", "forced", "pointed")
    assert [state[name] for name in names] == [SENTENCE, "both", 2.0, 0.2, 1, [2], False, [], [[0, -1]]]
    changes = {"text": "저는", "view": "map", "sharpness": 0.5, "threshold": 0.1, "step": None, "out": [0, 1]}
    explorer.set_state({**changes, "unread": True, "forced": [4], "pointed": [[1, 0]]})  # as if JavaScript did
    assert {name: getattr(explorer, name) for name in changes} == changes
    assert (explorer.unread, explorer.forced, explorer.pointed) == (True, [4], [[1, 0]])


def test_the_translator_of_the_package_fits_into_a_page():
    """At 4 bits, with right links and answers for ten examples; and so few bits change few of its translations."""
    from collections import Counter

    from lmcourse import attending, tasks, translation, world

    made = tasks.load("ko-en-attention")
    both = world.splits(4000, 40)
    counts = Counter(piece for r in both.train for piece in translation.korean([r])[0])
    examples = both.test[:10]
    model = translation_model(made, examples=[r.ko for r in examples], bits=4, counts=counts)
    gold = {
        r.ko: {"target": r.en, "links": attending.gold(r, "ko-en").possible, "pieces": translation.korean([r])[0]}
        for r in examples
    }
    explorer = AlignmentExplorer(model, truth={r.ko: r.en for r in examples}, gold=gold)
    state = explorer.get_state()
    data = len(base64.b64encode(state["network"].pop("data")))
    assert data + len(json.dumps(state, default=str, ensure_ascii=False).encode()) < AlignmentExplorer.room
    with pytest.raises(ValueError, match="make a figure of .* take fewer bits in translation_model"):
        AlignmentExplorer(translation_model(made, bits=8))
    cuts = [model.cut(r.ko) for r in both.test]
    same = [model.translate(r.ko).text == whole for r, whole in zip(both.test, made(cuts), strict=True)]
    assert sum(same) >= 0.8 * len(same)


def test_the_script_asks_nobody_and_writes_no_html():
    for forbidden in ("innerHTML", "insertAdjacentHTML", "outerHTML", "fetch(", "import ", "eval(", "https:"):
        assert forbidden not in AlignmentExplorer._esm, forbidden


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: AlignmentExplorer(system()), "what translation_model made, not <"),
        (lambda: AlignmentExplorer(translation_model(system())), "without attention looks at nothing"),
        (lambda: AlignmentExplorer(MODEL, view="heat"), "view"),
        (lambda: AlignmentExplorer(MODEL, sharpness=-1.0), "sharpness"),
        (lambda: AlignmentExplorer(MODEL, sharpness=21.0), "sharpness"),
        (lambda: AlignmentExplorer(MODEL, threshold=1.1), "threshold"),
        (lambda: AlignmentExplorer(MODEL, step=-1), "step"),
        (lambda: AlignmentExplorer(MODEL, out=[-1]), "out"),
        (lambda: AlignmentExplorer(MODEL, pointed=[(1, 2, 3)]), "pointed"),
        (lambda: AlignmentExplorer(MODEL, pointed=[(1, -2)]), "pointed"),
        (lambda: AlignmentExplorer(MODEL, pointed=3), "int"),
        (lambda: AlignmentExplorer(MODEL, forced=[11]), "ids below 11, not [11]"),
        (lambda: AlignmentExplorer(MODEL, language="fr"), "language"),
        (lambda: AlignmentExplorer(MODEL, truth={"a": 3}), "truth"),
        (lambda: AlignmentExplorer(MODEL, gold=[1]), "right links by source text, not [1]"),
        (lambda: AlignmentExplorer(MODEL, gold={"a": [1]}), "a dict of 'target' and 'links', not 'a': [1]"),
        (lambda: AlignmentExplorer(MODEL, gold={"a": {"links": []}}), "a dict of 'target' and 'links'"),
        (lambda: AlignmentExplorer(MODEL, gold=links(sure=[])), "target, links, pieces, not 'sure'"),
        (lambda: AlignmentExplorer(MODEL, gold=links((0, 7))), "is (0, 7), and there are"),
        (lambda: AlignmentExplorer(MODEL, gold=links((99, 0))), "is (99, 0), and there are"),
        (lambda: AlignmentExplorer(MODEL, gold=links((-1, 0))), "not [-1, 0]"),
        (lambda: AlignmentExplorer(MODEL, gold=links((0,))), "a link is a pair"),
        (lambda: AlignmentExplorer(MODEL, gold=links(("a", "b"))), "a link is a pair"),
        (lambda: AlignmentExplorer(MODEL, gold=links(pieces=["▁밥"])), "['▁밥'] do not make the text '저는"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)


def test_a_target_of_morphemes_comes_as_pieces():
    from types import SimpleNamespace

    made = looking("gru", None, True, "additive")
    turned = SimpleNamespace(model=made.model, source=made.source, max_length=12)
    turned.target = SimpleNamespace(unit="morpheme", vocabulary=made.target.vocabulary)
    model = translation_model(turned)
    with pytest.raises(ValueError, match="as a list of its pieces, not as '저는'"):
        AlignmentExplorer(model, gold={"저는": {"target": "저는", "links": []}})
    explorer = AlignmentExplorer(model, gold={"저는": {"target": ["▁저", "는"], "links": [(1, 1)]}})
    assert explorer.gold["저는"] == {"target": ["▁저", "는"], "links": [[1, 1]], "pieces": ["▁저", "는"]}
