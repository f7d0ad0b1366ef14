"""From letters to sounds with attention: the network of the g2p benchmark, its decoder replaced, and a larger one.

    python -m benchmarks g2p_attention

The same split, data and grading as ``python -m benchmarks g2p``. "attention" differs from the network there in its
decoder only, and learns for as many epochs. "larger" is wider and deeper and learns for longer. A run that is finished
is kept in the cache, so that an interrupted benchmark goes on where it stopped.
"""

import os
import time

from benchmarks import CACHE, kept, table
from benchmarks.g2p import EPOCHS, PUBLISHED, WIDTH, Speller, grade, split
from lmcourse.training import evaluate, fit

SEEDS = (0,)
EQUAL = {"width": WIDTH, "layers": 1, "dropout": 0.1, "epochs": EPOCHS, "lr": 3e-3}
LARGER = {"width": 384, "layers": 2, "dropout": 0.3, "epochs": 18, "lr": 2e-3, "score": "additive"}
RUNS = {
    "attention, seed 0": EQUAL | {"score": "additive", "seed": 0},
    "larger, seed 0": LARGER | {"seed": 0},
}


def learn(name, settings, data, device="cpu", quick=False):
    """One network, trained and graded, as a dict."""
    train, valid, test = data
    shape = {key: settings[key] for key in ("layers", "dropout", "score", "seed")}
    speller = Speller(train, 32 if quick else settings["width"], **shape)
    encoded, held_out = speller.encode(train), list(speller.batches(speller.encode(valid), 256))
    start = time.process_time()
    history = fit(
        speller.model, lambda epoch: list(speller.batches(encoded, 128, seed=epoch + 1000 * settings["seed"])),
        epochs=1 if quick else settings["epochs"], lr=settings["lr"], seed=settings["seed"], valid=held_out,
        checkpoint=None if quick else CACHE / f"g2p {name}.safetensors", progress=bool(os.environ.get("PROGRESS")),
        device=device,
    )  # fmt: skip
    seconds = time.process_time() - start
    words = [word for word, _ in test]
    steps, losses = history.curve("valid")
    return {
        "parameters": sum(p.numel() for p in speller.model.parameters()),
        "cpu_minutes": seconds / 60,
        "valid": [{"step": step, "loss": loss} for step, loss in zip(steps, losses, strict=True)],
        "accuracy_teacher_forced": evaluate(speller.model, held_out)["accuracy"],
        "greedy": grade(speller.write(words), test),
        "beam 4": grade(speller.write(words, 4), test),
    }


def run(options=None) -> dict:
    """Measure, and return what ``benchmarks/results/g2p_attention.json`` keeps."""
    quick = getattr(options, "quick", False)
    train, valid, test = split()
    data = (train[:3000], valid[:200], test[:300]) if quick else (train, valid, test)
    device = getattr(options, "device", None) or "cpu"
    runs = {
        name: learn(name, settings, data, device, True)
        if quick
        else kept(f"g2p {name}", settings, lambda name=name, settings=settings: learn(name, settings, data, device))
        for name, settings in RUNS.items()
    }
    return {"sizes": dict(zip(("train", "development", "test"), map(len, data), strict=True)), "runs": runs}


def report(result):
    """Word and phoneme error, ours and published, in per cent."""
    rows = [
        (
            name, f"{100 * r['greedy']['wer']:.2f}",
            f"{100 * r['beam 4']['wer']:.2f}", f"{100 * r['beam 4']['per']:.2f}",
            f"{r['parameters']:,}", f"{r['cpu_minutes']:.0f}",
        )
        for name, r in result["runs"].items()
    ]  # fmt: skip
    rows += [(system, "", wer, per or "", "", "") for system, wer, per, _ in PUBLISHED]
    return table(["system", "greedy %", "words wrong %", "phonemes %", "weights", "CPU minutes"], rows)
