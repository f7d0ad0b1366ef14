"""Recurrent networks: a state that is carried from token to token (chapter 02).

Three cells say how the state changes at one step: :class:`RNNCell` (Elman, 1990), :class:`GRUCell` (Cho et
al., 2014) and :class:`LSTMCell` (Hochreiter and Schmidhuber, 1997; Gers et al., 2000). :class:`RNN` runs a
cell over a batch of sequences, and :class:`LanguageModel` predicts the next token from the state.

The weights have the names and shapes of ``torch.nn``, and so the same values give the same results there.

>>> cell = LSTMCell(3, 5)
>>> h, c = cell(torch.zeros(2, 3))
>>> h.shape
torch.Size([2, 5])
"""

import torch
import torch.nn.functional as F
from torch import nn

from lmcourse.language_model import Output, check_ids, predict


class _Cell(nn.RNNCellBase):
    """One step of a recurrent network as a module; ``nn.RNNCellBase`` holds the weights, and no more."""

    parts = 1  # that a row of the weights is divided into
    states = 1

    def __init__(self, input_size, hidden_size):
        super().__init__(input_size, hidden_size, bias=True, num_chunks=self.parts)

    def forward(self, x, state=None):
        """One step: from the input x (B, D) and the old state to the new state, a tuple of (B, D')."""
        if state is None:
            state = (x.new_zeros(len(x), self.hidden_size),) * self.states
        x = self.inputs(x, self.weight_ih, self.bias_ih, self.bias_hh)
        return self.step(x, state, self.weight_hh, self.bias_hh)

    @staticmethod
    def inputs(x, weight, bias, bias_hh):
        """What the input adds before the activations: (..., D) to (..., parts * D')."""
        return F.linear(x, weight, bias + bias_hh)


class RNNCell(_Cell):
    """The plain cell: h' = tanh(W x + U h + b).

    Args:
        input_size: D, the width of the input.
        hidden_size: D', the width of the state.
    """

    @staticmethod
    def step(x, state, weight, bias):
        """From W x + b (B, D') and the state (h,), each (B, D'), to the new state."""
        (h,) = state
        return (torch.addmm(x, h, weight.T).tanh(),)


class GRUCell(_Cell):
    """The gated recurrent unit: h' = (1 - z) n + z h, so that z says how much of the old state stays.

    The update gate is z = sigmoid(W_z x + U_z h + b_z), and what is new is n = tanh(W_n x + b_n + r (U_n h +
    c_n)). There the reset gate r = sigmoid(W_r x + U_r h + b_r) says how much of the old state is looked at.

    Args:
        input_size: D, the width of the input.
        hidden_size: D', the width of the state.
    """

    parts = 3

    @staticmethod
    def inputs(x, weight, bias, bias_hh):
        return F.linear(x, weight, bias)  # the other bias is inside the brackets that r multiplies

    @staticmethod
    def step(x, state, weight, bias):
        """From W x + b (B, 3 D'), ordered r, z, n, and the state (h,), each (B, D'), to the new state."""
        (h,) = state
        u = torch.addmm(bias, h, weight.T)
        x_gates, x_n = x.tensor_split([2 * h.shape[1]], 1)
        u_gates, u_n = u.tensor_split([2 * h.shape[1]], 1)
        r, z = (x_gates + u_gates).sigmoid().chunk(2, 1)
        n = (x_n + r * u_n).tanh()
        return (n + z * (h - n),)  # = (1 - z) n + z h


class LSTMCell(_Cell):
    """Long short-term memory: c' = f c + i g and h' = o tanh(c'), so that c changes by addition alone.

    Three gates are sigmoids of W x + U h + b with weights of their own: i lets new content in, f keeps (or
    forgets) the old, o shows it. The new content g is a tanh of the same kind.

    Args:
        input_size: D, the width of the input.
        hidden_size: D', the width of the state.
    """

    parts, states = 4, 2

    @staticmethod
    def step(x, state, weight, bias):
        """From W x + b (B, 4 D'), ordered i, f, g, o, and the state (h, c), each (B, D'), to the new state."""
        h, c = state
        i, f, g, o = torch.addmm(x, h, weight.T).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


CELLS = {"rnn": RNNCell, "gru": GRUCell, "lstm": LSTMCell}
KERNELS = {"rnn": torch.rnn_tanh, "gru": torch.gru, "lstm": torch.lstm}


class RNN(nn.RNNBase):
    """A recurrent network over a batch of sequences, in one or several layers.

    ``nn.RNNBase`` holds the weights under torch's names (``weight_ih_l0``, ...) and no more; so
    ``load_state_dict`` takes those of ``nn.RNN``, ``nn.GRU`` and ``nn.LSTM``.

    Args:
        input_size: the width of the input, D.
        hidden_size: the width of the state, D'.
        cell: ``"lstm"``, ``"gru"`` or ``"rnn"``.
        layers: how many, each reading what the one below gives.
        dropout: the share of what goes from layer to layer that is set to 0 in training.
        bidirectional: a second cell in each layer reads from the end; the outputs stand side by side.
        fused: ``True`` computes the same by torch's own kernel, which is faster.
    """

    def __init__(self, input_size, hidden_size, cell="lstm", layers=1, dropout=0.0, bidirectional=False, fused=False):
        if cell not in CELLS:
            raise ValueError(f"there is no cell {cell!r}; the cells are {', '.join(map(repr, CELLS))}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is a share from 0 to below 1, not {dropout!r}")
        super().__init__(
            {"rnn": "RNN_TANH"}.get(cell, cell.upper()),
            input_size,
            hidden_size,
            num_layers=layers,
            batch_first=True,
            dropout=dropout if layers > 1 else 0.0,
            bidirectional=bidirectional,
        )
        self.cell, self.fused, self.directions = cell, fused, 1 + bidirectional

    def extra_repr(self):
        return f"{super().extra_repr()}, cell={self.cell!r}, fused={self.fused}"

    def forward(self, x, mask=None, state=None):
        """Run over the sequences.

        Args:
            x: (B, T, D).
            mask: (B, T), True at real tokens, which come first in each row, and False at padding, where the
                state stands still and the output is 0. ``None`` means no padding.
            state: where to start: a tuple of tensors (L * directions, B, D'), (h,) or for the LSTM (h, c), as
                an earlier call returned it. ``None`` means 0.

        Returns:
            The outputs of the last layer, (B, T, D' * directions), and the state after the last real token.
        """
        state = self._check(x, mask, state)
        if mask is not None and mask.all():
            mask = None
        return (self._kernel if self.fused else self._loop)(x, mask, state)

    def _loop(self, x, mask, state):
        """Layer by layer, and in each one direction after the other."""
        ends = []
        for layer in range(self.num_layers):
            if layer:
                x = F.dropout(x, self.dropout, self.training)
            outputs = []
            for direction in range(self.directions):
                n = layer * self.directions + direction
                output, end = self._run(x, mask, [s[n] for s in state], self.all_weights[n], backwards=direction)
                outputs.append(output)
                ends.append(end)
            x = torch.cat(outputs, 2) if len(outputs) > 1 else output
        return x, tuple(torch.stack(parts) for parts in zip(*ends, strict=True))

    def _run(self, x, mask, state, weights, backwards):
        """One cell over time: (B, T, D) to (B, T, D'), and the last state."""
        cell = CELLS[self.cell]
        weight_ih, weight_hh, bias_ih, bias_hh = weights
        # No state is needed for W x: one large product for all steps is faster than one for each.
        x = cell.inputs(x.transpose(0, 1), weight_ih, bias_ih, bias_hh)  # (T, B, parts * D')
        real = None if mask is None else mask.T[..., None]  # (T, B, 1)
        steps = list(enumerate(x.unbind(0)))
        outputs = [None] * len(steps)
        for t, x_t in reversed(steps) if backwards else steps:
            new = cell.step(x_t, state, weight_hh, bias_hh)
            if real is not None:
                new = [torch.where(real[t], n, old) for n, old in zip(new, state, strict=True)]
            state = new
            outputs[t] = state[0]
        output = torch.stack(outputs)  # (T, B, D')
        if real is not None:
            output = output.masked_fill(~real, 0)
        return output.transpose(0, 1), state

    def _kernel(self, x, mask, state):
        """The same by torch; where there is padding, only real tokens are packed and computed."""
        kernel = KERNELS[self.cell]
        weights = [weight for cell in self.all_weights for weight in cell]
        options = weights, True, self.num_layers, self.dropout, self.training, self.bidirectional
        if mask is None:
            output, *end = kernel(x, state if self.cell == "lstm" else state[0], *options, True)
            return output, tuple(end)
        lengths = mask.sum(1)
        at_least_1 = lengths.clamp(min=1).cpu()  # torch packs no empty rows
        packed = nn.utils.rnn.pack_padded_sequence(x, at_least_1, batch_first=True, enforce_sorted=False)
        start = tuple(s[:, packed.sorted_indices] for s in state)
        data, *end = kernel(packed.data, packed.batch_sizes, start if self.cell == "lstm" else start[0], *options)
        packed = packed._replace(data=data)
        output, _ = nn.utils.rnn.pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])
        output = output.masked_fill(~mask[..., None], 0)
        end = (s[:, packed.unsorted_indices] for s in end)
        full = (lengths > 0)[:, None]
        return output, tuple(torch.where(full, new, old) for new, old in zip(end, state, strict=True))

    def _check(self, x, mask, state):
        """The start state, after a look at all shapes."""
        if x.dim() != 3 or x.shape[2] != self.input_size or not x.shape[1]:
            raise ValueError(f"x is (B, T, {self.input_size}) with T at least 1, not {tuple(x.shape)}")
        if mask is not None:
            if mask.dtype != torch.bool or mask.shape != x.shape[:2]:
                raise ValueError(f"the mask is boolean {tuple(x.shape[:2])}, not {mask.dtype} {tuple(mask.shape)}")
            if (mask[:, 1:] & ~mask[:, :-1]).any():
                row = (mask[:, 1:] & ~mask[:, :-1]).any(1).nonzero()[0].item()
                found = mask[row].tolist()
                raise ValueError(f"real tokens come first and padding after them; row {row} of the mask is {found}")
        states = CELLS[self.cell].states
        shape = self.num_layers * self.directions, len(x), self.hidden_size
        if state is None:
            return (x.new_zeros(shape),) * states
        if not isinstance(state, tuple) or [s.shape for s in state] != [shape] * states:
            kind = type(state).__name__
            given = [tuple(s.shape) for s in state] if kind == "tuple" else f"a {kind}"
            tensors = "2 tensors" if states == 2 else "1 tensor"
            raise ValueError(f"the state is a tuple of {tensors} of shape {shape}, not {given}")
        return state


class LanguageModel(nn.Module):
    """A recurrent language model: p(next token) = softmax(E h + b), with h the state after the tokens so far.

    Args:
        vocab_size: V, the number of tokens.
        width: of an embedding.
        hidden: the width of the state; ``None`` means ``width``.
        cell, layers, fused: as for :class:`RNN`.
        dropout: of the embeddings, between the layers, and of the last states (Zaremba et al., 2014).
        tied: one table E serves as embeddings and as output weights (Press and Wolf, 2017), which needs a
            ``hidden`` equal to ``width``. With ``False``, ``output`` is a table of its own.
        chunk: the loss is made so many rows at a time, without logits; see
            :func:`~lmcourse.language_model.cross_entropy`.
    """

    def __init__(
        self,
        vocab_size,
        width=128,
        hidden=None,
        cell="lstm",
        layers=1,
        dropout=0.0,
        tied=True,
        fused=True,
        chunk=None,
    ):
        super().__init__()
        hidden = width if hidden is None else hidden
        if tied and hidden != width:
            raise ValueError(f"tied weights need hidden = width, not {hidden} and {width}; or pass tied=False")
        self.chunk = chunk
        self.embedding = nn.Embedding(vocab_size, width)
        if tied:  # as inputs they must not be too small, and as output weights not too large
            nn.init.normal_(self.embedding.weight, std=0.3)
        self.rnn = RNN(width, hidden, cell, layers, dropout, fused=fused)
        self.dropout = nn.Dropout(dropout)
        self.output = None if tied else nn.Linear(hidden, vocab_size, bias=False)
        self.bias = nn.Parameter(torch.zeros(vocab_size))

    def forward(self, ids, targets=None, mask=None, state=None):
        """Predict after every token.

        Args:
            ids: (B, T).
            targets: the ids that come next, (B, T); -100 is not counted.
            mask: (B, T), True at real tokens, padding at the end of a row.
            state: as :class:`RNN` takes it, to go on where an earlier call ended. With each tensor detached, no
                gradient goes back beyond this call: truncated back-propagation through time.

        Returns:
            An :class:`~lmcourse.language_model.Output`; with targets and ``chunk``, its logits are ``None``.
        """
        if ids.dim() != 2 or not ids.shape[1]:
            raise ValueError(f"ids are (B, T) with T at least 1, not {tuple(ids.shape)}")
        check_ids(ids, len(self.embedding.weight))
        hidden, state = self.rnn(self.dropout(self.embedding(ids)), mask, state)
        weight = self.embedding.weight if self.output is None else self.output.weight
        loss, logits = predict(self.dropout(hidden), weight, self.bias, targets, chunk=self.chunk)
        return Output(loss, logits, state=state)
