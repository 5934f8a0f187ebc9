"""The engine's answers for a state. Nothing is calculated here: questions are put, and answers kept.

Measured constants are part of every answer: a process without a CUDA context does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any

from ...architectures import GPU, Architecture, gpus
from ...ledger.errors import VramError
from ...memory import (
    Timeline,
    constants,
    fewest_gpus,
    inference,
    max_batch,
    max_context,
    overhead,
    shard,
    single_changes,
    smallest_gpu,
    training,
)
from .state import JOBS, STAGES, WORDS, State

#: The searches end here; beyond, the answer is "or more".
MOST_CONTEXT, MOST_BATCH, MOST_CARDS = 2**20, 2**12, 1024

#: peft keeps adapters, their gradients and moments in FP32, whatever the format of the frozen weights is.
_ADAPTER_RECIPE = "fp32"
#: Names of settings where the engine's differ from the calculator's.
_NAMES = {"seq_len": "context", "lora": "rank"}


class Stopped(Exception):
    """The question is no longer asked: a control has moved."""


def never() -> bool:
    """The question goes on being asked."""
    return False


@lru_cache(maxsize=64)
def timeline(state: State) -> Timeline:
    """The timeline of the most loaded card, measured constants included."""
    whole = _whole(state)
    if state.cards == 1:
        return whole
    return shard(whole, arch=state.architecture(), **sharing(state))


def sharing(state: State) -> dict[str, int]:
    """How the cards share: copies with ZeRO in training; in running, layers are cut as far as the heads divide."""
    if state.job != "run":
        return {"dp": state.cards, "zero": state.zero}
    return _cut(state.architecture(), state.cards, _whole(state.but(cards=1)))


@dataclass(frozen=True, slots=True)
class Option:
    """One setting changed, everything else as it was."""

    setting: str
    value: Any
    peak: int
    fits: bool


def options(state: State, stop: Callable[[], bool] = never) -> list[Option]:
    """The single changes that lower the peak: those that make it fit first, then by peak.

    Asked of the engine, as far as a control of the job stands for the change; then of the cheaper jobs, which the
    engine does not vary. Raises `Stopped` as soon as `stop()` is true.
    """
    peak, card = timeline(state).peak, gpus[state.gpu]
    found = []
    for change in single_changes(state.architecture(), gpu=card, of=_asked(state, stop), **_with_sharing(state)):
        name = _NAMES.get(change.setting, change.setting)
        known = name in ("context", "batch", *JOBS[state.job]) and not (state.job == "full" and name == "rank")
        if known and change.value in WORDS.get(name, (change.value,)):
            found.append(Option(name, change.value, change.peak, change.fits))
    for other in _cheaper_jobs(state):
        if stop():
            raise Stopped
        if (lower := timeline(other)).peak < peak:
            found.append(Option("job", other.job, lower.peak, lower.fits(card)))
    return sorted(found, key=lambda option: (not option.fits, option.peak))


def _cheaper_jobs(state: State) -> Iterator[State]:
    """Training that trains less: adapters instead of all, QLoRA instead of LoRA."""
    jobs = list(JOBS)
    if state.job != "run":
        for job in jobs[1 : jobs.index(state.job)] if state.job == "full" else ["qlora"] if state.job == "lora" else []:
            yield state.but(job=job)


def longest_context(state: State, stop: Callable[[], bool] = never) -> int:
    """The most tokens a sequence may have, 0 if not even one fits, MOST_CONTEXT where nothing limits it before."""
    settings = {k: v for k, v in _with_sharing(state).items() if k != "seq_len"}
    return _kept(
        "context", state.but(context=1), lambda arch: max_context(
            arch, gpu=state.gpu, of=_asked(state, stop), most=MOST_CONTEXT, **settings)
    )  # fmt: skip


def largest_batch(state: State, stop: Callable[[], bool] = never) -> int:
    """The most sequences at once, 0 if not even one fits, MOST_BATCH where nothing limits it before."""
    settings = {k: v for k, v in _with_sharing(state).items() if k != "batch"}
    return _kept(
        "batch", state.but(batch=1), lambda arch: max_batch(
            arch, gpu=state.gpu, of=_asked(state, stop), most=MOST_BATCH, **settings)
    )  # fmt: skip


def smallest_card(state: State) -> GPU | None:
    """The smallest card on which the peak fits; None when there is none."""
    return smallest_gpu(timeline(state).peak)


def fewest_cards(state: State) -> int | None:
    """The fewest cards of this kind on which it fits, sharing all they can; None when MOST_CARDS are not enough."""
    over = "tp" if state.job == "run" else "dp"
    return _kept(
        "cards", state.but(cards=1), lambda arch: fewest_gpus(
            _whole(state.but(cards=1)), gpu=state.gpu, over=over, most=MOST_CARDS)
    )  # fmt: skip


def constants_range() -> tuple[int, int]:
    """The least and the most that all measured constants together were reported to take, in bytes."""
    return sum(c.least for c in constants.values()), sum(c.most for c in constants.values())


def peak_range(state: State) -> tuple[int, int]:
    """The peak with the least and with the most that was ever measured beside the tensors."""
    tensors = timeline(state).peak - overhead().nbytes
    least, most = constants_range()
    return tensors + least, tensors + most


def _whole(state: State) -> Timeline:
    """The timeline as one card would hold it, measured constants included."""
    return _asked(state, never)(state.architecture(), **_settings(state))


_ANSWERED: dict[tuple[str, str, str | None, str], Timeline] = {}
_MOST_ANSWERED = 96


def _asked(state: State, stop: Callable[[], bool]) -> Callable[..., Timeline]:
    """The question as the engine's searches put it, with the measured constants in every answer.

    The last answers are kept: the searches for a state ask for the same ones.
    """
    question = inference if state.job == "run" else training

    @wraps(question)  # the searches read its arguments
    def asked(arch: Architecture, **settings: Any) -> Timeline:
        if stop():
            raise Stopped
        key = (question.__name__, state.model, state.config, repr(sorted(settings.items())))
        found = _ANSWERED.get(key)
        if found is None:
            if len(_ANSWERED) >= _MOST_ANSWERED:
                _ANSWERED.clear()
            found = _ANSWERED[key] = _counted(question(arch, **settings))
        return found

    return asked


def _settings(state: State) -> dict[str, Any]:
    """The arguments of the engine's question."""
    attention = None if state.attention == "auto" else state.attention
    settings: dict[str, Any] = {"batch": state.batch, "seq_len": state.context, "attention": attention}
    if state.job == "run":
        return settings | {"weights": state.weights, "kv": state.kv}
    settings |= {"optimizer": state.optimizer, "checkpointing": state.checkpointing, "loss": state.loss}
    if state.job == "full":
        return settings | {"recipe": state.recipe}
    base = "nf4" if state.job == "qlora" else state.base
    return settings | {"recipe": _ADAPTER_RECIPE, "lora": {"rank": state.rank}, "base": base}


def _with_sharing(state: State) -> dict[str, Any]:
    shared = {} if state.cards == 1 else {"shard": sharing(state)}
    return _settings(state) | shared


def _counted(timeline: Timeline) -> Timeline:
    """The same timeline with the measured constants in every phase."""
    constant = overhead()
    nbytes = constant.nbytes
    return Timeline(
        {phase: ledger + constant for phase, ledger in timeline.phases.items()},
        after={phase: ledger + constant for phase, ledger in timeline.after.items()},
        moments=timeline.moments,
        missing=tuple(kind for kind in timeline.missing if kind != "overhead"),
        settings=timeline.settings,
        nbytes={phase: timeline.nbytes(phase) + nbytes for phase in timeline.phases},
    )


def _cut(arch: Architecture, cards: int, whole: Timeline) -> dict[str, int]:
    """The most tensor parallel that divides the heads, the rest pipeline: the engine says what divides."""
    reason = None
    for tp in (n for n in range(cards, 0, -1) if cards % n == 0):
        plan = {"tp": tp, "pp": cards // tp}
        try:
            shard(whole, arch=arch, **plan)
        except VramError as problem:
            reason = reason or problem
        else:
            return plan
    raise reason or VramError(f"cards: {cards} given, they cannot share this model.")


_KEPT: dict[tuple[str, State], Any] = {}
_MOST_KEPT = 512


def _kept(question: str, state: State, answer: Callable[[Architecture], Any]) -> Any:
    """An answer, searched for once; `state` has a fixed value for what is searched."""
    key = (question, state.normal())
    if key not in _KEPT:
        if len(_KEPT) >= _MOST_KEPT:
            _KEPT.clear()
        _KEPT[key] = answer(state.architecture())
    return _KEPT[key]


__all__ = [
    "STAGES", "Option", "Stopped", "constants_range", "fewest_cards", "largest_batch", "longest_context", "never",
    "options", "peak_range", "sharing", "smallest_card", "timeline",
]  # fmt: skip
