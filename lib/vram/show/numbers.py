"""How numbers and formulas read in tables and pictures. Nothing here calculates; it writes down."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ..ledger.arithmetic import is_array, is_symbolic
from ..ledger.units import shown

_SHORT = ((10**12, "T"), (10**9, "B"), (10**6, "M"))


def short(n: int) -> str:
    """A count in millions or billions of parameters with three to four figures; small counts in full.

    >>> short(6_738_415_616), short(124_439_808), short(7_680)
    ('6.74B', '124.4M', '7,680')
    """
    for size, letter in _SHORT:
        if abs(n) >= size:
            value = Fraction(n, size)
            return f"{decimal(value, 2 if abs(value) < 100 else 1)}{letter}"
    return decimal(Fraction(n), 0)


def signed(n: int, written: Any = None) -> str:
    """A difference with its sign, written by `written` (default: in full).

    >>> signed(-1_679_360)
    '−1,679,360'
    """
    text = written(abs(n)) if written else f"{abs(n):,}"
    return f"{'+' if n > 0 else '−' if n < 0 else '±'}{text}"


def decimal(value: Fraction | int, digits: int = 2) -> str:
    """A rational rounded to `digits` places, with thousands separators.

    >>> decimal(Fraction(2, 3))
    '0.67'
    """
    return shown(value, "B", digits).removesuffix(" B") if digits == 0 else _places(value, digits)


def _places(value: Fraction | int, digits: int) -> str:
    scaled = round(Fraction(value) * 10**digits)
    whole, rest = divmod(abs(scaled), 10**digits)
    return f"{'−' if scaled < 0 else ''}{whole:,}.{rest:0{digits}d}"


def trimmed(value: Fraction | int, digits: int = 2) -> str:
    """The same without zeros at the end.

    >>> trimmed(Fraction(16)), trimmed(Fraction(49, 8))
    ('16', '6.12')
    """
    return decimal(value, digits).rstrip("0").rstrip(".")


def tera(n: int | Fraction) -> str:
    """FLOPs in TFLOPs, 10¹² of them: a count, no rate.

    >>> tera(734_804_261_732_352)
    '734.80 TFLOPs'
    """
    return f"{decimal(Fraction(n, 10**12))} TFLOPs"


def scientific(n: int | Fraction, digits: int = 2) -> str:
    """A large number as a power of ten, rounded to `digits` places.

    >>> scientific(314_280_000_000_000_000_000_000)
    '3.14 × 10²³'
    """
    power = len(str(int(abs(n)))) - 1
    text = decimal(Fraction(n, 10**power), digits)
    if text.lstrip("−").startswith("10"):  # 9.999 rounds up to the next power
        return scientific(Fraction(n, abs(n)) * 10 ** (power + 1), digits)
    return f"{text} × 10{_superscript(power)}"


def size_text(size: Any) -> str:
    """One size of a shape: a number with separators, a formula, or the extent of an array."""
    if is_symbolic(size):
        return algebra(size)
    return "[…]" if is_array(size) else f"{size:,}"


def algebra(expression: Any, sizes: Mapping[str, int] | None = None) -> str:
    """A SymPy expression as it is written by hand: highest powers first, no signs of multiplication.

    sizes  the number of each symbol, to write the numbers in its place

    >>> from vram.ledger.symbols import symbols
    >>> algebra(12 * symbols.h**2 + 13 * symbols.h)
    '12h² + 13h'
    >>> algebra(12 * symbols.h**2 + 13 * symbols.h, {"h": 768})
    '12·768² + 13·768'
    """
    if not is_symbolic(expression):
        return f"{expression:,}"
    if expression.is_Add:
        return _sum(expression, sizes)
    if expression.is_Mul:
        return _product(expression, sizes)
    if expression.is_Pow and expression.exp.is_Integer and expression.exp > 1:
        return _factor(expression.base, sizes) + _superscript(int(expression.exp))
    if expression.is_Symbol and sizes is not None:
        return f"{sizes[expression.name]:,}"
    if expression.is_Integer:
        return f"{int(expression):,}".replace("-", "−")
    if (name := type(expression).__name__) in _ROUNDED:
        return _ROUNDED[name].format(algebra(expression.args[0], sizes))
    if name == "Piecewise":
        return ", else ".join(_case(value, when, sizes) for value, when in expression.args)
    return str(expression)


_ROUNDED = {"floor": "⌊{}⌋", "ceiling": "⌈{}⌉"}
_RELATIONS = {">=": "≥", "<=": "≤"}
# Symbols in a product stand in this order: Vh, nh, lr, 3hf, gh.
_ORDER = "Vnlrbsgadhf"


def _case(value: Any, when: Any, sizes: Mapping[str, int] | None) -> str:
    """One case of several, such as `2P/N if z ≥ 3`; the last holds otherwise."""
    text = algebra(value, sizes)
    if not when.args:  # the constant true
        return text
    if not when.is_Relational:
        return f"{text} if {when}"
    relation = _RELATIONS.get(when.rel_op, when.rel_op)
    return f"{text} if {algebra(when.lhs, sizes)} {relation} {algebra(when.rhs, sizes)}"


def _superscript(n: int) -> str:
    return "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in str(n))


def _sum(expression: Any, sizes: Mapping[str, int] | None) -> str:
    """Terms by falling degree; among equals, by their text in symbols."""
    terms = sorted(expression.args, key=lambda term: (-_degree(term), algebra(term)))
    return " + ".join(algebra(term, sizes) for term in terms).replace("+ −", "− ")


def _degree(term: Any) -> int:
    powers = term.as_powers_dict().items()
    return sum(int(power) for base, power in powers if base.free_symbols and power.is_Integer)


def _product(expression: Any, sizes: Mapping[str, int] | None) -> str:
    numerator, denominator = expression.as_numer_denom()
    if denominator != 1:
        return f"{algebra(numerator, sizes)}/{_factor(denominator, sizes)}"
    coefficient, rest = expression.as_coeff_Mul()
    factors = sorted(rest.as_ordered_factors(), key=lambda f: (f.is_Add, _ORDER.find(str(f)[0]), str(f)))
    texts = [_factor(f, sizes) for f in factors]
    if abs(coefficient) != 1:
        texts.insert(0, f"{abs(coefficient)}")
    return ("−" if coefficient < 0 else "") + ("" if sizes is None else "·").join(texts)


def _factor(expression: Any, sizes: Mapping[str, int] | None) -> str:
    text = algebra(expression, sizes)
    return f"({text})" if expression.is_Add else text
