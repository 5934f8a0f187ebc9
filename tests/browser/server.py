"""A JupyterLab of its own for the tests: free port, random token, settings and notebooks that are thrown away."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from surroundings import NOTEBOOKS, ROOT

START_SECONDS = 60
STOP_SECONDS = 15


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab."""

    port: int
    token: str

    def address(self, notebook: str) -> str:
        """Opens one notebook in a workspace without memory of other tests."""
        return f"http://127.0.0.1:{self.port}/lab/tree/{notebook}?token={self.token}&reset"

    def answers(self) -> bool:
        """True when the server is up and accepts the token."""
        address = f"http://127.0.0.1:{self.port}/api/status?token={self.token}"
        try:
            with urllib.request.urlopen(address, timeout=5) as reply:
                return reply.status == 200
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def running_lab(folder: Path) -> Iterator[Lab]:
    """Start JupyterLab on a copy of the notebooks inside `folder`; stop it, kernels included, at the end."""
    shutil.copytree(NOTEBOOKS, folder / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    # Lesson 14 reads measured rows where a checkout has them, beside the notebooks.
    shutil.copytree(ROOT / "tests" / "fixtures", folder / "tests" / "fixtures")
    lab = Lab(port=_free_port(), token=secrets.token_hex(16))
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={lab.port}", "--ServerApp.port_retries=0"),
        *(f"--ServerApp.root_dir={folder / 'notebooks'}", f"--IdentityProvider.token={lab.token}"),
        "--LabApp.expose_app_in_browser=True",  # a test changes the theme by its command
    ]
    log = folder / "jupyterlab.log"
    with log.open("w") as output:
        server = subprocess.Popen(command, env=_environment(folder), stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait_until_up(lab, server, log)
            yield lab
        finally:
            server.terminate()
            try:
                server.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _environment(folder: Path) -> dict[str, str]:
    """The environment of a learner who starts for the first time; nothing of the user's own Jupyter is seen."""
    places = ["JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR"]
    places += ["JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR"]
    environment = os.environ | {place: str(folder / place.lower()) for place in places}
    paths = [str(ROOT / "lib"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    # JupyterLab asks once whether it may fetch news; the question would lie over the page.
    answer = folder / "jupyterlab_settings_dir/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    answer.parent.mkdir(parents=True)
    answer.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    return environment


def _wait_until_up(lab: Lab, server: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not lab.answers():
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"JupyterLab did not start within {START_SECONDS} s:\n{log.read_text()[-3000:]}")
        time.sleep(0.2)
