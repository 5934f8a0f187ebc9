"""GPTQ and AWQ: integers in groups along the input, with an FP16 scale and a packed zero point a group and output.

Both pack integers into 32-bit words; GPTQ along the input (qweight: in·bits/32 × out), AWQ along the output
(in × out·bits/32). GPTQ also stores the group of each input (g_idx), which matters where columns were reordered.
"""

from __future__ import annotations

from ...ledger.arithmetic import Size, ceil_div
from ...ledger.tensor import Tensor
from ..derive import Derived, inputs, outputs
from .scheme import USUAL_OFFLINE, Option, Options, Scheme, matrices

_WHOLE = -1  # a group size of −1 means one group for all inputs


def _groups(tensor: Tensor, size: int) -> Size:
    return 1 if size == _WHOLE else ceil_div(inputs(tensor), size)


def _words(n: Size, bits: int) -> Size:
    """32-bit words that hold n integers of `bits` bits."""
    return ceil_div(n * bits, 32)


def _gptq(options: Options) -> tuple[Derived, ...]:
    bits, size = options["bits"], options["group_size"]
    return (
        Derived("qweight", "int32", lambda t: (_words(inputs(t), bits), outputs(t)), beside=True),
        Derived("qzeros", "int32", lambda t: (_groups(t, size), _words(outputs(t), bits)), beside=True),
        Derived("scales", "fp16", lambda t: (_groups(t, size), outputs(t)), beside=True),
        Derived("g_idx", "int32", lambda t: (inputs(t),), beside=True),
    )


def _awq(options: Options) -> tuple[Derived, ...]:
    bits, size = options["bits"], options["group_size"]
    return (
        Derived("qweight", "int32", lambda t: (inputs(t), _words(outputs(t), bits)), beside=True),
        Derived("qzeros", "int32", lambda t: (_groups(t, size), _words(outputs(t), bits)), beside=True),
        Derived("scales", "fp16", lambda t: (_groups(t, size), outputs(t)), beside=True),
    )


_SIZES = Option(128, (_WHOLE, 16, 32, 64, 128, 256, 512, 1024))

SCHEMES = (
    Scheme("gptq", "GPTQ", matrices(_gptq), {"bits": Option(4, (2, 3, 4, 8)), "group_size": _SIZES}, USUAL_OFFLINE,
           source="layout of AutoGPTQ and GPTQModel checkpoints"),
    Scheme("awq", "AWQ", matrices(_awq), {"bits": Option(4, (4,)), "group_size": _SIZES}, USUAL_OFFLINE,
           source="layout of AutoAWQ checkpoints, GEMM"),
)  # fmt: skip
