"""The live panel: a few controls above one output that a pure function of their values fills.

The function gives a `View`: the verdict in a sentence, the picture, the formula with its numbers, the table. The panel
writes them down in this order. Everything that a reader sees is a function of the control values, so a test can drive
every option without a browser, and a place without a kernel shows the state of the last run.

Controls are drop-down lists, check boxes and fields for text: of the widgets at hand these have a name that a screen
reader speaks and say the value itself (the handle of a slider has no name and says the position of the value).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ..ledger.errors import VramError, unknown
from ..words import say
from . import css, pieces
from .pieces import Fold, Piece
from .tables import StyledTable


@dataclass(frozen=True, slots=True)
class Choice:
    """A control with a list of options: text → value; `name` is the argument it fills."""

    name: str
    label: str
    options: Mapping[str, Any]
    default: Any

    @property
    def values(self) -> list[Any]:
        return list(self.options.values())

    def text(self, value: Any) -> str:
        return next(text for text, option in self.options.items() if option == value)

    def check(self, value: Any) -> None:
        """Raise `VramError` for a value that is no option."""
        if value not in self.values:
            raise unknown(self.name, value, map(str, self.values))


@dataclass(frozen=True, slots=True)
class Text:
    """A field for text that a reader pastes. It is data from outside: bounded, never evaluated, escaped where shown.

    samples  texts of the kind that is meant, the default among them: what a test moves it to
    most     characters
    """

    name: str
    label: str
    samples: Sequence[str]
    default: str
    most: int = 20_000

    @property
    def values(self) -> list[str]:
        return list(self.samples)

    def text(self, value: str) -> str:
        return value

    def check(self, value: Any) -> None:
        """Raise `VramError` for what is no text, or is too long."""
        if not isinstance(value, str):
            raise VramError(f"{self.name}: a {type(value).__name__} given, a text is needed.")
        if len(value) > self.most:
            raise VramError(f"{self.name}: {len(value):,} characters given, at most {self.most:,} are read.")


def powers_of_two(name: str, label: str, least: int, most: int, default: int) -> Choice:
    """A choice among the powers of two from `least` to `most`.

    >>> powers_of_two("rank", "Rank", 1, 8, 4).values
    [1, 2, 4, 8]
    """
    values = [2**n for n in range(least.bit_length() - 1, most.bit_length())]
    return Choice(name, label, {f"{value:,}": value for value in values}, default)


def flag(name: str, label: str, default: bool) -> Choice:
    """A choice between yes and no: a check box."""
    return Choice(name, label, {say("panel.yes"): True, say("panel.no"): False}, default)


@dataclass(frozen=True, slots=True)
class View:
    """What a panel shows for one state.

    verdict  the answer in one sentence
    detail   a second sentence, smaller
    picture  an `<img>` with alternative text
    formula  lines of text: the formula with the numbers put in
    tables   the first is shown, the others fold open under their caption
    """

    verdict: str
    detail: str
    picture: str
    formula: Sequence[str]
    tables: Sequence[StyledTable]


class Panel:
    """Controls and the function that answers them; displayed, it is a widget with a static copy beside it."""

    def __init__(self, controls: Sequence[Choice | Text], view: Callable[..., View]):
        self.controls, self._view = tuple(controls), view
        self._widget: Any = None
        self._values = self.defaults

    @property
    def defaults(self) -> dict[str, Any]:
        """The state in which the panel opens."""
        return {control.name: control.default for control in self.controls}

    @property
    def values(self) -> dict[str, Any]:
        """The state that the panel shows now."""
        return dict(self._values)

    def view(self, **values: Any) -> View:
        """The parts of what is shown for these values; controls that are not named have their default.

        Raises `VramError` for a control or an option that does not exist.
        """
        return self._view(**self._complete(values))

    def pieces(self, **values: Any) -> list[Piece]:
        """What is shown for these values, as `view` takes them: the answer, then the folds."""
        return _pieces(self.view(**values))

    def render(self, **values: Any) -> str:
        """The HTML for these values, for a page that has the stylesheet already."""
        return pieces.markup(self.pieces(**values))

    def static(self, **values: Any) -> str:
        """The HTML for a place without a kernel: the state in words, then what it shows."""
        state = self._complete(values)
        settings = " · ".join(f"{c.label}: {c.text(state[c.name])}" for c in self.controls)
        view = self._view(**state)
        kinds = frozenset(key for table in view.tables for key in table.keys if key)
        return css.sheet(kinds) + pieces.static(_pieces(view), f"<p>{escape(settings)}</p>")

    def set(self, **values: Any) -> None:
        """Move controls from Python, as a reader moves them by hand.

        Raises `VramError` for a control or an option that does not exist.
        """
        self._complete(values)
        for name, value in values.items():
            self._values[name] = value
            if self._widget is not None:
                self._widget.moved(name, value)

    def _complete(self, values: Mapping[str, Any]) -> dict[str, Any]:
        known = {control.name: control for control in self.controls}
        for name, value in values.items():
            if name not in known:
                raise unknown("control", name, known)
            known[name].check(value)
        return self.defaults | dict(values)

    @property
    def widget(self) -> Any:
        """The ipywidgets box, made when first asked for."""
        if self._widget is None:
            from .widgets import PanelBox

            self._widget = PanelBox(self)
        return self._widget

    def follow(self, name: str, value: Any) -> list[Piece]:
        """What is shown after a control has moved. Raises `VramError` when the new state has no answer."""
        self._values[name] = value
        return self.pieces(**self._values)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        bundle = dict(self.widget._repr_mimebundle_() or {})
        return bundle | {"text/html": self.static(**self._values), "text/plain": self.view(**self._values).verdict}


def _pieces(view: View) -> list[Piece]:
    first, *others = view.tables
    formula = "<br>".join(f"<code>{escape(line)}</code>" for line in view.formula)
    verdict, picture = pieces.verdict(view.verdict, view.detail), pieces.picture(view.picture)
    return [
        f'{verdict}{picture}<p class="formula">{formula}</p>{first.markup()}',
        *(Fold(table.caption, table.markup) for table in others),
    ]


def problem_html(problem: VramError | str) -> str:
    """A message above the last state that has an answer; nothing when there is none."""
    if not str(problem):
        return ""
    said = say("panel.problem", reason=problem)
    return f'<div class="vram"><p class="problem" role="alert">{escape(said)}</p></div>'
