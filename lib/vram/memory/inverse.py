"""What is the largest that fits? Batch, context and rank; the smallest card, the fewest cards, the one change to make.

Memory never shrinks when batch, context or rank grow, so the largest value that fits is found by asking a few times
(see `search.py`), exact to the unit. Settings may be arrays: every element is searched at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from inspect import Parameter, signature
from typing import Any

from ..architectures.architecture import Architecture
from ..architectures.catalogue import GPU
from ..architectures.catalogue import gpus as cards
from ..ledger.arithmetic import Size, check_size
from ..ledger.errors import VramError, brief, unknown
from .arguments import need_architecture, need_options
from .search import largest_within
from .shard import shard as shard_timeline
from .timeline import Timeline

DEGREES = ("tp", "pp", "cp", "dp")

#: No search goes further: what fits here fits at any size.
MOST = 2**30

Question = Callable[..., Timeline]


def max_batch(
    arch: Architecture, *, gpu: GPU | str | int, of: str | Question = "training", most: int = MOST, **settings: Any
) -> Size:
    """The largest batch that fits on the card, 0 if not even one sequence does.

    gpu       a card of the catalogue, or a number of bytes
    of        "training", "inference", or a function of an architecture and settings that gives a timeline
    settings  those of the question (seq_len, recipe, optimizer, lora …); `shard`: arguments of `vram.shard`
    Exact: the answer fits, and one more does not. Where nothing limits it, the answer is `most`.

    >>> from vram import models
    >>> max_batch(models["llama-3-8b"], gpu="T4")
    0
    """
    return _largest(arch, "batch", gpu, of, most, settings)


def max_context(
    arch: Architecture, *, gpu: GPU | str | int, of: str | Question = "inference", most: int = MOST, **settings: Any
) -> Size:
    """The most tokens a sequence may have on the card, 0 if not even one fits. As `max_batch`, for `seq_len`.

    Memory alone is asked for: the model may have been made for fewer positions (`arch.max_position_embeddings`).
    """
    return _largest(arch, "seq_len", gpu, of, most, settings)


def max_rank(
    arch: Architecture,
    *,
    gpu: GPU | str | int,
    lora: Mapping[str, Any] | None = None,
    of: str | Question = "training",
    most: int | None = None,
    **settings: Any,
) -> Size:
    """The largest LoRA rank that fits on the card, 0 if not even rank 1 does; `lora`: the other arguments of LoRA.

    The search ends at the width of the model: beyond it an adapter has more numbers than the matrix beside it.
    """
    need_architecture(arch)
    if lora is not None and not isinstance(lora, Mapping):
        raise VramError(f"lora: {brief(lora)} given, the other arguments of vram.lora are needed, as a mapping.")
    asked = _question(of)

    def at_rank(arch: Architecture, rank: Size, **rest: Any) -> Timeline:
        return _ask(asked, arch, {**rest, "lora": {**(lora or {}), "rank": rank}})

    end = arch.hidden_size if most is None else most
    return _largest(arch, "rank", gpu, at_rank, end, settings)


def gpus_that_fit(need: Timeline | int) -> list[GPU]:
    """The cards of the catalogue on which a timeline, or a number of bytes, fits: the smallest first."""
    peak = _bytes_of(need)
    return sorted((c for c in cards.values() if c.usable_bytes >= peak), key=lambda c: (c.usable_mib, c.name))


def smallest_gpu(need: Timeline | int) -> GPU | None:
    """The smallest card on which a timeline, or a number of bytes, fits; None when there is none.

    >>> smallest_gpu(20 * 10**9).name
    'A10'
    """
    return next(iter(gpus_that_fit(need)), None)


def fewest_gpus(
    timeline: Timeline, *, gpu: GPU | str | int, over: str = "dp", most: int = 4096, **fixed: Any
) -> int | None:
    """The fewest cards of one kind on which the most loaded of them fits; None when `most` are not enough.

    over   the way of sharing that grows: "dp" (with zero=3 unless told otherwise), "tp", "pp" or "cp"; of the last
           three no more than 256 cards are tried
    fixed  other arguments of `vram.shard`: the answer counts all cards, tp · pp · cp · dp
    """
    check_size("most", most, most=2**20)
    if over not in DEGREES:
        raise unknown("over", over, DEGREES)
    if over in fixed:
        raise VramError(f"{over}: {brief(fixed[over])} given, but it is what is asked for.")
    for name in fixed:
        if name not in signature(shard_timeline).parameters:
            raise unknown("argument of shard", name, list(signature(shard_timeline).parameters))
    for name in (*DEGREES, "ep"):
        check_size(name, fixed.get(name, 1), most=2**20)
    unit = 1
    if over == "dp":
        fixed.setdefault("zero", 3)
        unit = fixed.get("ep", 1)  # copies come in groups that share the experts
    others = 1
    for name in DEGREES:
        others *= fixed.get(name, 1) if name != over else 1
    budget = _budget(gpu)

    def fits(n: int) -> bool:
        return bool(shard_timeline(timeline, **fixed, **{over: n * unit}).peak <= budget)

    if fits(1):  # and the plan as such is sound
        return unit * others
    most //= others * unit
    if over == "cp":  # a sequence is cut into any number of parts
        most = min(most, 256)
    elif over != "dp":  # only some numbers divide heads or layers, and no share is smaller than an even one
        least = max(2, -(-timeline.peak // (budget * others)))
        return next((n * others for n in range(least, min(most, 256) + 1) if _divides(fits, n)), None)
    if most < 1 or not fits(most):
        return None
    low, high = 1, most  # low does not fit, high does
    while high - low > 1:
        half = (low + high) // 2
        low, high = (low, half) if fits(half) else (half, high)
    return high * unit * others


def _divides(fits: Callable[[int], bool], n: int) -> bool:
    """True when n cards fit; False also where n does not divide heads or layers."""
    try:
        return fits(n)
    except VramError:
        return False


@dataclass(frozen=True, slots=True)
class Change:
    """One setting changed, everything else as it was."""

    setting: str
    value: Any
    peak: Size
    fits: bool


#: Settings and the values to try, in the order in which to try them: first what computes the same, then what takes
#: longer, then what learns or answers differently. Of batch and context the largest value that fits is tried.
CHANGES: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("attention", ("flash", "sdpa")),
    ("loss", ("fused", "chunked")),
    ("checkpointing", ("selective", "full")),
    ("batch", ()),
    ("optimizer", ("adamw-8bit", "adafactor", "sgd")),
    ("recipe", ("bf16-mixed", "bf16-fp32-states", "bf16")),
    ("base", ("int8", "nf4")),
    ("kv", ("fp8", "q4_0")),
    ("weights", ("int8", "Q4_K_M", "nf4")),
    ("lora", (8,)),
    ("seq_len", ()),
)  # fmt: skip


def single_changes(
    arch: Architecture, *, gpu: GPU | str | int, of: str | Question = "training", **settings: Any
) -> list[Change]:
    """The single changes that lower the peak, each with its new peak: those that make it fit, then the others.

    Within both, what to try first stands first (see `CHANGES`). Changes are tried that the question knows.

    >>> from vram import models
    >>> [c.setting for c in single_changes(models["llama-3-8b"], gpu="RTX 4090", lora=8, base="nf4", seq_len=4096)][:2]
    ['checkpointing', 'seq_len']
    """
    need_architecture(arch)
    asked, budget = _question(of), _budget(gpu)
    known = signature(asked).parameters
    peak_now = _ask(asked, arch, settings).peak
    changes = []
    for setting, values in CHANGES:
        rest = {name: value for name, value in settings.items() if name != setting}
        if setting in known and not values:
            now = settings.get(setting, known[setting].default)
            most = _largest(arch, setting, gpu, asked, now, rest) if now > 1 else 0
            values = (most,) if 0 < most < now else ()
        for value in values if setting in known else ():
            peak = _ask(asked, arch, {**rest, setting: value}).peak
            if peak < peak_now:
                changes.append(Change(setting, value, peak, bool(peak <= budget)))
    return sorted(changes, key=lambda change: not change.fits)


def _largest(
    arch: Architecture, setting: str, gpu: GPU | str | int, of: str | Question, most: Size, settings: Mapping[str, Any]
) -> Size:
    need_architecture(arch)
    if setting in settings:
        raise VramError(f"{setting}: {brief(settings[setting])} given, but it is what is asked for.")
    check_size("most", most)
    asked = _question(of)
    return largest_within(lambda n: _ask(asked, arch, {**settings, setting: n}).peak, _budget(gpu), most)


def _question(of: str | Question) -> Question:
    if callable(of):
        return of
    if of not in ("training", "inference"):
        raise unknown("of", of, ("training", "inference"))
    return getattr(import_module(f".{of}", __package__), of)


def _ask(asked: Question, arch: Architecture, settings: Mapping[str, Any]) -> Timeline:
    settings = dict(settings)
    sharing = settings.pop("shard", None)
    if all(p.kind is not Parameter.VAR_KEYWORD for p in signature(asked).parameters.values()):
        need_options(asked, settings)
    if sharing is not None:
        if not isinstance(sharing, Mapping):
            raise VramError(f"shard: {brief(sharing)} given, arguments of vram.shard are needed, as a mapping.")
        need_options(shard_timeline, sharing)
    timeline = asked(arch, **settings)
    return timeline if sharing is None else shard_timeline(timeline, **{"arch": arch, **sharing})


def _budget(gpu: GPU | str | int) -> int:
    if isinstance(gpu, (int, float)):
        return check_size("gpu", gpu, most=2**60)
    return (gpu if isinstance(gpu, GPU) else cards[gpu]).usable_bytes


def _bytes_of(need: Timeline | int) -> Size:
    return need.peak if isinstance(need, Timeline) else check_size("need", need, 0, 2**70)
