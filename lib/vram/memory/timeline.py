"""What is alive when? A timeline is a ledger for each phase; the peak is the largest of them, not their sum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..architectures.catalogue import GPU, gpus
from ..ledger.arithmetic import Size, is_symbolic, largest
from ..ledger.errors import VramError, unknown
from ..ledger.ledger import Ledger

if TYPE_CHECKING:
    from .moments import Place


class Timeline:
    """Phases in order of time, each with the ledger of its largest moment, filed under kinds of memory.

    after     what is left at the end of a phase, where a phase has moments of its own
    moments   the operation at which each phase is largest, where it is known
    missing   kinds of memory that are not counted, so that no one takes a part for the whole
    nbytes    bytes of phases, where they are known already
    choices   moments of a phase: another one may be the largest where the work is shared among cards
    """

    def __init__(
        self,
        phases: Mapping[str, Ledger],
        *,
        after: Mapping[str, Ledger] = {},
        moments: Mapping[str, str] = {},
        missing: tuple[str, ...] = (),
        settings: Mapping[str, Any] = {},
        nbytes: Mapping[str, Size] = {},
        choices: Mapping[str, Sequence[Place]] = {},
    ):
        if not phases:
            raise VramError("phases: none given, a timeline has at least one.")
        self.phases: dict[str, Ledger] = dict(phases)
        self.after: dict[str, Ledger] = {**phases, **after}
        self.moments, self.missing, self.settings = dict(moments), missing, dict(settings)
        self._nbytes: dict[str, Size] = dict(nbytes)
        self.choices = choices

    def nbytes(self, phase: str) -> Size:
        """Bytes of a phase."""
        if phase not in self._nbytes:
            if phase not in self.phases:
                raise unknown("phase", phase, self.phases)
            self._nbytes[phase] = self.phases[phase].nbytes
        return self._nbytes[phase]

    @property
    def peak(self) -> Size:
        """Bytes of the largest phase, exact."""
        return largest_of(self.nbytes(phase) for phase in self.phases)

    @property
    def peak_phase(self) -> str:
        """The name of the largest phase; the first of several that are equal. Only for plain numbers."""
        return max(self.phases, key=self.nbytes)

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
        parts = ", ".join(f"{phase}: {self.nbytes(phase)}" for phase in self.phases)
        note = f"; not counted: {', '.join(self.missing)}" if self.missing else ""
        return f"Timeline({parts}{note})"


def largest_of(values: Iterable[Size]) -> Size:
    """The largest value. Of expressions the maximum is only written down, over those that may be the largest."""
    values = list(values)
    if not any(map(is_symbolic, values)):
        return largest(values)
    from sympy import Max

    parts = [part for value in values for part in (value.args if isinstance(value, Max) else (value,))]
    parts = _not_below_another(list(dict.fromkeys(parts)))
    return parts[0] if len(parts) == 1 else Max(*parts, evaluate=False)


def _not_below_another(expressions: list[Size]) -> list[Size]:
    """The expressions without those that have, term by term, no larger coefficient than another one.

    Every term is a product of sizes, and no size is negative; so such an expression is nowhere the larger one.
    """
    from sympy import expand

    kept: list[tuple[Size, Mapping[Any, Any]]] = []
    for expression in expressions:
        terms = expand(expression).as_coefficients_dict()
        if any(_covers(other, terms) for _, other in kept):
            continue
        kept = [(one, other) for one, other in kept if not _covers(terms, other)]
        kept.append((expression, terms))
    return [expression for expression, _ in kept]


def _covers(large: Mapping[Any, Any], small: Mapping[Any, Any]) -> bool:
    return all(large.get(term, 0) >= small.get(term, 0) for term in {*large, *small})
