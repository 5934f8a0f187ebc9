"""The panel of lesson 07: the peak of a training step and its phase."""

from __future__ import annotations

import vram
from vram.show.panels.lesson07 import peak_panel, run

from .row import NEXT, PREVIOUS, PanelMoves


def _peak(model: str, batch: int, seq_len: int, attention: str, checkpointing: str) -> str:
    step = vram.training(vram.models[model], batch=batch, seq_len=seq_len, **run(attention, checkpointing))
    return f"The peak is {vram.gib(step.peak)}, in the phase: {step.peak_phase}."


NOTEBOOK = "07-activations-and-peak"
PANEL = PanelMoves(
    peak_panel,
    _peak,
    {
        "Tokens of a sequence": NEXT,
        "Attention": PREVIOUS,
        "Checkpointing": NEXT,
        "Sequences": PREVIOUS,
        "Model": NEXT,
    },
)
