"""Numbers in the sentences of lesson 08 and its deck, computed."""

from fractions import Fraction

import vram


def states(*kinds: str, **how: object) -> int:
    parts = vram.model_states(vram.models["llama-3-8b"], **how).phases["optimizer step"].by("kind")
    return sum(parts[kind].nbytes for kind in kinds)


def packed(*kinds: str) -> int:
    parts = vram.quantize(vram.weights(vram.models["llama-3-8b"]), "nf4").by("kind")
    return sum(parts[kind].nbytes for kind in kinds)


def nf4_over_half_a_byte() -> Fraction:
    ledger = vram.weights(vram.models["llama-3-8b"])
    return vram.quantize(ledger, "nf4").nbytes / Fraction(ledger.numel, 2) - 1


def adapters_in_gpt2_mediums() -> float:
    adapters = vram.lora(vram.models["llama-3-8b"], rank=256)
    return round(adapters.numel / vram.weights(vram.models["gpt2-medium"]).numel, 1)


def growth(**how: object) -> int:
    """GiB that the peak gains from 512 to 8,192 tokens."""
    short, long = (vram.training(vram.models["llama-3-8b"], seq_len=n, **how).peak for n in (512, 8192))
    return round((long - short) / 2**30)


def long_activations() -> int:
    step = vram.training(vram.models["llama-3-8b"], seq_len=8192, lora=16)
    return step.at_peak().by("kind")["activations"].nbytes


def share_of_full(model: str, seq_len: int) -> str:
    """What a step takes with LoRA, as a share of the full fine-tune."""
    full, lora = (vram.training(vram.models[model], seq_len=seq_len, **how).peak for how in ({}, {"lora": 16}))
    return vram.percent(lora, full, digits=0)


def as_if_values_were_wide() -> int:
    """Query and value adapters of rank 8 as if there were a key/value head for each query head."""
    arch = vram.models["llama-3-8b"]
    wide = arch.replace(num_key_value_heads=arch.num_attention_heads)
    return vram.lora(wide, rank=8, targets=["q_proj", "v_proj"]).numel


def times_the_adapters(larger: str, smaller: str) -> int:
    return round(vram.lora(vram.models[larger], rank=16).numel / vram.lora(vram.models[smaller], rank=16).numel)


def tiny_share(seq_len: int) -> float:
    """The peak with LoRA of rank 64 as a share of the full fine-tune, TinyLlama in pure BF16."""
    tiny = vram.models["tinyllama-1.1b"]
    full, lora = (vram.training(tiny, recipe="bf16", seq_len=seq_len, lora=rank).peak for rank in (None, 64))
    return lora / full


def qwq_states() -> int:
    return vram.model_states(vram.models["qwen2.5-32b"], lora=16, base="nf4").peak


def adapter_states(rank: int) -> int:
    llama = vram.models["llama-3-8b"]
    return vram.model_states(llama, lora=rank).peak - vram.weights(llama).nbytes


CLAIMS = [
    ("Llama 3.2", lambda: vram.models.title("llama-3.2-1b").rsplit(" ", 1)[0]),
    ("4.2 million", lambda: f"{as_if_values_were_wide() / 10**6:.1f} million"),
    ("64 % of the full fine-tune here, and 85 % at 32,768 tokens", lambda: (
        f"{share_of_full('llama-3.2-1b', 8192)} of the full fine-tune here, and "
        f"{share_of_full('llama-3.2-1b', 32_768)} at 32,768 tokens")),
    ("It is fifteen times", lambda: {15: "It is fifteen times"}[times_the_adapters("llama-3.1-405b", "llama-3-8b")]),
    ("A third of the memory at 512 tokens, more than three quarters at 8,192", lambda: {
        (1 / 3, True): "A third of the memory at 512 tokens, more than three quarters at 8,192"}[
            (round(3 * tiny_share(512)) / 3, tiny_share(8192) > 3 / 4)]),
    ("the states alone would be 2.8 TB", lambda: (
        f"the states alone would be {vram.model_states(vram.models['gpt3-175b']).peak / 10**12:.1f} TB")),
    ("4 GiB are left", lambda: f"{round((vram.gpus['RTX 4090'].usable_bytes - qwq_states()) / 2**30)} GiB are left"),
    ("count: 10 GiB", lambda: f"count: {adapter_states(256) / 2**30:.0f} GiB"),
    ("350 GB are the bare weights", lambda: (
        f"{round(vram.weights(vram.models['gpt3-175b']).nbytes / 10**9, -1):.0f} GB are the bare weights")),
    ("about 105 GiB", lambda: f"about {vram.gib(states('gradients', 'optimizer states'), 0)}"),
    ("half a GiB", lambda: {5: "half a GiB"}[states("gradients", "optimizer states", lora=16) * 10 // 2**30]),
    ("4.127 bits", lambda: f"{4 + 8 / 64 + 32 / (64 * 256):.3f} bits"),
    ("3.35 GiB", lambda: vram.gib(packed("attention", "mlp"))),
    ("1.96 GiB", lambda: vram.gib(packed("embedding", "lm_head"))),
    ("LoRA and QLoRA have grown by 53 GiB each", lambda: {
        (53, 53): "LoRA and QLoRA have grown by 53 GiB each"}[growth(lora=16), growth(lora=16, base="nf4")]),
    ("the full fine-tune by 46", lambda: f"the full fine-tune by {growth()}"),
    ("activations, 45 GiB", lambda: f"activations, {vram.gib(long_activations(), 0)}"),
    ("128,256", lambda: f"{vram.models['llama-3-8b'].vocab_size:,}"),
    ("42 %", lambda: vram.percent(nf4_over_half_a_byte(), digits=0)),
    ("671 million", lambda: f"{vram.lora(vram.models['llama-3-8b'], rank=256).numel / 10**6:.0f} million"),
    ("nearly twice GPT-2 Medium", lambda: {1.9: "nearly twice GPT-2 Medium"}[adapters_in_gpt2_mediums()]),
]  # fmt: skip

#: A figure of the LoRA paper that no recipe gives.
QUOTED = {"1.2"}
