"""What `+ * //` cannot say, for the three kinds of number that a shape may hold.

A size is a plain `int` in a calculation, a SymPy expression in a derivation, a NumPy integer array in a sweep
over a grid. Each function here gives the answer in the kind it was asked in. SymPy and NumPy are recognised by
what their objects carry, so that plain integers need neither package.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .errors import VramError, brief
from .traced import Traced

Size = Any  # int, sympy.Expr or numpy integer array


def is_symbolic(x: object) -> bool:
    """True for a SymPy expression."""
    return hasattr(x, "free_symbols")


def is_array(x: object) -> bool:
    """True for a NumPy array (or NumPy scalar)."""
    return hasattr(x, "dtype") and hasattr(x, "ndim")


def is_whole(x: object) -> bool:
    """True for an int, traced or not; False for a truth value."""
    return isinstance(x, int) and not isinstance(x, bool)


def product(sizes: Iterable[Size]) -> Size:
    """The product of sizes; 1 for none.

    >>> product((3, 4))
    12
    """
    result: Size = 1
    for size in sizes:
        result = result * size
    return result


def ceil_div(n: Size, k: int) -> Size:
    """How many blocks of k hold n things, the last one perhaps not full.

    >>> ceil_div(7, 2)
    4
    """
    if k == 1:
        return n
    if is_symbolic(n) or is_symbolic(k):
        from sympy import ceiling

        return ceiling(n / k)
    if isinstance(n, Traced):
        return n.ceil_div(k)
    return -(-n // k)


def exact_div(n: Size, k: Size) -> Size:
    """n / k where k is known to divide n: no floor stands in the way of a derivation.

    >>> exact_div(4096, 32)
    128
    """
    return n / k if is_symbolic(n) or is_symbolic(k) else n // k


def round_up(n: Size, k: int) -> Size:
    """n rounded up to a multiple of k.

    >>> round_up(10922, 256)
    11008
    """
    return ceil_div(n, k) * k


def largest(values: Iterable[Size]) -> Size:
    """The largest of several numbers of any kind, element by element for arrays."""
    values = list(values)
    if not values:
        raise VramError("largest: no values given, at least one is needed.")
    if any(map(is_symbolic, values)):
        from sympy import Max

        return Max(*values)
    result = values[0]
    for value in values[1:]:
        if is_array(value) or is_array(result):
            from numpy import maximum

            result = maximum(result, value)
        elif value > result:
            result = value
    return result


def smallest(values: Iterable[Size]) -> Size:
    """The smallest of several numbers of any kind, element by element for arrays."""
    values = list(values)
    if any(map(is_symbolic, values)):
        from sympy import Min

        return Min(*values)
    if any(map(is_array, values)):
        from functools import reduce

        from numpy import minimum

        return reduce(minimum, values)
    return min(values)


def if_less(n: Size, bound: Size, then: Size, otherwise: Size) -> Size:
    """`then` where n < bound, else `otherwise`: the rule behind small-tensor exceptions.

    >>> if_less(100, 4096, 4, 1)
    4
    """
    if is_symbolic(n) or is_symbolic(bound):
        from sympy import Piecewise

        return Piecewise((then, n < bound), (otherwise, True))
    if is_array(n) or is_array(bound):
        from numpy import where

        return where(n < bound, then, otherwise)
    return then if n < bound else otherwise


def check_size(field: str, value: Size, least: int = 1, most: int = 2**40, error: type[VramError] = VramError) -> Size:
    """`value` itself if it is a size of one of the three kinds within [least, most], else an error naming `field`."""
    allowed = f"a whole number from {least:,} to {most:,}"
    if is_whole(value):
        if least <= value <= most:
            return value
    elif is_symbolic(value):
        if value.is_integer is not False and value.is_extended_real is not False and value.is_negative is not True:
            if not value.is_number or least <= value <= most:
                return value
    elif is_array(value):
        if value.dtype.kind in "iu" and (value.size == 0 or (value.min() >= least and value.max() <= most)):
            return value
    raise error(f"{field}: {brief(value)} given, {allowed} is needed.")


def divides(n: Size, k: Size) -> bool:
    """True when k divides n without a remainder, everywhere; symbols are taken at their word."""
    if is_symbolic(n) or is_symbolic(k):
        return True
    rest = n % k
    return not rest.any() if is_array(rest) else rest == 0
