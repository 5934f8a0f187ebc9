"""GPT-2 and its descendants: LayerNorm, biases, an MLP of two matrices; learned, then rotary positions."""

from .family import TURNED, Family, four_times_width, heads_as_many, same_as

_KEYS = {
    "n_embd": "hidden_size", "n_layer": "num_hidden_layers", "n_head": "num_attention_heads",
    "n_positions": "max_position_embeddings", "n_inner": "intermediate_size",
}  # fmt: skip

#: GPT-2 and GPT-3: learned positions, tied head, fused QKV stored as Conv1D.
GPT2 = Family(
    model_type="gpt2",
    prefix="transformer",
    keys=_KEYS,
    own={
        "vocab_size": 50257, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
        "intermediate_size": four_times_width, "max_position_embeddings": 1024, "tie_word_embeddings": True,
        "positions": "learned", "attention_bias": True, "mlp_bias": True, "norm_bias": True, "mlp_gated": False,
        "num_key_value_heads": heads_as_many,
    },
    names={
        "embedding": "wte", "positions": "wpe",
        "attention_norm": "h.{}.ln_1", "qkv": "h.{}.attn.c_attn", "o": "h.{}.attn.c_proj",
        "mlp_norm": "h.{}.ln_2", "gate": "h.{}.mlp.c_gate", "up": "h.{}.mlp.c_fc", "down": "h.{}.mlp.c_proj",
        "final_norm": "ln_f", "lm_head": "lm_head",
    },
    ignores=frozenset({"num_key_value_heads", "attention_bias", "mlp_bias", "intermediate_size"}),
    refuses={"add_cross_attention": (False, "cross-attention would have to be described")},
    transposed=True,
)  # fmt: skip

#: StarCoder and SantaCoder: GPT-2 with one key/value head for all queries, and plain Linear layers.
GPT_BIGCODE = GPT2.derive(
    "gpt_bigcode",
    transposed=False,
    multi_query=True,
    num_key_value_heads=lambda fields: 1 if fields["multi_query"] else fields["num_attention_heads"],
)

#: GPT-J: attention and MLP side by side after one norm; Q, K, V apart and without biases; a bias on the head.
GPTJ = GPT2.derive(
    "gptj",
    transposed=False,
    names={
        "positions": None, "mlp_norm": None, "qkv": None,
        "q": "h.{}.attn.q_proj", "k": "h.{}.attn.k_proj", "v": "h.{}.attn.v_proj", "o": "h.{}.attn.out_proj",
        "up": "h.{}.mlp.fc_in", "down": "h.{}.mlp.fc_out",
    },
    vocab_size=50400, hidden_size=4096, num_hidden_layers=28, num_attention_heads=16, max_position_embeddings=2048,
    tie_word_embeddings=False, attention_bias=False, lm_head_bias=True,
    positions="rotary", rotary_dim=64, parallel=True, shared_norm=True,
    ignores=frozenset({"num_key_value_heads", "attention_bias", "mlp_bias", "intermediate_size", "lm_head_bias"}),
)  # fmt: skip

#: CodeGen: GPT-J with one matrix for Q, K and V.
CODEGEN = GPTJ.derive("codegen", names={"q": None, "k": None, "v": None, "qkv": "h.{}.attn.qkv_proj"})

#: GPT-Neo: GPT-2 with Q, K, V apart and without biases.
GPT_NEO = GPT2.derive(
    "gpt_neo",
    transposed=False,
    names={
        "qkv": None, "o": "h.{}.attn.attention.out_proj",
        "q": "h.{}.attn.attention.q_proj", "k": "h.{}.attn.attention.k_proj", "v": "h.{}.attn.attention.v_proj",
    },
    keys={
        "num_heads": "num_attention_heads", "num_layers": "num_hidden_layers", "intermediate_size": "intermediate_size",
    },
    hidden_size=2048, num_hidden_layers=24, num_attention_heads=16, max_position_embeddings=2048,
    attention_bias=False, attention_out_bias=True,
)  # fmt: skip

#: GPT-NeoX and Pythia: two norms before a parallel block, rotary positions, untied head.
GPT_NEOX = Family(
    model_type="gpt_neox",
    prefix="gpt_neox",
    keys={"use_parallel_residual": "parallel", "rotary_pct": "partial_rotary_factor", **TURNED},
    own={
        "vocab_size": 50432, "hidden_size": 6144, "num_hidden_layers": 44, "num_attention_heads": 64,
        "intermediate_size": 24576, "max_position_embeddings": 2048, "tie_word_embeddings": False,
        "attention_bias": True, "mlp_bias": True, "norm_bias": True, "mlp_gated": False, "parallel": True,
        "partial_rotary_factor": 0.25,
    },
    names={
        "embedding": "embed_in",
        "attention_norm": "layers.{}.input_layernorm",
        "qkv": "layers.{}.attention.query_key_value", "o": "layers.{}.attention.dense",
        "mlp_norm": "layers.{}.post_attention_layernorm",
        "up": "layers.{}.mlp.dense_h_to_4h", "down": "layers.{}.mlp.dense_4h_to_h",
        "final_norm": "final_layer_norm", "lm_head": "embed_out",
    },
    ignores=frozenset({"mlp_bias", "partial_rotary_factor"}),
)  # fmt: skip

#: OPT: learned positions with two unused rows; the 350M norms after its blocks and has a narrower embedding.
OPT = Family(
    model_type="opt",
    prefix="model",
    keys={
        "ffn_dim": "intermediate_size", "word_embed_proj_dim": "embedding_size", "enable_bias": "attention_bias",
        "layer_norm_elementwise_affine": "norm_weight",
    },
    own={
        "vocab_size": 50272, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
        "intermediate_size": 3072, "max_position_embeddings": 2048, "tie_word_embeddings": True,
        "do_layer_norm_before": True, "_remove_final_layer_norm": False,
        "positions": "learned", "position_offset": 2, "mlp_gated": False,
        "attention_bias": True, "mlp_bias": same_as("attention_bias"), "norm_bias": same_as("norm_weight"),
        "norms_the_sum": lambda fields: not fields["do_layer_norm_before"],
        "final_norm": lambda fields: fields["do_layer_norm_before"] and not fields["_remove_final_layer_norm"],
    },
    names={
        "embedding": "decoder.embed_tokens", "positions": "decoder.embed_positions",
        "project_in": "decoder.project_in", "project_out": "decoder.project_out",
        "attention_norm": "decoder.layers.{}.self_attn_layer_norm",
        "q": "decoder.layers.{}.self_attn.q_proj", "k": "decoder.layers.{}.self_attn.k_proj",
        "v": "decoder.layers.{}.self_attn.v_proj",
        "o": "decoder.layers.{}.self_attn.out_proj",
        "mlp_norm": "decoder.layers.{}.final_layer_norm",
        "up": "decoder.layers.{}.fc1", "down": "decoder.layers.{}.fc2",
        "final_norm": "decoder.final_layer_norm", "lm_head": "lm_head",
    },
    ignores=frozenset({"attention_bias", "mlp_bias", "intermediate_size"}),
)  # fmt: skip

FAMILIES = (GPT2, GPT_BIGCODE, GPTJ, CODEGEN, GPT_NEO, GPT_NEOX, OPT)
