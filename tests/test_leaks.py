"""Can anything that a check, a hint or a prediction says give the answer away? Hundreds of wrong answers try.

A leak is a number in the output that reads as the truth in any usual form (1,234,567; 1.23e6; 1.2 million; GB or GiB to
two to four digits; percent or fraction), the formula asked for, or the right option.
"""

import inspect
import math
import re
from decimal import Decimal
from fractions import Fraction
from functools import cache
from html import unescape
from importlib import import_module
from itertools import permutations
from operator import mul
from pkgutil import walk_packages

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vram
import vram.teach
from vram import VramError, words
from vram.teach import GB, GiB, KiB, check, hint, predict, state
from vram.teach.exercises import find, lessons, of_lesson

pytestmark = pytest.mark.usefixtures("fresh_kernel")
QUESTIONS = [question for lesson in lessons() for question in of_lesson(lesson).values()]
IDS = [question.id for question in QUESTIONS]

NUMBER = re.compile(r"(?<![A-Za-z\d])\d[\d,_]*(?:\.\d+)?(?:[eE][+-]?\d+)?")
SCALES = [1, *(10**n for n in (3, 6, 9, 12)), *(2**n for n in (10, 20, 30, 40)), Fraction(1, 100)]


def leaks(question, text: str) -> list[str]:
    """Everything in a text that gives the truth of a question away."""
    text = unescape(re.sub(r"<[^>]+>", " ", text))
    truth = question.truth()
    if question.kind == "choice":
        return _leaked_choice(question, truth, text)
    if question.kind == "symbolic":
        return _formulas(truth).findall(text)
    return [token for token in NUMBER.findall(text) if _reads_as(token.rstrip(",_"), abs(Fraction(truth)))]


def _reads_as(token: str, truth: Fraction) -> bool:
    """Whether a printed number is the truth, or the truth rounded in some unit to two digits or more."""
    digits = token.replace(",", "").replace("_", "")
    mantissa = re.split("[eE]", digits)[0]
    value, places = Fraction(digits), len(mantissa.partition(".")[2])
    if value == truth:
        return True
    significant = len(mantissa.replace(".", "").lstrip("0"))
    if significant < 2:
        return False
    unit = value / Fraction(mantissa) if Fraction(mantissa) else 1
    half_a_digit = unit / 10**places / 2
    scales = SCALES if significant > 2 or places else (1, Fraction(1, 100))  # "13" is not 13,824, but "13.8" is
    return any(abs(value - truth / scale) <= half_a_digit for scale in scales if truth / scale >= Fraction(1, 100))


@cache
def _formulas(truth) -> re.Pattern:
    """A sum of products in any order, written with or without signs of multiplication, and factored."""
    import sympy

    terms = [[_factor(f) for f in sympy.Mul.make_args(term)] for term in sympy.Add.make_args(sympy.expand(truth))]
    products = ["|".join("[\\s*·]*".join(order) for order in orders(term)) for term in terms]
    forms = [r"\s*\+\s*".join(f"(?:{product})" for product in order) for order in orders(products)]
    factored = sympy.factor(truth)
    if isinstance(factored, sympy.Mul):
        forms += ["[\\s*·]*".join(order) for order in orders(list(map(_factor, factored.args)))]
    return re.compile(rf"(?<!\w)(?:{'|'.join(forms)})(?!\w)")


def orders(parts: list[str]) -> list[tuple[str, ...]]:
    """All orders of up to five parts; of more, every rotation forwards and backwards, where each part comes first."""
    if len(parts) <= 5:
        return list(permutations(parts))
    turned = [(*parts[n:], *parts[:n]) for n in range(len(parts))]
    return turned + [order[::-1] for order in turned]


def _factor(factor) -> str:
    import sympy

    if isinstance(factor, sympy.Add):
        inside = (r"\s*\+\s*".join(order) for order in orders(list(map(_factor, factor.args))))
        return rf"\(\s*(?:{'|'.join(inside)})\s*\)"
    if factor.is_Pow and factor.exp == -1:
        return rf"(?:1\s*)?/\s*{factor.base}"
    return str(factor).replace("**2", r"\s*(?:²|\^\s*2|\*\*\s*2)")


def _leaked_choice(question, truth: str, text: str) -> list[str]:
    option = question.words(f"option.{truth}")
    found = re.findall(rf"(?:\(|option |letter |answer is |choose ){truth}\b", text)
    return found + ([option] if option.rstrip(".").lower() in text.lower() else [])


class Hostile:
    """An object that answers every question about itself with an error."""

    def __getattr__(self, name):
        raise RuntimeError(name)

    def __eq__(self, other):
        raise RuntimeError("eq")

    __hash__ = None

    def __repr__(self):
        raise RuntimeError("repr")

    __str__ = __float__ = __int__ = __bool__ = __len__ = __iter__ = __repr__


def garbage() -> list:
    import numpy
    import sympy

    h, x = vram.symbols.h, sympy.Symbol("x")
    return [
        None, ..., "", "  ", True, False, 0, -1, 1, math.nan, math.inf, -math.inf, 1e308, -1e-308, 10**4000,
        -(10**400),
        Decimal("NaN"), Decimal("Infinity"), Decimal("1e99999999"), Fraction(1, 3), 1j, b"12", [], [1, 2], (), {},
        {1: 2},
        set(), object(), Hostile(), Hostile, print, lambda: 1, range(3), "0", "-0", "NaN", "inf", "1e999", "1e-999",
        "1e9999999",
        "9" * 5000, "(" * 150, "[" * 90, "((h)", "h" * 300, "h**h", "h**99999999", "9**9**9**9", "2**-1", "1/0",
        "h/(h-h)",
        "__import__('os').system('true')", "exec('1')", "().__class__", "lambda: 0", "h if h else l", "f'{h}'", "h;l",
        "h\nl",
        "h=1", "print(1)", "5 parsecs", "5 G", "5 Gb", "7B", "1,23", "1.2.3", "--5", "+-5", "½", "٣ GiB",
        "12 GiB GiB", "12 %",
        "%", "z", "ab", "a b", "(e)", "None", "\x00", "🙂", "<script>alert(1)</script>", "{id}", "{0}", "{}", "%s",
        "$x$",
        0 * GiB, -5 * GB, 1e300 * GiB, 10**400 * KiB, h, h**2, h**h, 12 * h**2 + 3 * h, x, sympy.sin(h), sympy.oo,
        sympy.nan,
        sympy.zoo, sympy.pi, sympy.I, sympy.Rational(1, 3), sympy.Float("1e400"), sympy.Eq(h, 1), sympy.true,
        sympy.Matrix([h]),
        sympy.Integral(x, x), (h + 1) ** 500, ((h + 1) ** 8) ** 8, sympy.Symbol("h"), sympy.Max(h, 2), numpy.int64(3),
        numpy.float64("nan"),
        numpy.float32(2.5), numpy.array(3), numpy.array([1, 2]), numpy.bool_(True), numpy.str_("3"), vram.weights,
        vram.models["gpt2"],
        vram.weights(vram.models["gpt2"]), vram.dtypes["bf16"],
    ]  # fmt: skip


FACTORS = [
    Fraction(n, d) for n, d in (
        (0, 1), (-1, 1), (1, 2), (2, 1), (3, 1), (4, 1), (8, 1), (16, 1), (1, 4), (1, 8), (1, 16), (1, 32), (32, 1),
        (4, 3), (3, 4),
        (1024, 1000), (1000, 1024), (1073741824, 10**9), (10**9, 1073741824), (1048576, 10**6), (10**6, 1048576),
        (9, 8),
        (10, 9), (101, 100), (99, 100), (103, 100), (97, 100), (1001, 1000), (999, 1000), (10**3, 1), (1, 10**3),
        (10**6, 1),
        (10**9, 1), (1, 10**9), (100, 1), (1, 100), (12, 25), (10**30, 1), (3, 2), (2, 3), (5, 4), (7, 8), (8, 7),
        (12, 13), (6, 5),
    )
]  # fmt: skip


def near_misses(question) -> list:
    """Wrong answers in the right form: the truth times every factor, the known slips, the truths of other questions."""
    answers = [slip.value() for slip in question.slips]
    answers += [other.truth() for other in QUESTIONS]
    truth = question.truth()
    if question.kind == "choice":
        return answers + [letter for x in question.letters for letter in (x, x.upper(), f"({x})", f"{x}.")]
    if question.kind == "symbolic":
        return (
            answers
            + [truth * int(f) + k for f in FACTORS for k in (0, 1)]
            + [str(truth * 2), f"({truth})*h", f"{truth} + 1"]
        )
    for factor in FACTORS:
        value = Fraction(truth) * factor
        answers += [value, float(value) if abs(value) < 10**300 else value, f"{float(value):.6g}"]
        answers += [int(value), f"{int(value):,}", f"{float(value * 100):.4f} %", f"{float(value):.3g}×"]
        answers += [value * vram.teach.B, f"{int(value)} B"]
        answers += [f"{float(value / vram.UNITS[unit]):.4f} {unit}" for unit in ("GB", "GiB", "MiB")]
    return answers


def said(question, answer) -> str:
    """All that a learner sees of a check that does not accept the answer; "" where it is accepted."""
    feedback = check(question.id, answer)
    state.solved.clear()
    return "" if feedback.right else f"{feedback!r}\n{feedback._repr_html_()}"


@pytest.mark.parametrize("question", QUESTIONS, ids=IDS)
def test_no_wrong_answer_is_told_the_truth(question):
    answers = garbage() + near_misses(question)
    assert len(answers) > 100
    wrong = [text for answer in answers if (text := said(question, answer))]
    assert len(wrong) > 100
    assert {text: found for text in set(wrong) if (found := leaks(question, text))} == {}


@pytest.mark.parametrize("question", QUESTIONS, ids=IDS)
def test_nothing_that_is_shown_before_the_answer_holds_it(question):
    shown = [question.words("question"), *(repr(hint(question.id)) for _ in range(5))]
    if question.kind == "choice":  # the right option is one of those on offer
        assert [found for text in shown[1:] if (found := leaks(question, text))] == []
    else:
        assert [found for text in shown if (found := leaks(question, text))] == []


@pytest.mark.parametrize("question", QUESTIONS, ids=IDS)
def test_a_prediction_is_noted_without_a_comment(question):
    feedback = (predict(question.id, guess) for guess in garbage() + near_misses(question))
    for text in {f"{said!r}\n{said._repr_html_()}" for said in feedback}:
        assert leaks(question, text) == []


ANSWERS = st.one_of(
    st.text(max_size=40), st.integers(), st.floats(), st.complex_numbers(), st.binary(max_size=8), st.decimals(),
    st.fractions(),
    st.lists(st.integers(), max_size=3), st.none(), st.booleans(),
    st.builds("{} {}".format, st.floats(), st.sampled_from([*vram.UNITS, "%", "G", "bits"])),
    st.builds(mul, st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([GB, GiB, KiB])),
    st.text(alphabet="hlaVrs0123456789+-*/()^²· _", max_size=40),
)  # fmt: skip


@settings(max_examples=400)
@given(question=st.sampled_from(QUESTIONS), answer=ANSWERS)
def test_nothing_raises_and_nothing_leaks(question, answer):
    assert leaks(question, said(question, answer)) == []


@pytest.mark.parametrize("unknown", ["02.99", "99.1", "", None, 2.1, [], "02", "../02.1", "02.1\n"])
@pytest.mark.parametrize("ask", [check, hint, predict, vram.teach.reveal])
def test_an_unknown_question_is_the_one_error(ask, unknown):
    with pytest.raises(VramError):
        ask(unknown)


def test_no_docstring_of_the_teach_layer_holds_an_answer():
    names = [m.name for m in walk_packages(vram.teach.__path__, "vram.teach.") if m.name != "vram.teach.__main__"]
    documented = [module for name in names for module in [import_module(name)]]
    texts = {m.__name__: inspect.getdoc(m) or "" for m in documented}
    for module in documented:
        for name, thing in inspect.getmembers(module, lambda x: inspect.isfunction(x) or inspect.isclass(x)):
            if thing.__module__.startswith("vram.teach"):  # what a module only uses is documented elsewhere
                texts[f"{module.__name__}.{name}"] = inspect.getdoc(thing) or ""
    exact = [q for q in QUESTIONS if q.kind not in ("choice",) and not _is_small(q)]
    assert {
        (name, q.id)
        for name, text in texts.items()
        for q in exact
        if name.startswith("vram.teach") and _exactly(q, text)
    } == set()


def _is_small(question) -> bool:
    return question.kind != "symbolic" and abs(Fraction(question.truth())) < 1000


def _exactly(question, text: str) -> bool:
    """The truth itself; its roundings would find every "1.5" of an example."""
    if question.kind == "symbolic":
        return bool(leaks(question, text))
    return any(
        Fraction(t.rstrip(",_").replace(",", "").replace("_", "")) == question.truth() for t in NUMBER.findall(text)
    )


# The test must find what it looks for: each way to give an answer away, put into a hint, is caught.

GIVEAWAYS = [
    ("02.4", "1,557,611,200"), ("02.4", "It is 1557611200."), ("02.4", "about 1.558e9"), ("02.4", "1.56 billion"),
    ("02.4", "1557.6 million"), ("02.1", "That makes 7h."), ("02.1", "7·h"), ("02.1", "7 * h"),
    ("02.2", "Now you have 74."),
    ("02.3", "It is (d)."),
    ("02.3", "One whose norms have a scale and no shift."), ("02.6", "153.4 MiB"), ("02.6", "0.16 GB"),
    ("02.6", "160,822,400 B"),
    ("03.m", "−19.8 %"), ("03.m", "-0.198"), ("06.2", "193.95 GiB"), ("06.2", "208.3 GB"), ("06.1", "twelve is 12"),
    ("08.1", "d_in*r + d_out*r + d_out"), ("08.1", "r·d_in + d_out + r·d_out"),
    ("08.3", "3.41 million"), ("08.5", "1.25 GiB"),
    ("08.5", "1,280 MiB"),
    ("09.1", "6 · s · b · f · h"), ("10.2", "16·P/N + 2P"), ("07.1", "32 + 2as/h"), ("04.1", "2g/a · h"),
]  # fmt: skip


@pytest.mark.parametrize(("id", "giveaway"), GIVEAWAYS)
def test_a_truth_in_a_hint_is_caught(monkeypatch, id, giveaway):
    texts = words.catalogue("en")
    monkeypatch.setitem(texts, f"exercise.{id}.hint2", giveaway)
    hint(id)
    assert leaks(find(id), repr(hint(id))) != []


def test_a_truth_in_the_words_for_a_slip_is_caught(monkeypatch):
    monkeypatch.setitem(words.catalogue("en"), "misconception.M26", "Then it is 1,557,611,200.")
    question = find("02.4")
    slip = next(s for s in question.slips if s.misconception == "M26")
    assert leaks(question, said(question, slip.value())) != []
