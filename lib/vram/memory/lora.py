"""Which parameters does LoRA train, and how many are they? r·(d_in + d_out) a matrix. Taught in lesson 08.

A frozen weight W (d_out × d_in) gets two thin matrices beside it: A (r × d_in) and B (d_out × r). Targets are named
as in peft: names of modules, or "all-linear".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..architectures.architecture import Architecture
from ..ledger.arithmetic import Size, check_size
from ..ledger.dtypes import Dtype, as_dtype
from ..ledger.errors import VramError, unknown
from ..ledger.ledger import Ledger
from ..ledger.tensor import Tensor
from .arguments import need_architecture, need_flag
from .lora_experts import as_peft_sees_them, stacked_adapters
from .lora_targets import SAVED, TARGET, Targets, checked_names, module_of

_PREFIX = "base_model.model."
_BIAS = ("none", "lora_only", "all")
_EXPERTS = ("classic", "peft")


def lora(
    arch: Architecture,
    *,
    rank: Size = 8,
    targets: str | Iterable[str] = "all-linear",
    dora: bool = False,
    bias: str = "none",
    lora_bias: bool = False,
    modules_to_save: Iterable[str] = (),
    exclude_modules: str | Iterable[str] = (),
    layers_to_transform: int | Sequence[int] | None = None,
    target_parameters: Iterable[str] = (),
    experts: str = "classic",
    dtype: str | Dtype = "fp32",
) -> Ledger:
    """The tensors that a LoRA fine-tune trains; `.numel` is what peft reports as trainable.

    rank             r, at least 1; may be a symbol or an array
    targets          "all-linear" (every linear layer but the head), a list of module names, or a regular expression
    dora             adds a magnitude for each output of a target
    bias             none, lora_only (biases of the targets are trained) or all (every bias of the model)
    lora_bias        B has a bias
    modules_to_save  modules that are trained in full, beside the adapters
    exclude_modules  targets that get no adapter after all
    layers_to_transform  only the targets in these layers
    target_parameters    bare tensors that get adapters, such as the stacked experts of gpt-oss: r·E·(d_in + d_out);
                     those of a family that stores single experts exist only in peft's view (experts="peft")
    experts          "classic": each expert's matrices are targets like others. "peft": what peft 0.21 makes of the
                     stacked experts of transformers 5 (twice the rank on gate and up together; MLPs without experts
                     and shared experts are left out, because their names are the experts')
    dtype            peft keeps adapters in FP32 beside BF16 weights unless told otherwise
    Raises `VramError` for a target that matches no module. Source: peft (tests/fixtures/lora.json).

    >>> from vram import models
    >>> lora(models["llama-3-8b"], rank=16).numel
    41943040
    """
    need_architecture(arch)
    check_size("rank", rank)
    need_flag(dora, "dora")
    need_flag(lora_bias, "lora_bias")
    for field, word, known in (("bias", bias, _BIAS), ("experts", experts, _EXPERTS)):
        if word not in known:
            raise unknown(field, word, known)
    base = arch.parameters(as_dtype(dtype), tied_head=True)
    wanted = checked_names("target_parameters", _several(target_parameters))
    parameters: dict[str, Size] = dict.fromkeys(wanted, rank)
    if experts == "peft":
        base, targets, converted = as_peft_sees_them(arch, base, targets, rank)
        parameters = {**converted, **parameters}
    chosen = Targets(
        base, targets, checked_names("modules_to_save", _several(modules_to_save)), exclude_modules, layers_to_transform
    )
    rows: list[Tensor] = []
    for tensor in base:
        tied = tensor.kind == "lm_head" and arch.tie_word_embeddings and len(tensor.shape) == 2
        for row, state in chosen.split(tensor):
            is_bias = row.name.endswith(".bias")
            if state == SAVED:
                rows.append(_trained(row, row.name, row.shape))
            elif state == TARGET and not is_bias:
                rows.extend(_adapters(row, rank, dora, lora_bias))
            elif is_bias and not tied and (bias == "all" or (bias == "lora_only" and state == TARGET)):
                name = f"{module_of(row.name)}.base_layer.bias" if state == TARGET else row.name
                rows.append(_trained(row, name, row.shape))
    stacked = [_trained(*found) for found in stacked_adapters(arch, base, parameters, wanted)]
    twice = {row.name for row in rows} & {row.name for row in stacked}
    if twice:
        module = module_of(module_of(min(twice)))
        raise VramError(f"target_parameters: {module} has an adapter already, as one of targets.")
    if stacked and (dora or lora_bias):
        raise VramError("target_parameters: adapters of bare tensors can have neither DoRA nor a bias, as in peft.")
    rows.extend(stacked)
    chosen.check_all_found(allow_none=bool(parameters))
    return Ledger(rows)


def _several(names: str | Iterable[str]) -> Iterable[str]:
    return (names,) if isinstance(names, str) else names


def _trained(tensor: Tensor, name: str, shape: tuple[Size, ...], op: str | None = None) -> Tensor:
    return Tensor(_PREFIX + name, shape, tensor.dtype, tensor.kind, tensor.axes, op or tensor.op, tensor.part)


def _adapters(tensor: Tensor, rank: Size, dora: bool, lora_bias: bool) -> Iterator[Tensor]:
    """A and B of one target, which are linear layers beside a Conv1D, too, and what DoRA or a bias adds."""
    module = module_of(tensor.name)
    if tensor.op == "embedding":
        if lora_bias:
            raise VramError(f"lora_bias: an embedding ({module}) can have no bias on B, as in peft.")
        d_in, d_out = tensor.shape
        yield _trained(tensor, f"{module}.lora_embedding_A", (rank, d_in))
        yield _trained(tensor, f"{module}.lora_embedding_B", (d_out, rank))
    else:
        d_in, d_out = tensor.shape if tensor.op == "conv1d" else tensor.shape[::-1]
        yield _trained(tensor, f"{module}.lora_A.weight", (rank, d_in), "linear")
        yield _trained(tensor, f"{module}.lora_B.weight", (d_out, rank), "linear")
    if lora_bias:
        yield _trained(tensor, f"{module}.lora_B.bias", (d_out,))
    if dora:
        yield _trained(tensor, f"{module}.lora_magnitude_vector", (d_out,))
