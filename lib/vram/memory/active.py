"""How many parameters does one token use? With experts, far fewer than there are. Taught in lesson 13."""

from __future__ import annotations

from ..architectures.architecture import Architecture
from ..ledger.arithmetic import Size, exact_div
from ..ledger.errors import VramError
from .arguments import need_architecture, need_flag
from .weights import weights


def active_parameters(arch: Architecture, *, input_embedding: bool = True) -> Size:
    """Parameters that one token passes through: all but the experts that the router does not choose.

    input_embedding  True counts the embedding in full, as DeepSeek and Qwen do; False leaves out the tables from which
                     a token only looks up a row, as OpenAI does. A tied table stays: it is the head, too.
    Every parameter of a model without experts is active. Raises `VramError` where num_experts_per_tok is not known.
    Source: model cards and reports (tests/fixtures/published.json).

    >>> from vram import models
    >>> active_parameters(models["mixtral-8x7b"])
    12879925248
    """
    need_architecture(arch)
    need_flag(input_embedding, "input_embedding")
    total: Size = 0
    for tensor in weights(arch):
        if tensor.part == "expert":
            total = total + exact_div(tensor.numel, arch.num_experts) * visited_experts(arch)
        elif input_embedding or not _only_looked_up(tensor.kind, arch):
            total = total + tensor.numel
    return total


def _only_looked_up(kind: str, arch: Architecture) -> bool:
    return kind == "position_embedding" or (kind == "embedding" and not arch.tie_word_embeddings)


def visited_experts(arch: Architecture) -> Size:
    """How many experts of a layer a token visits; `VramError` where the config does not say."""
    if arch.num_experts_per_tok is None:
        raise VramError("num_experts_per_tok: not given; without it nobody knows how many experts a token visits.")
    return arch.num_experts_per_tok
