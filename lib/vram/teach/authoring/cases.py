"""The cells of the clinic: a question and its answer cell for the lesson, a worked answer for the solutions.

The worked answer shows the functions with which the clinic itself computes size and config, so that the two cannot
drift; numbers are those of the seed that the lesson opens with.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from ...words import say
from ..clinic import Case, clinic, numbers
from ..clinic.case import in_words
from ..compare import shown

#: The lesson that is a clinic.
LESSON = "12"
_WIDTH = 80


def lesson_cells() -> Iterator[tuple[NotebookNode, NotebookNode]]:
    """Question and answer cell of every case; the numbers are drawn in the notebook, by its `seed`."""
    for number in numbers():
        case = clinic(number)
        code = (
            f"case = clinic({number}, seed)\n"
            f'answer = Answer(config={{"{case.question.key}": None}}, size=None, sentence="")\n'
            "check_case(case, answer)"
        )
        yield (
            new_markdown_cell(f"{_heading(case)}\n\n{case.words('thread')}", id=f"case-{number:02}-question"),
            new_code_cell(code, id=f"case-{number:02}-answer"),
        )


def solution_cells() -> Iterator[NotebookNode]:
    """Every case with its worked answer."""
    for number in numbers():
        case = clinic(number)
        name = f"case-{number:02}"
        asked = "\n".join(f"- **{field}** {text}" for field, text in case.asked)
        yield new_markdown_cell(f"{_heading(case)}\n\n{case.words('question')}\n\n{asked}", id=f"{name}-question")
        reasoning = case.words("solution", **_found(case))
        folded = f"<details>\n<summary>{say('lesson.reasoning')}</summary>\n\n{reasoning}\n\n</details>"
        yield new_markdown_cell(folded, id=f"{name}-reasoning")
        yield new_code_cell(_worked(case), id=f"{name}-solution")


def _heading(case: Case) -> str:
    return f"#### {case.title} {'★' * case.question.stars}"


def _found(case: Case) -> dict[str, str]:
    return {
        "answer": shown(case.exercise, case.exercise.truth()),
        "config": in_words(case.question.key, case.right_option),
    }


def _worked(case: Case) -> str:
    asked = case.question
    unit = " * B" if asked.kind == "bytes" else ""
    lines = textwrap.wrap(case.words("wrote", **_found(case)), _WIDTH, drop_whitespace=False)
    sentence = "\n".join(f"    {line!r}" if '"' in line else f'    "{line}"' for line in lines)
    return f"""\
{inspect.getsource(asked.size)}

{inspect.getsource(asked.works)}

case = clinic({asked.number})
size = {asked.size.__name__}(**case.settings){unit}
works = [o for o in case.options if {asked.works.__name__}(o, **case.settings)]
sentence = (
{sentence}
)
check_case(case, Answer({{"{asked.key}": works[0]}}, size, sentence))"""
