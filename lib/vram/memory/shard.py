"""What does one of many cards hold? Sharing a model among cards, and what must be whole all the same. Lesson 12.

A timeline says what one card would hold. Sharing divides its tensors: within a layer (tensor, expert and context
parallel), by layers (pipeline), and by states (data parallel with ZeRO or FSDP). What is on every card, gathered for a
moment or kept for several batches is in the ledger too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..architectures.architecture import Architecture
from ..ledger.errors import VramError
from ..ledger.ledger import Ledger
from .roles import role
from .sharding.layers import candidates, of_stage, stages
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
    Raises `VramError` for degrees that do not divide the model. Sources: ZeRO paper, arXiv 1910.02054; Megatron-LM,
    arXiv 2104.04473 and 2205.05198.

    >>> from vram import models, training
    >>> shard(training(models["gpt2"]), dp=8, zero=3).peak < training(models["gpt2"]).peak
    True
    """
    if not isinstance(timeline, Timeline):
        raise VramError(f"timeline: a {type(timeline).__name__} given; vram.training or vram.inference makes one.")
    known = timeline.settings.get("arch")
    model = arch if arch is not None else known if isinstance(known, Architecture) else None
    plan = Plan(tp, sequence_parallel, pp, microbatches, dp, zero, ep, cp, offload, model, {} if rank is None else rank)
    seq_len = timeline.settings.get("seq_len")
    cut = [
        {phase: Ledger(within_layers(t, plan, seq_len) for t in ledger) for phase, ledger in side.items()}
        for side in (timeline.phases, timeline.after)
    ]
    if pp == 1:
        return _finished(timeline, cut, plan)
    layers = stages(cut[0].values(), plan)
    tied = not any(role(t) == "output" for ledger in cut[0].values() for t in ledger if t.kind == "weights")
    asked = [plan.rank("pp")] if "pp" in plan.ranks else candidates(cut[0].values(), plan, layers)
    each = [
        _finished(
            timeline, [{p: of_stage(ledger, plan, i, layers, tied) for p, ledger in side.items()} for side in cut], plan
        )
        for i in asked
    ]
    return max(each, key=lambda one: one.peak)


def _finished(timeline: Timeline, sides: Iterable[Mapping[str, Ledger]], plan: Plan) -> Timeline:
    """A timeline of the same phases, each side (largest moment, end) shared among the copies."""
    phases, after = ({phase: of_copy(phase, ledger, plan) for phase, ledger in side.items()} for side in sides)
    sharing = {name: getattr(plan, name) for name in DEGREES} | {"zero": plan.zero, "offload": plan.offload}
    return Timeline(
        phases,
        after=after,
        moments=timeline.moments,
        missing=timeline.missing,
        settings={**timeline.settings, **sharing},
    )
