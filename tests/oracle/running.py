"""Small real models that run: built on a CPU from a config.json, dropout and attention as the settings say."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
import transformers
from torch.utils._python_dispatch import _disable_current_modes

FORMATS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

#: The keys with which configuration classes name their dropouts and their activation function.
_DROPOUTS = (
    "attn_pdrop", "embd_pdrop", "resid_pdrop", "attention_dropout", "hidden_dropout", "dropout", "resid_dropout",
    "embed_dropout", "embedding_dropout", "residual_dropout", "ffn_dropout", "activation_dropout",
    "hidden_dropout_prob", "attention_probs_dropout_prob", "dropout_rate",
)  # fmt: skip
#: The classes of encoders with a head for masked words.
_MASKED = {
    "bert": "BertForMaskedLM", "camembert": "CamembertForMaskedLM", "distilbert": "DistilBertForMaskedLM",
    "roberta": "RobertaForMaskedLM", "xlm-roberta": "XLMRobertaForMaskedLM",
}  # fmt: skip
#: Encoders with a decoder.
_TRANSLATES = ("t5", "mt5", "umt5")
#: Language models that run inside of one for pictures and text: its model_type, and how small its eyes can be.
_SEES = {
    "qwen2_vl_text": ("qwen2_vl", {"depth": 1, "embed_dim": 16, "num_heads": 2}),
    "qwen2_5_vl_text": ("qwen2_5_vl", {"depth": 1, "hidden_size": 16, "num_heads": 2, "intermediate_size": 16}),
    "qwen3_vl_text": ("qwen3_vl", {"depth": 1, "hidden_size": 16, "num_heads": 2, "intermediate_size": 16,
                                   "deepstack_visual_indexes": [0]}),
}  # fmt: skip
_LATENT = ("deepseek_v2", "deepseek_v3", "glm4_moe_lite", "minicpm3", "youtu")
_ACTIVATIONS = ("activation_function", "hidden_act", "hidden_activation")


def consistent(config: dict[str, Any]) -> dict[str, Any]:
    """A random config as the real class can run it, without the name of a class."""
    config = {key: value for key, value in config.items() if key != "architectures"}
    family = config["model_type"]
    if family in _MASKED:
        config["architectures"] = [_MASKED[family]]
    if family in ("deepseek_v2", "deepseek_v3"):  # one group of experts
        config |= {"n_group": 1, "topk_group": 1}
    if family in _LATENT:  # as many keys as queries
        config["num_key_value_heads"] = config["num_attention_heads"]
    if family == "codegen":  # its heads lie in four groups
        heads = max(4, config.pop("n_head", None) or config.pop("num_attention_heads"))
        config |= {"num_attention_heads": heads, "n_embd": 8 * heads, "rotary_dim": 4}
        config.pop("hidden_size", None)
    if family == "gpt_neo":
        layers = config.pop("num_layers", None) or config.pop("num_hidden_layers", 2)
        config |= {"num_layers": layers, "attention_types": [[["global"], layers]]}
    if family == "dbrx":  # its class needs both, which have no default
        config["attn_config"] = {"rope_theta": 10_000.0, "clip_qkv": 8.0, **config.get("attn_config", {})}
    if family == "dots1":  # its class has no number of its own
        config.setdefault("n_shared_experts", 1)
    if family == "deepseek_v2" and config.get("topk_method") == "noaux_tc":
        config["topk_method"] = "group_limited_greedy"
    if family in ("deepseek_v3", "glm4_moe"):  # each group offers its two best experts
        for key in ("num_experts", "n_routed_experts", "num_local_experts"):
            config.pop(key, None)
        config |= {"num_local_experts": 4, "n_group": 1, "topk_group": 1}
    if family == "falcon":
        config["parallel_attn"] = config.get("new_decoder_architecture") or config.get("parallel_attn", True)
        if not config.get("new_decoder_architecture"):
            config = {k: v for k, v in config.items() if k not in ("num_kv_heads", "num_ln_in_parallel_attn")}
    return config


def inputs_of(model: torch.nn.Module, settings: dict[str, Any], vocab_size: int) -> dict[str, Any]:
    """The tokens of a batch, and labels unless no loss is asked for."""
    tokens = torch.randint(0, vocab_size, (settings["batch"], settings["seq_len"]))
    labels = {} if settings.get("loss") == "none" else {"labels": tokens.clone()}
    if not labels and model.config.is_encoder_decoder:
        labels = {"decoder_input_ids": tokens.clone()}
    cache = {} if type(model).__name__ in _MASKED.values() else {"use_cache": False}
    return {"input_ids": tokens, **cache, **labels}


def build(config: dict[str, Any], settings: dict[str, Any]) -> torch.nn.Module:
    """The model of a config.json, with a language-model head, in training mode."""
    keys = {k: v for k, v in config.items() if k not in ("model_type", "architectures")}
    real = _seeing(config["model_type"], keys) or transformers.AutoConfig.for_model(config["model_type"], **keys)
    for part in (real, getattr(real, "attn_config", None), getattr(real, "text_config", None)):
        for key in _DROPOUTS:
            if hasattr(part, key):
                object.__setattr__(part, key, settings.get("dropout") or 0.0)  # MPT says it must be an int
    for key in _ACTIVATIONS:
        if settings.get("activation") and hasattr(real, key):
            setattr(real, key, settings["activation"])
    for token in ("pad_token_id", "bos_token_id", "eos_token_id"):
        pads = token == "pad_token_id" and config["model_type"] in (*_MASKED, *_TRANSLATES)
        setattr(getattr(real, "text_config", real), token, 0 if pads else None)
    masked = _MASKED.get(config["model_type"])
    auto = transformers.AutoModelForMaskedLM if masked else transformers.AutoModelForCausalLM
    auto = transformers.AutoModelForImageTextToText if config["model_type"] in _SEES else auto
    if config["model_type"] in _TRANSLATES:
        auto, real.decoder_start_token_id = transformers.AutoModelForSeq2SeqLM, 0
    model = auto.from_config(real, attn_implementation=settings.get("attention", "sdpa"))
    model = model.to(FORMATS[settings.get("dtype", "bf16")])
    if settings.get("lora"):
        from peft import LoraConfig, get_peft_model

        model = get_peft_model(model, LoraConfig(**settings["lora"]))
    if settings.get("checkpointing") == "full":
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return evenly(model).train()


def _seeing(family: str, keys: dict[str, Any]) -> transformers.PreTrainedConfig | None:
    """The config of a model that sees, around that of its language model; None for what is a model by itself."""
    if family not in _SEES:
        return None
    whole, eyes = _SEES[family]
    half = (keys.get("head_dim") or keys["hidden_size"] // keys["num_attention_heads"]) // 2
    sections = [half - 2 * (half // 4), half // 4, half // 4]
    text = {"rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": sections}, **keys}
    tied = keys.get("tie_word_embeddings", False)
    return transformers.AutoConfig.for_model(whole, text_config=text, vision_config=eyes, tie_word_embeddings=tied)


def evenly(model: torch.nn.Module) -> torch.nn.Module:
    """The model itself; the tokens visit all experts of a loop alike, as the library takes them to (DBRX)."""
    for module in model.modules():
        if type(module).__name__ == "DbrxFFN":
            module.router.register_forward_hook(partial(_next_experts, module.top_k))
    return model


def _next_experts(chosen: int, router: torch.nn.Module, given: Any, logits: torch.Tensor) -> None:
    """Each token prefers the experts that come after those of the token before; no autograd, no counted memory."""
    with _disable_current_modes():
        tokens, experts = logits.shape
        for token in range(tokens):
            for place in range(chosen):
                logits.data[token, (token * chosen + place) % experts] += 100
