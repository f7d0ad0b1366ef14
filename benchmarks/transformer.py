"""The Transformer: speed against ``torch.nn``, what each part of a block is good for, and a translator against another.

    python -m benchmarks transformer

Five parts. ``layer``: a layer of ours against ``nn.TransformerEncoderLayer`` with the same weights. ``heads``: all of
them as one product against a loop over them. ``generation``: writing with the keys and values kept, and without.
``block``: a language model complete, and with one part of its blocks left out. ``translation``: the translator of
chapter 06 against that of chapter 08, in the shapes that come with the package, about equal in parameters, for the same
processor time.

The first three are measured each time (``b.layers()``, ``b.heads()`` and ``b.generation()`` give them alone). The last
two are trainings. Each is kept in the cache as soon as it is done, and an interrupted benchmark goes on where
it stopped. They can be made before, one part at a time, and shared between processes. How fast the translators learn is
measured first, since their steps follow from it, and by one process::

    python -c "from benchmarks import transformer as b; b.fill('block')"
    python -c "from benchmarks import transformer as b; b.fill('speed')"
    python -c "from benchmarks import transformer as b; b.fill('translation', share=(0, 2))"
"""

import time
from contextlib import contextmanager
from functools import cache, partial
from itertools import pairwise

import torch
from torch import nn

from benchmarks import attention, clock, scoreboard, self_attention, table
from benchmarks.self_attention import BATCH, LR, SENTENCES, TESTED, gather, same, timed, words
from lmcourse import attending, stories, transforming, translation, world
from lmcourse import device as choose_device
from lmcourse.language_model import generate
from lmcourse.self_attention import attend, padding_mask
from lmcourse.tasks import seeded
from lmcourse.training import fit
from lmcourse.transformer import CausalLM, EncoderLayer, MultiHeadAttention

# --- a layer ---

SEEDS = (0, 1)  # the second for what TWICE names, and for the translators
SHAPES = [(32, 128, 256, 4, 1024), (8, 512, 256, 4, 1024), (64, 16, 64, 4, 256)]  # B, T, D, H, F
LAYER = "nn.TransformerEncoderLayer"


def _compiled(layer, once):
    """The layer compiled, or why it could not be: ``once`` has it compute."""
    layer = torch.compile(layer, dynamic=False)
    try:
        once(layer)
    except Exception as error:  # whatever a missing or broken compiler leads to
        return None, f"{type(error).__name__}: {error}".strip().splitlines()[0]
    return layer, None


def layer(shape, mask, norm_first, training, device, repeats=7, compiled=False):
    """Our layer, fused and readable, against torch's with the same weights, without dropout: a row.

    Args:
        shape: B, T, D, H and F, the width between.
        mask: ``None``, ``"padding"`` (lengths from 1 to T), or ``"causal"``.
        norm_first: where the normalisation stands.
        training: forward and backward; otherwise forward in evaluation mode, where torch's has a way of its own.
        device: where to compute.
        repeats: as for :func:`benchmarks.clock`.
        compiled: whether ``torch.compile`` is tried on ours as well.
    """
    B, T, D, H, hidden = shape
    draw = torch.Generator().manual_seed(0)
    x, weight = (torch.randn(B, T, D, generator=draw).to(device) for _ in range(2))
    real = torch.arange(T) < torch.randint(1, T + 1, (B, 1), generator=draw)  # (B, T)
    real = (real if mask == "padding" else torch.ones_like(real)).to(device)
    x.requires_grad_(training)
    with seeded(0):
        rival = nn.TransformerEncoderLayer(D, H, hidden, 0.0, batch_first=True, norm_first=norm_first)
    ways = {LAYER: rival} | {
        name: EncoderLayer(D, H, hidden, norm_first=norm_first, fused=name == "fused") for name in ("fused", "readable")
    }
    for model in ways.values():
        model.load_state_dict(rival.state_dict())
        model.to(device).train(training)
    hidden_keys = ~real if mask == "padding" else None
    future = torch.ones(T, T, dtype=torch.bool, device=device).triu(1) if mask == "causal" else None
    seen = padding_mask(real) if mask == "padding" else None

    def forward(model):
        if model is rival:
            return rival(x, future, hidden_keys, is_causal=mask == "causal")
        return model(x, seen, causal=mask == "causal")[0]

    def once(model):
        with torch.set_grad_enabled(training):
            output = forward(model)
            if training:
                model.zero_grad()
                x.grad = None
                (output * weight)[real].sum().backward()
        return output.detach()

    outputs, gradients, why = {}, {}, None
    if compiled:
        made, why = _compiled(ways["fused"], once)
        ways |= {} if made is None else {"fused, compiled": made}
    for name, model in ways.items():
        outputs[name] = once(model)[real]
        gradients[name] = x.grad
        same(outputs[name], outputs[LAYER])
        if training:  # as a whole, since a ReLU at 0 may open in one way and not in the other, by rounding
            apart = (gradients[name] - gradients[LAYER]).norm() / gradients[LAYER].norm()
            assert apart < (1e-3 if device.type == "cpu" else 1e-2), f"{name}: gradients are {apart:.2g} apart"
    times = timed({name: partial(once, model) for name, model in ways.items()}, LAYER, repeats)
    found = {
        "B": B, "T": T, "D": D, "H": H, "F": hidden, "mask": mask, "norm_first": norm_first,
        "pass": "forward and backward" if training else "forward", "ways": times,
    }  # fmt: skip
    print(*list(found.values())[:-1], {name: f"{t['ratio']:.2f}" for name, t in times.items()}, flush=True)
    return found | ({"not_compiled": why} if why else {})


def layers(quick=False, device="cpu"):
    """All rows of :func:`layer`."""
    device, repeats = choose_device(device), 1 if quick else 7
    rows = []
    for shape in [(4, 8, 16, 2, 32)] if quick else SHAPES:
        for training in (True, False):
            for mask in (None, "padding", "causal"):
                for norm_first in (True, False):
                    compiled = not quick and training and mask is None and norm_first
                    rows.append(layer(shape, mask, norm_first, training, device, repeats, compiled))
    return rows


# --- heads ---


class LoopedHeads(nn.Module):
    """The heads of a ``MultiHeadAttention`` one after the other, each with its own matrices, as in chapter 07."""

    def __init__(self, together):
        super().__init__()
        width, self.out_proj = together.out_proj.in_features, nn.Linear(*together.out_proj.weight.shape)
        size = width // together.heads
        self.heads = nn.ModuleList(
            nn.ModuleList(nn.Linear(width, size) for _ in range(3)) for _ in range(together.heads)
        )
        with torch.no_grad():
            self.out_proj.load_state_dict(together.out_proj.state_dict())
            weights = together.in_proj_weight.unflatten(0, (3, together.heads, size))  # (3, H, K, D)
            biases = together.in_proj_bias.unflatten(0, (3, together.heads, size))
            for h, head in enumerate(self.heads):
                for n, part in enumerate(head):
                    part.weight.copy_(weights[n, h])
                    part.bias.copy_(biases[n, h])

    def forward(self, x):
        looked = [attend(*(part(x) for part in head), fused=True)[0] for head in self.heads]
        return self.out_proj(torch.cat(looked, 2)), None  # (B, T, D)


def heads(quick=False, device="cpu"):
    """H heads of the same total width, forward and backward: as one product, in a loop, and by torch."""
    device, repeats = choose_device(device), 1 if quick else 7
    B, T, D = (4, 8, 16) if quick else (32, 128, 256)
    draw = torch.Generator().manual_seed(0)
    x, weight = (torch.randn(B, T, D, generator=draw).to(device) for _ in range(2))
    x.requires_grad_()
    rows = []
    for H in (1, 2, 4, 8, 16):
        with seeded(0):
            together = MultiHeadAttention(D, H)
        peer = nn.MultiheadAttention(D, H, batch_first=True)
        peer.load_state_dict(together.state_dict())
        ways = {"one product": together, "loop": LoopedHeads(together), "nn.MultiheadAttention": peer}

        def once(model, peer=peer):
            model.zero_grad()
            x.grad = None
            output = (model(x, x, x, need_weights=False) if model is peer else model(x))[0]
            (output * weight).sum().backward()
            return output.detach()

        for model in ways.values():
            same(once(model.to(device)), once(together.to(device)))
        times = timed({name: partial(once, model) for name, model in ways.items()}, "one product", repeats)
        rows.append({"B": B, "T": T, "D": D, "H": H, "ways": times})
        print("heads", H, {name: f"{t['ratio']:.2f}" for name, t in times.items()}, flush=True)
    return rows


# --- writing ---


class Forgetful(nn.Module):
    """A model that keeps nothing, so that it has to be shown the whole text again at every step."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids, state=None):
        return self.model(ids)._replace(state=None)


def generation(quick=False, device="cpu"):
    """Writing N tokens, always the likeliest, with the keys and values of those before kept, and without."""
    B, lengths = (2, (4, 8)) if quick else (8, (32, 64, 128, 256, 512))
    shape = {"width": 16, "heads": 2, "hidden": 32, "layers": 2} if quick else {"width": 128, "heads": 4, "layers": 4}
    with seeded(0):
        model = CausalLM(1000, **shape).to(choose_device(device))
    begin = torch.randint(1000, (B, 1), generator=torch.Generator().manual_seed(0))
    ways, rows = {"kept": model, "shown again": Forgetful(model)}, []
    for N in lengths:
        written = {}

        def write(name, N=N, written=written):
            written[name] = generate(ways[name], begin, N, temperature=0)

        times = clock(max(2, 256 // N), {name: partial(write, name) for name in ways})
        assert torch.equal(*written.values())
        ratio = times["shown again"]["seconds"] / times["kept"]["seconds"]
        rows.append({"B": B, "N": N, **shape, "ways": times, "ratio": ratio})
        print(f"writing {N} tokens: {ratio:.1f} times as long without what was kept", flush=True)
    return rows


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


SHAPE = scoreboard.MODELS["Transformer"][1]
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
BUDGET = 300  # seconds of processor time
ARMS = {  # how each is built, its settings, and its shape
    "attention": (attending.attending(translation.build), translation.settings_for, attending.PAGE),
    "Transformer": (transforming.build, transforming.settings_for, transforming.PAGE),
}
TRANSLATOR_LR = 6e-3  # of both: after 1,500 steps about as good as 1e-2 for both of them, and better than 4e-3


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


@cache
def _tested(quick):
    return world.splits(500, 20) if quick else world.splits()


@cache
def _settings(arm, quick):
    _, settings_for, shape = ARMS[arm]
    return settings_for("ko-en", _pairs(quick)[0], **shape)


def translator(arm, seed, quick=False):
    """An untrained translator, and its batches as ``fit`` asks for them, the same for both arms."""
    with seeded(seed):
        system = ARMS[arm][0](_settings(arm, quick))
    return system, system.shuffled(system.encode(_pairs(quick)[1]), PAIRS, seed)


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
                    lr=TRANSLATOR_LR, progress=False, device=device,
                )  # fmt: skip
                seconds[arm] += [later - earlier for earlier, later in pairwise(ticks[steps // 6 :])]
    return {"steps_per_second": {arm: len(each) / sum(each) for arm, each in seconds.items()}}


def learn_translator(arm, steps, seed, quick=False, device="cpu"):
    """One translator trained for so many steps: what it took, and the shares of right wordings."""
    system, batches = translator(arm, seed, quick)
    with one_thread():
        train = partial(
            fit, system.model, batches, steps=steps, lr=TRANSLATOR_LR, seed=seed, device=device, progress=False
        )
        found = self_attention.spent(system.model, train)
        for name in ("test", "unseen"):
            records = getattr(_tested(quick), name)
            sources = translation.korean(records)
            right = [o in translation.wordings(r, "en") for o, r in zip(system(sources), records, strict=True)]
            rows = attention.by_length(map(len, sources), right)
            found[name] = {"sentences": len(right), "right": sum(right) / len(right), "by_length": rows}
    return found


def _speed(quick, device):
    shapes = {arm: shape for arm, (_, _, shape) in ARMS.items()}
    settings = {"shapes": shapes, "lr": TRANSLATOR_LR, "batch": PAIRS, "records": RECORDS, "device": device}
    return [("transformer speed", settings, partial(speed, quick, device))]


def _translation(quick, device):
    (measured,) = gather(_speed(quick, device), quick)
    steps = {arm: round(BUDGET * rate) for arm, rate in measured["steps_per_second"].items()}
    return [
        (
            f"transformer translation {arm} {seed}",
            {
                "model": arm, "budget": BUDGET, "steps": steps[arm], "seed": seed, "shape": ARMS[arm][2],
                "lr": TRANSLATOR_LR, "batch": PAIRS, "records": RECORDS, "device": device,
            },
            partial(learn_translator, arm, 20 if quick else steps[arm], seed, quick, device),
        )
        for seed in ((0,) if quick else (0, 1))
        for arm in ARMS
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
    self_attention.fill(part, share, threads, device, TRAININGS)


def run(options=None) -> dict:
    """Measure, and return what ``benchmarks/results/transformer.json`` keeps."""
    quick = getattr(options, "quick", False)
    device = getattr(options, "device", None) or "cpu"
    found = {"layer": layers(quick, device), "heads": heads(quick, device), "generation": generation(quick, device)}
    return found | {part: gather(jobs(quick, device), quick) for part, jobs in TRAININGS.items()}


def report(result):
    """The tables as text."""

    def cells(ways, names):
        return [
            f"{1000 * ways[name]['seconds']:.1f} ({ways[name]['ratio']:.2f})" if name in ways else "" for name in names
        ]

    names = [LAYER, "fused", "readable", "fused, compiled"]
    rows = [
        [
            *(r[key] for key in "BTDHF"), r["mask"] or "", "before" if r["norm_first"] else "behind", r["pass"],
            *cells(r["ways"], names),
        ]
        for r in result["layer"]
    ]  # fmt: skip
    parts = [table([*"BTDHF", "mask", "norm", "pass", *(f"{name}, ms" for name in names)], rows)]
    names = ["one product", "loop", "nn.MultiheadAttention"]
    rows = [[r["H"], *cells(r["ways"], names)] for r in result["heads"]]
    parts.append(table(["heads", *(f"{name}, ms" for name in names)], rows))
    rows = [
        [r["N"], *(f"{t['seconds']:.2f}" for t in r["ways"].values()), f"{r['ratio']:.1f}"]
        for r in result["generation"]
    ]
    parts.append(table(["tokens written", "kept, s", "shown again, s", "ratio"], rows))
    rows = [
        [
            r["settings"]["model"], r["settings"]["seed"], f"{r['parameters']:,}", f"{r['cpu_seconds']:.0f}",
            "" if r["loss"] is None else f"{r['loss']:.3f}", f"{r['bits_per_character']:.3f}",
        ]
        for r in result["block"]
    ]  # fmt: skip
    parts.append(table(["block", "seed", "parameters", "CPU s", "training loss", "bits per character"], rows))
    rows = [
        [
            *(r["settings"][name] for name in ("model", "lr", "seed")), f"{r['parameters']:,}", r["steps"],
            f"{r['cpu_seconds']:.0f}", f"{r['test']['right']:.1%}", f"{r['unseen']['right']:.1%}",
        ]
        for r in result["translation"]
    ]  # fmt: skip
    head = ["translator", "lr", "seed", "parameters", "steps", "CPU s", "right wordings", "unseen"]
    parts.append(table(head, rows))
    return "\n\n".join(parts)
