"""What the sentences of a lesson claim, one file a lesson: `CLAIMS` are pairs of words that stand in its prose and a
function with which the library comes to the same words; `QUOTED` are figures of a source that a cell then checks."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

LESSONS: dict[str, ModuleType] = {
    path.stem[-2:]: import_module(f"claims.{path.stem}") for path in sorted(Path(__file__).parent.glob("lesson*.py"))
}
CLAIMS: list[tuple[str, str, Callable[[], str]]] = [
    (number, *claim) for number, lesson in LESSONS.items() for claim in lesson.CLAIMS
]
QUOTED: dict[str, set[str]] = {number: getattr(lesson, "QUOTED", set()) for number, lesson in LESSONS.items()}
