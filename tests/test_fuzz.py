"""Does every question, sensible or not, get an answer of its kind or one clear error? The first of `make fuzz`."""

import inspect

import pytest

import vram
from fuzz import answers, questions
from fuzz.case import Outcome, run, time_limit

CASES = 2000
#: Public functions that are no questions about a model.
HELPERS = {"billions", "both", "ceil_div", "count", "gb", "gib", "percent", "round_up", "overhead"}
PART = 250


@pytest.mark.parametrize("first", range(0, CASES, PART))
def test_a_question_gets_an_answer_or_one_clear_error(first):
    findings = [o.told() for o in (run(0, number) for number in range(first, first + PART)) if o.kind == "finding"]
    assert not findings, "\n\n".join(findings)


def test_every_public_question_is_asked_with_every_option():
    public = {name for name in vram.__all__ if inspect.isfunction(getattr(vram, name))}
    assert {question.name for question in questions.QUESTIONS} == public - HELPERS
    for question in questions.QUESTIONS:
        assert question.options().keys() >= set(question.always)  # an option without an entry is a KeyError


def test_a_case_is_the_same_again():
    once, again = run(3, 14), run(3, 14)
    assert (once.asked, once.kind, once.found) == (again.asked, again.kind, again.found)
    assert run(4, 14).asked != once.asked


def test_both_answers_and_refusals_come_up():
    kinds = [run(1, number).kind for number in range(60)]
    assert kinds.count("answer") > 15 and kinds.count("refused") > 10


@pytest.mark.parametrize("answer", [-1, True, float("nan"), float("inf"), 0.0, 1j, "", (), {}, object()])
def test_what_is_no_answer_is_found(answer):
    with pytest.raises(answers.Wrong):
        answers.check(answer)


def test_a_ledger_with_a_fraction_of_a_number_is_found():
    with pytest.raises(answers.Wrong, match="a size of w"):
        answers.check(vram.Ledger([vram.Tensor("w", (2.5, 4), vram.dtypes["bf16"])]))


def test_a_refused_value_that_gets_a_number_is_found(monkeypatch):
    arch = vram.models["gpt2"]
    asked = questions.Question(vram.weights, lambda *_: arch, 1)
    monkeypatch.setattr("fuzz.configs.draw", lambda random: {"model_type": "gpt2"})
    monkeypatch.setattr(questions, "draw", lambda *_: questions.Drawn(asked, {"dtype": "bf16"}, None))
    assert run(0, 0).kind == "answer"
    monkeypatch.setattr(questions, "draw", lambda *_: questions.Drawn(asked, {"dtype": "bf16"}, "dtype"))
    assert run(0, 0).kind == "finding"


def test_any_other_exception_is_found(monkeypatch):
    asked = questions.Question(lambda arch: 1 // 0, lambda *_: None, 1)
    monkeypatch.setattr("fuzz.configs.draw", lambda random: {"model_type": "gpt2"})
    monkeypatch.setattr(questions, "draw", lambda *_: questions.Drawn(asked, {}, None))
    assert "ZeroDivisionError" in run(0, 0).found


def test_what_does_not_end_is_ended():
    with pytest.raises(TimeoutError), time_limit(0.05):
        while True:
            pass


def test_an_outcome_tells_how_to_see_it_again():
    assert "case 7" in Outcome(7, "lora", "finding", asked="lora(…)", found="TypeError").told()
