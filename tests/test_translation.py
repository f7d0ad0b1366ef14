"""Translation: pairs, every wording of a meaning, the ceiling, baselines, grading, and a system that learns."""

import json
from collections import Counter
from random import Random

import pytest
import torch

from lmcourse import metrics, tasks, text, translation, world
from lmcourse.translation import (
    RECIPES,
    bleu_interval,
    build,
    ceiling,
    dictionary,
    korean,
    learn,
    nearest,
    pairs,
    score,
    settings_for,
    subject,
    training_records,
    wordings,
)
from lmcourse.world import english_text
from lmcourse.world.choice import Dice

RECORDS = world.generate(240, seed=3)
SMALL = {"width": 16, "encoder": 32, "decoder": 32, "dropout": 0.0, "min_count": 1}


@pytest.fixture(scope="module")
def taught():
    """A small system that has learned twelve short sentences by heart."""
    some = [r for r in RECORDS if len(r.ko) < 16][:12]
    system, settings, history = learn("ko-en", some, 150, lr=1e-2, batch=12, progress=False, device="cpu", **SMALL)
    return system, settings, history, some


# --- pairs ---


def test_pairs_hold_the_exact_texts():
    for cut in ("gold", "kiwi"):
        for (source, target), r in zip(pairs("ko-en", RECORDS, cut), RECORDS, strict=True):
            assert text.join(source, "morpheme") == r.ko and target == r.en
    for (source, target), r in zip(pairs("en-ko", RECORDS), RECORDS, strict=True):
        assert source == r.en and text.join(target, "morpheme") == r.ko


def test_the_cuts_are_those_of_the_world_and_of_kiwi():
    assert korean(RECORDS[:5]) == [text.split_at(r.ko, r.morpheme_spans) for r in RECORDS[:5]]
    assert korean(RECORDS[:5], "kiwi") == text.split_all([r.ko for r in RECORDS[:5]], "morpheme")
    assert korean(RECORDS) != korean(RECORDS, "kiwi")


def test_training_shares_no_sentence_with_the_tests():
    train, splits = training_records(500), world.splits()
    tests = [*splits.test, *splits.unseen]
    assert 400 < len(train) <= 500 and not any(world.is_held_out(r) for r in train)
    assert not {r.ko for r in train} & {r.ko for r in tests} and not {r.en for r in train} & {r.en for r in tests}


# --- wordings ---


@pytest.mark.parametrize("language", ["ko", "en"])
def test_wordings_are_a_distribution_that_holds_the_sentence(language):
    for r in RECORDS:
        found = wordings(r, language)
        assert getattr(r, language) in found
        assert sum(found.values()) == pytest.approx(1) and min(found.values()) > 0


def test_wordings_are_as_frequent_as_the_world_says_them():
    record = max(RECORDS, key=lambda r: len(wordings(r, "en")))
    found, dice = wordings(record, "en"), Dice(Random(0).random)
    said = Counter(english_text.say(record.plan, dice).text for _ in range(4000))
    assert len(found) > 3 and set(said) <= set(found)
    for wording, p in found.items():
        assert said[wording] / 4000 == pytest.approx(p, abs=0.035)


def test_korean_wordings_hold_every_politeness():
    record = next(r for r in RECORDS if r.tense == "past" and r.plan.kind == "event")
    endings = {wording[-3:] for wording in wordings(record, "ko")}
    assert any(e.endswith("요.") for e in endings) and any(e.endswith("다.") for e in endings)


def test_the_ceiling_is_the_share_of_the_likeliest_wording():
    one = [r for r in RECORDS if len(wordings(r, "en")) == 1][:3]
    assert ceiling(one, "en") == pytest.approx(1)
    two = [next(r for r in RECORDS if len(wordings(r, "en")) > 1)]
    assert ceiling(two + one, "en") == pytest.approx((max(wordings(two[0], "en").values()) + 3) / 4)
    assert ceiling(RECORDS, "ko") < ceiling(RECORDS, "en") < 1


def test_the_subject_is_named_replaced_or_dropped():
    found = {subject(r): r for r in RECORDS}
    assert set(found) == {"name", "pronoun", "dropped", "other"}
    assert {subject(r, "en") for r in RECORDS} == {"name", "pronoun", "other"}
    assert found["dropped"].entities[0].ko == () and found["dropped"].entities[0].en
    assert any(form in ("그", "그녀") for form, _ in found["pronoun"].morphemes)


# --- baselines and grading ---


def test_nearest_gives_the_translation_of_the_most_alike():
    train = [(["▁a", "▁b", "▁c"], "one"), (["▁a", "▁d"], "two"), (["▁e"], "three")]
    assert nearest(train, [["▁a", "▁b"], ["▁d"], ["▁e", "▁new"], ["▁new"]]) == ["one", "two", "three", "one"]
    known = pairs("ko-en", RECORDS[:50])
    first = {}
    for source, target in known:
        first.setdefault(tuple(sorted(set(source))), target)
    assert nearest(known, [s for s, _ in known]) == [first[tuple(sorted(set(s)))] for s, _ in known]


@pytest.mark.parametrize("direction", ["ko-en", "en-ko"])
def test_the_dictionary_says_something_for_known_words(direction):
    outputs = dictionary(RECORDS, RECORDS[:20], direction)
    assert len(outputs) == 20 and all(outputs)
    wanted = [getattr(r, direction[-2:]) for r in RECORDS[:20]]
    assert metrics.exact_match(outputs, wanted) < 0.5
    assert metrics.bleu(outputs, wanted) > metrics.bleu(outputs[::-1], wanted)


def test_score_counts_exact_and_other_wordings():
    record = next(r for r in RECORDS if len(wordings(r, "en")) > 1)
    other = next(w for w in wordings(record, "en") if w != record.en)
    found = score([record.en, other, "No."], [record] * 3, "en")
    assert found["sentences"] == 3
    assert found["exact"] == pytest.approx(1 / 3, abs=1e-4) and found["wording"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["low"] < found["exact"] < found["high"]
    assert found["bleu_low"] <= found["bleu"] <= found["bleu_high"]


def test_bleu_interval_is_narrow_for_equal_sentences_and_holds_the_figure():
    same = ["The cat sat on the mat ."] * 20
    assert bleu_interval(same, same, samples=50) == pytest.approx((100, 100))
    texts, other = [r.en for r in RECORDS[:60]], [r.en for r in RECORDS[1:61]]
    mixed = [a if n % 2 else b for n, (a, b) in enumerate(zip(texts, other, strict=True))]
    low, high = bleu_interval(mixed, texts, samples=200)
    assert low < metrics.bleu(mixed, texts) < high
    assert (low, high) == bleu_interval(mixed, texts, samples=200)


# --- systems ---


def test_it_learns_a_few_sentences_by_heart(taught):
    system, _, history, some = taught
    assert history[-1]["loss"] < history[0]["loss"] / 20
    assert system([r.ko for r in some]) == system([s for s, _ in pairs("ko-en", some)])
    assert metrics.exact_match(system([r.ko for r in some]), [r.en for r in some]) > 0.9
    assert metrics.exact_match(system([r.ko for r in some], beam=3), [r.en for r in some]) > 0.9


def test_the_other_direction_and_the_same_seed():
    some = RECORDS[:24]
    runs = [learn("en-ko", some, 2, batch=8, progress=False, device="cpu", **SMALL) for _ in range(2)]
    weights = [torch.cat([p.flatten() for p in system.model.parameters()]) for system, _, _ in runs]
    assert torch.equal(*weights) and runs[0][2] == runs[1][2]
    assert all(isinstance(output, str) for output in runs[0][0]([r.en for r in some]))


def test_a_system_survives_its_file(taught, tmp_path):
    system, settings, _, some = taught
    system.save(tmp_path / "small.safetensors", settings)
    kept = tasks.load("ko-en", tmp_path / "small.safetensors")
    assert kept([r.ko for r in some]) == system([r.ko for r in some])
    assert json.loads(json.dumps(settings)) == settings


def test_the_size_of_a_system():
    settings = settings_for("ko-en", RECORDS)
    assert sum(p.numel() for p in build(settings).model.parameters()) < 600_000
    assert build(settings).target.unit == "word" and build(settings_for("en-ko", RECORDS)).target.unit == "morpheme"


def test_quick_training_and_grading():
    system, _ = RECIPES["ko-en"].train(quick=True, seed=1, checkpoint=None, progress=False, device="cpu")
    found = RECIPES["ko-en"].grade(system, quick=True)
    assert {"ceiling", "gold, greedy", "gold, beam 4", "kiwi, greedy", "dictionary"} <= set(found["test"])
    assert sum(row["sentences"] for row in found["by_pieces"]) == 50
    assert sum(row["sentences"] for row in found["by_korean_subject"].values()) == 50
    assert 0.5 < found["kiwi_cuts_as_gold"] < 1


# --- bad input ---


def test_bad_input_is_named(taught):
    system, known = taught[0], taught[3][0].ko
    for bad in ("", "   \n"):
        with pytest.raises(ValueError, match="no text"):
            system(bad)
    with pytest.raises(ValueError, match="at most 200"):
        system(" ".join([known] * 200))
    with pytest.raises(ValueError, match="nothing in 'Привет' is known"):
        system("Привет")
    for call in (lambda: pairs("ko-fr", RECORDS[:2]), lambda: settings_for("fr-ko", RECORDS[:2])):
        with pytest.raises(ValueError, match=r"'ko-en' or 'en-ko', not '(ko-fr|fr-ko)'"):
            call()
    with pytest.raises(ValueError, match="'en-en'"):
        dictionary(RECORDS[:2], RECORDS[:2], "en-en")
    with pytest.raises(ValueError, match="not 'mecab'"):
        korean(RECORDS[:2], "mecab")
    with pytest.raises(ValueError, match="not 'fr'"):
        wordings(RECORDS[0], "fr")
    assert translation.DIRECTIONS["ko-en"] == ("ko", "en")
