"""What does an optimizer's step need for the moment? Temporaries of the update, for one tensor or for all at once.

torch updates tensor by tensor, or (`foreach`, its default on CUDA) all tensors with a few kernels, each of whose
intermediate results then exists for all of them at once; a fused optimizer needs none.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..ledger.arithmetic import Size, largest
from ..ledger.dtypes import Dtype, dtypes
from ..ledger.ledger import Ledger
from ..ledger.tensor import Axis, Tensor


@dataclass(frozen=True, slots=True)
class Temporaries:
    """How many tensors of the size of a parameter are alive at once: of the largest parameter in a loop, of all."""

    loop: int
    foreach: int


#: By optimizer, as torch runs it (measured: tests/oracle/optimizer_step.py). Optimizers that are not named are fused
#: kernels of their own libraries, which need none.
_TEMPORARIES = {
    "adam": Temporaries(2, 1), "adamw": Temporaries(2, 1), "adam-amsgrad": Temporaries(2, 1),
    "adamax": Temporaries(1, 1), "nadam": Temporaries(2, 1), "radam": Temporaries(2, 1),
    "adagrad": Temporaries(1, 2), "adadelta": Temporaries(2, 2), "asgd": Temporaries(0, 1), "rprop": Temporaries(3, 2),
    "rmsprop": Temporaries(1, 1), "rmsprop-momentum": Temporaries(1, 1), "rmsprop-centered": Temporaries(1, 1),
    "rmsprop-centered-momentum": Temporaries(1, 1), "adafactor-torch": Temporaries(1, 1),
}  # fmt: skip


def step_temporaries(updated: Ledger, optimizer: str, dtype: str | Dtype | None, foreach: bool | None) -> Ledger:
    """The temporaries of one step on the tensors that the optimizer updates.

    foreach  True: all tensors at once; False: one after the other; None: a fused kernel, which needs none
    """
    needed = _TEMPORARIES.get(optimizer)
    if needed is None or foreach is None or not len(updated):
        return Ledger()
    if dtype is not None:
        updated = updated.cast(dtype)
    if foreach:
        each = (t for t in updated for _ in range(needed.foreach))
        return Ledger(_row(f"{t.name}.update", t.shape, t.dtype, t.axes) for t in each)
    if not needed.loop:
        return Ledger()
    formats = {t.dtype for t in updated}
    if len(formats) > 1:  # tensors of several formats are compared by their bytes
        widest = largest(t.dtype.nbytes(t.size) for t in updated)
        return Ledger([_row("update of the largest tensor", (needed.loop, widest), dtypes["uint8"], ())])
    return Ledger([
        _row("update of the largest tensor", (needed.loop, largest(t.size for t in updated)), formats.pop(), ())
    ])


def _row(name: str, shape: tuple[Size, ...], dtype: Dtype, axes: tuple[Axis, ...]) -> Tensor:
    return Tensor(name, shape, dtype, "temporaries", axes, basis="implementation")
