"""How much memory does it take to train every weight? States by recipe and by optimizer."""

from __future__ import annotations

from fractions import Fraction

import vram

from ..question import Question, Wrong


def states(model, recipe, gpu):
    return vram.model_states(vram.models[model], recipe=recipe, optimizer="adamw").peak


def states_on_cards(cards, model, recipe, gpu):
    held = vram.model_states(vram.models[model], recipe=recipe, optimizer="adamw").peak
    return held / cards <= vram.gpus[gpu].usable_bytes


def times_the_weights(model, optimizer, gpu):
    arch = vram.models[model]
    held = vram.model_states(arch, recipe="fp32", optimizer=optimizer).peak
    return held / vram.weights(arch, dtype="fp32").nbytes


def optimizer_fits(choice, model, optimizer, gpu):
    held = vram.model_states(vram.models[model], recipe="fp32", optimizer=choice).peak
    return held + vram.overhead().nbytes <= vram.gpus[gpu].usable_bytes


def bytes_a_parameter(model, recipe, optimizer, gpu):
    arch = vram.models[model]
    held = vram.model_states(arch, recipe=recipe, optimizer=optimizer).peak
    return round(held / vram.weights(arch).numel, 2)


def step_on_cards(cards, model, recipe, optimizer, gpu):
    how = {"recipe": recipe, "optimizer": optimizer, "checkpointing": "full"}
    step = vram.training(vram.models[model], seq_len=2048, **how)
    peak = vram.shard(step, dp=cards, zero=3).peak + vram.overhead().nbytes
    return peak <= vram.gpus[gpu].usable_bytes


def adam_states(model, cards, gpu):
    return vram.model_states(vram.models[model], recipe="bf16-mixed").peak


def recipe_fits(recipe, model, cards, gpu):
    held = vram.model_states(vram.models[model], recipe=recipe).peak
    return held / cards <= vram.gpus[gpu].usable_bytes


def _numel(model):
    return vram.weights(vram.models[model]).numel


def _bytes_of(model, each, unless=None):
    """So many bytes for each parameter; None where that is the truth."""
    value = each * _numel(model)
    return None if unless is not None and abs(value - unless) < value / 100 else value


def _without_weights(**settings):
    """Without the two bytes of the weights; None where a rule in print has the same number."""
    value = bytes_a_parameter(**settings) - 2
    return None if min(abs(value - 16), abs(value - 18)) < 0.2 else value


_BILLIONS = ("llama-2-7b", "mistral-7b-v0.3", "llama-3.1-8b", "llama-2-13b", "qwen2.5-14b")

QUESTIONS = (
    Question(
        number=11,
        theme="train",
        stars=1,
        draws={
            "model": _BILLIONS,
            "recipe": ("fp32", "bf16", "bf16-fp32-states", "bf16-mixed", "bf16-fp32-gradients"),
            "gpu": ("A100-80GB", "A100-40GB", "RTX 4090"),
        },
        kind="bytes",
        size=states,
        key="cards",
        options=(1, 2, 4, 8, 16),
        works=states_on_cards,
        wrong={
            "four_times": Wrong(lambda **s: _bytes_of(s["model"], 16, states(**s)), "M08"),
            "weights_only": Wrong(lambda model, **s: _bytes_of(model, 2)),
            "no_moments": Wrong(lambda model, **s: _bytes_of(model, 4)),
            "halved": Wrong(lambda **s: _bytes_of(s["model"], 8, states(**s)), "M10"),
        },
    ),
    Question(
        number=12,
        theme="train",
        stars=1,
        draws={
            "model": ("qwen2.5-0.5b", "gpt2-xl", "qwen2.5-1.5b", "llama-3.2-1b", "llama-3.2-3b", "qwen2.5-3b"),
            "optimizer": ("sgd", "sgd-momentum", "lion", "adamw", "adamw-8bit"),
            "gpu": ("RTX 3060", "T4", "A10", "RTX 4090", "RTX 5090", "L40S"),
        },
        kind="number",
        size=times_the_weights,
        key="optimizer",
        options=("adamw", "lion", "adamw-8bit", "sgd"),
        works=optimizer_fits,
        wrong={
            "four_times": Wrong(lambda **s: 4 if s["optimizer"] != "adamw" else None, "M08"),
            "no_gradients": Wrong(lambda **s: times_the_weights(**s) - 1),
            "sgd_remembers": Wrong(lambda **s: 3 if s["optimizer"] == "sgd" else None, "M09"),
            "optimizer_only": Wrong(lambda **s: times_the_weights(**s) - 2 if s["optimizer"] != "sgd" else None),
        },
    ),
    Question(
        number=13,
        theme="train",
        stars=2,
        draws={
            "model": ("qwen2.5-14b", "llama-2-13b", "mistral-nemo-12b", "phi-4"),
            "recipe": ("bf16", "bf16-fp32-states", "bf16-mixed", "bf16-fp32-gradients", "bf16-both-gradients"),
            "optimizer": ("adamw", "sgd-momentum", "adamw-8bit"),
            "gpu": ("A100-80GB", "H100-80GB", "A100-40GB"),
        },
        kind="bytes",
        size=bytes_a_parameter,
        key="cards",
        options=(1, 2, 4, 8, 16, 32),
        works=step_on_cards,
        wrong={
            "rule_of_18": Wrong(lambda **s: None if abs(bytes_a_parameter(**s) - 18) < 0.2 else 18),
            "four_times": Wrong(lambda **s: None if abs(bytes_a_parameter(**s) - 16) < 0.2 else 16, "M08"),
            "no_weights": Wrong(_without_weights),
        },
        is_sane=lambda **s: s["recipe"] != "bf16-fp32-states" or s["optimizer"] != "adamw-8bit",
    ),
    Question(
        number=14,
        theme="train",
        stars=2,
        draws={
            "model": ("llama-3.1-70b", "llama-2-70b", "qwen2.5-72b"),
            "cards": (8, 16, 24, 32),
            "gpu": ("H100-80GB", "A100-40GB", "A100-80GB", "H200"),
        },
        kind="bytes",
        size=adam_states,
        key="recipe",
        options=("bf16-mixed", "bf16-fp32-states", "bf16"),
        works=recipe_fits,
        tolerance=Fraction(1, 100),
        wrong={
            "weights_only": Wrong(lambda model, **s: _bytes_of(model, 2)),
            "no_moments": Wrong(lambda model, **s: _bytes_of(model, 4)),
            "no_master": Wrong(lambda model, **s: _bytes_of(model, 12)),
            "halved": Wrong(lambda model, **s: _bytes_of(model, 8), "M10"),
        },
        is_sane=lambda **s: 2 * adam_states(**s) > s["cards"] * vram.gpus[s["gpu"]].usable_bytes,
    ),
)
