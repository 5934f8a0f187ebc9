"""The sizing clinic of lesson 12: questions that people really ask, each with new numbers for every seed.

case = clinic(7, seed=3)    the question, its numbers drawn by the seed
answer = Answer(config={"kv": "q8_0"}, size="12.55 GiB", sentence="…")
check_case(case, answer)    judges size and config; then prints the rubric for the sentence
case.hint()                 three hints, one more a call
clinic_progress(seed=3)     which cases are solved in this kernel
"""

from __future__ import annotations

from .answer import Answer
from .case import Case, clinic, numbers
from .progress import clinic_progress
from .review import check_case

__all__ = ["Answer", "Case", "check_case", "clinic", "clinic_progress", "numbers"]
