"""What the calculator says about a state: sentences with numbers and units."""

from __future__ import annotations

from functools import cache
from typing import Any

from ...architectures import gpus
from ...ledger.units import both, count, gib
from ...memory import Timeline, optimizers, recipes
from ...words import has, say
from ..bars import name_of
from . import ask
from .state import FIRST, State


def job(name: str) -> str:
    """A job as its control names it."""
    return say(f"fit.job.{name}")


@cache
def value_text(name: str, value: Any) -> str:
    """A value as its control shows it: the words of the catalogue, the engine's title, or the number."""
    if name == "gpu":
        return say("fit.card", gpu=value, nameplate=" ".join(gpus[value].nameplate.split()[:2]))
    if has(f"fit.{name}.{value}"):
        return say(f"fit.{name}.{value}")
    if name == "optimizer":
        return optimizers[value].title
    if name == "recipe":
        return recipes[value].title
    return count(value) if isinstance(value, int) else str(value)


def label(name: str) -> str:
    """The name of a control."""
    return say(f"fit.label.{name}")


def setting(state: State, name: str) -> str:
    """A setting with its value in words: `batch 1`."""
    return say("fit.setting", label=label(name), value=value_text(name, getattr(state, name)))


def assumptions(state: State) -> str:
    """All assumptions that count, in one line."""
    return " · ".join(setting(state, name) for name in state.assumptions)


def asked(state: State) -> str:
    """The question in a line: model, job, cards, context."""
    return say(
        "fit.asked", model=state.title, job=job(state.job), cards=_cards(state), context=count(state.context)
    )  # fmt: skip


def _cards(state: State) -> str:
    return state.gpu if state.cards == 1 else say("fit.cards_of", count=state.cards, gpu=state.gpu)


def verdict(state: State) -> str:
    """Fits or not, what is needed, what the card has, and what is left or lacks."""
    timeline, card = ask.timeline(state), gpus[state.gpu]
    room = timeline.headroom(card)
    sure = "" if not timeline.missing else "_open"
    each = "one" if state.cards == 1 else "each"
    return say(
        f"fit.verdict.{'fits' if room >= 0 else 'lacks'}{sure}",
        need=gib(timeline.peak), has=gib(card.usable_bytes), room=gib(abs(room)),
        gpu=say(f"fit.verdict.{each}", gpu=state.gpu, count=state.cards),
    )  # fmt: skip


def detail(state: State) -> str:
    """When the peak is, what is largest and why, what is uncertain, and what is not counted."""
    timeline = ask.timeline(state)
    said = [say("fit.peak", phase=say(f"fit.phase.{timeline.peak_phase.replace(' ', '_')}"))]
    kinds = {kind: rows.nbytes for kind, rows in timeline.at_peak().by("kind").items()}
    first, *others = sorted(kinds, key=lambda kind: -kinds[kind])
    said.append(say("fit.largest", kind=name_of(first), amount=gib(kinds[first])))
    if others and kinds[others[0]] * 20 > timeline.peak:  # a twentieth is worth a word
        said.append(say("fit.next", kind=name_of(others[0]), amount=gib(kinds[others[0]])) + _why(state, timeline))
    said += [*_uncertain(state), *_not_counted(state, timeline)]
    return " ".join(said)


def _why(state: State, timeline: Timeline) -> str:
    """Why the second largest kind is large, where it is the logits or mostly their gradients."""
    _, second = sorted(timeline.at_peak().by("kind").values(), key=lambda rows: -rows.nbytes)[:2]
    of_loss = second.select(lambda tensor: tensor.name.startswith("loss:")).nbytes
    if 2 * of_loss < second.nbytes:
        return "."
    return say("fit.vocabulary", amount=gib(of_loss), entries=count(state.architecture().vocab_size))


def _uncertain(state: State) -> list[str]:
    """The measured constants, where they decide."""
    usable = gpus[state.gpu].usable_bytes
    least, most = ask.peak_range(state)
    if not least <= usable < most:
        return []
    low, high = (gib(amount) for amount in ask.constants_range())
    return [say("fit.close", least=low, most=high, low=gib(least), high=gib(most))]


def _not_counted(state: State, timeline: Timeline) -> list[str]:
    notes = list(state.architecture().notes)
    if timeline.missing:
        notes.insert(0, say("fit.missing", kinds=", ".join(map(name_of, timeline.missing))))
    limit = state.architecture().fields.get("max_position_embeddings")
    if isinstance(limit, int) and state.context > limit:
        notes.append(say("fit.too_long", context=count(state.context), limit=count(limit)))
    return notes


def option(state: State, change: ask.Option) -> str:
    """One change with its new peak and what it saves."""
    saved = ask.timeline(state).peak - change.peak
    return say("fit.option", what=_what(state, change), peak=gib(change.peak), saved=gib(saved))


def _what(state: State, change: ask.Option) -> str:
    text = value_text(change.setting, change.value)
    if has(f"fit.change.{change.setting}"):
        return say(f"fit.change.{change.setting}", value=text)
    return say("fit.change.other", label=label(change.setting), value=text)


def report(state: State) -> str:
    """The whole result as lines of text, with units and assumptions."""
    from .share import python, query

    timeline, card = ask.timeline(state), gpus[state.gpu]
    lines = [asked(state), verdict(state), detail(state), ""]
    kinds = timeline.at_peak().by("kind")
    width = max(map(len, kinds)) + 2
    lines += [f"{name_of(kind):<{width}}{both(rows.nbytes)}" for kind, rows in _in_order(kinds)]
    lines.append(f"{say('fit.peak_row'):<{width}}{both(timeline.peak)}")
    lines.append(f"{say('fit.card_row'):<{width}}{both(card.usable_bytes)}")
    low, high = (gib(amount) for amount in ask.constants_range())
    lines += ["", say("fit.assumed", assumptions=assumptions(state))]
    lines.append(say("fit.constants.said", least=low, most=high))
    lines += ["", say("fit.again.python", line=python(state))]
    if state.config is None:
        lines.append(say("fit.again.link", query=query(state)))
    return "\n".join(lines)


def _in_order(kinds: dict[str, Any]) -> list[tuple[str, Any]]:
    from ..theme import in_order

    return [(kind, kinds[kind]) for kind in in_order(dict.fromkeys(kinds, 0))]


__all__ = ["FIRST", "asked", "assumptions", "detail", "job", "label", "option", "report", "value_text", "verdict"]
