"""Checks that teach: `check`, `hint`, `predict`, `reveal`, `progress`, and the units that answers are written in.

check("02.1", answer)    compares with what the library computes, and names the thought behind a known slip
hint("02.1")             three hints, one more a call
predict("02.p", guess)   commit to a guess; reveal("02.p") sets it beside the truth
progress("02")           which questions of a lesson are solved in this kernel

Lesson 12 has cases of its own in `vram.teach.clinic`, lesson 14 tries a learner's tests in `vram.teach.audit`.
"""

from __future__ import annotations

from .checks import check, progress
from .guesses import predict, reveal
from .hints import hint
from .quantities import GB, KB, MB, TB, B, GiB, KiB, MiB, TiB

__all__ = [
    "GB", "KB", "MB", "TB", "B", "GiB", "KiB", "MiB", "TiB",
    "check", "hint", "predict", "progress", "reveal",
]  # fmt: skip
