"""What all language models share: the loss in chunks, drawing tokens, generating, scoring, and bad input."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lmcourse import language_model
from lmcourse.language_model import Output, check_ids, cross_entropy, generate, log2probs, predict, sample
from lmcourse.rnn import LanguageModel

CHUNKS = [None, 1, 3, 7, 100]
each_chunk = pytest.mark.parametrize("chunk", CHUNKS)
in_chunks = pytest.mark.parametrize("chunk", CHUNKS[1:])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def problem(rows=7, width=4, size=5, seed=0):
    """Hidden states, weights and targets, some of which do not count."""
    draw = generator(seed)
    shapes = (rows, width), (size, width), (size,)
    tensors = [torch.randn(shape, dtype=torch.float64, generator=draw).requires_grad_() for shape in shapes]
    targets = torch.randint(size, (rows,), generator=draw)
    targets[1::3] = -100
    return *tensors, targets


class Stateless(nn.Module):
    """A model of the same contract that is shown everything at every step; it notes what it is shown."""

    def __init__(self, model):
        super().__init__()
        self.model, self.shown, self.modes = model, [], []

    def forward(self, ids, targets=None, mask=None, state=None):
        assert state is None
        self.shown.append(ids.shape[1])
        self.modes.append(self.training)
        return self.model(ids, targets, mask)._replace(state=None)


class Fixed(nn.Module):
    """Says the same at every place."""

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(torch.as_tensor(logits, dtype=torch.float32))

    def forward(self, ids, targets=None, mask=None, state=None):
        return Output(None, self.logits.expand(*ids.shape, -1))


def a_model(seed=0, vocab_size=9, **options):
    torch.manual_seed(seed)
    return LanguageModel(vocab_size, 8, **options)


# Cross-entropy -------------------------------------------------------------------------------------


@each_chunk
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("shape", [(7,), (7, 1), (2, 3), (1, 2, 6)])
def test_loss_and_gradients_are_those_of_torch(chunk, with_bias, shape):
    hidden, weight, bias, targets = problem(math.prod(shape))
    bias = bias if with_bias else None
    inputs = [t for t in (hidden, weight, bias) if t is not None]
    expected = F.cross_entropy(F.linear(hidden, weight, bias), targets)
    found = cross_entropy(hidden.view(*shape, 4), weight, bias, targets.view(shape), chunk=chunk)
    results = [[loss, *torch.autograd.grad(loss, inputs)] for loss in (found, expected)]
    torch.testing.assert_close(*results, rtol=1e-12, atol=1e-12)


@each_chunk
def test_another_number_can_be_ignored(chunk):
    hidden, weight, bias, targets = problem()
    targets = targets.masked_fill(targets == -100, 0)
    found = cross_entropy(hidden, weight, bias, targets, ignore_index=0, chunk=chunk)
    expected = F.cross_entropy(F.linear(hidden, weight, bias), targets, ignore_index=0)
    torch.testing.assert_close(found, expected)


@in_chunks
def test_gradients_by_finite_differences(chunk):
    *tensors, targets = problem()
    assert torch.autograd.gradcheck(lambda h, w, b: cross_entropy(h, w, b, targets, chunk=chunk), tensors)


@in_chunks
def test_a_loss_used_twice_and_scaled(chunk):
    results = []
    for rows in (chunk, None):
        *tensors, targets = problem()
        loss = cross_entropy(*tensors, targets, chunk=rows)
        value = 3 * loss + loss**2 * tensors[0].sum()
        value.backward(retain_graph=True)
        (-2 * value).backward()
        results.append([t.grad for t in tensors])
    torch.testing.assert_close(*results)


@in_chunks
@pytest.mark.parametrize("needed", [n for n in itertools.product([True, False], repeat=3) if any(n)])
def test_only_some_need_a_gradient(chunk, needed):
    results = []
    for rows in (chunk, None):
        *tensors, targets = problem()
        for tensor, need in zip(tensors, needed, strict=True):
            tensor.requires_grad_(need)
        cross_entropy(*tensors, targets, chunk=rows).backward()
        results.append([t.grad for t in tensors])
    for ours, theirs in zip(*results, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None:
            torch.testing.assert_close(ours, theirs)


def test_no_gradient_is_made_where_none_is_asked_for(monkeypatch):
    hidden, weight, bias, targets = problem()
    calls = []
    monkeypatch.setattr(torch.Tensor, "scatter_add_", lambda self, *_: calls.append(1) or self)
    with torch.no_grad():
        assert not cross_entropy(hidden, weight, bias, targets, chunk=3).requires_grad
    constants = [t.detach() for t in (hidden, weight, bias)]
    assert not cross_entropy(*constants, targets, chunk=3).requires_grad
    assert not calls
    assert cross_entropy(hidden, weight, bias, targets, chunk=3).requires_grad and calls


@in_chunks
def test_a_weight_that_is_also_the_embedding(chunk):
    results = []
    for rows in (chunk, None):
        _, weight, bias, targets = problem(size=9)
        hidden = F.embedding(torch.tensor([0, 3, 3, 8, 1, 2, 5]), weight).tanh()
        results.append(torch.autograd.grad(cross_entropy(hidden, weight, bias, targets, chunk=rows), weight))
    torch.testing.assert_close(*results)


@each_chunk
def test_where_no_target_counts_the_loss_is_0_and_changes_nothing(chunk):
    *tensors, targets = problem()
    loss = cross_entropy(*tensors, torch.full_like(targets, -100), chunk=chunk)
    loss.backward()
    assert loss.item() == 0 and all((t.grad == 0).all() for t in tensors)
    assert predict(*tensors, torch.full_like(targets, -100))[0].item() == 0


def test_no_more_logits_than_a_chunk_are_made_and_none_is_kept(monkeypatch):
    *tensors, targets = problem(rows=50, size=101)
    made, kept, linear = [], [], F.linear
    monkeypatch.setattr(F, "linear", lambda *a: made.append(linear(*a)) or made[-1])
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
        cross_entropy(*tensors, targets, chunk=8).backward()
    rows = [z.shape[0] for z in made if z.shape[1] == 101]
    assert max(rows) == 8 and sum(rows) == (targets != -100).sum()
    assert max(kept) == 101 * 4


@in_chunks
def test_large_logits_do_not_overflow(chunk):
    hidden, weight, bias, targets = problem()
    hidden, weight, bias = ((1000 * t).float().detach().requires_grad_() for t in (hidden, weight, bias))
    found = cross_entropy(hidden, weight, bias, targets, chunk=chunk)
    expected = F.cross_entropy(F.linear(hidden, weight, bias), targets)
    assert found.isfinite() and found.item() == pytest.approx(expected.item(), rel=1e-5)
    assert all(g.isfinite().all() for g in torch.autograd.grad(found, (hidden, weight, bias)))


@each_chunk
def test_bfloat16_by_autocast(chunk):
    *tensors, targets = problem(rows=300, width=16, size=50)
    expected = F.cross_entropy(F.linear(*tensors), targets)
    wanted = torch.autograd.grad(expected, tensors)
    tensors = [t.float().detach().requires_grad_() for t in tensors]
    with torch.autocast("cpu", torch.bfloat16):
        loss = cross_entropy(tensors[0].bfloat16(), *tensors[1:], targets, chunk=chunk)
    loss.backward()
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(expected.item(), rel=0.01)
    for tensor, gradient in zip(tensors, wanted, strict=True):
        assert tensor.grad.dtype == torch.float32
        assert (tensor.grad - gradient).norm() < 0.02 * gradient.norm()


@in_chunks
def test_half_precision_keeps_small_gradients(chunk):
    """A loss is scaled up before it goes back through half precision; what is made before must not be 0 by then."""
    *tensors, targets = problem(rows=2000, width=8, size=500)
    wanted = torch.autograd.grad(F.cross_entropy(F.linear(*tensors), targets), tensors)
    tensors = [t.half().detach().requires_grad_() for t in tensors]
    loss = cross_entropy(*tensors, targets, chunk=chunk * 10) * 1024
    for found, gradient in zip(torch.autograd.grad(loss, tensors), wanted, strict=True):
        assert found.dtype == torch.float16
        assert (found.double() / 1024 - gradient).norm() < 0.01 * gradient.norm()


def test_predict():
    hidden, weight, bias, targets = problem()
    loss, logits = predict(hidden, weight, bias)
    assert loss is None
    torch.testing.assert_close(logits, hidden @ weight.T + bias)
    loss, logits = predict(hidden, weight, bias, targets)
    torch.testing.assert_close(loss, F.cross_entropy(logits, targets))
    loss_in_chunks, none = predict(hidden, weight, bias, targets, chunk=2)
    torch.testing.assert_close(loss_in_chunks, loss)
    assert none is None


# Drawing -------------------------------------------------------------------------------------------


def frequencies(logits, number=20_000, **options):
    """How often each token is drawn."""
    rows = torch.as_tensor(logits, dtype=torch.float64).expand(number, -1)
    return torch.bincount(sample(rows, generator=generator(1), **options), minlength=rows.shape[1])


def chi_square(counts, probs):
    """Large if the counts do not come from the law; only tokens that are possible take part."""
    possible = probs > 0
    assert (counts[~possible] == 0).all()
    expected = probs[possible] * counts.sum()
    return ((counts[possible] - expected) ** 2 / expected).sum().item()


LOGITS = torch.tensor([0.5, 2.0, -1.0, 1.5, 0.0, -3.0], dtype=torch.float64)
THRESHOLD = 20.5  # one in a thousand, of 5 degrees of freedom


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_frequencies_are_the_probabilities(temperature):
    counts = frequencies(LOGITS, temperature=temperature)
    assert chi_square(counts, (LOGITS / temperature).softmax(0)) < THRESHOLD
    assert chi_square(counts, (LOGITS / temperature / 1.1).softmax(0)) > THRESHOLD  # so the test can tell


@pytest.mark.parametrize("top_k", [1, 2, 4, 6, 100])
def test_top_k(top_k):
    kept = torch.zeros(6, dtype=torch.bool)
    kept[LOGITS.topk(min(top_k, 6)).indices] = True
    probs = LOGITS.softmax(0) * kept
    assert chi_square(frequencies(LOGITS, top_k=top_k), probs / probs.sum()) < THRESHOLD


@pytest.mark.parametrize("top_p", [1e-9, 0.3, 0.5, 0.8, 0.95, 1.0])
def test_top_p_keeps_the_smallest_set_that_reaches_p(top_p):
    probs = LOGITS.softmax(0).tolist()
    sets = [s for n in range(1, 7) for s in itertools.combinations(range(6), n) if sum(probs[i] for i in s) >= top_p]
    smallest = min(len(s) for s in sets) if sets else 6
    kept = max((s for s in sets if len(s) == smallest), key=lambda s: sum(probs[i] for i in s), default=range(6))
    law = torch.tensor([p if i in kept else 0.0 for i, p in enumerate(probs)])
    counts = frequencies(LOGITS, top_p=top_p)
    assert (counts > 0).tolist() == (law > 0).tolist()
    assert chi_square(counts, law / law.sum()) < THRESHOLD


def test_top_p_at_the_very_edge_of_a_sum():
    logits = torch.tensor([0.5, 0.25, 0.125, 0.125]).log()
    for top_p, kept in ((0.5, 1), (0.5001, 2), (0.75, 2), (0.76, 3), (1.0, 4)):
        assert (frequencies(logits, top_p=top_p) > 0).sum() == kept
    for size in (2, 4):  # halves and quarters add up without rounding
        for kept in range(1, size + 1):
            assert (frequencies(torch.zeros(size), top_p=kept / size) > 0).sum() == kept


def test_temperature_then_top_k_then_top_p():
    logits = torch.tensor([0.4, 0.3, 0.2, 0.1]).log()
    kept = frequencies(logits, top_k=2, top_p=0.5) > 0  # 0.4 of the 0.7 that are left reaches 0.5
    assert kept.tolist() == [True, False, False, False]
    kept = frequencies(logits, temperature=0.5, top_p=0.52) > 0  # (0.4, 0.3)^2 of 0.3
    assert kept.tolist() == [True, False, False, False]


def test_filters_that_filter_nothing_draw_the_same():
    logits = torch.randn(50, 20, generator=generator())
    for options in ({"top_k": 20}, {"top_k": 99}, {"top_p": 1.0}, {"top_k": 20, "top_p": 1.0}):
        same = sample(logits, generator=generator(3)) == sample(logits, generator=generator(3), **options)
        assert same.all(), options


def test_temperature_0_and_nearly_0_take_the_likeliest():
    logits = 50 * torch.randn(30, 7, generator=generator())
    assert (sample(logits, temperature=0) == logits.argmax(-1)).all()
    for temperature in (1e-4, 1e-30, 1e-45):
        assert (sample(logits, temperature=temperature) == logits.argmax(-1)).all()
    assert (sample(logits, top_k=1) == logits.argmax(-1)).all()


def test_impossible_tokens_are_never_drawn():
    logits = torch.tensor([0.0, -torch.inf, 1.0, -torch.inf])
    for options in ({}, {"top_k": 3}, {"top_p": 0.99}, {"temperature": 50.0}):
        assert set(sample(logits.expand(500, -1), generator=generator(), **options).tolist()) == {0, 2}


def test_shapes_and_seeds_and_logits_as_they_were():
    logits = torch.randn(2, 3, 5, generator=generator())
    before = logits.clone()
    for shape in ((5,), (3, 5), (2, 3, 5)):
        some = logits.flatten()[: math.prod(shape)].view(shape)
        for options in ({}, {"temperature": 0}, {"top_k": 2}, {"top_p": 0.5}):
            drawn = sample(some, generator=generator(5), **options)
            assert drawn.shape == shape[:-1] and drawn.dtype == torch.long
            assert (sample(some, generator=generator(5), **options) == drawn).all()
    assert (logits == before).all()
    rows = torch.zeros(100, 5)
    assert (sample(rows, generator=generator(1)) != sample(rows, generator=generator(2))).any()
    draw = generator(1)
    assert (sample(rows, generator=draw) != sample(rows, generator=draw)).any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_kinds_of_numbers(dtype):
    assert set(sample(LOGITS.to(dtype).expand(200, -1), top_k=2, generator=generator()).tolist()) == {1, 3}


# Generating ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"temperature": 0}, {}, {"temperature": 0.7, "top_k": 4, "top_p": 0.9}])
def test_with_a_state_or_without_the_text_is_the_same(options):
    model = a_model(layers=2)
    ids = torch.randint(9, (3, 4), generator=generator())
    whole = Stateless(model)
    found = generate(model, ids, 6, generator=generator(2), **options)
    assert (generate(whole, ids, 6, generator=generator(2), **options) == found).all()
    assert whole.shown == [4, 5, 6, 7, 8, 9]
    assert found.shape == (3, 10) and (found[:, :4] == ids).all() and not found.requires_grad


def test_a_token_is_shown_once_to_a_model_with_a_state():
    model, shown = a_model(), []
    model.register_forward_pre_hook(lambda _, args: shown.append(args[0].shape[1]))
    generate(model, torch.zeros(2, 5, dtype=torch.long), 4)
    assert shown == [5, 1, 1, 1]


def test_greedy_by_hand():
    model, ids = a_model().eval(), torch.tensor([[1, 2]])
    text = ids
    for _ in range(5):
        text = torch.cat([text, model(text).logits[:, -1].argmax(-1, keepdim=True)], 1)
    assert (generate(model, ids, 5, temperature=0) == text).all()
    assert (generate(model, ids, 5, top_k=1) == text).all()


def test_a_generator_repeats_itself():
    model, ids = a_model(), torch.zeros(4, 1, dtype=torch.long)
    one, two, other = (generate(model, ids, 20, generator=generator(seed)) for seed in (1, 1, 2))
    assert (one == two).all() and (one != other).any()
    before = torch.random.get_rng_state()
    generate(model, ids, 5, generator=generator())
    assert (torch.random.get_rng_state() == before).all()


@pytest.mark.parametrize("stop", [1, [1], (1, 2), {1, 2}, torch.tensor([1, 2])])
def test_rows_end_at_a_stop_and_repeat_it(stop):
    stops = {int(s) for s in (stop if not isinstance(stop, int) else [stop])}
    found = generate(Fixed([3.0, 0, 0, 0]), torch.full((20, 2), 1), 15, stop=stop, generator=generator())
    assert (found[:, :2] == 1).all()  # a stop among the given ids ends nothing
    ended = 0
    for row in found[:, 2:].tolist():
        first = next((n for n, token in enumerate(row) if token in stops), None)
        if first is not None:
            ended += 1
            assert set(row[first:]) == {row[first]}
    assert ended > 5


def test_it_ends_when_all_rows_have_ended():
    sure = Fixed([-50.0, 50, -50])
    assert generate(sure, torch.zeros(3, 1, dtype=torch.long), 9, stop=1).tolist() == [[0, 1]] * 3
    assert generate(sure, torch.zeros(3, 1, dtype=torch.long), 4).tolist() == [[0, 1, 1, 1, 1]] * 3
    unsure = generate(Fixed([0.0, 0]), torch.zeros(9, 1, dtype=torch.long), 99, stop=1, generator=generator())
    assert 2 < unsure.shape[1] < 99 and (unsure[:, -1] == 1).all() and not (unsure[:, -2] == 1).all()


def test_no_length_no_change():
    ids = torch.tensor([[3, 1]])
    assert (generate(a_model(), ids, 0) == ids).all()


def test_modes_are_as_before():
    model = Stateless(a_model(dropout=0.5))
    model.train()
    model.model.dropout.eval()
    texts = [generate(model, torch.tensor([[1]]), 8, temperature=0) for _ in range(3)]
    assert (texts[0] == texts[1]).all() and (texts[0] == texts[2]).all() and not any(model.modes)
    assert model.training and model.model.training and not model.model.dropout.training
    log2probs(model, [[1]], bos=0, eos=2)
    assert not any(model.modes) and model.model.training and not model.model.dropout.training
    model.eval()
    generate(model, torch.tensor([[1]]), 1)
    assert not model.training and not model.model.training
    model.train()
    with pytest.raises(IndexError):
        generate(model, torch.tensor([[99]]), 1)
    assert model.training


# Scoring -------------------------------------------------------------------------------------------

SENTENCES = [[4, 5, 6], [], [3], [8, 7, 6, 5, 4, 3, 2], [4, 5, 6], [2, 2]]


def by_hand(model, sentence, prefix, eos=1):
    """The chain rule, one token at a time."""
    total, context = 0.0, list(prefix)
    for token in [*sentence, eos]:
        total += model(torch.tensor([context])).logits[0, -1].double().log_softmax(0)[token].item() / math.log(2)
        context.append(token)
    return total


@pytest.mark.parametrize("wrap", [lambda m: m, Stateless], ids=["state", "no state"])
@pytest.mark.parametrize("batch_size", [1, 2, 256])
def test_log2probs_by_the_chain_rule(wrap, batch_size):
    model = a_model(layers=2).double().eval()
    found = log2probs(wrap(model), SENTENCES, bos=0, eos=1, batch_size=batch_size)
    assert found.dtype == torch.float64 and found.shape == (6,) and (found < 0).all()
    assert found.tolist() == pytest.approx([by_hand(model, s, [0]) for s in SENTENCES], abs=1e-5)
    assert found[0] == found[4]


def test_prefixes_are_read_but_not_scored():
    model = a_model().double().eval()
    prefixes = [[0], [0, 3, 1, 0], [5], [0, 1], [0, 8, 8, 8, 8, 8, 8, 8], [1, 1]]
    found = log2probs(model, SENTENCES, bos=0, eos=1, batch_size=4, prefixes=prefixes)
    expected = [by_hand(model, s, p) for s, p in zip(SENTENCES, prefixes, strict=True)]
    assert found.tolist() == pytest.approx(expected, abs=1e-5)


def test_all_sentences_together_have_probability_1():
    """Every sentence of at most two tokens, and the beginnings of all longer ones."""
    model = a_model(vocab_size=4).double().eval()
    words = [0, 2, 3]  # all but the end
    short = [list(s) for n in range(3) for s in itertools.product(words, repeat=n)]
    total = log2probs(model, short, bos=0, eos=1).exp2().sum().item()
    for start in itertools.product(words, repeat=3):
        ids = torch.tensor([[0, *start]])
        probs = model(ids[:, :-1]).logits.log_softmax(-1).gather(2, ids[:, 1:, None])
        total += probs.sum().exp().item()
    assert total == pytest.approx(1, abs=1e-6)


def test_nothing_to_score():
    assert log2probs(a_model(), [], bos=0, eos=1).shape == (0,)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_the_gpu():
    model = a_model(layers=2)
    ids = torch.randint(9, (3, 4), generator=generator())
    text, scores = generate(model, ids, 6, generator=generator(1)), log2probs(model, SENTENCES, bos=0, eos=1)
    *tensors, targets = problem()
    loss = cross_entropy(*tensors, targets, chunk=3)
    model.cuda()
    assert (generate(model, ids, 6, generator=generator(1)).cpu() == text).all()  # a generator of the CPU
    assert generate(model, ids, 6, generator=torch.Generator("cuda")).is_cuda
    torch.testing.assert_close(log2probs(model, SENTENCES, bos=0, eos=1), scores, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(cross_entropy(*(t.cuda() for t in tensors), targets.cuda(), chunk=3).cpu(), loss)
    half = [t.detach().half().cuda().requires_grad_() for t in tensors]
    with torch.autocast("cuda", torch.float16):
        cross_entropy(*half, targets.cuda(), chunk=3).backward()
    assert all(t.grad.isfinite().all() for t in half)


# Bad input -----------------------------------------------------------------------------------------


def test_bad_losses():
    hidden, weight, bias, targets = problem()
    for chunk in (0, -3, 2.5, True, "8"):
        with pytest.raises(ValueError, match=f"chunk.*{chunk!r}"):
            cross_entropy(hidden, weight, bias, targets, chunk=chunk)
    for chunk in (None, 3):
        for wrong in ((hidden[:3], weight, targets), (hidden, weight[:, :2], targets), (hidden, bias, targets)):
            with pytest.raises(ValueError, match=r"hidden \(\d, 4\), weight .*, targets \(7,\)"):
                cross_entropy(wrong[0], wrong[1], bias, wrong[2], chunk=chunk)
        for bad in (5, -1, -99):
            targets = problem()[-1]
            targets[4] = bad
            with pytest.raises(IndexError, match=f"there is no target {bad}: the vocabulary has 5"):
                cross_entropy(hidden, weight, bias, targets, chunk=chunk)
        with pytest.raises(TypeError, match="whole numbers, not torch.float64"):
            cross_entropy(hidden, weight, bias, targets.double(), chunk=chunk)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -0.5}, "temperature is 0 or more, not -0.5"),
        ({"temperature": math.nan}, "temperature .*nan"),
        ({"temperature": math.inf}, "temperature .*inf"),
        ({"top_k": 0}, "top_k .*not 0"),
        ({"top_k": -2}, "top_k .*not -2"),
        ({"top_k": 2.5}, "top_k .*not 2.5"),
        ({"top_k": True}, "top_k .*not True"),
        ({"top_p": 0}, "top_p .*not 0"),
        ({"top_p": 0.0}, "top_p .*not 0.0"),
        ({"top_p": 1.5}, "top_p .*not 1.5"),
        ({"top_p": -1}, "top_p .*not -1"),
        ({"top_p": math.nan}, "top_p .*nan"),
    ],
)
def test_bad_ways_to_draw(options, message):
    with pytest.raises(ValueError, match=message):
        sample(LOGITS, **options)
    with pytest.raises(ValueError, match=message):
        generate(a_model(), torch.tensor([[1]]), 0, **options)


def test_logits_that_are_no_numbers():
    for wrong in (torch.tensor([0.0, math.nan]), torch.tensor([math.inf, 0.0]), torch.full((3,), -math.inf)):
        with pytest.raises(ValueError, match="logits"):
            sample(wrong)


def test_bad_beginnings():
    model = a_model()
    for ids in (torch.tensor([1, 2]), torch.zeros(2, 0, dtype=torch.long), torch.zeros(1, 1, 1, dtype=torch.long)):
        with pytest.raises(ValueError, match=r"ids .*\(B, T\)"):
            generate(model, ids, 3)
    with pytest.raises(IndexError, match="there is no id 9: the vocabulary has 9"):
        generate(model, [[1, 9]], 3)
    for length in (-1, 2.5, "3"):
        with pytest.raises(ValueError, match=f"length .*{length!r}"):
            generate(model, [[1]], length)


def test_bad_sentences():
    model = a_model()
    with pytest.raises(IndexError, match="there is no id 9"):
        log2probs(model, [[1, 9]], bos=0, eos=1)
    with pytest.raises(IndexError, match="there is no target 30"):
        log2probs(model, [[1]], bos=0, eos=30)
    with pytest.raises(TypeError, match="'the'"):
        log2probs(model, [["the", "cat"]], bos=0, eos=1)
    with pytest.raises(TypeError, match="list of ids, not 'the cat'"):
        log2probs(model, ["the cat"], bos=0, eos=1)
    for prefixes in ([[0]], [[0], []]):
        with pytest.raises(ValueError, match="2 sentences need as many prefixes"):
            log2probs(model, [[1], [2]], bos=0, eos=1, prefixes=prefixes)


def test_check_ids():
    check_ids(torch.tensor([0, 4]), 5)
    check_ids(torch.tensor([7, -3]), 5, where=torch.tensor([False, False]))
    check_ids(torch.tensor([], dtype=torch.long), 5)
    for dtype in (torch.int32, torch.uint8, torch.long):
        check_ids(torch.tensor([4], dtype=dtype), 5)
        with pytest.raises(IndexError, match="there is no word 5"):
            check_ids(torch.tensor([4, 5], dtype=dtype), 5, "word")
    with pytest.raises(TypeError, match="torch.bool"):
        check_ids(torch.tensor([True]), 5)


def test_the_page_of_the_module_names_all_that_is_public():
    assert set(language_model.__all__) == {
        name
        for name, thing in vars(language_model).items()
        if getattr(thing, "__module__", "") == language_model.__name__ and not name.startswith("_")
    }
