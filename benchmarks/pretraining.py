"""How BERT learns: what each part of its pre-training is good for, and how near it comes to the truth.

    python -m benchmarks pretraining

``ablation`` pre-trains small Korean BERTs of chapter 09, each with one thing changed, on the same stories for the same
number of steps. ``truth`` compares the BERTs that come with the package with the law of the world, one masked token at
a time.

Each training is kept in the cache as soon as it is done. They can be shared between processes before::

    python -c "from benchmarks import pretraining as b; b.fill('ablation', share=(0, 2))"
"""

from functools import cache, partial

from benchmarks import CACHE, self_attention
from lmcourse import small_bert, world
from lmcourse.tasks import seeded

LANGUAGE, SENTENCES, STEPS, LR, BATCH = "ko", 60_000, 3_000, 5e-3, 8
TESTED = 8_000  # sentences
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


TRAININGS = {"ablation": _ablation}


def fill(part, share=(0, 1), threads=1, device="cpu"):
    """Do the trainings of a part, so that :func:`run` finds them in the cache."""
    self_attention.fill(part, share, threads, device, TRAININGS)
