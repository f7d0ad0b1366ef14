"""Is it right: masks, padding, causality, gradients, an independent loop; then whether it learns what it is for."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F

from lmcourse.attention import SCORES, AdditiveScore, AttentionDecoder, DotScore, masked_softmax, with_attention
from lmcourse.seq2seq import Decoder, Encoder, Memory, Seq2Seq, TextFront, beam_search, greedy
from lmcourse.training import fit

BOS, EOS = 2, 3
KINDS = list(itertools.product(["lstm", "gru", "rnn"], [1, 2], ["additive", "general", "dot"]))


def small(cell="lstm", layers=1, score="additive", tied=False, seed=0, vocab=7):
    torch.manual_seed(seed)
    encoder = Encoder(TextFront(11, 6), 6, 4, cell, layers, bidirectional=True)
    hidden = encoder.context_size
    decoder = AttentionDecoder(vocab, hidden if tied else 5, hidden, hidden, cell, layers, tied=tied, score=score)
    return Seq2Seq(encoder, decoder).eval()


def sources(seed=0, rows=4, length=6):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(4, 11, (rows, length), generator=generator)
    lengths = torch.tensor([length, *torch.randint(1, length, (rows - 1,), generator=generator).tolist()])
    return ids, torch.arange(length) < lengths[:, None]


# --- weights ---


def test_what_is_masked_has_no_weight_and_the_rest_is_a_softmax_of_its_own():
    generator = torch.Generator().manual_seed(1)
    scores = torch.randn(50, 9, generator=generator, dtype=torch.float64) * 5
    mask = torch.rand(50, 9, generator=generator) < 0.6
    mask[:, 0] |= ~mask.any(1)
    weights = masked_softmax(scores, mask)
    assert (weights[~mask] == 0).all() and torch.allclose(weights.sum(1), torch.ones(50, dtype=torch.float64))
    for row, keep, found in zip(scores, mask, weights, strict=True):
        assert torch.allclose(found[keep], row[keep].softmax(0))
    moved = masked_softmax(scores.masked_fill(~mask, 1e6), mask)  # what stands at the padding is no matter
    assert torch.equal(moved, weights)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_row_without_anything_to_look_at_is_zero_in_every_precision(dtype):
    scores = torch.tensor([[3.0, -2.0], [100.0, 100.0], [-6e4, 6e4]], dtype=dtype, requires_grad=True)
    mask = torch.tensor([[True, True], [False, False], [False, True]])
    weights = masked_softmax(scores, mask)
    assert weights.dtype == dtype and weights[1].tolist() == [0, 0] and weights[2].tolist() == [0, 1]
    weights.sum().backward()
    assert scores.grad.isfinite().all()


def test_without_a_mask_it_is_the_softmax():
    scores = torch.randn(3, 4)
    assert torch.equal(masked_softmax(scores), scores.softmax(-1))
    assert torch.allclose(masked_softmax(scores, torch.ones(3, 4, dtype=torch.bool)), scores.softmax(-1))


def test_a_mask_of_numbers_is_refused():
    with pytest.raises(ValueError, match=r"True where there may be weight, not torch\.float32"):
        masked_softmax(torch.zeros(2, 3), torch.ones(2, 3))


# --- scores ---


def test_each_score_is_its_formula():
    query, states = torch.randn(2, 5, dtype=torch.float64), torch.randn(2, 3, 5, dtype=torch.float64)
    for name, kind in SCORES.items():
        score = kind(5, 5).double()
        found = score(query, score.keys(states))
        for b, s in itertools.product(range(2), range(3)):
            q, k = query[b], states[b, s]
            if name == "additive":
                layer = score.query.weight @ q + score.key.weight @ k + score.key.bias
                expected = score.score.weight[0] @ layer.tanh()
            else:
                expected = q @ (score.key.weight @ k if name == "general" else k)
            assert torch.allclose(found[b, s], expected)


def test_dot_attention_equals_torch():
    query, states = torch.randn(2, 8, dtype=torch.float64), torch.randn(2, 5, 8, dtype=torch.float64)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    weights = masked_softmax(DotScore(8, 8)(query, states), mask)
    ours = torch.bmm(weights[:, None], states)
    theirs = F.scaled_dot_product_attention(query[:, None], states, states, mask[:, None], scale=1.0)
    assert torch.allclose(ours, theirs, atol=1e-12)


def test_a_score_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="equal width, not 4 and 6"):
        DotScore(4, 6)
    with pytest.raises(ValueError, match="no score 'cosine'; the scores are 'additive', 'general', 'dot'"):
        AttentionDecoder(7, 5, 5, 8, score="cosine")


# --- the decoder ---


@pytest.mark.parametrize("cell, layers, score", KINDS)
def test_padding_of_the_source_changes_nothing(cell, layers, score):
    model, (source, mask) = small(cell, layers, score), sources()
    ids = torch.tensor([[BOS, 4, 5, 6]] * 4)
    together = model(source, ids, source_mask=mask)
    for row, length in enumerate(mask.sum(1).tolist()):
        alone = model(source[row : row + 1, :length], ids[:1])
        assert torch.allclose(together.logits[row], alone.logits[0], atol=1e-6)
        assert torch.allclose(together.attention[row, :, :length], alone.attention[0], atol=1e-6)
        assert (together.attention[row, :, length:] == 0).all()
    assert torch.allclose(together.attention.sum(2), torch.ones(4, 4))
    other = model(source.masked_fill(~mask, 10), ids, source_mask=mask)
    assert torch.equal(other.logits, together.logits) and torch.equal(other.attention, together.attention)


@pytest.mark.parametrize("cell, layers, score", KINDS)
def test_the_decoder_sees_no_future_and_every_place_of_the_source(cell, layers, score):
    model, (source, mask) = small(cell, layers, score), sources()
    ids = torch.tensor([[BOS, 4, 5, 6]] * 4)
    before = model(source, ids, source_mask=mask)
    for place in range(1, 4):
        changed = ids.clone()
        changed[:, place] = 4 if place != 1 else 6
        after = model(source, changed, source_mask=mask)
        assert torch.equal(after.logits[:, :place], before.logits[:, :place])
        assert torch.equal(after.attention[:, : place + 1], before.attention[:, : place + 1])
        assert not torch.allclose(after.logits[:, place], before.logits[:, place])
    for place in range(6):
        changed = source.clone()
        changed[0, place] = 4 + (changed[0, place] - 3) % 7
        assert not torch.equal(model(changed, ids, source_mask=mask).logits[0, 0], before.logits[0, 0])


def test_the_weights_are_those_of_the_state_before_the_token_is_read():
    """Row t may depend on the tokens before t, and not on token t itself, which the decoder reads after it looked."""
    model, (source, mask) = small(), sources()
    ids = torch.tensor([[BOS, 4, 5, 6]] * 4)
    before = model(source, ids, source_mask=mask).attention
    ids[:, 2] = 4
    after = model(source, ids, source_mask=mask).attention
    assert torch.equal(after[:, :3], before[:, :3]) and not torch.allclose(after[:, 3], before[:, 3])


@torch.no_grad()
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_it_equals_a_loop_written_with_other_means(cell):
    model, (source, _) = small(cell).double(), sources(rows=1)
    decoder, rnn = model.decoder, model.decoder.rnn
    ids = torch.tensor([[BOS, 4, 5, 6]])
    output = model(source, ids)
    theirs = (torch.nn.LSTMCell if cell == "lstm" else torch.nn.GRUCell)(rnn.input_size, rnn.hidden_size).double()
    theirs.load_state_dict({name.removesuffix("_l0"): value for name, value in rnn.state_dict().items()})
    memory = model.encoder(source)
    first = [bridge(memory.context) for bridge in decoder.bridge]
    h, c = first[0].tanh(), first[-1]
    for t, token in enumerate(ids[0]):
        fits = [
            decoder.score.score.weight[0]
            @ torch.tanh(decoder.score.query.weight @ h[0] + decoder.score.key.weight @ k + decoder.score.key.bias)
            for k in memory.states[0]
        ]
        largest = max(fits)
        exps = [math.exp(e - largest) for e in fits]
        weights = [e / sum(exps) for e in exps]
        context = sum(w * k for w, k in zip(weights, memory.states[0], strict=True))
        x = torch.cat([decoder.embedding.weight[token], context])[None]
        h, c = theirs(x, (h, c)) if cell == "lstm" else (theirs(x, h), c)
        assert torch.allclose(output.attention[0, t], torch.tensor(weights, dtype=torch.float64))
        assert torch.allclose(output.logits[0, t], decoder.output.weight @ h[0] + decoder.bias)


def test_one_step_at_a_time_equals_all_at_once():
    for cell, layers, score in KINDS:
        model, (source, mask) = small(cell, layers, score), sources()
        ids = torch.tensor([[BOS, 4, 5, 6]] * 4)
        whole = model(source, ids, source_mask=mask)
        state, logits, looks = model.decoder.start(model.encoder(source, mask)), [], []
        for token in ids.split(1, 1):
            output = model.decoder(token, state=state)
            state = output.state
            logits.append(output.logits)
            looks.append(output.attention)
        assert torch.allclose(torch.cat(logits, 1), whole.logits, atol=1e-6)
        assert torch.allclose(torch.cat(looks, 1), whole.attention, atol=1e-6)


def test_gradients_reach_every_parameter():
    for (cell, layers, score), tied in itertools.product(KINDS, (False, True)):
        model, (source, mask) = small(cell, layers, score, tied).train(), sources()
        ids, targets = torch.tensor([[BOS, 4, 5, 6]] * 4), torch.tensor([[4, 5, 6, EOS]] * 4)
        model(source, ids, targets, mask).loss.backward()
        for name, p in model.named_parameters():
            assert p.grad is not None and p.grad.abs().sum() > 0, name


def test_with_equal_scores_the_context_is_the_mean_of_what_was_read():
    model, (source, mask) = small(), sources()
    torch.nn.init.zeros_(model.decoder.score.score.weight)
    memory = model.encoder(source, mask)
    *_, keys, values, _ = model.decoder.start(memory)
    context, weights = model.decoder.look(torch.randn(4, 8), keys, values, mask)
    for row, length in enumerate(mask.sum(1).tolist()):
        assert torch.allclose(weights[row, :length], torch.full((length,), 1 / length))
        assert torch.allclose(context[row], memory.states[row, :length].mean(0), atol=1e-6)


def test_an_input_of_one_place_gets_all_the_weight():
    model = small()
    output = model(torch.tensor([[5]]), torch.tensor([[BOS, 4]]))
    assert output.attention.tolist() == [[[1.0], [1.0]]]


def test_it_takes_the_place_of_a_decoder_with_its_weights():
    for tied, layers, cell in itertools.product((False, True), (1, 2), ("lstm", "gru")):
        old = Decoder(7, 6, 6, 8, cell, layers, dropout=0.25, tied=tied)
        for score in ("additive", "general"):
            new = with_attention(old, score)
            assert new.dropout.p == 0.25 and (new.output is None) == tied
            for name, value in old.state_dict().items():
                assert torch.equal(new.state_dict()[name], value)
            added = set(new.state_dict()) - set(old.state_dict())
            assert added and all(name.startswith("score.") for name in added)
    # Where there is one place, its state is the context: with it as the vector, both decoders are one.
    states = torch.randn(3, 1, 8)
    memory = Memory(states, torch.ones(3, 1, dtype=torch.bool), states[:, 0])
    ids = torch.tensor([[BOS, 4, 5]] * 3)
    one, other = (decoder.eval()(ids, state=decoder.start(memory)).logits for decoder in (old, with_attention(old)))
    assert torch.allclose(one, other, atol=1e-6)


# --- search ---


def test_both_searches_return_the_weights_that_were_used():
    model, (source, mask) = small(seed=3), sources()
    with torch.no_grad():
        for p in model.parameters():
            p *= 3
    by_greedy = [[h] for h in greedy(model, source, mask, bos=BOS, eos=EOS, max_length=5)]
    by_beam = beam_search(model, source, mask, bos=BOS, eos=EOS, beam=3, max_length=5)
    for found in (by_greedy, by_beam):
        for row, hypotheses in enumerate(found):
            for one in hypotheses:
                shown = torch.tensor([[BOS, *one.ids]])
                again = model(source[row : row + 1], shown, source_mask=mask[row : row + 1])
                steps = len(one.ids) + one.finished
                assert one.attention.shape == (steps, 6)
                assert torch.allclose(one.attention, again.attention[0, :steps], atol=1e-5)
                log_probs = again.logits[0].log_softmax(1)
                total = sum(log_probs[t, token] for t, token in enumerate([*one.ids, EOS][:steps]))
                assert abs(total.item() - one.log_prob) < 1e-4
    assert [h[0].ids for h in by_greedy] == [
        h[0].ids for h in beam_search(model, source, mask, bos=BOS, eos=EOS, beam=1, max_length=5)
    ]


# --- what it is for ---


def copying(attention, length=12, steps=300):
    """How much of lists of random tokens a model repeats, that has a context of 16 numbers."""
    torch.manual_seed(0)
    encoder = Encoder(TextFront(20, 16), 16, 8, bidirectional=True)
    decoder = Decoder(20, 16, 32, encoder.context_size)
    model = Seq2Seq(encoder, with_attention(decoder) if attention else decoder)

    def batch(seed):
        source = torch.randint(4, 20, (64, length), generator=torch.Generator().manual_seed(seed))
        ids = torch.cat([torch.full((64, 1), BOS), source], 1)
        return {"source": source, "ids": ids, "targets": torch.cat([source, torch.full((64, 1), EOS)], 1)}

    fit(model, lambda epoch: [batch(epoch)], steps=steps, lr=1e-2, progress=False, device="cpu")
    test = batch(10_000)
    model.eval()
    output = model(test["source"], test["ids"])
    points = output.attention[:, :length].argmax(2) if attention else None
    return (output.logits.argmax(2) == test["targets"]).float().mean().item(), points


def test_it_brings_through_what_does_not_fit_into_the_vector_and_looks_where_the_token_is():
    without, _ = copying(False)
    share, points = copying(True)
    assert share > 0.95 > 0.6 > without
    assert (points == torch.arange(12)).float().mean() > 0.9


def test_the_layer_of_the_additive_score_may_have_another_size():
    score = AdditiveScore(4, 6, 3)
    assert score(torch.randn(2, 4), score.keys(torch.randn(2, 5, 6))).shape == (2, 5)
