"""Panel of lesson 05: how many bits does a weight take in a quantised model, and where are they?"""

from __future__ import annotations

from fractions import Fraction

from ...architectures import gpus, models
from ...ledger.units import both, count, gib, percent
from ...memory import weights
from ...words import say
from ..bars import Mark, Row, bar
from ..charts.lesson05 import FORMATS, stored
from ..copies import by_kind, copies, copy_table
from ..numbers import decimal
from ..panel import Choice, Panel, View

#: Models whose vocabulary is large or small beside their layers.
MODELS = ("llama-3.2-1b", "mistral-7b-v0.1", "llama-2-7b", "llama-3-8b", "qwen2.5-32b", "llama-2-70b", "llama-3-70b")
_GROUPS = (32, 64, 128, 256)
_GPUS = ("RTX 3060", "T4", "L4", "RTX 4090", "L40S", "A100-80GB")

#: Kinds that stay as they are; None: what the format itself leaves alone.
KEEP = {
    "usual": None,
    "norms": ("norm",),
    "attention": ("embedding", "lm_head", "norm", "attention"),
}


def quantize_panel() -> Panel:
    """Model, format, group, what stays in 16 bits, and card; naive N·bits/8 beside what is stored."""
    keeps = {say(f"panel.quantize.keep.{name}"): name for name in KEEP}
    controls = [
        Choice("model", say("panel.label.model"), {models.title(name): name for name in MODELS}, "llama-3-8b"),
        Choice("format", say("panel.label.format"), {f.title: name for name, f in FORMATS.items()}, "nf4-dq"),
        Choice("group", say("panel.label.group"), {f"{size}": size for size in _GROUPS}, 64),
        Choice("keep", say("panel.label.keep"), keeps, "usual"),
        Choice("gpu", say("panel.label.gpu"), {name: name for name in _GPUS}, "RTX 3060"),
    ]
    return Panel(controls, _view)


def options(format: str, group: int, keep: str) -> dict[str, object]:
    """The options of `vram.quantize` for a state of the panel."""
    chosen = FORMATS[format]
    return {**({chosen.group: group} if chosen.group else {}), "keep": KEEP[keep]}


def _view(model: str, format: str, group: int, keep: str, gpu: str) -> View:
    chosen, card = FORMATS[format], gpus[gpu]
    numel = weights(models[model]).numel
    ledger = stored(model, format, **options(format, group, keep))
    naive, nbytes = chosen.naive(numel), ledger.nbytes
    room = card.usable_bytes - nbytes
    bits = decimal(Fraction(8 * nbytes, numel), 3)
    shared = say("panel.quantize.group", group=group) if chosen.group else say("panel.quantize.own_group")
    fit = say(
        "panel.quantize.fits" if room >= 0 else "panel.quantize.short",
        gpu=gpu, usable=gib(card.usable_bytes), room=gib(abs(room)),
    )  # fmt: skip
    filed = ledger.file_under("weights")
    return View(
        verdict=say(
            "panel.quantize.verdict", model=models.title(model), format=chosen.title, size=both(nbytes), bits=bits
        ),
        detail=say(
            "panel.quantize.detail",
            count=count(numel),
            name=chosen.bits,
            naive=gib(round(naive)),
            error=percent(nbytes - naive, nbytes),
            group=shared,
            fit=fit,
        ),
        picture=bar(
            [
                Row(say("panel.quantize.by_name", name=chosen.bits), {"weights": round(naive)}),
                Row(say("panel.quantize.really"), by_kind(ledger)),
            ],
            mark=Mark(say("panel.usable", gpu=gpu), card.usable_bytes),
        ),
        formula=[say("panel.quantize.formula", nbytes=f"{nbytes:,}", count=count(numel), bits=bits)],
        tables=[
            copy_table(
                copies(filed),
                numel,
                total=say("table.total"),
                caption=say("panel.quantize.table"),
                card=(gpu, card.usable_bytes),
            )
        ],
    )
