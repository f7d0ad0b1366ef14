"""Korean morphemes from raw sentences: our taggers, a dictionary and kiwipiepy, on the world and on UD Korean-GSD.

    python -m benchmarks tagging

On the world, the tagger that comes with the package. On UD Korean-GSD the same tagger, and two that are trained on
its 950 development sentences, which is very little: one reads whole sentences, one reads eojeol by eojeol. All are
graded on the 989 test sentences.
"""

import time

import torch

from benchmarks import Missing, table
from lmcourse import datasets, tasks, world
from lmcourse.tagging import (
    Dictionary,
    build,
    eojeols,
    grade,
    gsd_eojeols,
    kiwi_morphemes,
    settings_for,
    tag,
)  # fmt: skip
from lmcourse.training import fit

SEEDS = (0,)
COLUMNS = ("nouns", "particles", "noun_forms", "particle_forms", "morphemes", "exact")


def train(examples, steps, seed=0):
    """A tagger of the size of ours that has learned from pairs (text, morphemes)."""
    settings = settings_for(examples, dropout=0.3)
    settings["source"]["longest"] = None
    torch.manual_seed(seed)
    system = build(settings)
    fit(
        system.model, system.shuffled(system.encode(examples), 64, seed), steps=steps, lr=4e-3, seed=seed,
        progress=False, device="cpu",
    )  # fmt: skip
    return system


def morphemes(sentence):
    """The gold of a sentence of GSD."""
    return [morpheme for _, part in gsd_eojeols(sentence) for morpheme in part]


def by_eojeol(system, sentences):
    """Tag every eojeol alone, and put the answers together. One of which no letter is known is taken for a noun."""
    different = sorted({eojeol for sentence in sentences for eojeol in sentence.split()})
    readable = [eojeol for eojeol in different if _readable(system, eojeol)]
    answers = {eojeol: [(eojeol, "NNG")] for eojeol in different}
    answers |= dict(zip(readable, tag(system, readable), strict=True))
    return [[morpheme for eojeol in sentence.split() for morpheme in answers[eojeol]] for sentence in sentences]


def _readable(system, eojeol):
    try:
        return bool(system.source.encode(eojeol))
    except ValueError:
        return False


def run(options=None) -> dict:
    """Measure, and return what ``benchmarks/results/tagging.json`` keeps."""
    quick = getattr(options, "quick", False)
    rows, ours = [], tasks.load("tagger")

    def add(data, name, found, gold, start):
        row = {"data": data, "system": name, "seconds": round(time.perf_counter() - start, 1)}
        row |= {key: round(value, 4) for key, value in grade(found, gold).items()}
        rows.append(row)
        print(data, name, row, flush=True)

    parts = world.splits()
    dictionary = Dictionary([one for r in parts.train for one in eojeols(r)])
    for part in ("test", "unseen"):
        records = getattr(parts, part)[: 50 if quick else None]
        sentences, gold = [r.ko for r in records], [r.morphemes for r in records]
        for name, system in {
            "Seq2Seq, trained on the world": lambda them: tag(ours, them),
            "dictionary of the world": lambda them: [dictionary(one) for one in them],
            "kiwipiepy": kiwi_morphemes,
        }.items():
            start = time.perf_counter()
            add(f"world, {part}", name, system(sentences), gold, start)
    try:
        learn, test = datasets.ko_gsd("dev"), datasets.ko_gsd("test")[: 50 if quick else None]
    except datasets.Offline as error:
        raise Missing(str(error)) from None
    sentences, gold = [s.text for s in test], [morphemes(s) for s in test]
    ours.source.longest, ours.max_length = None, 400
    unknown = [len([p for p in ours.source.unknown(s) if p != "▁"]) for s in sentences]
    syllables = [len(s.replace(" ", "")) for s in sentences]
    whole = train([(s.text, morphemes(s)) for s in learn], 20 if quick else 400)
    whole.max_length = 400
    single = train([one for s in learn for one in gsd_eojeols(s)], 20 if quick else 1500)
    single.max_length = 40
    dictionary = Dictionary([one for s in learn for one in gsd_eojeols(s)])
    for name, system in {
        "Seq2Seq, trained on the world": lambda them: tag(ours, them),
        "Seq2Seq on dev, whole sentences": lambda them: tag(whole, them),
        "Seq2Seq on dev, eojeol by eojeol": lambda them: by_eojeol(single, them),
        "dictionary of dev": lambda them: [dictionary(one) for one in them],
        "kiwipiepy": kiwi_morphemes,
    }.items():
        start = time.perf_counter()
        add("GSD, test", name, system(sentences), gold, start)
    seen = {one for s in learn for one in s.text.split()}
    words = [one for s in sentences for one in s.split()]
    return {
        "rows": rows,
        "sizes": {"train": len(learn), "test": len(test)},
        "unknown": {
            "syllables": round(sum(unknown) / sum(syllables), 4),
            "sentences": round(sum(map(bool, unknown)) / len(unknown), 4),
            "eojeols_not_in_dev": round(sum(one not in seen for one in words) / len(words), 4),
        },
    }


def report(result) -> str:
    """The table of the book."""
    head = ["data", "system", *COLUMNS]
    return table(head, [[r["data"], r["system"], *(f"{r[key]:.3f}" for key in COLUMNS)] for r in result["rows"]])
