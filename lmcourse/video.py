"""Video to text: clips of moving shapes, and a front end that looks at them (chapter 04e).

A :class:`Scene` says what happens, :func:`render` draws it as a clip and :func:`caption` says it in words, so there
is one true caption for every clip; their code is in ``lmcourse._scenes``. :class:`ClipCodec` and :class:`VideoFront`
make a clip into vectors (B, S, D), and the rest is the :class:`~lmcourse.seq2seq.Seq2Seq` of chapter 04 (after
Venugopalan et al., 2015).

>>> scene = draw(seed=1, kind="one")
>>> render(scene).shape
(10, 32, 32, 3)
"""

import random
from collections import Counter

import numpy as np
import torch
from torch import nn

from lmcourse import text
from lmcourse._scenes import (
    COLOURS,
    FRAMES,
    KINDS,
    LONGEST,
    MOTIONS,
    RELATIONS,
    SHAPES,
    SIZE,
    Background,
    Scene,
    Thing,
    attributes,
    caption,
    draw,
    held_out,
    render,
    reverse,
)  # fmt: skip
from lmcourse.metrics import exact_match
from lmcourse.seq2seq import Decoder, Encoder, Seq2Seq
from lmcourse.tasks import Recipe, System, TextCodec, seeded
from lmcourse.training import fit

__all__ = [
    "COLOURS", "KINDS", "MOTIONS", "RECIPES", "RELATIONS", "SHAPES", "Background", "ClipCodec", "Scene", "Thing",
    "VideoFront", "attributes", "build", "caption", "draw", "exact", "held_out", "most_frequent", "pairs", "read_clip",
    "render", "resample", "reverse", "save_gif", "words",
]  # fmt: skip


# --- the codec and the front end ---


class ClipCodec:
    """Clips as tensors.

    Args:
        size: the height and the width of a picture.
        longest: a clip of more frames is refused.
    """

    def __init__(self, size=SIZE, longest=LONGEST):
        self.size, self.longest = size, longest

    def encode(self, item):
        """A clip, uint8 (F, size, size, 3), as a tensor with the colours first: uint8 (F, 3, size, size).

        A clip of one frame is accepted. No motion can be seen in it, so what is said of the motion is a guess.

        Raises:
            ValueError: it is no such clip; the message says what it is instead and how to mend it.
        """
        wanted = f"a clip is uint8 (frames, {self.size}, {self.size}, 3)"
        clip = item if torch.is_tensor(item) else np.asarray(item)
        shape, kind = tuple(clip.shape), str(clip.dtype).removeprefix("torch.")
        if len(shape) == 3 and shape[-1] == 3:
            raise ValueError(f"{wanted}, and one picture {shape} is a clip of one frame if you pass picture[None]")
        if len(shape) == 3 or len(shape) == 4 and shape[-1] in (1, 2):
            raise ValueError(f"{wanted}, and {shape} has no colours; np.stack([clip] * 3, -1) would make it grey")
        if len(shape) == 4 and shape[-1] == 4:
            raise ValueError(f"{wanted}, and {shape} has transparency as well; clip[..., :3] leaves it out")
        if len(shape) == 4 and shape[1] == 3 != shape[-1]:
            raise ValueError(f"{wanted}, and {shape} has the colours first; clip.transpose(0, 2, 3, 1) puts them last")
        if len(shape) != 4 or shape[-1] != 3:
            raise ValueError(f"{wanted}, not {kind} {shape}")
        if shape[1:3] != (self.size, self.size):
            raise ValueError(f"{wanted}, not {shape}; resample(clip, size={self.size}) changes the size")
        if kind != "uint8":
            raise ValueError(f"{wanted}, whole numbers from 0 to 255, not {kind}; for numbers from 0 to 1 say "
                             "(clip * 255).round().astype('uint8')")  # fmt: skip
        if not 1 <= shape[0] <= self.longest:
            raise ValueError(f"{wanted} with 1 to {self.longest} frames, not {shape[0]}; resample(clip, frames=10) "
                             "takes every so many")  # fmt: skip
        clip = clip if torch.is_tensor(clip) else torch.from_numpy(clip.copy())  # torch reads no array backwards
        return clip.permute(0, 3, 1, 2).contiguous()

    def pad(self, encoded):
        """Clips as one tensor (B, S, 3, size, size), black at the padding, and the mask that is True at real frames."""
        mask = torch.arange(max(map(len, encoded))) < torch.tensor([len(clip) for clip in encoded])[:, None]
        return nn.utils.rnn.pad_sequence(encoded, batch_first=True), mask

    def settings(self):
        """What makes the same codec again: ``ClipCodec(**settings)``."""
        return {"size": self.size, "longest": self.longest}


class VideoFront(nn.Module):
    """The front end for clips: a small convolutional network looks at every frame by itself.

    Three convolutions of 3 x 3 with stride 2 make a picture of 32 x 32 into maps of 16 x 16, 8 x 8 and 4 x 4 (LeCun et
    al., 1998), and a linear layer makes one vector of the last maps. It sees no motion: that is in the order of frames.
    Each convolution is followed by batch normalisation (Ioffe and Szegedy, 2015). Without it the vectors of all clips
    soon become alike, since the decoder first learns which captions are frequent and pulls everything to that.

    Args:
        width: D, of the vector of a frame.
        channels: how many maps each convolution makes.
        size: the height and the width of a picture, a multiple of 8.
        dropout: the share of the numbers of a vector that is set to 0 in training.
    """

    def __init__(self, width, channels=(16, 32, 64), size=SIZE, dropout=0.0):
        super().__init__()
        if size % 2 ** len(channels):
            raise ValueError(f"{len(channels)} strides of 2 need a size that {2 ** len(channels)} divides, not {size}")
        self.size, self.width = size, width
        layers = []
        for before, after in zip((3, *channels), channels, strict=False):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
        last = channels[-1] * (size // 2 ** len(channels)) ** 2
        self.look = nn.Sequential(*layers, nn.Flatten(), nn.Linear(last, width), nn.BatchNorm1d(width), nn.ReLU())
        self.dropout = nn.Dropout(dropout)

    def forward(self, source, mask):
        """From clips to vectors; the mask stays as it is.

        Args:
            source: (B, S, 3, size, size), uint8 from 0 to 255 or float from 0 to 1.
            mask: (B, S), True at real frames; only those are looked at, and the vectors of padding are 0.

        Returns:
            (B, S, D) and the mask.
        """
        if source.dim() != 5 or source.shape[2:] != (3, self.size, self.size):
            raise ValueError(f"clips are (B, S, 3, {self.size}, {self.size}), not {tuple(source.shape)}")
        frames = source[mask]  # (N, 3, size, size)
        frames = frames.float() / 255 if frames.dtype == torch.uint8 else frames
        seen = self.look(frames - frames.mean((2, 3), keepdim=True))  # (N, D); without the mean colour of each frame
        x = seen.new_zeros(*mask.shape, self.width)
        x[mask] = self.dropout(seen)
        return x, mask


# --- clips of your own ---


def resample(clip, frames=None, size=None):
    """A clip of any length and size as the system wants it.

    Args:
        clip: uint8 (F, H, W, 3).
        frames: so many, evenly spaced from the first to the last; ``None`` keeps them. A shorter clip repeats some.
        size: the new height and width; the middle of a picture that is not square is cut out. ``None`` keeps it.
    """
    from PIL import Image

    clip = np.asarray(clip)
    if clip.ndim != 4 or clip.shape[-1] != 3 or clip.dtype != np.uint8 or 0 in clip.shape:
        raise ValueError(f"a clip is uint8 (frames, height, width, 3), not {clip.dtype} {clip.shape}")
    if frames is not None:
        clip = clip[np.linspace(0, len(clip) - 1, frames).round().astype(int)]
    if size is not None and clip.shape[1:3] != (size, size):
        height, width = clip.shape[1:3]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        clip = clip[:, top : top + side, left : left + side]
        clip = np.stack([np.asarray(Image.fromarray(frame).resize((size, size), Image.BOX)) for frame in clip])
    return clip


def read_clip(path, frames=FRAMES, size=SIZE):
    """A clip from a file with moving pictures, such as a GIF: uint8 (frames, size, size, 3).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: there are no pictures in it.
    """
    from PIL import Image, ImageSequence, UnidentifiedImageError

    try:
        with Image.open(path) as file:
            clip = np.stack([np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(file)])
    except UnidentifiedImageError:
        raise ValueError(f"there are no pictures in {str(path)!r}; a GIF is what works best") from None
    return resample(clip, min(frames, len(clip)), size)


def save_gif(path, clip, fps=8):
    """Write a clip, uint8 (F, H, W, 3), as a GIF that runs for ever."""
    from PIL import Image

    first, *rest = (Image.fromarray(frame) for frame in np.asarray(clip))
    first.save(path, save_all=True, append_images=rest, duration=round(1000 / fps), loop=0)


# --- the system ---


def pairs(count, seed, language="en", kind=None, unseen=False, frames=(6, 10)):
    """Clips with their captions.

    Args:
        count: how many.
        seed: a number or a string.
        language: of the captions.
        kind, unseen: as for :func:`draw`.
        frames: a clip has between so many and so many frames.

    Returns:
        A list of pairs (uint8 (F, 32, 32, 3), string).
    """
    scenes = [draw(f"{seed} {number}", kind, unseen) for number in range(count)]
    rng = random.Random(f"frames {seed}")
    return [(render(scene, rng.randint(*frames)), caption(scene, language)) for scene in scenes]


def words(language="en"):
    """The pieces that captions are made of, sorted."""
    captions = [caption(draw(f"words {n}"), language) for n in range(2_000)]
    unit = "word" if language == "en" else "eojeol"
    return sorted({piece for one in text.split_all(captions, unit) for piece in one})


DEFAULTS = {
    "language": "en", "width": 128, "channels": [16, 32, 64], "hidden": 144, "embedding": 48, "cell": "gru",
    "dropout": 0.0,
}  # fmt: skip


def build(settings):
    """An untrained system: ``settings`` are ``DEFAULTS`` with the vocabulary in ``tokens``."""
    s = DEFAULTS | settings
    source = ClipCodec()
    target = TextCodec("word" if s["language"] == "en" else "eojeol", s["tokens"])
    front = VideoFront(s["width"], tuple(s["channels"]), dropout=s["dropout"])
    encoder = Encoder(front, s["width"], s["hidden"], s["cell"])
    decoder = Decoder(len(target.vocabulary), s["embedding"], s["hidden"], encoder.context_size, s["cell"])
    return System(Seq2Seq(encoder, decoder), source, target, max_length=30)


def _train(quick=False, seed=0, language="en", **how):
    """Every epoch draws and renders clips that were never shown before."""
    settings = DEFAULTS | {"language": language, "tokens": words(language)}
    steps, per_epoch = (60, 20) if quick else (12_000, 100)
    with seeded(seed):
        system = build(settings)

    def batches(epoch):
        shown = system.encode(pairs(32 * per_epoch, f"train {seed} {epoch}", language))
        return list(system.batches(shown, 32, seed=epoch))

    fit(system.model, batches, steps=steps, lr=3e-3, seed=seed, **how)
    return system, settings


def exact(system, clips, captions):
    """The share of the clips whose caption is right to the last word."""
    return exact_match(system(clips), captions)


def _grade(system, quick=False):
    """Exact match on seen and on unseen combinations, taken apart, and with the frames in another order."""
    count = 60 if quick else 1_000
    frequent = most_frequent(200 if quick else 20_000)
    figures = {"clips": count}
    for name, unseen in (("seen", False), ("unseen", True)):
        scenes = [draw(f"test {name} {n}", unseen=unseen) for n in range(count)]
        clips, true = [render(scene) for scene in scenes], [caption(scene) for scene in scenes]
        said = system(clips)
        right = [a == b for a, b in zip(said, true, strict=True)]
        parts = [(attributes(a), attributes(b)) for a, b in zip(said, true, strict=True)]
        groups = {kind: [scene.kind == kind for scene in scenes] for kind in KINDS}
        named = [1 if scene.kind == "several" else len(scene.things) for scene in scenes]
        groups |= {f"{n} named": [n == other for other in named] for n in (1, 2, 3)}
        figures[name] = {
            "exact": _share(right),
            "groups": {g: _share([r for r, yes in zip(right, of, strict=True) if yes]) for g, of in groups.items()},
            "attributes": {a: _share([p[a] == q[a] for p, q in parts]) for a in parts[0][1]},
            "says a held-out combination": _share(
                [
                    any(held_out(*look) for look in zip(p["colour"], p["shape"], p["motion"], strict=False))
                    for p, _ in parts
                ]
            ),
            "backwards": _share(
                [a == caption(reverse(s)) for a, s in zip(system([c[::-1] for c in clips]), scenes, strict=True)]
            ),
            "shuffled": exact(system, [_shuffle(clip, n) for n, clip in enumerate(clips)], true),
            "one frame": exact(system, [clip[len(clip) // 2][None] for clip in clips], true),
            "twice the frames": exact(system, [render(scene, 2 * FRAMES) for scene in scenes], true),
            "most frequent caption": _share([one == frequent for one in true]),
        }
    return figures


def most_frequent(count=20_000):
    """The baseline that does not look: the caption that training holds most often."""
    counts = Counter(caption(draw(f"train frequent {n}")) for n in range(count))
    return max(sorted(counts), key=counts.get)


def _share(right):
    return round(sum(right) / len(right), 4) if right else None


def _shuffle(clip, seed):
    order = list(range(len(clip)))
    random.Random(seed).shuffle(order)
    return clip[order]


RECIPES = {
    "video": Recipe("Clips of moving shapes into English captions.", build, _train, _grade),
}
