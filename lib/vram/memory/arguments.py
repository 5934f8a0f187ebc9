"""Is this what the question asks for? Checks that all questions share; the error names the argument."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, wraps
from inspect import Parameter, signature
from numbers import Rational
from typing import Any, ParamSpec, TypeVar

from ..architectures.architecture import Architecture
from ..ledger.arithmetic import is_array, is_symbolic
from ..ledger.errors import VramError, brief, unknown
from ..ledger.ledger import Ledger

P = ParamSpec("P")
Answer = TypeVar("Answer")


def named_options(ask: Callable[P, Answer]) -> Callable[P, Answer]:
    """The same question; an option that it does not have is a `VramError` with the nearest match, not a `TypeError`.

    A question that hands options on to another leaves the check to that one.
    """
    if hands_on(ask):
        return ask

    @wraps(ask)
    def asked(*args: P.args, **options: P.kwargs) -> Answer:
        need_options(ask, options)
        return ask(*args, **options)

    return asked


@lru_cache(64)
def options_of(ask: Callable[..., Any]) -> Mapping[str, Parameter]:
    """The options of a question by name."""
    return signature(ask).parameters


def hands_on(ask: Callable[..., Any]) -> bool:
    """True for a question that takes any options and hands them on to another."""
    return any(option.kind is Parameter.VAR_KEYWORD for option in options_of(ask).values())


def need_options(ask: Callable[..., Any], options: Iterable[Any]) -> None:
    """Every one of `options` is the name of an option of the question."""
    known = options_of(ask)
    for name in options:
        if name not in known:
            raise unknown(f"option of {ask.__name__}", name, known)


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
    elif isinstance(value, (int, float, Rational)) and not isinstance(value, bool) and 0 < value <= most:  # not NaN
        return value
    raise VramError(f"{field}: {brief(value)} given, a number above 0 is needed.")


def _kind(value: Any) -> str:
    shown = brief(value)
    is_plain = value is None or isinstance(value, (bool, int, float, str))
    return shown if is_plain and len(shown) < 40 else f"a {type(value).__name__}"
