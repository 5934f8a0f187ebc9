"""How does `make lab` start JupyterLab: on which page, with a browser or without, as root or not?"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def has_desktop(platform: str, environ: Mapping[str, str]) -> bool:
    """Whether a browser can open here. Linux tells in its environment; macOS and Windows always can."""
    return not platform.startswith("linux") or bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def first_page(course: Path) -> str:
    """The page to open: the first lesson, or the folder of lessons while it is empty."""
    lessons = sorted(path.name for path in (course / "notebooks").glob("[0-9][0-9]-*.ipynb"))
    return "/".join(["/lab/tree/notebooks", *lessons[:1]])


def lab_options(page: str, desktop: bool, root: bool) -> list[str]:
    """Options of `jupyter lab`. Without a desktop it prints its address; root must ask twice to run a server.

    >>> lab_options("/lab/tree/notebooks", desktop=False, root=False)
    ['--LabApp.default_url=/lab/tree/notebooks', '--no-browser']
    """
    options = [f"--LabApp.default_url={page}"]
    if not desktop:
        options.append("--no-browser")
    if root:
        options.append("--allow-root")
    return options


def main(extra: Sequence[str]) -> None:
    """Replace this process by JupyterLab in the course's folder."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    options = lab_options(first_page(Path.cwd()), has_desktop(sys.platform, os.environ), root)
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", *options, *extra])


if __name__ == "__main__":
    main(sys.argv[1:])
