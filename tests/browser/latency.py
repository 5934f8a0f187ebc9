"""How quick is a panel under a learner's fingers? `make latency` prints a table; it is no test.

For each lesson with a panel: seconds from Run All Cells to the first panel that answers, and milliseconds from a key
press to the new picture on the screen, the median over presses on every control, beside the load of the machine: with
more than one process for each core, others are measured too. Names of notebooks choose lessons.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from lesson import PANEL, Panel, open_lesson, start_all, wait_idle
from moves import PANELS
from playwright.sync_api import Page, sync_playwright
from server import running_lab
from surroundings import CHROMIUM_ARGUMENTS, LESSONS, chromium

PRESSES = 20
BAR_MILLISECONDS = 60
ALIVE_SECONDS = 5

# From the key press to the frame after the one in which the new picture was decoded and laid out.
_CLOCK = """node => {
    const clock = window.vramClock = {};
    const pressed = () => { clock.start ??= performance.now(); };
    for (const kind of ['keydown', 'input', 'change']) addEventListener(kind, pressed, true);
    clock.next = () => new Promise((done, fail) => {
        clock.start = null;
        setTimeout(() => fail(new Error('no new picture for ten seconds')), 10_000);
        const watch = new MutationObserver(async changes => {
            const added = changes.flatMap(change => [...change.addedNodes]);
            if (!added.some(one => one.querySelector?.('img'))) return;
            watch.disconnect();
            const seen = [...node.querySelectorAll('img')].filter(image => image.checkVisibility());
            await Promise.all(seen.map(image => image.decode().catch(() => {})));
            requestAnimationFrame(() => setTimeout(() => done(performance.now() - clock.start)));
        });
        watch.observe(node, { childList: true, subtree: true, characterData: true });
    });
}"""


def first_panel(page: Page) -> float:
    """Seconds from Run All Cells until a panel stands on the page."""
    start = start_all(page)
    page.wait_for_selector(f"{PANEL} img", state="attached", timeout=60_000)
    return time.monotonic() - start


def presses(page: Page, name: str) -> Iterator[float]:
    """Milliseconds of presses on one control after the other, there and back."""
    panel = Panel(page)
    panel.result.evaluate(_CLOCK)
    there = PANELS[name].moves.items()
    moves = [move for control, keys in there for move in ((control, keys), (control, _back(keys)))]
    for control, keys in islice(cycle(moves), PRESSES):
        *opening, last = keys.split()
        panel.control(control).focus()
        for key in opening:
            page.keyboard.press(key)
        page.evaluate("() => { window.vramTime = window.vramClock.next(); }")
        page.keyboard.press(last)
        yield page.evaluate("() => window.vramTime")


def _back(keys: str) -> str:
    """The keys that undo a move: the other way in a list, what was typed in a field deleted."""
    if keys.startswith("Control+Home"):
        start, *typed, leave = keys.split()
        return " ".join([start, *("Delete" for _ in typed), leave])
    other = {"ArrowDown": "ArrowUp", "ArrowUp": "ArrowDown"}
    return " ".join(other.get(key, key) for key in keys.split())


def main() -> int:
    """Print the table; the exit status tells whether every bar is held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="names of notebooks without .ipynb; all with a panel unless given")
    wanted = [name for name in parser.parse_args().lessons or LESSONS if name in PANELS]
    print(f"Bars: {BAR_MILLISECONDS} ms in the median, {ALIVE_SECONDS} s for {LESSONS[0]}. {os.cpu_count()} cores.")
    print(f"{'panel of':<34} {'alive after':>12} {'median':>8} {'slowest':>8} {'load':>6}")
    missed = 0
    with tempfile.TemporaryDirectory() as folder, running_lab(Path(folder)) as lab, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGUMENTS)
        for name in wanted:
            with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
                page = context.new_page()
                open_lesson(page, lab, name)
                alive = first_panel(page)
                wait_idle(page)
                times = list(presses(page, name))
            median = statistics.median(times)
            missed += median > BAR_MILLISECONDS or (name == LESSONS[0] and alive > ALIVE_SECONDS)
            busy = os.getloadavg()[0]
            print(f"{name:<34} {alive:>10.1f} s {median:>5.0f} ms {max(times):>5.0f} ms {busy:>6.1f}", flush=True)
        browser.close()
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
