"""Panel of lesson 06: how many bytes does training keep for each parameter, and does a card hold them?"""

from __future__ import annotations

from fractions import Fraction

from ...architectures import GPU, gpus, models
from ...ledger.units import both, count, gib
from ...memory import Timeline, model_states, optimizers, recipes, weights
from ...words import say
from ..bars import Mark, Row, bar
from ..copies import by_kind, copies, copy_table
from ..fold import FoldedLedger
from ..numbers import trimmed
from ..panel import Choice, Panel, View

_MODELS = ("gpt2", "gpt2-xl", "llama-2-7b", "llama-3-8b", "llama-2-13b", "llama-3-70b", "gpt3-175b")
_GPUS = ("T4", "RTX 4090", "L40S", "A100-40GB", "A100-80GB", "H100-80GB", "H200", "B200")

#: One for each idea: nothing, one moment, two, two in a byte each, rows and columns, the sign. The library knows more.
OPTIMIZERS = ("sgd", "sgd-momentum", "adamw", "adamw-8bit", "adafactor", "lion")


def states_panel() -> Panel:
    """Model, recipe, optimizer and card; every copy that training keeps, in bytes a parameter and in all."""
    controls = [
        Choice("model", say("panel.label.model"), {models.title(name): name for name in _MODELS}, "llama-3-8b"),
        Choice("recipe", say("panel.label.recipe"), {r.title: name for name, r in recipes.items()}, "bf16-mixed"),
        Choice("optimizer", say("panel.label.optimizer"), {optimizers[n].title: n for n in OPTIMIZERS}, "adamw"),
        Choice("gpu", say("panel.label.gpu"), {name: name for name in _GPUS}, "A100-80GB"),
    ]
    return Panel(controls, _view)


def _view(model: str, recipe: str, optimizer: str, gpu: str) -> View:
    arch, card = models[model], gpus[gpu]
    numel = weights(arch).numel
    timeline = model_states(arch, recipe=recipe, optimizer=optimizer)
    phase = timeline.peak_phase
    ledger = timeline.phases[phase]
    each = trimmed(Fraction(ledger.nbytes, numel))
    title = say(
        "panel.states.row",
        model=models.title(model),
        recipe=recipes[recipe].title,
        optimizer=optimizers[optimizer].title,
    )
    return View(
        verdict=say("panel.states.verdict", each=each, total=both(ledger.nbytes)),
        detail=f"{_fit(timeline, card)} {say('panel.missing', kinds=', '.join(timeline.missing))}",
        picture=bar([Row(title, by_kind(ledger))], mark=Mark(say("panel.usable", gpu=gpu), card.usable_bytes)),
        formula=[say("panel.states.formula", count=count(numel), each=each, total=gib(ledger.nbytes))],
        tables=[
            copy_table(
                copies(ledger),
                numel,
                total=say("panel.total", phase=phase),
                caption=say("panel.states.table"),
                card=(gpu, card.usable_bytes),
            ),
            FoldedLedger(ledger, arch=arch),
        ],
    )


def _fit(timeline: Timeline, card: GPU) -> str:
    room = timeline.headroom(card)
    key = "panel.states.fits" if room >= 0 else "panel.states.short"
    return say(key, gpu=card.name, usable=gib(card.usable_bytes), room=gib(abs(room)))
