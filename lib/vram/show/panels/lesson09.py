"""Panel of lesson 09: how long does training take?"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache

from ...architectures import gpus, models
from ...ledger.arithmetic import ceil_div
from ...ledger.units import count, percent
from ...memory import Compute, compute, model_states, training_flops, training_time, weights
from ...words import say
from ..bars import Row, bar
from ..numbers import decimal, scientific
from ..panel import Choice, Panel, View
from ..tables import StyledTable

_MODELS = ("gpt2", "tinyllama-1.1b", "llama-2-7b", "llama-3-8b", "llama-2-70b", "gpt3-175b", "llama-3.1-405b")
_GPUS = ("RTX 4090", "L40S", "A100-80GB", "H100-80GB", "B200")
_TOKENS = (10 * 10**9, 100 * 10**9, 300 * 10**9, 10**12, 2 * 10**12, 15 * 10**12)
_CARDS = (1, 8, 64, 256, 1024, 2048, 16384)
_UTILISATION = (0.1, 0.2, 0.3, 0.4, 0.45, 0.5, 0.6)

#: Tokens in a sequence: it sets what the attention scores cost.
SEQ_LEN = 2048
#: Which part of the bar each kind of product belongs to.
_PARTS = {"attention": "attention", "attention scores": "attention", "mlp": "mlp", "lm_head": "lm_head"}


def time_panel() -> Panel:
    """Model, training tokens, number and kind of cards, utilisation; days with and without recomputation."""
    shares = {percent(round(share * 100), 100, 0): share for share in _UTILISATION}
    controls = [
        Choice("model", say("panel.label.model"), {models.title(name): name for name in _MODELS}, "gpt3-175b"),
        Choice("tokens", say("panel.label.tokens"), {_tokens(n): n for n in _TOKENS}, 300 * 10**9),
        Choice("cards", say("panel.label.gpus"), {f"{n:,}": n for n in _CARDS}, 1024),
        Choice("gpu", say("panel.label.gpu"), {name: name for name in _GPUS}, "A100-80GB"),
        Choice("utilisation", say("panel.label.utilisation"), shares, 0.45),
    ]
    return Panel(controls, _view)


def _tokens(n: int) -> str:
    billions = n // 10**9
    if billions < 1000:
        return say("panel.time.tokens.billion", n=billions)
    return say("panel.time.tokens.trillion", n=billions // 1000)


@cache
def work(model: str) -> Compute:
    """The products of one sequence, forward, backward and under full recomputation."""
    return compute(models[model], seq_len=SEQ_LEN, checkpointing="full")


def _view(model: str, tokens: int, cards: int, gpu: str, utilisation: float) -> View:
    once, card = work(model), gpus[gpu]
    sequences = tokens / SEQ_LEN

    def seconds(flops: int) -> float:
        """Time for so many FLOPs a sequence."""
        return training_time(flops, gpu=card, gpus=cards, mfu=utilisation) * sequences

    parts = {kind: part.model for kind, part in once.by("kind").items()}
    again = {kind: part.hardware for kind, part in once.by("kind").items()}
    numel = weights(models[model]).numel
    share = percent(round(utilisation * 100), 100, 0)
    total = once.model * tokens // SEQ_LEN
    states = model_states(models[model]).peak
    return View(
        verdict=say(
            "panel.time.verdict",
            model=models.title(model), tokens=_tokens(tokens), gpus=f"{cards:,}", gpu=gpu,
            once=written(seconds(once.model)), twice=written(seconds(once.hardware)),
        ),
        detail=say(
            "panel.time.detail",
            utilisation=share, seq_len=f"{SEQ_LEN:,}", cards=count(ceil_div(states, card.usable_bytes)),
        ),
        picture=bar(
            [
                Row(say("panel.time.once"), _stacked(parts, seconds)),
                Row(say("panel.time.twice"), _stacked(again, seconds)),
            ],
            shown=lambda milliseconds: written(milliseconds / 1000),
            about=say("panel.time.about"),
        ),
        formula=[
            say(
                "panel.time.formula",
                flops=scientific(total), gpus=f"{cards:,}", peak=scientific(card.dense_flops), utilisation=share,
                time=written(seconds(once.model)),
            ),
            say(
                "panel.time.rule",
                parameters=count(numel), tokens=count(tokens), flops=scientific(training_flops(numel, tokens)),
                share=percent(training_flops(numel, tokens), total),
            ),
        ],
        tables=[_table(once, tokens, parts, seconds)],
    )  # fmt: skip


def _stacked(flops: dict[str, int], seconds: Callable[[int], float]) -> dict[str, int]:
    """Milliseconds of each part of the bar, which takes whole numbers; the scores belong to attention."""
    found: dict[str, int] = {}
    for kind, n in flops.items():
        part = _PARTS[kind]
        found[part] = found.get(part, 0) + round(1000 * seconds(n))
    return found


def _table(once: Compute, tokens: int, parts: dict[str, int], seconds: Callable[[int], float]) -> StyledTable:
    """FLOPs and time of each part; the total, then what recomputation adds."""

    def run(flops: int) -> str:
        return scientific(flops * tokens // SEQ_LEN)

    lines = [
        [
            say(f"panel.time.kind.{kind.replace(' ', '_')}"),
            run(part.forward),
            run(part.backward),
            percent(part.model, once.model),
            written(seconds(part.model)),
        ]
        for kind, part in once.by("kind").items()
    ]
    lines.append([say("table.total"), run(once.forward), run(once.backward), "", written(seconds(once.model))])
    lines.append([say("panel.time.recomputed"), run(once.recompute), "", "", written(seconds(once.recompute))])
    headers = [say(f"panel.time.{name}") for name in ("part", "forward", "backward", "share", "time")]
    keys = [*(_PARTS[kind] for kind in parts), None, None]
    return StyledTable(headers, lines, total=len(parts), caption=say("panel.time.table"), keys=keys)


def written(seconds: float) -> str:
    """A time in days, or in hours or minutes where that reads better.

    >>> written(86_400 * 34), written(3_600)
    ('34.0 days', '1.0 hours')
    """
    for unit, size in (("days", 86_400), ("hours", 3_600)):
        if seconds >= size:
            return say(f"panel.time.{unit}", n=decimal(Fraction(seconds) / size, 1))
    return say("panel.time.minutes", n=decimal(Fraction(seconds) / 60, 1))
