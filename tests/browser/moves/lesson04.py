"""The panel of lesson 04: the KV cache beside the weights."""

from __future__ import annotations

import vram
from vram.show.panels.lesson04 import kv_panel

from .row import NEXT, PREVIOUS, PanelMoves


def _cached(model: str, kv: str, seq_len: int, batch: int, gpu: str) -> str:
    arch = vram.models[model]
    token = vram.kv_cache(arch, seq_len=1, dtype=kv).nbytes
    cache = vram.kv_cache(arch, batch=batch, seq_len=seq_len, dtype=kv).nbytes
    total = vram.weights(arch).nbytes + cache
    room = vram.gpus[gpu].usable_bytes - total
    fit = (
        f"It fits on the {gpu} with {vram.gib(room)} left."
        if room >= 0
        else f"On the {gpu}, {vram.gib(-room)} are missing."
    )
    return (
        f"The cache takes {vram.gib(cache)}, {vram.gib(token)} for each token; "
        f"with the weights that is {vram.gib(total)}. {fit}"
    )


NOTEBOOK = "04-kv-cache"
PANEL = PanelMoves(
    kv_panel,
    _cached,
    {"K/V format": NEXT, "Tokens of a sequence": NEXT, "Sequences": PREVIOUS, "GPU": NEXT, "Model": PREVIOUS},
)
