"""What the library says when it is asked for something it cannot answer. Bad input never yields a number."""

from __future__ import annotations

from collections.abc import Iterable


class VramError(ValueError):
    """A question that has no answer: the message names the field, the value given and what is allowed."""


class ConfigError(VramError):
    """A config.json that describes no model we can count: the message names the field."""


def brief(value: object, most: int = 60) -> str:
    """How a value is shown in an error: short, whatever it is.

    >>> brief("4096"), brief(10**5000)
    ("'4096'", 'a number of more than 4300 digits')
    """
    if isinstance(value, int) and value.bit_length() > 14_000:  # Python prints at most 4,300 digits
        return "a number of more than 4300 digits"
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # such a number inside a list, or lists without end
        return f"a {type(value).__name__}"
    return text if len(text) <= most else text[: most - 1] + "…"


def nearest(word: object, known: Iterable[str]) -> str | None:
    """The known word most like `word`, or None when none is alike.

    >>> nearest("adamx", ["adamw", "sgd"])
    'adamw'
    """
    import difflib  # only needed once something has gone wrong

    if not isinstance(word, str):
        return None
    by_lower = {k.lower(): k for k in known}
    close = difflib.get_close_matches(word.lower()[:80], by_lower, n=1, cutoff=0.5)
    return by_lower[close[0]] if close else None


def unknown(field: str, value: object, known: Iterable[str], error: type[VramError] = VramError) -> VramError:
    """The error for a name that is not in a list: the list and the nearest match."""
    known = sorted(known)
    guess = nearest(value, known)
    hint = f" Did you mean {guess!r}?" if guess else ""
    return error(f"{field}: {brief(value, 80)} is not known.{hint} Known: {', '.join(known)}.")
