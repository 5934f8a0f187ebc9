"""What is no ledger, no model and no number gets the library's own error from every question, never another one."""

import pytest

import vram

LINE = "Tried to allocate 3.00 GiB"
ARCH = vram.models["gpt2"]
STATES = vram.training(ARCH, seq_len=8)

QUESTIONS = {
    "optimizer_states": lambda x: vram.optimizer_states(x),
    "gradients": lambda x: vram.gradients(x),
    "quantize": lambda x: vram.quantize(x),
    "prepare_for_kbit_training": lambda x: vram.prepare_for_kbit_training(x),
    "stored_weights": lambda x: vram.stored_weights(x),
    "kv_cache": lambda x: vram.kv_cache(x),
    "compute": lambda x: vram.compute(x),
    "explain_oom": lambda x: vram.explain_oom(LINE, x),
    "decode_time": lambda x: vram.decode_time(x, gpu="A10"),
    "prefill_time": lambda x: vram.prefill_time(x, gpu="A10"),
    "max_batch": lambda x: vram.max_batch(x, gpu="A10"),
    "max_context": lambda x: vram.max_context(x, gpu="A10"),
    "max_rank": lambda x: vram.max_rank(x, gpu="A10"),
    "shard": lambda x: vram.shard(x),
    "fewest_gpus": lambda x: vram.fewest_gpus(x, gpu="A10"),
    "single_changes": lambda x: vram.single_changes(x, gpu="A10"),
    "a format": lambda x: vram.stored_weights(ARCH, x),
    "an optimizer": lambda x: vram.optimizer_states(vram.weights(ARCH), x),
    "a scheme": lambda x: vram.quantize(vram.weights(ARCH), x),
    "an engine": lambda x: vram.kv_cache(ARCH, engine=x),
    "a card": lambda x: vram.smallest_gpu(x).usable_mib and vram.training_time(10**20, gpu=x),
    "a share": lambda x: vram.training_time(10**20, gpu="A10", mfu=x),
    "seconds": lambda x: vram.mfu(10**20, gpu="A10", seconds=x),
    "tokens": lambda x: vram.training_flops(10**9, x),
    "windows": lambda x: vram.kv_cache(ARCH, windows=x),
    "tp": lambda x: vram.shard(STATES, tp=x),
    "a rank": lambda x: vram.shard(STATES, rank=x or "none"),
    "a model of a plan": lambda x: vram.shard(STATES, arch=x or "none"),
    "a keep": lambda x: vram.quantize(vram.weights(ARCH), keep=x or [x]),
}

WRONG = {
    "nothing": None, "a word": "llama", "a number": -3, "a list": [1.5], "an object": object(), "NaN": float("nan"),
}  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_argument_is_our_own_error(question: str, wrong: str) -> None:
    with pytest.raises(vram.VramError):
        QUESTIONS[question](WRONG[wrong])
