"""Model families: how each spells its config keys and tensors, and which values it takes when a key is absent."""

from __future__ import annotations

from ...ledger.registry import Registry
from .family import Family
from .gpt2 import GPT2
from .llama import LLAMA, MISTRAL

#: Every family by the `model_type` of its config.json.
families: Registry[Family] = Registry("model_type", {f.model_type: f for f in (GPT2, LLAMA, MISTRAL)})

__all__ = ["Family", "families"]
