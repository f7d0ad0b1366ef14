"""Networks that run in a page: their weights in few bits, and the arithmetic of one step."""

import math
from collections.abc import Mapping

import numpy as np

CELLS = {"rnn": 1, "gru": 3, "lstm": 4}  # into how many parts the rows of a weight matrix are divided


# The arithmetic of one step, from the input and the old state (h, c) to the new one. The gates are those of
# chapter 02 and of torch: i, f, g, o and r, z, n.

KINDS = "weight_ih", "weight_hh", "bias_ih", "bias_hh"


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _rnn(x, h, c, w, u, b, b_h):
    return np.array([np.tanh(w @ x + b + u @ h + b_h), c])


def _gru(x, h, c, w, u, b, b_h):
    x_r, x_z, x_n = np.split(w @ x + b, 3)
    h_r, h_z, h_n = np.split(u @ h + b_h, 3)
    z = _sigmoid(x_z + h_z)
    n = np.tanh(x_n + _sigmoid(x_r + h_r) * h_n)
    return np.array([n + z * (h - n), c])


def _lstm(x, h, c, w, u, b, b_h):
    i, f, g, o = np.split(w @ x + b + u @ h + b_h, 4)
    c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
    return np.array([_sigmoid(o) * np.tanh(c), c])


STEPS = {"rnn": _rnn, "gru": _gru, "lstm": _lstm}


def check_options(bits, examples, counts):
    """What the makers of a network for the page are told, refused if it cannot be; the examples as a list."""
    if bits not in (4, 5, 6, 7, 8):
        raise ValueError(f"bits are 4 to 8, not {bits!r}")
    examples = [examples] if isinstance(examples, str) else list(examples)
    for example in examples:
        if not isinstance(example, str):
            raise ValueError(f"an example is a text, not {example!r:.80}")
    if counts is not None and not isinstance(counts, Mapping):
        raise ValueError(f"counts are numbers by piece, as a Counter has them, not {counts!r:.80}")
    return examples


def as_array(name, value):
    if hasattr(value, "detach"):  # a tensor, of any type and on any device
        value = value.detach().cpu().float().numpy()
    array = np.asarray(value, np.float32)
    if not (np.abs(array) < 65504).all():  # the largest float16; not a number is caught too
        raise ValueError(f"{name} has values that are no finite float16: {array[~(np.abs(array) < 65504)][:3]}")
    return array


def taking(left):
    """A dict of arrays to be filled, and what fills it: ``take(name, *shape)`` takes an array out of ``left``.

    It is refused if it is not there or of another shape; ``None`` in a shape fits any size.
    """
    arrays, known = {}, ", ".join(left)

    def take(name, *shape):
        if name not in left:
            raise ValueError(f"there is no {name!r} among the weights, which the page needs: {known:.300}")
        array = arrays[name] = left.pop(name)
        if array.ndim != len(shape) or any(a not in (b, None) for b, a in zip(array.shape, shape, strict=True)):
            wanted = ", ".join("any" if n is None else str(n) for n in shape)
            raise ValueError(f"{name} has the shape {array.shape}, not ({wanted})")
        return array

    return arrays, take


def pack(arrays, bits, most=None):
    """The bytes that :class:`~lmcourse.widgets.RecurrentModel` describes.

    With ``most`` the numbers lie from -most to most, fewer than the bits allow, so that the bytes compress well.
    """
    parts, middle = [], 2 ** (bits - 1) - 1
    most = middle if most is None else most
    for array in arrays.values():
        if bits == 16 or array.ndim == 1:
            parts.append(array.astype("<f2").tobytes())
            continue
        scale = (np.abs(array).max(1, keepdims=True) / most).astype("<f2")
        scale = np.maximum(scale, np.float16(6e-8))  # a row of zeros has a scale too
        codes = np.clip(np.rint(array / scale.astype(np.float32)), -most, most).astype(np.int64) + middle
        ones = (codes.reshape(-1, 1) >> np.arange(bits)[::-1]) & 1  # the high bit first
        parts += [scale.tobytes(), np.packbits(ones.astype(np.uint8)).tobytes()]
    return b"".join(parts)


def unpack(data, shapes, bits):
    """The arrays again, as float64."""
    arrays, at = {}, 0

    def take(kind, count):
        nonlocal at
        values = np.frombuffer(data, kind, count, at)
        at += values.nbytes
        return values

    for name, shape in shapes:
        size = math.prod(shape)
        if bits == 16 or len(shape) == 1:
            arrays[name] = take("<f2", size).reshape(shape).astype(np.float64)
            continue
        scale = take("<f2", shape[0])[:, None].astype(np.float64)
        ones = np.unpackbits(take(np.uint8, math.ceil(size * bits / 8)), count=size * bits).reshape(size, bits)
        codes = ones @ (1 << np.arange(bits)[::-1])
        arrays[name] = (codes.reshape(shape) - (2 ** (bits - 1) - 1)) * scale
    return arrays
