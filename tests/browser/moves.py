"""Which panel stands in which lesson, which control is moved by which keys, and what must then be read.

Every control is moved once, in this order; each move starts where the one before it ended. A function of the state
after a move, as the panel's own function gets it, computes with the library what the panel must say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import vram
from vram.show.morph import steps
from vram.show.panel import Panel
from vram.show.panels.lesson02 import architecture, count_panel
from vram.show.panels.lesson03 import morph_panel
from vram.show.panels.lesson06 import states_panel
from vram.show.panels.lesson08 import TARGETS, lora_panel

# A drop-down list by keyboard: open it, go, take. JupyterLab takes the arrow keys for itself while it is closed.
NEXT = "Space ArrowDown Enter"
PREVIOUS = "Space ArrowUp Enter"
TOGGLE = "Space"


@dataclass(frozen=True)
class PanelMoves:
    """The panel of a lesson: how it is made, what it must say in a state, {name of a control: its keys}."""

    panel: Callable[[], Panel]
    truth: Callable[..., str]
    moves: dict[str, str]


def _counted(**state: Any) -> str:
    return f"{vram.count(vram.weights(architecture(**state)).numel)} parameters"


def _morphed(target: str, step: int) -> str:
    return f"now {vram.count(list(steps(vram.models[target]))[step].numel)}"


def _states(model: str, recipe: str, optimizer: str, gpu: str) -> str:
    timeline = vram.model_states(vram.models[model], recipe=recipe, optimizer=optimizer)
    return f"{vram.both(timeline.peak)} of model states"


def _adapters(model: str, rank: int, targets: str, base: str, optimizer: str) -> str:
    arch = vram.models[model]
    trained = vram.lora(arch, rank=rank, targets=TARGETS[targets])
    timeline = vram.model_states(arch, recipe="fp32", optimizer=optimizer, lora=trained, base=base)
    total = vram.count(vram.weights(arch).numel)
    share = vram.percent(trained.numel, vram.weights(arch).numel, 2)
    trains = f"LoRA trains {vram.count(trained.numel)} parameters, {share} of {total}."
    return f"{trains} Model states: {vram.gib(timeline.peak)},"


PANELS = {
    "02-count-every-parameter": PanelMoves(
        count_panel,
        _counted,
        {
            "Width h": NEXT,
            "Layers l": NEXT,
            "Vocabulary V": PREVIOUS,
            "Biases": NEXT,
            "Tied output head": TOGGLE,
        },
    ),
    "03-the-llama-table": PanelMoves(morph_panel, _morphed, {"Step": NEXT, "Model": PREVIOUS}),
    "06-training-states": PanelMoves(
        states_panel, _states, {"Recipe": NEXT, "Optimizer": NEXT, "GPU": PREVIOUS, "Model": PREVIOUS}
    ),
    "08-lora-and-qlora": PanelMoves(
        lora_panel,
        _adapters,
        {"LoRA rank": NEXT, "Base weights": NEXT, "Optimizer": NEXT, "Target modules": NEXT, "Model": PREVIOUS},
    ),
}
