"""Chart of lesson 07: what is kept for backward against the tokens of a sequence, beside the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...architectures import Architecture, models
from ...ledger.arithmetic import Size
from ...ledger.units import UNITS, count, gib
from ...memory import activations, weights
from ...words import say
from ..figures import axes, describe, styled
from ..tables import StyledTable
from ..theme import INK, KINDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Ways to run the layers, from the one that keeps most to the one that keeps least, and the line of each.
WAYS: dict[str, tuple[dict[str, str], str]] = {
    "eager": ({"attention": "eager"}, "--"),
    "flash": ({"attention": "sdpa"}, "-"),
    "full": ({"attention": "sdpa", "checkpointing": "full"}, ":"),
}
_SHORTEST, _LONGEST = 2**8, 2**15
SHOWN = (512, 2048, 8192, 32_768)  # tokens of the table


def kept(arch: Architecture, *, seq_len: Size, batch: int = 1, **how: str) -> Size:
    """Bytes that the layers keep for backward."""
    return activations(arch, batch=batch, seq_len=seq_len, **how).select(lambda tensor: bool(tensor.axes)).nbytes


def logits(arch: Architecture, *, seq_len: Size, batch: int = 1) -> Size:
    """Bytes that cross-entropy keeps of the logits: FP32, of every token and word of the vocabulary."""
    rows = activations(arch, batch=batch, seq_len=seq_len, checkpointing="full").by("kind")["logits"]
    return rows.select(lambda tensor: "log_softmax" in tensor.name).nbytes


def activations_against_tokens(ax: Axes | None = None, *, model: str = "llama-2-7b", batch: int = 1) -> Axes:
    """GiB kept for backward against tokens, three ways to run the layers and the logits; both axes logarithmic.

    The level line is what the weights take in BF16.
    """
    from numpy import geomspace, unique

    arch = models[model]
    tokens = unique(geomspace(_SHORTEST, _LONGEST, 60).astype("int64"))
    level = weights(arch).nbytes
    curves = {way: kept(arch, seq_len=tokens, batch=batch, **how) for way, (how, _) in WAYS.items()}
    curves["logits"] = logits(arch, seq_len=tokens, batch=batch)
    with styled():
        ax = axes(ax, height=4.8)
        for way, nbytes in curves.items():
            kind, line = ("logits", "-.") if way == "logits" else ("activations", WAYS[way][1])
            ax.plot(tokens, nbytes / UNITS["GiB"], line, color=KINDS[kind].colour, linewidth=2.5,
                    label=say(f"chart.kept.{way}"))  # fmt: skip
        ax.axhline(level / UNITS["GiB"], color=KINDS["weights"].colour, linewidth=2)
        ax.annotate(say("chart.kept.weights", size=gib(level)), (_LONGEST, level / UNITS["GiB"]), xytext=(-4, 5),
                    textcoords="offset points", ha="right", color=INK, fontsize=12)  # fmt: skip
        ax.set_xscale("log", base=2)
        ax.set_yscale("log", base=2)
        ax.set_xlim(_SHORTEST, _LONGEST)
        ax.set_xticks([2**n for n in range(8, 16)], [f"{2**n:,}" for n in range(8, 16)])
        low, high = 1 / 64, 2**14
        ax.set_ylim(low, high)
        ax.set_yticks([2.0**n for n in range(-6, 15, 2)], [_mark(n) for n in range(-6, 15, 2)])
        ax.minorticks_off()
        ax.set_xlabel(say("chart.kept.x"))
        ax.set_ylabel(say("chart.kept.y"))
        ax.grid(linewidth=0.6)
        ax.legend(loc="upper left", handlelength=3)
    about = {"model": models.title(model), "batch": count(batch)}
    at = {way: _at(arch, way, batch) for way in curves}
    said = "; ".join(f"{say(f'chart.kept.{way}')}: {_points(values)}" for way, values in at.items())
    alt = say("chart.kept.alt", **about, rows=said, weights=gib(level))
    return describe(ax, alt=alt, table=_table(at, level, say("chart.kept.caption", **about)))


def _mark(power: int) -> str:
    return f"{2**power:,}" if power >= 0 else f"1/{2**-power}"


def _at(arch: Architecture, way: str, batch: int) -> list[int]:
    """The curve at the tokens of the table."""
    if way == "logits":
        return [logits(arch, seq_len=s, batch=batch) for s in SHOWN]
    return [kept(arch, seq_len=s, batch=batch, **WAYS[way][0]) for s in SHOWN]


def _points(values: Sequence[int]) -> str:
    return ", ".join(
        say("chart.kept.point", size=gib(v), tokens=count(s)) for s, v in zip(SHOWN, values, strict=True)
    )


def _table(at: Mapping[str, Sequence[int]], level: int, caption: str) -> StyledTable:
    rows = [[say(f"chart.kept.{way}"), *map(gib, values)] for way, values in at.items()]
    rows.append([say("kind.weights"), *[gib(level)] * len(SHOWN)])
    headers = [say("chart.kept.way"), *(say("chart.kept.tokens", tokens=count(s)) for s in SHOWN)]
    return StyledTable(headers, rows, caption=caption, keys=["activations"] * 3 + ["logits", "weights"])
