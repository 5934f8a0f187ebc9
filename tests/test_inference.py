"""What generating text holds: weights, a cache that grows with every token, and what one pass needs for the moment."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vram

LLAMA = vram.models["llama-3-8b"]


def parts(timeline, phase):
    return {kind: ledger.nbytes for kind, ledger in timeline.phases[phase].by("kind").items()}


def test_weights_and_cache_are_those_of_their_own_ledgers():
    step = vram.inference(LLAMA, batch=2, seq_len=4096)
    assert list(step.phases) == ["load", "prefill", "decode"]
    assert parts(step, "load") == {"weights": vram.weights(LLAMA).nbytes}
    assert parts(step, "prefill")["KV cache"] == vram.kv_cache(LLAMA, batch=2, seq_len=4096).nbytes


@pytest.mark.parametrize("weights", ["bf16", "fp32", "nf4", "int8", "Q4_K_M"])
def test_a_scheme_changes_the_weights_alone(weights):
    usual, other = vram.inference(LLAMA), vram.inference(LLAMA, weights=weights)
    assert parts(other, "prefill")["KV cache"] == parts(usual, "prefill")["KV cache"]
    assert (parts(other, "load")["weights"] > parts(usual, "load")["weights"]) == (weights == "fp32")


def test_all_logits_are_one_row_for_each_token():
    last, all_ = (vram.inference(LLAMA, seq_len=4096, logits=logits) for logits in ("last", "all"))
    assert all_.phases["prefill"].nbytes >= last.phases["prefill"].nbytes
    assert all_.phases["decode"].nbytes == last.phases["decode"].nbytes


@settings(max_examples=25)
@given(st.integers(1, 8), st.integers(1, 5000), st.sampled_from(["transformers", "vllm", "llama.cpp"]))
def test_more_is_never_less(batch, seq_len, engine):
    size = vram.inference(LLAMA, batch=batch, seq_len=seq_len, engine=engine).peak
    assert type(size) is int
    assert vram.inference(LLAMA, batch=batch + 1, seq_len=seq_len, engine=engine).peak >= size
    assert vram.inference(LLAMA, batch=batch, seq_len=seq_len + 1, engine=engine).peak >= size


def test_a_grid_gives_what_its_points_give():
    tokens = np.array([1, 100, 8192])
    single = [vram.inference(LLAMA, seq_len=int(n)).peak for n in tokens]
    assert list(vram.inference(LLAMA, seq_len=tokens).peak) == single


def test_measured_constants_are_kept_apart_and_labelled():
    plain, whole = vram.inference(LLAMA), vram.inference(LLAMA, overhead=True)
    assert plain.missing == ("overhead",) and whole.missing == ()
    assert whole.peak - plain.peak == vram.overhead().nbytes > 0
    assert {row.basis for row in vram.overhead()} == {"measured"}
    assert all(c.least <= c.nbytes <= c.most and c.source for c in vram.constants.values())


@pytest.mark.parametrize(("word", "value"), [
    ("batch", 0), ("seq_len", -1), ("weights", "nf5"), ("kv", "bf15"), ("engine", "tgi"), ("logits", "some"),
])  # fmt: skip
def test_an_unknown_word_is_named(word, value):
    with pytest.raises(vram.VramError, match=f"{word}|{value}|scheme|dtype"):
        vram.inference(LLAMA, **{word: value})


def test_an_encoder_generates_nothing():
    with pytest.raises(vram.VramError, match="encoder"):
        vram.inference(vram.Architecture("bert"))


@pytest.mark.parametrize("scheme", ["Q4_K_M", "Q8_0", "int4", "nf4", "int8", "fp8", "mxfp4", "gptq"])
@pytest.mark.parametrize("name", ["llama-3-8b", "gemma-2-2b", "mixtral-8x7b", "phi-3-mini"])
@pytest.mark.parametrize("attention", [None, "eager", "flash"])
def test_quantised_weights_are_computed_with_in_16_bits(name: str, scheme: str, attention: str | None) -> None:
    """What is computed does not depend on how the weights are stored: beside them all is as with BF16."""
    arch = vram.models[name]
    plain, packed = (vram.inference(arch, seq_len=4096, weights=w, attention=attention) for w in ("bf16", scheme))
    for phase in ("prefill", "decode"):
        rows = [
            {t.name: (t.shape, t.dtype) for t in one.phases[phase] if t.kind in ("temporaries", "logits")}
            for one in (plain, packed)
        ]
        assert {dtype.name for _, dtype in rows[1].values()} <= {"bf16", "fp32", "bool", "int64", "int32", "uint8"}
        assert packed.nbytes(phase) - packed.nbytes("load") <= plain.nbytes(phase) - plain.nbytes("load")
    assert packed.peak < plain.peak


def test_fp32_weights_are_computed_with_in_fp32() -> None:
    wide = vram.inference(vram.models["llama-3-8b"], weights="fp32").phases["prefill"]
    assert set(wide.select(kind="logits").by("dtype")) <= {"fp32"}
    with pytest.raises(vram.VramError, match="flash-attention computes bf16 and fp16"):
        vram.inference(vram.models["llama-3-8b"], weights="fp32", attention="flash")


MEASURED = json.loads((Path(__file__).parent / "fixtures" / "prefill.json").read_text(encoding="utf-8"))

PAIRS = sorted({(case[0], case[2]) for case in MEASURED["cases"]})


@pytest.mark.parametrize(
    ("number", "attention"), PAIRS, ids=[f"{MEASURED['configs'][n]['model_type']}-{n}-{how}" for n, how in PAIRS]
)
def test_what_reading_needs_was_measured(number: int, attention: str) -> None:
    """Beside the weights: cache and temporaries of real models, for prompts and for one more token
    (tests/oracle/prefill.py)."""
    arch = vram.Architecture.from_config(MEASURED["configs"][number])
    for config, dtype, how, batch, tokens, past, nbytes in MEASURED["cases"]:
        if (config, how) == (number, attention):
            setting = {"weights": dtype, "kv": dtype, "attention": attention, "backend": "cpu"}
            step = vram.inference(arch, batch=batch, seq_len=tokens + past, **setting)
            ours = step.nbytes("decode" if past else "prefill") - step.nbytes("load")
            assert ours == pytest.approx(nbytes, rel=0.002), (dtype, batch, tokens, past)


def test_of_an_encoder_with_a_decoder_weights_and_both_caches_are_counted_and_what_is_missing_is_said() -> None:
    timeline = vram.inference(vram.models["t5-small"], batch=2, seq_len=64)
    assert timeline.missing == ("logits", "temporaries", "overhead")
    assert timeline.phases["decode"].select(kind="KV cache").nbytes == 2 * 2 * (64 + 64) * 6 * 8 * 64 * 2
