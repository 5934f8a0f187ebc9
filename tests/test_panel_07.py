"""The panel of lesson 07 names the fullest phase, and its formula multiplies to what a layer keeps."""

from __future__ import annotations

import re
from math import prod

import pytest

import vram
from vram.ledger.units import count, gib
from vram.show import peak_panel
from vram.show.panels.lesson07 import summed

PANEL = peak_panel()


def step(**state) -> vram.Timeline:
    state = PANEL.defaults | state
    return vram.training(vram.models[state.pop("model")], **state)


def test_a_state_names_the_largest_phase() -> None:
    for state in list(PANEL.states())[::3]:
        timeline, view = step(**state), PANEL.view(**state)
        largest = max(timeline.phases, key=lambda phase: timeline.phases[phase].nbytes)
        assert f"The peak is {gib(timeline.phases[largest].nbytes)}, in the phase: {largest}." in view.verdict, state
        left = timeline.after["forward"].by("kind")
        assert gib(left["activations"].nbytes) in view.detail and gib(left["logits"].nbytes) in view.detail, state


def evaluated(numbers: str) -> int:
    """The value of "4·2,048²·32 + 8·2,048"."""
    total = 0
    for term in numbers.split(" + "):
        factors = []
        for factor in term.replace(",", "").split("·"):
            base, squared = factor.removesuffix("²"), factor.endswith("²")
            factors.append(int(base) ** (2 if squared else 1))
        total += prod(factors)
    return total


@pytest.mark.parametrize("model", PANEL.controls[0].values)
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("checkpointing", ["none", "selective", "full"])
def test_the_formula_multiplies_to_a_layer(model: str, attention: str, checkpointing: str) -> None:
    how = {"batch": 2, "seq_len": 1024, "attention": attention, "checkpointing": checkpointing}
    layer = vram.activations(vram.models[model], **how).layer(0)
    line = PANEL.view(model=model, **how).formula[0]
    assert evaluated(re.search(r"= ([\d,·²+ ]+) bytes =", line)[1]) == layer.nbytes
    assert line.endswith(f"= {gib(layer.nbytes)}")


def test_the_sum_is_of_kinds_that_never_meet() -> None:
    timeline = step()
    kinds = {kind for ledger in timeline.phases.values() for kind in ledger.by("kind")}
    most = {
        kind: max(ledger.select(lambda t, kind=kind: t.kind == kind).nbytes for ledger in timeline.phases.values())
        for kind in kinds
    }
    assert summed(timeline) == sum(most.values()) > timeline.peak
    assert f"would give {gib(sum(most.values()))}" in PANEL.view().verdict


def test_the_table_of_a_layer_adds_up() -> None:
    rows = PANEL.view(checkpointing="none").tables[1].rows
    layer = vram.activations(vram.models["llama-3.2-1b"], batch=4, seq_len=2048).layer(0)
    assert len(rows) == len(layer) + 1 and rows[-1][-1] == gib(layer.nbytes)
    assert [row[1] for row in rows[:-1]] == [" × ".join(map(count, t.shape)) for t in layer]


def test_pairs_of_models_differ_in_the_vocabulary() -> None:
    sizes = [vram.models[name].vocab_size for name in PANEL.controls[0].values]
    assert sizes == [32_000, 128_256] * 2
