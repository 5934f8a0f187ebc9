"""Why did it die, and why only now? Logits, the longest sample of a batch, and what a message says."""

from __future__ import annotations

from fractions import Fraction

import vram

from ..question import Question, Wrong, within_window


def logits_at_peak(model, context, gpu):
    how = {"lora": 16, "base": "int8", "recipe": "fp32", "checkpointing": "full"}
    step = vram.training(vram.models[model], seq_len=context, **how)
    kinds = step.at_peak().by("kind")
    return kinds["logits"].nbytes + kinds["temporaries"].nbytes


def change_fits(change, model, context, gpu):
    half = context // 2
    changed = {
        "rank 1": {"lora": 1},
        "8-bit AdamW": {"optimizer": "adamw-8bit"},
        "loss in chunks": {"loss": "chunked"},
        "loss in chunks, half the context": {"loss": "chunked", "seq_len": half},
    }[change]
    how = {"seq_len": context, "lora": 16, "base": "int8", "recipe": "fp32"} | changed
    step = vram.training(vram.models[model], checkpointing="full", **how)
    return step.peak + vram.overhead().nbytes <= vram.gpus[gpu].usable_bytes


def growth(model, batch, usual, longest, gpu):
    how = {"batch": batch, "lora": 16, "base": "nf4", "checkpointing": "full"}
    short, long = (
        vram.training(vram.models[model], seq_len=tokens, recipe="fp32", **how).peak
        for tokens in (usual, longest)
    )
    return long - short


def cut_off_fits(cut_off, model, batch, usual, longest, gpu):
    how = {"batch": batch, "lora": 16, "base": "nf4", "checkpointing": "full"}
    tokens = min(longest, cut_off)
    step = vram.training(vram.models[model], seq_len=tokens, recipe="fp32", **how)
    return step.peak + vram.overhead().nbytes <= vram.gpus[gpu].usable_bytes


def outside(model, context, format, gpu, allocated, idle, rest):
    in_use = allocated + idle + rest
    return (in_use - allocated - idle) * 2**30 / 100


def prints_alike(tensor, model, context, format, gpu, allocated, idle, rest):
    arch = vram.models[model]
    sizes = {
        "hidden states in BF16": context * arch.hidden_size * 2,
        "MLP, gate and up, in BF16": context * 2 * arch.intermediate_size * 2,
        "logits in BF16": context * arch.vocab_size * 2,
        "logits in FP32": context * arch.vocab_size * 4,
    }
    asked = context * arch.vocab_size * {"bf16": 2, "fp32": 4}[format]
    return vram.printed_size(sizes[tensor]) == vram.printed_size(asked)


def _message(model, context, format, gpu, allocated, idle, rest):
    """The parts of PyTorch's message, sizes in hundredths of a GiB."""
    asked = context * vram.models[model].vocab_size * {"bf16": 2, "fp32": 4}[format]
    total = round(vram.gpus[gpu].usable_bytes * 100 / 2**30)
    sizes = {"total": total, "free": total - allocated - idle - rest, "in_use": allocated + idle + rest,
             "allocated": allocated, "idle": idle, "outside": rest}  # fmt: skip
    return {name: f"{size / 100:.2f} GiB" for name, size in sizes.items()} | {"asked": vram.printed_size(asked)}


def _asked_more_than_free(model, context, format, gpu, allocated, idle, rest):
    asked = context * vram.models[model].vocab_size * {"bf16": 2, "fp32": 4}[format]
    free = round(vram.gpus[gpu].usable_bytes * 100 / 2**30) - allocated - idle - rest
    return 0 < free < asked * 100 / 2**30 and asked > 2**29


QUESTIONS = (
    Question(
        number=22,
        theme="forensics",
        stars=2,
        draws={
            "model": ("gemma-3-12b", "mistral-nemo-12b", "llama-3.1-8b", "qwen2.5-14b"),
            "context": (8192, 15_000, 28_000),
            "gpu": ("RTX 4090", "RTX 5090", "A100-40GB", "L40S", "H100-80GB"),
        },
        kind="bytes",
        size=logits_at_peak,
        key="change",
        options=("rank 1", "8-bit AdamW", "loss in chunks", "loss in chunks, half the context"),
        works=change_fits,
        wrong={
            "one_copy": Wrong(lambda model, context, gpu: context * vram.models[model].vocab_size * 2),
            "fp32_copy": Wrong(lambda model, context, gpu: context * vram.models[model].vocab_size * 4),
            "last_token": Wrong(lambda model, context, gpu: vram.models[model].vocab_size * 4),
        },
        is_sane=lambda **s: within_window(**s) and not change_fits("8-bit AdamW", **s),
    ),
    Question(
        number=23,
        theme="forensics",
        stars=2,
        draws={
            "model": ("llama-2-7b", "llama-3.1-8b", "mistral-7b-v0.3", "qwen2.5-3b"),
            "batch": (2, 4, 8),
            "usual": (400, 700),
            "longest": (2500, 4000, 6000),
            "gpu": ("A10", "RTX 5090", "A100-40GB"),
        },
        kind="bytes",
        size=growth,
        key="cut_off",
        options=(8192, 4096, 2048, 1024, 512),
        works=cut_off_fits,
        wrong={
            "one_sample": Wrong(lambda batch, **s: growth(batch=1, **s)),
        },
        is_sane=lambda **s: within_window(context=s["longest"], **s) and not cut_off_fits(8192, **s),
    ),
    Question(
        number=24,
        theme="forensics",
        stars=2,
        draws={
            "model": ("llama-3.1-8b", "qwen2.5-7b", "llama-3.2-3b"),
            "context": (4096, 6000, 8192),
            "format": ("bf16", "fp32"),
            "gpu": ("A10", "RTX 4090", "RTX 5090"),
            "allocated": (1860, 2015, 2640),
            "idle": (57, 132, 214),
            "rest": (31, 37, 42, 48, 55, 62, 71),
        },
        kind="bytes",
        size=outside,
        key="tensor",
        options=("hidden states in BF16", "MLP, gate and up, in BF16", "logits in BF16", "logits in FP32"),
        works=prints_alike,
        tolerance=Fraction(1, 50),
        wrong={
            "idle": Wrong(lambda idle, **s: idle * 2**30 / 100),
            "outside_tensors": Wrong(lambda idle, rest, **s: (idle + rest) * 2**30 / 100),
            "in_use": Wrong(lambda allocated, idle, rest, **s: (allocated + idle + rest) * 2**30 / 100),
        },
        facts=_message,
        is_sane=_asked_more_than_free,
    ),
)
