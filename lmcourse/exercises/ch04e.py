"""The exercises of chapter 04e: the size that a convolution leaves, motion from centres of mass, exact match."""

import math

import numpy as np

from . import Case, Exercise, Mistake


def _numpy(*arrays):
    return [np.asarray(array.detach() if hasattr(array, "detach") else array, float) for array in arrays]


# 04e.1


def output_size(size, kernel, stride, padding):
    """How many places the kernel has, if its first pixel steps by `stride` and its last one stays in the picture."""
    return (size + 2 * padding - kernel) // stride + 1


def _sizes(rng):
    """Sizes for which every rounding gives something else somewhere."""
    fixed = [Case(args) for args in ((32, 3, 2, 1), (17, 3, 2, 0), (20, 5, 3, 2), (9, 2, 2, 0), (30, 4, 3, 1))]
    random = [
        Case((rng.randint(12, 64), rng.choice((3, 5)), rng.choice((2, 3, 4)), rng.choice((1, 2)))) for _ in range(4)
    ]
    return fixed + random + [Case((5, 5, 2, 0), "whole"), Case((11, 1, 1, 0), "pixel")]


ONE = Exercise(
    "04e.1",
    "Write output_size(size, kernel, stride, padding). A picture is `size` pixels wide, and `padding` pixels of zeros "
    "are added on its left and as many on its right. A kernel `kernel` pixels wide starts at the left edge and moves "
    "`stride` pixels at a time, as long as all of it lies on the padded picture. Return the number of places where it "
    "stands: that is the width of what the convolution gives.",
    "The padded picture is size + 2 * padding wide. How far can the kernel go from its first place? How many steps "
    "is that? And with how many steps do you stand in how many places?",
    "With kernel 3, stride 2 and padding 1, a width of 32 becomes 16, then 8, then 4.",
    output_size,
    _sizes,
    (
        Mistake(
            "first place forgotten",
            "You count the steps. There is one place more than there are steps, since the kernel stands before it "
            "moves.",
            (lambda n, k, s, p: (n + 2 * p - k) // s,),
        ),
        Mistake(
            "padding on one side",
            "You add the padding once, but it is added on both sides.",
            (lambda n, k, s, p: (n + p - k) // s + 1,),
        ),
        Mistake("no padding", "You leave the padding out.", (lambda n, k, s, p: (n - k) // s + 1,)),
        Mistake(
            "over the edge",
            "You round up. A last step that would take the kernel over the edge is not made.",
            (lambda n, k, s, p: math.ceil((n + 2 * p - k) / s) + 1, lambda n, k, s, p: round((n + 2 * p - k) / s) + 1),
        ),
        Mistake(
            "parts of a place",
            "You get parts of a place. A step is made in full or not at all.",
            (lambda n, k, s, p: (n + 2 * p - k) / s + 1,),
        ),
        Mistake(
            "stride",
            "You leave the stride out: the kernel moves several pixels at a time.",
            (lambda n, k, s, p: n + 2 * p - k + 1,),
        ),
        Mistake(
            "kernel",
            "You leave the width of the kernel out. It has to fit as a whole, not only its first pixel.",
            (lambda n, k, s, p: (n + 2 * p) // s + 1, lambda n, k, s, p: (n + 2 * p - 1) // s + 1),
        ),
        Mistake(
            "only divided",
            "You divide the width by the stride, and nothing else.",
            (lambda n, k, s, p: n // s, lambda n, k, s, p: math.ceil(n / s), lambda n, k, s, p: (n + 2 * p) // s),
        ),
    ),
    {
        "whole": "Only a kernel as wide as the picture is not right: it has one place.",
        "pixel": "Only a kernel of one pixel is not right: it can stand on every pixel.",
    },
)


# 04e.2


def displacement(clip):
    """The centre of mass in the last frame, minus that in the first: first x, then y."""
    centres = []
    for frame in (clip[0], clip[-1]):
        mass = frame.sum()
        x = sum(column * frame[:, column].sum() for column in range(frame.shape[1])) / mass
        y = sum(row * frame[row].sum() for row in range(frame.shape[0])) / mass
        centres.append((float(x), float(y)))
    (x1, y1), (x2, y2) = centres
    return [x2 - x1, y2 - y1]


def _clips(rng):
    """Spots on black that glitter and brighten, and move by different amounts in x and y."""
    cases = []
    for F, H, W, steps in ((4, 6, 9, (1, -1)), (3, 8, 7, (-2, 1)), (5, 7, 8, (1, 0.5)), (4, 9, 9, (0.5, -2))):
        clip = np.zeros((F, H, W))
        x = 0 if steps[0] > 0 else W - 2
        y = 0 if steps[1] > 0 else H - 2
        for f in range(F):
            top, left = y + int(f * steps[1]), x + int(f * steps[0])
            spot = np.array([[rng.uniform(0.1, 1) for _ in range(2)] for _ in range(2)])
            clip[f, top : top + 2, left : left + 2] = spot * (0.6 + 0.1 * f)
        cases.append(Case((clip,)))
    one = np.zeros((1, 4, 5))
    one[0, 1, 3], one[0, 2, 3] = 1.0, 0.5
    return cases + [Case((one,), "one")]


def _centre(frame):
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]]
    return np.array([(x * frame).sum(), (y * frame).sum()]) / frame.sum()


def _between(centre, share=lambda F: 1.0):
    def move(clip):
        (c,) = _numpy(clip)
        return (centre(c[-1]) - centre(c[0])) * share(len(c))

    return move


_right = _between(_centre)


def _sums(frame):
    return _centre(frame) * frame.sum()


def _peak(frame):
    y, x = np.unravel_index(frame.argmax(), frame.shape)
    return np.array([x, y], float)


TWO = Exercise(
    "04e.2",
    "Write displacement(clip). `clip` (F, H, W) holds the brightness of F frames: a bright spot on black, 0. The "
    "centre of mass of a frame is the mean place of its light: the mean of the column numbers x, and the mean of the "
    "row numbers y, each pixel weighted by its brightness. Return two numbers, x and y of the centre in the last frame "
    "minus x and y in the first. The rows are counted from the top, so a positive y means down.",
    "The weights of a mean add up to 1. By what do you have to divide, if the brightness is the weight?",
    "Two frames are enough to tell right from left, and one is not.",
    displacement,
    _clips,
    (
        Mistake(
            "rows and columns",
            "You have y first and x second. The columns are x, and the last axis of the clip counts them.",
            (lambda clip: _right(clip)[::-1],),
        ),
        Mistake(
            "backwards",
            "The sign is turned round: it is the last frame minus the first.",
            (lambda clip: -_right(clip),),
        ),
        Mistake(
            "up",
            "Your y points up. The rows are counted from the top, so that down is positive.",
            (lambda clip: _right(clip) * np.array([1, -1]),),
        ),
        Mistake(
            "for each frame",
            "This is how far it moves from one frame to the next. From the first to the last is asked for.",
            (_between(_centre, lambda F: 1 / max(F - 1, 1)), _between(_centre, lambda F: 1 / F)),
        ),
        Mistake(
            "not divided",
            "You add up x times brightness, but do not divide by the sum of the brightness.",
            (_between(_sums),),
        ),
        Mistake(
            "divided by the pixels",
            "You divide by the number of pixels. The weights are the brightness, so divide by its sum.",
            (_between(lambda frame: _sums(frame) / frame.size), _between(lambda f: _sums(f) / (f > 0).sum())),
        ),
        Mistake(
            "brightest pixel",
            "You follow the brightest pixel. The centre of mass takes all pixels into account.",
            (_between(_peak),),
        ),
        Mistake(
            "first two frames",
            "You compare the first two frames. The first and the last are asked for.",
            (lambda clip: _centre(_numpy(clip)[0][1]) - _centre(_numpy(clip)[0][0]),),
        ),
        Mistake(
            "only the distance",
            "This is how far it moves, without the direction. Left and right would be the same.",
            (lambda clip: np.abs(_right(clip)), lambda clip: np.hypot(*_right(clip))),
        ),
        Mistake(
            "where it ends",
            "This is where the centre is, not how far it has moved.",
            (lambda clip: _centre(_numpy(clip)[0][-1]), lambda clip: _centre(_numpy(clip)[0][0])),
        ),
    ),
    {"one": "Only a clip of one frame is not right: its first frame is its last, and nothing has moved."},
)


# 04e.3


def exact_match(outputs, references):
    """The share of the pairs whose words are the same, all of them and in the same order."""
    return sum(one.split() == other.split() for one, other in zip(outputs, references, strict=True)) / len(references)


_GOOD = [
    "a red circle moves left", "two blue squares grow", "a white star stays still", "a green star moves up",
    "a blue square moves down and a red circle grows", "three white stars shrink", "a red star shrinks",
]  # fmt: skip


def _captions(rng):
    """Every kind of error is there in a number of its own, so that no two mistakes give the same share."""
    cases = []
    for good in (7, 8, 10):
        rows = [("", "a red circle grows"), ("a red star grows and", "a red star grows")]
        rows += [("a blue circle moves left and a red star grows", "a red circle moves left and a blue star grows")] * 3
        rows += [("a green star", "a green star moves up")] * 3
        rows += [("two blue squares grow", "two blue squares shrink")] * 3
        rows += [("a  white star moves right", "a white star moves right")] * 2
        rows += [("a white star moves up ", "a white star moves up")]
        rows += [(said, said) for said in (rng.choice(_GOOD) for _ in range(good))]
        rng.shuffle(rows)
        cases.append(Case(tuple(list(column) for column in zip(*rows, strict=True))))
    nothing = (["", "a star grows"], ["a red star grows", "a red star grows"])
    return cases + [Case(nothing, "none"), Case((["a star  grows"], ["a star grows"]), "all")]


def _mean(same):
    return lambda outputs, references: float(
        np.mean([float(same(a, b)) for a, b in zip(outputs, references, strict=True)])
    )


def _prefix(a, b):
    return all(x == y for x, y in zip(a.split(), b.split(), strict=False))


def _placed(a, b):
    return sum(x == y for x, y in zip(a.split(), b.split(), strict=False))


def _all_words(outputs, references):
    right = sum(_placed(a, b) for a, b in zip(outputs, references, strict=True))
    return right / sum(len(b.split()) for b in references)


THREE = Exercise(
    "04e.3",
    "Write exact_match(outputs, references). Both are lists of captions, and output n belongs to reference n. An "
    "output is right if it has the same words as its reference, all of them and in the same order; how many spaces "
    "stand between, before and behind them does not matter. Return the share of the outputs that are right.",
    "`split()` cuts at any number of spaces. And what does `zip` do when one of two lists is shorter?",
    "One wrong word and the caption is wrong: a strict measure, and one that nobody can argue with.",
    exact_match,
    _captions,
    (
        Mistake(
            "beginning",
            "You compare only as far as the shorter of the two goes. A caption that stops early, even an empty one, "
            "would be right.",
            (_mean(_prefix),),
        ),
        Mistake(
            "begins with",
            "A caption counts as right for you if it only begins like the reference, or is part of it.",
            (
                _mean(lambda a, b: b.split()[: len(a.split())] == a.split()),
                _mean(lambda a, b: a.split()[: len(b.split())] == b.split()),
                _mean(lambda a, b: a in b),
                _mean(lambda a, b: b in a),
                _mean(lambda a, b: " ".join(b.split()).startswith(" ".join(a.split()))),
            ),
        ),
        Mistake(
            "order",
            "You do not look at the order: a red circle and a blue star is not a blue circle and a red star.",
            (
                _mean(lambda a, b: set(a.split()) == set(b.split())),
                _mean(lambda a, b: sorted(a.split()) == sorted(b.split())),
            ),
        ),
        Mistake(
            "spaces",
            "You compare letter by letter, so one space too many makes a caption wrong.",
            (_mean(lambda a, b: a == b),),
        ),
        Mistake(
            "spaces inside",
            "Spaces at the ends do not matter to you, but those between the words still do.",
            (_mean(lambda a, b: a.strip() == b.strip()),),
        ),
        Mistake(
            "words",
            "You count words that are right. A caption is right as a whole or not at all.",
            (
                _all_words,
                _mean(lambda a, b: _placed(a, b) / len(b.split())),
                _mean(lambda a, b: _placed(a, b) / max(len(a.split()), len(b.split()))),
            ),
        ),
        Mistake(
            "length",
            "You compare the numbers of words, not the words.",
            (_mean(lambda a, b: len(a.split()) == len(b.split())),),
        ),
        Mistake("errors", "This is the share that is wrong.", (lambda a, b: 1 - exact_match(a, b),)),
        Mistake(
            "count",
            "This is a number of captions. The share of all captions is asked for.",
            (lambda a, b: exact_match(a, b) * len(b),),
        ),
        Mistake(
            "empty left out",
            "You leave empty outputs out. A model that says nothing is wrong, too.",
            (
                lambda a, b: (
                    sum(x.split() == y.split() for x, y in zip(a, b, strict=True)) / max(1, sum(bool(x) for x in a))
                ),
            ),
        ),
    ),
    {
        "none": "Only lists without a single right caption are not right: the share is 0.",
        "all": "Only a list in which every caption is right is not right: the share is 1.",
    },
)

EXERCISES = (ONE, TWO, THREE)
