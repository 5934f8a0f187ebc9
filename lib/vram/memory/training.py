"""What does a training step hold, phase by phase? Taught in lessons 06 and 08.

Gradients do not exist before backward has made them, and the copies that autocast makes are gone when the optimizer
steps: so the phases differ, and the peak is the largest of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..architectures.architecture import Architecture
from ..ledger.arithmetic import Size, check_size
from ..ledger.ledger import Ledger
from .derive import Derived, derive
from .gradients import gradients
from .lora import lora as lora_ledger
from .optimizers import optimizer_states
from .quantize import quantize
from .recipes import Recipe, recipes
from .timeline import Timeline
from .weights import weights

PHASES = ("forward", "start of backward", "backward", "optimizer step")


def training(
    arch: Architecture,
    *,
    batch: Size = 1,
    seq_len: Size = 2048,
    recipe: str | Recipe = "bf16-mixed",
    optimizer: str = "adamw",
    lora: Ledger | Mapping[str, Any] | int | None = None,
    base: str = "bf16",
) -> Timeline:
    """The timeline of one training step after the first: bytes alive in each phase, by kind of memory.

    recipe     which copies of a trainable parameter exist (see `vram.recipes`)
    optimizer  what is remembered for each of them (see `vram.optimizers`)
    lora       None trains every parameter; a rank, the arguments of `vram.lora` or its ledger trains adapters alone
    base       format of the frozen weights under LoRA; "nf4", "fp4" and "int8" quantise the linear layers (QLoRA)

    Phases hold the model states: weights, gradients, optimizer states (FP32 master copies among them) and, under
    autocast, the cast copies. Activations, logits and temporaries are not counted; `.missing` says so.
    """
    check_size("batch", batch)
    check_size("seq_len", seq_len)
    how = recipe if isinstance(recipe, Recipe) else recipes[recipe]
    trained, frozen = _split(arch, how, lora, base)
    updated = trained.cast(how.master) if how.master else trained
    held = (trained + frozen).file_under("weights")
    states = optimizer_states(updated, optimizer, dtype=how.states)
    if how.master:
        states = derive(trained, [Derived("master", how.master)]) + states
    states = states.file_under("optimizer states")
    grads = Ledger(t for dtype in how.gradients for t in gradients(trained, dtype=dtype)).file_under("gradients")
    copies = _cast_copies(trained + frozen, how).file_under("temporaries")
    before = held + states + copies
    after = held + states + grads
    return Timeline(
        dict(zip(PHASES, (before, before, after, after), strict=True)),
        missing=("activations", "logits", "temporaries", "overhead"),
        settings={"batch": batch, "seq_len": seq_len, "recipe": how.name, "optimizer": optimizer},
    )


def _split(
    arch: Architecture, how: Recipe, lora: Ledger | Mapping[str, Any] | int | None, base: str
) -> tuple[Ledger, Ledger]:
    """The tensors that are trained and those that are frozen."""
    if lora is None:
        return weights(arch, dtype=how.weights), Ledger()
    if isinstance(lora, Mapping):
        lora = lora_ledger(arch, **lora)
    elif not isinstance(lora, Ledger):
        lora = lora_ledger(arch, rank=lora)
    if base in ("nf4", "fp4", "int8"):
        return lora.cast(how.weights), quantize(weights(arch), base)
    return lora.cast(how.weights), weights(arch, dtype=base)


def _cast_copies(ledger: Ledger, how: Recipe) -> Ledger:
    """The copies of matmul weights that autocast keeps for the time of forward and backward."""
    if how.autocast is None:
        return Ledger()
    matmuls = ledger.select(lambda t: len(t.shape) == 2 and t.op in ("linear", "conv1d"))
    return derive(matmuls, [Derived("cast", how.autocast)])
