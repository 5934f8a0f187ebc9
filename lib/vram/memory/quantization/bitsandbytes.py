"""bitsandbytes: NF4 and FP4 with a scale a block, perhaps quantised again; LLM.int8 with a scale a row.

Four-bit weights: two codes in a byte, an FP32 scale for each block of 64, a table of 16 entries a tensor. With double
quantisation the scales become one byte each, with an FP32 scale for every 256 of them, an offset and a table.
"""

from __future__ import annotations

from ..derive import Derived, blocks, outputs, scalar, table
from .scheme import Option, Options, Scheme, matrices

_SCALES_BLOCK = 256
_SOURCE = "bitsandbytes.functional.quantize_4bit, int8_vectorwise_quant"


def _four_bit(options: Options) -> tuple[Derived, ...]:
    block = options["blocksize"]
    codes, code_table = Derived("", "int4"), Derived("quant_map", "fp32", table(16))
    if not options["double_quant"]:
        return codes, Derived("absmax", "fp32", blocks(block)), code_table
    return (
        codes,
        Derived("absmax", "uint8", blocks(block)),
        Derived("nested_absmax", "fp32", blocks(block * _SCALES_BLOCK)),
        Derived("nested_offset", "fp32", scalar),
        Derived("nested_quant_map", "fp32", table(256)),
        code_table,
    )


def _int8(options: Options) -> tuple[Derived, ...]:
    return Derived("", "int8"), Derived("SCB", "fp32", lambda tensor: (*tensor.shape[:-2], outputs(tensor)))


_OPTIONS = {
    "double_quant": Option(True, (True, False)),
    "blocksize": Option(64, (32, 64, 128, 256, 512, 1024, 2048, 4096)),
}

SCHEMES = (
    Scheme("nf4", "NF4, bitsandbytes", matrices(_four_bit), _OPTIONS, aliases=("bnb-nf4", "bnb_nf4"), source=_SOURCE),
    Scheme("fp4", "FP4, bitsandbytes", matrices(_four_bit), _OPTIONS, aliases=("bnb-fp4", "bnb_fp4"), source=_SOURCE),
    Scheme(
        "int8", "LLM.int8, bitsandbytes", matrices(_int8), source=_SOURCE,
        aliases=("bnb-int8", "bnb_int8", "llm.int8", "llm_int8", "LLM.int8"),
    ),
)  # fmt: skip
