"""Tensor, expert and context parallelism: cards that share the matrices, the experts or the tokens of every layer.

Matrices that make heads or the inner width of the MLP are cut by outputs (columns), those that bring them back by
inputs (rows); embedding and head by the vocabulary. Norms, routers and the biases after a row cut are on every card.
A card holds at least one key/value head, so with fewer heads than cards some are held twice.
"""

from __future__ import annotations

from ...ledger.arithmetic import Size, is_whole, largest, smallest
from ...ledger.tensor import Axis, Tensor
from ..roles import role
from .plan import Plan, is_expert, is_parameter, share

_COLUMN = frozenset({
    "attn_q", "attn_k", "attn_v", "attn_qkv", "attn_q_b", "attn_kv_b", "ffn_gate", "ffn_up", "output", "token_embd",
})  # fmt: skip
_ROW = frozenset({"attn_output", "ffn_down"})
#: What a tensor has once, however large it is: counters, tables, scales of the whole.
_ONCE = frozenset({
    "step", "eta", "mu", "mu_product", "RMS", "qmap", "qmap1", "qmap2", "quant_map", "nested_quant_map",
    "nested_offset", "unorm_vec", "weight_scale_2", "input_scale",
})  # fmt: skip
#: A number for each output, a number for each input: factored moments, scales of rows, groups of columns.
_BY_OUTPUT = frozenset({"exp_avg_sq_row", "row_var", "SCB"})
_BY_INPUT = frozenset({"exp_avg_sq_col", "col_var", "g_idx"})


def within_layers(tensor: Tensor, plan: Plan, seq_len: Size | None) -> Tensor:
    """One card's part of a tensor under tp, ep and cp."""
    if is_parameter(tensor):
        return _expert_share(_cut_parameter(tensor, plan), plan)
    return _cut_activation(_cut_sequence(tensor, plan, seq_len), plan)


def _cut_parameter(tensor: Tensor, plan: Plan) -> Tensor:
    last = tensor.name.rsplit(".", 1)[-1]
    use = role(tensor)
    by_column = use in _COLUMN
    if plan.tp == 1 or not tensor.shape or last in _ONCE or not (by_column or use in _ROW):
        return tensor
    if ".lora_A" in tensor.name or ".lora_B" in tensor.name:
        # The half of an adapter that faces the uncut side is whole on every card.
        if by_column != (".lora_B" in tensor.name):
            return tensor
    elif ".bias" in tensor.name and not by_column:
        return tensor
    elif last in _BY_INPUT if by_column else last in _BY_OUTPUT or _is_one_wide(tensor):
        return tensor
    if use == "attn_qkv" and len(tensor.shape) >= 1 and plan.arch is not None:
        return _cut_fused(tensor, plan)
    cards = _key_cards(plan) if use in ("attn_k", "attn_v") else plan.tp
    return _cut(tensor, -2 if by_column else -1, cards, plan.rank("tp") * cards // plan.tp)


def _is_one_wide(tensor: Tensor) -> bool:
    """True for a column of scales, (out × 1)."""
    return len(tensor.shape) >= 2 and is_whole(tensor.shape[-1]) and tensor.shape[-1] == 1


def _key_cards(plan: Plan) -> int:
    """Among how many cards key/value heads are divided: no more than there are heads."""
    heads = plan.arch.num_key_value_heads if plan.arch is not None else plan.tp
    return smallest((plan.tp, heads)) if is_whole(heads) else plan.tp


def _cut_fused(tensor: Tensor, plan: Plan) -> Tensor:
    """Q, K and V in one matrix: the queries are divided among all cards, keys and values among as many as there are."""
    arch, tp = plan.arch, plan.tp
    whole = (arch.num_attention_heads + 2 * arch.num_key_value_heads) * arch.head_dim
    mine = (share(arch.num_attention_heads, tp, plan.rank("tp")) + 2 * _key_heads(plan)) * arch.head_dim
    shape = tuple(mine if n is whole or (is_whole(n) and n == whole) else n for n in tensor.shape)
    return tensor.but(shape=shape) if shape != tensor.shape else _cut(tensor, -2, tp, plan.rank("tp"))


def _key_heads(plan: Plan) -> Size:
    cards = _key_cards(plan)
    return share(plan.arch.num_key_value_heads, cards, plan.rank("tp") * cards // plan.tp)


def _cut(tensor: Tensor, dim: int, parts: int, index: int) -> Tensor:
    """The tensor with one dimension divided; the other one where it alone divides evenly (GPT-2 stores transposes)."""
    shape = list(tensor.shape)
    dim = max(dim, -len(shape))
    other = -3 - dim
    if len(shape) >= 2 and is_whole(shape[dim]) and shape[dim] % parts and is_whole(shape[other]):
        dim = dim if shape[other] % parts else other
    shape[dim] = share(shape[dim], parts, index)
    return tensor.but(shape=tuple(shape))


def _expert_share(tensor: Tensor, plan: Plan) -> Tensor:
    """The experts of one card: fewer of them on the axis, or fewer in a stacked tensor."""
    if plan.ep == 1 or not is_expert(tensor):
        return tensor
    if len(tensor.axes) > 1:
        layers, experts, *rest = tensor.axes
        return tensor.but(axes=(layers, Axis(plan.share(experts.count, "ep")), *rest))
    if not tensor.shape:
        return tensor  # the counter of a stack
    return tensor.but(shape=(plan.share(tensor.shape[0], "ep"), *tensor.shape[1:]))


def _cut_sequence(tensor: Tensor, plan: Plan, seq_len: Size | None) -> Tensor:
    """The tokens of one card, where a dimension is the sequence."""
    if plan.cp == 1 or seq_len is None:
        return tensor
    shape = list(tensor.shape)
    for place, size in enumerate(shape):
        if size is seq_len or (is_whole(size) and size == seq_len):
            shape[place] = plan.share(size, "cp")
            return tensor.but(shape=tuple(shape))
    return tensor


def _cut_activation(tensor: Tensor, plan: Plan) -> Tensor:
    """Under tp: heads, inner width and vocabulary are divided; the stream between the matrices only with sp."""
    if plan.tp == 1 or not tensor.shape or tensor.kind == "overhead":
        return tensor
    if tensor.kind == "KV cache":
        batch, heads, *rest = tensor.shape
        return tensor.but(shape=(batch, largest((1, plan.share(heads, "tp"))), *rest))
    if is_stream(tensor) and not plan.sp:
        return tensor
    repeated = tensor.part == "attention" and tensor.name.endswith((":key", ":value"))
    cards = _key_cards(plan) if repeated else plan.tp
    return _cut(tensor, -1, cards, plan.rank("tp") * cards // plan.tp)


def is_stream(tensor: Tensor) -> bool:
    """True for what lies between the matrices of a layer, as wide as the model: norms, residuals, inputs of Q, K, V."""
    if tensor.kind == "logits" or tensor.name.startswith("loss"):
        return False
    return tensor.part not in ("attention", "mlp", "expert", "shared_expert", "lm_head")
