"""Units join back to the exact text; vocabularies, byte pairs, padding and batches keep their promises."""

import itertools
import random
import unicodedata

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmcourse import text
from lmcourse.text import BPE, UNITS, Vocabulary, batches, join, pad, split, split_all, split_at, train_bpe, windows
from lmcourse.world import generate

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
HARD = [
    "",
    " ",
    "  두  칸  ",
    "나는 밥을 먹었다.\n그는 안 먹었다!\r\n\t끝",
    "▁▁ ▔ ▔a▔ ▁▔2581▔ ▔▔",
    "했다, 갔다. 간다! ㅋㅋㅋ ㅠㅠ 하ㅋ 핰ㅋ",
    unicodedata.normalize("NFD", "나는 밥을 먹었다"),
    "가\u11a8 \u1100\u1161 ᄒᆞᆫ글 ꥠퟋ 〮방점",
    "👨‍👩‍👧 집 🇰🇷 é e\u0301 Zoë don’t U.S. 3.14 1,000 snake_case",
    "عربي 日本語 \u200b\u00a0\u2028\x1c\x85 \ufeff",
    "<s> </s> <0x41> <unk>",
]
# Letters that try the conventions: markers, hex digits, jamo of every kind, all sorts of space.
NASTY = st.text(st.sampled_from("▁▔ a1f0\n\t\u3000가각힣ㄱㅏㅋ\u1100\u1161\u11a8\u1112\u119e\u11eb\u0301\u200d🍚.'"))
ANY = st.one_of(st.text(), NASTY, st.text(st.characters(min_codepoint=0x1100, max_codepoint=0x11FF)))


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("sample", HARD)
def test_hard_texts_join_back(sample, unit):
    pieces = split(sample, unit)
    assert join(pieces, unit) == sample
    assert not any(any(letter.isspace() for letter in piece) or not piece for piece in pieces)


@QUICK
@given(ANY, st.sampled_from([unit for unit in UNITS if unit != "morpheme"]))
def test_any_text_joins_back(sample, unit):
    pieces = split(sample, unit)
    assert join(pieces, unit) == sample
    assert " ".join(pieces).split() == pieces  # so pieces can be written with spaces between them


@settings(QUICK, max_examples=60)
@given(ANY)
def test_any_text_joins_back_from_morphemes(sample):
    assert join(split(sample, "morpheme"), "morpheme") == sample


@QUICK
@given(ANY, st.data())
def test_any_spans_join_back(sample, data):
    place = st.integers(0, len(sample))
    spans = [tuple(sorted(pair)) for pair in data.draw(st.lists(st.tuples(place, place)))]
    assert join(split_at(sample, spans), "morpheme") == sample


@QUICK
@given(st.lists(st.text(st.sampled_from("▁▔a1f가각<"))), st.sampled_from(UNITS))
def test_join_takes_any_pieces(pieces, unit):
    assert isinstance(join(pieces, unit), str)


def test_units_of_korean():
    sample = "나는 밥을 먹었다."
    assert split(sample, "eojeol") == ["▁나는", "▁밥을", "▁먹었다."]
    assert split(sample, "morpheme") == ["▁나", "는", "▁밥", "을", "▁먹", "었", "다", "."]
    assert split("밥을 했다", "syllable") == ["밥", "을", "▁", "했", "다"]
    assert split("밥은 ㅋ", "jamo") == ["\u1107", "\u1161", "\u11b8", "\u110b", "\u1173", "\u11ab", "▁", "ㅋ"]
    assert split("값", "jamo") == ["\u1100", "\u1161", "\u11b9"]


def test_a_contraction_stays_one_piece():
    assert split("했다", "morpheme") == ["▁했", "다"]


def test_words_of_english():
    assert split("Don't go, it's 3.5 km!", "word") == ["▁Don't", "▁go", ",", "▁it's", "▁3.5", "▁km", "!"]


def test_a_word_is_the_same_piece_wherever_it_stands():
    first, _, last = split("밥 더 밥", "eojeol")
    assert first == last


def test_every_syllable_becomes_two_or_three_jamo():
    for code in range(0xAC00, 0xD7A4):
        pieces = split(chr(code), "jamo")
        assert len(pieces) in (2, 3) and join(pieces, "jamo") == chr(code)


def test_syllables_keep_their_marks():
    assert split("e\u0301가", "syllable") == ["e\u0301", "가"]
    assert split("\u1112\u119e\u11abx", "syllable") == ["\u1112\u119e\u11ab", "x"]
    assert split("👨‍👩‍👧집", "syllable") == ["👨‍👩‍👧", "집"]
    assert split("e\u0301", "character") == ["e", "\u0301"]


def test_gold_spans():
    sample = "나는 갔다."
    assert split_at(sample, [(0, 1), (1, 2), (3, 4), (3, 4), (4, 5), (5, 6)]) == [
        "▁나",
        "는",
        "▁갔",
        "다",
        ".",
    ]
    assert split_at(sample, []) == ["▁나는", "▁갔다."]
    with pytest.raises(ValueError, match=r"\(3, 9\) lies outside a text of 6 characters: '나는 갔다.'"):
        split_at(sample, [(3, 9)])


def test_gold_spans_of_the_world():
    records = generate(200, seed=3)
    for record in records:
        pieces = split_at(record.ko, record.morpheme_spans)
        assert join(pieces, "morpheme") == record.ko
        assert len(pieces) == len({start for start, _ in record.morpheme_spans})
    assert records


@pytest.mark.parametrize("unit", UNITS)
def test_split_all_is_split_of_each(unit):
    samples = [sample for sample in HARD if sample.isascii() or unit != "morpheme"] + ["나는 밥을 먹었다."]
    assert split_all(iter(samples), unit) == [split(sample, unit) for sample in samples]


def test_bad_units_and_texts():
    with pytest.raises(ValueError, match="no unit 'words'; the units are eojeol, morpheme"):
        split("a", "words")
    with pytest.raises(ValueError, match="no unit 'words'"):
        join(["a"], "words")
    with pytest.raises(TypeError, match=r"a text is a string, not \['a'\]"):
        split(["a"], "word")


# Vocabulary


def test_vocabulary_numbers_specials_first():
    vocabulary = Vocabulary(["b", "a", "b", "<s>"])
    assert vocabulary.tokens == ["<pad>", "<unk>", "<s>", "</s>", "b", "a"]
    assert len(vocabulary) == 6 and "a" in vocabulary and "c" not in vocabulary
    assert vocabulary.encode(["a", "c", "</s>"]) == [5, 1, 3]
    assert vocabulary.decode(torch.tensor([5, 1, 3])) == ["a", "<unk>", "</s>"]
    assert vocabulary.decode([0, 5, 3], specials=False) == ["a"]
    assert vocabulary["b"] == 4


def test_vocabulary_of_a_set_does_not_depend_on_hashing():
    assert Vocabulary({"b", "a", "c"}, specials=()).tokens == ["a", "b", "c"]


def test_vocabulary_by_count():
    sentences = [["b", "a", "b"], ["c", "a"], ["d", "<s>"]]
    assert Vocabulary.count(sentences).tokens[4:] == ["a", "b", "c", "d"]
    assert Vocabulary.count(sentences, min_count=2).tokens[4:] == ["a", "b"]
    assert Vocabulary.count(sentences, size=5).tokens[4:] == ["a"]
    assert Vocabulary.count(iter(sentences), specials=()).tokens == ["a", "b", "<s>", "c", "d"]


@given(st.lists(st.lists(st.sampled_from("가나다라마"))))
def test_encode_and_decode_are_inverse(sentences):
    vocabulary = Vocabulary.count(sentences)
    for sentence in sentences:
        assert vocabulary.decode(vocabulary.encode(sentence)) == sentence


def test_vocabulary_errors():
    with pytest.raises(TypeError, match="needs a list of tokens, not one string"):
        Vocabulary("나는 밥을")
    with pytest.raises(TypeError, match="not the string '나는 밥을'; split it first"):
        Vocabulary.count(["나는 밥을"])
    with pytest.raises(TypeError, match="not the string 'a'"):
        Vocabulary(["a"]).encode("a")
    with pytest.raises(KeyError, match="'b' is not among the 1 tokens, and there is no '<unk>'"):
        Vocabulary(["a"], specials=()).encode(["b"])
    for bad in (-1, 5):
        with pytest.raises(IndexError, match=f"no token {bad}: the vocabulary has 5"):
            Vocabulary(["a"]).decode([bad])


# BPE

TEXTS = [
    "나는 밥을 먹었다.",
    "너는 밥을 먹었니?",
    "그는 밥을 안 먹었다.",
    "low lower lowest new newer newest",
] * 5


@pytest.fixture(scope="module")
def bpe():
    return train_bpe(TEXTS, 80)


def test_bpe_merges_what_is_frequent(bpe):
    assert bpe.split("밥을 먹었다.")[0] == "▁밥을"
    assert len(bpe.split("나는 밥을")) < len(split("나는 밥을", "syllable"))
    assert len(bpe) <= 80


@pytest.mark.parametrize("sample", HARD)
def test_bpe_joins_back_hard_texts(bpe, sample):
    assert bpe.join(bpe.split(sample)) == sample
    assert bpe.decode(bpe.encode(sample)) == sample
    assert bpe.vocabulary["<unk>"] not in bpe.encode(sample)


@QUICK
@given(ANY)
def test_bpe_joins_back_any_text(sample):
    bpe = _shared_bpe()
    assert bpe.join(bpe.split(sample)) == sample
    assert bpe.decode(bpe.encode(sample)) == sample


def _shared_bpe(made=[]):  # noqa: B006 - hypothesis takes no fixtures of a module
    if not made:
        made.append(train_bpe(HARD + TEXTS, 150))
    return made[0]


def test_bpe_is_the_same_every_time(bpe):
    again = train_bpe(iter(TEXTS), 80)
    assert again.vocabulary.tokens == bpe.vocabulary.tokens
    assert bpe.split_all(TEXTS) == [again.split(sample) for sample in TEXTS]


def test_bpe_grows_with_its_size():
    short, long = train_bpe(TEXTS, 60), train_bpe(TEXTS, 90)
    assert len(short) <= 60 < len(long) <= 90
    assert len(long.split(TEXTS[0])) < len(short.split(TEXTS[0]))


def test_bpe_too_small():
    with pytest.raises(ValueError, match=r"10 pieces are too few for the \d+ letters and 4 specials"):
        train_bpe(TEXTS, 10)
    with pytest.raises(TypeError, match="needs a list of texts, not the one string '나는 밥을'"):
        train_bpe("나는 밥을", 100)


def test_bpe_shows_its_size(bpe):
    assert isinstance(bpe, BPE) and repr(bpe) == f"BPE({len(bpe)} pieces)"


# pad and batches


def test_pad():
    ids, mask = pad([[5, 6, 7], [8], []], value=9)
    assert ids.tolist() == [[5, 6, 7], [8, 9, 9], [9, 9, 9]]
    assert mask.tolist() == [[True, True, True], [True, False, False], [False, False, False]]
    assert ids.dtype == torch.long and mask.dtype == torch.bool


@given(st.lists(st.lists(st.integers(0, 100), max_size=7), min_size=1, max_size=7))
def test_pad_loses_nothing(sequences):
    ids, mask = pad([torch.tensor(s, dtype=torch.long) for s in sequences])
    assert ids.shape == mask.shape == (len(sequences), max(map(len, sequences)))
    assert [row[keep].tolist() for row, keep in zip(ids, mask, strict=True)] == sequences


@pytest.mark.parametrize("bad", [[], [3, 4], [[[1]]]])
def test_pad_repeats_what_it_cannot_take(bad):
    with pytest.raises(ValueError, match="pad needs a list of at least one list of numbers, not"):
        pad(bad)


def items(count=1000):
    rng = random.Random(3)
    return [[n] * rng.randint(1, 60) for n in range(count)]


@pytest.mark.parametrize("seed", [None, 0, 7])
@pytest.mark.parametrize("size", [1, 16, 33, 5000])
def test_batches_give_each_item_once(seed, size):
    found = list(batches(items(), size, seed))
    assert sorted(itertools.chain.from_iterable(found)) == sorted(items())
    assert sorted(map(len, found))[1:] == [size] * (len(found) - 1)


def test_batches_without_a_seed_keep_the_order():
    assert list(itertools.chain.from_iterable(batches(items(100), 7))) == items(100)


def test_batches_waste_little_on_padding():
    def waste(found):
        return sum(max(map(len, batch)) * len(batch) - sum(map(len, batch)) for batch in found)

    assert waste(batches(items(), 16, 0)) < waste(batches(items(), 16)) / 5


def test_batches_follow_the_seed():
    first, second = list(batches(items(), 8, 1)), list(batches(items(), 8, 1))
    assert first == second == list(batches(items(), 8, torch.Generator().manual_seed(1)))
    assert first != list(batches(items(), 8, 2))
    generator = torch.Generator().manual_seed(1)
    assert list(batches(items(), 8, generator)) != list(batches(items(), 8, generator))  # the next epoch differs
    state = torch.get_rng_state()
    list(batches(items(), 8, 1))
    assert torch.equal(state, torch.get_rng_state())


def test_batches_of_pairs_and_bad_sizes():
    pairs = [("a" * n, n) for n in range(1, 5)]
    assert sorted(sum(batches(pairs, 2, 0, length=lambda pair: len(pair[0])), [])) == pairs
    assert list(batches([], 4, 0)) == []
    with pytest.raises(ValueError, match="a batch has at least 1 item, not 0"):
        list(batches(pairs, 0))


@given(st.lists(st.integers(0, 9), min_size=2, max_size=60), st.integers(1, 9), st.integers(1, 12))
def test_windows_ask_for_every_token_once(ids, size, length):
    if len(ids) <= size:
        with pytest.raises(ValueError, match=f"{size} streams need one list of more than {size} numbers, not shape"):
            next(windows(ids, size, length))
        return
    found = list(windows(ids, size, length))
    here, following = (torch.cat([window[key] for window in found], 1) for key in ("ids", "targets"))
    asked = following.flatten().tolist()
    assert asked == ids[1 : len(asked) + 1] and len(ids) - 1 - len(asked) < size  # all but the first and a short tail
    assert here.flatten().tolist() == ids[: len(asked)]
    assert torch.equal(here[:, 1:], following[:, :-1])  # each stream goes on from window to window
    assert all(window["ids"].shape == window["targets"].shape for window in found)
    widths = [window["ids"].shape[1] for window in found]
    assert set(widths[:-1]) <= {length} and 1 <= widths[-1] <= length


def test_windows_ignore_some_targets_and_nothing_else():
    ids = torch.tensor([2, 5, 3, 2, 6, 7, 3, 2, 5])
    (window,) = windows(ids, 2, 10, ignore=[2, 9])
    assert window["ids"].tolist() == [[2, 5, 3, 2], [6, 7, 3, 2]]
    assert window["targets"].tolist() == [[5, 3, -100, 6], [7, 3, -100, 5]]
    assert ids.tolist() == [2, 5, 3, 2, 6, 7, 3, 2, 5]


@pytest.mark.parametrize(("size", "length"), [(0, 3), (3, 0), (-1, 1)])
def test_windows_repeat_a_bad_size(size, length):
    with pytest.raises(ValueError, match=f"not size={size} and length={length}"):
        next(windows([1, 2, 3, 4], size, length))


def test_windows_want_one_list():
    with pytest.raises(ValueError, match=r"not shape \(2, 3\)"):
        next(windows([[1, 2, 3], [4, 5, 6]], 1, 2))


def test_the_markers_are_what_the_docstring_says():
    assert (text.MARK, text.ESCAPE) == ("▁", "▔") and split("\n", "character") == ["▔a▔"]
