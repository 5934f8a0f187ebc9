"""Pipeline parallelism: each stage holds a run of layers; the first also the embedding, the last the head.

In the 1F1B schedule stage i of p has passed p − i batches forward before the first comes back, so it keeps the
activations of so many, and never of more than there are. The first stage keeps most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

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


def of_stage(ledger: Ledger, plan: Plan, stage: int, layers: int, tied: bool) -> Ledger:
    """The tensors of one stage."""
    low, high = _bounds(stage, plan, layers)
    rows: list[Tensor] = []
    for tensor in ledger:
        if tensor.axes:
            for axis in between(tensor.axes[0], low, high):
                rows.append(_in_flight(replace(tensor, axes=(axis, *tensor.axes[1:])), plan, stage))
        elif stage in _homes(tensor, plan.pp - 1, tied):
            rows.append(_in_flight(tensor, plan, stage))
    return Ledger(rows)


def _homes(tensor: Tensor, last: int, tied: bool) -> Iterator[int]:
    """The stages that hold a tensor without a layer axis."""
    embeds = "embed" in tensor.name or tensor.part in ("embedding", "position_embedding")
    if tensor.kind == "overhead" or "{}" in tensor.name:
        yield from range(last + 1)  # every process has it; or it belongs to the layer in work, wherever that is
    elif embeds:
        yield 0
        if tied and is_parameter(tensor) and role(tensor) == "token_embd":
            yield last  # the head is the embedding: both ends need it
    else:
        yield last


def _in_flight(tensor: Tensor, plan: Plan, stage: int) -> Tensor:
    """Activations are kept for every batch that has gone forward and not come back."""
    if tensor.kind != "activations":
        return tensor
    waiting = plan.pp - stage
    batches = waiting if plan.microbatches is None else min(waiting, plan.microbatches)
    return tensor if batches == 1 else replace(tensor, axes=(*tensor.axes, Axis(batches)))
