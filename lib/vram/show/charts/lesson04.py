"""Chart of lesson 04: weights and KV cache against the context, with as many key/value heads as one likes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from ...architectures import Architecture, gpus, models
from ...ledger.arithmetic import Size
from ...ledger.units import UNITS, count, gib, shown
from ...memory import Timeline, kv_cache, weights
from ...words import say
from ..figures import axes, describe, styled
from ..tables import StyledTable
from ..theme import ALERT, CARD, INK, KINDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LINES = {"mha": "--", "gqa": "-", "mqa": ":"}
_SHORTEST, _LONGEST = 2**10, 2**20
_SHOWN = (2**13, 2**17)  # contexts of the table


def resident(arch: Architecture, *, batch: Size = 1, seq_len: Size, kv: str = "bf16") -> Timeline:
    """What stays on the card while `batch` sequences of `seq_len` tokens are running: weights in BF16 and the cache.

    Logits, temporaries and the overhead of the process come on top.
    """
    alive = weights(arch).file_under("weights") + kv_cache(arch, batch=batch, seq_len=seq_len, dtype=kv)
    return Timeline({"decode": alive}, missing=("logits", "temporaries", "overhead"))


@dataclass(frozen=True, slots=True)
class Variant:
    """A model with some number of key/value heads: mha as many as query heads, mqa one, gqa in between."""

    kind: str
    arch: Architecture
    weights: int

    @property
    def title(self) -> str:
        return say(f"chart.context.{self.kind}", heads=count(self.arch.num_key_value_heads))

    def token(self, kv: str) -> int:
        """Bytes that one token leaves in the cache."""
        return kv_cache(self.arch, seq_len=1, dtype=kv).nbytes

    def most_tokens(self, gpu: str, *, batch: int = 1, kv: str = "bf16") -> int:
        """Tokens for which weights and cache leave room in each sequence; what is not counted makes them fewer.

        For a model without windows, whose cache grows by the same amount with every token.
        """
        return max(0, gpus[gpu].usable_bytes - self.weights) // (batch * self.token(kv))


@cache
def variants(model: str) -> tuple[Variant, ...]:
    """The same shape with multi-head, with its own grouped, and with multi-query attention, most heads first."""
    arch = models[model]
    heads = {arch.num_key_value_heads: "gqa", arch.num_attention_heads: "mha", 1: "mqa"}
    changed = {g: arch.replace(num_key_value_heads=g) for g in sorted(heads, reverse=True)}
    return tuple(Variant(heads[g], other, weights(other).nbytes) for g, other in changed.items())


def memory_against_context(
    ax: Axes | None = None, *, model: str = "llama-3.1-8b", gpu: str = "RTX 4090", batch: int = 1, kv: str = "bf16"
) -> Axes:
    """Weights and KV cache in GiB against tokens of a sequence, for multi-head, grouped and multi-query attention.

    The dashed line is what the card can hold; each curve says at how many tokens it gets there.
    """
    from numpy import geomspace, unique

    card, rows = gpus[gpu], variants(model)
    limits = [row.most_tokens(gpu, batch=batch, kv=kv) for row in rows]
    tokens = unique(geomspace(_SHORTEST, _LONGEST, 200).astype("int64"))
    usable = card.usable_bytes / UNITS["GiB"]
    with styled():
        ax = axes(ax)
        ax.axhline(usable, color=ALERT, linestyle="--", linewidth=2)
        ax.annotate(
            say("chart.context.card", gpu=gpu, usable=shown(card.usable_bytes, "GiB")), (_SHORTEST, usable),
            xytext=(6, 6), textcoords="offset points", color=ALERT, fontweight="bold", fontsize=12,
        )  # fmt: skip
        for row, limit in zip(rows, limits, strict=True):
            held = resident(row.arch, batch=batch, seq_len=tokens, kv=kv).peak / UNITS["GiB"]
            ax.plot(tokens, held, _LINES[row.kind], color=KINDS["weights"].colour, linewidth=2.5, label=row.title)
            if not _SHORTEST <= limit <= _LONGEST:
                continue
            ax.plot([limit], [usable], "o", color=INK, markersize=7)
            below = limit < _LONGEST // 4  # where the label has room beside its curve
            ax.annotate(
                say("chart.context.point", tokens=count(limit)), (limit, usable), xytext=(9, -8) if below else (-9, 8),
                textcoords="offset points", ha="left" if below else "right", va="top" if below else "bottom",
                fontsize=12, bbox={"facecolor": CARD, "edgecolor": "none", "pad": 1.5},
            )  # fmt: skip
        ax.set_xscale("log", base=2)
        ticks = [2**n for n in range(10, 21, 2)]
        ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        ax.set_xlim(_SHORTEST, _LONGEST)
        ax.set_ylim(0, 1.6 * usable)
        ax.set_xlabel(say("chart.context.x"))
        ax.set_ylabel(say("chart.context.y"))
        ax.grid(linewidth=0.6)
        ax.legend(loc="lower left")
    about = {"model": models.title(model), "gpu": gpu, "batch": count(batch), "format": kv.upper()}
    said = "; ".join(
        say("chart.context.said", variant=row.title, token=gib(row.token(kv)), weights=gib(row.weights),
            limit=count(limit))
        for row, limit in zip(rows, limits, strict=True)
    )  # fmt: skip
    alt = say("chart.context.alt", **about, rows=said, usable=gib(card.usable_bytes))
    return describe(ax, alt=alt, table=_table(rows, limits, batch, kv, say("chart.context.caption", **about)))


def _table(rows: Sequence[Variant], limits: list[int], batch: int, kv: str, caption: str) -> StyledTable:
    lines = [
        [
            row.title,
            gib(row.token(kv)),
            gib(row.weights),
            *(gib(resident(row.arch, batch=batch, seq_len=s, kv=kv).peak) for s in _SHOWN),
            count(limit),
        ]
        for row, limit in zip(rows, limits, strict=True)
    ]
    at = [say("chart.context.at", tokens=count(s)) for s in _SHOWN]
    headers = [say(f"chart.context.{name}") for name in ("variant", "token", "weights")]
    return StyledTable([*headers, *at, say("chart.context.limit")], lines, caption=caption)
