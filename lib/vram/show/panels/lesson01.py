"""Panel of lesson 01: how much memory do so many numbers take, and does a card have it?"""

from __future__ import annotations

from ...architectures import gpus
from ...ledger.dtypes import dtypes
from ...ledger.units import UNITS, shown
from ...words import say
from ..bars import Mark, Row, bar
from ..charts.lesson01 import on_the_box
from ..numbers import short, trimmed
from ..panel import Choice, Panel, View
from ..tables import StyledTable

#: Formats of one number each, from wide to narrow.
FORMATS = ("fp64", "fp32", "bf16", "fp16", "fp8_e4m3", "int16", "int8", "int4")
_COUNTS = tuple(n * 10**9 for n in (1, 3, 7, 8, 13, 32, 70, 175, 405))
_GPUS = ("RTX 3060", "T4", "L4", "RTX 4090", "L40S", "A100-80GB", "H200")


def units_panel() -> Panel:
    """Count, number format, unit and card; bits to bytes to GB or GiB, against the card's usable memory."""
    controls = [
        Choice("count", say("panel.label.count"), {_billions(n): n for n in _COUNTS}, 13 * 10**9),
        Choice("dtype", say("panel.label.number_format"), {_title(name): name for name in FORMATS}, "fp32"),
        Choice("unit", say("panel.label.unit"), {say(f"panel.units.{unit}"): unit for unit in ("GB", "GiB")}, "GB"),
        Choice("gpu", say("panel.label.gpu"), {name: name for name in _GPUS}, "RTX 4090"),
    ]
    return Panel(controls, _view)


def _title(name: str) -> str:
    return name.upper().replace("_", " ")


def _billions(count: int) -> str:
    return short(count).replace(".00", "")


def _view(count: int, dtype: str, unit: str, gpu: str) -> View:
    card, each = gpus[gpu], dtypes[dtype].bits_per_weight
    nbytes = dtypes[dtype].nbytes(count)
    room = card.usable_bytes - nbytes

    def size(n: int) -> str:
        return shown(n, unit)

    named = {"count": _billions(count), "dtype": _title(dtype)}
    fit = say("panel.units.fits", left=size(room)) if room >= 0 else say("panel.units.short", lack=size(-room))
    return View(
        verdict=say("panel.units.verdict", **named, size=size(nbytes)),
        detail=say("panel.units.detail", gpu=gpu, box=on_the_box(card), usable=size(card.usable_bytes), room=fit),
        picture=bar(
            [Row(say("panel.units.row", **named), {"weights": nbytes})],
            mark=Mark(say("panel.usable", gpu=gpu), card.usable_bytes),
            shown=size,
        ),
        formula=[
            say("panel.units.formula", count=f"{count:,}", bits=trimmed(each), nbytes=f"{nbytes:,}"),
            say("panel.units.convert", nbytes=f"{nbytes:,}", size=f"{UNITS[unit]:,}", result=size(nbytes)),
        ],
        tables=[
            StyledTable(
                [say("table.what"), say("table.size")],
                [
                    [say("panel.units.numbers"), f"{count:,}"],
                    [say("panel.units.bits"), trimmed(each)],
                    [say("panel.units.bytes"), f"{nbytes:,}"],
                    [say(f"panel.units.{unit}"), size(nbytes)],
                    [say("panel.usable", gpu=gpu), size(card.usable_bytes)],
                    [say("panel.room" if room >= 0 else "panel.lack"), size(abs(room))],
                ],
                caption=say("panel.units.table", unit=unit),
            ),
            _formats(count),
        ],
    )


def _formats(count: int) -> StyledTable:
    """The same count in every format, in both units."""
    lines = []
    for name in FORMATS:
        nbytes = dtypes[name].nbytes(count)
        each = trimmed(dtypes[name].bits_per_weight)
        lines.append([_title(name), each, shown(nbytes, "GB"), shown(nbytes, "GiB")])
    headers = [say("table.dtype"), say("panel.units.bits"), say("table.gb"), say("table.gib")]
    return StyledTable(headers, lines, caption=say("panel.units.formats"))
