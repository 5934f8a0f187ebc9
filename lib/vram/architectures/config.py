"""Reading a config.json that anyone may have written: plain JSON, nothing evaluated, every surprise one clear error."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from os import PathLike
from typing import Any

from ..ledger.errors import ConfigError, brief, unknown
from .families import families
from .families.family import Family

#: No published config.json comes near this size.
MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Wrapper:
    """A model for images (or sound) and text around a language model: only the language model is counted.

    text     model_type of the language model where the config names none
    tied     tie_word_embeddings where the config says nothing
    tie_from whose tie_word_embeddings counts: that of the "whole" model, of its "text" model, or of "either"
    base     what stands before the names of the language model's tensors
    outside  what stands before the name of its head
    flat     older configs have the keys of the language model at the top
    """

    model_type: str
    text: str
    tied: bool = False
    tie_from: str = "whole"
    base: str = "language_model.model."
    outside: str = "language_model."
    flat: bool = False

    @property
    def note(self) -> str:
        """What is left out."""
        return f"{self.model_type}: only the language model is counted, not the parts for images or sound."


#: Every wrapper by its model_type.
WRAPPERS = {
    w.model_type: w
    for w in (
        Wrapper("aya_vision", "cohere2", tied=True),
        Wrapper("gemma3", "gemma3_text", tied=True),
        Wrapper("idefics3", "llama", base="model.text_model.", outside=""),
        Wrapper("internvl", "qwen2", tied=True),
        Wrapper("llama4", "llama4_text", tie_from="text"),
        Wrapper("llava", "llama", tie_from="either"),
        Wrapper("llava_next", "llama"),
        Wrapper("llava_onevision", "qwen2", tie_from="either"),
        Wrapper("mistral3", "mistral", tied=True),
        Wrapper("paligemma", "gemma", tied=True),
        Wrapper("qwen2_vl", "qwen2_vl_text", tie_from="either", base="model.", outside="", flat=True),
        Wrapper("qwen2_5_vl", "qwen2_5_vl_text", tie_from="either", base="model.", outside="", flat=True),
        Wrapper("qwen3_vl", "qwen3_vl_text", base="model.language_model.", outside=""),
        Wrapper("smolvlm", "llama", base="model.text_model.", outside=""),
    )
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a config.json says: the model type, the fields, what is wrapped around, what a reader must know."""

    model_type: str
    fields: dict[str, Any]
    wrapper: Wrapper | None
    notes: tuple[str, ...]


_STATE = "layers that keep a state of fixed size instead of keys and values (their tensors, and that state)"
_INDEXER = "an indexer that chooses the tokens a layer attends to"

#: Known model types that cannot be counted yet → what would have to be described first.
NEEDS = {
    **dict.fromkeys((
        "bamba", "falcon_h1", "falcon_mamba", "granitemoehybrid", "jamba", "kimi_linear", "lfm2", "lfm2_moe", "mamba",
        "mamba2", "minimax", "nemotron_h", "olmo_hybrid", "qwen3_5", "qwen3_5_moe", "qwen3_next", "recurrent_gemma",
        "rwkv", "xlstm", "zamba", "zamba2",
    ), _STATE),
    **dict.fromkeys(("deepseek_v32", "glm_moe_dsa"), _INDEXER),
    **dict.fromkeys(("gemma3n", "gemma3n_text"), "an embedding for each layer, and layers that share a cache"),
    **dict.fromkeys(("bart", "mbart", "pegasus", "whisper", "marian", "m2m_100"),
                    "an encoder and a decoder with learned positions"),
}  # fmt: skip


def read_config(config: dict[str, Any] | str | PathLike[str]) -> Reading:
    """The fields that a config gives, under their canonical names. Raises `ConfigError`, which names the key."""
    if isinstance(config, (str, PathLike)):
        config = load_json(config)
    _need_object("config", config)
    model_type, wrapper = _model_type(config), None
    if model_type in WRAPPERS:
        wrapper = WRAPPERS[model_type]
        config = _language_model(config, wrapper)
        model_type = _model_type(config)
    family = families[model_type] if model_type in families else _unknown_model(model_type, config)
    for key, (value, need) in family.refuses.items():
        if config.get(key, value) not in (value, None):
            raise ConfigError(f"{key}: {brief(config[key])} given, only {value!r} can be counted; {need}.")
    fields = {family.reads[key]: value for key, value in _flat(config, family).items() if key in family.reads}
    if (head := _head(config, family)) is not None:
        fields["head"] = head
    overrides = family.overrides.items()
    notes = tuple(f"{key}: {value} given; {note}." for key, (value, note) in overrides if config.get(key) == value)
    return Reading(model_type, fields, wrapper, notes)


def _flat(config: dict[str, Any], family: Family) -> dict[str, Any]:
    """The config with the objects inside it that the family reads: `attn_config.kv_n_heads` is a key, too."""
    flat = config
    for group in {key.partition(".")[0] for key in family.keys if "." in key}:
        if config.get(group) is not None:
            _need_object(group, config[group])
            flat = flat | {f"{group}.{key}": value for key, value in config[group].items()}
    return flat


def _need_object(field: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise ConfigError(f"{field}: a {type(value).__name__} given, a JSON object (a dict) is needed.")


def _model_type(config: dict[str, Any]) -> str:
    model_type = config.get("model_type")
    if not isinstance(model_type, str):
        known = ", ".join(sorted([*families, *WRAPPERS]))
        raise ConfigError(f"model_type: {brief(model_type)} given, one of {known} is needed.")
    return model_type


def _unknown_model(model_type: str, config: dict[str, Any]) -> Family:
    inner = config.get("text_config")
    if isinstance(inner, dict) and isinstance(inner.get("model_type"), str) and inner["model_type"] in families:
        raise ConfigError(
            f"model_type: {brief(model_type)} is not known, but the model_type of its text_config is: "
            "give the text_config by itself to count the language model alone."
        )
    if model_type in NEEDS:
        missing = NEEDS[model_type]
        raise ConfigError(f"model_type: {model_type} cannot be counted; {missing} would have to be described.")
    error = unknown("model_type", model_type, [*families, *WRAPPERS], ConfigError)
    raise ConfigError(
        f"{error} To count it, its tensors must be described: a family with its defaults and names in "
        "vram/architectures/families."
    )


def _language_model(config: dict[str, Any], wrapper: Wrapper) -> dict[str, Any]:
    """The config of the language model inside a wrapper's config."""
    text = config.get("text_config")
    if text is None:
        text = {k: v for k, v in config.items() if k != "architectures"} if wrapper.flat else {}
        text = text | {"model_type": wrapper.text}
    _need_object("text_config", text)
    text = {"model_type": wrapper.text, **text, "architectures": None}
    if text["model_type"] == wrapper.model_type:
        text["model_type"] = wrapper.text
    whole, own = config.get("tie_word_embeddings"), text.get("tie_word_embeddings")
    given = {"whole": whole, "text": own, "either": whole or own or whole}[wrapper.tie_from]
    return text | {"tie_word_embeddings": wrapper.tied if given is None else given}


def _head(config: dict[str, Any], family: Family) -> str | None:
    """What follows the last layer, as the class named in `architectures` has it; None where no class is named."""
    classes = config.get("architectures")
    if classes is None or classes == []:
        return None
    if not isinstance(classes, list) or not isinstance(classes[0], str):
        raise ConfigError(f"architectures: {brief(classes)} given, a list of class names is needed.")
    for ending, head in family.heads.items():
        if classes[0].endswith(ending):
            return head
    known = ", ".join(f"…{ending}" for ending in family.heads)
    shown = brief(classes[0], 80)
    raise ConfigError(
        f"architectures: {shown} has a head that cannot be counted. Known for {family.model_type}: {known}."
    )


def load_json(path: str | PathLike[str]) -> Any:
    """The content of a JSON file of reasonable size. NaN, infinity and endless digits or nesting are errors."""
    try:
        if os.path.getsize(path) > MAX_BYTES:
            raise ConfigError(f"config: the file is larger than {MAX_BYTES:,} bytes; a config.json has a few thousand.")
        with open(path, encoding="utf-8") as file:
            return json.loads(file.read(), parse_constant=_no_constant)
    except OSError as error:
        raise ConfigError(f"config: {os.fspath(path)!r:.120} cannot be read ({error.strerror}).") from None
    except RecursionError:
        raise ConfigError("config: the JSON is nested too deeply.") from None
    except ConfigError:
        raise
    except ValueError as error:  # JSONDecodeError, UnicodeDecodeError, too many digits, a NUL in the path
        raise ConfigError(f"config: not valid JSON ({str(error)[:120]}).") from None


def _no_constant(word: str) -> Any:
    raise ConfigError(f"config: {word} is not a number a config.json may hold.")
