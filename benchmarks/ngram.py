"""Kneser-Ney: ours against KenLM (``lmplz``, ``query``, the Python module) and NLTK.

The same model as ``lmplz``, to six digits of perplexity on natural text, at orders 2 to 5; seconds to train and
tokens per second to score, at orders 3 and 5 on a million words or more; and how the time to train grows with
the text.

KenLM's programs are compiled from the source package on PyPI, once, into a cache folder; that needs cmake, a
C++ compiler and Boost. English text comes from the King James Bible of Debian's ``bible-kjv``, if it is
installed, and from tinyshakespeare; the rest from :mod:`lmcourse.world`.
"""

import contextlib
import functools
import importlib
import importlib.util
import itertools
import json
import re
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

import torch

import lmcourse
from benchmarks import CACHE, Missing, about, clock, shell, table
from lmcourse import datasets, world
from lmcourse.ngram import KneserNey

KENLM = "0.3.0"
BUILD_NEEDS = "libboost-program-options-dev libboost-system-dev libboost-thread-dev libboost-test-dev zlib1g-dev"
MILLION = 1_000_000
SEEDS = {"train": 0, "test": 1}


# Rivals


def kenlm_programs():
    """The folder with lmplz, build_binary and query."""
    if found := shutil.which("lmplz"):
        return Path(found).parent
    build = CACHE / f"kenlm-{KENLM}"
    programs = ["lmplz", "build_binary", "query"]
    if all((build / "bin" / program).exists() for program in programs):
        return build / "bin"
    if not (shutil.which("cmake") and (shutil.which("c++") or shutil.which("g++"))):
        raise Missing(f"lmplz: apt-get install cmake g++ {BUILD_NEEDS}, and it will be compiled here")
    print(f"Compiling KenLM {KENLM} in {build} (once; a minute or two) ...", flush=True)
    with tempfile.TemporaryDirectory() as source:
        try:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation"]
            shell(*pip, "--no-binary", "kenlm", "--dest", source, f"kenlm=={KENLM}")
            with tarfile.open(next(Path(source).glob("kenlm-*.tar.gz"))) as archive:
                archive.extractall(source, filter="data")
            shell("cmake", "-B", build, "-DCMAKE_BUILD_TYPE=Release", Path(source) / f"kenlm-{KENLM}")
            shell("cmake", "--build", build, "-j", "2", "--target", *programs)
        except RuntimeError as error:
            raise Missing(f"lmplz: apt-get install {BUILD_NEEDS}, and try again. {error}") from None
    return build / "bin"


def module(name, how):
    if importlib.util.find_spec(name) is None:
        raise Missing(f"{name}: {how}")
    return importlib.import_module(name)


# Texts: pairs of lists of sentences, each sentence one str with spaces between the words


def bible():
    if shutil.which("bible") is None:
        raise Missing("the King James Bible: apt-get install bible-kjv")
    verses = shell("bible", "-f", "-l10000", "gen1:1-rev22:21").splitlines()
    return every_20th(tokens(verse.partition(" ")[2]) for verse in verses)


def shakespeare():
    return every_20th(tokens(line) for line in datasets.tinyshakespeare().splitlines())


def tokens(line):
    """Lower-case words, and each punctuation mark as a word."""
    return " ".join(re.findall(r"[a-z0-9]+(?:'[a-z]+)*|[^\sa-z0-9]", line.lower()))


def every_20th(lines):
    lines = [line for line in lines if line]
    return [line for i, line in enumerate(lines) if i % 20], lines[::20]


def of_world(words, language):
    """So many words of stories, and a twentieth as many of others."""

    def text(size, seed):
        lines, count, part = [], 0, 0
        while count < size:
            for record in world.generate(10_000, seed=f"{seed} {part}"):
                line = record.ko if language == "ko" else " ".join(record.en_tokens)
                count += line.count(" ") + 1
                lines.append(line)
                if count >= size:
                    break
            part += 1
        return lines

    return text(words, SEEDS["train"]), text(words // 20, SEEDS["test"])


# Measuring


def run(options):
    device, size = lmcourse.device(options.device), 20_000 if options.quick else MILLION
    missing = []

    def available(get, *arguments):
        """What is there, or ``None`` after saying how to get what is not."""
        try:
            return get(*arguments)
        except (Missing, datasets.Offline) as error:
            print(f"Missing: {error}", flush=True)
            missing.append(str(error))

    programs = available(kenlm_programs)
    kenlm = available(module, "kenlm", "pip install kenlm (it is compiled: cmake and a C++ compiler)")
    nltk = available(module, "nltk", "pip install nltk")
    texts = {
        "world, English": of_world(size, "en"),
        "world, Korean": of_world(size, "ko"),
        "tinyshakespeare": available(shakespeare),
        "Bible": available(bible),
    }
    texts = {name: text for name, text in texts.items() if text}
    if "Bible" in texts and "tinyshakespeare" in texts:
        pairs = zip(texts["Bible"], texts["tinyshakespeare"], strict=True)
        texts["Bible and tinyshakespeare"] = tuple(a + b for a, b in pairs)
    if options.quick:
        texts = {name: (train[:1000], test[:100]) for name, (train, test) in texts.items()}
    large = [name for name, (train, _) in texts.items() if options.quick or sum(map(words, train)) >= size]
    ram = Path("/dev/shm")  # so that no disk is measured
    with tempfile.TemporaryDirectory(dir=ram if ram.is_dir() else None) as folder:
        bench = Bench(Path(folder), device, programs, kenlm, nltk, repeats=2 if options.quick else 7)
        return {
            "device": str(device),
            "seeds": SEEDS,
            "kenlm": KENLM,
            "missing": missing,
            "texts": {name: describe(*text) for name, text in texts.items()},
            "perplexity": {name: bench.perplexity(*text) for name, text in texts.items()},
            "speed": {name: {order: bench.speed(order, *texts[name]) for order in (3, 5)} for name in large},
            "growth": bench.growth(size),
            "load_after": about()["machine"]["load"],
        }


def words(line):
    return line.count(" ") + 1


def describe(train, test):
    return {
        "train_sentences": len(train),
        "train_words": sum(map(words, train)),
        "types": len({word for line in train for word in line.split()}),
        "test_sentences": len(test),
        "test_tokens": sum(map(words, test)) + len(test),
    }


class Bench:
    """The rivals, on one machine, with a folder for their files."""

    def __init__(self, folder, device, programs, kenlm, nltk, repeats):
        self.folder, self.device, self.programs = folder, device, programs
        self.kenlm, self.nltk, self.repeats = kenlm, nltk, repeats
        # On a busy machine one thread is faster than two, so both are there to see.
        self.threads = [torch.get_num_threads()] if device.type == "cuda" else [1, torch.get_num_threads()]

    def ours(self, what, action):
        """The action once for each number of threads, named."""

        def with_threads(n):
            torch.set_num_threads(n)
            try:
                return action()
            finally:
                torch.set_num_threads(self.threads[-1])

        place = "GPU" if self.device.type == "cuda" else "{} thread(s)"
        return {f"ours, {what}, {place.format(n)}": functools.partial(with_threads, n) for n in self.threads}

    def file(self, lines):
        path = self.folder / "text.txt"
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return path

    def fit_file(self, order, path):
        with open(path, encoding="utf-8") as file:
            return KneserNey(order, self.device).fit(map(str.split, file))

    def lmplz(self, order, path):
        arpa = self.folder / f"{order}.arpa"
        # The fallback is for the orders where ours needs it too; on the others it changes nothing.
        options = ["-o", order, "-S", "2G", "-T", self.folder, "--discount_fallback"]
        shell(self.programs / "lmplz", *options, "--text", path, "--arpa", arpa)
        return arpa

    def build_binary(self, arpa):
        shell(self.programs / "build_binary", arpa, arpa.with_suffix(".bin"))
        return arpa.with_suffix(".bin")

    def fit_nltk(self, order, sentences):
        from nltk.lm import KneserNeyInterpolated
        from nltk.lm.preprocessing import padded_everygram_pipeline

        model = KneserNeyInterpolated(order)
        model.fit(*padded_everygram_pipeline(order, sentences))
        return model

    def perplexity(self, train, test):
        """Ours and KenLM's, with unknown words and ``</s>`` counted by both, at orders 2 to 5."""
        path, rows = self.file(train), {}
        for order in (2, 3, 4, 5):
            model = self.fit_file(order, path)
            row = rows[order] = {
                "ours": model.perplexity(map(str.split, test)),
                "ngrams": [len(table.key) for table in model.tables.values()],
                "fallback_orders": model.fallback_orders,
            }
            if self.programs:
                arpa = self.lmplz(order, path)
                said = shell(self.programs / "query", "-v", "summary", arpa, input="\n".join(test) + "\n")
                row["lmplz"] = float(re.search(r"Perplexity including OOVs:\s*(\S+)", said)[1])
                row["relative_difference"] = abs(row["ours"] / row["lmplz"] - 1)
                with open(arpa, encoding="utf-8") as file:
                    sizes = [int(line.split("=")[1]) for line in itertools.islice(file, 1, order + 1)]
                row["same_ngrams"] = sizes == row["ngrams"]
            print(f"perplexity, order {order}: {row}", flush=True)
        return rows

    def speed(self, order, train, test):
        """Seconds from a text to a model, and tokens (``</s>`` is one) scored in a second."""
        path = self.file(train)
        learn, new = [[line.split() for line in lines] for lines in (train, test)]
        tokens = sum(map(len, new)) + len(new)
        model = self.fit_file(order, path)
        ids = model.encode(new)

        training = self.ours("from a file", lambda: self.fit_file(order, path))
        training |= self.ours("from lists of words", lambda: KneserNey(order, self.device).fit(learn))
        if self.programs:
            training["lmplz, to an ARPA file"] = lambda: self.lmplz(order, path)
        training = clock(self.repeats, training)
        scoring = self.ours("from ids", lambda: model.score(ids))
        scoring |= self.ours("from lists of words", lambda: model.log2probs(new))
        if self.programs and self.kenlm:
            arpa = self.folder / f"{order}.arpa"
            training |= clock(2, {"build_binary, after lmplz": lambda: self.build_binary(arpa)})
            rival = self.kenlm.Model(str(arpa.with_suffix(".bin")))
            scoring["kenlm, score()"] = lambda: sum(map(rival.score, test))
            scoring["kenlm, full_scores()"] = lambda: [list(rival.full_scores(line)) for line in test]
        for action in scoring.values():
            action()
        scoring = clock(5 * self.repeats, scoring)
        for times in scoring.values():
            times["tokens"] = tokens
        if self.nltk:
            nltk = []  # the model, out of the clock
            training |= clock(1, {"NLTK": lambda: nltk.append(self.fit_nltk(order, learn))})
            some, count = first_words(new, 100)
            scoring |= clock(1, {"NLTK": lambda: score_nltk(nltk[0], order, some)})
            scoring["NLTK"]["tokens"] = count
        for times in scoring.values():
            times["tokens_per_second"] = times["tokens"] / times["seconds"]
        row = {"training": training, "scoring": scoring, "ratios": ratios(training, scoring)}
        print(f"speed, order {order}: {json.dumps(row, indent=1)}", flush=True)
        return row

    def growth(self, size):
        """Seconds to train on a tenth of the size, .. ten times the size."""
        lines, rows = of_world(10 * size, "en")[0], []
        for part in (0.1, 0.3, 1, 3, 10):
            total = itertools.accumulate(map(words, lines))
            path = self.file(line for line, n in zip(lines, total, strict=True) if n <= part * size)
            for order in (3, 5):
                ways = self.ours("from a file", functools.partial(self.fit_file, order, path))
                if self.programs:
                    ways["lmplz, to an ARPA file"] = functools.partial(self.lmplz, order, path)
                times = clock(3 if part <= 1 else 2, ways)
                rows.append({"words": int(part * size), "order": order, "training": times})
                rows[-1]["ratios"] = ratios(times, {})
                print(f"growth: {rows[-1]}", flush=True)
        return rows


def first_words(sentences, count):
    some = list(
        itertools.islice(
            sentences,
            next(i for i, n in enumerate(itertools.accumulate(len(s) + 1 for s in sentences), 1) if n >= count),
        )
    )
    return some, sum(len(s) + 1 for s in some)


def score_nltk(model, order, sentences):
    """NLTK walks all contexts for each word, so a hundred words must do."""
    from nltk.lm.preprocessing import pad_both_ends

    for sentence in sentences:
        padded = list(pad_both_ends(model.vocab.lookup(sentence), n=order))
        for i in range(order - 1, len(sentence) + order):
            with contextlib.suppress(ZeroDivisionError):  # its answer to some words it does not know
                model.score(padded[i], padded[i - order + 1 : i])


def ratios(training, scoring):
    """How many times faster ours is, by the fewest seconds of each: above 1 is good."""

    def best(times, beginning):
        found = [t for name, t in times.items() if name.startswith(beginning)]
        return min(found, key=lambda t: t["seconds"] / t.get("tokens", 1)) if found else None

    pairs = {
        "training: lmplz / ours from a file": (training, "lmplz", "ours, from a file"),
        "training: NLTK / ours from lists": (training, "NLTK", "ours, from lists"),
        "scoring: kenlm score() / ours from ids": (scoring, "kenlm, score()", "ours, from ids"),
        "scoring: kenlm full_scores() / ours from ids": (scoring, "kenlm, full_scores()", "ours, from ids"),
        "scoring: NLTK / ours from ids": (scoring, "NLTK", "ours, from ids"),
    }
    result = {}
    for name, (times, rival, own) in pairs.items():
        theirs, ours = best(times, rival), best(times, own)
        if theirs:
            share = theirs.get("tokens", 1) / ours.get("tokens", 1)
            result[name] = theirs["seconds"] / ours["seconds"] / share
    if "build_binary, after lmplz" in training:
        seconds = training["lmplz, to an ARPA file"]["seconds"] + training["build_binary, after lmplz"]["seconds"]
        result["ready to score: lmplz and build_binary / ours from a file"] = (
            seconds / best(training, "ours, from a file")["seconds"]
        )
    return result


def report(result):
    """The tables as text."""
    parts = [f"Missing: {how}" for how in result["missing"]]
    rows = [
        (name, order, *(f"{row[key]:{form}}" if key in row else "-" for key, form in COLUMNS.items()))
        for name, orders in result["perplexity"].items()
        for order, row in orders.items()
    ]
    parts.append(table(["perplexity of", "order", "ours", "lmplz", "difference"], rows))
    speed = [(name, order, row) for name, orders in result["speed"].items() for order, row in orders.items()]
    rows = [
        (name, order, way, *(f"{t[key]:.3f}" for key in ("seconds", "median", "slowest", "cpu_seconds")))
        for name, order, row in speed
        for way, t in row["training"].items()
    ]
    parts.append(table(["training on", "order", "way", "seconds", "median", "slowest", "processor"], rows))
    rows = [
        (name, order, way, f"{t['tokens_per_second']:,.0f}")
        for name, order, row in speed
        for way, t in row["scoring"].items()
    ]
    parts.append(table(["scoring", "order", "way", "tokens per second"], rows))
    speed += [(f"world, English, {row['words']:,} words", row["order"], row) for row in result["growth"]]
    rows = [
        (name, order, ratio, f"{value:,.2f}") for name, order, row in speed for ratio, value in row["ratios"].items()
    ]
    parts.append(table(["text", "order", "how many times as fast", ""], rows))
    return "\n\n".join(parts)


COLUMNS = {"ours": ".6f", "lmplz": ".6f", "relative_difference": ".0e"}
