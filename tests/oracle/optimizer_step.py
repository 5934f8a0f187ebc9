"""How many temporaries does an optimizer's step make? Run it with torch installed; compares with memory/step.py.

    python tests/oracle/optimizer_step.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import torch
from alive import Alive
from torch import optim

import vram
from vram.memory.step import step_temporaries

#: The library's name → how torch's optimizer is made.
MAKE = {
    "sgd": (optim.SGD, {"lr": 0.1}), "sgd-momentum": (optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    "adam": (optim.Adam, {}), "adamw": (optim.AdamW, {}),
    "adam-amsgrad": (optim.AdamW, {"amsgrad": True}), "adamax": (optim.Adamax, {}),
    "nadam": (optim.NAdam, {}), "radam": (optim.RAdam, {}), "adadelta": (optim.Adadelta, {}),
    "asgd": (optim.ASGD, {}), "rmsprop": (optim.RMSprop, {}), "rmsprop-momentum": (optim.RMSprop, {"momentum": 0.9}),
}  # fmt: skip

#: A loop may still hold the last tensor's temporary while it makes the next: that much beside the largest.
WIDTHS = ((512, 1024), (1024, 8))


def measured(name: str, foreach: bool) -> int:
    """Bytes at the peak of a later step, beside what is there before it."""
    layers = [torch.nn.Linear(d_in, d_out, bias=False) for d_in, d_out in WIDTHS]
    model = torch.nn.Sequential(*layers)
    kind, options = MAKE[name]
    optimizer = kind(model.parameters(), foreach=foreach, **options)
    model(torch.ones(1, WIDTHS[0][0])).sum().backward()
    optimizer.step()
    with Alive() as alive:
        optimizer.step()
    return alive.peak


def main() -> int:
    """Every optimizer, in a loop and with foreach."""
    fp32 = vram.dtypes["fp32"]
    ledger = vram.Ledger(vram.Tensor(f"{i}.weight", (d_out, d_in), fp32) for i, (d_in, d_out) in enumerate(WIDTHS))
    wrong = 0
    for name in MAKE:
        for foreach in (False, True):
            real, ours = measured(name, foreach), step_temporaries(ledger, name, None, foreach).nbytes
            right = abs(real - ours) <= 0.02 * ledger.nbytes
            wrong += not right
            print(f"{'ok   ' if right else 'WRONG'} {name} foreach={foreach}: torch {real:,} B, vram {ours:,} B")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
