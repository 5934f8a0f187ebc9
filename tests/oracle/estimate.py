"""How long does accelerate's estimator take? For `make bench`: a config.json in a folder, no network.

    estimate.py FOLDER           prints its bytes
    estimate.py FOLDER TIMES     also those of its buffers, and the seconds of so many further answers

The estimator builds the model on the meta device and adds up its modules: `accelerate estimate-memory` without the
Hub, which it asks whether the model exists.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from accelerate.commands import estimate
from accelerate.utils import calculate_maximum_sizes


def answer(folder: str) -> int:
    """Bytes of the model in FP32."""
    return calculate_maximum_sizes(estimate.create_empty_model(folder, "transformers"))[0]


def main(folder: str, times: str = "") -> None:
    """Answer once; then, if asked to, so many times more, with the clock running."""
    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    estimate.verify_on_hub = lambda *_: SimpleNamespace(config=config, library_name="transformers")
    nbytes, seconds = answer(folder), []
    if not times:
        print(nbytes)
        return
    for _ in range(int(times)):
        start = time.process_time()
        answer(folder)
        seconds.append(time.process_time() - start)
    buffers = sum(b.nbytes for b in estimate.create_empty_model(folder, "transformers").buffers())
    print(json.dumps({"nbytes": nbytes, "buffers": buffers, "seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
