"""Is this machine ready for a class? `make preflight` looks for less than a minute and says in plain words what is not.

Each check is a function that returns what it found, or raises `NotReady` with what is wrong and what to do about it.
Nothing is changed, and nothing is fetched from a network.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from ..words import say

OLDEST = (3, 11)
FREE_DISK, FREE_MEMORY = 500 * 10**6, 10**9
KERNEL_SECONDS, SERVER_SECONDS = 30, 30
#: What a kernel is asked, and how it says that everything a lesson needs works there.
PROBE = "import vram, sympy, matplotlib, ipywidgets; print(vram.weights(vram.models['gpt2']).numel)"


class NotReady(Exception):
    """A check that failed; the message says what is wrong and what to do."""


def python(course: Path) -> str:
    """The interpreter is new enough."""
    if sys.version_info < OLDEST:
        raise NotReady(say("preflight.python.old", version=_version(sys.version_info), oldest=_version(OLDEST)))
    return say("preflight.python.ok", version=_version(sys.version_info))


def packages(course: Path) -> str:
    """Every package that the course depends on is there, in the version that was tested."""
    from packaging.requirements import Requirement

    lines = (course / "pins.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    wanted = {pin.name: pin for pin in pins if pin.marker is None or pin.marker.evaluate()}
    other, missing = [], []
    for name in _needed():
        if name not in wanted:
            continue
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
            continue
        if version not in wanted[name].specifier:
            other.append(f"{name} {version}")
    if missing:
        raise NotReady(say("preflight.packages.missing", names=", ".join(missing)))
    return say("preflight.packages.other", names=", ".join(other)) if other else say("preflight.packages.ok")


def _needed() -> list[str]:
    """The packages that the course itself names; what they need in turn came with them."""
    from packaging.requirements import Requirement

    requires = importlib.metadata.requires("llm-memory-notebooks") or []
    return [Requirement(text).name for text in requires]


def lessons(course: Path) -> str:
    """The course is complete: every lesson has its solutions."""
    found = sorted(path.name for path in (course / "notebooks").glob("[0-9][0-9]-*.ipynb"))
    if not found:
        raise NotReady(say("preflight.lessons.none", folder=course / "notebooks"))
    return say("preflight.lessons.ok", count=len(found))


def disk(course: Path) -> str:
    """There is room, and notebooks can be saved."""
    free = shutil.disk_usage(course).free
    if free < FREE_DISK:
        raise NotReady(say("preflight.disk.full", free=free // 10**6, needed=FREE_DISK // 10**6))
    if not os.access(course / "notebooks", os.W_OK):
        raise NotReady(say("preflight.disk.readonly", folder=course / "notebooks"))
    return say("preflight.disk.ok", free=free // 10**9)


def memory(course: Path) -> str:
    """A browser, the server and one or two kernels have room."""
    import psutil

    free = psutil.virtual_memory().available
    if free < FREE_MEMORY:
        raise NotReady(say("preflight.memory.little", free=free // 10**6, needed=FREE_MEMORY // 10**6))
    return say("preflight.memory.ok", free=f"{free / 10**9:.1f}")


def controls(course: Path) -> str:
    """JupyterLab's side of the panels is installed for this interpreter."""
    from jupyter_core.paths import jupyter_path

    where = "labextensions/@jupyter-widgets/jupyterlab-manager/package.json"
    if not any((Path(folder) / where).is_file() for folder in jupyter_path()):
        raise NotReady(say("preflight.controls.missing"))
    return say("preflight.controls.ok")


def kernel(course: Path) -> str:
    """A kernel starts and calculates what a lesson calculates."""
    from jupyter_client.manager import start_new_kernel

    start = time.monotonic()
    try:
        manager, client = start_new_kernel(kernel_name="python3", startup_timeout=KERNEL_SECONDS)
    except Exception as problem:
        raise NotReady(say("preflight.kernel.dead", problem=problem)) from problem
    said: list[str] = []
    try:
        client.execute_interactive(PROBE, timeout=KERNEL_SECONDS, output_hook=lambda m: said.append(_said(m)))
    except Exception as problem:
        raise NotReady(say("preflight.kernel.dead", problem=problem)) from problem
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    answer = "".join(said).strip()
    if not answer.isdecimal():
        raise NotReady(say("preflight.kernel.wrong", problem=answer[-300:] or "-"))
    return say("preflight.kernel.ok", seconds=f"{time.monotonic() - start:.0f}")


def _said(message: dict) -> str:
    content = message["content"]
    return content.get("text", "") + (f"{content['ename']}: {content['evalue']}" if "ename" in content else "")


def server(course: Path) -> str:
    """JupyterLab starts on this machine and answers, without a network."""
    port, token = _free_port(), secrets.token_hex(16)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"),
            *(f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"),
            f"--ServerApp.root_dir={folder}",
        ]
        with open(Path(folder) / "log", "w+", encoding="utf-8") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
            try:
                while not _answers(port, token):
                    if process.poll() is not None or time.monotonic() - start > SERVER_SECONDS:
                        log.seek(0)
                        raise NotReady(say("preflight.server.dead", log=log.read()[-500:].strip()))
                    time.sleep(0.2)
            finally:
                process.terminate()
                process.wait(10)
    return say("preflight.server.ok", seconds=f"{time.monotonic() - start:.0f}")


def _answers(port: int, token: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status?token={token}", timeout=5) as reply:
            return "kernels" in json.load(reply)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _version(parts: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in parts[:2])


CHECKS: tuple[Callable[[Path], str], ...] = (python, packages, lessons, disk, memory, controls, kernel, server)


def report(course: Path, checks: tuple[Callable[[Path], str], ...] = CHECKS) -> tuple[list[str], bool]:
    """A line for each check, and whether all of them passed. One that breaks by itself counts as failed."""
    lines, ready = [], True
    for check in checks:
        try:
            lines.append(say("preflight.line.ok", found=check(course)))
        except NotReady as problem:
            lines.append(say("preflight.line.fault", problem=problem))
            ready = False
        except Exception as problem:
            name = check.__name__
            lines.append(say("preflight.line.broken", check=name, kind=type(problem).__name__, problem=problem))
            ready = False
    return lines, ready


def main() -> int:
    """Print the report; the status is 0 when the machine is ready."""
    start = time.monotonic()
    lines, ready = report(Path.cwd())
    print("\n".join(lines))
    seconds = f"{time.monotonic() - start:.0f}"
    print(say("preflight.ready" if ready else "preflight.not_ready", seconds=seconds))
    return 0 if ready else 1


if __name__ == "__main__":
    sys.exit(main())
