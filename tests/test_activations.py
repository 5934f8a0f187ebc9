"""What a forward pass saves for backward: equal to the byte to what torch's saved_tensors_hooks found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import vram
from measured import rows, settings_of

ROWS = [(row, layers) for row in rows("activations") for layers in (1, 2)]
LOSS = rows("loss")
LLAMA = vram.Architecture(
    "llama", hidden_size=256, num_attention_heads=8, num_key_value_heads=2, intermediate_size=688, num_hidden_layers=3,
    vocab_size=1000,
)  # fmt: skip


def saved(row, layers, **changes):
    config, settings = settings_of(row, layers)
    return vram.activations(vram.Architecture.from_config(config), backend="cpu", **{**settings, **changes})


@pytest.mark.parametrize(("row", "layers"), ROWS, ids=[f"{row['id']}-{layers}" for row, layers in ROWS])
def test_saved_tensors(row, layers):
    """A model of one and of two layers, embedding, head and loss included; so a layer is the difference."""
    assert saved(row, layers).nbytes == row[f"total_l{layers}"]


def test_a_layer_is_a_row_with_a_count():
    """Each layer saves what the difference of the two models says, in models that do not change it at their ends."""
    row = next(row for row in rows("activations") if row["per_layer"] and not row["checkpoint"])
    assert saved(row, 2).nbytes - saved(row, 1).nbytes == row["per_layer"]


@pytest.mark.parametrize("row", LOSS, ids=[row["id"] for row in LOSS])
def test_loss(row):
    with_loss, without = saved(row, 2).nbytes, saved(row, 2, loss="none").nbytes
    assert with_loss - without == row["loss_saved"]


def test_the_paper_form_is_the_sum_of_its_own_ledger():
    """sbh(34 + 5as/h) for each layer, under the assumptions of arXiv 2205.05198."""
    s = vram.symbols
    gpt = vram.Architecture("gpt2", hidden_size=s.h, num_attention_heads=s.a, num_hidden_layers=s.l, vocab_size=s.V)
    ledger = vram.activations(gpt, batch=s.b, seq_len=s.s, implementation="megatron")
    layers = sum(row.nbytes for row in ledger if row.axes)
    assert (layers - s.l * (34 * s.b * s.s * s.h + 5 * s.a * s.s**2 * s.b)).expand() == 0


@pytest.mark.parametrize(("batch", "published"), [(1, 275_414_777_856), (64, 17_626_545_782_784)])
def test_gpt3_as_published(batch, published):
    """(34bsh + 5bs²a)l for GPT-3 with 2,048 tokens: zhuanlan.zhihu.com/p/624740065."""
    ledger = vram.activations(vram.models["gpt3-175b"], batch=batch, seq_len=2048, implementation="megatron")
    assert sum(row.nbytes for row in ledger if row.axes) == published


SETTINGS = st.fixed_dictionaries({
    "attention": st.sampled_from(["eager", "sdpa"]), "dtype": st.sampled_from(["fp32", "bf16"]),
    "checkpointing": st.sampled_from(["none", "selective", "full"]), "backend": st.sampled_from(["cuda", "cpu"]),
    "dropout": st.sampled_from([0.0, 0.1]), "loss": st.sampled_from(["full", "chunked", "fused", "none"]),
})  # fmt: skip


SETTINGS |= SETTINGS.map(lambda settings: {**settings, "attention": "flash", "dtype": "bf16"})


@given(SETTINGS, st.integers(1, 4), st.integers(1, 300))
def test_more_is_never_less(settings, batch, seq_len):
    size = vram.activations(LLAMA, batch=batch, seq_len=seq_len, **settings).nbytes
    assert type(size) is int and size >= 0
    assert vram.activations(LLAMA, batch=batch + 1, seq_len=seq_len, **settings).nbytes >= size
    assert vram.activations(LLAMA, batch=batch, seq_len=seq_len + 1, **settings).nbytes >= size
    none = vram.activations(LLAMA, batch=batch, seq_len=seq_len, **{**settings, "checkpointing": "none"}).nbytes
    assert size <= none


@given(SETTINGS, st.integers(1, 3), st.integers(1, 40))
def test_symbols_and_arrays_give_what_numbers_give(settings, batch, seq_len):
    size = vram.activations(LLAMA, batch=batch, seq_len=seq_len, **settings).nbytes
    grid = vram.activations(LLAMA, batch=np.array([batch, batch]), seq_len=np.array([seq_len, seq_len]), **settings)
    assert list(grid.nbytes) == [size, size]
    s = vram.symbols
    general = vram.activations(LLAMA, batch=s.b, seq_len=s.s, **settings).nbytes
    assert general.subs({s.b: batch, s.s: seq_len}) == size


@pytest.mark.parametrize(("word", "value"), [
    ("attention", "flesh"), ("checkpointing", "some"), ("backend", "tpu"), ("loss", "half"), ("dtype", "int8"),
    ("dropout", 1.5), ("dropout", "0.1"), ("batch", 0), ("seq_len", 2.5), ("implementation", "mine"),
    ("activation", "sine"), ("loss_chunks", 0),
])  # fmt: skip
def test_an_unknown_word_is_named(word, value):
    with pytest.raises(vram.VramError, match=word):
        vram.activations(LLAMA, **{word: value})
