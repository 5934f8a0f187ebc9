"""Predicted against measured: how far off is each prediction, and which stay within a band?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from ...ledger.errors import VramError
from ...ledger.units import gib, percent
from ...words import say
from ..figures import axes, describe, styled
from ..tables import StyledTable
from ..theme import INK, KINDS, LINE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Colour and shape of each way to predict.
_LOOKS = ((KINDS["weights"].colour, "o"), (KINDS["optimizer states"].colour, "s"), (KINDS["activations"].colour, "D"))


@dataclass(frozen=True, slots=True)
class Measured:
    """One case: what a machine measured, and what each way to predict says, in bytes."""

    title: str
    measured: int
    predicted: Mapping[str, int]

    def error(self, name: str) -> Fraction:
        """Predicted minus measured, as a share of measured."""
        return Fraction(self.predicted[name] - self.measured, self.measured)


def predicted_against_measured(
    ax: Axes | None = None, *, rows: Sequence[Measured], band: Fraction = Fraction(2, 100)
) -> Axes:
    """The error of every prediction in percent of what was measured, beside a band in which predictions should lie.

    rows  the cases, each with the same one to three ways to predict
    band  half the width of the band, as a share: 1/50 is ±2 %
    Raises `VramError` when there are no rows, or rows that predict in different ways.
    """
    if not rows:
        raise VramError("rows: none given, at least one measured case is needed.")
    names = list(rows[0].predicted)
    if not 1 <= len(names) <= len(_LOOKS) or any(list(row.predicted) != names for row in rows):
        raise VramError(f"rows: the same one to {len(_LOOKS)} ways to predict are needed in each; first: {names}.")
    with styled():
        ax = axes(ax, height=1.5 + 0.36 * len(rows) * len(names))
        _draw(ax, rows, names, band)
    said = "; ".join(_said(row) for row in rows)
    alt = say("chart.measured.alt", rows=said, band=percent(band))
    return describe(ax, alt=alt, table=_table(rows, names))


def _draw(ax: Axes, rows: Sequence[Measured], names: Sequence[str], band: Fraction) -> None:
    half = float(100 * band)
    ax.axvspan(-half, half, facecolor=LINE, alpha=0.45, label=say("chart.measured.band", band=f"±{percent(band)}"))
    ax.axvline(0, color=INK, linewidth=1)
    lane = 0.8 / len(names)
    for (name, (colour, shape)), n in zip(zip(names, _LOOKS, strict=False), range(len(names)), strict=True):
        ys = [y + (n - (len(names) - 1) / 2) * lane for y in range(len(rows))]
        errors = [float(100 * row.error(name)) for row in rows]
        ax.plot(errors, ys, shape, color=colour, markersize=8, markeredgecolor=INK, label=name)
        for row, x, y in zip(rows, errors, ys, strict=True):
            words, (side, anchor) = percent(row.error(name), signed=True, digits=2), _side(x)
            place = {"xytext": (side, 0), "textcoords": "offset points", "ha": anchor, "va": "center"}
            ax.annotate(words, (x, y), fontsize=12, **place)
    widest = max([1.6 * half, *(abs(float(100 * row.error(name))) for row in rows for name in names)])
    least = min([-half, *(float(100 * row.error(name)) for row in rows for name in names)])
    most = max([half, *(float(100 * row.error(name)) for row in rows for name in names)])
    ax.set_xlim(least - 0.4 * widest, most + 0.4 * widest)  # room for the words beside the outermost points
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_yticks(range(len(rows)), [row.title for row in rows])
    ax.set_xlabel(say("chart.measured.x"))
    ax.grid(axis="x", linewidth=0.6)
    ax.legend(ncols=len(names) + 1, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2)


def _side(error: float) -> tuple[int, str]:
    """A label stands on the side of its point that is farther from zero."""
    return (-9, "right") if error <= -0.005 else (9, "left")  # what shows as zero stands to the right


def _said(row: Measured) -> str:
    predictions = ", ".join(
        say("chart.measured.prediction", name=name, predicted=gib(n), error=percent(row.error(name), 1, 2, True))
        for name, n in row.predicted.items()
    )
    return say("chart.measured.said", row=row.title, measured=gib(row.measured), predictions=predictions)


def _table(rows: Sequence[Measured], names: Sequence[str]) -> StyledTable:
    lines = []
    for row in rows:
        pairs = [(gib(row.predicted[name]), percent(row.error(name), signed=True, digits=2)) for name in names]
        lines.append([row.title, gib(row.measured), *(cell for pair in pairs for cell in pair)])
    headers = [say("chart.measured.row"), say("chart.measured.measured")]
    headers += [header for name in names for header in (name, say("chart.measured.error", name=name))]
    return StyledTable(headers, lines, caption=say("chart.measured.caption"))
