"""What all language models of the course share: what they return, their loss, and how text is drawn from them.

Every sequence model is a ``torch.nn.Module`` that is called on a batch and returns one :class:`Output`. So
there is one loop that trains (:mod:`lmcourse.training`), one :func:`generate` and one :func:`log2probs`, from
the RNN of chapter 02 to the Transformer.

>>> logits = torch.tensor([2.0, 5.0, 3.0])
>>> sample(logits, temperature=0)
tensor(1)
"""

import math
from contextlib import contextmanager
from numbers import Integral
from typing import NamedTuple

import torch
import torch.nn.functional as F

from lmcourse.text import batches, pad

__all__ = ["Output", "check_ids", "cross_entropy", "evaluating", "generate", "log2probs", "predict", "sample"]

IGNORE = -100  # as in torch: a target that is not counted


class Output(NamedTuple):
    """What every model of the course returns: the one contract between models and all that uses them.

    A model is called as ``model(ids, targets=None, mask=None, state=None)``, where ``ids`` (B, T) are whole
    numbers and ``mask`` (B, T) is True where a real token stands. Chapters with two sequences add arguments
    of their own. What a model has no use for is ``None``.

    Args:
        loss: mean cross-entropy over the targets that count, in nats (-ln of the probability), a scalar;
            ``None`` without targets.
        logits: the score of each token of the vocabulary to be the next, before the softmax: (B, T, V), or
            (B, C) over the classes of a classifier; ``None`` where the loss was made in chunks.
        attention: the attention weights, where there are any: their last axis sums to 1.
        state: what to pass as ``state`` to go on where this batch ended: a tuple of tensors; ``None`` for a
            model that has no memory of its own.
    """

    loss: torch.Tensor | None
    logits: torch.Tensor | None
    attention: torch.Tensor | None = None
    state: tuple[torch.Tensor, ...] | None = None


def predict(hidden, weight, bias, targets=None, *, chunk=None):
    """The last layer of a language model: logits = W h + b, and the loss where there are targets.

    Args:
        hidden: (..., D).
        weight: (V, D); the table of embeddings itself, where weights are tied.
        bias: (V,) or ``None``.
        targets: ids of shape (...); -100 is not counted.
        chunk: with a number, and with targets, the loss is made so many rows at a time and there are no
            logits; see :func:`cross_entropy`.

    Returns:
        The loss (``None`` without targets) and the logits (..., V).
    """
    if targets is not None and chunk is not None:
        return cross_entropy(hidden, weight, bias, targets, chunk=chunk), None
    logits = F.linear(hidden, weight, bias)
    return (None if targets is None else _mean_loss(logits, targets, IGNORE)), logits


def cross_entropy(hidden, weight, bias, targets, *, ignore_index=IGNORE, chunk=None):
    """Mean loss of a linear layer with a softmax: -ln p(target), where p = softmax(W h + b).

    With ``chunk`` the logits of so many rows at a time are made, and from them at once both the loss and its
    gradient, softmax(z) - onehot(target). So the table of all logits, which for a large vocabulary is larger
    than everything else in the model, is never kept. The value is the same.

    Args:
        hidden: (..., D), the last layer's output.
        weight: (V, D).
        bias: (V,) or ``None``.
        targets: ids of shape (...).
        ignore_index: targets of this value are not counted.
        chunk: rows at a time, 256 to 1024 being a good choice; ``None`` makes all logits at once.

    Returns:
        The mean over the targets that count, a scalar in nats. Where none counts the loss is 0, with
        gradients of 0: a batch without anything to predict changes nothing.

    Raises:
        IndexError: a target is not in the vocabulary.
        ValueError: the shapes do not fit together, or the chunk is below 1.
    """
    if hidden.shape[:-1] != targets.shape or weight.dim() != 2 or hidden.shape[-1] != weight.shape[1]:
        shapes = f"hidden {tuple(hidden.shape)}, weight {tuple(weight.shape)}, targets {tuple(targets.shape)}"
        raise ValueError(f"expected hidden (..., D), weight (V, D) and targets (...), not {shapes}")
    if chunk is None:
        return _mean_loss(F.linear(hidden, weight, bias), targets, ignore_index)
    if not _is_number(chunk, 1):
        raise ValueError(f"chunk is a number of rows, 1 or more, or None, not {chunk!r}")
    counted = targets != ignore_index
    check_ids(targets, len(weight), "target", counted)
    if counted.all():
        hidden, targets = hidden.flatten(0, -2), targets.flatten()  # (N, D), (N,)
    else:
        hidden, targets = hidden[counted], targets[counted]
    narrow = F.linear(hidden[:1], weight[:1]).dtype  # that of the inputs, or what autocast says
    return _ChunkedLoss.apply(hidden, weight, bias, targets, chunk, narrow, torch.is_grad_enabled())


def _mean_loss(logits, targets, ignore_index):
    counted = targets != ignore_index
    check_ids(targets, logits.shape[-1], "target", counted)
    total = F.cross_entropy(logits.flatten(0, -2), targets.flatten(), ignore_index=ignore_index, reduction="sum")
    return total / counted.sum().clamp(min=1)


class _ChunkedLoss(torch.autograd.Function):
    """The loss and its gradient, some rows at a time; products in the dtype ``narrow``, sums in at least float32."""

    @staticmethod
    def forward(ctx, hidden, weight, bias, targets, chunk, narrow, training):
        wide = torch.promote_types(narrow, torch.float32)
        needed = [training and need for need in ctx.needs_input_grad[:3]]
        d_hidden, d_weight, d_bias = (
            torch.zeros_like(x, dtype=wide) if need else None
            for x, need in zip((hidden, weight, bias), needed, strict=True)
        )
        total = hidden.new_zeros((), dtype=wide)
        w, b = weight.to(narrow), None if bias is None else bias.to(narrow)
        for start in range(0, len(targets), chunk):
            rows = slice(start, start + chunk)
            h, y = hidden[rows].to(narrow), targets[rows, None]
            p = F.linear(h, w, b).log_softmax(1, dtype=wide)  # (chunk, V)
            total -= p.gather(1, y).sum()
            if not any(needed):
                continue
            p.exp_().scatter_add_(1, y, p.new_full(y.shape, -1))  # softmax - onehot, the gradient of the logits
            if d_bias is not None:
                d_bias += p.sum(0)
            p = p.to(narrow)
            if d_hidden is not None:
                d_hidden[rows] = p @ w
            if d_weight is not None and narrow == wide:
                d_weight.addmm_(p.T, h)  # one pass over the (V, D) table where the next line takes two
            elif d_weight is not None:
                d_weight += p.T @ h
        ctx.save_for_backward(d_hidden, d_weight, d_bias)
        ctx.count = max(len(targets), 1)
        return total / ctx.count

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, upstream):
        scale = upstream / ctx.count
        return *(None if d is None else scale * d for d in ctx.saved_tensors), None, None, None, None


def check_ids(ids, size, what="id", where=True):
    """Raise an ``IndexError`` that names the first of the ids that is not in 0 .. size - 1, if there is one.

    Args:
        ids: whole numbers of any shape.
        size: how many there are in the vocabulary.
        what: what to call one in the message.
        where: a mask of the same shape; only the ids where it is True are looked at.
    """
    if ids.is_floating_point() or ids.dtype == torch.bool:
        raise TypeError(f"expected {what}s that are whole numbers, not {ids.dtype}")
    wrong = ((ids < 0) | (ids >= size)) & where
    if wrong.any():
        raise IndexError(f"there is no {what} {ids[wrong][0].item()}: the vocabulary has {size}, from 0")


def sample(logits, *, temperature=1.0, top_k=None, top_p=None, generator=None):
    """Draw one token from each row of logits.

    The temperature comes first, then ``top_k``, then ``top_p``; what is left is scaled to a sum of 1.

    Args:
        logits: (..., V).
        temperature: the logits are divided by it: below 1 the likely gets likelier, above 1 all become more
            alike, and 0 always takes the likeliest.
        top_k: draw only from the k likeliest tokens.
        top_p: draw only from the smallest set of likeliest tokens whose probabilities together reach p
            (nucleus sampling, Holtzman et al., 2020).
        generator: a ``torch.Generator`` to draw with.

    Returns:
        Ids of shape (...).

    Raises:
        ValueError: a temperature below 0, a ``top_k`` below 1, or a ``top_p`` outside of (0, 1].
    """
    _check_sampling(temperature, top_k, top_p)
    if temperature == 0:
        return logits.argmax(-1)
    logits = _wide(logits)
    if not logits.amax(-1).isfinite().all():  # a nan is the largest
        raise ValueError(f"each row of logits needs a largest number, and one of these has none: {logits}")
    probs = ((logits - logits.amax(-1, keepdim=True)) / temperature).softmax(-1)  # no division can overflow
    if top_k is not None or top_p is not None:
        likely, order = probs.sort(dim=-1, descending=True, stable=True)
        if top_k is not None:
            likely[..., top_k:] = 0
        if top_p is not None:
            likely = likely / likely.sum(-1, keepdim=True)
            before = likely.cumsum(-1) - likely  # what likelier tokens have together
            likely[before >= top_p] = 0
        probs = torch.zeros_like(probs).scatter_(-1, order, likely)
    device = logits.device if generator is None else generator.device
    drawn = torch.multinomial(probs.view(-1, probs.shape[-1]).to(device), 1, generator=generator)
    return drawn.view(logits.shape[:-1]).to(logits.device)


def _check_sampling(temperature, top_k, top_p):
    if not 0 <= temperature < math.inf:
        raise ValueError(f"temperature is 0 or more, not {temperature!r}")
    if top_k is not None and not _is_number(top_k, 1):
        raise ValueError(f"top_k is a whole number, 1 or more, not {top_k!r}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p is above 0 and at most 1, not {top_p!r}")


def generate(model, ids, length, *, temperature=1.0, top_k=None, top_p=None, stop=None, generator=None):
    """Let a language model go on writing: draw a token, append it, and ask again.

    A model that returns a state is shown each token once; a model without a state is shown the whole text
    again at every step.

    Args:
        model: called as ``model(ids, state=state)``; returns an :class:`Output`. It computes in evaluation
            mode, whatever mode it is in before and after.
        ids: how the texts begin, (B, T) with at least one token each.
        length: how many tokens to add, at most.
        temperature, top_k, top_p, generator: as for :func:`sample`.
        stop: an id, or several, that ends a text; what follows in its row is the same id again. When all
            texts have ended, so does the result.

    Returns:
        The ids, old and new, (B, T + n) with n at most ``length``, on the model's device.
    """
    _check_sampling(temperature, top_k, top_p)
    ids = torch.as_tensor(ids)
    if ids.dim() != 2 or not ids.shape[1]:
        raise ValueError(f"ids are of shape (B, T) with T at least 1, not {tuple(ids.shape)}")
    if not _is_number(length, 0):
        raise ValueError(f"length is a whole number, 0 or more, not {length!r}")
    ids = ids.to(_device(model, ids.device))
    stop = [] if stop is None else sorted(stop) if isinstance(stop, set) else stop
    stop = torch.as_tensor(stop, dtype=torch.long, device=ids.device).flatten()
    ended = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
    state, shown = None, ids
    with evaluating(model), torch.no_grad():
        for _ in range(length):
            output = model(shown, state=state)
            state = output.state
            new = sample(output.logits[:, -1], temperature=temperature, top_k=top_k, top_p=top_p, generator=generator)
            new = torch.where(ended, ids[:, -1], new)
            ids = torch.cat([ids, new[:, None]], 1)
            shown = ids if state is None else new[:, None]
            ended |= torch.isin(new, stop)
            if ended.all():
                break
    return ids


def log2probs(model, sentences, *, bos, eos, batch_size=256, prefixes=None):
    """log2 of the probability of each sentence: of its ids and of the end after them.

    Args:
        model: called as ``model(ids, mask=mask)``; returns an :class:`Output` with logits. It computes in
            evaluation mode.
        sentences: N lists of ids, without marks of beginning and end; a list may be empty.
        bos: the id of ``<s>``, which every sentence comes after.
        eos: the id of ``</s>``, which is scored too.
        batch_size: how many sentences to compute at a time.
        prefixes: N lists of ids, at least one each, that stand before the sentences in place of ``bos``, such
            as the sentences of a story so far. They are not scored.

    Returns:
        A float64 tensor (N,), all 0 or less. Neither the other sentences nor the padding change it.
    """
    sentences = [_ids_of(sentence) for sentence in sentences]
    prefixes = [[bos]] * len(sentences) if prefixes is None else [_ids_of(prefix) for prefix in prefixes]
    if len(prefixes) != len(sentences) or not all(prefixes):
        raise ValueError(f"{len(sentences)} sentences need as many prefixes of at least one id, not {prefixes!r:.80}")
    device = _device(model, "cpu")
    result = torch.zeros(len(sentences), dtype=torch.float64)

    def whole(n):
        return len(prefixes[n]) + len(sentences[n])

    with evaluating(model), torch.no_grad():
        for rows in batches(sorted(range(len(sentences)), key=whole), batch_size):
            ids, mask = pad([prefixes[n] + sentences[n] for n in rows])
            targets, _ = pad([[IGNORE] * (len(prefixes[n]) - 1) + sentences[n] + [eos] for n in rows], IGNORE)
            logits = model(ids.to(device), mask=mask.to(device)).logits
            check_ids(targets, logits.shape[-1], "target", targets != IGNORE)
            nats = F.cross_entropy(
                _wide(logits).flatten(0, 1), targets.flatten().to(device), ignore_index=IGNORE, reduction="none"
            )
            result[rows] = -nats.view(targets.shape).cpu().double().sum(1) / math.log(2)
    return result


def _wide(tensor):
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def _ids_of(sentence):
    ids = sentence.tolist() if isinstance(sentence, torch.Tensor) else sentence
    if isinstance(ids, str) or not all(isinstance(number, Integral) for number in ids):
        raise TypeError(f"a sentence is a list of ids, not {sentence!r}")
    return list(ids)


def _is_number(value, least):
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _device(model, otherwise):
    return next((parameter.device for parameter in model.parameters()), otherwise)


@contextmanager
def evaluating(model):
    """The model in evaluation mode, and every part of it back in its own mode afterwards."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
