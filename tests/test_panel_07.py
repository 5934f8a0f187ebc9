"""The panel of lesson 07 names the fullest phase, and its formula multiplies to what a layer keeps."""

from __future__ import annotations

import re
from math import prod

import pytest

import vram
from covering import states
from vram.ledger.units import count, gib
from vram.show import peak_panel
from vram.show.panels.lesson07 import run, summed

PANEL = peak_panel()


def step(**state) -> vram.Timeline:
    state = PANEL.defaults | state
    how = run(state.pop("attention"), state.pop("checkpointing"))
    return vram.training(vram.models[state.pop("model")], **state, **how)


def test_a_state_names_the_largest_phase() -> None:
    for state in states(PANEL):
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
@pytest.mark.parametrize("attention", ["eager", "selective", "sdpa"])
@pytest.mark.parametrize("checkpointing", ["none", "full"])
def test_the_formula_multiplies_to_a_layer(model: str, attention: str, checkpointing: str) -> None:
    size = {"batch": 2, "seq_len": 1024}
    layer = vram.activations(vram.models[model], **size, **run(attention, checkpointing)).layer(0)
    line = PANEL.view(model=model, attention=attention, checkpointing=checkpointing, **size).formula[0]
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


@pytest.mark.parametrize(("controls", "words"), [
    (("eager", "none"), ("eager", "none")), (("selective", "none"), ("eager", "selective")),
    (("sdpa", "none"), ("sdpa", "none")), (("selective", "full"), ("eager", "full")),
])  # fmt: skip
def test_the_controls_as_the_library_names_them(controls: tuple[str, str], words: tuple[str, str]) -> None:
    assert tuple(run(*controls).values()) == words


def test_the_table_of_a_layer_adds_up() -> None:
    rows = PANEL.view(checkpointing="none").tables[1].rows
    layer = vram.activations(vram.models["llama-3.2-1b"], batch=4, seq_len=2048).layer(0)
    assert len(rows) == len(layer) + 1 and rows[-1][-1] == gib(layer.nbytes)
    assert [row[1] for row in rows[:-1]] == [" × ".join(map(count, t.shape)) for t in layer]


def test_pairs_of_models_differ_in_the_vocabulary() -> None:
    sizes = [vram.models[name].vocab_size for name in PANEL.controls[0].values]
    assert sizes == [32_000, 128_256] * 2
