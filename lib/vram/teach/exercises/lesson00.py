"""Questions of lesson 00, will it fit: what decides, which change helps, how far the weights alone lead astray."""

from __future__ import annotations

from fractions import Fraction

import vram

from ...show.fit import ask
from ...show.fit.state import State
from ..exercise import Exercise, Slip, the_true

_ONE_PERCENT = Fraction(1, 100)
_UNITS = vram.UNITS


def _peak(**how: object) -> int:
    return ask.timeline(State(**how)).peak


def _fits(**how: object) -> bool:
    state = State(**how)
    return ask.timeline(state).fits(state.gpu)


def _llama_2(context: int = 4096, **how: object) -> int:
    return _peak(model="llama-2-7b", job="run", gpu="T4", context=context, **how)


def _usable(gpu: str) -> int:
    return vram.gpus[gpu].usable_bytes


def _weights(model: str, dtype: str = "bf16") -> int:
    return vram.weights(vram.models[model]).cast(dtype).nbytes


def _which_fits() -> str:
    """Which of four wishes a card with 12 GB on its box grants."""
    card = {"gpu": "RTX 3060"}
    return the_true({
        "a": _fits(model="mistral-7b-v0.3", job="run", context=2048, **card),
        "b": _fits(model="llama-3-8b", job="qlora", context=8192, **card),
        "c": _fits(model="qwen3-8b", job="run", weights="nf4", context=8192, **card),
        "d": _fits(model="qwen2.5-0.5b", job="full", context=8192, **card),
    })  # fmt: skip


def _which_change() -> str:
    """Which single change makes the state fit in which the calculator opens."""
    return the_true({
        "a": _fits(rank=1), "b": _fits(optimizer="adamw-8bit"), "c": _fits(cards=2, zero=0), "d": _fits(loss="chunked")
    })  # fmt: skip


def _longest() -> int:
    return ask.longest_context(State(model="mistral-7b-v0.3", job="run", gpu="RTX 4090"))


def _cache(heads: str) -> int:
    """The context if all room beside the weights were cache, with as many heads for keys and values as `heads` says."""
    arch = vram.models["mistral-7b-v0.3"]
    arch = arch.replace(num_key_value_heads=arch.num_attention_heads) if heads == "query" else arch
    return (_usable("RTX 4090") - _weights("mistral-7b-v0.3")) // vram.kv_cache(arch, seq_len=1).nbytes


def _what_is_true() -> str:
    """What holds of Llama 2 7B on a T4."""
    card = {"model": "llama-2-7b", "gpu": "T4"}
    return the_true({
        "a": _fits(job="full", optimizer="sgd", context=512, **card),
        "b": _fits(job="lora", context=2048, **card) and not _fits(job="run", context=2048, **card),
        "c": _fits(job="run", context=2048, **card) and not _fits(job="run", context=2048, batch=2, **card),
        "d": _fits(job="run", context=2048, batch=4, **card),
    })  # fmt: skip


QUESTIONS = (
    Exercise(
        id="00.p",
        kind="bytes",
        truth=lambda: _peak(),
        tolerance=_ONE_PERCENT,
        solution="""\
llama = vram.models["llama-3-8b"]
how = {"lora": 16, "recipe": "fp32", "checkpointing": "full"}
step = vram.training(llama, seq_len=8192, **how)
answer = (step.peak + vram.overhead().nbytes) * B""",
    ),
    Exercise(
        id="00.m",
        kind="bytes",
        truth=lambda: _llama_2() - _usable("T4"),
        tolerance=_ONE_PERCENT,
        solution="""\
llama = vram.models["llama-2-7b"]
run = vram.inference(llama, seq_len=4096, overhead=True)
answer = (run.peak - vram.gpus["T4"].usable_bytes) * B""",
        facts=lambda: {"peak": vram.both(_llama_2()), "weights": vram.both(_weights("llama-2-7b"))},
        slips=(
            Slip("left", lambda: _usable("T4") - _weights("llama-2-7b"), "M20"),
            Slip("box", lambda: _llama_2() - 16 * _UNITS["GB"], "M02"),
            Slip("box", lambda: 16 * _UNITS["GB"] - _weights("llama-2-7b"), "M02"),
            Slip("two_units", lambda: Fraction(_llama_2() * _UNITS["GiB"], _UNITS["GB"]) - _usable("T4")),
            Slip("two_units", lambda: _llama_2() - Fraction(_usable("T4") * _UNITS["GB"], _UNITS["GiB"])),
            Slip("no_context", lambda: abs(_llama_2() - vram.overhead().nbytes - _usable("T4"))),
            Slip("peak", _llama_2),
            Slip("cache", lambda: vram.kv_cache(vram.models["llama-2-7b"], seq_len=4096).nbytes),
        ),
    ),
    Exercise(
        id="00.1",
        stars=1,
        kind="bytes",
        truth=lambda: _weights("qwen2.5-14b"),
        tolerance=_ONE_PERCENT,
        solution="""\
answer = vram.weights(vram.models["qwen2.5-14b"]).numel * 2 * B""",
        facts=lambda: {"numel": vram.count(vram.weights(vram.models["qwen2.5-14b"]).numel)},
        slips=(
            Slip("one_byte", lambda: _weights("qwen2.5-14b", "int8")),
            Slip("four_bytes", lambda: _weights("qwen2.5-14b", "fp32")),
            Slip("bits", lambda: 16 * vram.weights(vram.models["qwen2.5-14b"]).numel, "M04"),
        ),
    ),
    Exercise(
        id="00.2",
        stars=1,
        kind="choice",
        truth=_which_fits,
        solution="""\
wishes = {
    "a": dict(model="mistral-7b-v0.3", job="run", context=2048),
    "b": dict(model="llama-3-8b", job="qlora", context=8192),
    "c": dict(model="qwen3-8b", job="run", context=8192, weights="nf4"),
    "d": dict(model="qwen2.5-0.5b", job="full", context=8192),
}
verdicts = {
    letter: vram.show.calculator(gpu="RTX 3060", **wish).verdict
    for letter, wish in wishes.items()
}
answer = next(x for x in verdicts if verdicts[x].startswith("Fits"))""",
        slips=(Slip("a", lambda: "a"), Slip("b", lambda: "b"), Slip("d", lambda: "d")),
    ),
    Exercise(
        id="00.3",
        stars=2,
        kind="count",
        truth=_longest,
        solution="""\
room = vram.gpus["RTX 4090"].usable_bytes - vram.overhead().nbytes
answer = vram.max_context(vram.models["mistral-7b-v0.3"], gpu=room, of="inference")""",
        facts=lambda: {"limit": vram.count(vram.models["mistral-7b-v0.3"].max_position_embeddings)},
        slips=(
            Slip("model_card", lambda: vram.models["mistral-7b-v0.3"].max_position_embeddings, "M27"),
            Slip("only_cache", lambda: _cache("kv")),
            Slip("query_heads", lambda: _cache("query"), "M15"),
            Slip("other_job", lambda: ask.longest_context(State(model="mistral-7b-v0.3", job="lora"))),
        ),
    ),
    Exercise(
        id="00.4",
        stars=2,
        kind="choice",
        truth=_which_change,
        solution="""\
changes = {
    "a": dict(rank=1),
    "b": dict(optimizer="adamw-8bit"),
    "c": dict(cards=2, zero=0),
    "d": dict(loss="chunked"),
}
verdicts = {
    letter: vram.show.calculator(**change).verdict
    for letter, change in changes.items()
}
answer = next(x for x in verdicts if verdicts[x].startswith("Fits"))""",
        slips=(Slip("a", lambda: "a", "M12"), Slip("b", lambda: "b"), Slip("c", lambda: "c")),
    ),
    Exercise(
        id="00.5",
        stars=3,
        kind="count",
        truth=lambda: ask.fewest_cards(State(job="full", context=2048)),
        solution="""\
llama = vram.models["llama-3-8b"]
step = vram.training(llama, seq_len=2048, recipe="bf16-mixed", checkpointing="full")
room = vram.gpus["RTX 4090"].usable_bytes - vram.overhead().nbytes
answer = vram.fewest_gpus(step, gpu=room, over="dp", zero=3)""",
        facts=lambda: {"alone": vram.both(_peak(job="full", context=2048))},
        slips=(
            Slip("divided", lambda: -(-_peak(job="full", context=2048) // _usable("RTX 4090"))),
            Slip("weights", lambda: -(-_weights("llama-3-8b") // _usable("RTX 4090"))),
            Slip("stage_2", lambda: vram.fewest_gpus(ask.timeline(State(job="full", context=2048)), gpu="RTX 4090",
                                                     zero=2) or 0),
        ),
    ),
    Exercise(
        id="00.x",
        kind="choice",
        truth=_what_is_true,
        solution="""\
card = dict(model="llama-2-7b", gpu="T4", context=2048)
run, two = (
    vram.show.calculator(job="run", batch=batch, **card).verdict for batch in (1, 2)
)
answer = "c" if run.startswith("Fits") and two.startswith("Does not fit") else ""
""".rstrip(),
        slips=(Slip("a", lambda: "a"), Slip("b", lambda: "b"), Slip("d", lambda: "d")),
    ),
)  # fmt: skip
