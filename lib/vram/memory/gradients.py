"""How much memory do the gradients take? One number for each trainable parameter. Taught in lesson 06."""

from __future__ import annotations

from ..ledger.dtypes import Dtype
from ..ledger.ledger import Ledger
from .arguments import need_ledger
from .derive import Derived, derive


def gradients(ledger: Ledger, *, dtype: str | Dtype | None = None) -> Ledger:
    """One gradient for each tensor of `ledger` (the trainable parameters), in `dtype` or the tensor's own format.

    Source: torch gives a leaf tensor's `.grad` the shape and dtype of the tensor.

    >>> from vram import models, weights
    >>> gradients(weights(models["gpt2"], dtype="fp32")).nbytes == 4 * 124_439_808
    True
    """
    return derive(need_ledger(ledger), [Derived("grad")], dtype)
