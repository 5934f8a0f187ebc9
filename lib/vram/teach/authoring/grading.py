"""Write a course folder for nbgrader: each lesson as an assignment, in which `check` gives the points.

    python -m vram.teach.authoring.grading [FOLDER]

An answer cell keeps the learner's lines. Before its check stands the worked solution, between marks that
`nbgrader generate_assignment` cuts out, and behind it a locked cell that raises unless the check finds the answer
right. Its points are the stars of the question, or one. The folder is generated: the lessons stay the source.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from ..clinic import clinic
from ..clinic.review import rubric
from .files import dumps, loads, store
from .sync import build_solutions

_CONFIG = """\
c = get_config()
c.CourseDirectory.course_id = "llm-memory"
c.ClearSolutions.code_stub = {"python": ""}  # the line that the learner fills in stands above the solution
c.Execute.timeout = 120  # seconds for a cell; none takes ten, so this only ends a hang
"""
_IMPORTS = {
    "check": "from vram.teach import check",
    "check_case": "from vram.teach.clinic import check_case, clinic",
}
_LESSON_LINK = re.compile(r"\]\((\d\d-[a-z0-9-]+)\.ipynb\)")
_DATA = re.compile(r'Path\("([\w./-]+)/([\w.-]+\.json)"\)')


def graded(lesson: NotebookNode, solutions: NotebookNode) -> NotebookNode:
    """A copy of the lesson as nbgrader's source, without outputs; `solutions` is the notebook of its solutions."""
    nb = loads(dumps(lesson))
    worked = {cell.id: cell.source for cell in solutions.cells}
    cells = []
    for cell in nb.cells:
        cells.append(cell)
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        name, _, part = cell.id.rpartition("-")
        if part == "answer" and f"{name}-solution" in worked:
            heading = worked[f"{name}-question"].partition("\n")[0]
            cells.append(_points(name, cell.source, heading.count("★") or 1))
            _put_solution(name, cell, worked["setup"], worked[f"{name}-solution"])
    nb.cells = cells
    return nb


def _points(name: str, answer: str, points: int) -> NotebookNode:
    """The cell that raises unless the answer is right. It takes the check anew, and the case where there is one."""
    *given, _, call = answer.splitlines()
    source = [_IMPORTS[call.partition("(")[0]], *given, f"assert {call}.right"]
    cell = new_code_cell("\n".join(source), id=f"{name}-points")
    return _mark(cell, grade=True, solution=False, locked=True, points=points)


def _put_solution(name: str, cell: NotebookNode, imports: str, solution: str) -> None:
    """Set the worked solution before the check. The sentence of a case is a mark that a person gives."""
    *lines, call = cell.source.splitlines()
    cell.source = "\n".join([*lines, *_region(imports, solution), call])
    if name.startswith("case-"):
        points = len(rubric(clinic(int(name.removeprefix("case-")))))
        _mark(cell, grade=True, solution=True, locked=False, points=points)
    else:
        _mark(cell, grade=False, solution=True, locked=False)


def _region(imports: str, solution: str) -> Iterator[str]:
    """The solution as a function: its names leave those of the lesson alone."""
    *lines, call = solution.splitlines()
    answer = ast.unparse(ast.parse(call).body[0].value.args[1])
    yield "### BEGIN SOLUTION"
    yield "def worked():"
    yield textwrap.indent("\n".join([imports, *lines, f"return {answer}"]), "    ")
    yield "\nanswer = worked()"
    yield "### END SOLUTION"


def _mark(cell: NotebookNode, **roles: object) -> NotebookNode:
    cell.metadata["nbgrader"] = {"schema_version": 3, "task": False, "grade_id": cell.id, **roles}
    return cell


def write_assignment(path: Path, folder: Path) -> Path:
    """Write the lesson at `path` below `folder`, with the data that it reads; returns the assignment's notebook."""
    nb = graded(loads(path.read_text(encoding="utf-8")), build_solutions(path))
    target = folder / "source" / path.stem / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    for cell in nb.cells:
        for place, name in _DATA.findall(cell.source):
            (target.parent / "data").mkdir(exist_ok=True)
            store(target.parent / "data" / name, (path.parent / place / name).read_text(encoding="utf-8"))
        cell.source = _LESSON_LINK.sub(r"](../\1/\1.ipynb)", _DATA.sub(r'Path("data/\2")', cell.source))
    store(target, dumps(nb))
    return target


def write_course(course: Path, folder: Path) -> list[Path]:
    """Write all lessons of the course, and nbgrader's settings unless the teacher has some; returns the notebooks."""
    lessons = sorted((course / "notebooks").glob("[0-9][0-9]-*.ipynb"))
    written = [write_assignment(path, folder) for path in lessons]
    if not (folder / "nbgrader_config.py").exists():
        store(folder / "nbgrader_config.py", _CONFIG)
    return written


def main(argv: Sequence[str]) -> None:
    """Write the course folder that the command line names, or `_nbgrader`."""
    folder = Path(argv[0] if argv else "_nbgrader")
    print(f"{len(write_course(Path.cwd(), folder))} assignments in {folder / 'source'}")


if __name__ == "__main__":
    main(sys.argv[1:])
