"""What makes a family: data, and nothing that another family already has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...ledger.arithmetic import exact_div

Default = Any  # a value, or a function of the fields filled in so far


@dataclass(frozen=True, slots=True)
class Family:
    """One `model_type`.

    keys        the family's own spelling of a config key → the canonical one, where they differ
    defaults    canonical field → value when the key is absent, in order of dependence; a function is given the fields
                so far. Values are those of the transformers configuration class of the family.
    names       slot of the decoder → name of its module in the checkpoint
    ignores     fields that an Architecture may set but the family's code does not read from a config
    transposed  weights are stored (in, out), as GPT-2's Conv1D does
    """

    model_type: str
    names: Mapping[str, str]
    defaults: Mapping[str, Default]
    keys: Mapping[str, str] = field(default_factory=dict)
    ignores: frozenset[str] = frozenset()
    transposed: bool = False

    def derive(self, model_type: str, *, ignores: frozenset[str] = frozenset(), **defaults: Default) -> Family:
        """A family that differs in its defaults, and perhaps in what it reads."""
        return replace(self, model_type=model_type, ignores=ignores, defaults={**self.defaults, **defaults})


def heads_as_many(fields: Mapping[str, Any]) -> Any:
    """As many key/value heads as query heads: multi-head attention."""
    return fields["num_attention_heads"]


def width_over_heads(fields: Mapping[str, Any]) -> Any:
    """d = h / a."""
    return exact_div(fields["hidden_size"], fields["num_attention_heads"])


def four_times_width(fields: Mapping[str, Any]) -> Any:
    """f = 4h."""
    return 4 * fields["hidden_size"]


def same_as(name: str) -> Callable[[Mapping[str, Any]], Any]:
    """The value of another field."""
    return lambda fields: fields[name]
