"""Attention against recurrence: how long both take, what each part of the first is good for, and how well they predict.

    python -m benchmarks self_attention

Two parts. ``lengths``: a layer that looks against a layer that remembers, forward and backward, from short texts to
long ones. ``breaks``: the language model of chapter 07 complete, and with one part of it broken at a time. How it
predicts beside the other chapters' models is in :mod:`benchmarks.scoreboard`.

The first is measured each time (``b.layers()`` gives it alone). The second are trainings, about as long as the
chapter's own. Each is kept in the cache as soon as it is done, and an interrupted benchmark goes on where it stopped.
They can be made before, and shared between processes, here two, of which this is the first::

    python -c "from benchmarks import self_attention as b; b.fill('breaks', share=(0, 2))"
"""

import math
import time
from functools import cache, partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks import clock, kept, table
from lmcourse import device as choose_device
from lmcourse import stories, text, world
from lmcourse.language_model import IGNORE, evaluating
from lmcourse.rnn import RNN
from lmcourse.self_attention import AttentionLM, SelfAttention
from lmcourse.tasks import seeded
from lmcourse.training import fit

PEER = "F.scaled_dot_product_attention"
WIDTH, TOKENS, LENGTHS = 128, 4096, (16, 32, 64, 128, 256, 512, 1024, 2048)  # of the layers, in a batch, of a text

SENTENCES, TESTED, SAMPLE = 20_000, 4_000, 400  # to learn from, to be tested on, and to be read prefix by prefix
SEEDS = (0, 1)  # of the broken models
BATCH, LR = 16, 4e-3  # stories in a batch, and the learning rate of all models that look

SHAPE = {"width": 128, "layers": 3, "positions": "rotary", "dropout": 0.1}
BREAKS = {
    "complete": {},
    "without scale": {"scale": 1.0},
    "without mask": {"causal": False},
    "without positions": {"positions": None},
    "sinusoidal": {"positions": "sinusoidal"},
    "learned": {"positions": "learned", "longest": 256},
    "one layer": {"layers": 1},
}
BREAK_EPOCHS = 8


# --- how long a layer takes ---


class Peer(nn.Module):
    """Self-attention as it is written for speed: of one head, since there is a fused kernel for heads alone."""

    def __init__(self, width):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width, bias=False) for _ in range(3))

    def forward(self, x):
        query, key, value = (part(x)[:, None] for part in (self.query, self.key, self.value))  # (B, 1, T, D)
        return F.scaled_dot_product_attention(query, key, value, is_causal=True)[:, 0]


def timed(actions, rival, repeats):
    """The times of actions, each once more before, and how many times the rival's they are: below 1 is faster."""
    for action in actions.values():
        action()
    times = clock(repeats, actions)
    for row in times.values():
        row["ratio"] = row["seconds"] / times[rival]["seconds"]
    return times


def same(one, other):
    """Raise an error where two ways gave different numbers; a GPU multiplies with fewer digits."""
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5 if one.device.type == "cpu" else 1e-2)


def chain(tensor):
    """How many operations wait for one another, at the most, from what a tensor was made of to the tensor.

    An operation is one that autograd knows, so that a fused kernel counts as one whatever goes on in it.
    """
    depth, stack = {}, [tensor.grad_fn]
    while stack:
        below = [node for node, _ in stack[-1].next_functions if node is not None]
        if waiting := [node for node in below if node not in depth]:
            stack += waiting
        else:
            node = stack.pop()
            depth[node] = 1 + max((depth[one] for one in below), default=0)
    return depth[tensor.grad_fn]


def held(forward):
    """Bytes that a forward pass keeps for the way back, each piece of memory counted once."""
    found = {}

    def pack(tensor):
        if tensor.layout == torch.strided:  # and not in a form of its own of some kernel
            found[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = forward()  # as long as it lives, so does all that it keeps, and no address is used twice
        total = sum(found.values())
        del output
    return total


def layers(quick=False, device="cpu"):
    """Forward and backward through a layer that remembers and one that looks, neither of which sees the future.

    Once so many stories that the tokens are as many at every length, and once a single one.
    """
    device, width, repeats = choose_device(device), 16 if quick else WIDTH, 1 if quick else 7
    lengths, tokens = ((8, 32), 64) if quick else (LENGTHS, TOKENS)
    with seeded(0):
        lstm, peer = nn.LSTM(width, width, batch_first=True), Peer(width)
        models = {
            "LSTM, loop": RNN(width, width, "lstm"), "LSTM, fused": RNN(width, width, "lstm", fused=True),
            "nn.LSTM": lstm, "attention, readable": SelfAttention(width, fused=False),
            "attention, fused": SelfAttention(width), PEER: peer,
        }  # fmt: skip
    for name, model in models.items():
        model.load_state_dict((lstm if "LSTM" in name else peer).state_dict())
        model.to(device)
    rows = []
    for B, T in [(tokens // T, T) for T in lengths] + [(1, T) for T in lengths]:
        draw = torch.Generator().manual_seed(T)
        x, weight = (torch.randn(B, T, width, generator=draw).to(device) for _ in range(2))
        x.requires_grad_()

        def forward(name, x=x):
            model = models[name]
            found = model(x, causal=True) if isinstance(model, SelfAttention) else model(x)
            return found if isinstance(model, Peer) else found[0]

        def once(name, x=x, weight=weight, forward=forward):
            models[name].zero_grad()
            x.grad = None
            (forward(name) * weight).sum().backward()

        outputs = {name: forward(name) for name in models}
        for name, output in outputs.items():
            same(output, outputs["nn.LSTM" if "LSTM" in name else PEER])
        chains = {name: chain(output) for name, output in outputs.items()}
        del outputs
        times = timed({name: partial(once, name) for name in models}, "LSTM, fused", repeats)
        for name, row in times.items():
            row["sequential"] = T if "LSTM" in name else 1  # steps, each of which needs the one before
            row["chain"], row["held_bytes"] = chains[name], held(partial(forward, name))
        rows.append({"B": B, "T": T, "D": width, "scores": T * T, "score_bytes": 4 * B * T * T, "ways": times})
        print(
            f"B {B} T {T}", " ".join(f"{name} {1000 * t['seconds']:.1f} ms;" for name, t in times.items()), flush=True
        )
    return rows


# --- the text, and trainings that are kept ---


class Words(NamedTuple):
    """A text of the world, cut into pieces.

    Args:
        language, unit: as for :func:`lmcourse.stories.pieces`.
        train, test: records.
        vocabulary: of the training text.
    """

    language: str
    unit: str
    train: list
    test: list
    vocabulary: text.Vocabulary

    def told(self, records):
        """The stories of records, as ids."""
        return stories.stories(records, self.language, self.unit, self.vocabulary)

    def pieces(self, records):
        """The pieces of each record."""
        return [stories.pieces(record, self.language, self.unit) for record in records]

    def characters(self, records):
        """How long the sentences are together."""
        return sum(len(getattr(record, self.language)) for record in records)


@cache
def _records(sentences, quick):
    return world.generate(400 if quick else sentences, seed=0), world.generate(80 if quick else TESTED, seed=1)


@cache
def words(language, unit, quick=False, sentences=SENTENCES):
    """The :class:`Words` that chapters 01 and 02 have as well, or more or fewer of the same kind."""
    train, test = _records(sentences, quick)
    vocabulary = text.Vocabulary.count([stories.pieces(record, language, unit) for record in train])
    return Words(language, unit, train, test, vocabulary)


def learn(model, read, epochs, seed, device="cpu"):
    """Train a model that looks on whole stories, and say what it took: a dict.

    A model that sees the future is not shown the padding, which would tell it where a story ends.
    """
    told, blind = read.told(read.train), getattr(model, "causal", True)

    def batches(epoch):
        for batch in stories.batches(told, BATCH, seed=1_000_003 * seed + epoch):
            yield batch if blind else batch | {"mask": batch["targets"] != IGNORE}

    return spent(model, partial(fit, model, batches, epochs=epochs, lr=LR, seed=seed, device=device, progress=False))


def spent(model, train):
    """What a training gave and took: parameters, steps, processor time, the loss of each epoch (nats a token).

    The last ``loss`` is the mean of the last 100 steps. Where the training broke off, ``diverged`` says how.
    """
    start, history, found = time.process_time(), [], {}
    try:
        history = train()
    except FloatingPointError as error:
        found["diverged"] = str(error)
    by_epoch = {}
    for entry in history:
        by_epoch.setdefault(entry["epoch"], []).append(entry["loss"])
    last = [entry["loss"] for entry in history[-100:]]
    model.eval()
    return found | {
        "parameters": sum(p.numel() for p in model.parameters()), "steps": len(history),
        "cpu_seconds": time.process_time() - start, "threads": torch.get_num_threads(),
        "loss": sum(last) / len(last) if last else None,
        "loss_by_epoch": [sum(losses) / len(losses) for losses in by_epoch.values()],
    }  # fmt: skip


def gather(jobs, quick=False, share=(0, 1)):
    """Do the jobs (name, settings, measure), or take them from the cache; ``share`` is (which, of how many)."""
    found = []
    for name, settings, measure in jobs[share[0] :: share[1]]:
        found.append({"settings": settings} | measure() if quick else kept(name, settings, measure))
        shown = {key: value for key, value in found[-1].items() if isinstance(value, float | int)}
        print(name, " ".join(f"{key} {value:.4g}" for key, value in shown.items()), flush=True)
    return found


# --- one part broken at a time ---


@torch.no_grad()
def honest_bits(model, read, sentences):
    """Bits per character of a model that is shown nothing but what comes before: each piece by a text that ends there.

    Args:
        model: a language model, blind to the future or not.
        read: :class:`Words`.
        sentences: of the test text, so many from the beginning.
    """
    device = next(model.parameters()).device
    told = read.told(read.test[:sentences])
    asked = sorted(((story[:t], story[t]) for story in told for t in range(1, len(story))), key=lambda one: len(one[0]))
    bits = stories.UNKNOWN * sum(story.count(read.vocabulary["<unk>"]) for story in told)
    with evaluating(model):
        for some in text.batches(asked, 128):
            ids, mask = text.pad([before for before, _ in some])
            logits = model(ids.to(device), mask=mask.to(device)).logits  # (B, T, V)
            last = logits[range(len(some)), mask.sum(1) - 1].log_softmax(1).cpu()  # (B, V)
            bits -= last[range(len(some)), [following for _, following in some]].double().sum().item() / math.log(2)
    return bits / read.characters(read.test[:sentences])


def broken(changes, seed, quick=False, device="cpu"):
    """One model of chapter 07 with changes: what its training took, and its bits per character.

    ``bits_per_character`` are those of a model that is shown whole stories, as in training; ``honest`` are those of the
    same model on a sample where it is shown prefixes only, and ``sample`` those of whole stories on the same sample.
    """
    read = words("en", "word", quick)
    with seeded(seed):
        model = AttentionLM(len(read.vocabulary), **SHAPE | changes)
    found = learn(model, read, 1 if quick else BREAK_EPOCHS, seed, device)
    sentences = 8 if quick else SAMPLE
    bits = partial(
        stories.bits_per_character, model, language=read.language, unit=read.unit, vocabulary=read.vocabulary
    )
    return found | {
        "bits_per_character": bits(read.test), "sample": bits(read.test[:sentences]),
        "honest": honest_bits(model, read, sentences),
    }  # fmt: skip


def _breaks(quick, device):
    return [
        (
            f"self_attention breaks {name} {seed}",
            {
                "model": name, "shape": SHAPE | changes, "seed": seed, "epochs": BREAK_EPOCHS, "lr": LR, "batch": BATCH,
                "sentences": SENTENCES, "tested": TESTED, "sample": SAMPLE, "device": device,
            },
            partial(broken, changes, seed, quick, device),
        )
        for seed in SEEDS[: 1 if quick else None]
        for name, changes in BREAKS.items()
    ]  # fmt: skip


PARTS = {"breaks": _breaks}


def fill(part, share=(0, 1), threads=1, device="cpu", parts=PARTS):
    """Do the trainings of a part, so that :func:`run` finds them in the cache.

    Args:
        part: ``"breaks"``.
        share: (which, of how many): one process of several does every so manieth training.
        threads: of torch.
        device: where to compute.
        parts: functions from (quick, device) to jobs, by name; those of another benchmark, say.
    """
    if part not in parts:
        raise ValueError(f"there are no trainings {part!r}; there are {', '.join(map(repr, parts))}")
    torch.set_num_threads(threads)
    gather(parts[part](False, device), share=share)


def run(options=None) -> dict:
    """Measure, and return what ``benchmarks/results/self_attention.json`` keeps."""
    quick = getattr(options, "quick", False)
    device = getattr(options, "device", None) or "cpu"
    lengths = layers(quick, device)
    return {"lengths": lengths} | {part: gather(jobs(quick, device), quick) for part, jobs in PARTS.items()}


def report(result):
    """The tables as text."""
    ways = list(result["lengths"][0]["ways"])
    rows = [
        [r["B"], r["T"], *(f"{1000 * t['seconds']:.1f} ({t['ratio']:.2f})" for t in r["ways"].values())]
        for r in result["lengths"]
    ]
    parts = [table(["B", "T", *(f"{way}, ms" for way in ways)], rows)]
    rows = [
        [
            r["settings"]["model"], r["settings"]["seed"], f"{r['parameters']:,}", f"{r['cpu_seconds']:.0f}",
            "" if r["loss"] is None else f"{r['loss']:.3f}", f"{r['bits_per_character']:.3f}", f"{r['honest']:.3f}",
        ]
        for r in result["breaks"]
    ]  # fmt: skip
    head = ["model", "seed", "parameters", "CPU s", "training loss", "bits per character", "shown prefixes only"]
    parts.append(table(head, rows))
    return "\n\n".join(parts)
