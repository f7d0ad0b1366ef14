"""Run the notebooks top to bottom and store their outputs, so that running them again changes no byte.

    python .ci/refresh.py [--check] [notebooks/01_ngram.ipynb ...]

Everything random that Jupyter adds (widget ids, execution times, the kernel's folder) is written in one
normal form. Where the new outputs differ from the stored ones only by what tests/nbval_sanitize.cfg calls
noise, the stored ones stay. A notebook with a failing cell is left as it was. With --check nothing is
written, and the exit status is 1 if something would be.
"""

from __future__ import annotations

import argparse
import configparser
import json
import os
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parent.parent
STATE = "application/vnd.jupyter.widget-state+json"
NOTEBOOK_METADATA = {"kernelspec", "language_info", "widgets", "mystnb"}
CELL_METADATA = {"tags", "mystnb", "jupyter", "editable", "slideshow"}
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "pygments_lexer": "ipython3",
}
NOISE = configparser.RawConfigParser()
NOISE.read(ROOT / "tests" / "nbval_sanitize.cfg", encoding="utf-8")
WIDGET_ID = r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])"
# The pages show what every reader gets, with or without a GPU; one thread, as in the tests; no bar that has gone.
ENVIRONMENT = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}


def run(nb: nbformat.NotebookNode, folder: Path, timeout: int = 600) -> nbformat.NotebookNode:
    """Execute a notebook in place, in `folder`, with the Python that runs this script."""
    client = NotebookClient(
        nb,
        timeout=timeout,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    return client.execute(env=os.environ | ENVIRONMENT)


def normalise(nb: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The same notebook without what changes from run to run or from machine to machine."""
    nb = nbformat.from_dict(json.loads(nbformat.writes(nb)))
    nb.metadata = nbformat.from_dict({k: v for k, v in nb.metadata.items() if k in NOTEBOOK_METADATA})
    nb.metadata.update(kernelspec=KERNELSPEC, language_info=LANGUAGE)
    nb.nbformat_minor = 5  # the first with cell ids
    for number, cell in enumerate(nb.cells):
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in CELL_METADATA})
        cell.setdefault("id", f"cell-{number}")
    names = {old: f"{new:032x}" for new, old in enumerate(widgets_in_order(nb))}
    text = re.sub(WIDGET_ID, lambda m: names.get(m[0], m[0]), nbformat.writes(nb))
    text = re.sub(r"ipykernel_\d+(?=[/\\])", "ipykernel", text)
    return nbformat.reads(text, as_version=4)


def widgets_in_order(nb: nbformat.NotebookNode) -> list[str]:
    """Ids of the widgets as a reader meets them: breadth first from the outputs, the rest by content."""
    state = nb.metadata.get("widgets", {}).get(STATE, {}).get("state", {})
    content = {k: json.dumps(state[k], sort_keys=True, ensure_ascii=False) for k in state}
    queue = re.findall(rf'"model_id": "({WIDGET_ID})"', json.dumps([c.get("outputs", []) for c in nb.cells]))
    rest = sorted(state, key=lambda k: re.sub(WIDGET_ID, "*", content[k]))
    order: dict[str, None] = {}
    while queue or rest:
        model = queue.pop(0) if queue else rest.pop(0)
        if model in state and model not in order:
            order[model] = None
            queue += re.findall(rf"IPY_MODEL_({WIDGET_ID})", content[model])
    return list(order)


def keep_noise(new: nbformat.NotebookNode, old: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Put the stored outputs back where the new ones say the same but for noise."""
    stored = {cell.get("id"): cell for cell in old.cells if cell.cell_type == "code"}
    for cell in new.cells:
        before = stored.get(cell.id)
        if cell.cell_type == "code" and before and before.source == cell.source:
            if quiet(cell.outputs) == quiet(before.outputs):
                cell.outputs = before.outputs
    state, before = new.metadata.get("widgets"), old.metadata.get("widgets")
    if state and quiet(state) == quiet(before):
        new.metadata["widgets"] = before
    return new


def quiet(part: object) -> str:
    """A piece of a notebook as text, each kind of noise replaced by its name."""
    text = json.dumps(part, sort_keys=True, ensure_ascii=False)
    for name in NOISE.sections():
        text = re.sub(NOISE[name]["regex"], NOISE[name]["replace"], text)
    return text


def refresh(path: Path, write: bool = True) -> bool:
    """Run one notebook; True if its stored form is (or would be) another one now."""
    before = path.read_text("utf-8")
    old = nbformat.reads(before, as_version=4)
    new = normalise(run(nbformat.reads(before, as_version=4), path.parent))
    after = nbformat.writes(keep_noise(new, normalise(old))) + "\n"
    if write and after != before:
        path.write_text(after, "utf-8", newline="\n")
    return after != before


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: every one in notebooks/")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if an output is old")
    options = parser.parse_args()
    stale = failed = 0
    for path in options.notebooks or sorted((ROOT / "notebooks").glob("*.ipynb")):
        print(f"{path.name}: ", end="", flush=True)
        try:
            changed = refresh(path, write=not options.check)
        except CellExecutionError as error:
            failed += 1
            print(f"left as it was, a cell failed\n{error}")
            continue
        stale += changed
        print(("would change" if options.check else "new outputs") if changed else "the same as stored")
    return 1 if failed or (options.check and stale) else 0


if __name__ == "__main__":
    sys.exit(main())
