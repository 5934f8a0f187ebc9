"""A config.json that anyone may upload or paste: bounded, plain JSON, never evaluated, every surprise a clear error."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from ...architectures import Architecture
from ...ledger.errors import ConfigError
from ...words import say

#: The largest that is read; published ones have a few KiB.
MAX_BYTES = 64 * 2**10
_LONGEST_NAME = 40


def text_of(content: bytes) -> str:
    """The text of an uploaded file. Raises `ConfigError` for a file that is too large or no text."""
    _check_size(len(content))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(say("fit.config.no_text")) from None


@lru_cache(maxsize=16)
def architecture(text: str) -> Architecture:
    """The model that the text of a config.json describes. Raises `ConfigError` for any other text."""
    return Architecture.from_config(_parsed(text), name=title(text))


@lru_cache(maxsize=16)
def title(text: str) -> str:
    """What the model is called: the name in the config, else its type. It is text, whatever it looks like."""
    config = _parsed(text)
    for key in ("_name_or_path", "model_type"):
        name = config.get(key)
        if isinstance(name, str) and (short := name.rstrip("/").rpartition("/")[2].strip()) and short.isprintable():
            return short if len(short) <= _LONGEST_NAME else f"{short[: _LONGEST_NAME - 1]}…"
    return say("fit.config.nameless")


def nothing_given() -> ConfigError:
    """What is said while there is no config yet."""
    return ConfigError(say("fit.config.none"))


def _parsed(text: str) -> dict[str, Any]:
    _check_size(len(text.encode("utf-8", "replace")))
    if not text.strip():
        raise nothing_given()
    try:
        config = json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ConfigError(say("fit.config.deep")) from None
    except ConfigError:
        raise
    except ValueError as error:  # no JSON, or a number of thousands of digits
        raise ConfigError(say("fit.config.no_json", reason=str(error)[:100])) from None
    if not isinstance(config, dict):
        raise ConfigError(say("fit.config.no_object", found=type(config).__name__))
    return config


def _check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise ConfigError(say("fit.config.large", size=f"{size:,}", most=f"{MAX_BYTES:,}"))


def _refuse(word: str) -> Any:
    raise ConfigError(say("fit.config.constant", word=word))
