"""Why an answer cannot be read: the key of a sentence in the catalogue, never the answer itself."""

from __future__ import annotations


class Unreadable(Exception):
    """An answer whose form is wrong, before any question of its value. `key` names the sentence that says why."""

    def __init__(self, key: str, **values: str):
        super().__init__(key)
        self.key = key
        self.values = values
