"""How much context fits? The cache by model, by format, and in the pages of a server."""

from __future__ import annotations

from fractions import Fraction

import vram

from ..question import Question, Wrong, within_window


def tokens_with_room(model, room):
    page = vram.kv_cache(vram.models[model], seq_len=16, engine="vllm").nbytes
    return room * 2**20 // page * 16


def sequence_fits(max_model_len, model, room):
    arch = vram.models[model]
    sequence = vram.kv_cache(arch, seq_len=max_model_len, engine="vllm").nbytes
    return max_model_len <= arch.max_position_embeddings and sequence <= room * 2**20


def cache(model, context):
    return vram.kv_cache(vram.models[model], seq_len=context).nbytes


def holds_model_and_cache(gpu, model, context):
    arch = vram.models[model]
    held = vram.weights(arch).nbytes + vram.kv_cache(arch, seq_len=context).nbytes
    return held + vram.overhead().nbytes <= vram.gpus[gpu].usable_bytes


def short_cache(model, context, format, gpu):
    how = {"seq_len": context, "engine": "llama.cpp", "dtype": format}
    return vram.kv_cache(vram.models[model], **how).nbytes


def short_cache_fits(kv, model, context, format, gpu):
    arch = vram.models[model]
    how = {"seq_len": context, "engine": "llama.cpp", "dtype": kv}
    held = vram.stored_weights(arch, "Q4_K_M").nbytes
    held += vram.kv_cache(arch, **how).nbytes
    return held + vram.overhead().nbytes <= vram.gpus[gpu].usable_bytes


def _heads_of_queries(model):
    arch = vram.models[model]
    return arch.replace(num_key_value_heads=arch.num_attention_heads)


def _is_grouped(model):
    return vram.models[model].num_key_value_heads != vram.models[model].num_attention_heads


def _pages_with(arch, room):
    return room * 2**20 // vram.kv_cache(arch, seq_len=16, engine="vllm").nbytes * 16


def _narrow_heads(model, context):
    """The cache if heads were as wide as the model divided by its heads."""
    arch = vram.models[model]
    width = arch.hidden_size // arch.num_attention_heads
    return None if width == arch.head_dim else cache(model, context) * width // arch.head_dim


QUESTIONS = (
    Question(
        number=5,
        theme="cache",
        stars=2,
        draws={
            "model": ("llama-2-7b", "llama-2-13b", "llama-3.1-8b", "mistral-7b-v0.3", "qwen2.5-7b", "qwen3-8b"),
            "room": (1000, 1840, 2900, 3900, 5200, 7300),
        },
        kind="count",
        tolerance=Fraction(0),
        size=tokens_with_room,
        key="max_model_len",
        options=(131_072, 65_536, 32_768, 16_384, 8192, 4096, 2048, 1024),
        works=sequence_fits,
        wrong={
            "pages": Wrong(lambda **s: tokens_with_room(**s) // 16),
            "query_heads": Wrong(
                lambda model, room: _pages_with(_heads_of_queries(model), room) if _is_grouped(model) else None, "M15"
            ),
            "keys_only": Wrong(lambda model, room: tokens_with_room(model, 2 * room), "M16"),
            "decimal_room": Wrong(lambda model, room: room * 10**6 // (cache(model, 16)) * 16, "M01"),
        },
    ),
    Question(
        number=6,
        theme="cache",
        stars=1,
        draws={
            "model": ("llama-3.1-8b", "codellama-7b", "llama-3.1-70b", "mistral-nemo-12b", "qwen2.5-14b", "qwen3-32b"),
            "context": (16_384, 32_768, 65_536, 131_072),
        },
        kind="bytes",
        size=cache,
        key="gpu",
        options=("RTX 3060", "A10", "RTX 5090", "A100-40GB", "L40S", "A100-80GB", "H200", "B200"),
        works=holds_model_and_cache,
        wrong={
            "query_heads": Wrong(
                lambda model, context: (
                    vram.kv_cache(_heads_of_queries(model), seq_len=context).nbytes if _is_grouped(model) else None
                ),
                "M15",
            ),
            "keys_only": Wrong(lambda **s: cache(**s) // 2, "M16"),
            "narrow_heads": Wrong(_narrow_heads, "M18"),
            "with_weights": Wrong(lambda **s: cache(**s) + vram.weights(vram.models[s["model"]]).nbytes),
        },
        is_sane=within_window,
    ),
    Question(
        number=7,
        theme="cache",
        stars=2,
        draws={
            "model": ("codellama-7b", "llama-3.1-8b", "mistral-nemo-12b", "qwen3-8b", "qwen2.5-14b"),
            "context": (16_000, 32_000, 64_000),
            "format": ("q8_0", "q4_0"),
            "gpu": ("RTX 3060", "T4"),
        },
        kind="bytes",
        size=short_cache,
        key="kv",
        options=("f16", "q8_0", "q4_0"),
        works=short_cache_fits,
        wrong={
            "f16": Wrong(lambda **s: short_cache(**(s | {"format": "f16"}))),
            "no_scale": Wrong(
                lambda format, **s: short_cache(format={"q8_0": "int8", "q4_0": "int4"}[format], **s)
            ),
            "other_format": Wrong(
                lambda format, **s: short_cache(format={"q8_0": "q4_0", "q4_0": "q8_0"}[format], **s)
            ),
            "keys_only": Wrong(lambda **s: short_cache(**s) // 2, "M16"),
        },
        is_sane=within_window,
    ),
)
