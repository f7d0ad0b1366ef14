"""The archive for a USB stick: what is in it, that it is whole, and that nothing of this machine is."""

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import distribution, requires
from pathlib import Path

import nbformat
import pytest
from ci_script import load
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def offline():
    return load("offline")


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
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("no wheel can be built here: pip could not get what builds it")
    with zipfile.ZipFile(archive) as file:
        file.extractall(folder)
    (top,) = (path for path in folder.iterdir() if path.is_dir())
    return top


def test_the_book_the_notebooks_their_figures_and_the_package_are_in_it(unpacked):
    names = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    (wheel,) = (name for name in names if name.startswith("wheels/"))
    assert re.fullmatch(r"wheels/lmcourse-[\d.]+-py3-none-any\.whl", wheel)
    expected = {wheel, "book/index.html", "book/notebooks/단어.html"}  # not what the builder keeps for itself
    expected |= {"README.txt", "SHA256SUMS", "LICENSE", "constraints.txt"}
    expected |= {f"notebooks/{p.name}" for p in (ROOT / "notebooks").glob("*.ipynb")}
    expected |= {f"benchmarks/results/{p.name}" for p in (ROOT / "benchmarks/results").glob("*.json")}
    assert names == expected


def test_the_wheel_has_the_whole_package_and_nothing_else(unpacked):
    (wheel,) = (unpacked / "wheels").iterdir()
    with zipfile.ZipFile(wheel) as file:
        inside = {name for name in file.namelist() if ".dist-info/" not in name}
    package = [p for p in (ROOT / "lmcourse").rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert inside == {p.relative_to(ROOT).as_posix() for p in package}
    assert {"lmcourse/bert.py", "lmcourse/widgets/fill_mask.js", "lmcourse/weights/bert-ko.safetensors"} <= inside


def test_nothing_in_it_names_this_machine(unpacked):
    here = f"{ROOT}{os.sep}".encode()
    with zipfile.ZipFile(next((unpacked / "wheels").iterdir())) as file:
        contents = {name: file.read(name) for name in file.namelist()}
    contents |= {path.name: path.read_bytes() for path in unpacked.rglob("*") if path.is_file()}
    assert not [name for name, data in contents.items() if here in data]


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
    assert text.count("sha256sum --check SHA256SUMS") == 2
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


@pytest.fixture(scope="module")
def alone(unpacked, tmp_path_factory):
    """A program run where there is the wheel of the stick and what it asks for, and nothing else."""
    folder = tmp_path_factory.mktemp("alone")
    (wheel,) = (unpacked / "wheels").iterdir()
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder / "lmcourse")  # nothing of this checkout: it is not linked below
    asked, todo = {}, [Requirement(line) for line in requires("lmcourse") if "extra ==" not in line]
    while todo:
        need = todo.pop()
        name = canonicalize_name(need.name)
        if name in asked or (need.marker and not need.marker.evaluate({"extra": ""})):
            continue
        asked[name] = distribution(name)
        extras = [{"extra": extra} for extra in need.extras] or [{"extra": ""}]
        further = map(Requirement, asked[name].requires or [])
        todo += [r for r in further if not r.marker or any(r.marker.evaluate(extra) for extra in extras)]
    for found in asked.values():
        for top in {file.parts[0] for file in found.files if file.parts[0] not in ("..", "__pycache__")}:
            link = folder / "others" / top
            link.parent.mkdir(exist_ok=True)
            if not link.exists():
                link.symlink_to(Path(found.locate_file(top)).resolve())
    places = [str(folder / "lmcourse"), str(folder / "others")]

    def run(code):
        start = f"import sys; sys.path[:0] = {places!r}\n"
        environment = {**os.environ, "MPLBACKEND": "agg", "MPLCONFIGDIR": str(folder)}
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", start + code],
            cwd=unpacked / "notebooks", env=environment, capture_output=True, text=True, encoding="utf-8",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return run


def test_alone_means_alone(alone):
    """Nothing of this checkout can be imported, and nothing that only the tests and the book need."""
    found = alone("""
import importlib.util, lmcourse, torch
print(lmcourse.__file__)
print([m for m in ("pytest", "sphinx", "nbformat", "jupyterlab", "tests") if importlib.util.find_spec(m)])""")
    path, others = found.splitlines()
    assert not Path(path).is_relative_to(ROOT) and others == "[]"


def test_the_wheel_runs_chapter_one_and_makes_the_widgets(alone, unpacked):
    cells = nbformat.read(unpacked / "notebooks" / "01_ngram.ipynb", as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    said = alone(f"""{code}
from lmcourse import widgets
print("reached the end")
for name in widgets.__all__:
    if isinstance(getattr(widgets, name), type) and hasattr(getattr(widgets, name), "_esm"):
        print("widget", name, len(str(getattr(widgets, name)._esm)) > 2_000)
import torch
page = widgets.AttentionExplorer(torch.full((1, 1, 2, 2), 0.5), ["배", "boat"]).save("attention.html")
print(len(page.read_text("utf-8")) > 20_000)
page.unlink()""")
    stored = "".join(o.text for c in cells if c.cell_type == "code" for o in c.outputs if o.output_type == "stream")
    facts = [line for line in stored.splitlines() if re.match(r"(ko|en): (the floor|best)|order \d: perplexity", line)]
    assert len(facts) >= 8 and set(facts) <= set(said.splitlines()), "it says what the book says"
    made = said.split("reached the end\n")[1].splitlines()
    assert made[-1] == "True" and len(made) >= 12
    assert all(line.endswith(" True") for line in made[:-1])


def test_the_same_files_make_the_same_archive(offline, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    for name in ("one.zip", "two.zip"):
        offline.write(tmp_path / name, "top", [("a.txt", tmp_path / "a.txt"), ("b", b"b")])
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as file:
        assert {info.external_attr >> 16 for info in file.infolist()} == {0o644}, "everyone may read it"


def test_without_a_book_it_says_so(offline, tmp_path):
    with pytest.raises(SystemExit, match="there is no book in .*make book"):
        offline.make(tmp_path, ROOT, tmp_path)
    assert not list(tmp_path.iterdir())


# --- with all packages ---


BACKEND = """
import zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(folder + "/" + name, "w") as file:
        info = "{name}-{version}.dist-info/"
        file.writestr("{name}.py", "")
        file.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        file.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n{more}")
        file.writestr(info + "RECORD", "")
    return name

def build_sdist(folder, config_settings=None):
    raise NotImplementedError
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def a_source(folder, name, version, more=""):
    """The source of an empty package that needs nothing to be built."""
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "backend.py").write_text(BACKEND.format(name=name, version=version, more=more))
    (folder / "PKG-INFO").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return folder


def publish(index, source, name, version):
    """Put a source into an index, as a file that one would have to build."""
    archive = f"{name}-{version}.tar.gz"
    (index / name).mkdir(parents=True, exist_ok=True)
    with tarfile.open(index / name / archive, "w:gz") as file:
        file.add(source, f"{name}-{version}")
    (index / name / "index.html").write_text(f'<a href="{archive.replace("+", "%2B")}">{archive}</a>')


def test_all_packages_come_along_and_install_without_an_index(offline, book, tmp_path, monkeypatch):
    """What is published as source only comes as a wheel; torch, and torch alone, from the index named for it."""
    needs = "Requires-Dist: torch\\nProvides-Extra: lab\\nRequires-Dist: labtool; extra == 'lab'\\n"
    root = a_source(tmp_path / "course", "lmcourse", "9.9", needs)
    (root / "LICENSE").write_text("free")
    (root / "constraints.txt").write_text("torch==1.0\nlabtool==2.0\n")
    usual, other = tmp_path / "usual", tmp_path / "other"
    for index, name, version in [
        (usual, "torch", "1.0"),
        (usual, "labtool", "2.0"),
        (other, "torch", "1.0+cpu"),
        (other, "labtool", "2.0+other"),
    ]:
        publish(index, a_source(tmp_path / index.name / "src" / name, name, version), name, version)
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", usual.as_uri())

    with zipfile.ZipFile(offline.make(book, root, tmp_path, all_wheels=True, torch_index=other.as_uri())) as file:
        file.extractall(tmp_path)
    stick = tmp_path / "lmcourse-9.9"
    tail = "-py3-none-any.whl"
    wheels = {path.name.removesuffix(tail) for path in (stick / "wheels").iterdir()}
    assert wheels == {"lmcourse-9.9", "torch-1.0+cpu", "labtool-2.0"}

    (command,) = re.findall(r"-m (pip install .*)", (stick / "README.txt").read_text("utf-8"))
    words = [word.strip('"') for word in command.split()] + ["--target", str(tmp_path / "installed")]
    subprocess.run([sys.executable, "-m", *words], cwd=stick, check=True)
    assert {path.name for path in (tmp_path / "installed").glob("*.py")} == {"lmcourse.py", "torch.py", "labtool.py"}
