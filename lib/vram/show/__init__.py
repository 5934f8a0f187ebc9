"""How the library's numbers are shown: bars, tables, charts and live panels. Nothing here calculates.

Each name is loaded when it is first asked for: a table needs no matplotlib, a chart no ipywidgets.
"""

from __future__ import annotations

from ..lazy import lazy

_WHERE = {
    "bars": ("NARROW", "Mark", "Row", "bar"),
    "charts.lesson01": ("bit_layout", "nameplate"),
    "charts.lesson02": ("linear_share", "parameter_bar"),
    "charts.lesson03": ("llama_table", "waterfall"),
    "charts.lesson04": ("memory_against_context",),
    "charts.lesson05": ("naive_and_real",),
    "charts.lesson06": ("bytes_per_parameter",),
    "charts.lesson07": ("activations_against_tokens",),
    "charts.lesson08": ("finetune_bars",),
    "charts.lesson09": ("roofline",),
    "charts.lesson10": ("bars_per_card",),
    "charts.lesson13": ("cache_against_context", "total_and_active"),
    "charts.fits": ("what_fits",),
    "charts.measured": ("Measured", "predicted_against_measured"),
    "explain": ("Explained", "formulas", "symbolic"),
    "fit.panel": ("calculator", "calculator_page"),
    "figures": ("Picture", "figure", "large_letters", "legend_above", "memory_bar", "slide_axes"),
    "fold": ("FoldedLedger",),
    "morph": ("steps",),
    "panel": ("Choice", "Panel", "Text", "View"),
    "panels.lesson01": ("units_panel",),
    "panels.lesson02": ("count_panel",),
    "panels.lesson03": ("morph_panel",),
    "panels.lesson04": ("kv_panel",),
    "panels.lesson05": ("quantize_panel",),
    "panels.lesson06": ("states_panel",),
    "panels.lesson07": ("peak_panel",),
    "panels.lesson08": ("lora_panel",),
    "panels.lesson09": ("time_panel",),
    "panels.lesson10": ("cards_panel",),
    "panels.lesson11": ("oom_panel",),
    "panels.lesson13": ("experts_panel",),
    "tables": ("StyledTable", "tensor_table"),
    "timeline": ("memory_over_time", "timeline_picture", "timeline_table"),
    "theme": ("KINDS", "PARTS", "style"),
    "why": ("Reason", "Why", "why"),
}  # fmt: skip

__getattr__, __dir__, __all__ = lazy(globals(), _WHERE)
