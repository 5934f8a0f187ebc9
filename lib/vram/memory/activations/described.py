"""Which forward passes are described? Those that were compared with their real class, byte by byte."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...ledger.errors import VramError
from .setting import Setting

if TYPE_CHECKING:
    from ...architectures.architecture import Architecture

#: Families whose every byte was compared with their real class in hundreds of random settings
#: (tests/oracle/activations.py). Of any other family a forward pass is not guessed at.
EXACT = (
    "arcee", "bert", "bloom", "camembert", "codegen", "cohere", "cohere2", "dbrx", "deepseek_v2", "deepseek_v3",
    "distilbert", "dots1", "ernie4_5", "ernie4_5_moe", "exaone4", "exaone_moe", "falcon", "flex_olmo", "gemma",
    "gemma2", "gemma3_text", "glm", "glm4", "glm4_moe", "glm4_moe_lite", "gpt2", "gpt_bigcode", "gpt_neo", "gpt_neox",
    "gpt_oss", "gptj", "granite", "granitemoe", "granitemoeshared", "hunyuan_v1_dense", "internlm3", "jais2", "llama",
    "llama4_text", "mellum", "minicpm3", "minimax_m2", "ministral", "ministral3", "mistral", "mixtral", "mpt", "mt5",
    "nemotron", "olmo", "olmo2", "olmo3", "olmoe", "opt", "persimmon", "phi", "phi3", "phimoe", "qwen2",
    "qwen2_5_vl_text", "qwen2_moe", "qwen2_vl_text", "qwen3", "qwen3_moe", "qwen3_vl_text", "roberta", "seed_oss",
    "smollm3", "solar_open", "stablelm", "starcoder2", "t5", "umt5", "vaultgemma", "xlm-roberta",
    "youtu",
)  # fmt: skip

#: Those among them that are encoders, with or without a head.
ENCODERS = frozenset({"bert", "camembert", "distilbert", "roberta", "xlm-roberta"})

#: Those that are an encoder and a decoder: of a step, both; of generating text, nothing yet.
ENCODER_DECODERS = frozenset({"t5", "mt5", "umt5"})

#: Families that run the code of another one.
SAME_CODE = {"kimi_k2": "deepseek_v3"}

#: Families for which transformers does not use scaled_dot_product_attention.
EAGER_ONLY = frozenset({"bloom", "codegen", "gemma2", "gpt_neo", "gpt_oss", "gptj", "mpt", "vaultgemma"})


def undescribed(arch: Architecture, generating: bool = False) -> str:
    """Why the forward pass of a model, or what it does to generate text, is not described here; empty where it is."""
    if arch.head not in ("lm", "masked") and arch.model_type not in ENCODERS:
        return "it has no language-model head"
    if SAME_CODE.get(arch.model_type, arch.model_type) not in EXACT:
        return "its layer would have to be described and compared with the real one"
    if generating and arch.model_type in ENCODER_DECODERS:
        return "its encoder reads the prompt and its decoder writes, which would have to be described apart"
    return ""


def resolved(arch: Architecture, setting: Setting) -> Setting:
    """The setting with the attention that transformers chooses for the family, where none was asked for."""
    eager_only = arch.model_type in EAGER_ONLY
    if setting.attention is None:
        return replace(setting, attention="eager" if eager_only else "sdpa")
    if setting.attention == "flash" and arch.model_type in ENCODER_DECODERS:
        raise VramError(
            f"attention: flash given, but transformers runs {arch.model_type} without it. Use 'sdpa' or 'eager'."
        )
    if setting.attention == "sdpa" and eager_only:
        raise VramError(f"attention: sdpa given, but transformers runs {arch.model_type} with eager code. Use 'eager'.")
    return setting
