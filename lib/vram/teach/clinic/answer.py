"""What a learner hands in: a configuration, a number with its unit, and one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..answers import is_open


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a case.

    config    the one choice that is asked for: {"weights": "nf4"}
    size      a number with its unit: "12.55 GiB", 12.55 * GiB; a count where tokens or cards are asked for
    sentence  what you would write to the person who asked
    points    criteria of the rubric that the sentence meets, once somebody has judged it
    """

    config: Mapping[str, object] | None = None
    size: object = None
    sentence: str | None = None
    points: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing is filled in yet."""
        return self.config_is_open and is_open(self.size) and is_open(self.sentence)

    @property
    def config_is_open(self) -> bool:
        """Whether no choice is made yet: no config, or blanks in it."""
        if isinstance(self.config, Mapping):
            return all(is_open(value) for value in self.config.values())
        return is_open(self.config)
