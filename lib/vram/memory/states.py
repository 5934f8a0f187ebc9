"""What are the model states: weights, gradients and optimizer states, and nothing else? Taught in lessons 06 and 08."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..architectures.architecture import Architecture
from ..ledger.dtypes import Dtype, as_dtype
from ..ledger.ledger import Ledger
from .arguments import need_options
from .derive import Derived, derive
from .layered import gradients_in
from .lora import lora as lora_ledger
from .optimizers import optimizer_states
from .quantize import need_stored, prepare_for_kbit_training, stored_weights
from .recipes import Recipe, recipes
from .timeline import Timeline
from .weights import weights

#: The phases of a training step, in order.
PHASES = ("forward", "start of backward", "backward", "optimizer step")

Lora = Ledger | Mapping[str, Any] | int | None


def model_states(
    arch: Architecture,
    *,
    recipe: str | Recipe = "bf16-mixed",
    optimizer: str = "adamw",
    lora: Lora = None,
    base: str = "bf16",
) -> Timeline:
    """The part of a training step that does not depend on the batch: bytes alive in each phase, by kind of memory.

    The words are those of `vram.training`. Activations, logits and temporaries are not counted; `.missing` says so.

    >>> from vram import models
    >>> model_states(models["llama-3-8b"]).peak_phase
    'backward'
    """
    how = recipe if isinstance(recipe, Recipe) else recipes[recipe]
    trained, frozen = split(arch, how, lora, base)
    states, _ = held_by_optimizer(trained, how, optimizer)
    held = (trained + frozen).file_under("weights") + states
    settings = {"arch": arch, "recipe": how.name, "optimizer": optimizer}
    return alone(held, trained, tuple(as_dtype(dtype) for dtype in how.gradients), settings)


def alone(held: Ledger, trained: Ledger, gradients: tuple[Dtype, ...], settings: Mapping[str, Any]) -> Timeline:
    """The timeline of what is always held, and of the gradients that backward adds."""
    finished = held + gradients_in(trained, gradients)
    return Timeline(
        dict(zip(PHASES, (held, held, finished, finished), strict=True)),
        missing=("activations", "logits", "temporaries", "overhead"),
        settings=settings,
    )


def held_by_optimizer(trained: Ledger, how: Recipe, optimizer: str) -> tuple[Ledger, Ledger]:
    """The optimizer states, master copies among them, and the tensors that the optimizer updates."""
    updated = trained.cast(how.master) if how.master else trained
    states = optimizer_states(updated, optimizer, dtype=how.states)
    if how.master:
        states = derive(trained, [Derived("master", how.master)]) + states
    return states.file_under("optimizer states"), updated


def split(
    arch: Architecture, how: Recipe, lora: Lora, base: str, kbit_preparation: bool = False
) -> tuple[Ledger, Ledger]:
    """The tensors that are trained and those that are frozen."""
    need_stored(base, "base")
    if lora is None:
        return weights(arch, dtype=how.weights), Ledger()
    if isinstance(lora, Mapping):
        need_options(lora_ledger, lora)
        lora = lora_ledger(arch, **lora)
    elif not isinstance(lora, Ledger):
        lora = lora_ledger(arch, rank=lora)
    trained = lora.cast(how.weights)
    names = {t.name.removeprefix("base_model.model.") for t in trained}
    frozen = stored_weights(arch, base)
    if kbit_preparation:
        frozen = prepare_for_kbit_training(frozen)
    return trained, Ledger(t for t in frozen if t.name not in names)
