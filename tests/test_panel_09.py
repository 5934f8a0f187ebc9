"""The panel of training time says what the library computes, its parts sum up, and its default is a known figure."""

from __future__ import annotations

import re

import pytest

import vram
from covering import states
from vram.show import time_panel
from vram.show.panels.lesson09 import SEQ_LEN, written

DAY = 86_400
UNITS = {"days": DAY, "hours": 3_600, "minutes": 60}


def read(text: str) -> float:
    """A written time in seconds."""
    number, unit = text.split(" ")
    return float(number.replace(",", "")) * UNITS[unit]


def test_every_state_says_the_time_of_the_library() -> None:
    panel = time_panel()
    for state in states(panel):
        view = panel.view(**state)
        how = {"tokens": state["tokens"], "seq_len": SEQ_LEN, "gpu": state["gpu"], "gpus": state["cards"]}
        arch = vram.models[state["model"]]
        once, twice = (
            vram.training_time(arch, **how, mfu=state["utilisation"], recompute=again) for again in (False, True)
        )
        assert f"takes {written(once)} on" in view.verdict and f"and {written(twice)} if" in view.verdict, state
        assert view.formula[0].endswith(f"= {written(once)}"), state
        for total in (once, twice):
            assert f": {written(total)} in all" in view.picture, state


def test_parts_sum_to_the_whole() -> None:
    panel = time_panel()
    for model in panel.controls[0].values:
        *parts, total, again = panel.view(model=model, cards=1).tables[0].rows
        assert sum(read(row[4]) for row in parts) == pytest.approx(read(total[4]), rel=2e-3)
        assert sum(float(row[3].rstrip(" %")) for row in parts) == pytest.approx(100, abs=0.3)
        assert read(again[4]) < read(total[4]) / 3 * 1.01


def test_the_default_is_the_published_run() -> None:
    """GPT-3 in 34 days on 1,024 A100, everything computed twice; the scores of attention are on top of 8·N·D."""
    days = read(re.search(r"and ([\d.,]+ days) if", time_panel().view().verdict)[1]) / DAY
    assert 34 <= days < 35


def test_states_need_cards_of_their_own() -> None:
    states = vram.model_states(vram.models["gpt3-175b"]).peak
    cards = -(-states // vram.gpus["A100-80GB"].usable_bytes)
    assert f"fill {cards} of these cards" in time_panel().view().detail


@pytest.mark.parametrize(("seconds", "text"), [(DAY, "1.0 days"), (DAY - 1, "24.0 hours"), (30, "0.5 minutes"),
                                               (1234.5 * DAY, "1,234.5 days")])  # fmt: skip
def test_times_are_written_in_a_unit_that_reads_well(seconds: float, text: str) -> None:
    assert written(seconds) == text


def test_double_the_cards_half_the_time() -> None:
    def seconds(cards: int) -> float:
        verdict = time_panel().view(cards=cards, model="llama-3.1-405b").verdict
        return read(re.search(r"takes ([\d.,]+ \w+) on", verdict)[1])

    assert seconds(1024) / seconds(2048) == pytest.approx(2, rel=5e-3)
