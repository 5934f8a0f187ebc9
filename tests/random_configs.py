"""Small random config.json files of every family, from the same data that the library reads them with."""

from __future__ import annotations

from random import Random
from typing import Any

from vram.architectures.families import Family, families
from vram.architectures.fields import FIELDS

#: Small values of the sizes that must not be just any number.
SIZES: dict[str, tuple[int, ...]] = {
    "num_hidden_layers": (1, 2, 3, 4, 7),
    "num_decoder_layers": (1, 2, 3),
    "head_dim": (8, 16, 32),
    "vocab_size": (64, 97, 256),
    "max_position_embeddings": (32, 64),
    "type_vocab_size": (1, 2, 3),
    "num_experts": (2, 3, 4),
    "num_experts_per_tok": (1, 2),
    "n_shared_experts": (1, 2),
    "first_k_dense_replace": (0, 1, 2, 9),
    "decoder_sparse_step": (1, 2, 3),
    "max_window_layers": (0, 1, 2),
    "num_ln_in_parallel_attn": (1, 2),
    "sliding_window_pattern": (2, 3, 6),
    "no_rope_layer_interval": (2, 3, 4),
    "rotary_dim": (4, 8),
    "moe_layer_end_index": (40, -1),
}
#: Fractions of heads that are whole numbers of pairs in every head drawn here.
NUMBERS = {"partial_rotary_factor": (0.25, 0.5, 0.75, 1.0), "clip_qkv": (0.5, 6.0, 8.0)}
WORDS = {
    "feed_forward_proj": ("relu", "gelu", "gated-gelu", "gated-silu"),
    "topk_method": ("greedy", "noaux_tc"),
}
ALWAYS = {
    "hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "num_experts", "num_experts_per_tok",
    "rotary_dim",
}  # fmt: skip
NULLABLE = {"num_key_value_heads", "q_lora_rank", "sliding_window"}

#: The class takes the field for some of its tensors and not for others, and then cannot run.
UNUSABLE = {("olmoe", "head_dim"), ("phi", "head_dim")}


def random_config(family: Family, random: Random, given: float = 0.6) -> dict[str, Any]:
    """A config that a real model of the family could have; each optional key is there with probability `given`."""
    heads, width = random.choice((2, 4, 8)), random.choice((8, 16))
    config: dict[str, Any] = {"model_type": family.model_type}
    spellings: dict[str, list[str]] = {}
    for key, field in family.reads.items():
        if (family.model_type, field) not in UNUSABLE:
            spellings.setdefault(field, []).append(key)
    if family.model_type in ("t5", "mt5", "umt5"):  # num_hidden_layers would leave num_decoder_layers at its default
        spellings["num_hidden_layers"] = ["num_layers"]
    for field, keys in spellings.items():
        if field in ALWAYS or random.random() < given:
            config[random.choice(keys)] = _value(field, random, heads, width)
    if not any(config.get(key) for key in spellings.get("num_key_value_heads", ())):
        for key in spellings.get("num_key_value_heads", ())[:1]:
            config[key] = _value("num_key_value_heads", random, heads, width)
    for key in [key for key in config if "." in key]:
        group, _, inner = key.partition(".")
        config.setdefault(group, {})[inner] = config.pop(key)
    if "architectures" not in config and random.random() < 0.3 and "none" in family.heads.values():
        config["architectures"] = ["AnyModel"]
    return config


def _value(field: str, random: Random, heads: int, width: int) -> Any:
    if field in NULLABLE and random.random() < 0.2:
        return None
    kind = FIELDS[field].type
    if kind == "flag":
        return random.random() < 0.5
    if kind == "number":
        return random.choice(NUMBERS[field])
    if kind == "layers":
        return sorted(random.sample(range(6), random.randint(0, 4)))
    if kind in ("words", "switches"):
        return None
    if kind in ("word", "choice"):
        return random.choice(WORDS[field])
    if field == "hidden_size":
        return heads * width
    if field == "num_attention_heads":
        return heads
    if field in ("num_key_value_heads", "num_kv_heads"):
        return random.choice([n for n in (1, 2, 4, 8) if heads % n == 0])
    return random.choice(SIZES.get(field, (8, 16, 24, 40)))


def families_by_name() -> list[str]:
    """Every model_type, in a fixed order."""
    return sorted(families)
