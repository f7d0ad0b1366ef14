"""Is it right: copies, labels that go there and back, targets where they belong, meanings by hand; then bad input."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from lmcourse import small_bert, tagging, world
from lmcourse.finetuning import (
    GOES_ON,
    label_tokens,
    probabilities,
    read_tags,
    sentence_batches,
    sentence_classifier,
    token_batches,
    token_classifier,
    token_tags,
)
from lmcourse.senses import Occurrence, fair_accuracy, nearest, occurrences, states_at
from lmcourse.tasks import seeded
from lmcourse.training import evaluate, fit

ROOT = Path(__file__).parents[1]
RECORDS = world.generate(1600, seed="stories")
MAKERS = sentence_classifier, token_classifier


@pytest.fixture(scope="module")
def system():
    with seeded(0):
        made = small_bert.build(small_bert.settings_for(RECORDS, "ko", width=32, layers=2, hidden=64))
    made.model.eval()
    return made


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


# --- the models ---


@pytest.mark.parametrize("make", MAKERS)
def test_a_pretrained_model_is_a_copy_and_learning_leaves_the_original_alone(make, system):
    before = {name: tensor.clone() for name, tensor in system.model.state_dict().items()}
    model = make(system, 3, dropout=0.2)
    assert same(model.bert, system.model.bert) and model.classifier.out_features == 3
    assert model.config.dropout == 0.2 == model.bert.dropout.p and system.model.config.dropout == 0.0
    with torch.no_grad():
        for p in model.parameters():
            p.add_(1.0)
    assert all(torch.equal(before[name], tensor) for name, tensor in system.model.state_dict().items())


@pytest.mark.parametrize("make", MAKERS)
def test_from_nothing_has_the_same_shape_and_weights_that_depend_on_the_seed_alone(make, system):
    fresh = make(system, 3, pretrained=False, seed=1)
    pretrained = make(system, 3, seed=1)
    assert {k: t.shape for k, t in fresh.state_dict().items()} == {
        k: t.shape for k, t in pretrained.state_dict().items()
    }
    assert not same(fresh.bert, system.model.bert)
    assert same(fresh.classifier, pretrained.classifier)  # the new layer is the same for both
    torch.rand(3)
    assert same(fresh, make(system, 3, pretrained=False, seed=1))
    assert not same(fresh, make(system, 3, pretrained=False, seed=2))


def test_a_class_is_learned(system):
    pairs = [(r.ko, int(r.ko.endswith("요."))) for r in RECORDS[:40]]
    model = sentence_classifier(system, dropout=0.0)
    fit(
        model, lambda epoch: sentence_batches(system, pairs, 20, epoch), steps=40, lr=5e-3, progress=False, device="cpu"
    )
    assert evaluate(model, sentence_batches(system, pairs, 20))["accuracy"] == 1
    p = probabilities(model, system, [sentence for sentence, _ in pairs], batch_size=7)
    assert torch.allclose(p.sum(1), torch.ones(40)) and p.argmax(1).tolist() == [y for _, y in pairs]


def test_labels_are_learned_and_read_as_morphemes(system):
    records = [r for r in RECORDS if len(r.ko) < 14][:8]
    tags = [token_tags(system, r) for r in records]
    names = sorted({tag for one in tags for tag in one})
    pairs = [(r.ko, [names.index(tag) for tag in one]) for r, one in zip(records, tags, strict=True)]
    model = token_classifier(system, len(names), dropout=0.0)
    fit(model, lambda epoch: token_batches(system, pairs, 8, epoch), steps=80, lr=5e-3, progress=False, device="cpu")
    assert label_tokens(model, system, [r.ko for r in records], names, batch_size=3) == tags


# --- batches ---


def test_sentences_keep_their_classes_whatever_the_order(system):
    pairs = [(r.ko, n) for n, r in enumerate(RECORDS[:30])] + [((RECORDS[0].ko, RECORDS[1].ko), 30)]
    wanted = {tuple(system.tokenizer.encode_all([item])[0].ids): n for item, n in pairs}
    for seed in (None, 3):
        found = {}
        for batch in sentence_batches(system, pairs, 4, seed):
            for ids, mask, n in zip(batch["ids"], batch["mask"], batch["targets"].tolist(), strict=True):
                found[tuple(ids[mask].tolist())] = n
        assert found == wanted
    assert batch["segments"].shape == batch["ids"].shape


def test_labels_stand_at_their_tokens_and_marks_do_not_count(system):
    pairs = [(r.ko, list(range(len(system.tokenizer.split(r.ko))))) for r in RECORDS[:20]]
    marks = [system.tokenizer.cls, system.tokenizer.sep, system.tokenizer.pad]
    for batch in token_batches(system, pairs, 6, seed=0):
        assert torch.equal(batch["targets"] == -100, torch.isin(batch["ids"], torch.tensor(marks)))
        for row in batch["targets"]:
            real = row[row != -100]
            assert real.tolist() == list(range(len(real)))


def test_padding_changes_no_answer(system):
    sentences = [r.ko for r in RECORDS[:12]]
    model = sentence_classifier(system)
    alone = torch.cat([probabilities(model, system, [one]) for one in sentences])
    torch.testing.assert_close(probabilities(model, system, sentences), alone)
    model, names = token_classifier(system, 4), list("abcd")
    alone = [label_tokens(model, system, [one], names)[0] for one in sentences]
    assert label_tokens(model, system, sentences, names) == alone


# --- tagging by tokens ---


def test_labels_by_hand(system):
    record = next(r for r in RECORDS if ("하", "XSV") in r.morphemes and ("였", "EP") in r.morphemes)
    labels = dict(zip(system.tokenizer.split(record.ko), token_tags(system, record), strict=True))
    assert labels["##했"] == "XSV+EP" and labels["."] == "SF"


def test_every_morpheme_begins_in_one_token(system):
    for r in RECORDS[:400]:
        labels = token_tags(system, r)
        assert len(labels) == len(system.tokenizer.split(r.ko))
        assert [t for label in labels if label != GOES_ON for t in label.split("+")] == [tag for _, tag in r.morphemes]


def test_the_right_labels_give_nearly_all_nouns_and_particles(system):
    records = world.splits(1000, 200).test
    found = [read_tags(system, r.ko, token_tags(system, r)) for r in records]
    row = tagging.grade(found, [r.morphemes for r in records])
    assert row["nouns"] > 0.95 and row["particles"] > 0.98  # of a small vocabulary; what is lost is cut wrongly


def test_forms_are_the_letters_of_the_sentence(system):
    sentence = "민수가 수박이를 봤다."  # a word that the vocabulary has in pieces
    tokens = system.tokenizer.split(sentence)
    assert tokens[:5] == ["민수", "##가", "수박", "##이", "##를"]
    labels = ["NNP", "JKS", "NNP", GOES_ON, "JKO", *["VV+EP"] * (len(tokens) - 5)]
    assert read_tags(system, sentence, labels)[:4] == [("민수", "NNP"), ("가", "JKS"), ("수박이", "NNP"), ("를", "JKO")]
    assert read_tags(system, sentence, [GOES_ON] * len(tokens)) == [(sentence, "?")]


# --- meanings ---


def test_the_nearest_by_hand():
    vectors = torch.tensor([[1.0, 0], [2, 0.1], [0, 1], [0, 3], [0, 2]])
    assert nearest(vectors).tolist() == [
        [False, True, False, False, False],
        [True, False, False, False, False],
        [False, False, False, True, True],
        [False, False, True, False, True],
        [False, False, True, True, False],
    ]
    assert fair_accuracy(vectors, ["pear", "boat", "boat", "boat", "boat"]) == pytest.approx((0 + 3 / 4) / 2)
    assert fair_accuracy(vectors, ["pear", "pear", "boat", "boat", "boat"]) == 1


def test_equal_vectors_are_guessing():
    senses = ["pear"] * 40 + ["boat"] * 5 + ["stomach"] * 15
    static = torch.randn(1, 8, generator=torch.Generator().manual_seed(0)).expand(60, 8)
    assert fair_accuracy(static, senses) == pytest.approx((39 + 4 + 14) / 59 / 3)


def test_the_state_of_a_homonym_is_that_of_its_token(system):
    found = occurrences("배", RECORDS)
    assert len({one.record.ko for one in found}) == len(found)
    assert all(one.record.ko[slice(*one.span)] == "배" and one.sense in world.SENSES["배"] for one in found)
    states = states_at(system, found, batch_size=5)
    assert states.shape == (len(found), 3, 32)
    one = found[2]
    encoded = system.tokenizer.encode(one.record.ko)
    place = next(n for n, span in enumerate(encoded.spans) if span[0] == one.span[0] and encoded.words[n] is not None)
    alone = system.model.bert(torch.tensor([encoded.ids]), weights=True).layers[0, :, place]
    torch.testing.assert_close(states[2], alone)
    # before the first layer there is only the word; behind it there is the sentence
    whole = [n for n, o in enumerate(found) if "배" in system.tokenizer.split(o.record.ko)]
    assert torch.allclose(states[whole, 0], states[whole[0], 0], atol=1e-6)
    assert not torch.allclose(states[whole, 1], states[whole[0], 1], atol=1e-3)


# --- bad input ---


def test_bad_input_is_refused(system):
    sentence = RECORDS[0].ko
    with pytest.raises(ValueError, match="2 or more classes, not 1"):
        sentence_classifier(system, 1)
    with pytest.raises(ValueError, match="tokens, and 1 labels"):
        next(token_batches(system, [(sentence, [0])], 1))
    with pytest.raises(ValueError, match="tokens, and 2 labels"):
        read_tags(system, sentence, ["NNG", "JKS"])
    with pytest.raises(ValueError, match="has 3 classes, and there are 2 names"):
        label_tokens(token_classifier(system, 3), system, [sentence], ["a", "b"])
    with pytest.raises(TypeError, match="not 7"):
        probabilities(sentence_classifier(system), system, [7])
    with pytest.raises(ValueError, match="'새' is no homonym"):
        occurrences("새", RECORDS)
    with pytest.raises(ValueError, match="not 1 for 2"):
        fair_accuracy(torch.ones(2, 3), ["pear"])
    with pytest.raises(StopIteration):
        states_at(system, [Occurrence(RECORDS[0], "boat", (99, 100))])


# --- the benchmark ---


@pytest.fixture
def bench(monkeypatch):
    if not (ROOT / "benchmarks").is_dir():
        pytest.skip("a package of its own has no benchmarks")
    monkeypatch.syspath_prepend(ROOT)
    before = torch.get_num_threads()
    from benchmarks import finetuning

    yield finetuning
    torch.set_num_threads(before)


def test_all_rows_learn_from_the_same_sentences(bench):
    items = list(range(100))
    assert bench.some_of(items, 10, 1) == bench.some_of(items, 10, 1) != bench.some_of(items, 10, 2)
    assert bench.some_of(items, None, 0) == items
    learn, tests = bench.sentiment(True)
    seen = {r.ko for r, _ in learn}
    assert not any(r.ko in seen for pairs in tests.values() for r, _ in pairs)
    assert all(bench.negated(r) == (kind == "negated") for kind, pairs in tests.items() for r, _ in pairs)
    assert all((r.sentiment > 0) == y for pairs in [learn, *tests.values()] for r, y in pairs)


def test_the_benchmark_runs(bench, monkeypatch):
    monkeypatch.setattr(bench, "COUNTS", {"sentiment": (20, None), "food": (20,), "tagging": (20, None)})
    result = json.loads(json.dumps(bench.run(SimpleNamespace(quick=True))))
    said = bench.report(result)
    assert [r["settings"]["model"] for r in result["sentences"]] == [
        name for count in (2, 1) for name in bench.READERS for _ in range(count)
    ]
    assert all(0 <= x <= 1 for r in result["sentences"] for values in r["right"].values() for x in values)
    assert all(r["settings"]["model"] in said for part in ("sentences", "tagging", "senses") for r in result[part])
    top = next(r for r in result["tagging"] if r["settings"]["model"] == "right labels")
    assert top["f1"]["test"]["nouns"][0] > 0.9
    keys = [json.dumps(r["settings"]) for part in ("sentences", "tagging", "senses") for r in result[part]]
    assert len(set(keys)) == len(keys)  # each result is kept for itself
    with pytest.raises(ValueError, match="no trainings 'sense'; there are"):
        bench.fill("sense")
