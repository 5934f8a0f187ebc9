"""What all tests share: the course's folder, and kernels that know nothing of the reader's own settings."""

import os
from pathlib import Path

import pytest

from vram.teach.notebooks import isolate

COURSE = Path(__file__).parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """Once, before pytest-xdist starts its workers: they and the kernels inherit the environment."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        isolate(COURSE / ".cache")


@pytest.fixture(scope="session")
def course() -> Path:
    """The folder of the checkout."""
    return COURSE
