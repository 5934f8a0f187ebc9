"""The peak of a whole training step against torch's memory tracker: size, phase, and what is left after each phase."""

import pytest

import vram
from measured import rows, step_of

PEAKS = rows("peak")
#: What the tracker counts and no tensor of the model explains: a few scalars and position tables.
SMALL = 1e-4


def step(row):
    config, settings = step_of(row)
    return vram.training(vram.Architecture.from_config(config), **settings)


@pytest.mark.parametrize("row", PEAKS, ids=[row["id"] for row in PEAKS])
def test_peak(row):
    assert step(row).peak == pytest.approx(row["peak"]["Total"], rel=SMALL)


@pytest.mark.parametrize("row", PEAKS, ids=[row["id"] for row in PEAKS])
def test_phase_of_the_peak(row):
    """No gradient yet and activations alive: the start of backward. Gradients whole and no activation: the step."""
    at_peak = row["peak"]
    expected = "optimizer step" if at_peak["GRAD"] == row["param_bytes"] else "start of backward"
    assert step(row).peak_phase == expected


@pytest.mark.parametrize(("phase", "measured"), [
    ("forward", "after_forward"), ("backward", "after_backward"), ("optimizer step", "after_step"),
])  # fmt: skip
@pytest.mark.parametrize("row", PEAKS, ids=[row["id"] for row in PEAKS])
def test_what_is_left(row, phase, measured):
    assert step(row).after[phase].nbytes == pytest.approx(row[measured]["Total"], rel=SMALL)


@pytest.mark.parametrize("row", PEAKS, ids=[row["id"] for row in PEAKS])
def test_kinds_of_memory(row):
    parts = {kind: ledger.nbytes for kind, ledger in step(row).after["backward"].by("kind").items()}
    assert parts["weights"] == row["param_bytes"]
    assert parts["gradients"] == row["after_backward"]["GRAD"]
    assert parts["optimizer states"] == pytest.approx(row["after_backward"]["OPT"], rel=SMALL)
