"""Questions of lesson 13: experts that are there and experts that work, latent caches, windows, the width of a head."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import vram

from ..exercise import Exercise, Slip, the_true

_LARGE = "mixtral-8x22b"
_LONG = 100_000


def _bytes(model: str) -> int:
    return vram.weights(vram.models[model]).nbytes


def _active_bytes(model: str, input_embedding: bool = True) -> int:
    return 2 * vram.active_parameters(vram.models[model], input_embedding=input_embedding)


def _experts(model: str = _LARGE) -> int:
    """Parameters in the experts that a router chooses from."""
    return vram.weights(vram.models[model]).select(part="expert").numel


def _names() -> tuple[Any, Any, Any]:
    """Experts of a layer, those that a token visits, parameters of one expert."""
    import sympy

    return tuple(sympy.symbols("E k p", positive=True, integer=True))


def _idle() -> Any:
    """Parameters of one layer that are there and that one token does not use, in parameters of an expert."""
    import sympy

    n, k, each = _names()
    arch = vram.models["mixtral-8x7b"].symbolic().replace(num_experts=n, num_experts_per_tok=k, num_hidden_layers=1)
    ledger = vram.weights(arch)
    one = ledger.select(part="expert").numel / n
    return sympy.expand(each * sympy.cancel((ledger.numel - vram.active_parameters(arch)) / one))


def _times_expert(experts: Any) -> Any:
    return experts * _names()[2]


def _cache(model: str, *, head_dim: int | None = None, **how: Any) -> int:
    arch = vram.models[model]
    return vram.kv_cache(arch if head_dim is None else arch.replace(head_dim=head_dim), **how).nbytes


def _latent(width: int) -> int:
    """Bytes of a cache of that many numbers for each token and layer of Kimi K2."""
    return 2 * width * vram.models["kimi-k2"].num_hidden_layers * _LONG


def _divided_head() -> int:
    arch = vram.models["qwen3-4b"]
    return arch.hidden_size // arch.num_attention_heads


def _gemma(**how: Any) -> int:
    return _cache("gemma-3-12b", seq_len=50_000, **how)


def _gemma_like(layers: str) -> int:
    """Gemma 3 12B as if all its layers had a window, or as if every other had."""
    arch = vram.models["gemma-3-12b"]
    count = arch.num_hidden_layers
    kinds = {"all": ["sliding_attention"] * count, "half": ["sliding_attention", "full_attention"] * (count // 2)}
    return vram.kv_cache(arch.replace(layer_types=kinds[layers]), seq_len=50_000).nbytes


def _dense() -> vram.Architecture:
    """DeepSeek 67B: a dense model of 95 layers with 8 key/value heads of width 128."""
    return vram.Architecture(
        "llama", hidden_size=8192, num_hidden_layers=95, num_attention_heads=64, num_key_value_heads=8
    )


def _left(bits: int = 16) -> Fraction:
    """What is left of the cache of DeepSeek 67B in DeepSeek-V2, with that many bits a number."""
    numbers = vram.kv_cache(vram.models["deepseek-v2"], seq_len=1).numel
    return Fraction(numbers * bits, vram.kv_cache(_dense(), seq_len=1).numel * 16)


def _what_experts_save() -> str:
    """Mixtral beside a dense model with as many parameters; what one step of one sequence takes."""
    mixtral, dense = vram.models["mixtral-8x7b"], vram.models["mistral-7b-v0.3"]
    step = vram.decode_time(mixtral, gpu="H200", batch=1, seq_len=2048)
    resident = vram.inference(mixtral).phases["load"].nbytes
    cached = [vram.kv_cache(arch, seq_len=2048).nbytes for arch in (mixtral, dense)]
    return the_true({
        "a": resident < 2 * vram.weights(mixtral).numel,
        "b": cached[0] < cached[1],
        "c": step.nbytes < resident and cached[0] == cached[1],
        "d": step.nbytes >= resident,
    })  # fmt: skip


_WITHIN_ONE_PERCENT, _WITHIN_TWO_PERCENT = Fraction(1, 100), Fraction(2, 100)

QUESTIONS = (
    Exercise(
        id="13.p",
        kind="bytes",
        truth=lambda: _bytes("mixtral-8x7b"),
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
answer = vram.weights(vram.models["mixtral-8x7b"]).nbytes * B""",
        facts=lambda: {"small": vram.gib(_bytes("mistral-7b-v0.1"))},
    ),
    Exercise(
        id="13.m",
        kind="bytes",
        truth=lambda: _bytes("qwen3-30b-a3b"),
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
answer = vram.weights(vram.models["qwen3-30b-a3b"]).nbytes * B""",
        facts=lambda: {
            "parameters": vram.count(vram.weights(vram.models["qwen3-30b-a3b"]).numel),
            "factor": f"{_bytes('qwen3-30b-a3b') / _active_bytes('qwen3-30b-a3b'):.0f}",
        },
        slips=(
            Slip("active", lambda: _active_bytes("qwen3-30b-a3b"), "M21"),
            Slip("active", lambda: _active_bytes("qwen3-30b-a3b", input_embedding=False), "M21"),
            Slip("active", lambda: 2 * 3 * 10**9, "M21"),
            Slip("active", lambda: 3 * 10**9, "M21"),
            Slip("one_byte", lambda: vram.weights(vram.models["qwen3-30b-a3b"]).numel),
            Slip("by_name", lambda: 2 * 30 * 10**9),
        ),
    ),
    Exercise(
        id="13.1",
        stars=1,
        kind="count",
        truth=_experts,
        solution="""\
h, f, layers, experts = 6144, 16_384, 56, 8
answer = layers * experts * 3 * h * f""",
        facts=lambda: {
            "share": vram.percent(_experts(), vram.weights(vram.models[_LARGE]).numel),
            "total": vram.billions(vram.weights(vram.models[_LARGE]).numel),
        },
        slips=(
            Slip("chosen", lambda: _experts() // 4, "M21"),
            Slip("two_matrices", lambda: _experts() * 2 // 3),
            Slip("one_expert", lambda: _experts() // 8),
            Slip("one_layer", lambda: _experts() // 56),
            Slip("whole_model", lambda: vram.weights(vram.models[_LARGE]).numel),
        ),
    ),
    Exercise(
        id="13.2",
        stars=2,
        kind="symbolic",
        names=("E", "k", "p"),
        truth=_idle,
        solution="""\
experts, chosen, each = sympy.symbols("E k p", positive=True, integer=True)
answer = each * (experts - chosen)""",
        slips=(
            Slip("working", lambda: _times_expert(_names()[1])),
            Slip("all_experts", lambda: _times_expert(_names()[0])),
            Slip("three_matrices", lambda: 3 * _idle()),
            Slip("all_layers", lambda: vram.symbols.l * _idle()),
            Slip("share", lambda: _times_expert(_names()[0]) - _names()[1]),
        ),
    ),
    Exercise(
        id="13.3",
        stars=2,
        kind="bytes",
        truth=lambda: _cache("kimi-k2", seq_len=_LONG),
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
latent, positions, layers = 512, 64, 61
answer = (latent + positions) * layers * 2 * 100_000 * B""",
        facts=lambda: {"plain": vram.gib(_cache("kimi-k2", seq_len=_LONG, latent=False))},
        slips=(
            Slip("every_head", lambda: _cache("kimi-k2", seq_len=_LONG, latent=False)),
            Slip("key_and_value", lambda: 2 * _cache("kimi-k2", seq_len=_LONG)),
            Slip("no_positions", lambda: _latent(512)),
            Slip("positions_a_head", lambda: _latent(512 + 64 * 64)),
            Slip("one_byte", lambda: _cache("kimi-k2", seq_len=_LONG, dtype="fp8")),
        ),
    ),
    Exercise(
        id="13.4",
        stars=2,
        kind="bytes",
        truth=lambda: _cache("qwen3-4b", seq_len=20_000),
        tolerance=_WITHIN_TWO_PERCENT,
        solution="""\
layers, heads, width = 36, 8, 128
answer = 2 * layers * heads * width * 2 * 20_000 * B""",
        slips=(
            Slip("divided", lambda: _cache("qwen3-4b", seq_len=20_000, head_dim=_divided_head()), "M18"),
            Slip("query_heads", lambda: 4 * _cache("qwen3-4b", seq_len=20_000)),
            Slip("keys_only", lambda: _cache("qwen3-4b", seq_len=10_000)),
            Slip("whole_width", lambda: 2 * 36 * 2560 * 2 * 20_000),
        ),
    ),
    Exercise(
        id="13.5",
        stars=3,
        kind="bytes",
        truth=_gemma,
        tolerance=_WITHIN_TWO_PERCENT,
        solution="""\
full, windowed, window, s = 8, 40, 1024, 50_000
tokens = full * s + windowed * min(s, window - 1)
answer = 2 * 8 * 256 * 2 * tokens * B""",
        facts=lambda: {"plain": vram.gib(_gemma(windows=False))},
        slips=(
            Slip("no_windows", lambda: _gemma(windows=False)),
            Slip("all_windows", lambda: _gemma_like("all")),
            Slip("half", lambda: _gemma_like("half")),
            Slip("full_only", lambda: _gemma(windows=False) * 8 // 48),
            Slip("swapped", lambda: _gemma(windows=False) - _gemma(windows=False) * 8 // 48),
            Slip("keys_only", lambda: _gemma() // 2),
        ),
    ),
    Exercise(
        id="13.6",
        stars=3,
        kind="percent",
        truth=lambda: 1 - _left(),
        tolerance=Fraction(2, 1000),
        solution="""\
dense = 2 * 95 * 8 * 128
latent = (512 + 64) * 60
answer = 1 - latent / dense""",
        slips=(
            Slip("claimed", lambda: 1 - _left(6)),
            Slip("left", _left),
            Slip("sign", lambda: _left() - 1),
            Slip("same_shape", lambda: 1 - Fraction(_cache("deepseek-v2", seq_len=1), 2 * 2 * 60 * 128 * 128)),
            Slip("a_layer", lambda: 1 - Fraction(512 + 64, 2 * 8 * 128)),
        ),
    ),
    Exercise(
        id="13.x",
        kind="choice",
        truth=_what_experts_save,
        solution="""\
mixtral = vram.models["mixtral-8x7b"]
resident = vram.weights(mixtral).nbytes
read = vram.decode_time(mixtral, gpu="H200", seq_len=2048).nbytes
answer = "c" if read < resident else "d\"""",
        slips=(Slip("a", lambda: "a", "M21"), Slip("b", lambda: "b"), Slip("d", lambda: "d")),
    ),
)
