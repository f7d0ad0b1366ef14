"""Language models from counting words to BERT: every idea of the course as code you can read.

``import lmcourse`` is light: a room of the house (``lmcourse.text``, ``lmcourse.ngram``, ...) is opened when
it is first used.
"""

import importlib
import importlib.util

__version__ = "0.1.0"
__all__ = ["__version__", "device", "recorded", "show"]


def __getattr__(name):
    if not name.startswith("_") and importlib.util.find_spec(f"{__name__}.{name}"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def device(name=None):
    """The device to compute on: the best there is, or the one that is named.

    Args:
        name: ``None`` takes CUDA, then MPS, then the CPU; a string such as ``"cpu"`` or ``"cuda:1"``, or a
            ``torch.device``, is taken as it stands.

    Returns:
        A ``torch.device``.

    Raises:
        ValueError: the name is no device, or this machine does not have it.
    """
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name is None:
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    try:
        chosen = torch.device(name)
    except (RuntimeError, TypeError):
        raise ValueError(f"{name!r} is no device: use 'cpu', 'cuda', 'cuda:1', 'mps', or None for the best") from None
    count = {"cpu": 1, "cuda": torch.cuda.device_count() if cuda else 0, "mps": int(mps)}.get(chosen.type, 0)
    if (chosen.index or 0) >= count:
        raise ValueError(f"device {name!r} is not on this machine; use None for the best there is ({device()})")
    return chosen


def show(obj, *methods, docstring=True):
    """Show the source code of a class, a function or a module, coloured in a notebook and plain elsewhere.

    Args:
        obj: what to show; ``show(MarkovChain.forecast)`` shows one method.
        *methods: names of methods; of the class, only these are shown.
        docstring: ``False`` leaves the docstrings out.

    Raises:
        TypeError: the object has no Python source (a number, a built-in function, an instance).
        ValueError: the class has no such method of its own.
    """
    from lmcourse import _source

    _source.show(obj, methods, docstring)


def recorded(name):
    """What a benchmark recorded: the contents of ``benchmarks/results/<name>.json`` of this checkout.

    Raises:
        FileNotFoundError: there is no such file, or the package was installed without the repository.
    """
    import json
    from pathlib import Path

    for folder in (Path(__file__).parent.parent, Path.cwd(), *Path.cwd().parents):
        path = folder / "benchmarks" / "results" / f"{name}.json"
        if path.is_file():
            return json.loads(path.read_text(encoding="utf-8"))
    raise FileNotFoundError(
        f"no benchmark {name!r} is recorded here; in a checkout of the course, run: python -m benchmarks {name}"
    )
