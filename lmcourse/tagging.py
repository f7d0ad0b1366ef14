"""Tagging: the morphemes of a raw Korean sentence with their parts of speech (chapter 04b).

The network of chapter 04 reads syllables and writes morphemes: the syllables of each, and then its tag. The output
has another length than the input, because 했 is one syllable and two morphemes, 하 and 였. :class:`MorphemeCodec`
writes such an output down, :func:`parse` reads it, and :func:`grade` compares it with the gold. :class:`Dictionary` is
the baseline: what a reader of the training sentences can look up.
"""

import re
from collections import Counter, defaultdict
from typing import NamedTuple

from lmcourse import world
from lmcourse.metrics import exact_match, f1
from lmcourse.seq2seq import Decoder, Encoder, Seq2Seq, TextFront
from lmcourse.tasks import Recipe, System, TextCodec, seeded
from lmcourse.text import MARK, Vocabulary, split
from lmcourse.training import fit

__all__ = [
    "RECIPES", "Analysis", "Dictionary", "MorphemeCodec", "analyse", "build", "eojeols", "grade", "gsd_eojeols",
    "kiwi_morphemes", "nouns", "pairs", "parse", "particles", "pieces", "settings_for", "tag",
    "written",
]  # fmt: skip

LONGEST = 120  # syllables of a sentence, spaces among them


# Morphemes as text


def written(morphemes):
    """Pairs (form, tag) as one line: ``민수/NNP 가/JKS``."""
    return " ".join(f"{form}/{tag}" for form, tag in morphemes)


def parse(line):
    """The pairs (form, tag) of a line such as ``민수/NNP 가/JKS``; the last slash of a piece counts.

    A network can write anything. A piece without a form, or without a tag of capital letters, is kept whole with the
    tag ``"?"``: nothing is lost, and it is never right.
    """
    found = []
    for piece in line.split():
        form, slash, tag = piece.rpartition("/")
        found.append((form, tag) if form and slash and re.fullmatch("[A-Z]+", tag) else (piece, "?"))
    return found


def pieces(morphemes):
    """What the network writes: the syllables of each morpheme, and then its tag as one piece.

    >>> pieces([("민수", "NNP"), ("가", "JKS")])
    ['민', '수', '/NNP▁', '가', '/JKS▁']
    """
    return [piece for form, tag in morphemes for piece in (*split(form, "syllable"), f"/{tag}{MARK}")]


class MorphemeCodec(TextCodec):
    """Morphemes as ids, and ids as a line that :func:`parse` reads.

    An item is a list of pairs (form, tag). The arguments are those of :class:`~lmcourse.tasks.TextCodec`.
    """

    def encode_all(self, items):
        """The ids of many lists of pairs."""
        return super().encode_all([pieces(item) for item in items])

    def decode(self, ids):
        """The line of some ids, without its last space."""
        return super().decode(ids).rstrip(" ")


# The system


def build(settings):
    """An untrained tagger: a :class:`~lmcourse.tasks.System` from syllables to morphemes.

    Args:
        settings: a dict with ``source`` and ``target`` (settings of the codecs), ``embedding``, ``hidden`` (of each
            direction of the encoder), ``width`` (of the decoder, its embeddings and its state), ``cell`` and
            ``dropout``.
    """
    source, target = TextCodec(**settings["source"]), MorphemeCodec(**settings["target"])
    hidden, width, cell, dropout = (settings[key] for key in ("hidden", "width", "cell", "dropout"))
    front = TextFront(len(source.vocabulary), settings["embedding"], dropout)
    encoder = Encoder(front, settings["embedding"], hidden, cell, bidirectional=True)
    decoder = Decoder(len(target.vocabulary), width, width, encoder.context_size, cell, dropout=dropout, tied=True)
    return System(Seq2Seq(encoder, decoder), source, target, max_length=2 * LONGEST)


def settings_for(pairs, embedding=64, hidden=128, width=160, cell="gru", dropout=0.1):
    """The settings of a tagger for pairs (sentence, morphemes): their syllables and tags make the vocabularies."""
    read = Vocabulary.count(split(sentence, "syllable") for sentence, _ in pairs)
    write = Vocabulary.count(pieces(morphemes) for _, morphemes in pairs)
    return {
        "source": {"unit": "syllable", "tokens": read.tokens, "longest": LONGEST},
        "target": {"unit": "syllable", "tokens": write.tokens},
        "embedding": embedding, "hidden": hidden, "width": width, "cell": cell, "dropout": dropout,
    }  # fmt: skip


def pairs(records):
    """Pairs (sentence, morphemes) of records of the world, to train on."""
    return [(record.ko, list(record.morphemes)) for record in records]


def tag(system, sentences, beam=1):
    """The morphemes of many sentences: for each a list of pairs (form, tag)."""
    return [parse(line) for line in system(list(sentences), beam=beam)]


class Analysis(NamedTuple):
    """One sentence, taken apart.

    Args:
        morphemes: pairs (form, tag); a piece that is no morpheme has the tag ``"?"``.
        unknown: syllables that the tagger has never seen; it reads all of them as one and the same unknown syllable.
        finished: whether the output came to its end, rather than to the longest length.
    """

    morphemes: list[tuple[str, str]]
    unknown: list[str]
    finished: bool


def analyse(system, sentence, beam=4):
    """Tag one sentence of a reader, and say what the tagger could not read.

    Raises:
        ValueError: the sentence is empty or too long, or the tagger knows not one of its letters.
    """
    sentence = " ".join(sentence.split())
    best = system.search([sentence], beam=beam)[0][0]
    unknown = [piece for piece in system.source.unknown(sentence) if piece != MARK]
    return Analysis(parse(system.target.decode(best.ids)), unknown, best.finished)


# Grading


def nouns(morphemes):
    """The pairs (form, tag) that are nouns: NNG common, NNP proper, NNB bound."""
    return [(form, tag) for form, tag in morphemes if tag.startswith("NN")]


def particles(morphemes):
    """The pairs (form, tag) that are particles: JKS, JKO, JX and the other tags with J."""
    return [(form, tag) for form, tag in morphemes if tag.startswith("J")]


def grade(found, gold):
    """Figures for lists of pairs (form, tag), one list for each sentence.

    A pair is right if the gold of the same sentence has the same form with the same tag; if it occurs twice, it counts
    twice. ``exact`` is the part of the sentences in which everything is right, in the right order.

    Returns:
        A dict of numbers from 0 to 1, ``nouns``, ``particles`` and ``morphemes`` (F1 of each), ``noun_forms`` and
        ``particle_forms`` (F1 where the kind of noun or particle may be another one, NNG instead of NNP), and
        ``exact``.
    """
    found, gold = [list(map(tuple, one)) for one in found], [list(map(tuple, one)) for one in gold]
    return {
        "nouns": f1(map(nouns, found), map(nouns, gold)).f1,
        "particles": f1(map(particles, found), map(particles, gold)).f1,
        "morphemes": f1(found, gold).f1,
        "noun_forms": f1(map(_forms, map(nouns, found)), map(_forms, map(nouns, gold))).f1,
        "particle_forms": f1(map(_forms, map(particles, found)), map(_forms, map(particles, gold))).f1,
        "exact": exact_match(found, gold),
    }


def _forms(morphemes):
    return [form for form, _ in morphemes]


def kiwi_morphemes(sentences):
    """What kiwipiepy finds, in the notation of the world: for each sentence a list of pairs (form, tag).

    Its final consonants become letters of their own (ㄴ), as in the Sejong corpus, and the marks of regular and
    irregular verbs (VV-R, VV-I) are left out.
    """
    from lmcourse.text import _kiwi

    letters = dict(
        zip(map(chr, range(0x11A8, 0x11C3)), "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ", strict=True)
    )
    table = str.maketrans(letters)
    found = _kiwi().tokenize(list(sentences))
    return [[(token.form.translate(table), token.tag.split("-")[0]) for token in one] for one in found]


# The baseline


def eojeols(record):
    """The eojeol of a record of the world, what stands between spaces: pairs (eojeol, its morphemes)."""
    found = [(match.start(), match.group(), []) for match in re.finditer(r"\S+", record.ko)]
    for morpheme, (start, _) in zip(record.morphemes, record.morpheme_spans, strict=True):
        next(part for place, _, part in reversed(found) if place <= start).append(morpheme)
    return [(eojeol, part) for _, eojeol, part in found]


def gsd_eojeols(sentence):
    """The same for a sentence of UD Korean-GSD: pairs (eojeol, morphemes); words without a space between are one."""
    found, text = [], ""
    part = []
    for word in sentence.words:
        forms, tags = word.lemma.split("+"), word.xpos.split("+")
        if len(forms) != len(tags):  # the word is a plus sign itself, or the file is not sure
            forms, tags = [word.form], [tags[0]]
        text, part = text + word.form, [*part, *zip(forms, tags, strict=True)]
        if word.space_after:
            found, text, part = [*found, (text, part)], "", []
    return [*found, (text, part)] if text else found


class Dictionary:
    """The baseline: look each eojeol up, and if it is new, put it together from a known beginning and a known ending.

    Args:
        examples: pairs (eojeol, morphemes). An eojeol, a beginning or an ending that occurs with several analyses keeps
            the most frequent one.
    """

    def __init__(self, examples):
        counts = [defaultdict(Counter) for _ in range(3)]
        for eojeol, morphemes in examples:
            counts[0][eojeol][tuple(morphemes)] += 1
            place = 0
            for n, (form, _) in enumerate(morphemes[:-1], 1):
                if not eojeol.startswith(form, place):  # from here on morphemes have fused
                    break
                place += len(form)
                counts[1][eojeol[:place]][tuple(morphemes[:n])] += 1
                counts[2][eojeol[place:]][tuple(morphemes[n:])] += 1
        best = [{key: max(sorted(c), key=c.__getitem__) for key, c in count.items()} for count in counts]
        self.wholes, self.beginnings, self.endings = best

    def __call__(self, sentence):
        """The morphemes of a sentence: a list of pairs (form, tag)."""
        return [morpheme for eojeol in sentence.split() for morpheme in self.look_up(eojeol)]

    def look_up(self, eojeol):
        """The morphemes of one eojeol. Of several ways to cut it, the longest known beginning wins; if there is
        none, all before the longest known ending is taken for a noun."""
        if eojeol in self.wholes:
            return list(self.wholes[eojeol])
        cuts = [(eojeol[:n], eojeol[n:]) for n in range(len(eojeol) - 1, 0, -1)]
        for beginning, ending in cuts:
            known = self.wholes.get(beginning) or self.beginnings.get(beginning)
            if known and ending in self.endings:
                return [*known, *self.endings[ending]]
        for beginning, ending in reversed(cuts):
            if ending in self.endings:
                return [(beginning, "NNG"), *self.endings[ending]]
        return [(eojeol, "NNG")]


# The recipe


def _train(quick=False, seed=0, **how):
    learn = pairs(world.splits().train[: 2000 if quick else None])
    settings = settings_for(learn)
    with seeded(seed):
        system = build(settings)
    batches = system.shuffled(system.encode(learn), 64, seed)
    fit(system.model, batches, epochs=1 if quick else 15, lr=4e-3, seed=seed, **how)
    return system, settings


def _grade(system, quick=False):
    parts, figures = world.splits(), {}
    for name in ("test", "unseen"):
        records = getattr(parts, name)[: 100 if quick else None]
        found = grade(tag(system, [r.ko for r in records]), [r.morphemes for r in records])
        figures[name] = {key: round(value, 4) for key, value in found.items()}
    return figures


RECIPES = {
    "tagger": Recipe(
        "Korean syllables into morphemes with their tags, of sentences of the world.", build, _train, _grade
    ),
}
