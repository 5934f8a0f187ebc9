"""What is a tensor for? Query, value, output projection, gate …: one word for the spellings of all families.

llama.cpp chooses a type by role, tensor parallelism a direction to cut. The words are those of GGUF. A tensor that
exists because of another (a gradient, a moment, a scale, an adapter) has the role of that other one.
"""

from __future__ import annotations

import re

from ..ledger.tensor import Tensor

_ATTENDS = re.compile(r"attn|attention", re.IGNORECASE)
_SPELLINGS = {
    True: {
        "attn_q": "q_proj q query q_lin", "attn_k": "k_proj k key k_lin", "attn_v": "v_proj v value v_lin",
        "attn_qkv": "qkv_proj query_key_value c_attn Wqkv", "attn_output": "o_proj out_proj o dense c_proj out_lin",
        "attn_q_a": "q_a_proj", "attn_q_b": "q_b_proj", "attn_kv_a": "kv_a_proj_with_mqa", "attn_kv_b": "kv_b_proj",
    },
    False: {
        "ffn_gate": "gate_proj w1 wi_0",
        "ffn_up": "up_proj gate_up_proj w3 wi wi_1 c_fc fc1 fc_in dense_h_to_4h lin1 input_linear",
        "ffn_down": "down_proj w2 wo c_proj fc2 fc_out dense_4h_to_h lin2 output_linear",
        "router": "gate router shared_expert_gate",
    },
}  # fmt: skip
_ROLES = {
    (attends, word): role
    for attends, roles in _SPELLINGS.items()
    for role, words in roles.items()
    for word in words.split()
}
_PARTS = {"lm_head": "output", "embedding": "token_embd", "router": "router", "norm": "norm"}


def role(tensor: Tensor) -> str:
    """attn_q, attn_k, attn_v, attn_qkv, attn_output, ffn_gate, ffn_up, ffn_down, token_embd, output, router, norm; or
    other, for a part that few models have.

    >>> from vram.ledger.dtypes import dtypes
    >>> role(Tensor("model.layers.{}.self_attn.o_proj.weight.grad", (8, 8), dtypes["bf16"], part="attention"))
    'attn_output'
    """
    part = tensor.part or tensor.kind
    if part in _PARTS:
        return _PARTS[part]
    attends = bool(_ATTENDS.search(tensor.name))
    for word in reversed(tensor.name.split(".")):
        if (attends, word) in _ROLES:
            return _ROLES[attends, word]
    return "other"
