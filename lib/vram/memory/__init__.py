"""One file per question: weights, adapters, gradients, optimizer states, recipes; and the timelines made of them.

A file is loaded when one of its names is first asked for, so that one answer does not wait for all the others.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any

from .arguments import named_options

_WHERE = {
    "activations": ("activations",),
    "active": ("active_parameters",),
    "compute": ("Compute", "compute", "training_flops"),
    "constants": ("Constant", "constants", "overhead"),
    "gradients": ("gradients",),
    "inference": ("inference",),
    "inverse": ("Change", "fewest_gpus", "gpus_that_fit", "max_batch", "max_context", "max_rank", "single_changes",
                "smallest_gpu"),
    "kv_cache": ("engines", "kv_cache"),
    "lora": ("lora",),
    "oom": ("OutOfMemory", "explain_oom", "parse_oom", "printed_size"),
    "optimizers": ("Optimizer", "optimizer_states", "optimizers"),
    "quantization": ("schemes",),
    "quantize": ("prepare_for_kbit_training", "quantize", "stored_weights"),
    "recipes": ("Recipe", "recipes"),
    "shard": ("shard",),
    "states": ("model_states",),
    "throughput": ("Roofline", "decode_time", "mfu", "prefill_time", "training_time"),
    "timeline": ("Timeline",),
    "training": ("training",),
    "weights": ("weights",),
}  # fmt: skip
_HOME = {name: module for module, names in _WHERE.items() for name in names}

__all__ = sorted(_HOME)


class _Package(ModuleType):
    """A file and its function share a name: `memory.training` is the function, whichever was loaded first."""

    def __getattr__(self, name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f".{_HOME[name]}", self.__name__), name)
        if isinstance(value, FunctionType):
            value = named_options(value)
        self.__dict__[name] = value
        return value

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _HOME or not isinstance(value, ModuleType):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return __all__


sys.modules[__name__].__class__ = _Package
