"""Fine-tuning with few labels: what the small Korean BERT of chapter 09 has learned before, against earlier chapters.

    python -m benchmarks finetuning

Three parts. ``sentences``: chapter 03's two questions, is it good or bad, and can it be eaten. ``tagging``: chapter
04b's nouns and particles. ``senses``: which meaning of a homonym a state knows, without any label.

Not all have read the same. BERT has read 120,000 sentences of stories, chapter 03's language model 20,000; so there is
another of those that has read BERT's. The models of chapter 03 are given the morphemes, and the others find them.

Each result is kept in the cache, and an interrupted benchmark goes on where it stopped. The parts can be made before,
one at a time, and shared between processes::

    python -c "from benchmarks import finetuning as b; b.fill('sentences', share=(0, 2))"
"""

import hashlib
import random
import statistics
from functools import cache, partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

import benchmarks
from benchmarks import table
from benchmarks.self_attention import gather, spent
from lmcourse import small_bert, tagging, tasks, text, world
from lmcourse.classifier import Classifier
from lmcourse.finetuning import (
    label_tokens,
    read_tags,
    sentence_batches,
    sentence_classifier,
    token_batches,
    token_classifier,
    token_tags,
)
from lmcourse.language_model import Output, evaluating
from lmcourse.rnn import LanguageModel
from lmcourse.senses import fair_accuracy, occurrences, states_at
from lmcourse.stories import pieces
from lmcourse.tasks import seeded
from lmcourse.text import Vocabulary, pad
from lmcourse.training import evaluate, fit

TRAIN, TEST, STORIES = (20_000, 0), (12_000, 1), (120_000, "stories")  # sentences and seed
QUICK = (640, 0), (320, 1), (800, "stories")
SEEDS = (0, 1, 2, 3, 4)  # of which sentences have labels
COUNTS = {"sentiment": (50, 100, 500, None), "food": (50, 100), "tagging": (50, 100, 500, None)}  # None: all there are
STEPS = {"sentiment": 600, "food": 150, "tagging": 300, "all": 600}  # until BERT has learned its examples by heart
FOOD = {"dish", "baked", "fruit", "vegetable", "grocery", "drink"}
WORDS = "배", "눈", "밤", "다리", "차", "머리", "말", "사과"
MOMENTS = {"at the word": 0, "one later": 1, "two later": 2, "at the end": None}

DROPOUT, LR = 0.1, 3e-3  # of BERT, for all tasks and counts; of 1e-3, 2e-3 and 3e-3, on training sentences kept apart
LSTM_DROPOUT, LSTM_LR, LSTM_EPOCHS = 0.2, 5e-3, 4  # as in chapter 03
quiet = {"progress": False, "device": "cpu"}


# --- what there is to read ---


def _text(which, quick=False):
    sentences, seed = (QUICK if quick else (TRAIN, TEST, STORIES))[which]
    return world.generate(sentences, seed=seed)


train = cache(partial(_text, 0))
stories = cache(partial(_text, 2))


@cache
def test(quick=False):
    """Chapter 03's test sentences: none of them is in the training text."""
    seen = {r.ko for r in train(quick)}
    return [r for r in _text(1, quick) if r.ko not in seen]


@cache
def world_key():
    """Which world this is."""
    return world.fingerprint(world.generate(80, seed=0))[:12]


@cache
def bert(path=None, quick=False):
    """The pre-trained BERT, and what its weights are known by."""
    if quick:
        with seeded(0):
            system = small_bert.build(small_bert.settings_for(stories(quick), "ko", width=16, layers=2, hidden=32))
    else:
        system = tasks.load("bert-ko", path)
    weights = b"".join(t.numpy().tobytes() for t in system.model.state_dict().values())
    return system, hashlib.sha256(weights).hexdigest()[:12]


@cache
def vocabulary(read, quick=False):
    """The morphemes of a text: of ``"train"`` or ``"stories"``."""
    return Vocabulary.count([pieces(r, "ko", "morpheme") for r in (stories if read == "stories" else train)(quick)])


def encode(record, read, quick=False):
    """A sentence as chapter 03 reads it."""
    known = vocabulary(read, quick)
    return [known["<s>"], *known.encode(pieces(record, "ko", "morpheme"))]


@cache
def language_model(read, quick=False):
    """Chapter 03's language model, of a text; trained once, and then in the cache."""
    known = vocabulary(read, quick)
    told = [[*encode(r, read, quick), known["</s>"]] for r in (stories if read == "stories" else train)(quick)]

    def batches(epoch):
        for some in text.batches(told, 64, seed=epoch):
            ids, mask = pad([one[:-1] for one in some])
            yield {"ids": ids, "mask": mask, "targets": pad([one[1:] for one in some], -100)[0]}

    with seeded(0):
        model = LanguageModel(len(known), width=64, dropout=LSTM_DROPOUT)
    kept = None if quick else benchmarks.CACHE / f"finetuning-{read}-{world_key()}.safetensors"
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
    fit(model, batches, epochs=1 if quick else LSTM_EPOCHS, lr=LSTM_LR, checkpoint=kept, **quiet)
    return model.eval()


# --- sentences ---


class BagOfWords(nn.Module):
    """Logistic regression on the counts of the pieces (chapter 03)."""

    def __init__(self, vocab_size, classes):
        super().__init__()
        self.output = nn.Linear(vocab_size, classes)
        nn.init.zeros_(self.output.weight)

    def forward(self, ids, targets=None, mask=None):
        counts = torch.zeros(len(ids), self.output.in_features).scatter_add_(1, ids, mask.float())  # (B, V)
        logits = self.output(counts)
        return Output(None if targets is None else F.cross_entropy(logits, targets), logits)


class Probe(nn.Module):
    """One layer on a vector that does not learn."""

    def __init__(self, width, classes):
        super().__init__()
        self.output = nn.Linear(width, classes)

    def forward(self, vectors, targets=None):
        logits = self.output(vectors)
        return Output(None if targets is None else F.cross_entropy(logits, targets), logits)


class Reader(NamedTuple):
    """One row of the table.

    Args:
        start: a function of the seed to a model of two classes.
        batches: a function of pairs (record, class), the size and the seed.
        lr: to learn with.
        about: what it has read before, and whatever else the result depends on.
    """

    start: object
    batches: object
    lr: float
    about: dict


def by_morpheme(read, quick):
    """Batches as chapter 03 makes them."""

    def batches(pairs, size, seed=None):
        known = [(encode(r, read, quick), y) for r, y in pairs]
        for some in text.batches(known, size, seed, length=lambda pair: len(pair[0])):
            ids, mask = pad([ids for ids, _ in some])
            yield {"ids": ids, "mask": mask, "targets": torch.tensor([y for _, y in some])}

    return batches


def bag(quick=False, path=None):
    return Reader(
        lambda seed: BagOfWords(len(vocabulary("train", quick)), 2), by_morpheme("train", quick), 0.05, {"read": 0}
    )


def lstm(read, quick=False, path=None):
    def start(seed):
        with seeded(seed):
            if read:
                return Classifier.from_language_model(language_model(read, quick), 2, dropout=LSTM_DROPOUT)
            return Classifier(len(vocabulary("train", quick)), 2, width=64, dropout=LSTM_DROPOUT)

    amount = {None: 0, "train": TRAIN[0], "stories": STORIES[0]}[read]
    return Reader(start, by_morpheme(read or "train", quick), LSTM_LR, {"read": amount, "dropout": LSTM_DROPOUT})


def small(pretrained, quick=False, path=None):
    system, key = bert(path, quick)

    def batches(pairs, size, seed=None):
        return sentence_batches(system, [(r.ko, y) for r, y in pairs], size, seed)

    about = {"read": STORIES[0] if pretrained else 0, "dropout": DROPOUT, "weights": key if pretrained else None}
    return Reader(partial(_start, sentence_classifier, system, pretrained), batches, LR, about)


def _start(make, system, pretrained, seed, classes=2):
    return make(system, classes, DROPOUT, pretrained, seed)


def frozen(quick=False, path=None):
    """The mean of BERT's states of a sentence, and one layer: nothing else learns."""
    system, key = bert(path, quick)
    known = {}

    def vectors(records):
        new = [r for r in dict.fromkeys(r.ko for r in records) if r not in known]
        known.update(zip(new, (states.mean(0) for states in system.states(new)[0]), strict=True))
        return torch.stack([known[r.ko] for r in records])

    def start(seed):
        with seeded(seed):
            return Probe(system.model.config.width, 2)

    def batches(pairs, size, seed=None):
        for some in text.batches(pairs, size, seed, length=lambda pair: len(pair[0].ko)):
            yield {"vectors": vectors([r for r, _ in some]), "targets": torch.tensor([y for _, y in some])}

    return Reader(start, batches, 0.03, {"read": STORIES[0], "weights": key})


READERS = {
    "bag of words": bag,
    "LSTM from nothing": partial(lstm, None),
    "LSTM pre-trained, 20,000": partial(lstm, "train"),
    "LSTM pre-trained, 120,000": partial(lstm, "stories"),
    "BERT from nothing": partial(small, False),
    "BERT pre-trained, frozen": frozen,
    "BERT pre-trained": partial(small, True),
}


def negated(record):
    return ("안", "MAG") in record.morphemes or ("않", "VX") in record.morphemes  # the two ways to say not


def sentiment(quick=False):
    """What to learn from, and the two kinds to test on: pairs (record, class)."""
    learn, felt = ([(r, int(r.sentiment > 0)) for r in part(quick) if r.sentiment] for part in (train, test))
    return learn, {
        "plain": [(r, y) for r, y in felt if not negated(r)],
        "negated": [(r, y) for r, y in felt if negated(r)],
    }


def food(quick=False):
    """Somebody buys something: can it be eaten or drunk?"""
    learn, asked = (
        [
            (r, int(r.plan.noun.kind in FOOD))
            for r in part(quick)
            if r.plan.noun and r.plan.frame and r.plan.frame.key == "buy"
        ]
        for part in (train, test)
    )
    return learn, {"all": asked}


QUESTIONS = {"sentiment": sentiment, "food": food}


def some_of(items, count, seed):
    """The labelled ones: the same for all rows."""
    return items if count is None else random.Random(seed).sample(items, min(count, len(items)))


def answered(task, name, count, quick=False, path=None):
    """Train one row on each choice of labelled sentences: the share of right answers on each kind of test sentences."""
    reader, (learn, tests) = READERS[name](quick, path), QUESTIONS[task](quick)
    found = {part: [] for part in tests}
    for seed in SEEDS[: 1 if count is None or quick else None]:
        some, model = some_of(learn, count, seed), reader.start(seed)
        steps = 3 if quick else STEPS["all" if count is None else task]
        shuffled = lambda epoch: reader.batches(some, 32, seed=epoch)  # noqa: B023, E731
        took = spent(model, partial(fit, model, shuffled, steps=steps, lr=reader.lr, seed=seed, **quiet))
        for part, pairs in tests.items():
            found[part].append(evaluate(model, reader.batches(pairs, 256))["accuracy"])
    sizes = {part: len(pairs) for part, pairs in tests.items()}
    return {"right": found, "tested": sizes, "labels": len(some)} | _kept(took)


def _kept(took):
    return {name: took[name] for name in ("parameters", "steps", "cpu_seconds", "threads", "loss")}


def _sentences(quick, device, path=None):
    return [
        (
            f"finetuning {task} {name} {count or 'all'}",
            {
                "task": task, "model": name, "count": count, "seeds": 1 if count is None else len(SEEDS), "batch": 32,
                "steps": STEPS["all" if count is None else task], "lr": reader.lr, "world": world_key(),
            } | reader.about,
            partial(answered, task, name, count, quick, path),
        )
        for task in QUESTIONS
        for name, reader in {name: make(quick, path) for name, make in READERS.items()}.items()
        for count in COUNTS[task]
    ]  # fmt: skip


# --- tagging ---


def graded(found, records):
    """F1 of nouns and particles."""
    row = tagging.grade(found, [r.morphemes for r in records])
    return {name: row[name] for name in ("nouns", "particles")}


@cache
def parts(quick=False):
    """Chapter 04b's records."""
    return world.splits(300, 20) if quick else world.splits()


def look_up(records, seed, quick, path):
    dictionary = tagging.Dictionary([one for r in records for one in tagging.eojeols(r)])
    return (lambda sentences: [dictionary(one) for one in sentences]), {}


def write(records, seed, quick, path):
    """Chapter 04b's network, which reads syllables and writes morphemes."""
    learn = tagging.pairs(records)
    with seeded(seed):
        system = tagging.build(tagging.settings_for(learn))
    batches = system.shuffled(system.encode(learn), 32, seed)
    steps = 3 if quick else STEPS["tagging"]
    took = spent(system.model, partial(fit, system.model, batches, steps=steps, lr=4e-3, seed=seed, **quiet))
    system.max_length = 10 if quick else system.max_length
    return partial(tagging.tag, system), _kept(took)


def label(pretrained, records, seed, quick, path):
    """BERT, with a label for each token."""
    system, _ = bert(path, quick)
    labelled = [(r.ko, token_tags(system, r)) for r in records]
    names = sorted({label for _, labels in labelled for label in labels})
    pairs = [(sentence, [names.index(label) for label in labels]) for sentence, labels in labelled]
    model = _start(token_classifier, system, pretrained, seed, len(names))
    batches = lambda epoch: token_batches(system, pairs, 32, seed=epoch)  # noqa: E731
    steps = 3 if quick else STEPS["tagging" if len(records) <= max(c or 0 for c in COUNTS["tagging"]) else "all"]
    took = spent(model, partial(fit, model, batches, steps=steps, lr=LR, seed=seed, **quiet))

    def answer(sentences):
        found = label_tokens(model, system, sentences, names)
        return [read_tags(system, sentence, labels) for sentence, labels in zip(sentences, found, strict=True)]

    return answer, _kept(took)


TAGGERS = {
    "dictionary": look_up,
    "Seq2Seq": write,
    "BERT from nothing": partial(label, False),
    "BERT pre-trained": partial(label, True),
}


def tagged(name, count, quick=False, path=None):
    """One tagger, on each choice of labelled sentences."""
    split, found, took = parts(quick), {}, {}
    for seed in SEEDS[: 1 if count is None or quick else None]:
        records = some_of(split.train, count, seed)
        answer, took = TAGGERS[name](records, seed, quick, path)
        for part in ("test", "unseen"):
            row = graded(answer([r.ko for r in getattr(split, part)]), getattr(split, part))
            for kind, value in row.items():
                found.setdefault(part, {}).setdefault(kind, []).append(value)
    return {"f1": found, "labels": len(records)} | took


def ceiling(quick=False, path=None):
    """What the right labels of all tokens give: how much is lost because the tokenizer cuts as it does."""
    split, (system, _) = parts(quick), bert(path, quick)
    found = {}
    for part in ("test", "unseen"):
        records = getattr(split, part)
        row = graded([read_tags(system, r.ko, token_tags(system, r)) for r in records], records)
        found[part] = {kind: [value] for kind, value in row.items()}
    return {"f1": found}


def _tagging(quick, device, path=None):
    (_, key), common = bert(path, quick), {"task": "tagging", "world": world_key()}
    jobs = [("finetuning tagging right labels", common | {"model": "right labels", "count": 0, "weights": key},
             partial(ceiling, quick, path))]  # fmt: skip
    for name in TAGGERS:
        for count in COUNTS["tagging"]:
            if name == "Seq2Seq" and count is None:
                continue  # recorded with the package: six minutes
            about = {"model": name, "count": count, "seeds": 1 if count is None else len(SEEDS), "batch": 32}
            if name != "dictionary":
                about |= {"steps": STEPS["tagging" if count else "all"], "lr": 4e-3 if name == "Seq2Seq" else LR}
            if "BERT" in name:
                about |= {"dropout": DROPOUT, "weights": key if name == "BERT pre-trained" else None}
            job = partial(tagged, name, count, quick, path)
            jobs.append((f"finetuning tagging {name} {count or 'all'}", common | about, job))
    return jobs


# --- meanings ---


@torch.no_grad()
def lstm_states(model, found, read, quick=False):
    """Chapter 03's states of a homonym and after it: (N, moments, D)."""
    rows = []
    with evaluating(model):
        for some in text.batches(found, 128):
            ids, mask = pad([encode(one.record, read, quick) for one in some])
            hidden, _ = model.rnn(model.embedding(ids), mask)  # (B, T, D)
            for states, length, one in zip(hidden, mask.sum(1).tolist(), some, strict=True):
                place = 1 + one.piece  # 1 for <s>
                later = [length - 1 if n is None else min(place + n, length - 1) for n in MOMENTS.values()]
                rows.append(states[later])
    return torch.stack(rows)


def meant(name, quick=False, path=None):
    """For each homonym, at each moment or after each layer, how often the nearest neighbour means the same."""
    found = {word: occurrences(word, test(quick)) for word in WORDS}
    found = {word: all_of_it for word, all_of_it in found.items() if len({one.sense for one in all_of_it}) > 1}
    if name.startswith("LSTM"):
        read = "stories" if "120,000" in name else "train"
        if name == "LSTM untrained":
            with seeded(1):
                model = LanguageModel(len(vocabulary(read, quick)), width=64)
        else:
            model = language_model(read, quick)
        states, at = partial(lstm_states, model, read=read, quick=quick), list(MOMENTS)
    else:
        system, _ = bert(path, quick)
        if name == "BERT untrained":
            with seeded(1):
                shape = {"language": "ko", "tokens": system.tokenizer.tokens, **small_bert.SHAPE}
                system = small_bert.build(shape)
        states = partial(states_at, system)
        at = ["embedding", *(f"layer {n + 1}" for n in range(system.model.config.layers))]
    rows = {}
    for word, all_of_it in found.items():
        vectors, senses = states(all_of_it), [one.sense for one in all_of_it]
        rows[word] = [fair_accuracy(vectors[:, n], senses) for n in range(len(at))]
    guess = {word: 1 / len({one.sense for one in all_of_it}) for word, all_of_it in found.items()}
    return {
        "at": at, "words": rows, "average": [statistics.mean(column) for column in zip(*rows.values(), strict=True)],
        "guessing": guess, "count": {word: len(all_of_it) for word, all_of_it in found.items()},
    }  # fmt: skip


WHO = "LSTM untrained", "LSTM, 20,000", "LSTM, 120,000", "BERT untrained", "BERT pre-trained"


def _senses(quick, device, path=None):
    key = bert(path, quick)[1]
    return [
        (f"finetuning senses {name}",
         {"task": "senses", "model": name, "world": world_key(), "weights": key if "BERT" in name else None},
         partial(meant, name, quick, path))
        for name in WHO
    ]  # fmt: skip


PARTS = {"sentences": _sentences, "tagging": _tagging, "senses": _senses}


def fill(part, share=(0, 1), threads=1, path=None):
    """Do the trainings of a part, so that :func:`run` finds them in the cache.

    Args:
        part: ``"sentences"``, ``"tagging"`` or ``"senses"``.
        share: (which, of how many): one process of several does every so manieth training.
        threads: of torch.
        path: a file of the pre-trained BERT; ``None`` for the one that comes with the package.
    """
    if part not in PARTS:
        raise ValueError(f"there are no trainings {part!r}; there are {', '.join(map(repr, PARTS))}")
    torch.set_num_threads(threads)
    gather(PARTS[part](False, "cpu", path), share=share)


def run(options=None) -> dict:
    """Measure, and return what ``benchmarks/results/finetuning.json`` keeps."""
    quick, path = getattr(options, "quick", False), getattr(options, "path", None)
    result = {"read": {"train": TRAIN[0], "stories": STORIES[0]}}
    return result | {part: gather(jobs(quick, "cpu", path), quick) for part, jobs in PARTS.items()}


def spread(values, digits=0):
    """The mean of several runs, and the lowest and the highest."""
    mean = f"{statistics.mean(values):.{digits}%}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.{digits}%} to {max(values):.{digits}%})"


def report(result):
    """The tables as text."""
    rows = [
        [r["settings"]["task"], r["labels"], r["settings"]["model"], f"{r['settings']['read']:,}",
         *(spread(values, 1) for values in r["right"].values())]
        for r in sorted(result["sentences"], key=lambda r: (list(QUESTIONS).index(r["settings"]["task"]), r["labels"]))
    ]  # fmt: skip
    rows = [row if len(row) == 6 else [*row, ""] for row in rows]
    found = [table(["question", "labels", "model", "has read", "right (plain)", "negated"], rows)]
    rows = [
        [r.get("labels", ""), r["settings"]["model"],
         *(spread(r["f1"][part][kind], 1) for part in ("test", "unseen") for kind in ("nouns", "particles"))]
        for r in sorted(result["tagging"], key=lambda r: r.get("labels", 0))
    ]  # fmt: skip
    found.append(table(["labels", "model", "nouns", "particles", "unseen: nouns", "particles"], rows))
    for r in result["senses"]:
        head = [r["settings"]["model"], "guessing", *r["at"]]
        rows = [[word, f"{r['guessing'][word]:.0%}", *(f"{x:.0%}" for x in row)] for word, row in r["words"].items()]
        found.append(table(head, [*rows, ["average", "", *(f"{x:.1%}" for x in r["average"])]]))
    return "\n\n".join(found)
