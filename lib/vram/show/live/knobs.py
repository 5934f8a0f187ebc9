"""The knobs that most live slides have: a model, a power of two, a card."""

from __future__ import annotations

from collections.abc import Sequence

from ...architectures import gpus, models
from ...ledger.symbols import GLOSSARY
from .slide import Knob

_FIELD = {notation.symbol: notation.name for notation in GLOSSARY}


def model_knob(label: str, names: Sequence[str], letters: str, default: str) -> Knob:
    """A choice among models of the catalogue; each sets the sizes whose letters are given, such as "hlag".

    Raises `VramError` for a model that the catalogue does not have.

    >>> model_knob("Model", ["gpt2", "gpt2-xl"], "hl", "gpt2").options["GPT-2 XL"]
    {'h': 1600, 'l': 48}
    """
    sizes = {name: {letter: models[name].fields[_FIELD[letter]] for letter in letters} for name in names}
    return Knob(label, {models.title(name): found for name, found in sizes.items()}, models.title(default))


def powers_knob(label: str, letter: str, least: int, most: int, default: int) -> Knob:
    """A choice among the powers of two from `least` to `most` for one symbol.

    >>> powers_knob("Sequences", "b", 1, 4, 1).options
    {'1': {'b': 1}, '2': {'b': 2}, '4': {'b': 4}}
    """
    values = [2**n for n in range(least.bit_length() - 1, most.bit_length())]
    return Knob(label, {f"{value:,}": {letter: value} for value in values}, f"{default:,}")


def gpu_knob(label: str, names: Sequence[str], default: str, letter: str = "C") -> Knob:
    """A choice among cards; each sets `letter` to its usable bytes."""
    return Knob(label, {name: {letter: gpus[name].usable_bytes} for name in names}, default)
