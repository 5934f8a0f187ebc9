"""Where does everything stand in a picture of memory over time? The geometry: bands, free places, round axis marks.

A band is what one kind of memory takes between two heights, at every x where something is known; between two of these
it is a straight line. A label lies wholly inside its band, so that labels of two kinds can never overlap.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..ledger.units import UNITS

_INSET = 6  # pixels between a label and the edges of the plot


@dataclass(frozen=True, slots=True)
class Band:
    """The area of one kind: at each of `xs` it reaches from `low` to `high`, in bytes."""

    kind: str
    xs: tuple[float, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]

    @property
    def most(self) -> int:
        """The largest amount."""
        return max(high - low for low, high in zip(self.low, self.high, strict=True))

    @property
    def steady(self) -> bool:
        """Whether the amount never changes."""
        return len({high - low for low, high in zip(self.low, self.high, strict=True)}) == 1

    def free(self, left: float, right: float) -> tuple[float, float]:
        """Heights between which everything from `left` to `right` belongs to this band; none when they cross."""
        inside = slice(bisect_right(self.xs, left), bisect_left(self.xs, right))
        low = max(between(self.xs, self.low, left), between(self.xs, self.low, right), *self.low[inside])
        return low, min(between(self.xs, self.high, left), between(self.xs, self.high, right), *self.high[inside])


def between(xs: Sequence[float], ys: Sequence[float], x: float) -> float:
    """The height at x of the straight lines through the points.

    >>> between((0, 2, 4), (0, 10, 10), 1)
    5.0
    """
    n = bisect_left(xs, x)
    if n in (0, len(xs)):
        return ys[0] if n == 0 else ys[-1]
    return ys[n - 1] + (ys[n] - ys[n - 1]) * (x - xs[n - 1]) / (xs[n] - xs[n - 1])


def bands(moments: Sequence[tuple[float, Mapping[str, int]]], order: Sequence[str]) -> list[Band]:
    """The kinds one upon the other. What never changes lies at the bottom, so that the rest stands on level ground.

    moments  x and bytes of each kind, from left to right
    order    the kinds in the order of the bars
    """
    xs = tuple(x for x, _ in moments)
    amounts = {kind: tuple(parts.get(kind, 0) for _, parts in moments) for kind in order}
    amounts = {kind: values for kind, values in amounts.items() if any(values)}
    stacked = []
    low = (0,) * len(xs)
    for kind in sorted(amounts, key=lambda kind: len(set(amounts[kind])) > 1):
        high = tuple(a + b for a, b in zip(low, amounts[kind], strict=True))
        stacked.append(Band(kind, xs, low, high))
        low = high
    return stacked


@dataclass(frozen=True, slots=True)
class Scale:
    """From bytes to pixels: `bottom` is zero, one byte is `each` pixels."""

    bottom: float
    each: float

    def y(self, nbytes: float) -> float:
        return self.bottom - nbytes * self.each


def room(band: Band, width: float, height: float, scale: Scale, taken: Sequence[float]) -> tuple[float, float] | None:
    """The middle of a free place of this size inside the band, or None; the roomiest, then the one nearest the centre.

    taken  heights in bytes of horizontal lines that no label may cross
    """
    best: tuple[tuple[float, float], tuple[float, float]] | None = None
    centre = (band.xs[0] + band.xs[-1]) / 2
    for x in _middles(band.xs, width):
        low, high = band.free(x - width / 2, x + width / 2)
        for bottom, top in _pieces(low, high, taken):
            pixels = (top - bottom) * scale.each
            if pixels < height:
                continue
            found = ((min(pixels, 2 * height), -abs(x - centre)), (x, scale.y((bottom + top) / 2)))
            if best is None or found[0] > best[0]:
                best = found
    return best and best[1]


def _middles(xs: Sequence[float], width: float) -> Iterator[float]:
    """Places to try: the whole, each stretch between two known moments, each moment."""
    left, right = xs[0] + width / 2 + _INSET, xs[-1] - width / 2 - _INSET
    if left > right:
        return
    wanted = [(xs[0] + xs[-1]) / 2, *((a + b) / 2 for a, b in pairwise(xs)), *xs]
    for x in wanted:
        yield min(max(x, left), right)


def _pieces(low: float, high: float, taken: Sequence[float]) -> Iterator[tuple[float, float]]:
    edges = [low, *sorted(y for y in taken if low < y < high), high]
    yield from pairwise(edges)


def marks(most: int) -> tuple[str, list[int]]:
    """The unit of an axis that reaches to `most` bytes, and four to eight round amounts of it, in bytes.

    >>> unit, amounts = marks(63 * 2**30)
    >>> unit, [n // 2**30 for n in amounts]
    ('GiB', [0, 10, 20, 30, 40, 50, 60])
    """
    unit = next((unit for unit in ("GiB", "MiB", "KiB") if most >= 2 * UNITS[unit]), "B")
    size = UNITS[unit]
    step = next(n * 10**power for power in range(16) for n in (1, 2, 5) if n * 10**power * size * 7 >= most)
    return unit, [n * step * size for n in range(most // (step * size) + 1)]
