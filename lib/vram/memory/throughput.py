"""How long does it take? Training time from FLOPs, and the bounds of prefill and decode by bandwidth. Lesson 09.

A card computes at most `dense_flops` a second and reads at most `bandwidth` bytes a second; a step takes at least the
longer of the two times (the roofline). Dense peaks only: the doubled figures on data sheets assume 2:4 sparsity.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..architectures.architecture import Architecture
from ..architectures.catalogue import GPU
from ..architectures.catalogue import gpus as cards
from ..ledger.arithmetic import Size, check_size, largest, smallest
from ..ledger.dtypes import Dtype
from ..ledger.errors import VramError
from ..ledger.ledger import Ledger
from .active import visited_experts
from .arguments import need_flag, need_positive
from .compute import Compute, compute, training_flops
from .kv_cache import kv_cache
from .quantize import stored_weights

Seconds = Any  # a float, a Fraction, a SymPy expression or an array of floats
Share = float | Fraction


@dataclass(frozen=True, slots=True)
class Roofline:
    """What a step must compute and read, and the least time that takes on a card.

    flops, nbytes     work of the step on one card
    peak, bandwidth   of that card: FLOP/s and bytes/s
    tokens            tokens that the step produces
    """

    flops: Size
    nbytes: Size
    peak: Size
    bandwidth: Size
    tokens: Size

    @property
    def compute_seconds(self) -> Seconds:
        """Time to compute, at the peak."""
        return self.flops / self.peak

    @property
    def memory_seconds(self) -> Seconds:
        """Time to read, at full bandwidth."""
        return self.nbytes / self.bandwidth

    @property
    def seconds(self) -> Seconds:
        """The least time of the step: the longer of the two."""
        return largest((self.compute_seconds, self.memory_seconds))

    @property
    def bound(self) -> str:
        """What limits the step: "compute" or "bandwidth". Only for plain numbers."""
        return "compute" if self.compute_seconds > self.memory_seconds else "bandwidth"

    @property
    def intensity(self) -> Seconds:
        """FLOPs a byte read; below `ridge` the step is bound by bandwidth."""
        return self.flops / self.nbytes

    @property
    def ridge(self) -> Seconds:
        """FLOPs a byte at which the card's two limits meet."""
        return self.peak / self.bandwidth

    @property
    def tokens_per_second(self) -> Seconds:
        """The most tokens a second, all sequences together."""
        return self.tokens / self.seconds


def training_time(
    work: Architecture | Compute | Size,
    *,
    gpu: GPU | str | float,
    gpus: Size = 1,
    mfu: Share = 0.4,
    tokens: Size | None = None,
    seq_len: Size = 2048,
    recompute: bool = False,
) -> Seconds:
    """Seconds of training on `gpus` cards that reach a share `mfu` of their dense peak.

    work    FLOPs; a `Compute`, whose model FLOPs are taken; or an architecture, trained on `tokens` in sequences of
            `seq_len`. Without `tokens` the number is FLOPs; with them it is a number of parameters, for 6·N·D
    gpu     a card of the catalogue, or its peak in FLOP/s
    mfu     a share of the peak, above 0 and at most 1; with a `Fraction` and whole FLOPs the answer is exact
    recompute   count full recomputation too: then `mfu` is a hardware utilisation

    >>> round(training_time(175_000_000_000, tokens=300_000_000_000, gpu=312e12, gpus=1024, mfu=0.45) / 86_400)
    25
    """
    return _flops(work, tokens, seq_len, recompute) / (need_positive(gpus, "gpus") * _peak(gpu) * _share(mfu))


def mfu(work: Compute | Size, *, seconds: float, gpu: GPU | str | float, gpus: Size = 1) -> Seconds:
    """Model FLOPs utilisation: the FLOPs that the model needs, as a share of what the cards could do in that time."""
    available = need_positive(gpus, "gpus") * _peak(gpu) * need_positive(seconds, "seconds")
    return _flops(work, None, 1, False) / available


def prefill_time(
    arch: Architecture,
    *,
    gpu: GPU | str,
    batch: Size = 1,
    seq_len: Size = 2048,
    weights: str | Dtype | Ledger = "bf16",
    kv: str | Dtype = "bf16",
    engine: str = "transformers",
    gpus: Size = 1,
) -> Roofline:
    """The least time to read a prompt: all tokens are computed at once, the weights are read once, the cache written.

    Only the last token of each sequence goes through the head; scores are counted below the causal mask.
    """
    need_positive(gpus, "gpus")
    work = compute(arch, batch=batch, seq_len=seq_len, logits="last", causal=True)
    held = kv_cache(arch, batch=batch, seq_len=seq_len, dtype=kv, engine=engine).nbytes
    read = _read(arch, weights, batch * seq_len) + held
    card = _card(gpu)
    return Roofline(work.forward / gpus, read / gpus, _peak(card), card.bandwidth, batch * seq_len)


def decode_time(
    arch: Architecture,
    *,
    gpu: GPU | str,
    batch: Size = 1,
    seq_len: Size = 2048,
    weights: str | Dtype | Ledger = "bf16",
    kv: str | Dtype = "bf16",
    engine: str = "transformers",
    gpus: Size = 1,
) -> Roofline:
    """The least time to generate one token for each of `batch` sequences that hold `seq_len` tokens already.

    All weights and the whole cache are read for every token: bandwidth is the limit until the batch is large. Of the
    experts, those that the batch can visit are read. `gpus` share the reading and the computing (tensor parallel).

    >>> from vram import models
    >>> decode_time(models["llama-2-7b"], gpu="A100-80GB").bound
    'bandwidth'
    """
    need_positive(gpus, "gpus")
    work = compute(arch, batch=batch, seq_len=1, past=seq_len, causal=True)
    held = kv_cache(arch, batch=batch, seq_len=seq_len, dtype=kv, engine=engine).nbytes
    card = _card(gpu)
    read = _read(arch, weights, batch) + held
    return Roofline(work.forward / gpus, read / gpus, _peak(card), card.bandwidth, batch)


def _read(arch: Architecture, weights: str | Dtype | Ledger, tokens: Size) -> Size:
    """Bytes of weights that a step reads: an embedding only for its tokens, experts only where tokens go."""
    ledger = weights if isinstance(weights, Ledger) else stored_weights(arch, weights)
    total: Size = 0
    for tensor in ledger:
        nbytes = tensor.nbytes
        if tensor.op == "embedding" and not (arch.tie_word_embeddings and tensor.kind == "embedding"):
            nbytes = smallest((nbytes, tokens * tensor.dtype.nbytes(tensor.shape[-1])))
        elif tensor.part == "expert":
            visited = smallest((arch.num_experts, tokens * visited_experts(arch)))
            nbytes = nbytes * visited // arch.num_experts
        total = total + nbytes
    return total


def _flops(work: Architecture | Compute | Size, tokens: Size | None, seq_len: Size, recompute: bool) -> Size:
    need_flag(recompute, "recompute")
    check_size("seq_len", seq_len)
    if tokens is not None:
        need_positive(tokens, "tokens")
    if isinstance(work, Architecture):
        if tokens is None:
            raise VramError("tokens: none given; an architecture alone has no amount of work.")
        done = compute(work, seq_len=seq_len, checkpointing="full" if recompute else "none")
        return done.hardware * tokens / seq_len
    if isinstance(work, Compute):
        if tokens is not None:
            raise VramError("tokens: given, but a Compute has its own amount of work.")
        return work.hardware if recompute else work.model
    need_positive(work, "work")
    return work if tokens is None else training_flops(work, tokens, recompute=recompute)


def _card(gpu: GPU | str) -> GPU:
    return gpu if isinstance(gpu, GPU) else cards[gpu]


def _peak(gpu: GPU | str | float) -> Size:
    if isinstance(gpu, (int, float, Fraction)):
        return need_positive(gpu, "gpu")
    card = _card(gpu)
    if card.dense_flops is None:
        raise VramError(f"gpu: the dense throughput of {card.name} is not known; give a number of FLOP/s.")
    return card.dense_flops


def _share(mfu: Share) -> Share:
    return need_positive(mfu, "mfu", most=1)


