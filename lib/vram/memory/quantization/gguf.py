"""GGUF files as llama.cpp writes them: a type for each tensor, by its role, its layer and its shape.

Norms, biases, routers and position tables stay in FP32. A tensor whose rows do not fill whole blocks falls back to a
type with smaller blocks. The output head, or the embedding where it is tied, gets more bits than the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ...ledger.arithmetic import Size, divides, exact_div, is_array, is_whole
from ...ledger.dtypes import Dtype, dtypes
from ...ledger.errors import VramError, brief
from ...ledger.ledger import Ledger
from ...ledger.tensor import Tensor
from ..derive import inputs, outputs
from ..roles import role
from .layers import every, split
from .mixes import MIXES, Cases, Mix
from .scheme import Kept, Option, Options, Scheme, is_expert, is_matrix

_SOURCE = "llama.cpp, src/llama-quant.cpp"

# Types with blocks of 256 (one of 64) → the type with blocks of 32 that a ragged tensor gets instead.
_FALLBACK = {
    **dict.fromkeys(("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_XS"), "IQ4_NL"),
    **dict.fromkeys(("Q2_0", "Q2_K", "Q3_K", "TQ1_0", "TQ2_0"), "Q4_0"),
    "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Model:
    """What llama.cpp's rules ask of a model, read from its tensors."""

    layers: Size
    grouping: Size
    experts: Size
    falcon: bool
    seventy_b: bool
    tied: bool


def _mixed(mix: Mix) -> Callable[[Ledger, Kept, Options], Ledger]:
    def apply(ledger: Ledger, kept: Kept, options: Options) -> Ledger:
        model, pure = _describe(ledger), options["pure"]
        rules = {} if pure else _rules(mix, model, options["imatrix"])
        rows: list[Tensor] = []
        for tensor in _absorbed(ledger):
            use = "experts" if "experts" in rules and is_expert(tensor) else role(tensor)
            if kept(tensor):
                rows.append(tensor)
            elif not _is_quantised(tensor):
                rows.append(tensor.but(dtype=dtypes["fp32"]))
            elif not pure and (use == "output" or (model.tied and use == "token_embd")):
                rows.append(tensor.but(dtype=_fitting(tensor, _output_type(tensor, mix, model))))
            else:
                rows.extend(_by_layer(tensor, (*rules.get(use, ()), (every, mix.default)), model.layers))
        return Ledger(rows)

    return apply


def _unquantised(name: str) -> Callable[[Ledger, Kept, Options], Ledger]:
    """Matrices in one plain format, everything else in FP32."""

    def apply(ledger: Ledger, kept: Kept, options: Options) -> Ledger:
        to = {True: dtypes[name], False: dtypes["fp32"]}
        return Ledger(t if kept(t) else t.but(dtype=to[_is_quantised(t)]) for t in _absorbed(ledger))

    return apply


def _absorbed(ledger: Ledger) -> Iterator[Tensor]:
    """Latent attention as llama.cpp stores it: keys and values come of the latent vector by two stacks of heads."""
    by_role: dict[str, Tensor] = {}
    for tensor in ledger:
        by_role.setdefault(role(tensor), tensor)
    for tensor in ledger:
        if role(tensor) != "attn_kv_b":
            yield tensor
            continue
        latent, values = inputs(tensor), inputs(by_role["attn_output"])
        without_positions = outputs(tensor) - values
        with_positions = outputs(by_role["attn_kv_a"]) - latent
        queries = outputs(by_role["attn_q_b" if "attn_q_b" in by_role else "attn_q"])
        heads = exact_div(queries - without_positions, with_positions)
        for name, shape in (
            ("k_b_proj", (heads, latent, exact_div(without_positions, heads))),
            ("v_b_proj", (heads, exact_div(values, heads), latent)),
        ):
            yield tensor.but(name=tensor.name.replace("kv_b_proj", name), shape=shape)


def _rules(mix: Mix, model: _Model, imatrix: bool) -> dict[str, Cases]:
    """The exceptions that hold for this model, by role; a later condition replaces an earlier one."""
    rules = {**mix.roles, **(mix.imatrix if imatrix else mix.no_imatrix)}
    rules |= mix.grouped if model.grouping >= 4 else {}
    rules |= mix.many_experts if model.experts >= 4 else {}
    rules |= mix.falcon if model.falcon else {}
    if model.seventy_b and mix.raises_v:
        cases = (*rules.get("attn_v", ()), (every, mix.default))
        rules["attn_v"] = tuple((chosen, "Q5_K" if name in ("Q3_K", "Q4_K") else name) for chosen, name in cases)
    rules |= mix.experts if model.experts == 8 else {}
    # One matrix for queries, keys and values is treated as the values are.
    return {**rules, "attn_qkv": rules.get("attn_v", ())}


def _output_type(tensor: Tensor, mix: Mix, model: _Model) -> str:
    if model.falcon or not divides(inputs(tensor), dtypes[mix.default].block):
        return "Q8_0"
    return mix.output


def _by_layer(tensor: Tensor, cases: Cases, layers: Size) -> list[Tensor]:
    """The tensor as one row for each run of layers that share a type."""
    rows: list[Tensor] = []
    left = [tensor.axes[0]] if tensor.axes else []
    for chosen, name in cases:
        if chosen is every:
            to = dtypes[_fitting(tensor, name).name]
            found = [(axis, *tensor.axes[1:]) for axis in left] if tensor.axes else [()]
            return rows + [tensor.but(dtype=to, axes=axes) for axes in found]
        if not is_whole(layers) or any(not is_whole(axis.count) for axis in left):
            raise VramError(f"num_hidden_layers: {brief(layers)} given; this mix needs a plain number of layers.")
        parts = [split(axis, layers, chosen) for axis in left]
        left = [axis for _, outside in parts for axis in outside]
        to = _fitting(tensor, name)
        rows += [tensor.but(dtype=to, axes=(axis, *tensor.axes[1:])) for inside, _ in parts for axis in inside]
    return rows


def _fitting(tensor: Tensor, name: str) -> Dtype:
    """The type itself if rows of the tensor fill whole blocks, else the type that llama.cpp falls back to."""
    width, block = inputs(tensor), dtypes[name].block
    if is_array(width) and len({bool(rest) for rest in (width % block).flat}) > 1:
        raise VramError(f"{tensor.name}: some widths fill blocks of {block}, others do not; ask for each alone.")
    if divides(width, block):
        return dtypes[name]
    fallback = _FALLBACK.get(name)
    if fallback is None:
        raise VramError(f"{tensor.name}: rows of {width} do not fill blocks of {block}, and {name} has no substitute.")
    return dtypes[fallback] if divides(width, dtypes[fallback].block) else dtypes["fp16"]


def _describe(ledger: Ledger) -> _Model:
    """The model behind the tensors."""
    by_role: dict[str, Tensor] = {}
    layers: Size = 0
    experts: Size = 1
    for tensor in ledger:
        if is_matrix(tensor):
            by_role.setdefault(role(tensor), tensor)
        if tensor.axes:
            axis = tensor.axes[0]
            end = axis.start + (axis.count - 1) * axis.step + 1
            layers = end if not is_whole(end) or not is_whole(layers) else max(layers, end)
        if is_expert(tensor):
            experts = tensor.axes[1].count if len(tensor.axes) > 1 else tensor.shape[0]
    grouping = _grouping(by_role)
    names = {t.name for t in ledger}
    return _Model(
        layers, grouping, experts if is_whole(experts) else 1,
        falcon=any(n.endswith("word_embeddings.weight") for n in names)
        and not any("word_embeddings_layernorm" in n for n in names),
        # llama.cpp's "70B" is a LLaMA of 80 layers with grouped keys, or a Qwen 2 (biased queries) of 80.
        seventy_b=layers == 80 and bool(grouping > 1 or any(n.endswith("q_proj.bias") for n in names)),
        tied="output" not in by_role,
    )  # fmt: skip


def _grouping(by_role: dict[str, Tensor]) -> Size:
    """Query heads for one key head."""
    if "attn_q" in by_role and "attn_k" in by_role:
        ratio = outputs(by_role["attn_q"]) / outputs(by_role["attn_k"])
    elif "attn_qkv" in by_role and "attn_output" in by_role:
        queries = inputs(by_role["attn_output"])
        ratio = 2 * queries / (outputs(by_role["attn_qkv"]) - queries)
    else:
        return 1
    return ratio if isinstance(ratio, (int, float)) else 1


def _is_quantised(tensor: Tensor) -> bool:
    """False for what llama.cpp keeps in FP32: vectors, norms, routers, tables of positions and of token types."""
    if not is_matrix(tensor) or role(tensor) == "router":
        return False
    return tensor.op != "embedding" or (tensor.part or tensor.kind) == "embedding"


# llama.cpp refuses to write these without an importance matrix.
_NEEDS_IMATRIX = ("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "IQ3_XXS", "Q2_K_S")
_SHORT = {"Q3_K_M": "Q3_K", "Q4_K_M": "Q4_K", "Q5_K_M": "Q5_K"}


def _scheme(name: str, mix: Mix) -> Scheme:
    options = {"imatrix": Option(name in _NEEDS_IMATRIX, (True, False)), "pure": Option(False, (True, False))}
    names = [name, *([_SHORT[name]] if name in _SHORT else [])]
    aliases = {*(n.lower() for n in names), *names} - {name}
    return Scheme(name, f"GGUF {name}", _mixed(mix), options, (), tuple(aliases), _SOURCE)


SCHEMES = (
    *(Scheme(name, f"GGUF {name}", _unquantised(to), {}, (), (), _SOURCE)
      for name, to in (("F32", "fp32"), ("F16", "fp16"), ("BF16", "bf16"))),
    *(_scheme(name, mix) for name, mix in MIXES.items()),
)  # fmt: skip
