"""Questions of lesson 07, activations and the peak: what layers keep, the logits, and the fullest moment of a step."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

import vram

from ..exercise import Exercise, Slip, the_true

_QWEN = {"batch": 4, "seq_len": 4096}
_LONG = 16_384  # tokens of the fine-tune that needed twice as much
_STEPS = 8  # batches that are accumulated


@cache
def _of_layers(name: str, **how: Any) -> Any:
    """Bytes that the layers keep for backward, without what comes before and after them."""
    return vram.activations(vram.models[name], **how).select(lambda t: bool(t.axes)).nbytes


def _gpt3() -> int:
    return _of_layers("gpt3-175b", implementation="megatron")


def _paper(**how: Any) -> Any:
    """Bytes a layer of the paper keeps for each token and unit of width, in symbols."""
    b, s, h, l = (getattr(vram.symbols, letter) for letter in "bshl")  # noqa: E741
    rows = vram.activations(
        vram.models["gpt2"].symbolic(), batch=b, seq_len=s, implementation="megatron", **how
    ).select(lambda t: bool(t.axes))
    return (rows.nbytes / (b * s * h * l)).expand()


def _pairs(n: int) -> Any:
    """n bytes for each pair of tokens and each head, as a share of a token and a unit of width."""
    return n * vram.symbols.a * vram.symbols.s / vram.symbols.h


@cache
def _logits(name: str = "qwen2.5-7b", **how: int) -> int:
    rows = vram.activations(vram.models[name], **{**_QWEN, **how})
    return rows["loss:log_softmax:output"].nbytes


@cache
def _step(name: str = "llama-2-7b", **how: Any) -> vram.Timeline:
    return vram.training(vram.models[name], **how)


@cache
def _states(name: str = "llama-2-7b", **how: Any) -> int:
    return vram.model_states(vram.models[name], **how).peak


def _summed() -> int:
    return _states() + vram.activations(vram.models["llama-2-7b"], seq_len=4096).nbytes


def _left(attention: str = "sdpa", name: str = "llama-3-8b") -> Fraction:
    """Share of what the layers keep that full checkpointing leaves."""
    return Fraction(_of_layers(name, checkpointing="full"), _of_layers(name, attention=attention))


def _lower(**how: Any) -> int:
    """How far the peak of one large batch lies above that of small ones."""
    return _step(batch=_STEPS, seq_len=2048).peak - _step(seq_len=2048, **how).peak


def _kept(batch: int) -> int:
    """What forward keeps for this many sequences of Llama 2 7B, logits included."""
    return vram.activations(vram.models["llama-2-7b"], batch=batch, seq_len=2048).nbytes


@cache
def _fine_tune(name: str = "llama-3-8b", **how: Any) -> vram.Timeline:
    how = {"seq_len": _LONG, "lora": 16, "base": "nf4", "checkpointing": "full", **how}
    return vram.training(vram.models[name], **how)


def _from_the_other(tensors: int) -> int:
    """The peak of Llama 2 7B, and as many tensors of the vocabulary's width as long as those of Llama 3."""
    grown = _logits("llama-3-8b", batch=1, seq_len=_LONG) - _logits("llama-2-7b", batch=1, seq_len=_LONG)
    return _fine_tune("llama-2-7b").peak + tensors * grown


def _why_it_died() -> str:
    """Four sequences a step on a card with 48 GB on its box; most batches are short."""
    short, long = (_step("llama-3.2-1b", batch=4, seq_len=tokens) for tokens in (1024, 4096))
    left = long.after["optimizer step"].by("kind")
    twice, often = (_step("llama-3.2-1b", batch=4, seq_len=1024, gradient_accumulation=n).peak for n in (2, 412))
    states = {phase: ledger.by("kind")["optimizer states"].nbytes for phase, ledger in short.phases.items()}
    return the_true({
        "a": "activations" in left and left["activations"].nbytes > 0,
        "b": states["forward"] < states["optimizer step"],
        "c": short.fits("L40S") and not long.fits("L40S"),
        "d": often > twice,
    })  # fmt: skip


def _why_nothing_changed() -> str:
    """Llama 2 7B on 512 tokens: the peak with and without checkpointing."""
    plain, again = (_step(seq_len=512, checkpointing=way) for way in ("none", "full"))
    kept = [step.after["forward"].by("kind")["activations"].nbytes for step in (plain, again)]
    peak = plain.at_peak().by("kind")
    all_gradients = plain.phases["optimizer step"].by("kind")["gradients"].nbytes
    return the_true({
        "a": kept[0] == kept[1],
        "b": plain.peak != again.peak,
        "c": kept[1] < kept[0] // 10
        and peak["gradients"].nbytes > all_gradients * 19 // 20
        and peak["activations"].nbytes < kept[0] // 100,
        "d": kept[0] == 0,
    })  # fmt: skip


_WITHIN_ONE_PERCENT = Fraction(1, 100)
_HALF_A_POINT = Fraction(1, 200)
_A_TENTH_OF_A_POINT = Fraction(1, 1000)

QUESTIONS = (
    Exercise(
        id="07.p",
        kind="bytes",
        truth=_gpt3,
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
b, s, h, a, l = 1, 2048, 12_288, 96, 96
answer = l * (34 * b * s * h + 5 * b * s**2 * a) * B""",
        facts=lambda: {"weights": vram.gb(vram.weights(vram.models["gpt3-175b"], dtype="fp16").nbytes, 0)},
    ),
    Exercise(
        id="07.m",
        kind="percent",
        truth=lambda: Fraction(_summed(), _step(seq_len=4096).peak) - 1,
        tolerance=_HALF_A_POINT,
        solution="""\
llama = vram.models["llama-2-7b"]
states = vram.model_states(llama).peak
added = states + vram.activations(llama, seq_len=4096).nbytes
answer = added / vram.training(llama, seq_len=4096).peak - 1""",
        slips=(
            Slip("steady", lambda: Fraction(_summed(), _states()) - 1, "M25"),
            Slip("share_of_sum", lambda: 1 - Fraction(_step(seq_len=4096).peak, _summed())),
            Slip("turned_round", lambda: 1 - Fraction(_summed(), _step(seq_len=4096).peak)),
            Slip("whole_sum", lambda: Fraction(_summed(), _step(seq_len=4096).peak)),
            Slip("nothing", lambda: 0),
        ),
    ),
    Exercise(
        id="07.1",
        stars=1,
        kind="symbolic",
        truth=lambda: _paper(dropout=0.0),
        solution="""\
b, s, h, l = (getattr(vram.symbols, letter) for letter in "bshl")
layers = vram.activations(
    vram.models["gpt2"].symbolic(), batch=b, seq_len=s,
    implementation="megatron", dropout=0.0,
).select(lambda row: bool(row.axes))
answer = sympy.expand(layers.nbytes / (b * s * h * l))""",
        slips=(
            Slip("with_dropout", _paper),
            Slip("attention_only", lambda: _paper(dropout=0.0) + 2),
            Slip("residual_only", lambda: _paper(dropout=0.0) + _pairs(3)),
            Slip("masks_only", lambda: _paper(dropout=0.0) + _pairs(2)),
            Slip("mask_left", lambda: _paper(dropout=0.0) + _pairs(1)),
            Slip("one_of_two", lambda: _paper(dropout=0.0) + 1),
            Slip("no_scores", lambda: _paper(dropout=0.0, checkpointing="selective")),
            Slip("pairs_alone", lambda: _paper(dropout=0.0) - _paper(dropout=0.0, checkpointing="selective")),
            Slip("not_divided", lambda: _paper(dropout=0.0) * vram.symbols.b * vram.symbols.s * vram.symbols.h),
        ),
    ),
    Exercise(
        id="07.2",
        stars=1,
        kind="bytes",
        truth=_logits,
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
b, s, V = 4, 4096, 152_064
answer = 4 * b * s * V * B""",
        facts=lambda: {
            "vocabulary": vram.count(vram.models["qwen2.5-7b"].vocab_size),
            "weights": vram.gib(vram.weights(vram.models["qwen2.5-7b"]).nbytes),
            "times": f"{_logits() / vram.weights(vram.models['qwen2.5-7b']).nbytes:.0%}".replace("%", " %"),
        },
        slips=(
            Slip("sixteen_bits", lambda: _logits() // 2),
            Slip("one_sequence", lambda: _logits(batch=1), "M11"),
            Slip("start_of_backward", lambda: 3 * _logits()),
            Slip("last_token", lambda: _logits(seq_len=1)),
            Slip("hidden_states", lambda: 4 * 4096 * vram.models["qwen2.5-7b"].hidden_size * 4),
        ),
    ),
    Exercise(
        id="07.3",
        stars=2,
        kind="percent",
        truth=_left,
        tolerance=_A_TENTH_OF_A_POINT,
        solution="""\
llama = vram.models["llama-3-8b"]
none, full = (
    vram.activations(llama, checkpointing=way).layer(0).nbytes
    for way in ("none", "full")
)
answer = full / none""",
        facts=lambda: {
            "all": vram.gib(_of_layers("llama-3-8b")),
            "left": vram.gib(_of_layers("llama-3-8b", checkpointing="full")),
        },
        slips=(
            Slip("saved", lambda: 1 - _left()),
            Slip("root", lambda: 1 / Fraction(32**0.5).limit_denominator(10**6)),
            Slip("paper", lambda: Fraction(2, 34)),
            Slip("eager", lambda: _left("eager")),
            Slip("other_model", lambda: _left(name="llama-2-7b")),
            Slip("one_of_all", lambda: Fraction(1, vram.models["llama-3-8b"].num_hidden_layers)),
            Slip("selective", lambda: 1),
        ),
    ),
    Exercise(
        id="07.4",
        stars=2,
        kind="bytes",
        truth=lambda: _lower(gradient_accumulation=_STEPS),
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
llama = vram.models["llama-2-7b"]
large = vram.training(llama, batch=8, seq_len=2048)
small = vram.training(llama, gradient_accumulation=8, seq_len=2048)
answer = (large.peak - small.peak) * B""",
        facts=lambda: {
            "large": vram.gib(_step(batch=_STEPS, seq_len=2048).peak),
            "small": vram.gib(_step(gradient_accumulation=_STEPS, seq_len=2048).peak),
        },
        slips=(
            Slip("nothing", lambda: 0, "M14"),
            Slip("one_batch", _lower),
            Slip("seven_eighths", lambda: Fraction(7, 8) * _step(batch=_STEPS, seq_len=2048).peak),
            Slip("activations_alone", lambda: _kept(_STEPS - 1)),
            Slip("all_activations", lambda: _kept(_STEPS)),
        ),
    ),
    Exercise(
        id="07.5",
        stars=3,
        kind="bytes",
        truth=lambda: _fine_tune().peak,
        tolerance=_WITHIN_ONE_PERCENT,
        solution="""\
how = dict(seq_len=16_384, lora=16, base="nf4", checkpointing="full")
answer = vram.training(vram.models["llama-3-8b"], **how).peak * B""",
        facts=lambda: {"other": vram.gib(_fine_tune("llama-2-7b").peak)},
        slips=(
            Slip("weights_only", lambda: _fine_tune().phases["forward"].by("kind")["weights"].nbytes, "M11"),
            Slip("states", lambda: _states("llama-3-8b", lora=16, base="nf4"), "M25"),
            Slip("after_forward", lambda: _fine_tune().after["forward"].nbytes),
            Slip("forward", lambda: _fine_tune().nbytes("forward")),
            Slip("small_vocabulary", lambda: _fine_tune("llama-2-7b").peak),
            Slip("double", lambda: 2 * _fine_tune("llama-2-7b").peak),
            Slip("vocabulary_times_all", lambda: 4 * _fine_tune("llama-2-7b").peak),
            Slip("loss_alone", lambda: _logits("llama-3-8b", batch=1, seq_len=_LONG)),
            Slip("one_tensor", lambda: _from_the_other(1)),
            Slip("logits_alone", lambda: _from_the_other(3)),
            Slip("no_checkpointing", lambda: _fine_tune(checkpointing="none").peak),
            Slip("no_base_format", lambda: _fine_tune(base="bf16").peak),
        ),
    ),
    Exercise(
        id="07.6",
        stars=3,
        kind="choice",
        truth=_why_it_died,
        solution="""\
llama = vram.models["llama-3.2-1b"]
short, long = (vram.training(llama, batch=4, seq_len=s) for s in (1024, 4096))
answer = "c" if short.fits("L40S") and not long.fits("L40S") else "a\"""",
        slips=(Slip("a", lambda: "a"), Slip("b", lambda: "b", "M25"), Slip("d", lambda: "d", "M14")),
    ),
    Exercise(
        id="07.x",
        kind="choice",
        truth=_why_nothing_changed,
        solution="""\
llama = vram.models["llama-2-7b"]
step = vram.training(llama, seq_len=512)
peak = step.at_peak().by("kind")
few = peak["activations"].nbytes < peak["gradients"].nbytes // 100
answer = "c" if few else "b\"""",
        slips=(Slip("a", lambda: "a"), Slip("b", lambda: "b"), Slip("d", lambda: "d", "M11")),
    ),
)
