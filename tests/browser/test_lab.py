"""The next-word explorer in JupyterLab, with Python behind it."""

import json
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from small_book import ENVIRONMENT

CELLS = [
    """\
from lmcourse.widgets import NextWordExplorer
explorer = NextWordExplorer(
    {(): {"the": 0.5, "cat": 0.3, "dog": 0.2}, ("the",): {"cat": 0.7, "dog": 0.3}, ("cat",): {"the": 1.0}}
)
explorer""",
    "print('python reads', explorer.words, explorer.order, explorer.temperature)",
    "explorer.words = ['dog', 'cat']",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory, browser):
    """The address of a JupyterLab without token, on a folder with one notebook."""
    folder = tmp_path_factory.mktemp("lab")
    notebook = new_notebook(cells=[new_code_cell(source) for source in CELLS])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    (folder / "work").mkdir()
    nbformat.write(notebook, folder / "work" / "explorer.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **ENVIRONMENT,
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=",
        f"--ServerApp.root_dir={folder / 'work'}",
    ]  # fmt: skip
    with open(folder / "log.txt", "w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            assert server.poll() is None, (folder / "log.txt").read_text()
            try:
                json.load(urllib.request.urlopen(f"{url}/api/status", timeout=5))
                break
            except OSError:
                time.sleep(0.25)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=30)


def test_the_explorer_and_python_see_each_other(lab, visit):
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    seen = visit(f"{lab}/lab/tree/explorer.ipynb")
    page = seen.page
    page.locator(".jp-Notebook .jp-CodeCell").nth(2).wait_for(timeout=60_000)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=60_000)
    cell = page.locator(".jp-Notebook .jp-CodeCell")
    explorer = page.locator(".lmn")
    for attempt in range(4):  # an idle kernel is not enough: a key pressed before Lab is all there goes nowhere
        cell.nth(0).locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        try:
            explorer.first.wait_for(timeout=30_000)
            break
        except PlaywrightTimeout:
            assert attempt < 3, "no explorer appeared"

    explorer.get_by_role("button", name="the, 50.0%").click()
    explorer.get_by_role("radio", name="order 1: looks at no word").check(force=True)
    explorer.get_by_label("Temperature").press("End")
    explorer.get_by_label("Type words").fill("cat")
    explorer.get_by_label("Type words").press("Enter")  # JupyterLab wants this key too
    # Keys on a bar are the widget's: b would add a cell, x would cut one, d d delete one.
    bar = explorer.locator(".lmn-row").first
    bar.focus()
    for key in ("b", "x", "d", "d", "ArrowDown"):
        page.keyboard.press(key)
    assert cell.count() == 3
    assert explorer.locator(".lmn-row").nth(1).evaluate("(e) => e === document.activeElement")

    cell.nth(1).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    page.get_by_text("python reads ['the', 'cat'] 1 2.0").wait_for()
    cell.nth(2).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    explorer.locator(".lmn-chip", has_text="dog").wait_for()
    assert explorer.locator(".lmn-chip b").all_text_contents() == ["dog", "cat"]
    assert seen.foreign == []
