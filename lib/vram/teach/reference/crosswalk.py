"""What does the source article say, and what says the library? Each statement with its verdict and its lesson.

A statement holds what the article says and a function that computes the same thing from the ledgers. The verdict is
not written anywhere: "right" where both are equal, "approximate" where the article says so itself and the difference
stays within `about`, "slip" otherwise. The words stand in `words/en/reference/article.toml`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

from ...architectures import Architecture, models
from ...ledger.dtypes import dtypes
from ...ledger.symbols import symbols
from ...ledger.units import UNITS, count, shown
from ...memory import (
    activations,
    compute,
    gradients,
    kv_cache,
    lora,
    model_states,
    optimizer_states,
    training_time,
    weights,
)
from ...show.explain import per_layer, written
from ...show.numbers import decimal, trimmed
from ...show.tables import StyledTable
from ...words import say

VERDICTS = ("right", "approximate", "slip")


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that the article says.

    said    what it says: a number or a formula
    truth   the same from the library
    written how both are shown
    about   the largest relative difference that its own "about" or "can be neglected" allows; None: it says "is"
    """

    id: str
    lesson: str
    said: Any
    truth: Callable[[], Any]
    written: Callable[[Any], str] = written
    about: Fraction | None = None

    @property
    def verdict(self) -> str:
        """right, approximate or slip."""
        difference = self.truth() - self.said
        if (difference.expand() if hasattr(difference, "expand") else difference) == 0:
            return VERDICTS[0]
        if self.about is None:
            return VERDICTS[2]
        return VERDICTS[1] if abs(Fraction(difference) / Fraction(self.truth())) <= self.about else VERDICTS[2]


def crosswalk(part: str | None = None) -> StyledTable:
    """Every statement of the article: what it says, what the library says, the verdict, a word why, the lesson.

    part  "article" or "linked" (the article on FLOPs, activations and the cache that it links to); None: both
    """
    rows = [statement for statement in statements() if part in (None, statement.id.partition(".")[0])]
    return StyledTable(
        [say(f"crosswalk.column.{column}") for column in ("statement", "said", "truth", "verdict", "why", "lesson")],
        [
            (
                say(f"crosswalk.{s.id}.statement"),
                s.written(s.said),
                s.written(s.truth()),
                say(f"crosswalk.verdict.{s.verdict}"),
                say(f"crosswalk.{s.id}.why"),
                s.lesson,
            )
            for s in rows
        ],
        align="lccllr",
        caption=say(f"crosswalk.caption.{part or 'all'}"),
    )


def statements() -> tuple[Statement, ...]:
    """All statements, in the order of the article, then those of the article that it links to."""
    return (*_formats(), *_thirteen(), *_counts(), *_llama(), *_training(), *_linked())


def _formats() -> list[Statement]:
    said = {"fp64": 8, "fp32": 4, "fp16": 2, "bf16": 2, "int16": 2, "int8": 1, "int4": Fraction(1, 2)}
    return [
        Statement(f"article.{name}", "01", n, lambda name=name: dtypes[name].bits_per_weight / 8, _bytes_each)
        for name, n in said.items()
    ] + [Statement("article.gb", "01", 1024**3, lambda: UNITS["GB"], _bytes)]


def _thirteen() -> list[Statement]:
    """13 billion numbers in four formats."""
    billions = 13 * 10**9

    def size(name: str) -> int:
        return int(billions * dtypes[name].bits_per_weight / 8)

    said = {"fp32": 52, "bf16": 26, "int8": 13, "int4": Fraction(13, 2)}
    in_gib = Statement(
        "article.thirteen", "01", Fraction("48.4") * UNITS["GB"], lambda: size("fp32"), _gb, Fraction(1, 1000)
    )
    meant = Statement(
        "article.billion", "02", billions, lambda: weights(models["llama-13b"]).numel, count, Fraction(1, 100)
    )
    return [meant, in_gib] + [
        Statement(f"article.thirteen_{name}", "01", n * UNITS["GB"], lambda name=name: size(name), _gb)
        for name, n in said.items()
    ]


def _counts() -> list[Statement]:
    """The parameters of a layer and of a model, in symbols."""
    h, l, v = symbols.h, symbols.l, symbols.V  # noqa: E741
    kinds = {"attention": 4 * h**2 + 4 * h, "mlp": 8 * h**2 + 5 * h, "norm": 4 * h}
    rows = [
        Statement(f"article.{kind}", "02", said, lambda kind=kind: _layer().by("kind")[kind].numel)
        for kind, said in kinds.items()
    ]
    rows.append(Statement("article.layer", "02", 12 * h**2 + 3 * h, lambda: _layer().numel))
    gpt = models["gpt2"]
    rows.append(
        Statement("article.embedding", "02", v * h, lambda: weights(gpt.symbolic()).by("kind")["embedding"].numel)
    )
    total = l * (12 * h**2 + 13 * h) + v * h
    sizes = {h: gpt.hidden_size, l: gpt.num_hidden_layers, v: gpt.vocab_size}
    rows.append(
        Statement("article.total", "02", int(total.subs(sizes)), lambda: weights(gpt).numel, count, Fraction(1, 100))
    )
    return [
        *rows,
        Statement("article.tied", "02", 0, lambda: _part("gpt2", "lm_head"), count),
        Statement("article.rope", "02", 0, lambda: _part("llama-7b", "position_embedding"), count),
        Statement("article.alibi", "02", 0, lambda: _part("bloom-7b1", "position_embedding"), count),
    ]


def _llama() -> list[Statement]:
    """The table: printed counts, and 12lh² as their approximation."""
    said = {"llama-7b": "6.7", "llama-13b": "13.0", "llama-30b": "32.5", "llama-65b": "65.2"}
    rows = []
    for name, billions in said.items():
        arch = models[name]
        rule = 12 * arch.num_hidden_layers * arch.hidden_size**2
        key = name.replace("-", "_")
        printed = int(Fraction(billions) * 10**9)
        rows.append(
            Statement(f"article.{key}", "03", printed, lambda arch=arch: weights(arch).numel, count, Fraction(1, 100))
        )
        rows.append(
            Statement(f"article.{key}_rule", "03", rule, lambda arch=arch: weights(arch).numel, count, Fraction(5, 100))
        )
    return rows


def _training() -> list[Statement]:
    """Everything that training adds, in units of the FP32 model, and the adapter of the last section."""
    ledger = weights(models["llama-7b"], dtype="fp32")

    def times(nbytes: int) -> Fraction:
        return Fraction(nbytes, ledger.nbytes)

    def adam() -> Fraction:
        """The moments alone: torch's step counter of each tensor is left aside, as everyone does."""
        moments = optimizer_states(ledger, "adamw").select(lambda tensor: tensor.numel > tensor.count)
        return times(moments.nbytes)

    def peak() -> Fraction:
        return times(model_states(models["llama-7b"], recipe="fp32", optimizer="adamw").peak)

    held = model_states(models["llama-7b"], recipe="fp32", optimizer="adamw").at_peak()
    matrix = Architecture("llama", hidden_size=1024, intermediate_size=512, num_attention_heads=1, num_hidden_layers=1)

    def frozen() -> int:
        return weights(matrix).select(lambda tensor: "up_proj" in tensor.name).numel

    def adapter() -> int:
        return lora(matrix, rank=8, targets=["up_proj"]).numel

    return [
        Statement("article.four", "06", Fraction(4), peak, _times, Fraction(1, 1000)),
        Statement("article.parameters", "06", Fraction(1), lambda: times(held.by("kind")["weights"].nbytes), _times),
        Statement(
            "article.gradients", "06", Fraction(1), lambda: times(gradients(ledger, dtype="fp32").nbytes), _times
        ),
        Statement("article.adam", "06", Fraction(2), adam, _times),
        Statement("article.sgd", "06", Fraction(1), lambda: times(optimizer_states(ledger, "sgd").nbytes), _times),
        Statement("article.matrix", "08", 1024 * 512, frozen, count),
        Statement("article.lora", "08", 8 * 1024 + 8 * 512, adapter, count),
        Statement("article.lora_whole", "08", 8 * 1024 + 8 * 512 + 1024 * 512, lambda: frozen() + adapter(), count),
    ]


def _linked() -> list[Statement]:
    """What the linked article adds: FLOPs, activations, the cache, time."""
    h, l, a, v, b, s = (getattr(symbols, name) for name in "hlaVbs")  # noqa: E741
    gpt = models["gpt2"].symbolic()
    flops = l * (24 * b * s * h**2 + 4 * b * s**2 * h) + 2 * b * s * h * v
    big = models["gpt3-175b"]

    def saved(arch: Architecture) -> Any:
        rows = activations(
            arch, batch=_of(arch, b, 1), seq_len=_of(arch, s, 2048), implementation="megatron", loss="none"
        )
        return per_layer(rows).nbytes

    def cached(arch: Architecture, batch: Any, seq_len: Any) -> Any:
        return kv_cache(arch, batch=batch, seq_len=seq_len, dtype="fp16").nbytes

    def days() -> Fraction:
        seconds = training_time(175 * 10**9, tokens=300 * 10**9, gpu="A100-80GB", gpus=1024, mfu=0.45, recompute=True)
        return Fraction(seconds) / 86_400

    return [
        Statement("linked.flops", "09", flops, lambda: compute(gpt, batch=b, seq_len=s).forward),
        Statement("linked.activations", "07", 34 * b * s * h + 5 * b * s**2 * a, lambda: saved(gpt)),
        Statement("linked.activations_gpt3", "07", 275_414_777_856, lambda: big.num_hidden_layers * saved(big), _bytes),
        Statement("linked.cache", "04", 4 * l * b * s * h, lambda: cached(gpt, b, s)),
        Statement("linked.cache_gpt3", "04", 164_282_499_072, lambda: cached(big, 64, 512 + 32), _bytes),
        Statement("linked.days", "09", Fraction(34), days, _days, Fraction(2, 100)),
    ]


def _of(arch: Architecture, symbol: Any, number: int) -> Any:
    """A symbol for a symbolic architecture, else the number."""
    return number if isinstance(arch.hidden_size, int) else symbol


@cache
def _layer() -> Any:
    """One layer of GPT-2's form, in symbols."""
    return per_layer(weights(models["gpt2"].symbolic()))


def _part(name: str, kind: str) -> int:
    """Parameters of one part of a model: zero where it has none."""
    found = weights(models[name]).by("kind")
    return found[kind].numel if kind in found else 0


def _bytes(n: Any) -> str:
    return shown(n, "B")


def _bytes_each(n: Fraction) -> str:
    return f"{trimmed(n)} B"


def _gb(n: Any) -> str:
    return shown(n, "GB", 1)


def _times(n: Fraction) -> str:
    return f"{trimmed(n)}×"


def _days(n: Fraction) -> str:
    return say("crosswalk.days", n=decimal(n, 1))
