"""Whole numbers that remember how they were made: the formula of a result is the one that was executed.

A traced number is an `int` everywhere: it compares, chooses branches and rounds up as numbers do. Beside its value it
carries the formula that led to it, so that any total can be unfolded without a second calculation.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

#: How tightly a sign binds: a weaker one inside a stronger one stands in brackets.
_BINDS = {"+": 1, "−": 1, "·": 2, "/": 2, "%": 2}
_DOES: Mapping[str, Callable[[int, int], int]] = {
    "+": operator.add, "−": operator.sub, "·": operator.mul, "/": operator.floordiv, "%": operator.mod,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Formula:
    """A symbol, a number, or an operation on two formulas; `/` rounds down, `⌈/⌉` rounds up."""

    sign: str
    parts: tuple[Formula, ...] = ()
    value: int = 0

    def text(self, numbers: bool = False) -> str:
        """The formula as it is written by hand; with the sizes put in for the symbols.

        >>> (Traced.named(4, "h") * 3 + 1).formula.text(), (Traced.named(4, "h") * 3 + 1).formula.text(numbers=True)
        ('h · 3 + 1', '4 · 3 + 1')
        """
        if not self.parts:
            return f"{self.value:,}" if numbers or not self.sign else self.sign
        left, right = self.parts
        if self.sign == "⌈/⌉":
            return f"⌈{left._within(2, numbers)} / {right._within(3, numbers)}⌉"
        tight = _BINDS[self.sign]
        alike = self.sign in "+·" and right.sign == self.sign
        text = f"{left._within(tight, numbers)} {self.sign} {right._within(tight + (not alike), numbers)}"
        return f"⌊{text}⌋" if self.sign == "/" and left.value % right.value else text

    def _within(self, tight: int, numbers: bool) -> str:
        text = self.text(numbers)
        return f"({text})" if self.parts and _BINDS.get(self.sign, 9) < tight else text

    def at(self, sizes: Mapping[str, int]) -> int:
        """The value of the formula for other sizes; a symbol that is not given keeps its own."""
        if not self.parts:
            return sizes.get(self.sign, self.value)
        left, right = (part.at(sizes) for part in self.parts)
        return -(-left // right) if self.sign == "⌈/⌉" else _DOES[self.sign](left, right)


class Traced(int):
    """An int with its formula."""

    formula: Formula

    def __new__(cls, value: int, formula: Formula) -> Traced:
        made = int.__new__(cls, value)
        made.formula = formula
        return made

    @classmethod
    def named(cls, value: int, symbol: str) -> Traced:
        """A size under its symbol."""
        return cls(value, Formula(symbol, value=int(value)))

    def __hash__(self) -> int:
        return int.__hash__(self)

    def ceil_div(self, other: int) -> int:
        """self / other, rounded up."""
        return _made("⌈/⌉", -(-int(self) // int(other)), self, other)


def formula_of(n: int) -> Formula:
    """How a number was made; a plain one stands for itself."""
    return n.formula if isinstance(n, Traced) else Formula("", value=int(n))


def _made(sign: str, value: int, left: int, right: int) -> Traced:
    return Traced(value, Formula(sign, (formula_of(left), formula_of(right)), value))


def _neutral(sign: str, left: int, right: int) -> int | None:
    """The other operand where one changes nothing: n + 0, n · 1, n / 1."""
    if type(right) is int and right == (0 if sign in "+−" else 1) and sign != "%":
        return left
    if type(left) is int and sign in "+·" and left == (0 if sign == "+" else 1):
        return right
    return None


def _method(sign: str, turned: bool) -> Callable[[Traced, Any], Any]:
    def method(self: Traced, other: Any) -> Any:
        if not isinstance(other, int):
            return NotImplemented
        left, right = (other, self) if turned else (self, other)
        same = _neutral(sign, left, right)
        return _made(sign, _DOES[sign](int(left), int(right)), left, right) if same is None else same

    return method


for _sign, _name in (("+", "add"), ("−", "sub"), ("·", "mul"), ("/", "floordiv"), ("%", "mod")):
    setattr(Traced, f"__{_name}__", _method(_sign, turned=False))
    setattr(Traced, f"__r{_name}__", _method(_sign, turned=True))
