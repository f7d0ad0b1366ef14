"""Is it right: equal to torch.nn with the same weights, masks, causality, padding, order, the cache, precisions."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lmcourse.language_model import evaluating, generate
from lmcourse.self_attention import causal_mask, padding_mask
from lmcourse.seq2seq import Seq2Seq, TextFront, beam_search, greedy
from lmcourse.training import fit
from lmcourse.transformer import (
    CausalLM,
    DecoderLayer,
    EncoderLayer,
    MultiHeadAttention,
    TransformerDecoder,
    TransformerEncoder,
)

BOS, EOS = 2, 3
REAL = torch.arange(6) < torch.tensor([[6], [4], [1]])  # (B, S)


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def seq2seq(positions="sinusoidal", norm_first=True, fused=True, layers=2, seed=0, dropout=0.0):
    torch.manual_seed(seed)
    options = {"layers": layers, "positions": positions, "norm_first": norm_first, "fused": fused, "dropout": dropout}
    encoder = TransformerEncoder(TextFront(11, 8), 8, 2, 12, **options)
    return Seq2Seq(encoder, TransformerDecoder(9, 8, 2, 12, **options)).eval()


# --- equal to torch.nn ---

MASKS = {
    "none": (None, None),
    "causal": (causal_mask(6), None),
    "padding": (padding_mask(REAL), REAL),
    "both": (padding_mask(REAL) & causal_mask(6), REAL),
}


def torch_masks(name):
    """The same masks as torch.nn wants them: True = may not."""
    real = MASKS[name][1]
    return {
        "attn_mask": ~causal_mask(6) if name in ("causal", "both") else None,
        "key_padding_mask": None if real is None else ~real,
    }


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("heads", [1, 4])
def test_heads_are_those_of_torch(name, fused, heads):
    torch.manual_seed(0)
    theirs = nn.MultiheadAttention(8, heads, batch_first=True).double()
    nn.init.normal_(theirs.in_proj_bias)
    ours = MultiHeadAttention(8, heads, fused=fused).double()
    ours.load_state_dict(theirs.state_dict())
    x = draw(3, 6, 8)
    looked, weights, _ = ours(x, mask=MASKS[name][0], weights=True)
    expected, right = theirs(x, x, x, average_attn_weights=False, **torch_masks(name))
    assert torch.allclose(looked, expected, atol=1e-10) and torch.allclose(weights, right, atol=1e-10)
    assert torch.allclose(ours(x, mask=MASKS[name][0])[0], expected, atol=1e-10)
    memory = draw(3, 5, 8, seed=1)
    across, _, _ = ours(x, ours.keys(memory))
    assert torch.allclose(across, theirs(x, memory, memory)[0], atol=1e-10)


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("norm_first, activation", list(itertools.product([False, True], ["relu", "gelu"])))
@pytest.mark.parametrize("fused", [False, True])
def test_an_encoder_layer_is_that_of_torch_and_so_are_its_gradients(name, norm_first, activation, fused):
    torch.manual_seed(0)
    theirs = nn.TransformerEncoderLayer(8, 2, 12, 0.0, activation, batch_first=True, norm_first=norm_first).double()
    for p in theirs.parameters():
        nn.init.normal_(p, std=0.5)
    ours = EncoderLayer(8, 2, 12, norm_first=norm_first, activation=activation, fused=fused).double()
    ours.load_state_dict(theirs.state_dict())
    x, weight = draw(3, 6, 8), draw(3, 6, 8, seed=1)
    masks = torch_masks(name)
    expected = theirs(x, src_mask=masks["attn_mask"], src_key_padding_mask=masks["key_padding_mask"])
    found, _, _ = ours(x, MASKS[name][0])
    assert torch.allclose(found, expected, atol=1e-10)
    if name == "causal":
        assert torch.allclose(ours(x, causal=True)[0], expected, atol=1e-10)
    for output in (found, expected):
        (output * weight).sum().backward()
    for (key, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(a.grad, b.grad, atol=1e-10), key


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("fused", [False, True])
def test_a_decoder_layer_is_that_of_torch(norm_first, fused):
    torch.manual_seed(0)
    theirs = nn.TransformerDecoderLayer(8, 2, 12, 0.0, batch_first=True, norm_first=norm_first).double()
    for p in theirs.parameters():
        nn.init.normal_(p, std=0.5)
    ours = DecoderLayer(8, 2, 12, norm_first=norm_first, fused=fused).double()
    ours.load_state_dict(theirs.state_dict())
    x, memory = draw(3, 5, 8), draw(3, 6, 8, seed=1)
    expected = theirs(x, memory, tgt_mask=~causal_mask(5), memory_key_padding_mask=~REAL)
    found, own, across, _ = ours(x, memory, padding_mask(REAL), weights=True)
    assert torch.allclose(found, expected, atol=1e-10)
    assert torch.allclose(ours(x, ours.multihead_attn.keys(memory), padding_mask(REAL))[0], expected, atol=1e-10)
    assert own.shape == (3, 2, 5, 5) and across.shape == (3, 2, 5, 6)
    assert (own.triu(1) == 0).all() and (across[~REAL[:, None, None].expand_as(across)] == 0).all()


def test_a_stack_of_layers_is_that_of_torch():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 12, 0.0, batch_first=True, norm_first=True)
    theirs = nn.TransformerEncoder(layer, 3, nn.LayerNorm(8), enable_nested_tensor=False).double()
    ours = TransformerEncoder(TextFront(11, 8), 8, 2, 12, layers=3, positions=None).double()
    ours.load_state_dict(theirs.state_dict() | {"front.embedding.weight": ours.front.embedding.weight.detach()})
    ids = torch.randint(11, (3, 6), generator=torch.Generator().manual_seed(0))
    expected = theirs(ours.front.embedding(ids), src_key_padding_mask=~REAL)
    states = ours(ids, REAL).states
    assert torch.allclose(states[REAL], expected[REAL], atol=1e-10) and (states[~REAL] == 0).all()


def test_the_heads_of_one_product_are_the_heads_of_chapter_07_one_by_one():
    from lmcourse.self_attention import SelfAttention

    torch.manual_seed(0)
    many, x = MultiHeadAttention(12, 3).double(), draw(2, 5, 12)
    outputs = []
    for h in range(3):
        head = SelfAttention(12, 4).double()
        for number, part in enumerate((head.query, head.key, head.value)):
            part.weight.data = many.in_proj_weight.data[12 * number + 4 * h : 12 * number + 4 * h + 4]
        outputs.append(head(x, causal=True)[0])
    assert torch.allclose(many.out_proj(torch.cat(outputs, 2)), many(x, causal=True)[0], atol=1e-12)


# --- causality, padding, order ---


@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "rotary", None])
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("fused", [False, True])
def test_a_language_model_never_sees_what_comes_later(positions, norm_first, fused):
    torch.manual_seed(0)
    model = CausalLM(12, 8, 2, 12, positions=positions, norm_first=norm_first, fused=fused).double().eval()
    ids = torch.randint(12, (2, 7), generator=torch.Generator().manual_seed(1))
    before = model(ids).logits
    for t in range(7):
        other = ids.clone()
        other[:, t] = (ids[:, t] + 1) % 12
        after = model(other).logits
        assert torch.allclose(after[:, :t], before[:, :t], atol=1e-12)
        assert not torch.allclose(after[:, t:], before[:, t:])
    mask = torch.tensor([[True] * 7 + [False] * 2] * 2)
    padded = model(F.pad(ids, (0, 2), value=5), mask=mask)
    assert torch.allclose(padded.logits[:, :7], before, atol=1e-12) and padded.state is None


@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "rotary", None])
@pytest.mark.parametrize("fused", [False, True])
def test_padding_and_company_change_nothing(positions, fused):
    model = seq2seq(positions, fused=fused).double()
    source = torch.randint(4, 11, (3, 6), generator=torch.Generator().manual_seed(0))
    ids = torch.tensor([[BOS, 4, 5, 6]] * 3)
    together = model(source, ids, source_mask=REAL).logits
    other = model(source.masked_fill(~REAL, 10), ids, source_mask=REAL).logits
    assert torch.allclose(together, other, atol=1e-12)
    for row, length in enumerate(REAL.sum(1).tolist()):
        alone = model(source[row : row + 1, :length], ids[:1]).logits
        assert torch.allclose(alone[0], together[row], atol=1e-12)
        memory = model.encoder(source[row : row + 1, :length])
        assert torch.allclose(memory.context[0], memory.states[0].mean(0), atol=1e-12)


@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "rotary", None])
def test_without_positions_the_encoder_knows_no_order(positions):
    model = seq2seq(positions).double()
    source, order = torch.tensor([[4, 7, 5, 9, 8, 10]]), torch.tensor([2, 5, 0, 1, 4, 3])
    straight, mixed = (model.encoder(ids).states[0] for ids in (source, source[:, order]))
    assert torch.allclose(mixed, straight[order], atol=1e-12) == (positions is None)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("fused", [False, True])
def test_half_precision_has_no_nan_even_where_nothing_can_be_seen(dtype, fused):
    model = seq2seq(fused=fused).to(dtype)
    nothing = torch.zeros(2, 6, dtype=torch.bool)
    nothing[0] = True
    source, ids = torch.full((2, 6), 5), torch.tensor([[BOS, 4, 5, 6]] * 2)
    output = model(source, ids, ids, source_mask=nothing)
    assert output.logits.dtype == dtype and output.logits.isfinite().all()
    output.loss.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())
    heads = MultiHeadAttention(8, 2, fused=fused).to(dtype)
    large = draw(2, 6, 8).mul(200).to(dtype).requires_grad_()
    looked, _, _ = heads(large, mask=padding_mask(nothing), causal=True)
    looked.float().sum().backward()
    assert looked.isfinite().all() and large.grad.isfinite().all()
    assert torch.allclose(looked[1], heads.out_proj.bias.expand_as(looked[1]))  # a look at nothing adds nothing


# --- the cache ---


@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "rotary", None])
@pytest.mark.parametrize("fused", [False, True])
def test_step_by_step_with_the_cache_is_the_whole_text_at_once(positions, fused):
    torch.manual_seed(0)
    model = CausalLM(12, 8, 2, 12, positions=positions, fused=fused).double().eval()
    ids = torch.randint(12, (3, 9), generator=torch.Generator().manual_seed(1))
    whole = model(ids, weights=True)
    for parts in ([1] * 9, [4, 1, 3, 1], [9], [2, 7]):
        state, logits = None, []
        for some in ids.split(parts, 1):
            output = model(some, state=state, weights=True)
            state = output.state
            logits.append(output.logits)
        assert torch.allclose(torch.cat(logits, 1), whole.logits, atol=1e-12), parts
        assert torch.allclose(output.attention, whole.attention[:, :, :, -parts[-1] :], atol=1e-12)
        assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(state, whole.state, strict=True))


def test_generation_writes_the_same_tokens_with_the_cache_and_without():
    torch.manual_seed(0)
    model = CausalLM(12, 16, 4, 32, layers=3).eval()
    shown = []

    class Forgetful(nn.Module):
        """The same model without its cache: it is shown the whole text each time."""

        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, ids, state=None):
            shown.append(ids.shape[1])
            return self.model(ids)._replace(state=None)

    start = torch.tensor([[BOS, 4], [BOS, 7]])
    for temperature in (0.0, 1.0):
        written = [
            generate(m, start, 30, temperature=temperature, generator=torch.Generator().manual_seed(3))
            for m in (model, Forgetful())
        ]
        assert torch.equal(*written) and written[0].shape == (2, 32)
    assert shown == list(range(2, 32)) * 2


@pytest.mark.parametrize("positions", ["sinusoidal", "rotary"])
def test_searches_with_the_cache_score_as_teacher_forcing_does(positions):
    model = seq2seq(positions)
    source = torch.randint(4, 11, (3, 6), generator=torch.Generator().manual_seed(0))
    marks = {"bos": BOS, "eos": EOS, "max_length": 8}
    one, three = greedy(model, source, REAL, **marks), beam_search(model, source, REAL, beam=1, **marks)
    assert [h.ids for h in one] == [h[0].ids for h in three]
    for row, found in enumerate(beam_search(model, source, REAL, beam=4, **marks)):
        for h in found:
            targets = [*h.ids, EOS] if h.finished else h.ids
            length = REAL[row].sum()
            output = model(source[row : row + 1, :length], torch.tensor([[BOS, *targets[:-1]]]))
            log_probs = output.logits[0].log_softmax(1)[range(len(targets)), targets]
            assert log_probs.sum().item() == pytest.approx(h.log_prob, abs=1e-4)


# --- training ---


@pytest.mark.parametrize("norm_first", [False, True])
def test_a_gradient_for_every_number(norm_first):
    model = seq2seq("learned", norm_first)
    source, ids = torch.arange(4, 10).repeat(3, 1), torch.tensor([[BOS, 4, 5, 6]] * 3)
    model(source, ids, torch.tensor([[4, 5, 6, EOS]] * 3), source_mask=REAL).loss.backward()
    for name, p in model.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all() and p.grad.abs().sum() > 0, name


def test_it_learns_to_write_backwards():
    generator = torch.Generator().manual_seed(0)
    model = seq2seq(layers=1, dropout=0.0)
    source = torch.randint(4, 9, (64, 5), generator=generator)
    ids = F.pad(source.flip(1), (1, 0), value=BOS)
    batch = {"source": source, "ids": ids, "targets": F.pad(source.flip(1), (0, 1), value=EOS)}
    fit(model, lambda epoch: [batch] * 50, epochs=12, lr=0.01, device="cpu", progress=False)
    with evaluating(model):
        found = greedy(model, source, bos=BOS, eos=EOS, max_length=8)
    assert sum(h.ids == row.flip(0).tolist() for h, row in zip(found, source, strict=True)) > 55


def test_dropout_works_in_training_only():
    model = seq2seq(dropout=0.5)
    source, ids = torch.full((1, 4), 5), torch.tensor([[BOS, 4]])
    assert torch.equal(model(source, ids).logits, model(source, ids).logits)
    model.train()
    assert not torch.equal(model(source, ids).logits, model(source, ids).logits)
    heads = MultiHeadAttention(8, 2, dropout=0.5, fused=False)
    x = draw(1, 6, 8, dtype=torch.float32)
    assert not torch.equal(heads(x)[0], heads(x)[0]) and torch.equal(heads.eval()(x)[0], heads(x)[0])


def test_chunks_of_the_loss_are_the_loss():
    ids = torch.randint(12, (3, 9), generator=torch.Generator().manual_seed(1))
    losses = []
    for chunk in (None, 4):
        torch.manual_seed(0)
        output = CausalLM(12, 8, 2, 12, chunk=chunk)(ids, ids)
        losses.append(output.loss.item())
    assert output.logits is None and losses[0] == pytest.approx(losses[1], abs=1e-5)


# --- what it refuses ---


def test_what_cannot_be_is_said():
    with pytest.raises(ValueError, match="3 heads cannot share a width of 8"):
        MultiHeadAttention(8, 3)
    with pytest.raises(ValueError, match="'swish'"):
        EncoderLayer(8, 2, 12, activation="swish")
    with pytest.raises(ValueError, match="'cosine'"):
        CausalLM(12, 8, 2, 12, positions="cosine")
    model = CausalLM(12, 8, 2, 12, positions="learned", longest=6)
    with pytest.raises(ValueError, match="7 tokens are too many: positions were learned for 6"):
        model(torch.zeros(1, 7, dtype=torch.long))
    with pytest.raises(ValueError, match="7 tokens"):
        generate(model, torch.tensor([[1, 2]]), 6)
    with pytest.raises(ValueError, match="padding after them"):
        model(torch.zeros(1, 3, dtype=torch.long), mask=torch.tensor([[False, True, True]]))
    with pytest.raises(IndexError, match="12"):
        model(torch.tensor([[12]]))
    with pytest.raises(ValueError, match="3 inputs need as many outputs"):
        both = seq2seq()
        both.decoder(torch.tensor([[BOS]]), state=both.decoder.start(both.encoder(torch.full((3, 2), 5))))
