"""What does an optimizer remember? The states of each optimizer as data. Taught in lesson 06.

torch's own optimizers keep their moments in the parameter's format and a step counter of one FP32 number a tensor.
bitsandbytes' 8-bit optimizers keep one byte a number, an FP32 scale for each block of 256 and a table of 256 entries,
but leave tensors below 4,096 elements in FP32.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..ledger.dtypes import Dtype
from ..ledger.ledger import Ledger
from ..ledger.registry import Registry
from .derive import Derived, at_least, below, blocks, columns, derive, matrix, rows, scalar, table, vector


@dataclass(frozen=True, slots=True)
class Optimizer:
    """An optimizer: what it keeps for each parameter tensor between steps."""

    name: str
    title: str
    states: tuple[Derived, ...]
    source: str = "torch.optim"


_STEP = Derived("step", "fp32", scalar)
_SMALL = 4096
_BLOCK = 256


def _eight_bit(*moments: str) -> tuple[Derived, ...]:
    """bitsandbytes: bytes, scales and table for large tensors, FP32 for small ones."""
    large = [
        rule
        for moment in moments
        for rule in (
            Derived(f"state{moment}", "uint8", when=at_least(_SMALL)),
            Derived(f"absmax{moment}", "fp32", blocks(_BLOCK), at_least(_SMALL)),
            Derived(f"qmap{moment}", "fp32", table(256), at_least(_SMALL)),
        )
    ]
    return tuple(large) + tuple(Derived(f"state{moment}", "fp32", when=below(_SMALL)) for moment in moments)


_BNB = "bitsandbytes.optim"
_OPTIMIZERS = (
    Optimizer("sgd", "SGD", ()),
    Optimizer("sgd-momentum", "SGD with momentum", (Derived("momentum_buffer"),)),
    Optimizer("adam", "Adam", (_STEP, Derived("exp_avg"), Derived("exp_avg_sq"))),
    Optimizer("adamw", "AdamW", (_STEP, Derived("exp_avg"), Derived("exp_avg_sq"))),
    Optimizer("adamw-8bit", "AdamW, 8 bit", _eight_bit("1", "2"), _BNB),
    Optimizer(
        "adafactor", "Adafactor",
        (Derived("exp_avg_sq_row", "fp32", rows, matrix), Derived("exp_avg_sq_col", "fp32", columns, matrix),
         Derived("RMS", "fp32", scalar), Derived("exp_avg_sq", "fp32", when=vector)),
        "transformers.optimization.Adafactor, no first moment",
    ),
    Optimizer("lion", "Lion", (Derived("state1", "fp32"),), _BNB),
)  # fmt: skip

#: Every optimizer by name.
optimizers: Registry[Optimizer] = Registry(
    "optimizer",
    {o.name: o for o in _OPTIMIZERS},
    {"adamw8bit": "adamw-8bit", "adamw_torch": "adamw", "adamw_bnb_8bit": "adamw-8bit"},
)


def optimizer_states(ledger: Ledger, optimizer: str = "adamw", *, dtype: str | Dtype | None = None) -> Ledger:
    """What the optimizer keeps for the tensors of `ledger` (the trainable parameters) after its first step.

    States that follow the parameter's format take `dtype` instead, if given. Raises `VramError` for an unknown name.
    Source: real optimizers after one step on small models (tests/fixtures/optimizer_state.json).

    >>> from vram import models, weights
    >>> optimizer_states(weights(models["gpt2"], dtype="fp32"), "sgd").nbytes
    0
    """
    return derive(ledger, optimizers[optimizer].states, dtype)
