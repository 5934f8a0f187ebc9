"""A read-only dictionary of named things, whose error names the nearest match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from .errors import unknown

T = TypeVar("T")


class Registry(Mapping[str, T]):
    """Names to things. Looking up an unknown name raises `VramError` with the known names and the nearest match.

    `get` and `in` behave as in any mapping; aliases are found but not listed.
    """

    def __init__(self, field: str, entries: Mapping[str, T], aliases: Mapping[str, str] | None = None):
        self.field, self._entries, self._aliases = field, dict(entries), dict(aliases or {})

    def __getitem__(self, name: str) -> T:
        try:
            return self._entries[name]
        except (KeyError, TypeError):
            pass
        if isinstance(name, str) and name in self._aliases:
            return self._entries[self._aliases[name]]
        raise unknown(self.field, name, self._entries)

    def get(self, name: str, default: object = None):  # Mapping.get expects KeyError
        return self[name] if name in self else default

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name in self._entries or name in self._aliases)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"Registry({self.field}: {', '.join(self._entries)})"
