"""The stack of layers that all families share: which tensors it stores, from the embedding to the head.

What differs between families is data: names, defaults, and the structural fields of the architecture. A slot that a
family does not name is a part that it does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..ledger.arithmetic import Size
from ..ledger.dtypes import Dtype
from ..ledger.tensor import Axis
from .blocks import Axes, Rows, conv1d, embedding, linear, norm, parameter
from .layers import dense_and_sparse

if TYPE_CHECKING:
    from .architecture import Architecture


@dataclass(frozen=True, slots=True)
class Stack:
    """What a block needs to know: the architecture, the number format, the names and the layers it runs over."""

    arch: Architecture
    dtype: Dtype
    names: Mapping[str, str]
    layers: Axes


def decoder(arch: Architecture, dtype: Dtype, tied_head: bool = False) -> Rows:
    """Every parameter tensor of the model; a tied head is not stored, so it has a row only when asked for."""
    stack = Stack(arch, dtype, arch.names, (Axis(arch.num_hidden_layers),))
    yield from embeddings(stack)
    yield from layer(stack)
    if arch.final_norm:
        yield from _norm(stack, "final_norm", ())
    yield from head(stack, tied_head)


def embeddings(stack: Stack) -> Rows:
    """The tables of tokens, positions and segments, and what is done to them before the first layer."""
    arch, dtype, names = stack.arch, stack.dtype, stack.names
    width = arch.embedding_size
    yield from embedding(names["embedding"], arch.vocab_size, width, dtype=dtype)
    if arch.positions == "learned":
        rows = arch.max_position_embeddings + arch.position_offset
        yield from embedding(names["positions"], rows, arch.hidden_size, dtype=dtype, kind="position_embedding")
    if "segments" in names and arch.type_vocab_size != 0:
        yield from embedding(
            names["segments"], arch.type_vocab_size, arch.hidden_size, dtype=dtype, kind="position_embedding"
        )
    yield from _norm(stack, "embedding_norm", ())
    if "project_in" in names and _differ(width, arch.hidden_size):
        for slot, d_in, d_out in (("project_in", width, arch.hidden_size), ("project_out", arch.hidden_size, width)):
            yield from linear(names[slot], d_in, d_out, kind="projection", dtype=dtype)


def layer(stack: Stack) -> Rows:
    """One layer, counted as often as there are layers: attention, then the MLP or the experts, norms around them."""
    arch = stack.arch
    yield from _norm(stack, "attention_norm")
    yield from arch.family.attention(stack)
    yield from _norm(stack, "attention_post_norm")
    if not arch.shared_norm:
        yield from _norm(stack, "mlp_norm")
    yield from feed_forward(stack)
    yield from _norm(stack, "mlp_post_norm")


def grouped_attention(stack: Stack) -> Rows:
    """Q, K, V and the output projection: a·d wide for queries, g·d for keys and values; one matrix where fused."""
    arch, names, h = stack.arch, stack.names, stack.arch.hidden_size
    queries = arch.num_attention_heads * arch.head_dim
    keys = arch.num_key_value_heads * arch.head_dim
    project = conv1d if arch.family.transposed else linear
    common = {"kind": "attention", "dtype": stack.dtype, "axes": stack.layers}
    if "qkv" in names:
        yield from project(names["qkv"], h, queries + 2 * keys, bias=arch.attention_bias, **common)
    else:
        yield from project(names["q"], h, queries, bias=arch.attention_bias, **common)
        yield from project(names["k"], h, keys, bias=arch.attention_bias, **common)
        yield from project(names["v"], h, keys, bias=arch.attention_bias, **common)
    yield from project(names["o"], queries, h, bias=arch.attention_out_bias, **common)
    if "sinks" in names:
        yield from parameter(names["sinks"], arch.num_attention_heads, **common)
    if arch.qk_norm != "none":
        yield from _head_norm(stack, "q_norm", arch.num_attention_heads)
        yield from _head_norm(stack, "k_norm", arch.num_key_value_heads)


def latent_attention(stack: Stack) -> Rows:
    """Multi-head latent attention: keys and values (and perhaps queries) pass through a narrow vector."""
    arch, names, h, a = stack.arch, stack.names, stack.arch.hidden_size, stack.arch.num_attention_heads
    common = {"kind": "attention", "dtype": stack.dtype, "axes": stack.layers}
    queries = a * (arch.qk_nope_head_dim + arch.qk_rope_head_dim)
    if arch.q_lora_rank is None:
        yield from linear(names["q"], h, queries, **common)
    else:
        yield from linear(names["q_a"], h, arch.q_lora_rank, bias=arch.attention_bias, **common)
        yield from norm(names["q_norm"], arch.q_lora_rank, dtype=stack.dtype, axes=stack.layers)
        yield from linear(names["q_b"], arch.q_lora_rank, queries, **common)
    latent = arch.kv_lora_rank
    yield from linear(names["kv_a"], h, latent + arch.qk_rope_head_dim, bias=arch.attention_bias, **common)
    yield from norm(names["kv_norm"], latent, dtype=stack.dtype, axes=stack.layers)
    yield from linear(names["kv_b"], latent, a * (arch.qk_nope_head_dim + arch.v_head_dim), **common)
    yield from linear(names["o"], a * arch.v_head_dim, h, bias=arch.attention_out_bias, **common)


def feed_forward(stack: Stack) -> Rows:
    """The MLP of the dense layers, then router and experts of the others."""
    arch = stack.arch
    if not arch.family.has_experts:
        yield from mlp(stack, stack.layers)
        return
    dense, sparse = dense_and_sparse(arch)
    for axis in dense:
        yield from mlp(stack, (axis,))
    for axis in sparse:
        yield from arch.family.experts(arch, stack.dtype, stack.names, (axis,))


def mlp(stack: Stack, axes: Axes) -> Rows:
    """h → f → h: two matrices, or three with a gate; gate and up in one matrix where fused."""
    arch, names, h, f = stack.arch, stack.names, stack.arch.hidden_size, stack.arch.intermediate_size
    project = conv1d if arch.family.transposed else linear
    common = {"kind": "mlp", "dtype": stack.dtype, "axes": axes, "bias": arch.mlp_bias}
    if "gate_up" in names:
        yield from project(names["gate_up"], h, 2 * f, **common)
    else:
        if arch.mlp_gated:
            yield from project(names["gate"], h, f, **common)
        yield from project(names["up"], h, f, **common)
    yield from project(names["down"], f, h, **common)


def head(stack: Stack, tied_head: bool = False) -> Rows:
    """What follows the last layer: the output head, or the pooler of a model without one."""
    arch, dtype, names, h = stack.arch, stack.dtype, stack.names, stack.arch.hidden_size
    if arch.head == "none":
        if "pooler" in names:
            yield from linear(names["pooler"], h, h, kind="projection", dtype=dtype, bias=True)
        return
    width = arch.embedding_size
    if arch.head == "masked":
        yield from linear(names["head_dense"], h, width, kind="projection", dtype=dtype, bias=True)
        yield from norm(names["head_norm"], width, dtype=dtype, bias=True)
        yield from parameter(names["head_bias"], arch.vocab_size, kind="lm_head", dtype=dtype, op="linear")
    stored = linear(names["lm_head"], width, arch.vocab_size, kind="lm_head", dtype=dtype, bias=arch.lm_head_bias)
    tied = arch.tie_word_embeddings and not tied_head  # a bias is stored even where the matrix is the embedding's
    yield from (row for row in stored if not tied or len(row.shape) == 1)


def _norm(stack: Stack, slot: str, axes: Axes | None = None) -> Rows:
    """A norm over the width of the stream, where the family has one of that name."""
    arch = stack.arch
    if slot in stack.names and arch.norm_weight:
        width = arch.embedding_size if slot == "embedding_norm" else arch.hidden_size
        axes = stack.layers if axes is None else axes
        yield from norm(stack.names[slot], width, dtype=stack.dtype, axes=axes, bias=arch.norm_bias)


def _head_norm(stack: Stack, slot: str, heads: Size) -> Rows:
    """A norm on queries or keys: over one head with a scale for all, with one for each, or over all heads at once."""
    arch, name, axes = stack.arch, stack.names[slot], stack.layers
    d = arch.head_dim
    width = {"head": d, "all heads": heads * d, "each head": (heads, d)}[arch.qk_norm]
    if name.count("{}") > len(axes):  # one module for each head
        axes, width = (*axes, Axis(heads)), d
    yield from norm(name, width, dtype=stack.dtype, axes=axes, bias=arch.qk_norm_bias)


def _differ(one: Size, other: Size) -> bool:
    return one is not other and bool((one != other) if not hasattr(one, "ndim") else (one != other).any())
