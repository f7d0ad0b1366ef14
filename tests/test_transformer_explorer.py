"""The Transformer explorer without a browser: numpy against torch, the page against numpy, gold, bad input."""

import base64
import itertools
import json
import zlib

import numpy as np
import pytest
import torch
from javascript import script_runner

from lmcourse import text as units
from lmcourse.seq2seq import Seq2Seq, TextFront, greedy
from lmcourse.stories import StoryModel
from lmcourse.tasks import System, TextCodec
from lmcourse.text import Vocabulary
from lmcourse.transformer import CausalLM, TransformerDecoder, TransformerEncoder
from lmcourse.widgets import TransformerExplorer, transformer_model
from lmcourse.widgets.transformer import SHIPPED

KOREAN = ["▁저", "저", "는", "▁밥", "을", "▁먹", "었", "다", "었다", ".", "▁친구", "가", "▁<b>", "▁a", "▔2581▔", "▔a▔"]
ENGLISH = ["▁I", "▁ate", "▁rice", "▁the", "▁friend", "▁<img src=x onerror=alert(1)>", "."]
SENTENCE = "저는 밥을 먹었다."
STORY = "The cat sat. The cat"
WORDS = ["▁The", "▁cat", "▁dog", "▁sat", "▁ate", "▁<b>", ".", "▁친구", "가"]
SHAPE = {"width": 16, "heads": 4, "hidden": 20, "layers": 2}


def shaken(model, seed):
    """Weights large enough that what is written depends on what is read, and on each head."""
    dice = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            size = 1.2 if "embedding" in name else 0.5
            parameter.copy_((2 * torch.rand(parameter.shape, generator=dice) - 1) * size)
            if "norm" in name and name.endswith("weight"):
                parameter.add_(1)
            if name.endswith("bias") and name.count(".") < 2 and "norm" not in name:
                parameter[:3] = -9  # no mark but the end is written
    return model.eval()


def translator(positions="sinusoidal", norm_first=True, activation="relu", seed=0, unit="morpheme", **more):
    options = {**SHAPE, "positions": positions, "norm_first": norm_first, "activation": activation, **more}
    source, target = TextCodec(unit, KOREAN), TextCodec("word", ENGLISH)
    encoder = TransformerEncoder(TextFront(len(source.vocabulary), options["width"]), **options)
    decoder = TransformerDecoder(len(target.vocabulary), **options)
    return System(shaken(Seq2Seq(encoder, decoder), seed), source, target, max_length=12)


def teller(positions="sinusoidal", norm_first=True, activation="relu", seed=0, language="en", **more):
    tokens = ["<pad>", "<unk>", "<s>", "</s>", *(WORDS if language == "en" else KOREAN)]
    options = {**SHAPE, "positions": positions, "norm_first": norm_first, "activation": activation, **more}
    model = shaken(CausalLM(len(tokens), **options), seed)
    return StoryModel(model, language, {"en": "word", "ko": "morpheme"}[language], tokens)


def rounded(made, model):
    """The system with the weights that the page has; of places that were learned, no more than it has."""
    state = made.model.state_dict()
    for name, value in model.weights.items():
        state[name][: len(value)] = torch.tensor(value, dtype=torch.float32)
    made.model.load_state_dict(state)
    return made


def shipped(model):
    """What the page gets, inflated: node's test script waits for nothing."""
    sent = {name: getattr(model, name) for name in SHIPPED}
    return {**sent, "data": {"bytes": base64.b64encode(zlib.decompress(sent["data"])).decode()}}


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    return script_runner(TransformerExplorer, tmp_path_factory.mktemp("node"))


KINDS = [
    ("sinusoidal", True, "relu"), ("rotary", True, "gelu"), ("learned", False, "relu"), (None, False, "gelu"),
    ("rotary", False, "relu"),
]  # fmt: skip
OFF = [("encoder", 0, 1), ("encoder", 1, 3), ("decoder", 1, 0), ("cross", 0, 2), ("cross", 1, 1), ("cross", 1, 2)]
STORY_OFF = [("decoder", 0, 1), ("decoder", 0, 3), ("decoder", 1, 2)]


def without(model, off):
    """The torch model with these heads off: the columns of out_proj that would read them are 0."""
    found = {
        "encoder": ("encoder", "self_attn"),
        "decoder": ("decoder", "self_attn"),
        "cross": ("decoder", "multihead_attn"),
    }
    for part, layer, head in off:
        side, name = found[part]
        attention = getattr(getattr(model, side, model).layers[layer], name)
        size = attention.out_proj.in_features // attention.heads
        with torch.no_grad():
            attention.out_proj.weight[:, head * size : (head + 1) * size] = 0
    return model


# The network


@pytest.mark.parametrize("off", [[], OFF])
@pytest.mark.parametrize("kind", KINDS)
def test_a_translator_computes_what_torch_computes(node, kind, off):
    made = translator(*kind, seed=3)
    model = transformer_model(made)
    without(rounded(made, model).model, off)
    run = model.run(SENTENCE, off=off)
    ids = model.ids(run.pieces)
    assert run.pieces == ["▁저", "는", "▁밥", "을", "▁먹", "었다", "."]
    with torch.no_grad():
        memory, looks = made.model.encoder.read(torch.tensor([ids]), weights=True)
        written = [model.target_ids[piece] for piece in run.output]
        before = torch.tensor([[made.target.bos, *written[:-1]]])
        x, own, across, _ = made.model.decoder.write(before, state=made.model.decoder.start(memory), weights=True)
        logs = (x[0] @ made.model.decoder.embedding.weight.T + made.model.decoder.bias).log_softmax(1)
    np.testing.assert_allclose(run.logs, logs, atol=1e-4)
    for part, found in {"encoder": looks, "decoder": own, "cross": across}.items():
        np.testing.assert_allclose(run.weights[part], found[0], atol=1e-4)
    # It writes what the course's greedy search writes.
    found = greedy(made.model, torch.tensor([ids]), bos=made.target.bos, eos=made.target.eos, max_length=12)[0]
    assert written == [*found.ids, *[made.target.eos] * found.finished] and run.text == made.target.decode(found.ids)
    assert -run.bits.sum() * np.log(2) == pytest.approx(found.log_prob, abs=1e-3)
    # So does the page, and it reads a target along.
    target = [4, 6, 5, model.target_ids["</s>"]]
    along = model.run(SENTENCE, [model.target[i] for i in target[:-1]], off)
    assert along.output == [model.target[i] for i in target]
    assert along.logs.std(0).max() > 0.01, "this network says the same at every step"
    jobs = [{"off": off}, {"off": off, "target": target}]
    for got, want in zip(
        node(RUN, {"net": shipped(model), "pieces": run.pieces, "jobs": jobs}), (run, along), strict=True
    ):
        same(got, want, model)


@pytest.mark.parametrize("off", [[], STORY_OFF])
@pytest.mark.parametrize("kind", KINDS)
def test_a_story_model_computes_what_torch_computes(node, kind, off):
    made = teller(*kind, seed=4)
    model = transformer_model(made)
    without(rounded(made, model).model, off)
    run = model.run(STORY, off=off)
    assert run.pieces == ["<s>", "▁The", "▁cat", "▁sat", ".", "</s>", "▁The", "▁cat"]
    ids = torch.tensor([model.ids(run.pieces)])
    with torch.no_grad():
        output = made.model(ids, weights=True)
    logs = output.logits[0].log_softmax(1)
    np.testing.assert_allclose(run.logs, logs, atol=1e-4)
    np.testing.assert_allclose(run.weights["decoder"], output.attention[0], atol=1e-4)
    np.testing.assert_allclose(run.bits, -logs[:-1].gather(1, ids[0, 1:, None])[:, 0] / np.log(2), atol=1e-3)
    # What comes next is the likeliest, again and again.
    text = ids
    for piece in run.output:
        with torch.no_grad():
            last = made.model(text).logits[0, -1].argmax()
        assert model.target[last] == piece
        text = torch.cat([text, last.view(1, 1)], 1)
    assert run.output[-1] == "</s>" or len(run.output) == 30
    (got,) = node(RUN, {"net": shipped(model), "pieces": run.pieces, "jobs": [{"off": off}]})
    same(got, run, model)


RUN = """
  const net = widget.openTransformer(data.net, data.net.data);
  const ids = data.pieces.map((piece) => net.ids[0].get(piece) ?? net.ids[0].get("<unk>"));
  const plain = (looks) => looks.map((heads) => heads.map((weights) => [...weights]));
  return data.jobs.map((job) => {
    const { output, logs, looks, sizes } = widget.runText(net, ids, job);
    return { output, logs: logs.map((row) => [...row]), sizes, parts: widget.partsOf(net),
      bits: widget.bitsOf(logs, net.kind === "story" ? ids.slice(1) : output),
      looks: Object.fromEntries(Object.entries(looks).map(([part, all]) => [part, plain(all)])) };
  });
"""


def same(got, run, model):
    assert [model.target[i] for i in got["output"]] == run.output
    np.testing.assert_allclose(got["logs"], run.logs, atol=1e-9)
    np.testing.assert_allclose(got["bits"], run.bits, atol=1e-9)
    assert set(got["looks"]) == set(run.weights) == set(model.parts)
    for part, weights in run.weights.items():
        assert got["sizes"][part] == list(weights.shape[2:])
        np.testing.assert_allclose(np.reshape(got["looks"][part], weights.shape), weights, atol=1e-6)
    assert [part[1:] for part in got["parts"]] == [list(size) for size in model.parts.values()]


def test_without_a_head_only_what_follows_changes():
    model = transformer_model(translator("rotary", seed=3))
    plain = model.run(SENTENCE, ["▁I", "▁ate"])
    for part, (layers, heads) in model.parts.items():
        for layer, head in itertools.product(range(layers), range(heads)):
            run = model.run(SENTENCE, ["▁I", "▁ate"], [(part, layer, head)])
            assert not np.allclose(run.logs, plain.logs, atol=1e-3), (part, layer, head)
            if part != "encoder":  # what was read stays
                np.testing.assert_array_equal(run.weights["encoder"], plain.weights["encoder"])
            np.testing.assert_array_equal(run.weights[part][: layer + 1], plain.weights[part][: layer + 1])
            for weights in run.weights.values():
                np.testing.assert_allclose(weights.sum(-1), 1)
    # Nobody looks ahead, and what comes later changes nothing before it.
    assert not np.triu(plain.weights["decoder"], 1).any()
    other = model.run(SENTENCE, ["▁I", "▁rice"])
    np.testing.assert_allclose(other.logs[:2], plain.logs[:2])
    assert not np.allclose(other.logs[2], plain.logs[2])


@pytest.mark.parametrize("model", [transformer_model(translator(seed=3)), transformer_model(teller(seed=4))])
def test_what_a_head_is_worth(model):
    text = SENTENCE if model.kind == "translator" else STORY
    target = model.run(text).output if model.kind == "translator" else None
    found = model.worth(text)
    whole = model.run(text, target).bits.sum()
    for part, (layers, heads) in model.parts.items():
        assert found[part].shape == (layers, heads)
        for layer, head in itertools.product(range(layers), range(heads)):
            less = model.run(text, target, [(part, layer, head)]).bits.sum() - whole
            assert found[part][layer, head] == pytest.approx(less, abs=1e-9)
    assert max(abs(bits).max() for bits in found.values()) > 0.1
    if target:
        right = model.worth(text, "I ate rice.")
        assert right["cross"][0, 0] == pytest.approx(
            model.run(text, "I ate rice.", [("cross", 0, 0)]).bits.sum() - model.run(text, "I ate rice.").bits.sum()
        )


# Texts

HOSTILE = [
    *("", " ", "\n", "저는\n밥을", "▁", "▔a▔", "▁▔▁", "<b>저는</b>", "<img src=x onerror=alert(1)>", "a" * 300),
    *("\u202e\u05e9\u05dc\u05d5\u05dd", "👩\u200d👩\u200d👧저는", "x저y는z.", "\ufeffa", "constructor", "저는  밥"),
    *(
        "The cat. The dog",
        " The cat?  The dog! ",
        "3.5 cats.\n\x1cThe dog.",
        "..",
        "The cat...",
        ". .",
        "\xa0The cat.\u3000",
    ),
]


@pytest.mark.parametrize(
    "model",
    [transformer_model(translator(), counts={"▁저": 5, "저": 2, "는": 9, "었다": 1, "었": 7, "다": 7}),
     transformer_model(teller()), transformer_model(teller(language="ko"), counts={"▁저": 5, "는": 9})],
)  # fmt: skip
def test_texts_are_cut_as_python_cuts_them(node, model):
    got = node(
        """const net = widget.openTransformer(data.net, data.net.data);
        return data.texts.map((text) => widget.cutText(net, text));""",
        {"net": shipped(model), "texts": HOSTILE},
    )
    longest = model.sides["encoder" if model.kind == "translator" else "decoder"]["longest"]
    assert [pieces[:longest] for pieces in got] == [model.cut(text) for text in HOSTILE]


def test_sentences_of_a_story_end():
    model = transformer_model(teller())
    assert model.cut("The cat. The dog") == ["<s>", "▁The", "▁cat", ".", "</s>", "▁The", "▁dog"]
    assert model.cut(" The cat?  The dog! ")[-1] == "</s>"
    assert model.cut("") == model.cut(" \n") == ["<s>"]


def test_stories_of_the_world_are_read_as_the_course_reads_them():
    from lmcourse import stories, world

    records = world.generate(40, seed=6)
    tokens = Vocabulary.count([stories.pieces(r, "en", "word") for r in records]).tokens
    made = stories.build({"language": "en", "unit": "word", "tokens": tokens, **SHAPE})
    model = transformer_model(made)
    told = made.stories(records)
    texts = []
    for record in records:
        if record.position == 0:
            texts.append([])
        texts[-1].append(record.en)
    assert len(told) == len(texts) > 3
    for story, text in zip(told, texts, strict=True):
        assert model.ids(model.cut(" ".join(text))) == story


def test_no_more_is_read_than_there_are_places():
    made = translator("learned", longest=5)
    model = transformer_model(made)
    assert model.sides["encoder"]["longest"] == model.sides["decoder"]["longest"] == 5
    run = model.run(SENTENCE)
    assert len(run.pieces) == 5 and len(run.output) <= 5
    assert len(model.run(SENTENCE, ["▁I"] * 9).output) == 5
    story = transformer_model(teller("learned", longest=5))
    run = story.run(STORY)
    assert len(run.pieces) == 5 and run.output == []
    assert len(transformer_model(teller("learned", longest=9000)).weights["embedding.positions.table.weight"]) == 120


def test_rounding_stays_within_a_step():
    made = translator(seed=9)
    for bits in (4, 6, 8):
        model = transformer_model(made, bits=bits)
        for name, tensor in made.model.state_dict().items():
            array, found = tensor.numpy(), model.weights[name]
            most = 2 ** (bits - 1) - 1 if array.ndim == 2 else 127
            step = np.abs(array).max(-1, keepdims=True) / most * (1 + 1 / 16)
            assert (np.abs(found - array) <= step * 0.501 + 1e-4).all(), (bits, name)
    sizes = [len(transformer_model(made, bits=bits).data) for bits in (4, 5, 6, 7, 8)]
    assert sizes == sorted(sizes) and len(set(sizes)) == 5
    assert model.parameters == sum(p.numel() for p in made.model.parameters())


# What the page makes of a run


def test_words_that_differ(node):
    """All words that are not in the longest list that both have: checked against every list there is."""

    def longest(a, b):
        both = (x for n in range(len(a), -1, -1) for x in itertools.combinations(a, n))
        return next(len(x) for x in both if any(list(x) == list(y) for y in itertools.combinations(b, len(x))))

    dice = np.random.default_rng(0)
    pairs = [[dice.integers(0, 3, dice.integers(0, 6)).tolist() for _ in range(2)] for _ in range(40)]
    found = node("return data.pairs.map(([a, b]) => widget.differing(a, b));", {"pairs": pairs})
    for (a, b), odd in zip(pairs, found, strict=True):
        kept = [[x for i, x in enumerate(side) if i not in gone] for side, gone in zip((a, b), odd, strict=True)]
        assert kept[0] == kept[1] and len(kept[0]) == longest(a, b)
        assert all(each == sorted(set(each)) for each in odd)


def test_switches_and_rivals(node):
    parts = ["encoder", "decoder", "cross"]
    off = node(
        """let off = data.off;
        return data.heads.map((head) => (off = widget.switched(off, head, data.parts)));""",
        {"off": [["decoder", 1, 0]], "heads": [["cross", 0, 1], ["encoder", 1, 1], ["decoder", 1, 0]], "parts": parts},
    )
    assert off[1] == [["encoder", 1, 1], ["decoder", 1, 0], ["cross", 0, 1]]
    assert off[2] == [["encoder", 1, 1], ["cross", 0, 1]]
    before, after = np.log([0.5, 0.3, 0.1, 0.06, 0.04]), np.log([0.1, 0.05, 0.25, 0.35, 0.25])
    got = node(
        "return widget.rivals(data.before, data.after, 4);", {"before": before.tolist(), "after": after.tolist()}
    )
    assert [row["id"] for row in got] == [3, 2, 4, 0]  # three of now, and the likeliest of before
    assert got[0]["after"] == pytest.approx(0.35) and got[3]["before"] == pytest.approx(0.5)


# Gold


MODEL = transformer_model(translator("rotary", seed=3), examples=[SENTENCE, "저는"])
TELLER = transformer_model(teller("rotary", seed=4), examples=[STORY, "The dog"])
PLAIN = MODEL.run(SENTENCE)


@pytest.mark.parametrize("part", ["encoder", "decoder", "cross"])
@pytest.mark.parametrize("hide", [(), ("<s>", "</s>", "는")])
def test_heads_are_graded_against_right_links(node, part, hide):
    weights = PLAIN.weights[part]
    top = weights[1, 2].argmax(-1)
    rows = min(3, len(top))
    links = [(q, int(top[q])) for q in range(rows)] + [(0, (int(top[0]) + 1) % weights.shape[3])]
    links += [(rows - 1, 0)] if part == "decoder" else []
    gold = {SENTENCE: {part: {"first": links, "second": [(1, 0)]}}}
    explorer = TransformerExplorer(MODEL, part=part, layer=1, head=2, gold=gold, hide=hide)
    grades = explorer.grades()
    if not hide:
        assert grades["first"][1, 2].tolist() == [rows, rows]
        assert f"first: {rows} of {rows} look most at a right token" in explorer.summary()
    assert grades["first"].shape == (2, 4, 2) and set(grades) == {"first", "second"}
    queries, keys, shown = explorer.shown()
    assert not set(hide) & {*queries, *keys} and shown.shape == (len(queries), len(keys))
    got = node(
        """const { part, pieces, output, hide, gold } = data;
        const sides = widget.sidesOf("translator", part, pieces, output);
        const places = sides.map((side) => side.map((_, i) => i).filter((i) => !hide.includes(side[i])));
        const links = widget.rightLinks(gold, "translator", part, pieces, output.filter((p) => p !== "</s>"));
        const shown = links.first.map((link) => link.map((i, side) => places[side].indexOf(i)));
        const pairs = shown.filter((link) => Math.min(...link) >= 0);
        const seen = data.weights.map((heads) => heads.map((w) => widget.between(w, sides[1].length, ...places)));
        const grades = seen.map((heads) => heads.map((w) => widget.pointing(w, places[1].length, pairs)));
        return [grades, [...seen[1][2]]];""",
        {"part": part, "pieces": PLAIN.pieces, "output": PLAIN.output, "hide": hide, "gold": explorer.gold[SENTENCE],
         "weights": weights.reshape(2, 4, -1).tolist()},
    )  # fmt: skip
    assert got[0] == grades["first"].tolist()
    np.testing.assert_allclose(np.reshape(got[1], shown.shape), shown, atol=1e-6)


def test_gold_is_shown_where_it_fits():
    written = [piece for piece in PLAIN.output if piece != "</s>"]
    cross = {"cross": {"alignment": [(0, 0)]}}
    assert TransformerExplorer(MODEL, gold={SENTENCE: cross}).gold[SENTENCE]["target"] == written
    other = {SENTENCE: {**cross, "target": "I ate rice."}}
    assert TransformerExplorer(MODEL, gold=other).grades() == {}
    assert TransformerExplorer(MODEL, gold={SENTENCE: cross}, truth={SENTENCE: "I ate rice."}).grades() == {}
    encoder = {SENTENCE: {"encoder": {"a": [(0, 1)]}, "target": "I ate rice."}}
    assert set(TransformerExplorer(MODEL, part="encoder", gold=encoder).grades()) == {"a"}  # reading needs no output
    pieces = ["▁저", "는", "▁밥", "을", "▁먹", "었", "다", "."]
    assert TransformerExplorer(MODEL, gold={SENTENCE: {**cross, "pieces": pieces}}).grades() == {}
    assert TransformerExplorer(MODEL, text="저는", gold={SENTENCE: cross}).grades() == {}
    off = [(part, layer, head) for part in ("decoder", "cross") for layer in range(2) for head in range(4)]
    assert MODEL.run(SENTENCE, off=off).output != PLAIN.output
    assert TransformerExplorer(MODEL, off=off, gold={SENTENCE: cross}).grades() == {}
    story = TransformerExplorer(TELLER, gold={STORY: {"decoder": {"coreference": [(7, 2)], "self": [(2, 2)]}}})
    assert set(story.grades()) == {"coreference", "self"} and story.gold[STORY]["target"] == []


# Python


def test_what_stands_where_no_widget_can():
    explorer = TransformerExplorer(MODEL, truth={SENTENCE: "I ate rice."}, off=[("cross", 1, 0)])
    lines = explorer.summary().splitlines()
    assert lines[0].startswith("TransformerExplorer, translator, encoder 2 x 4 heads, decoder 2 x 4 heads, cross 2 x 4")
    assert lines[1] == "  reads    저 | 는 | 밥 | 을 | 먹 | 었다 | ."
    run = MODEL.run(SENTENCE, off=[("cross", 1, 0)])
    assert lines[2] == f"  writes   {run.text}"
    assert lines[3] == f"  off      cross 1.0; with all heads: {PLAIN.text}"
    bits = [MODEL.run(SENTENCE, "I ate rice.", off).bits.sum() for off in ([], [("cross", 1, 0)])]
    assert lines[4] == f"  bits     {bits[0]:.1f} with all heads, {bits[1]:.1f} without these"
    assert lines[5] == "  right    I ate rice."
    assert explorer.first == {"text": SENTENCE, "output": run.text}
    first, second = (explorer._repr_mimebundle_()[0] for _ in range(2))
    assert first["text/plain"] == second["text/plain"] and first["image/png"] == second["image/png"]
    assert base64.b64decode(first["image/png"]).startswith(b"\x89PNG")
    assert first["image/png"] != TransformerExplorer(MODEL)._repr_mimebundle_()[0]["image/png"]
    golden = TransformerExplorer(MODEL, gold={SENTENCE: {"cross": {"a": [(0, 0)]}}}, off=[("cross", 1, 0)])
    assert golden._repr_mimebundle_()[0]["image/png"] != first["image/png"]
    story = TransformerExplorer(TELLER, off=[("decoder", 0, 0)]).summary()
    assert f"goes on  {TELLER.run(STORY, off=[('decoder', 0, 0)]).text}" in story and "bits" in story
    for model in (MODEL, TELLER):
        for text in ("", "<img src=x onerror=alert(1)>", "$x^2$"):
            assert "TransformerExplorer" in TransformerExplorer(model, text=text)._repr_mimebundle_()[0]["text/plain"]
    assert "image/png" not in TransformerExplorer(MODEL, text="", part="encoder")._repr_mimebundle_()[0]


def test_what_a_reader_changes_is_a_synced_trait():
    explorer = TransformerExplorer(
        MODEL, part="decoder", layer=1, head=3, off=[("cross", 0, 1), ("encoder", 0, 2)], query=1
    )
    state = explorer.get_state()
    names = ("text", "part", "layer", "head", "off", "compare", "query", "key", "links", "hide", "ranked")
    off = [["encoder", 0, 2], ["cross", 0, 1]]
    assert [state[name] for name in names] == [SENTENCE, "decoder", 1, 3, off, None, 1, None, "", [], False]
    changes = {
        "text": "저는",
        "part": "cross",
        "layer": 0,
        "head": 0,
        "off": [["decoder", 0, 0]],
        "compare": 2,
        "query": None,
    }
    explorer.set_state({**changes, "key": 1, "links": "a", "hide": ["<s>"], "ranked": True})  # as if JavaScript did
    assert {name: getattr(explorer, name) for name in changes} == changes
    assert (explorer.key, explorer.links, explorer.hide, explorer.ranked) == (1, "a", ["<s>"], True)


def room_left(explorer):
    state = explorer.get_state()
    data = len(base64.b64encode(state["network"].pop("data")))
    return TransformerExplorer.room - data - len(json.dumps(state, default=str, ensure_ascii=False).encode())


def test_the_transformers_of_the_package_fit_into_a_page():
    """At 4 bits, with right links and answers for ten examples; and so few bits change few of its translations."""
    from collections import Counter

    from lmcourse import attending, tasks, translation, world

    made = tasks.load("ko-en-transformer")
    both = world.splits(4000, 40)
    counts = Counter(piece for r in both.train for piece in translation.korean([r])[0])
    model = transformer_model(made, examples=[r.ko for r in both.test[:10]], counts=counts)
    gold, truth = {}, {r.ko: r.en for r in both.test[:10]}
    for r in both.test[:10]:
        links = {"alignment": attending.gold(r, "ko-en").possible}
        gold[r.ko] = {"cross": links, "pieces": translation.korean([r])[0]}
    explorer = TransformerExplorer(model, gold=gold, truth=truth)
    assert room_left(explorer) > 0
    for r in both.test[:10]:
        assert [tuple(pair) for pair in explorer.gold[r.ko]["links"]["cross"]["alignment"]] == gold[r.ko]["cross"][
            "alignment"
        ]
        assert units.join(explorer.gold[r.ko]["target"], "word") == r.en
    with pytest.raises(ValueError, match="make a figure of .* take fewer bits in transformer_model"):
        TransformerExplorer(transformer_model(made, bits=8))
    cuts = [model.cut(r.ko) for r in both.test]
    same = [model.run(r.ko).text == whole for r, whole in zip(both.test, made(cuts), strict=True)]
    assert sum(same) >= 0.8 * len(same)
    for name in ("story-en", "story-ko"):
        assert room_left(TransformerExplorer(transformer_model(tasks.load(name)), text="The cat")) > 20_000


def test_a_network_of_220_000_weights_fits():
    vocabulary = [f"▁word{n}" for n in range(1000)]
    model = CausalLM(1004, width=64, heads=4, hidden=260, layers=3, positions="rotary")
    dice = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.data.normal_(std=0.1, generator=dice)  # as trained weights are, roughly
    made = StoryModel(model, "en", "word", ["<pad>", "<unk>", "<s>", "</s>", *vocabulary])
    model = transformer_model(made, bits=4)
    assert model.parameters > 215_000
    assert room_left(TransformerExplorer(model)) > 0


def test_the_script_asks_nobody_and_writes_no_html():
    for forbidden in ("innerHTML", "insertAdjacentHTML", "outerHTML", "fetch(", "import ", "eval(", "https:"):
        assert forbidden not in TransformerExplorer._esm, forbidden


def bare(**changes):
    """A system some of whose parts are others."""
    from types import SimpleNamespace

    made = translator()
    parts = {"model": made.model, "source": made.source, "target": made.target, "max_length": 12}
    return SimpleNamespace(**{**parts, **changes})


def attention_lm():
    from lmcourse.self_attention import AttentionLM

    return StoryModel(AttentionLM(13, 8), "en", "word", ["<pad>", "<unk>", "<s>", "</s>", *WORDS])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: transformer_model(translator(), bits=3), "bits are 4 to 8, not 3"),
        (lambda: transformer_model(translator(), examples=[3]), "an example is a text, not 3"),
        (lambda: transformer_model(translator(), counts=[1]), "numbers by piece, as a Counter has them, not [1]"),
        (lambda: transformer_model(3), "a translator or a story model has a model with weights, not 3"),
        (lambda: transformer_model(bare(source=None)), "the source of a translator is text with a unit"),
        (lambda: transformer_model(bare(target=TextCodec("word", ["▁a"]))), "has the shape (11, 16), not (5, 16)"),
        (lambda: transformer_model(attention_lm()), "is a Transformer's, with layers of attention, not AttentionLM"),
        (lambda: MODEL.run(SENTENCE, off=[("cross", 2, 0)]), "a head is (part, layer, head) counted from 0, of"),
        (lambda: MODEL.run(SENTENCE, off=[("cross", 0)]), "not ('cross', 0)"),
        (lambda: MODEL.run(SENTENCE, off=[3]), "not 3"),
        (lambda: TELLER.run(STORY, off=[("cross", 0, 0)]), "of 'decoder' (2 layers of 4 heads), not ('cross', 0, 0)"),
        (lambda: TELLER.run(STORY, "a"), "has no use for the target 'a'"),
        (lambda: TransformerExplorer(translator()), "what transformer_model made, not <"),
        (lambda: TransformerExplorer(TELLER, part="cross"), "the parts of a story model are decoder, not 'cross'"),
        (lambda: TransformerExplorer(MODEL, layer=2), "layer: there are 2, counted from 0, and 2 is none of them"),
        (lambda: TransformerExplorer(MODEL, head=-1), "head: there are 4, counted from 0, and -1 is none of them"),
        (lambda: TransformerExplorer(MODEL, off=[("encoder", 0, 4)]), "not ('encoder', 0, 4)"),
        (lambda: TransformerExplorer(MODEL, compare=-1), "compare"),
        (lambda: TransformerExplorer(MODEL, query="a"), "query"),
        (lambda: TransformerExplorer(MODEL, hide="<s>"), "hide is a list of tokens, not the string '<s>'"),
        (lambda: TransformerExplorer(MODEL, language="fr"), "language"),
        (lambda: TransformerExplorer(MODEL, truth={"a": 3}), "the truth has right translations by text, not {'a': 3}"),
        (lambda: TransformerExplorer(TELLER, truth={"a": "b"}), "a story model translates nothing"),
        (lambda: TransformerExplorer(MODEL, gold=[1]), "right links by text, not [1]"),
        (lambda: TransformerExplorer(MODEL, gold={"a": [1]}), "a dict of parts, not 'a': [1]"),
        (lambda: TransformerExplorer(MODEL, gold={"a": {"sure": {}}}), "cross, pieces, target, not 'sure'"),
        (lambda: TransformerExplorer(MODEL, gold={"a": {"cross": [(0, 0)]}}), "a dict of lists by name, not [(0, 0)]"),
        (lambda: TransformerExplorer(MODEL, gold={SENTENCE: {"encoder": {"a": [(0, 7)]}}}), "is (0, 7), and there"),
        (lambda: TransformerExplorer(TELLER, gold={STORY: {"decoder": {"a": [(8, 0)]}}}), "is (8, 0), and there are 8"),
        (lambda: TransformerExplorer(TELLER, gold={STORY: {"decoder": {"a": [(0,)]}}}), "a link is a pair"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
