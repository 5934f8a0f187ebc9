"""Which moment is the largest on one card? Sharing divides some tensors and not others, so it may be another one.

Logits are divided among the cards of a tensor-parallel group and lie on the last stage of a pipeline; the stream
between the matrices is on every card. The moments of a phase are measured again as the card holds them, each row once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ...ledger.arithmetic import Size, is_whole
from ...ledger.dtypes import dtypes
from ...ledger.ledger import Ledger
from ...ledger.tensor import Tensor
from ..activations.tape import Storage
from ..moments import Candidate, undominated
from ..timeline import largest_of

#: (tensors, whether a layer is in work) → what the card holds of them
Share = Callable[[Iterable[Tensor], bool], Ledger]


def largest_on_card(candidates: Sequence[Candidate], share: Share) -> tuple[str, Ledger]:
    """The moment at which the card holds most: its name, and what the card holds.

    Which one that is may differ from point to point of a grid, or depend on what a symbol stands for. Then one row
    holds what the largest has beyond the rows of all moments.
    """
    measured = _Measured(share)
    if not is_whole(measured.candidate(candidates[0])):
        candidates = undominated(candidates, _shared_alike)
    sizes = [measured.candidate(candidate) for candidate in candidates]
    if all(map(is_whole, sizes)):
        chosen = candidates[max(range(len(sizes)), key=sizes.__getitem__)]
        return chosen.name, share(chosen.ledger(), _is_working(chosen))
    shared = set.intersection(*({id(ledger) for ledger in c.base} for c in candidates))
    common = [ledger for ledger in candidates[0].base if id(ledger) in shared]
    held = sum((share(ledger, False) for ledger in common), Ledger())
    rest = (largest_of(sizes) - held.nbytes,)
    row = Tensor("largest of several moments", rest, dtypes["uint8"], "temporaries", basis="implementation")
    return row.name, held + Ledger([row])


def _shared_alike(storage: Storage) -> object:
    """What decides a card's part of a tensor: its size, its part of the model, whether a weight or a layer has it."""
    return storage.key, storage.part, storage.kind, ".weight" in storage.name, "{}" in storage.name


def _is_working(candidate: Candidate) -> bool:
    """True where a layer is in work."""
    return any("{}" in storage.name for storage in candidate.alive)


class _Measured:
    """Bytes that the card holds, each ledger and each storage shared and measured once."""

    def __init__(self, share: Share):
        self._share = share
        self._known: dict[object, Size] = {}

    def candidate(self, candidate: Candidate) -> Size:
        """Bytes of a moment."""
        working = _is_working(candidate)
        total = sum(self._of((id(ledger), working), ledger, working) for ledger in candidate.base)
        for storage in candidate.alive:
            key = (storage, storage in candidate.kept, working)
            total = total + self._of(key, [candidate.row(storage)], working)
        return total

    def _of(self, key: object, tensors: Iterable[Tensor], working: bool) -> Size:
        if key not in self._known:
            self._known[key] = self._share(tensors, working).nbytes
        return self._known[key]
