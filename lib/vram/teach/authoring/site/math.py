"""Formulas of a page as MathML, which needs no script to be read and which a screen reader speaks."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from bs4 import BeautifulSoup, NavigableString

_MATH = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+?)\$", re.DOTALL)
_VERBATIM = ("code", "pre", "script", "style", "title")


def typeset(pages: Iterable[BeautifulSoup], modules: Path) -> None:
    """Replace every formula between dollar signs in the pages' texts by MathML, all in one run of Node.js.

    modules  the folder `node_modules` that holds MathJax
    Raises `RuntimeError` for a formula that cannot be typeset.
    """
    texts = [node for page in pages for node in page.find_all(string=_MATH) if not _is_verbatim(node)]
    formulas = sorted({found for node in texts for found in map(_formula, _MATH.finditer(node))})
    mathml = dict(zip(formulas, _node(formulas, modules), strict=True))
    for node in texts:
        parts: list[NavigableString | BeautifulSoup] = []
        end = 0
        for match in _MATH.finditer(node):
            parts += [NavigableString(node[end : match.start()]), _element(mathml[_formula(match)])]
            end = match.end()
        node.replace_with(*parts, NavigableString(node[end:]))


def _formula(match: re.Match) -> tuple[str, bool]:
    """The TeX between the signs, and whether it stands on a line of its own."""
    display, inline = match.groups()
    return (display or inline).strip(), display is not None


def _element(mathml: str) -> BeautifulSoup:
    return BeautifulSoup(mathml, "html.parser")


def _is_verbatim(node: NavigableString) -> bool:
    return any(parent.name in _VERBATIM for parent in node.parents)


def _node(formulas: list[tuple[str, bool]], modules: Path) -> list[str]:
    if not formulas:
        return []
    script = files(__package__) / "mathml.js"
    run = subprocess.run(
        ["node", str(script)], input=json.dumps(formulas), capture_output=True, text=True, check=False,
        env={**os.environ, "NODE_PATH": str(modules)},
    )  # fmt: skip
    if run.returncode:
        raise RuntimeError(f"math: {run.stderr.strip()}")
    return json.loads(run.stdout)
