"""Self-attention: from the input of Q, K and V to the output projection."""

from __future__ import annotations

from ...ledger.dtypes import dtypes
from .cache import cached
from .falcon import broadcast_heads
from .forward import Forward
from .interleaved import unshuffled
from .kernels import core
from .latent import latent
from .norms import norm
from .rotary import rotated
from .tape import Value


def attention(f: Forward, x: Value, residual: Value | None = None) -> Value:
    """Self-attention up to and with the output projection; dropout, where the family has it, is not part of it.

    residual  what the module itself adds to it, after dropout (BLOOM): all its variables live until then
    """
    module = f.names["o"].rsplit(".", 1)[0]
    with f.tape.holding(x):
        with f.tape.within("attention"):
            q, k, v = latent(f, module, x) if "kv_a" in f.names else _grouped(f, module, x)
            if "kv_a" not in f.names:  # a latent vector is cached before keys and values are made of it
                k, v = cached(f, module, k, v)
        with f.tape.holding(q, k, v):
            with f.tape.within("attention"):
                out = core(f, module, q, k, v)
            with f.tape.holding(*[out] * (residual is not None)):
                out = f.linear(f.names["o"], out)
                if residual is not None:
                    out = f.dropout(f"{f.names['o']}.dropout", out)
                    out = f.add(f"{module}.residual", residual, out)
    if f.attention_weights is not None and f.arch.model_type not in _LETS_WEIGHTS_GO:
        f.tape.hold(f.attention_weights)
    return out


def _grouped(f: Forward, module: str, x: Value) -> tuple[Value, Value, Value]:
    """Q for each head, K and V for each group of heads, normed and rotated as the family does."""
    arch, names = f.arch, f.names
    q, k, v = _projected(f, x)
    if arch.qk_norm != "none" and arch.model_type not in _NORMS_AFTER_ROTARY:
        q, k = _normed(f, names["q_norm"], q), _normed(f, names["k_norm"], k)
    if arch.positions == "rotary" and f.kind.turned:
        q, k = rotated(f, module, q, k, x.dtype)
    if arch.qk_norm != "none" and arch.model_type in _NORMS_AFTER_ROTARY:
        q, k = _normed(f, names["q_norm"], q), _normed(f, names["k_norm"], k)
    if arch.model_type in _SCALES_BY_POSITION:
        scale = f.made(f"{module}.query:scale", (1, 1, f.setting.seq_len, 1), q.dtype)
        q = f.mul(f"{module}.query.scaled", q, scale)
    if arch.model_type in _SCALES_UNTURNED and not f.kind.turned:
        scale = f.made(f"{module}.query:scale", (1, f.setting.seq_len, 1, 1), dtypes["fp32"])
        q = f.cast(f"{module}.query:cast", f.mul(f"{module}.query.scaled", q, scale), q.dtype)
    return q, k, v


def _projected(f: Forward, x: Value) -> tuple[Value, Value, Value]:
    """Q, K and V as (b, s, heads, d): of three projections, or views of one."""
    arch, names, b, s, d = f.arch, f.names, f.setting.batch, f.setting.seq_len, f.arch.head_dim
    a, g = arch.num_attention_heads, arch.num_key_value_heads
    shapes = [(b, s, a, d), (b, s, g, d), (b, s, g, d)]
    if "qkv" in names:
        fused = f.linear(names["qkv"], x)
        if arch.model_type in _CLIPS and arch.clip_qkv is not None:
            fused = f.map(f"{names['qkv']}.clipped", fused, "input")
        f.tape.hold(fused)
        q, k, v = f.tape.split(names["qkv"], fused, shapes)
        return _HEADS_OF_FUSED[arch.model_type](f, q, k, v) if arch.model_type in _HEADS_OF_FUSED else (q, k, v)
    q, k, v = (f.linear(names[slot], x).view(shape) for slot, shape in zip("qkv", shapes, strict=True))
    if arch.model_type in _SCALES_QUERIES:
        q = f.map(f"{names['q']}.scaled", q)
    return q, k, v


def _normed(f: Forward, name: str, x: Value) -> Value:
    """Queries or keys after their norm: over each head, or over all heads at once."""
    b, s, heads, d = x.shape
    if f.arch.qk_norm != "all heads":
        return norm(f, name, x)
    return norm(f, name, x.view((b, s, heads * d))).view(x.shape)


#: Families that are done with the attention weights before the MLP begins.
_LETS_WEIGHTS_GO = frozenset({"dbrx"})
#: Families whose heads do not lie in the fused projection as attention takes them.
_HEADS_OF_FUSED = {"falcon": broadcast_heads, "codegen": unshuffled}
#: Families that clip what the fused projection puts out, if the config says so.
_CLIPS = frozenset({"dbrx", "mpt"})
#: Families that turn queries and keys first and norm them then.
_NORMS_AFTER_ROTARY = frozenset({"hunyuan_v1_dense"})
#: Families that scale each query by its position.
_SCALES_BY_POSITION = frozenset({"ministral3"})
#: Families that scale each query by its position, in FP32, where it is not turned.
_SCALES_UNTURNED = frozenset({"llama4_text"})
#: Families that scale the queries themselves, not the scores.
_SCALES_QUERIES = frozenset({"opt"})
