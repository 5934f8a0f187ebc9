"""Every word that panels and checks say, in one catalogue, so that a translation is one more folder.

`words/en/**.toml` hold the texts; a key is the path of tables that leads to a text: `say("check.open")`.
The file a text stands in is for the reader's convenience and is no part of its key.
The language is the environment variable VRAM_LANGUAGE (default "en").
"""

from __future__ import annotations

import os
import string
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from ..ledger.errors import VramError, nearest, unknown

#: The environment variable that names the language.
VARIABLE = "VRAM_LANGUAGE"


def say(key: str, /, **values: object) -> str:
    """The text of a key, with `values` put into its places by `str.format`.

    Raises VramError for a key that is not in the catalogue (with the nearest match) and for a missing value.

    >>> say("check.open_hint", id="02.1")
    'Stuck? hint("02.1") helps, one step a call.'
    """
    texts = catalogue(language())
    if key not in texts:
        guess = nearest(key, texts)
        hint = f" Did you mean {guess!r}?" if guess else ""
        raise VramError(f"words: {key!r} is not in the catalogue {language()!r}.{hint}")
    try:
        return texts[key].format(**values)
    except (KeyError, IndexError) as missing:
        raise VramError(f"words: {key!r} needs a value for {missing}; given: {sorted(values)}.") from None


def has(key: str) -> bool:
    """Whether the catalogue of the current language holds a key."""
    return key in catalogue(language())


def keys(prefix: str = "") -> tuple[str, ...]:
    """Every key that begins with `prefix`, in the order of the files."""
    return tuple(key for key in catalogue(language()) if key.startswith(prefix))


def places(key: str) -> frozenset[str]:
    """The names that a text expects from `say`."""
    parsed = string.Formatter().parse(catalogue(language())[key])
    return frozenset(name.split(".")[0].split("[")[0] for _, name, _, _ in parsed if name)


def language() -> str:
    """The language of the texts: VRAM_LANGUAGE, or English. Raises VramError for one that has no folder."""
    wanted = os.environ.get(VARIABLE, "en")
    known = languages()
    if wanted not in known:
        raise unknown(VARIABLE, wanted, known)
    return wanted


@cache
def languages() -> frozenset[str]:
    """The languages that have a folder of texts."""
    return frozenset(place.name for place in files(__package__).iterdir() if (place / "checks.toml").is_file())


@cache
def catalogue(language: str) -> dict[str, str]:
    """All texts of a language by key. Two texts under one key, or a text that is no string, are errors."""
    texts: dict[str, str] = {}
    for path in _toml_files(files(__package__) / language):
        for key, text in _flat(tomllib.loads(path.read_text(encoding="utf-8"))):
            if not isinstance(text, str):
                raise VramError(f"words: {key!r} in {path.name} is {text!r}; a text is a string.")
            if key in texts:
                raise VramError(f"words: {key!r} in {path.name} stands in the catalogue already.")
            texts[key] = text.strip("\n")
    return texts


def _toml_files(folder: Any) -> list[Any]:
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    here = [entry for entry in entries if entry.name.endswith(".toml")]
    return here + [path for entry in entries if entry.is_dir() for path in _toml_files(entry)]


def _flat(table: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs = []
    for name, value in table.items():
        key = f"{prefix}{name}"
        pairs += _flat(value, f"{key}.") if isinstance(value, dict) else [(key, value)]
    return pairs
