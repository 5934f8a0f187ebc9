"""What all tests share: the course's folder, and kernels that know nothing of the reader's own settings."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from vram.teach import state
from vram.teach.authoring.notebooks import isolate

COURSE = Path(__file__).parent.parent

# A busy machine is slow, not wrong: time is measured by `make bench`, and pytest-timeout ends what hangs.
settings.register_profile("course", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("course")


def pytest_configure(config: pytest.Config) -> None:
    """Once, before pytest-xdist starts its workers: they and the kernels inherit the environment."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        isolate(COURSE / ".cache")


@pytest.fixture
def fresh_kernel() -> Iterator[None]:
    """Checks, hints and predictions as in a kernel that has just started."""
    state.forget()
    yield
    state.forget()


@pytest.fixture(scope="session")
def course() -> Path:
    """The folder of the checkout."""
    return COURSE
