"""Which tensor did not fit? PyTorch's out-of-memory line, and the tensors of a model whose size prints the same.

The line prints the size of the request to two decimals. Before it prints, the allocator rounds, since 2019: requests
up to 1 MiB become 2 MiB, requests below 10 MiB become 20 MiB, larger ones are rounded up to a multiple of 2 MiB. So
"20.00 MiB" says little, and "448.00 MiB" nearly always names one tensor.

Wordings: until 1.3 "cached" is what no tensor uses; until 2.0 one bracket ends in "reserved in total"; since 2.1 there
are sentences, at first with "capacty". Where NVML cannot tell what a process has, as under WSL, they say 2^64 bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..architectures.architecture import Architecture
from ..ledger.arithmetic import ceil_div, check_size, round_up
from ..ledger.dtypes import Dtype, as_dtype, dtypes
from ..ledger.errors import VramError, brief
from ..ledger.ledger import Ledger
from ..ledger.tensor import Tensor
from ..ledger.units import UNITS
from .arguments import need_architecture, need_flag
from .kv_cache import is_encoder, kv_cache
from .timeline import Timeline

_MIB = 2**20
_SIZE = r"(\d{1,12}(?:\.\d{1,12})?) ?(bytes|KiB|MiB|GiB|TiB|KB|MB|GB)"
_REQUEST = "Tried to allocate"
_FIELDS = {
    "tried": rf"{_REQUEST} {_SIZE}",
    "total": rf"{_SIZE} total capaci?ty|total capaci?ty of {_SIZE}",
    "free": rf"{_SIZE} free|of which {_SIZE} is free",
    "allocated": rf"{_SIZE} already allocated|{_SIZE} is allocated by PyTorch|MPS allocated: {_SIZE}",
    "reserved": rf"{_SIZE} reserved in total by PyTorch",
    "unallocated": rf"{_SIZE} is reserved by PyTorch but unallocated|{_SIZE} cached\)",
    "in_use": rf"this process has {_SIZE} memory in use",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """What the line says, in bytes as printed (to two decimals of its unit); None where it says nothing.

    printed      the request as printed, "448.00 MiB"
    tried        the request · total: of the card · free · allocated: by tensors · reserved: by PyTorch's allocator
    fragmented   reserved, but held by no tensor: freed blocks that are too small, or cached
    """

    printed: str
    tried: int
    total: int | None = None
    free: int | None = None
    allocated: int | None = None
    reserved: int | None = None
    in_use: int | None = None

    @property
    def fragmented(self) -> int | None:
        """Bytes that PyTorch has reserved and no tensor uses."""
        if self.reserved is None or self.allocated is None:
            return None
        return self.reserved - self.allocated


def parse_oom(message: str) -> OutOfMemory:
    """The sizes in PyTorch's out-of-memory line, of any version since 1.0. Raises `VramError` where there are none.

    >>> parse_oom("CUDA out of memory. Tried to allocate 448.00 MiB (GPU 0; 23.69 GiB total capacity)").printed
    '448.00 MiB'
    """
    if not isinstance(message, str):
        raise VramError(f"message: a {type(message).__name__} given, the text that PyTorch printed is needed.")
    text = _first_line(" ".join(message[:100_000].split()))
    found = {name: re.search(pattern, text) for name, pattern in _FIELDS.items()}
    if found["tried"] is None:
        raise VramError('message: no "Tried to allocate … MiB" in it; give the line that PyTorch printed.')
    sizes = {name: _bytes(match) for name, match in found.items()}
    unallocated = sizes.pop("unallocated")
    if sizes["reserved"] is None and unallocated is not None and sizes["allocated"] is not None:
        sizes["reserved"] = sizes["allocated"] + unallocated
    sizes["in_use"] = _in_use(text, sizes)
    return OutOfMemory(" ".join(found["tried"].groups()), **sizes)


def _first_line(text: str) -> str:
    """The first message in a log, alone: sizes of another one, and of what came before, are not this one's."""
    first, sign, rest = text.partition(_REQUEST)
    return first[max(first.rfind("out of memory"), 0) :] + sign + rest.partition(_REQUEST)[0]


def _in_use(text: str, sizes: dict[str, int | None]) -> int | None:
    """What this process has. In a container it is listed as one of all processes, and a single one must be this."""
    found = re.findall(rf"Process \d+ has {_SIZE} memory in use", text)
    said = sizes["in_use"]
    if said is None and len(found) == 1 and sizes["reserved"]:
        said = _size(*found[0])
    return None if said is not None and sizes["total"] is not None and said > sizes["total"] else said


def printed_size(nbytes: int, *, rounded: bool = True) -> str:
    """How PyTorch prints a size: of a tensor's `nbytes` as the allocator requests it, or of those bytes themselves.

    >>> printed_size(5 * 2**20), printed_size(8192 * 28672 * 2)
    ('20.00 MiB', '448.00 MiB')
    """
    check_size("nbytes", nbytes, 0, 2**70)
    need_flag(rounded, "rounded")
    if rounded:
        nbytes = _requested(nbytes)
    if nbytes <= 1024:
        return f"{nbytes} bytes"
    unit = "KiB" if nbytes <= _MIB else "MiB" if nbytes <= 1024 * _MIB else "GiB"
    return f"{nbytes / UNITS[unit]:.2f} {unit}"


def _requested(nbytes: int) -> int:
    """What the caching allocator asks of the driver for a tensor."""
    if nbytes <= _MIB:
        return 2 * _MIB
    return 20 * _MIB if nbytes < 10 * _MIB else round_up(nbytes, 2 * _MIB)


def explain_oom(
    message: str,
    arch: Architecture,
    *,
    batch: int = 1,
    seq_len: int = 2048,
    dtype: str | Dtype = "bf16",
    tp: int = 1,
    dp: int = 1,
    timeline: Timeline | None = None,
) -> Ledger:
    """The tensors of this model and setting whose request prints as the message says; empty where none does.

    dtype     format of weights and activations; FP32 copies are tried too
    tp, dp    cards that share each matrix, and cards that share states (ZeRO), for the partitions they hold
    timeline  a timeline of `vram.training` or `vram.inference`, whose tensors are tried as well
    Raises `VramError` for a text without a size.

    >>> from vram import models
    >>> line = "CUDA out of memory. Tried to allocate 448.00 MiB"
    >>> [t.name for t in explain_oom(line, models["llama-2-70b"], dtype="fp16").select(kind="weights")][-1]
    'model.layers.{}.mlp.down_proj.weight'
    """
    said = parse_oom(message)
    need_architecture(arch)
    for field, value in (("batch", batch), ("seq_len", seq_len), ("tp", tp), ("dp", dp)):
        if type(check_size(field, value)) is not int:
            raise VramError(f"{field}: {brief(value)} given, a plain whole number is needed.")
    stored = as_dtype(dtype)
    if timeline is not None and not isinstance(timeline, Timeline):
        raise VramError(f"timeline: a {type(timeline).__name__} given, what vram.training gives is needed.")
    candidates = [*_weights(arch, stored, tp), *_partitions(arch, stored, tp, dp)]
    candidates += _intermediates(arch, batch, seq_len, stored, tp)
    if timeline is not None:
        candidates += [t for ledger in timeline.phases.values() for t in ledger]
    is_cuda = said.printed.split()[1] not in ("KB", "MB", "GB")
    text = said.printed if is_cuda else said.printed.replace("B", "iB")
    matching: dict[tuple, Tensor] = {}
    for tensor in candidates:
        if type(tensor.size) is int and printed_size(tensor.dtype.nbytes(tensor.size), rounded=is_cuda) == text:
            matching.setdefault((tensor.name, tensor.shape, tensor.dtype.name), tensor)
    return Ledger(matching.values())


def _bytes(match: re.Match[str] | None) -> int | None:
    if match is None:
        return None
    return _size(*[group for group in match.groups() if group is not None])


def _size(number: str, unit: str) -> int:
    unit = {"bytes": "B", "KB": "KiB", "MB": "MiB", "GB": "GiB"}.get(unit, unit)
    return round(float(number) * UNITS[unit])


def _weights(arch: Architecture, dtype: Dtype, tp: int) -> Iterator[Tensor]:
    """Every parameter tensor; those of a layer that engines join into one; a gradient and FP32 copies of each."""
    ledger = arch.parameters(dtype)
    rows = [_split(t, tp) for t in ledger] + [_split(t, tp) for t in _joined(ledger)]
    for kind, to in (("weights", dtype), ("gradients", dtype), ("optimizer states", dtypes["fp32"])):
        for t in rows:
            yield Tensor(t.name, t.shape, to, kind, t.axes, t.op, t.part)
    if tp > 1:
        yield from ledger.file_under("weights")


def _joined(ledger: Ledger) -> Iterator[Tensor]:
    """Q, K and V as one matrix, gate and up as one: what engines make of a checkpoint when they load it."""
    for group, ends in (("qkv", ("q_proj", "k_proj", "v_proj")), ("gate_up", ("gate_proj", "up_proj"))):
        found = [t for end in ends for t in ledger if t.name.endswith(f".{end}.weight")]
        if len(found) == len(ends):
            first = found[0]
            rows = sum(t.shape[0] for t in found)
            name = first.name.replace(ends[0], f"{group}_proj")
            yield Tensor(name, (rows, first.shape[1]), first.dtype, first.kind, first.axes, "linear", first.part)


def _split(tensor: Tensor, tp: int) -> Tensor:
    """One card's part of a matrix, cut along its first dimension."""
    if tp == 1 or len(tensor.shape) < 2:
        return tensor
    shape = (ceil_div(tensor.shape[0], tp), *tensor.shape[1:])
    return Tensor(tensor.name, shape, tensor.dtype, tensor.kind, tensor.axes, tensor.op, tensor.part)


def _partitions(arch: Architecture, dtype: Dtype, tp: int, dp: int) -> Iterator[Tensor]:
    """All parameters, or those of a layer, as one flat buffer, whole or one card's share: ZeRO, FSDP, DeepSpeed."""
    ledger = arch.parameters(dtype)
    everything = ceil_div(ledger.numel, tp)
    layer = ceil_div(sum(t.size for t in ledger if t.axes), tp)
    for name, numel in (("all parameters", everything), ("parameters of a layer", layer)):
        for share in {1, dp}:
            suffix = f", a share of {share}" if share > 1 else ", flat"
            for to in (dtype, dtypes["fp32"]):
                yield Tensor(name + suffix, (ceil_div(numel, share),), to, "temporaries")


def _intermediates(arch: Architecture, b: int, s: int, dtype: Dtype, tp: int) -> Iterator[Tensor]:
    """What forward and backward make: hidden states, projections, scores, masks, logits, the cache."""
    a, g = ceil_div(arch.num_attention_heads, tp), ceil_div(arch.num_key_value_heads, tp)
    h, f, d, vocab = arch.hidden_size, ceil_div(arch.intermediate_size, tp), arch.head_dim, arch.vocab_size
    shapes = {
        ("hidden states", "activations"): (b, s, h),
        ("queries", "activations"): (b, a, s, d),
        ("keys", "activations"): (b, g, s, d),
        ("queries, keys and values", "activations"): (b, s, (a + 2 * g) * d),
        ("attention scores", "activations"): (b, a, s, s),
        ("attention mask", "activations"): (b, 1, s, s),
        ("MLP", "activations"): (b, s, f),
        ("MLP, gate and up", "activations"): (b, s, 2 * f),
        ("logits", "logits"): (b, s, vocab),
        ("logits, without the last token", "logits"): (b, s - 1, vocab),
        ("logits of the last token", "logits"): (b, vocab),
    }
    if getattr(arch, "moe_intermediate_size", None) and arch.num_experts_per_tok:
        each = (b * s * arch.num_experts_per_tok, arch.moe_intermediate_size)
        shapes |= {("expert MLP, all tokens", "activations"): each}
    for (name, kind), shape in shapes.items():
        for to in (dtype, dtypes["fp32"]):
            yield Tensor(name, shape, to, kind, basis="implementation")
    if not is_encoder(arch):
        yield from kv_cache(arch, batch=b, seq_len=s, dtype=dtype)


