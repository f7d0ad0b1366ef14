"""WordPiece: words where they are known, pieces of words where they are not (chapter 09).

A word is cut from the left into the longest pieces that the vocabulary has; a piece that goes on within a word begins
with ``##`` (Schuster and Nakajima, 2012; Devlin et al., 2019). Cutting and learning are done by the ``tokenizers``
library; this class adds the marks that BERT reads: ``[CLS]`` at the beginning, ``[SEP]`` behind each part.
"""

import json
from pathlib import Path
from typing import NamedTuple

import tokenizers

__all__ = ["MARKS", "Encoded", "WordPiece", "train_wordpiece"]

MARKS = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"


class Encoded(NamedTuple):
    """A text, or a pair of texts, as BERT reads it.

    Args:
        ids: T whole numbers.
        segments: T numbers, 0 up to the first ``[SEP]`` and 1 behind it.
        tokens: T strings.
        spans: for each token its place (start, end) in the text it comes from; (0, 0) for marks.
        words: for each token the number of the word in its text, from 0; ``None`` for marks.
    """

    ids: list[int]
    segments: list[int]
    tokens: list[str]
    spans: list[tuple[int, int]]
    words: list[int | None]


class WordPiece:
    """Texts into ids and back.

    Args:
        tokenizer: a ``tokenizers.Tokenizer`` with a WordPiece vocabulary that has the five marks of BERT.
    """

    def __init__(self, tokenizer):
        if not isinstance(tokenizer.model, tokenizers.models.WordPiece):
            raise ValueError(f"BERT reads pieces of words, and this is a tokenizer of {type(tokenizer.model).__name__}")
        missing = [mark for mark in MARKS if tokenizer.token_to_id(mark) is None]
        if missing:
            raise ValueError(f"a vocabulary for BERT has {', '.join(MARKS)}, and this one lacks {', '.join(missing)}")
        self.tokenizer = tokenizer
        self.pad, self.unk, self.cls, self.sep, self.mask = map(tokenizer.token_to_id, MARKS)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokenizer.post_processor = tokenizers.processors.BertProcessing(("[SEP]", self.sep), ("[CLS]", self.cls))

    @classmethod
    def from_vocabulary(cls, tokens, lowercase=False):
        """From the tokens in the order of their ids.

        Args:
            tokens: strings, the five marks among them.
            lowercase: whether letters are made small and lose their accents. Not for Korean: without "accents" a
                syllable falls apart into its letters.
        """
        tokens = list(tokens)
        ids = {token: n for n, token in enumerate(tokens)}
        if len(ids) != len(tokens):
            raise ValueError("a vocabulary has each token once")
        made = tokenizers.Tokenizer(tokenizers.models.WordPiece(ids, unk_token="[UNK]"))
        _rules(made, lowercase)
        made.add_special_tokens([mark for mark in MARKS if mark in ids])
        return cls(made)

    @classmethod
    def from_pretrained(cls, name):
        """From a folder with ``tokenizer.json`` or ``vocab.txt``, or from the hub.

        Args:
            name: a folder, or the name of a model on the hub, such as ``"google-bert/bert-base-uncased"``.
        """
        from lmcourse.bert import find_file

        whole = find_file(name, "tokenizer.json", required=False)
        if whole is not None:
            try:
                return cls(tokenizers.Tokenizer.from_file(str(whole)))
            except Exception as error:  # it knows no other kind
                raise ValueError(f"{str(whole)!r} is no tokenizer of a BERT: {error}") from None
        text = find_file(name, "vocab.txt").read_text(encoding="utf-8")
        tokens = text.removesuffix("\n").split("\n")  # splitlines would also split at rare characters that are tokens
        settings = find_file(name, "tokenizer_config.json", required=False)
        about = {} if settings is None else json.loads(settings.read_text(encoding="utf-8"))
        made = cls.from_vocabulary(tokens, lowercase=about.get("do_lower_case", True))
        if about.get("strip_accents") is not None:
            made.tokenizer.normalizer.strip_accents = about["strip_accents"]
        made.tokenizer.normalizer.handle_chinese_chars = about.get("tokenize_chinese_chars", True)
        return made

    def save(self, folder):
        """Write ``tokenizer.json`` and what ``transformers`` wants to know beside it."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer.save(str(folder / "tokenizer.json"))
        names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), MARKS, strict=True))
        rules = {"do_lower_case": "lowercase", "strip_accents": "strip_accents"}
        rules |= {"tokenize_chinese_chars": "handle_chinese_chars"}
        about = {theirs: getattr(self.tokenizer.normalizer, ours, None) for theirs, ours in rules.items()}
        about = {"tokenizer_class": "BertTokenizer", **about, **names}
        (folder / "tokenizer_config.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")

    @property
    def tokens(self):
        """All tokens, in the order of their ids."""
        found = self.tokenizer.get_vocab()
        return sorted(found, key=found.get)

    def __len__(self):
        return self.tokenizer.get_vocab_size()

    def __repr__(self):
        return f"WordPiece({len(self)} tokens)"

    def split(self, text):
        """The pieces of a text, without marks."""
        return self.tokenizer.encode(text, add_special_tokens=False).tokens

    def encode(self, text, second=None):
        """``[CLS] text [SEP]``, or ``[CLS] text [SEP] second [SEP]``: an :class:`Encoded`."""
        return self.encode_all([text if second is None else (text, second)])[0]

    def encode_all(self, items, marks=True):
        """:meth:`encode` for many texts or pairs at once, which is much faster.

        Args:
            items: strings, or pairs of strings.
            marks: whether ``[CLS]`` and ``[SEP]`` are put in.
        """
        items = list(items)
        for item in items:
            if not isinstance(item, str) and not (isinstance(item, tuple) and len(item) == 2):
                raise TypeError(f"BERT reads a text or a pair of texts, not {item!r:.80}")
        found = self.tokenizer.encode_batch(items, add_special_tokens=marks)
        return [Encoded(e.ids, e.type_ids, e.tokens, e.offsets, e.word_ids) for e in found]

    def decode(self, ids, marks=False):
        """The text of some ids. WordPiece forgets where there was no space: it comes back as it would be typed."""
        ids = ids.tolist() if hasattr(ids, "tolist") else list(ids)
        if wrong := [n for n in ids if not 0 <= n < len(self)]:
            raise IndexError(f"there is no id {wrong[0]}: the vocabulary has {len(self)}, from 0")
        return self.tokenizer.decode(ids, skip_special_tokens=not marks)


def _rules(tokenizer, lowercase):
    # strip_accents=None would follow lowercase, and take Hangul apart
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=lowercase, strip_accents=lowercase)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = tokenizers.decoders.WordPiece()


def train_wordpiece(texts, size, lowercase=False):
    """Learn a vocabulary: start from letters, and join the pair of pieces that is most frequent, again and again.

    Args:
        texts: strings, or a function without arguments that gives them; a generator is read once.
        size: V, how many tokens to end with, the marks among them; fewer where there is nothing left to join.
        lowercase: as for :meth:`WordPiece.from_vocabulary`.

    Returns:
        A :class:`WordPiece`.
    """
    if isinstance(texts, str):
        raise TypeError(f"train_wordpiece needs many texts, not the one string {texts[:40]!r}")
    texts = texts if callable(texts) else list(texts).__iter__
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    _rules(tokenizer, lowercase)
    words = set()
    for text in texts():
        whole = tokenizer.normalizer.normalize_str(text)
        words.update(word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(whole))
    if not words:
        raise ValueError("there is no word in these texts to learn from")
    # of pairs that are equally frequent the library joins that with lower numbers, which without this are of any order
    letters = [f"##{letter}" for letter in sorted({letter for word in words for letter in word[1:]})]
    trainer = tokenizers.trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=[*MARKS, *letters], min_frequency=2, show_progress=False
    )
    tokenizer.train_from_iterator(texts(), trainer)
    if tokenizer.get_vocab_size() > size:
        raise ValueError(f"{size} tokens are too few: the letters and marks alone are {tokenizer.get_vocab_size()}")
    found = tokenizer.get_vocab()
    return WordPiece.from_vocabulary(sorted(found, key=found.get), lowercase)
