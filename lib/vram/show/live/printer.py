"""How is a formula of the ledger written in JavaScript? In whole numbers of any size (BigInt), so that both agree.

Doubles lose units above 2⁵³, and FLOPs pass that at once. BigInt has no fractions: a formula is brought to one
fraction, numerator over denominator, and the division is exact wherever the ledger's own is.
"""

from __future__ import annotations

from typing import Any

from sympy import S, sympify, together
from sympy.printing.jscode import JavascriptCodePrinter

from ...ledger.errors import VramError


def javascript(formula: Any) -> str:
    """A SymPy formula, or a number, as a JavaScript expression over BigInt variables named as its symbols.

    Rounding down and up, the larger and the smaller, and cases (`Piecewise`) are known.
    Raises `VramError` for what BigInt cannot say: roots, symbolic powers, decimals, any other function.

    >>> from vram import symbols
    >>> javascript(symbols.h / symbols.a + 1)
    '((a + h)/(a))'
    """
    return _Printer().doprint(_one_fraction(sympify(formula)))


def _one_fraction(formula: Any) -> Any:
    return together(formula)


class _Printer(JavascriptCodePrinter):
    """JavaScript over BigInt: `12n*h**2n`, a division last."""

    def doprint(self, expr: Any, assign_to: Any = None) -> str:
        return self._print(expr)

    def _print_Integer(self, expr: Any) -> str:
        return f"{int(expr)}n"

    _print_int = _print_Integer

    def _print_Rational(self, expr: Any) -> str:
        return f"({int(expr.p)}n/{int(expr.q)}n)"

    def _print_Float(self, expr: Any) -> str:
        raise VramError(f"formula: {expr} is a decimal; the ledger's formulas are exact.")

    def _print_Mul(self, expr: Any) -> str:
        numerator, denominator = expr.as_numer_denom()
        if denominator is not S.One:
            return f"(({self._print(numerator)})/({self._print(denominator)}))"
        return "*".join(self._factor(factor) for factor in expr.as_ordered_factors())

    def _print_Add(self, expr: Any, order: Any = None) -> str:
        numerator, denominator = expr.as_numer_denom()
        if denominator is not S.One:
            return f"(({self._print(numerator)})/({self._print(denominator)}))"
        return " + ".join(self._print(term) for term in expr.as_ordered_terms())

    def _factor(self, factor: Any) -> str:
        text = self._print(factor)
        return f"({text})" if factor.is_Add else text

    def _print_Pow(self, expr: Any) -> str:
        if not expr.exp.is_Integer:
            raise VramError(f"formula: {expr} has a power that is no whole number.")
        if expr.exp < 0:
            return f"(1n/{self._factor(expr.base)}**{-int(expr.exp)}n)"
        return f"{self._factor(expr.base)}**{int(expr.exp)}n"

    def _print_floor(self, expr: Any) -> str:
        return f"({self._print(_one_fraction(expr.args[0]))})"

    def _print_ceiling(self, expr: Any) -> str:
        numerator, denominator = _one_fraction(expr.args[0]).as_numer_denom()
        return f"(({self._print(numerator + denominator - 1)})/({self._print(denominator)}))"

    def _print_Function(self, expr: Any) -> str:
        raise VramError(f"formula: {expr} has a function that whole numbers do not have.")

    _print_ExpBase = _print_Function

    def _print_Max(self, expr: Any) -> str:
        return f"[{', '.join(map(self._print, expr.args))}].reduce((x, y) => x > y ? x : y)"

    def _print_Min(self, expr: Any) -> str:
        return f"[{', '.join(map(self._print, expr.args))}].reduce((x, y) => x < y ? x : y)"
