"""Number formats: how many bits a number takes, alone or in a block that shares a scale. Taught in lesson 01.

A plain format stores each element by itself. A block format stores `block` elements in `block_bytes` bytes, scales
included, and a tensor is padded up to whole blocks. INT4 is the smallest block format: two numbers in a byte.

Block formats count what every element costs. A table or a scale that a tensor has once is a tensor of its own;
`vram.quantize` lists those beside the packed weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from .arithmetic import Size, ceil_div
from .registry import Registry


@dataclass(frozen=True, slots=True)
class Dtype:
    """A number format. `exponent` and `mantissa` are bits of one element; both None for integers."""

    name: str
    title: str
    block_bytes: int
    block: int = 1
    exponent: int | None = None
    mantissa: int | None = None
    note: str = ""

    @property
    def bits_per_weight(self) -> Fraction:
        """Bits per element, scales included, exact.

        >>> dtypes["int4"].bits_per_weight
        Fraction(4, 1)
        """
        return Fraction(8 * self.block_bytes, self.block)

    def nbytes(self, numel: Size) -> Size:
        """Bytes of `numel` elements stored together, padded to whole blocks.

        >>> dtypes["bf16"].nbytes(10), dtypes["int4"].nbytes(3)
        (20, 2)
        """
        return numel * self.block_bytes if self.block == 1 else ceil_div(numel, self.block) * self.block_bytes

    def __str__(self) -> str:
        return self.name


_PLAIN = (
    Dtype("fp64", "double precision", 8, exponent=11, mantissa=52),
    Dtype("fp32", "single precision", 4, exponent=8, mantissa=23),
    Dtype("tf32", "TensorFloat-32", 4, exponent=8, mantissa=10, note="19 bits in the arithmetic unit, stored as FP32"),
    Dtype("bf16", "bfloat16", 2, exponent=8, mantissa=7, note="the range of FP32 with 8 bits of precision"),
    Dtype("fp16", "half precision", 2, exponent=5, mantissa=10, note="largest value 65,504"),
    Dtype("fp8_e4m3", "FP8 E4M3", 1, exponent=4, mantissa=3, note="largest value 448"),
    Dtype("fp8_e5m2", "FP8 E5M2", 1, exponent=5, mantissa=2, note="largest value 57,344"),
    Dtype("fp8_e4m3fnuz", "FP8 E4M3, no negative zero", 1, exponent=4, mantissa=3, note="largest value 240"),
    Dtype("fp8_e5m2fnuz", "FP8 E5M2, no negative zero", 1, exponent=5, mantissa=2, note="largest value 57,344"),
    Dtype("fp8_e8m0", "power of two", 1, exponent=8, mantissa=0, note="a scale of the MX formats; has no sign"),
    Dtype("int64", "64-bit integer", 8),
    Dtype("int32", "32-bit integer", 4),
    Dtype("int16", "16-bit integer", 2),
    Dtype("int8", "8-bit integer", 1),
    Dtype("uint8", "8-bit code", 1, note="an index into a table, or two 4-bit codes"),
    Dtype("bool", "truth value", 1, note="a whole byte in torch"),
)

_PACKED = (
    Dtype("int4", "4-bit integer", 1, block=2, note="two numbers in a byte"),
    Dtype("int3", "3-bit integer", 12, block=32, note="32 numbers in three 32-bit words, as GPTQ packs them"),
    Dtype("int2", "2-bit integer", 1, block=4, note="four numbers in a byte"),
    Dtype("fp4_e2m1", "FP4 E2M1", 1, block=2, exponent=2, mantissa=1, note="largest value 6"),
    Dtype("fp6_e3m2", "FP6 E3M2", 3, block=4, exponent=3, mantissa=2, note="largest value 28"),
    Dtype("fp6_e2m3", "FP6 E2M3", 3, block=4, exponent=2, mantissa=3, note="largest value 7.5"),
)

_ONE_SCALE = "an E8M0 scale for 32 numbers"
_BLOCKS = (
    Dtype("nf4", "NormalFloat 4", 32 + 4, block=64, note="an FP32 scale for 64 numbers"),
    Dtype("nf4-double-quant", "NormalFloat 4, double quantisation", 256 * (32 + 1) + 4, block=256 * 64,
          note="a one-byte scale for 64 numbers, an FP32 scale for 256 of those scales"),
    Dtype("fp4", "FP4 of bitsandbytes", 32 + 4, block=64, note="an FP32 scale for 64 numbers"),
    Dtype("fp4-double-quant", "FP4 of bitsandbytes, double quantisation", 256 * (32 + 1) + 4, block=256 * 64,
          note="a one-byte scale for 64 numbers, an FP32 scale for 256 of those scales"),
    Dtype("mxfp8_e4m3", "MXFP8", 32 + 1, block=32, exponent=4, mantissa=3, note=_ONE_SCALE),
    Dtype("mxfp8_e5m2", "MXFP8 E5M2", 32 + 1, block=32, exponent=5, mantissa=2, note=_ONE_SCALE),
    Dtype("mxfp6_e3m2", "MXFP6 E3M2", 24 + 1, block=32, exponent=3, mantissa=2, note=_ONE_SCALE),
    Dtype("mxfp6_e2m3", "MXFP6 E2M3", 24 + 1, block=32, exponent=2, mantissa=3, note=_ONE_SCALE),
    Dtype("mxfp4", "MXFP4", 16 + 1, block=32, exponent=2, mantissa=1, note=_ONE_SCALE),
    Dtype("mxint8", "MXINT8", 32 + 1, block=32, note=_ONE_SCALE),
    Dtype("nvfp4", "NVFP4", 8 + 1, block=16, exponent=2, mantissa=1,
          note="an E4M3 scale for 16 numbers; a tensor has one FP32 scale more"),
)  # fmt: skip

# Sizes of a block as ggml stores it: scales (and minima), then the codes. K-types group 256 numbers.
_GGUF = (
    Dtype("Q1_0", "GGUF Q1_0", 2 + 16, block=128),
    Dtype("Q2_0", "GGUF Q2_0", 2 + 16, block=64),
    Dtype("Q4_0", "GGUF Q4_0", 2 + 16, block=32),
    Dtype("Q4_1", "GGUF Q4_1", 4 + 16, block=32),
    Dtype("Q5_0", "GGUF Q5_0", 2 + 4 + 16, block=32),
    Dtype("Q5_1", "GGUF Q5_1", 4 + 4 + 16, block=32),
    Dtype("Q8_0", "GGUF Q8_0", 2 + 32, block=32),
    Dtype("Q8_1", "GGUF Q8_1", 8 + 32, block=32, note="40 bytes in gguf's table; ggml's own blocks hold 36 in memory"),
    Dtype("Q2_K", "GGUF Q2_K", 4 + 16 + 64, block=256),
    Dtype("Q3_K", "GGUF Q3_K", 2 + 12 + 64 + 32, block=256),
    Dtype("Q4_K", "GGUF Q4_K", 4 + 12 + 128, block=256),
    Dtype("Q5_K", "GGUF Q5_K", 4 + 12 + 128 + 32, block=256),
    Dtype("Q6_K", "GGUF Q6_K", 2 + 16 + 128 + 64, block=256),
    Dtype("Q8_K", "GGUF Q8_K", 4 + 32 + 256, block=256, note="only inside a computation"),
    Dtype("IQ1_S", "GGUF IQ1_S", 2 + 32 + 16, block=256),
    Dtype("IQ1_M", "GGUF IQ1_M", 32 + 16 + 8, block=256),
    Dtype("IQ2_XXS", "GGUF IQ2_XXS", 2 + 64, block=256),
    Dtype("IQ2_XS", "GGUF IQ2_XS", 2 + 64 + 8, block=256),
    Dtype("IQ2_S", "GGUF IQ2_S", 2 + 64 + 16, block=256),
    Dtype("IQ3_XXS", "GGUF IQ3_XXS", 2 + 96, block=256),
    Dtype("IQ3_S", "GGUF IQ3_S", 2 + 96 + 8 + 4, block=256),
    Dtype("IQ4_NL", "GGUF IQ4_NL", 2 + 16, block=32),
    Dtype("IQ4_XS", "GGUF IQ4_XS", 2 + 2 + 4 + 128, block=256),
    Dtype("TQ1_0", "GGUF TQ1_0", 2 + 4 + 48, block=256, note="ternary, five numbers in a byte"),
    Dtype("TQ2_0", "GGUF TQ2_0", 2 + 64, block=256, note="ternary, four numbers in a byte"),
)

_FORMATS = (*_PLAIN, *_PACKED, *_BLOCKS, *_GGUF)

_ALIASES = {
    "float64": "fp64", "double": "fp64", "float32": "fp32", "float": "fp32", "bfloat16": "bf16", "float16": "fp16",
    "half": "fp16", "single": "fp32", "e4m3": "fp8_e4m3", "e5m2": "fp8_e5m2", "fp8": "fp8_e4m3",
    "float8_e4m3fn": "fp8_e4m3", "fp8_e4m3fn": "fp8_e4m3", "float8": "fp8_e4m3",
    "float8_e5m2": "fp8_e5m2", "float8_e4m3fnuz": "fp8_e4m3fnuz", "float8_e5m2fnuz": "fp8_e5m2fnuz",
    "float8_e8m0fnu": "fp8_e8m0", "e8m0": "fp8_e8m0", "uint4": "int4", "uint2": "int2", "float4_e2m1fn_x2": "fp4_e2m1",
    "mxfp8": "mxfp8_e4m3", "mxfp6": "mxfp6_e3m2",
    "F64": "fp64", "F32": "fp32", "F16": "fp16", "BF16": "bf16", "I64": "int64", "I32": "int32", "I16": "int16",
    "I8": "int8", "U8": "uint8", "F8_E4M3": "fp8_e4m3", "F8_E5M2": "fp8_e5m2", "F8_E8M0": "fp8_e8m0",
}  # fmt: skip
_ALIASES |= {f"torch.{name}": _ALIASES.get(name, name) for name in (
    "float64", "double", "float32", "float", "bfloat16", "float16", "half", "float8_e4m3fn", "float8_e5m2",
    "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2", "int64", "int32", "int16", "int8",
    "uint8", "uint4", "int4", "uint2", "int2", "bool",
)}  # fmt: skip

#: Every number format by name; the spellings of torch, GGUF and safetensors are accepted too.
dtypes: Registry[Dtype] = Registry("dtype", {d.name: d for d in _FORMATS}, _ALIASES)


def as_dtype(dtype: str | Dtype) -> Dtype:
    """The format itself, from its name or from itself."""
    return dtype if isinstance(dtype, Dtype) else dtypes[dtype]
