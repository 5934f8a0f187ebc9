"""Is everything that a reader reads spelled as dictionaries spell it? codespell knows the usual misspellings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vram.teach.authoring.files import course_notebooks, loads

COURSE = Path(__file__).parent.parent
FOLDERS = ("lib", "slides", ".github", ".ci")  # tests misspell on purpose
SUFFIXES = (".md", ".py", ".toml", ".yml", ".yaml", ".j2", ".js", ".css", ".sh")
BUILT = {"node_modules", "_build", "_site"}


def texts() -> dict[str, str]:
    """What is read, by the file it stands in: texts and code as they are, of notebooks all but pictures."""
    files = [path for path in COURSE.iterdir() if path.suffix in (".md", ".cff", ".toml", ".yml")]
    files += [path for folder in FOLDERS for path in (COURSE / folder).rglob("*") if path.suffix in SUFFIXES]
    found = {str(path.relative_to(COURSE)): path for path in files if not BUILT & {*path.parts}}
    written = {name: path.read_text(encoding="utf-8") for name, path in found.items()}
    return written | {str(path.relative_to(COURSE)): read(path) for path in course_notebooks(COURSE)}


def read(path: Path) -> str:
    """The cells of a notebook, and the text that they show."""
    cells = loads(path.read_text(encoding="utf-8")).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    shown = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]
    return "\n".join([*(cell.source for cell in cells), *shown])


def misspelled(written: dict[str, str], folder: Path) -> list[str]:
    """Each line of codespell: the file, the line, the word, what it should be."""
    for name, text in written.items():
        path = folder / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "codespell_lib", "--quiet-level", "6", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=60)
    assert not done.stderr and done.returncode in (0, 65), done.stderr
    return done.stdout.splitlines()


def test_no_usual_misspelling(tmp_path: Path) -> None:
    written = texts()
    assert len(written) > 200
    assert "\n".join(misspelled(written, tmp_path)) == ""


@pytest.mark.parametrize("name", ["notebooks/04-kv-cache.ipynb", "README.md", "slides/TEACHING.md"])
def test_a_misspelling_is_found_wherever_it_stands(name: str, tmp_path: Path) -> None:
    text = texts()[name]
    (line,) = misspelled({name: text.replace("memory", "memeory", 1)}, tmp_path)
    assert name in line and "memeory ==> memory" in line
