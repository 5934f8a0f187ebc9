"""Chart of lesson 06: bytes a parameter of each recipe, by kind of memory."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from ...architectures import models
from ...memory import model_states, optimizers, recipes, weights
from ...words import say
from ..bars import name_of
from ..copies import by_kind
from ..figures import axes, describe, styled
from ..numbers import decimal, trimmed
from ..tables import StyledTable
from ..theme import in_order
from .stack import stacked

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Bytes = dict[str, Fraction]


def bytes_each(recipe: str, *, optimizer: str = "adamw", model: str = "llama-2-7b") -> Bytes:
    """Bytes of each kind for one parameter, at the peak of the model states; exact."""
    arch = models[model]
    numel = weights(arch).numel
    ledger = model_states(arch, recipe=recipe, optimizer=optimizer).at_peak()
    return in_order({kind: Fraction(nbytes, numel) for kind, nbytes in by_kind(ledger).items()})


def bytes_per_parameter(
    ax: Axes | None = None,
    *,
    names: Sequence[str] | None = None,
    optimizer: str = "adamw",
    model: str = "llama-2-7b",
) -> Axes:
    """Bytes a parameter of each recipe, stacked by kind: model states alone, without activations."""
    chosen = list(names or recipes)
    rows = [(recipes[name].title, bytes_each(name, optimizer=optimizer, model=model)) for name in chosen]
    with styled():
        ax = axes(ax, height=1.6 + 0.52 * len(rows))
        stacked(
            ax,
            [(title, {kind: float(value) for kind, value in parts.items()}) for title, parts in rows],
            written=lambda x: trimmed(Fraction(x), 1),
            total=lambda x: f"{trimmed(Fraction(x), 1)} B",
        )
        ax.set_xlabel(say("chart.bytes.x", optimizer=optimizers[optimizer].title))
    said = "; ".join(f"{title} {trimmed(sum(parts.values()))} B ({_parts(parts)})" for title, parts in rows)
    alt = say("chart.bytes.alt", optimizer=optimizers[optimizer].title, rows=said)
    return describe(ax, alt=alt, table=_table(rows, optimizers[optimizer].title))


def _parts(parts: Bytes) -> str:
    return ", ".join(f"{name_of(kind)} {trimmed(value)}" for kind, value in parts.items())


def _table(rows: Sequence[tuple[str, Bytes]], optimizer: str) -> StyledTable:
    kinds = list(in_order({kind: 0 for _, parts in rows for kind in parts}))
    lines = [
        [title, *(decimal(parts.get(kind, 0)) for kind in kinds), decimal(sum(parts.values()))] for title, parts in rows
    ]
    headers = [say("chart.bytes.recipe"), *(name_of(kind) for kind in kinds), say("table.total")]
    return StyledTable(headers, lines, caption=say("chart.bytes.caption", optimizer=optimizer))
