"""The bars of eight cards hold what `shard` computes for the plan that their title names."""

from __future__ import annotations

import pytest

import vram
from vram.ledger.units import UNITS
from vram.show import bars_per_card, figure
from vram.show.charts.lesson10 import PLANS, shared
from vram.words import say

PHASES = ("forward", "start of backward", "backward", "optimizer step")


def stacks(ax) -> list[dict[str, float]]:
    """Kind → bytes of every bar, from the top."""
    rows: list[dict[str, float]] = [{} for _ in PLANS]
    for container in ax.containers:
        for row, patch in zip(rows, container, strict=True):
            if patch.get_width():
                row[container.get_label()] = patch.get_width() * UNITS["GiB"]
    return rows


@pytest.mark.parametrize("phase", PHASES)
def test_bars_are_the_ledgers_of_their_plans(phase: str) -> None:
    step = vram.training(vram.models["llama-2-7b"], seq_len=512)
    ax = bars_per_card(model="llama-2-7b", seq_len=512, phase=phase)
    assert [label.get_text() for label in ax.get_yticklabels()] == [say(f"chart.shared.{name}") for name in PLANS]
    for row, plan in zip(stacks(ax), PLANS.values(), strict=True):
        ledger = vram.shard(step, **plan).phases[phase]
        assert row == pytest.approx({kind: part.nbytes for kind, part in ledger.by("kind").items() if part.nbytes})


def test_the_line_is_what_the_card_can_hold() -> None:
    (line,) = bars_per_card(gpu="L40S").lines
    assert line.get_xdata()[0] * UNITS["GiB"] == pytest.approx(vram.gpus["L40S"].usable_bytes)


def test_the_table_and_the_words_hold_the_totals() -> None:
    picture = figure(bars_per_card())
    for (title, timeline), row in zip(shared().items(), picture.table.rows, strict=True):
        total = vram.gib(timeline.nbytes("optimizer step"))
        assert (row[0], row[-1]) == (title, total)
        assert f"{title} {total}" in picture.image


def test_every_plan_uses_eight_cards() -> None:
    cards = {name: plan.get("dp", 1) * plan.get("tp", 1) * plan.get("pp", 1) for name, plan in PLANS.items()}
    assert cards.pop("alone") == 1 and set(cards.values()) == {8}
