"""What may be given for an option, and what must be refused: a refused value that yields a number is a finding."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

import vram
from vram.memory.activations import setting
from vram.memory.kv_cache import engines

NAN = math.nan
#: No option takes one of these.
NONSENSE: tuple[Any, ...] = (
    {"a": {"b": [1]}}, {}, [[]], [None], 1j, b"8", object(), NAN, math.inf, -math.inf, "", "ñ\u202eé\x00", "9" * 5000,
    "__import__('os')", 10**5000, (), ...,
)  # fmt: skip
BAD_SIZES = (*NONSENSE, 0, -1, -(10**30), 1.5, 4096.0, "4096", True, False, [4], 2**80)
BAD_FLAGS = (*NONSENSE, 0, 1, "yes", "True", [True], 2.0)
BAD_WORDS = (*NONSENSE, 0, 1, True, -1, ["none"], "nonee", "NONE OF THEM", "bf61", 3.5)


class Option(NamedTuple):
    """Draws a value that is allowed, and lists some that are not. `none`: None is allowed, it means the default."""

    allowed: Callable[[Random, vram.Architecture], Any]
    refused: tuple[Any, ...]
    none: bool = False


def one_of(*values: Any) -> Callable[[Random, vram.Architecture], Any]:
    """Draws one of these."""
    return lambda random, arch: random.choice(values)


def size(*values: int, zero: bool = False, none: bool = False) -> Option:
    """A whole number, mostly a usual one."""
    bad = tuple(v for v in BAD_SIZES if not (zero and type(v) is int and v == 0))
    return Option(one_of(*values), bad, none)


def word(*known: str, none: bool = False) -> Option:
    """One of some names."""
    return Option(one_of(*known), BAD_WORDS, none)


def _targets(random: Random, arch: vram.Architecture) -> Any:
    ends = sorted({t.name.rsplit(".", 2)[-2] for t in arch.parameters("bf16") if t.op == "linear" and "." in t.name})
    some = random.sample(ends, min(len(ends), random.randint(1, 3))) if ends else ["q_proj"]
    return random.choice(("all-linear", some, tuple(some), rf".*({'|'.join(some)})"))


def _adapter(random: Random, arch: vram.Architecture) -> Any:
    mapping = {"rank": random.choice((1, 8, 64)), "dora": random.random() < 0.3}
    return random.choice((None, 1, 8, 256, mapping, {"rank": 4, "targets": _targets(random, arch)}))


FORMATS = tuple(vram.dtypes)
SCHEMES = tuple(vram.schemes)
FLOATS = ("fp32", "bf16", "fp16", "float32", "torch.bfloat16")
FLAG = Option(one_of(True, False), BAD_FLAGS)
FORMAT = Option(one_of(*FORMATS), BAD_WORDS)
STORED = Option(one_of(*FORMATS, *SCHEMES), BAD_WORDS)
GPU = Option(one_of(*vram.gpus, 10**9, 24 * 2**30, 2**45), (*NONSENSE, -1, 0, True, None, "H1000", 2.5, [80]))
PROBABILITY = Option(one_of(0.0, 0.1, 0.5, 0), (*NONSENSE, -0.1, 1.0, 2, True, "0.1", [0.1]))
NUMBER = Option(one_of(1, 1000, 3.5, 10**12, 1e20), (*NONSENSE, 0, -1, -2.5, True, None, "7", [3]))
DEGREE = size(1, 2, 4, 8, 64, 1000)
ADAPTER = Option(_adapter, (*NONSENSE[4:], 0, -1, 1.5, True, "8", [8], {"rank": 0}, {"rank": 8, "rnk": 8}), True)

#: Every option by name. Where a function means something else by a name, it has an entry of its own: (function, name).
OPTIONS: dict[str | tuple[str, str], Option] = {
    "batch": size(1, 2, 3, 64, 10**6),
    "seq_len": size(1, 2, 15, 16, 17, 127, 2048, 131_072, 10**7),
    "past": size(0, 1, 4096, 10**6, zero=True),
    "source_len": size(1, 64, 4096, none=True),
    "rank": size(1, 2, 7, 64, 10**5),
    "loss_chunks": size(1, 2, 8, 1000),
    "gradient_accumulation": size(1, 2, 64),
    "gpus": NUMBER,
    "tokens": NUMBER,
    "seconds": NUMBER,
    "digits": size(1, 2, zero=True),
    ("training_time", "tokens"): NUMBER._replace(none=True, refused=tuple(v for v in NUMBER.refused if v is not None)),
    "mfu": Option(one_of(0.1, 0.4, 1, 1.0), (*NONSENSE, 0, -1, 1.1, True, None, "0.4")),
    "input_embedding": FLAG, "dora": FLAG, "lora_bias": FLAG, "windows": FLAG, "latent": FLAG, "causal": FLAG,
    "overhead": FLAG, "kbit_preparation": FLAG, "sequence_parallel": FLAG, "recompute": FLAG, "rounded": FLAG,
    "foreach": FLAG._replace(none=True), "fused": FLAG._replace(none=True),
    "dtype": FORMAT,
    ("gradients", "dtype"): FORMAT._replace(none=True), ("optimizer_states", "dtype"): FORMAT._replace(none=True),
    ("activations", "dtype"): word(*FLOATS),
    "format": Option(one_of(*SCHEMES), BAD_WORDS),
    ("stored_weights", "format"): STORED,
    "weights": STORED, "base": STORED, "kv": FORMAT,
    "keep": Option(one_of((), ("norm",), "embedding", ("lm_head", "attention")),
                   (*NONSENSE[4:-2], 0, 3, [3], "nothing"), True),
    "optimizer": word(*vram.optimizers), "recipe": word(*vram.recipes), "engine": word(*engines, "hf"),
    "attention": word(*setting.ATTENTION, "flash_attention_2", none=True),
    "dropout": PROBABILITY._replace(none=True), "lora_dropout": PROBABILITY,
    "checkpointing": Option(one_of(*setting.CHECKPOINTING, True, False), tuple(v for v in BAD_WORDS if v is not True)),
    ("compute", "checkpointing"): word(*setting.CHECKPOINTING),
    "autocast": Option(one_of(False, True, "bf16", "fp16"), (*NONSENSE, 0, 1, "nf4", 2), True),
    "backend": word(*setting.BACKENDS), "loss": word(*setting.LOSSES), "implementation": word(*setting.IMPLEMENTATIONS),
    "activation": word(*setting.ACTIVATIONS, none=True), "experts": word(*setting.EXPERTS),
    ("lora", "experts"): word("classic", "peft"),
    "logits": word("all", "last"), "of": word("training", "inference"),
    "lora": ADAPTER,
    ("max_rank", "lora"): Option(one_of({}, {"dora": True}), (*NONSENSE[4:-2], 0, 8, "8"), True),
    "targets": Option(_targets, (*NONSENSE[:1], *NONSENSE[2:], 0, True, [3], ["no_such_module"], "(", [""])),
    "bias": word("none", "lora_only", "all"),
    "modules_to_save": Option(one_of((), ["lm_head"], ("embed_tokens",)), (1, True, [3], ["hat"], 1.5, NAN)),
    "exclude_modules": Option(one_of((), ["down_proj"], "o_proj"), (1, True, [3], "(", NAN)),
    "target_parameters": Option(one_of((), ()), (1, True, [3], ["nothing"], NAN)),
    "layers_to_transform": Option(one_of(0, [0], [0, 1]), (*NONSENSE[:1], -1, 1.5, True, "0", [-1]), True),
    "tp": DEGREE, "pp": DEGREE, "dp": DEGREE, "ep": DEGREE, "cp": DEGREE,
    ("shard", "rank"): Option(one_of({}, {"tp": 0}, {"pp": 0, "dp": 0}),
                              (*NONSENSE[2:], 3, {"tp": -1}, {"xp": 0}), True),
    "zero": Option(one_of(0, 1, 2, 3), (*NONSENSE, -1, 4, 1.0, True, "3")),
    "microbatches": size(1, 4, 64, none=True), "offload": word("none", "optimizer", "parameters"),
    "gpu": GPU,
    ("training_time", "gpu"): Option(one_of(*vram.gpus, 312e12), (*NONSENSE, -1, 0, True, None, "H1000", [80])),
    ("mfu", "gpu"): Option(one_of(*vram.gpus, 312e12), (*NONSENSE, -1, 0, True, None, "H1000", [80])),
    ("prefill_time", "gpu"): Option(one_of(*vram.gpus), (*NONSENSE, -1, 0, 10**9, True, None, "H1000", [80])),
    ("decode_time", "gpu"): Option(one_of(*vram.gpus), (*NONSENSE, -1, 0, 10**9, True, None, "H1000", [80])),
    "over": word("dp", "tp", "pp", "cp"),
    "most": size(1, 7, 4096),
    ("max_rank", "most"): size(1, 7, 4096, none=True),
    "nbytes": size(0, 1, 1023, 10**6, 2**40, zero=True),
    "parameters": NUMBER,
    "phase": word("forward", "backward", "load", "decode", none=True),
    "kind": word("weights", "gradients", "optimizer states", "KV cache", none=True),
}  # fmt: skip
