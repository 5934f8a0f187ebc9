"""What does a training step hold, phase by phase? Taught in lessons 06 to 08.

Gradients do not exist before backward has made them, activations are gone when the optimizer steps, and the copies
that autocast makes are gone with forward: so the phases differ, and the peak is the largest of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..architectures.architecture import Architecture
from ..ledger.arithmetic import Size, check_size
from ..ledger.dtypes import as_dtype
from ..ledger.errors import VramError
from ..ledger.ledger import Ledger
from .activations.described import undescribed
from .activations.model import record
from .activations.setting import setting
from .arguments import need_flag
from .moments import Place, Sizes, largest_moment
from .optimizers import optimizers
from .passes import Passes
from .recipes import Recipe, recipes
from .states import PHASES, alone, held_by_optimizer, split
from .step import step_temporaries
from .timeline import Timeline


def training(
    arch: Architecture,
    *,
    batch: Size = 1,
    seq_len: Size = 2048,
    recipe: str | Recipe = "bf16-mixed",
    optimizer: str = "adamw",
    checkpointing: str | bool = "none",
    attention: str | None = None,
    dropout: float | None = None,
    lora: Ledger | Mapping[str, Any] | int | None = None,
    base: str = "bf16",
    kbit_preparation: bool = False,
    lora_dropout: float = 0.0,
    gradient_accumulation: int = 1,
    foreach: bool | None = None,
    fused: bool | None = None,
    backend: str = "cuda",
    activation: str | None = None,
    experts: str = "grouped_mm",
    loss: str = "full",
    loss_chunks: int = 8,
    implementation: str = "transformers",
) -> Timeline:
    """The timeline of one training step after the first: bytes alive in each phase at its largest moment, by kind.

    recipe      which copies of a trainable parameter exist (see `vram.recipes`)
    optimizer   what is remembered for each of them (see `vram.optimizers`)
    lora        None trains every parameter; a rank, the arguments of `vram.lora` or its ledger trains adapters alone
    base        format of the frozen weights under LoRA: "bf16", or a scheme of `vram.quantize` such as "nf4" (QLoRA)
    kbit_preparation       peft's prepare_model_for_kbit_training was called: 16-bit tensors became FP32
    gradient_accumulation  batches a step; from two on, gradients exist already when the largest batch runs
    foreach, fused         how the optimizer runs: all tensors at once, or one kernel without temporaries. Unless said:
                           master copies come with fused optimizers, torch's own run foreach on CUDA and loop on a CPU
    The other words are those of `vram.activations`.

    The phases are forward, start of backward (until the first weight has its gradient), backward and optimizer step;
    `.after` says what is left when each is over. What no tensor explains (context, workspaces, fragmentation) is not
    counted: `.missing` says so. Source: torch's memory tracker on whole steps (tests/fixtures/peak.json). An encoder
    with a decoder (T5) reads `seq_len` tokens on both sides.

    >>> from vram import models
    >>> training(models["llama-3-8b"], recipe="bf16", checkpointing="full").peak_phase
    'optimizer step'
    """
    how = recipe if isinstance(recipe, Recipe) else recipes[recipe]
    run = setting(
        batch=batch, seq_len=seq_len, attention=attention, dropout=dropout, checkpointing=checkpointing,
        autocast=how.autocast, backend=backend, activation=activation, experts=experts, loss=loss,
        loss_chunks=loss_chunks, lora_dropout=lora_dropout, implementation=implementation,
    )  # fmt: skip
    check_size("gradient_accumulation", gradient_accumulation)
    need_flag(kbit_preparation, "kbit_preparation")
    for name, value in (("foreach", foreach), ("fused", fused)):
        if value is not None:
            need_flag(value, name)
    trained, frozen = split(arch, how, lora, base, kbit_preparation)
    states, updated = held_by_optimizer(trained, how, optimizer)
    held = (trained + frozen).file_under("weights") + states
    kept = tuple(as_dtype(dtype) for dtype in how.gradients)
    settings = {"arch": arch, "batch": batch, "seq_len": seq_len, "recipe": how.name, "optimizer": optimizer}
    if undescribed(arch):
        return alone(held, trained, kept, settings)
    passes = Passes(record(arch, run, trained, frozen), held, trained, kept, gradient_accumulation > 1)
    sizes = Sizes()
    found = _moments(passes)
    chosen = {phase: largest_moment(places, sizes) for phase, places in found.items()}
    finished = held + passes.arrived
    update = step_temporaries(updated, optimizers[optimizer].name, how.states, _foreach(how, foreach, fused, backend))
    phases = {phase: ledger for phase, (_, ledger, _) in chosen.items()} | {PHASES[3]: finished + update}
    before = passes.arrived if gradient_accumulation > 1 else Ledger()
    return Timeline(
        phases,
        after={PHASES[0]: held + before + passes.saved, PHASES[2]: finished, PHASES[3]: finished},
        moments={phase: name for phase, (name, _, _) in chosen.items()} | {PHASES[3]: "update"},
        missing=("overhead",),
        settings=settings,
        nbytes={phase: nbytes for phase, (_, _, nbytes) in chosen.items()},
        choices=found,
    )


def _moments(passes: Passes) -> dict[str, list[Place]]:
    """The moments of each phase; backward starts without any weight's gradient."""
    found: dict[str, list[Place]] = {phase: [] for phase in PHASES[:3]}
    found[PHASES[0]].extend(passes.forward())
    for reached, place in passes.backward():
        found[PHASES[2] if reached else PHASES[1]].append(place)
    return {phase: places for phase, places in found.items() if places}


def _foreach(how: Recipe, foreach: bool | None, fused: bool | None, backend: str) -> bool | None:
    """How the optimizer runs. Unless it is said: master copies come with fused optimizers, torch's own run foreach on
    CUDA and in a loop on a CPU."""
    if fused and foreach:
        raise VramError("fused: given with foreach, but an optimizer runs in one way.")
    if fused or (fused is None and foreach is None and how.master):
        return None
    return backend == "cuda" if foreach is None else bool(foreach)
