"""Is any config.json either read right or refused with one clear error that names the field?"""

import json
import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vram
from random_configs import families_by_name, random_config
from vram import Architecture, ConfigError
from vram.architectures.config import NEEDS, WRAPPERS
from vram.architectures.families import families

LLAMA = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}


def deep(levels: int) -> list:
    value: list = []
    for _ in range(levels):
        value = [value]
    return value


HOSTILE = [
    ("a string for a number", "hidden_size", "4096"),
    ("a float", "hidden_size", 4096.0),
    ("a fraction", "hidden_size", 0.5),
    ("not a number", "hidden_size", float("nan")),
    ("infinity", "num_hidden_layers", float("inf")),
    ("true for a number", "num_hidden_layers", True),
    ("zero", "num_attention_heads", 0),
    ("negative", "vocab_size", -1),
    ("far too large", "vocab_size", 10**30),
    ("more digits than Python prints", "intermediate_size", 10**5000),
    ("a list", "num_key_value_heads", [8]),
    ("an object", "head_dim", {"value": 128}),
    ("one for true", "tie_word_embeddings", 1),
    ("a word for true", "attention_bias", "yes"),
    ("a list for true", "mlp_bias", []),
    ("heads that do not divide the width", "num_attention_heads", 7),
    ("groups that do not divide the heads", "num_key_value_heads", 3),
    ("no list", "architectures", "LlamaForCausalLM"),
    ("numbers for classes", "architectures", [1]),
    ("a head that nobody counts", "architectures", ["LlamaForSequenceClassification"]),
    ("deeply nested", "hidden_size", deep(5_000)),
    ("deeply nested", "architectures", deep(5_000)),
    ("deeply nested", "tie_word_embeddings", deep(5_000)),
]


@pytest.mark.parametrize(("field", "value"), [row[1:] for row in HOSTILE], ids=[f"{r[1]}: {r[0]}" for r in HOSTILE])
def test_hostile_value(field, value):
    with pytest.raises(vram.ConfigError, match=rf"^{field}: ") as caught:
        vram.Architecture.from_config({**LLAMA, field: value})
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("model_type", "field", "value"),
    [
        ("qwen3_moe", "mlp_only_layers", [0.5]),
        ("qwen3_moe", "mlp_only_layers", 3),
        ("qwen3_moe", "mlp_only_layers", [-1]),
        ("qwen3_moe", "mlp_only_layers", [True]),
        ("qwen3_moe", "mlp_only_layers", list(range(20_000))),
        ("qwen3_moe", "decoder_sparse_step", 0),
        ("qwen3_moe", "decoder_sparse_step", 10**9),
        ("qwen3_moe", "num_experts_per_tok", 129),
        ("mixtral", "num_experts", 0),
        ("gemma2", "layer_types", ["full_attention"]),
        ("gemma2", "layer_types", ["slow_attention"] * 26),
        ("gemma2", "layer_types", {"0": "full_attention"}),
        ("llama4_text", "no_rope_layers", [1, 0]),
        ("smollm3", "no_rope_layers", [2] * 36),
        ("smollm3", "no_rope_layers", "1"),
        ("t5", "feed_forward_proj", 3),
        ("gpt2", "add_cross_attention", True),
        ("gemma3", "text_config", [1]),
    ],
)
def test_hostile_value_of_a_family(model_type, field, value):
    key = {"num_experts": "num_local_experts"}.get(field, field) if model_type == "mixtral" else field
    with pytest.raises(vram.ConfigError, match=rf"^{field}: "):
        vram.Architecture.from_config({"model_type": model_type, key: value})


@pytest.mark.parametrize("config", [None, 3, [], [{"model_type": "llama"}], deep(5_000)])
def test_no_object(config):
    with pytest.raises(vram.ConfigError, match=r"^config: "):
        vram.Architecture.from_config(config)


@pytest.mark.parametrize("model_type", [None, 3, ["llama"], {}, True])
def test_no_model_type(model_type):
    with pytest.raises(vram.ConfigError, match=r"^model_type: "):
        vram.Architecture.from_config({**LLAMA, "model_type": model_type})


def test_an_unknown_family_is_not_guessed():
    with pytest.raises(vram.ConfigError, match=r"model_type: 'lama' is not known\. Did you mean 'llama'") as caught:
        vram.Architecture.from_config({**LLAMA, "model_type": "lama"})
    assert "To count it, its tensors must be described" in str(caught.value)


def test_an_unknown_wrapper_names_the_way():
    with pytest.raises(vram.ConfigError, match="give the text_config by itself"):
        vram.Architecture.from_config({"model_type": "new_vlm", "text_config": LLAMA})


FILES = {
    "truncated": '{"model_type": "llama", "hidden_size": 40',
    "NaN": '{"model_type": "llama", "hidden_size": NaN}',
    "Infinity": '{"model_type": "llama", "hidden_size": -Infinity}',
    "too many digits": '{"model_type": "llama", "hidden_size": ' + "9" * 5_000 + "}",
    "an exponent": '{"model_type": "llama", "hidden_size": 4.096e3}',
    "nested": '{"model_type": ' + "[" * 100_000,
    "nothing": "",
    "a list": "[]",
    "not UTF-8": b'{"model_type": "\xff"}',
    "too long": '{"model_type": "llama"}' + " " * 1_000_001,
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_hostile_file(content, tmp_path):
    path = tmp_path / "config.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(vram.ConfigError, match=r"^(config|hidden_size|model_type): "):
        vram.Architecture.from_config(path)


@pytest.mark.parametrize("name", ["", "missing.json", "a\0b", "."])
def test_no_file(name):
    with pytest.raises(vram.ConfigError, match=r"^config: "):
        vram.Architecture.from_config(name)


def test_a_file_says_what_the_dict_says(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**LLAMA, "torch_dtype": "bfloat16", "rope_scaling": {"factor": 8.0}}))
    assert vram.Architecture.from_config(path) == vram.Architecture.from_config(str(path))
    assert vram.Architecture.from_config(path) == vram.Architecture.from_config(LLAMA)


def test_null_and_absent_are_two_things():
    """An absent key takes the default; a null means what the family's code makes of it."""
    mistral = {"model_type": "mistral", "num_attention_heads": 16}
    assert vram.Architecture.from_config(mistral).num_key_value_heads == 8
    assert vram.Architecture.from_config({**mistral, "num_key_value_heads": None}).num_key_value_heads == 16
    assert vram.Architecture.from_config(mistral).sliding_window == 4096
    assert vram.Architecture.from_config({**mistral, "sliding_window": None}).sliding_window is None
    lite = {"model_type": "deepseek_v2"}
    assert vram.Architecture.from_config(lite).q_lora_rank == 1536
    assert vram.Architecture.from_config({**lite, "q_lora_rank": None}).q_lora_rank is None
    assert vram.Architecture.from_config({"model_type": "gpt2", "n_inner": None}).intermediate_size == 3072
    assert vram.Architecture.from_config({"model_type": "gpt_oss", "head_dim": None}).head_dim == 45


def test_the_head_is_the_one_of_the_named_class():
    model = vram.Architecture.from_config({**LLAMA, "architectures": ["LlamaModel"]})
    assert "lm_head" not in vram.weights(model).by("kind")
    assert vram.weights(model).tensors[0].name == "embed_tokens.weight"
    assert vram.weights(vram.Architecture.from_config(LLAMA)).tensors[0].name == "model.embed_tokens.weight"


def test_of_a_model_for_images_the_language_model_is_counted():
    arch = vram.models["gemma-3-4b"]
    assert "only the language model" in arch.notes[0] and arch.tie_word_embeddings
    assert vram.weights(arch).tensors[0].name == "language_model.model.embed_tokens.weight"
    assert vram.weights(vram.models["qwen2-vl-7b"]).numel == vram.weights(vram.models["qwen2.5-7b"]).numel
    assert vram.models["llama-3-8b"].notes == ()


@pytest.mark.parametrize("tied", [True, False])
def test_a_wrapper_says_whether_the_head_is_tied(tied):
    config = {"model_type": "llava", "tie_word_embeddings": tied, "text_config": {"model_type": "llama"}}
    assert vram.Architecture.from_config(config).tie_word_embeddings is tied


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8),
    st.sampled_from([0, 1, 2, 8, 64, 128, 4096, 10**9, 2**40, 2**63, 10**400]),
)  # fmt: skip
values = st.recursive(scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(max_size=4), v, max_size=3))
READ = sorted({key for family in families.values() for key in family.reads} | {"architectures", "text_config"})


def answer_or_config_error(config: object) -> None:
    """A count that is a positive whole number, its names in order; or the library's own error."""
    try:
        arch = vram.Architecture.from_config(config)
    except vram.ConfigError as error:
        field, _, rest = str(error).partition(": ")
        assert re.fullmatch(r"[a-z_0-9]+", field) and rest and len(str(error)) < 2_000
        return
    ledger = vram.weights(arch)
    assert type(ledger.numel) is int and ledger.numel > 0 and len(ledger) < 20_000
    assert all(type(t.count) is int and t.count > 0 for t in ledger)


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(families_by_name()), st.dictionaries(st.sampled_from(READ), values, max_size=6))
def test_any_value_under_a_known_key(model_type, config):
    answer_or_config_error({**config, "model_type": model_type})


@settings(deadline=None, max_examples=200)
@given(values)
def test_any_value_at_all(config):
    answer_or_config_error(config if not isinstance(config, str) else {"model_type": config})


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(families_by_name()), st.integers(0, 10**9), st.sampled_from(READ), values)
def test_one_bad_value_in_a_good_config(model_type, seed, key, value):
    config = random_config(families[model_type], Random(f"{model_type} {seed}"))
    answer_or_config_error({**config, key: value})


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(families_by_name()), st.integers(0, 10**9))
def test_a_good_config_is_never_refused(model_type, seed):
    config = random_config(families[model_type], Random(f"{model_type} {seed}"))
    assert vram.weights(vram.Architecture.from_config(config)).numel > 0


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 10**9), st.integers(0, 2_000))
def test_a_truncated_file(seed, length):
    text = json.dumps(random_config(families["qwen3_moe"], Random(seed)))[:length]
    try:
        config = json.loads(text)
    except ValueError:
        return
    answer_or_config_error(config)


@pytest.mark.parametrize("model_type", sorted(NEEDS))
def test_a_model_of_another_kind_is_named_with_what_it_needs(model_type):
    with pytest.raises(ConfigError, match=f"{model_type} cannot be counted; .* would have to be described"):
        Architecture.from_config({"model_type": model_type})
    assert model_type not in families and model_type not in WRAPPERS
