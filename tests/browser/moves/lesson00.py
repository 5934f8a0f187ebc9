"""The calculator of lesson 00."""

from __future__ import annotations

from typing import Any

import vram
from vram.show.fit.panel import calculator

from .row import NEXT, PREVIOUS, PanelMoves


def _verdict(context: int, gpu: str, job: str, model: str, **_: Any) -> str:
    llama, card = vram.models[model], vram.gpus[gpu]
    if job == "run":
        peak = vram.inference(llama, seq_len=context, overhead=True).peak
    else:
        how = {"recipe": "fp32", "lora": 16, "checkpointing": "full", "base": "nf4" if job == "qlora" else "bf16"}
        peak = vram.training(llama, seq_len=context, **how).peak + vram.overhead().nbytes
    return f"fit the {gpu}: needs {vram.gib(peak)}, has {vram.gib(card.usable_bytes)}, lacks"


NOTEBOOK = "00-will-it-fit"
PANEL = PanelMoves(
    calculator, _verdict, {"Context, tokens": PREVIOUS, "GPU": NEXT, "Job": NEXT, "Model": PREVIOUS}
)
