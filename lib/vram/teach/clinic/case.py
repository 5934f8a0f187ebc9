"""A question of the clinic with its numbers drawn: what is asked, in words, and what the library says to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

from ... import architectures
from ...ledger.errors import VramError
from ...ledger.units import count
from ...memory import optimizers, recipes
from ...words import say
from ..exercise import Exercise, Slip
from ..feedback import Feedback, wrapped
from ..hints import next_hint
from .draw import settings_of
from .question import Question
from .questions import QUESTIONS

_MOST = 9999


def numbers() -> tuple[int, ...]:
    """The numbers of all questions."""
    return tuple(QUESTIONS)


def clinic(number: int, seed: int = 1) -> Case:
    """The case with this number, its settings drawn by `seed`, a whole number from 1 to 9999.

    Raises VramError for a number or a seed that does not exist.
    """
    if type(number) is not int or number not in QUESTIONS:
        raise VramError(f"number: {number!r:.40} given; the cases have the numbers 1 to {max(QUESTIONS)}.")
    if type(seed) is not int or not 1 <= seed <= _MOST:
        raise VramError(f"seed: {seed!r:.40} given; a whole number from 1 to {_MOST} is needed.")
    return Case(QUESTIONS[number], seed)


@dataclass(frozen=True)
class Case:
    """One case. `settings` are the numbers drawn; shown in a notebook, it is the question."""

    question: Question
    seed: int

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The numbers drawn, as `vram` takes them."""
        return settings_of(self.question, self.seed)

    @property
    def options(self) -> tuple[Any, ...]:
        """The values among which the config chooses, the one that one would like most first."""
        return self.question.options

    @property
    def id(self) -> str:
        """Number and seed: two cases of a question are not the same."""
        return f"{self.question.id}/{self.seed}"

    @cached_property
    def right_option(self) -> Any:
        """The first option that works."""
        return next(option for option in self.options if self.question.works(option, **self.settings))

    @cached_property
    def exercise(self) -> Exercise:
        """The size that is asked for, as an exercise like those of the lessons."""
        asked, settings = self.question, self.settings
        return Exercise(
            id=asked.id,
            kind=asked.kind,
            truth=lambda: asked.size(**settings),
            solution="",
            tolerance=asked.tolerance,
            slips=tuple(
                Slip(name, lambda wrong=wrong: wrong.value(**settings), wrong.misconception)
                for name, wrong in asked.wrong.items()
                if wrong.value(**settings) is not None
            ),
            facts=lambda: self.facts,
        )

    @cached_property
    def facts(self) -> dict[str, str]:
        """The settings as texts, and what the question computes from them for its words."""
        return {name: in_words(name, value) for name, value in self.settings.items()} | dict(
            self.question.facts(**self.settings)
        )

    def words(self, part: str, **values: object) -> str:
        """A text of the question with the numbers of this case."""
        return self.exercise.words(part, **values)

    def hint(self) -> Feedback:
        """The next of three hints for the size; none holds the answer."""
        return next_hint(self.exercise, self.id)

    @property
    def asked(self) -> list[tuple[str, str]]:
        """What is asked for: the field of the answer, and the text."""
        within = say("form.tolerance.within", percent=f"{float(self.question.tolerance * 100):g}")
        tolerance = within if self.question.tolerance else say("form.tolerance.exact")
        options = ", ".join(repr(option).replace("'", '"') for option in self.options)
        config = say(
            "clinic.config", key=self.question.key, options=options, which=self.words("config"), n=len(self.options)
        )
        return [
            ("size", f"{self.words('size')} ({say(f'clinic.kind.{self.question.kind}')}, {tolerance})"),
            ("config", config),
            ("sentence", self.words("sentence")),
        ]

    @property
    def title(self) -> str:
        """Its number and its title."""
        return say("clinic.title", number=self.question.number, title=self.words("title"))

    def __repr__(self) -> str:
        lines = [self.title, self.words("question"), *(f"  {field}: {text}" for field, text in self.asked)]
        return wrapped("\n".join(lines))

    def _repr_html_(self) -> str:
        asked = "".join(f"<li><b>{field}</b> {_markup(text)}</li>" for field, text in self.asked)
        return f"<p><b>{_markup(self.title)}</b><br>{_markup(self.words('question'))}</p><ul>{asked}</ul>"


def _markup(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))


def in_words(name: str, value: Any) -> str:
    """A setting as a sentence writes it."""
    if isinstance(value, tuple):
        return " and ".join(value)
    if isinstance(value, int):
        return count(value)
    if name == "model":
        return architectures.models.title(value)
    if name == "recipe":
        return recipes[value].title
    if name == "optimizer":
        return optimizers[value].title
    return value.upper() if name in ("weights", "format") else value
