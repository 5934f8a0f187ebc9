"""How far is the clinic solved in this kernel? One row a case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...words import say
from .. import state
from .case import clinic, numbers

if TYPE_CHECKING:
    from ...show.tables import StyledTable


def clinic_progress(seed: int = 1) -> StyledTable:
    """A table of all cases of a seed: theme, title, and which parts of the answer stand.

    Raises VramError for a seed that does not exist.
    """
    from ...show.tables import StyledTable

    cases = [clinic(number, seed) for number in numbers()]
    rows = [
        (case.title, say(f"clinic.theme.{case.question.theme}"), *_marks(state.cases.get(case.id, {})))
        for case in cases
    ]
    solved = sum(state.cases.get(case.id, {}).get(part, False) for case in cases for part in ("size", "config"))
    return StyledTable(
        [say(f"clinic.column.{name}") for name in ("case", "theme", "size", "config", "sentence")],
        rows,
        align="lllll",
        caption=say("clinic.progress", seed=seed, solved=solved, total=2 * len(cases)),
    )


def _marks(marks: dict[str, bool | int]) -> tuple[str, str, str]:
    size, config, sentence = (
        say(f"check.mark.{'right' if marks.get(name) else 'open'}") for name in ("size", "config", "sentence")
    )
    return size, config, say("clinic.points", mark=sentence, points=marks["points"]) if "points" in marks else sentence
