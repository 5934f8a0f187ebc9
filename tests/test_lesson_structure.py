"""Has every lesson the anatomy of `vram.teach.authoring.structure`, and does each rule catch what breaks it?"""

import re
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import vram
from vram import VramError
from vram.ledger.units import shown
from vram.teach import clinic
from vram.teach.authoring import measures
from vram.teach.authoring.structure import ORDER, PANEL, faults, lesson_number, order, section, title_of
from vram.teach.authoring.sync import build_solutions, sync_lesson
from vram.teach.exercises import lessons, of_lesson

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("*.ipynb"))
FILE = Path("02-count-every-parameter.ipynb")


# The lessons of the course.


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_has_the_anatomy(path):
    assert list(faults(nbformat.read(path, as_version=4), path)) == []


def test_every_lesson_with_questions_is_looked_at_and_every_notebook_has_questions():
    """An empty folder, or a lesson under another name, must not pass for a course without faults."""
    assert [lesson_number(path) for path in LESSONS] == list(lessons())


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_generated_cells_are_up_to_date(path):
    nb = nbformat.read(path, as_version=4)
    assert _sources(sync_lesson(nb, path)) == _sources(nb)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_solutions_are_up_to_date(path):
    stored = nbformat.read(path.parent / "solutions" / path.name, as_version=4)
    assert _sources(build_solutions(path)) == _sources(stored)


def _sources(nb):
    return [(cell.get("id"), cell.cell_type, cell.source) for cell in nb.cells]


# A lesson without faults, to be broken in one place at a time.

TITLE = """\
# Count every parameter

A layer of width $h$ holds $12h^2 + 13h$ parameters.

**You will be able to**

- count a layer by hand
- derive the formula

**You need** lesson 01.

**Minutes** 40"""
BADGE = "https://mybinder.org/badge_logo.svg"
BINDER = f"[![Open on Binder]({BADGE})](https://mybinder.org/v2/gh/OWNER/x/HEAD?urlpath=lab/tree/notebooks/{FILE.name})"
PROSE = " ".join(["word"] * 60) + "."


def markdown(name, source):
    return new_markdown_cell(source, id=name)


def code(name, source, *outputs):
    return new_code_cell(source, id=name, outputs=list(outputs))


def example():
    """A lesson written by hand where hands are needed; the rest is generated."""
    cells = [
        markdown("title", TITLE),
        markdown("binder", BINDER),
        code("setup", "import vram\nfrom vram.teach import check, predict, progress, reveal"),
        markdown("derive", f"## Derive\n\n{PROSE}"),
        code("derive-layer", "12 * 4**2 + 13 * 4"),
        markdown("play", f"## Play\n\nWhat grows? What stays? {PROSE}"),
        code("play-panel", "1 + 1"),
        markdown("play-notice", f"The square wins. {PROSE}"),
        markdown("mistake", "## Find the mistake\n\nSomeone [claims](https://example.org) this."),
        markdown("world", "## Check against the world\n\nThe [paper](https://example.org) counts 2."),
        code("world-paper", "x = 2\nassert x == 2"),
        markdown(
            "summary",
            "## Summary\n\n$x$\n\n**Unit** parameters\n\n**Valid for** GPT-2\n\n**Left out** positions, 0.6 %",
        ),
        markdown("sources", "## Sources\n\n- [A paper](https://example.org), 2019."),
    ]
    return sync_lesson(new_notebook(cells=cells), FILE)


def broken(change):
    nb = example()
    change({cell.id: cell for cell in nb.cells}, nb)
    return "\n".join(faults(nb, FILE))


def test_the_example_has_no_fault():
    assert broken(lambda cells, nb: None) == ""


def replace(name, old, new):
    def change(cells, nb):
        assert old in cells[name].source
        cells[name].source = cells[name].source.replace(old, new)

    return change


def remove(name):
    return lambda cells, nb: nb.cells.remove(cells[name])


def swap(one, other):
    def change(cells, nb):
        i, j = nb.cells.index(cells[one]), nb.cells.index(cells[other])
        nb.cells[i], nb.cells[j] = nb.cells[j], nb.cells[i]

    return change


def append(after, cell):
    return lambda cells, nb: nb.cells.insert(nb.cells.index(cells[after]) + 1, deepcopy(cell))


def show(name, *outputs):
    def change(cells, nb):
        cells[name].outputs = [new_output("display_data", data) for data in outputs]

    return change


@pytest.mark.parametrize("name", ORDER)
def test_a_missing_cell_is_found(name):
    assert f"cells are missing: {name}" in broken(remove(name))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("predict", "derive"),
        ("derive", "play"),
        ("play", "mistake"),
        ("mistake", "world"),
        ("world", "summary"),
        ("summary", "exercises"),
        ("sources", "exercises"),
        ("play-panel", "play-notice"),
    ],
)
def test_a_wrong_order_is_found(one, other):
    assert "must stand before" in broken(swap(one, other))


def test_the_first_lesson_answers_before_it_derives():
    nb = nbformat.read(LESSONS[0], as_version=4)
    assert lesson_number(LESSONS[0]) == "00" and sorted(order("00")) == sorted(order("01"))
    assert order("01") == ORDER
    swap("derive", "play")({cell.id: cell for cell in nb.cells}, nb)
    assert "play-panel must stand before derive" not in list(faults(nb, LESSONS[0]))
    assert "play-notice must stand before derive" in list(faults(nb, LESSONS[0]))


CLINIC = Path("12-sizing-clinic.ipynb")


def clinic_lesson():
    """The example as lesson 12: no panel, no exercises, and cases after the derivation."""
    panel_and_exercises = re.compile(r"play|exercises$|ex-|exit-|mistake-|predict|progress$|navigation$")
    cells = [cell for cell in example().cells if not panel_and_exercises.match(cell.id)]
    for cell in cells:
        cell.source = cell.source.replace(FILE.name, CLINIC.name)
    place = [cell.id for cell in cells].index("mistake")
    added = [markdown("cases", f"## The cases\n\n{PROSE}"), code("cases-progress", "clinic_progress(seed)")]
    cells[place:place] = added
    cells.insert(place + 1, markdown("cases-how-far", PROSE))
    setup = next(cell for cell in cells if cell.id == "setup")
    setup.source += "\nfrom vram.teach.clinic import Answer, check_case, clinic, clinic_progress"
    return sync_lesson(new_notebook(cells=cells), CLINIC)


def test_the_clinic_has_cases_in_place_of_a_panel_and_exercises():
    assert set(order("12")) == set(ORDER) - {*PANEL, "exercises"} | {"cases", "cases-progress"}
    assert order("12").index("derive") < order("12").index("cases") < order("12").index("mistake")
    assert list(faults(clinic_lesson(), CLINIC)) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (remove("cases"), "cells are missing: cases"),
        (remove("case-07-answer"), "cases: case 7 is missing"),
        (swap("case-07-question", "mistake"), "cases: case 7 is missing"),
        (swap("case-07-answer", "case-08-answer"), "case-07-answer must stand right after case-07-question"),
        (replace("cases", "## The", "### The"), "must begin with '## '"),
        (swap("predict-reveal", "setup"), "predict-reveal must stand after derive"),
    ],
)
def test_each_rule_of_the_clinic_catches_what_breaks_it(change, fault):
    nb = clinic_lesson()
    change({cell.id: cell for cell in nb.cells}, nb)
    assert fault in "\n".join(faults(nb, CLINIC))


def test_the_audit_has_no_panel():
    assert set(order("14")) == set(ORDER) - set(PANEL)


RULES = {
    "title: must begin": replace("title", "# Count", "Count"),
    "neither a question nor begins with a verb": replace("title", "# Count every", "# Parameters of"),
    "must be one sentence": replace("title", "parameters.\n", "parameters. It does.\n"),
    "needs 2 to 4 bullets, not 1": replace("title", "- derive the formula\n", ""),
    "needs 2 to 4 bullets, not 5": replace("title", "- derive the formula\n", "- plot it\n" * 4),
    "an outcome begins with 'understand'": replace("title", "- derive", "- understand"),
    "**You need** is missing": replace("title", "**You need** lesson 01.", ""),
    "**Minutes** must be followed by a number": replace("title", "40", "forty"),
    "the link must open this lesson": replace("binder", "02-count", "03-count"),
    "predict is used before it is imported": replace("setup", "predict, ", ""),
    "check is used before it is imported": replace("setup", "import check, ", "import "),
    "predict-reveal must stand after derive": swap("predict-reveal", "setup"),
    "two questions must stand before the panel": replace("play", "What stays?", "Drag it."),
    "the claim must be cited": replace("mistake", "[claims](https://example.org)", "claims"),
    "must name its source with a link": replace("world", "[paper](https://example.org)", "paper"),
    "at least one assertion is needed": replace("world-paper", "assert x == 2", "x == 2"),
    "this assertion cannot fail": replace("world-paper", "assert x == 2", "assert 2 == 2"),
    "summary: the formula is missing": replace("summary", "$x$", "x"),
    "summary: **Unit** is missing": replace("summary", "**Unit**", "Unit"),
    "summary: **Valid for** is missing": replace("summary", "**Valid for**", ""),
    "summary: **Left out** is missing": replace("summary", "**Left out**", ""),
    "must say how large it is": replace("summary", "0.6 %", "a little"),
    "each question needs its answer cell": remove("ex-02-1-answer"),
    "an exercise of another lesson": lambda cells, nb: cells["ex-02-1-answer"].update(id="ex-03-1-answer"),
    "3 to 6 are needed, not 7": append("ex-02-6-answer", markdown("ex-02-7-question", "### Exercise 7 ★")),
    "they go from ★ to ★★★": replace("ex-02-6-question", "★★★", "★★"),
    "sources: a list is needed": replace("sources", "- [", "["),
    "has no link": replace("sources", "[A paper](https://example.org)", "A paper"),
    "is used twice": append("world", markdown("world", "Again.")),
    "not made of small words": append("world", markdown("World_2", "Again.")),
    "a heading of the second level opens a section": append("world", markdown("world-more", "## More")),
    "must begin with '## '": replace("derive", "## Derive", "### Derive"),
    "must be a code cell": lambda cells, nb: cells["play-panel"].update(cell_type="markdown"),
    "must begin with the title": lambda cells, nb: nb.cells.insert(0, markdown("hello", "Hello.")),
    "must end with the navigation": append("navigation", markdown("bye", "Bye.")),
}  # fmt: skip


@pytest.mark.parametrize("fault", RULES)
def test_each_rule_of_the_anatomy_catches_what_breaks_it(fault):
    assert fault in broken(RULES[fault])


PICTURE = '<img alt="12 GiB" src="data:image/png;base64,AAAA">'
SILENT = PICTURE.replace("12 GiB", "a bar")
TABLE = "<table><tr><td>12 GiB</td></tr></table>"
MEASURES = {
    "15 are allowed": replace("derive-layer", "12 * 4**2", "\n".join(f"x{n} = {n}" for n in range(15)) + "\n12"),
    "4 are allowed": lambda cells,
    nb: [cell.update(source=cell.source + "\n1\n2\n3\n4") for cell in nb.cells if cell.cell_type == "code"],
    "a line of 90 characters": replace("derive-layer", "13 * 4", "13 * 4" + "  # " + "x" * 68),
    "a magic or shell line": replace("derive-layer", "12 * 4", "%config x\n12 * 4"),
    "import * hides": replace("setup", "import vram", "from vram import *"),
    "are needed": lambda cells, nb: [cell.update(source=cell.source.replace(PROSE, "")) for cell in nb.cells],
    "without a thing to do": replace("derive", PROSE, PROSE * 3),
    "derive: an exclamation mark": replace("derive", "word.", "word!"),
    "derive-layer: an exclamation mark": replace("derive-layer", "12 * 4", 'print("Right!")\n12 * 4'),
    "world-paper: an exclamation mark": replace("world-paper", "x = 2", "x = 2  # done!"),
    "interact is not used": replace("derive-layer", "12 * 4", "interact(1)\n12 * 4"),
    "Output is not used": replace("derive-layer", "12 * 4", "widgets.Output()\n12 * 4"),
    "init_printing is not used": replace("derive-layer", "12 * 4", "init_printing()\n12 * 4"),
    "n_kv_groups is not used": replace("derive", "word.", "n_kv_groups."),
    "a bare G is neither": replace("derive", "word.", "word 24 G."),
    "a picture without alternative text": replace("derive", "word.", "word ![](a.png)."),
    "not an HTML <img>": show("derive-layer", {"image/png": "AAAA", "text/plain": "<Figure>"}),
    "without numbers in its alternative text": show("derive-layer", {"text/html": SILENT + TABLE}),
    "without its numbers as text or table": show("derive-layer", {"text/html": PICTURE, "text/plain": "<Figure 12>"}),
}  # fmt: skip


@pytest.mark.parametrize("fault", MEASURES)
def test_each_measure_catches_what_breaks_it(fault):
    assert fault in broken(MEASURES[fault])


@pytest.mark.parametrize(
    "outputs",
    [
        [{"text/html": PICTURE + TABLE, "text/plain": "<Figure>"}],
        [{"text/html": PICTURE}, {"text/plain": "12 GiB"}],
        [{"text/html": TABLE}],
    ],
)
def test_a_picture_with_its_numbers_is_no_fault(outputs):
    assert broken(show("derive-layer", *outputs)) == ""


@pytest.mark.parametrize(
    "source", ["x != 2", 'f"{x!r}"', "assert x != 3  # 24 GB or 24 GiB", "gb = '24 GB/s'", "g = 3 * G"]
)
def test_code_that_only_looks_wrong_is_no_fault(source):
    assert broken(replace("world-paper", "x = 2", f"x = 2\n{source}")) == ""


def test_words_are_what_a_reader_reads():
    assert measures.words("## Two words\n\n[a link](https://example.org) and `some code` and $12 h^2 + 3$") == 8
    assert measures.words("![alt](x.png) <details>one</details>\n\n```python\nx = 1\n```") == 2


# Names, sections, generated cells.


@pytest.mark.parametrize("name", ["count.ipynb", "2-count.ipynb", "02_count.ipynb", "02-count.py", "02-Count.ipynb"])
def test_a_lesson_is_named_by_its_number(name):
    with pytest.raises(VramError, match="a lesson's file is"):
        lesson_number(Path(name))


def test_a_title_is_needed():
    with pytest.raises(VramError, match="title"):
        title_of(new_notebook(cells=[markdown("a", "Hello")]))
    with pytest.raises(VramError, match="title"):
        title_of(new_notebook())
    assert title_of(example()) == "Count every parameter"


def test_a_section_reaches_to_the_next_one():
    assert [cell.id for cell in section(example(), "mistake")] == ["mistake", "mistake-question", "mistake-answer"]


def test_sync_inserts_updates_and_leaves_the_rest_alone():
    nb = example()
    assert sync_lesson(nb, FILE) == nb
    stale = deepcopy(nb)
    cell = next(cell for cell in stale.cells if cell.id == "ex-02-1-question")
    cell.source, cell.metadata["tags"] = "old words", ["keep"]
    own = next(cell for cell in stale.cells if cell.id == "derive-layer")
    own.source = "1 + 1"
    again = sync_lesson(stale, FILE)
    fresh = {cell.id: cell for cell in again.cells}
    assert fresh["ex-02-1-question"].source == next(c.source for c in nb.cells if c.id == "ex-02-1-question")
    assert fresh["ex-02-1-question"].metadata == {"tags": ["keep"]}
    assert fresh["derive-layer"].source == "1 + 1"
    assert cell.source == "old words", "the notebook that was given stays as it was"


def test_sync_keeps_a_cell_where_its_author_moved_it():
    nb = example()
    cell = next(cell for cell in nb.cells if cell.id == "predict-reveal")
    nb.cells.remove(cell)
    nb.cells.insert(5, cell)
    assert [c.id for c in sync_lesson(nb, FILE).cells].index("predict-reveal") == 5


def test_a_lesson_without_questions_is_left_alone():
    nb = new_notebook(cells=[markdown("title", "# Hello?")])
    assert sync_lesson(nb, Path("99-hello.ipynb")) == nb


def test_navigation_leads_to_the_neighbours(tmp_path):
    for name, title in (("01-a.ipynb", "First?"), ("02-b.ipynb", "Second?"), ("03-c.ipynb", "Third?")):
        nbformat.write(new_notebook(cells=[markdown("title", f"# {title}")]), tmp_path / name)

    def navigation(name):
        synced = sync_lesson(nbformat.read(tmp_path / name, as_version=4), tmp_path / name)
        return next(cell.source for cell in synced.cells if cell.id == "navigation")

    assert navigation("02-b.ipynb") == "Previous: [01 · First?](01-a.ipynb) · Next: [03 · Third?](03-c.ipynb)"
    assert navigation("03-c.ipynb") == "Previous: [02 · Second?](02-b.ipynb) · Next: [the course](../README.md)"


@pytest.mark.parametrize("number", lessons())
def test_solutions_hold_every_question_its_reasoning_and_a_check(number):
    nb = build_solutions(Path(f"{number}-x.ipynb"), title="A lesson")
    nbformat.validate(nb)
    code_cells = [cell.source for cell in nb.cells if cell.cell_type == "code"]
    checked = [f'check("{id}", answer)' for id in of_lesson(number)]
    own = {"12": ["check_case(case, Answer("] * len(clinic.numbers()), "14": ["audit(passes)"]}.get(number, [])
    endings = [source.splitlines()[-1] for source in code_cells[1:]]
    assert endings[: len(checked)] == checked
    assert [end[: len(start)] for end, start in zip(endings[len(checked) :], own, strict=True)] == own
    assert sum(cell.source.startswith("<details>") for cell in nb.cells) == len(checked) + len(own)
    assert all(len(line) <= measures.LINE_LENGTH for source in code_cells for line in source.splitlines())


# A lesson teaches the way to an answer; it does not print the answer of its own exercises.


def _usual_forms(question) -> list[str]:
    truth = question.truth()
    if question.kind == "count":
        return [f"{truth:,}", f"{truth:_}", str(truth)] if abs(truth) > 999 else []
    if question.kind == "bytes":
        return [shown(int(truth), unit) for unit in ("GiB", "GB", "MiB")] if truth > 999 else []
    return [vram.percent(truth), vram.percent(truth, signed=True)] if question.kind == "percent" else []


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_does_not_print_the_answers_of_its_exercises(path):
    nb = nbformat.read(path, as_version=4)
    own = [cell for cell in nb.cells if not cell.id.startswith(("ex-", "exit-", "mistake-", "predict"))]
    said = "\n".join(
        cell.source
        + "\n".join(output.get("text", "") + str(output.get("data", "")) for output in cell.get("outputs", []))
        for cell in own
    )
    questions = [q for q in of_lesson(path.stem[:2]).values() if not q.id.endswith(".p")]
    assert [(q.id, form) for q in questions for form in _usual_forms(q) if form in said] == []
