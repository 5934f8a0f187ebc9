"""Numbers in the sentences of lesson 06, computed."""

import vram


def activations_over_states() -> float:
    """GPT-3 with 64 sequences of 2,048 tokens, everything kept, beside its states in mixed precision."""
    arch = vram.models["gpt3-175b"]
    kept = vram.activations(arch, batch=64, implementation="megatron").select(lambda row: bool(row.axes))
    return kept.nbytes / vram.model_states(arch).peak


CLAIMS = [
    ("six times the states", lambda: {6: "six times the states"}[round(activations_over_states())]),
    ("weights and gradients in BF16 are more than it has", lambda: {
        True: "weights and gradients in BF16 are more than it has"}[
            2 * vram.weights(vram.models["llama-2-7b"]).nbytes > vram.gpus["RTX 4090"].usable_bytes]),
    ("1/128", lambda: f"1/{2 ** vram.dtypes['bf16'].mantissa}"),
]  # fmt: skip

#: A figure of a source, which a cell of the lesson checks.
QUOTED = {"1.5", "58", "6,480", "8,100", "300 GB", "519 GB"}
