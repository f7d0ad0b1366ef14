"""How much goes through the vector: lists of 1 to 30 things, translated by encoder-decoders of different widths.

    python -m benchmarks bottleneck

Every model sees the same lists in the same order, for the same number of steps: sentences of the world that list
things ("Minsu bought apples and pears."), Korean in, English out. Between encoder and decoder there is one vector, and
only its width changes. Tested on lists of other seeds, up to 30 things, three times as long as any in training.
"""

import random
import re
import time

import torch

from benchmarks import table
from lmcourse import text, world
from lmcourse.metrics import proportion_interval
from lmcourse.seq2seq import Decoder, Encoder, Seq2Seq, TextFront
from lmcourse.tasks import System, TextCodec
from lmcourse.training import fit
from lmcourse.world.english import plural

SEEDS = (0,)
WIDTHS = (16, 32, 64, 128)  # of the context vector
LONGEST = 10  # things in a list of training
TESTED = (*range(1, 13), 15, 20, 25, 30)
STEPS = 4000


def korean(record):
    """The morphemes of the sentence."""
    return text.split_at(record.ko, record.morpheme_spans)


def english(record):
    """The words of the sentence."""
    return text.split(record.en, "word")


def things(record):
    """The listed things in English, in their order: of each the last word, in the form it takes in a list."""
    return [(plural(item.en) if item.number == "count" else item.en).split()[-1] for item in record.plan.items]


def lists(count, longest, seed):
    """So many sentences, each with a list of 1 to ``longest`` things."""
    rng = random.Random(f"lengths {seed}")
    return world.enumerations([rng.randint(1, longest) for _ in range(count)], seed=seed)


def build(train, width, seed=0):
    """An untrained system whose context vector has ``width`` numbers; embeddings and decoder are always the same."""
    source = TextCodec("morpheme", text.Vocabulary.count(map(korean, train)).tokens)
    target = TextCodec("word", text.Vocabulary.count(map(english, train)).tokens)
    torch.manual_seed(seed)
    encoder = Encoder(TextFront(len(source.vocabulary), 64), 64, width // 2, bidirectional=True)
    decoder = Decoder(len(target.vocabulary), 64, 128, encoder.context_size)
    return System(Seq2Seq(encoder, decoder), source, target, max_length=100)


def learn(system, train, steps, seed=0, device="cpu"):
    """Train a system on lists: the history, and the seconds of processor time."""
    encoded = system.encode([(korean(r), english(r)) for r in train])
    start = time.process_time()
    history = fit(
        system.model, system.shuffled(encoded, 64, seed), steps=steps, lr=4e-3, seed=seed, progress=False, device=device
    )
    return history, time.process_time() - start


def measure(system, tested, repeats):
    """For each length of list: how many lists came out whole and in order, and the share of the things, place by place.

    Only the things are compared: who did what with them, and whether a comma stands before the "and", is left aside.
    """
    records = {length: world.enumerations([length] * repeats, seed=f"test {length}") for length in tested}
    known = {thing for each in records.values() for record in each for thing in things(record)}
    rows = []
    for length, each in records.items():
        outputs = system([korean(record) for record in each])
        right, recall = 0, [0] * length
        for output, record in zip(outputs, each, strict=True):
            said = [word for word in re.findall(r"\w+", output) if word in known]
            right += said == things(record)
            for place, thing in enumerate(things(record)):
                recall[place] += thing in said
        low, high = proportion_interval(right, repeats)
        rows.append(
            {"length": length, "lists": repeats, "right": right, "low": low, "high": high}
            | {"recall": [count / repeats for count in recall]}
        )
    return rows


def run(options=None) -> dict:
    """Measure, and return what ``benchmarks/results/bottleneck.json`` keeps."""
    quick = getattr(options, "quick", False)
    steps, widths, repeats = (60, WIDTHS[:1], 10) if quick else (STEPS, WIDTHS, 100)
    train = lists(2000 if quick else 40_000, LONGEST, seed="train")
    models = []
    for width in widths:
        system = build(train, width)
        history, seconds = learn(system, train, steps, device=getattr(options, "device", None) or "cpu")
        loss = history.curve("loss", min(100, steps))[1][-1]
        rows = measure(system, TESTED[:3] if quick else TESTED, repeats)
        parameters = sum(p.numel() for p in system.model.parameters())
        models.append({"width": width, "parameters": parameters, "cpu_seconds": seconds, "loss": loss, "rows": rows})
        print(f"width {width}: loss {loss:.3f},", {row["length"]: row["right"] for row in rows}, flush=True)
    return {"longest": LONGEST, "steps": steps, "batch": 64, "lists": len(train), "models": models}


def report(result):
    """The share of lists that came out whole, by width and length."""
    lengths = [row["length"] for row in result["models"][0]["rows"]]
    rows = [
        [model["width"], *(f"{row['right'] / row['lists']:.0%}" for row in model["rows"])] for model in result["models"]
    ]
    return table(["width", *lengths], rows)
