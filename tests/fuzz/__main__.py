"""`make fuzz`: ask many questions, print each finding with the number that repeats it.

    make fuzz                                 100,000 cases on two processes
    make fuzz ARGS="--cases 1000000 --seed 7"
    make fuzz ARGS="--case 4711"              one case again, with all that was asked
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from .case import Outcome, bound_memory, run

BLOCK = 500
KINDS = {"answer": "answered", "refused": "refused", "finding": "findings"}


def block(seed: int, first: int, count: int) -> list[Outcome]:
    """The outcomes of a run of cases."""
    return [run(seed, number) for number in range(first, first + count)]


def main() -> int:
    """The exit status is 1 if there is a finding."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="this case alone, told in full")
    options = parser.parse_args()
    if options.case is not None:
        print(run(options.seed, options.case).told())
        return 0
    start, kinds, findings, slowest = time.perf_counter(), Counter(), [], Outcome(0, "", "")
    firsts = range(0, options.cases, BLOCK)
    with ProcessPoolExecutor(2, initializer=bound_memory) as pool:
        counts = [min(BLOCK, options.cases - first) for first in firsts]
        for outcomes in pool.map(block, [options.seed] * len(firsts), firsts, counts):
            for outcome in outcomes:
                kinds[outcome.kind, outcome.question] += 1
                slowest = max(slowest, outcome, key=lambda one: one.seconds)
                if outcome.kind == "finding":
                    findings.append(outcome)
    for outcome in findings[:40]:
        print(outcome.told(), "\n")
    questions = sorted({question for _, question in kinds})
    for question in questions:
        counts = [f"{kinds[kind, question]:>7,} {word}" for kind, word in KINDS.items()]
        print(f"{question:<28} {' '.join(counts)}")
    print(f"slowest: case {slowest.number}, {slowest.question}, {slowest.seconds:.2f} s")
    seconds = time.perf_counter() - start
    print(f"{options.cases:,} cases, seed {options.seed}, {len(findings):,} findings, {seconds:.0f} s")
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
