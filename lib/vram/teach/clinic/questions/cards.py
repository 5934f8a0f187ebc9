"""What do many cards share? States by ZeRO stage, a whole step, and copies that nobody asked for."""

from __future__ import annotations

import vram

from ..question import Question, Wrong, within_window


def states_of_a_card(model, dp, stage, gpu):
    held = vram.model_states(vram.models[model], recipe="bf16-mixed")
    kinds = vram.shard(held, dp=dp, zero=stage).at_peak().by("kind")
    return sum(kinds[kind].nbytes for kind in kinds if kind != "temporaries")


def stage_fits(zero, model, dp, stage, gpu):
    held = vram.model_states(vram.models[model], recipe="bf16-mixed")
    return vram.shard(held, dp=dp, zero=zero).fits(gpu)


def peak_of_a_card(model, dp, context, gpu):
    how = {"recipe": "bf16-mixed", "checkpointing": "full"}
    step = vram.training(vram.models[model], seq_len=context, **how)
    return vram.shard(step, dp=dp, zero=3).peak


def step_fits(cards, model, dp, context, gpu):
    how = {"recipe": "bf16-mixed", "checkpointing": "full"}
    step = vram.training(vram.models[model], seq_len=context, **how)
    peak = vram.shard(step, dp=cards, zero=3).peak
    return peak + vram.overhead().nbytes <= vram.gpus[gpu].usable_bytes


def base_on_all_cards(model, cards, gpu):
    packed = vram.quantize(vram.weights(vram.models[model]), "nf4")
    return cards * packed.nbytes


def sharing_fits(sharing, model, cards, gpu):
    how = {"lora": 16, "base": "nf4", "recipe": "fp32", "loss": "chunked"}
    step = vram.training(vram.models[model], seq_len=1024, checkpointing="full", **how)
    one = vram.shard(step, dp=cards, zero={"ddp": 0, "fsdp": 3}[sharing])
    return one.peak + vram.overhead().nbytes <= vram.gpus[gpu].usable_bytes


def _with_buffers(model, dp, stage, gpu):
    """States and what is gathered or scattered at the peak; stage 1 has nothing of the kind."""
    held = vram.model_states(vram.models[model], recipe="bf16-mixed")
    return vram.shard(held, dp=dp, zero=stage).peak if stage > 1 else None


def _other_stage(change):
    def value(model, dp, stage, gpu):
        return states_of_a_card(model, dp, stage + change, gpu) if 0 < stage + change < 4 else None

    return value


QUESTIONS = (
    Question(
        number=19,
        theme="cards",
        stars=2,
        draws={
            "model": ("llama-2-7b", "mistral-7b-v0.3", "qwen2.5-7b", "llama-2-13b"),
            "dp": (4, 8, 16),
            "stage": (1, 2, 3),
            "gpu": ("RTX 4090", "RTX 5090", "A100-40GB", "A100-80GB"),
        },
        kind="bytes",
        size=states_of_a_card,
        key="zero",
        options=(0, 1, 2, 3),
        works=stage_fits,
        wrong={
            "whole_copy": Wrong(lambda model, **s: states_of_a_card(model, 1, 0, ""), "M22"),
            "all_divided": Wrong(
                lambda model, dp, stage, gpu: states_of_a_card(model, 1, 0, gpu) // dp if stage < 3 else None
            ),
            "with_buffers": Wrong(_with_buffers),
            "stage_below": Wrong(_other_stage(-1)),
            "stage_above": Wrong(_other_stage(1)),
        },
    ),
    Question(
        number=20,
        theme="cards",
        stars=3,
        draws={
            "model": ("llama-2-7b", "mistral-7b-v0.3", "qwen2.5-7b", "llama-3.1-8b", "qwen2.5-14b"),
            "dp": (4, 8, 16),
            "context": (2048, 4096, 8192),
            "gpu": ("RTX 5090", "A100-40GB", "L40S", "A100-80GB"),
        },
        kind="bytes",
        size=peak_of_a_card,
        key="cards",
        options=(1, 2, 4, 8, 16, 32, 64),
        works=step_fits,
        wrong={
            "all_divided": Wrong(lambda model, dp, context, gpu: peak_of_a_card(model, 1, context, gpu) // dp, "M23"),
            "whole_copy": Wrong(lambda model, dp, context, gpu: peak_of_a_card(model, 1, context, gpu), "M22"),
            "states_only": Wrong(lambda model, dp, context, gpu: _with_buffers(model, dp, 3, gpu)),
        },
        is_sane=within_window,
    ),
    Question(
        number=21,
        theme="cards",
        stars=2,
        draws={
            "model": ("llama-3.1-70b", "qwen2.5-72b", "llama-2-70b", "qwen2.5-32b", "yi-34b"),
            "cards": (2, 4, 8),
            "gpu": ("RTX 4090", "A100-40GB", "L40S"),
        },
        kind="bytes",
        size=base_on_all_cards,
        key="sharing",
        options=("ddp", "fsdp"),
        works=sharing_fits,
        wrong={
            "shared": Wrong(lambda model, cards, gpu: base_on_all_cards(model, 1, gpu), "M22"),
            "half_a_byte": Wrong(lambda model, cards, gpu: cards * vram.weights(vram.models[model]).numel // 2, "M03"),
            "unpacked": Wrong(lambda model, cards, gpu: cards * vram.weights(vram.models[model]).nbytes),
        },
    ),
)
