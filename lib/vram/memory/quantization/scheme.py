"""What a quantisation scheme is: rules that replace a matrix by codes and scales, and the options they read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...ledger.arithmetic import check_size
from ...ledger.errors import VramError, brief, unknown
from ...ledger.ledger import Ledger
from ...ledger.tensor import Tensor
from ..derive import Derived, derive

Kept = Callable[[Tensor], bool]
Options = Mapping[str, Any]

USUAL = ("embedding", "lm_head", "norm")
#: Formats that are made offline leave the small matrix that chooses the experts alone.
USUAL_OFFLINE = (*USUAL, "router")


@dataclass(frozen=True, slots=True)
class Option:
    """What an option is when not given, and the values it may have; without `choices` any size will do."""

    default: Any
    choices: tuple[Any, ...] = ()

    def check(self, name: str, value: Any) -> Any:
        """`value` itself if it is allowed."""
        if not self.choices:
            return check_size(name, value)
        for choice in self.choices:
            if type(choice) is type(value) and choice == value:
                return value
        raise VramError(f"{name}: {brief(value)} given, allowed: {', '.join(map(repr, self.choices))}.")


@dataclass(frozen=True, slots=True)
class Scheme:
    """A way to store weights in fewer bits.

    apply    (ledger, kept, options) → ledger; `kept` says of a tensor that it must stay as it is
    options  what may be set, by name
    keep     kinds of tensor that stay as they are when the caller does not say
    """

    name: str
    title: str
    apply: Callable[[Ledger, Kept, Options], Ledger]
    options: Mapping[str, Option] = field(default_factory=dict)
    keep: tuple[str, ...] = USUAL
    aliases: tuple[str, ...] = ()
    source: str = ""

    def filled(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every option with its value; an unknown one is an error."""
        for name in given:
            if name not in self.options:
                raise unknown(f"option of {self.name}", name, [*self.options, "format", "keep"])
        return {name: option.check(name, given.get(name, option.default)) for name, option in self.options.items()}


def matrices(rules: Callable[[Options], tuple[Derived, ...]]) -> Callable[[Ledger, Kept, Options], Ledger]:
    """A scheme that replaces each matrix that is not kept by what the rules say of it."""

    def apply(ledger: Ledger, kept: Kept, options: Options) -> Ledger:
        replacement = rules(options)
        rows: list[Tensor] = []
        for tensor in ledger:
            rows.extend(derive([tensor], replacement) if is_matrix(tensor) and not kept(tensor) else [tensor])
        return Ledger(rows)

    return apply


def is_matrix(tensor: Tensor) -> bool:
    """True for the weight of a linear layer, of an embedding, or of all experts of a layer stacked."""
    if tensor.op == "experts":
        return len(tensor.shape) >= 3
    return tensor.op in ("linear", "conv1d", "embedding") and len(tensor.shape) >= 2


def is_expert(tensor: Tensor) -> bool:
    """True for a matrix of one expert of many, or of all of them stacked; shared experts are not meant."""
    return tensor.part == "expert" and is_matrix(tensor)
