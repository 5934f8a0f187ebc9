"""Every formula of the course on one page, each with its unit, its range and what it gives for one model.

Nothing is typed: a formula is the library's ledger with symbols for sizes, and the example is the same ledger with the
model's sizes. The words stand in `words/en/reference/cheat_sheet.toml`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from typing import Any

from ...architectures import Architecture, models
from ...ledger.dtypes import dtypes
from ...ledger.symbols import GLOSSARY, symbols
from ...ledger.units import count, gib
from ...memory import (
    activations,
    compute,
    kv_cache,
    lora,
    model_states,
    optimizer_states,
    optimizers,
    recipes,
    weights,
)
from ...show import css
from ...show.explain import per_layer, written
from ...show.numbers import trimmed
from ...show.tables import StyledTable
from ...words import say

#: The model of the examples, with a batch and a length for what depends on them.
EXAMPLE, BATCH, TOKENS, RANK = "llama-3-8b", 1, 8192, 16

#: One of each kind; `vram.optimizers` has them all.
_OPTIMIZERS = (
    "sgd", "sgd-momentum", "adagrad", "rmsprop", "adam-amsgrad", "adamw", "adafactor", "muon", "lion", "adamw-8bit",
    "adamw-torchao-4bit", "lion-8bit", "ademamix",
)  # fmt: skip
_FORMATS = ("fp32", "bf16", "fp8_e4m3", "int8", "nf4", "mxfp4", "nvfp4", "Q8_0", "Q6_K", "Q4_K", "Q4_0", "Q2_K")


@dataclass(frozen=True, slots=True)
class Formula:
    """One line: what it is, the forms it takes, and how its value for the example is written."""

    id: str
    lesson: str
    answer: Callable[..., Any]
    written: Callable[[Any], str] = gib


class CheatSheet:
    """The formulas, and small tables beside each other: text in a terminal, one printable page in a browser."""

    def __init__(self, formulas: StyledTable, tables: list[StyledTable]):
        self.formulas, self.tables = formulas, tables

    def __str__(self) -> str:
        return "\n\n".join(map(str, [self.formulas, *self.tables]))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        side = "".join(f'<div style="flex:0 1 auto">{table.markup()}</div>' for table in self.tables)
        return (
            f'{css.sheet(frozenset())}<div class="vram" style="max-width:none">{self._formulas()}'
            f'<div style="display:flex;flex-wrap:wrap;gap:0 3em;align-items:flex-start">{side}</div></div>'
        )

    def _formulas(self) -> str:
        """The range of a formula stands below its name, where it is read together with it."""
        left = ' align="left" style="text-align:left"'
        what, *others, valid, lesson = self.formulas.headers
        head = "".join(f'<th scope="col"{left}>{escape(text)}</th>' for text in (lesson, f"{what}, {valid}", *others))
        body = ""
        for what, gpt, llama, value, valid, lesson in self.formulas.rows:
            name = f'<th scope="row"{left}>{escape(what)}<br><small>{escape(valid)}</small></th>'
            forms = "".join(f"<td{left}><code>{escape(form)}</code></td>" for form in (gpt, llama))
            body += f"<tr><td{left}>{lesson}</td>{name}{forms}<td{left}>{escape(value)}</td></tr>\n"
        caption = f"<caption>{escape(self.formulas.caption)}</caption>"
        table = f'<table class="grid">{caption}<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>'
        return f'<div class="scroll">{table}</div>'


def cheat_sheet() -> CheatSheet:
    """The page: formulas, number formats, bytes per parameter of training, optimizers, symbols."""
    return CheatSheet(_formulas(), [_bits(), _recipes(), _optimizers(), _symbols()])


def formulas() -> tuple[Formula, ...]:
    """Every formula of the page. An answer is a function of an architecture, batch, tokens and rank."""

    def kept(arch: Architecture, b: Any, s: Any, r: Any, **how: Any) -> Any:
        return per_layer(activations(arch, batch=b, seq_len=s, **how)).nbytes

    def logits(arch: Architecture, b: Any, s: Any, r: Any) -> Any:
        return activations(arch, batch=b, seq_len=s).by("kind")["logits"].nbytes

    def paper(arch: Architecture, b: Any, s: Any, r: Any) -> Any:
        return kept(arch, b, s, r, implementation="megatron")

    return (
        Formula("layer", "02", lambda arch, b, s, r: per_layer(weights(arch)).numel, count),
        Formula("model", "02", lambda arch, b, s, r: weights(arch).numel, count),
        Formula("weights", "03", lambda arch, b, s, r: weights(arch, dtype="bf16").nbytes),
        Formula("token", "04", lambda arch, b, s, r: kv_cache(arch, batch=1, seq_len=1).nbytes),
        Formula("cache", "04", lambda arch, b, s, r: kv_cache(arch, batch=b, seq_len=s).nbytes),
        Formula("paper", "07", paper),
        Formula("eager", "07", lambda *x: kept(*x, attention="eager")),
        Formula("sdpa", "07", lambda *x: kept(*x, attention="sdpa")),
        Formula("checkpoint", "07", lambda *x: kept(*x, checkpointing="full")),
        Formula("logits", "07", logits),
        Formula("lora", "08", lambda arch, b, s, r: lora(arch, rank=r).numel, count),
        Formula("flops", "09", lambda arch, b, s, r: compute(arch, batch=b, seq_len=s).forward, _tera),
    )


def _structures() -> Iterator[Architecture]:
    """The two forms that the course takes apart, in symbols."""
    yield models["gpt2"].symbolic()
    yield models[EXAMPLE].symbolic().replace(head_dim=symbols.d)


def _formulas() -> StyledTable:
    gpt, llama = _structures()
    rows = []
    for formula in formulas():
        forms = [_form(formula, arch) for arch in (gpt, llama)]
        value = _value(formula)
        rows.append([say(f"cheat.{formula.id}.what"), *forms, value, say(f"cheat.{formula.id}.valid"), formula.lesson])
    headers = ("what", "gpt", "llama", "example", "valid", "lesson")
    about = {"model": models.title(EXAMPLE), "batch": BATCH, "tokens": f"{TOKENS:,}", "rank": RANK}
    return StyledTable(
        [say(f"cheat.column.{name}", **about) for name in headers],
        rows,
        align="lccrlr",
        caption=say("cheat.caption.formulas", **about),
    )


def _form(formula: Formula, arch: Architecture) -> str:
    """The formula for one form of model, or a dash where the paper's assumptions do not fit it."""
    if formula.id == "paper" and arch.model_type != "gpt2":
        return "–"
    return written(formula.answer(arch, symbols.b, symbols.s, symbols.r))


def _value(formula: Formula) -> str:
    if formula.id == "paper":
        return "–"
    return formula.written(formula.answer(models[EXAMPLE], BATCH, TOKENS, RANK))


def _bits() -> StyledTable:
    """Bits a weight with the scales, and the bytes of a billion of them."""
    rows = []
    for name in _FORMATS:
        bits = dtypes[name].bits_per_weight
        rows.append([name, trimmed(bits, 4), gib(int(bits * 10**9 / 8))])
    headers = [say(f"cheat.column.{name}") for name in ("format", "bits", "billion")]
    return StyledTable(headers, rows, caption=say("cheat.caption.bits"))


def _recipes() -> StyledTable:
    """Bytes a parameter of AdamW in every recipe, as the ledgers of the example have them."""
    arch = models[EXAMPLE]
    numel = weights(arch).numel
    rows = []
    for name in recipes:
        kinds = model_states(arch, recipe=name, optimizer="adamw").phases["optimizer step"].by("kind")
        each = [Fraction(kinds[kind].nbytes, numel) for kind in ("weights", "gradients", "optimizer states")]
        rows.append([name, *(trimmed(round(n, 2)) for n in each), trimmed(round(sum(each), 2))])
    columns = ("recipe", "weights", "gradients", "states", "sum")
    return StyledTable([say(f"cheat.column.{name}") for name in columns], rows, caption=say("cheat.caption.recipes"))


def _optimizers() -> StyledTable:
    """Bytes a parameter that each optimizer keeps for FP32 parameters."""
    arch = models[EXAMPLE]
    ledger = weights(arch, dtype="fp32")
    rows = []
    for name in _OPTIMIZERS:
        each = Fraction(optimizer_states(ledger, name).nbytes, ledger.numel)
        rows.append([optimizers[name].title, trimmed(each, 3)])
    columns = [say(f"cheat.column.{name}") for name in ("optimizer", "states")]
    return StyledTable(columns, rows, caption=say("cheat.caption.optimizers"))


def _symbols() -> StyledTable:
    rows = [[n.symbol, n.name, n.meaning] for n in GLOSSARY]
    columns = [say(f"cheat.column.{name}") for name in ("symbol", "name", "meaning")]
    return StyledTable(columns, rows, align="cll", caption=say("cheat.caption.symbols"))


def _tera(flops: int) -> str:
    return f"{trimmed(Fraction(flops, 10**12), 1)} TFLOP"
