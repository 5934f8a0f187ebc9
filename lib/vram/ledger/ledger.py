"""The ledger: a list of tensors, and the folds over it that answer every question of the course."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from .arithmetic import Size
from .dtypes import Dtype, as_dtype
from .errors import VramError, unknown
from .table import Table
from .tensor import Tensor

_FIELDS = ("kind", "part", "op", "dtype", "basis", "name")


class Ledger:
    """Named tensors in order. Adding two ledgers puts one after the other; nothing is ever merged or rounded.

    >>> from vram.ledger.dtypes import dtypes
    >>> two = Ledger([Tensor("w", (4, 4), dtypes["fp32"]), Tensor("b", (4,), dtypes["fp32"])])
    >>> two.numel, two.nbytes
    (20, 80)
    """

    __slots__ = ("tensors",)

    def __init__(self, tensors: Iterable[Tensor] = ()):
        self.tensors: tuple[Tensor, ...] = tuple(tensors)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    def __add__(self, other: Ledger) -> Ledger:
        return Ledger(self.tensors + other.tensors)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ledger) and self.tensors == other.tensors

    __hash__ = None  # rows may hold arrays

    def __getitem__(self, name: str) -> Tensor:
        """The row of that name, with `{}` or with an index in its place."""
        for tensor in self.tensors:
            if tensor.name == name:
                return tensor
        for tensor in self.tensors:
            if tensor.axes and name in tensor.names():
                return tensor
        raise unknown("tensor", name, [t.name for t in self.tensors])

    @property
    def numel(self) -> Size:
        """Elements in all tensors, exact."""
        return sum(t.numel for t in self.tensors)

    @property
    def nbytes(self) -> Size:
        """Bytes of all tensors, exact."""
        return sum(t.nbytes for t in self.tensors)

    @property
    def count(self) -> Size:
        """How many tensors there are, repeats counted."""
        return sum(t.count for t in self.tensors)

    def by(self, field: str) -> dict[str, Ledger]:
        """The ledger split by a field of its rows (kind, part, op, dtype, basis, name), in order of appearance."""
        if field not in _FIELDS:
            raise unknown("by", field, _FIELDS)
        groups: dict[str, list[Tensor]] = {}
        for tensor in self.tensors:
            groups.setdefault(str(getattr(tensor, field)), []).append(tensor)
        return {key: Ledger(tensors) for key, tensors in groups.items()}

    def select(self, keep: Callable[[Tensor], bool] | None = None, **fields: str) -> Ledger:
        """The rows that satisfy `keep` and whose fields have these values: `ledger.select(kind="norm")`."""
        for field in fields:
            if field not in _FIELDS:
                raise unknown("select", field, _FIELDS)
        return Ledger(
            t
            for t in self.tensors
            if (keep is None or keep(t)) and all(str(getattr(t, f)) == v for f, v in fields.items())
        )

    def layer(self, index: int) -> Ledger:
        """The tensors of one layer, under their full names."""
        rows = Ledger(row for t in self.tensors if (row := t.at(index)) is not None)
        if not len(rows):
            raise VramError(f"layer: {index!r} given, but no tensor of this ledger has that index.")
        return rows

    def file_under(self, kind: str) -> Ledger:
        """The same tensors under one heading (a kind of memory); `part` keeps the old one."""
        return Ledger(
            Tensor(t.name, t.shape, t.dtype, kind, t.axes, t.op, t.part or t.kind, t.basis) for t in self.tensors
        )

    def cast(self, dtype: str | Dtype) -> Ledger:
        """The same tensors in another number format."""
        to = as_dtype(dtype)
        return Ledger(t.but(dtype=to) for t in self.tensors)

    def table(self, digits: int = 2) -> Table:
        """Rows with name, shape, count and size; the total last."""
        from .units import count, gib, is_shown_exact

        rows = [
            (t.name, " × ".join(map(count, t.shape)) or "1", count(t.count), count(t.numel), str(t.dtype),
             gib(t.nbytes, digits) if is_shown_exact(t.nbytes) else count(t.nbytes))
            for t in self.tensors
        ]  # fmt: skip
        total = self.nbytes
        rows.append(("total", "", count(self.count), count(self.numel), "",
                     gib(total, digits) if is_shown_exact(total) else count(total)))  # fmt: skip
        return Table(("tensor", "shape", "how many", "parameters", "dtype", "size"), rows, total=True)

    def __repr__(self) -> str:
        return f"Ledger({len(self.tensors)} rows, {self.numel} elements, {self.nbytes} bytes)"
