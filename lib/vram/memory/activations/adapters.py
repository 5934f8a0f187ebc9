"""LoRA and DoRA as peft runs them: what an adapter adds to its module, and what that keeps for backward.

Beside a quantised weight peft lets autocast choose the formats; beside others it casts the input and the result itself.
Source: tuners/lora/layer.py, bnb.py and dora.py of peft 0.21.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...ledger.arithmetic import Size
from .tape import Shape, Storage, Value

if TYPE_CHECKING:
    from .forward import Forward


def adapted(f: Forward, name: str, x: Value, out: Value) -> Value:
    """out + B A x: x is kept for A once more where the adapter has another format."""
    a, b = f.parameter(f"{name}.lora_A.weight"), f.parameter(f"{name}.lora_B.weight")
    packed = f.is_packed(f.parameter(f"{name}.weight"))
    casts = not packed or f.setting.autocast is None
    with f.tape.holding(x, out):
        x = f.cast(f"{name}.lora_A:cast", x, a.dtype) if casts else x
        with f.tape.holding(x):
            dropped = f.dropout(f"{name}.lora_dropout", x, f.setting.lora_dropout)
            if f"{name}.lora_magnitude_vector" in f.weights:
                added = f.add(f"{name}.lora:add", out, _dora(f, name, dropped, out, a, b))
                return f.cast(f"{name}.lora:back", added, out.dtype) if casts else added
            delta = f.map(f"{name}.lora:scale", _both(f, name, dropped, a, b))
            if packed and casts:
                delta = f.cast(f"{name}.lora:back", delta, out.dtype)
            added = f.add(f"{name}.lora:add", out, delta)
    return added if packed else f.cast(f"{name}.lora:back", added, out.dtype)


def adapted_embedding(f: Forward, name: str, ids: Storage, out: Value) -> Value:
    """The rows of A that the tokens name, times B, beside the rows of the embedding."""
    a, b = f.parameter(f"{name}.lora_embedding_A"), f.parameter(f"{name}.lora_embedding_B")
    narrow = f.tape.record(f"{name}.lora_embedding_A", (a,), (*ids.shape, a.shape[0]), a.dtype, extra=[ids])
    with f.tape.holding(out):
        delta = f.map(f"{name}.lora:scale", f.product(f"{name}.lora_embedding_B", narrow, b))
        added = f.add(f"{name}.lora:add", out, delta)
    return f.cast(f"{name}.lora:back", added, out.dtype)


def _both(f: Forward, name: str, x: Value, a: Value, b: Value) -> Value:
    """B A x."""
    with f.tape.holding(x):
        narrow = f.product(f"{name}.lora_A", x, a)
    with f.tape.holding(narrow):
        return f.product(f"{name}.lora_B", narrow, b)


def _dora(f: Forward, name: str, x: Value, out: Value, a: Value, b: Value) -> Value:
    """What DoRA adds: (m - 1) · W x + m · B A x, where m is the magnitude over the norm of W + B A.

    The norm is computed anew in each pass, beside whole matrices, and taken for a constant. With dropout W x is, too.
    """
    dora, weight = f"{name}.dora", f.parameter(f"{name}.weight")
    (rank, d_in), d_out, computed = a.shape, b.shape[0], f.setting.autocast or a.dtype
    eye = f.cast(f"{dora}:eye cast", f.made(f"{dora}:eye", (d_in, d_in), a.dtype), computed)
    with f.tape.holding(eye):
        f.tape.hold(f.made(f"{dora}:A", (d_in, rank), computed))  # the graph of B A, which nobody runs backward
        f.tape.hold(f.cast(f"{dora}:BA cast", f.made(f"{dora}:BA", (d_in, d_out), computed), x.dtype))
        same = weight.dtype == x.dtype and not f.is_packed(weight)
        whole = weight if same else f.made(f"{dora}:W", weight.shape, x.dtype)
        f.tape.hold(whole)
        norm = _norm(f, dora, weight.shape, d_out, x)
        f.tape.hold(norm)
        magnitude = f.parameter(f"{name}.lora_magnitude_vector")
        m = f.tape.record(f"{dora}:m", (magnitude, norm), (d_out,), magnitude.dtype, saves=[(norm, "norm")])
        f.tape.hold(m)
        delta = _both(f, name, x, a, b)
        f.tape.hold(delta)
        base = out
        if f.setting.lora_dropout:
            base = f.matmul(f"{dora}:base", x, whole, (*x.shape[:-1], d_out), ("input", "weight"))
        elif f"{name}.bias" in f.weights:
            base = f.add(f"{dora}:without bias", out, f.parameter(f"{name}.bias"))
        f.tape.hold(base)
        left = f.mul(f"{dora}:left", base, f.map(f"{dora}:m - 1", m), ("base", "m - 1"))
        f.tape.hold(left)
        right = f.map(f"{dora}:scale", f.mul(f"{dora}:right", delta, m, ("delta", "m")))
        return f.add(f"{dora}:add", left, right)


def _norm(f: Forward, dora: str, shape: Shape, d_out: Size, x: Value) -> Value:
    """The norm of each row of W + B A."""
    with f.tape.holding(f.made(f"{dora}:scaled", shape, x.dtype)):
        summed = f.made(f"{dora}:W + BA", shape, x.dtype)
    with f.tape.holding(summed):
        return f.made(f"{dora}:norm", (d_out,), x.dtype)
