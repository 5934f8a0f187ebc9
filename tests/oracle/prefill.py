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
from transformers import AutoConfig, AutoModelForCausalLM

import vram

#: Falcon copies keys and values of several sequences in an order of its own.
TOLERANCE = {"falcon": 0.02}
EXACT = 0.002

_SIZES = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 8, "vocab_size": 1000, "pad_token_id": 0}
_LLAMA = {**_SIZES, "intermediate_size": 688, "num_key_value_heads": 4}
_HEADS = {**_LLAMA, "head_dim": 32}
_WINDOWS = {**_HEADS, "sliding_window": 128}
_GPT2 = {"n_embd": 256, "n_layer": 4, "n_head": 8, "vocab_size": 1000, "n_positions": 1024}
_EXPERTS = {"num_experts_per_tok": 2, "moe_intermediate_size": 128}
_FALCON = {"model_type": "falcon", "hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 8,
           "vocab_size": 1000}  # fmt: skip
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
    {"model_type": "mixtral", **_LLAMA, "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": None},
    {"model_type": "qwen3_moe", **_HEADS, **_EXPERTS, "num_experts": 4},
    {"model_type": "gpt_oss", **_WINDOWS, "num_local_experts": 4, "num_experts_per_tok": 2},
    {"model_type": "deepseek_v3", **_SIZES, **_EXPERTS, "num_hidden_layers": 3, "num_key_value_heads": 8,
     "intermediate_size": 688, "n_routed_experts": 4, "n_group": 1, "topk_group": 1, "q_lora_rank": 64,
     "kv_lora_rank": 32, "qk_rope_head_dim": 16, "qk_nope_head_dim": 32, "v_head_dim": 32, "n_shared_experts": 1,
     "first_k_dense_replace": 1},
)  # fmt: skip
#: (batch, tokens read, tokens read before): a prompt, several, one more token for one and for several.
LENGTHS = ((1, 512, 0), (2, 200, 0), (1, 1, 300), (2, 1, 100))
#: Families that transformers runs with eager attention alone.
_EAGER = ("bloom", "gemma2", "gpt_oss")


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
    model = AutoModelForCausalLM.from_config(real, attn_implementation=attention).to(getattr(torch, dtype)).eval()
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
            if attention == "eager" or config["model_type"] not in _EAGER:
                for batch, tokens, past in LENGTHS:
                    yield Setting(config, dtype, attention, batch, tokens, past)


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
            if one.get("sliding_window"):
                one["sliding_window"] = random.choice((16, 64, 4096))
            attention = "eager" if one["model_type"] in _EAGER else random.choice(("eager", "sdpa"))
            tokens, past = random.choice(((random.randint(2, 600), 0), (1, random.randint(2, 600))))
            dtype = random.choice(("bfloat16", "float32"))
            yield Setting(one, dtype, attention, random.randint(1, 3), tokens, past)


def cases(scope: Scope) -> Iterator[Result]:
    """What reading adds to the weights: cache and temporaries."""
    for setting in (*(settings() if scope.everything else ()), *random_settings(scope)):
        if scope.only and setting.config["model_type"] not in scope.only:
            continue
        real, ours = measured(setting), counted(setting)
        far = abs(ours / real - 1) > TOLERANCE.get(setting.config["model_type"], EXACT)
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
