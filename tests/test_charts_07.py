"""The curves of lesson 07 are what the library keeps, and the logits are four bytes a token and word."""

from __future__ import annotations

import pytest

import vram
from vram.ledger.units import UNITS, gib
from vram.show import activations_against_tokens, figure
from vram.show.charts.lesson07 import SHOWN

HOW = {
    "layers, eager attention": {"attention": "eager"},
    "layers, flash attention": {"attention": "flash"},
    "layers, full checkpointing": {"checkpointing": "full"},
}


@pytest.mark.parametrize(("model", "batch"), [("llama-2-7b", 1), ("llama-3-8b", 2)])
def test_each_curve_is_what_the_layers_keep(model: str, batch: int) -> None:
    arch = vram.models[model]
    curves = {line.get_label(): line for line in activations_against_tokens(model=model, batch=batch).lines}
    for label, how in HOW.items():
        for tokens, held in list(zip(*curves[label].get_data(), strict=True))[::12]:
            layer = vram.activations(arch, batch=batch, seq_len=int(tokens), **how).layer(0).nbytes
            assert held * UNITS["GiB"] == pytest.approx(arch.num_hidden_layers * layer), label
    for tokens, held in list(zip(*curves["logits in FP32"].get_data(), strict=True))[::12]:
        assert held * UNITS["GiB"] == pytest.approx(4 * batch * int(tokens) * arch.vocab_size)


def test_the_level_line_is_the_weights() -> None:
    ax = activations_against_tokens()
    weights = vram.weights(vram.models["llama-2-7b"]).nbytes
    assert ax.lines[-1].get_ydata()[0] * UNITS["GiB"] == pytest.approx(weights)
    table = figure(ax).table
    assert list(table.rows[-1][1:]) == [gib(weights)] * len(SHOWN)
    full = [vram.activations(vram.models["llama-2-7b"], seq_len=s, checkpointing="full").layer(0).nbytes for s in SHOWN]
    assert list(table.rows[2][1:]) == [gib(32 * nbytes) for nbytes in full]
