"""Panel of lesson 11: which tensor did not fit? A message of PyTorch, read, and a model searched for the size."""

from __future__ import annotations

from ...architectures import models
from ...ledger.ledger import Ledger
from ...ledger.tensor import Tensor
from ...ledger.units import count, gib
from ...memory import OutOfMemory, explain_oom, kv_cache, parse_oom, printed_size
from ...words import has, say
from ..bars import Mark, Row, bar
from ..copies import by_kind
from ..numbers import trimmed
from ..panel import Choice, Panel, Text, View, powers_of_two
from ..tables import StyledTable

_MODELS = ("gpt2-xl", "llama-2-7b", "llama-3-8b", "qwen2.5-7b", "llama-2-70b")
_FORMATS = ("bf16", "fp16", "fp32")
_FIELDS = ("tried", "total", "free", "allocated", "reserved", "fragmented", "in_use")

#: What PyTorch prints since version 2.2, before it, and where it says nothing but the size.
SAMPLES = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1002.00 MiB. GPU 0 has a total capacity of 23.53 "
    "GiB of which 640.12 MiB is free. Including non-PyTorch memory, this process has 22.90 GiB memory in use. Of the "
    "allocated memory 22.31 GiB is allocated by PyTorch, and 104.55 MiB is reserved by PyTorch but unallocated.",
    "RuntimeError: CUDA out of memory. Tried to allocate 448.00 MiB (GPU 0; 79.15 GiB total capacity; 77.90 GiB "
    "already allocated; 303.56 MiB free; 77.95 GiB reserved in total by PyTorch)",
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 172.00 MiB. GPU 0 has a total capacity of 23.53 "
    "GiB of which 90.12 MiB is free. Including non-PyTorch memory, this process has 23.43 GiB memory in use. Of the "
    "allocated memory 19.20 GiB is allocated by PyTorch, and 3.80 GiB is reserved by PyTorch but unallocated.",
    "CUDA out of memory. Tried to allocate 20.00 MiB",
)


def oom_panel() -> Panel:
    """A message and the setting of the run; the tensors whose size prints the same, and what would help."""
    controls = [
        Text("message", say("panel.label.message"), SAMPLES, SAMPLES[0]),
        Choice("model", say("panel.label.model"), {models.title(name): name for name in _MODELS}, "llama-3-8b"),
        powers_of_two("batch", say("panel.label.oom_batch"), 1, 32, 1),
        powers_of_two("seq_len", say("panel.label.tokens_each"), 512, 16384, 2048),
        Choice("dtype", say("panel.label.oom_format"), {name.upper(): name for name in _FORMATS}, "bf16"),
    ]
    return Panel(controls, _view)


def _view(message: str, model: str, batch: int, seq_len: int, dtype: str) -> View:
    arch, said = models[model], parse_oom(message)
    found = explain_oom(message, arch, batch=batch, seq_len=seq_len, dtype=dtype)
    held = arch.parameters(dtype).file_under("weights") + kv_cache(arch, batch=batch, seq_len=seq_len, dtype=dtype)
    found = _likely_first(found, said, held)
    title = say(
        "panel.oom.model_row",
        model=models.title(model), format=dtype.upper(), batch=count(batch), tokens=count(seq_len),
    )  # fmt: skip
    rows = [_card(said), Row(title, by_kind(held))]
    mark = None if said.total is None else Mark(say("panel.oom.capacity"), said.total)
    return View(
        verdict=_verdict(said, found, models.title(model)),
        detail=_advice(said, found, held),
        picture=bar(rows, mark=mark),
        formula=[_formula(next(iter(found), None), said)],
        tables=[_matches(said, found, held), _fields(said)],
    )


def _likely_first(found: Ledger, said: OutOfMemory, held: Ledger) -> Ledger:
    """With as much allocated as all weights take, they are loaded: what is made later comes first."""
    loaded = said.allocated is not None and said.allocated >= held.select(kind="weights").nbytes
    return Ledger(sorted(found, key=lambda tensor: loaded and tensor.kind == "weights"))


def outside(said: OutOfMemory) -> int | None:
    """Bytes of the card that are neither free nor PyTorch's; None where the message does not tell."""
    if None in (said.total, said.free, said.reserved):
        return None
    return max(said.total - said.free - said.reserved, 0)


def _card(said: OutOfMemory) -> Row:
    """What the message says of the card, and the request on top of it."""
    parts = {"allocated": said.allocated, "cached": said.fragmented, "outside": outside(said), "free": said.free}
    known = {name: n for name, n in parts.items() if n and said.total is not None}
    return Row(say("panel.oom.card" if known else "panel.oom.asked"), known | {"request": said.tried})


def _says_little(said: OutOfMemory) -> str:
    """The sizes that the allocator rounds to this one, where they are too many to tell tensors apart."""
    return {printed_size(1): "range_2", printed_size(2 * 2**20): "range_20"}.get(said.printed, "")


def _verdict(said: OutOfMemory, found: Ledger, model: str) -> str:
    if key := _says_little(said):
        return say("panel.oom.small", printed=said.printed, range=say(f"panel.oom.{key}"))
    if not len(found):
        return say("panel.oom.none", printed=said.printed, model=model)
    names = list(dict.fromkeys(tensor.name for tensor in found))
    key = "one" if len(names) == 1 else "some"
    first = names[0].removesuffix(".weight").rpartition(".")[2]  # short, for a narrow page; the table has it whole
    return say(f"panel.oom.{key}", printed=said.printed, model=model, n=len(names), name=first)


def _advice(said: OutOfMemory, found: Ledger, held: Ledger) -> str:
    """One thing to do: what the card says first, then what the tensor is."""
    weights, around = held.select(kind="weights").nbytes, outside(said)
    if said.total is not None and weights > said.total:
        return say("panel.oom.advice.weights_too_large", weights=gib(weights), total=gib(said.total))
    if said.fragmented is not None and said.fragmented >= said.tried:
        return say("panel.oom.advice.fragmented", fragmented=gib(said.fragmented))
    if around is not None and around >= max(said.tried, said.total // 10):
        return say("panel.oom.advice.outside", outside=gib(around))
    kind = "" if _says_little(said) or not len(found) else next(iter(found)).kind.replace(" ", "_")
    key = f"panel.oom.advice.{kind}"
    return say(key if has(key) else "panel.oom.advice.other")


def _formula(tensor: Tensor | None, said: OutOfMemory) -> str:
    if tensor is None:
        return say("panel.oom.no_formula")
    each = trimmed(tensor.dtype.bits_per_weight / 8, 4)
    nbytes = count(tensor.dtype.nbytes(tensor.size))
    return say("panel.oom.formula", shape=_shape(tensor, " · "), each=each, nbytes=nbytes, printed=said.printed)


def _shape(tensor: Tensor, sign: str) -> str:
    return sign.join(count(size) for size in tensor.shape) or "1"


def _matches(said: OutOfMemory, found: Ledger, held: Ledger) -> StyledTable:
    """The tensors that match, then the weights and the cache of the whole model, to compare with."""
    rows = [
        [t.name, _shape(t, " × "), str(t.dtype), count(t.dtype.nbytes(t.size)), gib(t.dtype.nbytes(t.size))]
        for t in found
    ]
    for key, kind in (("weights", "weights"), ("cache", "KV cache")):
        part = held.select(kind=kind)
        elements = f"{count(part.numel)} {say('panel.oom.elements')}"
        dtype = str(next(iter(part)).dtype)
        rows.append([say(f"panel.oom.{key}"), elements, dtype, count(part.nbytes), gib(part.nbytes)])
    headers = [say(f"table.{name}") for name in ("tensor", "shape", "dtype")]
    return StyledTable(
        [*headers, say("fold.bytes"), say("table.size")],
        rows,
        align="lclrr",
        caption=say("panel.oom.matches", printed=said.printed),
        keys=[*(t.kind for t in found), "weights", "KV cache"],
    )


def _fields(said: OutOfMemory) -> StyledTable:
    """Every size in the message."""
    sizes = {name: getattr(said, name) for name in _FIELDS}
    rows = [
        [say(f"panel.oom.field.{name}"), say("panel.oom.field.unsaid") if n is None else gib(n)]
        for name, n in sizes.items()
    ]
    return StyledTable([say("table.what"), say("table.size")], rows, caption=say("panel.oom.said"))
