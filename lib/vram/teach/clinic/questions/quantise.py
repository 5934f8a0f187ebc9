"""How large is a 4-bit model really? Scales, what stays in 16 bits, and what a preparation undoes."""

from __future__ import annotations

import vram

from ..question import Question, Wrong, within_window


def four_bits_and_cache(model, group, context, gpu):
    arch = vram.models[model]
    packed = vram.quantize(vram.weights(arch), "gptq", group_size=group)
    return packed.nbytes + vram.kv_cache(arch, seq_len=context).nbytes


def four_bits_on_cards(cards, model, group, context, gpu):
    arch = vram.models[model]
    packed = vram.quantize(vram.weights(arch), "gptq", group_size=group)
    run = vram.inference(arch, seq_len=context, weights=packed, overhead=True)
    return vram.shard(run, tp=cards).fits(gpu)


def nf4(model, double_quant, gpu):
    weights = vram.weights(vram.models[model])
    return vram.quantize(weights, "nf4", double_quant=double_quant).nbytes


def nf4_chats(batch, model, double_quant, gpu):
    how = {"batch": batch, "seq_len": 4096, "weights": "nf4", "overhead": True}
    run = vram.inference(vram.models[model], double_quant=double_quant, **how)
    return run.fits(gpu)


def prepared(model, tokens, gpu):
    packed = vram.quantize(vram.weights(vram.models[model]), "nf4")
    return vram.prepare_for_kbit_training(packed).nbytes


def prepared_trains(batch, model, tokens, gpu):
    how = {"lora": 16, "base": "nf4", "kbit_preparation": True, "recipe": "fp32"}
    step = vram.training(
        vram.models[model], batch=batch, seq_len=tokens, checkpointing="full", **how
    )
    return step.peak + vram.overhead().nbytes <= vram.gpus[gpu].usable_bytes


def _half_a_byte(model, **settings):
    return vram.weights(vram.models[model]).numel // 2


def _everything_packed(model, double_quant, gpu):
    """Every parameter with the bits of a packed one, embedding and head too."""
    bits = vram.dtypes["nf4-double-quant" if double_quant else "nf4"].bits_per_weight
    return vram.weights(vram.models[model]).numel * bits / 8


def _cache(model, context, **settings):
    return vram.kv_cache(vram.models[model], seq_len=context).nbytes


def _query_heads(model, context, **settings):
    """Packed weights and a cache with as many key heads as query heads."""
    arch = vram.models[model]
    wide = arch.replace(num_key_value_heads=arch.num_attention_heads)
    packed = four_bits_and_cache(model=model, context=context, **settings) - _cache(model, context)
    return packed + vram.kv_cache(wide, seq_len=context).nbytes


QUESTIONS = (
    Question(
        number=8,
        theme="quantise",
        stars=2,
        draws={
            "model": ("llama-2-70b", "llama-3.1-70b", "qwen2.5-72b", "yi-34b", "codellama-34b"),
            "group": (32, 64, 128),
            "context": (4096, 8192, 16_384),
            "gpu": ("RTX 3090", "A10", "T4"),
        },
        kind="bytes",
        size=four_bits_and_cache,
        key="cards",
        options=(1, 2, 4, 8),
        works=four_bits_on_cards,
        wrong={
            "half_a_byte": Wrong(lambda **s: _half_a_byte(**s) + _cache(**s), "M03"),
            "weights_only": Wrong(lambda **s: four_bits_and_cache(**s) - _cache(**s), "M20"),
            "query_heads": Wrong(_query_heads, "M15"),
        },
        is_sane=within_window,
    ),
    Question(
        number=9,
        theme="quantise",
        stars=1,
        draws={
            "model": ("llama-3.1-8b", "llama-2-7b", "qwen2.5-7b", "gemma-7b", "llama-3.2-3b", "mistral-nemo-12b"),
            "double_quant": (True, False),
            "gpu": ("RTX 3060", "T4", "A10"),
        },
        kind="bytes",
        size=nf4,
        key="batch",
        options=(32, 16, 8, 4, 2, 1),
        works=nf4_chats,
        wrong={
            "half_a_byte": Wrong(_half_a_byte, "M03"),
            "everything_packed": Wrong(_everything_packed),
            "other_scales": Wrong(lambda double_quant, **s: nf4(double_quant=not double_quant, **s)),
            "unpacked": Wrong(lambda model, **s: vram.weights(vram.models[model]).nbytes),
        },
        facts=lambda double_quant, **s: {"scales": "with" if double_quant else "without"},
    ),
    Question(
        number=10,
        theme="quantise",
        stars=2,
        draws={
            "model": ("llama-3.1-8b", "qwen2.5-7b", "mistral-7b-v0.3", "llama-3.2-3b", "qwen2.5-1.5b", "qwen2.5-14b"),
            "tokens": (512, 1024, 2048),
            "gpu": ("RTX 3060", "T4", "A10", "RTX 4090"),
        },
        kind="bytes",
        size=prepared,
        key="batch",
        options=(32, 16, 8, 4, 2, 1),
        works=prepared_trains,
        wrong={
            "unprepared": Wrong(lambda model, **s: nf4(model, True, "")),
            "half_a_byte": Wrong(_half_a_byte, "M03"),
            "unpacked": Wrong(lambda model, **s: vram.weights(vram.models[model]).nbytes),
        },
    ),
)
