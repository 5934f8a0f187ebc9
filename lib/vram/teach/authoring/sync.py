"""Write the questions of a lesson into its notebook, and build the notebook of its solutions, from one definition.

`sync_lesson` inserts the generated cells where they are missing and rewrites them where they stand; all other cells
stay as they are. Neither executes anything: `make notebooks` does. Which cells are generated: see `structure`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from copy import deepcopy
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from ...words import say
from ..exercise import Exercise
from ..exercises import lessons, of_lesson
from . import cases, challenge
from .structure import SPECIAL, lesson_number, title_of

_STAR = "★"


def sync_lesson(nb: NotebookNode, path: Path) -> NotebookNode:
    """A copy of a lesson with its generated cells up to date. A lesson without questions is returned unchanged."""
    nb, number = deepcopy(nb), lesson_number(path)
    if number not in lessons():
        return nb
    for cell, after in _generated(number, path):
        _put(nb, cell, after)
    return nb


def build_solutions(path: Path, title: str | None = None) -> NotebookNode:
    """The solutions notebook of the lesson at `path`, unexecuted: each question, its reasoning, the code, the check.

    `title` is the lesson's title; without it, it is read from the lesson.
    """
    import nbformat

    number = lesson_number(path)
    title = title or title_of(nbformat.read(path, as_version=4))
    questions = of_lesson(number).values()
    cells = [
        new_markdown_cell(
            f"{say('lesson.solutions_title', title=title)}\n\n{say('lesson.solutions_intro', file=path.name)}",
            id="title",
        ),
        _code("setup", _solution_imports(number, [question.solution for question in questions])),
    ]
    for question in questions:
        cells += _solution_cells(question)
    if number == cases.LESSON:
        cells += [_markdown("cases", say("lesson.cases")), *cases.solution_cells()]
    if number == challenge.LESSON:
        cells += challenge.solution_cells()
    return new_notebook(cells=cells, metadata={"kernelspec": _KERNEL, "language_info": {"name": "python"}})


_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def _generated(number: str, path: Path) -> Iterator[tuple[NotebookNode, tuple[str, ...]]]:
    """Every generated cell of a lesson, with the ids after which it goes, the nearest first."""
    questions = of_lesson(number)
    predict, mistake, exit_ = (questions[f"{number}.{letter}"] for letter in "pmx")
    exercises = [question for question in questions.values() if question.stars]
    yield _markdown("predict", f"{say('lesson.predict')}\n\n{_question(predict)}"), ("setup", "binder", "title")
    yield _code("predict-guess", f'guess = None\npredict("{predict.id}", guess)'), ("predict",)
    yield _code("predict-reveal", f'reveal("{predict.id}")'), ("section:derive", "predict-guess")
    yield _markdown("mistake-question", _question(mistake)), ("section:mistake", "section:play", "predict-reveal")
    yield _answer("mistake-answer", mistake), ("mistake-question",)
    last = "section:summary"
    if exercises:
        opening = _markdown("exercises", say("lesson.exercises", id=exercises[0].id))
        yield opening, (last, "section:world", "mistake-answer")
        last = "exercises"
    for exercise in exercises:
        name = f"ex-{number}-{exercise.number}"
        yield _markdown(f"{name}-question", f"{_heading(exercise)}\n\n{_question(exercise)}"), (last,)
        last = f"{name}-answer"
        yield _answer(last, exercise), (f"{name}-question",)
    if number == cases.LESSON:
        yield from _cases()
    yield _markdown("exit-question", f"{say('lesson.exit')}\n\n{_question(exit_)}"), (last,)
    yield _answer("exit-answer", exit_), ("exit-question",)
    yield _code("progress", f'progress("{number}")'), ("exit-answer",)
    yield _markdown("navigation", _navigation(path)), ("section:sources", "progress")


def _cases() -> Iterator[tuple[NotebookNode, tuple[str, ...]]]:
    before = "cases"
    for question, answer in cases.lesson_cells():
        yield question, (before,)
        yield answer, (question.id,)
        before = answer.id


def _put(nb: NotebookNode, cell: NotebookNode, after: tuple[str, ...]) -> None:
    """Rewrite the cell of this id in place, or insert it after the first of `after` that the notebook has."""
    for old in nb.cells:
        if old.get("id") == cell.id:
            if old.cell_type != cell.cell_type:
                nb.cells[nb.cells.index(old)] = cell
            elif old.source != cell.source:
                old.source = cell.source
            return
    nb.cells.insert(_position_after(nb, after), cell)


def _position_after(nb: NotebookNode, after: tuple[str, ...]) -> int:
    ids = [cell.get("id", "") for cell in nb.cells]
    for name in after:
        section = name.removeprefix("section:")
        if section not in ids:
            continue
        start = ids.index(section) + 1
        return _end_of_section(nb, start) if name.startswith("section:") else start
    return len(ids)


def _end_of_section(nb: NotebookNode, start: int) -> int:
    for index in range(start, len(nb.cells)):
        cell = nb.cells[index]
        opens = cell.cell_type == "markdown" and cell.source.startswith("## ")
        if opens or cell.get("id") == "navigation":
            return index
    return len(nb.cells)


def _question(question: Exercise) -> str:
    """The text of a question, its options, and how it is answered."""
    parts = [question.words("question").strip()]
    if question.letters:
        parts.append("\n".join(f"- ({x}) {question.words(f'option.{x}')}" for x in question.letters))
    return "\n\n".join([*parts, instructions(question)])


def instructions(question: Exercise) -> str:
    """How a question is answered: the kind of its answer, and how exact."""
    form = "guess" if question.number == "p" else "form"
    kind = "error" if question.signed else question.kind
    return say(f"{form}.{kind}", tolerance=_tolerance(question))


def _tolerance(question: Exercise) -> str:
    if not question.tolerance:
        return say("form.tolerance.exact")
    part = "points" if question.kind == "percent" else "within"
    return say(f"form.tolerance.{part}", percent=f"{float(question.tolerance * 100):g}")


def _heading(exercise: Exercise) -> str:
    return say("lesson.exercise", number=exercise.number, stars=_STAR * exercise.stars)


def _answer(name: str, question: Exercise) -> NotebookNode:
    return _code(name, f'answer = None\ncheck("{question.id}", answer)')


def _solution_cells(question: Exercise) -> Iterator[NotebookNode]:
    """The question, the folded reasoning, and the code that ends in a check."""
    from ..compare import shown

    name = SPECIAL.get(question.number) or f"ex-{question.lesson}-{question.number}"
    heading = _heading(question) if question.stars else say(f"lesson.solution_{name}")
    reasoning = question.words("solution", answer=shown(question, question.truth())).strip()
    folded = f"<details>\n<summary>{say('lesson.reasoning')}</summary>\n\n{reasoning}\n\n</details>"
    yield _markdown(f"{name}-question", f"{heading}\n\n{_question(question)}")
    yield _markdown(f"{name}-reasoning", folded)
    yield _code(f"{name}-solution", f'{question.solution}\ncheck("{question.id}", answer)')


def _solution_imports(number: str, solutions: Iterable[str]) -> str:
    """The imports that these solutions use, and no other."""
    code = "\n".join(solutions)
    units = [unit for unit in ("B",) if number == cases.LESSON or re.search(rf"\* {unit}\b", code)]
    sympy = ["import sympy\n"] if "sympy." in code else []
    clinic = ["from vram.teach.clinic import Answer, check_case, clinic"] if number == cases.LESSON else []
    audit = ["from vram.teach.audit import audit"] if number == challenge.LESSON else []
    return "\n".join([*sympy, "import vram", f"from vram.teach import {', '.join([*units, 'check'])}", *audit, *clinic])


def _navigation(path: Path) -> str:
    """Previous and next lesson of the folder, by number; the course's page where there is none."""
    files = sorted(p.name for p in path.parent.glob("[0-9][0-9]-*.ipynb"))
    here = files.index(path.name) if path.name in files else len(files)
    before = files[here - 1] if here > 0 else None
    behind = files[here + 1] if here + 1 < len(files) else None
    links = (
        say("lesson.previous", link=_link(path.parent, before)),
        say("lesson.next", link=_link(path.parent, behind)),
    )
    return " · ".join(links)


def _link(folder: Path, name: str | None) -> str:
    if name is None:
        return say("lesson.course")
    import nbformat

    return f"[{name[:2]} · {title_of(nbformat.read(folder / name, as_version=4))}]({name})"


def _markdown(name: str, source: str) -> NotebookNode:
    return new_markdown_cell(re.sub(r"\n{3,}", "\n\n", source.strip()), id=name)


def _code(name: str, source: str) -> NotebookNode:
    return new_code_cell(source, id=name)
