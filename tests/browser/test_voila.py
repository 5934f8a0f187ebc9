"""The calculator as a page of its own, through voila: opened by a link, moved by keyboard, nothing from the network."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from accessibility import controls, findings
from lesson import Panel, shoot
from playwright.sync_api import Browser, Page
from server import Lab
from surroundings import NOTEBOOKS
from watch import on_this_machine, watch

from vram.show.fit import share
from vram.show.fit.panel import calculator_page
from vram.show.fit.state import State

APP = "app/calculator.ipynb"


class _Page(Panel):
    """The panel outside of JupyterLab: the one calculator of the page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.widget = self.result = page.locator(".vram-calculator")
        self.widget.locator("img").first.wait_for(timeout=60_000)
        self.settle()


@pytest.fixture
def open_page(browser: Browser, lab: Lab) -> Iterator:
    """Opens the page with what follows its address; at the end nothing has left the machine."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        seen = watch(context, on_this_machine)

        def opened(query: str) -> _Page:
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{lab.port}/voila/render/{APP}?token={lab.token}&{query.removeprefix('?')}")
            return _Page(page)

        yield opened
        seen.assert_quiet()


def test_the_page_exists() -> None:
    assert (NOTEBOOKS / APP).is_file()


def test_a_link_opens_the_page_in_its_state_and_keys_move_it(open_page) -> None:
    state = State(model="qwen3-8b", job="run", gpu="L4", context=16384, weights="int8")
    panel = open_page(share.query(state))
    shown = panel.shown()
    computed = calculator_page(share.query(state))
    assert panel.shows(computed.render())
    shoot(panel.page, "page-opened")
    assert f"the L4: needs {computed.verdict.split('needs ')[1]}" in shown.text
    after = panel.press("GPU", "Space ArrowUp Enter")
    assert panel.value("GPU") != "L4 (24 GB)" and after.pictures != shown.pictures
    shoot(panel.page, "page-moved")
    link = panel.widget.locator("a", has_text="A link to this state")
    assert link.get_attribute("href") == share.query(state.but(gpu=panel.value("GPU").split(" (")[0]))


def test_the_page_is_for_everyone(open_page) -> None:
    panel = open_page("")
    assert panel.shows(calculator_page("").render())
    assert all(name for _, name in controls(panel.widget))
    assert findings(panel.page.locator("body")) == []


def test_a_link_that_names_no_state_says_so(open_page) -> None:
    panel = open_page("?model=<script>document.title='owned'</script>")
    assert "is not known" in panel.widget.get_by_role("alert").inner_text()
    assert "owned" not in panel.page.title()
