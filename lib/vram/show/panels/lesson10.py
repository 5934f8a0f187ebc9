"""Panel of lesson 10: what does one of many cards hold, and what is never divided?"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

from ...architectures import gpus, models
from ...ledger.units import both, count, gib
from ...memory import Timeline, model_states, shard, training, weights
from ...words import say
from ..bars import Mark, Row, bar, name_of
from ..copies import by_kind
from ..numbers import trimmed
from ..panel import Choice, Panel, View, powers_of_two
from ..tables import StyledTable
from ..theme import in_order

_MODELS = ("tinyllama-1.1b", "llama-2-7b", "llama-3-8b", "llama-2-13b", "llama-3-70b", "gpt3-175b")

#: The card that the picture compares with, and the sequence that each copy computes.
GPU = "A100-80GB"
SEQ_LEN = 2048
#: The two moments of a step that sharing changes most: all activations alive, all gradients alive.
MOMENTS = ("start of backward", "optimizer step")
_STATES = ("weights", "gradients", "optimizer states")


def cards_panel() -> Panel:
    """Model, ZeRO stage, dp, tp, pp; a training step on the most loaded card."""
    stages = {say(f"panel.cards.zero{stage}"): stage for stage in range(4)}
    controls = [
        Choice("model", say("panel.label.model"), {models.title(name): name for name in _MODELS}, "llama-3-8b"),
        Choice("zero", say("panel.label.zero"), stages, 1),
        powers_of_two("dp", say("panel.label.dp"), 1, 64, 8),
        powers_of_two("tp", say("panel.label.tp"), 1, 8, 1),
        powers_of_two("pp", say("panel.label.pp"), 1, 8, 1),
    ]
    return Panel(controls, _view)


@cache
def step(model: str) -> Timeline:
    """A step of one sequence in mixed precision with AdamW, on one card."""
    return training(models[model], seq_len=SEQ_LEN)


@cache
def _each(model: str) -> dict[str, Fraction]:
    """Bytes of each copy of a parameter: the recipe's weights, gradients and optimizer states."""
    numel = weights(models[model]).numel
    ledger = model_states(models[model]).at_peak()
    return {kind: Fraction(round(ledger.select(kind=kind).nbytes / numel)) for kind in _STATES}


def _view(model: str, zero: int, dp: int, tp: int, pp: int) -> View:
    alone = step(model)
    shared = shard(alone, zero=zero, dp=dp, tp=tp, pp=pp)
    card, cards = gpus[GPU], dp * tp * pp
    key = "panel.cards.verdict" if cards > 1 else "panel.cards.verdict_one"
    rows = [Row(say("panel.cards.alone", phase=alone.peak_phase), by_kind(alone.at_peak()))]
    rows += [
        Row(say("panel.cards.row", cards=f"{cards:,}", phase=phase), by_kind(shared.phases[phase])) for phase in MOMENTS
    ]
    return View(
        verdict=say(key, cards=f"{cards:,}", peak=both(shared.peak), alone=gib(alone.peak)),
        detail=say(
            "panel.cards.detail",
            phase=shared.peak_phase, tokens=f"{SEQ_LEN:,}", gpu=GPU,
            usable=gib(card.usable_bytes),
            fits=say("panel.cards.fits" if shared.fits(card) else "panel.cards.short"),
            missing=say("panel.missing", kinds=", ".join(shared.missing)),
        ),
        picture=bar(rows, mark=Mark(say("panel.usable", gpu=GPU), card.usable_bytes), about=say("panel.cards.about")),
        formula=_formula(model, zero, dp, tp * pp, shared),
        tables=[_table(model, shared)],
    )  # fmt: skip


def _formula(model: str, zero: int, dp: int, cut: int, shared: Timeline) -> list[str]:
    """Bytes a parameter over the cards that share them, and what the ledger of the card says."""
    each = _each(model)
    numel = weights(models[model]).numel
    parts = {kind: (cut * (dp if zero >= stage else 1)) for kind, stage in zip(_STATES, (3, 2, 1), strict=True)}
    total = sum(numel * each[kind] / parts[kind] for kind in _STATES)
    texts = [f"{trimmed(each[kind])}{f'/{parts[kind]}' if parts[kind] > 1 else ''}" for kind in _STATES]
    held = shared.phases[MOMENTS[1]].select(lambda tensor: tensor.kind in _STATES).nbytes
    return [
        say(
            "panel.cards.formula",
            count=count(numel), weights=texts[0], gradients=texts[1], states=texts[2], total=gib(round(total)),
        ),
        say("panel.cards.ledger", total=gib(held)),
    ]  # fmt: skip


def most(timeline: Timeline) -> dict[str, int]:
    """The largest amount of each kind in any phase; kinds have their largest moment in different phases."""
    largest: dict[str, int] = {}
    for ledger in timeline.phases.values():
        for kind, nbytes in by_kind(ledger).items():
            largest[kind] = max(nbytes, largest.get(kind, 0))
    return in_order(largest)


@cache
def _most_alone(model: str) -> dict[str, int]:
    return most(step(model))


def _table(model: str, shared: Timeline) -> StyledTable:
    before, now = _most_alone(model), most(shared)
    kinds = list(in_order(dict.fromkeys((*before, *now), 0)))
    lines = [
        [name_of(kind), gib(before.get(kind, 0)), gib(now.get(kind, 0)), _change(before.get(kind, 0), now.get(kind, 0))]
        for kind in kinds
    ]
    headers = [say(f"panel.cards.{name}") for name in ("kind", "on_one", "on_each", "change")]
    return StyledTable(headers, lines, caption=say("panel.cards.table"), keys=kinds)


def _change(before: int, now: int) -> str:
    """By what a kind is divided or multiplied; nothing where one of the two is not there."""
    if before == now:
        return say("panel.cards.same")
    if not before or not now:
        return ""
    sign, factor = ("÷", Fraction(before, now)) if now < before else ("×", Fraction(now, before))
    return f"{sign} {trimmed(factor, 2)}"
