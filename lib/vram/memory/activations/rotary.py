"""Rotary positions: what turning queries and keys keeps. All families keep cosines and sines; their code differs."""

from __future__ import annotations

from fractions import Fraction

from ...ledger.arithmetic import Size, is_whole
from ...ledger.dtypes import Dtype, dtypes
from .forward import Forward
from .interleaved import as_complex, interleaved
from .tape import Value


def rotated(f: Forward, module: str, q: Value, k: Value, dtype: Dtype) -> tuple[Value, Value]:
    """Queries and keys turned by their positions."""
    if f.arch.model_type in _OWN:
        return _OWN[f.arch.model_type](f, module, q, k, dtype)
    tables, names = _tables(f, module, q, dtype), [f"{module}.rotary:{part}" for part in ("query", "key")]
    given = q.dtype
    split: list[Value] = []
    with f.tape.holding(q, k):  # until both are turned
        if f.arch.model_type in _TURNED_IN_FP32:
            q, k = (f.cast(f"{name}:fp32", x, dtypes["fp32"]) for name, x in zip(names, (q, k), strict=True))
        with f.tape.holding(q, k):
            q, k = (_turned(f, name, x, tables, split) for name, x in zip(names, (q, k), strict=True))
            with f.tape.holding(q, k):
                given = given if f.arch.model_type in _WIDE_TABLES | _TURNED_IN_FP32 else q.dtype
                q, k = (f.cast(f"{name}:cast", x, given) for name, x in zip(names, (q, k), strict=True))
    for part in split:
        f.tape.hold(part)
    return q, k


def _tables(f: Forward, module: str, q: Value, dtype: Dtype) -> tuple[Value, Value]:
    """Cosines and sines, in the format of the stream, which all layers share; some families copy them in each."""
    family, d = f.arch.model_type, q.shape[-1]
    width = d // 2 if family in _HALF_TABLES else _width_turned(f, d)
    wide = dtypes["fp32"] if family in _WIDE_TABLES else dtype
    cos, sin = (f.shared(what, wide, width) for what in ("cos", "sin"))
    if family in _COPIED_TABLES:
        cos, sin = (f.map(f"{module}.rotary.{what}", t) for what, t in (("cos", cos), ("sin", sin)))
    return cos, sin


def _width_turned(f: Forward, d: Size) -> Size:
    """The width of the part of each head that positions turn."""
    width, factor = (f.arch.fields.get(name) for name in _PARTS)
    if factor is None:
        return d if width is None else width
    if is_whole(d):
        return int(d * factor)  # as the code does, floats and all
    part = Fraction(str(factor))
    return d * part.numerator // part.denominator


def _turns_a_part(f: Forward) -> bool:
    """The family's code takes a part of each head, be it all of it."""
    return "rotary_dim" in f.arch.fields or f.arch.fields.get("partial_rotary_factor") is not None


def _turned(f: Forward, name: str, x: Value, tables: tuple[Value, Value], split: list[Value]) -> Value:
    """x · cos + turned(x) · sin. Where a part of each head is turned, the rest is joined to it in a new tensor.

    split  gets what variables of attention hold of it from then on
    """
    family, (cos, sin) = f.arch.model_type, tables
    *before, _ = x.shape
    part = f.tape.split(f"{name} part", x, [(*before, cos.shape[-1])])[0] if _turns_a_part(f) else x
    if family in _HALF_TABLES:
        return _in_halves(f, name, x, cos, sin)
    straight = f.mul(f"{name} cos", part, cos)
    turned = f.mul(f"{name} sin", f.map(f"{name} turned", part), sin)
    out = f.add(name, straight, turned)
    if not _turns_a_part(f):
        return out
    whole = f.map(f"{name} whole", out, shape=x.shape)
    whole.by_head = True
    if family in _SPLITS_HEADS:
        split += [x, out]
    return whole


def _in_halves(f: Forward, name: str, x: Value, cos: Value, sin: Value) -> Value:
    """The two halves of a head turned against each other, then joined in a new tensor."""
    *before, d = x.shape
    halves = f.tape.split(f"{name} halves", x, [(*before, d // 2)] * 2)
    first, second = (
        f.add(name, f.mul(f"{name} cos", one, cos), f.mul(f"{name} sin", other, sin))
        for one, other in (halves, halves[::-1])
    )
    whole = f.tape.record(f"{name} whole", (first, second), x.shape, first.dtype)
    whole.by_head = True
    return whole


#: Families that turn neighbours, not the halves of a head, in code of their own.
_OWN = {"gptj": interleaved, "codegen": interleaved, "llama4_text": as_complex}
#: How a config gives the part of each head that is turned: its width, or a fraction, which is heeded first.
_PARTS = ("rotary_dim", "partial_rotary_factor")
#: Families whose attention itself splits each head: its variables hold both parts until it is over.
_SPLITS_HEADS = frozenset({"phi", "persimmon", "stablelm"})
#: Families whose cosines and sines stay in FP32.
_WIDE_TABLES = frozenset({"olmo", "olmo2", "olmo3", "flex_olmo", "ernie4_5", "ernie4_5_moe"})
#: Families that turn in FP32 and then cast back.
_TURNED_IN_FP32 = frozenset({"cohere", "cohere2"})
#: Families whose layers each copy the tables into another order.
_COPIED_TABLES = frozenset({"glm", "glm4", "ernie4_5", "ernie4_5_moe"})
#: Families whose tables hold each angle once.
_HALF_TABLES = frozenset({"gpt_oss"})
