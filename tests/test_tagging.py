"""Tagging: morphemes go there and back, the baseline looks up, grading counts, and the system refuses bad input."""

import json

import pytest
import torch

from lmcourse import tagging, world
from lmcourse.tagging import (
    RECIPES,
    Dictionary,
    MorphemeCodec,
    analyse,
    build,
    eojeols,
    grade,
    gsd_eojeols,
    nouns,
    pairs,
    parse,
    particles,
    pieces,
    settings_for,
    tag,
    written,
)  # fmt: skip
from lmcourse.training import fit

RECORDS = world.generate(400, seed=5)


@pytest.fixture(scope="module")
def taught():
    """A small tagger that has learned twelve short sentences by heart."""
    learn = pairs([r for r in RECORDS if len(r.ko) < 15][:12])
    torch.manual_seed(0)
    system = build(settings_for(learn, embedding=24, hidden=32, width=48, dropout=0.0))
    fit(system.model, system.shuffled(system.encode(learn), 12), steps=220, lr=1e-2, progress=False, device="cpu")
    return system, learn


def test_morphemes_go_there_and_back():
    codec = MorphemeCodec("syllable", [piece for r in RECORDS for piece in pieces(r.morphemes)])
    for r in RECORDS:
        line = codec.decode(codec.encode(r.morphemes))
        assert line == written(r.morphemes) and parse(line) == list(r.morphemes)
    again = MorphemeCodec(**json.loads(json.dumps(codec.settings())))
    assert again.encode(RECORDS[0].morphemes) == codec.encode(RECORDS[0].morphemes)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("민수/NNP 가/JKS", [("민수", "NNP"), ("가", "JKS")]),
        ("//SP ./SF", [("/", "SP"), (".", "SF")]),
        ("1/2/SN", [("1/2", "SN")]),
        ("민수 가/JKS", [("민수", "?"), ("가", "JKS")]),
        ("/NNG 가/", [("/NNG", "?"), ("가/", "?")]),
        ("가/jks", [("가/jks", "?")]),
        ("", []),
    ],
)
def test_parse_keeps_what_is_malformed_and_never_calls_it_right(line, expected):
    assert parse(line) == expected


def test_eojeols_hold_all_morphemes_in_order():
    for r in RECORDS:
        found = eojeols(r)
        assert " ".join(eojeol for eojeol, _ in found) == r.ko
        assert tuple(m for _, part in found for m in part) == r.morphemes
        assert all(part for _, part in found)


def test_gsd_words_without_a_space_are_one_eojeol():
    from lmcourse.datasets import Sentence, Word

    words = (
        Word("비가", "비+가", "NOUN", "NNG+JKS", 2, "nsubj", True),
        Word("온다", "오+ㄴ다", "VERB", "VV+EF", 0, "root", False),
        Word("+", "+", "SYM", "SW", 2, "punct", False),
    )
    found = gsd_eojeols(Sentence("1", "비가 온다+", words))
    assert found == [("비가", [("비", "NNG"), ("가", "JKS")]), ("온다+", [("오", "VV"), ("ㄴ다", "EF"), ("+", "SW")])]


def test_dictionary_looks_up_puts_together_and_guesses():
    examples = [("비가", [("비", "NNG"), ("가", "JKS")]), ("눈이", [("눈", "NNG"), ("이", "JKS")])]
    examples += [("눈이", [("눈이", "NNP")]), ("눈이", [("눈", "NNG"), ("이", "JKS")])]
    look_up = Dictionary(examples).look_up
    assert look_up("눈이") == [("눈", "NNG"), ("이", "JKS")]  # twice against once
    assert look_up("눈가") == [("눈", "NNG"), ("가", "JKS")]  # a known beginning and a known ending
    assert look_up("해가") == [("해", "NNG"), ("가", "JKS")]  # a known ending
    assert look_up("바람") == [("바람", "NNG")]
    assert Dictionary(examples)("비가  눈이") == [*look_up("비가"), *look_up("눈이")]
    assert Dictionary([])("") == []


def test_dictionary_does_not_cut_where_morphemes_have_fused():
    look_up = Dictionary([("했다", [("하", "XSV"), ("였", "EP"), ("다", "EF")])]).look_up
    assert look_up("했다") == [("하", "XSV"), ("였", "EP"), ("다", "EF")]
    assert look_up("갔다") == [("갔다", "NNG")]  # it has learned no ending 다 from 했다


def test_grade_counts_pairs_as_often_as_they_occur():
    gold = [[("눈", "NNG"), ("이", "JKS"), ("눈", "NNG"), ("에", "JKB")]]
    found = [[("눈", "NNG"), ("눈", "NNP"), ("이", "JKS")]]
    figures = grade(found, gold)
    assert figures["nouns"] == pytest.approx(0.5) and figures["noun_forms"] == 1
    assert figures["particles"] == pytest.approx(2 / 3) and figures["exact"] == 0
    assert figures["morphemes"] == pytest.approx(2 * 2 / (3 + 4))
    assert set(grade(gold, [tuple(gold[0])]).values()) == {1}  # lists and tuples are the same
    assert nouns(gold[0]) == [("눈", "NNG")] * 2 and particles(gold[0]) == [("이", "JKS"), ("에", "JKB")]
    with pytest.raises(ValueError, match="as many outputs as references"):
        grade(found, gold * 2)


def test_kiwi_speaks_the_notation_of_the_world():
    pytest.importorskip("kiwipiepy")
    found = tagging.kiwi_morphemes(["비가 온다.", "물을 걸었다."])
    assert found[0] == [("비", "NNG"), ("가", "JKS"), ("오", "VV"), ("ᆫ다".replace("ᆫ", "ㄴ"), "EF"), (".", "SF")]
    assert all(tag.isalpha() for one in found for _, tag in one)


def test_learns_sentences_by_heart_whatever_is_beside_them(taught):
    system, learn = taught
    sentences, gold = [sentence for sentence, _ in learn], [morphemes for _, morphemes in learn]
    assert tag(system, sentences) == gold
    assert [tag(system, [sentence])[0] for sentence in sentences] == gold
    assert analyse(system, f"  {sentences[0]}\n").morphemes == gold[0]


def test_gradients_reach_every_parameter():
    learn = pairs(RECORDS[:8])
    system = build(settings_for(learn, embedding=8, hidden=8, width=8, dropout=0.0))
    batch = next(system.batches(system.encode(learn), 8))
    system.model(**batch).loss.backward()
    for name, parameter in system.model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_settings_make_the_same_system_again(taught, tmp_path):
    system, learn = taught
    settings = json.loads(json.dumps(settings_for(learn, embedding=24, hidden=32, width=48, dropout=0.0)))
    again = build(settings)
    again.model.load_state_dict(system.model.state_dict())
    assert tag(again, [learn[3][0]]) == [learn[3][1]]


def test_unknown_syllables_are_named(taught):
    system, learn = taught
    found = analyse(system, learn[0][0] + " 뷁")
    assert found.unknown == ["뷁"] and isinstance(found.finished, bool)


@pytest.mark.parametrize(
    ("sentence", "message"), [("", "no text"), ("  \n", "no text"), ("Привет", "Привет"), ("비" * 500, "500 pieces")]
)
def test_what_cannot_be_tagged(taught, sentence, message):
    with pytest.raises(ValueError, match=message):
        analyse(taught[0], sentence)


def test_quick_recipe_trains_and_grades(monkeypatch):
    records = world.splits(300, 20)
    monkeypatch.setattr(tagging.world, "splits", lambda *_, **__: records)
    recipe = RECIPES["tagger"]
    system, settings = recipe.train(quick=True, progress=False, device="cpu")
    assert sum(p.numel() for p in system.model.parameters()) < 600_000
    figures = recipe.grade(system, quick=True)
    assert set(figures) == {"test", "unseen"} and all(0 <= x <= 1 for part in figures.values() for x in part.values())
    again, _ = recipe.train(quick=True, progress=False, device="cpu")
    for one, other in zip(system.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert recipe.build(json.loads(json.dumps(settings))).target.vocabulary.tokens == system.target.vocabulary.tokens


def test_the_trained_tagger_keeps_its_figures():
    from lmcourse import tasks

    records = world.splits().unseen[:100]
    system, recorded = tasks.load("tagger"), tasks.figures("tagger")["figures"]["unseen"]
    figures = grade(tag(system, [r.ko for r in records]), [r.morphemes for r in records])
    assert figures["particles"] > recorded["particles"] - 0.05 and figures["nouns"] > recorded["nouns"] - 0.1
