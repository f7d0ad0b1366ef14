"""Fine-tuning: a pre-trained BERT learns a task from few labels (chapter 09).

The encoder is a copy of the pre-trained one, the layer on top of it is new, and both learn together (Devlin et al.,
2019). A sentence has one class, read from its ``[CLS]``; or each token has a label of its own. All that is told apart
here is told by labels, so what a label cannot say is lost: tagging finds the places of the morphemes and their tags,
and the forms of those that have fused are not written anywhere (했 is 하 and 였). Nouns and particles rarely fuse, and
:func:`read_tags` gives them as :func:`lmcourse.tagging.grade` wants them.
"""

from dataclasses import replace

import torch

from lmcourse import text
from lmcourse.bert import BertForSequenceClassification, BertForTokenClassification
from lmcourse.language_model import IGNORE, evaluating
from lmcourse.tasks import seeded

__all__ = [
    "GOES_ON", "label_tokens", "probabilities", "read_tags", "sentence_batches", "sentence_classifier", "token_batches",
    "token_classifier", "token_tags",
]  # fmt: skip

GOES_ON = "I"  # the label of a token in which no morpheme begins


# The models


def sentence_classifier(system, classes=2, dropout=0.1, pretrained=True, seed=0):
    """A classifier of sentences that reads as a pre-trained BERT does.

    Args:
        system: a :class:`~lmcourse.small_bert.SmallBert`; it stays as it is.
        classes: C.
        dropout: while fine-tuning. A small BERT is pre-trained without; few labels are soon known by heart.
        pretrained: whether the encoder, with its pooler, is a copy; otherwise all weights are first weights.
        seed: of the first weights.

    Returns:
        A :class:`~lmcourse.bert.BertForSequenceClassification`.
    """
    return _on_top(BertForSequenceClassification, system, classes, dropout, pretrained, seed)


def token_classifier(system, classes=2, dropout=0.1, pretrained=True, seed=0):
    """The same for tokens: a :class:`~lmcourse.bert.BertForTokenClassification`."""
    return _on_top(BertForTokenClassification, system, classes, dropout, pretrained, seed)


def _on_top(cls, system, classes, dropout, pretrained, seed):
    with seeded(seed):
        model = cls(replace(system.model.config, dropout=dropout), classes)
    if pretrained:
        model.bert.load_state_dict(system.model.bert.state_dict())
    return model


# Batches


def sentence_batches(system, pairs, size, seed=None):
    """Batches for :func:`lmcourse.training.fit`, of texts of like length.

    Args:
        system: a :class:`~lmcourse.small_bert.SmallBert`, whose tokenizer reads.
        pairs: (text, class); a text may be a pair of texts.
        size: B.
        seed: to shuffle with; ``None`` keeps the order.

    Yields:
        Dicts of ``ids``, ``mask`` and ``segments`` (B, T), and ``targets`` (B,).
    """
    for some in text.batches(pairs, size, seed, _length):
        batch, _ = system.encode_all([item for item, _ in some])
        yield batch | {"targets": torch.tensor([number for _, number in some])}


def token_batches(system, pairs, size, seed=None):
    """The same for labels of tokens, with ``targets`` (B, T) that are -100 at marks and padding.

    Args:
        system, size, seed: as for :func:`sentence_batches`.
        pairs: (text, labels), one number for each token, without marks.
    """
    for some in text.batches(pairs, size, seed, _length):
        batch, found = system.encode_all([item for item, _ in some])
        targets = torch.full_like(batch["ids"], IGNORE)  # (B, T)
        for row, encoded, (item, labels) in zip(targets, found, some, strict=True):
            places = _real(encoded)
            if len(places) != len(labels):
                raise ValueError(f"{item!r:.60} has {len(places)} tokens, and {len(labels)} labels")
            row[places] = torch.as_tensor(labels)
        yield batch | {"targets": targets}


def _length(pair):
    return len(pair[0]) if isinstance(pair[0], str) else sum(map(len, pair[0]))


def _real(encoded):
    """The places of all tokens that are no marks."""
    return [n for n, word in enumerate(encoded.words) if word is not None]


# Answers


@torch.no_grad()
def probabilities(model, system, items, batch_size=128):
    """The probability of each class for texts or pairs of texts: (N, C)."""
    found = [logits.softmax(-1) for _, logits in _answers(model, system, items, batch_size)]
    return torch.cat(found) if found else torch.empty(0, model.classifier.out_features)


@torch.no_grad()
def label_tokens(model, system, texts, names, batch_size=128):
    """The likeliest label of each token: for each text a list of names, without marks.

    Args:
        model: a :class:`~lmcourse.bert.BertForTokenClassification`.
        system: whose tokenizer reads.
        texts: strings.
        names: of the classes, in the order of their numbers.
    """
    if len(names) != model.classifier.out_features:
        raise ValueError(f"the model has {model.classifier.out_features} classes, and there are {len(names)} names")
    answers = []
    for found, logits in _answers(model, system, texts, batch_size):
        for encoded, best in zip(found, logits.argmax(-1).tolist(), strict=True):
            answers.append([names[best[n]] for n in _real(encoded)])
    return answers


def _answers(model, system, items, batch_size):
    """What was read, and the logits, batch by batch."""
    device = next(model.parameters()).device
    with evaluating(model):
        for some in text.batches(items, batch_size):
            batch, found = system.encode_all(some)
            yield found, model(**{name: tensor.to(device) for name, tensor in batch.items()}).logits.cpu()


# Tagging by tokens


def token_tags(system, record):
    """The label of each token of a Korean sentence: the Sejong tags of all morphemes that begin in it.

    배를 is two tokens, with NNG and JKO; ``##했`` has XSV+EP, for 하 and 였. A token in which no morpheme begins goes
    on with the one before: its label is ``GOES_ON``.

    Args:
        system: a :class:`~lmcourse.small_bert.SmallBert` of Korean, whose tokenizer cuts.
        record: of the world.
    """
    encoded = system.tokenizer.encode(record.ko)
    found = []
    for n in _real(encoded):
        start, end = encoded.spans[n]
        begin = [tag for (_, tag), (at, _) in zip(record.morphemes, record.morpheme_spans, strict=True)
                 if start <= at < end]  # fmt: skip
        found.append("+".join(begin) or GOES_ON)
    return found


def read_tags(system, text, labels):
    """Labels of tokens as pairs (form, tag): a form is the letters of a token and of those that go on with it.

    Nouns and particles can be graded by :func:`lmcourse.tagging.grade`, its figures ``nouns`` and ``particles``. The
    others cannot: the tag of 했 is VV+EP, and its letters are no form of the dictionary. Nor is a noun right that has
    fused with what follows, or that the tokenizer did not cut off.

    Args:
        system: as for :func:`token_tags`.
        text: a sentence.
        labels: one for each token, without marks.
    """
    encoded = system.tokenizer.encode(text)
    places = _real(encoded)
    if len(places) != len(labels):
        raise ValueError(f"{text!r:.60} has {len(places)} tokens, and {len(labels)} labels")
    found = []
    for n, label in zip(places, labels, strict=True):
        start, end = encoded.spans[n]
        if label != GOES_ON:
            found.append((start, end, label))
        elif found:
            found[-1] = (found[-1][0], end, found[-1][2])
        else:  # nothing there to go on with
            found.append((start, end, "?"))
    return [(text[start:end], tag) for start, end, tag in found]
