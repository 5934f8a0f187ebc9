"""The panel of lesson 09: days of training."""

from __future__ import annotations

import vram
from vram.show.panels.lesson09 import SEQ_LEN, time_panel, written

from .row import NEXT, PREVIOUS, PanelMoves


def _time(model: str, tokens: int, cards: int, gpu: str, utilisation: float) -> str:
    how = {"tokens": tokens, "seq_len": SEQ_LEN, "gpu": gpu, "gpus": cards, "mfu": utilisation}
    once, twice = (written(vram.training_time(vram.models[model], **how, recompute=again)) for again in (False, True))
    return f"takes {once} on {cards:,} × {gpu}, and {twice} if every layer is computed twice."


NOTEBOOK = "09-compute-and-time"
PANEL = PanelMoves(
    time_panel,
    _time,
    {"Training tokens": NEXT, "Number of GPUs": NEXT, "GPU": NEXT, "Utilisation": PREVIOUS, "Model": PREVIOUS},
)
