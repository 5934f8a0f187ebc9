"""Pictures of lesson 02: the parts of a model as one bar, and the linear terms that fade as the width grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from ...architectures import Architecture, models
from ...ledger.arithmetic import Size
from ...ledger.units import count, percent
from ...memory import weights
from ...words import say
from ..bars import WIDTH, Row, bar, name_of
from ..explain import per_layer
from ..figures import Picture, axes, describe, styled
from ..numbers import short, trimmed
from ..tables import StyledTable
from ..theme import ALERT, KINDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Models of GPT-2's form in the catalogue.
MARKED = ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", "gpt3-175b")
_WIDEST = 2**14


@dataclass(frozen=True, slots=True)
class Share:
    """Parameters of one layer at a width: those in vectors (biases, norms) and all."""

    title: str
    width: Size
    vectors: Size
    layer: Size


def share(width: Size, title: str = "") -> Share:
    """The vectors of a layer of GPT-2's form and all its parameters, for one width or an array of widths."""
    layer = per_layer(weights(Architecture("gpt2", hidden_size=width, num_attention_heads=1)))
    return Share(title, width, layer.select(lambda t: len(t.shape) == 1).numel, layer.numel)


def linear_share(ax: Axes | None = None, *, marked: Sequence[str] = MARKED) -> Axes:
    """The share of a layer's parameters that grows with h instead of h², against h; models are marked.

    Both axes are logarithmic. The share is (13h) / (12h² + 13h), summed from the ledger of one layer.
    """
    from numpy import geomspace, unique

    points = [share(models[name].hidden_size, models.title(name)) for name in marked]
    with styled():
        ax = axes(ax)
        line = share(unique(geomspace(1, _WIDEST, 120).astype("int64")))
        ax.plot(line.width, 100 * line.vectors / line.layer, color=KINDS["weights"].colour, linewidth=2.5)
        for n, point in enumerate(points):
            percent = 100 * point.vectors / point.layer
            ax.plot([point.width], [percent], "o", color=ALERT, markersize=8, label=point.title)
            above = n % 2 == 0 or n == len(points) - 1  # labels of neighbours stand on both sides of the line
            ax.annotate(
                say("chart.linear_share.point", model=point.title, share=_percent(point)),
                (point.width, percent), xytext=(8, 10) if above else (-8, -12), textcoords="offset points",
                ha="left" if above else "right", va="bottom" if above else "top", fontsize=11,
            )  # fmt: skip
        ax.set_xscale("log", base=2)
        ax.set_yscale("log")
        ax.set_xlim(1, _WIDEST * 8)
        ticks = [2**n for n in range(0, 15, 2)]
        ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        ax.set_yticks([0.01, 0.1, 1, 10, 100], ["0.01", "0.1", "1", "10", "100"])
        ax.set_xlabel(say("chart.linear_share.x"))
        ax.set_ylabel(say("chart.linear_share.y"))
        ax.grid(linewidth=0.6)
    shown = [share(1, ""), share(64, ""), *points]
    said = "; ".join(
        say("chart.linear_share.said", model=p.title or say("chart.linear_share.toy"), h=p.width, share=_percent(p))
        for p in shown
    )
    return describe(ax, alt=say("chart.linear_share.alt", points=said), table=_table(shown))


def _percent(point: Share) -> str:
    return f"{trimmed(Fraction(100 * point.vectors, point.layer), 3)} %"


def _table(points: Sequence[Share]) -> StyledTable:
    rows = [
        [p.title or say("chart.linear_share.toy"), count(p.width), count(p.vectors), count(p.layer), _percent(p)]
        for p in points
    ]
    headers = [say(f"chart.linear_share.{name}") for name in ("model", "width", "vectors", "layer", "share")]
    return StyledTable(headers, rows, caption=say("chart.linear_share.caption"))


def parameter_bar(arch: Architecture, *, title: str, width: int = WIDTH) -> Picture:
    """The parameters of a model by part, as one bar with its numbers beside it; `width` as in `bar`."""
    ledger = weights(arch)
    parts = {part: rows.numel for part, rows in ledger.by("kind").items()}
    table = StyledTable(
        [say(f"table.{header}") for header in ("part", "parameters", "share")],
        [
            *([name_of(part), count(numel), percent(numel, ledger.numel)] for part, numel in parts.items()),
            [say("table.total"), count(ledger.numel), ""],
        ],
        align="lrr",
        total=-1,
        caption=title,
        keys=[*parts, None],
    )
    return Picture(bar([Row(title, parts)], shown=short, about=say("bar.about_parameters"), width=width), table)
