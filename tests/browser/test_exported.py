"""A lesson as an exported HTML page, much as GitHub and nbviewer show it: no kernel, no script, all there to read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from accessibility import findings
from moves import PANELS
from nbconvert import HTMLExporter
from playwright.sync_api import Browser, Page, Route
from surroundings import LESSONS, NOTEBOOKS
from watch import on_this_disk

OURS = ".jp-RenderedMarkdown, .jp-OutputArea-output"
#: Rules that lessons cannot keep or break.
OF_NBCONVERT = {"link-in-text-block": "its stylesheet tells links in a text by their colour alone"}


@pytest.fixture(scope="module", params=LESSONS)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lesson, exported from its stored outputs."""
    page, _ = HTMLExporter().from_filename(str(NOTEBOOKS / f"{request.param}.ipynb"))
    file = tmp_path_factory.mktemp("exported") / f"{request.param}.html"
    file.write_text(page, encoding="utf-8")
    return file


@pytest.fixture
def page(exported: Path, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page in a browser that is not allowed to fetch anything; with scripts only where a test asks for them."""
    with browser.new_context(java_script_enabled=getattr(request, "param", False)) as context:
        context.route("**/*", _only_this_disk)
        page = context.new_page()
        page.goto(exported.as_uri(), wait_until="domcontentloaded")
        yield page


def _only_this_disk(route: Route) -> None:
    """nbconvert's page asks for MathJax and others on the network; a reader may be without."""
    if on_this_disk(route.request.url):
        route.continue_()
    else:
        route.abort()


def test_the_panel_stands_there_without_a_script(exported: Path, page: Page) -> None:
    if exported.stem not in PANELS:
        return
    cells = json.loads((NOTEBOOKS / f"{exported.stem}.ipynb").read_text(encoding="utf-8"))["cells"]
    pages = ["".join(output["data"].get("text/html", "")) for cell in cells for output in cell.get("outputs", ())
             if "data" in output]  # fmt: skip
    (stored,) = [page for page in pages if 'role="status"' in page]
    panel = page.locator(".jp-OutputArea-output:has([role=status])")
    verdict = panel.locator(".verdict").first
    assert verdict.inner_text() in unescape(stored) and verdict.is_visible()
    assert panel.locator("table, summary").first.is_visible() and panel.locator("table").count()
    picture = panel.locator("img").first
    assert picture.is_visible() and picture.bounding_box()["height"] > 100, "the picture was drawn"


@pytest.mark.parametrize("page", [True], indirect=True, ids=["with scripts"])
def test_axe_finds_nothing_serious(page: Page) -> None:
    assert findings(page.locator(OURS), OF_NBCONVERT) == []
