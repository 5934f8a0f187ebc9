"""How much memory do quantised weights take, scales included? Taught in lessons 05 and 08.

The linear layers are quantised; embedding, head and norms stay as they are. NF4 and FP4 are bitsandbytes' formats:
two codes in a byte, an FP32 scale for each block of 64, a table of 16 entries a tensor; with double quantisation the
scales become one byte each, with an FP32 scale for every 256 of them, an offset and a table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..ledger.dtypes import Dtype, dtypes
from ..ledger.errors import unknown
from ..ledger.ledger import Ledger
from ..ledger.tensor import Tensor
from .derive import Derived, blocks, derive, scalar, table

_BLOCK = 64
_SCALES_BLOCK = 256


def _four_bit(double_quant: bool) -> tuple[Derived, ...]:
    if not double_quant:
        return (Derived("absmax", "fp32", blocks(_BLOCK)), Derived("quant_map", "fp32", table(16)))
    return (
        Derived("absmax", "uint8", blocks(_BLOCK)),
        Derived("nested_absmax", "fp32", blocks(_BLOCK * _SCALES_BLOCK)),
        Derived("nested_offset", "fp32", scalar),
        Derived("nested_quant_map", "fp32", table(256)),
        Derived("quant_map", "fp32", table(16)),
    )


_FORMATS = ("nf4", "fp4", "int8")


def quantize(
    ledger: Ledger,
    format: str = "nf4",
    *,
    double_quant: bool = True,
    keep: Iterable[str] = ("embedding", "lm_head", "norm"),
) -> Ledger:
    """The ledger with its linear weights packed in `format`, and the scales beside them.

    format        nf4 or fp4 (bitsandbytes 4 bit, blocks of 64), int8 (LLM.int8: one FP32 scale a row)
    double_quant  4 bit only: the scales are quantised too
    keep          kinds of tensor that stay as they are
    Source: bytes of really quantised tensors, bitsandbytes (tests/fixtures/quant.json).
    """
    if format not in _FORMATS:
        raise unknown("format", format, _FORMATS)
    kept = set(keep)
    packed: Dtype = dtypes["int8" if format == "int8" else "int4"]
    scales = (Derived("SCB", "fp32", lambda t: t.shape[:1]),) if format == "int8" else _four_bit(double_quant)
    result: list[Tensor] = []
    for tensor in ledger:
        if tensor.op in ("linear", "conv1d") and len(tensor.shape) == 2 and not kept & {tensor.kind, tensor.part}:
            result.append(replace(tensor, dtype=packed))
            result.extend(derive([tensor], scales))
        else:
            result.append(tensor)
    return Ledger(result)
