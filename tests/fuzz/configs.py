"""config.json files: of the catalogue, of small random models, with a few keys broken, and things that are none."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import vram
from random_configs import families_by_name, random_config
from vram.architectures.config import WRAPPERS
from vram.architectures.families import families

#: What a broken key may hold. Some of it some keys may hold: then an answer is due.
BROKEN: tuple[Any, ...] = (
    None, True, False, 0, 1, 2, 3, 7, 8, 64, 1000, 4096, 10**6, 10**9, 2**40, 2**40 + 1, 10**30, 10**5000, -1, 1.5, 8.0,
    math.nan, math.inf, "", "8", "full_attention", "gated-gelu", "noaux_tc", "ünï\x00\u202e", "x" * 10_000,
    [], [0], [1, 3], [None], [[]], list(range(100)), [10**12], ["full_attention"] * 4, ["sliding_attention", "no"],
    ["LlamaForCausalLM"], ["BertModel", "x"], ["XForNothing"], {}, {"a": {"b": {}}}, {"model_type": "llama"},
)  # fmt: skip
#: Sizes that no model has and a config may claim: counts are multiplied, nothing is built a billion times.
HUGE: tuple[int, ...] = (10**4, 10**6, 10**9, 2**40)

_NO_CONFIG: tuple[Any, ...] = (
    None, 3, 1.5, True, "", "no such file", "\x00", [], [1], {}, {"model_type": None}, {"model_type": ["llama"]},
    {"model_type": "lama"}, {"model_type": "x" * 10_000}, {"hidden_size": 64}, {1: 2, "model_type": "llama", None: 3},
    {"model_type": "new", "text_config": {"model_type": "llama"}}, {"model_type": "llava", "text_config": []},
    {"model_type": "llava", "text_config": {"model_type": "llava"}}, {"model_type": "gemma3", "text_config": None},
    {"model_type": "qwen2_vl", "architectures": {"a": 1}}, b"llama", object(), {"model_type": "LLAMA"},
)  # fmt: skip

_NAMES = families_by_name()
_READS = {name: sorted({*families[name].reads, "architectures", "text_config", "unknown_key", "quantization_config"})
          for name in _NAMES}  # fmt: skip
_SIZES = {name: [key for key in keys if key.endswith(("_size", "_layers", "_experts", "n_layer", "num_layers"))]
          for name, keys in _READS.items()}  # fmt: skip


def draw(random: Random) -> Any:
    """A config, or what someone might take for one."""
    return random.choices((_published, _small, _broken, _huge, _wrapped, _none), (25, 25, 25, 15, 5, 5))[0](random)


def _published(random: Random) -> Any:
    return vram.models.entries()[random.choice(list(vram.models))]["config"]


def _small(random: Random) -> Any:
    return random_config(families[random.choice(_NAMES)], random)


def _broken(random: Random) -> Any:
    """A small model, some of its keys with any value."""
    name = random.choice(_NAMES)
    config = random_config(families[name], random) if random.random() < 0.7 else {"model_type": name}
    for _ in range(random.choice((1, 1, 2, 4))):
        config[random.choice(_READS[name])] = random.choice(BROKEN)
    return config


def _huge(random: Random) -> Any:
    """A family's defaults with some sizes beyond reason."""
    name = random.choice(_NAMES)
    config: dict[str, Any] = {"model_type": name}
    for key in random.sample(_SIZES[name], min(len(_SIZES[name]), random.randint(1, 3))):
        config[key] = random.choice(HUGE)
    return config


def _wrapped(random: Random) -> Any:
    """A language model inside a model for images and text, sometimes broken."""
    wrapper = random.choice(list(WRAPPERS.values()))
    inner = _broken(random) if random.random() < 0.5 else random_config(families[wrapper.text], random)
    config = {"model_type": wrapper.model_type, "text_config": {**inner, "model_type": wrapper.text}}
    if random.random() < 0.3:
        config["tie_word_embeddings"] = random.choice((True, False, None, "yes", 1))
    return config


def _none(random: Random) -> Any:
    return random.choice(_NO_CONFIG)
