"""Attention over the places of films: the encoder, its maps, the grade on the scenes' truth, and the figure."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from lmcourse import plots, spatial, tasks, video
from lmcourse.attention import AttentionDecoder
from lmcourse.seq2seq import Seq2Seq
from lmcourse.spatial import SpatialEncoder, beside, covers, grade_places, hits, looks, maps, named, overlay
from lmcourse.training import fit
from lmcourse.video import Background, Scene, Thing

GREY = Background("plain", ((0.2, 0.2, 0.2), (0.3, 0.3, 0.3)))
LEFT = Thing("red", "square", "still", 0.25, (0.25, 0.5))
RIGHT = Thing("blue", "circle", "still", 0.15, (0.75, 0.5))


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    encoder = SpatialEncoder(12, channels=(4, 6, 8))
    clips = torch.from_numpy(np.stack([video.render(video.draw(n), 6) for n in range(8)])).permute(0, 1, 4, 2, 3)
    for _ in range(30):
        encoder(clips)  # batch normalisation learns what numbers are usual
    return encoder.eval()


@pytest.fixture(scope="module")
def system():
    torch.manual_seed(0)
    small = {"width": 24, "hidden": 32, "channels": [4, 8, 12], "embedding": 8, "tokens": video.words()}
    return spatial.build(small)


@pytest.fixture(scope="module")
def films():
    return video.pairs(6, "spatial", frames=(3, 6))


def words_of(caption):
    return caption.replace(",", " ,").split()


def clips_of(lengths, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return torch.rand(len(lengths), max(lengths), 3, 32, 32, generator=generator), mask


# The encoder


def test_shapes_and_mask(encoder):
    source, mask = clips_of([5, 3, 1])
    memory = encoder(source, mask)
    assert memory.states.shape == (3, 5 * 64, 12) and memory.context.shape == (3, 12)
    assert memory.mask.shape == (3, 5 * 64) and memory.mask.dtype == torch.bool
    assert memory.mask.sum(1).tolist() == [5 * 64, 3 * 64, 64]
    assert memory.mask[1, : 3 * 64].all() and not memory.states[1, 3 * 64 :].any()
    small = SpatialEncoder(8, channels=(4, 4, 4), size=16).eval()
    assert small(torch.rand(2, 3, 3, 16, 16)).states.shape == (2, 3 * 16, 8)


def test_padding_changes_nothing(encoder):
    source, mask = clips_of([5, 3])
    whole = encoder(source, mask)
    alone = encoder(source[1:, :3])
    assert torch.allclose(whole.states[1, : 3 * 64], alone.states[0], atol=1e-5)
    assert torch.allclose(whole.context[1], alone.context[0], atol=1e-5)
    source[1, 3:] = 7.0  # what stands in the padding is never looked at
    changed = encoder(source, mask)
    assert torch.equal(changed.states, whole.states) and torch.equal(changed.context, whole.context)


def test_padding_does_not_enter_batch_normalisation():
    source, mask = clips_of([4, 2])
    means = []
    for padding in (0.0, 100.0):
        torch.manual_seed(0)
        encoder = SpatialEncoder(12, channels=(4, 6, 8))
        source[1, 2:] = padding
        encoder(source, mask)
        means.append(encoder.look[1].running_mean.clone())
    assert torch.equal(*means)


def test_captions_do_not_change_with_padding(system, films):
    clips = [clip for clip, _ in films]
    assert len({len(clip) for clip in clips}) > 1
    together, alone = looks(system, clips), [looks(system, [clip])[0] for clip in clips]
    for one, other in zip(together, alone, strict=True):
        assert one.words == other.words
        assert torch.allclose(one.maps, other.maps, atol=1e-5)


def test_whole_numbers_and_shares_are_the_same_picture(encoder):
    source = torch.randint(0, 256, (2, 3, 3, 32, 32), dtype=torch.uint8)
    assert torch.allclose(encoder(source).states, encoder(source.float() / 255).states, atol=1e-5)


def test_a_place_stands_in_the_middle_of_what_it_sees():
    """The pixels that a place depends on are 18 wide, and reach as far to one side of it as to the other."""
    torch.manual_seed(0)
    look = SpatialEncoder(8, channels=(4, 4, 4)).look.eval()
    frame = torch.rand(1, 3, 32, 32, requires_grad=True)
    look(frame)[0, :, 3, 4].sum().backward()
    used = frame.grad[0].abs().sum(0) > 0
    rows, columns = used.any(1).nonzero().flatten().tolist(), used.any(0).nonzero().flatten().tolist()
    assert rows[0] >= 4 * 3 + 2 - 9 and rows[-1] < 4 * 3 + 2 + 9 and rows[0] + rows[-1] == 2 * (4 * 3 + 2) - 1
    assert columns[0] + columns[-1] == 2 * (4 * 4 + 2) - 1 and 16 <= len(columns) <= 18


def test_states_know_their_place(encoder):
    """Grey looks the same everywhere, and so what differs is the place."""
    inner = encoder(torch.full((1, 2, 3, 32, 32), 0.5)).states.view(2, 8, 8, 12)[0, 3:5, 3:5].reshape(4, 12)
    assert all(not torch.allclose(inner[i], inner[j], atol=1e-3) for i in range(4) for j in range(i))


@pytest.mark.parametrize("path", ["happened", "changed"])
def test_states_know_the_past_by_two_paths_and_not_the_future(encoder, path):
    for other in {"happened", "changed"} - {path}:
        torch.nn.init.zeros_(getattr(encoder, other).weight)
    grey = torch.full((1, 3, 3, 32, 32), 0.5)
    flash = grey.clone()  # only in the second frame, in a corner, and the mean colour stays the same
    flash[0, 1, 0, :12, :6], flash[0, 1, 0, :12, 6:12] = 0.9, 0.1
    before, after = (encoder(source).states.view(3, 8, 8, 12).detach() for source in (grey, flash))
    moved = (after - before).abs().amax(3)  # (3, 8, 8)
    assert moved[0].max() < 1e-5  # not the future
    assert moved[2, :4, :4].max() > 1e-3  # the third frame is the same picture
    if path == "happened":
        assert moved[2].min() > 1e-3  # known everywhere
    else:
        assert moved[2, :4, :4].max() > 3 * moved[2, 5:, 5:].max()  # known where it was


def test_the_first_frame_of_a_clip_has_no_frame_before(encoder):
    """Frames of all clips are looked at in one row; the change must not run over from clip to clip."""
    source, mask = clips_of([2, 4])
    other = source.clone()
    other[0] = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(9))
    assert torch.allclose(encoder(source, mask).states[1], encoder(other, mask).states[1], atol=1e-5)


def test_bad_input(encoder):
    with pytest.raises(ValueError, match="20"):
        SpatialEncoder(8, size=20)
    with pytest.raises(ValueError, match=r"\(4, 8\)"):
        SpatialEncoder(8, channels=(4, 8))
    with pytest.raises(ValueError, match=r"\(2, 3, 3, 16, 16\)"):
        encoder(torch.rand(2, 3, 3, 16, 16))
    with pytest.raises(ValueError, match=r"\(2, 32, 32, 3\)"):
        encoder(torch.rand(2, 32, 32, 3))
    with pytest.raises(ValueError, match=r"\(2, 4\)"):
        encoder(torch.rand(2, 3, 3, 32, 32), torch.ones(2, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match="float32"):
        encoder(torch.rand(2, 3, 3, 32, 32), torch.ones(2, 3))


# The model


@pytest.mark.parametrize("score", ["general", "additive"])
def test_gradients_reach_every_parameter(films, score):
    torch.manual_seed(0)
    small = {"width": 12, "hidden": 16, "channels": [4, 4, 8], "embedding": 6, "score": score}
    system = spatial.build(small | {"tokens": video.words()})
    (batch,) = system.batches(system.encode(films), 6)
    system.model(**batch).loss.backward()
    for name, parameter in system.model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_one_batch_can_be_overfitted(films):
    torch.manual_seed(0)
    small = {"width": 32, "hidden": 48, "channels": [8, 8, 16], "embedding": 16, "tokens": video.words()}
    system = spatial.build(small)
    batches = list(system.batches(system.encode(films), 6))
    history = fit(system.model, lambda _: batches, steps=120, lr=5e-3, device="cpu", progress=False)
    assert history[0]["loss"] > 2.5 and history[-1]["loss"] < 0.1
    assert system([clip for clip, _ in films]) == [said for _, said in films]


@pytest.mark.parametrize("score", ["general", "additive"])
def test_it_trains_in_mixed_precision(films, score):
    torch.manual_seed(0)
    small = {"width": 12, "hidden": 16, "channels": [4, 4, 8], "embedding": 6, "score": score}
    system = spatial.build(small | {"tokens": video.words()})
    batches = list(system.batches(system.encode(films), 6))
    history = fit(system.model, lambda _: batches, steps=6, lr=5e-3, precision="bfloat16", device="cpu", progress=False)
    assert history[-1]["loss"] < history[0]["loss"]


def test_it_fits_the_searches_and_the_file_of_a_system(system, films, tmp_path):
    clips = [clip for clip, _ in films[:3]]
    beams = system.search(clips, beam=2)
    assert all(len(found) == 2 and found[0].score >= found[1].score for found in beams)
    assert beams[0][0].attention.shape[0] == len(beams[0][0].ids) + beams[0][0].finished
    settings = {"width": 24, "hidden": 32, "channels": [4, 8, 12], "embedding": 8, "tokens": video.words()}
    system.save(tmp_path / "s.safetensors", settings)
    kept = tasks.load("video-spatial", tmp_path / "s.safetensors")
    assert isinstance(kept.model.encoder, SpatialEncoder) and isinstance(kept.model.decoder, AttentionDecoder)
    assert isinstance(kept.model, Seq2Seq) and len(kept(clips)) == 3


# Maps


def test_maps_is_a_round_trip(encoder):
    whole = torch.arange(5 * 3 * 64.0).view(5, 3 * 64)
    as_maps = maps(whole, 3)
    assert as_maps.shape == (5, 3, 8, 8) and torch.equal(as_maps.flatten(1), whole)
    assert as_maps[2, 1, 3, 4] == whole[2, 64 + 3 * 8 + 4]  # frame after frame, row after row
    assert maps(whole[0], 3).shape == (3, 8, 8) and maps(whole[None], 12, size=4).shape == (1, 5, 12, 4, 4)
    with pytest.raises(ValueError, match=r"256 weights.*\(5, 192\)"):
        maps(whole, 4)
    with pytest.raises(ValueError, match="0 frames"):
        maps(whole, 0)


def test_the_order_of_the_maps_is_that_of_the_states(encoder):
    """A white square in a corner changes the states that ``maps`` puts in that corner of that frame."""
    black = torch.zeros(1, 3, 3, 32, 32)
    lit = black.clone()
    lit[0, 2, :, 26:32, 0:6] = 1  # last frame, below, on the left
    with torch.no_grad():
        changed = (encoder(lit).states - encoder(black).states).abs().sum(2)  # (1, 3 * 64)
    where = maps(changed, 3)[0]
    assert torch.equal(where[:2], torch.zeros(2, 8, 8))
    assert where[2, 6:, :2].sum() > where[2, :2, 6:].sum()


def test_looks_gives_a_map_for_every_word(system, films):
    clips, captions = zip(*films, strict=True)
    told = looks(system, clips, list(captions), batch_size=4)
    for look, clip, caption in zip(told, clips, captions, strict=True):
        assert look.words == words_of(caption)
        assert look.maps.shape == (len(look.words), len(clip), 8, 8)
        assert torch.allclose(look.maps.sum((1, 2, 3)), torch.ones(len(look.words)), atol=1e-5)
    own = looks(system, clips)
    again = looks(system, clips, [system.target.vocabulary.decode(found[0].ids) for found in system.search(clips)])
    for one, other in zip(own, again, strict=True):
        assert one.words == other.words and torch.allclose(one.maps, other.maps, atol=1e-5)
    with pytest.raises(ValueError, match="1 captions for 6 clips"):
        looks(system, clips, ["a red circle grows"])


# The grade


def test_covers_knows_where_things_are():
    left, right = covers(Scene("list", (LEFT, RIGHT), GREY), frames=3)
    assert left.shape == right.shape == (3, 8, 8) and left.dtype == bool
    assert left[0, 4, 2] and right[0, 4, 6] and not (left & right).any()
    # The square is 2 * 0.82 * 8 = 13 pixels wide: about 3 places each way, from the second to the fourth at least.
    assert left[0, 3:5, 1:3].all() and 9 <= left[0].sum() <= 16 and not left[0, :, 5:].any()
    moving = covers(Scene("one", (RIGHT._replace(motion="down", travel=0.5),), GREY), frames=2)[0]
    assert moving[0, 2, 6] and not moving[0, 6, 6] and moving[1, 6, 6] and not moving[1, 2, 6]
    assert covers(Scene("one", (LEFT,), GREY), 1)[0].sum() > covers(Scene("one", (RIGHT,), GREY), 1)[0].sum()


def test_covers_does_not_depend_on_colour_or_background():
    dark = LEFT._replace(colour="purple", shade=0.85)
    noise = Background("noise", ((0.9, 0.9, 0.9), (0, 0, 0)), seed=3)
    assert np.array_equal(covers(Scene("one", (LEFT,), GREY)), covers(Scene("one", (dark,), noise)))


def test_named_says_which_thing_a_word_is_about():
    def words(scene):
        pieces = words_of(video.caption(scene))
        return [(pieces[position], kind, list(things)) for position, kind, things in named(scene)]

    moving = LEFT._replace(motion="left", travel=0.1)
    relation = Scene("relation", (moving, RIGHT), GREY, "left of")
    assert words(relation) == [
        ("red", "colour", [0]), ("square", "shape", [0]), ("moves", "motion", [0]), ("left", "motion", [0]),
        ("blue", "colour", [1]), ("circle", "shape", [1]),
    ]  # fmt: skip
    several = Scene("several", (LEFT, LEFT), GREY)
    assert words(several) == [
        ("red", "colour", [0, 1]), ("squares", "shape", [0, 1]),
        ("stay", "motion", [0, 1]), ("still", "motion", [0, 1]),
    ]  # fmt: skip
    grows = RIGHT._replace(motion="grows", travel=0.3)
    assert words(Scene("list", (moving, grows), GREY))[-1] == ("grows", "motion", [1])


def test_every_attribute_of_every_caption_is_named():
    for n in range(200):
        scene = video.draw(f"named {n}")
        parts = video.attributes(video.caption(scene))
        for kind in ("colour", "shape"):
            assert sum(k == kind for _, k, _ in named(scene)) == len(parts[kind])
        assert len({p for p, _, _ in named(scene)}) == len(named(scene))


def test_hits_on_a_map_made_by_hand():
    left, right = covers(Scene("list", (LEFT, RIGHT), GREY), frames=2)
    on, off, mixed = np.zeros((3, 2, 8, 8))
    on[1, 4, 2] = 1
    off[0, 0, 0] = 1
    mixed[0, 4, 6], mixed[0, 4, 2] = 0.75, 0.25
    assert hits(on, left) == (1.0, 1.0) and hits(on, right) == (0.0, 0.0)
    assert hits(off, left) == hits(off, right) == (0.0, 0.0)
    assert hits(mixed, right) == (1.0, 0.75) and hits(mixed, left) == (0.0, 0.25)
    assert hits(left / left.sum(), left)[1] == pytest.approx(1)
    with pytest.raises(ValueError, match=r"\(1, 8, 8\)"):
        hits(on[:1], left)


def test_beside_is_one_place_further_in_the_same_frame():
    places = np.zeros((2, 8, 8), bool)
    places[0, 0, 0] = places[0, 4, 5] = True
    wider = beside(places)
    assert wider[0, :2, :2].all() and wider[0, 3:6, 4:7].all() and wider.sum() == 4 + 9
    assert wider.dtype == bool and not beside(wider)[1].any()


class Pointer:
    """What ``looks`` would give for a system with maps made by hand: all weight on a thing, or so far beside it."""

    def __init__(self, scenes, wrong=False, right=0):
        self.scenes, self.wrong, self.right = scenes, wrong, right

    def __call__(self, system, clips, captions):
        found = []
        for scene, caption in zip(self.scenes, captions, strict=True):
            things, pieces = covers(scene, len(clips[0])), words_of(caption)
            made = torch.zeros(len(pieces), len(clips[0]), 8, 8)
            for position, _, numbers in named(scene):
                number = (numbers[0] + self.wrong) % len(things)
                frame, row, column = np.argwhere(things[number])[-1]
                column = things[number][frame, row].nonzero()[0].max()  # at its right edge
                made[position, frame, row, column + self.right] = 1
            found.append(spatial.Looks(pieces, made))
        return found


def test_the_grade_tells_right_from_wrong(system, monkeypatch):
    scenes = [video.draw(f"grade {n}", "list") for n in range(30)]
    for wrong in (False, True):
        monkeypatch.setattr(spatial, "looks", Pointer(scenes, wrong))
        result = grade_places(system, scenes)
        for figures in result.values():
            on = figures["on"]
            assert (on["hit"], on["other"], on["weight"]) == (1 - wrong, wrong, 1 - wrong)
            assert 0 < on["chance"] < 0.15 and on["shuffled"] < 0.5
            assert len(figures["frames"]) == 10 and sum(figures["frames"]) == pytest.approx(1, abs=0.01)
    assert result["colour"]["words"] == sum(len(scene.things) for scene in scenes)


def test_the_grade_knows_on_from_near_and_near_from_far(system, monkeypatch):
    grows = Thing("red", "square", "grows", 0.15, (0.4, 0.5), 0.3)
    scenes = [Scene("one", (grows,), GREY)] * 3
    expected = {0: (1, 1), 1: (0, 1), 3: (0, 0)}
    for right, (on, near) in expected.items():
        monkeypatch.setattr(spatial, "looks", Pointer(scenes, right=right))
        figures = grade_places(system, scenes)["colour"]
        assert (figures["on"]["hit"], figures["near"]["hit"]) == (on, near)
        assert figures["on"]["chance"] < figures["near"]["chance"]
        assert figures["offset"][1] > right
    with_control = grade_places(system, scenes)["colour"]["near"]
    assert with_control["shuffled"] == with_control["hit"]  # all clips are the same one


def test_blind_attention_hits_as_often_as_chance(system, monkeypatch):
    scenes = [video.draw(f"blind {n}") for n in range(150)]
    generator = torch.Generator().manual_seed(0)

    def blind(system, clips, captions):
        lengths = [len(words_of(caption)) for caption in captions]
        return [spatial.Looks([], torch.rand(n, len(clips[0]), 8, 8, generator=generator)) for n in lengths]

    monkeypatch.setattr(spatial, "looks", blind)
    for figures in grade_places(system, scenes).values():
        for name in ("on", "near"):
            hit, shuffled, chance, weight = (figures[name][of] for of in ("hit", "shuffled", "chance", "weight"))
            assert abs(hit - chance) < 0.09 and abs(shuffled - chance) < 0.09
            assert weight == pytest.approx(chance, abs=0.01)


# The figure


def test_overlay_shows_for_each_word_the_frame_with_the_largest_weight():
    plots.use_style()
    scene = Scene("list", (LEFT, RIGHT), GREY)
    clip, weights = video.render(scene, 4), torch.zeros(3, 4, 8, 8)
    weights[0, 2, 4, 2], weights[1, 0, 4, 6], weights[2] = 1, 1, 1 / 256
    figure = overlay(clip, ["red", "blue", "and"], weights, columns=2, title="a film")
    pictures = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in pictures] == ["red", "blue", "and"]
    red, blue, even = (np.asarray(axis.images[0].get_array()) for axis in pictures)
    assert red.shape == (128, 128, 3) and 0 <= red.min() and red.max() <= 1
    # What is looked at is as it was, and the rest is darker, in its own colours.
    assert np.allclose(red[72, 40], clip[2, 18, 10] / 255, atol=0.08)
    assert np.allclose(blue[72, 40], clip[0, 18, 10] / 255 * 0.55, atol=0.02)
    assert np.allclose(even, clip[0].repeat(4, 0).repeat(4, 1) / 255, atol=0.02)
    assert np.allclose(blue[2, 2], clip[0, 0, 0] / 255 * 0.55, atol=0.02)
    bars = [[bar.get_height() for bar in axis.patches] for axis in figure.axes if axis.patches]
    assert bars[0] == [0, 0, 1, 0] and bars[1] == [1, 0, 0, 0] and np.allclose(bars[2], 0.25)
    plt.close(figure)


def test_overlay_refuses_what_does_not_fit():
    clip = video.render(Scene("one", (LEFT,), GREY), 4)
    with pytest.raises(ValueError, match=r"2 words over 4 frames.*\(3, 4, 8, 8\)"):
        overlay(clip, ["a", "b"], torch.ones(3, 4, 8, 8))
    with pytest.raises(ValueError, match="0 words"):
        overlay(clip, [], torch.ones(0, 4, 8, 8))


# The system that comes with the package


@pytest.fixture(scope="module")
def shipped():
    return tasks.load("video-spatial"), tasks.figures("video-spatial")


def test_shipped_captions_are_as_good_as_recorded(shipped):
    system, record = shipped
    assert record["bytes"] <= 500_000 and record["figures"]["clips"] == 1_000
    scenes = [video.draw(f"test seen {n}") for n in range(20)]
    share = video.exact(system, [video.render(scene) for scene in scenes], [video.caption(scene) for scene in scenes])
    expected = record["figures"]["seen"]["exact"]
    assert abs(share - expected) < 3 * (expected * (1 - expected) / 20) ** 0.5 + 0.05


def test_shipped_attention_is_where_the_record_says_and_more_often_than_chance(shipped):
    system, record = shipped
    scenes = [video.draw(f"test seen {n}") for n in range(20)]
    for kind, figures in grade_places(system, scenes).items():
        recorded = record["figures"]["seen"]["attention"][kind]
        for name in ("on", "near"):
            assert abs(figures[name]["hit"] - recorded[name]["hit"]) < 0.25, (kind, name)
        assert figures["near"]["hit"] > 2 * figures["near"]["chance"], kind
        assert figures["near"]["hit"] > figures["near"]["shuffled"] + 0.2, kind
