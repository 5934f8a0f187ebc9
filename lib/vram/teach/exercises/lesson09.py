"""Questions of lesson 09, compute and time: FLOPs of products, days of training, what a generated token waits for."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import vram

from ..exercise import Exercise, Slip, the_true

_WITHIN_ONE_PERCENT = Fraction(1, 100)
_HALF_A_POINT = Fraction(1, 200)
_DAY = 86_400

#: What the LLaMA paper reports of its training: tokens a second on each of its cards.
_LLAMA_TOKENS = 380


# 09.p: the share of an A100 that is used while Llama 2 7B writes for one reader.


def _share_while_writing(**how: Any) -> Fraction:
    step = vram.decode_time(vram.models["llama-2-7b"], gpu="A100-80GB", seq_len=1024, **how)
    return Fraction(step.compute_seconds) / Fraction(step.seconds)


# 09.m: the utilisation that a rate of tokens means.


def _mfu(*, peak: int = 1, recompute: bool = False) -> Fraction:
    """Utilisation of an A100 by the rule of thumb; `peak`: 2 takes the sparse figure for the card's peak."""
    flops = vram.training_flops(vram.weights(vram.models["llama-65b"]).numel, _LLAMA_TOKENS, recompute=recompute)
    return Fraction(vram.mfu(flops, seconds=1, gpu=peak * vram.gpus["A100-80GB"].dense_flops))


# 09.1: one gated MLP in symbols.


def _gated_mlp() -> Any:
    b, s, layers = (getattr(vram.symbols, letter) for letter in "bsl")
    work = vram.compute(vram.Architecture("llama").symbolic(), batch=b, seq_len=s)
    return work.by("kind")["mlp"].forward / layers


# 09.2: one layer of GPT-3.


def _layer(part: str | None = None) -> Fraction:
    """FLOPs of the forward pass of one layer of GPT-3 over 2,048 tokens, or of one kind of product in it."""
    parts = vram.compute(vram.models["gpt3-175b"].replace(num_hidden_layers=1), seq_len=2048).by("kind")
    kinds = [part] if part else ["attention", "attention scores", "mlp"]
    return Fraction(sum(parts[kind].forward for kind in kinds))


# 09.3: where the scores overtake the matrices.


def _crossing(**changes: Any) -> int:
    """The length at which scores cost as much as the matrices of the layers: one side grows with s, the other s²."""
    parts = vram.compute(vram.models["llama-3-8b"].replace(**changes), seq_len=1).by("kind")
    matrices = parts["attention"].forward + parts["mlp"].forward
    return matrices // parts["attention scores"].forward


# 09.4: days.


def _days(*, peak: int = 1, recompute: bool = False, utilisation: float = 0.4) -> Fraction:
    flops = vram.training_flops(vram.weights(vram.models["llama-2-70b"]).numel, 2 * 10**12, recompute=recompute)
    card = peak * vram.gpus["A100-80GB"].dense_flops
    return Fraction(vram.training_time(flops, gpu=card, gpus=2048, mfu=utilisation)) / _DAY


# 09.5: a token on a gaming card.


def _step(weights: str = "nf4") -> vram.Roofline:
    return vram.decode_time(vram.models["llama-3-8b"], gpu="RTX 4090", seq_len=2048, weights=weights)


def _tokens_per_second(weights: str = "nf4") -> Fraction:
    return Fraction(_step(weights).tokens_per_second)


def _stored() -> int:
    return vram.stored_weights(vram.models["llama-3-8b"], "nf4").nbytes


def _cache() -> int:
    return vram.kv_cache(vram.models["llama-3-8b"], seq_len=2048).nbytes


def _reading(nbytes: Fraction | int) -> Fraction:
    """Tokens a second where each of them waits for so many bytes."""
    return vram.gpus["RTX 4090"].bandwidth / Fraction(nbytes)


# 09.6 and 09.x: what a step waits for.


def _batch_that_fills_the_card() -> str:
    """From which batch on is decoding with 8,192 tokens a sequence bound by compute? Looked for among powers of two."""
    bound = {
        batch: vram.decode_time(vram.models["llama-3-8b"], gpu="H100-80GB", batch=batch, seq_len=8192).bound
        for batch in (1, 128, 512, 2**12, 2**20)
    }
    first = next((batch for batch, what in bound.items() if what == "compute"), None)
    return the_true({"a": first == 1, "b": first in (128, 512), "c": first in (2**12, 2**20), "d": first is None})


def _what_is_faster_for_one() -> str:
    """Which change shortens the step of one sequence by a third or more?"""
    llama, card = vram.models["llama-3-8b"], vram.gpus["A100-80GB"]
    now = vram.decode_time(llama, gpu=card).seconds
    changed = {
        "a": vram.decode_time(llama, gpu=replace(card, dense_flops=2 * card.dense_flops)),
        "b": vram.decode_time(llama, gpu=card, batch=16),
        "c": vram.decode_time(llama, gpu=card, weights="int8"),
    }
    faster = {letter: step.seconds < now * 2 / 3 for letter, step in changed.items()}
    return the_true({**faster, "d": not any(faster.values())})


QUESTIONS = (
    Exercise(
        id="09.p",
        kind="percent",
        truth=_share_while_writing,
        tolerance=Fraction(1, 1000),
        solution="""\
llama = vram.models["llama-2-7b"]
step = vram.decode_time(llama, gpu="A100-80GB", seq_len=1024)
answer = step.compute_seconds / step.seconds""",
    ),
    Exercise(
        id="09.m",
        kind="percent",
        truth=_mfu,
        tolerance=_HALF_A_POINT,
        solution="""\
parameters = vram.weights(vram.models["llama-65b"]).numel
flops = vram.training_flops(parameters, 380)
answer = vram.mfu(flops, seconds=1, gpu="A100-80GB")""",
        slips=(
            Slip("sparse", lambda: _mfu(peak=2)),
            Slip("recompute", lambda: _mfu(recompute=True)),
            Slip("both", lambda: _mfu(peak=2, recompute=True)),
            Slip("as_written", lambda: Fraction(3, 10)),
            Slip("doubled", lambda: Fraction(6, 10)),
        ),
    ),
    Exercise(
        id="09.1",
        stars=1,
        kind="symbolic",
        truth=_gated_mlp,
        solution="""\
b, s, h, f = (getattr(vram.symbols, letter) for letter in "bshf")
gate = 2 * (b * s) * h * f
up = 2 * (b * s) * h * f
down = 2 * (b * s) * f * h
answer = gate + up + down""",
        slips=(
            Slip("two_matrices", lambda: _gated_mlp() * 2 / 3),
            Slip("multiplications", lambda: _gated_mlp() / 2),
            Slip("with_backward", lambda: _gated_mlp() * 3),
            Slip("one_token", lambda: _gated_mlp() / (vram.symbols.b * vram.symbols.s)),
            Slip("one_sequence", lambda: _gated_mlp() / vram.symbols.b),
            Slip("gpt_width", lambda: _gated_mlp().subs(vram.symbols.f, 4 * vram.symbols.h)),
        ),
    ),
    Exercise(
        id="09.2",
        stars=1,
        kind="number",
        truth=_layer,
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
b, s, h = 1, 2048, 12288
answer = 24 * b * s * h**2 + 4 * b * s**2 * h""",
        facts=lambda: {"scores": vram.percent(_layer("attention scores"), _layer())},
        slips=(
            Slip("no_scores", lambda: _layer() - _layer("attention scores")),
            Slip("mlp_only", lambda: _layer("mlp")),
            Slip("attention_only", lambda: _layer() - _layer("mlp")),
            Slip("multiplications", lambda: _layer() / 2),
            Slip("with_backward", lambda: _layer() * 3),
            Slip("one_token", lambda: _layer() / 2048),
            Slip("all_layers", lambda: _layer() * vram.models["gpt3-175b"].num_hidden_layers),
        ),
    ),
    Exercise(
        id="09.3",
        stars=2,
        kind="count",
        truth=_crossing,
        solution="""\
parts = vram.compute(vram.models["llama-3-8b"], seq_len=1).by("kind")
matrices = parts["attention"].forward + parts["mlp"].forward
answer = matrices // parts["attention scores"].forward""",
        facts=lambda: {"gpt": vram.count(6 * vram.models["llama-3-8b"].hidden_size)},
        slips=(
            Slip("gpt_form", lambda: 6 * vram.models["llama-3-8b"].hidden_size),
            Slip("query_heads", lambda: _crossing(num_key_value_heads=32)),
            Slip("one_product", lambda: 2 * _crossing()),
            Slip("ungated", lambda: _crossing(mlp_gated=False)),
        ),
    ),
    Exercise(
        id="09.4",
        stars=2,
        kind="number",
        truth=_days,
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
parameters = vram.weights(vram.models["llama-2-70b"]).numel
flops = 6 * parameters * 2 * 10**12
seconds = flops / (2048 * 312e12 * 0.40)
answer = seconds / 86_400""",
        slips=(
            Slip("sparse", lambda: _days(peak=2)),
            Slip("nominal", lambda: _days() * 70 * 10**9 / vram.weights(vram.models["llama-2-70b"]).numel),
            Slip("recompute", lambda: _days(recompute=True)),
            Slip("full_peak", lambda: _days(utilisation=1)),
            Slip("forward", lambda: _days() / 3),
            Slip("hours", lambda: _days() * 24),
            Slip("seconds", lambda: _days() * _DAY),
        ),
    ),
    Exercise(
        id="09.5",
        stars=2,
        kind="number",
        truth=_tokens_per_second,
        tolerance=Fraction(1, 50),
        solution="""\
llama = vram.models["llama-3-8b"]
step = vram.decode_time(llama, gpu="RTX 4090", weights="nf4", seq_len=2048)
answer = step.tokens_per_second""",
        facts=lambda: {"read": vram.gib(int(_step().nbytes)), "peak": f"{float(1 / _step().compute_seconds):,.0f}"},
        slips=(
            Slip("bf16", lambda: _tokens_per_second("bf16")),
            Slip("compute", lambda: 1 / Fraction(_step().compute_seconds)),
            Slip("no_cache", lambda: _reading(_step().nbytes - _cache())),
            Slip("half_a_byte", lambda: _reading(Fraction(vram.weights(vram.models["llama-3-8b"]).numel, 2))),
            Slip("embedding", lambda: _reading(_stored() + _cache())),
        ),
    ),
    Exercise(
        id="09.6",
        stars=3,
        kind="choice",
        truth=_batch_that_fills_the_card,
        solution="""\
llama = vram.models["llama-3-8b"]
bounds = {
    batch: vram.decode_time(llama, gpu="H100-80GB", batch=batch, seq_len=8192).bound
    for batch in (1, 128, 512, 4096, 2**20)
}
answer = "d" if set(bounds.values()) == {"bandwidth"} else None""",
        facts=lambda: {"ridge": f"{vram.decode_time(vram.models['llama-3-8b'], gpu='H100-80GB').ridge:.0f}"},
        slips=(Slip("a", lambda: "a"), Slip("b", lambda: "b"), Slip("c", lambda: "c")),
    ),
    Exercise(
        id="09.x",
        kind="choice",
        truth=_what_is_faster_for_one,
        solution="""\
from dataclasses import replace

llama, card = vram.models["llama-3-8b"], vram.gpus["A100-80GB"]
steps = {
    "a": vram.decode_time(llama, gpu=replace(card, dense_flops=2 * card.dense_flops)),
    "b": vram.decode_time(llama, gpu=card, batch=16),
    "c": vram.decode_time(llama, gpu=card, weights="int8"),
}
answer = min(steps, key=lambda letter: steps[letter].seconds)""",
        slips=(Slip("a", lambda: "a"), Slip("b", lambda: "b"), Slip("d", lambda: "d")),
    ),
)
