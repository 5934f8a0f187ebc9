"""A short list of states in which every option of every control meets every option of every other one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from vram.show import Panel


def covering(options: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """States that hold every pair of options, chosen greedily: each new one begins with a pair that is still missing
    and takes, control by control, the option that brings the most missing pairs.

    >>> len(covering({"a": [1, 2], "b": [1, 2], "c": [1, 2]}))
    4
    """
    names = list(options)
    missing = {
        (one, x, two, y) for one, two in combinations(names, 2) for x in options[one] for y in options[two]
    }  # fmt: skip
    found = []
    for one, x, two, y in sorted(missing, key=repr):
        if (one, x, two, y) not in missing:
            continue
        state = {one: x, two: y}
        for name in (n for n in names if n not in state):
            state[name] = max(options[name], key=lambda value: _gain(state, name, value, names, missing))
        missing -= {(a, state[a], b, state[b]) for a, b in combinations(names, 2)}
        found.append({name: state[name] for name in names})
    return found


def states(panel: Panel) -> list[dict[str, Any]]:
    """States of a panel with every pair of options of every two controls."""
    return covering({control.name: control.values for control in panel.controls})


def _gain(state: Mapping[str, Any], name: str, value: Any, names: Sequence[str], missing: set) -> int:
    """How many missing pairs an option makes with those that are chosen."""
    place = names.index(name)
    return sum(
        ((name, value, other, chosen) if place < names.index(other) else (other, chosen, name, value)) in missing
        for other, chosen in state.items()
    )
