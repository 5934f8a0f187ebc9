"""What do a prompt and one more token need beside the weights? Real models read them; every storage is counted.

The cache is transformers' own, which grows by copying. `--write FILE` puts what was measured into a file of the form of
tests/fixtures/prefill.json: the configurations, and rows of numbers of a configuration, format, attention, batch,
tokens read, tokens read before, bytes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import torch
import transformers
from alive import Alive
from comparison import Result, Scope, run
from running import evenly
from transformers import AutoConfig, AutoModelForCausalLM

import vram
from vram.memory.activations.described import EAGER_ONLY

#: How near both are.
NEAR = 0.002
#: Bytes that are no difference: a few vectors of one token in models as small as these.
FEW = 4096

_SIZES = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 8, "vocab_size": 1000, "pad_token_id": 0}
_LLAMA = {**_SIZES, "intermediate_size": 688, "num_key_value_heads": 4}
_HEADS = {**_LLAMA, "head_dim": 32}
_WINDOWS = {**_HEADS, "sliding_window": 128}
_GPT2 = {"n_embd": 256, "n_layer": 4, "n_head": 8, "vocab_size": 1000, "n_positions": 1024}
_EXPERTS = {"num_experts_per_tok": 2, "moe_intermediate_size": 128}
_FALCON = {"model_type": "falcon", "hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 8,
           "vocab_size": 1000}  # fmt: skip
_LATENT = {**_SIZES, "num_key_value_heads": 8, "intermediate_size": 688, "q_lora_rank": 64, "kv_lora_rank": 32,
           "qk_rope_head_dim": 16, "qk_nope_head_dim": 32, "v_head_dim": 32}  # fmt: skip
_FOUR = {"num_local_experts": 4, "num_experts_per_tok": 2}
_SHARED = {"n_routed_experts": 4, "n_group": 1, "topk_group": 1, "n_shared_experts": 1, "first_k_dense_replace": 1}
_DEEPSEEK = {**_LATENT, **_EXPERTS, **_SHARED, "num_hidden_layers": 3}
CONFIGS: tuple[dict[str, Any], ...] = (
    *({"model_type": family, **_LLAMA} for family in ("llama", "phi3", "olmo2", "starcoder2", "qwen2", "cohere")),
    *({"model_type": family, **_HEADS} for family in ("qwen3", "gemma")),
    *({"model_type": family, **_WINDOWS} for family in ("mistral", "gemma2", "gemma3_text", "cohere2")),
    *({"model_type": family, **_SIZES, "intermediate_size": 688} for family in ("gpt_neox", "phi")),
    {"model_type": "opt", **_SIZES, "ffn_dim": 1024, "word_embed_proj_dim": 256, "max_position_embeddings": 1024},
    *({"model_type": family, **_GPT2} for family in ("gpt2", "gpt_bigcode")),
    {"model_type": "bloom", "hidden_size": 256, "n_layer": 4, "n_head": 8, "vocab_size": 1000},
    {**_FALCON, "multi_query": True, "parallel_attn": True, "bias": False, "alibi": False},
    {**_FALCON, "new_decoder_architecture": True, "num_kv_heads": 2, "bias": False, "alibi": False},
    {**_FALCON, "multi_query": False, "parallel_attn": False, "bias": True, "alibi": True},
    {"model_type": "mixtral", **_LLAMA, **_FOUR, "sliding_window": None},
    {"model_type": "qwen3_moe", **_HEADS, **_EXPERTS, "num_experts": 4},
    {"model_type": "gpt_oss", **_WINDOWS, **_FOUR},
    *({"model_type": family, **_DEEPSEEK} for family in ("deepseek_v2", "deepseek_v3", "glm4_moe_lite")),
    *({"model_type": family, **_LATENT} for family in ("minicpm3", "youtu")),
    *({"model_type": family, **_HEADS} for family in (
        "arcee", "ernie4_5", "glm", "glm4", "granite", "hunyuan_v1_dense", "internlm3", "jais2", "nemotron", "olmo",
        "persimmon", "seed_oss", "smollm3", "stablelm",
    )),
    *({"model_type": family, **_WINDOWS} for family in ("exaone4", "ministral", "ministral3", "olmo3", "vaultgemma")),
    *({"model_type": family, **_GPT2, "rotary_dim": 16} for family in ("gptj", "codegen")),
    {"model_type": "gpt_neo", "hidden_size": 256, "num_layers": 4, "num_heads": 8, "vocab_size": 1000,
     "max_position_embeddings": 1024, "attention_types": [[["global"], 4]]},
    {"model_type": "mpt", "d_model": 256, "n_heads": 8, "n_layers": 4, "vocab_size": 1000, "max_seq_len": 1024},
    {"model_type": "dbrx", "d_model": 256, "n_heads": 8, "n_layers": 4, "vocab_size": 1000,
     "attn_config": {"kv_n_heads": 4, "rope_theta": 10_000.0, "clip_qkv": 8.0},
     "ffn_config": {"ffn_hidden_size": 1024, "moe_num_experts": 4, "moe_top_k": 2}},
    *({"model_type": family, **_LLAMA, **_FOUR} for family in ("granitemoe", "granitemoeshared", "phimoe")),
    *({"model_type": family, **_LLAMA, **_EXPERTS, "num_experts": 4} for family in (
        "flex_olmo", "olmoe", "qwen2_moe",
    )),
    {"model_type": "ernie4_5_moe", **_LLAMA, "moe_intermediate_size": 128, "moe_num_experts": 4, "moe_k": 2,
     "moe_num_shared_experts": 1, "moe_layer_start_index": 1},
    *({"model_type": "llama4_text", **_HEADS, **_FOUR, "intermediate_size": 128, "intermediate_size_mlp": 688,
       "num_experts_per_tok": 1, "attention_chunk_size": chunk} for chunk in (8192, 128)),
    {"model_type": "minimax_m2", **_HEADS, **_FOUR, "intermediate_size": 128},
    *({"model_type": family, **_HEADS, **_EXPERTS, **_SHARED} for family in ("dots1", "glm4_moe", "solar_open")),
    {"model_type": "exaone_moe", **_WINDOWS, **_EXPERTS, **_SHARED, "num_experts": 4, "num_shared_experts": 1},
    {"model_type": "mellum", **_WINDOWS, **_EXPERTS, "num_experts": 4},
)  # fmt: skip
#: (batch, tokens read, tokens read before): a prompt, several, one more token for one and for several.
LENGTHS = ((1, 512, 0), (2, 200, 0), (1, 1, 300), (2, 1, 100))
#: Further ways to run a family: short prompts of Falcon, whose largest moments are the MLP and the end of the fallback.
MORE = {"falcon": (("bfloat16", "eager", 3, 72, 0), ("bfloat16", "sdpa", 1, 66, 0))}


class Setting(NamedTuple):
    """How a model is run."""

    config: dict[str, Any]
    dtype: str
    attention: str
    batch: int
    tokens: int
    past: int


def measured(setting: Setting) -> int:
    """The most bytes that live at once while the model reads the tokens, the cache among them."""
    config, dtype, attention, batch, tokens, past = setting
    real = AutoConfig.for_model(**config)
    model = AutoModelForCausalLM.from_config(real, attn_implementation=attention).to(getattr(torch, dtype))
    evenly(model).eval()
    with torch.no_grad(), Alive() as alive:
        cache = None
        for earlier in (past - 1, 1) if past else ():  # the second token after a prompt is like all others
            ids = torch.zeros((batch, earlier), dtype=torch.long)
            cache = model(ids, use_cache=True, past_key_values=cache, logits_to_keep=1).past_key_values
            del ids
        alive.reset()
        ids = torch.zeros((batch, tokens), dtype=torch.long)
        given = ids.nbytes
        model(ids, use_cache=True, past_key_values=cache, logits_to_keep=1)
        return alive.peak - given


def counted(setting: Setting) -> int:
    """The same as the library counts it."""
    config, dtype, attention, batch, tokens, past = setting
    step = vram.inference(
        vram.Architecture.from_config(config), batch=batch, seq_len=tokens + past, weights=dtype, kv=dtype,
        attention=attention, backend="cpu",
    )  # fmt: skip
    return step.nbytes("decode" if past else "prefill") - step.nbytes("load")


def settings() -> Iterator[Setting]:
    """Every model with both kinds of attention: eager code has most copies in 16 bits, the kernels in 32."""
    for config in CONFIGS:
        for dtype, attention in (("float32", "sdpa"), ("bfloat16", "eager")):
            if attention == "eager" or config["model_type"] not in EAGER_ONLY:
                for batch, tokens, past in LENGTHS:
                    yield Setting(config, dtype, attention, batch, tokens, past)
    for config in CONFIGS:
        for more in MORE.get(config["model_type"], ()) if config.get("multi_query") else ():
            yield Setting(config, *more)


def random_settings(scope: Scope) -> Iterator[Setting]:
    """Other sizes: layers, heads, groups of heads, windows, lengths."""
    for config in CONFIGS:
        random = Random(f"{scope.seed} {config}")
        for _ in range(scope.count(2, 8)):
            one = dict(config)
            for key in ("num_hidden_layers", "n_layer"):
                if key in one:
                    one[key] = random.randint(2, 5)
            if "num_key_value_heads" in one and "kv_lora_rank" not in one:
                one["num_key_value_heads"] = random.choice((1, 2, 4, 8))
            for key in ("sliding_window", "attention_chunk_size"):
                if one.get(key):
                    one[key] = random.choice((16, 64, 4096))
            attention = "eager" if one["model_type"] in EAGER_ONLY else random.choice(("eager", "sdpa"))
            tokens, past = random.choice(((random.randint(2, 600), 0), (1, random.randint(2, 600))))
            dtype = random.choice(("bfloat16", "float32"))
            yield Setting(one, dtype, attention, random.randint(1, 3), tokens, past)


def cases(scope: Scope) -> Iterator[Result]:
    """What reading adds to the weights: cache and temporaries."""
    for setting in (*(settings() if scope.everything else ()), *random_settings(scope)):
        if scope.only and setting.config["model_type"] not in scope.only:
            continue
        real, ours = measured(setting), counted(setting)
        far = abs(ours - real) > max(FEW, real * NEAR)
        told = f"vram {ours:,}, measured {real:,} ({ours / real - 1:+.2%})" if far else ""
        yield Result(f"{setting}", told)


def write(path: Path) -> None:
    """Every case as JSON, one in a line."""
    rows = [[CONFIGS.index(setting.config), *setting[1:], measured(setting)] for setting in settings()]
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    lines = [",\n".join(map(json.dumps, some)) for some in (CONFIGS, rows)]
    path.write_text(
        f'{{"versions": {json.dumps(versions)},\n"configs": [\n{lines[0]}\n],\n"cases": [\n{lines[1]}\n]}}\n',
        encoding="utf-8",
    )


if __name__ == "__main__":
    write(Path(sys.argv[2])) if "--write" in sys.argv else run(__doc__, "prompts and tokens", cases)
