"""The scripts of ``.ci``, as modules."""

import importlib.util
from pathlib import Path

FOLDER = Path(__file__).parents[1] / ".ci"


def load(name):
    """A script by its name, ``"refresh"`` or ``"offline"``; each time a module of its own."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
