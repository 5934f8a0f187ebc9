"""How much arithmetic does a model do? FLOPs of each matrix product, forward, backward and recomputed. Lesson 09.

A product of (m × k) and (k × n) takes 2·m·k·n FLOPs: a multiplication and an addition each. Backward takes one product
of the same size for each operand that needs a gradient: two where the weights are trained, one where they are frozen.
Softmax, norms and activations are not counted, as is usual; they are a few per thousand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..architectures.architecture import Architecture
from ..architectures.layers import full_and_sliding
from ..ledger.arithmetic import Size, check_size, exact_div, is_array, smallest
from ..ledger.errors import VramError, unknown
from ..ledger.ledger import Ledger
from ..ledger.table import Table
from ..ledger.tensor import Tensor
from .active import visited_experts
from .arguments import need_architecture, need_flag, need_options, need_positive
from .derive import inputs, outputs
from .kv_cache import is_encoder
from .lora import lora as lora_ledger

CHECKPOINTING = ("none", "selective", "full")
SCORES = "attention scores"


@dataclass(frozen=True, slots=True)
class Matmul:
    """Products of one shape: (m × k) by (k × n), `count` of them. `gradients`: operands that need a gradient."""

    name: str
    kind: str
    m: Size
    k: Size
    n: Size
    count: Size = 1
    gradients: int = 2
    recomputed: bool = False

    @property
    def forward(self) -> Size:
        """FLOPs of the forward pass."""
        return 2 * _wide(self.m) * _wide(self.k) * _wide(self.n) * _wide(self.count)

    @property
    def backward(self) -> Size:
        """FLOPs of the backward pass: as many products as operands that need a gradient."""
        return self.gradients * self.forward

    @property
    def recompute(self) -> Size:
        """FLOPs of a second forward pass during backward, under checkpointing."""
        return self.forward if self.recomputed else 0


class Compute:
    """Matrix products in the order of the forward pass, and their sums."""

    __slots__ = ("rows", "tokens")

    def __init__(self, rows: tuple[Matmul, ...], tokens: Size):
        self.rows, self.tokens = rows, tokens

    def __iter__(self) -> Iterator[Matmul]:
        return iter(self.rows)

    @property
    def forward(self) -> Size:
        """FLOPs of the forward pass."""
        return sum(row.forward for row in self.rows)

    @property
    def backward(self) -> Size:
        """FLOPs of the backward pass, nothing recomputed."""
        return sum(row.backward for row in self.rows)

    @property
    def recompute(self) -> Size:
        """FLOPs that checkpointing adds."""
        return sum(row.recompute for row in self.rows)

    @property
    def model(self) -> Size:
        """FLOPs that the model needs, forward and backward: what MFU counts."""
        return self.forward + self.backward

    @property
    def hardware(self) -> Size:
        """FLOPs that the hardware does, recomputation included: what HFU counts."""
        return self.model + self.recompute

    def by(self, field: str) -> dict[str, Compute]:
        """Split by kind (attention, attention scores, mlp, router, lm_head …) or by name."""
        if field not in ("kind", "name"):
            raise unknown("by", field, ("kind", "name"))
        groups: dict[str, list[Matmul]] = {}
        for row in self.rows:
            groups.setdefault(getattr(row, field), []).append(row)
        return {key: Compute(tuple(rows), self.tokens) for key, rows in groups.items()}

    def table(self) -> Table:
        """Each product with its sizes and FLOPs; the total last."""
        from ..ledger.units import count

        rows = [
            (row.name, f"{count(row.m)} × {count(row.k)} × {count(row.n)}", count(row.count), count(row.forward),
             count(row.backward), count(row.recompute))
            for row in self.rows
        ]  # fmt: skip
        rows.append(("total", "", "", count(self.forward), count(self.backward), count(self.recompute)))
        return Table(("product", "m × k × n", "how many", "forward", "backward", "recomputed"), rows, total=True)

    def __repr__(self) -> str:
        return f"Compute(forward {self.forward}, backward {self.backward}, recompute {self.recompute} FLOPs)"


def compute(
    arch: Architecture,
    *,
    batch: Size = 1,
    seq_len: Size = 2048,
    past: Size = 0,
    logits: str = "all",
    checkpointing: str = "none",
    causal: bool = False,
    lora: Ledger | Mapping[str, Any] | int | None = None,
) -> Compute:
    """FLOPs of one forward and backward pass over `batch` sequences of `seq_len` tokens, product by product.

    past           tokens whose keys and values are cached: 0 in training and prefill; decode has seq_len=1
    logits         the head is applied to "all" tokens, or to the "last" of each sequence
    checkpointing  "full" computes each layer twice (8·N·D instead of 6·N·D), "selective" the attention scores alone
    causal         count only the pairs that the mask leaves, as flash kernels do; by default all, as papers do
    lora           as in `vram.training`: frozen weights need one product in backward, adapters are trained
    An expert is counted once for each token that it serves. Plain integers stay exact at any size; arrays hold Python
    integers. Source: torch's FlopCounterMode (tests/fixtures/flops.json).

    >>> from vram import models
    >>> compute(models["gpt3-175b"], batch=1).forward
    734804261732352
    """
    need_architecture(arch)
    need_flag(causal, "causal")
    for field, value, least in (("batch", batch, 1), ("seq_len", seq_len, 1), ("past", past, 0)):
        check_size(field, value, least)
    for field, value, known in (("checkpointing", checkpointing, CHECKPOINTING), ("logits", logits, ("all", "last"))):
        if value not in known:
            raise unknown(field, value, known)
    tokens = _wide(batch) * seq_len
    frozen = lora is not None
    rows = [
        _product(tensor, arch, batch if _is_head(tensor) and logits == "last" else tokens, checkpointing, frozen)
        for tensor in arch.parameters("bf16", tied_head=True)
        if _multiplies(tensor)
    ]
    head = next((i for i, row in enumerate(rows) if row.kind == "lm_head"), len(rows))
    rows[head:head] = list(_scores(arch, batch, seq_len, past, causal, checkpointing))
    if lora is not None:
        rows += [_product(t, arch, tokens, checkpointing, False) for t in _adapters(arch, lora) if _multiplies(t)]
    return Compute(tuple(rows), tokens)


def _adapters(arch: Architecture, lora: Ledger | Mapping[str, Any] | int) -> Ledger:
    if isinstance(lora, Ledger):
        return lora
    if not isinstance(lora, Mapping):
        return lora_ledger(arch, rank=lora)
    need_options(lora_ledger, lora)
    return lora_ledger(arch, **lora)


def _multiplies(tensor: Tensor) -> bool:
    """True for a weight that inputs are multiplied with; an embedding is looked up instead."""
    if tensor.op == "experts":
        return len(tensor.shape) == 3
    return len(tensor.shape) == 2 and (tensor.op in ("linear", "conv1d") or tensor.kind == "router")


def _is_head(tensor: Tensor) -> bool:
    return tensor.kind == "lm_head"


def _product(tensor: Tensor, arch: Architecture, tokens: Size, checkpointing: str, frozen: bool) -> Matmul:
    """The product of all tokens with one weight; of experts, as many as a token visits."""
    k, n = inputs(tensor), outputs(tensor)
    count = tensor.count
    if tensor.part == "expert":
        count = tensor.axes[0].count * visited_experts(arch)
    again = checkpointing == "full" and bool(tensor.axes)
    return Matmul(tensor.name, tensor.kind, tokens, k, n, count, 1 if frozen else 2, again)


def _scores(
    arch: Architecture, batch: Size, seq_len: Size, past: Size, causal: bool, checkpointing: str
) -> Iterator[Matmul]:
    """Queries times keys, and weights times values: for each head, s × d by d × t and s × t by t × d."""
    heads = _wide(batch) * arch.num_attention_heads
    latent = getattr(arch, "kv_lora_rank", None)
    d_qk = arch.qk_nope_head_dim + arch.qk_rope_head_dim if latent else arch.head_dim
    d_v = arch.v_head_dim if latent else arch.head_dim
    again = checkpointing != "none"
    every_pair = _wide(seq_len) * (past + seq_len)
    for layers, window, masked in _attentions(arch):
        pairs = _pairs(seq_len, past, window) if causal and masked else every_pair
        count = heads * layers
        yield Matmul("queries · keys", SCORES, 1, d_qk, pairs, count, 2, again)
        yield Matmul("weights · values", SCORES, 1, pairs, d_v, count, 2, again)


def _attentions(arch: Architecture) -> Iterator[tuple[Size, Size | None, bool]]:
    """How many layers attend, through which window, and whether a causal mask hides what comes later."""
    decoder_layers = getattr(arch, "num_decoder_layers", None)
    full, sliding = full_and_sliding(arch)
    masked = decoder_layers is None and not is_encoder(arch)
    for axis in full:
        yield axis.count, None, masked
    for axis in sliding:
        yield axis.count, arch.sliding_window, masked
    if decoder_layers is not None and arch.head != "encoder":
        yield decoder_layers, None, True  # the decoder looks at itself
        yield decoder_layers, None, False  # and at the encoder


def _pairs(seq_len: Size, past: Size, window: Size | None) -> Size:
    """Pairs of a query and a key that the causal mask (and the window) leaves."""

    def up_to(n: Size) -> Size:
        grows = n if window is None else smallest((n, window))
        rest = 0 if window is None else (n - grows) * window
        return exact_div(grows * (grows + 1), 2) + rest

    return up_to(_wide(past) + seq_len) - up_to(_wide(past))


def _wide(n: Size) -> Size:
    """An array of Python integers: int64 holds bytes, but not FLOPs."""
    return n.astype(object) if is_array(n) and n.dtype != object else n


def training_flops(parameters: Size, tokens: Size, *, recompute: bool = False) -> Size:
    """The rule of thumb: 6·N·D FLOPs to train N parameters on D tokens, 8·N·D when every layer is computed twice.

    Two FLOPs a parameter and token forward, four backward. It leaves out the attention scores, which grow with the
    sequence, and counts the embedding, which is looked up; `compute` counts both right.

    >>> training_flops(174_600_000_000, 300_000_000_000)
    314280000000000000000000
    """
    for field, value in (("parameters", parameters), ("tokens", tokens)):
        need_positive(value, field)
        if type(value) is float and not value.is_integer():
            raise VramError(f"{field}: {value!r} given, a whole number is needed.")
    need_flag(recompute, "recompute")
    return (8 if recompute else 6) * _wide(parameters) * _wide(tokens)


