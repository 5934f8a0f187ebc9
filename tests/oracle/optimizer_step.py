"""How many temporaries does an optimizer's step make? Every optimizer of torch, in a loop and with foreach."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from alive import Alive
from comparison import TOLERANCE, Result, Scope, run
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


def cases(scope: Scope) -> Iterator[Result]:
    """A step of each; what it makes is set beside the tensors that it steps over."""
    fp32 = vram.dtypes["fp32"]
    ledger = vram.Ledger(vram.Tensor(f"{i}.weight", (d_out, d_in), fp32) for i, (d_in, d_out) in enumerate(WIDTHS))
    for name in MAKE:
        for foreach in (False, True):
            real, ours = measured(name, foreach), step_temporaries(ledger, name, None, foreach).nbytes
            far = abs(real - ours) > TOLERANCE * ledger.nbytes
            yield Result(f"{name}, foreach={foreach}", f"vram {ours:,}, measured {real:,}" if far else "")


if __name__ == "__main__":
    run(__doc__, "temporaries of optimizers", cases)
