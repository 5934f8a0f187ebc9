"""May an answer be written in every usual form, is an unclear one asked back, and is no text ever run?"""

import time
from decimal import Decimal
from fractions import Fraction

import numpy
import pytest
import sympy

import vram
from vram import VramError
from vram.teach import GB, TB, B, GiB, KiB, MiB, check
from vram.teach.exercises import lessons, of_lesson
from vram.teach.expressions import read_expression, same
from vram.teach.quantities import Quantity
from vram.teach.unreadable import Unreadable

pytestmark = pytest.mark.usefixtures("fresh_kernel")
QUESTIONS = [question for lesson in lessons() for question in of_lesson(lesson).values()]
h, layers, V, a, r = (getattr(vram.symbols, letter) for letter in "hlVar")


# Right answers.


@pytest.mark.parametrize(
    "answer",
    [74, "74", "74 parameters", 74.0, "74.0", "7.4e1", Decimal(74), Fraction(74), numpy.int64(74), sympy.Integer(74)],
)
def test_a_count_may_be_written_in_any_usual_way(answer):
    assert check("02.2", answer).right


@pytest.mark.parametrize(
    "answer",
    [1557611200, "1,557,611,200", "1_557_611_200", "1 557 611 200", "1\u202f557\u202f611\u202f200", 1557611200.0],
)
def test_thousands_may_be_separated(answer):
    assert check("02.4", answer).right


@pytest.mark.parametrize(
    "answer",
    ["193.95 GiB", "208.3 GB", "208.3GB", "208.3 gb", "198,606 MiB", "0.2083 TB", "193.95 GiB (208.25 GB)",
     "2.083e11 B", "1666e9 bits",
     193.95 * GiB, GiB * 193.95, 208.3 * GB, 0.2083 * TB, numpy.float64(208.3) * GB, sympy.Rational(2083, 10) * GB,
     Fraction(2083, 10) * GB, Decimal("208.3") * GB, 16 * vram.weights(vram.models["llama-2-13b"]).numel * B],
)  # fmt: skip
def test_an_amount_may_be_written_in_any_unit(answer):
    if isinstance(answer, str) and " gb" in answer:
        assert "unit" in check("06.2", answer).text  # gb is gigabits to some
    else:
        assert check("06.2", answer).right


@pytest.mark.parametrize(
    "answer", ["-19.8 %", "−19.8%", "- 19.8 %", "-19.77 percent", -0.1977, Fraction(-1977, 10000), "-0.198"]
)
def test_a_share_may_be_a_percentage_or_a_fraction(answer):
    assert check("03.m", answer).right


@pytest.mark.parametrize(
    "answer",
    ["7h", "7*h", "7·h", "h*7", "5h + 2h", "(4+1+2)h", "7 * hidden_size", "14h/2", "7h²/h", 7 * h, h * 7,
     (5 * h + 2 * h),
     7 * sympy.Symbol("h"), sympy.Mul(7, h, evaluate=False), "3h + 4 h", "−(−7h)", "7.0h"],
)  # fmt: skip
def test_a_formula_may_be_written_in_any_equivalent_form(answer):
    assert check("02.1", answer).right


@pytest.mark.parametrize(
    "answer", ["r*(d_in + d_out) + d_out", "r d_in + (r + 1) d_out", "(d_out + d_in) rank + d_out"],
)  # fmt: skip
def test_a_formula_may_use_the_names_of_its_question(answer):
    assert check("08.1", answer).right


@pytest.mark.parametrize("answer", ["d", "D", "(d)", " d ", "d."])
def test_a_choice_is_a_letter(answer):
    assert check("02.3", answer).right


# Answers whose form is unclear.


@pytest.mark.parametrize(
    ("id", "answer", "asks"),
    [
        ("06.2", 107.8, "Which unit?"), ("06.2", "107.8", "Which unit?"), ("06.2", 107_814_651_020, "Which unit?"),
        ("06.2", "107.8 G", "do not know this unit"), ("06.2", "107.8 Gb", "do not know this unit"),
        ("06.2", h, "amount of memory"),
        ("02.2", "74 GB", "no unit of bytes"), ("02.2", 74 * GB, "no unit of bytes"), ("02.2", 74.5, "whole number"),
        ("02.2", "7,4", "whole number"), ("02.2", [74], "whole number"), ("02.2", True, "whole number"),
        ("02.2", float("nan"), "Infinity and NaN"),
        ("02.1", "13x", "not a symbol"), ("02.1", "13h!", "+ - * / **"), ("02.1", "h.real", "+ - * / **"),
        ("02.1", sympy.sin(h), "+ - * / **"),
        ("02.1", "1/0", "division by zero"), ("02.1", "h**99", "too long"), ("02.1", "h+" * 200 + "h", "too long"),
        ("02.1", [13], "formula"),
        ("02.3", "e", "a, b, c, d"), ("02.3", 3, "a, b, c, d"), ("03.m", "-19.8 GB", "a share"),
        ("06.x", 8 * GB, "one number"),
    ],
)  # fmt: skip
def test_an_unclear_answer_is_asked_back(id, answer, asks):
    feedback = check(id, answer)
    assert feedback.verdict == "unclear"
    assert asks in feedback.text


@pytest.mark.parametrize("question", [q for q in QUESTIONS if q.kind == "symbolic"], ids=lambda q: q.id)
def test_an_unknown_name_is_told_the_symbols_of_its_question_alone(question):
    listed = check(question.id, "width_of_it * h").text.rstrip(".").partition("Use: ")[2].split(", ")
    needed = {symbol.name for symbol in question.truth().free_symbols}
    assert needed <= set(listed) == set(question.symbols) and len(listed) <= len(needed) + 3
    assert all(check(question.id, symbol).verdict == "wrong" for symbol in listed)


@pytest.mark.parametrize(
    "text",
    ["__import__('os')", "eval('1')", "h.__class__", "(lambda: h)()", "[h for h in h]", "h if 1 else l", "q(h)", "h[0]",
     "'h'*9", "1j", "h==h", "h<l", "h or l", "not h", "h//2", "h%2", "h@l", "~h", "h:=1", "*h", "print"],
)  # fmt: skip
def test_text_is_never_run(text):
    with pytest.raises(Unreadable):
        read_expression(text)


@pytest.mark.parametrize(
    "answer",
    ["9" * 10**6, "(" * 10**6, 10**10**5, "h**8**8**8", ((h + 1) ** 8) ** 8, (h + layers + V + a) ** 400,
     sympy.Add(*[h**k for k in range(500)]),
     "1e999", "1e999999999", Decimal("1e99999999"), "9**99999999", sympy.Float("1e4000"), sympy.Integer(10) ** 10**5],
    ids=range(13),
)  # fmt: skip
def test_a_monstrous_answer_is_answered_at_once(answer):
    start = time.process_time()
    assert {check(id, answer).right for id in ("02.1", "02.2", "06.2", "03.m")} == {False}
    assert time.process_time() - start < 2


# Formulas.


def test_formulas_are_compared_as_polynomials():
    assert same(read_expression("l(12h^2+13h)+Vh"), V * h + layers * (12 * h**2 + 13 * h))
    assert not same(read_expression("12h²+3h"), 12 * h**2 + 13 * h)
    assert same(read_expression("(h+1)**2 - h**2 - 2h"), sympy.Integer(1))


def test_letters_in_a_row_are_a_product_and_names_are_symbols():
    assert read_expression("lh²") == layers * h**2
    assert read_expression("num_hidden_layers*hidden_size") == layers * h
    assert read_expression("2(h)(l)3") == 6 * h * layers


# Amounts.


def test_amounts_are_exact_and_calculate():
    assert (GiB, GB, TB).__class__ is tuple and GiB == 2**30 * B and GB == 10**9 * B and TB == 1000 * GB
    assert 0.5 * GiB + 512 * MiB == 1 * GiB
    assert 3 * GiB - GiB == GiB * 2
    assert GiB / MiB == 1024 and (GiB / 2) == 512 * MiB and -GiB < GB
    assert isinstance(numpy.float64(0.5) * GiB, Quantity)
    assert repr(12 * KiB) == "12,288 B"
    assert repr(1.5 * GiB) == "1.50 GiB (1.61 GB)"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: GiB * "2",
        lambda: GiB * GiB,
        lambda: GiB + 1,
        lambda: 1 - GiB,
        lambda: GiB * float("nan"),
        lambda: GiB / "2",
    ],
)
def test_amounts_refuse_what_has_no_meaning(wrong):
    with pytest.raises(TypeError):
        wrong()


@pytest.mark.parametrize("zero", [0, 0 * GiB])
def test_amounts_refuse_division_by_zero(zero):
    with pytest.raises(VramError, match="division by zero"):
        GiB / zero
