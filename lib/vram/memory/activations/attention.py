"""Attention: from the input of Q, K and V to the output projection, with eager code or one of torch's kernels.

Eager code keeps matrices of s × s numbers for each head: the output of softmax, and with dropout its mask and its
result. A flash kernel keeps Q, K, V, its output and one number a token and head, and computes the rest again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from ...ledger.arithmetic import Size, if_less, round_up
from ...ledger.dtypes import Dtype, dtypes
from ...ledger.errors import VramError
from .forward import Forward
from .norms import norm
from .setting import is_known_to_exceed
from .tape import Storage, Value

Kernel = Callable[[Forward, str, Value, Value, Value], Value]


def attention(f: Forward, x: Value) -> Value:
    """Self-attention with grouped keys and values, up to and with the output projection."""
    arch, names = f.arch, f.names
    module = names["o"].rsplit(".", 1)[0]
    with f.tape.within("attention"):
        q, k, v = _queries_keys_values(f, x)
        if arch.qk_norm != "none":
            q, k = _normed(f, names["q_norm"], q), _normed(f, names["k_norm"], k)
        if arch.positions == "rotary":
            q, k = (_rotated(f, f"{module}.rotary:{part}", t, x.dtype) for part, t in (("query", q), ("key", k)))
        out = _CORES[f.setting.attention](f, module, q, k, v)
    return f.linear(names["o"], out)


def _queries_keys_values(f: Forward, x: Value) -> tuple[Value, Value, Value]:
    """Q, K and V as (b, s, heads, d): of three projections, or views of one."""
    arch, names, b, s, d = f.arch, f.names, f.setting.batch, f.setting.seq_len, f.arch.head_dim
    a, g = arch.num_attention_heads, arch.num_key_value_heads
    shapes = [(b, s, a, d), (b, s, g, d), (b, s, g, d)]
    if "qkv" in names:
        q, k, v = f.tape.split(names["qkv"], f.linear(names["qkv"], x), shapes)
        return q, k, v
    q, k, v = (f.linear(names[slot], x).view(shape) for slot, shape in zip("qkv", shapes, strict=True))
    return q, k, v


def _normed(f: Forward, name: str, x: Value) -> Value:
    """Queries or keys after their norm: over each head, or over all heads at once."""
    b, s, heads, d = x.shape
    if f.arch.qk_norm != "all heads":
        return norm(f, name, x)
    return norm(f, name, x.view((b, s, heads * d))).view(x.shape)


def _rotated(f: Forward, name: str, x: Value, dtype: Dtype) -> Value:
    """x · cos + rotate(x) · sin: keeps cosine and sine, in the format of the stream, which all layers share.

    Some families rotate a part of each head: the rest is joined to it in a new tensor.
    """
    numerator, denominator = _ROTATED_PART.get(f.arch.model_type, (1, 1))
    *before, d = x.shape
    width = d * numerator // denominator
    wide = dtypes["fp32"] if f.arch.model_type in _WIDE_TABLES else dtype
    cos, sin = (f.shared(what, wide, width) for what in ("cos", "sin"))
    part = x if f.arch.model_type not in _ROTATED_PART else f.tape.split(f"{name} part", x, [(*before, width)])[0]
    straight = f.mul(f"{name} cos", part, cos)
    turned = f.mul(f"{name} sin", f.map(f"{name} turned", part), sin)
    out = f.add(name, straight, turned)
    if f.arch.model_type in _WIDE_TABLES:
        out = f.cast(f"{name}:cast", out, x.dtype)
    return out if part is x else f.map(f"{name} whole", out, shape=x.shape)


def _repeated(f: Forward, name: str, x: Value, single: Size) -> Value:
    """Keys or values once for each query head: a copy where there are fewer of them.

    single  heads that are stored where there is but one: 1 if it is only looked at several times, or all of them
    """
    a, g = f.arch.num_attention_heads, f.arch.num_key_value_heads
    b, s, _, d = x.shape
    if _same(a, g):
        return x
    return f.map(name, x, shape=(b, s, single if _same(g, 1) else a, d)).view((b, s, a, d))


def _same(a: Size, g: Size) -> bool:
    return a is g or (type(a) is int and type(g) is int and a == g)


# the kernels


def eager(f: Forward, module: str, q: Value, k: Value, v: Value) -> Value:
    """Product, scale, mask, softmax, dropout, product: each an operation of its own."""
    with _recomputed(f, module):
        b, s, a, d = q.shape
        single = if_less(b, 2, 1, a)  # the product of several sequences needs a copy
        k, v = (_repeated(f, f"{module}.repeat_kv:{what}", t, single) for what, t in (("key", k), ("value", v)))
        if "qkv" in f.names and f.arch.positions == "rotary" and _same(a, f.arch.num_key_value_heads):
            v = _value_of_all(f, f"{module}.values:value", v)
        scores = f.matmul(f"{module}.scores", q, k, (b, a, s, s), ("query", "key"))
        scores = f.map(f"{module}.mask", f.map(f"{module}.scale", scores))
        wide = None if f.arch.model_type in _SOFTMAX_AS_IS else dtypes["fp32"]
        to = v.dtype if f.arch.model_type in _SOFTMAX_AS_IS else q.dtype
        weights = f.cast(f"{module}.softmax:cast", f.softmax(f"{module}.softmax", scores, wide), to)
        weights = f.dropout(f"{module}.dropout", weights)
        out = f.matmul(f"{module}.values", weights, v, (b, a, s, d), ("weights", "value"))
    return f.map(f"{module}.transpose", out, shape=(b, s, a * d))


def sdpa(f: Forward, module: str, q: Value, k: Value, v: Value) -> Value:
    """torch's scaled_dot_product_attention: the kernel that it chooses for this setting."""
    kernel = _kernel(f, f.setting.autocast or q.dtype)
    if f.windowed and kernel is not math:
        k, v = (_repeated(f, f"{module}.repeat_kv:{what}", t, 1) for what, t in (("key", k), ("value", v)))
    q, k, v = (f.lowered(f"{module}.sdpa:{what}", t) for what, t in (("query", q), ("key", k), ("value", v)))
    if kernel is math:
        with _recomputed(f, module):
            return math(f, module, q, k, v)
    return kernel(f, module, q, k, v)


def flash(f: Forward, module: str, q: Value, k: Value, v: Value) -> Value:
    """A flash kernel: keeps Q, K, V, its output and the logarithm of the sum of exponents, in FP32."""
    b, s, a, _ = q.shape
    return _fused(f, module, q, k, v, (b, a, s))


def efficient(f: Forward, module: str, q: Value, k: Value, v: Value) -> Value:
    """CUTLASS's memory-efficient kernel, which FP32 needs: as flash, rounded up to 32 tokens."""
    b, s, a, _ = q.shape
    return _fused(f, module, q, k, v, (b, a, round_up(s, 32)))


def math(f: Forward, module: str, q: Value, k: Value, v: Value) -> Value:
    """torch's fallback: Q and K are scaled copies, BF16 is computed in FP32, the scores are softmaxed as they are."""
    b, s, a, d = q.shape
    wide = dtypes["fp32"] if q.dtype.name in ("bf16", "fp16") else q.dtype
    single = if_less(b, 2, 1, a) if f.windowed else a  # beside a mask, transformers repeats them itself
    k, v = (_repeated(f, f"{module}.sdpa.repeat:{what}", t, single) for what, t in (("key", k), ("value", v)))
    q32, k32, v32 = (f.cast(f"{module}.sdpa:{what}", t, wide) for what, t in (("query", q), ("key", k), ("value", v)))
    if v32 is v and "qkv" in f.names:
        v32 = _value_of_all(f, f"{module}.sdpa:value", v)
    q32, k32 = f.map(f"{module}.sdpa.scale:query", q32), f.map(f"{module}.sdpa.scale:key", k32)
    scores = f.map(f"{module}.sdpa.mask", _product(f, f"{module}.sdpa.scores", q32, k32, (b, a, s, s)))
    weights = f.dropout(f"{module}.sdpa.dropout", f.map(f"{module}.sdpa.softmax", scores, "output"))
    out = _product(f, f"{module}.sdpa.values", weights, v32, (b, a, s, d))
    return f.map(f"{module}.sdpa:transpose", f.cast(f"{module}.sdpa:back", out, q.dtype), shape=(b, s, a * d))


def _value_of_all(f: Forward, name: str, v: Value) -> Value:
    """Values as a product takes them: a copy, but for one sequence a view of all that the fused projection made."""
    b, s, a, d = v.shape
    return f.map(name, v, shape=(b, s, a * if_less(b, 2, 3, 1), d)).view(v.shape)


def _product(f: Forward, name: str, a: Value, b: Value, shape: tuple[Size, ...]) -> Value:
    """A product inside a kernel: autocast does not reach it."""
    saves = [(a, "left")] * b.grad + [(b, "right")] * a.grad
    return f.tape.record(name, (a, b), shape, a.dtype, saves=saves)


def _fused(f: Forward, module: str, q: Value, k: Value, v: Value, statistics: tuple[Size, ...]) -> Value:
    b, s, a, d = q.shape
    name = f"{module}.{f.setting.attention}"
    extra = [Storage(f"{name}:logsumexp", statistics, dtypes["fp32"], part="attention")]
    if f.windowed and f.setting.attention == "sdpa":
        extra.append(Storage(f"{name}:mask", (b, 1, s, s), q.dtype))
    saves = [(q, "query"), (k, "key"), (v, "value")]
    out = f.tape.record(name, (q, k, v), (b, s, a * d), q.dtype, saves=saves, extra=extra, keeps_output="output")
    joined = f.arch.model_type in _ROTATED_PART and f.setting.backend == "cpu"
    return f.map(f"{module}.transpose", out) if joined else out  # queries by head make an output by head


def _kernel(f: Forward, dtype: Dtype) -> Kernel:
    """What torch's scaled_dot_product_attention runs: flash where it can, else efficient, else the fallback.

    A window needs a mask, which CUDA's flash kernel does not take.
    """
    if f.setting.backend == "cpu":
        return math if f.setting.dropout else flash
    narrow = dtype.name in ("bf16", "fp16")
    if f.windowed:
        return math if dtype.name == "fp64" else efficient
    if narrow and not is_known_to_exceed(f.arch.head_dim, 256):
        return flash
    grouped = not _same(f.arch.num_attention_heads, f.arch.num_key_value_heads)
    return math if grouped or dtype.name == "fp64" else efficient


def _flash_package(f: Forward, module: str, q: Value, k: Value, v: Value) -> Value:
    """The flash-attention package: 16-bit formats only."""
    q, k, v = (f.lowered(f"{module}.flash:{what}", t) for what, t in (("query", q), ("key", k), ("value", v)))
    if q.dtype.name not in ("bf16", "fp16"):
        raise VramError(f"attention: flash given with {q.dtype}, but flash-attention computes bf16 and fp16 only.")
    return flash(f, module, q, k, v)


def _recomputed(f: Forward, module: str) -> AbstractContextManager:
    """Under selective checkpointing, the part that makes s × s matrices is computed again in backward."""
    return f.tape.checkpoint(f"{module}.core") if f.setting.checkpointing == "selective" else nullcontext()


_CORES = {"eager": eager, "sdpa": sdpa, "flash": _flash_package}

#: Families whose eager softmax runs in the format of the scores, not in FP32.
_SOFTMAX_AS_IS = frozenset({"gpt2", "gpt_bigcode"})

#: Families that rotate a part of each head: the part, as their configuration class has it.
_ROTATED_PART = {
    **dict.fromkeys(("phi", "persimmon", "glm", "glm4", "nemotron"), (1, 2)),
    **dict.fromkeys(("gpt_neox", "stablelm"), (1, 4)),
    "phi3": (1, 1),
}
#: Families whose cosines and sines stay in FP32.
_WIDE_TABLES = frozenset({"olmo", "olmo2", "olmo3", "ernie4_5"})
