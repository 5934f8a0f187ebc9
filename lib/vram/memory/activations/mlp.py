"""The MLP: one matrix up (two with a gate), an activation function, one matrix down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...ledger.arithmetic import Size
from ...ledger.dtypes import dtypes
from .forward import Forward
from .tape import Storage, Value

if TYPE_CHECKING:
    from ...architectures.architecture import Architecture


def mlp(
    f: Forward, x: Value, slots: Mapping[str, str] | None = None, part: str = "mlp", width: Size | None = None
) -> Value:
    """h → f → h with the modules of these slots: gate, up, down or gate_up, down; `width` is f."""
    names = f.names if slots is None else slots
    down = names["down"]
    module = down.rsplit(".", 1)[0]
    with f.tape.within(part):
        if "gate_up" in names:
            half = (*x.shape[:-1], f.arch.intermediate_size if width is None else width)
            gate, up = f.tape.split(names["gate_up"], f.linear(names["gate_up"], x), [half, half])
            inner = f.mul(f"{module}.gated", activate(f, f"{module}.act", gate), up, ("activated", "up"))
        elif "gate" in names and f.arch.mlp_gated:
            activated = activate(f, f"{module}.act", f.linear(names["gate"], x))
            inner = f.mul(f"{module}.gated", activated, f.linear(names["up"], x), ("activated", "up"))
        else:
            inner = activate(f, f"{module}.act", f.linear(names["up"], x))
    out = f.linear(down, inner)
    drops = drops_residual(f.arch) or f.arch.model_type in _DROPS_MLP
    return f.dropout(f"{module}.dropout", out) if drops else out


def drops_residual(arch: Architecture) -> bool:
    """True where what attention and MLP add to the stream goes through dropout, each by itself."""
    return arch.model_type in _DROPS_RESIDUAL and not (arch.model_type == "falcon" and arch.parallel)


def activate(f: Forward, name: str, x: Value) -> Value:
    """The activation function: one kernel, or the operations it is written in."""
    return _FUNCTIONS[f.setting.activation or activation_of(f.arch)](f, name, x)


def activation_of(arch: Architecture) -> str:
    """The family's own function: what its config says, or the default of its configuration class in transformers."""
    if (said := arch.fields.get("feed_forward_proj")) is not None:
        return "gelu_new" if said == "gated-gelu" else said.removeprefix("gated-")
    return _OF_FAMILY.get(arch.model_type, "silu" if arch.mlp_gated else "gelu")


def _keeps_input(f: Forward, name: str, x: Value) -> Value:
    """One kernel that needs its input again: SiLU, GELU."""
    return f.map(name, x, "input")


def _keeps_output(f: Forward, name: str, x: Value) -> Value:
    """One kernel whose output says enough: ReLU."""
    return f.map(name, x, "output")


def _squared(f: Forward, name: str, x: Value) -> Value:
    """The square of ReLU, a function whose variable holds its input to the end."""
    with f.tape.holding(x):
        return f.map(f"{name}.square", _keeps_output(f, name, x), "input")


def _gelu_new(f: Forward, name: str, x: Value) -> Value:
    """0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))) as eight operations: keeps x and three more tensors of its size."""
    half = f.map(f"{name}.half", x)
    wide = f.setting.autocast is not None and f.setting.backend == "cuda"  # autocast takes powers in FP32 there
    base = f.cast(f"{name}.pow cast", x, dtypes["fp32"]) if wide else x
    cube = f.map(f"{name}.scaled cube", f.power(f"{name}.pow", base))
    inner = f.map(f"{name}.scale", f.add(f"{name}.sum", cube, x))
    tanh = f.map(f"{name}.tanh", inner, "output")
    return f.mul(name, half, f.map(f"{name}.one plus", tanh), ("half", "one plus tanh"))


def _bloom_gelu(f: Forward, name: str, x: Value) -> Value:
    """A GELU with a backward of its own: keeps x alone, but makes four tensors on the way and five on the way back."""
    before, after = (
        [Storage(f"{name}:{what} {n}", x.shape, x.dtype, "temporaries") for n in range(count)]
        for what, count in (("forward", 3), ("backward", 4))
    )
    return f.tape.record(name, (x,), x.shape, x.dtype, saves=[(x, "input")], scratch=before, backward=after)


_FUNCTIONS = {
    "silu": _keeps_input, "gelu": _keeps_input, "gelu_pytorch_tanh": _keeps_input, "gelu_new": _gelu_new,
    "relu": _keeps_output, "relu2": _squared, "bloom_gelu": _bloom_gelu,
}  # fmt: skip

_OF_FAMILY = {
    "gpt2": "gelu_new", "gptj": "gelu_new", "codegen": "gelu_new", "gpt_neo": "gelu_new", "phi": "gelu_new",
    "gpt_bigcode": "gelu_pytorch_tanh", "starcoder2": "gelu_pytorch_tanh",
    "gemma": "gelu_pytorch_tanh", "gemma2": "gelu_pytorch_tanh", "gemma3": "gelu_pytorch_tanh",
    "gemma3_text": "gelu_pytorch_tanh", "vaultgemma": "gelu_pytorch_tanh",
    "bloom": "bloom_gelu", "opt": "relu", "nemotron": "relu2", "arcee": "relu2", "jais2": "relu2", "persimmon": "relu2",
}  # fmt: skip

#: Families that drop out of what attention and MLP add to the stream.
_DROPS_RESIDUAL = frozenset({
    "gpt2", "gpt_bigcode", "gptj", "codegen", "gpt_neo", "gpt_neox", "opt", "phi", "phi3", "starcoder2", "seed_oss",
    "bloom", "dbrx", "falcon", "mpt", "bert", "roberta", "xlm-roberta", "camembert",
})  # fmt: skip
_DROPS_MLP = frozenset({"persimmon", "stablelm", "distilbert"})
