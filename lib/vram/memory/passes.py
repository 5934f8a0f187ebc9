"""The moments of one forward and backward pass: which is the largest of each phase?

Between one layer and the next the same things are alive, only more or fewer of them: what the layers below have saved,
the gradients of the layers above. That grows or shrinks evenly, so the largest moment lies in the last or the first
layer of its kind, and two runs of a layer say everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ..ledger.arithmetic import Size, ceil_div, is_array, is_whole, largest, smallest
from ..ledger.dtypes import Dtype
from ..ledger.ledger import Ledger
from ..ledger.tensor import Axis, Tensor
from .activations.model import Model, Stretch
from .gradients import gradients
from .live import Moment, Run
from .moments import Candidate


@dataclass(frozen=True, slots=True)
class Passes:
    """A forward and a backward pass over a model.

    always     what lives through both: weights, optimizer states
    trained    the weights that get a gradient
    gradients  the formats in which gradients are kept
    earlier    gradients of an earlier batch exist from the start
    """

    model: Model
    always: Ledger
    trained: Ledger
    gradients: tuple[Dtype, ...]
    earlier: bool = False

    def forward(self) -> Iterator[Candidate]:
        """The moments of forward."""
        held = self._gradients_of(self.trained) if self.earlier else Ledger()
        mask = Ledger(storage.row() for storage in self.model.mask)
        for stretch, index in self._places():
            base = (self.always, held, mask, self._saved_below(stretch, index, cached=True))
            yield from _candidates(base, stretch, Run(stretch).forward())

    def backward(self) -> Iterator[tuple[bool, Candidate]]:
        """The moments of backward, each with whether a weight has its gradient of this batch by then."""
        mask = Ledger(storage.row() for storage in (self.model.mask if self.recomputes else ()))
        for stretch, index in self._places():
            passed = self._trained_above(stretch, index)
            above = self.trained if self.earlier else passed
            names = {t.name.removeprefix("base_model.model.") for t in above if self.earlier or not t.axes}
            run = Run(stretch, self.gradients, lambda name, names=names: name in names)
            moments = run.backward()
            base = (self.always, self._gradients_of(above), mask, self._saved_below(stretch, index))
            for moment, candidate in zip(moments, _candidates(base, stretch, moments), strict=True):
                yield (moment.reached or bool(len(passed))), candidate

    @property
    def recomputes(self) -> bool:
        """True when layers are computed again, and what forward gave them must still be there."""
        return any(stretch.tape.regions() for stretch in self.model.layers)

    @property
    def saved(self) -> Ledger:
        """What is alive when forward is over: what backward needs, and what all layers share."""
        shared = self.model.shared + (self.model.mask if self.recomputes else ())
        rows = [(storage, storage.row()) for storage in shared]
        for stretch in self.model.stretches:
            rows += self._rows(stretch, stretch.axes, cached=False)
        return Ledger(_once(rows))

    @property
    def arrived(self) -> Ledger:
        """The gradients when backward is over."""
        return self._gradients_of(self.trained)

    def _places(self) -> Iterator[tuple[Stretch, Size | None]]:
        """Every stretch, the layers at their last and at their first index."""
        yield self.model.after, None
        for stretch in reversed(self.model.layers):
            (axis,) = stretch.axes
            yield stretch, axis.count - 1
            if not is_whole(axis.count) or axis.count > 1:
                yield stretch, 0
        yield self.model.before, None

    def _saved_below(self, stretch: Stretch, place: Size | None, cached: bool = False) -> Ledger:
        """What the stretches before this one, and what all layers share, keep saved."""
        rows = [(storage, storage.row()) for storage in self.model.shared]
        if stretch is self.model.before:
            return Ledger(_once(rows))
        rows += self._rows(self.model.before, (), cached)
        for other in self.model.layers:
            axes = other.axes if stretch is self.model.after else (_below(other, stretch, place),)
            rows += self._rows(other, axes, cached)
        return Ledger(_once(rows))

    @staticmethod
    def _rows(stretch: Stretch, axes: tuple[Axis, ...], cached: bool) -> Iterator[tuple[object, Tensor]]:
        storages = stretch.tape.saved()
        if cached:
            storages = list(dict.fromkeys(storages + stretch.tape.cached()))
        for storage in storages:
            yield (storage if storage.shared else (id(stretch), storage)), storage.row(axes)

    def _trained_above(self, stretch: Stretch, place: Size | None) -> Ledger:
        """The weights whose gradients exist when backward reaches this stretch."""
        if stretch is self.model.after:
            return Ledger()
        used = {op_input.storage.name for op in self.model.after.tape.ops for op_input in op.inputs}
        rows = []
        for t in self.trained:
            if not t.axes:
                if t.name.removeprefix("base_model.model.") in used:
                    rows.append(t)
            elif stretch is self.model.before:
                rows.append(t)
            else:
                (axis,) = stretch.axes
                above = _above(t.axes[0], axis, place)
                if not (is_whole(above.count) and above.count == 0):
                    rows.append(replace(t, axes=(above, *t.axes[1:])))
        return Ledger(rows)

    def _gradients_of(self, weights: Iterable[Tensor]) -> Ledger:
        return gradients_in(weights, self.gradients)


def gradients_in(weights: Iterable[Tensor], dtypes: Iterable[Dtype]) -> Ledger:
    """The gradients of some weights, once in each of the formats."""
    weights = Ledger(weights)
    return Ledger(row for dtype in dtypes for row in gradients(weights, dtype=dtype)).file_under("gradients")


def _candidates(base: tuple[Ledger, ...], stretch: Stretch, moments: Iterable[Moment]) -> Iterator[Candidate]:
    kept = stretch.kept
    return (Candidate(moment.name, base, moment.alive, kept) for moment in moments)


def _once(rows: Iterable[tuple[object, Tensor]]) -> Iterable[Tensor]:
    """Each storage once: layers of several kinds share the rotary tables. Rows of no layer are left out."""
    found: dict[object, Tensor] = {}
    for key, row in rows:
        if not any(is_whole(axis.count) and axis.count == 0 for axis in row.axes):
            found.setdefault(key, row)
    return found.values()


def _below(other: Stretch, stretch: Stretch, place: Size) -> Axis:
    """The layers of `other` before the layer at `place` of `stretch`."""
    (axis,), (mine,) = other.axes, stretch.axes
    if other is stretch:
        return replace(axis, count=place)
    return replace(axis, count=_count_before(axis, mine.start + mine.step * place))


def _above(axis: Axis, mine: Axis, place: Size) -> Axis:
    """The layers of `axis` after the layer at `place` of `mine`."""
    if not is_array(axis.count) and axis == mine:  # a grid takes the general way, which gives the same
        before = place + 1
    else:
        before = _count_before(axis, mine.start + mine.step * place + 1)
    return replace(axis, start=axis.start, count=axis.count - before)


def _count_before(axis: Axis, index: Size) -> Size:
    """How many of the layers of `axis` have an index below `index`."""
    return smallest((axis.count, largest((0, ceil_div(index - axis.start, axis.step)))))
