"""How much memory do the weights take? Taught in lessons 02 and 03."""

from __future__ import annotations

from ..architectures.architecture import Architecture
from ..ledger.dtypes import Dtype
from ..ledger.ledger import Ledger
from .arguments import need_architecture


def weights(arch: Architecture, *, dtype: str | Dtype = "bf16") -> Ledger:
    """Every parameter tensor of a model, stored in `dtype`: `.numel` is the parameter count, `.nbytes` the size.

    Names, shapes and order are those of the checkpoint; a tied head has no row, because it is not stored.
    Source: the modules of transformers, counted on real checkpoints (tests/fixtures/params.json).

    >>> from vram.architectures import models
    >>> weights(models["llama-2-7b"]).numel
    6738415616
    """
    return need_architecture(arch).parameters(dtype)
