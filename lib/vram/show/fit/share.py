"""A state in other forms: the line of Python and the link that reproduce it, and the result as text to copy."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from ...ledger.errors import VramError
from ...words import say
from .config import MAX_BYTES, text_of
from .state import OWN, State

#: No link of the calculator is longer.
_LONGEST_QUERY = 2000


def python(state: State) -> str:
    """The line that opens the calculator in this state.

    >>> python(State(job="run", context=4096))
    'vram.show.calculator(model="llama-3-8b", job="run", gpu="RTX 4090", context=4096)'
    """
    values = state.changed
    if state.model == OWN:
        values = {"config": "config.json"} | {k: v for k, v in values.items() if k != "model"}
    arguments = ", ".join(f"{name}={json.dumps(value)}" for name, value in values.items())
    return f"vram.show.calculator({arguments})"


def query(state: State) -> str:
    """What follows the address of the page: the state without the text of a config.json, which no link can hold.

    >>> query(State(gpu="T4"))
    '?model=llama-3-8b&job=lora&gpu=T4&context=8192'
    """
    values = {name: value for name, value in state.changed.items() if value != OWN}
    return f"?{urlencode(values)}"


def from_query(text: str) -> dict[str, Any]:
    """The values that a link gives, numbers as numbers. Raises `VramError` for what is no list of settings."""
    if len(text) > _LONGEST_QUERY:
        raise VramError(say("fit.link.long", most=f"{_LONGEST_QUERY:,}"))
    usual = State().asdict()
    found = {}
    for name, value in parse_qsl(text.removeprefix("?"), keep_blank_values=True):
        if type(usual.get(name)) is int:
            if not (value.isascii() and value.isdigit()):
                raise VramError(say("fit.link.number", name=name, value=f"{value!r:.40}"))
            found[name] = int(value[:20])
        elif name in usual and name != "config":
            found[name] = value
    return found


def config_text(config: Mapping[str, Any] | str | os.PathLike[str]) -> str:
    """The text of a config.json given as a dict, as its text, or as the path of the file."""
    if isinstance(config, Mapping):
        return json.dumps(config)
    if isinstance(config, str) and config.lstrip().startswith("{"):
        return config
    try:
        with Path(config).open("rb") as file:
            return text_of(file.read(MAX_BYTES + 1))
    except OSError as error:
        raise VramError(say("fit.config.no_file", path=f"{os.fspath(config)!r:.120}", reason=error.strerror)) from None
    except ValueError as error:  # a NUL in the path
        raise VramError(say("fit.config.no_file", path=f"{config!r:.120}", reason=error)) from None
