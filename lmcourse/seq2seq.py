"""Sequence to sequence: one network reads, another writes (chapter 04).

An :class:`Encoder` turns its input into a :class:`Memory`, whose ``context`` is one vector for the whole of it.
A :class:`Decoder` is a language model that starts from that vector, and :class:`Seq2Seq` is the two together
(Sutskever et al., 2014; Cho et al., 2014). What the encoder reads is the business of its front end: any module
that turns an input into vectors (B, S, D) and a mask. So the same model translates, tags, answers, listens and
looks (chapters 04a to 04e).

:func:`greedy` and :func:`beam_search` write the output. They ask a decoder for nothing but ``start`` and one
step, so the decoders of later chapters are searched by the same two functions.
"""

import math
from typing import NamedTuple

import torch
from torch import nn

from lmcourse.language_model import Output, check_ids, evaluating, predict
from lmcourse.rnn import RNN

__all__ = ["Decoder", "Encoder", "Hypothesis", "Memory", "Seq2Seq", "TextFront", "beam_search", "greedy"]


class Memory(NamedTuple):
    """What an encoder leaves behind.

    Args:
        states: the output at each place of the input, (B, S, D); chapter 04 does not look at them.
        mask: True where something real was read, (B, S).
        context: one vector for the whole input, (B, C).
    """

    states: torch.Tensor
    mask: torch.Tensor
    context: torch.Tensor


class TextFront(nn.Module):
    """The front end for text: an embedding for each token.

    Args:
        vocab_size: V, how many different tokens there are.
        width: D, of an embedding.
        dropout: the share of the numbers that is set to 0 in training.
    """

    def __init__(self, vocab_size, width, dropout=0.0):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, source, mask):
        """From ids (B, S) to vectors (B, S, D); the mask stays as it is."""
        check_ids(source, len(self.embedding.weight), "source id")
        return self.dropout(self.embedding(source)), mask


class Encoder(nn.Module):
    """A recurrent network that reads an input to its end: c = h_S, the last state of its last layer.

    Args:
        front: a module called as ``front(source, mask)`` that returns vectors (B, S, D) and a mask (B, S), True at
            what is real. It may shorten the sequence.
        width: D, of the vectors that the front end gives.
        hidden: the width of the state.
        cell, layers, dropout, fused: as for :class:`lmcourse.rnn.RNN`.
        bidirectional: a second network reads from the end to the beginning, and the context is both last states side
            by side (Schuster and Paliwal, 1997).
    """

    def __init__(
        self, front, width, hidden, cell="lstm", layers=1, bidirectional=False, dropout=0.0, fused=True
    ):  # fmt: skip
        super().__init__()
        self.front = front
        self.rnn = RNN(width, hidden, cell, layers, dropout, bidirectional, fused)
        self.context_size = hidden * self.rnn.directions

    def forward(self, source, mask=None):
        """Read.

        Args:
            source: what the front end takes; for text ids (B, S).
            mask: (B, S), True at what is real, padding at the end of a row; ``None`` means no padding.

        Returns:
            A :class:`Memory`. Padding never changes it.
        """
        if mask is None:
            mask = torch.ones(source.shape[:2], dtype=torch.bool, device=source.device)
        x, mask = self.front(source, mask)  # (B, S, D), (B, S)
        states, end = self.rnn(x, mask)
        h = end[0][-self.rnn.directions :]  # of the last layer: (1 or 2, B, D')
        return Memory(states, mask, torch.cat(list(h), 1))


class Decoder(nn.Module):
    """A language model of the output that is told what to say: p(y_t | y_<t, c) = softmax(E h_t + b).

    Its first state is made of the context vector c, by one linear layer for each part of the state (with a tanh for
    h), and c is an input at every step beside the last token (Cho et al., 2014).

    Args:
        vocab_size: V, of the output.
        width: of an embedding.
        hidden: the width of the state.
        context: C, the size of the context vector, ``encoder.context_size``.
        cell, layers, fused: as for :class:`lmcourse.rnn.RNN`.
        dropout: of the embeddings, between the layers, and of the last states.
        tied: one table E serves as embeddings and as output weights, which needs ``hidden`` equal to ``width``.
    """

    def __init__(
        self, vocab_size, width, hidden, context, cell="lstm", layers=1, dropout=0.0, tied=False, fused=True
    ):  # fmt: skip
        super().__init__()
        if tied and hidden != width:
            raise ValueError(f"tied weights need hidden = width, not {hidden} and {width}; or pass tied=False")
        self.embedding = nn.Embedding(vocab_size, width)
        if tied:  # as inputs they must not be too small, and as output weights not too large
            nn.init.normal_(self.embedding.weight, std=0.3)
        self.rnn = RNN(width + context, hidden, cell, layers, dropout, fused=fused)
        parts = 2 if cell == "lstm" else 1
        self.bridge = nn.ModuleList(nn.Linear(context, layers * hidden) for _ in range(parts))
        self.dropout = nn.Dropout(dropout)
        self.output = None if tied else nn.Linear(hidden, vocab_size, bias=False)
        self.bias = nn.Parameter(torch.zeros(vocab_size))

    def start(self, memory):
        """The first state, from what the encoder has left: a tuple of tensors, each with the batch as first axis."""
        shape = len(memory.context), self.rnn.num_layers, self.rnn.hidden_size
        h, *c = (linear(memory.context).view(shape) for linear in self.bridge)  # (B, L, D)
        return h.tanh(), *c, memory.context

    def forward(self, ids, targets=None, *, state):
        """Predict after every token.

        Args:
            ids: the output so far, (B, T), the first of them ``<s>``.
            targets: the ids that come next, (B, T); -100 is not counted.
            state: from :meth:`start`, or from the ``Output`` of an earlier call, to go on where it ended.

        Returns:
            An :class:`~lmcourse.language_model.Output`.
        """
        check_ids(ids, len(self.embedding.weight))
        *parts, context = state
        x = self.dropout(self.embedding(ids))  # (B, T, D)
        x = torch.cat([x, context[:, None].expand(-1, ids.shape[1], -1)], 2)  # (B, T, D + C)
        layers_first = tuple(part.transpose(0, 1).contiguous() for part in parts)  # (L, B, D)
        hidden, end = self.rnn(x, state=layers_first)
        weight = self.embedding.weight if self.output is None else self.output.weight
        loss, logits = predict(self.dropout(hidden), weight, self.bias, targets)
        return Output(loss, logits, state=(*(part.transpose(0, 1) for part in end), context))


class Seq2Seq(nn.Module):
    """An encoder that reads and a decoder that writes, trained as one: p(y | x) = product of p(y_t | y_<t, c).

    Args:
        encoder: called as ``encoder(source, mask)``, returns a :class:`Memory`.
        decoder: has ``start(memory)`` and is called as ``decoder(ids, targets, state=state)``.
    """

    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, source, ids, targets=None, source_mask=None):
        """Teacher forcing: at every step the decoder is shown the right token, whatever it would have written.

        Args:
            source: the input, as the front end takes it; for text ids (B, S).
            ids: ``<s>`` and the right output, (B, T).
            targets: the right output and ``</s>``, (B, T); -100 is not counted.
            source_mask: (B, S), True at what is real in the source; ``None`` means everywhere.

        Returns:
            An :class:`~lmcourse.language_model.Output`.
        """
        memory = self.encoder(source, source_mask)
        if len(ids) != len(memory.context):
            raise ValueError(f"{len(memory.context)} inputs need as many outputs, not ids of shape {tuple(ids.shape)}")
        return self.decoder(ids, targets, state=self.decoder.start(memory))


class Hypothesis(NamedTuple):
    """An output that a search has found.

    Args:
        ids: its tokens, without ``<s>`` and ``</s>``.
        log_prob: ln of its probability, that of ``</s>`` included if it has ended.
        finished: whether it ended with ``</s>``, rather than at the longest length.
        score: what the search has compared: ``log_prob`` over the number of tokens to the power of ``length_penalty``.
        attention: the weights (T, S) at each step, from a decoder that has them; ``None`` otherwise.
    """

    ids: list[int]
    log_prob: float
    finished: bool
    score: float
    attention: torch.Tensor | None = None


@torch.no_grad()
def greedy(model, source, source_mask=None, *, bos, eos, max_length=100):
    """Write an output for each input by taking the likeliest token at every step.

    Args:
        model: a :class:`Seq2Seq`; it computes in evaluation mode.
        source, source_mask: as for the model.
        bos, eos: the ids of ``<s>`` and ``</s>``.
        max_length: an output has at most so many tokens.

    Returns:
        A list of B :class:`Hypothesis`; their score is the mean of ln p.
    """
    _check_search(max_length, 1, 0)
    with evaluating(model):
        state = model.decoder.start(model.encoder(source, source_mask))
        rows = len(state[0])
        last = torch.full((rows, 1), bos, device=state[0].device)  # (B, 1)
        total, ended = torch.zeros(rows, device=last.device), torch.zeros(rows, dtype=torch.bool, device=last.device)
        written, looks = [], []
        for _ in range(max_length):
            output = model.decoder(last, state=state)
            state = output.state
            log_prob, token = output.logits[:, -1].float().log_softmax(1).max(1)  # (B,)
            total += log_prob.masked_fill(ended, 0)
            written.append(token.masked_fill(ended, eos))
            looks.append(output.attention)
            ended |= token == eos
            last = token[:, None]
            if ended.all():
                break
    ids = torch.stack(written, 1).tolist()  # (B, T)
    looks = None if looks[0] is None else torch.cat(looks, 1)  # (B, T, S)
    found = []
    for row, log_prob in enumerate(total.tolist()):
        finished = eos in ids[row]
        length = ids[row].index(eos) if finished else len(ids[row])
        attention = None if looks is None else looks[row, : length + finished]
        found.append(Hypothesis(ids[row][:length], log_prob, finished, log_prob / (length + finished), attention))
    return found


@torch.no_grad()
def beam_search(model, source, source_mask=None, *, bos, eos, beam=4, max_length=100, length_penalty=1.0):
    """Write an output for each input by keeping the ``beam`` likeliest beginnings at every step.

    A beginning that ends leaves the beam and is kept with its score, ln p / (number of tokens)^length_penalty. Without
    the division, short outputs win because each further token costs probability. The search for an input is over when
    ``beam`` outputs have ended, or at the longest length; so a beam of 1 is :func:`greedy`.

    Args:
        model: a :class:`Seq2Seq`; it computes in evaluation mode.
        source, source_mask: as for the model.
        bos, eos: the ids of ``<s>`` and ``</s>``.
        beam: K, how many beginnings are kept.
        max_length: an output has at most so many tokens.
        length_penalty: 0 compares probabilities, 1 compares the mean of ln p.

    Returns:
        For each of the B inputs a list of up to ``beam`` :class:`Hypothesis`, the best first. Outputs that have not
        ended are among them only where none has.
    """
    _check_search(max_length, beam, length_penalty)
    with evaluating(model):
        state = model.decoder.start(model.encoder(source, source_mask))
        rows, device = len(state[0]), state[0].device
        own = torch.arange(rows, device=device)[:, None]  # (B, 1)
        state = _choose(state, own.expand(-1, beam))
        ids = torch.full((rows, beam, 1), bos, device=device)  # (B, K, T)
        total = torch.full((rows, beam), -math.inf, device=device)  # (B, K)
        total[:, 0] = 0.0  # at first all beginnings are the same one
        looks, done = None, [[] for _ in range(rows)]
        for length in range(1, max_length + 1):
            output = model.decoder(ids[:, :, -1].reshape(-1, 1), state=state)
            log_probs = output.logits[:, -1].float().log_softmax(1).view(rows, beam, -1)  # (B, K, V)
            size = log_probs.shape[2]
            # Of 2 K candidates at most K end, so that K are left to go on.
            both = (total[..., None] + log_probs).flatten(1).topk(min(2 * beam, beam * size), 1)  # (B, 2 K)
            origin, token = both.indices // size, both.indices % size
            if output.attention is not None:
                new = output.attention.view(rows, beam, 1, -1)  # (B, K, 1, S)
                looks = new if looks is None else torch.cat([looks, new], 2)
            for b, rank in ((token == eos) & both.values.isfinite())[:, :beam].nonzero().tolist():
                if len(done[b]) < beam:
                    k, log_prob = origin[b, rank], both.values[b, rank].item()
                    attention = None if looks is None else looks[b, k]
                    score = log_prob / length**length_penalty
                    done[b].append(Hypothesis(ids[b, k, 1:].tolist(), log_prob, True, score, attention))
            total, kept = both.values.masked_fill(token == eos, -math.inf).topk(beam, 1)  # (B, K)
            if all(len(found) == beam for found in done) or not total.isfinite().any():
                break
            origin, token = origin.gather(1, kept), token.gather(1, kept)
            ids = torch.cat([ids[own, origin], token[..., None]], 2)
            looks = None if looks is None else looks[own, origin]
            state = _choose(output.state, own * beam + origin)
    for b, found in enumerate(done):
        if not found:
            for k, log_prob in enumerate(total[b].tolist()):
                if math.isfinite(log_prob):
                    attention = None if looks is None else looks[b, k]
                    score = log_prob / length**length_penalty
                    found.append(Hypothesis(ids[b, k, 1:].tolist(), log_prob, False, score, attention))
        found.sort(key=lambda hypothesis: -hypothesis.score)
    return done


def _choose(state, rows):
    """The state with these rows of the batch, in this order; a row may be taken several times."""
    return tuple(part.index_select(0, rows.flatten()) for part in state)


def _check_search(max_length, beam, length_penalty):
    for name, value in {"max_length": max_length, "beam": beam}.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} is a whole number, 1 or more, not {value!r}")
    if not 0 <= length_penalty < math.inf:
        raise ValueError(f"length_penalty is 0 or more, not {length_penalty!r}")
