"""The search for what fits, beside the kernel's other work: a control that moves is answered first."""

from __future__ import annotations

import sys
from collections.abc import Callable
from threading import Event, Thread

from ...ledger.errors import VramError
from . import page
from .ask import Stopped
from .state import State

#: Seconds without a move before a search begins: nobody reads the advice for a state that is passed over.
PAUSE = 0.15
_MOST_KEPT = 64


class Search:
    """Hands `show` the advice for the state that was started last; a newer state ends the search for an older one."""

    def __init__(self, show: Callable[[str], None]):
        self._show, self._stop = show, Event()
        self._found: dict[State, str] = {}

    def start(self, state: State) -> None:
        """Show the advice for a state: at once where it is known, or where no page is waiting."""
        self._stop.set()
        self._stop = stop = Event()
        if state in self._found or not serves_a_page():
            self._show(self._advice(state, stop))
            return
        Thread(target=self._run, args=(state, stop), daemon=True).start()

    def _run(self, state: State, stop: Event) -> None:
        if stop.wait(PAUSE):
            return
        try:
            found = self._advice(state, stop)
        except Stopped:
            return
        if not stop.is_set():
            self._show(found)

    def _advice(self, state: State, stop: Event) -> str:
        if state not in self._found:
            try:
                found = page.advice(state, stop.is_set)
            except VramError as problem:
                found = page.no_advice(problem)
            if len(self._found) >= _MOST_KEPT:
                self._found.clear()
            self._found[state] = found
        return self._found[state]


def serves_a_page() -> bool:
    """Whether this process is a kernel: elsewhere nobody waits, and threads may not even exist."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None and sys.platform != "emscripten"
