"""Does a timeline keep its laws? Every phase below the peak, kinds that come and go, the same answer from every kind of
number; inference from load to decode."""

import numpy as np
import pytest

from vram import (  # fmt: skip
    Architecture,
    Ledger,
    Timeline,
    VramError,
    constants,
    inference,
    kv_cache,
    models,
    overhead,
    symbols,
    training,
    weights,
)
from vram.memory.activations.described import ENCODERS

LLAMA, GPT2, MIXTRAL = models["llama-3-8b"], models["gpt2"], models["mixtral-8x7b"]
PHASES = ["forward", "start of backward", "backward", "optimizer step"]
SETTINGS = [
    {},
    {"recipe": "fp32", "attention": "eager", "dropout": 0.1},
    {"recipe": "autocast", "checkpointing": "full"},
    {"recipe": "bf16", "checkpointing": "selective", "attention": "eager"},
    {"recipe": "bf16", "optimizer": "adamw-8bit", "lora": {"rank": 8}},
    {"recipe": "bf16", "lora": {"rank": 8}, "base": "nf4", "checkpointing": "full"},
    {"recipe": "bf16", "gradient_accumulation": 4},
    {"recipe": "bf16-both-gradients", "loss": "chunked"},
]


def kinds(ledger: Ledger) -> dict[str, int]:
    return {kind: rows.nbytes for kind, rows in ledger.by("kind").items()}


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("arch", [GPT2, LLAMA, MIXTRAL], ids=["gpt2", "llama-3-8b", "mixtral"])
def test_laws_of_every_timeline(arch: Architecture, settings: dict) -> None:
    timeline = training(arch, seq_len=256, **settings)
    assert list(timeline.phases) == PHASES
    assert timeline.missing == ("overhead",)
    assert timeline.peak == max(ledger.nbytes for ledger in timeline.phases.values())
    assert timeline.peak == timeline.at_peak().nbytes
    for phase, ledger in timeline.phases.items():
        assert timeline.nbytes(phase) == ledger.nbytes >= timeline.after[phase].nbytes or phase == "start of backward"
        assert all(t.nbytes > 0 for t in ledger), "a row of no bytes"
    step = kinds(timeline.phases["optimizer step"])
    assert "activations" not in step and "logits" not in step
    assert ("gradients" in kinds(timeline.phases["forward"])) == (settings.get("gradient_accumulation", 1) > 1)


@pytest.mark.parametrize("model_type", sorted(ENCODERS))
def test_a_model_that_ends_with_its_layers_has_a_timeline_too(model_type: str) -> None:
    timeline = training(Architecture.from_config({"model_type": model_type, "num_hidden_layers": 2}), seq_len=64)
    assert list(timeline.phases) == PHASES
    assert timeline.nbytes("start of backward") >= timeline.after["forward"].nbytes


def test_gradients_do_not_exist_before_backward() -> None:
    timeline = training(LLAMA, recipe="bf16")
    assert "gradients" not in kinds(timeline.phases["start of backward"])
    assert kinds(timeline.after["backward"])["gradients"] == weights(LLAMA).nbytes


@pytest.mark.parametrize(
    ("recipe", "a_parameter"),
    [("bf16", 8), ("bf16-fp32-states", 12), ("bf16-mixed", 16), ("bf16-fp32-gradients", 18),
     ("bf16-both-gradients", 20), ("fp32", 16)],
)  # fmt: skip
def test_model_states_a_parameter(recipe: str, a_parameter: int) -> None:
    """What is left after the step, but for the optimizer's counters of four bytes a tensor."""
    left = training(LLAMA, recipe=recipe).after["optimizer step"]
    counters = left.select(lambda t: t.name.endswith(".step")).nbytes
    assert left.nbytes - counters == a_parameter * weights(LLAMA).numel


def test_checkpointing_trades_activations_for_one_layer() -> None:
    none, selective, full = (
        training(LLAMA, recipe="bf16", attention="eager", seq_len=4096, checkpointing=words)
        for words in ("none", "selective", "full")
    )
    assert full.peak < selective.peak < none.peak
    assert all(full.nbytes(phase) <= none.nbytes(phase) for phase in PHASES)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("recipe", ["bf16", "fp32", "autocast"])
@pytest.mark.parametrize("layers", [1, 2, 12])
def test_checkpointing_never_needs_more_than_one_layer_more(attention: str, recipe: str, layers: int) -> None:
    """With a single layer it saves nothing and holds its input beside what it computes again."""
    arch = GPT2.replace(num_hidden_layers=layers)
    settings = {"recipe": recipe, "attention": attention, "seq_len": 1024, "optimizer": "sgd"}
    none, full = training(arch, **settings).peak, training(arch, checkpointing="full", **settings).peak
    assert full <= none or (layers == 1 and full - none <= 2 * 4 * 1024 * (768 + 1024))


def test_lora_keeps_activations_and_spares_states() -> None:
    whole, adapters = training(LLAMA, recipe="bf16"), training(LLAMA, recipe="bf16", lora=16)
    assert kinds(adapters.phases["forward"])["activations"] > 0.5 * kinds(whole.phases["forward"])["activations"]
    assert kinds(adapters.after["backward"])["gradients"] < kinds(whole.after["backward"])["gradients"] / 100


def test_the_first_layer_under_a_frozen_embedding_keeps_less() -> None:
    rows = training(LLAMA, recipe="bf16", lora=16).after["forward"]
    norm = rows.select(lambda t: t.name.endswith("input_layernorm.pow:input"))
    assert next(axis for t in norm for axis in t.axes).start == 1


def test_qlora_unpacks_one_matrix_at_a_time() -> None:
    timeline = training(LLAMA, recipe="bf16", lora=16, base="nf4", checkpointing="full", seq_len=64)
    assert timeline.peak < training(LLAMA, recipe="bf16", lora=16, checkpointing="full", seq_len=64).peak


def test_kbit_preparation_upcasts_what_is_not_packed() -> None:
    settings = {"recipe": "autocast", "lora": 8, "base": "nf4"}
    plain, prepared = (
        kinds(training(LLAMA, kbit_preparation=done, **settings).phases["forward"])["weights"] for done in (False, True)
    )
    outside = weights(LLAMA).select(lambda t: t.kind in ("embedding", "lm_head", "norm"))
    assert prepared - plain == outside.nbytes


def test_gradient_accumulation_keeps_gradients_through_the_next_batch() -> None:
    one, four = training(GPT2, recipe="fp32"), training(GPT2, recipe="fp32", gradient_accumulation=4)
    assert four.nbytes("start of backward") - one.nbytes("start of backward") == weights(GPT2, dtype="fp32").nbytes
    assert training(GPT2, recipe="fp32", gradient_accumulation=9).peak == four.peak


def test_how_the_optimizer_runs() -> None:
    states = weights(LLAMA).nbytes
    largest = LLAMA.vocab_size * LLAMA.hidden_size * 2
    done = training(LLAMA, recipe="bf16").after["optimizer step"].nbytes
    for words, temporaries in (
        ({"foreach": True}, states), ({"foreach": False}, 2 * largest), ({"fused": True}, 0), ({}, states),
        ({"backend": "cpu"}, 2 * largest), ({"optimizer": "sgd", "foreach": True}, None),
    ):  # fmt: skip
        timeline = training(LLAMA, recipe="bf16", **words)
        rows = timeline.phases["optimizer step"].select(kind="temporaries")
        assert rows.nbytes == (temporaries or 0)
        if temporaries is not None:
            assert timeline.nbytes("optimizer step") == done + temporaries
    assert kinds(training(LLAMA, recipe="bf16-mixed").phases["optimizer step"]).get("temporaries", 0) == 0


@pytest.mark.parametrize("settings", SETTINGS[:4], ids=str)
def test_symbols_and_numbers_agree(settings: dict) -> None:
    free = LLAMA.symbolic()
    formula = training(free, batch=symbols.b, seq_len=symbols.s, **settings).peak
    values = {symbol: getattr(LLAMA, field) for field, symbol in free.fields.items() if hasattr(symbol, "is_Symbol")}
    for batch, seq_len in ((1, 64), (2, 4096)):
        at = {**values, symbols.b: batch, symbols.s: seq_len}
        assert formula.xreplace(at) == training(LLAMA, batch=batch, seq_len=seq_len, **settings).peak


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_arrays_go_the_same_way(settings: dict) -> None:
    batch, seq_len = np.array([1, 4])[:, None], np.array([16, 300, 4096])[None, :]
    grid = training(LLAMA, batch=batch, seq_len=seq_len, **settings).peak
    single = [[training(LLAMA, batch=b, seq_len=s, **settings).peak for s in (16, 300, 4096)] for b in (1, 4)]
    assert grid.tolist() == single


def test_more_of_anything_never_needs_less() -> None:
    small = {"batch": 2, "seq_len": 256, "recipe": "bf16"}
    peak = training(LLAMA, **small).peak
    for field, larger in (("batch", 3), ("seq_len", 300), ("recipe", "fp32")):
        assert peak <= training(LLAMA, **{**small, field: larger}).peak
    assert peak < training(LLAMA.replace(num_hidden_layers=33), **small).peak


def test_a_model_whose_layers_are_not_described_keeps_its_states() -> None:
    arch = models["internlm2-7b"]
    timeline = training(arch)
    assert timeline.missing == ("activations", "logits", "temporaries", "overhead")
    assert timeline.peak == 16 * weights(arch).numel + 4 * weights(arch).count


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"foreach": True, "fused": True}, "one way"),
        ({"gradient_accumulation": 0}, "gradient_accumulation"),
        ({"recipe": "bf61"}, "bf16"),
        ({"optimizer": "adamv"}, "adamw"),
        ({"lora": 8, "base": "nf5"}, "nf4"),
    ],
)
def test_errors_name_the_word(words: dict, said: str) -> None:
    with pytest.raises(VramError, match=said):
        training(LLAMA, **words)


def test_inference_from_load_to_decode() -> None:
    timeline = inference(LLAMA, batch=2, seq_len=4096)
    assert list(timeline.phases) == ["load", "prefill", "decode"]
    assert timeline.nbytes("load") == weights(LLAMA).nbytes
    cache = kv_cache(LLAMA, batch=2, seq_len=4096).nbytes
    for phase in ("prefill", "decode"):
        found = kinds(timeline.phases[phase])
        assert (found["weights"], found["KV cache"]) == (weights(LLAMA).nbytes, cache)
    assert timeline.peak_phase == "prefill"
    last, every = (inference(LLAMA, seq_len=4096, logits=words) for words in ("last", "all"))
    assert last.nbytes("prefill") < every.nbytes("prefill") and last.nbytes("decode") == every.nbytes("decode")
    logits = every.phases["prefill"].select(kind="logits")
    assert max(t.nbytes for t in logits) == 4096 * LLAMA.vocab_size * 2


def test_inference_with_packed_weights_and_cache() -> None:
    wide, narrow = inference(LLAMA), inference(LLAMA, weights="Q4_K_M", kv="q8_0", engine="llama.cpp")
    assert narrow.peak < wide.peak / 2
    assert kinds(inference(LLAMA, engine="vllm", seq_len=1).phases["decode"])["KV cache"] == 16 * 131_072


def test_inference_takes_arrays_and_symbols() -> None:
    grid = inference(LLAMA, batch=np.array([1, 8]), seq_len=np.array([4096, 64])).peak
    assert grid.tolist() == [inference(LLAMA, batch=b, seq_len=s).peak for b, s in ((1, 4096), (8, 64))]
    formula = inference(LLAMA, batch=symbols.b, seq_len=symbols.s).peak
    assert formula.xreplace({symbols.b: 3, symbols.s: 1000}) == inference(LLAMA, batch=3, seq_len=1000).peak


def test_an_encoder_generates_nothing() -> None:
    with pytest.raises(VramError, match="encoder"):
        inference(Architecture("bert"))
    with pytest.raises(VramError, match="last"):
        inference(LLAMA, logits="lats")


def test_measured_constants_are_kept_apart() -> None:
    rows = overhead()
    assert {(t.kind, t.basis) for t in rows} == {("overhead", "measured")}
    for constant in constants.values():
        assert constant.least <= constant.nbytes <= constant.most and constant.source
    bare, real = inference(LLAMA), inference(LLAMA, overhead=True)
    assert real.peak - bare.peak == rows.nbytes
    assert bare.missing == ("overhead",) and real.missing == ()


def test_a_phase_that_is_not_there() -> None:
    timeline = Timeline({"load": weights(GPT2)})
    with pytest.raises(VramError, match="load"):
        timeline.nbytes("lode")
    with pytest.raises(VramError, match="at least one"):
        Timeline({})
