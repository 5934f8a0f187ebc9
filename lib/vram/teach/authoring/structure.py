"""The anatomy of a lesson, and every way in which a notebook departs from it. A lesson author reads this first.

Sections are recognised by cell id, so that a translated lesson keeps its anatomy. A section begins with a markdown
cell that opens with "## "; no other cell does. (G) marks generated cells: `sync_lesson` writes them from the
questions in `exercises/` and their words; edit those, never the cells. In this order:

  title              "# " and a question or a verb; a paragraph of one sentence with the answer; then
                     **You will be able to** with 2 to 4 bullets (things one can see: no "understand", "know",
                     "learn"), **You need** …, **Minutes** 40
  binder             the Binder link of this lesson, as words: a badge would be fetched from the network
  setup              code: the imports, among them what the lesson uses of vram.teach
  predict            (G) "## Predict" and the question; predict-guess (G) takes the guess
  derive             toy numbers, symbols, a real model; predict-reveal (G) wherever it fits after `derive`
  play               two questions, then the panel in play-panel, then what to notice in play-notice
  mistake            the claim, cited with a link; mistake-question, mistake-answer (G)
  world              checks against published or measured figures: cells with `assert`, the markdown cell
                     right before each one names the source with a link
  summary            a formula in $ $, then **Unit** …, **Valid for** …, **Left out** … with its size
  exercises          (G) with ex-NN-k-question and ex-NN-k-answer (G): 3 to 6, from ★ to ★★★
  exit-question      (G) with exit-answer (G) and progress (G)
  sources            a list, each entry with a link
  navigation         (G) previous and next

Three lessons depart from this order, as ANATOMIES says:

  00  answers before it derives: play, play-panel and play-notice stand before derive, predict-reveal after the panel
  12  is a clinic: no panel, and in place of exercises the section `cases` after derive, with case-NN-question and
      case-NN-answer (G) for each of its cases, and the cell `cases-progress` at its end
  14  audits formulas that others wrote: no panel

A code cell is a thing to do. What is measured (words, lines, figures) stands in `measures`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from nbformat import NotebookNode

from ...ledger.errors import VramError
from ...words import say
from ..clinic import numbers as clinic_numbers
from . import measures

ORDER = (
    "title", "binder", "setup", "predict", "predict-guess", "derive", "play", "play-panel", "play-notice", "mistake",
    "mistake-question", "mistake-answer", "world", "summary", "exercises", "exit-question", "exit-answer", "progress",
    "sources", "navigation",
)  # fmt: skip
PANEL = ("play", "play-panel", "play-notice")


def _without(*names: str) -> tuple[str, ...]:
    return tuple(name for name in ORDER if name not in names)


def _inserted(names: tuple[str, ...], before: str, cells: tuple[str, ...]) -> tuple[str, ...]:
    place = cells.index(before)
    return (*cells[:place], *names, *cells[place:])


#: The lessons whose cells are not those of ORDER.
ANATOMIES = {
    "00": _inserted(PANEL, "derive", _without(*PANEL)),
    "12": _inserted(("cases", "cases-progress"), "mistake", _without(*PANEL, "exercises")),
    "14": _without(*PANEL),
}
SECTIONS = (
    "predict", "derive", "play", "cases", "mistake", "world", "summary", "exercises", "exit-question", "sources",
)  # fmt: skip
CODE = {
    "setup", "predict-guess", "predict-reveal", "play-panel", "cases-progress", "mistake-answer", "exit-answer",
    "progress",
}  # fmt: skip
SPECIAL = {"p": "predict", "m": "mistake", "x": "exit"}
EXERCISES = range(3, 7)
OUTCOMES = range(2, 5)

_FILE = re.compile(r"(\d\d)-[a-z0-9-]+\.ipynb")
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_EXERCISE = re.compile(r"ex-(\d\d)-(\d+)-(question|answer)")
_LINK = re.compile(r"\]\(https?://[^)\s]+\)")
_VERBS = set(
    "add audit build check choose compare compute count decode derive divide draw estimate fill find fine-tune fit "
    "follow look measure name plan price quantise read see share shrink size split take "
    "tell train unpack weigh write".split()
)
_TEACH = {"check", "hint", "predict", "progress", "reveal"}
_NOT_MEASURABLE = {"understand", "know", "learn", "appreciate", "grasp", "realise", "be"}


def order(number: str) -> tuple[str, ...]:
    """The cells that a lesson must have, in their order."""
    return ANATOMIES.get(number, ORDER)


def lesson_number(path: Path) -> str:
    """The number of a lesson by its file name: "02". Raises VramError for a name that has none."""
    match = _FILE.fullmatch(path.name)
    if not match:
        raise VramError(f"lesson: {path.name!r} given; a lesson's file is NN-some-words.ipynb.")
    return match[1]


def title_of(nb: NotebookNode) -> str:
    """The first heading of a notebook. Raises VramError when it does not begin with one."""
    first = nb.cells[0].source.splitlines()[0] if nb.cells and nb.cells[0].source else ""
    if not first.startswith("# "):
        raise VramError(f"title: {first!r} given; a notebook begins with '# ' and its title.")
    return first.removeprefix("# ").strip()


def faults(nb: NotebookNode, path: Path) -> Iterator[str]:
    """Everything in a lesson that departs from the anatomy, one sentence each."""
    number = lesson_number(path)
    wanted = order(number)
    cells = {cell.get("id", ""): cell for cell in nb.cells}
    yield from _ids(nb)
    missing = [name for name in wanted if name not in cells]
    if missing:
        yield f"cells are missing: {', '.join(missing)}"
        return
    yield from _order(nb, cells, wanted)
    yield from _title(cells["title"].source)
    yield from _binder(cells["binder"].source, path)
    yield from _imports(nb)
    yield from _reveal(nb, wanted)
    if "play" in wanted:
        yield from _play(nb)
    if "cases" in wanted:
        yield from _cases(nb)
    yield from _mistake(cells["mistake"].source)
    yield from _world(nb)
    yield from _summary(_text(nb, "summary"))
    if "exercises" in wanted:
        yield from _exercises(nb, number)
    yield from _sources(_text(nb, "sources"))
    yield from measures.faults(nb)


def section(nb: NotebookNode, name: str) -> list[NotebookNode]:
    """The cells of a section, its first one included."""
    ids = [cell.get("id", "") for cell in nb.cells]
    start = ids.index(name)
    others = [ids.index(other) for other in (*SECTIONS, "navigation") if other in ids]
    return nb.cells[start : min((place for place in others if place > start), default=len(ids))]


def _text(nb: NotebookNode, name: str) -> str:
    return "\n\n".join(cell.source for cell in section(nb, name) if cell.cell_type == "markdown")


def _ids(nb: NotebookNode) -> Iterator[str]:
    seen: set[str] = set()
    for cell in nb.cells:
        name = cell.get("id", "")
        if not _ID.fullmatch(name):
            yield f"the id {name!r} is not made of small words joined by hyphens"
        if name in seen:
            yield f"the id {name!r} is used twice"
        seen.add(name)
        if cell.cell_type == "markdown" and name not in SECTIONS and re.search(r"(?m)^## ", cell.source):
            yield f"{name}: a heading of the second level opens a section; use ### inside one"


def _order(nb: NotebookNode, cells: dict[str, NotebookNode], wanted: tuple[str, ...]) -> Iterator[str]:
    ids = [cell.get("id", "") for cell in nb.cells]
    for name, following in pairwise(wanted):
        if ids.index(name) >= ids.index(following):
            yield f"{name} must stand before {following}"
    for name in wanted:
        kind = "code" if name in CODE else "markdown"
        if cells[name].cell_type != kind:
            yield f"{name} must be a {kind} cell"
    for name in filter(wanted.__contains__, SECTIONS):
        if not cells[name].source.startswith("## "):
            yield f"{name} opens a section and must begin with '## '"
    if ids[0] != "title":
        yield "the notebook must begin with the title"
    if ids[-1] != "navigation":
        yield "the notebook must end with the navigation"


def _title(source: str) -> Iterator[str]:
    blocks = [block.strip() for block in source.split("\n\n")]
    heading = blocks[0].splitlines()[0]
    words = heading.removeprefix("# ").split()
    if not heading.startswith("# ") or not words:
        yield "title: must begin with '# ' and the title"
        return
    if not heading.endswith("?") and words[0].lower() not in _VERBS:
        yield f"title: {heading!r} is neither a question nor begins with a verb"
    answer = blocks[1] if len(blocks) > 1 else ""
    if not answer.endswith(".") or re.search(r"[.?] +[A-Z]", answer) or answer.startswith(("**", "-", "#")):
        yield "title: the paragraph after the title must be one sentence, the answer"
    outcomes = re.findall(r"(?m)^[-*] +(\S+)", source)
    if say("lesson.outcomes") not in source or len(outcomes) not in OUTCOMES:
        yield f"title: {say('lesson.outcomes')} needs 2 to 4 bullets, not {len(outcomes)}"
    for verb in outcomes:
        if verb.lower().strip("*_") in _NOT_MEASURABLE:
            yield f"title: an outcome begins with {verb!r}; say what the learner will be seen to do"
    if say("lesson.needs") not in source:
        yield f"title: {say('lesson.needs')} is missing"
    if not re.search(re.escape(say("lesson.minutes")) + r":? *\d+", source):
        yield f"title: {say('lesson.minutes')} must be followed by a number"


def _binder(source: str, path: Path) -> Iterator[str]:
    if not re.search(rf"\(https://mybinder\.org/v2/gh/\S+/{re.escape(path.name)}\)", source):
        yield f"binder: the link must open this lesson, {path.name}, on mybinder.org"


def _imports(nb: NotebookNode) -> Iterator[str]:
    """Every check and hint of the lesson works when the cells are run from the top."""
    known: set[str] = set()
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        nodes = list(ast.walk(_tree(cell.source)))
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.module == "vram.teach":
                known |= {alias.name for alias in node.names}
        for node in nodes:
            name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            if name in _TEACH - known:
                yield f"{cell.id}: {name} is used before it is imported from vram.teach"


def _reveal(nb: NotebookNode, wanted: tuple[str, ...]) -> Iterator[str]:
    """Not before the first thing that may answer: a derivation, or a panel that stands before it."""
    ids = [cell.get("id", "") for cell in nb.cells]
    first = next(name for name in wanted if name in ("derive", "play-panel"))
    if "predict-reveal" not in ids or ids.index("predict-reveal") < ids.index(first):
        yield f"predict-reveal must stand after {first} has begun"


def _play(nb: NotebookNode) -> Iterator[str]:
    before = []
    for cell in section(nb, "play"):
        if cell.get("id") == "play-panel":
            break
        before.append(cell.source if cell.cell_type == "markdown" else "")
    if "\n".join(before).count("?") < 2:
        yield "play: two questions must stand before the panel"


def _cases(nb: NotebookNode) -> Iterator[str]:
    """Every case of the clinic stands in the section of cases, its answer right after its question."""
    ids = [cell.get("id", "") for cell in section(nb, "cases")]
    for number in clinic_numbers():
        question, answer = f"case-{number:02}-question", f"case-{number:02}-answer"
        if question not in ids or answer not in ids:
            yield f"cases: case {number} is missing"
        elif ids.index(answer) != ids.index(question) + 1:
            yield f"cases: {answer} must stand right after {question}"


def _mistake(source: str) -> Iterator[str]:
    if not _LINK.search(source):
        yield "mistake: the claim must be cited with a link"


def _world(nb: NotebookNode) -> Iterator[str]:
    cells, before, asserts = section(nb, "world"), "", 0
    for cell in cells:
        if cell.cell_type == "markdown":
            before = cell.source
            continue
        tests = [node.test for node in ast.walk(_tree(cell.source)) if isinstance(node, ast.Assert)]
        if tests and not _LINK.search(before):
            yield f"{cell.id}: the markdown cell before this check must name its source with a link"
        for test in tests:
            asserts += 1
            if not any(isinstance(node, ast.Name) for node in ast.walk(test)) or isinstance(test, ast.Tuple):
                yield f"{cell.id}: this assertion cannot fail"
        before = ""
    if not asserts:
        yield "world: at least one assertion is needed"


def _tree(source: str) -> ast.AST:
    try:
        return ast.parse(source)
    except SyntaxError:  # magics and shell lines, which `measures` reports
        return ast.Module(body=[], type_ignores=[])


def _summary(text: str) -> Iterator[str]:
    if text.count("$") < 2:
        yield "summary: the formula is missing"
    for label in ("unit", "valid", "left_out"):
        if say(f"lesson.{label}") not in text:
            yield f"summary: {say(f'lesson.{label}')} is missing"
    if not re.search(r"\d", text.partition(say("lesson.left_out"))[2]):
        yield f"summary: {say('lesson.left_out')} must say how large it is"


def _exercises(nb: NotebookNode, number: str) -> Iterator[str]:
    found = [m for cell in nb.cells if (m := _EXERCISE.fullmatch(cell.get("id", "")))]
    questions = {m[2] for m in found if m[3] == "question"}
    if {m[1] for m in found} - {number}:
        yield f"exercises: an exercise of another lesson than {number}"
    if questions != {m[2] for m in found if m[3] == "answer"}:
        yield "exercises: each question needs its answer cell"
    if len(questions) not in EXERCISES:
        yield f"exercises: 3 to 6 are needed, not {len(questions)}"
    headings = [cell.source.splitlines()[0] for cell in nb.cells if re.fullmatch(r"ex-.*-question", cell.get("id", ""))]
    stars = {heading.count("★") for heading in headings}
    if 0 in stars or not {1, 3} <= stars:
        yield "exercises: each has its stars, and they go from ★ to ★★★"


def _sources(text: str) -> Iterator[str]:
    entries = re.findall(r"(?m)^[-*] .*(?:\n {2}.*)*", text)
    if not entries:
        yield "sources: a list is needed"
    for entry in entries:
        if not _LINK.search(entry):
            yield f"sources: {entry[:40]!r} has no link"
