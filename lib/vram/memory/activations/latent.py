"""Multi-head latent attention: keys and values, and perhaps queries, come out of a narrow vector (DeepSeek, Kimi).

In training the narrow vectors save nothing: transformers makes the keys and values of every head and keeps them.
"""

from __future__ import annotations

from ...ledger.dtypes import Dtype
from .cache import cached
from .forward import Forward
from .interleaved import complex_turned
from .norms import norm
from .tape import Value


def latent(f: Forward, module: str, x: Value) -> tuple[Value, Value, Value]:
    """Q and K as (b, s, a, nope + rope), V as (b, s, a, v): the rotated part of the keys is one for all heads."""
    arch, names, b, s = f.arch, f.names, f.setting.batch, f.setting.seq_len
    a, nope, rope, v_dim = arch.num_attention_heads, arch.qk_nope_head_dim, arch.qk_rope_head_dim, arch.v_head_dim
    latent = arch.kv_lora_rank
    if "q_a" in names and arch.q_lora_rank is not None:
        q = f.linear(names["q_b"], norm(f, names["q_norm"], f.linear(names["q_a"], x)))
    else:
        q = f.linear(names["q"], x)
    f.tape.hold(q)
    q_pass, q_turn = f.tape.split(f"{module}.query", q, [(b, s, a, nope), (b, s, a, rope)])
    both = f.linear(names["kv_a"], x)
    narrow, k_turn = f.tape.split(names["kv_a"], both, [(b, s, latent), (b, s, 1, rope)])
    narrow = norm(f, names["kv_norm"], narrow)
    rotate = complex_turned if arch.model_type == "deepseek_v2" else _in_pairs
    q_turn = rotate(f, f"{module}.rotary:query", q_turn, x.dtype)
    k_turn = rotate(f, f"{module}.rotary:key", k_turn, x.dtype)
    f.tape.hold(both)
    f.tape.hold(q_turn)
    narrow, k_turn = cached(f, module, narrow, k_turn)
    f.tape.hold(narrow)
    f.tape.hold(k_turn)
    q = _joined(f, f"{module}.query", q_pass, q_turn)
    wide = f.linear(names["kv_b"], narrow)
    seen = wide.shape[1]
    k_pass, v = f.tape.split(names["kv_b"], wide, [(b, seen, a, nope), (b, seen, a, v_dim)])
    k = f.tape.record(f"{module}.key", (k_pass, k_turn), (b, seen, a, nope + rope), k_pass.dtype)
    return q, k, v


def _joined(f: Forward, name: str, left: Value, right: Value) -> Value:
    """Two parts of each head in one new tensor, as wide as the wider of them."""
    wider = f.widest(left.dtype, right.dtype)
    parts = [f.cast(f"{name}:cast", part, wider) for part in (left, right)]
    *before, d = left.shape
    out = f.tape.record(f"{name}.joined", parts, (*before, d + right.shape[-1]), wider)
    out.by_head = True
    return out


def _in_pairs(f: Forward, name: str, x: Value, dtype: Dtype) -> Value:
    """Neighbours turned together: half of the tables is used, all of it is kept."""
    cos, sin = (f.shared(what, dtype, x.shape[-1]) for what in ("cos", "sin"))
    return f.add(name, f.mul(f"{name} cos", x, cos), f.mul(f"{name} sin", x, sin))
