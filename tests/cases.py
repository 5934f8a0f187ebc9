"""The measured cases of the fixtures as a config.json and the words of the library."""

from __future__ import annotations

from typing import Any

FORMATS = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16", None: None}


def settings_of(case: dict[str, Any], layers: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A case of activations.json or loss.json as a config.json and settings of `vram.activations`."""
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
        "batch": case["b"], "seq_len": case["s"], "dtype": FORMATS[case["dtype"]], "attention": case["attn"],
        "dropout": case["dropout"], "checkpointing": "full" if case.get("checkpoint") else "none",
        "autocast": FORMATS[case.get("autocast")],
    }  # fmt: skip
    return config, settings | ({"activation": "gelu"} if "activation" in case else {})


def step_of(case: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A case of peak.json as a config.json and settings of `vram.training`."""
    recipe = "autocast" if case["autocast_bf16"] else {"float32": "fp32", "bfloat16": "bf16"}[case["dtype"]]
    settings = {
        "batch": case["b"], "seq_len": case["s"], "recipe": recipe, "optimizer": case["optimizer"],
        "checkpointing": "full" if case["checkpoint"] else "none", "attention": case["attn"],
        "foreach": case["foreach"], "backend": "cpu",
    }  # fmt: skip
    return {**case["config"], **case["override"]}, settings
