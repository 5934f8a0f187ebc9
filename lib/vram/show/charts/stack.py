"""Stacked bars by kind of memory: what the charts of lessons 06 and 08 share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..bars import name_of
from ..theme import CARD, KINDS, matplotlib_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rows = Sequence[tuple[str, Mapping[str, float]]]


def stacked(ax: Axes, rows: Rows, *, written: Callable[[float], str], total: Callable[[float], str]) -> None:
    """Horizontal bars, the first on top; a part wide enough carries its number, the sum stands at the end."""
    kinds = [kind for kind in KINDS if any(parts.get(kind) for _, parts in rows)]
    left = [0.0] * len(rows)
    longest = max(sum(parts.values()) for _, parts in rows)
    for kind in kinds:
        widths = [parts.get(kind, 0.0) for _, parts in rows]
        ax.barh(range(len(rows)), widths, left=left, height=0.62, label=name_of(kind), **matplotlib_style(kind))
        for y, (x, width) in enumerate(zip(left, widths, strict=True)):
            if width > 0.05 * longest:
                box = {"facecolor": CARD, "edgecolor": "none", "pad": 1.5}
                ax.text(x + width / 2, y, written(width), ha="center", va="center", fontsize=12, bbox=box)
        left = [x + width for x, width in zip(left, widths, strict=True)]
    for y, end in enumerate(left):
        ax.text(end + 0.01 * longest, y, total(end), va="center", fontweight="bold")
    ax.set_yticks(range(len(rows)), [title for title, _ in rows])
    ax.set_xlim(0, longest * 1.14)
    ax.invert_yaxis()
    ax.grid(axis="x", linewidth=0.6)
    ax.legend(ncols=3, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, handlelength=2.2)
