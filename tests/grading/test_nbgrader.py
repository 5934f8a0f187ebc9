"""Does the real nbgrader give a right student all points, a wrong one those of the right answers, the others none?

`make nbgrader` runs this. Each lesson gets a course folder of its own, from the source to the gradebook.
"""

import csv
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from nbformat import NotebookNode

from vram.teach.authoring.files import dumps, loads
from vram.teach.authoring.grading import write_course
from vram.teach.clinic import clinic, numbers
from vram.teach.compare import judge
from vram.teach.exercise import Exercise
from vram.teach.exercises import of_lesson

COURSE = Path(__file__).parents[2]
NBGRADER = COURSE / ".venv-nbgrader" / "bin" / "nbgrader"
LESSONS = sorted(path.stem for path in (COURSE / "notebooks").glob("[0-9][0-9]-*.ipynb"))
SECONDS = 280

# What a student writes who knows how points are given: the points' cell must not believe it.
FORGED = "class Yes:\n    right = True\ncheck = check_case = lambda *_: Yes"
WRONG = {"count": 1, "bytes": "1 B", "number": 123456, "percent": 9, "symbolic": "h"}


def wrong(question: Exercise) -> object:
    """A value that the check reads and finds wrong."""
    value = WRONG.get(question.kind) or next(x for x in question.letters if x != question.truth())
    assert judge(question, value).verdict == "wrong"
    return value


def nbgrader(folder: Path, *words: str) -> None:
    environment = os.environ | {"HOME": str(folder), "JUPYTER_CONFIG_DIR": str(folder), "JUPYTER_PATH": ""}
    done = subprocess.run(
        [NBGRADER, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr


def of_role(nb: NotebookNode, **roles: bool) -> dict[str, NotebookNode]:
    """The cells that nbgrader sees in these roles, by question: `ex-04-1`."""
    marked = [cell for cell in nb.cells if roles.items() <= cell.metadata.get("nbgrader", {}).items()]
    return {cell.id.rpartition("-")[0]: cell for cell in marked}


def hand_in(folder: Path, student: str, lesson: str, nb: NotebookNode) -> None:
    place = folder / "submitted" / student / lesson
    place.mkdir(parents=True)
    for data in (folder / "release" / lesson).glob("data"):
        (place / "data").symlink_to(data)
    (place / f"{lesson}.ipynb").write_text(dumps(nb), encoding="utf-8")


def answered(released: NotebookNode, source: NotebookNode, tamper: Callable[[str], str] = lambda name: "") -> NotebookNode:
    """The released notebook with worked answers, and what `tamper` says of a question put after its answer."""
    nb, worked = loads(dumps(released)), of_role(source, solution=True)
    for name, cell in of_role(nb, solution=True).items():
        *lines, check = worked[name].source.splitlines()
        cell.source = "\n".join([*lines, *filter(None, [tamper(name)]), check])
    return nb


def grades(folder: Path) -> dict[str, tuple[float, float]]:
    """Points and the most points of each student, as nbgrader exports them."""
    nbgrader(folder, "export", "--to", "grades.csv")
    with (folder / "grades.csv").open(encoding="utf-8") as file:
        return {row["student_id"]: (float(row["score"]), float(row["max_score"])) for row in csv.DictReader(file)}


@pytest.mark.parametrize("lesson", LESSONS)
def test_points_are_given_to_right_answers_alone(lesson, tmp_path):
    number = lesson[:2]
    questions = {question.id: question for question in of_lesson(number).values() if question.number != "p"}
    cases = [clinic(n) for n in numbers()] if number == "12" else []
    points = {id: question.stars or 1 for id, question in questions.items()}

    write_course(COURSE, tmp_path)
    nbgrader(tmp_path, "generate_assignment", lesson)
    source, released = (
        loads((tmp_path / place / lesson / f"{lesson}.ipynb").read_text(encoding="utf-8"))
        for place in ("source", "release")
    )
    learner = loads((COURSE / "notebooks" / f"{lesson}.ipynb").read_text(encoding="utf-8"))
    given = {cell.id: cell.source for cell in learner.cells if cell.id.endswith("-answer")}
    assert {
        cell.id: cell.source.replace("\n\n", "\n") for cell in of_role(released, solution=True).values()
    } == given
    assert "worked" not in dumps(released) and "SOLUTION" not in dumps(released)
