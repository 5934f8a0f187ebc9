"""What is the shape of every tensor in symbols? Weights, adapters, cache, all that a pass makes: a look-up by name.

A timeline holds numbers, and which moment of a phase is the largest depends on them. So its rows are not laid beside
a timeline in symbols, but looked up by their names, and a formula is used only where the sizes put into it give the
very shape of the row. What it cannot explain keeps its numbers and gets no formula.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from ..architectures.architecture import Architecture
from ..ledger.arithmetic import is_symbolic
from ..ledger.errors import VramError
from ..ledger.ledger import Ledger
from ..ledger.symbols import symbols
from ..ledger.tensor import Tensor
from ..memory import kv_cache, lora, weights
from ..memory.activations.described import undescribed
from ..memory.activations.model import record
from ..memory.activations.setting import setting
from .explain import Explained, product_text, sizes, symbolic

_DERIVED = (
    ".grad", ".master", ".exp_avg", ".exp_avg_sq", ".momentum_buffer", ".cast", ".state1", ".state2", ".step",
    ".update",
)  # fmt: skip
_FROZEN = "base_model.model."


_NOTHING: Mapping[str, Tensor] = {}


class Forms:
    """The formulas of one model in one setting; two of the same model and setting are equal.

    arch            the model; None: no formulas
    batch, seq_len  the b and s that ledgers are made with
    """

    def __init__(self, arch: Architecture | None, *, batch: Any = 1, seq_len: Any = 1):
        self._known = _NOTHING if arch is None else _forms(arch)
        tokens = tuple((name, n) for name, n in (("b", batch), ("s", seq_len)) if type(n) is int)
        self._values = () if arch is None else sizes(arch) + tokens

    @property
    def known(self) -> bool:
        """Whether there are formulas at all."""
        return bool(self._known)

    def __hash__(self) -> int:
        return hash((id(self._known), self._values))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Forms) and other._known is self._known and other._values == self._values

    def explained(self, ledger: Ledger) -> list[Explained]:
        """Each row with its numbers and, where one is known and true, its formula."""
        return [
            Explained(tensor, _formula(tensor, self._known, self._values), product_text(_factors(tensor)))
            for tensor in ledger
        ]


def _factors(tensor: Tensor) -> tuple[Any, ...]:
    return tuple([axis.count for axis in tensor.axes] + list(tensor.shape))


def _formula(tensor: Tensor, known: Mapping[str, Tensor], values: tuple[tuple[str, int], ...]) -> str:
    """The product in symbols, or nothing where it does not give the numbers."""
    found = _look_up(tensor.name, known)
    if found is None:
        return ""
    if ".lora_" in tensor.name and tensor.shape:
        values = (*values, ("r", min(tensor.shape)))
    shape = found.shape if tensor.shape else ()  # one number for each tensor, such as a counter of steps
    if tuple(_value(size, values) for size in shape) != tensor.shape:
        return ""
    counts = [axis.count for axis in tensor.axes]
    if len(found.axes) == len(counts):
        signs = [axis.count for axis in found.axes]
        counts = [sign if _value(sign, values) == n else n for sign, n in zip(signs, counts, strict=True)]
    return product_text((*counts, *(_case(size, values) for size in shape)))


def _look_up(name: str, known: Mapping[str, Tensor]) -> Tensor | None:
    """The row of this name, or of the tensor that it is a copy of: a gradient has the shape of its weight."""
    while name not in known:
        for end in _DERIVED:
            if name.endswith(end):
                name = name.removesuffix(end)
                break
        else:
            if not name.startswith(_FROZEN):
                return None
            name = name.removeprefix(_FROZEN)
    return known[name]


@lru_cache(maxsize=4096)
def _value(size: Any, values: tuple[tuple[str, int], ...]) -> Any:
    """A size with numbers in the place of its symbols; None where one is not known."""
    if not is_symbolic(size):
        return size
    numbers = dict(values)
    if any(symbol.name not in numbers for symbol in size.free_symbols):
        return None
    value = size.subs({symbol: numbers[symbol.name] for symbol in size.free_symbols})
    return int(value) if value.is_Integer else None


@lru_cache(maxsize=4096)
def _case(size: Any, values: tuple[tuple[str, int], ...]) -> Any:
    """A size that depends on a condition, as it is where these values stand."""
    if not is_symbolic(size):
        return size
    import sympy

    numbers = {symbol: dict(values).get(symbol.name, symbol) for symbol in size.free_symbols}

    def taken(*cases: Any) -> Any:
        return next(then for then, when in cases if when.subs(numbers) is sympy.true)

    return size.replace(sympy.Piecewise, taken)


def _forms(arch: Architecture) -> Mapping[str, Tensor]:
    """Name → the row in symbols, made once for each structure."""
    return _by_name(_Same(symbolic("every tensor", arch, lambda signs: Ledger(_everything(signs)))))


class _Same:
    """A ledger as a key: the same object, whatever it holds."""

    def __init__(self, ledger: Ledger):
        self.ledger = ledger

    def __hash__(self) -> int:
        return id(self.ledger)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.ledger is self.ledger


@lru_cache(maxsize=64)
def _by_name(same: _Same) -> Mapping[str, Tensor]:
    return {tensor.name: tensor for tensor in reversed(same.ledger.tensors)}  # the first of a name is kept


def _everything(arch: Architecture) -> Iterator[Tensor]:
    """Every tensor of a model that the course can name, in symbols."""
    b, s = symbols.b, symbols.s
    held = weights(arch)
    yield from held
    for answer in (lambda: lora(arch, rank=symbols.r), lambda: kv_cache(arch, batch=b, seq_len=s)):
        yield from _or_none(answer)
    if undescribed(arch):
        return
    for attention in ("sdpa", "eager", "flash"):
        for autocast in (False, True):
            how = setting(batch=b, seq_len=s, attention=attention, autocast=autocast, dropout=0.1)
            yield from _or_none(lambda how=how: _passes(record(arch, how, held)))


def _or_none(answer: Any) -> Iterable[Tensor]:
    """The rows of an answer; none for a model that has no such thing."""
    try:
        return answer()
    except VramError:
        return ()


def _passes(model: Any) -> Iterator[Tensor]:
    for stretch, axes, _ in model.parts:
        entering = [] if stretch.enters is None else [stretch.enters.storage]
        for op in stretch.tape.ops:
            made = [value.storage for value in (*op.inputs, *op.outputs)]
            for storage in (*entering, *made, *op.saved, *op.scratch, *op.backward):
                if storage.kind != "weights":
                    yield storage.row(axes)
    for storage in (*model.shared, *model.mask):
        yield storage.row()
