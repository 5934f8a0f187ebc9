"""SVG by hand: the few shapes of the memory bar, hatches, text whose width is known, and the picture as an <img>.

An <img> with a data address works where inline SVG does not: on GitHub, in nbviewer, in a notebook that is not trusted.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from html import escape

from .theme import FONTS, INK, Style

_TILE = 10
_STROKES = {
    "/": "M-2 2L2 -2M0 10L10 0M8 12L12 8",
    "\\": "M-2 8L2 12M0 0L10 10M8 -2L12 2",
    "x": "M0 0L10 10M0 10L10 0",
    "-": "M0 5H10",
    "|": "M5 0V10",
    "+": "M0 5H10M5 0V10",
}  # fmt: skip

# Widths in em of DejaVu Sans, the widest of the fonts in use: a label never needs more room than this.
_NARROW = dict.fromkeys("ijlI'|", 0.3) | dict.fromkeys(" .,:;!·", 0.33) | dict.fromkeys("()[]tfr/-", 0.42)
_WIDE = dict.fromkeys("mMwW%@+−", 1.0) | dict.fromkeys("ABCDEFGHJKLNOPQRSTUVXYZ", 0.78)
_WIDTHS = _NARROW | _WIDE


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Pixels that a text takes at most, in the fonts of the theme.

    >>> text_width("weights", 15) > text_width("weight", 15)
    True
    """
    width = 0.0
    for letter in text:  # one by one, since sum() rounds otherwise from Python 3.12 on, and pictures would differ
        width += _WIDTHS.get(letter, 0.65)
    return width * size * (1.1 if bold else 1)


def num(value: float) -> str:
    """A coordinate with one decimal at most: the same picture always has the same text."""
    return f"{value:.1f}".removesuffix(".0")


def rect(x: float, y: float, width: float, height: float, fill: str, extra: str = "") -> str:
    """A rectangle."""
    return f'<rect x="{num(x)}" y="{num(y)}" width="{num(width)}" height="{num(height)}" fill="{fill}"{extra}/>'


def line(x0: float, y0: float, x1: float, y1: float, colour: str = INK, extra: str = "") -> str:
    """A straight line."""
    return f'<path d="M{num(x0)} {num(y0)}L{num(x1)} {num(y1)}" stroke="{colour}" fill="none"{extra}/>'


def text(x: float, y: float, words: str, *, size: int = 15, colour: str = INK, bold: bool = False,
         anchor: str = "start") -> str:  # fmt: skip
    """A line of text; its words are escaped."""
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{num(x)}" y="{num(y)}" font-size="{size}" fill="{colour}" text-anchor="{anchor}"{weight}>'
        f"{escape(words)}</text>"
    )


@cache
def pattern(name: str, style: Style) -> str:
    """The definition of a fill: colour and hatch in one pattern that `fill="url(#name)"` uses."""
    ink = f'stroke="{style.hatch_ink}" stroke-opacity="0.5" fill="none"'
    if style.hatch == ".":
        hatch = f'<path d="M5 5h.01" {ink} stroke-width="3.2" stroke-linecap="round"/>'
    elif style.hatch:
        hatch = f'<path d="{_STROKES[style.hatch]}" {ink} stroke-width="1.3"/>'
    else:
        hatch = ""
    return (
        f'<pattern id="{name}" width="{_TILE}" height="{_TILE}" patternUnits="userSpaceOnUse">'
        f"{rect(0, 0, _TILE, _TILE, style.colour)}{hatch}</pattern>"
    )


def document(width: float, height: float, body: str, definitions: str = "") -> str:
    """A whole SVG picture on which everything is measured in pixels."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {num(width)} {num(height)}" width="{num(width)}" '
        f'height="{num(height)}" font-family="{FONTS}"><defs>{definitions}</defs>{body}</svg>'
    )


def data_address(svg: str) -> str:
    """The picture as an address that needs no file."""
    return "data:image/svg+xml;base64," + b64encode(svg.encode()).decode()


def image(svg: str, alt: str) -> str:
    """The picture as an HTML <img> that scales with the page; `alt` says in words and numbers what it shows."""
    return f'<img src="{data_address(svg)}" alt="{escape(alt)}" style="width:100%;max-width:960px;height:auto">'
