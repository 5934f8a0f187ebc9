"""Questions of lesson 04, the KV cache: its size by shape and format, what engines reserve, what a card has left."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import vram

from ..exercise import Exercise, Slip, the_true

_LLAMA, _LONG = "llama-3.1-8b", 131_072
_PROMISED = 4096  # tokens that the refused server was asked for
_FOUND = 3664  # tokens that it found room for
_CHATS = 16
_GOING_ON = 30_000  # tokens of the one conversation on a server


def _cache(model: str = _LLAMA, *, heads: int | None = None, **how: Any) -> int:
    """Bytes of a cache; with `heads`, as if the model had that many key/value heads."""
    arch = vram.models[model]
    return vram.kv_cache(arch if heads is None else arch.replace(num_key_value_heads=heads), **how).nbytes


def _query_heads(model: str = _LLAMA) -> int:
    return vram.models[model].num_attention_heads


def _weights(model: str = _LLAMA) -> int:
    return vram.weights(vram.models[model]).nbytes


def _numbers_of_a_layer() -> Any:
    """Cached numbers of one token in one layer, where d = h/a."""
    arch = vram.models[_LLAMA].symbolic().replace(num_hidden_layers=1)
    return vram.kv_cache(arch, seq_len=1).numel


def _share(dtype: str) -> Fraction:
    return Fraction(_cache(dtype=dtype), _cache(dtype="bf16"))


def _pages(tokens: int) -> int:
    """Pages of vLLM that a sequence occupies: its bytes over those of the shortest sequence, which is one page."""
    return _cache(seq_len=tokens, engine="vllm") // _cache(seq_len=1, engine="vllm")


def _needed(**how: Any) -> int:
    """Bytes of weights and one conversation."""
    return _weights() + _cache(seq_len=_GOING_ON, **how)


def _reserved() -> int:
    return vram.gpus["A100-80GB"].usable_bytes * 9 // 10


def _conversations(room: int | None = None, **how: Any) -> int:
    """Conversations of 8,192 tokens for which an A100 has room beside the weights."""
    if room is None:
        room = vram.gpus["A100-80GB"].usable_bytes - _weights()
    return room // _cache(seq_len=8192, **how)


def _in_training() -> str:
    """What a training step of 8,192 tokens keeps of keys and values."""
    kinds = vram.training(vram.models[_LLAMA], seq_len=8192).at_peak().by("kind")
    cached = kinds["KV cache"].nbytes if "KV cache" in kinds else 0
    return the_true({
        "a": cached == _cache(seq_len=8192),
        "b": cached == 2 * _cache(seq_len=8192),
        "c": cached == 0 and "activations" in kinds,
        "d": cached == 0 and "activations" not in kinds,
    })  # fmt: skip


_WITHIN_ONE_PERCENT = Fraction(1, 100)

QUESTIONS = (
    Exercise(
        id="04.p",
        kind="bytes",
        truth=lambda: _cache(seq_len=_LONG),
        solution="""\
answer = vram.kv_cache(vram.models["llama-3.1-8b"], seq_len=131_072).nbytes * B""",
        facts=lambda: {"weights": vram.gib(_weights())},
    ),
    Exercise(
        id="04.m",
        kind="bytes",
        truth=lambda: _cache("llama-3.1-70b", batch=_CHATS, seq_len=8192),
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
llama = vram.models["llama-3.1-70b"]
answer = vram.kv_cache(llama, batch=16, seq_len=8192).nbytes * B""",
        facts=lambda: {
            "claimed": vram.both(
                _cache("llama-3.1-70b", heads=_query_heads("llama-3.1-70b"), batch=_CHATS, seq_len=8192)
            )
        },
        slips=(
            Slip(
                "query_heads",
                lambda: _cache("llama-3.1-70b", heads=_query_heads("llama-3.1-70b"), batch=_CHATS, seq_len=8192),
                "M15",
            ),
            Slip("keys_only", lambda: _cache("llama-3.1-70b", batch=_CHATS // 2, seq_len=8192), "M16"),
            Slip("one_chat", lambda: _cache("llama-3.1-70b", seq_len=8192)),
            Slip("one_head", lambda: _cache("llama-3.1-70b", heads=1, batch=_CHATS, seq_len=8192)),
            Slip("smaller_model", lambda: _cache("llama-3.1-8b", batch=_CHATS, seq_len=8192)),
        ),
    ),
    Exercise(
        id="04.1",
        stars=1,
        kind="symbolic",
        truth=_numbers_of_a_layer,
        solution="""\
h, a, g = vram.symbols.h, vram.symbols.a, vram.symbols.g
d = h / a
answer = 2 * g * d""",
        slips=(
            Slip("query_heads", lambda: 2 * vram.symbols.h, "M15"),
            Slip("keys_only", lambda: _numbers_of_a_layer() / 2, "M16"),
            Slip("one_head", lambda: _numbers_of_a_layer() / vram.symbols.g),
            Slip("width_kept", lambda: 2 * vram.symbols.g * vram.symbols.d),
            Slip("width_of_the_model", lambda: 2 * vram.symbols.g * vram.symbols.h),
            Slip("all_layers", lambda: _numbers_of_a_layer() * vram.symbols.l),
        ),
    ),
    Exercise(
        id="04.2",
        stars=1,
        kind="percent",
        truth=lambda: _share("q8_0"),
        tolerance=Fraction(2, 1000),
        solution="""\
block = vram.dtypes["Q8_0"]
answer = block.bits_per_weight / vram.dtypes["bf16"].bits_per_weight""",
        slips=(
            Slip("no_scale", lambda: _share("int8")),
            Slip("four_bits", lambda: _share("q4_0")),
            Slip("saved", lambda: 1 - _share("q8_0")),
            Slip("fp32_scale", lambda: Fraction(32 + 4, 64)),
        ),
    ),
    Exercise(
        id="04.3",
        stars=2,
        kind="bytes",
        truth=lambda: _cache(seq_len=10_000, engine="llama.cpp"),
        tolerance=Fraction(1, 1000),
        solution="""\
llama = vram.models["llama-3.1-8b"]
answer = vram.kv_cache(llama, seq_len=10_000, engine="llama.cpp").nbytes * B""",
        facts=lambda: {"promised": f"{vram.models[_LLAMA].max_position_embeddings:,}"},
        slips=(
            Slip("model_card", lambda: _cache(seq_len=_LONG), "M27"),
            Slip("not_rounded", lambda: _cache(seq_len=10_000)),
            Slip("prompt_only", lambda: _cache(seq_len=300)),
            Slip("prompt_only", lambda: _cache(seq_len=300, engine="llama.cpp")),
            Slip("query_heads", lambda: _cache(heads=_query_heads(), seq_len=10_000, engine="llama.cpp"), "M15"),
            Slip("keys_only", lambda: _cache(seq_len=10_240) // 2, "M16"),
        ),
    ),
    Exercise(
        id="04.4",
        stars=2,
        kind="count",
        truth=lambda: _pages(_FOUND),
        solution="""\
answer = vram.ceil_div(3664, 16)""",
        facts=lambda: {"short": f"{_pages(_PROMISED) - _pages(_FOUND)}"},
        slips=(
            Slip("asked_for", lambda: _pages(_PROMISED)),
            Slip("missing", lambda: _pages(_PROMISED) - _pages(_FOUND)),
            Slip("tokens", lambda: _FOUND),
            Slip("cells", lambda: vram.ceil_div(_FOUND, 256)),
        ),
    ),
    Exercise(
        id="04.5",
        stars=2,
        kind="bytes",
        truth=_needed,
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
llama = vram.models["llama-3.1-8b"]
weights = vram.weights(llama).nbytes
answer = (weights + vram.kv_cache(llama, seq_len=30_000).nbytes) * B""",
        facts=lambda: {
            "reserved": vram.gib(_reserved()),
            "free": vram.gib(_reserved() - _needed()),
            "parameters": vram.count(vram.weights(vram.models[_LLAMA]).numel),
        },
        slips=(
            Slip("reserved", _reserved, "M19"),
            Slip("weights_only", _weights, "M20"),
            Slip("cache_only", lambda: _cache(seq_len=_GOING_ON)),
            Slip("query_heads", lambda: _needed(heads=_query_heads()), "M15"),
            Slip("keys_only", lambda: _weights() + _cache(seq_len=_GOING_ON // 2), "M16"),
            Slip("model_card", lambda: _weights() + _cache(seq_len=_LONG), "M27"),
        ),
    ),
    Exercise(
        id="04.6",
        stars=3,
        kind="count",
        truth=_conversations,
        solution="""\
llama = vram.models["llama-3.1-8b"]
room = vram.gpus["A100-80GB"].usable_bytes - vram.weights(llama).nbytes
answer = room // vram.kv_cache(llama, seq_len=8192).nbytes""",
        facts=lambda: {"eighth": f"{_conversations(dtype='fp8'):,}"},
        slips=(
            Slip("query_heads", lambda: _conversations(heads=_query_heads()), "M15"),
            Slip("keys_only", lambda: 2 * _conversations(), "M16"),
            Slip("keys_only", lambda: _conversations(dtype="fp8"), "M16"),
            Slip("no_weights", lambda: _conversations(vram.gpus["A100-80GB"].usable_bytes)),
            Slip("nine_tenths", lambda: _conversations(_reserved() - _weights())),
            Slip("box", lambda: _conversations(80 * 10**9 - _weights())),
            Slip("model_card", lambda: _conversations() * 8192 // _LONG, "M27"),
            Slip("one_too_many", lambda: _conversations() + 1),
        ),
    ),
    Exercise(
        id="04.x",
        kind="choice",
        truth=_in_training,
        solution="""\
kinds = vram.training(vram.models["llama-3.1-8b"], seq_len=8192).at_peak().by("kind")
answer = "c" if "KV cache" not in kinds and "activations" in kinds else "a\"""",
        slips=(Slip("a", lambda: "a", "M17"), Slip("b", lambda: "b", "M17"), Slip("d", lambda: "d")),
    ),
)
