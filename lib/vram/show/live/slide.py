"""A slide whose controls work without a kernel: drop-down lists, a verdict, a bar against a capacity, a table.

The formulas are the ledger's, in symbols; the page evaluates them as JavaScript. Before the script runs, and where
scripts are dropped, the page shows the state that it opens with, which Python has computed from the same formulas.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from ...ledger.errors import VramError, unknown
from ...ledger.units import both, count, gib, percent
from ...words import say
from .. import css
from ..bars import name_of
from ..explain import written
from ..numbers import tera
from ..theme import ALERT, INK, LINE, in_order
from .printer import javascript

_STYLE = (
    ".live .knobs label{margin-right:1em;white-space:nowrap}.live select{font:inherit;padding:2px 6px}"
    f".live-bar{{display:flex;position:relative;height:44px;border:1px solid {LINE};background:#fff;margin:18px 0}}"
    f".live-bar>[data-part]{{box-shadow:inset 0 0 0 1px {INK};background-size:14px}}"
    f".live-bar>[data-mark]{{position:absolute;top:-10px;bottom:-10px;border-left:4px dashed {ALERT}}}"
)
_WRITTEN: dict[str, Callable[[int], str]] = {"bytes": gib, "both": both, "count": count, "tflops": tera}


@dataclass(frozen=True, slots=True)
class Knob:
    """A drop-down list of the page: text → the number of each symbol that this option sets."""

    label: str
    options: Mapping[str, Mapping[str, int]]
    default: str


class LiveSlide:
    """Formulas by kind of memory (or part of a model), and the knobs that set their symbols.

    id        a name that no other live slide of the deck has
    parts     kind → formula in SymPy symbols, or a number
    unit      "bytes" (GiB), "both" (GiB, and GB in brackets), "count" (parameters) or "tflops" (10¹² FLOPs)
    capacity  name of the symbol whose number the total is compared with, such as a card's usable bytes
    Raises `VramError` when a symbol is set by no knob, or by two.
    """

    def __init__(
        self, id: str, parts: Mapping[str, Any], knobs: Sequence[Knob], *, unit: str = "bytes", capacity: str = ""
    ):
        if unit not in _WRITTEN:
            raise unknown("unit", unit, _WRITTEN)
        self.id, self.unit, self.capacity = id, unit, capacity
        self.parts = in_order(dict(parts))
        self.knobs = tuple(knobs)
        self.symbols = sorted({s.name for part in self.parts.values() for s in getattr(part, "free_symbols", ())})
        for knob in self.knobs:
            if knob.default not in knob.options:
                raise unknown(knob.label, knob.default, knob.options)
        set_by = [name for knob in self.knobs for name in knob.options[knob.default]]
        for name in [*self.symbols, *([capacity] if capacity else [])]:
            if set_by.count(name) != 1:
                raise VramError(f"knobs: {name!r} is set by {set_by.count(name)} knobs, one is needed.")

    def sizes(self, **chosen: str) -> dict[str, int]:
        """The number of every symbol for these options, by label; the others as the slide opens."""
        return {n: v for knob in self.knobs for n, v in knob.options[chosen.get(knob.label, knob.default)].items()}

    def answer(self, **chosen: str) -> dict[str, int]:
        """The number of each part in this state."""
        from sympy import Symbol

        values = {Symbol(n, positive=True, integer=True): v for n, v in self.sizes(**chosen).items()}
        return {kind: int(p.xreplace(values)) if hasattr(p, "xreplace") else p for kind, p in self.parts.items()}

    def verdict(self, **chosen: str) -> str:
        """The sentence above the bar."""
        total, write = sum(self.answer(**chosen).values()), _WRITTEN[self.unit]
        if not self.capacity:
            return say(f"live.{self.unit}", total=write(total))
        capacity = self.sizes(**chosen)[self.capacity]
        key = "live.fits" if total <= capacity else "live.lacks"
        return say(key, total=write(total), capacity=write(capacity), left=write(abs(capacity - total)))

    def script(self) -> str:
        """The slide as a JavaScript object: its formulas as functions of the symbols."""
        arguments = ", ".join(self.symbols)
        parts = ", ".join(f"({arguments}) => {javascript(part)}" for part in self.parts.values())
        places = {name: f"{{{name}}}" for name in ("total", "capacity", "left")}
        verdict = {key: say(f"live.{key}", **places) for key in (self.unit, "fits", "lacks")}
        fields = {"id": self.id, "unit": self.unit, "symbols": self.symbols, "capacity": self.capacity}
        given = "".join(f"{key}: {json.dumps(value)}, " for key, value in {**fields, "verdict": verdict}.items())
        return f"{{{given}parts: [{parts}]}}"

    def _repr_html_(self) -> str:
        knobs = "".join(_select(knob) for knob in self.knobs)
        return (
            f'{css.sheet(frozenset(self.parts))}<style>{_STYLE}</style><div class="vram live" id="{escape(self.id)}">'
            f'<p class="knobs">{knobs}</p><p class="verdict" role="status" aria-live="polite">{self.verdict()}</p>'
            f"{self._bar()}{self._table()}</div>\n"
            f"<script>{{{runtime()}\nvramLive.start({self.script()});}}</script>"
        )

    def _bar(self) -> str:
        """Widths in percent; the table says the same in numbers, so the bar itself is silent."""
        parts = self.answer()
        total, capacity = sum(parts.values()), self.sizes().get(self.capacity, 0)
        scale = max(total, capacity, 1)
        inside = "".join(
            f'<span data-part class="{css.key_class(kind)}" style="width:{_share(n, scale)}%"></span>'
            for kind, n in parts.items()
        )
        mark = f'<span data-mark style="left:{_share(capacity, scale)}%"></span>' if self.capacity else ""
        return f'<div class="live-bar" aria-hidden="true">{inside}{mark}</div>'

    def _table(self) -> str:
        parts = self.answer()
        total = sum(parts.values())
        rows = "".join(
            f'<tr><th scope="row"><span class="key {css.key_class(kind)}"></span>{escape(name_of(kind))}</th>'
            f'<td><code>{escape(written(self.parts[kind]))}</code></td><td align="right" class="n" data-size>'
            f'{_WRITTEN[self.unit](n)}</td><td align="right" class="n" data-share>{percent(n, total) if total else ""}'
            "</td></tr>\n"
            for kind, n in parts.items()
        )
        return f'<table class="grid"><tbody>\n{rows}</tbody></table>'

    def __repr__(self) -> str:
        return self.verdict()


@cache
def runtime() -> str:
    """The script that all live slides share."""
    return (files(__package__) / "live.js").read_text(encoding="utf-8")


def _select(knob: Knob) -> str:
    options = "".join(
        f'<option value="{escape(json.dumps({name: str(n) for name, n in sizes.items()}))}"'
        f"{' selected' if text == knob.default else ''}>{escape(text)}</option>"
        for text, sizes in knob.options.items()
    )
    return f"<label>{escape(knob.label)} <select>{options}</select></label> "


def _share(n: int, scale: int) -> float:
    return 1_000_000 * n // scale / 10_000
