"""The package as a whole: a light import, the device, and show."""

import json
import subprocess
import sys

import nbclient
import nbformat
import pytest
import torch

import lmcourse
from lmcourse import _source
from lmcourse.exercises import Verdict
from lmcourse.text import split


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("module", ["lmcourse", "lmcourse.world"])
def test_import_is_light(module):
    heavy = ["torch", "numpy", "matplotlib", "IPython", "ipywidgets", "kiwipiepy", "pooch"]
    found = run(f"import json, sys, {module}; print(json.dumps([m for m in {heavy} if m in sys.modules]))")
    assert json.loads(found) == []


def test_rooms_open_when_first_used():
    assert run("import lmcourse; print(lmcourse.datasets.SOURCES['names'].repository)") == "karpathy/makemore\n"
    with pytest.raises(AttributeError, match="no attribute 'no_such_room'"):
        _ = lmcourse.no_such_room
    assert not hasattr(lmcourse, "_nothing")


def test_version_is_the_same_everywhere():
    import tomllib
    from pathlib import Path

    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    assert lmcourse.__version__ == project["version"]


# device


def test_device_takes_the_best_there_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert lmcourse.device() == torch.device("cpu")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert lmcourse.device() == torch.device("mps")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert lmcourse.device() == torch.device("cuda")
    assert lmcourse.device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ValueError, match="'cuda:2' is not on this machine"):
        lmcourse.device("cuda:2")


def test_device_takes_a_name_or_a_device():
    assert lmcourse.device("cpu") == lmcourse.device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "cudaa", "cuda:x", 3.5, "xpu:99"])
def test_device_repeats_a_bad_name(name):
    with pytest.raises(ValueError, match=str(name)):
        lmcourse.device(name)


def test_device_says_that_there_is_no_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="'cuda' is not on this machine; use None"):
        lmcourse.device("cuda")


# show


class Sample:
    """What it is.

    More of it.
    """

    size = 3

    def first(self):
        """Return one."""
        return 1

    @property
    def second(self):
        return 2

    def third(self): ...


def test_show_prints_the_source(capsys):
    lmcourse.show(split)
    shown = capsys.readouterr().out
    assert shown.startswith("def split(text, unit):\n") and shown.rstrip().endswith("split_all([text], unit)[0]")


def test_show_one_method_without_its_indentation(capsys):
    lmcourse.show(Sample.first)
    assert capsys.readouterr().out == 'def first(self):\n    """Return one."""\n    return 1\n'


def test_show_a_property(capsys):
    lmcourse.show(Sample.second)
    assert capsys.readouterr().out == "@property\ndef second(self):\n    return 2\n"


def test_show_some_methods_of_a_class():
    shown = _source.source(Sample, ("second", "first"))
    lines = ["class Sample:", "    def first(self):", '        """Return one."""', "        return 1", ""]
    assert shown.split("\n") == [*lines, "    @property", "    def second(self):", "        return 2"]


def test_show_without_docstrings():
    shown = _source.source(Sample, docstring=False)
    assert '"""' not in shown
    assert shown.startswith("class Sample:\n    size = 3\n\n    def first(self):\n        return 1\n")


@pytest.mark.parametrize(
    "bad, say", [(3, r"3 has no source to show; show its class: show\(int\)"), (len, "not written in Python")]
)
def test_show_says_what_has_no_source(bad, say):
    with pytest.raises(TypeError, match=say):
        lmcourse.show(bad)


def test_show_says_which_methods_there_are():
    with pytest.raises(ValueError, match="no method 'fourth' of its own; it has first, second, third"):
        lmcourse.show(Sample, "fourth")


def test_show_in_a_notebook_is_coloured_and_stable():
    code = "import lmcourse\nlmcourse.show(lmcourse.exercises.Verdict, '__bool__')"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for _ in range(2)])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    (first,), (second,) = (cell.outputs for cell in notebook.cells)
    assert first == second
    source = _source.source(Verdict, ("__bool__",))
    assert first["data"]["text/markdown"] == f"```python\n{source}\n```"
    assert first["data"]["text/plain"] == source
