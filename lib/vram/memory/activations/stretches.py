"""The model as stretches of tape: what comes before the layers, each kind of layer once, what comes after them.

Eighty layers are one tape and a count. Most models are one stack of layers; an encoder and its decoder are two, with a
stretch between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from ...ledger.ledger import Ledger
from ...ledger.tensor import Axis, Tensor
from .tape import Storage, Tape, Value


@dataclass(frozen=True, eq=False)
class Stretch:
    """A tape that is recorded: all layers of a kind share it.

    lingers  of the layer before, a variable of the model's loop holds it
    hands    what it makes and what many layers after it keep: counted here, once
    beside   what variables of the model hold while it runs forward, and what no layer keeps
    behind   what lives while it runs backward, although no operation needs it any more
    waits    made earlier and used by many layers: those above it in its stack have made their gradients already
    """

    tape: Tape
    enters: Value | None = None
    leaves: Value | None = None
    lingers: Storage | None = None
    hands: tuple[Storage, ...] = ()
    beside: tuple[Storage, ...] = ()
    behind: tuple[Storage, ...] = ()
    waits: tuple[Value, ...] = ()

    @cached_property
    def saved(self) -> tuple[Storage, ...]:
        """What it keeps for backward, each storage once, weights left out."""
        return tuple(self.tape.saved())

    @cached_property
    def inputs(self) -> frozenset[str]:
        """The names of all that goes into its operations, weights among them."""
        return frozenset(value.storage.name for op in self.tape.ops for value in op.inputs)

    @cached_property
    def kept(self) -> frozenset[Storage]:
        """What some operation keeps for backward, in a checkpointed region or not; all else is temporary."""
        entering = [s for region in self.tape.regions() for s in self.tape.entering(region)]
        return frozenset([s for op in self.tape.ops if op.has_backward for s in op.saved] + entering)


class Part(NamedTuple):
    """A stretch and the layers that it stands for; no axis for what is not a layer.

    turn  parts of a lower turn run before it; those of one turn are one stack, its layers in order of their index
    """

    stretch: Stretch
    axes: tuple[Axis, ...] = ()
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Model:
    """The forward pass of a model: `before`, `layers` by turn and in order of their first index, `after`.

    shared  made before the layers and used by all of them: alive from then on, whether or not a layer saves it
    mask    the causal mask of eager code: alive in forward, and while layers are computed again
    variables  what variables of the model's code hold while the layers run: embedded tokens, numbers of positions
    keeps_mask  a checkpointed layer was given the mask in such a way that it keeps it
    """

    before: Part
    layers: tuple[Part, ...]
    after: Part
    shared: tuple[Storage, ...] = ()
    mask: tuple[Storage, ...] = ()
    keeps_mask: bool = False
    variables: tuple[Storage, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """All of it in order."""
        return (self.before, *self.layers, self.after)

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """Each tape once, in order."""
        return tuple(dict.fromkeys(part.stretch for part in self.parts))

    def saved(self) -> Ledger:
        """Every tensor kept for backward, those that layers share once."""
        rows: dict[object, Tensor] = {storage: storage.row() for storage in self.mask if self.keeps_mask}
        once = {*self.shared, *(storage for stretch in self.stretches for storage in stretch.hands)}
        for place, (stretch, axes, _) in enumerate(self.parts):
            for storage in (*stretch.saved, *stretch.hands):
                if storage in once or not storage.shared:  # else the part that made it has a row for it
                    rows.setdefault(storage if storage.shared else (place, storage), storage.row(axes))
        return Ledger(rows.values())
