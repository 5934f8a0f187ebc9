"""Which wrong formulas does a learner's test break? The tests of lesson 14, tried on formulas of the KV cache.

A test is a function that takes a formula and says whether it may be right. A good one lets the right formula pass and
breaks the wrong ones: each of those is in use somewhere, or is the right one with a single slip.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import vram

from ..words import say
from .feedback import Feedback

Formula = Callable[..., Any]


def _cache(arch: vram.Architecture, batch: int = 1, seq_len: int = 2048) -> int:
    return vram.kv_cache(arch, batch=batch, seq_len=seq_len).nbytes


def _query_heads(arch: vram.Architecture, batch: int = 1, seq_len: int = 2048) -> int:
    return _cache(arch.replace(num_key_value_heads=arch.num_attention_heads), batch, seq_len)


def _keys_only(arch: vram.Architecture, batch: int = 1, seq_len: int = 2048) -> int:
    return _cache(arch, batch, seq_len) // 2


def _one_sequence(arch: vram.Architecture, batch: int = 1, seq_len: int = 2048) -> int:
    return _cache(arch, 1, seq_len)


def _model_card(arch: vram.Architecture, batch: int = 1, seq_len: int = 2048) -> int:
    return _cache(arch, batch, arch.max_position_embeddings)


def _one_layer(arch: vram.Architecture, batch: int = 1, seq_len: int = 2048) -> int:
    return _cache(arch, batch, seq_len) // arch.num_hidden_layers


def _divided_width(arch: vram.Architecture, batch: int = 1, seq_len: int = 2048) -> int:
    width = arch.hidden_size // arch.num_attention_heads
    return _cache(arch, batch, seq_len) * width // arch.head_dim


def _with_weights(arch: vram.Architecture, batch: int = 1, seq_len: int = 2048) -> int:
    return _cache(arch, batch, seq_len) + vram.weights(arch).nbytes


#: The formula that agrees with real caches, and the wrong ones by the name that the catalogue explains.
RIGHT: Formula = _cache
WRONG: dict[str, Formula] = {
    "query_heads": _query_heads,
    "keys_only": _keys_only,
    "one_sequence": _one_sequence,
    "model_card": _model_card,
    "one_layer": _one_layer,
    "divided_width": _divided_width,
    "with_weights": _with_weights,
}


def audit(test: Callable[[Formula], object] | None = None) -> Feedback:
    """Try a test on one right and seven wrong formulas of the cache: which ones does it break?

    test  takes a formula, itself called as formula(arch, batch=1, seq_len=2048) for bytes of a BF16 cache, and
          returns True when the formula may be right, False when it cannot be
    No test raises here. It is right when it lets the right formula pass and breaks all others.

    >>> audit(lambda formula: True).verdict
    'wrong'
    """
    if test is None:
        return Feedback("open", say("audit.open"))
    if not callable(test):
        return Feedback("unclear", say("audit.form"))
    verdict = _passes(test, RIGHT)
    if verdict is None:
        return Feedback("open", say("audit.open"))
    if not isinstance(verdict, bool):
        return Feedback("unclear", say("audit.raised", error=verdict))
    if not verdict:
        return Feedback("wrong", say("audit.breaks_right"))
    survivors = [say(f"audit.formula.{name}") for name, formula in WRONG.items() if _passes(test, formula) is True]
    broken = len(WRONG) - len(survivors)
    if not survivors:
        return Feedback("right", say("audit.all", total=len(WRONG)))
    return Feedback("wrong", say("audit.some", broken=broken, total=len(WRONG), survivors="; ".join(survivors)))


def _passes(test: Callable[[Formula], object], formula: Formula) -> bool | str | None:
    """What the test says of a formula: True, False, None while it is unwritten, or the name of its own error."""
    try:
        verdict = test(formula)
        return None if verdict is None else bool(verdict)
    except AssertionError:
        return False
    except Exception as error:  # a learner's code may fail in any way
        return type(error).__name__
