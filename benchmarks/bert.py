"""BERT: speed against ``transformers`` with the same weights, and what it costs.

    python -m benchmarks bert --threads 2

Three parts. ``speed``: the encoder, and a step of masked words, at rows of full length and of mixed lengths. There
``transformers`` pads, and ours pads as well or packs several texts into a row; at masked words ``transformers`` makes
scores of the whole vocabulary at all places, and ours at the masked ones. ``cost``: what :mod:`lmcourse.bert_cost`
computes, beside what torch counts in a real run. ``gpu``: tokens per second of training in the shape of BERT base, in
bfloat16, compiled, and as a share of what products of large matrices reach; ``None`` without a GPU.
"""

import os
import tempfile
from functools import partial
from types import SimpleNamespace

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import Missing, clock, table
from benchmarks.self_attention import same, timed
from lmcourse import device as choose_device
from lmcourse.bert import BertConfig, BertForPreTraining
from lmcourse.bert_cost import PAPER, SHAPES, flops, gpu_hours, paper_flops, parameters
from lmcourse.language_model import IGNORE
from lmcourse.pretraining import mask_tokens, pack
from lmcourse.tasks import seeded

SEEDS = (0, 1)  # of weights and tokens; of gradients
SHAPE = BertConfig(30_522, width=256, layers=4, heads=4, hidden=1024, dropout=0.0)
TINY = BertConfig(60, width=16, layers=2, heads=2, hidden=24, longest=16, dropout=0.0)
B, T, SHORTEST = 32, 128, 16
SDPA, EAGER = "transformers, sdpa", "transformers, eager"
MARKS = SimpleNamespace(cls=1, sep=2, pad=0, mask=3)


def rival(config, attention="sdpa"):
    """``transformers``' BERT with a head for masked words, of the same shape, with weights of its own."""
    try:
        import transformers
    except ImportError:
        raise Missing('transformers, the rival: pip install "lmcourse[pretrained]"') from None
    about = transformers.BertConfig(**config.to_json(), attn_implementation=attention)
    return transformers.BertForMaskedLM(about)


def models(config, device="cpu"):
    """``transformers``' BERT with both kinds of its attention, and ours, all with the same weights: a dict."""
    with seeded(0):
        first = rival(config)
    second = rival(config, "eager")
    second.load_state_dict(first.state_dict())
    with tempfile.TemporaryDirectory() as folder:
        first.save_pretrained(folder)
        ours = BertForPreTraining.from_pretrained(folder)
    return {name: m.to(device).train() for name, m in {SDPA: first, EAGER: second, "ours": ours}.items()}


def texts(config, rows, length, shortest=None, device="cpu"):
    """The same texts twice, with the same tokens masked: a padded batch, and one in which they are packed into rows.

    Args:
        config: the shape of the model.
        rows: how many texts.
        length: of the longest of them.
        shortest: lengths are even between this and the longest; ``None`` makes all of them the longest.
        device: where they go.

    Returns:
        Two dicts with ``ids``, ``targets``, and ``mask`` or ``documents``.
    """
    draw = torch.Generator().manual_seed(0)
    lengths = torch.randint(length if shortest is None else shortest, length + 1, (rows,), generator=draw)
    lengths[0] = length
    words = [torch.randint(5, config.vocab_size, (n - 2,), generator=draw).tolist() for n in lengths.tolist()]
    packed = pack([(text, [], 0) for text in words], length, MARKS)
    ids, targets = mask_tokens(packed.ids, packed.may, config.vocab_size, MARKS.mask, draw)
    real = packed.documents > 0
    sizes = [int((row == n).sum()) for row in packed.documents for n in range(1, int(row.max()) + 1)]
    mask = torch.arange(length) < torch.tensor(sizes)[:, None]  # (B, T), the texts in the order of the packed rows
    padded = {
        "ids": torch.full(mask.shape, MARKS.pad).masked_scatter(mask, ids[real]),
        "targets": torch.full(mask.shape, IGNORE).masked_scatter(mask, targets[real]),
        "mask": mask,
    }
    return [
        {name: x.to(device) for name, x in batch.items()}
        for batch in (padded, {"ids": ids, "targets": targets, "documents": packed.documents})
    ]


def states(model, batch):
    """The last states of the real tokens, (N, D), one text after the other."""
    if isinstance(model, BertForPreTraining):
        real = batch["documents"] > 0 if "documents" in batch else batch["mask"]
        return model.bert(batch["ids"], batch.get("mask"), documents=batch.get("documents")).states[real]
    return model.bert(batch["ids"], batch["mask"].long()).last_hidden_state[batch["mask"]]


def loss(model, batch):
    """The mean loss at the masked words."""
    if isinstance(model, BertForPreTraining):
        return model(**batch).loss
    return model(batch["ids"], batch["mask"].long(), labels=batch["targets"]).loss


def speed(quick=False, repeats=5):
    """Each task, pass and kind of rows: the times of all ways, after a look whether their numbers are the same."""
    config, rows, length, shortest = (TINY, 4, 16, 4) if quick else (SHAPE, B, T, SHORTEST)
    found, made = [], models(config)
    for kind, least in (("full", None), ("mixed", shortest)):
        padded, packed = texts(config, rows, length, least)
        ways = {name: (model, padded) for name, model in made.items()}
        if least is not None:
            ways |= {"ours, packed": (made["ours"], packed)}
        tokens = int(padded["mask"].sum())
        for task, compute in (("encoder", states), ("masked words", loss)):
            for training in (False, True):

                def once(model, batch, compute=compute, training=training):
                    with torch.set_grad_enabled(training):
                        output = compute(model, batch)
                        if training:
                            model.zero_grad()
                            pulls = torch.randn(output.shape, generator=torch.Generator().manual_seed(1))
                            (output * pulls).mean().backward()  # squares behind a normalisation have no gradient
                    return output.detach()

                outputs, slopes = {}, {}
                for name, (model, batch) in ways.items():
                    outputs[name] = once(model, batch)
                    table_of_words = (
                        model.bert.words if model is made["ours"] else model.bert.embeddings.word_embeddings
                    )
                    slopes[name] = table_of_words.weight.grad.clone() if training else None
                    same(outputs[name], outputs[SDPA])
                    if training:
                        apart = (slopes[name] - slopes[SDPA]).norm() / slopes[SDPA].norm()
                        assert apart < 1e-3, f"{name}: gradients are {apart:.2g} apart"
                times = timed({name: partial(once, *way) for name, way in ways.items()}, SDPA, 1 if quick else repeats)
                for row in times.values():
                    row["median_ratio"] = row["median"] / times[SDPA]["median"]
                found.append({
                    "task": task, "pass": "forward and backward" if training else "forward", "rows": kind,
                    "B": rows, "T": length, "tokens": tokens, "filled": tokens / padded["mask"].numel(),
                    "packed_rows": len(packed["ids"]), "threads": torch.get_num_threads(),
                    "load": [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None,
                    "ways": times,
                })  # fmt: skip
                print(kind, task, training, {n: f"{t['ratio']:.2f}" for n, t in times.items()}, flush=True)
    return found


# --- what it costs ---


@torch.no_grad()
def counted(config, length, places):
    """The operations that torch counts while one row is read and so many of its tokens are guessed."""
    ids = torch.randint(5, config.vocab_size, (1, length), generator=torch.Generator().manual_seed(0))
    targets, follows = torch.full_like(ids, IGNORE), torch.full_like(ids, IGNORE)
    targets[0, :places], follows[0, 0] = ids[0, :places], 0
    model = BertForPreTraining(config, fused=False)  # torch does not count the fused attention of a CPU
    with FlopCounterMode(display=False) as counter:
        model(ids, targets, follows=follows)
    return counter.get_total_flops()


def cost(quick=False):
    """Parameters and operations of each shape, the operations beside those counted, and the run of the paper."""
    shapes, lengths = ({"tiny": TINY}, (8, 16)) if quick else (SHAPES, tuple(PAPER["lengths"]))
    rows = []
    for name, config in shapes.items():
        row = {"shape": name, "parameters": parameters(config), "lengths": []}
        for length in lengths:
            places = round(PAPER["masked"] * length)
            row["lengths"].append({
                "T": length, "per_token": flops(config, length, PAPER["masked"]), "masked": places,
                "row": length * sum(flops(config, length, places / length).values()),
                "counted": counted(config, length, places),
            })  # fmt: skip
        rows.append(row)
    total, hours = paper_flops(), PAPER["chips"] * PAPER["days"] * 24
    paper = {
        "flops": total, "chip_hours": hours, "flops_per_second_and_chip": total / hours / 3600,
        "gpu_hours": {str(rate): gpu_hours(total, rate, 1) for rate in (1e12, 1e13, 1e14, 4e14)},
    }  # fmt: skip
    return {"shapes": rows, "paper": paper}


# --- on a GPU ---


def products(device, size=8192, repeats=20):
    """Operations per second of a product of two large matrices in bfloat16."""
    one, two = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    one @ two
    times = clock(repeats, {"product": lambda: one @ two})
    return 2 * size**3 / times["product"]["seconds"]


def training(config, rows, length, shortest, device, repeats=20, compiled=True, size=8192):
    """Steps of training on masked words in bfloat16, each with its optimizer: real tokens per second of all ways.

    Args:
        config, rows, length, shortest: as for :func:`texts`.
        device: where to compute.
        repeats: steps that are timed.
        compiled: whether ``torch.compile`` is tried on all models as well.
        size: of the matrices of :func:`products`.

    Returns:
        A dict with a dict of ``ways``; ``share`` is the share of the rate of large products that a way reaches, by the
        operations which ours needs for these tokens, whatever else the way computes.
    """
    padded, packed = texts(config, rows, length, shortest, device)
    ways, steps = {}, {}
    for name, model in models(config, device).items():
        batch = packed if name == "ours" else padded
        ways[name] = model, batch
        if compiled:
            ways[f"{name}, compiled"] = torch.compile(model), batch
    for name, (model, batch) in ways.items():
        optimizer = torch.optim.AdamW(model.parameters(), 0.0, fused=device.type == "cuda")

        def step(model=model, batch=batch, optimizer=optimizer):
            with torch.autocast(device.type, torch.bfloat16):
                if "documents" in batch:
                    output = model(**batch)
                else:
                    output = model(batch["ids"], batch["mask"].long(), labels=batch["targets"])
            output.loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            return output.loss.detach()

        steps[name] = step
        for _ in range(3):  # compiles
            value = step()
        torch.testing.assert_close(value, steps[SDPA](), rtol=2e-2, atol=2e-2)
    times, peak = clock(repeats, steps), products(device, size)
    real, masked = padded["mask"].sum().item(), (padded["targets"] != IGNORE).sum().item()
    needed = sum(
        int(n) * sum(flops(config, int(n), masked / real, training=True).values()) for n in padded["mask"].sum(1)
    )
    for row in times.values():
        row["tokens_per_second"] = real / row["seconds"]
        row["share"] = needed / row["seconds"] / peak
    best = max(row["tokens_per_second"] for name, row in times.items() if name.startswith("transformers"))
    for row in times.values():
        row["against_best_rival"] = row["tokens_per_second"] / best
    return {"B": rows, "T": length, "shortest": shortest, "tokens": real, "peak": peak, "ways": times}


def gpu(quick=False, device=None):
    """Rows of full length and of mixed lengths in the shape of BERT base, on a GPU; ``None`` where there is none."""
    device = choose_device(device)
    if device.type != "cuda":
        return None
    config = TINY if quick else BertConfig(30_522, dropout=0.0)
    rows, length, shortest = (4, 16, 4) if quick else (256, 128, 16)
    return [training(config, rows, length, least, device) for least in (None, shortest)]


def run(options=None) -> dict:
    """Measure, and return what ``benchmarks/results/bert.json`` keeps."""
    quick = getattr(options, "quick", False)
    device = getattr(options, "device", None)
    return {"speed": speed(quick), "cost": cost(quick), "gpu": gpu(quick, device)}


def report(result):
    """The tables as text."""
    names = [SDPA, EAGER, "ours", "ours, packed"]
    rows = [
        [
            r["task"], r["pass"], r["rows"], f"{r['filled']:.0%}",
            *(
                "{:.0f} ({:.2f}, {:.2f})".format(1000 * w["seconds"], w["ratio"], w["median_ratio"]) if w else ""
                for w in (r["ways"].get(name) for name in names)
            ),
            r["load"][0] if r["load"] else "",
        ]
        for r in result["speed"]
    ]  # fmt: skip
    head = ["task", "pass", "rows", "filled", *(f"{n}, ms (ratio, of medians)" for n in names), "load"]
    parts = [table(head, rows)]
    shapes = result["cost"]["shapes"]
    rows = [
        [part, *(f"{r['parameters'][part]:,}" for r in shapes)] for part in shapes[0]["parameters"]
    ] + [["all", *(f"{sum(r['parameters'].values()):,}" for r in shapes)]]  # fmt: skip
    parts.append(table(["parameters", *(r["shape"] for r in shapes)], rows))
    columns = [(r["shape"], each) for r in shapes for each in r["lengths"]]
    rows = [
        [part, *(f"{each['per_token'][part] / 1e6:,.2f}" for _, each in columns)] for part in columns[0][1]["per_token"]
    ]
    rows += [
        ["all", *(f"{sum(each['per_token'].values()) / 1e6:,.2f}" for _, each in columns)],
        ["counted / computed", *(f"{each['counted'] / each['row']:.6f}" for _, each in columns)],
    ]
    parts.append(table(["MFLOPs a token, forward", *(f"{name}, T {each['T']}" for name, each in columns)], rows))
    paper = result["cost"]["paper"]
    rows = [[f"{float(rate) / 1e12:,.0f}", f"{hours:,.1f}"] for rate, hours in paper["gpu_hours"].items()]
    parts.append(
        f"BERT base as published: {paper['flops']:.3g} FLOPs in {paper['chip_hours']:,} hours of chips, "
        f"{paper['flops_per_second_and_chip'] / 1e12:.1f} TFLOP/s each\n\n" + table(["TFLOP/s", "hours"], rows)
    )
    for r in result["gpu"] or []:
        rows = [
            [n, f"{t['tokens_per_second']:,.0f}", f"{t['against_best_rival']:.2f}", f"{t['share']:.0%}"]
            for n, t in r["ways"].items()
        ]
        head = [f"GPU, {r['B']} x {r['T']}", "tokens/s", "transformers' best = 1", "of large products"]
        parts.append(table(head, rows))
    return "\n\n".join(parts)
