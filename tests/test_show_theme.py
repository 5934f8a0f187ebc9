"""Can everyone tell the kinds of memory apart, and read the text? Computed, not asserted by eye."""

from __future__ import annotations

from itertools import combinations, pairwise
from math import atan2, cos, degrees, exp, hypot, radians, sin, sqrt

import pytest

from vram import VramError
from vram.show import theme
from vram.show.theme import CHANGES, HELD, KINDS, PARTS, WORK, style

# Machado, Oliveira & Fernandes 2009, full severity, on linear RGB.
EYES = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def linear(colour: str) -> list[float]:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def seen(colour: str, eyes: str) -> list[float]:
    rgb = linear(colour)
    return [min(1.0, max(0.0, sum(m * c for m, c in zip(row, rgb, strict=True)))) for row in EYES[eyes]]


def lab(rgb: list[float]) -> tuple[float, float, float]:
    r, g, b = rgb
    xyz = (
        (0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047,
        0.2126729 * r + 0.7151522 * g + 0.0721750 * b,
        (0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.08883,
    )
    fx, fy, fz = (t ** (1 / 3) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116 for t in xyz)
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def ciede2000(one: tuple[float, float, float], two: tuple[float, float, float]) -> float:
    """The colour difference of Sharma, Wu & Dalal 2005; about 2 is just noticeable side by side."""
    (l1, a1, b1), (l2, a2, b2) = one, two
    mean = ((hypot(a1, b1) + hypot(a2, b2)) / 2) ** 7
    g = 0.5 * (1 - sqrt(mean / (mean + 25**7)))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = hypot(a1, b1), hypot(a2, b2)
    h1, h2 = degrees(atan2(b1, a1)) % 360, degrees(atan2(b2, a2)) % 360
    dh = 0.0 if c1 * c2 == 0 else (h2 - h1 + 180) % 360 - 180
    dl, dc, dhh = l2 - l1, c2 - c1, 2 * sqrt(c1 * c2) * sin(radians(dh / 2))
    lm, cm = (l1 + l2) / 2, (c1 + c2) / 2
    hm = h1 + h2 if c1 * c2 == 0 else (h1 + dh / 2) % 360
    t = 1 - 0.17 * cos(radians(hm - 30)) + 0.24 * cos(radians(2 * hm))
    t += 0.32 * cos(radians(3 * hm + 6)) - 0.20 * cos(radians(4 * hm - 63))
    sl = 1 + 0.015 * (lm - 50) ** 2 / sqrt(20 + (lm - 50) ** 2)
    sc, sh = 1 + 0.045 * cm, 1 + 0.015 * cm * t
    turn = -sin(radians(60 * exp(-(((hm - 275) / 25) ** 2)))) * 2 * sqrt(cm**7 / (cm**7 + 25**7))
    return sqrt((dl / sl) ** 2 + (dc / sc) ** 2 + (dhh / sh) ** 2 + turn * dc / sc * dhh / sh)


def contrast(one: str, two: str) -> float:
    """The ratio of WCAG 2."""
    bright = [
        sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear(colour), strict=True)) for colour in (one, two)
    ]
    return (max(bright) + 0.05) / (min(bright) + 0.05)


@pytest.mark.parametrize(
    ("one", "two", "difference"),
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_ruler_itself(one: tuple[float, float, float], two: tuple[float, float, float], difference: float) -> None:
    """Pairs published with the formula."""
    assert ciede2000(one, two) == pytest.approx(difference, abs=1e-4)


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize(("table", "floor"), [(KINDS, 12.5), (PARTS | WORK, 9.5), (CHANGES, 12.5), (HELD, 12.5)])
def test_colours_stay_apart(eyes: str, table: dict[str, theme.Style], floor: float) -> None:
    distances = {
        (one, two): ciede2000(lab(seen(table[one].colour, eyes)), lab(seen(table[two].colour, eyes)))
        for one, two in combinations(table, 2)
    }
    closest = min(distances, key=distances.get)
    assert distances[closest] >= floor, f"{closest} differ by {distances[closest]:.1f} for {eyes} eyes"


@pytest.mark.parametrize("table", [KINDS, PARTS | WORK, CHANGES, HELD])
def test_colour_is_never_alone(table: dict[str, theme.Style]) -> None:
    assert len({style.hatch for style in table.values()}) == len(table)


def test_parts_of_a_model_differ_by_lightness() -> None:
    lightness = sorted(lab(linear(style.colour))[0] for style in PARTS.values())
    assert min(after - before for before, after in pairwise(lightness)) >= 8


@pytest.mark.parametrize("text", [theme.INK, theme.MUTED, theme.ALERT])
def test_text_is_readable(text: str) -> None:
    assert contrast(text, theme.CARD) >= 4.5


def test_outlines_are_seen_against_card_and_light_fills() -> None:
    light = [style.colour for style in (*KINDS.values(), *PARTS.values()) if contrast(style.colour, theme.CARD) < 3]
    assert light
    assert all(contrast(theme.INK, colour) >= 3 for colour in [theme.CARD, *light])


def test_every_kind_of_memory_has_a_style_and_a_word() -> None:
    from vram.show.bars import name_of

    assert all(name_of(kind) for kind in (*KINDS, *PARTS, *WORK, *HELD))
    with pytest.raises(VramError, match=r"'weight' is not known.*'weights'"):
        style("weight")
