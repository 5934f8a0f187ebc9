"""Which layers does a rule mean? Parts of an index range, split by arithmetic: a billion layers are as quick as two.

llama.cpp gives more bits to some layers: the first eighth and the last, and every third between them. The layers of
a row are an axis; a choice of layers splits it into the axes inside and those outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...ledger.arithmetic import ceil_div
from ...ledger.tensor import Axis

#: (first, end, rest): the indices from first to before end that leave `rest` when first is taken off and divided by
#: three; all of them where rest is None.
Span = tuple[int, int, int | None]
Choice = Callable[[int], tuple[Span, ...]]


def every(n: int) -> tuple[Span, ...]:
    """All layers."""
    return ((0, n, None),)


def first(count: int) -> Choice:
    """The first few layers."""
    return lambda n: ((0, min(count, n), None),)


def part(denominator: int) -> Choice:
    """The first n/denominator layers, rounded down."""
    return lambda n: ((0, n // denominator, None),)


def ends_and_thirds(n: int) -> tuple[Span, ...]:
    """The first eighth, the last eighth, and every third layer between."""
    low, high = n // 8, 7 * n // 8
    return (0, low, None), (low, high, 2), (high, n, None)


def middle(n: int) -> tuple[Span, ...]:
    """All but the first eighth and the last."""
    return ((n // 8, 7 * n // 8, None),)


def split(axis: Axis, n: int, choice: Choice) -> tuple[tuple[Axis, ...], tuple[Axis, ...]]:
    """The indices of `axis` that are chosen out of n layers, and the others; axes without members are left out."""
    inside: list[Axis] = []
    outside: list[Axis] = []
    at = 0
    for low, high, rest in choice(n):
        outside += between(axis, at, low)
        if rest is None:
            inside += between(axis, low, high)
        else:
            for piece in between(axis, low, high):
                for third in _thirds(piece):
                    (inside if (third.start - low) % 3 == rest else outside).append(third)
        at = max(at, high)
    outside += between(axis, at, max(n, axis.start + axis.count * axis.step))
    return tuple(inside), tuple(outside)


def between(axis: Axis, low: int, high: int) -> list[Axis]:
    """The part of an axis with indices from low to before high."""
    skip = max(0, ceil_div(low - axis.start, axis.step))
    end = min(axis.count, max(0, ceil_div(high - axis.start, axis.step)))
    return [Axis(end - skip, axis.start + skip * axis.step, axis.step)] if end > skip else []


def _thirds(axis: Axis) -> Iterator[Axis]:
    """The axis as up to three, each with indices that agree when divided by three."""
    if axis.step % 3 == 0:
        yield axis
        return
    for offset in range(min(3, axis.count)):
        yield Axis(ceil_div(axis.count - offset, 3), axis.start + offset * axis.step, 3 * axis.step)
