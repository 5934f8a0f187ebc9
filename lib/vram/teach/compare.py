"""Is an answer right, and if not, which thought does its value betray?"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ..words import say
from .answers import is_open, read
from .exercise import Exercise, Slip
from .expressions import same
from .feedback import Feedback
from .misconceptions import by_ratio, sentence
from .quantities import amount
from .unreadable import Unreadable

_ROUNDED = Fraction(1, 100)  # a count this near to the truth, ending in zeros, was rounded
_BARE = 2  # a share as large as this lacks its percent sign: no question has a truth near it


def judge(exercise: Exercise, answer: object) -> Feedback:
    """The feedback on an answer. A wrong one is never told the truth, nor on which side of it it lies."""
    if is_open(answer):
        return Feedback("open", say("check.open_hint", id=exercise.id))
    try:
        value = read(exercise.kind, answer, exercise.names, exercise.letters)
    except Unreadable as reason:
        return Feedback("unclear", complaint(exercise, reason))
    truth = exercise.truth()
    if agrees(exercise, value, truth):
        return Feedback("right", exercise.words("praise", answer=shown(exercise, truth)))
    return Feedback("wrong", _thought(exercise, value, truth))


def complaint(exercise: Exercise, reason: Unreadable) -> str:
    """Why an answer or a guess cannot be read."""
    more = {"symbols": ", ".join(exercise.symbols)} if reason.key == "symbol" else {}
    return say(f"check.unreadable.{reason.key}", **reason.values, **more)


def agrees(exercise: Exercise, value: Any, other: Any) -> bool:
    """Whether two values are the same answer to this exercise, within its stated tolerance."""
    if exercise.kind == "choice":
        return value == other
    if exercise.kind == "symbolic":
        return same(value, other)
    scale = 1 if exercise.kind == "percent" else abs(Fraction(other))
    return abs(value - Fraction(other)) <= exercise.tolerance * scale


def _thought(exercise: Exercise, value: Any, truth: Any) -> str:
    for slip in exercise.slips:
        if agrees(exercise, value, slip.value()):
            return _slip_words(exercise, slip)
    if exercise.kind not in ("choice", "symbolic"):
        misconception = by_ratio(exercise.kind, value, Fraction(truth), exercise.tolerance)
        if misconception:
            return sentence(misconception)
    if exercise.kind == "percent" and abs(value) >= _BARE:
        return say("check.bare_percent")
    if exercise.kind == "count" and value % 1000 == 0 and abs(value - truth) <= _ROUNDED * truth:
        return say("check.rounded")
    return say(f"check.other_{exercise.kind}")


def _slip_words(exercise: Exercise, slip: Slip) -> str:
    part = f"slip.{slip.name}"
    return exercise.words(part) if exercise.has_words(part) else sentence(slip.misconception)


def shown(exercise: Exercise, value: Any) -> str:
    """A value of this exercise as text, the way the lessons write it."""
    from ..ledger import units

    match exercise.kind:
        case "count":
            return units.count(int(value))
        case "bytes":
            return amount(Fraction(value))
        case "percent":
            return units.percent(Fraction(value), digits=1)
        case "number":
            return f"{float(value):,.4g}"
        case "symbolic":
            return str(value).replace("**2", "²").replace("**3", "³").replace("*", "·")
    return str(value)
