"""The ipywidgets side of a panel: with the calculator's box the only file that needs ipywidgets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import ipywidgets

from ..ledger.errors import VramError
from . import css, pieces
from .later import Later
from .panel import problem_html
from .theme import KINDS, PARTS

if TYPE_CHECKING:
    from .panel import Choice, Panel, Text
    from .pieces import Piece


_SHEET = css.sheet(frozenset([*KINDS, *PARTS])) + css.controls()

#: The controls stand in a line that wraps.
LINE = {"flex_flow": "row wrap", "align_items": "flex-end", "max_width": "960px", "grid_gap": "8px 18px"}


class AnswerBox(ipywidgets.VBox):
    """An answer in pieces, each an HTML widget that is sent only when it changes; above them a message, if any.

    What is seen at once is sent at once, what folds hold a moment later: large as it is, it would keep the browser from
    drawing the answer, and of states that are passed over nobody reads it.

    What a screen reader speaks is a region that stays on the page and owns the verdict, which is replaced: of a region
    that is replaced with its text, many do not speak.
    """

    def __init__(self) -> None:
        self._problem = _part(pieces.PLAIN)
        self._region = ipywidgets.HTML()
        self._verdict_id = f"vram-{self._region.model_id}"
        self._region.value = f'<div role="status" aria-live="polite" aria-owns="{self._verdict_id}"></div>'
        self._parts: list[ipywidgets.HTML] = []
        self._folds = Later()
        super().__init__([self._problem, self._region])

    @property
    def html(self) -> str:
        """What all pieces show, without the name of the verdict's element."""
        return "".join(part.value for part in self._parts).replace(f' id="{self._verdict_id}"', "", 1)

    @property
    def problem(self) -> str:
        """The message as it is shown; empty when there is none."""
        return self._problem.value

    def show(self, answer: Iterable[Piece]) -> None:
        """Show another answer, piece by piece as they come."""
        n = 0
        inside: list[tuple[ipywidgets.HTML, Callable[[], str]]] = []
        for kind, markup in pieces.live(answer):
            if n == len(self._parts):
                self._parts.append(_part(kind))
            if kind == pieces.INSIDE:
                inside.append((self._parts[n], markup))
            else:
                self._parts[n].value = markup() if n else pieces.owned(markup(), self._verdict_id)
            n += 1
        for part in self._parts[n:]:  # an answer with fewer pieces than the last
            part.value = ""
        self._problem.value = ""
        self.children = (self._problem, self._region, *self._parts)
        self._folds.do(partial(_fill, inside))

    def replace(self, number: int, piece: str) -> None:
        """Show another piece in the place of one that is no fold; the pieces before it are none either."""
        self._parts[number].value = pieces.markup([piece])

    def tell(self, problem: VramError | str) -> None:
        """Show a message above the last answer."""
        self._problem.value = problem_html(problem)


def _fill(inside: Iterable[tuple[ipywidgets.HTML, Callable[[], str]]]) -> None:
    for part, markup in inside:
        part.value = markup()


def _part(kind: str) -> ipywidgets.HTML:
    return ipywidgets.HTML().add_class("vram-output").add_class(kind)


class PanelBox(ipywidgets.VBox):
    """Controls in a line that wraps, above the answer.

    The stylesheet is a child of its own: written anew with each output, it would have the browser lay out the whole
    notebook after every key press.
    """

    def __init__(self, panel: Panel):
        self._panel = panel
        self._controls = {choice.name: control(choice, panel.values[choice.name]) for choice in panel.controls}
        self.answer = AnswerBox()
        self.answer.show(panel.pieces(**panel.values))
        for name, widget in self._controls.items():
            widget.observe(lambda change, name=name: self._follow(name, change["new"]), names="value")
        line = ipywidgets.HBox(list(self._controls.values()), layout=dict(LINE))
        super().__init__([line, self.answer, ipywidgets.HTML(_SHEET, layout={"display": "none"})])

    def moved(self, name: str, value: Any) -> None:
        """Show a control at `value`; the answer follows."""
        self._controls[name].value = value

    def _follow(self, name: str, value: Any) -> None:
        try:
            answer = self._panel.follow(name, value)
        except VramError as problem:
            self.answer.tell(problem)
        else:
            self.answer.show(answer)


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
