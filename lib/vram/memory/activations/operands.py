"""What a product of attention takes: a tensor by itself, each head at its place. Views of parts must be copied first.

Of a single sequence, many views are good as they are; then what backward keeps is all that they are views of.
"""

from __future__ import annotations

from ...ledger.arithmetic import Size, if_less, is_whole, product
from .forward import Forward
from .tape import Value


def repeated(f: Forward, name: str, x: Value, copied: bool = False) -> Value:
    """Keys or values once for each query head: a copy where there are fewer of them.

    copied  also where there is one head, which otherwise is only looked at several times
    """
    a = f.arch.num_attention_heads
    b, s, g, d = x.shape
    if same(a, g):
        return x
    if copied or not same(g, 1):
        return f.map(name, x, shape=(b, s, a, d))
    seen = x.view((b, s, a, d))
    seen.partial = True
    return seen


def one_by_one(f: Forward, name: str, q: Value, k: Value, v: Value) -> tuple[Value, Value, Value]:
    """Views of parts of a fused projection, copied. All three together are that projection, copied or not."""
    whole = same(f.arch.num_attention_heads, f.arch.num_key_value_heads)
    if whole and q.partial and k.partial and v.partial and q.storage is k.storage is v.storage:
        return q, k, v
    parts = (("query", q), ("key", k), ("value", v))
    q, k, v = (_copy_unless_single(f, f"{name}:{what}", x, x.shape) if x.partial else x for what, x in parts)
    return q, k, v


def _copy_unless_single(f: Forward, name: str, x: Value, shape: tuple[Size, ...]) -> Value:
    """The tensor as a copy of that shape; of a single sequence, the memory that it is a view of."""
    if is_whole(shape[0]):
        return x.view(shape) if shape[0] == 1 else f.map(name, x, shape=shape)
    return f.map(name, x, shape=(if_less(shape[0], 2, product(x.storage.shape), product(shape)),)).view(shape)


def same(one: Size, other: Size) -> bool:
    """True where two sizes are known to be equal."""
    return one is other or (is_whole(one) and is_whole(other) and one == other)
