"""Chart of lesson 05: what a quantised model takes, beside the count times the bits in the format's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ...architectures import models
from ...ledger.ledger import Ledger
from ...ledger.units import UNITS, gib, percent, shown
from ...memory import quantize, weights
from ...words import say
from ..figures import axes, describe, styled
from ..numbers import decimal
from ..tables import StyledTable
from ..theme import INK, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True)
class Format:
    """A way to store a model, as people name it.

    bits     the number in its name
    scheme   what `vram.quantize` calls it, and `options` for it
    group    the option that says how many numbers share a scale; "" where the format fixes it
    """

    title: str
    bits: int
    scheme: str
    options: Mapping[str, Any] = field(default_factory=dict)
    group: str = ""

    def naive(self, numel: int) -> Fraction:
        """Bytes of so many numbers with the bits of the name and nothing else."""
        return Fraction(numel * self.bits, 8)


FORMATS = {
    "int8": Format("LLM.int8", 8, "int8"),
    "fp8": Format("FP8, scale a 128 × 128 block", 8, "fp8", {"scales": "block"}),
    "Q8_0": Format("GGUF Q8_0", 8, "Q8_0"),
    "Q6_K": Format("GGUF Q6_K", 6, "Q6_K"),
    "Q5_K_M": Format("GGUF Q5_K_M", 5, "Q5_K_M"),
    "nf4": Format("NF4", 4, "nf4", {"double_quant": False}, "blocksize"),
    "nf4-dq": Format("NF4 double-quantised", 4, "nf4", {"double_quant": True}, "blocksize"),
    "gptq": Format("GPTQ", 4, "gptq", {}, "group_size"),
    "awq": Format("AWQ", 4, "awq", {}, "group_size"),
    "torchao-int4": Format("INT4, torchao", 4, "torchao-int4", {}, "group_size"),
    "mxfp4": Format("MXFP4", 4, "mxfp4"),
    "nvfp4": Format("NVFP4", 4, "nvfp4"),
    "Q4_K_M": Format("GGUF Q4_K_M", 4, "Q4_K_M"),
    "Q3_K_M": Format("GGUF Q3_K_M", 3, "Q3_K_M"),
    "Q2_K": Format("GGUF Q2_K", 2, "Q2_K"),
}
_DRAWN = ("int8", "Q8_0", "Q6_K", "Q5_K_M", "nf4-dq", "awq", "mxfp4", "Q4_K_M", "Q3_K_M", "Q2_K")


def stored(model: str, name: str, **options: Any) -> Ledger:
    """Every tensor of a catalogued model in one of these formats; options as `vram.quantize` takes them."""
    chosen = FORMATS[name]
    return quantize(weights(models[model]), chosen.scheme, **{**chosen.options, **options})


def naive_and_real(ax: Axes | None = None, *, model: str = "llama-3-8b", names: Sequence[str] = _DRAWN) -> Axes:
    """GiB of a model in each format: the bits of the name times the count, and what really comes on top."""
    numel = weights(models[model]).numel
    rows = [(FORMATS[name], stored(model, name).nbytes) for name in names]
    unit = UNITS["GiB"]
    with styled():
        ax = axes(ax, height=1.5 + 0.42 * len(rows))
        naive = [float(chosen.naive(numel) / unit) for chosen, _ in rows]
        extra = [nbytes / unit - low for (_, nbytes), low in zip(rows, naive, strict=True)]
        for part, widths, left, kind in (
            ("naive", naive, [0.0] * len(rows), "total"),
            ("extra", extra, naive, "more"),
        ):
            look = style(kind)
            ax.barh(
                range(len(rows)), widths, left=left, height=0.64, label=say(f"chart.quantized.{part}"),
                facecolor=look.colour, hatch=look.hatch * 3, edgecolor=INK, linewidth=0.8,
            )  # fmt: skip
        longest = max(nbytes / unit for _, nbytes in rows)
        for y, (_, nbytes) in enumerate(rows):
            words = say("chart.quantized.end", size=shown(nbytes, "GiB"), bits=_bits(nbytes, numel))
            ax.text(nbytes / unit + longest / 90, y, words, va="center", fontsize=12)
        ax.set_yticks(range(len(rows)), [chosen.title for chosen, _ in rows])
        ax.invert_yaxis()
        ax.set_xlim(0, longest * 1.36)
        ax.set_xlabel(say("chart.quantized.x", model=models.title(model)))
        ax.grid(axis="x", linewidth=0.6)
        # From the right edge to the left, over the names: to the right of the axes there is no room.
        ax.legend(ncols=2, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2, handlelength=1.6)
    said = "; ".join(
        say("chart.quantized.said", format=chosen.title, size=gib(nbytes), bits=_bits(nbytes, numel),
            naive=shown(chosen.naive(numel), "GiB"))
        for chosen, nbytes in rows
    )  # fmt: skip
    alt = say("chart.quantized.alt", model=models.title(model), rows=said)
    return describe(ax, alt=alt, table=_table(rows, numel, models.title(model)))


def _bits(nbytes: int, numel: int) -> str:
    return decimal(Fraction(8 * nbytes, numel), 2)


def _table(rows: Sequence[tuple[Format, int]], numel: int, model: str) -> StyledTable:
    lines = []
    for chosen, nbytes in rows:
        naive = chosen.naive(numel)
        lines.append(
            [chosen.title, chosen.bits, _bits(nbytes, numel), shown(naive, "GiB"), shown(nbytes, "GiB"),
             percent(nbytes - naive, naive, signed=True)]
        )  # fmt: skip
    headers = [say(f"chart.quantized.{name}") for name in ("format", "name", "bits", "by_name", "size", "error")]
    return StyledTable(headers, lines, caption=say("chart.quantized.caption", model=model))
