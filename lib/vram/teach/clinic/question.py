"""What one question of the clinic is before its numbers are drawn: settings to draw from, and what is asked of them.

Three things are asked for: a size, which has one truth; a config, which is one choice from an ordered list; and a
sentence, which a person judges by a rubric. The words stand in the catalogue under `exercise.clinic.<number>`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from ...architectures import models

#: The parts of the clinic, in the order of the lesson.
THEMES = ("run", "cache", "quantise", "train", "adapters", "cards", "forensics", "experts")


@dataclass(frozen=True, slots=True)
class Wrong:
    """A wrong size that betrays its thought: how it comes about, and the misconception it belongs to, or "".

    `value` gives None where the thought is no mistake: with these settings it leads to the truth.
    """

    value: Callable[..., Any]
    misconception: str = ""


def within_window(model: str, context: int, **settings: Any) -> bool:
    """Whether the model was made for so many tokens: engines refuse more, and nobody trains with more by chance."""
    return context <= models[model].max_position_embeddings


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Question:
    """A question of the clinic.

    number     its place in the lesson, from 1
    theme      one of THEMES
    stars      1 to 3
    draws      the values of each setting; a seed draws one of each
    kind       of the size: bytes, count or number
    size       computes the size from the settings
    tolerance  how far the size may be off, as a share of the truth
    key        what the config chooses
    options    its values, those that one would like most first: the first one that works is right
    works      whether an option works, given the settings
    wrong      recognised wrong sizes by name, the most particular first
    facts      further texts for the words, computed from the settings
    is_sane    settings that make no sense together are not drawn
    """

    number: int
    theme: str
    stars: int
    draws: Mapping[str, tuple[Any, ...]]
    kind: str
    size: Callable[..., Any]
    key: str
    options: tuple[Any, ...]
    works: Callable[..., bool]
    tolerance: Fraction = Fraction(1, 200)
    wrong: Mapping[str, Wrong] = field(default_factory=dict)
    facts: Callable[..., Mapping[str, str]] = lambda **settings: {}
    is_sane: Callable[..., bool] = lambda **settings: True

    @property
    def id(self) -> str:
        """Where its words stand: "clinic.07"."""
        return f"clinic.{self.number:02}"
