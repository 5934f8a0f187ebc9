"""Questions of lesson 12, the sizing clinic, beside its cases: a guess, a plan with a mistake, a way out."""

from __future__ import annotations

from fractions import Fraction

import vram

from ..exercise import Exercise, Slip, the_true

_MODEL, _GPU, _TOKENS = "qwen2.5-32b", "RTX 4090", 32_768
_CHATS = 8


def _arch() -> vram.Architecture:
    return vram.models[_MODEL]


def _packed() -> int:
    return vram.quantize(vram.weights(_arch()), "nf4").nbytes


def _cache(tokens: int = _TOKENS, heads: str = "kv", dtype: str = "bf16") -> int:
    arch = _arch()
    arch = arch.replace(num_key_value_heads=arch.num_attention_heads) if heads == "query" else arch
    return vram.kv_cache(arch, seq_len=tokens, dtype=dtype).nbytes


def _half_a_byte() -> int:
    return vram.weights(_arch()).numel // 2


_LORA = {"lora": 16, "recipe": "fp32", "checkpointing": "full"}


def _step(model: str, **how: object) -> int:
    return vram.training(vram.models[model], **({"seq_len": 4096} | _LORA | how)).peak


def _lever() -> str:
    """Which single change saves most of a LoRA step on Llama 3.1 8B with 4,096 tokens and a batch of 4."""
    peaks = {
        "a": _step("llama-3.1-8b", batch=4, lora=4),
        "b": _step("llama-3.1-8b", batch=4, optimizer="adamw-8bit"),
        "c": _step("llama-3.1-8b", batch=4, base="nf4"),
        "d": _step("llama-3.1-8b", batch=1),
    }
    return the_true({letter: peak == min(peaks.values()) for letter, peak in peaks.items()})


QUESTIONS = (
    Exercise(
        id="12.p",
        kind="bytes",
        truth=lambda: _packed() + _cache(),
        tolerance=Fraction(1, 100),
        solution="""\
qwen = vram.models["qwen2.5-32b"]
weights = vram.quantize(vram.weights(qwen), "nf4").nbytes
answer = (weights + vram.kv_cache(qwen, seq_len=32_768).nbytes) * B""",
    ),
    Exercise(
        id="12.m",
        kind="bytes",
        truth=lambda: _packed() + _CHATS * _cache(8192),
        tolerance=Fraction(1, 200),
        solution="""\
qwen = vram.models["qwen2.5-32b"]
weights = vram.quantize(vram.weights(qwen), "nf4").nbytes
answer = (weights + vram.kv_cache(qwen, batch=8, seq_len=8192).nbytes) * B""",
        facts=lambda: {"claimed": vram.both(_half_a_byte() * 6 // 5)},
        slips=(
            Slip("rule", lambda: _half_a_byte() * 6 // 5),
            Slip("half_a_byte", lambda: _half_a_byte() + _CHATS * _cache(8192), "M03"),
            Slip("weights_only", _packed, "M20"),
            Slip("one_chat", lambda: _packed() + _cache(8192)),
            Slip("query_heads", lambda: _packed() + _CHATS * _cache(8192, "query"), "M15"),
            Slip("keys_only", lambda: _packed() + _CHATS * _cache(8192) // 2, "M16"),
        ),
    ),
    Exercise(
        id="12.x",
        kind="choice",
        truth=_lever,
        solution="""\
how = {"seq_len": 4096, "recipe": "fp32", "checkpointing": "full"}
changes = {
    "a": {"lora": 4, "batch": 4},
    "b": {"lora": 16, "batch": 4, "optimizer": "adamw-8bit"},
    "c": {"lora": 16, "batch": 4, "base": "nf4"},
    "d": {"lora": 16, "batch": 1},
}
llama = vram.models["llama-3.1-8b"]
peaks = {x: vram.training(llama, **how, **changes[x]).peak for x in changes}
answer = min(peaks, key=peaks.get)""",
        slips=(Slip("a", lambda: "a", "M12"), Slip("b", lambda: "b"), Slip("c", lambda: "c")),
    ),
)
