"""Model families: how each spells its config keys and tensors, and which values it takes when a key is absent."""

from __future__ import annotations

from ...ledger.registry import Registry
from . import alibi, bert, deepseek, gemma, gpt, llama, moe, phi, qwen, recent, t5
from .family import Family

_FILES = (gpt, alibi, llama, qwen, gemma, phi, moe, deepseek, bert, t5, recent)

#: Every family by the `model_type` of its config.json.
families: Registry[Family] = Registry(
    "model_type", {f.model_type: f for file in _FILES for f in file.FAMILIES}, exact=True
)

__all__ = ["Family", "families"]
