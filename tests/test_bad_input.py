"""Bad input never yields a number: one clear error that names the field, what was given and what is allowed."""

import json

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

import vram

LLAMA = {"model_type": "llama", "hidden_size": 4096, "num_attention_heads": 32, "num_hidden_layers": 32}


@pytest.mark.parametrize(
    "field", ["hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "intermediate_size"]
)
@pytest.mark.parametrize("value", [0, -1, 1.5, 4096.0, "4096", True, [4096], {"a": 1}, 10**400, float("nan")])
def test_a_size_is_a_whole_number(field, value):
    with pytest.raises(vram.ConfigError, match=field):
        vram.Architecture.from_config({**LLAMA, field: value})


@pytest.mark.parametrize(("changes", "field"), [
    ({"hidden_size": 4097}, "num_attention_heads"),
    ({"num_key_value_heads": 5}, "num_key_value_heads"),
    ({"num_key_value_heads": 64}, "num_key_value_heads"),
    ({"tie_word_embeddings": "yes"}, "tie_word_embeddings"),
    ({"tie_word_embeddings": 1}, "tie_word_embeddings"),
    ({"attention_bias": 0}, "attention_bias"),
    ({"model_type": "lama"}, "model_type.*Did you mean 'llama'"),
    ({"model_type": None}, "model_type"),
    ({"model_type": ["llama"]}, "model_type"),
])  # fmt: skip
def test_the_field_is_named(changes, field):
    with pytest.raises(vram.ConfigError, match=field):
        vram.Architecture.from_config({**LLAMA, **changes})


def test_a_part_that_the_family_does_not_have():
    with pytest.raises(vram.ConfigError, match="gate"):
        vram.weights(vram.Architecture("gpt_neox", mlp_gated=True))


def test_a_field_that_the_family_does_not_know():
    with pytest.raises(vram.ConfigError, match=r"hidden_sizes.*Did you mean 'hidden_size'"):
        vram.Architecture("llama", hidden_sizes=4096)
    with pytest.raises(AttributeError, match=r"Did you mean 'hidden_size'"):
        _ = vram.models["llama-7b"].hidden_sizes


@pytest.mark.parametrize("text", [
    "", "{", '{"model_type": "llama", "hidden_size": 40', "[]", "null", "3", '"llama"', "[" * 100_000,
    '{"a":' * 100_000, '{"model_type": "llama", "hidden_size": NaN}',
    '{"model_type": "llama", "hidden_size": Infinity}',
    '{"model_type": "llama", "hidden_size": 1e999}', '{"model_type": "llama", "hidden_size": ' + "9" * 5000 + "}",
    '{"model_type": "llama", "hidden_size": "__import__(\'os\')"}', "\x00", "{}" + " " * 1_000_001,
])  # fmt: skip
def test_a_hostile_file_is_one_clear_error(tmp_path, text):
    path = tmp_path / "config.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(vram.ConfigError) as caught:
        vram.Architecture.from_config(path)
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("path", ["no such file", "a\0b", ".", b"bytes", 3, None, ["llama"]])
def test_something_that_is_no_config(path):
    with pytest.raises(vram.ConfigError, match="config"):
        vram.Architecture.from_config(path)


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "config.json"
    path.write_bytes(b"\xff\xfe\x00{}")
    with pytest.raises(vram.ConfigError, match="config"):
        vram.Architecture.from_config(path)


def test_unknown_and_absent_keys_are_as_in_transformers():
    assert vram.Architecture.from_config({"model_type": "llama"}) == vram.Architecture("llama")
    noisy = {
        **LLAMA,
        "_name_or_path": "x",
        "torch_dtype": "float16",
        "rope_scaling": {"type": "linear"},
        "head_dim": None,
    }
    assert vram.Architecture.from_config(noisy) == vram.Architecture.from_config(LLAMA)
    gpt = {"model_type": "gpt2", "n_embd": 64, "n_head": 4, "attention_bias": False, "mlp_bias": False}
    assert vram.Architecture.from_config(gpt).attention_bias is True


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "x", "4096"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)
KEYS = st.sampled_from(
    ["model_type", "n_embd", "n_layer", "n_head", "n_inner", "head_dim", *LLAMA, "num_key_value_heads", "vocab_size",
     "tie_word_embeddings", "attention_bias"]
)  # fmt: skip


@given(st.sampled_from(["llama", "gpt2", "mistral"]), st.dictionaries(KEYS, JSON, max_size=6))
def test_any_config_is_an_answer_or_one_clear_error(family, config):
    try:
        arch = vram.Architecture.from_config({"model_type": family, **config})
    except vram.ConfigError:
        return
    total = vram.weights(arch).numel
    assert type(total) is int and total > 0
    json.dumps(arch.fields)  # every field is plain data


def test_a_billion_layers_are_one_row_each():
    arch = vram.Architecture("llama", num_hidden_layers=10**9)
    assert len(vram.weights(arch)) == 12
    assert vram.weights(arch).numel > 10**17


@pytest.mark.parametrize(("ask", "named"), [
    (lambda arch: vram.lora(arch, rank=0), "rank"),
    (lambda arch: vram.lora(arch, rank=-8), "rank"),
    (lambda arch: vram.lora(arch, rank=1.5), "rank"),
    (lambda arch: vram.lora(arch, rank=True), "rank"),
    (lambda arch: vram.lora(arch, targets=["q_prod"]), "Did you mean 'q_proj'"),
    (lambda arch: vram.lora(arch, targets=[]), "targets"),
    (lambda arch: vram.lora(arch, targets=[3]), "targets"),
    (lambda arch: vram.lora(arch, targets="(q_proj"), "targets"),
    (lambda arch: vram.lora(arch, bias="some"), "bias"),
    (lambda arch: vram.lora(arch, modules_to_save=["hat"]), "modules_to_save"),
    (lambda arch: vram.weights(arch, dtype="bf15"), "dtype"),
    (lambda arch: vram.weights(arch, dtype=None), "dtype"),
    (lambda arch: vram.gradients(vram.weights(arch), dtype="fp23"), "dtype"),
    (lambda arch: vram.optimizer_states(vram.weights(arch), "adan"), "optimizer"),
    (lambda arch: vram.quantize(vram.weights(arch), "nf5"), "format"),
    (lambda arch: vram.training(arch, recipe="bf16-mix"), "recipe"),
    (lambda arch: vram.training(arch, optimizer="adm"), "optimizer"),
    (lambda arch: vram.training(arch, lora=0), "rank"),
    (lambda arch: vram.training(arch, lora=8, base="nf3"), "nf3"),
    (lambda arch: vram.training(arch, batch=0), "batch"),
    (lambda arch: vram.training(arch, seq_len=-1), "seq_len"),
    (lambda arch: vram.training(arch).fits("A100-90GB"), "gpu"),
])  # fmt: skip
def test_a_question_without_an_answer(ask, named):
    with pytest.raises(vram.VramError, match=named):
        ask(vram.models["llama-3-8b"])


def test_symbols_that_cannot_be_sizes():
    for bad in (sympy.Rational(1, 2), sympy.Integer(-3), sympy.Symbol("x", negative=True)):
        with pytest.raises(vram.ConfigError, match="hidden_size"):
            vram.Architecture("llama", hidden_size=bad)
