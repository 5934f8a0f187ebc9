"""Lessons in a real JupyterLab: they run, their panels follow the keyboard, everyone can use the controls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from accessibility import controls, findings
from lesson import PANEL, WIDGETS, Panel, errors, open_lesson, run_all, shoot
from moves import MOVES, Move
from playwright.sync_api import Browser, Page
from server import Lab
from surroundings import LESSONS
from watch import Watch, on_this_machine, watch


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
    missing = sorted(set(MOVES) - set(LESSONS))
    assert not missing, f"moves.py moves panels of lessons that are not in notebooks/: {missing}"


def test_all_cells_run(lesson: Opened) -> None:
    assert errors(lesson.page) == []


def test_the_table_moves_every_control(lesson: Opened) -> None:
    """A panel that nobody moves is a panel that nobody tests."""
    named = [name for panel in lesson.page.locator(PANEL).all() for _, name in controls(panel)]
    assert sorted({move.control for move in MOVES.get(lesson.name, [])}) == sorted(named)


def test_panels_follow_the_keyboard(lesson: Opened) -> None:
    for number, move in enumerate(MOVES.get(lesson.name, []), start=1):
        _follow(lesson.page, move)
        shoot(lesson.page, f"{lesson.name}-move-{number}")


def _follow(page: Page, move: Move) -> None:
    panel = Panel(page, move.control)
    before, was = panel.shown(), panel.value(move.control)
    after, now = panel.press(move.control, move.keys), panel.value(move.control)
    what = f"{move.control}: {was} -> {now}"
    assert now != was, f"{move.keys} does not move {move.control!r} from {was!r}"
    assert after.rows != before.rows, f"the table did not follow {what}"
    assert after.pictures != before.pictures, f"the picture did not follow {what}"
    for (alternative, _), (earlier, _) in zip(after.pictures, before.pictures, strict=True):
        assert alternative.strip(), f"a picture without alternative text after {what}"
        assert alternative != earlier, f"the alternative text did not follow {what}"
    expected = move.truth(panel.state())
    assert expected in after.text, f"after {what} the panel does not say {expected!r}: {after.text}"


def test_every_control_has_a_name(lesson: Opened) -> None:
    for part in lesson.page.locator(WIDGETS).all():
        part.scroll_into_view_if_needed()
        nameless = [role for role, name in controls(part) if not name]
        assert not nameless, f"a screen reader finds controls without a name: {nameless}"


def test_axe_finds_nothing_serious(lesson: Opened) -> None:
    for part in lesson.page.locator(WIDGETS).all():
        part.scroll_into_view_if_needed()
        assert findings(part) == []


def test_no_request_leaves_and_no_error_is_logged(lesson: Opened) -> None:
    """Last in this file: it looks back at everything that the tests above did."""
    lesson.watch.assert_quiet()
