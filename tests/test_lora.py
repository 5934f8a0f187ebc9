"""Does LoRA train what peft trains? Every case is peft's own count on the real model (tests/oracle/lora.py)."""

import json
import re
from pathlib import Path

import pytest

import vram

CASES = json.loads((Path(__file__).parent / "fixtures" / "lora.json").read_text())["cases"]
PUBLISHED = {
    row["id"]: row for row in json.loads((Path(__file__).parent / "fixtures" / "published.json").read_text())["cases"]
}
WORDS = {"use_dora": "dora"}

#: peft 0.21 gives gate and up of fused experts twice the rank together, and leaves out the MLPs without experts.
FUSED = {case["id"] for case in CASES if case["target_modules"] == "all-linear" and "experts.lora_A" in
         case["by_module"] and not case["options"]}  # fmt: skip


def trained(case, **more):
    options = {WORDS.get(key, key): value for key, value in case["options"].items()}
    arch = vram.models[case["model"]]
    return vram.lora(arch, rank=case["r"], targets=case["target_modules"], **options, **more)


def by_module(ledger: vram.Ledger) -> dict[str, int]:
    """Sums under the fixture's keys: the last module and the part of the adapter."""
    sums: dict[str, int] = {}
    for tensor in ledger:
        name = tensor.name.removesuffix(".weight")
        if re.search(r"\.(lora_\w+)$", name) or name.endswith(".bias"):
            key = ".".join(name.split(".")[-2:])
        else:
            key = f"{name.rpartition('.')[2]}.modules_to_save"
        sums[key] = sums.get(key, 0) + tensor.numel
    return sums


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_as_peft(case):
    ledger = trained(case, experts="peft")
    assert ledger.numel == case["trainable"] == case["peft_reported"]["trainable"]
    assert by_module(ledger) == case["by_module"]
    base = vram.weights(vram.models[case["model"]]).numel
    assert base == case["base_params"]
    if "modules_to_save" not in case["options"] and case["options"].get("bias", "none") == "none":
        assert base + ledger.numel == case["total_with_adapter"]


@pytest.mark.parametrize("case", [c for c in CASES if c["id"] not in FUSED], ids=lambda case: case["id"])
def test_the_classic_formula_is_the_same_without_fused_experts(case):
    assert trained(case) == trained(case, experts="peft")


def test_two_models_of_the_fixture_have_fused_experts():
    assert {id.split("|")[0] for id in FUSED} == {"mixtral-8x7b", "deepseek-v2-lite"} and len(FUSED) >= 6


def test_the_classic_formula_for_experts():
    """r·(d_in + d_out) for each matrix of each expert, and for the router."""
    arch, r = vram.models["mixtral-8x7b"], 16
    h, f, layers, experts = arch.hidden_size, arch.intermediate_size, arch.num_hidden_layers, arch.num_experts
    ledger = vram.lora(arch, rank=r)
    assert ledger.by("part")["expert"].numel == layers * experts * 3 * r * (h + f)
    assert ledger.by("part")["router"].numel == layers * r * (h + experts)
    twice = vram.lora(arch, rank=r, experts="peft").by("part")["expert"].numel
    assert twice == layers * experts * (2 * r * (h + 2 * f) + r * (h + f))


def test_names_are_those_of_an_adapter_checkpoint():
    names = {name for tensor in vram.lora(vram.models["gpt2"], bias="all", dora=True) for name in tensor.names()}
    module = "base_model.model.transformer.h.11.attn.c_attn"
    ends = ("lora_A.weight", "lora_B.weight", "lora_magnitude_vector", "base_layer.bias")
    assert {f"{module}.{end}" for end in ends} <= names
    assert "base_model.model.transformer.ln_f.bias" in names


def test_gpt2_stores_its_matrices_transposed():
    """c_attn is (768, 2304): A reads 768 inputs, B writes 2,304 outputs."""
    ledger = vram.lora(vram.models["gpt2"], rank=4, targets=["c_attn"])
    assert [t.shape for t in ledger] == [(4, 768), (2304, 4)]


@pytest.mark.parametrize(
    ("targets", "layers"),
    [
        (r".*\.layers\.([0-9]|1[0-5])\..*\.(q|v)_proj", 16),
        ([f"layers.{i}.self_attn.{m}" for i in (3, 4, 9) for m in ("q_proj", "v_proj")], 3),
    ],
)
def test_targets_in_some_layers(targets, layers):
    arch = vram.models["llama-3-8b"]
    assert vram.lora(arch, targets=targets).numel * 32 == vram.lora(arch, targets=["q_proj", "v_proj"]).numel * layers


def test_layers_to_transform():
    arch = vram.models["llama-3-8b"]
    some = vram.lora(arch, targets=["q_proj", "mlp.down_proj"], layers_to_transform=[0, 2, 4, 31])
    assert some.numel * 8 == vram.lora(arch, targets=["q_proj", "mlp.down_proj"]).numel
    assert list(some.tensors[0].names())[-1].split(".")[4] == "4"


def test_excluded_modules():
    arch = vram.models["llama-3-8b"]
    attention = vram.lora(arch, exclude_modules=["gate_proj", "up_proj", "down_proj"])
    assert attention == vram.lora(arch, targets=["q_proj", "k_proj", "v_proj", "o_proj"])


def test_a_tied_head_can_be_a_target():
    """The adapter stands beside the head; the matrix that head and embedding share stays one."""
    arch = vram.models["llama-3.2-1b"]
    assert vram.lora(arch, rank=2, targets=["lm_head"]).numel == 2 * (2048 + 128_256)
    saved = vram.lora(arch, targets=["q_proj"], modules_to_save=["lm_head"]).by("kind")["lm_head"].numel
    assert saved == 2048 * 128_256


def test_symbols_and_arrays():
    from numpy import arange

    r, h, a, g, d = (getattr(vram.symbols, letter) for letter in "rhagd")
    arch = vram.models["llama-3-8b"]
    layer = vram.lora(arch.symbolic().replace(num_hidden_layers=1), rank=r, targets=["q_proj", "v_proj"]).numel
    assert layer.subs(d, h / a).expand() == (2 * h * r + h * r + g * h * r / a).expand()
    sweep = vram.lora(arch, rank=arange(1, 5)).numel
    assert list(sweep) == [vram.lora(arch, rank=rank).numel for rank in range(1, 5)]


@pytest.mark.parametrize("row", ["lora-gpt3-4.7M", "lora-robertaL-0.8M", "lora-deberta-4.7M"])
def test_published(row):
    """The LoRA paper's counts: queries and values of GPT-3, RoBERTa large and DeBERTa XXL (a BERT in these)."""
    size = PUBLISHED[row]["inputs"]
    if row.startswith("lora-gpt3"):  # GPT-2's class holds Q, K and V in one matrix: LLaMA's names stand for GPT-3's
        arch = vram.Architecture("llama", hidden_size=size["d"], num_hidden_layers=size["l"], num_attention_heads=96)
        ledger = vram.lora(arch, rank=size["r"], targets=["q_proj", "v_proj"])
    else:
        arch = vram.Architecture("bert", hidden_size=size["d"], num_hidden_layers=size["l"], num_attention_heads=16)
        ledger = vram.lora(arch, rank=size["r"], targets=["query", "value"])
    assert abs(ledger.numel / 10**6 - PUBLISHED[row]["published"]) <= PUBLISHED[row]["tol"]


def test_source_article():
    """r·(d + k) of a matrix of 1,024 × 512, not the matrix as well."""
    size = PUBLISHED["article-lora"]["inputs"]
    arch = vram.Architecture(
        "llama", hidden_size=size["d"], head_dim=size["k"], num_attention_heads=1, num_hidden_layers=1
    )
    ledger = vram.lora(arch, rank=size["r"], targets=["q_proj"])
    assert ledger.numel == PUBLISHED["article-lora"]["published"]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"targets": ["q_porj"]}, "targets: 'q_porj' is not known. Did you mean 'q_proj'"),
        ({"targets": ["q_proj", "nope"]}, "targets: 'nope'"),
        ({"targets": []}, "targets: no module"),
        ({"targets": "q_proj"}, "targets: 'q_proj'"),
        ({"targets": "("}, "targets: '('"),
        ({"targets": ["norm"]}, "targets: 'norm'"),
        ({"targets": [3]}, "targets: 3"),
        ({"targets": None}, "targets: None"),
        ({"modules_to_save": [None]}, "modules_to_save: None"),
        ({"rank": 0}, "rank: 0"),
        ({"rank": 2.5}, "rank: 2.5"),
        ({"bias": "some"}, "bias: 'some'"),
        ({"experts": "new"}, "experts: 'new'"),
        ({"modules_to_save": ["head"], "targets": ["nope"]}, "targets: 'nope'"),
        ({"modules_to_save": ["nothing"]}, "modules_to_save: 'nothing'"),
        ({"targets": ["embed_tokens"], "lora_bias": True}, "lora_bias"),
        ({"target_parameters": ["experts.gate_up_proj"]}, "target_parameters: 'experts.gate_up_proj'"),
        ({"layers_to_transform": [1]}, "layers_to_transform"),
        ({"targets": ["q_proj"], "layers_to_transform": [99]}, "targets"),
    ],
)
def test_errors_name_the_field(options, field):
    with pytest.raises(vram.VramError, match=re.escape(field)):
        vram.lora(vram.models["llama-3-8b"], **options)


def test_half_of_a_fused_pair():
    with pytest.raises(vram.VramError, match="w1 and w3 lie in one tensor"):
        vram.lora(vram.models["mixtral-8x7b"], targets=["w1"], experts="peft")


def test_dora_on_stacked_experts():
    with pytest.raises(vram.VramError, match="neither DoRA nor a bias"):
        vram.lora(vram.models["mixtral-8x7b"], experts="peft", dora=True)
