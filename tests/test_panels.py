"""Panels without a browser: every option drives, parts sum to totals, the static copy tells the same, nothing leaks."""

from __future__ import annotations

import asyncio
import gc
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache
from html import escape, unescape
from itertools import combinations

import pytest

import vram
from covering import states
from vram import show
from vram.ledger.units import both, count, gib
from vram.show import Choice, Panel, StyledTable, View, count_panel, lora_panel, morph_panel, states_panel
from vram.show.later import PAUSE, Later
from vram.show.panel import _pieces, flag, powers_of_two
from vram.show.panels.lesson08 import TARGETS
from vram.show.pieces import markup, static

PANELS = {name: getattr(show, name) for name in show.__all__ if name.endswith("_panel")}
parametrize_panel = pytest.mark.parametrize("make", PANELS.values(), ids=PANELS)


@cache
def views(make: Callable[[], Panel]) -> list[tuple[dict, View]]:
    """States of a panel, every pair of options among them, with what it shows: computed once for all tests."""
    panel = make()
    return [(state, panel.view(**state)) for state in states(panel)]


def cells(table: StyledTable, column: int) -> list[int]:
    return [int(row[column].replace(",", "").replace("−", "-").lstrip("+±") or 0) for row in table.rows]


@parametrize_panel
def test_states_cover_every_pair_of_options(make: Callable[[], Panel]) -> None:
    panel = make()
    chosen = states(panel)
    for one, two in combinations(panel.controls, 2):
        pairs = {(state[one.name], state[two.name]) for state in chosen}
        assert pairs == {(a, b) for a in one.values for b in two.values}


@parametrize_panel
def test_every_state_is_a_whole_page(make: Callable[[], Panel]) -> None:
    for state, view in views(make):
        html = markup(_pieces(view))
        verdict, picture, table = (html.find(part) for part in ('class="verdict"', "<img ", "<table"))
        assert 0 < verdict < picture < table, state
        text = unescape(re.sub("<style>.*?</style>|<[^>]*>", " ", html))
        assert not re.search(r"\b(nan|inf|None|zoo|oo)\b|\{\w|\[…\]|!", text), state
        (alternative,) = re.findall(r'<img [^>]*alt="([^"]*)"', html)
        assert re.search(r"\d", alternative), state


@parametrize_panel
def test_moving_any_control_moves_picture_and_table(make: Callable[[], Panel]) -> None:
    panel = make()
    start = panel.view()
    for control in panel.controls:
        for option in control.values:
            if option == control.default:
                continue
            view = panel.view(**{control.name: option})
            assert view.picture != start.picture, (control.name, option)
            assert view.tables[0].rows != start.tables[0].rows, (control.name, option)


def test_count_panel_sums_its_tensors() -> None:
    for state, view in views(count_panel):
        *rows, total = cells(view.tables[0], 4)
        assert sum(rows) == total
        assert view.verdict.startswith(f"{total:,} parameters"), state
        assert view.formula[-1].endswith(f"= {total:,}")


@pytest.mark.parametrize(
    ("biases", "layer"),
    [
        ("all", "12h² + 13h"),
        ("no_qkv", "12h² + 10h"),
        ("no_attention", "12h² + 9h"),
        ("no_mlp", "12h² + 8h"),
        ("norm_only", "12h² + 4h"),
        ("none", "12h² + 2h"),
    ],
)
def test_count_panel_shows_where_other_formulas_come_from(biases: str, layer: str) -> None:
    assert count_panel().view(biases=biases).verdict.endswith(f"a layer has {layer}.")


def test_count_panel_opens_on_gpt2() -> None:
    assert count_panel().view().verdict.startswith(f"{vram.weights(vram.models['gpt2']).numel:,} parameters")
    assert count_panel().view(h=1, l=1, V=1).formula[0].endswith("= 25")


def test_morph_panel_ends_at_every_model() -> None:
    panel = morph_panel()
    last = panel.controls[1].values[-1]
    for state, view in views(morph_panel):
        table = view.tables[0]
        for column in (1, 2, 3, 4):
            *rows, total, _ = cells(table, column)
            assert sum(rows) == total, state
        before, change, after = (cells(table, column)[-2] for column in (2, 3, 4))
        assert before + change == after
        goal = vram.weights(vram.models[state["target"]]).numel
        assert view.detail.endswith(f"{goal:,}.") and cells(table, 4)[-1] == goal
        assert (after == goal) or state["step"] != last


def test_morph_panel_says_when_nothing_changes() -> None:
    panel = morph_panel()
    grouped = next(n for text, n in panel.controls[1].options.items() if "Grouped" in text)
    assert "nothing changes" in panel.view(target="llama-2-7b", step=grouped).verdict
    assert "−805,306,368" in panel.view(target="llama-3-8b", step=grouped).verdict


def bytes_said(table: StyledTable) -> Fraction:
    """The sum of `elements · bytes` over the rows of a table of copies."""
    total = Fraction(0)
    for row in table.rows:
        if found := re.fullmatch(r"([\d,]+) · ([\d.]+) B(?: \+ ([\d.]+) B)?", row[1]):
            total += int(found[1].replace(",", "")) * Fraction(found[2]) + Fraction(found[3] or 0)
    return total


def test_states_panel_holds_what_training_holds() -> None:
    for state, view in views(states_panel):
        arch, card = vram.models[state["model"]], vram.gpus[state["gpu"]]
        timeline = vram.model_states(arch, recipe=state["recipe"], optimizer=state["optimizer"])
        assert bytes_said(view.tables[0]) == timeline.peak, state
        assert both(timeline.peak) in view.verdict
        assert (f"{gib(abs(timeline.headroom(card)))} are left" in view.detail) == timeline.fits(card), state
        assert all(kind in view.detail for kind in timeline.missing)


@pytest.mark.parametrize(
    ("recipe", "each"),
    [
        ("bf16", "8"),
        ("bf16-fp32-states", "12"),
        ("bf16-mixed", "16"),
        ("bf16-fp32-gradients", "18"),
        ("bf16-both-gradients", "20"),
    ],
)
def test_states_panel_shows_the_published_figures(recipe: str, each: str) -> None:
    assert states_panel().view(recipe=recipe).verdict.startswith(f"{each} bytes a parameter:")


def test_lora_panel_holds_what_training_holds() -> None:
    for state, view in views(lora_panel):
        arch = vram.models[state["model"]]
        trained = vram.lora(arch, rank=state["rank"], targets=TARGETS[state["targets"]])
        how = {"optimizer": state["optimizer"], "base": state["base"]}
        timeline = vram.model_states(arch, recipe="fp32", lora=trained, **how)
        assert bytes_said(view.tables[0]) == timeline.peak, state
        assert f"trains {count(trained.numel)} parameters" in view.verdict
        assert view.formula[0].endswith(f"= {count(trained.numel)}")
        assert sum(int(row[4].replace(",", "")) for row in view.tables[1].rows) == timeline.peak


def test_lora_panel_opens_on_a_published_count() -> None:
    assert lora_panel().view().verdict.startswith("LoRA trains 41,943,040 parameters")


@parametrize_panel
def test_the_static_copy_is_the_default_state(make: Callable[[], Panel]) -> None:
    panel = make()
    bundle = panel._repr_mimebundle_()
    assert set(bundle) == {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"}
    settings, rest = re.search(r'(?<=<div class="vram">)<p>(.*?)</p>', bundle["text/html"]), panel.pieces()
    sheet = re.match("<style>.*?</style>", bundle["text/html"])[0]
    assert bundle["text/html"] == sheet + static(rest, settings[0])
    assert all(f".{kind}{{" in sheet for kind in re.findall('class="key ([^"]+)"', bundle["text/html"]))
    said = unescape(settings[1])
    assert said == " · ".join(f"{c.label}: {c.text(c.default)}" for c in panel.controls)
    assert bundle["text/plain"] == panel.view().verdict
    assert bundle == {**panel._repr_mimebundle_()}, "shown twice, it is the same"


@parametrize_panel
def test_the_widget_follows_its_controls(make: Callable[[], Panel]) -> None:
    panel = make()
    line, answer, sheet = panel.widget.children
    assert "<style>" in sheet.value and "<style>" not in answer.html, "the sheet is sent once"
    assert answer.html == panel.render()
    assert len(line.children) == len(panel.controls) <= 5
    for widget, control in zip(line.children, panel.controls, strict=True):
        assert widget.description == control.label
        other = next(option for option in control.values if option != control.default)
        widget.value = other
        assert answer.html == panel.render(**{control.name: other})
        panel.set(**{control.name: control.default})
        assert widget.value == control.default and answer.html == panel.render()


@parametrize_panel
def test_an_open_fold_stays_open_and_its_content_follows(make: Callable[[], Panel]) -> None:
    """The browser keeps an element open that is not sent again: titles are not, whatever control moves."""
    panel = make()
    box = panel.widget.answer
    titles = [part for part in box.children if "vram-title" in part._dom_classes]
    assert [part.value for part in titles] == [
        f'<div class="vram"><details><summary>{escape(table.caption)}</summary></details></div>'
        for table in panel.view().tables[1:]
    ]
    after = [box.children[box.children.index(part) + 1] for part in titles]
    assert all("vram-inside" in part._dom_classes and part.value for part in after)
    if not titles:
        return
    sent: list[str] = []
    for part in titles:
        part.observe(lambda change: sent.append(change["new"]), names="value")
    for control in panel.controls:
        for value in control.values:
            panel.set(**{control.name: value})
    assert sent == [] and box.html == panel.render(**panel.values)


@parametrize_panel
def test_the_region_that_is_spoken_stays_and_owns_the_verdict(make: Callable[[], Panel]) -> None:
    panel = make()
    problem, region, verdict, *_ = panel.widget.answer.children
    owned = re.fullmatch(r'<div role="status" aria-live="polite" aria-owns="([^"]+)"></div>', region.value)[1]
    before = region.value, verdict.value
    assert f'id="{owned}"' in verdict.value and escape(panel.view().verdict) in verdict.value
    panel.set(**{panel.controls[0].name: next(v for v in panel.controls[0].values if v != panel.controls[0].default)})
    assert region.value == before[0] and f'id="{owned}"' in verdict.value != before[1] and not problem.value
    assert owned not in make().widget.answer.children[1].value, "another panel on the page has another region"


def test_no_panel_waits_for_matplotlib() -> None:
    """A picture that matplotlib draws takes longer than a key press may."""
    code = "from vram import show; [getattr(show, name)().widget for name in show.__all__ if name.endswith('_panel')]"
    seen = "import sys; print('ipywidgets' in sys.modules, 'matplotlib' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", f"{code}; {seen}"], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["True", "False"]


def test_two_panels_do_not_disturb_each_other() -> None:
    one, two = lora_panel(), lora_panel()
    one.set(rank=1)
    assert one.widget.answer.html != two.widget.answer.html == two.render()


def _page(size: int, strict: bool) -> View:
    if strict and size > 2:
        raise vram.VramError(f"size: {size} <b>given</b>, at most 2 is allowed.")
    table = StyledTable(["size"], [[str(size)]], caption="t")
    return View(f"size {size}", "detail", f'<img alt="{size}">', ["f"], [table])


def test_what_folds_hold_waits_for_its_moment_and_old_states_are_passed_over() -> None:
    """In a kernel the answer is sent before it is made what folds hold; of a control that moves on, only the last."""
    made: list[int] = []

    def view(size: int) -> View:
        page = _page(size, strict=False)
        fold = StyledTable(["size"], [[str(size)]], caption="t")
        fold.markup = lambda: made.append(size) or f"fold {size}"  # type: ignore[method-assign]
        return replace(page, tables=[*page.tables, fold])

    async def moved() -> str:
        panel.set(size=4)
        panel.set(size=8)
        assert "size 8" in answer.html and "fold 2" in answer.html and made == [2]
        await asyncio.sleep(2 * PAUSE)
        return answer.html

    panel = Panel([powers_of_two("size", "Size", 1, 8, 2)], view)
    answer = panel.widget.answer
    assert "fold 2" in answer.html and made == [2], "without an event loop nobody waits"
    assert "fold 8" in asyncio.run(moved()) and made == [2, 8]


def test_later_work_takes_the_place_of_what_still_waits() -> None:
    done: list[str] = []

    async def both() -> None:
        later = Later()
        later.do(lambda: done.append("first"))
        later.do(lambda: done.append("second"))
        assert done == []
        await asyncio.sleep(2 * PAUSE)

    asyncio.run(both())
    assert done == ["second"]


def test_a_state_without_an_answer_keeps_the_last_good_one() -> None:
    panel = Panel([powers_of_two("size", "Size", 1, 8, 2), flag("strict", "Strict", True)], _page)
    answer = panel.widget.answer
    good = answer.html
    panel.set(size=4)
    assert "size: 4 &lt;b&gt;given" in answer.problem and answer.html == good
    panel.set(size=8)
    assert answer.problem.count('role="alert"') == 1 and "size: 8" in answer.problem and answer.html == good
    panel.set(strict=False)
    assert answer.html == panel.render(size=8, strict=False) and not answer.problem


def test_an_answer_with_fewer_pieces_leaves_nothing_of_the_last() -> None:
    def view(size: int) -> View:
        page = _page(size, strict=False)
        return replace(page, tables=[*page.tables] * size)

    panel = Panel([powers_of_two("size", "Size", 1, 4, 4)], view)
    answer = panel.widget.answer
    for size in (4, 1, 2):
        panel.set(size=size)
        assert answer.html == panel.render(size=size)


def test_names_are_text_and_never_markup() -> None:
    hostile = "<script>alert(1)</script>"

    def view(model: str) -> View:
        table = StyledTable([model], [[model]], caption=model)
        return View(model, model, "", [model], [table, table])

    panel = Panel([Choice("model", hostile, {hostile: hostile}, hostile)], view)
    assert "<script" not in panel.static() and panel.static().count("&lt;script&gt;") == 12


@parametrize_panel
def test_unknown_controls_and_options_are_named(make: Callable[[], Panel]) -> None:
    panel = make()
    with pytest.raises(vram.VramError, match="control: 'colour' is not known"):
        panel.render(colour=1)
    name = panel.controls[-1].name
    with pytest.raises(vram.VramError, match=f"{name}: 'x' is not known"):
        panel.set(**{name: "x"})
    assert panel.values == panel.defaults


def test_a_thousand_updates_leave_memory_flat() -> None:
    panel = Panel([powers_of_two("size", "Size", 1, 8, 2), flag("strict", "Strict", True)], _page)
    number, *_ = panel.widget.children[0].children
    options = panel.controls[0].values  # two of them have no answer

    def update(times: int) -> int:
        for n in range(times):
            number.value = options[n % len(options)]
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    update(40)
    tracemalloc.start()
    try:
        before = update(40)
        assert update(1000) - before < 100_000
    finally:
        tracemalloc.stop()
