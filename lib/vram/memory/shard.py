"""What does one of many cards hold? Sharing a model among cards, and what must be whole all the same. Lesson 10.

A timeline says what one card would hold. Sharing divides its tensors: within a layer (tensor, expert and context
parallel), by layers (pipeline), and by states (data parallel with ZeRO or FSDP). What is on every card, gathered for a
moment or kept for several batches is in the ledger too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from ..architectures.architecture import Architecture
from ..ledger.arithmetic import Size
from ..ledger.errors import VramError
from ..ledger.ledger import Ledger
from ..ledger.tensor import Tensor
from .roles import role
from .sharding.layers import candidates, in_work_itself, of_stage, stages
from .sharding.moment import largest_on_card
from .sharding.plan import DEGREES, Plan
from .sharding.states import of_copy
from .sharding.within_layers import within_layers
from .timeline import Timeline


def shard(
    timeline: Timeline,
    *,
    tp: int = 1,
    pp: int = 1,
    dp: int = 1,
    zero: int = 0,
    ep: int = 1,
    cp: int = 1,
    sequence_parallel: bool = False,
    microbatches: int | None = None,
    offload: str = "none",
    arch: Architecture | None = None,
    rank: Mapping[str, int] | None = None,
) -> Timeline:
    """The timeline of the most loaded of tp · pp · cp · dp cards, or of the one that `rank` names.

    tp            tensor parallel: matrices are cut; with sequence_parallel, what lies between them too
    pp            pipeline, 1F1B schedule: runs of layers; the first stage keeps the activations of pp batches, or of
                  `microbatches` where a step has fewer
    dp, zero      copies with a batch each; ZeRO stage 1 divides optimizer states, 2 gradients, 3 (FSDP) weights
    ep            experts are divided among `ep` of the copies
    cp            context parallel: each card has its part of the sequence
    offload       "optimizer" keeps the states in host memory (from stage 2 on the gradients too), "parameters" the
                  weights as well (stage 3)
    arch          the model, to check that heads and experts divide; taken from the timeline's settings if it is there
    rank          {"tp": 0, "pp": 3 …}: another card than the most loaded
    The batch of the timeline is that of one copy. Gradients of plain data parallelism are views of the communication
    buckets, as Megatron and FSDP have them; torch's DDP with its default buckets holds them once more.
    Raises `VramError` for degrees that do not divide the model, and for a pipeline of an encoder with a decoder.
    Sources: ZeRO paper, arXiv 1910.02054; Megatron-LM, arXiv 2104.04473 and 2205.05198.

    >>> from vram import models, training
    >>> shard(training(models["gpt2"]), dp=8, zero=3).peak < training(models["gpt2"]).peak
    True
    """
    if not isinstance(timeline, Timeline):
        raise VramError(f"timeline: a {type(timeline).__name__} given; vram.training or vram.inference makes one.")
    known = timeline.settings.get("arch")
    model = arch if arch is not None else known if isinstance(known, Architecture) else None
    plan = Plan(tp, sequence_parallel, pp, microbatches, dp, zero, ep, cp, offload, model, {} if rank is None else rank)
    cut = _Cut(plan, timeline.settings.get("seq_len"))
    if pp == 1:
        return _of_card(timeline, plan, cut, lambda ledger, working: ledger)
    if model is not None and "num_decoder_layers" in model.fields and model.head != "encoder":
        raise VramError(f"pp: {pp} given, but {model.model_type} is an encoder with a decoder; one stack can be cut.")
    ledgers = [Ledger(map(cut, ledger)) for ledger in timeline.phases.values()]
    layers = stages(ledgers, plan)
    tied = not any(map(_is_head, (t for ledger in ledgers for t in ledger)))
    asked = [plan.rank("pp")] if "pp" in plan.ranks else candidates(ledgers, plan, layers)
    each = [
        _of_card(timeline, plan, cut, lambda ledger, working, i=i: of_stage(ledger, plan, i, layers, tied, working))
        for i in asked
    ]
    return max(each, key=lambda one: one.peak)


def _is_head(tensor: Tensor) -> bool:
    """True for the matrix of a head; its bias is stored even where the matrix is the embedding's."""
    return tensor.kind == "weights" and role(tensor) == "output" and not tensor.name.endswith(".bias")


class _Cut:
    """One card's part of a tensor under tensor, expert and context parallelism; each tensor is cut once."""

    def __init__(self, plan: Plan, seq_len: Size | None):
        self._plan, self._seq_len = plan, seq_len
        self._known: dict[int, tuple[Tensor, Tensor]] = {}

    def __call__(self, tensor: Tensor) -> Tensor:
        if id(tensor) not in self._known:  # the tensor is kept, so that no other can have its id
            self._known[id(tensor)] = tensor, within_layers(tensor, self._plan, self._seq_len)
        return self._known[id(tensor)][1]


def _of_card(timeline: Timeline, plan: Plan, cut: _Cut, stage: Callable[[Ledger, bool], Ledger]) -> Timeline:
    """The timeline of one card: of each phase its own largest moment, shared among the copies."""

    def held(phase: str, rows: Iterable[Tensor], working: bool) -> Ledger:
        return of_copy(phase, stage(Ledger(map(cut, rows)), working), plan)

    phases, moments = {}, dict(timeline.moments)
    for phase, ledger in timeline.phases.items():
        if places := timeline.choices.get(phase):
            moments[phase], phases[phase] = largest_on_card(places, partial(held, phase))
        else:
            phases[phase] = held(phase, ledger, any(map(in_work_itself, ledger)))
    after = {phase: held(phase, rows, any(map(in_work_itself, rows))) for phase, rows in timeline.after.items()}
    sharing = {name: getattr(plan, name) for name in DEGREES} | {"zero": plan.zero, "offload": plan.offload}
    return Timeline(
        phases,
        after=after,
        moments=moments,
        missing=timeline.missing,
        settings={**timeline.settings, **sharing},
    )
