"""The panel of lesson 06: model states of training."""

from __future__ import annotations

import vram
from vram.show.panels.lesson06 import states_panel

from .row import NEXT, PREVIOUS, PanelMoves


def _states(model: str, recipe: str, optimizer: str, gpu: str) -> str:
    timeline = vram.model_states(vram.models[model], recipe=recipe, optimizer=optimizer)
    return f"{vram.both(timeline.peak)} of model states"


NOTEBOOK = "06-training-states"
PANEL = PanelMoves(states_panel, _states, {"Recipe": NEXT, "Optimizer": NEXT, "GPU": PREVIOUS, "Model": PREVIOUS})
