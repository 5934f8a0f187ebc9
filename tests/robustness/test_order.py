"""Cells survive what learners do: run one twice, go back to one after the last, restart the kernel in the middle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from kernel import Running, running

COURSE = Path(__file__).resolve().parents[2]
LESSONS = sorted((COURSE / "notebooks").glob("[0-9]*.ipynb"))
SOLUTIONS = sorted((COURSE / "notebooks" / "solutions").glob("*.ipynb"))
# What stands on the set-up alone; every other cell belongs to a derivation and needs the cells above it.
ALONE = re.compile(r"predict-|play-panel$|mistake-|ex-|exit-|case-\d|(cases-)?progress$")
# A hint is the next one at every call.
LADDER = re.compile(r"\bhint\(")


@dataclass
class Notebook:
    """A notebook whose cells have all been run twice in place, and what they showed."""

    running: Running
    first: dict[str, list[str]]
    second: dict[str, list[str]]

    def changed(self, now: dict[str, list[str]]) -> str:
        """The cells that show something else now than when they were first run, and what they show."""
        ladder = {cell.id for cell in self.running.cells if LADDER.search(cell.source)}
        return "\n".join(
            f"{name}: {self.first[name]}\n  now: {outputs}"
            for name, outputs in now.items()
            if outputs != self.first[name] and (name not in ladder or failed(outputs))
        )


def failed(outputs: list[str]) -> bool:
    return any(output.startswith("error ") for output in outputs)


@pytest.fixture(
    scope="module",
    # The tests of a notebook share its kernel, so pytest-xdist must not part them.
    params=[
        pytest.param(path, id=f"{path.parent.name}/{path.stem}", marks=pytest.mark.xdist_group(f"{path}"))
        for path in (*LESSONS, *SOLUTIONS)
    ],
)
def notebook(request: pytest.FixtureRequest) -> Iterator[Notebook]:
    with running(request.param) as kernel:
        both = {cell.id: (kernel.run(cell), kernel.run(cell)) for cell in kernel.cells}
        kernel.snapshot()
        first, second = ({name: each[turn] for name, each in both.items()} for turn in (0, 1))
        yield Notebook(kernel, first, second)


def test_every_cell_runs(notebook: Notebook) -> None:
    assert {name: outputs for name, outputs in notebook.first.items() if failed(outputs)} == {}


def test_a_cell_run_twice_shows_the_same(notebook: Notebook) -> None:
    assert notebook.changed(notebook.second) == ""


def test_a_cell_run_again_after_the_last_shows_the_same(notebook: Notebook) -> None:
    now = {}
    for cell in notebook.running.cells:
        notebook.running.restore()
        now[cell.id] = notebook.running.run(cell)
    assert notebook.changed(now) == ""


def test_after_a_restart_panel_and_questions_need_the_set_up_alone(notebook: Notebook) -> None:
    notebook.running.restart()
    setup, *others = notebook.running.cells
    now = {setup.id: notebook.running.run(setup)}
    notebook.running.snapshot()
    for cell in others:
        if ALONE.match(cell.id):
            notebook.running.restore()
            now[cell.id] = notebook.running.run(cell)
    assert len(now) > 5 and notebook.changed(now) == ""


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_the_set_up_says_what_a_restart_needs(path: Path) -> None:
    assert '"# After a restart of the kernel, run this cell again' in path.read_text(encoding="utf-8")
