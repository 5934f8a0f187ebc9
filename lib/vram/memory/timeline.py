"""What is alive when? A timeline is a ledger for each phase; the peak is the largest of them, not their sum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..architectures.catalogue import GPU, gpus
from ..ledger.arithmetic import Size, is_array, is_symbolic, largest
from ..ledger.dtypes import dtypes
from ..ledger.errors import VramError
from ..ledger.ledger import Ledger
from ..ledger.tensor import Tensor


class Timeline:
    """Phases in order of time, each with the ledger of its largest moment, filed under kinds of memory.

    after     what is left at the end of a phase, where a phase has moments of its own
    moments   the operation at which each phase is largest, where it is known
    missing   kinds of memory that are not counted, so that no one takes a part for the whole
    """

    def __init__(
        self,
        phases: Mapping[str, Ledger],
        *,
        after: Mapping[str, Ledger] = {},
        moments: Mapping[str, str] = {},
        missing: tuple[str, ...] = (),
        settings: Mapping[str, Any] = {},
    ):
        if not phases:
            raise VramError("phases: none given, a timeline has at least one.")
        self.phases: dict[str, Ledger] = dict(phases)
        self.after: dict[str, Ledger] = {**phases, **after}
        self.moments, self.missing, self.settings = dict(moments), missing, dict(settings)

    @property
    def peak(self) -> Size:
        """Bytes of the largest phase, exact."""
        return largest(ledger.nbytes for ledger in self.phases.values())

    @property
    def peak_phase(self) -> str:
        """The name of the largest phase; the first of several that are equal. Only for plain numbers."""
        return max(self.phases, key=lambda phase: self.phases[phase].nbytes)

    def at_peak(self) -> Ledger:
        """The ledger of the largest phase."""
        return self.phases[self.peak_phase]

    def headroom(self, gpu: GPU | str) -> Size:
        """Usable bytes of the card minus the peak; negative when it does not fit."""
        card = gpus[gpu] if isinstance(gpu, str) else gpu
        return card.usable_bytes - self.peak

    def fits(self, gpu: GPU | str) -> bool:
        """True when the peak is at most the card's usable bytes."""
        return self.headroom(gpu) >= 0

    def __repr__(self) -> str:
        parts = ", ".join(f"{phase}: {ledger.nbytes}" for phase, ledger in self.phases.items())
        note = f"; not counted: {', '.join(self.missing)}" if self.missing else ""
        return f"Timeline({parts}{note})"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One moment of a phase: its name, its bytes, and how to write its ledger once it is chosen."""

    name: str
    nbytes: Size
    base: tuple[Ledger, ...]
    rows: tuple[Tensor, ...]

    def ledger(self) -> Ledger:
        """Everything alive at the moment."""
        return sum(self.base, Ledger()) + Ledger(self.rows)


def largest_moment(candidates: Iterable[Candidate]) -> tuple[str, Ledger]:
    """The largest of the moments of a phase, with its name.

    Which one that is may differ from point to point of a grid, or depend on what a symbol stands for. Then the rows
    that all moments have stay rows, and one row holds what the largest has beyond them.
    """
    candidates = list(candidates)
    if not any(is_symbolic(c.nbytes) or is_array(c.nbytes) for c in candidates):
        chosen = max(candidates, key=lambda c: c.nbytes)
        return chosen.name, chosen.ledger()
    ledgers = [c.ledger() for c in candidates]
    common = [row for row in ledgers[0] if all(any(row is other for other in ledger) for ledger in ledgers[1:])]
    shared = Ledger(common)
    rest = _maximum([c.nbytes - shared.nbytes for c in candidates])
    row = Tensor("largest of several moments", (rest,), dtypes["uint8"], "temporaries", basis="implementation")
    return row.name, shared + Ledger([row])


def _maximum(values: list[Size]) -> Size:
    """The largest value; of many expressions the maximum is only written down, as comparing them takes long."""
    if any(map(is_symbolic, values)):
        from sympy import Max

        values = list(dict.fromkeys(values))
        return values[0] if len(values) == 1 else Max(*values, evaluate=False)
    return largest(values)
