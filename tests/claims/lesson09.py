"""Numbers in the sentences of lesson 09, computed."""

from fractions import Fraction

import vram


def ratio(name: str, seq_len: int) -> Fraction:
    """The count over the rule 6ND."""
    arch = vram.models[name]
    rule = vram.training_flops(vram.weights(arch).numel, seq_len)
    return Fraction(vram.compute(arch, seq_len=seq_len).model, rule)


def recomputation() -> Fraction:
    full = vram.compute(vram.models["gpt3-175b"], checkpointing="full")
    return Fraction(full.hardware, full.model)


def tokens(batch: int) -> float:
    step = vram.decode_time(vram.models["llama-2-7b"], gpu="A100-80GB", batch=batch, seq_len=128)
    return step.tokens_per_second


def prompt_in_tokens() -> float:
    """How many tokens could be written while a prompt of 1,024 tokens is read."""
    arch, how = vram.models["llama-2-7b"], {"gpu": "A100-80GB", "seq_len": 1024}
    return vram.prefill_time(arch, **how).seconds / vram.decode_time(arch, **how).seconds


def h100_over_a100() -> Fraction:
    return Fraction(vram.gpus["H100-80GB"].dense_flops, vram.gpus["A100-80GB"].dense_flops)


def cache_share() -> Fraction:
    """The cache of a sequence of Llama 3 8B beside that of Llama 2 7B."""
    small, large = (vram.kv_cache(vram.models[name], seq_len=128).nbytes for name in ("llama-3-8b", "llama-2-7b"))
    return Fraction(small, large)


def uncounted() -> Fraction:
    """Softmax, norms and GELU (five or ten operations a number) beside the products of a layer."""
    arch, s = vram.models["gpt3-175b"], 2048
    h, a = arch.hidden_size, arch.num_attention_heads
    products = vram.compute(arch.replace(num_hidden_layers=1), seq_len=s).forward
    return Fraction(5 * a * s * s + 10 * s * (2 * h + 4 * h), products)


CLAIMS = [
    ("within 3 % of the rule", lambda: f"within {-int(-100 * abs(ratio('gpt3-175b', 2048) - 1) // 1)} % of the rule"),
    ("takes less than the rule says", lambda: {
        True: "takes less than the rule says"}[ratio("llama-3-8b", 512) < 1]),
    ("At 32,768 tokens it takes twice as much", lambda: {
        2.0: "At 32,768 tokens it takes twice as much"}[round(float(ratio("llama-3-8b", 32768)), 1)]),
    ("A third more", lambda: {1.33: "A third more"}[round(float(recomputation()), 2)]),
    ("312 TFLOP/s", lambda: f"{vram.gpus['A100-80GB'].dense_flops // 10**12} TFLOP/s"),
    ("45 %", lambda: vram.percent(Fraction(140 * 10**12, vram.gpus["A100-80GB"].dense_flops), digits=0)),
    ("On an A100, 153", lambda: f"On an A100, {vram.decode_time(vram.models['gpt2'], gpu='A100-80GB').ridge:.0f}"),
    ("one row of 4,096 numbers", lambda: f"one row of {vram.models['llama-2-7b'].hidden_size:,} numbers"),
    ("nearly 16 times", lambda: {15: "nearly 16 times"}[round(tokens(16) / tokens(1))]),
    ("less than writing seven tokens", lambda: {6: "less than writing seven tokens"}[int(prompt_in_tokens())]),
    ("Nearly 22", lambda: {22: "Nearly 22"}[round(8 * 65e9 * 1.4e12 / (2048 * 0.30 * 624e12) / 86_400)]),
    ("a quarter of the cache", lambda: {Fraction(1, 4): "a quarter of the cache"}[cache_share()]),
    ("about three times the arithmetic", lambda: {3: "about three times the arithmetic"}[round(h100_over_a100())]),
    ("below 1 % of the FLOPs", lambda: f"below {-int(-100 * uncounted() // 1)} % of the FLOPs"),
]  # fmt: skip

#: Figures of sources: the data sheets' sparse peaks; of the others, cells check what they lead to.
QUOTED = {
    "1.4", "624", "1,979", "661", "30 %", "1,024", "56.0 %", "57.0 %", "41.5 %", "1,008", "3,072", "37.83", "2.13",
}  # fmt: skip
