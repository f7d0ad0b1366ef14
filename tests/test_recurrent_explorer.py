"""The recurrent explorer without a browser: its numbers against torch, its texts against lmcourse.text."""

import base64
import json
import math
import random

import numpy as np
import pytest
import torch
from javascript import script_runner

from lmcourse import text
from lmcourse.rnn import LanguageModel
from lmcourse.widgets import RecurrentExplorer, recurrent_model
from lmcourse.widgets.recurrent import _visible

SYMBOLS = ["<pad>", "<unk>", "<s>", "</s>", "▁", *"abcdefgh.", "▔a▔"]
HOSTILE = [
    *("", " ", "  ", "\n", "\t \r\n", "▁", "▔", "▔a▔", "▁▔▁", "<img src=x onerror=alert(1)>", "</script>", '"\\'),
    *("가", "각하", "한글 자모", "ㅎㅏㄴ", "\u1112\u1161\u11ab", "값\u11a8", "\u1112a", "꿹", "힣가\u3000나"),
    *("don't stop", "it’s 3.14, 1,000 or 2.", "a1_b", "１２３", "½²Ⅷ", "naïve nai\u0308ve", "x" * 200),
    *("\u05e9\u05dc\u05d5\u05dd", "\u202eabc", "👩\u200d👩\u200d👧", "🇰🇷", "\u200d", "a\u0301\u0302", "\ufeffa"),
    *(
        "\x1c\x1d\x1e\x1f\x85\xa0",
        "\u180e\u2000\u2028\u2029\u202f\u205f",
        "\u1112\u1161\u0301",
        "\ua960\u1161",
        "toString",
    ),
]


def some_texts(count, seed=0):
    """Random strings of letters that are cut in unlike ways."""
    blocks = [
        (0x20, 0x7F),
        (0x00, 0x20),
        (0x80, 0x180),
        (0x300, 0x370),
        (0x600, 0x660),
        (0x900, 0x970),
        (0x1100, 0x1200),
    ]
    blocks += [
        (0x2000, 0x2070),
        (0x2070, 0x20A0),
        (0x2150, 0x2190),
        (0x2580, 0x2596),
        (0x3000, 0x3100),
        (0x3130, 0x3190),
    ]
    blocks += [(0xA960, 0xA97D), (0xAC00, 0xAC80), (0xD7B0, 0xD7FC), (0xFE00, 0xFE10), (0x1F468, 0x1F470), (0x20, 0x21)]
    dice = random.Random(seed)
    return ["".join(chr(dice.randrange(*dice.choice(blocks))) for _ in range(dice.randrange(12))) for _ in range(count)]


def language_model(cell="lstm", layers=1, tied=True, width=12, symbols=SYMBOLS, seed=0):
    """A network with weights large enough that its states differ, but no chaos."""
    torch.manual_seed(seed)
    model = LanguageModel(len(symbols), width, None if tied else width + 4, cell, layers, tied=tied).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            most = 0.4 if name.startswith("rnn") else 1.0
            parameter.uniform_(-most, most)
    return model


def torch_reading(model, ids):
    """States of the last layer (T, H), the last cell states (L, H) or None, and probabilities (T, V)."""
    with torch.no_grad():
        hidden, state = model.rnn(model.embedding(torch.tensor([ids])))
        p = model(torch.tensor([ids])).logits[0].softmax(-1)
    return hidden[0], [part[:, 0] for part in state], p


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    return script_runner(RecurrentExplorer, tmp_path_factory.mktemp("node"))


def shipped(model):
    [sent] = RecurrentExplorer(model).get_state()["models"]
    return {**sent, "data": {"bytes": base64.b64encode(sent["data"]).decode()}}


KINDS = [(cell, layers, tied) for cell in ("rnn", "gru", "lstm") for layers in (1, 2) for tied in (True, False)]
WHOLE = """
  const tokens = widget.readTokens(data.model), weights = widget.readWeights(data.model);
  const steps = widget.read({ cell: data.model.cell, weights }, data.ids);
"""


# The network


@pytest.mark.parametrize(("cell", "layers", "tied"), KINDS)
def test_the_page_computes_what_torch_computes(node, cell, layers, tied):
    network = language_model(cell, layers, tied)
    model = recurrent_model(network.state_dict(), text.Vocabulary(SYMBOLS, ()))
    assert (model.cell, model.layers, model.width) == (cell, layers, 12 if tied else 16)
    assert ("output.weight" in model.weights) == (not tied)
    sentence = "a bad cab fed a dead hag."
    reading = model.read(sentence)
    ids = [SYMBOLS.index(piece) for piece in reading.pieces]
    assert reading.pieces[:3] == ["<s>", "a", "▁"]
    hidden, state, p = torch_reading(network, ids)
    result = node(
        f"""{WHOLE} return {{ tokens, p: steps.map((s) => [...s.p]),
          h: steps.map((s) => s.layers.map((layer) => [...layer.h])),
          last: steps.at(-1).layers.map((layer) => layer.c && [...layer.c]) }};""",
        {"model": shipped(model), "ids": ids},
    )
    assert result["tokens"] == SYMBOLS
    np.testing.assert_allclose(result["p"], p, atol=1e-3)
    np.testing.assert_allclose([each[-1] for each in result["h"]], hidden, atol=1e-3)
    np.testing.assert_allclose(result["h"][-1], state[0], atol=1e-3)
    if cell == "lstm":
        np.testing.assert_allclose(result["last"], state[1], atol=2e-3)
    # Python and JavaScript have the same rounded weights, and so the same results.
    np.testing.assert_allclose(reading.p, result["p"], atol=1e-6)
    np.testing.assert_allclose(reading.states, result["h"], atol=1e-6)
    assert p.std(0).max() > 0.002, "this network says the same after every symbol"


def test_the_gates_make_the_state(node):
    """c' = f c + i g and h' = o tanh(c') from the gates that are shown; n + z (h - n) for the GRU."""
    for cell in ("lstm", "gru"):
        model = recurrent_model(language_model(cell).state_dict(), SYMBOLS)
        values = node(
            f"""{WHOLE} const plain = (o) => Object.fromEntries(Object.entries(o).map(([k, v]) => [k, [...v]]));
              return steps.map((s) => plain(s.layers[0]));""",
            {"model": shipped(model), "ids": [2, 5, 6, 7, 8]},
        )
        for before, after in zip(values, values[1:], strict=False):
            a, b = ({key: np.array(value) for key, value in each.items()} for each in (before, after))
            if cell == "lstm":
                np.testing.assert_allclose(b["c"], b["f"] * a["c"] + b["i"] * b["g"], atol=1e-12)
                np.testing.assert_allclose(b["h"], b["o"] * np.tanh(b["c"]), atol=1e-12)
            else:
                np.testing.assert_allclose(b["h"], b["n"] + b["z"] * (a["h"] - b["n"]), atol=1e-12)
            assert all((0 <= b[gate]).all() and (b[gate] <= 1).all() for gate in "ifozr" if gate in b)


@pytest.mark.parametrize("bits", [4, 5, 6, 7, 8])
def test_fewer_bits_round_each_row(node, bits):
    network = language_model("lstm", tied=False)
    model = recurrent_model(network.state_dict(), SYMBOLS, bits=bits)
    for name, value in network.state_dict().items():
        value = value.numpy()
        step = np.abs(value).max(-1, keepdims=True) / (2 ** (bits - 1) - 1)
        most = step * 0.51 if value.ndim == 2 else 5e-4
        assert (np.abs(model.weights[name] - value) <= most).all()
    rounded = {name: torch.tensor(value, dtype=torch.float32) for name, value in model.weights.items()}
    network.load_state_dict(rounded)
    ids = [2, 5, 6, 4, 7, 14]
    got = node(f"{WHOLE} return steps.map((s) => [...s.p]);", {"model": shipped(model), "ids": ids})
    np.testing.assert_allclose(got, torch_reading(network, ids)[2], atol=1e-5)


def test_what_was_read_is_not_read_again(node):
    model = recurrent_model(language_model().state_dict(), SYMBOLS)
    got = node(
        f"""{WHOLE} const model = {{ cell: "lstm", weights }}, p = (all) => JSON.stringify([...all.at(-1).p]);
          const more = widget.read(model, [...data.ids, 9, 10], steps);
          const other = widget.read(model, [2, 6, 6, 7], steps);
          return {{ kept: more.filter((s, t) => s === steps[t]).length, other: other.map((s, t) => s === steps[t]),
                   equal: p(widget.read(model, [2, 6, 6, 7])) === p(other) }};""",
        {"model": shipped(model), "ids": [2, 5, 6, 7]},
    )
    assert got == {"kept": 4, "other": [True, False, False, False], "equal": True}


def test_half_precision_is_read_exactly(node):
    values = np.concatenate([np.arange(0, 31 << 10, 7), [1, 1023, 1024, 31743]]).astype(np.uint16)
    values = np.concatenate([values, values | 0x8000])
    got = node("return data.map(widget.fromHalf);", values.tolist())
    np.testing.assert_array_equal(got, values.view(np.float16).astype(float))


def test_what_is_shown_first_is_what_the_page_computes(node):
    model = recurrent_model(language_model().state_dict(), SYMBOLS, examples=[("a cab", "bad cabs"), "fed"])
    [sent] = RecurrentExplorer({"one": model}).get_state()["models"]
    assert [first[0] for first in sent["first"]] == ["a cab", "bad cabs"]
    for sentence, rows in sent["first"]:
        ids = [model.index.get(piece, 1) for piece in ["<s>", *text.split(sentence, "character")]]
        p = node(f"{WHOLE} return [...steps.at(-1).p];", {"model": shipped(model), "ids": ids})
        assert len(rows) == 10
        assert [id for id, _ in rows] == sorted(range(len(p)), key=lambda i: -p[i])[:10]
        assert [x for _, x in rows] == pytest.approx([p[id] for id, _ in rows], abs=1e-9)


def test_units_that_stay_on_come_first(node):
    t = np.arange(40)
    rows = np.stack([np.cos(t * np.pi), t >= 20, np.full(40, 0.7), (t // 5) % 2, 0.01 * (t >= 20)], 1)
    assert node("return widget.slowest(data);", rows.tolist())[:2] == [1, 3]
    assert node("return widget.slowest([]);", {}) == []


# Text


@pytest.mark.parametrize("unit", ["character", "jamo", "syllable", "word", "eojeol"])
def test_text_is_cut_as_python_cuts_it(node, unit):
    texts = HOSTILE + some_texts(1500)
    got = node(
        """const { texts, unit } = data;
           return texts.map((each) => [widget.split(each, unit), widget.join(widget.split(each, unit), unit)]);""",
        {"texts": texts, "unit": unit},
    )
    for sentence, (pieces, joined) in zip(texts, got, strict=True):
        assert pieces == text.split(sentence, unit)
        assert joined == sentence


def test_any_pieces_are_joined_as_python_joins_them(node):
    dice = random.Random(1)
    parts = ["ᄒ", "ᅡ", "ᆫ", "ᄀ", "▁", "▔a▔", "▔110000▔", "▔", "a", "한", "▁the", "<s>", "▔2581▔"]
    cases = [[dice.choice(parts) for _ in range(dice.randrange(8))] for _ in range(400)]
    for unit in ("character", "jamo", "word"):
        got = node("return data.cases.map((c) => widget.join(c, data.unit));", {"cases": cases, "unit": unit})
        assert got == [text.join(case, unit) for case in cases]


def test_jamo_that_were_drawn_stay_jamo_while_the_text_grows(node):
    """The initial ㅎ that the network wrote is no escape when the reader types on, or when a vowel follows."""
    cases = [  # a text, the pieces before, the pieces now
        ("나ᄒ", "ᄂ ᅡ ᄒ", ["ᄂ", "ᅡ", "ᄒ"]),
        ("나ᄒ a", "ᄂ ᅡ ᄒ", ["ᄂ", "ᅡ", "ᄒ", "▁", "a"]),
        ("나ᄒ", "ᄂ ᅡ ᄒ ᅡ ▁", ["ᄂ", "ᅡ", "ᄒ"]),  # what came after was deleted
        ("너ᄒ", "ᄂ ᅡ ᄒ", ["ᄂ", "ᅥ", "▔1112▔"]),  # somebody else's text
        ("나하", "ᄂ ᅡ ᄒ", ["ᄂ", "ᅡ", "ᄒ", "ᅡ"]),
        ("난", "ᄂ ᅡ", ["ᄂ", "ᅡ", "ᆫ"]),
        ("ᄒ", "", ["▔1112▔"]),
    ]
    script = "return data.map(([text, before]) => widget.splitOn(text, 'jamo', before.split(' ').filter(Boolean)));"
    assert node(script, [case[:2] for case in cases]) == [case[2] for case in cases]


def test_jamo_are_shown_as_letters(node):
    jamo = [*text.split("각힣", "jamo"), "ㄱ", "a", "▁"]
    assert node("return data.map(widget.letterOf);", jamo) == [
        ["ㄱ", False], ["ㅏ", False], ["ㄱ", True], ["ㅎ", False], ["ㅣ", False], ["ㅎ", True], None, None, None,
    ]  # fmt: skip
    assert [_visible(piece) for piece in ["ᄒ", "ᅡ", "ᆫ", "▁", "▔a▔", "▁the", "\u202e", ""]] == [
        *"ㅎㅏㄴ␣⏎",
        "the",
        "·",
        "∅",
    ]


# Python


def test_unknown_symbols_are_read_as_unknown_or_left_out():
    weights = language_model().state_dict()
    with_mark = recurrent_model(weights, SYMBOLS)
    assert with_mark.read("aXb").pieces == ["<s>", "a", "<unk>", "b"]
    without = recurrent_model(weights, SYMBOLS, unknown=None, start=None)
    assert without.read("aXb").pieces == ["a", "b"]
    assert without.read("").p.shape == (0, len(SYMBOLS))
    assert without.next_symbols("") == {}
    assert "after ''" in RecurrentExplorer(without).summary()
    assert len(with_mark.read("a" * 1000).pieces) == 301


def test_torch_modules_of_its_own_and_shared_weights():
    """A plain nn.Module with torch's names will do; an output that is the embedding is stored once."""
    network = torch.nn.Module()
    network.embedding, network.output = torch.nn.Embedding(5, 4), torch.nn.Linear(4, 5)
    network.rnn = torch.nn.GRU(4, 4)
    assert "output.weight" in recurrent_model(network.state_dict(), list("abcde")).weights
    network.output.weight = network.embedding.weight
    tied = recurrent_model(network.state_dict(), list("abcde"))
    assert "output.weight" not in tied.weights
    with torch.no_grad():
        hidden, _ = network.rnn(network.embedding(torch.tensor([0, 1])))
        np.testing.assert_allclose(tied.read("ab").p, network.output(hidden).softmax(-1), atol=1e-3)
    half = recurrent_model({name: value.bfloat16() for name, value in network.state_dict().items()}, list("abcde"))
    np.testing.assert_allclose(half.read("ab").p, tied.read("ab").p, atol=0.02)


def size(explorer):
    state = explorer.get_state()
    data = sum(len(base64.b64encode(each.pop("data"))) for each in state["models"])
    rest = json.dumps({**state, "models": state["models"]}, default=str, ensure_ascii=False)
    return data + len(rest.encode())


@pytest.mark.parametrize(("bits", "width", "count"), [(16, 84, 1), (8, 84, 2), (6, 98, 2), (5, 108, 2)])
def test_models_of_the_course_fit_a_figure(bits, width, count):
    symbols = [chr(0x1100 + i) for i in range(70)]
    one = recurrent_model(language_model(width=width, symbols=symbols).state_dict(), symbols, unit="jamo", bits=bits)
    explorer = RecurrentExplorer({f"{i}": one for i in range(count)})
    assert size(explorer) < RecurrentExplorer.room
    with pytest.raises(ValueError, match="fewer bits in recurrent_model"):
        RecurrentExplorer({f"{i}": one for i in range(count + 1)})


def test_what_a_reader_changes_is_a_synced_trait():
    model = recurrent_model(language_model().state_dict(), SYMBOLS, examples=["bad", ("a", "b")])
    explorer = RecurrentExplorer({"English": model, "other": model}, seed=3)
    state = explorer.get_state()
    assert {key: state[key] for key in ("tab", "text", "other", "step", "unit", "layer", "show", "seed")} == {
        "tab": 0, "text": "bad", "other": None, "step": None, "unit": None, "layer": 0, "show": "h", "seed": 3,
    }  # fmt: skip
    explorer.set_state({"text": "cab", "step": 2, "unit": 5, "show": "c", "tab": 1})  # as if JavaScript did
    assert (explorer.text, explorer.step, explorer.unit, explorer.show, explorer.tab) == ("cab", 2, 5, "c", 1)
    assert "after 'cab'" in explorer.summary()
    pair = RecurrentExplorer(recurrent_model(language_model().state_dict(), SYMBOLS, examples=[("a", "b")]))
    assert (pair.text, pair.other) == ("a", "b")
    assert (RecurrentExplorer(model, text="").text, RecurrentExplorer(model, text="x", other="y").other) == ("", "y")


def test_stand_ins_are_the_same_every_time():
    model = recurrent_model(language_model("gru", 2).state_dict(), SYMBOLS)
    first, second = (RecurrentExplorer(model, text="a bad $cab_")._repr_mimebundle_()[0] for _ in range(2))
    assert first["text/plain"] == second["text/plain"]
    assert first["text/plain"].startswith("RecurrentExplorer, gru with 2 layers of 12 units: after 'a bad $cab_'\n  ")
    assert len(first["text/plain"].splitlines()) == 11
    assert first["image/png"] == second["image/png"]
    assert base64.b64decode(first["image/png"]).startswith(b"\x89PNG")


def test_the_script_asks_nobody_and_writes_no_html():
    for forbidden in ("innerHTML", "insertAdjacentHTML", "outerHTML", "fetch(", "import ", "eval(", "https:"):
        assert forbidden not in RecurrentExplorer._esm, forbidden


WEIGHTS = language_model().state_dict()
MODEL = recurrent_model(WEIGHTS, SYMBOLS)
UNTIED = language_model(tied=False).state_dict()
HALF = {name: value for name, value in UNTIED.items() if name != "output.weight"}


def without(*names, **others):
    return {name: value for name, value in WEIGHTS.items() if name not in names} | others


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: recurrent_model(WEIGHTS, "abc"), "a list of strings, not 'abc'"),
        (lambda: recurrent_model(WEIGHTS, [1, 2]), "a list of strings, not [1, 2]"),
        (lambda: recurrent_model(WEIGHTS, ["a", "a"]), "'a' is in the vocabulary twice"),
        (lambda: recurrent_model(WEIGHTS, SYMBOLS[1:]), "embedding.weight has the shape (15, 12), not (14, any)"),
        (lambda: recurrent_model(WEIGHTS, SYMBOLS, unit="morpheme"), "cut a text into 'morpheme'"),
        (lambda: recurrent_model(WEIGHTS, SYMBOLS, bits=12), "4 to 8, not 12"),
        (lambda: recurrent_model(WEIGHTS, SYMBOLS, "gru"), "that of a lstm, not of 'gru'"),
        (lambda: recurrent_model(WEIGHTS, SYMBOLS, examples=[("a", "b", "c")]), "not ('a', 'b', 'c')"),
        (lambda: recurrent_model(LanguageModel, SYMBOLS), "as state_dict() gives them, not <class"),
        (lambda: recurrent_model({}, SYMBOLS), "no 'embedding.weight' among the weights"),
        (lambda: recurrent_model(without("rnn.bias_hh_l0"), SYMBOLS), "no 'rnn.bias_hh_l0' among the weights: "),
        (lambda: recurrent_model(without(x=torch.ones(1)), SYMBOLS), "no use for x"),
        (lambda: recurrent_model(without(bias=torch.full((15,), math.nan)), SYMBOLS), "bias has values that are no"),
        (lambda: recurrent_model(without(bias=torch.full((15,), 1e6)), SYMBOLS), "no finite float16: [1.e+06"),
        (lambda: recurrent_model(without(**{"rnn.weight_hh_l0": torch.ones(30, 12)}), SYMBOLS), "that of no cell"),
        (lambda: recurrent_model(UNTIED | {"output.weight": torch.ones(15, 9)}, SYMBOLS), "(15, 9), not (15, 16)"),
        (lambda: recurrent_model(HALF, SYMBOLS), "an embedding of (15, 12) fits no state of 16"),
        (lambda: RecurrentExplorer({}), "there is no model 0: there are 0"),
        (lambda: RecurrentExplorer({"a": WEIGHTS}), "what recurrent_model made, not 'a'"),
        (lambda: RecurrentExplorer(MODEL, tab=1), "no model 1"),
        (lambda: RecurrentExplorer(MODEL, show="z"), "a lstm can show h, c, i, f, o, g, not 'z'"),
        (lambda: RecurrentExplorer(MODEL, layer=1), "no layer 1: there are 1"),
        (lambda: RecurrentExplorer(MODEL, unit=12), "no unit 12: there are 12"),
        (lambda: RecurrentExplorer(MODEL, text=3), "unicode"),
        (lambda: RecurrentExplorer(MODEL, step=-1), "step"),
        (lambda: RecurrentExplorer(MODEL, temperature=3.0), "temperature"),
        (lambda: RecurrentExplorer(MODEL, language="fr"), "language"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
