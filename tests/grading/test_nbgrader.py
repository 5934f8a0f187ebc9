"""Does the real nbgrader give a right student all points, a wrong one those of the right answers, others none?

`make nbgrader` runs this. Each lesson gets a course folder of its own, from the source to the gradebook.
"""

import csv
import os
import subprocess
from pathlib import Path

import pytest
from nbformat import NotebookNode

from vram.teach.authoring.files import dumps, loads
from vram.teach.authoring.grading import write_course
from vram.teach.clinic import clinic, numbers
from vram.teach.compare import judge
from vram.teach.exercise import Exercise
from vram.teach.exercises import find, of_lesson

COURSE = Path(__file__).parents[2]
NBGRADER = COURSE / ".venv-nbgrader" / "bin" / "nbgrader"
THOROUGH = ("04", "12")  # every kind of question, and the cases: here wrong and half right students hand in, too
LESSONS = sorted(path.stem for path in (COURSE / "notebooks").glob("[0-9][0-9]-*.ipynb"))

WRONG = {"count": 1, "bytes": "1 B", "number": 123456, "percent": 9, "symbolic": "h"}
# Whoever writes this makes the lesson's own check say yes; the cell with the points must not believe it.
FORGED = "class Yes:\n    right = True\ncheck = check_case = lambda *_: Yes"


def wrong(question: Exercise) -> object:
    """A value that the check reads and finds wrong."""
    value = WRONG.get(question.kind) or next(x for x in question.letters if x != question.truth())
    assert judge(question, value).verdict == "wrong"
    return value


def nbgrader(folder: Path, *words: str) -> None:
    """Run nbgrader with its environment first in the path: it starts alembic and the kernel by name."""
    path = os.pathsep.join([str(NBGRADER.parent), os.environ["PATH"]])
    settings = {"PATH": path, "HOME": str(folder), "JUPYTER_CONFIG_DIR": str(folder / "settings")}
    done = subprocess.run([NBGRADER, *words], cwd=folder, env=os.environ | settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def answers(nb: NotebookNode) -> dict[str, NotebookNode]:
    """The answer cells by question: ex-04-1, mistake, case-07."""
    marked = [cell for cell in nb.cells if cell.metadata.get("nbgrader", {}).get("solution")]
    return {cell.id.removesuffix("-answer"): cell for cell in marked}


def hand_in(folder: Path, student: str, file: Path, text: str) -> None:
    place = folder / "submitted" / student / file.stem
    place.mkdir(parents=True)
    (place / file.name).write_text(text, encoding="utf-8")


def answered(released: str, source: str, wrong_ones: dict[str, str]) -> str:
    """The released notebook with the worked answers, and wrong ones after them where there are some."""
    nb, worked = loads(released), answers(loads(source))
    for name, cell in answers(nb).items():
        *lines, check = worked[name].source.splitlines()
        cell.source = "\n".join([*lines, *([wrong_ones[name], FORGED] if name in wrong_ones else []), check])
    for cell in nb.cells if wrong_ones else []:
        if cell.id.endswith("-points"):
            cell.source = "1"
    return dumps(nb)


def points(folder: Path) -> dict[str, tuple[float, float]]:
    """Points that each student has and can have, as nbgrader exports them."""
    nbgrader(folder, "export", "--to", "grades.csv")
    with (folder / "grades.csv").open(encoding="utf-8") as file:
        return {row["student_id"]: (float(row["score"]), float(row["max_score"])) for row in csv.DictReader(file)}


def question_of(name: str, number: str) -> Exercise:
    return find(f"{number}.{ {'mistake': 'm', 'exit': 'x'}.get(name) or name.rpartition('-')[2]}")


@pytest.mark.parametrize("lesson", LESSONS)
def test_points_are_given_to_right_answers_alone(lesson, tmp_path):
    number = lesson[:2]
    write_course(COURSE, tmp_path)
    nbgrader(tmp_path, "generate_assignment", lesson)
    file = Path(f"{lesson}.ipynb")
    source, released = ((tmp_path / s / lesson / file).read_text(encoding="utf-8") for s in ("source", "release"))
    learner = loads((COURSE / "notebooks" / file).read_text(encoding="utf-8"))
    written = {cell.id: cell.source for cell in learner.cells if cell.id.endswith("-answer")}
    kept = {cell.id: cell.source.replace("\n\n", "\n") for cell in answers(loads(released)).values()}
    assert kept == written and "SOLUTION" not in released and "worked()" not in released

    worth, bad = {}, {}
    for name in answers(loads(source)):
        if name.startswith("case-"):
            worth[name] = clinic(int(name[-2:])).question.stars
            bad[name] = 'answer = Answer(answer.config, "1 B", answer.sentence)'
        else:
            worth[name] = question_of(name, number).stars or 1
            bad[name] = f"answer = {wrong(question_of(name, number))!r}"
    assert len(worth) == len(of_lesson(number)) - 1 + (len(numbers()) if number == "12" else 0)
    students = {"untouched": None, "right": {}}
    if number in THOROUGH:
        students |= {"half": dict(list(bad.items())[::2]), "wrong": bad}
    for student, wrong_ones in students.items():
        text = released if wrong_ones is None else answered(released, source, wrong_ones)
        hand_in(tmp_path, student, file, text)
    nbgrader(tmp_path, "autograde", lesson)

    total = sum(worth.values())
    # Those of a sentence are given by a person, and open until then.
    most = total + sum(cell.metadata.nbgrader.get("points", 0) for cell in answers(loads(source)).values())
    expected = {student: total - sum(worth[name] for name in bad or ()) for student, bad in students.items()}
    assert points(tmp_path) == {s: (got, most) for s, got in (expected | {"untouched": 0}).items()}
