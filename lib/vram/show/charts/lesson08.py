"""Chart of lesson 08: full fine-tuning, LoRA and QLoRA, as model states or as whole steps of some tokens."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from ...architectures import gpus, models
from ...ledger.units import UNITS, gib, shown
from ...memory import Timeline, model_states, training
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


def ways(
    model: str = "llama-3-8b", *, rank: int = 16, optimizer: str = "adamw", seq_len: int | None = None
) -> dict[str, Timeline]:
    """The three ways to fine-tune: all weights in mixed precision, LoRA on BF16 weights, QLoRA on NF4 weights.

    seq_len  tokens of the one sequence of a step; None: model states alone
    """

    def timeline(**how: object) -> Timeline:
        how = {"recipe": "bf16-mixed", "optimizer": optimizer, **how}
        arch = models[model]
        return model_states(arch, **how) if seq_len is None else training(arch, seq_len=seq_len, **how)

    adapters = {"lora": {"rank": rank}}
    return {
        say("chart.finetune.full"): timeline(),
        say("chart.finetune.lora", rank=rank): timeline(base="bf16", **adapters),
        say("chart.finetune.qlora", rank=rank): timeline(base="nf4", **adapters),
    }


def finetune_bars(
    ax: Axes | None = None,
    *,
    model: str = "llama-3-8b",
    rank: int = 16,
    optimizer: str = "adamw",
    gpu: str = "A100-80GB",
    seq_len: int | None = None,
) -> Axes:
    """Full fine-tuning, LoRA and QLoRA in GiB by kind, against what a card can hold.

    seq_len  tokens of the one sequence of a step, without checkpointing; None: model states alone, which are weights,
             gradients and optimizer states
    """
    found = ways(model, rank=rank, optimizer=optimizer, seq_len=seq_len)
    rows = [(title, by_kind(timeline.at_peak())) for title, timeline in found.items()]
    what = say("chart.finetune.states") if seq_len is None else say("chart.finetune.step", tokens=f"{seq_len:,}")
    card = gpus[gpu]
    with styled():
        ax = axes(ax, height=3.6)
        stacked(
            ax,
            [(title, {kind: nbytes / UNITS["GiB"] for kind, nbytes in parts.items()}) for title, parts in rows],
            written=lambda x: decimal(Fraction(x), 1),
            total=lambda x: f"{decimal(Fraction(x), 2)} GiB",
        )
        _card_line(ax, card.usable_bytes / UNITS["GiB"], gpu)
        ax.set_xlabel(say("chart.finetune.x", what=what, model=models.title(model)))
    said = "; ".join(f"{title} {gib(sum(parts.values()))} ({_parts(parts)})" for title, parts in rows)
    about = {"what": what, "model": models.title(model)}
    alt = say("chart.finetune.alt", **about, rows=said, gpu=gpu, usable=gib(card.usable_bytes))
    return describe(ax, alt=alt, table=_table(rows, say("chart.finetune.caption", **about), gpu))


def _card_line(ax: Axes, usable: float, gpu: str) -> None:
    """The dashed line of a card, its name on the side that has more room."""
    right = max(ax.get_xlim()[1], 1.05 * usable)
    ax.set_xlim(0, right)
    ax.axvline(usable, color=ALERT, linestyle="--", linewidth=2)
    side, anchor = (6, "left") if usable < 0.7 * right else (-6, "right")
    ax.annotate(
        say("chart.finetune.card", gpu=gpu, usable=shown(gpus[gpu].usable_bytes, "GiB")), (usable, 1.5),
        xytext=(side, 0), textcoords="offset points", ha=anchor, va="center",
        color=ALERT, fontweight="bold", fontsize=12,
    )  # fmt: skip


def _parts(parts: dict[str, int]) -> str:
    return ", ".join(f"{name_of(kind)} {gib(nbytes)}" for kind, nbytes in in_order(parts).items())


def _table(rows: Sequence[tuple[str, dict[str, int]]], caption: str, gpu: str) -> StyledTable:
    kinds = list(in_order({kind: 0 for _, parts in rows for kind in parts}))
    lines = [
        [title, *(shown(parts.get(kind, 0), "GiB") for kind in kinds), shown(sum(parts.values()), "GiB")]
        for title, parts in rows
    ]
    lines.append([say("panel.usable", gpu=gpu), *[""] * len(kinds), shown(gpus[gpu].usable_bytes, "GiB")])
    headers = [say("chart.finetune.way"), *(name_of(kind) for kind in kinds), say("table.total")]
    return StyledTable(headers, lines, caption=caption)
