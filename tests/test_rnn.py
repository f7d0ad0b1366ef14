"""Recurrent networks: equality with torch.nn in values and gradients, padding, carried state, bad input."""

import json
import math
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from lmcourse.language_model import Output
from lmcourse.rnn import RNN, GRUCell, LanguageModel, LSTMCell, RNNCell

TORCH = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
CELLS = {"rnn": (RNNCell, nn.RNNCell), "gru": (GRUCell, nn.GRUCell), "lstm": (LSTMCell, nn.LSTMCell)}
LENGTHS = torch.tensor([3, 6, 1, 5, 6])
MASK = torch.arange(6) < LENGTHS[:, None]  # (5, 6)

each_cell = pytest.mark.parametrize("cell", TORCH)
each_way = pytest.mark.parametrize("fused", [False, True], ids=["loop", "fused"])


def randn(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def network(cell, layers=1, bidirectional=False, fused=False, dropout=0.0, width=3, hidden=4, seed=0):
    """A network with weights that depend on the seed alone, in float64."""
    model = RNN(width, hidden, cell, layers, dropout, bidirectional, fused).double()
    for n, parameter in enumerate(model.parameters()):
        parameter.data.copy_(0.7 * randn(*parameter.shape, seed=100 * seed + n))
    return model


def start(model, batch=5, seed=7):
    shape = model.num_layers * (1 + model.bidirectional), batch, model.hidden_size
    return tuple(randn(*shape, seed=seed + n) for n in range(2 if model.cell == "lstm" else 1))


def weigh(tensors, seed=11):
    """One number that depends on all of them."""
    return sum((t * randn(*t.shape, seed=seed + n)).sum() for n, t in enumerate(tensors))


def language_model(cell="lstm", vocab_size=11, seed=0, **options):
    torch.manual_seed(seed)
    return LanguageModel(vocab_size, options.pop("width", 8), cell=cell, **options).double()


def some_ids(*shape, vocab_size=11, seed=0):
    return torch.randint(vocab_size, shape, generator=torch.Generator().manual_seed(seed))


# Equal to torch.nn ---------------------------------------------------------------------------------


@each_way
@each_cell
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "both ways"])
@pytest.mark.parametrize("padded", [False, True], ids=["full", "padded"])
@pytest.mark.parametrize("given", [False, True], ids=["from 0", "from a state"])
def test_equal_to_torch(cell, layers, bidirectional, fused, padded, given):
    model = network(cell, layers, bidirectional, fused)
    reference = TORCH[cell](3, 4, layers, batch_first=True, bidirectional=bidirectional).double()
    reference.load_state_dict(model.state_dict())
    results = []
    for of_torch in (False, True):
        x = randn(5, 6, 3).requires_grad_()
        state = tuple(s.requires_grad_() for s in start(model)) if given else None
        if of_torch:
            first = state if cell == "lstm" or state is None else state[0]
            packed = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False) if padded else x
            output, end = reference(packed, first)
            output = pad_packed_sequence(output, batch_first=True, total_length=6)[0] if padded else output
            end, parameters = end if cell == "lstm" else (end,), reference.parameters()
        else:
            output, end = model(x, MASK if padded else None, state)
            parameters = model.parameters()
        assert type(end) is tuple
        inputs = [x, *(state or ()), *parameters]
        results.append([output, *end, *torch.autograd.grad(weigh([output, *end]), inputs)])
    for ours, theirs in zip(*results, strict=True):
        assert ours.shape == theirs.shape
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@each_cell
def test_cells_equal_to_torch(cell):
    own, theirs = (made(3, 4).double() for made in CELLS[cell])
    theirs.load_state_dict(own.state_dict())
    x, state = randn(5, 3), [s[0] for s in start(network(cell))]
    for first in (None, tuple(state)):
        expected = theirs(x, first if cell == "lstm" or first is None else first[0])
        expected = expected if cell == "lstm" else (expected,)
        found = own(x, first)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
        for ours, reference in zip(
            torch.autograd.grad(weigh(found), own.parameters()),
            torch.autograd.grad(weigh(expected), theirs.parameters()),
            strict=True,
        ):
            torch.testing.assert_close(ours, reference, rtol=1e-10, atol=1e-10)


@each_cell
def test_a_network_is_its_cell_step_by_step(cell):
    model, x = network(cell), randn(5, 6, 3)
    step = CELLS[cell][0](3, 4).double()
    step.load_state_dict({name.removesuffix("_l0"): weight for name, weight in model.state_dict().items()})
    state, outputs = None, []
    for t in range(6):
        state = step(x[:, t], state)
        outputs.append(state[0])
    hidden, end = model(x)
    torch.testing.assert_close(hidden, torch.stack(outputs, 1))
    torch.testing.assert_close(end, tuple(s[None] for s in state))


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def test_the_equations_on_single_numbers():
    x, h, c, w, u, b, d = 0.5, -0.3, 0.8, (0.4, -1.2, 0.7, 0.9), (1.1, 0.6, -0.5, 0.2), 0.1, -0.2
    a = [w[k] * x + b + u[k] * h + d for k in range(4)]
    new = sigmoid(a[1]) * c + sigmoid(a[0]) * math.tanh(a[2])
    r, z = sigmoid(a[0]), sigmoid(a[1])
    n = math.tanh(w[2] * x + b + r * (u[2] * h + d))
    expected = {
        "rnn": [math.tanh(a[0])],
        "gru": [(1 - z) * n + z * h],
        "lstm": [sigmoid(a[3]) * math.tanh(new), new],
    }
    for cell, values in expected.items():
        made = CELLS[cell][0](1, 1).double()
        for parameter, numbers in zip(made.parameters(), (w, u, [b] * 4, [d] * 4), strict=True):
            parameter.data.copy_(torch.tensor(numbers)[: len(parameter)].view_as(parameter))
        state = [torch.tensor([[s]], dtype=torch.float64) for s in (h, c)][: len(values)]
        found = made(torch.tensor([[x]], dtype=torch.float64), tuple(state))
        assert [s.item() for s in found] == pytest.approx(values, rel=1e-6)


@each_cell
@pytest.mark.parametrize("bidirectional", [False, True])
def test_weights_go_to_torch_and_back(cell, bidirectional):
    model = network(cell, 2, bidirectional)
    reference = TORCH[cell](3, 4, 2, batch_first=True, bidirectional=bidirectional).double()
    reference.load_state_dict(model.state_dict())
    other = network(cell, 2, bidirectional, seed=1)
    other.load_state_dict(reference.state_dict())
    torch.testing.assert_close(other(randn(2, 3, 3)), model(randn(2, 3, 3)), rtol=0, atol=0)


# Padding -------------------------------------------------------------------------------------------


@each_way
@each_cell
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_never_changes_a_result(cell, bidirectional, fused):
    model, x = network(cell, 2, bidirectional, fused), randn(5, 6, 3)
    state = start(model)
    hidden, end = model(x, MASK, state)
    other = torch.where(MASK[..., None], x, 100 * randn(5, 6, 3, seed=1))
    longer = F.pad(other, (0, 0, 0, 3), value=9.0), F.pad(MASK, (0, 3))
    hidden_2, end_2 = model(*longer, state)
    torch.testing.assert_close(hidden_2[:, :6], hidden)
    torch.testing.assert_close(end_2, end)
    assert (hidden_2[~longer[1]] == 0).all()
    for n, length in enumerate(LENGTHS):
        alone = tuple(s[:, n : n + 1] for s in state)
        hidden_1, end_1 = model(x[n : n + 1, :length], None, alone)
        torch.testing.assert_close(hidden[n : n + 1, :length], hidden_1)
        torch.testing.assert_close(tuple(s[:, n : n + 1] for s in end), end_1)


@each_way
@each_cell
def test_the_state_of_a_row_without_tokens_stands_still(cell, fused):
    model, mask = network(cell, 2, True, fused), MASK.clone()
    mask[1] = False
    state = start(model)
    x = randn(5, 6, 3).requires_grad_()
    hidden, end = model(x, mask, state)
    assert all((new[:, 1] == old[:, 1]).all() for new, old in zip(end, state, strict=True))
    assert (hidden[1] == 0).all()
    (gradient,) = torch.autograd.grad(weigh([hidden, *end]), x)
    assert (gradient[~mask] == 0).all() and (gradient[mask] != 0).all()
    _, end = model(x, torch.zeros_like(mask), state)
    assert all((new == old).all() for new, old in zip(end, state, strict=True))


# State ---------------------------------------------------------------------------------------------


@each_way
@each_cell
def test_a_state_carried_on_is_one_long_run(cell, fused):
    model, x = network(cell, 2, fused=fused), randn(5, 9, 3)
    whole, end = model(x)
    state, parts = None, []
    for start_of_window in (0, 2, 6):
        part, state = model(x[:, start_of_window : {0: 2, 2: 6, 6: 9}[start_of_window]], None, state)
        parts.append(part)
    torch.testing.assert_close(torch.cat(parts, 1), whole)
    torch.testing.assert_close(state, end)


@each_way
@each_cell
def test_truncated_backpropagation_gives_the_same_logits_and_cuts_the_gradient(cell, fused):
    model, ids = language_model(cell, layers=2, fused=fused), some_ids(3, 8)
    whole = model(ids).logits
    first = model(ids[:, :5])
    second = model(ids[:, 5:], state=first.state)
    torch.testing.assert_close(torch.cat([first.logits, second.logits], 1), whole)
    cut = model(ids[:, 5:], state=tuple(s.detach() for s in first.state))
    torch.testing.assert_close(cut.logits, second.logits)
    reaches = torch.autograd.grad(second.logits.sum(), first.state, retain_graph=True)
    assert all((s != 0).any() for s in reaches)
    assert torch.autograd.grad(cut.logits.sum(), first.state, allow_unused=True) == (None,) * len(first.state)


# Dropout, precision --------------------------------------------------------------------------------


@each_way
@each_cell
def test_dropout_is_between_layers_and_in_training_only(cell, fused):
    x = randn(5, 6, 3)
    model = network(cell, 2, fused=fused, dropout=0.5)
    plain = network(cell, 2, fused=fused)(x)[0]
    torch.testing.assert_close(model.eval()(x)[0], plain, rtol=0, atol=0)
    model.train()
    torch.manual_seed(0)
    assert not torch.allclose(model(x)[0], plain)
    one = network(cell, 1, fused=fused, dropout=0.5)
    torch.testing.assert_close(one.train()(x)[0], one.eval()(x)[0], rtol=0, atol=0)


@each_way
def test_dropout_sets_its_share_to_0_and_scales_the_rest(fused):
    """The second layer of a plain cell with W = 1, U = 0 shows what comes out of the first, which reads ones."""
    model = RNN(1, 1, "rnn", 2, dropout=0.25, fused=fused)
    for name, parameter in model.named_parameters():
        parameter.data.fill_({"weight_ih_l0": 0.5, "weight_ih_l1": 1.0}.get(name, 0.0))
    torch.manual_seed(0)
    seen = model(torch.ones(200, 50, 1))[0].detach().atanh()
    kept = seen[seen != 0]
    assert 1 - len(kept) / seen.numel() == pytest.approx(0.25, abs=0.02)
    assert torch.allclose(kept, torch.tensor(math.tanh(0.5) / 0.75))


@each_way
@each_cell
def test_bfloat16_is_close(cell, fused):
    model, ids = language_model(cell, layers=2, fused=fused, chunk=4).float(), some_ids(3, 7)
    mask = torch.arange(7) < torch.tensor([7, 3, 5])[:, None]
    exact = model(ids, ids, mask).loss
    with torch.autocast("cpu", torch.bfloat16):
        loss = model(ids, ids, mask).loss
    loss.backward()
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(exact.item(), rel=0.02)
    assert all(p.grad.dtype == torch.float32 and p.grad.isfinite().all() for p in model.parameters())


# The language model --------------------------------------------------------------------------------


@each_way
@each_cell
def test_causality(cell, fused):
    model, ids = language_model(cell, layers=2, fused=fused), some_ids(3, 7)
    logits = model(ids).logits
    for t in range(7):
        changed = ids.clone()
        changed[:, t] = (changed[:, t] + 1) % 11
        moved = (model(changed).logits - logits).abs().amax((0, 2))  # (T,)
        assert (moved[:t] == 0).all() and (moved[t:] > 0).all()


@each_way
@each_cell
def test_a_padded_batch_is_each_text_alone(cell, fused):
    model, ids = language_model(cell, layers=2, fused=fused), some_ids(5, 6)
    targets = some_ids(5, 6, seed=1).masked_fill(~MASK, -100)
    output = model(ids, targets, MASK)
    losses = []
    for n, length in enumerate(LENGTHS):
        alone = model(ids[n : n + 1, :length], targets[n : n + 1, :length])
        torch.testing.assert_close(output.logits[n : n + 1, :length], alone.logits)
        torch.testing.assert_close(tuple(s[:, n : n + 1] for s in output.state), alone.state)
        losses.append(alone.loss * length)
    torch.testing.assert_close(output.loss, sum(losses) / LENGTHS.sum())


@each_way
@each_cell
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("chunk", [None, 4])
def test_gradients_reach_every_parameter(cell, fused, tied, chunk):
    model = language_model(cell, layers=2, tied=tied, hidden=8 if tied else 5, fused=fused, chunk=chunk)
    model(some_ids(4, 9), some_ids(4, 9, seed=1)).loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and (parameter.grad != 0).any(), name


@each_way
def test_chunks_give_the_same_loss_and_gradients(fused):
    ids, targets = some_ids(5, 6), some_ids(5, 6, seed=1).masked_fill(~MASK, -100)
    found = []
    for chunk in (None, 1, 7, 1000):
        model = language_model(fused=fused, chunk=chunk)
        output = model(ids, targets, MASK)
        assert (output.logits is None) == (chunk is not None) and model(ids).logits.shape == (5, 6, 11)
        found.append([output.loss, *torch.autograd.grad(output.loss, model.parameters())])
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=1e-10, atol=1e-12)


def test_tied_weights_are_one_table():
    model = language_model(tied=True)
    assert model.output is None and sum(p.shape == (11, 8) for p in model.parameters()) == 1
    hidden, _ = model.rnn(model.embedding(some_ids(2, 3)))
    logits = hidden @ model.embedding.weight.T + model.bias
    torch.testing.assert_close(model(some_ids(2, 3)).logits, logits)
    loose = language_model(tied=False, hidden=5)
    assert loose.output.weight.shape == (11, 5)
    hidden, _ = loose.rnn(loose.embedding(some_ids(2, 3)))
    torch.testing.assert_close(loose(some_ids(2, 3)).logits, hidden @ loose.output.weight.T + loose.bias)


@each_way
@each_cell
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_one_batch_can_be_learned_by_heart(cell, fused, tied):
    model = language_model(cell, width=24, tied=tied, fused=fused).float()
    ids = some_ids(4, 9)
    ids[:, 0] = torch.arange(4)  # rows that begin alike could not be told apart
    optimizer = torch.optim.Adam(model.parameters(), 0.03)
    first = model(ids[:, :-1], ids[:, 1:]).loss.item()
    assert first == pytest.approx(math.log(11), abs=0.7)  # nothing is known yet
    for _ in range(120):
        loss = model(ids[:, :-1], ids[:, 1:]).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05


def test_what_a_model_returns():
    output = language_model()(some_ids(2, 3))
    assert type(output) is Output and output.loss is None and output.attention is None
    assert output.logits.shape == (2, 3, 11) and [s.shape for s in output.state] == [(1, 2, 8)] * 2
    assert len(language_model("gru")(some_ids(2, 3)).state) == 1


def test_dropout_of_the_language_model_is_for_training():
    model, ids = language_model(dropout=0.5), some_ids(2, 5)
    seen = []
    model.dropout.register_forward_hook(lambda _, args, result: seen.append((args[0], result)))
    model(ids)
    (_, embedded), (hidden, _) = seen  # before the network and after it
    torch.testing.assert_close(hidden, model.rnn(embedded)[0])
    assert all((after == 0).any() for _, after in seen)
    model.eval()
    torch.testing.assert_close(model(ids).logits, language_model()(ids).logits)
    model.train()
    assert not torch.allclose(model(ids).logits, model(ids).logits)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@each_way
@each_cell
def test_the_gpu_gives_the_same(cell, fused):
    model, ids = language_model(cell, layers=2, fused=fused, chunk=4), some_ids(5, 6)
    on_cpu = model(ids, ids, MASK)
    expected = torch.autograd.grad(on_cpu.loss, model.parameters())
    model.cuda()
    output = model(ids.cuda(), ids.cuda(), MASK.cuda())
    found = torch.autograd.grad(output.loss, model.parameters())
    torch.testing.assert_close(output.loss.cpu(), on_cpu.loss)
    torch.testing.assert_close(tuple(s.cpu() for s in output.state), on_cpu.state)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours.cpu(), theirs)


# Bad input -----------------------------------------------------------------------------------------


def test_bad_networks():
    for make in (lambda cell: RNN(3, 4, cell), lambda cell: LanguageModel(5, cell=cell)):
        with pytest.raises(ValueError, match="no cell 'LSTM'; the cells are 'rnn', 'gru', 'lstm'"):
            make("LSTM")
    for dropout in (-0.1, 1.0, 2):
        with pytest.raises(ValueError, match=f"dropout.*{dropout}"):
            RNN(3, 4, layers=2, dropout=dropout)
    with pytest.raises(ValueError, match="hidden = width, not 7 and 5; or pass tied=False"):
        LanguageModel(9, 5, hidden=7)


@each_way
def test_bad_sequences(fused):
    model, x = network("lstm", fused=fused), randn(2, 4, 3)
    for wrong in (x[0], x[..., :2], x[:, :0]):
        with pytest.raises(ValueError, match=r"x is \(B, T, 3\).*not " + re.escape(str(tuple(wrong.shape)))):
            model(wrong)
    with pytest.raises(ValueError, match=r"mask is boolean \(2, 4\), not torch.bool \(2, 3\)"):
        model(x, torch.ones(2, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"mask is boolean \(2, 4\), not torch.float32"):
        model(x, torch.ones(2, 4))
    mask = torch.tensor([[True, True, True, True], [False, True, True, False]])
    with pytest.raises(ValueError, match="row 1 of the mask is .False, True, True, False"):
        model(x, mask)
    zeros = torch.zeros(1, 2, 4, dtype=torch.float64)
    for state, phrase in (
        ((zeros,), r"2 tensors of shape \(1, 2, 4\), not \[\(1, 2, 4\)\]"),
        ((zeros, zeros[:, :1]), r"not \[\(1, 2, 4\), \(1, 1, 4\)\]"),
        (zeros, "not a Tensor"),
        ([zeros, zeros], "not a list"),
    ):
        with pytest.raises(ValueError, match=phrase):
            model(x, None, state)
    with pytest.raises(ValueError, match=r"a tuple of 1 tensor of shape"):
        network("gru", fused=fused)(x, None, (zeros, zeros))


def test_ids_that_do_not_exist():
    model = language_model()
    for wrong in (11, -1, 1000):
        ids = some_ids(2, 3)
        ids[1, 1] = wrong
        with pytest.raises(IndexError, match=f"there is no id {wrong}: the vocabulary has 11"):
            model(ids)
    with pytest.raises(IndexError, match="there is no target 11"):
        model(some_ids(2, 3), torch.full((2, 3), 11))
    with pytest.raises(TypeError, match="whole numbers, not torch.float32"):
        model(torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"ids are \(B, T\).*not \(3,\)"):
        model(some_ids(3))


# The benchmark -------------------------------------------------------------------------------------

RECORDED = Path(__file__).parents[1] / "benchmarks" / "results" / "rnn.json"
with_benchmarks = pytest.mark.skipif(not RECORDED.parent.is_dir(), reason="a package of its own has no benchmarks")


@with_benchmarks
def test_the_benchmark_runs(real_data, monkeypatch, capsys):
    monkeypatch.syspath_prepend(RECORDED.parents[2])
    from benchmarks import rnn

    result = json.loads(json.dumps(rnn.run(SimpleNamespace(quick=True, device="cpu"))))
    said = rnn.report(result)
    for cell, ways in result["layer"]["cells"].items():
        assert ways["loop"]["value"] == pytest.approx(ways[f"nn.{cell.upper()}"]["value"], rel=1e-3)
        assert ways["fused"]["value"] == pytest.approx(ways[f"nn.{cell.upper()}"]["value"], rel=1e-3)
    for way, times in result["step"]["ways"].items():
        assert times["value"] == pytest.approx(result["step"]["ways"]["nn.LSTM + F.cross_entropy"]["value"], rel=1e-5)
        assert way in said
    for name, found in result["texts"].items():
        assert result["published"][name] and name in said
        for row in found["rows"]:
            assert 0 < row["nats"] < 5 and row["bits"] == pytest.approx(row["nats"] / math.log(2))


@with_benchmarks
def test_the_recorded_benchmark_shows_what_the_book_says():
    result = json.loads(RECORDED.read_text("utf-8"))
    layer, step = result["layer"], result["step"]
    assert (layer["B"], layer["T"], layer["D"], step["V"]) == (32, 64, 256, 10_000)
    assert layer["cells"]["lstm"]["loop"]["ratio"] <= 1.8
    usual = step["ways"]["nn.LSTM + F.cross_entropy"]
    assert min(times["ratio"] for way, times in step["ways"].items() if "rows" in way) <= 0.75
    assert all(times["value"] == pytest.approx(usual["value"], rel=1e-6) for times in step["ways"].values())
    for name, found in result["texts"].items():
        nats = {row["model"]: row["nats"] for row in found["rows"]}
        assert nats["LSTM"] < min(n for model, n in nats.items() if model != "LSTM"), name
