"""Text into pieces and back: units of Korean, vocabularies, byte pairs, padding and batches.

Every ``split`` has a ``join`` that gives back the exact text, whatever the text is. The convention is
SentencePiece's (Kudo and Richardson, 2018), made exact. A space is written ``▁``. Among eojeol, morphemes,
words and byte pairs, a piece that begins a word carries it in front, the first word of the text included, so
that a word is the same piece wherever it stands; among syllables, jamo and characters it is a piece of its
own. Any other white space, and a ``▁`` or ``▔`` of the text itself, is written as its code point between two
``▔``: a new line is ``▔a▔``. So no piece holds white space, and pieces can be written to a file with spaces
between them.
"""

import re
import unicodedata
from collections import Counter
from functools import cache
from itertools import chain, pairwise

import torch

MARK, ESCAPE = "▁", "▔"
UNITS = ("eojeol", "morpheme", "syllable", "jamo", "word", "character")
SPECIALS = ("<pad>", "<unk>", "<s>", "</s>")

_EOJEOL = re.compile(r" ?\S+|\s")
_WORD = re.compile(r" ?(?:\d+(?:[.,]\d+)*|\w+(?:['’]\w+)*|[^\w\s])|\s")
_SYLLABLE = re.compile("[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?")  # 19 initials, 21 vowels, 27 finals


def split(text, unit):
    """Cut a text into pieces that :func:`join` puts together again.

    Args:
        text: any string.
        unit: ``"eojeol"`` (what stands between spaces), ``"morpheme"`` (as kiwipiepy finds them; a
            contraction such as 했 stays one piece), ``"syllable"`` (a Korean block or another letter with its
            accents), ``"jamo"`` (the two or three parts of each syllable, as Unicode's conjoining jamo, so
            that an initial and a final consonant differ), ``"word"`` (words, numbers and punctuation, for
            English), ``"character"`` (code points).

    Returns:
        A list of strings without white space; of an empty text, an empty list.

    Raises:
        ValueError: there is no such unit.
    """
    return split_all([text], unit)[0]


def split_all(texts, unit):
    """:func:`split` for many texts: a list of lists; for morphemes much faster than one by one."""
    texts = list(texts)
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"a text is a string, not {text!r}")
    if _known(unit) == "morpheme":
        found = _kiwi().tokenize(texts)
        return [split_at(text, [(t.start, t.end) for t in one]) for text, one in zip(texts, found, strict=True)]
    if unit in ("eojeol", "word"):
        pattern = _EOJEOL if unit == "eojeol" else _WORD
        return [[_escape(piece) for piece in pattern.findall(" " + text)] if text else [] for text in texts]
    cut = {"syllable": _blocks, "jamo": _jamo, "character": list}[unit]
    return [[piece if unit == "jamo" else _escape(piece) for piece in cut(text)] for text in texts]


def split_at(text, spans):
    """Cut a text into morphemes at given places, such as the gold spans of the world.

    Args:
        text: any string.
        spans: pairs (start, end) of positions in the text; only the starts cut. Spans that start at the same
            place make one piece, and the gaps between eojeol always cut.

    Returns:
        The pieces; ``join(pieces, "morpheme")`` is the text.

    Raises:
        ValueError: a span lies outside the text.
    """
    if not text:
        return []
    marked, cuts = " " + text, {0}
    for start, end in spans:
        if not 0 <= start <= end <= len(text):
            raise ValueError(f"the span ({start}, {end}) lies outside a text of {len(text)} characters: {text!r}")
        if start < len(text) and not marked[start].isspace() and not text[start].isspace():
            cuts.add(start + 1)
    cuts.update(match.start() for match in _EOJEOL.finditer(marked))
    return [_escape(marked[start:end]) for start, end in pairwise([*sorted(cuts), len(marked)])]


def join(pieces, unit):
    """The text that the pieces make: the exact inverse of :func:`split`; any other pieces join as well."""
    text = "".join(pieces)
    if _known(unit) == "jamo":
        text = _SYLLABLE.sub(_compose, text)
    return _unescape(text.removeprefix(MARK) if unit in ("eojeol", "morpheme", "word") else text)


def _known(unit):
    if unit not in UNITS:
        raise ValueError(f"there is no unit {unit!r}; the units are {', '.join(UNITS)}")
    return unit


def _escape(text):
    return re.sub(r"[\s▁▔]", lambda m: MARK if m[0] == " " else f"{ESCAPE}{ord(m[0]):x}{ESCAPE}", text)


def _unescape(text):
    def character(match):
        code = int(match[1], 16) if match[1] else ord(" ")
        return chr(code) if code <= 0x10FFFF else match[0]

    return re.sub("▁|▔([0-9a-f]{1,6})▔", character, text)


def _blocks(text):
    """What the eye takes for one letter: a base with its marks, old Hangul with its parts, joined emoji."""
    blocks = []
    for letter in text:
        mark = unicodedata.category(letter)[0] == "M" or letter == "\u200d"  # accents; the joiner of emoji
        part = "\u1160" <= letter <= "\u11ff" or "\ud7b0" <= letter <= "\ud7fb"  # conjoining vowels and finals
        last = blocks[-1][-1] if blocks else " "
        if not last.isspace() and (mark or last == "\u200d" or part and _is_hangul(last)):
            blocks[-1] += letter
        else:
            blocks.append(letter)
    return blocks


def _is_hangul(letter):
    return "\u1100" <= letter <= "\u11ff" or "\ua960" <= letter <= "\ua97f" or "\uac00" <= letter <= "\ud7ff"


def _jamo(text):
    """Syllables into conjoining jamo; those that the text holds already are escaped."""
    pieces = []
    for letter in text:
        if "가" <= letter <= "힣":
            pieces += unicodedata.normalize("NFD", letter)
        elif "\u1100" <= letter <= "\u11ff":
            pieces.append(f"{ESCAPE}{ord(letter):x}{ESCAPE}")
        else:
            pieces.append(_escape(letter))
    return pieces


def _compose(match):
    return unicodedata.normalize("NFC", match[0])


@cache
def _kiwi():
    from kiwipiepy import Kiwi

    return Kiwi()


class Vocabulary:
    """Tokens with their numbers: the specials first, then the tokens.

    Args:
        tokens: the tokens in the order of their numbers; repetitions count once, and a ``set`` is sorted
            first.
        specials: tokens that every vocabulary of a model has; ``"<unk>"`` among them stands for unknown
            tokens.
    """

    def __init__(self, tokens, specials=SPECIALS):
        if isinstance(tokens, str):
            raise TypeError(f"a vocabulary needs a list of tokens, not one string; list({tokens[:20]!r}) gives letters")
        tokens = sorted(tokens) if isinstance(tokens, (set, frozenset)) else tokens
        self.tokens = list(dict.fromkeys(chain(specials, tokens)))
        self.ids = {token: number for number, token in enumerate(self.tokens)}
        self.specials = tuple(specials)

    @classmethod
    def count(cls, sentences, min_count=1, size=None, specials=SPECIALS):
        """The vocabulary of lists of tokens: the most frequent first, equals in the order of their letters.

        Args:
            sentences: lists of tokens.
            min_count: rarer tokens are left out.
            size: at most so many tokens, specials included.
            specials: as for the class.
        """
        counts = Counter()
        for sentence in sentences:
            if isinstance(sentence, str):
                raise TypeError(f"each sentence is a list of tokens, not the string {sentence[:40]!r}; split it first")
            counts.update(sentence)
        kept = [token for token, count in counts.items() if count >= min_count and token not in specials]
        kept.sort(key=lambda token: (-counts[token], token))
        return cls(kept if size is None else kept[: max(0, size - len(specials))], specials)

    def __len__(self):
        return len(self.tokens)

    def __contains__(self, token):
        return token in self.ids

    def __getitem__(self, token):
        """The number of one token, or that of ``"<unk>"``."""
        number = self.ids.get(token, self.ids.get("<unk>"))
        if number is None:
            raise KeyError(f"{token!r} is not among the {len(self)} tokens, and there is no '<unk>' to stand for it")
        return number

    def __repr__(self):
        return f"Vocabulary({len(self)} tokens: {' '.join(self.tokens[:8])} ...)"

    def encode(self, tokens):
        """Numbers of tokens: a list of int."""
        if isinstance(tokens, str):
            raise TypeError(f"encode needs a list of tokens, not the string {tokens[:40]!r}; split it first")
        return [self[token] for token in tokens]

    def decode(self, ids, specials=True):
        """Tokens of numbers (a list or a 1-D tensor); ``specials=False`` leaves the specials out."""
        ids = ids.tolist() if hasattr(ids, "tolist") else list(ids)
        for number in ids:
            if not 0 <= number < len(self):
                raise IndexError(f"there is no token {number}: the vocabulary has {len(self)}, from 0")
        tokens = [self.tokens[number] for number in ids]
        return tokens if specials else [token for token in tokens if token not in self.specials]


class BPE:
    """Byte-pair encoding (Sennrich et al., 2016) learned by :func:`train_bpe`; pieces join to the exact text.

    A character that was not seen in training is spelled by its code point, as white space is: nothing is
    unknown.
    """

    def __init__(self, tokenizer, specials=SPECIALS):
        self.tokenizer = tokenizer
        found = tokenizer.get_vocab()
        self.vocabulary = Vocabulary(sorted(found, key=found.get), specials)
        self._alphabet = {token for token in found if len(token) == 1}

    def split(self, text):
        """The pieces of a text, a list of str."""
        return self.split_all([text])[0]

    def split_all(self, texts):
        """The pieces of many texts at once, a list of lists."""
        ready = [self._spell(_escape(" " + text)) if text else "" for text in texts]
        return [encoding.tokens for encoding in self.tokenizer.encode_batch(ready)]

    def _spell(self, text):
        unknown = set(text) - self._alphabet
        return "".join(f"{ESCAPE}{ord(c):x}{ESCAPE}" if c in unknown else c for c in text) if unknown else text

    def join(self, pieces):
        """The text that the pieces make."""
        return join(pieces, "word")

    def encode(self, text):
        """Numbers of the pieces of a text, a list of int."""
        return self.vocabulary.encode(self.split(text))

    def decode(self, ids):
        """The text of some numbers; specials are left out."""
        return self.join(self.vocabulary.decode(ids, specials=False))

    def __len__(self):
        return len(self.vocabulary)

    def __repr__(self):
        return f"BPE({len(self)} pieces)"


def train_bpe(texts, size, specials=SPECIALS):
    """Learn byte-pair encoding: start from letters, merge the most frequent pair, again and again.

    Args:
        texts: strings.
        size: how many pieces to end with, specials included; fewer when the texts have no pair left to merge.
        specials: as for :class:`Vocabulary`.

    Raises:
        ValueError: the size is too small to hold every letter of the texts.
    """
    import tokenizers

    if isinstance(texts, str):
        raise TypeError(f"train_bpe needs a list of texts, not the one string {texts[:40]!r}")
    texts = [_escape(" " + text) for text in texts]
    alphabet = sorted(set(MARK + ESCAPE + "0123456789abcdef").union(*texts))
    if size < len(alphabet) + len(specials):
        needed = f"{len(alphabet)} letters and {len(specials)} specials"
        raise ValueError(f"{size} pieces are too few for the {needed} that these texts need")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Split(MARK, "merged_with_next")
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=size - len(specials), initial_alphabet=alphabet, min_frequency=2, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return BPE(tokenizer, specials)


def pad(sequences, value=0):
    """Lists of numbers of different lengths as one tensor.

    Args:
        sequences: B lists (or 1-D tensors) of int.
        value: what fills the ends.

    Returns:
        The numbers, of shape (B, T) with T the longest length, and a boolean mask of the same shape that is
        True where a real token stands.

    Raises:
        ValueError: there is no sequence at all.
    """
    rows = [torch.as_tensor(row, dtype=torch.long) for row in sequences]
    if not rows or any(row.dim() != 1 for row in rows):
        raise ValueError(f"pad needs a list of at least one list of numbers, not {sequences!r}")
    lengths = torch.tensor([len(row) for row in rows])
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)  # (B, T)
    return ids, torch.arange(ids.shape[1]) < lengths[:, None]


def batches(items, size, seed=None, length=len):
    """Go once through the items in batches of similar length, so that little is padding.

    Args:
        items: a list of anything; of pairs, say, with ``length=lambda pair: len(pair[0])``.
        size: how many items a batch has; the last of them may have fewer.
        seed: an int or a ``torch.Generator`` to shuffle with: items of similar length come together by
            chance, and the batches in any order. ``None`` keeps the given order.
        length: the function that measures an item.

    Yields:
        Lists of items.

    Raises:
        ValueError: the size is below 1.
    """
    if size < 1:
        raise ValueError(f"a batch has at least 1 item, not {size}")
    items = list(items)
    order = list(range(len(items)))
    starts = list(range(0, len(items), size))
    if seed is not None:
        generator = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(seed)
        mixed = torch.randperm(len(items), generator=generator).tolist()
        pools = (mixed[i : i + 100 * size] for i in range(0, len(items), 100 * size))
        order = [n for pool in pools for n in sorted(pool, key=lambda n: length(items[n]))]
        starts = [starts[n] for n in torch.randperm(len(starts), generator=generator)]
    for start in starts:
        yield [items[n] for n in order[start : start + size]]


def windows(ids, size, length, ignore=()):
    """Cut one long text into streams that are read side by side, window after window.

    The text is cut into ``size`` streams of equal length. Each window takes the next ``length`` tokens of every
    stream, so that row b of a window goes on where row b of the one before has stopped, and a recurrent network can
    keep its state from one to the next (chapter 02).

    Args:
        ids: a list or a 1-D tensor of numbers, in the order of the text.
        size: B, the number of streams.
        length: T, the number of tokens in a window; the last window may be shorter.
        ignore: numbers that are read but need not be predicted, such as that of ``"<s>"``: as targets they are -100.

    Yields:
        Dicts of ``ids`` and ``targets``, both (B, T): the target of a token is the token after it. Over all windows,
        every token is a target once, except the very first and the fewer than ``size`` at the end that would make
        the streams unequal.

    Raises:
        ValueError: the size or the length is below 1, or the text is too short to give each stream one token.
    """
    ids = torch.as_tensor(ids, dtype=torch.long)
    if size < 1 or length < 1:
        raise ValueError(f"windows have at least 1 stream and 1 token, not size={size} and length={length}")
    if ids.dim() != 1 or len(ids) <= size:
        raise ValueError(f"{size} streams need one list of more than {size} numbers, not shape {tuple(ids.shape)}")
    long = (len(ids) - 1) // size
    here, following = (ids[start : start + size * long].view(size, long) for start in (0, 1))  # (B, all T)
    if ignore:
        following = following.masked_fill(torch.isin(following, torch.tensor(list(ignore))), -100)
    for start in range(0, long, length):
        yield {"ids": here[:, start : start + length], "targets": following[:, start : start + length]}
