"""Pipeline parallelism: each stage holds a run of layers; the first also the embedding, the last the head.

In the 1F1B schedule stage i of p has passed p − i batches forward before the first comes back, so it keeps the
activations of so many, and never of more than there are. The first stage keeps most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...architectures.layers import remove
from ...ledger.arithmetic import is_whole
from ...ledger.errors import VramError, brief
from ...ledger.ledger import Ledger
from ...ledger.tensor import Axis, Tensor
from ..quantization.layers import between
from ..roles import role
from .plan import Plan, is_parameter


def stages(phases: Iterable[Ledger], plan: Plan) -> int:
    """How many layers the stages divide; an error where there are fewer layers than stages."""
    layers = 0
    for ledger in phases:
        for tensor in ledger:
            if tensor.axes:
                axis = tensor.axes[0]
                if not is_whole(axis.count):
                    shown = brief(axis.count)
                    raise VramError(f"pp: {plan.pp} given; the number of layers must be plain, not {shown}.")
                layers = max(layers, axis.start + (axis.count - 1) * axis.step + 1)
    if layers < plan.pp:
        raise VramError(f"pp: {plan.pp} given, but there are only {layers} layers.")
    return layers


def candidates(phases: Iterable[Ledger], plan: Plan, layers: int) -> list[int]:
    """The stages that can be the most loaded: the first, the last, and of those between that hold the same kinds of
    layer only the earliest, which keeps the most batches."""
    axes = {t.axes[0] for ledger in phases for t in ledger if t.axes}
    found: dict[tuple[int, ...], int] = {}
    for stage in range(1, plan.pp - 1):
        low, high = _bounds(stage, plan, layers)
        kinds = tuple(sum(part.count for part in between(axis, low, high)) for axis in axes)
        found.setdefault(kinds, stage)
    return sorted({0, *found.values(), plan.pp - 1})


def _bounds(stage: int, plan: Plan, layers: int) -> tuple[int, int]:
    """The first layer of a stage, and the first that is not in it any more."""
    return stage * layers // plan.pp, (stage + 1) * layers // plan.pp


def of_stage(ledger: Ledger, plan: Plan, stage: int, layers: int, tied: bool, working: bool) -> Ledger:
    """The tensors of one stage. `working`: one of its layers is in work, whose tensors have rows of their own."""
    low, high = _bounds(stage, plan, layers)
    rows: list[Tensor] = []
    for tensor in ledger:
        if tensor.axes:
            in_work = {"activations": high - 1, "gradients": low}.get(tensor.kind) if working else None
            for axis in between(tensor.axes[0], low, high):
                rows += _held(tensor.but(axes=(axis, *tensor.axes[1:])), _waiting(plan, stage), in_work)
        elif stage in _homes(tensor, plan.pp - 1, tied):
            rows += _held(tensor, 1 if in_work_itself(tensor) else _waiting(plan, stage), None)
    return Ledger(rows)


def in_work_itself(tensor: Tensor) -> bool:
    """True for a tensor of the layer in work, wherever that is."""
    return "{}" in tensor.name and not tensor.axes


def _waiting(plan: Plan, stage: int) -> int:
    """Batches that have gone forward through a stage and not come back."""
    waiting = plan.pp - stage
    return waiting if plan.microbatches is None else min(waiting, plan.microbatches)


def _held(tensor: Tensor, batches: int, in_work: int | None) -> Iterator[Tensor]:
    """Activations are kept for each waiting batch; the layer in work is left out for the batch that is in it."""
    if tensor.kind != "activations":
        batches = 1
    if in_work is not None and in_work in tensor.axes[0].indices():
        if batches > 1:
            yield tensor.but(axes=(*tensor.axes, Axis(batches - 1)))
        left, _ = remove(tensor.axes[:1], [in_work])
        yield from (tensor.but(axes=(axis, *tensor.axes[1:])) for axis in left)
    else:
        yield tensor if batches == 1 else tensor.but(axes=(*tensor.axes, Axis(batches)))


def _homes(tensor: Tensor, last: int, tied: bool) -> Iterator[int]:
    """The stages that hold a tensor without a layer axis."""
    embeds = "embed" in tensor.name or tensor.part in ("embedding", "position_embedding")
    if tensor.kind == "overhead" or in_work_itself(tensor):
        yield from range(last + 1)  # every process has it; or it belongs to the layer in work, wherever that is
    elif embeds:
        yield 0
        if tied and is_parameter(tensor) and role(tensor) == "token_embd":
            yield last  # the head is the embedding: both ends need it
    else:
        yield last
