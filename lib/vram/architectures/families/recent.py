"""Families of 2025 and 2026 that are a known layer with other numbers or names."""

from __future__ import annotations

from typing import Any

from ...ledger.arithmetic import is_whole
from ...ledger.errors import ConfigError
from ..decoder import latent_attention
from .bert import ROBERTA
from .deepseek import DEEPSEEK_V2, DEEPSEEK_V3
from .family import Fields, same_as, shared_experts, width_over_heads
from .gemma import GEMMA2
from .llama import ERNIE, LLAMA, NEMOTRON, OLMO2, QK_NORMS
from .moe import SHARED
from .qwen import EXPERTS


def _sparse_layers(fields: Fields) -> Any:
    """The layers that a config lists as sparse; None where it lists none."""
    kinds = fields["mlp_layer_types"]
    return None if kinds is None else tuple(i for i, kind in enumerate(kinds) if kind == "sparse")


_LISTED = {"mlp_layer_types": None, "moe_layers": _sparse_layers}

INTERNLM3 = LLAMA.derive(
    "internlm3",
    keys={"qkv_bias": "attention_bias", "bias": "mlp_bias"},
    vocab_size=128512, intermediate_size=10240, num_hidden_layers=48, num_key_value_heads=2, head_dim=128,
    max_position_embeddings=32768,
)  # fmt: skip
JAIS2 = NEMOTRON.derive(
    "jais2",
    keys={},
    ignores=frozenset({"partial_rotary_factor"}),
    vocab_size=150272, hidden_size=3328, intermediate_size=26624, num_attention_heads=26,
    max_position_embeddings=8192, attention_bias=True, mlp_bias=True, partial_rotary_factor=None,
)  # fmt: skip

#: VaultGemma: Gemma 2 without the norms after attention and MLP.
VAULTGEMMA = GEMMA2.derive("vaultgemma", names={"attention_post_norm": None, "mlp_post_norm": None})

CAMEMBERT = ROBERTA.derive("camembert", vocab_size=30522)

_LATENT = {slot: name for slot, name in DEEPSEEK_V2.names.items() if slot.startswith(("q_", "kv_"))}

#: MiniCPM 3: latent attention and a dense MLP.
MINICPM3 = LLAMA.derive(
    "minicpm3",
    attention=latent_attention,
    ignores=frozenset({"head_dim"}),
    names={**_LATENT, "k": None, "v": None},
    vocab_size=73448, hidden_size=2560, intermediate_size=6400, num_hidden_layers=62, num_attention_heads=40,
    max_position_embeddings=32768, tie_word_embeddings=True,
    q_lora_rank=768, kv_lora_rank=256, qk_nope_head_dim=64, qk_rope_head_dim=32, v_head_dim=width_over_heads,
    head_dim=same_as("qk_rope_head_dim"),
)  # fmt: skip
YOUTU = MINICPM3.derive(
    "youtu",
    ignores=frozenset({"head_dim", "mlp_bias"}),
    vocab_size=128256, hidden_size=2048, intermediate_size=6144, num_hidden_layers=32, num_attention_heads=16,
    max_position_embeddings=131072,
    q_lora_rank=1536, kv_lora_rank=512, qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128,
)  # fmt: skip

#: GLM-4.7 Flash: DeepSeek V3 whose config lists the layers with experts; by default all but the first.
GLM4_MOE_LITE = DEEPSEEK_V3.derive(
    "glm4_moe_lite",
    ignores=DEEPSEEK_V3.ignores | {"first_k_dense_replace", "moe_layers"},
    vocab_size=154880, hidden_size=2048, intermediate_size=10240, num_hidden_layers=47, num_attention_heads=20,
    num_key_value_heads=20, max_position_embeddings=202752,
    q_lora_rank=768, kv_lora_rank=512, qk_nope_head_dim=192, qk_rope_head_dim=64, v_head_dim=256,
    num_experts=64, num_experts_per_tok=4, moe_intermediate_size=1536, first_k_dense_replace=1, **_LISTED,
)  # fmt: skip

#: FlexOlmo: OLMo 2 with experts in every layer.
FLEX_OLMO = OLMO2.derive(
    "flex_olmo",
    ignores=OLMO2.ignores | {"moe_intermediate_size"},
    keys={"num_local_experts": "num_experts"},
    names={**EXPERTS, "gate": None, "up": None, "down": None},
    vocab_size=100352, max_position_embeddings=4096,
    num_experts=7, num_experts_per_tok=5, moe_intermediate_size=same_as("intermediate_size"),
)  # fmt: skip

#: dots.llm1: norms on queries and keys, dense layers first, shared experts. The class has no numbers of experts of its
#: own; these are those of the published model.
DOTS1 = LLAMA.derive(
    "dots1",
    ignores=frozenset({"mlp_bias", "shared_expert_intermediate_size", "num_experts", "head_dim"}),
    keys={"n_routed_experts": "num_experts", "num_local_experts": "num_experts"},
    names={**EXPERTS, **SHARED, **QK_NORMS},
    vocab_size=152064, hidden_size=4608, intermediate_size=10944, num_hidden_layers=62, qk_norm="head",
    sliding_window=4096, max_window_layers=62, layer_types=None,
    num_experts=128, num_experts_per_tok=6, moe_intermediate_size=1408, n_shared_experts=2,
    shared_expert_intermediate_size=shared_experts, first_k_dense_replace=0, norm_topk_prob=False,
)  # fmt: skip

#: Solar Open: experts in every layer, and shared ones.
SOLAR_OPEN = LLAMA.derive(
    "solar_open",
    ignores=frozenset({"mlp_bias", "shared_expert_intermediate_size", "num_experts"}),
    keys={"n_routed_experts": "num_experts", "num_local_experts": "num_experts"},
    names={**EXPERTS, **SHARED, "gate": None, "up": None, "down": None},
    vocab_size=196608, intermediate_size=same_as("moe_intermediate_size"), num_hidden_layers=48,
    num_attention_heads=64, num_key_value_heads=8, head_dim=128, max_position_embeddings=131072,
    attention_out_bias=False,
    num_experts=128, num_experts_per_tok=8, moe_intermediate_size=1280, n_shared_experts=1,
    shared_expert_intermediate_size=shared_experts, norm_topk_prob=True,
)  # fmt: skip

#: K-EXAONE: three layers of four look through a window; norms on queries and keys.
EXAONE_MOE = LLAMA.derive(
    "exaone_moe",
    ignores=frozenset({
        "attention_bias", "mlp_bias", "shared_expert_intermediate_size", "n_shared_experts", "moe_layers",
    }),
    keys={"num_shared_experts": "n_shared_experts"},
    names={**EXPERTS, **SHARED, **QK_NORMS},
    vocab_size=102400, intermediate_size=16384, num_key_value_heads=32, qk_norm="head",
    sliding_window=4096, sliding_window_pattern=4, layer_types=None,
    num_experts=64, num_experts_per_tok=8, moe_intermediate_size=1024, n_shared_experts=1,
    shared_expert_intermediate_size=shared_experts, first_k_dense_replace=1, norm_topk_prob=True, **_LISTED,
)  # fmt: skip

#: Mellum 2: experts in the layers that the config lists, by default in all.
MELLUM = LLAMA.derive(
    "mellum",
    ignores=frozenset({"mlp_bias", "sliding_window_pattern", "moe_layers"}),
    keys={"num_local_experts": "num_experts"},
    names={**EXPERTS, **QK_NORMS},
    vocab_size=98304, hidden_size=2304, intermediate_size=7168, num_hidden_layers=28, num_key_value_heads=4,
    head_dim=128, max_position_embeddings=131072, qk_norm="head",
    sliding_window=1024, sliding_window_pattern=1, layer_types=None,
    num_experts=64, num_experts_per_tok=8, moe_intermediate_size=896, norm_topk_prob=True, **_LISTED,
)  # fmt: skip


def _none_after_the_last(fields: Fields) -> tuple[int, ...]:
    """Experts reach to the last layer, as in all published models; a config that ends them earlier is refused."""
    layers, end = fields["num_hidden_layers"], fields["moe_layer_end_index"]
    if is_whole(layers) and is_whole(end) and 0 <= end < layers - 1:
        raise ConfigError(f"moe_layer_end_index: {end} given; only experts up to the last layer can be counted.")
    return ()


#: ERNIE 4.5 with experts: from one layer to another, every so many; a bias beside the router balances them.
ERNIE4_5_MOE = ERNIE.derive(
    "ernie4_5_moe",
    ignores=ERNIE.ignores | {
        "head_dim", "num_experts", "num_experts_per_tok", "n_shared_experts", "shared_expert_intermediate_size",
        "first_k_dense_replace", "decoder_sparse_step", "mlp_only_layers", "lm_head_bias",
    },
    keys={
        "use_bias": "attention_bias", "moe_num_experts": "num_experts", "num_experts": "num_experts",
        "moe_k": "num_experts_per_tok", "num_experts_per_tok": "num_experts_per_tok",
        "moe_num_shared_experts": "n_shared_experts", "moe_layer_start_index": "first_k_dense_replace",
        "moe_layer_interval": "decoder_sparse_step",
    },
    names={**EXPERTS, **SHARED, "router_correction": "layers.{}.mlp.moe_statics.e_score_correction_bias"},
    hidden_size=2560, intermediate_size=12288, num_hidden_layers=28, num_attention_heads=20, num_key_value_heads=4,
    head_dim=LLAMA.own["head_dim"], lm_head_bias=same_as("attention_bias"), router_correction=True,
    num_experts=64, num_experts_per_tok=6, moe_intermediate_size=1536, n_shared_experts=2,
    shared_expert_intermediate_size=shared_experts, first_k_dense_replace=1, decoder_sparse_step=1,
    moe_layer_end_index=27, mlp_only_layers=_none_after_the_last,
)  # fmt: skip

FAMILIES = (
    INTERNLM3, JAIS2, VAULTGEMMA, CAMEMBERT, MINICPM3, YOUTU, GLM4_MOE_LITE, FLEX_OLMO, DOTS1,
    SOLAR_OPEN, EXAONE_MOE, MELLUM, ERNIE4_5_MOE,
)  # fmt: skip
