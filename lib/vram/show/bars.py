"""The memory bar: what a ledger holds, stacked by kind, against what a card can hold.

Labels stand under their part, never over one another: where they would, they move apart and a line leads to the part.
When there is no room for all, the smallest parts are named in the table alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..ledger.units import gib
from ..words import say
from . import svg
from .theme import ALERT, CARD, INK, LINE, in_order, style

#: Units of the drawing: text keeps its size, so a narrow drawing shown wide has large letters.
WIDTH = 960
NARROW = 600
_MARGIN, _GAP = 20, 14
_BAR, _TITLE, _LABELS = 40, 24, 40
_VISIBLE = 0.9  # pixels
_SIZE, _TITLE_SIZE = 15, 16


@dataclass(frozen=True, slots=True)
class Row:
    """One bar: a title and the amount of each kind."""

    title: str
    parts: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.parts.values())


@dataclass(frozen=True, slots=True)
class Mark:
    """A line across the bars: what a card can hold, or any other amount to compare with."""

    label: str
    amount: int


@dataclass(frozen=True, slots=True)
class Label:
    """Where a text stands: from x to x + width; `of` is the middle of the part that it names."""

    text: str
    x: float
    width: float
    of: float
    part: float  # width of the part


def name_of(kind: str) -> str:
    """The word for a kind of memory or a part of a model."""
    return say(f"kind.{kind.replace(' ', '_')}")


def place(labels: Sequence[tuple[str, float, float]], left: float, right: float) -> list[Label]:
    """Texts in one line between `left` and `right`, each as near to its part as the others allow.

    labels  text, middle and width of the part, from left to right
    Parts too narrow to see get no label; without room for all, those of the narrowest parts are left out.
    """
    kept = [(text, of, part, svg.text_width(text, _SIZE)) for text, of, part in labels if part >= _VISIBLE]
    while kept and sum(width + _GAP for *_, width in kept) - _GAP > right - left:
        kept.remove(min(kept, key=lambda label: label[2]))
    xs = _spread([(of - width / 2, width, part) for _, of, part, width in kept])
    edge = left
    for i, (*_, width) in enumerate(kept):
        xs[i] = max(xs[i], edge)
        edge = xs[i] + width + _GAP
    edge = right
    for i in range(len(kept) - 1, -1, -1):
        xs[i] = min(xs[i], edge - kept[i][3])
        edge = xs[i] - _GAP
    return [Label(text, x, width, of, part) for x, (text, of, part, width) in zip(xs, kept, strict=True)]


def _spread(wanted: Sequence[tuple[float, float, float]]) -> list[float]:
    """Positions in order that do not overlap and lie nearest to the wanted ones; a wide part's label moves least.

    wanted  position, width and weight of each
    Neighbours that touch become one group, which stands at the weighted mean of what its members want.
    """
    groups: list[tuple[float, float, float, list[float]]] = []  # position, weight, extent, offsets of the members
    for position, width, weight in wanted:
        group = (position, weight, width + _GAP, [0.0])
        while groups and groups[-1][0] + groups[-1][2] > group[0]:
            x0, w0, e0, o0 = groups.pop()
            x1, w1, e1, o1 = group
            group = ((x0 * w0 + (x1 - e0) * w1) / (w0 + w1), w0 + w1, e0 + e1, o0 + [e0 + offset for offset in o1])
        groups.append(group)
    return [x + offset for x, _, _, offsets in groups for offset in offsets]


def bar(
    rows: Sequence[Row],
    *,
    mark: Mark | None = None,
    shown: Callable[[int], str] = gib,
    about: str | None = None,
    width: int = WIDTH,
) -> str:
    """Bars on a common scale as an HTML `<img>` whose alternative text carries every number.

    rows   at least one bar; amounts are whole numbers, bytes unless `shown` says otherwise
    mark   a line across the bars, such as a card's usable bytes
    shown  how an amount is written
    about  what the picture shows, first words of the alternative text
    width  NARROW for a slide, which is read from afar
    """
    words = alt_text(rows, mark=mark, shown=shown, about=about)
    return svg.image(drawing(rows, mark=mark, shown=shown, width=width), words)


def alt_text(
    rows: Sequence[Row], *, mark: Mark | None = None, shown: Callable[[int], str] = gib, about: str | None = None
) -> str:
    """The picture in words, with its numbers."""
    said = [about or say("bar.about")]
    for row in rows:
        parts = ", ".join(f"{name_of(kind)} {shown(n)}" for kind, n in in_order(dict(row.parts)).items() if n)
        said.append(say("bar.row", title=row.title, total=shown(row.total), parts=parts or shown(0)))
    if mark:
        said.append(say("bar.mark", label=mark.label, amount=shown(mark.amount)))
    return " ".join(said)


def drawing(
    rows: Sequence[Row], *, mark: Mark | None = None, shown: Callable[[int], str] = gib, width: int = WIDTH
) -> str:
    """The picture as SVG text: the same input always gives the same text."""
    largest = max([row.total for row in rows] + ([mark.amount] if mark else []))
    scale = (width - 2 * _MARGIN) / max(largest, 1)
    top = _MARGIN + (_TITLE if mark else 0)
    step = _TITLE + _BAR + _LABELS
    height = top + step * len(rows) + 4
    body = [svg.rect(0.5, 0.5, width - 1, height - 1, CARD, f' rx="10" stroke="{LINE}"')]
    for i, row in enumerate(rows):
        body += _row(row, top + i * step, scale, shown, width)
    if mark:
        x = _MARGIN + mark.amount * scale
        body.append(_mark_label(mark, x, top, shown, width))
        body += [_mark_line(x, top + i * step, _title(row, shown)) for i, row in enumerate(rows)]
    kinds = {kind for row in rows for kind, n in row.parts.items() if n}
    definitions = "".join(svg.pattern(_id(kind), style(kind)) for kind in sorted(kinds))
    return svg.document(width, height, "".join(body), definitions)


def _id(kind: str) -> str:
    return kind.replace(" ", "-")


def _title(row: Row, shown: Callable[[int], str]) -> str:
    return f"{row.title}: {shown(row.total)}"


def _row(row: Row, top: float, scale: float, shown: Callable[[int], str], right: int) -> list[str]:
    """Title and total, the stacked parts, their labels."""
    y = top + _TITLE
    drawn = [svg.text(_MARGIN, top + 15, _title(row, shown), size=_TITLE_SIZE, bold=True)]
    labels = []
    x = float(_MARGIN)
    for kind, n in in_order(dict(row.parts)).items():
        width = n * scale
        if not n:
            continue
        outline = f' stroke="{INK}"' if width >= 3 else ""
        drawn.append(svg.rect(x, y, max(width, 0.6), _BAR, f"url(#{_id(kind)})", outline))
        labels.append((f"{name_of(kind)} {shown(n)}", x + width / 2, width))
        x += width
    for label in place(labels, _MARGIN, right - _MARGIN):
        middle, base = label.x + label.width / 2, y + _BAR
        if label.part < label.width or abs(middle - label.of) > 1:
            drawn.append(svg.line(label.of, base + 1, middle, base + 14, INK, ' stroke-width="1"'))
        drawn.append(svg.text(middle, base + 28, label.text, size=_SIZE, anchor="middle"))
    return drawn


def _mark_label(mark: Mark, x: float, top: float, shown: Callable[[int], str], right: int) -> str:
    words = f"{mark.label}: {shown(mark.amount)}"
    width = svg.text_width(words, _SIZE, bold=True)
    start = min(max(x - width / 2, _MARGIN), right - _MARGIN - width)
    return svg.text(start + width / 2, top - 10, words, size=_SIZE, bold=True, colour=ALERT, anchor="middle")


def _mark_line(x: float, top: float, title: str) -> str:
    """The dashed line across one bar; it starts above the bar's title unless it would cross it."""
    clear = x > _MARGIN + svg.text_width(title, _TITLE_SIZE, bold=True) + 6
    start = top - 4 if clear else top + _TITLE - 5
    dash = ' stroke-width="2.5" stroke-dasharray="7 4"'
    return svg.line(x, start, x, top + _TITLE + _BAR + 6, ALERT, dash)
