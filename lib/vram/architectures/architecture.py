"""An architecture: the numbers of a config.json, checked, completed with the family's defaults. Taught in lesson 03."""

from __future__ import annotations

from os import PathLike
from typing import Any

from ..ledger.arithmetic import divides, is_array
from ..ledger.dtypes import Dtype, as_dtype
from ..ledger.errors import ConfigError, unknown
from ..ledger.ledger import Ledger
from ..ledger.symbols import GLOSSARY, symbols
from .config import read_config
from .decoder import parameters
from .families import Family, families
from .fields import FIELDS


class Architecture:
    """The shape of a model. Every field is an attribute under its config.json key (`arch.hidden_size`).

    Sizes may be ints, SymPy symbols or NumPy integer arrays; absent fields take the family's transformers defaults.

    >>> Architecture("gpt2", hidden_size=1024, num_hidden_layers=24, num_attention_heads=16).intermediate_size
    4096
    """

    __slots__ = ("_fields", "_given", "family", "name")

    def __init__(self, model_type: str = "llama", *, name: str | None = None, **fields: Any):
        family: Family = families[model_type]
        for field in fields:
            if field not in family.defaults:
                raise unknown("field", field, family.defaults, ConfigError)
        filled: dict[str, Any] = {}
        for field, default in family.defaults.items():
            value = fields.get(field)
            if value is None:
                value = default(fields | filled) if callable(default) else default
            filled[field] = FIELDS[field].check(value) if value is not None else None
        self.family, self.name, self._given, self._fields = family, name, fields, filled
        self._check_heads()

    @classmethod
    def from_config(cls, config: dict[str, Any] | str | PathLike[str], *, name: str | None = None) -> Architecture:
        """The architecture that a Hugging Face config.json describes: a dict, or the path of the file.

        Unknown keys are ignored as transformers ignores them; a key that is absent or null takes the family's default.
        Raises `ConfigError`, which names the field, for anything that describes no model.
        """
        model_type, fields = read_config(config)
        return cls(model_type, name=name, **fields)

    def _check_heads(self) -> None:
        a, g, h = self.num_attention_heads, self.num_key_value_heads, self.hidden_size
        if self._given.get("head_dim") is None and not divides(h, a):
            raise ConfigError(f"num_attention_heads: {a} given, but it does not divide hidden_size {h}; give head_dim.")
        if not divides(a, g):
            raise ConfigError(f"num_key_value_heads: {g} given, but it does not divide num_attention_heads {a}.")

    def __getattr__(self, field: str) -> Any:
        if field.startswith("_"):
            raise AttributeError(field)
        try:
            return self._fields[field]
        except KeyError:
            raise AttributeError(str(unknown("field", field, self._fields))) from None

    @property
    def model_type(self) -> str:
        """The family's name, as config.json spells it."""
        return self.family.model_type

    @property
    def fields(self) -> dict[str, Any]:
        """Every field with its value, defaults included."""
        return dict(self._fields)

    def replace(self, **changes: Any) -> Architecture:
        """The same architecture with some fields changed; fields that were derived are derived again."""
        return Architecture(self.model_type, name=None, **{**self._given, **changes})

    def symbolic(self) -> Architecture:
        """The same structure with a symbol for every size that was given, so that a ledger shows its formulas.

        A size that the family derives from others (d = h/a, f = 4h) stays derived.
        """
        defaults = self.family.defaults
        free = [
            n.name
            for n in GLOSSARY
            if n.name in defaults and (self._given.get(n.name) is not None or not callable(defaults[n.name]))
        ]
        sizes = {name: symbols.of(name) for name in free if self._fields[name] is not None}
        return Architecture(self.model_type, name=self.name, **{**self._given, **sizes})

    def parameters(self, dtype: str | Dtype) -> Ledger:
        """Every parameter tensor, stored in `dtype`."""
        return Ledger(parameters(self, as_dtype(dtype)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Architecture) or self.model_type != other.model_type:
            return False
        mine, theirs = self._fields, other._fields
        return all(type(mine[k]) is type(theirs[k]) and bool(_same(mine[k], theirs[k])) for k in mine)

    __hash__ = None  # fields may be arrays

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={'[…]' if is_array(v) else v}" for k, v in self._fields.items() if v is not None)
        return f"Architecture({self.name or self.model_type}: {shown})"


def _same(x: Any, y: Any) -> bool:
    return x.shape == y.shape and (x == y).all() if is_array(x) else x == y
