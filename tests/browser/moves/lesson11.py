"""The panel of lesson 11: the tensors that a message names."""

from __future__ import annotations

import vram
from vram.show.panels.lesson11 import oom_panel

from .row import NEXT, PREVIOUS, PanelMoves

#: Typed before the message: the first size that is found counts. Leaving the field hands it over.
_TYPED = "Tried to allocate 172.00 MiB. "
_TYPE = " ".join(["Control+Home", *("Space" if key == " " else key for key in _TYPED), "Tab"])


def _named(message: str, model: str, batch: int, seq_len: int, dtype: str) -> str:
    arch, printed = vram.models[model], vram.parse_oom(message).printed
    found = vram.explain_oom(message, arch, batch=batch, seq_len=seq_len, dtype=dtype)
    names = {tensor.name for tensor in found}
    if not names:
        return f"No tensor of {vram.models.title(model)} in this setting prints as {printed}."
    size = f"The request of {printed} is the size of "
    return size + ("one tensor" if len(names) == 1 else f"{len(names)} tensors") + f" of {vram.models.title(model)}"


NOTEBOOK = "11-oom-detective"
PANEL = PanelMoves(
    oom_panel,
    _named,
    {
        "Model": PREVIOUS,
        "Out-of-memory message": _TYPE,
        "Tokens of each": NEXT,
        "Sequences at once": NEXT,
        "Number format": NEXT,
    },
)
