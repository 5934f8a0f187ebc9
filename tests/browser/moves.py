"""Which control of which lesson is moved, by which keys, and what the panel must then say.

One row a control, in the order in which they are moved; each starts where the one before it ended. `truth` gets what
the controls show after the move and returns what the library computes for it: the panel's text must contain that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import vram

State = Mapping[str, str]

# A drop-down list by keyboard: open it, go, take it.
NEXT = "Space ArrowDown Enter"
PREVIOUS = "Space ArrowUp Enter"


@dataclass(frozen=True)
class Move:
    """One control, the keys that move it, what must be read afterwards."""

    control: str
    keys: str
    truth: Callable[[State], str]


def trained_parameters(state: State) -> str:
    """Lesson 08: the parameters that the adapters add to Llama 3 8B."""
    arch = vram.models["llama-3-8b"]
    return vram.count(vram.lora(arch, rank=int(state["LoRA rank"])).numel)


MOVES: dict[str, list[Move]] = {
    "08-lora-and-qlora": [
        Move("LoRA rank", NEXT, trained_parameters),
        Move("Base weights", NEXT, trained_parameters),
        Move("Optimizer", NEXT, trained_parameters),
    ],
}
