"""Translation between Korean and English, by one vector for the whole sentence (chapter 04a).

Two systems, ``ko-en`` and ``en-ko``, each a :class:`~lmcourse.seq2seq.Seq2Seq` that reads and writes text: Korean as
morphemes, English as words. They learn from pairs of sentences of the world alone. Because the world knows what a
sentence means, it also knows every other way to say it: :func:`wordings` lists them, ``grade`` counts an output
that is one of them, and :func:`ceiling` says how often even a perfect translator can hit the one reference.
"""

from collections import Counter, defaultdict
from itertools import chain

import torch

from lmcourse import text, world
from lmcourse.metrics import bleu, proportion_interval
from lmcourse.seq2seq import Decoder, Encoder, Seq2Seq, TextFront
from lmcourse.tasks import HOW, Recipe, System, TextCodec, seeded
from lmcourse.text import Vocabulary
from lmcourse.training import fit
from lmcourse.world import english_text, korean_text
from lmcourse.world.choice import Dice

__all__ = [
    "DIRECTIONS", "RECIPES", "bleu_interval", "build", "ceiling", "dictionary", "korean", "learn", "nearest", "pairs",
    "recipe", "score", "settings_for", "subject", "training_records", "vocabularies", "wordings",
]  # fmt: skip

DIRECTIONS = {"ko-en": ("ko", "en"), "en-ko": ("en", "ko")}
UNITS = {"ko": "morpheme", "en": "word"}
SUBJECTS = ("name", "pronoun", "dropped", "other")

# --- the pairs ---


def training_records(count):
    """Records to learn from: the world's training records without any sentence of its standard test sets.

    They are many more than ``world.splits()`` gives, and yet its ``test`` and ``unseen`` stay new to who learns them.
    """
    small = world.splits()
    ko, en = ({getattr(r, language) for r in (*small.test, *small.unseen)} for language in ("ko", "en"))
    return [r for r in world.splits(train=count, test=1).train if r.ko not in ko and r.en not in en]


def korean(records, cut="gold"):
    """The Korean sentences as morphemes: a list of lists.

    Args:
        records: of the world.
        cut: "gold" cuts where the world has its morphemes; "kiwi" where kiwipiepy finds them, as for a sentence of
            one's own.
    """
    if cut not in ("gold", "kiwi"):
        raise ValueError(f"cut is 'gold' or 'kiwi', not {cut!r}")
    if cut == "kiwi":
        return text.split_all([r.ko for r in records], "morpheme")
    return [text.split_at(r.ko, r.morpheme_spans) for r in records]


def pairs(direction, records, cut="gold"):
    """Pairs (input, output) for a system: Korean as a list of morphemes, English as text.

    Args:
        direction: "ko-en" or "en-ko".
        records, cut: as for :func:`korean`.
    """
    _check(direction)
    both = {"ko": korean(records, cut), "en": [r.en for r in records]}
    source, target = (both[language] for language in DIRECTIONS[direction])
    return list(zip(source, target, strict=True))


# --- the system ---


def vocabularies(direction, records, min_count=3, longest=200):
    """What all settings of a translator begin with: its direction, and the vocabularies, counted in the records.

    Args:
        direction: "ko-en" or "en-ko".
        records: to learn from.
        min_count: rarer pieces are left out of the vocabularies.
        longest: a source of more pieces is refused.
    """
    _check(direction)
    cuts = {"ko": korean(records) + korean(records, "kiwi"), "en": text.split_all([r.en for r in records], "word")}
    source, target = (Vocabulary.count(cuts[one], min_count).tokens for one in DIRECTIONS[direction])
    return {"direction": direction, "source": source, "target": target, "longest": longest}


def settings_for(
    direction, records, width=64, encoder=128, decoder=128, cell="gru", dropout=0.1, min_count=3, longest=200
):  # fmt: skip
    """What :func:`build` makes a system from.

    Args:
        direction, records, min_count, longest: as for :func:`vocabularies`.
        width: of the embeddings of the source.
        encoder: the width of the encoder's state in each of its two directions; the context has twice as many numbers.
        decoder: the width of the decoder's state and of the embeddings of the target, which are its output weights too.
        cell, dropout: of both networks.
    """
    shape = {"width": width, "encoder": encoder, "decoder": decoder, "cell": cell, "dropout": dropout}
    return vocabularies(direction, records, min_count, longest) | shape


def build(settings):
    """An untrained :class:`~lmcourse.tasks.System` from the settings that :func:`settings_for` gives."""
    source, target = (UNITS[language] for language in DIRECTIONS[settings["direction"]])
    source = TextCodec(source, settings["source"], settings["longest"])
    target = TextCodec(target, settings["target"])
    rest = {"cell": settings["cell"], "dropout": settings["dropout"]}
    front = TextFront(len(source.vocabulary), settings["width"], settings["dropout"])
    encoder = Encoder(front, settings["width"], settings["encoder"], bidirectional=True, **rest)
    size = settings["decoder"]
    decoder = Decoder(len(target.vocabulary), size, size, encoder.context_size, tied=True, **rest)
    return System(Seq2Seq(encoder, decoder), source, target, max_length=120)


def learn(direction, records, epochs, lr=4e-3, batch=64, seed=0, build=build, settings_for=settings_for, **options):
    """A system trained on records; where kiwipiepy cuts a Korean source in another way, that cut is learned as well.

    Args:
        direction, records: what to learn.
        epochs, lr: as for :func:`lmcourse.training.fit`.
        batch: B, pairs in a batch.
        seed: of the first weights and of the order.
        build: makes the untrained system of its settings; chapters 06 and 08 have others.
        settings_for: makes the settings, called as ``settings_for(direction, records, **options)``.
        options: those of ``lmcourse.tasks.HOW`` go to ``fit``, all others to :func:`settings_for`.

    Returns:
        The :class:`~lmcourse.tasks.System`, its settings, and the :class:`~lmcourse.training.History`.
    """
    rest = {name: options.pop(name) for name in HOW if name in options}
    settings = settings_for(direction, records, **options)
    with seeded(seed):
        system = build(settings)
    examples = pairs(direction, records)
    if direction == "ko-en":
        by_kiwi = pairs(direction, records, "kiwi")
        examples += [other for one, other in zip(list(examples), by_kiwi, strict=True) if one != other]
    encoded = system.encode(examples)
    history = fit(system.model, system.shuffled(encoded, batch, seed), epochs=epochs, lr=lr, seed=seed, **rest)
    system.model.eval()
    return system, settings, history


# --- what a right translation is ---


class _Path(Dice):
    """Takes the choices of a path, then always the first option, and remembers what there was to choose from."""

    def __init__(self, path):
        self.path, self.taken, self.options = path, [], []

    def pick(self, choice):
        place = len(self.taken)
        self.taken.append(self.path[place] if place < len(self.path) else choice.items[0])
        self.options.append(choice.items)
        return self.taken[-1]


def wordings(record, language):
    """Every way in which the world can say what a record says, with its probability: a dict from text to p.

    They differ where a language leaves a choice: the name or a pronoun for who was just spoken of, the order, an
    optional "that", and in Korean the politeness as well. The probabilities sum to 1.

    Args:
        record: of the world.
        language: "ko" or "en".
    """
    if language not in ("ko", "en"):
        raise ValueError(f"language is 'ko' or 'en', not {language!r}")
    found = defaultdict(float)
    for register, weight in korean_text.REGISTERS.p.items() if language == "ko" else [("", 1.0)]:
        paths = [[]]
        while paths:
            dice = _Path(paths.pop())
            if language == "ko":
                said = korean_text.say(record.plan, dice, register)
            else:
                said = english_text.say(record.plan, dice)
            found[said.text] += weight * said.p
            for place in range(len(dice.path), len(dice.taken)):  # all that could have been chosen otherwise
                paths += [[*dice.taken[:place], other] for other in dice.options[place][1:]]
    return dict(found)


def ceiling(records, language):
    """The exact match of somebody who knows what every sentence means, and says it in its likeliest wording.

    More than that cannot be had, from any amount of training: the reference is one wording, drawn from several.
    """
    return sum(max(wordings(record, language).values()) for record in records) / len(records)


def subject(record, language="ko"):
    """How the sentence speaks of its subject: "name", "pronoun", "dropped" or, where it is no person, "other"."""
    if not record.plan.subject:
        return "other"
    places = getattr(record.entities[0], language)
    if not places:
        return "dropped"
    if language == "ko":
        return "pronoun" if record.morphemes[places[0]][1] == "NP" else "name"
    return "pronoun" if record.en_tokens[places[0]].lower() in ("he", "she", "they") else "name"


# --- grading ---


def bleu_interval(outputs, references, samples=1000, seed=0):
    """Where the BLEU of many more such sentences would lie, 95 % of the time: (low, high).

    The bootstrap: sentences are drawn again, with repetition, and each such sample has a BLEU (Koehn, 2004).
    """
    from sacrebleu.metrics import BLEU

    measure = BLEU(effective_order=True)
    parts = [measure.sentence_score(one, [other]) for one, other in zip(outputs, references, strict=True)]
    rows = torch.tensor([[*p.counts, *p.totals, p.sys_len, p.ref_len] for p in parts], dtype=torch.float64)  # (N, 10)
    generator = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(samples):
        total = rows[torch.randint(len(rows), (len(rows),), generator=generator)].sum(0).long().tolist()
        counts = total[:4], total[4:8], total[8], total[9]
        found.append(BLEU.compute_bleu(*counts, smooth_method="exp").score)  # as metrics.bleu does
    found.sort()
    return found[round(0.025 * (samples - 1))], found[round(0.975 * (samples - 1))]


def score(outputs, records, language):
    """How good translations into a language are, with 95 % intervals.

    Returns:
        A dict with the number of ``sentences``; ``exact``, the share that equals the reference, from ``low`` to
        ``high``; ``wording``, the share that is any wording of the same meaning, with its ``wording_low`` and
        ``wording_high``; ``bleu``, from ``bleu_low`` to ``bleu_high``.
    """
    references = [getattr(r, language) for r in records]
    exact = sum(one == other for one, other in zip(outputs, references, strict=True))
    meant = sum(one in wordings(r, language) for one, r in zip(outputs, records, strict=True))
    found = {"sentences": len(records), "exact": exact / len(records), "wording": meant / len(records)}
    found["low"], found["high"] = proportion_interval(exact, len(records))
    found["wording_low"], found["wording_high"] = proportion_interval(meant, len(records))
    found["bleu"] = bleu(outputs, references)
    found["bleu_low"], found["bleu_high"] = bleu_interval(outputs, references)
    return {name: value if name == "sentences" else round(value, 4) for name, value in found.items()}


def nearest(train, sources):
    """A baseline: the translation of the training sentence that shares most pieces with the input.

    Args:
        train: pairs (list of pieces, text).
        sources: lists of pieces.

    Returns:
        A text for each of the sources; of equally near ones the first in training.
    """
    vocabulary = Vocabulary(sorted(set(chain.from_iterable(pieces for pieces, _ in train))))

    def bags(many):  # (N, V), 1 where a piece occurs
        found = torch.zeros(len(many), len(vocabulary))
        for row, pieces in enumerate(many):
            found[row, vocabulary.encode(pieces)] = 1.0
        return found

    known = bags([pieces for pieces, _ in train])
    best = []
    for start in range(0, len(sources), 100):
        some = bags(sources[start : start + 100])
        likeness = 2 * some @ known.T / (some.sum(1, keepdim=True) + known.sum(1))  # (100, N), from 0 to 1
        best += likeness.argmax(1).tolist()
    return [train[n][1] for n in best]


def dictionary(train, records, direction):
    """Another baseline: each word by the word that it is most often aligned with, in the order of the source.

    Args:
        train: records, whose alignment makes the dictionary.
        records: to translate.
        direction: "ko-en" or "en-ko".
    """
    _check(direction)

    def sides(record):
        ko, en = [form for form, _ in record.morphemes], [word.lower() for word in record.en_tokens]
        links = record.alignment if direction == "ko-en" else [(j, i) for i, j in record.alignment]
        return *((ko, en) if direction == "ko-en" else (en, ko)), links

    counts = defaultdict(Counter)
    for source, target, links in map(sides, train):
        linked = {i for i, _ in links}
        for i, j in links:
            counts[source[i]][target[j]] += 1
        for i, word in enumerate(source):
            if i not in linked:
                counts[word][""] += 1
    best = {word: max(sorted(found), key=found.get) for word, found in counts.items()}
    outputs = []
    for source, _, _ in map(sides, records):
        words = [word for word in (best.get(word, "") for word in source) if word]
        line = english_text.join(words)
        outputs.append(line[:1].upper() + line[1:])
    return outputs


def _by(groups, right):
    """Sentences and right ones in each group: a list of dicts, in the order of the groups."""
    counted = Counter(groups)
    good = Counter(group for group, hit in zip(groups, right, strict=True) if hit)
    return [(group, counted[group], good[group]) for group in sorted(counted)]


def _grader(direction):
    source, target = DIRECTIONS[direction]

    def grade(system, quick=False):
        """The figures of a system on ``test`` and ``unseen`` of ``world.splits()``, and of two baselines."""
        splits = world.splits()
        if quick:
            splits = splits._replace(train=splits.train[:2000], test=splits.test[:50], unseen=splits.unseen[:50])
        cuts = ("gold", "kiwi") if source == "ko" else ("words",)
        found = {}
        for name, records in (("test", splits.test), ("unseen", splits.unseen)):
            found[name] = {"ceiling": round(ceiling(records, target), 4)}
            for cut in cuts:
                sources = [one for one, _ in pairs(direction, records, "gold" if cut == "words" else cut)]
                for beam in (1, 4):
                    outputs = system(sources, beam=beam)
                    key = f"{cut}, " + ("greedy" if beam == 1 else f"beam {beam}")
                    found[name][key] = score(outputs, records, target)
                    if name == "test" and beam == 1 and cut != "kiwi":
                        references = [getattr(r, target) for r in records]
                        right = [one == other for one, other in zip(outputs, references, strict=True)]
                        meant = [one in wordings(r, target) for one, r in zip(outputs, records, strict=True)]
            train = [(_pieces(one), other) for one, other in pairs(direction, splits.train)]
            sources = [_pieces(one) for one, _ in pairs(direction, records)]
            guesses = [_text(one) for one in nearest(train, sources)]
            found[name]["nearest sentence"] = score(guesses, records, target)
            found[name]["dictionary"] = score(dictionary(splits.train, records, direction), records, target)
        lengths = [len(_pieces(one)) for one, _ in pairs(direction, splits.test)]
        found["by_pieces"] = [
            {"pieces": n, "sentences": count, "right": good} for n, count, good in _by(lengths, right)
        ]
        subjects = [subject(r) for r in splits.test]
        found["by_korean_subject"] = {
            name: {"sentences": count, "right": good, "wording": said}
            for (name, count, good), (_, _, said) in zip(_by(subjects, right), _by(subjects, meant), strict=True)
        }
        if source == "ko":
            both = [(korean(records), korean(records, "kiwi")) for records in (splits.test, splits.unseen)]
            same = [a == b for gold, kiwi in both for a, b in zip(gold, kiwi, strict=True)]
            found["kiwi_cuts_as_gold"] = round(sum(same) / len(same), 4)
        return found

    return grade


def _pieces(one):
    return text.split(one, "word") if isinstance(one, str) else one


def _text(one):
    return one if isinstance(one, str) else text.join(one, "morpheme")


def _check(direction):
    if direction not in DIRECTIONS:
        raise ValueError(f"direction is 'ko-en' or 'en-ko', not {direction!r}")


SMALL = {"width": 16, "encoder": 24, "decoder": 24}


def recipe(direction, build=build, how="", settings_for=settings_for, small=SMALL, **options):
    """How the system of a direction is made.

    Args:
        direction: "ko-en" or "en-ko".
        build, settings_for, options: as for :func:`learn`.
        how: what the sentence about it ends with.
        small: options to try it out with.
    """

    def train(quick=False, seed=0, **how):
        """Train as for the system that comes with the package; ``quick`` takes little data."""
        records = training_records(2000 if quick else 80_000)
        system, settings, _ = learn(
            direction, records, epochs=2 if quick else EPOCHS, seed=seed, build=build, settings_for=settings_for,
            **how, **(small if quick else options),
        )  # fmt: skip
        return system, settings

    languages = {"ko": "Korean", "en": "English"}
    about = " into ".join(languages[one] for one in DIRECTIONS[direction])
    return Recipe(f"Translation of {about}, of sentences of the world{how}.", build, train, _grader(direction))


EPOCHS = 14
RECIPES = {direction: recipe(direction) for direction in DIRECTIONS}
