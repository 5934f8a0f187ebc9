"""Rotary positions that turn neighbours: GPT-J and CodeGen with sines and cosines, Llama 4 with complex numbers.

Every angle is needed twice in a row. GPT-J's layers pick sines and cosines out of a table of their own and double
them, once for the queries and once for the keys; backward keeps all four.
"""

from __future__ import annotations

from ...ledger.arithmetic import is_whole
from ...ledger.dtypes import Dtype, dtypes
from ...ledger.errors import VramError
from .forward import Forward
from .norms import divided
from .operands import same
from .tape import Value


def interleaved(f: Forward, module: str, q: Value, k: Value, dtype: Dtype) -> tuple[Value, Value]:
    """Queries and keys with a part of each head turned."""
    width, d = f.arch.rotary_dim, f.arch.head_dim
    if is_whole(width) and is_whole(d) and width > d:
        raise VramError(f"rotary_dim: {width} given, but heads are {d} wide: such a model does not run.")
    name, shape = f"{module}.rotary", (1, f.setting.seq_len, width)
    if f.arch.model_type == "gptj":  # copies the table, and the numbers of the positions for each angle
        table = f.made(f"{name}:table", (1, f.arch.max_position_embeddings, width), dtype)
        places = f.made(f"{name}:positions", shape, dtypes["int64"])
        picked = f.tape.record(f"{name}.picked", (table, places), shape, dtype)
        picked = f.cast(f"{name}.picked:cast", picked, k.dtype)
        f.tape.hold(table)
        f.tape.hold(places)
    else:
        picked = f.made(f"{name}.picked", shape, dtype)
    for variable in (picked, q, k):  # of the parts that are not turned, the whole is held
        f.tape.hold(variable)
    turned = [_turned(f, f"{name}:{what}", x, picked) for what, x in (("key", k), ("query", q))]
    k, q = (f.map(f"{name}:{what} whole", x, shape=k.shape) for what, x in zip(("key", "query"), turned, strict=True))
    return q, k


def _turned(f: Forward, name: str, x: Value, picked: Value) -> Value:
    """x · cos + turned(x) · sin of the part of each head that is turned; a variable holds it."""
    b, s, a, _ = x.shape
    part = f.tape.split(f"{name} part", x, [(b, s, a, f.arch.rotary_dim)])[0]
    sin, cos = (f.map(f"{name} {what}", picked, shape=(1, s, 1, f.arch.rotary_dim)) for what in ("sines", "cosines"))
    straight = f.mul(f"{name} cos", part, cos)
    turned = f.mul(f"{name} sin", f.map(f"{name} turned", part), sin)
    f.tape.hold(out := f.add(name, straight, turned))
    return out


def as_complex(f: Forward, module: str, q: Value, k: Value, dtype: Dtype) -> tuple[Value, Value]:
    """Queries and keys as complex numbers in FP32, times those of their positions; then, perhaps, over their norm."""
    q, k = (complex_turned(f, f"{module}.rotary:{part}", x, dtype) for part, x in (("query", q), ("key", k)))
    if not f.arch.use_qk_norm:
        return q, k
    q, k = (_over_its_norm(f, f"{module}.qk_norm:{part}", x) for part, x in (("query", q), ("key", k)))
    return q, k


def complex_turned(f: Forward, name: str, x: Value, dtype: Dtype) -> Value:
    """Neighbours as complex numbers, in FP32, times those of their positions."""
    angles = f.shared("frequencies", dtypes["fp32"], x.shape[-1])
    turned = f.mul(name, f.cast(f"{name}:fp32", x, dtypes["fp32"]), angles)
    return f.cast(f"{name}:cast", turned, x.dtype)


def _over_its_norm(f: Forward, name: str, x: Value) -> Value:
    """x / rms(x) of each head in FP32, without a weight."""
    return f.cast(name, divided(f, name, f.cast(f"{name}.input", x, dtypes["fp32"])), x.dtype)


def unshuffled(f: Forward, q: Value, k: Value, v: Value) -> tuple[Value, Value, Value]:
    """CodeGen's heads lie in four groups of queries, values and keys: put in a row they are copies, but of one each."""
    if same(f.arch.num_attention_heads, 4):
        return q, k, v
    name = f.names["qkv"]
    q, k, v = (f.map(f"{name}:{what}", x) for what, x in (("query", q), ("key", k), ("value", v)))
    return q, k, v
