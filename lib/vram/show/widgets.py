"""The ipywidgets side of a panel: the only file that needs ipywidgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from . import css
from .theme import KINDS, PARTS

if TYPE_CHECKING:
    from .panel import Choice, Panel, Text


_SHEET = css.sheet(frozenset([*KINDS, *PARTS])) + css.controls()


class PanelBox(ipywidgets.VBox):
    """Controls in a line that wraps, above one HTML output.

    The stylesheet is a child of its own: written anew with each output, it would have the browser lay out the whole
    notebook after every key press.
    """

    def __init__(self, panel: Panel):
        self._panel = panel
        self._controls = {choice.name: control(choice, panel.values[choice.name]) for choice in panel.controls}
        self._output = ipywidgets.HTML(panel.render(**panel.values)).add_class("vram-output")
        for name, widget in self._controls.items():
            widget.observe(lambda change, name=name: self._follow(name, change["new"]), names="value")
        line = ipywidgets.HBox(
            list(self._controls.values()),
            layout={"flex_flow": "row wrap", "align_items": "flex-end", "max_width": "960px", "grid_gap": "8px 18px"},
        )
        super().__init__([line, self._output, ipywidgets.HTML(_SHEET, layout={"display": "none"})])

    def moved(self, name: str, value: Any) -> None:
        """Show a control at `value`; the output follows."""
        self._controls[name].value = value

    def _follow(self, name: str, value: Any) -> None:
        self._output.value = self._panel.follow(name, value, self._output.value)


def control(choice: Choice | Text, value: Any) -> ipywidgets.Widget:
    """A field for text, a check box for yes and no, else a drop-down list; its name stands above it or beside the box.

    The stylesheet sets their sizes.
    """
    if hasattr(choice, "samples"):
        return ipywidgets.Textarea(
            value=value,
            description=choice.label,
            continuous_update=False,
            rows=5,
            style={"description_width": "initial"},
            layout={"flex_flow": "column", "width": "100%", "max_width": "940px", "height": "auto"},
        ).add_class("vram-control")
    if all(isinstance(option, bool) for option in choice.values):
        box = ipywidgets.Checkbox(value, description=choice.label, indent=False, layout={"width": "auto"})
        return box.add_class("vram-control")
    return ipywidgets.Dropdown(
        options=list(choice.options.items()),
        value=value,
        description=choice.label,
        style={"description_width": "initial"},
        layout={"flex_flow": "column", "width": "auto", "height": "auto"},
    ).add_class("vram-control")
