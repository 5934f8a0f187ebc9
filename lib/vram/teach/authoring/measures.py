"""What can be measured in a lesson: words between things to do, lines of code, figures, words that are not used.

Words: visible text of markdown cells; a formula and a code span count one each; sources and navigation do not count.
"""

from __future__ import annotations

import io
import re
import statistics
import tokenize
from collections.abc import Iterator

from nbformat import NotebookNode

MEDIAN_LINES = 4
MOST_LINES = 15
LINE_LENGTH = 88
WORDS_PER_CODE_CELL = 35
WORDS_BETWEEN = 150
BANNED = {"interact", "Output", "init_printing", "n_kv_groups"}

_UNCOUNTED = ("sources", "navigation")
_BARE_G = re.compile(r"\d\s?G(?![\w/])")
_EXCLAMATION = re.compile(r"!(?!=)")


def faults(nb: NotebookNode) -> Iterator[str]:
    """Everything that a measure finds wrong, one sentence each."""
    yield from _rhythm(nb)
    yield from _lines(nb)
    for cell in nb.cells:
        name = cell.get("id", "")
        if cell.cell_type == "markdown":
            yield from (f"{name}: {fault}" for fault in _markdown(cell.source))
        elif cell.cell_type == "code":
            yield from (f"{name}: {fault}" for fault in _code(cell.source))
            yield from (f"{name}: {fault}" for fault in _figures(cell))


def words(source: str) -> int:
    """How many words of a markdown source a reader reads."""
    return len([token for token in prose(source).split() if re.search(r"\w", token)])


def prose(source: str) -> str:
    """The visible text of a markdown source, each formula and each code span as one word."""
    text = re.sub(r"```.*?```", " code ", source, flags=re.S)
    text = re.sub(r"\$\$.*?\$\$|\$[^$]+\$", " formula ", text, flags=re.S)
    text = re.sub(r"`[^`]+`", " code ", text)
    text = re.sub(r"!\[([^]]*)\]\([^)]*\)", " ", text)
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"<[^>]+>|https?://\S+", " ", text)


def _counted(cell: NotebookNode) -> int:
    return words(cell.source) if cell.cell_type == "markdown" and cell.get("id") not in _UNCOUNTED else 0


def _rhythm(nb: NotebookNode) -> Iterator[str]:
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    total = sum(map(_counted, nb.cells))
    if code and total < WORDS_PER_CODE_CELL * len(code):
        yield f"{total} words for {len(code)} code cells: {WORDS_PER_CODE_CELL} for each are needed"
    since = 0
    for cell in nb.cells:
        since += _counted(cell)
        if cell.cell_type == "code":
            if since > WORDS_BETWEEN:
                yield f"{cell.get('id')}: {since} words before it without a thing to do; {WORDS_BETWEEN} are allowed"
            since = 0


def _lines(nb: NotebookNode) -> Iterator[str]:
    lengths = {}
    for cell in nb.cells:
        if cell.cell_type == "code":
            lengths[cell.get("id")] = len([line for line in cell.source.splitlines() if line.strip()])
    if lengths and statistics.median(lengths.values()) > MEDIAN_LINES:
        yield f"the median code cell has {statistics.median(lengths.values()):g} lines; {MEDIAN_LINES} are allowed"
    for name, length in lengths.items():
        if length > MOST_LINES:
            yield f"{name}: {length} lines of code; {MOST_LINES} are allowed"


def _markdown(source: str) -> Iterator[str]:
    text = prose(source)
    if _EXCLAMATION.search(text):
        yield "an exclamation mark"
    yield from _words_not_used(source)
    for alt in re.findall(r"!\[([^]]*)\]\(", source) + re.findall(r"<img\b(?![^>]*\balt=\"[^\"]+\")[^>]*()>", source):
        if not alt.strip():
            yield "a picture without alternative text"


def _code(source: str) -> Iterator[str]:
    for line in source.splitlines():
        if len(line) > LINE_LENGTH:
            yield f"a line of {len(line)} characters; {LINE_LENGTH} are allowed"
        if re.match(r"\s*[%!]", line):
            yield f"a magic or shell line: {line.strip()[:40]!r}"
        if re.match(r"\s*from .* import \*", line):
            yield "import * hides where a name comes from"
    for text in _texts(source):
        if _EXCLAMATION.search(re.sub(r"\{[^}]*\}", "", text)):
            yield "an exclamation mark in a text or comment"
    yield from _words_not_used(source)


def _texts(source: str) -> Iterator[str]:
    """The strings and comments of a cell."""
    kinds = {tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", -1)}
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type in kinds:
                yield token.string
    except (tokenize.TokenError, SyntaxError):
        return


def _words_not_used(source: str) -> Iterator[str]:
    for word in sorted(BANNED & set(re.findall(r"\w+", source))):
        yield f"{word} is not used in this course"
    if match := _BARE_G.search(source):
        yield f"{match[0]!r}: a bare G is neither GB nor GiB"


def _figures(cell: NotebookNode) -> Iterator[str]:
    """A picture is an HTML <img> with numbers in its alternative text, and shows them as text or table beside it."""
    pictures, twin = [], False
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        html = "".join(data.get("text/html", ""))
        if {"image/png", "image/svg+xml", "image/jpeg"} & set(data) or "<svg" in html:
            yield "a picture that is not an HTML <img> with alternative text"
        pictures += re.findall(r"<img\b[^>]*>", html)
        rest = re.sub(r"<img\b[^>]*>", "", html)
        plain = output.get("text", "") or ("" if html else "".join(data.get("text/plain", "")))
        twin = twin or bool(re.search(r"<table\b.*\d", rest, re.S) or re.search(r"\d", plain))
    for picture in pictures:
        alt = re.search(r"\balt=(\"[^\"]*\"|'[^']*')", picture)
        if not alt or not re.search(r"\d", alt[1]):
            yield "a picture without numbers in its alternative text"
    if pictures and not twin:
        yield "a picture without its numbers as text or table in the same cell"
