"""Does the look at a machine before a class pass here, and does it say what is wrong where something is?"""

from __future__ import annotations

import shutil
import socket
from collections import namedtuple
from pathlib import Path

import pytest

from vram.teach import preflight
from vram.teach.preflight import CHECKS, NotReady, main, report

QUICK = tuple(check for check in CHECKS if check not in (preflight.kernel, preflight.server))


def test_this_machine_is_ready(course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    """All checks for real, a kernel and a server included."""
    monkeypatch.chdir(course)
    status = main()
    said = capsys.readouterr().out
    assert status == 0, said
    assert said.count("✓") == len(CHECKS) and "✗" not in said


@pytest.fixture
def copy(course: Path, tmp_path: Path) -> Path:
    """A checkout with one lesson."""
    (tmp_path / "notebooks").mkdir()
    shutil.copy(course / "pins.txt", tmp_path)
    (tmp_path / "notebooks" / "02-x.ipynb").touch()
    return tmp_path


def faults(course: Path, checks=QUICK) -> list[str]:
    lines, ready = report(course, checks)
    found = [line for line in lines if line.startswith("✗")]
    assert ready is not bool(found)
    return found


def test_the_copy_has_no_fault(copy: Path) -> None:
    assert faults(copy) == []


def test_an_old_python(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight.sys, "version_info", (3, 9, 2))
    (fault,) = faults(copy)
    assert "3.9" in fault and "3.11" in fault


def test_a_missing_package(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "_needed", lambda: ["sympy", "no-such-package"])
    with open(copy / "pins.txt", "a") as pins:
        pins.write("no-such-package==1.0\n")
    (fault,) = faults(copy)
    assert "no-such-package" in fault and "sympy" not in fault and "make lab" in fault


def test_another_version_is_said_and_is_no_fault(copy: Path) -> None:
    text = (copy / "pins.txt").read_text()
    (copy / "pins.txt").write_text("\n".join("sympy==1.0" if x.startswith("sympy==") else x for x in text.splitlines()))
    lines, ready = report(copy, QUICK)
    assert ready and any("not in the tested versions:" in line and "sympy 1." in line for line in lines)


def test_no_lessons(copy: Path) -> None:
    (copy / "notebooks" / "02-x.ipynb").unlink()
    (fault,) = faults(copy)
    assert "no lesson" in fault


def test_no_room(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda _: namedtuple("usage", "free")(10**6))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: namedtuple("memory", "available")(10**8))
    one, two = faults(copy)
    assert "1 MB of disk" in one and "100 MB of memory" in two


def test_a_read_only_course(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write anywhere, so the answer of the system is put in its place."""
    monkeypatch.setattr(preflight.os, "access", lambda path, mode: False)
    (fault,) = faults(copy)
    assert "read-only" in fault


def test_no_controls(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *_: [str(copy)])
    (fault,) = faults(copy)
    assert "no controls" in fault


def test_a_kernel_that_cannot_use_the_course(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "PROBE", "import no_such_package")
    with pytest.raises(NotReady, match="no_such_package"):
        preflight.kernel(copy)


def test_a_server_that_does_not_start(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setattr(preflight, "_free_port", lambda: taken.getsockname()[1])
        with pytest.raises(NotReady, match="JupyterLab does not start"):
            preflight.server(copy)


def test_a_check_that_breaks_is_a_fault(copy: Path) -> None:
    (copy / "pins.txt").unlink()
    (fault,) = faults(copy)
    assert "“packages” broke off with FileNotFoundError" in fault
