"""Self-attention: every token looks at every other, and no recurrent network stands between them (chapter 07).

Each token is turned into three vectors: a *query*, what it looks for; a *key*, by which others find it; and a *value*,
what it gives to those that look. :func:`attend` does the rest, and it is the heart of everything that comes later
(Vaswani et al., 2017). A mask says what may be looked at, True = may attend: :func:`causal_mask` hides the future,
:func:`padding_mask` what is not there. Since attention knows no order, the places have to be told: :class:`Positions`.

>>> causal_mask(3)
tensor([[ True, False, False],
        [ True,  True, False],
        [ True,  True,  True]])
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from lmcourse.attention import masked_softmax
from lmcourse.language_model import Output, check_ids, predict

__all__ = [
    "POSITIONS", "AttentionLM", "InputEmbedding", "Positions", "SelfAttention", "attend", "causal_mask", "padding_mask",
    "rotate", "sinusoids",
]  # fmt: skip

POSITIONS = "sinusoidal", "learned", "rotary", None


# --- who may look where ---


def causal_mask(T, S=None, device=None):
    """Nobody looks ahead: True where a key comes no later than the query.

    Args:
        T: how many queries there are.
        S: how many keys; ``None`` means T. Where there are more, the queries are the last T of S tokens, as in a model
            that keeps the keys of all tokens before.
        device: where to make it.

    Returns:
        Boolean (T, S), True in row t at the keys 0 .. S - T + t.
    """
    S = T if S is None else S
    if not 0 <= T <= S:
        raise ValueError(f"the queries are the last of the tokens, and {T!r} of {S!r} cannot be")
    return torch.ones(T, S, dtype=torch.bool, device=device).tril(S - T)


def padding_mask(real):
    """Nobody looks at padding: the same keys for every query of a row.

    Args:
        real: boolean (B, S), True at real tokens, as :func:`lmcourse.text.pad` gives it.

    Returns:
        Boolean (B, 1, S), which fits scores (B, T, S). With :func:`causal_mask` it goes together by ``&``.
    """
    if real.dtype != torch.bool or real.dim() != 2:
        raise ValueError(f"real tokens are marked by a boolean (B, S), not {real.dtype} {tuple(real.shape)}")
    return real[:, None]


# --- the look ---


def attend(query, key, value, mask=None, *, causal=False, scale=None, dropout=0.0, fused=False):
    """Scaled dot-product attention: softmax(Q K^T / sqrt(K)) V (Vaswani et al., 2017).

    Args:
        query: (..., T, K).
        key: (..., S, K).
        value: (..., S, K').
        mask: boolean, True = may attend, of any shape that fits (..., T, S); ``None`` means everywhere.
        causal: :func:`causal_mask` on top of the mask.
        scale: what the products are multiplied by; ``None`` means 1 / sqrt(K), so that they are of the size of 1.
        dropout: the share of the weights that is set to 0.
        fused: ``True`` computes the same by ``torch.nn.functional.scaled_dot_product_attention``, which is faster,
            above all on a GPU, and never has the weights.

    Returns:
        For each query the sum of the values by its weights, (..., T, K'), and the weights (..., T, S), each row with a
        sum of 1; ``None`` if fused. A query that may look nowhere gets 0, and its weights are 0.
    """
    T, S = query.shape[-2], key.shape[-2]
    if causal and T == 1:
        causal = False  # the last token may look at all
    if causal and not (fused and mask is None and T == S):
        hidden = causal_mask(T, S, query.device)
        mask, causal = hidden if mask is None else mask & hidden, False
    if fused:
        flat = query.dim() == 3  # the fast kernels want an axis of heads
        query, key, value = (x[:, None] if flat else x for x in (query, key, value))  # (B, H, T, K)
        mask = mask[:, None] if flat and mask is not None and mask.dim() == 3 else mask
        looked = F.scaled_dot_product_attention(query, key, value, mask, dropout, causal, scale=scale)
        return looked.squeeze(1) if flat else looked, None
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    weights = masked_softmax((query * scale) @ key.mT, mask)  # (..., T, S)
    return F.dropout(weights, dropout) @ value, weights


class SelfAttention(nn.Module):
    """One head: of each token x a query W_q x, a key W_k x and a value W_v x, and a look (chapter 07).

    Args:
        width: D, of the tokens.
        size: K, of queries and keys; ``None`` means D.
        scale: as for :func:`attend`.
        rotary: queries and keys are turned by :func:`rotate`.
        fused: as for :func:`attend`.
    """

    def __init__(self, width, size=None, scale=None, rotary=False, fused=True):
        super().__init__()
        size = width if size is None else size
        self.query = nn.Linear(width, size, bias=False)
        self.key = nn.Linear(width, size, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.scale, self.rotary, self.fused = scale, rotary, fused

    def forward(self, x, mask=None, *, causal=False, weights=False):
        """Look.

        Args:
            x: (B, T, D).
            mask, causal: as for :func:`attend`; the mask fits (B, T, T).
            weights: whether they are wanted; they cost the speed of the fused way.

        Returns:
            (B, T, D), and the weights (B, T, T) or ``None``.
        """
        query, key = self.query(x), self.key(x)  # (B, T, K)
        if self.rotary:
            query, key = rotate(query), rotate(key)
        fused = self.fused and not weights
        looked, found = attend(query, key, self.value(x), mask, causal=causal, scale=self.scale, fused=fused)
        return looked, found if weights else None


# --- where a token stands ---


def sinusoids(length, width):
    """A vector for each place: sines and cosines, from fast to slow, like the digits of a clock (Vaswani et al., 2017).

    Number 2i of place t is sin(t / 10000^(2i / D)), and number 2i + 1 the cosine of the same.

    Args:
        length: T, how many places.
        width: D, an even number.

    Returns:
        (T, D), with numbers from -1 to 1.
    """
    if width % 2:
        raise ValueError(f"sines and cosines come in pairs, so the width is even, not {width!r}")
    angles = _angles(torch.arange(length), width)
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1).float()  # (T, D)


def rotate(x, start=0):
    """Rotary positions: each pair of numbers is turned by an angle that grows with the place (Su et al., 2021).

    Done to queries and keys, their product depends on how far apart two tokens are, and on nothing else of the places.

    Args:
        x: (..., T, K) with an even K. Pair i of the token at place t is turned by t / 10000^(2i / K).
        start: the place of the first token.

    Returns:
        (..., T, K), each token as long as before.
    """
    if x.shape[-1] % 2:
        raise ValueError(f"numbers are turned in pairs, so the width of a head is even, not {x.shape[-1]}")
    angles = _angles(torch.arange(start, start + x.shape[-2], device=x.device), x.shape[-1])  # (T, K / 2)
    sin, cos = angles.sin().to(x.dtype), angles.cos().to(x.dtype)
    a, b = x.unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


def _angles(places, width):
    """(T, D / 2): t / 10000^(2i / D), in double precision, since t may be large."""
    return places[:, None] / 10000 ** (torch.arange(0, width, 2, device=places.device).double() / width)


class Positions(nn.Module):
    """What is added to the tokens, so that they know where they stand.

    Args:
        kind: ``"sinusoidal"``, :func:`sinusoids`; ``"learned"``, a vector of its own for each place; ``"rotary"`` adds
            nothing, since there the heads turn queries and keys; ``None`` leaves the tokens without order.
        width: D.
        longest: how many places are learned.
    """

    def __init__(self, kind, width, longest=512):
        super().__init__()
        if kind not in POSITIONS:
            raise ValueError(f"there are no positions {kind!r}; there are {', '.join(map(repr, POSITIONS))}")
        self.kind = kind
        if kind == "learned":
            self.table = nn.Embedding(longest, width)
            nn.init.normal_(self.table.weight, std=0.3)
        elif kind == "sinusoidal":
            self.register_buffer("places", sinusoids(longest, width), persistent=False)

    def forward(self, x, start=0):
        """Add the positions start, start + 1, ... to x (B, T, D).

        Raises:
            ValueError: more places than were learned.
        """
        end = start + x.shape[1]
        if self.kind == "learned":
            if end > len(self.table.weight):
                raise ValueError(f"{end} tokens are too many: positions were learned for {len(self.table.weight)}")
            return x + self.table.weight[start:end]
        if self.kind == "sinusoidal":
            if end > len(self.places):
                self.places = sinusoids(2 * end, x.shape[2]).to(self.places)
            return x + self.places[start:end].to(x.dtype)
        return x


class InputEmbedding(nn.Embedding):
    """Tokens with their places: x_t = sqrt(D) E[id_t] + p_t.

    The table E begins with numbers of the size of 1 / sqrt(D), as the weights of an output layer need it, so that it
    can be one; the factor makes them of the size of the positions (Vaswani et al., 2017).

    Args:
        vocab_size: V.
        width: D.
        positions, longest: as for :class:`Positions`.
        dropout: the share of the numbers that is set to 0 in training.
    """

    def __init__(self, vocab_size, width, positions="sinusoidal", longest=512, dropout=0.0):
        super().__init__(vocab_size, width)
        nn.init.normal_(self.weight, std=width**-0.5)
        self.positions = Positions(positions, width, longest)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids, start=0):
        """From ids (B, T), the first of them at the place ``start``, to vectors (B, T, D)."""
        if ids.dim() != 2 or not ids.shape[1]:
            raise ValueError(f"ids are (B, T) with T at least 1, not {tuple(ids.shape)}")
        check_ids(ids, self.num_embeddings)
        return self.dropout(self.positions(super().forward(ids) * math.sqrt(self.embedding_dim), start))


# --- a language model of nothing but attention ---


class AttentionLM(nn.Module):
    """A language model of heads alone: x' = x + attention(x), a few times, and p(next) = softmax(E x + b) (chapter 07).

    What it lacks to a Transformer is what chapter 08 adds: several heads side by side, a network at each place, and
    normalisation. Without ``causal`` it sees the very token that it should predict.

    Args:
        vocab_size: V.
        width: D.
        layers: L, how many looks one after the other.
        size: K, of queries and keys; ``None`` means D.
        positions, longest: as for :class:`Positions`.
        causal: whether the future is hidden.
        scale: as for :func:`attend`.
        dropout: of the tokens and of what the last look gives.
        fused: as for :func:`attend`.
    """

    def __init__(
        self, vocab_size, width=128, layers=2, size=None, positions="sinusoidal", longest=512, causal=True, scale=None,
        dropout=0.0, fused=True,
    ):  # fmt: skip
        super().__init__()
        self.embedding = InputEmbedding(vocab_size, width, positions, longest, dropout)
        rotary = positions == "rotary"
        self.heads = nn.ModuleList(SelfAttention(width, size, scale, rotary, fused) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)
        self.bias = nn.Parameter(torch.zeros(vocab_size))
        self.causal = causal

    def forward(self, ids, targets=None, mask=None, state=None, *, weights=False):
        """Predict after every token.

        Args:
            ids: (B, T).
            targets: the ids that come next, (B, T); -100 is not counted.
            mask: (B, T), True at real tokens.
            state: not used, since the model is shown the whole text each time.
            weights: whether the attention weights are wanted.

        Returns:
            An :class:`~lmcourse.language_model.Output`, with ``attention`` (B, L, T, T) if it is wanted.
        """
        x = self.embedding(ids)  # (B, T, D)
        mask = None if mask is None else padding_mask(mask)
        found = []
        for head in self.heads:
            looked, looks = head(x, mask, causal=self.causal, weights=weights)
            x = x + looked
            found.append(looks)
        loss, logits = predict(self.dropout(x), self.embedding.weight, self.bias, targets)
        return Output(loss, logits, torch.stack(found, 1) if weights else None)
