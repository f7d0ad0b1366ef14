"""The clip player without a browser: what it stores, and its JavaScript against its Python."""

import base64
import io
import json
import random

import numpy as np
import pytest
import soundfile
import torch
from javascript import script_runner
from PIL import Image

from lmcourse.widgets import ClipPlayer
from lmcourse.widgets.base import FIGURE_BUDGET
from lmcourse.widgets.clip import BINS, differences

HOSTILE = [
    *("", " ", "\n", "<img src=x onerror=alert(1)>", "</script>", '"\\', "toString", "$x_1$", "x" * 200),
    *("\u05e9\u05dc\u05d5\u05dd", "\u202eabc", "👩\u200d👩\u200d👧", "한글", "한글"),
]
RNG = np.random.default_rng(0)
FILM = RNG.integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)


def tone(seconds, pitch=440, rate=16000):
    time = np.arange(int(rate * seconds)) / rate
    return (0.5 * np.sin(2 * np.pi * pitch * time) * np.sin(6 * time) ** 2).astype(np.float32)


SOUND = tone(0.7)


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    return script_runner(ClipPlayer, tmp_path_factory.mktemp("node"))


def part(figure, n, name):
    start, end = figure.clips[n][name]
    return figure.data[start:end]


def pixels(figure, n, name):
    return np.asarray(Image.open(io.BytesIO(part(figure, n, name))))


# What is stored


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100])
def test_sounds_are_stored_as_they_are(rate):
    sounds = [tone(seconds, rate=rate) for seconds in (0.3, 1.1, 2)]
    figure = ClipPlayer(sounds, rate=rate)
    for n, sound in enumerate(sounds):
        got, got_rate = soundfile.read(io.BytesIO(part(figure, n, "media")), dtype="float32")
        assert got_rate == rate and len(got) == len(sound)
        assert figure.clips[n]["seconds"] == pytest.approx(len(sound) / rate)
        # The encoder's delay is taken away: moved by 5 ms it would fit worse.
        assert np.corrcoef(got, sound)[0, 1] > 0.99
        assert np.abs(got - sound).mean() < 0.1 * np.abs(sound).mean()
    assert len(figure.data) < sum(map(len, sounds)) / 2  # 16 bits a sample would be twice the number of samples


def test_the_wave_shows_the_largest_values():
    sound = np.zeros(4000, np.float32)
    sound[1000:1010] = -0.5
    wave = np.frombuffer(part(ClipPlayer([sound]), 0, "wave"), np.uint8)
    assert len(wave) == BINS and wave[100] == 128 and wave.sum() == 128
    few = np.frombuffer(part(ClipPlayer([np.array([0.2, -1, 0.4], np.float32)]), 0, "wave"), np.uint8)
    assert few.tolist() == [51, 255, 102]


def test_a_loud_sound_is_made_quieter():
    loud, same = ClipPlayer([4 * SOUND / np.abs(SOUND).max()]), ClipPlayer([SOUND / np.abs(SOUND).max()])
    assert loud.data == same.data
    assert ClipPlayer([torch.tensor(SOUND, requires_grad=True)]).data == ClipPlayer([SOUND]).data


def test_features_are_a_picture_with_low_bands_below():
    features = np.full((30, 8), -23.0)
    features[10:15, 0] = -5  # the lowest band, in the middle
    features[20:, 7] = 0
    shown = pixels(ClipPlayer([SOUND], features=[features]), 0, "heat")
    assert shown.shape == (8, 30)
    assert (shown[0, 20:] == 255).all() and (shown[7, 10:15] == round(18 / 23 * 31) * 255 // 31).all()
    assert (shown > 0).sum() == 15


def test_long_features_are_averaged():
    features = np.repeat(np.arange(1000.0)[:, None], 3, 1)
    shown = pixels(ClipPlayer([SOUND], features=[torch.tensor(features)]), 0, "heat")
    assert shown.shape == (3, BINS)
    assert (np.diff(shown.astype(int), axis=1) >= 0).all() and shown.max() == 255
    flat = pixels(ClipPlayer([SOUND], features=[np.full((4, 2), -23.0)]), 0, "heat")
    assert flat.tolist() == [[0] * 4] * 2


def test_films_are_stored_exactly():
    films = [FILM, FILM[:1, :3], torch.tensor(FILM[1:])]
    figure = ClipPlayer(frames=films, fps=4)
    for n, film in enumerate(films):
        film = np.asarray(film)
        assert pixels(figure, n, "media").tolist() == film.reshape(-1, film.shape[2], 3).tolist()
        about = figure.clips[n]
        assert (about["count"], about["height"], about["width"]) == film.shape[:3]
        assert about["seconds"] == len(film) / 4
    assert figure.loop and not ClipPlayer([SOUND]).loop and not ClipPlayer(frames=films, loop=False).loop


def test_several_models_may_have_said_something():
    figure = ClipPlayer([SOUND] * 2, captions={"before": ["a", "b"], "after": ["c", "d"]}, references=["a", "d"])
    assert [clip["said"] for clip in figure.clips] == [
        [["before", "a"], ["after", "c"]],
        [["before", "b"], ["after", "d"]],
    ]
    assert figure.summary().splitlines()[2] == "  ✗ Clip 2, 0.7 s: before: b | after: d | right: d"


def test_captions_references_and_labels_may_be_missing():
    assert ClipPlayer([SOUND]).summary() == "ClipPlayer, 1 sound\n  Clip 1, 0.7 s"
    assert ClipPlayer([SOUND], captions=["a"], labels=["one"]).summary().endswith("  one, 0.7 s: a")
    assert ClipPlayer([SOUND], references=["a"]).summary().endswith("  Clip 1, 0.7 s: a")
    right = ClipPlayer(frames=[FILM], captions=["a  b"], references=["a b"])
    assert right.summary().endswith("  ✓ Clip 1, 5 frames: a  b | right: a b")


# Words


@pytest.mark.parametrize(
    ("said", "right", "count"),
    [
        *(("a b c", "a b c", 0), ("a c", "a b c", 1), ("a x c", "a b c", 1), ("", "a b", 2), ("a b", "", 2)),
        *((" a \n b ", "a b", 0), ("b a", "a b", 2), ("배를 먹다", "밤을 먹다", 1), ("A", "a", 1)),
    ],
)
def test_words_that_differ(node, said, right, count):
    assert differences(said, right) == count
    assert node("return widget.compare(data.said, data.right).differ;", {"said": said, "right": right}) == count


def test_words_are_paired_as_in_python(node):
    draw = random.Random(0)
    pairs = [[" ".join(draw.choices("abcd", k=draw.randrange(7))) for _ in range(2)] for _ in range(200)]
    got = node("return data.map(([said, right]) => widget.compare(said, right));", pairs)
    for (said, right), each in zip(pairs, got, strict=True):
        assert each["differ"] == differences(said, right)
        assert [word for word, _ in each["said"]] == said.split()
        assert [word for word, _ in each["right"]] == right.split()
        # The words that are the same are the same row of words in both, and the others account for what differs.
        kept = [[word for word, same in each[side] if same] for side in ("said", "right")]
        assert kept[0] == kept[1]
        lost = [len(each[side]) - len(kept[0]) for side in ("said", "right")]
        assert max(lost) <= each["differ"] <= sum(lost)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_string_is_a_text(node, text):
    figure = ClipPlayer(frames=[FILM], captions={text: [text]}, references=[text], labels=[text])
    assert figure.clips[0]["said"] == [[text, text]]
    got = node("return widget.compare(data, data);", text)
    assert got["differ"] == 0 and all(same for _, same in got["said"])
    assert len(figure.summary().splitlines()) == 2
    assert base64.b64decode(figure._repr_mimebundle_()[0]["image/png"]).startswith(b"\x89PNG")


# Time


def test_the_frame_at_a_moment(node):
    for fps, count in ((8, 20), (7, 50), (29.97, 90)):
        moments = [n / fps for n in range(count)]
        got = node("return data.moments.map((s) => widget.frameAt(s, data.fps, data.count));",
                   {"moments": moments, "fps": fps, "count": count})  # fmt: skip
        assert got == list(range(count))
    edges = node("return [-1, 0.0624, 0.126, 99].map((s) => widget.frameAt(s, 8, 4));", None)
    assert edges == [0, 0, 1, 3]


def test_marks_of_the_time_axis(node):
    lengths = [0.05, 0.4, 1, 3.7, 12, 50, 200]
    for seconds, marks in zip(lengths, node("return data.map(widget.ticks);", lengths), strict=True):
        assert marks[0] == 0 and marks[-1] <= seconds and len(marks) <= 9
        assert len({round(b - a, 6) for a, b in zip(marks, marks[1:], strict=False)}) <= 1
        assert len(marks) >= 3 or seconds < 0.2


# The figure as a whole


def test_what_a_reader_changes_is_a_synced_trait():
    figure = ClipPlayer([SOUND, SOUND], clip=1, position=0.5, loop=True, speed=0.5)
    state = figure.get_state()
    assert {key: state[key] for key in ("clip", "position", "loop", "speed")} == {
        "clip": 1, "position": 0.5, "loop": True, "speed": 0.5,
    }  # fmt: skip
    figure.set_state({"clip": 0, "position": 0.25, "speed": 1})  # as if JavaScript did
    assert (figure.clip, figure.position, figure.speed) == (0, 0.25, 1)


def test_stand_ins_are_the_same_every_time():
    options = {"captions": ["a $b$"], "references": ["a"], "features": [RNG.normal(size=(50, 20))]}
    bundles = [ClipPlayer([SOUND], **options)._repr_mimebundle_()[0] for _ in range(2)]
    assert bundles[0]["image/png"] == bundles[1]["image/png"]
    assert bundles[0]["text/plain"] == bundles[1]["text/plain"]


def test_six_spoken_sentences_with_features_fit_a_figure():
    def speech(seconds):  # as noisy as a voice, and as quiet between the words
        loudness = np.sin(6 * np.arange(int(16000 * seconds)) / 16000) ** 2
        return (0.3 * loudness * np.cumsum(RNG.normal(size=len(loudness))) / 100).clip(-1, 1).astype(np.float32)

    texts = ["할머니께서 어제 시장에서 커다란 배를 드셨다."] * 6
    features = [np.cumsum(RNG.normal(size=(370, 40)), axis=1) for _ in texts]
    figure = ClipPlayer([speech(2.8) for _ in texts], captions=texts, references=texts, features=features)
    state = figure.get_state()
    data = len(base64.b64encode(state.pop("data")))
    assert data + len(json.dumps({**state, "data": None}, default=str, ensure_ascii=False).encode()) < FIGURE_BUDGET
    with pytest.raises(ValueError, match=r"there is room for 200,000: take fewer or shorter ones"):
        ClipPlayer([speech(20)] * 6)


def test_the_script_asks_nobody_and_writes_no_html():
    for forbidden in ("innerHTML", "insertAdjacentHTML", "outerHTML", "fetch(", "import ", "eval(", "https:"):
        assert forbidden not in ClipPlayer._esm, forbidden


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ClipPlayer(), "either sounds or frames, not neither"),
        (lambda: ClipPlayer([SOUND], frames=[FILM]), "either sounds or frames, not both"),
        (lambda: ClipPlayer([]), "1 to 60 clips, not 0"),
        (lambda: ClipPlayer([SOUND] * 61), "1 to 60 clips, not 61"),
        (lambda: ClipPlayer([SOUND], rate=17000), "rate is one of 8000, 11025"),
        (lambda: ClipPlayer([(SOUND * 9999).astype(np.int16)]), "sounds 0 should be floating-point numbers, not int16"),
        (lambda: ClipPlayer([SOUND, SOUND[None]]), "sounds 1 has the shape (1, 11200), not (samples,)"),
        (lambda: ClipPlayer([SOUND[:0]]), "sounds 0 has the shape (0,)"),
        (lambda: ClipPlayer([np.array([0, np.nan, np.inf])]), "sounds 0 has 2 numbers that are not finite"),
        (lambda: ClipPlayer(SOUND), "sounds is a list of arrays, not one array of shape (11200,)"),
        (lambda: ClipPlayer(frames=[FILM / 255]), "frames 0 should be uint8, colours from 0 to 255, not float64"),
        (lambda: ClipPlayer(frames=[FILM[0]]), "frames 0 has the shape (6, 7, 3), not (F, H, W, 3)"),
        (lambda: ClipPlayer(frames=[FILM[..., :1]]), "frames 0 has the shape (5, 6, 7, 1)"),
        (lambda: ClipPlayer(frames=[np.zeros((300, 64, 2, 3), np.uint8)]), "(300, 64, 2, 3); F x H, and W"),
        (lambda: ClipPlayer(frames=[FILM], features=[SOUND]), "features are of sounds"),
        (lambda: ClipPlayer(frames=[FILM], fps=0), "fps is a number above 0, up to 60, not 0"),
        (lambda: ClipPlayer(frames=[FILM], fps="8"), "not '8'"),
        (lambda: ClipPlayer([SOUND], features=[]), "features has 0 items for 1 clips"),
        (lambda: ClipPlayer([SOUND], features=[SOUND]), "features 0 has the shape (11200,), not (frames, mels)"),
        (lambda: ClipPlayer([SOUND], captions="a"), "captions is a list of strings, not the string 'a'"),
        (lambda: ClipPlayer([SOUND], captions={"x": ["a", "b"]}), "captions 'x' has 2 items for 1 clips"),
        (lambda: ClipPlayer([SOUND], references=[None]), "references is a list of strings, and None is none"),
        (lambda: ClipPlayer([SOUND], labels=["a", "b"]), "labels has 2 items for 1 clips"),
        (lambda: ClipPlayer([SOUND], clip=1), "clip is 0 to 0, not 1"),
        (lambda: ClipPlayer([SOUND], clip=-1), "clip"),
        (lambda: ClipPlayer([SOUND], position=1), "position is 0 to 0.7 seconds, not 1"),
        (lambda: ClipPlayer([SOUND], speed=3), "speed"),
        (lambda: ClipPlayer([SOUND], language="fr"), "language"),
        (lambda: ClipPlayer(frames=[RNG.integers(0, 256, (40, 64, 64, 3), dtype=np.uint8)]), "or smaller frames"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
