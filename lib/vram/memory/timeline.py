"""What is alive when? A timeline is a ledger for each phase; the peak is the largest of them, not their sum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..architectures.catalogue import GPU, gpus
from ..ledger.arithmetic import Size, largest
from ..ledger.errors import VramError
from ..ledger.ledger import Ledger


class Timeline:
    """Phases in order of time, each with the ledger of what is alive in it, filed under kinds of memory.

    `missing` lists the kinds of memory that are not counted, so that no one takes a part for the whole.
    """

    def __init__(
        self, phases: Mapping[str, Ledger], *, missing: tuple[str, ...] = (), settings: Mapping[str, Any] = {}
    ):
        if not phases:
            raise VramError("phases: none given, a timeline has at least one.")
        self.phases: dict[str, Ledger] = dict(phases)
        self.missing, self.settings = missing, dict(settings)

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
