"""A layer with experts: a router chooses a few of many MLPs for each token; shared experts serve every token.

Tensors of an expert are of kind mlp and part expert, those of a shared expert of part shared_expert, so that the
parameters that a token uses are a fold over the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..ledger.dtypes import Dtype
from ..ledger.tensor import Axis
from .blocks import Axes, Rows, linear, parameter

if TYPE_CHECKING:
    from .architecture import Architecture


def experts(arch: Architecture, dtype: Dtype, names: Mapping[str, str], axes: Axes) -> Rows:
    """Router, experts and shared experts of the layers of `axes`."""
    yield from router(arch, dtype, names, axes)
    if "experts_down" in names:
        yield from _stacked(arch, dtype, names, axes)
    else:
        h, f = arch.hidden_size, arch.moe_intermediate_size
        each = {"kind": "mlp", "part": "expert", "dtype": dtype, "axes": (*axes, Axis(arch.num_experts))}
        yield from linear(names["expert_gate"], h, f, **each)
        yield from linear(names["expert_up"], h, f, **each)
        yield from linear(names["expert_down"], f, h, **each)
    if arch.shared_expert_intermediate_size:
        yield from _shared(arch, dtype, names, axes)


def router(arch: Architecture, dtype: Dtype, names: Mapping[str, str], axes: Axes) -> Rows:
    """One row of scores for each expert; gpt-oss keeps it as bare tensors, not as a Linear module."""
    common = {"kind": "router", "dtype": dtype, "axes": axes}
    if "router_tensor" in names:
        yield from parameter(f"{names['router_tensor']}.weight", arch.num_experts, arch.hidden_size, **common)
        yield from parameter(f"{names['router_tensor']}.bias", arch.num_experts, **common)
    else:
        yield from linear(names["router"], arch.hidden_size, arch.num_experts, bias=arch.router_bias, **common)
    if arch.router_correction:
        yield from parameter(names["router_correction"], arch.num_experts, **common)


def _stacked(arch: Architecture, dtype: Dtype, names: Mapping[str, str], axes: Axes) -> Rows:
    """All experts of a layer in one tensor; gate and up side by side. Stored (in, out) or (out, in) a family's way."""
    h, f, n = arch.hidden_size, arch.moe_intermediate_size, arch.num_experts
    common = {"kind": "mlp", "part": "expert", "op": "experts", "dtype": dtype, "axes": axes}
    turn = arch.family.experts_in_first
    yield from parameter(names["experts_gate_up"], n, *((h, 2 * f) if turn else (2 * f, h)), **common)
    if "experts_gate_up_bias" in names:
        yield from parameter(names["experts_gate_up_bias"], n, 2 * f, **common)
    yield from parameter(names["experts_down"], n, *((f, h) if turn else (h, f)), **common)
    if "experts_down_bias" in names:
        yield from parameter(names["experts_down_bias"], n, h, **common)


def _shared(arch: Architecture, dtype: Dtype, names: Mapping[str, str], axes: Axes) -> Rows:
    """The MLP that every token visits, as wide as all shared experts together."""
    h, f = arch.hidden_size, arch.shared_expert_intermediate_size
    common = {"kind": "mlp", "part": "shared_expert", "dtype": dtype, "axes": axes, "bias": arch.mlp_bias}
    if "shared_gate_up" in names:
        yield from linear(names["shared_gate_up"], h, 2 * f, **common)
    else:
        yield from linear(names["shared_gate"], h, f, **common)
        yield from linear(names["shared_up"], h, f, **common)
    yield from linear(names["shared_down"], f, h, **common)
    if "shared_router" in names:
        yield from linear(names["shared_router"], h, 1, kind="router", dtype=dtype, axes=axes)
