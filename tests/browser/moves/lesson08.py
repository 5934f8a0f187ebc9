"""The panel of lesson 08: what an adapter trains."""

from __future__ import annotations

import vram
from vram.show.panels.lesson08 import TARGETS, lora_panel

from .row import NEXT, PREVIOUS, PanelMoves


def _adapters(model: str, rank: int, targets: str, base: str, optimizer: str) -> str:
    arch = vram.models[model]
    trained = vram.lora(arch, rank=rank, targets=TARGETS[targets])
    timeline = vram.model_states(arch, recipe="fp32", optimizer=optimizer, lora=trained, base=base)
    total = vram.count(vram.weights(arch).numel)
    share = vram.percent(trained.numel, vram.weights(arch).numel, 2)
    trains = f"LoRA trains {vram.count(trained.numel)} parameters, {share} of {total}."
    return f"{trains} Model states: {vram.gib(timeline.peak)},"


NOTEBOOK = "08-lora-and-qlora"
PANEL = PanelMoves(
    lora_panel,
    _adapters,
    {"LoRA rank": NEXT, "Base weights": NEXT, "Optimizer": NEXT, "Target modules": NEXT, "Model": PREVIOUS},
)
