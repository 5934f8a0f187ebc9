"""Which panel stands in which lesson, which control is moved by which keys, and what must then be read.

One file a lesson: NOTEBOOK names it, PANEL says how its panel is moved. Every control is moved once, in the order of
the table; each move starts where the one before it ended. A function of the state after a move, as the panel's own
function gets it, computes with the library what the panel must say.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from .row import PanelMoves

_LESSONS = [import_module(f".{path.stem}", __package__) for path in sorted(Path(__file__).parent.glob("lesson*.py"))]

PANELS: dict[str, PanelMoves] = {lesson.NOTEBOOK: lesson.PANEL for lesson in _LESSONS}
