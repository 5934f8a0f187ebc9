"""Panel of lesson 08: what does LoRA train, and which model states shrink with it?"""

from __future__ import annotations

from functools import cache

from ...architectures import Architecture, models
from ...ledger.ledger import Ledger
from ...ledger.symbols import symbols
from ...ledger.units import count, gib, percent
from ...memory import lora, model_states, optimizers, weights
from ...words import say
from ..bars import Row, bar
from ..copies import by_kind, copies, copy_table
from ..explain import symbolic, written
from ..fold import FoldedLedger
from ..panel import Choice, Panel, View, powers_of_two
from .lesson06 import OPTIMIZERS

_MODELS = ("mistral-7b-v0.1", "llama-2-7b", "llama-3-8b", "llama-2-13b", "llama-2-70b", "llama-3-70b", "llama-3.1-405b")
_BASES = ("fp32", "bf16", "int8", "nf4")

#: Which modules get adapters, as peft's `target_modules` names them.
TARGETS = {
    "all_linear": "all-linear",
    "query_value": ("q_proj", "v_proj"),
    "attention": ("q_proj", "k_proj", "v_proj", "o_proj"),
    "mlp": ("gate_proj", "up_proj", "down_proj"),
}
#: peft keeps adapters in FP32, whatever the format of the frozen weights is.
_RECIPE = "fp32"


def lora_panel() -> Panel:
    """Model, rank, targets, format of the frozen weights, optimizer; model states beside full fine-tuning."""
    targets = {say(f"panel.lora.targets.{name}"): name for name in TARGETS}
    bases = {say(f"panel.lora.base.{name}"): name for name in _BASES}
    controls = [
        Choice("model", say("panel.label.model"), {models.title(name): name for name in _MODELS}, "llama-3-8b"),
        powers_of_two("rank", say("panel.label.rank"), 1, 256, 16),
        Choice("targets", say("panel.label.targets"), targets, "all_linear"),
        Choice("base", say("panel.label.base"), bases, "bf16"),
        Choice("optimizer", say("panel.label.optimizer"), {optimizers[n].title: n for n in OPTIMIZERS}, "adamw"),
    ]
    return Panel(controls, _view)


def _view(model: str, rank: int, targets: str, base: str, optimizer: str) -> View:
    arch = models[model]
    trained = lora(arch, rank=rank, targets=TARGETS[targets])
    signs = symbolic(f"lora {targets}", arch, lambda a: lora(a, rank=symbols.r, targets=TARGETS[targets]))
    timeline = model_states(arch, recipe=_RECIPE, optimizer=optimizer, lora=trained, base=base)
    phase = timeline.peak_phase
    ledger, full = timeline.phases[phase], _full(model, optimizer)
    adapters = ledger.select(lambda tensor: ".lora_" in tensor.name).nbytes
    numel = weights(arch).numel
    base_text = say(f"panel.lora.base.{base}")
    return View(
        verdict=say(
            "panel.lora.verdict",
            trained=count(trained.numel),
            share=percent(trained.numel, numel, 2),
            total=count(numel),
        ),
        detail=say(
            "panel.lora.detail",
            lora=gib(ledger.nbytes),
            full=gib(sum(full.values())),
            adapters=gib(adapters),
            frozen=gib(ledger.nbytes - adapters),
        )
        + " "
        + say("panel.missing", kinds=", ".join(timeline.missing)),
        picture=bar(
            [
                Row(say("panel.lora.full"), full),
                Row(say("panel.lora.lora", rank=rank, base=base_text), by_kind(ledger)),
            ]
        ),
        formula=[_formula(arch, trained, signs, rank)],
        tables=[
            copy_table(
                copies(ledger),
                numel,
                total=say("panel.total", phase=phase),
                caption=say("panel.lora.table"),
            ),
            FoldedLedger(ledger, arch=arch),
        ],
    )


@cache
def _full(model: str, optimizer: str) -> dict[str, int]:
    """Model states of full fine-tuning by kind, to compare with."""
    return by_kind(model_states(models[model], recipe="bf16-mixed", optimizer=optimizer).at_peak())


def _formula(arch: Architecture, trained: Ledger, signs: Ledger, rank: int) -> str:
    """r(d_in + d_out) summed over the targets of a layer, in symbols and in numbers."""
    layers = arch.num_hidden_layers
    ends = signs.numel / (symbols.l * symbols.r)
    return say(
        "panel.lora.formula",
        formula=f"lr({written(ends)})",
        numbers=f"{layers:,}·{rank:,}·({written(ends, arch)})",
        trained=count(trained.numel),
    )
