"""A class of thirty on a real JupyterHub: `make classroom` runs it and prints what it measured.

    python tests/classroom/run.py [--students 30] [--at-once 4]

Each student logs in, gets the course by an nbgitpuller link from a git remote, opens a lesson (all lessons in turn),
runs every cell, moves every control of the panels, loses the kernel, and writes an answer. Then the teacher changes
the course, everyone follows the link again, and every answer must still be there. Status 1 says that anything failed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from hub import COURSE, Hub, running_hub
from student import Student

LESSONS = sorted(path.stem for path in (COURSE / "notebooks").glob("[0-9][0-9]-*.ipynb"))
BRANCH = "main"
ANSWER = '# an answer of {name}\nanswer = "1 GiB"'
NEWS = "A line that the teacher added.\n"


def remote(folder: Path) -> str:
    """A git remote of the course as it lies here, committed or not."""
    work, bare = folder / "work", folder / "course.git"
    files = _git(COURSE, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, files):
        source = COURSE / name
        if source.is_file():
            target = work / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    _git(work, "init", "-q", "-b", BRANCH)
    _publish(work, "the course")
    _git(folder, "clone", "-q", "--bare", str(work), str(bare))
    _git(work, "remote", "add", "origin", str(bare))
    return f"file://{bare}"


def update(folder: Path) -> None:
    """The teacher publishes a change that touches every lesson."""
    work = folder / "work"
    for lesson in LESSONS:
        path = work / "notebooks" / f"{lesson}.ipynb"
        path.write_text(path.read_text(encoding="utf-8").replace('"# ', '"# New: ', 1), encoding="utf-8")
    (work / "notebooks" / "news.md").write_text(NEWS)
    _publish(work, "news")
    _git(work, "push", "-q", "origin", BRANCH)


def _publish(work: Path, message: str) -> None:
    _git(work, "add", "-A")
    who = ("-c", "user.name=Teacher", "-c", "user.email=teacher@example.org")
    _git(work, *who, "commit", "-q", "-m", message)


def _git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout


async def attend(student: Student, url: str, room: asyncio.Semaphore) -> str:
    """One student's morning; what went wrong, or nothing."""
    async with room:
        try:
            await student.log_in()
            await student.pull(url, BRANCH)
            await student.run_lesson()
            await student.lose_kernel()
            await student.answer(ANSWER.format(name=student.name))
            return ""
        except Exception as problem:
            return f"{student.name}, {student.lesson}: {type(problem).__name__}: {problem}"


async def come_back(student: Student, url: str, room: asyncio.Semaphore) -> str:
    """After the update: the answer is there, and so is what is new. Then the student leaves."""
    async with room:
        try:
            await student.pull(url, BRANCH)
            sources = ["".join(cell["source"]) for cell in (await student.read(student.lesson))["cells"]]
            if ANSWER.format(name=student.name) not in sources:
                return f"{student.name}, {student.lesson}: the answer is gone"
            home = student.hub.homes / student.name / "course" / "notebooks"
            if (home / "news.md").read_text() != NEWS:
                return f"{student.name}: the news did not arrive"
            await student.leave()
            return ""
        except Exception as problem:
            return f"{student.name}, coming back: {type(problem).__name__}: {problem}"


async def hold_class(hub: Hub, folder: Path, students: int, at_once: int) -> tuple[list[Student], list[str]]:
    """All students, `at_once` of them busy at a time; everyone's server stays up until the end of the class."""
    url = remote(folder)
    room = asyncio.Semaphore(at_once)
    everyone = [Student(hub, f"student{n:02}", LESSONS[n % len(LESSONS)]) for n in range(students)]
    faults = await asyncio.gather(*(attend(student, url, room) for student in everyone))
    update(folder)
    present = [student for student, fault in zip(everyone, faults, strict=True) if not fault]
    faults += await asyncio.gather(*(come_back(student, url, room) for student in present))
    return everyone, [fault for fault in faults if fault]


def report(students: list[Student], faults: list[str], at_once: int, seconds: float) -> str:
    """The table of the teacher's pack."""
    failed = {fault.split(",")[0] for fault in faults}
    total = psutil.virtual_memory().total
    system = f"{platform.system()}, Python {platform.python_version()}"
    lessons = len({student.lesson for student in students})
    lines = [
        f"machine: {os.cpu_count()} cores, {total / 2**30:.0f} GiB, {system}",
        f"students: {len(students)}, at once: {at_once}, lessons: {lessons}, {seconds:.0f} s in all",
        f"success: {100 * (len(students) - len(failed)) // len(students)} %"
        f" ({sum(s.cells for s in students):,} cells run, {sum(s.moved for s in students):,} controls moved)",
        f"{'':24}{'median':>10}{'p95':>10}{'largest':>10}",
    ]
    for what in ("log in", "pull", "first panel", "run all", "panel move", "kernel back"):
        lines.append(_row(f"{what}, s", [s.times[what] for s in students if what in s.times], 1, 2))
    for what in ("server", "kernel"):
        lines.append(_row(f"{what}, MiB", [s.memory[what] for s in students if what in s.memory], 2**20, 0))
    both = [sum(s.memory.values()) for s in students if s.memory]
    lines.append(_row("server + kernel, MiB", both, 2**20, 0))
    return "\n".join(lines + [f"FAULT {fault}" for fault in faults])


def _row(name: str, values: Sequence[float], unit: int, digits: int) -> str:
    if not values:
        return f"{name:24}{'-':>10}"
    ordered = sorted(values)
    picked = (ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)], ordered[-1])
    return f"{name:24}" + "".join(f"{value / unit:>10.{digits}f}" for value in picked)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--at-once", type=int, default=2 * (os.cpu_count() or 1), help="busy at the same time")
    options = parser.parse_args(arguments)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_hub(folder) as hub:
            students, faults = asyncio.run(hold_class(hub, folder, options.students, options.at_once))
    print(report(students, faults, options.at_once, time.monotonic() - start))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
