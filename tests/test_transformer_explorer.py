"""The Transformer explorer without a browser: numpy against torch, the page against numpy, gold, bad input."""

import base64
import zlib

import numpy as np
import pytest
import torch
from javascript import script_runner

from lmcourse.seq2seq import Seq2Seq, TextFront, greedy
from lmcourse.stories import StoryModel
from lmcourse.tasks import System, TextCodec
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
