"""llama.cpp's mixes as data: which GGUF type each role of tensor gets, layer by layer.

A mix has a default type and exceptions. An exception is a list of (layers, type); the first that holds wins, and
where none does the default stays. Models with grouped keys (four or more query heads a key head), with eight experts,
of the Falcon family, or quantised without an importance matrix have exceptions of their own.
Source: llama_tensor_get_type_impl in llama.cpp's src/llama-quant.cpp, as of 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .layers import Choice, ends_and_thirds, every, first, middle, part

Cases = tuple[tuple[Choice, str], ...]
Roles = Mapping[str, Cases]


def _all(name: str) -> Cases:
    return ((every, name),)


@dataclass(frozen=True, slots=True)
class Mix:
    """One file type of llama.cpp.

    default     type of every matrix without a rule
    output      type of the output head, and of a tied embedding
    roles       exceptions by role; later mappings replace them where their condition holds
    grouped     … a/g ≥ 4
    experts     … eight experts; `many_experts`: four or more
    falcon      … the Falcon family
    no_imatrix  … no importance matrix was used; `imatrix`: one was
    raises_v    models of 80 layers with grouped keys hold attn_v in Q5_K rather than Q3_K or Q4_K
    """

    default: str
    output: str = "Q6_K"
    roles: Roles = field(default_factory=dict)
    grouped: Roles = field(default_factory=dict)
    many_experts: Roles = field(default_factory=dict)
    experts: Roles = field(default_factory=dict)
    falcon: Roles = field(default_factory=dict)
    no_imatrix: Roles = field(default_factory=dict)
    imatrix: Roles = field(default_factory=dict)
    raises_v: bool = True


# Eight experts share their attention among so many weights that eight bits cost little.
_EIGHT = {"attn_v": _all("Q8_0"), "attn_k": _all("Q8_0")}
_EIGHT_AND_OUTPUT = {**_EIGHT, "attn_output": _all("Q5_K")}


def _tiny(default: str, embedding: str, output_projection: str | None) -> Mix:
    """The mixes below three bits: a few tensors are held well above the rest."""
    roles = {"token_embd": _all(embedding), "attn_v": _all(embedding), "ffn_down": ((part(8), embedding),)}
    if output_projection:
        roles["attn_output"] = _all(output_projection)
    v = {"attn_v": _all("Q4_K")}
    return Mix(default, "Q5_K", roles, v, v, {"attn_k": _all("Q4_K"), "attn_output": _all("Q5_K")},
               raises_v=False)  # fmt: skip


def _plain(default: str, output: str = "Q6_K", **roles: Cases) -> Mix:
    return Mix(default, output, roles, experts=_EIGHT)


_FOUR_BIT_NL = {
    "grouped": {"attn_v": _all("Q5_K")},
    "no_imatrix": {"ffn_down": ((part(8), "Q5_K"),)},
    "experts": _EIGHT_AND_OUTPUT,
}

MIXES: dict[str, Mix] = {
    "Q1_0": _plain("Q1_0"),
    "Q2_0": _plain("Q2_0", token_embd=_all("Q4_K")),
    "Q4_0": Mix("Q4_0", experts=_EIGHT, imatrix={"ffn_down": ((part(8), "Q4_1"),)}),
    "Q4_1": _plain("Q4_1"),
    "Q5_0": Mix("Q5_0", experts=_EIGHT, imatrix={"ffn_down": ((part(8), "Q5_1"),)}),
    "Q5_1": _plain("Q5_1"),
    "Q8_0": _plain("Q8_0", "Q8_0"),
    "TQ1_0": _plain("TQ1_0", token_embd=_all("Q4_K")),
    "TQ2_0": _plain("TQ2_0", token_embd=_all("Q4_K")),
    "MXFP4_MOE": Mix("Q8_0", "Q8_0", {"experts": _all("mxfp4")}),
    "Q2_K": Mix(
        "Q2_K", "Q6_K",
        {"attn_v": _all("Q3_K"), "ffn_down": _all("Q3_K"), "attn_output": _all("Q3_K")},
        grouped={"attn_v": _all("Q4_K")}, experts=_EIGHT_AND_OUTPUT, falcon={"attn_output": ()},
    ),
    "Q2_K_S": Mix(
        "Q2_K", "Q6_K", {"ffn_down": ((part(8), "Q4_K"),)}, grouped={"attn_v": _all("Q4_K")}, experts=_EIGHT
    ),
    "Q3_K_S": Mix("Q3_K", experts=_EIGHT_AND_OUTPUT),
    "Q3_K_M": Mix(
        "Q3_K", "Q6_K",
        {"attn_v": ((first(2), "Q5_K"), (every, "Q4_K")), "ffn_down": ((part(16), "Q5_K"), (every, "Q4_K")),
         "attn_output": _all("Q4_K")},
        experts=_EIGHT_AND_OUTPUT,
        falcon={"ffn_down": ((part(16), "Q5_K"), (ends_and_thirds, "Q4_K")), "attn_output": ()},
    ),
    "Q3_K_L": Mix(
        "Q3_K", "Q6_K", {"attn_v": _all("Q5_K"), "ffn_down": _all("Q5_K"), "attn_output": _all("Q5_K")},
        experts={**_EIGHT, "attn_output": ()},
        falcon={"ffn_down": _all("Q4_K"), "attn_output": _all("Q4_K")},
    ),
    "Q4_K_S": Mix(
        "Q4_K", "Q6_K", {"attn_v": ((first(4), "Q5_K"),), "ffn_down": ((part(8), "Q5_K"),)},
        experts=_EIGHT_AND_OUTPUT, falcon={"ffn_down": ()},
    ),
    "Q4_K_M": Mix(
        "Q4_K", "Q6_K", {"attn_v": ((ends_and_thirds, "Q6_K"),), "ffn_down": ((ends_and_thirds, "Q6_K"),)},
        experts=_EIGHT_AND_OUTPUT, falcon={"ffn_down": ((part(16), "Q6_K"), (ends_and_thirds, "Q5_K"))},
    ),
    "Q5_K_S": _plain("Q5_K"),
    "Q5_K_M": _plain("Q5_K", attn_v=((ends_and_thirds, "Q6_K"),), ffn_down=((ends_and_thirds, "Q6_K"),)),
    "Q6_K": _plain("Q6_K"),
    "IQ1_S": _tiny("IQ1_S", "Q2_K", "IQ2_XXS"),
    "IQ1_M": _tiny("IQ1_M", "Q2_K", "IQ2_XXS"),
    "IQ2_XXS": _tiny("IQ2_XXS", "Q2_K", None),
    "IQ2_XS": _tiny("IQ2_XS", "Q2_K", None),
    "IQ2_S": _tiny("IQ2_XS", "IQ3_S", "IQ3_S"),
    "IQ2_M": _tiny("IQ2_S", "IQ3_S", "IQ3_S"),
    "IQ3_XXS": Mix(
        "IQ3_XXS", "Q5_K",
        {"token_embd": _all("IQ3_S"), "attn_q": _all("IQ2_S"), "attn_k": _all("IQ2_S"), "attn_output": _all("IQ3_S")},
        no_imatrix={"attn_v": _all("IQ3_S"), "ffn_down": ((part(8), "Q4_K"), (every, "Q3_K"))},
        grouped={"attn_v": _all("Q4_K")}, experts=_EIGHT_AND_OUTPUT, falcon={"attn_output": ()},
    ),
    "IQ3_XS": Mix(
        "IQ3_S", "Q6_K",
        {"attn_q": _all("IQ3_XXS"), "attn_k": _all("IQ3_XXS"), "ffn_gate": ((middle, "IQ3_XXS"),),
         "ffn_up": ((middle, "IQ3_XXS"),)},
        grouped={"attn_v": _all("Q4_K")}, experts=_EIGHT_AND_OUTPUT,
    ),
    "IQ3_S": Mix("IQ3_S", grouped={"attn_v": _all("Q4_K")}, experts=_EIGHT_AND_OUTPUT),
    "IQ3_M": Mix(
        "IQ3_S", "Q6_K", {"attn_v": _all("Q4_K"), "ffn_down": ((part(8), "Q4_K"),), "attn_output": _all("Q4_K")},
        experts={**_EIGHT_AND_OUTPUT, "ffn_down": ((ends_and_thirds, "Q4_K"),)}, falcon={"attn_output": ()},
    ),
    "IQ4_XS": Mix("IQ4_XS", **_FOUR_BIT_NL),
    "IQ4_NL": Mix("IQ4_NL", **_FOUR_BIT_NL),
}  # fmt: skip
