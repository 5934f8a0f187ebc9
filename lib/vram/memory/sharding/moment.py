"""Which moment is the largest on one card? Sharing divides some tensors and not others, so it may be another one.

Logits are divided among the cards of a tensor-parallel group and lie on the last stage of a pipeline; the stream
between the matrices is on every card. The moments of a phase are measured again as the card holds them, each row once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...ledger.ledger import Ledger
from ...ledger.tensor import Tensor
from ..moments import Candidate

#: (tensors, whether a layer is in work) → what the card holds of them
Share = Callable[[Iterable[Tensor], bool], Ledger]


def largest_on_card(candidates: Iterable[Candidate], share: Share) -> Candidate:
    """The moment at which the card holds most."""
    held: dict[object, int] = {}

    def nbytes(key: object, tensors: Callable[[], Iterable[Tensor]], working: bool) -> int:
        if (key, working) not in held:
            held[key, working] = share(tensors(), working).nbytes
        return held[key, working]

    def size(candidate: Candidate) -> int:
        rows = {(storage, storage in candidate.kept): storage for storage in candidate.alive}
        working = any("{}" in storage.name for storage in candidate.alive)
        total = sum(nbytes(id(ledger), lambda ledger=ledger: ledger, working) for ledger in candidate.base)
        return total + sum(
            nbytes(key, lambda storage=storage: [candidate.row(storage)], working) for key, storage in rows.items()
        )

    return max(candidates, key=size)
