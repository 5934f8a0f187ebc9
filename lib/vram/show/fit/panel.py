"""The calculator: four controls at first sight, assumptions that fold open, and the page that answers them.

It is a panel like those of the lessons (`controls`, `values`, `render`, `static`, `set`), with two differences. Which
assumptions count depends on the job. And what takes long, the search for what fits, comes a moment after the answer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from ...architectures import gpus, models
from ...ledger.errors import VramError, unknown
from .. import pieces
from ..panel import Choice
from ..pieces import Piece
from . import ask, page, sentences, share
from .state import CARDS, FIRST, JOBS, OWN, STAGES, WORDS, State
from .state import state as state_of

_POWERS = {"context": (9, 17), "batch": (0, 7), "rank": (0, 8)}


def calculator(
    model: str | None = None, *, config: Mapping[str, Any] | str | os.PathLike[str] | None = None, **settings: Any
) -> Calculator:
    """Will it fit? A calculator that opens in the state that the arguments name; displayed, it is live.

    model     a name of `vram.models`
    config    a config.json instead: a dict, its text, or the path of the file
    settings  job ("run", "lora", "qlora", "full"), gpu, context, and the assumptions by the names of
              `vram.show.fit.state.State`: batch, weights, kv, base, recipe, rank, optimizer, checkpointing, attention,
              loss, cards, zero
    Raises `VramError` for a setting that is not known, with the nearest match.

    >>> calculator("llama-3-8b", job="run", gpu="T4").verdict
    'Does not fit the T4: needs 17.36 GiB, has 15.00 GiB, lacks 2.36 GiB.'
    """
    if model is not None and config is not None:
        raise VramError(f"config: given with the model {model!r:.60}, one of the two is needed.")
    if config is not None:
        settings |= {"model": OWN, "config": share.config_text(config)}
    elif model is not None:
        settings |= {"model": model}
    return Calculator(state_of(settings))


def calculator_page(query: str | None = None) -> Calculator:
    """The calculator as a page of its own, in the state that the page's address names.

    query  what follows the address (`?model=…&job=…`); left out, it is what voila hands to the kernel. A link that
           names no state opens the usual one under a message.
    """
    text = os.environ.get("QUERY_STRING", "") if query is None else query
    try:
        return Calculator(state_of(share.from_query(text)), is_page=True)
    except VramError as problem:
        return Calculator(State(), is_page=True, problem=str(problem))


def choices(state: State) -> dict[str, Choice]:
    """Every control by the name of its setting; a given number that is no power of two is among the options."""
    values: dict[str, list[Any]] = {
        "model": [OWN, *sorted(offered(), key=lambda name: models.title(name).casefold())],
        "job": list(JOBS),
        "gpu": sorted(gpus, key=lambda name: (gpus[name].usable_mib, name)),
        "cards": list(CARDS),
        "zero": list(STAGES),
        **{name: list(words) for name, words in WORDS.items()},
        **{name: [2**n for n in range(low, high + 1)] for name, (low, high) in _POWERS.items()},
    }
    found = {}
    for name in (*FIRST, *_all_assumptions()):
        given = getattr(state, name)
        options = values[name] if given in values[name] else sorted([*values[name], given])
        texts = {models.title(v) if name == "model" and v != OWN else sentences.value_text(name, v): v for v in options}
        found[name] = Choice(name, sentences.label(name), texts, given)
    return found


def offered() -> list[str]:
    """The models of the catalogue that generate text: an encoder cannot be run."""
    return [name for name in models if models[name].head == "lm"]


def _all_assumptions() -> list[str]:
    return list(dict.fromkeys(name for job in JOBS.values() for name in job))


class Calculator:
    """Controls above an answer; displayed, it is a widget with a static copy beside it."""

    def __init__(self, state: State, *, is_page: bool = False, problem: str = ""):
        ask.timeline(state)  # what has no answer cannot be opened
        self.state, self.is_page, self.problem = state, is_page, problem
        self._choices, self._wanted = choices(state), state.asdict()
        self._widget: Any = None

    @property
    def controls(self) -> tuple[Choice, ...]:
        """The controls that count now: the first four, then the assumptions of the job."""
        return tuple(self._choices[name] for name in self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The settings that the controls fill, for the job that is chosen now."""
        shared = self._wanted["cards"] > 1
        return (*FIRST, *(name for name in JOBS[self._wanted["job"]] if name != "zero" or shared))

    @property
    def values(self) -> dict[str, Any]:
        """The settings as the controls show them."""
        return dict(self._wanted)

    @property
    def verdict(self) -> str:
        """The answer in one sentence."""
        return sentences.verdict(self.state)

    def pieces(self, found: str | None = None, **values: Any) -> Iterator[Piece]:
        """What is shown for these values, others as they are now.

        found  what stands in the place of the advice; left out, the advice is searched for
        """
        state = self._state(values)
        return page.answer(state, page.advice(state) if found is None else found, is_page=self.is_page)

    def render(self, **values: Any) -> str:
        """The whole HTML for these values, as the widget shows it when all searches have ended."""
        return pieces.markup(self.pieces(**values))

    def static(self, **values: Any) -> str:
        """The HTML for a place without a kernel: the settings in words, then what the widget shows."""
        state = self._state(values)
        said = f"<p>{escape(f'{sentences.asked(state)} · {sentences.assumptions(state)}')}</p>"
        return page.sheet() + pieces.static(page.answer(state, page.advice(state), typed=False), said)

    def set(self, **values: Any) -> None:
        """Move controls from Python, as a reader moves them by hand.

        Raises `VramError` for a setting or a value that no control offers, and moves nothing.
        """
        self._state(values)
        for name, value in values.items():
            if name != "config" and value not in self._choices[name].values:
                raise unknown(name, value, map(str, self._choices[name].values))
        for name in sorted(values, key="config".__ne__):  # the config before the model that it is
            if self._widget is None:
                self.follow(name, values[name])
            else:
                self._widget.moved(name, values[name])

    def follow(self, name: str, value: Any) -> bool:
        """Take a new value of a control; whether there is an answer. Without one, the last state that has one stays."""
        self._wanted[name] = value
        return self._take()

    def _take(self) -> bool:
        try:
            state = State(**self._wanted)
            ask.timeline(state)
        except VramError as problem:
            self.problem = str(problem)
            return False
        self.state, self.problem = state, ""
        return True

    def _state(self, values: Mapping[str, Any]) -> State:
        return state_of({**self._wanted, **values})

    @property
    def widget(self) -> Any:
        """The ipywidgets box, made when first asked for."""
        if self._widget is None:
            from .box import CalculatorBox

            self._widget = CalculatorBox(self)
        return self._widget

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        static = self.static(**self.state.asdict())
        bundle = dict(self.widget._repr_mimebundle_() or {})
        return bundle | {"text/html": static, "text/plain": self.verdict}

    def choice(self, name: str) -> Choice:
        """The control of a setting."""
        return self._choices[name]
