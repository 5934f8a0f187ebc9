"""Panel of lesson 07: when in a training step is memory fullest, and what is it full of?"""

from __future__ import annotations

from collections.abc import Iterable

from ...architectures import Architecture, models
from ...ledger.ledger import Ledger
from ...ledger.symbols import symbols
from ...ledger.units import count, gib, percent
from ...memory import Timeline, activations, training
from ...words import say
from ..explain import sizes, symbolic, written
from ..numbers import algebra
from ..panel import Choice, Panel, View, powers_of_two
from ..tables import StyledTable
from ..timeline import timeline_picture, timeline_table

#: Two pairs of about the same shape with a small and a large vocabulary.
_MODELS = ("tinyllama-1.1b", "llama-3.2-1b", "llama-2-7b", "llama-3-8b")
#: How attention runs, and what of it is checkpointed: beside a flash kernel, selective checkpointing changes nothing.
ATTENTION = {"eager": ("eager", "none"), "selective": ("eager", "selective"), "sdpa": ("sdpa", "none")}
_CHECKPOINTING = ("none", "full")


def peak_panel() -> Panel:
    """Model, sequences, tokens, attention, checkpointing; one step of a full fine-tune in mixed precision."""
    names = {
        say("panel.peak.model", model=models.title(name), vocabulary=count(models[name].vocab_size)): name
        for name in _MODELS
    }
    controls = [
        Choice("model", say("panel.label.model"), names, "llama-3.2-1b"),
        powers_of_two("batch", say("panel.label.sequences"), 1, 16, 4),
        powers_of_two("seq_len", say("panel.label.context"), 512, 16_384, 2048),
        Choice("attention", say("panel.label.attention"), _words("attention", ATTENTION), "sdpa"),
        Choice("checkpointing", say("panel.label.checkpointing"), _words("checkpointing", _CHECKPOINTING), "none"),
    ]
    return Panel(controls, _view)


def _words(control: str, names: Iterable[str]) -> dict[str, str]:
    return {say(f"panel.peak.{control}.{name}"): name for name in names}


def run(attention: str, checkpointing: str) -> dict[str, str]:
    """The words of the library for the two controls: full checkpointing includes that of attention."""
    kernel, within = ATTENTION[attention]
    return {"attention": kernel, "checkpointing": "full" if checkpointing == "full" else within}


def summed(timeline: Timeline) -> int:
    """What adding up gives: the largest amount of every kind, as if all of them came at once."""
    most: dict[str, int] = {}
    for ledger in timeline.phases.values():
        for kind, rows in ledger.by("kind").items():
            most[kind] = max(most.get(kind, 0), rows.nbytes)
    return sum(most.values())


def _view(model: str, batch: int, seq_len: int, attention: str, checkpointing: str) -> View:
    arch = models[model]
    how = {"batch": batch, "seq_len": seq_len} | run(attention, checkpointing)
    timeline = training(arch, **how)
    layer = activations(arch, **how).layer(0)
    saved = {kind: rows.nbytes for kind, rows in timeline.after["forward"].by("kind").items()}
    total = summed(timeline)
    title = say("panel.peak.title", model=models.title(model), batch=count(batch), tokens=count(seq_len))
    return View(
        verdict=say("panel.peak.verdict", peak=gib(timeline.peak), phase=timeline.peak_phase, total=gib(total),
                    over=percent(total - timeline.peak, timeline.peak)),
        detail=say("panel.peak.detail", activations=gib(saved["activations"]), logits=gib(saved["logits"]))
        + " " + say("panel.missing", kinds=", ".join(timeline.missing)),
        picture=timeline_picture(timeline, about=say("panel.peak.about", title=title)),
        formula=[_formula(arch, layer, **how)],
        tables=[timeline_table(timeline, caption=title), _rows(layer)],
    )  # fmt: skip


def _formula(arch: Architecture, layer: Ledger, *, batch: int, seq_len: int, attention: str, checkpointing: str) -> str:
    """What a layer keeps, in symbols and in numbers."""

    def signs(a: Architecture) -> Ledger:
        a = a.replace(head_dim=symbols.d)
        return activations(a, batch=symbols.b, seq_len=symbols.s, attention=attention, checkpointing=checkpointing)

    rows = symbolic(f"activations {attention} {checkpointing}", arch, signs).select(lambda tensor: bool(tensor.axes))
    each = (rows.nbytes / symbols.l).expand()
    put_in = {**dict(sizes(arch)), "b": batch, "s": seq_len}
    return say("panel.peak.formula", formula=written(each), numbers=algebra(each, put_in), size=gib(layer.nbytes))


def _rows(layer: Ledger) -> StyledTable:
    """Every tensor that one layer keeps."""
    lines = [
        [t.name.partition("layers.0")[2].lstrip(".:"), " × ".join(map(count, t.shape)), t.dtype.name, gib(t.nbytes)]
        for t in layer
    ]
    lines.append([say("table.total"), "", "", gib(layer.nbytes)])
    headers = [say(f"table.{name}") for name in ("tensor", "shape", "dtype", "size")]
    return StyledTable(headers, lines, align="lclr", total=-1, caption=say("panel.peak.layer"))
