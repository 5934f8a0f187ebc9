"""The moments of one forward and backward pass: which is the largest of each phase?

Between one layer and the next the same things are alive, only more or fewer of them: what the layers below have saved,
the gradients of the layers above. That grows or shrinks evenly, so the largest moment lies in the last or the first
layer of its kind, and one run of each kind says everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..ledger.arithmetic import Size, is_whole
from ..ledger.dtypes import Dtype
from ..ledger.ledger import Ledger
from .activations.stretches import Model, Part, Stretch
from .layered import GradientsAbove, Saved, gradients_in, plain_name
from .live import Moment, Run
from .moments import Place


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

    def forward(self) -> Iterator[Place]:
        """The moments of forward."""
        held = self.arrived if self.earlier else Ledger()
        mask, gone = Ledger(storage.row() for storage in self.model.mask), Ledger()
        moments = {stretch: Run(stretch).forward() for stretch in self.model.stretches}
        saved = Saved(self.model, cached=True)
        for part, index in self._places():
            masked = index is not None or (part is self.model.after and self.recomputes)  # else it is gone by then
            variables = Ledger(storage.row(kind="temporaries") for storage in part.stretch.beside)
            beside = (mask if masked else gone, *self._lingering(part, index), variables)
            base = (self.always, held, *beside, saved.below(part, index))
            if moments[part.stretch]:  # none after the layers of a model without head, pooler and last norm
                yield Place(base, moments[part.stretch], part.stretch.kept)

    def backward(self) -> Iterator[tuple[bool, Place]]:
        """The moments of backward, each with whether a weight has its gradient of this batch by then."""
        mask = Ledger(storage.row() for storage in (self.model.mask if self.recomputes else ()))
        moments = self._backward_of_each()
        saved, gradients = Saved(self.model), GradientsAbove(self.trained, self.gradients, self.model)
        earlier, turn = self.arrived if self.earlier else None, None
        for part, index in self._places():
            passed = gradients.above(part, index)
            behind = Ledger(storage.row(kind="temporaries") for storage in part.stretch.behind)
            base = (self.always, passed if earlier is None else earlier, mask, behind, saved.below(part, index))
            top, turn = bool(part.axes) and part.turn != turn, part.turn  # the last layer of its stack comes first
            for reached, some in moments[part.stretch, top and bool(part.stretch.waits)].items():
                if some:
                    yield reached or bool(passed.parts), Place(base, some, part.stretch.kept)

    def _backward_of_each(self) -> dict[tuple[Stretch, bool], dict[bool, list[Moment]]]:
        """The moments of each stretch: those before and after it has made the gradient of a weight.

        A stretch for which gradients wait has a second run, as the last layer of its stack: there they do not yet.
        """
        all_of, outside, waiting = set(map(plain_name, self.trained)), set(), set()
        weights = {plain_name(t) for t in self.trained if not t.axes}
        found = {}
        for part in reversed(self.model.parts):
            stretch, names = part.stretch, all_of if self.earlier else outside
            for top in (False, True) if stretch.waits and part.axes else (False,):
                if (stretch, top) not in found:
                    moments = Run(stretch, self.gradients, names.__contains__, waiting.__contains__).backward(last=top)
                    found[stretch, top] = {b: [m for m in moments if m.reached is b] for b in (False, True)}
            if not part.axes:
                waiting = weights & _as_they_are(stretch) if part is self.model.after else waiting - stretch.inputs
                outside = outside | (weights & stretch.inputs)
        return found

    def _lingering(self, part: Part, index: Size | None) -> tuple[Ledger, ...]:
        """What a variable of the model's loop holds of the layer before, where no layer keeps it for backward."""
        storage = part.stretch.lingers
        first = is_whole(index) and index == 0
        return () if storage is None or first or not self.recomputes else (Ledger([storage.row(kind="temporaries")]),)

    @property
    def recomputes(self) -> bool:
        """True when layers are computed again, and what forward gave them must still be there."""
        return any(part.stretch.tape.regions() for part in self.model.layers)

    @property
    def saved(self) -> Ledger:
        """What is alive when forward is over: what backward needs, and what all layers share."""
        shared = self.model.shared + (self.model.mask if self.recomputes else ())
        kept = Saved(self.model)
        return Ledger([*(storage.row() for storage in shared), *kept.all()])

    @property
    def arrived(self) -> Ledger:
        """The gradients when backward is over."""
        return gradients_in(self.trained, self.gradients)

    def _places(self) -> Iterator[tuple[Part, Size | None]]:
        """Every part, the layers at their last and at their first index."""
        yield self.model.after, None
        for part in reversed(self.model.layers):
            if not part.axes:
                yield part, None
                continue
            (axis,) = part.axes
            yield part, axis.count - 1
            if not is_whole(axis.count) or axis.count > 1:
                yield part, 0
        yield self.model.before, None


def _as_they_are(stretch: Stretch) -> set[str]:
    """The weights of products that keep them, not a cast copy: the gradient of such a one is a view."""
    return {storage.name for op in stretch.tape.ops for storage in op.saved if storage.kind == "weights"}
