"""The real classes of transformers, built on the meta device: shapes without memory."""

from __future__ import annotations

import logging
import re
from typing import Any

import torch
import transformers

logging.getLogger("transformers").setLevel(logging.ERROR)

#: Families whose class has another name in transformers.
SAME_CLASS = {"kimi_k2": "deepseek_v3"}
WITHOUT_CLASS = frozenset({"internlm2"})
_PADDED = ("t5", "mt5", "umt5", "roberta", "xlm-roberta", "bert", "distilbert", "camembert", "opt")


def build(config: dict[str, Any]) -> torch.nn.Module:
    """The model that a config.json describes, with the head that `architectures` names."""
    config = {key: value for key, value in config.items() if key != "attention_types"}
    model_type = SAME_CLASS.get(config["model_type"], config["model_type"])
    keys = {k: v for k, v in config.items() if k not in ("model_type", "architectures")}
    if config["model_type"] == "gpt_neo" and "num_layers" in keys:
        keys["attention_types"] = [[["global"], keys["num_layers"]]]
    if model_type == "dbrx":  # its class needs the key, which decides no shape
        keys["attn_config"] = {"rope_theta": 10_000.0, **keys.get("attn_config", {})}
    real = transformers.CONFIG_MAPPING[model_type](**keys)
    for part in (real, getattr(real, "text_config", None)):
        for token in ("pad_token_id", "bos_token_id", "eos_token_id"):
            if hasattr(part, token):
                setattr(part, token, 0 if token == "pad_token_id" and model_type in _PADDED else None)
    with torch.device("meta"):
        return _class(config, model_type, real)


def _class(config: dict[str, Any], model_type: str, real: Any) -> torch.nn.Module:
    named = (config.get("architectures") or [""])[0]
    for known in (named, named.replace("MPT", "Mpt").replace("PhiMoE", "Phimoe")):
        if hasattr(transformers, known):
            return getattr(transformers, known)(real)
    if named.endswith("Model") or model_type in ("bert", "roberta", "xlm-roberta", "camembert", "distilbert"):
        return transformers.AutoModel.from_config(real)
    if model_type in ("t5", "mt5", "umt5"):
        return transformers.AutoModelForSeq2SeqLM.from_config(real)
    if hasattr(real, "text_config"):
        return transformers.AutoModelForImageTextToText.from_config(real)
    return transformers.AutoModelForCausalLM.from_config(real)


def parameters(model: torch.nn.Module, config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name → shape of every parameter; under a wrapper those of the language model alone.

    One thing is added that a checkpoint stores and the class does not count: the bias that balances the experts, where
    the config says that it was trained.
    """
    found = {name: tuple(p.shape) for name, p in model.named_parameters()}
    if config.get("topk_method") == "noaux_tc":
        buffers = model.named_buffers()
        found |= {name: tuple(b.shape) for name, b in buffers if name.endswith("e_score_correction_bias")}
    outside = re.compile(
        r"(^|\.)(visual|vision_tower|vision_model|multi_modal_projector|connector|image_newline)(\.|$)"
    )
    return {name: shape for name, shape in found.items() if not outside.search(name)}
