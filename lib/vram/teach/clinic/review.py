"""Judge an answer to a case: its size and its config by the library, its sentence by a rubric that a person reads.

The rubric is printed when size and config are right and a sentence stands, so that it gives nothing away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...ledger.errors import VramError
from ...words import keys, say
from .. import state
from ..answers import is_open
from ..compare import judge
from ..feedback import Feedback, wrapped
from .answer import Answer
from .case import Case

_FEWEST_WORDS = 5


@dataclass(frozen=True, slots=True)
class Review:
    """The question again, and what there is to say to each part of the answer."""

    case: Case
    parts: tuple[tuple[str, Feedback], ...]
    rubric: str = ""

    @property
    def right(self) -> bool:
        """Whether the library finds size and config right."""
        return {"size", "config"} <= {name for name, feedback in self.parts if feedback.right}

    def _lines(self) -> list[Feedback]:
        return [Feedback(said.verdict, said.text, name) for name, said in self.parts]

    def __repr__(self) -> str:
        lines = [repr(self.case), *map(repr, self._lines()), wrapped(self.rubric)]
        return "\n".join(line for line in lines if line)

    def _repr_html_(self) -> str:
        said = "".join(line._repr_html_() for line in self._lines())
        return self.case._repr_html_() + said + (Feedback("", self.rubric)._repr_html_() if self.rubric else "")


def check_case(case: Case, answer: Answer | None = None) -> Review:
    """Judge an answer to a case. No answer raises; VramError for what is no case.

    >>> from vram.teach.clinic import clinic
    >>> check_case(clinic(1)).right
    False
    """
    if not isinstance(case, Case):
        raise VramError(f"case: a {type(case).__name__} given; clinic(number, seed) makes one.")
    if is_open(answer) or (isinstance(answer, Answer) and answer.is_open):
        return Review(case, (("answer", Feedback("open", say("clinic.open"))),))
    if not isinstance(answer, Answer):
        return Review(case, (("answer", Feedback("unclear", say("clinic.unclear"))),))
    size, config = _size(case, answer), _config(case, answer)
    parts = [("size", size), ("config", config)]
    is_written = isinstance(answer.sentence, str) and len(answer.sentence.split()) >= _FEWEST_WORDS
    if not is_written:
        parts.append(("sentence", Feedback("open", say("clinic.sentence", fewest=_FEWEST_WORDS))))
    marks = state.cases.setdefault(case.id, {})
    for name, feedback in parts[:2]:
        marks[name] = marks.get(name, False) or feedback.right
    marks["sentence"] = is_written
    if not (is_written and size.right and config.right):
        return Review(case, tuple(parts))
    criteria = rubric(case)
    if type(answer.points) is int and 0 <= answer.points <= len(criteria):
        marks["points"] = answer.points
    return Review(case, tuple(parts), "\n".join([say("clinic.rubric", total=len(criteria)), *criteria]))


def rubric(case: Case) -> list[str]:
    """What a good sentence does: two things in every case, the others in this one."""
    own = [case.words(key.rpartition(".")[2]) for key in keys(f"exercise.{case.question.id}.rubric")]
    return [say("clinic.criterion", text=text) for text in (say("clinic.answers"), *own, say("clinic.number"))]


def _size(case: Case, answer: Answer) -> Feedback:
    if is_open(answer.size):
        return Feedback("open", say("clinic.no_size"))
    return judge(case.exercise, answer.size)


def _config(case: Case, answer: Answer) -> Feedback:
    """Whether the choice works, and whether nothing before it in the list does."""
    key, options = case.question.key, case.options
    if answer.config_is_open:
        return Feedback("open", say("clinic.no_config", key=key))
    if not isinstance(answer.config, Mapping) or list(answer.config) != [key]:
        return Feedback("unclear", say("clinic.config_form", key=key))
    chosen = [o for o in options if type(o) is type(answer.config[key]) and o == answer.config[key]]
    if not chosen:
        return Feedback("unclear", say("clinic.no_option", key=key))
    if chosen[0] == case.right_option:
        return Feedback("right", case.words("works"))
    works = case.question.works(chosen[0], **case.settings)
    return Feedback("wrong", say("clinic.earlier") if works else case.words("fails"))
