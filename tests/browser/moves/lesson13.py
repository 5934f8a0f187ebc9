"""The panel of lesson 13: what is resident and what a step reads."""

from __future__ import annotations

import vram
from vram.show.panels.lesson13 import experts_panel

from .row import NEXT, PanelMoves


def _resident(model: str, base: str, kv: str, seq_len: int, batch: int) -> str:
    arch = vram.models[model]
    total, active = vram.weights(arch).numel, vram.active_parameters(arch)
    nbytes = vram.stored_weights(arch, base).nbytes
    cache = vram.kv_cache(arch, batch=batch, seq_len=seq_len, dtype=kv).nbytes
    step = vram.decode_time(arch, gpu="H200", batch=batch, seq_len=seq_len, weights=base, kv=kv).nbytes
    return (
        f"{vram.count(total)} parameters are resident, {vram.gib(nbytes)}. One token works with {vram.count(active)} "
        f"of them, {vram.percent(active, total)}. At batch size {vram.count(batch)}, a step reads at most "
        f"{vram.gib(step - cache)} of weights. The cache takes {vram.gib(cache)},"
    )


NOTEBOOK = "13-inside-moe-and-mla"
PANEL = PanelMoves(
    experts_panel,
    _resident,
    {"Weights": NEXT, "K/V format": NEXT, "Tokens of a sequence": NEXT, "Sequences": NEXT, "Model": NEXT},
)
