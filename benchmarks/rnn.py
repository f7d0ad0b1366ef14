"""Recurrent networks: speed against ``torch.nn``, and loss on real text beside n-grams and published figures.

    python -m benchmarks rnn

Speed: the loop of chapter 02 and the fused kernel against ``nn.LSTM``, ``nn.GRU`` and ``nn.RNN``, and a whole step
of a language model, forward and backward. Loss: tinyshakespeare by characters and the list of names, where
Kneser-Ney and our LSTM meet the same split. Training takes about half an hour of one core; it is kept in
the cache folder, and goes on there after an interruption, so that measuring again is quick. Needs the texts (see
the data page of the book).
"""

import json
import math
import random
import tempfile
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

import lmcourse
from benchmarks import CACHE, about, clock, table
from lmcourse import datasets, text
from lmcourse.language_model import log2probs
from lmcourse.ngram import AddK, KneserNey
from lmcourse.rnn import RNN, LanguageModel
from lmcourse.training import evaluate, fit

SEEDS = (0,)  # of our own draws; the split of the names has that of its source
TORCH = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
CHUNKS = (256, 512, 1024)
CHARACTERS = {"width": 512, "layers": 1, "dropout": 0.3, "tied": False}
NAMES = {"width": 256, "layers": 1, "dropout": 0.3, "tied": False}

# Published figures, in nats per character, on the same split. The note says so where a training was stopped at its
# best loss on the test text itself; none of ours was.
NANOGPT = "README of github.com/karpathy/nanoGPT"
LECTURES = "makemore_part5_cnn1.ipynb in github.com/karpathy/nn-zero-to-hero"
PUBLISHED = {
    "tinyshakespeare": [
        {
            "model": "Transformer, 6 layers, width 384",
            "nats": 1.4697,
            "source": NANOGPT,
            "note": "stopped at its best on the test",
        },
        {"model": "Transformer, 4 layers, width 128", "nats": 1.88, "source": NANOGPT, "note": "3 minutes on a CPU"},
    ],
    "names, 80/10/10": [
        {"model": "perceptron, 3 letters, 12,000 weights", "nats": 2.105, "source": LECTURES},
        {"model": "perceptron, 8 letters, 22,000 weights", "nats": 2.027, "source": LECTURES},
        {"model": "hierarchical, 8 letters, 76,000 weights", "nats": 1.993, "source": LECTURES},
    ],
    "names, last 1000": [
        {
            "model": "Transformer, 200,000 weights",
            "nats": 1.92,
            "source": "README of github.com/karpathy/makemore",
            "note": "about; stopped at its best on the test",
        },
    ],
}


def run(options):
    device = lmcourse.device(options.device)
    bench = Bench(device, options.quick)
    with tempfile.TemporaryDirectory() as folder:
        bench.folder = Path(folder) if options.quick else CACHE / "rnn"
        bench.folder.mkdir(parents=True, exist_ok=True)
        return {
            "device": str(device),
            "layer": bench.layers(),
            "step": bench.step(),
            "load_after_timing": about()["machine"]["load"],
            "texts": bench.characters() | bench.names(),
            "published": PUBLISHED,
        }


class Bench:
    """All measurements, on one device."""

    def __init__(self, device, quick):
        self.device, self.quick = device, quick
        self.shape = (4, 8, 16, 100) if quick else (32, 64, 256, 10_000)  # B, T, D, V
        self.repeats = 2 if quick else 20

    # Speed

    def timed(self, ways, rival):
        """Seconds of forward and backward, and how many times the rival's they are: below 1 is faster."""

        def once(model, loss):
            model.zero_grad()
            value = loss(model)
            value.backward()
            return value.item()

        actions = {name: lambda model=model, loss=loss: once(model, loss) for name, (model, loss) in ways.items()}
        values = {name: action() for name, action in actions.items()}
        times = clock(self.repeats, actions)
        for name, row in times.items():
            row["value"], row["ratio"] = values[name], row["seconds"] / times[rival]["seconds"]
            print(f"{name:>28} {1000 * row['seconds']:8.1f} ms {row['ratio']:6.2f}", flush=True)
        return times

    def layers(self):
        """Our two ways to run a layer against torch's, with the same weights."""
        B, T, D, _ = self.shape
        draw = torch.Generator().manual_seed(0)
        x, weight = (torch.randn(B, T, D, generator=draw).to(self.device) for _ in range(2))

        def loss(model):
            return (model(x)[0] * weight).sum()

        rows = {}
        for cell, cls in TORCH.items():
            rival = f"nn.{cls.__name__}"
            ways = {rival: cls(D, D, batch_first=True), "loop": RNN(D, D, cell), "fused": RNN(D, D, cell, fused=True)}
            for model in ways.values():
                model.load_state_dict(ways[rival].state_dict())
                model.to(self.device)
            rows[cell] = self.timed({name: (model, loss) for name, model in ways.items()}, rival)
        return {"B": B, "T": T, "D": D, "cells": rows}

    def step(self):
        """A language model's loss and gradients, against the usual way to write it."""
        B, T, D, V = self.shape
        draw = torch.Generator().manual_seed(0)
        ids, targets = (torch.randint(V, (B, T), generator=draw).to(self.device) for _ in range(2))
        usual = nn.ModuleList([nn.Embedding(V, D), nn.LSTM(D, D, batch_first=True), nn.Linear(D, V)])
        usual.to(self.device)

        def usual_loss(model):
            embedding, lstm, output = model
            return F.cross_entropy(output(lstm(embedding(ids))[0]).flatten(0, 1), targets.flatten())

        def own(fused, chunk):
            model = LanguageModel(V, D, tied=False, fused=fused, chunk=chunk)
            model.embedding.load_state_dict(usual[0].state_dict())
            model.rnn.load_state_dict(usual[1].state_dict())
            model.output.weight.data.copy_(usual[2].weight)
            model.bias.data.copy_(usual[2].bias)
            return model.to(self.device), lambda model: model(ids, targets).loss

        rival = "nn.LSTM + F.cross_entropy"
        ways = {rival: (usual, usual_loss), "fused, all logits": own(True, None)}
        ways |= {f"fused, {chunk} rows": own(True, chunk) for chunk in CHUNKS} | {"loop, 512 rows": own(False, 512)}
        return {"B": B, "T": T, "D": D, "V": V, "ways": self.timed(ways, rival)}

    # Loss

    def trained(self, name, model, batches, **options):
        """Train, or take what was trained before; how long it took is kept beside the checkpoint."""
        path = self.folder / f"{name}.safetensors"
        log = path.with_suffix(".json")
        spent = json.loads(log.read_text()) if log.exists() else {"minutes": 0.0, "processor_minutes": 0.0}
        start, cpu = time.monotonic(), time.process_time()
        try:
            history = fit(model, batches, checkpoint=path, device=self.device, progress=False, **options)
        finally:
            if time.monotonic() - start > 5 or not log.exists():
                spent["minutes"] += (time.monotonic() - start) / 60
                spent["processor_minutes"] += (time.process_time() - cpu) / 60
                log.write_text(json.dumps(spent))
        model.eval()
        size = sum(p.numel() for p in model.parameters())
        return spent | {"weights": size, "epochs": history[-1]["epoch"] + 1, "steps": len(history)} | options

    def characters(self):
        """tinyshakespeare as one stream: the first 90 % for training, the rest for testing."""
        whole = datasets.tinyshakespeare()[: 20_000 if self.quick else None]
        cut = int(0.9 * len(whole))
        learn, new = whole[:cut], whole[cut:]
        rows = []
        for order in (3,) if self.quick else (4, 5, 6, 7, 8, 10):
            pieces = [text.split(part, "character") for part in (learn, new)]
            model = KneserNey(order, self.device).fit(pieces[:1])
            bits = -model.log2probs(pieces[1:]).item()
            rows.append(row(f"Kneser-Ney, order {order}", bits * math.log(2) / len(new)))
        letters = text.Vocabulary(sorted(set(whole)), specials=())
        ids = torch.tensor(letters.encode(list(whole)))
        sizes = {"width": 16} if self.quick else CHARACTERS
        torch.manual_seed(0)
        model = LanguageModel(len(letters), **sizes)
        how = {"epochs": 1 if self.quick else 8, "lr": 4e-3, "carry": True}
        how = self.trained("tinyshakespeare", model, lambda epoch: text.windows(ids[:cut], 32, 64), **how)
        # One stream from the last letter of the training text on, so that each letter of the test is a target.
        graded = evaluate(model, text.windows(ids[cut - 1 :], 1, 1000), carry=True)
        assert graded["count"] == len(new)
        rows.append(row("LSTM", graded["loss"], how | sizes))
        return {"tinyshakespeare": {"train_characters": cut, "test_characters": len(new), "rows": rows}}

    def names(self):
        """The two splits of the list of names that figures were published for; the end of a name is a letter too."""
        names = datasets.names()[: 1000 if self.quick else None]
        mixed = list(names)
        random.Random(42).shuffle(mixed)
        lectures = mixed[: int(0.8 * len(names))], mixed[int(0.8 * len(names)) : int(0.9 * len(names))]
        order = torch.randperm(len(names), generator=torch.Generator().manual_seed(3407)).tolist()
        test = min(1000, len(names) // 10)
        program = [names[n] for n in order[:-test]], [names[n] for n in order[-test:]]
        return {
            "names, 80/10/10": self.of_names("names-lectures", *lectures),
            "names, last 1000": self.of_names("names-program", *program),
        }

    def of_names(self, key, learn, new):
        tokens = sum(map(len, new)) + len(new)
        learn, new = [[list(name) for name in part] for part in (learn, new)]
        models = {"bigram counts, add 1": AddK(2, 1, self.device)}
        models |= {
            f"Kneser-Ney, order {n}": KneserNey(n, self.device) for n in (range(2, 4) if self.quick else range(2, 9))
        }
        rows = []
        for name, model in models.items():
            bits = -model.fit(learn).log2probs(new).sum().item()
            rows.append(row(name, bits * math.log(2) / tokens))
        letters = text.Vocabulary(sorted({letter for name in learn for letter in name}), specials=(".",))
        learn, new = [[letters.encode(name) for name in part] for part in (learn, new)]  # "." is 0: begin and end

        def batches(epoch):
            made = []
            for some in text.batches(learn, 64, seed=epoch):
                ids, _ = text.pad([[0, *name] for name in some])
                targets, _ = text.pad([[*name, 0] for name in some], -100)
                made.append({"ids": ids, "targets": targets})  # what follows a name changes nothing before: no mask
            return made

        sizes = {"width": 16} if self.quick else NAMES
        torch.manual_seed(0)
        model = LanguageModel(len(letters), **sizes)
        how = self.trained(key, model, batches, epochs=1 if self.quick else 14, lr=3e-3)
        bits = -log2probs(model, new, bos=0, eos=0).sum().item()
        rows.append(row("LSTM", bits * math.log(2) / tokens, how | sizes))
        return {"train_names": len(learn), "test_names": len(new), "test_letters": tokens, "rows": rows}


def row(model, nats, how=None):
    print(f"{model:>28} {nats:.4f} nats", flush=True)
    return {"model": model, "nats": nats, "bits": nats / math.log(2)} | ({"training": how} if how else {})


def report(result):
    """The tables as text."""
    timed = [(cell, way, t) for cell, ways in result["layer"]["cells"].items() for way, t in ways.items()]
    timed += [("language model", way, t) for way, t in result["step"]["ways"].items()]
    rows = [
        (what, way, *(f"{1000 * t[key]:.1f}" for key in ("seconds", "median")), f"{t['ratio']:.2f}")
        for what, way, t in timed
    ]
    parts = [table(["forward and backward", "way", "ms", "median", "x"], rows)]
    rows = [
        (name, r["model"], f"{r['nats']:.4f}", f"{r['nats'] / math.log(2):.3f}", r.get("source", ""))
        for name, found in result["texts"].items()
        for r in [*found["rows"], *result["published"].get(name, [])]
    ]
    parts.append(table(["text", "model", "nats", "bits per character", "published in"], rows))
    return "\n\n".join(parts)
