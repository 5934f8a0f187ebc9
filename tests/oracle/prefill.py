"""What does a prompt need beside the weights? Real models read one; every storage is counted while it lives.

`--write` prints what was measured in the form of tests/fixtures/prefill.json.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import torch
import transformers
from alive import Alive
from comparison import Result, Scope, run
from transformers import AutoConfig, AutoModelForCausalLM

import vram

#: Eager code frees its scores a moment earlier or later than the library says.
TOLERANCE = 0.022

TOKENS = 512
_SIZES = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 8, "vocab_size": 1000, "pad_token_id": 0}
_LLAMA = {**_SIZES, "intermediate_size": 688, "num_key_value_heads": 4}
CONFIGS = (
    {"model_type": "llama", **_LLAMA},
    {"model_type": "mistral", **_LLAMA},
    {"model_type": "phi3", **_LLAMA},
    {"model_type": "olmo2", **_LLAMA},
    {"model_type": "starcoder2", **_LLAMA},
    {"model_type": "gpt_neox", **_SIZES, "intermediate_size": 688},
    {"model_type": "phi", **_SIZES, "intermediate_size": 688},
    {"model_type": "opt", **_SIZES, "ffn_dim": 1024, "word_embed_proj_dim": 256, "max_position_embeddings": 1024},
)


def measured(config: dict, dtype: str, attention: str) -> int:
    """The most bytes that live at once while the model reads the prompt, the cache among them."""
    real = AutoConfig.for_model(**config)
    model = AutoModelForCausalLM.from_config(real, attn_implementation=attention).to(getattr(torch, dtype)).eval()
    tokens = torch.zeros((1, TOKENS), dtype=torch.long)
    with torch.no_grad(), Alive() as alive:
        model(tokens, use_cache=True, logits_to_keep=1)
        return alive.peak


def settings() -> Iterator[dict[str, Any]]:
    """Every model in both formats and with both kinds of attention."""
    for config in CONFIGS:
        for dtype in ("bfloat16", "float32"):
            for attention in ("sdpa", "eager"):
                yield {"config": config, "dtype": dtype, "attention": attention}


def cases(scope: Scope) -> Iterator[Result]:
    """What reading a prompt adds to the weights: cache and temporaries."""
    for setting in settings():
        config, dtype, attention = setting.values()
        real = measured(**setting)
        step = vram.inference(
            vram.Architecture.from_config(config), seq_len=TOKENS, weights=dtype, kv=dtype, attention=attention,
            backend="cpu",
        )  # fmt: skip
        ours = step.nbytes("prefill") - step.nbytes("load")
        far = abs(ours / real - 1) > TOLERANCE
        told = f"vram {ours:,}, measured {real:,} ({ours / real - 1:+.2%})" if far else ""
        yield Result(f"{config['model_type']}, {dtype}, {attention}", told)


def write() -> None:
    """Print every case as JSON."""
    rows = [{**setting, "tokens": TOKENS, "nbytes": measured(**setting)} for setting in settings()]
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    print(json.dumps({"versions": versions, "cases": rows}, indent=1))


if __name__ == "__main__":
    write() if "--write" in sys.argv else run(__doc__, "prompts", cases)
