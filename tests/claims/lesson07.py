"""Numbers in the sentences of lesson 07 and its deck, computed."""

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


def small_run() -> str:
    kept = of_layers("opt-1.3b", batch=4, seq_len=64, attention="eager")
    return f"{kept / 6.34e9:.0%} of the 6.34 GB".replace("%", " %")


def untouched(seq_len: int) -> bool:
    """Whether checkpointing leaves the peaks of the panel's models as they are, to two decimals of a GiB."""

    def peak(name: str, way: str) -> str:
        return vram.gib(vram.training(vram.models[name], seq_len=seq_len, checkpointing=way).peak)

    names = ("tinyllama-1.1b", "llama-3.2-1b", "llama-2-7b", "llama-3-8b")
    return all(peak(name, "none") == peak(name, "full") for name in names)


def fullest_when_checkpointed(*names: str) -> set[str]:
    usual = {"batch": 4, "seq_len": 2048, "checkpointing": "full"}
    return {vram.training(vram.models[name], **usual).peak_phase for name in names}


def measurements() -> int:
    return len(json.loads((FIXTURES / "activations.json").read_text(encoding="utf-8"))["cases"])


def context() -> str:
    measured = vram.constants["CUDA context"]
    return f"{measured.least / 2**30:.1f} to {measured.most / 2**30:.1f} GiB"


def equal_shares() -> str:
    """Tokens at which the squares of GPT-3, whose heads are 128 wide, take as much as the rest of its layers."""
    how = {"implementation": "megatron", "seq_len": 1000}
    rest = of_layers("gpt3-175b", checkpointing="selective", **how)
    squares = of_layers("gpt3-175b", **how) - rest
    return f"heads of width 128 the two are equal near {1000 * rest / squares:.0f} tokens"


CLAIMS = [
    ("heads of width 128 the two are equal near 870 tokens", equal_shares),
    ("8 numbers, 16 bytes", lambda: f"{2 * 4} numbers, {2 * 4 * 2} bytes"),
    ("passes the weights near 1,100 tokens", lambda: f"passes the weights {hundreds(crossing('eager'))} tokens"),
    ("a flash kernel near 2,300", lambda: f"a flash kernel {hundreds(crossing('sdpa'))}"),
    ("keep 182 GiB for a single sequence", lambda: (
        f"keep {vram.gib(of_layers('llama-2-7b', seq_len=32_768), 0)} for a single sequence")),
    ("nearly twice what all checkpointed layers keep", lambda: {
        2.0: "nearly twice what all checkpointed layers keep"}[round(logits_over_layers(), 1)]),
    ("6 % of the 6.34 GB", small_run),
    ("the two 1B models stay at the start of backward", lambda: {
        frozenset({"start of backward"}): "the two 1B models stay at the start of backward"
    }[frozenset(fullest_when_checkpointed("tinyllama-1.1b", "llama-3.2-1b"))]),
    ("Llama 2 7B and Llama 3 8B go on to backward", lambda: {
        frozenset({"backward"}): "Llama 2 7B and Llama 3 8B go on to backward"
    }[frozenset(fullest_when_checkpointed("llama-2-7b", "llama-3-8b"))]),
    ("takes nothing from the four peaks", lambda: {
        True: "takes nothing from the four peaks"}[untouched(512)]),
    ("checkpointing takes 12.77 GiB, half the sequences take 12.57", lambda: (
        f"checkpointing takes {saved_by(checkpointing='full')}, "
        f"half the sequences take {saved_by(batch=2).removesuffix(' GiB')}")),
    ("All 95 are equal to the byte", lambda: f"All {measurements()} are equal to the byte"),
    ("0.3 to 1.3 GiB", context),
]  # fmt: skip

#: Figures of the paper, of a thread and of the weights as the analysis rounds them, which cells check or use.
QUOTED = {"70 %", "64 bytes", "5.23", "350 GB", "0.01 %", "34 bytes", "16 bits", "one byte",
          "6.34 GB", "6.41", "44.23", "11.76 GB", "15,000", "28,000"}  # fmt: skip
