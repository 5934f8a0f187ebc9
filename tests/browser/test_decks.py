"""Every deck, built now and opened from disk: complete without a network, and nothing falls off a slide."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from deck import (
    live_slides,
    live_text,
    notes,
    open_deck,
    overflow,
    pictures_without_words,
    slides,
    unrendered_math,
    words,
)
from lesson import shoot
from playwright.sync_api import Browser
from surroundings import DECKS
from watch import Opened, on_this_disk, watch

FRAMES = [(1280, 720), (1920, 1080)]
MOST_WORDS = 45
every_deck = pytest.mark.parametrize("name", DECKS)


@pytest.fixture(scope="module", params=DECKS)
def deck(request: pytest.FixtureRequest, decks: Path, browser: Browser) -> Iterator[Opened]:
    """One deck, opened once for the tests that only look at its slides."""
    with browser.new_context(viewport={"width": 1280, "height": 720}) as context:
        seen = watch(context, on_this_disk)
        page = context.new_page()
        open_deck(page, decks / f"{request.param}.html")
        yield Opened(request.param, page, seen)


def test_there_are_decks() -> None:
    assert DECKS, "no deck in slides/: nothing would be tested here"


@pytest.mark.parametrize(("width", "height"), FRAMES)
def test_every_slide_fits_its_frame(deck: Opened, width: int, height: int) -> None:
    page, over = deck.page, {}
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_function("width => Reveal.getViewportElement().offsetWidth === width", arg=width)
    page.evaluate("Reveal.layout()")
    for number in slides(page):
        shoot(page, f"{deck.name}-{width}-slide-{number:02}")
        if found := overflow(page):
            over[number] = found
    assert not over, f"slides that do not fit {width}×{height}: {over}"
    deck.watch.assert_quiet()


def test_formulas_are_typeset(deck: Opened) -> None:
    assert deck.page.locator("mjx-container svg").count(), "the deck has no formula: MathJax did not run"
    assert unrendered_math(deck.page) == []


def test_every_slide_is_short_described_and_has_notes(deck: Opened) -> None:
    faults = []
    for number in slides(deck.page):
        if (count := words(deck.page)) > MOST_WORDS:
            faults.append(f"slide {number} has {count} words, {MOST_WORDS} are allowed")
        if pictures_without_words(deck.page):
            faults.append(f"slide {number} has a picture without alternative text")
        if not notes(deck.page):
            faults.append(f"slide {number} has no speaker notes before its first fragment")
    assert not faults, "\n".join(faults)


@every_deck
def test_the_speaker_sees_the_notes(name: str, decks: Path, browser: Browser) -> None:
    with browser.new_context() as context:
        seen = watch(context, on_this_disk)
        page = context.new_page()
        open_deck(page, decks / f"{name}.html")
        with context.expect_page() as opened:
            page.keyboard.press("s")
        shown = opened.value.locator(".speaker-controls-notes .value")
        shown.filter(has_text=re.compile(r"\S")).wait_for(timeout=10_000)
        assert " ".join(shown.inner_text().split()) == " ".join(notes(page).split())
        seen.assert_quiet()


@every_deck
def test_print_gives_one_page_a_slide(name: str, decks: Path, browser: Browser) -> None:
    with browser.new_page() as page:
        page.goto(f"{(decks / f'{name}.html').as_uri()}?print-pdf")
        page.wait_for_selector(".pdf-page .slide-background", state="attached")
        pdf = page.pdf(prefer_css_page_size=True, print_background=True)
        pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
        assert pages == page.locator(".pdf-page").count() == page.locator("section:not(.stack)").count()


@every_deck
def test_live_slides_answer_without_a_kernel(name: str, decks: Path, browser: Browser) -> None:
    """Each control by keyboard: something else is said, the deck stays where it is, and the way back restores what
    Python has written. tests/test_live_slides.py holds that the numbers are the library's."""
    with browser.new_context(viewport={"width": 1280, "height": 720}) as context:
        seen = watch(context, on_this_disk)
        page = context.new_page()
        open_deck(page, decks / f"{name}.html")
        for number in live_slides(page):
            for control in range(page.locator(".present .live select").count()):
                select = page.locator(".present .live select").nth(control)
                before, last = live_text(page), select.evaluate("s => s.selectedIndex === s.options.length - 1")
                there, back = ("ArrowUp", "ArrowDown") if last else ("ArrowDown", "ArrowUp")
                select.focus()
                page.keyboard.press(there)
                assert live_text(page) != before, f"slide {number}: control {control} changes nothing"
                page.keyboard.press(back)
                assert live_text(page) == before
                assert page.evaluate("Reveal.getSlidePastCount()") == number - 1, "the deck moved with the control"
        seen.assert_quiet()
