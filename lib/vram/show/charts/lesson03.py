"""Charts of lesson 03: the LLaMA table, and the way from GPT-2's form to Llama 3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

from ...architectures import Architecture, models
from ...ledger.units import count, percent
from ...memory import weights
from ...words import say
from ..figures import axes, describe, styled
from ..morph import Step, steps
from ..numbers import short, signed
from ..tables import StyledTable
from ..theme import ALERT, INK, matplotlib_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The four models of the LLaMA paper.
LLAMA = ("llama-7b", "llama-13b", "llama-30b", "llama-65b")


@dataclass(frozen=True, slots=True)
class Compared:
    """A model beside the rule 12lh²."""

    title: str
    arch: Architecture
    rule: int
    exact: int

    @property
    def error(self) -> Fraction:
        """(rule − exact) / exact."""
        return Fraction(self.rule, self.exact) - 1


def compared(name: str) -> Compared:
    """The rule and the exact count of a model; the rule is what the matrices of GPT-2's form hold at its l and h."""
    arch = models[name]
    form = Architecture(
        "gpt2",
        hidden_size=arch.hidden_size,
        num_hidden_layers=arch.num_hidden_layers,
        num_attention_heads=arch.num_attention_heads,
    )
    rule = weights(form).select(lambda t: bool(t.axes) and len(t.shape) == 2).numel
    return Compared(models.title(name), arch, rule, weights(arch).numel)


def llama_table(ax: Axes | None = None, *, names: Sequence[str] = LLAMA, shapes: bool = True) -> Axes:
    """The rule 12lh² beside the exact count of each model, in billions of parameters, with the signed error.

    shapes  width and layers stand under each name; without them the names have room for large letters
    """
    rows = [compared(name) for name in names]
    with styled():
        ax = axes(ax)
        for side, kind, label in ((-0.2, "less", "rule"), (0.2, "total", "exact")):
            values = [getattr(row, label) for row in rows]
            xs = [n + side for n in range(len(rows))]
            ax.bar(
                xs, [v / 1e9 for v in values], 0.38, label=say(f"chart.llama_table.{label}"), **matplotlib_style(kind)
            )
            for x, value in zip(xs, values, strict=True):
                ax.annotate(short(value), (x, value / 1e9), xytext=(0, 3), textcoords="offset points",
                            ha="center", fontsize=11)  # fmt: skip
        for n, row in enumerate(rows):
            ax.annotate(percent(row.error, signed=True), (n, max(row.rule, row.exact) / 1e9), xytext=(0, 20),
                        textcoords="offset points", ha="center", fontweight="bold", color=ALERT)  # fmt: skip
        ax.set_xticks(range(len(rows)), [_shape(row) if shapes else row.title for row in rows])
        ax.set_ylabel(say("chart.parameters"))
        ax.margins(y=0.16)
        ax.grid(axis="y", linewidth=0.6)
        ax.legend(loc="upper left")
    said = "; ".join(
        say("chart.llama_table.said", model=r.title, rule=count(r.rule), exact=count(r.exact), error=_error(r))
        for r in rows
    )
    return describe(ax, alt=say("chart.llama_table.alt", rows=said), table=_llama_rows(rows))


def _error(row: Compared) -> str:
    return percent(row.error, signed=True)


def _shape(row: Compared) -> str:
    return f"{row.title}\nh = {row.arch.hidden_size:,}, l = {row.arch.num_hidden_layers}"


def _llama_rows(rows: Sequence[Compared]) -> StyledTable:
    lines = [
        [r.title, count(r.arch.hidden_size), count(r.arch.num_hidden_layers), count(r.rule), count(r.exact), _error(r)]
        for r in rows
    ]
    headers = [say(f"chart.llama_table.{name}") for name in ("model", "h", "l", "rule", "exact", "error")]
    return StyledTable(headers, lines, caption=say("chart.llama_table.caption"))


def waterfall(ax: Axes | None = None, *, target: str = "llama-3-8b") -> Axes:
    """From GPT-2's form to `target`, one change at a time: how many parameters each adds or takes, in billions."""
    way = list(steps(models[target]))
    with styled():
        ax = axes(ax, height=5.0)
        bars = _waterfall_bars(way)
        for y, (kind, left, width, label) in enumerate(bars):
            ax.barh(y, width / 1e9, left=left / 1e9, height=0.62, **matplotlib_style(kind))
            ax.annotate(label, ((left + width) / 1e9, y), xytext=(6, 0), textcoords="offset points", va="center",
                        fontweight="bold" if kind == "total" else "normal")  # fmt: skip
        for y, step in enumerate(way):
            ax.plot([step.numel / 1e9] * 2, [y - 0.31, y + 1.31], color=INK, linewidth=0.8, linestyle=":")
        ax.set_yticks(range(len(bars)), [*(_title(step) for step in way), models.title(target)])
        ax.invert_yaxis()
        ax.set_xlim(0, max(step.numel for step in way) / 1e9 * 1.18)
        ax.set_xlabel(say("chart.parameters"))
        ax.grid(axis="x", linewidth=0.6)
    said = "; ".join(f"{_title(step)} {label}" for step, (*_, label) in zip(way, bars, strict=False))
    alt = say("chart.waterfall.alt", model=models.title(target), steps=said, total=count(way[-1].numel))
    return describe(ax, alt=alt, table=_waterfall_rows(way, models.title(target)))


def _title(step: Step) -> str:
    return say(f"panel.morph.change.{step.name}.title")


def _waterfall_bars(way: Sequence[Step]) -> list[tuple[str, int, int, str]]:
    """Style, left end, width and label of each bar: the start, each change, the end."""
    bars = [("total", 0, way[0].numel, short(way[0].numel))]
    for before, now in pairwise(way):
        change = now.numel - before.numel
        kind = "more" if change > 0 else "less"
        bars.append((kind, min(before.numel, now.numel), abs(change), signed(change, short)))
    return [*bars, ("total", 0, way[-1].numel, short(way[-1].numel))]


def _waterfall_rows(way: Sequence[Step], model: str) -> StyledTable:
    rows = [[_title(way[0]), "", count(way[0].numel)]]
    rows += [[_title(now), signed(now.numel - before.numel), count(now.numel)] for before, now in pairwise(way)]
    headers = [say(f"chart.waterfall.{name}") for name in ("step", "change", "now")]
    return StyledTable(headers, rows, total=-1, caption=say("chart.waterfall.caption", model=model))
