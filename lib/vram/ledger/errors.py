"""What the library says when it is asked for something it cannot answer. Bad input never yields a number."""

from __future__ import annotations

from collections.abc import Iterable


class VramError(ValueError):
    """A question that has no answer: the message names the field, the value given and what is allowed."""


class ConfigError(VramError):
    """A config.json that describes no model we can count: the message names the field."""


def nearest(word: object, known: Iterable[str]) -> str | None:
    """The known word most like `word`, or None when none is alike.

    >>> nearest("adamx", ["adamw", "sgd"])
    'adamw'
    """
    import difflib  # only needed once something has gone wrong

    by_lower = {k.lower(): k for k in known}
    close = difflib.get_close_matches(str(word).lower()[:80], by_lower, n=1, cutoff=0.5)
    return by_lower[close[0]] if close else None


def unknown(field: str, value: object, known: Iterable[str], error: type[VramError] = VramError) -> VramError:
    """The error for a name that is not in a list: the list and the nearest match."""
    known = sorted(known)
    shown = repr(value) if len(repr(value)) <= 80 else repr(value)[:77] + "…"
    guess = nearest(value, known)
    hint = f" Did you mean {guess!r}?" if guess else ""
    return error(f"{field}: {shown} is not known.{hint} Known: {', '.join(known)}.")
