"""The attention stepper without a browser: what it checks, what it ships, and its JavaScript against numpy."""

import base64
import json
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from javascript import script_runner

from lmcourse.attention import SCORES, masked_softmax
from lmcourse.widgets import AttentionStepper
from lmcourse.widgets.base import FIGURE_BUDGET

SOURCE, TARGET = ["저는", "밥을", "먹었다"], ["I", "ate", "rice"]
STATES = np.array([[0.9, 0.1], [-0.2, 0.8], [0.4, -0.5]])
QUERIES = np.array([[1.0, -0.5], [0.2, 0.9], [-0.6, 0.3]])
SCORER = {
    "query": np.array([[1.0, 0.5], [-0.5, 2.0]]),
    "key": np.array([[1.5, -0.5], [0.0, 2.0]]),
    "bias": np.array([0.1, -0.2]),
    "score": np.array([2.0, 1.5]),
}
PREDICTIONS = [[("I", 0.8), ("you", 0.2)], {"ate": 0.6, "rice": 0.3}, [("rice", 0.91), ("ate", 0.05)]]


def score_of(query, state, scorer=SCORER):
    """The additive score, number by number."""
    total = 0.0
    for a in range(len(scorer["score"])):
        inside = scorer["bias"][a]
        inside += sum(scorer["query"][a][i] * query[i] for i in range(len(query)))
        inside += sum(scorer["key"][a][i] * state[i] for i in range(len(state)))
        total += scorer["score"][a] * np.tanh(inside)
    return total


SCORE = np.array([[score_of(q, h) for h in STATES] for q in QUERIES])
WEIGHTS = torch.tensor(SCORE).softmax(1).numpy()
CONTEXTS = WEIGHTS @ STATES


def stepper(**changes):
    arguments = {
        "source": SOURCE, "target": TARGET, "states": STATES, "weights": WEIGHTS, "scores": SCORE,
        "contexts": CONTEXTS, "predictions": PREDICTIONS, "queries": QUERIES, "scorer": SCORER,
    }  # fmt: skip
    return AttentionStepper(**arguments | changes)


def wide(S=15, T=12, D=128, seed=0, **changes):
    """A trained translator's arrays, nearly."""
    rng = np.random.default_rng(seed)
    states, scores = np.tanh(rng.normal(size=(S, D))), 3 * rng.normal(size=(T, S))
    weights = torch.tensor(scores).softmax(1).numpy()
    target = [f"▁word{n}" for n in range(T - 1)] + ["</s>"]
    arguments = {
        "source": [f"▁piece{n}" for n in range(S)], "target": target, "states": states, "weights": weights,
        "scores": scores, "contexts": weights @ states, "queries": np.tanh(rng.normal(size=(T, D))),
        "predictions": [[(word, 0.7), ("▁other", 0.2)] for word in target],
    }  # fmt: skip
    return AttentionStepper(**arguments | changes)


def numbers(explorer, name):
    """An array as the page gets it."""
    packed = explorer.get_state()["arrays"][name]
    return np.frombuffer(packed["data"], f"<f{packed['size']}").reshape(packed["shape"])


# What is shipped


def test_small_numbers_are_shipped_as_they_are():
    explorer = stepper()
    assert explorer.numbers and explorer.scorer == "additive"
    for name, array in [("states", STATES), ("scores", SCORE), ("queries", QUERIES), ("key", SCORER["key"])]:
        assert np.array_equal(numbers(explorer, name), array)
    assert np.array_equal(numbers(explorer, "bias"), [SCORER["bias"]])
    assert explorer.predictions[1] == [["ate", 0.6], ["rice", 0.3]]


def test_long_vectors_are_shipped_in_few_bytes():
    explorer = wide()
    assert not explorer.numbers
    assert len(explorer.arrays["states"]["data"]) == 4 * 15 * 128
    assert np.abs(numbers(explorer, "states") - explorer._states).max() < 1e-7
    assert len(explorer.arrays["queries"]["data"]) == 2 * 12 * 128
    assert np.array_equal(numbers(explorer, "scores"), explorer._scores)  # the scores are read as numbers
    size = sum(len(base64.b64encode(each["data"])) for each in explorer.arrays.values())
    assert size < 20_000
    assert size + len(explorer._esm.encode()) + len(explorer._css.encode()) < FIGURE_BUDGET / 2


@pytest.mark.parametrize("kind", SCORES)
def test_the_scores_of_the_course_and_their_state_dict_fit(kind):
    torch.manual_seed(1)
    score = SCORES[kind](2, 2).double()
    states, queries = torch.tensor(STATES), torch.tensor(QUERIES)
    keys = score.keys(states[None].expand(3, -1, -1))
    with torch.no_grad():
        scores = score(queries, keys)
    weights = masked_softmax(scores)
    scorer = "dot" if kind == "dot" else score.state_dict()
    explorer = AttentionStepper(
        SOURCE, TARGET, states, weights, scores, weights @ states, queries=queries, scorer=scorer
    )
    assert explorer.scorer == kind
    without = AttentionStepper(SOURCE, TARGET, states, queries=queries, scorer=scorer)  # it can work out the rest
    assert np.allclose(numbers(without, "scores"), scores.numpy(), atol=1e-12)
    with pytest.raises(ValueError, match=r"at step 2 \('ate'\) the scores are not .*'밥을' has"):
        wrong = scores.clone()
        wrong[1, 1] += 1
        AttentionStepper(SOURCE, TARGET, states, scores=wrong, queries=queries, scorer=scorer)


def test_what_was_worked_out_by_hand_may_be_rounded():
    assert np.array_equal(numbers(stepper(weights=WEIGHTS.round(2)), "scores"), SCORE)
    rounded = SCORE.round(2)
    weights = torch.tensor(rounded).softmax(1).numpy().round(2)
    explorer = stepper(scores=rounded, weights=weights, contexts=(weights @ STATES).round(2))
    assert np.array_equal(numbers(explorer, "scores"), rounded)
    stepper(weights=WEIGHTS.round(2), contexts=CONTEXTS)  # rounded to be shown, and multiplied before
    with pytest.raises(ValueError, match="the weights are not the softmax"):
        stepper(weights=WEIGHTS.round(1))


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 9), st.integers(1, 6), st.integers(1, 9), st.integers(0, 999))
def test_right_numbers_are_never_complained_of(S, T, D, seed):
    explorer = wide(S, T, D, seed)
    assert explorer.numbers == (D <= 4)
    wide(S, T, D, seed, weights=explorer_weights(explorer).astype(np.float32))


def explorer_weights(explorer):
    return torch.tensor(explorer._scores).softmax(1).numpy()


def test_a_single_piece_and_a_single_word():
    explorer = AttentionStepper(["a"], ["</s>"], [[3.0]], [[1.0]], [[-7.0]], [[3.0]])
    assert "  3 weights     a 1.00" in explorer.summary()
    assert explorer.picture is not None and explorer._png()


# Wrong numbers are named


def changed(array, step, place, by):
    array = array.copy()
    array[step, place] += by
    return array


def other_axis():
    exp = np.exp(SCORE)
    return exp / exp.sum(0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": changed(WEIGHTS, 1, 0, 0.1)}, "at step 2 ('ate') the weights are not the softmax of the scores"),
        ({"weights": changed(WEIGHTS, 1, 0, 0.1)}, f"'저는' has {WEIGHTS[1, 0] + 0.1:.4g}, and exp({SCORE[1, 0]:.4g})"),
        ({"weights": changed(WEIGHTS, 1, 0, 0.1)}, "They add up to 1.1."),
        ({"weights": np.exp(SCORE)}, "What was passed is exp(score), not yet divided by the sum"),
        ({"weights": other_axis()}, "the softmax over the steps, not over the pieces of the source"),
        ({"weights": SCORE / SCORE.sum(1, keepdims=True)}, "the scores divided by their sum, without exp"),
        ({"weights": np.full((3, 3), 1 / 3)}, "What was passed is all equal"),
        ({"weights": WEIGHTS[[1, 0, 2]]}, "at step 1 ('I')"),
        ({"weights": WEIGHTS[[0, 2, 1]]}, "What was passed is those of step 3"),
        ({"contexts": changed(CONTEXTS, 2, 1, 0.1)}, "at step 3 ('rice') the context is not the sum of weight times"),
        ({"contexts": changed(CONTEXTS, 2, 1, 0.1)}, f"number 2 of it is {CONTEXTS[2, 1] + 0.1:.4g}, and "),
        ({"contexts": np.tile(STATES.sum(0), (3, 1))}, "What was passed is the sum of the states, without weights"),
        ({"contexts": np.tile(STATES.mean(0), (3, 1))}, "What was passed is the mean of the states, without weights"),
        ({"contexts": STATES[WEIGHTS.argmax(1)]}, "What was passed is the state with the largest weight"),
        ({"contexts": SCORE @ STATES}, "What was passed is the sum of score times state"),
        ({"scores": changed(SCORE, 0, 2, 1)}, "at step 1 ('I') the scores are not v · tanh(W q + U h + b): '먹"),
        ({"scorer": SCORER | {"bias": [0, 0]}}, "the scores are not v · tanh(W q + U h + b)"),
        ({"scores": np.array([[score_of(q, h, SCORER | {"bias": [0, 0]}) for h in STATES] for q in QUERIES])},
         "What was passed is the score without its bias"),
        ({"scorer": "dot"}, "the scores are not q · h"),
    ],
)  # fmt: skip
def test_wrong_numbers_are_named_with_their_step(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        stepper(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": "저는"}, "source is a list of strings, not the string '저는'"),
        ({"source": []}, "source is empty"),
        ({"target": [1, 2, 3]}, "target is a list of strings, and 1 is none"),
        ({"source": SOURCE[:2]}, "states has the shape (3, 2), not (2, any)"),
        ({"states": [1.0, 2.0, 3.0]}, "states has the shape (3,), not (3, any)"),
        ({"states": [[1.0], [2.0, 3.0], [4.0]]}, "states should be numbers in equally long rows"),
        ({"states": [["a"], ["b"], ["c"]]}, "states should be numbers"),
        ({"states": STATES * np.nan}, "states has 6 numbers that are not finite"),
        ({"states": STATES * 1e6}, "beyond 60,000: 900000"),
        ({"scores": SCORE[:2]}, "scores has the shape (2, 3), not (3, 3)"),
        ({"scores": np.where(SCORE > 1, -np.inf, SCORE)}, "leave out the places that a mask hides"),
        ({"weights": WEIGHTS.T[:2]}, "weights has the shape (2, 3), not (3, 3)"),
        ({"contexts": CONTEXTS[:, :1]}, "contexts has the shape (3, 1), not (3, 2)"),
        ({"queries": QUERIES[:1]}, "queries has the shape (1, 2), not (3, any)"),
        ({"hidden": QUERIES[:1]}, "hidden has the shape (1, 2), not (3, any)"),
        ({"scores": None, "scorer": None}, "scores are needed"),
        ({"queries": None}, "a scorer needs queries"),
        ({"scorer": "sum"}, "scorer is 'dot' or a mapping of arrays, not 'sum'"),
        ({"scorer": 3}, "scorer is 'dot' or a mapping of arrays, not 3"),
        ({"scorer": {"query": SCORER["query"], "key": SCORER["key"]}}, "scorer has no score"),
        ({"scorer": SCORER | {"gain": 1}}, "scorer has no use for 'gain'"),
        ({"scorer": SCORER | {"key": [[1.0, 2.0, 3.0]]}}, "scorer key has the shape (1, 3), not (2, 2)"),
        ({"scorer": "dot", "queries": np.ones((3, 3))}, "queries have 3, states 2"),
        ({"predictions": PREDICTIONS[:2]}, "predictions has 2 steps, and target 3"),
        ({"predictions": [["I"], [], []]}, "predictions of step 1 ('I') are pairs (word, probability), not 'I'"),
        ({"predictions": [[("I", 1.2)], [], []]}, "a probability from 0 to 1, not ('I', 1.2)"),
        ({"predictions": [[("I", 0.2), ("a", 0.5)], [], []]}, "go from the likeliest on: 'a' has 0.5 after 0.2"),
        ({"predictions": [[("I", 0.7), ("a", 0.6)], [], []]}, "add up to 1.3, more than 1"),
        ({"predictions": [[("I", 0.4), ("I", 0.3)], [], []]}, "have a word twice"),
        ({"step": 3}, "step: there is no step 3: there are 3, from 0"),
        ({"piece": -1}, "piece: there is no piece of the source -1"),
        ({"unit": 2}, "unit: there is no number 2"),
        ({"stage": 8}, "stage"),
        ({"digits": 9}, "digits"),
        ({"language": "fr"}, "language"),
        ({"what_if": [1.0]}, "what_if are 3 scores"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_plain_words(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        stepper(**changes)


def test_a_figure_has_a_size_and_vectors_a_length():
    with pytest.raises(ValueError, match="90 states of 512 numbers and 12 steps make a figure .* a shorter sentence"):
        wide(90, 12, 512)
    with pytest.raises(ValueError, match="up to 6 numbers can be written out, not of 128"):
        wide(numbers=True)
    assert wide(5, 3, 6, numbers=True).numbers and not wide(5, 3, 3, numbers=False).numbers


# What stands in for the widget


def test_summary_says_the_seven_steps():
    lines = stepper(step=1, hidden=QUERIES).summary().splitlines()
    assert lines[0] == "AttentionStepper: 3 pieces of source, 3 steps, states of 2 numbers"
    listed = [", ".join(f"{name} {x:.2f}" for name, x in zip(SOURCE, row, strict=True)) for row in WEIGHTS]
    assert lines[1] == f"step 1 of 3: {listed[0]}, writes I"
    assert lines[2:4] == [
        "step 2 of 3",
        "  1 states      저는 [0.90, 0.10], 밥을 [−0.20, 0.80], 먹었다 [0.40, −0.50]",
    ]
    assert lines[5] == f"  3 weights     {listed[1]}"
    assert lines[6] == f"  4 context     [{CONTEXTS[1, 0]:.2f}, {CONTEXTS[1, 1]:.2f}]"
    assert lines[7:10] == [
        "  5 input       I and the context",
        "  6 prediction  ate 60.0%, rice 30.0%",
        "  7 output      ate",
    ]
    assert "128 numbers" in wide().summary() and wide().summary().endswith("writes </s>")


def test_changed_scores_have_no_prediction():
    explorer = stepper(step=2, what_if=[0, 0, 0])
    assert "  3 weights     저는 0.33, 밥을 0.33, 먹었다 0.33" in explorer.summary()
    assert "not known" in explorer.summary() and "7 output" not in explorer.summary()


def test_numbers_are_rounded_as_the_page_rounds_them(node):
    values = [0.125, -0.125, 0.005, -0.001, 0.0, 1.005, 2.675, -3.14159, 1e-9, 99999.0]
    for digits in range(5):
        explorer = stepper(digits=digits)
        shown = node(
            "return data.values.map((x) => widget.fixed(x, data.digits))", {"values": values, "digits": digits}
        )
        assert [explorer._fixed(value) for value in values] == shown


def test_pictures_are_the_same_every_time_and_take_any_token():
    hostile = ["<b>$x$", "", "x" * 200]
    first, second = (stepper(source=hostile, step=1)._repr_mimebundle_()[0] for _ in range(2))
    assert first["image/png"] == second["image/png"] and first["text/plain"] == second["text/plain"]
    assert base64.b64decode(first["image/png"]).startswith(b"\x89PNG")
    assert first["image/png"] != stepper(source=hostile, step=2)._repr_mimebundle_()[0]["image/png"]


def test_what_a_reader_changes_is_a_synced_trait():
    explorer = stepper()
    explorer.set_state({"step": 2, "stage": 5, "piece": 1, "unit": 0, "what_if": [1.0, 2.0, 3.0]})
    assert (explorer.step, explorer.stage, explorer.piece, explorer.unit) == (2, 5, 1, 0)
    assert "step 3 of 3, with other scores" in explorer.summary()


def test_the_script_asks_nobody_and_writes_no_html():
    for forbidden in ("innerHTML", "insertAdjacentHTML", "outerHTML", "fetch(", "import ", "eval(", "https:"):
        assert forbidden not in AttentionStepper._esm, forbidden


def test_both_languages_have_the_same_strings():
    strings = re.search(r"const STRINGS = \{\nen: \{(.*?)\n\},\nko: \{(.*?)\n\},\n\};", AttentionStepper._esm, re.S)
    keys = [re.findall(r"(?:^|[ {])(\w+): ", re.sub(r'"[^"]*"|`[^`]*`', "", part), re.M) for part in strings.groups()]
    assert keys[0] == keys[1] and len(set(keys[0])) > 30
    used = set(re.findall(r"\bT\.(\w+)", AttentionStepper._esm))
    assert used <= set(keys[0])
    for name in set(keys[0]) - used - {"en", "ko"}:  # those that are looked up by a name
        assert f'"{name}"' in AttentionStepper._esm or name in ("additive", "general", "dot", "states", "products"), (
            name
        )


# The arithmetic of the page


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    return script_runner(AttentionStepper, tmp_path_factory.mktemp("node"))


def shipped(explorer):
    arrays = explorer.get_state()["arrays"]
    return {name: {**each, "data": {"bytes": base64.b64encode(each["data"]).decode()}} for name, each in arrays.items()}


@pytest.mark.parametrize("explorer", [stepper(), wide()], ids=["by hand", "wide"])
def test_the_page_computes_what_numpy_computes(node, explorer):
    got = node(
        """const rows = (name) => widget.readRows(data[name]);
           const [states, scores] = [rows("states"), rows("scores")];
           const weights = scores.map(widget.softmax);
           const contexts = weights.map((w) => [...widget.mix(w, states)]);
           return { states: states.map((row) => [...row]), weights, contexts }""",
        shipped(explorer),
    )
    weights = explorer_weights(explorer)
    assert np.array_equal(got["states"], numbers(explorer, "states").astype(float))
    assert np.allclose(got["weights"], weights, atol=1e-12)
    assert np.allclose(got["contexts"], weights @ numbers(explorer, "states").astype(float), atol=1e-12)


def test_the_page_computes_the_additive_score_with_its_parts(node):
    got = node(
        """const rows = Object.fromEntries(Object.entries(data).map(([name, each]) => [name, widget.readRows(each)]));
           return rows.queries.map((q) => rows.states.map((h) => {
             const made = widget.additive(rows, q, h);
             return [[...made.asked], [...made.keyed], [...made.hidden], made.score];
           }))""",
        shipped(stepper()),
    )
    for q, row in zip(QUERIES, got, strict=True):
        for state, (asked, keyed, hidden, score) in zip(STATES, row, strict=True):
            assert np.allclose(asked, SCORER["query"] @ q)
            assert np.allclose(keyed, SCORER["key"] @ state + SCORER["bias"])
            assert np.allclose(hidden, np.tanh(np.add(asked, keyed)))
            assert score == pytest.approx(score_of(q, state))


def test_softmax_does_not_overflow(node):
    rows = [[1000, 1000], [-1000, 0], [60000, -60000], [0]]
    assert node("return data.map(widget.softmax)", rows) == [[0.5, 0.5], [0, 1], [1, 0], [1]]


def test_the_walk_goes_through_all_stages_of_all_words_and_back(node):
    forward, back, far = node(
        """const path = (from, by) => {
             const places = [from];
             for (let n = 0; n < 30; n++) places.push(widget.walk(places.at(-1), by, 3));
             return places.map(({ step, stage }) => [step, stage]);
           };
           const far = widget.walk({ step: 1, stage: 4 }, 99, 3);
           return [path({ step: 0, stage: 1 }, 1), path({ step: 2, stage: 7 }, -1), far];""",
        {},
    )
    places = [[step, stage] for step in range(3) for stage in range(1, 8)]
    assert forward[:21] == places and forward[21:] == [[2, 7]] * 10
    assert back[:21] == places[::-1] and back[21:] == [[0, 1]] * 10
    assert far == {"step": 2, "stage": 7}


def test_numbers_for_people(node):
    got = node(
        """return [[0.5, -0.004, 1e5, 2.5e21, -123456, 0].map((x) => widget.fixed(x, 2)),
                   widget.products([0.5, -0.25], [-0.2, 0.1], 2), widget.products([-1], [3], 0)]""",
        {},
    )
    assert got[0] == ["0.50", "0.00", "1.00·10^5", "2.50·10^21", "−1.23·10^5", "0.00"]
    assert got[1:] == ["0.50 × (−0.20) + (−0.25) × 0.10", "−1 × 3"]
    assert json.dumps(got)  # plain strings
