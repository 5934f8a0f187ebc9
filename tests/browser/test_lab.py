"""Lessons in a real JupyterLab: they run, their panels follow the keyboard, everyone can use the controls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from accessibility import controls, findings
from lesson import PANEL, WIDGETS, Panel, errors, open_lesson, run_all, shoot
from moves import PANELS
from playwright.sync_api import Browser, Page
from server import Lab
from surroundings import LESSONS
from watch import Watch, on_this_machine, watch

from vram.show.panel import Choice


@dataclass(frozen=True)
class Opened:
    """A lesson after Run All Cells."""

    name: str
    page: Page
    watch: Watch


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
    assert after.html == panel.parsed(computed.render(**state)), f"after {what} something else is shown"


def _argument(choice: Choice, shown: str | bool) -> Any:
    """The value that a control stands for."""
    return shown if isinstance(shown, bool) else choice.options[shown]


def test_every_control_has_a_name(lesson: Opened) -> None:
    for part in lesson.page.locator(WIDGETS).all():
        nameless = [role for role, name in controls(part) if not name]
        assert not nameless, f"a screen reader finds controls without a name: {nameless}"


def test_axe_finds_nothing_serious(lesson: Opened) -> None:
    for part in lesson.page.locator(WIDGETS).all():
        part.scroll_into_view_if_needed()
        assert findings(part) == []


def test_no_request_leaves_and_no_error_is_logged(lesson: Opened) -> None:
    """Last in this file: it looks back at everything that the tests above did."""
    lesson.watch.assert_quiet()
