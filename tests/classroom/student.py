"""One student: logs in, gets the course, opens a lesson, runs all cells, moves panels, loses a kernel, keeps an answer.

Everything goes through the doors that a browser uses: the hub's and the server's REST API, the kernel's web socket, and
the comm channel over which ipywidgets talk.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import psutil
from hub import Hub
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

FOLDER = "course"
SECONDS = 300
_MOVABLE = ("DropdownModel", "CheckboxModel")


class Failed(Exception):
    """Something that a student would have called broken."""


@dataclass
class Student:
    """A student of the class and what happened to them; times in seconds, memory in bytes."""

    hub: Hub
    name: str
    lesson: str
    times: dict[str, float] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    token: str = ""
    cells: int = 0
    moved: int = 0

    async def log_in(self) -> None:
        """Create the account, start the server, wait until it answers."""
        start = time.monotonic()
        await asyncio.to_thread(self.hub.call, "POST", f"/users/{self.name}")
        found = await asyncio.to_thread(self.hub.call, "POST", f"/users/{self.name}/tokens", {"note": "class"})
        self.token = found["token"]
        await asyncio.to_thread(self.hub.call, "POST", f"/users/{self.name}/server")
        while (
            not (await asyncio.to_thread(self.hub.call, "GET", f"/users/{self.name}"))["servers"]
            .get("", {})
            .get("ready")
        ):
            self._late(start, "the server")
            await asyncio.sleep(0.3)
        self.times["log in"] = time.monotonic() - start

    async def pull(self, remote: str, branch: str) -> None:
        """Open an nbgitpuller link: get the course, or its newest state."""
        start = time.monotonic()
        query = urlencode({"repo": remote, "branch": branch, "targetpath": FOLDER})
        said: list[str] = []
        await self._get(f"git-pull/api?{query}", lambda chunk: said.append(chunk.decode()))
        phases = [json.loads(line[6:]) for line in "".join(said).splitlines() if line.startswith("data: ")]
        if not phases or phases[-1].get("phase") != "finished":
            raise Failed(f"nbgitpuller: {phases[-1:]}")
        self.times.setdefault("pull", time.monotonic() - start)

    async def run_lesson(self) -> None:
        """Open the lesson and run every cell; the first panel is timed from the moment of opening."""
        start = time.monotonic()
        notebook = await self.read(self.lesson)
        kernel = await self.open(self.lesson)
        async with Kernel(self, kernel) as live:
            for cell in notebook["cells"]:
                if cell["cell_type"] == "code" and "skip-execution" not in cell["metadata"].get("tags", []):
                    await live.execute("".join(cell["source"]))
                    self.cells += 1
                    if live.panels and "first panel" not in self.times:
                        self.times["first panel"] = time.monotonic() - start
            self.times["run all"] = time.monotonic() - start
            await self.move_panels(live)
            self._weigh(kernel)

    async def move_panels(self, live: Kernel) -> None:
        """Move every drop-down list and check box to another value and wait for the panel to follow."""
        waits = []
        for comm, state in list(live.controls.items()):
            start = time.monotonic()
            if await live.move(comm, state):
                waits.append(time.monotonic() - start)
                self.moved += 1
        if waits:
            self.times["panel move"] = sorted(waits)[len(waits) // 2]

    async def lose_kernel(self) -> None:
        """The kernel dies; the server starts another one, in which the lesson's library works again."""
        kernel = await self.open(self.lesson)
        dead = self._kernels()
        for pid in dead:
            psutil.Process(pid).kill()
        start = time.monotonic()
        while self._kernels() <= dead:
            self._late(start, "another kernel")
            await asyncio.sleep(0.3)
        async with Kernel(self, kernel) as live:
            await live.execute("import vram; assert vram.weights(vram.models['gpt2']).numel > 0")
        self.times["kernel back"] = time.monotonic() - start

    async def answer(self, text: str) -> None:
        """Write something into the lesson and save it."""
        notebook = await self.read(self.lesson)
        cell = next(
            cell for cell in notebook["cells"] if cell["cell_type"] == "code" and "None" in "".join(cell["source"])
        )
        cell["source"] = text
        await self._json(
            "PUT", f"api/contents/{quote(self.path(self.lesson))}", {"type": "notebook", "content": notebook}
        )

    async def read(self, lesson: str) -> dict[str, Any]:
        """The lesson as it lies in the student's folder now."""
        return (await self._json("GET", f"api/contents/{quote(self.path(lesson))}"))["content"]

    async def open(self, lesson: str) -> str:
        """The id of the kernel of a lesson; opens the lesson where it is closed."""
        path = self.path(lesson)
        body = {"path": path, "type": "notebook", "name": lesson, "kernel": {"name": "python3"}}
        return (await self._json("POST", "api/sessions", body))["kernel"]["id"]

    async def leave(self) -> None:
        """Stop the server."""
        await asyncio.to_thread(self.hub.call, "DELETE", f"/users/{self.name}/server")

    def path(self, lesson: str) -> str:
        return f"{FOLDER}/notebooks/{lesson}.ipynb"

    def _processes(self) -> list[psutil.Process]:
        """The student's server and its kernels."""
        for process in psutil.process_iter(["cmdline"]):
            try:
                if process.environ().get("JUPYTERHUB_USER") == self.name and "singleuser" in " ".join(
                    process.info["cmdline"] or ()
                ):
                    return [process, *process.children(recursive=True)]
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        raise Failed("the server's process is gone")

    def _kernels(self) -> set[int]:
        """The processes of kernels that run: one that was killed is a zombie until the server has noticed."""
        found = set()
        for process in self._processes():
            try:
                if "ipykernel" in " ".join(process.cmdline()):
                    found.add(process.pid)
            except (psutil.ZombieProcess, psutil.NoSuchProcess):
                continue
        return found

    def _weigh(self, kernel: str) -> None:
        """Memory that would be free without this student: pages that no other process shares."""
        server, *kernels = self._processes()
        self.memory["server"] = server.memory_full_info().uss
        self.memory["kernel"] = sum(process.memory_full_info().uss for process in kernels)

    def _late(self, start: float, what: str) -> None:
        if time.monotonic() - start > SECONDS:
            raise Failed(f"{what} did not come within {SECONDS} s")

    async def _json(self, method: str, path: str, body: Any = None) -> Any:
        request = self._request(path, method=method, body=None if body is None else json.dumps(body))
        try:
            reply = await AsyncHTTPClient().fetch(request)
        except HTTPClientError as problem:
            raise Failed(f"{method} {path}: {problem}") from None
        return json.loads(reply.body)

    async def _get(self, path: str, chunk: Callable[[bytes], None]) -> None:
        await AsyncHTTPClient().fetch(self._request(path, streaming_callback=chunk))

    def _request(self, path: str, **options: Any) -> HTTPRequest:
        return HTTPRequest(
            f"{self.hub.address}/user/{self.name}/{path}", headers={"Authorization": f"token {self.token}"},
            connect_timeout=SECONDS, request_timeout=SECONDS, **options,
        )  # fmt: skip


class Kernel:
    """The web socket of a kernel: executes cells, notices panels, moves their controls."""

    def __init__(self, student: Student, id: str):
        self._student, self._id = student, id
        self._session = uuid.uuid4().hex
        self._socket: WebSocketClientConnection
        self.controls: dict[str, dict[str, Any]] = {}  # comm → state
        self.panels: set[str] = set()  # comms of the outputs of panels

    async def __aenter__(self) -> Kernel:
        address = self._student.hub.address.replace("http", "ws", 1)
        url = f"{address}/user/{self._student.name}/api/kernels/{self._id}/channels?session_id={self._session}"
        request = HTTPRequest(url, headers={"Authorization": f"token {self._student.token}"}, connect_timeout=SECONDS)
        self._socket = await websocket_connect(request, max_message_size=2**28)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._socket.close()

    async def execute(self, code: str) -> None:
        """Run one cell to its end; an error of the cell fails the student."""
        sent = self._send(
            "execute_request", {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        )
        while True:
            message = await self._next()
            self._notice(message)
            if message["parent_header"].get("msg_id") != sent:
                continue
            if message["msg_type"] == "error":
                raise Failed(f"{message['content']['ename']}: {message['content']['evalue']} in {code[:60]!r}")
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return

    async def move(self, comm: str, state: dict[str, Any]) -> bool:
        """Choose another option, and wait until some panel has drawn itself anew."""
        if state["_model_name"] == "CheckboxModel":
            change: dict[str, Any] = {"value": not state["value"]}
        elif len(state.get("_options_labels", ())) > 1:
            change = {"index": (state["index"] + 1) % len(state["_options_labels"])}
        else:
            return False
        state.update(change)
        self._send("comm_msg", {"comm_id": comm, "data": {"method": "update", "state": change, "buffer_paths": []}})
        while True:
            message = await self._next()
            data = message["content"].get("data", {})
            follows = message["content"].get("comm_id") in self.panels and "value" in data.get("state", {})
            if message["msg_type"] == "comm_msg" and follows:
                return True

    def _notice(self, message: dict[str, Any]) -> None:
        if message["msg_type"] != "comm_open":
            return
        state = message["content"]["data"].get("state", {})
        if state.get("_model_name") in _MOVABLE:
            self.controls[message["content"]["comm_id"]] = state
        if state.get("_model_name") == "HTMLModel":
            self.panels.add(message["content"]["comm_id"])

    def _send(self, kind: str, content: dict[str, Any]) -> str:
        id = uuid.uuid4().hex
        header = {
            "msg_id": id,
            "msg_type": kind,
            "username": "",
            "session": self._session,
            "version": "5.3",
            "date": "",
        }
        self._socket.write_message(
            json.dumps({"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"})
        )
        return id

    async def _next(self) -> dict[str, Any]:
        text = await asyncio.wait_for(self._socket.read_message(), SECONDS)
        if text is None:
            raise Failed("the kernel's web socket closed")
        message = _binary(text) if isinstance(text, bytes) else json.loads(text)
        return message | {"msg_type": message["header"]["msg_type"]}


def _binary(data: bytes) -> dict[str, Any]:
    """A message with buffers: a table of offsets, then the JSON."""
    count = int.from_bytes(data[:4], "big")
    first, second = (
        (int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in (0, 1)) if count > 1 else (8, len(data))
    )
    return json.loads(data[first:second])
