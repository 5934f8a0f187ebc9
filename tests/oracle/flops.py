"""Are the FLOPs those that torch counts? The fixture and a small model of each family, forward and backward.

Models run under torch's FlopCounterMode.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import torch
from comparison import Result, Scope, equal, run
from real import build
from torch.utils.flop_counter import FlopCounterMode

from vram import Architecture, compute

FIXTURE = Path(__file__).parent.parent / "fixtures" / "flops.json"

_TINY = {
    "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "vocab_size": 128, "intermediate_size": 96,
}  # fmt: skip
_GROUPED = {**_TINY, "num_key_value_heads": 2}
_LATENT = {
    **_TINY, "num_key_value_heads": 4, "kv_lora_rank": 32, "q_lora_rank": 24, "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 8, "v_head_dim": 12, "first_k_dense_replace": 3, "n_group": 1, "topk_group": 1,
}  # fmt: skip
FAMILIES = {
    "llama": _GROUPED, "mistral": {**_GROUPED, "sliding_window": None}, "qwen2": _GROUPED,
    "qwen3": {**_GROUPED, "head_dim": 24}, "gemma2": {**_GROUPED, "head_dim": 16}, "phi": _TINY,
    "phi3": _GROUPED, "gpt_neox": _TINY, "opt": {**_TINY, "ffn_dim": 96, "word_embed_proj_dim": 64},
    "bloom": {"hidden_size": 64, "n_layer": 3, "n_head": 4, "vocab_size": 128}, "starcoder2": _GROUPED,
    "falcon": {**_TINY, "new_decoder_architecture": True, "num_kv_heads": 2}, "olmo2": _GROUPED, "cohere": _GROUPED,
    "gptj": {"n_embd": 64, "n_layer": 3, "n_head": 4, "vocab_size": 128, "rotary_dim": 8},
    "gpt_bigcode": {"n_embd": 64, "n_layer": 3, "n_head": 4, "vocab_size": 128}, "deepseek_v3": _LATENT,
}  # fmt: skip

#: Families that choose their code when they are built, or make more of a mask than a mask.
WITHOUT = {"eager": ("falcon",), "sdpa": ("gptj", "bloom", "gemma2", "opt")}


def measured(config: dict, attention: str, batch: int, seq_len: int) -> tuple[int, int]:
    """FLOPs of forward, and of forward and backward, of the real class.

    Eager code of small models runs on the CPU. Everything else runs on the meta device, which has no values to make a
    mask of: it is given one.
    """
    model = build(config)
    model.set_attn_implementation(attention)
    small = attention == "eager" and model.num_parameters() < 10**6
    device = "cpu" if small else "meta"
    if small:
        model.to_empty(device="cpu")
    tokens = torch.zeros(batch, seq_len, dtype=torch.long, device=device)
    given = {} if small else {"attention_mask": torch.zeros(batch, 1, seq_len, seq_len, device="meta")}
    totals = []
    for backward in (False, True):
        counter = FlopCounterMode(display=False)
        with counter:
            logits = model(tokens, use_cache=False, **given).logits
            if backward:
                logits.sum().backward()
        totals.append(counter.get_total_flops())
    return totals[0], totals[1]


def models() -> Iterator[tuple[str, dict, str, int, int]]:
    """Name, config, attention, batch and tokens."""
    for row in json.loads(FIXTURE.read_text(encoding="utf-8"))["cases"]:
        if row["kind"] == "gpt2":
            config = {"n_embd": row["h"], "n_layer": 1, "n_head": row["a"], "n_inner": row["ff"]}
            config["n_positions"] = row["s"]
        else:
            config = {"hidden_size": row["h"], "num_hidden_layers": 1, "num_attention_heads": row["a"],
                      "num_key_value_heads": row["kv"], "intermediate_size": row["ff"]}  # fmt: skip
        yield row["id"], {"model_type": row["kind"], "vocab_size": row["V"], **config}, row["attn"], row["b"], row["s"]
    for model_type, config in FAMILIES.items():
        for attention in ("eager", "sdpa"):
            if model_type not in WITHOUT[attention]:
                yield f"{model_type}, {attention}", {"model_type": model_type, **config}, attention, 2, 24


def cases(scope: Scope) -> Iterator[Result]:
    """Forward, and forward with backward."""
    for name, config, attention, batch, seq_len in models():
        ours = compute(Architecture.from_config(config), batch=batch, seq_len=seq_len)
        real = measured(config, attention, batch, seq_len)
        for what, mine, theirs in zip(("forward", "both"), (ours.forward, ours.model), real, strict=True):
            yield equal(f"{name}, {what}", mine, theirs)


if __name__ == "__main__":
    run(__doc__, "FLOPs", cases)
