"""Numbers in the sentences of lesson 11 and its deck, computed."""

import json
from pathlib import Path

import vram
from cases import step_of

SMALL = vram.models["llama-3-8b"]
FIXTURES = Path(__file__).parent.parent / "fixtures"


def errors_of_sums() -> list[float]:
    """What forward leaves plus all gradients, against the measured peak of each step, in percent."""
    found = []
    for case in json.loads((FIXTURES / "peak.json").read_text(encoding="utf-8"))["cases"]:
        config, how = step_of(case)
        if how["attention"] == "eager":
            continue  # the lesson shows the seven with a flash kernel
        step = vram.training(vram.Architecture.from_config(config), **how)
        added = step.after["forward"].nbytes + step.phases["optimizer step"].by("kind")["gradients"].nbytes
        found.append(100 * (added / case["peak"]["Total"] - 1))
    return found


def matching(seq_len: int) -> set[str]:
    """Names of the tensors that print as the logits of 2,048 tokens do."""
    line = f"Tried to allocate {vram.printed_size(4 * 2048 * SMALL.vocab_size)}"
    return {t.name.partition(",")[0] for t in vram.explain_oom(line, SMALL, seq_len=seq_len)}


def context() -> str:
    measured = vram.constants["CUDA context"]
    return f"{measured.least / 2**30:.1f} to {measured.most / 2**30:.1f} GiB"


WEIGHTS = {"model.embed_tokens.weight", "lm_head.weight"}

CLAIMS = [
    ("off by −31 % to +22 %", lambda: f"off by −{-min(errors_of_sums()):.0f} % to +{max(errors_of_sums()):.0f} %"),
    ("two thirds of them", lambda: {0.66: "two thirds of them"}[round(14.73 / 22.27, 2)]),
    ("off by 15", lambda: f"off by {3 * 0.01 / 2 * 1024:.0f}"),  # three sizes, each to half a hundredth of a GiB
    ("three times as much in its cache", lambda: {3.2: "three times as much in its cache"}[round(6.39 / 1.99, 1)]),
    ("as large as the embedding and the head", lambda: {
        True: "as large as the embedding and the head"}[matching(2048) == {"logits", *WEIGHTS}]),
    ("at 8,192 only the two weights", lambda: {True: "at 8,192 only the two weights"}[matching(8192) == WEIGHTS]),
    ("the context, 0.3 to 1.3 GiB", lambda: f"the context, {context()}"),
]  # fmt: skip

#: Figures of threads, of PyTorch's rule, and of the library's promise, which cells use or check.
QUOTED = {"16 GiB", "1.23", "300 MB", "1,000 MB", "2 MiB", "1 MiB", "20 MiB", "10 MiB", "64 bytes", "96.00 MiB",
          "3.14 GiB", "7.83 GiB", "±2 %", "2 %", "24 GB", "20.00 MiB", "2.00 MiB", "2 GiB",
          "11.7", "2.9.1", "0.01 GiB"}  # fmt: skip
