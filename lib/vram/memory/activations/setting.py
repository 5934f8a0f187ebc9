"""How a model is run: batch, formats, kernels, what is recomputed. All that changes what is saved for backward."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from ...ledger.arithmetic import Size, check_size, is_symbolic, is_whole
from ...ledger.dtypes import Dtype, as_dtype, dtypes
from ...ledger.errors import VramError, brief, unknown
from ...ledger.registry import Registry

ATTENTION = ("eager", "sdpa", "flash")
CHECKPOINTING = ("none", "selective", "full")
BACKENDS = ("cuda", "cpu")
LOSSES = ("full", "chunked", "fused", "none")
ACTIVATIONS = ("silu", "gelu", "gelu_pytorch_tanh", "gelu_new", "relu", "relu2")
EXPERTS = ("grouped_mm",)
IMPLEMENTATIONS = ("transformers", "megatron")

#: Other spellings of the same things: those of transformers, torch and the packages themselves.
_ALIASES: dict[str, dict[str, str]] = {
    "attention": {
        **dict.fromkeys(("flash_attn", "flash_attn_2", "flash_attn_3", "flash_attention", "flash_attention_2",
                         "flash_attention_3", "fa2", "fa3"), "flash"),
        "scaled_dot_product_attention": "sdpa", "torch_sdpa": "sdpa",
    },
    "backend": {"gpu": "cuda", "nvidia": "cuda"},
    "activation": {
        "swish": "silu", "gelu_fast": "gelu_new", "gelu_10": "gelu", "gelu_python": "gelu", "relu_squared": "relu2",
    },
    "checkpointing": {"off": "none", "on": "full"},
    "loss": {"liger": "fused", "fused_linear_cross_entropy": "fused"},
}  # fmt: skip
#: What each implementation does when nothing is said. Megatron as its paper describes it: see `megatron.py`.
_USUAL: dict[str, dict[str, Any]] = {
    "transformers": {"attention": None, "dropout": 0.0, "activation": None},
    "megatron": {"attention": "eager", "dropout": 0.1, "activation": "gelu"},
}
_FLOATS = ("fp64", "fp32", "bf16", "fp16")


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to run a forward pass. See `vram.activations` for the words; attention None: as the family does.

    cache  keys and values go into a cache, which lives by itself
    past   tokens whose keys and values are in the cache already
    grows  the cache is copied into a longer one with each new token, as transformers' own is
    """

    batch: Size = 1
    seq_len: Size = 2048
    attention: str | None = None
    dropout: float = 0.0
    checkpointing: str = "none"
    autocast: Dtype | None = None
    backend: str = "cuda"
    activation: str | None = None
    experts: str = "grouped_mm"
    loss: str = "full"
    loss_chunks: int = 8
    lora_dropout: float = 0.0
    implementation: str = "transformers"
    cache: bool = False
    past: Size = 0
    grows: bool = False

    @property
    def tokens(self) -> Size:
        """b · s."""
        return self.batch * self.seq_len

    @property
    def keys(self) -> Size:
        """Tokens that a query looks back on, its own among them."""
        return self.seq_len + self.past

    @property
    def mask(self) -> Dtype | None:
        """The format of a dropout mask, or None for that of the tensor: a CPU keeps the scaled mask itself."""
        return dtypes["bool"] if self.backend == "cuda" else None


def setting(
    *,
    batch: Size = 1,
    seq_len: Size = 2048,
    attention: str | None = None,
    dropout: float | None = None,
    checkpointing: str | bool = "none",
    autocast: bool | str | Dtype | None = None,
    backend: str = "cuda",
    activation: str | None = None,
    experts: str = "grouped_mm",
    loss: str = "full",
    loss_chunks: int = 8,
    lora_dropout: float = 0.0,
    implementation: str = "transformers",
) -> Setting:
    """The setting that these words describe; `VramError` names the word that is not known.

    None takes what the implementation does when nothing is said.
    """
    usual = _USUAL[_word("implementation", implementation, IMPLEMENTATIONS)]
    attention, dropout, activation = (
        usual[field] if given is None else given
        for field, given in (("attention", attention), ("dropout", dropout), ("activation", activation))
    )
    check_size("batch", batch)
    check_size("seq_len", seq_len)
    check_size("loss_chunks", loss_chunks, most=2**20)
    if isinstance(checkpointing, bool):
        checkpointing = "full" if checkpointing else "none"
    return Setting(
        batch,
        seq_len,
        None if attention is None else _word("attention", attention, ATTENTION),
        _probability("dropout", dropout),
        _word("checkpointing", checkpointing, CHECKPOINTING),
        _autocast(autocast),
        _word("backend", backend, BACKENDS),
        None if activation is None else _word("activation", activation, ACTIVATIONS),
        _word("experts", experts, EXPERTS),
        _word("loss", loss, LOSSES),
        loss_chunks,
        _probability("lora_dropout", lora_dropout),
        implementation,
    )


def _word(field: str, word: str, known: tuple[str, ...]) -> str:
    """The word itself, from any spelling of it; a device may have a number, as torch's do: "cuda:0"."""
    if field == "backend" and isinstance(word, str):
        word = re.sub(r":\d+$", "", word)
    return _registry(field, known)[word]


@cache
def _registry(field: str, known: tuple[str, ...]) -> Registry[str]:
    return Registry(field, {word: word for word in known}, _ALIASES.get(field))


def _probability(field: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise VramError(f"{field}: {brief(value)} given, a probability from 0 to below 1 is needed.")
    return float(value)


def _autocast(autocast: bool | str | Dtype | None) -> Dtype | None:
    if autocast is None or autocast is False:
        return None
    return computing("autocast", "bf16" if autocast is True else autocast)


def computing(field: str, dtype: str | Dtype) -> Dtype:
    """A format that a matrix product can be computed in."""
    found = as_dtype(dtype)
    if found.name not in _FLOATS:
        raise unknown(field, found.name, _FLOATS)
    return found


def is_known_to_exceed(size: Size, bound: int) -> bool:
    """True where a size is a plain number above `bound`; symbols and arrays are taken at their common value."""
    return is_whole(size) and not is_symbolic(size) and size > bound
