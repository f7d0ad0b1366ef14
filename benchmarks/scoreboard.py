"""One table for the whole story: the language models of the course on one test text, beside the truth.

    python -m benchmarks scoreboard

``models``: bits per character in English words, Korean syllables and Korean morphemes, of counts of several orders and
of networks with five seeds; how many numbers each keeps, what its training took, how fast it reads; and for English
the minimal pairs. ``growth``: the same with a tenth of the text and with ten times as much. ``doubling``: how long a
step of training takes if the batch, or the texts in it, are doubled.

The first two are trainings. Each is kept in the cache as soon as it is done, and an interrupted benchmark goes on where
it stopped. They can be made before, and shared between processes, here two, of which this is the first::

    python -c "from benchmarks import scoreboard as b; b.fill('models', share=(0, 2))"
"""

import math
import time
from functools import partial

import torch

from benchmarks import clock, self_attention, table
from benchmarks.self_attention import BATCH, LR, SENTENCES, SHAPE, TESTED, gather, learn, spent, words
from lmcourse import stories, text
from lmcourse.language_model import log2probs
from lmcourse.ngram import KneserNey, OpenVocabulary
from lmcourse.rnn import LanguageModel
from lmcourse.self_attention import AttentionLM
from lmcourse.tasks import seeded
from lmcourse.training import evaluate, fit
from lmcourse.transformer import CausalLM

UNITS = [("en", "word"), ("ko", "syllable"), ("ko", "morpheme")]
ORDERS = {"word": (1, 2, 3, 4, 5), "syllable": (1, 2, 4, 6, 8), "morpheme": (1, 2, 3, 4, 5)}
SEEDS = (0, 1, 2, 3, 4)
MODELS = {  # all of 100,000 to 265,000 weights
    "RNN": (LanguageModel, {"width": 128, "cell": "rnn"}),  # the first cell of chapter 02, without gates
    "LSTM": (LanguageModel, {"width": 128}),
    "attention": (AttentionLM, SHAPE),
    "Transformer": (
        CausalLM,
        {"width": 64, "heads": 4, "hidden": 256, "layers": 4, "positions": "rotary", "dropout": 0.1},
    ),
}
RECURRENT = {"en": {"epochs": 10, "dropout": 0.15}, "ko": {"epochs": 8, "dropout": 0.1}}  # as chapter 02 trains them
RECURRENT_LR, WINDOW = {"LSTM": 8e-3, "RNN": 2e-3}, 32  # and as many streams as tokens in a window
EPOCHS = 10
GROWTH = {2_000: 20, 20_000: EPOCHS, 200_000: 2}  # sentences, and how often the networks read them
GROWING = 4  # the order of the n-gram beside them
BITS = "bits_per_character"
DISTANCES = [0, 1, 2, 3, 4, 5, 6]  # words between subject and verb; the last group has all that are further apart


# --- the models ---


def stream(read, records):
    """All stories as one list of ids, as chapter 02 reads them."""
    return [number for story in read.told(records) for number in story]


def stream_bits(model, read):
    """Bits per character of a model that carries its state through the whole test text."""
    ids, bos, unk = stream(read, read.test), read.vocabulary["<s>"], read.vocabulary["<unk>"]
    graded = evaluate(model, text.windows(ids, 1, 2000, ignore=[bos]), carry=True)
    bits = graded["loss"] / math.log(2) * graded["count"] + stories.UNKNOWN * ids.count(unk)
    return bits / read.characters(read.test)


def _foils(read):
    """The minimal pairs of the test text, and of each the ids of its story so far."""
    found = []
    for n, record in enumerate(read.test):
        before = stream(read, read.test[n - record.position : n]) or [read.vocabulary["<s>"]]
        found += [(foil, before) for foil in record.foils if foil.language == read.language]
    return found


def _by_distance(foils, verdicts):
    """Rows: how far apart, how many pairs, and how many of them right."""
    groups = [min(foil.distance, DISTANCES[-1]) for foil in foils]
    return [
        {
            "distance": d,
            "count": groups.count(d),
            "right": sum(v for v, g in zip(verdicts, groups, strict=True) if g == d),
        }
        for d in DISTANCES
    ]


def agreement(model, read):
    """How many minimal pairs a model judges rightly, each in its story, by distance."""
    foils, before = zip(*_foils(read), strict=True)
    bos = read.vocabulary["<s>"]

    def score(side):
        ids = [read.vocabulary.encode(text.split(getattr(foil, side), read.unit)) for foil in foils]
        return log2probs(model, ids, bos=bos, eos=read.vocabulary["</s>"], prefixes=before, batch_size=64)

    return _by_distance(foils, (score("right") > score("wrong")).tolist())


def counted(language, unit, order, quick=False, sentences=SENTENCES):
    """One n-gram (Kneser-Ney), and the truth."""
    read = words(language, unit, quick, sentences)
    start = time.process_time()
    model = OpenVocabulary(KneserNey(order)).fit(read.pieces(read.train))
    trained, characters = time.process_time(), read.characters(read.test)
    bits = -model.log2probs(read.pieces(read.test)).sum().item()
    found = {
        "numbers": _entries(model.model), "cpu_seconds": trained - start, "reading": time.process_time() - trained,
        "vocabulary": len(read.vocabulary), "characters": characters, "bits_per_character": bits / characters,
        "truth": sum(getattr(record, f"bits_{language}") for record in read.test) / characters,
    }  # fmt: skip
    if language == "en":
        foils = [foil for foil, _ in _foils(read)]
        sides = (text.split_all([getattr(f, side) for f in foils], unit) for side in ("right", "wrong"))
        right, wrong = map(model.model.log2probs, sides)
        found["agreement"] = _by_distance(foils, (right > wrong).tolist())
    return found


def _entries(model):
    """How many numbers an n-gram keeps: a probability for each n-gram, and a weight for each but the longest."""
    sizes = [len(level.key) for level in model.tables.values()]
    return 2 * sum(sizes) - sizes[-1]


def trained(name, language, unit, seed, quick=False, device="cpu", sentences=SENTENCES, epochs=None):
    """One network: what its training took, its bits per character, and for English the pairs."""
    read, (cls, shape) = words(language, unit, quick, sentences), MODELS[name]
    recurrent = issubclass(cls, LanguageModel)
    epochs = 1 if quick else epochs or (RECURRENT[language]["epochs"] if recurrent else EPOCHS)
    with seeded(seed):
        more = {"dropout": RECURRENT[language]["dropout"]} if recurrent else {}
        model = cls(len(read.vocabulary), **shape | more)
    if recurrent:
        windows = list(text.windows(stream(read, read.train), WINDOW, WINDOW, ignore=[read.vocabulary["<s>"]]))
        options = {"lr": RECURRENT_LR[name], "carry": True, "seed": seed, "device": device, "progress": False}
        found = spent(model, partial(fit, model, lambda epoch: windows, epochs=epochs, **options))
    else:
        found = learn(model, read, epochs, seed, device)
    start = time.process_time()
    if recurrent:
        bits = stream_bits(model, read)
    else:
        bits = stories.bits_per_character(model, read.test, language, unit, read.vocabulary)
    found |= {"numbers": found["parameters"], "reading": time.process_time() - start, "bits_per_character": bits}
    return found | ({"agreement": agreement(model, read)} if language == "en" else {})


def _settings(name, language, unit, seed, device, sentences=SENTENCES, epochs=None):
    cls, shape = MODELS[name]
    found = {"language": language, "unit": unit, "sentences": sentences, "tested": TESTED, "model": name}
    found |= {"seed": seed, "device": device, "shape": shape}
    if issubclass(cls, LanguageModel):
        found |= {"lr": RECURRENT_LR[name], "windows": [WINDOW, WINDOW]} | RECURRENT[language]
    else:
        found |= {"lr": LR, "epochs": EPOCHS, "batch": BATCH}
    return found | ({"epochs": epochs} if epochs else {})


def _counts(language, unit, order, quick, sentences=SENTENCES):
    settings = {"language": language, "unit": unit, "sentences": sentences, "tested": TESTED, "model": "n-gram"}
    job = partial(counted, language, unit, order, quick, sentences)
    return f"scoreboard {language} {unit} {order}-gram of {sentences}", settings | {"order": order}, job


def _models(quick, device):
    """Counts first, then the networks, seed by seed."""
    jobs = [_counts(language, unit, order, quick) for language, unit in UNITS for order in ORDERS[unit]]
    for seed in SEEDS[: 1 if quick else None]:
        for language, unit in UNITS:
            for name in MODELS:
                job = partial(trained, name, language, unit, seed, quick, device)
                title = f"scoreboard {language} {unit} {name} {seed}"
                jobs.append((title, _settings(name, language, unit, seed, device), job))
    return jobs


def _growth(quick, device):
    """English words, more and more of them."""
    jobs = []
    for sentences, epochs in GROWTH.items():
        jobs.append(_counts("en", "word", GROWING, quick, sentences))
        more = {} if sentences == SENTENCES else {"sentences": sentences, "epochs": epochs}  # the board has those
        for name in ("LSTM", "Transformer"):
            job = partial(trained, name, "en", "word", 0, quick, device, **more)
            title = f"scoreboard growth {name} {sentences}" if more else f"scoreboard en word {name} 0"
            jobs.append((title, _settings(name, "en", "word", 0, device, **more), job))
    return jobs


PARTS = {"models": _models, "growth": _growth}


def fill(part, share=(0, 1), threads=1, device="cpu"):
    """Do the trainings of a part, ``"models"`` or ``"growth"``, so that :func:`run` finds them in the cache."""
    self_attention.fill(part, share, threads, device, PARTS)


# --- what doubling costs ---


def doubling(quick=False, device="cpu"):
    """A step of training of each network, at a batch and a length, and at twice each: how many times as long."""
    B, T, V, repeats = (2, 8, 20, 1) if quick else (16, 64, 900, 7)
    rows = []
    for shape in ((B, T), (2 * B, T), (4 * B, T), (B, 2 * T), (B, 4 * T)):
        ids = torch.randint(V, shape, generator=torch.Generator().manual_seed(0)).to(device)
        steps = {}
        for name, (cls, options) in MODELS.items():
            with seeded(0):
                model = cls(V, **options).to(device)

            def step(model=model, ids=ids):
                model.zero_grad()
                model(ids, targets=ids).loss.backward()

            step()
            steps[name] = step
        rows.append({"B": shape[0], "T": shape[1], "ways": clock(repeats, steps)})
    for row in rows:
        for name, way in row["ways"].items():
            way["ratio"] = way["seconds"] / rows[0]["ways"][name]["seconds"]
    return rows


def run(options=None) -> dict:
    """Measure, and return what ``benchmarks/results/scoreboard.json`` keeps."""
    quick = getattr(options, "quick", False)
    device = getattr(options, "device", None) or "cpu"
    measured = {"doubling": doubling(quick, device)}
    return measured | {part: gather(jobs(quick, device), quick) for part, jobs in PARTS.items()}


def _name(settings):
    return f"{settings['order']}-gram" if "order" in settings else f"{settings['model']}, seed {settings['seed']}"


def report(result):
    """The tables as text."""
    rows = []
    for r in result["models"]:
        s = r["settings"]
        pairs = [f"{p['right'] / p['count']:.0%}" if p["count"] else "" for p in r.get("agreement", [])]
        cells = [f"{s['language']} {s['unit']}", _name(s), f"{r['numbers']:,}", f"{r['cpu_seconds']:.1f}"]
        rows.append([*cells, f"{r['bits_per_character']:.3f}", *(pairs or [""] * len(DISTANCES))])
    truths = {r["settings"]["language"]: r["truth"] for r in result["models"] if "truth" in r}
    rows += [
        [language, "the truth", "", "", f"{bits:.3f}", *[""] * len(DISTANCES)] for language, bits in truths.items()
    ]
    head = ["text", "model", "numbers", "CPU s", "bits per character", *DISTANCES[:-1], f"{DISTANCES[-1]}+"]
    parts = [table(head, rows)]
    rows = [
        [f"{r['settings']['sentences']:,}", _name(r["settings"]), *(f"{r[key]:.3f}" for key in ("cpu_seconds", BITS))]
        for r in result["growth"]
    ]  # fmt: skip
    parts.append(table(["sentences", "model", "CPU s", "bits per character"], rows))
    names = list(MODELS)
    rows = [
        [r["B"], r["T"], *(f"{1000 * r['ways'][n]['seconds']:.1f} ({r['ways'][n]['ratio']:.2f})" for n in names)]
        for r in result["doubling"]
    ]  # fmt: skip
    parts.append(table(["B", "T", *(f"{name}, ms" for name in names)], rows))
    return "\n\n".join(parts)
