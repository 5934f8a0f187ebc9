"""What no tensor explains: measured constants, each with its source and its range. Taught in lesson 11.

A process holds memory on the card before its first tensor (the CUDA context with its kernels) and beside its tensors
(workspaces of libraries). The caching allocator rounds and keeps what it once took, so that reserved exceeds allocated.
None of this follows from a model: it is measured, it changes with driver and version, and it is never mixed with bytes
that are exact.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..ledger.dtypes import dtypes
from ..ledger.ledger import Ledger
from ..ledger.registry import Registry
from ..ledger.tensor import Tensor

_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Constant:
    """A measured number of bytes: the usual value, and the least and the most that were reported."""

    name: str
    nbytes: int
    least: int
    most: int
    source: str


_CONSTANTS = (
    Constant(
        "CUDA context", 500 * _MIB, 300 * _MIB, 1343 * _MIB,
        "pytorch issue 107667: about 300 MB, above 1,000 MB before CUDA 11.7 loaded kernels lazily; Hugging Face's "
        "documentation: 1,343 MiB on a V100",
    ),
    Constant(
        "cuBLAS workspace", 8_519_680, 8_519_680, 32 * _MIB,
        "torch's default, 2 × 4,096 KiB + 8 × 16 KiB for each handle and stream; 32 MiB on Hopper "
        "(ATen/cuda/CublasHandlePool.cpp)",
    ),
)  # fmt: skip

#: Every constant by name.
constants: Registry[Constant] = Registry("constant", {c.name: c for c in _CONSTANTS})

#: torch's caching allocator: sizes are rounded up to this, and taken from the card in blocks of 2 or 20 MiB
#: (c10/cuda/CUDACachingAllocator.cpp).
ALLOCATION = 512


def overhead() -> Ledger:
    """The usual constants of one process on one card, as rows of kind overhead and basis measured."""
    return Ledger(
        Tensor(c.name, (c.nbytes,), dtypes["uint8"], "overhead", basis="measured") for c in constants.values()
    )
