"""Which experts must be there? All of them."""

from __future__ import annotations

import vram

from ..question import Question, Wrong


def all_experts(model, weights):
    return vram.stored_weights(vram.models[model], weights).nbytes


def holds_all(gpu, model, weights):
    arch = vram.models[model]
    held = vram.stored_weights(arch, weights).nbytes
    held += vram.kv_cache(arch, seq_len=4096).nbytes + vram.overhead().nbytes
    return held <= vram.gpus[gpu].usable_bytes


def _visited(model, weights):
    """The share of one token's experts."""
    arch = vram.models[model]
    return all_experts(model, weights) * vram.active_parameters(arch) // vram.weights(arch).numel


QUESTIONS = (
    Question(
        number=25,
        theme="experts",
        stars=1,
        draws={
            "model": ("qwen3-30b-a3b", "mixtral-8x7b", "qwen1.5-moe-a2.7b", "olmoe-1b-7b", "deepseek-v2-lite",
                      "qwen2-57b-a14b", "phi-3.5-moe"),
            "weights": ("bf16", "Q8_0", "Q4_K_M"),
        },
        kind="bytes",
        size=all_experts,
        key="gpu",
        options=("RTX 3060", "A10", "RTX 5090", "A100-40GB", "L40S", "A100-80GB", "H200"),
        works=holds_all,
        wrong={
            "visited": Wrong(_visited, "M21"),
            "unpacked": Wrong(
                lambda model, weights: vram.weights(vram.models[model]).nbytes if weights != "bf16" else None
            ),
        },
        facts=lambda model, **s: {
            "active": vram.billions(vram.active_parameters(vram.models[model])),
            "total": vram.billions(vram.weights(vram.models[model]).numel),
        },
    ),
)  # fmt: skip
