"""Small real models that run: built on a CPU from a config.json, dropout and attention as the settings say."""

from __future__ import annotations

from typing import Any

import torch
import transformers

FORMATS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_NAMES = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16", None: None}

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


def settings_of(case: dict[str, Any], layers: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A case of the fixtures activations.json or loss.json as a config.json and settings of `vram.activations`."""
    if "attn" not in case:  # a case of the loss: its own small model
        case = {"a": 4, "kv_heads": 4, "ff": 4 * case["h"], "attn": "sdpa", "dropout": 0.0, **case}
    if case["kind"] == "gpt2":
        config = {
            "model_type": "gpt2", "n_embd": case["h"], "n_layer": layers, "n_head": case["a"], "n_inner": case["ff"],
            "vocab_size": case["V"], "n_positions": max(case["s"], 64),
        }  # fmt: skip
    else:
        config = {
            "model_type": case["kind"], "hidden_size": case["h"], "num_hidden_layers": layers,
            "num_attention_heads": case["a"], "num_key_value_heads": case["kv_heads"],
            "intermediate_size": case["ff"], "vocab_size": case["V"], "tie_word_embeddings": False,
        }  # fmt: skip
    settings = {
        "batch": case["b"], "seq_len": case["s"], "dtype": _NAMES[case["dtype"]], "attention": case["attn"],
        "dropout": case["dropout"], "checkpointing": "full" if case.get("checkpoint") else "none",
        "autocast": _NAMES[case.get("autocast")],
    }  # fmt: skip
    return config, settings | ({"activation": "gelu"} if "activation" in case else {})
