"""Panel of lesson 03: from GPT-2's form to LLaMA's, one change at a time."""

from __future__ import annotations

from ...architectures import Architecture, models
from ...ledger.units import count
from ...memory import weights
from ...words import say
from ..bars import Row, bar, name_of
from ..explain import per_layer, symbolic, written
from ..morph import CHANGES, Step, steps
from ..numbers import short, signed
from ..panel import Choice, Panel, View
from ..tables import StyledTable
from ..theme import in_order

TARGETS = ("llama-2-7b", "llama-2-70b", "mistral-7b-v0.1", "llama-3-8b", "llama-3-70b", "llama-3.1-405b")


def morph_panel() -> Panel:
    """The target and the step; parameters by part before and after, and the formula of a layer."""
    names = ("start", *CHANGES)
    titles = {
        say("panel.morph.step", number=n, title=say(f"panel.morph.change.{name}.title")): n
        for n, name in enumerate(names)
    }
    controls = [
        Choice("target", say("panel.label.model"), {models.title(name): name for name in TARGETS}, "llama-3-8b"),
        Choice("step", say("panel.label.step"), titles, names.index("gated")),
    ]
    return Panel(controls, _view)


def _view(target: str, step: int) -> View:
    way = list(steps(models[target]))
    now, before = way[step], way[max(step - 1, 0)]
    parts = {name: _parts(arch) for name, arch in (("start", way[0].arch), ("before", before.arch), ("now", now.arch))}
    title = models.title(target)
    rows = [Row(say("panel.morph.before", model=title), parts["start"])]
    if step:
        rows.append(Row(say("panel.morph.after", number=step), parts["now"]))
    layer = per_layer(symbolic("weights", now.arch, weights)).numel
    return View(
        verdict=_verdict(now, before, title),
        detail=_why(now, before.arch, target),
        picture=bar(rows, shown=short, about=say("bar.about_parameters")),
        formula=[
            say(
                "panel.formula.layer",
                formula=written(layer),
                numbers=written(layer, now.arch),
                result=count(per_layer(weights(now.arch)).numel),
            )
        ],
        tables=[_table(parts["start"], parts["before"], parts["now"], target)],
    )


def _parts(arch: Architecture) -> dict[str, int]:
    return {part: rows.numel for part, rows in weights(arch).by("kind").items()}


def _verdict(now: Step, before: Step, model: str) -> str:
    numel, change = now.numel, now.numel - before.numel
    if now is before:
        return say("panel.morph.verdict_start", model=model, total=count(numel))
    title = say(f"panel.morph.change.{now.name}.title")
    if not change:
        return say("panel.morph.verdict_none", title=title, model=model, total=count(numel))
    return say("panel.morph.verdict", title=title, change=signed(change), total=count(numel))


def _why(now: Step, before: Architecture, target: str) -> str:
    arch = now.arch
    why = say(
        f"panel.morph.change.{now.name}.why",
        f=count(arch.intermediate_size),
        f_before=count(before.intermediate_size),
        g=count(arch.num_key_value_heads),
        a=count(arch.num_attention_heads),
        V=count(arch.vocab_size),
        V_before=count(before.vocab_size),
    )
    goal = count(weights(models[target]).numel)
    return say("panel.morph.detail", why=why, model=models.title(target), target=goal)


def _table(start: dict[str, int], before: dict[str, int], now: dict[str, int], target: str) -> StyledTable:
    parts = list(in_order(start | now))
    rows = [[name_of(part), *_cells(start.get(part, 0), before.get(part, 0), now.get(part, 0))] for part in parts]
    rows.append([say("table.total"), *_cells(*(sum(p.values()) for p in (start, before, now)))])
    goal = say("panel.morph.goal", model=models.title(target))
    rows.append([goal, "", "", "", count(weights(models[target]).numel)])
    headers = [say(f"table.{name}") for name in ("part", "start", "before", "change", "after")]
    keys = [*parts, None, None]
    return StyledTable(headers, rows, align="lrrrr", total=-2, caption=say("panel.morph.table"), keys=keys)


def _cells(start: int, before: int, now: int) -> list[str]:
    return [count(start), count(before), signed(now - before), count(now)]
