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


def linear(name: str, d_in: Size, d_out: Size, *, kind: str, dtype: Dtype, axes: Axes = (), bias: bool = False) -> Rows:
    """y = x Wᵀ + b as torch's Linear stores it: weight (d_out, d_in), bias (d_out)."""
    yield Tensor(f"{name}.weight", (d_out, d_in), dtype, kind, axes, "linear", kind)
    if bias:
        yield Tensor(f"{name}.bias", (d_out,), dtype, kind, axes, "linear", kind)


def conv1d(name: str, d_in: Size, d_out: Size, *, kind: str, dtype: Dtype, axes: Axes = (), bias: bool = True) -> Rows:
    """The same map as GPT-2 stores it: weight (d_in, d_out), the transpose of Linear's."""
    yield Tensor(f"{name}.weight", (d_in, d_out), dtype, kind, axes, "conv1d", kind)
    if bias:
        yield Tensor(f"{name}.bias", (d_out,), dtype, kind, axes, "conv1d", kind)


def embedding(name: str, rows: Size, width: Size, *, dtype: Dtype, kind: str = "embedding") -> Rows:
    """A table of vectors, one a token or one a position."""
    yield Tensor(f"{name}.weight", (rows, width), dtype, kind, (), "embedding", kind)


def norm(name: str, width: Size, *, dtype: Dtype, axes: Axes = (), bias: bool = False) -> Rows:
    """LayerNorm with a scale and a shift, or RMSNorm with a scale alone."""
    yield Tensor(f"{name}.weight", (width,), dtype, "norm", axes, "norm", "norm")
    if bias:
        yield Tensor(f"{name}.bias", (width,), dtype, "norm", axes, "norm", "norm")
