"""The panel of lesson 01: numbers, bytes and units."""

from __future__ import annotations

import vram
from vram.ledger.units import shown
from vram.show.panels.lesson01 import units_panel

from .row import NEXT, PREVIOUS, PanelMoves


def _sized(count: int, dtype: str, unit: str, gpu: str) -> str:
    return f"take {shown(vram.dtypes[dtype].nbytes(count), unit)}. {gpu}, "


NOTEBOOK = "01-bytes-and-units"
PANEL = PanelMoves(
    units_panel, _sized, {"How many numbers": NEXT, "Number format": NEXT, "Unit": NEXT, "GPU": PREVIOUS}
)
