"""Qwen: LLaMA with biases on Q, K and V (1.5 to 2.5), or with norms on queries and keys (3); dense and with experts."""

from .family import window
from .llama import LLAMA, QK_NORMS

_WINDOW = {
    "window_size": 4096, "use_sliding_window": False, "max_window_layers": 28, "layer_types": None,
    "sliding_window": window,
}  # fmt: skip

QWEN2 = LLAMA.derive(
    "qwen2",
    ignores=frozenset({"attention_bias", "mlp_bias", "window_size"}),
    keys={"sliding_window": "window_size"},
    vocab_size=151936, intermediate_size=22016, num_key_value_heads=32, max_position_embeddings=32768,
    attention_bias=True, attention_out_bias=False, **_WINDOW,
)  # fmt: skip

#: The language models of Qwen2-VL and Qwen2.5-VL.
QWEN2_VL = QWEN2.derive(
    "qwen2_vl_text",
    vocab_size=152064, hidden_size=8192, intermediate_size=29568, num_hidden_layers=80, num_attention_heads=64,
    num_key_value_heads=8, max_window_layers=80,
)  # fmt: skip
QWEN2_5_VL = QWEN2_VL.derive("qwen2_5_vl_text")

QWEN3 = LLAMA.derive(
    "qwen3",
    ignores=frozenset({"mlp_bias", "window_size"}),
    keys={"sliding_window": "window_size"},
    names=QK_NORMS,
    vocab_size=151936, intermediate_size=22016, num_key_value_heads=32, head_dim=128, max_position_embeddings=32768,
    qk_norm="head", **_WINDOW,
)  # fmt: skip

#: The language model of Qwen3-VL.
QWEN3_VL = LLAMA.derive(
    "qwen3_vl_text",
    ignores=frozenset({"mlp_bias"}),
    names=QK_NORMS,
    vocab_size=151936, intermediate_size=22016, num_key_value_heads=32, head_dim=128, max_position_embeddings=128000,
    qk_norm="head",
)  # fmt: skip

#: Router and experts as most families name them.
EXPERTS = {
    "router": "layers.{}.mlp.gate",
    "expert_gate": "layers.{}.mlp.experts.{}.gate_proj", "expert_up": "layers.{}.mlp.experts.{}.up_proj",
    "expert_down": "layers.{}.mlp.experts.{}.down_proj",
}  # fmt: skip

#: Qwen1.5-MoE and Qwen2-57B-A14B: a shared expert with a gate of its own.
QWEN2_MOE = QWEN2.derive(
    "qwen2_moe",
    keys={"sliding_window": "window_size", "qkv_bias": "attention_bias"},
    names={
        **EXPERTS, "shared_gate": "layers.{}.mlp.shared_expert.gate_proj",
        "shared_up": "layers.{}.mlp.shared_expert.up_proj", "shared_down": "layers.{}.mlp.shared_expert.down_proj",
        "shared_router": "layers.{}.mlp.shared_expert_gate",
    },
    hidden_size=2048, intermediate_size=5632, num_hidden_layers=24, num_attention_heads=16, num_key_value_heads=16,
    num_experts=60, num_experts_per_tok=4, moe_intermediate_size=1408, shared_expert_intermediate_size=5632,
    decoder_sparse_step=1, mlp_only_layers=(), norm_topk_prob=False,
)  # fmt: skip

QWEN3_MOE = QWEN3.derive(
    "qwen3_moe",
    keys={"sliding_window": "window_size", "num_local_experts": "num_experts"},
    names=EXPERTS,
    hidden_size=2048, intermediate_size=6144, num_hidden_layers=24, num_key_value_heads=4,
    head_dim=LLAMA.own["head_dim"],
    num_experts=128, num_experts_per_tok=8, moe_intermediate_size=768, decoder_sparse_step=1, mlp_only_layers=(),
    norm_topk_prob=False,
)  # fmt: skip

FAMILIES = (QWEN2, QWEN2_VL, QWEN2_5_VL, QWEN3, QWEN3_VL, QWEN2_MOE, QWEN3_MOE)
