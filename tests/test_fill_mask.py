"""The gap filler without a browser: torch against what the page computes, tokens, truth, traits, bad input."""

import base64
import json
import math
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from javascript import script_runner

from lmcourse import reading, small_bert, stories, world
from lmcourse.bert import BertConfig, BertForPreTraining
from lmcourse.widgets import FillMask, fill_mask_model
from lmcourse.widgets.fill_mask import SHIPPED
from lmcourse.wordpiece import MARKS, WordPiece, train_wordpiece

KOREAN = ["저", "##는", "밥", "##을", "먹", "##었", "##었다", "##다", "가", "각", "친구", "##가"]
ENGLISH = ["The", "cat", "##s", "sat", "s", "##at", ".", ",", "!", "'", "is", "a", "##a", "b", "##b", "<", ">", "3",
           "##5", "5", "$", "中", "é", "😀", "e", "##\u0301", "un", "##known", "un##", "#", "constructor", "[", "]",
           "MASK"]  # fmt: skip
VOCABULARY = [*MARKS, *ENGLISH, *KOREAN]
FIRST, SECOND = "The cats sat, 저는 밥을 먹었다.", "A cat is a b."


def bert(seed=0, vocabulary=VOCABULARY, size=0.5, **more):
    """A BERT whose answers depend on what is read, where it stands and in which segment."""
    config = BertConfig(len(vocabulary), **{"width": 16, "layers": 2, "heads": 4, "hidden": 20, "longest": 30, **more})
    model = BertForPreTraining(config)
    dice = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_((2 * torch.rand(parameter.shape, generator=dice) - 1) * (1 if "words" in name else size))
            if "norm" in name and name.endswith("weight"):
                parameter.add_(1)
    return model.eval()


def words(vocabulary=VOCABULARY):
    return WordPiece.from_vocabulary(vocabulary)


MODEL = fill_mask_model(bert(), words())


def shipped(model):
    """What the page gets, inflated: node's test script waits for nothing."""
    sent = {name: getattr(model, name) for name in SHIPPED}
    return {**sent, "data": {"bytes": base64.b64encode(zlib.decompress(sent["data"])).decode()}}


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    return script_runner(FillMask, tmp_path_factory.mktemp("node"))


# The network

RUN = """
  const net = widget.openBert(data.net, data.net.data);
  return data.jobs.map(([text, second, masks]) => {
    const { tokens } = widget.cutPair(net, text, second);
    const { logs, follows } = widget.fillMasks(net, tokens, masks, tokens.map((_, place) => place));
    const all = tokens.map((_, place) => logs.get(place));
    return { tokens: tokens.map(({ piece }) => piece), segments: tokens.map(({ segment }) => segment), follows,
      logs: all.map((row) => [...row]), unsure: all.map(widget.entropy) };
  });
"""
JOBS = [(FIRST, "", []), (FIRST, "", [2]), (FIRST, SECOND, [1, 5, 14]), ("The [MASK] sat.", SECOND, [1]),
        ("", SECOND, [2]), ("The cat " * 40, "", [3]), ("The cat " * 40, "a b " * 40, [3, 20]),
        ("cat", " \n ", [1])]  # fmt: skip


@pytest.mark.parametrize(("positions", "activation"), [("absolute", "gelu"), ("absolute", "relu"), ("rotary", "gelu")])
def test_the_page_computes_what_torch_computes(node, positions, activation):
    made = bert(seed=3, activation=activation, positions=positions)
    model = fill_mask_model(made, words(), bits=8)
    for job, got in zip(JOBS, node(RUN, {"net": shipped(model), "jobs": JOBS}), strict=True):
        text, second, masks = job
        run = model.run(*job)
        assert got["tokens"] == run.tokens and got["segments"] == run.segments
        read = [model.ids["[MASK]"] if place in masks else model.ids[t] for place, t in enumerate(run.tokens)]
        made.load_state_dict(model.network.state_dict())
        with torch.no_grad():
            states = made.bert(torch.tensor([read]), segments=torch.tensor([run.segments])).states
            logs = made(torch.tensor([read]), segments=torch.tensor([run.segments])).logits[0].log_softmax(-1)
            follows = made.judge(states[0, 0]).softmax(-1)[0].item()
        np.testing.assert_allclose(run.logs, logs, atol=1e-4)
        np.testing.assert_allclose(got["logs"], logs, atol=1e-3)
        assert got["follows"] == pytest.approx(follows, abs=1e-4)
        assert run.follows == (pytest.approx(follows, abs=1e-5) if second.strip() else None)
        np.testing.assert_allclose(got["unsure"], -(logs.exp() * logs).sum(-1) / math.log(2), atol=1e-3)
    assert model.run("The cat.").logs.std(0).max() > 0.1, "this network says the same everywhere"
    # The segment matters, the place matters, and both sides of the gap do.
    one, two = model.run("cat sat", "", [1]), model.run("sat cat", "", [2])
    assert not np.allclose(one.logs[1], two.logs[2], atol=0.01)
    assert not np.allclose(model.run("a", "cat", [1]).logs[1], model.run("a [SEP] cat", "", [1]).logs[1], atol=1e-3)
    assert not np.allclose(model.run("a cat a", "", [2]).logs[2], model.run("a cat b", "", [2]).logs[2], atol=0.01)
    assert not np.allclose(model.run("a cat a", "", [2]).logs[2], model.run("b cat a", "", [2]).logs[2], atol=0.01)


def test_the_packed_weights_are_those_of_the_model():
    made = bert(seed=5)
    for bits in (4, 6, 8):
        model = fill_mask_model(made, words(), bits=bits)
        for name, tensor in made.state_dict().items():
            most = 2 ** (bits - 1) - 1 if tensor.dim() == 2 and "words" not in name else 127
            step = tensor.abs().amax(-1, keepdim=True).numpy() / most * (1 + 1 / 16)
            assert (np.abs(model.weights[name] - tensor.numpy()) <= step * 0.501 + 1e-4).all(), (bits, name)
    assert model.parameters == sum(p.numel() for p in made.parameters())
    sizes = [len(fill_mask_model(made, words(), bits=bits).data) for bits in (4, 5, 6, 7, 8)]
    assert sizes == sorted(sizes) and len(set(sizes)) == 5


def test_surprise_hides_one_token_at_a_time():
    bits = MODEL.surprise(FIRST, SECOND)
    tokens, _ = MODEL.cut(FIRST, SECOND)
    assert np.isnan(bits[[tokens.index("[CLS]"), tokens.index("[SEP]"), -1]]).all() and np.isnan(bits).sum() == 3
    for place in (1, 5, len(tokens) - 2):
        logs = MODEL.run(FIRST, SECOND, [place]).logs[place]
        assert bits[place] == pytest.approx(-logs[MODEL.ids[tokens[place]]] / math.log(2))
        assert MODEL.one_by_one(FIRST, SECOND, [place])[place] == pytest.approx(logs, abs=1e-5)


# Texts

HOSTILE = [
    *("", " ", "\n", "a" * 101, "a" * 100, "ab" * 60 + " a", "The\tcat\r\nsat"),
    *("catsat.", "cats' 3.5$", "unknown un##known", "##s"),
    *("저는 밥을 먹었다.", "저는밥을먹었다", "친구가 갂 각", "\u1100\u1161\u11a8", "저ㅋㅋ는", "\u314b"),
    *("밥을\u3000먹었다。", "a\u3000b"),
    *("é", "e\u0301", "É", "😀", "👩\u200d👩\u200d👧", "👍🏽 😀!", "cat\u200bs", "\ufeffcat"),
    *("cat\u0000s", "c\u00adat", "\ufffd"),
    *("中cat中", "日本語", "\u202e\u05e9\u05dc\u05d5\u05dd", "cat\x0bs", "cat\x85s", "a\xa0b", "a\u2028b"),
    *("<b>a</b>", "«a»…—"),
    *("[MASK]", "The [MASK].", "a[MASK]b", "[CLS][SEP]", "[mask] [MASK", "[[MASK]]", "x[UNK]y", "[PAD]a"),
    *("constructor toString", "__proto__"),
]  # fmt: skip
CUT = """
  const net = { ids: new Map(data.tokens.map((token, id) => [token, id])) };
  return data.texts.map((text) =>
    widget.tokensOf(net, text).map(({ piece, id, start, end }) => [piece, id, text.slice(start, end)]));
"""


def cut(tokenizer, text):
    """Token, id, and the piece of text, of which the library counts code points."""
    found = tokenizer.encode_all([text], marks=False)[0]
    return [[token, n, text[a:b]] for token, n, (a, b) in zip(found.tokens, found.ids, found.spans, strict=True)]


def test_texts_are_cut_as_the_library_cuts_them(node):
    tokenizer = words()
    got = node(CUT, {"tokens": VOCABULARY, "texts": HOSTILE})
    for text, found in zip(HOSTILE, got, strict=True):
        assert found == cut(tokenizer, text), repr(text)


@settings(max_examples=6, deadline=None)
@given(
    texts=st.lists(
        st.text(st.sampled_from([*"catsTh 가각저는밥을먹었다.,!?'’-3 \t😀é中[MASK]#"]), max_size=30),
        min_size=40,
        max_size=60,
    )
)
def test_any_text_is_cut_as_the_library_cuts_it(node, texts):
    got = node(CUT, {"tokens": VOCABULARY, "texts": texts})
    assert got == [cut(words(), text) for text in texts]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_sentences_of_the_world_are_cut_as_the_library_cuts_them(node, language):
    texts = [getattr(r, language) for r in world.generate(300, seed=6)]
    tokenizer = train_wordpiece(texts[:200], 220 if language == "en" else 500)
    got = node(CUT, {"tokens": tokenizer.tokens, "texts": texts})
    assert [[piece for piece, *_ in each] for each in got] == [tokenizer.split(text) for text in texts]
    assert any(piece.startswith("##") for each in got for piece, *_ in each)


def test_a_pair_has_segments_and_fits():
    assert MODEL.cut("The cat", "a b") == (["[CLS]", "The", "cat", "[SEP]", "a", "b", "[SEP]"], [0] * 4 + [1] * 3)
    found = MODEL.tokenizer.encode(FIRST, SECOND)
    assert MODEL.cut(FIRST, SECOND) == (found.tokens, found.segments)
    assert MODEL.cut("The cat") == MODEL.cut("The cat", " \n") == (["[CLS]", "The", "cat", "[SEP]"], [0] * 4)
    tokens, segments = MODEL.cut("The " * 99, "a " * 5)
    assert len(tokens) == 30 and segments.count(1) == 6
    tokens, segments = MODEL.cut("The " * 99, "a " * 99)
    assert len(tokens) == 30 and segments.count(1) == 14
    assert len(fill_mask_model(bert(longest=200), words()).cut("The " * 300)[0]) == 128


def test_a_candidate_is_put_into_the_text(node):
    """What is put in is read, and nothing else has changed, unless a word joins another."""
    cases = [
        ("The cat sat.", 1, "is", "The is sat."), ("The cats sat.", 2, "##at", "The catat sat."),
        ("The cats sat.", 2, "is", "The cat is sat."), ("The cats sat.", 1, "un", "The uns sat."),
        ("The cat sat.", 1, "##s", "Thes sat."), ("The cat sat.", 3, ",", "The cat sat,"),
        ("The cat sat.", 3, "is", "The cat sat is"),
        ("a,b", 1, "is", "a is b"), ("a,b", 1, "!", "a!b"), ("저는 밥을 먹었다.", 2, "친구", "저는 친구을 먹었다."),
        ("The [MASK] sat", 1, "cat", "The cat sat"), ("a[MASK]b", 1, "s", "a s b"), ("😀 cat", 1, "s", "😀 s"),
        ("cat", 0, "##s", "s"),
    ]  # fmt: skip
    got = node(
        """const net = { ids: new Map(data.tokens.map((token, id) => [token, id])) };
        return data.cases.map(([text, place, piece]) => {
          const tokens = widget.tokensOf(net, text);
          return widget.putIn(text, tokens[place], piece, tokens[place + 1]?.piece.startsWith("##") ?? false);
        });""",
        {"tokens": VOCABULARY, "cases": cases},
    )
    assert got == [want for *_, want in cases]


def test_masks_follow_their_tokens(node):
    cases = [
        (("The cat sat.", ""), ("The cat s sat.", ""), [1, 3], [1, 4]),  # typed between them
        (("The cat sat.", ""), ("The cat", ""), [1, 2, 3], [1, 2]),  # the end is gone
        (("cat sat", "a b"), ("The cat sat", "a b"), [1, 5], [2, 6]),  # the second text moves along
        (("cat sat", ""), ("cat sat", "a"), [1, 2], [1, 2]),
        (("cat sat", "a b"), ("", "a b"), [1, 2, 5], [3]),
        (("The cat sat", ""), ("The cats sat", ""), [2, 3], [2, 4]),  # the word goes on
        (("The cat sat", ""), ("The bat sat", ""), [2, 3], [3 + 1]),
    ]
    got = node(
        """const net = widget.openBert(data.net, data.net.data);
        return data.cases.map(([was, is, places]) => {
          const [before, after] = [was, is].map((texts) => widget.cutPair(net, ...texts).tokens);
          return widget.moved(places, before, after, was, is);
        });""",
        {"net": shipped(MODEL), "cases": cases},
    )
    assert [MODEL.cut("The bat sat")[0][n] for n in (2, 3, 4)] == ["b", "##at", "sat"]
    assert got == [want for *_, want in cases]


def test_rows_of_the_comparison(node):
    logs = np.log([0.4, 0.3, 0.2, 0.06, 0.04]).tolist()
    call = """return data.map(([logs, most, hidden, truth]) =>
      widget.candidatesOf(Float64Array.from(logs), most, hidden, truth));"""
    truth = {"top": [[0, 0.5], [3, 0.3], [4, 0.01]], "own": 0.003, "rest": 0.19, "bits": 1.5, "whole": False}
    whole = {"top": [[1, 1.0]], "own": 1.0, "rest": 0, "bits": 0, "whole": True}
    plain, full, known = node(call, [[logs, 2, None, None], [logs, 2, 2, truth], [logs, 2, 1, whole]])
    assert [(r["id"], r["rank"], r["truth"]) for r in plain] == [(0, 1, None), (1, 2, None)]
    assert [(r["id"], r["rank"], r["truth"]) for r in full] == [(0, 1, 0.5), (1, 2, None), (3, 4, 0.3), (2, 3, 0.003)]
    assert [r["p"] for r in full] == pytest.approx([0.4, 0.3, 0.06, 0.2])
    assert [(r["id"], r["truth"]) for r in known] == [(0, 0), (1, 1.0)]


# The widget

TRUTH = {1: {"The": 0.75, "a": 0.25}, 4: {"sat": 0.5, "cat": 0.25, None: 0.25}}
EXAMPLES = [
    {"text": FIRST, "second": SECOND, "truth": TRUTH, "masks": [4], "name": "cats"},
    ("The cat", "a b."),
    "The [MASK] sat.",
]


def test_what_the_page_gets():
    filler = FillMask(MODEL, EXAMPLES)
    assert (filler.text, filler.second, filler.masks, filler.chosen) == (FIRST, SECOND, [4], None)
    first, second, third = filler.examples
    ids = MODEL.ids
    assert first["name"] == "cats" and second["truth"] == {}
    assert first["truth"]["1"] == {
        "top": [[ids["The"], 0.75], [ids["a"], 0.25]],
        "own": 0.75,
        "rest": 0,
        "bits": 0.8113,
        "whole": True,
    }
    assert first["truth"]["4"] == {
        "top": [[ids["sat"], 0.5], [ids["cat"], 0.25]],
        "own": 0.5,
        "rest": 0.25,
        "bits": 1.5,
        "whole": False,
    }
    assert second["masks"] == [5] and MODEL.cut("The cat", "a b.")[0][5] == "b"  # the last word
    assert third["masks"] == [2]
    run = MODEL.run(FIRST, SECOND, [4])
    best = MODEL.tokens[int(run.logs[4].argmax())]
    assert filler.candidates(1) == [(best, pytest.approx(np.exp(run.logs[4].max())))]
    assert filler.first["top"][0][0] == best and "[MASK]" in filler.first["shown"] and len(filler.first["top"]) == 5
    assert filler.truth() == {"sat": 0.5, "cat": 0.25}
    filler.masks = [2]
    assert filler.truth() is None
    filler.masks = [1, 4]
    assert filler.truth() is None  # two are hidden
    json.dumps({name: value for name, value in filler.get_state().items() if name in ("first", "examples")})


def test_a_long_truth_keeps_the_likeliest():
    many = {token: (60 if token == "cat" else n + 1) for n, token in enumerate(VOCABULARY[5:30])}
    total = sum(many.values())
    many = {token: n / total for token, n in many.items()}
    made = FillMask(MODEL, [{"text": "The cat", "truth": {2: many}}]).examples[0]["truth"]["2"]
    logs, ranked = MODEL.run("The cat", masks=[2]).logs[2], sorted(many, key=lambda token: -many[token])
    candidates = {MODEL.tokens[n] for n in np.argsort(-logs)[:12]}
    assert [MODEL.tokens[n] for n, _ in made["top"]] == ranked[:8] + [t for t in ranked[8:] if t in candidates]
    assert 8 < len(made["top"]) < len(many) and made["whole"]
    assert made["own"] == pytest.approx(60 / total, rel=1e-3)
    assert made["rest"] == pytest.approx(1 - sum(p for _, p in made["top"]), abs=2e-3)
    assert made["bits"] == pytest.approx(-sum(p * math.log2(p) for p in many.values()), rel=1e-3)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_story_of_the_world_becomes_an_example(language):
    """Its places are those of the widget, and its truth is that of the gaps."""
    records = world.generate(60, seed=5)
    shape = {"width": 16, "layers": 1, "heads": 2, "hidden": 16}
    system = small_bert.build(small_bert.settings_for(records, language, **shape))
    story = min((each for each in stories.by_story(records) if len(each) > 3), key=lambda each: len(each))
    model = fill_mask_model(system.model, system.tokenizer)
    for cut in (None, len(story) - 1):
        made, whole = reading.example(system, story, cut), reading.read(system, story, cut)
        assert model.cut(made["text"], made["second"]) == (whole.tokens, whole.segments)
        assert made["text"].count(".") and made["second"].endswith(getattr(story[-1], language))
        assert all(p[whole.tokens[place]] > 0 for place, p in made["truth"].items())
        shown = FillMask(model, [made]).examples[0]["truth"]
        assert [int(place) for place in shown] == [n for n, t in enumerate(whole.tokens) if t not in MARKS]
    assert made["second"] == getattr(story[-1], language)
    made = reading.example(system, story)
    gaps = {gap.place: gap.truth for gap in reading.gaps(system, story, progress=False)}
    assert made["truth"] == gaps and max(map(len, gaps.values())) > 2


def test_arguments_become_traits():
    changes = {"text": "The cat sat", "second": "a b", "masks": [2, 1], "chosen": 1, "reading": True, "verdict": False,
               "language": "ko"}  # fmt: skip
    filler = FillMask(MODEL, EXAMPLES, **changes)
    assert {name: getattr(filler, name) for name in changes} == {**changes, "masks": [1, 2]}
    assert FillMask(MODEL).masks == [] and FillMask(MODEL).first == {}
    assert FillMask(MODEL, EXAMPLES, text=FIRST, second=SECOND).masks == [4]  # the example's
    assert FillMask(MODEL, EXAMPLES, text="The cat").second == ""


def test_it_can_be_read_without_a_page():
    from matplotlib.figure import Figure

    filler = FillMask(MODEL, EXAMPLES)
    text = filler.summary()
    for part in ("[MASK]", "hidden  sat at place 4", "truth   sat 0.500, cat 0.250", "follows the first: 0."):
        assert part in text
    assert text.count("0.") >= 5
    figure = Figure()
    assert filler.picture(figure) and len(figure.axes[0].patches) == 20
    empty = FillMask(MODEL)
    assert not empty.picture(Figure()) and empty.summary().startswith("FillMask, ")
    data = filler._repr_mimebundle_()[0]
    assert "image/png" in data and data["text/plain"] == text


@pytest.fixture(scope="module")
def usual():
    """The size of the chapter's BERT, with weights spread as those of a trained one are, roughly."""
    vocabulary = [*MARKS, *(f"word{n}" for n in range(1495))]
    made = BertForPreTraining(BertConfig(1500, width=64, layers=3, heads=4, hidden=256, longest=160)).eval()
    dice = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.5 if "words" in name else 0.1, generator=dice)
    return made, vocabulary


def test_a_bert_of_260_000_weights_fits(usual):
    """With four examples of a hundred tokens, the truth of half of them known; not with ten."""
    made, vocabulary = usual
    model = fill_mask_model(made, words(vocabulary))
    assert model.parameters > 260_000
    text = " ".join(vocabulary[5:55])
    truth = {n + 1: {vocabulary[5 + n]: 0.3, **{v: 0.1 for v in vocabulary[100:107]}} for n in range(50)}
    example = {"text": text, "second": text, "truth": truth}
    filler = FillMask(model, [example] * 4)
    state = filler.get_state()
    data = len(base64.b64encode(state["network"].pop("data")))
    state = {name: value for name, value in state.items() if name not in ("_esm", "_css")}
    size = data + len(json.dumps(state, default=str)) + len(FillMask._esm.encode()) + len(FillMask._css.encode())
    assert size < FillMask.room
    with pytest.raises(ValueError, match="make a figure of .* take fewer bits in fill_mask_model"):
        FillMask(model, [example] * 10)


def test_few_bits_keep_the_answers():
    """A BERT that has learned some English gives the same answers, and nearly as likely ones."""
    texts = [r.en for r in world.generate(3000, seed=2)]
    tokenizer = train_wordpiece(texts, 300)
    made = bert(1, tokenizer.tokens, 0.1, width=32, hidden=64, longest=40)
    rows = [torch.tensor(each.ids) for each in tokenizer.encode_all(texts)]
    rows = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)[:, :24]
    dice = torch.Generator().manual_seed(2)
    optimizer = torch.optim.Adam(made.parameters(), 5e-3)

    def masked(ids):
        hidden = (torch.rand(ids.shape, generator=dice) < 0.2) & (ids > 4)
        return torch.where(hidden, tokenizer.mask, ids), torch.where(hidden, ids, -100)

    for batch in rows[:2600].split(52) + rows[:2600].split(52):
        ids, targets = masked(batch)
        made(ids, targets, ids > 0).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model = fill_mask_model(made, tokenizer)
    ids, targets = masked(rows[2600:])
    with torch.no_grad():
        found = [each(ids, None, ids > 0).logits[targets >= 0] for each in (made, model.network)]
    right = targets[targets >= 0]
    losses = [torch.nn.functional.cross_entropy(each, right).item() for each in found]
    assert losses[0] < 5.2 and losses[1] == pytest.approx(losses[0], abs=0.02)
    # The best answer is as good as the best was: some are equally likely, and which of them is first means nothing.
    p = found[0].softmax(-1)
    best = p.gather(1, found[1].argmax(-1, keepdim=True))[:, 0]
    assert len(right) > 500 and (best >= 0.9 * p.amax(-1)).float().mean() >= 0.99


def test_the_script_asks_nobody_and_writes_no_html():
    for forbidden in ("innerHTML", "insertAdjacentHTML", "outerHTML", "fetch(", "import ", "eval(", "https:"):
        assert forbidden not in FillMask._esm, forbidden


def truth(**p):
    return lambda: FillMask(MODEL, [{"text": "The cat", "truth": {2: p}}])


def uncased():
    return WordPiece.from_vocabulary(VOCABULARY, lowercase=True)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fill_mask_model(bert(), words(), bits=3), "bits are 4 to 8, not 3"),
        (lambda: fill_mask_model(torch.nn.Linear(2, 2), words()), "a BertForPreTraining, with both heads, not Linear"),
        (lambda: fill_mask_model(bert(), 3), "those of a WordPiece, not of 3"),
        (lambda: fill_mask_model(bert(), words(VOCABULARY[:20])), f"{len(VOCABULARY)} tokens, and the tokenizer 20"),
        (lambda: fill_mask_model(bert(), uncased()), "keeps capital letters and accents, and this tokenizer reads"),
        (lambda: fill_mask_model(bert(activation="gelu_new"), words()), "not the activation 'gelu_new'"),
        (lambda: MODEL.run("The cat", masks=[0]), "at place 0 of 'The cat' there is no token to mask but '[CLS]'"),
        (lambda: MODEL.run("The cat", masks=[4]), "no token to mask but nothing, of 4 tokens"),
        (lambda: MODEL.run("The cat", masks=[1.5]), "masks are places, whole numbers from 0 each, not [1.5]"),
        (lambda: MODEL.run("The cat", masks="x"), "not 'x'"),
        (lambda: FillMask(bert()), "what fill_mask_model made, not BertForPreTraining"),
        (lambda: FillMask(MODEL, "The cat"), "examples are a list, not 'The cat'"),
        (lambda: FillMask(MODEL, [3]), "an example is a text, a pair of texts or a dict, not 3"),
        (lambda: FillMask(MODEL, [("a", "b", "c")]), "not ('a', 'b', 'c')"),
        (lambda: FillMask(MODEL, [("a", 3)]), "the name of an example are strings, not ('a', 3, '')"),
        (lambda: FillMask(MODEL, [{"second": "a"}]), "are strings, not ('', 'a', '')"),
        (lambda: FillMask(MODEL, [{"text": "a", "gold": 1}]), "text, second, name, masks and truth, not ['gold']"),
        (lambda: FillMask(MODEL, [{"text": "a", "masks": [7]}]), "at place 7 of 'a'"),
        (lambda: FillMask(MODEL, [{"text": "a", "truth": [1]}]), "a truth has distributions by place, not [1]"),
        (lambda: FillMask(MODEL, [{"text": "a", "truth": {0: {"a": 1}}}]), "at place 0 of 'a' there is no token"),
        (lambda: FillMask(MODEL, [{"text": "a", "truth": {1: 3}}]), "a dict of probabilities by token, not 3"),
        (truth(cat=0.5, s=0.2), "the truth at place 2 has probabilities that sum to 0.7000, not to 1"),
        (truth(cat=1.5, s=-0.5), "probabilities that sum to 1.0000"),
        (truth(cat=0.5, bat=0.5), "the truth at place 2 has 'bat', which is no token of the model"),
        (truth(sat=1.0), "the truth at place 2 gives no probability to 'cat', which stands there"),
        (lambda: FillMask(MODEL, text=3), "text is a string, not 3"),
        (lambda: FillMask(MODEL, second="a"), "the second text 'a' has no first one"),
        (lambda: FillMask(MODEL, text="a", second=3), "second is a string, not 3"),
        (lambda: FillMask(MODEL, text="a", masks=[0]), "at place 0 of 'a'"),
        (lambda: FillMask(MODEL, text="a b", masks=[1], chosen=2), "chosen is one of the masks [1], not 2"),
        (lambda: FillMask(MODEL, language="fr"), "language"),
        (lambda: FillMask(MODEL, reading="x"), "reading"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)


def test_a_tokenizer_that_is_none_and_weights_too_many():
    made = bert()
    state = {**made.state_dict(), "more": torch.zeros(2)}
    odd = SimpleNamespace(
        bert=made.bert, fill=made.fill, judge=made.judge, config=made.config, state_dict=lambda: state
    )
    with pytest.raises(ValueError, match="the page has no use for the weights more"):
        fill_mask_model(odd, words())
    del state["more"], state["follows.bias"]
    with pytest.raises(ValueError, match="no 'follows.bias' among the weights"):
        fill_mask_model(odd, words())
