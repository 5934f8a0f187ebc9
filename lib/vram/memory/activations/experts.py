"""A layer with experts: each token is copied to the experts that the router chose for it.

What is saved depends on how many tokens are routed (b·s·k), not on which expert each goes to.
"""

from __future__ import annotations

from ...ledger.dtypes import dtypes
from ...ledger.errors import VramError
from .each_expert import dense_experts, one_after_the_other
from .forward import Forward
from .mlp import activate, mlp
from .router import route, router_name
from .tape import Storage, Value


def experts(f: Forward, x: Value) -> Value:
    """Router, experts, shared experts; the sum of what they say."""
    module = router_name(f).rsplit(".", 1)[0]
    chosen = f.arch.num_experts_per_tok
    if chosen is None:
        raise VramError("num_experts_per_tok: not given, but the experts a token visits must be known.")
    if f.arch.model_type in _BLOCKS:
        out = _BLOCKS[f.arch.model_type](f, f"{module}.experts", x)
        return f.add(f"{module}.sum", out, _shared(f, module, x)) if f.arch.shared_expert_intermediate_size else out
    shares, first = bool(f.arch.shared_expert_intermediate_size), f.arch.model_type in _SHARED_FIRST
    shared = _shared(f, module, x) if shares and first else None
    with f.tape.holding(*[shared] * (shared is not None)):
        weights, indices = route(f, x)
        f.tape.hold(weights)
        out = _routed(f, f"{module}.experts", x, weights, indices)
    if shares and not first:
        with f.tape.holding(out):
            shared = _shared(f, module, x)
    return out if shared is None else f.add(f"{module}.sum", out, _weighed(f, module, x, shared))


#: Families that run their experts in another way.
_BLOCKS = {"dbrx": one_after_the_other, "llama4_text": dense_experts}


def _routed(f: Forward, module: str, x: Value, weights: Value, indices: Storage) -> Value:
    """The experts on their tokens, sorted by expert; autocast does not reach the grouped product.

    One function of transformers does all of it: its variables hold the tokens, and each product until the next.
    """
    chosen, h = f.setting.tokens * f.arch.num_experts_per_tok, f.arch.hidden_size
    width = f.arch.moe_intermediate_size
    int64 = dtypes["int64"]
    kinds = ("tokens", "order", "inverse", "experts")
    integers = {what: Storage(f"{module}:{what}", (chosen,), int64) for what in kinds}
    offsets = Storage(f"{module}:offsets", (f.arch.num_experts,), dtypes["int32"])
    rows = f.tape.record(f"{module}.gather", (x,), (chosen, h), x.dtype, extra=[integers["tokens"]])
    scale = f.tape.record(f"{module}.weights", (weights,), (chosen, 1), weights.dtype, extra=[integers["order"]])
    up, down = _stacks(f, module)
    with f.tape.holding(rows, scale):
        numbers = {"order of rows": int64, "experts of rows": int64, "experts as floats": dtypes["fp32"]}
        for what, dtype in numbers.items():
            f.numbers(f"{module}:{what}", (chosen,), dtype)
        with f.tape.within("expert"):
            both, biases = _biased(f, "experts_gate_up_bias", integers["experts"],
                                   _grouped(f, f"{module}.gate_up_proj", rows, up, (chosen, 2 * width), offsets))
            with f.tape.holding(both, *biases):
                gate, linear = f.tape.split(f"{module}.gate_up_proj", both, [(chosen, width)] * 2)
                if f.arch.model_type == "gpt_oss":
                    inner = _clamped(f, module, gate, linear)
                else:
                    inner = f.mul(f"{module}.gated", activate(f, f"{module}.act", gate), linear, ("activated", "up"))
        with f.tape.holding(inner):
            out, biases = _biased(f, "experts_down_bias", integers["experts"],
                                  _grouped(f, f"{module}.down_proj", inner, down, (chosen, h), offsets))
        with f.tape.holding(out, *biases):
            weighted = f.mul(f"{module}.weighted", out, scale, ("output", "weights"))
            f.numbers(f"{module}:inverse of rows", (chosen,), int64)
            ordered = f.tape.record(
                f"{module}.scatter", (weighted,), (chosen, h), weighted.dtype, extra=[integers["inverse"]]
            )
            with f.tape.holding(ordered):
                summed = f.map(f"{module}.sum", ordered, shape=x.shape)
                return f.cast(f"{module}:cast", summed, x.dtype)


def _grouped(f: Forward, name: str, x: Value, weights: list[Value], shape, offsets: Storage) -> Value:
    """One product for all experts: keeps its input and where each expert's tokens end."""
    x = f.cast(f"{name}:cast", x, f.computed(weights[0]))
    saves = [(x, "input")] if any(w.grad for w in weights) else []
    return f.tape.record(name, (x, *weights), shape, x.dtype, saves=saves, extra=[offsets])


def _biased(f: Forward, slot: str, experts: Storage, x: Value) -> tuple[Value, list[Value]]:
    """Each row with the bias of its expert, added where the row lies; and those biases."""
    if slot not in f.names:
        return x, []
    bias = f.parameter(f.names[slot])
    rows = f.tape.record(f"{f.names[slot]}.chosen", (bias,), x.shape, bias.dtype, extra=[experts])
    return f.add(f"{f.names[slot]}.add", x, rows), [rows]


def _clamped(f: Forward, module: str, gate: Value, up: Value) -> Value:
    """(up + 1) · gate · sigmoid(1.702 gate), gate and up clamped (gpt-oss): keeps each factor.

    The clamped gate and up are not all kept, but variables hold them until the function is over.
    """
    gate, up = (f.map(f"{module}.clamp:{what}", t, "input") for what, t in (("gate", gate), ("up", up)))
    with f.tape.holding(gate, up):
        sigmoid = f.map(f"{module}.sigmoid", f.map(f"{module}.scaled", gate), "output")
        activated = f.mul(f"{module}.act", gate, sigmoid, ("gate", "sigmoid"))
        raised = f.map(f"{module}.one plus", up)
        return f.mul(f"{module}.gated", raised, activated, ("one plus up", "activated"))


def _stacks(f: Forward, module: str) -> tuple[list[Value], list[Value]]:
    """The experts' weights: stacked in one tensor, as the software holds them, or one by one in the checkpoint."""
    names = f.names
    if "experts_down" in names:
        return [f.parameter(names["experts_gate_up"])], [f.parameter(names["experts_down"])]
    return (
        [f.parameter(f"{names['expert_gate']}.weight"), f.parameter(f"{names['expert_up']}.weight")],
        [f.parameter(f"{names['expert_down']}.weight")],
    )


def _shared(f: Forward, module: str, x: Value) -> Value:
    """The MLP that every token visits."""
    slots = {slot.removeprefix("shared_"): name for slot, name in f.names.items() if slot.startswith("shared_")}
    return mlp(f, x, slots, "shared_expert", f.arch.shared_expert_intermediate_size)


def _weighed(f: Forward, module: str, x: Value, shared: Value) -> Value:
    """What it says; Qwen weighs it with a sigmoid of its own."""
    if "shared_router" not in f.names:
        return shared
    gate = f.map(f"{f.names['shared_router']}.sigmoid", f.linear(f.names["shared_router"], x), "output")
    return f.mul(f"{module}.shared", shared, gate, ("output", "gate"))


#: Families that ask the shared expert before the others.
_SHARED_FIRST = frozenset({"qwen2_moe", "ernie4_5_moe"})
