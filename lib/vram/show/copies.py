"""Which copies of the parameters does a training step keep? The rows of a timeline's phase, one a copy.

A copy is named by what stands at the end of a tensor's name: `.grad`, `.master`, `.exp_avg`. Tensors without such an
end are the weights themselves; beside adapters they are frozen. What is no copy (activations, cache) is named by its
kind of memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from ..ledger.ledger import Ledger
from ..ledger.tensor import Tensor
from ..ledger.units import shown
from ..words import has, say
from .bars import name_of
from .numbers import decimal, trimmed
from .tables import StyledTable
from .theme import KINDS, in_order

#: Kinds of memory that are no copies of the parameters.
_OTHERS = tuple(kind for kind in KINDS if kind not in ("weights", "gradients", "optimizer states"))


@dataclass(frozen=True)
class Copy:
    """All tensors of one copy in one number format."""

    title: str
    kind: str
    ledger: Ledger

    @cached_property
    def nbytes(self) -> int:
        """Bytes of all its tensors."""
        return self.ledger.nbytes

    @property
    def calculation(self) -> str:
        """How many elements times how many bytes, as it is executed: `8,030,261,248 · 2 B`."""
        dtype = next(iter(self.ledger)).dtype
        each = dtype.bits_per_weight / 8
        numel = self.ledger.numel
        padding = self.nbytes - numel * each
        return f"{numel:,} · {trimmed(each, 4)} B" + (f" + {trimmed(padding)} B" if padding else "")

    @property
    def basis(self) -> str:
        """The least sure class among the rows."""
        found = {tensor.basis for tensor in self.ledger}
        return next(basis for basis in ("measured", "implementation", "exact") if basis in found)


def copies(ledger: Ledger) -> list[Copy]:
    """The copies in a ledger, kind by kind, in the order of the bars; together they hold every tensor of it."""
    frozen = any(map(_is_adapter, ledger))
    groups: dict[tuple[str, str, str], list[Tensor]] = {}
    for tensor in ledger:
        groups.setdefault((tensor.kind, _copy_of(tensor, frozen), tensor.dtype.name), []).append(tensor)
    found = [
        Copy(f"{say(key) if key else name_of(kind)}, {dtype}", kind, Ledger(tensors))
        for (kind, key, dtype), tensors in groups.items()
    ]
    order = list(in_order({copy.kind: 0 for copy in found}))
    return sorted(found, key=lambda copy: order.index(copy.kind))


def _copy_of(tensor: Tensor, frozen: bool) -> str:
    """The key of the copy's name; none for a kind of memory that has no copies."""
    if tensor.kind in _OTHERS:
        return ""
    end = tensor.name.rsplit(".", 1)[-1]
    if end not in ("weight", "bias") and has(f"copy.{end}"):
        return f"copy.{end}"
    return "copy.adapters" if _is_adapter(tensor) else "copy.frozen" if frozen else "copy.weights"


def _is_adapter(tensor: Tensor) -> bool:
    return ".lora_" in tensor.name


def by_kind(ledger: Ledger) -> dict[str, int]:
    """Bytes of each kind of memory in a ledger."""
    return {kind: rows.nbytes for kind, rows in ledger.by("kind").items()}


def copy_table(
    rows: Sequence[Copy], numel: int, *, total: str, caption: str, card: tuple[str, int] | None = None
) -> StyledTable:
    """One line a copy: elements times bytes, bytes for each of `numel` parameters, size in GiB and GB, class.

    card  name and usable bytes of a card: two more lines compare the total with it
    """
    lines: list[list[str]] = []
    if card:
        name, usable = card
        held = sum(copy.nbytes for copy in rows)
        lines.append([say("panel.usable", gpu=name), "", "", *_sizes(usable), say("basis.measured")])
        lines.append([say("panel.room" if held <= usable else "panel.lack"), "", "", *_sizes(abs(usable - held)), ""])
    headers = ("copy", "calculation", "bytes_each", "gib", "gb", "class")
    return StyledTable(
        [say(f"table.{header}") for header in headers],
        [*(_line(copy, numel) for copy in rows), _total(rows, numel, total), *lines],
        align="lcrrrl",
        total=len(rows),
        caption=caption,
        keys=[*(copy.kind for copy in rows), *[None] * (1 + len(lines))],
    )


def _line(copy: Copy, numel: int) -> list[str]:
    nbytes = copy.nbytes
    each = decimal(Fraction(nbytes, numel), 2)
    return [copy.title, copy.calculation, each, *_sizes(nbytes), say(f"basis.{copy.basis}")]


def _total(rows: Sequence[Copy], numel: int, title: str) -> list[str]:
    nbytes = sum(copy.nbytes for copy in rows)
    return [title, "", decimal(Fraction(nbytes, numel), 2), *_sizes(nbytes), ""]


def _sizes(nbytes: int) -> tuple[str, str]:
    """The size in GiB and in GB, to two places; what would round to nothing is not shown as nothing."""
    in_gib, in_gb = (shown(nbytes, unit).split(" ")[0] for unit in ("GiB", "GB"))
    return tuple("< 0.01" if nbytes and size == "0.00" else size for size in (in_gib, in_gb))
