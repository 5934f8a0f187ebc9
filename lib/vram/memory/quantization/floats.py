"""FP8 with a scale a tensor, a row or a block; MXFP4 and its kin with a power-of-two scale for 32 numbers; NVFP4.

FP8 checkpoints differ in how many numbers share a scale: one tensor (ModelOpt, vLLM), one row (FBGEMM), a square of
128 × 128 (DeepSeek-V3). MX scales are one byte (E8M0) for 32 numbers. NVFP4 has an E4M3 scale for 16 numbers and an
FP32 scale for the tensor.
"""

from __future__ import annotations

from collections.abc import Callable

from ...ledger.arithmetic import Size, ceil_div
from ...ledger.ledger import Ledger
from ...ledger.tensor import Tensor
from ..derive import Derived, Shape, inputs, outputs, scalar
from .scheme import USUAL_OFFLINE, Kept, Option, Options, Scheme, is_expert, matrices


def _stacked(tensor: Tensor, rows: Size, columns: Size) -> Shape:
    """A matrix of scales for each matrix of the tensor."""
    return (*tensor.shape[:-2], rows, columns)


def _fp8(dtype: str) -> Callable[[Options], tuple[Derived, ...]]:
    def rules(options: Options) -> tuple[Derived, ...]:
        size = options["block_size"]
        shapes = {
            "tensor": scalar,
            "row": lambda t: _stacked(t, outputs(t), 1),
            "block": lambda t: _stacked(t, ceil_div(outputs(t), size), ceil_div(inputs(t), size)),
        }
        name = "weight_scale_inv" if options["scales"] == "block" else "weight_scale"
        fixed = (Derived("input_scale", "fp32", scalar, beside=True),) if options["static_activations"] else ()
        return (Derived("", dtype), Derived(name, "fp32", shapes[options["scales"]], beside=True), *fixed)

    return rules


def _mx(dtype: str) -> Callable[[Options], tuple[Derived, ...]]:
    groups = lambda t: _stacked(t, outputs(t), ceil_div(inputs(t), 32))  # noqa: E731
    return lambda options: (Derived("", dtype), Derived("weight_scale", "fp8_e8m0", groups, beside=True))


def _nvfp4(options: Options) -> tuple[Derived, ...]:
    fixed = (Derived("input_scale", "fp32", scalar, beside=True),) if options["static_activations"] else ()
    return (
        Derived("", "fp4_e2m1"),
        Derived(
            "weight_scale", "fp8_e4m3", lambda t: _stacked(t, outputs(t), ceil_div(inputs(t), 16)), beside=True
        ),
        Derived("weight_scale_2", "fp32", scalar, beside=True),
        *fixed,
    )  # fmt: skip


def _experts_only(apply: Callable[[Ledger, Kept, Options], Ledger]) -> Callable[[Ledger, Kept, Options], Ledger]:
    """Where a model has experts, they alone are quantised, as gpt-oss does; a dense model in full."""

    def only(ledger: Ledger, kept: Kept, options: Options) -> Ledger:
        if not options["experts_only"] or not any(map(is_expert, ledger)):
            return apply(ledger, kept, options)
        return apply(ledger, lambda t: kept(t) or not is_expert(t), options)

    return only


_SCALES = Option("tensor", ("tensor", "row", "block"))
_STATIC = Option(False, (True, False))
_EXPERTS = {"experts_only": Option(True, (True, False))}


def _fp8_scheme(name: str, title: str, dtype: str, *aliases: str) -> Scheme:
    options = {"scales": _SCALES, "block_size": Option(128), "static_activations": _STATIC}
    return Scheme(name, title, matrices(_fp8(dtype)), options, USUAL_OFFLINE, aliases,
                  "checkpoints of ModelOpt and vLLM (tensor), FBGEMM (row), DeepSeek-V3 (block)")  # fmt: skip


def _mx_scheme(name: str, title: str, dtype: str, *aliases: str) -> Scheme:
    return Scheme(name, title, _experts_only(matrices(_mx(dtype))), _EXPERTS, USUAL_OFFLINE, aliases,
                  "OCP Microscaling Formats specification 1.0; the checkpoints of gpt-oss")  # fmt: skip


SCHEMES = (
    _fp8_scheme("fp8", "FP8 E4M3", "fp8_e4m3", "fp8_e4m3", "float8"),
    _fp8_scheme("fp8-e5m2", "FP8 E5M2", "fp8_e5m2", "fp8_e5m2"),
    _mx_scheme("mxfp4", "MXFP4", "fp4_e2m1", "MXFP4"),
    _mx_scheme("mxfp6", "MXFP6", "fp6_e3m2", "mxfp6_e3m2", "mxfp6_e2m3"),
    _mx_scheme("mxfp8", "MXFP8", "fp8_e4m3", "mxfp8_e4m3", "mxfp8_e5m2"),
    Scheme("nvfp4", "NVFP4", matrices(_nvfp4), {"static_activations": _STATIC}, USUAL_OFFLINE, ("NVFP4",),
           "checkpoints of TensorRT Model Optimizer"),
)  # fmt: skip

