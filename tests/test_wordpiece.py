"""Is it right: equal to ``transformers`` and to the rule itself, spans, words, the way back; then bad input."""

import json
import random

import pytest
import tokenizers
import torch

from lmcourse.wordpiece import MARKS, WordPiece, train_wordpiece

WORDS = [
    "see", "##n", "##ing", "s", "##e", "a", "b", "ab", "abc", "##b", "##c", "##bc", "##cd", "##d", "cafe", "café",
    "##s", "나는", "나", "##는", "사과", "사", "##과", "##를", "먹", "##었", "##다", "É", "e", "é", "The", "the",
    ".", ",", "!", "東", "京", "'", "-", "[", "]", "3", "##3", "$", "\u2028", "\u1102", "##\u1161",
]  # fmt: skip
TOKENS = [*MARKS, *WORDS]
TEXTS = [
    "", " ", "a", "The seen, abcd!", "the SEEING cafés", "naïve Café É e\u0301", "나는 사과를 먹었다.",
    "\u1102\u1161", "東京ab", "a\tb\nab\u00a0c", "\u0000a\ufffdb\u200bab", "[MASK] a[SEP]b [ MASK ]", "33$3.3",
    "don't-ab", "x" * 120, "😀 ab😀", "a\u2028b", "\uff21\uff22 \ufb01 İ ß ǆ",
]  # fmt: skip


@pytest.fixture
def tokenizer():
    return WordPiece.from_vocabulary(TOKENS)


def scrambled(count, seed=0):
    """Texts of nothing but what is hard."""
    draw, some = random.Random(seed), "abcdsen나는사과를 É é.,!'東3 -  AB\u0301[]"
    return ["".join(draw.choices(some, k=draw.randrange(1, 40))) for _ in range(count)]


# --- right ---


@pytest.mark.parametrize("lowercase", [False, True])
def test_ids_are_those_of_transformers(lowercase, tmp_path):
    theirs = pytest.importorskip(
        "transformers", reason="transformers is not installed: the extra 'pretrained' has it"
    ).BertTokenizer
    (tmp_path / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": lowercase}))
    rival = theirs(vocab={token: n for n, token in enumerate(TOKENS)}, do_lower_case=lowercase)
    texts = TEXTS + scrambled(300)
    pairs = list(zip(texts, texts[1:], strict=False))
    for ours in (WordPiece.from_vocabulary(TOKENS, lowercase), WordPiece.from_pretrained(tmp_path)):
        assert ours.tokens == TOKENS
        for items in (texts, pairs):
            found = ours.encode_all(items)
            expected = [rival(item) if isinstance(item, str) else rival(*item) for item in items]
            assert [one.ids for one in found] == [one["input_ids"] for one in expected]
            assert [one.segments for one in found] == [one["token_type_ids"] for one in expected]
        for text in texts:
            assert ours.split(text) == rival.tokenize(text)


def longest_first(word):
    """The rule itself: from the left, always the longest piece that there is."""
    pieces, start = [], 0
    while start < len(word):
        begin = "##" if start else ""
        known = [end for end in range(len(word), start, -1) if begin + word[start:end] in TOKENS]
        if not known:
            return ["[UNK]"]
        pieces.append(begin + word[start : known[0]])
        start = known[0]
    return pieces


def test_words_are_cut_from_the_left_into_the_longest_pieces(tokenizer):
    assert tokenizer.split("abcd") == ["abc", "##d"]  # and not ab ##cd
    assert tokenizer.split("abcbcd") == ["abc", "##bc", "##d"]
    assert tokenizer.split("abx") == ["[UNK]"]  # of the whole word
    draw, unknown = random.Random(1), 0
    for _ in range(500):
        word = "".join(draw.choices("abcdsen나는를", k=draw.randrange(1, 8)))
        assert tokenizer.split(word) == longest_first(word)
        unknown += longest_first(word) == ["[UNK]"]
    assert 50 < unknown < 450


def test_hangul_stays_whole_unless_accents_are_taken_off():
    text = "나는 사과를 먹었다."
    whole = ["나는", "사과", "##를", "먹", "##었", "##다", "."]
    assert WordPiece.from_vocabulary(TOKENS).split(text) == whole
    small = WordPiece.from_vocabulary(TOKENS, lowercase=True)
    assert small.split("나") == ["\u1102", "##\u1161"] and small.split("Café É") == ["cafe", "e"]
    assert WordPiece.from_vocabulary(TOKENS).split("Café É é") == ["[UNK]", "É", "é"]


def test_settings_of_a_checkpoint_are_kept(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(TOKENS), encoding="utf-8")
    about = {"do_lower_case": True, "strip_accents": False, "tokenize_chinese_chars": False}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(about))
    made = WordPiece.from_pretrained(tmp_path)
    for _ in range(2):
        assert made.split("É 나는 THE 東京") == ["é", "나는", "the", "[UNK]"]
        made.save(tmp_path / "again")
        assert about.items() <= json.loads((tmp_path / "again" / "tokenizer_config.json").read_text()).items()
        made = WordPiece.from_pretrained(tmp_path / "again")
    (tmp_path / "tokenizer_config.json").unlink()
    assert WordPiece.from_pretrained(tmp_path).split("É THE 東京") == ["e", "the", "東", "京"]  # as BERT was published


def test_marks_segments_spans_and_words(tokenizer):
    text, second = "The seen, abcd", "나는 사과를"
    one = tokenizer.encode(text)
    assert one.tokens == ["[CLS]", "The", "see", "##n", ",", "abc", "##d", "[SEP]"]
    assert one.ids == [tokenizer.cls, *map(TOKENS.index, one.tokens[1:-1]), tokenizer.sep]
    assert one.segments == [0] * 8 and one.words == [None, 0, 1, 1, 2, 3, 3, None]
    assert one.spans[0] == one.spans[-1] == (0, 0)
    both = tokenizer.encode(text, second)
    assert both.ids == one.ids + tokenizer.encode(second).ids[1:] and both.segments == [0] * 8 + [1] * 4
    assert both.words[8:] == [0, 1, 1, None]  # counted anew
    texts = [text] * 8 + [second] * 4
    for n, ((start, end), token) in enumerate(zip(both.spans, both.tokens, strict=True)):
        assert texts[n][start:end] == ("" if token in MARKS else token.removeprefix("##"))
    assert tokenizer.encode_all([text, (text, second)]) == [one, both]
    bare = tokenizer.encode_all([text], marks=False)[0]
    assert bare.tokens == one.tokens[1:-1] == tokenizer.split(text) and bare.spans == one.spans[1:-1]
    assert tokenizer.encode_all([]) == [] and tokenizer.encode("").tokens == ["[CLS]", "[SEP]"]


def test_spans_are_in_the_text_as_it_was(tokenizer):
    small = WordPiece.from_vocabulary(TOKENS, lowercase=True)
    text = " The  CAFÉ\u0301s"
    assert [text[a:b] for a, b in small.encode(text).spans[1:-1]] == ["The", "CAFÉ", "s"]
    assert tokenizer.encode("a [MASK] b").ids[2] == tokenizer.mask


def test_ids_become_text(tokenizer):
    text = "나는 사과를 seen, abcd!"
    ids = tokenizer.encode(text).ids
    assert tokenizer.decode(ids) == tokenizer.decode(torch.tensor(ids)) == text
    assert tokenizer.decode(ids, marks=True).startswith("[CLS] 나는")
    assert tokenizer.decode([]) == ""
    assert [tokenizer.tokens[n] for n in ids] == tokenizer.encode(text).tokens
    assert len(tokenizer) == len(TOKENS) and str(len(TOKENS)) in repr(tokenizer)


@pytest.mark.parametrize("lowercase", [False, True])
def test_what_is_saved_comes_back(lowercase, tmp_path):
    made = train_wordpiece([*TEXTS, "seen seeing seen"], 150, lowercase)
    made.save(tmp_path / "new")
    back = WordPiece.from_pretrained(tmp_path / "new")
    assert back.tokens == made.tokens and back.encode_all(TEXTS) == made.encode_all(TEXTS)
    ids = made.encode("seen").ids
    assert back.decode(ids) == made.decode(ids)


def test_a_tokenizer_that_pads_and_cuts_does_so_no_more():
    made = WordPiece.from_vocabulary(TOKENS).tokenizer
    made.enable_padding(length=20)
    made.enable_truncation(4)
    assert WordPiece(made).encode("a b ab abc a b").tokens == ["[CLS]", "a", "b", "ab", "abc", "a", "b", "[SEP]"]


# --- learning ---


def test_frequent_pairs_are_joined():
    texts = ["see seen seeing"] * 5 + ["나는 나를 사과는"] * 5
    made = train_wordpiece(texts, 60)
    assert made.tokens[:5] == list(MARKS) and len(made) <= 60
    assert made.split("seen") == ["seen"] and made.split("나는") == ["나는"]
    assert len(train_wordpiece(texts, 26)) == 26
    assert train_wordpiece(lambda: iter(texts), 60).tokens == train_wordpiece(iter(texts), 60).tokens == made.tokens
    assert train_wordpiece(texts[::-1], 60).tokens == made.tokens  # the same each time, in any order
    letters = {c for text in texts for c in text} - {" "}
    assert {t.removeprefix("##") for t in made.tokens} >= letters  # nothing that was read is unknown
    assert all("[UNK]" not in made.split(text) for text in texts)
    assert "see" in train_wordpiece(["SEE See see"], 40, lowercase=True).tokens


# --- bad input ---


def test_vocabularies_that_do_not_do():
    with pytest.raises(ValueError, match=r"lacks \[MASK\]"):
        WordPiece.from_vocabulary([*MARKS[:-1], "a"])
    with pytest.raises(ValueError, match="each token once"):
        WordPiece.from_vocabulary([*TOKENS, "a"])
    assert WordPiece.from_vocabulary(iter(TOKENS)).tokens == TOKENS
    other = tokenizers.Tokenizer(tokenizers.models.BPE())
    other.add_special_tokens(list(MARKS))
    with pytest.raises(ValueError, match="tokenizer of BPE"):
        WordPiece(other)


def test_items_that_are_no_texts(tokenizer):
    for wrong in (None, 3, ["a", "b"], ("a",), ("a", "b", "c")):
        with pytest.raises(TypeError, match="a text or a pair of texts, not"):
            tokenizer.encode_all([wrong])
    for wrong in (len(TOKENS), -1):
        with pytest.raises(IndexError, match=f"no id {wrong}: the vocabulary has {len(TOKENS)}"):
            tokenizer.decode([2, wrong])


def test_training_texts_that_do_not_do():
    with pytest.raises(TypeError, match="many texts, not the one string 'see seen'"):
        train_wordpiece("see seen", 30)
    with pytest.raises(ValueError, match="10 tokens are too few: the letters and marks alone are"):
        train_wordpiece(["see seen being 나는"] * 3, 10)
    for nothing in ([], [" "]):
        with pytest.raises(ValueError, match="no word"):
            train_wordpiece(nothing, 10)


def test_files_that_are_missing_or_damaged(tmp_path):
    with pytest.raises(FileNotFoundError, match="no 'vocab.txt'"):
        WordPiece.from_pretrained(tmp_path)
    for content in ("{", "{}", '{"version": "1.0"}', ""):
        (tmp_path / "tokenizer.json").write_text(content)
        with pytest.raises(ValueError, match=r"tokenizer.json' is no tokenizer of a BERT"):
            WordPiece.from_pretrained(tmp_path)
