"""What does a prompt need beside weights and cache? Real models read one; every storage is counted while it lives.

    python tests/oracle/prefill.py > tests/fixtures/prefill.json
"""

from __future__ import annotations

import json

import torch
import transformers
from alive import Alive
from transformers import AutoConfig, AutoModelForCausalLM

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


def main() -> None:
    """Print every case as JSON."""
    cases = [
        {"config": config, "dtype": dtype, "attention": attention, "tokens": TOKENS,
         "nbytes": measured(config, dtype, attention)}
        for config in CONFIGS for dtype in ("bfloat16", "float32") for attention in ("sdpa", "eager")
    ]  # fmt: skip
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    print(json.dumps({"versions": versions, "cases": cases}, indent=1))


if __name__ == "__main__":
    main()
