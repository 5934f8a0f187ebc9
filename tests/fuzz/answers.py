"""Is this an answer? Finite, of the type that is owed, not negative, consistent in itself."""

from __future__ import annotations

import math
from functools import singledispatch
from typing import Any

import vram
from vram.ledger.errors import brief
from vram.memory.compute import Compute
from vram.memory.timeline import Timeline

#: Rows of a ledger: a layer of each kind has its own, whatever their number.
MOST_ROWS = 20_000


class Wrong(AssertionError):
    """An answer that is none."""


def need(condition: bool, what: str, value: Any) -> None:
    """Raises `Wrong` unless the condition holds."""
    if not condition:
        raise Wrong(f"{what}: {brief(value, 200)}")


def whole(value: Any, what: str, least: int = 0) -> None:
    """A plain int, not a bool, at least `least`."""
    need(type(value) is int and value >= least, f"{what} is no whole number from {least}", value)


def time(value: Any, what: str) -> None:
    """A finite float above 0."""
    need(isinstance(value, (int, float)) and math.isfinite(value) and value > 0, f"{what} is no finite time", value)


@singledispatch
def check(answer: Any) -> None:
    """Raises `Wrong` where an answer is not what its kind promises."""
    raise Wrong(f"an answer of type {type(answer).__name__}: {brief(answer, 200)}")


@check.register
def _(answer: int) -> None:
    whole(answer, "the answer")


@check.register
def _(answer: float) -> None:
    time(answer, "the answer")


@check.register
def _(answer: str) -> None:
    need(bool(answer) and "nan" not in answer, "no text", answer)


@check.register
def _(answer: vram.Ledger) -> None:
    need(len(answer) <= MOST_ROWS, "rows of the ledger", len(answer))
    for tensor in answer:
        for n in tensor.shape:
            whole(n, f"a size of {tensor.name}")
        whole(tensor.count, f"the count of {tensor.name}")
        whole(tensor.nbytes, f"bytes of {tensor.name}")
    whole(answer.numel, "numel")
    whole(answer.nbytes, "nbytes")
    need(sum(part.nbytes for part in answer.by("kind").values()) == answer.nbytes, "kinds do not add up", answer)


@check.register
def _(answer: Timeline) -> None:
    sizes = [answer.nbytes(phase) for phase in answer.phases]
    for phase, ledger in answer.phases.items():
        check(ledger)
        need(answer.nbytes(phase) == ledger.nbytes, f"bytes of {phase} are not those of its ledger", ledger)
    whole(answer.peak, "peak")
    need(answer.peak == max(sizes) == answer.nbytes(answer.peak_phase), "the peak is not the largest phase", sizes)
    for phase, ledger in answer.after.items():
        if phase in answer.phases:
            need(ledger.nbytes <= answer.nbytes(phase), f"more is left after {phase} than was alive in it", phase)
    for gpu in ("T4", "B200"):
        need(answer.fits(gpu) == (answer.headroom(gpu) >= 0), "fits and headroom disagree", answer)


@check.register
def _(answer: Compute) -> None:
    for what in ("forward", "backward", "recompute", "model", "hardware"):
        whole(getattr(answer, what), what)
    need(answer.hardware >= answer.model >= answer.forward, "less is done than asked", answer)


@check.register
def _(answer: vram.Roofline) -> None:
    for what in ("compute_seconds", "memory_seconds", "seconds", "tokens_per_second", "intensity"):
        time(getattr(answer, what), what)
    need(answer.seconds == max(answer.compute_seconds, answer.memory_seconds), "not the longer of two", answer)
    need(answer.bound in ("compute", "bandwidth"), "bound", answer.bound)


@check.register
def _(answer: vram.OutOfMemory) -> None:
    for what in ("tried", "total", "free", "allocated", "reserved", "in_use"):
        if getattr(answer, what) is not None:
            whole(getattr(answer, what), what)


@check.register
def _(answer: vram.Change) -> None:
    whole(answer.peak, "peak", 1)
    need(type(answer.fits) is bool, "fits", answer.fits)


@check.register
def _(answer: vram.Why) -> None:
    for row in answer.rows:
        whole(row.nbytes, "bytes of a row")


@check.register
def _(answer: vram.GPU) -> None:
    whole(answer.usable_bytes, "usable bytes", 1)


@check.register
def _(answer: list) -> None:
    for one in answer:
        check(one)


@check.register
def _(answer: None) -> None:
    """No card suffices."""


