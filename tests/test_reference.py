"""The pages to look things up in: verdicts are computed, formulas give their examples, no source is lost."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import nbformat
import pytest

from vram import models, symbols
from vram.teach.reference import bibliography, cheat_sheet, crosswalk
from vram.teach.reference.bibliography import entries
from vram.teach.reference.cheat_sheet import BATCH, EXAMPLE, RANK, TOKENS, formulas
from vram.teach.reference.crosswalk import VERDICTS, statements
from vram.words import keys

STATEMENTS = {statement.id: statement for statement in statements()}


def test_the_slips_of_the_article_are_these() -> None:
    """The page says so in a sentence. A ledger that changes would change a verdict."""
    slips = [id for id, statement in STATEMENTS.items() if statement.verdict == "slip"]
    assert slips == ["article.gb", "article.thirteen", "article.layer", "article.sgd"]


@pytest.mark.parametrize("id", [id for id, statement in STATEMENTS.items() if statement.verdict == "right"])
def test_a_right_statement_would_be_a_slip_with_another_figure(id: str) -> None:
    statement = STATEMENTS[id]
    assert dataclasses.replace(statement, said=statement.said + 1).verdict == "slip"


@pytest.mark.parametrize("id", [id for id, statement in STATEMENTS.items() if statement.verdict == "approximate"])
def test_an_approximation_has_a_limit(id: str) -> None:
    statement = STATEMENTS[id]
    assert statement.about <= Fraction(5, 100)
    assert dataclasses.replace(statement, said=statement.said * Fraction(11, 10)).verdict == "slip"


def test_every_statement_has_its_words_and_every_words_their_statement() -> None:
    said = {key.split(".", 1)[1].rsplit(".", 1)[0] for key in keys("crosswalk.") if key.endswith(".statement")}
    assert said - {"column"} == set(STATEMENTS)
    assert len(crosswalk().rows) == len(STATEMENTS) == len(crosswalk("article").rows) + len(crosswalk("linked").rows)
    assert {row[3] for row in crosswalk().rows} == set(VERDICTS)


def test_lessons_of_the_statements_exist_in_the_course(course) -> None:
    lessons = {path.name[:2] for path in (course / "notebooks").glob("[0-9][0-9]-*.ipynb")}
    assert {statement.lesson for statement in STATEMENTS.values()} <= lessons


# The paper's assumptions are those of a GPT layer, so its line has no example; test_activations.py holds it.
@pytest.mark.parametrize("formula", [f for f in formulas() if f.id != "paper"], ids=lambda formula: formula.id)
def test_a_formula_gives_its_example(formula) -> None:
    """Symbols replaced by the sizes of the model: the same number as the model's own ledger."""
    arch = models[EXAMPLE]
    form = formula.answer(arch.symbolic(), symbols.b, symbols.s, symbols.r)
    sizes = {
        name: getattr(arch, name, None)
        for name in (
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "num_key_value_heads",
            "intermediate_size",
            "vocab_size",
        )
    } | {"batch": BATCH, "seq_len": TOKENS, "rank": RANK}
    value = form.xreplace({symbols.of(name): size for name, size in sizes.items()})
    assert value == formula.answer(arch, BATCH, TOKENS, RANK)


def test_the_cheat_sheet_is_text_and_one_page() -> None:
    sheet = cheat_sheet()
    html = sheet._repr_html_()
    assert html.count("<style>") <= 1 and html.count("<table") == 5
    for formula in sheet.formulas.rows:
        assert formula[1] in html and formula[1] in str(sheet)


def test_no_source_of_a_lesson_is_lost(course) -> None:
    text = bibliography(course / "notebooks")
    lessons = sorted((course / "notebooks").glob("[0-9][0-9]-*.ipynb"))
    found = 0
    for lesson in lessons:
        cell = next(c for c in nbformat.read(lesson, as_version=4).cells if c.id == "sources")
        for entry in entries(cell.source):
            address = entry.split("](", 1)[1].split(")")[0]
            line = next(line for line in text.splitlines() if f"]({address})" in line)
            assert lesson.name[:2] in line.rsplit("(", 1)[1]
            found += 1
    assert found >= 2 * len(lessons)
