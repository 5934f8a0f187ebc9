"""The KV cache equals what a real transformers cache holds; vLLM's pages and llama.cpp's cells are counted by hand."""

import json
from pathlib import Path

import pytest

from vram import Architecture, VramError, kv_cache, models

FIXTURES = Path(__file__).parent / "fixtures"
CASES = json.loads((FIXTURES / "kv.json").read_text(encoding="utf-8"))["cases"]
PUBLISHED = {c["id"]: c for c in json.loads((FIXTURES / "published.json").read_text(encoding="utf-8"))["cases"]}


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_transformers_cache(case: dict) -> None:
    arch = Architecture.from_config(case["config"])
    for setting, nbytes in case["bytes"].items():
        batch, seq_len = map(int, setting.split(","))
        assert kv_cache(arch, batch=batch, seq_len=seq_len, dtype=case["dtype"]).nbytes == nbytes
    assert kv_cache(arch, seq_len=64 + 4, dtype=case["dtype"]).nbytes == case["after_4_decode_from_64"]


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_shapes_of_keys_and_values(case: dict) -> None:
    ledger = kv_cache(Architecture.from_config(case["config"]), seq_len=64, dtype=case["dtype"])
    real = [tuple(shape) for layer in case["shapes_b1s64"] for shape in layer]
    ours = {shape for shape in real if any(row.shape == shape for row in ledger)}
    assert ours == set(real)
    assert ledger.count == 2 * case["l"]


@pytest.mark.parametrize("row", [c for c in PUBLISHED.values() if c["id"].startswith("hfllama31-kv")],
                         ids=lambda c: c["id"])  # fmt: skip
def test_published_table_of_llama_3_1(row: dict) -> None:
    inputs, model = row["inputs"], {32: "llama-3-8b", 80: "llama-3-70b", 126: "llama-3.1-405b"}[row["inputs"]["l"]]
    size = kv_cache(models[model], seq_len=inputs["tokens"], dtype="fp16").nbytes / 2**30
    if row["role"] == "trap":  # the table counts 16 key/value heads where the model has 8
        size *= 2
    assert abs(size - row["published"]) <= row["tol"]


def test_other_published_figures() -> None:
    per_token = {name: kv_cache(models[name], seq_len=1) for name in ("llama-3.1-405b", "llama-2-70b")}
    row = PUBLISHED["dsv3-kv-LLaMA-3.1-405B"]
    assert abs(per_token["llama-3.1-405b"].nbytes / 1000 - row["published"]) <= row["tol"]
    row = PUBLISHED["llama2-70b-kv-32k"]
    assert kv_cache(models["llama-2-70b"], seq_len=row["inputs"]["T"]).nbytes / 2**30 == row["published"]
    # DeepSeek-V2, appendix: the same models with multi-head attention. Layers and heads are those of the paper.
    for size, layers, heads in (("small", 27, 16), ("large", 60, 56)):
        row = PUBLISHED[f"dsv2-T-{size}-MHA"]
        arch = Architecture(hidden_size=heads * 128, num_hidden_layers=layers, num_attention_heads=heads)
        assert abs(kv_cache(arch, seq_len=1).numel / 1000 - row["published"]) <= row["tol"]


def test_ratio_of_a_latent_cache() -> None:
    deepseek = Architecture("deepseek_v3")
    row = PUBLISHED["dsv3-kv-ratio-qwen"]
    qwen = Architecture(
        "qwen2", hidden_size=8192, num_hidden_layers=80, num_attention_heads=64, num_key_value_heads=8
    )
    ratio = kv_cache(qwen, seq_len=1).nbytes / kv_cache(deepseek, seq_len=1).nbytes
    assert abs(ratio - row["published"]) <= row["tol"]


WINDOWED = {"model_type": "mistral", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
            "num_key_value_heads": 2, "vocab_size": 100, "intermediate_size": 64}  # fmt: skip


def tokens(engine: str, seq_len: int, window: int | None, **options: bool) -> int:
    """Tokens for which a layer keeps room: 2 (keys, values) · 2 layers · 2 heads · 16 · 2 bytes each."""
    arch = Architecture.from_config({**WINDOWED, "sliding_window": window})
    nbytes = kv_cache(arch, seq_len=seq_len, engine=engine, **options).nbytes
    assert nbytes % (2 * 2 * 2 * 16 * 2) == 0
    return nbytes // (2 * 2 * 2 * 16 * 2)


@pytest.mark.parametrize(
    ("engine", "seq_len", "window", "kept"),
    [
        ("transformers", 100, None, 100), ("transformers", 31, 32, 31), ("transformers", 32, 32, 31),
        ("transformers", 100, 32, 31), ("transformers", 100, 1, 100),
        ("vllm", 100, None, 112), ("vllm", 96, None, 96), ("vllm", 97, None, 112), ("vllm", 1, None, 16),
        # 32 tokens of a window lie in three pages unless they start with one
        ("vllm", 100, 32, 48), ("vllm", 33, 32, 48), ("vllm", 32, 32, 32), ("vllm", 100, 33, 48), ("vllm", 100, 34, 64),
        ("llama.cpp", 100, None, 256), ("llama.cpp", 2048, None, 2048), ("llama.cpp", 2049, None, 2304),
        ("llama.cpp", 2048, 32, 2048),  # Mistral's window is not used
    ],
)  # fmt: skip
def test_tokens_kept_by_each_engine(engine: str, seq_len: int, window: int | None, kept: int) -> None:
    assert tokens(engine, seq_len, window) == kept


def test_windows_can_be_switched_off() -> None:
    assert tokens("transformers", 100, 32, windows=False) == 100
    assert tokens("vllm", 100, 32, windows=False) == 112


def test_llama_cpp_keeps_room_for_the_window_and_a_batch() -> None:
    arch = Architecture.from_config({**WINDOWED, "model_type": "gemma2", "head_dim": 16, "sliding_window": 1024})
    full, sliding = 4096, 1536  # 1,024 + 512, a multiple of 256
    assert kv_cache(arch, seq_len=4096, engine="llama.cpp").nbytes == (full + sliding) * 2 * 2 * 16 * 2
    assert kv_cache(arch, seq_len=512, engine="llama.cpp").nbytes == 2 * 512 * 2 * 2 * 16 * 2


@pytest.mark.parametrize(
    ("dtype", "nbytes_of_32"), [("fp8", 32), ("bf16", 64), ("q8_0", 34), ("q4_0", 18), ("q5_1", 24), ("fp32", 128)]
)
def test_formats(dtype: str, nbytes_of_32: int) -> None:
    numel = 2 * 32 * 2048 * 4096
    ledger = kv_cache(models["llama-2-7b"], dtype=dtype, engine="llama.cpp")
    assert (ledger.numel, ledger.nbytes) == (numel, numel // 32 * nbytes_of_32)


def test_latent_or_expanded() -> None:
    arch = Architecture.from_config(next(c["config"] for c in CASES if c["family"] == "mla"))
    per_token = next(c["mla_decompressed_bytes_per_token"] for c in CASES if c["id"] == "deepseek-v3|float32")
    expanded = kv_cache(arch, seq_len=1, dtype="fp32", latent=False)
    assert expanded.nbytes == per_token
    latent = kv_cache(arch, seq_len=16)
    assert latent.nbytes == kv_cache(arch, seq_len=16, engine="vllm").nbytes == 2 * 16 * (32 + 8) * 2
    assert len(kv_cache(arch, engine="vllm")) < len(latent)


def test_falcon_40b_repeats_keys_in_transformers_only() -> None:
    arch = Architecture("falcon", hidden_size=8192, num_hidden_layers=60, num_attention_heads=128, num_kv_heads=8,
                        new_decoder_architecture=True)  # fmt: skip
    assert kv_cache(arch, seq_len=16).nbytes == 16 * kv_cache(arch, seq_len=16, engine="vllm").nbytes


def test_an_encoder_decoder_caches_both_attentions() -> None:
    arch = Architecture("t5", hidden_size=64, head_dim=24, num_hidden_layers=3, num_decoder_layers=2,
                        num_attention_heads=4, intermediate_size=96)  # fmt: skip
    assert kv_cache(arch, batch=2, seq_len=7, source_len=11, dtype="fp32").nbytes == 55296  # measured, transformers


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"engine": "vlm"}, "vllm"), ({"dtype": "q9_0"}, "q"), ({"batch": 0}, "batch"), ({"seq_len": -1}, "seq_len"),
        ({"seq_len": 1.5}, "seq_len"), ({"source_len": 0}, "source_len"),
    ],
)  # fmt: skip
def test_errors(arguments: dict, message: str) -> None:
    with pytest.raises(VramError, match=message):
        kv_cache(models["gpt2"], **arguments)


def test_an_encoder_has_no_cache() -> None:
    with pytest.raises(VramError, match="encoder"):
        kv_cache(Architecture("bert"))


@pytest.mark.parametrize("engine", ["transformers", "vllm", "llama.cpp"])
@pytest.mark.parametrize("model_type", ["llama", "gemma2", "mistral"])
def test_symbols_and_arrays_give_the_same_as_integers(engine: str, model_type: str) -> None:
    import numpy as np

    from vram import symbols

    arch = Architecture.from_config({**WINDOWED, "model_type": model_type, "head_dim": 16, "sliding_window": 100})
    lengths = [1, 16, 99, 100, 101, 300, 5000]
    by_int = [kv_cache(arch, seq_len=s, engine=engine).nbytes for s in lengths]
    assert list(kv_cache(arch, seq_len=np.array(lengths), engine=engine).nbytes) == by_int
    symbolic = kv_cache(arch, seq_len=symbols.s, engine=engine).nbytes
    assert [symbolic.subs(symbols.s, s) for s in lengths] == by_int
    assert by_int == sorted(by_int)


def test_the_formula_is_two_b_s_l_g_d() -> None:
    from vram import symbols as S

    arch = models["llama-3-8b"].symbolic()
    size = kv_cache(arch, batch=S.b, seq_len=S.s).numel
    assert size.subs({S.h: 4096, S.a: 32}) == 2 * S.b * S.s * S.l * S.g * 128


@pytest.mark.parametrize("chunk", [8192, 16])
def test_chunks_of_llama_4_are_cached_as_windows(chunk: int) -> None:
    """Three layers of four attend within chunks; the fourth, without rotary positions, keeps every token."""
    config = {"model_type": "llama4_text", "num_hidden_layers": 8, "attention_chunk_size": chunk}
    arch = Architecture.from_config(config)
    token = kv_cache(arch.replace(num_hidden_layers=1), seq_len=1).nbytes
    assert kv_cache(arch, seq_len=10_000).nbytes == token * (2 * 10_000 + 6 * (chunk - 1))
    assert kv_cache(arch, seq_len=10_000, windows=False).nbytes == token * 8 * 10_000
