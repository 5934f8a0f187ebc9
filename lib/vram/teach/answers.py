"""What a learner may write as an answer, and the exact value it stands for.

One reader per kind of answer: count, bytes, number, percent, symbolic, choice. A reader returns an exact value or
raises Unreadable; it runs no text, calls no method of an unknown object, and is quick on huge input.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from ..ledger.units import UNITS
from .expressions import read_expression
from .quantities import Quantity, exact
from .unreadable import Unreadable

KINDS = ("count", "bytes", "number", "percent", "symbolic", "choice")

_LONGEST = 80
_GAP = "[,_'\u0020\u00a0\u2009\u202f]"  # what people put between thousands
_NUMBER = re.compile(
    rf"([+−-]?)\s*(\d{{1,3}}(?:{_GAP}\d{{3}})+(?!\d)|\d+)?(\.\d+)?(?:[eE]([+-]?\d{{1,3}}))?(?![\w.,]*\d)\s*(.*)", re.S
)
_BITS = {"bit": Fraction(1, 8), "bits": Fraction(1, 8), "byte": Fraction(1), "bytes": Fraction(1)}
_UNIT_SIZES = {name.lower(): Fraction(size) for name, size in UNITS.items()} | _BITS


def is_open(answer: object) -> bool:
    """Whether the exercise is still unanswered: None, `...` or blank text."""
    return answer is None or answer is ... or (isinstance(answer, str) and not answer.strip())


def read(kind: str, answer: object, names: Iterable[str] = (), letters: Iterable[str] = ()) -> Any:
    """The exact value of an answer of this kind. Raises Unreadable with the sentence that helps."""
    match kind:
        case "count":
            return read_count(answer)
        case "bytes":
            return read_bytes(answer)
        case "number":
            return read_number(answer)
        case "percent":
            return read_percent(answer)
        case "symbolic":
            return read_expression(answer, names)
        case "choice":
            return read_choice(answer, tuple(letters))
    raise ValueError(f"kind: {kind!r} is none of {KINDS}")


def read_count(answer: object) -> Fraction:
    """A whole number: 1_000, "1,000", 1000.0."""
    if isinstance(answer, Quantity):
        raise Unreadable("count_unit")
    value, rest = _number_and_rest(answer, "count")
    if rest.lower() in _UNIT_SIZES:
        raise Unreadable("count_unit")
    if rest and rest.lower() not in ("parameters", "params"):
        raise Unreadable("count")
    if value.denominator != 1:
        raise Unreadable("count_fraction")
    return value


def read_bytes(answer: object) -> Fraction:
    """Bytes of an amount with its unit: "0.5 KiB", 0.5 * KiB. A bare number is asked for its unit."""
    if isinstance(answer, Quantity):
        return answer.nbytes
    value, rest = _number_and_rest(answer, "bytes")
    rest = rest.partition("(")[0].strip()  # "0.5 GiB (0.54 GB)", as the library prints totals
    if not rest:
        raise Unreadable("unit")
    if rest.lower() not in _UNIT_SIZES or rest in ("b", "kb", "mb", "gb", "tb", "Gb", "Mb", "Kb", "Tb"):
        raise Unreadable("unknown_unit")  # a small b means bits to some and bytes to others
    return value * _UNIT_SIZES[rest.lower()]


def read_number(answer: object) -> Fraction:
    """A number without a unit: 0.5, "0.5×", Fraction(1, 2)."""
    if isinstance(answer, Quantity):
        raise Unreadable("number")
    value, rest = _number_and_rest(answer, "number")
    if rest in ("%", "percent"):
        return value / 100
    if rest.lower() not in ("", "×", "x", "times"):
        raise Unreadable("number")
    return value


def read_percent(answer: object) -> Fraction:
    """A share as a fraction of one: "−0.5 %" and -0.005 are the same."""
    if isinstance(answer, Quantity):
        raise Unreadable("percent")
    value, rest = _number_and_rest(answer, "percent")
    if rest in ("%", "percent", "per cent"):
        return value / 100
    if rest:
        raise Unreadable("percent")
    return value


def read_choice(answer: object, letters: tuple[str, ...]) -> str:
    """The letter of an option: "b", "B", "(b)"."""
    if isinstance(answer, str) and len(answer) <= _LONGEST:
        letter = answer.strip().strip("().:").lower()
        if letter in letters:
            return letter
    raise Unreadable("choice", letters=", ".join(letters))


def _number_and_rest(answer: object, kind: str) -> tuple[Fraction, str]:
    if not isinstance(answer, str):
        if isinstance(answer, float) and (answer != answer or answer in (float("inf"), float("-inf"))):
            raise Unreadable("finite")
        value = exact(answer)
        if value is None:
            raise Unreadable(kind)
        return value, ""
    match = _NUMBER.fullmatch(answer.strip()) if len(answer) <= _LONGEST else None
    if not match or not (match[2] or match[3]):
        raise Unreadable(kind)
    sign, whole, decimals, exponent, rest = match.groups()
    digits = re.sub(_GAP, "", whole or "0")
    value = Fraction(f"{digits}{decimals or ''}") * Fraction(10) ** int(exponent or 0)
    return (-value if sign in ("-", "−") else value), rest.strip()
