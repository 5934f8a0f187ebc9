"""The panel of lesson 03: from GPT-2 to a LLaMA, one change at a time."""

from __future__ import annotations

import vram
from vram.show.morph import steps
from vram.show.panels.lesson03 import morph_panel

from .row import NEXT, PREVIOUS, PanelMoves


def _morphed(target: str, step: int) -> str:
    return f"now {vram.count(list(steps(vram.models[target]))[step].numel)}"


NOTEBOOK = "03-the-llama-table"
PANEL = PanelMoves(morph_panel, _morphed, {"Step": NEXT, "Model": PREVIOUS})
