"""Formulas that a learner writes: read without ever running them, and compared as polynomials.

Text goes through Python's parser into a tree, and only numbers, symbols, + - * / ** and brackets are read out of it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from typing import Any

from ..ledger.symbols import GLOSSARY, symbols
from .unreadable import Unreadable

_LONGEST = 200  # characters of text, and operations of a SymPy expression
_LARGEST_EXPONENT = 8
_LARGEST_NUMBER = 10**30
_HIGHEST_DEGREE = 12

_TYPOGRAPHY = str.maketrans({"·": "*", "×": "*", "−": "-", "^": "**", "²": "**2", "³": "**3", "÷": "/"})
_TOKEN = re.compile(r"\s*(?:(\d+(?:_\d+)*(?:\.\d+)?)|([A-Za-z_]\w*)|(\*\*|[-+*/()]))")


def read_expression(answer: object, extra: Iterable[str] = ()) -> Any:
    """A SymPy expression from text or SymPy, in the course's symbols and the `extra` names. Raises Unreadable."""
    known = _symbols_by_name(extra)
    if isinstance(answer, str):
        return _bounded(_from_text(answer, known), known)
    import sympy

    if isinstance(answer, int) and not isinstance(answer, bool):
        answer = sympy.Integer(answer) if abs(answer) <= _LARGEST_NUMBER else None
    if not isinstance(answer, sympy.Expr):
        raise Unreadable("symbolic")
    return _bounded(answer, known)


def same(left: Any, right: Any) -> bool:
    """Whether two expressions are the same polynomial: equal at sample points, and their difference expands to 0.

    The points come first because they are cheap: only an expression that passes them is worth expanding.
    """
    import sympy

    difference = left - right
    for start in (2, 5, 11):
        point = {s: sympy.Integer(sympy.prime(start + i)) for i, s in enumerate(_ordered(difference))}
        if difference.xreplace(point) != 0:
            return False
    return sympy.expand(difference) == 0


def _ordered(expression: Any) -> list[Any]:
    return sorted(expression.free_symbols, key=lambda symbol: symbol.name)


def _symbols_by_name(extra: Iterable[str]) -> dict[str, Any]:
    import sympy

    known = {notation.symbol: getattr(symbols, notation.symbol) for notation in GLOSSARY}
    known |= {notation.name: known[notation.symbol] for notation in GLOSSARY}
    return known | {name: sympy.Symbol(name, positive=True, integer=True) for name in extra}


def _from_text(text: str, known: dict[str, Any]) -> Any:
    if len(text) > _LONGEST:
        raise Unreadable("long")
    source = _with_multiplication_signs(text.translate(_TYPOGRAPHY), known)
    try:
        tree = ast.parse(source, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Unreadable("symbolic") from None
    return _value(tree.body, known)


def _with_multiplication_signs(text: str, known: dict[str, Any]) -> str:
    """`12h²` as people write it becomes `12 * h ** 2`; letters in a row are a product of symbols."""
    tokens: list[str] = []
    position, text = 0, text.strip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if not match:
            raise Unreadable("operator")
        number, name, sign = match.groups()
        for part in _factors(name, known) if name else [number or sign]:
            if tokens and _ends_factor(tokens[-1]) and _begins_factor(part):
                tokens.append("*")
            tokens.append(part)
        position = match.end()
    return " ".join(tokens)


def _factors(name: str, known: dict[str, Any]) -> list[str]:
    if name in known:
        return [name]
    letters = list(name)
    if not all(letter in known for letter in letters):
        raise Unreadable("symbol")
    return letters


def _ends_factor(token: str) -> bool:
    return token == ")" or token[-1].isalnum()


def _begins_factor(token: str) -> bool:
    return token == "(" or token[0].isalnum()


def _value(node: ast.expr, known: dict[str, Any]) -> Any:
    import sympy

    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            if abs(number) > _LARGEST_NUMBER:
                raise Unreadable("long")
            return sympy.Rational(str(number))
        case ast.Name(id=name):
            return known[name]
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_value(inner, known)
        case ast.UnaryOp(op=ast.UAdd(), operand=inner):
            return _value(inner, known)
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int() as exponent)):
            if exponent > _LARGEST_EXPONENT:
                raise Unreadable("long")
            return _value(left, known) ** exponent
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div() as operator, right=right):
            return _combined(operator, _value(left, known), _value(right, known))
    raise Unreadable("operator")


def _combined(operator: ast.operator, left: Any, right: Any) -> Any:
    match operator:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
    if right == 0:
        raise Unreadable("finite")
    return left / right


def _bounded(expression: Any, known: dict[str, Any]) -> Any:
    """The expression in the course's own symbols, refused when expanding it could take long."""
    import sympy

    if sum(1 for _ in sympy.preorder_traversal(expression)) > 2 * _LONGEST or _degree(expression) > _HIGHEST_DEGREE:
        raise Unreadable("long")
    by_name = {symbol.name: symbol for symbol in known.values()} | known
    renamed = {}
    for symbol in expression.free_symbols:
        if symbol.name not in by_name:
            raise Unreadable("symbol")
        renamed[symbol] = by_name[symbol.name]
    return expression.xreplace(renamed)


def _degree(expression: Any) -> int:
    """An upper bound of the degree. Raises Unreadable for what is no quotient of polynomials."""
    import sympy

    if isinstance(expression, sympy.Rational) and abs(expression.p) <= _LARGEST_NUMBER:
        return 0
    if isinstance(expression, sympy.Float) and expression.is_finite:
        return 0
    if isinstance(expression, sympy.Symbol):
        return 1
    if isinstance(expression, sympy.Add):
        return max(map(_degree, expression.args))
    if isinstance(expression, sympy.Mul):
        return sum(map(_degree, expression.args))
    if isinstance(expression, sympy.Pow) and isinstance(expression.exp, sympy.Integer):
        return _degree(expression.base) * abs(int(expression.exp))
    raise Unreadable("operator")
