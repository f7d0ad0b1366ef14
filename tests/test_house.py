"""The house keeps its promises: what stands in two places is the same in both, and stored outputs count."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml
from ci_script import load
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
UNCOMPARED = {"nbval-ignore-output", "nbval-skip"}


def read(path):
    return (ROOT / path).read_text("utf-8")


def project():
    return tomllib.loads(read("pyproject.toml"))["project"]


def bounds(*extras):
    """Name and bounds of what the package needs, with these extras."""
    lines = project()["dependencies"] + [r for e in extras for r in project()["optional-dependencies"][e]]
    return {canonicalize_name(r.name): r.specifier for r in map(Requirement, lines)}


def pins():
    """Name and version of what was tested."""
    lines = [line for line in read("constraints.txt").splitlines() if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def targets():
    """The commands of the Makefile."""
    return set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))


# --- installation ---


def test_conda_and_pip_install_the_same():
    environment = yaml.safe_load(read("environment.yml"))["dependencies"]
    from_pip = next(entry["pip"] for entry in environment if isinstance(entry, dict))
    assert "-e ." in from_pip
    entries = [entry for entry in environment if isinstance(entry, str)]
    entries += [entry for entry in from_pip if not entry.startswith("-")]
    conda = {q.name: q.specifier for q in map(Requirement, entries)}
    classified = re.findall(r"Python :: (3\.\d+)", " ".join(project()["classifiers"]))
    assert [f"3.{v}" for v in range(30) if f"3.{v}" in conda["python"]] == classified
    del conda["python"], conda["pip"]
    assert conda == {CONDA_NAMES.get(name, name): bound for name, bound in bounds("lab").items()}


@pytest.mark.parametrize("extra", ["lab", "docs", "test", "bench"])
def test_tested_versions_satisfy_the_bounds(extra):
    wrong = {name: str(b) for name, b in bounds(extra).items() if name not in pins() or pins()[name] not in b}
    assert not wrong, "say make lock"


def test_tested_versions_fit_every_machine():
    assert not re.search(r"\+cpu|\+cu|nvidia|triton| @ |file:", read("constraints.txt"))


def test_only_jupyter_book_has_an_upper_bound():
    extras = project()["optional-dependencies"]
    capped = {name for name, b in bounds(*set(extras) - {"dev"}).items() if {s.operator for s in b} - {">="}}
    assert capped == {"jupyter-book"}


def test_pre_commit_runs_the_tested_ruff():
    hooks = yaml.safe_load(read(".pre-commit-config.yaml"))["repos"][0]["hooks"]
    assert [h["additional_dependencies"] for h in hooks] == [[f"ruff=={pins()['ruff']}"]] * len(hooks)


def test_version_is_the_same_everywhere():
    import lmcourse

    newest = re.search(r"^## \[(.+?)\]", read("CHANGELOG.md"), re.MULTILINE)[1]
    assert lmcourse.__version__ == project()["version"] == newest


# --- commands and pages ---


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "book/intro.md", "book/how-to-use.md"])
def test_named_commands_exist(page):
    code = re.findall(r"^```\w*\n(.*?)^```", read(page), re.MULTILINE | re.DOTALL) + re.findall(r"`(.+?)`", read(page))
    named = {word for part in code for word in re.findall(r"\bmake (?:[A-Z]+=\S+ )*([a-z]+)", part)}
    assert named and named <= targets()


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_every_command_has_a_line_of_help():
    helped = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in helped.splitlines() if line.startswith("  make")} == targets()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_local_links_lead_somewhere(page):
    links = {link for link in re.findall(r"\]\(([^)#]+)\)", read(page)) if "://" not in link}
    assert not [link for link in links if not (ROOT / link).exists()]


def test_map_and_contents_name_the_same_chapters():
    contents = set(re.findall(r"notebooks/(\w+)", read("_toc.yml")))
    assert contents == {path.stem for path in NOTEBOOKS}
    rows = set(re.findall(r"^\| \w+ \| \[.+?\]\(\.\./notebooks/(\w+)\.ipynb\)", read("book/intro.md"), re.MULTILINE))
    assert rows == contents
    assert set(re.findall(r"\(notebooks/(\w+)\.ipynb\)", read("README.md"))) == contents


def prose(path):
    """What a notebook says outside of code."""
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_chapter_has_the_same_skeleton(path):
    text = prose(path)
    first = nbformat.read(path, as_version=4).cells[0].source
    assert re.match(r"# \S", first) and len(re.findall("^# ", text, re.MULTILINE)) == 1
    assert re.search(r"^You need: .+ Reading time: about (\d+ minutes|an hour)\b", text, re.MULTILINE)
    ends = ["What can go wrong", "Summary", "Exercises", "Where this comes from"]
    assert re.findall("^## (.+)", text, re.MULTILINE)[-4:] == ends
    source = "\n".join(cell.source for cell in code_cells(nbformat.read(path, as_version=4)))
    number = path.stem.split("_")[0]
    asked = re.findall(rf'^prompt\("({number}\.\d)"\)', source, re.MULTILINE)
    assert 3 <= len(asked) <= 5
    assert asked == re.findall(r'^check\("(.+?)"', source, re.MULTILINE)
    assert asked == re.findall(r'^solution\("(.+?)"', source, re.MULTILINE)


def glossary():
    return re.search(r"```{glossary}\n(.*)```", read("book/glossary.md"), re.DOTALL)[1]


def test_each_term_leads_to_a_chapter_that_leads_back():
    chapters = {path.stem: prose(path) for path in NOTEBOOKS}
    linked = {
        name: {(re.search("<(.+)>", role) or [role, role])[1].lower() for role in re.findall(r"{term}`([^`]+)`", text)}
        for name, text in chapters.items()
    }
    entries = re.findall(
        r"^(\S.*)\n\S.*\n  .+\n\n  .+ → \[(\w+)\]\(\.\./notebooks/(\w+)\.ipynb\)$", glossary(), re.MULTILINE
    )
    assert len(entries) == len([line for line in glossary().splitlines() if re.match(r"\S", line)]) // 2
    assert [term for term, number, name in entries if not name.startswith(f"{number}_")] == []
    assert [(term, name) for term, _, name in entries if term.lower() not in linked[name]] == []


def symbols(text):
    """Letters of the formulas in a text, Greek ones with their backslash."""
    found = set()
    for shown, inline in re.findall(r"\$\$(.+?)\$\$|(?<!\$)\$([^$]+)\$", text, re.DOTALL):
        formula = re.sub(r"\\(?:text|mathrm|operatorname)\{[^}]*\}", "", shown or inline)
        commands = set(re.findall(r"\\[a-z]+", formula))
        greek = {
            "alpha",
            "beta",
            "gamma",
            "delta",
            "epsilon",
            "theta",
            "lambda",
            "mu",
            "pi",
            "sigma",
            "tau",
            "phi",
            "omega",
        }
        found |= {c for c in commands if c[1:] in greek} | set(
            re.findall("[A-Za-z]", re.sub(r"\\[A-Za-z]+", " ", formula))
        )
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_symbol_is_on_the_notation_page(path):
    assert symbols(prose(path)) <= symbols(read("book/notation.md"))


def test_glossary_has_each_term_in_both_languages():
    terms = [line for line in glossary().splitlines() if line and not line.startswith(" ")]
    assert len(terms) == len({term.lower() for term in terms})
    assert all(
        re.search("[a-zA-Z]", en) and re.search("[가-힣]", ko) for en, ko in zip(terms[::2], terms[1::2], strict=True)
    )
    assert terms[::2] == sorted(terms[::2], key=str.lower)


def test_weights_of_the_pages_are_those_that_were_measured():
    pages = json.loads(read("benchmarks/results/pages.json"))["pages"]
    sizes = {name: row["ours"]["bytes"] / 1e6 for name, row in pages.items()}
    chapters = [size for name, size in sizes.items() if name.startswith("notebooks/")]
    (low, high) = re.search(r"a chapter ([\d.]+) to ([\d.]+) MB", read("book/how-to-use.md")).groups()
    assert [f"{min(chapters):.1f}", f"{max(chapters):.1f}"] == [low, high]
    assert len(chapters) == len(NOTEBOOKS)
    assert 0.25 < sizes["book/intro"] < 0.4, "a third of a megabyte"


def test_data_page_names_every_source():
    from lmcourse.datasets import SOURCES

    page = read("book/data.md")
    rows = {row[0]: row for row in re.findall(r"^\| `(\w+)` \|(.+?)\|(.+?)\|.+?\((.+?)\) \|$", page, re.MULTILINE)}
    assert set(rows) == set(SOURCES)
    assert {name: row[3] for name, row in rows.items()} == {name: s.url for name, s in SOURCES.items()}


def test_reference_lists_every_public_module():
    pages = "".join(path.read_text("utf-8") for path in (ROOT / "book" / "api").glob("*.md"))
    listed = set(re.findall(r"automodule:: (\S+)", pages))
    files = [p for p in (ROOT / "lmcourse").iterdir() if not p.name.startswith("_")]
    modules = {f"lmcourse.{p.stem}" for p in files if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert modules <= listed


def test_style_and_formatting():
    for command in (["check", "--output-format=concise"], ["format", "--check"]):
        done = subprocess.run([sys.executable, "-m", "ruff", *command, "."], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr + "\nmake format mends most of it"


# --- stored outputs ---


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell):
    return set(cell.metadata.get("tags", []))


def printed(cell):
    """The text that nbval compares."""
    texts = [o.get("text") if o.output_type == "stream" else o.get("data", {}).get("text/plain") for o in cell.outputs]
    return "".join(text for text in texts if text)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook_was_run_from_top_to_bottom(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1)), "say make refresh"
    assert all(cell.source.strip() for cell in notebook.cells), "an empty cell"
    for cell in code_cells(notebook):
        errors = [o for o in cell.outputs if o.output_type == "error"]
        assert bool(errors) == ("raises-exception" in tags(cell)), cell.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_stored_outputs_are_worth_comparing(path):
    cells = code_cells(nbformat.read(path, as_version=4))
    compared = [cell for cell in cells if not UNCOMPARED & tags(cell)]
    facts = [cell for cell in compared if re.search(r"\d|True|False", printed(cell))]
    assert len(facts) >= max(1, len(cells) // 4), (
        f"{len(facts)} of {len(cells)} cells state something that nbval compares"
    )
    # nbval runs a cell as if its last line had no semicolon at its end, and then sees an output too many.
    assert not [cell.source for cell in compared if cell.source.rstrip().endswith(";")]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook_is_stored_in_normal_form(path):
    refresh = load("refresh")
    stored = path.read_text("utf-8")
    assert nbformat.writes(refresh.normalise(nbformat.reads(stored, as_version=4))) + "\n" == stored, "say make refresh"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_outputs_name_no_machine(path):
    notebook = nbformat.read(path, as_version=4)
    outputs = json.dumps([cell.outputs for cell in code_cells(notebook)] + [notebook.metadata])
    assert not re.search(r"/home/|/root/|/Users/|[A-Z]:\\\\|site-packages", outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebook_imports_only_what_lab_installs(path):
    # The last two come with JupyterLab and PyTorch.
    known = (
        set(bounds("lab")) | {"lmcourse", "ipython", "ipywidgets"} | {name.lower() for name in sys.stdlib_module_names}
    )
    source = "\n".join(cell.source for cell in code_cells(nbformat.read(path, as_version=4)))
    imported = re.findall(r"^\s*(?:import|from) ([A-Za-z]\w*)", source, re.MULTILINE)
    assert {name.lower() for name in imported} <= known


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_stored_widgets_are_those_of_the_package(path):
    from lmcourse import widgets

    kept = nbformat.read(path, as_version=4).metadata.get("widgets", {}).get(load("refresh").STATE, {"state": {}})
    for model in kept["state"].values():
        name = model["state"].get("_anywidget_id", "").removeprefix("lmcourse.widgets.").split(".")[-1]
        if ours := getattr(widgets, name, None):
            assert model["state"]["_esm"] == str(ours._esm), f"{name}: say make refresh"
            assert model["state"].get("_css", "") == str(ours._css), f"{name}: say make refresh"


# --- make refresh ---


def a_notebook():
    v4 = nbformat.v4
    sources = ["print(2 + 2)", "import time\nprint(f'{time.perf_counter():.3f} s', object())"]
    sources += ["import ipywidgets\nbox = ipywidgets.HBox([ipywidgets.IntSlider(3), ipywidgets.IntSlider(4)])\nbox"]
    return v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])


def test_refresh_changes_nothing_the_second_time(tmp_path):
    refresh, path = load("refresh"), tmp_path / "a.ipynb"
    nbformat.write(a_notebook(), path)
    assert refresh.refresh(path)
    stored = path.read_bytes()
    assert not refresh.refresh(path)
    assert path.read_bytes() == stored
    assert b"4\\n" in stored and b'"model_id": "' + b"0" * 32 in stored

    # A change of the code is no noise, even beside noise.
    changed = nbformat.read(path, as_version=4)
    changed.cells[0].source = "print(2 + 3)"
    nbformat.write(changed, path)
    assert refresh.refresh(path, write=False)
    assert b"4\\n" in path.read_bytes(), "with write=False nothing is written"


def test_refresh_leaves_a_failing_notebook_alone(tmp_path):
    refresh, path = load("refresh"), tmp_path / "a.ipynb"
    notebook = a_notebook()
    notebook.cells[1].source = "1 / 0"
    nbformat.write(notebook, path)
    before = path.read_bytes()
    with pytest.raises(refresh.CellExecutionError, match="ZeroDivisionError"):
        refresh.refresh(path)
    assert path.read_bytes() == before


def test_normal_form_does_not_depend_on_random_ids():
    refresh = load("refresh")

    def with_ids(slider, box):
        nb = a_notebook()
        for number, cell in enumerate(nb.cells):
            cell.id = f"c{number}"
        view = {
            "application/vnd.jupyter.widget-view+json": {
                "model_id": box,
                "version_major": 2,
                "version_minor": 0,
            }
        }
        nb.cells[2].outputs = [nbformat.v4.new_output("display_data", view)]
        state = {
            slider: {"model_name": "IntSliderModel", "state": {"value": 3}},
            box: {"model_name": "HBoxModel", "state": {"children": [f"IPY_MODEL_{slider}"]}},
        }
        nb.metadata["widgets"] = {refresh.STATE: {"state": state, "version_major": 2, "version_minor": 0}}
        nb.metadata["signature"] = slider
        return nbformat.writes(refresh.normalise(nb))

    one, two = with_ids("a" * 32, "b" * 32), with_ids("0123456789abcdef" * 2, "fedcba9876543210" * 2)
    assert one == two
    assert "signature" not in one and "IPY_MODEL_" + "0" * 31 + "1" in one
