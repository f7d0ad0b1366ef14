"""Translation of real sentences, learned from 720 pairs: our network, and the nearest sentence of the training part.

    python -m benchmarks translation

The pairs are the school sentences of the JHE corpus, its development part to learn from and its evaluation part to
test on. The systems that come with the package, which know the world only, translate the same sentences.
"""

import time

import torch

from benchmarks import table
from lmcourse import datasets, tasks, text
from lmcourse.metrics import bleu, exact_match
from lmcourse.text import Vocabulary
from lmcourse.training import fit
from lmcourse.translation import DIRECTIONS, UNITS, bleu_interval, build, nearest

SEEDS = (0,)
COLUMNS = ("direction", "system", "exact", "bleu", "bleu_low", "bleu_high")


def learn(direction, pairs, steps, seed=0):
    """A system of the size of ours, and its loss in the last fifty steps, from pairs of texts."""
    source, target = DIRECTIONS[direction]
    cuts = {
        language: text.split_all([getattr(pair, language) for pair in pairs], UNITS[language])
        for language in DIRECTIONS[direction]
    }
    settings = {
        "direction": direction, "source": Vocabulary.count(cuts[source], 2).tokens,
        "target": Vocabulary.count(cuts[target], 2).tokens, "width": 64, "encoder": 96, "decoder": 96, "cell": "gru",
        "dropout": 0.3, "longest": None,
    }  # fmt: skip
    torch.manual_seed(seed)
    system = build(settings)
    encoded = system.encode(zip(cuts[source], cuts[target], strict=True))
    history = fit(
        system.model, system.shuffled(encoded, 32, seed), steps=steps, lr=3e-3, seed=seed, progress=False, device="cpu"
    )
    return system, sum(entry["loss"] for entry in history[-50:]) / len(history[-50:])


def run(options=None) -> dict:
    """Measure, and return what ``benchmarks/results/translation.json`` keeps."""
    quick = getattr(options, "quick", False)
    train, test = datasets.jhe("dev"), datasets.jhe("eval")
    train, test = (train[:100], test[:20]) if quick else (train, test)
    rows, samples = [], {}
    for direction, (source, target) in DIRECTIONS.items():
        sources, references = ([getattr(pair, language) for pair in test] for language in (source, target))
        start = time.process_time()
        system, loss = learn(direction, train, 20 if quick else 700)
        seconds = time.process_time() - start
        cut, ours = (text.split_all([getattr(p, source) for p in part], UNITS[source]) for part in (train, test))
        known = [(pieces, getattr(pair, target)) for pieces, pair in zip(cut, train, strict=True)]
        world_system = tasks.load(direction)
        outputs = {
            "network, 720 pairs": system(ours, beam=4),
            "nearest sentence": nearest(known, ours),
            "the package's, of the world": world_system(ours, beam=4),
        }
        for name, found in outputs.items():
            low, high = bleu_interval(found, references)
            row = {
                "direction": direction, "system": name, "exact": exact_match(found, references),
                "bleu": bleu(found, references), "bleu_low": low, "bleu_high": high,
            }  # fmt: skip
            rows.append(row | ({"loss": loss, "cpu_seconds": seconds} if name.startswith("network") else {}))
        unknown = [sum(piece not in world_system.source.vocabulary for piece in one) for one in ours]
        rows[-1]["unknown_pieces"] = sum(unknown) / sum(map(len, ours))
        samples[direction] = [
            {"source": sources[n], "reference": references[n]} | {name: found[n] for name, found in outputs.items()}
            for n in range(5)
        ]
    print(
        table(
            COLUMNS,
            [[f"{row[name]:.3f}" if isinstance(row[name], float) else row[name] for name in COLUMNS] for row in rows],
        )
    )
    return {"train": len(train), "test": len(test), "rows": rows, "samples": samples}
