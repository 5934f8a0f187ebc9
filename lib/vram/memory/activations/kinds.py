"""Which layers save the same? Those of one kind: with experts or not, through a window or not, turned or not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import lcm
from typing import TYPE_CHECKING, Any

from ...architectures.layers import dense_and_sparse, every, full_and_sliding, progressions, remove
from ...ledger.arithmetic import Size, ceil_div, is_whole, smallest
from ...ledger.tensor import Axis
from .setting import Setting

if TYPE_CHECKING:
    from ...architectures.architecture import Architecture


@dataclass(frozen=True, slots=True)
class Kind:
    """Layers that save the same, as an index.

    sparse        they have experts
    masked        attention is given a mask
    windowed      the cache keeps no more than a window shows
    tables        rotary tables of their own, by the end of their name
    turned        positions turn their queries and keys
    frozen_input  no gradient goes on below them
    """

    axis: Axis
    sparse: bool = False
    masked: bool = False
    windowed: bool = False
    tables: str = ""
    turned: bool = True
    frozen_input: bool = False


def kinds_of_layer(arch: Architecture, setting: Setting, embedding_trained: bool) -> list[Kind]:
    """The kinds of layer in order of their first index; under a frozen embedding the first layer stands alone."""
    dense, sparse = dense_and_sparse(arch)
    kinds = [Kind(axis) for axis in dense] + [Kind(axis, sparse=True) for axis in sparse]
    kinds = _windowed(arch, setting, _masked(arch, setting, _turned(arch, kinds)))
    kinds.sort(key=lambda kind: kind.axis.start)
    if embedding_trained:
        return kinds
    first, *others = kinds
    axis = first.axis
    rest = Axis(axis.count - 1, axis.start + axis.step, axis.step)
    alone = replace(first, axis=Axis(1, axis.start, axis.step), frozen_input=True)
    return [alone, *_present(replace(first, axis=rest)), *others]


def _turned(arch: Architecture, kinds: list[Kind]) -> list[Kind]:
    """What rotary positions do in each layer."""
    family = arch.model_type
    if family in _TABLES_OF_WINDOWS:
        full, sliding = _windows(arch)
        return _crossed(kinds, sliding, full, tables="_of_windows")
    if family in _TURNED_IN_WINDOWS and arch.sliding_window:
        full, sliding = _windows(arch)
        return _crossed(kinds, full, sliding, turned=False)
    if family in _SOME_NOT_TURNED:
        listed = arch.no_rope_layers
        if listed:
            others, still = remove((Axis(arch.num_hidden_layers),), [i for i, one in enumerate(listed) if not one])
            others, still = _few(others), _few(still)
        else:
            still, others = every(arch.num_hidden_layers, arch.no_rope_layer_interval)
        return _crossed(kinds, still, others, turned=False)
    return kinds


def _masked(arch: Architecture, setting: Setting, kinds: list[Kind]) -> list[Kind]:
    """A mask is needed where a window is known to be no longer than the sequence."""
    window, s = arch.sliding_window, setting.seq_len
    short = bool(window) and is_whole(window) and is_whole(s) and s >= window
    full, sliding = _windows(arch) if short else ((), ())
    if arch.model_type in _ALWAYS_MASKED or (short and (not full or arch.model_type in _ONE_MASK)):
        return [replace(kind, masked=True) for kind in kinds]
    return _crossed(kinds, sliding, full, masked=True) if short else kinds


def _windowed(arch: Architecture, setting: Setting, kinds: list[Kind]) -> list[Kind]:
    """Layers with a window have a cache of their own kind, whether or not the window is full."""
    if not setting.cache or not arch.sliding_window:
        return kinds
    full, sliding = _windows(arch)
    return _crossed(kinds, sliding, full, windowed=True)


def _windows(arch: Architecture) -> tuple[Sequence[Axis], Sequence[Axis]]:
    """The layers that look back to the start and those with a window; listed one by one, they become few indices."""
    full, sliding = full_and_sliding(arch)
    if arch.layer_types is None:
        return full, sliding
    return _few(full), _few(sliding)


def _few(axes: Iterable[Axis]) -> Sequence[Axis]:
    """The same indices as few progressions: five of six layers are five steps of six.

    >>> _few([Axis(2, 0), Axis(2, 3), Axis(2, 6)])
    [Axis(count=3, start=0, step=3), Axis(count=3, start=1, step=3)]
    """
    indices = sorted(index for axis in axes for index in axis.indices())
    split = ([axis for rest in range(step) for axis in progressions([i for i in indices if i % step == rest])]
             for step in range(1, 13))  # fmt: skip
    return min(split, key=len)


def _crossed(kinds: list[Kind], changed: Iterable[Axis], others: Iterable[Axis], **changes: Any) -> list[Kind]:
    """The kinds split into layers for which something changes, and the other layers."""
    found = []
    for kind in kinds:
        found += [replace(kind, axis=axis, **changes) for axis in _common(kind.axis, changed)]
        found += [replace(kind, axis=axis) for axis in _common(kind.axis, others)]
    return _present(*found)


def _common(one: Axis, others: Iterable[Axis]) -> list[Axis]:
    """The indices that an axis has in common with each of some others.

    >>> _common(Axis(4, 1, 2), [Axis(3, 0, 3)])
    [Axis(count=1, start=3, step=6)]
    """
    found = []
    for other in others:
        step, after = lcm(one.step, other.step), max(one.start, other.start)
        for first in range(after, after + step):
            if (first - one.start) % one.step == 0 and (first - other.start) % other.step == 0:
                counts = _count(one, first, step), _count(other, first, step)
                if not any(is_whole(count) and count <= 0 for count in counts):
                    found.append(Axis(smallest(counts), first, step))
                break
    return found


def _count(axis: Axis, first: int, step: int) -> Size:
    """How many indices an axis has from `first` on, in larger steps."""
    return ceil_div(axis.start + axis.step * (axis.count - 1) + 1 - first, step)


def _present(*kinds: Kind) -> list[Kind]:
    return [kind for kind in kinds if not (is_whole(kind.axis.count) and kind.axis.count <= 0)]


#: Families that have rotary tables of their own for layers with a window.
_TABLES_OF_WINDOWS = frozenset({"gemma3_text", "olmo3"})
#: Families in which positions turn only what looks through a window.
_TURNED_IN_WINDOWS = frozenset({"cohere2", "exaone4", "exaone_moe"})
#: Families in which positions turn nothing in every so many layers, or in those that a config lists.
_SOME_NOT_TURNED = frozenset({"llama4_text", "smollm3"})
#: Families whose code makes a mask even where attention could do without.
_ALWAYS_MASKED = frozenset({"falcon"})
#: Families whose code gives the mask of the window to every layer.
_ONE_MASK = frozenset({"qwen3_moe"})
