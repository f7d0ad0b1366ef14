"""Scenes, their pictures and captions, the codec of clips and the front end that looks at them."""

import itertools

import numpy as np
import pytest
import torch

from lmcourse import tasks, video
from lmcourse._scenes import STEPS
from lmcourse.training import fit
from lmcourse.video import (
    COLOURS,
    KINDS,
    MOTIONS,
    SHAPES,
    Background,
    ClipCodec,
    Scene,
    Thing,
    VideoFront,
    attributes,
    caption,
    draw,
    held_out,
    read_clip,
    render,
    resample,
    reverse,
    save_gif,
)

GREY = Background("plain", ((0.2, 0.2, 0.2), (0.3, 0.3, 0.3)))


def scene(colour="red", shape="circle", motion="left", size=0.15, travel=0.4, **kwargs):
    return Scene("one", (Thing(colour, shape, motion, size, (0.5, 0.5), travel, **kwargs),), GREY)


def centre(frame):
    """The centre (x, y) of what differs from the background, from 0 to 1, and how many pixels it has."""
    weight = np.abs(frame.astype(float) - frame[0, 0]).sum(2)
    y, x = np.mgrid[: len(weight), : len(weight)] + 0.5
    return (x * weight).sum() / weight.sum() / len(x), (y * weight).sum() / weight.sum() / len(x), (weight > 60).sum()


@pytest.fixture(scope="module")
def scenes():
    return [draw(f"test {n}") for n in range(600)]


@pytest.fixture(scope="module")
def system():
    torch.manual_seed(0)
    small = {"width": 48, "hidden": 64, "channels": [8, 8, 16], "embedding": 16, "tokens": video.words()}
    return video.build(small)


# Scenes


def test_one_combination_in_seven_is_held_out():
    looks = list(itertools.product(COLOURS, SHAPES, MOTIONS))
    kept = [look for look in looks if held_out(*look)]
    assert (len(looks), len(kept)) == (210, 30)
    assert len({look[:2] for look in kept}) == 30  # one for each colour and shape
    left = set(looks) - set(kept)
    assert {look[:2] for look in left} == set(itertools.product(COLOURS, SHAPES))
    assert {look[1:] for look in left} == set(itertools.product(SHAPES, MOTIONS))
    assert len({look[::2] for look in left}) == 42


def test_training_scenes_hold_no_unseen_combination_and_unseen_ones_do(scenes):
    assert not any(held_out(*thing[:3]) for scene in scenes for thing in scene.things)
    for n in range(300):
        new = draw(n, unseen=True)
        acting = new.things[:1] if new.kind == "relation" else new.things
        assert all(held_out(*thing[:3]) for thing in acting)
        assert caption(new) not in {caption(scene) for scene in scenes}


def test_draw_repeats_itself_and_knows_all_kinds(scenes):
    assert draw("test 0") == scenes[0] != draw("test 1")
    assert {scene.kind for scene in scenes} == set(KINDS)
    assert {thing.motion for scene in scenes for thing in scene.things} == set(MOTIONS)
    assert {len(scene.things) for scene in scenes} == {1, 2, 3}
    assert all(draw(n, kind=kind).kind == kind for n in range(5) for kind in KINDS)
    with pytest.raises(ValueError, match="'many'"):
        draw(0, kind="many")


def path(thing):
    """The centre at the beginning, in the middle and at the end."""
    dx, dy = STEPS.get(thing.motion, (0, 0))
    x, y = thing.place
    return [(x + dx * thing.travel * t, y + dy * thing.travel * t) for t in (-0.5, 0, 0.5)]


def test_things_stay_in_the_picture_and_move_enough_to_be_seen(scenes):
    for thing in (thing for scene in scenes for thing in scene.things):
        assert all(0.05 < z < 0.95 for place in path(thing) for z in place)
        assert thing.motion == "still" or thing.travel > 0.07


def test_what_the_caption_says_of_places_holds_from_the_first_frame_to_the_last(scenes):
    for one in scenes:
        paths = [path(thing) for thing in one.things]
        for places in zip(*paths, strict=True):
            if one.kind == "list":
                assert sorted(places) == list(places)
            if one.kind == "relation":
                (x, y), (a, b) = places
                assert {"above": y < b, "below": y > b, "left of": x < a, "right of": x > a}[one.relation]
                assert one.things[1].motion == "still" != one.things[0].motion


def test_no_caption_has_two_meanings(scenes):
    """A list never holds what a relation or a number would say."""
    for one in scenes:
        looks = [thing[:3] for thing in one.things]
        if one.kind == "list":
            assert len(set(looks)) == len(looks) and "still" not in {look[2] for look in looks}
        if one.kind == "several":
            assert len(set(looks)) == 1 < len(looks)


# Pictures


@pytest.mark.parametrize(("motion", "direction"), STEPS.items())
def test_the_centre_moves_as_the_caption_says(motion, direction):
    clip = render(scene(motion=motion), 9)
    x, y, _ = np.array([centre(frame) for frame in clip]).T
    assert np.allclose(np.diff(x), direction[0] * 0.4 / 8, atol=0.01)
    assert np.allclose(np.diff(y), direction[1] * 0.4 / 8, atol=0.01)


def test_what_grows_covers_more_and_more():
    areas = [centre(frame)[2] for frame in render(scene(motion="grows"), 9)]
    assert areas == sorted(areas) and areas[-1] > 3 * areas[0]
    assert len({frame.tobytes() for frame in render(scene(motion="still"), 9)}) == 1


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_have_the_size_they_are_given_and_look_different(shape):
    frame = render(scene(shape=shape, motion="still", size=0.25), 1, 64)[0]
    x, y, area = centre(frame)
    assert abs(x - 0.5) < 0.01 and abs(y - 0.5) < 0.06 and 0.4 < area / (np.pi * 16**2) < 1.1
    others = [render(scene(shape=s, motion="still", size=0.25), 1, 64)[0] for s in SHAPES if s != shape]
    assert all((frame != other).any(2).sum() > 100 for other in others)


def test_edges_are_antialiased_and_colours_are_right():
    frame = render(scene(motion="still"), 1)[0]
    assert tuple(frame[16, 16]) == COLOURS["red"] and tuple(frame[0, 0]) == (51, 51, 51)
    assert len(np.unique(frame.reshape(-1, 3), axis=0)) > 4
    assert tuple(render(scene(motion="still", shade=0.5), 1)[0, 16, 16]) == (112, 20, 22)


def test_backwards_is_the_clip_of_the_reversed_scene(scenes):
    for one in scenes[:40]:
        assert np.abs(render(one)[::-1].astype(int) - render(reverse(one))).max() <= 1
        assert reverse(reverse(one)) == one
    assert caption(reverse(scene(motion="grows"))) == "a red circle shrinks"


@pytest.mark.parametrize("pattern", ["plain", "gradient", "noise", "stripes", "checks"])
def test_backgrounds(pattern):
    both = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    clip = render(Scene("one", (), Background(pattern, both, 0.2, 0.7, 5)), 3)
    colours = np.unique(clip.reshape(-1, 3), axis=0)
    assert (clip[0] == clip[2]).all() and clip.shape == (3, 32, 32, 3) and clip.dtype == np.uint8
    assert colours.min() == 26 and colours.max() <= 153
    assert {"plain": len(colours) == 1, "stripes": len(colours) == 2, "checks": len(colours) == 2}.get(
        pattern, len(colours) > 20
    )


def test_render_refuses_nothing_at_all():
    with pytest.raises(ValueError, match="frames=0"):
        render(scene(), 0)
    assert render(scene(), 1, 8).shape == (1, 8, 8, 3)


# Captions


def things(*looks):
    return tuple(Thing(*look.split(), 0.1, (0.5, 0.5)) for look in looks)


@pytest.mark.parametrize(
    ("kind", "looks", "relation", "english", "korean"),
    [
        ("one", ["red circle left"], "", "a red circle moves left", "빨간 원이 왼쪽으로 움직인다"),
        ("one", ["white diamond grows"], "", "a white diamond grows", "하얀 마름모가 커진다"),
        ("one", ["green star still"], "", "a green star stays still", "초록색 별이 가만히 있다"),
        ("several", ["blue square up"] * 2, "", "two blue squares move up", "파란 사각형 두 개가 위로 움직인다"),
        ("several", ["red star still"] * 3, "", "three red stars stay still", "빨간 별 세 개가 가만히 있다"),
        (
            "relation", ["green triangle right", "yellow star still"], "below",
            "a green triangle moves right, below a yellow star", "노란 별 아래에서 초록색 삼각형이 오른쪽으로 움직인다",
        ),
        (
            "list", ["red diamond shrinks", "blue circle down"], "",
            "a red diamond shrinks and a blue circle moves down", "빨간 마름모는 작아지고 파란 원은 아래로 움직인다",
        ),
        (
            "list", ["red circle left", "purple star grows", "white square up"], "",
            "a red circle moves left, a purple star grows and a white square moves up",
            "빨간 원은 왼쪽으로 움직이고 보라색 별은 커지고 하얀 사각형은 위로 움직인다",
        ),
    ],
)  # fmt: skip
def test_captions(kind, looks, relation, english, korean):
    one = Scene(kind, things(*looks), GREY, relation)
    assert (caption(one), caption(one, "ko")) == (english, korean)
    with pytest.raises(ValueError, match="'fr'"):
        caption(one, "fr")


def test_a_caption_says_everything_once(scenes):
    """From the caption alone one can tell what the scene is made of; and the two languages tell the same apart."""
    for one in scenes:
        said = attributes(caption(one))
        shown = one.things[:1] if one.kind == "several" else one.things
        assert said["colour"] == tuple(thing.colour for thing in shown)
        assert said["shape"] == tuple(thing.shape for thing in shown)
        assert said["motion"] == tuple(thing.motion for thing in shown if one.kind != "relation" or thing is shown[0])
        assert said["relation"] == ((one.relation.split()[0],) if one.relation else ())
    english, korean = ({caption(one, language) for one in scenes} for language in ("en", "ko"))
    assert len(english) == len(korean)
    assert attributes("no such thing, left") == {
        "colour": (), "shape": (), "motion": (), "number": (), "relation": ("left",)
    }  # fmt: skip


def test_words_cover_every_caption(scenes):
    for language in ("en", "ko"):
        codec = tasks.TextCodec("word" if language == "en" else "eojeol", video.words(language))
        for one in [*scenes, *(draw(n, unseen=True) for n in range(300))]:
            assert not codec.unknown(caption(one, language))
            assert codec.decode(codec.encode(caption(one, language))) == caption(one, language)


# The codec


def test_a_clip_becomes_a_tensor_and_stays_the_same_picture():
    clip = render(scene(), 7)
    codec = ClipCodec()
    encoded = codec.encode(clip)
    assert encoded.shape == (7, 3, 32, 32) and encoded.dtype == torch.uint8
    assert (encoded.permute(0, 2, 3, 1).numpy() == clip).all()
    assert torch.equal(codec.encode(torch.tensor(clip)), encoded)
    assert torch.equal(codec.encode(clip[::-1]), encoded.flip(0))
    padded, mask = codec.pad([encoded, codec.encode(clip[:1])])
    assert padded.shape == (2, 7, 3, 32, 32) and mask.sum(1).tolist() == [7, 1] and not padded[1, 1:].any()
    assert ClipCodec(**codec.settings()).settings() == codec.settings()


@pytest.mark.parametrize(
    ("shape", "kind", "message"),
    [
        ((5, 64, 64, 3), "uint8", r"\(5, 64, 64, 3\); resample\(clip, size=32\)"),
        ((5, 32, 40, 3), "uint8", r"not \(5, 32, 40, 3\)"),
        ((5, 32, 32), "uint8", r"\(5, 32, 32\) has no colours"),
        ((5, 32, 32, 1), "uint8", r"\(5, 32, 32, 1\) has no colours"),
        ((5, 32, 32, 4), "uint8", r"\(5, 32, 32, 4\) has transparency"),
        ((5, 3, 32, 32), "uint8", r"\(5, 3, 32, 32\) has the colours first"),
        ((32, 32, 3), "uint8", r"one picture \(32, 32, 3\)"),
        ((32,), "uint8", r"not uint8 \(32,\)"),
        ((5, 32, 32, 3), "float32", r"not float32; .*clip \* 255"),
        ((5, 32, 32, 3), "int64", "not int64"),
        ((0, 32, 32, 3), "uint8", "1 to 40 frames, not 0"),
        ((41, 32, 32, 3), "uint8", "1 to 40 frames, not 41"),
    ],
)
def test_what_is_no_clip_is_named(shape, kind, message):
    with pytest.raises(ValueError, match=message):
        ClipCodec().encode(np.zeros(shape, kind))
    if shape[0]:
        with pytest.raises(ValueError, match=message):
            ClipCodec().encode(torch.zeros(shape, dtype=getattr(torch, kind)))


# The front end


def test_front_looks_at_each_frame_by_itself():
    torch.manual_seed(0)
    front = VideoFront(12, (4, 4, 8)).eval()
    clip = torch.randint(0, 256, (2, 5, 3, 32, 32), dtype=torch.uint8)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    x, same = front(clip, mask)
    assert x.shape == (2, 5, 12) and same is mask and not x[1, 3:].any()
    changed = clip.clone()
    changed[0, 2] = 255 - changed[0, 2]
    changed[1, 3:] = 99  # what stands at the padding is never seen
    moved = (front(changed, mask)[0] - x).abs().amax(2) > 1e-6
    assert moved.nonzero().tolist() == [[0, 2]]
    assert torch.allclose(front(clip.float() / 255, mask)[0], x, atol=1e-6)
    front.train()  # now the frames of a batch are normalised together, but never with the padding
    together = front(clip, mask)[0]
    clip[1, 3:] = 99
    assert torch.equal(front(clip, mask)[0], together)


def test_front_refuses_what_is_no_clip():
    front = VideoFront(12)
    for shape in [(1, 2, 3, 16, 16), (1, 2, 1, 32, 32), (2, 3, 32, 32)]:
        with pytest.raises(ValueError, match=rf"not \({shape[0]}, {shape[1]}, "):
            front(torch.zeros(shape), torch.ones(shape[:2], dtype=torch.bool))
    with pytest.raises(ValueError, match="not 30"):
        VideoFront(12, size=30)


# The system


def test_padding_changes_nothing(system):
    clips = [render(draw(n), frames) for n, frames in enumerate((3, 9, 1, 6))]
    system.model.eval()
    alone = [system.search([clip])[0][0] for clip in clips]
    together = [found[0] for found in system.search(clips)]
    for one, other in zip(alone, together, strict=True):
        assert one.ids == other.ids and abs(one.log_prob - other.log_prob) < 1e-4


def test_gradients_reach_every_parameter_and_a_batch_is_learned(system):
    pairs = video.pairs(8, "overfit", frames=(6, 8))
    batch = next(iter(system.batches(system.encode(pairs), 8)))
    system.model(**batch).loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in system.model.parameters())
    fit(system.model, lambda epoch: [batch], steps=250, lr=5e-3, progress=False, device="cpu")
    assert video.exact(system, *zip(*pairs, strict=True)) == 1
    assert system([pairs[0][0]]) == [pairs[0][1]]


def test_one_frame_gets_an_answer(system):
    assert isinstance(system([render(draw(0), 1)])[0], str)


def test_pairs_are_clips_with_their_captions():
    made = video.pairs(6, "a", language="ko", kind="one", frames=(3, 5))
    assert all(3 <= len(clip) <= 5 and clip.dtype == np.uint8 for clip, _ in made)
    assert [said for _, said in made] == [caption(draw(f"a {n}", "one"), "ko") for n in range(6)]
    assert (made[0][0] == video.pairs(1, "a", kind="one", frames=(3, 5))[0][0]).all()


def test_recipe_trains_grades_saves_and_loads(tmp_path, monkeypatch):
    recipe = tasks.recipe("video")
    monkeypatch.setattr(video, "DEFAULTS", video.DEFAULTS | {"width": 16, "hidden": 16, "channels": [4, 4, 8]})
    made, settings = recipe.train(quick=True, progress=False, device="cpu")
    made.save(tmp_path / "v.safetensors", settings)
    again = tasks.load("video", tmp_path / "v.safetensors")
    figures = recipe.grade(again, quick=True)
    assert set(figures) == {"clips", "seen", "unseen"}
    assert all(0 <= figures["seen"][name] <= 1 for name in ("exact", "backwards", "shuffled", "one frame"))
    clip = render(draw(3))
    assert again.search([clip])[0][0].log_prob == pytest.approx(made.search([clip])[0][0].log_prob, rel=0.05)


def test_kept_system_uses_the_order_of_frames():
    """The one that comes with the package: mostly right, and of a clip that runs backwards it says the reverse."""
    kept = tasks.load("video")
    scenes = [draw(f"kept {n}", "one") for n in range(60)]
    clips, true = [render(one) for one in scenes], [caption(one) for one in scenes]
    assert video.exact(kept, clips, true) > 0.7

    def motions(captions):
        return [attributes(one)["motion"] for one in captions]

    turned = motions(caption(reverse(one)) for one in scenes)
    for said, right in ((kept(clips), motions(true)), (kept([clip[::-1] for clip in clips]), turned)):
        assert sum(a == b for a, b in zip(motions(said), right, strict=True)) > 0.9 * 60


# Clips of one's own


def test_a_gif_comes_back(tmp_path):
    clip = render(scene(), 6)
    save_gif(tmp_path / "a.gif", clip)
    read = read_clip(tmp_path / "a.gif")
    assert read.shape == clip.shape and np.abs(read.astype(int) - clip).mean() < 3
    x = [centre(frame)[0] for frame in read]
    assert x == sorted(x, reverse=True)
    save_gif(tmp_path / "large.gif", render(scene(), 25, 100))
    read = read_clip(tmp_path / "large.gif")
    assert read.shape == (10, 32, 32, 3) and abs(centre(read[0])[0] - 0.7) < 0.02
    ClipCodec().encode(read)


def test_files_without_pictures_are_named(tmp_path):
    (tmp_path / "a.gif").write_text("no picture")
    with pytest.raises(ValueError, match=r"a\.gif"):
        read_clip(tmp_path / "a.gif")
    with pytest.raises(FileNotFoundError):
        read_clip(tmp_path / "b.gif")


def test_resample():
    clip = render(scene(), 30, 64)
    assert resample(clip, 10, 32).shape == (10, 32, 32, 3)
    assert (resample(clip, 2) == clip[[0, -1]]).all() and (resample(clip) == clip).all()
    assert (resample(clip[:2], 4) == clip[[0, 0, 1, 1]]).all()
    wide = np.concatenate([np.zeros_like(clip[:, :, :20])] * 2 + [clip], 2)  # (30, 64, 104, 3)
    assert (resample(wide, size=64) == wide[:, :, 20:84]).all()
    for wrong in (clip[0], clip / 255, clip[..., :1], clip[:0]):
        with pytest.raises(ValueError, match="a clip is uint8"):
            resample(wrong)
