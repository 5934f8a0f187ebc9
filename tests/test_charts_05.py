"""The chart of lesson 05 draws what is stored, in two parts that add up to it."""

from __future__ import annotations

import pytest

import vram
from vram.show import figure, naive_and_real
from vram.show.charts.lesson05 import FORMATS, stored


@pytest.mark.parametrize("model", ["llama-3-8b", "llama-2-70b"])
def test_the_two_parts_are_the_name_and_the_rest(model: str) -> None:
    names = ("nf4-dq", "gptq", "Q4_K_M", "int8")
    ax = naive_and_real(model=model, names=names)
    naive, extra = ax.containers
    numel = vram.weights(vram.models[model]).numel
    for name, low, more in zip(names, naive, extra, strict=True):
        assert low.get_width() * 2**30 == pytest.approx(numel * FORMATS[name].bits / 8)
        assert (low.get_width() + more.get_width()) * 2**30 == pytest.approx(stored(model, name).nbytes)
        assert more.get_x() == pytest.approx(low.get_width()) and more.get_width() > 0


def test_the_ends_and_the_table_say_the_bits_of_llama_cpp() -> None:
    ax = naive_and_real(model="llama-3.1-8b")
    published = {"GGUF Q8_0": 8.50, "GGUF Q6_K": 6.56, "GGUF Q5_K_M": 5.70, "GGUF Q4_K_M": 4.89, "GGUF Q2_K": 3.16}
    rows = {row[0]: row for row in figure(ax).table.rows}
    for name, bits in published.items():
        assert float(rows[name][2]) == bits
        assert any(text.get_text() == f"{rows[name][4]}, {bits:.2f} bits" for text in ax.texts)


def test_nothing_is_drawn_beyond_the_axes() -> None:
    ax = naive_and_real()
    assert max(patch.get_x() + patch.get_width() for patch in ax.patches) < ax.get_xlim()[1]


def test_the_whole_legend_is_on_the_picture() -> None:
    ax = naive_and_real()
    figure(ax)  # the extents are those of the picture as it is drawn for the lesson
    legend, picture = ax.get_legend().get_window_extent(), ax.figure.bbox
    assert picture.x0 <= legend.x0 < legend.x1 <= picture.x1 and legend.y1 <= picture.y1
