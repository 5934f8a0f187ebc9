"""The memory bar: true to scale, labels that never overlap, numbers in the alternative text, hostile names harmless."""

from __future__ import annotations

import re
from base64 import b64decode
from html import unescape
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vram
from vram.ledger.units import gib
from vram.show import Mark, Row, bar, memory_bar
from vram.show.bars import WIDTH, drawing, name_of, place
from vram.show.theme import KINDS

SVG = "{http://www.w3.org/2000/svg}"
amounts = st.integers(0, 10**13)
parts = st.dictionaries(st.sampled_from(list(KINDS)), amounts, min_size=1)


def picture(html: str) -> ElementTree.Element:
    payload = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', html)[1]
    return ElementTree.fromstring(b64decode(payload))


def alternative(html: str) -> str:
    return unescape(re.search(r'alt="([^"]*)"', html)[1])


def fills(svg: ElementTree.Element) -> dict[str, float]:
    """Kind → drawn width."""
    drawn = [r for r in svg.findall(f"{SVG}rect") if r.get("fill", "").startswith("url(#")]
    return {r.get("fill")[5:-1].replace("-", " "): float(r.get("width")) for r in drawn}


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(1, 400), st.text("abcm 0123456789.", min_size=1, max_size=24)), max_size=12))
def test_labels_never_overlap_and_stay_on_the_card(widths: list[tuple[float, str]]) -> None:
    scale = 900 / max(sum(width for width, _ in widths), 1)
    at, wanted = 30.0, []
    for width, text in widths:
        wanted.append((text, at + width * scale / 2, width * scale))
        at += width * scale
    placed = place(wanted, 20, 940)
    for before, after in pairwise(placed):
        assert before.x + before.width < after.x
        assert before.of < after.of, "labels stand in the order of their parts"
    assert all(20 - 1e-6 <= label.x and label.x + label.width <= 940 + 1e-6 for label in placed)


def test_a_label_that_has_room_stands_under_its_part() -> None:
    (label,) = place([("weights 1.00 GiB", 400, 300)], 20, 940)
    assert label.x + label.width / 2 == pytest.approx(400)


def test_without_room_the_narrowest_parts_lose_their_label() -> None:
    wanted = [(f"optimizer states {n}.00 GiB", 60.0 + 100 * n, 10.0 + n) for n in range(9)]
    kept = [label.text for label in place(wanted, 20, 940)]
    assert kept == [text for text, *_ in wanted[-len(kept) :]] and 0 < len(kept) < 9


@settings(deadline=None)
@given(parts)
def test_widths_are_true_to_scale(amount: dict[str, int]) -> None:
    drawn = fills(ElementTree.fromstring(drawing([Row("all", amount)])))
    total = sum(amount.values())
    for kind, n in amount.items():
        if n:
            assert drawn[kind] == pytest.approx(max((WIDTH - 40) * n / total, 0.6), abs=0.06)
        else:
            assert kind not in drawn


@settings(deadline=None)
@given(parts, amounts)
def test_the_alternative_text_carries_every_number(amount: dict[str, int], usable: int) -> None:
    row, mark = Row("all", amount), Mark("card", usable)
    said = alternative(bar([row], mark=mark))
    assert gib(row.total) in said and f"card, {gib(usable)}" in said
    assert all(f"{name_of(kind)} {gib(n)}" in said for kind, n in amount.items() if n)


def test_the_mark_stands_at_its_amount() -> None:
    svg = ElementTree.fromstring(drawing([Row("all", {"weights": 300})], mark=Mark("card", 75)))
    lines = [p.get("d") for p in svg.findall(f"{SVG}path") if p.get("stroke-dasharray")]
    x = 20 + (WIDTH - 40) * 75 / 300
    assert lines and all(line.startswith(f"M{x:g} ") for line in lines)


def test_the_same_numbers_give_the_same_text() -> None:
    rows = [Row("a", {"weights": 3, "logits": 2}), Row("b", {"gradients": 1})]
    assert bar(rows) == bar([Row("a", {"logits": 2, "weights": 3}), Row("b", {"gradients": 1})])


def test_names_are_text_and_never_markup() -> None:
    name = '<script>alert("1")</script>" onerror="x'
    html = bar([Row(name, {"weights": 1})], mark=Mark(name, 1), about=name)
    assert "<script" not in html and html.count("<") == 1
    svg = picture(html)
    assert not svg.findall(f".//{SVG}script")
    assert any(name in (text.text or "") for text in svg.findall(f"{SVG}text"))


def test_nothing_at_all_is_a_picture_too() -> None:
    assert fills(picture(bar([Row("empty", {"weights": 0})]))) == {}


def test_a_ledger_as_a_picture_with_its_table() -> None:
    arch = vram.models["llama-3-8b"]
    ledger = vram.model_states(arch, recipe="bf16-mixed").at_peak()
    shown = memory_bar(ledger, title="Llama 3 8B", gpu="A100-80GB")
    assert gib(ledger.nbytes) in shown.image and "80.00 GiB" in shown.image
    assert str(shown).splitlines()[-1].split()[-2:] == gib(ledger.nbytes).split()
    with pytest.raises(vram.VramError, match="A100-80GB"):
        memory_bar(ledger, title="x", gpu="A100-80")
