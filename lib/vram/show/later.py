"""What can wait until a reader has seen the answer? Work that is done a moment later, if nothing newer has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

#: Seconds: longer than two presses on a key that is held down are apart.
PAUSE = 0.1


class Later:
    """One piece of work that waits for its moment; a newer one takes its place.

    Where no event loop runs, as in a test, nobody waits: the work is done at once.
    """

    def __init__(self) -> None:
        self._waiting: asyncio.TimerHandle | None = None

    def do(self, work: Callable[[], None]) -> None:
        """Do this instead of what still waits."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            work()
        else:
            self._waiting = loop.call_later(PAUSE, work)
