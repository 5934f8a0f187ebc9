"""What does a panel show, piece by piece? The same pieces make the live panel and its static copy.

A live panel keeps each piece in an element of its own. So a fold that a reader has opened stays open when a control
moves: its title is one element, which does not change, and what it holds is the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape

#: The class of an element of the live panel; the stylesheet shows what is inside while the title before it is open.
TITLE, INSIDE, PLAIN = "vram-title", "vram-inside", "vram-plain"


@dataclass(frozen=True, slots=True)
class Fold:
    """What is shown when its title is pressed. The title holds no numbers: with another title it is another fold."""

    title: str
    inside: str  # markup


#: The first piece is the verdict.
Piece = str | Fold


def live(pieces: Iterable[Piece]) -> Iterator[tuple[str, str]]:
    """Class and markup of each element of the live panel."""
    for piece in pieces:
        if isinstance(piece, Fold):
            yield TITLE, _page(f"<details><summary>{escape(piece.title)}</summary></details>")
            yield INSIDE, _page(piece.inside)
        else:
            yield PLAIN, _page(piece)


def static(pieces: Iterable[Piece], before: str = "") -> str:
    """The same as one element, for a place without a kernel."""
    verdict, *others = pieces
    rest = "".join(_details(piece) if isinstance(piece, Fold) else piece for piece in others)
    return _page(f'{before}<div role="status" aria-live="polite">{verdict}</div>{rest}')


def verdict(sentence: str, detail: str, kind: str = "") -> str:
    """The answer in one sentence, and a second one, smaller."""
    return (
        f'<p class="verdict{kind and f" {kind}"}"><b>{escape(sentence)}</b></p><p class="detail">{escape(detail)}</p>'
    )


def picture(image: str) -> str:
    """A picture that scrolls in its place where the page is too narrow to read it."""
    return f'<div class="scroll">{image}</div>'


def _details(fold: Fold) -> str:
    return f"<details><summary>{escape(fold.title)}</summary>{fold.inside}</details>"


def _page(markup: str) -> str:
    return f'<div class="vram">{markup}</div>'
