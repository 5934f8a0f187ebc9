"""The parts that transformers are made of, each as the tensors it stores. Taught in lessons 02 and 03.

A block yields `Tensor` rows; its sizes may be ints, symbols or arrays. Names are those of the checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..ledger.arithmetic import Size
from ..ledger.dtypes import Dtype
from ..ledger.tensor import Axis, Tensor

Rows = Iterator[Tensor]
Axes = tuple[Axis, ...]


def linear(
    name: str, d_in: Size, d_out: Size, *, kind: str, dtype: Dtype, axes: Axes = (), bias: bool = False, part: str = ""
) -> Rows:
    """y = x Wᵀ + b as torch's Linear stores it: weight (d_out, d_in), bias (d_out)."""
    yield Tensor(f"{name}.weight", (d_out, d_in), dtype, kind, axes, "linear", part or kind)
    if bias:
        yield Tensor(f"{name}.bias", (d_out,), dtype, kind, axes, "linear", part or kind)


def conv1d(
    name: str, d_in: Size, d_out: Size, *, kind: str, dtype: Dtype, axes: Axes = (), bias: bool = True, part: str = ""
) -> Rows:
    """The same map as GPT-2 stores it: weight (d_in, d_out), the transpose of Linear's."""
    for row in linear(name, d_in, d_out, kind=kind, dtype=dtype, axes=axes, bias=bias, part=part):
        yield Tensor(row.name, row.shape[::-1], dtype, kind, axes, "conv1d", row.part)


def embedding(name: str, rows: Size, width: Size, *, dtype: Dtype, kind: str = "embedding", axes: Axes = ()) -> Rows:
    """A table of vectors, one a token or one a position."""
    yield Tensor(f"{name}.weight", (rows, width), dtype, kind, axes, "embedding", kind)


def norm(name: str, width: Size, *, dtype: Dtype, axes: Axes = (), bias: bool = False, weight: bool = True) -> Rows:
    """LayerNorm with a scale and a shift, RMSNorm with a scale alone, or a norm that stores nothing."""
    shape = width if isinstance(width, tuple) else (width,)
    if weight:
        yield Tensor(f"{name}.weight", shape, dtype, "norm", axes, "norm", "norm")
    if bias:
        yield Tensor(f"{name}.bias", shape, dtype, "norm", axes, "norm", "norm")


def parameter(name: str, *shape: Size, kind: str, dtype: Dtype, axes: Axes = (), op: str = "", part: str = "") -> Rows:
    """A bare tensor that no module of a known kind owns; `op` experts for the stacked matrices of many experts."""
    yield Tensor(name, shape, dtype, kind, axes, op, part or kind)
