"""Lessons in a real JupyterLab: they run, their panels follow the keyboard, everyone can use the controls."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from accessibility import controls, findings, live
from lesson import OURS, PANEL, THEMES, WIDGETS, Panel, errors, open_lesson, run_all, shoot, use_theme
from moves import PANELS
from moves.row import TOGGLE
from playwright.sync_api import Browser
from server import Lab
from surroundings import LESSONS
from watch import Opened, on_this_machine, watch

from vram.show.panel import Choice, Text

LAYOUT_SECONDS = 5


@pytest.fixture(scope="module", params=LESSONS)
def lesson(request: pytest.FixtureRequest, browser: Browser, lab: Lab) -> Iterator[Opened]:
    """One lesson, opened and run once for all tests of this file."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        seen = watch(context, on_this_machine)
        page = context.new_page()
        open_lesson(page, lab, request.param)
        run_all(page)
        shoot(page, f"{request.param}-run")
        yield Opened(request.param, page, seen)


def test_every_lesson_of_the_table_exists() -> None:
    missing = sorted(set(PANELS) - set(LESSONS))
    assert not missing, f"moves knows panels of lessons that are not in notebooks/: {missing}"


def test_all_cells_run(lesson: Opened) -> None:
    assert errors(lesson.page) == []


def test_the_table_moves_every_control(lesson: Opened) -> None:
    """A panel that nobody moves is a panel that nobody tests."""
    if lesson.name not in PANELS:
        assert not lesson.page.locator(PANEL).count(), f"moves does not know the panel of {lesson.name}"
        return
    assert sorted(Panel(lesson.page).names()) == sorted(PANELS[lesson.name].moves)


def test_the_panel_follows_the_keyboard(lesson: Opened) -> None:
    for number, name in enumerate(PANELS[lesson.name].moves if lesson.name in PANELS else (), start=1):
        _follow(lesson, name)
        shoot(lesson.page, f"{lesson.name}-move-{number}")


def _follow(lesson: Opened, name: str) -> None:
    """Move one control; table and picture are others now, and are what the library computes for the new state."""
    panel, row = Panel(lesson.page), PANELS[lesson.name]
    before, was = panel.shown(), panel.value(name)
    after, now = panel.press(name, row.moves[name]), panel.value(name)
    what = f"{name}: {was} -> {now}"
    assert now != was, f"{row.moves[name]} does not move {name!r} from {was!r}"
    assert after.rows != before.rows, f"the table did not follow {what}"
    assert after.pictures != before.pictures, f"the picture did not follow {what}"
    for (alternative, _), (earlier, _) in zip(after.pictures, before.pictures, strict=True):
        assert alternative != earlier, f"the alternative text did not follow {what}"

    computed = row.panel()
    state = {choice.name: _argument(choice, panel.value(choice.label)) for choice in computed.controls}
    truth = " ".join(row.truth(**state).split())
    assert truth in after.text, f"after {what} the panel does not say {truth!r}: {after.text}"
    assert panel.shows(computed.render(**state)), f"after {what} something else is shown"


def _argument(choice: Choice | Text, shown: str | bool) -> Any:
    """The value that a control stands for."""
    return shown if isinstance(shown, bool) or isinstance(choice, Text) else choice.options[shown]


def test_every_control_has_a_name(lesson: Opened) -> None:
    for part in lesson.page.locator(WIDGETS).all():
        nameless = [role for role, name in controls(part) if not name]
        assert not nameless, f"a screen reader finds controls without a name: {nameless}"


#: Rules that lessons cannot keep or break.
OF_JUPYTERLAB = {"link-in-text-block": "its stylesheet tells links in a text by their colour alone"}

#: Rules whose answer another theme can change; one theme is asked for all.
OF_A_THEME = ("color-contrast",)


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_serious(lesson: Opened, theme: str) -> None:
    use_theme(lesson.page, theme)
    if lesson.page.locator(PANEL).count():
        lesson.page.locator(PANEL).first.scroll_into_view_if_needed()
        shoot(lesson.page, f"{lesson.name}-{theme.split()[-1].lower()}")
    only = () if theme == THEMES[0] else OF_A_THEME
    assert findings(lesson.page.locator(OURS), OF_JUPYTERLAB, only) == []


def test_a_screen_reader_is_told_the_verdict(lesson: Opened) -> None:
    """The region is the same element before and after: one that came with its text would not be spoken everywhere."""
    if lesson.name not in PANELS:
        return
    panel, row = Panel(lesson.page), PANELS[lesson.name]
    name, keys = next(iter(row.moves.items()))
    (before,) = live(panel.result)
    panel.press(name, keys)
    (after,) = live(panel.result)
    assert before[0] == after[0] == "polite" and before[1] == after[1]
    assert before[2] != after[2]
    assert after[2].split() == " ".join(panel.widget.locator(".verdict, .detail").all_inner_texts()).split()


def test_the_keyboard_goes_through_the_controls_and_then_the_folds(lesson: Opened) -> None:
    if lesson.name not in PANELS:
        return
    panel, computed = Panel(lesson.page), PANELS[lesson.name].panel()
    folds = re.findall("<details><summary>([^<]*)</summary></details>", computed.render())
    names = [control.label for control in computed.controls] + list(map(unescape, folds))
    panel.control(names[0]).focus()
    order = []
    while len(order) < 3 * len(names) and names[-1] not in order:
        order.append(lesson.page.evaluate(_FOCUSED))
        lesson.page.keyboard.press("Tab")
    assert [name for name in order if "Assumptions: " not in name] == names, order


_FOCUSED = """() => {
    const focused = document.activeElement;
    return (focused.labels?.[0] ?? focused).innerText.trim();
}"""


def test_an_open_fold_stays_open_while_a_control_moves(lesson: Opened) -> None:
    if lesson.name not in PANELS:
        return
    panel, row = Panel(lesson.page), PANELS[lesson.name]
    for fold in panel.widget.locator(".vram-title summary").all():
        inside = fold.locator("xpath=ancestor::*[contains(@class, 'vram-title')]/following-sibling::*[1]")
        assert inside.is_hidden(), fold.inner_text()
        fold.focus()
        lesson.page.keyboard.press("Enter")
        inside.wait_for(state="visible")
        name, keys = next(iter(row.moves.items()))
        panel.press(name, keys if keys == TOGGLE else _TO_THE_FIRST if panel.index(name) else _TO_THE_LAST)
        assert inside.is_visible(), f"{fold.inner_text()} was closed when {name} moved"
        fold.focus()
        lesson.page.keyboard.press("Enter")
        inside.wait_for(state="hidden")


_TO_THE_FIRST, _TO_THE_LAST = "Space Home Enter", "Space End Enter"


def test_a_picture_is_not_made_smaller_than_can_be_read(lesson: Opened) -> None:
    """A projector at 200 % with the file browser open: little width is left; the picture and the table scroll."""
    if lesson.name not in PANELS:
        return
    panel = Panel(lesson.page)
    lesson.page.set_viewport_size({"width": 480, "height": 450})
    panel.widget.scroll_into_view_if_needed()
    shoot(lesson.page, f"{lesson.name}-narrow")
    widths = panel.widget.locator("img:visible").evaluate_all("images => images.map(image => image.clientWidth)")
    names = panel.widget.locator(".grid th[scope=row]:visible").evaluate_all("cells => cells.map(c => c.clientWidth)")
    lesson.page.set_viewport_size({"width": 1280, "height": 900})
    assert widths and min(widths) >= 600
    assert names and min(names) >= 150, "the names of rows are broken into syllables"


@pytest.mark.parametrize("width", [1280, 640])
def test_the_panel_fits_a_projector_and_a_zoom_of_200_percent(lesson: Opened, width: int) -> None:
    """1280 pixels wide, and half of them at twice the size; a table may scroll by itself."""
    if lesson.name not in PANELS:
        return
    panel = Panel(lesson.page)
    lesson.page.set_viewport_size({"width": width, "height": 720})
    panel.widget.scroll_into_view_if_needed()
    shoot(lesson.page, f"{lesson.name}-{width}")
    # JupyterLab lays a page out again some moments after its window has changed.
    deadline = time.monotonic() + LAYOUT_SECONDS
    while (wide := panel.widget.evaluate(_WIDER_THAN_THE_PANEL)) and time.monotonic() < deadline:
        lesson.page.wait_for_timeout(100)
    lesson.page.set_viewport_size({"width": 1280, "height": 900})
    assert not wide, f"wider than the panel: {wide}"


_WIDER_THAN_THE_PANEL = """node => {
    const edge = node.getBoundingClientRect().right + 1;
    return [...node.querySelectorAll('*')].filter(n => n.getBoundingClientRect().right > edge && !n.closest('.scroll'))
        .map(n => n.outerHTML.slice(0, 120));
}"""


def test_forced_colours_leave_pictures_and_keys(lesson: Opened) -> None:
    """A high-contrast mode of the system replaces the page's colours; what is told by a picture stays."""
    if lesson.name not in PANELS:
        return
    panel = Panel(lesson.page)
    lesson.page.emulate_media(forced_colors="active")
    shoot(lesson.page, f"{lesson.name}-forced-colours")
    keys = panel.result.evaluate(
        "node => [...node.querySelectorAll('.key')].map(key => getComputedStyle(key).backgroundImage)"
    )
    lesson.page.emulate_media(forced_colors="none")
    assert all(image.startswith("url(") for image in keys)


def test_no_request_leaves_and_no_error_is_logged(lesson: Opened) -> None:
    """Last in this file: it looks back at everything that the tests above did."""
    lesson.watch.assert_quiet()
