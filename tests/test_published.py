"""Every published figure that the library must reproduce has a test, here or beside the question it belongs to."""

import ast
import json
import re
from pathlib import Path

import pytest

from vram import Architecture, activations, symbols

HERE = Path(__file__).parent
CASES = json.loads((HERE / "fixtures" / "published.json").read_text(encoding="utf-8"))["cases"]
PUBLISHED = {row["id"]: row for row in CASES}


def strings() -> set[str]:
    """Every text that stands in a test: names of rows, and what they begin with."""
    found = set()
    for path in HERE.glob("test_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return {text for text in found if "-" in text and len(text) > 4 and not text.isspace()}


def test_every_row_that_must_be_met_is_named_by_a_test() -> None:
    named = strings()
    for row in CASES:
        if row["role"] == "check":
            begins = any(row["id"].startswith(text) for text in named)
            assert begins or any(".*" in text and re.fullmatch(text, row["id"]) for text in named), row["id"]


@pytest.fixture(scope="module")
def layer():
    """Bytes of one layer of GPT-2 as Korthikanti et al. count them, in symbols."""
    b, s = symbols.b, symbols.s
    arch = Architecture("gpt2").symbolic()
    ledger = activations(arch, batch=b, seq_len=s, implementation="megatron").select(lambda t: bool(t.axes))
    return (ledger.nbytes / symbols.l).expand()


def test_the_paper_counts_34_bytes_and_5as_over_h(layer) -> None:
    b, s, h, a = symbols.b, symbols.s, symbols.h, symbols.a
    per_sbh = (layer / (s * b * h)).expand()
    assert per_sbh.subs(a, 0) == PUBLISHED["kort-34"]["published"]
    row = PUBLISHED["kort-mtnlg-64"]
    size = row["inputs"]
    assert (per_sbh - per_sbh.subs(a, 0)).subs({a: size["a"], s: size["s"], h: size["h"]}) == row["published"]
