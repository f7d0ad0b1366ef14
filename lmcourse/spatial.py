"""Attention over places: a captioner that looks into the frames of a film before it writes a word (chapter 06).

In chapter 04e a frame became one vector, and the film one vector. :class:`SpatialEncoder` keeps a vector for each of
8 x 8 places of each frame, and :class:`~lmcourse.attention.AttentionDecoder` looks at all of them, which is the idea of
Xu et al. (2015) for pictures, taken to films. The scenes know where every thing is, and so :func:`grade_places` can say
whether it looks at what it names; :func:`overlay` draws where it looks.

>>> maps(torch.full((5, 10 * 64), 1 / 640), frames=10).shape  # five words over ten frames
torch.Size([5, 10, 8, 8])
"""

import random
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from lmcourse import text, video
from lmcourse._scenes import ENGLISH
from lmcourse.attention import AttentionDecoder
from lmcourse.language_model import evaluating
from lmcourse.rnn import RNN
from lmcourse.seq2seq import Memory, Seq2Seq
from lmcourse.tasks import Recipe, System, TextCodec, seeded
from lmcourse.training import fit

__all__ = [
    "RECIPES", "Looks", "SpatialEncoder", "beside", "build", "covers", "grade_places", "hits", "looks", "maps", "named",
    "overlay",
]  # fmt: skip


# --- the encoder ---


class SpatialEncoder(nn.Module):
    """An encoder of clips that leaves a state for every place of every frame.

    A convolutional network looks at each frame: two convolutions of 4 x 4 with stride 2 and one of 3 x 3 with stride 1,
    each followed by batch normalisation. Its maps have 8 x 8 places for 32 x 32 pixels. A place is a square of 4 pixels
    and stands in the middle of the 18 that it sees, so that a thing, about 8 pixels wide, fits in.

    What moves is seen in two ways. A recurrent network reads one vector per frame, made of its maps at half the size,
    and knows what has happened in the whole picture. And each place is told how its maps differ from those of the frame
    before. So its state is tanh(W map + V change + row + column + U h): what is there, what has just changed there,
    where that is, and what has happened so far. In short trials, motions came out right far sooner with the change than
    without it.

    Args:
        width: C, of the states and of the context.
        channels: how many maps each convolution makes, three numbers.
        size: the height and the width of a picture, a multiple of 8.
        cell: of the recurrent network, as for :class:`lmcourse.rnn.RNN`.
    """

    def __init__(self, width, channels=(16, 32, 48), size=video.SIZE, cell="gru"):
        super().__init__()
        if size % 8 or size < 8:
            raise ValueError(f"the maps are halved three times, which needs a size that 8 divides, not {size!r}")
        if len(channels) != 3:
            raise ValueError(f"there are three convolutions, so channels are three numbers, not {channels!r}")
        self.size, self.side, self.context_size = size, size // 4, width
        first, second, last = channels
        self.look = nn.Sequential(
            nn.Conv2d(3, first, 4, stride=2, padding=1), nn.BatchNorm2d(first), nn.ReLU(),
            nn.Conv2d(first, second, 4, stride=2, padding=1), nn.BatchNorm2d(second), nn.ReLU(),
            nn.Conv2d(second, last, 3, padding=1), nn.BatchNorm2d(last), nn.ReLU(),
        )  # fmt: skip
        half = last * (self.side // 2) ** 2
        self.sum = nn.Sequential(
            nn.AvgPool2d(2), nn.Flatten(), nn.Linear(half, width), nn.BatchNorm1d(width), nn.ReLU()
        )
        self.rnn = RNN(width, width, cell, fused=True)
        self.here = nn.Linear(last, width)
        self.changed = nn.Linear(last, width, bias=False)
        self.row = nn.Parameter(torch.randn(self.side, 1, width) * 0.3)
        self.column = nn.Parameter(torch.randn(1, self.side, width) * 0.3)
        self.happened = nn.Linear(width, width, bias=False)

    def forward(self, source, mask=None):
        """Look at clips.

        Args:
            source: (B, F, 3, size, size), uint8 from 0 to 255 or float from 0 to 1.
            mask: (B, F), True at real frames, padding at the end; ``None`` means no padding. Only real frames are
                looked at.

        Returns:
            A :class:`~lmcourse.seq2seq.Memory` with P = size/4 x size/4 places a frame: states (B, F P, C), frame after
            frame and row after row, 0 at padding; mask (B, F P); and as context the last recurrent state, (B, C).
        """
        if source.dim() != 5 or source.shape[2:] != (3, self.size, self.size):
            raise ValueError(f"clips are (B, F, 3, {self.size}, {self.size}), not {tuple(source.shape)}")
        if mask is None:
            mask = torch.ones(source.shape[:2], dtype=torch.bool, device=source.device)
        if mask.dtype != torch.bool or mask.shape != source.shape[:2]:
            raise ValueError(f"the mask of clips {tuple(source.shape)} is boolean {tuple(source.shape[:2])}, "
                             f"not {mask.dtype} {tuple(mask.shape)}")  # fmt: skip
        frames = source[mask]  # (N, 3, size, size), of all clips
        frames = frames.float() / 255 if frames.dtype == torch.uint8 else frames
        seen = self.look(frames - frames.mean((2, 3), keepdim=True))  # (N, D, 8, 8); without the mean colour
        happened, end = self.rnn(_spread(self.sum(seen), mask), mask)  # (B, F, C)
        where = (self.row + self.column).flatten(0, 1)  # (P, C)
        places = seen.flatten(2).mT  # (N, P, D)
        first = mask.new_zeros(mask.shape)
        first[:, 0] = True
        change = (places - places.roll(1, 0)).masked_fill(first[mask][:, None, None], 0)  # since the frame before
        states = self.here(places) + self.changed(change) + where + self.happened(happened[mask])[:, None]  # (N, P, C)
        states = _spread(states.tanh(), mask)  # (B, F, P, C)
        return Memory(states.flatten(1, 2), mask.repeat_interleave(len(where), 1), end[0][-1])


def _spread(rows, mask):
    """What belongs to the real frames (N, ...), as (B, F, ...) with 0 at padding."""
    spread = rows.new_zeros(*mask.shape, *rows.shape[1:])
    spread[mask] = rows
    return spread


# --- where it looks ---


class Looks(NamedTuple):
    """What was written of a clip, and where the model looked before each word.

    Args:
        words: T of them.
        maps: (T, F, 8, 8), weights that sum to 1 over all places of all frames.
    """

    words: list[str]
    maps: torch.Tensor


def maps(attention, frames, size=8):
    """Attention as maps: (..., F size size) to (..., F, size, size).

    Args:
        attention: weights over the places of a clip, as the ``attention`` of an ``Output`` or of a hypothesis.
        frames: F.
        size: how many places there are in a row and in a column.
    """
    if frames < 1 or size < 1 or attention.shape[-1] != frames * size * size:
        raise ValueError(f"{frames} frames of {size} x {size} places need {frames * size * size} weights in the last "
                         f"axis, not {tuple(attention.shape)}")  # fmt: skip
    return attention.reshape(*attention.shape[:-1], frames, size, size)


@torch.no_grad()
def looks(system, clips, captions=None, batch_size=64):
    """Where a system looks while it describes clips.

    Args:
        system: a :class:`~lmcourse.tasks.System` with a :class:`SpatialEncoder`.
        clips: as for the system.
        captions: what to say, word for word (teacher forcing); ``None`` lets the system choose its words.
        batch_size: so many clips at a time, if there are captions.

    Returns:
        A list of :class:`Looks`, one for each clip, on the CPU.
    """
    clips, codec, side = list(clips), system.target, system.model.encoder.side
    if captions is None:
        best = [found[0] for found in system.search(clips)]
        ids, weights = [one.ids for one in best], [one.attention for one in best]
    else:
        if len(captions) != len(clips):
            raise ValueError(f"each clip needs a caption, not {len(captions)} captions for {len(clips)} clips")
        ids, weights = codec.encode_all(captions), []
        device = next(system.model.parameters()).device
        with evaluating(system.model):
            for start in range(0, len(clips), batch_size):
                source, mask = system.source.pad([system.source.encode(clip) for clip in clips[start:][:batch_size]])
                written, _ = codec.pad([[codec.bos, *one] for one in ids[start:][:batch_size]])
                source, mask, written = source.to(device), mask.to(device), written.to(device)
                weights += system.model(source, written, source_mask=mask).attention.cpu()
    found = []
    for clip, one, weight in zip(clips, ids, weights, strict=True):
        real = weight[: len(one), : len(clip) * side**2].cpu()  # without the end of the caption, and without padding
        found.append(Looks(_words(codec.vocabulary.decode(one)), maps(real, len(clip), side)))
    return found


def _words(pieces):
    return [piece.removeprefix("▁") for piece in pieces]  # without the mark of a space


def covers(scene, frames=video.FRAMES, size=8):
    """Where each thing of a scene is: a boolean array (N, F, size, size), True at places that it covers by a quarter.

    A place is a square of 32/size x 32/size pixels. A pixel counts if the thing covers at least half of it.
    """
    black, pixels = video.Background("plain", ((0, 0, 0), (0, 0, 0))), video.SIZE // size
    clips = [video.render(video.Scene("one", (thing._replace(colour="white", shade=1.0),), black), frames)
             for thing in scene.things]  # fmt: skip
    covered = np.stack(clips)[..., 0] >= 128  # (N, F, 32, 32)
    return covered.reshape(len(clips), frames, size, pixels, size, pixels).mean((3, 5)) >= 0.25


def named(scene):
    """What the words of the English caption name: triples (position, kind, things).

    The kind is ``"colour"``, ``"shape"`` or ``"motion"``, and ``things`` are numbers of those that the word says it of.
    Words that say nothing of a thing (*a*, *and*, *above*) are left out.
    """
    found, number, before = [], -1, ""
    verbs = {word for forms in ENGLISH.values() for form in forms for word in form.split()}
    for position, word in enumerate(_words(text.split(video.caption(scene), "word"))):
        if word in ("a", "two", "three"):
            number += 1
        kind = ("colour" if word in video.COLOURS else "shape" if word.removesuffix("s") in video.SHAPES
                else "motion" if word in verbs and before != "," else None)  # fmt: skip
        if kind:
            found.append((position, kind, range(len(scene.things)) if scene.kind == "several" else [number]))
        before = word
    return found


def beside(places):
    """Some places (..., 8, 8) and those next to them, also across a corner."""
    places = np.asarray(places, bool)
    height, width = places.shape[-2:]
    wide = np.pad(places, [(0, 0)] * (places.ndim - 2) + [(1, 1), (1, 1)])
    return np.any([wide[..., r : r + height, c : c + width] for r in range(3) for c in range(3)], 0)


def hits(weights, places):
    """How well a map lies on some places.

    Args:
        weights: (F, 8, 8), a map.
        places: (F, 8, 8), boolean.

    Returns:
        Whether its largest weight is there (1 or 0), and the share of the weight that is there.
    """
    weights, places = np.asarray(weights, float), np.asarray(places, bool)
    if weights.shape != places.shape:
        raise ValueError(f"a map {weights.shape} cannot be compared with places {places.shape}")
    return float(places.flat[weights.argmax()]), float((weights * places).sum() / weights.sum())


def grade_places(system, scenes, frames=video.FRAMES, seed=0):
    """Whether a system looks at the things that it names, while it says the right captions.

    A place sees 18 pixels, more than twice its own width and that of a thing. So the figures come twice: ``on`` the
    thing, and ``near`` it, which is on it or on a place :func:`beside` it.

    Args:
        system: a :class:`~lmcourse.tasks.System` with a :class:`SpatialEncoder`, in English.
        scenes: a list of :class:`~lmcourse.video.Scene`.
        frames: of each clip.
        seed: of the control, for which the maps of a kind are dealt out to other words of that kind.

    Returns:
        For each kind of :func:`named` a dict: how many ``words`` there were; ``frames``, the weight of each frame;
        ``offset``, how many rows and columns the largest weight is from the middle of the thing, if the word speaks of
        one only; and for ``on`` and ``near`` dicts of means: ``hit``, how often the largest weight is there; ``other``,
        how often it is at another thing instead; ``weight``, the share of all weight that is there; ``chance``, the
        share of the places, which a map drawn blindly hits; and ``shuffled``, ``hit`` with the maps of other words.
    """
    seen = looks(system, [video.render(scene, frames) for scene in scenes], [video.caption(s) for s in scenes])
    side, words = system.model.encoder.side, {"colour": [], "shape": [], "motion": []}
    for scene, look in zip(scenes, seen, strict=True):
        things = covers(scene, frames, side)
        for position, kind, numbers in named(scene):
            others = [n for n in range(len(things)) if n not in numbers]
            words[kind].append((look.maps[position].numpy(), things[list(numbers)], things[others].any(0)))
    result = {}
    for kind, rows in words.items():
        dealt = [row[0] for row in rows]
        random.Random(f"{seed} {kind}").shuffle(dealt)
        offsets = [_offset(weights, own[0]) for weights, own, _ in rows if len(own) == 1]
        result[kind] = {
            "words": len(rows),
            "frames": np.mean([row[0].sum((1, 2)) for row in rows], 0, dtype=float).round(3).tolist(),
            "offset": np.mean([offset for offset in offsets if offset is not None], 0).round(2).tolist(),
        }
        for name, widen in (("on", np.asarray), ("near", beside)):
            own = [widen(things.any(0)) for _, things, _ in rows]
            other = [widen(others) & ~mine for (_, _, others), mine in zip(rows, own, strict=True)]
            found = np.array([hits(row[0], mine) for row, mine in zip(rows, own, strict=True)])
            figures = {
                "hit": found[:, 0],
                "other": [hits(row[0], places)[0] for row, places in zip(rows, other, strict=True)],
                "weight": found[:, 1],
                "chance": [mine.mean() for mine in own],
                "shuffled": [hits(weights, mine)[0] for weights, mine in zip(dealt, own, strict=True)],
            }
            result[kind][name] = {figure: round(float(np.mean(of)), 4) for figure, of in figures.items()}
    return result


def _offset(weights, places):
    """From the middle of a thing to the largest weight: rows down, columns to the right; ``None`` if it is hidden."""
    frame, *peak = np.unravel_index(weights.argmax(), weights.shape)
    at = np.argwhere(places[frame])
    return np.array(peak) - at.mean(0) if len(at) else None


def overlay(clip, words, weights, columns=6, title=None):
    """A figure: for each word the frame that gets the largest weight, bright where the model looks.

    The place with the largest weight is shown as it is, and one without weight is darker; a line runs round all that
    have half of the largest weight or more. Below each picture the weights of all frames are drawn as bars, from
    the first to the last; they sum to 1, and the bar of the frame shown is in the second colour.

    Args:
        clip: uint8 (F, 32, 32, 3).
        words: T strings.
        weights: (T, F, 8, 8), from :func:`looks` or :func:`maps`.
        columns: how many pictures stand in a row.
        title: a line above.

    Returns:
        The figure of matplotlib.
    """
    import matplotlib.pyplot as plt
    from PIL import Image

    from lmcourse import plots

    clip, weights = np.asarray(clip), np.asarray(weights, np.float32)
    if weights.ndim != 4 or weights.shape[:2] != (len(words), len(clip)) or not len(words):
        raise ValueError(f"{len(words)} words over {len(clip)} frames need maps ({len(words)}, {len(clip)}, 8, 8), not "
                         f"{weights.shape}")  # fmt: skip
    columns, size = min(columns, len(words)), clip.shape[1]
    rows = -(-len(words) // columns)
    figure = plt.figure(figsize=(1.12 * columns, 1.62 * rows + 0.35 * bool(title)), layout="constrained")
    grid = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=[3, 1] * rows)
    for axis in grid.flat:
        axis.axis("off")
    for n, (word, maps_) in enumerate(zip(words, weights, strict=True)):
        picture, strip = grid[n // columns * 2 : n // columns * 2 + 2, n % columns]
        frame = int(maps_.max((1, 2)).argmax())
        smooth = np.asarray(Image.fromarray(maps_[frame]).resize((4 * size, 4 * size), Image.BICUBIC)).clip(0)
        light = (smooth / max(smooth.max(), 1e-12))[..., None]
        large = clip[frame].repeat(4, 0).repeat(4, 1) / 255
        picture.imshow(large * (0.55 + 0.45 * light))
        for color, width in (("black", 2.6), ("white", 1.1)):  # seen on any colour
            picture.contour(light[..., 0], [0.5], colors=color, linewidths=width)
        picture.set_title(word, loc="center", fontsize=10, pad=3)
        bars = maps_.sum((1, 2))
        colours = [plots.PALETTE[other == frame] for other in range(len(clip))]
        strip.bar(range(len(clip)), bars, width=0.8, color=colours)
        strip.axhline(0, color=plots.INK, linewidth=0.8)
        strip.set(xlim=(-0.6, len(clip) - 0.4), ylim=(0, 1))
    if title:
        figure.suptitle(title, x=0.01, ha="left", color=plots.INK, fontsize=11)
    return figure


# --- the system ---


DEFAULTS = {
    "language": "en", "width": 64, "channels": [16, 32, 48], "hidden": 64, "embedding": 32, "cell": "gru",
    "score": "general",
}  # fmt: skip
STEPS = 4_000  # a third of chapter 04e, since each costs three to four times as much


def build(settings):
    """An untrained system: ``settings`` are ``DEFAULTS`` with the vocabulary in ``tokens``."""
    s = DEFAULTS | settings
    target = TextCodec("word" if s["language"] == "en" else "eojeol", s["tokens"])
    encoder = SpatialEncoder(s["width"], tuple(s["channels"]), cell=s["cell"])
    decoder = AttentionDecoder(
        len(target.vocabulary), s["embedding"], s["hidden"], s["width"], s["cell"], score=s["score"]
    )
    return System(Seq2Seq(encoder, decoder), video.ClipCodec(), target, max_length=30)


def _train(quick=False, seed=0, language="en", **how):
    """As in chapter 04e, every epoch draws and renders clips that were never shown before.

    A batch has clips with equally many frames and captions of all lengths. If it had captions of one length, the means
    of its batch normalisation would tell which, and a single clip would later be described as if it had no length.
    """
    settings = DEFAULTS | {"language": language, "tokens": video.words(language)}
    steps, per_epoch = (60, 20) if quick else (STEPS, 100)
    with seeded(seed):
        system = build(settings)

    def batches(epoch):
        shown = system.encode(video.pairs(32 * per_epoch, f"train {seed} {epoch}", language))
        alike = text.batches(shown, 32, epoch, length=lambda pair: len(pair[0]))
        return [batch for pairs in alike for batch in system.batches(pairs, 32)]

    fit(system.model, batches, steps=steps, lr=3e-3, seed=seed, **how)
    return system, settings


def _grade(system, quick=False):
    """The grade of chapter 04e, and whether the system looks at what it names."""
    figures = video.RECIPES["video"].grade(system, quick)
    for name, unseen in (("seen", False), ("unseen", True)):
        scenes = [video.draw(f"test {name} {n}", unseen=unseen) for n in range(figures["clips"])]
        figures[name]["attention"] = grade_places(system, scenes)
    return figures


RECIPES = {
    "video-spatial": Recipe(
        "Clips of moving shapes into English captions, by attention to places.", build, _train, _grade
    ),
}
