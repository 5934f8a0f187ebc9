"""Charts of lesson 01: which bits a number format has, and what a card's box says against what a program gets."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from ...architectures import GPU, gpus
from ...ledger.dtypes import Dtype, dtypes
from ...ledger.units import UNITS, percent, shown
from ...words import say
from ..figures import axes, describe, styled
from ..tables import StyledTable
from ..theme import ALERT, INK, KINDS, MUTED, Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = ("fp64", "fp32", "bf16", "fp16", "fp8_e4m3", "fp8_e5m2", "fp4_e2m1", "int16", "int8", "int4")

#: What the bits of a number stand for, in the order in which they are stored.
FIELDS = {
    "sign": Style(INK),
    "exponent": Style("#E69F00", "/"),
    "mantissa": Style("#0070B6"),
    "integer": Style("#009E73", "."),
}


def fields(dtype: Dtype) -> dict[str, int]:
    """Bits of each field of a plain number format; an integer is one field, its sign included."""
    bits = int(dtype.bits_per_weight)
    if dtype.exponent is None or dtype.mantissa is None:
        return {"integer": bits}
    return {"sign": bits - dtype.exponent - dtype.mantissa, "exponent": dtype.exponent, "mantissa": dtype.mantissa}


def bit_layout(ax: Axes | None = None, *, formats: Sequence[str] = FORMATS) -> Axes:
    """The bits of each number format, drawn to one scale: sign, exponent, mantissa; or an integer."""
    rows = [(name.upper().replace("_", " "), fields(dtypes[name])) for name in formats]
    widest = max(sum(parts.values()) for _, parts in rows)
    with styled():
        ax = axes(ax, height=1.3 + 0.36 * len(rows))
        order = {field: n for n, field in enumerate(FIELDS)}
        for field, look in FIELDS.items():
            widths = [parts.get(field, 0) for _, parts in rows]
            starts = [sum(bits for name, bits in parts.items() if order[name] < order[field]) for _, parts in rows]
            ax.barh(
                range(len(rows)), widths, left=starts, height=0.66, label=say(f"chart.bits.{field}"),
                facecolor=look.colour, hatch=look.hatch * 3, edgecolor=INK, linewidth=0.8,
            )  # fmt: skip
        for y, (_, parts) in enumerate(rows):
            ax.text(sum(parts.values()) + widest / 80, y, _sum(parts), va="center", fontsize=12)
        ax.set_yticks(range(len(rows)), [title for title, _ in rows])
        ax.invert_yaxis()
        ax.set_xlim(0, widest * 1.24)
        ax.set_xticks(range(0, widest + 1, 8))
        ax.set_xlabel(say("chart.bits.x"))
        ax.grid(axis="x", linewidth=0.6)
        ax.legend(ncols=4, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, handlelength=1.6)
    said = "; ".join(f"{title}: {_sum(parts)}, {_named(parts)}" for title, parts in rows)
    return describe(ax, alt=say("chart.bits.alt", rows=said), table=_bits_table(rows))


def _sum(parts: dict[str, int]) -> str:
    total = say("chart.bits.bits", bits=sum(parts.values()))
    return f"{' + '.join(map(str, parts.values()))} = {total}" if len(parts) > 1 else total


def _named(parts: dict[str, int]) -> str:
    return ", ".join(f"{say(f'chart.bits.{field}')} {bits}" for field, bits in parts.items())


def _bits_table(rows: Sequence[tuple[str, dict[str, int]]]) -> StyledTable:
    lines = [[title, *(str(parts.get(field) or "") for field in FIELDS), sum(parts.values())] for title, parts in rows]
    headers = [say("table.dtype"), *(say(f"chart.bits.{field}") for field in FIELDS), say("chart.bits.all")]
    return StyledTable(headers, lines, caption=say("chart.bits.caption"))


def on_the_box(gpu: GPU) -> int:
    """The number on a card's box, which is followed there by "GB"."""
    return int(gpu.nameplate.split()[0])


def share_of_the_box(gpu: GPU) -> Fraction:
    """Usable memory as a share of the number on the box, read as GiB."""
    return Fraction(gpu.usable_bytes, on_the_box(gpu) * UNITS["GiB"])


def nameplate(ax: Axes | None = None, *, names: Sequence[str] | None = None) -> Axes:
    """Usable memory of real cards as a share of the number on the box, read as GiB; and where GB would lie."""
    cards = sorted((gpus[name] for name in names or gpus), key=share_of_the_box, reverse=True)
    shares = [share_of_the_box(card) for card in cards]
    in_gb = Fraction(UNITS["GB"], UNITS["GiB"])
    with styled():
        ax = axes(ax, height=1.2 + 0.36 * len(cards))
        for y, (card, share) in enumerate(zip(cards, shares, strict=True)):
            x = float(100 * share)
            ax.plot([x, 100], [y, y], color=MUTED, linewidth=1, zorder=1)
            ax.plot([x], [y], "o", color=KINDS["weights"].colour, markersize=9, label=card.name)
            words = say("chart.nameplate.point", usable=_gib(card), box=on_the_box(card))
            ax.annotate(words, (100, y), xytext=(12, 0), textcoords="offset points", va="center", fontsize=12)
        for x, unit in ((100, "GiB"), (float(100 * in_gb), "GB")):
            ax.axvline(x, color=ALERT, linestyle="--", linewidth=1.6, zorder=0)
            ax.annotate(
                say("chart.nameplate.line", unit=unit), (x, 1), xycoords=("data", "axes fraction"), xytext=(0, 4),
                textcoords="offset points", ha="center", color=ALERT, fontweight="bold", fontsize=12,
            )  # fmt: skip
        ax.set_yticks(range(len(cards)), [card.name for card in cards])
        ax.invert_yaxis()
        ax.set_xlim(92, 104)
        ax.set_xticks(range(92, 101, 2), [f"{x} %" for x in range(92, 101, 2)])
        ax.set_xlabel(say("chart.nameplate.x"))
        ax.grid(axis="x", linewidth=0.6)
    said = "; ".join(
        f"{card.name}: {_gib(card)}, {percent(share)}" for card, share in zip(cards, shares, strict=True)
    )
    alt = say("chart.nameplate.alt", rows=said, gb=percent(in_gb))
    return describe(ax, alt=alt, table=_card_table(cards, shares))


def _gib(card: GPU) -> str:
    return shown(card.usable_bytes, "GiB")


def _card_table(cards: Sequence[GPU], shares: Sequence[Fraction]) -> StyledTable:
    lines = [
        [card.name, str(on_the_box(card)), f"{card.usable_mib:,}", _gib(card), shown(card.usable_bytes, "GB"),
         percent(share)]
        for card, share in zip(cards, shares, strict=True)
    ]  # fmt: skip
    headers = [say(f"chart.nameplate.{name}") for name in ("card", "box", "mib", "gib", "gb", "share")]
    return StyledTable(headers, lines, caption=say("chart.nameplate.caption"))
