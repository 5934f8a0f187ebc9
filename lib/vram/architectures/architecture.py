"""An architecture: the numbers of a config.json, checked, completed with the family's defaults. Taught in lesson 03."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from os import PathLike
from typing import Any

from ..ledger.arithmetic import divides, is_array, is_whole
from ..ledger.dtypes import Dtype, as_dtype
from ..ledger.errors import ConfigError, unknown
from ..ledger.ledger import Ledger
from ..ledger.symbols import GLOSSARY, symbols
from ..ledger.traced import Traced
from .config import Wrapper, read_config
from .decoder import grouped_attention
from .families import Family, families
from .families.family import NULLS, width_over_heads
from .fields import FIELDS


class Architecture:
    """The shape of a model. Every field is an attribute under its config.json key (`arch.hidden_size`).

    Sizes may be ints, SymPy symbols or NumPy integer arrays; absent fields take the family's transformers defaults, and
    None means what null means in a config.json. `names` are the names of modules in the checkpoint by their slot in the
    decoder; `notes` say what is not counted.

    >>> Architecture("gpt2", hidden_size=1024, num_hidden_layers=24, num_attention_heads=16).intermediate_size
    4096
    """

    def __init__(
        self,
        model_type: str = "llama",
        *,
        name: str | None = None,
        wrapper: Wrapper | None = None,
        notes: tuple[str, ...] = (),
        **fields: Any,
    ):
        family: Family = families[model_type]
        filled = _Filling(family, fields)
        if family.variant is not None:
            family = family.variant(filled)
        if wrapper is not None:
            names = family.spelled(wrapper.base, wrapper.outside)
        else:
            names = family.spelled("" if filled["head"] == "none" or not family.prefix else f"{family.prefix}.")
        self.__dict__.update(
            filled, family=family, name=name, names=names, _given=fields, _fields=filled, _wrapper=wrapper, _notes=notes
        )
        self._check()

    @classmethod
    def from_config(
        cls, config: dict[str, Any] | str | PathLike[str], *, name: str | None = None, **fields: Any
    ) -> Architecture:
        """The architecture that a Hugging Face config.json describes: a dict, or the path of the file.

        `fields` are what a checkpoint has and its config does not say. Unknown keys are ignored as transformers ignores
        them; a key that is absent takes the family's default. Of a model for images and text, the language model is
        counted and `notes` say so.
        Raises `ConfigError`, which names the field, for anything that describes no model.
        """
        read = read_config(config)
        notes = () if fields else read.notes
        return cls(read.model_type, name=name, wrapper=read.wrapper, notes=notes, **{**read.fields, **fields})

    def _check(self) -> None:
        f = self._fields
        a, g, h, l = f["num_attention_heads"], f["num_key_value_heads"], f["hidden_size"], f["num_hidden_layers"]  # noqa: E741
        derived = self.family.defaults["head_dim"] is width_over_heads and self._given.get("head_dim") is None
        if derived and not divides(h, a):
            raise ConfigError(f"num_attention_heads: {a} given, but it does not divide hidden_size {h}; give head_dim.")
        if self.family.attention is grouped_attention and not divides(a, g):
            raise ConfigError(f"num_key_value_heads: {g} given, but it does not divide num_attention_heads {a}.")
        experts, chosen = f["num_experts"], f["num_experts_per_tok"]
        if is_whole(experts) and experts == 0 and "down" not in self.names:
            raise ConfigError(f"num_experts: 0 given, but every layer of {self.model_type} has experts.")
        if is_whole(experts) and is_whole(chosen) and 0 < experts < chosen:
            raise ConfigError(f"num_experts_per_tok: {chosen} given, but there are only {experts} experts.")
        for field in ("no_rope_layers", "layer_types", "mlp_layer_types"):
            kinds = f.get(field)
            if kinds and is_whole(l) and len(kinds) != l:
                raise ConfigError(f"{field}: {len(kinds)} entries given, but num_hidden_layers is {l}.")

    def __getattr__(self, field: str) -> Any:
        """Only reached for what is not there: fields are plain attributes."""
        raise _NoField(field, self.__dict__.get("_fields", {}))

    def __setattr__(self, field: str, value: object) -> None:
        raise AttributeError(f"{field}: an architecture does not change; replace() gives a changed copy.")

    @property
    def model_type(self) -> str:
        """The family's name, as config.json spells it."""
        return self.family.model_type

    @property
    def fields(self) -> dict[str, Any]:
        """Every field with its value, defaults included."""
        return dict(self._fields)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the numbers must know: parts that are not counted, keys that the model's code ignores."""
        return ((self._wrapper.note,) if self._wrapper else ()) + self._notes

    def replace(self, **changes: Any) -> Architecture:
        """The same architecture with some fields changed; fields that were derived are derived again."""
        return Architecture(self.model_type, wrapper=self._wrapper, notes=self._notes, **{**self._given, **changes})

    def symbolic(self) -> Architecture:
        """The same structure with a symbol for every size that was given, so that a ledger shows its formulas.

        A size that the family derives from others (d = h/a, f = 4h) stays derived. Where some layers are of another
        kind, the formula holds for any number of layers that has room for them.
        """
        letters = {notation.name for notation in GLOSSARY}
        given = self._without_derived(keep=letters)
        free = [n for n in letters if n in self.family.defaults and self._is_free(n, given)]
        sizes = {name: symbols.of(name) for name in free if self._fields[name] is not None}
        return self._like({**given, **sizes})

    def traced(self) -> Architecture:
        """The same numbers, each size remembering its symbol (its field's name, where the glossary has no letter).

        What is calculated of it is the same, and carries the formula that was executed: see `vram.why`.
        """
        given = self._without_derived(keep=())
        letters = {notation.name: notation.symbol for notation in GLOSSARY}
        sizes = {
            name: Traced.named(value, letters.get(name, name))
            for name, value in self._fields.items()
            if FIELDS[name].type == "size" and not FIELDS[name].structure and is_whole(value)
            if self._is_free(name, given)
        }
        return self._like({**given, **sizes})

    def _without_derived(self, keep: Collection[str]) -> dict[str, Any]:
        """The fields that were given, without those that say what the family derives from others anyway."""
        derived = self.family.derived
        return {
            name: value
            for name, value in self._given.items()
            if name in keep or name not in derived or not _same(value, derived[name](self._fields))
        }

    def _is_free(self, name: str, given: Mapping[str, Any]) -> bool:
        """True for a size that does not follow from others."""
        return given.get(name) is not None or name not in self.family.derived

    def _like(self, fields: Mapping[str, Any]) -> Architecture:
        return Architecture(self.model_type, name=self.name, wrapper=self._wrapper, notes=self._notes, **fields)

    def parameters(self, dtype: str | Dtype, *, tied_head: bool = False) -> Ledger:
        """Every parameter tensor, stored in `dtype`; with `tied_head`, a head that is the embedding has a row too."""
        return Ledger(self.family.build(self, as_dtype(dtype), tied_head))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Architecture) or self.model_type != other.model_type:
            return False
        mine, theirs = self._fields, other._fields
        return self._wrapper == other._wrapper and all(_same(mine[k], theirs[k]) for k in mine)

    __hash__ = None  # fields may be arrays

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{k}={'[…]' if is_array(v) else v}"
            for k, v in self._fields.items()
            if v is not None and not FIELDS[k].structure and k in self.family.own
        )
        return f"Architecture({self.name or self.model_type}: {shown})"


class _NoField(AttributeError):
    """No such field. Many only ask whether there is one (`hasattr`), so the nearest match waits for a reader."""

    def __init__(self, field: str, known: Collection[str]):
        super().__init__(field)
        self._field, self._known = field, known

    def __str__(self) -> str:
        return self._field if self._field.startswith("_") else str(unknown("field", self._field, self._known))


class _Filling(dict):
    """The fields of an architecture while they are filled: one that is not there yet is derived from the others."""

    __slots__ = ("_rules",)

    def __init__(self, family: Family, given: Mapping[str, Any]):
        super().__init__(family.plain)
        self._rules = family.derived
        for field, value in given.items():
            if field not in family.defaults:
                raise unknown("field", field, family.defaults, ConfigError)
            if value is not None:
                self[field] = FIELDS[field].check(value)
            elif field in NULLS:
                self.pop(field, None)
                self._rules = {**self._rules, field: NULLS[field]}
        for field in self._rules:
            self[field]  # derives it

    def __missing__(self, field: str) -> Any:
        value = self._rules[field](self)
        self[field] = value if value is None else FIELDS[field].check(value)
        return self[field]


def _same(x: Any, y: Any) -> bool:
    if type(x) is not type(y) and not (is_whole(x) and is_whole(y)):
        return False
    return x.shape == y.shape and bool((x == y).all()) if is_array(x) else bool(x == y)
