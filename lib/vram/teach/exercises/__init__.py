"""The questions of the course, one file a lesson."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from importlib.resources import files

from ...ledger.errors import unknown
from ..exercise import Exercise

_FILE = re.compile(r"lesson(\d\d)\.py")


@cache
def lessons() -> tuple[str, ...]:
    """The numbers of the lessons that have questions."""
    return tuple(sorted(m[1] for place in files(__package__).iterdir() if (m := _FILE.fullmatch(place.name))))


@cache
def of_lesson(lesson: str) -> dict[str, Exercise]:
    """All questions of a lesson by id, in their order in the lesson. Raises VramError for an unknown lesson."""
    if lesson not in lessons():
        raise unknown("lesson", lesson, lessons())
    questions = import_module(f".lesson{lesson}", __package__).QUESTIONS
    return {question.id: question for question in questions}


def find(id: str) -> Exercise:
    """The question with this id. Raises VramError, which lists the questions of the lesson, for an unknown one."""
    lesson = str(id).partition(".")[0]
    questions = of_lesson(lesson)
    if id not in questions:
        raise unknown("question", id, questions)
    return questions[id]
