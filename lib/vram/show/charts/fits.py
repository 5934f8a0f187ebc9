"""What fits? Batch against context, the area below each card's line; for lessons on the cache and on training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...architectures import gpus, models
from ...ledger.units import count, gib
from ...memory import max_context
from ...words import say
from ..figures import axes, describe, styled
from ..tables import StyledTable
from ..theme import INK, PARTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CARDS = ("T4", "RTX 4090", "A100-40GB", "A100-80GB")
BATCHES = tuple(2**n for n in range(8))
#: From the largest card's area to the smallest: lighter to darker, each with its hatch.
_AREAS = [PARTS[part] for part in ("position_embedding", "lm_head", "embedding", "attention", "mlp")]
_SHORTEST, _LONGEST = 2**8, 2**20


def limits(
    model: str, *, cards: Sequence[str], of: str, settings: Mapping[str, Any], batches: Sequence[int] = BATCHES
) -> dict[str, list[int]]:
    """For each card the most tokens a sequence may have with each number of sequences; 0 where not even one fits."""
    from numpy import array

    arch, batch = models[model], array(batches)  # one search for all of them
    return {gpu: max_context(arch, gpu=gpu, of=of, batch=batch, **settings).tolist() for gpu in cards}


def what_fits(
    ax: Axes | None = None,
    *,
    model: str = "llama-3.1-8b",
    cards: Sequence[str] = CARDS,
    of: str = "inference",
    **settings: Any,
) -> Axes:
    """How many tokens in how many sequences fit on each card: the area below its line. Both axes are logarithmic.

    cards     up to five cards of `vram.gpus`
    of        "inference" or "training", and
    settings  its settings: weights, kv … or recipe, optimizer, lora …
    """
    cards = sorted(cards, key=lambda gpu: gpus[gpu].usable_bytes, reverse=True)[: len(_AREAS)]
    found = limits(model, cards=cards, of=of, settings=settings)
    if of == "inference":
        what = say("chart.fits.run", model=models.title(model), weights=_spelled(settings.get("weights", "bf16")))
    else:
        what = say("chart.fits.train", model=models.title(model))
    with styled():
        ax = axes(ax, height=4.8)
        _draw(ax, found)
        ax.set_xlabel(say("chart.fits.x"))
        ax.set_ylabel(say("chart.fits.y"))
    said = "; ".join(
        say("chart.fits.said", gpu=gpu, usable=gib(gpus[gpu].usable_bytes), points=_points(tokens))
        for gpu, tokens in found.items()
    )
    return describe(ax, alt=say("chart.fits.alt", what=what, rows=said), table=_table(found, what))


def _spelled(weights: object) -> str:
    return str(weights).upper() if str(weights) in ("bf16", "fp16", "fp32", "fp8", "nf4", "int8") else str(weights)


def _draw(ax: Axes, found: Mapping[str, Sequence[int]]) -> None:
    """An area for each card, the largest behind, under the line of the most tokens."""
    for (gpu, tokens), area in zip(found.items(), _AREAS, strict=False):
        points = [(n, s) for n, s in zip(BATCHES, tokens, strict=True) if s]
        xs, ys = zip(*points, strict=True) if points else ((), ())
        label = say("chart.fits.most", gpu=gpu, tokens=count(tokens[0]))
        look = {"facecolor": area.colour, "hatch": area.hatch * 2, "edgecolor": INK, "linewidth": 0}
        ax.fill_between(xs, ys, 1, label=label, **look)
        ax.plot(xs, ys, color=INK, linewidth=1.6, marker="o", markersize=4)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log", base=2)
    ax.set_xlim(BATCHES[0], BATCHES[-1])
    ax.set_ylim(_SHORTEST, _LONGEST)
    ax.set_xticks(BATCHES, [f"{n:,}" for n in BATCHES])
    ticks = [2**n for n in range(8, 21, 2)]
    ax.set_yticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.minorticks_off()
    ax.grid(linewidth=0.6)
    ax.legend(loc="upper right", handlelength=2.4)  # the lines fall to the right, so this corner is free


def _points(tokens: Sequence[int]) -> str:
    found = [say("chart.fits.point", batch=n, tokens=count(s)) for n, s in zip(BATCHES, tokens, strict=True) if s]
    return ", ".join(found) or say("chart.fits.none")


def _table(found: Mapping[str, Sequence[int]], what: str) -> StyledTable:
    rows = [[gpu, *(count(s) if s else "—" for s in tokens)] for gpu, tokens in found.items()]
    headers = [say("panel.label.gpu"), *(f"{say('chart.fits.batch')}: {n}" for n in BATCHES)]
    return StyledTable(headers, rows, caption=say("chart.fits.caption", what=what))
