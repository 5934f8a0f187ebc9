"""How much memory do activations take? Every tensor that forward saves for backward. Taught in lesson 07."""

from __future__ import annotations

from ...architectures.architecture import Architecture
from ...ledger.arithmetic import Size
from ...ledger.dtypes import Dtype
from ...ledger.ledger import Ledger
from ..arguments import need_architecture
from .model import record
from .setting import computing, setting


def activations(
    arch: Architecture,
    *,
    batch: Size = 1,
    seq_len: Size = 2048,
    dtype: str | Dtype = "bf16",
    attention: str | None = None,
    dropout: float | None = None,
    checkpointing: str | bool = "none",
    autocast: bool | str | Dtype | None = False,
    backend: str = "cuda",
    activation: str | None = None,
    experts: str = "grouped_mm",
    loss: str = "full",
    loss_chunks: int = 8,
    lora_dropout: float = 0.0,
    implementation: str = "transformers",
) -> Ledger:
    """Every tensor that one forward pass saves for backward, the loss included: bytes by operation.

    dtype          format of the weights, and so of most activations
    attention      eager (s × s matrices are kept), sdpa (torch's kernel for this setting), flash (flash-attention);
                   None: as transformers chooses, which is sdpa or, for families without it, eager; in the paper eager
    dropout        probability where the family drops out; masks take a byte on CUDA and a number on a CPU; None: 0,
                   in the paper 0.1
    checkpointing  none · selective: what lies between Q, K, V and the output projection is computed again · full:
                   each layer keeps its input alone
    autocast       format of matrix products beside FP32 weights: False, True (bf16) or a format
    backend        cuda or cpu: their kernels differ
    activation     the MLP's function, if not the family's own: gelu (one kernel), gelu_new (eight operations), silu …
    experts        grouped_mm, as transformers runs experts
    loss           full (FP32 logits of every token), chunked, fused (gradients are made in forward) or none
    loss_chunks    into how many parts of the tokens chunked and fused losses go
    lora_dropout   probability before an adapter
    implementation transformers, or megatron: the assumptions behind sbh(34 + 5as/h) of arXiv 2205.05198

    Rows are named module.operation:role, filed under activations, logits (head and loss) and temporaries (autocast's
    copies of weights). Their basis is the implementation: transformers 5 on torch 2.13, measured with
    saved_tensors_hooks on a CPU (tests/fixtures/activations.json, activations_families.json, loss.json). What kernels
    of CUDA keep, and the chunked and fused losses, follow their sources. Raises `VramError` for a model whose forward
    pass is not described: InternLM 2. An encoder with a decoder (T5) reads `seq_len` tokens on both sides.

    >>> from vram import models
    >>> activations(models["llama-2-7b"], checkpointing="full").layer(0).nbytes
    16777216
    """
    how = setting(
        batch=batch, seq_len=seq_len, attention=attention, dropout=dropout, checkpointing=checkpointing,
        autocast=autocast, backend=backend, activation=activation, experts=experts, loss=loss, loss_chunks=loss_chunks,
        lora_dropout=lora_dropout, implementation=implementation,
    )  # fmt: skip
    stored = computing("dtype", dtype)
    return record(arch, how, need_architecture(arch).parameters(stored)).saved()
