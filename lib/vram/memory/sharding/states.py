"""ZeRO and FSDP: copies of a model that share its states. Stage 1 divides optimizer states, 2 gradients, 3 weights.

What is divided must be whole when it is used. Stage 3 gathers the weights of the layer in use and of the next one, and
keeps those outside the layers whole while a batch runs; from stage 2 on, the gradients of one layer are whole until
they are summed and divided. These buffers are in the ledger as temporaries.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...ledger.arithmetic import is_whole, smallest
from ...ledger.ledger import Ledger
from ...ledger.tensor import Axis, Tensor
from .plan import Plan, is_expert, is_parameter, share

#: The first stage that divides a kind of memory.
_STAGE = {"optimizer states": 1, "gradients": 2, "weights": 3}
#: Layers whose weights are whole at once: the one in use, and the next, fetched ahead.
_AHEAD = 2


def of_copy(phase: str, ledger: Ledger, plan: Plan) -> Ledger:
    """What one of the copies holds in a phase."""
    group = plan.dp * plan.cp
    updating = "optimizer" in phase
    rows = [_divided(t, plan, group, updating) for t in ledger]
    if group > 1 and plan.zero == 3 and not updating and phase != "load":
        rows += _whole(ledger, "weights", _AHEAD, "gathered", outside=True)
    if group > 1 and plan.zero >= 2 and not updating:
        rows += _whole(ledger, "gradients", 1, "before reduction", outside=False)
    return Ledger(t for t in rows if not _is_offloaded(t, plan))


def _divided(tensor: Tensor, plan: Plan, group: int, updating: bool) -> Tensor:
    """One copy's share of a tensor, flat; experts that are divided already are shared by fewer copies.

    What the optimizer makes for a moment is as large as the states that it updates.
    """
    kind = "optimizer states" if updating and tensor.kind == "temporaries" and is_parameter(tensor) else tensor.kind
    if kind not in _STAGE or plan.zero < _STAGE[kind]:
        return tensor
    parts, index = group, plan.rank("dp") * plan.cp + plan.rank("cp")
    if is_expert(tensor) and plan.ep > 1:
        parts, index = group // plan.ep, index // plan.ep
    return tensor if parts == 1 else tensor.but(shape=(share(tensor.size, parts, index),))


def _whole(ledger: Ledger, kind: str, layers: int, why: str, outside: bool) -> Iterator[Tensor]:
    """The tensors of the heaviest layer, so many times, and those outside the layers."""
    rows = [t for t in ledger if t.kind == kind]
    starts = {t.axes[0].start for t in rows if t.axes}
    in_layer = {i: [t for t in rows if t.axes and _reaches(t.axes[0], i)] for i in starts}
    heaviest = max(in_layer, key=lambda i: _weight(in_layer[i]), default=None)
    for t in in_layer.get(heaviest, ()):
        count = smallest((layers, t.axes[0].count))
        yield t.but(name=f"{t.name}, {why}", kind="temporaries", axes=(Axis(count), *t.axes[1:]))
    for t in rows if outside else ():
        if not t.axes:
            yield t.but(name=f"{t.name}, {why}", kind="temporaries")


def _reaches(axis: Axis, index: int) -> bool:
    return not is_whole(axis.count) or index in axis.indices()


def _weight(rows: list[Tensor]) -> int:
    """Bytes of one layer, to compare; where they are no plain number the kinds of layer cannot be told apart."""
    sizes = [t.nbytes // t.axes[0].count if is_whole(t.axes[0].count) else t.nbytes for t in rows]
    return sum(sizes) if all(is_whole(n) for n in sizes) else len(sizes)


def _is_offloaded(tensor: Tensor, plan: Plan) -> bool:
    """True for what lies in host memory: the states, from stage 2 on the gradients, and the weights if wanted."""
    if plan.offload == "none":
        return False
    if tensor.kind == "optimizer states" or (tensor.kind == "gradients" and plan.zero >= 2):
        return True
    return tensor.kind == "weights" and plan.offload == "parameters"
