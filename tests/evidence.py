"""Measured facts: what real libraries reported, kept beside the tests. Each row names the versions that made it."""

import json
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parent / "fixtures"


def rows(name: str) -> list[dict[str, Any]]:
    """The rows of one fixture file."""
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))["cases"]
