"""What does a panel show, piece by piece? The same pieces make the live panel and its static copy.

A live panel keeps each piece in an element of its own. So a fold that a reader has opened stays open when a control
moves: its title is one element, which does not change, and what it holds is the next. That is made later than what is
seen at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from html import escape

#: The class of an element of the live panel; the stylesheet shows what is inside while the title before it is open.
TITLE, INSIDE, PLAIN = "vram-title", "vram-inside", "vram-plain"


@dataclass(frozen=True, slots=True)
class Fold:
    """What is shown when its title is pressed. The title holds no numbers: with another title it is another fold."""

    title: str
    inside: Callable[[], str]  # gives markup


#: The first piece begins with the verdict.
Piece = str | Fold

#: The element that holds the verdict; nothing else is marked so.
_SAID = "<div data-verdict>"


def live(pieces: Iterable[Piece]) -> Iterator[tuple[str, Callable[[], str]]]:
    """Class of each element of the live panel, and what gives its markup."""
    for piece in pieces:
        if isinstance(piece, Fold):
            yield TITLE, partial(_page, f"<details><summary>{escape(piece.title)}</summary></details>")
            yield INSIDE, partial(_inside, piece)
        else:
            yield PLAIN, partial(_page, piece)


def markup(pieces: Iterable[Piece]) -> str:
    """All elements of the live panel, one after the other."""
    return "".join(make() for _, make in live(pieces))


def static(pieces: Iterable[Piece], before: str = "") -> str:
    """The same as one element, for a place without a kernel."""
    shown = "".join(_details(piece) if isinstance(piece, Fold) else piece for piece in pieces)
    return _page(before + shown.replace(_SAID, '<div role="status" aria-live="polite">', 1))


def verdict(sentence: str, detail: str, kind: str = "") -> str:
    """The answer in one sentence, and a second one, smaller."""
    chosen = f"verdict {kind}".rstrip()
    return f'{_SAID}<p class="{chosen}"><b>{escape(sentence)}</b></p><p class="detail">{escape(detail)}</p></div>'


def owned(markup: str, name: str) -> str:
    """The markup with the verdict's element under a name: a region elsewhere on the page can own it."""
    return markup.replace(_SAID, f'{_SAID[:-1]} id="{name}">', 1)


def picture(image: str) -> str:
    """A picture that scrolls in its place where the page is too narrow to read it."""
    return f'<div class="scroll">{image}</div>'


def _details(fold: Fold) -> str:
    return f"<details><summary>{escape(fold.title)}</summary>{fold.inside()}</details>"


def _inside(fold: Fold) -> str:
    return _page(fold.inside())


def _page(markup: str) -> str:
    return f'<div class="vram">{markup}</div>'
