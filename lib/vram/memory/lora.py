"""Which parameters does LoRA train, and how many are they? r·(d_in + d_out) a matrix. Taught in lesson 08.

A frozen weight W (d_out × d_in) gets two thin matrices beside it: A (r × d_in) and B (d_out × r). Targets are named
as in peft: names of modules, or "all-linear".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..architectures.architecture import Architecture
from ..ledger.arithmetic import Size, check_size
from ..ledger.dtypes import Dtype, as_dtype
from ..ledger.errors import VramError, unknown
from ..ledger.ledger import Ledger
from ..ledger.tensor import Tensor

_PREFIX = "base_model.model."
_BIAS = ("none", "lora_only", "all")


def lora(
    arch: Architecture,
    *,
    rank: Size = 8,
    targets: str | Iterable[str] = "all-linear",
    dora: bool = False,
    bias: str = "none",
    lora_bias: bool = False,
    modules_to_save: Iterable[str] = (),
    dtype: str | Dtype = "fp32",
) -> Ledger:
    """The tensors that a LoRA fine-tune trains; `.numel` is what peft reports as trainable.

    rank             r, at least 1; may be a symbol or an array
    targets          "all-linear" (every linear layer but the head), a list of module names, or a regular expression
    dora             adds a magnitude for each output of a target
    bias             none, lora_only (biases of the targets are trained) or all (every bias of the model)
    lora_bias        B has a bias
    modules_to_save  modules that are trained in full, beside the adapters
    dtype            peft keeps adapters in FP32 beside BF16 weights unless told otherwise
    Raises `VramError` for a target that matches no module. Source: peft (tests/fixtures/lora.json).

    >>> from vram import models
    >>> lora(models["llama-3-8b"], rank=16).numel
    41943040
    """
    check_size("rank", rank)
    if bias not in _BIAS:
        raise unknown("bias", bias, _BIAS)
    stored = as_dtype(dtype)
    base = arch.parameters(stored)
    saved = _matching(base, modules_to_save, "modules_to_save") if modules_to_save else set()
    targeted = _targets(base, targets)
    rows: list[Tensor] = []
    for tensor in base:
        module = _module(tensor)
        if module in saved:
            rows.append(_adapter(tensor, tensor.name, tensor.shape))
        elif tensor.name.endswith(".bias"):
            if bias == "all" or (bias == "lora_only" and module in targeted):
                rows.append(_adapter(tensor, tensor.name, tensor.shape))
        elif module in targeted:
            rows.extend(_adapters(tensor, rank, dora, lora_bias))
    return Ledger(rows)


def _module(tensor: Tensor) -> str:
    return tensor.name.rsplit(".", 1)[0]


def _adapter(tensor: Tensor, name: str, shape: tuple[Size, ...]) -> Tensor:
    return Tensor(_PREFIX + name, shape, tensor.dtype, tensor.kind, tensor.axes, tensor.op, tensor.part)


def _adapters(tensor: Tensor, rank: Size, dora: bool, lora_bias: bool) -> Iterator[Tensor]:
    """A and B of one target, and what DoRA or a bias adds."""
    module = _module(tensor)
    if tensor.op == "embedding":
        d_in, d_out = tensor.shape
        yield _adapter(tensor, f"{module}.lora_embedding_A", (rank, d_in))
        yield _adapter(tensor, f"{module}.lora_embedding_B", (d_out, rank))
    else:
        d_in, d_out = tensor.shape if tensor.op == "conv1d" else tensor.shape[::-1]
        yield _adapter(tensor, f"{module}.lora_A.weight", (rank, d_in))
        yield _adapter(tensor, f"{module}.lora_B.weight", (d_out, rank))
    if lora_bias:
        yield _adapter(tensor, f"{module}.lora_B.bias", (d_out,))
    if dora:
        yield _adapter(tensor, f"{module}.lora_magnitude_vector", (d_out,))


def _targets(base: Ledger, targets: str | Iterable[str]) -> set[str]:
    """The modules that carry adapters."""
    adaptable = [t for t in base if t.op in ("linear", "conv1d", "embedding") and len(t.shape) == 2]
    if targets == "all-linear":
        return {_module(t) for t in adaptable if t.op != "embedding" and t.kind != "lm_head"}
    if isinstance(targets, str):
        try:
            pattern = re.compile(targets)
        except re.error as error:
            raise VramError(
                f"targets: {targets!r} is neither 'all-linear' nor a regular expression ({error})."
            ) from None
        found = {_module(t) for t in adaptable if pattern.fullmatch(_module(t).replace("{}", "0"))}
        if not found:
            raise unknown("targets", targets, {_module(t).rsplit(".", 1)[-1] for t in adaptable})
        return found
    return _matching(Ledger(adaptable), targets, "targets")


def _matching(base: Ledger, names: Iterable[str], field: str) -> set[str]:
    """Modules whose name is one of `names` or ends with a dot and one of them, as peft compares."""
    if isinstance(names, str):
        names = [names]
    modules = {_module(t): None for t in base}
    found: set[str] = set()
    for name in names:
        hits = {m for m in modules if isinstance(name, str) and (m == name or m.endswith(f".{name}"))}
        if not hits:
            raise unknown(field, name, {m.rsplit(".", 1)[-1] for m in modules})
        found |= hits
    if not found:
        raise VramError(f"{field}: no module is named; give at least one.")
    return found
