"""The roofline holds what the library computes: bandwidth times intensity, and never more than the dense peak."""

from __future__ import annotations

import pytest

import vram
from vram.show import figure, roofline
from vram.show.charts.lesson09 import CARDS, works

TERA = 10**12


def roofs(ax):
    return {line.get_label(): line.get_data() for line in ax.lines if line.get_label() in vram.gpus}


def points(ax):
    return {line.get_label(): line.get_data() for line in ax.lines if line.get_label() not in vram.gpus}


@pytest.mark.parametrize("cards", [CARDS, ("L4", "B200")])
def test_roofs_are_bandwidth_then_peak(cards) -> None:
    found = roofs(roofline(cards=cards))
    assert set(found) == set(cards)
    for name, (xs, ys) in found.items():
        card = vram.gpus[name]
        assert ys[0] * TERA == pytest.approx(card.bandwidth * xs[0])
        assert xs[1] == pytest.approx(card.dense_flops / card.bandwidth)
        assert ys[1] * TERA == ys[2] * TERA == pytest.approx(card.dense_flops)


def test_steps_lie_on_the_roof_of_each_card() -> None:
    found = points(roofline())
    assert list(found) == [work.title for work in works()]
    for work in works():
        xs, ys = found[work.title]
        for gpu, x, y in zip(CARDS, xs, ys, strict=True):
            step = work.on(gpu)
            assert x == pytest.approx(step.flops / step.nbytes)
            assert y * TERA == pytest.approx(step.flops / step.seconds), "FLOP/s of a step that takes its least time"


def test_the_steps_shown_fit_their_cards() -> None:
    for work in works():
        held = vram.weights(vram.models[work.model]).nbytes
        held += vram.kv_cache(vram.models[work.model], batch=work.batch or 1, seq_len=work.seq_len).nbytes
        assert all(held < vram.gpus[gpu].usable_bytes for gpu in CARDS)


def test_the_table_says_the_same() -> None:
    *rows, last = figure(roofline()).table.rows
    for work, row in zip(works(), rows, strict=True):
        rates = [work.on(gpu).flops / work.on(gpu).seconds / TERA for gpu in CARDS]
        assert [float(cell.replace(",", "")) for cell in row[2:]] == pytest.approx(rates, abs=0.051)
    ridges = [vram.gpus[gpu].dense_flops / vram.gpus[gpu].bandwidth for gpu in CARDS]
    assert [float(cell.split(" ")[0]) for cell in last[2:]] == pytest.approx(ridges, abs=0.51)


def test_decoding_waits_for_memory_and_a_prompt_does_not() -> None:
    *decoding, prompt = works()
    assert {work.on(gpu).bound for work in decoding for gpu in CARDS} == {"bandwidth"}
    assert {prompt.on(gpu).bound for gpu in CARDS} == {"compute"}
