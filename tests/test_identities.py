"""The symbolic identities that the course derives, as sums over the library's own ledgers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vram
from vram.ledger.symbols import symbols

h, l, a, g, d, f, V, n, r = (getattr(symbols, letter) for letter in "hlagdfVnr")  # noqa: E741


def gpt(**changes):
    fields = {"hidden_size": h, "num_hidden_layers": l, "num_attention_heads": a, "vocab_size": V,
              "max_position_embeddings": n}  # fmt: skip
    return vram.Architecture("gpt2", **{**fields, **changes})


def layer(arch, *kinds):
    """Parameters of one layer, of some kinds: the rows that carry a layer axis, with one layer."""
    rows = vram.weights(arch.replace(num_hidden_layers=1)).select(lambda t: bool(t.axes))
    return sum(row.numel for row in rows if not kinds or row.kind in kinds)


def test_a_layer_of_gpt_is_12_h_squared_plus_13_h():
    assert layer(gpt(), "attention") == 4 * h**2 + 4 * h
    assert layer(gpt(), "mlp") == 8 * h**2 + 5 * h
    assert layer(gpt(), "norm") == 4 * h
    assert layer(gpt()) == 12 * h**2 + 13 * h
    assert layer(gpt()).subs(h, 1) == 25


def test_the_whole_model():
    total = vram.weights(gpt()).numel
    assert (total - l * (12 * h**2 + 13 * h) - V * h - n * h - 2 * h).expand() == 0
    untied = vram.weights(gpt(tie_word_embeddings=False)).numel
    assert untied - total == V * h


@pytest.mark.parametrize(("switches", "linear"), [
    ({"attention_bias": False, "mlp_bias": False, "norm_bias": False}, 2),
    ({"attention_bias": False, "attention_out_bias": True}, 10),
    ({"mlp_bias": False}, 8),
    ({"norm_bias": False}, 11),
])  # fmt: skip
def test_other_coefficients_come_from_other_switches(switches, linear):
    assert layer(gpt(**switches)) == 12 * h**2 + linear * h


def test_a_layer_of_llama():
    arch = vram.Architecture("llama", hidden_size=h, num_attention_heads=a, num_key_value_heads=g, head_dim=d,
                             intermediate_size=f, num_hidden_layers=l, vocab_size=V)  # fmt: skip
    assert (layer(arch) - (2 * h * a * d + 2 * h * g * d + 3 * h * f + 2 * h)).expand() == 0
    total = vram.weights(arch).numel
    assert (total - l * layer(arch) - 2 * V * h - h).expand() == 0


def test_lora_is_rank_times_in_plus_out():
    arch = gpt(num_hidden_layers=1)
    assert (vram.lora(arch, rank=r, targets=["c_attn"]).numel - r * (h + 3 * h)).expand() == 0
    assert (vram.lora(arch, rank=r).numel - r * (4 * h + 2 * h + 5 * h + 5 * h)).expand() == 0


def test_bytes_per_parameter_of_the_recipes():
    """Without the step counters, which are one number a tensor, each recipe is a whole number of bytes."""
    arch = gpt()
    total = vram.weights(arch).numel
    expected = {"fp32": 16, "bf16": 8, "bf16-fp32-states": 12, "bf16-mixed": 16, "bf16-fp32-gradients": 18,
                "bf16-both-gradients": 20, "autocast": 16}  # fmt: skip
    assert set(expected) == set(vram.recipes)
    for name, bytes_each in expected.items():
        held = vram.model_states(arch, recipe=name).phases["optimizer step"]
        without_steps = held.select(lambda t: not t.name.endswith(".step"))
        assert (without_steps.nbytes - bytes_each * total).expand() == 0, name


NAMED = {notation.name for notation in vram.GLOSSARY}
SHAPES = st.fixed_dictionaries(
    {"heads": st.integers(1, 16), "groups": st.integers(1, 4), "width": st.integers(1, 32),
     "inner": st.integers(1, 500), "layers": st.integers(1, 12), "vocab": st.integers(1, 5000)}
)  # fmt: skip


@given(SHAPES, st.sampled_from(["gpt2", "llama", "mistral"]), st.booleans(), st.integers(1, 64))
def test_numbers_equal_substitution_into_the_symbols(shape, family, tied, rank):
    fields = {
        "num_attention_heads": shape["heads"] * shape["groups"], "num_key_value_heads": shape["groups"],
        "hidden_size": shape["width"] * shape["heads"] * shape["groups"], "intermediate_size": shape["inner"],
        "num_hidden_layers": shape["layers"], "vocab_size": shape["vocab"], "tie_word_embeddings": tied,
    }  # fmt: skip
    arch = vram.Architecture(family, **fields)
    general = arch.symbolic()
    put = {
        symbols.of(name): value
        for name, value in arch.fields.items()
        if type(value) is int and name in NAMED
    }
    for numeric, symbolic in (
        (vram.weights(arch), vram.weights(general)),
        (vram.lora(arch, rank=rank), vram.lora(general, rank=rank)),
        (
            vram.optimizer_states(vram.weights(arch), "adafactor"),
            vram.optimizer_states(vram.weights(general), "adafactor"),
        ),
    ):
        assert [t.name for t in numeric] == [t.name for t in symbolic]
        for row, formula in zip(numeric, symbolic, strict=True):
            assert (
                row.numel == formula.numel.subs(put) if hasattr(formula.numel, "subs") else row.numel == formula.numel
            )
        assert numeric.nbytes == symbolic.nbytes.subs(put)


@given(SHAPES, st.integers(1, 64))
def test_more_is_never_less(shape, rank):
    def build(**changes):
        fields = {"num_attention_heads": shape["heads"], "hidden_size": shape["heads"] * shape["width"],
                  "intermediate_size": shape["inner"], "num_hidden_layers": shape["layers"]}  # fmt: skip
        return vram.Architecture("llama", **{**fields, **changes})

    arch = build()
    base = vram.weights(arch).numel
    assert vram.weights(build(num_hidden_layers=shape["layers"] + 1)).numel > base
    assert vram.weights(build(hidden_size=shape["heads"] * (shape["width"] + 1))).numel > base
    assert vram.weights(build(intermediate_size=shape["inner"] + 1)).numel > base
    assert vram.lora(arch, rank=rank + 1).numel > vram.lora(arch, rank=rank).numel
    assert vram.model_states(arch, lora=rank + 1).peak > vram.model_states(arch, lora=rank).peak
