"""What a check shows: plain text for a terminal and a screen reader, a paragraph of HTML for a notebook.

The verdict is a word and a mark, never a colour alone. The same answer gives the same output in every run.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from html import escape

from ..words import say

_WIDTH = 88


@dataclass(frozen=True, slots=True)
class Feedback:
    """A verdict (right, open, unclear, wrong, or "" where nothing is judged) and the sentences that go with it.

    part  the part of an answer that is judged, where an answer has several
    """

    verdict: str
    text: str
    part: str = ""

    @property
    def right(self) -> bool:
        """Whether the answer was right."""
        return self.verdict == "right"

    @property
    def lead(self) -> str:
        """The mark and the word of the verdict."""
        if not self.verdict:
            return ""
        part = f" {self.part}:" if self.part else ""
        return f"{say(f'check.mark.{self.verdict}')}{part} {say(f'check.{self.verdict}')}"

    def __repr__(self) -> str:
        return wrapped(f"{self.lead} {self.text}".strip())

    def _repr_html_(self) -> str:
        lead = f"<strong>{escape(self.lead)}</strong> " if self.verdict else ""
        body = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(self.text, quote=False))
        return f"<p>{lead}{body.replace(chr(10), '<br>')}</p>"


def wrapped(text: str) -> str:
    """Lines of a width that terminals have."""
    return "\n".join(textwrap.fill(line, _WIDTH, break_long_words=False) for line in text.splitlines())
