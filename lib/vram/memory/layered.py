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
from .activations.stretches import Model, Part, Stretch
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
        self._hands = {s: OfLayer(storage.row() for storage in s.hands) for s in model.stretches}

    def below(self, part: Part, place: Size | None) -> Layered:
        """What the parts before the layer at `place` of `part`, and what all layers share, keep."""
        model = self._model
        earlier = [(o, o.axes) for o in model.parts if o.turn < part.turn]
        if part.axes:
            earlier += [(o, (_below(o, part, place),)) for o in model.layers if o.turn == part.turn]
        handed = [(self._hands[o.stretch], ()) for o, _ in earlier if o.stretch.hands and o is not part]
        return Layered([(self._shared, ()), *((self._of[o.stretch], axes) for o, axes in earlier), *handed])

    def all(self) -> Layered:
        """What is kept when forward is over, without what all layers share."""
        kept = [(self._of[part.stretch], part.axes) for part in self._model.parts]
        return Layered([*kept, *((handed, ()) for handed in self._hands.values() if handed.rows)])


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
        self._outside: list[tuple[int, OfLayer]] = []
        found: set[str] = set()
        for part in reversed([part for part in model.parts if not part.axes and part is not model.before]):
            names = part.stretch.inputs - found
            weights = [t for t in trained if not t.axes and plain_name(t) in names]
            if weights:
                self._outside.append((part.turn, OfLayer(gradients_in(weights, formats))))
            found |= part.stretch.inputs
        turns = {name: part.turn for part in reversed(model.layers) for name in part.stretch.inputs}
        groups: dict[tuple[int, int], list[Tensor]] = {}
        for t in trained:
            if t.axes:
                turn = turns.get(plain_name(t), model.layers[0].turn)
                groups.setdefault((turn, id(t.axes[0])), []).append(t)  # by identity: an axis may hold an array
        self._layers = [(turn, alike[0].axes[0], OfLayer(_in_layer(alike, formats)))
                        for (turn, _), alike in groups.items()]  # fmt: skip

    def above(self, part: Part, place: Size | None) -> Layered:
        """Those of the parts after the layer at `place` of `part`."""
        found = [(of, (axis,)) for turn, axis, of in self._layers if turn > part.turn]
        if part.axes:
            (mine,) = part.axes
            found += [(of, (_above(axis, mine, place),)) for turn, axis, of in self._layers if turn == part.turn]
        found = [(of, axes) for of, axes in found if not (is_whole(axes[0].count) and axes[0].count == 0)]
        return Layered([*found, *((of, ()) for turn, of in self._outside if turn > part.turn)])


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
    grid = is_array(axis.count) or is_array(mine.count)
    if not grid and axis == mine:  # a grid takes the general way, which gives the same
        before = place + 1
    else:
        before = count_before(axis, mine.start + mine.step * place + 1)
    return replace(axis, count=axis.count - before)


def count_before(axis: Axis, index: Size) -> Size:
    """How many of the layers of `axis` have an index below `index`."""
    return smallest((axis.count, largest((0, ceil_div(index - axis.start, axis.step)))))
