"""Small real models that run: built on a CPU from a config.json, dropout and attention as the settings say."""

from __future__ import annotations

from typing import Any

import torch
import transformers

FORMATS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

#: The keys with which configuration classes name their dropouts and their activation function.
_DROPOUTS = (
    "attn_pdrop", "embd_pdrop", "resid_pdrop", "attention_dropout", "hidden_dropout", "dropout", "resid_dropout",
    "embed_dropout", "embedding_dropout", "residual_dropout", "ffn_dropout", "activation_dropout",
)  # fmt: skip
_ACTIVATIONS = ("activation_function", "hidden_act", "hidden_activation")


def build(config: dict[str, Any], settings: dict[str, Any]) -> torch.nn.Module:
    """The model of a config.json, with a language-model head, in training mode."""
    keys = {k: v for k, v in config.items() if k not in ("model_type", "architectures")}
    real = transformers.AutoConfig.for_model(config["model_type"], **keys)
    for key in _DROPOUTS:
        if hasattr(real, key):
            setattr(real, key, settings.get("dropout") or 0.0)
    for key in _ACTIVATIONS:
        if settings.get("activation") and hasattr(real, key):
            setattr(real, key, settings["activation"])
    for token in ("pad_token_id", "bos_token_id", "eos_token_id"):
        setattr(real, token, None)
    model = transformers.AutoModelForCausalLM.from_config(real, attn_implementation=settings.get("attention", "sdpa"))
    model = model.to(FORMATS[settings.get("dtype", "bf16")])
    if settings.get("lora"):
        from peft import LoraConfig, get_peft_model

        model = get_peft_model(model, LoraConfig(**settings["lora"]))
    if settings.get("checkpointing") == "full":
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return model.train()
