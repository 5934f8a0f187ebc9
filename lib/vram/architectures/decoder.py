"""The decoder that GPT-2, LLaMA and their kin share: which tensors it stores, in the order of the checkpoint.

What differs between families is data: names, defaults, and the structural fields of the architecture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ledger.arithmetic import Size
from ..ledger.dtypes import Dtype
from ..ledger.tensor import Axis
from .blocks import Axes, Rows, conv1d, embedding, linear, norm

if TYPE_CHECKING:
    from .architecture import Architecture


def parameters(arch: Architecture, dtype: Dtype) -> Rows:
    """Every parameter tensor of the model; a tied head is not stored, so it has no row."""
    names, h = arch.family.names, arch.hidden_size
    axes = (Axis(arch.num_hidden_layers),)
    yield from embedding(names["embedding"], arch.vocab_size, h, dtype=dtype)
    if arch.positions == "learned":
        rows = arch.max_position_embeddings
        yield from embedding(names["positions"], rows, h, dtype=dtype, kind="position_embedding")
    yield from norm(names["attention_norm"], h, dtype=dtype, axes=axes, bias=arch.norm_bias)
    yield from attention(arch, dtype, axes)
    yield from norm(names["mlp_norm"], h, dtype=dtype, axes=axes, bias=arch.norm_bias)
    yield from mlp(arch, dtype, axes, arch.intermediate_size)
    yield from norm(names["final_norm"], h, dtype=dtype, bias=arch.norm_bias)
    if not arch.tie_word_embeddings:
        yield from linear(names["lm_head"], h, arch.vocab_size, kind="lm_head", dtype=dtype)


def attention(arch: Architecture, dtype: Dtype, axes: Axes) -> Rows:
    """Q, K, V and the output projection: a·d wide for queries, g·d for keys and values; one matrix where fused."""
    names, h = arch.family.names, arch.hidden_size
    queries = arch.num_attention_heads * arch.head_dim
    keys = arch.num_key_value_heads * arch.head_dim
    project = conv1d if arch.family.transposed else linear
    common = {"kind": "attention", "dtype": dtype, "axes": axes}
    if "qkv" in names:
        yield from project(names["qkv"], h, queries + 2 * keys, bias=arch.attention_bias, **common)
    else:
        yield from project(names["q"], h, queries, bias=arch.attention_bias, **common)
        yield from project(names["k"], h, keys, bias=arch.attention_bias, **common)
        yield from project(names["v"], h, keys, bias=arch.attention_bias, **common)
    yield from project(names["o"], queries, h, bias=arch.attention_out_bias, **common)


def mlp(arch: Architecture, dtype: Dtype, axes: Axes, f: Size) -> Rows:
    """h → f → h: two matrices, or three with a gate."""
    names, h = arch.family.names, arch.hidden_size
    project = conv1d if arch.family.transposed else linear
    common = {"kind": "mlp", "dtype": dtype, "axes": axes, "bias": arch.mlp_bias}
    if arch.mlp_gated:
        yield from project(names["gate"], h, f, **common)
    yield from project(names["up"], h, f, **common)
    yield from project(names["down"], f, h, **common)
