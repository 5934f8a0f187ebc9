"""How the library's numbers are shown: bars, tables, charts and live panels. Nothing here calculates.

Each name is loaded when it is first asked for: a table needs no matplotlib, a chart no ipywidgets.
"""

from __future__ import annotations

from ..lazy import lazy

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
    "why": ("Reason", "Why", "why"),
}  # fmt: skip

__getattr__, __dir__, __all__ = lazy(globals(), _WHERE)
