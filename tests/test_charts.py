"""The artists of each chart hold the numbers of the library, and so do its alternative text and its table."""

from __future__ import annotations

from fractions import Fraction
from inspect import Parameter, signature
from itertools import pairwise

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import vram
from vram import models, show, weights
from vram.ledger.units import UNITS
from vram.show import bytes_per_parameter, figure, finetune_bars, linear_share, llama_table, steps, waterfall
from vram.show.charts.lesson08 import ways
from vram.show.morph import CHANGES
from vram.show.theme import KINDS


def _parameters(chart: object) -> list[Parameter]:
    return list(signature(chart).parameters.values())


#: Every function of the charts' files that draws on axes and can choose what to draw.
CHARTS = [
    chart
    for chart in (getattr(show, name) for name in show.__all__)
    if getattr(chart, "__module__", "").startswith("vram.show.charts.")
    and "ax" in chart.__annotations__
    and all(given.default is not given.empty or given.kind is given.VAR_KEYWORD for given in _parameters(chart))
]
GPT = ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", "gpt3-175b")
LLAMA = ("llama-7b", "llama-13b", "llama-30b", "llama-65b")


def texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def stacks(ax: Axes) -> list[dict[str, float]]:
    """Kind → width of every horizontal stacked bar, from the top."""
    rows: list[dict[str, float]] = [{} for _ in ax.containers[0]]
    for container in ax.containers:
        for row, patch in zip(rows, container, strict=True):
            row[container.get_label()] = patch.get_width()
    return rows


@pytest.mark.parametrize("chart", CHARTS)
def test_draws_where_it_is_told(chart: object) -> None:
    ax = Figure().subplots()
    assert chart(ax) is ax and ax.has_data()
    assert isinstance(chart(), Axes)


@pytest.mark.parametrize("chart", CHARTS)
def test_every_number_on_the_picture_is_in_the_table_or_the_words(chart: object) -> None:
    picture = figure(chart())
    assert picture.table.caption and len(picture.table.rows) >= 3
    named = [row[0] for row in picture.table.rows]
    assert sum(name in picture.image for name in named) >= len(named) - 1


def test_the_llama_table() -> None:
    ax = llama_table()
    rule, exact = ([patch.get_height() * 1e9 for patch in container] for container in ax.containers)
    assert rule == pytest.approx([6_442_450_944, 12_582_912_000, 31_897_681_920, 64_424_509_440], rel=1e-12)
    assert exact == pytest.approx([weights(models[name]).numel for name in LLAMA], rel=1e-12)
    assert [text for text in texts(ax) if "%" in text] == ["−4.4 %", "−3.3 %", "−1.9 %", "−1.3 %"]
    rows = figure(ax).table.rows
    assert [row[4] for row in rows] == [f"{weights(models[name]).numel:,}" for name in LLAMA]


def test_the_share_of_the_linear_terms() -> None:
    ax = linear_share()
    line, *points = ax.lines
    for h, percent in zip(*line.get_data(), strict=True):
        assert percent == pytest.approx(100 * 13 / (12 * h + 13))
    assert [(p.get_xdata()[0], p.get_label()) for p in points] == [
        (models[name].hidden_size, models.title(name)) for name in GPT
    ]
    assert all(p.get_ydata()[0] == pytest.approx(1300 / (12 * p.get_xdata()[0] + 13)) for p in points)
    assert figure(ax).table.rows[0][2:4] == ("13", "25")


@pytest.mark.parametrize("target", ["llama-3-8b", "llama-2-70b", "mistral-7b-v0.1", "llama-3.1-405b"])
def test_the_waterfall_ends_at_the_model(target: str) -> None:
    way = list(steps(models[target]))
    goal = weights(models[target]).numel
    assert way[-1].numel == goal
    ax = waterfall(target=target)
    bars = [container[0] for container in ax.containers]
    ends = [(bar.get_x() * 1e9, bar.get_width() * 1e9) for bar in bars]
    assert ends[0] == pytest.approx((0, way[0].numel)) and ends[-1] == pytest.approx((0, goal))
    for (left, width), (before, now) in zip(ends[1:-1], pairwise(way), strict=True):
        assert left == pytest.approx(min(before.numel, now.numel), rel=1e-9)
        assert width == pytest.approx(abs(now.numel - before.numel), rel=1e-9, abs=1)
    assert figure(ax).table.rows[-1][-1] == f"{goal:,}"


def test_each_step_changes_one_thing() -> None:
    way = list(steps())
    for before, now in pairwise(way):
        changed = {name for name, value in now.arch.fields.items() if value != before.arch.fields[name]}
        assert changed and changed <= set(CHANGES[now.name])
    assert [way[4].numel - way[3].numel, way[5].numel - way[4].numel] == [1_342_177_280, -805_306_368]


def test_bytes_a_parameter() -> None:
    ax = bytes_per_parameter()
    totals = [round(sum(row.values()), 3) for row in stacks(ax)]
    assert totals == [16, 8, 12, 16, 18, 20, 16]
    assert [text for text in texts(ax) if text.endswith(" B")] == [
        "16 B",
        "8 B",
        "12 B",
        "16 B",
        "18 B",
        "20 B",
        "16 B",
    ]
    arch = models["llama-2-7b"]
    peak = vram.model_states(arch, recipe="bf16-fp32-gradients").at_peak().by("kind")
    assert stacks(ax)[4] == pytest.approx(
        {kind: float(Fraction(rows.nbytes, weights(arch).numel)) for kind, rows in peak.items()}
    )
    assert max(stacks(bytes_per_parameter(names=["fp32"], optimizer="sgd"))[0].values()) == pytest.approx(4)


@pytest.mark.parametrize(("model", "rank", "gpu"), [("llama-3-8b", 16, "A100-80GB"), ("llama-2-7b", 64, "H200")])
def test_ways_to_fine_tune(model: str, rank: int, gpu: str) -> None:
    ax = finetune_bars(model=model, rank=rank, gpu=gpu)
    for row, timeline in zip(stacks(ax), ways(model, rank=rank).values(), strict=True):
        assert sum(row.values()) * UNITS["GiB"] == pytest.approx(timeline.peak)
        by_kind = timeline.at_peak().by("kind")
        assert {k: v * UNITS["GiB"] for k, v in row.items()} == pytest.approx({k: r.nbytes for k, r in by_kind.items()})
    (line,) = ax.lines
    assert line.get_xdata()[0] * UNITS["GiB"] == pytest.approx(vram.gpus[gpu].usable_bytes)
    assert line.get_xdata()[0] < ax.get_xlim()[1]
    full, lora, qlora = (sum(row.values()) for row in stacks(ax))
    assert full > lora > qlora


@pytest.mark.parametrize("chart", [bytes_per_parameter, finetune_bars])
def test_kinds_wear_their_colour_and_hatch(chart: object) -> None:
    from matplotlib.colors import to_hex

    for container in chart().containers:
        style = KINDS[container.get_label()]
        assert {to_hex(patch.get_facecolor()).upper() for patch in container} == {style.colour}
        assert {patch.get_hatch() or "" for patch in container} == {style.hatch * 3}


def test_unknown_names_are_named() -> None:
    with pytest.raises(vram.VramError, match="llama-3-8b"):
        waterfall(target="llama-3-8")
    with pytest.raises(vram.VramError, match="bf16-mixed"):
        bytes_per_parameter(names=["bf16-mix"])


@pytest.mark.parametrize("seq_len", [512, 8192])
def test_the_bars_of_a_whole_step_are_its_peak(seq_len: int) -> None:
    full, lora, qlora = (sum(row.values()) * UNITS["GiB"] for row in stacks(finetune_bars(seq_len=seq_len)))
    arch = vram.models["llama-3-8b"]
    assert full == pytest.approx(vram.training(arch, seq_len=seq_len).peak)
    assert lora == pytest.approx(vram.training(arch, seq_len=seq_len, lora=16).peak)
    assert qlora == pytest.approx(vram.training(arch, seq_len=seq_len, lora=16, base="nf4").peak)
