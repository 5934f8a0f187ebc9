"""The static site, built now and opened from disk: whole without a network, readable without a script."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from accessibility import findings
from lesson import shoot
from playwright.sync_api import Browser
from surroundings import DECKS, LESSONS, NOTEBOOKS, ROOT
from watch import on_this_disk, watch

from vram.teach.authoring.site.build import build

_LINK = re.compile(r'(?:href|src)="([^"#]*)(?:#([^"]*))?"')


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, decks: Path) -> Path:
    """The folder of the site."""
    folder = tmp_path_factory.mktemp("site") / "site"
    build(ROOT, folder, decks)
    return folder


def pages(site: Path) -> list[Path]:
    return [path for path in sorted(site.rglob("*.html")) if path.parent.name != "slides"]


def test_every_lesson_solution_and_deck_is_there(site: Path) -> None:
    front = (site / "index.html").read_text(encoding="utf-8")
    for name in LESSONS:
        assert (site / f"{name}.html").is_file() and (site / "solutions" / f"{name}.html").is_file()
        assert f'href="{name}.html"' in front and f'href="solutions/{name}.html"' in front
    for name in DECKS:
        assert (site / "slides" / f"{name}.html").is_file() and f'href="slides/{name}.html"' in front


def test_no_link_leads_nowhere(site: Path) -> None:
    """Every link inside the site has its file, and every anchor its element. Links to the world are others' matter."""
    broken = []
    for page in pages(site):
        html = page.read_text(encoding="utf-8")
        for address, anchor in _LINK.findall(re.sub(r"(?s)<(script|style)\b.*?</\1>", "", html)):
            if "://" in address or address.startswith("data:"):
                continue
            target = (page.parent / address).resolve() if address else page
            if not target.is_file():
                broken.append(f"{page.name}: {address}")
            elif anchor and f'id="{anchor}"' not in target.read_text(encoding="utf-8"):
                broken.append(f"{page.name}: {address}#{anchor}")
    assert broken == []


def test_nothing_is_loaded_and_nothing_is_wrong(site: Path, browser: Browser) -> None:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        seen = watch(context, on_this_disk)
        page = context.new_page()
        for path in pages(site):
            page.goto(path.as_uri())
            assert page.locator("h1").count() == 1, path.name
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{path.name} scrolls sideways by {wide} px"
            shoot(page, f"site-{path.parent.name}-{path.stem}")
        seen.assert_quiet()


@pytest.mark.parametrize("name", [*LESSONS, "index"])
def test_a_reader_without_scripts_has_everything(name: str, site: Path, browser: Browser) -> None:
    """Formulas are formulas, and a panel shows its state; nothing is left of the dollar signs."""
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto((site / f"{name}.html").as_uri())
        text = page.inner_text("main")
        assert not re.search(r"\$[^$\n]+\$|\\[a-z]{3,}", text)
        assert not page.locator("form").is_visible(), "search needs a script, so it must not be offered"
        if name != "index":
            assert page.locator("main math").count()
            verdicts = page.locator("main .verdict").all_inner_texts()
            stored = (NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8")
            assert len(verdicts) == len(re.findall(r'class=\\"verdict\b', stored))
            assert all(verdict.strip() for verdict in verdicts)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_read_it(scheme: str, site: Path, browser: Browser) -> None:
    with browser.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        for name in ("index", LESSONS[0], LESSONS[-1]):
            page.goto((site / f"{name}.html").as_uri())
            shoot(page, f"site-{scheme}-{name}")
            assert findings(page.locator("body")) == []


def test_search_by_keyboard(site: Path, browser: Browser) -> None:
    with browser.new_context() as context:
        seen = watch(context, on_this_disk)
        page = context.new_page()
        page.goto((site / "solutions" / f"{LESSONS[0]}.html").as_uri())
        page.focus("#search")
        page.keyboard.type("adapter qwertz")
        assert page.locator("#results li").count() == 0 and page.locator("#results p").inner_text().startswith("0 ")
        page.keyboard.press("Control+a")
        page.keyboard.type("lora adapter rank")
        assert page.locator("#results li").count() >= 1
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**/08-lora-and-qlora.html*")
        assert "LoRA" in page.inner_text("h1")
        seen.assert_quiet()


def test_words_of_the_search_stay_words(site: Path, browser: Browser) -> None:
    with browser.new_page() as page:
        page.goto((site / "index.html").as_uri())
        page.fill("#search", "<img src=x onerror=alert(1)>")
        assert page.locator("#results img").count() == 0
