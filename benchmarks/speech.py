"""Real recordings: strings of spoken digits, by a speaker the network has never heard.

    python -m benchmarks speech

Recordings of single digits (Free Spoken Digit Dataset, six speakers) are put side by side, with short pauses, to
strings of 1 to 5 digits. For every second speaker a network of chapter 04d learns from the other five and writes down
strings of the sixth, also longer ones than it has ever heard; and, to compare, other recordings of the five. Beside
it, for single digits, the recogniser of the 1970s: the nearest recording by dynamic time warping. Needs the
recordings (see the data page of the book); about 10 minutes of one core.
"""

import random
import statistics

import numpy as np
import soxr
import torch

from benchmarks import table
from lmcourse import datasets
from lmcourse.metrics import exact_match, proportion_interval, word_error_rate
from lmcourse.speech import RATE, LogMelCodec, Spelling, add_noise, build
from lmcourse.tasks import TextCodec
from lmcourse.training import fit

SEEDS = (0, 1, 2)  # one for each speaker that is kept out
NAMES = "zero one two three four five six seven eight nine".split()
LONGEST = 5  # digits in a string of the training
SETTINGS = {
    "source": LogMelCodec(longest=15).settings(),
    "target": TextCodec("word", [f"▁{name}" for name in NAMES]).settings(),
    "widths": [32, 48, 64], "hidden": 80, "width": 16, "dropout": 0.2,
}  # fmt: skip


def recordings(**options):
    """Recordings at 16,000 Hz and all equally loud: dicts from a digit to a list of arrays, by speaker."""
    found = {}
    for one in datasets.spoken_digits(**options):
        samples = soxr.resample(one.samples, one.rate, RATE)
        samples = samples * np.float32(0.1 / max(1e-4, samples.std()))
        found.setdefault(one.speaker, {}).setdefault(one.digit, []).append(samples)
    return found


def string(speaker, digits, draw, generator, training=True):
    """A string of digits said by one speaker: samples, with pauses of 50 to 200 ms, and a little noise everywhere."""
    parts = []
    for digit in digits:
        parts += [np.zeros(int(draw.uniform(0.05, 0.2) * RATE), "float32"), draw.choice(speaker[digit])]
    samples = np.concatenate([*parts, np.zeros(800, "float32")])
    if training:  # higher and lower voices, quicker and slower ones, better and worse microphones
        samples = soxr.resample(samples, RATE * draw.uniform(0.85, 1.18), RATE)
    return add_noise(samples, draw.uniform(12, 40) if training else 30, generator)


def strings(speakers, count, lengths, seed, training=True):
    """Pairs (samples, text), as many for each length."""
    draw, generator = random.Random(seed), np.random.default_rng(seed)
    made = []
    for n in range(count):
        digits = [draw.randrange(10) for _ in range(lengths[n % len(lengths)])]
        samples = string(speakers[draw.choice(sorted(speakers))], digits, draw, generator, training)
        made.append((samples, " ".join(NAMES[digit] for digit in digits)))
    return made


def listen(speakers, seed, count, epochs):
    """Train a network on strings of these speakers."""
    torch.manual_seed(seed)
    system = build(SETTINGS)
    encoded = system.encode(strings(speakers, count, range(1, LONGEST + 1), seed))
    spelling = Spelling(system.model, len(system.target.vocabulary))
    fit(spelling, system.shuffled(encoded, 16, seed), epochs=epochs, lr=3e-3, seed=seed, progress=False, device="cpu")
    return system


def warped(one, others, lengths):
    """The distance of one recording (S, M) from each of N others (N, T, M), along the best path through both.

    A path may stay in either while the other goes on; it is paid by its steps (Sakoe and Chiba, 1978).
    """
    cost = torch.cdist(one[None], others).numpy()  # (N, S, T)
    N, S, T = cost.shape
    total = np.full((N, S + 1, T + 1), np.inf)
    total[:, 0, 0] = 0
    for i in range(S):
        for j in range(T):
            before = np.minimum(np.minimum(total[:, i, j + 1], total[:, i + 1, j]), total[:, i, j])
            total[:, i + 1, j + 1] = cost[:, i, j] + before
    return total[np.arange(N), S, lengths] / (S + lengths)


def nearest(speakers, speaker, each=3, tests=10):
    """The part of single digits of a speaker that the nearest recording of the others by time warping gets right."""
    codec = LogMelCodec()

    def features(x):
        return codec.encode(x).float()[::2]  # every second frame: a quarter of the work

    known = [(features(x), d) for s in sorted(speakers) for d in range(10) for x in speakers[s][d][:each]]
    padded, mask = codec.pad([x for x, _ in known])
    lengths = mask.sum(1).numpy()
    right = [
        known[warped(features(x), padded, lengths).argmin()][1] == digit
        for digit in range(10)
        for x in speaker[digit][:tests]
    ]
    return sum(right) / len(right)


def run(options=None) -> dict:
    """Measure, and return what ``benchmarks/results/speech.json`` keeps."""
    quick = getattr(options, "quick", False)
    learn, test = recordings(split="train"), recordings(split="test")
    count, epochs, tests = (200, 1, 14) if quick else (6_000, 8, 350)
    rows, samples, total = [], [], {}
    for number, name in enumerate(sorted(learn)[: 1 if quick else None : 2]):
        others = {speaker: digits for speaker, digits in learn.items() if speaker != name}
        system = listen(others, number, count, epochs)
        row = {"speaker": name, "lengths": {}, "nearest": nearest(others, test[name], *([1, 1] if quick else []))}
        pairs = strings({name: test[name]}, tests, range(1, 8), 100 + number, training=False)
        outputs = system([sound for sound, _ in pairs])
        for length in range(1, 8):
            some = [(o, r) for o, (_, r) in zip(outputs, pairs, strict=True) if len(r.split()) == length]
            said, right = map(list, zip(*some, strict=True))
            row["lengths"][str(length)] = {"error": word_error_rate(said, right), "exact": exact_match(said, right)}
            old = total.setdefault(str(length), [0, 0])
            total[str(length)] = [old[0] + round(exact_match(said, right) * len(said)), old[1] + len(said)]
        known = {speaker: digits for speaker, digits in test.items() if speaker != name}
        pairs_known = strings(known, tests, range(1, LONGEST + 1), 200 + number, training=False)
        row["known speakers"] = word_error_rate(
            system([sound for sound, _ in pairs_known]), [text for _, text in pairs_known]
        )
        row["error"] = statistics.fmean(row["lengths"][str(n)]["error"] for n in range(1, LONGEST + 1))
        samples += [[name, right, said] for (_, right), said in zip(pairs[:5], outputs, strict=False)]
        rows.append(row)
        print(
            f"{name}: {row['error']:.1%} of the digits wrong, of known speakers {row['known speakers']:.1%}", flush=True
        )
    exact = {
        n: {"right": right, "count": count, "interval": proportion_interval(right, count)}
        for n, (right, count) in total.items()
    }
    return {
        "trained on": f"strings of 1 to {LONGEST} digits by five speakers",
        "parameters": sum(p.numel() for p in system.model.parameters()),
        "speakers": rows,
        "strings": exact,
        "samples": samples,
    }


def report(result):
    """The same as text."""
    head = ["speaker", *(f"{n} digits" for n in result["strings"]), "known speakers", "nearest, 1 digit"]
    body = [
        [
            row["speaker"],
            *(f"{x['error']:.1%}" for x in row["lengths"].values()),
            f"{row['known speakers']:.1%}",
            f"{1 - row['nearest']:.1%}",
        ]
        for row in result["speakers"]
    ]
    return "Digits wrong, of a speaker never heard\n" + table(head, body)
