"""Falcon's attention: how keys and values are picked out of one projection, and how eager code weighs them.

An index picks them, and perhaps copies them for all queries. Eager code scales scores where they lie.
"""

from __future__ import annotations

from ...ledger.dtypes import dtypes
from .forward import Forward
from .operands import repeated, same
from .tape import Storage, Value


def broadcast_heads(f: Forward, q: Value, k: Value, v: Value) -> tuple[Value, Value, Value]:
    """Keys and values picked by an index, and in the new architecture copied for every query head."""
    arch = f.arch
    if not (arch.new_decoder_architecture or arch.multi_query):
        return q, k, v
    name, a = f.names["qkv"], q.shape[2]
    if arch.new_decoder_architecture:
        q = q if same(k.shape[2], 1) or same(k.shape[2], a) else f.map(f"{name}:query", q)
    k, v = (_picked(f, f"{name}:{what}", x) for what, x in (("key", k), ("value", v)))
    if arch.new_decoder_architecture:
        k, v = (repeated(f, f"{name}:{what} of all heads", x) for what, x in (("key", k), ("value", v)))
    return q, k, v


def _picked(f: Forward, name: str, x: Value) -> Value:
    index = Storage(f"{name}:index", (1,), dtypes["int64"])
    return f.tape.record(f"{name}.picked", (x,), x.shape, x.dtype, extra=[index])


def falcon_weights(f: Forward, module: str, scores: Value, q: Value, v: Value) -> Value:
    """Scale, distances, mask, softmax in the format of the queries: variables hold the results of the first two."""
    wide = dtypes["fp32"]
    if f.arch.positions == "alibi":
        f.tape.hold(scores)
        f.tape.hold(scores := f.cast(f"{module}.scores:cast", scores, wide))
        scores = f.map(f"{module}.distances", scores)
    scores = f.tape.in_place(f"{module}.scale", scores)
    if f.arch.positions == "alibi":
        f.tape.hold(scores)
    with f.tape.holding(scores, masked := f.map(f"{module}.mask", scores)):
        return f.softmax(f"{module}.softmax", masked, wide if f.setting.autocast else q.dtype)
