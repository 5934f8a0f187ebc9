"""Families with experts that are LLaMA otherwise: Mixtral, DBRX, OLMoE, Granite MoE, gpt-oss, Llama 4, GLM-4.5."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...ledger.dtypes import Dtype
from ..blocks import Axes, Rows, parameter
from ..experts import router
from .family import TURNED, Fields, same_as, shared_experts
from .llama import LLAMA, QK_NORMS
from .qwen import EXPERTS

if TYPE_CHECKING:
    from ..architecture import Architecture

_NO_MLP = {"gate": None, "up": None, "down": None}
SHARED = {
    "shared_gate": "layers.{}.mlp.shared_experts.gate_proj", "shared_up": "layers.{}.mlp.shared_experts.up_proj",
    "shared_down": "layers.{}.mlp.shared_experts.down_proj",
}  # fmt: skip

#: Mixtral: eight experts in every layer.
MIXTRAL = LLAMA.derive(
    "mixtral",
    ignores=frozenset({"attention_bias", "mlp_bias", "moe_intermediate_size", "norm_topk_prob"}),
    keys={"num_local_experts": "num_experts"},
    names={
        **_NO_MLP, "router": "layers.{}.block_sparse_moe.gate",
        "expert_gate": "layers.{}.block_sparse_moe.experts.{}.w1",
        "expert_up": "layers.{}.block_sparse_moe.experts.{}.w3",
        "expert_down": "layers.{}.block_sparse_moe.experts.{}.w2",
    },
    intermediate_size=14336, num_key_value_heads=8, max_position_embeddings=131072, sliding_window=None,
    num_experts=8, num_experts_per_tok=2, moe_intermediate_size=same_as("intermediate_size"), norm_topk_prob=True,
)  # fmt: skip

#: Phi-3.5-MoE: Mixtral with LayerNorm; a config may ask for biases. Its router draws two experts, whatever it says.
PHIMOE = MIXTRAL.derive(
    "phimoe",
    ignores=frozenset({"mlp_bias", "moe_intermediate_size", "num_experts", "num_experts_per_tok", "norm_topk_prob"}),
    vocab_size=32064, intermediate_size=6400, num_experts=16, norm_bias=True, lm_head_bias=False,
)  # fmt: skip

#: OLMoE: many small experts, norms over all queries and all keys.
OLMOE = LLAMA.derive(
    "olmoe",
    ignores=frozenset({"mlp_bias", "moe_intermediate_size"}),
    keys={"num_local_experts": "num_experts"},
    names={**EXPERTS, **QK_NORMS, **_NO_MLP},
    vocab_size=50304, hidden_size=2048, intermediate_size=2048, num_hidden_layers=16, num_attention_heads=16,
    max_position_embeddings=4096, qk_norm="all heads",
    num_experts=64, num_experts_per_tok=8, moe_intermediate_size=same_as("intermediate_size"), norm_topk_prob=False,
)  # fmt: skip

#: Granite MoE: all experts of a layer in one tensor; the shared variant has an MLP beside them.
GRANITEMOE = LLAMA.derive(
    "granitemoe",
    ignores=frozenset({"mlp_bias", "moe_intermediate_size", "num_experts"}),
    keys={"num_local_experts": "num_experts"},
    names={
        **_NO_MLP,
        "router": "layers.{}.block_sparse_moe.router.layer",
        "experts_gate_up": "layers.{}.block_sparse_moe.input_linear.weight",
        "experts_down": "layers.{}.block_sparse_moe.output_linear.weight",
    },
    num_experts=8, num_experts_per_tok=2, moe_intermediate_size=same_as("intermediate_size"),
)  # fmt: skip
GRANITEMOESHARED = GRANITEMOE.derive(
    "granitemoeshared",
    ignores=GRANITEMOE.ignores | {"shared_expert_intermediate_size"},
    keys={
        "num_local_experts": "num_experts", "shared_intermediate_size": "shared_expert_intermediate_size",
    },
    names={
        "shared_gate_up": "layers.{}.shared_mlp.input_linear", "shared_down": "layers.{}.shared_mlp.output_linear",
    },
)  # fmt: skip

#: gpt-oss: a sink for each head; router and experts have biases; every other layer looks through a window.
GPT_OSS = LLAMA.derive(
    "gpt_oss",
    ignores=frozenset({"mlp_bias", "moe_intermediate_size", "sliding_window_pattern"}),
    keys={"num_local_experts": "num_experts"},
    experts_in_first=True,
    names={
        **_NO_MLP,
        "sinks": "layers.{}.self_attn.sinks", "router_tensor": "layers.{}.mlp.router",
        "experts_gate_up": "layers.{}.mlp.experts.gate_up_proj",
        "experts_gate_up_bias": "layers.{}.mlp.experts.gate_up_proj_bias",
        "experts_down": "layers.{}.mlp.experts.down_proj", "experts_down_bias": "layers.{}.mlp.experts.down_proj_bias",
    },
    vocab_size=201088, hidden_size=2880, intermediate_size=2880, num_hidden_layers=36, num_attention_heads=64,
    num_key_value_heads=8, head_dim=64, max_position_embeddings=131072, attention_bias=True,
    num_experts=128, num_experts_per_tok=4, moe_intermediate_size=same_as("intermediate_size"),
    sliding_window=128, sliding_window_pattern=2, layer_types=None,
)  # fmt: skip


def _chunked_where_turned(fields: Fields) -> tuple[str, ...] | None:
    """Llama 4 looks back to the start where positions turn nothing; None where the config lists no layers."""
    turned = fields["no_rope_layers"]
    return tuple("chunked_attention" if one else "full_attention" for one in turned) if turned else None


#: Llama 4 (text): experts in every layer or every other, and an expert that every token visits. Layers with rotary
#: positions attend within chunks; the cache treats a chunk as a window.
LLAMA4 = LLAMA.derive(
    "llama4_text",
    ignores=frozenset({
        "mlp_bias", "shared_expert_intermediate_size", "num_experts", "moe_intermediate_size", "decoder_sparse_step",
        "sliding_window", "sliding_window_pattern",
    }),
    keys={
        "intermediate_size": "moe_intermediate_size", "intermediate_size_mlp": "intermediate_size",
        "num_local_experts": "num_experts", "interleave_moe_layer_step": "decoder_sparse_step",
        "attention_chunk_size": "sliding_window",
    },
    experts_in_first=True,
    names={
        "gate": "layers.{}.feed_forward.gate_proj", "up": "layers.{}.feed_forward.up_proj",
        "down": "layers.{}.feed_forward.down_proj",
        "router": "layers.{}.feed_forward.router",
        "experts_gate_up": "layers.{}.feed_forward.experts.gate_up_proj",
        "experts_down": "layers.{}.feed_forward.experts.down_proj",
        "shared_gate": "layers.{}.feed_forward.shared_expert.gate_proj",
        "shared_up": "layers.{}.feed_forward.shared_expert.up_proj",
        "shared_down": "layers.{}.feed_forward.shared_expert.down_proj",
    },
    vocab_size=202048, hidden_size=5120, intermediate_size=16384, moe_intermediate_size=8192, num_hidden_layers=48,
    num_attention_heads=40, num_key_value_heads=8, head_dim=128, max_position_embeddings=131072,
    num_experts=16, num_experts_per_tok=1, shared_expert_intermediate_size=same_as("moe_intermediate_size"),
    decoder_sparse_step=1, moe_layers=None, no_rope_layer_interval=4, use_qk_norm=True,
    sliding_window=8192, sliding_window_pattern=same_as("no_rope_layer_interval"), no_rope_layers=None,
    layer_types=_chunked_where_turned,
)  # fmt: skip

#: GLM-4.5: dense layers first; shared experts; a config may ask for norms on queries and keys.
GLM4_MOE = LLAMA.derive(
    "glm4_moe",
    ignores=frozenset({"mlp_bias", "shared_expert_intermediate_size", "num_experts"}),
    keys={"num_local_experts": "num_experts", "n_routed_experts": "num_experts", **TURNED},
    names={**EXPERTS, **SHARED, **QK_NORMS},
    vocab_size=151552, intermediate_size=10944, num_hidden_layers=46, num_attention_heads=96, num_key_value_heads=8,
    max_position_embeddings=131072, attention_out_bias=False,
    head_dim=lambda fields: fields["hidden_size"] // fields["num_attention_heads"],  # 96 do not divide 4,096
    num_experts=128, num_experts_per_tok=8, moe_intermediate_size=1408, n_shared_experts=1,
    shared_expert_intermediate_size=shared_experts, first_k_dense_replace=1, norm_topk_prob=True,
    use_qk_norm=False, qk_norm=lambda fields: "head" if fields["use_qk_norm"] else "none", partial_rotary_factor=0.5,
)  # fmt: skip

#: MiniMax M2: Mixtral with norms over all queries and all keys.
MINIMAX_M2 = MIXTRAL.derive(
    "minimax_m2",
    keys={**MIXTRAL.keys, **TURNED},
    ignores=MIXTRAL.ignores | {"sliding_window"},
    names={**QK_NORMS, "router_correction": "layers.{}.block_sparse_moe.e_score_correction_bias"},
    vocab_size=200064, hidden_size=3072, intermediate_size=1536, num_hidden_layers=62, num_attention_heads=48,
    head_dim=128, max_position_embeddings=196608, num_experts=256, num_experts_per_tok=8, qk_norm="all heads",
    rotary_dim=None, partial_rotary_factor=None,
)  # fmt: skip


def _flattened(arch: Architecture, dtype: Dtype, names: Mapping[str, str], axes: Axes) -> Rows:
    """DBRX lays the matrices of all experts one below the other: three tensors (E·f, h)."""
    yield from router(arch, dtype, names, axes)
    rows = arch.num_experts * arch.moe_intermediate_size
    common = {"kind": "mlp", "part": "expert", "op": "experts", "dtype": dtype, "axes": axes}
    for slot in ("experts_gate", "experts_up", "experts_down"):
        yield from parameter(names[slot], rows, arch.hidden_size, **common)


#: DBRX: one matrix for Q, K and V, LayerNorm without a shift; parts of its config lie in objects of their own.
DBRX = LLAMA.derive(
    "dbrx",
    prefix="transformer",
    experts=_flattened,
    ignores=frozenset({
        "attention_bias", "mlp_bias", "head_dim", "hidden_size", "num_key_value_heads", "intermediate_size",
        "num_experts", "num_experts_per_tok", "moe_intermediate_size", "clip_qkv",
    }),
    keys={
        "d_model": "hidden_size", "n_heads": "num_attention_heads", "n_layers": "num_hidden_layers",
        "max_seq_len": "max_position_embeddings", "attn_config.kv_n_heads": "num_key_value_heads",
        "attn_config.clip_qkv": "clip_qkv",
        "ffn_config.ffn_hidden_size": "moe_intermediate_size", "ffn_config.moe_num_experts": "num_experts",
        "ffn_config.moe_top_k": "num_experts_per_tok",
    },
    names={
        **_NO_MLP, "embedding": "wte", "q": None, "k": None, "v": None,
        "attention_norm": "blocks.{}.norm_attn_norm.norm_1", "qkv": "blocks.{}.norm_attn_norm.attn.Wqkv",
        "o": "blocks.{}.norm_attn_norm.attn.out_proj", "mlp_norm": "blocks.{}.norm_attn_norm.norm_2",
        "router": "blocks.{}.ffn.router.layer", "experts_gate": "blocks.{}.ffn.experts.mlp.w1",
        "experts_up": "blocks.{}.ffn.experts.mlp.v1", "experts_down": "blocks.{}.ffn.experts.mlp.w2",
        "final_norm": "norm_f",
    },
    hidden_size=2048, num_hidden_layers=24, num_attention_heads=16, num_key_value_heads=1,
    intermediate_size=same_as("moe_intermediate_size"), moe_intermediate_size=3584, num_experts=4,
    num_experts_per_tok=1, clip_qkv=8.0,
)  # fmt: skip

FAMILIES = (MIXTRAL, MINIMAX_M2, DBRX, PHIMOE, OLMOE, GRANITEMOE, GRANITEMOESHARED, GPT_OSS, LLAMA4, GLM4_MOE)
