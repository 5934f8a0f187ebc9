"""Pictures enter a page as images with alternative text and a table; nothing heavy is loaded before it is needed."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
import weakref
from base64 import b64decode

import pytest
from matplotlib import rc_context
from matplotlib.figure import Figure

import vram
from vram.show import StyledTable, figure, large_letters, legend_above, llama_table, slide_axes


def loaded(code: str) -> set[str]:
    heavy = ("sympy", "numpy", "matplotlib", "ipywidgets", "IPython")
    script = f"import sys\n{code}\nprint(*[m for m in {heavy!r} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def payload(html: str) -> bytes:
    return b64decode(re.search(r"data:image/png;base64,([^\"]+)", html)[1])


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import vram.show", set()),
        ("from vram.show import bar, Row, memory_bar\nbar([Row('all', {'weights': 1})])", set()),
        ("import vram, vram.show\nvram.show.timeline_picture(vram.model_states(vram.models['gpt2']))", set()),
        ("from vram.show import count_panel\ncount_panel().render()", {"sympy"}),
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(code: str, heavy: set[str]) -> None:
    assert loaded(code) == heavy


def test_a_picture_is_an_image_with_words_and_a_table() -> None:
    html = figure(llama_table())._repr_html_()
    assert payload(html).startswith(b"\x89PNG")
    assert re.search(r'<img [^>]*alt="[^"]*6,738,415,616', html)
    assert "<figcaption>" in html and "<td" in html and "<details>" in html
    assert "<details open>" in figure(llama_table(), unfold=True)._repr_html_()
    assert len(html) < 60_000


def test_the_same_chart_is_the_same_page_whatever_the_readers_settings_are() -> None:
    first = figure(llama_table())._repr_html_()
    with rc_context({"font.size": 30, "axes.grid": True, "figure.dpi": 40, "savefig.dpi": 30}):
        assert figure(llama_table())._repr_html_() == first


def test_a_picture_without_numbers_is_refused() -> None:
    ax = Figure().subplots()
    table = StyledTable(["x"], [["1"]])
    with pytest.raises(vram.VramError, match="alt: None given"):
        figure(ax, table=table)
    with pytest.raises(vram.VramError, match="alt: 'a line'"):
        figure(ax, alt="a line", table=table)
    with pytest.raises(vram.VramError, match="table: none given"):
        figure(ax.figure, alt="a line at 1")
    assert "1" in str(figure(ax, alt="a line at 1", table=table))


def test_a_figure_is_forgotten_once_it_is_shown() -> None:
    ax = llama_table()
    gone = weakref.ref(ax.figure)
    picture = figure(ax)
    del ax
    gc.collect()
    assert gone() is None and picture.image


def test_a_chart_for_a_slide_has_its_legend_above_and_large_letters() -> None:
    ax = large_letters(legend_above(llama_table(slide_axes(), shapes=False)))
    fig = ax.figure
    fig.canvas.draw()
    (legend,) = fig.legends
    box = legend.get_window_extent()
    assert ax.get_legend() is None and len(legend.get_texts()) == 2
    assert (box.y0 + box.y1) / 2 > ax.get_window_extent().y1 > box.y0 - 5, "the frame of a legend is invisible"
    assert all(text.get_fontsize() >= 13 for text in (*ax.texts, *ax.get_xticklabels()))
    assert ax.get_xticklabels()[0].get_text() == vram.models.title("llama-7b")
