"""Pages to look things up in: the article statement by statement, the cheat sheet, notation, the bibliography."""

from __future__ import annotations

from ...lazy import lazy

_WHERE = {
    "bibliography": ("bibliography",),
    "cheat_sheet": ("cheat_sheet",),
    "crosswalk": ("crosswalk",),
    "pack": ("board_plan", "clinic_rubric", "exit_questions", "misconceptions", "questions_of_decks"),
    "notation": ("symbol_table", "term_table"),
}

__getattr__, __dir__, __all__ = lazy(globals(), _WHERE)
