"""The panel of lesson 02: parameters counted."""

from __future__ import annotations

from typing import Any

import vram
from vram.show.panels.lesson02 import architecture, count_panel

from .row import NEXT, PREVIOUS, TOGGLE, PanelMoves


def _counted(**state: Any) -> str:
    return f"{vram.count(vram.weights(architecture(**state)).numel)} parameters"


NOTEBOOK = "02-count-every-parameter"
PANEL = PanelMoves(
    count_panel,
    _counted,
    {"Width h": NEXT, "Layers l": NEXT, "Vocabulary V": PREVIOUS, "Biases": NEXT, "Tied output head": TOGGLE},
)
