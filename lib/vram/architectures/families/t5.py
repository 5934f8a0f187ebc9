"""T5, Flan-T5 and mT5: an encoder, a decoder that looks at it, one table of relative distances each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...ledger.dtypes import Dtype
from ...ledger.tensor import Axis
from ..blocks import Rows, embedding, linear, norm
from ..decoder import Stack, grouped_attention, mlp
from .family import Family, same_as

if TYPE_CHECKING:
    from ..architecture import Architecture


def encoder_decoder(arch: Architecture, dtype: Dtype, tied_head: bool = False) -> Rows:
    """Every parameter tensor: the shared embedding, the encoder, the decoder with cross-attention, the head."""
    yield from embedding("shared", arch.vocab_size, arch.hidden_size, dtype=dtype)
    yield from _stack(arch, dtype, "encoder", arch.num_hidden_layers, ("SelfAttention",))
    if arch.head != "encoder":
        yield from _stack(arch, dtype, "decoder", arch.num_decoder_layers, ("SelfAttention", "EncDecAttention"))
    if arch.head == "lm" and (tied_head or not arch.tie_word_embeddings):
        yield from linear("lm_head", arch.hidden_size, arch.vocab_size, kind="lm_head", dtype=dtype)


def _stack(arch: Architecture, dtype: Dtype, side: str, layers: object, attentions: tuple[str, ...]) -> Rows:
    """One side: each block a norm before each of its parts, and a norm at the end."""
    axes, block = (Axis(layers),), f"{side}.block.{{}}.layer"
    for place, attention in enumerate(attentions):
        names = attention_names(f"{block}.{place}.{attention}")
        yield from grouped_attention(Stack(arch, dtype, names, axes))
        if attention == "SelfAttention":
            table = f"{block}.{place}.SelfAttention.relative_attention_bias"
            buckets, heads = arch.relative_attention_num_buckets, arch.num_attention_heads
            shared = axes if arch.model_type == "umt5" else (Axis(1),)
            yield from embedding(table, buckets, heads, dtype=dtype, kind="position_embedding", axes=shared)
        yield from norm(f"{block}.{place}.layer_norm", arch.hidden_size, dtype=dtype, axes=axes)
    last = len(attentions)
    yield from mlp(Stack(arch, dtype, mlp_names(f"{block}.{last}.DenseReluDense", arch.mlp_gated), axes), axes)
    yield from norm(f"{block}.{last}.layer_norm", arch.hidden_size, dtype=dtype, axes=axes)
    yield from norm(f"{side}.final_layer_norm", arch.hidden_size, dtype=dtype)


def attention_names(module: str) -> Mapping[str, str]:
    """Slot → name of the projections of one attention."""
    return {slot: f"{module}.{slot}" for slot in ("q", "k", "v", "o")}


def mlp_names(module: str, gated: bool) -> Mapping[str, str]:
    """Slot → name of the matrices of one MLP."""
    up = {"gate": f"{module}.wi_0", "up": f"{module}.wi_1"} if gated else {"up": f"{module}.wi"}
    return {**up, "down": f"{module}.wo"}


#: The class ties the head; T5 1.1 and Flan-T5 say otherwise in their configs, and store a head of its own.
_TIED = "the class ties the head whatever the config says; a checkpoint with a head of its own stores V·h more"

T5 = Family(
    model_type="t5",
    prefix="",
    build=encoder_decoder,
    heads={"ForConditionalGeneration": "lm", "WithLMHeadModel": "lm", "EncoderModel": "encoder", "Model": "none"},
    keys={
        "d_model": "hidden_size", "num_layers": "num_hidden_layers", "num_heads": "num_attention_heads",
        "d_kv": "head_dim", "d_ff": "intermediate_size",
    },
    own={
        "vocab_size": 32128, "hidden_size": 512, "num_hidden_layers": 6, "num_attention_heads": 8, "head_dim": 64,
        "intermediate_size": 2048, "num_decoder_layers": same_as("num_hidden_layers"),
        "relative_attention_num_buckets": 32, "feed_forward_proj": "relu", "tie_word_embeddings": True,
        "positions": "relative", "mlp_gated": lambda fields: fields["feed_forward_proj"].startswith("gated"),
    },
    names={"embedding": "shared", "lm_head": "lm_head"},
    ignores=frozenset({"intermediate_size", "tie_word_embeddings"}),
    overrides={"tie_word_embeddings": (False, _TIED)},
)  # fmt: skip

MT5 = T5.derive(
    "mt5",
    vocab_size=250112, intermediate_size=1024, num_hidden_layers=8, num_attention_heads=6,
    feed_forward_proj="gated-gelu",
)  # fmt: skip
UMT5 = MT5.derive("umt5")

FAMILIES = (T5, MT5, UMT5)
