"""Is the KV cache what transformers fills? The rows of the fixture live, and families that it leaves out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import torch
from comparison import Result, Scope, equal, run
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, DynamicCache, EncoderDecoderCache

from vram import Architecture, kv_cache

FIXTURE = Path(__file__).parent.parent / "fixtures" / "kv.json"
SETTINGS = ((1, 8), (1, 15), (1, 16), (1, 17), (2, 32), (1, 64))

_TINY = {
    "hidden_size": 64, "num_hidden_layers": 6, "num_attention_heads": 4, "vocab_size": 128, "intermediate_size": 96,
}  # fmt: skip
_LATENT = {
    **_TINY, "kv_lora_rank": 32, "q_lora_rank": 24, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 12,
    "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "n_group": 1, "topk_group": 1,
    "first_k_dense_replace": 1,
}  # fmt: skip

#: Tiny models of families, and of options of families, that the fixture has no row for.
MORE = {
    "falcon-40b": {**_TINY, "model_type": "falcon", "new_decoder_architecture": True, "num_kv_heads": 2},
    "falcon-rw": {**_TINY, "model_type": "falcon", "multi_query": False, "alibi": True, "parallel_attn": False},
    "gemma3": {**_TINY, "model_type": "gemma3_text", "num_key_value_heads": 2, "head_dim": 16, "sliding_window": 16},
    "gemma2": {**_TINY, "model_type": "gemma2", "num_key_value_heads": 2, "head_dim": 16, "sliding_window": 16},
    "gpt-neo": {"model_type": "gpt_neo", "hidden_size": 64, "num_layers": 2, "num_heads": 4, "vocab_size": 128,
                "attention_types": [[["global", "local"], 1]], "window_size": 16, "max_position_embeddings": 128},
    "gpt-neox": {**_TINY, "model_type": "gpt_neox"},
    "mpt": {"model_type": "mpt", "d_model": 64, "n_heads": 4, "n_layers": 2, "vocab_size": 128},
    "phi": {**_TINY, "model_type": "phi"},
    "phi3": {**_TINY, "model_type": "phi3", "sliding_window": 16, "pad_token_id": 0},
    "qwen2": {**_TINY, "model_type": "qwen2", "num_key_value_heads": 2, "sliding_window": 16},
    "qwen2-window": {**_TINY, "model_type": "qwen2", "num_key_value_heads": 2, "sliding_window": 16,
                     "use_sliding_window": True, "max_window_layers": 2},
    "qwen3": {**_TINY, "model_type": "qwen3", "num_key_value_heads": 2, "head_dim": 24},
    "mixtral-window": {**_TINY, "model_type": "mixtral", "num_key_value_heads": 2, "sliding_window": 16,
                       "num_local_experts": 2},
    "gpt-oss": {**_TINY, "model_type": "gpt_oss", "num_key_value_heads": 2, "head_dim": 16, "sliding_window": 16,
                "num_local_experts": 2, "num_experts_per_tok": 1},
    "cohere": {**_TINY, "model_type": "cohere", "num_key_value_heads": 2, "pad_token_id": 0},
    "cohere2": {**_TINY, "model_type": "cohere2", "num_key_value_heads": 2, "sliding_window": 16, "pad_token_id": 0},
    "llama4-chunks": {**_TINY, "model_type": "llama4_text", "num_key_value_heads": 2, "head_dim": 16,
                      "attention_chunk_size": 16, "num_local_experts": 2, "pad_token_id": 0},
    "olmo2": {**_TINY, "model_type": "olmo2", "num_key_value_heads": 2, "pad_token_id": 0},
    "deepseek-v2": {**_LATENT, "model_type": "deepseek_v2"},
    "deepseek-v3": {**_LATENT, "model_type": "deepseek_v3"},
    "t5": {"model_type": "t5", "d_model": 64, "d_kv": 24, "num_layers": 3, "num_decoder_layers": 2, "num_heads": 4,
           "vocab_size": 128, "d_ff": 96},
}  # fmt: skip


def measured(config: dict, dtype: str, batch: int, seq_len: int) -> int:
    """Bytes of the cache that a real model has filled."""
    settings = {key: value for key, value in config.items() if key not in ("model_type", "architectures")}
    real = AutoConfig.for_model(config["model_type"], **settings)
    if real.is_encoder_decoder:
        return _of_both(AutoModelForSeq2SeqLM.from_config(real, dtype=getattr(torch, dtype)).eval(), batch, seq_len)
    model = AutoModelForCausalLM.from_config(real, dtype=getattr(torch, dtype)).eval()
    cache = DynamicCache(config=model.config)
    with torch.no_grad():
        model(torch.zeros(batch, seq_len, dtype=torch.long), past_key_values=cache, use_cache=True)
    return _nbytes(cache)


def _of_both(model: torch.nn.Module, batch: int, seq_len: int) -> int:
    """The same of a model whose decoder caches itself and the encoder, as many tokens of both."""
    cache = EncoderDecoderCache(DynamicCache(config=model.config), DynamicCache(config=model.config))
    tokens = torch.zeros(batch, seq_len, dtype=torch.long)
    with torch.no_grad():
        model(tokens, decoder_input_ids=tokens, past_key_values=cache, use_cache=True)
    return _nbytes(cache.self_attention_cache) + _nbytes(cache.cross_attention_cache)


def _nbytes(cache: DynamicCache) -> int:
    filled = [layer for layer in cache.layers if layer.is_initialized]  # one for each layer of an encoder is there, too
    return sum(t.numel() * t.element_size() for layer in filled for t in (layer.keys, layer.values))


def models() -> Iterator[tuple[str, dict, str]]:
    """Name, config and number format."""
    for row in json.loads(FIXTURE.read_text(encoding="utf-8"))["cases"]:
        yield row["id"], row["config"], row["dtype"]
    for name, config in MORE.items():
        yield name, config, "bfloat16"


def cases(scope: Scope) -> Iterator[Result]:
    """Every model with short and long sequences, around the windows."""
    for name, config, dtype in models():
        arch = Architecture.from_config(config)
        for batch, seq_len in SETTINGS:
            ours = kv_cache(arch, batch=batch, seq_len=seq_len, dtype=dtype).nbytes
            yield equal(f"{name}, batch {batch}, {seq_len} tokens", ours, measured(config, dtype, batch, seq_len))


if __name__ == "__main__":
    run(__doc__, "KV caches", cases)
