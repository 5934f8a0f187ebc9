"""Numbers in the sentences of lesson 14, computed."""

import vram
from vram.teach.audit import RIGHT, WRONG, audit


def broken_by_doubling() -> str:
    grouped = vram.models["llama-2-7b"].replace(num_key_value_heads=8)
    said = audit(lambda formula: formula(grouped, seq_len=2000) == 2 * formula(grouped, seq_len=1000)).text
    return {True: "It breaks two"}["breaks 2 of 7" in said]


def layer_at_one() -> tuple[int, int]:
    layer = vram.weights(vram.models["gpt2"].symbolic().replace(num_hidden_layers=1)).layer(0)
    vectors = sum(tensor.numel for tensor in layer if len(tensor.shape) == 1)
    return int(vectors.subs(vram.symbols.h, 1)), int(layer.numel.subs(vram.symbols.h, 1))


def context() -> str:
    measured = vram.constants["CUDA context"]
    return f"{measured.least / 2**30:.1f} to {measured.most / 2**30:.1f} GiB"


CLAIMS = [
    ("0.3 to 1.3 GiB", context),
    ("13 entries in vectors, 25 in all", lambda: "{} entries in vectors, {} in all".format(*layer_at_one())),
    ("the printed formula gives 15", lambda: f"the printed formula gives {12 * 1**2 + 3 * 1}"),
    ("14 GB and 13.04 GiB", lambda: f"{vram.gb(14 * 10**9, 0)} and {vram.gib(14 * 10**9)}"),
    ("It breaks two", broken_by_doubling),
    ("seven that are in use", lambda: {(7, True): "seven that are in use"}[len(WRONG), callable(RIGHT)]),
    ("its states at the peak are 6 bytes", lambda: f"its states at the peak are {states_of_the_step()} bytes"),
]


def states_of_the_step() -> int:
    """Bytes of weights and moments for each parameter when backward begins: no gradient exists yet."""
    arch = vram.models["llama-3.2-1b"]
    step = vram.training(arch, seq_len=8192, recipe="bf16", checkpointing="full", backend="cpu")
    kinds = step.at_peak().by("kind")
    held = sum(kinds[kind].nbytes for kind in ("weights", "gradients", "optimizer states") if kind in kinds)
    return round(held / vram.weights(arch).numel)


#: Figures of the sources: rules and tables that cells then check.
QUOTED = {"1.2", "60 GB", "60", "300", "3,250 GB", "5.23", "1.5", "16 bits", "16 bytes"}
