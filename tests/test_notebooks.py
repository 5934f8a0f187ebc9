"""Is every stored notebook canonical, and does each rule of the canonical form catch what breaks it?"""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from vram.teach.authoring.files import course_notebooks, dumps, loads
from vram.teach.authoring.notebooks import LARGEST, WIDGET_VIEW, canonical, faults, keep_pictures, rewrite, unexecuted

COURSE = Path(__file__).parent.parent


@pytest.mark.parametrize("path", course_notebooks(COURSE), ids=lambda path: path.relative_to(COURSE).as_posix())
def test_stored_notebook_is_canonical(path):
    text = path.read_text(encoding="utf-8")
    assert list(faults(loads(text), text)) == []


@pytest.mark.parametrize("path", course_notebooks(COURSE), ids=lambda path: path.relative_to(COURSE).as_posix())
def test_generated_cells_and_links_are_up_to_date(path):
    stored, now = loads(path.read_text(encoding="utf-8")), unexecuted(path, COURSE)
    assert [(cell.id, cell.source) for cell in stored.cells] == [(cell.id, cell.source) for cell in now.cells]


def test_every_notebook_of_the_course_is_looked_at():
    """None hides in a folder that the list of folders does not name."""
    found = {path for path in COURSE.glob("notebooks/**/*.ipynb") if ".ipynb_checkpoints" not in path.parts}
    assert found <= set(course_notebooks(COURSE))


def picture(png: str = "AAAA", alt: str = "12 GiB"):
    html = f'<img alt="{alt}" src="data:image/png;base64,{png}">'
    return new_output("display_data", {"text/html": html, "text/plain": "<Figure>"})


def example(source: str = "6 * 7", *outputs, count: int | None = 1, **cell):
    """A canonical notebook of two cells, to be broken in one place."""
    code = new_code_cell(source, outputs=list(outputs), execution_count=count, **{"id": "product", **cell})
    return canonical(new_notebook(cells=[new_markdown_cell("# Title", id="title"), code]))


def found(nb) -> str:
    return "\n".join(faults(nb, dumps(nb)))


def test_the_example_is_canonical():
    assert found(example("6 * 7", picture())) == ""


def stream(text: str, name: str = "stdout"):
    return new_output("stream", name=name, text=text)


# Spelled in parts, so that this file names no path of a machine itself.
SLASH = "/"


@pytest.mark.parametrize(
    ("nb", "fault"),
    [
        (example(count=None), "the counts are not 1 to 1"),
        (example(count=7), "the counts are not 1 to 1"),
        (example(id="3f2a9c1b"), "does not name the cell"),
        (example(id="Product"), "does not name the cell"),
        (example("  "), "is empty"),
        (example("6 * 7", stream("careful", "stderr")), "stores an error or a warning"),
        (example("6 * x", new_output("error", ename="NameError", evalue="x")), "stores an error or a warning"),
        (example("6 * 7", metadata={"tags": ["nbval-skip"]}), "switches the comparison"),
        (example("6 * 7", metadata={"tags": ["raises-exception"]}), "switches the comparison"),
        (example("# NBVAL_IGNORE_OUTPUT\n6 * 7"), "switches the comparison"),
        (example("box", new_output("display_data", {WIDGET_VIEW: {}, "text/plain": "HBox()"})), "no HTML"),
        (example("6 * 7", new_output("display_data", {"image/svg+xml": "<svg/>"})), "stores SVG"),
        (example("6 * 7", stream("".join([SLASH, "home", SLASH, "ada", SLASH, "model.json"]))), "one machine"),
        (example("6 * 7", stream("<Line2D at 0x7f3bf7ee5940>")), "one machine"),
        (example("".join(["open('", SLASH, "tmp", SLASH, "model.json')"])), "names a path of one machine"),
        (example("6 * 7", stream("x" * LARGEST)), "more than 300,000"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_rule_is_named(nb, fault):
    assert fault in found(nb)


def test_letters_of_a_picture_are_no_path():
    """Base64 has a slash in its alphabet."""
    assert found(example("6 * 7", picture(png=SLASH + SLASH.join(["AAA", "home", "AAA"])))) == ""


@pytest.mark.parametrize(
    "spoil",
    [
        lambda nb: nb.metadata.update(widgets={"state": {}}),
        lambda nb: nb.metadata.kernelspec.update(display_name="my environment"),
        lambda nb: nb.metadata.language_info.update(version="3.11.7"),
        lambda nb: nb.cells[1].metadata.update(execution={"shell.execute_reply": "12:00"}),
        lambda nb: nb.cells[1].metadata.update(collapsed=True),
    ],
)
def test_canonical_removes_what_differs_between_machines(spoil):
    nb = example("6 * 7", picture())
    before = dumps(nb)
    spoil(nb)
    assert "not in canonical form" in found(nb)
    assert dumps(canonical(nb)) == before


@pytest.mark.filterwarnings("ignore:Non-unique cell id")
def test_a_cell_id_used_twice_is_found():
    """nbformat gives the second cell a random name as it reads: the file no longer equals what is written."""
    text = dumps(example()).replace('"product"', '"title"')
    assert {fault.split(":")[0] for fault in faults(loads(text), text)} >= {"the file is not in canonical form"}


def test_canonical_keeps_tags_slides_and_the_page_of_a_panel():
    metadata = {"slideshow": {"slide_type": "slide"}, "tags": ["predict"]}
    panel = new_output("display_data", {"text/html": "<p>fits</p>", WIDGET_VIEW: {"model_id": "1"}})
    (cell,) = example("panel", panel, metadata=metadata).cells[1:]
    assert cell.metadata == metadata
    assert cell.outputs[0].data == {"text/html": "<p>fits</p>"}


@pytest.mark.parametrize(
    ("source", "alt", "kept"), [("plot", "12 GiB", True), ("plot", "13 GiB", False), ("plot()", "12 GiB", False)]
)
def test_old_picture_stays_where_source_and_text_do(source, alt, kept):
    old, new = example("plot", picture("OLD0")), example(source, picture("NEW0", alt))
    keep_pictures(new, old)
    assert ("OLD0" in dumps(new), "NEW0" in dumps(new)) == (kept, not kept)


def test_rewrite_executes_and_does_so_only_once(tmp_path):
    """The second run finds nothing to change: what is stored is what execution gives."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").write_text((COURSE / "pyproject.toml").read_text(encoding="utf-8"))
    path = tmp_path / "notebooks" / "99-example.ipynb"
    nb = example("print(6 * 7)\n6 * 7;", count=None)
    nb.cells.append(new_code_cell("_x = 1", id="silent"))
    path.write_text(nbformat.writes(nb), encoding="utf-8")
    assert rewrite(path, tmp_path)
    stored = loads(path.read_text(encoding="utf-8"))
    assert [cell.execution_count for cell in stored.cells[1:]] == [1, 2]
    assert [output.get("text") for output in stored.cells[1].outputs] == ["42\n", None]
    assert not rewrite(path, tmp_path)
