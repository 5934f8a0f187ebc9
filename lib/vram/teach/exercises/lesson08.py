"""Questions of lesson 08, LoRA and QLoRA: the size of an adapter, real adapters, which states shrink and which stay."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import vram

from ..exercise import Exercise, Slip, the_true

_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")


def _one_matrix(d_in: Any, d_out: Any) -> vram.Architecture:
    """A model whose up-projection is the d_out × d_in matrix that the question is about."""
    return vram.Architecture(
        "llama", hidden_size=d_in, intermediate_size=d_out, num_attention_heads=1, num_hidden_layers=1
    )


def _adapter(d_in: Any, d_out: Any, rank: Any) -> Any:
    return vram.lora(_one_matrix(d_in, d_out), rank=rank, targets=["up_proj"]).numel


def _formula(dora: bool = True) -> Any:
    """Trained parameters of one adapter of any size, as DoRA has it or as plain LoRA has it."""
    d_in, d_out = _widths()
    return vram.lora(_one_matrix(d_in, d_out), rank=vram.symbols.r, targets=["up_proj"], dora=dora).numel


def _widths() -> tuple[Any, Any]:
    import sympy

    return tuple(sympy.symbols("d_in d_out", positive=True, integer=True))


def _llama(**changes: object) -> vram.Architecture:
    return vram.models["llama-3-8b"].replace(**changes)


def _trained(rank: int, targets: object, **changes: object) -> int:
    return vram.lora(_llama(**changes), rank=rank, targets=targets).numel


def _as_many_heads() -> dict[str, int]:
    return {"num_key_value_heads": _llama().num_attention_heads}


def _peak(rank: int) -> int:
    return vram.model_states(_llama(), lora=rank).peak


def _adapter_states(rank: int) -> int:
    """Bytes of everything that exists because of the adapters: the peak without the frozen weights."""
    return _peak(rank) - vram.weights(_llama()).nbytes


def _what_does_not_shrink() -> str:
    """Which kind of memory is at least as large with LoRA as in a full fine-tune."""

    def kinds(timeline: vram.Timeline) -> dict[str, int]:
        return {kind: rows.nbytes for kind, rows in timeline.phases["optimizer step"].by("kind").items()}

    full, lora = kinds(vram.model_states(_llama())), kinds(vram.model_states(_llama(), lora=16))
    masters = [
        timeline.phases["optimizer step"].select(lambda t: "master" in t.name).nbytes
        for timeline in (vram.model_states(_llama()), vram.model_states(_llama(), lora=16))
    ]
    return the_true({
        "a": lora["gradients"] >= full["gradients"],
        "b": lora["optimizer states"] >= full["optimizer states"],
        "c": lora["weights"] >= full["weights"],
        "d": masters[1] >= masters[0],
    })  # fmt: skip


def _who_needs_the_input() -> str:
    """In y = (w + b·a)·x with w frozen: which derivatives contain x, so that forward must keep it."""
    import sympy

    w, a, b, x = sympy.symbols("w a b x", positive=True)
    y = (w + b * a) * x
    needs = {symbol.name for symbol in (a, b, x) if y.diff(symbol).has(x)}
    return the_true({"a": not needs, "b": needs == {"x"}, "c": needs == {"a", "b", "x"}, "d": needs == {"a", "b"}})


_WITHIN_ONE_PERCENT = Fraction(1, 100)

QUESTIONS = (
    Exercise(
        id="08.p",
        kind="percent",
        truth=lambda: Fraction(_adapter(1024, 512, 8), 1024 * 512),
        tolerance=Fraction(1, 1000),
        solution="""\
d_in, d_out, r = 1024, 512, 8
answer = r * (d_in + d_out) / (d_in * d_out)""",
    ),
    Exercise(
        id="08.m",
        kind="bytes",
        truth=lambda: _peak(32) - _peak(8),
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
llama = vram.models["llama-3-8b"]
high, low = (vram.model_states(llama, lora=rank).peak for rank in (32, 8))
answer = (high - low) * B""",
        facts=lambda: {"peak": vram.both(_peak(32))},
        slips=(
            Slip("like_the_rank", lambda: Fraction(_peak(32) * 3, 4), "M12"),
            Slip("like_the_rank", lambda: Fraction(vram.weights(_llama()).nbytes * 3, 4), "M12"),
            Slip("all_states", lambda: _adapter_states(32)),
            Slip("weights_only", lambda: vram.lora(_llama(), rank=24, dtype="bf16").nbytes),
            Slip("nothing", lambda: 0),
        ),
    ),
    Exercise(
        id="08.1",
        stars=1,
        kind="symbolic",
        names=("d_in", "d_out"),
        truth=_formula,
        solution="""\
d_in, d_out = sympy.symbols("d_in d_out", positive=True, integer=True)
model = vram.Architecture(
    "llama", hidden_size=d_in, intermediate_size=d_out,
    num_hidden_layers=1, num_attention_heads=1,
)
rank = vram.symbols.r
answer = vram.lora(model, rank=rank, targets=["up_proj"], dora=True).numel""",
        slips=(
            Slip("plain_lora", lambda: _formula(dora=False)),
            Slip("by_input", lambda: _formula(dora=False) + _widths()[0]),
            Slip("by_rank", lambda: _formula(dora=False) + vram.symbols.r),
            Slip("both_sides", lambda: _formula() + _widths()[0]),
            Slip("with_frozen", lambda: _formula() + _widths()[0] * _widths()[1]),
            Slip("product", lambda: vram.symbols.r * _widths()[0] * _widths()[1] + _widths()[1]),
        ),
    ),
    Exercise(
        id="08.2",
        stars=1,
        kind="count",
        truth=lambda: _adapter(4096, 1024, 64),
        solution="""\
d_in, d_out, r = 4096, 1024, 64
answer = r * (d_in + d_out)""",
        facts=lambda: {"share": vram.percent(_adapter(4096, 1024, 64), 4096 * 1024, digits=2)},
        slips=(
            Slip("with_frozen", lambda: _adapter(4096, 1024, 64) + 4096 * 1024),
            Slip("full_matrix", lambda: 4096 * 1024),
            Slip("product", lambda: 64 * 4096 * 1024),
            Slip("one_matrix", lambda: 64 * 4096),
            Slip("one_matrix", lambda: 64 * 1024),
        ),
    ),
    Exercise(
        id="08.3",
        stars=2,
        kind="count",
        truth=lambda: _trained(8, ["q_proj", "v_proj"]),
        solution="""\
h, g, d, l, r = 4096, 8, 128, 32, 8
answer = l * r * ((h + h) + (h + g * d))""",
        slips=(
            Slip("query_heads", lambda: _trained(8, ["q_proj", "v_proj"], **_as_many_heads()), "M15"),
            Slip("one_layer", lambda: _trained(8, ["q_proj", "v_proj"]) // 32),
            Slip("four_matrices", lambda: _trained(8, _ATTENTION)),
            Slip("queries_only", lambda: _trained(8, ["q_proj"])),
            Slip("all_linear", lambda: _trained(8, "all-linear")),
        ),
    ),
    Exercise(
        id="08.4",
        stars=2,
        kind="count",
        truth=lambda: _trained(32, "all-linear"),
        solution="""\
answer = vram.lora(vram.models["llama-3-8b"], rank=32, targets="all-linear").numel""",
        facts=lambda: {"share": vram.percent(_trained(32, "all-linear"), vram.weights(_llama()).numel)},
        slips=(
            Slip("query_heads", lambda: _trained(32, "all-linear", **_as_many_heads()), "M15"),
            Slip("other_rank", lambda: _trained(16, "all-linear")),
            Slip("attention_only", lambda: _trained(32, _ATTENTION)),
            Slip("mlp_only", lambda: _trained(32, "all-linear") - _trained(32, _ATTENTION)),
            Slip("no_gate", lambda: _trained(32, [*_ATTENTION, "up_proj", "down_proj"])),
            Slip("with_head", lambda: _trained(32, "all-linear") + 32 * (_llama().hidden_size + _llama().vocab_size)),
            Slip("one_layer", lambda: _trained(32, "all-linear") // 32),
        ),
    ),
    Exercise(
        id="08.5",
        stars=2,
        kind="bytes",
        truth=lambda: _adapter_states(32),
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
llama = vram.models["llama-3-8b"]
answer = (vram.model_states(llama, lora=32).peak - vram.weights(llama).nbytes) * B""",
        facts=lambda: {"full": vram.both(vram.model_states(_llama()).peak)},
        slips=(
            Slip("whole_model", lambda: vram.model_states(_llama()).peak, "M12"),
            Slip("weights_only", lambda: vram.lora(_llama(), rank=32, dtype="bf16").nbytes),
            Slip("with_base", lambda: _peak(32)),
            Slip("eight_bytes", lambda: 4 * vram.lora(_llama(), rank=32, dtype="bf16").nbytes, "M08"),
        ),
    ),
    Exercise(
        id="08.6",
        stars=3,
        kind="choice",
        truth=_who_needs_the_input,
        solution="""\
w, a, b, x = sympy.symbols("w a b x")
y = (w + b * a) * x
needs_x = {str(v) for v in (a, b, x) if y.diff(v).has(x)}
claims = {"a": set(), "b": {"x"}, "c": {"a", "b", "x"}, "d": {"a", "b"}}
answer = next(letter for letter, claim in claims.items() if claim == needs_x)""",
        slips=(Slip("a", lambda: "a", "M13"), Slip("b", lambda: "b"), Slip("c", lambda: "c")),
    ),
    Exercise(
        id="08.x",
        kind="choice",
        truth=_what_does_not_shrink,
        solution="""\
llama = vram.models["llama-3-8b"]
full, small = (
    vram.model_states(llama, lora=lora).phases["optimizer step"].by("kind")
    for lora in (None, 16)
)
letters = {"gradients": "a", "optimizer states": "b", "weights": "c"}
answer = next(
    letter for kind, letter in letters.items()
    if small[kind].nbytes >= full[kind].nbytes
)""",
        slips=(Slip("a", lambda: "a"), Slip("b", lambda: "b"), Slip("d", lambda: "d")),
    ),
)
