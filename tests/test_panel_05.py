"""The panel of lesson 05 stores what `vram.quantize` stores, and says how far the name of a format is off."""

from __future__ import annotations

from fractions import Fraction

import pytest

import vram
from covering import states
from vram.ledger.units import both, gib
from vram.show import quantize_panel
from vram.show.charts.lesson05 import FORMATS
from vram.show.panels.lesson05 import KEEP, options


def test_every_state_holds_what_quantize_stores() -> None:
    panel = quantize_panel()
    for state in states(panel):
        view, chosen = panel.view(**state), FORMATS[state["format"]]
        ledger = vram.weights(vram.models[state["model"]])
        how = {chosen.group: state["group"]} if chosen.group else {}
        packed = vram.quantize(ledger, chosen.scheme, **{**chosen.options, **how}, keep=KEEP[state["keep"]])
        assert both(packed.nbytes) in view.verdict, state
        assert f"{packed.nbytes:,} B · 8 / {ledger.numel:,}" in view.formula[0]
        room = vram.gpus[state["gpu"]].usable_bytes - packed.nbytes
        assert f"{gib(abs(room))} {'are left' if room >= 0 else 'too little'}" in view.detail, state


def test_the_table_adds_up() -> None:
    for name in FORMATS:
        view = quantize_panel().view(format=name)
        rows = view.tables[0].rows
        total = next(n for n, row in enumerate(rows) if row[0] == "total")
        said = Fraction(0)
        for row in rows[:total]:
            numel, each = row[1].split(" B")[0].split(" · ")
            said += int(numel.replace(",", "")) * Fraction(each)
        nbytes = int(view.formula[0].split(" B")[0].replace(",", ""))
        assert abs(said - nbytes) <= Fraction(nbytes, 10_000), name


@pytest.mark.parametrize("name", FORMATS)
def test_the_digit_in_the_name_is_less_than_what_is_stored(name: str) -> None:
    digits = [c for c in FORMATS[name].scheme if c.isdigit()] or ["4"]  # GPTQ and AWQ have none
    assert FORMATS[name].bits == int(digits[0])
    ledger = vram.weights(vram.models["llama-2-70b"])
    packed = vram.quantize(ledger, FORMATS[name].scheme, **FORMATS[name].options)
    assert FORMATS[name].naive(ledger.numel) < packed.nbytes


def test_a_group_is_an_option_where_the_format_has_one() -> None:
    for name, chosen in FORMATS.items():
        assert set(options(name, 64, "usual")) == {"keep", *filter(None, [chosen.group])}
        moved = {quantize_panel().view(format=name, group=g).verdict for g in (32, 256)}
        assert len(moved) == (2 if chosen.group else 1), name


def test_a_large_model_on_a_small_card() -> None:
    assert "too little" in quantize_panel().view(model="llama-3-70b", gpu="RTX 3060").detail
