"""One case: a config, a question and options, all from one number; and what came of it."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import vram
from vram.ledger.errors import brief

from . import configs, questions
from .answers import check

#: Of the processor: a question that takes longer does not end in reasonable time, however busy the machine is.
SECONDS = 10
MEMORY = 2**31
#: An error is read by a person.
LONGEST_MESSAGE = 6000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case: an answer, a refusal, or a finding."""

    number: int
    question: str
    kind: str
    seconds: float = 0.0
    asked: str = ""
    found: str = ""

    def told(self) -> str:
        """All that is needed to see it again."""
        return f"case {self.number}: {self.kind}: {self.question}\n  {self.asked}\n  {self.found}"


def run(seed: int, number: int) -> Outcome:
    """One case from its number: the same one on every machine."""
    random = Random(f"{seed} {number}")
    config, question, asked = configs.draw(random), "from_config", ""
    start = time.process_time()

    def outcome(kind: str, found: str = "") -> Outcome:
        return Outcome(number, question, kind, time.process_time() - start, f"{brief(config, 600)}\n  {asked}", found)

    must_fail = None
    try:
        with time_limit(SECONDS):
            arch = vram.Architecture.from_config(config)
            drawn = questions.draw(random, arch)
            question = drawn.question.name
            subject = drawn.question.subject(random, arch)
            must_fail = drawn.must_fail  # only from here on: the subject's own error says nothing of the option
            asked = f"{question}({brief(subject, 300)}, {_shown(drawn.options)})"
            subjects = subject if isinstance(subject, questions.Arguments) else (subject,)
            answer = drawn.question.ask(*subjects, **drawn.options)
            check(answer)
    except vram.VramError as error:
        message = str(error)
        if len(message) > LONGEST_MESSAGE or ": " not in message:
            return outcome("finding", f"an error that is no sentence about a field: {message[:300]!r}")
        if must_fail and _misspelt(must_fail, drawn) and not drawn.question.hands_on and "Did you mean" not in message:
            return outcome("finding", f"{must_fail} is not an option, and that is not said: {message[:300]!r}")
        return outcome("refused", message[:300])
    except MemoryError:
        return outcome("finding", "memory is not bounded")
    except Exception as error:  # anything else is what this looks for
        place = _place(error)
        return outcome("finding", f"{type(error).__name__}: {str(error)[:300]} ({place})")
    if must_fail:
        value = drawn.options[must_fail]
        return outcome("finding", f"{must_fail}={brief(value)} was accepted: {brief(answer, 200)}")
    return outcome("answer", brief(answer, 300))


def _misspelt(name: str, drawn: questions.Drawn) -> bool:
    return name not in drawn.question.options()


def _shown(options: Any) -> str:
    return ", ".join(f"{name}={brief(value, 120)}" for name, value in options.items())


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}" if trace else ""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Ends what computes longer with a TimeoutError; where there is no such alarm (Windows), nothing is limited."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def ring(*_: Any) -> None:
        raise TimeoutError(f"took longer than {seconds} s")

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def bound_memory(most: int = MEMORY) -> None:
    """Lets this process have so many bytes of addresses and no more, where the system can do that."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))
    except (ImportError, ValueError, OSError):
        pass
