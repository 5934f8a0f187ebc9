"""Does the course start from any sensible Python, and does it say what is wrong with the others?"""

import shutil
import subprocess
from pathlib import Path

import pytest

from vram.teach.authoring.lab import first_page, has_desktop, lab_options

# A stand-in for an interpreter: the Python checks of .ci/venv.sh, answered by its version and its parts.
STAND_IN = """#!/bin/sh
case "$*" in
    --version) echo "Python {version}" ;;
    *"sys.exit("*) exit {old} ;;
    *"lacks venv"*) echo "lacks venv (on Debian and Ubuntu: apt install python{version}-venv)" ;;
    *"print("*) echo "is Python {version}" ;;
    *ensurepip*) exit {bare} ;;
    "-m venv --clear .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python && echo "$0" > made-by ;;
    "-m pip "*) echo "$*" >> pip-calls; mkdir -p {site} && echo "$PWD/lib" > {site}/_llm_memory_notebooks.pth ;;
esac
"""
SITE = ".venv/lib/python3.12/site-packages"


@pytest.fixture
def checkout(tmp_path) -> Path:
    """A folder with the script, in a path with a space, and an empty place for interpreters beside it."""
    folder = tmp_path / "my course"
    (folder / ".ci").mkdir(parents=True)
    shutil.copy(Path(__file__).parent.parent / ".ci" / "venv.sh", folder / ".ci")
    (tmp_path / "bin").mkdir()
    for tool in ("cat", "cp", "dirname", "mkdir", "sh"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))
    return folder


def put(checkout: Path, name: str, version: str = "3.12", bare: bool = False, text: str | None = None) -> Path:
    """Put an interpreter of that name on the search path."""
    old = int(tuple(map(int, version.split("."))) < (3, 11))
    path = checkout.parent / "bin" / name
    path.write_text(text or STAND_IN.format(version=version, old=old, bare=int(bare), site=SITE))
    path.chmod(0o755)
    return path


def start(checkout: Path, *argument: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(checkout.parent / "bin")}
    command = [str(checkout / ".ci" / "venv.sh"), *argument]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_every_unfit_python_is_named_with_its_fault(checkout):
    put(checkout, "python3.13", text="#!/bin/sh\nexit 127\n")
    put(checkout, "python3.11", "3.11", bare=True)
    put(checkout, "python3", "3.9")
    run = start(checkout)
    assert run.returncode == 1
    assert run.stderr.splitlines() == [
        "The course needs Python 3.11 or newer with venv. Tried:",
        "  python3.13: does not run",
        "  python3.12: not found",
        "  python3.11: lacks venv (on Debian and Ubuntu: apt install python3.11-venv)",
        "  python3: is Python 3.9",
        "Name another one with PYTHON=/path/to/python.",
    ]
    assert not (checkout / ".venv").exists()


def test_the_first_fit_python_is_taken_and_the_pins_are_installed(checkout):
    put(checkout, "python3.13", "3.13", bare=True)
    good = put(checkout, "python3.11", "3.11")
    put(checkout, "python3", "3.9")
    run = start(checkout)
    assert run.returncode == 0, run.stderr
    assert (checkout / "made-by").read_text() == f"{good}\n"
    calls = [call.split(" ", 4)[4] for call in (checkout / "pip-calls").read_text().splitlines()]
    assert calls == ["install -r pins.txt", "install --no-deps --no-build-isolation -e ."]
    assert (checkout / SITE / "_llm_memory_notebooks.pth").read_text() == "../../../../lib\n", "ASCII in any folder"


def test_a_named_python_is_the_only_one_tried(checkout):
    put(checkout, "python3", "3.12")
    old = put(checkout, "old", "3.10")
    run = start(checkout, str(old))
    assert run.returncode == 1
    assert f"  {old}: is Python 3.10\n" in run.stderr


def test_an_environment_that_runs_is_kept(checkout):
    put(checkout, "python3", "3.12")
    start(checkout)
    (checkout / "made-by").unlink()
    assert start(checkout).returncode == 0
    assert not (checkout / "made-by").exists()


@pytest.mark.parametrize(
    ("platform", "environ", "desktop"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ""}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("darwin", {}, True),
        ("win32", {}, True),
    ],
)
def test_a_browser_opens_only_where_there_is_a_desktop(platform, environ, desktop):
    assert has_desktop(platform, environ) is desktop
    assert ("--no-browser" in lab_options("/lab", desktop, root=False)) is not desktop


def test_root_may_start_jupyterlab():
    assert "--allow-root" in lab_options("/lab", desktop=True, root=True)
    assert "--allow-root" not in lab_options("/lab", desktop=True, root=False)


def test_the_first_lesson_is_the_first_page(tmp_path):
    assert first_page(tmp_path) == "/lab/tree/notebooks"
    (tmp_path / "notebooks").mkdir()
    for name in ("02-count.ipynb", "00-will-it-fit.ipynb", "notes.ipynb"):
        (tmp_path / "notebooks" / name).touch()
    assert first_page(tmp_path) == "/lab/tree/notebooks/00-will-it-fit.ipynb"
