"""LLaMA 1 to 3 and Mistral: rotary positions, RMSNorm, SwiGLU, grouped keys and values, no biases, untied head."""

from .family import Family, heads_as_many, same_as, width_over_heads

LLAMA = Family(
    model_type="llama",
    defaults={
        "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": heads_as_many, "head_dim": width_over_heads,
        "max_position_embeddings": 2048, "tie_word_embeddings": False,
        "attention_bias": False, "mlp_bias": False,
        "positions": "rotary", "attention_out_bias": same_as("attention_bias"), "norm_bias": False, "mlp_gated": True,
    },
    names={
        "embedding": "model.embed_tokens", "positions": "model.embed_positions",
        "attention_norm": "model.layers.{}.input_layernorm",
        "q": "model.layers.{}.self_attn.q_proj", "k": "model.layers.{}.self_attn.k_proj",
        "v": "model.layers.{}.self_attn.v_proj", "o": "model.layers.{}.self_attn.o_proj",
        "mlp_norm": "model.layers.{}.post_attention_layernorm",
        "gate": "model.layers.{}.mlp.gate_proj", "up": "model.layers.{}.mlp.up_proj",
        "down": "model.layers.{}.mlp.down_proj",
        "final_norm": "model.norm", "lm_head": "lm_head",
    },
)  # fmt: skip

MISTRAL = LLAMA.derive(
    "mistral",
    ignores=frozenset({"attention_bias", "mlp_bias"}),
    intermediate_size=14336,
    num_key_value_heads=8,
    max_position_embeddings=131072,
    sliding_window=4096,
)
