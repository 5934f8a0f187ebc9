"""Does every link of the texts and notebooks lead to a file of the repository, and `make links` to its address?"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from vram import VramError
from vram.teach.authoring import links
from vram.teach.authoring.files import course_notebooks, loads

COURSE = Path(__file__).parent.parent
NEW = "https://github.com/ada/memory-course"
READMES = [path for folder in ("slides", "tests/oracle") for path in sorted((COURSE / folder).glob("*.md"))]
TEXTS = [*(COURSE / name for name in links.TEXTS if (COURSE / name).exists()), *READMES]
PAGES = [path.relative_to(COURSE) for path in [*TEXTS, *course_notebooks(COURSE)]]


def text_of(path: Path) -> str:
    """What a reader sees as text: a notebook's Markdown cells and the pages that its cells show, or the file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = loads(text).cells
    written = [cell.source for cell in cells if cell.cell_type == "markdown"]
    shown = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    return "\n\n".join(
        [*written, *(data[mime] for data in shown for mime in ("text/markdown", "text/html") if mime in data)]
    )


@pytest.fixture(scope="module")
def url() -> str:
    return links.address(COURSE)


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_links_lead_to_files_of_the_repository(path, url):
    files = links.files_of(text_of(COURSE / path), (COURSE / path).parent, COURSE, url)
    assert [str(file) for file in files if not file.resolve().exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_no_link_leads_to_a_heading_of_the_course(path):
    """JupyterLab, GitHub and the site call one heading by three names: a link to it would work in one of them."""
    own = [target for target in links.targets(text_of(COURSE / path)) if not re.match("[a-z]+:", target)]
    assert [target for target in own if "#" in target] == []


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_links_are_written_from_the_project_address(path, url):
    text = text_of(COURSE / path)
    assert links.link_text(text, url) == text


@pytest.mark.parametrize("path", [page for page in PAGES if page.parent.name == "notebooks"], ids=str)
def test_every_lesson_opens_itself_on_binder(path, url):
    (badge,) = [cell for cell in loads((COURSE / path).read_text(encoding="utf-8")).cells if cell.id == "binder"]
    assert links.binder(url, path.as_posix()) in badge.source


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("[next](03-the-llama-table.ipynb#read)", ["notebooks/03-the-llama-table.ipynb"]),
        ('<img alt="bars" src="../docs/bars.png">', ["notebooks/../docs/bars.png"]),
        (f"[Binder]({links.binder(NEW, 'notebooks/02-x.ipynb')})", ["notebooks/02-x.ipynb"]),
        (f"[source]({NEW}/blob/HEAD/lib/vram/words)", ["lib/vram/words"]),
        ("[here](#play) [paper](https://example.org/a.pdf) [mail](mailto:a@example.org)", []),
    ],
)
def test_files_of_a_text(text, files):
    assert list(links.files_of(text, Path("notebooks"), Path(), NEW)) == [Path(file) for file in files]


@pytest.fixture
def copy(tmp_path, url) -> Path:
    """A small course with its own address, on which `make links` may work."""
    shutil.copy(COURSE / "pyproject.toml", tmp_path)
    shutil.copy(COURSE / "CITATION.cff", tmp_path)
    (tmp_path / "README.md").write_text(
        f"[Binder]({links.binder(url, 'notebooks/00-x.ipynb')}) git clone {url}.git, {url}-fork, {url}/issues\n"
    )
    return tmp_path


def test_new_address_reaches_every_link_and_nothing_else(copy, url):
    links.rewrite(copy, NEW)
    assert links.address(copy) == NEW
    assert f"repository-code: {NEW}\n" in (copy / "CITATION.cff").read_text()
    readme = (copy / "README.md").read_text()
    assert links.binder(NEW, "notebooks/00-x.ipynb") in readme
    assert f"git clone {NEW}.git," in readme and f"{NEW}/issues" in readme
    assert f"{url}-fork" in readme
    assert links.rewrite(copy, NEW) == []


def test_the_link_of_a_page_goes_on_opening_a_page():
    page = links.binder(NEW, "notebooks/app/calculator.ipynb", "voila/render")
    assert links.link_text(page.replace("ada", "OWNER"), NEW) == page
    assert list(links.files_of(f"[a page]({page})", Path(), Path(), NEW)) == [Path("notebooks/app/calculator.ipynb")]


def test_a_lesson_badge_opens_the_lesson_itself():
    badge = links.link_text(links.binder(NEW, "notebooks/02-x.ipynb"), NEW, path="notebooks/03-y.ipynb")
    assert badge == links.binder(NEW, "notebooks/03-y.ipynb")


@pytest.mark.parametrize(
    ("remote", "expected"),
    [("git@github.com:ada/memory-course.git", NEW), (f"{NEW}.git", NEW), ("../elsewhere.git", None), (None, None)],
)
def test_origin(tmp_path, remote, expected):
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    if remote:
        subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", remote], check=True)
    assert links.origin(tmp_path) == expected


@pytest.mark.parametrize("url", ["", "OWNER/NAME", "https://example.org/ada/course", f"{NEW}/tree/main", f"{NEW} x"])
def test_an_address_that_binder_cannot_open_is_refused(url):
    with pytest.raises(VramError, match=re.escape(repr(url))):
        links.check(url)
