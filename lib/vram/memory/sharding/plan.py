"""How many cards share what, and which of them is asked about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...architectures.architecture import Architecture
from ...ledger.arithmetic import Size, check_size, is_whole
from ...ledger.errors import VramError, brief, unknown
from ...ledger.tensor import Tensor
from ..arguments import need_architecture, need_flag

STATES = ("weights", "gradients", "optimizer states")
DEGREES = ("tp", "pp", "dp", "ep", "cp")
OFFLOAD = ("none", "optimizer", "parameters")


@dataclass(frozen=True, slots=True)
class Plan:
    """A way of sharing.

    tp            cards that share every matrix of a layer; sp: they also share what lies between the matrices
    pp            groups of layers, one after the other; microbatches: how many batches a step is cut into
    dp            copies of the model, each with a batch of its own; zero: what the copies share (ZeRO stage)
    ep            cards of dp among which experts are divided
    cp            cards that share a sequence
    offload       what lies in host memory
    ranks         the card asked about, by degree; the most loaded one where not given
    """

    tp: int = 1
    sp: bool = False
    pp: int = 1
    microbatches: int | None = None
    dp: int = 1
    zero: int = 0
    ep: int = 1
    cp: int = 1
    offload: str = "none"
    arch: Architecture | None = None
    ranks: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.arch is not None:
            need_architecture(self.arch)
        need_flag(self.sp, "sequence_parallel")
        if not isinstance(self.ranks, Mapping):
            raise VramError(f"rank: {brief(self.ranks)} given, a mapping of degrees to numbers is needed.")
        for name in DEGREES:
            if type(check_size(name, getattr(self, name), most=2**20)) is not int:
                raise VramError(f"{name}: {brief(getattr(self, name))} given, a plain whole number is needed.")
        if not is_whole(self.zero) or not 0 <= self.zero <= 3:
            raise VramError(f"zero: {brief(self.zero)} given, a ZeRO stage from 0 to 3 is needed.")
        if self.offload not in OFFLOAD:
            raise unknown("offload", self.offload, OFFLOAD)
        if self.dp % self.ep:
            raise VramError(f"ep: {self.ep} given, but it does not divide dp {self.dp}: copies share the experts.")
        if self.offload == "parameters" and self.zero != 3:
            raise VramError("offload: 'parameters' given, but only zero=3 fetches weights layer by layer.")
        if self.microbatches is not None:
            check_size("microbatches", self.microbatches)
        for name, rank in self.ranks.items():
            if name not in DEGREES:
                raise unknown("rank", name, DEGREES)
            most = getattr(self, name) - 1
            if not is_whole(rank) or not 0 <= rank <= most:
                raise VramError(f"rank: {name} {brief(rank)} given, a number from 0 to {most} is needed.")
        self._check_against_the_model()

    def _check_against_the_model(self) -> None:
        if self.arch is None:
            return
        a, g = self.arch.num_attention_heads, self.arch.num_key_value_heads
        experts = getattr(self.arch, "num_experts", None)
        if is_whole(a) and a % self.tp:
            raise VramError(f"tp: {self.tp} given, but it does not divide num_attention_heads {a}.")
        if is_whole(g) and g % self.tp and self.tp % g:
            raise VramError(f"tp: {self.tp} given; it must divide num_key_value_heads {g} or be a multiple of it.")
        if is_whole(experts) and experts and experts % self.ep:
            raise VramError(f"ep: {self.ep} given, but it does not divide num_experts {experts}.")
        if self.ep > 1 and not experts:
            raise VramError(f"ep: {self.ep} given, but the model has no experts.")

    def rank(self, name: str) -> int:
        """The index asked about; 0 holds the most of what does not divide."""
        return self.ranks.get(name, 0)

    def share(self, n: Size, name: str) -> Size:
        """One card's share of n things among the cards of a degree."""
        return share(n, getattr(self, name), self.rank(name))


def share(n: Size, parts: int, index: int = 0) -> Size:
    """Share number `index` of n things divided among `parts`, as evenly as can be; the first shares are the larger.

    >>> [share(10, 4, index) for index in range(4)]
    [3, 3, 2, 2]
    """
    return n if parts == 1 else (n + (parts - 1 - index)) // parts


def is_parameter(tensor: Tensor) -> bool:
    """True for a tensor that is a parameter or exists once for each: a gradient, a moment, a cast copy."""
    return tensor.kind in STATES or ".weight" in tensor.name or ".bias" in tensor.name


def is_expert(tensor: Tensor) -> bool:
    """True for a tensor of the experts that tokens choose among."""
    return tensor.part == "expert" and is_parameter(tensor)
