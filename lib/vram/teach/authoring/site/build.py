"""Builds the site: `make site` writes it to `_site`, where `index.html` opens from disk.

Reading needs no script: formulas are MathML, panels show the state of their last run, pictures lie inside the pages.
Search, and the controls of the decks, are small scripts in the pages. Nothing is loaded from a network.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import jinja2
from bs4 import BeautifulSoup, Tag
from nbconvert import HTMLExporter

from ....words import language, say
from ..files import course_notebooks, loads
from .math import typeset

_HEADINGS = ("h1", "h2", "h3")
_ANCHOR = re.compile(r"[^\w]+")


@dataclass
class Page:
    """A notebook as a page: where it comes from, where it goes, what it says."""

    source: Path
    address: str
    title: str
    body: BeautifulSoup

    @property
    def number(self) -> str:
        """The lesson's number, or nothing."""
        return self.source.name[:2] if self.source.name[:2].isdecimal() else ""

    @property
    def short(self) -> str:
        return f"{self.number} · {self.title}" if self.number else self.title


def build(course: Path, target: Path, built: Path) -> list[Page]:
    """Write the whole site to `target`, which is emptied first, and return its pages.

    built  the folder of the decks that `make slides` has built
    Needs MathJax from npm in slides/node_modules; `make slides` puts it there.
    """
    decks = sorted(built.glob("*.html"))
    if not decks:
        raise FileNotFoundError(f"{built} holds no deck: run `make slides` first")
    exporter = HTMLExporter(
        template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True, exclude_anchor_links=True
    )
    pages = [read(path, course, exporter) for path in course_notebooks(course) if path.parent.name != "slides"]
    addresses = {page.source.relative_to(course).as_posix(): page.address for page in pages}
    addresses |= {f"slides/{deck.stem}.ipynb": f"slides/{deck.name}" for deck in decks}
    for page in pages:
        follow(page, course, addresses)
        name_sections(page.body)
    typeset([page.body for page in pages], course / "slides" / "node_modules")
    if target.exists():
        shutil.rmtree(target)
    for folder in ("images", "data"):
        shutil.copytree(course / "notebooks" / folder, target / folder)
    (target / "slides").mkdir()
    for deck in decks:
        shutil.copy(deck, target / "slides")
    write(target, pages, decks)
    return pages


def read(path: Path, course: Path, exporter: HTMLExporter) -> Page:
    """An executed notebook as HTML without a page around it."""
    notebook = loads(path.read_text(encoding="utf-8"))
    html, _ = exporter.from_notebook_node(notebook)
    body = BeautifulSoup(html, "html.parser")
    heading = body.find("h1")
    if heading is None:
        raise ValueError(f"{path.name}: no title; a page begins with a line `# …`")
    address = path.relative_to(course / "notebooks").with_suffix(".html").as_posix()
    return Page(path, address, heading.get_text(), body)


def follow(page: Page, course: Path, addresses: dict[str, str]) -> None:
    """Links to notebooks of the course lead to their pages; links to other files of it stay words."""
    up = "../" * page.address.count("/")
    for link in page.body.find_all("a", href=True):
        href, _, anchor = link["href"].partition("#")
        if not href or "://" in href or href.startswith("mailto:"):
            continue
        file = (page.source.parent / href).resolve()
        inside = file.relative_to(course.resolve()).as_posix() if file.is_relative_to(course.resolve()) else ""
        if inside in addresses:
            link["href"] = up + addresses[inside] + (f"#{anchor}" if anchor else "")
        elif inside.startswith(("notebooks/images/", "notebooks/data/")):
            link["href"] = up + inside.removeprefix("notebooks/")
        else:
            link.unwrap()


def name_sections(body: BeautifulSoup) -> None:
    """Every heading gets an anchor that search and readers can point at."""
    taken: set[str] = set()
    for heading in body.find_all(_HEADINGS):
        name = _ANCHOR.sub("-", heading.get_text().casefold()).strip("-") or "section"
        while name in taken:
            name += "-2"
        taken.add(name)
        heading["id"] = name


def sections(page: Page) -> list[tuple[str, str, str, str, str]]:
    """What search looks at: address, anchor, title, heading and words of each section, without code."""
    found: list[list[str]] = [[page.address, "", page.title, "", ""]]
    for cell in page.body.find_all("div", class_="cell"):
        for element in cell.find_all([*_HEADINGS, "p", "li", "td", "th"]):
            words = " ".join(element.get_text(" ").split())
            if element.name in _HEADINGS:
                found.append([page.address, element["id"], page.title, words if element.name != "h1" else "", ""])
            elif words and not _inside_another(element):
                found[-1][4] += f"{words} "
    return [tuple(section) for section in found if section[3] or section[4]]


def _inside_another(element: Tag) -> bool:
    """A paragraph in a list item is counted with the item."""
    return element.find_parent(["p", "li", "td", "th"]) is not None


def write(target: Path, pages: list[Page], decks: list[Path]) -> None:
    """The pages, the front page, the style and the scripts."""
    room = jinja2.Environment(autoescape=True, trim_blocks=False)
    template = room.from_string((files(__package__) / "page.html.j2").read_text(encoding="utf-8"))
    lessons = [page for page in pages if page.source.parent.name == "notebooks"]
    groups = [
        (say("site.lessons"), lessons),
        (say("site.reference"), [page for page in pages if page.source.parent.name == "reference"]),
        (say("site.solutions"), [page for page in pages if page.source.parent.name == "solutions"]),
    ]

    def save(address: str, title: str, body: str) -> None:
        html = template.render(
            title=title, body=jinja2.utils.markupsafe.Markup(body), address=address, groups=groups[:2], say=say,
            language=language(), root="../" * address.count("/"),
        )  # fmt: skip
        path = target / address
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(html, encoding="utf-8")

    for page in pages:
        save(page.address, page.title, str(page.body))
    front = room.from_string((files(__package__) / "front.html.j2").read_text(encoding="utf-8"))
    rows = [(page, answer(page), minutes(page), deck_of(page, decks), solution_of(page, pages)) for page in lessons]
    save("index.html", say("site.title"), front.render(rows=rows, groups=groups, say=say))
    found = [section for page in pages for section in sections(page)]
    index = json.dumps(found, ensure_ascii=False).replace("</", "<\\/")
    (target / "sections.js").write_text(f"const SECTIONS = {index};\n", encoding="utf-8")
    for name in ("search.js", "site.css"):
        shutil.copy(str(files(__package__) / name), target / name)


def answer(page: Page) -> str:
    """The sentence below the title, which answers it, with its formulas."""
    return page.body.find("p").decode_contents()


def minutes(page: Page) -> str:
    """How long a lesson takes."""
    found = re.search(r"Minutes\s+(\d+)", page.body.get_text())
    return found[1] if found else ""


def deck_of(page: Page, decks: list[Path]) -> str:
    """The address of a lesson's deck, or nothing."""
    return next((f"slides/{deck.name}" for deck in decks if deck.stem == page.source.stem), "")


def solution_of(page: Page, pages: list[Page]) -> str:
    """The address of a lesson's solutions, or nothing."""
    name = f"solutions/{page.source.stem}.html"
    return name if any(other.address == name for other in pages) else ""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("_site"), help="folder (default: _site)")
    options = parser.parse_args(arguments)
    try:
        pages = build(Path.cwd(), options.out, Path("slides", "_build"))
    except (OSError, RuntimeError, ValueError) as problem:
        print(f"site: {problem}", file=sys.stderr)
        return 1
    print(f"{len(pages)} pages in {options.out}; open {options.out / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
