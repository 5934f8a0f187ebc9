"""A plain table: text in a terminal, a simple HTML table in a notebook. No arithmetic, no style of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

# JupyterLab's style sheet overrides `align`, GitHub drops `style`: each needs its own word.
_LEFT = "text-align:left;font-weight:normal"


class Table:
    """Rows of text under headers: the first column set left, the others right; `total` makes the last row stand out."""

    def __init__(
        self, headers: Sequence[str], rows: Iterable[Sequence[object]], total: bool = False, caption: str = ""
    ):
        self.headers = tuple(headers)
        self.rows = tuple(tuple(str(cell) for cell in row) for row in rows)
        self.total, self.caption = total, caption

    def __str__(self) -> str:
        lines = [self.headers, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.headers))]
        text = [
            "  ".join(
                cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
            )
            for line in lines
        ]
        text.insert(1, "  ".join("-" * w for w in widths))
        return "\n".join(([self.caption] if self.caption else []) + [line.rstrip() for line in text])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{escape(h)}</th>' for h in self.headers)
        body = ""
        for n, row in enumerate(self.rows):
            strong = self.total and n == len(self.rows) - 1
            first, *rest = (f"<b>{escape(c)}</b>" if strong and c else escape(c) for c in row)
            cells = "".join(f'<td align="right">{c}</td>' for c in rest)
            body += f'<tr><th scope="row" align="left" style="{_LEFT}">{first}</th>{cells}</tr>\n'
        caption = f"<caption>{escape(self.caption)}</caption>" if self.caption else ""
        return f"<table>{caption}<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"
