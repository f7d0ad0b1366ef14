"""Bits per character of Kneser-Ney models on real text, by unit and order: the table of chapter 01.

    python -m benchmarks real_text

Needs the texts (see the data page of the book). Every tenth line is for testing.
"""

from lmcourse import datasets, text
from lmcourse.metrics import bits_per_character
from lmcourse.ngram import KneserNey, OpenVocabulary

SEEDS = ()  # nothing is drawn
ORDERS = (1, 2, 3, 4, 5, 6, 8, 10)


def corpora():
    """The texts as lists of lines, with the units to cut them into."""
    plays = [line for line in datasets.tinyshakespeare().splitlines() if line.strip()]
    tutorial = [pair.ko for pair in datasets.python_docs_ko("tutorial")]
    return {
        "tinyshakespeare": (plays, ("word", "BPE", "character")),
        "Python tutorial in Korean": (tutorial, ("eojeol", "morpheme", "BPE", "syllable", "jamo")),
    }


def run(args=None) -> dict:
    """Measure, and return what ``benchmarks/results/real_text.json`` keeps."""
    rows = []
    for name, (lines, units) in corpora().items():
        train, test = [line for i, line in enumerate(lines) if i % 10], lines[::10]
        for unit in units:
            cut = text.train_bpe(train, 4000).split_all if unit == "BPE" else lambda x, u=unit: text.split_all(x, u)
            learn, new = cut(train), cut(test)
            models = [OpenVocabulary(KneserNey(n)).fit(learn) for n in ORDERS]
            bits = [bits_per_character(-m.log2probs(new), test) for m in models]
            rows.append({"text": name, "unit": unit, "pieces": sum(map(len, learn)), "bits_per_character": bits})
            print(f"{name:>26} {unit:>10}", *(f"{b:5.2f}" for b in bits), flush=True)
    return {"orders": list(ORDERS), "rows": rows}
