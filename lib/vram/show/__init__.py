"""How the library's numbers are shown: bars, tables, charts and live panels. Nothing here calculates.

Each name is loaded when it is first asked for: a table needs no matplotlib, a chart no ipywidgets.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_WHERE = {
    "bars": ("NARROW", "Mark", "Row", "bar"),
    "charts.lesson02": ("linear_share", "parameter_bar"),
    "charts.lesson03": ("llama_table", "waterfall"),
    "charts.lesson06": ("bytes_per_parameter",),
    "charts.lesson08": ("finetune_bars",),
    "explain": ("Explained", "formulas", "symbolic"),
    "figures": ("Picture", "figure", "memory_bar", "slide_axes"),
    "morph": ("steps",),
    "panel": ("Choice", "Panel", "View"),
    "panels.lesson02": ("count_panel",),
    "panels.lesson03": ("morph_panel",),
    "panels.lesson06": ("states_panel",),
    "panels.lesson08": ("lora_panel",),
    "tables": ("StyledTable", "tensor_table"),
    "theme": ("KINDS", "PARTS", "style"),
}  # fmt: skip
_HOME = {name: module for module, names in _WHERE.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'vram.show' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
