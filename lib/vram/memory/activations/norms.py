"""Norms: LayerNorm in one kernel, RMSNorm in the six operations that transformers writes it in."""

from __future__ import annotations

from ...ledger.dtypes import Dtype, dtypes
from .forward import Forward
from .megatron import fused_norm
from .tape import Storage, Value


def norm(f: Forward, name: str, x: Value) -> Value:
    """The norm of that module over the last dimension, as the family computes it."""
    if f.setting.implementation == "megatron":
        return fused_norm(f, name, x)
    usual = layer_norm if f.arch.norm_bias or f.arch.model_type in _LAYER_NORM else rms_norm
    return _STYLES.get(f.arch.model_type, usual)(f, name, x)


def layer_norm(f: Forward, name: str, x: Value) -> Value:
    """torch's LayerNorm: keeps its input, and a mean and a deviation for each token."""
    if f.setting.autocast is not None and f.setting.backend == "cuda":  # on a CPU, autocast leaves it alone
        x = f.cast(f"{name}.cast", x, dtypes["fp32"])
    weights = [f.parameter(n) for n in (f"{name}.weight", f"{name}.bias") if n in f.weights]
    narrow = x.dtype.name in ("bf16", "fp16") and (f.setting.backend == "cuda" or _wider(weights, x))
    statistics = dtypes["fp32"] if narrow else x.dtype
    extra = _statistics(name, x, statistics)
    return f.tape.record(name, (x, *weights), x.shape, x.dtype, saves=[(x, "input")], extra=extra)


def layer_norm_plus_one(f: Forward, name: str, x: Value) -> Value:
    """A LayerNorm whose scale is one plus the weight; under autocast all of it is in the lower format."""
    one_plus = f.map(f"{name}.weight.plus one", f.parameter(f"{name}.weight"))
    bias = f.parameter(f"{name}.bias")
    if (to := f.setting.autocast) is not None and f.setting.backend == "cuda":
        x, one_plus, bias = (f.cast(f"{name}:cast", value, to) for value in (x, one_plus, bias))
    wide = x.dtype.name in ("bf16", "fp16") and f.setting.backend == "cuda"
    extra = _statistics(name, x, dtypes["fp32"] if wide else x.dtype)
    saves = [(x, "input"), (one_plus, "one plus weight")]
    return f.tape.record(name, (x, one_plus, bias), x.shape, x.dtype, saves=saves, extra=extra)


def _statistics(name: str, x: Value, dtype: Dtype) -> list[Storage]:
    return [Storage(f"{name}:{what}", (*x.shape[:-1], 1), dtype) for what in ("mean", "rstd")]


def bare_layer_norm(f: Forward, name: str, x: Value) -> Value:
    """A LayerNorm in FP32 that stores nothing."""
    return f.cast(name, layer_norm(f, name, f.cast(f"{name}.cast", x, dtypes["fp32"])), x.dtype)


def rms_norm(f: Forward, name: str, x: Value) -> Value:
    """weight · (x / rms(x)), the quotient in FP32 and then cast: keeps both factors of each product."""
    normed = f.cast(f"{name}.cast", divided(f, name, f.cast(f"{name}.input", x, dtypes["fp32"])), x.dtype)
    return f.mul(name, normed, f.parameter(f"{name}.weight"), ("normed", "weight"))


def late_rms_norm(f: Forward, name: str, x: Value) -> Value:
    """weight · (x / rms(x)), both in FP32, cast at the end: the quotient is kept in FP32."""
    normed = divided(f, name, f.cast(f"{name}.input", x, dtypes["fp32"]))
    scaled = f.mul(f"{name}.scale", normed, f.parameter(f"{name}.weight"), ("normed", "weight"))
    return f.cast(name, scaled, x.dtype)


def wide_rms_norm(f: Forward, name: str, x: Value) -> Value:
    """weight · (x / rms(x)), the root in FP32, x as it is: the quotient is as wide as the root until it is cast."""
    inverse = _inverse_root(f, name, f.power(f"{name}.pow", f.cast(f"{name}.input", x, dtypes["fp32"])))
    weight, normed = f.parameter(f"{name}.weight"), f.mul(f"{name}.normed", x, inverse, ("input", "rsqrt"))
    if weight.dtype.name in ("bf16", "fp16"):
        normed = f.cast(f"{name}.cast", normed, weight.dtype)
    return f.mul(name, normed, weight, ("normed", "weight"))


def gemma_norm(f: Forward, name: str, x: Value) -> Value:
    """(1 + weight) · (x / rms(x)), all in FP32, cast at the end: 1 + weight is kept too."""
    normed = divided(f, name, f.cast(f"{name}.input", x, dtypes["fp32"]))
    weight = f.cast(f"{name}.weight.cast", f.parameter(f"{name}.weight"), dtypes["fp32"])
    one_plus = f.map(f"{name}.weight.plus one", weight)
    return f.cast(name, f.mul(f"{name}.scale", normed, one_plus, ("normed", "one plus weight")), x.dtype)


def cohere_norm(f: Forward, name: str, x: Value) -> Value:
    """A LayerNorm written out: the difference from the mean is made, and kept, twice."""
    wide = f.cast(f"{name}.input", x, dtypes["fp32"])
    mean = f.map(f"{name}:mean", wide, shape=(*x.shape[:-1], 1))
    squares = f.power(f"{name}.pow", f.add(f"{name}.difference", wide, mean))
    inverse = _inverse_root(f, name, squares)
    normed = f.mul(f"{name}.normed", f.add(f"{name}.difference", wide, mean), inverse, ("difference", "rsqrt"))
    weight = f.cast(f"{name}.weight.cast", f.parameter(f"{name}.weight"), dtypes["fp32"])
    return f.cast(name, f.mul(f"{name}.scale", normed, weight, ("normed", "weight")), x.dtype)


def divided(f: Forward, name: str, x: Value) -> Value:
    """x / sqrt(mean(x²) + ε)."""
    inverse = _inverse_root(f, name, f.power(f"{name}.pow", x))
    return f.mul(f"{name}.normed", x, inverse, ("input", "rsqrt"))


def _inverse_root(f: Forward, name: str, squares: Value) -> Value:
    mean = f.map(f"{name}:mean", squares, shape=(*squares.shape[:-1], 1))
    return f.map(f"{name}.rsqrt", f.map(f"{name}.eps", mean), "output")


def _wider(weights: list[Value], x: Value) -> bool:
    return any(weight.dtype != x.dtype for weight in weights)


#: Families whose LayerNorm may have no shift.
_LAYER_NORM = frozenset({"dbrx", "mpt", "opt"})

#: Families whose norm is neither torch's LayerNorm nor LLaMA's RMSNorm.
_STYLES = {
    **dict.fromkeys(("gemma", "gemma2", "gemma3_text", "vaultgemma"), gemma_norm),
    **dict.fromkeys(("olmo2", "olmo3", "flex_olmo", "gpt_oss"), late_rms_norm),
    **dict.fromkeys(("cohere", "cohere2"), cohere_norm),
    **dict.fromkeys(("t5", "mt5", "umt5"), wide_rms_norm),
    "olmo": bare_layer_norm,
    "nemotron": layer_norm_plus_one,
}
