"""Which layers are of which kind: dense or with experts, looking back to the start or through a window.

The answer is a few index axes (start, count, step), never a list with one entry a layer: a model that claims 10⁹
layers takes no longer than one of 32.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..ledger.arithmetic import Size, ceil_div, if_less, is_array, is_symbolic, is_whole, largest, smallest
from ..ledger.tensor import Axis
from .blocks import Axes

if TYPE_CHECKING:
    from .architecture import Architecture


def dense_and_sparse(arch: Architecture) -> tuple[Axes, Axes]:
    """The layers with one MLP, and those with experts."""
    layers = arch.num_hidden_layers
    if not arch.family.has_experts or _is_nothing(arch.num_experts):
        return (Axis(layers),), ()
    if arch.moe_layers is not None:
        dense, sparse = remove((Axis(layers),), arch.moe_layers)
        return dense, sparse
    sparse, dense = every(layers, arch.decoder_sparse_step, arch.first_k_dense_replace)
    if arch.mlp_only_layers:
        sparse, removed = remove(sparse, arch.mlp_only_layers)
        dense += removed
    return dense, sparse


def full_and_sliding(arch: Architecture) -> tuple[Axes, Axes]:
    """The layers whose attention looks back to the start, and those that look through a window."""
    layers = arch.num_hidden_layers
    if not arch.sliding_window:
        return (Axis(layers),), ()
    if arch.layer_types is not None:
        sliding = [i for i, word in enumerate(arch.layer_types) if word != "full_attention"]
        return remove((Axis(layers),), sliding)
    if arch.sliding_window_pattern is not None:
        return every(layers, arch.sliding_window_pattern)
    first = smallest((arch.max_window_layers or 0, layers))
    rest = Axis(layers - first, first)
    if arch.model_type == "qwen2_moe":  # its class reads the number the other way: every other layer before it
        return _present(Axis(first // 2, 1, 2), rest), _present(Axis(ceil_div(first, 2), 0, 2))
    return _present(Axis(first)), _present(rest)


def every(layers: Size, step: int, first: int = 0) -> tuple[Axes, Axes]:
    """The layers whose number, counted from one, is a multiple of `step`, from index `first` on; and all others.

    >>> every(8, 4)
    ((Axis(count=2, start=3, step=4),), (Axis(count=3, start=0, step=1), Axis(count=1, start=4, step=4), \
Axis(count=1, start=5, step=4), Axis(count=1, start=6, step=4)))
    """
    start = first + (step - 1 - first) % step
    chosen = Axis(_count(layers - start, step), start, step)
    before = Axis(start if is_symbolic(layers) else smallest((start, layers)))
    between = [Axis(_count(layers - start - r, step), start + r, step) for r in range(1, step)]
    return _present(chosen), _present(before, *between)


def remove(axes: Axes, indices: Iterable[int]) -> tuple[Axes, Axes]:
    """What is left of `axes` without some indices, and those of the indices that were there."""
    indices = sorted(indices)
    left: list[Axis] = []
    gone: list[int] = []
    doubtful: list[Axis] = []  # in a sweep over numbers of layers, an index may be there in some of them
    for axis in axes:
        done = 0
        for index in indices:
            place, rest = divmod(index - axis.start, axis.step)
            if rest or place < 0 or (is_whole(axis.count) and place >= axis.count):
                continue
            until = smallest((place, axis.count)) if is_array(axis.count) else place
            left.append(Axis(_count(until - done), axis.start + done * axis.step, axis.step))
            if is_array(axis.count):
                doubtful.append(Axis(if_less(place, axis.count, 1, 0), index))
            else:
                gone.append(index)
            done = place + 1
        left.append(Axis(_count(axis.count - done), axis.start + done * axis.step, axis.step))
    return _present(*left), (*progressions(sorted(gone)), *_present(*doubtful))


def progressions(indices: Sequence[int]) -> Axes:
    """Sorted indices as few axes as a pass from left to right finds.

    >>> progressions([0, 1, 2, 5, 7, 9])
    (Axis(count=3, start=0, step=1), Axis(count=3, start=5, step=2))
    """
    found: list[Axis] = []
    at = 0
    while at < len(indices):
        end = at + 1
        step = indices[end] - indices[at] if end < len(indices) else 1
        while end < len(indices) and indices[end] - indices[end - 1] == step:
            end += 1
        found.append(Axis(end - at, indices[at], step))
        at = end
    return tuple(found)


def _count(span: Size, step: int = 1) -> Size:
    """How many multiples of `step` a span of layers holds; none when the span is negative."""
    count = ceil_div(span, step)
    return count if is_symbolic(count) else largest((0, count))


def _present(*axes: Axis) -> Axes:
    return tuple(axis for axis in axes if not _is_nothing(axis.count))


def _is_nothing(count: Size) -> bool:
    return not count.any() if is_array(count) else is_whole(count) and count == 0
