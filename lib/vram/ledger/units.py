"""Units of memory and how numbers are shown. Taught in lesson 01.

1 GB is 10⁹ bytes, 1 GiB is 2³⁰ bytes; they differ by 7.4 %. Numbers stay exact until one of these functions shows them.
"""

from __future__ import annotations

from fractions import Fraction

from .arithmetic import Size, is_array, is_symbolic
from .errors import unknown

#: Bytes in one unit.
UNITS = {
    "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip


def is_shown_exact(x: Size) -> bool:
    """True for a number that can be rounded for show: not a symbol, not an array."""
    return not is_symbolic(x) and not is_array(x)


def shown(nbytes: int | Fraction, unit: str, digits: int = 2) -> str:
    """Bytes in a unit, rounded to `digits` places, with thousands separators.

    >>> shown(13_476_831_232, "GiB")
    '12.55 GiB'
    """
    if unit not in UNITS:
        raise unknown("unit", unit, UNITS)
    value = Fraction(nbytes) / UNITS[unit]
    return f"{_decimal(value, 0 if unit == 'B' else digits)} {unit}"


def gb(nbytes: int, digits: int = 2) -> str:
    """Bytes in GB (10⁹).

    >>> gb(13_476_831_232)
    '13.48 GB'
    """
    return shown(nbytes, "GB", digits)


def gib(nbytes: int, digits: int = 2) -> str:
    """Bytes in GiB (2³⁰), or in MiB, KiB, B where that reads better.

    >>> gib(13_476_831_232), gib(24_576)
    ('12.55 GiB', '24.00 KiB')
    """
    for unit in ("GiB", "MiB", "KiB"):
        if abs(nbytes) * 100 >= UNITS[unit] * (10 if unit == "GiB" else 100):
            return shown(nbytes, unit, digits)
    return shown(nbytes, "B")


def both(nbytes: int, digits: int = 2) -> str:
    """Bytes in GiB and in GB, as totals are shown.

    >>> both(13_476_831_232)
    '12.55 GiB (13.48 GB)'
    """
    return f"{shown(nbytes, 'GiB', digits)} ({shown(nbytes, 'GB', digits)})"


def count(n: Size) -> str:
    """A count with thousands separators; a symbol as it is.

    >>> count(6_738_415_616)
    '6,738,415,616'
    """
    if is_symbolic(n):
        return str(n)
    if is_array(n):
        return f"array of {n.size:,}"
    return f"{n:,}"


def billions(n: int, digits: int = 1) -> str:
    """A count of parameters in billions, as model cards print it.

    >>> billions(6_738_415_616)
    '6.7B'
    """
    return f"{_decimal(Fraction(n, 10**9), digits)}B"


def percent(part: int | Fraction, whole: int | Fraction = 1, digits: int = 1, signed: bool = False) -> str:
    """A share in percent; with `signed`, its sign is always shown.

    >>> percent(-44, 1000, signed=True)
    '−4.4 %'
    """
    value = Fraction(part) / Fraction(whole) * 100
    text = _decimal(abs(value), digits)
    is_zero = not any(c in "123456789" for c in text)
    sign = "" if is_zero else "−" if value < 0 else "+" if signed else ""
    return f"{sign}{text} %"


def _decimal(value: Fraction, digits: int) -> str:
    """Exact rounding, half to even, of a rational: no float is involved."""
    scaled = round(value * 10**digits)
    sign, scaled = ("−" if scaled < 0 else ""), abs(scaled)
    whole, rest = divmod(scaled, 10**digits)
    return f"{sign}{whole:,}" + (f".{rest:0{digits}d}" if digits else "")
