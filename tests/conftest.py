"""Fixtures for all tests: where the real data is, and a cache of its own for each test that downloads."""

import os
from pathlib import Path

import pytest

MIRROR = "LMCOURSE_DATA_MIRROR"
BESIDE = Path(__file__).parents[2] / "shared" / "data"

if not os.environ.get(MIRROR) and BESIDE.is_dir():
    os.environ[MIRROR] = str(BESIDE)  # at import, so that notebooks run by nbval inherit it
os.environ["TQDM_DISABLE"] = "1"  # likewise: a progress bar is no output to compare


@pytest.fixture
def real_data():
    """Skips a test where the real data cannot be had without the internet; gives the mirror's name."""
    mirror = os.environ.get(MIRROR)
    if not mirror:
        pytest.skip(f"real data: set {MIRROR} to a folder or an address that holds it")
    return mirror


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder, and no mirror."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("LMCOURSE_DATA_CACHE", str(folder))
    monkeypatch.delenv(MIRROR, raising=False)
    return folder
