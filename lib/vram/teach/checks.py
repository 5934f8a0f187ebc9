"""Check an answer, and keep the score of a lesson in this kernel."""

from __future__ import annotations

from ..words import say
from . import state
from .compare import judge
from .exercises import find, of_lesson
from .feedback import Feedback


def check(id: str, answer: object = None) -> Feedback:
    """Compare an answer to a question such as "02.1" with what the library computes.

    Counts are whole numbers, amounts carry a unit (`"0.5 KiB"` or `0.5 * KiB`), formulas are text or SymPy, choices
    are letters. No answer raises; an unknown question raises VramError.

    >>> check("02.1", None).verdict
    'open'
    """
    feedback = judge(find(id), answer)
    if feedback.right:
        state.solved.add(id)
    return feedback


def progress(lesson: str) -> Feedback:
    """Which questions of a lesson ("02") are solved in this kernel; the prediction does not count."""
    questions = [id for id in of_lesson(lesson) if not id.endswith(".p")]
    done = [id for id in questions if id in state.solved]
    left = [id for id in questions if id not in state.solved]
    lines = [say("progress.title", lesson=lesson, solved=len(done), total=len(questions))]
    lines += [say("progress.solved", ids=", ".join(done))] if done else []
    lines += [say("progress.open", ids=", ".join(left))] if left else []
    return Feedback("", " ".join(lines))
