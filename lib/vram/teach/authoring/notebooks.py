"""What is the one stored form of a notebook, and how does `make notebooks` reach it?

A committed notebook is its own source. It is stored in canonical form, so that a diff shows only what
somebody changed: executed in a fresh kernel, counts 1 to n, metadata from a short list, no widget state,
and the old picture where only the bytes of the picture differ.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode

from ...ledger.errors import VramError
from ..exercises import lessons
from . import links
from .files import course_notebooks, dumps, loads, solutions_of, store
from .sync import build_solutions, sync_lesson

CELL_METADATA = ("slideshow", "tags")
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
CELL_TIMEOUT = 120  # seconds; a lesson takes less than ten, so this only ends a hang
LARGEST = 300_000  # bytes of a file: a lesson loads at once, and GitHub still shows it

_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_RANDOM_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){0,3}(-[0-9a-f]{12})?")
_PNG = re.compile(r"(?<=data:image/png;base64,)[A-Za-z0-9+/=\s]+")
_MACHINE_PATH = re.compile(
    r"(?<![\w.:/<])/(?:home|root|tmp|Users|private|mnt|var|opt|usr)/\w"
    r"|\b[A-Z]:\\+\w|ipykernel_\d|site-packages|\bat 0x[0-9a-f]{6}"
)
_UNCOMPARED = re.compile(r"nbval|raises-exception|skip-execution", re.IGNORECASE)


def isolate(cache: Path) -> None:
    """Keep the reader's own Jupyter and IPython settings out of executed notebooks.

    Kernels inherit these variables. The folder is kept between runs for the fonts that matplotlib
    lists once: doing so may take seconds, and then it says so inside a notebook.
    """
    for variable, folder in (
        ("IPYTHONDIR", "ipython"),
        ("JUPYTER_CONFIG_DIR", "jupyter-config"),
        ("JUPYTER_DATA_DIR", "jupyter-data"),
        ("JUPYTER_RUNTIME_DIR", "jupyter-runtime"),
        ("MPLCONFIGDIR", "matplotlib"),
    ):
        (cache / folder).mkdir(parents=True, exist_ok=True)
        os.environ[variable] = str(cache / folder)
    import matplotlib.font_manager  # noqa: F401  (lists the fonts now)


def client_for(nb: NotebookNode, folder: Path) -> NotebookClient:
    """What runs a notebook in a fresh kernel of this interpreter, in the given folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return NotebookClient(
        nb,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
    )


def run_cells(client: NotebookClient) -> None:
    """Run all cells in a kernel that has been set up; an error ends the run.

    As under nbval, the kernel keeps no history: what would differ there (`_`, a final `;`) differs here too.
    """
    client.reset_execution_trackers()
    number = 0
    for index, cell in enumerate(client.nb.cells):
        if cell.cell_type == "code":
            number += 1
            client.execute_cell(cell, index, execution_count=number, store_history=False)
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = number


def execute(nb: NotebookNode, folder: Path) -> NotebookNode:
    """Run all cells of a notebook in place, in a fresh kernel."""
    client = client_for(nb, folder)
    with client.setup_kernel():
        run_cells(client)
    return nb


def canonical(nb: NotebookNode) -> NotebookNode:
    """A copy in canonical form. It neither runs code nor invents what is missing: `faults` names that."""
    nb = loads(dumps(nb))
    nb.metadata = NotebookNode(kernelspec=NotebookNode(KERNEL), language_info=NotebookNode(name="python"))
    nb.nbformat, nb.nbformat_minor = 4, 5
    for cell in nb.cells:
        kept = {key: value for key, value in cell.metadata.items() if key in CELL_METADATA}
        cell.metadata = NotebookNode(kept)
        if "tags" in cell.metadata:
            cell.metadata.tags = sorted(set(cell.metadata.tags))
        for output in cell.get("outputs", []):
            if "metadata" in output:
                output.metadata = NotebookNode()
            if "text/html" in output.get("data", {}):
                # The page carries the default state; a stored view points to a model that is gone.
                output.data.pop(WIDGET_VIEW, None)
    return nb


def keep_pictures(new: NotebookNode, old: NotebookNode) -> None:
    """Take a cell's old outputs where source and all text are the same and only PNG bytes differ.

    Another version of matplotlib draws the same chart in other bytes: that is no change worth a diff.
    """
    before = {cell.get("id"): cell for cell in old.cells}
    for cell in new.cells:
        twin = before.get(cell.id)
        if cell.cell_type == "code" and twin is not None and twin.source == cell.source:
            if _without_pictures(cell) == _without_pictures(twin):
                cell.outputs = twin.outputs


def _without_pictures(cell: NotebookNode) -> str:
    outputs = json.loads(json.dumps(cell.get("outputs", [])))
    for output in outputs:
        output.pop("execution_count", None)
        if "image/png" in output.get("data", {}):
            output["data"]["image/png"] = ""
    return _PNG.sub("", json.dumps(outputs, sort_keys=True))


def faults(nb: NotebookNode, text: str) -> Iterator[str]:
    """Everything that keeps a stored notebook from being canonical, one sentence each.

    `text` is the file's text. That the outputs are what the code gives is shown by nbval, not here.
    """
    if text != dumps(canonical(nb)):
        yield "the file is not in canonical form: run make notebooks"
    if len(text.encode()) > LARGEST:
        yield f"the file has {len(text.encode()):,} bytes, more than {LARGEST:,}"
    if "widgets" in nb.metadata:
        yield "widget state is stored"
    code = [cell for cell in nb.cells if cell.cell_type == "code"]
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        yield f"the counts are not 1 to {len(code)}: a cell without a count is run and never compared"
    for cell in nb.cells:
        name = cell.get("id", "")
        if not _ID.fullmatch(name) or _RANDOM_ID.fullmatch(name):
            yield f"the cell id {name!r} does not name the cell in words joined by hyphens"
        yield from (f"cell {name!r} {fault}" for fault in _cell_faults(cell))


def _cell_faults(cell: NotebookNode) -> Iterator[str]:
    if not cell.source.strip():
        yield "is empty"
    switched_off = [tag for tag in cell.metadata.get("tags", []) if _UNCOMPARED.search(tag)]
    if switched_off or (cell.cell_type == "code" and re.search(r"#\s*(NBVAL|PYTEST_VALIDATE)_", cell.source)):
        yield "switches the comparison of its output off"
    if _MACHINE_PATH.search(cell.source):
        yield "names a path of one machine"
    for output in cell.get("outputs", []):
        if output.output_type == "error" or output.get("name") == "stderr":
            yield "stores an error or a warning"
        data = output.get("data", {})
        if WIDGET_VIEW in data:
            yield "shows a widget that has no HTML for readers without a kernel"
        if "image/svg+xml" in data:
            yield "stores SVG, which GitHub and nbviewer do not show"
        shown = {mime: content for mime, content in data.items() if mime != "image/png"}
        if _MACHINE_PATH.search(_PNG.sub("", output.get("text", "") + json.dumps(shown))):
            yield "shows a path or an address of one machine"


def unexecuted(path: Path, course: Path) -> NotebookNode:
    """A notebook as its sources give it now: written and generated cells, links. Its outputs may be old."""
    if path.parent.name == "solutions":
        nb = build_solutions(path.parent.parent / path.name)
    else:
        nb = loads(path.read_text(encoding="utf-8"))
        if path.parent.name == "notebooks":
            nb = sync_lesson(nb, path)
    links.link_notebook(nb, path.relative_to(course).as_posix(), links.address(course))
    return nb


def rewrite(path: Path, course: Path, new_pictures: bool = False) -> bool:
    """Execute one notebook and store it in canonical form; returns whether the file changed."""
    nb = canonical(execute(unexecuted(path, course), path.parent))
    if path.exists() and not new_pictures:
        keep_pictures(nb, loads(path.read_text(encoding="utf-8")))
    text = dumps(nb)
    problems = list(faults(nb, text))
    if problems:
        raise VramError("\n".join(["nothing written, since", *problems]))
    return store(path, text)


def chosen(named: Sequence[Path], course: Path) -> Iterator[Path]:
    """The notebooks to write: those named, or all of the course; a lesson brings its solutions with it."""
    done: set[Path] = set()
    for path in named or course_notebooks(course):
        path = (course / path).resolve()
        solutions = [solutions_of(path)] if path.parent.name == "notebooks" and path.name[:2] in lessons() else []
        for each in [path, *solutions]:
            if each not in done:
                done.add(each)
                yield each


def main(argv: Sequence[str]) -> None:
    """Rewrite the notebooks named on the command line, or all of the course."""
    parser = argparse.ArgumentParser(prog="make notebooks", description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path)
    parser.add_argument("--new-pictures", action="store_true", help="store PNG bytes even where no text changed")
    options = parser.parse_args(argv)
    course = Path.cwd().resolve()
    isolate(course / ".cache")
    for path in chosen(options.notebooks, course):
        try:
            changed = rewrite(path, course, options.new_pictures)
        except (CellExecutionError, CellTimeoutError, VramError, OSError) as error:
            raise SystemExit(f"{path.relative_to(course)}: {error}") from None
        print(f"{'written' if changed else 'unchanged':<10} {path.relative_to(course)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
