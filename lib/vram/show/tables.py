"""Tables of a ledger: name, shape, formula, the numbers put in, size, and how sure the number is.

Plain `<table>` markup with `align` on every cell, so that it reads well where stylesheets are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from ..ledger.ledger import Ledger
from ..ledger.table import Table
from ..ledger.units import count, gib
from ..words import say
from . import css
from .explain import Explained


class StyledTable(Table):
    """A table whose columns are set by `align`: l text, r number, c formula.

    total  the row that stands out, counted from the end when negative
    keys   the kind of each row, whose colour and hatch stand before it

    Alone in a notebook it brings its stylesheet; `markup` is the table by itself, for a page that has one.
    """

    def __init__(
        self,
        headers: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        align: str = "",
        total: int | None = None,
        caption: str = "",
        keys: Sequence[str | None] = (),
    ):
        super().__init__(headers, rows, total is not None, caption)
        self.align = align or "l" + "r" * (len(self.headers) - 1)
        self.strong = total if total is None or total >= 0 else len(self.rows) + total
        self.keys = tuple(keys) or (None,) * len(self.rows)

    def markup(self, caption: bool = True) -> str:
        """The `<table>` element, with or without its caption."""
        head = "".join(
            f'<th scope="col"{_SIDE[a]}>{escape(h)}</th>' for h, a in zip(self.headers, self.align, strict=True)
        )
        body = "".join(
            self._row(row, key, n == self.strong) for n, (row, key) in enumerate(zip(self.rows, self.keys, strict=True))
        )
        title = f"<caption>{escape(self.caption)}</caption>" if caption and self.caption else ""
        table = f'<table class="grid">{title}<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>'
        return f'<div class="scroll">{table}</div>'

    def _row(self, row: Sequence[str], key: str | None, strong: bool) -> str:
        cells = []
        for n, (cell, align) in enumerate(zip(row, self.align, strict=True)):
            inside = escape(cell) if n == 0 or align == "l" else escape(cell).replace(" ", "&nbsp;")
            if align == "c" and inside:
                inside = f"<code>{inside}</code>"
            if strong and inside:
                inside = f"<b>{inside}</b>"
            if n == 0:
                square = f'<span class="key {css.key_class(key)}"></span>' if key else ""
                cells.append(f'<th scope="row"{_SIDE[align]}>{square}{inside}</th>')
            else:
                cells.append(f"<td{_SIDE[align]}>{inside}</td>")
        return f"<tr{_TOTAL if strong else ''}>{''.join(cells)}</tr>\n"

    def _repr_html_(self) -> str:
        kinds = frozenset(key for key in self.keys if key)
        return f'{css.sheet(kinds)}<div class="vram">{self.markup()}</div>'


# GitHub drops styles; JupyterLab sets every cell to the right unless a style says otherwise, and drops the stylesheet
# of a notebook that is not trusted.
_LEFT = ' align="left" style="text-align:left"'
_SIDE = {"l": _LEFT, "c": _LEFT, "r": ' align="right" class="n"'}
_TOTAL = ' class="total"'


def tensor_table(rows: Sequence[Explained], *, caption: str = "", unit: str = "bytes") -> StyledTable:
    """Every tensor with its shape, its formula, the numbers put in, and its size; the total last.

    unit  "bytes" adds the number format, bytes and class; "parameters" shows counts alone
    """
    in_bytes = unit == "bytes"
    lines = [_line(row, in_bytes) for row in rows]
    ledger = Ledger(row.tensor for row in rows)
    lines.append(
        [say("table.total"), "", "", "", count(ledger.numel), *(["", gib(ledger.nbytes), ""] if in_bytes else [])]
    )
    headers = ["tensor", "shape", "formula", "numbers", "parameters", *(["dtype", "size", "class"] if in_bytes else [])]
    return StyledTable(
        [say(f"table.{header}") for header in headers],
        lines,
        align="ccccr" + ("lrl" if in_bytes else ""),
        total=-1,
        caption=caption,
        keys=[row.tensor.part or row.tensor.kind for row in rows] + [None],
    )


def _line(row: Explained, in_bytes: bool) -> list[str]:
    tensor = row.tensor
    shape = " × ".join(count(size) for size in tensor.shape) or "1"
    line = [tensor.name, shape, row.formula, row.numbers, count(tensor.numel)]
    return line + ([str(tensor.dtype), gib(tensor.nbytes), say(f"basis.{tensor.basis}")] if in_bytes else [])
