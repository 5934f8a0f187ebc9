"""Where does this number come from? The formula of each row of a ledger, beside the row with its numbers.

A ledger built on `arch.symbolic()` has the rows of the ledger built on `arch`, with symbols for sizes. Here the two
are laid side by side. Symbolic ledgers are kept, one for each structure: a panel asks for the same ones again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..architectures.architecture import Architecture
from ..ledger.errors import VramError
from ..ledger.ledger import Ledger
from ..ledger.symbols import GLOSSARY
from ..ledger.tensor import Tensor
from .numbers import algebra, size_text

_KEPT: dict[tuple[str, str], Ledger] = {}
_MOST_KEPT = 256


@dataclass(frozen=True, slots=True)
class Explained:
    """A tensor with its formula: `formula` in symbols, `numbers` with the sizes put in; both multiply to `.numel`."""

    tensor: Tensor
    formula: str
    numbers: str


def formulas(numeric: Ledger, symbolic: Ledger) -> list[Explained]:
    """Each row of `numeric` with the formula of the row of `symbolic` that has its name.

    Raises `VramError` when the two ledgers are not of the same structure.
    """
    rows = list(symbolic)
    found = []
    at = 0
    for tensor in numeric:
        while at < len(rows) and rows[at].name != tensor.name:
            at += 1  # a row that the numbers leave out: its condition does not hold
        if at == len(rows):
            raise VramError(f"symbolic: no row for {tensor.name!r}; the ledgers differ in structure.")
        found.append(Explained(tensor, _text(rows[at]), _text(tensor)))
        at += 1
    return found


def symbolic(question: str, arch: Architecture, answer: Callable[[Architecture], Ledger]) -> Ledger:
    """`answer(arch.symbolic())`, calculated once for each structure; `question` tells kept answers apart."""
    structure = arch.symbolic()
    key = (question, f"{structure.model_type} {structure.fields} {structure.notes}")
    if key not in _KEPT:
        if len(_KEPT) >= _MOST_KEPT:
            _KEPT.clear()
        _KEPT[key] = answer(structure)
    return _KEPT[key]


def written(expression: Any, arch: Architecture | None = None) -> str:
    """A formula multiplied out and written by hand; with the sizes of `arch` in place of its symbols."""
    return _expanded(expression, None if arch is None else sizes(arch))


def sizes(arch: Architecture) -> tuple[tuple[str, int], ...]:
    """The symbol and the number of every size that the architecture has."""
    fields = arch.fields
    return tuple((n.symbol, fields[n.name]) for n in GLOSSARY if type(fields.get(n.name)) is int)


@lru_cache(maxsize=512)
def _expanded(expression: Any, numbers: tuple[tuple[str, int], ...] | None) -> str:
    expanded = expression.expand() if hasattr(expression, "expand") else expression
    return algebra(expanded, None if numbers is None else dict(numbers))


def per_layer(ledger: Ledger) -> Ledger:
    """The rows of one layer, without the index that runs over the layers."""
    return Ledger(Tensor(t.name, t.shape, t.dtype, t.kind, t.axes[1:], t.op, t.part, t.basis) for t in ledger if t.axes)


def _text(tensor: Tensor) -> str:
    """Counts and shape as a product: `l · h · 3h`, `32 · 4,096 · 12,288`."""
    return product_text(tuple([axis.count for axis in tensor.axes] + list(tensor.shape)))


@lru_cache(maxsize=4096)
def product_text(factors: tuple[Any, ...]) -> str:
    """Factors as a product, a sum among them in brackets; 1 for none."""
    texts = [size_text(factor) for factor in factors]
    return " · ".join(f"({t})" if " " in t else t for t in texts) or "1"
