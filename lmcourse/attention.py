"""Attention: a decoder that looks back at every place of its input before it writes a token (chapter 06).

The decoder of chapter 04 gets one vector for the whole input. Here it gets a new one at every step: the mean of all
encoder states, weighted by how well each fits what the decoder is about to do. A *score* says how well; there are three
kinds (:class:`AdditiveScore`, :class:`GeneralScore`, :class:`DotScore`). :func:`masked_softmax` makes weights of the
scores, and :class:`AttentionDecoder` puts them to use (Bahdanau et al., 2015; Luong et al., 2015).

>>> masked_softmax(torch.tensor([1.0, 1.0, 9.0]), torch.tensor([True, True, False]))
tensor([0.5000, 0.5000, 0.0000])
"""

import torch
from torch import nn

from lmcourse.language_model import Output, check_ids, predict
from lmcourse.seq2seq import Decoder

__all__ = [
    "SCORES", "AdditiveScore", "AttentionDecoder", "DotScore", "GeneralScore", "masked_softmax", "with_attention",
]  # fmt: skip


def masked_softmax(scores, mask=None):
    """Weights from scores: exp(e_s) over its sum, along the last axis, and 0 where the mask is False.

    Args:
        scores: (..., S).
        mask: boolean, True where there may be weight; of any shape that fits. ``None`` means everywhere.

    Returns:
        (..., S). A row sums to 1; one that is masked altogether is 0, since there is nothing to look at.
    """
    if mask is None:
        return scores.softmax(-1)
    if mask.dtype != torch.bool:
        raise ValueError(f"a mask is boolean, True where there may be weight, not {mask.dtype}")
    weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)
    return weights.masked_fill(~mask, 0)  # what is masked altogether would be uniform


class AdditiveScore(nn.Module):
    """e_s = v tanh(W q + U k_s + b): a small fully connected network looks at query and key (Bahdanau et al., 2015).

    Args:
        query: the width of q, the state of the decoder.
        key: the width of k_s, a state of the encoder.
        size: A, of the layer between; ``None`` means that of the query.
    """

    def __init__(self, query, key, size=None):
        super().__init__()
        size = query if size is None else size
        self.query = nn.Linear(query, size, bias=False)
        self.key = nn.Linear(key, size)
        self.score = nn.Linear(size, 1, bias=False)

    def keys(self, states):
        """What can be computed before the first query: (B, S, D) to U k + b, (B, S, A)."""
        return self.key(states)

    def forward(self, query, keys):
        """From the query (B, D') and the keys (B, S, A) to scores (B, S)."""
        return self.score((keys + self.query(query)[:, None]).tanh()).squeeze(2)


class GeneralScore(nn.Module):
    """e_s = q W k_s: a matrix turns keys into the language of the queries (Luong et al., 2015).

    Args:
        query, key: as for :class:`AdditiveScore`.
    """

    def __init__(self, query, key):
        super().__init__()
        self.key = nn.Linear(key, query, bias=False)

    def keys(self, states):
        """(B, S, D) to W k, (B, S, D')."""
        return self.key(states)

    def forward(self, query, keys):
        """From the query (B, D') and the keys (B, S, D') to scores (B, S)."""
        return torch.linalg.vecdot(keys, query[:, None].to(keys.dtype))


class DotScore(nn.Module):
    """e_s = q k_s: nothing to learn; both sides have to speak one language (Luong et al., 2015).

    Args:
        query, key: widths, which must be equal.
    """

    def __init__(self, query, key):
        super().__init__()
        if query != key:
            raise ValueError(f"a dot product needs states of equal width, not {query} and {key}; or take 'general'")

    def keys(self, states):
        """The states as they are."""
        return states

    forward = GeneralScore.forward


SCORES = {"additive": AdditiveScore, "general": GeneralScore, "dot": DotScore}


class AttentionDecoder(Decoder):
    """The decoder of chapter 04, except that its context is made anew at every step.

    At step t, with h the state after the token before: scores e_ts = score(h_{t-1}, states_s), weights a_t =
    softmax(e_t), context c_t = sum of a_ts states_s. Then h_t = cell([E y_{t-1}; c_t], h_{t-1}) and p(y_t) =
    softmax(E h_t + b), as before. The first state is still made of the one vector.

    Args:
        vocab_size, width, hidden, cell, layers, dropout, tied: as for :class:`~lmcourse.seq2seq.Decoder`.
        context: C, the width of the encoder's states and of its context vector, ``encoder.context_size``.
        score: ``"additive"``, ``"general"`` or ``"dot"``.
    """

    def __init__(
        self, vocab_size, width, hidden, context, cell="lstm", layers=1, dropout=0.0, tied=False, score="additive"
    ):  # fmt: skip
        if score not in SCORES:
            raise ValueError(f"there is no score {score!r}; the scores are {', '.join(map(repr, SCORES))}")
        super().__init__(vocab_size, width, hidden, context, cell, layers, dropout, tied)
        self.score = SCORES[score](hidden, context)

    def start(self, memory):
        """The first state: as in chapter 04, and instead of the context all that can be looked at, and its mask."""
        *parts, _ = super().start(memory)
        return *parts, self.score.keys(memory.states), memory.states, memory.mask

    def look(self, query, keys, values, mask):
        """One look: from the query (B, D') to the context (B, C) and the weights (B, S) that made it."""
        weights = masked_softmax(self.score(query, keys), mask)
        return torch.bmm(weights[:, None], values).squeeze(1), weights

    def forward(self, ids, targets=None, *, state):
        """Predict after every token.

        Args:
            ids, targets, state: as for :class:`~lmcourse.seq2seq.Decoder`.

        Returns:
            An :class:`~lmcourse.language_model.Output` with ``attention`` (B, T, S): row t has the weights with which
            the decoder looked at the input before it predicted what follows token t.
        """
        check_ids(ids, len(self.embedding.weight))
        *parts, keys, values, mask = state
        parts = tuple(part.transpose(0, 1).contiguous() for part in parts)  # (L, B, D')
        hidden, looks = [], []
        for x in self.dropout(self.embedding(ids)).unbind(1):  # (B, D), one step after the other
            context, weights = self.look(parts[0][-1], keys, values, mask)
            h, parts = self.rnn(torch.cat([x, context], 1)[:, None], state=parts)
            hidden.append(h)
            looks.append(weights)
        weight = self.embedding.weight if self.output is None else self.output.weight
        loss, logits = predict(self.dropout(torch.cat(hidden, 1)), weight, self.bias, targets)
        state = (*(part.transpose(0, 1) for part in parts), keys, values, mask)
        return Output(loss, logits, torch.stack(looks, 1), state)


def with_attention(decoder, score="additive"):
    """An :class:`AttentionDecoder` that takes the place of a decoder of chapter 04, and takes over its weights.

    Only the score is new; it is made with the global generator of torch.
    """
    rnn, tied = decoder.rnn, decoder.output is None
    vocab_size, width = decoder.embedding.weight.shape
    new = AttentionDecoder(
        vocab_size, width, rnn.hidden_size, rnn.input_size - width, rnn.cell, rnn.num_layers,
        decoder.dropout.p, tied, score,
    )  # fmt: skip
    missing, unexpected = new.load_state_dict(decoder.state_dict(), strict=False)
    assert not unexpected and all(name.startswith("score.") for name in missing)
    return new
