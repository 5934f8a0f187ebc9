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
from ..live import Moment
from ..moments import Candidate, Place, in_all, undominated
from ..timeline import largest_of

#: (tensors, whether a layer is in work) → what the card holds of them
Share = Callable[[Iterable[Tensor], bool], Ledger]


def largest_on_card(places: Sequence[Place], share: Share) -> tuple[str, Ledger]:
    """The moment at which the card holds most: its name, and what the card holds.

    Which one that is may differ from point to point of a grid, or depend on what a symbol stands for. Then one row
    holds what the largest has beyond the rows of all moments.
    """
    measured = _Measured(share)
    plain = is_whole(measured.moment(places[0], places[0].moments[0]))
    left = [(p, m) for p in places for m in (p.moments if plain else undominated(p.moments, _shared_alike))]
    sizes = [measured.moment(place, moment) for place, moment in left]
    if all(map(is_whole, sizes)):
        place, moment = left[max(range(len(sizes)), key=sizes.__getitem__)]
        return moment.name, share(place.at(moment).ledger(), _is_working(moment))
    held = sum((share(ledger, False) for ledger in in_all([place.base for place, _ in left])), Ledger())
    rest = (largest_of(sizes) - held.nbytes,)
    row = Tensor("largest of several moments", rest, dtypes["uint8"], "temporaries", basis="implementation")
    return row.name, held + Ledger([row])


def _shared_alike(storage: Storage) -> object:
    """What decides a card's part of a tensor: its size, its part of the model, whether a weight or a layer has it."""
    return storage.key, storage.part, storage.kind, ".weight" in storage.name, "{}" in storage.name


def _is_working(moment: Moment) -> bool:
    """True where a layer is in work."""
    return any("{}" in storage.name for storage in moment.alive)


class _Measured:
    """Bytes that the card holds: each ledger, each storage and each moment of a layer shared and measured once."""

    def __init__(self, share: Share):
        self._share = share
        self._known: dict[object, Size] = {}

    def moment(self, place: Place, moment: Moment) -> Size:
        """Bytes of a moment at its place."""
        if id(moment) not in self._known:
            self._known[id(moment)] = self._alive(place.at(moment), _is_working(moment))
        working, alive = self._known[id(moment)]
        return sum(self._of((id(ledger), working), ledger, working) for ledger in place.base) + alive

    def _alive(self, one: Candidate, working: bool) -> tuple[bool, Size]:
        keys = ((storage, (storage, storage in one.kept, working)) for storage in one.alive)
        return working, sum(self._of(key, [one.row(storage)], working) for storage, key in keys)

    def _of(self, key: object, tensors: Iterable[Tensor], working: bool) -> Size:
        if key not in self._known:
            self._known[key] = self._share(tensors, working).nbytes
        return self._known[key]
