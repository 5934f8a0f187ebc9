"""Which variant of a question belongs to a seed? The same one on every machine and with every Python.

All combinations of the settings stand in an order that a hash decides, and the seed counts through those that make
sense. Neighbouring seeds never ask for the same size.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from hashlib import sha256
from itertools import combinations, islice, product
from typing import Any

from .question import Question

_APART = 2  # so many tolerances apart, two sizes never take the same answer
_LEAST = Fraction(1, 1000)

Settings = dict[str, Any]


def settings_of(question: Question, seed: int) -> Settings:
    """The settings that a seed from 1 on draws; after the last variant the first one comes again."""
    found = list(islice(_kept(question), seed))
    return found[(seed - 1) % len(found)]


def makes_sense(question: Question, settings: Settings) -> bool:
    """Whether a variant can be asked: an option works, and neither the truth nor a wrong size passes for another."""
    if not question.is_sane(**settings):
        return False
    if not any(question.works(option, **settings) for option in reversed(question.options)):  # the last resort first
        return False
    wrong = (wrong.value(**settings) for wrong in question.wrong.values())
    sizes = [Fraction(value) for value in (question.size(**settings), *wrong) if value is not None]
    gap = _APART * max(question.tolerance, _LEAST)
    return all(abs(one - other) > gap * max(one, other) for one, other in combinations(sizes, 2))


def _kept(question: Question) -> Iterator[Settings]:
    before = None
    for number, settings in enumerate(_shuffled(question)):
        size = _size_if_sane(question, number)
        if size is not None and size != before:
            before = size
            yield dict(settings)


@cache
def _shuffled(question: Question) -> list[Settings]:
    every = (dict(zip(question.draws, chosen, strict=True)) for chosen in product(*question.draws.values()))
    return sorted(every, key=lambda settings: sha256(f"{question.id} {settings}".encode()).digest())


@cache
def _size_if_sane(question: Question, number: int) -> Any:
    """The size of a variant by its number in the order, None where it makes no sense; computed once a kernel."""
    settings = _shuffled(question)[number]
    return question.size(**settings) if makes_sense(question, settings) else None
