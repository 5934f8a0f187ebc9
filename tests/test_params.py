"""Is every parameter count exact? Real classes of transformers, counted on the meta device (tests/oracle/params.py)."""

import json
import re
from pathlib import Path

import pytest

import vram
from vram.architectures.families import families

FIXTURES = Path(__file__).parent / "fixtures"
CASES = json.loads((FIXTURES / "params.json").read_text())["cases"]
CATALOGUE = json.loads((FIXTURES / "catalogue.json").read_text())["parameters"]
SMALL = json.loads((FIXTURES / "families.json").read_text())["cases"]
PUBLISHED = {row["id"]: row for row in json.loads((FIXTURES / "published.json").read_text())["cases"]}

#: How the fixture names the parts of a model → slots of ours: module endings.
MODULES = {
    "qkv": r"c_attn|query_key_value|Wqkv|qkv_proj|wqkv",
    "q": r"q|q_proj|query|q_a_proj|q_b_proj",
    "k": r"k|k_proj|key",
    "v": r"v|v_proj|value",
    "kv": r"kv_a_proj_with_mqa|kv_b_proj",
    "o": r"attn\.c_proj|o|o_proj|out_proj|attention\.output\.dense|self_attn\.dense|self_attention\.dense|"
    r"attention\.dense",
    "pooler": r"pooler\.dense",
    "embed_proj": r"project_in|project_out",
    "type_embedding": r"token_type_embeddings",
}


def part(tensor: vram.Tensor) -> str:
    """The name under which the fixture files a tensor: q.weight, mlp_experts.bias …"""
    module, _, end = tensor.name.rpartition(".")
    end = "bias" if end.endswith("bias") else "weight"
    if tensor.part in ("expert", "shared_expert"):
        return f"mlp_{'experts' if tensor.part == 'expert' else tensor.part}.{end}"
    for name, pattern in MODULES.items():
        if re.search(rf"(^|\.)({pattern})$", module) and tensor.kind != "mlp":
            return f"{name}.{end}"
    if tensor.name.endswith("sinks"):
        return "attn_sinks.weight"
    return f"{ {'position_embedding': 'pos_embedding'}.get(tensor.kind, tensor.kind) }.{end}"


def breakdown(ledger: vram.Ledger) -> dict[str, int]:
    sums: dict[str, int] = {}
    for tensor in ledger:
        sums[part(tensor)] = sums.get(part(tensor), 0) + tensor.numel
    return sums


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_count(case):
    arch = vram.Architecture.from_config(case["config"])
    ledger = vram.weights(arch)
    assert ledger.numel == case["total"]
    by_kind = {kind: rows.numel for kind, rows in ledger.by("kind").items()}
    kinds = ("embedding", "position_embedding", "lm_head")
    assert {kind: by_kind.get(kind, 0) for kind in kinds} == {kind: case[kind] for kind in kinds}
    assert case["total"] - sum(by_kind.get(kind, 0) for kind in kinds) == case["non_embedding"]
    assert breakdown(ledger) == case["breakdown"]
    if case["cls"] != "BertModel":
        assert arch.tie_word_embeddings == case["tied"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_layers(case):
    ledger = vram.weights(vram.Architecture.from_config(case["config"]))
    for group in case["layer_groups"]:
        stack, _, first = group["first"].rpartition(".")
        last = int(group["last"].rpartition(".")[2])
        assert last - int(first) + 1 == group["count"]
        for index in {int(first), (int(first) + last) // 2, last}:
            layer = ledger.layer(index).select(lambda t, start=f"{stack}.": t.name.startswith(start))
            assert layer.numel == group["params"]
            assert breakdown(layer) == group["breakdown"]
    assert ledger.select(lambda t: bool(t.axes)).numel == case["in_layers"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_names_are_unique_and_as_many_as_counted(case):
    ledger = vram.weights(vram.Architecture.from_config({**case["config"], "vocab_size": 64}))
    names = [name for tensor in ledger for name in tensor.names()]
    assert len(set(names)) == len(names) == ledger.count


TOTALS = {
    "params-Llama-3-8B": "llama-3-8b", "params-Qwen2.5-0.5B": "qwen2.5-0.5b", "params-Llama-3.2-3B": "llama-3.2-3b",
    "params-Qwen3-8B": "qwen3-8b", "params-Kimi-K2": "kimi-k2", "params-DeepSeek-V3": "deepseek-v3",
    "params-BLOOM-176B": "bloom-176b", "llama1-T2-13.0B": "llama-13b", "llama1-T2-65.2B": "llama-65b",
}  # fmt: skip
SCALE = {"params": 1, "M": 10**6, "B": 10**9}


@pytest.mark.parametrize(("row", "model"), TOTALS.items())
def test_published_total(row, model):
    published = PUBLISHED[row]
    error = vram.weights(vram.models[model]).numel - published["published"] * SCALE[published["unit"]]
    assert abs(error) <= published["tol"] * SCALE[published["unit"]]


@pytest.mark.parametrize("row", [row for row in PUBLISHED if re.fullmatch(r"pythia-.*-nonemb", row)])
def test_published_non_embedding(row):
    size = PUBLISHED[row]["inputs"]
    arch = vram.Architecture(
        "gpt_neox", hidden_size=size["h"], num_hidden_layers=size["l"], num_attention_heads=8,
        intermediate_size=4 * size["h"],
    )  # fmt: skip
    ledger = vram.weights(arch).select(lambda t: t.kind not in ("embedding", "lm_head"))
    assert ledger.numel == PUBLISHED[row]["published"]


@pytest.mark.parametrize("row", [row for row in PUBLISHED if row.startswith("meg-T1-P-")])
def test_published_megatron(row):
    size = PUBLISHED[row]["inputs"]
    arch = vram.Architecture(
        "gpt2", hidden_size=size["h"], num_hidden_layers=size["l"], num_attention_heads=size["h"] // 128,
        vocab_size=size["V"], max_position_embeddings=size["s"],
    )  # fmt: skip
    assert abs(vram.weights(arch).numel / 10**9 - PUBLISHED[row]["published"]) <= PUBLISHED[row]["tol"]


@pytest.mark.parametrize("row", [row for row in PUBLISHED if row.startswith("chin-A9-")])
def test_published_chinchilla(row):
    """Chinchilla's models have a table of relative positions as large as a fifth matrix of the attention."""
    size = PUBLISHED[row]["inputs"]
    arch = vram.Architecture(
        "llama", hidden_size=size["h"], num_hidden_layers=size["l"], num_attention_heads=size["a"],
        head_dim=size["kv"], intermediate_size=size["ffw"], vocab_size=size["V"], tie_word_embeddings=True,
    )  # fmt: skip
    ledger = vram.weights(arch)
    fifth = ledger.select(lambda t: t.name.endswith("q_proj.weight")).numel
    gate = ledger.select(lambda t: "gate_proj" in t.name).numel
    assert abs((ledger.numel + fifth - gate) / 10**6 - PUBLISHED[row]["published"]) <= PUBLISHED[row]["tol"]


@pytest.mark.parametrize("row", [row for row in PUBLISHED if row.startswith("article-12lh2-")])
def test_source_article(row):
    """The article's 12lh² are the matrices of a GPT-2 of that size."""
    size = PUBLISHED[row]["inputs"]
    arch = vram.Architecture("gpt2", hidden_size=size["h"], num_hidden_layers=size["l"], num_attention_heads=1)
    matrices = vram.weights(arch).select(lambda t: t.op == "conv1d" and len(t.shape) == 2)
    assert matrices.numel == PUBLISHED[row]["published"]


def test_thirteen_h_a_layer():
    """Biases and norms of a GPT-2 layer are 13h, of which a published derivation printed 3h (zhihu-layer: 13)."""
    layer = vram.weights(vram.Architecture("gpt2").symbolic().replace(num_hidden_layers=1)).layer(0).numel.expand()
    h = vram.symbols.h
    assert layer.coeff(h, 1) == PUBLISHED["zhihu-layer"]["published"] and layer.coeff(h, 2) == 12


@pytest.mark.parametrize("name", CATALOGUE)
def test_catalogue(name):
    assert vram.weights(vram.models[name]).numel == CATALOGUE[name]


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case["config"]["model_type"])
def test_defaults_and_small_models(case):
    """Of every family: what its class builds from no key at all, and from a random few."""
    assert vram.weights(vram.Architecture.from_config(case["config"])).numel == case["total"]


def test_every_family_is_measured():
    measured = {vram.Architecture.from_config(case["config"]).model_type for case in SMALL}
    assert set(families) - measured == {"internlm2"}


def test_catalogue_is_measured():
    """Every published model is in the fixture, but those whose class transformers does not have."""
    unmeasured = {name for name in vram.models if name not in CATALOGUE}
    assert {vram.models[name].model_type for name in unmeasured} == {"internlm2"}
    assert set(CATALOGUE) <= set(vram.models) and len(CATALOGUE) >= 60


@pytest.mark.parametrize(
    ("name", "published"), {"internlm2-7b": 7_737_708_544, "internlm2-20b": 19_861_149_696}.items()
)
def test_published_without_a_class(name, published):
    """Tensor counts of the checkpoints on the Hugging Face Hub."""
    assert vram.weights(vram.models[name]).numel == published


def test_a_billion_layers_are_counted_at_once():
    ledger = vram.weights(vram.Architecture("qwen3_moe", num_hidden_layers=10**9, decoder_sparse_step=4))
    assert len(ledger) < 40
    assert ledger.layer(3).select(part="expert").count == 3 * 128
    assert ledger.layer(999_999_998).select(part="expert").count == 0


def test_t5_ties_its_head_and_says_so():
    """Its class ties the head whatever the config says; the checkpoint of Flan-T5 has one of its own all the same."""
    config = vram.models.entries()["flan-t5-base"]["config"]
    arch, stored = vram.Architecture.from_config(config), vram.models["flan-t5-base"]
    head = arch.vocab_size * arch.hidden_size
    assert config["tie_word_embeddings"] is False and arch.tie_word_embeddings
    assert "tie_word_embeddings: False given" in arch.notes[0] and arch.replace(num_hidden_layers=2).notes == arch.notes
    assert vram.weights(stored).numel == 247_577_856 == vram.weights(arch).numel + head
    assert stored.notes == ()
