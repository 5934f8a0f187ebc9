"""Number formats: how many bits a number takes, alone or in a block that shares a scale. Taught in lesson 01.

A plain format stores each element by itself. A block format stores `block` elements in `block_bytes` bytes, scales
included, and a tensor is padded up to whole blocks. INT4 is the smallest block format: two numbers in a byte.
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


_FORMATS = (
    Dtype("fp64", "double precision", 8, exponent=11, mantissa=52),
    Dtype("fp32", "single precision", 4, exponent=8, mantissa=23),
    Dtype("tf32", "TensorFloat-32", 4, exponent=8, mantissa=10, note="19 bits in the arithmetic unit, stored as FP32"),
    Dtype("bf16", "bfloat16", 2, exponent=8, mantissa=7, note="the range of FP32 with 8 bits of precision"),
    Dtype("fp16", "half precision", 2, exponent=5, mantissa=10, note="largest value 65,504"),
    Dtype("fp8_e4m3", "FP8 E4M3", 1, exponent=4, mantissa=3, note="largest value 448"),
    Dtype("fp8_e5m2", "FP8 E5M2", 1, exponent=5, mantissa=2, note="largest value 57,344"),
    Dtype("int64", "64-bit integer", 8),
    Dtype("int32", "32-bit integer", 4),
    Dtype("int16", "16-bit integer", 2),
    Dtype("int8", "8-bit integer", 1),
    Dtype("uint8", "8-bit code", 1, note="an index into a table, or two 4-bit codes"),
    Dtype("int4", "4-bit integer", 1, block=2, note="two numbers in a byte"),
    Dtype("bool", "truth value", 1, note="a whole byte in torch"),
)

_ALIASES = {
    "float64": "fp64", "double": "fp64", "float32": "fp32", "float": "fp32", "bfloat16": "bf16", "float16": "fp16",
    "half": "fp16", "fp8": "fp8_e4m3", "float8_e4m3fn": "fp8_e4m3", "float8_e5m2": "fp8_e5m2",
}  # fmt: skip

#: Every number format by name; torch's long names are accepted too.
dtypes: Registry[Dtype] = Registry("dtype", {d.name: d for d in _FORMATS}, _ALIASES)


def as_dtype(dtype: str | Dtype) -> Dtype:
    """The format itself, from its name or from itself."""
    return dtype if isinstance(dtype, Dtype) else dtypes[dtype]
