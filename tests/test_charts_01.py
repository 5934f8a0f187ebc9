"""The charts of lesson 01 draw the bits of the number formats and the usable memory of the cards."""

from __future__ import annotations

import numpy as np
import pytest

import vram
from vram.show import bit_layout, figure, nameplate
from vram.show.charts.lesson01 import FORMATS, fields


@pytest.mark.parametrize("name", FORMATS)
def test_the_fields_of_a_format_are_all_its_bits(name: str) -> None:
    parts = fields(vram.dtypes[name])
    assert sum(parts.values()) == vram.dtypes[name].bits_per_weight
    assert parts.get("sign", 1) == 1


@pytest.mark.parametrize("name", ["fp64", "fp32", "fp16"])
def test_the_fields_are_those_of_numpy(name: str) -> None:
    info = np.finfo(name.replace("fp", "float"))
    assert fields(vram.dtypes[name]) == {"sign": 1, "exponent": info.nexp, "mantissa": info.nmant}


def test_the_bars_lie_end_to_end() -> None:
    ax = bit_layout()
    for y, name in enumerate(FORMATS):
        drawn = [container[y] for container in ax.containers if container[y].get_width()]
        assert [patch.get_width() for patch in drawn] == list(fields(vram.dtypes[name]).values())
        ends = [0, *(patch.get_x() + patch.get_width() for patch in drawn)]
        assert [patch.get_x() for patch in drawn] == ends[:-1]


def test_each_point_is_a_card() -> None:
    ax = nameplate()
    points = {line.get_label(): line.get_xdata()[0] for line in ax.lines if line.get_label() in vram.gpus}
    assert set(points) == set(vram.gpus)
    for name, percent in points.items():
        card = vram.gpus[name]
        box = float(card.nameplate.split(" GB")[0])
        assert percent == pytest.approx(100 * card.usable_mib / (1024 * box))
        assert ax.get_xlim()[0] < percent <= 100
    assert list(points.values()) == sorted(points.values(), reverse=True)


def test_the_line_of_gb_is_where_gb_lie() -> None:
    lines = [line.get_xdata()[0] for line in nameplate().lines if line.get_linestyle() == "--"]
    assert lines == [100, pytest.approx(100 * 10**9 / 2**30)]


def test_the_table_says_the_mib_of_nvidia_smi() -> None:
    rows = {row[0]: row for row in figure(nameplate()).table.rows}
    assert rows["L4"][1:5] == ("24", "23,034", "22.49 GiB", "24.15 GB")
