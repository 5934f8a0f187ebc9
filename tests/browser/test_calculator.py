"""The calculator by keyboard: assumptions that fold open, a config of one's own, the result to copy, advice in time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from accessibility import controls, findings
from lesson import Panel, open_lesson, run_all, shoot
from playwright.sync_api import Browser, Page
from server import Lab
from watch import on_this_machine, watch

import vram
from vram.show.fit import sentences
from vram.show.fit.panel import calculator
from vram.show.fit.state import JOBS, State

CONFIG = {"model_type": "llama", "_name_or_path": "<script>document.title='owned'</script>", "hidden_size": 2048,
          "num_attention_heads": 16, "num_hidden_layers": 16}  # fmt: skip


@pytest.fixture
def page(browser: Browser, lab: Lab) -> Iterator[Page]:
    """Lesson 00 after Run All Cells; at the end nothing has left the machine and nothing was complained about."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        seen = watch(context, on_this_machine)
        page = context.new_page()
        open_lesson(page, lab, "00-will-it-fit")
        run_all(page)
        yield page
        seen.assert_quiet()


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_the_assumptions_fold_open_and_each_is_named_and_moved(page: Page) -> None:
    panel = Panel(page)
    panel.settle()
    fold = panel.widget.get_by_role("button", name="Assumptions")
    fold.focus()
    press(page, "Space")
    panel.widget.get_by_label("LoRA rank", exact=True).wait_for(state="visible")
    expected = [sentences.label(name) for name in JOBS["lora"] if name != "zero"]
    assert panel.names()[4:] == expected
    shown = panel.press("Loss", "Space ArrowDown Enter")
    assert panel.shows(calculator(loss="chunked").render())
    assert "Fits the RTX 4090" in shown.text
    panel.press("Cards", "Space ArrowDown Enter")
    assert panel.shows(calculator(loss="chunked", cards=2).render())
    assert "ZeRO stage" in panel.names()
    shoot(page, "calculator-assumptions")
    assert findings(panel.widget) == []


def test_a_config_is_pasted_uploaded_and_never_run(page: Page, tmp_path: Path) -> None:
    panel = Panel(page)
    panel.settle()
    panel.choose_first("Model")
    panel.widget.get_by_role("alert").wait_for()
    assert "none given yet" in panel.shown().text and "29.79 GiB" in panel.shown().text
    field = panel.widget.get_by_label("Paste a config.json", exact=True)
    field.fill("{'model_type': 'llama'}")
    press(page, "Tab")
    panel.widget.get_by_text("not valid JSON").wait_for()
    field.fill(json.dumps(CONFIG))
    press(page, "Tab")
    _says_of(panel, CONFIG)
    other = CONFIG | {"num_hidden_layers": 8}
    (tmp_path / "config.json").write_text(json.dumps(other))
    with page.expect_file_chooser() as chooser:
        panel.widget.get_by_role("button", name="Upload config.json").click()
    chooser.value.set_files(tmp_path / "config.json")
    _says_of(panel, other)
    assert "owned" not in page.title()
    assert all(name for _, name in controls(panel.widget))
    shoot(page, "calculator-own-config")


def _says_of(panel: Panel, config: dict) -> None:
    """The panel answers for this config, and shows its hostile name as text."""
    how = {"recipe": "fp32", "lora": 16, "checkpointing": "full"}
    step = vram.training(vram.Architecture.from_config(config), seq_len=State().context, **how)
    peak = vram.gib(step.peak + vram.overhead().nbytes)
    panel.widget.get_by_text(f"needs {peak},").first.wait_for()
    panel.settle()
    assert not panel.widget.get_by_role("alert").count()
    assert "script>" in panel.shown().rows[0][0] or "script>" in panel.shown().text


def test_the_result_is_copied_by_keyboard(page: Page) -> None:
    panel = Panel(page)
    panel.settle()
    summary = panel.widget.locator("summary", has_text="to copy")
    summary.focus()
    press(page, "Enter", "Tab", "Control+a")
    copied = page.evaluate("node => node.value.slice(node.selectionStart, node.selectionEnd)",
                           panel.widget.get_by_label("The result as text").element_handle())  # fmt: skip
    assert copied == sentences.report(State())
