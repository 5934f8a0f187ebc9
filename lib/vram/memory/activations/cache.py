"""Keys and values on their way into the cache: transformers copies what it has and what is new into longer tensors.

The cache itself is counted apart (`vram.kv_cache`). Here is what its growth costs: while a layer's keys or values are
appended, the shorter ones still live.
"""

from __future__ import annotations

from ...ledger.arithmetic import Size, is_whole, smallest
from .forward import Forward
from .tape import Storage, Value


def cached(f: Forward, module: str, k: Value, v: Value) -> tuple[Value, Value]:
    """Keys and values of all tokens that the layer looks back on; the new ones live until both are appended."""
    if not f.setting.cache:
        return k, v
    with f.tape.holding(k, v):
        old = [_before(f, f"{module}.cache:{what} before", x) for what, x in (("keys", k), ("values", v))]
        keys = _appended(f, f"{module}.cache:keys", k, old[:1])
        values = _appended(f, f"{module}.cache:values", v, old if f.kind.windowed else old[1:])
    return keys, values


def tokens_seen(f: Forward) -> Size:
    """Tokens whose keys a layer looks back on: all of them, or those in its window and the new ones."""
    past, window = f.setting.past, f.arch.sliding_window
    return f.setting.seq_len + (smallest((past, window - 1)) if f.kind.windowed else past)


def _before(f: Forward, name: str, new: Value) -> list[Storage]:
    """What the cache held before, which lives until the longer copy is made; within a window until both are.

    Of a full window it is a view: the token that left it lives as long.
    """
    past = f.setting.past
    earlier = smallest((past, f.arch.sliding_window)) if f.kind.windowed else past
    if not f.setting.grows or (is_whole(earlier) and earlier == 0):
        return []
    b, _, *rest = new.shape
    return [Storage(name, (b, earlier, *rest), new.dtype, "temporaries")]


def _appended(f: Forward, name: str, new: Value, old: list[list[Storage]]) -> Value:
    """All tokens in one tensor, which is part of the cache; an engine whose windows keep too few has them apart."""
    b, _, *rest = new.shape
    out = f.map(name, new, shape=(b, tokens_seen(f), *rest))
    out.storage.shared = f.setting.grows or not f.kind.masked
    f.tape.ops[-1].scratch = tuple(storage for some in old for storage in some)
    return out
