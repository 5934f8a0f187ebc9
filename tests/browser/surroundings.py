"""Where the browser tests find the course, and the one way they start Chromium."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
SLIDES = ROOT / "slides"
SCREENSHOTS = Path(__file__).resolve().parent / "screenshots"
NUMBERED = "[0-9][0-9]-*.ipynb"

LESSONS = sorted(path.stem for path in NOTEBOOKS.glob(NUMBERED))
DECKS = sorted(path.stem for path in SLIDES.glob(NUMBERED))

# A browser that does nothing of its own accord: every request that a test sees was made by the page.
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    """The path of the system's Chromium (or Chrome), None when there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
