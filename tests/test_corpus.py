"""Text files as training data: equal to plain Python, whole or not at all, and every document once a pass."""

import json
import tracemalloc

import numpy as np
import pytest
import torch

from lmcourse import corpus, pretraining
from lmcourse.bert import BertConfig, BertForPreTraining
from lmcourse.corpus import Corpus, encode, numbers, portions, prepare, read, vocabulary
from lmcourse.training import fit
from lmcourse.wordpiece import train_wordpiece

TEXTS = ["Nina sold the red car.\nThen she walked home.\n\nIt rained. \nMinsu was glad.\n", "눈이 왔다.\nIt snowed.\n"]
TOKENIZER = train_wordpiece(TEXTS * 3, 90)


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / "one.txt", tmp_path / "two.txt"]
    for path, text in zip(paths, TEXTS, strict=True):
        path.write_text(text, "utf-8")
    return paths


def by_hand(text):
    """What a text says, by nothing but Python's own means."""
    found = [[]]
    for line in text.replace("\r\n", "\n").split("\n"):
        if not line.strip():
            found.append([])
        elif ids := TOKENIZER.encode_all([line.strip()], marks=False)[0].ids:
            found[-1].append(ids)
    return [document for document in found if document]


def many(count, seed=0):
    """A text of so many documents, each of other words."""
    words = "Nina sold the red car then she walked home It rained snowed was glad".split()
    rng = np.random.default_rng(seed)
    said = [[" ".join(rng.choice(words, 6)) + "." for _ in range(rng.integers(2, 6))] for _ in range(count)]
    return "\n\n".join("\n".join(sentences) for sentences in said)


def test_a_corpus_is_what_the_files_say(files, tmp_path):
    found = encode(files, TOKENIZER, tmp_path / "corpus", progress=False)
    expected = by_hand(TEXTS[0]) + by_hand(TEXTS[1])
    assert [found[n] for n in range(len(found))] == expected and len(found) == 3
    assert found.documents([2, 0]) == [expected[2], expected[0]] and found[-1] == expected[2]
    again = Corpus(tmp_path / "corpus")
    assert again.documents(range(3)) == expected
    assert found.counts == {
        "documents": 3,
        "sentences": 6,
        "tokens": sum(len(s) for d in expected for s in d),
        "unknown": sum(s.count(TOKENIZER.unk) for d in expected for s in d),
    }
    with pytest.raises(IndexError, match="3 documents, and no number 3"):
        found[3]


@pytest.mark.parametrize("block", [1, 2, 7, 64, 100_000])
def test_blocks_cut_nothing(tmp_path, block):
    text = "\ufeff\n\n눈이 왔다.\r\nIt snowed.\r\n\r\n \n\nNina sold\u2028the\x0bcar.\n\nIt rained.\n비가 왔다."
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode())
    assert [line for _, lines in read(path, block) for line in lines if line] == [
        "눈이 왔다.", "It snowed.", "Nina sold\u2028the\x0bcar.", "It rained.", "비가 왔다.",
    ]  # fmt: skip
    assert sum(size for size, _ in read(path, block)) == path.stat().st_size
    found = encode(path, TOKENIZER, tmp_path / "corpus", block, progress=False)
    assert found.documents(range(len(found))) == by_hand(text.removeprefix("\ufeff")) and len(found) == 3


def test_large_vocabularies_need_more_bytes(files, tmp_path, monkeypatch):
    monkeypatch.setattr(type(TOKENIZER), "__len__", lambda self: 70_000)
    found = encode(files, TOKENIZER, tmp_path / "corpus", progress=False)
    assert found.ids.dtype == np.uint32 and found[0] == by_hand(TEXTS[0])[0]


def test_memory_does_not_grow_with_the_file(tmp_path):
    text, peaks = many(400) + "\n\n", []
    for times in (1, 6):
        path = tmp_path / f"{times}.txt"
        path.write_text(text * times, "utf-8")
        tracemalloc.start()
        try:
            found = encode(path, TOKENIZER, tmp_path / f"corpus {times}", 4096, progress=False)
            assert len(found.documents(numbers(len(found), 7, 40 * times))) == 10
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert len(found) == 400 * times
    assert peaks[1] < 1.5 * peaks[0] and peaks[1] < path.stat().st_size


# --- whole or not at all ---


def test_what_was_encoded_is_found_again(files, tmp_path, monkeypatch):
    encode(files, TOKENIZER, tmp_path / "corpus", progress=False)
    with monkeypatch.context() as patch:
        patch.setattr(corpus, "read", None)
        assert len(encode(files, TOKENIZER, tmp_path / "corpus", progress=False)) == 3
        with pytest.raises(TypeError):  # other files, and another tokenizer
            encode(files[:1], TOKENIZER, tmp_path / "corpus", progress=False)
        with pytest.raises(TypeError):
            encode(files, train_wordpiece(TEXTS * 3, 80), tmp_path / "corpus", progress=False)
    assert len(encode(files[:1], TOKENIZER, tmp_path / "corpus", progress=False)) == 2
    files[0].write_text("It rained.", "utf-8")
    assert len(encode(files[:1], TOKENIZER, tmp_path / "corpus", progress=False)) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus", "one.txt", "two.txt"]


@pytest.mark.parametrize("name", ["tokens.bin", "sentences.bin", "documents.bin", "corpus.json"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_corpus_is_refused_and_made_again(files, tmp_path, name, damage):
    folder = tmp_path / "corpus"
    before = encode(files, TOKENIZER, folder, progress=False).documents(range(3))
    path = folder / name
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises((ValueError, FileNotFoundError), match="damaged|no corpus"):
        Corpus(folder)
    if name == "corpus.json" and damage == "gone":  # for all we know it is something else
        with pytest.raises(ValueError, match="holds something else"):
            encode(files, TOKENIZER, folder, progress=False)
    else:
        assert encode(files, TOKENIZER, folder, progress=False).documents(range(3)) == before


def test_a_half_written_corpus_does_not_exist(files, tmp_path, monkeypatch):
    def stop(*args):
        yield from list(read(files[0]))
        raise KeyboardInterrupt

    monkeypatch.setattr(corpus, "read", stop)
    with pytest.raises(KeyboardInterrupt):
        encode(files, TOKENIZER, tmp_path / "corpus", progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.txt", "two.txt"]


def test_bad_files_are_named(tmp_path):
    path, folder = tmp_path / "bad.txt", tmp_path / "corpus"
    path.write_bytes("눈이 왔다.\n\nIt ".encode() + b"\xff rained.\n")
    for block in (4, 1 << 18):
        with pytest.raises(ValueError, match=r"bad.txt' is not UTF-8: byte 19 is 0xff"):
            encode(path, TOKENIZER, folder, block, progress=False)
    path.write_bytes(b"\xef\xbb\xbfab\xff")
    with pytest.raises(ValueError, match="byte 5 is 0xff"):
        list(read(path))
    path.write_text(" \n\n", "utf-8")
    with pytest.raises(ValueError, match="no text in .*bad.txt"):
        encode(path, TOKENIZER, folder, progress=False)
    path.write_text("a" * 3_000_000, "utf-8")
    with pytest.raises(ValueError, match="bad.txt' has more than 1,048,576 bytes without a line end behind byte 0"):
        encode(path, TOKENIZER, folder, progress=False)
    path.write_text("", "utf-8")
    with pytest.raises(ValueError, match="bad.txt' is empty"):
        encode(path, TOKENIZER, folder, progress=False)
    with pytest.raises(FileNotFoundError, match="no file .*nowhere.txt"):
        encode(tmp_path / "nowhere.txt", TOKENIZER, folder, progress=False)
    with pytest.raises(ValueError, match="there is no text: give one"):
        encode([], TOKENIZER, folder, progress=False)
    assert not folder.exists()


# --- orders and portions ---


@pytest.mark.parametrize("count", [1, 2, 3, 17, 64, 65, 1000])
@pytest.mark.parametrize("in_a_pass", [1, 2, 7])
def test_every_document_once_a_pass(count, in_a_pass):
    passes = []
    for again in range(3):
        found = [numbers(count, again * in_a_pass + n, in_a_pass, seed=1) for n in range(in_a_pass)]
        assert sorted(np.concatenate(found).tolist()) == list(range(count))
        assert max(map(len, found)) - min(map(len, found)) <= 1
        passes.append([one.tolist() for one in found])
    if count >= 64 and in_a_pass > 1:
        assert passes[0] != passes[1] != passes[2] != passes[0]
        assert passes[0] != [numbers(count, n, in_a_pass, seed=2).tolist() for n in range(in_a_pass)]


def test_a_portion_is_a_fair_sample():
    """Neighbours are torn apart: of 1,000 documents in 10 portions, about every tenth neighbour is kept."""
    kept = 0
    for seed in range(20):
        found = numbers(1000, 0, 10, seed)
        kept += (np.diff(found) == 1).sum()
        assert 35 < (found < 500).sum() < 65 and 25 < (found % 2).sum() < 75
    assert 120 < kept < 280  # 198 would be expected


def test_portions_are_batches_for_fit(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(many(60), "utf-8")
    found = encode(path, TOKENIZER, tmp_path / "corpus", progress=False)
    options = {"length": 48, "size": 4, "portion": found.counts["tokens"] // 3, "seed": 5}
    batches = portions(found, TOKENIZER, **options)
    first = [list(batches(n)) for n in (0, 1, 2, 3)]
    for n in (3, 0, 0, 2, 1):  # in any order, and from another function
        for one, two in zip(batches(n), first[n], strict=True):
            assert all(torch.equal(one[k], two[k]) for k in one if k != "counts") and one["counts"] == two["counts"]
    assert all(torch.equal(a["ids"], b["ids"]) for a, b in zip(portions(found, TOKENIZER, **options)(2), first[2]))  # noqa: B905
    chosen = found.documents(numbers(60, 1, 3, 5))
    made = pretraining.pairs(chosen, 48, corpus._generator(5, 1, 0))
    rows = pretraining.pack(made, 48, TOKENIZER)
    assert sum(len(batch["ids"]) for batch in first[1]) == len(rows.ids)
    true = sorted(map(tuple, rows.documents.tolist()))
    assert sorted(tuple(row) for batch in first[1] for row in batch["documents"].tolist()) == true
    assert first[0][0]["ids"].shape == (4, 48) and first[0][0]["counts"][0] > 0

    held = portions(found, TOKENIZER, **options | {"documents": 10, "portion": 1 << 20})
    words = {tuple(s) for d in found.documents(range(10)) for s in d}
    others = {tuple(s) for d in found.documents(range(10, 60)) for s in d} - words
    text = " ".join(TOKENIZER.decode(row) for batch in held(0) for row in _unmasked(batch))
    assert not any(TOKENIZER.decode(list(s)) in text for s in others)
    with pytest.raises(ValueError, match="documents=61 are to be used, and the corpus has 60"):
        portions(found, TOKENIZER, **options, documents=61)


def _unmasked(batch):
    return torch.where(batch["targets"] == -100, batch["ids"], batch["targets"])


def test_a_run_on_portions_goes_on_in_the_middle(tmp_path):
    (tmp_path / "a.txt").write_text(many(40), "utf-8")
    found = encode(tmp_path / "a.txt", TOKENIZER, tmp_path / "corpus", progress=False)

    def train(steps, path, stop=None):
        torch.manual_seed(0)
        model = BertForPreTraining(BertConfig(len(TOKENIZER), 8, 1, 2, 16, longest=48))
        batches = portions(found, TOKENIZER, length=48, size=4, portion=300)

        def broken(number):
            for n, batch in enumerate(batches(number)):
                if (number, n) == stop:
                    raise KeyboardInterrupt
                yield batch

        options = {"steps": steps, "checkpoint": path, "save_every": 0, "progress": False, "device": "cpu"}
        return model, fit(model, broken, **options)

    whole, history = train(9, tmp_path / "whole.safetensors")
    assert history[-1]["epoch"] > 1
    with pytest.raises(KeyboardInterrupt):
        train(9, tmp_path / "broken.safetensors", stop=(2, 1))
    again, same = train(9, tmp_path / "broken.safetensors")
    assert same == history
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))


# --- vocabulary and corpus together ---


def test_a_vocabulary_is_learned_once(files, tmp_path, monkeypatch):
    tokenizer, found = prepare(files, 90, tmp_path / "data", progress=False)
    assert tokenizer.tokens == train_wordpiece([s for t in TEXTS for s in t.split("\n") if s], 90).tokens
    assert len(found) == 3 and found.documents([0]) == Corpus(tmp_path / "data" / "corpus").documents([0])
    with monkeypatch.context() as patch:
        patch.setattr(corpus, "train_wordpiece", None)
        patch.setattr(corpus, "read", None)
        assert prepare(files, 90, tmp_path / "data", progress=False)[0].tokens == tokenizer.tokens
        patch.setenv("RANK", "1")  # another process finds what the first one wrote
        assert len(prepare(files, 90, tmp_path / "data", progress=False)[1]) == 3
        patch.delenv("RANK")
        with pytest.raises(TypeError):
            vocabulary(files, 80, tmp_path / "data" / "vocabulary", progress=False)
    about = json.loads((tmp_path / "data" / "vocabulary" / "made.json").read_text("utf-8"))
    assert [one[0] for one in about["made of"]["files"]] == ["one.txt", "two.txt"]
