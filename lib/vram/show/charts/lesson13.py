"""Charts of lesson 13: parameters that are there and parameters that work; caches with windows and latent vectors."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from ...architectures import models
from ...ledger.units import UNITS, count, gib, percent
from ...memory import active_parameters, kv_cache, weights
from ...words import say
from ..figures import axes, describe, styled
from ..numbers import short
from ..tables import StyledTable
from ..theme import ALERT, INK, KINDS, LINE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: One dense model, then models with experts by their size.
EXPERTS = ("llama-3.1-8b", "gpt-oss-20b", "qwen3-30b-a3b", "mixtral-8x7b", "gpt-oss-120b", "deepseek-v3", "kimi-k2")

#: Grouped heads, windows in some layers, a latent vector: the same question, four answers.
CACHES = ("llama-3.1-405b", "llama-3.1-70b", "gemma-3-27b", "deepseek-v3", "gpt-oss-120b")
_STROKES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)))
_SHOWN = (2**12, 2**15, 2**17)  # contexts of the table


def total_and_active(ax: Axes | None = None, *, names: Sequence[str] = EXPERTS) -> Axes:
    """All parameters of a model and those that one token works with, in billions on a logarithmic axis.

    Active parameters are counted with the input embedding.
    """
    rows = [(models.title(name), weights(models[name]).numel, active_parameters(models[name])) for name in names]
    with styled():
        ax = axes(ax, height=1.2 + 0.5 * len(rows))
        for y, (_, total, active) in enumerate(rows):
            ax.plot([active / 1e9, total / 1e9], [y, y], color=LINE, linewidth=3, zorder=1)
        for kind, column, marker, colour in (
            ("active", 2, "D", KINDS["KV cache"].colour),
            ("total", 1, "o", KINDS["weights"].colour),
        ):
            xs = [row[column] / 1e9 for row in rows]
            ax.plot(xs, range(len(rows)), marker, color=colour, markeredgecolor=INK, markersize=11,
                    label=say(f"chart.experts.{kind}"), zorder=2)  # fmt: skip
        for y, (_, total, active) in enumerate(rows):
            _beside(ax, total, y, 12, short(total))
            if active < total:
                _beside(ax, active, y, -12, short(active))
        ax.set_yticks(range(len(rows)), [title for title, *_ in rows])
        ax.invert_yaxis()
        ax.set_xscale("log")
        ax.set_xlim(1, 6000)
        ax.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
        ax.set_xlabel(say("chart.experts.x"))
        ax.grid(axis="x", linewidth=0.6)
        ax.legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2)
    said = "; ".join(
        say("chart.experts.said", model=title, total=short(total), active=short(active))
        for title, total, active in rows
    )
    lines = [[title, count(total), count(active), percent(active, total)] for title, total, active in rows]
    headers = [say(f"chart.experts.{name}") for name in ("model", "total", "active", "share")]
    table = StyledTable(headers, lines, caption=say("chart.experts.caption"))
    return describe(ax, alt=say("chart.experts.alt", rows=said), table=table)


def _beside(ax: Axes, n: int, y: int, offset: int, text: str) -> None:
    ax.annotate(text, (n / 1e9, y), xytext=(offset, 0), textcoords="offset points", va="center",
                ha="left" if offset > 0 else "right", fontsize=12)  # fmt: skip


def cache_against_context(ax: Axes | None = None, *, names: Sequence[str] = CACHES) -> Axes:
    """The BF16 cache of one sequence in GiB against its tokens, both axes logarithmic, for models of several kinds."""
    from numpy import geomspace, unique

    tokens = unique(geomspace(2**8, 2**17, 120).astype("int64"))
    with styled():
        ax = axes(ax, height=4.8)
        for n, name in enumerate(names):
            held = kv_cache(models[name], seq_len=tokens).nbytes / UNITS["GiB"]
            ax.plot(tokens, held, linestyle=_STROKES[n % len(_STROKES)], linewidth=2.5, label=models.title(name),
                    color=KINDS["weights"].colour if n % 2 == 0 else ALERT)  # fmt: skip
        ax.set_xscale("log", base=2)
        ax.set_yscale("log")
        ticks = [2**n for n in range(8, 18, 3)]
        ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        ax.set_yticks([0.01, 0.1, 1, 10, 100], ["0.01", "0.1", "1", "10", "100"])
        ax.set_xlim(2**8, 2**17)
        ax.set_xlabel(say("chart.caches.x"))
        ax.set_ylabel(say("chart.caches.y"))
        ax.grid(linewidth=0.6)
        ax.legend(loc="upper left", handlelength=3.2)
    lines = [[models.title(name), *(gib(_nbytes(name, s)) for s in _SHOWN), _growth(name)] for name in names]
    said = "; ".join(
        say("chart.caches.said", model=line[0], size=line[-2], tokens=count(_SHOWN[-1]), growth=line[-1])
        for line in lines
    )
    headers = [say("chart.caches.model"), *(say("chart.caches.at", tokens=count(s)) for s in _SHOWN)]
    table = StyledTable([*headers, say("chart.caches.growth")], lines, caption=say("chart.caches.caption"))
    return describe(ax, alt=say("chart.caches.alt", rows=said), table=table)


def _nbytes(name: str, seq_len: int) -> int:
    return kv_cache(models[name], seq_len=seq_len).nbytes


def _growth(name: str) -> str:
    """Bytes that a token adds to a long sequence, when every window is full."""
    longest = _SHOWN[-1]
    added = _nbytes(name, longest + 1) - _nbytes(name, longest)
    return f"{count(added)} B ({float(Fraction(added, 1024)):.1f} KiB)"
