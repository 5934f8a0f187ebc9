"""What the layers below keep and the gradients of the layers above: ledgers that differ from place to place by a count.

The rows of one layer are made and counted once. At each place of the model they stand beside other numbers of layers,
and are written down only where someone looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..ledger.arithmetic import Size, ceil_div, is_array, is_whole, largest, smallest
from ..ledger.dtypes import Dtype
from ..ledger.ledger import Ledger
from ..ledger.tensor import Axis, Tensor
from .activations.model import Model, Part, Stretch
from .activations.tape import Storage, size_key
from .gradients import gradients


class OfLayer:
    """The rows of one layer, without the axis of the layers; `counts`: how many of each size, and one of them."""

    __slots__ = ("counts", "rows")

    def __init__(self, rows: Iterable[Tensor]):
        self.rows = tuple(rows)
        self.counts: dict[object, tuple[Size, Tensor]] = {}
        for row in self.rows:
            key = size_key(row.shape, row.dtype)
            known = self.counts.get(key)
            self.counts[key] = (row.count if known is None else known[0] + row.count), row


class Layered:
    """A ledger of rows of layers, each beside the layers that have them: written down when it is iterated."""

    __slots__ = ("parts",)

    def __init__(self, parts: Iterable[tuple[OfLayer, tuple[Axis, ...]]]):
        self.parts = tuple(parts)

    def __iter__(self) -> Iterator[Tensor]:
        for of, axes in self.parts:
            if not any(is_whole(axis.count) and axis.count == 0 for axis in axes):
                yield from (row.but(axes=(*axes, *row.axes)) for row in of.rows) if axes else of.rows


class Saved:
    """What forward keeps for backward. `cached`: the copies of weights too, which autocast keeps while forward runs."""

    def __init__(self, model: Model, cached: bool = False):
        self._model = model
        self._shared = OfLayer(storage.row() for storage in model.shared)
        self._of = {stretch: OfLayer(_rows(stretch, cached)) for stretch in model.stretches}

    def below(self, part: Part, place: Size | None) -> Layered:
        """What the parts before the layer at `place` of `part`, and what all layers share, keep."""
        model, shared = self._model, (self._shared, ())
        if part is model.before:
            return Layered([shared])
        every = part is model.after
        layers = ((self._of[o.stretch], o.axes if every else (_below(o, part, place),)) for o in model.layers)
        return Layered([shared, (self._of[model.before.stretch], ()), *layers])

    def all(self) -> Layered:
        """What is kept when forward is over, without what all layers share."""
        return Layered((self._of[part.stretch], part.axes) for part in self._model.parts)


def _rows(stretch: Stretch, cached: bool) -> Iterator[Tensor]:
    """The storages of one layer as rows; those that all layers share are counted with the model."""
    storages: Iterable[Storage] = stretch.saved
    if cached:
        storages = dict.fromkeys([*storages, *stretch.tape.cached()])
    return (storage.row() for storage in storages if not storage.shared)


class GradientsAbove:
    """The gradients that weights have already when backward reaches a place."""

    def __init__(self, trained: Ledger, formats: tuple[Dtype, ...], model: Model):
        self._model = model
        outside = [t for t in trained if not t.axes and plain_name(t) in model.after.stretch.inputs]
        self._outside = OfLayer(gradients_in(outside, formats)) if outside else None
        groups: dict[int, list[Tensor]] = {}
        for t in trained:
            if t.axes:
                groups.setdefault(id(t.axes[0]), []).append(t)  # by identity: an axis may hold an array
        self._layers = [(group[0].axes[0], OfLayer(_in_layer(group, formats))) for group in groups.values()]

    def above(self, part: Part, place: Size | None) -> Layered:
        """Those of the parts after the layer at `place` of `part`."""
        if part is self._model.after:
            return Layered(())
        if part is self._model.before:
            found = [(of, (axis,)) for axis, of in self._layers]
        else:
            (mine,) = part.axes
            found = [(of, (_above(axis, mine, place),)) for axis, of in self._layers]
        found = [(of, axes) for of, axes in found if not (is_whole(axes[0].count) and axes[0].count == 0)]
        return Layered([*found, *([(self._outside, ())] if self._outside else ())])


def gradients_in(weights: Iterable[Tensor], formats: Iterable[Dtype]) -> Ledger:
    """The gradients of some weights, once in each of the formats."""
    weights = Ledger(weights)
    return Ledger(row for dtype in formats for row in gradients(weights, dtype=dtype)).file_under("gradients")


def _in_layer(weights: Iterable[Tensor], formats: Iterable[Dtype]) -> Iterator[Tensor]:
    return (row.but(axes=row.axes[1:]) for row in gradients_in(weights, formats))


def plain_name(weight: Tensor) -> str:
    """The name of a weight as the forward pass knows it, peft's prefix left out."""
    return weight.name.removeprefix("base_model.model.")


def _below(other: Part, part: Part, place: Size) -> Axis:
    """The layers of `other` before the layer at `place` of `part`."""
    (axis,), (mine,) = other.axes, part.axes
    if other is part:
        return replace(axis, count=place)
    return replace(axis, count=count_before(axis, mine.start + mine.step * place))


def _above(axis: Axis, mine: Axis, place: Size) -> Axis:
    """The layers of `axis` after the layer at `place` of `mine`."""
    if not is_array(axis.count) and axis == mine:  # a grid takes the general way, which gives the same
        before = place + 1
    else:
        before = count_before(axis, mine.start + mine.step * place + 1)
    return replace(axis, count=axis.count - before)


def count_before(axis: Axis, index: Size) -> Size:
    """How many of the layers of `axis` have an index below `index`."""
    return smallest((axis.count, largest((0, ceil_div(index - axis.start, axis.step)))))
