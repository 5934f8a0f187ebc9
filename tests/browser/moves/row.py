"""One row of the table of moves, and the keys that move a control."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vram.show.panel import Panel

# A drop-down list by keyboard: open it, go, take. JupyterLab takes the arrow keys for itself while it is closed.
NEXT = "Space ArrowDown Enter"
PREVIOUS = "Space ArrowUp Enter"
TOGGLE = "Space"


@dataclass(frozen=True)
class PanelMoves:
    """The panel of a lesson: how it is made, what it must say in a state, {name of a control: its keys}."""

    panel: Callable[[], Panel]
    truth: Callable[..., str]
    moves: dict[str, str]
