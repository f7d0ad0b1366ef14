"""Is it right: what is hidden and what is not, pairs that betray nothing, rows without gaps; then bad input."""

from collections import Counter
from types import SimpleNamespace

import pytest
import torch

from lmcourse.pretraining import batches, mask_tokens, pack, pairs

IGNORE = -100


class Marks(SimpleNamespace):
    pad, unk, cls, sep, mask = range(5)

    def __len__(self):
        return 1000


MARKS = Marks()


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def within(count, trials, p):
    """Whether a count is within five standard deviations of what chance gives."""
    return abs(count - trials * p) <= 5 * (trials * p * (1 - p)) ** 0.5 + 1e-9


# --- masks ---


@pytest.mark.parametrize("share, kept, random", [(0.15, 0.1, 0.1), (0.3, 0.0, 0.0), (0.5, 0.0, 1.0), (1.0, 0.25, 0.5)])
def test_so_many_are_hidden_kept_and_exchanged(share, kept, random):
    ids = torch.randint(5, 1000, (200, 500), generator=seeded(1))
    may = torch.rand(ids.shape, generator=seeded(2)) < 0.9
    before = ids.clone()
    shown, targets = mask_tokens(ids, may, 1000, MARKS.mask, seeded(), share, kept, random)
    assert torch.equal(ids, before) and shown.dtype == targets.dtype == torch.int64
    chosen = targets != IGNORE
    assert not (chosen & ~may).any()
    assert torch.equal(targets[chosen], ids[chosen])  # a target where one was chosen, and nowhere else
    assert torch.equal(shown[~chosen], ids[~chosen])
    n = int(chosen.sum())
    assert within(n, int(may.sum()), share)
    hidden = shown[chosen] == MARKS.mask
    same = shown[chosen] == ids[chosen]
    other = shown[chosen][~hidden & ~same]
    assert within(int(hidden.sum()), n, 1 - kept - random)
    by_chance = random / 995  # a random token is now and then the right one
    assert within(int(same.sum()), n, kept + by_chance)
    if random:
        assert other.min() >= 5 and other.max() < 1000
        counts = other.bincount(minlength=1000)[5:]
        assert within(int((counts > 0).sum()), 995, 1 - (1 - 1 / 995) ** len(other))  # spread over all tokens
    else:
        assert not len(other)


def test_marks_are_never_chosen_nor_put_in():
    rows = pack(pairs(library(40), 40, seeded()), 64, MARKS)
    marks = rows.ids < 5
    assert marks.any() and not (marks & rows.may).any() and torch.equal(rows.may, ~marks)
    for seed in range(5):
        shown, targets = mask_tokens(rows.ids, rows.may, 1000, MARKS.mask, seeded(seed), 1.0, 0.0, 1.0)
        assert torch.equal(shown[marks], rows.ids[marks]) and (targets[marks] == IGNORE).all()
        assert (shown[~marks] >= 5).all() and (targets[~marks] != IGNORE).all()


def test_masks_are_others_each_time_and_the_same_for_the_same_generator():
    ids, may = torch.full((20, 20), 7), torch.ones(20, 20, dtype=torch.bool)
    generator = seeded()
    first, second = (mask_tokens(ids, may, 1000, 4, generator) for _ in range(2))
    again = mask_tokens(ids, may, 1000, 4, seeded())
    assert not torch.equal(first[1], second[1])
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    before = torch.random.get_rng_state()
    mask_tokens(ids, may, 1000, 4, seeded(3))
    assert torch.equal(before, torch.random.get_rng_state())


# --- pairs ---


def library(count=200, seed=0):
    """Documents of 2 to 30 sentences of 1 to 12 tokens, all of whose tokens are different."""
    generator, number = seeded(seed), 5
    documents = []
    for _ in range(count):
        document = []
        for length in torch.randint(1, 13, (int(torch.randint(2, 31, (), generator=generator)),), generator=generator):
            document.append(list(range(number, number + int(length))))
            number += int(length)
        documents.append(document)
    return documents


def homes(documents):
    """For each token (document, sentence)."""
    return {token: (d, s) for d, doc in enumerate(documents) for s, sentence in enumerate(doc) for token in sentence}


def test_half_of_the_pairs_are_torn_and_the_others_go_on():
    documents = library()
    home, found = homes(documents), pairs(documents, 64, seeded())
    torn = sum(t for _, _, t in found)
    assert len(found) > 300 and within(torn, len(found), 0.5)
    apart = 0
    for first, second, t in found:
        assert first and second and len(first) + len(second) <= 61
        assert first == list(range(first[0], first[-1] + 1)) and second == list(range(second[0], second[-1] + 1))
        if t:
            assert second[0] != first[-1] + 1
            apart += home[first[0]][0] != home[second[0]][0]
        else:
            assert second[0] == first[-1] + 1 and home[first[0]][0] == home[second[-1]][0]
            assert home[second[0]][1] == home[first[-1]][1] + 1  # torn between sentences
    assert apart == torn  # from another document


def test_nothing_but_what_it_says_tells_a_torn_pair():
    """Numbers of sentences and tokens, and where in its stretch a part begins, are alike in both kinds."""
    documents = library(3000)
    home = homes(documents)
    shapes = {0: [], 1: []}
    for first, second, t in pairs(documents, 64, seeded()):
        sentences = [home[part[-1]][1] - home[part[0]][1] + 1 for part in (first, second)]
        shapes[t].append([len(first), len(second), *sentences, len(first) + len(second), home[second[0]][1]])
    kinds = [torch.tensor(found, dtype=torch.float64) for found in shapes.values()]
    for a, b in zip(*(kind.T for kind in kinds), strict=True):
        error = (a.var() / len(a) + b.var() / len(b)) ** 0.5
        assert (a.mean() - b.mean()).abs() < 5 * error + 0.02 * a.mean(), (a.mean(), b.mean(), error)


def test_without_next_sentence_a_text_is_a_stretch():
    documents = library()
    found = pairs(documents, 64, seeded(), next_sentence=False, short=0)
    assert all(not second and t == 0 and len(first) <= 61 for first, second, t in found)
    assert [token for first, _, _ in found for token in first] == [t for d in documents for s in d for t in s]
    shorter = pairs(documents, 64, seeded(), next_sentence=False, short=1.0)
    assert len(shorter) == len(found)
    assert sum(len(a) for a, _, _ in shorter) < 0.8 * sum(len(a) for a, _, _ in found)
    for (a, _, _), (b, _, _) in zip(shorter, found, strict=True):
        assert a and set(a) <= set(b) and a == list(range(a[0], a[-1] + 1))


def test_long_sentences_are_cut_and_short_documents_are_read():
    documents = [[[5] * 500, [6] * 500], [[7], [8]], [[9] * 10]]
    for longest in (5, 9, 40):
        for seed in range(20):
            for first, second, _ in pairs(documents, longest, seeded(seed)):
                assert 0 < len(first) <= longest and 0 < len(second) and len(first) + len(second) <= longest - 3
    assert documents[0][0] == [5] * 500  # not changed


def test_pairs_are_the_same_for_the_same_generator():
    documents = library(50)
    assert pairs(documents, 64, seeded(1)) == pairs(documents, 64, seeded(1)) != pairs(documents, 64, seeded(2))


# --- rows ---


def test_each_text_is_in_one_row_with_its_marks():
    found = [*pairs(library(), 40, seeded()), ([7, 8], [], 0), ([9], [10], 1)]
    rows = pack(found, 64, MARKS)
    expected = Counter()
    for first, second, torn in found:
        text = (2, *first, 3, *second, 3) if second else (2, *first, 3)
        expected[text, (0,) * (len(first) + 2) + (1,) * (len(text) - len(first) - 2), torn if second else IGNORE] += 1
    seen = Counter()
    for ids, segments, documents, follows, may in zip(*rows, strict=True):
        last = int(documents.max())
        padding = documents == 0
        assert (ids[padding] == MARKS.pad).all() and (segments[padding] == 0).all() and not may[padding].any()
        assert not padding.any() or padding.nonzero()[0] == (~padding).sum()  # behind all texts
        for number in range(1, last + 1):
            at = (documents == number).nonzero().flatten()
            assert at.tolist() == list(range(int(at[0]), int(at[-1]) + 1))  # in one piece
            text = tuple(ids[at].tolist())
            seen[text, tuple(segments[at].tolist()), int(follows[at[0]])] += 1
            assert (follows[at[1:]] == IGNORE).all()
            assert may[at].tolist() == [token > 4 for token in text]
    assert seen == expected


@pytest.mark.parametrize("longest", [16, 64, 128])
def test_rows_are_nearly_full(longest):
    lengths = torch.randint(2, longest - 3, (2000,), generator=seeded()).tolist()
    rows = pack([([7] * n, [8], 0) for n in lengths], 128, MARKS)
    assert rows.ids.shape[1] == 128
    used = int((rows.documents > 0).sum())
    assert used == sum(lengths) + 4 * len(lengths)
    assert used / rows.ids.numel() > 0.9


def test_batches_show_all_rows_once_an_epoch_with_other_masks():
    rows = pack(pairs(library(), 40, seeded()), 64, MARKS)
    generator = seeded()
    epochs = [list(batches(rows, 16, MARKS, generator)) for _ in range(2)]
    truth = Counter(tuple(row) for row in rows.ids.tolist())
    for epoch in epochs:
        assert [len(batch["ids"]) for batch in epoch[:-1]] == [16] * (len(epoch) - 1)
        whole = [torch.where(b["targets"] == IGNORE, b["ids"], b["targets"]) for b in epoch]
        assert Counter(tuple(row) for batch in whole for row in batch.tolist()) == truth
        for batch, ids in zip(epoch, whole, strict=True):
            assert batch.keys() == {"ids", "targets", "segments", "documents", "follows", "counts"}
            assert batch["counts"] == [int((batch[name] != IGNORE).sum()) for name in ("targets", "follows")]
            assert (ids[batch["follows"] != IGNORE] == MARKS.cls).all()
            n = truth.total() and int((ids > 4).sum())
            assert within(batch["counts"][0], n, 0.15)
    assert not torch.equal(epochs[0][0]["ids"], epochs[1][0]["ids"])
    (whole,) = batches(rows, 10**6, MARKS, seeded(), share=1.0, kept=0.0, random=0.0)
    assert ((whole["ids"] == MARKS.mask) == (whole["targets"] != IGNORE)).all() and whole["counts"][0] == rows.may.sum()


def test_texts_without_a_second_part_are_not_judged():
    rows = pack(pairs(library(), 40, seeded(), next_sentence=False), 64, MARKS)
    assert (rows.follows == IGNORE).all() and (rows.segments == 0).all()
    for batch in batches(rows, 16, MARKS, seeded()):
        assert "follows" not in batch and batch["counts"][1] == 0


# --- bad input ---


@pytest.mark.parametrize(
    "shares",
    [{"share": 0}, {"share": 1.5}, {"share": -0.1}, {"kept": -0.1}, {"random": -0.5}, {"kept": 0.6, "random": 0.5}],
)
def test_shares_that_are_no_parts_of_one(shares):
    ids = torch.full((2, 3), 7)
    with pytest.raises(ValueError, match="shares are parts of 1, not share="):
        mask_tokens(ids, ids > 0, 1000, 4, seeded(), **shares)


def test_places_that_do_not_fit():
    ids = torch.full((2, 3), 7)
    with pytest.raises(ValueError, match=r"shape of ids \(2, 3\), not torch.bool \(3,\)"):
        mask_tokens(ids, torch.ones(3, dtype=torch.bool), 1000, 4, seeded())
    with pytest.raises(ValueError, match="not torch.int64"):
        mask_tokens(ids, ids, 1000, 4, seeded())


def test_pairs_need_room_and_something_to_pair():
    with pytest.raises(ValueError, match="longest=4"):
        pairs(library(3), 4, seeded())
    for documents in ([], [[[5, 6]]], [[[5], [6]]]):
        with pytest.raises(ValueError, match="too few to learn from"):
            pairs(documents, 20, seeded())


def test_a_text_that_is_longer_than_a_row():
    with pytest.raises(ValueError, match="a text of 12 tokens does not fit into a row of 11"):
        pack([([7] * 6, [8] * 3, 0)], 11, MARKS)
    assert pack([([7] * 6, [8] * 3, 0)], 12, MARKS).ids.shape == (1, 12)
