"""What does an adapter save, and what not? Activations, ranks, the vocabulary, and large models on small cards."""

from __future__ import annotations

import vram

from ..question import Question, Wrong, within_window


def saved_with_adapters(model, context, gpu):
    step = vram.training(vram.models[model], seq_len=context, lora=16, recipe="fp32")
    return step.after["forward"].by("kind")["activations"].nbytes


def adapters_train(checkpointing, model, context, gpu):
    how = {"lora": 16, "recipe": "fp32", "checkpointing": checkpointing}
    step = vram.training(vram.models[model], seq_len=context, **how)
    return step.peak + vram.overhead().nbytes <= vram.gpus[gpu].usable_bytes


def adapter_states(model, rank, targets, budget):
    adapters = vram.lora(vram.models[model], rank=rank, targets=targets)
    return 16 * adapters.numel


def rank_within(choice, model, rank, targets, budget):
    adapters = vram.lora(vram.models[model], rank=choice, targets=targets)
    return 16 * adapters.numel <= budget * 2**20


def logits_in_fp32(model, context, gpu):
    return context * vram.models[model].vocab_size * 4


def loss_fits(loss, model, context, gpu):
    how = {"lora": 16, "base": "nf4", "recipe": "fp32", "checkpointing": "full"}
    step = vram.training(vram.models[model], seq_len=context, loss=loss, **how)
    return step.peak + vram.overhead().nbytes <= vram.gpus[gpu].usable_bytes


def base_and_states(model, rank, gpu):
    arch = vram.models[model]
    base = vram.quantize(vram.weights(arch), "nf4")
    return base.nbytes + 16 * vram.lora(arch, rank=rank).numel


def trains_with(seq_len, model, rank, gpu):
    arch = vram.models[model]
    how = {"lora": rank, "base": "nf4", "recipe": "fp32", "loss": "chunked"}
    step = vram.training(arch, seq_len=seq_len, checkpointing="full", **how)
    fits = step.peak + vram.overhead().nbytes <= vram.gpus[gpu].usable_bytes
    return fits and seq_len <= arch.max_position_embeddings


def _saved(model, context, lora, checkpointing="none"):
    step = vram.training(
        vram.models[model], seq_len=context, lora=lora, recipe="fp32" if lora else "bf16", checkpointing=checkpointing
    )
    return step.after["forward"].by("kind")["activations"].nbytes


def _other_targets(model, rank, targets, budget):
    other = "all-linear" if isinstance(targets, tuple) else ("q_proj", "v_proj")
    return adapter_states(model, rank, other, budget)


QUESTIONS = (
    Question(
        number=15,
        theme="adapters",
        stars=2,
        draws={
            "model": ("tinyllama-1.1b", "llama-3.2-1b", "qwen2.5-1.5b", "llama-3.2-3b", "llama-2-7b"),
            "context": (2048, 4096, 8192),
            "gpu": ("RTX 3060", "A10", "RTX 5090", "A100-40GB", "A100-80GB"),
        },
        kind="bytes",
        size=saved_with_adapters,
        key="checkpointing",
        options=("none", "full"),
        works=adapters_train,
        wrong={
            "adapters_only": Wrong(lambda model, **s: 16 * vram.lora(vram.models[model], rank=16).numel, "M13"),
            "full_tuning": Wrong(lambda model, context, gpu: _saved(model, context, None)),
            "checkpointed": Wrong(lambda model, context, gpu: _saved(model, context, 16, "full")),
        },
        is_sane=within_window,
    ),
    Question(
        number=16,
        theme="adapters",
        stars=1,
        draws={
            "model": ("llama-3.1-8b", "qwen2.5-7b", "mistral-7b-v0.3", "llama-2-13b", "llama-3.1-70b"),
            "rank": (8, 32, 64, 256),
            "targets": ("all-linear", ("q_proj", "v_proj")),
            "budget": (100, 400, 1000),
        },
        kind="bytes",
        size=adapter_states,
        key="rank",
        options=(256, 128, 64, 32, 16, 8, 4, 2),
        works=rank_within,
        wrong={
            "other_targets": Wrong(_other_targets),
            "weights_only": Wrong(lambda **s: adapter_states(**s) // 8),
            "fp32_weights_only": Wrong(lambda **s: adapter_states(**s) // 4),
            "one_matrix": Wrong(lambda **s: adapter_states(**s) // 2),
        },
    ),
    Question(
        number=17,
        theme="adapters",
        stars=2,
        draws={
            "model": ("llama-3.1-8b", "qwen2.5-7b", "llama-3.2-3b", "gemma-2b", "mistral-nemo-12b"),
            "context": (4096, 8192, 16_384),
            "gpu": ("A10", "RTX 4090", "RTX 5090", "A100-40GB", "L40S"),
        },
        kind="bytes",
        size=logits_in_fp32,
        key="loss",
        options=("full", "chunked"),
        works=loss_fits,
        wrong={
            "bf16": Wrong(lambda **s: logits_in_fp32(**s) // 2),
            "last_token": Wrong(lambda context, **s: logits_in_fp32(context=1, **s)),
            "hidden_states": Wrong(lambda model, context, gpu: context * vram.models[model].hidden_size * 4),
            "old_vocabulary": Wrong(lambda context, **s: logits_in_fp32("llama-2-7b", context, "")),
        },
        facts=lambda model, **s: {"vocabulary": vram.count(vram.models[model].vocab_size)},
        is_sane=within_window,
    ),
    Question(
        number=18,
        theme="adapters",
        stars=3,
        draws={
            "model": ("qwen2.5-32b", "yi-34b", "mistral-small-24b", "codellama-34b", "qwen2.5-14b", "phi-4"),
            "rank": (16, 32, 64),
            "gpu": ("RTX 4090", "A10", "RTX 5090"),
        },
        kind="bytes",
        size=base_and_states,
        key="seq_len",
        options=(32_768, 16_384, 8192, 4096, 2048, 1024, 512),
        works=trains_with,
        wrong={
            "half_a_byte": Wrong(
                lambda model, rank, gpu: (
                    vram.weights(vram.models[model]).numel // 2 + 16 * vram.lora(vram.models[model], rank=rank).numel
                ),
                "M03",
            ),
            "base_only": Wrong(lambda model, rank, gpu: vram.quantize(vram.weights(vram.models[model]), "nf4").nbytes),
            "unpacked": Wrong(lambda model, rank, gpu: vram.weights(vram.models[model]).nbytes),
        },
    ),
)
