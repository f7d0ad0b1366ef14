"""The browser in which pages and widgets are measured and printed."""

import os
import shutil
from pathlib import Path

from benchmarks import Missing


def open_browser(playwright):
    """Headless Chromium.

    Raises:
        Missing: there is none, and the message says what to do.
    """
    found = [os.environ.get("CHROMIUM"), *map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])]
    path = next(filter(None, found), None)
    if not path or not Path(path).exists():
        raise Missing("there is no Chromium: install it, or set CHROMIUM to its path")
    return playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
