"""T5's attention: of the stream to itself, and of the decoder to what the encoder said.

For every distance between two tokens there is a bias, which is added to the scores of self-attention; to those of
cross-attention, zeroes are. A trained bias needs a gradient, which torch's flash kernel for CPUs does not make; that
for CUDA takes no bias at all.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import NamedTuple

from ...architectures.families.t5 import attention_names
from ...ledger.dtypes import Dtype, dtypes
from .forward import Forward
from .kernels import efficient, flash, math
from .operands import same
from .tape import Storage, Value


class Given(NamedTuple):
    """What a layer is given beside the stream, or makes where it is given none.

    states        what the encoder said; none in the encoder itself
    bias, zeroes  what is added to the scores of self- and of cross-attention
    """

    states: Value | None = None
    bias: Value | None = None
    zeroes: Value | None = None


def t5_attention(f: Forward, module: str, x: Value, given: Given) -> tuple[Value, Given]:
    """Queries of the stream; keys and values of it or of what the encoder said. Makes what is added, if not given."""
    names, a, d = attention_names(module), f.arch.num_attention_heads, f.arch.head_dim
    crosses = module.endswith("EncDecAttention")
    source = given.states if crosses else x
    with f.tape.holding(x):
        with f.tape.within("attention"):
            q, k, v = (f.linear(names[slot], t) for slot, t in (("q", x), ("k", source), ("v", source)))
            q, k, v = (t.view((*t.shape[:-1], a, d)) for t in (q, k, v))
        with f.tape.holding(q, k, v):
            if crosses and given.zeroes is None:
                given = given._replace(zeroes=_zeroes(f, module, q.dtype))
            if not crosses and given.bias is None:
                given = given._replace(bias=_bias(f, module))
            added = given.zeroes if crosses else given.bias
            with f.tape.holding(added):
                with f.tape.within("attention"):
                    selective = f.setting.checkpointing == "selective"
                    with f.tape.checkpoint(f"{module}.core") if selective else nullcontext():
                        core = _eager if f.setting.attention == "eager" else _sdpa
                        out = core(f, module, q, k, v, added, _looks_back(f, module))
                with f.tape.holding(*[f.attention_weights] * (f.attention_weights is not None)):
                    return f.linear(names["o"], out), given


def _looks_back(f: Forward, module: str) -> bool:
    """Tokens of the decoder see those before them; a single one sees itself anyway."""
    return module.startswith("decoder") and module.endswith("SelfAttention") and not same(f.setting.seq_len, 1)


def _eager(f: Forward, module: str, q: Value, k: Value, v: Value, added: Value, masked: bool) -> Value:
    """Product, scale of 1, bias, mask, softmax in the format of the scores, dropout, product."""
    b, s, a, d = q.shape
    scores = f.matmul(f"{module}.scores", q, k, (b, a, s, k.shape[1]), ("query", "key"))
    scores = f.add_repeated(f"{module}.bias", f.map(f"{module}.scale", scores), added)
    scores = f.map(f"{module}.mask", scores) if masked else scores
    wide = dtypes["fp32"] if f.setting.autocast is not None and f.setting.backend == "cuda" else scores.dtype
    with f.tape.holding(scores):
        weights = f.softmax(f"{module}.softmax", scores, wide)
    with f.tape.holding(weights):
        weights = f.dropout(f"{module}.dropout", weights)
    if f.setting.checkpointing != "selective":
        f.attention_weights = weights
    with f.tape.holding(weights):
        out = f.matmul(f"{module}.values", weights, v, (b, a, s, d), ("weights", "value"))
        return f.map(f"{module}.transpose", out, shape=(b, s, a * d))


def _sdpa(f: Forward, module: str, q: Value, k: Value, v: Value, added: Value, masked: bool) -> Value:
    """torch's kernel, with bias and mask in one tensor."""
    if masked:  # chooses between bias and minus infinity
        seen = Storage(f"{module}.mask:seen", (1, 1, *added.shape[2:]), dtypes["bool"], part="attention")
        added = f.tape.record(f"{module}.mask", (added,), added.shape, added.dtype, extra=[seen])
    if module.endswith("SelfAttention") and not (same(f.arch.num_attention_heads, 1) or same(f.setting.seq_len, 1)):
        added = f.map(f"{module}.bias", added)  # the table has the heads last, the kernel takes them first
    with f.tape.holding(added):
        q, k, v = (f.lowered(f"{module}.sdpa:{what}", t) for what, t in (("query", q), ("key", k), ("value", v)))
        added = f.lowered(f"{module}.sdpa:bias", added)
        if f.setting.backend == "cpu":
            kernel = math if f.setting.dropout or added.grad else flash
        else:
            kernel = math if q.dtype.name == "fp64" else efficient
        with f.tape.holding(q, k, v, added):
            return kernel(f, module, q, k, v, added)


def _bias(f: Forward, module: str) -> Value:
    """A number for each head and each pair of tokens, looked up by their distance, which has a number of its own."""
    s, name, whole = f.setting.seq_len, f"{module}.relative_attention_bias", dtypes["int64"]
    table = f.parameter(f"{name}.weight")
    beside = [Storage(f"{name}:distances {n}", (s, s), whole) for n in range(4 if module.startswith("decoder") else 5)]
    beside.append(Storage(f"{name}:near", (s, s), dtypes["bool"]))
    beside += [Storage(f"{name}:logarithms", (s, s), dtypes["fp32"])] * makes_its_own(f)
    buckets = f.tape.record(f"{name}:buckets", (), (s, s), whole, scratch=beside)
    shape = (1, f.arch.num_attention_heads, s, s)
    return f.tape.record(name, (table, buckets), shape, f.computed(table), saves=[(buckets, "buckets")])


def _zeroes(f: Forward, module: str, dtype: Dtype) -> Value:
    """What cross-attention adds; T5's code asks for their gradient where layers are computed again."""
    s = f.setting.seq_len
    zeroes = f.made(f"{module}.position_bias", (1, f.arch.num_attention_heads, s, s), dtype)
    zeroes.grad = not makes_its_own(f) and f.setting.checkpointing == "full" and f.weights.trains
    return zeroes


def makes_its_own(f: Forward) -> bool:
    """True where each layer makes bias and zeroes anew."""
    return f.arch.model_type == "umt5"
