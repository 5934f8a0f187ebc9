"""What autograd records: operations in order, the tensors each makes, and the tensors each keeps for backward.

A model's forward pass is written with these operations as its code in transformers is; what is saved, and when each
tensor dies, then follows by torch's own rules and is nowhere written down a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from ...ledger.arithmetic import Size, is_array, is_whole
from ...ledger.dtypes import Dtype
from ...ledger.tensor import Axis, Tensor

Shape = tuple[Size, ...]


class Storage:
    """The memory behind one tensor and all its views.

    kind     weights, activations, logits, gradients or temporaries
    key      the same for storages of the same size
    part     attention, mlp, expert … for what lies inside a part of the layer, "" for the stream between the parts
    shared   made once, used by all layers
    unnamed  the first operation that keeps it gives it its name
    """

    __slots__ = ("dtype", "key", "kind", "name", "part", "shape", "shared", "unnamed")

    def __init__(
        self,
        name: str,
        shape: Shape,
        dtype: Dtype,
        kind: str = "activations",
        part: str = "",
        *,
        shared: bool = False,
        unnamed: bool = False,
    ):
        self.name, self.shape, self.dtype, self.kind, self.part = name, shape, dtype, kind, part
        self.shared, self.unnamed = shared, unnamed
        self.key = size_key(shape, dtype)

    def call(self, name: str) -> Storage:
        """The storage itself, under this name if it had none of its own."""
        if self.unnamed:
            self.name, self.unnamed = name, False
        return self

    def row(self, axes: Sequence[Axis] = (), kind: str = "") -> Tensor:
        """The storage as a row of a ledger; one that all layers share is counted once."""
        axes = () if self.shared else tuple(axes)
        return Tensor(self.name, self.shape, self.dtype, kind or self.kind, axes, "", self.part, "implementation")


def size_key(shape: Shape, dtype: Dtype) -> tuple[object, ...]:
    """Equal for tensors of one size, whatever kind of number it is made of."""
    return (dtype.name, *[n if is_whole(n) else (id(n) if is_array(n) else n) for n in shape])


class Value:
    """A tensor of the forward pass: a shape and a format over a storage; `grad` says whether backward reaches it.

    partial  a view of a part of its storage
    by_head  its memory is in the order of heads, not of tokens
    """

    __slots__ = ("base", "by_head", "dtype", "grad", "partial", "shape", "storage")

    def __init__(self, storage: Storage, grad: bool, shape: Shape | None = None, base: Value | None = None):
        self.storage, self.grad = storage, grad
        self.shape = storage.shape if shape is None else shape
        self.dtype = storage.dtype
        self.base = self if base is None else base  # a view shares the gradient of what it is a view of
        self.partial = self.by_head = False

    @property
    def is_parameter(self) -> bool:
        """True for a whole weight: it lives anyway, and its gradient outlives backward."""
        return self.storage.kind == "weights" and not self.partial

    def view(self, shape: Shape) -> Value:
        """The same memory under another shape, where backward need not know of the change."""
        return Value(self.storage, self.grad, shape, self.base)

    def part(self, shape: Shape) -> Value:
        """A part of it under that shape: what keeps the part keeps all of it."""
        seen = self.view(shape)
        seen.partial = True
        return seen


@dataclass(slots=True, eq=False)
class Op:
    """One operation.

    saved      storages kept until its backward has run
    scratch    storages alive only while it runs forward
    backward   storages alive only while its backward runs, beside the gradients of outputs and inputs
    wide       (input, storage): its gradient as it is made at first, before it is summed up or cast to what it is of
    passes     inputs whose gradient is the output's gradient itself: additions, views
    region     the checkpointed region it lies in, or None
    held       storages that variables of the code around it hold, used or not
    """

    name: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    saved: tuple[Storage, ...] = ()
    scratch: tuple[Storage, ...] = ()
    backward: tuple[Storage, ...] = ()
    wide: tuple[tuple[Value, Storage], ...] = ()
    passes: tuple[Value, ...] = ()
    region: str | None = None
    held: tuple[Storage, ...] = ()

    @property
    def is_cached(self) -> bool:
        """True for autocast's copy of a trained weight."""
        return self.outputs[0].storage.kind == "temporaries" and self.inputs[0].is_parameter and self.inputs[0].grad

    @property
    def has_backward(self) -> bool:
        """True when a gradient flows through it."""
        return any(value.grad for value in self.outputs)


@dataclass(slots=True)
class Tape:
    """The operations of one stretch of the model: what comes before the layers, one layer, or what comes after."""

    ops: list[Op] = field(default_factory=list)
    region: str | None = None
    kind: str = "activations"
    part: str = ""
    variables: tuple[Storage, ...] = ()

    def record(
        self,
        name: str,
        inputs: Iterable[Value],
        shape: Shape,
        dtype: Dtype,
        *,
        saves: Iterable[tuple[Value, str]] = (),
        extra: Iterable[Storage] = (),
        keeps_output: str = "",
        scratch: Iterable[Storage] = (),
        backward: Iterable[Storage] = (),
        wide: Iterable[tuple[Value, Storage]] = (),
        passes: Iterable[Value] = (),
    ) -> Value:
        """One operation with one new output.

        saves         (value, role): kept for backward; the first operation that keeps a tensor names it
        extra         storages made by the operation and kept for backward: a mask, statistics
        keeps_output  role of the output where it is kept for backward
        """
        inputs = tuple(inputs)
        grad = any(value.grad for value in inputs)
        out = Value(Storage(f"{name}:output", shape, dtype, self.kind, self.part, unnamed=True), grad)
        saved: list[Storage] = []
        if grad:
            for value, role in saves:
                saved.append(value.storage.call(f"{name}:{role}"))
            saved.extend(extra)
            if keeps_output:
                saved.append(out.storage.call(f"{name}:{keeps_output}"))
        self.ops.append(
            Op(name, inputs, (out,), tuple(saved), tuple(scratch), tuple(backward), tuple(wide), tuple(passes),
               self.region, self.variables)
        )  # fmt: skip
        return out

    def keep(self, leaf: Value, name: str) -> None:
        """A tensor whose gradient was asked for: autograd keeps it until all is over."""
        self.ops.append(Op(name, (), (leaf,), (leaf.storage.call(name),), region=self.region, held=self.variables))

    def split(
        self, name: str, value: Value, shapes: Sequence[Shape], backward: Iterable[Storage] = ()
    ) -> list[Value]:
        """Parts of a tensor, as views; backward puts their gradients together in one new tensor."""
        value.storage.call(f"{name}:output")
        parts = [Value(value.storage, value.grad, shape) for shape in shapes]
        for part in parts:
            part.partial = True
        self.ops.append(
            Op(name, (value,), tuple(parts), backward=tuple(backward), region=self.region, held=self.variables)
        )
        return parts

    def in_place(self, name: str, value: Value, added: Value | None = None, extra: Sequence[Storage] = ()) -> Value:
        """A change of the numbers of a tensor where they lie: no new memory; backward makes a gradient of its own.

        added  rows that are added to some of its rows, which `extra` numbers: kept, and the gradient passes by
        """
        if added is None:
            changed, op = Value(value.storage, value.grad, value.shape), Op(name, (value,), ())
        else:
            changed = Value(value.storage, value.grad or added.grad, value.shape)
            saved = (added.storage.call(f"{name}:source"), *extra) if added.grad else ()
            op = Op(name, (value, added), (), saved, passes=(value,))
        self.ops.append(replace(op, outputs=(changed,), region=self.region, held=self.variables))
        return changed

    @contextmanager
    def within(self, part: str) -> Iterator[None]:
        """What is made within it lies inside that part of the layer."""
        outer, self.part = self.part, part
        try:
            yield
        finally:
            self.part = outer

    @contextmanager
    def holding(self, *values: Value) -> Iterator[None]:
        """Within it variables of the model's code hold these tensors, so that they live on after their last use."""
        outer, self.variables = self.variables, (*self.variables, *(value.storage for value in values))
        try:
            yield
        finally:
            self.variables = outer

    def hold(self, value: Value) -> None:
        """From here on a variable holds this tensor too, until the `holding` around ends."""
        self.variables = (*self.variables, value.storage)

    @contextmanager
    def checkpoint(self, region: str) -> Iterator[None]:
        """Within it nothing is saved but what goes in; backward computes the region once more."""
        outer, self.region = self.region, self.region or region
        try:
            yield
        finally:
            self.region = outer

    def saved(self) -> list[Storage]:
        """What the stretch keeps for backward, each storage once, weights left out."""
        found: dict[Storage, None] = {}
        for op in self.ops:
            if op.region is None:
                found.update(dict.fromkeys(op.saved))
        for region in self.regions():
            found.update(dict.fromkeys(self.entering(region)))
        return [storage for storage in found if storage.kind != "weights"]

    def cached(self) -> list[Storage]:
        """Casts of trained weights, which autocast keeps until forward is over, saved or not."""
        return [op.outputs[0].storage for op in self.ops if op.is_cached]

    def regions(self) -> list[str]:
        """The checkpointed regions, in order."""
        return list(dict.fromkeys(op.region for op in self.ops if op.region is not None))

    def entering(self, region: str) -> list[Storage]:
        """What goes into a checkpointed region and requires a gradient, so that the region can be computed again."""
        inside = [op for op in self.ops if op.region == region]
        if not any(op.has_backward for op in inside):
            return []
        made = {value.storage for op in inside for value in op.outputs}
        entering = dict.fromkeys(value.storage for op in inside for value in op.inputs)
        return [s for s in entering if s not in made and s.kind != "weights" and not s.shared]
