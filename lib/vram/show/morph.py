"""From GPT-2's form to a LLaMA, one change at a time: the list of changes is data, each step an architecture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..architectures import Architecture, models
from ..memory import weights

#: Each change: the fields that take the value they have in the model at the end of the way.
CHANGES = {
    "biases": ("attention_bias", "attention_out_bias", "mlp_bias"),
    "rmsnorm": ("norm_bias",),
    "rotary": ("positions",),
    "gated": ("mlp_gated", "intermediate_size"),
    "grouped": ("num_key_value_heads",),
    "vocabulary": ("vocab_size",),
    "untied": ("tie_word_embeddings",),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One stop on the way: the change that led there ("start" for none), the architecture, its parameters."""

    name: str
    arch: Architecture
    numel: int


def steps(target: Architecture | None = None) -> Iterator[Step]:
    """GPT-2's form at the width, depth and heads of `target`, then each change; the last step has its parameters.

    target  a model of the LLaMA families; Llama 3 8B when none is given

    >>> [step.numel for step in steps()][-1] == weights(models["llama-3-8b"]).numel
    True
    """
    goal = models["llama-3-8b"] if target is None else target
    fields = {name: getattr(goal, name) for name in ("hidden_size", "num_hidden_layers", "num_attention_heads")}
    yield _step("start", fields)
    for name, changed in CHANGES.items():
        fields |= {field: getattr(goal, field) for field in changed}
        yield _step(name, fields)


def _step(name: str, fields: dict[str, object]) -> Step:
    arch = Architecture("gpt2", **fields)
    return Step(name, arch, weights(arch).numel)
