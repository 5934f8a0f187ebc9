"""The panel of lesson 04 adds up, agrees with the search of the library, and opens on 128 KiB a token."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

import vram
from covering import states
from vram.ledger.units import count, gib
from vram.show import kv_panel
from vram.show.charts.lesson04 import resident, variants

PANEL = kv_panel()


def test_it_holds_what_the_library_holds() -> None:
    for state in states(PANEL):
        arch, usable = vram.models[state["model"]], vram.gpus[state["gpu"]].usable_bytes
        cache = vram.kv_cache(arch, batch=state["batch"], seq_len=state["seq_len"], dtype=state["kv"])
        total = vram.weights(arch).nbytes + cache.nbytes
        view = PANEL.view(**state)
        assert f"with the weights that is {gib(total)}" in view.verdict, state
        assert (f"{gib(abs(usable - total))} left" in view.verdict) == (total <= usable), state
        each = Fraction(re.search(r"numbers · ([\d.]+) B", view.formula[0])[1])
        assert cache.numel * each == cache.nbytes, state
        assert view.formula[0].endswith(f" = {gib(cache.nbytes)}"), state
        weights, cached, both, card, room = (float(row[1].replace(",", "")) for row in view.tables[0].rows)
        assert both == pytest.approx(weights + cached, abs=0.011), state
        assert room == pytest.approx(abs(card - both), abs=0.011), state


def test_the_formula_multiplies_to_its_count() -> None:
    for model in PANEL.controls[0].values:
        line = PANEL.view(model=model, seq_len=512, batch=4).formula[0]
        product, counted = re.search(r"= 2lbsg?d = ([\d,·]+) = ([\d,]+) numbers", line).groups()
        factors = [int(factor.replace(",", "")) for factor in product.split("·")]
        total = 1
        for factor in factors:
            total *= factor
        assert total == int(counted.replace(",", ""))


@pytest.mark.parametrize("model", PANEL.controls[0].values)
@pytest.mark.parametrize(("gpu", "batch", "kv"), [("RTX 4090", 8, "bf16"), ("B200", 1, "q4_0"), ("T4", 2, "fp8")])
def test_the_most_tokens_are_those_of_a_search(model: str, gpu: str, batch: int, kv: str) -> None:
    for variant in variants(model):
        found = variant.most_tokens(gpu, batch=batch, kv=kv)
        assert found == vram.max_context(variant.arch, gpu=gpu, of=resident, batch=batch, kv=kv)


def test_a_card_without_room_says_so() -> None:
    view = PANEL.view(model="llama-3.1-70b", gpu="T4")
    assert "no room for a single token on the T4" in view.detail and "missing" in view.verdict


def test_it_opens_on_128_kib_a_token() -> None:
    view = PANEL.view()
    assert "128.00 KiB for each token" in view.verdict and "It fits on the RTX 4090" in view.verdict
    assert f"room for {count(variants('llama-3.1-8b')[1].most_tokens('RTX 4090', batch=8))} tokens" in view.detail


def test_models_are_as_they_are_once_in_the_table_of_heads() -> None:
    for model in PANEL.controls[0].values:
        kinds = [variant.kind for variant in variants(model)]
        assert kinds in (["mha", "gqa", "mqa"], ["mha", "mqa"]), model
        assert vram.models[model].num_key_value_heads in [v.arch.num_key_value_heads for v in variants(model)]
