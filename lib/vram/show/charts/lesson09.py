"""Chart of lesson 09: the roofline of real cards, with the work of decoding and of reading a prompt on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from ...architectures import gpus, models
from ...memory import Roofline, decode_time, prefill_time
from ...words import say
from ..figures import axes, describe, styled
from ..numbers import decimal
from ..tables import StyledTable
from ..theme import ALERT, INK, KINDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Cards from the slowest memory to the fastest.
CARDS = ("RTX 4090", "A100-80GB", "H100-80GB")
_LINES = ("-", "--", "-.")
_TERA = 10**12
_LEAST, _MOST = 0.4, 2**14  # FLOPs a byte at the ends of the axis


@dataclass(frozen=True, slots=True)
class Work:
    """One step of inference: generate a token for each of `batch` sequences, or read a prompt of `seq_len` tokens."""

    model: str
    seq_len: int
    batch: int | None = None

    @property
    def title(self) -> str:
        name = models.title(self.model)
        if self.batch is None:
            return say("chart.roofline.prefill", model=name, tokens=f"{self.seq_len:,}")
        key = "chart.roofline.decode_one" if self.batch == 1 else "chart.roofline.decode"
        return say(key, model=name, batch=f"{self.batch:,}")

    def on(self, gpu: str) -> Roofline:
        """The step on a card, weights and cache in BF16."""
        arch = models[self.model]
        if self.batch is None:
            return prefill_time(arch, gpu=gpu, seq_len=self.seq_len)
        return decode_time(arch, gpu=gpu, batch=self.batch, seq_len=self.seq_len)


def works(seq_len: int = 1024) -> tuple[Work, ...]:
    """One sequence, many with a cache of all heads, many with a grouped cache, a prompt: from left to right."""
    return (
        Work("llama-3-8b", seq_len, 1),
        Work("llama-2-7b", seq_len, 16),
        Work("llama-3-8b", seq_len, 16),
        Work("llama-3-8b", seq_len),
    )


def rate(step: Roofline) -> Fraction:
    """FLOP/s that the card reaches at most: its peak, or what its memory can feed."""
    return min(Fraction(step.peak), step.bandwidth * Fraction(step.intensity))


def roofline(ax: Axes | None = None, *, cards: Sequence[str] = CARDS, seq_len: int = 1024) -> Axes:
    """TFLOP/s at most against FLOPs for each byte read: a slope of bandwidth, then the dense peak.

    cards    up to three cards of `vram.gpus`
    seq_len  tokens in the cache of each sequence, and of the prompt
    """
    steps = {work: [work.on(gpu) for gpu in cards] for work in works(seq_len)}
    with styled():
        ax = axes(ax, height=5.2)
        for gpu, line in zip(cards, _LINES, strict=False):
            _roof(ax, gpu, line)
        for number, (work, each) in enumerate(steps.items(), start=1):
            x = float(each[0].intensity)
            ax.plot([x] * len(each), [float(rate(step)) / _TERA for step in each], "o", color=ALERT, markersize=8,
                    label=work.title, zorder=3)  # fmt: skip
            lowest = min(float(rate(step)) for step in each) / _TERA
            flat = number == len(steps)  # below a flat roof there is room on both sides
            ax.annotate(work.title, (x, lowest), xytext=(0 if flat else 8, -18), textcoords="offset points",
                        ha="center" if flat else "left", va="center", fontsize=11)  # fmt: skip
        ax.set_xscale("log", base=2)
        ax.set_yscale("log")
        ax.set_xlim(_LEAST, _MOST)
        ax.margins(y=0.1)
        ticks = [4**n for n in range(7)]
        ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        marks = [10**n for n in range(4)]
        ax.set_yticks(marks, [f"{mark:,}" for mark in marks])
        ax.set_xlabel(say("chart.roofline.x"))
        ax.set_ylabel(say("chart.roofline.y"))
        ax.grid(linewidth=0.6)
    return describe(ax, alt=_alt(steps, cards), table=_table(steps, cards, seq_len))


def _roof(ax: Axes, gpu: str, line: str) -> None:
    """The two straight parts of one card, its name above the flat one."""
    card = gpus[gpu]
    ridge = card.dense_flops / card.bandwidth
    xs = [_LEAST, ridge, _MOST]
    ys = [card.bandwidth * _LEAST / _TERA, card.dense_flops / _TERA, card.dense_flops / _TERA]
    ax.plot(xs, ys, line, color=KINDS["weights"].colour, linewidth=2.5, label=gpu)
    ax.annotate(gpu, (_MOST, ys[-1]), xytext=(-4, 4), textcoords="offset points", ha="right", va="bottom",
                color=INK, fontweight="bold", fontsize=12)  # fmt: skip


Steps = dict[Work, list[Roofline]]


def _alt(steps: Steps, cards: Sequence[str]) -> str:
    said = []
    for work, each in steps.items():
        rates = ", ".join(
            say("chart.roofline.rate", rate=_tera(step), gpu=gpu) for gpu, step in zip(cards, each, strict=True)
        )
        said.append(say("chart.roofline.said", work=work.title, intensity=_intensity(each[0]), rates=rates))
    ridges = ", ".join(say("chart.roofline.said_ridge", gpu=gpu, ridge=_ridge(gpu)) for gpu in cards)
    return say("chart.roofline.alt", works="; ".join(said), ridges=ridges)


def _table(steps: Steps, cards: Sequence[str], seq_len: int) -> StyledTable:
    rows = [[work.title, _intensity(each[0]), *map(_tera, each)] for work, each in steps.items()]
    rows.append([say("chart.roofline.ridge"), "", *(f"{_ridge(gpu)} FLOPs/B" for gpu in cards)])
    headers = [say("chart.roofline.work"), say("chart.roofline.intensity")]
    headers += [say("chart.roofline.at_most", gpu=gpu) for gpu in cards]
    return StyledTable(headers, rows, caption=say("chart.roofline.caption", context=f"{seq_len:,}"))


def _tera(step: Roofline) -> str:
    return decimal(rate(step) / _TERA, 1)


def _intensity(step: Roofline) -> str:
    return decimal(Fraction(step.intensity), 1)


def _ridge(gpu: str) -> str:
    return decimal(Fraction(gpus[gpu].dense_flops, gpus[gpu].bandwidth), 0)
