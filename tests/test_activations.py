"""Is every byte that forward saves known? Real layers under saved_tensors_hooks (tests/oracle/activations.py)."""

import json
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest

from vram import Architecture, Ledger, VramError, activations, models, symbols, training
from vram.architectures.families import families
from vram.memory.activations.described import EXACT, SAME_CODE
from vram.memory.activations.megatron import DIFFERENCES

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from cases import settings_of  # noqa: E402
from random_configs import random_config  # noqa: E402

FIXTURES = HERE / "fixtures"
CASES = json.loads((FIXTURES / "activations.json").read_text(encoding="utf-8"))["cases"]
FAMILIES = json.loads((FIXTURES / "activations_families.json").read_text(encoding="utf-8"))["cases"]
PUBLISHED = {c["id"]: c for c in json.loads((FIXTURES / "published.json").read_text(encoding="utf-8"))["cases"]}
GPT3, GPT2, LLAMA = models["gpt3-175b"], models["gpt2"], models["llama-2-7b"]


def of_case(case: dict, layers: int) -> Ledger:
    config, settings = settings_of(case, layers)
    return activations(Architecture.from_config(config), backend="cpu", **settings)


def of_layers(ledger: Ledger) -> Ledger:
    """The rows that each layer has."""
    return ledger.select(lambda t: bool(t.axes))


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_every_byte_of_a_real_model(case: dict) -> None:
    totals = [of_case(case, layers).nbytes for layers in (1, 2, 3)]
    assert totals[0] == case["total_l1"]
    assert totals[1] == case["total_l2"]
    assert totals[1] - totals[0] == case["per_layer"] == of_case(case, 1).layer(0).nbytes
    if case["total_l3"] is not None:
        assert totals[2] == case["total_l3"]


@pytest.mark.parametrize("case", FAMILIES, ids=[f"{n}-{c['config']['model_type']}" for n, c in enumerate(FAMILIES)])
def test_every_byte_of_other_families(case: dict) -> None:
    """Random small models in random settings: grouped heads, windows, experts, tied heads, autocast, checkpointing."""
    arch = Architecture.from_config(case["config"])
    assert activations(arch, backend="cpu", **case["settings"]).nbytes == case["nbytes"]


def test_every_family_called_exact_is_measured() -> None:
    assert {c["config"]["model_type"] for c in FAMILIES} == set(EXACT)


@pytest.mark.parametrize(
    ("id", "model", "batch", "seq_len"),
    [("zhihu-gpt3-act-b64", GPT3, 64, 2048), ("bbuf-gpt2-345m-act", GPT2, 8, 1024)],
)
def test_published_figures(id: str, model: Architecture, batch: int, seq_len: int) -> None:
    row = PUBLISHED[id]
    given = row["inputs"]
    arch = model.replace(
        hidden_size=given["h"], num_attention_heads=given["a"], num_hidden_layers=given["l"]
    )
    paper = activations(arch, batch=batch, seq_len=seq_len, implementation="megatron")
    assert of_layers(paper).nbytes == row["published"]


def test_gpt3_takes_fifty_times_its_weights() -> None:
    row = PUBLISHED["zhihu-gpt3-act-ratio-b64"]
    paper = of_layers(activations(GPT3, batch=64, implementation="megatron"))
    assert abs(paper.nbytes / 350e9 - row["published"]) <= row["tol"]
    assert of_layers(activations(GPT3, implementation="megatron")).nbytes == 275_414_777_856


def test_the_paper_form_is_what_the_ledger_sums_to() -> None:
    h, l, a, b, s = (getattr(symbols, letter) for letter in "hlabs")  # noqa: E741
    paper = of_layers(activations(GPT2.symbolic(), batch=b, seq_len=s, implementation="megatron"))
    assert (paper.nbytes / l).expand() == 34 * b * s * h + 5 * a * s**2 * b


def test_selective_recomputation_saves_what_the_paper_says() -> None:
    """It removes 5as²b and leaves 34sbh: 70 % of a GPT-3 layer."""
    row = PUBLISHED["kort-save-gpt3"]
    whole = of_layers(activations(GPT3, implementation="megatron")).nbytes
    selective = of_layers(activations(GPT3, implementation="megatron", checkpointing="selective")).nbytes
    assert selective == 34 * 2048 * 12288 * 96
    assert abs(100 * (1 - selective / whole) - row["published"]) <= row["tol"]


def test_every_difference_from_the_paper_is_named() -> None:
    """A GPT-2 layer of transformers on CUDA is the paper's layer and the rows that DIFFERENCES lists, no byte more."""
    settings = {"batch": 2, "seq_len": 512}
    real = of_layers(activations(GPT2, attention="eager", dropout=0.1, **settings))
    paper = of_layers(activations(GPT2, implementation="megatron", **settings))
    named = {end for ends in DIFFERENCES.values() for end in ends}
    extra = real.select(lambda t: t.name.removeprefix("transformer.h.{}.") in named)
    assert {t.name.removeprefix("transformer.h.{}.") for t in extra} == named
    assert real.nbytes - extra.nbytes == paper.nbytes


def test_llama_in_fused_kernels_is_the_known_form() -> None:
    """4 + 2 + 2 + 4g/a + 2 + 2 + 8f/h bytes a token and unit of width, and one FP32 number a head."""
    settings = {"implementation": "megatron", "attention": "flash", "dropout": 0.0, "seq_len": 1024}
    arch = models["llama-3-8b"]
    h, a, g, f = arch.hidden_size, arch.num_attention_heads, arch.num_key_value_heads, arch.intermediate_size
    one = activations(arch, **settings).layer(0).nbytes
    assert one == 1024 * (h * (4 + 2 + 2 + 2 + 2) + 4 * h * g // a + 8 * f + 4 * a)


@pytest.mark.parametrize("attention", ["eager", "sdpa", "flash"])
@pytest.mark.parametrize("checkpointing", ["none", "selective", "full"])
def test_checkpointing_never_keeps_more(attention: str, checkpointing: str) -> None:
    for arch in (GPT2, LLAMA, models["mixtral-8x7b"]):
        none = activations(arch, attention=attention, seq_len=512).nbytes
        assert activations(arch, attention=attention, seq_len=512, checkpointing=checkpointing).nbytes <= none


def test_full_checkpointing_keeps_one_input_a_layer() -> None:
    assert activations(LLAMA, checkpointing="full").layer(7).nbytes == 2048 * 4096 * 2


def test_masks_take_a_byte_on_cuda_and_a_number_on_a_cpu() -> None:
    size = {
        backend: of_layers(activations(GPT2, attention="eager", dropout=0.1, dtype="fp32", backend=backend))
        .select(lambda t: t.name.endswith(":mask"))
        .nbytes
        for backend in ("cuda", "cpu")
    }
    assert size["cpu"] == 4 * size["cuda"]


def test_flash_is_linear_in_the_sequence_and_eager_is_not() -> None:
    def one(attention: str, seq_len: int) -> int:
        return activations(LLAMA, attention=attention, seq_len=seq_len).layer(0).nbytes

    assert one("sdpa", 4096) == 2 * one("sdpa", 2048)
    assert one("eager", 4096) > 3 * one("eager", 2048)


@pytest.mark.parametrize("model", ["gpt2", "llama-2-7b", "llama-3-8b", "mistral-7b-v0.1", "mixtral-8x7b"])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_symbols_and_numbers_agree(model: str, attention: str) -> None:
    arch = models[model]
    free = arch.symbolic()
    formula = activations(free, batch=symbols.b, seq_len=symbols.s, attention=attention).nbytes
    values = {getattr(symbols, letter): n for letter, n in {"b": 3, "s": 512}.items()}
    for field, symbol in free.fields.items():
        if hasattr(symbol, "is_Symbol") and symbol.is_Symbol:
            values[symbol] = getattr(arch, field)
    assert formula.subs(values) == activations(arch, batch=3, seq_len=512, attention=attention).nbytes


def test_arrays_go_the_same_way() -> None:
    batch, seq_len = np.array([1, 2, 5])[:, None], np.array([128, 1000])[None, :]
    grid = activations(LLAMA, batch=batch, seq_len=seq_len).nbytes
    single = [[activations(LLAMA, batch=b, seq_len=s).nbytes for s in (128, 1000)] for b in (1, 2, 5)]
    assert grid.tolist() == single


def test_more_of_anything_never_keeps_less() -> None:
    small = {"batch": 2, "seq_len": 256, "dtype": "bf16"}
    for field, larger in (("batch", 3), ("seq_len", 257), ("dtype", "fp32")):
        assert activations(LLAMA, **small).nbytes < activations(LLAMA, **{**small, field: larger}).nbytes
    deeper = LLAMA.replace(num_hidden_layers=33)
    assert activations(LLAMA, **small).nbytes < activations(deeper, **small).nbytes


def test_rows_say_what_they_are() -> None:
    rows = activations(LLAMA)
    assert rows["model.layers.{}.mlp.down_proj:input"].shape == (1, 2048, 11008)
    assert rows["model.layers.3.mlp.down_proj:input"].nbytes == 32 * 2048 * 11008 * 2
    assert {t.basis for t in rows} == {"implementation"}
    assert set(rows.by("kind")) == {"activations", "logits"}
    assert len({t.name for t in rows}) == len(rows)


def test_a_million_layers_are_one_row() -> None:
    assert len(activations(LLAMA.replace(num_hidden_layers=10**9))) == len(activations(LLAMA))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"attention": "flsh"}, "Did you mean 'flash'"),
        ({"checkpointing": "ful"}, "Did you mean 'full'"),
        ({"dropout": 1.0}, "below 1"),
        ({"dtype": "int8"}, "dtype: 'int8'"),
        ({"backend": "tpu"}, "cuda"),
        ({"activation": "gelu_neu"}, "gelu_new"),
        ({"attention": "flash", "dtype": "fp32"}, "bf16 and fp16 only"),
        ({"batch": 0}, "batch"),
        ({"implementation": "megatrn"}, "megatron"),
    ],
)
def test_errors_name_the_word(words: dict, said: str) -> None:
    with pytest.raises(VramError, match=said):
        activations(LLAMA, **words)


UNDESCRIBED = sorted({*families} - {*EXACT} - {*SAME_CODE})


def test_families_that_were_not_compared_are_known() -> None:
    assert {*UNDESCRIBED} == {"internlm2"}


@pytest.mark.parametrize("family", UNDESCRIBED)
def test_an_undescribed_model_is_refused_and_its_timeline_says_what_is_missing(family: str) -> None:
    arch = Architecture.from_config(random_config(families[family], Random(family), given=1) | {"architectures": None})
    with pytest.raises(VramError, match="not described"):
        activations(arch, seq_len=64)
    assert {"activations", "logits", "temporaries"} <= {*training(arch, seq_len=64).missing}


def test_families_without_sdpa_run_eager_code() -> None:
    bloom = Architecture("bloom")
    assert activations(bloom, seq_len=64).nbytes == activations(bloom, seq_len=64, attention="eager").nbytes
    with pytest.raises(VramError, match="Use 'eager'"):
        activations(bloom, attention="sdpa")


T5 = Architecture("t5", num_hidden_layers=3, num_decoder_layers=4)
UMT5 = Architecture("umt5", num_hidden_layers=3, num_decoder_layers=4, vocab_size=32128, num_attention_heads=8)


def test_an_encoder_decoder_reads_as_many_tokens_on_both_sides() -> None:
    rows = activations(T5, batch=2, seq_len=64)
    for side in ("encoder", "decoder"):
        assert rows[f"{side}.embed_tokens:tokens"].shape == (2, 64)
    assert rows["loss:log_softmax:output"].shape == (2, 64, 32128)


def test_what_the_encoder_says_is_kept_once_for_all_layers_of_the_decoder() -> None:
    assert activations(T5, batch=2, seq_len=64)["encoder.last_hidden_state"].nbytes == 2 * 64 * 512 * 2


@pytest.mark.parametrize(("arch", "times"), [(T5, 1), (UMT5, 4)])
def test_t5_adds_the_same_zeroes_in_every_cross_attention_and_umt5_its_own(arch: Architecture, times: int) -> None:
    rows = activations(arch, seq_len=64).select(lambda t: t.name.endswith("EncDecAttention.position_bias"))
    assert rows.nbytes == times * 8 * 64 * 64 * 2


@pytest.mark.parametrize(("arch", "tables"), [(T5, 1), (UMT5, 3)])
def test_t5_looks_up_distances_once_and_umt5_in_every_layer(arch: Architecture, tables: int) -> None:
    rows = activations(arch, seq_len=64).select(lambda t: t.name.startswith("encoder") and "buckets" in t.name)
    assert rows.nbytes == tables * 64 * 64 * 8


def test_a_checkpointed_encoder_decoder_keeps_inputs_and_what_all_its_layers_are_given() -> None:
    rows = activations(T5, batch=2, seq_len=64, dtype="fp32", checkpointing="full", attention="eager")
    given = rows.select(lambda t: "position_bias" in t.name or "causal mask" in t.name or "last_hidden" in t.name)
    assert given.nbytes == 4 * (3 * 8 * 64 * 64 + 2 * 64 * 64 + 2 * 64 * 512)
    assert rows.select(lambda t: t.name.endswith("block.{}:input")).nbytes == (3 + 4) * 2 * 64 * 512 * 4


def test_t5_has_no_flash_attention_and_no_activation_that_is_not_known() -> None:
    with pytest.raises(VramError, match="Use 'sdpa' or 'eager'"):
        activations(T5, attention="flash")
    with pytest.raises(VramError, match=r"feed_forward_proj: 'gelu_neu'.*gelu_new"):
        activations(T5.replace(feed_forward_proj="gated-gelu_neu"))


@pytest.mark.parametrize("family", EXACT)
def test_every_family_has_formulas(family: str) -> None:
    """Symbols for sizes, batch and sequence, then the numbers in their place: the same as the numbers at once."""
    config = random_config(families[family], Random(f"{family} formulas"), given=1) | {"architectures": None}
    arch = Architecture.from_config(config).replace(num_hidden_layers=24, layer_types=None)
    free = arch.symbolic()
    formula = activations(free, batch=symbols.b, seq_len=symbols.s, backend="cpu").nbytes
    values = {symbols.b: 3, symbols.s: 5}
    values |= {v: getattr(arch, n) for n, v in free.fields.items() if getattr(v, "is_Symbol", False)}
    assert formula.subs(values) == activations(arch, batch=3, seq_len=5, backend="cpu").nbytes
