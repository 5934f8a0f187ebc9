"""Why this number? A ledger that folds open: kinds of memory, their copies, and every tensor with its formula.

`<details>` and plain tables, so that it works on GitHub and in an exported page too; equal layers are one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from html import escape
from typing import Any

from ..architectures.architecture import Architecture
from ..ledger.ledger import Ledger
from ..ledger.table import Table
from ..ledger.tensor import Axis, Tensor
from ..ledger.units import both, count, gib, percent
from ..memory.constants import constants
from ..memory.timeline import Timeline
from ..words import language, say
from . import css
from .bars import name_of
from .copies import Copy, copies
from .explain import Explained
from .forms import Forms
from .numbers import trimmed
from .tables import StyledTable


class FoldedLedger:
    """A ledger filed under kinds of memory, or every phase of a timeline, down to the single tensor.

    what            a `Ledger` or a `Timeline`
    arch            the model, for the formulas; a timeline knows its own, without a model there are numbers alone
    batch, seq_len  what the ledger was made with; a timeline knows its own
    caption         the title, as a table has one

    In a notebook it shows itself; `markup()` is the part without a stylesheet, for a panel, where it takes the place
    of a table.
    """

    def __init__(
        self,
        what: Ledger | Timeline,
        *,
        arch: Architecture | None = None,
        batch: Any = 1,
        seq_len: Any = 1,
        caption: str | None = None,
    ):
        if isinstance(what, Timeline):
            settings = what.settings
            arch, batch, seq_len = (settings.get(name) for name in ("arch", "batch", "seq_len"))
        self._what, self._setting = what, (arch, batch, seq_len)
        self.caption = say("fold.caption") if caption is None else caption
        self.ledgers = list(what.phases.values()) if isinstance(what, Timeline) else [what]

    @cached_property
    def _forms(self) -> Forms:
        """Looked up when the fold is filled, not before."""
        arch, batch, seq_len = self._setting
        return Forms(arch, batch=batch, seq_len=seq_len)

    @property
    def keys(self) -> tuple[str, ...]:
        """The kinds whose colour and hatch stand before a line."""
        return tuple(dict.fromkeys(tensor.kind for ledger in self.ledgers for tensor in ledger))

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """Every tensor's line, as the tables show it."""
        found = [copy for ledger in self.ledgers for copy in copies(ledger)]
        return tuple(row for copy in found for row in _table(copy.ledger.tensors, self._forms).rows)

    def markup(self) -> str:
        """The nested `<details>`, without the caption: a panel says it on the fold that they stand in."""
        if not isinstance(self._what, Timeline):
            return self._kinds(self._what)
        always = _always(self.ledgers)
        held = self.ledgers[0].select(lambda tensor: tensor.kind in always)
        lines = [_details(say("fold.always", total=both(held.nbytes)), self._kinds(held))] if always else []
        for phase, ledger in self._what.phases.items():
            key = "fold.peak" if phase == self._what.peak_phase else "fold.phase"
            inside = self._kinds(ledger.select(lambda tensor: tensor.kind not in always), ledger.nbytes)
            lines.append(_details(say(key, phase=phase, total=both(ledger.nbytes)), inside))
        return "".join(lines)

    def _kinds(self, ledger: Ledger, total: int | None = None) -> str:
        """A line for each kind, as a share of the total; its copies below it, the tensors below them."""
        found: dict[str, list[Copy]] = {}
        for copy in copies(ledger):
            found.setdefault(copy.kind, []).append(copy)
        total = sum(copy.nbytes for rows in found.values() for copy in rows) if total is None else total
        lines = []
        for kind, rows in found.items():
            nbytes = sum(copy.nbytes for copy in rows)
            words = say(
                "fold.kind", kind=name_of(kind), size=gib(nbytes), share=percent(nbytes, total or 1), total=gib(total)
            )
            lines.append(_details(words, "".join(map(self._copy, rows)), kind))
        return "".join(lines)

    def _copy(self, copy: Copy) -> str:
        words = say("fold.copy", copy=copy.title, calculation=copy.calculation, size=gib(copy.nbytes))
        return _details(words, _markup(copy.ledger.tensors, self._forms, language()))

    def _repr_html_(self) -> str:
        title = f"<p><b>{escape(self.caption)}</b></p>"
        return f'{css.sheet(frozenset(self.keys))}<div class="vram">{title}{self.markup()}</div>'

    def __repr__(self) -> str:
        headers = ("copy", "calculation", "size")
        found = [copy for ledger in self.ledgers for copy in copies(ledger)]
        rows = [[copy.title, copy.calculation, gib(copy.nbytes)] for copy in found]
        return str(Table([say(f"table.{header}") for header in headers], rows, caption=self.caption))


def _table(tensors: tuple[Tensor, ...], forms: Forms) -> StyledTable:
    """The tensors of one copy, which are of one format."""
    columns = {name: say(f"table.{name}") for name in ("tensor", "shape", "formula", "numbers")}
    columns |= {"bytes": say("fold.bytes"), "class": say("table.class")}
    if not forms.known:
        del columns["formula"]
    each = f"{trimmed(tensors[0].dtype.bits_per_weight / 8, 4)} B"
    lines = (_line(row, each) for row in forms.explained(Ledger(tensors)))
    rows = [[line[name] for name in columns] for line in lines]
    return StyledTable(list(columns.values()), rows, align="".join(_ALIGN[name] for name in columns))


_ALIGN = {"tensor": "c", "shape": "c", "formula": "c", "numbers": "c", "bytes": "r", "class": "l"}


@lru_cache(maxsize=256)
def _markup(tensors: tuple[Tensor, ...], forms: Forms, language: str) -> str:
    """The table as markup. Kept, since a control that moves leaves most copies as they are."""
    return _table(tensors, forms).markup()


def _always(ledgers: Sequence[Ledger]) -> set[str]:
    """The kinds of which every ledger holds the same tensors: they are listed once."""
    first, *others = ledgers
    same = {kind: rows for kind, rows in first.by("kind").items() if others}
    return {kind for kind, rows in same.items() if all(ledger.select(kind=kind) == rows for ledger in others)}


def _line(row: Explained, each: str) -> dict[str, str]:
    tensor = row.tensor
    return {
        "tensor": _named(tensor),
        "shape": " × ".join(count(size) for size in tensor.shape) or "1",
        "formula": row.formula,
        "numbers": f"{row.numbers} · {each}",
        "bytes": count(tensor.nbytes),
        "class": _class(tensor),
    }


def _named(tensor: Tensor) -> str:
    """The name with its indices: `model.layers.0-31.mlp.up_proj.weight`."""
    name, *rest = tensor.name.split("{}")
    for axis, part in zip(tensor.axes, rest, strict=False):
        name += _indices(axis) + part
    return name


def _indices(axis: Axis) -> str:
    if axis.count == 1:
        return str(axis.start)
    last = axis.start + axis.step * (axis.count - 1)
    return f"{axis.start}-{last}" if axis.step == 1 else f"{axis.start},{axis.start + axis.step}-{last}"


def _class(tensor: Tensor) -> str:
    """How sure the number is; of a measured constant its range and source."""
    if tensor.basis != "measured" or tensor.name not in constants:
        return say(f"basis.{tensor.basis}")
    known = constants[tensor.name]
    return say("fold.measured", least=gib(known.least), most=gib(known.most), source=known.source)


def _details(words: str, inside: str, kind: str | None = None) -> str:
    square = f'<span class="key {css.key_class(kind)}"></span>' if kind else ""
    return f"<details><summary>{square}{escape(words)}</summary>{inside}</details>\n"
