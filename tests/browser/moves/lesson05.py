"""The panel of lesson 05: what a quantised model stores."""

from __future__ import annotations

import vram
from vram.show.charts.lesson05 import FORMATS, stored
from vram.show.panels.lesson05 import options, quantize_panel

from .row import NEXT, PREVIOUS, PanelMoves


def _stored(model: str, format: str, group: int, keep: str, gpu: str) -> str:
    nbytes = stored(model, format, **options(format, group, keep)).nbytes
    return f"{vram.models.title(model)} in {FORMATS[format].title} takes {vram.both(nbytes)}"


NOTEBOOK = "05-quantization"
PANEL = PanelMoves(
    quantize_panel,
    _stored,
    {"Numbers a scale": NEXT, "Format": NEXT, "Left as it is": NEXT, "GPU": NEXT, "Model": PREVIOUS},
)
