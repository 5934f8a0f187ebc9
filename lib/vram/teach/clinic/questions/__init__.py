"""The questions of the clinic, one file a theme. Each function shows in the solutions as it stands here, so it uses
nothing but `vram` and its own arguments."""

from __future__ import annotations

from . import adapters, cache, cards, experts, forensics, quantise, run, train

#: All questions by number.
QUESTIONS = {
    question.number: question
    for theme in (run, cache, quantise, train, adapters, cards, forensics, experts)
    for question in theme.QUESTIONS
}
