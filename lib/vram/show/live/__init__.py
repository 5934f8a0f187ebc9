"""Controls that work in the page itself, without a kernel: SymPy prints the ledger's formula as JavaScript."""

from __future__ import annotations

from ...lazy import lazy

_WHERE = {
    "knobs": ("gpu_knob", "model_knob", "powers_knob"),
    "printer": ("javascript",),
    "slide": ("Knob", "LiveSlide"),
}

__getattr__, __dir__, __all__ = lazy(globals(), _WHERE)
