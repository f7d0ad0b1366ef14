"""The archive for a USB stick: what is in it, that it is whole, and that nothing of this machine is."""

import hashlib
import importlib.util
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def offline():
    spec = importlib.util.spec_from_file_location("offline", ROOT / ".ci" / "offline.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A small book, with what a builder leaves behind."""
    folder = tmp_path_factory.mktemp("book")
    for name, text in {
        "index.html": "<p>안녕",
        "notebooks/단어.html": "<p>words",
        ".buildinfo": "x",
        ".d/x": "x",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def unpacked(offline, book, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stick")
    try:
        archive = offline.make(book, ROOT, folder)
    except subprocess.CalledProcessError:
        pytest.skip("no wheel can be built here: pip could not get what builds it")
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder)
    (top,) = (path for path in folder.iterdir() if path.is_dir())
    return top


def test_the_book_the_notebooks_their_figures_and_the_package_are_in_it(unpacked):
    names = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert {"book/index.html", "book/notebooks/단어.html", "README.txt", "SHA256SUMS", "LICENSE"} <= names
    assert {f"notebooks/{p.name}" for p in (ROOT / "notebooks").glob("*.ipynb")} <= names
    assert {f"benchmarks/results/{p.name}" for p in (ROOT / "benchmarks/results").glob("*.json")} <= names
    (wheel,) = (name for name in names if name.startswith("wheels/"))
    assert re.fullmatch(r"wheels/lmcourse-[\d.]+-py3-none-any\.whl", wheel)
    assert not [name for name in names if "/." in name or name.startswith(".")]
    with zipfile.ZipFile(unpacked / wheel) as file:
        inside = set(file.namelist())
    assert {"lmcourse/bert.py", "lmcourse/widgets/fill_mask.js", "lmcourse/weights/bert-ko.safetensors"} <= inside


def test_the_sums_are_those_of_the_files(unpacked):
    lines = (unpacked / "SHA256SUMS").read_text("utf-8").splitlines()
    files = [path for path in unpacked.rglob("*") if path.is_file() and path.name != "SHA256SUMS"]
    assert len(lines) == len(files)
    for line in lines:
        digest, name = line.split("  ", 1)
        assert hashlib.sha256((unpacked / name).read_bytes()).hexdigest() == digest, name


def test_the_readme_says_how_in_both_languages(unpacked):
    text = (unpacked / "README.txt").read_text("utf-8")
    assert "book/index.html" in text and "브라우저로 여세요" in text and "{" not in text
    (wheel,) = (unpacked / "wheels").iterdir()
    assert wheel.name in text and str(ROOT) not in text


def test_the_figures_are_found_from_the_notebooks(unpacked):
    """A notebook of the stick reads what was recorded, with the package that is installed from the wheel."""
    (wheel,) = (unpacked / "wheels").iterdir()
    code = f"import sys; sys.path.insert(0, {str(wheel)!r}); import lmcourse; print(lmcourse.recorded('bert')['date'])"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=unpacked / "notebooks", capture_output=True, text=True
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\d\n", done.stdout), done.stderr


def test_the_same_files_make_the_same_archive(offline, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    for name in ("one.zip", "two.zip"):
        offline.write(tmp_path / name, "top", [("a.txt", tmp_path / "a.txt"), ("b", b"b")])
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_without_a_book_it_says_so(offline, tmp_path):
    with pytest.raises(SystemExit, match="there is no book in .*make book"):
        offline.entries(tmp_path, ROOT, tmp_path)
