"""A sentence as one vector, and a class read from it (chapter 03)."""

import copy

import torch.nn.functional as F
from torch import nn

from lmcourse.language_model import Output, check_ids
from lmcourse.rnn import RNN


class Classifier(nn.Module):
    """A recurrent network reads the sentence, and a linear layer reads the class from its last state.

    With embeddings x and the states h of the network, the context vector is h_T, the state after the last token,
    and the logits of the classes are W h_T + b (Dai and Le, 2015).

    Args:
        vocab_size: V, how many different tokens there are.
        classes: C, how many classes.
        width: D, of the embeddings.
        hidden: width of the state, and so of the context vector; ``None`` means ``width``.
        cell: ``"lstm"``, ``"gru"`` or ``"rnn"``.
        layers: how many layers; the context vector is the state of the last one.
        dropout: on the embeddings, between the layers and on the context vector, while training.
        fused: whether the layers run on torch's own kernel, as in :class:`lmcourse.rnn.RNN`.
    """

    def __init__(self, vocab_size, classes, width=128, hidden=None, cell="lstm", layers=1, dropout=0.0, fused=True):
        super().__init__()
        if classes < 2:
            raise ValueError(f"a classifier chooses between 2 or more classes, not {classes}")
        self.embedding = nn.Embedding(vocab_size, width)
        self.rnn = RNN(width, hidden or width, cell, layers, dropout, fused=fused)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden or width, classes)

    @classmethod
    def from_language_model(cls, model, classes, dropout=0.0):
        """A classifier that reads as a language model does: with copies of its embeddings and of its layers.

        Args:
            model: a :class:`lmcourse.rnn.LanguageModel`; it stays as it is.
            classes: C, how many classes; their layer is new.
            dropout: on the embeddings and on the context vector.
        """
        vocab_size, width = model.embedding.weight.shape
        classifier = cls(vocab_size, classes, width, model.rnn.hidden_size, dropout=dropout)
        classifier.embedding, classifier.rnn = copy.deepcopy(model.embedding), copy.deepcopy(model.rnn)
        return classifier

    def context(self, ids, mask=None):
        """The context vectors of sentences: the state after the last real token.

        Args:
            ids: numbers of tokens: (B, T).
            mask: True where a real token stands: (B, T); ``None`` means everywhere.

        Returns:
            (B, D), one vector for each sentence. Padding never changes it.
        """
        check_ids(ids, len(self.embedding.weight))
        _, state = self.rnn(self.dropout(self.embedding(ids)), mask)
        return state[0][-1]  # h of the last layer

    def forward(self, ids, targets=None, mask=None):
        """The logits of the classes, and the mean cross-entropy if ``targets`` are given.

        Args:
            ids: numbers of tokens: (B, T).
            targets: numbers of classes: (B,); -100 is not counted.
            mask: True where a real token stands: (B, T); ``None`` means everywhere.

        Returns:
            An ``Output`` with logits of shape (B, C).
        """
        logits = self.output(self.dropout(self.context(ids, mask)))  # (B, C)
        if targets is None:
            return Output(None, logits)
        if targets.shape != ids.shape[:1]:
            raise ValueError(f"{len(ids)} sentences have targets of shape ({len(ids)},), not {tuple(targets.shape)}")
        check_ids(targets, logits.shape[1], "class", targets != -100)
        return Output(F.cross_entropy(logits, targets), logits)
