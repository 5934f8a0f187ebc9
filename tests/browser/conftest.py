"""Fixtures of the browser tests: a Chromium, a JupyterLab, the built decks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from surroundings import CHROMIUM_ARGUMENTS, LESSONS, NOTEBOOKS, SLIDES, chromium

try:
    from playwright.sync_api import Browser, sync_playwright
except ImportError:
    install = "run `make browser`, or pip install -r pins-browser.txt"
    raise pytest.UsageError(f"the browser tests need playwright: {install}") from None

from server import Lab, running_lab

#: Files whose tests take one lesson, or its deck, at a time.
OF_ONE_LESSON = ("test_lab.py", "test_decks.py", "test_exported.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Hand a free worker what shares an opened page: the tests of one lesson or deck, elsewhere those of one file."""
    from xdist.scheduler import LoadScopeScheduling

    class ByPage(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, test = nodeid.partition("::")
            return f"{file} {next((name for name in LESSONS if file.endswith(OF_ONE_LESSON) and name in test), '')}"

    return ByPage(config, log)


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
