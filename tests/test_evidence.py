"""The library against what transformers, peft, torch.optim and bitsandbytes really reported: equal to the last unit."""

import pytest

import vram
from evidence import rows
from vram.architectures.families import families

PARAMS = [row for row in rows("params") if row["config"]["model_type"] in families]
BY_ID = {row["id"]: row["config"] for row in PARAMS}

# Models of lora.json whose configs stand in no other fixture.
BY_ID["llama-3.2-1b"] = {
    "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
    "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 128256,
    "tie_word_embeddings": True,
}  # fmt: skip
BY_ID["tinyllama-1.1b"] = {
    "model_type": "llama", "hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22,
    "num_attention_heads": 32, "num_key_value_heads": 4, "vocab_size": 32000,
}  # fmt: skip
BY_ID |= {name: vram.models.entries()[name]["config"] for name in vram.models}

LORA = [row for row in rows("lora") if row["model"] in BY_ID and "target_parameters" not in row["options"]]
OPTIMIZERS = {
    "SGD": "sgd", "SGD+momentum": "sgd-momentum", "SGD+nesterov": "sgd-momentum", "Adam": "adam", "AdamW": "adamw",
    "AdamW fused": "adamw", "bnb AdamW8bit": "adamw-8bit", "bnb PagedAdamW8bit": "adamw-8bit",
    "HF Adafactor": "adafactor", "bnb Lion": "lion",
}  # fmt: skip
STATES = [row for row in rows("optimizer_state") if row["optimizer"] in OPTIMIZERS]
QUANT = [
    row
    for row in rows("quant")
    if row["family"] in ("bnb-nf4", "bnb-fp4", "bnb-int8") and row.get("blocksize", 64) == 64
]


def by_id(row):
    return row["id"]


@pytest.mark.parametrize("row", PARAMS, ids=by_id)
def test_parameters(row):
    """Total, one layer, and the kinds that a reader asks for."""
    ledger = vram.weights(vram.Architecture.from_config(row["config"]))
    by_kind = {kind: part.numel for kind, part in ledger.by("kind").items()}
    assert ledger.numel == row["total"]
    assert sum(by_kind.values()) == row["total"]
    assert ledger.layer(0).numel == row["layer_groups"][0]["params"]
    assert by_kind["embedding"] == row["embedding"]
    assert by_kind.get("position_embedding", 0) == row["position_embedding"]
    assert by_kind.get("lm_head", 0) == row["lm_head"]
    assert by_kind["norm"] == sum(n for name, n in row["breakdown"].items() if name.startswith("norm."))
    assert by_kind["mlp"] == sum(n for name, n in row["breakdown"].items() if name.startswith("mlp."))


@pytest.mark.parametrize("row", LORA, ids=by_id)
def test_lora(row):
    options = {"dora" if key == "use_dora" else key: value for key, value in row["options"].items()}
    arch = vram.Architecture.from_config(BY_ID[row["model"]])
    assert vram.weights(arch).numel == row["base_params"]
    ledger = vram.lora(arch, rank=row["r"], targets=row["target_modules"], **options)
    assert ledger.numel == row["trainable"]
    module = {t.name: ".".join(t.name.split(".")[-3:]) for t in ledger}
    for part, numel in row["by_module"].items():
        if ".lora_" in part and not part.startswith("lora_B"):
            end = part if part.endswith(("vector", "embedding_A", "embedding_B")) else f"{part}.weight"
            assert sum(t.numel for t in ledger if f".{end}" in f".{module[t.name]}") == numel, part


@pytest.mark.parametrize("row", STATES, ids=by_id)
def test_optimizer_states(row):
    trained = vram.weights(vram.Architecture.from_config(row["config"]), dtype=row["dtype"])
    assert trained.numel == row["n_params"]
    states = vram.optimizer_states(trained, OPTIMIZERS[row["optimizer"]])
    assert states.nbytes == row["state_bytes"]
    assert vram.gradients(trained).nbytes == row["grad_bytes"]
    found = {}
    for t in states:
        key = f"{t.name.rsplit('.', 1)[1]}:{ {'fp32': 'float32', 'bf16': 'bfloat16'}.get(t.dtype.name, t.dtype.name) }"
        found[key] = found.get(key, 0) + t.nbytes
    assert found == row["detail"]


@pytest.mark.parametrize("row", QUANT, ids=by_id)
def test_quantised_tensor(row):
    weight = vram.Tensor("w.weight", tuple(row["shape"]), vram.dtypes["bf16"], "mlp", (), "linear", "mlp")
    format = row["family"].removeprefix("bnb-")
    packed = vram.quantize(vram.Ledger([weight]), format, double_quant=row.get("double_quant", False))
    assert packed.nbytes == row["total"]
    assert sorted(t.nbytes for t in packed) == sorted(n for part, n in row["parts"].items() if part != "blocksize2")


def test_no_rows_are_lost():
    """The fixtures still hold rows of this slice; an empty list would test nothing."""
    assert (len(PARAMS), len(LORA), len(STATES), len(QUANT)) >= (13, 108, 22, 13)
