"""Every lesson gives its stored outputs in a read-only folder with a strange name, without a home, in a C locale."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernel import running, shown
from surroundings import bare, obey_permissions, read_only_copy

COURSE = Path(__file__).resolve().parents[2]
LESSONS = sorted((COURSE / "notebooks").glob("[0-9]*.ipynb"))


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    obey_permissions()
    copy = read_only_copy(COURSE, tmp_path_factory.mktemp("strange"))
    yield copy
    for path in (copy, *copy.rglob("*")):  # so that pytest can remove it
        path.chmod(0o755)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_gives_its_outputs_on_the_worst_machine(copy: Path, lesson: Path) -> None:
    environment = bare(os.environ, copy)
    with running(copy / "notebooks" / lesson.name, environment) as kernel:
        (refused,) = kernel.code("open('written', 'w')")
        assert "Permission denied" in refused, "this test needs a folder that cannot be written"
        (encoding,) = kernel.code("import sys; print(sys.getfilesystemencoding())")
        known = "ascii" if "PYTHONUTF8" in environment else "utf-8"
        assert known in encoding, "this test needs a locale that knows ASCII alone"
        (imported,) = kernel.code("import vram; print(ascii(vram.__file__))")
        assert "mein Kurs" in imported, "this test needs the copy's own library"
        for cell in kernel.cells:
            stored = shown(cell.outputs)
            assert [output for output in kernel.run(cell) if not of_matplotlib(output)] == stored, cell.id


def of_matplotlib(output: str) -> bool:
    """It says that its list of fonts lies in a temporary folder, since there is no home for it."""
    return output.startswith("stream stderr") and "temporary cache directory" in output


@pytest.mark.parametrize("home", [None, "nobody"])
def test_preflight_and_help_speak_in_a_c_locale(tmp_path: Path, home: str | None) -> None:
    environment = bare(os.environ, tmp_path)
    environment["PYTHONPATH"] = ""
    del environment["HOME"]
    if home:
        environment["HOME"] = str(tmp_path / home)
    done = subprocess.run(["make", "help", "preflight"], cwd=COURSE, env=environment, capture_output=True, timeout=100)
    said = (done.stdout + done.stderr).decode("utf-8")
    assert done.returncode == 0 and "Traceback" not in said and said.count("✓ ") == 8, said
