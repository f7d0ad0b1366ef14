"""The clip player: sounds and films, each beside what a model said and what is right (chapters 04d, 04e)."""

import io
import json
from collections.abc import Mapping

import numpy as np
import traitlets as t

from lmcourse.widgets.base import Explorer, base64_size

__all__ = ["ClipPlayer"]

CLIPS = 60
RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)  # those of MP3
BINS = 400  # how many columns the picture of a sound has at most
LEVELS = 31  # in so many steps the features are stored
LONGEST = 16_384  # rows of pixels that a browser is sure to read


class ClipPlayer(Explorer):
    """Sounds or short films to play, each beside what a model said of it and what is right.

    >>> film = np.zeros((4, 8, 8, 3), np.uint8)
    >>> film[range(4), 3, range(4)] = 255, 0, 0
    >>> figure = ClipPlayer(frames=[film], captions=["a red dot moves left"], references=["a red dot moves right"])
    >>> print(figure.summary())
    ClipPlayer, 1 film
      ✗ Clip 1, 4 frames: a red dot moves left | right: a red dot moves right

    A sound is shown as a wave, and as a picture of its features if there are any; a click goes to that moment. A film
    is shown in its own pixels and can be gone through frame by frame. Words of a caption that differ from those of its
    reference are marked in both. In JupyterLab ``clip`` and ``position`` follow the reader.

    Args:
        sounds: N arrays (samples,) of numbers between -1 and 1, of any lengths. They are stored as MP3 of about 40
            kilobits a second. One that is louder than 1 is made quieter as a whole.
        rate: samples per second: 16000, or another rate that MP3 has.
        frames: instead of sounds, N arrays of uint8, (F, H, W, 3); each film may have its own shape.
        fps: frames per second.
        captions: N strings, what the model said; or several such lists by the name of the model.
        references: N strings, what is right.
        labels: N strings to choose a clip by.
        features: for each sound an array (frames, mels), low bands first, drawn as a heat map of 31 steps over the
            whole length of the sound.
        clip: the number of the clip to show first.
        position: the second in it.
        loop: whether a clip begins anew at its end; ``None`` means films do, sounds do not.
        speed: 0.5 or 1.
        language: of the buttons, ``"en"`` or ``"ko"``; empty means the language of the page.

    Raises:
        ValueError: shapes, types or numbers of items that do not fit, a sound of numbers that are not finite, clips
            that make more than 200 KB; or another argument is out of range.
    """

    data = t.Bytes().tag(sync=True)
    clips = t.List(t.Dict()).tag(sync=True)
    kind = t.Enum(["sound", "film"], "sound").tag(sync=True)
    fps = t.Float(8).tag(sync=True)
    clip = t.Int(0, min=0).tag(sync=True)
    position = t.Float(0, min=0).tag(sync=True)
    loop = t.Bool(False).tag(sync=True)
    speed = t.Enum([0.5, 1], 1).tag(sync=True)
    language = t.Enum(["", "en", "ko"], "").tag(sync=True)

    def __init__(
        self, sounds=None, rate=16000, frames=None, fps=8, captions=None, references=None, labels=None, features=None,
        *, clip=0, position=0, loop=None, **kwargs,
    ):  # fmt: skip
        if (sounds is None) == (frames is None):
            raise ValueError(f"pass either sounds or frames, not {'both' if sounds is not None else 'neither'}")
        kind = "film" if sounds is None else "sound"
        if getattr(sounds, "ndim", None) == 1:
            raise ValueError(f"sounds is a list of arrays, not one array of shape {tuple(sounds.shape)}")
        self._media = list(frames if sounds is None else sounds)
        count = len(self._media)
        if not 1 <= count <= CLIPS:
            raise ValueError(f"a player has 1 to {CLIPS} clips, not {count}")
        if kind == "film" and features is not None:
            raise ValueError("features are of sounds, and these are frames")
        if kind == "sound" and rate not in RATES:
            raise ValueError(f"rate is one of {', '.join(map(str, RATES))}, not {rate!r}; resample the sounds")
        if isinstance(fps, bool) or not isinstance(fps, (int, float)) or not 0 < fps <= 60:
            raise ValueError(f"fps is a number above 0, up to 60, not {fps!r}")
        said = captions if isinstance(captions, Mapping) else {"": captions} if captions is not None else {}
        said = {
            str(name): _strings(texts, f"captions {name!r}".replace(" ''", ""), count) for name, texts in said.items()
        }
        right = [None] * count if references is None else _strings(references, "references", count)
        names = [""] * count if labels is None else _strings(labels, "labels", count)
        self._features = [None] * count if features is None else list(features)
        if len(self._features) != count:
            raise ValueError(f"features has {len(self._features)} items for {count} clips")
        parts, clips = [], []

        def keep(part):
            start = sum(map(len, parts))
            parts.append(part)
            return [start, start + len(part)]

        for n, media in enumerate(self._media):
            about = {"label": names[n], "said": [[name, texts[n]] for name, texts in said.items()], "right": right[n]}
            if kind == "film":
                film = self._media[n] = _film(media, f"frames {n}")
                about |= {"count": len(film), "height": film.shape[1], "width": film.shape[2]}
                about |= {"seconds": len(film) / fps, "media": keep(_png(film.reshape(-1, *film.shape[2:])))}
            else:
                sound = self._media[n] = _sound(media, f"sounds {n}")
                about |= {"seconds": len(sound) / rate, "media": keep(_mp3(sound, rate)), "wave": keep(_wave(sound))}
                if features is not None:
                    picture = self._features[n] = _picture(self._features[n], f"features {n}")
                    about |= {"heat": keep(_png(picture.T[::-1]))}
            clips.append(about)
        data = b"".join(parts)
        words = json.dumps(clips, ensure_ascii=False).encode()
        self.check_room(
            base64_size(data) + len(words), f"these {count} {kind}s", "take fewer or shorter ones, or smaller frames"
        )
        loop = kind == "film" if loop is None else loop
        try:
            super().__init__(
                data=data, clips=clips, kind=kind, fps=fps, clip=clip, position=position, loop=loop, **kwargs
            )
        except t.TraitError as error:
            raise ValueError(str(error)) from None
        if clip >= count:
            raise ValueError(f"clip is 0 to {count - 1}, not {clip}")
        if position > clips[clip]["seconds"]:
            raise ValueError(f"position is 0 to {clips[clip]['seconds']:g} seconds, not {position!r}")

    def summary(self):
        """All clips as text: how long they are, what was said of them, and what is right."""
        count = len(self.clips)
        lines = [f"ClipPlayer, {count} {self.kind}{'s' if count > 1 else ''}"]
        for n, clip in enumerate(self.clips):
            length = f"{clip['count']} frames" if self.kind == "film" else f"{clip['seconds']:.1f} s"
            said = " | ".join(_shown(f"{name}: {text}" if name else text) for name, text in clip["said"])
            mark = ""
            if clip["right"] is not None and clip["said"]:
                mark = "✗ " if any(differences(text, clip["right"]) for _, text in clip["said"]) else "✓ "
                said += f" | right: {_shown(clip['right'])}"
            elif clip["right"] is not None:
                said = _shown(clip["right"])
            lines.append(
                f"  {mark}{_shown(clip['label'] or f'Clip {n + 1}')}, {length}" + (f": {said}" if said else "")
            )
        return "\n".join(lines)

    def picture(self, figure):
        """The clip that is shown first: six frames of it, or its wave and its features; with its captions."""
        clip, media = self.clips[self.clip], self._media[self.clip]
        texts = [f"{name}: {text}" if name else text for name, text in clip["said"]]
        texts += [] if clip["right"] is None else [f"right: {clip['right']}"]
        figure.suptitle("\n".join(_shown(text)[:90].replace("$", r"\$") for text in texts), fontsize=10)
        if self.kind == "film":
            figure.set_size_inches(6.4, 1.5 + 0.2 * len(texts))
            chosen = np.unique(np.linspace(0, len(media) - 1, 6).round().astype(int))
            for axes, n in zip(figure.subplots(1, len(chosen), squeeze=False)[0], chosen, strict=True):
                axes.imshow(media[n], interpolation="nearest")
                axes.set(xticks=[], yticks=[], xlabel=str(n + 1))
            return True
        features = self._features[self.clip]
        if features is not None:
            heat, wave = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
            heat.imshow(features.T, origin="lower", aspect="auto", cmap="magma", extent=(0, clip["seconds"], 0, 1))
            heat.set(yticks=[])
        else:
            wave = figure.subplots()
        peaks = np.frombuffer(_wave(media), np.uint8) / 255
        wave.fill_between(np.linspace(0, clip["seconds"], len(peaks)), -peaks, peaks)
        wave.set(xlabel="seconds", yticks=[])
        return True


def differences(said, right):
    """How many words have to be put in, taken out or replaced to make one text the other."""
    said, right = said.split(), right.split()
    row = list(range(len(right) + 1))
    for i, word in enumerate(said, 1):
        corner, row[0] = row[0], i
        for j, other in enumerate(right, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (word != other))
    return row[-1]


def _shown(text):
    """A text without line breaks and other control characters, and never nothing."""
    return "".join(c if c.isprintable() else "·" for c in text) or "∅"


def _strings(values, what, count):
    if isinstance(values, str):
        raise ValueError(f"{what} is a list of strings, not the string {values!r:.80}")
    values = list(values)
    for value in values:
        if not isinstance(value, str):
            raise ValueError(f"{what} is a list of strings, and {value!r} is none")
    if len(values) != count:
        raise ValueError(f"{what} has {len(values)} items for {count} clips")
    return values


def _array(values):
    return values.detach().cpu().numpy() if hasattr(values, "detach") else np.asarray(values)


def _numbers(values, what, dimensions, shape):
    """Finite floating-point numbers in so many dimensions."""
    array = _array(values)
    if array.dtype.kind != "f":
        raise ValueError(f"{what} should be floating-point numbers, not {array.dtype}")
    if array.ndim != dimensions or not array.size:
        raise ValueError(f"{what} has the shape {array.shape}, not {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{what} has {(~np.isfinite(array)).sum()} numbers that are not finite")
    return array.astype(np.float32)


def _sound(values, what):
    sound = _numbers(values, what, 1, "(samples,)")
    return sound / max(1, np.abs(sound).max())


def _film(values, what):
    film = _array(values)
    if film.dtype != np.uint8:
        raise ValueError(f"{what} should be uint8, colours from 0 to 255, not {film.dtype}")
    if film.ndim != 4 or film.shape[3] != 3 or not film.size:
        raise ValueError(f"{what} has the shape {film.shape}, not (F, H, W, 3)")
    if film.shape[0] * film.shape[1] > LONGEST or film.shape[2] > LONGEST:
        raise ValueError(f"{what} has the shape {film.shape}; F x H, and W, may be up to {LONGEST:,}")
    return np.ascontiguousarray(film)


def _picture(values, what):
    """Features as steps from 0 to 255, (columns, mels): the highest is the brightest, silence is cut off."""
    features = _numbers(values, what, 2, "(frames, mels)")
    if len(features) > BINS:
        edges = np.linspace(0, len(features), BINS + 1).astype(int)[:-1]
        features = np.add.reduceat(features, edges) / np.diff([*edges, len(features)])[:, None]
    high = np.percentile(features, 99.5)
    low = max(features.min(), 2 * np.median(features) - high)
    steps = np.rint((features - low) / max(high - low, 1e-12) * LEVELS).clip(0, LEVELS)
    return np.rint(steps * 255 / LEVELS).astype(np.uint8)


def _wave(sound):
    """The largest value of each piece of a sound, 0 to 255: what its picture needs."""
    size = np.abs(sound)
    edges = np.linspace(0, len(size), min(BINS, len(size)) + 1).astype(int)[:-1]
    return np.rint(np.maximum.reduceat(size, edges) * 255).astype(np.uint8).tobytes()


def _mp3(sound, rate):
    import soundfile

    file = io.BytesIO()
    # With a varying bit rate the file says in its header how much silence the encoder has put before the sound.
    soundfile.write(file, sound, rate, format="MP3", compression_level=0.9, bitrate_mode="VARIABLE")
    return file.getvalue()


def _png(pixels):
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG", optimize=True)
    return file.getvalue()
