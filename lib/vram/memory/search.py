"""The largest number whose need is within a budget, exactly and with few questions.

Memory grows with batch, context and rank in straight lines and parabolas. One through what is known tells where the
budget runs out, and mostly two more questions prove it: the answer fits, and one more does not. Where growth goes in
steps (pages, blocks, another phase as the peak) guesses that help too little take turns with halving the interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isqrt, sqrt
from typing import Any

from ..ledger.arithmetic import Size, is_array

Point = tuple[int, int]  # a number, and what it needs

#: The second question, after that for 1: far enough off to see what grows behind what does not.
_AHEAD = 1024
#: A guess that is out of range reaches this many times as far as what fits.
_STRIDE = 32
#: So many guesses in a row may leave more than half of the interval; once they did, only one at a time.
_PATIENCE = 3


def largest_within(need: Callable[[Size], Any], budget: int, most: Size) -> Size:
    """The largest n from 1 to `most` with `need(n)` at most `budget`, 0 if 1 needs more; `need` must never fall.

    `need` may answer with an array: then the answer is an array, each element searched for itself.

    >>> largest_within(lambda n: n * n, 1000, most=10**9)
    31
    """
    first = need(1)
    if is_array(first) and first.ndim:
        return _largest_of_each(lambda n: need(n) <= budget, first <= budget, most)
    if first > budget:
        return 0
    below: list[Point] = [(1, first)]
    above: list[Point] = []
    low, high = 1, most + 1  # low fits, high does not or is out of range
    slow, patience = 0, _PATIENCE
    asked = min(_AHEAD, most)
    while high - low > 1:
        point, left = (asked, need(asked)), high - low
        if point[1] <= budget:
            below.append(point)
            low = asked
        else:
            above.append(point)
            high = asked
        slow = 0 if 2 * (high - low) <= left else slow + 1
        asked = _crossing([*below[-2:], above[-1]] if above else below[-3:], budget)
        if asked is None or slow >= patience:
            asked = _between(low, high) if above else _STRIDE * low
            slow, patience = 0, 1
        asked = max(low + 1, min(asked, high - 1))
    return low


def _between(low: int, high: int) -> int:
    """The middle; of numbers of different lengths a number of middle length."""
    return (low + high) // 2 if high < 4 * low else isqrt(low * high)


def _crossing(points: Sequence[Point], budget: int) -> int | None:
    """Where a line through two points, or a parabola through three, reaches the budget; None where it never does."""
    *others, (x1, y1), (x2, y2) = points if len(points) > 1 else (points[0], points[0])
    if x2 == x1 or y2 == y1:
        return None
    slope = (y2 - y1) / (x2 - x1)
    bend = 0.0
    for x0, y0 in others:
        bend = (slope - (y1 - y0) / (x1 - x0)) / (x2 - x0)
    slope += bend * (x2 - x1)  # at x2
    under = slope * slope - 4 * bend * (y2 - budget)
    if under < 0 or slope + sqrt(under) <= 0:
        return None
    return int(x2 - 2 * (y2 - budget) / (slope + sqrt(under)))


def _largest_of_each(fits: Callable[[Size], Any], first: Any, most: Size) -> Any:
    """Doubling, then halving the interval, for every element at once."""
    import numpy as np

    low = first.astype(np.int64)
    high = np.full_like(low, 2)
    growing = first & (high <= most)
    while growing.any():  # an element that has stopped stays where it is, so that no size overflows
        grown = growing & fits(np.where(growing, high, 1))
        low = np.where(grown, high, low)
        high = np.where(grown, 2 * high, high)
        growing = grown & (high <= most)
    high = np.where(first, np.minimum(high, most + 1), 1)
    while (high - low > 1).any():
        half = (low + high) // 2
        fitting = fits(np.maximum(half, 1)) & (half > 0)
        low, high = np.where(fitting, half, low), np.where(fitting, high, np.maximum(half, low + 1))
    return low
