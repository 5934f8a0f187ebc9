"""Which moment of a phase is the largest? Plain numbers are compared; grids and symbols keep all that may be it.

Tensors of one shape are counted before they are measured, and a moment that has no more of any shape than another is
left out: what remains to be compared is a handful, even where every size is an array of a million numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter

from ..ledger.arithmetic import Size, is_array, is_symbolic, product
from ..ledger.dtypes import dtypes
from ..ledger.ledger import Ledger
from ..ledger.tensor import Tensor
from .activations.tape import Storage
from .layered import Layered, OfLayer
from .live import Moment
from .timeline import largest_of

_key = attrgetter("key")


Base = Ledger | Layered


@dataclass(frozen=True, slots=True)
class Candidate:
    """One moment of a phase: what lives at it anyway, and what lives because of the operation.

    kept  those of the latter that wait for backward; the others are temporary
    """

    name: str
    base: tuple[Base, ...]
    alive: tuple[Storage, ...]
    kept: frozenset[Storage] = frozenset()

    def row(self, storage: Storage) -> Tensor:
        """The row of something alive; an activation that does not wait for backward is temporary."""
        return storage.row(kind="temporaries" if storage.kind == "activations" and storage not in self.kept else "")

    def ledger(self) -> Ledger:
        """Everything alive at the moment."""
        return Ledger(chain(*self.base, map(self.row, self.alive)))


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """The moments of one stretch of the model, beside what lives anyway while it runs: candidates when iterated."""

    base: tuple[Base, ...]
    moments: Sequence[Moment]
    kept: frozenset[Storage] = frozenset()

    def at(self, moment: Moment) -> Candidate:
        """One of them."""
        return Candidate(moment.name, self.base, moment.alive, self.kept)

    def __iter__(self) -> Iterator[Candidate]:
        return map(self.at, self.moments)


class Sizes:
    """Bytes of tensors, each shape measured once, and so is each ledger and each moment."""

    def __init__(self) -> None:
        self._of: dict[object, Size] = {}
        self._known: dict[int, tuple[object, Size]] = {}
        self._largest: dict[int, tuple[object, Moment]] = {}

    def base(self, base: Iterable[Base]) -> Size:
        """Bytes of what lives anyway."""
        return sum(map(self.ledger, base))

    def ledger(self, ledger: Base) -> Size:
        """Bytes of a ledger."""
        if id(ledger) not in self._known:  # the ledger is kept, so that no other can have its id
            counts: dict[object, Size] = {}
            parts = ledger.parts if isinstance(ledger, Layered) else [(OfLayer(ledger), ())]
            for of, axes in parts:
                layers = product(axis.count for axis in axes)
                for key, (count, row) in of.counts.items():
                    self._measure(key, row)
                    counts[key] = counts.get(key, 0) + count * layers
            self._known[id(ledger)] = ledger, sum(self._of[key] * count for key, count in counts.items())
        return self._known[id(ledger)][1]

    def moment(self, moment: Moment) -> Size:
        """Bytes of what lives because of the operation."""
        if id(moment) not in self._known:
            counts = Counter(map(_key, moment.alive))
            if not counts.keys() <= self._of.keys():
                for storage in moment.alive:
                    self._measure(storage.key, storage)
            self._known[id(moment)] = moment, sum(self._of[key] * count for key, count in counts.items())
        return self._known[id(moment)][1]

    def largest(self, moments: Sequence[Moment]) -> Moment:
        """The first of the largest moments; only for plain numbers."""
        if id(moments) not in self._largest:
            self._largest[id(moments)] = moments, max(moments, key=self.moment)
        return self._largest[id(moments)][1]

    def _measure(self, key: object, tensor: Tensor | Storage) -> None:
        if key not in self._of:
            self._of[key] = tensor.dtype.nbytes(product(tensor.shape))


def largest_moment(places: Sequence[Place], sizes: Sizes) -> tuple[str, Ledger, Size]:
    """The largest of the moments of a phase: its name, its ledger, its bytes.

    Which one that is may differ from point to point of a grid, or depend on what a symbol stands for. Then the rows
    that all moments have stay rows, and one row holds what the largest has beyond them.
    """
    first = sizes.base(places[0].base) + sizes.moment(places[0].moments[0])
    if not (is_symbolic(first) or is_array(first)):
        each = [(sizes.base(p.base) + sizes.moment(m), p.at(m)) for p in places for m in (sizes.largest(p.moments),)]
        nbytes, chosen = max(each, key=lambda one: one[0])
        return chosen.name, chosen.ledger(), nbytes
    left = [(place, moment) for place in places for moment in undominated(place.moments)]
    total = largest_of(sizes.base(place.base) + sizes.moment(moment) for place, moment in left)
    if len(left) == 1:
        ((place, moment),) = left
        return moment.name, place.at(moment).ledger(), total
    common = in_all([place.base for place, _ in left])
    rest = total - sizes.base(common)
    row = Tensor("largest of several moments", (rest,), dtypes["uint8"], "temporaries", basis="implementation")
    return row.name, Ledger(chain(*common, [row])), total


def in_all(bases: Sequence[tuple[Base, ...]]) -> list[Base]:
    """The ledgers that all of several bases have; told apart by identity, for their rows may hold arrays."""
    shared = set.intersection(*({id(ledger) for ledger in base} for base in bases))
    return [ledger for ledger in bases[0] if id(ledger) in shared]


def undominated(
    moments: Iterable[Moment], alike: Callable[[Storage], object] = lambda storage: storage.key
) -> list[Moment]:
    """The moments of one place that have more of something than every other one.

    `alike` gives storages that are always of one size the same key.
    """
    kept: list[tuple[Moment, Counter[object]]] = []
    for moment in moments:
        counts = Counter(map(alike, moment.alive))
        if any(counts <= more for _, more in kept):
            continue
        kept = [(other, less) for other, less in kept if not less <= counts]
        kept.append((moment, counts))
    return [moment for moment, _ in kept]
