"""`make verify`: is all that the library counts still what the real libraries measure? One line for each kind.

    make verify                         what takes some minutes
    make verify ARGS=--all              every row of every fixture, more random models, large peaks with fake tensors
    make verify ARGS="params --seed 5"  one script with its own options

Each script is a process of its own, two at a time: some change what the others measure, and torch holds what it once
took. The exit status is 1 if anything differs.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent

#: The scripts, those that take longest first.
SCRIPTS = (
    "activations", "params", "lora", "peak", "prefill", "flops", "kv", "optimizers", "quant", "optimizer_step",
    "gpu_peak",
)  # fmt: skip

#: A script that hangs is ended, the others are still reported.
SECONDS = 3600


def verify(script: str, options: Sequence[str]) -> tuple[int, str]:
    """The exit status of a script and what it printed; its standard error only if it broke."""
    command = [sys.executable, str(HERE / f"{script}.py"), *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return 1, f"{script}: ended after {SECONDS:,} s\n"
    broken = done.returncode and "Traceback" in done.stderr
    return done.returncode, done.stdout + (f"{script} broke:\n{done.stderr}" if broken else "")


def versions() -> str:
    """The libraries that are compared with."""
    names = ("torch", "transformers", "peft", "bitsandbytes", "torchao", "gguf")
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)


def main(arguments: Sequence[str]) -> int:
    """Run the scripts and print their output as they end."""
    if arguments and arguments[0] in SCRIPTS:
        script, *options = arguments
        return subprocess.run([sys.executable, str(HERE / f"{script}.py"), *options], check=False).returncode
    start, differ = time.perf_counter(), 0
    print(versions(), flush=True)
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for status, output in pool.map(lambda script: verify(script, arguments), SCRIPTS):
            differ += status != 0
            print(output, end="", flush=True)
    verdict = f"{differ} of {len(SCRIPTS)} kinds differ" if differ else "nothing differs"
    print(f"{verdict}, {time.perf_counter() - start:.0f} s in all")
    return int(differ > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
