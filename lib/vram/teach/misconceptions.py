"""Beliefs that produce wrong numbers, and the fingerprints by which a wrong number betrays them.

Each has an id and a sentence in the catalogue (`misconception.<id>`). The fingerprints here hold in every exercise of a
kind: the answer divided by the truth. What only one exercise can show is a slip in that exercise's definition.
"""

from __future__ import annotations

from fractions import Fraction

from ..words import keys, say

_NEAR = Fraction(1, 1000)  # an answer typed with four digits still shows its ratio

#: Answer / truth, by kind of answer.
RATIOS: dict[str, tuple[tuple[str, Fraction], ...]] = {
    "bytes": (
        *(("M01", Fraction(1024, 1000) ** power) for power in (3, 2, 1, -3, -2, -1)),
        ("M04", Fraction(8)),
        ("M04", Fraction(1, 8)),
    ),
}


def by_ratio(kind: str, value: Fraction, truth: Fraction, tolerance: Fraction) -> str | None:
    """The id of the misconception whose ratio this answer has to the truth, or None."""
    if not truth:
        return None
    for misconception, ratio in RATIOS.get(kind, ()):
        if abs(value / truth - ratio) <= max(tolerance, _NEAR) * ratio:
            return misconception
    return None


def sentence(misconception: str) -> str:
    """What a check says to the thought behind a wrong value."""
    return say(f"misconception.{misconception}")


def known() -> tuple[str, ...]:
    """The ids of all misconceptions that have a sentence."""
    return tuple(key.removeprefix("misconception.") for key in keys("misconception."))
