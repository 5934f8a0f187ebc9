"""Questions of lesson 14, audit a calculator: missing terms, tests that break a formula, errors with their sign."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import vram

from ..exercise import Exercise, Slip, the_true

_XL = {"batch": 32, "seq_len": 1024}  # the example of the ZeRO paper


def _rule(arch: vram.Architecture) -> int:
    return 12 * arch.num_hidden_layers * arch.hidden_size**2


def _analysis(arch: vram.Architecture) -> Any:
    h, layers, vocabulary = arch.hidden_size, arch.num_hidden_layers, arch.vocab_size
    return layers * (12 * h**2 + 13 * h) + vocabulary * h


def _numel(model: str) -> int:
    return vram.weights(vram.models[model]).numel


def _share_near() -> Fraction:
    """The share of the catalogue for which 12lh² is within 5 %."""
    near = [abs(_rule(vram.models[m]) - _numel(m)) * 20 <= _numel(m) for m in vram.models]
    return Fraction(sum(near), len(near))


def _saved(seq_len: int, model: str = "gpt2-xl", **how: Any) -> int:
    """Activations of all layers of GPT-2 XL under the assumptions of the paper by Korthikanti et al."""
    arch = vram.models[model]
    how = {"batch": _XL["batch"], "implementation": "megatron", **how}
    return vram.activations(arch, seq_len=seq_len, **how).layer(0).nbytes * arch.num_hidden_layers


def _square_part() -> int:
    """What grows with the square of the tokens: doubling them doubles the rest."""
    s = _XL["seq_len"]
    return (_saved(2 * s) - 2 * _saved(s)) // 2


def _zero_rule() -> int:
    arch = vram.models["gpt2-xl"]
    return 2 * 12 * arch.hidden_size * _XL["batch"] * _XL["seq_len"] * arch.num_hidden_layers


def _missing() -> Any:
    arch = vram.models["gpt2"].symbolic()
    return (vram.weights(arch).numel - _analysis(arch)).expand()


def _query_heads(arch: vram.Architecture, batch: int = 1, seq_len: int = 2048) -> int:
    return 2 * arch.num_hidden_layers * arch.num_attention_heads * arch.head_dim * 2 * batch * seq_len


def _cache(arch: vram.Architecture, batch: int = 1, seq_len: int = 2048) -> int:
    return vram.kv_cache(arch, batch=batch, seq_len=seq_len).nbytes


def _which_breaks() -> str:
    """Which test lets the ledger pass and breaks the rule with query heads, on Llama 3.1 8B."""
    llama = vram.models["llama-3.1-8b"]
    grouped = llama.replace(num_key_value_heads=llama.num_key_value_heads // 2)
    shallow = llama.replace(num_hidden_layers=llama.num_hidden_layers // 2)
    tests: dict[str, Callable[[Any], bool]] = {
        "a": lambda formula: formula(llama, seq_len=4096) == 2 * formula(llama, seq_len=2048),
        "b": lambda formula: formula(llama, batch=2) == 2 * formula(llama),
        "c": lambda formula: 2 * formula(grouped) == formula(llama),
        "d": lambda formula: 2 * formula(shallow) == formula(llama),
    }
    return the_true({letter: test(_cache) and not test(_query_heads) for letter, test in tests.items()})


def _error(claim: int, truth: int) -> Fraction:
    return Fraction(claim - truth, truth)


_NEMO = "mistral-nemo-12b"


def _budget(times: Fraction = Fraction(6, 5)) -> int:
    return int(vram.weights(vram.models["llama-2-7b"]).nbytes * times)


def _longest() -> int:
    return vram.max_context(vram.models["llama-2-7b"], gpu=_budget(), of="inference", overhead=True)


def _paper_over_real(attention: str | None = None) -> Fraction:
    """sbh(34 + 5as/h) over what one layer of Llama 3.1 8B saves for 8,192 tokens."""
    arch, s = vram.models["llama-3.1-8b"], 8192
    paper = 34 * s * arch.hidden_size + 5 * arch.num_attention_heads * s**2
    return Fraction(paper, vram.activations(arch, seq_len=s, attention=attention).layer(0).nbytes)


def _survivor() -> str:
    """Which of four claims survives its own numbers."""
    gpt3, llama3 = vram.models["gpt3-175b"], vram.models["llama-3-8b"]
    step = vram.training(llama3, seq_len=8192, checkpointing="full")
    states = 16 * vram.weights(llama3).numel
    return the_true({
        "a": abs(_error(_rule(gpt3), vram.weights(gpt3).numel)) < Fraction(1, 100),
        "b": abs(_error(_rule(llama3), vram.weights(llama3).numel)) < Fraction(5, 100),
        "c": _query_heads(llama3) == _cache(llama3),
        "d": step.peak <= states,
    })  # fmt: skip


QUESTIONS = (
    Exercise(
        id="14.p",
        kind="percent",
        truth=_share_near,
        tolerance=Fraction(1, 200),
        solution="""\
def near(arch):
    claim = 12 * arch.num_hidden_layers * arch.hidden_size**2
    truth = vram.weights(arch).numel
    return abs(claim - truth) <= truth / 20

answer = sum(map(near, vram.models.values())) / len(vram.models)""",
        facts=lambda: {"models": f"{len(vram.models)}"},
    ),
    Exercise(
        id="14.m",
        kind="bytes",
        truth=_square_part,
        tolerance=Fraction(1, 100),
        solution="""\
xl = vram.models["gpt2-xl"]
b, s = 32, 1024
square = 5 * xl.num_attention_heads * s**2 * b
answer = square * xl.num_hidden_layers * B""",
        facts=lambda: {"claimed": vram.both(_zero_rule()), "paper": vram.both(_saved(_XL["seq_len"]))},
        slips=(
            Slip("rule", _zero_rule),
            Slip("linear_part", lambda: _saved(_XL["seq_len"]) - _square_part()),
            Slip("everything", lambda: _saved(_XL["seq_len"])),
            Slip("difference", lambda: _saved(_XL["seq_len"]) - _zero_rule()),
            Slip("one_layer", lambda: _square_part() // vram.models["gpt2-xl"].num_hidden_layers),
            Slip("one_sequence", lambda: _square_part() // _XL["batch"]),
        ),
    ),
    Exercise(
        id="14.1",
        stars=1,
        kind="symbolic",
        truth=_missing,
        solution="""\
h, l, V = vram.symbols.h, vram.symbols.l, vram.symbols.V
exact = vram.weights(vram.models["gpt2"].symbolic()).numel
answer = sympy.expand(exact - (l * (12 * h**2 + 13 * h) + V * h))""",
        slips=(
            Slip("positions_only", lambda: vram.symbols.n * vram.symbols.h),
            Slip("norm_only", lambda: 2 * vram.symbols.h),
            Slip("turned_round", lambda: -_missing()),
            Slip("half_a_norm", lambda: _missing() - vram.symbols.h),
            Slip("second_head", lambda: _missing() + vram.symbols.V * vram.symbols.h, "M26"),
        ),
    ),
    Exercise(
        id="14.2",
        stars=1,
        kind="choice",
        truth=_which_breaks,
        solution="""\
llama = vram.models["llama-3.1-8b"]
grouped = llama.replace(num_key_value_heads=4)

def query_heads(arch):
    return 2 * arch.num_hidden_layers * arch.num_attention_heads * arch.head_dim * 2

def ledger(arch):
    return vram.kv_cache(arch, seq_len=1).nbytes

halves = {f: 2 * f(grouped) == f(llama) for f in (query_heads, ledger)}
answer = "c" if halves[ledger] and not halves[query_heads] else \"\"""",
        slips=(Slip("a", lambda: "a"), Slip("b", lambda: "b"), Slip("d", lambda: "d")),
    ),
    Exercise(
        id="14.3",
        stars=2,
        kind="percent",
        signed=True,
        truth=lambda: _error(_analysis(vram.models[_NEMO]), _numel(_NEMO)),
        tolerance=Fraction(1, 1000),
        solution="""\
nemo = vram.models["mistral-nemo-12b"]
h, l, V = nemo.hidden_size, nemo.num_hidden_layers, nemo.vocab_size
claim, truth = l * (12 * h**2 + 13 * h) + V * h, vram.weights(nemo).numel
answer = (claim - truth) / truth""",
        facts=lambda: {"signed": vram.percent(_error(_analysis(vram.models[_NEMO]), _numel(_NEMO)), signed=True)},
        slips=(
            Slip("turned_round", lambda: -_error(_analysis(vram.models[_NEMO]), _numel(_NEMO))),
            Slip("of_the_claim", lambda: -_error(_numel(_NEMO), _analysis(vram.models[_NEMO]))),
            Slip("no_vocabulary", lambda: _error(_rule(vram.models[_NEMO]), _numel(_NEMO)), "M07"),
            Slip("two_embeddings", lambda: _error(
                _analysis(vram.models[_NEMO]) + vram.models[_NEMO].vocab_size * vram.models[_NEMO].hidden_size,
                _numel(_NEMO))),
        ),
    ),
    Exercise(
        id="14.4",
        stars=2,
        kind="count",
        truth=_longest,
        tolerance=Fraction(1, 100),
        solution="""\
llama = vram.models["llama-2-7b"]
room = vram.weights(llama).nbytes * 6 // 5
answer = vram.max_context(llama, gpu=room, of="inference", overhead=True)""",
        slips=(
            Slip("only_cache", lambda: _budget(Fraction(1, 5)) // _cache(vram.models["llama-2-7b"], seq_len=1)),
            Slip("no_context", lambda: vram.max_context(vram.models["llama-2-7b"], gpu=_budget(), of="inference")),
            Slip("model_card", lambda: vram.models["llama-2-7b"].max_position_embeddings, "M27"),
        ),
    ),
    Exercise(
        id="14.5",
        stars=3,
        kind="number",
        truth=_paper_over_real,
        tolerance=Fraction(1, 50),
        solution="""\
llama, s = vram.models["llama-3.1-8b"], 8192
h, a = llama.hidden_size, llama.num_attention_heads
paper = 34 * s * h + 5 * a * s**2
answer = paper / vram.activations(llama, seq_len=s).layer(0).nbytes""",
        slips=(
            Slip("turned_round", lambda: 1 / _paper_over_real()),
            Slip("eager", lambda: _paper_over_real("eager")),
            Slip("no_square", lambda: Fraction(
                34 * 8192 * vram.models["llama-3.1-8b"].hidden_size,
                vram.activations(vram.models["llama-3.1-8b"], seq_len=8192).layer(0).nbytes)),
        ),
    ),
    Exercise(
        id="14.x",
        kind="choice",
        truth=_survivor,
        solution="""\
gpt3, llama = vram.models["gpt3-175b"], vram.models["llama-3-8b"]
errors = {
    arch.name: 12 * arch.num_hidden_layers * arch.hidden_size**2
    / vram.weights(arch).numel - 1
    for arch in (gpt3, llama)
}
old, new = (abs(error) for error in errors.values())
answer = "a" if old < 0.01 and new > 0.05 else "b\"""",
        slips=(Slip("b", lambda: "b", "M06"), Slip("c", lambda: "c", "M15"), Slip("d", lambda: "d")),
    ),
)  # fmt: skip
