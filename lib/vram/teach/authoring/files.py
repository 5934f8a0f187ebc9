"""Which files make up the course, and how is a notebook read and written as text?"""

from pathlib import Path

import nbformat
from nbformat import NotebookNode

FOLDERS = ("notebooks", "notebooks/solutions", "notebooks/reference", "notebooks/app", "slides")


def course_notebooks(course: Path) -> list[Path]:
    """Every lesson, solution, page and deck of the course, in reading order."""
    return [path for folder in FOLDERS for path in sorted((course / folder).glob("*.ipynb"))]


def solutions_of(lesson: Path) -> Path:
    """The notebook with the solutions of a lesson: same name, one folder down."""
    return lesson.parent / "solutions" / lesson.name


def loads(text: str) -> NotebookNode:
    """The notebook that a file's text holds."""
    return nbformat.reads(text, as_version=4)


def dumps(nb: NotebookNode) -> str:
    """The text of the file, as nbformat writes it, with one line feed at the end."""
    return nbformat.writes(nb).rstrip("\n") + "\n"


def store(path: Path, text: str) -> bool:
    """Write a text with line feeds, unless it is there already; returns whether the file changed."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.write_text(text, encoding="utf-8", newline="\n")
    return True
