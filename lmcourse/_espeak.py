"""espeak-ng through ctypes: text to samples. The library comes with the package ``espeakng-loader``, an extra."""

import ctypes
from functools import cache
from pathlib import Path
from threading import Lock

import numpy as np

SYNCHRONOUS, CHARACTERS, UTF8 = 2, 1, 1  # numbers from espeak-ng's speak_lib.h
SPEED, PITCH = 1, 3
_LOCK = Lock()  # the library has one voice at a time


def speak(text, voice, speed, pitch):
    """The samples of a text, float32 from -1 to 1, and their rate in Hz.

    Raises:
        ModuleNotFoundError: the library is not installed.
        ValueError: there is no such voice, or nothing was said.
    """
    library, rate, parts, variants = _open()
    if voice.partition("+")[2] not in variants:  # the library itself would fall back on another voice
        raise ValueError(f"there is no voice {voice!r}; after the + stands one of {', '.join(sorted(variants))}")
    with _LOCK:
        parts.clear()
        if library.espeak_SetVoiceByName(voice.encode()):
            raise ValueError(f"espeak-ng has no voice {voice!r}")
        library.espeak_SetParameter(SPEED, speed, 0)
        library.espeak_SetParameter(PITCH, pitch, 0)
        content = text.encode() + b"\0"
        if library.espeak_Synth(content, ctypes.c_size_t(len(content)), 0, CHARACTERS, 0, UTF8, None, None):
            raise RuntimeError(f"espeak-ng could not speak {text!r}")
        if not parts:
            raise ValueError(f"there is nothing to say in {text!r}")
        samples = np.concatenate(parts)
    return (samples / np.float32(32768)).astype(np.float32), rate


@cache
def _open():
    """The library, the rate of its samples, the list that it puts them into, and the names of its variants."""
    try:
        import espeakng_loader
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "speech is made by espeak-ng, which is not installed: pip install espeakng-loader "
            "(recordings can be read without it, and trained systems listen without it)",
            name="espeakng_loader",
        ) from None
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
    if rate <= 0:
        raise RuntimeError(f"espeak-ng could not start: it answered {rate}")
    parts = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    def keep(samples, count, events):
        if samples and count > 0:
            parts.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    library.espeak_SetSynthCallback(keep)
    library.keep = keep  # or it would be thrown away while the library still calls it
    variants = {path.name for path in Path(espeakng_loader.get_data_path(), "voices", "!v").iterdir()}
    return library, rate, parts, variants
