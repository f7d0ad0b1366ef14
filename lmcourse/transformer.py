"""The Transformer: many heads side by side, a small network at every place, and a road straight through (chapter 08).

:class:`MultiHeadAttention` runs H heads of chapter 07 as one product of matrices. An :class:`EncoderLayer` puts a
feed-forward network behind it, and around each of the two a residual connection and a normalisation; a
:class:`DecoderLayer` also looks at what an encoder has read. From these come the three kinds of model that the field
uses: :class:`TransformerEncoder` (BERT), :class:`CausalLM` (GPT), and both together, a
:class:`~lmcourse.seq2seq.Seq2Seq` of a :class:`TransformerEncoder` and a :class:`TransformerDecoder` (Vaswani et al.,
2017).

The weights have the names and shapes of ``torch.nn``, so that ``load_state_dict`` takes those of
``nn.MultiheadAttention``, ``nn.TransformerEncoderLayer`` and ``nn.TransformerDecoderLayer``. Masks are boolean, True =
may attend.
"""

from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from lmcourse.language_model import Output, predict
from lmcourse.self_attention import InputEmbedding, Positions, attend, padding_mask, rotate
from lmcourse.seq2seq import Memory

__all__ = [
    "ACTIVATIONS", "CausalLM", "DecoderLayer", "EncoderLayer", "MultiHeadAttention", "TransformerDecoder",
    "TransformerEncoder",
]  # fmt: skip

ACTIVATIONS = {"relu": F.relu, "gelu": F.gelu, "gelu_new": partial(F.gelu, approximate="tanh")}


class MultiHeadAttention(nn.Module):
    """H heads at once, each with queries, keys and values of K = D / H numbers: W_o [head_1; ...; head_H].

    The three matrices of all heads are one, ``in_proj_weight`` (3 D, D): queries, keys, values, and within each of them
    head after head. So all heads of all tokens are one product.

    Args:
        width: D.
        heads: H, a divisor of D.
        dropout: the share of the attention weights that is set to 0 in training.
        rotary: queries and keys are turned by :func:`~lmcourse.self_attention.rotate`.
        fused: ``True`` computes by ``scaled_dot_product_attention``, ``False`` by the lines of chapter 07. The numbers
            are the same.
    """

    def __init__(self, width, heads, dropout=0.0, rotary=False, fused=True):
        super().__init__()
        if heads < 1 or width % heads:
            raise ValueError(f"{heads!r} heads cannot share a width of {width!r} equally")
        self.heads, self.dropout, self.rotary, self.fused = heads, dropout, rotary, fused
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def keys(self, memory):
        """Keys and values of what is looked at: (B, S, D) to two tensors (B, H, S, K)."""
        width = memory.shape[2]
        return self._split(F.linear(memory, self.in_proj_weight[width:], self.in_proj_bias[width:]))

    def _split(self, x):
        """(B, T, n D) to n tensors (B, H, T, K)."""
        size = self.out_proj.in_features // self.heads
        return x.unflatten(2, (-1, self.heads, size)).permute(2, 0, 3, 1, 4).unbind(0)

    def forward(self, x, keys=None, mask=None, *, causal=False, past=None, weights=False):
        """Look.

        Args:
            x: the tokens that look, (B, T, D).
            keys: what :meth:`keys` made of that which is looked at; ``None`` is self-attention.
            mask: (T, S), (B, T, S) or (B, 1, S), True = may attend; ``None`` means everywhere.
            causal: the future is hidden.
            past: keys and values of the tokens before x, as an earlier call returned them.
            weights: whether they are wanted; they cost the speed of the fused way.

        Returns:
            The output (B, T, D), the weights (B, H, T, S) or ``None``, and the keys and values.
        """
        if keys is None:
            query, key, value = self._split(F.linear(x, self.in_proj_weight, self.in_proj_bias))  # (B, H, T, K)
            if self.rotary:
                start = 0 if past is None else past[0].shape[2]
                query, key = rotate(query, start), rotate(key, start)
            if past is not None:
                key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
        else:
            width = x.shape[2]
            (query,) = self._split(F.linear(x, self.in_proj_weight[:width], self.in_proj_bias[:width]))
            key, value = keys
        if mask is not None and mask.dim() == 3:
            mask = mask[:, None]  # for all heads
        dropout = self.dropout if self.training else 0.0
        fused = self.fused and not weights
        looked, found = attend(query, key, value, mask, causal=causal, dropout=dropout, fused=fused)
        looked = looked.transpose(1, 2).flatten(2)  # (B, T, D), head after head
        return self.out_proj(looked), found if weights else None, (key, value)


class EncoderLayer(nn.Module):
    """Look, then think: self-attention, and a network of two layers at each place, W_2 f(W_1 x + b_1) + b_2.

    Around each of the two is a residual connection, x + part(x), and a layer normalisation: before the part, x +
    part(norm(x)), which trains without care (Xiong et al., 2020), or behind the sum, norm(x + part(x)), as it was first
    published.

    Args:
        width: D.
        heads: H.
        hidden: the width of the layer between, often 4 D.
        dropout: of the attention weights, of the layer between, and of what is added.
        norm_first: whether the normalisation stands before.
        activation: f, ``"relu"`` or ``"gelu"``.
        rotary, fused: as for :class:`MultiHeadAttention`.
        eps: of the normalisation.
    """

    def __init__(
        self, width, heads, hidden, dropout=0.0, norm_first=True, activation="relu", rotary=False, fused=True, eps=1e-5
    ):  # fmt: skip
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"there is no activation {activation!r}; there are {', '.join(map(repr, ACTIVATIONS))}")
        self.self_attn = MultiHeadAttention(width, heads, dropout, rotary, fused)
        self.linear1, self.linear2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.norm1, self.norm2 = nn.LayerNorm(width, eps), nn.LayerNorm(width, eps)
        self.dropout = nn.Dropout(dropout)
        self.norm_first, self.activation = norm_first, ACTIVATIONS[activation]

    def add(self, x, norm, part):
        """The road straight through: x and what ``part`` adds to it, normalised before or behind; and the rest."""
        new, *rest = part(norm(x) if self.norm_first else x)
        x = x + self.dropout(new)
        return x if self.norm_first else norm(x), *rest

    def feed_forward(self, x):
        """The network at each place, (B, T, D) to (B, T, D)."""
        return (self.linear2(self.dropout(self.activation(self.linear1(x)))),)

    def forward(self, x, mask=None, *, causal=False, past=None, weights=False):
        """From x (B, T, D) to (B, T, D), the weights and the keys and values; the arguments are those of the heads."""

        def look(x):
            return self.self_attn(x, None, mask, causal=causal, past=past, weights=weights)

        x, found, keys = self.add(x, self.norm1, look)
        (x,) = self.add(x, self.norm2, self.feed_forward)
        return x, found, keys


class DecoderLayer(EncoderLayer):
    """An encoder layer that looks twice: back at what has been written, and then at what an encoder has read.

    Args:
        width, heads, hidden, dropout, norm_first, activation, rotary, fused, eps: as for :class:`EncoderLayer`.
    """

    def __init__(
        self, width, heads, hidden, dropout=0.0, norm_first=True, activation="relu", rotary=False, fused=True, eps=1e-5
    ):  # fmt: skip
        super().__init__(width, heads, hidden, dropout, norm_first, activation, rotary, fused, eps)
        self.multihead_attn = MultiHeadAttention(width, heads, dropout, fused=fused)
        self.norm3 = nn.LayerNorm(width, eps)

    def forward(self, x, memory, memory_mask=None, mask=None, *, causal=True, past=None, weights=False):
        """One layer.

        Args:
            x: (B, T, D).
            memory: the encoder's states (B, S, D), or what ``multihead_attn.keys`` made of them.
            memory_mask: (B, 1, S) or (B, T, S), True = may attend.
            mask, causal, past, weights: of the look back, as for :class:`MultiHeadAttention`.

        Returns:
            (B, T, D), the weights of the look back (B, H, T, T), those of the look at the memory (B, H, T, S), both
            ``None`` if they are not wanted, and the keys and values of the look back.
        """

        def look_back(x):
            return self.self_attn(x, None, mask, causal=causal, past=past, weights=weights)

        def look_across(x):
            return self.multihead_attn(x, read, memory_mask, weights=weights)

        read = self.multihead_attn.keys(memory) if isinstance(memory, torch.Tensor) else memory
        x, own, keys = self.add(x, self.norm1, look_back)
        x, across, _ = self.add(x, self.norm2, look_across)
        (x,) = self.add(x, self.norm3, self.feed_forward)
        return x, own, across, keys


def _stack(layer, layers, width, norm_first, *arguments, **options):
    """L layers, and the normalisation behind the last one where none of them has one behind."""
    made = nn.ModuleList(layer(width, *arguments, norm_first=norm_first, **options) for _ in range(layers))
    return made, nn.LayerNorm(width) if norm_first else nn.Identity()


class TransformerEncoder(nn.Module):
    """An encoder for :class:`~lmcourse.seq2seq.Seq2Seq`: it reads all places at once, in L layers.

    Args:
        front: as for :class:`~lmcourse.seq2seq.Encoder`: turns an input into vectors (B, S, D) and a mask (B, S).
        width, heads, hidden, dropout, norm_first, activation, fused: as for :class:`EncoderLayer`.
        layers: L.
        positions, longest: as for :class:`~lmcourse.self_attention.Positions`.
    """

    def __init__(
        self, front, width, heads, hidden, layers=2, dropout=0.0, positions="sinusoidal", longest=512, norm_first=True,
        activation="relu", fused=True,
    ):  # fmt: skip
        super().__init__()
        self.front = front
        self.positions = Positions(positions, width, longest)
        self.layers, self.norm = _stack(
            EncoderLayer, layers, width, norm_first, heads, hidden, dropout, activation=activation,
            rotary=positions == "rotary", fused=fused,
        )  # fmt: skip
        self.context_size = width

    def read(self, source, mask=None, *, weights=False):
        """Read, as :meth:`forward` does.

        Returns:
            The :class:`~lmcourse.seq2seq.Memory`, and the weights (B, L, H, S, S) or ``None``.
        """
        if mask is None:
            mask = torch.ones(source.shape[:2], dtype=torch.bool, device=source.device)
        x, mask = self.front(source, mask)  # (B, S, D), (B, S)
        x = self.positions(x)
        may = None if mask.all() else padding_mask(mask)
        found = []
        for layer in self.layers:
            x, looks, _ = layer(x, may, weights=weights)
            found.append(looks)
        x = self.norm(x).masked_fill(~mask[..., None], 0)
        context = x.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        return Memory(x, mask, context), torch.stack(found, 1) if weights else None

    def forward(self, source, mask=None):
        """Read.

        Args:
            source: what the front end takes; for text ids (B, S).
            mask: (B, S), True at what is real; ``None`` means everywhere.

        Returns:
            A :class:`~lmcourse.seq2seq.Memory`, whose states are 0 at padding and whose context is their mean over the
            real places. Padding never changes it.
        """
        return self.read(source, mask)[0]


class TransformerDecoder(nn.Module):
    """A decoder for :class:`~lmcourse.seq2seq.Seq2Seq`: it looks back at what it wrote and across at what was read.

    In training all places are computed at once, each blind to what comes after it. In a search each step needs the last
    token only, since the keys and values of those before are kept in the state.

    Args:
        vocab_size: V, of the output. The table of embeddings serves as output weights too.
        width: D, that of the encoder.
        heads, hidden, dropout, norm_first, activation, fused: as for :class:`DecoderLayer`.
        layers: L.
        positions, longest: as for :class:`~lmcourse.self_attention.Positions`.
    """

    def __init__(
        self, vocab_size, width, heads, hidden, layers=2, dropout=0.0, positions="sinusoidal", longest=512,
        norm_first=True, activation="relu", fused=True,
    ):  # fmt: skip
        super().__init__()
        self.embedding = InputEmbedding(vocab_size, width, positions, longest, dropout)
        self.layers, self.norm = _stack(
            DecoderLayer, layers, width, norm_first, heads, hidden, dropout, activation=activation,
            rotary=positions == "rotary", fused=fused,
        )  # fmt: skip
        self.dropout = nn.Dropout(dropout)
        self.bias = nn.Parameter(torch.zeros(vocab_size))

    def start(self, memory):
        """The first state: the mask, and of each layer the keys and values of the memory and, still empty, its own."""
        read = [layer.multihead_attn.keys(memory.states) for layer in self.layers]  # (B, H, S, K) each
        own = [part[:, :, :0] for keys in read for part in keys]
        return memory.mask, *(part for keys in read for part in keys), *own

    def write(self, ids, *, state, weights=False):
        """All but the last step of :meth:`forward`.

        Returns:
            What the output layer reads (B, T, D), the weights of the looks back (B, L, H, T, T), those of the looks
            across (B, L, H, T, S), both ``None`` if they are not wanted, and the new state.
        """
        mask, *parts = state
        pairs = list(zip(parts[::2], parts[1::2], strict=True))
        read, past = pairs[: len(self.layers)], pairs[len(self.layers) :]
        if len(ids) != len(mask):
            raise ValueError(f"{len(mask)} inputs need as many outputs, not ids of shape {tuple(ids.shape)}")
        x = self.embedding(ids, past[0][0].shape[2])  # (B, T, D)
        may = None if mask.all() else padding_mask(mask)
        own, across, kept = [], [], []
        for layer, memory, before in zip(self.layers, read, past, strict=True):
            x, back, over, keys = layer(x, memory, may, past=before, weights=weights)
            own.append(back)
            across.append(over)
            kept += keys
        looks = (torch.stack(own, 1), torch.stack(across, 1)) if weights else (None, None)
        return self.norm(x), *looks, (*state[: 1 + len(kept)], *kept)

    def forward(self, ids, targets=None, *, state, weights=False):
        """Predict after every token.

        Args:
            ids: the output so far, (B, T), the first of them ``<s>``; or what comes after the tokens of the state.
            targets: the ids that come next, (B, T); -100 is not counted.
            state: from :meth:`start`, or from the ``Output`` of an earlier call.
            weights: whether they are wanted.

        Returns:
            An :class:`~lmcourse.language_model.Output`, whose ``attention`` (B, L, H, T, S) has the looks at the memory
            if weights are wanted.
        """
        x, _, across, state = self.write(ids, state=state, weights=weights)
        loss, logits = predict(self.dropout(x), self.embedding.weight, self.bias, targets)
        return Output(loss, logits, across, state)


class CausalLM(nn.Module):
    """A Transformer language model: encoder layers that do not look ahead, and p(next token) = softmax(E x + b).

    Args:
        vocab_size: V.
        width, heads, hidden, dropout, norm_first, activation, fused: as for :class:`EncoderLayer`.
        layers: L.
        positions, longest: as for :class:`~lmcourse.self_attention.Positions`.
        chunk: the loss is made so many rows at a time, without logits; see
            :func:`~lmcourse.language_model.cross_entropy`.
    """

    def __init__(
        self, vocab_size, width=128, heads=4, hidden=512, layers=2, dropout=0.0, positions="sinusoidal", longest=512,
        norm_first=True, activation="relu", fused=True, chunk=None,
    ):  # fmt: skip
        super().__init__()
        self.embedding = InputEmbedding(vocab_size, width, positions, longest, dropout)
        self.layers, self.norm = _stack(
            EncoderLayer, layers, width, norm_first, heads, hidden, dropout, activation=activation,
            rotary=positions == "rotary", fused=fused,
        )  # fmt: skip
        self.dropout = nn.Dropout(dropout)
        self.bias = nn.Parameter(torch.zeros(vocab_size))
        self.chunk = chunk

    def forward(self, ids, targets=None, mask=None, state=None, *, weights=False):
        """Predict after every token.

        Args:
            ids: (B, T); with a state, only the tokens that are new.
            targets: the ids that come next, (B, T); -100 is not counted.
            mask: (B, T), True at real tokens. Padding stands at the end of a row, and there no real token sees it,
                since nobody looks ahead; so the mask is checked and not needed.
            state: of each layer the keys and values of the tokens before, (B, H, T', K) each, as an earlier call
                returned them. So a text is written token by token without reading it again.
            weights: whether they are wanted.

        Returns:
            An :class:`~lmcourse.language_model.Output` with the ``state`` to go on from, ``None`` after padding, and
            with ``attention`` (B, L, H, T, T' + T) if weights are wanted.
        """
        padded = mask is not None and not mask.all()
        if padded and (mask[:, 1:] & ~mask[:, :-1]).any():
            raise ValueError(f"real tokens come first and padding after them, not {mask.tolist()}")
        past = [None] * len(self.layers) if state is None else list(zip(state[::2], state[1::2], strict=True))
        x = self.embedding(ids, 0 if state is None else state[0].shape[2])  # (B, T, D)
        found, kept = [], []
        for layer, before in zip(self.layers, past, strict=True):
            x, looks, keys = layer(x, causal=True, past=before, weights=weights)
            found.append(looks)
            kept += keys
        x = self.dropout(self.norm(x))
        loss, logits = predict(x, self.embedding.weight, self.bias, targets, chunk=self.chunk)
        return Output(loss, logits, torch.stack(found, 1) if weights else None, None if padded else tuple(kept))
