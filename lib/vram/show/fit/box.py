"""The calculator as widgets: the only file of this room that needs ipywidgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from ...ledger.errors import VramError
from ...words import say
from .. import css
from ..widgets import LINE, AnswerBox, control
from . import page, sentences
from .config import MAX_BYTES, text_of
from .search import Search
from .state import FIRST, OWN

if TYPE_CHECKING:
    from .panel import Calculator


class CalculatorBox(ipywidgets.VBox):
    """Four controls, the reader's own config, folded assumptions, and the answer."""

    def __init__(self, calculator: Calculator):
        self._calculator = calculator
        self._controls: dict[str, ipywidgets.Widget] = {}
        self._pasted = self._field()
        self._own = ipywidgets.HBox([self._pasted, self._upload()], layout=dict(LINE))
        self._fold = ipywidgets.Button(layout={"width": "auto", "height": "auto"}).add_class("vram-fold")
        self._fold.on_click(lambda _: self._unfold(self._folded.layout.display == "none"))
        self._first, self._folded = (ipywidgets.HBox(layout=dict(LINE)) for _ in range(2))
        self._folded.layout.display = "none"
        self.answer = AnswerBox()
        self._search = Search(lambda found: self.answer.replace(page.ADVICE, found))
        self._arrange()
        self._show()
        self.answer.tell(calculator.problem)  # a link that names no state
        sheet = ipywidgets.HTML(page.sheet() + css.controls(), layout={"display": "none"})
        super().__init__([self._first, self._own, self._fold, self._folded, self.answer, sheet])
        self.add_class("vram-calculator")

    def moved(self, name: str, value: Any) -> None:
        """Show a control, or the field for a config, at `value`; the answer follows."""
        (self._pasted if name == "config" else self._control(name)).value = value

    def _control(self, name: str) -> ipywidgets.Widget:
        """The widget of a setting, made when it is first needed."""
        if name not in self._controls:
            widget = control(self._calculator.choice(name), self._calculator.values[name])
            widget.observe(lambda change, name=name: self._follow(name, change["new"]), names="value")
            self._controls[name] = widget
        return self._controls[name]

    def _arrange(self) -> None:
        """The controls that count for the job, in their order."""
        names = self._calculator.names
        for box, chosen in ((self._first, names[: len(FIRST)]), (self._folded, names[len(FIRST) :])):
            widgets = tuple(self._control(name) for name in chosen)
            if box.children != widgets:
                box.children = widgets
        self._own.layout.display = None if self._calculator.values["model"] == OWN else "none"

    def _unfold(self, is_open: bool) -> None:
        self._folded.layout.display = None if is_open else "none"
        self._title()

    def _title(self) -> None:
        is_open = self._folded.layout.display != "none"
        said = sentences.assumptions(self._calculator.state)
        self._fold.description = say("fit.hide") if is_open else say("fit.show", assumptions=said)

    def _follow(self, name: str, value: Any) -> None:
        if self._calculator.follow(name, value):
            self._show()
        else:
            self.answer.tell(self._calculator.problem)
        self._arrange()
        self._title()

    def _show(self) -> None:
        """The answer at once, the advice when it is found; until then, something on the page says that it is busy."""
        self.answer.show(self._calculator.pieces(page.waiting(), **self._calculator.state.asdict()))
        self._title()
        self._search.start(self._calculator.state)

    def _field(self) -> ipywidgets.Textarea:
        """The field to paste a config.json into."""
        field = ipywidgets.Textarea(
            value=self._calculator.values["config"] or "",
            description=say("fit.config.paste"),
            placeholder=say("fit.config.paste_hint"),
            continuous_update=False,
            rows=4,
            style={"description_width": "initial"},
            layout={"flex_flow": "column", "width": "520px", "height": "auto"},
        )
        field.observe(lambda change: self._follow("config", change["new"]), names="value")
        return field.add_class("vram-control")

    def _upload(self) -> ipywidgets.FileUpload:
        """The button to upload one; its text goes into the field, where it can be read and changed."""
        upload = ipywidgets.FileUpload(
            accept=".json", multiple=False, description=say("fit.config.upload"), layout={"width": "auto"}
        )
        upload.observe(lambda change: self._uploaded(change["new"]), names="value")
        return upload

    def _uploaded(self, files: tuple[Any, ...]) -> None:
        if not files:
            return
        try:
            self._pasted.value = text_of(bytes(files[0]["content"][: MAX_BYTES + 1]))
        except VramError as problem:
            self._calculator.problem = str(problem)
            self.answer.tell(problem)
