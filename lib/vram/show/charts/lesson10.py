"""Chart of lesson 10: what one card of many holds, under each way of sharing a training step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from ...architectures import gpus, models
from ...ledger.units import UNITS, gib, shown
from ...memory import Timeline, shard, training
from ...words import say
from ..bars import name_of
from ..copies import by_kind
from ..figures import axes, describe, styled
from ..numbers import decimal
from ..tables import StyledTable
from ..theme import ALERT, in_order
from .stack import stacked

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Ways to share among eight cards, as `vram.shard` takes them.
PLANS: dict[str, dict[str, int]] = {
    "alone": {},
    "ddp": {"dp": 8},
    "zero1": {"dp": 8, "zero": 1},
    "zero2": {"dp": 8, "zero": 2},
    "zero3": {"dp": 8, "zero": 3},
    "tensor": {"tp": 8},
    "pipeline": {"pp": 8},
}


def shared(model: str = "llama-3-8b", *, seq_len: int = 2048) -> dict[str, Timeline]:
    """The step of one sequence a copy, in mixed precision with AdamW, on the most loaded card of each plan."""
    step = training(models[model], seq_len=seq_len)
    return {say(f"chart.shared.{name}"): shard(step, **plan) for name, plan in PLANS.items()}


def bars_per_card(
    ax: Axes | None = None,
    *,
    model: str = "llama-3-8b",
    seq_len: int = 2048,
    gpu: str = "A100-80GB",
    phase: str = "optimizer step",
) -> Axes:
    """GiB on the most loaded of eight cards by kind, in one phase of a step, against what a card can hold.

    seq_len  tokens of the one sequence that each copy computes, without checkpointing
    phase    a phase of `vram.training`: activations are largest at the "start of backward", gradients at its end
    """
    rows = [(title, by_kind(timeline.phases[phase])) for title, timeline in shared(model, seq_len=seq_len).items()]
    card = gpus[gpu]
    with styled():
        ax = axes(ax, height=5.2)
        stacked(
            ax,
            [(title, {kind: nbytes / UNITS["GiB"] for kind, nbytes in parts.items()}) for title, parts in rows],
            written=lambda x: decimal(Fraction(x), 1),
            total=lambda x: f"{decimal(Fraction(x), 1)} GiB",
        )
        usable = card.usable_bytes / UNITS["GiB"]
        ax.axvline(usable, color=ALERT, linestyle="--", linewidth=2)
        ax.annotate(
            say("chart.shared.card", gpu=gpu, usable=shown(card.usable_bytes, "GiB")), (usable, len(rows) - 1),
            xytext=(6, 0), textcoords="offset points", va="center", color=ALERT, fontweight="bold", fontsize=12,
        )  # fmt: skip
        ax.set_xlabel(say("chart.shared.x", model=models.title(model), phase=phase))
    about = {"model": models.title(model), "phase": phase, "tokens": f"{seq_len:,}"}
    said = "; ".join(f"{title} {gib(sum(parts.values()))} ({_parts(parts)})" for title, parts in rows)
    alt = say("chart.shared.alt", **about, rows=said, gpu=gpu, usable=gib(card.usable_bytes))
    return describe(ax, alt=alt, table=_table(rows, say("chart.shared.caption", **about)))


def _parts(parts: Mapping[str, int]) -> str:
    return ", ".join(f"{name_of(kind)} {gib(nbytes)}" for kind, nbytes in in_order(dict(parts)).items() if nbytes)


def _table(rows: Sequence[tuple[str, Mapping[str, int]]], caption: str) -> StyledTable:
    kinds = list(in_order({kind: 0 for _, parts in rows for kind, nbytes in parts.items() if nbytes}))
    lines = [
        [title, *(shown(parts.get(kind, 0), "GiB") for kind in kinds), shown(sum(parts.values()), "GiB")]
        for title, parts in rows
    ]
    headers = [say("chart.shared.way"), *(name_of(kind) for kind in kinds), say("table.total")]
    return StyledTable(headers, lines, caption=caption)
