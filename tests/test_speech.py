"""Sounds in, features, the front end that shortens them, and the voices of espeak-ng."""

import importlib.util
import io
import json
import re
import sys
from itertools import product

import numpy as np
import pytest
import soundfile
import torch

from lmcourse import _espeak, speech, tasks, text, world
from lmcourse.metrics import word_error_rate
from lmcourse.seq2seq import Decoder, Encoder, Seq2Seq
from lmcourse.speech import RATE, LogMelCodec, SpeechFront, Spelling, log_mel, mel_filters, read_wav, say
from lmcourse.tasks import System, TextCodec
from lmcourse.training import fit

needs_espeak = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="speech: pip install espeakng-loader"
)


def tone(frequency, seconds=0.5, rate=RATE):
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate).astype("float32") / 2


def noise(samples, seed=0):
    return np.random.default_rng(seed).standard_normal(samples).astype("float32") / 10


def file(samples, rate=RATE, kind="WAV", subtype=None):
    content = io.BytesIO()
    soundfile.write(content, samples, rate, format=kind, subtype=subtype)
    return content.getvalue()


def loudest(samples, rate=RATE):
    """The frequency with the most power, in Hz."""
    return np.argmax(np.abs(np.fft.rfft(samples))) * rate / len(samples)


# Files


def test_a_file_at_our_own_rate_stays_as_it_is(tmp_path):
    path = tmp_path / "tone.wav"
    path.write_bytes(file(tone(440), subtype="FLOAT"))
    for source in (path, str(path), path.read_bytes()):
        read = read_wav(source)
        assert read.dtype == np.float32 and np.array_equal(read, tone(440))


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_rate_and_channels_become_one_at_16_khz(rate, channels):
    sound = np.stack([tone(1000, 1.0, rate)] * channels, 1)
    read = read_wav(file(sound, rate))
    assert read.shape == (RATE,)
    assert abs(loudest(read) - 1000) < 2
    assert np.allclose(read[1000:-1000], tone(1000, 1.0)[1000:-1000], atol=0.01)


def test_both_channels_are_heard():
    read = read_wav(file(np.stack([tone(500), tone(3000)], 1), 16_000))
    power = np.abs(np.fft.rfft(read))
    assert {round(n * RATE / len(read)) for n in power.argsort()[-2:]} == {500, 3000}


@pytest.mark.parametrize("kind", ["FLAC", "OGG", "MP3"])
def test_other_kinds_of_files(kind):
    read = read_wav(file(tone(700, 1.0, 44_100), 44_100, kind))
    assert abs(len(read) - RATE) < 2000 and abs(loudest(read) - 700) < 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"no sound at all", "the sound of 15 bytes is no sound file"),
        (file(tone(440))[:30], "no sound file"),
        (file(np.zeros(0, "float32")), "too short: 0.000 s"),
        (file(tone(440, 0.05)), "too short: 0.050 s"),
        (file(np.zeros(RATE)), "is silent"),
        (file(np.full(RATE, 0.5)), "is silent"),
        (file(np.full(RATE, np.nan, "float32"), subtype="FLOAT"), "is damaged: 16000 of its samples"),
        (file(np.r_[tone(440), np.float32(np.inf)], subtype="FLOAT"), "no finite number"),
    ],
)
def test_files_that_hold_nothing_to_hear(content, message, tmp_path):
    with pytest.raises(ValueError, match=message) as found:
        read_wav(content)
    assert "0x" not in str(found.value)  # no address of an object of ours
    path = tmp_path / "mine.wav"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="mine.wav"):
        read_wav(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.wav"):
        read_wav(tmp_path / "nothing.wav")


# Features


def test_mel_and_back():
    assert speech.mel(1000) == pytest.approx(1000, abs=0.1)
    for frequency in (0, 50, 440, 7600):
        assert speech.hertz(speech.mel(frequency)) == pytest.approx(frequency)


def test_filters_are_triangles_that_share_every_frequency():
    filters = mel_filters()
    assert filters.shape == (40, 257) and (filters >= 0).all()
    tops = filters.argmax(1)
    assert (tops.diff() > 0).all()
    inside = filters[:, tops[0] + 1 : tops[-1]]
    assert torch.allclose(inside.sum(0), torch.ones(inside.shape[1]), atol=1e-5)
    with pytest.raises(ValueError, match="high=9000"):
        mel_filters(high=9000)


def test_log_mel_is_what_torch_stft_gives():
    x = torch.from_numpy(noise(RATE))
    window = torch.nn.functional.pad(torch.hann_window(400), (56, 56))  # torch puts a short window into the middle
    for_stft = torch.nn.functional.pad(x, (56, 56))
    power = torch.stft(for_stft, 512, 160, 512, window, center=False, return_complex=True).abs().square()  # (F, S)
    reference = (power.T @ mel_filters().T).clamp(min=1e-10).log()
    found = log_mel(x)
    assert found.shape == (98, 40)
    assert torch.allclose(found, reference[:98], atol=1e-3)


@pytest.mark.parametrize("frequency", [300, 1000, 4000])
def test_a_tone_is_loudest_in_its_own_band(frequency):
    band = log_mel(tone(frequency)).mean(0).argmax().item()
    own = mel_filters()[:, round(frequency * 512 / RATE)].argmax().item()
    assert band == own


def test_a_sound_later_is_the_same_picture_later():
    x = noise(RATE)
    later = np.r_[np.zeros(10 * 160, "float32"), x]
    assert torch.allclose(log_mel(later)[10:], log_mel(x))


def test_codec_does_not_mind_loudness():
    x = noise(RATE) * np.linspace(0.001, 1, RATE, dtype="float32")
    loud, soft = (LogMelCodec().encode(gain * x).float() for gain in (3.0, 0.1))
    assert loud.dtype == torch.float32 and torch.allclose(loud, soft, atol=5e-3)
    assert abs(loud.mean()) < 0.01


def test_codec_pads_with_a_mask():
    codec = LogMelCodec()
    one, two = codec.encode(noise(8000)), codec.encode(noise(16000))
    x, mask = codec.pad([one, two])
    assert x.shape == (2, 98, 40) and x.dtype == torch.float32 and mask.sum(1).tolist() == [48, 98]
    assert torch.equal(x[0, :48], one.float()) and not x[0, 48:].any()
    assert LogMelCodec(**json.loads(json.dumps(codec.settings()))).settings() == codec.settings()


def test_codec_reads_files(tmp_path):
    path = tmp_path / "tone.wav"
    path.write_bytes(file(noise(RATE), subtype="FLOAT"))
    codec = LogMelCodec()
    expected = codec.encode(noise(RATE))
    assert all(torch.equal(codec.encode(item), expected) for item in (path, str(path), path.read_bytes()))


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(RATE), "silent"), (noise(100), "too short"), (np.full(RATE, np.nan), "16000 of its samples"),
        (noise(RATE * 11), r"11\.0 s is too long: at most 10 s"), (noise(RATE).reshape(2, -1), r"shape \(2, 8000\)"),
    ],
)  # fmt: skip
def test_codec_refuses(samples, message):
    with pytest.raises(ValueError, match=message):
        LogMelCodec().encode(samples)


def test_noise_has_the_power_that_was_asked_for():
    x = tone(440, 2.0)
    for snr in (0, 20):
        added = speech.add_noise(x, snr, np.random.default_rng(0)) - x
        assert 10 * np.log10((x**2).mean() / (added**2).mean()) == pytest.approx(snr, abs=0.2)
    with pytest.raises(ValueError, match="silence"):
        speech.add_noise(np.zeros(10, "float32"), 10, np.random.default_rng(0))


# The front end


def small():
    torch.manual_seed(0)
    return SpeechFront(8, (6, 7, 5))


@pytest.mark.parametrize("frames", [1, 7, 8, 9, 40])
def test_front_end_shortens_eight_times(frames):
    x, mask = small()(torch.randn(2, frames, 8), torch.ones(2, frames, dtype=torch.bool))
    assert x.shape == (2, -(-frames // 8), 5) and mask.shape == x.shape[:2] and mask.all()


def test_padding_changes_nothing():
    front, x = small(), torch.randn(1, 21, 8)
    alone, real = front(x, torch.ones(1, 21, dtype=torch.bool))
    for more in (1, 5, 30):
        padded = torch.cat([x, torch.full((1, more, 8), 7.0)], 1)
        found, mask = front(padded, torch.arange(21 + more)[None] < 21)
        assert mask.sum() == real.sum() == alone.shape[1] and mask[0, : alone.shape[1]].all()
        assert torch.allclose(found[:, : alone.shape[1]], alone, atol=1e-6)


def test_front_end_sees_no_more_than_its_neighbourhood():
    front, x = small(), torch.randn(1, 64, 8)
    mask = torch.ones(1, 64, dtype=torch.bool)
    changed = x.clone()
    changed[0, 32] += 1
    moved = (front(changed, mask)[0] - front(x, mask)[0]).abs().amax(2)[0] > 1e-6
    assert moved.nonzero().flatten().tolist() == [3, 4, 5]  # 14 frames to each side


def test_front_end_refuses_other_frames():
    with pytest.raises(ValueError, match=r"\(B, S, 8\), not \(2, 5, 9\)"):
        small()(torch.randn(2, 5, 9), torch.ones(2, 5, dtype=torch.bool))


def tiny_system():
    torch.manual_seed(0)
    encoder = Encoder(SpeechFront(40, (16, 16, 16)), 16, 24, bidirectional=True)
    target = TextCodec("word", ["▁low", "▁high", "▁then"])
    decoder = Decoder(len(target.vocabulary), 16, 24, encoder.context_size)
    return System(Seq2Seq(encoder, decoder), LogMelCodec(), target, max_length=8)


def tunes():
    low, high = tone(300, 0.3), tone(2000, 0.3)
    return [
        (low, "low"), (high, "high"), (np.r_[low, high], "low then high"), (np.r_[high, low], "high then low"),
        (np.r_[low, high, low], "low then high then low"),
    ]  # fmt: skip


def test_gradients_reach_every_parameter():
    system = tiny_system()
    batch = next(system.batches(system.encode(tunes()), 5))
    system.model(**batch).loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in system.model.parameters())


def test_a_system_learns_tunes_and_hears_them_whatever_is_beside_them():
    system, pairs = tiny_system(), tunes()
    fit(system.model, system.shuffled(system.encode(pairs), 5), steps=120, lr=1e-2, progress=False, device="cpu")
    words = [words for _, words in pairs]
    assert system([sound for sound, _ in pairs]) == words
    assert [system([sound])[0] for sound, _ in pairs] == words  # alone, without padding
    assert system([sound * 0.1 for sound, _ in pairs], beam=3) == words


# Voices


def test_test_voices_are_no_training_voices():
    assert not set(speech.VOICES.train) & set(speech.VOICES.test)
    assert len(speech.VOICES.test) >= 10


@needs_espeak
@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_voice_speaks(language):
    sentence = {"ko": "민수는 사과를 먹었다", "en": "Minsu ate an apple"}[language]
    sounds = {}
    for voice in (*speech.VOICES.train, *speech.VOICES.test):
        sounds[voice] = say(sentence, language, voice)
        assert sounds[voice].dtype == np.float32 and 0.8 * RATE < len(sounds[voice]) < 4 * RATE
        assert 0.05 < np.abs(sounds[voice]).max() <= 1.2
    means = {voice: log_mel(sound).mean(0) for voice, sound in sounds.items()}
    closest = [
        min((torch.dist(mean, other).item(), name) for name, other in means.items() if name != voice)
        for voice, mean in means.items()
    ]
    assert all(distance > 0.1 for distance, _ in closest)  # no two are the same voice under two names


@needs_espeak
def test_speed_and_pitch_are_obeyed():
    slow, fast = (say("오늘은 비가 온다", speed=speed) for speed in (120, 240))
    assert 1.4 < len(slow) / len(fast) < 2.4

    def fundamental(pitch):
        x = say("아", speed=80, pitch=pitch, voice="f2")
        x = x[len(x) // 4 : len(x) // 2]
        near = np.correlate(x, x, "full")[len(x) - 1 :]
        near = near[
            max(40, np.argmax(near < 0)) : 400
        ]  # after the first zero, the sound is like itself again one period later
        return RATE / (400 - len(near) + near.argmax())

    assert fundamental(80) > 1.5 * fundamental(20)


@needs_espeak
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", "ko"), "nothing to say in ''"), (("...", "ko"), "nothing to say"), ((None, "ko"), "None"),
        (("하나", "de"), "'de'"), (("하나", "ko", "nobody"), "nobody"), (("하나", "ko", "f1", 10), "80 to 450, not 10"),
        (("하나", "ko", "f1", 180, 100), "0 to 99, not 100"), (("하나", "ko", "f1", 1.5), "1.5"),
    ],
)  # fmt: skip
def test_what_cannot_be_said(arguments, message):
    with pytest.raises(ValueError, match=message):
        say(*arguments)


def test_without_espeak_the_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    _espeak._open.cache_clear()
    try:
        with pytest.raises(ModuleNotFoundError, match="pip install espeakng-loader"):
            say("하나")
    finally:
        _espeak._open.cache_clear()


# Sentences, the second teacher, the recipes


def test_transcripts_are_the_words_that_are_heard():
    for record in world.generate(300, seed=5):
        ko, en = speech.transcript(record, "ko"), speech.transcript(record, "en")
        assert (
            ko.text.replace(" ", "") == "".join(filter(str.isalnum, record.ko))
            and text.join(ko.pieces, "morpheme") == ko.text
        )
        assert en.text == " ".join(re.findall("[a-z']+", record.en.lower())) and text.join(en.pieces, "word") == en.text


def test_sentences_are_short_known_and_different():
    records = world.generate(600, seed=5)
    known = {piece for record in records[:200] for piece in speech.transcript(record, "en").pieces}
    found = speech.sentences(records, "en", known, longest=5)
    assert len(found) == len(set(found)) > 50
    assert all(len(one.text.split()) <= 5 and known.issuperset(one.pieces) for one in found)
    assert len(speech.sentences(records, "en", known)) > len(found)


def paths(length, target):
    """All rows of so many steps that melt to the target; 0 is the blank."""
    for row in product(range(3), repeat=length):
        melted = [one for n, one in enumerate(row) if one and (n == 0 or row[n - 1] != one)]
        if melted == target:
            yield row


def test_the_second_teacher_adds_up_all_paths():
    torch.manual_seed(0)
    encoder = Encoder(SpeechFront(4, (5, 5, 6)), 6, 7)
    model = Seq2Seq(encoder, Decoder(3, 4, 7, encoder.context_size))
    teacher = Spelling(model, 3, weight=1.0)
    source, mask = torch.randn(2, 32, 4), torch.arange(32) < torch.tensor([[32], [17]])  # 4 and 3 steps
    ids, targets = torch.tensor([[0, 1, 2], [0, 2, 0]]), torch.tensor([[1, 2, 0], [2, 0, -100]])
    batch = {"source": source, "source_mask": mask, "ids": ids, "targets": targets}
    extra = teacher(**batch).loss - model(**batch).loss
    p = teacher.output(encoder(source, mask).states).softmax(2).detach()
    wanted = [
        -np.log(sum(np.prod([p[b, n, one] for n, one in enumerate(path)]) for path in paths(steps, target)))
        / len(target)
        for b, steps, target in ((0, 4, [1, 2]), (1, 3, [2]))
    ]
    assert extra.item() == pytest.approx(np.mean(wanted), rel=1e-4)
    teacher.eval()
    assert teacher(**batch).loss == model(**batch).loss


def test_the_second_teacher_reaches_every_parameter():
    system = tiny_system()
    teacher = Spelling(system.model, len(system.target.vocabulary))
    teacher(**next(system.batches(system.encode(tunes()), 5))).loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in teacher.parameters())


@needs_espeak
def test_clips_draw_the_same_voices_again():
    sentences = ["비가 왔다", "눈이 왔다", "민수는 행복했다"]
    one, two, other = (list(speech.clips(sentences, "ko", speech.VOICES.train, seed)) for seed in (3, 3, 4))
    assert all(abs(len(a) - len(b)) < 0.02 * RATE for a, b in zip(one, two, strict=True))
    assert any(abs(len(a) - len(b)) > 0.02 * RATE for a, b in zip(one, other, strict=True))


@needs_espeak
@pytest.mark.parametrize("name", ["speech-ko", "speech-en"])
def test_recipe_trains_saves_and_loads(name, tmp_path):
    recipe = tasks.recipe(name)
    system, settings = recipe.train(quick=True, seed=0, checkpoint=None, progress=False, device="cpu")
    system.save(tmp_path / "it.safetensors", settings)
    again = tasks.load(name, tmp_path / "it.safetensors")
    figures = recipe.grade(again, quick=True)
    assert {"clean", "known voices", "noise", "lengths", "baselines", "samples"} <= set(figures)
    json.dumps(figures)
    assert all(0 <= row["wer"] for row in (figures["clean"], *figures["lengths"].values()))


@needs_espeak
@pytest.mark.parametrize("name", ["speech-ko", "speech-en"])
def test_the_system_of_the_package_hears_voices_it_does_not_know(name):
    system, language = tasks.load(name), name.removeprefix("speech-")
    assert sum(p.numel() for p in system.model.parameters()) <= 620_000
    said = [sentence for sentence, _ in tasks.figures(name)["figures"]["samples"]]
    sounds = list(speech.clips(said * 3, language, speech.VOICES.test, seed=9))
    assert word_error_rate(system(sounds), said * 3) < 0.5
