"""Quantisation schemes, one file for each library or file format that defines them."""

from ...ledger.registry import Registry
from . import bitsandbytes, floats, gguf, gptq_awq, torchao
from .scheme import Option, Scheme

_ALL = tuple(scheme for module in (bitsandbytes, gptq_awq, floats, torchao, gguf) for scheme in module.SCHEMES)

#: Every scheme by name. F16 in capitals is a file of llama.cpp, whose norms are FP32; fp16 is a number format.
schemes: Registry[Scheme] = Registry(
    "format",
    {s.name: s for s in _ALL},
    {alias: s.name for s in _ALL for alias in s.aliases},
    exact=("F32", "F16", "BF16"),
)

__all__ = ["Option", "Scheme", "schemes"]
