"""Do optimizer states have the bytes that real optimizers hold? Each on tensors of awkward sizes; the fixture again.

One step is taken with gradients of ones; then the tensors that the optimizer keeps are measured.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # torchao compiles its step, which takes minutes and changes no size

import torch
from comparison import Result, Scope, equal, refused, run
from torch import nn

from vram import Ledger, Tensor, dtypes, optimizer_states, optimizers

FIXTURE = Path(__file__).parent.parent / "fixtures" / "optimizer_state.json"

#: Around the limit of 4,096 elements, ragged against blocks of 128 and 256, vectors, a scalar, a stack of matrices.
SHAPES = (
    (64, 64), (64, 63), (65, 64), (4095,), (4096,), (4097,), (33, 128), (16, 264), (128, 96), (7,), (), (3, 40, 50),
)  # fmt: skip

Make = Callable[[list[nn.Parameter]], object]


def makers() -> dict[str, Make]:
    """Our name of an optimizer → the real one."""
    import bitsandbytes.optim as bnb
    import torchao.optim as ao
    from transformers.optimization import Adafactor as HFAdafactor

    o = torch.optim
    found: dict[str, Make] = {
        "sgd": lambda p: o.SGD(p, lr=1e-3),
        "sgd-momentum": lambda p: o.SGD(p, lr=1e-3, momentum=0.9),
        "adam": lambda p: o.Adam(p),
        "adam-amsgrad": lambda p: o.Adam(p, amsgrad=True),
        "adamw": lambda p: o.AdamW(p),
        "adamax": lambda p: o.Adamax(p),
        "nadam": lambda p: o.NAdam(p),
        "radam": lambda p: o.RAdam(p),
        "adagrad": lambda p: o.Adagrad(p),
        "adadelta": lambda p: o.Adadelta(p),
        "asgd": lambda p: o.ASGD(p),
        "rprop": lambda p: o.Rprop(p),
        "rmsprop": lambda p: o.RMSprop(p),
        "rmsprop-momentum": lambda p: o.RMSprop(p, momentum=0.9),
        "rmsprop-centered": lambda p: o.RMSprop(p, centered=True),
        "rmsprop-centered-momentum": lambda p: o.RMSprop(p, centered=True, momentum=0.9),
        "adafactor": lambda p: HFAdafactor(p),
        "adafactor-momentum": lambda p: HFAdafactor(p, beta1=0.9),
        "adafactor-torch": lambda p: o.Adafactor(p),
        "adamw-torchao-8bit": lambda p: ao.AdamW8bit(p),
        "adamw-torchao-4bit": lambda p: ao.AdamW4bit(p),
        "adamw-torchao-fp8": lambda p: ao.AdamWFp8(p),
    }
    for name, cls in {
        "adamw-32bit": "AdamW32bit", "adamw-8bit": "AdamW8bit", "lion": "Lion32bit", "lion-8bit": "Lion8bit",
        "rmsprop-32bit": "RMSprop32bit", "rmsprop-8bit": "RMSprop8bit", "adagrad-32bit": "Adagrad32bit",
        "adagrad-8bit": "Adagrad8bit",
        "ademamix": "AdEMAMix", "ademamix-32bit": "AdEMAMix32bit", "ademamix-8bit": "AdEMAMix8bit", "lamb": "LAMB32bit",
        "lamb-8bit": "LAMB8bit", "sgd-32bit": "SGD32bit", "sgd-8bit": "SGD8bit", "lars": "LARS32bit",
        "lars-8bit": "LARS8bit",
    }.items():  # fmt: skip
        momentum = {"momentum": 0.9} if name.startswith(("sgd", "lars")) else {}
        found[name] = lambda p, cls=cls, momentum=momentum: getattr(bnb, cls)(p, lr=1e-3, **momentum)
    return found


def held(value: object) -> int:
    """Bytes of a tensor in an optimizer's state; of a tensor subclass, those of its parts."""
    if not isinstance(value, torch.Tensor):
        return 0
    parts = getattr(value, "tensor_attrs", None)
    if parts:
        return sum(held(getattr(value, part)) for part in parts)
    return value.numel() * value.element_size()


def measured(make: Make, shapes: tuple[tuple[int, ...], ...], dtype: torch.dtype) -> int:
    """Bytes of state after one step. bitsandbytes' states are made by its own set-up, which needs no GPU."""
    parameters = [nn.Parameter(torch.ones(shape, dtype=dtype)) for shape in shapes]
    optimizer = make(parameters)
    for p in parameters:
        p.grad = torch.ones_like(p)
    if type(optimizer).__module__.startswith("bitsandbytes"):
        optimizer.check_overrides()
        optimizer.to_gpu()
        for g, group in enumerate(optimizer.param_groups):
            for i, p in enumerate(group["params"]):
                optimizer.init_state(group, p, g, i)
    else:
        optimizer.step()
    return sum(held(value) for state in optimizer.state.values() for value in state.values())


def counted(name: str, shapes: tuple[tuple[int, ...], ...], dtype: str) -> int:
    ledger = Ledger(Tensor(f"layers.{i}.weight", s, dtypes[dtype], "mlp", op="linear") for i, s in enumerate(shapes))
    return optimizer_states(ledger, name).nbytes


def cases(scope: Scope) -> Iterator[Result]:
    """Each optimizer on single tensors in FP32 and BF16, then the fixture measured again."""
    real = makers()
    for name in optimizers:
        if name.startswith("paged-") or name == "muon":
            continue  # the bytes of the plain variant; Muon takes matrices of a model alone, as the fixture does
        for dtype, torch_dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
            for shape in SHAPES:
                case = f"{name}, {dtype}, {shape}"
                try:
                    theirs = measured(real[name], (shape,), torch_dtype)
                except Exception as error:  # a library that refuses a shape has nothing to compare
                    yield refused(case, error)
                else:
                    yield equal(case, counted(name, (shape,), dtype), theirs)
    for row in json.loads(FIXTURE.read_text(encoding="utf-8"))["cases"]:
        name, shapes = optimizers[row["optimizer"]].name, tuple(map(tuple, row["param_shapes"]))
        if name in real:
            theirs = measured(real[name], shapes, getattr(torch, row["dtype"]))
            yield equal(f"fixture {row['id']}", row["state_bytes"], theirs)


if __name__ == "__main__":
    run(__doc__, "optimizer states", cases)
