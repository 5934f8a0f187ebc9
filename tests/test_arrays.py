"""A whole grid at once: NumPy arrays go through the code that single numbers go through, and give the same."""

import numpy as np
import pytest

import vram

HEADS = np.arange(1, 65)


@pytest.fixture(scope="module")
def grid():
    return vram.Architecture("llama", hidden_size=128 * HEADS, num_attention_heads=HEADS, intermediate_size=344 * HEADS,
                             num_hidden_layers=HEADS)  # fmt: skip


def single(i):
    k = int(HEADS[i])
    return vram.Architecture("llama", hidden_size=128 * k, num_attention_heads=k, intermediate_size=344 * k,
                             num_hidden_layers=k)  # fmt: skip


@pytest.mark.parametrize("answer", [
    lambda arch: vram.weights(arch).numel,
    lambda arch: vram.weights(arch, dtype="int4").nbytes,
    lambda arch: vram.lora(arch, rank=16).numel,
    lambda arch: vram.optimizer_states(vram.weights(arch), "adamw-8bit").nbytes,
    lambda arch: vram.optimizer_states(vram.weights(arch), "adafactor").nbytes,
    lambda arch: vram.quantize(vram.weights(arch), "nf4").nbytes,
    lambda arch: vram.training(arch, recipe="autocast").peak,
    lambda arch: vram.training(arch, lora=8, base="nf4").peak,
])  # fmt: skip
def test_a_grid_gives_what_its_points_give(grid, answer):
    whole = answer(grid)
    assert whole.dtype.kind == "i"
    assert [int(x) for x in whole] == [answer(single(i)) for i in range(len(HEADS))]


def test_a_grid_of_ranks():
    ranks = 2 ** np.arange(9)
    arch = vram.models["llama-3-8b"]
    assert [vram.lora(arch, rank=int(r)).numel for r in ranks] == list(vram.lora(arch, rank=ranks).numel)
