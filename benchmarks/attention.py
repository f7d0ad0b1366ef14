"""Before and after: the five systems of chapter 04, each without and with attention.

    python -m benchmarks attention

Both arms have the same data, the same steps, the same settings and the same seeds, two or three of them; only the
decoder differs. The budget is a part of what the systems of the package were trained for, so that all trainings fit
into an hour of one core. The lists of the bottleneck benchmark come last: its models, with attention, trained as there
with one seed. A training that is done is kept in the cache, and an interrupted benchmark goes on where it stopped.
"""

import time
from collections import Counter
from functools import cache, partial
from typing import NamedTuple

from benchmarks import bottleneck, kept, table
from lmcourse import chatbot, speech, tagging, tasks, text, translation, video, world
from lmcourse.attending import attending
from lmcourse.attention import with_attention
from lmcourse.training import fit

SEEDS = {"translation": (0, 1, 2), "tagging": (0, 1, 2), "chatbot": (0, 1), "speech": (0, 1), "video": (0, 1)}
STEPS = {"translation": 3000, "tagging": 1500, "chatbot": 3000, "speech": 4000, "video": 3000}
WIDTHS = (16, 64)  # of the encoder of the lists


class Task(NamedTuple):
    """What both arms of a system share.

    Args:
        build: makes an untrained system.
        settings: for ``build``.
        batches: from the untrained system and the seed, the function of the epoch that ``fit`` asks for.
        lr: the learning rate.
        grade: figures of the trained system: a dict of numbers and ``by_length``, rows (length, count, right).
        wrap: what is trained instead of the bare model, if anything.
    """

    build: object
    settings: dict
    batches: object
    lr: float
    grade: object
    wrap: object = None


def by_length(lengths, right):
    """Rows (length, count, right), the shortest first."""
    lengths = list(lengths)
    counted, good = Counter(lengths), Counter(n for n, yes in zip(lengths, right, strict=True) if yes)
    return [{"length": n, "count": counted[n], "right": good[n]} for n in sorted(counted)]


def _encoded(examples, size, system, seed):
    return system.shuffled(system.encode(examples), size, seed)


@cache
def _translation(quick):
    records, splits = translation.training_records(500 if quick else 80_000), world.splits()
    test, unseen = (getattr(splits, name)[: 20 if quick else None] for name in ("test", "unseen"))

    def grade(system):
        found = {}
        for name, part in (("test", test), ("unseen", unseen)):
            sources = translation.korean(part)
            right = [o in translation.wordings(r, "en") for o, r in zip(system(sources), part, strict=True)]
            found[name] = sum(right) / len(right)
            if name == "test":
                found["by_length"] = by_length(map(len, sources), right)
        return found

    settings = translation.settings_for("ko-en", records)
    examples = translation.pairs("ko-en", records)
    return Task(translation.build, settings, partial(_encoded, examples, 64), 4e-3, grade)


@cache
def _tagging(quick):
    splits = world.splits()
    examples = tagging.pairs(splits.train[: 500 if quick else None])
    test, unseen = (getattr(splits, name)[: 20 if quick else None] for name in ("test", "unseen"))

    def grade(system):
        found = {}
        for name, part in (("test", test), ("unseen", unseen)):
            tagged = tagging.tag(system, [r.ko for r in part])
            found[name] = tagging.grade(tagged, [r.morphemes for r in part])["exact"]
            if name == "test":
                right = [one == list(r.morphemes) for one, r in zip(tagged, part, strict=True)]
        return found | {"by_length": by_length([len(r.ko) for r in test], right)}

    return Task(tagging.build, tagging.settings_for(examples), partial(_encoded, examples, 64), 4e-3, grade)


@cache
def _chatbot(quick):
    examples = chatbot.training_examples(*((100,) if quick else ()))
    held_out = chatbot.held_out_examples(examples, stories=30 if quick else 500)
    asked = [(length, e) for length, each in held_out.items() for e in each if e.turn == "first"]

    def batches(system, seed):
        return chatbot.curriculum(system, examples, 64, seed)

    def grade(system):
        right = [one == e.answer for one, (_, e) in zip(system([e for _, e in asked]), asked, strict=True)]
        return {"test": sum(right) / len(right), "by_length": by_length([length for length, _ in asked], right)}

    return Task(chatbot.build, chatbot.settings_for(examples), batches, 4e-3, grade)


@cache
def _speech(quick):
    settings, encoded = speech.training("ko", quick, progress=False)
    parts = speech.splits(quick)
    vocabulary = text.Vocabulary(settings["target"]["tokens"])

    def heard(part, count):
        spoken = speech.sentences(getattr(parts, part), "ko", vocabulary)[: 10 if quick else count]
        return spoken, list(speech.clips(spoken, "ko", speech.VOICES.test, 1))

    test, unseen = heard("test", 400), heard("unseen", 300)

    def grade(system):
        found = {}
        for name, (spoken, sounds) in (("test", test), ("unseen", unseen)):
            if not spoken:
                continue
            right = [one == s.text for one, s in zip(system(sounds), spoken, strict=True)]
            found[name] = sum(right) / len(right)
            if name == "test":
                found["by_length"] = by_length([len(s.text.split()) for s in spoken], right)
        return found

    def batches(system, seed):
        return system.shuffled(encoded, 16, seed)

    return Task(speech.build, settings, batches, 2e-3, grade, lambda model: speech.Spelling(model, len(vocabulary)))


@cache
def _video(quick):
    settings = video.DEFAULTS | {"tokens": video.words()}
    scenes = {
        name: [video.draw(f"test {name} {n}", unseen=name == "unseen") for n in range(20 if quick else 500)]
        for name in ("test", "unseen")
    }
    clips = {name: [video.render(scene) for scene in each] for name, each in scenes.items()}

    def batches(system, seed):
        per_epoch = 10 if quick else 100
        return lambda epoch: list(
            system.batches(system.encode(video.pairs(32 * per_epoch, f"train {seed} {epoch}")), 32, seed=epoch)
        )

    def grade(system):
        found = {}
        for name, each in scenes.items():
            right = [a == video.caption(s) for a, s in zip(system(clips[name]), each, strict=True)]
            found[name] = sum(right) / len(right)
            if name == "test":
                named = [1 if scene.kind == "several" else len(scene.things) for scene in each]
                found["by_length"] = by_length(named, right)
        return found

    return Task(video.build, settings, batches, 3e-3, grade)


TASKS = {
    "translation": _translation, "tagging": _tagging, "chatbot": _chatbot, "speech": _speech, "video": _video,
}  # fmt: skip


def learn(name, attention, seed, quick=False, device="cpu"):
    """One system, trained with or without attention, and its figures."""
    task = TASKS[name](quick)
    with tasks.seeded(seed):
        system = (attending(task.build) if attention else task.build)(task.settings | {"seed": seed})
        model = task.wrap(system.model) if task.wrap else system.model
    start = time.process_time()
    history = fit(
        model, task.batches(system, seed), steps=20 if quick else STEPS[name], lr=task.lr, seed=seed,
        progress=False, device=device,
    )  # fmt: skip
    seconds = time.process_time() - start
    system.model.eval()
    loss = history.curve("loss", 100)[1][-1] if not quick else history[-1]["loss"]
    return {
        "parameters": sum(p.numel() for p in system.model.parameters()), "cpu_seconds": seconds, "loss": loss,
        "figures": task.grade(system),
    }  # fmt: skip


def learn_lists(width, seed, quick=False, device="cpu"):
    """The model of the bottleneck benchmark with attention, and how many lists it brings through."""
    train = bottleneck.lists(500 if quick else 40_000, bottleneck.LONGEST, seed="train")
    system = bottleneck.build(train, width, seed)
    system.model.decoder = with_attention(system.model.decoder)
    _, seconds = bottleneck.learn(system, train, 20 if quick else bottleneck.STEPS, seed, device)
    rows = bottleneck.measure(system, bottleneck.TESTED[:2] if quick else bottleneck.TESTED, 5 if quick else 100)
    return {"parameters": sum(p.numel() for p in system.model.parameters()), "cpu_seconds": seconds, "rows": rows}


def run(options=None) -> dict:
    """Measure, and return what ``benchmarks/results/attention.json`` keeps."""
    quick = getattr(options, "quick", False)
    device = getattr(options, "device", None) or "cpu"

    def one(name, settings, measure):
        found = {"settings": settings} | measure() if quick else kept(name, settings, measure)
        print(name, found.get("figures", found.get("rows")), flush=True)
        return found

    runs = []
    for name in TASKS:
        for seed in SEEDS[name][: 1 if quick else None]:
            for attention in (False, True):
                settings = {"system": name, "attention": attention, "seed": seed, "steps": STEPS[name]}
                label = f"attention {name} {'with' if attention else 'without'} {seed}"
                runs.append(one(label, settings, partial(learn, name, attention, seed, quick, device)))
    lists = []
    for width in WIDTHS[:1] if quick else WIDTHS:
        settings = {"width": width, "seed": 0, "steps": bottleneck.STEPS}
        lists.append(one(f"attention lists {width} 0", settings, partial(learn_lists, width, 0, quick, device)))
    return {"runs": runs, "lists": lists}


def report(result):
    """The share that is exactly right, in per cent: the mean over the seeds and, in brackets, each of them."""

    def cell(name, attention, part):
        found = [
            100 * r["figures"][part]
            for r in result["runs"]
            if (r["settings"]["system"], r["settings"]["attention"]) == (name, attention) and part in r["figures"]
        ]
        return f"{sum(found) / len(found):.0f} ({' '.join(f'{x:.0f}' for x in found)})" if found else ""

    rows = [
        [name, *(cell(name, attention, part) for part in ("test", "unseen") for attention in (False, True))]
        for name in TASKS
    ]
    return table(["system", "before", "after", "unseen, before", "unseen, after"], rows)
