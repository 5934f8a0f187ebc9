"""What makes a family: data, and at most one small block that no other family has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...ledger.arithmetic import exact_div
from ...ledger.errors import ConfigError
from ..decoder import Stack, decoder, grouped_attention
from ..experts import experts

if TYPE_CHECKING:
    from ...ledger.tensor import Tensor

Fields = Mapping[str, Any]
Default = Any  # a value, or a function of the fields that are known


def heads_as_many(fields: Fields) -> Any:
    """As many key/value heads as query heads: multi-head attention."""
    return fields["num_attention_heads"]


def width_over_heads(fields: Fields) -> Any:
    """d = h / a."""
    return exact_div(fields["hidden_size"], fields["num_attention_heads"])


def four_times_width(fields: Fields) -> Any:
    """f = 4h."""
    return 4 * fields["hidden_size"]


def same_as(name: str) -> Callable[[Fields], Any]:
    """The value of another field."""
    return lambda fields: fields[name]


def shared_experts(fields: Fields) -> Any:
    """All shared experts together are as wide as so many experts."""
    return (fields["n_shared_experts"] or 0) * fields["moe_intermediate_size"]


def window(fields: Fields) -> Any:
    """A window that the config does not switch on is not there."""
    return fields["window_size"] if fields["use_sliding_window"] else None


#: Where configs of late say which part of each head positions turn.
TURNED = {"rope_parameters.partial_rotary_factor": "partial_rotary_factor"}


def _nothing(fields: Fields) -> None:
    return None


#: What an explicit null means, where that is not what an absent key means.
NULLS: Mapping[str, Callable[[Fields], Any]] = {
    "num_key_value_heads": heads_as_many,
    "head_dim": width_over_heads,
    "q_lora_rank": _nothing,
    "n_shared_experts": _nothing,
    "sliding_window": _nothing,
    "window_size": _nothing,
}

#: The fields that every architecture has. A family says only where it differs; a config is asked only for those.
COMMON: Mapping[str, Default] = {
    "num_key_value_heads": heads_as_many, "head_dim": width_over_heads, "embedding_size": same_as("hidden_size"),
    "tie_word_embeddings": False, "attention_bias": False, "attention_out_bias": same_as("attention_bias"),
    "qk_norm": "none", "qk_norm_bias": False, "positions": "rotary", "position_offset": 0,
    "norm_weight": True, "norm_bias": False, "shared_norm": False, "final_norm": True, "parallel": False,
    "norms_the_sum": False, "mlp_gated": True, "mlp_bias": False, "lm_head_bias": False, "head": "lm",
    "sliding_window": None, "sliding_window_pattern": None, "max_window_layers": None, "layer_types": None,
    "num_experts": None, "num_experts_per_tok": None, "shared_expert_intermediate_size": 0,
    "first_k_dense_replace": 0, "decoder_sparse_step": 1, "mlp_only_layers": (), "moe_layers": None,
    "router_bias": False, "router_correction": False, "norm_topk_prob": False, "topk_method": None,
}  # fmt: skip

#: The end of a class name in `architectures` → what follows the last layer.
HEADS: Mapping[str, str] = {"ForCausalLM": "lm", "LMHeadModel": "lm", "ForConditionalGeneration": "lm", "Model": "none"}

#: Slots outside the base model: the prefix of the base model does not stand before their names.
_OUTSIDE = ("lm_head", "head_dense", "head_norm", "head_bias")


class Names(dict[str, str]):
    """Slot → name in a checkpoint; a part that the family does not have is an error that names it."""

    def __missing__(self, slot: str) -> str:
        raise ConfigError(f"{slot}: asked for, but no model of this family has such a part. Known: {', '.join(self)}.")


@dataclass(frozen=True, eq=False)
class Family:
    """One `model_type`.

    own         canonical field → value when the key is absent, as in the family's configuration class in transformers;
                a function is given the fields. A config is asked for these fields and no others
    names       slot of the decoder → name of its module in the checkpoint, within the base model
    keys        the family's own spelling of a config key → the canonical one, where they differ; a dot leads into an
                object of the config
    ignores     own fields that an Architecture may set but the family's code does not read from a config
    refuses     config key → the one value that can be counted, and what another value would need
    overrides   config key → a value that the family's code does not heed, and what a reader must know about it
    prefix      name of the base model within the model with a head
    heads       end of a class name in `architectures` → what follows the last layer
    transposed  weights are stored (in, out), as GPT-2's Conv1D does
    experts_in_first  stacked experts are stored (experts, in, out)
    variant     given the fields, the family with other names that these fields mean; None where there is but one
    attention   the attention block
    experts     the block of a layer with experts
    build       yields every tensor
    """

    model_type: str
    names: Mapping[str, str]
    own: Mapping[str, Default]
    keys: Mapping[str, str] = field(default_factory=dict)
    ignores: frozenset[str] = frozenset()
    refuses: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    overrides: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    prefix: str = "model"
    heads: Mapping[str, str] = field(default_factory=lambda: HEADS)
    transposed: bool = False
    experts_in_first: bool = False
    variant: Callable[[Fields], Family] | None = None
    attention: Callable[[Stack], Iterator[Tensor]] = grouped_attention
    experts: Callable[..., Iterator[Tensor]] = experts
    build: Callable[..., Iterator[Tensor]] = decoder

    @cached_property
    def defaults(self) -> Mapping[str, Default]:
        """Every field with its default."""
        return {**COMMON, **self.own}

    @cached_property
    def plain(self) -> dict[str, Any]:
        """The defaults that are values."""
        return {name: value for name, value in self.defaults.items() if not callable(value)}

    @cached_property
    def derived(self) -> dict[str, Callable[[Fields], Any]]:
        """The defaults that are functions of other fields, in order of dependence."""
        return {name: value for name, value in self.defaults.items() if callable(value)}

    @cached_property
    def has_experts(self) -> bool:
        """Some layers may have experts instead of an MLP."""
        return "num_experts" in self.own

    @cached_property
    def reads(self) -> dict[str, str]:
        """Every key that a config.json may give → the canonical field."""
        from ..fields import FIELDS

        read = {name: name for name in self.own if not FIELDS[name].structure and name not in self.ignores}
        return read | dict(self.keys)

    def spelled(self, base: str, outside: str = "") -> Mapping[str, str]:
        """Slot → full name: `base` stands before the names of the base model, `outside` before those of its head."""
        key = (base, outside)
        if key not in self._spelled:
            self._spelled[key] = Names(
                {slot: (outside if slot in _OUTSIDE else base) + name for slot, name in self.names.items()}
            )
        return self._spelled[key]

    @cached_property
    def _spelled(self) -> dict[tuple[str, str], Mapping[str, str]]:
        return {}

    def derive(
        self,
        model_type: str,
        *,
        names: Mapping[str, str | None] | None = None,
        **changes: Any,
    ) -> Family:
        """A family that differs in some defaults, names (None: it has no such part), or attributes of its own.

        Attributes of `Family` are given under their names, defaults of fields under theirs.
        """
        attributes = {k: changes.pop(k) for k in list(changes) if k in _ATTRIBUTES}
        merged = {slot: name for slot, name in {**self.names, **(names or {})}.items() if name is not None}
        values = {name: getattr(self, name) for name in _ATTRIBUTES} | attributes
        return Family(model_type, merged, {**self.own, **changes}, **values)


#: What a derived family takes over as it is, unless told otherwise.
_ATTRIBUTES = tuple(f.name for f in fields(Family) if f.name not in ("model_type", "names", "own"))
