"""LLaMA and the families that share its layer: RMSNorm, SwiGLU, grouped keys and values, rotary positions."""

from .family import TURNED, Family, heads_as_many, same_as, width_over_heads

LLAMA = Family(
    model_type="llama",
    own={
        "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": heads_as_many, "head_dim": width_over_heads,
        "max_position_embeddings": 2048, "tie_word_embeddings": False, "attention_bias": False, "mlp_bias": False,
    },
    names={
        "embedding": "embed_tokens",
        "attention_norm": "layers.{}.input_layernorm",
        "q": "layers.{}.self_attn.q_proj", "k": "layers.{}.self_attn.k_proj", "v": "layers.{}.self_attn.v_proj",
        "o": "layers.{}.self_attn.o_proj",
        "mlp_norm": "layers.{}.post_attention_layernorm",
        "gate": "layers.{}.mlp.gate_proj", "up": "layers.{}.mlp.up_proj", "down": "layers.{}.mlp.down_proj",
        "final_norm": "norm", "lm_head": "lm_head",
    },
)  # fmt: skip

_NO_BIASES = frozenset({"attention_bias", "mlp_bias"})
_NO_MLP_BIAS = frozenset({"mlp_bias"})
QK_NORMS = {"q_norm": "layers.{}.self_attn.q_norm", "k_norm": "layers.{}.self_attn.k_norm"}

#: Mistral: a window over the last tokens.
MISTRAL = LLAMA.derive(
    "mistral",
    ignores=_NO_BIASES,
    intermediate_size=14336, num_key_value_heads=8, max_position_embeddings=131072, sliding_window=4096,
)  # fmt: skip

#: Ministral 8B: the config says which layers use the window.
MINISTRAL = MISTRAL.derive("ministral", layer_types=None)
MINISTRAL3 = MISTRAL.derive(
    "ministral3",
    vocab_size=131072, num_hidden_layers=34, head_dim=128, max_position_embeddings=262144, sliding_window=None,
)  # fmt: skip

#: Granite, SmolLM 3, Arcee, Seed-OSS: LLaMA with other defaults.
GRANITE = LLAMA.derive("granite")
SMOLLM3 = LLAMA.derive(
    "smollm3",
    vocab_size=128256, hidden_size=2048, num_hidden_layers=36, num_attention_heads=16, num_key_value_heads=4,
    max_position_embeddings=32768, tie_word_embeddings=True, no_rope_layer_interval=4,
    no_rope_layers=None,
)  # fmt: skip
ARCEE = LLAMA.derive(
    "arcee",
    names={"gate": None},
    hidden_size=2560, intermediate_size=18432, max_position_embeddings=4096, mlp_gated=False,
)  # fmt: skip
SEED_OSS = LLAMA.derive(
    "seed_oss",
    keys={"attention_out_bias": "attention_out_bias"},
    vocab_size=155136, intermediate_size=27648, num_hidden_layers=64, num_attention_heads=80, num_key_value_heads=8,
    head_dim=128, max_position_embeddings=524288, attention_bias=True, attention_out_bias=False,
)  # fmt: skip

#: ERNIE 4.5: one switch for all biases.
ERNIE = LLAMA.derive(
    "ernie4_5",
    ignores=_NO_BIASES,
    keys={"use_bias": "attention_bias"},
    vocab_size=103424, hidden_size=1024, intermediate_size=3072, num_hidden_layers=18, num_attention_heads=16,
    num_key_value_heads=2, head_dim=128, max_position_embeddings=131072, tie_word_embeddings=True,
    mlp_bias=same_as("attention_bias"),
)  # fmt: skip

#: Hunyuan dense: norms on queries and keys.
HUNYUAN = LLAMA.derive(
    "hunyuan_v1_dense",
    ignores=_NO_MLP_BIAS,
    names={"q_norm": "layers.{}.self_attn.query_layernorm", "k_norm": "layers.{}.self_attn.key_layernorm"},
    vocab_size=290943, qk_norm="head",
)  # fmt: skip

#: InternLM 2: one matrix for Q, K and V; names of its own (code of its publishers, not in transformers).
INTERNLM2 = LLAMA.derive(
    "internlm2",
    ignores=_NO_BIASES,
    keys={"bias": "attention_bias"},
    names={
        "embedding": "tok_embeddings", "q": None, "k": None, "v": None,
        "attention_norm": "layers.{}.attention_norm", "qkv": "layers.{}.attention.wqkv", "o": "layers.{}.attention.wo",
        "mlp_norm": "layers.{}.ffn_norm", "gate": "layers.{}.feed_forward.w1", "up": "layers.{}.feed_forward.w3",
        "down": "layers.{}.feed_forward.w2", "lm_head": "output",
    },
    vocab_size=103168, attention_bias=True,
)  # fmt: skip

#: Nemotron: LayerNorm with a shift, an MLP of two matrices.
NEMOTRON = LLAMA.derive(
    "nemotron",
    keys=TURNED,
    names={"gate": None},
    vocab_size=256000, hidden_size=6144, intermediate_size=24576, num_attention_heads=48, max_position_embeddings=4096,
    norm_bias=True, mlp_gated=False, partial_rotary_factor=0.5,
)  # fmt: skip

#: StarCoder 2: LayerNorm, an MLP of two matrices, one switch for all biases.
STARCODER2 = LLAMA.derive(
    "starcoder2",
    ignores=_NO_BIASES,
    keys={"use_bias": "attention_bias"},
    names={"gate": None, "up": "layers.{}.mlp.c_fc", "down": "layers.{}.mlp.c_proj"},
    vocab_size=49152, hidden_size=3072, intermediate_size=12288, num_hidden_layers=30, num_attention_heads=24,
    num_key_value_heads=2, max_position_embeddings=4096, tie_word_embeddings=True, sliding_window=None,
    attention_bias=True, mlp_bias=same_as("attention_bias"), norm_bias=True, mlp_gated=False,
)  # fmt: skip

#: StableLM: LayerNorm; a config may ask for parallel blocks, and for a norm on each head.
STABLELM = LLAMA.derive(
    "stablelm",
    ignores=_NO_BIASES | {"head_dim"},
    keys={"use_qkv_bias": "attention_bias", **TURNED},
    names={
        "q_norm": "layers.{}.self_attn.q_layernorm.norms.{}", "k_norm": "layers.{}.self_attn.k_layernorm.norms.{}",
    },
    vocab_size=50304, hidden_size=2560, intermediate_size=6912, num_key_value_heads=32, max_position_embeddings=4096,
    use_parallel_residual=False, qk_layernorm=False,
    attention_out_bias=False, norm_bias=True, partial_rotary_factor=0.25,
    parallel=same_as("use_parallel_residual"), shared_norm=same_as("parallel"),
    qk_norm=lambda fields: "each head" if fields["qk_layernorm"] else "none",
)  # fmt: skip

#: Persimmon: one matrix for Q, K and V, biases everywhere, a norm on each query and key head.
PERSIMMON = NEMOTRON.derive(
    "persimmon",
    ignores=_NO_BIASES | {"num_key_value_heads", "head_dim"},
    names={
        "q": None, "k": None, "v": None, "qkv": "layers.{}.self_attn.query_key_value",
        "o": "layers.{}.self_attn.dense",
        "q_norm": "layers.{}.self_attn.q_layernorm", "k_norm": "layers.{}.self_attn.k_layernorm",
        "up": "layers.{}.mlp.dense_h_to_4h", "down": "layers.{}.mlp.dense_4h_to_h", "final_norm": "final_layernorm",
    },
    vocab_size=262144, hidden_size=4096, intermediate_size=16384, num_hidden_layers=36, num_attention_heads=64,
    max_position_embeddings=16384, attention_bias=True, mlp_bias=True, qk_layernorm=True,
    qk_norm=lambda fields: "head" if fields["qk_layernorm"] else "none", qk_norm_bias=True,
)  # fmt: skip

#: OLMo: norms that store nothing.
OLMO = LLAMA.derive(
    "olmo",
    ignores=_NO_MLP_BIAS,
    vocab_size=50304, norm_weight=False,
)  # fmt: skip

#: OLMo 2: norms after attention and MLP, and over all queries and all keys.
OLMO2 = OLMO.derive(
    "olmo2",
    names={
        **QK_NORMS, "attention_norm": None, "mlp_norm": None,
        "attention_post_norm": "layers.{}.post_attention_layernorm",
        "mlp_post_norm": "layers.{}.post_feedforward_layernorm",
    },
    norm_weight=True, qk_norm="all heads",
)  # fmt: skip
OLMO3 = OLMO2.derive(
    "olmo3", sliding_window=4096, sliding_window_pattern=4, layer_types=None,
    ignores=OLMO2.ignores | {"sliding_window_pattern"},
)  # fmt: skip

#: EXAONE 4: norms after attention and MLP, and on each query and key head.
EXAONE4 = OLMO2.derive(
    "exaone4",
    ignores=_NO_BIASES,
    vocab_size=102400, intermediate_size=16384, num_key_value_heads=32, qk_norm="head",
    sliding_window=4096, sliding_window_pattern=4, layer_types=None,
)  # fmt: skip

#: Cohere (Command R, Aya): one LayerNorm without a shift before a parallel block, tied head.
COHERE = LLAMA.derive(
    "cohere",
    ignores=_NO_MLP_BIAS,
    names={**QK_NORMS, "mlp_norm": None},
    vocab_size=256000, hidden_size=8192, intermediate_size=22528, num_hidden_layers=40, num_attention_heads=64,
    max_position_embeddings=8192, tie_word_embeddings=True, parallel=True, shared_norm=True,
    use_qk_norm=False, qk_norm=lambda fields: "each head" if fields["use_qk_norm"] else "none",
)  # fmt: skip
COHERE2 = COHERE.derive(
    "cohere2",
    ignores=COHERE.ignores | {"use_qk_norm"},
    sliding_window=4096, sliding_window_pattern=4, layer_types=None,
)  # fmt: skip

#: GLM: gate and up in one matrix; GLM 4 norms before and after attention and MLP.
GLM = LLAMA.derive(
    "glm",
    ignores=_NO_MLP_BIAS,
    keys=TURNED,
    names={"gate": None, "up": None, "gate_up": "layers.{}.mlp.gate_up_proj"},
    vocab_size=151552, intermediate_size=13696, num_hidden_layers=40, num_key_value_heads=2, head_dim=128,
    max_position_embeddings=131072, attention_bias=True, attention_out_bias=False, partial_rotary_factor=0.5,
)  # fmt: skip
GLM4 = GLM.derive(
    "glm4",
    names={
        "attention_post_norm": "layers.{}.post_self_attn_layernorm", "mlp_post_norm": "layers.{}.post_mlp_layernorm",
    },
)  # fmt: skip

FAMILIES = (
    LLAMA, MISTRAL, MINISTRAL, MINISTRAL3, GRANITE, SMOLLM3, ARCEE, SEED_OSS, ERNIE, HUNYUAN, INTERNLM2, NEMOTRON,
    STARCODER2, STABLELM, PERSIMMON, OLMO, OLMO2, OLMO3, EXAONE4, COHERE, COHERE2, GLM, GLM4,
)  # fmt: skip
