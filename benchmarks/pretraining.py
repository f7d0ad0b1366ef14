"""How BERT learns: what each part of its pre-training is good for, and how near it comes to the truth.

    python -m benchmarks pretraining

``ablation`` pre-trains small Korean BERTs of chapter 09, each with one thing changed, on the same stories for the same
number of steps. ``truth`` compares the BERTs that come with the package with the law of the world, one masked token at
a time.

Each training is kept in the cache as soon as it is done. They can be shared between processes before::

    python -c "from benchmarks import pretraining as b; b.fill('ablation', share=(0, 2))"
"""

import hashlib
import math
from functools import cache, partial

import torch

from benchmarks import CACHE, self_attention, table
from benchmarks.self_attention import gather
from lmcourse import device as choose_device
from lmcourse import reading, small_bert, tasks, world
from lmcourse.tasks import seeded

LANGUAGE, SENTENCES, STEPS, LR, BATCH = "ko", 60_000, 3_000, 5e-3, 8
TESTED = 8_000  # sentences
STORIES = 125
VARIANTS = {
    "as published": {},
    "without next sentence": {"next_sentence": False},
    "without 10 % random": {"masking": {"random": 0.0}},
    "without 10 % kept": {"masking": {"kept": 0.0}},
    "masks only": {"masking": {"random": 0.0, "kept": 0.0}},
    "30 % masked": {"masking": {"share": 0.3}},
    "absolute positions": {"shape": {"positions": "absolute"}},
}
SEEDS = {"as published": (0, 1), "without next sentence": (0, 1), "without 10 % random": (0, 1), "masks only": (0, 1)}


@cache
def _learned(quick):
    return world.generate(1_600 if quick else SENTENCES, seed="stories")


@cache
def _tested(quick):
    return world.generate(400 if quick else TESTED, seed=1)


@cache
def _settings(quick):
    return small_bert.settings_for(_learned(quick), LANGUAGE)


def path(name, seed):
    """Where the weights of a variant are kept."""
    return CACHE / f"pretraining {name} {seed}.safetensors"


def learn(name, seed, quick=False, device="cpu"):
    """One variant pre-trained: what it took, how it fills gaps (all hidden by the mask alone) and judges pairs."""
    variant = VARIANTS[name]
    settings = {**_settings(quick), **variant.get("shape", {})}
    with seeded(seed):
        system = small_bert.build(settings)
    how = {key: variant[key] for key in ("next_sentence", "masking") if key in variant}
    train = partial(
        small_bert.pretrain, system, _learned(quick), 20 if quick else STEPS, size=BATCH, lr=LR, seed=seed,
        progress=False, device=device, **how,
    )  # fmt: skip
    found = self_attention.spent(system.model, train)
    if not quick:
        system.save(path(name, seed), settings)
    pairs = variant.get("next_sentence", True)
    return found | system.grade(_tested(quick), next_sentence=pairs, random=0.0, kept=0.0)


def _ablation(quick, device):
    return [
        (
            f"pretraining {name} {seed}",
            {
                "model": name, "seed": seed, "steps": STEPS, "lr": LR, "batch": BATCH, "sentences": SENTENCES,
                "language": LANGUAGE, "shape": small_bert.SHAPE, "tested": TESTED, "device": device,
            },
            partial(learn, name, seed, quick, device),
        )
        for seed in (0, 1)
        for name in VARIANTS
        if seed in SEEDS.get(name, (0,))
    ]  # fmt: skip


# --- the truth ---


@torch.no_grad()
def one_sided(language, records):
    """The language model of chapter 08 at the same words, which it has to guess from what comes before: a dict."""
    system = tasks.load(f"story-{language}")
    end, right, count, bits = system.vocabulary["</s>"], 0, 0, 0.0
    for story in system.stories(records):
        ids, targets = torch.tensor([story[:-1]]), torch.tensor(story[1:])
        logits = system.model(ids).logits[0]
        words = targets != end
        right += (logits.argmax(1) == targets)[words].sum().item()
        bits -= logits.log_softmax(1)[words, targets[words]].sum().item() / math.log(2)
        count += int(words.sum())
    return {"tokens": count, "accuracy": right / count, "bits": bits / count}


def against_truth(language, quick=False, device="cpu"):
    """A trained BERT at every token of some stories, each masked alone, beside the law of the world: a dict."""
    records = world.generate(16 if quick else STORIES * world.STORY_LENGTH, seed=1)
    system = tasks.load(f"bert-{language}")
    system.model.to(choose_device(device))
    found, kinds = reading.gaps(system, records, progress=False), {}
    names = system.tokenizer.tokens
    ids = {name: n for n, name in enumerate(names)}
    rows = []
    for gap in found:
        guess = names[int(gap.guess.argmax())]
        rows.append({
            "right": guess == gap.token, "best": max(gap.truth.values()), "true": gap.truth.get(guess, 0.0),
            "bits": -math.log2(gap.guess[ids[gap.token]]), "entropy": -math.log2(gap.truth[gap.token]),
            "impossible": 1 - sum(float(gap.guess[ids[token]]) for token in gap.truth if token in ids),
        })  # fmt: skip
        sure = max(gap.truth.values())
        kind = "only one token fits" if sure > 0.999 else "two to one, or surer" if sure >= 2 / 3 else "open"
        kinds.setdefault(kind, []).append(rows[-1])

    def means(some):
        return {"tokens": len(some)} | {key: sum(row[key] for row in some) / len(some) for key in some[0]}

    return {
        "all": means(rows), "kinds": {kind: means(some) for kind, some in sorted(kinds.items())},
        "one_sided": one_sided(language, records),
    }  # fmt: skip


def _truth(quick, device):
    return [
        (
            f"pretraining truth {language}",
            {
                "language": language, "stories": STORIES, "device": device,
                "weights": hashlib.sha256((tasks.WEIGHTS / f"bert-{language}.safetensors").read_bytes()).hexdigest(),
            },
            partial(against_truth, language, quick, device),
        )
        for language in ("en", "ko")
    ]  # fmt: skip


TRAININGS = {"ablation": _ablation, "truth": _truth}


def fill(part, share=(0, 1), threads=1, device="cpu"):
    """Do a part, ``"ablation"`` or ``"truth"``, so that :func:`run` finds it in the cache."""
    self_attention.fill(part, share, threads, device, TRAININGS)


def run(options=None) -> dict:
    """Measure, and return what ``benchmarks/results/pretraining.json`` keeps."""
    quick = getattr(options, "quick", False)
    device = getattr(options, "device", None) or "cpu"
    return {part: gather(jobs(quick, device), quick) for part, jobs in TRAININGS.items()}


def report(result):
    """The tables as text."""
    rows = [
        [
            r["settings"]["model"], r["settings"]["seed"], f"{r['cpu_seconds']:.0f}", f"{r['loss']:.3f}",
            f"{r['bits']:.3f}", f"{r['accuracy']:.1%}", f"{r['follows']:.1%}" if "follows" in r else "",
        ]
        for r in result["ablation"]
    ]  # fmt: skip
    head = ["pre-trained", "seed", "CPU s", "training loss", "bits a gap", "right", "next sentence"]
    parts = [table(head, rows)]
    rows = [
        [
            r["settings"]["language"], kind, each["tokens"], f"{each['right']:.1%}", f"{each['best']:.1%}",
            f"{each['bits']:.3f}", f"{each['entropy']:.3f}", f"{each['impossible']:.1%}",
        ]
        for r in result["truth"]
        for kind, each in {"all": r["all"], **r["kinds"]}.items()
    ]  # fmt: skip
    head = ["language", "gaps", "tokens", "right", "best possible", "bits", "truth", "given to what cannot stand there"]
    parts.append(table(head, rows))
    rows = [
        [r["settings"]["language"], r["one_sided"]["tokens"], f"{r['one_sided']['accuracy']:.1%}"]
        for r in result["truth"]
    ]
    parts.append(table(["language", "tokens", "right from the left alone (chapter 08)"], rows))
    return "\n\n".join(parts)
