"""How much memory does the KV cache take? Two vectors for each token, layer and key/value head. Taught in lesson 04.

The shape follows from the architecture: 2·b·s·l·g·d numbers. What an engine adds is how many tokens it keeps room for:
transformers keeps what it has seen, within a sliding window of W tokens the last W − 1; vLLM hands out pages of 16
tokens and takes back those that left the window; llama.cpp reserves the whole context, rounded up to 256 cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..architectures.architecture import Architecture
from ..architectures.layers import full_and_sliding
from ..ledger.arithmetic import Size, ceil_div, check_size, is_whole, round_up, smallest
from ..ledger.dtypes import Dtype, as_dtype
from ..ledger.errors import VramError
from ..ledger.ledger import Ledger
from ..ledger.registry import Registry
from ..ledger.tensor import Axis, Tensor
from .arguments import need_architecture, need_flag

_PAGE = 16  # tokens in a page of vLLM
_CELLS = 256  # llama.cpp rounds the context, and the room of a window, up to this many cells
_UBATCH = 512  # tokens that llama.cpp computes at once, for which a window keeps room


@dataclass(frozen=True, slots=True)
class Engine:
    """An inference engine: for how many tokens of a sequence a layer keeps room.

    full       (s) → tokens of a layer that looks back to the start
    window     (s, W) → tokens of a layer that looks back W tokens, itself included
    windowed   the families whose windows the engine knows; None means all
    joined     a latent vector is one tensor, not a part without and a part with positions
    """

    name: str
    title: str
    full: Callable[[Size], Size]
    window: Callable[[Size, Size], Size]
    windowed: frozenset[str] | None = None
    joined: bool = True
    source: str = ""


def _recent(s: Size, window: Size) -> Size:
    """The last W − 1 tokens: the next one brings its own key. A window of one token keeps all, by a slip of a slice."""
    return smallest((s, window - 1)) if not is_whole(window) or window > 1 else s


def _pages(s: Size, window: Size) -> Size:
    """The most tokens that pages hold on the way to s: W tokens lie in ⌈(W − 1)/16⌉ + 1 pages when they start badly."""
    return smallest((ceil_div(s, _PAGE), ceil_div(window - 1, _PAGE) + 1)) * _PAGE


def _cells(s: Size, window: Size) -> Size:
    """Room for the window and for the tokens computed at once, but never more than the context."""
    return round_up(smallest((round_up(s, _CELLS), window + _UBATCH)), _CELLS)


_ENGINES = (
    Engine("transformers", "Hugging Face transformers", lambda s: s, _recent, joined=False,
           source="transformers 5.23, DynamicCache (tests/fixtures/kv.json)"),
    Engine("vllm", "vLLM", lambda s: round_up(s, _PAGE), _pages, source="vLLM V1, KV cache manager"),
    Engine("llama.cpp", "llama.cpp", lambda s: round_up(s, _CELLS), _cells,
           frozenset({"gemma2", "gemma3", "gemma3_text", "gpt_oss", "cohere2", "llama4", "llama4_text", "olmo3"}),
           source="llama.cpp, src/llama-kv-cache.cpp and llama-kv-cache-iswa.cpp, as of 2026"),
)  # fmt: skip

#: Every engine by name.
engines: Registry[Engine] = Registry(
    "engine", {e.name: e for e in _ENGINES}, {"hf": "transformers", "llamacpp": "llama.cpp"}
)


def kv_cache(
    arch: Architecture,
    *,
    batch: Size = 1,
    seq_len: Size = 2048,
    dtype: str | Dtype = "bf16",
    engine: str = "transformers",
    windows: bool = True,
    latent: bool = True,
    source_len: Size | None = None,
) -> Ledger:
    """The cached keys and values of `batch` sequences of `seq_len` tokens, by type of layer.

    dtype    bf16, fp8, int8 …; llama.cpp's q8_0 and q4_0 with their scales
    engine   transformers, vllm (pages of 16 tokens) or llama.cpp (the whole context is reserved)
    windows  layers with a sliding window, or with chunks (Llama 4), keep only what it shows; False keeps every token
             everywhere, as vLLM does with its hybrid manager off and llama.cpp with --swa-full
    latent   multi-head latent attention caches its narrow latent vector; False caches the keys and values made of it,
             as transformers did before version 5
    source_len  tokens of the encoder, in a model that has one: its keys and values are cached too; seq_len by default
    Raises `VramError` for an encoder, which has no cache. Source: real caches (tests/fixtures/kv.json).

    >>> from vram import models
    >>> kv_cache(models["llama-2-7b"], seq_len=1).nbytes
    524288
    """
    need_architecture(arch)
    check_size("batch", batch)
    check_size("seq_len", seq_len)
    source = check_size("source_len", seq_len if source_len is None else source_len)
    need_flag(windows, "windows")
    need_flag(latent, "latent")
    how, stored = engines[engine], as_dtype(dtype)
    if is_encoder(arch):
        raise VramError(f"arch: {arch.model_type} is an encoder and caches nothing; a decoder is needed.")
    rows: list[Tensor] = []
    for prefix, axis, tokens in _layers(arch, how, seq_len, source, windows):
        for name, (heads, width) in zip(("keys", "values"), _widths(arch, how, latent), strict=True):
            if width is not None:
                row, shape = f"{prefix}layers.{{}}.{name}", (batch, heads, tokens, width)
                rows.append(Tensor(row, shape, stored, "KV cache", (axis,), part="attention"))
    return Ledger(rows)


def behind_windows(arch: Architecture, *, batch: Size, tokens: Size, past: Size, dtype: str | Dtype) -> Ledger:
    """What transformers' cache holds beside its own rows once `tokens` are added to `past` ones.

    Layers with a window keep a view of the last W − 1 tokens: with it lives all that they saw, until the next token.
    """
    rows: list[Tensor] = []
    _, sliding = full_and_sliding(arch)
    for axis in sliding:
        kept = engines["transformers"].window
        seen = tokens + smallest((past, arch.sliding_window - 1))
        beyond = seen - smallest((seen, kept(tokens + past, arch.sliding_window)))
        for name, (heads, width) in zip(("keys", "values"), _widths(arch, engines["transformers"], True), strict=True):
            if width is not None and not (is_whole(beyond) and beyond == 0):
                row, shape = f"layers.{{}}.{name} out of the window", (batch, heads, beyond, width)
                rows.append(Tensor(row, shape, as_dtype(dtype), "temporaries", (axis,), basis="implementation"))
    return Ledger(rows)


def is_encoder(arch: Architecture) -> bool:
    """True for a model whose tokens look both ways and which generates nothing: BERT and its kin, an encoder alone."""
    return "masked" in arch.family.heads.values() or arch.head == "encoder"


def _layers(
    arch: Architecture, how: Engine, seq_len: Size, source: Size, windows: bool
) -> Iterator[tuple[str, Axis, Size]]:
    """Layers that keep the same number of tokens: a prefix of their names, the layers, the tokens."""
    layers = getattr(arch, "num_decoder_layers", None)
    if layers is not None:
        yield "self_attention.", Axis(layers), how.full(seq_len)
        yield "cross_attention.", Axis(layers), how.full(source)
        return
    full, sliding = full_and_sliding(arch)
    if not windows or (how.windowed is not None and arch.model_type not in how.windowed):
        full, sliding = (Axis(arch.num_hidden_layers),), ()
    for axis in full:
        yield "", axis, how.full(seq_len)
    for axis in sliding:
        yield "", axis, smallest((how.full(seq_len), how.window(seq_len, arch.sliding_window)))


def _widths(arch: Architecture, how: Engine, latent: bool) -> tuple[tuple[Size, Size | None], ...]:
    """Heads and width of a cached key and of a cached value; no width where nothing is kept."""
    heads = arch.num_attention_heads
    if getattr(arch, "kv_lora_rank", None) is not None:
        if not latent:
            return (heads, arch.qk_nope_head_dim + arch.qk_rope_head_dim), (heads, arch.v_head_dim)
        if how.joined:
            return (1, arch.kv_lora_rank + arch.qk_rope_head_dim), (1, None)
        return (1, arch.kv_lora_rank), (1, arch.qk_rope_head_dim)
    if how.name == "transformers" and getattr(arch, "new_decoder_architecture", False):
        # Falcon 40B and later: transformers repeats each key for all its query heads, then caches it.
        return (heads, arch.head_dim), (heads, arch.head_dim)
    return ((arch.num_key_value_heads, arch.head_dim),) * 2
