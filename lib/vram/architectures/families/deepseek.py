"""DeepSeek V2 and V3, Kimi K2: latent attention, dense layers first, many experts and shared ones."""

from ..decoder import latent_attention
from .family import same_as, shared_experts
from .llama import LLAMA
from .qwen import EXPERTS

DEEPSEEK_V2 = LLAMA.derive(
    "deepseek_v2",
    attention=latent_attention,
    ignores=frozenset({"head_dim", "shared_expert_intermediate_size"}),
    keys={"n_routed_experts": "num_experts"},
    names={
        **EXPERTS, "k": None, "v": None,
        "q_a": "layers.{}.self_attn.q_a_proj", "q_norm": "layers.{}.self_attn.q_a_layernorm",
        "q_b": "layers.{}.self_attn.q_b_proj",
        "kv_a": "layers.{}.self_attn.kv_a_proj_with_mqa", "kv_norm": "layers.{}.self_attn.kv_a_layernorm",
        "kv_b": "layers.{}.self_attn.kv_b_proj",
        "shared_gate": "layers.{}.mlp.shared_experts.gate_proj", "shared_up": "layers.{}.mlp.shared_experts.up_proj",
        "shared_down": "layers.{}.mlp.shared_experts.down_proj",
    },
    vocab_size=102400,
    q_lora_rank=1536, kv_lora_rank=512, qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128,
    head_dim=same_as("qk_rope_head_dim"),
    num_experts=64, num_experts_per_tok=None, moe_intermediate_size=1407, n_shared_experts=2,
    shared_expert_intermediate_size=shared_experts, first_k_dense_replace=0, topk_method="greedy",
)  # fmt: skip

#: V3: the config's topk_method says whether a bias beside the router is trained and stored (its publishers count it;
#: the class in transformers keeps it as a buffer, which it does not count).
DEEPSEEK_V3 = DEEPSEEK_V2.derive(
    "deepseek_v3",
    ignores=DEEPSEEK_V2.ignores | {"mlp_bias", "num_experts"},
    keys={"n_routed_experts": "num_experts", "num_local_experts": "num_experts"},
    names={"router_correction": "layers.{}.mlp.gate.e_score_correction_bias"},
    vocab_size=129280, hidden_size=7168, intermediate_size=18432, num_hidden_layers=61, num_attention_heads=128,
    num_key_value_heads=128, max_position_embeddings=4096,
    num_experts=256, num_experts_per_tok=8, moe_intermediate_size=2048, n_shared_experts=1, first_k_dense_replace=3,
    topk_method=None, norm_topk_prob=True, router_correction=lambda fields: fields["topk_method"] == "noaux_tc",
)  # fmt: skip
KIMI_K2 = DEEPSEEK_V3.derive("kimi_k2")

FAMILIES = (DEEPSEEK_V2, DEEPSEEK_V3, KIMI_K2)
