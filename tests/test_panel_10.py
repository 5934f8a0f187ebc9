"""The panel of many cards says what `shard` computes; its shares sum back to the whole where nothing is copied."""

from __future__ import annotations

import re
from functools import cache

import pytest

import vram
from covering import states
from vram.ledger.units import both, gib
from vram.show import View, cards_panel
from vram.show.panels.lesson10 import GPU, MOMENTS, SEQ_LEN, most

STATES = ("weights", "gradients", "optimizer states")


@cache
def step(model: str = "llama-3-8b") -> vram.Timeline:
    return vram.training(vram.models[model], seq_len=SEQ_LEN)


def change(kind: str, **state: int) -> str:
    return {row[0]: row[3] for row in cards_panel().view(**state).tables[0].rows}[kind]


@pytest.fixture(scope="module")
def views() -> list[tuple[dict, View]]:
    """Every state with what it shows."""
    panel = cards_panel()
    return [(state, panel.view(**state)) for state in states(panel)]


def test_every_state_says_the_peak_of_the_most_loaded_card(views: list) -> None:
    for state, view in views:
        plan = {name: value for name, value in state.items() if name != "model"}
        alone = step(state["model"])
        shared = vram.shard(alone, **plan)
        assert f"peaks at {both(shared.peak)}" in view.verdict, state
        assert (": it fits." in view.detail) == shared.fits(GPU), state
        assert f"the {shared.peak_phase}," in view.detail
        for phase in MOMENTS:
            assert f"cards, {phase}: {gib(shared.nbytes(phase))} in all" in view.picture, state
        held = {row[0]: row[2] for row in view.tables[0].rows}
        assert held == {kind: gib(most(shared).get(kind, 0)) for kind in held}, state


def test_the_formula_is_close_to_the_ledger(views: list) -> None:
    for state, view in views:
        approximate, exact = (re.findall(r"[\d.,]+ [GM]iB", line)[-1] for line in view.formula)
        sizes = [float(text.split(" ")[0].replace(",", "")) for text in (approximate, exact)]
        if approximate[-3:] == exact[-3:]:
            # Stages hold whole layers, the ends of a pipeline the vocabulary: only without stages are the two close.
            above = 2 if state["pp"] > 1 else 1.05
            assert 0.95 * sizes[0] - 0.01 <= sizes[1] <= above * sizes[0] + 0.01, state  # both are rounded


@pytest.mark.parametrize(
    ("stage", "divided"), [(0, ()), (1, ("optimizer states",)), (2, ("optimizer states", "gradients")), (3, STATES)]
)
def test_stages_divide_one_kind_more_each(stage: int, divided: tuple[str, ...]) -> None:
    for kind in STATES:
        assert change(kind, zero=stage) == ("÷ 8" if kind in divided else "not divided")
    assert change("activations", zero=stage) == change("logits", zero=stage) == "not divided"


def test_tensor_parallelism_divides_states_and_a_part_of_the_activations() -> None:
    assert all(change(kind, dp=1, tp=8) == "÷ 8" for kind in STATES)
    assert 1 < float(change("activations", dp=1, tp=8).removeprefix("÷ ")) < 8


def test_one_card_is_one_card() -> None:
    view = cards_panel().view(dp=1)
    assert view.verdict == f"One card alone peaks at {both(step().peak)}."
    assert {row[3] for row in view.tables[0].rows} == {"not divided"}
