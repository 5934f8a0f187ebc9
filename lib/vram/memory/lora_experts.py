"""Adapters of stacked experts: one tensor holds the matrices of all experts, so peft adapts a tensor, not a module.

A tensor (E, d_out, d_in) gets A (r·E × d_in) and B (d_out × r·E): as many numbers as E separate adapters. peft 0.21
turns the old names of single experts into stacked tensors; gate and up share one, and get twice the rank together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..architectures.architecture import Architecture
from ..ledger.arithmetic import Size
from ..ledger.errors import VramError, unknown
from ..ledger.ledger import Ledger
from ..ledger.tensor import Tensor
from .lora_targets import checked_names, module_of

#: Families whose router transformers 5 still has as a Linear module.
_LINEAR_ROUTER = ("dbrx", "llama4_text", "phimoe")

#: Families whose expert names peft converts: the two that lie in one tensor, and the one that does not.
_MIXTRAL = ("w1", "w3"), "w2"
_QWEN = ("gate_proj", "up_proj"), "down_proj"
_CONVERTED = {
    "mixtral": _MIXTRAL, "minimax_m2": _MIXTRAL, "kimi_k2": _QWEN,
    **dict.fromkeys((
        "deepseek_v2", "deepseek_v3", "dots1", "ernie4_5_moe", "exaone_moe", "flex_olmo", "glm4_moe", "glm4_moe_lite",
        "mellum", "olmoe", "qwen3_moe", "solar_open",
    ), _QWEN),
}  # fmt: skip


def as_peft_sees_them(
    arch: Architecture, base: Ledger, targets: str | Iterable[str], rank: Size
) -> tuple[Ledger, str | Iterable[str], dict[str, Size]]:
    """The model with its experts stacked, the targets that are modules still, the tensors in place of the others."""
    if not arch.family.has_experts:
        return base, targets, {}
    stacked = Ledger(_stacked(arch, base))
    if arch.model_type not in _CONVERTED:
        return stacked, targets, {}
    pair, single = _CONVERTED[arch.model_type]
    converted = {"gate": "gate.weight", pair[0]: "gate_up_proj", pair[1]: "gate_up_proj", single: "down_proj"}
    if isinstance(targets, str):
        if targets.lower() != "all-linear":
            raise VramError("targets: with experts='peft', give 'all-linear' or a list of names.")
        linear = (t for t in stacked if t.op in ("linear", "conv1d") and len(t.shape) == 2 and t.kind != "lm_head")
        targets = [*dict.fromkeys(module_of(t.name).rpartition(".")[2] for t in linear), *converted]
    modules, found = [], set()
    for target in dict.fromkeys(checked_names("targets", targets)):
        old = next((name for name in converted if target == name or target.endswith(f".{name}")), None)
        if old is None:
            modules.append(target)
        else:
            found.add(old)
    if len(found & set(pair)) == 1:
        raise VramError(f"targets: {' and '.join(pair)} lie in one tensor; peft adapts both or neither.")
    return stacked, modules, {converted[old]: rank * (2 if old in pair else 1) for old in found}


def _stacked(arch: Architecture, base: Ledger) -> Iterator[Tensor]:
    """The ledger as transformers 5 holds it: experts in two tensors a layer, the router a bare tensor."""
    names = {arch.names.get(slot): slot for slot in ("expert_gate", "expert_up", "expert_down", "router")}
    for tensor in base:
        slot = names.get(module_of(tensor.name))
        if slot is None:
            yield tensor
        elif slot == "router":
            name = tensor.name.replace("block_sparse_moe", "mlp")
            op = tensor.op if arch.model_type in _LINEAR_ROUTER else ""
            yield Tensor(name, tensor.shape, tensor.dtype, tensor.kind, tensor.axes, op, tensor.part)
        elif slot != "expert_gate":
            (rows, columns), (layer, experts) = tensor.shape, tensor.axes
            module = tensor.name.partition(".experts.")[0].replace("block_sparse_moe", "mlp")
            end, rows = ("down_proj", rows) if slot == "expert_down" else ("gate_up_proj", 2 * rows)
            shape = (experts.count, rows, columns)
            name = f"{module}.experts.{end}"
            yield Tensor(name, shape, tensor.dtype, tensor.kind, (layer,), "experts", tensor.part)


def stacked_adapters(
    arch: Architecture, base: Ledger, ranks: Mapping[str, Size], wanted: Iterable[str]
) -> Iterator[tuple[Tensor, str, tuple[Size, ...]]]:
    """For each tensor that a name of `ranks` means: the tensor, and name and shape of its A and B.

    Raises `VramError` where a name of `wanted` means nothing. Single experts are stacked only in peft's view of them.
    """
    held = list(base)
    for target in wanted:
        if not any(_meant(t, target) for t in held):
            raise unknown("target_parameters", target, {t.name.rpartition(".layers.{}.")[2] for t in held})
    owners: dict[str, list[str]] = {}
    for tensor in held:
        if any(_meant(tensor, target) for target in ranks):
            owners.setdefault(module_of(tensor.name), []).append(tensor.name)
    for tensor in held:
        for target, rank in ranks.items():
            if not _meant(tensor, target):
                continue
            module = module_of(tensor.name)
            inner = tensor.name != min(owners[module])  # peft wraps one adapter around the other
            name = f"{module}.base_layer" if inner else module
            count, d_out, d_in = _sizes(tensor, arch)
            yield tensor, f"{name}.lora_A.weight", (rank * count, d_in)
            yield tensor, f"{name}.lora_B.weight", (d_out, rank * count)


def _meant(tensor: Tensor, target: str) -> bool:
    return tensor.name == target or tensor.name.endswith(f".{target}")


def _sizes(tensor: Tensor, arch: Architecture) -> tuple[Size, Size, Size]:
    """How many matrices, and their outputs and inputs."""
    if len(tensor.shape) == 3:
        count, one, other = tensor.shape
        return (count, other, one) if arch.family.experts_in_first else (count, one, other)
    if len(tensor.shape) == 2:
        return (1, *tensor.shape)
    raise VramError(f"target_parameters: {tensor.name} is no matrix.")
