"""Reading a config.json that anyone may have written: plain JSON, nothing evaluated, every surprise one clear error."""

from __future__ import annotations

import json
import os
from os import PathLike
from typing import Any

from ..ledger.errors import ConfigError, unknown
from .families import families
from .fields import FIELDS

#: No published config.json comes near this size.
MAX_BYTES = 1_000_000


def read_config(config: dict[str, Any] | str | PathLike[str]) -> tuple[str, dict[str, Any]]:
    """The model type and the canonical fields that a config gives; unknown keys and nulls are left out."""
    if isinstance(config, (str, PathLike)):
        config = load_json(config)
    if not isinstance(config, dict):
        raise ConfigError(f"config: a {type(config).__name__} given, a JSON object (a dict) is needed.")
    model_type = config.get("model_type")
    if not isinstance(model_type, str):
        raise ConfigError(f"model_type: {model_type!r:.60} given, one of {', '.join(sorted(families))} is needed.")
    if model_type not in families:
        raise unknown("model_type", model_type, families, ConfigError)
    family = families[model_type]
    readable = {f for f in family.defaults if not FIELDS[f].structure} - family.ignores | set(family.keys)
    fields: dict[str, Any] = {}
    for key, value in config.items():
        if key in readable and value is not None:
            fields[family.keys.get(key, key)] = value
    return model_type, fields


def load_json(path: str | PathLike[str]) -> Any:
    """The content of a JSON file of reasonable size. NaN, infinity and endless digits or nesting are errors."""
    try:
        if os.path.getsize(path) > MAX_BYTES:
            raise ConfigError(f"config: the file is larger than {MAX_BYTES:,} bytes; a config.json has a few thousand.")
        with open(path, encoding="utf-8") as file:
            return json.loads(file.read(), parse_constant=_no_constant)
    except OSError as error:
        raise ConfigError(f"config: {os.fspath(path)!r:.120} cannot be read ({error.strerror}).") from None
    except RecursionError:
        raise ConfigError("config: the JSON is nested too deeply.") from None
    except ConfigError:
        raise
    except ValueError as error:  # JSONDecodeError, UnicodeDecodeError, too many digits, a NUL in the path
        raise ConfigError(f"config: not valid JSON ({str(error)[:120]}).") from None


def _no_constant(word: str) -> Any:
    raise ConfigError(f"config: {word} is not a number a config.json may hold.")
