"""Gold links between pieces, teacher forcing with the weights kept, and the translators of the package."""

import pytest
import torch

from lmcourse import attending, tasks, text, translation, world
from lmcourse.attending import Gold, forced, gold, grade_attention, links, pointing
from lmcourse.attention import AttentionDecoder

RECORDS = world.generate(300, seed=5)
SMALL = {"width": 16, "encoder": 24, "decoder": 24, "min_count": 1}


@pytest.fixture(scope="module")
def untrained():
    settings = translation.settings_for("ko-en", RECORDS, **SMALL)
    with tasks.seeded(0):
        return attending.attending(translation.build)(settings)


# --- gold ---


def test_gold_links_join_the_pieces_of_the_aligned_words():
    for record in RECORDS:
        pieces, words = translation.korean([record])[0], text.split(record.en, "word")
        found = gold(record, "ko-en")
        assert set(found.sure) <= set(found.possible)
        assert {t for t, _ in found.sure} == {j for _, j in record.alignment}
        starts = {}
        for i, (start, end) in enumerate(record.morpheme_spans):
            starts[i] = record.ko[start:end]
        for t, s in found.possible:
            assert 0 <= s < len(pieces) and 0 <= t < len(words)
            partners = [starts[i] for i, j in record.alignment if j == t]
            piece = pieces[s].replace("▁", "")
            assert any(set(piece) & set(partner) for partner in partners), (record.ko, piece, partners)


def test_the_other_direction_is_the_mirror_image():
    for record in RECORDS[:50]:
        one, other = gold(record, "ko-en"), gold(record, "en-ko")
        assert sorted((s, t) for t, s in one.sure) == other.sure
        assert sorted((s, t) for t, s in one.possible) == other.possible


def test_a_morpheme_that_is_spread_over_two_pieces_has_one_sure_link():
    record = next(r for r in RECORDS if ("배우", "VV") in r.morphemes and "배웠" in r.ko)
    pieces = translation.korean([record])[0]
    first = pieces.index("▁배")
    found = gold(record, "ko-en")
    t = next(t for t, s in found.sure if s == first)
    assert (t, first + 1) in found.possible and (t, first + 1) not in found.sure


def test_content_words_leave_out_particles_and_full_stops():
    record = next(r for r in RECORDS if any(tag == "JKB" for _, tag in r.morphemes) and "을 " in r.ko)
    words = text.split(record.en, "word")
    every, content = gold(record, "ko-en"), gold(record, "ko-en", content=True)
    assert set(content.sure) < set(every.sure) and set(content.possible) < set(every.possible)
    tags = {j: {record.morphemes[i][1] for i, k in record.alignment if k == j} for _, j in record.alignment}
    for t in {t for t, _ in content.sure}:
        assert any(tag[0] in "NVM" or tag == "XR" for tag in tags[t]), words[t]
    assert words[-1] == "." and len(words) - 1 not in {t for t, _ in content.sure}


# --- reading maps ---


def test_links_and_pointing():
    weights = torch.tensor([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.2, 0.2, 0.6]])
    right = Gold([(0, 1), (2, 0)], [(0, 1), (2, 0), (2, 1)])
    assert links(weights) == [(0, 1), (1, 0), (2, 2)] and links(weights, [2]) == [(2, 2)]
    assert pointing(weights, right) == {0: True, 2: False}
    found = grade_attention([weights], [right])
    assert (found.precision, found.recall) == (0.5, 0.5) and found.aer == 0.5
    weights[0] = 0  # it points nowhere
    assert links(weights) == [(1, 0), (2, 2)] and pointing(weights, right) == {0: False, 2: False}


def test_a_perfect_map_has_no_error_and_a_mirrored_one_has():
    golds = [gold(r, "ko-en") for r in RECORDS]
    perfect, wrong = [], []
    for record, right in zip(RECORDS, golds, strict=True):
        shape = len(text.split(record.en, "word")), len(translation.korean([record])[0])
        weights = torch.zeros(shape)
        for t, s in reversed(right.sure):
            weights[t] = 0
            weights[t, s] = 1
        perfect.append(weights)
        wrong.append(weights.flip(1))
    assert grade_attention(perfect, golds).precision == 1
    assert grade_attention(perfect, golds).aer < 0.1 < 0.5 < grade_attention(wrong, golds).aer


def test_counting_finds_what_stands_for_what():
    pairs = [(["a", "b"], ["x", "y"]), (["b", "c"], ["y", "z"]), (["a", "c"], ["z", "x"]), (["c"], ["z"])]
    for (source, target), shares in zip(pairs, attending.counted_links(pairs, 20), strict=True):
        assert torch.allclose(shares.sum(1), torch.ones(len(target)))
        for word, row in zip(target, shares, strict=True):
            assert source[row.argmax()] == "abc"["xyz".index(word)] and row.max() > 0.9
    (first, *_) = attending.counted_links(pairs, 0)
    assert first.tolist() == [[0.5, 0.5]] * 2  # nothing is known yet


def test_counting_links_the_world_far_better_than_chance():
    some = RECORDS[:200]
    shares = attending.counted_links([(translation.korean([r])[0], text.split(r.en, "word")) for r in some])
    golds = [gold(r, "ko-en") for r in some]
    assert grade_attention(shares, golds).aer < 0.5 < grade_attention([s.flip(1) for s in shares], golds).aer


# --- teacher forcing ---


def test_forced_equals_each_pair_alone(untrained):
    some = translation.pairs("ko-en", RECORDS[:20])
    together = forced(untrained, some, batch_size=7)
    for (source, target), one in zip(some, together, strict=True):
        words = text.split(target, "word")
        assert one.attention.shape == (len(words) + 1, len(source))
        assert torch.allclose(one.attention.sum(1), torch.ones(len(words) + 1))
        ids = untrained.target.encode(target)
        shown = torch.tensor([[untrained.target.bos, *ids]])
        with torch.no_grad():
            output = untrained.model.eval()(torch.tensor([untrained.source.encode(source)]), shown)
        log_probs = output.logits[0].log_softmax(1)
        assert torch.allclose(one.attention, output.attention[0], atol=1e-5)
        for t, token in enumerate([*ids, untrained.target.eos]):
            assert abs(one.log_probs[t] - log_probs[t, token]) < 1e-4
            assert bool(one.right[t]) == (log_probs[t].argmax() == token)


def test_forced_works_without_attention_and_leaves_the_mode_as_it_was():
    settings = translation.settings_for("ko-en", RECORDS, **SMALL)
    plain = translation.build(settings)
    plain.model.train()
    (one,) = forced(plain, translation.pairs("ko-en", RECORDS[:1]))
    assert one.attention is None and plain.model.training


def test_attending_changes_the_decoder_only(untrained):
    settings = translation.settings_for("ko-en", RECORDS, **SMALL)
    with tasks.seeded(0):
        plain = translation.build(settings)
    assert type(untrained.model.decoder) is AttentionDecoder
    for name, value in plain.model.state_dict().items():
        assert torch.equal(value, untrained.model.state_dict()[name])


# --- the package ---


@pytest.mark.parametrize("direction", ["ko-en", "en-ko"])
def test_the_translators_are_as_good_as_their_record_and_point_at_the_gold(direction):
    system, kept = tasks.load(f"{direction}-attention"), tasks.figures(f"{direction}-attention")["figures"]
    records = world.splits().test[:200]
    outputs = system([source for source, _ in translation.pairs(direction, records)])
    target = translation.DIRECTIONS[direction][1]
    share = translation.score(outputs, records, target)["wording"]
    cut = "gold" if direction == "ko-en" else "words"
    assert abs(share - kept["test"][f"{cut}, greedy"]["wording"]) < 0.06
    maps = [one.attention for one in forced(system, translation.pairs(direction, records))]
    golds = [gold(r, direction) for r in records]
    right = [hit for w, g in zip(maps, golds, strict=True) for hit in pointing(w, g).values()]
    shuffled = [hit for w, g in zip(maps, golds, strict=True) for hit in pointing(w.flip(1), g).values()]
    assert sum(right) / len(right) > 0.5 > 0.3 > sum(shuffled) / len(shuffled)
