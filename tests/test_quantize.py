"""Quantised weights equal what bitsandbytes, torchao and gguf store; llama.cpp's mixes have their published sizes."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

from vram import Architecture, Ledger, Tensor, VramError, dtypes, models, prepare_for_kbit_training, quantize, weights
from vram.ledger.tensor import Axis
from vram.memory import schemes
from vram.memory.quantization.layers import ends_and_thirds, first, middle, part, split

FIXTURES = Path(__file__).parent / "fixtures"
CASES = json.loads((FIXTURES / "quant.json").read_text(encoding="utf-8"))["cases"]
MIXES = json.loads((FIXTURES / "gguf_mixes.json").read_text(encoding="utf-8"))["cases"]
PUBLISHED = {c["id"]: c for c in json.loads((FIXTURES / "published.json").read_text(encoding="utf-8"))["cases"]}

# What the libraries call their parts → how our rows end.
PARTS = {
    "packed": "", "absmax": "absmax", "code": "quant_map", "offset": "nested_offset", "absmax2": "nested_absmax",
    "code2": "nested_quant_map", "CB": "", "SCB": "SCB", "qdata": "", "scale": "scale", "zero_point": "zero_point",
}  # fmt: skip


def matrix(*shape: int, dtype: str = "bf16", name: str = "model.layers.0.mlp.up_proj.weight") -> Ledger:
    return Ledger([Tensor(name, shape, dtypes[dtype], "mlp", op="linear", part="mlp")])


def by_part(ledger: Ledger) -> dict[str, int]:
    return {row.name.rpartition("weight")[2].lstrip("."): row.nbytes for row in ledger}


def of(*families: str) -> list:
    return [pytest.param(c, id=c["id"]) for c in CASES if c["family"].startswith(families)]


@pytest.mark.parametrize("case", of("bnb-"))
def test_bitsandbytes(case: dict) -> None:
    names = ("blocksize", "double_quant")
    packed = quantize(matrix(*case["shape"]), case["family"], **{n: case[n] for n in names if n in case})
    expected = {PARTS[part]: nbytes for part, nbytes in case["parts"].items() if part != "blocksize2"}
    assert by_part(packed) == expected
    assert packed.nbytes == case["total"]


@pytest.mark.parametrize("case", of("torchao-"))
def test_torchao(case: dict) -> None:
    packed = quantize(matrix(*case["shape"]), case["family"])
    assert by_part(packed) == {PARTS[part]: nbytes for part, (nbytes, *_) in case["parts"].items()}
    assert [row.shape for row in packed] == [tuple(shape) for _, _, shape in case["parts"].values()]
    assert packed.nbytes == case["total"]


@pytest.mark.parametrize("case", of("gguf"))
def test_gguf_blocks(case: dict) -> None:
    dtype = dtypes[case["type"]]
    assert dtype.bits_per_weight == Fraction(case["bits_per_weight"])
    if "block" in case:
        assert (dtype.block, dtype.block_bytes) == (case["block"], case["bytes_per_block"])
    else:
        assert matrix(*case["shape"], dtype=case["type"]).nbytes == case["nbytes"]


# Types that no row of the fixture measures: bytes of a block, from the structures of ggml.
@pytest.mark.parametrize(
    ("name", "block", "nbytes"),
    [
        ("Q1_0", 128, 18), ("Q2_0", 64, 18), ("Q4_0", 32, 18), ("Q5_0", 32, 22), ("Q5_1", 32, 24), ("Q3_K", 256, 110),
        ("Q4_K", 256, 144), ("Q8_K", 256, 292), ("IQ1_M", 256, 56), ("IQ2_XXS", 256, 66), ("IQ2_S", 256, 82),
        ("IQ3_S", 256, 110), ("IQ4_NL", 32, 18), ("IQ4_XS", 256, 136), ("MXFP4", 32, 17), ("NVFP4", 16, 9),
        ("mxfp8", 32, 33), ("mxfp6", 32, 25),
    ],
)  # fmt: skip
def test_blocks_by_their_structure(name: str, block: int, nbytes: int) -> None:
    assert (dtypes[name].block, dtypes[name].block_bytes) == (block, nbytes)


@pytest.mark.parametrize("case", MIXES, ids=[c["type"] for c in MIXES])
def test_llama_cpp_mix(case: dict) -> None:
    ledger = weights(models["llama-3-8b"])
    packed = quantize(ledger, case["type"])
    assert packed.numel == ledger.numel
    rope_freqs = 64
    bits = Fraction(8 * (packed.nbytes + 4 * rope_freqs), packed.numel + rope_freqs)
    assert round(bits, 4) == round(Fraction(case["bits_per_weight"]), 4)
    assert round(Fraction(packed.nbytes, 2**30), 2) == round(Fraction(case["gib"]), 2)


@pytest.mark.parametrize("row", [c for c in PUBLISHED.values() if c["id"].startswith("gguf-") and c["role"] == "check"],
                         ids=lambda c: c["id"])  # fmt: skip
def test_published_gguf_size(row: dict) -> None:
    size = quantize(weights(models["llama-3-8b"]), row["id"].removeprefix("gguf-")).nbytes / 2**30
    assert abs(size - row["published"]) <= row["tol"]


# GB of files on the Hugging Face Hub: other shapes, so other branches of the rule.
@pytest.mark.parametrize(
    ("model", "mix", "gb"),
    [
        ("llama-2-7b", "Q4_K_M", 4.08), ("llama-2-7b", "Q3_K_M", 3.30), ("llama-2-7b", "Q5_K_M", 4.78),
        ("llama-2-13b", "Q4_K_M", 7.87), ("mixtral-8x7b", "Q4_K_M", 28.45), ("mixtral-8x22b", "Q4_K_M", 85.59),
        ("gemma-2-9b", "Q4_K_M", 5.76),
        ("llama-2-13b", "Q8_0", 13.83), ("mistral-7b-v0.1", "Q4_K_M", 4.37),
        ("llama-2-70b", "Q4_K_M", 41.42), ("llama-2-70b", "Q5_K_M", 48.75), ("llama-2-7b", "Q3_K_L", 3.60),
    ],
)  # fmt: skip
def test_sizes_of_files_in_circulation(model: str, mix: str, gb: float) -> None:
    assert round(quantize(weights(models[model]), mix).nbytes / 1e9, 2) == gb


def test_published_qlora_figures() -> None:
    double, single = dtypes["nf4-double-quant"].bits_per_weight, dtypes["nf4"].bits_per_weight
    after, save, on_65b = (PUBLISHED[f"qlora-dq-{x}"] for x in ("after", "save", "3GB"))
    assert abs(double - 4 - Fraction(after["published"])) <= Fraction(after["tol"])
    assert abs(single - double - Fraction(save["published"])) <= Fraction(save["tol"])
    ledger = weights(models["llama-65b"])
    saved = quantize(ledger, double_quant=False).nbytes - quantize(ledger, double_quant=True).nbytes
    assert abs(saved / 1e9 - on_65b["published"]) <= on_65b["tol"]


# Sizes of weights as model cards print them: a number of parameters in billions, times the bytes of a format.
@pytest.mark.parametrize("row", [c for c in PUBLISHED.values() if c["id"].startswith(("hfllama31-w", "article-13B"))],
                         ids=lambda c: c["id"])  # fmt: skip
def test_published_sizes_of_weights(row: dict) -> None:
    i = row["inputs"]
    numel = int(i.get("N") or i["N_B"] * 10**9)
    name = {4: "fp32", 2: "bf16", 1: "fp8", 0.5: "int4"}[i["bytes"]]
    unit = 2**30 if "GiB" in row["unit"] else 1e9
    assert abs(matrix(numel, dtype=name).nbytes / unit - row["published"]) <= row["tol"]


def test_published_size_of_vicuna() -> None:
    row = PUBLISHED["qlora-T6-Vicuna-13B"]
    assert abs(weights(models["llama-13b"]).nbytes / 1e9 - row["published"]) <= row["tol"]


def test_a_published_size_that_does_not_reproduce() -> None:
    for name, model in (("gguf-orig-70B", "llama-3-70b"), ("gguf-orig-405B", "llama-3.1-405b")):
        row = PUBLISHED[name]
        size = quantize(weights(models[model]), "F32").nbytes / 1e9
        assert row["tol"] < abs(size - row["published"]) < 0.006 * size


# Bytes of one 256 × 512 matrix (131,072 numbers), counted by hand from the layout of each format.
@pytest.mark.parametrize(
    ("scheme", "options", "parts"),
    [
        ("gptq", {}, {"qweight": 65536, "qzeros": 4 * 128, "scales": 4 * 512, "g_idx": 4 * 512}),
        ("gptq", {"bits": 8, "group_size": -1}, {"qweight": 131072, "qzeros": 256, "scales": 512, "g_idx": 2048}),
        ("gptq", {"bits": 3, "group_size": 64}, {"qweight": 49152, "qzeros": 8 * 96, "scales": 8 * 512, "g_idx": 2048}),
        ("awq", {}, {"qweight": 65536, "qzeros": 4 * 128, "scales": 4 * 512}),
        ("fp8", {}, {"weight": 131072, "weight_scale": 4}),
        ("fp8", {"static_activations": True}, {"weight": 131072, "weight_scale": 4, "input_scale": 4}),
        ("fp8", {"scales": "row"}, {"weight": 131072, "weight_scale": 4 * 256}),
        ("fp8", {"scales": "block"}, {"weight": 131072, "weight_scale_inv": 4 * 2 * 4}),
        ("fp8", {"scales": "block", "block_size": 200}, {"weight": 131072, "weight_scale_inv": 4 * 2 * 3}),
        ("mxfp4", {}, {"weight": 65536, "weight_scale": 4096}),
        ("mxfp6", {}, {"weight": 98304, "weight_scale": 4096}),
        ("mxfp8", {}, {"weight": 131072, "weight_scale": 4096}),
        ("nvfp4", {}, {"weight": 65536, "weight_scale": 8192, "weight_scale_2": 4}),
        ("torchao-int4", {}, {"weight": 65536, "scale": 2 * 4 * 256, "zero_point": 2 * 4 * 256}),
        ("torchao-int8", {"group_size": 128}, {"weight": 131072, "scale": 4 * 4 * 256, "zero_point": 4 * 256}),
        ("torchao-intx", {"group_size": 32}, {"weight": 131072, "scale": 2 * 16 * 256, "zero_point": 16 * 256}),
        ("torchao-float8", {"scales": "tensor"}, {"weight": 131072, "scale": 4}),
    ],
)  # fmt: skip
def test_layouts(scheme: str, options: dict, parts: dict[str, int]) -> None:
    packed = quantize(matrix(256, 512), scheme, **options)
    assert {row.name.rpartition(".")[2]: row.nbytes for row in packed} == parts


# total_size in model.safetensors.index.json of openai/gpt-oss on the Hugging Face Hub: bytes of all tensors.
@pytest.mark.parametrize(("model", "nbytes"), [("gpt-oss-20b", 13_761_264_768), ("gpt-oss-120b", 65_248_815_744)])
def test_published_mxfp4_checkpoints_to_the_byte(model: str, nbytes: int) -> None:
    assert quantize(weights(models[model]), "mxfp4").nbytes == nbytes


def test_names_are_those_of_the_checkpoint() -> None:
    module = "model.layers.0.mlp.up_proj"
    names = {
        ("gptq", ()): ("qweight", "qzeros", "scales", "g_idx"),
        ("awq", ()): ("qweight", "qzeros", "scales"),
        ("fp8", ("static_activations",)): ("weight", "weight_scale", "input_scale"),
        ("nvfp4", ("static_activations",)): ("weight", "weight_scale", "weight_scale_2", "input_scale"),
        ("nf4", ()): ("weight", *(f"weight.{x}" for x in ("absmax", "nested_absmax", "nested_offset",
                                                         "nested_quant_map", "quant_map"))),
    }  # fmt: skip
    for (scheme, flags), ends in names.items():
        packed = quantize(matrix(256, 512), scheme, **dict.fromkeys(flags, True))
        assert [row.name for row in packed] == [f"{module}.{end}" for end in ends]
    stacked = Ledger([Tensor("l.experts.down_proj", (4, 64, 32), dtypes["bf16"], "mlp", op="experts", part="expert")])
    assert [(r.name, r.size) for r in quantize(stacked, "mxfp4")] == [
        ("l.experts.down_proj", 8192), ("l.experts.down_proj_weight_scale", 4 * 32 * 2),
    ]  # fmt: skip


@pytest.mark.parametrize("scheme", ["int8", "torchao-int8", "fp8"])
def test_stacked_matrices_have_scales_each(scheme: str) -> None:
    stacked = Ledger([Tensor("l.experts.weight", (4, 64, 32), dtypes["bf16"], "mlp", op="experts", part="expert")])
    scales = quantize(stacked, scheme, **({"scales": "row"} if scheme == "fp8" else {})).tensors[1]
    assert scales.size == 4 * 64


def test_mxfp4_is_for_experts_where_there_are_any() -> None:
    ledger = weights(models["mixtral-8x7b"])
    assert {t.part for t in quantize(ledger, "mxfp4") if t.dtype.name == "fp4_e2m1"} == {"expert"}
    every = {t.part for t in quantize(ledger, "mxfp4", experts_only=False) if t.dtype.name == "fp4_e2m1"}
    assert every == {"expert", "attention"}


def test_conv1d_has_one_scale_for_each_output() -> None:
    stored = Tensor("h.0.attn.c_attn.weight", (64, 192), dtypes["fp16"], "attention", op="conv1d")
    assert [row.nbytes for row in quantize(Ledger([stored]), "int8")] == [64 * 192, 4 * 192]


def test_what_stays_and_what_is_packed() -> None:
    ledger = weights(models["llama-2-7b"])
    packed = quantize(ledger)
    kept = {t.kind for t in packed if t.dtype.name == "bf16"}
    assert kept == {"embedding", "lm_head", "norm"}
    everything = quantize(ledger, keep=())
    assert {t.kind for t in everything if t.dtype.name == "bf16"} == {"norm"}
    by_name = quantize(ledger, keep=("mlp.down_proj", "lm_head", "embedding"))
    assert by_name["model.layers.{}.mlp.down_proj.weight"].dtype.name == "bf16"
    assert by_name["model.layers.{}.mlp.up_proj.weight"].dtype.name == "int4"


def test_kbit_training_upcasts_what_is_not_packed() -> None:
    packed = quantize(weights(models["llama-2-7b"]), "nf4")
    ready = prepare_for_kbit_training(packed)
    kept = packed.select(dtype="bf16")
    assert kept.numel == 2 * 32000 * 4096 + 65 * 4096
    assert ready.nbytes - packed.nbytes == 2 * kept.numel
    assert not len(ready.select(dtype="bf16"))
    assert [t.dtype.name for t in ready if t.name.endswith("q_proj.weight")] == ["int4"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"format": "nf5"}, "nf4"),
        ({"format": "nf4", "double_qant": True}, "double_quant"),
        ({"format": "nf4", "double_quant": 1}, "True"),
        ({"format": "nf4", "blocksize": 100}, "128"),
        ({"format": "gptq", "group_size": True}, "128"),
        ({"format": "nf4", "keep": ("lm_haed",)}, "lm_head"),
        ({"format": "nf4", "keep": (3,)}, "names"),
        ({"format": "Q4_K_M", "double_quant": True}, "imatrix"),
    ],
)  # fmt: skip
def test_errors_name_the_option_and_what_is_allowed(arguments: dict, message: str) -> None:
    with pytest.raises(VramError, match=message):
        quantize(weights(models["llama-2-7b"]), **arguments)


@pytest.mark.parametrize("scheme", [s for s in schemes if s not in ("F32", "F16", "BF16")])
def test_every_scheme_needs_less_than_bf16(scheme: str) -> None:
    ledger = weights(models["llama-2-7b"])
    assert quantize(ledger, scheme).nbytes < ledger.nbytes


@pytest.mark.parametrize("scheme", ["nf4", "int8", "gptq", "fp8", "mxfp4", "nvfp4", "torchao-int4", "Q8_0", "Q5_K_S"])
def test_symbols_and_arrays_give_the_same_as_integers(scheme: str) -> None:
    import numpy as np

    from vram import symbols

    sizes = [256, 512, 1024]
    by_int = [quantize(matrix(n, n), scheme).nbytes for n in sizes]
    assert list(quantize(matrix(np.array(sizes), np.array(sizes)), scheme).nbytes) == by_int
    symbolic = quantize(matrix(symbols.h, symbols.h), scheme).nbytes
    assert [symbolic.subs(symbols.h, n) for n in sizes] == by_int


# llama.cpp: the type each role gets, for a model of one kind at a time.
def types(mix: str, heads: int = 32, kv: int = 32, layers: int = 32, **options: bool) -> dict[str, dict[str, int]]:
    arch = Architecture(hidden_size=4096, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv)
    found: dict[str, dict[str, int]] = {}
    for row in quantize(weights(arch), mix, **options):
        counts = found.setdefault(row.name.removesuffix(".weight").rpartition(".")[2], {})
        counts[row.dtype.name] = counts.get(row.dtype.name, 0) + row.count
    return found


def test_more_bits_at_the_ends_and_every_third_layer() -> None:
    found = types("Q4_K_M")
    assert found["down_proj"] == found["v_proj"] == {"Q6_K": 16, "Q4_K": 16}
    assert found["q_proj"] == found["gate_proj"] == {"Q4_K": 32}
    assert (found["lm_head"], found["embed_tokens"], found["norm"]) == ({"Q6_K": 1}, {"Q4_K": 1}, {"fp32": 1})


def test_eighty_layers_with_grouped_keys_raise_the_values() -> None:
    assert types("Q4_K_M", heads=64, kv=8, layers=80)["v_proj"] == {"Q6_K": 40, "Q5_K": 40}
    assert types("Q4_K_M", heads=64, kv=64, layers=80)["v_proj"] == {"Q6_K": 40, "Q4_K": 40}
    assert types("Q3_K_S", heads=64, kv=32, layers=80)["v_proj"] == {"Q5_K": 80}
    assert types("Q3_K_S", heads=64, kv=8, layers=79)["v_proj"] == {"Q3_K": 79}


@pytest.mark.parametrize(("kv", "name"), [(40, "Q3_K"), (20, "Q3_K"), (10, "Q4_K"), (8, "Q4_K")])
def test_grouping_is_read_from_a_fused_matrix(kv: int, name: str) -> None:
    arch = Architecture("phi3", hidden_size=5120, num_attention_heads=40, num_key_value_heads=kv, num_hidden_layers=2)
    packed = quantize(weights(arch), "Q2_K")
    assert packed["model.layers.{}.self_attn.qkv_proj.weight"].dtype.name == name


@pytest.mark.parametrize(("experts", "name"), [(8, "Q8_0"), (32, "Q4_K")])
def test_stacked_experts_are_counted(experts: int, name: str) -> None:
    arch = Architecture("gpt_oss", num_experts=experts, num_hidden_layers=2, hidden_size=2560)
    packed = quantize(weights(arch), "Q4_K_M")
    assert packed["model.layers.{}.self_attn.k_proj.weight"].dtype.name == name


def test_widths_that_need_different_types_are_asked_alone() -> None:
    import numpy as np

    with pytest.raises(VramError, match="alone"):
        quantize(matrix(64, np.array([256, 320])), "Q6_K")
    ragged = quantize(matrix(64, np.array([288, 320])), "Q6_K")
    assert ragged.tensors[0].dtype.name == "Q8_0"


def test_an_importance_matrix_changes_the_rule() -> None:
    assert types("IQ4_XS")["down_proj"] == {"Q5_K": 4, "IQ4_XS": 28}
    assert types("IQ4_XS", imatrix=True)["down_proj"] == {"IQ4_XS": 32}
    assert types("Q4_0")["down_proj"] == {"Q4_0": 32}
    assert types("Q4_0", imatrix=True)["down_proj"] == {"Q4_1": 4, "Q4_0": 28}
    assert types("Q5_0", imatrix=True)["down_proj"] == {"Q5_1": 4, "Q5_0": 28}
    assert types("Q4_K_M", pure=True)["lm_head"] == {"Q4_K": 1}
    without = types("IQ3_XXS", imatrix=False)
    assert without["down_proj"] == {"Q4_K": 4, "Q3_K": 28}
    assert (without["v_proj"], types("IQ3_XXS")["v_proj"]) == ({"IQ3_S": 32}, {"IQ3_XXS": 32})


def test_other_rules_that_the_published_table_does_not_touch() -> None:
    q3 = types("Q3_K_M")
    assert (q3["v_proj"], q3["down_proj"]) == ({"Q5_K": 2, "Q4_K": 30}, {"Q5_K": 2, "Q4_K": 30})
    assert types("Q2_K")["v_proj"] == {"Q3_K": 32}
    assert types("Q4_K_S")["v_proj"] == {"Q5_K": 4, "Q4_K": 28}
    # Below three bits, eighty layers with grouped keys are no exception.
    assert types("IQ2_XS", heads=64, kv=32, layers=80)["v_proj"] == {"Q2_K": 80}
    assert types("IQ2_M", heads=64, kv=32, layers=80)["v_proj"] == {"IQ3_S": 80}


@pytest.mark.parametrize(
    ("mix", "down", "output"),
    [
        ("Q4_K_M", {"Q6_K": 2, "Q5_K": 14, "Q4_K": 16}, "Q4_K"),
        ("Q3_K_M", {"Q5_K": 2, "Q4_K": 14, "Q3_K": 16}, "Q3_K"),
        ("Q3_K_L", {"Q4_K": 32}, "Q4_K"), ("Q4_K_S", {"Q4_K": 32}, "Q4_K"), ("Q2_K", {"Q3_K": 32}, "Q2_K"),
    ],
)  # fmt: skip
def test_falcon_has_rules_of_its_own(mix: str, down: dict[str, int], output: str) -> None:
    arch = Architecture("falcon", hidden_size=4096, num_hidden_layers=32, num_attention_heads=64)
    found: dict[str, dict[str, int]] = {}
    for row in quantize(weights(arch), mix):
        counts = found.setdefault(row.name.split(".")[-2], {})
        counts[row.dtype.name] = counts.get(row.dtype.name, 0) + row.count
    assert (found["dense_4h_to_h"], found["dense"], found["word_embeddings"]) == (down, {output: 32}, {"Q8_0": 1})


@pytest.mark.parametrize(("experts", "v_proj"), [(2, "Q2_K"), (4, "Q4_K"), (8, "Q4_K")])
def test_few_bits_and_many_experts(experts: int, v_proj: str) -> None:
    arch = Architecture("mixtral", num_hidden_layers=2, num_experts=experts, num_key_value_heads=32)
    packed = quantize(weights(arch), "IQ2_XXS")
    assert packed["model.layers.{}.self_attn.v_proj.weight"].dtype.name == v_proj


def test_tied_embedding_is_stored_as_the_output() -> None:
    arch = models["llama-3-8b"].replace(tie_word_embeddings=True)
    assert quantize(weights(arch), "Q4_K_M")["model.embed_tokens.weight"].dtype.name == "Q6_K"


def test_latent_attention_is_stored_in_two_stacks() -> None:
    arch = Architecture("deepseek_v3", num_hidden_layers=4)
    ledger = weights(arch)
    packed = quantize(ledger, "Q4_K_M")
    assert packed.numel == ledger.numel
    latent = packed.select(lambda t: t.name.endswith(("k_b_proj.weight", "v_b_proj.weight")))
    stacks = {t.name.split(".")[-2]: (t.shape, t.dtype.name) for t in latent}
    # Keys have rows of 128, which blocks of 256 do not fit.
    assert stacks == {"k_b_proj": ((128, 512, 128), "Q5_0"), "v_b_proj": ((128, 128, 512), "Q4_K")}


def test_eight_experts_hold_attention_in_more_bits() -> None:
    ledger = weights(models["mixtral-8x7b"])
    packed = quantize(ledger, "Q4_K_M")
    found = {t.name.split(".")[-2]: t.dtype.name for t in packed if "self_attn" in t.name}
    assert found == {"q_proj": "Q4_K", "k_proj": "Q8_0", "v_proj": "Q8_0", "o_proj": "Q5_K"}
    assert {t.dtype.name for t in packed if t.kind == "router"} == {"fp32"}
    assert {t.dtype.name for t in quantize(ledger, "MXFP4_MOE") if t.part == "expert"} == {"mxfp4"}


def test_rows_that_do_not_fill_blocks_fall_back() -> None:
    ragged = matrix(64, 4096 + 32)
    assert quantize(ragged, "Q5_K_S")["model.layers.0.mlp.up_proj.weight"].dtype.name == "Q5_1"
    assert quantize(matrix(64, 4096 + 16), "Q5_K_S")["model.layers.0.mlp.up_proj.weight"].dtype.name == "fp16"
    with pytest.raises(VramError, match="blocks of 32"):
        quantize(matrix(64, 4096 + 16), "Q8_0")


@pytest.mark.parametrize("choice", [first(2), part(8), part(16), ends_and_thirds, middle])
@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 24, 32, 61, 80])
@pytest.mark.parametrize(("start", "step"), [(0, 1), (3, 1), (0, 2), (1, 3), (2, 4)])
def test_layers_are_split_without_loss(choice, n: int, start: int, step: int) -> None:
    count = len(range(start, n, step))
    if not count:
        return
    inside, outside = split(Axis(count, start, step), n, choice)
    listed = sorted(i for axis in inside for i in axis.indices())
    low, high = n // 8, 7 * n // 8
    rule = {
        ends_and_thirds: lambda i: i < low or i >= high or (i - low) % 3 == 2,
        middle: lambda i: low <= i < high,
    }.get(choice, lambda i: any(a <= i < b for a, b, _ in choice(n)))
    assert listed == [i for i in range(start, n, step) if rule(i)]
    assert sorted(listed + [i for axis in outside for i in axis.indices()]) == list(range(start, n, step))


def test_a_billion_layers_are_split_at_once() -> None:
    arch = models["llama-3-8b"].replace(num_hidden_layers=10**9)
    ledger = weights(arch)
    packed = quantize(ledger, "Q4_K_M")
    assert packed.numel == ledger.numel
    assert len(packed) < 40
