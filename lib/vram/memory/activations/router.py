"""The router: which experts a token goes to, and with what weights. Each family chooses in its own order.

What chooses but is not weighed by (the bias that balances experts, the best groups) leaves nothing for backward.
"""

from __future__ import annotations

from ...ledger.dtypes import dtypes
from ...ledger.errors import VramError
from .forward import Forward
from .tape import Storage, Value

Routed = tuple[Value, Storage]


def route(f: Forward, x: Value) -> Routed:
    """Weights and indices of the chosen experts, (b·s, k) each."""
    return _ROUTES.get(f.arch.model_type, _softmax_first)(f, router_name(f), x)


def router_name(f: Forward) -> str:
    """The router's module."""
    for slot in ("router", "router_tensor"):
        if slot in f.names:
            return f.names[slot]
    raise VramError(f"arch: the router of {f.arch.model_type} is not described.")


def _softmax_first(f: Forward, name: str, x: Value) -> Routed:
    """Softmax in FP32 over all experts, then the k largest (Mixtral, Qwen, OLMoE)."""
    logits = _logits(f, f.linear(name, x))
    wide = f.cast(f"{name}:logits in fp32", logits, dtypes["fp32"])
    weights, indices = _largest(f, name, f.softmax(f"{name}.softmax", wide, dtypes["fp32"]))
    if f.arch.norm_topk_prob:
        weights = _normalised(f, name, weights)
    if f.arch.model_type in _WIDE_WEIGHTS:
        return weights, indices
    return f.cast(f"{name}:weights", weights, logits.dtype), indices


def _softmax_of_chosen(f: Forward, name: str, x: Value) -> Routed:
    """The k largest, then softmax over them (gpt-oss; Granite in FP32)."""
    logits = _logits(f, f.linear(name, x))
    if f.arch.model_type in _WIDE_SOFTMAX:
        logits = f.cast(f"{name}:logits in fp32", logits, dtypes["fp32"])
    chosen, indices = _largest(f, name, logits)
    weights = f.softmax(f"{name}.softmax", chosen, chosen.dtype)
    return (f.cast(f"{name}:weights", weights, x.dtype) if f.arch.model_type in _WIDE_SOFTMAX else weights), indices


def _softmax_in_fp32(f: Forward, name: str, x: Value) -> Routed:
    """The router itself in FP32; softmax, perhaps of the best groups alone, then the k largest (DeepSeek V2)."""
    logits = _logits(f, _linear_in_fp32(f, name, x))
    scores = f.softmax(f"{name}.softmax", logits, dtypes["fp32"])
    if f.arch.topk_method == "group_limited_greedy":
        mask = Storage(f"{name}.groups:mask", scores.shape, dtypes["bool"])
        scores = f.tape.record(f"{name}.groups", (scores,), scores.shape, scores.dtype, extra=[mask])
    weights, indices = _largest(f, name, scores)
    return f.map(f"{name}.scale", weights), indices


def _sigmoid_in_fp32(f: Forward, name: str, x: Value) -> Routed:
    """The router itself in FP32, a sigmoid for each expert, k of them gathered (DeepSeek V3, Kimi K2, GLM-4.5)."""
    weights, indices = _gathered(f, name, _logits(f, _linear_in_fp32(f, name, x)))
    if f.arch.norm_topk_prob:
        weights = _normalised(f, name, weights)
    return f.map(f"{name}.scale", weights), indices


def _sigmoid(f: Forward, name: str, x: Value) -> Routed:
    """A sigmoid for each expert in FP32, k of them gathered and divided by their sum (MiniMax M2)."""
    logits = f.cast(f"{name}:logits in fp32", _logits(f, f.linear(name, x)), dtypes["fp32"])
    weights, indices = _gathered(f, name, logits)
    return _normalised(f, name, weights), indices


def _softmax_gathered(f: Forward, name: str, x: Value) -> Routed:
    """Router and softmax in FP32, autocast or not; the chosen gathered and divided by their sum, which is clamped
    (ERNIE 4.5)."""
    wide = dtypes["fp32"]
    weight = f.cast(f"{name}.weight:in fp32", f.parameter(f"{name}.weight"), wide)
    x32 = f.cast(f"{name}:input in fp32", x, wide)
    saves = [(x32, "input")] * weight.grad + [(weight, "weight")] * x32.grad
    logits = f.tape.record(name, (x32, weight), (*x.shape[:-1], f.arch.num_experts), wide, saves=saves)
    weights, indices = _largest(f, name, f.softmax(f"{name}.softmax", _logits(f, logits), wide))
    total = f.map(f"{name}.sum", weights, shape=(weights.shape[0], 1))
    least = f.map(f"{name}.clamp", total, "input")
    weights = f.mul(f"{name}.normalise", weights, least, ("weights", "clamped sum"))
    return f.cast(f"{name}:weights", weights, x.dtype), indices


def _softmax_of_router(f: Forward, name: str, x: Value) -> Routed:
    """Softmax in the format of the router, the k largest divided by their norm (DBRX)."""
    logits = _logits(f, f.linear(name, x))
    weights, indices = _largest(f, name, f.softmax(f"{name}.softmax", logits, logits.dtype))
    norm = f.tape.record(
        f"{name}.norm", (weights,), (weights.shape[0], 1), weights.dtype, saves=[(weights, "weights")],
        keeps_output="output",
    )  # fmt: skip
    return f.mul(f"{name}.normalise", weights, norm, ("weights", "norm")), indices


def _drawn_twice(f: Forward, name: str, x: Value) -> Routed:
    """Two experts drawn one after the other, each by a softmax over those that come near the best (Phi-3.5-MoE)."""
    scores = _logits(f, f.linear(name, x))
    first, chosen = _drawn(f, f"{name}.first", scores, scores)
    without = f.tape.record(f"{name}.without first", (scores,), scores.shape, scores.dtype, extra=[chosen])
    second, _ = _drawn(f, f"{name}.second", scores, without)
    shape = (f.setting.tokens, 2)
    return f.tape.record(f"{name}.both", (first, second), shape, first.dtype), chosen


def _drawn(f: Forward, name: str, scores: Value, left: Value) -> Routed:
    """One expert for each token; a function of its own gives the scores their gradient."""
    one = (f.setting.tokens, 1)
    far = Storage(f"{name}.far from the best:mask", left.shape, dtypes["bool"])
    near = f.tape.record(f"{name}.near the best", (left,), left.shape, left.dtype, extra=[far])
    index = Storage(f"{name}:index", one, dtypes["int64"])
    wide = f.setting.autocast is not None and f.setting.backend == "cuda"  # on a CPU, autocast leaves it alone
    gates = f.softmax(f"{name}.softmax", near, dtypes["fp32"] if wide else near.dtype)
    gate = f.tape.record(f"{name}.gate", (gates,), one, gates.dtype, extra=[index])
    saves = [(gate, "gate"), (gates, "gates")]
    return f.tape.record(f"{name}.multiplier", (scores, gate), one, gate.dtype, saves=saves, extra=[index]), index


def _logits(f: Forward, logits: Value) -> Value:
    logits = logits.view((f.setting.tokens, f.arch.num_experts))
    f.tape.hold(logits)  # the router returns them too
    return logits


def _linear_in_fp32(f: Forward, name: str, x: Value) -> Value:
    wide = dtypes["fp32"]
    weight = f.cast(f"{name}.weight:in fp32", f.parameter(f"{name}.weight"), wide)
    return f.product(name, f.cast(f"{name}:input in fp32", x, wide), weight, f.arch.num_experts)


def _largest(f: Forward, name: str, scores: Value) -> Routed:
    shape = (f.setting.tokens, f.arch.num_experts_per_tok)
    indices = Storage(f"{name}.topk:indices", shape, dtypes["int64"])
    f.numbers(f"{name}.topk:chosen", shape, dtypes["int64"])
    return f.tape.record(f"{name}.topk", (scores,), shape, scores.dtype, extra=[indices]), indices


def _gathered(f: Forward, name: str, logits: Value) -> Routed:
    return _largest(f, name, f.map(f"{name}.sigmoid", logits, "output"))


def _normalised(f: Forward, name: str, weights: Value) -> Value:
    total = f.map(f"{name}.sum", weights, shape=(weights.shape[0], 1))
    return f.mul(f"{name}.normalise", weights, total, ("weights", "sum"))


_ROUTES = {
    **dict.fromkeys(("gpt_oss", "granitemoe", "granitemoeshared"), _softmax_of_chosen),
    **dict.fromkeys(
        ("deepseek_v3", "dots1", "exaone_moe", "glm4_moe", "glm4_moe_lite", "kimi_k2", "solar_open"), _sigmoid_in_fp32
    ),
    "deepseek_v2": _softmax_in_fp32,
    "minimax_m2": _sigmoid,
    "ernie4_5_moe": _softmax_gathered,
    "dbrx": _softmax_of_router,
    "phimoe": _drawn_twice,
}
#: Families whose weights stay in FP32.
_WIDE_WEIGHTS = frozenset({"mixtral"})
_WIDE_SOFTMAX = frozenset({"granitemoe", "granitemoeshared"})
