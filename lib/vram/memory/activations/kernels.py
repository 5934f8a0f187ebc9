"""From queries, keys and values to the output of attention: eager code, or one of torch's kernels.

Eager code keeps matrices of s × s numbers for each head: the output of softmax, and with dropout its mask and its
result. A flash kernel keeps Q, K, V, its output and one number a token and head, and computes the rest again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from ...ledger.arithmetic import Size, round_up
from ...ledger.dtypes import Dtype, dtypes
from ...ledger.errors import VramError
from .cache import tokens_seen
from .described import ENCODERS
from .falcon import falcon_weights
from .forward import Forward
from .operands import queries_and_keys, repeated, same, values
from .setting import is_known_to_exceed
from .tape import Storage, Value

Kernel = Callable[[Forward, str, Value, Value, Value], Value]


def core(f: Forward, module: str, q: Value, k: Value, v: Value) -> Value:
    """What the setting chooses."""
    return _CORES[f.setting.attention](f, module, q, k, v)


def eager(f: Forward, module: str, q: Value, k: Value, v: Value) -> Value:
    """Product, scale, mask, softmax, dropout, product: each an operation of its own."""
    family = f.arch.model_type
    with _recomputed(f, module):
        b, s, a, _ = q.shape
        if family == "falcon":  # heads are left to the product, which casts before
            k, v = f.lowered(f"{module}.scores:key", k), f.lowered(f"{module}.values:value", v)
        k, v = (repeated(f, f"{module}.repeat_kv:{what}", t) for what, t in (("key", k), ("value", v)))
        with f.tape.holding(k, v):
            if family in _WIDE_SCORES:
                wide = dtypes["fp32"]
                q, k = f.cast(f"{module}.scores:query cast", q, wide), f.cast(f"{module}.scores:key cast", k, wide)
                f.tape.hold(q)
                f.tape.hold(k)
            query, key = queries_and_keys(f, f"{module}.values", q, k, v)
            scores = f.matmul(f"{module}.scores", query, key, (b, a, s, k.shape[1]), ("query", "key"))
            weights = _WEIGHTS.get(family, _weights)(f, module, scores, query, v)
            with f.tape.holding(weights):
                weights = f.dropout(f"{module}.dropout", weights, _dropout(f))
                weights = f.cast(f"{module}.dropout:cast", weights, v.dtype) if "sinks" in f.names else weights
            with f.tape.holding(weights):
                v = values(f, f"{module}.values", q, k, v)
                out = f.matmul(f"{module}.values", weights, v, (b, a, s, v.shape[-1]), ("weights", "value"))
                out = f.map(f"{module}.transpose", out, shape=(b, s, a * v.shape[-1]))
                inside = f.tape.variables
        if family in _WEIGHTS:  # the attention module does all this itself, so that its variables live on
            f.tape.variables = inside
    if f.setting.checkpointing != "selective":
        f.attention_weights = weights
    return out


def _weights(f: Forward, module: str, scores: Value, q: Value, v: Value) -> Value:
    """Scale, cap, mask and softmax: a variable holds each step's result until the next one is there."""
    scores = f.map(f"{module}.scale", scores)
    if f.arch.model_type in CAPPED:
        scores = f.map(f"{module}.capped", f.map(f"{module}.tanh", scores, "output"))
    scores = _masked(f, module, scores)
    if "sinks" in f.names:
        return _with_sinks(f, module, scores, v)
    if f.arch.model_type in _SOFTMAX_AS_IS:  # softmax and the cast are two statements, so that the scores are let go
        return _softmax(f, module, scores, q, v)
    with f.tape.holding(scores):
        return _softmax(f, module, scores, q, v)


def _bloom_weights(f: Forward, module: str, scores: Value, q: Value, v: Value) -> Value:
    """One kernel scales the scores and adds the distances; variables hold them with and without the mask."""
    f.tape.hold(q)
    f.tape.hold(scores)
    f.tape.hold(masked := f.map(f"{module}.mask", scores))
    return _softmax(f, module, masked, q, v)


def _masked(f: Forward, module: str, scores: Value) -> Value:
    """The mask is added, which keeps nothing; where it chooses between scores and minus infinity, it is kept."""
    family, length = f.arch.model_type, f.arch.fields.get("max_position_embeddings")
    if family == "mpt":
        b, a, s, tokens = scores.shape
        distances = f.once("distances", (a, 1, length), dtypes["fp32"])
        allowed = f.once("causal mask of yes and no", (b, 1, s, tokens), dtypes["bool"])
        scores = f.add(f"{module}.distances", scores, distances)
        return f.tape.record(f"{module}.mask", (scores,), scores.shape, scores.dtype, saves=[(allowed, "mask")])
    if family == "gpt_neo":  # chooses by a mask that each layer has for all positions, then adds that of the model
        mask = Storage(f"{module}:mask", (length, length), dtypes["bool"], part="attention")
        scores = f.tape.record(f"{module}.own mask", (scores,), scores.shape, scores.dtype, extra=[mask])
    if family in ENCODERS or f.arch.head != "lm":
        return f.map(f"{module}.mask", scores)
    stream = f.computed(f.parameter(f"{f.names['embedding']}.weight"))  # the mask's format, autocast or not
    return f.tape.record(f"{module}.mask", (scores,), scores.shape, f.widest(scores.dtype, stream))


def _softmax(f: Forward, module: str, scores: Value, q: Value, v: Value) -> Value:
    """Softmax in FP32 and back to the format of the queries; some families take the scores as they are."""
    if f.arch.model_type in ENCODERS:  # no mask has made the scores FP32; autocast does so on CUDA
        wide = f.setting.autocast is not None and f.setting.backend == "cuda"
        return f.softmax(f"{module}.softmax", scores, dtypes["fp32"] if wide else scores.dtype)
    if f.arch.model_type in _SOFTMAX_STAYS:
        return f.softmax(f"{module}.softmax", scores)
    as_is = f.arch.model_type in _SOFTMAX_AS_IS
    weights = f.softmax(f"{module}.softmax", scores, None if as_is else dtypes["fp32"])
    return f.cast(f"{module}.softmax:cast", weights, v.dtype if as_is else q.dtype)


def _with_sinks(f: Forward, module: str, scores: Value, v: Value) -> Value:
    """Softmax over the scores and a sink for each head, which is left out afterwards: one column more is kept."""
    b, a, s, tokens = scores.shape
    sinks = f.parameter(f.names["sinks"])
    wide, masked = f.widest(scores.dtype, sinks.dtype), scores
    scores = f.cast(f"{module}.scores:cast", scores, wide)
    joined = f.tape.record(f"{module}.with sinks", (scores, sinks), (b, a, s, tokens + 1), wide)
    index = Storage(f"{module}.largest:indices", (b, a, s, 1), dtypes["int64"], part="attention")
    most = f.tape.record(f"{module}.largest", (joined,), (b, a, s, 1), wide, extra=[index])
    with f.tape.holding(masked):
        less = f.add(f"{module}.less the largest", joined, most)
        weights = f.softmax(f"{module}.softmax", less, wide)
    f.tape.hold(less)
    f.tape.hold(weights)
    return weights.view((b, a, s, tokens))


def sdpa(f: Forward, module: str, q: Value, k: Value, v: Value) -> Value:
    """torch's scaled_dot_product_attention: the kernel that it chooses for this setting."""
    kernel = _kernel(f, f.setting.autocast or q.dtype, q, k, v)
    if f.kind.masked and kernel is not math:
        k, v = (repeated(f, f"{module}.repeat_kv:{what}", t) for what, t in (("key", k), ("value", v)))
    q, k, v = (f.lowered(f"{module}.sdpa:{what}", t) for what, t in (("query", q), ("key", k), ("value", v)))
    if kernel is math:
        with _recomputed(f, module), f.tape.holding(q, k, v):  # autocast's copies live until the call is over
            return math(f, module, q, k, v)
    return kernel(f, module, q, k, v)


def flash(f: Forward, module: str, q: Value, k: Value, v: Value, added: Value | None = None) -> Value:
    """A flash kernel: keeps Q, K, V, its output and the logarithm of the sum of exponents, in FP32.

    added  what the caller has made for the kernel to add to the scores
    """
    b, s, a, _ = q.shape
    return _fused(f, module, q, k, v, (b, a, s), added)


def efficient(f: Forward, module: str, q: Value, k: Value, v: Value, added: Value | None = None) -> Value:
    """CUTLASS's memory-efficient kernel, which FP32 needs: as flash, rounded up to 32 tokens."""
    b, s, a, _ = q.shape
    return _fused(f, module, q, k, v, (b, a, round_up(s, 32)), added)


def math(f: Forward, module: str, q: Value, k: Value, v: Value, added: Value | None = None) -> Value:
    """torch's fallback: Q and K are scaled copies, BF16 is computed in FP32, the scores are softmaxed as they are."""
    b, s, a, _ = q.shape
    wide = dtypes["fp32"] if q.dtype.name in ("bf16", "fp16") else q.dtype
    late = f.arch.model_type == "falcon"  # its heads are left to the product
    if not late:  # beside a mask, transformers repeats them itself
        k, v = (repeated(f, f"{module}.sdpa.repeat:{w}", t, not f.kind.masked) for w, t in (("key", k), ("value", v)))
    q32, k32, v32 = (f.cast(f"{module}.sdpa:{what}", t, wide) for what, t in (("query", q), ("key", k), ("value", v)))
    with f.tape.holding(q32, k32, v32):
        q32, k32 = f.map(f"{module}.sdpa.scale:query", q32), f.map(f"{module}.sdpa.scale:key", k32)
        if late:
            k32, v32 = (repeated(f, f"{module}.sdpa.repeat:{w}", t) for w, t in (("key", k32), ("value", v32)))
        name = f"{module}.sdpa.scores"
        with f.tape.holding(q32, *(_added(f, name, k.shape[1], q, wide) if added is None else [added])):
            query, key = queries_and_keys(f, f"{module}.sdpa", q32, k32, v32)
            with f.tape.holding(k32):
                scores = _product(f, name, query, key, (b, a, s, k.shape[1]))
            name = f"{module}.sdpa.mask"
            scores = f.map(name, scores) if added is None else f.add_repeated(name, scores, added)
            weights = f.map(f"{module}.sdpa.softmax", scores, "output")
            weights = f.dropout(f"{module}.sdpa.dropout", weights, _dropout(f))
            f.tape.hold(weights)
            f.tape.hold(f.cast(f"{module}.sdpa:weights", weights, q.dtype))  # which the fallback returns, too
            v32 = values(f, f"{module}.sdpa", q32, k32, v32)
            out = _product(f, f"{module}.sdpa.values", weights, v32, (b, a, s, v.shape[-1]))
            out = f.cast(f"{module}.sdpa:back", out, q.dtype)
    return f.map(f"{module}.sdpa:transpose", out, shape=(b, s, a * v.shape[-1]))


def _added(f: Forward, name: str, tokens: Size, q: Value, wide: Dtype) -> list[Value]:
    """The mask that the fallback adds to the scores, made of yes and no, or of "each token sees those before it"."""
    b, s, *_ = q.shape
    if f.kind.masked:
        return [] if f.arch.positions == "alibi" else [f.made(f"{name}:mask", (b, 1, s, tokens), q.dtype)]
    return [] if same(s, 1) else [f.made(f"{name}:mask", (s, tokens), wide)]


def _product(f: Forward, name: str, a: Value, b: Value, shape: tuple[Size, ...]) -> Value:
    """A product inside a kernel: autocast does not reach it."""
    saves = [(a, "left")] * b.grad + [(b, "right")] * a.grad
    return f.tape.record(name, (a, b), shape, a.dtype, saves=saves)


def _fused(
    f: Forward, module: str, q: Value, k: Value, v: Value, statistics: tuple[Size, ...], added: Value | None
) -> Value:
    b, s, a, _ = q.shape
    name = f"{module}.{f.setting.attention}"
    extra = [Storage(f"{name}:logsumexp", statistics, dtypes["fp32"], part="attention")]
    saves = [(q, "query"), (k, "key"), (v, "value")]
    if f.kind.masked and f.setting.attention == "sdpa":
        saves.append((_mask(f, name, q), "mask"))
    wide: list[tuple[Value, Storage]] = []
    if added is not None:
        saves.append((added, "mask"))
        whole = Storage(f"{name}:gradient of mask at first", (b, a, s, k.shape[1]), added.dtype, "temporaries")
        if added.grad and whole.key != added.storage.key:  # a mask for all sequences is summed up afterwards
            wide.append((added, whole))
    shape = (b, s, a * v.shape[-1])
    inputs = (q, k, v) if added is None else (q, k, v, added)
    out = f.tape.record(name, inputs, shape, q.dtype, saves=saves, extra=extra, keeps_output="output",
                        wide=wide)  # fmt: skip
    by_head = q.by_head and f.setting.backend == "cpu"  # queries by head make an output by head
    return f.map(f"{module}.transpose", out) if by_head else out


def _mask(f: Forward, name: str, q: Value) -> Value:
    """The mask in the format of the queries: each layer makes it of one of yes and no; with distances it is shared."""
    b, s, a, _ = q.shape
    tokens = tokens_seen(f)
    if f.arch.positions != "alibi":
        return f.made(f"{name}:mask", (b, 1, s, tokens), q.dtype)
    if f.setting.autocast is None:
        return f.once("mask with distances", (b, a, s, tokens), q.dtype)
    return f.made(f"{name}:mask", (b, a, s, tokens), q.dtype)


def _dropout(f: Forward) -> float:
    """Dropout of the attention weights; Falcon has it beside ALiBi only."""
    never = f.arch.model_type in _NO_DROPOUT or (f.arch.model_type == "falcon" and f.arch.positions == "rotary")
    return 0.0 if never else f.setting.dropout


def _kernel(f: Forward, dtype: Dtype, q: Value, k: Value, v: Value) -> Kernel:
    """What torch's scaled_dot_product_attention runs: flash where it can, else efficient, else the fallback.

    A window needs a mask, which CUDA's flash kernel does not take. Only the efficient kernel takes values of another
    width than keys; Falcon's code does not say that its one key/value head serves all queries, so that none but the
    fallback does.
    """
    if f.arch.model_type == "falcon" and not same(q.shape[2], k.shape[2]):
        return math
    same_width = same(q.shape[-1], v.shape[-1])
    if f.setting.backend == "cpu":
        return math if _dropout(f) or not same_width else flash
    narrow = dtype.name in ("bf16", "fp16")
    if f.kind.masked or not same_width:
        return math if dtype.name == "fp64" else efficient
    if narrow and not is_known_to_exceed(q.shape[-1], 256):
        return flash
    grouped = not same(q.shape[2], k.shape[2])
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


#: Families whose eager code goes from scores to weights in a way of its own.
_WEIGHTS = {"bloom": _bloom_weights, "falcon": falcon_weights}

_CORES = {"eager": eager, "sdpa": sdpa, "flash": _flash_package}

#: Families whose eager softmax runs in the format of the scores, not in FP32.
_SOFTMAX_AS_IS = frozenset({"gpt2", "gptj", "codegen", "gpt_neo"})

#: Families whose eager softmax is in the format of the scores, and whose weights stay in that of softmax.
_SOFTMAX_STAYS = frozenset({"llama4_text"})

#: Families that take queries and keys to FP32 before their product.
_WIDE_SCORES = frozenset({"gptj", "codegen", "gpt_neo"})

#: Families without any dropout of the attention weights.
_NO_DROPOUT = frozenset({"ernie4_5", "ernie4_5_moe"})

#: Families that cap the scores, and the logits, with a hyperbolic tangent.
CAPPED = frozenset({"gemma2", "vaultgemma"})
