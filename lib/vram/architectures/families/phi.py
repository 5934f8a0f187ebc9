"""Phi: parallel blocks with biases everywhere (1, 1.5, 2); LLaMA with fused matrices (3, 3.5, 4)."""

from .family import TURNED
from .llama import LLAMA

PHI = LLAMA.derive(
    "phi",
    keys=TURNED,
    ignores=frozenset({"attention_bias", "mlp_bias", "lm_head_bias"}),
    names={
        "o": "layers.{}.self_attn.dense",
        "q_norm": "layers.{}.self_attn.q_layernorm", "k_norm": "layers.{}.self_attn.k_layernorm",
        "mlp_norm": None, "gate": None, "up": "layers.{}.mlp.fc1", "down": "layers.{}.mlp.fc2",
        "final_norm": "final_layernorm",
    },
    vocab_size=51200, hidden_size=2048, intermediate_size=8192, num_hidden_layers=24, qk_layernorm=False,
    attention_bias=True, mlp_bias=True, norm_bias=True, mlp_gated=False, parallel=True, shared_norm=True,
    qk_norm=lambda fields: "head" if fields["qk_layernorm"] else "none", qk_norm_bias=True,
    lm_head_bias=True, partial_rotary_factor=0.5,
)  # fmt: skip

PHI3 = LLAMA.derive(
    "phi3",
    keys=TURNED,
    ignores=frozenset({"attention_bias", "mlp_bias"}),
    names={
        "q": None, "k": None, "v": None, "qkv": "layers.{}.self_attn.qkv_proj",
        "gate": None, "up": None, "gate_up": "layers.{}.mlp.gate_up_proj",
    },
    vocab_size=32064, hidden_size=3072, intermediate_size=8192, max_position_embeddings=4096, sliding_window=None,
    partial_rotary_factor=1,
)  # fmt: skip

FAMILIES = (PHI, PHI3)
