"""Numbers with a unit of memory, as a learner writes them: `12.5 * GiB`. Taught in lesson 01.

A unit times a number is an exact quantity of bytes; quantities add, subtract, compare and divide.
"""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from ..ledger.errors import VramError
from ..ledger.units import UNITS, shown


def exact(number: object) -> Fraction | None:
    """A finite number of any numeric type as a Fraction; None for what is not one (booleans, NaN, text, arrays).

    >>> exact(0.5), exact(True), exact(float("inf"))
    (Fraction(1, 2), None, None)
    """
    if isinstance(number, bool) or not isinstance(number, numbers.Number | Decimal):
        return None
    try:
        if isinstance(number, numbers.Rational):
            return Fraction(int(number.numerator), int(number.denominator))
        if isinstance(number, Decimal):
            # A decimal exponent in the millions would be written out digit by digit.
            return Fraction(number) if number.is_finite() and abs(number.adjusted()) < 400 else None
        return Fraction(float(number))
    except (TypeError, ValueError, OverflowError, ArithmeticError):
        return None


@dataclass(frozen=True, slots=True, order=True)
class Quantity:
    """An exact amount of memory in bytes."""

    nbytes: Fraction

    __array_ufunc__ = None  # a NumPy number times a quantity is a quantity, not an array

    def __add__(self, other: object) -> Quantity:
        return Quantity(self.nbytes + other.nbytes) if isinstance(other, Quantity) else NotImplemented

    def __sub__(self, other: object) -> Quantity:
        return Quantity(self.nbytes - other.nbytes) if isinstance(other, Quantity) else NotImplemented

    def __mul__(self, other: object) -> Quantity:
        factor = exact(other)
        if factor is None:
            return NotImplemented
        return Quantity(self.nbytes * factor)

    __rmul__ = __mul__

    def __truediv__(self, other: object) -> Quantity | Fraction:
        if isinstance(other, Quantity):
            return self.nbytes / _not_zero(other.nbytes)
        divisor = exact(other)
        if divisor is None:
            return NotImplemented
        return Quantity(self.nbytes / _not_zero(divisor))

    def __neg__(self) -> Quantity:
        return Quantity(-self.nbytes)

    def __repr__(self) -> str:
        return amount(self.nbytes)


def amount(nbytes: Fraction) -> str:
    """An amount as the course writes it: in GiB and GB, in MiB and MB, or in bytes.

    >>> amount(Fraction(3 * 2**29))
    '1.50 GiB (1.61 GB)'
    """
    for binary, decimal in (("GiB", "GB"), ("MiB", "MB")):
        if abs(nbytes) >= UNITS[decimal]:
            return f"{shown(nbytes, binary)} ({shown(nbytes, decimal)})"
    return f"{float(nbytes):,.10g} B"


def _not_zero(divisor: Fraction) -> Fraction:
    if not divisor:
        raise VramError("quantity: a division by zero has no answer.")
    return divisor


B, KB, MB, GB, TB, KiB, MiB, GiB, TiB = (
    Quantity(Fraction(UNITS[unit])) for unit in ("B", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB")
)
