"""What is alive while a stretch of the model runs, forward or backward? Storages come and go by torch's rules.

Forward frees a tensor after its last use unless it is saved. Backward goes the other way: at each operation the
gradients that arrive, the gradients that leave and what is still saved are alive together. Gradients of weights stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ..ledger.dtypes import Dtype
from .activations.stretches import Stretch
from .activations.tape import Op, Storage, Value


@dataclass(frozen=True, slots=True)
class Moment:
    """What is alive at one operation, beside what lives anyway. `reached`: some weight has its gradient already."""

    name: str
    alive: tuple[Storage, ...]
    reached: bool


class Run:
    """One stretch, run once; `moments` are collected on the way.

    gradients  formats in which a weight's gradient is kept
    existing   says of a weight's name whether its gradient exists already: a new one is added to it and freed
    waiting    says the same of a head that is the embedding: autograd still has its gradient, as a view, and puts the
               sum into a new tensor
    """

    def __init__(
        self,
        stretch: Stretch,
        gradients: tuple[Dtype, ...] = (),
        existing: Callable[[str], bool] = lambda name: False,
        waiting: Callable[[str], bool] = lambda name: False,
    ):
        self.stretch, self.gradients, self.existing, self.waiting = stretch, gradients, existing, waiting
        self.moments: list[Moment] = []
        self._alive: Counter[Storage] = Counter()
        self._reached: dict[Value, None] = {}

    def _hold(self, storage: Storage) -> None:
        if storage.kind != "weights" and not storage.shared:  # those live anyway
            self._alive[storage] += 1

    def _drop(self, storage: Storage) -> None:
        if self._alive[storage] > 1:
            self._alive[storage] -= 1
        else:
            self._alive.pop(storage, None)

    def _mark(self, name: str) -> None:
        self.moments.append(Moment(name, tuple(self._alive), bool(self._reached)))

    def forward(self) -> list[Moment]:
        """The stretch forward: at its end, what it saves and what it hands on are alive."""
        ops, entering = self.stretch.tape.ops, self.stretch.enters
        kept = [s for op in ops if op.region is None for s in op.saved] + self.stretch.tape.cached()
        for region in self.stretch.tape.regions():
            kept += self.stretch.tape.entering(region)
        if entering is not None:
            self._hold(entering.storage)
        self._compute(ops, kept, () if entering is None else (entering.storage,))
        return self.moments

    def _compute(self, ops: list[Op], kept: Iterable[Storage], held: Iterable[Storage] = ()) -> list[Storage]:
        """Operations forward. Returns what it still holds: storages to be kept, and what the last operation made."""
        kept, held = set(kept), dict.fromkeys(held)
        last = {storage: place for place, op in enumerate(ops) for storage in _touched(op)}
        for place, op in enumerate(ops):
            made = [value.storage for value in op.outputs if last[value.storage] > place or place == len(ops) - 1]
            new = [s for s in dict.fromkeys([*op.scratch, *made, *op.saved]) if s not in self._alive]
            for storage in new:
                self._hold(storage)
                held[storage] = None
            self._mark(op.name)
            for storage in dict.fromkeys([*new, *_touched(op)]):
                done = last.get(storage, place) <= place and storage not in kept
                if storage in held and done and not (place == len(ops) - 1 and storage in made):
                    self._drop(storage)
                    del held[storage]
        return list(held)

    def backward(self, last: bool = False) -> list[Moment]:
        """The stretch backward: from the gradient of what it hands on to that of what enters it.

        last  no layer above it in its stack has made gradients that wait
        """
        tape, grads = self.stretch.tape, {}
        left = Counter(op.region for op in tape.ops if op.region is not None and op.has_backward)
        for op in tape.ops:
            if op.region is None:
                for storage in set(op.saved):
                    self._hold(storage)
        for region in left:
            for storage in tape.entering(region):
                self._hold(storage)
        leaves = self.stretch.leaves
        arriving = [leaves] if leaves is not None else []
        for value in arriving if last else [*arriving, *self.stretch.waits]:
            if value.grad:
                grads[value.base] = _gradient(value)
                self._hold(grads[value.base])
        open_regions: set[str] = set()
        for op in reversed(tape.ops):
            if not op.has_backward:
                continue
            if op.saved and op.region is not None and op.region not in open_regions:  # what saves nothing needs nothing
                open_regions.add(op.region)
                self._recompute([other for other in tape.ops if other.region == op.region])
            self._step(op, grads)
            left[op.region] -= 1
            if op.region is not None and not left[op.region]:
                for storage in tape.entering(op.region):
                    self._drop(storage)
        self._mark("end of backward")
        return self.moments

    def _recompute(self, ops: list[Op]) -> None:
        """A checkpointed region forward once more; then each of its operations holds what it saved.

        torch stops it at the last tensor that backward needs; inputs are saved before an operation makes its output.
        """
        end = max(place for place, op in enumerate(ops) if op.saved)
        *before, last = ops[: end + 1]
        made = tuple(value for value in last.outputs if value.storage in last.saved)
        waiting = [storage for op in ops[end + 1 :] for storage in _touched(op)]  # for what is not computed again
        last = replace(last, outputs=made, scratch=last.scratch if made else (), held=(*last.held, *waiting))
        held = self._compute([*before, last], [s for op in ops for s in op.saved])
        for op in ops:
            for storage in set(op.saved):
                self._hold(storage)
        for storage in held:
            self._drop(storage)

    def _step(self, op: Op, grads: dict[Value, Storage]) -> None:
        """The backward of one operation."""
        arriving = [grads.pop(value.base) for value in op.outputs if value.base in grads]
        if not arriving:
            return  # no gradient reaches it
        leaving: list[tuple[Value, Storage]] = []
        for value in op.inputs:
            if value.grad:
                passes = bool(arriving) and any(value is passed for passed in op.passes)
                leaving.append((value, arriving[0] if passes else _made(op, value)))
        for storage in (*op.backward, *(storage for _, storage in leaving)):
            self._hold(storage)
        self._mark(f"backward of {op.name}")
        saved = tuple(set(op.saved))
        early, late = ((), saved) if op.region is None else (saved, ())  # what was computed again goes with its use
        for storage in (*op.backward, *early):
            self._drop(storage)
        leaving = self._narrowed(op, leaving)
        for storage in (*arriving, *late):
            self._drop(storage)
        for value, storage in leaving:
            self._deliver(grads, value, storage)

    def _narrowed(self, op: Op, leaving: list[tuple[Value, Storage]]) -> list[tuple[Value, Storage]]:
        """The gradients as their tensors need them: the wide ones summed up or cast, the first beside all others."""
        wide, found = [storage for _, storage in op.wide], []
        for value, storage in leaving:
            if storage in wide:
                self._hold(final := _gradient(value))
                if storage is wide[0]:
                    self._mark(f"backward of {op.name}: narrowed")
                self._drop(storage)
                storage = final
            found.append((value, storage))
        return found

    def _deliver(self, grads: dict[Value, Storage], value: Value, storage: Storage) -> None:
        """A gradient reaches a tensor: it waits for the tensor's own operation, or stays if it is a weight's."""
        if value.is_parameter:
            self._keep(value, storage)
        elif value.base in grads:
            self._drop(storage)  # added in place to the one that waits
        else:
            grads[value.base] = storage

    def _keep(self, value: Value, storage: Storage) -> None:
        """The first gradient of a weight becomes its `.grad`, or is copied into the formats that are kept."""
        if not self.existing(value.storage.name) and value not in self._reached:
            if value.dtype in self.gradients:
                self._drop(storage)  # it is one of those that are held next
            for dtype in self.gradients:
                self._hold(Storage(f"{value.storage.name}.grad", value.shape, dtype, "gradients", value.storage.part))
            if self.gradients != (value.dtype,):
                self._mark(f"gradient of {value.storage.name}")
        elif value not in self._reached and self.waiting(value.storage.name):
            total = Storage(f"{value.storage.name}.grad, summed", value.shape, value.dtype, "temporaries")
            self._hold(total)
            self._mark(f"gradients of {value.storage.name} summed")
            self._drop(total)
        self._reached[value] = None
        self._drop(storage)


def _touched(op: Op) -> list[Storage]:
    """What must live while an operation runs: what it works on, and what variables around it hold."""
    return [*(value.storage for value in (*op.inputs, *op.outputs)), *op.held]


def _made(op: Op, value: Value) -> Storage:
    """The gradient of an input as the operation makes it."""
    return next((wide for of, wide in op.wide if of is value), None) or _gradient(value)


def _gradient(value: Value) -> Storage:
    """A gradient on its way; it lies in the part of the model in which its tensor lies."""
    part = value.storage.part or ("lm_head" if value.storage.kind == "logits" else "")
    return Storage(f"{value.storage.name}.grad", value.shape, value.dtype, "temporaries", part)
