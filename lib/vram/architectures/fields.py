"""The fields of an architecture: the keys of a Hugging Face config.json in the LLaMA spelling, and what each may hold.

Sizes are whole numbers (or symbols, or arrays); flags are true or false; choices are words; layers are lists of layer
indices, switches lists of a 0 or a 1 for each layer. Fields that describe structure which a config.json leaves to the
model's code are marked `structure`: they are never read from a file, unless a family names them among its keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..ledger.arithmetic import check_size
from ..ledger.errors import ConfigError, brief, unknown

#: Layers that a list may name one by one; no published config lists more than a few hundred.
MOST_LISTED = 10_000


@dataclass(frozen=True, slots=True)
class Field:
    """One field: `type` is size, number, flag, choice, word, layers, words or switches; `choices` are the known words.

    least, most  the range of a size
    """

    name: str
    type: str
    meaning: str
    choices: tuple[str, ...] = ()
    structure: bool = False
    least: int = 1
    most: int = 2**40

    def check(self, value: Any) -> Any:
        """`value` itself if the field may hold it, else `ConfigError` that names the field."""
        if self.type == "size":
            return check_size(self.name, value, least=self.least, most=self.most, error=ConfigError)
        if self.type == "number":
            if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= self.most:
                return value
            raise ConfigError(f"{self.name}: {brief(value)} given, a number above 0 is needed.")
        if self.type == "flag":
            if isinstance(value, bool):
                return value
            raise ConfigError(f"{self.name}: {brief(value)} given, true or false is needed.")
        if self.type == "layers":
            return self._check_layers(value)
        if self.type == "words":
            if isinstance(value, (list, tuple)) and len(value) <= MOST_LISTED and all(w in self.choices for w in value):
                return tuple(value)
            allowed = f"a list of {' or '.join(self.choices)}, one for each layer,"
            raise ConfigError(f"{self.name}: {brief(value)} given, {allowed} is needed.")
        if self.type == "switches":
            if isinstance(value, (list, tuple)) and len(value) <= MOST_LISTED and all(one in (0, 1) for one in value):
                return tuple(map(int, value))
            raise ConfigError(f"{self.name}: {brief(value)} given, a list of 0 or 1, one for each layer, is needed.")
        if not isinstance(value, str) or (self.choices and value not in self.choices):
            raise unknown(self.name, value, self.choices or ("a word",), ConfigError)
        return value

    def _check_layers(self, value: Any) -> tuple[int, ...]:
        if isinstance(value, (list, tuple)) and len(value) <= MOST_LISTED:
            if all(type(i) is int and 0 <= i <= self.most for i in value):
                return tuple(sorted(set(value)))
        raise ConfigError(f"{self.name}: {brief(value)} given, a list of layer indices from 0 is needed.")


def _size(name: str, meaning: str, **limits: Any) -> Field:
    return Field(name, "size", meaning, **limits)


def _flag(name: str, meaning: str) -> Field:
    return Field(name, "flag", meaning)


def _structure(name: str, meaning: str, *choices: str) -> Field:
    return Field(name, "choice" if choices else "flag", meaning, choices, structure=True)


_ALL = (
    # the stack
    _size("hidden_size", "width of the residual stream"),
    _size("num_hidden_layers", "number of transformer layers"),
    _size("num_decoder_layers", "number of decoder layers, where an encoder has its own"),
    _size("vocab_size", "rows of the embedding"),
    _size("embedding_size", "width of the embedding, where it is not that of the stream"),
    _size("max_position_embeddings", "positions the model was made for"),
    _size("type_vocab_size", "rows of the table of segments", least=0),
    _size("relative_attention_num_buckets", "rows of the table of relative distances"),
    _flag("tie_word_embeddings", "the output head is the embedding itself"),
    # attention
    _size("num_attention_heads", "number of query heads"),
    _size("num_key_value_heads", "number of key/value heads"),
    _size("head_dim", "width of one head"),
    _flag("attention_bias", "biases on Q, K and V"),
    _size("sliding_window", "tokens a layer looks back at most", least=0),
    _size("sliding_window_pattern", "every so many layers, one looks back to the start", most=1000),
    Field("layer_types", "words", "how far each layer looks back",
          ("full_attention", "sliding_attention", "chunked_attention")),
    _size("window_size", "tokens of the window, if the config switches it on", least=0),
    _flag("use_sliding_window", "the window is switched on"),
    _size("max_window_layers", "first layer that uses the window", least=0),
    _size("q_lora_rank", "width of the latent vector of the queries"),
    _size("kv_lora_rank", "width of the latent vector of keys and values"),
    _size("qk_nope_head_dim", "part of a query or key head without rotary positions"),
    _size("qk_rope_head_dim", "part of a query or key head with rotary positions"),
    _size("v_head_dim", "width of a value head"),
    _size("rotary_dim", "width of the part of each head that positions turn"),
    Field("partial_rotary_factor", "number", "part of each head that positions turn, as a fraction", most=1),
    Field("clip_qkv", "number", "queries, keys and values are clipped at this size"),
    _size("no_rope_layer_interval", "every so many layers, one has no rotary positions", most=1000),
    Field("no_rope_layers", "switches", "which layers have rotary positions (1) and which have none (0)"),
    # feed-forward and experts
    _size("intermediate_size", "inner width of the MLP"),
    _flag("mlp_bias", "biases in the MLP"),
    _size("num_experts", "experts in a sparse layer", least=0),
    _size("num_experts_per_tok", "experts that a token visits"),
    _size("moe_intermediate_size", "inner width of an expert"),
    _size("n_shared_experts", "experts that every token visits", least=0),
    _size("shared_expert_intermediate_size", "inner width of all shared experts together", least=0),
    _size("first_k_dense_replace", "layers at the start that have no experts", least=0),
    _size("decoder_sparse_step", "every so many layers, one has experts", most=1000),
    Field("mlp_only_layers", "layers", "layers that have no experts", most=2**40),
    Field("mlp_layer_types", "words", "which layers have experts", ("dense", "sparse")),
    _size("moe_layer_end_index", "last layer that may have experts; -1 for the last of all", least=-1),
    Field("moe_layers", "layers", "layers that have experts", most=2**40),
    _flag("norm_topk_prob", "the weights of the chosen experts are divided by their sum"),
    Field("topk_method", "word", "how the router chooses; noaux_tc trains a bias beside it"),
    # what some families let a config choose
    _flag("multi_query", "one key/value head for all query heads"),
    _flag("new_decoder_architecture", "Falcon 40B and later: grouped heads, two norms side by side"),
    _flag("parallel_attn", "attention and MLP read the same input"),
    _flag("use_parallel_residual", "attention and MLP read the same input"),
    _size("num_kv_heads", "key/value heads, where multi_query does not decide"),
    _size("num_ln_in_parallel_attn", "norms before a parallel block"),
    _flag("alibi", "positions are biases on the attention scores, not rotations"),
    _flag("do_layer_norm_before", "norms come before attention and MLP, and one after the last layer"),
    _flag("_remove_final_layer_norm", "there is no norm after the last layer"),
    _flag("use_qk_norm", "queries and keys are normalised"),
    _flag("qk_layernorm", "queries and keys are normalised"),
    _flag("lm_head_bias", "bias on the output head"),
    Field("feed_forward_proj", "word", "activation of the MLP; gated-… has a third matrix"),
    # structure that the family's code decides
    _structure("attention_out_bias", "bias on the output projection"),
    _structure("norm_bias", "norms have a shift beside the scale (LayerNorm)"),
    _structure("norm_weight", "norms have a scale; without one they store nothing"),
    _structure("final_norm", "a norm follows the last layer"),
    _structure("norms_the_sum", "the stream itself is normed, after attention and MLP were added to it"),
    _structure("parallel", "attention and MLP read the same input and are added at once"),
    _structure("shared_norm", "one norm serves attention and MLP"),
    _structure("qk_norm", "norms on queries and keys: a scale shared by all heads, one for each, or over all at once",
               "none", "head", "each head", "all heads"),
    _structure("qk_norm_bias", "those norms have a shift"),
    _structure("mlp_gated", "the MLP has a gate (SwiGLU): three matrices instead of two"),
    _structure("router_bias", "bias on the router"),
    _structure("router_correction", "a bias that balances the experts is trained beside the router"),
    _structure("positions", "how the model knows positions", "learned", "rotary", "alibi", "relative", "none"),
    Field("position_offset", "size", "rows of the position table that no position uses", structure=True, least=0),
    _structure("head", "what follows the last layer: a language-model head, a masked one, or none",
               "lm", "masked", "none", "encoder"),
)  # fmt: skip

#: Every field by name.
FIELDS = {field.name: field for field in _ALL}
