"""The Transformer: speed against ``torch.nn``, what each part of a block is good for, and a translator against another.

    python -m benchmarks transformer

Five parts. ``layer``: a layer of ours against ``nn.TransformerEncoderLayer`` with the same weights. ``heads``: all of
them as one product against a loop over them. ``generation``: writing with the keys and values kept, and without.
``block``: a language model complete, and with one part of its blocks left out. ``translation``: the translator of
chapter 06 against that of chapter 08, in shape and learning rate as they come with the package, about equal in
parameters, for the same processor time, and for the same number of steps; and each with the other's learning rate.

The last two are trainings. Each is kept in the cache as soon as it is done, and an interrupted benchmark goes on where
it stopped. They can be made before, one part at a time, and shared between processes. How fast the translators learn is
measured first, since their steps follow from it, and by one process::

    python -c "from benchmarks import transformer as b; b.fill('block')"
    python -c "from benchmarks import transformer as b; b.fill('speed')"
    python -c "from benchmarks import transformer as b; b.fill('translation', share=(0, 2))"
"""

import inspect
import math
import time
from contextlib import contextmanager
from functools import cache, partial
from itertools import pairwise

import torch
from torch import nn

from benchmarks import attention, self_attention, table
from benchmarks.self_attention import BATCH, LR, SENTENCES, TESTED, gather, words
from lmcourse import attending, stories, transforming, translation, world
from lmcourse.tasks import seeded
from lmcourse.training import fit
from lmcourse.transformer import CausalLM, EncoderLayer

# --- a block with a part left out ---


class NoResidual(EncoderLayer):
    """A layer without the road straight through: only what the parts give goes on."""

    def add(self, x, norm, part):
        new, *rest = part(norm(x) if self.norm_first else x)
        new = self.dropout(new)
        return new if self.norm_first else norm(new), *rest


class NoNorm(EncoderLayer):
    """A layer whose numbers may be of any size."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.norm1 = self.norm2 = nn.Identity()


class NoFeedForward(EncoderLayer):
    """A layer that looks, and does not think."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        del self.linear1, self.linear2, self.norm2

    def forward(self, x, mask=None, *, causal=False, past=None, weights=False):
        def look(x):
            return self.self_attn(x, None, mask, causal=causal, past=past, weights=weights)

        return self.add(x, self.norm1, look)


SHAPE = self_attention.MODELS["Transformer"][1]
BLOCKS = {  # the layer, and what else is changed
    "complete": (EncoderLayer, {}),
    "one head": (EncoderLayer, {"heads": 1}),
    "without residual": (NoResidual, {}),
    "without norm": (NoNorm, {}),
    "without feed-forward": (NoFeedForward, {}),
    "without feed-forward, 12 layers": (NoFeedForward, {"layers": 12}),  # as many parameters as the complete one
    "post-norm": (EncoderLayer, {"norm_first": False}),
    "sinusoidal": (EncoderLayer, {"positions": "sinusoidal"}),
    "2 layers": (EncoderLayer, {"layers": 2}),
    "1 layer": (EncoderLayer, {"layers": 1}),
}
BLOCK_EPOCHS = 8
TWICE = "complete", "without residual", "without norm"  # trained with a second seed


def block_model(vocab_size, layer, changes):
    """A ``CausalLM`` whose layers are of another class."""
    shape = SHAPE | changes
    model = CausalLM(vocab_size, **shape)
    if layer is not EncoderLayer:
        rest = {"norm_first": shape.get("norm_first", True), "rotary": shape["positions"] == "rotary"}
        sizes = [shape[name] for name in ("width", "heads", "hidden", "dropout")]
        model.layers = nn.ModuleList(layer(*sizes, **rest) for _ in range(shape["layers"]))
    if layer is NoNorm:
        model.norm = nn.Identity()
    return model


def learn_block(name, seed, quick=False, device="cpu"):
    """One language model: what its training took, and its bits per character."""
    read = words("en", "word", quick)
    with seeded(seed):
        model = block_model(len(read.vocabulary), *BLOCKS[name])
    found = self_attention.learn(model, read, 1 if quick else BLOCK_EPOCHS, seed, device)
    bits = stories.bits_per_character(model, read.test, read.language, read.unit, read.vocabulary)
    return found | {"bits_per_character": bits}


def _block(quick, device):
    runs = [(name, 0) for name in BLOCKS] + [(name, 1) for name in TWICE if not quick]
    return [
        (
            f"transformer block {name} {seed}",
            {
                "model": name, "shape": SHAPE | BLOCKS[name][1], "seed": seed, "epochs": BLOCK_EPOCHS, "lr": LR,
                "batch": BATCH, "sentences": SENTENCES, "tested": TESTED, "device": device,
            },
            partial(learn_block, name, seed, quick, device),
        )
        for name, seed in runs
    ]  # fmt: skip


# --- two translators ---

RECORDS, PAIRS = 80_000, 64  # to learn from, and in a batch
BUDGET = 360  # seconds of processor time
STEPS = 6000  # of the second comparison
ARMS = {
    "attention": attending.RECIPES["ko-en-attention"],
    "Transformer": transforming.RECIPES["ko-en-transformer"],
}


def _made(arm):
    """What a recipe of the package trains with, which its ``train`` knows and does not tell."""
    return inspect.getclosurevars(ARMS[arm].train).nonlocals


def recipe(arm):
    """Shape and learning rate of an arm, as the translator of the package has them."""
    shape = dict(_made(arm)["options"])
    lr = shape.pop("lr", inspect.signature(translation.learn).parameters["lr"].default)
    return {"shape": {name: value for name, value in shape.items() if name not in ("epochs", "batch")}, "lr": lr}


@contextmanager
def one_thread():
    """Processor time is compared, and threads that wait for each other would be counted."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@cache
def _pairs(quick):
    records = translation.training_records(500 if quick else RECORDS)
    return records, translation.pairs("ko-en", records)


def translator(arm, seed, quick=False):
    """An untrained translator, and its batches as ``fit`` asks for them, the same for both arms."""
    made, (records, pairs) = _made(arm), _pairs(quick)
    settings = made["settings_for"]("ko-en", records, **recipe(arm)["shape"])
    with seeded(seed):
        system = made["build"](settings)
    return system, system.shuffled(system.encode(pairs), PAIRS, seed)


@cache
def speed(quick=False, device="cpu", rounds=5, steps=60):
    """Steps in a second of processor time, of each arm: both in turns, on the same batches, the start not counted.

    What is timed is a whole step of ``fit``, from one batch that it asks for to the next.
    """
    if quick:
        rounds, steps = 1, 6
    systems = {arm: translator(arm, 0, quick) for arm in ARMS}
    seconds = {arm: [] for arm in ARMS}

    def ticking(batches, epoch, ticks):
        for batch in batches(epoch):
            ticks.append(time.process_time())
            yield batch

    with one_thread():
        for number in range(rounds):
            for arm, (system, batches) in systems.items():
                ticks = []
                fit(
                    system.model, lambda epoch, n=number, b=batches, t=ticks: ticking(b, n + epoch, t), steps=steps,
                    lr=recipe(arm)["lr"], progress=False, device=device,
                )  # fmt: skip
                seconds[arm] += [later - earlier for earlier, later in pairwise(ticks[steps // 6 :])]
    return {"steps_per_second": {arm: len(each) / sum(each) for arm, each in seconds.items()}}


def learn_translator(arm, steps, seed, lr, quick=False, device="cpu"):
    """One translator trained for so many steps: what it took, and the shares of right wordings."""
    system, batches = translator(arm, seed, quick)
    with one_thread():
        train = partial(fit, system.model, batches, steps=steps, lr=lr, seed=seed, device=device, progress=False)
        found = self_attention.spent(system.model, train)
        splits = world.splits()
        for name in ("test", "unseen"):
            records = getattr(splits, name)[: 20 if quick else None]
            sources = translation.korean(records)
            right = [o in translation.wordings(r, "en") for o, r in zip(system(sources), records, strict=True)]
            rows = attention.by_length(map(len, sources), right)
            found[name] = {"sentences": len(right), "right": sum(right) / len(right), "by_length": rows}
    return found


def _speed(quick, device):
    settings = {"recipes": {arm: recipe(arm) for arm in ARMS}, "batch": PAIRS, "records": RECORDS, "device": device}
    return [("transformer speed", settings, partial(speed, quick, device))]


def _translation(quick, device):
    (measured,) = gather(_speed(quick, device), quick)
    equal = {arm: round(BUDGET * rate) for arm, rate in measured["steps_per_second"].items()}
    rates = {arm: recipe(arm)["lr"] for arm in ARMS}
    runs = [("time", arm, seed, equal[arm], rates[arm]) for seed in (0, 1) for arm in ARMS]
    runs += [("steps", arm, 0, STEPS, rates[arm]) for arm in ARMS if not math.isclose(equal[arm], STEPS, rel_tol=0.05)]
    # No arm may owe its place to the rate alone: each gets that of the other as well.
    other = dict(zip(ARMS, reversed(rates.values()), strict=True))
    runs += [("time", arm, 0, equal[arm], other[arm]) for arm in ARMS if other[arm] != rates[arm]]
    return [
        (
            f"transformer translation {arm} {equally} {seed} {lr:g}",
            {
                "model": arm, "equal": equally, "steps": steps, "seed": seed, "shape": recipe(arm)["shape"], "lr": lr,
                "batch": PAIRS, "records": RECORDS, "device": device,
            } | ({"budget": BUDGET} if equally == "time" else {}),
            partial(learn_translator, arm, 20 if quick else steps, seed, lr, quick, device),
        )
        for equally, arm, seed, steps, lr in (runs[: len(ARMS)] if quick else runs)
    ]  # fmt: skip


TRAININGS = {"block": _block, "speed": _speed, "translation": _translation}


def fill(part, share=(0, 1), threads=1, device="cpu"):
    """Do the trainings of a part, so that :func:`run` finds them in the cache.

    Args:
        part: ``"block"``, ``"speed"`` or ``"translation"``, which needs ``"speed"`` and does it where it is missing; to
            share it between processes, let one do ``"speed"`` before.
        share: (which, of how many): one process of several does every so manieth training.
        threads: of torch; the translators always have one.
        device: where to compute.
    """
    if part not in TRAININGS:
        raise ValueError(f"there are no trainings {part!r}; there are {', '.join(map(repr, TRAININGS))}")
    torch.set_num_threads(threads)
    gather(TRAININGS[part](False, device), share=share)


def run(options=None) -> dict:
    """Measure, and return what ``benchmarks/results/transformer.json`` keeps."""
    quick = getattr(options, "quick", False)
    device = getattr(options, "device", None) or "cpu"
    return {part: gather(jobs(quick, device), quick) for part, jobs in TRAININGS.items()}


def report(result):
    """The tables as text."""
    rows = [
        [
            r["settings"]["model"], r["settings"]["seed"], f"{r['parameters']:,}", f"{r['cpu_seconds']:.0f}",
            "" if r["loss"] is None else f"{r['loss']:.3f}", f"{r['bits_per_character']:.3f}",
        ]
        for r in result["block"]
    ]  # fmt: skip
    parts = [table(["block", "seed", "parameters", "CPU s", "training loss", "bits per character"], rows)]
    rows = [
        [
            *(r["settings"][name] for name in ("model", "equal", "lr", "seed")), f"{r['parameters']:,}", r["steps"],
            f"{r['cpu_seconds']:.0f}", f"{r['test']['right']:.1%}", f"{r['unseen']['right']:.1%}",
        ]
        for r in result["translation"]
    ]  # fmt: skip
    head = ["translator", "equal", "lr", "seed", "parameters", "steps", "CPU s", "right wordings", "unseen"]
    parts.append(table(head, rows))
    return "\n\n".join(parts)
