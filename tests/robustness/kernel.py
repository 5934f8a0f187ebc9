"""A notebook in a kernel that stays: its cells run in any order, any number of times, and after a restart."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from vram.teach.authoring.files import loads
from vram.teach.authoring.notebooks import WIDGET_VIEW, client_for

_PNG = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=\s]+")
# Kept in a module, where no cell finds them by chance.
_SNAPSHOT = "import sys; sys.modules['kept names'] = dict(globals())"
_RESTORE = """
for _name in [*globals()]:
    del globals()[_name]
globals().update(__import__("sys").modules["kept names"])
"""


class Running:
    """The code cells of a notebook and the kernel in which they run. An error is an output like any other."""

    def __init__(self, client: NotebookClient):
        client.allow_errors = True
        client.reset_execution_trackers()
        self._client = client
        self.cells = [cell for cell in client.nb.cells if cell.cell_type == "code"]

    def run(self, cell: NotebookNode) -> list[str]:
        """Run a cell, and return what it shows."""
        self._client.execute_cell(cell, 0, store_history=False)
        return shown(cell.outputs)

    def code(self, source: str) -> list[str]:
        """Run some code that is no cell of the notebook."""
        return self.run(new_code_cell(source))

    def snapshot(self) -> None:
        """Remember which names have which values now."""
        assert self.code(_SNAPSHOT) == []

    def restore(self) -> None:
        """Back to the names and values of the snapshot. What the library itself remembers stays."""
        assert self.code(_RESTORE) == []

    def restart(self) -> None:
        """Kill the kernel and start it again, as *Kernel ▸ Restart* does: everything in it is lost."""
        run_sync(self._client.km.restart_kernel)(now=True)
        run_sync(self._client.kc.wait_for_ready)(timeout=60)


def shown(outputs: list[NotebookNode]) -> list[str]:
    """What a reader sees of a cell's outputs, in a form that compares: without PNG bytes and the names of widgets."""
    comparable = []
    for output in outputs:
        kept = {mime: value for mime, value in output.get("data", {}).items() if mime not in (WIDGET_VIEW, "image/png")}
        words = [output.output_type, *(output.get(part, "") for part in ("name", "text", "ename", "evalue"))]
        page = json.dumps(kept, ensure_ascii=False, sort_keys=True)
        comparable.append(_PNG.sub("", " ".join([*filter(None, words), page])))
    return comparable


@contextmanager
def running(path: Path, environment: Mapping[str, str] = os.environ) -> Iterator[Running]:
    """The notebook at `path` with a fresh kernel in its folder, in a given environment."""
    client = client_for(loads(path.read_text(encoding="utf-8")), path.parent)
    with client.setup_kernel(env=dict(environment)):
        yield Running(client)
