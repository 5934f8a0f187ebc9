"""Experts that do not run as one grouped product: DBRX's one after the other, Llama 4's all on every token.

Tokens are taken to visit the experts of a loop evenly. What the loop saves does not depend on it; what lives at one
moment of it does.
"""

from __future__ import annotations

from ...ledger.arithmetic import Size, is_array, is_symbolic, is_whole
from ...ledger.dtypes import dtypes
from .forward import Forward
from .mlp import activate
from .router import route, router_name
from .tape import Storage, Value

#: Experts that are told apart; of more than any published model has, and of a symbol, all are taken together.
MOST = 64


def one_after_the_other(f: Forward, module: str, x: Value) -> Value:
    """DBRX: each expert takes its tokens out of the stream, and adds what it says to the sum."""
    weights, _ = route(f, x)
    chosen, rounds = f.setting.tokens * f.arch.num_experts_per_tok, _rounds(f)
    table = f.made(f"{module}:chosen or not", (chosen, f.arch.num_experts + 1), dtypes["int64"])
    sums = f.made(f"{module}.sums", x.shape, x.dtype)
    for variable in (weights, table, sums):
        f.tape.hold(variable)
    said: list[Value] = []  # what the expert before said, which a variable holds until this one has spoken
    for expert in range(rounds):
        rows = chosen * (expert + 1) // rounds - chosen * expert // rounds
        with f.tape.holding(*said):
            places, out = _expert(f, f"{module}.{expert}", x, rows, rounds, expert == rounds - 1)
        scale = f.tape.record(f"{module}.{expert}.weights", (weights,), (rows, 1), weights.dtype, extra=[places])
        said = [f.mul(f"{module}.{expert}.weighted", out, scale, ("output", "weights"))]
        sums = f.tape.in_place(f"{module}.{expert}.sum", sums, said[0], extra=[places])
    return f.dropout(f"{module}.dropout", sums)


def _rounds(f: Forward) -> int:
    """How many experts are visited one after the other."""
    experts, chosen = f.arch.num_experts, f.setting.tokens * f.arch.num_experts_per_tok
    if is_symbolic(experts) or is_array(experts) or is_symbolic(chosen) or experts > MOST:
        return 1
    return int(min(experts, chosen) if is_whole(chosen) else experts)


def _expert(f: Forward, name: str, x: Value, rows: Size, rounds: int, last: bool) -> tuple[Storage, Value]:
    """What one expert says of its tokens, and where they are."""
    h, width = f.arch.hidden_size, f.arch.moe_intermediate_size
    up_part, gate_part, down_part = (
        _part(f, name, f.names[slot], rounds, last) for slot in ("experts_up", "experts_gate", "experts_down")
    )
    places = Storage(f"{name}:places", (rows, 2), dtypes["int64"])
    f.numbers(f"{name}:places of tokens", (rows, 2), dtypes["int64"])
    taken = f.tape.record(f"{name}.gather", (x,), (rows, h), x.dtype, extra=[places])
    with f.tape.within("expert"), f.tape.holding(taken):
        gate = _product(f, f"{name}.gate", taken, gate_part, width)
        up = _product(f, f"{name}.up", taken, up_part, width)
        activated = activate(f, f"{name}.act", gate)
        with f.tape.holding(activated, up):
            inner = f.mul(f"{name}.gated", activated, up, ("activated", "up"))
            with f.tape.holding(inner):
                return places, _product(f, f"{name}.down", inner, down_part, h)


def _part(f: Forward, name: str, weight: str, rounds: int, last: bool) -> Value:
    """An expert's part of a matrix. Backward makes a whole gradient for it, zero elsewhere; then, from the second on,
    a third tensor, the sum of this one and those before: the gradient of the part is gone by then."""
    whole, width = f.parameter(weight), f.arch.moe_intermediate_size
    if rounds == 1:
        return f.tape.split(f"{name}.part of {weight}", whole, [whole.shape])[0]
    rows, h = whole.shape
    more = Storage(f"{weight}:sum of gradients of parts", (rows - width, h), whole.dtype, "temporaries", "expert")
    parts = f.tape.split(f"{name}.part of {weight}", whole, [(width, h)], backward=[more] * (whole.grad and not last))
    return parts[0]


def _product(f: Forward, name: str, x: Value, weight: Value, width: Size) -> Value:
    """A product of an expert's rows with its part of a matrix: autocast casts each part by itself."""
    if (to := f.setting.autocast) is not None:
        x, weight = f.cast(f"{name}:input cast", x, to), f.cast(f"{name}:part cast", weight, to)
    saves = [(x, "input")] * weight.grad + [(weight, "weight")] * x.grad
    return f.tape.record(name, (x, weight), (x.shape[0], width), weight.dtype, saves=saves)


def dense_experts(f: Forward, module: str, x: Value) -> Value:
    """Llama 4: all experts compute all tokens, each weighed by its score, which is zero where it was not chosen."""
    experts, tokens, h, names = f.arch.num_experts, f.setting.tokens, f.arch.hidden_size, f.names
    scores, width = _scores(f, router_name(f), x), f.arch.moe_intermediate_size
    copies = f.map(f"{module}.repeated", x, shape=(experts * tokens, h))
    column = f.map(f"{module}.column", scores, shape=(experts * tokens, 1))
    rows = f.mul(f"{module}.weighted", copies, column, ("tokens", "scores")).view((experts, tokens, h))
    f.tape.hold(rows)
    with f.tape.within("expert"):
        both = f.product(names["experts_gate_up"], rows, f.parameter(names["experts_gate_up"]), 2 * width)
        gate, up = f.tape.split(f"{module}.gate_up_proj", both, [(experts, tokens, width)] * 2)
        with f.tape.holding(both):
            inner = f.mul(f"{module}.gated", up, activate(f, f"{module}.act", gate), ("up", "activated"))
            out = f.product(names["experts_down"], inner, f.parameter(names["experts_down"]), h)
    f.tape.hold(out)
    return f.map(f"{module}.sum", out, shape=x.shape)


def _scores(f: Forward, name: str, x: Value) -> Value:
    """A sigmoid in FP32 of the k largest scores of each token; of the others zero."""
    f.tape.hold(logits := f.linear(name, x).view((f.setting.tokens, f.arch.num_experts)))
    shape = (f.setting.tokens, f.arch.num_experts_per_tok)
    indices = Storage(f"{name}.topk:indices", shape, dtypes["int64"])
    most = f.tape.record(f"{name}.topk", (logits,), shape, logits.dtype, extra=[indices])
    spread = f.tape.record(f"{name}.scatter", (most,), logits.shape, logits.dtype, extra=[indices])
    sigmoid = f.map(f"{name}.sigmoid", f.cast(f"{name}:scores in fp32", spread, dtypes["fp32"]), "output")
    f.tape.hold(scores := f.cast(f"{name}:scores", sigmoid, logits.dtype))
    return scores
