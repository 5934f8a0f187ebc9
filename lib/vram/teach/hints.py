"""Three hints for each exercise, one more a call: where to look, how to set it up, the last step before the number."""

from __future__ import annotations

from ..words import say
from . import state
from .exercise import RUNGS, Exercise
from .exercises import find
from .feedback import Feedback


def hint(id: str) -> Feedback:
    """The next hint for a question such as "02.1"; after the last one, the last one again. None holds the truth."""
    return next_hint(find(id), id)


def next_hint(exercise: Exercise, id: str) -> Feedback:
    """The next hint of an exercise; `id` is the name under which the hints taken are counted."""
    if not exercise.has_words("hint1"):
        return Feedback("", say("hint.none", id=id))
    step = min(state.hints_taken.get(id, 0) + 1, RUNGS)
    was_last = state.hints_taken.get(id) == RUNGS
    state.hints_taken[id] = step
    text = say("hint.step", n=step, total=RUNGS, text=exercise.words(f"hint{step}"))
    return Feedback("", f"{text} {say('hint.last')}" if was_last else text)
