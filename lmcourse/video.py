"""Video to text: clips of moving shapes, and a front end that looks at them (chapter 04e).

A :class:`Scene` says what happens, :func:`render` draws it as a clip and :func:`caption` says it in words, so there
is one true caption for every clip. :class:`ClipCodec` and :class:`VideoFront` make a clip into vectors (B, S, D), and
the rest is the :class:`~lmcourse.seq2seq.Seq2Seq` of chapter 04 (after Venugopalan et al., 2015).

>>> scene = draw(seed=1, kind="one")
>>> render(scene).shape
(10, 32, 32, 3)
"""

import colorsys
import math
import random
from collections import Counter
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from lmcourse import text
from lmcourse.seq2seq import Decoder, Encoder, Seq2Seq
from lmcourse.tasks import Recipe, System, TextCodec
from lmcourse.training import fit

__all__ = [
    "COLOURS", "KINDS", "MOTIONS", "RECIPES", "RELATIONS", "SHAPES", "Background", "ClipCodec", "Scene", "Thing",
    "VideoFront", "attributes", "build", "caption", "draw", "exact", "held_out", "most_frequent", "pairs", "read_clip",
    "render", "resample", "reverse", "save_gif", "words",
]  # fmt: skip

SIZE, FRAMES, LONGEST = 32, 10, 40

COLOURS = {
    "red": (225, 40, 45), "blue": (50, 105, 250), "green": (35, 190, 70),
    "yellow": (250, 220, 50), "purple": (180, 60, 215), "white": (255, 255, 255),
}  # fmt: skip
SHAPES = ("circle", "square", "triangle", "diamond", "star")
MOTIONS = ("left", "right", "up", "down", "grows", "shrinks", "still")
RELATIONS = ("above", "below", "left of", "right of")
KINDS = ("one", "several", "relation", "list")

STEPS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}  # x to the right, y down
BACKWARDS = {"left": "right", "right": "left", "up": "down", "down": "up", "grows": "shrinks", "shrinks": "grows"}


# --- scenes ---


class Thing(NamedTuple):
    """A shape that does something. The width and the height of the picture are 1, and y goes down.

    Args:
        colour: a key of ``COLOURS``.
        shape: of ``SHAPES``.
        motion: of ``MOTIONS``.
        size: its radius, in the middle of the clip.
        place: its centre (x, y), in the middle of the clip.
        travel: how far it moves in the whole clip; of what grows or shrinks, the part by which its radius changes.
        shade: brightness, up to 1.
    """

    colour: str
    shape: str
    motion: str
    size: float
    place: tuple[float, float]
    travel: float = 0.0
    shade: float = 1.0


class Background(NamedTuple):
    """What lies behind: ``pattern`` is plain, gradient, noise, stripes or checks, of two colours (R, G, B) from 0 to 1.

    ``scale`` is the width of a stripe, ``angle`` its direction, and ``seed`` makes the noise.
    """

    pattern: str
    colours: tuple
    scale: float = 0.2
    angle: float = 0.0
    seed: int = 0


class Scene(NamedTuple):
    """What happens in a clip.

    Args:
        kind: ``"one"`` thing, ``"several"`` of one kind that do the same, a ``"relation"`` of a first thing that moves
            to a second one that does not, or a ``"list"`` of things that move, from left to right.
        things: tuple of :class:`Thing`.
        background: a :class:`Background`.
        relation: of ``RELATIONS``, where there is one.
    """

    kind: str
    things: tuple[Thing, ...]
    background: Background
    relation: str = ""


def held_out(colour, shape, motion):
    """Whether a combination is kept for the test: 30 of 210, one for each pair of colour and shape.

    So training shows every colour with every shape, and nearly every colour and every shape with every motion.
    """
    return (list(COLOURS).index(colour) + SHAPES.index(shape) + MOTIONS.index(motion)) % len(MOTIONS) == 0


def draw(seed, kind=None, unseen=False):
    """A random scene.

    Args:
        seed: a number or a string; the same seed gives the same scene.
        kind: of ``KINDS``; ``None`` draws one.
        unseen: whether what is said of each thing that acts is a combination that :func:`held_out` keeps for the test.
            Otherwise no thing of the scene has such a combination.

    Raises:
        ValueError: there is no such kind.
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(f"there is no kind of scene {kind!r}; the kinds are {', '.join(KINDS)}")
    rng = random.Random(f"lmcourse video {seed}")
    kind = kind or rng.choices(KINDS, (30, 20, 25, 25))[0]
    background = _background(rng)
    scene = {"one": _one, "several": _several, "relation": _relation, "list": _list}[kind](rng, unseen)
    return Scene(kind, *scene[:1], background, *scene[1:])


def reverse(scene):
    """The scene that is seen when the clip runs backwards: left becomes right, and what grew shrinks."""
    things = (thing._replace(motion=BACKWARDS.get(thing.motion, thing.motion)) for thing in scene.things)
    return scene._replace(things=tuple(things))


def _look(rng, motions, unseen, other_than=()):
    """A colour, a shape and a motion."""
    while True:
        look = rng.choice(list(COLOURS)), rng.choice(SHAPES), rng.choice(motions)
        if held_out(*look) == unseen and look not in other_than:
            return look


def _put(rng, look, size, box, travel=None):
    """A thing whose whole path lies in the box (left, top, right, bottom).

    The path is drawn by its middle, so that a clip and the same clip backwards are equally likely.
    """
    left, top, right, bottom = box
    dx, dy = STEPS.get(look[2], (0, 0))
    if travel is None:
        travel = _travel(rng, look[2], size, box)
    reach = size * (1 + travel) if look[2] in ("grows", "shrinks") else size
    x_reach, y_reach = reach + abs(dx) * travel / 2, reach + abs(dy) * travel / 2
    x = rng.uniform(left + x_reach, max(left + x_reach, right - x_reach))
    y = rng.uniform(top + y_reach, max(top + y_reach, bottom - y_reach))
    return Thing(*look, size, (x, y), travel, rng.uniform(0.85, 1))


def _travel(rng, motion, size, box):
    if motion == "still":
        return 0.0
    if motion in ("grows", "shrinks"):
        return rng.uniform(0.3, 0.45)
    room = (box[2] - box[0] if motion in ("left", "right") else box[3] - box[1]) - 2 * size
    return min(rng.uniform(0.7, 1) * room, rng.uniform(0.3, 0.6))


def _lanes(count, upright):
    """The picture in columns, or else in rows, that things keep to."""
    edges = [(n / count, (n + 1) / count) for n in range(count)]
    return [(low, 0, high, 1) if upright else (0, low, 1, high) for low, high in edges]


def _one(rng, unseen):
    return ((_put(rng, _look(rng, MOTIONS, unseen), rng.uniform(0.11, 0.18), (0, 0, 1, 1)),),)


def _several(rng, unseen):
    look, count = _look(rng, MOTIONS, unseen), rng.choice((2, 3))
    upright = rng.random() < 0.5 if look[2] not in STEPS else look[2] in ("up", "down")
    size = rng.uniform(0.1, 0.14) if count == 2 else rng.uniform(0.09, 0.11)
    lanes = _lanes(count, upright)
    travel = _travel(rng, look[2], size, lanes[0])
    return (tuple(_put(rng, look, size, lane, travel) for lane in lanes),)


def _relation(rng, unseen):
    """One half of the picture for each; the one that does not move stands beside the middle of the other's path."""
    relation = rng.choice(RELATIONS)
    upright = relation in ("left of", "right of")
    halves = _lanes(2, upright)
    near, far = halves if relation in ("above", "left of") else halves[::-1]
    size = rng.uniform(0.1, 0.14)
    look = _look(rng, MOTIONS[:-1], unseen)
    actor = _put(rng, look, size, near)
    while True:
        other = _put(rng, _look(rng, ("still",), False), rng.uniform(0.1, 0.14), far)
        if (other.colour, other.shape) != look[:2] and abs(other.place[upright] - actor.place[upright]) < 0.15:
            return (actor, other), relation


def _list(rng, unseen):
    count = rng.choice((2, 2, 3))
    looks = []
    while len(looks) < count:
        looks.append(_look(rng, MOTIONS[:-1], unseen, looks))
    size = (0.1, 0.14) if count == 2 else (0.09, 0.11)
    lanes = _lanes(count, upright=True)
    return (tuple(_put(rng, look, rng.uniform(*size), lane) for look, lane in zip(looks, lanes, strict=True)),)


def _background(rng):
    """Muted colours, so that the things stand out."""
    value = rng.uniform(0.1, 0.5)
    colours = tuple(
        colorsys.hsv_to_rgb(rng.random(), rng.uniform(0, 0.35), min(0.6, max(0.05, v)))
        for v in (value, value + rng.uniform(-0.2, 0.2))
    )
    pattern = rng.choice(("plain", "gradient", "noise", "stripes", "checks"))
    return Background(pattern, colours, rng.uniform(0.1, 0.3), rng.uniform(0, math.pi), rng.randrange(2**31))


# --- pictures ---


def render(scene, frames=FRAMES, size=SIZE):
    """Draw a scene.

    Args:
        scene: a :class:`Scene`.
        frames: F, how many pictures; a clip of one frame shows the middle of the scene.
        size: the height and the width of a picture, in pixels.

    Returns:
        uint8 (F, size, size, 3), red, green and blue.
    """
    if frames < 1 or size < 1:
        raise ValueError(f"a clip has 1 or more frames of 1 or more pixels, not frames={frames!r} and size={size!r}")
    time = np.linspace(-0.5, 0.5, frames) if frames > 1 else np.zeros(1)
    y, x = np.mgrid[:size, :size].astype(np.float32) + 0.5  # centres of the pixels
    clip = np.repeat(_paint(scene.background, x / size, y / size)[None], frames, 0)  # (F, size, size, 3)
    for thing in scene.things:
        dx, dy = STEPS.get(thing.motion, (0, 0))
        change = {"grows": 1, "shrinks": -1}.get(thing.motion, 0)
        # (F, 1, 1) each, in pixels
        cx, cy, radius = (
            (value * size).astype(np.float32)[:, None, None]
            for value in (
                thing.place[0] + dx * thing.travel * time,
                thing.place[1] + dy * thing.travel * time,
                thing.size * (1 + 2 * change * thing.travel * time),
            )
        )
        # A pixel on the edge is covered in part: antialiasing.
        cover = np.clip(0.5 - _distance(thing.shape, x - cx, y - cy, radius), 0, 1)[..., None]
        colour = np.array(COLOURS[thing.colour], np.float32) / 255 * thing.shade
        clip += cover * (colour - clip)
    return (clip * 255).round().astype(np.uint8)


def _paint(background, x, y):
    """The background as numbers from 0 to 1, (size, size, 3)."""
    pattern, colours, scale, angle, seed = background
    along = x * math.cos(angle) + y * math.sin(angle)
    across = y * math.cos(angle) - x * math.sin(angle)
    if pattern == "plain":
        share = np.zeros_like(x)
    elif pattern == "gradient":
        share = (along - along.min()) / max(1e-6, np.ptp(along))
    elif pattern == "noise":
        share = np.random.RandomState(seed).uniform(0, 1, x.shape)  # the same numbers in every version of NumPy
    elif pattern == "stripes":
        share = np.floor(along / scale) % 2
    else:
        share = (np.floor(along / scale) + np.floor(across / scale)) % 2
    first, second = (np.array(colour, np.float32) for colour in colours)
    return first + share[..., None].astype(np.float32) * (second - first)


def _distance(shape, dx, dy, r):
    """How far a pixel lies outside a shape of radius r (inside: below 0), in pixels."""
    if shape == "circle":
        return np.hypot(dx, dy) - 0.92 * r
    if shape == "square":
        return np.maximum(np.abs(dx), np.abs(dy)) - 0.82 * r
    if shape == "diamond":
        return (np.abs(dx) + np.abs(dy) - 1.1 * r) * math.sqrt(0.5)
    if shape == "triangle":  # its point is up; the centre of its height is at (0, 0)
        return np.maximum(dy - 0.8 * r, (2 * np.abs(dx) - dy - 0.9 * r) / math.sqrt(5))
    # A star has ten edges alike: fold the plane until there is one, from the point (R, 0) to (q cos 36, q sin 36).
    fifth = 2 * math.pi / 5
    angle = np.abs((np.arctan2(dx, -dy) + fifth / 2) % fifth - fifth / 2)
    rho = np.hypot(dx, dy)
    outer, inner = 1.1, 0.46
    ex, ey = inner * math.cos(fifth / 2) - outer, inner * math.sin(fifth / 2)
    length = math.hypot(ex, ey)
    return ((rho * np.cos(angle) - outer * r) * ey - rho * np.sin(angle) * ex) / length


# --- words ---

ENGLISH = {
    "left": ("moves left", "move left"), "right": ("moves right", "move right"), "up": ("moves up", "move up"),
    "down": ("moves down", "move down"), "grows": ("grows", "grow"), "shrinks": ("shrinks", "shrink"),
    "still": ("stays still", "stay still"),
}  # fmt: skip
NUMBERS = {2: ("two", "두"), 3: ("three", "세")}
KOREAN = {
    "red": "빨간", "blue": "파란", "green": "초록색", "yellow": "노란", "purple": "보라색", "white": "하얀",
    "circle": "원", "square": "사각형", "triangle": "삼각형", "diamond": "마름모", "star": "별",
    "left": "왼쪽으로 움직", "right": "오른쪽으로 움직", "up": "위로 움직", "down": "아래로 움직",
    "grows": "커", "shrinks": "작아", "still": "가만히 있",
    "above": "위", "below": "아래", "left of": "왼쪽", "right of": "오른쪽",
}  # fmt: skip
_LAST = {"grows": "진다", "shrinks": "진다", "still": "다"}  # the end of the last verb, and of one with more to come
_MORE = {"grows": "지고", "shrinks": "지고", "still": "고"}


def caption(scene, language="en"):
    """What happens in a scene, in words.

    Args:
        scene: a :class:`Scene`.
        language: ``"en"`` or ``"ko"``.

    Returns:
        A string, without a full stop.

    Raises:
        ValueError: there is no such language.
    """
    if language not in ("en", "ko"):
        raise ValueError(f"captions are in 'en' or 'ko', not {language!r}")
    return (_english if language == "en" else _korean)(scene)


def _english(scene):
    first, count = scene.things[0], len(scene.things)
    if scene.kind == "several":
        return f"{NUMBERS[count][0]} {first.colour} {first.shape}s {ENGLISH[first.motion][1]}"
    said = [f"a {thing.colour} {thing.shape} {ENGLISH[thing.motion][0]}" for thing in scene.things]
    if scene.kind == "relation":
        return f"{said[0]}, {scene.relation} a {scene.things[1].colour} {scene.things[1].shape}"
    return " and ".join([", ".join(said[:-1]), said[-1]]) if count > 1 else said[0]


def _korean(scene):
    first, count = scene.things[0], len(scene.things)
    names = [f"{KOREAN[thing.colour]} {KOREAN[thing.shape]}" for thing in scene.things]
    verbs = [KOREAN[thing.motion] + _LAST.get(thing.motion, "인다") for thing in scene.things]
    if scene.kind == "several":
        return f"{names[0]} {NUMBERS[count][1]} 개가 {verbs[0]}"
    if scene.kind == "list":  # things that are compared take 은 or 는
        linked = [KOREAN[thing.motion] + _MORE.get(thing.motion, "이고") for thing in scene.things[:-1]]
        said = zip(names, [*linked, verbs[-1]], strict=True)
        return " ".join(f"{_particle(name, '은', '는')} {verb}" for name, verb in said)
    where = f"{names[1]} {KOREAN[scene.relation]}에서 " if scene.kind == "relation" else ""
    return f"{where}{_particle(names[0], '이', '가')} {KOREAN[first.motion]}{_LAST.get(first.motion, '인다')}"


def _particle(word, after_consonant, after_vowel):
    return word + (after_consonant if (ord(word[-1]) - ord("가")) % 28 else after_vowel)


def attributes(said):
    """What an English caption says, taken apart: a dict of tuples, in the order of the words.

    The keys are ``colour``, ``shape``, ``motion``, ``number`` and ``relation``. Any text is accepted; words that no
    caption has are passed over.
    """
    words = said.replace(",", " ,").split()
    single = {plural: single for single, plural in (("grows", "grow"), ("shrinks", "shrink"), ("stays", "stay"))}
    found = {"colour": [], "shape": [], "motion": [], "number": [], "relation": []}
    for before, word in zip(["", *words], words, strict=False):
        shape = word.removesuffix("s")
        if word in COLOURS:
            found["colour"].append(word)
        elif shape in SHAPES:
            found["shape"].append(shape)
        elif word in STEPS and before in ("moves", "move"):
            found["motion"].append(word)
        elif single.get(word, word) in ("grows", "shrinks", "stays"):
            found["motion"].append(single.get(word, word).replace("stays", "still"))
        elif word in ("a", "two", "three"):
            found["number"].append(word)
        elif before == "," and word in ("above", "below", "left", "right"):
            found["relation"].append(word)
    return {name: tuple(values) for name, values in found.items()}


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


def _train(quick=False, seed=0, checkpoint=None, progress=True, device=None, language="en"):
    """Every epoch draws and renders clips that were never shown before."""
    settings = DEFAULTS | {"language": language, "tokens": words(language)}
    steps, per_epoch = (60, 20) if quick else (5_000, 100)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        system = build(settings)

    def batches(epoch):
        shown = system.encode(pairs(32 * per_epoch, f"train {seed} {epoch}", language))
        return list(system.batches(shown, 32, seed=epoch))

    fit(system.model, batches, steps=steps, lr=3e-3, seed=seed, checkpoint=checkpoint, progress=progress, device=device)
    return system, settings


def exact(system, clips, captions):
    """The share of the clips whose caption is right to the last word."""
    said = system(clips)
    return sum(a == b for a, b in zip(said, captions, strict=True)) / len(captions)


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
