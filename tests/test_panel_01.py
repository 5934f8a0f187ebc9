"""The panel of lesson 01 counts bits into bytes, and into the unit that it names."""

from __future__ import annotations

import re
from base64 import b64decode
from fractions import Fraction

import pytest

import vram
from covering import states
from vram.ledger.units import shown
from vram.show import units_panel


def test_every_state_holds_count_times_bits() -> None:
    panel = units_panel()
    for state in states(panel):
        view = panel.view(**state)
        card, dtype = vram.gpus[state["gpu"]], vram.dtypes[state["dtype"]]
        nbytes = Fraction(state["count"] * dtype.bits_per_weight, 8)
        rows = dict(view.tables[0].rows)
        assert rows["bytes in all"] == f"{int(nbytes):,}", state
        assert view.verdict.endswith(f"take {shown(nbytes, state['unit'])}.")
        assert view.formula[1].endswith(f"= {shown(nbytes, state['unit'])}")
        room = card.usable_bytes - nbytes
        assert shown(abs(room), state["unit"]) in view.detail
        assert ("these numbers fit" in view.detail) == (room >= 0), state


def bar_widths(picture: str) -> list[str]:
    """The widths of the filled rectangles of an `<img>` that holds an SVG."""
    svg = b64decode(re.search(r"base64,([^\"]+)", picture)[1]).decode()
    return re.findall(r'<rect [^>]*?width="([\d.]+)"[^>]*url\(#', svg)


def test_the_unit_changes_the_number_and_not_the_bar() -> None:
    panel = units_panel()
    bars = [bar_widths(panel.view(unit=unit).picture) for unit in ("GB", "GiB")]
    assert bars[0] and bars[0] == bars[1]
    assert panel.view(unit="GB").verdict != panel.view(unit="GiB").verdict


@pytest.mark.parametrize(("dtype", "gb", "gib"), [("fp32", "52.00", "48.43"), ("int4", "6.50", "6.05")])
def test_the_article_in_both_units(dtype: str, gb: str, gib: str) -> None:
    panel = units_panel()
    assert f"{gb} GB" in panel.view(dtype=dtype).verdict
    assert f"{gib} GiB" in panel.view(dtype=dtype, unit="GiB").verdict
    row = next(row for row in panel.view().tables[1].rows if row[0] == dtype.upper())
    assert row[2:] == (f"{gb} GB", f"{gib} GiB")
