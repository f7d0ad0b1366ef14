"""The class is read from the last real state, and nothing else."""

import pytest
import torch

from lmcourse.classifier import Classifier
from lmcourse.rnn import LanguageModel
from lmcourse.text import pad
from lmcourse.training import evaluate, fit

SENTENCES = [[1, 2, 3], [4], [5, 6, 7, 8, 9], [2, 2]]


def classifier(seed=0, **options):
    torch.manual_seed(seed)
    return Classifier(10, 3, **{"width": 6, "hidden": 7} | options).double()


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("fused", [False, True])
def test_padding_changes_nothing(cell, layers, fused):
    model = classifier(cell=cell, layers=layers, fused=fused)
    ids, mask = pad(SENTENCES)
    together, context = model(ids, mask=mask).logits, model.context(ids, mask)
    assert together.shape == (4, 3) and context.shape == (4, 7)
    noise = torch.where(mask, ids, torch.randint(0, 10, ids.shape))
    longer, mask_of_longer = torch.nn.functional.pad(noise, (0, 3), value=9), torch.nn.functional.pad(mask, (0, 3))
    assert torch.allclose(model(longer, mask=mask_of_longer).logits, together, atol=1e-12)
    for n, sentence in enumerate(SENTENCES):
        alone = torch.tensor([sentence])
        assert torch.allclose(model(alone).logits, together[n : n + 1], atol=1e-12)
        hidden, _ = model.rnn(model.embedding(alone))
        assert torch.allclose(hidden[0, -1], context[n], atol=1e-12)


def test_every_word_and_its_place_counts():
    model = classifier()
    base = model.context(torch.tensor([[1, 2, 3, 4]]))
    for changed in ([5, 2, 3, 4], [1, 5, 3, 4], [1, 2, 3, 5], [2, 1, 3, 4]):
        assert (model.context(torch.tensor([changed])) - base).abs().max() > 1e-6


def test_logits_and_loss_are_the_equations():
    model = classifier()
    ids, mask = pad(SENTENCES)
    targets = torch.tensor([0, 2, 1, 1])
    output = model(ids, targets, mask)
    logits = model.context(ids, mask) @ model.output.weight.T + model.output.bias
    assert torch.allclose(output.logits, logits, atol=1e-12)
    by_hand = -torch.stack([row[t] - row.logsumexp(0) for row, t in zip(logits, targets, strict=True)]).mean()
    assert torch.allclose(output.loss, by_hand, atol=1e-12)
    assert output.attention is None and output.state is None and model(ids, mask=mask).loss is None
    half = model(ids, torch.tensor([0, -100, 1, -100]), mask).loss
    assert torch.allclose(half, model(ids[::2], targets[::2], mask[::2]).loss, atol=1e-12)


def test_gradients_reach_every_parameter():
    model = classifier(layers=2)
    ids, mask = pad(SENTENCES)
    model(ids, torch.tensor([0, 2, 1, 1]), mask).loss.backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in model.parameters())
    assert model.embedding.weight.grad[0].abs().max() == 0  # the padding


def test_dropout_takes_embeddings_and_context():
    model, seen = classifier(dropout=0.5), []
    model.dropout.register_forward_hook(lambda module, inputs, output: seen.append(tuple(output.shape)))
    model(*pad(SENTENCES)[:1])
    assert seen == [(4, 5, 6), (4, 7)]


def test_dropout_only_while_training():
    model = classifier(dropout=0.5)
    ids, mask = pad(SENTENCES)
    assert not torch.equal(model(ids, mask=mask).logits, model(ids, mask=mask).logits)
    model.eval()
    assert torch.equal(model(ids, mask=mask).logits, model(ids, mask=mask).logits)


def test_one_batch_can_be_learned_by_heart():
    model = classifier()
    ids, mask = pad(SENTENCES)
    batch = {"ids": ids, "targets": torch.tensor([0, 2, 1, 1]), "mask": mask}
    fit(model, lambda epoch: [batch], steps=80, lr=0.02, device="cpu", progress=False)
    result = evaluate(model, [batch])
    assert result["accuracy"] == 1 and result["loss"] < 0.05 and result["count"] == 4


def test_it_learns_what_only_the_order_tells():
    """The same words with 1 before 2, or 2 before 1: a bag of words is right half of the time."""
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(3, 10, (400, 6), generator=draw)
    places = torch.rand(400, 6, generator=draw).argsort(1)[:, :2].sort(1).values
    targets = torch.randint(0, 2, (400,), generator=draw)
    ids.scatter_(1, places, torch.stack([1 + targets, 2 - targets], 1))
    model = classifier(width=16, hidden=16).float()
    batches = [{"ids": ids[n : n + 50], "targets": targets[n : n + 50]} for n in range(0, 350, 50)]
    fit(model, lambda epoch: batches, epochs=30, lr=0.02, device="cpu", progress=False)
    assert evaluate(model, [{"ids": ids[350:], "targets": targets[350:]}])["accuracy"] > 0.95


@pytest.mark.parametrize("options", [{}, {"cell": "gru", "layers": 2}, {"tied": False, "hidden": 9, "fused": False}])
def test_it_can_start_from_a_language_model(options):
    torch.manual_seed(0)
    source = LanguageModel(10, 6, **options).double()
    before = {name: weight.clone() for name, weight in source.state_dict().items()}
    model = Classifier.from_language_model(source, 3, dropout=0.1).double()
    ids = torch.tensor([[1, 2, 3], [4, 5, 6]])
    model.eval()
    hidden, _ = source.rnn(source.embedding(ids))
    assert torch.equal(model.context(ids), hidden[:, -1])
    assert model(ids).logits.shape == (2, 3) and model.dropout.p == 0.1
    model.train()
    fit(model, lambda epoch: [{"ids": ids, "targets": torch.tensor([0, 1])}], steps=3, device="cpu", progress=False)
    assert all(torch.equal(weight, before[name]) for name, weight in source.state_dict().items())
    assert not torch.equal(model.embedding.weight, source.embedding.weight)


def test_a_sentence_without_words_has_the_empty_state():
    model = classifier()
    ids, mask = pad([[1, 2], []])
    assert model.context(ids, mask)[1].abs().max() == 0


@pytest.mark.parametrize(
    ("error", "call", "message"),
    [
        (ValueError, lambda: Classifier(10, 1), "2 or more classes, not 1"),
        (IndexError, lambda: classifier()(torch.tensor([[10]])), "there is no id 10: the vocabulary has 10"),
        (IndexError, lambda: classifier()(torch.tensor([[1]]), torch.tensor([3])), "there is no class 3"),
        (ValueError, lambda: classifier()(torch.tensor([[1]]), torch.tensor([1, 1])), r"not \(2,\)"),
        (ValueError, lambda: classifier()(torch.tensor([[1]]), mask=torch.tensor([[True, True]])), "mask"),
    ],
)
def test_bad_input(error, call, message):
    with pytest.raises(error, match=message):
        call()
