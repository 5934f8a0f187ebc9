"""A read-only dictionary of named things, whose error names the nearest match."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TypeVar

from .errors import unknown

T = TypeVar("T")


class Registry(Mapping[str, T]):
    """Names to things. Looking up an unknown name raises `VramError` with the known names and the nearest match.

    `get` and `in` behave as in any mapping; aliases are found but not listed. A name is found in any case and with any
    separators (`q8_0`, `Q8-0`, `RTX 4090`, `rtx-4090`), unless two entries would answer to it.

    exact  names that are found only as they are written; True: all of them
    """

    def __init__(
        self,
        field: str,
        entries: Mapping[str, T],
        aliases: Mapping[str, str] | None = None,
        exact: bool | Iterable[str] = False,
    ):
        self.field, self._entries, self._aliases = field, dict(entries), dict(aliases or {})
        self._exact = frozenset([*self._entries, *self._aliases] if exact is True else exact or ())

    def __getitem__(self, name: str) -> T:
        try:
            return self._entries[name]
        except (KeyError, TypeError):
            pass
        own = self._own_name(name)
        if own is None:
            raise unknown(self.field, name, self._entries)
        return self._entries[own]

    def get(self, name: str, default: object = None):  # Mapping.get expects KeyError
        return self[name] if name in self else default

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name in self._entries or self._own_name(name) is not None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"Registry({self.field}: {', '.join(self._entries)})"

    def _own_name(self, name: object) -> str | None:
        """The name under which an entry is listed, of an alias or another spelling."""
        if not isinstance(name, str):
            return None
        return self._aliases.get(name) or self._spellings.get(_plain(name))

    @cached_property
    def _spellings(self) -> dict[str, str]:
        """Plain spelling → name of the one entry that answers to it."""
        found: dict[str, set[str]] = {}
        for name, own in {**dict(zip(self._entries, self._entries, strict=True)), **self._aliases}.items():
            if name not in self._exact:
                found.setdefault(_plain(name), set()).add(own)
        return {plain: owns.pop() for plain, owns in found.items() if len(owns) == 1}


def _plain(name: str) -> str:
    """Lower case, one kind of separator. No separator is dropped: qwen2.5-7b is not qwen2-57b."""
    return re.sub(r"[\s_.\-]+", "-", name[:200].lower())
