"""Is it right: how stories lie in a batch, the unit of the scoreboard; then the models of the package, bad input."""

import math

import pytest
import torch

from lmcourse import stories, tasks, world
from lmcourse.language_model import IGNORE, Output
from lmcourse.text import Vocabulary

RECORDS = world.generate(40, seed=5)
CUTS = [("en", "word"), ("ko", "morpheme"), ("ko", "syllable")]


def vocabulary(language, unit, records=RECORDS):
    return Vocabulary.count([stories.pieces(r, language, unit) for r in records])


@pytest.mark.parametrize("language, unit", CUTS)
def test_a_story_is_its_sentences_with_their_marks(language, unit):
    words = vocabulary(language, unit)
    told = stories.stories(RECORDS, language, unit, words)
    assert len(told) == len(stories.by_story(RECORDS)) == sum(r.position == 0 for r in RECORDS)
    for ids, records in zip(told, stories.by_story(RECORDS), strict=True):
        assert [r.position for r in records] == list(range(len(records)))
        expected = ["<s>"]
        for record in records:
            expected += [*stories.pieces(record, language, unit), "</s>"]
        assert words.decode(ids) == expected


def test_a_story_whose_beginning_is_missing_is_a_story_too():
    assert [len(part) for part in stories.by_story(RECORDS[3:10])] == [5, 2]
    assert stories.by_story([]) == []


def test_a_batch_asks_for_the_next_token_and_not_for_padding():
    told = [[2, 7, 3], [2, 8, 9, 3, 7, 3], [2, 9, 9, 9, 3]]
    seen = []
    for batch in stories.batches(told, 2):
        assert batch["ids"].shape == batch["targets"].shape
        for ids, targets in zip(batch["ids"].tolist(), batch["targets"].tolist(), strict=True):
            real = [t for t in targets if t != IGNORE]
            assert targets[len(real) :] == [IGNORE] * (len(targets) - len(real))
            seen.append([ids[0], *real])
            assert ids[1 : len(real)] == real[:-1]
    assert sorted(seen) == sorted(told)
    mixed = [batch["ids"].tolist() for seed in (1, 1, 2) for batch in stories.batches(told * 5, 4, seed=seed)]
    assert mixed[:4] == mixed[4:8] != mixed[8:]


def test_bits_are_those_of_a_model_whose_probabilities_are_known():
    words = vocabulary("en", "word", RECORDS[:20])

    class Uniform(torch.nn.Module):
        def forward(self, ids, mask=None, **rest):
            return Output(None, torch.zeros(*ids.shape, len(words)))

    told = stories.stories(RECORDS, "en", "word", words)
    count = sum(len(story) - 1 for story in told)
    strange = sum(story.count(words["<unk>"]) for story in told)
    characters = sum(len(r.en) for r in RECORDS)
    found = stories.bits_per_character(Uniform(), RECORDS, "en", "word", words)
    assert strange and found == pytest.approx(
        (count * math.log2(len(words)) + 20.0875 * strange) / characters, rel=1e-4
    )


@pytest.mark.parametrize("name", stories.RECIPES)
def test_the_tellers_of_the_package_come_close_to_the_truth_and_never_below_it(name):
    system, recorded = tasks.load(name), tasks.figures(name)["figures"]
    records = world.generate(400, seed=1)
    characters = sum(len(getattr(r, system.language)) for r in records)
    truth = sum(getattr(r, f"bits_{system.language}") for r in records) / characters
    assert truth < system.bits_per_character(records) < truth + 0.12
    assert recorded["truth"] < recorded["bits_per_character"] < recorded["truth"] + 0.1


def test_a_teller_is_trained_saved_and_opened(tmp_path):
    system, settings = tasks.recipe("story-en").train(quick=True, progress=False, device="cpu")
    path = tmp_path / "story-en.safetensors"
    system.save(path, settings)
    again = tasks.load("story-en", path)
    found = tasks.recipe("story-en").grade(again, quick=True)
    assert found["bits_per_character"] == pytest.approx(
        system.bits_per_character(world.generate(200, seed=1)), abs=0.05
    )


def test_what_cannot_be_cut_is_said():
    for language, unit in (("en", "morpheme"), ("ko", "word"), ("fr", "word")):
        with pytest.raises(ValueError, match=f"not '{language}' by '{unit}'"):
            stories.pieces(RECORDS[0], language, unit)
