"""Which moment of a phase is the largest? Plain numbers are compared; grids and symbols keep all that may be it.

Tensors of one shape are counted before they are measured, and a moment that has no more of any shape than another is
left out: what remains to be compared is a handful, even where every size is an array of a million numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..ledger.arithmetic import Size, is_array, is_symbolic, product
from ..ledger.dtypes import dtypes
from ..ledger.ledger import Ledger
from ..ledger.tensor import Tensor
from .activations.tape import Storage, size_key
from .timeline import largest_of


@dataclass(frozen=True, slots=True)
class Candidate:
    """One moment of a phase: what lives at it anyway, and what lives because of the operation.

    kept  those of the latter that wait for backward; the others are temporary
    """

    name: str
    base: tuple[Ledger, ...]
    alive: tuple[Storage, ...]
    kept: frozenset[Storage] = frozenset()

    def row(self, storage: Storage) -> Tensor:
        """The row of something alive; an activation that does not wait for backward is temporary."""
        return storage.row(kind="temporaries" if storage.kind == "activations" and storage not in self.kept else "")

    def ledger(self) -> Ledger:
        """Everything alive at the moment."""
        return sum(self.base, Ledger()) + Ledger(map(self.row, self.alive))


class Sizes:
    """Bytes of tensors, each shape measured once."""

    def __init__(self) -> None:
        self._of: dict[object, Size] = {}
        self._ledgers: dict[int, tuple[Ledger, Size]] = {}

    def ledger(self, ledger: Ledger) -> Size:
        """Bytes of a ledger."""
        if id(ledger) not in self._ledgers:  # the ledger is kept, so that no other can have its id
            counts: dict[object, Size] = {}
            for t in ledger:
                key = self._measured(size_key(t.shape, t.dtype), t)
                counts[key] = counts[key] + t.count if key in counts else t.count
            self._ledgers[id(ledger)] = ledger, sum(self._of[key] * count for key, count in counts.items())
        return self._ledgers[id(ledger)][1]

    def candidate(self, candidate: Candidate) -> Size:
        """Bytes of a moment."""
        fixed = sum(self.ledger(ledger) for ledger in candidate.base)
        counts: dict[object, int] = {}
        for storage in candidate.alive:
            key = storage.key
            counts[key] = counts.get(key, 0) + 1
            if key not in self._of:
                self._measured(key, storage)
        return fixed + sum(self._of[key] * count for key, count in counts.items())

    def _measured(self, key: object, tensor: Tensor | Storage) -> object:
        if key not in self._of:
            self._of[key] = tensor.dtype.nbytes(product(tensor.shape))
        return key


def largest_moment(candidates: Iterable[Candidate], sizes: Sizes) -> tuple[str, Ledger, Size]:
    """The largest of the moments of a phase: its name, its ledger, its bytes.

    Which one that is may differ from point to point of a grid, or depend on what a symbol stands for. Then the rows
    that all moments have stay rows, and one row holds what the largest has beyond them.
    """
    candidates = list(candidates)
    measured = [sizes.candidate(candidates[0])]
    if not (is_symbolic(measured[0]) or is_array(measured[0])):
        measured += [sizes.candidate(c) for c in candidates[1:]]
        place = max(range(len(measured)), key=measured.__getitem__)
        return candidates[place].name, candidates[place].ledger(), measured[place]
    candidates = undominated(candidates)
    total = largest_of(sizes.candidate(c) for c in candidates)
    if len(candidates) == 1:
        return candidates[0].name, candidates[0].ledger(), total
    shared = set.intersection(*({id(ledger) for ledger in c.base} for c in candidates))  # rows may hold arrays
    common = sum((ledger for ledger in candidates[0].base if id(ledger) in shared), Ledger())
    rest = total - sizes.ledger(common)
    row = Tensor("largest of several moments", (rest,), dtypes["uint8"], "temporaries", basis="implementation")
    return row.name, common + Ledger([row]), total


def undominated(
    candidates: Iterable[Candidate], alike: Callable[[Storage], object] = lambda storage: storage.key
) -> list[Candidate]:
    """The candidates that have more of something than every other one beside the same base.

    `alike` gives storages that are always of one size the same key.
    """
    counted = [(c, tuple(map(id, c.base)), Counter(map(alike, c.alive))) for c in candidates]
    kept: list[tuple[Candidate, Any, Counter[Any]]] = []
    for one, base, counts in counted:
        if any(base == other and counts <= more for _, other, more in kept):
            continue
        kept = [(c, other, less) for c, other, less in kept if not (base == other and less <= counts)]
        kept.append((one, base, counts))
    return [candidate for candidate, _, _ in kept]
