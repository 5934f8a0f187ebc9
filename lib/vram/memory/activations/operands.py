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


def queries_and_keys(f: Forward, name: str, q: Value, k: Value, v: Value) -> tuple[Value, Value]:
    """What the first product takes: views of parts of a fused projection are copied for it."""
    if _is_whole_projection(f, q, k, v):
        return q, k
    q, k = (_by_itself(f, f"{name}:{what}", x) for what, x in (("query", q), ("key", k)))
    return q, k


def values(f: Forward, name: str, q: Value, k: Value, v: Value) -> Value:
    """What the second product takes, beside the weights: the copy is made for it and not before."""
    return v if _is_whole_projection(f, q, k, v) else _by_itself(f, f"{name}:value", v)


def _is_whole_projection(f: Forward, q: Value, k: Value, v: Value) -> bool:
    """All three together are one projection, which lives anyway: copied or not, they are as large."""
    whole = same(f.arch.num_attention_heads, f.arch.num_key_value_heads)
    return whole and q.partial and k.partial and v.partial and q.storage is k.storage is v.storage


def _by_itself(f: Forward, name: str, x: Value) -> Value:
    return _copy_unless_single(f, name, x, x.shape) if x.partial else x


def _copy_unless_single(f: Forward, name: str, x: Value, shape: tuple[Size, ...]) -> Value:
    """The tensor as a copy of that shape; of a single sequence, the memory that it is a view of."""
    if is_whole(shape[0]):
        return x.view(shape) if shape[0] == 1 else f.map(name, x, shape=shape)
    return f.map(name, x, shape=(if_less(shape[0], 2, product(x.storage.shape), product(shape)),)).view(shape)


def same(one: Size, other: Size) -> bool:
    """True where two sizes are known to be equal."""
    return one is other or (is_whole(one) and is_whole(other) and one == other)
