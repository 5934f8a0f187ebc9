"""Is this what the question asks for? Checks that all questions share; the error names the argument."""

from __future__ import annotations

import math
from typing import Any

from ..architectures.architecture import Architecture
from ..ledger.arithmetic import is_array, is_symbolic
from ..ledger.errors import VramError
from ..ledger.ledger import Ledger


def need_ledger(value: Any, field: str = "ledger") -> Ledger:
    """`value` itself if it is a ledger."""
    if isinstance(value, Ledger):
        return value
    raise VramError(f"{field}: {_kind(value)} given, a Ledger is needed, such as vram.weights(arch).")


def need_architecture(value: Any, field: str = "arch") -> Architecture:
    """`value` itself if it is an architecture."""
    if isinstance(value, Architecture):
        return value
    raise VramError(f"{field}: {_kind(value)} given, an Architecture is needed, such as vram.models['llama-3-8b'].")


def need_flag(value: Any, field: str) -> bool:
    """`value` itself if it is true or false."""
    if isinstance(value, bool):
        return value
    raise VramError(f"{field}: {_kind(value)} given, True or False is needed.")


def need_positive(value: Any, field: str, most: float = 1e40) -> Any:
    """`value` itself if it is a finite number above 0, a symbol or an array of such numbers."""
    if is_symbolic(value):
        return value
    if is_array(value):
        if value.dtype.kind in "iufO" and (value.size == 0 or (value > 0).all()):
            return value
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and 0 < value <= most:
        return value
    raise VramError(f"{field}: {value!r:.60} given, a number above 0 is needed.")


def _kind(value: Any) -> str:
    is_short = value is None or (isinstance(value, (bool, int, float, str)) and len(repr(value)) < 40)
    return repr(value) if is_short else f"a {type(value).__name__}"
