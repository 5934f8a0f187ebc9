"""Experts that do not run as one grouped product: DBRX's one after the other, Llama 4's all on every token.

A loop over experts saves as much as one product would, if every expert is chosen by some token; the tensors of one
expert are what its tokens take.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...ledger.arithmetic import Size
from ...ledger.dtypes import dtypes
from .forward import Forward
from .mlp import activate
from .router import route, router_name
from .tape import Storage, Value


def one_after_the_other(f: Forward, module: str, x: Value) -> Value:
    """DBRX: each expert takes its tokens out of the stream, and adds what it says to the sum.

    Where nothing is kept for backward, one expert lives at a time, counted at its largest: every token visits it.
    """
    weights, _ = route(f, x)
    chosen, h, names = f.setting.tokens * f.arch.num_experts_per_tok, f.arch.hidden_size, f.names
    sums = None
    if not f.weights.trains:  # when an expert begins, variables hold the output of the one before
        f.numbers(f"{module}:chosen or not", (chosen, f.arch.num_experts + 1), dtypes["int64"])
        chosen = f.setting.tokens
        sums = f.made(f"{module}.sums", x.shape, x.dtype)
        for variable in (weights, sums, f.made(f"{module}.earlier output", (chosen, h), x.dtype)):
            f.tape.hold(variable)
    places = Storage(f"{module}:places", (chosen, 2), dtypes["int64"])
    rows = f.tape.record(f"{module}.gather", (x,), (chosen, h), x.dtype, extra=[places])
    with f.tape.within("expert"), f.tape.holding(rows):
        width = f.arch.moe_intermediate_size
        gate, up = (_sliced(f, names[slot], rows, width) for slot in ("experts_gate", "experts_up"))
        activated = activate(f, f"{module}.act", gate)
        with f.tape.holding(activated, up):
            inner = f.mul(f"{module}.gated", activated, up, ("activated", "up"))
            gathering = [f.parameter(names[slot]) for slot in ("experts_gate", "experts_up")]  # from the last expert on
            out = _sliced(f, names["experts_down"], inner, h, gathering)
    scale = f.tape.record(f"{module}.weights", (weights,), (chosen, 1), weights.dtype, extra=[places])
    weighted = f.mul(f"{module}.weighted", out, scale, ("output", "weights"))
    if sums is not None:
        return f.tape.in_place(f"{module}.sum", sums)
    summed = f.tape.record(
        f"{module}.sum", (weighted,), x.shape, x.dtype, saves=[(weighted, "source")], extra=[places]
    )
    return f.dropout(f"{module}.dropout", summed)


def _sliced(f: Forward, name: str, x: Value, width: Size, gathering: Sequence[Value] = ()) -> Value:
    """A product of each expert's rows with its part of the matrix: autocast casts each part by itself.

    Backward makes a whole gradient for each part, zero elsewhere, and adds it to that of the parts before.

    gathering  matrices whose gradients are being added up, too
    """
    weight = f.parameter(name)
    to = f.setting.autocast
    if to is not None:
        x, weight = f.cast(f"{name}:input cast", x, to), f.cast(f"{name}:parts cast", weight, to)
    saves = [(x, "input")] * weight.grad + [(weight, "weight")] * x.grad
    parts = [
        Storage(f"{w.storage.name}:gradient of a part", w.shape, w.dtype, "temporaries")
        for w in (weight, *gathering) if w.grad
    ]  # fmt: skip
    shape = (x.shape[0], width)
    return f.tape.record(f"{name}.product", (x, weight), shape, weight.dtype, saves=saves, backward=parts)


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
