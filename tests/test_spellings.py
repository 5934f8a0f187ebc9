"""Names as the field writes them find their entry, and no name finds an entry that its writer did not mean."""

import json
import re
from pathlib import Path

import pytest

import vram
from vram.architectures.families import families
from vram.memory import schemes
from vram.memory.activations.setting import setting

FIXTURES = Path(__file__).parent / "fixtures"


def cases(name: str) -> list[dict]:
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))["cases"]


SPELLINGS = {
    "dtype": (vram.dtypes, {
        "fp32": ("float32", "torch.float32", "F32", "f32", "FP32", "float", "single"),
        "bf16": ("bfloat16", "torch.bfloat16", "BF16"),
        "fp16": ("float16", "torch.float16", "torch.half", "half", "F16", "f16"),
        "fp8_e4m3": ("fp8", "FP8", "E4M3", "FP8 E4M3", "float8_e4m3fn", "torch.float8_e4m3fn", "F8_E4M3"),
        "int8": ("INT8", "torch.int8", "I8"), "int4": ("INT4", "uint4"), "nf4": ("NF4",), "mxfp4": ("MXFP4",),
        "Q4_K": ("q4_k",), "Q8_0": ("q8_0",), "IQ4_XS": ("iq4_xs",),
    }),
    "optimizer": (vram.optimizers, {
        "adamw": ("AdamW", "torch.optim.AdamW", "AdamW fused", "adamw_torch", "adamw_torch_fused"),
        "adamw-8bit": ("bnb AdamW8bit", "bnb.optim.AdamW8bit", "adamw_bnb_8bit", "adamw_8bit"),
        "adamw-32bit": ("bnb AdamW", "bitsandbytes.optim.AdamW"), "paged-adamw-8bit": ("paged_adamw_8bit",),
        "adafactor": ("Adafactor", "HF Adafactor", "transformers.Adafactor"),
        "adafactor-torch": ("torch Adafactor", "torch.optim.Adafactor"),
        "adamw-torchao-4bit": ("torchao AdamW4bit", "torchao.optim.AdamW4bit", "adamw_torch_4bit"),
        "sgd-momentum": ("SGD+momentum", "SGD+nesterov", "sgd_momentum"),
    }),
    "format": (schemes, {
        "nf4": ("NF4", "bnb-nf4", "bnb_nf4"), "int8": ("INT8", "LLM.int8", "bnb-int8"), "gptq": ("GPTQ",),
        "mxfp4": ("MXFP4",), "Q4_K_M": ("q4_k_m",), "torchao-int8": ("int8wo", "torchao-Int8WeightOnlyConfig"),
        "torchao-int4": ("torchao-int4wo",),
    }),
    "gpu": (vram.gpus, {
        "A100-80GB": ("A100 80GB", "a100-80gb", "NVIDIA A100-SXM4-80GB"), "H100-80GB": ("H100", "H100 SXM"),
        "RTX 4090": ("rtx-4090", "RTX4090", "NVIDIA GeForce RTX 4090"), "T4": ("Tesla T4",),
    }),
    "engine": (vram.engines, {
        "transformers": ("hf", "HF", "Transformers"), "vllm": ("vLLM",), "llama.cpp": ("llama_cpp", "llamacpp"),
    }),
    "recipe": (vram.recipes, {
        "fp32": ("float32", "FP32"), "bf16": ("bfloat16", "pure-bf16"), "bf16-mixed": ("bf16_mixed", "mixed"),
    }),
}  # fmt: skip


@pytest.mark.parametrize("registry", SPELLINGS)
def test_spellings_of_the_field(registry: str) -> None:
    found, spellings = SPELLINGS[registry]
    for name, others in spellings.items():
        assert all(found[other] is found[name] for other in others), name


def test_the_catalogue_in_any_case_and_by_the_names_of_the_hub() -> None:
    assert vram.models["Llama-2-7B"] == vram.models["meta-llama/Llama-2-7b-hf"] == vram.models["llama-2-7b"]


def test_every_model_says_where_its_config_comes_from() -> None:
    entries = vram.models.entries().values()
    assert all(re.search(r"config.json of \S+/\S+ on the Hugging Face Hub|paper", entry["source"]) for entry in entries)
    known = {"litgpt", "llm-analysis", "MaxText", "published count"}
    assert all(set(entry.get("compared", known)) <= known and entry.get("compared", known) for entry in entries)


@pytest.mark.parametrize("name", ["qwen2-5-7b", "qwen257b", "llama27b", "adam", ""])
def test_no_separator_is_dropped_and_no_part_is_enough(name: str) -> None:
    """qwen2.5-7b and qwen2-57b differ in a separator alone; one is never taken for the other."""
    with_another_separator = name == "qwen2-5-7b"
    assert (name in vram.models) == with_another_separator


def test_a_file_type_of_llama_cpp_is_not_a_number_format() -> None:
    """A file of type BF16 keeps norms in FP32; bf16 is every tensor in BF16."""
    arch = vram.models["smollm2-135m"]
    assert vram.stored_weights(arch, "bf16").nbytes == 2 * vram.weights(arch).numel
    assert vram.stored_weights(arch, "BF16").nbytes > vram.stored_weights(arch, "bf16").nbytes
    assert "bf16" not in schemes


def test_two_entries_of_one_spelling_answer_to_neither() -> None:
    registry = vram.ledger.Registry("thing", {"a-b": 1, "a_b": 2, "c": 3})
    assert (registry["a-b"], registry["a_b"], registry["C"]) == (1, 2, 3)
    with pytest.raises(vram.VramError, match="thing"):
        registry["A.B"]


def test_a_model_type_is_found_only_as_it_is_written() -> None:
    assert "llama" in families and "LLaMA" not in families


def test_every_name_of_the_fixtures_is_known() -> None:
    assert all(case["optimizer"] in vram.optimizers for case in cases("optimizer_state"))
    assert all(case["dtype"] in vram.dtypes for case in cases("kv") + cases("activations") + cases("loss"))
    assert all(case["type"] in vram.dtypes for case in cases("quant") if "type" in case)
    assert all(case["family"] in schemes for case in cases("quant") if not case["family"].startswith("gguf"))
    assert all(case["model"] in vram.models for case in cases("lora"))


WORDS = {
    "attention": {
        "flash": ("flash_attn", "flash-attn", "flash_attention", "flash_attention_2", "flash_attention_3",
                  "Flash Attention 2", "FA2"),
        "sdpa": ("SDPA", "scaled_dot_product_attention"), "eager": ("Eager",),
    },
    "backend": {"cuda": ("CUDA", "cuda:0", "cuda:7", "gpu"), "cpu": ("CPU", "cpu:0")},
    "activation": {"silu": ("SiLU", "swish"), "gelu_new": ("gelu_fast", "gelu-new"), "relu2": ("relu_squared",)},
    "checkpointing": {"full": ("Full", True), "none": ("None", False)},
    "loss": {"fused": ("Fused", "liger")},
}  # fmt: skip


@pytest.mark.parametrize("field", WORDS)
def test_words_of_a_setting(field: str) -> None:
    for word, others in WORDS[field].items():
        own = setting(**{field: word})
        assert all(setting(**{field: other}) == own for other in others), word
    for wrong in ("", "cuda:", "cuda:x", "flash_attn_9", 3, ["sdpa"]):
        with pytest.raises(vram.VramError, match=field):
            setting(**{field: wrong})
