"""The topic of a question to the Korean chatbot: a recurrent classifier and logistic regression, same split.

    python -m benchmarks chatbot

Needs the corpus (see the data page of the book) and scikit-learn. Questions that occur twice are kept once, so that
none of the test is in training. All choices (of features, of the regularisation, of the step to stop at) are made on
the validation questions; the test is looked at once.
"""

import random
import statistics
import time

import torch

from benchmarks import Missing
from lmcourse import datasets, text
from lmcourse.classifier import Classifier
from lmcourse.metrics import confidence_interval
from lmcourse.rnn import LanguageModel
from lmcourse.text import Vocabulary, batches, pad
from lmcourse.training import fit

UNITS = ("syllable", "jamo", "morpheme", "BPE")
LABELS = (100, 500, 2000)
SEEDS = (0, 1, 2)
WIDTH = 96


def split():
    """Training, validation and test: lists of exchanges, no question twice."""
    first = {}
    for exchange in datasets.chatbot():
        first.setdefault(exchange.question, exchange)
    rows = list(first.values())
    random.Random(0).shuffle(rows)
    tenth = len(rows) // 10
    return rows[2 * tenth :], rows[tenth : 2 * tenth], rows[:tenth]


def cutter(unit, texts):
    """A function from a list of texts to lists of pieces; byte pairs are learned from ``texts``."""
    return text.train_bpe(texts, 2000).split_all if unit == "BPE" else lambda many: text.split_all(many, unit)


class Ours:
    """A vocabulary of the training text, a language model of it, and classifiers that start from it or from nothing."""

    def __init__(self, unit, train, valid, test):
        cut = cutter(unit, [e.question for e in train] + [e.answer for e in train])
        parts = [cut([e.question for e in part]) for part in (train, valid, test)]
        answers = cut([e.answer for e in train])
        self.vocabulary = Vocabulary.count(parts[0] + answers, min_count=2)
        self.parts = [
            [(self._ids(one), e.topic) for one, e in zip(pieces, part, strict=True)]
            for pieces, part in zip(parts, (train, valid, test), strict=True)
        ]
        # An answer follows its question, so that the state after a question has to hold what it is about.
        self.text = [self._ids(q) + self._ids(a)[1:] for q, a in zip(parts[0], answers, strict=True)]
        self.language_model = None

    def _ids(self, pieces):
        return [self.vocabulary["<s>"], *self.vocabulary.encode(pieces), self.vocabulary["</s>"]]

    def pretrain(self):
        def shuffled(epoch):
            for batch in batches(self.text, 64, seed=epoch):
                ids, mask = pad([one[:-1] for one in batch])
                yield {"ids": ids, "mask": mask, "targets": pad([one[1:] for one in batch], -100)[0]}

        torch.manual_seed(0)
        self.language_model = LanguageModel(len(self.vocabulary), WIDTH, dropout=0.3)
        fit(self.language_model, shuffled, epochs=8, lr=4e-3, progress=False, device="cpu")

    def classify(self, seed, pretrained, labels=None):
        """Right or wrong for each question of the test."""
        train, valid, test = self.parts
        learn = train[:labels]  # they are in random order
        torch.manual_seed(seed)
        if pretrained:
            model = Classifier.from_language_model(self.language_model, 3, dropout=0.5)
        else:
            model = Classifier(len(self.vocabulary), 3, WIDTH, dropout=0.5)

        def shuffled(epoch):
            return map(self._batch, batches(learn, 32, seed=1000 * seed + epoch, length=lambda item: len(item[0])))

        epochs = max(8, 25_000 // len(learn))  # 800 steps or more
        fit(
            model, shuffled, epochs=epochs, lr=2e-3, valid=[self._batch(valid)], patience=max(3, epochs // 3),
            seed=seed, progress=False, device="cpu",
        )  # fmt: skip
        model.eval()
        batch = self._batch(test)
        with torch.no_grad():
            return (model(batch["ids"], mask=batch["mask"]).logits.argmax(1) == batch["targets"]).tolist()

    @staticmethod
    def _batch(items):
        ids, mask = pad([ids for ids, _ in items])
        return {"ids": ids, "mask": mask, "targets": torch.tensor([topic for _, topic in items])}


class Theirs:
    """Logistic regression on counts of words, morphemes or letters; the best on validation is taken."""

    def __init__(self, train, valid, test):
        try:
            from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
        except ImportError:
            raise Missing("scikit-learn, the rival: pip install scikit-learn") from None
        self.features = {}
        self.topics = [[e.topic for e in part] for part in (train, valid, test)]
        questions = [[e.question for e in part] for part in (train, valid, test)]
        morphemes = [text.split_all(part, "morpheme") for part in questions]
        for counter in (CountVectorizer, TfidfVectorizer):
            for name, parts, options in (
                ("words", questions, {"token_pattern": r"\S+"}),
                ("morphemes", morphemes, {"analyzer": lambda pieces: pieces}),
                ("morphemes and pairs of them", morphemes, {"analyzer": _with_pairs}),
                ("letters, 1 to 3", questions, {"analyzer": "char_wb", "ngram_range": (1, 3)}),
            ):
                self.features[f"{counter.__name__}, {name}"] = (counter, options, parts)

    def classify(self, labels=None):
        """For each kind of features, right or wrong for each question of the test, and the accuracy on validation."""
        from sklearn.linear_model import LogisticRegression

        found = {}
        learn, valid, test = self.topics
        for name, (counter, options, parts) in self.features.items():
            vectorizer = counter(**options)
            x_learn = vectorizer.fit_transform(parts[0][:labels])
            x_valid, x_test = map(vectorizer.transform, parts[1:])
            models = [
                LogisticRegression(C=c, max_iter=2000).fit(x_learn, learn[:labels]) for c in (0.1, 0.3, 1, 3, 10, 30)
            ]
            model = max(models, key=lambda model: model.score(x_valid, valid))
            right = (model.predict(x_test) == test).tolist()
            found[name] = {"right": right, "valid": model.score(x_valid, valid), "C": model.C}
        return found


def _with_pairs(pieces):
    return [*pieces, *map(" ".join, zip(pieces, pieces[1:], strict=False))]


def _row(name, labels, runs, **more):
    """Accuracy on the test: mean over runs, and the 95 % interval of that mean over questions."""
    per_question = [statistics.fmean(answers) for answers in zip(*runs, strict=True)]
    accuracies = [statistics.fmean(run) for run in runs]
    low, high = confidence_interval(per_question)
    row = {"model": name, "labels": labels, "accuracy": statistics.fmean(accuracies), "low": low, "high": high}
    print(f"{labels:>6} {name:<55}{row['accuracy']:.3f}  ({low:.3f} to {high:.3f})", flush=True)
    return row | {"runs": accuracies} | more


def run(options=None) -> dict:
    """Measure, and return what ``benchmarks/results/chatbot.json`` keeps."""
    quick = getattr(options, "quick", False)
    labels_tried, units, seeds = ((100,), ("syllable",), SEEDS[:1]) if quick else (LABELS, UNITS, SEEDS)
    train, valid, test = split()
    train = train[:1000] if quick else train
    rows, size = [], len(train)
    rival = Theirs(train, valid, test)
    for labels in (*labels_tried, None):
        found = rival.classify(labels)
        best = max(found, key=lambda name: found[name]["valid"])
        for name, one in found.items():
            if name == best or labels is None:
                more = {"valid": one["valid"], "C": one["C"], "best": name == best}
                rows.append(_row(f"logistic regression: {name}", labels or size, [one["right"]], **more))
    for unit in units:
        ours = Ours(unit, train, valid, test)
        start = time.process_time()
        ours.pretrain()
        more = {
            "unit": unit,
            "vocabulary": len(ours.vocabulary),
            "pretraining_cpu_seconds": time.process_time() - start,
        }
        for labels in (*labels_tried, None) if unit == "syllable" else (None,):
            for pretrained in (False, True):
                runs = [ours.classify(seed, pretrained, labels) for seed in seeds]
                name = f"LSTM, {unit}, " + ("pre-trained" if pretrained else "from nothing")
                rows.append(_row(name, labels or size, runs, pretrained=pretrained, **more))
    counts = [sum(e.topic == topic for e in test) for topic in range(3)]
    sizes = {"train": size, "valid": len(valid), "test": len(test), "majority": max(counts) / len(test)}
    return {"sizes": sizes, "seeds": seeds, "rows": rows}
