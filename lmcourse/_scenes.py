"""The films of chapter 04e: what happens in them, how they are drawn, and the one true caption of each."""

import colorsys
import math
import random
from typing import NamedTuple

import numpy as np

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
