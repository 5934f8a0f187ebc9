"""Questions of lesson 10, many cards: what ZeRO, tensor and pipeline parallelism divide, and what they never do."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

import vram

from ..exercise import Exercise, Slip, the_true

_WITHIN_ONE_PERCENT = Fraction(1, 100)
_STATES = ("weights", "gradients", "optimizer states")


def _held(timeline: vram.Timeline, *kinds: str, phase: str = "optimizer step") -> int:
    """Bytes of some kinds in a phase; without kinds, of the model states."""
    return timeline.phases[phase].select(lambda tensor: tensor.kind in (kinds or _STATES)).nbytes


# 10.p: the example of the ZeRO paper.


def _zero_paper(stage: int = 1, cards: int = 64) -> int:
    """Bytes a card of 7.5 billion parameters at 2 + 2 + 4 + 4 + 4 bytes."""
    copies = [("weights", "bf16"), ("gradients", "bf16"), *[("optimizer states", "fp32")] * 3]
    rows = [vram.Tensor(f"{n}.weight", (7_500_000_000,), vram.dtypes[d], kind) for n, (kind, d) in enumerate(copies)]
    return _held(vram.shard(vram.Timeline({"optimizer step": vram.Ledger(rows)}), dp=cards, zero=stage))


# 10.m: a 70B model in four bits on four cards of 24 GB.


def _packed() -> int:
    return vram.quantize(vram.weights(vram.models["llama-3-70b"]), "nf4").nbytes


# 10.1: a 7B model that is nearly an 8B one.


@cache
def _qwen() -> vram.Architecture:
    """Qwen1.5 7B, from its config.json."""
    return vram.Architecture(
        "qwen2", hidden_size=4096, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=32,
        intermediate_size=11008, vocab_size=151936,
    )  # fmt: skip


def _qwen_states(stage: int) -> int:
    return _held(vram.shard(vram.model_states(_qwen()), dp=8, zero=stage))


# 10.2: the recipe with FP32 gradients.


def _per_card(divided_from: dict[str, bool], recipe: str = "bf16-fp32-gradients") -> Any:
    """P parameters on N cards in symbols: which kinds are divided, at the bytes that the recipe's ledger has."""
    import sympy

    P, N = sympy.symbols("P N", positive=True, integer=True)
    arch = vram.models["llama-2-7b"]
    ledger, numel = vram.model_states(arch, recipe=recipe).at_peak(), vram.weights(arch).numel
    each = {kind: round(ledger.select(kind=kind).nbytes / numel) for kind in _STATES}
    return sum(n * P / (N if divided_from[kind] else 1) for kind, n in each.items())


_ZERO = {
    stage: dict(zip(("optimizer states", "gradients", "weights"), (stage >= 1, stage >= 2, stage >= 3), strict=True))
    for stage in range(4)
}


# 10.3: a key matrix on more cards than key heads.


def _on_each(name: str, cards: int) -> int:
    rows = vram.shard(vram.model_states(vram.models["llama-3-8b"]), tp=cards).phases["forward"].select(kind="weights")
    return rows[f"model.layers.{{}}.self_attn.{name}.weight"].size


# 10.4: room for a longer sequence.


def _what_makes_room_for_tokens() -> str:
    """Which change at least halves the activations of a sequence on the card that holds most of them?"""
    step = vram.training(vram.models["llama-3-8b"], seq_len=4096)

    def kept(**plan: Any) -> int:
        return _held(vram.shard(step, **plan), "activations", phase="start of backward")

    now = kept(dp=8, zero=2)
    return the_true({
        "a": kept(dp=8, zero=3) <= now / 2,
        "b": kept(dp=16, zero=2) <= now / 2,
        "c": kept(tp=8, sequence_parallel=True) <= now / 2,
        "d": kept(pp=8, rank={"pp": 0}) <= now / 2,
    })  # fmt: skip


# 10.5: the first stage.


def _stage(index: int, kinds: tuple[str, ...] = ()) -> int:
    """Bytes of BF16 weights on one of four stages, or of some parts of the model there."""
    rows = vram.shard(vram.model_states(vram.models["llama-3-8b"]), pp=4, rank={"pp": index}).phases["forward"]
    return rows.select(lambda t: t.kind == "weights" and (not kinds or t.part in kinds)).nbytes


# 10.6: a message from a card with an eighth of a 7B model.


def _what_is_allocated() -> str:
    """Which tensor of LLaMA 7B under ZeRO-2 on eight cards has the printed size?"""
    numel = vram.weights(vram.models["llama-7b"]).numel
    shared = vram.shard(vram.model_states(vram.models["llama-7b"]), dp=8, zero=2).phases["optimizer step"]
    moment = shared.select(lambda tensor: tensor.name.endswith(".exp_avg_sq")).nbytes
    logits = 4 * 512 * vram.models["llama-7b"].vocab_size
    sizes = {"a": 2 * numel, "b": moment, "c": shared.select(kind="gradients").nbytes, "d": logits}
    return the_true({letter: vram.gib(nbytes) == "3.14 GiB" for letter, nbytes in sizes.items()})


def _what_is_not_divided() -> str:
    """What does a card of eight hold as much of under ZeRO-3 as without?"""
    step = vram.training(vram.models["llama-3-8b"], seq_len=2048)
    shared = vram.shard(step, dp=8, zero=3)
    kinds = {"a": ("weights", "forward"), "b": ("gradients", "optimizer step"),
             "c": ("optimizer states", "forward"), "d": ("activations", "start of backward")}  # fmt: skip
    return the_true({
        letter: _held(shared, kind, phase=phase) == _held(step, kind, phase=phase)
        for letter, (kind, phase) in kinds.items()
    })  # fmt: skip


QUESTIONS = (
    Exercise(
        id="10.p",
        kind="bytes",
        truth=_zero_paper,
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
parameters, cards = 7_500_000_000, 64
answer = ((2 + 2) * parameters + 12 * parameters / cards) * B""",
    ),
    Exercise(
        id="10.m",
        kind="bytes",
        truth=_packed,
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
llama = vram.weights(vram.models["llama-3-70b"])
answer = vram.quantize(llama, "nf4").nbytes * B""",
        facts=lambda: {"usable": vram.gib(vram.gpus["A10G"].usable_bytes)},
        slips=(
            Slip("quarter", lambda: Fraction(_packed(), 4), "M22"),
            Slip("all_four", lambda: 4 * _packed()),
            Slip("half_a_byte", lambda: Fraction(vram.weights(vram.models["llama-3-70b"]).numel, 2)),
            Slip("bf16", lambda: vram.weights(vram.models["llama-3-70b"]).nbytes),
        ),
    ),
    Exercise(
        id="10.1",
        stars=1,
        kind="bytes",
        truth=lambda: _qwen_states(2),
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
parameters, cards = 7_721_324_544, 8
answer = (2 * parameters + (2 + 12) * parameters / cards) * B""",
        facts=lambda: {"usable": vram.gib(vram.gpus["A100-40GB"].usable_bytes)},
        slips=(
            Slip("whole", lambda: _qwen_states(0), "M22"),
            Slip("stage_one", lambda: _qwen_states(1)),
            Slip("stage_three", lambda: _qwen_states(3)),
            Slip("seven", lambda: 2 * 7 * 10**9 + 14 * 7 * 10**9 // 8),
        ),
    ),
    Exercise(
        id="10.2",
        stars=1,
        kind="symbolic",
        names=("P", "N"),
        truth=lambda: _per_card(_ZERO[2]),
        solution="""\
P, N = sympy.symbols("P N", positive=True, integer=True)
weights, gradients, optimizer = 2, 4, 12
answer = weights * P + (gradients + optimizer) * P / N""",
        slips=(
            Slip("stage_three", lambda: _per_card(_ZERO[3])),
            Slip("stage_one", lambda: _per_card(_ZERO[1])),
            Slip("whole", lambda: _per_card(_ZERO[0]), "M22"),
            Slip("short_gradients", lambda: _per_card(_ZERO[2], "bf16-mixed")),
            Slip("both_gradients", lambda: _per_card(_ZERO[2], "bf16-both-gradients")),
        ),
    ),
    Exercise(
        id="10.3",
        stars=2,
        kind="count",
        truth=lambda: _on_each("k_proj", 16),
        solution="""\
states = vram.shard(vram.model_states(vram.models["llama-3-8b"]), tp=16)
rows = states.phases["forward"].select(kind="weights")
answer = rows["model.layers.{}.self_attn.k_proj.weight"].size""",
        slips=(
            Slip("sixteenth", lambda: _on_each("k_proj", 1) // 16),
            Slip("whole", lambda: _on_each("k_proj", 1)),
            Slip("query", lambda: _on_each("q_proj", 16)),
        ),
    ),
    Exercise(
        id="10.4",
        stars=2,
        kind="choice",
        truth=_what_makes_room_for_tokens,
        solution="""\
step = vram.training(vram.models["llama-3-8b"], seq_len=4096)
plans = {
    "a": {"dp": 8, "zero": 3}, "b": {"dp": 16, "zero": 2},
    "c": {"tp": 8, "sequence_parallel": True}, "d": {"pp": 8, "rank": {"pp": 0}},
}
kept = {
    letter: vram.shard(step, **plan).phases["start of backward"]
    .select(kind="activations").nbytes
    for letter, plan in plans.items()
}
answer = min(kept, key=kept.get)""",
        slips=(Slip("a", lambda: "a", "M23"), Slip("b", lambda: "b", "M22"), Slip("d", lambda: "d")),
    ),
    Exercise(
        id="10.5",
        stars=2,
        kind="bytes",
        truth=lambda: _stage(0),
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
states = vram.model_states(vram.models["llama-3-8b"])
first = vram.shard(states, pp=4, rank={"pp": 0}).phases["forward"]
answer = first.select(kind="weights").nbytes * B""",
        facts=lambda: {"middle": vram.gib(_stage(1))},
        slips=(
            Slip("quarter", lambda: Fraction(vram.weights(vram.models["llama-3-8b"]).nbytes, 4)),
            Slip("layers", lambda: _stage(1)),
            Slip("both_ends", lambda: 2 * _stage(0) - _stage(1)),
            Slip("one_layer", lambda: Fraction(_stage(1), 8)),
        ),
    ),
    Exercise(
        id="10.6",
        stars=3,
        kind="choice",
        truth=_what_is_allocated,
        solution="""\
llama = vram.models["llama-7b"]
shared = vram.shard(vram.model_states(llama), dp=8, zero=2).phases["optimizer step"]
sizes = {
    "a": vram.weights(llama).nbytes,
    "b": shared.select(lambda tensor: tensor.name.endswith(".exp_avg_sq")).nbytes,
    "c": shared.select(kind="gradients").nbytes,
    "d": 4 * 512 * llama.vocab_size,
}
answer = next(letter for letter, n in sizes.items() if vram.gib(n) == "3.14 GiB")""",
        facts=lambda: {"states": vram.gib(_held(vram.shard(vram.model_states(vram.models["llama-7b"]), dp=8, zero=2)))},
        slips=(Slip("a", lambda: "a"), Slip("c", lambda: "c"), Slip("d", lambda: "d")),
    ),
    Exercise(
        id="10.x",
        kind="choice",
        truth=_what_is_not_divided,
        solution="""\
step = vram.training(vram.models["llama-3-8b"], seq_len=2048)
shared = vram.shard(step, dp=8, zero=3)
held = {
    "a": ("weights", "forward"), "b": ("gradients", "optimizer step"),
    "c": ("optimizer states", "forward"), "d": ("activations", "start of backward"),
}
answer = next(
    letter for letter, (kind, phase) in held.items()
    if shared.phases[phase].select(kind=kind).nbytes
    == step.phases[phase].select(kind=kind).nbytes
)""",
        slips=(Slip("a", lambda: "a"), Slip("b", lambda: "b"), Slip("c", lambda: "c")),
    ),
)
