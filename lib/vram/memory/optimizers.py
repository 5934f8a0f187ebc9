"""What does an optimizer remember? The states of each optimizer as data. Taught in lesson 06.

torch's own optimizers keep their moments in the parameter's format and a step counter of one FP32 number a tensor.
bitsandbytes keeps FP32 moments, or one byte a number with an FP32 scale for each block of 256 and a table of 256
entries, but leaves tensors below 4,096 elements in FP32. torchao's low-bit states leave such tensors, and those that
do not fill their blocks, in the parameter's format.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..ledger.arithmetic import Size
from ..ledger.dtypes import Dtype
from ..ledger.ledger import Ledger
from ..ledger.registry import Registry
from ..ledger.tensor import Tensor
from .arguments import need_ledger
from .derive import (
    Derived,
    at_least,
    below,
    blocks,
    columns,
    derive,
    doubled,
    hidden_matrix,
    matrix,
    rows,
    same,
    scalar,
    table,
    unless,
    vector,
    whole_blocks,
)

_TORCH, _BNB, _TORCHAO, _HF = "torch.optim", "bitsandbytes.optim", "torchao.optim", "transformers.optimization"

#: Smaller tensors keep their states in full precision: bitsandbytes' and torchao's rule.
_SMALL = 4096


@dataclass(frozen=True, slots=True)
class Optimizer:
    """An optimizer: what it keeps for each parameter tensor between steps.

    paged  states of large tensors lie in memory that the driver may move to the host; the bytes are the same
    """

    name: str
    title: str
    states: tuple[Derived, ...]
    source: str = _TORCH
    aliases: tuple[str, ...] = ()
    paged: bool = False


def _torch(*names: str, scalars: tuple[str, ...] = ("step",)) -> tuple[Derived, ...]:
    """Scalars in FP32, then one tensor of the parameter's shape and format for each name."""
    return tuple(Derived(name, "fp32", scalar) for name in scalars) + tuple(Derived(name) for name in names)


def _full(*moments: str) -> tuple[Derived, ...]:
    """bitsandbytes, 32 bit: FP32 moments, no counter."""
    return tuple(Derived(moment, "fp32") for moment in moments)


def _eight_bit(moments: int, first: Callable[..., object] = lambda shape: shape) -> tuple[Derived, ...]:
    """bitsandbytes, 8 bit: codes, scales and table for large tensors, FP32 for small ones.

    `first` says how many moments share the first buffer (AdEMAMix keeps two in it).
    """
    large, small = [], []
    for i in range(1, moments + 1):
        size = first if i == 1 else lambda shape: shape
        large += [
            Derived(f"state{i}", "uint8", size(same), at_least(_SMALL)),
            Derived(f"absmax{i}", "fp32", size(blocks(256)), at_least(_SMALL)),
            Derived(f"qmap{i}", "fp32", table(256), at_least(_SMALL)),
        ]
        small.append(Derived(f"state{i}", "fp32", size(same), below(_SMALL)))
    return tuple(large + small)


def _torchao(dtype: str, block: int, entries: int) -> tuple[Derived, ...]:
    """torchao: codes, an FP32 scale a block and perhaps a table; the parameter's format where blocks do not fit."""
    low = whole_blocks(_SMALL, block)
    states = [Derived("step", "fp32", scalar)]
    for moment in ("exp_avg", "exp_avg_sq"):
        states += [Derived(f"{moment}.codes", dtype, when=low), Derived(f"{moment}.scale", "fp32", blocks(block), low)]
        states += [Derived(f"{moment}.qmap", "fp32", table(entries), low)] if entries else []
        states.append(Derived(moment, when=unless(low)))
    return tuple(states)


def _only(when: Callable[[Tensor], Size], states: tuple[Derived, ...]) -> tuple[Derived, ...]:
    return tuple(replace(state, when=when) for state in states)


_FACTORED = (
    Derived("exp_avg_sq_row", "fp32", rows, matrix), Derived("exp_avg_sq_col", "fp32", columns, matrix),
    Derived("RMS", "fp32", scalar), Derived("exp_avg_sq", "fp32", when=vector),
)  # fmt: skip
_UNORM = Derived("unorm_vec", "fp32", table(1))

_OPTIMIZERS = (
    Optimizer("sgd", "SGD", (), aliases=("SGD", "lomo")),
    Optimizer("sgd-momentum", "SGD with momentum", _torch("momentum_buffer", scalars=()),
              aliases=("SGD+momentum", "SGD+nesterov", "SGD+momentum+nesterov", "SGD momentum", "sgd-nesterov")),
    Optimizer("adam", "Adam", _torch("exp_avg", "exp_avg_sq"), aliases=("Adam", "Adam fused", "adam_fused")),
    Optimizer("adam-amsgrad", "Adam, AMSGrad", _torch("exp_avg", "exp_avg_sq", "max_exp_avg_sq"),
              aliases=("Adam amsgrad", "Adam amsgrad fused", "amsgrad", "AdamW amsgrad", "AdamW amsgrad fused")),
    Optimizer("adamw", "AdamW", _torch("exp_avg", "exp_avg_sq"),
              aliases=("AdamW", "AdamW fused", "adamw_fused", "adamw_torch", "adamw_torch_fused", "adamw_torch_xla",
                       "adamw_torch_npu_fused")),
    Optimizer("adamax", "Adamax", _torch("exp_avg", "exp_inf"), aliases=("Adamax",)),
    Optimizer("nadam", "NAdam", _torch("exp_avg", "exp_avg_sq", scalars=("step", "mu_product")), aliases=("NAdam",)),
    Optimizer("radam", "RAdam", _torch("exp_avg", "exp_avg_sq"), aliases=("RAdam",)),
    Optimizer("adagrad", "Adagrad", _torch("sum"), aliases=("Adagrad",)),
    Optimizer("adadelta", "Adadelta", _torch("square_avg", "acc_delta"), aliases=("Adadelta",)),
    Optimizer("asgd", "averaged SGD", _torch("ax", scalars=("step", "eta", "mu")), aliases=("ASGD",)),
    Optimizer("rprop", "Rprop", _torch("prev", "step_size"), aliases=("Rprop",)),
    Optimizer("rmsprop", "RMSprop", _torch("square_avg"), aliases=("RMSprop",)),
    Optimizer("rmsprop-momentum", "RMSprop with momentum", _torch("square_avg", "momentum_buffer"),
              aliases=("RMSprop+momentum", "rmsprop_momentum")),
    Optimizer("rmsprop-centered", "RMSprop, centred", _torch("square_avg", "grad_avg"),
              aliases=("RMSprop+centered",)),
    Optimizer("rmsprop-centered-momentum", "RMSprop, centred, with momentum",
              _torch("square_avg", "momentum_buffer", "grad_avg"),
              aliases=("RMSprop centered+momentum", "RMSprop+centered+momentum")),
    Optimizer("adafactor", "Adafactor", _FACTORED, _HF, ("HF Adafactor", "Adafactor")),
    Optimizer("adafactor-momentum", "Adafactor with beta1", (Derived("exp_avg", "fp32"), *_FACTORED), _HF,
              ("HF Adafactor beta1=0.9", "HF Adafactor beta1", "adafactor-beta1", "adafactor_beta1")),
    Optimizer("adafactor-torch", "Adafactor of torch",
              (Derived("step", "fp32", scalar), Derived("row_var", None, rows, matrix),
               Derived("col_var", None, columns, matrix), Derived("variance", when=vector)),
              aliases=("torch Adafactor", "adafactor_torch")),
    Optimizer("muon", "Muon for the layers' matrices, AdamW for the rest",
              (Derived("momentum_buffer", when=hidden_matrix),
               *_only(unless(hidden_matrix), _torch("exp_avg", "exp_avg_sq"))),
              aliases=("Muon", "torch Muon(2D)+AdamW(rest)", "muon+adamw", "muon-adamw")),
    Optimizer("adamw-torchao-8bit", "AdamW, 8 bit, torchao", _torchao("uint8", 256, 256), _TORCHAO,
              ("torchao AdamW8bit", "torchao Adam8bit", "adamw_torch_8bit")),
    Optimizer("adamw-torchao-4bit", "AdamW, 4 bit, torchao", _torchao("int4", 128, 16), _TORCHAO,
              ("torchao AdamW4bit", "torchao Adam4bit", "adamw_torch_4bit")),
    Optimizer("adamw-torchao-fp8", "AdamW, FP8, torchao", _torchao("fp8_e4m3", 256, 0), _TORCHAO,
              ("torchao AdamWFp8", "torchao AdamFp8", "adamw_torch_fp8")),
    Optimizer("adamw-32bit", "AdamW, 32 bit, bitsandbytes", _full("state1", "state2"), _BNB,
              ("bnb AdamW32bit", "bnb AdamW", "bnb Adam", "bnb Adam32bit", "adamw_bnb_32bit", "adamw_32bit")),
    Optimizer("adamw-8bit", "AdamW, 8 bit, bitsandbytes", _eight_bit(2), _BNB,
              ("bnb AdamW8bit", "bnb Adam8bit", "adamw_bnb_8bit", "adamw_8bit", "adamw8bit", "AdamW8bit", "adam-8bit",
               "Adam8bit", "adam_8bit")),
    Optimizer("lion", "Lion", _full("state1"), _BNB, ("bnb Lion", "bnb Lion32bit", "Lion", "lion_32bit", "lion-32bit")),
    Optimizer("lion-8bit", "Lion, 8 bit", _eight_bit(1), _BNB, ("bnb Lion8bit", "lion_8bit", "Lion8bit")),
    Optimizer("sgd-32bit", "SGD with momentum, bitsandbytes", _full("state1"), _BNB, ("bnb SGD", "bnb SGD32bit")),
    Optimizer("sgd-8bit", "SGD with momentum, 8 bit", _eight_bit(1), _BNB, ("bnb SGD8bit", "sgd_8bit", "SGD8bit")),
    Optimizer("rmsprop-32bit", "RMSprop, bitsandbytes", _full("state1"), _BNB,
              ("bnb RMSprop", "bnb RMSprop32bit", "rmsprop_bnb", "rmsprop_bnb_32bit")),
    Optimizer("rmsprop-8bit", "RMSprop, 8 bit", _eight_bit(1), _BNB,
              ("bnb RMSprop8bit", "rmsprop_bnb_8bit", "RMSprop8bit")),
    Optimizer("adagrad-32bit", "Adagrad, bitsandbytes", _full("state1"), _BNB, ("bnb Adagrad", "bnb Adagrad32bit")),
    Optimizer("adagrad-8bit", "Adagrad, 8 bit", _eight_bit(1), _BNB,
              ("bnb Adagrad8bit", "adagrad_8bit", "Adagrad8bit")),
    Optimizer("ademamix", "AdEMAMix", (Derived("state1", "fp32", doubled(same)), Derived("state2", "fp32")), _BNB,
              ("bnb AdEMAMix", "AdEMAMix")),
    # This class makes no room for the second of its first moments; AdEMAMix itself, which transformers uses, does.
    Optimizer("ademamix-32bit", "AdEMAMix, 32 bit", _full("state1", "state2"), _BNB, ("bnb AdEMAMix32bit",)),
    Optimizer("ademamix-8bit", "AdEMAMix, 8 bit", _eight_bit(2, doubled), _BNB,
              ("bnb AdEMAMix8bit", "ademamix_8bit", "AdEMAMix8bit")),
    Optimizer("lamb", "LAMB", (*_full("state1", "state2"), _UNORM), _BNB, ("bnb LAMB", "bnb LAMB32bit", "LAMB")),
    Optimizer("lamb-8bit", "LAMB, 8 bit", (*_eight_bit(2), _UNORM), _BNB, ("bnb LAMB8bit", "LAMB8bit")),
    Optimizer("lars", "LARS", (*_full("state1"), _UNORM), _BNB, ("bnb LARS", "bnb LARS32bit", "LARS")),
    Optimizer("lars-8bit", "LARS, 8 bit", (*_eight_bit(1), _UNORM), _BNB, ("bnb LARS8bit", "LARS8bit")),
)  # fmt: skip


def _paged(name: str, *aliases: str) -> Optimizer:
    """bitsandbytes' paged variant of an optimizer."""
    base = next(o for o in _OPTIMIZERS if o.name == name)
    return replace(base, name=f"paged-{name}", title=f"{base.title}, paged", aliases=aliases, paged=True)


_PAGED = (
    _paged("adamw-32bit", "bnb PagedAdamW", "bnb PagedAdam", "bnb PagedAdamW32bit", "bnb PagedAdam32bit",
           "paged_adamw_32bit", "paged-adamw"),
    _paged("adamw-8bit", "bnb PagedAdamW8bit", "bnb PagedAdam8bit", "paged_adamw_8bit", "PagedAdamW8bit"),
    _paged("lion", "bnb PagedLion", "bnb PagedLion32bit", "paged_lion_32bit", "paged-lion-32bit"),
    _paged("lion-8bit", "bnb PagedLion8bit", "paged_lion_8bit", "PagedLion8bit"),
    _paged("ademamix", "bnb PagedAdEMAMix", "bnb PagedAdEMAMix32bit", "paged_ademamix_32bit", "paged-ademamix-32bit"),
    _paged("ademamix-8bit", "bnb PagedAdEMAMix8bit", "paged_ademamix_8bit", "PagedAdEMAMix8bit"),
)  # fmt: skip

_MODULES = ("", "torch", "bnb", "torchao", "HF")
_BEFORE = {
    _TORCH: ("torch ", "torch.optim."), _BNB: ("bnb.optim.", "bitsandbytes ", "bitsandbytes.optim."),
    _TORCHAO: ("torchao.optim.",), _HF: ("transformers.",),
}  # fmt: skip


def _spellings(optimizer: Optimizer) -> tuple[str, ...]:
    """Its aliases, and its class after the name of the module that has it."""
    words = [alias.rpartition(" ") for alias in optimizer.aliases]
    classes = [name for module, _, name in words if module in _MODULES and name.isidentifier() and name[0].isupper()]
    return optimizer.aliases + tuple(f"{before}{name}" for before in _BEFORE[optimizer.source] for name in classes)


#: Every optimizer by name; torch's class names and the `optim` names of Hugging Face's TrainingArguments are found too.
optimizers: Registry[Optimizer] = Registry(
    "optimizer",
    {o.name: o for o in _OPTIMIZERS + _PAGED},
    {alias: o.name for o in _OPTIMIZERS + _PAGED for alias in _spellings(o)},
)


def optimizer_states(ledger: Ledger, optimizer: str = "adamw", *, dtype: str | Dtype | None = None) -> Ledger:
    """What the optimizer keeps for the tensors of `ledger` (the trainable parameters) after its first step.

    States that follow the parameter's format take `dtype` instead, if given. Raises `VramError` for an unknown name.
    Source: real optimizers after one step on small models (tests/fixtures/optimizer_state.json).

    >>> from vram import models, weights
    >>> optimizer_states(weights(models["gpt2"], dtype="fp32"), "sgd").nbytes
    0
    """
    return derive(need_ledger(ledger), optimizers[optimizer].states, dtype)
