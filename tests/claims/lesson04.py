"""Numbers in the sentences of lesson 04, computed."""

import json
from pathlib import Path

import vram

FIXTURES = Path(__file__).parent.parent / "fixtures"
LLAMA = vram.models["llama-3.1-8b"]


def token(name: str) -> int:
    return vram.kv_cache(vram.models[name], seq_len=1).nbytes


def pages() -> int:
    share = vram.gpus["A100-80GB"].usable_bytes * 9 // 10
    return (share - vram.weights(LLAMA).nbytes) // vram.kv_cache(LLAMA, seq_len=1, engine="vllm").nbytes


def temporaries() -> str:
    run = vram.inference(vram.models["llama-2-7b"], seq_len=4096)
    return vram.gib(run.phases["prefill"].by("kind")["temporaries"].nbytes)


def context() -> str:
    measured = vram.constants["CUDA context"]
    return f"{measured.least / 2**30:.1f} to {measured.most / 2**30:.1f} GiB"


def with_the_context() -> int:
    """Tokens of Llama 2 7B on a T4 when the CUDA context is counted, as in lesson 00."""
    room = vram.gpus["T4"].usable_bytes - vram.overhead().nbytes
    return vram.max_context(vram.models["llama-2-7b"], gpu=room, of="inference")


def share_of_fp8() -> str:
    """At 64 sequences of 8,192 tokens, what FP8 saves of the cache against what NF4 saves of the weights."""
    cache = vram.kv_cache(LLAMA, batch=64, seq_len=8192).nbytes // 2
    saved = vram.weights(LLAMA).nbytes - vram.quantize(vram.weights(LLAMA), "nf4").nbytes
    return {True: "saves more than 4-bit weights would"}[cache > saved]


def measured(name: str) -> int:
    """Bytes of a real cache of 64 tokens in BF16, as the fixture has it."""
    cases = json.loads((FIXTURES / "kv.json").read_text(encoding="utf-8"))["cases"]
    return next(case for case in cases if case["id"] == f"{name}|bfloat16")["bytes"]["1,64"]


CLAIMS = [
    ("128 KiB for one token", lambda: f"{token('llama-3.1-8b') // 1024} KiB for one token"),
    ("takes 512 KiB a token, four times as much", lambda: {
        4: f"takes {token('llama-2-7b') // 1024} KiB a token, four times as much"}[
            token("llama-2-7b") // token("llama-3.1-8b")]),
    ("29,205 pages, room for 467,280 tokens", lambda: f"{pages():,} pages, room for {16 * pages():,} tokens"),
    ("The 72 GiB", lambda: f"The {vram.gpus['A100-80GB'].usable_bytes * 9 // 10 // 2**30} GiB"),
    ("16 bits become 4.5", lambda: f"16 bits become {float(vram.dtypes['Q4_0'].bits_per_weight)}"),
    ("one head instead of 48", lambda: f"one head instead of {vram.models['starcoder-15b'].num_attention_heads}"),
    ("saves more than 4-bit weights would", share_of_fp8),
    ("made for 4,096 tokens", lambda: f"made for {vram.models['llama-2-7b'].max_position_embeddings:,} tokens"),
    ("finds 3,361 tokens on the T4", lambda: f"finds {with_the_context():,} tokens on the T4"),
    ("0.38 GiB at 4,096 tokens", lambda: f"{temporaries()} at 4,096 tokens"),
    ("0.3 to 1.3 GiB", context),
    ("16,384 bytes for 64 tokens with 2 key/value heads", lambda: (
        f"{measured('llama-3.2-1b'):,} bytes for 64 tokens with 2 key/value heads")),
    ("8,192 with one", lambda: f"{measured('starcoder-15b'):,} with one"),
    ("3,840 where 2 heads look through a window", lambda: (
        f"{measured('mistral-7b-v0.1'):,} where 2 heads look through a window")),
    ("About half of the weights", lambda: {True: "About half of the weights"}[
        0.45 < vram.kv_cache(vram.models["gpt3-175b"], batch=64, seq_len=544).nbytes
        / vram.weights(vram.models["gpt3-175b"]).nbytes < 0.55]),
]  # fmt: skip

#: Figures of threads that are quoted as their users wrote them.
QUOTED = {"15.1 GB", "16 GB", "1,000", "12 GB", "24 GB", "48 GB", "80 GiB", "0.9", "3090", "5.23"}
