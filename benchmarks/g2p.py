"""From letters to sounds: an encoder-decoder without attention on CMUdict, in the split of published systems.

    python -m benchmarks g2p

Needs the corpus (see the data page of the book). 2,000 words of the training part are held out to choose nothing but
the moment to look at; the test is looked at once. A word counts as right if its phonemes equal one of its reference
pronunciations; the phoneme error rate is taken against the closest of them, as in the papers.
"""

import os
import random
import time

import torch
from rapidfuzz.distance import Levenshtein  # jiwer counts with it too

from benchmarks import CACHE, table
from lmcourse import datasets
from lmcourse.attention import with_attention
from lmcourse.metrics import proportion_interval
from lmcourse.seq2seq import Decoder, Encoder, Seq2Seq, TextFront, beam_search, greedy
from lmcourse.text import Vocabulary, batches, pad
from lmcourse.training import evaluate, fit

WIDTH, EPOCHS, HELD_OUT = 256, 10, 2000
# Word and phoneme error in per cent, as their authors or the repositories named report them, on this split.
SEEDS = (0,)
PUBLISHED = [
    ("joint n-gram (Phonetisaurus)", 24.4, None, "cmusphinx/g2p-seq2seq, README"),
    (
        "bidirectional LSTM with alignments",
        23.55,
        5.45,
        "Yao and Zweig, 2015, as listed in lifefeel/Grapheme-to-Phoneme, README",
    ),
    (
        "deep bidirectional LSTM, many to many",
        23.23,
        5.37,
        "Mousa and Schuller, 2016, as listed in lifefeel/Grapheme-to-Phoneme, README",
    ),
    (
        "LSTM with a 5-gram transducer",
        21.3,
        None,
        "Rao et al., 2015, as listed in lifefeel/Grapheme-to-Phoneme, README",
    ),
    ("Transformer, 3 layers of 256", 20.6, None, "cmusphinx/g2p-seq2seq, README"),
    (
        "attention, five models together",
        20.24,
        4.69,
        "Toshniwal and Livescu, 2016, as listed in lifefeel/Grapheme-to-Phoneme, README",
    ),
]


def split():
    """Training and development: pairs (word, phonemes). Test: pairs (word, all its pronunciations)."""
    train = [(p.word, p.phonemes) for p in datasets.g2p("train")]
    words = sorted({word for word, _ in train})
    held = set(random.Random(0).sample(words, HELD_OUT))
    known = {}
    for p in datasets.g2p("test"):
        known.setdefault(p.word, []).append(p.phonemes)
    return [p for p in train if p[0] not in held], [p for p in train if p[0] in held], list(known.items())


def grade(outputs, test):
    """Word and phoneme error against the closest reference, over all words and by the number of letters."""
    groups = {}
    for said, (word, references) in zip(outputs, test, strict=True):
        errors, length = min((Levenshtein.distance(said, reference), len(reference)) for reference in references)
        groups.setdefault(min(len(word), 16), []).append((said not in references, errors, length))

    def rates(rows):
        wrong, errors, length = (sum(column) for column in zip(*rows, strict=True))
        low, high = proportion_interval(wrong, len(rows))
        return {"words": len(rows), "wer": wrong / len(rows), "low": low, "high": high, "per": errors / length}

    by_length = [{"letters": n} | rates(groups[n]) for n in sorted(groups)]
    return rates([row for rows in groups.values() for row in rows]) | {"by_length": by_length}


class Speller:
    """Vocabularies of letters and phonemes, the batches of training, and the model's outputs.

    Args:
        train: pairs (word, phonemes).
        width: of the decoder's state; each of the encoder's two directions has half of it.
        layers: of the encoder.
        dropout: everywhere.
        score: ``None``, or of which kind the decoder's attention is (chapter 06).
        seed: of the first weights.
    """

    def __init__(self, train, width, layers=1, dropout=0.1, score=None, seed=0):
        self.letters = Vocabulary(sorted({letter for word, _ in train for letter in word}))
        self.phonemes = Vocabulary(sorted({phoneme for _, phonemes in train for phoneme in phonemes}))
        self.bos, self.eos = self.phonemes["<s>"], self.phonemes["</s>"]
        torch.manual_seed(seed)
        front = TextFront(len(self.letters), 64)
        encoder = Encoder(front, 64, width // 2, layers=layers, bidirectional=True, dropout=dropout)
        decoder = Decoder(len(self.phonemes), 64, width, encoder.context_size, dropout=dropout)
        self.model = Seq2Seq(encoder, decoder if score is None else with_attention(decoder, score))

    def encode(self, pairs):
        return [(self.letters.encode(list(word)), self.phonemes.encode(phonemes)) for word, phonemes in pairs]

    def batches(self, encoded, size, seed=None):
        for batch in batches(encoded, size, seed, length=lambda pair: (len(pair[0]), len(pair[1]))):
            source, mask = pad([letters for letters, _ in batch])
            ids, _ = pad([[self.bos, *phonemes] for _, phonemes in batch])
            targets, _ = pad([[*phonemes, self.eos] for _, phonemes in batch], -100)
            yield {"source": source, "source_mask": mask, "ids": ids, "targets": targets}

    def write(self, words, beam=1):
        """The phonemes of some words, a list of tuples."""
        device, found = next(self.model.parameters()).device, [None] * len(words)
        marks = {"bos": self.bos, "eos": self.eos, "max_length": 40}
        for rows in batches(sorted(range(len(words)), key=lambda n: len(words[n])), 256):
            source, mask = (t.to(device) for t in pad([self.letters.encode(list(words[n])) for n in rows]))
            if beam == 1:
                best = greedy(self.model, source, mask, **marks)
            else:
                best = [one[0] for one in beam_search(self.model, source, mask, beam=beam, **marks)]
            for n, hypothesis in zip(rows, best, strict=True):
                found[n] = tuple(self.phonemes.decode(hypothesis.ids))
        return found


def run(options=None) -> dict:
    """Measure, and return what ``benchmarks/results/g2p.json`` keeps."""
    quick = getattr(options, "quick", False)
    device = getattr(options, "device", None) or "cpu"
    train, valid, test = split()
    if quick:
        train, valid, test = train[:3000], valid[:200], test[:300]
    speller = Speller(train, 32 if quick else WIDTH)
    encoded, held_out = speller.encode(train), list(speller.batches(speller.encode(valid), 256))
    checkpoint = None if quick else CACHE / "g2p.safetensors"
    start = time.process_time()
    history = fit(
        speller.model, lambda epoch: list(speller.batches(encoded, 128, seed=epoch)), epochs=1 if quick else EPOCHS,
        lr=3e-3, valid=held_out, checkpoint=checkpoint, progress=bool(os.environ.get("PROGRESS")), device=device,
    )  # fmt: skip
    seconds = time.process_time() - start
    words = [word for word, _ in test]
    found = {f"beam {beam}" if beam > 1 else "greedy": grade(speller.write(words, beam), test) for beam in (1, 4)}
    steps, losses = history.curve("valid")
    return {
        "sizes": {"train": len(train), "development": len(valid), "test": len(test)},
        "width": WIDTH,
        "epochs": EPOCHS,
        "parameters": sum(p.numel() for p in speller.model.parameters()),
        "cpu_minutes": seconds / 60,
        "valid": [{"step": step, "loss": loss} for step, loss in zip(steps, losses, strict=True)],
        "accuracy_teacher_forced": evaluate(speller.model, held_out)["accuracy"],
        "ours": found,
        "by_length": found["beam 4"]["by_length"],
        "examples": [
            {"word": word, "said": " ".join(said), "references": [" ".join(r) for r in references]}
            for (word, references), said in zip(test[:10], speller.write(words[:10], 4), strict=True)
        ],
        "published": [dict(zip(("system", "wer", "per", "source"), row, strict=True)) for row in PUBLISHED],
    }


def report(result):
    """Word and phoneme error, ours and published, in per cent."""
    rows = [
        (f"encoder-decoder, one vector, {name}", f"{100 * r['wer']:.2f}", f"{100 * r['per']:.2f}", "this run")
        for name, r in result["ours"].items()
    ]
    rows += [(p["system"], p["wer"], p["per"] or "", p["source"]) for p in result["published"]]
    return table(["system", "words wrong %", "phonemes %", "source"], rows)
