"""Numbers in the sentences of lessons and decks: each is shown by a cell of its notebook, or computed here.

A number is a token with a decimal point, four or more digits, or a unit. Numbers written as words, and everything
that no cell shows, stand in claims/lessonNN.py with the library's way to the same words.
"""

import re
from pathlib import Path

import nbformat
import pytest

from claims import CLAIMS, QUOTED
from vram.teach.authoring.files import course_notebooks

COURSE = Path(__file__).parent.parent
NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?:[ \u00a0]?(?:%|GiB|GB|MiB|MB|KiB|KB|TB|bits?|bytes?)(?!\w))?")
YEAR = re.compile(r"(19|20)\d\d")

NOTEBOOKS = [path for path in course_notebooks(COURSE) if "solutions" not in path.parts]


def plain(text: str) -> str:
    """The visible words: no link targets, no LaTeX separators, no code spans."""
    text = re.sub(r"\]\([^)]*\)", "]", text).replace("{,}", ",").replace(r"\,", " ").replace("\\%", "%")
    return re.sub(r"`[^`]*`|[Ss]ection [\d.]+\d", "", text)


def shown(nb: nbformat.NotebookNode) -> str:
    """Everything that the code cells say: their source, and what they print."""
    parts = []
    for cell in nb.cells:
        if cell.cell_type == "code":
            parts.append(re.sub(r"(?<=\d)_(?=\d)", ",", cell.source))
            for output in cell.outputs:
                parts += [output.get("text", ""), *map(str, output.get("data", {}).values())]
    return "\n".join(parts)


def prose(nb: nbformat.NotebookNode) -> str:
    """The sentences of the author; questions come from the catalogue and are tested with their answers."""
    generated = re.compile(r"(ex-|exit-|mistake-question|predict$|exercises$|sources$|navigation$|binder$)")
    return "\n".join(plain(c.source) for c in nb.cells if c.cell_type == "markdown" and not generated.match(c.id))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_number_is_shown_or_computed(path):
    nb = nbformat.read(path, as_version=4)
    number = path.name[:2]
    said = " ".join(words for lesson, words, _ in CLAIMS if lesson == number) + " " + " ".join(QUOTED.get(number, ()))
    evidence = shown(nb).replace("\u00a0", " ") + "\n" + said
    known = {found.replace(",", "").rstrip(".") for found in re.findall(r"\d[\d,]*(?:\.\d+)?", evidence)}
    unproved = []
    for match in NUMBER.finditer(prose(nb).replace("\u00a0", " ")):
        token = match.group().rstrip(",")
        bare = token.split(" ")[0].rstrip("%")
        significant = "." in bare or len(bare.replace(",", "")) >= 4 or token != bare
        if not significant or (YEAR.fullmatch(bare) and token == bare):
            continue
        if bare.replace(",", "") not in known:
            unproved.append(token)
    assert unproved == []


@pytest.mark.parametrize(("lesson", "words", "computed"), CLAIMS, ids=[f"{c[0]}-{c[1]}" for c in CLAIMS])
def test_claim(lesson, words, computed):
    """The claim stands in a notebook of its lesson, and the library says the same."""
    texts = [prose(nbformat.read(path, as_version=4)) for path in NOTEBOOKS if path.name.startswith(lesson)]
    assert any(words in text.replace("$", "") for text in texts), "no notebook says this any more"
    assert computed() == words
