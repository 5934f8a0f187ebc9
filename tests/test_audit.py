"""Does the audit of lesson 14 break the seven wrong formulas for the right reasons, whatever a test does?"""

import pytest

import vram
from test_leaks import garbage
from vram.teach.audit import RIGHT, WRONG, audit
from vram.teach.authoring.challenge import passes

LLAMA, NEMO = vram.models["llama-3.1-8b"], vram.models["mistral-nemo-12b"]


def thorough(formula) -> bool:
    """A test as a learner may write it: one size counted by hand, and one knob after the other."""
    token = 2 * 32 * 8 * 128 * 2  # keys and values, layers, heads, width, bytes
    return (
        formula(LLAMA, seq_len=10) == 10 * token
        and formula(LLAMA, batch=3, seq_len=10) == 30 * token
        and formula(NEMO, seq_len=1) == 2 * 40 * 8 * 128 * 2
    )


def test_the_right_formula_is_the_ledger_and_the_wrong_ones_are_wrong_somewhere():
    assert RIGHT(LLAMA, 2, 100) == vram.kv_cache(LLAMA, batch=2, seq_len=100).nbytes
    settings = [(LLAMA, 1, 10), (LLAMA, 3, 10), (NEMO, 1, 1)]
    for name, formula in WRONG.items():
        assert any(formula(*setting) != RIGHT(*setting) for setting in settings), name


def test_a_thorough_test_breaks_all():
    assert audit(thorough).right and "all 7" in audit(thorough).text


def test_the_worked_answer_breaks_all():
    assert audit(passes).right


@pytest.mark.parametrize(
    ("test", "survivors"),
    [
        (lambda f: f(LLAMA, seq_len=20) == 2 * f(LLAMA, seq_len=10), 5),
        (lambda f: f(LLAMA, batch=2) == 2 * f(LLAMA), 5),
        (lambda f: f(LLAMA, seq_len=1) == 131_072, 2),
        (lambda f: f(NEMO, seq_len=1) == 163_840, 1),
        (lambda f: True, 7),
    ],
)
def test_survivors_are_named(test, survivors):
    said = audit(test)
    assert said.verdict == "wrong" and f"breaks {7 - survivors} of 7" in said.text
    assert said.text.partition("These survive: ")[2].count(";") == survivors - 1


@pytest.mark.parametrize(
    ("test", "verdict", "words"),
    [
        (None, "open", "Write a function"),
        (lambda formula: None, "open", "Write a function"),
        (3, "unclear", "without calling it"),
        (lambda: True, "unclear", "TypeError"),
        (lambda formula: 1 / 0, "unclear", "ZeroDivisionError"),
        (lambda formula: False, "wrong", "agrees with real caches"),
        (lambda formula: formula(LLAMA) < 0, "wrong", "agrees with real caches"),
    ],
)
def test_what_is_no_test_is_asked_back(test, verdict, words):
    assert audit(test).verdict == verdict and words in audit(test).text


def test_an_assertion_breaks_a_formula():
    def asserts(formula):
        assert thorough(formula)
        return True

    assert audit(asserts).right


def test_garbage_raises_nothing():
    for thing in garbage():
        audit(thing)
        audit(lambda formula, thing=thing: thing)
