"""Speech to text: a sound as a picture of its frequencies, and a network that reads the picture (chapter 04d).

A sound is a long row of numbers. :func:`log_mel` turns it into frames: 100 times a second, how loud it is in each of
40 bands of frequency. :class:`SpeechFront` makes eight frames into one step, and from there on it is the
:class:`~lmcourse.seq2seq.Seq2Seq` of chapter 04. The sentences are those of the world, spoken by espeak-ng, which is
an optional package; everything but :func:`say` and training works without it.
"""

import io
import math
import random
import re
from collections import Counter
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn
from tqdm.auto import tqdm

from lmcourse import text, world
from lmcourse._espeak import speak
from lmcourse.language_model import IGNORE
from lmcourse.metrics import character_error_rate, exact_match, word_error_rate
from lmcourse.seq2seq import Decoder, Encoder, Seq2Seq
from lmcourse.tasks import Recipe, System, TextCodec, seeded
from lmcourse.training import fit

__all__ = [
    "LANGUAGES", "LONGEST", "RATE", "RECIPES", "VOICES", "LogMelCodec", "Sentence", "SpeechFront", "Spelling", "Voices",
    "add_noise", "build", "check_sound", "clips", "grade", "hertz", "log_mel", "mel", "mel_filters", "read_wav", "say",
    "sentences", "splits", "train", "training", "transcript",
]  # fmt: skip

RATE = 16_000  # samples per second, everywhere in this module
WINDOW, HOP, FFT = 400, 160, 512  # samples: 25 ms, 10 ms, and what the window is filled up to
LANGUAGES = {"ko": "ko", "en": "en-us"}


class Voices(NamedTuple):
    """Names of voices: those to learn from, and those that are heard in the test only."""

    train: tuple[str, ...]
    test: tuple[str, ...]


_ALL = (
    "adam Alex Alicia Andrea Andy anika Annie antonio aunty belinda benjamin boris caleb david Denis Diogo ed edward "
    "f1 f2 f3 f4 f5 Gene grandma grandpa gustave Henrique Hugo ian iven Jacky john Lee linda m1 m2 m3 m4 m5 m6 m7 m8 "
    "marcelo Marco Mario max Michael michel Mike norbert pablo paul pedro quincy Reed rob robert sandro shelby steph "
    "travis victor zac"
).split()  # of the voices of espeak-ng those that are no robots, and one of each family
VOICES = Voices(tuple(name for n, name in enumerate(_ALL) if n % 6), tuple(_ALL[::6]))


# Sounds


def read_wav(source):
    """A sound file as samples: mixed to one channel, and resampled to 16,000 Hz.

    Args:
        source: the path of a WAV, FLAC, OGG or MP3 file of any rate, or the bytes of one.

    Returns:
        A float32 array (N,), usually between -1 and 1.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no sound file, or holds too little, nothing but silence, or something that is no number.
    """
    import soundfile
    import soxr

    content = bytes(source) if isinstance(source, (bytes, bytearray, memoryview)) else None
    name = f"the sound of {len(content)} bytes" if content is not None else repr(str(source))
    if content is None:
        path = Path(source).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {str(path)!r} (looked in {path.absolute().parent})")
        content = path.read_bytes()
    if not content:
        raise ValueError(f"{name} is empty: not one byte")
    try:
        samples, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)  # (N, channels)
    except soundfile.LibsndfileError as error:
        raise ValueError(
            f"{name} is no sound file that can be read ({error.error_string}); save it as WAV, FLAC, OGG or MP3"
        ) from None
    samples = soxr.resample(samples.mean(1), rate, RATE).astype("float32")
    return check_sound(samples, name)


def check_sound(samples, name="the sound"):
    """The samples themselves, if there is something to hear in them.

    Raises:
        ValueError: they are no row of numbers, too few, silent, or not all finite; the message says which.
    """
    import numpy as np

    samples = np.asarray(samples, dtype=np.float32)
    if samples.ndim != 1:
        raise ValueError(f"{name} should be one row of samples, not an array of shape {samples.shape}")
    if len(samples) < RATE // 10:
        raise ValueError(f"{name} is too short: {len(samples) / RATE:.3f} s, and 0.1 s is the least to hear a word in")
    if not np.isfinite(samples).all():
        raise ValueError(f"{name} is damaged: {np.sum(~np.isfinite(samples))} of its samples are no finite numbers")
    if np.ptp(samples) < 2e-3:
        raise ValueError(f"{name} is silent: its samples differ by {np.ptp(samples):.5f} at most")
    return samples


def say(sentence, language="ko", voice=VOICES.train[0], speed=180, pitch=50):
    """A sentence spoken by espeak-ng: samples at 16,000 Hz, float32. Twice the same is alike, but not equal.

    Args:
        sentence: the text.
        language: ``"ko"`` or ``"en"``.
        voice: a name, one of ``VOICES``, or of any other variant that espeak-ng has.
        speed: words per minute, from 80 to 450.
        pitch: from 0 to 99.

    Raises:
        ModuleNotFoundError: the package ``espeakng-loader`` is not installed.
        ValueError: no such language or voice, a speed or pitch out of range, or nothing to say.
    """
    import soxr

    if language not in LANGUAGES:
        raise ValueError(f"language is one of {', '.join(LANGUAGES)}, not {language!r}")
    if not isinstance(sentence, str) or not any(letter.isalnum() for letter in sentence):
        raise ValueError(f"there is nothing to say in {sentence!r}")
    for what, value, low, high in (("speed", speed, 80, 450), ("pitch", pitch, 0, 99)):
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"{what} is a whole number from {low} to {high}, not {value!r}")
    samples, rate = speak(sentence, f"{LANGUAGES[language]}+{voice}", speed, pitch)
    return soxr.resample(samples, rate, RATE)


def add_noise(samples, snr, generator):
    """The sound with white noise in it, so that it is ``snr`` decibels louder than the noise.

    Args:
        samples: (N,).
        snr: in dB: 0 is as loud as the noise, 20 has a hundred times its power.
        generator: a ``numpy.random.Generator``.
    """
    power = (samples.astype("float64") ** 2).mean()
    if not power > 0:
        raise ValueError("silence is never louder than noise: there is no power in these samples")
    noise = generator.standard_normal(len(samples), dtype="float32")
    return samples + noise * float(power / 10 ** (snr / 10)) ** 0.5


# Features


def mel(frequency):
    """Hertz to mel, a scale on which equal steps sound equally far apart (Stevens et al., 1937); 1,000 Hz is 1,000."""
    return 2595 * math.log10(1 + frequency / 700)


def hertz(pitch):
    """Mel to hertz, the inverse of :func:`mel`."""
    return 700 * (10 ** (pitch / 2595) - 1)


@cache
def mel_filters(mels=40, fft=FFT, rate=RATE, low=50, high=7600):
    """Triangles over the frequencies of a Fourier transform, their corners equally far apart in mel.

    Args:
        mels: M, how many.
        fft: samples of the transform.
        rate: samples per second.
        low, high: where the first begins and the last ends, in Hz.

    Returns:
        (M, fft / 2 + 1).
    """
    if not 0 <= low < high <= rate / 2:
        raise ValueError(f"expected 0 <= low < high <= {rate / 2:g} Hz, not low={low!r} and high={high!r}")
    step = (mel(high) - mel(low)) / (mels + 1)
    corners = torch.tensor([hertz(mel(low) + step * n) for n in range(mels + 2)])  # (M + 2,)
    frequencies = torch.arange(fft // 2 + 1) * rate / fft  # (F,)
    left, top, right = (corners[n : n + mels, None] for n in range(3))  # (M, 1)
    rising, falling = (frequencies - left) / (top - left), (right - frequencies) / (right - top)  # (M, F)
    return torch.minimum(rising, falling).clamp(min=0)


def log_mel(samples, mels=40):
    """How loud a sound is in each band of frequency, 100 times a second (Davis and Mermelstein, 1980).

    Cut into frames of 25 ms, each 10 ms after the last; fade each in and out (a Hann window); take the power of its
    Fourier transform; add it up in mel bands; take the logarithm.

    Args:
        samples: (N,) at 16,000 Hz, at least one frame.
        mels: M, how many bands.

    Returns:
        Natural logarithms of power, -23 or more, of shape (frames, M).
    """
    x = torch.as_tensor(samples, dtype=torch.float32)
    if x.dim() != 1 or len(x) < WINDOW:
        raise ValueError(f"expected one row of at least {WINDOW} samples, not shape {tuple(x.shape)}")
    frames = x.unfold(0, WINDOW, HOP)  # (S, WINDOW)
    spectrum = torch.fft.rfft(frames * torch.hann_window(WINDOW), FFT)  # (S, F)
    return (spectrum.abs().square() @ mel_filters(mels).T).clamp(min=1e-10).log()  # (S, M)


class LogMelCodec:
    """Sounds as features that do not depend on how loud they were recorded.

    What lies more than 60 dB under the loudest is cut off, then the mean of all the numbers is taken away.

    Args:
        mels: M, bands.
        longest: seconds; a longer sound is refused.
    """

    def __init__(self, mels=40, longest=10.0):
        self.mels, self.longest = mels, longest

    def encode(self, item):
        """The features of a sound, (frames, M) in float16: of samples at 16,000 Hz, or of a file as for `read_wav`."""
        samples = read_wav(item) if isinstance(item, (str, Path, bytes)) else check_sound(item)
        if len(samples) > self.longest * RATE:
            raise ValueError(f"a sound of {len(samples) / RATE:.1f} s is too long: at most {self.longest:g} s are read")
        x = log_mel(samples, self.mels)
        x = x.clamp(min=x.max() - 6 * math.log(10))  # 60 dB are a factor of a million
        return ((x - x.mean()) / 3).half()  # 3 is about the standard deviation

    def pad(self, encoded):
        """A batch, (B, S, M) in float32, and the mask (B, S) that is True at real frames."""
        lengths = torch.tensor([len(one) for one in encoded])
        x = nn.utils.rnn.pad_sequence([one.float() for one in encoded], batch_first=True)
        return x, torch.arange(x.shape[1]) < lengths[:, None]

    def settings(self):
        """What makes the same codec again: ``LogMelCodec(**settings)``."""
        return {"mels": self.mels, "longest": self.longest}


# The model


class SpeechFront(nn.Module):
    """Frames into steps, eight to one: three layers that look at five neighbours and keep every second place.

    Args:
        mels: M, numbers in a frame.
        widths: of the three layers; the last is D.
        dropout: the share of the numbers that is set to 0 in training.
    """

    def __init__(self, mels=40, widths=(64, 96, 128), dropout=0.0):
        super().__init__()
        sizes = [mels, *widths]
        self.layers = nn.ModuleList(
            nn.Conv1d(before, after, 5, stride=2, padding=2) for before, after in zip(sizes, widths, strict=False)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for width in widths)
        self.dropout = nn.Dropout(dropout)

    def forward(self, source, mask):
        """From frames (B, S, M) to vectors (B, S / 8, D), rounded up, and a mask of as many places."""
        if source.dim() != 3 or source.shape[2] != self.layers[0].in_channels:
            expected = f"(B, S, {self.layers[0].in_channels})"
            raise ValueError(f"expected frames of shape {expected}, not {tuple(source.shape)}")
        x = source
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = x * mask[..., None]  # what stands at the padding must not be seen by its neighbours
            x = layer(x.transpose(1, 2)).transpose(1, 2)  # (B, S / 2, D)
            mask = mask[:, ::2]
            x = self.dropout(norm(x).relu())
        return x, mask


# What is said, and who says it


LONGEST = {"ko": 4, "en": 6}  # words of a sentence in training


class Sentence(NamedTuple):
    """What was said, in small letters without punctuation: one text, and its pieces, which the decoder writes."""

    text: str
    pieces: tuple[str, ...]


def transcript(record, language):
    """A sentence of the world as a transcript: Korean in morphemes, English in words."""
    if language == "ko":
        cut = text.split_at(record.ko, record.morpheme_spans)
        pieces = [piece for piece in cut if any(letter.isalnum() for letter in piece)]
    else:
        pieces = text.split(re.sub(r"[^a-z' ]", "", record.en.lower()), "word")
    return Sentence(text.join(pieces, "word"), tuple(pieces))


def sentences(records, language, known, longest=None):
    """The different transcripts of some records, in their order: short ones, of a small vocabulary.

    Args:
        records: of :mod:`lmcourse.world`.
        language: ``"ko"`` or ``"en"``.
        known: the pieces that may occur in them, a set or a :class:`~lmcourse.text.Vocabulary`.
        longest: at most so many words; ``None`` takes those of ``LONGEST``.
    """
    longest = LONGEST[language] if longest is None else longest
    found = dict.fromkeys(transcript(record, language) for record in records)
    return [one for one in found if len(one.text.split()) <= longest and all(piece in known for piece in one.pieces)]


def clips(spoken, language, voices, seed, snr=None, spread=0.0):
    """Speak sentences, each in a voice, at a speed and at a pitch drawn by chance.

    Args:
        spoken: :class:`Sentence` or texts.
        language: ``"ko"`` or ``"en"``.
        voices: names to draw from.
        seed: of the draws.
        snr: add white noise, so many decibels below the speech; a pair (low, high) does so to every second sound, at a
            strength drawn between the two.
        spread: play the sound faster or slower by up to this part, which moves all its frequencies, as a shorter or
            longer throat would.

    Yields:
        Float32 samples at 16,000 Hz.
    """
    import numpy as np
    import soxr

    draw, generator = random.Random(seed), np.random.default_rng(seed)
    for one in spoken:
        voice, speed, pitch = draw.choice(voices), draw.randint(160, 230), draw.randint(30, 70)
        samples = say(getattr(one, "text", one), language, voice, speed, pitch)
        if spread:
            samples = soxr.resample(samples, RATE * draw.uniform(1 - spread, 1 + spread), RATE)
        if isinstance(snr, tuple):
            if draw.random() < 0.5:
                samples = add_noise(samples, draw.uniform(*snr), generator)
        elif snr is not None:
            samples = add_noise(samples, snr, generator)
        yield samples


# The systems


PIECES, CLIPS, EPOCHS = 200, 21_000, 9  # of the vocabulary, of the training, of the training


class Spelling(nn.Module):
    """A second teacher for training: the encoder's states have to spell the output too, each piece when it is heard.

    Its loss is CTC, connectionist temporal classification: the probability of all ways to spread the output over the
    steps, with blanks between (Graves et al., 2006). It shows the encoder *where* a word sounds, which the decoder's
    loss tells only through the one vector at the end (as in Kim et al., 2017). After training it is thrown away.

    Args:
        model: a :class:`~lmcourse.seq2seq.Seq2Seq` for speech.
        vocab_size: V, of the output; id 0 is the blank.
        weight: of its loss, beside the decoder's.
    """

    def __init__(self, model, vocab_size, weight=0.5):
        super().__init__()
        self.model, self.weight = model, weight
        self.output = nn.Linear(model.encoder.context_size, vocab_size)

    def forward(self, source, ids, targets=None, source_mask=None):
        """As the model; in training its loss has CTC's added."""
        memory = self.model.encoder(source, source_mask)
        output = self.model.decoder(ids, targets, state=self.model.decoder.start(memory))
        if not self.training:
            return output
        log_probs = self.output(memory.states).log_softmax(2).transpose(0, 1)  # (S, B, V)
        steps, lengths = memory.mask.sum(1), (targets != IGNORE).sum(1) - 1  # (B,), without </s>
        ctc = nn.functional.ctc_loss(log_probs, ids[:, 1:], steps, lengths, zero_infinity=True)
        return output._replace(loss=output.loss + self.weight * ctc)


def build(settings):
    """An untrained system, from what its recipe's training returns as settings."""
    source, target = LogMelCodec(**settings["source"]), TextCodec(**settings["target"])
    widths, hidden, dropout = settings["widths"], settings["hidden"], settings["dropout"]
    front = SpeechFront(source.mels, widths, dropout)
    encoder = Encoder(front, widths[-1], hidden, bidirectional=True, dropout=dropout)
    decoder = Decoder(len(target.vocabulary), settings["width"], hidden, encoder.context_size, dropout=dropout)
    with torch.no_grad():  # an LSTM that forgets nothing at first learns sooner to remember (Jozefowicz et al., 2015)
        for name, bias in encoder.named_parameters():
            if "rnn.bias_ih" in name:
                bias[hidden : 2 * hidden] += 1.5
    return System(Seq2Seq(encoder, decoder), source, target, max_length=30)


@cache
def splits(quick=False):
    """The records of the world that the sentences are from: many, of which few are short enough to be said."""
    return world.splits(*((600, 200) if quick else (40_000, 6_000)))


def training(language, quick=False, seed=0, progress=True):
    """Speak the training sentences, in voices of ``VOICES``: the settings for :func:`build`, and the encoded pairs.

    The sentences are short (``LONGEST``) and made of the most frequent pieces only (``PIECES``).
    """
    records = splits(quick).train
    counts = Counter(piece for record in records for piece in transcript(record, language).pieces)
    vocabulary = text.Vocabulary([piece for piece, _ in sorted(counts.items(), key=lambda x: (-x[1], x[0]))[:PIECES]])
    spoken = sentences(records, language, vocabulary)
    spoken = spoken[:100] if quick else spoken * max(1, round(CLIPS / len(spoken)))
    codec = LogMelCodec()
    sounds = clips(spoken, language, VOICES.train, seed, snr=(10, 40), spread=0.08)
    features = [codec.encode(samples) for samples in tqdm(sounds, "speaking", len(spoken), disable=not progress)]
    unit = "morpheme" if language == "ko" else "word"
    settings = {
        "source": codec.settings(), "target": TextCodec(unit, vocabulary.tokens).settings(),
        "widths": [48, 64, 96], "hidden": 128, "width": 32, "dropout": 0.1,
    }  # fmt: skip
    return settings, [(x, vocabulary.encode(one.pieces)) for x, one in zip(features, spoken, strict=True)]


def train(language, quick=False, seed=0, **how):
    """Learn to write down what :func:`training` says: the system and its settings."""
    settings, encoded = training(language, quick, seed, how.get("progress", True))
    with seeded(seed):
        system = build(settings)
        spelling = Spelling(system.model, len(system.target.vocabulary))
    batches = system.shuffled(encoded, 16, seed)
    fit(spelling, batches, epochs=1 if quick else EPOCHS, lr=2e-3, seed=seed, **how)
    return system, settings


def grade(system, language, quick=False):
    """Errors on new sentences in voices that were never heard, and what moves them.

    Returns:
        A dict with ``clean``, ``known voices``, ``noise`` (10 dB) and ``unseen`` (verb-object pairs that training never
        shows) with the word and character error rate and the part that is exactly right; ``lengths``, the same for
        sentences of so many words, longer ones than those of training among them; ``baselines``; ``samples``, the
        first of the test.
    """
    size = 20 if quick else 400
    parts = splits(quick)

    def hear(spoken, voices=VOICES.test, **options):
        return list(clips(spoken, language, voices, 1, **options))

    def errors(outputs, spoken):
        right = [one.text for one in spoken]
        return {
            "count": len(right), "wer": word_error_rate(outputs, right), "cer": character_error_rate(outputs, right),
            "exact": exact_match(outputs, right),
        }  # fmt: skip

    every = sentences(parts.test, language, system.target.vocabulary, 9)
    test = [one for one in every if len(one.text.split()) <= LONGEST[language]][:size]
    unseen = sentences(parts.unseen, language, system.target.vocabulary)[:size]
    sounds = hear(test)
    outputs = system(sounds)
    figures = {"seconds": sum(map(len, sounds)) / RATE / len(sounds), "clean": errors(outputs, test)}
    figures["known voices"] = errors(system(hear(test, VOICES.train)), test)
    figures["noise"] = errors(system(hear(test, snr=10)), test)
    if unseen:
        figures["unseen"] = errors(system(hear(unseen)), unseen)
    figures["samples"] = [[one.text, output] for one, output in zip(test[:10], outputs, strict=False)]
    figures["lengths"] = {}
    for words in range(1, 10):
        some = [one for one in every if len(one.text.split()) == words][: size // 4]
        if len(some) >= size // 20:
            figures["lengths"][str(words)] = errors(system(hear(some)), some)
    known = sentences(parts.train, language, system.target.vocabulary)[: 10 * size]
    nearest = _nearest([system.source.encode(x) for x in hear(known, VOICES.train)], map(system.source.encode, sounds))
    frequent = Counter(transcript(record, language).text for record in parts.train).most_common(1)[0][0]
    figures["sentences"] = len(known)
    figures["baselines"] = {
        "the nearest training recording": errors([known[n].text for n in nearest], test),
        "always the most frequent sentence": errors([frequent] * len(test), test),
    }
    return figures


def _nearest(known, sounds):
    """For each sound the number of the known one whose picture, stretched to the same length, differs least."""

    def stretched(x):
        return nn.functional.interpolate(x.float().T[None], 32, mode="linear").flatten()

    table = torch.stack([stretched(x) for x in known])
    return [torch.cdist(stretched(x)[None], table).argmin().item() for x in sounds]


RECIPES = {
    f"speech-{language}": Recipe(
        f"Short {name} sentences of the world, spoken by voices it has never heard, into text.",
        build, partial(train, language), partial(grade, language=language),
    )
    for language, name in (("ko", "Korean"), ("en", "English"))
}  # fmt: skip
