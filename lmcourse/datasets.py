"""Real data, pinned and checked: one function for each source, plain lists and named tuples out.

Nothing comes with the package. A file is fetched when it is first used, from one commit of one repository
(:data:`SOURCES`), must have the checksum that is written down here, and is kept in a cache. The environment
variable ``LMCOURSE_DATA_MIRROR`` names a folder or an address to fetch from instead, laid out as
owner/repository/commit/path.
"""

import csv
import io
import re
import wave
from pathlib import Path
from typing import NamedTuple

from ._download import Damaged, Offline, fetch, fetch_all
from ._sources import SOURCES, Source

__all__ = ["SOURCES", "Damaged", "Offline", "Source", "load", "read_text"]  # and the loaders, added below


class Pair(NamedTuple):
    """The same sentence in two languages."""

    ko: str
    en: str


class Pronunciation(NamedTuple):
    """A word and its phonemes, in ARPAbet; some words have several (``variant`` 1, 2, ...)."""

    word: str
    phonemes: tuple[str, ...]
    variant: int = 1


class Exchange(NamedTuple):
    """A question with its answer; topic 0 is daily life, 1 parting, 2 love."""

    question: str
    answer: str
    topic: int


class Word(NamedTuple):
    """One row of a treebank: an eojeol or a part of one; ``head`` counts from 1, and 0 is the root."""

    form: str
    lemma: str
    upos: str
    xpos: str
    head: int
    relation: str
    space_after: bool

    @property
    def morphemes(self):
        """Pairs (form, Sejong tag); one pair for all where the treebank gives fewer forms than tags."""
        forms, tags = self.lemma.split("+"), self.xpos.split("+")
        return tuple(zip(forms, tags, strict=True)) if len(forms) == len(tags) else ((self.lemma, self.xpos),)


class Sentence(NamedTuple):
    """A sentence of a treebank."""

    id: str
    text: str
    words: tuple[Word, ...]


class Recording(NamedTuple):
    """One spoken digit: ``samples`` is a float32 array of shape (frames,) between -1 and 1."""

    digit: int
    speaker: str
    index: int
    samples: object
    rate: int


class Review(NamedTuple):
    """A film review; label 1 is good, 0 bad."""

    id: str
    text: str
    label: int


def _text(name, path):
    return fetch(SOURCES[name], path).decode("utf-8-sig")


def _lines(name, path):
    return [line.removesuffix("\r") for line in _text(name, path).removesuffix("\n").split("\n")]


def _choose(what, value, choices):
    if value not in choices:
        raise ValueError(f"{what} is one of {', '.join(map(repr, choices))}, not {value!r}")
    return value


def tinyshakespeare():
    """The plays as one str of 1,115,394 characters."""
    return _text("tinyshakespeare", "data/tinyshakespeare/input.txt")


def names():
    """First names: a list of str."""
    return _lines("names", "names.txt")


def cmudict():
    """All pronunciations of CMUdict, with stress: a list of :class:`Pronunciation`."""
    entries = []
    for line in _lines("cmudict", "cmudict.dict"):
        word, *phonemes = line.split(" #")[0].split()
        word, _, variant = word.partition("(")
        entries.append(Pronunciation(word, tuple(phonemes), int(variant.rstrip(")") or 1)))
    return entries


def g2p(split):
    """CMUdict in the split of published systems, "train" or "test": a list of :class:`Pronunciation`.

    A word may stand in several rows, one for each pronunciation; ``variant`` counts them.
    """
    path = f"jg2p-core/src/test/resources/g014b2b.{_choose('split', split, ('train', 'test'))}"
    seen, entries = {}, []
    for line in _lines("g2p", path):
        word, phonemes = line.split("\t")
        seen[word] = seen.get(word, 0) + 1
        entries.append(Pronunciation(word, tuple(phonemes.split()), seen[word]))
    return entries


def chatbot():
    """Questions and answers: a list of :class:`Exchange`."""
    rows = csv.reader(io.StringIO(_text("chatbot", "ChatbotData.csv"), newline=""))
    next(rows)
    return [Exchange(question.strip(), answer.strip(), int(topic)) for question, answer, topic in rows]


def ko_gsd(split):
    """The Korean treebank; ``split`` is "train", "dev" or "test": a list of :class:`Sentence`."""
    path = f"ko_gsd-ud-{_choose('split', split, ('train', 'dev', 'test'))}.conllu"
    sentences = []
    for block in re.split(r"\n\s*\n", _text("ko_gsd", path).replace("\r\n", "\n").strip()):
        about, words = {}, []
        for line in block.split("\n"):
            if line.startswith("#"):
                key, _, value = line[1:].partition("=")
                about[key.strip()] = value.strip()
                continue
            number, form, lemma, upos, xpos, _, head, relation, _, rest = line.split("\t")
            if number.isdigit():  # 1-2 is a span of words, 1.1 an unspoken one
                words.append(Word(form, lemma, upos, xpos, int(head), relation, "SpaceAfter=No" not in rest))
        sentences.append(Sentence(about["sent_id"], about["text"], tuple(words)))
    return sentences


def jhe(split):
    """School sentences; ``split`` is "dev" or "eval": a list of :class:`Pair`."""
    path = f"korean-english-jhe/jhe-koen-{_choose('split', split, ('dev', 'eval'))}"
    return [Pair(ko, en) for ko, en in zip(_lines("jhe", path + ".ko"), _lines("jhe", path + ".en"), strict=True)]


def python_docs_ko(part=None, markup=False):
    """Paragraphs of the Python documentation that are translated: a list of :class:`Pair`.

    Args:
        part: "tutorial", "faq" or "glossary"; ``None`` is all.
        markup: keep everything as reStructuredText (``:term:`` and the like), or only what a reader of the
            page sees, and no code examples.
    """
    source, parts = SOURCES["python_docs_ko"], ("tutorial", "faq", "glossary")
    chosen = parts if part is None else (_choose("part", part, parts),)
    paths = [path for path in source.files if path.startswith(chosen)]
    pairs = [pair for content in fetch_all(source, paths) for pair in _parse_po(content.decode("utf-8"))]
    if markup:
        return pairs
    return [Pair(_plain(ko), _plain(en)) for ko, en in pairs if "\n" not in en]  # only code keeps its lines


def _parse_po(text):
    """Pairs of a gettext file, without the header and what is obsolete, unsure or not translated."""
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        found, key = {}, None
        for match in re.finditer(r'^(msg\S+)?[ \t]*"(.*)"[ \t]*$', block, re.MULTILINE):
            key = match[1] or key
            found[key] = found.get(key, "") + re.sub(r"\\(.)", _unquoted, match[2])
        if found.get("msgid") and found.get("msgstr") and not re.search("^#,.*fuzzy", block, re.MULTILINE):
            yield Pair(found["msgstr"], found["msgid"])


def _unquoted(match):
    return {"n": "\n", "t": "\t"}.get(match[1], match[1])


_MARKUP = re.compile(
    r"``(?P<literal>.+?)``"
    r"|(?::[\w:+.-]+:)?`(?P<label>[^`]+?)(?:\s*<[^<>`]*>)?`_{0,2}"
    r"|\*\*(?P<strong>[^*]+)\*\*|(?<![\w*])\*(?P<emphasis>[^*\s][^*]*)\*(?!\w)"
    r"|\\(?P<escaped>\S|\s)",
    re.DOTALL,
)


def _plain(text):
    def shown(match):
        if match["label"] is not None:
            return match["label"].lstrip("!~")
        return "" if match[0] == "\\ " else match[match.lastgroup].replace("\n", "")

    return re.sub("::$", ":", " ".join(_MARKUP.sub(shown, text).split()))


def spoken_digits(split=None, digits=range(10), speakers=None):
    """Recordings of spoken digits: a list of :class:`Recording`.

    Args:
        split: "test" is recordings 0 to 4 of each digit and speaker, "train" the others, ``None`` all.
        digits: which digits.
        speakers: names of speakers, ``None`` for all six.
    """
    source = SOURCES["spoken_digits"]
    known = sorted({path.split("_")[1] for path in source.files})
    splits = {None: range(50), "train": range(5, 50), "test": range(5)}
    indices = splits[_choose("split", split, tuple(splits))]
    speakers = known if speakers is None else [_choose("a speaker", name, known) for name in speakers]
    digits = [_choose("a digit", digit, range(10)) for digit in digits]
    chosen = [(d, s, i) for d in digits for s in speakers for i in indices]
    contents = fetch_all(source, [f"recordings/{d}_{s}_{i}.wav" for d, s, i in chosen])
    return [Recording(*which, *_parse_wav(content)) for which, content in zip(chosen, contents, strict=True)]


def _parse_wav(content):
    import numpy as np

    with wave.open(io.BytesIO(content)) as sound:
        if (sound.getnchannels(), sound.getsampwidth()) != (1, 2):
            raise ValueError(f"expected one channel of 16 bits, not {sound.getparams()}")
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
        return (samples / np.float32(32768)).astype(np.float32), sound.getframerate()


def nsmc(split):
    """Film reviews; ``split`` is "train" (150,000) or "test" (50,000): a list of :class:`Review`."""
    rows = _lines("nsmc", f"ratings_{_choose('split', split, ('train', 'test'))}.txt")[1:]
    return [Review(number, text.strip(), int(label)) for number, text, label in (row.split("\t") for row in rows)]


_LOADERS = [tinyshakespeare, names, cmudict, g2p, chatbot, ko_gsd, jhe, python_docs_ko, spoken_digits, nsmc]
__all__ += [loader.__name__ for loader in _LOADERS]


def load(name, *args, **options):
    """Load a source by its name: ``load("g2p", "test")`` is ``g2p("test")``."""
    loaders = {loader.__name__: loader for loader in _LOADERS}
    return loaders[_choose("the name of a source", name, tuple(loaders))](*args, **options)


def read_text(path, encoding="utf-8"):
    """The lines of your own text file, without the empty ones and without spaces at their ends.

    Args:
        path: a text file in UTF-8, with or without a byte order mark, with the line ends of any system.
        encoding: the name of another encoding, such as "cp949" or "utf-16".

    Returns:
        A list of str, at least one.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is empty, or not in that encoding; the message says which one it seems to be.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r} (looked in {path.absolute().parent})")
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding)
    except UnicodeError:
        raise ValueError(f"{str(path)!r} is not in {encoding}; {_guess(content, encoding)}") from None
    except LookupError:
        raise ValueError(f"{encoding!r} is no encoding; try 'utf-8', 'cp949' or 'utf-16'") from None
    if "\0" in text:
        raise ValueError(f"{str(path)!r} is not a text file in {encoding}; {_guess(content, encoding)}")
    lines = [line.strip() for line in re.split(r"\r\n|\r|\n", text)]
    if not any(lines):
        raise ValueError(f"{str(path)!r} holds no text ({len(content)} bytes)")
    return [line for line in lines if line]


def _guess(content, tried):
    marked = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    for name in ("utf-16",) if marked else ("utf-8", "cp949"):
        try:
            if name != tried and "\0" not in content.decode(name):
                return f"it looks like {name}: read_text(..., encoding={name!r}), or save it again as UTF-8"
        except UnicodeError:
            pass
    return "save it again as plain text in UTF-8"
