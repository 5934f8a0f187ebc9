"""The calculator of lesson 00: its four controls at first sight. The others are moved in test_calculator.py."""

from __future__ import annotations

import vram
from vram.show.fit.panel import Calculator, calculator
from vram.show.fit.state import FIRST

from .row import NEXT, PREVIOUS, PanelMoves


class _FirstSight:
    """The calculator as a panel of four controls; the assumptions stay what they are."""

    def __init__(self) -> None:
        whole: Calculator = calculator()
        self.controls, self.render = whole.controls[: len(FIRST)], whole.render


def _needed(model: str, job: str, gpu: str, context: int) -> str:
    arch, card = vram.models[model], vram.gpus[gpu]
    if job == "run":
        peak = vram.inference(arch, seq_len=context, overhead=True).peak
    else:
        how = {"recipe": "fp32", "lora": 16, "checkpointing": "full", "base": "nf4" if job == "qlora" else "bf16"}
        peak = vram.training(arch, seq_len=context, **how).peak + vram.overhead().nbytes
    room = card.usable_bytes - peak
    rest = f"{vram.gib(room)} left." if room >= 0 else f"lacks {vram.gib(-room)}."
    return f"the {gpu}: needs {vram.gib(peak)}, has {vram.gib(card.usable_bytes)}, {rest}"


NOTEBOOK = "00-will-it-fit"
PANEL = PanelMoves(
    _FirstSight, _needed, {"Context, tokens": PREVIOUS, "GPU": NEXT, "Job": NEXT, "Model": PREVIOUS}
)
