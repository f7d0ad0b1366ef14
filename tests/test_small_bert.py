"""Small BERTs of the world: what they read, gold answers of the trained ones, gaps and heads beside the truth."""

import math

import pytest
import torch

from lmcourse import heads, reading, small_bert, tasks, world
from lmcourse.pretraining import batches
from lmcourse.stories import by_story
from lmcourse.tasks import seeded

RECORDS = world.generate(80, seed=1)
STORIES = by_story(RECORDS)
QUIET = {"progress": False, "device": "cpu"}
LANGUAGES = pytest.mark.parametrize("language", ["en", "ko"])


@pytest.fixture(scope="module")
def trained():
    return {language: tasks.load(f"bert-{language}") for language in ("en", "ko")}


@pytest.fixture(scope="module")
def untrained():
    """For each language a BERT that knows nothing, narrow and with two layers."""
    made = {}
    for language in ("en", "ko"):
        settings = small_bert.settings_for(
            world.generate(1_600, seed=1), language, width=16, layers=2, heads=2, hidden=24
        )
        with seeded(0):
            made[language] = small_bert.build(settings)
    return made


# --- what is read ---


def test_korean_tokens_are_morphemes_where_nothing_has_fused():
    vocabulary = small_bert.vocabulary(world.generate(800, seed=2), "ko")
    assert {"배", "##를", "##께서", "만화책", "##을"} <= set(vocabulary) and "배를" not in vocabulary
    assert len(set(vocabulary)) == len(vocabulary)


@LANGUAGES
def test_everything_of_the_world_can_be_read(trained, language):
    system = trained[language]
    documents = system.documents(world.generate(800, seed=3))
    assert len(documents) == 100 and all(len(document) == 8 for document in documents)
    assert not any(system.tokenizer.unk in sentence for document in documents for sentence in document)


@LANGUAGES
def test_documents_are_the_sentences_of_stories(trained, language):
    system = trained[language]
    for story, document in zip(STORIES, system.documents(RECORDS), strict=True):
        assert document == [system.tokenizer.encode_all([getattr(r, language)], marks=False)[0].ids for r in story]


@LANGUAGES
def test_a_story_is_read_as_a_pair(trained, language):
    system, story = trained[language], STORIES[3]
    whole = reading.read(system, story, cut=3)
    parts = [" ".join(getattr(r, language) for r in some) for some in (story[:3], story[3:])]
    expected = system.tokenizer.encode(*parts)
    assert (whole.ids, whole.segments, whole.tokens) == (expected.ids, expected.segments, expected.tokens)
    for record, start, spans in zip(story, whole.starts, whole.spans, strict=True):
        told = [getattr(record, language)[a:b] for a, b in spans]
        assert told == [t.removeprefix("##") for t in whole.tokens[start : start + len(spans)]]


# --- gaps ---


def test_gold_answers(trained):
    korean, english = trained["ko"], trained["en"]

    def best(system, *args, **options):
        return {token for token, _ in system.fill(*args, **options)[0]}

    rides = {"기차", "버스", "자전거", "비행기", "스케이트보드", "지하철", "택시", "배", "자동차", "썰매"}
    assert best(korean, "민수는 배를 탔다.", hide="배") <= rides
    assert (
        {"다리", "머리"}
        <= best(korean, "민수는 배가 아팠다.", hide="배")
        <= {"배", "다리", "머리", "어깨", "허리", "목", "팔"}
    )
    assert korean.fill("할머니께서는 수프를 드셨다.", hide="##께서")[0][0][0] == "##께서"
    subject = "The cooks that the student helped [MASK] happy."
    assert english.fill(subject)[0][0][0] in ("were", "are")
    assert english.fill(subject.replace("cooks", "cook").replace("student", "students"))[0][0][0] in ("was", "is")


def test_hidden_tokens_are_masks(trained):
    english, korean = trained["en"], trained["ko"]
    assert english.fill("Minsu ate a pear.", hide="pear") == english.fill("Minsu ate a [MASK].")
    twice = english.fill("Minsu ate a pear.", "Bora ate a pear.", hide="pear", top=3)
    assert twice == english.fill("Minsu ate a [MASK].", "Bora ate a [MASK].", top=3)
    assert [len(each) for each in twice] == [3, 3]
    assert sum(p for _, p in english.fill("[MASK]", top=10**6)[0]) == pytest.approx(1, abs=1e-5)
    # What comes behind [MASK] is a word of its own; behind a hidden token it goes on.
    assert korean.fill("민수는 [MASK]를 탔다.") != korean.fill("민수는 배를 탔다.", hide="배")


def test_nothing_to_fill(trained):
    with pytest.raises(ValueError, match=r"no \[MASK\] in 'Minsu ate a pear.'"):
        trained["en"].fill("Minsu ate a pear.")
    with pytest.raises(ValueError, match="no token 'plum' to hide among .* pear"):
        trained["en"].fill("Minsu ate a pear.", hide="plum")


@LANGUAGES
def test_one_by_one_is_one_mask_at_a_time(untrained, language):
    system, whole = untrained[language], reading.read(untrained[language], STORIES[0])
    found = reading.one_by_one(system, whole, batch_size=7)
    assert found.shape == (len(whole.ids), len(system.tokenizer))
    assert torch.allclose(found.sum(1), torch.ones(len(found)), atol=1e-5)
    for place in (1, 9, len(whole.ids) - 2):
        ids = torch.tensor([whole.ids])
        ids[0, place] = system.tokenizer.mask
        with torch.no_grad():
            logits = system.model(ids, segments=torch.tensor([whole.segments])).logits[0, place]
        assert torch.allclose(found[place], logits.softmax(0), atol=1e-6)


@LANGUAGES
def test_no_guess_beats_the_truth_in_the_mean(trained, language):
    system = trained[language]
    some = STORIES[0] + STORIES[1]
    gaps = reading.gaps(system, some, progress=False)
    assert [g.token for g in gaps] == [t for r in some for t in system.tokenizer.split(getattr(r, language))]
    at = {token: n for n, token in enumerate(system.tokenizer.tokens)}
    cross, entropy = 0.0, 0.0
    for gap in gaps:
        assert sum(gap.truth.values()) == pytest.approx(1) and gap.truth[gap.token] > 0
        entropy -= sum(p * math.log2(p) for p in gap.truth.values())
        cross -= sum(p * math.log2(gap.guess[at[token]]) for token, p in gap.truth.items())
    assert entropy < cross < entropy + len(gaps)  # within a bit a token


@LANGUAGES
def test_an_example_of_the_figure_has_the_truth_of_each_token(trained, language):
    system, story = trained[language], STORIES[2][:4]
    made = reading.example(system, story, cut=1)
    tokens = system.tokenizer.encode(made["text"], made["second"]).tokens
    assert made["text"] == getattr(story[0], language)
    assert sorted(made["truth"]) == [n for n, token in enumerate(tokens) if token not in ("[CLS]", "[SEP]")]
    assert all(tokens[place] in right for place, right in made["truth"].items())


@pytest.mark.parametrize("cut", [0, 8, -1])
def test_a_cut_that_leaves_a_part_empty(trained, cut):
    with pytest.raises(ValueError, match=f"cut after 1 to 7 of them, not {cut}"):
        reading.read(trained["en"], STORIES[0], cut)


# --- heads ---


@LANGUAGES
def test_links_lie_between_the_right_tokens(trained, language):
    system, verbs = trained[language], 0
    for look in reading.looks(system, RECORDS):
        tokens = look.read.tokens
        assert torch.allclose(look.attention.sum(3), torch.ones(look.attention.shape[:3]), atol=1e-5)
        links = reading.relations(system, look.read)
        marks = {n for n, token in enumerate(tokens) if token in ("[CLS]", "[SEP]")}
        assert set(links["previous"]) == set(range(len(tokens))) - marks
        assert all(links["previous"][t] == {t - 1} and links["next"][t] == {t + 1} for t in links["previous"])
        verbs += len(links["agreement"])
        if language == "en":
            assert all(tokens[t].lower() in heads.PRONOUNS for t in links["coreference"])
    assert verbs


def test_a_link_by_hand(trained):
    for n, story in enumerate(STORIES):
        for record in story:
            if "that Doyun met at the museum was" in record.en:
                whole = reading.read(trained["en"], STORIES[n])
                links = reading.relations(trained["en"], whole)
                start = whole.starts[story.index(record)]
                tokens = whole.tokens[start:]
                was, girl = start + tokens.index("was"), start + tokens.index("girl")
                assert links["agreement"][was] == {girl}
                return
    raise AssertionError("the sentence is no longer there: take another one")


def test_heads_follow_the_neighbours(trained):
    for system in trained.values():
        looks = reading.looks(system, RECORDS)
        found = heads.grade(looks, [reading.relations(system, look.read) for look in looks], causal=False)
        assert found["previous"].share.max() > 0.8 and found["next"].share.max() > 0.8
        assert found["previous"].back == 1 and found["next"].back == -1


# --- states and grades ---


@LANGUAGES
def test_states_do_not_depend_on_their_batch(untrained, language):
    system = untrained[language]
    items = [getattr(r, language) for r in RECORDS[:9]] + [("A", "B")]
    states, read = system.states(items, batch_size=4)
    for item, one, encoded in zip(items, states, read, strict=True):
        (alone,), (known,) = system.states([item])
        assert encoded == known and torch.allclose(one, alone, atol=1e-5) and len(one) == len(encoded.ids)


@LANGUAGES
def test_a_grade_is_the_mean_over_the_masked_tokens(untrained, language):
    system = untrained[language]
    found = system.grade(RECORDS, seed=3, size=4)
    generator = torch.Generator().manual_seed(3)
    rows = system.rows(RECORDS, generator, short=0, torn=0)
    nats = right = count = 0
    for batch in batches(rows, 4, system.tokenizer, generator):
        at = batch["targets"] >= 0
        with torch.no_grad():
            logits = system.model(batch["ids"], None, None, batch["segments"], batch["documents"]).logits[at].double()
        nats -= logits.log_softmax(1).gather(1, batch["targets"][at][:, None]).sum().item()
        right += (logits.argmax(1) == batch["targets"][at]).sum().item()
        count += int(at.sum())
    assert found["masked"] == count and found["accuracy"] == pytest.approx(right / count)
    assert found["bits"] == pytest.approx(nats / math.log(2) / count, rel=1e-5)
    assert found["pairs"] == len(STORIES) and 0 <= found["follows"] <= 1
    assert "follows" not in system.grade(RECORDS, next_sentence=False)


def test_pre_training_learns_and_is_the_same_again():
    records = world.generate(400, seed=4)

    def school(steps, **options):
        with seeded(0):
            system = small_bert.build(small_bert.settings_for(records, "en", width=32, layers=1, hidden=48))
        losses = [entry["loss"] for entry in small_bert.pretrain(system, records, steps, **options, **QUIET)]
        return losses, system.grade(records)["bits"]

    losses, bits = school(60)
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])
    again, same_bits = school(60)
    assert losses == again and bits == same_bits
    alone, _ = school(3, next_sentence=False, masking={"random": 0.0})
    assert len(alone) == 3 and alone[0] < losses[0]  # one thing to learn, and not two


def test_the_weights_are_those_of_the_world_of_today(trained):
    for language, system in trained.items():
        recorded = tasks.figures(f"bert-{language}")["figures"]
        found = system.grade(world.generate(8_000, seed=1)[:2_000])
        assert found["accuracy"] == pytest.approx(recorded["accuracy"], abs=0.03)
        assert found["bits"] == pytest.approx(recorded["bits"], abs=0.2)
