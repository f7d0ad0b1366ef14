"""Replies to the Korean chatbot corpus: the Seq2Seq of chapter 04 and the nearest question by TF-IDF, same split.

    python -m benchmarks chat

Needs the corpus (see the data page of the book), scikit-learn and sacrebleu. The split is that of ``chatbot``, where
questions that occur twice are kept once. The network is stopped by the validation part; the test is looked at once.
"""

import math
import time
from collections import Counter

import torch

from benchmarks import Missing
from benchmarks.chatbot import split
from lmcourse import text
from lmcourse.metrics import bleu, exact_match
from lmcourse.seq2seq import Decoder, Encoder, Seq2Seq, TextFront
from lmcourse.tasks import System, TextCodec
from lmcourse.training import evaluate, fit

WIDTH, HIDDEN, DROPOUT, EPOCHS, PATIENCE = 128, 256, 0.3, 25, 3
SEEDS = (0,)
SHOWN = 10


def system(pairs):
    """An untrained system whose vocabulary is the syllables of the training pairs."""
    torch.manual_seed(0)
    letters = text.Vocabulary.count(text.split_all([one for pair in pairs for one in pair], "syllable")).tokens
    source, target = TextCodec("syllable", letters), TextCodec("syllable", letters)
    encoder = Encoder(TextFront(len(letters), WIDTH, DROPOUT), WIDTH, HIDDEN // 2, bidirectional=True, dropout=DROPOUT)
    decoder = Decoder(len(letters), HIDDEN, HIDDEN, encoder.context_size, dropout=DROPOUT, tied=True)
    return System(Seq2Seq(encoder, decoder), source, target, max_length=60)


def bits(ours, pairs):
    """Bits per character of the replies, their ends included, and how many letters were never seen in training."""
    encoded = ours.encode(pairs)
    ours.model.eval()
    found = evaluate(ours.model, list(ours.batches(encoded, 64)))
    unknown = sum(target.count(ours.target.vocabulary["<unk>"]) for _, target in encoded)
    return found["loss"] * found["count"] / math.log(2) / sum(len(answer) for _, answer in pairs), unknown


def distinct(replies, n):
    """Different sequences of n words, per sequence of n words (Li et al., 2016)."""
    found = [tuple(words[i : i + n]) for words in map(str.split, replies) for i in range(len(words) - n + 1)]
    return len(set(found)) / len(found) if found else 0.0


def grade(name, replies, references):
    """All figures of some replies."""
    import sacrebleu

    (reply, count), *_ = Counter(replies).most_common(1)
    row = {
        "model": name,
        "exact": exact_match(replies, references),
        "chrf": sacrebleu.corpus_chrf(replies, [references]).score,
        "bleu": bleu(replies, references),
        "distinct_1": distinct(replies, 1),
        "distinct_2": distinct(replies, 2),
        "different": len(set(replies)) / len(replies),
        "frequent": reply,
        "frequent_share": count / len(replies),
    }
    print(name, {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items() if k != "model"}, flush=True)
    return row


def nearest(train, questions):
    """The reply to the training question with the largest cosine, on letters and sequences of up to three."""
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError:
        raise Missing("scikit-learn, the rival: pip install scikit-learn") from None
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3), sublinear_tf=True)
    known = vectorizer.fit_transform([question for question, _ in train])
    places = (vectorizer.transform(questions) @ known.T).argmax(1)
    return [train[int(place)][1] for place in places.ravel().tolist()[0]]


def run(options=None) -> dict:
    """Measure, and return what ``benchmarks/results/chat.json`` keeps."""
    quick = getattr(options, "quick", False)
    parts = [[(e.question, e.answer) for e in part] for part in split()]
    train, valid, test = [part[:200] for part in parts] if quick else parts
    questions, references = map(list, zip(*test, strict=True))
    ours, start = system(train), time.process_time()
    history = fit(
        ours.model, ours.shuffled(ours.encode(train), 64), epochs=1 if quick else EPOCHS, lr=2e-3,
        valid=list(ours.batches(ours.encode(valid), 64)), patience=PATIENCE, progress=False, device="cpu",
    )  # fmt: skip
    seconds = time.process_time() - start
    per_character, unknown = bits(ours, test)
    turned = [(question, answer) for (question, _), (_, answer) in zip(test[1:] + test[:1], test, strict=True)]
    other, _ = bits(ours, turned)
    print(f"bits per character {per_character:.3f}, with another question {other:.3f}; {seconds:.0f} s", flush=True)
    replies = {
        "Seq2Seq, greedy": ours(questions),
        "Seq2Seq, beam of 4": ours(questions, beam=4),
        "nearest question (TF-IDF)": nearest(train, questions),
    }
    frequent = Counter(answer for _, answer in train).most_common(1)[0][0]
    rows = [grade(name, found, references) for name, found in replies.items()]
    rows.append(grade("most frequent reply", [frequent] * len(test), references))
    rows.append(grade("people", references, references))
    shown = [
        {"question": questions[n], "people": references[n]} | {name: found[n] for name, found in replies.items()}
        for n in range(SHOWN)
    ]
    common = {
        name: [[reply, count] for reply, count in Counter(found).most_common(5)]
        for name, found in (replies | {"people": references}).items()
    }
    return {
        "sizes": {"train": len(train), "valid": len(valid), "test": len(test)},
        "parameters": sum(p.numel() for p in ours.model.parameters()),
        "steps": len(history),
        "cpu_seconds": seconds,
        "valid": [entry["valid"] for entry in history if "valid" in entry],
        "bits_per_character": per_character,
        "bits_with_another_question": other,
        "unknown_letters": unknown,
        "rows": rows,
        "common": common,
        "shown": shown,
    }
