"""Predict, then reveal: a learner commits to a guess before the derivation, and meets it again after.

A guess is compared by its factor to the truth, in neutral words: a guess is neither right nor wrong.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ..words import say
from . import state
from .answers import is_open, read
from .compare import complaint, shown
from .exercise import Exercise
from .exercises import find
from .feedback import Feedback
from .unreadable import Unreadable

_CLOSE = Fraction(5, 100)
_FAR = 1000


def predict(id: str, guess: object = None) -> Feedback:
    """Commit to a guess for a question such as "02.p", or skip it with None. The truth stays hidden until `reveal`."""
    exercise = find(id)
    state.guesses.pop(id, None)
    if is_open(guess):
        state.guesses[id] = None
        return Feedback("", say("predict.skipped"))
    try:
        state.guesses[id] = read(exercise.kind, guess, exercise.names, exercise.letters)
    except Unreadable as reason:
        return Feedback("unclear", complaint(exercise, reason))
    return Feedback("", say("predict.noted", id=id))


def reveal(id: str) -> Feedback:
    """Set the guess beside what the library computes."""
    exercise = find(id)
    if id not in state.guesses:
        return Feedback("", say("reveal.first", id=id))
    truth, guess = exercise.truth(), state.guesses[id]
    return Feedback("", f"{_beside(exercise, guess, truth)} {exercise.words('praise', answer=shown(exercise, truth))}")


def _beside(exercise: Exercise, guess: Any, truth: Any) -> str:
    if guess is None:
        skipped = "reveal.skipped_choice" if exercise.kind == "choice" else "reveal.skipped"
        return say(skipped, truth=shown(exercise, truth))
    if guess == truth:
        return say("reveal.exact", truth=shown(exercise, truth))
    if exercise.kind == "choice":
        return say("reveal.choice", guess=guess, truth=truth)
    truth = Fraction(truth)
    if guess * truth <= 0:
        return say("reveal.sign", guess=_short(exercise, guess), truth=shown(exercise, truth))
    factor = max(guess / truth, truth / guess)
    both = {"guess": _short(exercise, guess), "truth": shown(exercise, truth)}
    if factor - 1 <= _CLOSE:
        return say("reveal.close", percent=int(_CLOSE * 100), **both)
    if factor > _FAR:
        return say("reveal.far", **both)
    return say("reveal.factor", factor=f"{float(factor):.3g}", **both)


def _short(exercise: Exercise, guess: Fraction) -> str:
    """A guess as text; one beyond anything a GPU could hold is not written out."""
    return shown(exercise, guess) if abs(guess) < 10**18 else "…"
