"""What one question of the course is: its truth, the kinds of answer it takes, and the wrong values it recognises.

Its words stand in the catalogue under `exercise.<id>`; its numbers come from the library when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

from ..ledger.errors import VramError
from ..words import has, keys, say
from .answers import KINDS

RUNGS = 3  # hints of an exercise


@dataclass(frozen=True, slots=True)
class Slip:
    """A wrong value that betrays its thought. `value` is computed; `misconception` is the id it belongs to, or "".

    Its sentence is `exercise.<id>.slip.<name>`, or the general one of the misconception.
    """

    name: str
    value: Callable[[], Any]
    misconception: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", cache(self.value))  # computed once a kernel


@dataclass(frozen=True, kw_only=True, slots=True)
class Exercise:
    """One question with an automatic check.

    id         lesson and number: "02.1"; "02.p" predict, "02.m" find the mistake, "02.x" exit question
    kind       count, bytes, number, percent, symbolic or choice
    truth      computes the answer with the library: int, bytes, number, fraction of one, expression or letter
    solution   the lines of code that compute it as a learner would, with `vram`, `sympy` and the units of memory at
               hand; they end by setting `answer`
    stars      1 to 3 for an exercise, 0 for the three others
    tolerance  how far an answer may be off, as a share of the truth (of one, for percent); 0 is exact
    slips      recognised wrong values, the most particular first
    facts      further computed texts that the words of this question use
    names      symbols of a formula that the glossary lacks
    signed     whether a percentage is an error that is asked for with its sign
    """

    id: str
    kind: str
    truth: Callable[[], Any]
    solution: str
    stars: int = 0
    tolerance: Fraction = Fraction(0)
    slips: tuple[Slip, ...] = ()
    facts: Callable[[], dict[str, str]] = dict
    names: tuple[str, ...] = ()
    signed: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise VramError(f"kind: {self.kind!r} given for exercise {self.id}; known: {', '.join(KINDS)}.")
        object.__setattr__(self, "truth", cache(self.truth))  # computed once a kernel

    @property
    def lesson(self) -> str:
        """The number of its lesson: "02"."""
        return self.id.partition(".")[0]

    @property
    def number(self) -> str:
        """Its number in the lesson: "1", or "p", "m", "x"."""
        return self.id.partition(".")[2]

    @property
    def letters(self) -> tuple[str, ...]:
        """The letters of its options, in order; none for a question that offers none."""
        if self.kind != "choice":
            return ()
        prefix = f"exercise.{self.id}.option."
        return tuple(key.removeprefix(prefix) for key in keys(prefix))

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols of its formulas, right and wrong together, so that the list tells neither."""
        formulas = [self.truth(), *(slip.value() for slip in self.slips)]
        return tuple(sorted({symbol.name for formula in formulas for symbol in getattr(formula, "free_symbols", ())}))

    def words(self, part: str, **values: object) -> str:
        """A text of this question, with its computed facts put in."""
        return say(f"exercise.{self.id}.{part}", **self.facts(), **values)

    def has_words(self, part: str) -> bool:
        """Whether the catalogue holds this text of the question."""
        return has(f"exercise.{self.id}.{part}")


def the_true(claims: dict[str, bool]) -> str:
    """The letter of the one option whose claim the library finds true: a choice has no typed answer either."""
    true = [letter for letter, holds in claims.items() if holds]
    if len(true) != 1:
        raise VramError(f"claims: {true or 'none'} hold; exactly one option of a question must.")
    return true[0]
