"""What this kernel remembers of the learner: guesses, hints taken, what is solved. Nothing is written to disk."""

from __future__ import annotations

from typing import Any

guesses: dict[str, Any] = {}
hints_taken: dict[str, int] = {}
solved: set[str] = set()
cases: dict[str, dict[str, bool | int]] = {}  # of the clinic, by id: which parts of the answer stood right


def forget() -> None:
    """Back to the state of a fresh kernel."""
    guesses.clear()
    hints_taken.clear()
    solved.clear()
    cases.clear()
