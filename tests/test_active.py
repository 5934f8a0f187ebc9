"""How many parameters does one token use? Both conventions in circulation, against published figures."""

import json
from pathlib import Path

import pytest

import vram

FIXTURES = Path(__file__).parent / "fixtures"
PUBLISHED = {row["id"]: row for row in json.loads((FIXTURES / "published.json").read_text())["cases"]}
CASES = {row["id"]: row for row in json.loads((FIXTURES / "params.json").read_text())["cases"]}


def test_mixtral_in_both_conventions():
    """12,879,925,248 with the input embedding, 12,748,853,248 without (published.json names both)."""
    arch, row = vram.models["mixtral-8x7b"], PUBLISHED["params-Mixtral-8x7B-active"]
    assert vram.active_parameters(arch) == row["published"] == 12_879_925_248
    assert vram.active_parameters(arch, input_embedding=False) == 12_748_853_248
    assert f"{vram.active_parameters(arch, input_embedding=False):,}" in row["notes"]


@pytest.mark.parametrize(
    ("case", "input_embedding", "within"),
    [("gpt-oss-20b", False, 0.01e9), ("qwen3-30b-a3b", True, 0.06e9), ("deepseek-v2", False, 0.5e9)],
)
def test_published_active_parameters(case, input_embedding, within):
    """Cards print rounded figures, each in the convention of its publishers."""
    arch = vram.Architecture.from_config(CASES[case]["config"])
    active = vram.active_parameters(arch, input_embedding=input_embedding)
    assert abs(active - CASES[case]["published"]["active_nominal"]) <= within


def test_deepseek_v3_has_37_billion_active():
    assert vram.billions(vram.active_parameters(vram.models["deepseek-v3"], input_embedding=False), 0) == "37B"


def test_dense_models_use_all_they_have():
    arch = vram.models["llama-3-8b"]
    assert vram.active_parameters(arch) == vram.weights(arch).numel
    assert vram.active_parameters(arch, input_embedding=False) == 8_030_261_248 - 128_256 * 4_096


def test_a_tied_table_is_used_as_the_head():
    arch = vram.models["gpt2"]
    positions = vram.weights(arch).by("kind")["position_embedding"].numel
    assert vram.active_parameters(arch, input_embedding=False) == vram.weights(arch).numel - positions


def test_symbols_and_arrays():
    from numpy import array

    arch = vram.models["mixtral-8x7b"]
    formula = vram.active_parameters(arch.symbolic())
    values = {vram.symbols.of(name): arch.fields[name] for name in ("hidden_size", "num_hidden_layers", "vocab_size")}
    assert formula.subs(values).free_symbols  # other sizes are symbols too
    sweep = vram.active_parameters(arch.replace(num_hidden_layers=array([1, 32])))
    assert sweep[1] == vram.active_parameters(arch)
