"""GPT-2 and models of its shape (GPT-3): learned positions, LayerNorm, biases everywhere, tied head, fused QKV."""

from .family import Family, four_times_width, heads_as_many, same_as, width_over_heads

GPT2 = Family(
    model_type="gpt2",
    keys={
        "n_embd": "hidden_size", "n_layer": "num_hidden_layers", "n_head": "num_attention_heads",
        "n_positions": "max_position_embeddings", "n_inner": "intermediate_size",
    },
    defaults={
        "vocab_size": 50257, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
        "num_key_value_heads": heads_as_many, "head_dim": width_over_heads,
        "intermediate_size": four_times_width, "max_position_embeddings": 1024,
        "tie_word_embeddings": True,
        "positions": "learned", "attention_bias": True, "attention_out_bias": same_as("attention_bias"),
        "mlp_bias": True, "norm_bias": True, "mlp_gated": False,
    },
    names={
        "embedding": "transformer.wte", "positions": "transformer.wpe",
        "attention_norm": "transformer.h.{}.ln_1",
        "qkv": "transformer.h.{}.attn.c_attn", "o": "transformer.h.{}.attn.c_proj",
        "mlp_norm": "transformer.h.{}.ln_2",
        "gate": "transformer.h.{}.mlp.c_gate", "up": "transformer.h.{}.mlp.c_fc", "down": "transformer.h.{}.mlp.c_proj",
        "final_norm": "transformer.ln_f", "lm_head": "lm_head",
    },
    ignores=frozenset({"num_key_value_heads", "head_dim", "attention_bias", "mlp_bias"}),
    transposed=True,
)  # fmt: skip
