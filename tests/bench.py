"""How quick is the course? `make bench` measures what a learner waits for and sets it beside its bar.

`make bench ARGS=--quick` leaves out the lessons and the test suite, which take minutes.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import psutil

from vram.teach.authoring.files import course_notebooks, loads
from vram.teach.authoring.notebooks import client_for, isolate, run_cells

COURSE = Path(__file__).parent.parent
GRID = 1_000_000
ESTIMATOR = COURSE / ".venv-verify" / "bin" / "python"
OFFLINE = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
MIB = 2**20


class Measured(NamedTuple):
    """One row of the table. `bar` is the largest value allowed, `least` the smallest, None where any will do."""

    what: str
    value: float
    unit: str
    bar: float | None = None
    least: float | None = None

    @property
    def missed(self) -> bool:
        """The target is not met."""
        return (self.bar is not None and self.value > self.bar) or (self.least is not None and self.value < self.least)

    def verdict(self) -> str:
        """The target and whether it is met."""
        if self.bar is None and self.least is None:
            return ""
        target = f"≤ {self.bar:,g}" if self.least is None else f"≥ {self.least:,g}"
        return f"{'MISSED' if self.missed else 'met'}: {target} {self.unit}"


def seconds(call: Callable[[], Any], enough: float = 0.5) -> float:
    """Median time of one call, over as many calls as half a second holds; the first, which loads, is not counted.

    What runs inside this process is measured in seconds of its processor: others on the machine do not count.
    """
    call()
    times: list[float] = []
    while sum(times) < enough or len(times) < 3:
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return statistics.median(times)


# What one call of the library costs in a process that has loaded it. A new case is one function in `cases`.


def one_total() -> Callable[[], Any]:
    import vram

    arch = vram.models["llama-2-7b"]
    return lambda: vram.weights(arch).numel


def one_timeline() -> Callable[[], Any]:
    import vram

    arch = vram.models["llama-2-7b"]
    return lambda: vram.training(arch, lora=16, base="nf4").peak


def grid_of_totals() -> Callable[[], Any]:
    import numpy as np

    import vram

    heads = 1 + np.arange(GRID) % 1000
    layers = 1 + np.arange(GRID) // 1000
    arch = vram.Architecture(
        "llama", hidden_size=128 * heads, num_attention_heads=heads, num_hidden_layers=layers,
        intermediate_size=344 * heads,
    )  # fmt: skip
    return lambda: vram.weights(arch).numel


def derivation() -> Callable[[], Any]:
    import vram

    arch = vram.models["gpt2"].symbolic()
    return lambda: vram.weights(arch).numel


def calls() -> Iterator[Measured]:
    total = seconds(one_total())
    yield Measured("one total (parameters of Llama 2 7B)", 1e6 * total, "µs", 100)
    yield Measured("totals in a second", 1 / total, "/s")
    yield Measured("timelines in a second (QLoRA on Llama 2 7B)", 1 / seconds(one_timeline()), "/s")
    yield Measured("totals of a million configurations, a NumPy grid", seconds(grid_of_totals()), "s", 2)
    yield Measured("one derivation in symbols (GPT-2)", 1e3 * seconds(derivation()), "ms")


# The same question put to accelerate's estimator, in the environment of `make verify`: bytes of Llama 3 8B in FP32.

OURS = "import sys, vram; print(vram.weights(vram.Architecture.from_config(sys.argv[1]), dtype='fp32').nbytes)"


def cold(command: list[str], runs: int) -> tuple[float, str]:
    """Seconds from the start of a process to its end, the best of some runs, and what it printed."""
    best, output = float("inf"), ""
    for _ in range(runs):
        start = time.perf_counter()
        output = subprocess.run(command, check=True, capture_output=True, text=True, env=OFFLINE).stdout
        best = min(best, time.perf_counter() - start)
    return best, output


def side_by_side() -> Iterator[Measured]:
    import vram

    config = {**vram.models.entries()["llama-3-8b"]["config"], "architectures": ["LlamaModel"]}  # it builds no head
    further = seconds(lambda: vram.weights(vram.Architecture.from_config(config), dtype="fp32").nbytes)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        ours, answer = cold([sys.executable, "-c", OURS, str(path)], runs=5)
        yield Measured("Llama 3 8B: vram, from the start of a process", ours, "s", 0.15)
        yield Measured("Llama 3 8B: vram, each further answer", 1e6 * further, "µs")
        if not ESTIMATOR.exists():
            print("accelerate is not installed: make verify installs it, then it is measured here too")
            return
        script = str(COURSE / "tests" / "oracle" / "estimate.py")
        theirs, _ = cold([str(ESTIMATOR), script, folder], runs=2)
        told = json.loads(cold([str(ESTIMATOR), script, folder, "5"], runs=1)[1].splitlines()[-1])
    if told["nbytes"] - told["buffers"] != int(answer):  # it counts the angles of rotary positions too
        raise SystemExit(f"vram says {int(answer):,} B, accelerate {told['nbytes']:,} B")
    each = statistics.median(told["seconds"])
    yield Measured("Llama 3 8B: accelerate, from the start of a process", theirs, "s")
    yield Measured("Llama 3 8B: accelerate, each further answer", 1e3 * each, "ms")
    yield Measured("vram is faster from the start of a process", theirs / ours, "×")
    yield Measured("vram is faster in each further answer", each / further, "×", least=1000)


# What a learner waits for when a control moves: from the new value to the new page, in the kernel. It may take a sixth
# of the 60 ms from key press to picture, which `make latency` measures; the browser needs the rest.


def panels() -> Iterator[Measured]:
    from vram import show

    for name in (name for name in show.__all__ if name.endswith("_panel")):
        panel = getattr(show, name)()
        panel.widget  # noqa: B018  (made when first shown, and not again)
        moves = [(control, value) for control in panel.controls for value in control.values]
        times = []
        for control, value in ((c, v) for c, v in moves if v != c.default):
            for target in (value, control.default):
                start = time.process_time()
                panel.set(**{control.name: target})
                times.append(time.process_time() - start)
        yield Measured(f"{name}: one control moves", 1e3 * statistics.median(times), "ms", 10)
        yield Measured(f"{name}: the slowest of {len(times)} moves", 1e3 * max(times), "ms")


def charts() -> Iterator[Measured]:
    from vram import show

    for draw in (show.linear_share, show.llama_table, show.waterfall, show.bytes_per_parameter, show.finetune_bars):
        picture = seconds(lambda draw=draw: show.figure(draw()))
        yield Measured(f"{draw.__name__}: one picture", 1e3 * picture, "ms")


# What a new process waits for: the first answer after `import vram`.

CLOCK = """
import time, psutil
used = psutil.Process().memory_info
before, start = used().rss, time.perf_counter()
{code}
print(time.perf_counter() - start, used().rss - before)
"""


def fresh(code: str, runs: int = 5) -> tuple[float, float]:
    """Seconds and bytes that the code costs in a fresh interpreter; the best of some runs, since others disturb."""
    command = [sys.executable, "-c", CLOCK.format(code=code)]
    outputs = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(runs)]
    pairs = [tuple(map(float, output.split())) for output in outputs]
    return min(time for time, _ in pairs), min(size for _, size in pairs)


def imports() -> Iterator[Measured]:
    for what, code, bar in (
        ("import vram", "import vram", 0.15),
        ("import vram and one total", "import vram; vram.weights(vram.models['llama-2-7b']).numel", 0.15),
        ("import vram and one formula", "import vram; vram.weights(vram.models['gpt2'].symbolic()).numel", None),
    ):
        duration, size = fresh(code)
        yield Measured(what, 1e3 * duration, "ms", bar and 1e3 * bar)
        yield Measured(f"{what}: memory", size / MIB, "MiB")


# What a lesson and the whole suite take.


def lessons() -> Iterator[Measured]:
    isolate(COURSE / ".cache")
    for path in course_notebooks(COURSE):
        name = path.relative_to(COURSE).as_posix()
        client = client_for(loads(path.read_text(encoding="utf-8")), path.parent)
        start = time.perf_counter()
        with client.setup_kernel():
            run_cells(client)
            duration = time.perf_counter() - start
            memory = psutil.Process(client.km.provisioner.pid).memory_info().rss
        yield Measured(name, duration, "s", 10)
        yield Measured(f"{name}: memory of the kernel", memory / MIB, "MiB", 200)


def suite() -> Iterator[Measured]:
    start = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile"]
    run = subprocess.run(command, cwd=COURSE, capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(run.stdout)
    yield Measured("the whole test suite on two cores", time.perf_counter() - start, "s", 180)


def main() -> int:
    """Print the table; the exit status tells whether every bar is held."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave out lessons and test suite")
    options = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    parts = [imports, calls, side_by_side, panels, charts]
    if not options.quick:
        parts += [lessons, suite]
    missed = 0
    for row in (row for part in parts for row in part()):
        missed += row.missed
        number = f"{row.value:,.0f}" if row.value >= 100 else f"{row.value:.3g}"
        print(f"{row.what:<62} {number:>12} {row.unit:<4} {row.verdict()}".rstrip(), flush=True)
    return min(missed, 1)


if __name__ == "__main__":
    raise SystemExit(main())
