"""Which sources does the course rest on? Gathered from the sources of all lessons, so that none is typed twice."""

from __future__ import annotations

import re
from pathlib import Path

from ..authoring.files import loads

_LINK = re.compile(r"\[[^\]]*\]\((https?://[^)\s]+)\)")


def bibliography(folder: str | Path = "..") -> str:
    """Every source of the lessons in `folder` as a Markdown list by first words, with the lessons that use it.

    A source is known by its first link; the longest of its descriptions stands.
    """
    found: dict[str, tuple[str, set[str]]] = {}
    for lesson in sorted(Path(folder).glob("[0-9][0-9]-*.ipynb")):
        cells = {cell.id: cell.source for cell in loads(lesson.read_text(encoding="utf-8")).cells}
        for entry in entries(cells.get("sources", "")):
            address = _LINK.search(entry)[1]
            text, lessons = found.get(address, ("", set()))
            found[address] = (max(text, entry, key=len), lessons | {lesson.name[:2]})
    lines = sorted(found.values(), key=lambda source: re.sub(r"\W", "", source[0]).casefold())
    return "\n".join(f"- {text} ({', '.join(sorted(lessons))})" for text, lessons in lines)


def entries(cell: str) -> list[str]:
    """The items of a list in Markdown that hold a link to the outside, each in one line."""
    items = re.split(r"^[-*] ", cell, flags=re.MULTILINE)[1:]
    return [text for item in items if _LINK.search(text := " ".join(item.split()))]
