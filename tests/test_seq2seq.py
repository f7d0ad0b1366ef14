"""Is it right: padding, causality, gradients, learning; greedy and beam search against a search through everything."""

import itertools
import math

import pytest
import torch

from lmcourse.seq2seq import Decoder, Encoder, Memory, Seq2Seq, TextFront, beam_search, greedy
from lmcourse.training import fit

BOS, EOS = 2, 3


def small(cell="lstm", bidirectional=False, layers=1, tied=False, vocab=7, seed=0, fused=True):
    torch.manual_seed(seed)
    encoder = Encoder(TextFront(11, 6), 6, 5, cell, layers, bidirectional, fused=fused)
    decoder = Decoder(vocab, 5, 5, encoder.context_size, cell, layers, tied=tied, fused=fused)
    return Seq2Seq(encoder, decoder).eval()


def sources(seed=0, rows=4, length=6):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(4, 11, (rows, length), generator=generator)
    lengths = torch.tensor([length, *torch.randint(1, length, (rows - 1,), generator=generator).tolist()])
    return ids, torch.arange(length) < lengths[:, None]


KINDS = list(itertools.product(["lstm", "gru", "rnn"], [False, True], [1, 2]))


@pytest.mark.parametrize("cell, bidirectional, layers", KINDS)
def test_padding_of_the_source_changes_nothing(cell, bidirectional, layers):
    model, (source, mask) = small(cell, bidirectional, layers), sources()
    ids = torch.tensor([[BOS, 4, 5, 6]] * 4)
    together = model(source, ids, source_mask=mask).logits
    for row in range(4):
        alone = model(source[row : row + 1, : mask[row].sum()], ids[:1]).logits
        assert torch.allclose(together[row], alone[0], atol=1e-6)
    other = source.masked_fill(~mask, 10)
    assert torch.equal(model(other, ids, source_mask=mask).logits, together)


@pytest.mark.parametrize("cell, bidirectional, layers", KINDS)
def test_the_decoder_sees_no_future_and_the_encoder_sees_all(cell, bidirectional, layers):
    model, (source, mask) = small(cell, bidirectional, layers), sources()
    ids = torch.tensor([[BOS, 4, 5, 6]] * 4)
    before = model(source, ids, source_mask=mask).logits
    for place in range(1, 4):
        changed = ids.clone()
        changed[:, place] = 4 if place != 1 else 6
        after = model(source, changed, source_mask=mask).logits
        assert torch.equal(after[:, :place], before[:, :place])
        assert not torch.allclose(after[:, place], before[:, place])
    for place in range(6):
        changed = source.clone()
        changed[0, place] = 4 + (changed[0, place] - 3) % 7
        assert not torch.equal(model(changed, ids, source_mask=mask).logits[0, 0], before[0, 0])


def test_gradients_reach_every_parameter():
    for cell, bidirectional, layers in KINDS:
        model, (source, mask) = small(cell, bidirectional, layers).train(), sources()
        ids, targets = torch.tensor([[BOS, 4, 5, 6]] * 4), torch.tensor([[4, 5, 6, EOS]] * 4)
        model(source, ids, targets, mask).loss.backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_the_loop_to_read_equals_the_kernel():
    for cell, bidirectional, layers in KINDS:
        fast, slow = (small(cell, bidirectional, layers, fused=fused).double() for fused in (True, False))
        slow.load_state_dict(fast.state_dict())
        source, mask = sources()
        ids = torch.tensor([[BOS, 4, 5, 6]] * 4)
        assert torch.allclose(fast(source, ids, source_mask=mask).logits, slow(source, ids, source_mask=mask).logits)


def test_one_step_at_a_time_equals_all_at_once():
    for cell, bidirectional, layers in KINDS:
        model, (source, mask) = small(cell, bidirectional, layers), sources()
        ids = torch.tensor([[BOS, 4, 5, 6]] * 4)
        whole = model(source, ids, source_mask=mask).logits
        state, steps = model.decoder.start(model.encoder(source, mask)), []
        for token in ids.split(1, 1):
            output = model.decoder(token, state=state)
            state = output.state
            steps.append(output.logits)
        assert torch.allclose(torch.cat(steps, 1), whole, atol=1e-6)


def test_the_context_is_the_last_state_in_both_directions():
    model, (source, mask) = small(bidirectional=True, layers=2), sources()
    memory = model.encoder(source, mask)
    for row, length in enumerate(mask.sum(1).tolist()):
        assert torch.allclose(memory.context[row, :5], memory.states[row, length - 1, :5])
        assert torch.allclose(memory.context[row, 5:], memory.states[row, 0, 5:])


def test_it_learns_to_reverse():
    torch.manual_seed(0)
    encoder = Encoder(TextFront(11, 16), 16, 32, bidirectional=True)
    model = Seq2Seq(encoder, Decoder(11, 16, 32, encoder.context_size))
    source = torch.randint(4, 11, (64, 4), generator=torch.Generator().manual_seed(0))
    right = source.flip(1)
    mark = torch.full((64, 1), BOS)
    batch = {"source": source, "ids": torch.cat([mark, right], 1)}
    batch["targets"] = torch.cat([right, torch.full((64, 1), EOS)], 1)
    fit(model, lambda epoch: [batch], steps=250, lr=1e-2, progress=False, device="cpu")
    found = greedy(model, source, bos=BOS, eos=EOS, max_length=8)
    assert sum(h.ids == row for h, row in zip(found, right.tolist(), strict=True)) >= 60


# --- search ---


def exhaustive(model, source, mask, longest):
    """ln p of every output of up to ``longest`` tokens that ends, for each source: the slow and certain way."""
    state = model.decoder.start(model.encoder(source, mask))
    vocabulary = [token for token in range(7) if token != EOS]
    found = [{} for _ in source]
    for length in range(longest):
        for ids in itertools.product(vocabulary, repeat=length):
            shown = torch.tensor([[BOS, *ids]] * len(source))
            log_probs = model.decoder(shown, state=state).logits.log_softmax(2)
            targets = torch.tensor([[*ids, EOS]] * len(source))
            for row, total in enumerate(log_probs.gather(2, targets[..., None]).sum((1, 2)).tolist()):
                found[row][ids] = total
    return found


@pytest.mark.parametrize("length_penalty", [0, 0.7, 1])
def test_a_beam_as_wide_as_the_space_finds_the_best_of_all(length_penalty):
    model, (source, mask) = small(seed=1), sources()
    with torch.no_grad():
        for p in model.parameters():
            p *= 3  # far from uniform
        everything = exhaustive(model, source, mask, 4)
    found = beam_search(
        model, source, mask, bos=BOS, eos=EOS, beam=1600, max_length=4, length_penalty=length_penalty
    )  # fmt: skip
    for row, hypotheses in zip(everything, found, strict=True):
        scores = {ids: total / (len(ids) + 1) ** length_penalty for ids, total in row.items()}
        ranking = sorted(scores, key=lambda ids: -scores[ids])
        assert [tuple(h.ids) for h in hypotheses[:20]] == ranking[:20]
        assert all(math.isclose(h.score, scores[tuple(h.ids)], rel_tol=1e-4) for h in hypotheses)
        assert all(h.finished for h in hypotheses) and len(hypotheses) == len(scores)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("max_length", [1, 5, 30])
def test_a_beam_of_one_is_greedy(seed, max_length):
    model, (source, mask) = small(seed=seed), sources(seed)
    with torch.no_grad():
        for p in model.parameters():
            p *= 3
    one = greedy(model, source, mask, bos=BOS, eos=EOS, max_length=max_length)
    beam = beam_search(model, source, mask, bos=BOS, eos=EOS, beam=1, max_length=max_length)
    for left, (right,) in zip(one, beam, strict=True):
        assert (left.ids, left.finished) == (right.ids, right.finished)
        assert math.isclose(left.score, right.score, rel_tol=1e-4)
        assert math.isclose(left.log_prob, right.log_prob, rel_tol=1e-4)


def test_a_search_does_not_depend_on_its_neighbours():
    model, (source, mask) = small(seed=2), sources()
    together = beam_search(model, source, mask, bos=BOS, eos=EOS, beam=3, max_length=6)
    for row in range(4):
        (alone,) = beam_search(
            model, source[row : row + 1, : mask[row].sum()], bos=BOS, eos=EOS, beam=3, max_length=6
        )  # fmt: skip
        assert [h.ids for h in alone] == [h.ids for h in together[row]]


class Looking(torch.nn.Module):
    """A decoder whose 'attention' is its last token, so that one can see which weights belong to which output."""

    def __init__(self, decoder):
        super().__init__()
        self.decoder, self.start = decoder, decoder.start

    def forward(self, ids, targets=None, *, state):
        output = self.decoder(ids, targets, state=state)
        return output._replace(attention=ids[..., None].float().expand(-1, -1, 6))


def test_attention_goes_along_with_its_hypothesis():
    model, (source, mask) = small(seed=3), sources()
    model.decoder = Looking(model.decoder)
    one = greedy(model, source, mask, bos=BOS, eos=EOS, max_length=5)
    beams = beam_search(model, source, mask, bos=BOS, eos=EOS, beam=4, max_length=5)
    for hypothesis in [*one, *(h for found in beams for h in found)]:
        shown = [BOS, *hypothesis.ids][: len(hypothesis.ids) + hypothesis.finished]
        assert hypothesis.attention[:, 0].tolist() == shown


def test_search_leaves_the_mode_of_the_model_alone():
    model, (source, mask) = small().train(), sources()
    greedy(model, source, mask, bos=BOS, eos=EOS, max_length=3)
    beam_search(model, source, mask, bos=BOS, eos=EOS, max_length=3)
    assert model.training


# --- bad input ---


def test_wrong_input_is_named():
    model, (source, mask) = small(), sources()
    ids = torch.tensor([[BOS, 4]] * 4)
    with pytest.raises(IndexError, match="no source id 1[1-7]: the vocabulary has 11"):
        model(source + 7, ids)
    with pytest.raises(IndexError, match="no id [7-9]: the vocabulary has 7"):
        model(source, ids + 5)
    with pytest.raises(ValueError, match=r"4 inputs need as many outputs, not ids of shape \(3, 2\)"):
        model(source, ids[:3])
    with pytest.raises(ValueError, match=r"mask is boolean"):
        model(source, ids, source_mask=mask[:, :3])
    with pytest.raises(ValueError, match="tied weights need hidden = width, not 5 and 6"):
        Decoder(7, 6, 5, 5, tied=True)
    for options in (
        {"beam": 0},
        {"beam": 1.5},
        {"max_length": 0},
        {"length_penalty": -1},
        {"length_penalty": math.nan},
    ):
        with pytest.raises(ValueError, match=f"{next(iter(options))} is .*{next(iter(options.values()))!r}"):
            beam_search(model, source, mask, bos=BOS, eos=EOS, **options)


def test_any_front_end_will_do():
    class Halves(torch.nn.Module):
        """Vectors come in, every second one is kept."""

        def forward(self, source, mask):
            return source[:, ::2], mask[:, ::2]

    torch.manual_seed(0)
    encoder = Encoder(Halves(), 6, 5)
    model = Seq2Seq(encoder, Decoder(7, 5, 5, encoder.context_size, tied=True)).eval()
    source, mask = torch.randn(4, 6, 6), sources()[1]
    memory = encoder(source, mask)
    assert isinstance(memory, Memory) and memory.states.shape == (4, 3, 5) and memory.mask.shape == (4, 3)
    assert len(greedy(model, source, mask, bos=BOS, eos=EOS, max_length=3)) == 4
