"""The charts of lesson 13 hold the counts and caches of the library."""

from __future__ import annotations

import pytest

import vram
from vram.ledger.units import UNITS
from vram.show import cache_against_context, figure, total_and_active
from vram.show.charts.lesson13 import CACHES, EXPERTS


def test_two_points_for_each_model() -> None:
    ax = total_and_active()
    *_, active, total = ax.lines
    for name, used, everything in zip(EXPERTS, active.get_xdata(), total.get_xdata(), strict=True):
        assert used * 1e9 == pytest.approx(vram.active_parameters(vram.models[name]))
        assert everything * 1e9 == pytest.approx(vram.weights(vram.models[name]).numel)
    assert [text.get_text() for text in ax.get_yticklabels()] == [vram.models.title(name) for name in EXPERTS]
    rows = {row[0]: row for row in figure(ax).table.rows}
    assert rows["Mixtral 8x7B"][1:] == ("46,702,792,704", "12,879,925,248", "27.6 %")


def test_a_dense_model_has_one_label() -> None:
    labels = [text.get_text() for text in total_and_active(names=["llama-3.1-8b", "mixtral-8x7b", "kimi-k2"]).texts]
    assert labels.count("8.03B") == 1 and len(labels) == 5


def test_each_curve_is_a_cache() -> None:
    ax = cache_against_context()
    assert [line.get_label() for line in ax.lines] == [vram.models.title(name) for name in CACHES]
    for name, line in zip(CACHES, ax.lines, strict=True):
        for s, held in list(zip(*line.get_data(), strict=True))[::30]:
            expected = vram.kv_cache(vram.models[name], seq_len=int(s)).nbytes
            assert held * UNITS["GiB"] == pytest.approx(expected)


def test_a_further_token_costs_what_layers_without_windows_keep() -> None:
    growth = {row[0]: row[-1].split(" B")[0] for row in figure(cache_against_context()).table.rows}
    assert growth["DeepSeek-V3"] == "70,272"
    assert growth["Gemma 3 27B"] == f"{2 * 10 * 16 * 128 * 2:,}"
    assert growth["gpt-oss 120b"] == f"{2 * 18 * 8 * 64 * 2:,}"
