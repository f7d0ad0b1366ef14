"""The translation explorer without a browser: its numbers and searches against lmcourse.seq2seq."""

import base64
import json
import random
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from javascript import script_runner

from lmcourse import text, world
from lmcourse.attention import with_attention
from lmcourse.seq2seq import Decoder, Encoder, Seq2Seq, TextFront, beam_search, greedy
from lmcourse.tasks import System, TextCodec
from lmcourse.widgets import TranslationExplorer, translation_model
from lmcourse.widgets.translation import SHIPPED, best_cut

KOREAN = ["▁저", "저", "는", "▁밥", "을", "▁먹", "었", "다", "었다", ".", "▁친구", "가", "▁<b>", "▁a", "▔2581▔", "▔a▔"]
ENGLISH = ["▁I", "▁ate", "▁rice", "▁the", "▁friend", "▁<img src=x onerror=alert(1)>", "."]
SENTENCE = "저는 밥을 먹었다."
HOSTILE = [
    *("", " ", "\n", "저는\n밥을", "▁", "▔a▔", "▁▔▁", "<b>저는</b>", "<img src=x onerror=alert(1)>", "a" * 300),
    *("\u202e\u05e9\u05dc\u05d5\u05dd", "👩\u200d👩\u200d👧저는", "x저y는z.", "\ufeffa", "constructor", "저는  밥"),
]


def system(cell="gru", decoder_cell=None, bidirectional=True, tied=True, unit="morpheme", seed=0, score=None):
    """A network with weights large enough that what it writes depends on what it reads."""
    source, target = TextCodec(unit, KOREAN), TextCodec("word", ENGLISH)
    torch.manual_seed(seed)
    encoder = Encoder(TextFront(len(source.vocabulary), 8), 8, 10, cell, bidirectional=bidirectional)
    decoder = Decoder(
        len(target.vocabulary), 10 if tied else 7, 10, encoder.context_size, decoder_cell or cell, tied=tied
    )
    if score is not None:
        decoder = with_attention(decoder, score)
    model = Seq2Seq(encoder, decoder).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-1, 1)
    return System(model, source, target, max_length=12)


def rounded(made, model):
    """The system with the weights that the page has."""
    made.model.load_state_dict({k: torch.tensor(v, dtype=torch.float32) for k, v in model.weights.items()})
    return made


def shipped(model):
    """What the page gets, inflated: node's test script waits for nothing."""
    sent = {name: getattr(model, name) for name in SHIPPED}
    return {**sent, "data": {"bytes": base64.b64encode(zlib.decompress(sent["data"])).decode()}}


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    return script_runner(TranslationExplorer, tmp_path_factory.mktemp("node"))


WHOLE = "const net = widget.open(data.net, data.net.data), read = widget.encode(net, data.ids), { context } = read;\n"
LOOKS = """{ weights: steps.map((s) => s.weights && [...s.weights]),
  places: read.places?.map((h) => [...h]), keys: read.keys?.map((k) => [...k]) }"""
KINDS = [
    ("gru", None, True, True), ("gru", None, False, False), ("lstm", None, True, False), ("lstm", None, False, True),
    ("rnn", None, True, True), ("gru", "lstm", True, True), ("lstm", "gru", False, False),
]  # fmt: skip


# The network


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_computes_what_torch_computes(node, kind):
    made = system(*kind)
    model = translation_model(made)
    rounded(made, model)
    ids = made.source.encode(["▁저", "는", "?", "▁밥", "을", "▁먹", "었다", "."])
    got = node(
        f"""{WHOLE} const steps = widget.greedy(net, read, data.forced);
        return {{ context: [...context], logs: steps.map((s) => [...s.logs]), ids: steps.map((s) => s.id),
          states: read.states.map((all) => all.map((h) => [...h])) }};""",
        {"net": shipped(model), "ids": ids, "forced": [5, 4, 6, 7]},
    )
    with torch.no_grad():
        memory = made.model.encoder(torch.tensor([ids]))
        written = torch.tensor([[made.target.bos, *got["ids"][:-1]]])
        logs = made.model.decoder(written, state=made.model.decoder.start(memory)).logits[0].log_softmax(1)
    assert got["ids"][:4] == [5, 4, 6, 7]
    np.testing.assert_allclose(got["context"], memory.context[0], atol=1e-5)
    np.testing.assert_allclose(model.context(ids), got["context"], atol=1e-12)
    np.testing.assert_allclose(got["logs"], logs, atol=1e-4)
    assert logs.std(0).max() > 0.01, "this network says the same at every step"
    # The states fill up from both ends.
    outputs = memory.states[0].numpy()
    np.testing.assert_allclose(got["states"][0][1:], outputs[:, :10], atol=1e-5)
    if kind[2]:
        np.testing.assert_allclose(got["states"][1][1:], outputs[::-1, 10:], atol=1e-5)
    assert not np.any(got["states"][0][0])


@pytest.mark.parametrize("kind", KINDS[:4])
@pytest.mark.parametrize("penalty", [0.0, 1.0, 2.0])
def test_searches_are_those_of_the_course(node, kind, penalty):
    made = system(*kind, seed=3)
    model = translation_model(made, bits=8)
    rounded(made, model)
    sources = [[5], [4, 6, 7], [7, 8, 9, 10, 11], [4] * 9, [12, 1, 5, 13]]
    marks = {"bos": made.target.bos, "eos": made.target.eos, "max_length": 12}
    several = 0
    for ids in sources:
        tensor = torch.tensor([ids])
        for beam in (1, 2, 3, 5):
            [want] = beam_search(made.model, tensor, beam=beam, length_penalty=penalty, **marks)
            got = node(
                f"""{WHOLE} return {{
                  found: widget.search(net, read, data.beam, data.penalty).done
                    .map((n) => [n.ids, n.total, n.score]),
                  plain: widget.greedy(net, read).map((s) => s.id) }};""",
                {"net": shipped(model), "ids": ids, "beam": beam, "penalty": penalty},
            )
            assert [found[0] for found in got["found"]] == [h.ids for h in want]
            np.testing.assert_allclose([f[1:] for f in got["found"]], [[h.log_prob, h.score] for h in want], atol=1e-4)
            several += len(want) > 1
        [plain] = greedy(made.model, tensor, **marks)
        assert [i for i in got["plain"] if i != made.target.eos] == plain.ids
    assert several > 5


def test_the_tree_has_all_that_was_kept(node):
    made = system(seed=3)
    with torch.no_grad():
        made.model.decoder.bias[made.target.eos] = 4.0  # so that outputs end
    got = node(
        f"""{WHOLE} const {{ done, levels }} = widget.search(net, read, 3, 1);
        return {{ alive: levels.map((l) => l.filter((n) => !n.ended).length), done: done.length,
          ended: levels.flat().filter((n) => n.ended).length, sorted: levels.every((l) =>
            l.every((n, i) => !i || n.total <= l[i - 1].total)),
          children: levels.every((l, i) => !i || l.every((n) => levels[i - 1].includes(n.parent))) }};""",
        {"net": shipped(translation_model(made)), "ids": [4, 6, 7]},
    )
    assert got["done"] == got["ended"] == 3
    assert got["alive"][:-1] == [3] * (len(got["alive"]) - 1) and got["alive"][-1] == 0
    assert got["sorted"] and got["children"]


def test_nothing_read_is_a_context_of_zeros(node):
    model = translation_model(system())
    got = node(f"{WHOLE} return [...context, widget.greedy(net, read).length];", {"net": shipped(model), "ids": []})
    assert not any(got[:-1]) and got[-1] > 0
    assert model.translate("").pieces == []
    assert not model.translate("").context.any()


@pytest.mark.parametrize("bits", [4, 5, 8])
def test_fewer_bits_round_each_row_and_make_fewer_bytes(bits):
    made = system()
    model = translation_model(made, bits=bits)
    for name, value in made.model.state_dict().items():
        value = value.numpy()
        step = np.abs(value).max(-1, keepdims=True) / (2 ** (bits - 1) - 1)
        most = step * 0.51 if value.ndim == 2 else 5e-4
        assert (np.abs(model.weights[name] - value) <= most).all()
    if bits > 4:
        assert len(model.data) > len(translation_model(made, bits=bits - 1).data)


# Attention


LOOKING = [
    (*kind, score)
    for kind in [("gru", None, True), ("lstm", None, True), ("gru", "lstm", False), ("lstm", "gru", True)]
    for score in ("additive", "general", "dot")
    if score != "dot" or not kind[2]
] + [("gru", None, False, "dot"), ("lstm", None, False, "dot")]


def looking(cell, decoder_cell, bidirectional, score, **options):
    return system(cell, decoder_cell, bidirectional, score=score, **options)


@pytest.mark.parametrize("kind", LOOKING)
def test_the_page_looks_where_torch_looks(node, kind):
    made = looking(*kind)
    model = translation_model(made)
    assert model.score == kind[3]
    rounded(made, model)
    ids = made.source.encode(["▁저", "는", "?", "▁밥", "을", "▁먹", "었다", "."])
    got = node(
        f"""{WHOLE} const steps = widget.greedy(net, read, data.forced);
        return {{ logs: steps.map((s) => [...s.logs]), ids: steps.map((s) => s.id), ...{LOOKS} }};""",
        {"net": shipped(model), "ids": ids, "forced": [5, 4, 6, 7]},
    )
    with torch.no_grad():
        memory = made.model.encoder(torch.tensor([ids]))
        written = torch.tensor([[made.target.bos, *got["ids"][:-1]]])
        start = made.model.decoder.start(memory)
        want = made.model.decoder(written, state=start)
    assert got["ids"][:4] == [5, 4, 6, 7]
    np.testing.assert_allclose(got["places"], memory.states[0], atol=1e-5)
    np.testing.assert_allclose(model.states(ids)[0], got["places"], atol=1e-12)
    np.testing.assert_allclose(got["keys"], start[-3][0], atol=1e-5)
    np.testing.assert_allclose(got["weights"], want.attention[0], atol=1e-5)
    np.testing.assert_allclose(got["logs"], want.logits[0].log_softmax(1), atol=1e-4)
    looks = np.array(got["weights"])
    np.testing.assert_allclose(looks.sum(1), 1)
    assert looks.std(0).max() > 0.01, "this network looks at the same all the time"


@pytest.mark.parametrize("kind", LOOKING)
def test_python_looks_where_the_page_looks(node, kind):
    made = looking(*kind, seed=5)
    model = translation_model(made)
    found = model.translate(SENTENCE)
    ids = model.ids(found.pieces)
    script = f"{WHOLE} const steps = widget.greedy(net, read); return {{ ids: steps.map((s) => s.id), ...{LOOKS} }};"
    got = node(script, {"net": shipped(model), "ids": ids})
    assert [model.target[i] for i in got["ids"]] == found.output
    assert found.attention.shape == (len(found.output), len(found.pieces))
    np.testing.assert_allclose(found.attention, got["weights"], atol=1e-12)
    rounded(made, model)
    [hypothesis] = greedy(made.model, torch.tensor([ids]), bos=made.target.bos, eos=made.target.eos, max_length=12)
    assert made([found.pieces])[0] == found.text
    np.testing.assert_allclose(found.attention, hypothesis.attention, atol=1e-5)


@pytest.mark.parametrize("kind", LOOKING[:4])
def test_searches_carry_the_looks(node, kind):
    made = looking(*kind, seed=3)
    model = translation_model(made, bits=8)
    rounded(made, model)
    marks = {"bos": made.target.bos, "eos": made.target.eos, "max_length": 12}
    for ids in ([5], [7, 8, 9, 10, 11], [4] * 9):
        [want] = beam_search(made.model, torch.tensor([ids]), beam=3, **marks)
        got = node(
            f"""{WHOLE} return widget.search(net, read, 3, 1).done
              .map((n) => [n.ids, n.score, n.attention.map((w) => [...w])]);""",
            {"net": shipped(model), "ids": ids},
        )
        assert [found[0] for found in got] == [h.ids for h in want]
        np.testing.assert_allclose([found[1] for found in got], [h.score for h in want], atol=1e-4)
        for found, hypothesis in zip(got, want, strict=True):
            np.testing.assert_allclose(found[2], hypothesis.attention, atol=1e-4)


@pytest.mark.parametrize("score", ["additive", "general"])
def test_a_changed_look(node, score):
    """Power, mask and both, against numpy on the weights of the plain look."""
    made = looking("gru", None, True, score)
    model = translation_model(made)
    ids = [4, 6, 7, 9, 10]
    got = node(
        f"""{WHOLE} const query = widget.start(net, read).h;
        return data.changes.map((change) => {{
          const {{ context, weights }} = widget.look(net, read, query, change);
          return [[...context], [...weights]];
        }});""",
        {
            "net": shipped(model),
            "ids": ids,
            "changes": [
                {},
                *({"sharpness": x} for x in (0, 0.5, 3, 40)),
                {"mask": [True, False, True, True, False]},
                {"mask": [True, False, True, True, False], "sharpness": 2},
                {"mask": [False, False, False, True, False]},
                {"mask": [False] * 5},
            ],
        },
    )
    states, _ = model.states(ids)
    plain = np.array(got[0][1])
    masked = plain * [1, 0, 1, 1, 0]
    want = [plain, plain**0, plain**0.5, plain**3, plain**40, masked, masked**2, [0, 0, 0, 1.0, 0]]
    for (context, weights), expected in zip(got, want, strict=False):
        expected = np.array(expected) / np.sum(expected)
        np.testing.assert_allclose(weights, expected, atol=1e-9)
        np.testing.assert_allclose(context, expected @ states, atol=1e-9)
    assert not np.any(got[-1][0]) and got[-1][1] == [0] * 5  # nothing to look at, as masked_softmax has it
    assert 0.21 < plain.max() < 0.999


def test_nothing_to_look_at(node):
    model = translation_model(looking("gru", None, True, "additive"))
    got = node(
        f"{WHOLE} const steps = widget.greedy(net, read); return [steps.map((s) => s.id), {LOOKS}];",
        {"net": shipped(model), "ids": []},
    )
    found = model.translate("")
    assert [model.target[i] for i in got[0]] == found.output
    assert found.attention.shape == (len(found.output), 0) and not any(got[1]["weights"])


def test_without_attention_nothing_is_looked_at(node):
    model = translation_model(system())
    assert model.score is None and model.translate(SENTENCE).attention is None
    got = node(
        f"{WHOLE} const steps = widget.greedy(net, read); return {LOOKS};", {"net": shipped(model), "ids": [4, 6]}
    )
    assert got == {"weights": [None] * len(got["weights"])}


def test_how_a_dot_is_told_from_no_attention():
    made = looking("gru", None, False, "dot")
    assert translation_model(made).score == translation_model(made, score="dot").score == "dot"
    bare = SimpleNamespace(state_dict=made.model.state_dict)
    stripped = SimpleNamespace(model=bare, source=made.source, target=made.target, max_length=12)
    assert translation_model(stripped).score is None  # weights alone do not tell
    assert translation_model(stripped, score="dot").score == "dot"
    assert translation_model(stripped, score="dot").data == translation_model(made).data


# Text


COUNTS = {"▁저": 9, "저": 1, "는": 20, "▁밥": 5, "을": 20, "▁먹": 5, "었": 9, "다": 30, "었다": 1, ".": 40, "가": 9}


@pytest.mark.parametrize("counts", [None, COUNTS])
def test_text_is_cut_as_python_cuts_it(node, counts):
    model = translation_model(system(), counts=counts)
    dice = random.Random(0)
    parts = [*"저는밥을먹었다.친구가 \n▁▔xa", "👩\u200d", "<b>"]
    texts = HOSTILE + ["".join(dice.choice(parts) for _ in range(dice.randrange(14))) for _ in range(800)]
    script = "const net = widget.open(data.net, data.net.data); return data.texts.map((t) => widget.cut(net, t));"
    got = node(script, {"net": shipped(model), "texts": texts})
    for one, pieces in zip(texts, got, strict=True):
        assert pieces[:100] == model.cut(one)
        assert text.join(pieces, "morpheme") == one


def test_the_likeliest_pieces_or_else_the_fewest():
    cost = {"▁저": -1.0, "는": -1.0, "▁저는": -2.5, "다": -1.0, "었": -1.0, "었다": -1.9}
    assert best_cut("▁저는", cost) == ["▁저", "는"]
    assert best_cut("▁저는", dict.fromkeys(cost, -10.0)) == ["▁저는"]
    assert best_cut("▁저는xy었다", cost) == ["▁저", "는", "xy", "었다"]
    assert best_cut("▁xy", cost) == ["▁xy"]
    assert translation_model(system()).cut("저는 먹었다.") == ["▁저", "는", "▁먹", "었다", "."]
    assert translation_model(system(), counts=COUNTS).cut("저는 먹었다.") == ["▁저", "는", "▁먹", "었", "다", "."]


def test_how_often_the_page_cuts_as_the_world_does():
    """Counts of the training sentences find the gold morphemes of nearly all new sentences."""
    both = world.splits(6000, 200)
    gold = [text.split_at(r.ko, r.morpheme_spans) for r in both.train]
    vocabulary = text.Vocabulary.count(gold)
    counts = {token: 0 for token in vocabulary.tokens}
    for sentence in gold:
        for piece in sentence:
            counts[piece] += 1
    total = sum(counts.values())
    cost = {piece: np.log((n + 0.1) / (total + 1)) for piece, n in counts.items()}
    right = 0
    for r in both.test:
        cut = [piece for eojeol in text.split(r.ko, "eojeol") for piece in best_cut(eojeol, cost)]
        right += cut == text.split_at(r.ko, r.morpheme_spans)
    assert right >= 0.95 * len(both.test)


@pytest.mark.parametrize("unit", ["word", "eojeol", "syllable", "character", "jamo"])
def test_other_units(unit):
    model = translation_model(system(unit=unit))
    assert model.cut(SENTENCE) == text.split(SENTENCE, unit)


# Python


def test_the_output_is_that_of_the_system():
    made = system(seed=5)
    model = translation_model(made, examples=[SENTENCE])
    rounded(made, model)
    found = model.translate(SENTENCE)
    assert found.text == made([found.pieces])[0]
    explorer = TranslationExplorer(model, truth={SENTENCE: "I ate rice."})
    assert explorer.text == SENTENCE
    lines = explorer.summary().splitlines()
    assert lines[0] == f"TranslationExplorer, gru to gru: {SENTENCE!r}"
    assert lines[1] == "  reads    저 | 는 | 밥 | 을 | 먹 | 었다 | ."
    assert lines[2] == "  context  20 numbers"
    assert lines[3].strip() == f"writes   {found.text}".strip()
    assert lines[4] == "  right    I ate rice."


def test_a_network_of_nearly_300_000_weights_fits_at_four_bits():
    torch.manual_seed(0)
    source, target = (
        TextCodec("morpheme", [f"▁{n}" for n in range(425)]),
        TextCodec("word", [f"{n}" for n in range(425)]),
    )
    front = TextFront(len(source.vocabulary), 64)
    encoder = Encoder(front, 64, 96, "gru", bidirectional=True)
    decoder = Decoder(len(target.vocabulary), 96, 96, encoder.context_size, "gru", tied=True)
    large = System(Seq2Seq(encoder, decoder), source, target)
    with torch.no_grad():
        for parameter in large.model.parameters():
            parameter.normal_(std=0.1)  # as of a trained network, and unlike that of a new one, many are near 0
    model = translation_model(large, bits=4)
    assert 280_000 < model.parameters < 350_000
    explorer = TranslationExplorer(model)
    state = explorer.get_state()
    data = len(base64.b64encode(state["network"].pop("data")))
    assert data + len(json.dumps(state, default=str, ensure_ascii=False).encode()) < TranslationExplorer.room
    with pytest.raises(ValueError, match="weights at 8 bits make a figure of .* take fewer bits in translation_model"):
        TranslationExplorer(translation_model(large, bits=8))
    with pytest.raises(ValueError, match="there is room for 256,000"):
        TranslationExplorer(model, truth={"x": "y" * 100_000})


def test_what_a_reader_changes_is_a_synced_trait():
    explorer = TranslationExplorer(translation_model(system(), examples=["저는"]), beam=5, length_penalty=0.5)
    state = explorer.get_state()
    names = ("text", "beam", "length_penalty", "step", "out", "forced")
    assert [state[name] for name in names] == ["저는", 5, 0.5, None, [], []]
    explorer.set_state({"text": SENTENCE, "step": 2, "out": [1], "forced": [4, 5], "beam": 2})  # as if JavaScript did
    assert (explorer.text, explorer.step, explorer.out, explorer.forced, explorer.beam) == (SENTENCE, 2, [1], [4, 5], 2)
    assert TranslationExplorer(translation_model(system()), text="x").text == "x"


def test_stand_ins_are_the_same_every_time():
    model = translation_model(system(), examples=["저는 $a_b$ <b>"])
    first, second = (TranslationExplorer(model)._repr_mimebundle_()[0] for _ in range(2))
    assert first["text/plain"] == second["text/plain"] and first["image/png"] == second["image/png"]
    assert base64.b64decode(first["image/png"]).startswith(b"\x89PNG")


def test_the_script_asks_nobody_and_writes_no_html():
    for forbidden in ("innerHTML", "insertAdjacentHTML", "outerHTML", "fetch(", "import ", "eval(", "https:"):
        assert forbidden not in TranslationExplorer._esm, forbidden


def altered(made=None, **changes):
    """A system of which some weights are others, or none."""
    made = made or system()
    weights = {**made.model.state_dict(), **{k.replace("__", "."): v for k, v in changes.items()}}
    weights = {name: value for name, value in weights.items() if value is not None}
    model = SimpleNamespace(state_dict=lambda: weights)
    return SimpleNamespace(model=model, source=made.source, target=made.target, max_length=12)


def two_layers():
    made = system()
    encoder = Encoder(TextFront(len(made.source.vocabulary), 8), 8, 10, "gru", layers=2, bidirectional=True)
    return System(Seq2Seq(encoder, made.model.decoder), made.source, made.target)


MODEL = translation_model(system())
LOOKING_ONE = looking("gru", None, True, "additive")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: translation_model(system(), bits=3), "4 to 8, not 3"),
        (lambda: translation_model(system(), examples=[1]), "an example is a text, not 1"),
        (lambda: translation_model(system(), counts=[1]), "as a Counter has them, not [1]"),
        (lambda: translation_model(3), "the source of a translator is text with a unit and a vocabulary"),
        (lambda: translation_model(two_layers()), "have no use for encoder.rnn.weight_ih_l1"),
        (lambda: translation_model(altered(decoder__bias=None)), "there is no 'decoder.bias' among the weights"),
        (lambda: translation_model(altered(decoder__bias=torch.ones(3))), "decoder.bias has the shape (3,), not (11)"),
        (lambda: translation_model(altered(x=torch.ones(3))), "have no use for x"),
        (lambda: translation_model(altered(decoder__bias=torch.full((11,), torch.nan))), "no finite float16"),
        (lambda: translation_model(system(), score="cosine"), "the scores are 'additive', 'general', 'dot'"),
        (lambda: translation_model(LOOKING_ONE, score="general"), "the score 'additive', not of 'general'"),
        (lambda: translation_model(system(), score="additive"), "are those of the score 'dot', not of 'additive'"),
        (lambda: translation_model(system(), score="dot"), "states of equal width, not 10 and 20"),
        (lambda: translation_model(altered(LOOKING_ONE, decoder__score__score__weight=None)), "score.score.weight'"),
        (
            lambda: translation_model(altered(LOOKING_ONE, decoder__score__key__bias=torch.ones(3))),
            "decoder.score.key.bias has the shape (3,), not (10)",
        ),
        (lambda: TranslationExplorer(translation_model(LOOKING_ONE)), "(additive) gets more than one vector"),
        (lambda: TranslationExplorer(system()), "what translation_model made, not <"),
        (lambda: TranslationExplorer(MODEL, beam=6), "beam"),
        (lambda: TranslationExplorer(MODEL, beam=0), "beam"),
        (lambda: TranslationExplorer(MODEL, length_penalty=3.0), "length_penalty"),
        (lambda: TranslationExplorer(MODEL, truth={"a": 3}), "truth"),
        (lambda: TranslationExplorer(MODEL, forced=[11]), "ids below 11, not [11]"),
        (lambda: TranslationExplorer(MODEL, language="fr"), "language"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
