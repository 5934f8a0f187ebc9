"""A lesson in the learner's hands: open it, run all its cells, move the controls of its panels by keyboard."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from accessibility import controls
from playwright.sync_api import Locator, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from server import Lab
from surroundings import SCREENSHOTS

RUN_MILLISECONDS = 120_000
FOLLOW_MILLISECONDS = 5_000

# Widgets in the output of a cell; a panel is one that shows a table.
WIDGETS = ".jp-OutputArea-output > .jupyter-widgets"
PANEL = f"{WIDGETS}:has(.widget-html-content table)"
# What a panel answers stands in one part or in several; a part that is still being searched for says that it is busy.
PARTS = ".vram-output .widget-html-content"
# What a lesson consists of: its text and its outputs. All around is JupyterLab.
OURS = ".jp-Notebook .jp-RenderedMarkdown, .jp-Notebook .jp-OutputArea-output"
THEMES = ("JupyterLab Dark", "JupyterLab Light")
INPUTS = {"checkbox", "combobox", "listbox", "radio", "slider", "spinbutton", "textbox"}

_A_CELL_WAITS = "[...document.querySelectorAll('.jp-InputPrompt')].some(prompt => prompt.textContent.includes('*'))"
# The status bar; the notebook's own indicator says "idle" before there is a kernel at all.
_KERNEL_IS_IDLE = "[...document.querySelectorAll('.jp-StatusBar-TextItem')].some(t => /\\| Idle$/.test(t.textContent))"


def open_lesson(page: Page, lab: Lab, name: str) -> None:
    """Open the notebook `name` (without .ipynb) and wait for its kernel."""
    page.goto(lab.address(f"{name}.ipynb"))
    page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=60_000)
    wait_idle(page)


def wait_idle(page: Page) -> None:
    """Wait until no cell is running and the kernel says that it is idle."""
    page.wait_for_function(f"!{_A_CELL_WAITS} && {_KERNEL_IS_IDLE}", timeout=RUN_MILLISECONDS)


def start_all(page: Page) -> float:
    """Run ▸ Run All Cells; returns the moment of the click. JupyterLab sometimes swallows the first: ask again."""
    for _ in range(5):
        page.get_by_role("menuitem", name="Run", exact=True).click()
        clicked = time.monotonic()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        try:
            page.wait_for_function(_A_CELL_WAITS, timeout=3_000)
            return clicked
        except PlaywrightTimeout:
            page.keyboard.press("Escape")
    raise AssertionError("Run All Cells was clicked five times and no cell ran")


def run_all(page: Page) -> None:
    """Run ▸ Run All Cells, then wait for the end."""
    start_all(page)
    wait_idle(page)


def use_theme(page: Page, theme: str) -> None:
    """Change to one of THEMES."""
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")


def errors(page: Page) -> list[str]:
    """The tracebacks and warnings that cells printed."""
    kinds = [f"[data-mime-type='application/vnd.jupyter.{kind}']" for kind in ("error", "stderr")]
    return page.locator(", ".join(kinds)).all_text_contents()


def shoot(page: Page, name: str) -> None:
    """Keep a picture of the window for people to look at, if they ask for pictures."""
    if os.environ.get("PICTURES"):
        SCREENSHOTS.mkdir(exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png")


@dataclass(frozen=True)
class Shown:
    """What a panel shows at one moment."""

    text: str
    rows: tuple[tuple[str, ...], ...]
    pictures: tuple[tuple[str, str], ...]  # (alternative text, source)
    html: str


class Panel:
    """The one panel of the open lesson."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.widget = page.locator(PANEL)
        self.result = self.widget
        found = self.widget.count()
        assert found == 1, f"the lesson shows {found} panels, not 1"
        self.widget.scroll_into_view_if_needed()

    def shown(self) -> Shown:
        """What the panel shows now."""
        content = self.widget.locator(PARTS).evaluate_all(
            """parts => ({
                text: parts.map(part => part.innerText).join(' ').replace(/\\s+/g, ' ').trim(),
                rows: parts.flatMap(part => [...part.querySelectorAll('tr')])
                    .map(row => [...row.cells].map(c => c.innerText.trim())),
                pictures: parts.flatMap(part => [...part.querySelectorAll('img')]).map(image => [image.alt, image.src]),
                html: parts.map(part => part.innerHTML.replace(/ id="vram-[^"]*"/, '')).join(''),
            })"""
        )
        rows = tuple(map(tuple, content["rows"]))
        pictures = tuple(map(tuple, content["pictures"]))
        return Shown(content["text"], rows, pictures, content["html"])

    def names(self) -> list[str]:
        """The controls, by the names that a screen reader speaks."""
        return [name for role, name in controls(self.widget) if role in INPUTS]

    def control(self, name: str) -> Locator:
        """The control of this name."""
        return self.widget.get_by_label(name, exact=True)

    def value(self, name: str) -> str | bool:
        """What a control shows: the text of the chosen option or of a field, or whether a box is checked."""
        control = self.control(name)
        if control.evaluate("node => node.tagName") == "TEXTAREA":
            return control.input_value()
        if control.get_attribute("type") == "checkbox":
            return control.is_checked()
        chosen = control.evaluate("list => list.selectedOptions[0].label")
        return chosen.replace("\N{NO-BREAK SPACE}", " ")  # ipywidgets writes every space of an option so

    def index(self, name: str) -> int:
        """Which option of a list is chosen."""
        return self.control(name).evaluate("list => list.selectedIndex")

    def press(self, name: str, keys: str) -> Shown:
        """Press `keys` (separated by spaces) on a control, wait for another picture, and return what is shown then."""
        before = self.shown()
        self.control(name).focus()
        for key in keys.split():
            self.page.keyboard.press(key)
        try:
            self.page.wait_for_function(
                f"([node, before]) => [...node.querySelectorAll('{PARTS} img')].map(i => i.src).join() !== before",
                arg=[self.widget.element_handle(), ",".join(source for _, source in before.pictures)],
                timeout=FOLLOW_MILLISECONDS,
            )
        except PlaywrightTimeout:
            raise AssertionError(f"the panel did not follow {keys} on {name!r}, now {self.value(name)!r}") from None
        self.settle()
        return self.shown()

    def choose_first(self, name: str) -> None:
        """Choose the first option of a list with one key. JupyterLab may take the focus away in between: ask again."""
        for _ in range(5):
            self.control(name).focus()
            self.page.keyboard.press("Home")
            if self.index(name) == 0:
                return
        focused = self.page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        raise AssertionError(f"Home does not choose the first {name!r}, now {self.value(name)!r}; focused: {focused}")

    def settle(self) -> None:
        """Wait until nothing is being searched for any more."""
        self.page.wait_for_function(
            "node => !node.querySelector('[aria-busy=true]')",
            arg=self.widget.element_handle(),
            timeout=RUN_MILLISECONDS,
        )

    def shows(self, markup: str) -> bool:
        """Whether exactly this is shown; what folds hold comes a moment after the rest."""
        wanted, deadline = self.parsed(markup), time.monotonic() + FOLLOW_MILLISECONDS / 1000
        while (same := self.shown().html == wanted) is False and time.monotonic() < deadline:
            self.page.wait_for_timeout(50)
        return same

    def parsed(self, markup: str) -> str:
        """Markup as the browser writes it back, to compare with what is shown."""
        return self.page.evaluate(
            "markup => Object.assign(document.createElement('div'), { innerHTML: markup }).innerHTML", markup
        )
