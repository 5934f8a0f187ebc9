"""BLOOM, Falcon and MPT: no learned positions, fused QKV, an MLP of two matrices, tied head."""

from __future__ import annotations

from typing import Any

from .family import Family, Fields, four_times_width, heads_as_many, same_as

#: BLOOM: a norm after the embedding, biases everywhere.
BLOOM = Family(
    model_type="bloom",
    prefix="transformer",
    keys={"n_embed": "hidden_size", "n_layer": "num_hidden_layers", "n_head": "num_attention_heads"},
    own={
        "vocab_size": 250880, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 8,
        "intermediate_size": four_times_width, "tie_word_embeddings": True,
        "positions": "alibi", "attention_bias": True, "mlp_bias": True, "norm_bias": True, "mlp_gated": False,
        "num_key_value_heads": heads_as_many,
    },
    names={
        "embedding": "word_embeddings", "embedding_norm": "word_embeddings_layernorm",
        "attention_norm": "h.{}.input_layernorm",
        "qkv": "h.{}.self_attention.query_key_value", "o": "h.{}.self_attention.dense",
        "mlp_norm": "h.{}.post_attention_layernorm",
        "up": "h.{}.mlp.dense_h_to_4h", "down": "h.{}.mlp.dense_4h_to_h",
        "final_norm": "ln_f", "lm_head": "lm_head",
    },
    ignores=frozenset({"num_key_value_heads", "attention_bias", "mlp_bias", "intermediate_size"}),
)  # fmt: skip


def _falcon_heads(fields: Fields) -> Any:
    """One key/value head, or as many as queries; the new architecture groups them."""
    if fields["new_decoder_architecture"]:
        return fields["num_kv_heads"]
    return 1 if fields["multi_query"] else fields["num_attention_heads"]


def _falcon_norms(fields: Fields) -> int:
    """How many norms a layer has: a parallel block one, or as many as the config says; a sequential block two."""
    if not fields["parallel_attn"]:
        return 2
    given = fields["num_ln_in_parallel_attn"]
    return given or (2 if fields["new_decoder_architecture"] else 1)


def _falcon_names(fields: Fields) -> Family:
    """The two norms before a parallel block have names of their own."""
    return _FALCON_TWO_NORMS if fields["parallel_attn"] and not fields["shared_norm"] else FALCON


#: Falcon: one norm before a parallel block (7B), two with names of their own (40B, 180B), or sequential (RW).
FALCON = BLOOM.derive(
    "falcon",
    names={"embedding_norm": None},
    variant=_falcon_names,
    keys={"bias": "attention_bias", "ffn_hidden_size": "intermediate_size", "n_embed": "hidden_size"},
    vocab_size=65024, hidden_size=4544, num_hidden_layers=32, num_attention_heads=71, max_position_embeddings=2048,
    alibi=False, new_decoder_architecture=False, multi_query=True, parallel_attn=True, num_ln_in_parallel_attn=None,
    num_kv_heads=heads_as_many,
    attention_bias=False, mlp_bias=same_as("attention_bias"),
    num_key_value_heads=_falcon_heads,
    positions=lambda fields: "alibi" if fields["alibi"] else "rotary",
    parallel=lambda fields: fields["parallel_attn"] or fields["new_decoder_architecture"],
    shared_norm=lambda fields: _falcon_norms(fields) == 1,
)  # fmt: skip
_FALCON_TWO_NORMS = FALCON.derive("falcon", names={"attention_norm": "h.{}.ln_attn", "mlp_norm": "h.{}.ln_mlp"})

#: MPT: no biases at all; the MLP is four times as wide whatever the config says.
MPT = BLOOM.derive(
    "mpt",
    names={
        "embedding": "wte", "embedding_norm": None,
        "attention_norm": "blocks.{}.norm_1", "qkv": "blocks.{}.attn.Wqkv", "o": "blocks.{}.attn.out_proj",
        "mlp_norm": "blocks.{}.norm_2", "up": "blocks.{}.ffn.up_proj", "down": "blocks.{}.ffn.down_proj",
        "final_norm": "norm_f",
    },
    keys={
        "d_model": "hidden_size", "n_layers": "num_hidden_layers", "n_heads": "num_attention_heads",
        "max_seq_len": "max_position_embeddings", "attn_config.clip_qkv": "clip_qkv",
    },
    ignores=BLOOM.ignores | {"clip_qkv"},
    vocab_size=50368, hidden_size=2048, num_hidden_layers=24, num_attention_heads=16, max_position_embeddings=2048,
    attention_bias=False, mlp_bias=False, norm_bias=False, clip_qkv=None,
)  # fmt: skip

FAMILIES = (BLOOM, FALCON, MPT)
