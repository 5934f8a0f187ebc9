"""Numbers in the sentences of lesson 07, computed."""

import json
from pathlib import Path

import vram

FIXTURES = Path(__file__).parent.parent / "fixtures"
LLAMA = vram.models["llama-2-7b"]
SMALL = vram.models["llama-3.2-1b"]


def of_layers(name: str, **how: object) -> int:
    return vram.activations(vram.models[name], **how).select(lambda t: bool(t.axes)).nbytes


def crossing(attention: str) -> int:
    """Tokens of one sequence from which the layers keep more than the weights take."""
    weights, below, above = vram.weights(LLAMA).nbytes, 1, 2**15
    while above - below > 1:
        middle = (below + above) // 2
        if of_layers("llama-2-7b", attention=attention, seq_len=middle) > weights:
            above = middle
        else:
            below = middle
    return above


def hundreds(tokens: int) -> str:
    return f"near {round(tokens, -2):,}"


def logits_over_layers() -> float:
    rows = vram.activations(vram.models["llama-3-8b"], seq_len=16_384, checkpointing="full")
    return rows["loss:log_softmax:output"].nbytes / rows.select(lambda t: bool(t.axes)).nbytes


def saved_by(**how: object) -> str:
    usual = {"batch": 4, "seq_len": 2048}
    return vram.gib(vram.training(SMALL, **usual).peak - vram.training(SMALL, **{**usual, **how}).peak)


def share_of_vocabulary() -> float:
    return round(vram.models["tinyllama-1.1b"].vocab_size / SMALL.vocab_size, 2)


def measurements() -> int:
    return len(json.loads((FIXTURES / "activations.json").read_text(encoding="utf-8"))["cases"])


def context() -> str:
    measured = vram.constants["CUDA context"]
    return f"{measured.least / 2**30:.1f} to {measured.most / 2**30:.1f} GiB"


CLAIMS = [
    ("8 numbers, 16 bytes", lambda: f"{2 * 4} numbers, {2 * 4 * 2} bytes"),
    ("passes the weights near 1,100 tokens", lambda: f"passes the weights {hundreds(crossing('eager'))} tokens"),
    ("a flash kernel near 2,300", lambda: f"a flash kernel {hundreds(crossing('sdpa'))}"),
    ("keep 182 GiB for a single sequence", lambda: (
        f"keep {vram.gib(of_layers('llama-2-7b', seq_len=32_768), 0)} for a single sequence")),
    ("nearly twice what all checkpointed layers keep", lambda: {
        2.0: "nearly twice what all checkpointed layers keep"}[round(logits_over_layers(), 1)]),
    ("has a quarter of the vocabulary", lambda: {0.25: "has a quarter of the vocabulary"}[share_of_vocabulary()]),
    ("Checkpointing takes 12.77 GiB, half the sequences take 12.57", lambda: (
        f"Checkpointing takes {saved_by(checkpointing='full')}, "
        f"half the sequences take {saved_by(batch=2).removesuffix(' GiB')}")),
    ("All 95 are equal to the byte", lambda: f"All {measurements()} are equal to the byte"),
    ("0.3 to 1.3 GiB", context),
]  # fmt: skip

#: Figures of the paper, of a thread and of the weights as the analysis rounds them, which cells check or use.
QUOTED = {"70 %", "64 bytes", "5.23", "350 GB", "0.01 %", "34 bytes", "16 bits", "one byte",
          "6.34 GB", "6.41", "44.23", "11.76 GB", "15,000", "28,000"}  # fmt: skip
