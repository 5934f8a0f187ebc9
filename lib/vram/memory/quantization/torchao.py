"""torchao: INT8, INT4 and FP8 weights as its tensor classes hold them.

A scale is FP32 where the class computes it so (int8, float8), and has the weight's own format where it follows the
weight (intx, int4). Symmetric INT8 still stores a zero point of one byte a scale.
"""

from __future__ import annotations

from ...ledger.arithmetic import Size, ceil_div
from ...ledger.tensor import Tensor
from ..derive import Derived, inputs, outputs
from .scheme import USUAL, Option, Options, Scheme, matrices

_ROW = "row"


def _scales(tensor: Tensor, group: int | str) -> tuple[Size, ...]:
    """One scale a row, or one for each group of inputs in a row."""
    return (*tensor.shape[:-2], outputs(tensor), 1 if group == _ROW else ceil_div(inputs(tensor), group))


def _int8(options: Options) -> tuple[Derived, ...]:
    group = options["group_size"]
    return (
        Derived("", "int8"),
        Derived("scale", "fp32", lambda t: _scales(t, group)),
        Derived("zero_point", "int8", lambda t: _scales(t, group)),
    )


def _intx(options: Options) -> tuple[Derived, ...]:
    """Integers of any width, unpacked to a byte each."""
    group = options["group_size"]
    return (
        Derived("", "int8"),
        Derived("scale", None, lambda t: _scales(t, group)),
        Derived("zero_point", "int8", lambda t: _scales(t, group)),
    )


def _int4(options: Options) -> tuple[Derived, ...]:
    group = options["group_size"]
    return (
        Derived("", "int4"),
        Derived("scale", None, lambda t: _scales(t, group)),
        Derived("zero_point", None, lambda t: _scales(t, group)),
    )


def _float8(options: Options) -> tuple[Derived, ...]:
    per_row = options["scales"] == _ROW
    return Derived("", "fp8_e4m3"), Derived("scale", "fp32", lambda t: _scales(t, _ROW) if per_row else (1, 1))


_ANY_GROUP = Option(_ROW, (_ROW, 16, 32, 64, 128, 256, 512, 1024))

_ROWS = {"group_size": _ANY_GROUP}


def _named(*words: str) -> tuple[str, ...]:
    """Names that torchao gives a configuration, alone and after the name of the library."""
    return (*words, *(f"torchao-{word}" for word in words))


SCHEMES = (
    Scheme("torchao-int8", "INT8, torchao", matrices(_int8), _ROWS, USUAL,
           _named("int8wo", "int8_weight_only", "Int8WeightOnlyConfig",
                  "int8dq", "Int8DynamicActivationInt8WeightConfig"),
           "torchao.quantization, version 2; weights alone, or with activations made INT8 on the fly"),
    Scheme("torchao-intx", "INTx, torchao", matrices(_intx), _ROWS, USUAL,
           _named("intx_weight_only", "IntxWeightOnlyConfig"), "torchao.quantization, unpacked to int8"),
    Scheme("torchao-int8-intx", "INTx weights, INT8 activations, torchao", matrices(_intx),
           {"group_size": Option(32, _ANY_GROUP.choices)}, USUAL, _named("Int8DynamicActivationIntxWeightConfig"),
           "torchao.quantization, unpacked to int8; activations are made INT8 on the fly"),
    Scheme("torchao-int4", "INT4, torchao", matrices(_int4), {"group_size": Option(128, (32, 64, 128, 256))}, USUAL,
           _named("int4wo", "int4_weight_only", "Int4WeightOnlyConfig"), "torchao.quantization, plain and tile-packed"),
    Scheme("torchao-float8", "FP8, torchao", matrices(_float8), {"scales": Option(_ROW, (_ROW, "tensor"))}, USUAL,
           _named("float8wo", "float8_weight_only", "Float8WeightOnlyConfig"), "torchao.quantization, version 2"),
)  # fmt: skip
