"""Listens to a browser window: which requests left home, which errors did the page report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page

# Addresses that are part of the page itself.
_INLINE = {"data", "blob", "about"}


@dataclass
class Watch:
    """What a window did since it was opened."""

    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def assert_quiet(self) -> None:
        assert not self.foreign, f"requests left the machine: {self.foreign}"
        assert not self.errors, f"the browser's console reports: {self.errors}"


@dataclass(frozen=True)
class Opened:
    """A lesson after Run All Cells, or a deck, in a window that is watched."""

    name: str
    page: Page
    watch: Watch


def on_this_machine(url: str) -> bool:
    """True for addresses of the local test server."""
    return urlsplit(url).hostname == "127.0.0.1"


def on_this_disk(url: str) -> bool:
    """True for files opened without a server."""
    return urlsplit(url).scheme == "file"


def watch(context: BrowserContext, is_home: Callable[[str], bool]) -> Watch:
    """Note every request (of web sockets, too) that is not `is_home`, every console error, every exception."""
    seen = Watch()

    def request(url: str) -> None:
        if urlsplit(url).scheme not in _INLINE and not is_home(url):
            seen.foreign.append(url)

    context.on("request", lambda sent: request(sent.url))
    context.on("page", lambda page: page.on("websocket", lambda socket: request(socket.url)))
    context.on("console", lambda said: said.type == "error" and seen.errors.append(said.text))
    context.on("weberror", lambda thrown: seen.errors.append(str(thrown.error)))
    return seen
