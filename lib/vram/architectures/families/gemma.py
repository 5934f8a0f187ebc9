"""Gemma: LLaMA with heads of a width of their own and a tied head; four norms a layer from Gemma 2 on."""

from .llama import LLAMA, QK_NORMS

GEMMA = LLAMA.derive(
    "gemma",
    ignores=frozenset({"mlp_bias"}),
    vocab_size=256000, hidden_size=3072, intermediate_size=24576, num_hidden_layers=28, num_attention_heads=16,
    num_key_value_heads=16, head_dim=256, max_position_embeddings=8192, tie_word_embeddings=True,
)  # fmt: skip

GEMMA2 = GEMMA.derive(
    "gemma2",
    ignores=frozenset({"mlp_bias", "sliding_window_pattern"}),
    names={
        "attention_post_norm": "layers.{}.post_attention_layernorm",
        "mlp_norm": "layers.{}.pre_feedforward_layernorm", "mlp_post_norm": "layers.{}.post_feedforward_layernorm",
    },
    hidden_size=2304, intermediate_size=9216, num_hidden_layers=26, num_attention_heads=8, num_key_value_heads=4,
    sliding_window=4096, sliding_window_pattern=2, layer_types=None,
)  # fmt: skip

#: Gemma 3 (text): norms on queries and keys too; five layers of six look through a window.
GEMMA3 = GEMMA2.derive(
    "gemma3_text",
    ignores=frozenset({"mlp_bias"}),
    names=QK_NORMS,
    vocab_size=262208, max_position_embeddings=131072, sliding_window_pattern=6, qk_norm="head",
)  # fmt: skip

FAMILIES = (GEMMA, GEMMA2, GEMMA3)
