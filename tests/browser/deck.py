"""A built deck in a window: its slides one after the other, what stands on them, what hangs over the edge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page

# The slide that is shown, without what only the speaker sees.
_SLIDE = "Reveal.getCurrentSlide()"

_OVERFLOW = """slide => {
    const frame = document.querySelector('.reveal .slides').getBoundingClientRect();
    const over = [];
    for (const node of slide.querySelectorAll('*')) {
        // Neither what is hidden nor the strokes of a formula: the formula as a whole is looked at.
        if (node.closest('aside.notes, mjx-assistive-mml') || node.parentElement.closest('svg')) continue;
        const box = node.getBoundingClientRect();
        if (!box.width || !box.height) continue;
        const outside = Math.max(box.right - frame.right, box.bottom - frame.bottom,
                                 frame.left - box.left, frame.top - box.top);
        const clipped = getComputedStyle(node).overflow === 'visible' ? 0
            : Math.max(node.scrollWidth - node.clientWidth, node.scrollHeight - node.clientHeight);
        if (Math.max(outside, clipped) > 1)
            over.push(`<${node.localName}> by ${Math.round(Math.max(outside, clipped))} px: `
                      + node.textContent.trim().slice(0, 60));
    }
    return over.slice(-3);  // the innermost
}"""

# Words a class has to read: tables, formulas, code and the speaker's notes are not prose.
_WORDS = """slide => {
    const copy = slide.cloneNode(true);
    const other = 'aside.notes, style, script, select, table, mjx-container, pre, img, details:not([open])';
    copy.querySelectorAll(other).forEach(node => node.remove());
    return (copy.textContent.match(/[\\p{L}\\p{N}][^\\s]*/gu) || []).length;
}"""


def open_deck(page: Page, file: Path) -> None:
    """Open a deck from disk and wait until formulas, font and layout are done; nothing moves but by jumps."""
    page.goto(file.as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()", timeout=30_000)
    page.add_style_tag(content="* { transition: none !important; }")
    page.evaluate("document.fonts.ready")


def slides(page: Page) -> Iterator[int]:
    """Show each slide with all its fragments; yields the slide's number, from 1."""
    total = page.evaluate("Reveal.getSlides().length")
    for number in range(1, total + 1):
        page.evaluate(
            """index => {
                const {h, v} = Reveal.getIndices(Reveal.getSlides()[index]);
                Reveal.slide(h, v, Reveal.getSlides()[index].querySelectorAll('.fragment').length - 1);
            }""",
            number - 1,
        )
        page.wait_for_function(
            "() => ![...document.querySelectorAll('.present .fragment')].some(f => getComputedStyle(f).opacity < 1)"
        )
        yield number


def overflow(page: Page) -> list[str]:
    """What stands outside the slide's frame or is cut off inside it."""
    return page.evaluate(f"({_OVERFLOW})({_SLIDE})")


def words(page: Page) -> int:
    """The number of words to read on the slide."""
    return page.evaluate(f"({_WORDS})({_SLIDE})")


def pictures_without_words(page: Page) -> int:
    """Pictures on the slide that have no alternative text of their own."""
    alternatives = page.evaluate(f"[...{_SLIDE}.querySelectorAll('img')].map(image => image.alt.trim())")
    return sum(not text or text.startswith("No description") for text in alternatives)


def notes(page: Page) -> str:
    """The speaker's notes of the slide itself (notes inside a fragment show with that fragment only)."""
    return page.evaluate(
        f"""[...{_SLIDE}.querySelectorAll('aside.notes')].filter(n => !n.closest('.fragment'))
                .map(n => n.textContent).join(' ').trim()"""
    )


def unrendered_math(page: Page) -> list[str]:
    """TeX that a reader would see as source, and formulas that MathJax could not read, in the whole deck."""
    return page.evaluate(
        """() => {
            const found = [...document.querySelectorAll('[data-mjx-error]')].map(n => n.getAttribute('data-mjx-error'));
            const walk = document.createTreeWalker(document.querySelector('.slides'), NodeFilter.SHOW_TEXT);
            while (walk.nextNode()) {
                const text = walk.currentNode.textContent;
                if (/\\$[^$]+\\$|\\\\[a-zA-Z]{2,}|\\\\\\(|\\\\\\[/.test(text)
                    && !walk.currentNode.parentElement.closest('pre, code, script, mjx-container'))
                    found.push(text.trim());
            }
            return found;
        }"""
    )


def live_slides(page: Page) -> Iterator[int]:
    """Show each slide that has controls; yields its number."""
    for number in slides(page):
        if page.locator(".present .live").count():
            yield number


def live_text(page: Page) -> str:
    """What a live slide says now: the verdict and every amount."""
    parts = page.locator(".present .live").locator("[role=status], [data-size], [data-share]")
    return " | ".join(parts.all_inner_texts())
