"""What must hold for every model of every family: one code path for numbers, symbols and arrays; nothing lost."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy import array

import vram
from random_configs import families_by_name, random_config
from vram.architectures.families import families
from vram.architectures.layers import every, full_and_sliding, progressions, remove

FAMILIES = families_by_name()


def random_arch(name: str, seed: int) -> vram.Architecture:
    return vram.Architecture.from_config(random_config(families[name], Random(f"{name} {seed}")))


def symbol_values(arch: vram.Architecture, formulas: vram.Architecture) -> dict:
    """The number behind every symbol of a symbolic architecture."""
    names = [n.name for n in vram.GLOSSARY if n.name in formulas.fields]
    symbols = [(formulas.fields[name], arch.fields[name]) for name in names]
    return {symbol: value for symbol, value in symbols if getattr(symbol, "is_Symbol", False)}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", FAMILIES)
def test_symbols_say_the_same_as_numbers(name, seed):
    arch = random_arch(name, seed).replace(num_hidden_layers=12, layer_types=None)
    formulas = arch.symbolic()
    ledger, symbolic = vram.weights(arch), vram.weights(formulas)
    values = symbol_values(arch, formulas)
    assert len(values) >= 4
    assert symbolic.numel.subs(values) == ledger.numel
    for kind, rows in ledger.by("kind").items():
        total = symbolic.by("kind")[kind].numel
        assert (total.subs(values) if hasattr(total, "subs") else total) == rows.numel


@pytest.mark.parametrize("name", FAMILIES)
def test_arrays_say_the_same_as_numbers(name):
    arch = random_arch(name, 0)
    sizes = [16 * arch.num_attention_heads, 48 * arch.num_attention_heads]
    grid = arch.replace(hidden_size=array(sizes), num_hidden_layers=array([1, 5]))
    if grid.layer_types is not None:
        grid = grid.replace(layer_types=None)
    for index, (size, layers) in enumerate(zip(sizes, (1, 5), strict=True)):
        single = arch.replace(hidden_size=size, num_hidden_layers=layers, layer_types=None)
        assert vram.weights(grid).numel[index] == vram.weights(single).numel


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", FAMILIES)
def test_layers_add_up(name, seed):
    """Each layer by itself, and what is in no layer: together they are the model. Every name is there once."""
    arch = random_arch(name, seed)
    ledger = vram.weights(arch)
    names = [n for tensor in ledger for n in tensor.names()]
    assert len(names) == len(set(names)) == ledger.count
    layers = max(arch.num_hidden_layers, arch.fields.get("num_decoder_layers", 0))
    inside = sum(ledger.layer(index).numel for index in range(layers))
    assert inside + ledger.select(lambda t: not t.axes).numel == ledger.numel
    assert sum(rows.numel for rows in ledger.by("kind").values()) == ledger.numel


@pytest.mark.parametrize("name", FAMILIES)
def test_more_is_never_less(name):
    arch = random_arch(name, 1)
    smaller = vram.weights(arch).numel
    for change in ("vocab_size", "num_hidden_layers", "intermediate_size"):
        more = arch.replace(**{change: 2 * arch.fields[change], "layer_types": None})
        assert vram.weights(more).numel >= smaller


@pytest.mark.parametrize("name", FAMILIES)
def test_fewer_parameters_are_active_than_there_are(name):
    arch = random_arch(name, 2)
    total = vram.weights(arch).numel
    assert 0 < vram.active_parameters(arch, input_embedding=False) <= vram.active_parameters(arch) <= total
    has_experts = "expert" in vram.weights(arch).by("part")
    spared = has_experts and arch.num_experts_per_tok < arch.num_experts
    assert (vram.active_parameters(arch) < total) == spared


@pytest.mark.parametrize("name", FAMILIES)
def test_every_linear_layer_can_be_adapted(name):
    arch = random_arch(name, 3)
    ledger = vram.lora(arch, rank=1)
    matrices = vram.weights(arch).select(
        lambda t: t.op in ("linear", "conv1d") and len(t.shape) == 2 and t.kind != "lm_head"
    )
    assert ledger.numel == sum(sum(t.shape) * t.count for t in matrices)


@pytest.mark.parametrize("name", FAMILIES)
def test_an_architecture_is_what_its_fields_say(name):
    arch = random_arch(name, 4)
    assert arch.replace() == arch != arch.replace(vocab_size=arch.vocab_size + 1)
    again = vram.Architecture(arch.model_type, **arch.fields)
    assert vram.weights(again).numel == vram.weights(arch).numel
    with pytest.raises(AttributeError):
        arch.hidden_size = 1


layers_strategy = st.integers(1, 40)


@given(layers_strategy, st.integers(1, 9), st.integers(0, 12))
def test_every_so_many_layers(layers, step, first):
    chosen, others = every(layers, step, first)
    expected = [i for i in range(layers) if i >= first and (i + 1) % step == 0]
    assert sorted(i for axis in chosen for i in axis.indices()) == expected
    assert sorted(i for axis in others for i in axis.indices()) == sorted(set(range(layers)) - set(expected))


@given(layers_strategy, st.integers(1, 5), st.integers(0, 6), st.sets(st.integers(0, 45)))
def test_removing_layers(layers, step, first, gone):
    chosen, _ = every(layers, step, first)
    there = {i for axis in chosen for i in axis.indices()}
    left, removed = remove(chosen, gone)
    assert [i for axis in left for i in axis.indices()] == sorted(there - gone)
    assert [i for axis in removed for i in axis.indices()] == sorted(there & gone)


@given(st.sets(st.integers(0, 60)))
def test_progressions_hold_all_indices(indices):
    axes = progressions(sorted(indices))
    assert [i for axis in axes for i in axis.indices()] == sorted(indices)
    assert len(axes) <= len(indices) // 2 + 1


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(FAMILIES), st.integers(0, 10**9))
def test_every_layer_is_full_or_sliding(name, seed):
    arch = random_arch(name, seed)
    full, sliding = full_and_sliding(arch)
    indices = sorted(i for axis in (*full, *sliding) for i in axis.indices())
    assert indices == list(range(arch.num_hidden_layers))
    assert not sliding or arch.sliding_window


def test_which_layers_slide():
    """Gemma 3: five of six look through a window; gpt-oss: every other; Qwen: only if the config says so."""
    gemma, oss, qwen = (vram.models[m] for m in ("gemma-3-1b", "gpt-oss-20b", "qwen2.5-7b"))
    assert [i for axis in full_and_sliding(gemma)[0] for i in axis.indices()] == [5, 11, 17, 23]
    assert [i for axis in full_and_sliding(oss)[1] for i in axis.indices()][:3] == [0, 2, 4]
    assert full_and_sliding(qwen)[1] == ()
    on = vram.Architecture("qwen2", use_sliding_window=True, max_window_layers=30, num_hidden_layers=32)
    assert [i for axis in full_and_sliding(on)[1] for i in axis.indices()] == [30, 31]
