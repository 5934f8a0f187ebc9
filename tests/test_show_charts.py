"""Charts that belong to no one lesson: what fits, and predicted against measured."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vram
from vram.ledger.units import gib, percent
from vram.show import Measured, figure, predicted_against_measured, what_fits
from vram.show.charts.fits import BATCHES
from vram.show.theme import PARTS

QLORA = {"of": "training", "lora": 16, "base": "nf4", "checkpointing": "full"}


@pytest.mark.parametrize(
    ("model", "cards", "how"),
    [("llama-3.1-8b", ("RTX 4090", "T4"), {}), ("llama-2-7b", ("A100-40GB",), {"weights": "nf4"}),
     ("llama-3-8b", ("RTX 4090",), QLORA)],
)  # fmt: skip
def test_each_line_is_the_last_that_fits(model: str, cards: tuple[str, ...], how: dict) -> None:
    ax = what_fits(model=model, cards=cards, **how)
    ask = vram.training if how.get("of") == "training" else vram.inference
    rest = {name: value for name, value in how.items() if name != "of"}
    lines = {gpu: dict(zip(*line.get_data(), strict=True)) for gpu, line in zip(cards, ax.lines, strict=True)}
    for gpu, points in lines.items():
        for batch in (1, 64):
            most = int(points.get(batch, 0))
            for tokens, fits in ((most, True), (most + 1, False)):
                if tokens:
                    timeline = ask(vram.models[model], batch=batch, seq_len=tokens, **rest)
                    assert timeline.fits(gpu) is fits, (gpu, batch, tokens)


def test_what_fits_says_every_number_twice() -> None:
    ax = what_fits(cards=("T4", "RTX 4090"))
    picture = figure(ax)
    assert [row[0] for row in picture.table.rows] == ["RTX 4090", "T4"]
    for row, line in zip(picture.table.rows, ax.lines, strict=True):
        drawn = dict(zip(*line.get_data(), strict=True))
        assert list(row[1:]) == [f"{drawn[n]:,}" if n in drawn else "—" for n in BATCHES]
        assert all(f"{n} × {drawn[n]:,}" in picture.image for n in drawn)
    assert "—" in picture.table.rows[1]


def test_areas_wear_colours_and_hatches_that_differ() -> None:
    from matplotlib.colors import to_hex

    ax = what_fits(cards=("T4", "RTX 4090", "A100-80GB"))
    looks = [(to_hex(area.get_facecolor()[0]).upper(), area.get_hatch()) for area in ax.collections]
    assert len(set(looks)) == len({hatch for _, hatch in looks}) == 3
    assert {colour for colour, _ in looks} <= {style.colour for style in PARTS.values()}
    assert [text.get_text().split(":")[0] for text in ax.get_legend().get_texts()] == ["A100-80GB", "RTX 4090", "T4"]


amounts = st.integers(1, 10**12)


@settings(deadline=None, max_examples=15)
@given(st.lists(st.tuples(amounts, amounts, amounts), min_size=1, max_size=4))
def test_points_stand_at_their_error(cases: list[tuple[int, int, int]]) -> None:
    rows = [Measured(f"case {n}", real, {"a": a, "b": b}) for n, (real, a, b) in enumerate(cases)]
    ax = predicted_against_measured(rows=rows)
    _, *series = ax.lines
    for name, line in zip("ab", series, strict=True):
        assert line.get_label() == name
        wanted = [100 * (row.predicted[name] - row.measured) / row.measured for row in rows]
        assert list(line.get_xdata()) == pytest.approx(wanted)
        low, high = ax.get_xlim()
        assert all(low < x < high for x in wanted)
    picture = figure(ax)
    for row, line in zip(rows, picture.table.rows, strict=True):
        error = percent(row.error("b"), signed=True, digits=2)
        assert line == (row.title, gib(row.measured), gib(row.predicted["a"]), line[3], gib(row.predicted["b"]), error)
        assert f"measured {gib(row.measured)}" in picture.image and f"({error})" in picture.image


def test_the_band_is_as_wide_as_it_is_said() -> None:
    ax = predicted_against_measured(rows=[Measured("x", 100, {"ours": 101})], band=Fraction(1, 20))
    (band,) = ax.patches
    assert (band.get_x(), band.get_width()) == (-5, 10) and band.get_label() == "within ±5.0 %"


def test_rows_that_cannot_be_compared_are_named() -> None:
    with pytest.raises(vram.VramError, match="rows: none given"):
        predicted_against_measured(rows=[])
    with pytest.raises(vram.VramError, match="first: \\['a'\\]"):
        predicted_against_measured(rows=[Measured("x", 1, {"a": 1}), Measured("y", 1, {"b": 1})])
    with pytest.raises(vram.VramError, match="RTX 4090"):
        what_fits(cards=("RTX 409",))
