"""What this kernel remembers of the learner: guesses, hints taken, questions solved. Nothing is written to disk."""

from __future__ import annotations

from typing import Any

guesses: dict[str, Any] = {}
hints_taken: dict[str, int] = {}
solved: set[str] = set()


def forget() -> None:
    """Back to the state of a fresh kernel."""
    guesses.clear()
    hints_taken.clear()
    solved.clear()
