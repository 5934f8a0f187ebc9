"""The curves of lesson 04 are weights plus cache, and their crossings are the largest contexts that fit."""

from __future__ import annotations

import pytest

import vram
from vram.ledger.units import UNITS, count, gib
from vram.show import figure, memory_against_context
from vram.show.charts.lesson04 import resident


@pytest.mark.parametrize(("model", "gpu", "batch", "kv"), [
    ("llama-3.1-8b", "RTX 4090", 1, "bf16"), ("llama-3.1-70b", "H200", 2, "fp8"),
])  # fmt: skip
def test_each_curve_is_weights_plus_cache(model: str, gpu: str, batch: int, kv: str) -> None:
    arch = vram.models[model]
    ax = memory_against_context(model=model, gpu=gpu, batch=batch, kv=kv)
    card, *lines = ax.lines
    assert card.get_ydata()[0] * UNITS["GiB"] == pytest.approx(vram.gpus[gpu].usable_bytes)
    curves = [line for line in lines if len(line.get_xdata()) > 1]
    heads = [arch.num_attention_heads, arch.num_key_value_heads, 1]
    assert [int(curve.get_label().rsplit(" ", 1)[1]) for curve in curves] == heads
    for curve, g in zip(curves, heads, strict=True):
        variant = arch.replace(num_key_value_heads=g)
        for s, held in list(zip(*curve.get_data(), strict=True))[::40]:
            nbytes = vram.weights(variant).nbytes + vram.kv_cache(variant, batch=batch, seq_len=int(s), dtype=kv).nbytes
            assert held * UNITS["GiB"] == pytest.approx(nbytes)


def test_a_curve_meets_the_card_at_the_largest_context() -> None:
    ax = memory_against_context()
    points = [line for line in ax.lines if len(line.get_xdata()) == 1]
    rows = figure(ax).table.rows
    assert len(points) == len(rows) == 3
    for point, row, g in zip(points, rows, (32, 8, 1), strict=True):
        arch = vram.models["llama-3.1-8b"].replace(num_key_value_heads=g)
        most = vram.max_context(arch, gpu="RTX 4090", of=resident)
        assert point.get_xdata()[0] == most and row[-1] == count(most)
        assert f"{count(most)} tokens" in [text.get_text() for text in ax.texts]
        assert row[3] == gib(resident(arch, seq_len=8192).peak)
