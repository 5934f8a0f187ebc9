"""Memory over time: areas true to scale, the peak named, labels inside their own area, every number in words."""

from __future__ import annotations

import re
from base64 import b64decode
from html import unescape
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import vram
from vram import Ledger, Tensor, Timeline
from vram.ledger.units import gib
from vram.show import memory_over_time, timeline_picture, timeline_table
from vram.show.areas import Scale, bands, between, marks, room
from vram.show.bars import NARROW, Mark, name_of
from vram.show.svg import text_width
from vram.show.theme import KINDS
from vram.show.timeline import timeline_drawing

SVG = "{http://www.w3.org/2000/svg}"
parts = st.dictionaries(st.sampled_from(list(KINDS)), st.integers(0, 10**12), min_size=1)
# A step has four phases, generating three.
phases = st.lists(st.tuples(parts, parts), min_size=1, max_size=4)


def ledger(amounts: dict[str, int]) -> Ledger:
    return Ledger(Tensor(kind, (n,), vram.dtypes["uint8"], kind) for kind, n in amounts.items())


def made(steps: list[tuple[dict[str, int], dict[str, int]]]) -> Timeline:
    """A timeline of phases with what each holds at most and in the end."""
    named = {f"phase {n}": step for n, step in enumerate(steps)}
    return Timeline(
        {name: ledger(most) for name, (most, _) in named.items()},
        after={name: ledger(end) for name, (_, end) in named.items()},
    )


def svg(timeline: Timeline, **how: object) -> ElementTree.Element:
    return ElementTree.fromstring(timeline_drawing(timeline, **how))


def areas(drawn: ElementTree.Element) -> dict[str, list[tuple[float, float]]]:
    """Kind → corners of its area."""
    found = {}
    for path in drawn.findall(f"{SVG}path"):
        if path.get("fill", "").startswith("url(#"):
            corners = re.findall(r"[ML]([-\d.]+) ([-\d.]+)", path.get("d"))
            found[path.get("fill")[5:-1].replace("-", " ")] = [(float(x), float(y)) for x, y in corners]
    return found


def texts(drawn: ElementTree.Element) -> list[str]:
    return [node.text or "" for node in drawn.findall(f"{SVG}text")]


def boxes(drawn: ElementTree.Element) -> list[tuple[float, float, float, float]]:
    """The room of every text: left, top, right, bottom."""
    found = []
    for node in drawn.findall(f"{SVG}text"):
        size, bold = float(node.get("font-size")), node.get("font-weight") is not None
        wide, x, y = text_width(node.text, size, bold), float(node.get("x")), float(node.get("y"))
        left = x - wide * {"start": 0, "middle": 0.5, "end": 1}[node.get("text-anchor")]
        found.append((left, y - 0.75 * size, left + wide, y + 0.2 * size))
    return found


@pytest.fixture(scope="module", params=["training", "qlora", "inference", "tiny"])
def timeline(request: pytest.FixtureRequest) -> Timeline:
    llama = vram.models["llama-3-8b"]
    return {
        "training": lambda: vram.training(vram.models["llama-2-7b"], seq_len=4096, recipe="bf16"),
        "qlora": lambda: vram.training(llama, lora=16, base="nf4", recipe="fp32", checkpointing="full"),
        "inference": lambda: vram.inference(llama, seq_len=8192, batch=4),
        "tiny": lambda: vram.training(vram.models["gpt2"], seq_len=64),
    }[request.param]()


def test_the_words_carry_every_phase_and_the_peak(timeline: Timeline) -> None:
    html = timeline_picture(timeline, gpu="RTX 4090")
    said = unescape(re.search(r'alt="([^"]*)"', html)[1])
    for phase, held in timeline.phases.items():
        assert f"{phase}: {gib(held.nbytes)} in all" in said
        assert all(f"{name_of(kind)} {gib(rows.nbytes)}" in said for kind, rows in held.by("kind").items())
    assert f"The peak is {gib(timeline.peak)}, {timeline.peak_phase}." in said
    assert "RTX 4090, usable, 23.99 GiB" in said
    assert b64decode(re.search(r'base64,([^"]+)', html)[1]).startswith(b"<svg")


def test_the_flag_names_the_peak_and_stands_over_it(timeline: Timeline) -> None:
    drawn = svg(timeline)
    assert f"peak: {gib(timeline.peak)}, {timeline.peak_phase}" in texts(drawn)
    top = min(y for corners in areas(drawn).values() for _, y in corners)
    thick = [path.get("d") for path in drawn.findall(f"{SVG}path") if path.get("stroke-width") == "3"]
    assert [float(y) for y in re.findall(r" ([\d.]+)", thick[0])] == [top, top]


def test_the_table_is_the_timeline(timeline: Timeline) -> None:
    table = timeline_table(timeline)
    assert table.headers[1:] == tuple(timeline.phases)
    by_name = {row[0]: row[1:] for row in table.rows}
    assert by_name["in all"] == tuple(gib(held.nbytes) for held in timeline.phases.values())
    assert by_name["left when the phase is over"] == tuple(gib(timeline.after[p].nbytes) for p in timeline.phases)
    for n, held in enumerate(timeline.phases.values()):
        for kind, rows in held.by("kind").items():
            assert by_name[name_of(kind)][n] == gib(rows.nbytes)
    picture = memory_over_time(timeline, title="a step", gpu="T4")
    assert "<figcaption>a step</figcaption>" in picture._repr_html_() and "a step" in picture.image


WIDE = ({"weights": 7 * 10**11, "gradients": 7 * 10**11}, {"weights": 0})  # amounts wider than a narrow column


@settings(deadline=None, max_examples=60)
@example([WIDE] * 4, 10**13, (NARROW, 300))
@given(phases, st.none() | st.integers(1, 10**13), st.sampled_from([(960, 300), (NARROW, 300), (760, 170)]))
def test_areas_are_true_to_scale_and_texts_never_overlap(
    steps: list, usable: int | None, size: tuple[int, int]
) -> None:
    timeline = made(steps)
    width, plot = size
    drawn = svg(timeline, mark=usable and Mark("a card, usable", usable), width=width, plot=plot)
    most = max(timeline.peak, usable or 0, 1)
    for kind, corners in areas(drawn).items():
        half = len(corners) // 2
        tall = max(low[1] - high[1] for high, low in zip(corners[:half], reversed(corners[half:]), strict=True))
        known = [*timeline.phases.values(), timeline.after[f"phase {len(steps) - 1}"], *timeline.after.values()]
        largest = max(held.select(kind=kind).nbytes for held in known)
        assert tall == pytest.approx(plot * largest / most, abs=0.11)
    found = boxes(drawn)
    for n, (left, top, right, bottom) in enumerate(found):
        assert left >= 0 and right <= width, texts(drawn)[n]
        for other in found[n + 1 :]:
            clear = other[0] >= right or other[2] <= left or other[1] >= bottom or other[3] <= top
            assert clear, (texts(drawn)[n], other)


def test_the_mark_stands_at_its_amount() -> None:
    drawn = svg(made([({"weights": 300}, {"weights": 300})]), mark=Mark("card", 75))
    (line,) = [path.get("d") for path in drawn.findall(f"{SVG}path") if path.get("stroke-dasharray")]
    assert re.findall(r" ([\d.]+)", line) == ["275", "275"]  # 50 + 300 · (1 − 75/300)


def test_what_never_changes_lies_at_the_bottom() -> None:
    steps = [(0, {"weights": 5, "gradients": 1, "overhead": 2}), (1, {"weights": 5, "gradients": 3, "overhead": 2})]
    stacked = bands(steps, list(KINDS))
    assert [band.kind for band in stacked] == ["weights", "overhead", "gradients"]
    assert (stacked[-1].low, stacked[-1].high) == ((7, 7), (8, 10))


def test_only_what_lasts_is_there_at_the_start() -> None:
    timeline = vram.training(vram.models["gpt2"], seq_len=64)
    start = {kind: corners[0] for kind, corners in areas(svg(timeline)).items()}
    lowest = min(y for _, y in start.values())
    assert start["activations"][1] == start["gradients"][1] == lowest == start["optimizer states"][1]


def test_a_label_keeps_to_the_free_part_of_its_band() -> None:
    (band,) = bands([(0, {"weights": 100}), (400, {"weights": 100})], ["weights"])
    scale = Scale(300, 1)
    assert room(band, 100, 20, scale, ()) == (200, 250)
    assert room(band, 100, 20, scale, (50,)) in ((200, 225), (200, 275)), "no line crosses the label"
    assert room(band, 100, 120, scale, ()) is None and room(band, 500, 20, scale, ()) is None
    assert between((0, 10), (0, 100), 2.5) == 25


@pytest.mark.parametrize("most", [0, 1, 999, 2**20, 10**9, 2**30 * 63, 10**13, 10**15])
def test_marks_of_the_axis_are_round_and_few(most: int) -> None:
    unit, amounts = marks(most)
    assert amounts[0] == 0 and amounts[-1] <= most and 1 <= len(amounts) <= 8
    assert all(n % vram.UNITS[unit] == 0 for n in amounts)


def test_names_are_text_and_never_markup() -> None:
    name = '<script>alert("1")</script>" onerror="x'
    html = timeline_picture(Timeline({name: ledger({"weights": 1})}), about=name)
    assert "<script" not in html and html.count("<") == 1
    table = timeline_table(Timeline({name: ledger({"weights": 1})}))
    assert "<script" not in table._repr_html_()


def test_a_card_that_is_not_known_is_named() -> None:
    with pytest.raises(vram.VramError, match="RTX 4090"):
        timeline_picture(made([({"weights": 1}, {})]), gpu="RTX 409")
