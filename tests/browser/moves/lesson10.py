"""The panel of lesson 10: one card of many."""

from __future__ import annotations

import vram
from vram.show.panels.lesson10 import SEQ_LEN, cards_panel

from .row import NEXT, PREVIOUS, PanelMoves


def _peak(model: str, zero: int, dp: int, tp: int, pp: int) -> str:
    alone = vram.training(vram.models[model], seq_len=SEQ_LEN)
    shared = vram.shard(alone, zero=zero, dp=dp, tp=tp, pp=pp)
    peak, need = vram.both(shared.peak), vram.gib(alone.peak)
    return f"of {dp * tp * pp:,} cards peaks at {peak}; one card alone would need {need}."


NOTEBOOK = "10-many-gpus"
PANEL = PanelMoves(
    cards_panel,
    _peak,
    {
        "ZeRO stage": NEXT,
        "Copies (dp)": NEXT,
        "Tensor parallel (tp)": NEXT,
        "Pipeline stages (pp)": NEXT,
        "Model": PREVIOUS,
    },
)
