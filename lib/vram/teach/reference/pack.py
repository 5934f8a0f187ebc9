"""What does a teacher need on paper? Votes with the answers to expect, exit questions, misconceptions, the board plan.

Gathered from decks, exercises and ledgers, so that none of it can say something else than the course.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...architectures import models
from ...memory import weights
from ...show.explain import formulas, per_layer, written
from ...show.tables import StyledTable, tensor_table
from ...words import keys, say
from ..authoring.files import loads
from ..exercises import lessons, of_lesson
from ..misconceptions import RATIOS, known, sentence

#: The cells with which a slide for a question begins, in every deck.
_SLIDES = ("vote", "mistake", "exit")


def questions_of_decks(folder: str | Path = ".") -> str:
    """Votes, mistakes and exit questions of all decks in `folder`, each with its notes, as Markdown."""
    parts = []
    for deck in sorted(Path(folder).glob("[0-9][0-9]-*.ipynb")):
        cells = loads(deck.read_text(encoding="utf-8")).cells
        title = next(cell.source for cell in cells if cell.source.startswith("# ")).splitlines()[0]
        parts.append(f"## {deck.name[:2]} · {title.removeprefix('# ')}")
        for shown, notes in map(_of_slide, _slides(cells)):
            parts += [_smaller(shown), f"*{notes}*"]
    return "\n\n".join(parts)


def exit_questions() -> str:
    """The exit question of every lesson with its options, without answers, as Markdown for one page."""
    parts = []
    for number in lessons():
        question = of_lesson(number)[f"{number}.x"]
        options = "".join(f"\n- ({letter}) {question.words(f'option.{letter}')}" for letter in question.letters)
        parts.append(f"**{number}** {question.words('question')}" + (f"\n{options}" if options else ""))
    return "\n\n".join(parts)


def misconceptions() -> StyledTable:
    """Every belief that checks recognise: what they say to it, and the lessons whose exercises meet it."""
    rows = [(id, sentence(id), ", ".join(_lessons_of(id))) for id in known()]
    columns = [say(f"pack.column.{name}") for name in ("id", "sentence", "lessons")]
    return StyledTable(columns, rows, align="lll", caption=say("pack.misconceptions"))


def board_plan() -> StyledTable:
    """The board at the end of lesson 02: every tensor of a layer with its shape, and their sum."""
    layer = per_layer(weights(models["gpt2"].symbolic()))
    table = tensor_table(formulas(layer, layer), unit="parameters")
    rows = [(row[0].replace("transformer.h.{}.", ""), row[1].replace("*", ""), row[2]) for row in table.rows[:-1]]
    columns = [say(f"table.{name}") for name in ("tensor", "shape", "formula")]
    total = (say("table.total"), "", written(layer.numel))
    return StyledTable(columns, [*rows, total], align="lcc", total=-1, caption=say("pack.board"))


def clinic_rubric() -> str:
    """What a good sentence of the clinic does in every case, and what else in each, as Markdown."""
    always = [say("clinic.answers"), say("clinic.number")]
    lines = [f"- **{say('pack.always')}** {text}" for text in always]
    for key in keys("exercise.clinic."):
        case, _, name = key.removeprefix("exercise.clinic.").rpartition(".")
        if name.startswith("rubric"):
            lines.append(f"- **{case}** {say(key)}")
    return "\n".join(lines)


def _lessons_of(id: str) -> list[str]:
    """The lessons where a slip names this belief, or a ratio betrays it in an exercise of its kind."""
    kinds = {kind for kind, ratios in RATIOS.items() if any(name == id for name, _ in ratios)}
    return [
        number
        for number in lessons()
        if any(
            (question.kind in kinds and question.number != "p")
            or any(slip.misconception == id for slip in question.slips)
            for question in of_lesson(number).values()
        )
    ]


def _slides(cells: list[Any]) -> Iterator[list[Any]]:
    """The cells of each slide that asks something."""
    slide: list[Any] = []
    for cell in [*cells, None]:
        if cell is None or cell.metadata.get("slideshow", {}).get("slide_type") == "slide":
            if slide and slide[0].id.startswith(_SLIDES):
                yield slide
            slide = []
        if cell is not None:
            slide.append(cell)


def _of_slide(cells: list[Any]) -> tuple[str, str]:
    """What the class sees, and what the speaker reads."""
    shown, notes = [], []
    for cell in cells:
        if cell.metadata.get("slideshow", {}).get("slide_type") == "notes":
            notes.append(" ".join(cell.source.split()))
        elif cell.cell_type == "markdown":
            shown.append(cell.source)
        else:
            shown += [text for output in cell.outputs if (text := output.get("data", {}).get("text/markdown"))]
    return "\n\n".join(shown), " ".join(notes)


def _smaller(text: str) -> str:
    """Headings one level down: a slide's heading stands below its deck's."""
    return re.sub(r"^(#+) ", r"#\1 ", text, flags=re.MULTILINE)
