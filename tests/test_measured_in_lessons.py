"""Measured bytes that lessons 07 and 11 write into a cell are those of the fixtures, and so are their settings."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import nbformat
import pytest

HERE = Path(__file__).parent
NOTEBOOKS = HERE.parent / "notebooks"
RECIPES = {("float32", False): "fp32", ("bfloat16", False): "bf16", ("float32", True): "autocast"}


def cases(name: str) -> list[dict]:
    return json.loads((HERE / "fixtures" / f"{name}.json").read_text(encoding="utf-8"))["cases"]


def written(lesson: str, cell: str) -> dict[int, ast.Tuple]:
    """The dictionary `measured` of a cell: bytes → the tuple beside them."""
    nb = nbformat.read(NOTEBOOKS / f"{lesson}.ipynb", as_version=4)
    (source,) = (c.source for c in nb.cells if c.id == cell)
    (found,) = (
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign) and node.targets[0].id == "measured"
    )
    return {key.value: value for key, value in zip(found.keys, found.values, strict=True)}


@pytest.mark.parametrize(("lesson", "cell"), [
    ("07-activations-and-peak", "world-peak-check"), ("11-oom-detective", "derive-measured"),
])  # fmt: skip
def test_peaks(lesson: str, cell: str) -> None:
    known = {
        case["peak"]["Total"]: (
            case["model"], case["b"], case["s"], RECIPES[case["dtype"], case["autocast_bf16"]],
            "full" if case["checkpoint"] else "none",
        )
        for case in cases("peak")
    }  # fmt: skip
    found = {total: ast.literal_eval(setting) for total, setting in written(lesson, cell).items()}
    assert found and found.items() <= known.items()


def test_bytes_of_a_layer() -> None:
    known = {
        (case["per_layer"], case["kind"], case["b"], case["attn"], "full" if case["checkpoint"] else "none")
        for case in cases("activations")
        if (case["s"], case["h"], case["a"], case["dtype"], case["dropout"]) == (64, 128, 4, "bfloat16", 0.0)
    }
    found = {
        (nbytes, setting.elts[0].id, *(part.value for part in setting.elts[1:]))
        for nbytes, setting in written("07-activations-and-peak", "world-measured-check").items()
    }
    assert found and found <= known
