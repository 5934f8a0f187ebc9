"""Questions of lesson 06, Training states: bytes a parameter, the 4× rule, optimizers, what a card holds."""

from __future__ import annotations

from fractions import Fraction

import vram

from ..exercise import Exercise, Slip, the_true

_LARGER = "llama-2-13b"


def _states(recipe: str = "bf16-mixed", optimizer: str = "adamw", model: str = "llama-2-7b") -> int:
    """Bytes of weights, gradients and optimizer states at the peak of a full fine-tune."""
    return vram.model_states(vram.models[model], recipe=recipe, optimizer=optimizer).peak


def _per_parameter(recipe: str = "bf16-mixed", optimizer: str = "adamw") -> Fraction:
    return Fraction(_states(recipe, optimizer), vram.weights(vram.models["llama-2-7b"]).numel)


def _file(dtype: str = "bf16", model: str = "llama-2-7b") -> int:
    return vram.weights(vram.models[model], dtype=dtype).nbytes


def _kept(optimizer: str, dtype: str = "fp32") -> int:
    """Bytes that an optimizer keeps for Llama 2 7B."""
    return vram.optimizer_states(vram.weights(vram.models["llama-2-7b"], dtype=dtype), optimizer).nbytes


def _share(recipe: str, optimizer: str = "adamw") -> Fraction:
    """Model states as a multiple of the weights that forward and backward use, to a tenth (steps are a few bytes)."""
    weights = _file(vram.recipes[recipe].weights)
    return Fraction(round(10 * Fraction(_states(recipe, optimizer), weights)), 10)


def _where_four_holds() -> str:
    four = {name for name in vram.recipes if _share(name) == 4}
    return the_true({
        "a": four == set(vram.recipes),
        "b": _share("bf16-mixed") == 4,
        "c": _share("fp32", "sgd-momentum") == 4,
        "d": {"fp32", "bf16"} <= four and not four & {"bf16-mixed", "bf16-fp32-states", "bf16-fp32-gradients"},
    })  # fmt: skip


def _what_mixed_precision_saves() -> str:
    ratio = Fraction(_states("bf16-mixed"), _states("fp32"))
    return the_true({
        "a": ratio == 1,
        "b": ratio == Fraction(3, 4),
        "c": ratio == Fraction(1, 2),
        "d": ratio == Fraction(1, 4),
    })  # fmt: skip


def _largest_model(room: int, bytes_per_parameter: int = 16) -> int:
    return room // bytes_per_parameter


def _l4() -> int:
    return vram.gpus["L4"].usable_bytes


_WITHIN_ONE_PERCENT = Fraction(1, 100)

QUESTIONS = (
    Exercise(
        id="06.p",
        kind="bytes",
        truth=lambda: round(_per_parameter()),
        solution="""\
llama = vram.models["llama-2-7b"]
states = vram.model_states(llama, recipe="bf16-mixed", optimizer="adamw").peak
answer = round(states / vram.weights(llama).numel) * B""",
    ),
    Exercise(
        id="06.m",
        kind="bytes",
        truth=lambda: _file("fp32") - _kept("sgd"),
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
ledger = vram.weights(vram.models["llama-2-7b"], dtype="fp32")
claimed = ledger.nbytes
answer = (claimed - vram.optimizer_states(ledger, "sgd").nbytes) * B""",
        slips=(
            Slip("nothing", lambda: 0, "M09"),
            Slip("half_format", lambda: _file("bf16")),
            Slip("adam", lambda: _kept("adamw")),
        ),
    ),
    Exercise(
        id="06.1",
        stars=1,
        kind="bytes",
        truth=lambda: round(_per_parameter(optimizer="sgd-momentum")),
        solution="""\
weights, gradient, master, momentum = 2, 2, 4, 4
answer = (weights + gradient + master + momentum) * B""",
        slips=(
            Slip("no_momentum", lambda: round(_per_parameter(optimizer="sgd")), "M09"),
            Slip("adam", lambda: round(_per_parameter())),
            Slip("pure", lambda: round(_per_parameter("bf16", "sgd-momentum"))),
            Slip("short_momentum", lambda: round(_per_parameter(optimizer="sgd-momentum")) - 2),
            Slip("fp32_gradient", lambda: round(_per_parameter("bf16-fp32-gradients", "sgd-momentum"))),
        ),
    ),
    Exercise(
        id="06.2",
        stars=1,
        kind="bytes",
        truth=lambda: _states(model=_LARGER),
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
llama = vram.models["llama-2-13b"]
answer = vram.model_states(llama, recipe="bf16-mixed", optimizer="adamw").peak * B""",
        slips=(
            Slip("four_times", lambda: 4 * _file(model=_LARGER), "M08"),
            Slip("weights_only", lambda: _file(model=_LARGER)),
            Slip("no_master", lambda: _states("bf16-fp32-states", model=_LARGER)),
            Slip("without_weights", lambda: _states(model=_LARGER) - _file(model=_LARGER)),
            Slip("fp32_gradients", lambda: _states("bf16-fp32-gradients", model=_LARGER)),
        ),
    ),
    Exercise(
        id="06.3",
        stars=2,
        kind="choice",
        truth=_what_mixed_precision_saves,
        solution="""\
llama = vram.models["llama-2-7b"]
mixed, full = (vram.model_states(llama, recipe=r).peak for r in ("bf16-mixed", "fp32"))
answer = {1: "a", 0.75: "b", 0.5: "c", 0.25: "d"}[mixed / full]""",
        slips=(Slip("b", lambda: "b", "M10"), Slip("c", lambda: "c", "M10"), Slip("d", lambda: "d", "M10")),
    ),
    Exercise(
        id="06.4",
        stars=2,
        kind="bytes",
        truth=lambda: _kept("adamw-8bit"),
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
ledger = vram.weights(vram.models["llama-2-7b"])
answer = vram.optimizer_states(ledger, "adamw-8bit").nbytes * B""",
        slips=(
            Slip("no_scales", lambda: 2 * vram.weights(vram.models["llama-2-7b"]).numel),
            Slip("one_moment", lambda: Fraction(_kept("adamw-8bit"), 2)),
            Slip("one_moment", lambda: vram.weights(vram.models["llama-2-7b"]).numel),
            Slip("full_states", lambda: _kept("adamw")),
            Slip("short_states", lambda: _kept("adamw", "bf16")),
        ),
    ),
    Exercise(
        id="06.5",
        stars=2,
        kind="choice",
        truth=_where_four_holds,
        solution="""\
llama = vram.models["llama-2-7b"]
holds = set()
for name, recipe in vram.recipes.items():
    file = vram.weights(llama, dtype=recipe.weights).nbytes
    if round(vram.model_states(llama, recipe=name).peak / file, 1) == 4:
        holds.add(name)
one_format = {"fp32", "bf16"}
answer = "d" if one_format <= holds and "bf16-mixed" not in holds else None""",
        slips=(Slip("a", lambda: "a", "M08"), Slip("b", lambda: "b", "M08"), Slip("c", lambda: "c", "M09")),
    ),
    Exercise(
        id="06.6",
        stars=3,
        kind="count",
        truth=lambda: _largest_model(_l4()),
        tolerance=Fraction(1, 1000),
        solution="""\
answer = vram.gpus["L4"].usable_bytes // 16""",
        slips=(
            Slip("box_gib", lambda: _largest_model(24 * 2**30), "M02"),
            Slip("box_gb", lambda: _largest_model(24 * 10**9), "M02"),
            Slip("weights_only", lambda: _largest_model(_l4(), 2)),
            Slip("four_times", lambda: _largest_model(_l4(), 8), "M08"),
            Slip("mib_as_mb", lambda: _largest_model(vram.gpus["L4"].usable_mib * 10**6), "M01"),
        ),
    ),
    Exercise(
        id="06.x",
        kind="number",
        truth=lambda: _share("bf16-mixed"),
        solution="""\
llama = vram.models["llama-2-7b"]
states = vram.model_states(llama, recipe="bf16-mixed", optimizer="adamw").peak
answer = round(states / vram.weights(llama, dtype="bf16").nbytes, 1)""",
        slips=(
            Slip("four", lambda: 4, "M08"),
            Slip("besides", lambda: _share("bf16-mixed") - 1),
            Slip("bytes", lambda: round(_per_parameter())),
            Slip("other_recipe", lambda: _share("bf16-fp32-gradients")),
            Slip("other_recipe", lambda: _share("bf16-both-gradients")),
            Slip("other_recipe", lambda: _share("bf16-fp32-states")),
        ),
    ),
)
