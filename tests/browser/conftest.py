"""Fixtures of the browser tests: a Chromium, a JupyterLab, the built decks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from surroundings import CHROMIUM_ARGUMENTS, NOTEBOOKS, SLIDES, chromium

try:
    from playwright.sync_api import Browser, sync_playwright
except ImportError:
    install = "run `make browser`, or pip install -r pins-browser.txt"
    raise pytest.UsageError(f"the browser tests need playwright: {install}") from None

from server import Lab, running_lab


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share a page stay together, for `--dist loadgroup`: those of a lesson that is open, else of a file."""
    for item in items:
        params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        item.add_marker(pytest.mark.xdist_group(f"{item.path.stem} {params.get('lesson', '')}".strip()))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium. A machine without one cannot run these tests: that is a failure, not a skip."""
    executable = chromium()
    if executable is None:
        pytest.fail("no Chromium found: install one, on Debian and Ubuntu `apt-get install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab on a copy of the course."""
    if not NOTEBOOKS.is_dir():
        pytest.fail(f"there is no course to open: {NOTEBOOKS} does not exist")
    with running_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture(scope="session")
def decks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every deck, built now from its committed notebook."""
    folder = tmp_path_factory.mktemp("decks")
    build = [sys.executable, str(SLIDES / "build.py"), "--out", str(folder)]
    done = subprocess.run(build, capture_output=True, text=True, timeout=120)
    if done.returncode:
        pytest.fail(done.stderr)
    return folder
