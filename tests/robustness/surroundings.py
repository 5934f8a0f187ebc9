"""The worst machine that a lesson must survive: a folder nobody may write to, no home, a locale that knows ASCII."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

#: A space, and letters of two scripts.
NAME = "mein Kurs 課程 é"
_DROP_FROM_BOUNDING_SET, _OVERRIDE_PERMISSIONS = 24, 1  # of Linux: PR_CAPBSET_DROP, CAP_DAC_OVERRIDE


def read_only_copy(course: Path, folder: Path) -> Path:
    """A copy of what lessons read, in which nothing can be written."""
    copy = folder / NAME
    for part in ("notebooks", "lib", "tests/fixtures"):
        shutil.copytree(course / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    return copy


def obey_permissions() -> None:
    """Root may write anywhere. What this process starts from now on may not."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        ctypes.CDLL(None).prctl(_DROP_FROM_BOUNDING_SET, _OVERRIDE_PERMISSIONS, 0, 0, 0)


def bare(environment: Mapping[str, str], course: Path) -> dict[str, str]:
    """An environment with a locale of ASCII, Python's way out of it shut, and a home that cannot be made.

    Python's way out is its UTF-8 mode. It stays open where the interpreter itself lies in a folder that ASCII cannot
    spell: pyzmq, and so Jupyter, cannot be loaded from there without it.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith(("JUPYTER", "IPYTHON", "LANG", "LC_", "MPL", "XDG", "PYTHONIO", "PYTHONUTF8"))
    }
    home = course / "nobody"
    shut = {"PYTHONUTF8": "0"} if sys.prefix.isascii() else {}
    return {**kept, **shut, "LC_ALL": "C", "HOME": str(home), "PYTHONPATH": str(course / "lib")}
