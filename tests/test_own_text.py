"""Chapter 01 on a text file that the reader names: the very cells of the notebook, run on awkward files."""

import contextlib
import io
import math
from pathlib import Path

import nbformat
import pytest

from lmcourse import datasets, world

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "01_ngram.ipynb"
KOREAN = [r.ko for r in world.generate(200, seed=5)]
ENGLISH = [r.en for r in world.generate(200, seed=5)]
FILES = {
    "a byte order mark, Windows line ends, empty lines": "\ufeff" + "\r\n\r\n".join(ENGLISH) + "\r\n",
    "Korean": "\n".join(KOREAN),
    "one line": "only one line of text",
    "no letters": "1 2 3\n!!!\n🙂 🙃\n",
    "marks of the model itself": "<s> is no word </s>\n<unk> neither\n" * 12,
}


def train_on(path: Path, unit: str) -> str:
    """What the two cells print when MY_FILE is the path."""
    cells = [c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells if c.cell_type == "code"]
    named = next(c for c in cells if c.startswith("MY_FILE"))
    used = next(c for c in cells if "def my_lines" in c)
    assert "MY_FILE = None" in named
    named = named.replace("MY_FILE = None", f"MY_FILE = {str(path)!r}").replace(
        'MY_UNIT = "word"', f"MY_UNIT = {unit!r}"
    )
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile("\n".join((cells[0], named, used)), str(NOTEBOOK), "exec"), {})
    return printed.getvalue()


@pytest.mark.parametrize("unit", ["word", "syllable"])
@pytest.mark.parametrize("name", FILES)
def test_a_named_file_is_learned(name, unit, tmp_path):
    path = tmp_path / "my text.txt"
    path.write_bytes(FILES[name].encode())
    printed = train_on(path, unit)
    lines = len([line for line in FILES[name].lstrip("\ufeff").splitlines() if line.strip()])
    assert printed.startswith(f"{lines:,} lines") and "bits per character" in printed
    assert math.isfinite(float(printed.split("cost ")[1].split()[0]))
    if name.startswith("a byte order mark"):
        assert "\ufeff" not in printed and "\r" not in printed


def test_a_file_in_another_encoding_is_refused_by_name(tmp_path):
    path = tmp_path / "old.txt"
    path.write_bytes("\n".join(KOREAN).encode("cp949"))
    with pytest.raises(ValueError, match="cp949"):
        train_on(path, "word")
    with pytest.raises(FileNotFoundError, match="nowhere.txt"):
        train_on(tmp_path / "nowhere.txt", "word")


@pytest.mark.parametrize("source, unit", [("tinyshakespeare", "word"), ("tutorial", "morpheme")])
def test_real_texts(source, unit, tmp_path):
    try:
        if source == "tinyshakespeare":
            content = datasets.tinyshakespeare()
        else:
            content = "\n".join(pair.ko for pair in datasets.python_docs_ko("tutorial"))
    except datasets.Offline as error:
        pytest.skip(str(error))
    path = tmp_path / "text.txt"
    path.write_text(content, encoding="utf-8")
    bits = float(train_on(path, unit).split("cost ")[1].split()[0])
    assert 1.5 < bits < 4.5
