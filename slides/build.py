"""Builds every deck of the course into one HTML file that opens from disk without a network.

    npm ci                       # once, in slides/: the JavaScript of reveal.js and MathJax
    python slides/build.py       # slides/NN-*.ipynb -> slides/_build/NN-*.html

The committed notebook is executed already: this script only lays it out. Everything a deck needs (script,
style, font, picture) is written into its file, so that a deck can be carried on a stick or sent by mail.
"""

from __future__ import annotations

import argparse
import base64
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbconvert.exporters import SlidesExporter
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

from vram.show import theme

HERE = Path(__file__).resolve().parent
NODE_MODULES = HERE / "node_modules"
DECKS = "[0-9][0-9]-*.ipynb"


class DeckError(Exception):
    """A deck cannot be built; the message says what to do about it."""


class _HideCode(Preprocessor):
    """A slide shows results: only a cell tagged `show-code` shows its source as well."""

    def preprocess_cell(self, cell: NotebookNode, resources: dict, index: int) -> tuple[NotebookNode, dict]:
        if cell.cell_type == "code" and "show-code" not in cell.metadata.get("tags", []):
            cell.metadata["transient"] = {"remove_source": True}
        return cell, resources


def package_file(path: str) -> Path:
    """The file of an installed npm package; DeckError when `npm ci` has not been run."""
    file = NODE_MODULES / path
    if not file.is_file():
        raise DeckError(f"{path} is not installed: run `npm ci` in {HERE.name}/ (npm comes with Node.js 18 or newer)")
    return file


def script(path: str) -> str:
    """JavaScript of an npm package, safe inside <script>: no sequence in it can close or nest the element."""
    return re.sub(r"<(?=!--|/?script)", r"\\x3C", package_file(path).read_text(encoding="utf-8"))


def font(path: str) -> str:
    """A WOFF font of an npm package as a data URI."""
    return "data:font/woff;base64," + base64.b64encode(package_file(path).read_bytes()).decode("ascii")


def style(path: str) -> str:
    """A style sheet of an npm package."""
    return package_file(path).read_text(encoding="utf-8")


def palette() -> dict[str, str]:
    """The colours of the course as CSS variables: a deck looks like the panels of its lesson."""
    colours = {kind.replace(" ", "-"): style.colour for kind, style in theme.KINDS.items()}
    return colours | {"ink": theme.INK, "muted": theme.MUTED, "line": theme.LINE, "alert": theme.ALERT}


def exporter() -> SlidesExporter:
    """nbconvert's reveal exporter with our page around it (template/index.html.j2)."""
    deck = SlidesExporter(
        extra_template_basedirs=[str(HERE)],
        template_name="template",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
        embed_images=True,
    )
    deck.register_preprocessor(_HideCode, enabled=True)
    for name, embed in {"npm_script": script, "npm_style": style, "npm_font": font}.items():
        deck.register_filter(name, embed)
    return deck


def read(path: Path) -> NotebookNode:
    """The executed notebook; DeckError when a code cell was never run or carries an error."""
    deck = nbformat.read(path, as_version=4)
    for cell in deck.cells:
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        if cell.execution_count is None:
            raise DeckError(f"{path.name}: cell {cell.id} has not been executed: run `make notebooks`")
        if any(output.output_type == "error" for output in cell.outputs):
            raise DeckError(f"{path.name}: cell {cell.id} holds an error: fix it and run `make notebooks`")
    return deck


def title(deck: NotebookNode, path: Path) -> str:
    """The first heading of the deck, for the window's title."""
    text = "\n".join(cell.source for cell in deck.cells if cell.cell_type == "markdown")
    heading = re.search(r"^# +(.+)$", text, re.MULTILINE)
    if heading is None:
        raise DeckError(f"{path.name} has no title: its first slide needs a line that begins with `# `")
    return heading.group(1).strip()


def build(path: Path, folder: Path) -> Path:
    """Write one deck to `folder` and return the file."""
    deck = read(path)
    resources = {"metadata": {"name": title(deck, path), "path": str(path.parent)}, "palette": palette()}
    html, _ = exporter().from_notebook_node(deck, resources)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{path.stem}.html"
    target.write_text(html, encoding="utf-8")
    return target


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("decks", nargs="*", type=Path, help=f"notebooks (default: slides/{DECKS})")
    parser.add_argument("--out", type=Path, default=HERE / "_build", help="folder (default: slides/_build)")
    options = parser.parse_args(arguments)
    decks = options.decks or sorted(HERE.glob(DECKS))
    try:
        if not decks:
            raise DeckError(f"no deck to build: no file matches slides/{DECKS}")
        for path in decks:
            target = build(path, options.out)
            print(f"{path.name} -> {target} ({target.stat().st_size / 1e6:.1f} MB)")
    except DeckError as problem:
        print(f"slides/build.py: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
