"""The fields of an architecture: the keys of a Hugging Face config.json in the LLaMA spelling, and what each may hold.

Sizes are whole numbers (or symbols, or arrays); flags are true or false; choices are words. A few fields describe
structure that a config.json leaves to the model's code: they are marked `structure` and never read from a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..ledger.arithmetic import check_size
from ..ledger.errors import ConfigError, unknown


@dataclass(frozen=True, slots=True)
class Field:
    """One field: `type` is size, flag or choice; `choices` are the words a choice may be."""

    name: str
    type: str
    meaning: str
    choices: tuple[str, ...] = ()
    structure: bool = False
    least: int = 1

    def check(self, value: Any) -> Any:
        """`value` itself if the field may hold it, else `ConfigError` that names the field."""
        if self.type == "size":
            return check_size(self.name, value, least=self.least, error=ConfigError)
        if self.type == "flag":
            if isinstance(value, bool):
                return value
            raise ConfigError(f"{self.name}: {_short(value)} given, true or false is needed.")
        if not isinstance(value, str) or value not in self.choices:
            raise unknown(self.name, value, self.choices, ConfigError)
        return value


def _short(value: object) -> str:
    return repr(value)[:60]


FIELDS = {
    field.name: field
    for field in (
        Field("hidden_size", "size", "width of the residual stream"),
        Field("num_hidden_layers", "size", "number of transformer layers"),
        Field("num_attention_heads", "size", "number of query heads"),
        Field("num_key_value_heads", "size", "number of key/value heads"),
        Field("head_dim", "size", "width of one head"),
        Field("intermediate_size", "size", "inner width of the MLP"),
        Field("vocab_size", "size", "rows of the embedding"),
        Field("max_position_embeddings", "size", "positions the model was made for"),
        Field("sliding_window", "size", "tokens a layer looks back at most"),
        Field("tie_word_embeddings", "flag", "the output head is the embedding itself"),
        Field("attention_bias", "flag", "biases on Q, K, V and the output projection"),
        Field("mlp_bias", "flag", "biases in the MLP"),
        Field("attention_out_bias", "flag", "bias on the output projection", structure=True),
        Field("norm_bias", "flag", "norms have a shift beside the scale (LayerNorm)", structure=True),
        Field("mlp_gated", "flag", "the MLP has a gate (SwiGLU): three matrices instead of two", structure=True),
        Field("positions", "choice", "how the model knows positions", ("learned", "rotary", "alibi"), structure=True),
    )
}
