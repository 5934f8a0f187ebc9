"""Can I run this model on that card? Weights, cache, and what a process holds besides."""

from __future__ import annotations

import vram

from ..question import Question, Wrong, within_window

_MODELS = ("llama-2-7b", "llama-3.1-8b", "mistral-7b-v0.3", "qwen2.5-7b", "qwen3-8b", "llama-2-13b")


def weights_and_cache(model, gpu, context):
    arch = vram.models[model]
    return vram.weights(arch).nbytes + vram.kv_cache(arch, seq_len=context).nbytes


def runs(weights, model, gpu, context):
    how = {"seq_len": context, "weights": weights, "kv": "fp16", "overhead": True}
    return vram.inference(vram.models[model], **how).fits(gpu)


def peak_of_a_run(model, gpu, context):
    return vram.inference(vram.models[model], seq_len=context, overhead=True).peak


def context_fits(seq_len, model, gpu, context):
    arch = vram.models[model]
    run = vram.inference(arch, seq_len=seq_len, overhead=True)
    return seq_len <= arch.max_position_embeddings and run.fits(gpu)


def needed_by_chats(model, gpu, chats, context):
    arch = vram.models[model]
    pages = vram.kv_cache(arch, batch=chats, seq_len=context, engine="vllm")
    return vram.weights(arch).nbytes + pages.nbytes


def is_enough(card, model, gpu, chats, context):
    arch = vram.models[model]
    pages = vram.kv_cache(arch, batch=chats, seq_len=context, engine="vllm")
    need = vram.weights(arch).nbytes + pages.nbytes
    return need <= vram.gpus[card].usable_bytes * 9 // 10


def missing_on_two_cards(model, gpu):
    weights = vram.weights(vram.models[model]).nbytes
    return weights - 2 * vram.gpus[gpu].usable_bytes


def runs_on_cards(cards, model, gpu):
    run = vram.inference(vram.models[model], seq_len=4096, overhead=True)
    return vram.shard(run, tp=cards).fits(gpu)


def _weights(model, **settings):
    return vram.weights(vram.models[model]).nbytes


def _cache(model, context, heads=None, **settings):
    arch = vram.models[model]
    arch = arch if heads is None else arch.replace(num_key_value_heads=arch.num_attention_heads)
    return vram.kv_cache(arch, seq_len=context, batch=settings.get("chats", 1)).nbytes


def _query_heads(model, **settings):
    """Weights and a cache with as many key heads as query heads; nothing to confuse where they are as many."""
    arch = vram.models[model]
    if arch.num_key_value_heads == arch.num_attention_heads:
        return None
    return _weights(model) + _cache(model, heads="query", **settings)


def _box(gpu):
    """The number on the box, in bytes as if it were GB."""
    return int(vram.gpus[gpu].nameplate.split()[0]) * 10**9


QUESTIONS = (
    Question(
        number=1,
        theme="run",
        stars=1,
        draws={"model": _MODELS, "gpu": ("RTX 3060", "T4", "A10"), "context": (2048, 4096, 8192)},
        kind="bytes",
        size=weights_and_cache,
        key="weights",
        options=("fp16", "int8", "nf4"),
        works=runs,
        is_sane=within_window,
        wrong={
            "weights_only": Wrong(_weights, "M20"),
            "query_heads": Wrong(_query_heads, "M15"),
            "keys_only": Wrong(lambda **s: _weights(**s) + _cache(**s) // 2, "M16"),
            "cache_only": Wrong(_cache),
        },
    ),
    Question(
        number=2,
        theme="run",
        stars=2,
        draws={"model": _MODELS, "gpu": ("V100-16GB", "A10", "RTX 4090", "RTX 5090"), "context": (1024, 2048, 4096)},
        kind="bytes",
        size=peak_of_a_run,
        key="seq_len",
        options=(65_536, 32_768, 16_384, 8192, 4096, 2048, 1024, 512),
        works=context_fits,
        wrong={
            "weights_only": Wrong(_weights, "M20"),
            "no_temporaries": Wrong(lambda **s: _weights(**s) + _cache(**s)),
            "no_context": Wrong(lambda **s: peak_of_a_run(**s) - vram.overhead().nbytes),
        },
    ),
    Question(
        number=3,
        theme="run",
        stars=2,
        draws={
            "model": ("opt-125m", "qwen2.5-3b", "qwen2.5-7b", "llama-3.1-8b", "mistral-7b-v0.3"),
            "gpu": ("A100-80GB", "H100-80GB", "L40S"),
            "chats": (4, 8, 16),
            "context": (2000, 5000, 10_000),
        },
        kind="bytes",
        size=needed_by_chats,
        key="gpu",
        options=("RTX 3060", "A10", "RTX 5090", "A100-40GB", "L40S", "A100-80GB"),
        works=is_enough,
        wrong={
            "reserved": Wrong(lambda gpu, **s: vram.gpus[gpu].usable_bytes * 9 // 10, "M19"),
            "weights_only": Wrong(_weights, "M20"),
            "one_chat": Wrong(lambda model, context, **s: _weights(model) + _cache(model, context)),
            "query_heads": Wrong(_query_heads, "M15"),
        },
        facts=lambda gpu, **s: {"reserved": vram.gib(vram.gpus[gpu].usable_bytes * 9 // 10)},
        is_sane=within_window,
    ),
    Question(
        number=4,
        theme="run",
        stars=2,
        draws={
            "model": ("llama-3.1-70b", "llama-2-70b", "qwen2.5-72b", "mistral-large-123b", "qwen2.5-32b"),
            "gpu": ("L40S", "RTX 4090", "A100-40GB", "A100-80GB", "A10"),
        },
        kind="bytes",
        size=missing_on_two_cards,
        key="cards",
        options=(1, 2, 4, 8),
        works=runs_on_cards,
        wrong={
            "weights_only": Wrong(_weights),
            "one_card": Wrong(lambda model, gpu: _weights(model) - vram.gpus[gpu].usable_bytes),
            "box": Wrong(lambda model, gpu: _weights(model) - 2 * _box(gpu), "M02"),
        },
        facts=lambda gpu, **s: {"box": vram.gpus[gpu].nameplate},
        is_sane=lambda **s: missing_on_two_cards(**s) > 2**30,
    ),
)
