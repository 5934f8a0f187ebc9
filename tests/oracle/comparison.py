"""What the scripts beside it share: a result for each case, the options of a script, and the line that it ends with.

A script names its kind of case and has one function, `cases`, which measures with a real library, asks vram the same
and yields what came of it. Everything that differs is printed; the last line counts. The exit status is 1 if a case
differs that is not expected to, or one that is expected to does not.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

logging.disable(logging.WARNING)
warnings.simplefilter("ignore")

#: Peaks agree within this share: allocators and memory trackers round.
TOLERANCE = 0.02


class Result(NamedTuple):
    """One case: what differs, "" for nothing; or why the real library does not run it."""

    case: str
    difference: str = ""
    refused: str = ""


class Scope(NamedTuple):
    """How much to try: `everything` or the part that takes seconds; `only` some families; random cases by `seed`."""

    everything: bool = False
    seed: int = 0
    random: int | None = None
    only: tuple[str, ...] = ()

    def count(self, few: int, many: int) -> int:
        """How many random cases: those asked for, else few or many."""
        return self.random if self.random is not None else many if self.everything else few


Cases = Callable[[Scope], Iterator[Result]]


def equal(case: str, ours: Any, real: Any) -> Result:
    """The result of two numbers that must be equal."""
    return Result(case, "" if ours == real else f"vram {_number(ours)}, measured {_number(real)}")


def equal_tensors(case: str, ours: Mapping[str, Any], real: Mapping[str, Any]) -> Result:
    """The result of two tables name → shape that must be equal; the first names that differ are told."""
    names = [name for name in sorted({*ours, *real}) if ours.get(name) != real.get(name)]
    return Result(case, "; ".join(f"{name}: vram {ours.get(name)}, real {real.get(name)}" for name in names[:4]))


def close(case: str, ours: Mapping[str, int], real: Mapping[str, int]) -> Result:
    """The result of figures by phase that must agree within the tolerance."""
    far = [phase for phase, nbytes in real.items() if abs(ours[phase] / nbytes - 1) > TOLERANCE]
    told = (f"{phase}: vram {ours[phase]:,}, measured {real[phase]:,} ({ours[phase] / real[phase] - 1:+.2%})"
            for phase in far)  # fmt: skip
    return Result(case, "; ".join(told))


def refused(case: str, error: Exception) -> Result:
    """The result of a case that the real library does not run, whatever it raised."""
    return Result(case, refused=f"{type(error).__name__} {str(error)[:100]!r}")


def parser(doc: str) -> argparse.ArgumentParser:
    """The options that every script has."""
    options = argparse.ArgumentParser(description=doc.splitlines()[0])
    options.add_argument("only", nargs="*", help="families to try at random; all by default")
    options.add_argument("--all", action="store_true", dest="everything", help="also what takes minutes")
    options.add_argument("--random", type=int, help="random cases of each family")
    options.add_argument("--seed", type=int, default=0, help="other random cases")
    options.add_argument("--verbose", action="store_true", help="print each case, also where nothing differs")
    return options


def scope_of(options: argparse.Namespace) -> Scope:
    """What the options ask for."""
    return Scope(options.everything, options.seed, options.random, tuple(options.only))


def report(kind: str, results: Iterable[Result], expected: Mapping[str, str] = {}, *, verbose: bool = False) -> int:
    """Print what differs and a line that counts; the exit status.

    expected   case → why it is known to differ
    """
    start, tried, wrong, known, without = time.perf_counter(), 0, 0, 0, 0
    for case, difference, refusal in results:
        if refusal:
            without += 1
            if verbose:
                print(f"{kind}: not run: {refusal}: {case}", flush=True)
            continue
        tried += 1
        if bool(difference) != (case in expected):
            wrong += 1
            print(f"{kind}: DIFFERS: {case}\n    {difference or 'expected to differ, and does not'}", flush=True)
        elif difference:
            known += 1
            print(f"{kind}: differs as expected: {case}\n    {difference}\n    {expected[case]}", flush=True)
        elif verbose:
            print(f"{kind}: equal: {case}", flush=True)
    counts = [f"{tried:>6,} cases", f"{wrong:>3,} differ"]
    counts += [f"{known:,} as expected"] * bool(known) + [f"{without:,} not run by the real library"] * bool(without)
    print(f"{kind:<28} {', '.join(counts)}, {time.perf_counter() - start:.0f} s", flush=True)
    if not tried:
        print(f"{kind}: nothing was compared.")
    return int(wrong > 0 or not tried)


def run(doc: str, kind: str, cases: Cases, expected: Mapping[str, str] = {}) -> None:
    """A script as a program: read the options, compare, end the process with the status."""
    options = parser(doc).parse_args()
    sys.exit(report(kind, cases(scope_of(options)), expected, verbose=options.verbose))


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
