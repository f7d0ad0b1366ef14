"""The QKV explorer without a browser: Python's arithmetic against attend, and the JavaScript against Python's."""

import base64
import math
import re
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from javascript import script_runner

from lmcourse.self_attention import SelfAttention, attend, causal_mask
from lmcourse.widgets import QKVExplorer
from lmcourse.widgets.base import FIGURE_BUDGET
from lmcourse.widgets.qkv import _fixed

TOKENS = ["딥러닝", "자연어", "처리", "어려워요"]
STATE = ("order", "causal", "scaled", "scale", "positioned", "left_out", "changes")


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


X, W_Q, W_K, W_V = normal(4, 3), normal(2, 3, seed=1), normal(2, 3, seed=2), normal(2, 3, seed=3)
POSITIONS, OUTPUT = normal(4, 3, seed=4), (normal(5, 2, seed=5), normal(5, seed=6))
LABELS = ["study", "language", "praise", "complaint", "weather"]


def explorer(**changes):
    arguments = {"tokens": TOKENS, "vectors": X, "W_q": W_Q, "W_k": W_K, "W_v": W_V} | changes
    return QKVExplorer(**arguments)


def truth(made):
    """Context vectors and weights of what an explorer was passed and what was changed since, by ``attend``."""
    arrays = {name: torch.tensor(array, dtype=torch.float64) for name, array in made.get_state()["data"].items()}
    order = list(made.order)

    def put(part, rows):
        rows = rows.clone()
        for which, word, number, value in made.changes:
            if which == part:
                rows[order.index(word)][number] = value
        return rows

    x = put("x", arrays["vectors"][order])
    if made.positioned and "positions" in arrays:
        x = x + arrays["positions"]
    query, key, value = (put(part, torch.nn.functional.linear(x, arrays[f"W_{part}"])) for part in "qkv")
    mask = torch.tensor([[word not in made.left_out for word in order]]).expand(len(order), -1)
    scale = made.scale if made.scaled else 1.0
    context, weights = attend(query, key, value, mask, causal=made.causal, scale=scale)
    return context.numpy(), weights.numpy()


def check(made):
    context, weights = truth(made)
    assert made.weights() == pytest.approx(weights, abs=1e-9)
    assert made.context() == pytest.approx(context, abs=1e-6)
    return context, weights


# The arithmetic of Python


def test_it_is_the_self_attention_of_the_course():
    torch.manual_seed(1)
    head = SelfAttention(3, 2, fused=False)
    x = torch.randn(1, 4, 3)
    made = QKVExplorer(TOKENS, x[0], head.query.weight, head.key.weight, head.value.weight)
    with torch.no_grad():
        context, weights = head(x, weights=True)
    assert made.scale == pytest.approx(1 / math.sqrt(2))
    assert made.weights() == pytest.approx(weights[0].numpy(), abs=1e-6)
    assert made.context() == pytest.approx(context[0].numpy(), abs=1e-6)
    made.causal = True
    with torch.no_grad():
        context, weights = head(x, causal=True, weights=True)
    assert made.weights() == pytest.approx(weights[0].numpy(), abs=1e-6)
    assert made.context() == pytest.approx(context[0].numpy(), abs=1e-6)


CHANGED = [
    {},
    {"causal": True},
    {"scaled": False},
    {"scale": 3.0},
    {"scale": 0.0},
    {"positioned": False},
    {"order": [2, 0, 3, 1]},
    {"order": [3, 2, 1, 0], "causal": True, "left_out": [1]},
    {"left_out": [0], "causal": True},
    {"left_out": [0, 1, 2, 3]},
    {"changes": [["x", 1, 2, 2.5], ["x", 3, 0, -1.0]], "order": [1, 0, 3, 2]},
    {"changes": [["x", 1, 0, 2.0], ["q", 1, 1, -0.5], ["k", 2, 0, 3.0], ["v", 0, 1, 9.0]], "causal": True},
]


@pytest.mark.parametrize("state", CHANGED, ids=str)
@pytest.mark.parametrize("positions", [None, POSITIONS], ids=["without", "with positions"])
def test_every_change_is_what_attend_gives(state, positions):
    made = explorer(positions=positions)
    before = made.context()
    for name, value in state.items():
        setattr(made, name, value)
    check(made)
    if state and not (positions is None and ("positioned" in state)):
        assert not np.allclose(made.context(), before)
    assert explorer(positions=positions, **state).context() == pytest.approx(made.context())  # or right from the start


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 12), st.integers(1, 8), st.integers(1, 8), st.integers(1, 8), st.integers(0, 999), st.data())
def test_any_sentence_and_any_change(T, D, K, V, seed, data):
    made = QKVExplorer(
        [f"w{n}" for n in range(T)], normal(T, D, seed=seed), normal(K, D, seed=seed), normal(K, D, seed=seed + 1),
        normal(V, D, seed=seed + 2), positions=normal(T, D, seed=seed + 3),
    )  # fmt: skip
    made.order = data.draw(st.permutations(range(T)))
    made.left_out = data.draw(st.lists(st.integers(0, T - 1)))
    made.causal, made.scaled = data.draw(st.booleans()), data.draw(st.booleans())
    made.changes = [["v", T - 1, V - 1, 4.0], ["k", 0, K - 1, -2.0]]
    _, weights = check(made)
    sums = weights.sum(1)
    assert np.allclose(sums[sums > 0], 1)


def test_without_positions_order_means_nothing_and_with_them_something():
    for positions in (None, POSITIONS):
        made = explorer(positions=positions)
        before = made.context()
        made.order = [2, 3, 0, 1]
        same = np.allclose(made.context()[[2, 3, 0, 1]], before)
        assert same == (positions is None)


def test_a_word_that_may_look_nowhere_gets_nothing():
    made = explorer(causal=True, left_out=[0], output=OUTPUT, labels=LABELS)
    assert not made.weights()[0].any() and not made.context()[0].any()
    assert made.weights()[1:].sum(1) == pytest.approx(1)
    assert made.says()[0] == pytest.approx(torch.tensor(OUTPUT[1]).softmax(0).numpy())
    assert "5 it may look nowhere" in explorer(causal=True, left_out=[0]).summary()


def test_a_change_of_x_goes_through_and_one_of_k_stays():
    made = explorer()
    made.changes = [["k", 1, 0, 7.0], ["x", 1, 0, 5.0]]
    look = made._look()
    assert look.k[1, 0] == 7 and look.x[1, 0] == 5
    assert look.q[1] == pytest.approx(W_Q @ [5, *X[1, 1:]])
    assert look.k[1, 1] == pytest.approx(W_K[1] @ [5, *X[1, 1:]])


def test_what_the_context_says():
    made = explorer(output=OUTPUT, labels=LABELS)
    logits = torch.tensor(made.context()) @ torch.tensor(OUTPUT[0]).T + torch.tensor(OUTPUT[1])
    assert made.says() == pytest.approx(logits.softmax(-1).numpy())
    plain = explorer(output=torch.tensor(OUTPUT[0]), labels=LABELS)
    assert plain.says() == pytest.approx((logits - torch.tensor(OUTPUT[1])).softmax(-1).numpy())
    pair_of_rows = explorer(output=((1.0, 2.0), (3.0, 4.0)), labels=LABELS[:2])  # a tuple that is a matrix
    assert pair_of_rows.get_state()["data"]["output"] == [[1, 2], [3, 4]]
    with pytest.raises(ValueError, match="none were passed"):
        explorer().says()


def test_numbers_do_not_overflow():
    made = explorer(vectors=1000 * np.sign(X), W_q=1000 * np.ones((2, 3)), scale=10)
    assert np.isfinite(made.weights()).all() and made.weights().sum(1) == pytest.approx(1)
    assert "·10^" in made.summary()


# Bad input


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": "딥러닝"}, "tokens is a list of strings, not the string '딥러닝'"),
        ({"tokens": []}, "tokens has 0 strings, and there is room for 1 to 12"),
        ({"tokens": ["a"] * 13, "vectors": normal(13, 3)}, "tokens has 13 strings"),
        ({"tokens": [1, 2, 3, 4]}, "tokens is a list of strings, and 1 is none"),
        ({"tokens": TOKENS[:3]}, "vectors has the shape (4, 3), not (3, any)"),
        ({"vectors": X[0]}, "vectors has the shape (3,), not (4, any)"),
        ({"vectors": [[1], [2, 3], [4], [5]]}, "vectors should be numbers in equally long rows"),
        ({"vectors": X * np.nan}, "vectors has 12 numbers that are not finite"),
        ({"vectors": 1e9 * X}, "vectors has a number beyond 1,000"),
        ({"vectors": normal(4, 9), "W_q": normal(2, 9), "W_k": normal(2, 9), "W_v": normal(2, 9)},
         "vectors have at most 8 numbers, and vectors has the shape (4, 9)"),
        ({"W_q": W_Q.T}, "W_q has the shape (3, 2), not (any, 3)"),
        ({"W_k": normal(3, 3)}, "W_k has the shape (3, 3), not (2, 3)"),
        ({"W_v": normal(9, 3)}, "vectors have at most 8 numbers, and W_v has the shape (9, 3)"),
        ({"positions": POSITIONS[:3]}, "positions has the shape (3, 3), not (4, 3)"),
        ({"scale": "root"}, "scale is a number from 0 to 10, not 'root'"),
        ({"scale": True}, "scale is a number from 0 to 10, not True"),
        ({"scale": -1.0}, "-1"),
        ({"scale": 11}, "11"),
        ({"query": 4}, "query: there is no word 4: there are 4, from 0"),
        ({"query": -1}, "query"),
        ({"word": 9}, "word: there is no word 9"),
        ({"part": "w"}, "part"),
        ({"language": "fr"}, "language"),
        ({"order": [0, 1, 2]}, "order has each of the 4 words once, not [0, 1, 2]"),
        ({"order": [0, 1, 2, 2]}, "order has each of the 4 words once"),
        ({"left_out": [4]}, "left_out: there is no word 4"),
        ({"changes": [["k", 0, 2, 1.0]]}, "not ['k', 0, 2, 1.0]"),
        ({"changes": [["w", 0, 0, 1.0]]}, "not ['w', 0, 0, 1.0]"),
        ({"changes": [["x", 4, 0, 1.0]]}, "not ['x', 4, 0, 1.0]"),
        ({"changes": [["x", 0, 0, float("nan")]]}, "a value of at most 1,000"),
        ({"changes": [["x", 0, 0]]}, "a change is [part, word, number, value]"),
        ({"labels": LABELS}, "labels need an output"),
        ({"output": OUTPUT}, "output has 5 rows, and labels says what they are called"),
        ({"output": OUTPUT, "labels": LABELS[:4]}, "labels has 4 strings, and output 5 rows"),
        ({"output": OUTPUT[0].T, "labels": LABELS}, "output has the shape (2, 5), not (any, 2)"),
        ({"output": (OUTPUT[0], OUTPUT[1][:3]), "labels": LABELS}, "the bias of output has the shape (3,), not (5,)"),
        ({"tokens": ["x" * 200_000, "b", "c", "d"]}, "4 words of 200,027 bytes make a figure of"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_plain_words(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        explorer(**changes)


def test_numbers_of_numpy_and_torch_are_numbers():
    made = explorer(
        query=X.sum(1).argmax(), scale=np.float32(0.5), causal=np.True_, order=torch.tensor([1, 0, 2, 3]),
        left_out=np.array([2]), changes=[("k", np.int64(1), 0, np.float32(0.5))],
    )  # fmt: skip
    assert type(made.query) is int and made.order == [1, 0, 2, 3] and made.changes == [["k", 1, 0, 0.5]]
    check(made)


def test_the_last_change_of_a_number_counts():
    made = explorer(changes=[["k", 0, 1, 1], ["v", 0, 0, 2.0], ["k", 0, 1, 3.0]])
    assert made.changes == [["k", 0, 1, 3.0], ["v", 0, 0, 2.0]]


# What is shipped, and what stands in for the widget


def test_what_a_reader_changes_is_a_synced_trait():
    made = explorer(positions=POSITIONS)
    sent = {
        "query": 2, "word": 1, "part": "k", "causal": True, "scaled": False, "scale": 0.5, "positioned": False,
        "order": [1, 0, 2, 3], "left_out": [3], "changes": [["k", 1, 0, 1]],
    }  # fmt: skip
    made.set_state(sent)
    assert {name: getattr(made, name) for name in sent} == sent
    assert made.initial == {name: getattr(explorer(positions=POSITIONS), name) for name in STATE}
    check(made)
    assert "2 scores    of 처리: 자연어 " in made.summary() and "어려워요 hidden" in made.summary()


def test_it_is_small():
    made = QKVExplorer(
        ["가" * 40] * 12, normal(12, 8), normal(8, 8), normal(8, 8), normal(8, 8), positions=normal(12, 8),
        output=(normal(64, 8), normal(64)), labels=["나" * 20] * 64,
    )  # fmt: skip
    size = len(str(made.get_state()["data"])) + len(made._esm.encode()) + len(made._css.encode())
    assert size < FIGURE_BUDGET / 2


def test_summary_says_the_five_lines():
    made = explorer(query=3, output=OUTPUT, labels=LABELS)
    lines = made.summary().splitlines()
    context, weights = truth(made)
    assert lines[0] == "QKVExplorer: 4 words of 3 numbers, queries and keys of 2, values of 2"
    assert lines[1].startswith(f"1 vectors   딥러닝: x [{', '.join(map(_fixed, X[0]))}], q [")
    assert lines[6] == "3 weights   with the factor 0.71: " + ", ".join(
        f"{token} {_fixed(w)}" for token, w in zip(TOKENS, weights[3], strict=True)
    )
    assert lines[7] == f"4 context   [{', '.join(map(_fixed, context[3]))}]"
    likeliest = LABELS[int(made.says()[3].argmax())]
    assert lines[8].startswith(f"5 it says   {likeliest} {100 * made.says()[3].max():.1f}%")
    assert lines[9].startswith("weights of 딥러닝: ") and len(lines) == 12


@pytest.mark.parametrize("sizes", [(2, 2), (3, 5), (8, 1)])
def test_pictures_are_the_same_every_time_and_take_any_token(sizes):
    K, V = sizes
    hostile = ["<b>$x$", "", "x" * 200, "\u202e\u05e9\u05dc\u05d5\u05dd"]

    def made(**changes):
        return QKVExplorer(hostile, X, normal(K, 3), normal(K, 3, seed=1), normal(V, 3, seed=2), **changes)

    first, second = (made()._repr_mimebundle_()[0] for _ in range(2))
    assert first["image/png"] == second["image/png"] and first["text/plain"] == second["text/plain"]
    assert base64.b64decode(first["image/png"]).startswith(b"\x89PNG")
    assert first["image/png"] != made(query=2, causal=True)._repr_mimebundle_()[0]["image/png"]


def test_the_script_asks_nobody_and_writes_no_html():
    for forbidden in ("innerHTML", "insertAdjacentHTML", "outerHTML", "fetch(", "import ", "eval(", "https:"):
        assert forbidden not in QKVExplorer._esm, forbidden


def test_both_languages_have_the_same_strings():
    strings = re.search(r"const STRINGS = \{\nen: \{(.*?)\n\},\nko: \{(.*?)\n\},\n\};", QKVExplorer._esm, re.S)
    keys = [re.findall(r"(?:^|[ {])(\w+): ", re.sub(r'"[^"]*"|`[^`]*`', "", part), re.M) for part in strings.groups()]
    assert keys[0] == keys[1] and len(set(keys[0])) > 40
    used = set(re.findall(r"\bT\.(\w+)", QKVExplorer._esm))
    inside = {"x", "q", "k", "v", "positions", "mask"}  # of strings that come in a few
    assert used <= set(keys[0]) and set(keys[0]) - used <= inside


# The arithmetic of the page


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    return script_runner(QKVExplorer, tmp_path_factory.mktemp("node"))


def sent(made):
    state = made.get_state()
    return {"data": state["data"], "state": {name: state[name] for name in STATE}}


LOOKS = """return data.map(({ data, state }) => {
  const { words, rows, factor } = widget.look(data, state);
  const column = (name) => rows.map((row) => row[name]);
  const parts = Object.fromEntries(widget.PARTS.map((part) => [part, words.map((word) => word[part])]));
  const says = data.output ? rows.map((row) => widget.says(data, row.context)) : null;
  return { ...parts, scores: column("scores"), seen: column("seen"), weights: column("weights"),
    context: column("context"), factor, says };
});"""


def test_the_page_computes_what_python_computes(node):
    made = [explorer(positions=positions, **state) for state in CHANGED for positions in (None, POSITIONS)]
    made += [explorer(output=OUTPUT, labels=LABELS, **state) for state in CHANGED]
    for seed, (T, D, K, V) in enumerate([(1, 1, 1, 1), (12, 8, 8, 8), (5, 8, 2, 3), (7, 2, 5, 2)]):
        made.append(QKVExplorer(
            [f"w{n}" for n in range(T)], normal(T, D, seed=seed), normal(K, D, seed=seed), normal(K, D, seed=seed + 9),
            normal(V, D, seed=seed), causal=seed % 2 == 1, left_out=[0], order=range(T)[::-1],
            changes=[["x", T - 1, D - 1, 0.3]],
        ))  # fmt: skip
    huge = explorer(vectors=1000 * np.sign(X), W_q=1000 * np.ones((2, 3)), scale=10)
    for each, got in zip([*made, huge], node(LOOKS, [sent(each) for each in [*made, huge]]), strict=True):
        want = each._look()
        for name in ("x", "q", "k", "v", "scores", "weights", "context"):
            size = max(1, np.abs(getattr(want, name)).max())
            assert np.allclose(got[name], getattr(want, name), rtol=0, atol=1e-9 * size), name
        assert np.array_equal(got["seen"], want.seen) and got["factor"] == want.factor
        if each.labels:
            assert np.allclose(got["says"], each.says(), atol=1e-9)
        context, weights = truth(each)
        assert np.allclose(got["weights"], weights, atol=1e-6)
        assert np.allclose(got["context"], context, rtol=0, atol=1e-6 * max(1, np.abs(context).max()))


def test_the_mask_of_the_page_is_the_mask_of_the_course(node):
    [got] = node(LOOKS, [sent(explorer(causal=True))])
    assert np.array_equal(got["seen"], causal_mask(4).numpy())


def test_numbers_are_rounded_as_the_page_rounds_them(node):
    values = [0.125, -0.125, 0.005, -0.001, 0.0, 1.005, 2.675, -3.14159, 1e-9, 99999.0, 1e5, -123456.0, 2.5e21]
    shown = node("return data.map(widget.fixed)", values)
    assert [_fixed(value) for value in values] == shown
    assert shown[3] == "0.00" and shown[7] == "−3.14" and shown[-2] == "−1.23·10^5"
    assert shown[0] == str(Decimal("0.125").quantize(Decimal("0.01"), ROUND_HALF_UP))
    assert node("return [widget.fixed(1e400), widget.fixed(-1e400)]", {}) == ["∞", "−∞"]


def test_products_are_written_out(node):
    got = node("return [widget.products([0.5, -0.25], [-0.2, 0.1]), widget.products([-1], [3])]", {})
    assert got == ["0.50 × (−0.20) + (−0.25) × 0.10", "−1.00 × 3.00"]


def test_axes_end_at_round_numbers(node):
    values = [0.5, 0.51, 1, 1.2, 2.9, 3, 4, 5.1, 99, 0.012, 0, 1000]
    assert node("return data.map(widget.nice)", values) == pytest.approx(
        [0.5, 1, 1, 2, 3, 3, 5, 10, 100, 0.02, 1, 1000]
    )


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 12])
def test_the_cloud_has_all_values_inside(node, count):
    points = normal(count, 2, seed=count).round(1).tolist()
    got = node("return widget.hull(data)", points)
    assert all(corner in points for corner in got) and len(got) <= count
    if len(got) < 3:
        return
    for (x1, y1), (x2, y2) in zip(got, [*got[1:], got[0]], strict=True):
        assert all((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1) >= -1e-9 for x, y in points)
