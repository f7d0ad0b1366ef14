"""Is it right: an independent loop, torch's own, causality and padding by perturbation, order; then what it refuses."""

import math

import pytest
import torch
import torch.nn.functional as F

from lmcourse.attention import masked_softmax
from lmcourse.self_attention import (
    POSITIONS,
    AttentionLM,
    InputEmbedding,
    Positions,
    SelfAttention,
    attend,
    causal_mask,
    padding_mask,
    rotate,
    sinusoids,
)
from lmcourse.training import fit


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def by_loop(query, key, value, may):
    """Every product, every exponential and every sum by itself, for one sentence."""
    out = []
    for t in range(len(query)):
        scores = {
            s: math.exp((query[t] @ key[s]).item() / math.sqrt(query.shape[1])) for s in range(len(key)) if may[t, s]
        }
        total = sum(scores.values())
        out.append(sum((score / total * value[s] for s, score in scores.items()), torch.zeros(value.shape[1]).double()))
    return torch.stack(out)


# --- masks ---


@pytest.mark.parametrize("T, S", [(1, 1), (4, 4), (3, 7), (0, 3), (1, 5)])
def test_a_causal_mask_is_true_where_the_key_is_no_later(T, S):
    mask = causal_mask(T, S)
    assert mask.shape == (T, S) and mask.dtype == torch.bool
    assert all(mask[t, s] == (s <= t + S - T) for t in range(T) for s in range(S))


def test_padding_is_hidden_from_every_query_of_its_row_alone():
    real = torch.tensor([[True, True, True], [True, False, False]])
    mask = padding_mask(real)
    assert mask.shape == (2, 1, 3) and torch.equal(mask.expand(2, 3, 3), real[:, None].expand(2, 3, 3))
    both = mask & causal_mask(3)
    assert both[1].tolist() == [[True, False, False]] * 3 and both[0].tolist() == causal_mask(3).tolist()


def test_masks_refuse_what_cannot_be():
    with pytest.raises(ValueError, match="5 of 3"):
        causal_mask(5, 3)
    with pytest.raises(ValueError, match="float32"):
        padding_mask(torch.ones(2, 3))
    with pytest.raises(ValueError, match=r"\(3,\)"):
        padding_mask(torch.ones(3, dtype=torch.bool))
    with pytest.raises(ValueError, match="int64"):
        attend(draw(2, 3), draw(4, 3), draw(4, 3), torch.ones(2, 4, dtype=torch.long))


# --- the look ---


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("fused", [False, True])
def test_it_is_what_a_loop_computes_and_what_torch_computes(causal, masked, fused):
    query, key, value = draw(2, 5, 3, seed=1), draw(2, 7, 3, seed=2), draw(2, 7, 4, seed=3)
    mask = (draw(2, 5, 7, seed=4) > -0.5) if masked else None
    if masked:
        mask[:, :, 0] = True
    looked, weights = attend(query, key, value, mask, causal=causal, fused=fused)
    may = torch.ones(2, 5, 7, dtype=torch.bool) if mask is None else mask
    may = may & causal_mask(5, 7) if causal else may
    for row in range(2):
        assert torch.allclose(looked[row], by_loop(query[row], key[row], value[row], may[row]), atol=1e-12)
    assert torch.allclose(looked, F.scaled_dot_product_attention(query, key, value, may), atol=1e-10)
    assert (weights is None) == fused
    if weights is not None:
        assert (weights[~may] == 0).all() and torch.allclose(weights.sum(-1), torch.ones(2, 5).double())
        assert torch.allclose(weights @ value, looked)


def test_both_ways_have_the_same_gradients():
    found = []
    for fused in (False, True):
        parts = [draw(2, 6, 4, seed=seed).requires_grad_() for seed in range(3)]
        attend(*parts, padding_mask(torch.arange(6) < torch.tensor([[6], [3]])), causal=True, fused=fused)[
            0
        ].sin().sum().backward()
        found.append([part.grad for part in parts])
    for a, b in zip(*found, strict=True):
        assert torch.allclose(a, b, atol=1e-10)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_query_that_may_look_nowhere_gets_nothing_in_every_precision(dtype, fused):
    query, key, value = (draw(1, 3, 4, seed=seed).mul(20).to(dtype).requires_grad_() for seed in range(3))
    mask = torch.tensor([[True, True, True], [False, False, False], [False, True, False]])
    looked, weights = attend(query, key, value, mask, fused=fused)
    assert looked.dtype == dtype and (looked[0, 1] == 0).all() and looked.isfinite().all()
    assert torch.allclose(looked[0, 2], value[0, 1])
    if weights is not None:
        assert (weights[0, 1] == 0).all()
    looked.sum().backward()
    assert all(part.grad.isfinite().all() for part in (query, key, value))


def test_the_scale_keeps_the_softmax_soft():
    """Products of vectors of K random numbers have a variance of K; divided by sqrt(K) it is 1, at every width."""
    for K in (4, 64, 1024):
        scores = draw(500, K, seed=1) @ draw(500, K, seed=2).T
        assert scores.std().item() == pytest.approx(math.sqrt(K), rel=0.1)
        _, weights = attend(draw(500, K, seed=1), draw(20, K, seed=2), draw(20, 1))
        assert 0.1 < weights.max(1).values.mean() < 0.4
    _, weights = attend(draw(500, K, seed=1), draw(20, K, seed=2), draw(20, 1), scale=1.0)
    assert weights.max(1).values.mean() > 0.9


def test_dropout_takes_weights_away_and_scales_the_others():
    torch.manual_seed(0)
    value = torch.ones(1, 400, 1)
    looked, _ = attend(torch.zeros(1, 400, 4), torch.zeros(1, 400, 4), value, dropout=0.5)
    assert looked.mean().item() == pytest.approx(1, abs=0.02) and looked.std() > 0.01


# --- one head ---


@pytest.mark.parametrize("rotary", [False, True])
@pytest.mark.parametrize("fused", [False, True])
def test_a_head_never_sees_the_future_or_padding(rotary, fused):
    torch.manual_seed(0)
    head = SelfAttention(8, 6, rotary=rotary, fused=fused).double()
    x, real = draw(2, 6, 8), torch.arange(6) < torch.tensor([[6], [4]])
    before, _ = head(x, padding_mask(real), causal=True)
    for t in range(6):
        other = x.clone()
        other[:, t] = 9.0
        after, _ = head(other, padding_mask(real), causal=True)
        assert torch.allclose(after[:, :t], before[:, :t], atol=1e-12), t
        assert not torch.allclose(after[0, t:], before[0, t:])
        if t >= 4:
            assert torch.allclose(after[1, :4], before[1, :4], atol=1e-12)
    both, _ = head(x, padding_mask(real))
    alone, _ = head(x[1:, :4])
    assert torch.allclose(both[1, :4], alone[0], atol=1e-12)


def test_weights_come_on_request_and_change_nothing():
    torch.manual_seed(0)
    head, x = SelfAttention(8).double(), draw(2, 5, 8)
    looked, nothing = head(x, causal=True)
    again, weights = head(x, causal=True, weights=True)
    assert nothing is None and torch.allclose(looked, again, atol=1e-12)
    assert weights.shape == (2, 5, 5) and (weights.triu(1) == 0).all()
    assert torch.allclose(weights @ head.value(x), looked, atol=1e-12)


# --- positions ---


def test_sinusoids_are_the_published_numbers():
    table = sinusoids(50, 6)
    for t in (0, 1, 7, 49):
        for i in range(3):
            angle = t / 10000 ** (2 * i / 6)
            assert table[t, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[t, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)
    products = table @ table.T  # depend on the distance alone
    for d in range(10):
        assert products.diagonal(d).std() < 1e-5


def test_rotary_products_depend_on_the_distance_alone_and_turning_keeps_the_length():
    query, key = draw(1, 8, seed=1), draw(1, 8, seed=2)
    products = [[(rotate(query, t) @ rotate(key, s).T).item() for s in range(12)] for t in range(12)]
    for t in range(1, 12):
        for s in range(1, 12):
            assert products[t][s] == pytest.approx(products[t - 1][s - 1], abs=1e-9)
    assert len({round(products[5][s], 6) for s in range(12)}) == 12
    x = draw(2, 3, 7, 8)
    assert torch.allclose(rotate(x, 100).norm(dim=-1), x.norm(dim=-1)) and torch.equal(rotate(x[:, :, :1]), x[:, :, :1])
    a = complex(x[0, 0, 3, 2], x[0, 0, 3, 3]) * complex(
        math.cos(0.3), math.sin(0.3)
    )  # place 3, pair 1: 3 / 10000^(1/4)
    assert rotate(x)[0, 0, 3, 2].item() == pytest.approx(a.real, abs=1e-12)


def test_without_positions_the_order_makes_no_difference_and_with_them_it_does():
    order = torch.tensor([3, 0, 4, 1, 2])
    ids = torch.tensor([[7, 4, 9, 5, 8]])
    for kind in POSITIONS:
        torch.manual_seed(0)
        model = AttentionLM(12, 8, layers=2, positions=kind, causal=False).double().eval()
        straight, mixed = model(ids).logits[0], model(ids[:, order]).logits[0]
        assert torch.allclose(mixed, straight[order], atol=1e-12) == (kind is None), kind


@pytest.mark.parametrize("kind", POSITIONS)
def test_positions_can_be_asked_for_later_places_alone(kind):
    torch.manual_seed(0)
    positions, x = Positions(kind, 8, longest=20), draw(2, 9, 8)
    assert torch.equal(positions(x)[:, 4:], positions(x[:, 4:], start=4))


def test_more_places_than_were_made():
    positions = Positions("sinusoidal", 8, longest=4)
    assert torch.allclose(positions(torch.zeros(1, 700, 8))[0], sinusoids(700, 8))
    assert not positions.state_dict()
    with pytest.raises(ValueError, match="5 tokens are too many: positions were learned for 4"):
        Positions("learned", 8, longest=4)(torch.zeros(1, 5, 8))
    with pytest.raises(ValueError, match="'cosine'"):
        Positions("cosine", 8)
    for odd in (lambda: sinusoids(4, 7), lambda: rotate(torch.zeros(2, 7))):
        with pytest.raises(ValueError, match="7"):
            odd()


def test_tokens_and_places_are_of_like_size():
    torch.manual_seed(0)
    embedding = InputEmbedding(500, 64, positions=None)
    assert embedding(torch.arange(500)[None]).std().item() == pytest.approx(1, abs=0.05)
    with pytest.raises(IndexError, match="500"):
        embedding(torch.tensor([[500]]))
    with pytest.raises(ValueError, match=r"\(3,\)"):
        embedding(torch.tensor([1, 2, 3]))


# --- a language model ---


@pytest.mark.parametrize("kind", POSITIONS)
def test_the_model_sees_the_past_only_and_padding_never(kind):
    torch.manual_seed(0)
    model = AttentionLM(12, 8, layers=2, positions=kind).double().eval()
    ids = torch.tensor([[5, 6, 7, 8, 9, 10]])
    before = model(ids).logits
    for t in range(6):
        other = ids.clone()
        other[0, t] = 11
        after = model(other).logits
        assert torch.allclose(after[:, :t], before[:, :t], atol=1e-12)
        assert not torch.allclose(after[:, t:], before[:, t:])
    mask = torch.tensor([[True] * 6 + [False] * 2])
    assert torch.allclose(model(F.pad(ids, (0, 2)), mask=mask).logits[:, :6], before, atol=1e-12)


def test_the_weights_of_all_layers_and_a_gradient_for_every_number():
    torch.manual_seed(0)
    model = AttentionLM(12, 8, layers=3, size=4, positions="learned", longest=6)
    output = model(torch.arange(12).view(2, 6), torch.arange(12).view(2, 6), weights=True)
    assert output.attention.shape == (2, 3, 6, 6) and (output.attention.triu(1) == 0).all()
    assert torch.allclose(output.attention.sum(-1), torch.ones(2, 3, 6))
    output.loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_one_look_learns_to_name_the_token_two_places_before():
    """No table of pairs can know it; one head can, if it knows the places."""
    generator = torch.Generator().manual_seed(0)
    texts = torch.randint(3, 9, (40, 32, 10), generator=generator)
    data = [{"ids": ids, "targets": F.pad(ids[:, :-2], (2, 0), value=-100)} for ids in texts]
    losses = {}
    for kind in ("sinusoidal", None):
        torch.manual_seed(0)
        model = AttentionLM(9, 24, layers=1, positions=kind)
        history = fit(model, lambda epoch: data, epochs=6, lr=0.02, device="cpu", progress=False)
        losses[kind] = history[-1]["loss"]
    assert losses["sinusoidal"] < 0.2 and losses[None] > 1


def test_masked_softmax_is_the_only_softmax():
    """Chapter 06's function serves here too."""
    scores, mask = draw(2, 3, 4), draw(2, 3, 4, seed=1) > 0
    _, weights = attend(
        scores, torch.eye(4).double().expand(2, 4, 4), torch.eye(4).double().expand(2, 4, 4), mask, scale=1.0
    )
    assert torch.allclose(weights, masked_softmax(scores, mask), atol=1e-12)
