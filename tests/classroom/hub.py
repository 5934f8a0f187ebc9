"""A real JupyterHub on loopback for one run: students without passwords, each in a folder of their own."""

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
from typing import Any

HERE = Path(__file__).resolve().parent
COURSE = HERE.parent.parent
PROXY = HERE / "node_modules" / ".bin" / "configurable-http-proxy"
START_SECONDS = 90

# What the hub reads. The service's token may create students, start their servers and act for them.
_CONFIG = """
c = get_config()
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.ConfigurableHTTPProxy.command = [{node!r}, {proxy!r}]
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {home!r}
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.Spawner.cmd = [{python!r}, "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--allow-root"]
c.Spawner.environment = {{"PYTHONPATH": {lib!r}}}
c.Spawner.start_timeout = 300
c.Spawner.http_timeout = 300
c.JupyterHub.concurrent_spawn_limit = 0
c.JupyterHub.services = [{{"name": "class", "api_token": {token!r}}}]
c.JupyterHub.load_roles = [{{"name": "class", "services": ["class"],
                             "scopes": ["admin:users", "admin:servers", "access:servers", "tokens"]}}]
"""


@dataclass(frozen=True)
class Hub:
    """A running hub: its address, the token that may do everything, the folder of the students."""

    address: str
    token: str
    homes: Path

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the hub's REST API; the answer as JSON, None where there is none."""
        request = urllib.request.Request(
            f"{self.address}/hub/api{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=60) as reply:
            text = reply.read()
        return json.loads(text) if text else None


@contextmanager
def running_hub(folder: Path) -> Iterator[Hub]:
    """Start the hub and its proxy in `folder`; stop them and all students' servers at the end."""
    if not PROXY.exists():
        raise SystemExit("configurable-http-proxy is not installed: `make classroom` does it (npm ci)")
    port, hub_port, proxy_port = _free_ports(3)
    hub = Hub(f"http://127.0.0.1:{port}", secrets.token_hex(32), folder / "homes")
    config = folder / "jupyterhub_config.py"
    node = shutil.which("node")
    config.write_text(
        _CONFIG.format(
            port=port,
            hub_port=hub_port,
            proxy_port=proxy_port,
            node=node,
            proxy=str(PROXY.resolve()),
            home=str(hub.homes / "{username}"),
            token=hub.token,
            python=sys.executable,
            lib=str(COURSE / "lib"),
        )
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "IPYTHON"))}
    log = folder / "hub.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "--config", str(config)],
            cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            _wait(hub, process, log)
            yield hub
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(hub: Hub, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            hub.call("GET", "/")
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise SystemExit(f"JupyterHub did not start:\n{log.read_text()[-2000:]}")


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
