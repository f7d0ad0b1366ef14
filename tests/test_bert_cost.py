"""Is it right: equal to the parameters of the models and to the operations that torch counts; then bad input."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from lmcourse.bert import BertConfig, BertForPreTraining
from lmcourse.bert_cost import PAPER, SHAPES, flops, gpu_hours, paper_flops, parameters

SMALL = BertConfig(vocab_size=50, width=16, layers=3, heads=2, hidden=40, longest=20, segments=3, dropout=0.0)
ROTARY = BertConfig(vocab_size=33, width=8, layers=1, heads=2, hidden=12, longest=9, dropout=0.0, positions="rotary")


@pytest.mark.parametrize("config", [*SHAPES.values(), SMALL, ROTARY], ids=[*SHAPES, "tiny", "rotary"])
def test_parameters_are_those_of_the_model_part_by_part(config):
    with torch.device("meta"):
        model = BertForPreTraining(config)
    found, parts = parameters(config), dict.fromkeys(parameters(config), 0)
    for name, p in model.named_parameters():
        if name.startswith(("bert.words", "bert.places", "bert.segments")):
            parts["tables"] += p.numel()
        elif "self_attn" in name:
            parts["attention"] += p.numel()
        elif "linear" in name:
            parts["feed-forward"] += p.numel()
        elif name.startswith("bert.") and "norm" in name:
            parts["normalisation"] += p.numel()
        elif "pooler" in name:
            parts["pooler"] += p.numel()
        else:
            parts["next sentence" if name.startswith("follows") else "masked words"] += p.numel()
    assert found == parts
    assert sum(found.values()) == sum(p.numel() for p in model.parameters())


def test_bert_base_and_large_have_the_sizes_that_were_published():
    assert sum(parameters(SHAPES["base"]).values()) == 110_106_428
    assert sum(parameters(SHAPES["large"]).values()) == 336_226_108  # "340M"
    encoder = {
        part: n for part, n in parameters(SHAPES["base"]).items() if part not in ("masked words", "next sentence")
    }
    assert sum(encoder.values()) == 109_482_240


def counted(config, rows, length, places, training):
    """What torch counts in a real run with so many masked places."""
    ids = torch.randint(5, config.vocab_size, (rows, length), generator=torch.Generator().manual_seed(0))
    targets = torch.full_like(ids, -100)
    targets.view(-1)[:places] = 7
    follows = torch.full_like(ids, -100)
    follows[:, 0] = 1
    model = BertForPreTraining(config, fused=False)  # the fused kernel of a CPU is not in torch's list
    with FlopCounterMode(display=False) as counter, torch.set_grad_enabled(training):
        loss = model(ids, targets, follows=follows).loss
        if training:
            loss.backward()
    return counter.get_total_flops()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("config, rows, length, places", [(SMALL, 4, 20, 13), (SMALL, 1, 5, 1), (ROTARY, 3, 9, 27)])
def test_operations_are_those_that_torch_counts(config, rows, length, places, training):
    tokens = rows * length
    ours = tokens * sum(flops(config, length, places / tokens, training=training).values())
    assert ours == pytest.approx(counted(config, rows, length, places, training), rel=1e-12)


def test_operations_of_bert_base_are_those_that_torch_counts():
    ours = 16 * sum(flops(SHAPES["base"], 16, 2 / 16).values())
    assert ours == pytest.approx(counted(SHAPES["base"], 1, 16, 2, False), rel=1e-12)


def test_training_is_three_times_reading_and_only_looking_grows_with_length():
    short, long = (flops(SHAPES["base"], length) for length in (128, 512))
    assert flops(SHAPES["base"], 128, training=True) == {part: 3 * number for part, number in short.items()}
    assert long["scores and sums"] == 4 * short["scores and sums"]
    assert long["next sentence"] == short["next sentence"] / 4
    same = ("attention projections", "feed-forward", "masked words")
    assert all(long[part] == short[part] for part in same)
    assert flops(SHAPES["base"], 128, 0)["masked words"] == 0


def test_the_run_of_the_paper():
    tokens = 1_000_000 * 256 * (0.9 * 128 + 0.1 * 512)
    per_token = 6 * 12 * (4 * 768**2 + 2 * 768 * 3072) + 6 * 0.15 * (768**2 + 768 * 30_522)
    looking = 6 * 12 * 2 * 768 * (0.9 * 128 * 128 + 0.1 * 512 * 512) * 256e6
    judging = 6 * (768**2 + 2 * 768) * 256e6
    assert paper_flops() == pytest.approx(tokens * per_token + looking + judging, rel=1e-9)
    assert paper_flops(SHAPES["large"]) > 3 * paper_flops() > paper_flops()
    assert gpu_hours(paper_flops(), 45e12, 1) < PAPER["chips"] * PAPER["days"] * 24  # it was possible


def test_hours():
    assert gpu_hours(3600e12, 1e12, 1) == 1
    assert gpu_hours(3600e12, 2e12, 0.25) == 2
    assert gpu_hours(0, 1, 1) == 0


# --- bad input ---


@pytest.mark.parametrize("length", [0, 513, -1])
def test_a_length_that_cannot_be_read(length):
    with pytest.raises(ValueError, match=f"1 to 512 tokens, not {length}"):
        flops(SHAPES["base"], length)


@pytest.mark.parametrize("masked", [-0.1, 1.5, float("nan")])
def test_a_share_that_is_none(masked):
    with pytest.raises(ValueError, match=f"from 0 to 1, not {masked}"):
        flops(SHAPES["base"], 128, masked)


@pytest.mark.parametrize("bad", [(-1, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 1.1)])
def test_hours_of_numbers_that_make_no_sense(bad):
    with pytest.raises(ValueError, match=", ".join(map(str, bad[:1]))):
        gpu_hours(*bad)
