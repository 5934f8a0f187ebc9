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


def missed(model: str) -> int:
    """How many of the six rules of the scoreboard are off by more than 5 % for a model."""
    arch = vram.models[model]
    layers, h = arch.num_hidden_layers, arch.hidden_size
    count, weights = vram.weights(arch).numel, vram.weights(arch).nbytes
    heads = arch.replace(num_key_value_heads=arch.num_attention_heads)
    runs = [vram.inference(arch, seq_len=tokens, overhead=True).peak for tokens in (1024, 16_384)]
    pairs = [
        (12 * layers * h**2, count),
        (12 * layers * h**2 + 13 * layers * h + arch.vocab_size * h, count),
        (vram.kv_cache(heads, seq_len=2048).nbytes, vram.kv_cache(arch, seq_len=2048).nbytes),
        *((weights * 6 // 5, peak) for peak in runs),
        (16 * count, vram.training(arch, seq_len=16_384, checkpointing="full").peak),
    ]
    return sum(20 * abs(claim - truth) > truth for claim, truth in pairs)


def by_columns() -> str:
    return {
        (6, 2): "Llama 3.1 8B is missed by more than 5 % by all six rules, LLaMA 7B by two",
    }[missed("llama-3.1-8b"), missed("llama-7b")]


def of_adamw() -> str:
    arch = vram.models["llama-3.1-70b"]
    wide, packed = (vram.model_states(arch, recipe="bf16", optimizer=name).peak for name in ("adamw", "adamw-8bit"))
    count = vram.weights(arch).numel
    return f"{round(wide / count)} bytes a parameter where all have 16 bits, and {round(packed / count)} where"


CLAIMS = [
    ("Llama 3.1 8B is missed by more than 5 % by all six rules, LLaMA 7B by two", by_columns),
    ("8 bytes a parameter where all have 16 bits, and 6 where", of_adamw),
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
