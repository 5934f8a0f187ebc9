"""Where do the course's links point? `make links` writes its address, from pyproject.toml, into all of them.

Only pyproject.toml holds the address. Every Binder link and every mention of the address in the texts
and notebooks is written from it, so that a fork changes one line and runs `make links`.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from nbformat import NotebookNode

from ...ledger.errors import VramError
from .files import course_notebooks, dumps, loads, store

TEXTS = ("README.md", "CONTRIBUTING.md", "CITATION.cff")

_ADDRESS = re.compile(r"https://github\.com/(?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)(?:\.git)?/?")
_BINDER = re.compile(
    r"https://mybinder\.org/v2/gh/[\w.-]+/[\w.-]+/[\w.-]+\?urlpath=(?P<how>lab/tree|voila/render)/(?P<path>[\w./-]+)"
)
_REPOSITORY = re.compile(r'(?m)^(Repository = )"(?P<address>[^"]*)"')
_INLINE = re.compile(r"\]\((?P<target>[^()\s]+)\)|(?:src|href)=\"(?P<attribute>[^\"]+)\"")


def address(course: Path) -> str:
    """The repository's address, as pyproject.toml gives it."""
    project = tomllib.loads((course / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return check(project["urls"]["Repository"])


def check(url: str) -> str:
    """The address in its plain form. Binder's link needs a GitHub repository: anything else is an error.

    >>> check("https://github.com/OWNER/llm-memory-notebooks.git")
    'https://github.com/OWNER/llm-memory-notebooks'
    """
    match = _ADDRESS.fullmatch(url)
    if match is None:
        raise VramError(f"address is {url!r}; allowed is https://github.com/OWNER/NAME")
    return f"https://github.com/{match['owner']}/{match['name']}"


def binder(url: str, path: str, how: str = "lab/tree") -> str:
    """The link that opens one file of the repository on Binder: in JupyterLab, or as a page ("voila/render").

    >>> binder("https://github.com/OWNER/llm-memory-notebooks", "notebooks/00-will-it-fit.ipynb")
    'https://mybinder.org/v2/gh/OWNER/llm-memory-notebooks/main?urlpath=lab/tree/notebooks/00-will-it-fit.ipynb'
    """
    match = _ADDRESS.fullmatch(url)
    return f"https://mybinder.org/v2/gh/{match['owner']}/{match['name']}/main?urlpath={how}/{path}"


def link_text(text: str, new: str, old: str | None = None, path: str | None = None) -> str:
    """The text with every Binder link, and every mention of the old address, led to the new one.

    `path` replaces the file that the Binder links open: a lesson's badge opens that lesson.
    """
    text = _BINDER.sub(lambda match: binder(new, path or match["path"], match["how"]), text)
    return text if old is None else re.sub(re.escape(old) + r"(?![\w-])", new, text)


def link_notebook(nb: NotebookNode, path: str, new: str, old: str | None = None) -> None:
    """Lead the links in a notebook's texts to the new address; code stays as it is."""
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            own = path if cell.get("id") == "binder" else None
            cell.source = link_text(cell.source, new, old, own)


def targets(text: str) -> Iterator[str]:
    """Every target of a Markdown or HTML link or picture, in order."""
    for match in _INLINE.finditer(text):
        yield match["target"] or match["attribute"]


def files_of(text: str, folder: Path, course: Path, url: str) -> Iterator[Path]:
    """Every file of the course that a text in `folder` links to: relative, on Binder, or at the address."""
    for target in targets(text):
        binder_link = _BINDER.fullmatch(target)
        page = re.fullmatch(rf"{re.escape(url)}/(?:blob|tree)/[\w.-]+/([^#]+)(#.*)?", target)
        if binder_link is not None:
            yield course / binder_link["path"]
        elif page is not None:
            yield course / page[1]
        elif not re.match(r"[a-z]+:|#", target):
            yield folder / target.partition("#")[0]


def origin(course: Path) -> str | None:
    """The address of git's remote `origin`, or None without one on GitHub (a local clone has a path)."""
    run = subprocess.run(["git", "remote", "get-url", "origin"], cwd=course, capture_output=True, text=True)
    url = re.sub(r"^(ssh://)?git@github\.com[:/]", "https://github.com/", run.stdout.strip())
    return check(url) if _ADDRESS.fullmatch(url) else None


def rewrite(course: Path, new: str) -> list[Path]:
    """Write the address into pyproject.toml, texts and notebooks; returns the changed files."""
    old = address(course)
    project = course / "pyproject.toml"
    texts = {project: _REPOSITORY.sub(rf'\g<1>"{new}"', project.read_text(encoding="utf-8"))}
    for path in (course / name for name in TEXTS):
        if path.exists():
            texts[path] = link_text(path.read_text(encoding="utf-8"), new, old)
    for path in course_notebooks(course):
        nb = loads(path.read_text(encoding="utf-8"))
        link_notebook(nb, path.relative_to(course).as_posix(), new, old)
        texts[path] = dumps(nb)
    return [path for path, text in texts.items() if store(path, text)]


def main(argv: Sequence[str]) -> None:
    """`python -m vram.teach.authoring.links [ADDRESS]`: the argument, or git's origin, or the address as it stands."""
    course = Path.cwd()
    try:
        new = check(argv[0]) if argv else origin(course) or address(course)
    except VramError as error:
        raise SystemExit(str(error)) from None
    for path in rewrite(course, new):
        print(path.relative_to(course))
    print(f"The course is at {new}.")


if __name__ == "__main__":
    main(sys.argv[1:])
